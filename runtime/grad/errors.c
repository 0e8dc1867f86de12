/* errors.c: how well fitted values are known.
 *
 * With H = J' W J, and s_i the size of errors in residual i's column as it is left over, the covariance of the values is
 * H^-1 (J' W S^2 W J) H^-1. Scaled to a diagonal of 1, H's eigenvalues near 0 belong to directions that the data do not see:
 * there is nothing to be said of values that take part in them, and the rest is known as if they stood still. */
#include "fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double errors_unseen = 1e-11; /* an eigenvalue below this part of the largest is 0 */
static const double errors_part = 1e-6;    /* a value takes part in a direction with more than this of it */

/* One rotation that makes a_pq nothing. */
static void rotate(double *a, uint32_t n, uint32_t p, uint32_t q, double *vector) {
    double apq = a[p * n + q];
    if (apq == 0) return;
    double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1)), c = 1 / sqrt(t * t + 1), s = t * c;
    for (uint32_t i = 0; i < n; i++) {
        double x = a[i * n + p], y = a[i * n + q];
        a[i * n + p] = c * x - s * y;
        a[i * n + q] = s * x + c * y;
    }
    for (uint32_t i = 0; i < n; i++) {
        double x = a[p * n + i], y = a[q * n + i];
        a[p * n + i] = c * x - s * y;
        a[q * n + i] = s * x + c * y;
        x = vector[p * n + i], y = vector[q * n + i];
        vector[p * n + i] = c * x - s * y;
        vector[q * n + i] = s * x + c * y;
    }
}

void errors_spectrum(double *a, uint32_t n, double *value, double *vector) {
    enum { SWEEPS = 60 };
    memset(vector, 0, (size_t)n * n * sizeof *vector);
    for (uint32_t i = 0; i < n; i++) vector[i * n + i] = 1;
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        double off = 0, all = 0;
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = 0; j < n; j++) *(i == j ? &all : &off) += a[i * n + j] * a[i * n + j];
        if (!(off > 1e-32 * all)) break;
        for (uint32_t p = 0; p < n; p++)
            for (uint32_t q = p + 1; q < n; q++) rotate(a, n, p, q, vector);
    }
    for (uint32_t i = 0; i < n; i++) value[i] = a[i * n + i];
}

/* The size of errors in each column: of what is left over, for as many values as are free. */
static void measure(const Fit *f, double *sigma) {
    double free = 0;
    for (uint32_t j = 0; j < 2 * f->d; j++) {
        sigma[j] = 0;
        free += (double)f->seen[j];
    }
    free = free > f->k ? 1 - f->k / free : 1;
    for (size_t i = 0; i < f->count; i++) {
        size_t half = i >= f->rows * f->d, column = half * f->d + i % f->d;
        sigma[column] += f->e[i] * f->e[i];
    }
    for (uint32_t j = 0; j < 2 * f->d; j++) sigma[j] = f->seen[j] ? sqrt(sigma[j] / ((double)f->seen[j] * free)) : 0;
}

/* J' W S^2 W J, scaled as H is. */
static void middle(const Fit *f, const double *sigma, const double *scale, double *M) {
    memset(M, 0, (size_t)f->k * f->k * sizeof *M);
    for (size_t i = 0; i < f->count; i++) {
        size_t half = i >= f->rows * f->d, column = half * f->d + i % f->d;
        double w = f->square[i] * sigma[column];
        for (uint32_t a = 0; a < f->k && w != 0; a++)
            for (uint32_t b = 0; b < f->k; b++)
                M[a * f->k + b] += w * w * f->J[i * f->k + a] * f->J[i * f->k + b] * scale[a] * scale[b];
    }
}

/* The inverse of the scaled H where it has one: sum over what is seen of v v' / value. */
static void invert_seen(uint32_t k, const double *value, const double *vector, double least, double *inverse) {
    memset(inverse, 0, (size_t)k * k * sizeof *inverse);
    for (uint32_t i = 0; i < k; i++)
        for (uint32_t a = 0; a < k && value[i] > least; a++)
            for (uint32_t b = 0; b < k; b++) inverse[a * k + b] += vector[i * k + a] * vector[i * k + b] / value[i];
}

static void multiply(uint32_t k, const double *a, const double *b, double *to) {
    for (uint32_t i = 0; i < k; i++)
        for (uint32_t j = 0; j < k; j++) {
            double sum = 0;
            for (uint32_t l = 0; l < k; l++) sum += a[i * k + l] * b[l * k + j];
            to[i * k + j] = sum;
        }
}

/* A direction in the values themselves, its largest number 1. */
static void tell_unseen(const Fit *f, const double *vector, const double *scale, double *to) {
    double most = 0;
    for (uint32_t a = 0; a < f->k; a++) {
        to[a] = vector[a] * scale[a];
        if (fabs(to[a]) > fabs(most)) most = to[a];
    }
    for (uint32_t a = 0; a < f->k; a++) to[a] = fabs(vector[a]) > errors_part ? to[a] / most : 0;
}

static void tell_covariance(const Fit *f, const double *covariance, const double *scale, const bool *blurred,
                            const LagFitOut *out) {
    const uint32_t k = f->k;
    for (uint32_t a = 0; a < k; a++) {
        double own = covariance[a * k + a];
        if (out->sigma) out->sigma[a] = blurred[a] ? NAN : sqrt(own) * scale[a];
        for (uint32_t b = 0; b < k && out->correlation; b++) {
            double both = sqrt(own * covariance[b * k + b]);
            out->correlation[a * k + b] = blurred[a] || blurred[b] ? NAN : a == b ? 1 : covariance[a * k + b] / both;
        }
    }
}

bool errors_tell(Fit *f, LagFitOut *out) {
    const uint32_t k = f->k;
    const size_t square = (size_t)k * k;
    double *block = calloc(4 * square + 2 * k + 2 * f->d, sizeof *block), *vector = block, *inverse = vector + square,
           *M = inverse + square, *product = M + square, *value = product + square, *scale = value + k, *sigma = scale + k;
    bool *blurred = calloc(k, sizeof *blurred);
    double most = 0;
    out->unseen_count = 0;
    if (block && blurred) {
        fit_normal(f);
        for (uint32_t a = 0; a < k; a++) scale[a] = f->H[a * k + a] > 0 ? 1 / sqrt(f->H[a * k + a]) : 1;
        for (size_t i = 0; i < square; i++) f->factors[i] = f->H[i] * scale[i / k] * scale[i % k];
        errors_spectrum(f->factors, k, value, vector);
        for (uint32_t i = 0; i < k; i++) most = fmax(most, value[i]);
        for (uint32_t i = 0; i < k; i++) {
            if (value[i] > errors_unseen * most) continue;
            for (uint32_t a = 0; a < k; a++) blurred[a] |= fabs(vector[i * k + a]) > errors_part;
            if (out->unseen) tell_unseen(f, vector + i * k, scale, out->unseen + (size_t)out->unseen_count * k);
            out->unseen_count++;
        }
        measure(f, sigma);
        middle(f, sigma, scale, M);
        invert_seen(k, value, vector, errors_unseen * most, inverse);
        multiply(k, inverse, M, product);
        multiply(k, product, inverse, M);
        tell_covariance(f, M, scale, blurred, out);
    }
    bool good = block && blurred;
    free(block);
    free(blurred);
    return good;
}
