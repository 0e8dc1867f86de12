/* choose.c: r and dt from a wanted accuracy (lag.h, "Choosing a step").
 *
 * A stretch of the motion from its start is integrated finely, for reference, and from a start that is a little off, which
 * tells how errors grow (trial.c). Each r in question is tried on it with a few sizes of step, until one is found whose
 * error, carried on to the end of the run, is what is allowed. Of the r that do, that with the least work, as counted
 * (effort.h), is proved: its steps are taken as far as there is time for, and so are their halves; if they are not good
 * enough, smaller ones. A long run that loses or gains energy is run ahead before, to see whether its motion quickens. */
#include "lag.h"
#include "trial.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const uint32_t candidate[] = {2, 3, 4, 6, 8, 10, 12, 14, 16};
enum { CANDIDATES = sizeof candidate / sizeof *candidate, CANDIDATE_FIRST = 4 };

static const double choose_safety = 5;  /* what is expected, and not proved, may be wrong by that much */
static const double choose_proved = 2;  /* and what is */
static const double choose_free = 9e-3; /* seconds of machine code that trials may take whatever the run takes */
static const double choose_share = 0.2; /* of the run's seconds, what they may take */
static const double choose_rounding = DBL_EPSILON / 4; /* what a step's rounding moves a state by, of its size */

static const double choose_slack_most = 1e12; /* more would gain nothing */

static const double choose_unknown = 3; /* of round-off that is carried beyond what was tried */
static const double choose_seldom = 2;  /* times the round-off that is expected: more is seldom met */

/* ---- From a stretch to the whole run ---- */

/* What errors are multiplied by over so many times a stretch's span, if they grow with a power of time. */
static double power_of(double early, double late, double between, double times, double least, double most) {
    double power = early > 0 && between > 1 ? log(late / early) / log(between) : least;
    return times > 1 ? pow(times, fmin(fmax(power, least), most)) : 1;
}

/* The same, with the power that is fitted to the stretch; but exponentially where the growth of small changes has doubled
 * its pace, as in chaos. */
static double carry(const Stretch *s, const double *error, double times, double least, double most) {
    const double chaos = 3, faster = 1.5; /* e-folds in half of the stretch; and beside those in the quarter before */
    uint32_t n = s->checks, half = n / 2, quarter = n / 4;
    if (times <= 1 || quarter == 0) return 1;
    double late = log(s->growth[n - 1] / s->growth[half - 1]), early = log(s->growth[half - 1] / s->growth[quarter - 1]);
    if (late > chaos && late > faster * early) return exp(2 * late * (times - 1));
    return power_of(error[quarter - 1], error[n - 1], (double)n / quarter, times, least, most);
}

/* The part of round-off: what a step's rounding has grown to, summed over steps as errors that know nothing of each other.
 */
static double round_off(const Trials *c, const Stretch *s, double times, double steps) {
    double sum = 0;
    for (uint32_t i = 0; i < s->checks; i++) sum += s->growth[i] * s->growth[i] / s->checks;
    double unknown = times > 1 ? choose_unknown : 1, rounding = choose_rounding * trial_rounding(c);
    return (rounding * (1 + sqrt(steps * sum)) + s->noise) * unknown * carry(s, s->growth, times, 0, 1);
}

/* ---- Whether the motion quickens ---- */

enum { SEGMENTS = 8 };

/* How the motion's own frequency changes over the run, beside what it is at the start: its logarithm after a part x of the
 * run is slope x + bend x^2. */
typedef struct Drift {
    double slope, bend;
} Drift;

/* Fits slope and bend by least squares to values at x = 0, 1 .. SEGMENTS - 1, by orthogonal polynomials; a term that is not
 * well above the scatter is left out. */
static Drift fit_drift(const double y[SEGMENTS]) {
    const double middle = (SEGMENTS - 1) / 2.0, spread = (SEGMENTS * SEGMENTS - 1) / 12.0, clear = 4; /* deviations */
    double mean = 0, linear = 0, square = 0, norm1 = 0, norm2 = 0, scatter = 0;
    for (int i = 0; i < SEGMENTS; i++) {
        double u = i - middle, w = u * u - spread;
        mean += y[i] / SEGMENTS, linear += y[i] * u, square += y[i] * w;
        norm1 += u * u, norm2 += w * w;
    }
    linear /= norm1, square /= norm2;
    for (int i = 0; i < SEGMENTS; i++) {
        double u = i - middle, left = y[i] - mean - linear * u - square * (u * u - spread);
        scatter += left * left / (SEGMENTS - 3);
    }
    if (fabs(linear) < clear * sqrt(scatter / norm1)) return (Drift){0};
    if (fabs(square) < clear * sqrt(scatter / norm2)) square = 0;
    return (Drift){linear - 2 * middle * square, square};
}

