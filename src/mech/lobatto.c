/* lobatto.c: nodes by Newton's method, and the tables from closed forms; each entry is rounded once.
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
 * Nothing cancels, so that the bits beyond the first 53 are all to spare. Nodes and P_i are found with GMP, to 110 bits or
 * more. The tables are made of them in pairs of doubles, to QUICK bits; where these do not tell which double is nearest,
 * GMP does. That is as good as never, and a pair takes a twentieth of the time. */
#include "mech/lobatto.h"

#include "base/memory.h"
#include "lag_kernel.h"

#include <gmp.h>
#include <math.h>
#include <string.h>

enum { LOBATTO_BITS = 128, QUICK = 90 };

/* hi + lo, where hi is the double nearest to it: 106 bits. */
typedef struct Pair {
    double hi, lo;
} Pair;

/* The nodes in high precision, and room to work in. */
typedef struct Lobatto {
    uint32_t N;
    mpf_t *x, *P, *inverse; /* [N + 1] x_i, P_N(x_i), 1 / P_N(x_i) */
    mpf_t u, a, b, c, d;
    Pair *y, *p, *q; /* [N / 2 + 1] 1 + x_i, P_i, 1 / P_i: the other half mirrors them */
    Pair v;          /* u */
} Lobatto;

static bool lobatto_init(Lobatto *l, uint32_t N) {
    size_t s = (size_t)N + 1, half = N / 2 + 1;
    mpf_t *block = memory_new(3 * s * sizeof *block);
    Pair *pair = memory_new(3 * half * sizeof *pair);
    if (!block || !pair) {
        memory_free(block);
        memory_free(pair);
        return false;
    }
    *l = (Lobatto){.N = N, .x = block, .P = block + s, .inverse = block + 2 * s, .y = pair};
    l->p = pair + half, l->q = pair + 2 * half;
    for (uint32_t i = 0; i < 3 * s; i++) mpf_init2(block[i], LOBATTO_BITS);
    mpf_ptr work[] = {l->u, l->a, l->b, l->c, l->d};
    for (size_t i = 0; i < sizeof work / sizeof *work; i++) mpf_init2(work[i], LOBATTO_BITS);
    return true;
}

static void lobatto_free(Lobatto *l) {
    for (uint32_t i = 0; i < 3 * (l->N + 1); i++) mpf_clear(l->x[i]);
    memory_free(l->x);
    memory_free(l->y);
    mpf_clears(l->u, l->a, l->b, l->c, l->d, NULL);
}

/* ---- Pairs of doubles ----
 *
 * Each operation is good to 100 bits: of its result where it is a product or a quotient, of its operands where it is a sum.
 */

/* a + b exactly; the first where |a| >= |b|. */
static Pair quick_sum(double a, double b) {
    double hi = a + b;
    return (Pair){hi, b - (hi - a)};
}

static Pair exact_sum(double a, double b) {
    double hi = a + b, b_part = hi - a;
    return (Pair){hi, (a - (hi - b_part)) + (b - b_part)};
}

static Pair plus(Pair a, Pair b) {
    Pair sum = exact_sum(a.hi, b.hi);
    return quick_sum(sum.hi, sum.lo + (a.lo + b.lo));
}

static Pair times(Pair a, Pair b) {
    double hi = a.hi * b.hi, lo = fma(a.hi, b.hi, -hi);
    return quick_sum(hi, lo + (a.hi * b.lo + a.lo * b.hi));
}

static Pair scaled(Pair a, double by) { return (Pair){a.hi * by, a.lo * by}; } /* by a power of two */

static Pair over(double a, Pair b) {
    double q = a / b.hi, rest = fma(-q, b.hi, a) - q * b.lo;
    return quick_sum(q, rest / b.hi);
}

static Pair pair_of(Lobatto *l, const mpf_t x) {
    double hi = mpf_get_d(x);
    mpf_set_d(l->b, hi);
    mpf_sub(l->b, x, l->b);
    return quick_sum(hi, mpf_get_d(l->b));
}

