/* terms.c: lag_fit_terms, which of a family's terms a motion has.
 *
 * A set of terms that are switched on has a criterion once it is fitted: with n_j values seen in column j, n in all, s_j the
 * root mean square of what is left of them, and p values that were found from them (sizes of errors among them),
 *
 *     sum_j n_j log s_j^2 + p log n                          BIC (Schwarz 1978)
 *     the same + 2 log of the number of sets of that size    EBIC (Chen & Chen 2008)
 *     sum_j n_j log s_j^2 + 2 p + 2 p (p + 1)/(n - p - 1)    AICc (Hurvich & Tsai 1989)
 *
 * the less the better. From all terms on, one after the other is switched off, and the best set on the way taken; then each
 * that is off in it is tried in the place of others. Each set is fitted anew, from where the fit before leads to. */
#include "fit.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Errors below this part of a column count as this much: clean data are no finer than steps and their round-off. */
static const double terms_fine = 1e-9;

enum { TERMS_MOTIONS = 500 }; /* about so many are run before a fit from near by is content with what it has */

static const double terms_rise = 10; /* of the criterion, on the way to a better set */
static const double terms_sure = 10; /* standard errors from 0: the motion has this term, or one that it stands for */

/* Terms that are on, and what has been found with them: values [k], 0 of what is off; the rest of those that are on. */
typedef struct Set {
    bool *on;                                     /* [k] */
    double *value, *sigma, *correlation, *unseen; /* [k], [p], [p, p], [p, p] */
    uint32_t p, unseen_count;
    double score, loss;
    double fine; /* what is left over, as a part of what counts as that; 1 but for clean data */
} Set;

typedef struct Terms {
    const LagKernel *kernel;
    const LagFitAsk *ask;
    LagCriterion criterion;
    uint32_t k, d, m;
    bool *may;        /* [k] be off, */
    uint32_t choices; /* and how many of them may */
    double *c, *q, *rate, *guess, *found;
    double *left, *seen, *size; /* [2 d]: as LagFitOut has it; how many values, and their root mean square */
    LagUnknown *unknown;        /* [k] of those that are on */
    uint32_t *order;            /* [k] */
    Set best, next, path, low, trial;
    double *without; /* [k] */
    double *block;
    bool *flags;
    uint64_t evaluations; /* before the fit under way, */
    bool near, stopped;   /* which looks from its guess alone; the caller has said so */
    LagStatus status;     /* other than LAG_OK: it ends here */
} Terms;

/* ---- A set ---- */

static bool stop(void *user, const LagFitProgress *progress) {
    Terms *t = user;
    LagFitProgress all = {t->evaluations + progress->evaluations, progress->loss, t->best.p ? t->best.p : t->k};
    t->stopped = t->ask->stop && t->ask->stop(t->ask->user, &all);
    return t->stopped || (t->near && progress->evaluations > TERMS_MOTIONS);
}

static double *place_of(Terms *t, const LagUnknown *u) { return unknown_place(u, t->c, t->q, t->rate); }

/* The logarithm of how many sets of `some` there are among `all`. */
static double log_choices(uint32_t all, uint32_t some) {
    double sum = 0;
    for (uint32_t i = 0; i < some; i++) sum += log((double)(all - i) / (i + 1));
    return sum;
}

/* The criterion of what is left over, and how fine that is. */
static double score_of(const Terms *t, const Set *s, double *fine) {
    double n = 0, p = s->p, sum = 0;
    uint32_t on = 0;
    *fine = 1;
    for (uint32_t i = 0; i < t->k; i++) on += s->on[i] && t->may[i];
    for (uint32_t j = 0; j < 2 * t->d; j++) {
        if (t->seen[j] == 0) continue;
        double counts = fmax(fmax(t->left[j], terms_fine * t->size[j]), DBL_MIN);
        sum += 2 * t->seen[j] * log(counts);
        n += t->seen[j], p++;
        *fine = fmin(*fine, t->left[j] / counts);
    }
    if (t->criterion == LAG_CRITERION_BIC) return sum + p * log(n);
    if (t->criterion == LAG_CRITERION_EBIC) return sum + p * log(n) + 2 * log_choices(t->choices, on);
    return n > p + 1 ? sum + 2 * p + 2 * p * (p + 1) / (n - p - 1) : INFINITY;
}