/* Seconds that are left for trials, of a run that takes so many. */
static double seconds_left(const Trials *c, double run) { return fmax(choose_free, choose_share * run) - c->spent; }

/* What one r needs for the accuracy. */
typedef struct Fit {
    uint32_t r;
    bool good;
    double steps, seconds; /* of the whole run */
    double slack;          /* of its steps */
    double error;          /* expected at its end, of the steps' size */
    double iterations;     /* a step */
} Fit;

/* The logarithm of momenta beside coordinates in a segment, which goes with the frequency; the path moves on to its end. */
static bool measure(Trials *c, uint32_t r, Path *path, double *q, double *pi, double *level) {
    double places = 0, momenta = 0;
    size_t count = (size_t)path->rows * c->d;
    if (!trial_run(c, r, path, q, pi).good) return false;
    trial_widen(c, q, path->rows);
    for (size_t j = 0; j < count; j++) places += q[j] * q[j], momenta += pi[j] * pi[j];
    *level = log(momenta / places) / 2;
    path->t += path->h * (double)path->steps;
    return isfinite(*level);
}

/* Runs ahead as far as half of what is left takes. */
static Drift look_ahead(Trials *c, const Stretch *s, const Fit *base) {
    enum { ROWS_MOST = 1 << 12 };
    const LagFacts *facts = lag_model_facts(c->model);
    double part = fmin(seconds_left(c, base->seconds) / 2 / base->seconds, 1), level[SEGMENTS];
    uint64_t steps = (uint64_t)(fmax(part, 0) * base->steps / SEGMENTS), every = steps / ROWS_MOST + 1;
    if ((facts->autonomous && facts->conservative) || fabs(s->span) >= fabs(c->span) || steps < SEGMENTS) return (Drift){0};
    uint32_t rows = (uint32_t)(steps / every);
    size_t count = (size_t)rows * c->d;
    double *q = trial_numbers(c, count), *pi = trial_numbers(c, count), *from = trial_numbers(c, 2 * c->d);
    if (c->fault != LAG_OK) return (Drift){0};
    Path path = {s->t, c->span / ceil(base->steps), from, from + c->d, rows * every, rows};
    memcpy(from, s->q, c->d * sizeof *from);
    memcpy(from + c->d, s->pi, c->d * sizeof *from);
    for (int i = 0; i < SEGMENTS; i++) {
        if (!measure(c, base->r, &path, q, pi, &level[i])) return (Drift){0};
        memcpy(from, q + count - c->d, c->d * sizeof *from);
        memcpy(from + c->d, pi + count - c->d, c->d * sizeof *from);
    }
    Drift drift = fit_drift(level);
    double segments = c->span / (path.h * (double)path.steps); /* of the run */
    drift.slope *= segments, drift.bend *= segments * segments;
    if (drift.slope > 0) drift.bend = fmax(drift.bend, drift.slope * drift.slope / 2); /* what falls inwards, falls faster */
    return drift;
}

/* What errors are multiplied by when the motion quickens: that of a step goes with the frequency's power 2r + 2, and what it
 * does to the phase in a time goes with it once more. Slower motion is no promise. */
static double quickened(Drift drift, uint32_t r) {
    enum { PLACES = 32 };
    const double most = log(8); /* more is not believed */
    double sum = 0;
    for (int i = 0; i < PLACES; i++) {
        double x = (i + 0.5) / PLACES, faster = fmin(drift.slope * x + drift.bend * x * x, most);
        sum += exp((2 * r + 3) * fmax(faster, 0)) / PLACES;
    }
    return sum;
}

/* ---- An r's best step ---- */

/* What is asked of an r: the error at the end, what it is multiplied by beside the growth in the first stretch, steps to
 * begin with, and seconds past which it is of no interest. */
