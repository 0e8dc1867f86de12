/* inputs.c: see inputs.h. */
#include "inputs.h"
#include "functions.h"

#include <math.h>
#include <stdlib.h>

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(const double *column, size_t count, size_t apart, double *sorted) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        double size = fabs(column[i * apart]);
        if (size > 0 && isfinite(size)) sorted[kept++] = size;
    }
    if (kept == 0) return 1;
    qsort(sorted, kept, sizeof *sorted, by_size);
    return sorted[kept / 2];
}

bool inputs_measure(const Motions *m, double *scale) {
    const size_t d = m->kernel->dof, count = m->systems * m->rows;
    double *sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted) return false;
    for (size_t k = 0; k < d; k++) {
        scale[k] = median_of(m->q + k, count, d, sorted);
        scale[d + k] = median_of(m->pi + k, count, d, sorted);
    }
    free(sorted);
    return true;
}

static float shown(double x) { return (float)same_asinh(x); }

static bool all_finite(const double *x, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

void inputs_show(size_t systems, size_t rows, uint32_t d, const double *scale, const double *q, const double *pi, float *x) {
    const size_t columns = 2 * (size_t)d;
    for (size_t s = 0; s < systems; s++) {
        const double *own_q = q + s * rows * d, *own_pi = pi + s * rows * d;
        bool finite = all_finite(own_q, rows * d) && all_finite(own_pi, rows * d);
        for (size_t i = 0; i < rows; i++) {
            float *to = x + (i * systems + s) * columns;
            for (size_t k = 0; k < d; k++) {
                to[k] = finite ? shown(own_q[i * d + k] / scale[k]) : 0;
                to[d + k] = finite ? shown(own_pi[i * d + k] / scale[d + k]) : 0;
            }
        }
    }
}
