/* units.c: see units.h. */
#include "units.h"
#include "inputs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRIED = 8 };

/* Bounds that hold whatever the unit is. */
static bool bounds_scale(const LagLoss *loss, const Output *output, uint32_t outputs, bool raw) {
    for (uint32_t i = 0; i < loss->bounds && !raw; i++)
        for (uint32_t j = 0; j < outputs; j++) {
            const LagBound *b = &loss->bound[i];
            bool lower = b->kind == LAG_BOUND_AT_LEAST || b->kind == LAG_BOUND_ABOVE;
            if (b->parameter == output[j].parameter && !(lower && b->value == 0)) return false;
        }
    return true;
}

/* Whether x [count] is `times` y, but for what is little beside the largest. */
static bool is_times(const double *x, const double *y, size_t count, double times) {
    double most = 0, off = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i])) return false;
        most = fmax(most, fabs(y[i] * times));
        off = fmax(off, fabs(x[i] - y[i] * times));
    }
    return off <= 1e-8 * most;
}

/* Runs the motions of `was` again with named parameters, coordinates and rates so many times as large; whether each that
 * there was is so many times as large as it was, there being one. */
static LagStatus try_times(Motions *now, const Motions *was, const LagTrainAsk *ask, const Output *output, uint32_t outputs,
                           double named, double started, double rates, double momenta, bool *holds) {
    const size_t d = was->kernel->dof, m = was->kernel->parameter_count, row = was->rows * d;
    size_t seen = 0;
    memcpy(now->c, was->c, was->systems * m * sizeof *now->c);
    for (size_t s = 0; s < was->systems; s++)
        for (uint32_t j = 0; j < outputs; j++) now->c[s * m + output[j].parameter] *= named;
    for (size_t i = 0; i < was->systems * d; i++) now->q0[i] = was->q0[i] * started, now->rate0[i] = was->rate0[i] * rates;
    LagStatus status = motions_run(now, ask->prior.v != NULL);
    *holds = status == LAG_OK;
    for (size_t s = 0; s < was->systems && *holds; s++) {
        if (was->status[s] != LAG_OK) continue;
        *holds = now->status[s] == LAG_OK && is_times(now->q + s * row, was->q + s * row, row, started) &&
                 is_times(now->pi + s * row, was->pi + s * row, row, momenta);
        seen++;
    }
    *holds = *holds && seen > 0;
    return status;
}

LagStatus units_find(const LagKernel *kernel, const LagTrainAsk *ask, const Output *output, uint32_t outputs,
                     uint32_t *units) {
    Motions was = {0}, now = {0};
    bool linear = false, even = false;
    *units = 0;
    if (!bounds_scale(&ask->loss, output, outputs, ask->raw)) return LAG_OK;
    const double start = ask->prior.t;
    LagStatus status = motions_init(&was, kernel, TRIED, start, ask->h, ask->steps, 1);
    if (status == LAG_OK) status = motions_init(&now, kernel, TRIED, start, ask->h, ask->steps, 1);
    if (status == LAG_OK) status = motions_draw(&was, &ask->prior, ask->seed, 0);
    double rate = ask->prior.v ? 1 : 2; /* momenta that are given */
    if (status == LAG_OK) status = try_times(&now, &was, ask, output, outputs, 2, 1, rate, 2, &linear);
    if (status == LAG_OK && linear) status = try_times(&now, &was, ask, output, outputs, 1, 2, 2, 2, &even);
    motions_free(&was);
    motions_free(&now);
    if (status == LAG_OK && linear) *units = UNITS_MOMENTA | (even ? UNITS_COORDINATES : 0);
    return status;
}

/* The largest of the columns' sizes, each by its scale. */
static double size_of(const double *x, size_t rows, uint32_t d, const double *scale) {
    double most = 0;
    for (size_t i = 0; i < rows * d; i++) most = fmax(most, fabs(x[i]) / scale[i % d]);
    return most;
}

void units_of(uint32_t units, size_t systems, size_t rows, uint32_t d, const double *scale, const double *q,
              const double *pi, double *unit) {
    const double least = 1e-12;
    for (size_t s = 0; s < systems; s++) {
        double value = units & UNITS_MOMENTA ? size_of(pi + s * rows * d, rows, d, scale + d) : 1;
        if (units & UNITS_COORDINATES) value /= size_of(q + s * rows * d, rows, d, scale);
        unit[s] = value > least && value < 1 / least ? value : 1; /* or nothing moves */
    }
}