typedef struct Goal {
    double wanted, factor, guess, most;
} Goal;

/* How much may be missing of each of the run's steps: all of it, grown as errors grow, is a part of what is wanted. */
static double slack_of(const Stretch *s, double times, double steps, double wanted) {
    const double part = 0.2;
    double growth = 0;
    for (uint32_t i = 0; i < s->checks; i++) growth += s->growth[i] / s->checks;
    double all = steps * growth * carry(s, s->growth, times, 0, 1);
    return fmin(fmax(part * wanted / all / LAG_SLACK_UNIT, 1), choose_slack_most);
}

/* Steps of r on the stretch, of the slack that so many of the run have. */
static Trial try_steps(Trials *c, Stretch *s, uint32_t r, uint64_t steps, double slack) {
    c->slack = slack;
    Trial trial = trial_on(c, s, r, steps);
    c->slack = 1;
    return trial;
}

/* The steps that were given, on the first stretch. */
static Fit fit_given(Trials *c, Stretch *s, uint32_t r, const Goal *goal) {
    double times = c->span / s->span, slack = slack_of(s, times, (double)c->steps, goal->wanted);
    Trial trial = try_steps(c, s, r, (uint64_t)fmax(round((double)c->steps / times), 1), slack);
    Fit fit = {.r = r, .good = trial.good, .steps = (double)c->steps, .slack = slack, .iterations = trial.iterations};
    fit.error = goal->factor * s->error[s->checks - 1] * carry(s, s->error, times, 1, 2);
    fit.seconds = trial.first + fit.steps * trial.seconds;
    return fit;
}

/* Finds the steps with which r has the error that is wanted. Errors near round-off say nothing: larger ones are measured
 * then, and the order says the rest. */
static Fit fit_steps(Trials *c, Stretch *s, uint32_t r, const Goal *goal) {
    enum {
        TRIES = 7,
        STEPS_MOST = 1 << 15, /* of a trial */
        ASTRAY = 1000,        /* a relative error that is none of a step any more */
    };
    const double order = 2 * r + 2, times = c->span / s->span, clear = 30, near = 0.2, back = 1.4, leap = 3, late = 1.5;
    double n = goal->guess / times, least = s->checks, known = 0, known_error = 0;
    Fit fit = {.r = r};
    for (int i = 0; i < TRIES && c->fault == LAG_OK; i++) {
        uint64_t steps = (uint64_t)ceil(fmin(fmax(n, least), STEPS_MOST) / s->checks) * s->checks;
        double slack = slack_of(s, times, (double)steps * times, goal->wanted);
        Trial trial = try_steps(c, s, r, steps, slack);
        double carried = goal->factor * carry(s, s->error, times, 1, 2), now = (double)steps, slope = order;
        double error = s->error[s->checks - 1] * carried,
               aim = fmax(goal->wanted, clear * carried * round_off(c, s, 1, now));
        if (!trial.good || !(error < ASTRAY)) {
            least = now + s->checks;
            n = back * now;
            continue;
        }
        if (known > 0 && known != now) slope = -log(error / known_error) / log(now / known);
        slope = slope > order / 2 && slope < 2 * order ? slope : order;
        double ratio = fmax(now * pow(error / aim, 1 / slope), least) / now;
        fit = (Fit){.r = r, .good = true, .steps = now * ratio * times, .error = error * pow(ratio, -order)};
        if (fit.error > goal->wanted) fit.steps *= pow(fit.error / goal->wanted, 1 / order), fit.error = goal->wanted;
        fit.slack = slack, fit.iterations = trial.iterations;
        fit.seconds = trial.first + fit.steps * trial.seconds;
        if (fit.seconds > late * goal->most) return fit.good = false, fit;
        bool most = now >= STEPS_MOST && ratio > 1; /* then the order says the rest */
        if (fabs(log(ratio)) < near || (error < aim && now <= least) || most) return fit;
        known = now, known_error = error;
        n = now * fmin(fmax(ratio, 1 / leap), leap);
    }
    return fit;
}

/* The same; an r for which there can be no kernel is not good. */
static Fit fit(Trials *c, Stretch *s, uint32_t r, const Goal *goal) {
    Fit fit = c->steps ? fit_given(c, s, r, goal) : fit_steps(c, s, r, goal);
    if (c->fault == LAG_ERROR_LIMIT) c->fault = LAG_OK, fit.good = false;
    return fit;
}

