/* accuracy.c: what `integrate tol =` chooses, against the truth and against a grid of r and dt.
 *
 *     accuracy [quick]    quick: errors alone, every other tolerance
 *
 * For each system and tolerance: the choice, the error expected, the true one (the largest on the way, of each coordinate
 * relative to its largest value, against far finer steps of another r), milliseconds of the run, those of the quickest
 * (r, dt) of a grid that is at least as accurate, and those of choosing. Status 1 if more than 5 % of the choices miss their
 * tolerance, or one does by more than 3 times, without a warning. */
#include "lag.h"
#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOF_MOST = 2, PARAMETERS_MOST = 8 };

_Noreturn static void fail(const char *what, LagStatus status) {
    fprintf(stderr, "accuracy: %s: %s\n", what, lag_status_text(status));
    exit(2);
}

static void need(LagStatus status, const char *what) {
    if (status != LAG_OK) fail(what, status);
}

static double *numbers(size_t count) {
    double *list = calloc(count, sizeof *list);
    if (!list) fail("numbers", LAG_ERROR_MEMORY);
    return list;
}

/* ---- The systems ---- */

typedef struct System {
    const char *name, *text;
    uint32_t dof;
    double q[DOF_MOST], pi[DOF_MOST], end;
    double fine; /* a step of which r = 14 and 16 have round-off alone left */
} System;

#define DRAG                                                                                                                \
    "GM = 39.478758435; beta = 0.01153812; c = 63241.3;"                                                                    \
    " (xd^2 + yd^2)/2 + (1 - beta)*GM/sqrt(x^2 + y^2) - beta*GM/c/(x_p^2 + y_p^2)*(xd_p*x_m + yd_p*y_m"                     \
    " + (xd_p*x_p + yd_p*y_p)*(x_p*x_m + y_p*y_m)/(x_p^2 + y_p^2))"
#define RODS                                                                                                                \
    "m = 1; l = 1; g = 9.81; first = (l/2*cos(a)*ad)^2 + (l/2*sin(a)*ad)^2;"                                                \
    " second = (l*cos(a)*ad + l/2*cos(b)*bd)^2 + (l*sin(a)*ad + l/2*sin(b)*bd)^2;"                                          \
    " T = m*(first + second)/2 + m*l^2*(ad^2 + bd^2)/24; V = m*g*(-l/2*cos(a) - l*cos(a) - l/2*cos(b));"                    \
    " T - V - 2*t*ad_p*a_m"

static const System system_list[] = {
    {"Poynting-Robertson drag, 200 years", DRAG, 2, {0.8, 0}, {0, 7.650808563419224}, 200, 0.1},
    {"Poynting-Robertson drag, 20,000 years", DRAG, 2, {0.8, 0}, {0, 7.650808563419224}, 20000, 0.0625},
    {"Kepler, e = 0.6, 100 orbits", "(xd^2 + yd^2)/2 + 1/sqrt(x^2 + y^2)", 2, {0.4, 0}, {0, 2}, 628, 0.125},
    {"Kepler, e = 0.6, 1,600 orbits", "(xd^2 + yd^2)/2 + 1/sqrt(x^2 + y^2)", 2, {0.4, 0}, {0, 2}, 10000, 0.125},
    {"double pendulum", RODS, 2, {0, 0}, {4, 1}, 10, 0.02},
    {"Duffing, hard, driven, damped",
     "qd^2/2 + q^2/2 - q^4/4 - q^2 + 0.5*q*cos(1.2*t) - 0.1*qd_p*q_m",
     1,
     {1},
     {0},
     200,
     0.25},
    {"Duffing, chaotic", "qd^2/2 + q^2/2 - q^4/4 + 0.5*q*cos(1.2*t) - 0.3*qd_p*q_m", 1, {1}, {0}, 100, 0.25},
    {"damped oscillator", "m = 1; k = 1; lam = 0.01; m/2*qd^2 - k/2*q^2 - lam*qd_p*q_m", 1, {1}, {0}, 1000, 0.25},
};
enum { SYSTEMS = sizeof system_list / sizeof *system_list };

typedef struct Model {
    const System *system;
    LagSession *session;
    LagProgram *program;
    const LagModel *model;
    double c[PARAMETERS_MOST];
} Model;

static Model model_of(const System *system) {
    Model m = {.system = system};
    need(lag_session_new(LAG_ABI, &m.session), system->name);
    need(lag_read(m.session, system->name, system->text, strlen(system->text), &m.program), system->name);
    m.model = lag_program_model(m.program);
    need(lag_session_parameters(m.session, m.model, m.c), system->name);
    return m;
}

