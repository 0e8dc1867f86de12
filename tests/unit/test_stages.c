/* test_stages.c: the tables of the fixed-point form, against their definition in many digits, and what must hold exactly. */
#include "golden_numbers.h"
#include "lag_kernel.h"
#include "mech/lobatto.h"
#include "suite.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define GRID 0x1p-53 /* the tables' c and H are multiples of it */
#define SLACK 1e-6   /* what a bound may be overstepped by, relatively: references have no more digits than they need */
#define UNTOUCHED 7.5

enum { AHEAD = 10, AHEAD_TWO = 12, AHEAD_MOST = 16, AHEAD_ULPS = 8 };

/* ---- Tables ---- */

enum {
    REACH,
    RATE,
    REACH_AHEAD,
    RATE_AHEAD,
    REACH_AHEAD_TWO,
    RATE_AHEAD_TWO,
    FORTH, /* tables up to here, which there are references of */
    REACH_BACK = FORTH,
    RATE_BACK,
    REACH_BACK_AHEAD,
    RATE_BACK_AHEAD,
    TABLES
};

typedef struct Stages {
    uint32_t r, s, lanes;
    double *node, *end, *table[TABLES], *weight;
    double *block;
} Stages;

/* With a guard behind each array. */
static Stages stages_of(uint32_t r, uint32_t lanes) {
    uint32_t s = r + 2;
    size_t size = (size_t)s * lanes + 1, all = lanes + 1 + s + 1 + TABLES * size;
    Stages t = {.r = r, .s = s, .lanes = lanes, .block = malloc((all + 2 * s + 3 * s * s) * sizeof *t.block)};
    for (size_t i = 0; i < all; i++) t.block[i] = UNTOUCHED;
    t.node = t.block, t.end = t.node + lanes + 1, t.table[0] = t.end + s + 1;
    for (size_t k = 1; k < TABLES; k++) t.table[k] = t.table[k - 1] + size;
    const StageTables out = {.node = t.node,
                             .end = t.end,
                             .reach = t.table[REACH],
                             .rate = t.table[RATE],
                             .reach_ahead = t.table[REACH_AHEAD],
                             .rate_ahead = t.table[RATE_AHEAD],
                             .reach_ahead_two = t.table[REACH_AHEAD_TWO],
                             .rate_ahead_two = t.table[RATE_AHEAD_TWO],
                             .reach_back = t.table[REACH_BACK],
                             .rate_back = t.table[RATE_BACK],
                             .reach_back_ahead = t.table[REACH_BACK_AHEAD],
                             .rate_back_ahead = t.table[RATE_BACK_AHEAD]};
    CU_ASSERT(lobatto_stage_tables(r, lanes, false, &out));
    CU_ASSERT_EQUAL(t.node[lanes], UNTOUCHED);
    CU_ASSERT_EQUAL(t.end[s], UNTOUCHED);
    for (size_t k = 0; k < TABLES; k++) CU_ASSERT_EQUAL(t.table[k][size - 1], UNTOUCHED);
    double *gauss = t.block + all, *matrix = gauss + 2 * s;
    t.weight = gauss + s;
    CU_ASSERT(lobatto_tables(r, gauss, t.weight, matrix, matrix + s * s, matrix + 2 * s * s));
    return t;
}

static double at(const Stages *t, int table, size_t i, size_t j) { return t->table[table][j * t->lanes + i]; }

static double largest(const Stages *t, int table) {
    double most = 0;
    for (size_t i = 0; i < t->s; i++)
        for (size_t j = 0; j < t->s; j++) most = fmax(most, fabs(at(t, table, i, j)));
    return most;
}

/* Runs `check` at every r up to 24 and some beyond. */
static void every_r(void (*check)(const Stages *t)) {
    for (uint32_t r = 0; r <= LAG_R_MAX; r += r < 24 ? 1 : 11) {
        Stages t = stages_of(r, r + 2);
        check(&t);
        free(t.block);
    }
}

/* ---- What holds exactly ---- */

/* x is an integer of the grid, of 1 at most: differences of such numbers are exact. */
static bool on_grid(double x) { return fabs(x) <= 1 && ldexp(x, 53) == rint(ldexp(x, 53)); }

