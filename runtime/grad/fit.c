/* fit.c: lag_fit, by Levenberg's and Marquardt's method on exact tangents.
 *
 * What is minimised is a sum of squares, or the loss itself; a loss that is none has, at each point, a sum of squares with
 * the same derivatives: residual e counts for `square` e^2/2. A step solves (H + lambda diag H) x = -g with H = J' W J and
 * g = J' W e, and is taken if what is minimised gets less. */
#include "fit.h"

#include "../solve/chance.h"
#include "../solve/linear.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Points ---- */

static double *place_of(const Fit *f, uint32_t i) { return unknown_place(&f->ask->unknown[i], f->c, f->q, f->rate); }

void fit_put(const Fit *f, const double *x) {
    for (uint32_t i = 0; i < f->k; i++) *place_of(f, i) = x[i];
}

void fit_get(const Fit *f, double *x) {
    for (uint32_t i = 0; i < f->k; i++) x[i] = *place_of(f, i);
}

/* On the way to a value that is not allowed: a tenth of the distance is left, as long as that is one. */
static double nearer(double bound, double from) {
    double to = bound + (from - bound) / 10;
    return fabs(to - bound) > 1e-100 ? to : from;
}

/* Into the bounds; from `from`, where a value that is not allowed is come nearer to, and no more. */
void fit_keep_within(const Fit *f, double *x, const double *from) {
    for (uint32_t i = 0; i < f->k; i++) {
        bool low = f->strict[i], high = f->strict[f->k + i];
        if (low ? x[i] <= f->low[i] : x[i] < f->low[i]) x[i] = low ? nearer(f->low[i], from[i]) : f->low[i];
        if (high ? x[i] >= f->high[i] : x[i] > f->high[i]) x[i] = high ? nearer(f->high[i], from[i]) : f->high[i];
    }
}

/* ---- Evaluating ---- */

bool fit_evaluate(Fit *f, const double *x) {
    const size_t half = f->rows * f->d;
    const LagSeen *seen = &f->ask->motion.seen;
    LagGradientAsk motion = f->ask->motion;
    fit_put(f, x);
    motion.c = f->c, motion.q = f->q;
    motion.pi = motion.pi ? f->rate : NULL;
    motion.v = motion.v ? f->rate : NULL;
    f->evaluations++;
    LagTangents out = {f->e, f->e + half, f->J, f->J + half * f->k};
    LagStatus status = lag_tangents(f->gradient, &motion, f->k, f->ask->unknown, &out);
    f->lacking |= status == LAG_ERROR_MEMORY;
    bool finite = status == LAG_OK && linear_finite(f->e, f->count) && linear_finite(f->J, f->count * f->k);
    for (size_t i = 0; i < f->count && finite; i++) {
        const double *from = i < half ? seen->q : seen->pi;
        double value = from ? from[i < half ? i : i - half] : NAN;
        f->e[i] = isnan(value) ? 0 : f->e[i] - value;
        if (isnan(value)) memset(f->J + i * f->k, 0, f->k * sizeof *f->J);
    }
    return finite;
}

size_t fit_column(const Fit *f, size_t i) { return (i >= f->rows * f->d) * (size_t)f->d + i % f->d; }

bool fit_is_seen(const Fit *f, size_t i) {
    const size_t half = f->rows * f->d;
    const double *from = i < half ? f->ask->motion.seen.q : f->ask->motion.seen.pi;
    return from && !isnan(from[i < half ? i : i - half]);
}

/* The sum of e^2 / sigma^2 / 2 with sigmas as they are. */
static double cost_weighed(Fit *f) {
    double sum = 0;
    for (size_t i = 0; i < f->count; i++) {
        double w = f->ask->motion.loss->weight ? f->ask->motion.loss->weight[fit_column(f, i)] : 1,
               s = f->sigma[fit_column(f, i)];
        f->square[i] = fit_is_seen(f, i) ? w / (s * s) : 0;
        sum += f->square[i] * f->e[i] * f->e[i] / 2;
    }
    return sum;
}

