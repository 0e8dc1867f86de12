/* test_affine_long.c: runs long enough for powers of the map: the same discrete map all along, and the same bits however a
 * run is cut into calls and whatever is kept of it. */
#include "harness.h"
#include "solve/affine.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOF = POWERS_DOF_MOST, TEXT = 2048 };

/* A run with all its rows, from a start that is the same for all. */
typedef struct Run {
    Harness h;
    const LagKernel *kernel;
    uint32_t d;
    double dt;
    uint64_t steps;
    LagRows rows;
} Run;

static const double start_q[DOF] = {0.7, -0.4, 0.1, 0.9, -1, 0.3}, start_pi[DOF] = {0.2, 1.1, -0.6, 0.05};

/* As many masses between walls as coordinates, the last on a softer spring; something constant pushes them. */
static const char *chain(uint32_t d) {
    static char text[TEXT];
    int at = 0;
    for (uint32_t i = 0; i < d; i++)
        at += snprintf(text + at, TEXT - (size_t)at, "%sx%ud^2/2 - x%u^2/%u + 0.3*x%u", i ? " + " : "", i, i, 2 + i, i);
    for (uint32_t i = 1; i < d; i++) at += snprintf(text + at, TEXT - (size_t)at, " - 0.2*(x%u - x%u)^2", i, i - 1);
    return text;
}

static LagIntegrator *begin(const Run *run, LagMethod method, const double *q, const double *pi) {
    return harness_begin(run->kernel, method, harness_parameters(&run->h), 0.25, q, pi);
}

/* Room for `count` rows; the caller frees rows.t. */
static LagRows make_rows(uint32_t d, size_t count) {
    double *at = malloc(count * (1 + 2 * d) * sizeof *at);
    CU_ASSERT_FATAL(at != NULL);
    return (LagRows){.capacity = count, .t = at, .q = at + count, .pi = at + count * (1 + d)};
}

static Run make_run(const char *text, uint32_t r, double dt, uint64_t steps) {
    Run run = {.h = harness_read(text), .dt = dt, .steps = steps};
    CU_ASSERT_EQUAL_FATAL(lag_model_kernel(run.h.model, r, LAG_BACKEND_INTERPRETER, &run.kernel), LAG_OK);
    CU_ASSERT_EQUAL_FATAL(lag_kernel_road(run.kernel), LAG_ROAD_AFFINE);
    run.d = run.kernel->dof;
    run.rows = make_rows(run.d, steps);
    LagIntegrator *it = begin(&run, LAG_METHOD_GGL, start_q, start_pi);
    CU_ASSERT_EQUAL(lag_integrator_advance(it, dt, steps, 1, &run.rows), LAG_OK);
    CU_ASSERT_EQUAL(run.rows.count, steps);
    lag_integrator_free(it);
    return run;
}

static void free_run(Run *run) {
    free(run->rows.t);
    harness_free(&run->h);
}

/* ---- The same map ---- */

/* Two states, relative to the largest of their numbers. */
static double apart(uint32_t d, const double *q, const double *pi, const double *other_q, const double *other_pi) {
    double most = 0, worst = 0;
    for (uint32_t k = 0; k < d; k++) {
        most = fmax(most, fmax(fabs(q[k]), fabs(pi[k])));
        worst = fmax(worst, fmax(fabs(q[k] - other_q[k]), fabs(pi[k] - other_pi[k])));
    }
    return worst == 0 ? 0 : worst / most;
}

/* Newton's steps from a row on against the rows after it. */
static double against_newton(const Run *run, uint64_t row) {
    enum { STEPS = 12 };
    uint32_t d = run->d;
    double worst = 0;
    LagRows rows = make_rows(d, STEPS);
    LagIntegrator *it = begin(run, LAG_METHOD_NEWTON, run->rows.q + row * d, run->rows.pi + row * d);
    CU_ASSERT_EQUAL(lag_integrator_advance(it, run->dt, STEPS, 1, &rows), LAG_OK);
    for (uint64_t i = 0; i < STEPS; i++) {
        uint64_t at = (row + 1 + i) * d;
        worst = fmax(worst, apart(d, rows.q + i * d, rows.pi + i * d, run->rows.q + at, run->rows.pi + at));
    }
    lag_integrator_free(it);
    free(rows.t);
    return worst;
}

/* Where anchors and stretches meet, and anywhere. */
static void test_same_map(void) {
    static const struct {
        const char *text; /* or NULL: a chain of */
        uint32_t d;
        uint64_t steps;
    } list[] = {{"qd^2/2 - q^2/2", 1, 40000},
                {"m = 2; m*qd^2/2 - q^2/2 + 3*q - 0.001*qd_p*q_m", 1, 40000},
                {"qd^2/2 - q^2/2 - qd_p*q_m", 1, 6000},   /* it dies down by 1e130 */
                {"qd^2/2 - q^2/2 - 3*qd_p*q_m", 1, 6000}, /* the fast part is soon round-off of the slow */
                {"qd^2/2 + q^2/2", 1, 7000},              /* it runs away by 1e300 */
                {"xd^2/2 + yd^2/2 - 9.81*y", 2, 40000},
                {NULL, 3, 40000},
                {NULL, 7, 40000},
                {NULL, 16, 9000}};
    SuiteRandom random = {7};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        Run run = make_run(list[i].text ? list[i].text : chain(list[i].d), 3, 0.1, list[i].steps);
        double worst = 0;
        for (uint64_t at = 0; at < 100; at++) {
            uint64_t row = suite_bits(&random) % (run.steps - 20);
            worst = fmax(worst, against_newton(&run, at < 70 ? row : row - row % 64));
        }
        if (!(worst <= 2e-14)) printf("\n    %s of %u: %.1e", list[i].text ? list[i].text : "chain", run.d, worst);
        CU_ASSERT(worst <= 2e-14);
        free_run(&run);
    }
}

