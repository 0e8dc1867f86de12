/* lobatto.c: nodes by Newton's method, and the tables from closed forms, in LOBATTO_BITS bits; each entry is rounded once.
 *
 * With N = r + 1 and P_i = P_N(x_i), on [-1, 1] (method.md, "One step"): the inner nodes are the roots of P'_N, and
 *
 *     w_i = 2 / (N (N + 1) P_i^2)      D_ij = P_i / (P_j (x_i - x_j))      -D_00 = D_NN = N (N + 1) / 4
 *
 * The unit interval has c = (1 + x) / 2, b = w / 2 and twice this D. What is built on them collapses. With u = 2 / (N (N +
 * 1)),
 *
 *     G_ij = b_j D_ji = -u / (P_i P_j (x_i - x_j))                    -G_00 = G_NN = 1/2, other G_ii = 0
 *     S_im = sum_j b_j D_ji D_jm = 4 u / (P_i P_m (x_i - x_m)^2)
 *
 * for different nodes: the sum is the exact integral of l_i' l_m', and by parts it is that of the second derivatives, which
 * are known at the nodes. On the diagonal S_ii = 4 / (3 P_i^2 (1 - x_i^2)) inside and (N (N + 1) + 1) / 3 at the ends.
 * Nothing cancels, so that the bits beyond the first 53 are all to spare. */
#include "mech/lobatto.h"

#include "base/memory.h"
#include "lag_kernel.h"

#include <gmp.h>
#include <math.h>

enum { LOBATTO_BITS = 256 };

/* The nodes in high precision, and room to work in. */
typedef struct Lobatto {
    uint32_t N;
    mpf_t *x, *P, *inverse; /* [N + 1] x_i, P_N(x_i), 1 / P_N(x_i) */
    mpf_t u, a, b, c, d;
} Lobatto;

static bool lobatto_init(Lobatto *l, uint32_t N) {
    mpf_t *block = memory_new(3 * ((size_t)N + 1) * sizeof *block);
    if (!block) return false;
    *l = (Lobatto){.N = N, .x = block, .P = block + N + 1, .inverse = block + 2 * (N + 1)};
    for (uint32_t i = 0; i < 3 * (N + 1); i++) mpf_init2(block[i], LOBATTO_BITS);
    mpf_init2(l->u, LOBATTO_BITS);
    mpf_init2(l->a, LOBATTO_BITS);
    mpf_init2(l->b, LOBATTO_BITS);
    mpf_init2(l->c, LOBATTO_BITS);
    mpf_init2(l->d, LOBATTO_BITS);
    return true;
}

static void lobatto_free(Lobatto *l) {
    for (uint32_t i = 0; i < 3 * (l->N + 1); i++) mpf_clear(l->x[i]);
    memory_free(l->x);
    mpf_clears(l->u, l->a, l->b, l->c, l->d, NULL);
}

/* ---- Nodes ---- */

/* a = P_N(x), b = P_{N-1}(x), by k P_k = (2k - 1) x P_{k-1} - (k - 1) P_{k-2}. */
static void legendre(Lobatto *l, const mpf_t x) {
    mpf_set_ui(l->b, 1);
    mpf_set(l->a, x);
    for (uint32_t k = 2; k <= l->N; k++) {
        mpf_mul(l->c, x, l->a);
        mpf_mul_ui(l->c, l->c, 2 * k - 1);
        mpf_mul_ui(l->b, l->b, k - 1);
        mpf_sub(l->c, l->c, l->b);
        mpf_swap(l->b, l->a);
        mpf_div_ui(l->a, l->c, k);
    }
}

/* Node i < N / 2 to the precision of a double. The start is the asymptotic formula. Newton on x P_N - P_{N-1}, which is
 * -(1 - x^2) P'_N / N and has the derivative (N + 1) P_N, converges with third order, as the second derivative is 0 there.
 */
static double node_guess(uint32_t N, uint32_t i) {
    double n = N, k = i + 0.25, pi = acos(-1), x = -cos(k * pi / n - 3 / (8 * n * pi * k));
    for (int round = 0; round < 6; round++) {
        double P = x, before = 1;
        for (uint32_t j = 2; j <= N; j++) {
            double next = ((2 * j - 1) * x * P - (j - 1) * before) / j;
            before = P;
            P = next;
        }
        x -= (x * P - before) / ((n + 1) * P);
    }
    return x;
}

