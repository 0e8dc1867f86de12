/* test_wide.c: systems of more coordinates than there are matrices for: the steps of each of many copies of a small system
 * beside Newton's steps of one; the same bits by every backend, in pieces and in batches; and what is told where sweeps
 * don't converge. */
#include "harness.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH = 13, COPIES = 40, STEPS = 24 };

/* Terms of a mass x, and of the bond between x and y = x + s; c is a number that changes along an uneven chain. */
static const struct {
    const char *mass, *bond;
    bool uneven; /* bonds of several strengths */
} system_list[] = {
    {"", "- (s^2/2 + a*s^3/3 + b*s^4/4)", false},
    {"- x^4/4 + g*x + cos(x)/2 + x*sin(w*t)/9", "- s^2/2", false},
    {"- 0.02*xd_p*x_m", "- s^2/2 - b*s^4", false},           /* with velocities: the nodes stand in lanes */
    {"", "- exp(s) - exp(-s)*c", true},                      /* few are like the next: the same */
    {"- x^2*c/3", "- c*(s^2/2 + a*s^3/3) + s^4*c/50", true}, /* alike but for a factor */
    {"- a*x^2", "- (sqrt(1 + s^2) - 1)/c - b*(x^2 + y^2)*x*y - cos(w*t)*x*y", false},
};
enum { SYSTEMS = sizeof system_list / sizeof *system_list };

static size_t put(char *text, size_t at, const char *format, ...) {
    va_list list;
    va_start(list, format);
    at += (size_t)vsprintf(text + at, format, list);
    va_end(list);
    return at;
}

/* The pattern with x and y standing for these coordinates, and s for how far they are apart; outside there is a wall. */
static size_t put_term(char *text, size_t at, const char *pattern, uint32_t x, uint32_t y, uint32_t c) {
    for (const char *p = pattern; *p; p++) {
        bool word = (p > pattern && p[-1] >= 'a' && p[-1] <= 'z') || (p[1] >= 'a' && p[1] <= 'z' && p[1] != 'd');
        if (*p == 'x' && !word)
            at = x ? put(text, at, "x%u", x) : put(text, at, "0");
        else if (*p == 'y' && !word)
            at = y ? put(text, at, "x%u", y) : put(text, at, "0");
        else if (*p == 's' && !word)
            at = x && y ? put(text, at, "(x%u - x%u)", y, x) : x ? put(text, at, "(-x%u)", x) : put(text, at, "x%u", y);
        else if (*p == 'c' && !word)
            at = put(text, at, "(1 + %u/10)", c);
        else
            text[at++] = *p;
    }
    text[at] = 0;
    return at;
}

/* Chains of so many masses between walls, side by side. */
static char *chains(int i, uint32_t copies, uint32_t length) {
    char *text = malloc((size_t)copies * (length + 1) * 512 + 256);
    size_t at = put(text, 0, "a = 0.25; b = 0.1; g = 0.03; w = 1.3;");
    for (uint32_t k = 1; k <= copies * length; k++) at = put(text, at, " + x%ud^2*%u/2", k, 1 + k % length % 3);
    for (uint32_t k = 0; k < copies * (length + 1); k++) {
        uint32_t first = k / (length + 1) * length, place = k % (length + 1);
        uint32_t x = place ? first + place : 0, y = place < length ? first + place + 1 : 0;
        if (x) at = put_term(text, put(text, at, " "), system_list[i].mass, x, 0, place % 4);
        at = put_term(text, put(text, at, " "), system_list[i].bond, x, y, system_list[i].uneven ? place % 3 : 1);
    }
    return text;
}

static Harness read_chains(int i, uint32_t copies, uint32_t length) {
    char *text = chains(i, copies, length);
    Harness h = harness_read(text);
    free(text);
    return h;
}

/* No two copies start alike. */
static void spread(double *q, double *pi, uint32_t copies, uint32_t length) {
    for (uint32_t k = 0; k < copies * length; k++) {
        q[k] = 0.9 * sin(1.7 * (k % length) + 0.3) * (1 + 0.01 * (k / length));
        pi[k] = 0.4 * cos(2.3 * (k % length)) * (1 - 0.02 * (k / length));
    }
}

static LagIntegrator *begin(const Harness *h, const LagKernel *kernel, LagMethod method, const double *q, const double *pi) {
    return harness_begin(kernel, method, harness_parameters(h), 0.5, q, pi);
}

static void state_of(const LagIntegrator *it, double *q, double *pi) {
    LagRows row = {.capacity = 1, .q = q, .pi = pi};
    lag_integrator_state(it, &row);
}

