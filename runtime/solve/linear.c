/* linear.c: LU factors. Right-looking, by panels of LINEAR_PANEL columns, so that a large matrix goes through the caches
 * once a panel and not once a column; every entry sees the same operations in the same order as without panels. */
#include "linear.h"

#include <float.h>
#include <math.h>

enum { LINEAR_PANEL = 32 };

bool linear_finite(const double *x, size_t n) {
    bool finite = true;
    for (size_t i = 0; i < n; i++) finite &= fabs(x[i]) <= DBL_MAX;
    return finite;
}

static void exchange_rows(double *a, uint32_t columns, uint32_t k, uint32_t l) {
    double *x = a + (size_t)k * columns, *y = a + (size_t)l * columns;
    for (uint32_t j = 0; k != l && j < columns; j++) {
        double keep = x[j];
        x[j] = y[j];
        y[j] = keep;
    }
}

/* The row at or below k with the largest entry in column k, for its size. */
static uint32_t find_pivot(const double *a, uint32_t n, uint32_t k, const double *scale) {
    uint32_t best = k;
    double most = 0;
    for (uint32_t i = k; i < n; i++) {
        double size = fabs(a[(size_t)i * n + k]) * scale[i];
        if (size > most) most = size, best = i;
    }
    return best;
}

/* Columns begin .. end - 1 of the rows from begin on. Exchanges concern whole rows. */
static bool factor_panel(double *a, uint32_t n, uint32_t begin, uint32_t end, uint32_t *pivot, double *scale) {
    for (uint32_t k = begin; k < end; k++) {
        uint32_t p = pivot[k] = find_pivot(a, n, k, scale);
        exchange_rows(a, n, k, p);
        scale[p] = scale[k];
        double *top = a + (size_t)k * n, inverse = top[k] = 1 / top[k];
        if (!(fabs(inverse) <= DBL_MAX) || inverse == 0) return false;
        for (uint32_t i = k + 1; i < n; i++) {
            double *row = a + (size_t)i * n, factor = row[k] = row[k] * inverse;
            if (factor == 0) continue;
            for (uint32_t j = k + 1; j < end; j++) row[j] -= factor * top[j];
        }
    }
    return true;
}

/* The columns to the right of a panel: its own rows, then the rows below, which get four of the panel's rows at a time. */
static void update_right(double *a, uint32_t n, uint32_t begin, uint32_t end) {
    for (uint32_t i = begin + 1; i < n; i++) {
        double *row = a + (size_t)i * n;
        uint32_t last = i < end ? i : end, k = begin;
        for (; k + 4 <= last; k += 4) {
            const double *u0 = a + (size_t)k * n, *u1 = u0 + n, *u2 = u1 + n, *u3 = u2 + n;
            double l0 = row[k], l1 = row[k + 1], l2 = row[k + 2], l3 = row[k + 3];
            for (uint32_t j = end; j < n; j++) row[j] = (((row[j] - l0 * u0[j]) - l1 * u1[j]) - l2 * u2[j]) - l3 * u3[j];
        }
        for (; k < last; k++) {
            const double *u = a + (size_t)k * n;
            double l = row[k];
            for (uint32_t j = end; j < n; j++) row[j] -= l * u[j];
        }
    }
}

LagStatus linear_factor(double *a, uint32_t n, uint32_t *pivot, double *scale) {
    if (!linear_finite(a, (size_t)n * n)) return LAG_ERROR_NOT_FINITE;
    for (uint32_t i = 0; i < n; i++) {
        double most = 0;
        for (uint32_t j = 0; j < n; j++) {
            double size = fabs(a[(size_t)i * n + j]);
            most = size > most ? size : most;
        }
        scale[i] = most > DBL_MIN ? 1 / most : most > 0 ? 1 / DBL_MIN : 0;
    }
    for (uint32_t begin = 0; begin < n; begin += LINEAR_PANEL) {
        uint32_t end = n - begin < LINEAR_PANEL ? n : begin + LINEAR_PANEL;
        if (!factor_panel(a, n, begin, end, pivot, scale)) return LAG_ERROR_SINGULAR;
        if (end < n) update_right(a, n, begin, end);
    }
    return LAG_OK;
}

void linear_solve(const double *a, uint32_t n, const uint32_t *pivot, double *b) {
    for (uint32_t i = 0; i < n; i++) {
        const double *row = a + (size_t)i * n;
        double sum = b[pivot[i]];
        b[pivot[i]] = b[i];
        for (uint32_t j = 0; j < i; j++) sum -= row[j] * b[j];
        b[i] = sum;
    }
    for (uint32_t i = n; i-- > 0;) {
        const double *row = a + (size_t)i * n;
        double sum = b[i];
        for (uint32_t j = i + 1; j < n; j++) sum -= row[j] * b[j];
        b[i] = sum * row[i];
    }
}

/* row -= factor other. */
static void subtract(double *restrict row, const double *restrict other, double factor, uint32_t columns) {
    for (uint32_t j = 0; j < columns; j++) row[j] -= factor * other[j];
}

void linear_solve_columns(const double *a, uint32_t n, const uint32_t *pivot, double *b, uint32_t columns) {
    for (uint32_t i = 0; i < n; i++) {
        exchange_rows(b, columns, i, pivot[i]);
        for (uint32_t j = 0; j < i; j++)
            subtract(b + (size_t)i * columns, b + (size_t)j * columns, a[(size_t)i * n + j], columns);
    }
    for (uint32_t i = n; i-- > 0;) {
        double *row = b + (size_t)i * columns;
        for (uint32_t j = i + 1; j < n; j++) subtract(row, b + (size_t)j * columns, a[(size_t)i * n + j], columns);
        for (uint32_t j = 0; j < columns; j++) row[j] *= a[(size_t)i * n + i];
    }
}