/* The double nearest to x, if x to QUICK bits tells. */
static bool tells(Pair x, double *nearest) {
    double doubt = ldexp(fabs(x.hi), -QUICK);
    *nearest = x.hi;
    return x.hi + (x.lo + doubt) == x.hi && x.hi + (x.lo - doubt) == x.hi;
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
    double n = N, k = i + 0.25, pi = acos(-1), x = -cos(k * pi / n - 3 / (8 * n * pi * k)), change = 1;
    for (int round = 0; round < 6 && fabs(change) > 1e-6 * (1 + x); round++) {
        double P = x, before = 1;
        for (uint32_t j = 2; j <= N; j++) {
            double next = ((2 * j - 1) * x * P - (j - 1) * before) / j;
            before = P;
            P = next;
        }
        change = (x * P - before) / ((n + 1) * P);
        x -= change;
    }
    return x;
}

/* Node i and its P from a guess x to 50 bits, in one more round: x + e, to 125 bits at least; and, as P' is 0 there and
 * (1 - x^2) P'' = -N (N + 1) P,  P(x + e) = P(x) (1 + N (N + 1) e^2 / (2 (1 - x^2))), to 110 bits at least. */
static void refine(Lobatto *l, uint32_t i) {
    uint32_t N = l->N;
    legendre(l, l->x[i]);
    mpf_mul(l->c, l->x[i], l->a);
    mpf_sub(l->c, l->c, l->b);
    mpf_mul_ui(l->b, l->a, N + 1);
    mpf_div(l->c, l->c, l->b); /* -e */
    mpf_mul(l->d, l->x[i], l->x[i]);
    mpf_ui_sub(l->d, 1, l->d);
    mpf_sub(l->x[i], l->x[i], l->c);
    mpf_mul(l->c, l->c, l->c);
    mpf_mul_ui(l->c, l->c, (unsigned long)N * (N + 1));
    mpf_div(l->c, l->c, l->d);
    mpf_div_2exp(l->c, l->c, 1);
    mpf_mul(l->c, l->c, l->a);
    mpf_add(l->P[i], l->a, l->c);
}

