/* test_lobatto.c: the tables against 40-digit references, to the last bit, and against each other at every r. */
#include "golden_numbers.h"
#include "lag_kernel.h"
#include "mech/lobatto.h"
#include "suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Tables {
    size_t s;
    double *node, *weight, *derive, *gather, *stiffness;
    bool good;
} Tables;

static Tables tables_of(uint32_t r) {
    size_t s = r + 2;
    Tables t = {.s = s, .node = calloc(2 * s + 3 * s * s, sizeof *t.node)};
    t.weight = t.node + s;
    t.derive = t.weight + s;
    t.gather = t.derive + s * s;
    t.stiffness = t.gather + s * s;
    t.good = lobatto_tables(r, t.node, t.weight, t.derive, t.gather, t.stiffness);
    CU_ASSERT(t.good);
    return t;
}

/* ---- References ---- */

static double half(mpfr_t x) {
    mpfr_div_2ui(x, x, 1, MPFR_RNDN);
    return mpfr_get_d(x, MPFR_RNDN);
}

/* c = (1 + x) / 2 and b = w / 2 are the doubles nearest to the reference's. */
static void test_nodes(void) {
    static const uint32_t r[] = {0, 1, 2, 3, 4, 7, 8, 10, 16, 40, 100, 200};
    for (size_t n = 0; n < sizeof r / sizeof *r; n++) {
        Tables t = tables_of(r[n]);
        mpfr_t *xw = read_numbers("lobatto", r[n], t.s, 2);
        unsigned wrong = 0;
        for (size_t i = 0; i < t.s; i++) {
            mpfr_add_ui(xw[2 * i], xw[2 * i], 1, MPFR_RNDN);
            wrong += t.node[i] != half(xw[2 * i]);
            wrong += t.weight[i] != half(xw[2 * i + 1]);
        }
        CU_ASSERT_EQUAL(wrong, 0);
        free_numbers(xw, 2 * t.s);
        free(t.node);
    }
}

/* D is twice the reference's; G and S are the sums that define them, of the reference's numbers. */
static void test_matrices(void) {
    static const uint32_t r[] = {0, 1, 2, 3, 4, 7, 8, 10, 16};
    mpfr_t G, S, term;
    mpfr_inits2(BITS, G, S, term, NULL);
    for (size_t n = 0; n < sizeof r / sizeof *r; n++) {
        Tables t = tables_of(r[n]);
        size_t s = t.s;
        mpfr_t *xw = read_numbers("lobatto", r[n], s, 2), *D = read_numbers("lobatto_D", r[n], s, s);
        unsigned wrong = 0;
        for (size_t i = 0; i < s; i++)
            for (size_t m = 0; m < s; m++) {
                wrong += t.derive[i * s + m] != 2 * mpfr_get_d(D[i * s + m], MPFR_RNDN);
                mpfr_mul(G, xw[2 * m + 1], D[m * s + i], MPFR_RNDN); /* halved and doubled */
                wrong += t.gather[i * s + m] != mpfr_get_d(G, MPFR_RNDN);
                mpfr_set_ui(S, 0, MPFR_RNDN);
                for (size_t j = 0; j < s; j++) {
                    mpfr_mul(term, xw[2 * j + 1], D[j * s + i], MPFR_RNDN);
                    mpfr_fma(S, term, D[j * s + m], S, MPFR_RNDN);
                }
                wrong += t.stiffness[i * s + m] != 2 * mpfr_get_d(S, MPFR_RNDN);
            }
        CU_ASSERT_EQUAL(wrong, 0);
        free_numbers(xw, 2 * s);
        free_numbers(D, s * s);
        free(t.node);
    }
    mpfr_clears(G, S, term, NULL);
}

/* ---- Every r ---- */