/* Steps that r may take for an error, by those of another r: (h/R)^(2r + 2) is the error, where R grows with r. */
static double guess_of(const Fit *known, double wanted, uint32_t r) {
    double reach = (r + 3.0) / (known->r + 3.0);
    return known->steps * pow(wanted, 1 / (2.0 * known->r + 2) - 1 / (2.0 * r + 2)) / reach;
}

/* ---- The r that takes least ---- */

/* The error to aim at. */
static double wanted_of(const Trials *c, const Stretch *s, double steps) {
    return fmax(c->ask->tol / choose_safety, round_off(c, s, c->span / s->span, steps));
}

/* Whether a is to be taken before b: what reaches the accuracy before what does not. */
static bool is_better(const Trials *c, const Fit *a, const Fit *b) {
    if (!a->good || !b->good) return a->good;
    double most = c->steps ? c->ask->tol / choose_proved : INFINITY; /* else all reach it */
    if (a->error > most || b->error > most) return a->error < b->error;
    return a->seconds < b->seconds;
}

static Fit try_candidate(Trials *c, Stretch *s, uint32_t r, const Fit *known, Drift drift, double most) {
    Goal goal = {.wanted = wanted_of(c, s, known->steps), .factor = quickened(drift, r), .most = most};
    goal.guess = guess_of(known, goal.wanted / goal.factor, r);
    return fit(c, s, r, &goal);
}

/* Upwards from the middle, then downwards, as long as it may get better. */
static Fit search(Trials *c, Stretch *s, const Fit *base, Drift drift) {
    enum { WORSE_MOST = 2, LARGE_DOF = 16 }; /* in a row; there kernels take longer to make than they can gain */
    int patience = c->d > LARGE_DOF ? 1 : WORSE_MOST;
    if (c->ask->r >= 0) return try_candidate(c, s, (uint32_t)c->ask->r, base, drift, INFINITY);
    Fit best = {.seconds = INFINITY};
    for (int way = 1; way >= -1; way -= 2) {
        Fit known = *base;
        int i = way > 0 ? CANDIDATE_FIRST : CANDIDATE_FIRST - 1;
        for (int worse = 0; i >= 0 && i < CANDIDATES && worse < patience && c->fault == LAG_OK; i += way) {
            Fit now = try_candidate(c, s, candidate[i], &known, drift, best.seconds);
            bool better = is_better(c, &now, &best);
            if (now.good) known = now;
            if (better) best = now;
            worse = better ? 0 : worse + 1;
        }
    }
    return best;
}

/* ---- Proof ---- */

/* The error of steps and of halves, beside one another: as many as there is room for. */
typedef struct Proof {
    double worst, quarter; /* the largest error, in all and in the first quarter */
    double part;           /* of the run */
    bool good;
} Proof;

static Proof take_proof(Trials *c, const Stretch *s, const Fit *f, double seconds) {
    enum { NUMBERS_MOST = 1 << 20, LEAST = 4, TOGETHER = 3 }; /* steps and halves are so many */
    double all = ceil(f->steps), room = fmax(seconds * all / f->seconds / TOGETHER, LEAST);
    size_t steps = (size_t)fmin(fmin(all, room), fmax(NUMBERS_MOST / c->d, LEAST));
    Path path = {s->t, c->span / all, s->q, s->pi, steps, (uint32_t)steps};
    Proof proof = {.part = (double)steps / all};
    double *one = memory_new(steps * c->d * sizeof *one), *two = memory_new(steps * c->d * sizeof *two),
           *error = memory_new(steps * sizeof *error);
    if (!one || !two || !error) {
        c->fault = LAG_ERROR_MEMORY;
    } else {
        c->slack = f->slack;
        proof.good = trial_run(c, f->r, &path, one, NULL).good;
        c->slack = 1;
        path.h /= 2, path.steps *= 2;
        proof.good = proof.good && trial_run(c, f->r, &path, two, NULL).good;
    }
    if (proof.good) {
        trial_widen(c, two, steps);
        proof.worst = trial_compare(c, one, two, steps, error) / (1 - pow(2, -2.0 * f->r - 2));
        proof.quarter = error[steps < LEAST ? 0 : steps / LEAST - 1];
    }
    memory_free(one);
    memory_free(two);
    memory_free(error);
    return proof;
}