/* ---- The same map ---- */

/* Forth, on in other steps, and back. */
static void walk(LagIntegrator *it, double h) {
    CU_ASSERT_EQUAL(lag_integrator_advance(it, h, STEPS, 1, NULL), LAG_OK);
    CU_ASSERT_EQUAL(lag_integrator_advance(it, 2 * h, STEPS / 2, 1, NULL), LAG_OK);
    CU_ASSERT_EQUAL(lag_integrator_advance(it, -h, STEPS, 1, NULL), LAG_OK);
}

static double compare(int i, const Harness *many, const Harness *one, uint32_t r, LagMethod method) {
    enum { ALL = LENGTH * COPIES };
    static double q[ALL], pi[ALL], end_q[ALL], end_pi[ALL];
    double one_q[LENGTH], one_pi[LENGTH], worst = 0, h = method == LAG_METHOD_RK4 ? 0.02 : 0.1;
    const LagKernel *wide = harness_kernel(many, r, LAG_BACKEND_INTERPRETER),
                    *small = harness_kernel(one, r, LAG_BACKEND_INTERPRETER);
    CU_ASSERT(lag_kernel_is_wide(wide) && !lag_kernel_is_wide(small));
    CU_ASSERT_EQUAL(lag_kernel_road(wide), LAG_ROAD_SWEEPS);
    spread(q, pi, COPIES, LENGTH);
    LagIntegrator *it = begin(many, wide, method, q, pi);
    walk(it, h);
    state_of(it, end_q, end_pi);
    LagReport report;
    lag_integrator_report(it, &report);
    CU_ASSERT_EQUAL(report.fallbacks, 0);
    CU_ASSERT(isnan(report.energy) || fabs(report.energy / report.energy_start - 1) < (i == 2 ? 1 : 1e-2));
    lag_integrator_free(it);
    for (uint32_t copy = 0; copy < COPIES; copy += 13) {
        LagIntegrator *alone =
            begin(one, small, method == LAG_METHOD_RK4 ? method : LAG_METHOD_NEWTON, q + copy * LENGTH, pi + copy * LENGTH);
        walk(alone, h);
        state_of(alone, one_q, one_pi);
        for (int k = 0; k < LENGTH; k++) {
            worst = fmax(worst, fabs(end_q[copy * LENGTH + k] - one_q[k]));
            worst = fmax(worst, fabs(end_pi[copy * LENGTH + k] - one_pi[k]));
        }
        lag_integrator_free(alone);
    }
    return worst;
}

static void test_same_map(void) {
    static const uint32_t r[] = {0, 1, 2, 11, 13};
    for (int i = 0; i < SYSTEMS; i++) {
        Harness many = read_chains(i, COPIES, LENGTH), one = read_chains(i, 1, LENGTH);
        for (size_t n = 0; n < sizeof r / sizeof *r; n++) {
            double plain = compare(i, &many, &one, r[n], LAG_METHOD_GGL);
            double compensated = n != 2 ? 0 : compare(i, &many, &one, r[n], LAG_METHOD_COMPENSATED);
            if (!(plain <= 2e-13 && compensated <= 2e-13))
                printf("\n    %d, r = %u: %.1e, %.1e", i, r[n], plain, compensated);
            CU_ASSERT(plain <= 2e-13 && compensated <= 2e-13);
        }
        CU_ASSERT(compare(i, &many, &one, 0, LAG_METHOD_RK4) <= 2e-13);
        harness_free(&many);
        harness_free(&one);
    }
}

/* ---- The same bits ---- */

enum { LONG = 1000 };

/* Chains of a thousand masses, or, where bonds are uneven, many short ones: whichever way the steps are run, in whatever
 * pieces. */
static void test_same_bits(void) {
    static double q[LONG], pi[LONG], end[2 * LONG], first[2 * LONG];
    for (int i = 0; i < SYSTEMS; i++) {
        bool whole = !system_list[i].uneven;
        uint32_t copies = whole ? 1 : COPIES, length = whole ? LONG : LENGTH, d = copies * length;
        Harness h = read_chains(i, copies, length);
        spread(q, pi, copies, length);
        for (int backend = 0; backend < LAG_BACKENDS; backend++) {
            LagIntegrator *it = begin(&h, harness_kernel(&h, whole ? 2 : 4, (LagBackend)backend), LAG_METHOD_GGL, q, pi);
            for (int done = 0, piece = backend + 1; done < STEPS; done += piece) {
                piece = piece < STEPS - done ? piece : STEPS - done;
                CU_ASSERT_EQUAL(lag_integrator_advance(it, 0.1, (uint64_t)piece, 1, NULL), LAG_OK);
            }
            state_of(it, end, end + d);
            if (backend == 0) memcpy(first, end, sizeof first);
            CU_ASSERT(memcmp(first, end, 2 * d * sizeof *end) == 0);
            lag_integrator_free(it);
        }
        harness_free(&h);
    }
}

