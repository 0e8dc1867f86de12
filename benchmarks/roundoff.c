/* roundoff.c: how round-off gathers in the energy: by chance and no faster, so that its mean stays 0.
 *
 *     roundoff [STEPS]    10^6 steps, 2 * 10^4 at least
 *
 * An ensemble is SYSTEMS starts of one system, which differ so little that their motion is the same to the eye and so much
 * that their roundings are not. Printed are mean and spread of dE/E after all steps, the mean in units of its standard error
 * too, and the exponent that the root of the mean square grows by. A random walk has exponent 0.5 and a mean that is 0 but
 * for that error; what drifts has 1. On Kepler's orbits an ensemble that drifts, or spreads more than a walk of the
 * roundings that cannot be avoided, ends the program with status 1; on the others, whose steps are Newton's or affine, there
 * is no such promise.
 *
 * What is expected of a compensated walk was measured on hand-written C of the same method with double-double sums (32
 * starts, 4 * 10^5 steps). Both spreads are known to one in sqrt(2 (SYSTEMS - 1)); two of these are granted. */
#include "lag.h"
#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SYSTEMS = 32, DOF_MOST = 2, STEPS_FIRST = 10000, STEPS_LEAST = 20000, STEPS_TABLE = 400000, SHORTER = 10 };

static const double drift_most = 3;      /* standard errors */
static const double exponent_most = 0.6; /* of growth */
static const double spread_most = 1.3;   /* over what is expected */

_Noreturn static void fail(const char *what, LagStatus status) {
    fprintf(stderr, "roundoff: %s: %s\n", what, lag_status_text(status));
    exit(1);
}

/* ---- Systems ---- */

#define MU 39.478758435
#define GRAVITY 9.81L
#define TURN 0.37 /* of a start from the one before */

typedef struct State {
    double q[DOF_MOST], pi[DOF_MOST];
} State;

typedef struct System {
    const char *name, *text;
    uint32_t dof;
    State (*start)(unsigned i, double eccentricity);
    long double (*energy)(State s);
} System;

static State kepler_start(unsigned i, double e) {
    double a = 1 + 0.003 * i, turn = TURN * i + 0.1, near = a * (1 - e), fast = sqrt(MU * (1 + e) / near);
    return (State){{near * cos(turn), near * sin(turn)}, {-fast * sin(turn), fast * cos(turn)}};
}

static long double kepler_energy(State s) {
    long double x = s.q[0], y = s.q[1], u = s.pi[0], v = s.pi[1];
    return (u * u + v * v) / 2 - (long double)MU / sqrtl(x * x + y * y);
}

static State spring_start(unsigned i, double unused) {
    (void)unused;
    return (State){{1 + 0.003 * i, 0.5 + 0.001 * i}, {0.1, 0}};
}

static long double spring_energy(State s) {
    long double r = s.q[0], phi = s.q[1], u = s.pi[0], L = s.pi[1];
    return u * u / 2 + L * L / (2 * r * r) + 20 * (r - 1) * (r - 1) - GRAVITY * r * cosl(phi);
}

static State rods_start(unsigned i, double unused) {
    (void)unused;
    return (State){{0.5 + 0.003 * i, 0.3}, {0.1, 0}};
}

/* Two rods of mass and length 1: q are their angles. */
static long double rods_energy(State s) {
    long double m = cosl((long double)s.q[0] - s.q[1]) / 2, a = 4 / 3.0L, b = 1 / 3.0L, u = s.pi[0], v = s.pi[1];
    long double kinetic = (b * u * u - 2 * m * u * v + a * v * v) / (2 * (a * b - m * m));
    return kinetic - GRAVITY * (1.5L * cosl(s.q[0]) + 0.5L * cosl(s.q[1]));
}

static State oscillator_start(unsigned i, double unused) {
    (void)unused;
    return (State){{cos(TURN * i), 0}, {sin(TURN * i), 0}};
}

static long double oscillator_energy(State s) { return ((long double)s.q[0] * s.q[0] + (long double)s.pi[0] * s.pi[0]) / 2; }

static const System kepler = {"Kepler", "coord x, y; (xd^2 + yd^2)/2 + 39.478758435/sqrt(x^2 + y^2)", 2, kepler_start,
                              kepler_energy};