static void copy_set(const Terms *t, Set *to, const Set *from) {
    const size_t k = t->k;
    memcpy(to->on, from->on, k * sizeof *to->on);
    memcpy(to->value, from->value, (2 * k + 2 * k * k) * sizeof *to->value); /* and what stands behind */
    to->p = from->p, to->unseen_count = from->unseen_count, to->score = from->score, to->loss = from->loss;
    to->fine = from->fine;
}

/* What is left over and the loss where there is nothing to look for. */
static LagStatus look(Terms *t, const LagGradientAsk *motion, LagFitOut *out) {
    const size_t count = motion->seen.rows * t->d;
    double *q = malloc(2 * count * sizeof *q);
    LagGradient *g = NULL;
    LagStatus status = q ? lag_gradient_new(t->kernel, 1, 1, &g) : LAG_ERROR_MEMORY;
    if (status == LAG_OK) status = lag_tangents(g, motion, 1, t->ask->unknown, &(LagTangents){q, q + count, NULL, NULL});
    if (status == LAG_OK) status = lag_gradient_run(g, motion, &(LagGradientOut){.loss = &out->loss});
    memset(out->left, 0, 2 * t->d * sizeof *out->left);
    for (size_t i = 0; i < 2 * count && status == LAG_OK; i++) {
        const double *from = i < count ? motion->seen.q : motion->seen.pi;
        size_t j = (i >= count) * (size_t)t->d + i % t->d;
        if (from && !isnan(from[i % count])) out->left[j] = hypot(out->left[j], (q[i] - from[i % count]) / sqrt(t->seen[j]));
    }
    lag_gradient_free(g);
    free(q);
    return status;
}

/* Fits s, which says what is on, from the values in t->guess [k]; false where there is no motion, or at the end. */
static bool fit_set(Terms *t, Set *s, bool near) {
    LagFitAsk ask = *t->ask;
    s->p = 0;
    for (uint32_t i = 0; i < t->k; i++) {
        *place_of(t, &ask.unknown[i]) = s->on[i] ? t->guess[i] : 0;
        if (s->on[i]) t->unknown[s->p++] = ask.unknown[i];
    }
    ask.unknown = t->unknown, ask.unknowns = s->p;
    ask.motion.c = t->c, ask.motion.q = t->q;
    ask.motion.pi = ask.motion.pi ? t->rate : NULL;
    ask.motion.v = ask.motion.v ? t->rate : NULL;
    ask.near = t->near = near, ask.stop = stop, ask.user = t;
    LagFitOut out = {
        .value = t->found, .sigma = s->sigma, .correlation = s->correlation, .unseen = s->unseen, .left = t->left};
    LagStatus status = s->p ? lag_fit(t->kernel, &ask, &out) : look(t, &ask.motion, &out);
    t->evaluations += out.evaluations;
    if (status == LAG_INTERRUPTED && !t->stopped) status = LAG_OK;
    if (status == LAG_ERROR_MEMORY || status == LAG_ERROR_ARGUMENT || status == LAG_INTERRUPTED) t->status = status;
    if (status != LAG_OK && !(status == LAG_INTERRUPTED && t->best.p == 0))
        return false; /* all terms are all there is yet */
    for (uint32_t i = 0, at = 0; i < t->k; i++) s->value[i] = s->on[i] ? t->found[at++] : 0;
    s->unseen_count = out.unseen_count;
    s->loss = out.loss;
    s->score = score_of(t, s, &s->fine);
    return true;
}

/* ---- Switching ---- */

static uint32_t rank_of(const Set *s, uint32_t i) {
    uint32_t rank = 0;
    for (uint32_t j = 0; j < i; j++) rank += s->on[j];
    return rank;
}

