/* test_choose.c: r and dt from a wanted accuracy: what is chosen is as accurate as was wanted, or a warning is given; the
 * same every time; and what is given stays. */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOF = 2 };

#define DRAG                                                                                                                \
    "GM = 39.478758435; beta = 0.01153812; c = 63241.3;"                                                                    \
    " (xd^2 + yd^2)/2 + (1 - beta)*GM/sqrt(x^2 + y^2) - beta*GM/c/(x_p^2 + y_p^2)*(xd_p*x_m + yd_p*y_m"                     \
    " + (xd_p*x_p + yd_p*y_p)*(x_p*x_m + y_p*y_m)/(x_p^2 + y_p^2))"
#define PENDULUM "cos(a)*ad*bd + ad^2 + bd^2/2 + 3*cos(a) + cos(b) - 0.1*ad_p*a_m" /* its mass matrix is not constant */

static const struct System {
    const char *text;
    double q[DOF], pi[DOF], end, fine;
} system_list[] = {
    {DRAG, {0.8, 0}, {0, 7.650808563419224}, 50, 0.1},
    {"(xd^2 + yd^2)/2 + 1/sqrt(x^2 + y^2)", {0.4, 0}, {0, 2}, 200, 0.125},
    {PENDULUM, {0.5, -0.3}, {0, 0}, 20, 0.1},
    {"qd^2/2 - q^2/2 - q^4/4 + 0.5*q*cos(1.2*t) - 0.1*qd_p*q_m", {1}, {0}, 100, 0.25},
    {"qd^2/2 - q^2/2 - 0.01*qd_p*q_m", {1}, {0}, 500, 0.25},
    {"qd^2/2 - q", {0}, {2}, 5, 0.25},                      /* a fall, which any step has right */
    {"qd^2/2 + 0.5*q*cos(t)*q - q^2", {1}, {0}, -30, 0.25}, /* back in time */
};
enum { SYSTEMS = sizeof system_list / sizeof *system_list };

static LagChoiceAsk ask_of(const Harness *h, const struct System *s, double tol) {
    return (LagChoiceAsk){
        .method = LAG_METHOD_GGL, .c = harness_parameters(h), .q = s->q, .pi = s->pi, .tol = tol, .until = s->end, .r = -1};
}

/* Each `every`-th of so many steps to the end. */
static double *path_of(const Harness *h, const struct System *s, LagMethod method, uint32_t r, double slack, uint64_t steps,
                       uint64_t every) {
    const LagKernel *kernel;
    LagIntegrator *it;
    CU_ASSERT_EQUAL_FATAL(lag_model_kernel(h->model, r, LAG_BACKEND_AUTO, &kernel), LAG_OK);
    CU_ASSERT_EQUAL_FATAL(lag_integrator_new(kernel, method, &it), LAG_OK);
    lag_integrator_parameters(it, harness_parameters(h));
    CU_ASSERT_EQUAL(lag_integrator_slack(it, slack), LAG_OK);
    CU_ASSERT_EQUAL_FATAL(lag_integrator_start(it, 0, s->q, s->pi), LAG_OK);
    double *q = calloc(steps / every * lag_model_dof(h->model), sizeof *q);
    CU_ASSERT_PTR_NOT_NULL_FATAL(q);
    LagRows rows = {.capacity = steps / every, .q = q};
    CU_ASSERT_EQUAL(lag_integrator_advance(it, s->end / (double)steps, steps, every, &rows), LAG_OK);
    lag_integrator_free(it);
    return q;
}

/* The true error of a choice. */
static double error_of(const Harness *h, const struct System *s, const LagChoice *choice) {
    uint32_t d = lag_model_dof(h->model);
    uint64_t times = (uint64_t)ceil(fabs(s->end) / s->fine / (double)choice->steps) + 1;
    double *q = path_of(h, s, choice->method, choice->r, choice->slack, choice->steps, 1), worst = 0;
    double *truth = path_of(h, s, LAG_METHOD_COMPENSATED, choice->r == 14 ? 16 : 14, 1, times * choice->steps, times);
    for (uint32_t k = 0; k < d; k++) {
        double size = fabs(s->q[k]), off = 0;
        for (size_t i = k; i < choice->steps * d; i += d)
            size = fmax(size, fabs(truth[i])), off = fmax(off, fabs(q[i] - truth[i]));
        worst = fmax(worst, off / size);
    }
    free(q);
    free(truth);
    return worst;
}