static void model_free(Model *m) {
    lag_program_free(m->program);
    lag_session_free(m->session);
}

/* ---- Runs ---- */

/* Takes `steps` steps to the end, and keeps each `every`-th in q. Gives back seconds; NaN where a step failed. */
static double run(const Model *m, LagMethod method, uint32_t r, double slack, uint64_t steps, uint64_t every, double *q) {
    const LagKernel *kernel;
    LagIntegrator *it;
    LagReport report;
    need(lag_model_kernel(m->model, r, LAG_BACKEND_LLVM, &kernel), m->system->name);
    need(lag_integrator_new(kernel, method, &it), m->system->name);
    lag_integrator_parameters(it, m->c);
    need(lag_integrator_slack(it, slack), m->system->name);
    need(lag_integrator_start(it, 0, m->system->q, m->system->pi), m->system->name);
    LagRows rows = {.capacity = q ? steps / every : 0, .q = q};
    LagStatus status = lag_integrator_advance(it, m->system->end / (double)steps, steps, every, &rows);
    lag_integrator_report(it, &report);
    lag_integrator_free(it);
    return status == LAG_OK ? report.seconds : NAN;
}

/* The quickest of some, of which one took `first`: of fewer where they take long. */
static double time_of(const Model *m, uint32_t r, uint64_t steps, double first) {
    const double enough = 0.02; /* seconds in all */
    double least = first, all = first;
    while (all < enough) {
        double seconds = run(m, LAG_METHOD_GGL, r, 1, steps, steps, NULL);
        least = fmin(least, seconds), all += fmax(seconds, enough / 10);
    }
    return least;
}

static double error_of(const System *s, const double *q, const double *truth, size_t rows) {
    double worst = 0;
    for (uint32_t k = 0; k < s->dof; k++) {
        double size = fabs(s->q[k]), off = 0;
        for (size_t i = 0; i < rows; i++) {
            size = fmax(size, fabs(truth[i * s->dof + k]));
            off = fmax(off, fabs(q[i * s->dof + k] - truth[i * s->dof + k]));
        }
        worst = fmax(worst, isnan(off) ? INFINITY : off / size);
    }
    return worst;
}

/* The true error of steps, at all of them. */
static double true_error(const Model *m, const LagChoice *choice) {
    const System *s = m->system;
    uint64_t steps = choice->steps, times = (uint64_t)ceil(s->end / s->fine / (double)steps);
    if (times < 2) times = 2;
    double *q = numbers(steps * s->dof), *truth = numbers(steps * s->dof);
    run(m, choice->method, choice->r, choice->slack, steps, 1, q);
    if (isnan(run(m, LAG_METHOD_COMPENSATED, choice->r == 14 ? 16 : 14, 1, times * steps, times, truth)))
        fail(s->name, LAG_ERROR_NEWTON);
    double error = error_of(s, q, truth, steps);
    free(q), free(truth);
    return error;
}

/* ---- The grid ---- */

enum { GRID_CHECKS = 16, GRID_SIZES = 26 };
static const uint32_t grid_r[] = {2, 3, 4, 6, 8, 10, 12, 14, 16};
enum { GRID_RS = sizeof grid_r / sizeof *grid_r };

typedef struct Grid {
    double error[GRID_RS][GRID_SIZES], seconds[GRID_RS][GRID_SIZES];
} Grid;

static uint64_t grid_steps(const System *s, int size) {
    const double largest = 40, next = 0.84;
    return GRID_CHECKS * (uint64_t)ceil(s->end / (s->fine * largest * pow(next, size)) / GRID_CHECKS);
}

/* Steps, to round-off, from 40 times `fine` down, each 0.84 of the one before, at GRID_CHECKS times; an error counts only
 * for lower ones.
 */
static Grid grid_of(const Model *m) {
    const System *s = m->system;
    Grid grid;
    size_t size = GRID_CHECKS * s->dof;
    double *truth = numbers(size), *q = numbers(size);
    uint64_t each = (uint64_t)ceil(s->end / s->fine / GRID_CHECKS);
    run(m, LAG_METHOD_COMPENSATED, 14, 1, each * GRID_CHECKS, each, truth);
    for (int i = 0; i < GRID_RS; i++)
        for (int j = 0; j < GRID_SIZES; j++) {
            each = grid_steps(s, j) / GRID_CHECKS;
            double seconds = run(m, LAG_METHOD_GGL, grid_r[i], 1, each * GRID_CHECKS, each, q);
            grid.error[i][j] = isnan(seconds) ? INFINITY : error_of(s, q, truth, GRID_CHECKS);
            grid.seconds[i][j] = isnan(seconds) ? INFINITY : time_of(m, grid_r[i], each * GRID_CHECKS, seconds);
        }
    free(truth), free(q);
    return grid;
}