/* How many standard errors a value is from 0, errors counting no less than they do; 0 where the data do not tell. */
static double distance_of(const Set *s, uint32_t i) {
    double sigma = s->sigma[rank_of(s, i)], far = fabs(s->value[i]) / sigma * s->fine;
    return isnan(far) ? 0 : far;
}

/* A guess of the others' values when i is 0: where they are likeliest then, by their errors' correlations; or, where the
 * data do not tell i, along the direction that they do not see. */
static void guess_without(Terms *t, const Set *s, uint32_t i) {
    const uint32_t p = s->p, at = rank_of(s, i);
    const double far = s->value[i] / s->sigma[at], *along = NULL;
    for (uint32_t row = 0; row < s->unseen_count; row++) {
        const double *by = s->unseen + (size_t)row * p;
        if (by[at] != 0 && (!along || fabs(by[at]) > fabs(along[at]))) along = by;
    }
    for (uint32_t j = 0, b = 0; j < t->k; j++) {
        t->guess[j] = s->value[j];
        if (!s->on[j]) continue;
        double by = along ? along[b] * s->value[i] / along[at] : s->correlation[(size_t)b * p + at] * s->sigma[b] * far;
        if (isfinite(by)) t->guess[j] -= by;
        b++;
    }
}

static bool try_without(Terms *t, const Set *s, uint32_t i, Set *to) {
    memcpy(to->on, s->on, t->k * sizeof *to->on);
    to->on[i] = false;
    guess_without(t, s, i);
    if (fit_set(t, to, true)) return true;
    if (t->status != LAG_OK) return false;
    memcpy(t->guess, s->value, t->k * sizeof *t->guess);
    return fit_set(t, to, true);
}

static bool try_with(Terms *t, const Set *s, uint32_t i, Set *to) {
    memcpy(to->on, s->on, t->k * sizeof *to->on);
    memcpy(t->guess, s->value, t->k * sizeof *t->guess);
    to->on[i] = true;
    return fit_set(t, to, true);
}

/* Those of s that may be off, the least certain first; how many they are. */
static uint32_t order_terms(const Terms *t, const Set *s) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->k; i++) {
        if (!s->on[i] || !t->may[i]) continue;
        uint32_t at = count++;
        while (at > 0 && distance_of(s, t->order[at - 1]) > distance_of(s, i)) t->order[at] = t->order[at - 1], at--;
        t->order[at] = i;
    }
    return count;
}

/* About how much more the criterion would be without a value that is so many standard errors from 0. */
static double worth(const Terms *t, double far) {
    double n = 0;
    for (uint32_t j = 0; j < 2 * t->d; j++) n += t->seen[j];
    return n * log1p(far * far / n);
}

/* Of some that may go from t->path, the one without which the criterion is least, as t->low; false where none may. It is
 * content with the first that makes it less. */
static bool step_down(Terms *t, uint32_t kept) {
    enum { TRIED = 4 };
    uint32_t count = order_terms(t, &t->path), tried = 0;
    t->low.score = INFINITY;
    for (uint32_t n = 0; n < count && tried < TRIED && t->low.score > t->path.score; n++) {
        uint32_t i = t->order[n];
        if (i == kept || distance_of(&t->path, i) > terms_sure) continue;
        tried++;
        if (try_without(t, &t->path, i, &t->trial) && t->trial.score < t->low.score) copy_set(t, &t->low, &t->trial);
        if (t->status != LAG_OK) return false;
    }
    return isfinite(t->low.score);
}

/* Switches off one term after the other, but for `kept`; s becomes the best of all sets on the way. The criterion may rise
 * for a while: two may have to go together. */
static void switch_off(Terms *t, Set *s, uint32_t kept) {
    copy_set(t, &t->path, s);
    while (step_down(t, kept) && t->low.score < s->score + terms_rise) {
        copy_set(t, &t->path, &t->low);
        if (t->low.score <= s->score) copy_set(t, s, &t->low);
    }
}