/* The map's own numbers, stepped one by one in more digits: what a million steps of an oscillator add to it is no more than
 * what one does. */
static void test_round_off(void) {
    Harness h = harness_read("qd^2/2 - q^2/2");
    const LagKernel *kernel;
    CU_ASSERT_EQUAL_FATAL(lag_model_kernel(h.model, 4, LAG_BACKEND_INTERPRETER, &kernel), LAG_OK);
    Frame frame;
    Affine a;
    CU_ASSERT_FATAL(frame_init(&frame, kernel, true) == LAG_OK && affine_init(&a, &frame) == LAG_OK);
    CU_ASSERT_EQUAL(affine_make(&a, 0.1), LAG_OK);
    double *q = frame.array[LAG_Q], *pi = frame.array[LAG_PI], worst = 0;
    long double x = *q = 0.8, y = *pi = -0.5;
    for (int i = 0; i < 10; i++) {
        for (int n = 0; n < 100000; n++) {
            long double dx = a.map[0] * x + a.map[1] * y, dy = a.map[2] * x + a.map[3] * y;
            x += dx, y += dy;
        }
        CU_ASSERT_EQUAL(affine_steps(&a, 100000, NULL), 100000);
        worst = fmax(worst, (double)fmaxl(fabsl(*q - x), fabsl(*pi - y)));
    }
    printf("\n    round-off of a million steps: %.1e", worst);
    CU_ASSERT(worst <= 2e-15 || LDBL_DIG == DBL_DIG);
    affine_free(&a);
    frame_free(&frame);
    harness_free(&h);
}

/* ---- The same bits ---- */

typedef struct Cancel {
    uint64_t called, at;
} Cancel;

static void watch(LagIntegrator *it, void *user) {
    Cancel *cancel = user;
    double q[DOF];
    LagRows row = {.capacity = 1, .q = q};
    lag_integrator_state(it, &row);
    if (++cancel->called == cancel->at) lag_integrator_cancel(it);
}

/* Whether rows that were kept by some call are those of the run; the i-th is that of step first + i every. */
static bool same_rows(const Run *run, const LagRows *rows, uint64_t first, uint64_t every) {
    size_t size = run->d * sizeof(double);
    for (uint64_t i = 0; i < rows->count; i++) {
        uint64_t at = first + i * every;
        if (rows->t && memcmp(&rows->t[i], &run->rows.t[at], sizeof(double)) != 0) return false;
        if (rows->q && memcmp(rows->q + i * run->d, run->rows.q + at * run->d, size) != 0) return false;
        if (rows->pi && memcmp(rows->pi + i * run->d, run->rows.pi + at * run->d, size) != 0) return false;
    }
    return true;
}

/* One call, of some length, with rows of some kind, now and then watched or cancelled: how many steps it took. */
static uint64_t advance_somehow(const Run *run, LagIntegrator *it, SuiteRandom *random, uint64_t done) {
    static const uint64_t every_list[] = {1, 1, 2, 3, 7, 8, 9, 64, 1000, UINT64_MAX};
    uint64_t left = run->steps - done, steps = 1 + suite_bits(random) % (suite_bits(random) % 4 ? 300 : 20000);
    uint64_t every = every_list[suite_bits(random) % (sizeof every_list / sizeof *every_list)];
    if (steps > left) steps = left;
    LagRows rows = make_rows(run->d, 1 + suite_bits(random) % steps), all = rows;
    double *energy = malloc(rows.capacity * sizeof *energy);
    if (suite_bits(random) % 4 == 0) rows.t = NULL;
    if (suite_bits(random) % 4 == 0) rows.q = NULL;
    if (suite_bits(random) % 4 == 0) rows.pi = NULL;
    if (suite_bits(random) % 4 == 0 && steps < 1000) rows.energy = energy;
    Cancel cancel = {.at = 1 + suite_bits(random) % 50};
    lag_integrator_watch(it, suite_bits(random) % 2 ? 1 + suite_bits(random) % 500 : 0, watch, &cancel);
    LagStatus status = lag_integrator_advance(it, run->dt, steps, every, &rows);
    LagReport report;
    lag_integrator_report(it, &report);
    uint64_t took = report.steps - done, due = took / every;
    CU_ASSERT(status == LAG_OK ? took == steps : status == LAG_INTERRUPTED && cancel.called == cancel.at);
    CU_ASSERT_EQUAL(rows.count, due < rows.capacity ? due : rows.capacity);
    CU_ASSERT(same_rows(run, &rows, done + every - 1, every));
    LagRows state = {.capacity = 1, .t = all.t, .q = all.q, .pi = all.pi};
    lag_integrator_state(it, &state);
    CU_ASSERT(took == 0 || same_rows(run, &state, report.steps - 1, 1));
    free(all.t);
    free(energy);
    return took;
}

