/* descend.c: from a point down to the nearest minimum, by Levenberg's and Marquardt's method.
 *
 * A step solves (H + lambda diag H) x = -g with H = J' W J and g = J' W e, scaled to a diagonal of 1, and is taken if what
 * is minimised gets less. */
#include "fit.h"

#include "../solve/linear.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- Steps ---- */

bool fit_stopped(const Fit *f) {
    LagFitProgress progress = {f->evaluations, f->least, f->k};
    if (f->lacking) return true;
    return f->ask->stop && f->ask->stop(f->ask->user, &progress);
}

/* A value that is at a bound and would go on beyond it stays there. */
static bool is_held(const Fit *f, const double *x, uint32_t i) {
    return (x[i] <= f->low[i] && f->g[i] > 0) || (x[i] >= f->high[i] && f->g[i] < 0);
}

/* The step for a lambda; false where there is none. */
static bool solve(Fit *f, const double *x, double lambda) {
    const uint32_t k = f->k;
    for (uint32_t a = 0; a < k; a++) {
        f->scale[a] = f->H[a * k + a] > 0 ? 1 / sqrt(f->H[a * k + a]) : 1;
        f->step[a] = is_held(f, x, a) ? 0 : -f->g[a] * f->scale[a];
    }
    for (uint32_t a = 0; a < k; a++)
        for (uint32_t b = 0; b < k; b++) {
            bool held = is_held(f, x, a) || is_held(f, x, b);
            double own = held || !(f->H[a * k + a] > 0) ? 1 : 1 + lambda;
            f->factors[a * k + b] = a == b ? own : held ? 0 : f->H[a * k + b] * f->scale[a] * f->scale[b];
        }
    double *scratch = f->trial; /* it is written next */
    memcpy(scratch, f->scale, k * sizeof *scratch);
    if (linear_factor(f->factors, k, f->pivot, scratch) != LAG_OK) return false;
    linear_solve(f->factors, k, f->pivot, f->step);
    for (uint32_t a = 0; a < k; a++) f->step[a] *= f->scale[a];
    return linear_finite(f->step, k);
}

/* Whether a step leaves every value as it is, to round-off. */
static bool is_nothing(const Fit *f, const double *x) {
    for (uint32_t i = 0; i < f->k; i++)
        if (fabs(f->trial[i] - x[i]) > 4 * DBL_EPSILON * fabs(x[i]) + DBL_MIN) return false;
    return true;
}

/* From x on to the nearest minimum, x becoming it; what is minimised there, infinite where there is no motion at x. */
static double descend(Fit *f, double *x, LagStatus *status) {
    enum { MOST = 300, TRIALS = 40 };
    double lambda = 1e-3, cost = fit_evaluate(f, x) ? fit_cost(f, x) : INFINITY;
    bool ended = !isfinite(cost);
    for (int round = 0; round < MOST && !ended && f->evaluations < FIT_MOTIONS; round++) {
        bool better = false;
        fit_normal(f);
        for (int trial = 0; trial < TRIALS && !better && !ended; trial++) {
            if (fit_stopped(f)) {
                *status = LAG_INTERRUPTED;
                ended = true;
                break;
            }
            if (!solve(f, x, lambda)) {
                lambda = lambda * 10 + 1e-12;
                continue;
            }
            for (uint32_t i = 0; i < f->k; i++) f->trial[i] = x[i] + f->step[i];
            fit_keep_within(f, f->trial, x);
            ended = is_nothing(f, x);
            double next = !ended && fit_evaluate(f, f->trial) ? fit_cost(f, f->trial) : INFINITY;
            better = next < cost;
            if (!better) {
                lambda *= 8;
                continue;
            }
            ended = next > cost * (1 - 1e-15) && lambda < 1e-6;
            memcpy(x, f->trial, f->k * sizeof *x);
            cost = next;
            lambda = fmax(lambda / 10, 1e-15);
        }
        ended |= !better;
    }
    if (isfinite(cost) && fit_evaluate(f, x)) cost = fit_cost(f, x); /* what is told belongs to x */
    return cost;
}

/* ---- Sizes of errors ---- */

/* Sigmas from what is left: of each column, but no less than a hundredth of what is usual among them, so that no column with
 * few values makes itself certain. Gives back by how much they have changed. */
double fit_weigh(Fit *f) {
    double usual = 0, values = 0, change = 0, sum[2];
    for (size_t j = 0; j < 2 * (size_t)f->d; j++) values += (double)f->seen[j];
    double free = values > f->k ? 1 - f->k / values : 1;
    for (int round = 0; round < 2; round++)
        for (size_t j = 0; j < 2 * (size_t)f->d; j++) {
            size_t from = j < f->d ? j : f->rows * f->d + j - f->d;
            double size = f->size[j] > 0 && isfinite(f->size[j]) ? f->size[j] : 1;
            if (!f->seen[j]) continue;
            sum[0] = 0;
            for (size_t i = 0; i < f->rows; i++) sum[0] = hypot(sum[0], f->e[from + i * f->d]);
            sum[0] /= sqrt((double)f->seen[j] * free) * size;
            if (round == 0) usual += sum[0] * sum[0] * (double)f->seen[j] / values;
            if (round == 0) continue;
            double s = fmax(sum[0], fmax(sqrt(usual) / 100, 1e-13)) * size;
            change = fmax(change, fabs(log(s / f->sigma[j])));
            f->sigma[j] = s;
        }
    return change;
}

/* From x to the minimum, sigmas found on the way. */
double fit_settle(Fit *f, double *x, LagStatus *status) {
    double cost = descend(f, x, status);
    for (int round = 0; round < 8 && f->ask->weigh && isfinite(cost) && *status == LAG_OK; round++) {
        if (fit_weigh(f) < 1e-3) break;
        cost = descend(f, x, status);
    }
    return cost;
}
