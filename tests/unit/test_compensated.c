/* test_compensated.c: the state in two doubles: the same bits whoever runs it, by every road, and where steps fail. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DOF = 2, STEPS = 60, SYSTEMS = LAG_SYSTEMS + 3 };

static const double start_q[DOF] = {0.8, 0.1}, start_pi[DOF] = {0.3, 0.9};

/* By sweeps: M diagonal, M not diagonal, A with velocities and time, one whose sweeps converge slowly, a mass that varies,
 * and a momentum that is not linear in v. */
static const struct {
    const char *text;
    double h;
} swept[] = {
    {"(xd^2 + 2*yd^2)/2 + 1/sqrt(x^2 + y^2)", 0.05},
    {"(xd^2 + yd^2)/2 + xd*yd/3 - x^4/4 - y^2", 0.1},
    {"(xd^2 + yd^2)/2 + 1/sqrt(x^2 + y^2) - 0.1*(xd_p*x_m + yd_p*y_m) + x*sin(3*t)", 0.05},
    {"(xd^2 + yd^2)/2 - 12*x^4 - y^2", 0.15},
    {"(1 + x^2)*xd^2/2 + yd^2/2 + xd*yd*cos(y)/3 - x^2/2 - y^4/4 - 0.1*yd_p*y_m", 0.1},
    {"-9*sqrt(1 - (xd^2 + yd^2)/9) + 2*(x*yd - y*xd) - x^2", 0.1},
};
enum { SWEPT = sizeof swept / sizeof *swept };

/* Rows 1 .. STEPS: q of all, then pi of all. */
typedef double Path[2][STEPS][DOF];

static LagIntegrator *begin(const LagKernel *kernel, LagMethod method, const double *q) {
    return harness_begin(kernel, method, NULL, 0, q, start_pi);
}

static void walk(const LagKernel *kernel, LagMethod method, double h, const double *q, uint64_t piece, Path path) {
    LagIntegrator *it = begin(kernel, method, q);
    LagRows rows = {.capacity = STEPS, .q = path[0][0], .pi = path[1][0]};
    for (uint64_t done = 0, take; done < STEPS; done += take) {
        take = piece < STEPS - done ? piece : STEPS - done;
        CU_ASSERT_EQUAL(lag_integrator_advance(it, h, take, 1, &rows), LAG_OK);
    }
    CU_ASSERT_EQUAL(rows.count, STEPS);
    lag_integrator_free(it);
}

/* Whether the steps, taken at one go, lead to a path's last row. */
static bool leads_there(const LagKernel *kernel, double h, const Path path) {
    double end[2][DOF];
    LagIntegrator *it = begin(kernel, LAG_METHOD_COMPENSATED, start_q);
    LagRows rows = {.capacity = 1, .q = end[0], .pi = end[1]};
    CU_ASSERT_EQUAL(lag_integrator_advance(it, h, STEPS, 1, NULL), LAG_OK);
    lag_integrator_state(it, &rows);
    lag_integrator_free(it);
    return memcmp(end[0], path[0][STEPS - 1], sizeof end[0]) == 0 && memcmp(end[1], path[1][STEPS - 1], sizeof end[1]) == 0;
}

static double apart(const Path a, const Path b) {
    double worst = 0;
    for (int which = 0; which < 2; which++)
        for (int i = 0; i < STEPS; i++)
            for (int k = 0; k < DOF; k++) worst = fmax(worst, fabs(a[which][i][k] - b[which][i][k]));
    return worst;
}

/* Every backend, and whatever pieces the steps are taken in: the same bits, which are not those of the plain form. */
static void test_same_bits(void) {
    Path first, path;
    for (int i = 0; i < SWEPT; i++)
        for (uint32_t r = 0; r <= 16; r += r < 3 ? 1 : 13) {
            Harness h = harness_read(swept[i].text);
            CU_ASSERT_EQUAL(lag_kernel_road(harness_kernel(&h, r, LAG_BACKEND_INTERPRETER)), LAG_ROAD_SWEEPS);
            for (int backend = 0; backend < LAG_BACKENDS; backend++) {
                walk(harness_kernel(&h, r, (LagBackend)backend), LAG_METHOD_COMPENSATED, swept[i].h, start_q,
                     (uint64_t)backend + 1, path);
                if (backend == 0) memcpy(first, path, sizeof first);
                CU_ASSERT(memcmp(first, path, sizeof first) == 0);
                CU_ASSERT(leads_there(harness_kernel(&h, r, (LagBackend)backend), swept[i].h, path));
            }
            walk(harness_kernel(&h, r, LAG_BACKEND_INTERPRETER), LAG_METHOD_GGL, swept[i].h, start_q, STEPS, path);
            double other = apart(first, path);
            CU_ASSERT(other > 0 && other < 1e-11);
            harness_free(&h);
        }
}

