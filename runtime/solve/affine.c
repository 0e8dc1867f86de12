/* affine.c: see affine.h.
 *
 * Where A and B are linear in q and v, and time does not appear, the step's equations (lag_kernel.h) are linear in z, q and
 * pi. With A_q .. B_v from one evaluation they are solved for each unit vector of (q, pi), and once for what is constant in
 * A and B. What is kept is the change of the state, not the new state, so that a step rounds as the step by Newton does. */
#include "affine.h"

#include "linear.h"

#include <stdlib.h>
#include <string.h>

enum { AFFINE_REFINE = 4, LINE = 64 / sizeof(double) };

bool affine_fits(const LagKernel *kernel) { return kernel->facts.affine && kernel->dof <= POWERS_DOF_MOST; }

static double *cut(double **at, size_t size) {
    *at += size;
    return *at - size;
}

/* For a fan: a state before a cache line begins, and images from there on. */
static double *cut_fan(double **at, uint32_t d, size_t images) {
    size_t over = ((uintptr_t)*at / sizeof **at + d) % LINE;
    *at += (LINE - over) % LINE;
    return cut(at, d * (1 + images));
}

static Twofold cut_pair(double **at, size_t size) {
    Twofold pair = {.high = cut(at, size)};
    pair.low = cut(at, size);
    return pair;
}

static void cut_powers(Affine *a, double **at, uint32_t d) {
    size_t m = 2 * (size_t)d;
    for (uint32_t level = 0; level < AFFINE_LEVELS; level++) a->power[level].entry = cut(at, powers_size(d));
    for (uint32_t level = 0; level < AFFINE_LEVELS; level++) {
        a->power[level].d = d;
        a->power[level].keep = cut(at, POWERS * m);
        a->power[level].eighth = cut_pair(at, m * (m + 1));
        a->fan[level].q = cut_fan(at, d, POWERS);
        a->fan[level].pi = cut_fan(at, d, POWERS);
    }
    a->next = cut_pair(at, m * (m + 1));
    for (int i = 0; i < 2; i++) a->spare[i] = cut_pair(at, m * (m + 1));
    a->anchor = cut_pair(at, m);
    a->ahead = cut_pair(at, m);
    a->wide_q = cut_fan(at, d, AFFINE_WIDE);
    a->wide_pi = cut_fan(at, d, AFFINE_WIDE);
}

LagStatus affine_init(Affine *a, Frame *frame) {
    size_t m = 2 * (size_t)frame->d, nodes = (size_t)frame->s * frame->d, n = frame->n;
    size_t level = powers_size(frame->d) + POWERS * m + 2 * m * (m + 1) + (POWERS + 1) * m;
    size_t powers = AFFINE_LEVELS * level + 6 * m * (m + 1) + 4 * m + (AFFINE_WIDE + 1) * m;
    powers += (2 * AFFINE_LEVELS + 2) * LINE;
    *a = (Affine){.frame = frame, .lanes = lanes_widest()};
    a->block = calloc(LINE + powers + m * m + 3 * m + 3 * nodes + 2 * n, sizeof *a->block);
    a->pivot = calloc(n, sizeof *a->pivot);
    if (!a->block || !a->pivot) {
        affine_free(a);
        return LAG_ERROR_MEMORY;
    }
    size_t over = (uintptr_t)a->block / sizeof *a->block % LINE; /* entries of powers begin where a cache line does */
    double *at = a->block + (LINE - over);
    cut_powers(a, &at, frame->d);
    a->map = cut(&at, m * m);
    a->offset = cut(&at, m);
    a->change = cut(&at, m);
    a->kept = cut(&at, m);
    a->z = cut(&at, nodes);
    a->A = cut(&at, nodes);
    a->B = cut(&at, nodes);
    a->residual = cut(&at, n);
    a->scale = cut(&at, n);
    return LAG_OK;
}

void affine_free(Affine *a) {
    free(a->block);
    free(a->pivot);
    *a = (Affine){0};
}

/* ---- Making ---- */

/* The equations are solved for each `unit`: from the state whose number `unit` is 1 and whose others are 0, with what is
 * linear in A and B; or, where `unit` is 2d, from 0, with what is constant in them.
 *
 * A and B at the nodes: their blocks times q_i = q + z_i and v_i = (1/h) sum_j D_ij z_j, and the constant part. */
