/* trial.c: see trial.h. Needs kernels of several r, and integrates by them as any caller of lag.h does. */
#include "trial.h"

#include "effort.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    STEPS_LEAST = 32, /* of the first stretch's reference, before it is refined */
    STEPS_MOST = 192,
    REFINE_MOST = 16, /* times that it may be refined */
};

static const double trial_tiny = 1e-10;   /* see LagChoiceAsk.tol */
static const double trial_off = 1e-11;    /* how far off a start is that tells how errors grow */
static const double trial_seconds = 2e-4; /* of machine code: what the first stretch may take a run */

double *trial_numbers(Trials *c, size_t count) {
    double *list = arena_new(&c->arena, (count + 1) * sizeof *list);
    if (!list) c->fault = LAG_ERROR_MEMORY;
    return list;
}

/* ---- Runs ---- */

static void may_stop(LagIntegrator *it, void *user) {
    const LagChoiceAsk *ask = ((const Trials *)user)->ask;
    if (ask->stop(ask->user)) lag_integrator_cancel(it);
}

/* Whether a status ends the choosing; else a run has come to nothing, which tells that its step is too large. */
static bool is_fatal(LagStatus status) {
    return status != LAG_OK && status != LAG_ERROR_NEWTON && status != LAG_ERROR_SWEEPS && status != LAG_ERROR_SINGULAR &&
           status != LAG_ERROR_NOT_FINITE;
}

LagIntegrator *trial_integrator(Trials *c, uint32_t r, const LagKernel **kernel) {
    enum { ASK_EVERY = 16 };
    LagIntegrator *it = NULL;
    c->fault = lag_model_kernel(c->model, r, c->backend, kernel);
    if (c->fault == LAG_OK) c->fault = lag_integrator_new(*kernel, c->method, &it);
    if (c->fault != LAG_OK) return NULL;
    lag_integrator_parameters(it, c->ask->c);
    lag_integrator_slack(it, c->slack);
    if (c->ask->stop) lag_integrator_watch(it, ASK_EVERY, may_stop, c);
    return it;
}

/* Takes the steps in pieces, and no more of them once it is clear that their iterations don't converge: each of the others
 * may take very long. */
static LagStatus take(LagIntegrator *it, const Path *path, LagRows *rows, LagReport *report) {
    enum { PIECES = 8, FALLBACKS_LEAST = 64 }; /* one in so many steps may do without sweeps */
    uint32_t kept = path->rows < PIECES ? path->rows : path->rows / PIECES;
    uint64_t every = path->steps / path->rows;
    LagStatus status = LAG_OK;
    for (uint32_t row = 0; row < path->rows && status == LAG_OK; row += kept) {
        uint32_t now = path->rows - row < kept ? path->rows - row : kept;
        status = lag_integrator_advance(it, path->h, now * every, every, rows);
        lag_integrator_report(it, report);
        if (report->fallbacks > path->steps / FALLBACKS_LEAST) return LAG_ERROR_NEWTON;
    }
    return status;
}

Trial trial_run(Trials *c, uint32_t r, const Path *path, double *q, double *pi) {
    const LagKernel *kernel;
    LagIntegrator *it = trial_integrator(c, r, &kernel);
    if (!it) return (Trial){0};
    LagRows rows = {.capacity = path->rows, .q = q, .pi = pi};
    LagReport report;
    LagStatus status = lag_integrator_start(it, path->t, path->q, path->pi);
    lag_integrator_expect(it, path->steps);
    lag_integrator_report(it, &report);
    if (status == LAG_OK) status = take(it, path, &rows, &report);
    lag_integrator_free(it);
    if (is_fatal(status)) c->fault = status;
    Effort effort = effort_of(model_kernel_of(kernel), c->method);
    double done = fmax((double)report.steps, 1), newton = (double)report.iterations, sweeps = (double)report.sweeps;
    bool swept = c->method != LAG_METHOD_NEWTON && lag_kernel_road(kernel) == LAG_ROAD_SWEEPS;
    Trial trial = {.good = status == LAG_OK,
                   .iterations = (newton + sweeps) / done,
                   .seconds = effort.step + effort.iteration * (swept ? 2 * newton + sweeps : newton) / done,
                   .first = effort.first};
    c->spent += trial.first + done * trial.seconds;
    return trial;
}

