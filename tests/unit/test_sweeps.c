/* test_sweeps.c: the road of sweeps against Newton's, the same discrete map; the same bits by every road, in pieces, and in
 * batches of any size on any number of threads. */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOF = 3, MOST = 8 };

static const struct {
    const char *text;
    uint32_t dof;
    bool sweeps;
} system_list[] = {
    {"k = 2; xd^2/2 + yd^2/2 + k/sqrt(x^2 + y^2)", 2, true},
    {"g = 9.8; m = 2; m*(ad^2/2 + cos(a)*g) - 0.3*ad_p*a_m", 1, true},
    {"w = 1.7; qd^2/2 - q^4/4 + 0.3*q*cos(w*t)", 1, true},
    {"b = 0.1; (xd^2 + yd^2 + zd^2)/2 - x^4 - (y - x)^4 - exp(z^2/9) - b*(xd_p^3*x_m + yd_p*xd_p*y_m) + sin(t)*z", 3, true},
    {"(ad^2 + ad*bd + 2*bd^2)/2 - cosh(a) - (a - b)^4/3 - b^2 - 0.1*(ad_p*a_m + bd_p*b_m)", 2, true},
    {"c = 0.3; xd^2/2 + 3*yd^2/2 - x^2/2 - y^2*(1 + c*sin(t))", 2, true},
    /* what is not M v with M constant alone: a momentum with a field in it, a mass that varies with q or t, velocities in
     * the mass, velocities in all that there is, pendulums hung from one another */
    {"B = 2; (xd^2 + yd^2)/2 + B*(x*yd - y*xd)/2 - x^4/4", 2, true},
    {"(1 + q^2)*qd^2/2 - q^2/2", 1, true},
    {"(2 + sin(t))*qd^2/2 - q^4/4", 1, true},
    {"c = 4; -c^2*sqrt(1 - (xd^2 + yd^2)/c^2) - (x^2 + y^2)/2 - 0.1*xd_p*x_m", 2, true},
    {"qd^2/2 + qd^4/12 + q*qd*t - q^2/2 - 0.2*qd_p^3*q_m", 1, true},
    {"g = 2; ad^2 + bd^2/2 + ad*bd*cos(a - b) + g*(2*cos(a) + cos(b)) - 0.1*t*ad_p*a_m", 2, true},
    {"xd^2*(2 + cos(y)) + yd^2*(2 + x^2) + zd^2 + x*yd*zd/2 + sin(x)*xd*zd/2 - x^2 - y^2 - z^4", 3, true},
    {"ad*bd*(2 + cos(a)) - a*b", 2, false}, /* no entry of M is on its diagonal */
};
enum { SYSTEMS = sizeof system_list / sizeof *system_list };

static const double start_q[DOF] = {0.9, -0.4, 0.3}, start_pi[DOF] = {0.2, 1.1, -0.7};

static LagIntegrator *begin(const LagKernel *kernel, LagMethod method, const double *c) {
    return harness_begin(kernel, method, c, 0.5, start_q, start_pi);
}

static void state_of(const LagIntegrator *it, double state[2 * DOF]) {
    LagRows row = {.capacity = 1, .q = state, .pi = state + DOF};
    lag_integrator_state(it, &row);
}

static double apart(const double *a, const double *b) {
    double most = 1, worst = 0;
    for (int i = 0; i < 2 * DOF; i++) most = fmax(most, fabs(b[i])), worst = fmax(worst, fabs(a[i] - b[i]));
    return worst / most;
}

/* ---- The same map ---- */