static void find_nodes(Lobatto *l) {
    uint32_t N = l->N;
    for (uint32_t i = 0; 2 * i <= N; i++) {
        mpf_set_d(l->x[i], i == 0 ? -1 : 2 * i == N ? 0 : node_guess(N, i));
        if (i == 0 || 2 * i == N) {
            legendre(l, l->x[i]);
            mpf_set(l->P[i], l->a);
        } else {
            refine(l, i);
        }
        mpf_ui_div(l->inverse[i], 1, l->P[i]);
        mpf_add_ui(l->a, l->x[i], 1);
        l->y[i] = pair_of(l, l->a);
        l->p[i] = pair_of(l, l->P[i]);
        l->q[i] = pair_of(l, l->inverse[i]);
    }
    for (uint32_t i = 0; 2 * i < N; i++) { /* P_N is even or odd */
        mpf_neg(l->x[N - i], l->x[i]);
        mpf_set(l->P[N - i], l->P[i]);
        mpf_set(l->inverse[N - i], l->inverse[i]);
        if (N % 2) {
            mpf_neg(l->P[N - i], l->P[N - i]);
            mpf_neg(l->inverse[N - i], l->inverse[N - i]);
        }
    }
    mpf_set_ui(l->u, 2);
    mpf_div_ui(l->u, l->u, (unsigned long)N * (N + 1));
    l->v = over(2, (Pair){(double)N * (N + 1), 0});
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

/* The five tables. */
typedef struct Out {
    double *node, *weight, *derive, *gather, *stiffness;
} Out;

/* Node, weight and S of i <= N / 2 and of its mirror image; D and G are 0 on the diagonal, save at its ends. */
static void fill_slow(Lobatto *l, uint32_t i, double value[4]) {
    mpf_add_ui(l->a, l->x[i], 1);
    mpf_div_2exp(l->a, l->a, 1);
    value[0] = nearest(l, l->a);
    mpf_ui_sub(l->a, 1, l->a);
    value[1] = nearest(l, l->a);
    mpf_mul(l->d, l->inverse[i], l->inverse[i]);
    mpf_mul(l->a, l->d, l->u);
    mpf_div_2exp(l->a, l->a, 1);
    value[2] = nearest(l, l->a);
    if (i == 0) return;
    mpf_mul(l->a, l->x[i], l->x[i]);
    mpf_ui_sub(l->a, 1, l->a);
    mpf_mul_ui(l->a, l->a, 3);
    mpf_div(l->a, l->d, l->a);
    mpf_mul_2exp(l->a, l->a, 2);
    value[3] = nearest(l, l->a);
}

static void fill_diagonal(Lobatto *l, uint32_t i, const Out *out) {
    uint32_t N = l->N, s = N + 1, mirror = N - i;
    Pair y = l->y[i], qq = times(l->q[i], l->q[i]), two = {2, 0}, three = {3, 0};
    double value[4] = {0};
    bool all = tells(scaled(y, 0.5), &value[0]);
    all &= tells(scaled(plus(two, scaled(y, -1)), 0.5), &value[1]);
    all &= tells(scaled(times(qq, l->v), 0.5), &value[2]);
    if (i > 0) {
        Pair below = times(three, times(y, plus(two, scaled(y, -1)))); /* 1 - x^2 = y (2 - y) */
        all &= tells(scaled(times(qq, over(1, below)), 4), &value[3]);
    }
    if (!all) fill_slow(l, i, value);
    if (i == 0) value[3] = (N * (N + 1.0) + 1) / 3;
    out->node[mirror] = value[1];
    out->node[i] = value[0];
    out->weight[i] = out->weight[mirror] = value[2];
    out->stiffness[(size_t)i * s + i] = out->stiffness[(size_t)mirror * s + mirror] = value[3];
    for (int end = 0; end < 2; end++) {
        size_t at = (size_t)(end ? mirror : i) * (s + 1);
        double sign = end ? 1 : -1;
        out->derive[at] = i ? 0 : sign * N * (N + 1) / 2;
        out->gather[at] = i ? 0 : sign / 2;
    }
}

/* D_ij, -D_ji, G_ji and S_ij. */
static void pair_slow(Lobatto *l, uint32_t i, uint32_t j, double value[4]) {
    mpf_sub(l->a, l->x[i], l->x[j]);
    mpf_ui_div(l->d, 1, l->a); /* d = 1 / (x_i - x_j) */
    mpf_mul(l->a, l->P[i], l->inverse[j]);
    mpf_mul(l->a, l->a, l->d);
    mpf_mul_2exp(l->a, l->a, 1);
    value[0] = nearest(l, l->a);
    mpf_mul(l->a, l->P[j], l->inverse[i]);
    mpf_mul(l->a, l->a, l->d);
    mpf_mul_2exp(l->a, l->a, 1);
    value[1] = nearest(l, l->a);
    mpf_mul(l->a, l->inverse[i], l->inverse[j]);
    mpf_mul(l->a, l->a, l->u);
    mpf_mul(l->a, l->a, l->d);
    value[2] = nearest(l, l->a);
    mpf_mul(l->a, l->a, l->d);
    mpf_mul_2exp(l->a, l->a, 2);
    value[3] = nearest(l, l->a);
}

/* What stands off the diagonals, for the nodes i < j, i + j <= N, and for their mirror images. */
static void fill_pair(Lobatto *l, uint32_t i, uint32_t j, const Out *out) {
    uint32_t N = l->N;
    size_t s = (size_t)N + 1, ij = i * s + j, ji = j * s + i, mirror = s * s - 1; /* of ij: mirror - ij */
    bool right = 2 * j > N;
    uint32_t k = right ? N - j : j;
    double odd = right && N % 2 ? -1 : 1, value[4];
    Pair minus_two = {-2, 0}, pj = scaled(l->p[k], odd), qj = scaled(l->q[k], odd);
    Pair gap = right ? plus(plus(l->y[i], minus_two), l->y[k]) : plus(l->y[i], scaled(l->y[k], -1));
    Pair d = over(1, gap), g = times(times(times(l->q[i], qj), l->v), d);
    bool all = tells(scaled(times(times(l->p[i], qj), d), 2), &value[0]);
    all &= tells(scaled(times(times(pj, l->q[i]), d), 2), &value[1]);
    all &= tells(g, &value[2]);
    all &= tells(scaled(times(g, d), 4), &value[3]);
    if (!all) pair_slow(l, i, j, value);
    out->derive[ij] = value[0], out->derive[mirror - ij] = -value[0];
    out->derive[ji] = -value[1], out->derive[mirror - ji] = value[1];
    out->gather[ji] = out->gather[mirror - ij] = value[2];
    out->gather[ij] = out->gather[mirror - ji] = -value[2];
    out->stiffness[ij] = out->stiffness[ji] = value[3];
    out->stiffness[mirror - ij] = out->stiffness[mirror - ji] = value[3];
}

bool lobatto_tables(uint32_t r, double *node, double *weight, double *derive, double *gather, double *stiffness) {
    Lobatto l;
    const Out out = {node, weight, derive, gather, stiffness};
    if (r > LAG_R_MAX || !lobatto_init(&l, r + 1)) return false;
    find_nodes(&l);
    for (uint32_t i = 0; 2 * i <= l.N; i++) fill_diagonal(&l, i, &out);
    for (uint32_t i = 0; i < l.N; i++)
        for (uint32_t j = i + 1; i + j <= l.N; j++) fill_pair(&l, i, j, &out);
    lobatto_free(&l);
    return true;
}

/* ---- The fixed-point form ----
 *
 * In Legendre polynomials, whose integrals from -1 are Q_k / (2k + 1) with Q_k = P_{k+1} - P_{k-1}, the matrices of IIIA and
 * IIIB and their product become, with c_i = (1 + x_i) / 2 and k = 1 .. N - 1,
 *
 *     a_ij / b_j = c_i + sum_k P_k(x_j) Q_k(x_i) / 2                  (that of k = N is 0: Q_N is 0 at the nodes)
 *     J_ij = 1 - a_ji / b_i = 1 - c_j - sum_k P_k(x_i) Q_k(x_j) / 2
 *     H_ij = sum_k a_ik (1 - a_jk / b_k) = c_i - c_i c_j - sum_k Q_k(x_i) Q_k(x_j) / (4 (2k + 1))
 *
 * the last because the P_k of k < N are orthogonal in the Lobatto rule too. P_k and Q_k are even or odd, so that the two
 * sums over the even k and over the odd ones serve a pair of nodes and its mirror images. Pairs of doubles give H and J to
 * 2^-95, and at no r up to LAG_R_MAX is one of them so near to the middle of two numbers, unless it is the middle, that this
 * would not tell the nearest. */

enum { GRID = 53 };                                   /* c and H are integers / 2^GRID */
enum { COARSE = 52 };                                 /* K and J beside it: up to 2, and both of K_ij + J_ji = 1 exact */
enum { AHEAD = 10, AHEAD_TWO = 12, AHEAD_MOST = 16 }; /* degrees of the polynomial that forces are carried on by */

/* What the tables of the fixed-point form are made of, and where they go. */
typedef struct Stages {
    const Lobatto *l;
    uint32_t s, half, degree, lanes; /* the largest degree that forces are carried on by */
    Pair *P, *Q, *share;             /* [half, s] P_k(x_i), Q_k(x_i), Q_k(x_i) / (2k + 1) */
    double *near, *far, *along;      /* [degree + 1, s] P_m(x_j), e_kj = sum_m far_mk near_mj; [s] */
    double *node, *reach, *rate;
} Stages;

/* The degree, `least` or, of many nodes, more. */
static uint32_t ahead_degree(uint32_t N, uint32_t least) {
    uint32_t half = N / 2, degree = half < AHEAD_MOST ? half : AHEAD_MOST;
    degree = degree > least ? degree : least;
    return degree < N ? degree : N;
}

static bool stages_init(Stages *g, const Lobatto *l, uint32_t lanes) {
    uint32_t s = l->N + 1, half = l->N / 2 + 1, degree = ahead_degree(l->N, AHEAD_TWO);
    size_t pairs = (size_t)half * s, numbers = (size_t)(degree + 1) * s;
    *g = (Stages){.l = l, .s = s, .half = half, .degree = degree, .lanes = lanes};
    g->P = memory_new(3 * pairs * sizeof *g->P);
    g->near = memory_new((2 * numbers + s) * sizeof *g->near);
    if (!g->P || !g->near) return false;
    g->Q = g->P + pairs, g->share = g->P + 2 * pairs;
    g->far = g->near + numbers, g->along = g->near + 2 * numbers;
    return true;
}

static void stages_free(Stages *g) {
    memory_free(g->P);
    memory_free(g->near);
}

/* By P_k = x P_{k-1} + (1 - 1/k) (x P_{k-1} - P_{k-2}), which leaves no rounding at x = -1, nor in the odd ones at 0. */
static void find_legendre(Stages *g) {
    uint32_t N = g->l->N, s = g->s;
    const Pair one = {1, 0}, minus_one = {-1, 0};
    for (uint32_t i = 0; i < g->half; i++) {
        g->P[i * s] = one;
        g->P[i * s + 1] = plus(g->l->y[i], minus_one);
    }
    for (uint32_t k = 2; k <= N; k++) {
        Pair ratio = over(k - 1, (Pair){k, 0}), part = over(1, (Pair){2 * k - 1, 0});
        for (uint32_t i = 0; i < g->half; i++) {
            Pair *P = g->P + i * s + k, *Q = g->Q + i * s + k - 1, x = g->P[i * s + 1], first = times(x, P[-1]);
            *P = plus(first, times(ratio, plus(first, scaled(P[-2], -1))));
            *Q = plus(*P, scaled(P[-2], -1));
            g->share[i * s + k - 1] = times(*Q, part);
        }
    }
}

/* sum_k a_k b_k of k = first, first + 2, .. < N. */
static Pair dot(const Pair *a, const Pair *b, uint32_t first, uint32_t N) {
    double sum = 0, rest = 0;
    for (uint32_t k = first; k < N; k += 2) {
        double hi = a[k].hi * b[k].hi, lo = fma(a[k].hi, b[k].hi, -hi) + (a[k].hi * b[k].lo + a[k].lo * b[k].hi);
        Pair next = exact_sum(sum, hi);
        sum = next.hi;
        rest += next.lo + lo;
    }
    return quick_sum(sum, rest);
}

/* The multiple of 2^-bits nearest to x. */
static double on_grid(Pair x, int bits) {
    double hi = ldexp(x.hi, bits), whole = rint(hi);
    return ldexp(whole + rint(hi - whole + ldexp(x.lo, bits)), -bits);
}

/* H_ij = value, i <= j, and the three that it decides. Numbers of the grid that are at most 1: nothing is rounded. */
static void put_reach(Stages *g, uint32_t i, uint32_t j, double value) {
    uint32_t last = g->s - 1;
    size_t lanes = g->lanes;
    double across = value + (g->node[j] - g->node[i]);
    g->reach[j * lanes + i] = g->reach[(last - i) * lanes + (last - j)] = value;
    g->reach[i * lanes + j] = g->reach[(last - j) * lanes + (last - i)] = across;
}

/* H at the nodes i <= j of the first half, at i and the mirror image of j, and what follows from them. */
static void fill_reach(Stages *g, uint32_t i, uint32_t j) {
    uint32_t N = g->l->N;
    const Pair *Q = g->Q + i * g->s, *share = g->share + j * g->s;
    Pair ci = scaled(g->l->y[i], 0.5), cc = times(ci, scaled(g->l->y[j], 0.5));
    Pair odd = scaled(dot(Q, share, 1, N), -0.25), even = scaled(dot(Q, share, 2, N), -0.25);
    put_reach(g, i, j, on_grid(plus(plus(ci, scaled(cc, -1)), plus(even, odd)), GRID));
    put_reach(g, i, N - j, on_grid(plus(cc, plus(scaled(even, -1), odd)), GRID));
}

/* J at the nodes i and j of the first half and at their mirror images. */
static void fill_rate(Stages *g, uint32_t i, uint32_t j, bool coarse) {
    uint32_t N = g->l->N;
    size_t lanes = g->lanes;
    const Pair *P = g->P + i * g->s, *Q = g->Q + j * g->s, one = {1, 0};
    Pair odd = scaled(dot(P, Q, 1, N), -0.5), even = scaled(dot(P, Q, 2, N), -0.5);
    Pair rest = plus(plus(one, scaled(g->l->y[j], -0.5)), even), same = plus(rest, odd), other = plus(rest, scaled(odd, -1));
    if (coarse) {
        same = (Pair){on_grid(same, COARSE), 0};
        other = (Pair){on_grid(other, COARSE), 0};
    }
    g->rate[j * lanes + i] = same.hi;
    g->rate[j * lanes + (N - i)] = other.hi;
    g->rate[(N - j) * lanes + i] = plus(one, scaled(other, -1)).hi;
    g->rate[(N - j) * lanes + (N - i)] = plus(one, scaled(same, -1)).hi;
}

/* e_kj = b_k sum_m g_m P_m(x_k + 2) P_m(x_j), as the factors far and near. g_m = 2m + 1, the inverse of what the rule makes
 * of P_m^2, but N for m = N. */
static void find_ahead(Stages *g) {
    uint32_t N = g->l->N, s = g->s;
    for (uint32_t k = 0; k < s; k++) {
        uint32_t i = 2 * k > N ? N - k : k;
        double x = k == i ? g->l->y[i].hi + 1 : 3 - g->l->y[i].hi, P = 1, before = 0;
        double weight = g->l->v.hi * g->l->q[i].hi * g->l->q[i].hi / 2;
        for (uint32_t m = 0; m <= g->degree; m++) {
            double next = ((2 * m + 1) * x * P - m * before) / (m + 1);
            g->near[m * s + k] = k != i && m % 2 ? -g->P[i * s + m].hi : g->P[i * s + m].hi;
            g->far[m * s + k] = (m == N ? N : 2 * m + 1) * weight * P;
            before = P;
            P = next;
        }
    }
}

/* ahead_ij = sum_k table_ik e_kj */
static void fill_ahead(Stages *g, uint32_t least, const double *table, double *ahead) {
    uint32_t s = g->s, degree = ahead_degree(g->l->N, least);
    size_t lanes = g->lanes;
    for (uint32_t m = 0; m <= degree; m++) {
        memset(g->along, 0, s * sizeof *g->along);
        for (uint32_t k = 0; k < s; k++)
            for (uint32_t i = 0; i < s; i++) g->along[i] += table[k * lanes + i] * g->far[m * s + k];
        for (uint32_t j = 0; j < s; j++)
            for (uint32_t i = 0; i < s; i++) ahead[j * lanes + i] += g->along[i] * g->near[m * s + j];
    }
}

static void fill_nodes(Stages *g, double *end) {
    uint32_t N = g->l->N;
    for (uint32_t i = 0; i < g->half; i++) {
        g->node[i] = end[N - i] = on_grid(scaled(g->l->y[i], 0.5), GRID);
        g->node[N - i] = end[i] = 1 - g->node[i];
    }
}

/* H and J; or K and J. */
static void fill_stages(Stages *g, bool momenta) {
    size_t lanes = g->lanes;
    for (uint32_t i = 0; i < g->half; i++)
        for (uint32_t j = 0; j < g->half; j++) {
            if (i <= j && !momenta) fill_reach(g, i, j);
            fill_rate(g, i, j, momenta);
        }
    for (uint32_t i = 0; i < g->s && momenta; i++)
        for (uint32_t j = 0; j < g->s; j++) g->reach[j * lanes + i] = 1 - g->rate[i * lanes + j];
}

/* P_N at the nodes. */
static void fill_legendre(const Stages *g, double *legendre) {
    uint32_t N = g->l->N;
    for (uint32_t i = 0; i < g->half; i++) {
        legendre[N - i] = N % 2 && N - i != i ? -g->l->p[i].hi : g->l->p[i].hi;
        legendre[i] = g->l->p[i].hi;
    }
}

/* What steps are gone back through by. The second of what is extrapolated stands on K_ij = 1 - J_ji, which `rate_back` holds
 * until then. */
static void fill_back(Stages *g, const StageTables *out) {
    const uint32_t s = g->s;
    const size_t lanes = g->lanes, last = s - 1;
    for (size_t i = 0; i < s; i++)
        for (size_t j = 0; j < s; j++) out->rate_back[j * lanes + i] = 1 - out->rate[i * lanes + j];
    fill_ahead(g, AHEAD, out->rate_back, out->reach_back_ahead);
    for (size_t i = 0; i < s; i++)
        for (size_t j = 0; j < s; j++) {
            out->rate_back_ahead[i * lanes + j] = out->reach_back_ahead[(last - i) * lanes + last - j];
            out->rate_back[i * lanes + j] = out->rate[j * lanes + i];
            out->reach_back[i * lanes + j] = out->reach[j * lanes + i];
        }
    for (size_t i = 0; i < s; i++)
        for (size_t j = 0; j < s; j++)
            out->reach_back_ahead[i * lanes + j] = out->reach_ahead[(last - i) * lanes + last - j];
}

bool lobatto_stage_tables(uint32_t r, uint32_t lanes, bool momenta, const StageTables *out) {
    double *const table[] = {
        out->reach,          out->rate,       out->reach_ahead, out->rate_ahead,       out->reach_ahead_two,
        out->rate_ahead_two, out->reach_back, out->rate_back,   out->reach_back_ahead, out->rate_back_ahead};
    size_t size = ((size_t)r + 2) * lanes * sizeof(double);
    Lobatto l;
    Stages g;
    if (r > LAG_R_MAX || lanes < r + 2 || !lobatto_init(&l, r + 1)) return false;
    bool good = stages_init(&g, &l, lanes);
    if (good) {
        for (size_t i = 0; i < sizeof table / sizeof *table; i++)
            if (table[i]) memset(table[i], 0, size);
        memset(out->node, 0, lanes * sizeof *out->node);
        g.node = out->node, g.reach = out->reach, g.rate = out->rate;
        find_nodes(&l);
        find_legendre(&g);
        fill_nodes(&g, out->end);
        fill_stages(&g, momenta);
        if (momenta) {
            memset(out->legendre, 0, lanes * sizeof *out->legendre);
            fill_legendre(&g, out->legendre);
        }
        find_ahead(&g);
        fill_ahead(&g, AHEAD, out->reach, out->reach_ahead);
        fill_ahead(&g, AHEAD, out->rate, out->rate_ahead);
        if (out->reach_ahead_two) {
            fill_ahead(&g, AHEAD_TWO, out->reach, out->reach_ahead_two);
            fill_ahead(&g, AHEAD_TWO, out->rate, out->rate_ahead_two);
        }
        if (out->reach_back) fill_back(&g, out);
    }
    stages_free(&g);
    lobatto_free(&l);
    return good;
}