static void test_accuracy(void) {
    for (int i = 0; i < SYSTEMS; i++) {
        Harness h = harness_read(system_list[i].text);
        for (double tol = 1e-3; tol > 1e-12; tol /= 100) {
            LagChoiceAsk ask = ask_of(&h, &system_list[i], tol);
            LagChoice choice;
            CU_ASSERT_EQUAL_FATAL(lag_choose(h.model, LAG_BACKEND_AUTO, &ask, &choice), LAG_OK);
            double error = error_of(&h, &system_list[i], &choice);
            bool good = error <= (choice.limit == LAG_CHOICE_REACHES ? tol : 10 * choice.error);
            if (!good)
                printf("\n    %s, tol = %g: r = %u, dt = %g: %g", system_list[i].text, tol, choice.r, choice.dt, error);
            CU_ASSERT(good);
            CU_ASSERT(suite_near((double)choice.steps * choice.dt, system_list[i].end, 1e-12));
            CU_ASSERT((choice.limit == LAG_CHOICE_REACHES) == (choice.error <= tol));
        }
        harness_free(&h);
    }
}

/* Whatever ran before, and whatever runs it. */
static void test_same(void) {
    for (int i = 0; i < 4; i++) {
        LagChoice choice[3];
        memset(choice, 0, sizeof choice);
        for (int j = 0; j < 3; j++) {
            Harness h = harness_read(system_list[i].text);
            LagChoiceAsk ask = ask_of(&h, &system_list[i], 1e-7);
            LagBackend backend = j == 2 ? LAG_BACKEND_INTERPRETER : LAG_BACKEND_AUTO;
            CU_ASSERT_EQUAL(lag_choose(h.model, backend, &ask, &choice[j]), LAG_OK);
            if (j == 1) CU_ASSERT_EQUAL(lag_choose(h.model, backend, &ask, &choice[j]), LAG_OK);
            harness_free(&h);
        }
        CU_ASSERT(memcmp(&choice[0], &choice[1], sizeof *choice) == 0);
        CU_ASSERT(memcmp(&choice[0], &choice[2], sizeof *choice) == 0);
    }
}

static void test_given(void) {
    const struct System *s = &system_list[1];
    Harness h = harness_read(s->text);
    LagChoice choice;
    LagChoiceAsk ask = ask_of(&h, s, 1e-6);
    ask.r = 5;
    CU_ASSERT_EQUAL(lag_choose(h.model, LAG_BACKEND_AUTO, &ask, &choice), LAG_OK);
    CU_ASSERT(choice.r == 5 && choice.limit == LAG_CHOICE_REACHES && error_of(&h, s, &choice) <= 1e-6);
    ask.r = -1, ask.dt = 0.25;
    CU_ASSERT_EQUAL(lag_choose(h.model, LAG_BACKEND_AUTO, &ask, &choice), LAG_OK);
    CU_ASSERT(choice.dt == 0.25 && choice.steps == 800 && choice.limit == LAG_CHOICE_REACHES);
    CU_ASSERT(error_of(&h, s, &choice) <= 1e-6);
    ask.until = NAN, ask.steps = 500;
    CU_ASSERT_EQUAL(lag_choose(h.model, LAG_BACKEND_AUTO, &ask, &choice), LAG_OK);
    CU_ASSERT(choice.dt == 0.25 && choice.steps == 500);
    ask.r = 2;
    CU_ASSERT_EQUAL(lag_choose(h.model, LAG_BACKEND_AUTO, &ask, &choice), LAG_OK);
    CU_ASSERT(choice.r == 2 && choice.limit == LAG_CHOICE_GIVEN && choice.error > 1e-6);
    for (ask.steps = 1; ask.steps < 12; ask.steps++) {
        CU_ASSERT_EQUAL(lag_choose(h.model, LAG_BACKEND_AUTO, &ask, &choice), LAG_OK);
        CU_ASSERT_EQUAL(choice.steps, ask.steps);
    }
    const double v[DOF] = {0, 2};
    ask = ask_of(&h, s, 1e-6);
    CU_ASSERT_EQUAL(lag_choose(h.model, LAG_BACKEND_AUTO, &ask, &choice), LAG_OK);
    LagChoice other;
    ask.pi = NULL, ask.v = v;
    CU_ASSERT_EQUAL(lag_choose(h.model, LAG_BACKEND_AUTO, &ask, &other), LAG_OK);
    CU_ASSERT(other.r == choice.r && other.steps == choice.steps);
    harness_free(&h);
}