/* The quickest that is at least as accurate: its steps, 0 if there is none, and r. */
static uint64_t best_of(const System *s, const Grid *grid, double error, uint32_t *r) {
    double least = INFINITY;
    uint64_t steps = 0;
    for (int i = 0; i < GRID_RS; i++)
        for (int j = 0; j < GRID_SIZES; j++)
            if (grid->error[i][j] <= error && grid->seconds[i][j] < least) {
                least = grid->seconds[i][j];
                *r = grid_r[i];
                steps = grid_steps(s, j);
            }
    return steps;
}

/* Seconds of two in turn, each the least of some: so that what else the machine does is the same for both. */
static void race(const Model *m, const LagChoice two[2], double least[2]) {
    const double enough = 0.5; /* seconds in all */
    double all = 0;
    least[0] = least[1] = INFINITY;
    for (int round = 0; round < 3 || (all < enough && round < 50); round++)
        for (int i = 0; i < 2; i++) {
            double seconds = run(m, two[i].method, two[i].r, two[i].slack, two[i].steps, two[i].steps, NULL);
            least[i] = fmin(least[i], seconds), all += seconds;
        }
}

/* ---- The table ---- */

typedef struct Score {
    int choices, missed, far, warned;
    double ratio[SYSTEMS * 16];
    int ratios;
} Score;

static void try_tolerance(const Model *m, const Grid *grid, double tol, Score *score) {
    const System *s = m->system;
    LagChoiceAsk ask = {.method = LAG_METHOD_GGL, .c = m->c, .q = s->q, .pi = s->pi, .tol = tol, .until = s->end, .r = -1};
    LagChoice choice;
    double before = seconds_now();
    need(lag_choose(m->model, LAG_BACKEND_AUTO, &ask, &choice), s->name);
    double choosing = seconds_now() - before, error = true_error(m, &choice);
    bool warned = choice.limit != LAG_CHOICE_REACHES;
    score->choices++;
    score->warned += warned;
    score->missed += error > tol && !warned;
    score->far += error > 3 * tol && !warned;
    printf("%.0e  %2u  %-9.4g %-8.1e  %-8.1e %-7s", tol, choice.r, choice.dt, choice.error, error,
           warned        ? "warned"
           : error > tol ? "missed"
                         : "");
    if (grid) {
        LagChoice two[2] = {choice, {.method = LAG_METHOD_GGL, .r = choice.r, .slack = 1}};
        double seconds[2];
        two[1].steps = best_of(s, grid, error, &two[1].r);
        if (two[1].steps == 0) two[1].steps = choice.steps; /* the grid has nothing as good */
        race(m, two, seconds);
        printf("%9.3f %9.3f  %5.2f  %8.1f", 1e3 * seconds[0], 1e3 * seconds[1], seconds[0] / seconds[1], 1e3 * choosing);
        score->ratio[score->ratios++] = seconds[0] / seconds[1];
    }
    printf("\n");
    fflush(stdout);
}

static void try_system(const System *system, bool quick, Score *score) {
    Model m = model_of(system);
    Grid grid;
    printf("\n%s\ntol     r  dt        expected  true     %s\n", system->name,
           quick ? "" : "              ms   best ms  ratio  choosing");
    if (!quick) grid = grid_of(&m);
    for (int power = 3; power <= 11; power += quick ? 2 : 1) try_tolerance(&m, quick ? NULL : &grid, pow(10, -power), score);
    model_free(&m);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    bool quick = argc > 1 && strcmp(argv[1], "quick") == 0;
    Score score = {0};
    for (int i = 0; i < SYSTEMS; i++) try_system(&system_list[i], quick, &score);
    printf("\n%d choices: %d with a warning; of the others %d miss their tolerance, %d by more than 3 times\n",
           score.choices, score.warned, score.missed, score.far);
    if (score.ratios) {
        qsort(score.ratio, (size_t)score.ratios, sizeof *score.ratio, compare);
        printf("time beside the best of the grid at that error: median %.2f, nine in ten below %.2f, worst %.2f\n",
               score.ratio[score.ratios / 2], score.ratio[score.ratios * 9 / 10], score.ratio[score.ratios - 1]);
    }
    return score.far > 0 || 20 * score.missed > score.choices;
}