/* Tries each that is off in the place of others; whether that was better. */
static bool exchange(Terms *t) {
    for (uint32_t i = 0; i < t->k && t->status == LAG_OK; i++) {
        if (t->best.on[i]) continue;
        t->without[i] = INFINITY;
        if (!try_with(t, &t->best, i, &t->next)) continue;
        t->without[i] = t->next.score - t->best.score;
        switch_off(t, &t->next, i);
        if (t->status != LAG_OK || !(t->next.score < t->best.score)) continue;
        copy_set(t, &t->best, &t->next);
        return true;
    }
    return false;
}

/* What each term that is on is worth; whether one is worth nothing, and goes. */
static bool price(Terms *t) {
    for (uint32_t i = 0; i < t->k && t->status == LAG_OK; i++) {
        if (!t->best.on[i] || !t->may[i]) continue;
        double far = distance_of(&t->best, i);
        bool tried = far < terms_sure, fitted = tried && try_without(t, &t->best, i, &t->trial);
        t->without[i] = fitted ? t->trial.score - t->best.score : tried ? INFINITY : worth(t, far);
        if (!fitted || t->trial.score > t->best.score) continue;
        copy_set(t, &t->best, &t->trial);
        return true;
    }
    return false;
}

static void choose(Terms *t) {
    enum { ROUNDS = 20 };
    switch_off(t, &t->best, UINT32_MAX);
    for (int n = 0; n < ROUNDS && t->status == LAG_OK && (exchange(t) || price(t)); n++) switch_off(t, &t->best, UINT32_MAX);
}

/* ---- The face ---- */

/* A term may be off where 0 is allowed. */
static bool may_be_off(const LagFitAsk *ask, const LagUnknown *u) {
    const LagLoss *loss = ask->motion.loss;
    for (uint32_t j = 0; j < loss->bounds; j++) {
        const LagBound *b = &loss->bound[j];
        if (b->parameter != u->index || u->kind != LAG_UNKNOWN_PARAMETER) continue;
        if (b->kind == LAG_BOUND_AT_LEAST ? b->value > 0 : b->kind == LAG_BOUND_ABOVE ? b->value >= 0 : false) return false;
        if (b->kind == LAG_BOUND_AT_MOST ? b->value < 0 : b->kind == LAG_BOUND_BELOW ? b->value <= 0 : false) return false;
    }
    return u->kind == LAG_UNKNOWN_PARAMETER;
}

static void measure(Terms *t) {
    const LagSeen *seen = &t->ask->motion.seen;
    for (size_t i = 0; i < seen->rows * t->d; i++)
        for (uint32_t half = 0; half < 2; half++) {
            const double *from = half ? seen->pi : seen->q;
            size_t j = i % t->d + half * t->d;
            if (!from || isnan(from[i])) continue;
            t->seen[j]++;
            t->size[j] = hypot(t->size[j], from[i]);
        }
    for (uint32_t j = 0; j < 2 * t->d; j++)
        if (t->seen[j] > 0) t->size[j] /= sqrt(t->seen[j]);
}

static bool room_for(Terms *t) {
    enum { SETS = 5 };
    const size_t k = t->k, d = t->d, square = k * k, set = 2 * k + 2 * square;
    double *at = t->block = calloc(t->m + 8 * d + 3 * k + SETS * set + 1, sizeof *at);
    Set *const sets[SETS] = {&t->best, &t->next, &t->path, &t->low, &t->trial};
    t->flags = calloc((SETS + 1) * k, sizeof *t->flags);
    t->unknown = calloc(k, sizeof *t->unknown);
    t->order = calloc(k, sizeof *t->order);
    if (!at || !t->flags || !t->unknown || !t->order) return false;
    t->c = at, at += t->m;
    t->q = at, at += d;
    t->rate = at, at += d;
    t->left = at, at += 2 * d;
    t->seen = at, at += 2 * d;
    t->size = at, at += 2 * d;
    t->guess = at, at += k;
    t->found = at, at += k;
    t->without = at, at += k;
    t->may = t->flags;
    for (int i = 0; i < SETS; i++) {
        sets[i]->on = t->flags + (i + 1) * k;
        sets[i]->value = at, sets[i]->sigma = at + k, sets[i]->correlation = at + 2 * k;
        sets[i]->unseen = sets[i]->correlation + square, at += set;
    }
    return true;
}