void trial_widen(Trials *c, const double *q, size_t rows) {
    for (size_t i = 0; i < rows * c->d; i++) c->size[i % c->d] = fmax(c->size[i % c->d], fabs(q[i]));
}

double trial_compare(const Trials *c, const double *q, const double *truth, size_t rows, double *error) {
    double all = 0, worst = 0;
    for (uint32_t k = 0; k < c->d; k++) all = fmax(all, c->size[k]);
    for (size_t i = 0; i < rows; i++) {
        for (uint32_t k = 0; k < c->d; k++) {
            double size = all > 0 ? fmax(c->size[k], trial_tiny * all) : 1;
            double off = fabs(q[i * c->d + k] - truth[i * c->d + k]) / size;
            worst = isnan(off) ? INFINITY : fmax(worst, off);
        }
        error[i] = worst;
    }
    return worst;
}

Trial trial_on(Trials *c, Stretch *s, uint32_t r, uint64_t steps) {
    Path path = {s->t, s->span / (double)steps, s->q, s->pi, steps, s->checks};
    Trial trial = trial_run(c, r, &path, s->trial, NULL);
    for (uint32_t i = 0; i < s->checks; i++) s->error[i] = INFINITY;
    if (trial.good) trial_compare(c, s->trial, s->path, s->checks, s->error);
    return trial;
}

/* ---- The first stretch ---- */

/* How much a step differs from its two halves, beside the motion in it. */
static double halving(Trials *c, double h, double *one, double *two, double *seconds) {
    Path whole = {c->ask->t, h, c->q, c->pi, 1, 1}, halves = {c->ask->t, h / 2, c->q, c->pi, 2, 1};
    Trial a = trial_run(c, c->fine_r, &whole, one, NULL), b = {0};
    if (a.good) b = trial_run(c, c->fine_r, &halves, two, NULL);
    if (!b.good) return INFINITY;
    *seconds = a.seconds;
    double all = 0, worst = 0;
    for (uint32_t k = 0; k < c->d; k++) all = fmax(all, fmax(fabs(c->q[k]), fabs(two[k])));
    for (uint32_t k = 0; k < c->d; k++) {
        double size = fmax(fmax(fabs(c->q[k]), fabs(two[k])), trial_tiny * all);
        if (size > 0) worst = fmax(worst, fabs(one[k] - two[k]) / size);
    }
    return worst;
}

/* About the largest step that is small beside the motion at the start, at most the whole run; and the seconds that one
 * takes. It is found from smaller ones, by their order: larger ones may be very slow to be solved for. */
static double first_step(Trials *c, double *seconds) {
    enum { SCALES = 44 };
    const double small = 1e-6, clear = 1e-13, order = 2 * c->fine_r + 3;
    double h = ldexp(c->span, -SCALES), *one = trial_numbers(c, c->d), *two = trial_numbers(c, c->d);
    for (int i = 0; i < SCALES && c->fault == LAG_OK; i++, h *= 2) {
        double error = halving(c, h, one, two, seconds);
        if (isinf(error)) return h / 2;
        if (error > clear) return h * pow(small / error, 1 / order);
    }
    return c->span;
}

/* The span nearest to this one that is whole steps between checks, where the step was given: less, if that can be. */
static double whole_span(const Trials *c, double span, uint32_t checks) {
    double between = c->ask->dt * checks;
    return between == 0 ? span : between * fmax(floor(span / between * (1 + 1e-9)), 1);
}

static Trial reference(Trials *c, Stretch *s, uint64_t steps) {
    Path path = {s->t, s->span / (double)steps, s->q, s->pi, steps, s->checks};
    return trial_run(c, c->fine_r, &path, s->path, s->path_pi);
}

/* Makes the reference: its steps are halved until it is good for the accuracy that is wanted, or as good as can be; if that
 * takes too many, the stretch is halved instead. False if it can't be had. */
