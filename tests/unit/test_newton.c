/* test_newton.c: LAG_FORM_NEWTON, simplified Newton iteration on impulses, beside the step's equations (step.h); where other
 * steps turn to it; the same bits by every road, in pieces and in batches. */
#include "harness.h"

#include "solve/step.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DOF = 3, STEPS = 60, PIECES = 4 };

/* Each with a step that fixed-point iteration does well, and one that it does not do: springs, a driven one, one whose
 * stiffness varies with time, masses that are not diagonal, drag, a pendulum on a stiff spring. */
static const struct {
    const char *text;
    uint32_t dof;
    double fine, coarse;
} system_list[] = {
    {"k = 50; qd^2/2 - k*q^2/2 - q^4/8", 1, 0.02, 0.6},
    {"k = 100; qd^2 - k*q^2 - 0.3*qd_p*q_m", 1, 0.02, 0.9},
    {"w = 1.7; qd^2/2 - 40*q^2 - q^4/4 + 0.3*q*cos(w*t)", 1, 0.02, 0.5},
    {"c = 0.3; xd^2/2 + 3*yd^2/2 - 30*x^2 - 60*y^2*(1 + c*sin(t)/5)", 2, 0.03, 0.6},
    {"e = 20; (ad^2 + ad*bd + 2*bd^2)/2 - e*a^2 - e*(a - b)^2 - b^4/9 - 0.1*(ad_p*a_m + bd_p*b_m)", 2, 0.03, 0.5},
    {"k = 400; (xd^2 + yd^2 + zd^2)/2 - 9.8*z - k*(sqrt(x^2 + y^2 + z^2) - 1)^2/2 - 3*(xd_p*x_m + yd_p*y_m + zd_p*z_m)", 3,
     0.02, 0.2},
};
enum { SYSTEMS = sizeof system_list / sizeof *system_list };

static const double start_q[DOF] = {0.3, -0.2, -0.9}, start_pi[DOF] = {0.2, 0.5, -0.3};

typedef struct State {
    double q[DOF], pi[DOF];
} State;

static LagIntegrator *begin(const LagKernel *kernel, LagMethod method, const double *c) {
    return harness_begin(kernel, method, c, 0.5, start_q, start_pi);
}

static State state_of(const LagIntegrator *it) {
    State s = {{0}, {0}};
    LagRows row = {.capacity = 1, .q = s.q, .pi = s.pi};
    lag_integrator_state(it, &row);
    return s;
}

static double apart(const State *a, const State *b) {
    double most = 1, worst = 0;
    for (int k = 0; k < DOF; k++) {
        most = fmax(most, fmax(fabs(b->q[k]), fabs(b->pi[k])));
        worst = fmax(worst, fmax(fabs(a->q[k] - b->q[k]), fabs(a->pi[k] - b->pi[k])));
    }
    return worst / most;
}

/* By the step's equations alone. */
static State by_equations(const LagKernel *kernel, const double *c, double h, uint64_t steps) {
    Frame f;
    Stepper stepper;
    State s = {{0}, {0}};
    const size_t size = kernel->dof * sizeof(double);
    CU_ASSERT_FATAL(frame_init(&f, kernel, true) == LAG_OK && stepper_init(&stepper, &f) == LAG_OK);
    memcpy(f.array[LAG_PARAMETER], c, kernel->parameter_count * sizeof *c);
    memcpy(f.array[LAG_Q], start_q, size);
    memcpy(f.array[LAG_PI], start_pi, size);
    for (uint64_t i = 0; i < steps; i++) CU_ASSERT(stepper_step(&stepper, 0.5 + (double)i * h, h) == LAG_OK);
    memcpy(s.q, f.array[LAG_Q], size);
    memcpy(s.pi, f.array[LAG_PI], size);
    stepper_free(&stepper);
    frame_free(&f);
    return s;
}

/* ---- The same map ---- */

static void test_same_map(void) {
    for (int i = 0; i < SYSTEMS; i++) {
        Harness h = harness_read(system_list[i].text);
        const double *c = harness_parameters(&h), step[] = {system_list[i].fine, system_list[i].coarse};
        for (uint32_t r = 0; r <= 16; r += r < 2 ? 1 : r)
            for (int coarse = 0; coarse < (r < 4 ? 1 : 2); coarse++) { /* low orders blow up */
                const LagKernel *kernel = harness_kernel(&h, r, LAG_BACKEND_INTERPRETER);
                const State right = by_equations(kernel, c, step[coarse], STEPS);
                for (int way = 0; way < 2; way++) {
                    LagIntegrator *it = begin(kernel, way ? LAG_METHOD_NEWTON : LAG_METHOD_GGL, c);
                    LagReport report;
                    CU_ASSERT_EQUAL(lag_integrator_advance(it, step[coarse], STEPS, 1, NULL), LAG_OK);
                    State s = state_of(it);
                    double off = apart(&s, &right);
                    lag_integrator_report(it, &report);
                    if (!(off < 3e-12)) printf("\n    %s, r = %u, h = %g: %.1e", system_list[i].text, r, step[coarse], off);
                    CU_ASSERT(off < 3e-12);
                    if (way) CU_ASSERT(report.sweeps == 0 && report.iterations >= STEPS);
                    lag_integrator_free(it);
                }
            }
        harness_free(&h);
    }
}