static void test_same_bits(void) {
    static const struct {
        uint32_t d;
        uint64_t steps;
    } list[] = {{1, 60000}, {2, 30000}, {3, 20000}, {16, 8000}};
    SuiteRandom random = {11};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        Run run = make_run(chain(list[i].d), 2, 0.1, list[i].steps);
        LagIntegrator *it = begin(&run, LAG_METHOD_GGL, start_q, start_pi);
        for (unsigned again = 0; again < 8 * suite_multiplier(); again++) { /* later with the map and its powers at hand */
            CU_ASSERT_EQUAL(lag_integrator_start(it, 0.25, start_q, start_pi), LAG_OK);
            for (uint64_t done = 0; done < run.steps;) done += advance_somehow(&run, it, &random, done);
        }
        lag_integrator_free(it);
        free_run(&run);
    }
}

/* ---- Where doubles end ---- */

/* Steps of a motion e^t that runs away, until it is out of what doubles hold: by calls for `piece` steps. */
static uint64_t run_away(const Run *run, double start, uint64_t piece, LagRows *rows, double state[2]) {
    LagReport report;
    LagRows end = {.capacity = 1, .q = state, .pi = state + 1};
    LagIntegrator *it = begin(run, LAG_METHOD_GGL, &start, &start);
    while (lag_integrator_advance(it, run->dt, piece, 1, rows) == LAG_OK) continue;
    lag_integrator_report(it, &report);
    CU_ASSERT_EQUAL(report.status, LAG_ERROR_NOT_FINITE);
    CU_ASSERT_EQUAL(lag_integrator_advance(it, run->dt, 1, 1, rows), LAG_ERROR_NOT_FINITE); /* nor later */
    lag_integrator_state(it, &end);
    lag_integrator_free(it);
    return report.steps;
}

/* The step that fails is the same however it is come to, and it is the first that doubles don't hold. */
static void check_end(const Run *run, double start) {
    double state[2], other[2];
    uint64_t steps = run_away(run, start, UINT64_MAX, NULL, state);
    CU_ASSERT(isfinite(state[0]) && isfinite(state[1]) && log(state[0]) + run->dt > log(DBL_MAX) - 1e-9);
    LagRows rows = make_rows(1, steps + 1);
    for (uint64_t piece = 1; piece < 100000; piece = piece * 11 + 6) {
        rows.count = 0;
        CU_ASSERT_EQUAL(run_away(run, start, piece, piece % 2 ? &rows : NULL, other), steps);
        CU_ASSERT(memcmp(state, other, sizeof state) == 0);
        CU_ASSERT_EQUAL(rows.count, piece % 2 ? steps : 0);
        CU_ASSERT(rows.count == 0 || (rows.q[steps - 1] == state[0] && rows.pi[steps - 1] == state[1]));
    }
    free(rows.t);
}

static void test_end(void) {
    for (double dt = 1; dt > 0.005; dt /= 10) {
        Run run = make_run("qd^2/2 + q^2/2", 2, dt, 1);
        int starts = dt == 1 ? AFFINE_WIDE + 1 : POWERS; /* at 1, anchors are 64 steps apart when the end is near */
        for (int i = 0; i < starts; i++) check_end(&run, exp(-i * dt));
        free_run(&run);
    }
}

/* Rows that are more than caches hold are those of shorter calls, and don't ask how arrays are aligned. */
static void test_many(void) {
    enum { STEPS = 2200000 }; /* of two coordinates: 70 MB */
    static const uint64_t pieces[] = {STEPS, 300000};
    Run run = make_run(chain(2), 2, 0.01, STEPS);
    LagRows room = make_rows(2, STEPS + 1);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        LagIntegrator *it = begin(&run, LAG_METHOD_GGL, start_q, start_pi);
        LagRows rows = room;
        rows.t++, rows.q++;
        for (uint64_t done = 0, take; done < STEPS; done += take, rows.count = 0) {
            take = pieces[i] < STEPS - done ? pieces[i] : STEPS - done;
            CU_ASSERT_EQUAL(lag_integrator_advance(it, run.dt, take, 1, &rows), LAG_OK);
            CU_ASSERT(rows.count == take && same_rows(&run, &rows, done, 1));
        }
        lag_integrator_free(it);
    }
    free(room.t);
    free_run(&run);
}

void suite_affine_long(void) {
    suite_add("affine/long", (SuiteTest[]){{"the same map all along", test_same_map},
                                           {"round-off does not grow", test_round_off},
                                           {"the same bits", test_same_bits},
                                           {"more than caches hold", test_many},
                                           {"where doubles end", test_end},
                                           {0}});
}
