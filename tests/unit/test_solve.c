/* test_solve.c: the runtime without the compiler: linear equations, steps, trajectories, and what happens when there are
 * none. */
#include "hand_laws.h"
#include "lag.h"
#include "solve/linear.h"
#include "suite.h"

#include <float.h>
#include <stdio.h>

enum { DOF_MOST = 8 };

/* ---- Trajectories of a hand-written law ---- */

typedef struct Path {
    HandKernel *kernel;
    LagIntegrator *it;
    LagRows rows; /* every step, room for those asked for */
    size_t d;
} Path;

static Path path_new(HandLaw *law, uint32_t d, uint32_t m, const double *c, uint32_t r, LagMethod method, size_t room) {
    Path p = {.kernel = hand_kernel(law, d, m, r), .d = d};
    p.rows = (LagRows){.capacity = room,
                       .t = calloc(room, sizeof(double)),
                       .q = calloc(room * d, sizeof(double)),
                       .pi = calloc(room * d, sizeof(double)),
                       .energy = calloc(room, sizeof(double))};
    CU_ASSERT_EQUAL_FATAL(lag_integrator_new(&p.kernel->kernel, method, &p.it), LAG_OK);
    lag_integrator_parameters(p.it, c);
    return p;
}

static Path ggl(HandLaw *law, uint32_t d, uint32_t m, const double *c, uint32_t r, size_t room) {
    return path_new(law, d, m, c, r, LAG_METHOD_GGL, room);
}

static void path_free(Path *p) {
    lag_integrator_free(p->it);
    hand_free(p->kernel);
    free(p->rows.t);
    free(p->rows.q);
    free(p->rows.pi);
    free(p->rows.energy);
}

static LagReport report_of(const Path *p) {
    LagReport report;
    lag_integrator_report(p->it, &report);
    return report;
}

/* q and pi as they stand. */
static void state_of(const Path *p, double *q, double *pi) {
    LagRows row = {.capacity = 1, .q = q, .pi = pi};
    lag_integrator_state(p->it, &row);
}

/* ---- Linear equations ---- */

static void random_system(SuiteRandom *random, uint32_t n, double *a, double *x, double *b) {
    for (uint32_t i = 0; i < n; i++) {
        double unit = pow(10, suite_uniform(random, -60, 60)); /* rows of different units */
        for (uint32_t j = 0; j < n; j++) a[i * n + j] = unit * suite_uniform(random, -1, 1);
        x[i] = suite_uniform(random, -1, 1);
    }
    for (uint32_t i = 0; i < n; i++) {
        b[i] = 0;
        for (uint32_t j = 0; j < n; j++) b[i] += a[i * n + j] * x[j];
    }
}

static void test_linear(void) {
    static const uint32_t size[] = {1, 2, 5, 31, 32, 33, 64, 100, 150};
    SuiteRandom random = {1};
    for (size_t s = 0; s < sizeof size / sizeof *size; s++) {
        uint32_t n = size[s], *pivot = calloc(n, sizeof *pivot);
        double *a = calloc(n * n, sizeof *a), *lu = calloc(n * n, sizeof *a), *x = calloc(3 * n, sizeof *a);
        double *b = x + n, *scale = b + n;
        random_system(&random, n, a, x, b);
        memcpy(lu, a, n * n * sizeof *a);
        CU_ASSERT_EQUAL(linear_factor(lu, n, pivot, scale), LAG_OK);
        linear_solve(lu, n, pivot, b);
        double worst = 0;
        for (uint32_t i = 0; i < n; i++) { /* the residual, relative to its terms */
            double sum = 0, terms = 0;
            for (uint32_t j = 0; j < n; j++) sum += a[i * n + j] * (b[j] - x[j]), terms += fabs(a[i * n + j]);
            worst = fmax(worst, fabs(sum) / terms);
        }
        CU_ASSERT(worst < 1e-13);
        free(a);
        free(lu);
        free(x);
        free(pivot);
    }
}