/* Steps of several sizes, forth and back, with other parameters between: sweeps beside Newton. */
static double compare(const Harness *h, uint32_t r) {
    static const double step[] = {0.1, 0.25, 0.25, -0.1};
    double c[MOST], one[2 * DOF] = {0}, other[2 * DOF] = {0}, worst = 0;
    uint32_t count = lag_model_parameter_count(h->model);
    memcpy(c, harness_parameters(h), count * sizeof *c);
    const LagKernel *kernel = harness_kernel(h, r, LAG_BACKEND_INTERPRETER);
    LagIntegrator *sweeps = begin(kernel, LAG_METHOD_GGL, c), *newton = begin(kernel, LAG_METHOD_NEWTON, c);
    for (int i = 0; i < 4; i++) {
        if (i == 2) c[0] *= 1.05;
        lag_integrator_parameters(sweeps, c);
        lag_integrator_parameters(newton, c);
        CU_ASSERT_EQUAL(lag_integrator_advance(sweeps, step[i], 10, 1, NULL), LAG_OK);
        CU_ASSERT_EQUAL(lag_integrator_advance(newton, step[i], 10, 1, NULL), LAG_OK);
        state_of(sweeps, one);
        state_of(newton, other);
        worst = fmax(worst, apart(one, other));
    }
    LagReport report;
    lag_integrator_report(sweeps, &report);
    CU_ASSERT_EQUAL(report.steps, 40);
    lag_integrator_free(sweeps);
    lag_integrator_free(newton);
    return worst;
}

static void test_same_map(void) {
    for (int i = 0; i < SYSTEMS; i++) {
        Harness h = harness_read(system_list[i].text);
        for (uint32_t r = 0; r <= 16; r += r < 5 ? 1 : 3) {
            LagRoad road = lag_kernel_road(harness_kernel(&h, r, LAG_BACKEND_INTERPRETER));
            CU_ASSERT_EQUAL(road, system_list[i].sweeps ? LAG_ROAD_SWEEPS : LAG_ROAD_NEWTON);
            double worst = compare(&h, r);
            if (!(worst <= 1e-12)) printf("\n    %s, r = %u: %.1e", system_list[i].text, r, worst);
            CU_ASSERT(worst <= 1e-12);
        }
        harness_free(&h);
    }
}

/* Steps too long to be iterated are Newton's, until shorter ones come; a state beyond doubles is told. */
static void test_hard(void) {
    Harness h = harness_read(system_list[2].text);
    double one[2 * DOF] = {0}, other[2 * DOF] = {0}, c[MOST];
    memcpy(c, harness_parameters(&h), sizeof *c);
    const LagKernel *kernel = harness_kernel(&h, 6, LAG_BACKEND_INTERPRETER);
    LagIntegrator *sweeps = begin(kernel, LAG_METHOD_GGL, c), *newton = begin(kernel, LAG_METHOD_NEWTON, c);
    for (int i = 0; i < 3; i++) {
        double step = i == 1 ? 1.8 : 0.1;
        CU_ASSERT_EQUAL(lag_integrator_advance(sweeps, step, 8, 1, NULL), LAG_OK);
        CU_ASSERT_EQUAL(lag_integrator_advance(newton, step, 8, 1, NULL), LAG_OK);
        state_of(sweeps, one);
        state_of(newton, other);
        CU_ASSERT(apart(one, other) <= 1e-11);
    }
    lag_integrator_free(sweeps);
    lag_integrator_free(newton);
    harness_free(&h);
    h = harness_read("qd^2/2 + q^4");
    kernel = harness_kernel(&h, 2, LAG_BACKEND_INTERPRETER);
    sweeps = begin(kernel, LAG_METHOD_GGL, NULL);
    CU_ASSERT_NOT_EQUAL(lag_integrator_advance(sweeps, 0.1, 1000, 1, NULL), LAG_OK); /* infinite in finite time */
    state_of(sweeps, one);
    CU_ASSERT(isfinite(one[0]) && isfinite(one[DOF]));
    lag_integrator_free(sweeps);
    harness_free(&h);
}

