/* affine.c: see affine.h.
 *
 * Where A and B are linear in q and v, and time does not appear, the step's equations (lag_kernel.h) are linear in z, q and
 * pi. With A_q .. B_v from one evaluation they are solved for each unit vector of (q, pi), and once for what is constant in
 * A and B. What is kept is the change of the state, not the new state, so that a step rounds as the step by Newton does. */
#include "affine.h"

#include "linear.h"
#include "pair.h"

#include <stdlib.h>
#include <string.h>

enum { AFFINE_REFINE = 4 };

bool affine_fits(const LagKernel *kernel) { return kernel->facts.affine && kernel->dof <= LAG_AFFINE_DOF_MOST; }

LagStatus affine_init(Affine *a, Frame *frame) {
    size_t m = 2 * (size_t)frame->d, nodes = (size_t)frame->s * frame->d, n = frame->n;
    *a = (Affine){.frame = frame};
    a->block = calloc(m * m + 4 * m + 3 * nodes + 2 * n, sizeof *a->block);
    a->pivot = calloc(n, sizeof *a->pivot);
    if (!a->block || !a->pivot) {
        affine_free(a);
        return LAG_ERROR_MEMORY;
    }
    double *at = a->block;
    a->map = at, at += m * m;
    a->offset = at, at += m;
    a->change = at, at += m;
    a->kept = at, at += 2 * m;
    a->z = at, at += nodes;
    a->A = at, at += nodes;
    a->B = at, at += nodes;
    a->residual = at, at += n;
    a->scale = at;
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
    double q[LAG_AFFINE_DOF_MOST], v[LAG_AFFINE_DOF_MOST];
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

LagStatus affine_make(Affine *a, double h) {
    uint32_t m = 2 * a->frame->d;
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
    return status;
}

/* ---- Steps ---- */

/* `d` is known to the compiler where it matters: its loops are then straight lines. What is constant is left out where it is
 * nothing, which changes no bit. */
static inline __attribute__((always_inline)) void take(const Affine *a, uint64_t count, uint32_t d, bool constant,
                                                       double *low) {
    double *Q = a->frame->array[LAG_Q], *PI = a->frame->array[LAG_PI], state[2 * LAG_AFFINE_DOF_MOST],
           change[2 * LAG_AFFINE_DOF_MOST];
    uint32_t m = 2 * d;
    memcpy(state, Q, d * sizeof *Q);
    memcpy(state + d, PI, d * sizeof *PI);
    for (uint64_t n = 0; n < count; n++) {
        for (uint32_t i = 0; i < m; i++) {
            const double *row = a->map + (size_t)i * m;
            double sum = row[0] * state[0];
            for (uint32_t k = 1; k < m; k++) sum += row[k] * state[k];
            change[i] = constant ? sum + a->offset[i] : sum;
        }
        for (uint32_t i = 0; i < m; i++) pair_add(&state[i], low ? &low[i] : NULL, change[i]);
    }
    memcpy(Q, state, d * sizeof *Q);
    memcpy(PI, state + d, d * sizeof *PI);
}

static void take_any(const Affine *a, uint64_t count) {
    uint32_t d = a->frame->d;
    if (a->compensated)
        take(a, count, d, true, a->frame->array[LAG_LOW]);
    else if (d == 1)
        a->constant ? take(a, count, 1, true, NULL) : take(a, count, 1, false, NULL);
    else if (d == 2)
        a->constant ? take(a, count, 2, true, NULL) : take(a, count, 2, false, NULL);
    else
        a->constant ? take(a, count, d, true, NULL) : take(a, count, d, false, NULL);
}

static bool is_finite(const Affine *a) {
    const Frame *f = a->frame;
    return linear_finite(f->array[LAG_Q], f->d) && linear_finite(f->array[LAG_PI], f->d);
}

uint64_t affine_steps(Affine *a, uint64_t count) {
    const Frame *f = a->frame;
    size_t size = f->d * sizeof(double);
    uint64_t done = 0, piece = count;
    while (done < count) { /* where a piece leaves what doubles hold, it is taken again, by half */
        memcpy(a->kept, f->array[LAG_Q], size);
        memcpy(a->kept + f->d, f->array[LAG_PI], size);
        memcpy(a->kept + 2 * f->d, f->array[LAG_LOW], 2 * size);
        piece = piece < count - done ? piece : count - done;
        take_any(a, piece);
        if (is_finite(a)) {
            done += piece;
            continue;
        }
        memcpy(f->array[LAG_Q], a->kept, size);
        memcpy(f->array[LAG_PI], a->kept + f->d, size);
        memcpy(f->array[LAG_LOW], a->kept + 2 * f->d, 2 * size);
        if (piece == 1) break;
        piece /= 2;
    }
    return done;
}