/* What is known of the best set, in the places of all k. */
static void tell(const Terms *t, LagFitOut *out, LagTermsOut *terms) {
    const Set *s = &t->best;
    const size_t k = t->k, p = s->p;
    for (size_t i = 0, a = 0; i < k; i++) {
        out->value[i] = s->value[i];
        if (out->sigma) out->sigma[i] = s->on[i] ? s->sigma[a] : NAN;
        if (terms->on) terms->on[i] = s->on[i];
        if (terms->without) terms->without[i] = t->may[i] ? t->without[i] : NAN;
        for (size_t j = 0, b = 0; j < k; j++) {
            bool both = s->on[i] && s->on[j];
            if (out->correlation) out->correlation[i * k + j] = both ? s->correlation[a * p + b] : NAN;
            b += s->on[j];
        }
        for (size_t row = 0; out->unseen && row < s->unseen_count; row++)
            out->unseen[row * k + i] = s->on[i] ? s->unseen[row * p + a] : 0;
        a += s->on[i];
    }
    for (uint32_t j = 0; out->left && j < 2 * t->d; j++) out->left[j] = t->left[j];
    out->unseen_count = s->unseen_count;
    out->loss = s->loss;
    out->evaluations = t->evaluations;
    terms->criterion = s->score;
}

static void run(Terms *t, LagFitOut *out, LagTermsOut *terms) {
    const LagFitAsk *ask = t->ask;
    if (t->m) memcpy(t->c, ask->motion.c, t->m * sizeof *t->c);
    memcpy(t->q, ask->motion.q, t->d * sizeof *t->q);
    memcpy(t->rate, ask->motion.pi ? ask->motion.pi : ask->motion.v, t->d * sizeof *t->rate);
    for (uint32_t i = 0; i < t->k; i++) {
        t->guess[i] = *place_of(t, &ask->unknown[i]);
        t->may[i] = may_be_off(ask, &ask->unknown[i]);
        t->choices += t->may[i];
        t->next.on[i] = true;
    }
    measure(t);
    if (!fit_set(t, &t->next, false)) {
        if (t->status == LAG_OK) t->status = LAG_ERROR_NEWTON;
        return;
    }
    terms->criterion_all = t->next.score;
    copy_set(t, &t->best, &t->next);
    if (t->status == LAG_OK) choose(t);
    if (t->status == LAG_OK) { /* what is left over belongs to the best */
        memcpy(t->guess, t->best.value, t->k * sizeof *t->guess);
        fit_set(t, &t->best, true);
    }
    if (t->status == LAG_OK || t->status == LAG_INTERRUPTED) tell(t, out, terms);
}

LagStatus lag_fit_terms(const LagKernel *kernel, const LagFitAsk *ask, LagCriterion criterion, LagFitOut *out,
                        LagTermsOut *terms) {
    if (!fit_can(kernel, ask, out) || !ask->weigh || !terms || (unsigned)criterion >= LAG_CRITERIA)
        return LAG_ERROR_ARGUMENT;
    Terms t = {.kernel = kernel,
               .ask = ask,
               .criterion = criterion,
               .k = ask->unknowns,
               .d = kernel->dof,
               .m = kernel->parameter_count,
               .status = LAG_OK};
    if (room_for(&t))
        run(&t, out, terms);
    else
        t.status = LAG_ERROR_MEMORY;
    free(t.block);
    free(t.flags);
    free(t.unknown);
    free(t.order);
    return t.status;
}

static const char *const criterion_name[LAG_CRITERIA] = {"bic", "ebic", "aicc"};

const char *lag_criterion_name(LagCriterion criterion) {
    return (unsigned)criterion < LAG_CRITERIA ? criterion_name[criterion] : "";
}

LagCriterion lag_criterion_named(const char *name) {
    int i = 0;
    while (i < LAG_CRITERIA && strcmp(name, criterion_name[i]) != 0) i++;
    return (LagCriterion)i;
}