static void test_pivots(void) {
    double swap[] = {0, 1, 1, 0}, rank_1[] = {1, 2, 2, 4}, zero_row[] = {1, 2, 0, 0}, none[] = {1, NAN, 2, 1}, b[] = {3, 5},
           scale[2];
    double infinite[] = {1, 2, INFINITY, 4};
    uint32_t pivot[2];
    CU_ASSERT_EQUAL(linear_factor(swap, 2, pivot, scale), LAG_OK);
    linear_solve(swap, 2, pivot, b);
    CU_ASSERT(b[0] == 5 && b[1] == 3);
    CU_ASSERT_EQUAL(linear_factor(rank_1, 2, pivot, scale), LAG_ERROR_SINGULAR);
    CU_ASSERT_EQUAL(linear_factor(zero_row, 2, pivot, scale), LAG_ERROR_SINGULAR);
    CU_ASSERT_EQUAL(linear_factor(none, 2, pivot, scale), LAG_ERROR_NOT_FINITE);
    CU_ASSERT_EQUAL(linear_factor(infinite, 2, pivot, scale), LAG_ERROR_NOT_FINITE);
}

/* ---- Golden trajectories ---- */

/* The values of "# parameters: a = 1, b = 2; ..." in their order. */
static void read_parameters(const char *line, double *c, size_t most) {
    for (size_t i = 0; i < most && (line = strchr(line, '=')); i++) c[i] = strtod(++line, NULL);
}

static void check_golden(const char *name, HandLaw *law, uint32_t d, uint32_t m) {
    static char line[8192];
    char file[64];
    double c[4] = {0}, h = 0, row[1 + 2 * DOF_MOST], q[DOF_MOST], pi[DOF_MOST], worst = 0;
    unsigned r = 0, steps = 0, rows = 0;
    LagStatus status = LAG_OK;
    Path p = {0};
    snprintf(file, sizeof file, "golden/%s.csv", name);
    FILE *in = fopen(suite_path(file), "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(in);
    while (fgets(line, sizeof line, in) && status == LAG_OK) {
        if (strncmp(line, "# parameters:", 13) == 0) read_parameters(line, c, m);
        sscanf(line, "# r = %u, dt = %lf, steps = %u", &r, &h, &steps);
        if (line[0] == '#' || line[0] == 't') continue;
        char *at = line;
        for (size_t i = 0; i < 1 + 2 * d; i++, at++) row[i] = strtod(at, &at);
        if (rows == 0) {
            p = ggl(law, d, m, c, r, 0);
            CU_ASSERT_EQUAL(lag_integrator_start(p.it, row[0], row + 1, row + 1 + d), LAG_OK);
        } else {
            status = lag_integrator_advance(p.it, h, 1, 1, NULL);
        }
        rows++;
        state_of(&p, q, pi);
        for (size_t k = 0; k < d; k++) {
            worst = fmax(worst, fabs(q[k] - row[1 + k]) / (1 + fabs(row[1 + k])));
            worst = fmax(worst, fabs(pi[k] - row[1 + d + k]) / (1 + fabs(row[1 + d + k])));
        }
    }
    fclose(in);
    CU_ASSERT_EQUAL(status, LAG_OK);
    CU_ASSERT_EQUAL(rows, steps + 1);
    CU_ASSERT(worst <= 1e-12);
    path_free(&p);
}

static void test_golden(void) {
    char name[32];
    for (unsigned r = 0; r <= 8; r += r < 2 ? 1 : r) {
        snprintf(name, sizeof name, "dho_r%u", r);
        check_golden(name, law_oscillator, 1, 3);
        snprintf(name, sizeof name, "prd_r%u", r);
        check_golden(name, law_prd, 2, 3);
    }
    check_golden("dho_2_4_1_r2", law_family, 1, 3);
    check_golden("dho_2_3_1_r2", law_family, 1, 3);
    check_golden("dho_6.88_14.19_5.46_r2", law_family, 1, 3);
    check_golden("double_pendulum_r2", law_double_pendulum, 2, 3);
    check_golden("fput_8_r2", law_chain, 8, 1);
}

/* ---- Orders far beyond the usual ---- */

static void test_high_order(void) {
    static const struct {
        uint32_t r;
        double h;
    } high[] = {{16, 1}, {40, 5}, {100, 10}, {200, 10}, {200, 0.1}};
    const double c[] = {1, 1, 0}, q = 1, pi = 0;
    for (size_t i = 0; i < sizeof high / sizeof *high; i++) {
        Path p = ggl(law_oscillator, 1, 3, c, high[i].r, 2);
        CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0, &q, &pi), LAG_OK);
        CU_ASSERT_EQUAL(lag_integrator_advance(p.it, high[i].h, 2, 1, &p.rows), LAG_OK);
        for (int n = 0; n < 2; n++) {
            CU_ASSERT(fabs(p.rows.q[n] - cos((n + 1) * high[i].h)) < 1e-12);
            CU_ASSERT(fabs(p.rows.pi[n] + sin((n + 1) * high[i].h)) < 1e-12);
        }
        path_free(&p);
    }
}

