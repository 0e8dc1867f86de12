/* trainer.c: a network's training (lag.h, "Families, and the network that reads motion").
 *
 * A batch: systems are drawn and run; the network is shown their rows and gives z; parameters c are made of these
 * (outputs.h), the motions of c compared with those shown, and the loss's derivative goes back through the steps (the
 * discrete adjoint), dc/dz and the layers; then Adam. Beside each z a second output u is trained to be the log of |error of
 * c| / size, by the likelihood |e| e^-u + u, which hardly pulls at the layers: that becomes the standard error. */
#include "trainer.h"
#include "functions.h"
#include "order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PULL 0.02 /* of the second outputs, beside the loss */

/* ---- One batch ---- */

/* Losses of the parameters' own errors, and their derivatives. */
static void compare_parameters(LagTrainer *t) {
    const size_t m = t->kernel->parameter_count;
    for (size_t s = 0; s < t->shown.systems; s++) {
        const double *named = t->c + s * m, *truth = t->shown.c + s * m;
        double sum = 0;
        for (uint32_t j = 0; j < t->outputs; j++) {
            double e = output_error(&t->output[j], named, truth);
            sum += e * e;
        }
        t->loss[s] = sqrt(sum);
        for (uint32_t j = 0; j < t->outputs; j++) {
            const Output *o = &t->output[j];
            double e = output_error(o, named, truth), size = output_size(o, named[o->parameter]);
            t->c_slope[s * m + o->parameter] = sum > 0 ? e / (t->loss[s] * size) : 0;
        }
    }
}

/* d loss / d outputs, of the mean over the systems that have a motion and a finite loss. */
static void go_back(LagTrainer *t) {
    const Motions *shown = &t->shown;
    const size_t m = t->kernel->parameter_count, k = t->outputs;
    size_t good = 0;
    double sum = 0;
    for (size_t s = 0; s < shown->systems; s++)
        if (shown->status[s] == LAG_OK && isfinite(t->loss[s])) sum += t->loss[s], good++;
    for (size_t s = 0; s < shown->systems; s++) {
        bool counts = shown->status[s] == LAG_OK && isfinite(t->loss[s]);
        for (size_t j = 0; j < k; j++) {
            const Output *o = &t->output[j];
            float *z = &t->dy[s * 2 * k + j], *u = z + k;
            size_t at = s * m + o->parameter;
            double log_size = (double)t->y[s * 2 * k + k + j], e = fabs(t->c[at] - shown->c[at]) / output_size(o, t->c[at]);
            double by_z = output_back(o, (double)t->y[s * 2 * k + j], t->c_slope[at] * t->unit[s]);
            *z = counts ? (float)(by_z / (double)good) : 0;
            *u = counts ? (float)(PULL * fmax(1 - e * same_exp(-log_size), -3) / (double)good) : 0;
        }
    }
    t->sum += sum;
    t->sum_count += good;
}

/* Rises linearly, then falls as a cosine. */
static double rate_of(const LagTrainer *t) {
    double n = (double)t->done, all = (double)t->batches, rise = fmin(300, 1 + all / 20), least = 0.01;
    if (n < rise) return t->ask.rate * (n + 1) / rise;
    return t->ask.rate * (least + (1 - least) * (1 + same_cos(M_PI * (n - rise) / fmax(1, all - rise))) / 2);
}

static LagStatus take_batch(LagTrainer *t) {
    const LagTrainAsk *ask = &t->ask;
    Motions *shown = &t->shown;
    uint64_t first = t->done * ask->batch;
    if (ask->set) first %= ask->set / ask->batch * ask->batch;
    LagStatus status = motions_draw(shown, &ask->prior, ask->seed, first);
    if (status != LAG_OK) return status;
    inputs_show(ask->batch, shown->rows, t->kernel->dof, t->found.scale, shown->q, shown->pi, t->x);
    status = network_forward(t->network, ask->batch, t->x, t->y);
    if (status != LAG_OK) return status;
    units_of(t->found.units, ask->batch, shown->rows, t->kernel->dof, t->found.scale, shown->q, shown->pi, t->unit);
    outputs_take(t->output, t->outputs, ask->batch, t->y, t->unit, ask->prior.c, t->kernel->parameter_count, t->c);
    if (ask->target == LAG_TARGET_PARAMETERS)
        compare_parameters(t);
    else
        status = motions_compare(shown, t->c, shown, ask->target, &t->found.measure,
                                 &(LagGradientOut){.loss = t->loss, .c = t->c_slope});
    if (status != LAG_OK) return status;
    go_back(t);
    status = network_backward(t->network, t->dy, t->slope);
    if (status != LAG_OK) return status;
    if (!adam_step(&t->adam, network_weights(t->network), t->slope, rate_of(t), ask->clip, NULL)) t->skipped++;
    t->done++;
    return LAG_OK;
}

/* ---- Against what is held out ---- */

