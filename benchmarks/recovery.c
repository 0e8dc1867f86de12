/* recovery.c: which terms a motion has, found from positions with errors: the coefficients of a family of Lagrangians with
 * wrong terms among them, chosen by an information criterion.
 *
 *     build/benchmarks/recovery [SEEDS [SYSTEM]]      10 seeds unless said, of all systems or of the first, second, third
 *
 * Three damped systems: a pendulum, a cart on a spring, a double pendulum. Of each, 501 positions over 10 s are seen, with
 * errors of 0, 1 and 10 % of each column's standard deviation, and nothing else; one coefficient is known, which gives the
 * scale; starts are fitted too. The error is that of all candidates' coefficients, |c - truth|/|truth| in the 2-norm, in
 * percent. Exit status 1 where one is not what it should be. */
#include "measure.h"

#include <lag.h>

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 501, TERMS = 20, UNKNOWNS = TERMS + 4, LEVELS = 3, SYSTEMS = 3 };

static const double noise[LEVELS] = {0, 0.01, 0.1};

typedef struct Term {
    const char *text;
    double truth;
    bool positive; /* known not to be negative */
} Term;

typedef struct System {
    const char *name, *known; /* the terms that are given */
    uint32_t d;
    double q[2], v[2];
    Term term[TERMS];
    double most[LEVELS]; /* the median error that is asked for, in percent: a published one */
} System;

static const System systems[SYSTEMS] = {
    {"pendulum",
     "qd^2/2",
     1,
     {2},
     {0.5},
     {{"cos(q)", 9.81, false},
      {"-qd_p*q_m", 0.3, true},
      {"cos(2*q)", 0, false},
      {"sin(q)", 0, false},
      {"sin(2*q)", 0, false},
      {"q", 0, false},
      {"q^2", 0, false},
      {"q^4", 0, false},
      {"qd^4", 0, false},
      {"qd^2*cos(q)", 0, false},
      {"-qd_p^3*q_m", 0, true}},
     {0.31, 1.31, 10.94}},
    {"cart and spring",
     "qd^2/2",
     1,
     {1.5},
     {-1},
     {{"-q^2", 2, false},
      {"-qd_p*q_m", 0.2, true},
      {"q", 0, false},
      {"q^3", 0, false},
      {"q^4", 0, false},
      {"q^6", 0, false},
      {"cos(q)", 0, false},
      {"qd^2*q", 0, false},
      {"qd^2*q^2", 0, false},
      {"qd^4", 0, false},
      {"-qd_p^3*q_m", 0, true}},
     {1.34, 1.12, 2.42}},
    {"double pendulum",
     "ad^2",
     2,
     {1.4, 0.8},
     {0, 0.5},
     {{"bd^2", 0.5, true},
      {"ad*bd*cos(a - b)", 1, false},
      {"cos(a)", 19.62, false},
      {"cos(b)", 9.81, false},
      {"-ad_p*a_m", 0.4, true},
      {"-bd_p*b_m", 0.2, true},
      {"ad*bd", 0, false},
      {"ad*bd*sin(a - b)", 0, false},
      {"cos(a - b)", 0, false},
      {"sin(a)", 0, false},
      {"sin(b)", 0, false},
      {"a^2", 0, false},
      {"b^2", 0, false},
      {"a*b", 0, false},
      {"-ad_p^3*a_m", 0, true},
      {"-bd_p^3*b_m", 0, true}},
     {0.30, 20.4, 21.7}},
};

static void need(LagStatus status, const char *what) {
    if (status == LAG_OK) return;
    fprintf(stderr, "%s: %s\n", what, lag_status_text(status));
    exit(1);
}

/* A family at work. */
typedef struct Family {
    const System *system;
    LagSession *session;
    LagProgram *program;
    const LagKernel *kernel;      /* what is fitted, */
    const LagKernel *finer;       /* and what made the motion: of higher order */
    uint32_t terms, place[TERMS]; /* which parameter a term's coefficient is */
    double t[ROWS], q[2 * ROWS], seen[2 * ROWS], size[2];
} Family;

static const double step = 0.02;

static void family_new(Family *f, const System *system) {
    char text[2000], name[16];
    int used = snprintf(text, sizeof text, "%s", system->known);
    *f = (Family){.system = system};
    while (f->terms < TERMS && system->term[f->terms].text) {
        const char *term = system->term[f->terms].text;
        used += snprintf(text + used, sizeof text - used, " %c c%u*%s", *term == '-' ? '-' : '+', f->terms,
                         term + (*term == '-'));
        f->terms++;
    }
    need(lag_session_new(LAG_ABI, &f->session), "session");
    need(lag_read(f->session, system->name, text, strlen(text), &f->program), text);
    const LagModel *model = lag_program_model(f->program);
    need(lag_model_kernel(model, 3, LAG_BACKEND_AUTO, &f->kernel), "kernel");
    need(lag_model_kernel(model, 8, LAG_BACKEND_AUTO, &f->finer), "kernel");
    for (uint32_t i = 0; i < f->terms; i++) {
        snprintf(name, sizeof name, "c%u", i);
        while (strcmp(lag_model_parameter(model, f->place[i]), name) != 0) f->place[i]++;
    }
}

static void family_free(Family *f) {
    lag_program_free(f->program);
    lag_session_free(f->session);
}