/* Whichever way the steps are run, and in whatever pieces. */
static void test_same_bits(void) {
    for (int i = 0; i < SYSTEMS; i++) {
        Harness h = harness_read(system_list[i].text);
        for (uint32_t r = 0; r <= 7; r += i % 3 + 2) {
            double first[2 * DOF] = {0}, state[2 * DOF] = {0};
            for (int backend = 0; backend < LAG_BACKENDS; backend++) {
                LagIntegrator *it =
                    begin(harness_kernel(&h, r, (LagBackend)backend), LAG_METHOD_GGL, harness_parameters(&h));
                for (int done = 0, piece = backend + 1; done < 60; done += piece) {
                    piece = piece < 60 - done ? piece : 60 - done;
                    CU_ASSERT_EQUAL(lag_integrator_advance(it, 0.3, (uint64_t)piece, 1, NULL), LAG_OK);
                }
                state_of(it, state);
                if (backend == 0) memcpy(first, state, sizeof first);
                CU_ASSERT(memcmp(first, state, sizeof first) == 0);
                lag_integrator_free(it);
            }
        }
        harness_free(&h);
    }
}

/* What may be missing of steps: fewer sweeps, and an end that is as near as was said. The same in a batch. */
static void test_slack(void) {
    enum { TAKEN = 50 };
    const double slack = 1e9, h = 0.1;
    for (int i = 0; i < SYSTEMS; i++) {
        if (!system_list[i].sweeps) continue;
        Harness harness = harness_read(system_list[i].text);
        const LagKernel *kernel = harness_kernel(&harness, 6, LAG_BACKEND_LLVM);
        const double *c = harness_parameters(&harness);
        double exact[2 * DOF] = {0}, loose[2 * DOF] = {0}, q[DOF], pi[DOF];
        uint64_t sweeps[2];
        for (int way = 0; way < 2; way++) {
            LagReport report;
            LagIntegrator *it = begin(kernel, LAG_METHOD_GGL, c);
            CU_ASSERT_EQUAL(lag_integrator_slack(it, way ? slack : 1), LAG_OK);
            CU_ASSERT_EQUAL(lag_integrator_advance(it, h, TAKEN, 1, NULL), LAG_OK);
            state_of(it, way ? loose : exact);
            lag_integrator_report(it, &report);
            sweeps[way] = report.sweeps;
            lag_integrator_free(it);
        }
        CU_ASSERT(sweeps[1] < sweeps[0]);
        double worst = apart(loose, exact);
        CU_ASSERT(worst > 0 && worst < 100 * TAKEN * slack * LAG_SLACK_UNIT); /* errors grow */
        LagBatch *batch;
        CU_ASSERT_EQUAL_FATAL(lag_batch_new(kernel, LAG_METHOD_GGL, 1, 1, &batch), LAG_OK);
        lag_batch_parameters(batch, c);
        CU_ASSERT_EQUAL(lag_batch_slack(batch, slack), LAG_OK);
        CU_ASSERT_EQUAL(lag_batch_start(batch, 0.5, start_q, start_pi), LAG_OK);
        CU_ASSERT_EQUAL(lag_batch_advance(batch, h, TAKEN, 1, NULL), LAG_OK);
        lag_batch_state(batch, q, pi, NULL);
        CU_ASSERT(memcmp(q, loose, system_list[i].dof * sizeof *q) == 0);
        CU_ASSERT(memcmp(pi, loose + DOF, system_list[i].dof * sizeof *pi) == 0);
        lag_batch_free(batch);
        harness_free(&harness);
    }
}

static void test_slack_refused(void) {
    static const double bad[] = {0, -1, 0.5, INFINITY, NAN};
    Harness h = harness_read(system_list[0].text);
    const LagKernel *kernel = harness_kernel(&h, 2, LAG_BACKEND_INTERPRETER);
    LagIntegrator *it = begin(kernel, LAG_METHOD_GGL, harness_parameters(&h));
    LagBatch *batch;
    CU_ASSERT_EQUAL_FATAL(lag_batch_new(kernel, LAG_METHOD_GGL, 2, 1, &batch), LAG_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CU_ASSERT_EQUAL(lag_integrator_slack(it, bad[i]), LAG_ERROR_ARGUMENT);
        CU_ASSERT_EQUAL(lag_batch_slack(batch, bad[i]), LAG_ERROR_ARGUMENT);
    }
    lag_batch_free(batch);
    lag_integrator_free(it);
    harness_free(&h);
}

/* ---- Batches ---- */