/* The loss of a group, and what its residuals count for. */
static double cost_group(Fit *f, size_t from, size_t end, double factor, const double *weight) {
    const LagLoss *loss = f->ask->motion.loss;
    const double p = loss->kind == LAG_LOSS_LP ? loss->p : 2;
    double sum = 0, most = 0, norm;
    size_t count = 0;
    for (size_t i = from; i < end; i++) most = fmax(most, fabs(f->e[i]));
    for (size_t i = from; i < end; i++) {
        double part = most > 0 ? fabs(f->e[i]) / most : 0;
        count += fit_is_seen(f, i);
        sum += (weight ? weight[i % f->d] : 1) * pow(part, p);
    }
    norm = most * pow(sum, 1 / p);
    sum = 0;
    for (size_t i = from; i < end; i++) {
        double w = weight ? weight[i % f->d] : 1, size = fabs(f->e[i]);
        f->square[i] = fit_is_seen(f, i) ? factor * loss_square(loss, f->e[i], w, count, norm) : 0;
        if (loss->kind == LAG_LOSS_MSE) sum += w * size * size;
        if (loss->kind == LAG_LOSS_MAE) sum += w * size;
        if (loss->kind == LAG_LOSS_HUBER)
            sum += w * (size <= loss->delta ? size * size / 2 : loss->delta * (size - loss->delta / 2));
    }
    if (count == 0) return 0;
    return factor * (loss->kind == LAG_LOSS_L2 || loss->kind == LAG_LOSS_LP ? norm : sum / (double)count);
}

double fit_cost(Fit *f, const double *x) {
    const LagLoss *loss = f->ask->motion.loss;
    const size_t half = f->rows * f->d;
    (void)x;
    if (f->ask->weigh) return cost_weighed(f);
    return cost_group(f, 0, half, loss->alpha, loss->weight) +
           cost_group(f, half, f->count, loss->beta, loss->weight ? loss->weight + f->d : NULL);
}

void fit_normal(Fit *f) {
    const uint32_t k = f->k;
    memset(f->H, 0, (size_t)k * k * sizeof *f->H);
    memset(f->g, 0, k * sizeof *f->g);
    for (size_t i = 0; i < f->count; i++) {
        const double *J = f->J + i * k, w = f->square[i];
        for (uint32_t a = 0; a < k && w != 0; a++) {
            f->g[a] += w * J[a] * f->e[i];
            for (uint32_t b = 0; b <= a; b++) f->H[a * k + b] += w * J[a] * J[b];
        }
    }
    for (uint32_t a = 0; a < k; a++)
        for (uint32_t b = a + 1; b < k; b++) f->H[a * k + b] = f->H[b * k + a];
}

/* How many values each column has, and how large they are; sigmas to begin with. */
static void measure(Fit *f) {
    const size_t half = f->rows * f->d;
    for (size_t i = 0; i < f->count; i++) {
        if (!fit_is_seen(f, i)) continue;
        double value = i < half ? f->ask->motion.seen.q[i] : f->ask->motion.seen.pi[i - half];
        size_t column = fit_column(f, i);
        f->seen[column]++;
        f->size[column] = hypot(f->size[column], value);
    }
    for (size_t j = 0; j < 2 * (size_t)f->d; j++) {
        if (f->seen[j]) f->size[j] /= sqrt((double)f->seen[j]);
        f->sigma[j] = f->size[j] > 0 && isfinite(f->size[j]) ? f->size[j] : 1;
    }
}

/* ---- Beginnings ---- */

/* How far a point is from the data, for comparing points: in the columns' own sizes. */
static double distance(Fit *f, const double *x) {
    double sum = 0;
    if (!fit_evaluate(f, x)) return INFINITY;
    for (size_t i = 0; i < f->count; i++) {
        double size = f->size[fit_column(f, i)], part = f->e[i] / (size > 0 ? size : 1);
        sum += part * part;
    }
    if (sum < f->least) f->least = sum;
    return sum;
}

/* A number from 0 to 1, the next of a sequence. */
static double draw(uint64_t *state) { return (double)(chance_bits(state) >> 11) * 0x1p-53; }

/* A point about the guess: values up to ten times as large or as small, those of starts moved by a tenth of what is seen. */
static void scatter(const Fit *f, const double *guess, uint64_t *state, double *x) {
    for (uint32_t i = 0; i < f->k; i++) {
        const LagUnknown *u = &f->ask->unknown[i];
        double part = 2 * draw(state) - 1;
        size_t column = u->index + (u->kind == LAG_UNKNOWN_RATE ? f->d : 0);
        bool parameter = u->kind == LAG_UNKNOWN_PARAMETER;
        x[i] = parameter ? (guess[i] == 0 ? 1 : guess[i]) * pow(10, part) : guess[i] + part * f->size[column] / 10;
    }
    fit_keep_within(f, x, guess);
}

/* A guess for what has none, and into the bounds. */
static void complete(const Fit *f, double *x) {
    for (uint32_t i = 0; i < f->k; i++) {
        if (isnan(x[i])) x[i] = 1;
        if (f->strict[i] && x[i] <= f->low[i]) x[i] = f->low[i] + fmax(1e-3, fabs(f->low[i]) * 1e-3);
        if (f->strict[f->k + i] && x[i] >= f->high[i]) x[i] = f->high[i] - fmax(1e-3, fabs(f->high[i]) * 1e-3);
        x[i] = fmin(fmax(x[i], f->low[i]), f->high[i]);
    }
}

