/* motions.c: see motions.h. */
#include "motions.h"

#include "../grad/loss.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

LagStatus motions_init(Motions *m, const LagKernel *kernel, size_t systems, double start, double h, uint32_t steps,
                       uint32_t threads) {
    const size_t d = kernel->dof, k = kernel->parameter_count, rows = (size_t)steps + 1;
    *m = (Motions){.kernel = kernel, .systems = systems, .rows = rows, .start = start, .h = h};
    double *at = m->t = calloc(rows + systems * (3 * k + 2 * d + 3 * rows * d + 2) + 2 * rows * d, sizeof *at);
    m->status = calloc(systems, sizeof *m->status);
    if (!at || !m->status) return LAG_ERROR_MEMORY;
    m->c = at += rows;
    m->q0 = at += systems * k;
    m->rate0 = at += systems * d;
    m->q = at += systems * d;
    m->pi = at += systems * rows * d;
    m->nothing = at += systems * rows * d;
    m->error = at += systems * rows * d;
    m->size = at += systems;
    m->error_slope = at += systems;
    m->size_slope = at += systems * k;
    m->seed = at + systems * k;
    for (size_t i = 0; i < rows; i++) m->t[i] = start + (double)i * h;
    return lag_gradient_new(kernel, systems, threads, &m->gradient);
}

void motions_free(Motions *m) {
    lag_gradient_free(m->gradient);
    free(m->t);
    free(m->status);
    *m = (Motions){0};
}

/* Whether a status is but one system's own trouble. */
static bool is_own(LagStatus status) {
    return status == LAG_ERROR_NEWTON || status == LAG_ERROR_SINGULAR || status == LAG_ERROR_NOT_FINITE ||
           status == LAG_ERROR_SWEEPS;
}

/* Systems from their starts; `ask` has their parameters, and what they are compared with if they are. */
static LagStatus run(const Motions *m, bool velocities, LagGradientAsk ask, const LagGradientOut *out) {
    ask.t = m->start, ask.h = m->h, ask.steps = m->rows - 1;
    ask.q = m->q0, ask.pi = velocities ? NULL : m->rate0, ask.v = velocities ? m->rate0 : NULL;
    ask.seen.rows = m->rows, ask.seen.t = m->t;
    LagStatus status = lag_gradient_run(m->gradient, &ask, out);
    return is_own(status) ? LAG_OK : status;
}

LagStatus motions_run(Motions *m, bool velocities) {
    return run(m, velocities, (LagGradientAsk){.c = m->c},
               &(LagGradientOut){.status = m->status, .motion_q = m->q, .motion_pi = m->pi});
}

LagStatus motions_draw(Motions *m, const LagPrior *prior, uint64_t seed, uint64_t first) {
    LagStatus status = lag_prior_draw(m->kernel, prior, seed, first, m->systems, m->c, m->q0, m->rate0);
    return status == LAG_OK ? motions_run(m, prior->v != NULL) : status;
}

/* Systems of parameters c, begun with momenta, against rows q and pi. */
static LagStatus compare(const Motions *by, const double *c, const double *q, const double *pi, const LagLoss *loss,
                         const LagGradientOut *out) {
    return run(by, false, (LagGradientAsk){.c = c, .seen = {.q = q, .pi = pi}, .loss = loss}, out);
}

/* ---- By sizes ---- */

/* What a system's rows come to if nothing moved. */
static double still_loss(const Motions *by, const Motions *seen, size_t s, const LagLoss *loss) {
    const size_t row = seen->rows * seen->kernel->dof;
    const LossRows none = {.rows = seen->rows,
                           .d = seen->kernel->dof,
                           .systems = 1,
                           .seen_q = {seen->q + s * row},
                           .seen_pi = {seen->pi + s * row},
                           .q = by->nothing,
                           .pi = by->nothing,
                           .seed_q = by->seed,
                           .seed_pi = by->seed + row};
    double size;
    loss_rows(loss, &none, &size);
    return size;
}

/* Adds one of the two to a system's loss, and to its derivatives [m] if they are wanted. */
static void add_part(const Motions *by, size_t s, double still, double weight, double *value, double *slope) {
    const double tiny = 1e-12, e = by->error[s], p = by->size[s], least = tiny * still;
    const size_t m = by->kernel->parameter_count;
    const double moved = p > least ? p : least, other = still > tiny * p ? still : tiny * p, root = sqrt(moved * other);
    if (e == 0 && !(root > 0)) return; /* neither moves */
    const double ratio = e / root, factor = weight / (1 + ratio);
    *value += weight * log1p(ratio);
    for (size_t j = 0; slope && j < m; j++) {
        double grows = p > least ? ratio / (2 * p) * by->size_slope[s * m + j] : 0;
        slope[j] += factor * (by->error_slope[s * m + j] / root - grows);
    }
}

static LagStatus relate(const Motions *by, const double *c, const Motions *seen, const LagLoss *loss,
                        const LagGradientOut *out) {
    const size_t m = by->kernel->parameter_count;
    LagGradientOut error = {.loss = by->error, .motion_q = out->motion_q, .motion_pi = out->motion_pi},
                   size = {.loss = by->size};
    if (out->c) error.c = by->error_slope, size.c = by->size_slope;
    memset(out->loss, 0, by->systems * sizeof *out->loss);
    if (out->c) memset(out->c, 0, by->systems * m * sizeof *out->c);
    for (int momenta = 0; momenta < 2; momenta++) {
        LagLoss part = *loss;
        const double weight = momenta ? loss->beta : loss->alpha;
        part.bounds = 0, part.alpha = !momenta, part.beta = momenta;
        if (weight == 0) continue;
        LagStatus status = compare(by, c, seen->q, seen->pi, &part, &error);
        if (status == LAG_OK) status = compare(by, c, by->nothing, by->nothing, &part, &size);
        if (status != LAG_OK) return status;
        for (size_t s = 0; s < by->systems; s++)
            add_part(by, s, still_loss(by, seen, s, &part), weight, &out->loss[s], out->c ? out->c + s * m : NULL);
        error.motion_q = error.motion_pi = NULL;
    }
    for (size_t s = 0; s < by->systems && m; s++)
        out->loss[s] += loss_penalty(loss, c + s * m, out->c ? out->c + s * m : by->size_slope);
    return LAG_OK;
}

LagStatus motions_compare(Motions *by, const double *c, const Motions *seen, LagTarget target, const LagLoss *loss,
                          const LagGradientOut *out) {
    const size_t d = by->kernel->dof, row = seen->rows * d;
    for (size_t s = 0; s < seen->systems; s++) {
        memcpy(by->q0 + s * d, seen->q + s * row, d * sizeof *seen->q);
        memcpy(by->rate0 + s * d, seen->pi + s * row, d * sizeof *seen->pi);
    }
    return target == LAG_TARGET_RELATIVE ? relate(by, c, seen, loss, out) : compare(by, c, seen->q, seen->pi, loss, out);
}