static void move(Family *f) {
    double c[TERMS];
    const uint32_t d = f->system->d;
    LagIntegrator *it;
    LagRows rows = {.capacity = ROWS, .t = f->t, .q = f->q};
    for (uint32_t i = 0; i < f->terms; i++) c[f->place[i]] = f->system->term[i].truth;
    need(lag_integrator_new(f->finer, LAG_METHOD_GGL, &it), "integrator");
    lag_integrator_parameters(it, c);
    need(lag_integrator_start_velocity(it, 0, f->system->q, f->system->v), "start");
    lag_integrator_state(it, &rows);
    need(lag_integrator_advance(it, step, ROWS - 1, 1, &rows), "motion");
    lag_integrator_free(it);
    for (uint32_t k = 0; k < d; k++) {
        double sum = 0, square = 0;
        for (int i = 0; i < ROWS; i++) sum += f->q[i * d + k], square += f->q[i * d + k] * f->q[i * d + k];
        f->size[k] = sqrt(square / ROWS - sum * sum / ROWS / ROWS);
    }
}

/* splitmix64, and normal numbers of it. */
static double uniform(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return ((double)((z ^ z >> 31) >> 11) + 0.5) * 0x1p-53;
}

static double normal(uint64_t *state) {
    double r = sqrt(-2 * log(uniform(state)));
    return r * cos(6.283185307179586 * uniform(state));
}

typedef struct Found {
    double error;   /* percent */
    int lost, more; /* terms that are there and were not found, and the other way round */
    double seconds;
} Found;

static Found find(Family *f, double level, uint64_t seed) {
    const System *s = f->system;
    const uint32_t d = s->d;
    LagUnknown unknown[UNKNOWNS];
    LagBound bound[TERMS];
    double none[TERMS], value[UNKNOWNS], still[2] = {0, 0};
    bool on[UNKNOWNS];
    LagLoss loss = {.kind = LAG_LOSS_L2, .alpha = 1, .beta = 1, .bound = bound};
    for (size_t i = 0; i < ROWS * d; i++) f->seen[i] = f->q[i] + level * f->size[i % d] * normal(&seed);
    for (uint32_t i = 0; i < f->terms; i++) {
        none[i] = NAN;
        unknown[i] = (LagUnknown){LAG_UNKNOWN_PARAMETER, f->place[i]};
        if (s->term[i].positive) bound[loss.bounds++] = (LagBound){f->place[i], LAG_BOUND_AT_LEAST, 0};
    }
    for (uint32_t k = 0; k < 2 * d; k++)
        unknown[f->terms + k] = (LagUnknown){k < d ? LAG_UNKNOWN_COORDINATE : LAG_UNKNOWN_RATE, k % d};
    LagFitAsk ask = {.motion = {.h = step,
                                .steps = ROWS - 1,
                                .c = none,
                                .q = f->seen,
                                .v = still,
                                .seen = {ROWS, f->t, f->seen, NULL},
                                .loss = &loss},
                     .unknowns = f->terms + 2 * d,
                     .unknown = unknown,
                     .weigh = true};
    LagFitOut out = {.value = value};
    LagTermsOut terms = {.on = on};
    Found found = {.seconds = seconds_now()};
    LagStatus status = lag_fit_terms(f->kernel, &ask, LAG_CRITERION_EBIC, &out, &terms);
    found.seconds = seconds_now() - found.seconds;
    double sum = 0, size = 0;
    for (uint32_t i = 0; i < f->terms; i++) {
        double truth = s->term[i].truth, is = status == LAG_OK ? value[i] : 0;
        sum += (is - truth) * (is - truth), size += truth * truth;
        found.lost += truth != 0 && !(status == LAG_OK && on[i]);
        found.more += truth == 0 && status == LAG_OK && on[i];
    }
    found.error = 100 * sqrt(sum / size);
    return found;
}

static bool measure(const System *system, int seeds) {
    bool good = true;
    static Family f;
    family_new(&f, system);
    move(&f);
    for (int level = 0; level < LEVELS; level++) {
        int count = level == 0 ? 1 : seeds, exact = 0, lost = 0, more = 0;
        double *error = calloc(2 * (size_t)count, sizeof *error), *seconds = error + count;
        if (!error) exit(1);
        for (int n = 0; n < count; n++) {
            Found found = find(&f, noise[level], 1000 * (uint64_t)(n + 1));
            error[n] = found.error, seconds[n] = found.seconds;
            exact += !found.lost && !found.more, lost += found.lost, more += found.more;
        }
        double middle = median(error, count);
        good &= middle < system->most[level];
        printf("%-16s %5u %4g %% %10.3g %10.3g %8.4g %9d/%d %6.2f %6.2f %8.2f\n", system->name, f.terms, 100 * noise[level],
               middle, error[count - 1], system->most[level], exact, count, (double)lost / count, (double)more / count,
               median(seconds, count));
        fflush(stdout);
        free(error);
    }
    family_free(&f);
    return good;
}

int main(int argc, char **argv) {
    int seeds = argc > 1 ? atoi(argv[1]) : 10, only = argc > 2 ? atoi(argv[2]) : 0;
    bool good = true;
    if (seeds < 1) seeds = 1;
    printf("system           terms  noise   median %%    worst %% published   all right   lost   more  seconds\n");
    for (int i = 0; i < SYSTEMS; i++)
        if (!only || only == i + 1) good &= measure(&systems[i], seeds);
    return !good;
}