static const System spring = {"spring", "coord r, phi; (rd^2 + r^2*phid^2)/2 - 20*(r - 1)^2 + 9.81*r*cos(phi)", 2,
                              spring_start, spring_energy};
static const System rods = {"rods", "coord a, b; 2/3*ad^2 + bd^2/6 + ad*bd*cos(a - b)/2 + 9.81*(3/2*cos(a) + cos(b)/2)", 2,
                            rods_start, rods_energy};
static const System oscillator = {"oscillator", "qd^2/2 - q^2/2", 1, oscillator_start, oscillator_energy};

/* ---- Ensembles ---- */

typedef struct Case {
    const System *system;
    double eccentricity;
    uint32_t r;
    double dt;
    double spread; /* expected of compensated steps, after STEPS_TABLE; 0: not known */
} Case;

static const Case cases[] = {
    {&kepler, 0.2, 4, 0.02, 3.6e-15}, {&kepler, 0.2, 8, 0.05, 9.0e-15},  {&kepler, 0.2, 12, 0.1, 1.7e-14},
    {&kepler, 0.2, 16, 0.2, 5.1e-14}, {&kepler, 0.2, 32, 0.3, 0},        {&kepler, 0.6, 4, 0.005, 0},
    {&kepler, 0.6, 8, 0.02, 9e-15},   {&kepler, 0.6, 12, 0.04, 3.6e-14}, {&kepler, 0.6, 16, 0.05, 3.1e-14},
    {&kepler, 0.6, 32, 0.1, 0},       {&spring, 0, 8, 0.1, 0},           {&rods, 0, 8, 0.1, 0},
    {&oscillator, 0, 4, 0.1, 0},
};
enum { CASES = sizeof cases / sizeof *cases };

typedef struct Spread {
    double mean, error, deviation, square; /* the mean's standard error; of one; the root of the mean square */
} Spread;

static Spread spread_of(const double *x) {
    Spread s = {0};
    for (unsigned i = 0; i < SYSTEMS; i++) s.mean += x[i] / SYSTEMS, s.square += x[i] * x[i] / SYSTEMS;
    for (unsigned i = 0; i < SYSTEMS; i++) s.deviation += (x[i] - s.mean) * (x[i] - s.mean) / (SYSTEMS - 1);
    s.deviation = sqrt(s.deviation);
    s.square = sqrt(s.square);
    s.error = s.deviation / sqrt(SYSTEMS);
    return s;
}

/* dE/E of all, as they stand. */
static Spread energy_spread(const Case *c, const LagBatch *batch, const long double *start) {
    double q[SYSTEMS * DOF_MOST], pi[SYSTEMS * DOF_MOST], change[SYSTEMS];
    uint32_t d = c->system->dof;
    lag_batch_state(batch, q, pi, NULL);
    for (unsigned i = 0; i < SYSTEMS; i++) {
        State s = {{0}, {0}};
        memcpy(s.q, q + i * d, d * sizeof *q);
        memcpy(s.pi, pi + i * d, d * sizeof *pi);
        change[i] = (double)(c->system->energy(s) / start[i] - 1);
    }
    return spread_of(change);
}

static void begin(const Case *c, LagBatch *batch, long double *energy) {
    double q[SYSTEMS * DOF_MOST], pi[SYSTEMS * DOF_MOST];
    uint32_t d = c->system->dof;
    for (unsigned i = 0; i < SYSTEMS; i++) {
        State s = c->system->start(i, c->eccentricity);
        memcpy(q + i * d, s.q, d * sizeof *q);
        memcpy(pi + i * d, s.pi, d * sizeof *pi);
        energy[i] = c->system->energy(s);
    }
    LagStatus status = lag_batch_start(batch, 0, q, pi);
    if (status != LAG_OK) fail(c->system->name, status);
}

