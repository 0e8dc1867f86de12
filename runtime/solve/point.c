/* point.c: see point.h. */
#include "point.h"

#include "linear.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Frames ---- */

static bool is_table(int array) { return array >= LAG_NODE && array < LAG_WORK; }
/* Who wants them, brings them. */
static bool is_brought(int array) {
    return array == LAG_AP || array == LAG_BP || (array >= LAG_NEWTON && array <= LAG_BY_MASS);
}

static bool is_of_step(int array) { return array == LAG_Z || (array >= LAG_RESIDUAL && array < LAG_NODE); }

LagStatus frame_init(Frame *f, const LagKernel *kernel, bool step) {
    enum { LINE = 8 }; /* arrays begin on cache lines of so many doubles, as vectors want it */
    *f = (Frame){.kernel = kernel};
    if (!kernel || kernel->abi != LAG_KERNEL_ABI || !kernel->dof || kernel->r > LAG_R_MAX) return LAG_ERROR_ARGUMENT;
    f->procedure = kernel->procedure;
    f->d = kernel->dof;
    f->s = kernel->r + 2;
    f->n = (kernel->r + 1) * f->d;
    size_t place[LAG_ARRAY_COUNT] = {0}, total = 0, d = f->d;
    for (int i = 0; i < LAG_ARRAY_COUNT; i++) {
        place[i] = total;
        if (!is_table(i) && !is_brought(i) && (step || !is_of_step(i))) total += (kernel->size[i] + LINE - 1) / LINE * LINE;
    }
    f->block = aligned_alloc(LINE * sizeof *f->block, (total + 3 * d + LINE - 1) / LINE * LINE * sizeof *f->block);
    f->pivot = calloc(d, sizeof *f->pivot);
    if (!f->block || !f->pivot) {
        frame_free(f);
        return LAG_ERROR_MEMORY;
    }
    memset(f->block, 0, (total + 3 * d) * sizeof *f->block);
    for (int i = 0; i < LAG_ARRAY_COUNT; i++)
        if (is_table(i))
            f->array[i] = (double *)kernel->table[i]; /* programs only read it */
        else if (!is_brought(i) && (step || !is_of_step(i)))
            f->array[i] = f->block + place[i];
    f->velocity = f->block + total;
    f->correction = f->velocity + d;
    f->scale = f->correction + d;
    return LAG_OK;
}

void frame_free(Frame *f) {
    free(f->block);
    free(f->pivot);
    *f = (Frame){0};
}

/* A, B and their derivatives. BV held factors. */
static void run_jacobian(const Frame *f) {
    memset(f->array[LAG_BV], 0, f->kernel->size[LAG_BV] * sizeof(double));
    frame_run(f, LAG_POINT_JACOBIAN);
}

/* Factors of BV in its place; of a diagonal, inverses. */
static LagStatus factor_mass(const Frame *f) {
    double *BV = f->array[LAG_BV];
    if (!lag_kernel_is_wide(f->kernel)) return linear_factor(BV, f->d, f->pivot, f->scale);
    if (!linear_finite(BV, f->d)) return LAG_ERROR_NOT_FINITE;
    for (uint32_t k = 0; k < f->d; k++) BV[k] = 1 / BV[k];
    return linear_finite(BV, f->d) ? LAG_OK : LAG_ERROR_SINGULAR;
}

static void solve_mass(const Frame *f, double *x) {
    const double *BV = f->array[LAG_BV];
    if (!lag_kernel_is_wide(f->kernel)) linear_solve(BV, f->d, f->pivot, x);
    for (uint32_t k = 0; k < f->d && lag_kernel_is_wide(f->kernel); k++) x[k] *= BV[k];
}

/* ---- Velocity from momentum ---- */

enum { POINT_MOST = 100, POINT_HALVINGS = 60 };

/* pi - B in frame->correction, and its largest entry; infinity when one is not finite. */
static double mismatch(const Frame *f) {
    const double *B = f->array[LAG_B], *pi = f->array[LAG_PI];
    double worst = 0;
    for (uint32_t k = 0; k < f->d; k++) {
        double miss = f->correction[k] = pi[k] - B[k];
        if (!(fabs(miss) <= DBL_MAX)) return INFINITY;
        if (fabs(miss) > worst) worst = fabs(miss);
    }
    return worst;
}

