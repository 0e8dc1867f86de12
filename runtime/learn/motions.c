/* motions.c: see motions.h. */
#include "motions.h"

#include "../grad/loss.h"

#include <stdlib.h>
#include <string.h>

LagStatus motions_init(Motions *m, const LagKernel *kernel, size_t systems, double start, double h, uint32_t steps,
                       uint32_t threads) {
    const size_t d = kernel->dof, k = kernel->parameter_count, rows = (size_t)steps + 1;
    *m = (Motions){.kernel = kernel, .systems = systems, .rows = rows, .start = start, .h = h};
    double *at = m->t = calloc(rows + systems * (k + 2 * d + 2 * rows * d), sizeof *at);
    m->status = calloc(systems, sizeof *m->status);
    if (!at || !m->status) return LAG_ERROR_MEMORY;
    m->c = at += rows;
    m->q0 = at += systems * k;
    m->rate0 = at += systems * d;
    m->q = at += systems * d;
    m->pi = at + systems * rows * d;
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

LagStatus motions_draw(Motions *m, const LagPrior *prior, uint64_t seed, uint64_t first) {
    LagStatus status = lag_prior_draw(m->kernel, prior, seed, first, m->systems, m->c, m->q0, m->rate0);
    if (status != LAG_OK) return status;
    LagGradientAsk ask = {.t = m->start,
                          .h = m->h,
                          .steps = m->rows - 1,
                          .c = m->c,
                          .q = m->q0,
                          .pi = prior->v ? NULL : m->rate0,
                          .v = prior->v ? m->rate0 : NULL,
                          .seen = {.rows = m->rows, .t = m->t}};
    status =
        lag_gradient_run(m->gradient, &ask, &(LagGradientOut){.status = m->status, .motion_q = m->q, .motion_pi = m->pi});
    return is_own(status) ? LAG_OK : status;
}

LagStatus motions_compare(Motions *by, const double *c, const Motions *seen, const LagLoss *loss,
                          const LagGradientOut *out) {
    const size_t d = by->kernel->dof, row = seen->rows * d;
    for (size_t s = 0; s < seen->systems; s++) {
        memcpy(by->q0 + s * d, seen->q + s * row, d * sizeof *seen->q);
        memcpy(by->rate0 + s * d, seen->pi + s * row, d * sizeof *seen->pi);
    }
    LagGradientAsk ask = {.t = seen->start,
                          .h = seen->h,
                          .steps = seen->rows - 1,
                          .c = c,
                          .q = by->q0,
                          .pi = by->rate0,
                          .seen = {seen->rows, seen->t, seen->q, seen->pi},
                          .loss = loss};
    LagStatus status = lag_gradient_run(by->gradient, &ask, out);
    return is_own(status) ? LAG_OK : status;
}

void motions_relate(const Motions *seen, const LagLoss *loss, double *still, double *value, double *c_slope) {
    const size_t d = seen->kernel->dof, m = seen->kernel->parameter_count, row = seen->rows * d;
    for (size_t s = 0; s < seen->systems; s++) {
        LossRows none = {.rows = seen->rows,
                         .d = (uint32_t)d,
                         .systems = 1,
                         .seen_q = {seen->q + s * row},
                         .seen_pi = {seen->pi + s * row},
                         .q = still,
                         .pi = still + row,
                         .seed_q = still + 2 * row,
                         .seed_pi = still + 3 * row};
        double size;
        loss_rows(loss, &none, &size);
        if (!(size > 0)) continue; /* it stays where it is */
        double factor;
        value[s] = loss_capped(&(LagLoss){.cap = 2}, value[s] / size, &factor);
        for (size_t j = 0; c_slope && j < m; j++) c_slope[s * m + j] *= factor / size;
    }
}
