/* hand_kernel.h: kernels without a compiler, for tests: Lambda's A, B and their derivatives as a C function, the step
 * assembled around it in plain loops from the formulas of lag_kernel.h. */
#ifndef LAG_TESTS_HAND_KERNEL_H
#define LAG_TESTS_HAND_KERNEL_H

#include "lag_kernel.h"
#include "mech/lobatto.h"

#include <stdlib.h>
#include <string.h>

/* A point, and where what is known there goes. The blocks [d, d] and BT [d] come zeroed, or are all NULL when only A and B
 * are asked for; `energy` is NULL unless it is asked for. */
typedef struct HandPoint {
    double t;
    const double *c, *q, *v;
    double *A, *B, *AQ, *AV, *BQ, *BV, *BT, *energy;
} HandPoint;

typedef void HandLaw(const HandPoint *point);

typedef struct HandKernel {
    LagKernel kernel;
    HandLaw *law;
    double *tables;
    struct HandRoutine {
        const struct HandKernel *kernel;
        LagRoutine routine;
    } routine[LAG_ROUTINE_COUNT];
} HandKernel;

static void hand_point(const HandKernel *k, LagRoutine routine, double *const *a) {
    size_t d = k->kernel.dof;
    HandPoint p = {.t = a[LAG_TIME][0], .c = a[LAG_PARAMETER], .q = a[LAG_Q], .v = a[LAG_V], .A = a[LAG_A], .B = a[LAG_B]};
    if (routine == LAG_POINT_ENERGY) {
        p.A = a[LAG_WORK];
        p.B = p.A + d;
        p.energy = a[LAG_ENERGY];
    } else if (routine == LAG_POINT_JACOBIAN) {
        for (int i = LAG_AQ; i <= LAG_BT; i++) memset(a[i], 0, (i == LAG_BT ? d : d * d) * sizeof(double));
        p.AQ = a[LAG_AQ], p.AV = a[LAG_AV], p.BQ = a[LAG_BQ], p.BV = a[LAG_BV], p.BT = a[LAG_BT];
    }
    k->law(&p);
}

/* Node i: A, B and, if asked for, the blocks, in LAG_WORK: a node's piece is [q, A, B, BT, AQ, AV, BQ, BV]. */
static double *hand_node(const HandKernel *k, double *const *a, size_t i) {
    size_t d = k->kernel.dof;
    return a[LAG_WORK] + i * (4 * d + 4 * d * d);
}

static void hand_nodes(const HandKernel *k, bool jacobian, double *const *a) {
    size_t d = k->kernel.dof, s = k->kernel.r + 2;
    double h = a[LAG_TIME][1], inverse_h = 1 / h;
    for (size_t i = 0; i < s; i++) {
        double *q = hand_node(k, a, i), *block = q + 4 * d, *v = a[LAG_VELOCITY] + i * d;
        const double *D = a[LAG_DERIVE] + i * s;
        for (size_t l = 0; l < d; l++) {
            double sum = 0;
            for (size_t j = 1; j < s; j++) sum += D[j] * a[LAG_Z][(j - 1) * d + l];
            v[l] = sum * inverse_h;
            q[l] = a[LAG_Q][l] + (i ? a[LAG_Z][(i - 1) * d + l] : 0);
        }
        HandPoint p = {a[LAG_TIME][0] + a[LAG_NODE][i] * h, a[LAG_PARAMETER], q, v, q + d, q + 2 * d, 0, 0, 0, 0, 0, 0};
        if (jacobian) {
            memset(q + 3 * d, 0, (d + 4 * d * d) * sizeof *q);
            p.BT = q + 3 * d, p.AQ = block, p.AV = block + d * d, p.BQ = block + 2 * d * d, p.BV = block + 3 * d * d;
        }
        k->law(&p);
    }
}

/* dF_i/dz_m = d_im h b_i A_q(i) + b_i D_im A_v(i) + G_im B_q(m) + (1/h) sum_j G_ij D_jm B_v(j), entry (row, column). */
static double hand_entry(const HandKernel *k, double *const *a, size_t i, size_t m, size_t row, size_t column) {
    size_t d = k->kernel.dof, s = k->kernel.r + 2, e = row * d + column;
    double h = a[LAG_TIME][1], sum = 0;
    for (size_t j = 0; j < s; j++)
        sum += a[LAG_GATHER][i * s + j] * a[LAG_DERIVE][j * s + m] * hand_node(k, a, j)[4 * d + 3 * d * d + e];
    sum /= h;
    sum += a[LAG_GATHER][i * s + m] * hand_node(k, a, m)[4 * d + 2 * d * d + e];
    sum += a[LAG_WEIGHT][i] * a[LAG_DERIVE][i * s + m] * hand_node(k, a, i)[4 * d + d * d + e];
    if (i == m) sum += h * a[LAG_WEIGHT][i] * hand_node(k, a, i)[4 * d + e];
    return sum;
}

