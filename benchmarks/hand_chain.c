/* hand_chain.c: see hand_chain.h. Fixed-point iteration over the impulses f_j = h^2 b_j A_j in the form of lag_kernel.h,
 * from those that the step before's are extrapolated to. Masses stand in vectors, which the compiler makes of plain loops;
 * built for the CPU at hand, with sums contracted. Forces are those of nodes 1 and 2 in each sweep, and of the end once. */
#include "hand_chain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHAIN_NODES = 4, CHAIN_SWEEPS = 40, CHAIN_PAD = 24 };

/* Rows of all masses, a wall at either end. */
typedef struct Chain {
    long masses;
    double *q, *u, *z[CHAIN_NODES], *x[CHAIN_NODES], *f[CHAIN_NODES];
    double c[CHAIN_NODES], weight[CHAIN_NODES], end[CHAIN_NODES];
    double reach[CHAIN_NODES][CHAIN_NODES], ahead[CHAIN_NODES][CHAIN_NODES]; /* [i][j] */
} Chain;

/* weight times the force at places x. */
static inline void chain_force(long masses, double weight, const double *restrict x, double *restrict f) {
    for (long k = 1; k <= masses; k++) {
        double left = x[k] - x[k - 1], right = x[k + 1] - x[k];
        double pulled = left * (1 + left * (CHAIN_ALPHA + CHAIN_BETA * left));
        f[k] = weight * (right * (1 + right * (CHAIN_ALPHA + CHAIN_BETA * right)) - pulled);
    }
}

static double *chain_new(Chain *chain, const LagKernel *kernel, double h) {
    enum { ROWS = 2 + 3 * CHAIN_NODES };
    uint32_t lanes = lag_lanes(CHAIN_NODES);
    size_t row = (size_t)kernel->dof + CHAIN_PAD;
    double *block = calloc(ROWS * row, sizeof *block), *at = block;
    chain->masses = kernel->dof;
    chain->q = at, at += row;
    chain->u = at, at += row;
    for (int i = 0; i < CHAIN_NODES && block; i++) {
        chain->z[i] = at, at += row;
        chain->x[i] = at, at += row;
        chain->f[i] = at, at += row;
        chain->c[i] = kernel->table[LAG_STAGE_NODE][i];
        chain->weight[i] = h * h * kernel->table[LAG_WEIGHT][i];
        chain->end[i] = kernel->table[LAG_STAGE_END][i * LAG_END_COUNT + LAG_END_Q];
        for (int j = 0; j < CHAIN_NODES; j++) {
            chain->reach[i][j] = kernel->table[LAG_REACH][j * lanes + i];
            chain->ahead[i][j] = kernel->table[LAG_REACH_AHEAD][j * lanes + i];
        }
    }
    return block;
}

/* Places at nodes 1 and 2 from the impulses of the step before, whose last are the first of this one. */
static void chain_guess(const Chain *c) {
    double *restrict f0 = c->f[0];
    const double *restrict f3 = c->f[3], *restrict f1 = c->f[1], *restrict f2 = c->f[2];
    for (int i = 1; i <= 2; i++) {
        double *restrict z = c->z[i], *restrict x = c->x[i];
        for (long k = 1; k <= c->masses; k++) {
            const double *a = c->ahead[i];
            z[k] = c->c[i] * c->u[k] + ((a[0] * f0[k] + a[1] * f1[k]) + (a[2] * f2[k] + a[3] * f3[k]));
            x[k] = c->q[k] + z[k];
        }
    }
    memcpy(f0, f3, (size_t)(c->masses + 1) * sizeof *f0);
}

/* New places from the impulses, and the largest change of one. */
static double chain_move(const Chain *c) {
    const double *restrict f0 = c->f[0], *restrict f1 = c->f[1], *restrict f2 = c->f[2], *restrict u = c->u,
                           *restrict q = c->q;
    double *restrict z1 = c->z[1], *restrict z2 = c->z[2], *restrict x1 = c->x[1], *restrict x2 = c->x[2], most = 0;
    for (long k = 1; k <= c->masses; k++) {
        double y1 = c->c[1] * u[k] + (c->reach[1][0] * f0[k] + c->reach[1][1] * f1[k] + c->reach[1][2] * f2[k]);
        double y2 = c->c[2] * u[k] + (c->reach[2][0] * f0[k] + c->reach[2][1] * f1[k] + c->reach[2][2] * f2[k]);
        double change1 = fabs(y1 - z1[k]), change2 = fabs(y2 - z2[k]);
        change1 = change1 > change2 ? change1 : change2;
        most = most > change1 ? most : change1;
        z1[k] = y1, z2[k] = y2;
        x1[k] = q[k] + y1, x2[k] = q[k] + y2;
    }
    return most;
}

static void chain_step(const Chain *c, double enough) {
    chain_guess(c);
    for (int sweep = 0; sweep < CHAIN_SWEEPS; sweep++) {
        for (int i = 1; i <= 2; i++) chain_force(c->masses, c->weight[i], c->x[i], c->f[i]);
        if (chain_move(c) <= enough) break;
    }
    for (long k = 1; k <= c->masses; k++)
        c->q[k] += c->u[k] + ((c->end[0] * c->f[0][k] + c->end[1] * c->f[1][k]) + c->end[2] * c->f[2][k]);
    chain_force(c->masses, c->weight[3], c->q, c->f[3]);
    for (long k = 1; k <= c->masses; k++) c->u[k] += (c->f[0][k] + c->f[1][k]) + (c->f[2][k] + c->f[3][k]);
}

bool chain_run(const LagKernel *kernel, double *q, double *pi, double h, long steps) {
    Chain c;
    double *block = chain_new(&c, kernel, h);
    double enough = 4e-16 / (0.3 * h * h); /* what is missing then is 4e-16: changes shrink by about 0.3 h^2 */
    if (!block) return false;
    memcpy(c.q + 1, q, (size_t)c.masses * sizeof *q);
    for (long k = 1; k <= c.masses; k++) c.u[k] = h * pi[k - 1];
    for (int i = 0; i < CHAIN_NODES; i++) chain_force(c.masses, c.weight[i], c.q, c.f[i]);
    for (long n = 0; n < steps; n++) chain_step(&c, enough);
    memcpy(q, c.q + 1, (size_t)c.masses * sizeof *q);
    for (long k = 1; k <= c.masses; k++) pi[k - 1] = c.u[k] / h;
    free(block);
    return true;
}