/* The best minimum from a beginning, so far in `best`; its cost, compared by distance. */
static void try_from(Fit *f, double *x, double *best, double *least, LagStatus *status) {
    for (size_t j = 0; j < 2 * (size_t)f->d; j++) f->sigma[j] = f->size[j] > 0 && isfinite(f->size[j]) ? f->size[j] : 1;
    if (!isfinite(fit_settle(f, x, status))) return;
    double far = f->ask->weigh ? distance(f, x) : fit_cost(f, x);
    if (!(far < *least)) return;
    *least = far;
    memcpy(best, x, f->k * sizeof *x);
}

static const double near_clear = 0.3; /* of a column's size: a curve that leaves more than this says little */

/* Whether a point is as near to the data as a curve through them is. */
static bool is_near(Fit *f, const double *x) {
    if (!f->smoothed || !fit_evaluate(f, x)) return false;
    for (uint32_t k = 0; k < f->d; k++) {
        double sum = 0;
        if (!(f->smooth.noise[k] < near_clear * f->size[k])) return false;
        for (size_t i = 0; i < f->rows; i++) sum += f->e[i * f->d + k] * f->e[i * f->d + k];
        if (!(sqrt(sum / (double)(f->seen[k] + 1)) < 1.3 * f->smooth.noise[k] + 1e-12 * f->size[k])) return false;
    }
    return true;
}

/* From all beginnings; false if there is no motion from any. */
static bool search(Fit *f, double *best, double *scratch, LagStatus *status) {
    enum { DRAWN = 40, TRIED = 6 };
    const uint32_t k = f->k;
    double least = INFINITY, *guess = scratch, *x = scratch + k, *near = scratch + 2 * k, nearest;
    uint64_t state = 1;
    fit_get(f, guess);
    memcpy(x, guess, k * sizeof *x);
    bool linear = f->smoothed && begin_linear(f, x);
    if (linear) fit_keep_within(f, x, guess), complete(f, x);
    complete(f, guess);
    if (linear) memcpy(near, x, k * sizeof *x), try_from(f, x, best, &least, status);
    bool found = isfinite(least) && is_near(f, best);
    if (f->smoothed && *status == LAG_OK && !found) {
        memcpy(x, linear ? near : guess, k * sizeof *x);
        if (segments_lead(f, guess, x, status)) try_from(f, x, best, &least, status);
        found = isfinite(least) && is_near(f, best);
    }
    memcpy(x, guess, k * sizeof *x);
    if (*status == LAG_OK && !found) try_from(f, x, best, &least, status);
    for (int tried = 0;
         tried < TRIED && !found && !linear && !f->ask->near && *status == LAG_OK && f->evaluations < FIT_MOTIONS; tried++) {
        nearest = INFINITY;
        for (int i = 0; i < DRAWN && !fit_stopped(f); i++) {
            scatter(f, guess, &state, x);
            double far = distance(f, x);
            if (far < nearest) nearest = far, memcpy(near, x, k * sizeof *x);
        }
        if (isfinite(nearest)) try_from(f, near, best, &least, status);
    }
    return isfinite(least);
}

/* ---- The face ---- */

static void take_bounds(Fit *f) {
    const LagLoss *loss = f->ask->motion.loss;
    for (uint32_t i = 0; i < f->k; i++) {
        const LagUnknown *u = &f->ask->unknown[i];
        f->low[i] = -INFINITY, f->high[i] = INFINITY;
        for (uint32_t j = 0; u->kind == LAG_UNKNOWN_PARAMETER && j < loss->bounds; j++) {
            const LagBound *b = &loss->bound[j];
            bool upper = b->kind == LAG_BOUND_AT_MOST || b->kind == LAG_BOUND_BELOW;
            if (b->parameter != u->index) continue;
            (upper ? f->high : f->low)[i] = b->value;
            f->strict[i + (upper ? f->k : 0)] = b->kind == LAG_BOUND_ABOVE || b->kind == LAG_BOUND_BELOW;
        }
    }
}