/* The error to be expected at the end: what is proved; carried on, if that is not the whole run; or then what was said
 * before, where round-off hides it. */
static double expected(const Trials *c, const Stretch *s, const Fit *f, const Proof *proof, double factor) {
    const double hides = 5, quarters = 4;
    double times = c->span / s->span, here = fmax(times * proof->part, 1);
    if (!proof->good) return INFINITY;
    if (proof->part >= 1) return proof->worst;
    if (proof->worst < hides * round_off(c, s, here, f->steps * proof->part)) return f->error;
    return proof->worst * factor * power_of(proof->quarter, proof->worst, quarters, 1 / proof->part, 1, 2);
}

/* Proves the fit, and makes its steps smaller until the error is what is wanted. With large steps it goes up and down with
 * their size, so that the next size may be worse: the best stays. Where it is of round-off's size, it ends. */
static Fit settle(Trials *c, Stretch *s, Drift drift, Fit now) {
    static const double least[] = {1.05, 1.1, 1.15, 1.2, 1.3, 1.4}; /* times as many steps */
    enum { ROUNDS = sizeof least / sizeof *least };
    const double order = 2 * now.r + 2, times = c->span / s->span, most = 1.5, near = 10, floor_share = 3;
    Fit best = {.error = INFINITY}; /* not good: no steps come to their end */
    for (int i = 0; i < ROUNDS && c->fault == LAG_OK; i++) {
        double left = fmax(choose_free / floor_share, seconds_left(c, now.seconds) / 2), said = now.error;
        Proof proof = take_proof(c, s, &now, left);
        now.error = expected(c, s, &now, &proof, quickened(drift, now.r));
        double rounding = round_off(c, s, times, now.steps);
        double wanted = fmax(c->ask->tol / (proof.part < 1 ? choose_safety : choose_proved), rounding);
        bool ground = now.error > best.error / 2 && now.error < near * rounding;
        if (now.error < best.error) best = now;
        if (ground || now.error <= wanted || c->steps) return best;
        double finer = proof.good ? fmin(fmax(least[i], pow(now.error / wanted, 1 / order)), most) : least[i];
        now.steps = ceil(now.steps * finer), now.seconds *= finer, now.error = said * pow(finer, -order);
    }
    return best;
}

/* ---- The choice ---- */

/* How the motion quickens is found, if `ahead`, or else known. */
static LagStatus choose(Trials *c, bool ahead, Drift *drift, LagChoice *choice) {
    Stretch s;
    if (!trial_begin(c, &s)) return c->fault != LAG_OK ? c->fault : LAG_ERROR_NEWTON;
    double times = c->span / s.span, steps = (double)s.steps * times;
    Goal goal = {.wanted = wanted_of(c, &s, steps), .factor = 1, .guess = steps / 2, .most = INFINITY};
    Fit base = fit(c, &s, c->fine_r, &goal);
    if (c->fault != LAG_OK || !base.good) return c->fault != LAG_OK ? c->fault : LAG_ERROR_NEWTON;
    if (ahead) *drift = look_ahead(c, &s, &base);
    Fit best = search(c, &s, &base, *drift);
    if (c->fault == LAG_OK && best.good) best = settle(c, &s, *drift, best);
    if (c->fault != LAG_OK || !best.good) return c->fault != LAG_OK ? c->fault : LAG_ERROR_NEWTON;
    steps = ceil(best.steps);
    double rounding = choose_seldom * round_off(c, &s, times, steps), error = fmax(best.error, rounding);
    *choice = (LagChoice){.method = c->method,
                          .r = best.r,
                          .dt = c->steps ? c->ask->dt : c->span / steps,
                          .steps = (uint64_t)steps,
                          .error = error,
                          .round_off = rounding,
                          .slack = best.slack,
                          .iterations = best.iterations,
                          .seconds = best.seconds,
                          .limit = error <= c->ask->tol                 ? LAG_CHOICE_REACHES
                                   : c->steps && rounding < c->ask->tol ? LAG_CHOICE_GIVEN
                                                                        : LAG_CHOICE_ROUND_OFF};
    return LAG_OK;
}

