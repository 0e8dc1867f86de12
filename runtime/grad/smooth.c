/* smooth.c: see smooth.h.
 *
 * How many rows on each side a polynomial is fitted to is told by the data: of some windows, the one whose curve, each row
 * being left out in turn, foretells it best. Of row i that is what is left over, divided by 1 - h_i, h_i being what the
 * row's own value weighs in the curve there. */
#include "smooth.h"

#include "../solve/linear.h"

#include <math.h>
#include <stdlib.h>

enum { DEGREE = 4, WINDOW_LEAST = 4, WINDOW_MOST = 200, ENOUGH = 1000 };

/* Value and derivative at 0 of the polynomial nearest to y(u) [count], and what y at 0 weighs in the value; false where
 * there is none. */
static bool nearest(const double *u, const double *y, size_t count, double *value, double *slope, double *own) {
    double a[(DEGREE + 1) * (DEGREE + 1)] = {0}, b[DEGREE + 1] = {0}, unit[DEGREE + 1] = {1}, scale[DEGREE + 1];
    uint32_t n = count > DEGREE + 2 ? DEGREE + 1 : count > 3 ? 3 : 2, pivot[DEGREE + 1];
    for (size_t i = 0; i < count; i++) {
        double power[DEGREE + 1] = {1};
        for (uint32_t j = 1; j < n; j++) power[j] = power[j - 1] * u[i];
        for (uint32_t j = 0; j < n; j++) {
            b[j] += power[j] * y[i];
            for (uint32_t k = 0; k < n; k++) a[j * n + k] += power[j] * power[k];
        }
    }
    if (linear_factor(a, n, pivot, scale) != LAG_OK) return false;
    linear_solve(a, n, pivot, b);
    linear_solve(a, n, pivot, unit);
    *value = b[0], *slope = b[1], *own = unit[0];
    return isfinite(b[0]) && isfinite(b[1]) && isfinite(unit[0]);
}

/* The curve of coordinate k with `window` rows on each side at each `every`-th row, into the columns q and v of the smooth;
 * what it foretells wrongly, in the mean square, of those that have all of their window, and the size of errors. Infinite
 * where there is no curve. */
static double curve(Smooth *s, const LagSeen *seen, uint32_t d, uint32_t k, size_t window, size_t every, double *scratch) {
    const size_t width = 2 * window + 1 < s->rows ? 2 * window + 1 : s->rows;
    double *u = scratch, *y = scratch + width, foretold = 0, left = 0, weigh = 0;
    size_t whole = 0;
    for (size_t i = 0; i < s->rows; i += every) {
        size_t first = i < window ? 0 : i - window;
        if (first + width > s->rows) first = s->rows - width;
        double unit = s->t[first + width - 1] - s->t[first], own;
        if (unit == 0) return INFINITY;
        for (size_t j = 0; j < width; j++) {
            u[j] = (s->t[first + j] - s->t[i]) / unit;
            y[j] = seen->q[s->row[first + j] * d + k];
        }
        double *q = &s->q[i * d + k], *v = &s->v[i * d + k];
        if (!nearest(u, y, width, q, v, &own)) return INFINITY;
        *v /= unit;
        bool inside = (i >= window && i + window < s->rows) || s->rows <= width;
        if (!inside || own > 1 - 1e-6) continue;
        double e = y[i - first] - *q;
        foretold += (e / (1 - own)) * (e / (1 - own)), left += e * e, weigh += own, whole++;
    }
    s->noise[k] = whole ? sqrt(left / ((double)whole - weigh)) : 0;
    return whole ? foretold / (double)whole : 0;
}

/* The best curve of coordinate k. */
static bool best_curve(Smooth *s, const LagSeen *seen, uint32_t d, uint32_t k, double *scratch) {
    size_t best = WINDOW_LEAST, every = s->rows / ENOUGH + 1;
    double least = INFINITY;
    for (size_t window = WINDOW_LEAST; window < WINDOW_MOST && 4 * window < s->rows; window += (window + 1) / 2) {
        double error = curve(s, seen, d, k, window, every, scratch);
        if (error < least) least = error, best = window;
    }
    if (best > s->window) s->window = best;
    return isfinite(curve(s, seen, d, k, best, 1, scratch));
}

bool smooth_find(Smooth *s, const LagSeen *seen, uint32_t d, bool *lacking) {
    *s = (Smooth){0};
    if (!seen->q) return false;
    double *at = s->block = calloc(seen->rows * (3 + 2 * (size_t)d) + d + 2, sizeof *at);
    s->row = calloc(seen->rows + 1, sizeof *s->row);
    *lacking |= !at || !s->row;
    if (!at || !s->row) return false;
    for (size_t i = 0; i < seen->rows; i++)
        if (linear_finite(seen->q + i * d, d)) s->row[s->rows++] = i;
    s->t = at, at += seen->rows;
    s->q = at, at += seen->rows * d;
    s->v = at, at += seen->rows * d;
    s->noise = at, at += d; /* and scratch behind it */
    for (size_t i = 0; i < s->rows; i++) s->t[i] = seen->t[s->row[i]];
    bool good = s->rows >= SMOOTH_LEAST;
    for (uint32_t k = 0; k < d && good; k++) good = best_curve(s, seen, d, k, at);
    return good;
}

void smooth_free(Smooth *s) {
    free(s->block);
    free(s->row);
    *s = (Smooth){0};
}