enum { SYSTEMS_MOST = 64, STEPS = 40, EVERY = 3, ROWS = STEPS / EVERY };

/* Parameters and starts of a batch: no two systems alike. */
typedef struct Start {
    double c[SYSTEMS_MOST][MOST], q[SYSTEMS_MOST * DOF], pi[SYSTEMS_MOST * DOF], parameter[SYSTEMS_MOST * MOST];
} Start;

static void spread(const Harness *h, uint32_t d, Start *s) {
    uint32_t m = lag_model_parameter_count(h->model);
    for (int i = 0; i < SYSTEMS_MOST; i++) {
        for (uint32_t k = 0; k < d; k++) {
            s->q[i * d + k] = start_q[k] * (1 + 0.01 * i);
            s->pi[i * d + k] = start_pi[k] * (1 - 0.02 * i);
        }
        for (uint32_t p = 0; p < m; p++) s->parameter[i * m + p] = s->c[i][p] = harness_parameters(h)[p] * (1 + 0.003 * i);
    }
}

/* System i alone: rows, and the last state. */
static LagStatus alone(const LagKernel *kernel, const Start *s, int i, double h, LagRows *rows, double *state) {
    uint32_t d = kernel->dof;
    LagIntegrator *it = harness_begin(kernel, LAG_METHOD_GGL, s->c[i], 0.5, s->q + (size_t)i * d, s->pi + (size_t)i * d);
    LagStatus status = lag_integrator_advance(it, h, STEPS, EVERY, rows);
    if (status == LAG_OK) status = lag_integrator_advance(it, h / 2, 5, 1, NULL);
    state_of(it, state);
    lag_integrator_free(it);
    return status;
}

/* A batch of the first `count` systems against each of them alone. */
static void compare_batch(const LagKernel *kernel, const Start *s, size_t count, uint32_t threads, double h) {
    static double q[SYSTEMS_MOST * ROWS * DOF], pi[SYSTEMS_MOST * ROWS * DOF], t[ROWS], end[2][SYSTEMS_MOST * DOF];
    LagStatus status[SYSTEMS_MOST];
    uint32_t d = kernel->dof;
    LagBatchRows rows = {.capacity = ROWS, .t = t, .q = q, .pi = pi};
    LagBatch *b;
    CU_ASSERT_EQUAL_FATAL(lag_batch_new(kernel, LAG_METHOD_GGL, count, threads, &b), LAG_OK);
    lag_batch_parameters(b, s->parameter);
    CU_ASSERT_EQUAL(lag_batch_start(b, 0.5, s->q, s->pi), LAG_OK);
    lag_batch_advance(b, h, STEPS, EVERY, &rows);
    lag_batch_advance(b, h / 2, 5, 1, NULL);
    lag_batch_state(b, end[0], end[1], status);
    CU_ASSERT_EQUAL(rows.count, ROWS);
    CU_ASSERT_EQUAL(t[ROWS - 1], 0.5 + EVERY * ROWS * h);
    for (size_t i = 0; i < count; i++) {
        double one_q[ROWS * DOF], one_pi[ROWS * DOF], state[2 * DOF];
        LagRows one = {.capacity = ROWS, .q = one_q, .pi = one_pi};
        CU_ASSERT_EQUAL(status[i], alone(kernel, s, (int)i, h, &one, state));
        CU_ASSERT(memcmp(one_q, q + i * ROWS * d, one.count * d * sizeof *q) == 0);
        CU_ASSERT(memcmp(one_pi, pi + i * ROWS * d, one.count * d * sizeof *q) == 0);
        CU_ASSERT(one.count == ROWS || isnan(q[(i * ROWS + one.count) * d]));
        CU_ASSERT(memcmp(state, end[0] + i * d, d * sizeof *q) == 0);
        CU_ASSERT(memcmp(state + DOF, end[1] + i * d, d * sizeof *q) == 0);
    }
    lag_batch_free(b);
}