/* Long steps are Newton's, and few of them those of the step's equations; shorter ones are not. */
static void test_turned_to(void) {
    for (int i = 0; i < SYSTEMS; i++) {
        Harness h = harness_read(system_list[i].text);
        const LagKernel *kernel = harness_kernel(&h, 6, LAG_BACKEND_INTERPRETER);
        LagIntegrator *it = begin(kernel, LAG_METHOD_GGL, harness_parameters(&h));
        LagReport before, after;
        if (lag_kernel_road(kernel) == LAG_ROAD_SWEEPS) {
            CU_ASSERT_EQUAL(lag_integrator_advance(it, system_list[i].coarse, 600, 1, NULL), LAG_OK);
            lag_integrator_report(it, &before);
            CU_ASSERT(before.iterations >= 600 && before.fallbacks <= 20);
            CU_ASSERT_EQUAL(lag_integrator_advance(it, system_list[i].fine, 600, 1, NULL), LAG_OK);
            lag_integrator_report(it, &after);
            CU_ASSERT(after.iterations == before.iterations && after.fallbacks == before.fallbacks);
        }
        lag_integrator_free(it);
        harness_free(&h);
    }
}

/* ---- Bits ---- */

/* Whichever way the steps are run, and in whatever pieces. */
static void check_bits(const Harness *h, uint32_t r, LagMethod method, double step) {
    State first = {{0}, {0}};
    for (int backend = 0; backend < LAG_BACKENDS; backend++)
        for (int piece = 1; piece <= STEPS; piece *= PIECES) {
            LagIntegrator *it = begin(harness_kernel(h, r, (LagBackend)backend), method, harness_parameters(h));
            for (int done = 0; done < STEPS; done += piece)
                CU_ASSERT_EQUAL(
                    lag_integrator_advance(it, step, (uint64_t)(piece < STEPS - done ? piece : STEPS - done), 1, NULL),
                    LAG_OK);
            State s = state_of(it);
            if (backend == 0 && piece == 1) first = s;
            CU_ASSERT(memcmp(&s, &first, sizeof s) == 0);
            lag_integrator_free(it);
        }
}

static void test_same_bits(void) {
    for (int i = 0; i < SYSTEMS; i++) {
        Harness h = harness_read(system_list[i].text);
        for (uint32_t r = 4; r <= 9; r += 2 + (uint32_t)i % 3) {
            check_bits(&h, r, LAG_METHOD_NEWTON, system_list[i].fine);
            check_bits(&h, r, LAG_METHOD_GGL, system_list[i].coarse);
            check_bits(&h, r, LAG_METHOD_COMPENSATED, system_list[i].coarse);
        }
        harness_free(&h);
    }
}

/* Batches whose systems turn to Newton's method one after another. */
static void check_batch(const Harness *h, LagMethod method, double step) {
    enum { BATCH = 11 };
    const LagKernel *kernel = harness_kernel(h, 5, LAG_BACKEND_LLVM);
    const uint32_t d = kernel->dof, m = kernel->parameter_count;
    double c[BATCH * 4], q[BATCH * DOF], pi[BATCH * DOF], end[2][BATCH * DOF];
    LagStatus status[BATCH];
    LagBatch *b;
    CU_ASSERT_FATAL(m <= 4);
    for (uint32_t i = 0; i < BATCH; i++) {
        for (uint32_t j = 0; j < m; j++) c[i * m + j] = harness_parameters(h)[j] * (i % 2 ? 1 : 0.02);
        for (uint32_t k = 0; k < d; k++) q[i * d + k] = start_q[k] * (1 + 0.1 * i), pi[i * d + k] = start_pi[k];
    }
    CU_ASSERT_EQUAL_FATAL(lag_batch_new(kernel, method, BATCH, 2, &b), LAG_OK);
    lag_batch_parameters(b, c);
    CU_ASSERT_EQUAL(lag_batch_start(b, 0.5, q, pi), LAG_OK);
    for (int half = 0; half < 2; half++) lag_batch_advance(b, step, STEPS / 2, 1, NULL);
    lag_batch_state(b, end[0], end[1], status);
    for (uint32_t i = 0; i < BATCH; i++) {
        State s;
        LagIntegrator *it = harness_begin(kernel, method, c + i * m, 0.5, q + i * d, pi + i * d);
        CU_ASSERT_EQUAL(lag_integrator_advance(it, step, STEPS, 1, NULL), status[i]);
        s = state_of(it);
        CU_ASSERT(memcmp(s.q, end[0] + i * d, d * sizeof *q) == 0);
        CU_ASSERT(memcmp(s.pi, end[1] + i * d, d * sizeof *q) == 0);
        lag_integrator_free(it);
    }
    lag_batch_free(b);
}