static void test_batches(void) {
    enum { MANY = 3 };
    static double q[MANY * LONG], pi[MANY * LONG], end[2][MANY * LONG], one[2][LONG];
    Harness h = read_chains(0, 1, LONG);
    const LagKernel *kernel = harness_kernel(&h, 2, LAG_BACKEND_LLVM_QUICK);
    double c[64 * MANY];
    LagBatch *b;
    spread(q, pi, MANY, LONG);
    for (int i = 0; i < MANY; i++)
        memcpy(c + i * kernel->parameter_count, harness_parameters(&h), kernel->parameter_count * sizeof *c);
    CU_ASSERT_EQUAL_FATAL(lag_batch_new(kernel, LAG_METHOD_GGL, MANY, 2, &b), LAG_OK);
    lag_batch_parameters(b, c);
    CU_ASSERT_EQUAL(lag_batch_start(b, 0.5, q, pi), LAG_OK);
    CU_ASSERT_EQUAL(lag_batch_advance(b, 0.1, STEPS, 1, NULL), LAG_OK);
    lag_batch_state(b, end[0], end[1], NULL);
    for (int i = 0; i < MANY; i++) {
        LagIntegrator *it = begin(&h, kernel, LAG_METHOD_GGL, q + i * LONG, pi + i * LONG);
        CU_ASSERT_EQUAL(lag_integrator_advance(it, 0.1, STEPS, 1, NULL), LAG_OK);
        state_of(it, one[0], one[1]);
        CU_ASSERT(memcmp(one[0], end[0] + i * LONG, sizeof one[0]) == 0);
        CU_ASSERT(memcmp(one[1], end[1] + i * LONG, sizeof one[1]) == 0);
        lag_integrator_free(it);
    }
    lag_batch_free(b);
    harness_free(&h);
}

/* ---- Limits ---- */

/* Nothing grows with the square of the length; and there is no Newton's method. */
static void test_limits(void) {
    static double q[LONG], pi[LONG], before[LONG], after[LONG];
    Harness h = read_chains(0, 1, LONG);
    const LagKernel *kernel = harness_kernel(&h, 2, LAG_BACKEND_INTERPRETER), *none;
    LagIntegrator *it;
    size_t doubles = 0;
    for (int a = 0; a < LAG_ARRAY_COUNT; a++) doubles += kernel->size[a];
    CU_ASSERT(doubles < 200 * LONG);
    CU_ASSERT_EQUAL(lag_integrator_new(kernel, LAG_METHOD_NEWTON, &it), LAG_ERROR_LIMIT);
    CU_ASSERT_EQUAL(lag_model_kernel(h.model, 49, LAG_BACKEND_INTERPRETER, &none), LAG_OK);
    CU_ASSERT_EQUAL(lag_model_kernel(h.model, 50, LAG_BACKEND_INTERPRETER, &none), LAG_ERROR_LIMIT);
    spread(q, pi, 1, LONG);
    it = begin(&h, kernel, LAG_METHOD_GGL, q, pi);
    CU_ASSERT_EQUAL(lag_integrator_advance(it, 0.1, 3, 1, NULL), LAG_OK);
    state_of(it, before, NULL);
    CU_ASSERT_EQUAL(lag_integrator_advance(it, 5, 3, 1, NULL), LAG_ERROR_SWEEPS);
    state_of(it, after, NULL);
    CU_ASSERT(memcmp(before, after, sizeof before) == 0);
    CU_ASSERT_EQUAL(lag_integrator_advance(it, 5, 3, 1, NULL), LAG_ERROR_SWEEPS);
    CU_ASSERT_EQUAL(lag_integrator_advance(it, 0.1, 3, 1, NULL), LAG_OK);
    lag_integrator_free(it);
    harness_free(&h);
}

void suite_wide(void) {
    suite_add("wide", (SuiteTest[]){{"the same map as Newton's", test_same_map},
                                    {"the same bits", test_same_bits},
                                    {"batches", test_batches},
                                    {"limits", test_limits},
                                    {0}});
}