/* Prints a row, and tells whether it is as it should be. */
static bool judge(const Case *c, bool compensated, uint64_t first, uint64_t steps, Spread early, Spread late) {
    double unsure = 1 / sqrt(2 * (SYSTEMS - 1)), t = late.mean / late.error, time = log((double)steps / (double)first);
    double exponent = log(late.square / early.square) / time, exponent_unsure = sqrt(2) * unsure / time;
    double expected = compensated ? c->spread * sqrt((double)steps / STEPS_TABLE) : 0;
    bool drifts = fabs(t) > drift_most || exponent > exponent_most + 2 * exponent_unsure;
    bool spreads = expected > 0 && late.deviation > expected * spread_most * (1 + 2 * sqrt(2) * unsure);
    printf("%-10s %4.1f %3u %6.3g %-5s %+9.1e +- %.0e %+6.1f %9.1e ", c->system->name, c->eccentricity, c->r, c->dt,
           compensated ? "two" : "one", late.mean, late.error, t, late.deviation);
    if (expected > 0)
        printf("%9.1e", expected);
    else
        printf("%9s", "");
    printf(" %6.2f +- %.2f", exponent, exponent_unsure);
    return c->system != &kepler || !(drifts || spreads);
}

static bool run(const Case *c, const LagKernel *kernel, bool compensated, uint64_t steps) {
    LagBatch *batch;
    long double energy[SYSTEMS];
    LagStatus status = lag_batch_new(kernel, compensated ? LAG_METHOD_COMPENSATED : LAG_METHOD_GGL, SYSTEMS, 0, &batch);
    if (status != LAG_OK) fail(c->system->name, status);
    if (c->system != &kepler) steps /= SHORTER;
    uint64_t first = 10 * STEPS_FIRST > steps ? steps / 10 : STEPS_FIRST;
    begin(c, batch, energy);
    double start = seconds_now();
    status = lag_batch_advance(batch, c->dt, first, 0, NULL);
    Spread early = energy_spread(c, batch, energy);
    if (status == LAG_OK) status = lag_batch_advance(batch, c->dt, steps - first, 0, NULL);
    if (status != LAG_OK) fail(c->system->name, status);
    double seconds = seconds_now() - start;
    bool good = judge(c, compensated, first, steps, early, energy_spread(c, batch, energy));
    printf(" %7.0f%s\n", 1e9 * seconds / (double)steps / SYSTEMS, good ? "" : "  too much");
    fflush(stdout);
    lag_batch_free(batch);
    return good;
}

/* ---- Where a grain is after 20,000 years ---- */

enum { GRAINS = 4, GRAIN_STEPS = 400000, TURNED = 256 };

/* Poynting-Robertson drag. Constants and starts are these doubles; the truth is by Taylor series of order 34 in 113 bits, 25
 * steps a year. In steps of 1/40 yr lag at r = 16 and 12, in two doubles, comes within 1.1e-9 of it. Each start is turned as
 * often as makes TURNED, the truth with it. */
static const char drag[] =
    "mu = 39.02324778272596; k = 7.2027401757086305e-06; coord x, y; (xd^2 + yd^2)/2 + mu/sqrt(x^2 + y^2)"
    " - k/(x_p^2 + y_p^2)*(xd_p*x_m + yd_p*y_m"
    " + (x_p*xd_p + y_p*yd_p)*(x_p*x_m + y_p*y_m)/(x_p^2 + y_p^2))";
static const double grain_near = 0.8;
static const double grain_fast = 7.6508085634192247; /* the first; each next is faster by 1/1000 of it */
static const double grain_dt = 0.05;
static const double grain_end[GRAINS][2] = {{0.4063736846992012, -0.3861293938937170},
                                            {-0.3398088802136139, 0.5526501966402642},
                                            {0.4452860830710617, -0.3421167238736085},
                                            {-0.2757536076951652, -0.5880754525832268}};

static const uint32_t grain_r[] = {8, 10, 12, 16};
static const double grain_one = 1.3e-8; /* from the truth, in one double */

/* In two, by C written by hand for this grain: of as many starts, each sum in two doubles and sweeps to 1e-14. */
static const double grain_hand[] = {1.06e-9, 9.9e-10, 9.7e-10, 9.0e-10};
static const double grain_most = 1.3; /* times that */