static void test_batches(void) {
    static Start start;
    for (int i = 0; i < SYSTEMS; i++) {
        Harness h = harness_read(system_list[i].text);
        spread(&h, system_list[i].dof, &start);
        for (int backend = 0; backend < LAG_BACKENDS; backend++) {
            const LagKernel *kernel = harness_kernel(&h, 3, (LagBackend)backend);
            compare_batch(kernel, &start, 1, 1, 0.1);
            compare_batch(kernel, &start, 3, 2, 0.1);
            if (backend == LAG_BACKEND_LLVM || i < 2) compare_batch(kernel, &start, SYSTEMS_MOST, 2, 0.1);
        }
        harness_free(&h);
    }
}

/* Systems of which some need Newton's method now and then, and some fail. */
static void test_hard_batches(void) {
    static Start start;
    Harness h = harness_read(system_list[0].text);
    const LagKernel *kernel = harness_kernel(&h, 4, LAG_BACKEND_LLVM_QUICK);
    spread(&h, 2, &start);
    for (int i = 0; i < SYSTEMS_MOST; i += 3) start.pi[2 * i + 1] *= 0.3; /* these fall near the centre */
    compare_batch(kernel, &start, 21, 2, 0.4);
    start.pi[3] = 0, start.pi[2] = 0; /* and this one into it */
    compare_batch(kernel, &start, 21, 1, 0.3);
    harness_free(&h);
    h = harness_read("k = 1; qd^2/2 + k*q^4");
    spread(&h, 1, &start);
    for (int i = 0; i < SYSTEMS_MOST; i += 2) start.q[i] = start.pi[i] = 0.01;
    compare_batch(harness_kernel(&h, 2, LAG_BACKEND_LLVM_QUICK), &start, 11, 2, 0.2);
    harness_free(&h);
}

static void test_arguments(void) {
    Harness h = harness_read(system_list[0].text);
    const LagKernel *kernel = harness_kernel(&h, 2, LAG_BACKEND_LLVM_QUICK);
    const double c[2] = {1, 1}, q[4] = {1, 0, NAN, 0}, pi[4] = {0, 1, 0, 1};
    double end[4];
    LagStatus status[2];
    LagBatch *b;
    CU_ASSERT_EQUAL(lag_batch_new(kernel, LAG_METHOD_GGL, 0, 1, &b), LAG_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(lag_batch_new(NULL, LAG_METHOD_GGL, 1, 1, &b), LAG_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL_FATAL(lag_batch_new(kernel, LAG_METHOD_GGL, 2, 0, &b), LAG_OK);
    lag_batch_parameters(b, c);
    CU_ASSERT_EQUAL(lag_batch_advance(b, 0.1, 1, 1, NULL), LAG_ERROR_ARGUMENT); /* no start */
    CU_ASSERT_EQUAL(lag_batch_start(b, 0, q, NULL), LAG_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(lag_batch_start(b, 0, q, pi), LAG_ERROR_NOT_FINITE);
    CU_ASSERT_EQUAL(lag_batch_advance(b, 0, 1, 1, NULL), LAG_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(lag_batch_advance(b, 0.1, 10, 1, NULL), LAG_ERROR_NOT_FINITE);
    lag_batch_state(b, end, NULL, status);
    CU_ASSERT(status[0] == LAG_OK && status[1] == LAG_ERROR_NOT_FINITE && end[0] < 1 && end[1] > 0);
    lag_batch_cancel(b);
    CU_ASSERT_EQUAL(lag_batch_advance(b, 0.1, 10, 1, NULL), LAG_INTERRUPTED);
    lag_batch_free(b);
    lag_batch_free(NULL);
    harness_free(&h);
}

void suite_sweeps(void) {
    suite_add("sweeps", (SuiteTest[]){{"the same map as Newton's", test_same_map},
                                      {"hard steps", test_hard},
                                      {"the same bits", test_same_bits},
                                      {"slack", test_slack},
                                      {"slack refused", test_slack_refused},
                                      {"batches", test_batches},
                                      {"hard batches", test_hard_batches},
                                      {"arguments of batches", test_arguments},
                                      {0}});
}
