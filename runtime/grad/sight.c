/* sight.c: see sight.h. */
#include "sight.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static const double sight_near = 1e-9; /* of a step: as near to its end as this is at it */

/* l_j at x, by Lagrange's formula over the nodes c[s]. */
static void polynomials(const double *c, uint32_t s, double x, double *l) {
    for (uint32_t j = 0; j < s; j++) {
        l[j] = 1;
        for (uint32_t i = 0; i < s; i++)
            if (i != j) l[j] *= (x - c[i]) / (c[j] - c[i]);
    }
}

/* The integral of l_j from 0 to x, by the rule of the same nodes on [0, x], which is exact for them. */
static void integrals(const double *c, const double *b, uint32_t s, double x, double *scratch, double *a) {
    for (uint32_t j = 0; j < s; j++) a[j] = 0;
    for (uint32_t i = 0; i < s; i++) {
        polynomials(c, s, x * c[i], scratch);
        for (uint32_t j = 0; j < s; j++) a[j] += x * b[i] * scratch[j];
    }
}

/* Where a row is; false where it is not in the motion, or before the row above. */
static bool place(Sights *v, size_t i, double x, uint64_t steps) {
    double near = sight_near + 4 * DBL_EPSILON * fabs(x), whole = nearbyint(x), most = (double)steps;
    Sight *row = &v->row[i];
    if (!(x >= -near && x <= most + near)) return false;
    row->inside = fabs(x - whole) > near;
    row->step = (uint64_t)(row->inside ? floor(x) : whole);
    v->inside |= row->inside;
    if (row->step + row->inside > v->steps) v->steps = row->step + row->inside;
    if (i == 0) return true;
    const Sight *above = row - 1;
    return row->step > above->step || (row->step == above->step && row->inside >= above->inside);
}

LagStatus sights_find(Sights *v, const LagKernel *kernel, double start, double h, uint64_t steps, size_t rows,
                      const double *t) {
    const uint32_t s = kernel->r + 2;
    const double *c = kernel->table[LAG_NODE], *b = kernel->table[LAG_WEIGHT];
    *v = (Sights){.rows = rows, .row = calloc(rows + 1, sizeof *v->row)};
    if (!v->row) return LAG_ERROR_MEMORY;
    for (size_t i = 0; i < rows; i++)
        if (!place(v, i, (t[i] - start) / h, steps) || (i && (t[i] - t[i - 1]) * h < 0)) return LAG_ERROR_ARGUMENT;
    if (!v->inside) return LAG_OK;
    double *at = v->weights = malloc((2 * rows + 1) * s * sizeof *v->weights), *scratch = at + 2 * rows * s;
    if (!at) return LAG_ERROR_MEMORY;
    for (size_t i = 0; i < rows; i++) {
        Sight *row = &v->row[i];
        if (!row->inside) continue;
        double x = (t[i] - start) / h - (double)row->step;
        row->l = at, at += s;
        row->a = at, at += s;
        polynomials(c, s, x, row->l);
        integrals(c, b, s, x, scratch, row->a);
    }
    return LAG_OK;
}

void sights_free(Sights *v) {
    free(v->row);
    free(v->weights);
    *v = (Sights){0};
}