/* Where one double a number is not enough, and two are. */
static void test_two_doubles(void) {
    struct System s = system_list[0];
    Harness h = harness_read(s.text);
    LagChoice choice;
    s.end = 200;
    LagChoiceAsk ask = ask_of(&h, &s, 1e-11);
    CU_ASSERT_EQUAL(lag_choose(h.model, LAG_BACKEND_AUTO, &ask, &choice), LAG_OK);
    CU_ASSERT(choice.method == LAG_METHOD_COMPENSATED && choice.limit == LAG_CHOICE_REACHES);
    CU_ASSERT(error_of(&h, &s, &choice) <= 1e-11);
    ask.tol = 1e-9;
    CU_ASSERT_EQUAL(lag_choose(h.model, LAG_BACKEND_AUTO, &ask, &choice), LAG_OK);
    CU_ASSERT(choice.method == LAG_METHOD_GGL && choice.limit == LAG_CHOICE_REACHES);
    ask.tol = 1e-11, ask.method = LAG_METHOD_NEWTON; /* that is kept */
    CU_ASSERT_EQUAL(lag_choose(h.model, LAG_BACKEND_AUTO, &ask, &choice), LAG_OK);
    CU_ASSERT(choice.method == LAG_METHOD_NEWTON && choice.limit == LAG_CHOICE_ROUND_OFF);
    harness_free(&h);
}

static bool stop_soon(void *user) { return --*(int *)user < 0; }

static void test_failures(void) {
    const struct System *s = &system_list[0];
    Harness h = harness_read(s->text);
    LagChoice choice = {.r = 77};
    LagChoiceAsk ask = ask_of(&h, s, 1e-6), good = ask;
    for (int i = 0; i < 8; i++) {
        ask = good;
        if (i == 0) ask.tol = 0;
        if (i == 1) ask.tol = 1;
        if (i == 2) ask.tol = NAN;
        if (i == 3) ask.until = 0;
        if (i == 4) ask.dt = -0.1;
        if (i == 5) ask.r = LAG_R_MAX + 1;
        if (i == 6) ask.method = LAG_METHOD_RK4;
        if (i == 7) ask.until = INFINITY;
        CU_ASSERT_EQUAL(lag_choose(h.model, LAG_BACKEND_AUTO, &ask, &choice), LAG_ERROR_ARGUMENT);
    }
    int left = 10;
    ask = good, ask.stop = stop_soon, ask.user = &left;
    CU_ASSERT_EQUAL(lag_choose(h.model, LAG_BACKEND_AUTO, &ask, &choice), LAG_INTERRUPTED);
    CU_ASSERT_EQUAL(choice.r, 77);
    harness_free(&h);
    const double q = 1, v = -1;
    h = harness_read("qd^2/2 + 1/sqrt(q)"); /* falls to where it has no value */
    ask = (LagChoiceAsk){.c = harness_parameters(&h), .q = &q, .v = &v, .tol = 1e-6, .until = 10, .r = -1};
    LagStatus status = lag_choose(h.model, LAG_BACKEND_AUTO, &ask, &choice);
    CU_ASSERT(status == LAG_ERROR_NEWTON || choice.limit != LAG_CHOICE_REACHES);
    harness_free(&h);
}

/* A step beside its halves: of order 2r + 3. */
static void test_step_error(void) {
    const struct System *s = &system_list[4];
    Harness h = harness_read(s->text);
    const LagKernel *kernel;
    double error[2];
    CU_ASSERT_EQUAL_FATAL(lag_model_kernel(h.model, 2, LAG_BACKEND_AUTO, &kernel), LAG_OK);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(lag_step_error(kernel, harness_parameters(&h), 0, s->q, s->pi, i ? 0.2 : 0.4, &error[i]), LAG_OK);
    double order = log2(error[0] / error[1]);
    if (!(order > 6.5 && order < 8.5)) printf("\n    %.2g, %.2g: order %.2f", error[0], error[1], order);
    CU_ASSERT(order > 6.5 && order < 8.5);
    CU_ASSERT_EQUAL(lag_step_error(kernel, NULL, 0, NULL, s->pi, 0.1, error), LAG_ERROR_ARGUMENT);
    harness_free(&h);
}

void suite_choose(void) {
    suite_add("choose", (SuiteTest[]){{"as accurate as wanted", test_accuracy},
                                      {"the same every time", test_same},
                                      {"what is given stays", test_given},
                                      {"the state in two doubles", test_two_doubles},
                                      {"failures", test_failures},
                                      {"a step beside its halves", test_step_error},
                                      {0}});
}