/* ---- What Newton may meet ---- */

/* From rest, where drag has no derivative, or no value: v = sqrt(g/c) tanh(sqrt(g c) t), either way up. */
static void test_fall(void) {
    HandLaw *const law[] = {law_fall, law_fall_worse};
    const double zero = 0;
    for (int i = 0; i < 4; i++)
        for (uint32_t r = 0; r <= 8; r += 4) {
            double c[] = {i % 2 ? -9.81 : 9.81, 0.25}, h = 0.01, w = sqrt(9.81 * 0.25);
            Path p = ggl(law[i / 2], 1, 2, c, r, 100);
            CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0, &zero, &zero), LAG_OK);
            CU_ASSERT_EQUAL(lag_integrator_advance(p.it, h, 100, 1, &p.rows), LAG_OK);
            double v = sqrt(9.81 / 0.25) * tanh(w), q = log(cosh(w)) / 0.25;
            CU_ASSERT(suite_near(p.rows.pi[99], i % 2 ? -v : v, r ? 1e-9 : 1e-3));
            CU_ASSERT(suite_near(p.rows.q[99], i % 2 ? -q : q, r ? 1e-9 : 1e-3));
            path_free(&p);
        }
}

/* Drag in the plane: it starts from rest, y never moves, energy only falls; and nothing at all moves what rests at the
 * bottom. */
static void test_rest(void) {
    const double c = 0.3, q[] = {1, 0}, zero[] = {0, 0};
    Path p = ggl(law_drag_plane, 2, 1, &c, 2, 1000);
    CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0, q, zero), LAG_OK);
    CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.05, 1000, 1, &p.rows), LAG_OK);
    unsigned wrong = 0;
    for (size_t n = 0; n < p.rows.count; n++) {
        wrong += !(fabs(p.rows.q[2 * n + 1]) < 1e-12) || !(fabs(p.rows.pi[2 * n + 1]) < 1e-12);
        wrong += n > 0 && !(p.rows.energy[n] < p.rows.energy[n - 1] + 1e-7);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(p.rows.energy[999] < 0.05 * p.rows.energy[0]);
    CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0, zero, zero), LAG_OK);
    CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.05, 10, 1, NULL), LAG_OK);
    double end[2], pi[2];
    state_of(&p, end, pi);
    CU_ASSERT(end[0] == 0 && end[1] == 0 && pi[0] == 0 && pi[1] == 0);
    path_free(&p);
}

/* A linear motion has no scale: from 1e-200 or from 1e200 it is the same, and costs the same. */
static void test_scale(void) {
    static const double scale[] = {1e-200, 1e-150, 1e150, 1e200};
    const double c[] = {1, 1, 0.1}, one = 1, zero = 0;
    for (uint32_t r = 0; r <= 8; r += 2) {
        Path p = ggl(law_oscillator, 1, 3, c, r, 200);
        CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0, &one, &zero), LAG_OK);
        CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.1, 200, 1, &p.rows), LAG_OK);
        uint64_t iterations = report_of(&p).iterations;
        CU_ASSERT(iterations <= 500); /* two a step, and some */
        for (size_t i = 0; i < 4; i++) {
            Path s = ggl(law_oscillator, 1, 3, c, r, 200);
            CU_ASSERT_EQUAL(lag_integrator_start(s.it, 0, &scale[i], &zero), LAG_OK);
            CU_ASSERT_EQUAL(lag_integrator_advance(s.it, 0.1, 200, 1, &s.rows), LAG_OK);
            double worst = 0;
            for (size_t n = 0; n < 200; n++) {
                worst = fmax(worst, fabs(s.rows.q[n] / scale[i] - p.rows.q[n]));
                worst = fmax(worst, fabs(s.rows.pi[n] / scale[i] - p.rows.pi[n]));
            }
            CU_ASSERT(worst < 1e-13);
            CU_ASSERT(report_of(&s).iterations <= iterations + 20);
            path_free(&s);
        }
        path_free(&p);
    }
}