static void evaluate(Affine *m, double h, uint32_t unit) {
    const Frame *f = m->frame;
    const double *D = f->array[LAG_DERIVE], *AQ = f->array[LAG_AQ], *AV = f->array[LAG_AV], *BQ = f->array[LAG_BQ],
                 *BV = f->array[LAG_BV];
    double q[POWERS_DOF_MOST], v[POWERS_DOF_MOST];
    uint32_t d = f->d, s = f->s;
    bool constant = unit == 2 * d;
    for (uint32_t i = 0; i < s; i++) {
        for (uint32_t l = 0; l < d; l++) {
            double sum = 0;
            for (uint32_t j = 1; j < s; j++) sum += D[i * s + j] * m->z[j * d + l];
            q[l] = m->z[i * d + l] + (l == unit);
            v[l] = sum / h;
        }
        for (uint32_t k = 0; k < d; k++) {
            double a = constant ? f->array[LAG_A][k] : 0, b = constant ? f->array[LAG_B][k] : 0;
            for (uint32_t l = 0; l < d; l++) {
                a += AQ[k * d + l] * q[l] + AV[k * d + l] * v[l];
                b += BQ[k * d + l] * q[l] + BV[k * d + l] * v[l];
            }
            m->A[i * d + k] = a;
            m->B[i * d + k] = b;
        }
    }
}

/* F_i = h b_i A_i + sum_j G_ij B_j; rows 1 .. r, then pi + F_0. */
static void residual(Affine *m, double h, uint32_t unit) {
    const Frame *f = m->frame;
    const double *weight = f->array[LAG_WEIGHT], *G = f->array[LAG_GATHER];
    uint32_t d = f->d, s = f->s;
    for (uint32_t row = 0; row < s - 1; row++) {
        uint32_t i = row + 1 < s - 1 ? row + 1 : 0;
        for (uint32_t k = 0; k < d; k++) {
            double sum = 0;
            for (uint32_t j = 0; j < s; j++) sum += G[i * s + j] * m->B[j * d + k];
            sum += h * weight[i] * m->A[i * d + k];
            m->residual[row * d + k] = i ? sum : sum + (unit == d + k);
        }
    }
}

/* The change of the state for one unit: z at the end, and the impulse. */
static LagStatus solve(Affine *m, double h, uint32_t unit, double *change) {
    const Frame *f = m->frame;
    uint32_t d = f->d, n = f->n;
    memset(m->z, 0, (size_t)f->s * d * sizeof *m->z);
    for (int round = 0; round < AFFINE_REFINE; round++) {
        evaluate(m, h, unit);
        residual(m, h, unit);
        linear_solve(f->array[LAG_JACOBIAN], n, m->pivot, m->residual);
        if (!linear_finite(m->residual, n)) return LAG_ERROR_NOT_FINITE;
        for (uint32_t i = 0; i < n; i++) m->z[d + i] -= m->residual[i];
    }
    evaluate(m, h, unit);
    for (uint32_t k = 0; k < d; k++) {
        double impulse = 0;
        for (uint32_t i = 0; i < f->s; i++) impulse += f->array[LAG_WEIGHT][i] * m->A[i * d + k];
        change[k] = m->z[(f->s - 1) * d + k];
        change[d + k] = impulse * h;
    }
    return linear_finite(change, 2 * (size_t)d) ? LAG_OK : LAG_ERROR_NOT_FINITE;
}

/* A, B and their derivatives at the origin, and the factors of the Jacobian: all are the same everywhere. */
static LagStatus prepare(Affine *m, double h) {
    const Frame *f = m->frame;
    size_t size = f->d * sizeof(double);
    double *Q = f->array[LAG_Q], *kept = m->z;
    f->array[LAG_TIME][0] = 0;
    f->array[LAG_TIME][1] = h;
    memcpy(kept, Q, size);
    memset(Q, 0, size);
    memset(f->array[LAG_V], 0, size);
    memset(f->array[LAG_BV], 0, f->d * size);
    frame_run(f, LAG_POINT_JACOBIAN);
    memset(f->array[LAG_Z], 0, f->n * sizeof(double));
    memset(f->array[LAG_JACOBIAN], 0, (size_t)f->n * f->n * sizeof(double));
    frame_run(f, LAG_STEP_JACOBIAN);
    memcpy(Q, kept, size);
    return linear_factor(f->array[LAG_JACOBIAN], f->n, m->pivot, m->scale);
}

/* Powers will be made when there are enough steps. */
static void prepare_powers(Affine *a) {
    uint32_t d = a->frame->d, columns = a->constant ? 2 * d + 1 : 2 * d;
    powers_begin(d, columns, a->map, a->offset, a->next);
    for (uint32_t level = 0; level < AFFINE_LEVELS; level++) a->power[level].columns = columns;
    a->levels = 0;
    a->most_levels = AFFINE_LEVELS;
}

LagStatus affine_make(Affine *a, double h) {
    uint32_t m = 2 * a->frame->d;
    a->h = h;
    a->tried = true;
    a->made = false;
    LagStatus status = prepare(a, h);
    for (uint32_t unit = 0; unit <= m && status == LAG_OK; unit++) {
        status = solve(a, h, unit, a->change);
        for (uint32_t i = 0; i < m && unit < m; i++) a->map[i * m + unit] = a->change[i];
        if (unit == m) memcpy(a->offset, a->change, m * sizeof *a->offset);
    }
    a->constant = false;
    for (uint32_t i = 0; i < m; i++) a->constant |= a->offset[i] != 0;
    a->made = status == LAG_OK;
    prepare_powers(a);
    affine_begin(a);
    return status;
}
