/* figures.c: figures 5 and 6 of Roberts, "A Lagrangian mechanics oriented approach to neural networks", as tables in CSV.
 *
 *     figures 5 [R]        error and time against r = 0 .. R (64)
 *     figures 6 [STEPS]    error of the energy over STEPS (10^6) steps, beside Runge-Kutta
 *
 * Both on a damped oscillator, whose motion is known, and on Poynting-Robertson drag, whose motion lag itself gives at high
 * order, twice: how far the two are apart is how well it is known. The head of a table says what was run. Values are checked
 * before they are printed: one that is not what it should be ends the program with a message and status 1. */
#include "lag.h"
#include "measure.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOF_MOST = 2, PARAMETERS_MOST = 8, SIZES = 3 };

_Noreturn static void fail(const char *format, ...) {
    va_list list;
    va_start(list, format);
    fputs("figures: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    exit(1);
}

static void need(LagStatus status, const char *what) {
    if (status != LAG_OK) fail("%s: %s", what, lag_status_text(status));
}

static double *numbers(size_t count) {
    double *list = calloc(count, sizeof *list);
    if (!list) fail("%s", lag_status_text(LAG_ERROR_MEMORY));
    return list;
}

/* ---- The systems ---- */

typedef struct System {
    const char *name, *text, *unit;
    uint32_t dof;
    double q[DOF_MOST], pi[DOF_MOST];
    double lam;       /* damping of m q'' = -k q - lam q' with m = k = 1; 0: another system, whose motion is not known */
    double dt[SIZES]; /* multiples of the first, which divide `end` */
    double end;       /* of figure 5 */
    double round_off; /* the most of it that a coordinate gathers up to there */
} System;

#define OSCILLATOR(lam) "m = 1; k = 1; lam = " #lam "; m/2*qd^2 - k/2*q^2 - lam*qd_p*q_m"
#define DRAG                                                                                                                \
    "GM = 39.478758435; beta = 0.01153812; c = 63241.3;"                                                                    \
    " (xd^2 + yd^2)/2 + (1 - beta)*GM/sqrt(x^2 + y^2) - beta*GM/c/(x_p^2 + y_p^2)*(xd_p*x_m + yd_p*y_m"                     \
    " + (xd_p*x_p + yd_p*y_p)*(x_p*x_m + y_p*y_m)/(x_p^2 + y_p^2))"

static const System oscillator = {"damped oscillator", OSCILLATOR(0.01),  "", 1, {1}, {0}, .lam = 0.01, .dt = {0.1, 1, 10},
                                  .end = 100,          .round_off = 1e-12};
/* For 10^6 steps: its energy falls by e^-10. */
static const System slow_oscillator = {"damped oscillator", OSCILLATOR(0.0001), "", 1, {1}, {0}, .lam = 0.0001, .dt = {0.1}};
/* A grain at the perihelion of an orbit of 1 AU with e = 0.2. */
static const System drag = {
    "Poynting-Robertson drag", DRAG, " yr", 2, {0.8, 0}, {0, 7.650808563419224}, .dt = {0.01, 0.05, 0.25}, .end = 20,
    .round_off = 1e-10};

/* ---- Running them ---- */

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

static const LagKernel *kernel_of(const Model *m, uint32_t r) {
    const LagKernel *kernel;
    need(lag_model_kernel(m->model, r, LAG_BACKEND_LLVM, &kernel), m->system->name);
    return kernel;
}

static LagIntegrator *integrator_of(const Model *m, uint32_t r, LagMethod method) {
    LagIntegrator *it;
    need(lag_integrator_new(kernel_of(m, r), method, &it), m->system->name);
    lag_integrator_parameters(it, m->c);
    need(lag_integrator_start(it, 0, m->system->q, m->system->pi), m->system->name);
    return it;
}

/* Takes steps from the start, and keeps each `every`-th row in q and energy, either of which may be NULL. */
static void trajectory(const Model *m, uint32_t r, LagMethod method, double dt, size_t steps, size_t every, double *q,
                       double *energy) {
    LagIntegrator *it = integrator_of(m, r, method);
    LagRows rows = {.capacity = steps / every, .q = q, .energy = energy};
    need(lag_integrator_advance(it, dt, steps, every, &rows), m->system->name);
    lag_integrator_free(it);
}

/* ---- What is true ---- */

enum { TRUE_R = 16, CHECK_R = 12 }; /* of motion that is not known: r at half of dt, and r at dt beside it */

/* q[steps, dof] and energy[steps] after each step of dt[0], and how far they are from those of the check (0: exact). */
typedef struct Truth {
    size_t steps;
    double *q, *energy, *q_apart, *energy_apart;
} Truth;

static double relative(double a, double b) { return fabs(a / b - 1); }

static double distance(const double *a, const double *b, uint32_t d) {
    double worst = 0;
    for (uint32_t k = 0; k < d; k++) worst = fmax(worst, fabs(a[k] - b[k]));
    return worst;
}

/* q = exp(-g t) (cos w t + (g/w) sin w t), so that q' = -exp(-g t) sin(w t)/w, since g^2 + w^2 = k/m = 1. */
static void oscillate(double lam, double t, double *q, double *energy) {
    double g = lam / 2, w = sqrt(1 - g * g), decay = exp(-g * t), v = -decay * sin(w * t) / w;
    *q = decay * (cos(w * t) + g / w * sin(w * t));
    *energy = (*q * *q + v * v) / 2;
}

static Truth truth_of(const System *system, size_t steps) {
    uint32_t d = system->dof;
    Truth truth = {steps, numbers(steps * d), numbers(steps), numbers(steps), numbers(steps)};
    if (system->lam != 0) {
        for (size_t n = 0; n < steps; n++)
            oscillate(system->lam, (double)(n + 1) * system->dt[0], &truth.q[n], &truth.energy[n]);
        return truth;
    }
    Model m = model_of(system);
    double *q = numbers(steps * d), *energy = numbers(steps);
    trajectory(&m, TRUE_R, LAG_METHOD_GGL, system->dt[0] / 2, 2 * steps, 2, truth.q, truth.energy);
    trajectory(&m, CHECK_R, LAG_METHOD_GGL, system->dt[0], steps, 1, q, energy);
    for (size_t n = 0; n < steps; n++) {
        truth.q_apart[n] = distance(&q[n * d], &truth.q[n * d], d);
        truth.energy_apart[n] = relative(energy[n], truth.energy[n]);
    }
    free(q), free(energy);
    model_free(&m);
    return truth;
}

static void truth_free(Truth *truth) {
    free(truth->q), free(truth->energy), free(truth->q_apart), free(truth->energy_apart);
}

/* The largest of list[from .. to). */
static double largest(const double *list, size_t from, size_t to) {
    double most = 0;
    for (size_t n = from; n < to; n++) most = fmax(most, list[n]);
    return most;
}

/* ---- Figure 5: error and time against r ---- */

enum { TIMES = 9, TIMED_FROM = 1 << 10, TIMED_MOST = 1 << 20 };
#define TIMED_SECONDS 3e-3
/* The order shows where errors are small enough for their leading term to lead and far above round-off. Past ORDER_R there
 * is no such place: two or three changes of the step take the error all the way while steps still are as long as periods. */
enum { ORDER_R = 10, ORDER_STEPS = 200000 };
#define ORDER_FROM 1e-2
#define ORDER_TO 1e-10
#define ORDER_TOLERANCE 0.1 /* of 2r + 2 */
enum { FLOOR_R = 24 };      /* from here on errors are round-off alone, by the longest steps too */

/* The largest error of a coordinate, to figure 5's end by the steps dt[size], and how far the road that solves each step by
 * Newton is from lag's own, at most. */
static double error_of(const Model *m, const Truth *truth, uint32_t r, int size, double *roads_apart) {
    const System *s = m->system;
    size_t stride = (size_t)lround(s->dt[size] / s->dt[0]), steps = truth->steps / stride;
    double *q = numbers(steps * s->dof), *newton = numbers(steps * s->dof), error = 0;
    trajectory(m, r, LAG_METHOD_GGL, s->dt[size], steps, 1, q, NULL);
    trajectory(m, r, LAG_METHOD_NEWTON, s->dt[size], steps, 1, newton, NULL);
    for (size_t n = 0; n < steps; n++) {
        const double *is = &q[n * s->dof], *should = &truth->q[((n + 1) * stride - 1) * s->dof];
        double scale = fmax(1, fabs(is[0])); /* where steps are too long for the rule to be stable */
        error = fmax(error, distance(is, should, s->dof));
        *roads_apart = fmax(*roads_apart, distance(is, &newton[n * s->dof], s->dof) / scale);
    }
    free(q), free(newton);
    return error;
}

/* The order by which the error at the end falls as steps become shorter by a fifth: that of the shortest which show it. */
static double order_of(const Model *m, const Truth *truth, uint32_t r) {
    const System *s = m->system;
    double before = INFINITY, order = NAN;
    for (size_t steps = 4, last = 0; steps <= ORDER_STEPS; last = steps, steps += steps / 4) {
        double q;
        trajectory(m, r, LAG_METHOD_GGL, s->end / (double)steps, steps, steps, &q, NULL);
        double error = fabs(q - truth->q[truth->steps - 1]);
        if (error < ORDER_TO) break;
        if (before < ORDER_FROM) order = log(before / error) / log((double)steps / (double)last);
        before = error;
    }
    if (!(fabs(order / (2 * r + 2) - 1) <= ORDER_TOLERANCE)) fail("%s, r = %u: order %g", s->name, r, order);
    return order;
}

/* Seconds a step, of as many as take TIMED_SECONDS; those that make the affine map are not among them. */
static double seconds_a_step(const Model *m, uint32_t r, LagMethod method) {
    for (size_t steps = TIMED_FROM;; steps *= 2) {
        LagIntegrator *it = integrator_of(m, r, method);
        need(lag_integrator_advance(it, m->system->dt[0], 2, 1, NULL), m->system->name);
        double start = seconds_now();
        need(lag_integrator_advance(it, m->system->dt[0], steps, steps, NULL), m->system->name);
        double seconds = seconds_now() - start;
        lag_integrator_free(it);
        if (seconds >= TIMED_SECONDS || steps >= TIMED_MOST) return seconds / (double)steps;
    }
}

typedef struct Times {
    double compile, own, newton;
} Times;

/* The least of TIMES each: whatever else the machine does only adds to them. */
static Times times_of(const System *system, uint32_t r) {
    Times least = {INFINITY, INFINITY, INFINITY};
    for (int k = 0; k < TIMES; k++) {
        LagTimings t;
        Model m = model_of(system);
        kernel_of(&m, r);
        lag_model_timings(m.model, &t);
        least.compile = fmin(least.compile, t.parse + t.differentiate + t.emit + t.optimise + t.codegen + t.link);
        least.own = fmin(least.own, seconds_a_step(&m, r, LAG_METHOD_GGL));
        least.newton = fmin(least.newton, seconds_a_step(&m, r, LAG_METHOD_NEWTON));
        model_free(&m);
    }
    return least;
}

static void figure5_head(const System *s, const Truth *truth) {
    printf("# %s: %s\n#   to t = %g%s by dt = %g, %g, %g; ", s->name, s->text, s->end, s->unit, s->dt[0], s->dt[1],
           s->dt[2]);
    if (s->lam != 0)
        printf("truth: the known motion\n");
    else
        printf("truth: r = %d at dt = %g, %.1e from r = %d at twice that\n", TRUE_R, s->dt[0] / 2,
               largest(truth->q_apart, 0, truth->steps), CHECK_R);
}

/* All up to 16, half of those up to 32, a quarter of the others: about as many for each doubling of the order. */
static uint32_t next_r(uint32_t r) { return r + (r < 16 ? 1 : r < 32 ? 2 : 4); }

static void check_error(const System *s, uint32_t r, double dt, double error, double most) {
    if (!(error <= fmax(most, s->round_off))) fail("%s, r = %u, dt = %g: error %g", s->name, r, dt, error);
}

static void figure5_rows(const System *s, const Truth *truth, uint32_t most) {
    double before[SIZES] = {INFINITY, INFINITY, INFINITY};
    if (largest(truth->q_apart, 0, truth->steps) > s->round_off) fail("%s: what is true is not known", s->name);
    for (uint32_t r = 0; r <= most; r = next_r(r)) {
        Model m = model_of(s);
        double error[SIZES], apart = 0, order = s->lam != 0 && r <= ORDER_R ? order_of(&m, truth, r) : NAN;
        for (int size = 0; size < SIZES; size++) {
            error[size] = error_of(&m, truth, r, size, &apart);
            if (before[size] < ORDER_FROM || r >= FLOOR_R) /* else steps may be too long for this r */
                check_error(s, r, s->dt[size], error[size], r < FLOOR_R ? before[size] : 0);
            before[size] = error[size];
        }
        if (apart > s->round_off) fail("%s, r = %u: roads are %g apart", s->name, r, apart);
        Times least = times_of(s, r);
        printf("%s,%u,%u,%.4g,%.3e,%.3e,%.3e,%.1e,%.3e,%.3e,%.3e\n", s->name, r, 2 * r + 2, order, error[0], error[1],
               error[2], apart, least.compile, least.own, least.newton);
        fflush(stdout);
        model_free(&m);
    }
}

static void figure5(uint32_t most) {
    const System *systems[] = {&oscillator, &drag};
    enum { COUNT = sizeof systems / sizeof *systems };
    Truth truth[COUNT];
    printf("# Figure 5: error and time against r, by lag %s.\n", lag_version());
    for (int i = 0; i < COUNT; i++) {
        truth[i] = truth_of(systems[i], (size_t)lround(systems[i]->end / systems[i]->dt[0]));
        figure5_head(systems[i], &truth[i]);
    }
    printf(
        "# error_1 .. error_3: the largest of a coordinate at any step, for each dt. order_measured: by which\n"
        "# the oscillator's at the end falls, where that shows (from %g to %g). roads_apart: lag's own road from Newton's.\n"
        "# compile_s: from text to LLVM's code; own_s, newton_s: a step of the first dt, past the first two.\n"
        "# Of %d measurements of a time it is the least.\n"
        "system,r,order,order_measured,error_1,error_2,error_3,roads_apart,compile_s,own_s,newton_s\n",
        ORDER_FROM, ORDER_TO, TIMES);
    for (int i = 0; i < COUNT; i++) {
        figure5_rows(systems[i], &truth[i], most);
        truth_free(&truth[i]);
    }
}

/* ---- Figure 6: error of the energy against time ---- */

#define BOUNDED 10       /* times the error of the first hundredth of the steps: what the variational rules' stays below, */
#define GROWN 10         /* and what Runge and Kutta's grows by, as well as past that of the variational rule of its order */
#define DRIFT 2e-11      /* of an energy by round-off alone, in 10^6 steps */
#define KNOWN 10         /* times better than the error of r = 2 is the truth; r = 3 shows no error but round-off's */
enum { ROWS_GROW = 10 }; /* a row stands for a tenth as many steps as are before it */

enum { R0, R1, R2, R3, R3_NEWTON, RK2, RK4, METHODS };
static const struct {
    const char *name;
    LagMethod method;
    uint32_t r;
} methods[METHODS] = {
    [R0] = {"r0", LAG_METHOD_GGL, 0},
    [R1] = {"r1", LAG_METHOD_GGL, 1},
    [R2] = {"r2", LAG_METHOD_GGL, 2},
    [R3] = {"r3", LAG_METHOD_GGL, 3},
    [R3_NEWTON] = {"r3_newton", LAG_METHOD_NEWTON, 3},
    [RK2] = {"rk2", LAG_METHOD_RK2, 0},
    [RK4] = {"rk4", LAG_METHOD_RK4, 0},
};

static bool variational(LagMethod method) { return method == LAG_METHOD_GGL || method == LAG_METHOD_NEWTON; }

static void figure6_check(const System *s, const Truth *truth, double *const *error) {
    static const int beside[METHODS] = {[RK2] = R0, [RK4] = R1};
    double all[METHODS], apart = largest(truth->energy_apart, 0, truth->steps);
    for (int i = 0; i < METHODS; i++) {
        double first = largest(error[i], 0, truth->steps / 100);
        all[i] = largest(error[i], 0, truth->steps);
        if (variational(methods[i].method) ? all[i] > BOUNDED * first + DRIFT : all[i] < GROWN * fmax(first, all[beside[i]]))
            fail("%s, %s: the energy's error goes from %g to %g", s->name, methods[i].name, first, all[i]);
    }
    if (apart * KNOWN > all[R2]) fail("%s: the true energy is known to %g only", s->name, apart);
}

static void figure6_rows(const System *s, size_t steps) {
    Truth truth = truth_of(s, steps);
    double *error[METHODS];
    Model m = model_of(s);
    for (int i = 0; i < METHODS; i++) {
        error[i] = numbers(steps);
        trajectory(&m, methods[i].r, methods[i].method, s->dt[0], steps, 1, NULL, error[i]);
        for (size_t n = 0; n < steps; n++) {
            if (!isfinite(error[i][n])) fail("%s, %s: an energy of %g", s->name, methods[i].name, error[i][n]);
            error[i][n] = relative(error[i][n], truth.energy[n]);
        }
    }
    figure6_check(s, &truth, error);
    for (size_t from = 0, to; from < steps; from = to) {
        to = from + 1 + from / ROWS_GROW;
        if (to > steps) to = steps;
        printf("%s,%zu,%.6g", s->name, to, (double)to * s->dt[0]);
        for (int i = 0; i < METHODS; i++) printf(",%.3e", largest(error[i], from, to));
        printf(",%.3e\n", largest(truth.energy_apart, from, to));
    }
    for (int i = 0; i < METHODS; i++) free(error[i]);
    model_free(&m);
    truth_free(&truth);
}

static void figure6(size_t steps) {
    const System *systems[] = {&slow_oscillator, &drag};
    enum { COUNT = sizeof systems / sizeof *systems };
    printf("# Figure 6: relative error of the energy in %zu steps, by lag %s. A row has the largest since the row before.\n",
           steps, lag_version());
    for (int i = 0; i < COUNT; i++)
        printf("# %s: %s\n#   dt = %g%s\n", systems[i]->name, systems[i]->text, systems[i]->dt[0], systems[i]->unit);
    printf("# True energies: that of the oscillator's known motion; the drag's by r = %d at half of dt,\n"
           "# and truth_apart is how far that by r = %d at dt is from it.\n"
           "system,step,t",
           TRUE_R, CHECK_R);
    for (int i = 0; i < METHODS; i++) printf(",%s", methods[i].name);
    printf(",truth_apart\n");
    for (int i = 0; i < COUNT; i++) figure6_rows(systems[i], steps);
}

int main(int argc, char **argv) {
    const char *which = argc > 1 ? argv[1] : "";
    double most = argc > 2 ? atof(argv[2]) : 0;
    setenv("LAG_CACHE", "off", 1); /* compiling is to be seen */
    if (strcmp(which, "5") == 0 && argc <= 3 && most >= 0 && most <= LAG_R_MAX)
        figure5(argc > 2 ? (uint32_t)most : 64);
    else if (strcmp(which, "6") == 0 && argc <= 3 && (argc == 2 || (most >= 1e4 && most <= 1e6)))
        figure6(argc > 2 ? (size_t)most : 1000000);
    else
        return fputs("usage: figures 5 [R] | figures 6 [STEPS, 10^4 to 10^6]\n", stderr), 2;
    return 0;
}