/* Through the subnormal numbers to nothing. */
static void test_decay(void) {
    const double c[] = {1, 1, 1.9}, q = 1e-290, zero = 0;
    for (uint32_t r = 0; r <= 8; r += 2) {
        Path p = ggl(law_oscillator, 1, 3, c, r, 0);
        CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0, &q, &zero), LAG_OK);
        CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.1, 1000, 1, NULL), LAG_OK);
        double end, pi;
        state_of(&p, &end, &pi);
        CU_ASSERT(fabs(end) < 1e-305 && fabs(pi) < 1e-305);
        CU_ASSERT(report_of(&p).iterations < 10000);
        path_free(&p);
    }
}

/* Steps far beyond the motion's own time: still the method's equations, which are symmetric in time. They magnify up to a
 * thousand times, there and back. */
static void test_stiff(void) {
    const double c[] = {1, 1e6, 0}, q = 1, pi = 0;
    for (uint32_t r = 0; r <= 8; r++) {
        Path p = ggl(law_oscillator, 1, 3, c, r, 0);
        CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0, &q, &pi), LAG_OK);
        CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.05, 1, 1, NULL), LAG_OK);
        CU_ASSERT_EQUAL(lag_integrator_advance(p.it, -0.05, 1, 1, NULL), LAG_OK);
        double end, pi_end;
        state_of(&p, &end, &pi_end);
        CU_ASSERT(fabs(end - 1) < 1e-9 && fabs(pi_end) < 1e-9 * 1e3);
        path_free(&p);
    }
}

/* Where a step is a good part of the motion's own time, its equations have solutions that are no motion at all. The right
 * one is found, as near as the order allows: an orbit in steps of a third, and a pendulum that tumbles. */
static void test_large_steps(void) {
    const double orbit[] = {39.478758435, 0, 63241.3}, q[] = {0.8, 0}, pi[] = {0, 7.650808563419224};
    Path p = ggl(law_prd, 2, 3, orbit, 8, 300);
    CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0, q, pi), LAG_OK);
    CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.3, 300, 1, &p.rows), LAG_OK);
    for (size_t n = 0; n < p.rows.count; n++) CU_ASSERT(fabs(p.rows.energy[n] / p.rows.energy[0] - 1) < 0.01);
    path_free(&p);
    const double rods[] = {1, 1, 9.81}, up[] = {2, 3}, rest[] = {0, 0};
    double end[2][2], end_pi[2];
    for (int fine = 0; fine < 2; fine++) {
        p = ggl(law_double_pendulum, 2, 3, rods, 12, 0);
        CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0, up, rest), LAG_OK);
        CU_ASSERT_EQUAL(lag_integrator_advance(p.it, fine ? 0.05 : 0.5, fine ? 40 : 4, 1, NULL), LAG_OK);
        state_of(&p, end[fine], end_pi);
        path_free(&p);
    }
    for (int k = 0; k < 2; k++) CU_ASSERT(suite_near(end[0][k], end[1][k], 0.01));
}

/* Near the speed of light B grows without bound: velocities are found from momenta, and energy is kept. */
static void test_relativistic(void) {
    const double c = 1, zero = 0, pi = 30;
    Path p = ggl(law_relativistic, 1, 1, &c, 4, 200);
    CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0, &zero, &pi), LAG_OK);
    CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.05, 200, 1, &p.rows), LAG_OK);
    for (size_t n = 0; n < p.rows.count; n++) CU_ASSERT(suite_near(p.rows.energy[n], sqrt(901), 1e-9));
    path_free(&p);
    Path rk = path_new(law_relativistic, 1, 1, &c, 0, LAG_METHOD_RK4, 1);
    CU_ASSERT_EQUAL(lag_integrator_start(rk.it, 0, &zero, &pi), LAG_OK);
    lag_integrator_state(rk.it, &rk.rows);
    CU_ASSERT(suite_near(rk.rows.energy[0], sqrt(901), 1e-13));
    path_free(&rk);
}

/* v^3 = pi has no derivative at rest, where the search begins. */
static void test_quartic(void) {
    const double zero = 0, pi = -8;
    Path p = ggl(law_quartic, 1, 0, NULL, 2, 10);
    CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0, &zero, &pi), LAG_OK);
    CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.1, 10, 1, &p.rows), LAG_OK);
    CU_ASSERT(suite_near(p.rows.q[9], -2, 1e-13) && p.rows.pi[9] == -8);
    CU_ASSERT(suite_near(p.rows.energy[9], 12, 1e-13));
    path_free(&p);
}

/* ---- Failures ---- */