static void check_exact(const Stages *t) {
    size_t last = t->s - 1;
    unsigned wrong = 0;
    for (size_t i = 0; i <= last; i++) {
        const double *c = t->node;
        wrong += !on_grid(c[i]) || t->end[i] != 1 - c[i] || t->end[i] != c[last - i];
        wrong += i > 0 && !(c[i] > c[i - 1]);
        wrong += at(t, REACH, i, last) != 0 || at(t, RATE, i, last) != 0; /* steps leave them out */
        wrong += at(t, REACH, 0, i) != 0 || at(t, REACH, last, i) != 1 - c[i] || at(t, REACH, i, last) != 0;
        wrong += at(t, RATE, i, 0) != 1 || at(t, RATE, i, last) != 0;
        for (size_t j = 0; j <= last; j++) {
            double H = at(t, REACH, i, j), across = at(t, REACH, j, i);
            wrong += !on_grid(H) || H - across != c[i] - c[j];
            wrong += at(t, REACH, last - i, last - j) != across;
            wrong += at(t, REACH_BACK, j, i) != H || at(t, RATE_BACK, j, i) != at(t, RATE, i, j);
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(t->node[0] == 0 && t->node[last] == 1);
}

static void test_exact(void) { every_r(check_exact); }

/* ---- Sums ---- */

/* Of f_j = b_j c_j^q, H makes c^(q+2) / ((q+1) (q+2)) and J makes c^(q+1) / (q+1), for q < r: there IIIB integrates exactly.
 * At r = 0, H still does it for q = 0. */
static void check_powers(const Stages *t) {
    long double worst = 0;
    for (unsigned q = 0; q < 7 && (q < t->r || q == 0); q++)
        for (size_t i = 0; i < t->s; i++) {
            long double reach = 0, rate = 0, c = t->node[i];
            for (size_t j = 0; j < t->s; j++) {
                long double f = t->weight[j] * powl(t->node[j], q);
                reach += at(t, REACH, i, j) * f;
                rate += at(t, RATE, i, j) * f;
            }
            worst = fmaxl(worst, fabsl(reach - powl(c, q + 2) / ((q + 1) * (q + 2))));
            if (q < t->r) worst = fmaxl(worst, fabsl(rate - powl(c, q + 1) / (q + 1)));
        }
    CU_ASSERT(worst < 3 * GRID);
}

static void test_powers(void) { every_r(check_powers); }

/* P_m(x) */
static long double legendre(unsigned m, long double x) {
    long double P = 1, before = 0;
    for (unsigned k = 0; k < m; k++) {
        long double next = ((2 * k + 1) * x * P - k * before) / (k + 1);
        before = P;
        P = next;
    }
    return P;
}

/* |sum_j ahead_ij f_j - sum_k table_ik g_k| at its largest, in units in the last place of the largest of ahead. */
static double ahead_error(const Stages *t, int table, int ahead, const long double *f, const long double *g) {
    long double worst = 0;
    for (size_t i = 0; i < t->s; i++) {
        long double difference = 0;
        for (size_t j = 0; j < t->s; j++) difference += at(t, ahead, i, j) * f[j] - at(t, table, i, j) * g[j];
        worst = fmaxl(worst, fabsl(difference));
    }
    return (double)worst / (DBL_EPSILON / 2 * largest(t, ahead));
}

/* P_m is carried on, by a table of H and the one of J behind it whose extrapolating ones are these, to nodes of x + shift
 * for m <= p, and the higher ones, orthogonal to these, to nothing. */
static void check_carried(const Stages *t, int table, int ahead, unsigned least, int shift) {
    unsigned N = t->r + 1, half = N / 2 < AHEAD_MOST ? N / 2 : AHEAD_MOST, degree = half > least ? half : least;
    unsigned p = N < degree ? N : degree;
    long double f[LAG_R_MAX + 2], g[LAG_R_MAX + 2];
    for (unsigned m = 0; m <= N && m <= p + 4; m++) {
        for (size_t j = 0; j < t->s; j++) {
            long double x = 2 * (long double)t->node[j] - 1;
            f[j] = t->weight[j] * legendre(m, x);
            g[j] = m <= p ? t->weight[j] * legendre(m, x + shift) : 0;
        }
        CU_ASSERT(ahead_error(t, table, ahead, f, g) < AHEAD_ULPS);
        CU_ASSERT(ahead_error(t, table + 1, ahead + 1, f, g) < AHEAD_ULPS);
    }
}

/* To the next step. */
static void check_ahead(const Stages *t) {
    check_carried(t, REACH, REACH_AHEAD, AHEAD, 2);
    check_carried(t, REACH, REACH_AHEAD_TWO, AHEAD_TWO, 2);
    double worst = 0; /* a constant force */
    for (size_t i = 0; i < t->s; i++) {
        double sum = 0, c = t->node[i];
        for (size_t j = 0; j < t->s; j++) sum += at(t, REACH_AHEAD, i, j) * t->weight[j];
        worst = fmax(worst, fabs(sum - c * c / 2));
    }
    CU_ASSERT(worst < AHEAD_ULPS * DBL_EPSILON * largest(t, REACH_AHEAD));
}

static void test_ahead(void) { every_r(check_ahead); }

/* From the step behind, which is the later one, to the one before. */
static void check_back_ahead(const Stages *t) { check_carried(t, REACH_BACK, REACH_BACK_AHEAD, AHEAD, -2); }

static void test_back_ahead(void) { every_r(check_back_ahead); }

/* ---- Many digits ---- */

/* The worst of some entries: errors of H, in multiples of the grid, and of its upper half; of HE and JE, in units in the
 * last place of the largest; and how many of J are not the nearest double. */
typedef struct Worst {
    double reach, upper, ahead[FORTH]; /* of the tables from REACH_AHEAD on */
    unsigned rate;
} Worst;

/* |x - exact| */
static double error(double x, const mpfr_t exact) {
    mpfr_t difference;
    mpfr_init2(difference, BITS);
    mpfr_d_sub(difference, x, exact, MPFR_RNDN);
    double size = fabs(mpfr_get_d(difference, MPFR_RNDN));
    mpfr_clear(difference);
    return size;
}

static void worst_reach(Worst *worst, const Stages *t, size_t i, size_t j, const mpfr_t exact) {
    double off = error(at(t, REACH, i, j), exact) / GRID;
    worst->reach = fmax(worst->reach, off);
    if (i <= j) worst->upper = fmax(worst->upper, off);
}

static void check_worst(const Worst *worst) {
    CU_ASSERT(worst->upper <= 0.5 + SLACK);
    CU_ASSERT(worst->reach <= 1.5 + SLACK);
    CU_ASSERT_EQUAL(worst->rate, 0);
    for (int table = REACH_AHEAD; table < FORTH; table++) CU_ASSERT(worst->ahead[table] < AHEAD_ULPS);
}

static void test_golden(void) {
    static const struct {
        uint32_t r, every; /* every so many rows are in the file */
    } part[] = {{0, 1}, {1, 1}, {2, 1}, {4, 1}, {8, 1}, {16, 1}, {40, 6}};
    for (size_t n = 0; n < sizeof part / sizeof *part; n++) {
        Stages t = stages_of(part[n].r, part[n].r + 2);
        size_t count = (t.s + part[n].every - 1) / part[n].every * t.s;
        mpfr_t *row = read_numbers("lobatto_stage", t.r, count, 2 + FORTH);
        double ulp[FORTH];
        for (int table = REACH_AHEAD; table < FORTH; table++) ulp[table] = DBL_EPSILON / 2 * largest(&t, table);
        Worst worst = {0};
        for (size_t k = 0; k < count; k++) {
            mpfr_t *entry = row + k * (2 + FORTH), *value = entry + 2;
            size_t i = mpfr_get_ui(entry[0], MPFR_RNDN), j = mpfr_get_ui(entry[1], MPFR_RNDN);
            CU_ASSERT_FATAL(i == k / t.s * part[n].every && j == k % t.s);
            worst_reach(&worst, &t, i, j, value[REACH]);
            worst.rate += at(&t, RATE, i, j) != mpfr_get_d(value[RATE], MPFR_RNDN);
            for (int table = REACH_AHEAD; table < FORTH; table++)
                worst.ahead[table] = fmax(worst.ahead[table], error(at(&t, table, i, j), value[table]) / ulp[table]);
        }
        check_worst(&worst);
        free_numbers(row, count * (2 + FORTH));
        free(t.block);
    }
}

/* Nodes, weights and the barycentric weights of Lagrange's polynomials, which are +-sqrt(b_j) at Lobatto's nodes; and rows
 * of a, as they are wanted. */
typedef struct Exact {
    size_t s;
    mpfr_t *c, *b, *beta, *a;
} Exact;

static mpfr_t *new_numbers(size_t count) {
    mpfr_t *number = malloc(count * sizeof *number);
    for (size_t i = 0; i < count; i++) mpfr_init2(number[i], BITS);
    return number;
}

static Exact exact_of(uint32_t r) {
    size_t s = r + 2;
    Exact e = {s, new_numbers(s), new_numbers(s), new_numbers(s), new_numbers(s * s)};
    mpfr_t *xw = read_numbers("lobatto", r, s, 2);
    for (size_t i = 0; i < s; i++) {
        mpfr_add_ui(e.c[i], xw[2 * i], 1, MPFR_RNDN);
        mpfr_div_2ui(e.c[i], e.c[i], 1, MPFR_RNDN);
        mpfr_div_2ui(e.b[i], xw[2 * i + 1], 1, MPFR_RNDN);
        mpfr_sqrt(e.beta[i], e.b[i], MPFR_RNDN);
        if (i % 2) mpfr_neg(e.beta[i], e.beta[i], MPFR_RNDN);
    }
    free_numbers(xw, 2 * s);
    return e;
}

static void exact_free(Exact *e) {
    free_numbers(e->c, e->s);
    free_numbers(e->b, e->s);
    free_numbers(e->beta, e->s);
    free_numbers(e->a, e->s * e->s);
}

/* row_j += by l_j(t) */
static void add_lagrange(const Exact *e, const mpfr_t t, const mpfr_t by, mpfr_t *row, mpfr_t *term) {
    mpfr_t *sum = term + e->s;
    for (size_t j = 0; j < e->s; j++)
        if (mpfr_equal_p(t, e->c[j])) {
            mpfr_add(row[j], row[j], by, MPFR_RNDN);
            return;
        }
    mpfr_set_ui(*sum, 0, MPFR_RNDN);
    for (size_t j = 0; j < e->s; j++) {
        mpfr_sub(term[j], t, e->c[j], MPFR_RNDN);
        mpfr_div(term[j], e->beta[j], term[j], MPFR_RNDN);
        mpfr_add(*sum, *sum, term[j], MPFR_RNDN);
    }
    mpfr_div(*sum, by, *sum, MPFR_RNDN);
    for (size_t j = 0; j < e->s; j++) mpfr_fma(row[j], term[j], *sum, row[j], MPFR_RNDN);
}

/* a_ij, the integral of l_j from 0 to c_i: by the Lobatto rule there, which is exact. */
static void find_a(Exact *e, size_t i) {
    mpfr_t *row = e->a + i * e->s, *work = new_numbers(e->s + 3), *t = work + e->s + 1, *by = t + 1;
    for (size_t j = 0; j < e->s; j++) mpfr_set_ui(row[j], 0, MPFR_RNDN);
    for (size_t k = 0; k < e->s; k++) {
        mpfr_mul(*t, e->c[i], e->c[k], MPFR_RNDN);
        mpfr_mul(*by, e->c[i], e->b[k], MPFR_RNDN);
        add_lagrange(e, *t, *by, row, work);
    }
    free_numbers(work, e->s + 3);
}

/* H_ij = sum_k a_ik J_kj and J_ij = 1 - a_ji / b_i, where rows i and j of a are there. */
static void exact_entry(const Exact *e, size_t i, size_t j, mpfr_t reach, mpfr_t rate) {
    const mpfr_t *a_i = e->a + i * e->s, *a_j = e->a + j * e->s;
    mpfr_set_ui(reach, 0, MPFR_RNDN);
    for (size_t k = 0; k < e->s; k++) {
        mpfr_div(rate, a_j[k], e->b[k], MPFR_RNDN);
        mpfr_ui_sub(rate, 1, rate, MPFR_RNDN);
        mpfr_fma(reach, a_i[k], rate, reach, MPFR_RNDN);
    }
    mpfr_div(rate, a_j[i], e->b[i], MPFR_RNDN);
    mpfr_ui_sub(rate, 1, rate, MPFR_RNDN);
}

/* Some rows and columns, evenly spread, at small r and at the largest. */
static void test_definition(void) {
    static const uint32_t r[] = {3, 7, 10, 40, 100, 200};
    mpfr_t reach, rate;
    mpfr_inits2(BITS, reach, rate, NULL);
    for (size_t n = 0; n < sizeof r / sizeof *r; n++) {
        Stages t = stages_of(r[n], r[n] + 2);
        Exact e = exact_of(r[n]);
        size_t step = 1 + t.s / 24;
        Worst worst = {0};
        for (size_t i = 0; i < t.s; i += step) find_a(&e, i);
        for (size_t i = 0; i < t.s; i += step) {
            CU_ASSERT(error(t.node[i], e.c[i]) <= (0.5 + SLACK) * GRID);
            for (size_t j = 0; j < t.s; j += step) {
                exact_entry(&e, i, j, reach, rate);
                worst_reach(&worst, &t, i, j, reach);
                worst.rate += at(&t, RATE, i, j) != mpfr_get_d(rate, MPFR_RNDN);
            }
        }
        check_worst(&worst);
        exact_free(&e);
        free(t.block);
    }
    mpfr_clears(reach, rate, NULL);
}

/* ---- Shapes ---- */

/* Wider rows hold the same numbers and then zeros. */
static void test_lanes(void) {
    for (uint32_t r = 0; r <= 20; r += 5) {
        Stages narrow = stages_of(r, r + 2), wide = stages_of(r, r + 9);
        unsigned wrong = 0;
        for (size_t i = 0; i < wide.lanes; i++) {
            bool there = i < wide.s;
            wrong += wide.node[i] != (there ? narrow.node[i] : 0);
            for (size_t j = 0; j < wide.s; j++)
                for (int k = 0; k < TABLES; k++) wrong += at(&wide, k, i, j) != (there ? at(&narrow, k, i, j) : 0);
        }
        CU_ASSERT_EQUAL(wrong, 0);
        free(narrow.block);
        free(wide.block);
    }
}

/* The tables of steps whose momentum is no mass times velocity: near the others' J, and exact in what makes the step
 * symplectic and symmetric. */
static void test_momenta(void) {
    static const uint32_t rs[] = {0, 1, 2, 3, 5, 8, 16, 40, LAG_R_MAX};
    for (size_t n = 0; n < sizeof rs / sizeof *rs; n++) {
        uint32_t r = rs[n], s = r + 2, lanes = lag_lanes(s), last = s - 1;
        Stages plain = stages_of(r, lanes);
        size_t size = (size_t)s * lanes;
        double *block = calloc(4 * size + 3 * lanes, sizeof *block), *J = block + size, *P = block + 4 * size, even = 0;
        const StageTables out = {.node = P + lanes,
                                 .end = P + 2 * lanes,
                                 .reach = block,
                                 .rate = J,
                                 .reach_ahead = block + 2 * size,
                                 .rate_ahead = block + 3 * size,
                                 .legendre = P};
        uint32_t wrong = 0;
        CU_ASSERT(lobatto_stage_tables(r, lanes, true, &out));
        for (uint32_t j = 0; j < s; j++) {
            for (uint32_t i = 0; i < s; i++) {
                double ij = J[j * lanes + i];
                wrong += block[i * lanes + j] + ij != 1 || J[(last - j) * lanes + (last - i)] + ij != 1;
                wrong += fabs(ij - plain.table[RATE][j * lanes + i]) > GRID;
                wrong += j == last && ij != 0; /* steps leave them out */
            }
            wrong += P[last - j] != (s % 2 ? P[j] : -P[j]);
            even += plain.weight[j] * P[j] * P[j];
        }
        CU_ASSERT_EQUAL(wrong, 0);
        CU_ASSERT_EQUAL(P[last], 1);
        CU_ASSERT_DOUBLE_EQUAL(even * (r + 1), 1, 1e-14); /* of the Legendre polynomial of degree r + 1, by the rule */
        free(plain.block);
        free(block);
    }
}

static void test_range(void) {
    double x[6] = {UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED};
    static const uint32_t bad[][2] = {{LAG_R_MAX + 1, LAG_R_MAX + 3}, {UINT32_MAX, UINT32_MAX}, {0, 1}, {8, 9}, {3, 0}};
    for (size_t n = 0; n < sizeof bad / sizeof *bad; n++)
        CU_ASSERT(!lobatto_stage_tables(
            bad[n][0], bad[n][1], false,
            &(StageTables){
                .node = x, .end = x + 1, .reach = x + 2, .rate = x + 3, .reach_ahead = x + 4, .rate_ahead = x + 5}));
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) CU_ASSERT_EQUAL(x[i], UNTOUCHED);
}

void suite_stages(void) {
    suite_add("stages", (SuiteTest[]){{"exact relations", test_exact},
                                      {"powers of time", test_powers},
                                      {"forces carried on", test_ahead},
                                      {"derivatives carried back", test_back_ahead},
                                      {"references", test_golden},
                                      {"definition", test_definition},
                                      {"lanes", test_lanes},
                                      {"momenta", test_momenta},
                                      {"range", test_range},
                                      {0}});
}