/* The step's time symmetry turns every table into itself, to the bit. */
static void check_symmetry(const Tables *t) {
    size_t s = t->s;
    unsigned wrong = 0;
    for (size_t i = 0; i < s; i++) {
        wrong += i > 0 && !(t->node[i] > t->node[i - 1]);
        wrong += t->weight[i] != t->weight[s - 1 - i];
        wrong += i > 0 && i < s - 1 && t->derive[i * s + i] != 0;
        for (size_t j = 0; j < s; j++) {
            size_t at = i * s + j, mirror = (s - 1 - i) * s + s - 1 - j, across = j * s + i;
            wrong += t->derive[at] != -t->derive[mirror];
            wrong += t->gather[at] != -t->gather[mirror];
            wrong += t->stiffness[at] != t->stiffness[mirror];
            wrong += i != j && t->gather[at] != -t->gather[across];
            wrong += t->stiffness[at] != t->stiffness[across];
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

/* D takes t^k to k t^(k-1), the weights integrate it, and S is the sum that defines it, to the rounding of the entries. */
static void check_sums(const Tables *t) {
    size_t s = t->s;
    long double worst = 0;
    for (unsigned k = 0; k <= 2 * s - 3 && k < 12; k++) {
        long double sum = 0;
        for (size_t i = 0; i < s; i++) sum += t->weight[i] * powl(t->node[i], k);
        worst = fmaxl(worst, fabsl((k + 1) * sum - 1));
    }
    CU_ASSERT(worst < 1e-14L);
    worst = 0;
    for (size_t i = 0; i < s; i++)
        for (unsigned k = 0; k < s && k < 4; k++) {
            long double sum = 0, size = 0;
            for (size_t j = 0; j < s; j++) {
                sum += t->derive[i * s + j] * powl(t->node[j], k);
                size += fabsl(t->derive[i * s + j]);
            }
            long double want = k ? k * powl(t->node[i], k - 1) : 0;
            worst = fmaxl(worst, fabsl(sum - want) / size);
        }
    CU_ASSERT(worst < 4e-16L);
    worst = 0;
    for (size_t i = 0; i < s; i += 1 + s / 20)
        for (size_t m = 0; m < s; m++) {
            long double sum = 0, size = 0;
            for (size_t j = 0; j < s; j++) {
                long double term = (long double)t->weight[j] * t->derive[j * s + i] * t->derive[j * s + m];
                sum += term;
                size += fabsl(term);
            }
            worst = fmaxl(worst, fabsl(sum - t->stiffness[i * s + m]) / size);
        }
    CU_ASSERT(worst < 1e-15L);
}

static void test_every_r(void) {
    for (uint32_t r = 0; r <= LAG_R_MAX; r += r < 24 ? 1 : 11) {
        Tables t = tables_of(r);
        check_symmetry(&t);
        check_sums(&t);
        free(t.node);
    }
}

/* The rows of D sum to 0, so that a constant has no velocity. */
static void test_row_sums(void) {
    for (uint32_t r = 0; r <= LAG_R_MAX; r += 50) {
        Tables t = tables_of(r);
        double largest = 0, worst = 0;
        for (size_t i = 0; i < t.s; i++) {
            double sum = 0;
            for (size_t j = 0; j < t.s; j++) {
                sum += t.derive[i * t.s + j];
                largest = fmax(largest, fabs(t.derive[i * t.s + j]));
            }
            worst = fmax(worst, fabs(sum));
        }
        CU_ASSERT(worst < 1e-12 * largest);
        free(t.node);
    }
}

static void test_range(void) {
    double untouched = 7;
    CU_ASSERT(!lobatto_tables(LAG_R_MAX + 1, &untouched, &untouched, &untouched, &untouched, &untouched));
    CU_ASSERT_EQUAL(untouched, 7);
    Tables t = tables_of(0); /* two nodes: the trapezium rule and the straight line */
    const double want[] = {0, 1, 0.5, 0.5, -1, 1, -1, 1, -0.5, -0.5, 0.5, 0.5, 1, -1, -1, 1};
    CU_ASSERT(memcmp(t.node, want, sizeof want) == 0);
    free(t.node);
}

void suite_lobatto(void) {
    suite_add("lobatto", (SuiteTest[]){{"nodes and weights", test_nodes},
                                       {"D, G and S", test_matrices},
                                       {"every r", test_every_r},
                                       {"row sums of D", test_row_sums},
                                       {"range", test_range},
                                       {0}});
}