static void check_failure(Path *p, const double *q, const double *pi, double h, LagStatus want) {
    double q_end[DOF_MOST], pi_end[DOF_MOST];
    CU_ASSERT_EQUAL(lag_integrator_start(p->it, 2, q, pi), LAG_OK);
    CU_ASSERT_EQUAL(lag_integrator_advance(p->it, h, 3, 1, &p->rows), want);
    LagReport report = report_of(p);
    state_of(p, q_end, pi_end);
    CU_ASSERT_EQUAL(report.status, want);
    CU_ASSERT(report.steps == 0 && report.t == 2 && p->rows.count == 0);
    CU_ASSERT(memcmp(q, q_end, p->d * sizeof *q) == 0 && memcmp(pi, pi_end, p->d * sizeof *pi) == 0);
}

static void test_singular(void) {
    const double q[] = {1, 2}, pi[] = {1, 1};
    for (uint32_t r = 0; r <= 4; r += 2) {
        Path p = ggl(law_singular, 2, 0, NULL, r, 3);
        CU_ASSERT_EQUAL(lag_integrator_start(p.it, 2, q, pi), LAG_OK);
        LagStatus status = lag_integrator_advance(p.it, 0.1, 3, 1, &p.rows);
        CU_ASSERT(status == LAG_ERROR_SINGULAR || status == LAG_ERROR_NEWTON); /* pivots of 0, or of round-off */
        CU_ASSERT(p.rows.count == 0);
        path_free(&p);
    }
    Path rk = path_new(law_singular, 2, 0, NULL, 0, LAG_METHOD_RK4, 1);
    CU_ASSERT_EQUAL(lag_integrator_start(rk.it, 0, q, pi), LAG_ERROR_SINGULAR);
    CU_ASSERT_EQUAL(lag_integrator_advance(rk.it, 0.1, 1, 1, NULL), LAG_ERROR_ARGUMENT); /* nothing was started */
    CU_ASSERT_EQUAL(lag_integrator_start_velocity(rk.it, 0, q, pi), LAG_OK);
    CU_ASSERT_EQUAL(lag_integrator_advance(rk.it, 0.1, 1, 1, NULL), LAG_ERROR_SINGULAR);
    path_free(&rk);
}

/* The force runs away within the step: for r = 1 that leaves one quadratic equation, without a real root. */
static void test_no_solution(void) {
    const double c = 100, q = 1, pi = 0;
    Path p = ggl(law_runaway, 1, 1, &c, 1, 3);
    check_failure(&p, &q, &pi, 10, LAG_ERROR_NEWTON);
    CU_ASSERT(report_of(&p).residual > 1);
    CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.001, 3, 1, &p.rows), LAG_OK); /* a small step there is */
    CU_ASSERT_EQUAL(p.rows.count, 3);
    path_free(&p);
}

/* No velocity has this momentum: it is looked for where the mass vanishes. */
static void test_no_velocity(void) {
    const double q = 0.5, pi = 2;
    for (uint32_t r = 0; r <= 4; r += 2) {
        Path p = ggl(law_bounded, 1, 0, NULL, r, 3);
        check_failure(&p, &q, &pi, 0.1, LAG_ERROR_SINGULAR);
        CU_ASSERT(report_of(&p).residual > 0);
        path_free(&p);
    }
}

/* The force ends at q = 1: steps before are kept, and the trajectory stands at the last of them. */
static void test_cliff(void) {
    const double q = 0, pi = 2;
    for (int method = LAG_METHOD_GGL; method <= LAG_METHOD_RK4; method++) {
        Path p = path_new(law_cliff, 1, 0, NULL, 2, (LagMethod)method, 100);
        CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0, &q, &pi), LAG_OK);
        LagStatus status = lag_integrator_advance(p.it, 0.05, 100, 1, &p.rows);
        CU_ASSERT_EQUAL(status, LAG_ERROR_NOT_FINITE);
        LagReport report = report_of(&p);
        CU_ASSERT(report.status == status && report.steps == p.rows.count && p.rows.count >= 10 && p.rows.count < 15);
        double end, pi_end;
        state_of(&p, &end, &pi_end);
        CU_ASSERT(end == p.rows.q[p.rows.count - 1] && pi_end == p.rows.pi[p.rows.count - 1] && end < 1);
        CU_ASSERT_EQUAL(report.t, p.rows.t[p.rows.count - 1]);
        CU_ASSERT_EQUAL(lag_integrator_advance(p.it, -0.05, report.steps, 1, NULL), LAG_OK); /* and back */
        state_of(&p, &end, &pi_end);
        CU_ASSERT(fabs(end) < 1e-3);
        path_free(&p);
    }
}