static void find_nodes(Lobatto *l) {
    uint32_t N = l->N;
    mpf_set_si(l->x[0], -1);
    for (uint32_t i = 1; 2 * i < N; i++) {
        mpf_set_d(l->x[i], node_guess(N, i));
        for (int round = 0; round < 3; round++) { /* 50, 150, 450 bits */
            legendre(l, l->x[i]);
            mpf_mul(l->c, l->x[i], l->a);
            mpf_sub(l->c, l->c, l->b);
            mpf_mul_ui(l->a, l->a, N + 1);
            mpf_div(l->c, l->c, l->a);
            mpf_sub(l->x[i], l->x[i], l->c);
        }
    }
    for (uint32_t i = 0; 2 * i < N; i++) mpf_neg(l->x[N - i], l->x[i]);
    if (N % 2 == 0) mpf_set_ui(l->x[N / 2], 0);
    for (uint32_t i = 0; i <= N; i++) {
        legendre(l, l->x[i]);
        mpf_set(l->P[i], l->a);
        mpf_ui_div(l->inverse[i], 1, l->a);
    }
}

/* ---- Tables ---- */

/* The double nearest to x, ties to even; leaves x alone, uses b and c. GMP's own conversion cuts off. */
static double nearest(Lobatto *l, const mpf_t x) {
    double below = mpf_get_d(x), above = nextafter(below, mpf_sgn(x) < 0 ? -INFINITY : INFINITY);
    mpf_set_d(l->b, below);
    mpf_set_d(l->c, above);
    mpf_add(l->c, l->c, l->b);
    mpf_div_2exp(l->c, l->c, 1);
    int side = mpf_cmp(x, l->c) * (mpf_sgn(x) < 0 ? -1 : 1);
    if (side == 0) return fmod(below / (above - below), 2) == 0 ? below : above;
    return side > 0 ? above : below;
}

/* Nodes, weights and diagonals. */
static void fill_diagonal(Lobatto *l, double *node, double *weight, double *derive, double *gather, double *stiffness) {
    uint32_t N = l->N, s = N + 1;
    for (uint32_t i = 0; i < s; i++) {
        size_t at = (size_t)i * s + i;
        mpf_add_ui(l->a, l->x[i], 1);
        mpf_div_2exp(l->a, l->a, 1);
        node[i] = nearest(l, l->a);
        mpf_mul(l->d, l->inverse[i], l->inverse[i]);
        mpf_mul(l->a, l->d, l->u);
        mpf_div_2exp(l->a, l->a, 1);
        weight[i] = nearest(l, l->a);
        derive[at] = gather[at] = 0;
        if (i == 0 || i == N) {
            double sign = i ? 1 : -1;
            derive[at] = sign * N * (N + 1) / 2;
            gather[at] = sign / 2;
            stiffness[at] = (N * (N + 1.0) + 1) / 3;
        } else {
            mpf_mul(l->a, l->x[i], l->x[i]);
            mpf_ui_sub(l->a, 1, l->a);
            mpf_mul_ui(l->a, l->a, 3);
            mpf_div(l->a, l->d, l->a);
            mpf_mul_2exp(l->a, l->a, 2);
            stiffness[at] = nearest(l, l->a);
        }
    }
}

/* What stands off the diagonals, for the nodes i < j. */
static void fill_pair(Lobatto *l, uint32_t i, uint32_t j, double *derive, double *gather, double *stiffness) {
    size_t s = l->N + 1, ij = i * s + j, ji = j * s + i;
    mpf_sub(l->a, l->x[i], l->x[j]);
    mpf_ui_div(l->d, 1, l->a); /* d = 1 / (x_i - x_j) */

    mpf_mul(l->a, l->P[i], l->inverse[j]);
    mpf_mul(l->a, l->a, l->d);
    mpf_mul_2exp(l->a, l->a, 1);
    derive[ij] = nearest(l, l->a);
    mpf_mul(l->a, l->P[j], l->inverse[i]);
    mpf_mul(l->a, l->a, l->d);
    mpf_mul_2exp(l->a, l->a, 1);
    derive[ji] = -nearest(l, l->a);

    mpf_mul(l->a, l->inverse[i], l->inverse[j]);
    mpf_mul(l->a, l->a, l->u);
    mpf_mul(l->a, l->a, l->d);
    gather[ji] = nearest(l, l->a);
    gather[ij] = -gather[ji];
    mpf_mul(l->a, l->a, l->d);
    mpf_mul_2exp(l->a, l->a, 2);
    stiffness[ij] = stiffness[ji] = nearest(l, l->a);
}

bool lobatto_tables(uint32_t r, double *node, double *weight, double *derive, double *gather, double *stiffness) {
    Lobatto l;
    if (r > LAG_R_MAX || !lobatto_init(&l, r + 1)) return false;
    find_nodes(&l);
    mpf_set_ui(l.u, 2);
    mpf_div_ui(l.u, l.u, (unsigned long)l.N * (l.N + 1));
    fill_diagonal(&l, node, weight, derive, gather, stiffness);
    for (uint32_t i = 0; i < l.N; i++)
        for (uint32_t j = i + 1; j <= l.N; j++) fill_pair(&l, i, j, derive, gather, stiffness);
    lobatto_free(&l);
    return true;
}