/* Root of the mean square of the distances from the truth. */
static double distance(const LagKernel *kernel, const double *c, bool compensated) {
    LagBatch *batch;
    double q[2 * TURNED], pi[2 * TURNED], parameter[2 * TURNED], square = 0;
    LagStatus status = lag_batch_new(kernel, compensated ? LAG_METHOD_COMPENSATED : LAG_METHOD_GGL, TURNED, 0, &batch);
    if (status != LAG_OK) fail("drag", status);
    for (unsigned i = 0; i < TURNED; i++) {
        double fast = grain_fast * (1 + i % GRAINS * 1e-3), turn = TURN * i;
        memcpy(parameter + 2 * i, c, 2 * sizeof *c);
        q[2 * i] = grain_near * cos(turn), q[2 * i + 1] = grain_near * sin(turn);
        pi[2 * i] = -fast * sin(turn), pi[2 * i + 1] = fast * cos(turn);
    }
    lag_batch_parameters(batch, parameter);
    status = lag_batch_start(batch, 0, q, pi);
    if (status == LAG_OK) status = lag_batch_advance(batch, grain_dt, GRAIN_STEPS, 0, NULL);
    if (status != LAG_OK) fail("drag", status);
    lag_batch_state(batch, q, NULL, NULL);
    for (unsigned i = 0; i < TURNED; i++) {
        const double *end = grain_end[i % GRAINS], turn = TURN * i;
        double x = q[2 * i] - (end[0] * cos(turn) - end[1] * sin(turn));
        double y = q[2 * i + 1] - (end[0] * sin(turn) + end[1] * cos(turn));
        square += (x * x + y * y) / TURNED;
    }
    lag_batch_free(batch);
    return sqrt(square);
}

static bool run_grains(void) {
    LagSession *session;
    LagProgram *program;
    double c[2];
    const double unsure = 1 / sqrt(2 * TURNED);
    bool good = true;
    LagStatus status = lag_session_new(LAG_ABI, &session);
    if (status == LAG_OK) status = lag_read(session, "drag", drag, strlen(drag), &program);
    if (status == LAG_OK) status = lag_session_parameters(session, lag_program_model(program), c);
    if (status != LAG_OK) fail("drag", status);
    printf("\nPoynting-Robertson drag, 20,000 yr, dt = %g: distance from the truth\n%3s %9s %9s %9s\n", grain_dt, "r", "one",
           "two", "by hand");
    for (unsigned i = 0; i < sizeof grain_r / sizeof *grain_r; i++) {
        const LagKernel *kernel;
        double far[2];
        status = lag_model_kernel(lag_program_model(program), grain_r[i], LAG_BACKEND_LLVM, &kernel);
        if (status != LAG_OK) fail("drag", status);
        printf("%3u", grain_r[i]);
        for (int compensated = 0; compensated < 2; compensated++) {
            far[compensated] = distance(kernel, c, compensated);
            printf(" %9.2e", far[compensated]);
        }
        bool near = far[0] <= grain_one * (1 + 2 * unsure) && far[1] <= grain_hand[i] * grain_most * (1 + 2 * unsure);
        printf(" %9.2e", grain_hand[i]);
        puts(near ? "" : "  too much");
        fflush(stdout);
        good = good && near;
    }
    lag_program_free(program);
    lag_session_free(session);
    return good;
}

int main(int count, char **argument) {
    double steps = count > 1 ? atof(argument[1]) : 1e6;
    if (count > 2 || !(steps >= STEPS_LEAST && steps <= 1e12)) {
        fputs("usage: roundoff [STEPS]\n", stderr);
        return 2;
    }
    printf("dE/E after %.0f steps (a tenth of that but for Kepler), %d starts; the state in one double or in two\n"
           "%-10s %4s %3s %6s %-5s %19s %6s %9s %9s %14s %7s\n",
           steps, SYSTEMS, "system", "e", "r", "dt", "state", "mean", "/error", "spread", "expected", "exponent", "ns");
    bool good = true;
    for (unsigned i = 0; i < CASES; i++) {
        LagSession *session;
        LagProgram *program;
        const LagKernel *kernel;
        const System *system = cases[i].system;
        LagStatus status = lag_session_new(LAG_ABI, &session);
        if (status == LAG_OK) status = lag_read(session, system->name, system->text, strlen(system->text), &program);
        if (status == LAG_OK) status = lag_model_kernel(lag_program_model(program), cases[i].r, LAG_BACKEND_LLVM, &kernel);
        if (status != LAG_OK) fail(system->name, status);
        for (int compensated = 0; compensated < 2; compensated++)
            good = run(&cases[i], kernel, compensated, (uint64_t)steps) && good;
        lag_program_free(program);
        lag_session_free(session);
    }
    good = run_grains() && good;
    return good ? 0 : 1;
}