static void test_refused(void) {
    const double c[] = {1, 1, 0.1}, q = 1, pi = 0.5;
    const double bad[] = {NAN, INFINITY, -INFINITY};
    Path p = ggl(law_oscillator, 1, 3, c, 2, 4);
    CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.1, 1, 1, NULL), LAG_ERROR_ARGUMENT);
    lag_integrator_state(p.it, &p.rows);
    CU_ASSERT_EQUAL(p.rows.count, 0);
    CU_ASSERT_EQUAL(lag_integrator_start(p.it, 3, &q, &pi), LAG_OK);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0, &bad[i], &pi), LAG_ERROR_NOT_FINITE);
        CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0, &q, &bad[i]), LAG_ERROR_NOT_FINITE);
        CU_ASSERT_EQUAL(lag_integrator_start(p.it, bad[i], &q, &pi), LAG_ERROR_NOT_FINITE);
        CU_ASSERT_EQUAL(lag_integrator_start_velocity(p.it, 0, &q, &bad[i]), LAG_ERROR_NOT_FINITE);
        CU_ASSERT_EQUAL(lag_integrator_advance(p.it, bad[i], 1, 1, NULL), LAG_ERROR_ARGUMENT);
    }
    CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0, 1, 1, NULL), LAG_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.1, 1, 0, &p.rows), LAG_ERROR_ARGUMENT);
    lag_integrator_state(p.it, &p.rows); /* the first start stands */
    CU_ASSERT(p.rows.count == 1 && p.rows.t[0] == 3 && p.rows.q[0] == 1 && p.rows.pi[0] == 0.5);
    LagIntegrator *none = NULL;
    p.kernel->kernel.abi++;
    CU_ASSERT_EQUAL(lag_integrator_new(&p.kernel->kernel, LAG_METHOD_GGL, &none), LAG_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(lag_integrator_new(&p.kernel->kernel, LAG_METHOD_RK4, &none), LAG_ERROR_ARGUMENT);
    p.kernel->kernel.abi--;
    CU_ASSERT_EQUAL(lag_integrator_new(&p.kernel->kernel, (LagMethod)77, &none), LAG_ERROR_ARGUMENT);
    CU_ASSERT_PTR_NULL(none);
    lag_integrator_free(NULL);
    path_free(&p);
}

/* ---- Trajectories ---- */

/* There and back again; nothing is lost on an orbit. */
static void test_reversible(void) {
    const double c[] = {39.478758435, 0, 63241.3}, q[] = {0.8, 0}, pi[] = {0, 7.650808563419224};
    for (uint32_t r = 0; r <= 8; r += 2) {
        Path p = ggl(law_prd, 2, 3, c, r, 0);
        CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0, q, pi), LAG_OK);
        CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.01, 200, 1, NULL), LAG_OK);
        CU_ASSERT_EQUAL(lag_integrator_advance(p.it, -0.01, 200, 1, NULL), LAG_OK);
        double end[2], pi_end[2];
        state_of(&p, end, pi_end);
        for (int k = 0; k < 2; k++) CU_ASSERT(suite_near(end[k], q[k], 1e-11) && suite_near(pi_end[k], pi[k], 1e-11));
        path_free(&p);
    }
}

/* Time is the start's plus n h, rounded once; a new h counts from where it begins. Rows are kept as asked for. */
static void test_rows(void) {
    const double c[] = {1, 1, 0.1}, q = 1, pi = 0;
    Path p = ggl(law_oscillator, 1, 3, c, 2, 40);
    CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0.7, &q, &pi), LAG_OK);
    CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.1, 70, 7, &p.rows), LAG_OK);
    CU_ASSERT_EQUAL(p.rows.count, 10);
    unsigned wrong = 0;
    for (size_t i = 0; i < 10; i++) wrong += p.rows.t[i] != 0.7 + (double)(7 * (i + 1)) * 0.1;
    CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.1, 30, 10, &p.rows), LAG_OK);
    CU_ASSERT(p.rows.count == 13 && p.rows.t[12] == 0.7 + 100 * 0.1);
    double t = p.rows.t[12];
    CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.03, 50, 1, &p.rows), LAG_OK); /* 27 have room */
    CU_ASSERT_EQUAL(p.rows.count, 40);
    for (size_t i = 13; i < 40; i++) wrong += p.rows.t[i] != t + (double)(i - 12) * 0.03;
    CU_ASSERT_EQUAL(wrong, 0);
    LagReport report = report_of(&p);
    CU_ASSERT(report.steps == 150 && report.t == t + 50 * 0.03 && report.residual == 0 && report.status == LAG_OK);
    CU_ASSERT(report.seconds > 0 && report.iterations >= 150);
    CU_ASSERT_EQUAL(report.energy_start, 0.5);
    double only_t[2] = {0, 0};
    LagRows rows = {.capacity = 2, .t = only_t};
    CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.03, 2, 1, &rows), LAG_OK);
    CU_ASSERT(rows.count == 2 && only_t[1] == t + 52 * 0.03);
    path_free(&p);
}