static bool room_for(Fit *f) {
    const size_t d = f->d, m = f->m, k = f->k, n = f->count;
    size_t size = 2 * m + 2 * d + 2 * k + n * (k + 2) + 4 * d + 2 * k * k + 8 * k;
    double *at = f->block = calloc(size + 1, sizeof *at);
    f->seen = calloc(2 * d, sizeof *f->seen);
    f->strict = calloc(2 * k, sizeof *f->strict);
    f->pivot = calloc(k, sizeof *f->pivot);
    if (!at || !f->seen || !f->strict || !f->pivot) return false;
    f->c = at, at += m;
    f->slope = at, at += m;
    f->q = at, at += d;
    f->rate = at, at += d;
    f->low = at, at += k;
    f->high = at, at += k;
    f->e = at, at += n;
    f->square = at, at += n;
    f->J = at, at += n * k;
    f->sigma = at, at += 2 * d;
    f->size = at, at += 2 * d;
    f->H = at, at += k * k;
    f->factors = at, at += k * k;
    f->g = at, at += k;
    f->scale = at, at += k;
    f->trial = at, at += k;
    f->step = at; /* and [4 k] behind it, for the search */
    return true;
}

static void fit_free(Fit *f) {
    lag_gradient_free(f->gradient);
    smooth_free(&f->smooth);
    free(f->block);
    free(f->seen);
    free(f->strict);
    free(f->pivot);
}

/* The loss at the values that were found, as a gradient would tell it. */
static double loss_of(Fit *f) {
    LagGradientAsk motion = f->ask->motion;
    double loss = NAN;
    motion.c = f->c, motion.q = f->q;
    motion.pi = motion.pi ? f->rate : NULL;
    motion.v = motion.v ? f->rate : NULL;
    f->lacking |= lag_gradient_run(f->gradient, &motion, &(LagGradientOut){.loss = &loss}) == LAG_ERROR_MEMORY;
    return loss;
}

/* What is left over in each column. */
static void tell_left(const Fit *f, const LagFitOut *out) {
    for (size_t j = 0; out->left && j < 2 * (size_t)f->d; j++) {
        double sum = 0;
        for (size_t i = 0; i < f->count; i++)
            if (fit_column(f, i) == j) sum = hypot(sum, f->e[i]);
        out->left[j] = f->seen[j] ? sum / sqrt((double)f->seen[j]) : NAN;
    }
}

bool fit_can(const LagKernel *kernel, const LagFitAsk *ask, const LagFitOut *out) {
    if (!kernel || !ask || !out || !out->value || ask->unknowns == 0 || !ask->unknown) return false;
    const LagGradientAsk *motion = &ask->motion;
    if (!motion->loss || !motion->q || !(motion->pi ? !motion->v : motion->v != NULL)) return false;
    if (kernel->parameter_count && !motion->c) return false;
    return unknown_are(ask->unknown, ask->unknowns, kernel) && motion->seen.rows > 0 &&
           loss_fits(motion->loss, kernel->dof, kernel->parameter_count);
}

LagStatus lag_fit(const LagKernel *kernel, const LagFitAsk *ask, LagFitOut *out) {
    if (!fit_can(kernel, ask, out)) return LAG_ERROR_ARGUMENT;
    const LagGradientAsk *motion = &ask->motion;
    Fit f = {
        .kernel = kernel, .ask = ask, .d = kernel->dof, .m = kernel->parameter_count, .k = ask->unknowns, .least = INFINITY};
    f.rows = motion->seen.rows;
    f.count = 2 * f.rows * f.d;
    LagStatus status = lag_gradient_new(kernel, 1, 1, &f.gradient), ended = LAG_OK;
    double *best = calloc(4 * (size_t)f.k, sizeof *best);
    if (status == LAG_OK && (!best || !room_for(&f))) status = LAG_ERROR_MEMORY;
    if (status == LAG_OK) {
        if (f.m) memcpy(f.c, motion->c, f.m * sizeof *f.c);
        memcpy(f.q, motion->q, f.d * sizeof *f.q);
        memcpy(f.rate, motion->pi ? motion->pi : motion->v, f.d * sizeof *f.rate);
        take_bounds(&f);
        measure(&f);
        f.smoothed = !ask->near && smooth_find(&f.smooth, &motion->seen, f.d, &f.lacking);
        if (!search(&f, best, best + f.k, &ended)) status = ended == LAG_OK ? LAG_ERROR_NEWTON : ended;
    }
    if (status == LAG_OK) {
        for (size_t j = 0; j < 2 * (size_t)f.d; j++) f.sigma[j] = f.size[j] > 0 && isfinite(f.size[j]) ? f.size[j] : 1;
        fit_evaluate(&f, best);
        if (ask->weigh) fit_weigh(&f);
        fit_cost(&f, best);
        memcpy(out->value, best, f.k * sizeof *best);
        out->loss = loss_of(&f);
        out->evaluations = f.evaluations;
        tell_left(&f, out);
        if (!errors_tell(&f, out)) status = LAG_ERROR_MEMORY;
    }
    if (f.lacking) status = LAG_ERROR_MEMORY;
    fit_free(&f);
    free(best);
    return status == LAG_OK ? ended : status;
}