/* Whether two doubles a number make for less round-off: where it is that of sweeps. Wide kernels have no program for that
 * which is as short. */
static bool may_compensate(const Trials *c, const LagChoice *choice) {
    const LagKernel *kernel;
    return c->method == LAG_METHOD_GGL && choice->limit == LAG_CHOICE_ROUND_OFF &&
           lag_model_kernel(c->model, choice->r, c->backend, &kernel) == LAG_OK &&
           lag_kernel_road(kernel) == LAG_ROAD_SWEEPS && !lag_kernel_is_wide(kernel);
}

/* The choice for a state in one double a number; and for one in two, where round-off in one is above what is wanted. */
static LagStatus choose_method(Trials *c, LagChoice *choice) {
    LagChoice two;
    Drift drift;
    LagStatus status = choose(c, true, &drift, choice);
    if (status != LAG_OK || !may_compensate(c, choice)) return status;
    c->method = LAG_METHOD_COMPENSATED;
    status = choose(c, false, &drift, &two);
    if (status == LAG_OK && two.error < choice->error) *choice = two;
    return status == LAG_ERROR_NEWTON ? LAG_OK : status; /* then the first stays */
}

/* The run's length, in whole steps where the step is given. */
static bool find_span(Trials *c) {
    const LagChoiceAsk *ask = c->ask;
    const double slack = 1e-9, most = 1e15; /* of a step; steps */
    double steps = isnan(ask->until) ? (double)ask->steps : floor((ask->until - ask->t) / ask->dt + slack);
    c->span = ask->dt != 0 ? steps * ask->dt : ask->until - ask->t;
    if (ask->dt != 0 && !(steps >= 1 && steps <= most)) return false;
    c->steps = ask->dt != 0 ? (uint64_t)steps : 0;
    return isfinite(c->span) && c->span != 0;
}

/* The start, its momenta whatever was given. */
static LagStatus find_start(Trials *c) {
    const LagChoiceAsk *ask = c->ask;
    const LagKernel *kernel;
    c->q = trial_numbers(c, c->d), c->pi = trial_numbers(c, c->d), c->size = trial_numbers(c, c->d);
    LagIntegrator *it = c->fault == LAG_OK ? trial_integrator(c, c->fine_r, &kernel) : NULL;
    if (!it) return c->fault;
    LagStatus status = ask->pi ? lag_integrator_start(it, ask->t, ask->q, ask->pi)
                               : lag_integrator_start_velocity(it, ask->t, ask->q, ask->v);
    LagRows rows = {.capacity = 1, .q = c->q, .pi = c->pi};
    lag_integrator_state(it, &rows);
    lag_integrator_free(it);
    return status;
}

/* The r of references: that from which candidates are tried upwards, unless its steps have very many unknowns. */
static uint32_t fine_r(uint32_t d) {
    enum { UNKNOWNS_MOST = 600 };
    int i = CANDIDATE_FIRST;
    while (i > 0 && (candidate[i] + 1) * d > UNKNOWNS_MOST) i--;
    return candidate[i];
}

LagStatus lag_choose(const LagModel *model, LagBackend backend, const LagChoiceAsk *ask, LagChoice *choice) {
    if (!model || !ask || !choice || !ask->q || (!ask->pi && !ask->v)) return LAG_ERROR_ARGUMENT;
    if (ask->method != LAG_METHOD_GGL && ask->method != LAG_METHOD_NEWTON) return LAG_ERROR_ARGUMENT;
    if (!(ask->tol > 0 && ask->tol < 1) || ask->r > LAG_R_MAX || !isfinite(ask->dt)) return LAG_ERROR_ARGUMENT;
    Trials c = {.model = model,
                .backend = backend == LAG_BACKEND_INTERPRETER ? backend : LAG_BACKEND_AUTO,
                .ask = ask,
                .method = ask->method,
                .d = lag_model_dof(model),
                .slack = 1};
    c.fine_r = fine_r(c.d);
    if (!find_span(&c)) return LAG_ERROR_ARGUMENT;
    LagStatus status = find_start(&c);
    if (status == LAG_OK) status = choose_method(&c, choice);
    arena_free(&c.arena);
    return status;
}