/* Systems of a batch go as they would alone, side by side or not. */
static void test_batch(void) {
    static double q[SYSTEMS][STEPS][DOF], pi[SYSTEMS][STEPS][DOF];
    double start[SYSTEMS][DOF], momentum[SYSTEMS][DOF];
    Path path;
    for (int i = 0; i < SYSTEMS; i++)
        for (int k = 0; k < DOF; k++) start[i][k] = start_q[k] + 0.02 * i, momentum[i][k] = start_pi[k];
    for (int i = 0; i < SWEPT; i++)
        for (int backend = LAG_BACKEND_INTERPRETER; backend < LAG_BACKENDS; backend++) {
            Harness h = harness_read(swept[i].text);
            const LagKernel *kernel = harness_kernel(&h, 4, (LagBackend)backend);
            LagBatch *batch;
            LagBatchRows rows = {.capacity = STEPS, .q = q[0][0], .pi = pi[0][0]};
            CU_ASSERT_EQUAL_FATAL(lag_batch_new(kernel, LAG_METHOD_COMPENSATED, SYSTEMS, 2, &batch), LAG_OK);
            CU_ASSERT_EQUAL(lag_batch_start(batch, 0, start[0], momentum[0]), LAG_OK);
            CU_ASSERT_EQUAL(lag_batch_advance(batch, swept[i].h, STEPS / 3, 1, &rows), LAG_OK);
            CU_ASSERT_EQUAL(lag_batch_advance(batch, swept[i].h, STEPS - STEPS / 3, 1, &rows), LAG_OK);
            for (int n = 0; n < SYSTEMS; n++) {
                walk(kernel, LAG_METHOD_COMPENSATED, swept[i].h, start[n], STEPS, path);
                CU_ASSERT(memcmp(path[0], q[n], sizeof q[n]) == 0 && memcmp(path[1], pi[n], sizeof pi[n]) == 0);
            }
            lag_batch_free(batch);
            harness_free(&h);
        }
}

/* Where the road is Newton's, or affine: the same steps to round-off. */
static void test_other_roads(void) {
    static const struct {
        const char *text;
        LagRoad road;
    } system[] = {
        {"xd*yd*(2 + cos(y)/9) - x*y", LAG_ROAD_NEWTON},
        {"(xd^2 + yd^2)/2 - x^2 - x*y - y^2 + x - 0.1*xd_p*x_m", LAG_ROAD_AFFINE},
    };
    Path one, two, pieces;
    for (int i = 0; i < 2; i++) {
        Harness h = harness_read(system[i].text);
        const LagKernel *kernel = harness_kernel(&h, 6, LAG_BACKEND_INTERPRETER);
        CU_ASSERT_EQUAL(lag_kernel_road(kernel), system[i].road);
        walk(kernel, LAG_METHOD_GGL, 0.1, start_q, STEPS, one);
        walk(kernel, LAG_METHOD_COMPENSATED, 0.1, start_q, STEPS, two);
        walk(kernel, LAG_METHOD_COMPENSATED, 0.1, start_q, 7, pieces);
        double other = apart(one, two);
        CU_ASSERT((other > 0 || system[i].road == LAG_ROAD_AFFINE) && other < 1e-13); /* an affine state is in two already */
        CU_ASSERT(memcmp(two, pieces, sizeof two) == 0);
        harness_free(&h);
    }
}

/* A start begins with nothing in the second double, whatever was there before. */
static void test_start(void) {
    static const char *const text[] = {"(xd^2 + 2*yd^2)/2 + 1/sqrt(x^2 + y^2)", "(xd^2 + yd^2)/2 - x^2 - y^2 - x*y",
                                       "(1 + x^2)*xd^2/2 + yd^2/2 - x^2 - y^2"};
    for (int i = 0; i < 3; i++) {
        Harness h = harness_read(text[i]);
        LagIntegrator *it = begin(harness_kernel(&h, 4, LAG_BACKEND_INTERPRETER), LAG_METHOD_COMPENSATED, start_q);
        double state[2][2 * DOF];
        for (int again = 0; again < 2; again++) {
            LagRows rows = {.capacity = 1, .q = state[again], .pi = state[again] + DOF};
            CU_ASSERT_EQUAL(lag_integrator_start(it, 0, start_q, start_pi), LAG_OK);
            CU_ASSERT_EQUAL(lag_integrator_advance(it, 0.1, STEPS, STEPS, &rows), LAG_OK);
        }
        CU_ASSERT(memcmp(state[0], state[1], sizeof *state) == 0);
        lag_integrator_free(it);
        harness_free(&h);
    }
}

/* Past what doubles hold there is no step, and the state stays. */
static void test_failure(void) {
    Harness h = harness_read("(xd^2 + yd^2)/2 + x^2*y^2 + x^2");
    LagIntegrator *it = begin(harness_kernel(&h, 2, LAG_BACKEND_INTERPRETER), LAG_METHOD_COMPENSATED, start_q);
    LagReport report;
    double state[2 * DOF];
    LagRows rows = {.capacity = 1, .q = state, .pi = state + DOF};
    CU_ASSERT_NOT_EQUAL(lag_integrator_advance(it, 0.05, 100000, 1, NULL), LAG_OK);
    lag_integrator_report(it, &report);
    lag_integrator_state(it, &rows);
    CU_ASSERT(report.steps > 0 && report.steps < 100000);
    for (int i = 0; i < 2 * DOF; i++) CU_ASSERT(isfinite(state[i]));
    lag_integrator_free(it);
    harness_free(&h);
}

void suite_compensated(void) {
    suite_add("compensated", (SuiteTest[]){{"the same bits", test_same_bits},
                                           {"batches", test_batch},
                                           {"other roads", test_other_roads},
                                           {"starts", test_start},
                                           {"failures", test_failure},
                                           {0}});
}