/* Looking changes nothing, and neither does stopping: the same bits in one call, or in many with a look between. */
static void test_same_bits(void) {
    HandLaw *const law[] = {law_double_pendulum, law_prd};
    const double c[][3] = {{1, 1, 9.81}, {39.478758435, 0.01153812, 63241.3}};
    const double q[][2] = {{0.3, 0.2}, {0.8, 0}}, pi[][2] = {{4, 1}, {0, 7.65}};
    for (int i = 0; i < 2; i++)
        for (int method = LAG_METHOD_GGL; method <= LAG_METHOD_RK4; method++) {
            Path one = path_new(law[i], 2, 3, c[i], 2, (LagMethod)method, 100),
                 many = path_new(law[i], 2, 3, c[i], 2, (LagMethod)method, 100);
            CU_ASSERT_EQUAL(lag_integrator_start(one.it, 0, q[i], pi[i]), LAG_OK);
            CU_ASSERT_EQUAL(lag_integrator_start(many.it, 0, q[i], pi[i]), LAG_OK);
            free(one.rows.energy);
            one.rows.energy = NULL;
            CU_ASSERT_EQUAL(lag_integrator_advance(one.it, 0.01, 100, 1, &one.rows), LAG_OK);
            for (int n = 0; n < 100; n++) {
                CU_ASSERT_EQUAL(lag_integrator_advance(many.it, 0.01, 1, 1, &many.rows), LAG_OK);
                report_of(&many);
            }
            CU_ASSERT(memcmp(one.rows.q, many.rows.q, 200 * sizeof(double)) == 0);
            CU_ASSERT(memcmp(one.rows.pi, many.rows.pi, 200 * sizeof(double)) == 0);
            path_free(&one);
            path_free(&many);
        }
}

/* Energy where there is one: what an oscillator loses is what its drag takes. */
static void test_energy(void) {
    const double c[] = {2, 3, 0}, q = 1, v = 0.5, damped[] = {2, 3, 0.1};
    Path p = ggl(law_oscillator, 1, 3, c, 4, 50);
    CU_ASSERT_EQUAL(lag_integrator_start_velocity(p.it, 0, &q, &v), LAG_OK);
    CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.1, 50, 1, &p.rows), LAG_OK);
    for (size_t n = 0; n < 50; n++) CU_ASSERT(fabs(p.rows.energy[n] - 1.75) < 1e-9);
    CU_ASSERT_EQUAL(report_of(&p).energy_start, 1.75);
    lag_integrator_parameters(p.it, damped);
    CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 0.1, 50, 1, NULL), LAG_OK);
    CU_ASSERT(report_of(&p).energy < 1.7 && report_of(&p).energy_start == 1.75);
    path_free(&p);
    p = ggl(law_oscillator, 1, 3, c, 4, 1);
    p.kernel->kernel.facts.autonomous = false;
    CU_ASSERT_EQUAL(lag_integrator_start_velocity(p.it, 0, &q, &v), LAG_OK);
    CU_ASSERT(isnan(report_of(&p).energy) && isnan(report_of(&p).energy_start));
    path_free(&p);
}