static LagStatus read_held(LagTrainer *t) {
    const Motions *held = &t->held;
    const size_t d = t->kernel->dof, m = t->kernel->parameter_count, k = t->outputs, row = held->rows * d;
    const size_t chunk = trainer_chunk(&t->ask);
    LagStatus status = LAG_OK;
    for (size_t s = 0; s < held->systems && status == LAG_OK; s += chunk) {
        size_t count = held->systems - s < chunk ? held->systems - s : chunk;
        inputs_show(count, held->rows, (uint32_t)d, t->found.scale, held->q + s * row, held->pi + s * row, t->x);
        status = network_forward(t->network, count, t->x, t->y);
        if (status != LAG_OK) return status;
        units_of(t->found.units, count, held->rows, (uint32_t)d, t->found.scale, held->q + s * row, held->pi + s * row,
                 t->unit);
        outputs_take(t->output, t->outputs, count, t->y, t->unit, t->ask.prior.c, m, t->answer.c + s * m);
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < k; j++) t->log[(s + i) * k + j] = (double)t->y[i * 2 * k + k + j];
    }
    return status;
}

/* The root of the mean square of what is finite. */
static double rms_of(const double *a, const double *b, size_t count) {
    double sum = 0;
    size_t good = 0;
    for (size_t i = 0; i < count; i++) {
        double e = a[i] - b[i];
        if (isfinite(e)) sum += e * e, good++;
    }
    return good ? sqrt(sum / (double)good) : NAN;
}

static LagStatus judge(LagTrainer *t, LagTrainRow *row) {
    Motions *held = &t->held, *answer = &t->answer;
    const size_t count = held->systems * held->rows * t->kernel->dof;
    double sum = 0;
    size_t good = 0;
    LagStatus status = read_held(t);
    LagGradientOut out = {.loss = t->loss, .motion_q = answer->q, .motion_pi = answer->pi};
    if (status == LAG_OK) status = motions_compare(answer, answer->c, held, t->ask.target, &t->found.measure, &out);
    if (status != LAG_OK) return status;
    for (size_t s = 0; s < held->systems; s++)
        if (isfinite(t->loss[s])) sum += t->loss[s], good++;
    *row = (LagTrainRow){.samples = t->done * t->ask.batch,
                         .loss = t->sum_count ? t->sum / (double)t->sum_count : NAN,
                         .held_loss = good ? sum / (double)good : NAN,
                         .rms_q = rms_of(answer->q, held->q, count),
                         .rms_pi = rms_of(answer->pi, held->pi, count),
                         .rate = rate_of(t)};
    t->sum = 0, t->sum_count = 0;
    return LAG_OK;
}

/* What a share of the numbers is below; they are sorted. What is no number counts as large. */
static double quantile(double *x, size_t count, double share) {
    for (size_t i = 0; i < count; i++)
        if (isnan(x[i])) x[i] = INFINITY;
    order_numbers(x, count);
    return x[(size_t)(share * (double)(count - 1))];
}

/* How far the held systems bear out the standard errors that the second outputs are, and what motions are met. */
static void find_trust(LagTrainer *t) {
    const Motions *held = &t->held;
    const size_t m = t->kernel->parameter_count, k = t->outputs;
    t->found.far = quantile(t->loss, held->systems, 0.999);
    for (size_t j = 0; j < k; j++) {
        const Output *o = &t->output[j];
        for (size_t s = 0; s < held->systems; s++) {
            size_t at = s * m + o->parameter;
            t->loss[s] =
                fabs(t->answer.c[at] - held->c[at]) / (output_size(o, t->answer.c[at]) * same_exp(t->log[s * k + j]));
        }
        t->found.factor[j] = quantile(t->loss, held->systems, 0.6827);
    }
}

static LagStatus note(LagTrainer *t) {
    LagTrainRow row;
    LagStatus status = judge(t, &row);
    if (status != LAG_OK) return status;
    t->row[t->rows] = row;
    if (t->rows == 0 || row.held_loss < t->found.row.held_loss) {
        t->best_at = t->rows;
        t->found.row = row;
        memcpy(t->found.best, network_weights(t->network), t->found.weights * sizeof *t->found.best);
        find_trust(t);
    }
    t->rows++;
    return LAG_OK;
}

/* Whether it is time for a row of the curve: they are shared out over the batches, the last behind them all, and none comes
 * twice. */
static bool is_due(const LagTrainer *t) {
    if (t->rows == CURVE_ROWS || (t->rows > 0 && t->row[t->rows - 1].samples == t->done * t->ask.batch)) return false;
    return (double)t->done >= floor((double)t->batches * (double)t->rows / (CURVE_ROWS - 1));
}

LagStatus lag_trainer_run(LagTrainer *t, uint64_t batches) {
    LagStatus status = LAG_OK;
    for (uint64_t i = 0; status == LAG_OK; i++) {
        if (is_due(t)) status = note(t);
        if (status != LAG_OK || i == batches || t->done == t->batches) break;
        if (atomic_exchange(&t->cancelled, false)) return LAG_INTERRUPTED;
        status = take_batch(t);
    }
    return status;
}

void lag_trainer_cancel(LagTrainer *t) { atomic_store_explicit(&t->cancelled, true, memory_order_relaxed); }

void lag_trainer_report(const LagTrainer *t, LagTrainReport *report) {
    *report = (LagTrainReport){.batches = t->batches,
                               .done = t->done,
                               .skipped = t->skipped,
                               .rows = t->rows,
                               .row = t->row,
                               .best = t->best_at,
                               .weights = t->found.weights};
}