static bool make_reference(Trials *c, Stretch *s) {
    const double margin = 32, left = pow(2, -2.0 * c->fine_r - 2) * margin / 2; /* of an error, after a halving */
    const double known = 1e-5, ground = 1e-6,
                 falls = 8; /* an error tells something; may be round-off, if it falls by less */
    size_t rows = (size_t)s->checks * c->d;
    uint64_t most = REFINE_MOST * s->steps;
    double before = INFINITY;
    Trial coarse = {0};
    for (int i = 0; i < 3 * REFINE_MOST && c->fault == LAG_OK; i++) {
        if (!coarse.good) {
            s->steps = (s->steps + s->checks - 1) / s->checks * s->checks;
            coarse = reference(c, s, s->steps);
            before = INFINITY;
        }
        memcpy(s->trial, s->path, rows * sizeof *s->path);
        Trial fine = reference(c, s, 2 * s->steps);
        if (fine.good) trial_widen(c, s->path, s->checks);
        double e = fine.good && coarse.good ? trial_compare(c, s->trial, s->path, s->checks, s->error) : INFINITY;
        bool enough = e * left <= c->ask->tol * trial_rounding(c) / margin, last = 2 * s->steps > most;
        if (e < known && (enough || last || (e < ground && e > before / falls))) {
            s->noise = enough ? 0 : e;
            return true;
        }
        double shorter = last ? whole_span(c, s->span / 2, s->checks) : s->span;
        if (last && shorter == s->span) return false;
        before = e;
        coarse = last ? (Trial){0} : fine;
        if (!last) s->steps *= 2;
        s->span = shorter;
    }
    return false;
}

/* What a small change of the start grows by: of coordinates and of momenta, each for itself, since one kind alone may be
 * a change that does nothing. */
static void find_growth(Trials *c, Stretch *s) {
    double *state[2] = {trial_numbers(c, c->d), trial_numbers(c, c->d)}, error[TRIAL_CHECKS] = {0};
    for (uint32_t i = 0; i < s->checks; i++) s->growth[i] = 1;
    for (int kind = 0; kind < 2 && c->fault == LAG_OK; kind++) {
        memcpy(state[0], s->q, c->d * sizeof *s->q);
        memcpy(state[1], s->pi, c->d * sizeof *s->pi);
        for (uint32_t k = 0; k < c->d; k++) {
            double most = fabs(s->pi[k]);
            for (uint32_t i = 0; i < s->checks; i++) most = fmax(most, fabs(s->path_pi[(size_t)i * c->d + k]));
            state[kind][k] += trial_off * (kind ? most : c->size[k]);
        }
        Path path = {s->t, s->span / (double)(2 * s->steps), state[0], state[1], 2 * s->steps, s->checks};
        if (!trial_run(c, c->fine_r, &path, s->trial, NULL).good) continue;
        trial_compare(c, s->trial, s->path, s->checks, error);
        for (uint32_t i = 0; i < s->checks; i++) s->growth[i] = fmax(s->growth[i], error[i] / trial_off);
    }
}

bool trial_begin(Trials *c, Stretch *s) {
    double seconds = 0, h = first_step(c, &seconds), steps = ceil(c->span / h);
    if (c->fault != LAG_OK) return false;
    double most = fmin(fmax(trial_seconds / fmax(seconds, DBL_MIN), STEPS_LEAST), STEPS_MOST);
    if (steps > 2 * most) steps = most;
    uint32_t checks = steps < TRIAL_CHECKS * TRIAL_FEW ? TRIAL_FEW : TRIAL_CHECKS;
    if (c->steps && c->steps < checks) checks = (uint32_t)c->steps;
    double span = fabs(steps * h) < fabs(c->span) ? steps * h : c->span;
    *s = (Stretch){.t = c->ask->t, .span = whole_span(c, span, checks), .q = c->q, .pi = c->pi, .checks = checks};
    s->steps = (uint64_t)fmax(steps, STEPS_LEAST);
    size_t rows = (size_t)checks * c->d;
    s->path = trial_numbers(c, rows), s->path_pi = trial_numbers(c, rows), s->trial = trial_numbers(c, rows);
    trial_widen(c, c->q, 1);
    if (c->fault != LAG_OK || !make_reference(c, s)) return false;
    find_growth(c, s);
    return c->fault == LAG_OK;
}