static void test_at_a_point(void) {
    const double c[] = {1, 1, 9.81}, q[] = {0.3, 0.2}, v[] = {1, 2};
    HandKernel *k = hand_kernel(law_double_pendulum, 2, 3, 0);
    double pi[2], energy = 0, want = 4. / 3, bad[] = {NAN, 0};
    CU_ASSERT_EQUAL(lag_kernel_momentum(&k->kernel, c, 0, q, v, pi), LAG_OK);
    CU_ASSERT(suite_near(pi[0], want + cos(0.1), 1e-15) && suite_near(pi[1], cos(0.1) / 2 + 2. / 3, 1e-15));
    CU_ASSERT_EQUAL(lag_kernel_energy(&k->kernel, c, 0, q, v, &energy), LAG_OK);
    want = (4. / 3 + 4. / 3) / 2 + cos(0.1) - 9.81 / 2 * (3 * cos(0.3) + cos(0.2));
    CU_ASSERT(suite_near(energy, want, 1e-15));
    CU_ASSERT_EQUAL(lag_kernel_momentum(&k->kernel, c, 0, bad, v, pi), LAG_ERROR_NOT_FINITE);
    CU_ASSERT_EQUAL(lag_kernel_energy(&k->kernel, c, 0, bad, v, &energy), LAG_ERROR_NOT_FINITE);
    CU_ASSERT(suite_near(energy, want, 1e-15));
    CU_ASSERT_EQUAL(lag_kernel_momentum(NULL, c, 0, q, v, pi), LAG_ERROR_ARGUMENT);
    hand_free(k);
    for (int i = 0; i < LAG_STATUS_COUNT; i++) CU_ASSERT(strlen(lag_status_text((LagStatus)i)) > 5);
    CU_ASSERT_PTR_NOT_NULL(lag_status_text((LagStatus)1000));
}

/* rk2 and rk4 against a fine trajectory of order 18, with their own orders; mass and force depend on everything here. */
static void test_runge_kutta(void) {
    const double c[] = {1, 1, 9.81}, q[] = {0.3, 0.2}, pi[] = {1, 0.5};
    double want[2], want_pi[2], end[2], end_pi[2];
    Path fine = ggl(law_double_pendulum, 2, 3, c, 8, 0);
    CU_ASSERT_EQUAL(lag_integrator_start(fine.it, 0, q, pi), LAG_OK);
    CU_ASSERT_EQUAL(lag_integrator_advance(fine.it, 0.02, 50, 1, NULL), LAG_OK);
    state_of(&fine, want, want_pi);
    for (int method = LAG_METHOD_RK2; method <= LAG_METHOD_RK4; method++) {
        double error[2];
        for (int half = 0; half < 2; half++) {
            Path p = path_new(law_double_pendulum, 2, 3, c, 0, (LagMethod)method, 0);
            uint64_t steps = 100u << half;
            CU_ASSERT_EQUAL(lag_integrator_start(p.it, 0, q, pi), LAG_OK);
            CU_ASSERT_EQUAL(lag_integrator_advance(p.it, 1.0 / (double)steps, steps, 1, NULL), LAG_OK);
            state_of(&p, end, end_pi);
            error[half] =
                hypot(hypot(end[0] - want[0], end[1] - want[1]), hypot(end_pi[0] - want_pi[0], end_pi[1] - want_pi[1]));
            CU_ASSERT_EQUAL(report_of(&p).iterations, 0);
            path_free(&p);
        }
        CU_ASSERT(fabs(log2(error[0] / error[1]) - (method == LAG_METHOD_RK2 ? 2 : 4)) < 0.3);
    }
    path_free(&fine);
}

void suite_solve(void) {
    suite_add("solve/linear", (SuiteTest[]){{"random systems", test_linear}, {"pivots", test_pivots}, {0}});
    suite_add("solve/step", (SuiteTest[]){{"golden trajectories", test_golden},
                                          {"high order", test_high_order},
                                          {"fall from rest", test_fall},
                                          {"rest", test_rest},
                                          {"scale", test_scale},
                                          {"decay", test_decay},
                                          {"stiff", test_stiff},
                                          {"large steps", test_large_steps},
                                          {"relativistic", test_relativistic},
                                          {"quartic", test_quartic},
                                          {"singular", test_singular},
                                          {"no solution", test_no_solution},
                                          {"no velocity", test_no_velocity},
                                          {"cliff", test_cliff},
                                          {0}});
    suite_add("solve/integrate", (SuiteTest[]){{"refused", test_refused},
                                               {"reversible", test_reversible},
                                               {"rows", test_rows},
                                               {"same bits", test_same_bits},
                                               {"energy", test_energy},
                                               {"at a point", test_at_a_point},
                                               {"Runge-Kutta", test_runge_kutta},
                                               {0}});
}