static void test_batches(void) {
    for (int i = 0; i < SYSTEMS; i++) {
        Harness h = harness_read(system_list[i].text);
        check_batch(&h, LAG_METHOD_GGL, system_list[i].coarse);
        check_batch(&h, LAG_METHOD_COMPENSATED, system_list[i].coarse);
        check_batch(&h, LAG_METHOD_NEWTON, system_list[i].fine);
        harness_free(&h);
    }
}

/* ---- Where it can't be ---- */

static void check_form(const char *text, uint32_t r, bool there) {
    size_t work;
    Harness h = harness_read(text);
    const LagKernel *kernel = harness_kernel(&h, r, LAG_BACKEND_INTERPRETER);
    CU_ASSERT(!kernel->form(kernel, LAG_FORM_NEWTON, 0, &work).run == !there);
    CU_ASSERT(!kernel->form(kernel, LAG_FORM_NEWTON | LAG_FORM_LANES, 1 << 30, &work).run);
    CU_ASSERT(!kernel->form(kernel, LAG_FORMS, 0, &work).run);
    CU_ASSERT((kernel->size[LAG_NEWTON] > 0) == there);
    const double q = 0.1, pi = 0.2;
    LagIntegrator *it = harness_begin(kernel, LAG_METHOD_NEWTON, harness_parameters(&h), 0, &q, &pi);
    CU_ASSERT_EQUAL(lag_integrator_advance(it, 0.1, 3, 1, NULL), LAG_OK);
    lag_integrator_free(it);
    harness_free(&h);
}

static void test_forms(void) {
    check_form("qd^2/2 - q^4/4", LAG_NEWTON_MOST - 2, true);
    check_form("qd^2/2 - q^4/4", LAG_NEWTON_MOST - 1, false);
    check_form("qd^2/2 - q^2/2", 4, true);
    check_form("qd^2/2 - q^2/2", LAG_NEWTON_MOST - 1, false);
    check_form("(1 + q^2)*qd^2/2 - q^2/2", 4, false);
}

/* No mass, or a step at which nothing is a number: the status says so, and the state is the one before. */
static void test_lost(void) {
    static const struct {
        const char *text;
        double c, h;
    } bad[] = {{"k = 1; k*qd^2/2 - q^4", 0, 0.1},          {"k = 1; k*qd^2/2 - q^2", 0, 0.1},
               {"k = 1; qd^2/2 - exp(k*q^2)", 1e308, 0.1}, {"k = 1; qd^2/2 + k*exp(q^2)", 1e200, 1},
               {"k = 1; qd^2/2 - k*q^2/2", 1e308, 1e300},  {"k = 1; qd^2/2 - k*q^4/4", 1e308, 1e300}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Harness h = harness_read(bad[i].text);
        LagIntegrator *it = begin(harness_kernel(&h, 4, LAG_BACKEND_INTERPRETER), LAG_METHOD_NEWTON, &bad[i].c);
        State before = state_of(it);
        CU_ASSERT_NOT_EQUAL(lag_integrator_advance(it, bad[i].h, 5, 1, NULL), LAG_OK);
        State after = state_of(it);
        CU_ASSERT(isfinite(after.q[0]) && isfinite(after.pi[0]) && before.q[0] == start_q[0]);
        lag_integrator_free(it);
        harness_free(&h);
    }
}

/* Where a = b a part of the forces has no slope nor bend, and the kept matrix is right: of the next step it may be wrong. */
static void test_bends(void) {
    enum { STARTS = 40 };
    Harness h = harness_read("(ad^2 + ad*bd + 2*bd^2)/2 - cosh(a) - (a - b)^4/3 - b^2 - 0.1*(ad_p*a_m + bd_p*b_m)");
    const LagKernel *kernel = harness_kernel(&h, 0, LAG_BACKEND_INTERPRETER);
    double worst = 0;
    for (int i = 0; i < STARTS; i++) {
        const double q[] = {0.9 - 0.05 * i, -0.4 + 0.03 * i}, pi[] = {0.2, 1.1};
        State end[2];
        for (int newton = 0; newton < 2; newton++) {
            LagMethod method = newton ? LAG_METHOD_NEWTON : LAG_METHOD_GGL;
            LagIntegrator *it = harness_begin(kernel, method, harness_parameters(&h), 0, q, pi);
            CU_ASSERT_EQUAL(lag_integrator_advance(it, 0.25, STEPS, 1, NULL), LAG_OK);
            end[newton] = state_of(it);
            lag_integrator_free(it);
        }
        worst = fmax(worst, apart(&end[0], &end[1]));
    }
    CU_ASSERT(worst <= 1e-11);
    if (worst > 1e-11) printf("\n    %.1e", worst);
    harness_free(&h);
}

void suite_newton(void) {
    suite_add("newton", (SuiteTest[]){{"the same map as the step's equations", test_same_map},
                                      {"turned to where steps are long", test_turned_to},
                                      {"forces that bend now and then", test_bends},
                                      {"the same bits", test_same_bits},
                                      {"batches", test_batches},
                                      {"forms", test_forms},
                                      {"what is lost", test_lost},
                                      {0}});
}
