/* inputs.c: see inputs.h. */
#include "inputs.h"
#include "functions.h"
#include "order.h"

#include <math.h>
#include <stdlib.h>

static double median_of(const double *column, size_t count, size_t apart, double *sorted) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        double size = fabs(column[i * apart]);
        if (size > 0 && isfinite(size)) sorted[kept++] = size;
    }
    if (kept == 0) return 1;
    order_numbers(sorted, kept);
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

/* The largest of a column of a record; infinite where one of its numbers is not finite. */
static double size_of(const double *column, size_t rows, size_t apart) {
    double size = 0;
    for (size_t i = 0; i < rows; i++) {
        double x = column[i * apart];
        if (!isfinite(x)) return INFINITY;
        size = fmax(size, fabs(x));
    }
    return size;
}

/* One column of a record: its shape, and its size. */
static void show_column(const double *column, size_t rows, uint32_t d, double scale, float *x, size_t apart) {
    const double least = 1e-6, tempered = 4, size = size_of(column, rows, d);
    const bool finite = isfinite(size);
    const double shown = finite ? same_log(fmax(size / scale, least)) / tempered : 0;
    for (size_t i = 0; i < rows; i++) {
        x[i * apart] = finite && size > 0 ? (float)(column[i * d] / size) : 0;
        x[i * apart + 1] = (float)shown;
    }
}

void inputs_show(size_t systems, size_t rows, uint32_t d, const double *scale, const double *q, const double *pi, float *x) {
    const size_t each = INPUTS_EACH, width = 2 * each * d;
    for (size_t s = 0; s < systems; s++)
        for (size_t k = 0; k < 2 * (size_t)d; k++) {
            const double *of = (k < d ? q : pi) + s * rows * d + k % d;
            show_column(of, rows, d, scale[k], x + s * width + k * each, systems * width);
        }
}