static void hand_step(const HandKernel *k, bool jacobian, double *const *a) {
    size_t d = k->kernel.dof, r = k->kernel.r, s = r + 2, n = (r + 1) * d;
    double h = a[LAG_TIME][1];
    hand_nodes(k, jacobian, a);
    for (size_t l = 0; l < d; l++) {
        double impulse = 0;
        for (size_t i = 0; i < s; i++) impulse += a[LAG_WEIGHT][i] * hand_node(k, a, i)[d + l];
        a[LAG_IMPULSE][l] = impulse * h;
    }
    for (size_t block = 0; block <= r; block++) {
        size_t i = block < r ? block + 1 : 0;
        for (size_t l = 0; l < d; l++) {
            double sum = 0;
            for (size_t j = 0; j < s; j++) sum += a[LAG_GATHER][i * s + j] * hand_node(k, a, j)[2 * d + l];
            sum += a[LAG_WEIGHT][i] * h * hand_node(k, a, i)[d + l];
            a[LAG_RESIDUAL][block * d + l] = i ? sum : sum + a[LAG_PI][l];
            for (size_t m = 1; jacobian && m < s; m++)
                for (size_t c = 0; c < d; c++)
                    a[LAG_JACOBIAN][(block * d + l) * n + (m - 1) * d + c] = hand_entry(k, a, i, m, l, c);
        }
    }
}

static void hand_run(const void *code, double *const *array) {
    const struct HandRoutine *r = code;
    if (r->routine == LAG_STEP_RESIDUAL || r->routine == LAG_STEP_JACOBIAN)
        hand_step(r->kernel, r->routine == LAG_STEP_JACOBIAN, array);
    else
        hand_point(r->kernel, r->routine, array);
}

/* A kernel of d degrees of freedom and m parameters; freed by hand_free. */
static HandKernel *hand_kernel(HandLaw *law, uint32_t d, uint32_t m, uint32_t r) {
    size_t s = r + 2, n = (size_t)(r + 1) * d;
    HandKernel *k = calloc(1, sizeof *k);
    double *table = k->tables = calloc(2 * s + 3 * s * s, sizeof *table);
    k->law = law;
    k->kernel = (LagKernel){.abi = LAG_KERNEL_ABI, .dof = d, .parameter_count = m, .r = r, .facts = {.autonomous = true}};
    const size_t size[LAG_ARRAY_COUNT] = {
        [LAG_TIME] = 2,
        [LAG_PARAMETER] = m,
        [LAG_Q] = d,
        [LAG_V] = d,
        [LAG_PI] = d,
        [LAG_Z] = n,
        [LAG_A] = d,
        [LAG_B] = d,
        [LAG_AQ] = d * d,
        [LAG_AV] = d * d,
        [LAG_BQ] = d * d,
        [LAG_BV] = d * d,
        [LAG_BT] = d,
        [LAG_ENERGY] = 1,
        [LAG_RESIDUAL] = n,
        [LAG_IMPULSE] = d,
        [LAG_VELOCITY] = s * d,
        [LAG_JACOBIAN] = n * n,
        [LAG_LOW] = 2 * d,
        [LAG_NODE] = s,
        [LAG_WEIGHT] = s,
        [LAG_DERIVE] = s * s,
        [LAG_GATHER] = s * s,
        [LAG_STIFFNESS] = s * s,
        [LAG_WORK] = s * (4 * d + 4 * d * d),
    };
    memcpy(k->kernel.size, size, sizeof size);
    lobatto_tables(r, table, table + s, table + 2 * s, table + 2 * s + s * s, table + 2 * s + 2 * s * s);
    for (int i = LAG_NODE; i <= LAG_STIFFNESS; i++) {
        k->kernel.table[i] = table;
        table += size[i];
    }
    for (int i = 0; i < LAG_ROUTINE_COUNT; i++) {
        k->routine[i] = (struct HandRoutine){k, (LagRoutine)i};
        k->kernel.procedure[i] = (LagProcedure){hand_run, &k->routine[i]};
    }
    return k;
}

static void hand_free(HandKernel *k) {
    free(k->tables);
    free(k);
}

#endif