/* The largest correction relative to its coordinate's velocity, old or new; and to the largest velocity of all. */
static void relative(const Frame *f, const double *v, double *each, double *all) {
    double correction = 0, velocity = DBL_MIN;
    *each = 0;
    for (uint32_t k = 0; k < f->d; k++) {
        double change = fabs(f->correction[k]), size = fmax(fmax(fabs(v[k]), fabs(v[k] + f->correction[k])), DBL_MIN);
        *each = fmax(*each, change / size);
        correction = fmax(correction, change);
        velocity = fmax(velocity, size);
    }
    *all = correction / velocity;
}

/* Newton from LAG_V, with corrections halved while B is not finite or the mismatch grows. Where nothing more is gained and
 * the correction is small, round-off is reached. */
static LagStatus newton(const Frame *f) {
    double *V = f->array[LAG_V], *base = f->velocity, *change = f->scale, each, all;
    run_jacobian(f);
    double miss = mismatch(f);
    if (miss == INFINITY) return LAG_ERROR_NOT_FINITE;
    for (int round = 0; round < POINT_MOST && miss > 0; round++) {
        LagStatus status = factor_mass(f);
        if (status != LAG_OK) return status;
        solve_mass(f, f->correction);
        if (!linear_finite(f->correction, f->d)) return LAG_ERROR_SINGULAR;
        relative(f, V, &each, &all);
        bool small = each <= 1e-10 || all <= 1e-14;
        double part = 1, next = INFINITY;
        memcpy(base, V, f->d * sizeof *V);
        memcpy(change, f->correction, f->d * sizeof *V);
        for (int halving = 0; halving < POINT_HALVINGS; halving++, part /= 2) {
            for (uint32_t k = 0; k < f->d; k++) V[k] = base[k] + part * change[k];
            run_jacobian(f);
            next = mismatch(f);
            if (next < miss || (next <= DBL_MAX && small)) break;
        }
        if (each <= 4 * DBL_EPSILON) return LAG_OK;
        if (!(next < miss)) {
            memcpy(V, base, f->d * sizeof *V);
            return small ? LAG_OK : LAG_ERROR_NEWTON;
        }
        miss = next;
    }
    return miss == 0 ? LAG_OK : LAG_ERROR_NEWTON;
}

/* Where the mass matrix is singular or undefined at the start (v^4, or sqrt(v^2) at rest), the start moves. Nothing tells
 * the scale of a velocity yet, so many are tried, along pi and against it. */
LagStatus point_velocity(const Frame *f) {
    double *V = f->array[LAG_V];
    LagStatus status = newton(f), first = status;
    for (int attempt = 0; status != LAG_OK && attempt < 28; attempt++) {
        double size = pow(10, (attempt / 4 + 1) / 2 * (attempt / 4 % 2 ? 3 : -3));
        for (uint32_t k = 0; k < f->d; k++) {
            bool against = (f->array[LAG_PI][k] < 0) != (attempt % 4 >= 2);
            V[k] = (against ? -size : size) * (1 + (attempt % 2) * 0.1 * (k + 1));
        }
        status = newton(f);
    }
    if (status == LAG_OK && linear_finite(V, f->d)) return LAG_OK;
    memset(V, 0, f->d * sizeof *V);
    return status == LAG_OK ? LAG_ERROR_NOT_FINITE : first;
}

/* ---- Acceleration ---- */

LagStatus point_acceleration(const Frame *f, double *a) {
    run_jacobian(f);
    const double *BQ = f->array[LAG_BQ], *V = f->array[LAG_V];
    for (uint32_t k = 0; k < f->d; k++) {
        a[k] = f->array[LAG_A][k] - f->array[LAG_BT][k];
        for (uint32_t l = 0; l < f->d && f->kernel->size[LAG_BQ]; l++) a[k] -= BQ[(size_t)k * f->d + l] * V[l];
    }
    LagStatus status = factor_mass(f);
    if (status != LAG_OK) return status;
    solve_mass(f, a);
    return linear_finite(a, f->d) ? LAG_OK : LAG_ERROR_NOT_FINITE;
}
