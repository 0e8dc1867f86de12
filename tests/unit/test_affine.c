/* test_affine.c: the affine road against Newton's: the same discrete map, whatever the linear system, order and step. */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    bool affine;
    double tolerance;
} system_list[] = {
    {"m = 2; k = 3; c = 0.1; m*qd^2/2 - k*q^2/2 - c*qd_p*q_m", true, 1e-12},
    {"g = 9.81; xd^2/2 + yd^2/2 - g*y - 0.2*(xd_p*x_m + yd_p*y_m)", true, 1e-12},
    {"B = 1.5; (xd^2 + yd^2)/2 + B*(x*yd - y*xd)/2 - (x^2 + 2*y^2)/2 + 1e6*x", true, 1e-12},
    {"(ad^2 + 2*ad*bd + 3*bd^2)/2 + a*bd - a^2 - (a - b)^2 - 0.3*(ad_p - bd_p)*(a_m - b_m) + 7*b", true, 1e-12},
    {"qd^2/2 + q^2/2", true, 1e-10}, /* it runs away, and comes back magnified */
    {"qd^2/2 - q^2/2 + q*sin(t)", false, 1e-12},
    {"qd^2/2 - cos(q)", false, 1e-12},
};
enum { SYSTEMS = sizeof system_list / sizeof *system_list, DOF = 2 };

static LagIntegrator *begin(const LagKernel *kernel, LagMethod method, const double *c) {
    static const double q[DOF] = {0.7, -0.4}, pi[DOF] = {0.2, 1.1};
    return harness_begin(kernel, method, c, 0, q, pi);
}

static void advance(LagIntegrator *it, double h, uint64_t steps, double state[2 * DOF]) {
    LagRows rows = {.capacity = 1, .q = state, .pi = state + DOF};
    CU_ASSERT_EQUAL(lag_integrator_advance(it, h, steps, steps, &rows), LAG_OK);
}

static double apart(const double *a, const double *b) {
    double most = 1, worst = 0;
    for (int i = 0; i < 2 * DOF; i++) most = fmax(most, fabs(b[i])), worst = fmax(worst, fabs(a[i] - b[i]));
    return worst / most;
}

/* Steps forth, of another size, with other parameters, and back. */
static double compare(const Harness *h, uint32_t r) {
    static const double step[] = {0.1, 0.35, 0.35, -0.2};
    const LagKernel *kernel;
    double one[2 * DOF] = {0}, other[2 * DOF] = {0}, c[8] = {0}, worst = 0;
    uint32_t count = lag_model_parameter_count(h->model);
    CU_ASSERT_EQUAL_FATAL(lag_model_kernel(h->model, r, LAG_BACKEND_INTERPRETER, &kernel), LAG_OK);
    memcpy(c, harness_parameters(h), count * sizeof *c);
    LagIntegrator *affine = begin(kernel, LAG_METHOD_GGL, c), *newton = begin(kernel, LAG_METHOD_NEWTON, c);
    for (int i = 0; i < 4; i++) {
        if (i == 2)
            for (uint32_t k = 0; k < count; k++) c[k] *= 1.1;
        if (i % 2 == 0) {
            lag_integrator_parameters(affine, c);
            lag_integrator_parameters(newton, c);
        }
        advance(affine, step[i], 25, one);
        advance(newton, step[i], 25, other);
        worst = fmax(worst, apart(one, other));
    }
    LagReport report;
    lag_integrator_report(affine, &report);
    CU_ASSERT((report.iterations + report.sweeps < 20) == (lag_kernel_road(kernel) == LAG_ROAD_AFFINE) &&
              report.steps == 100);
    lag_integrator_report(newton, &report);
    CU_ASSERT(report.iterations >= 100);
    lag_integrator_free(affine);
    lag_integrator_free(newton);
    return worst;
}

static void test_same_map(void) {
    for (int i = 0; i < SYSTEMS; i++) {
        Harness h = harness_read(system_list[i].text);
        for (uint32_t r = 0; r <= 8; r++) {
            const LagKernel *kernel;
            CU_ASSERT_EQUAL_FATAL(lag_model_kernel(h.model, r, LAG_BACKEND_INTERPRETER, &kernel), LAG_OK);
            CU_ASSERT_EQUAL(lag_kernel_road(kernel) == LAG_ROAD_AFFINE, system_list[i].affine);
            double worst = compare(&h, r);
            if (!(worst <= system_list[i].tolerance)) printf("\n    %s, r = %u: %.1e", system_list[i].text, r, worst);
            CU_ASSERT(worst <= system_list[i].tolerance);
        }
        harness_free(&h);
    }
}

/* Every backend, and whatever pieces the steps are taken in: the same bits. */
static void test_same_bits(void) {
    Harness h = harness_read(system_list[3].text);
    double first[2 * DOF] = {0}, state[2 * DOF] = {0};
    for (int backend = 0; backend < LAG_BACKENDS; backend++) {
        const LagKernel *kernel;
        CU_ASSERT_EQUAL_FATAL(lag_model_kernel(h.model, 4, (LagBackend)backend, &kernel), LAG_OK);
        LagIntegrator *it = begin(kernel, LAG_METHOD_GGL, harness_parameters(&h));
        for (int piece = 0; piece < 100; piece += backend + 1)
            advance(it, 0.1, (uint64_t)fmin(backend + 1, 100 - piece), state);
        if (backend == 0) memcpy(first, state, sizeof first);
        CU_ASSERT(memcmp(first, state, sizeof first) == 0);
        lag_integrator_free(it);
    }
    harness_free(&h);
}

/* A mass of 0 has no such map: the answer is Newton's. Nor does a state that doubles don't hold. */
static void test_failures(void) {
    Harness h = harness_read("m = 1; m*qd^2/2 + q^2/2");
    const LagKernel *kernel;
    const double zero = 0, one = 1;
    double state[2 * DOF];
    LagRows rows = {.capacity = 1, .q = state, .pi = state + DOF};
    CU_ASSERT_EQUAL_FATAL(lag_model_kernel(h.model, 2, LAG_BACKEND_INTERPRETER, &kernel), LAG_OK);
    LagIntegrator *it;
    CU_ASSERT_EQUAL_FATAL(lag_integrator_new(kernel, LAG_METHOD_GGL, &it), LAG_OK);
    lag_integrator_parameters(it, &one);
    CU_ASSERT_EQUAL_FATAL(lag_integrator_start(it, 0, &one, &zero), LAG_OK);
    CU_ASSERT_EQUAL(lag_integrator_advance(it, 1, 10000, 1, NULL), LAG_ERROR_NOT_FINITE); /* e^t */
    lag_integrator_state(it, &rows);
    CU_ASSERT(isfinite(state[0]) && fabs(state[0]) > 1e300);
    lag_integrator_parameters(it, &zero);
    CU_ASSERT_EQUAL(lag_integrator_start(it, 0, &one, &one), LAG_OK);
    CU_ASSERT_NOT_EQUAL(lag_integrator_advance(it, 0.1, 1, 1, NULL), LAG_OK);
    lag_integrator_free(it);
    harness_free(&h);
}

void suite_affine(void) {
    suite_add("affine", (SuiteTest[]){{"the same map as Newton's", test_same_map},
                                      {"the same bits", test_same_bits},
                                      {"failures", test_failures},
                                      {0}});
}
