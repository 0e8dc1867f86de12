/* outputs.c: see outputs.h. */
#include "outputs.h"
#include "functions.h"

#include <math.h>
#include <string.h>

static void take_bounds(Output *o, const LagDraw *draw, const LagLoss *loss) {
    for (uint32_t i = 0; i < loss->bounds; i++) {
        const LagBound *b = &loss->bound[i];
        if (b->parameter != o->parameter) continue;
        bool upper = b->kind == LAG_BOUND_AT_MOST || b->kind == LAG_BOUND_BELOW;
        bool strict = b->kind == LAG_BOUND_ABOVE || b->kind == LAG_BOUND_BELOW;
        double room = upper ? b->value - draw->high : draw->low - b->value;
        double off = strict ? fmax(o->size / 1000, room / 10) : 0;
        if (upper)
            o->high = b->value - off, o->off_high = strict;
        else
            o->low = b->value + off, o->off_low = strict;
    }
}

uint32_t outputs_of(const LagPrior *prior, const LagLoss *loss, bool raw, Output *output) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < prior->draws; i++) {
        const LagDraw *draw = &prior->draw[i];
        if (draw->what.kind != LAG_UNKNOWN_PARAMETER) continue;
        double low = draw->log ? same_log(draw->low) : draw->low, high = draw->log ? same_log(draw->high) : draw->high;
        Output o = {.parameter = draw->what.index,
                    .draw = i,
                    .low = -INFINITY,
                    .high = INFINITY,
                    .log = draw->log,
                    .middle = (low + high) / 2,
                    .size = (high - low) / 2};
        if (o.size == 0) o.size = fabs(o.middle) > 0 && !o.log ? fabs(o.middle) : 1;
        if (!raw) take_bounds(&o, draw, loss);
        if (output) output[count] = o;
        count++;
    }
    return count;
}

double output_size(const Output *o, double c) { return o->log ? o->size * c : o->size; }

double output_error(const Output *o, const double *c, const double *truth) {
    double named = c[o->parameter], was = truth[o->parameter];
    return (o->log ? same_log(named) - same_log(was) : named - was) / o->size;
}

static double softplus(double z) { return z > 0 ? z + same_log(1 + same_exp(-z)) : same_log(1 + same_exp(z)); }

/* Within the strict bounds; and the derivative of that. */
static double within(const Output *o, double z, double *slope) {
    const double step = 1 / (1 + same_exp(-z)), power = o->log ? same_exp(o->middle + o->size * z) : 0;
    if (o->log) return *slope = o->size * power, power;
    if (o->off_low && o->off_high)
        return *slope = (o->high - o->low) * step * (1 - step), o->low + (o->high - o->low) * step;
    if (o->off_low) return *slope = o->size * step, o->low + o->size * softplus(z);
    if (o->off_high) return *slope = -o->size * step, o->high - o->size * softplus(z);
    return *slope = o->size, o->middle + o->size * z;
}

double output_value(const Output *o, double z) {
    double slope;
    return fmin(fmax(within(o, z, &slope), o->low), o->high);
}

double output_back(const Output *o, double z, double by_c) {
    double slope, c = within(o, z, &slope);
    if ((c < o->low && by_c > 0) || (c > o->high && by_c < 0)) return 0;
    return by_c * slope;
}

void outputs_take(const Output *output, uint32_t outputs, size_t systems, const float *y, const double *unit,
                  const double *rest, size_t m, double *c) {
    for (size_t s = 0; s < systems; s++) {
        memcpy(c + s * m, rest, m * sizeof *c);
        for (uint32_t j = 0; j < outputs; j++)
            c[s * m + output[j].parameter] = unit[s] * output_value(&output[j], (double)y[s * 2 * outputs + j]);
    }
}
