/* reader.c: a trained network, and what it makes of records (lag.h, LagNetwork). */
#include "functions.h"
#include "training_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 256, CHUNK_ROWS = 1 << 16 }; /* records at once, and their rows */

struct LagNetwork {
    const LagKernel *kernel;
    LagTrainAsk ask;
    Rooms rooms; /* its arrays */
    Output *output;
    Found found;
    Network *network;
    size_t chunk; /* records at once */
    Motions answer;
    float *x, *y; /* [rows, chunk, 2d, 2], [chunk, 2 outputs] */
    double *loss; /* [chunk] */
    double *seen; /* [chunk, rows, d] twice: records of a chunk that is not full */
    double *unit; /* [chunk] */
};

/* ---- Loading ---- */

static LagStatus read_all(LagNetwork *n, Pack *p, char *why) {
    const size_t d = n->kernel->dof;
    LagTrainAsk *ask = &n->ask;
    file_ask(p, &n->rooms, ask, n->kernel);
    if (p->failed) return file_is_wrong(p, why);
    if (!train_ask_fits(n->kernel, ask)) return p->failed = true, file_is_wrong(p, why);
    uint32_t outputs = outputs_of(&ask->prior, &ask->loss, ask->raw, NULL);
    NetworkShape shape = train_shape(ask, (uint32_t)d, outputs);
    size_t weights = network_weight_count(&shape);
    if (weights == 0 || weights > p->size / sizeof(float)) return p->failed = true, file_is_wrong(p, why);
    n->output = calloc(outputs, sizeof *n->output);
    if (!n->output || !found_new(&n->found, outputs, 2 * d, weights)) return LAG_ERROR_MEMORY;
    outputs_of(&ask->prior, &ask->loss, ask->raw, n->output);
    file_found(p, &n->found);
    return p->failed ? file_is_wrong(p, why) : LAG_OK;
}

static LagStatus make_ready(LagNetwork *n, uint32_t threads) {
    const LagTrainAsk *ask = &n->ask;
    const size_t d = n->kernel->dof, rows = ask->steps + 1, k = n->found.outputs;
    NetworkShape shape = train_shape(ask, (uint32_t)d, n->found.outputs);
    n->chunk = rows > CHUNK_ROWS ? 1 : CHUNK_ROWS / rows < CHUNK ? CHUNK_ROWS / rows : CHUNK;
    LagStatus status = network_new(&shape, n->chunk, threads, &n->network);
    if (status == LAG_OK) status = motions_init(&n->answer, n->kernel, n->chunk, ask->prior.t, ask->h, ask->steps, threads);
    if (status != LAG_OK) return status;
    n->x = calloc((rows * INPUTS_EACH * 2 * d + 2 * k) * n->chunk, sizeof *n->x);
    n->loss = calloc((2 * rows * d + 2) * n->chunk, sizeof *n->loss);
    if (!n->x || !n->loss) return LAG_ERROR_MEMORY;
    n->y = n->x + rows * INPUTS_EACH * 2 * d * n->chunk, n->seen = n->loss + n->chunk;
    n->unit = n->seen + 2 * rows * d * n->chunk;
    memcpy(network_weights(n->network), n->found.best, n->found.weights * sizeof *n->found.best);
    n->found.measure.weight = n->found.weight;
    return LAG_OK;
}

LagStatus lag_network_load(const LagKernel *kernel, uint32_t threads, const void *bytes, size_t size, char *why,
                           LagNetwork **network) {
    if (!kernel || !bytes || !why || !network || kernel->abi != LAG_KERNEL_ABI) return LAG_ERROR_ARGUMENT;
    if (!file_is_whole(bytes, size, why)) return LAG_ERROR_TEXT;
    LagNetwork *n = calloc(1, sizeof *n);
    if (!n) return LAG_ERROR_MEMORY;
    n->kernel = kernel;
    Pack p = {.reading = true, .bytes = (char *)bytes, .size = size};
    LagStatus status = read_all(n, &p, why);
    if (status == LAG_OK) status = make_ready(n, threads);
    if (status == LAG_OK)
        *network = n;
    else
        lag_network_free(n);
    return status;
}

void lag_network_free(LagNetwork *n) {
    if (!n) return;
    network_free(n->network);
    motions_free(&n->answer);
    rooms_free(&n->rooms);
    free(n->output);
    free(n->found.scale);
    free(n->found.best);
    free(n->x);
    free(n->loss);
    free(n);
}

LagStatus lag_trainer_begin(LagTrainer *t, const LagNetwork *n) {
    if (!t || !n || t->rows > 0 || t->ask.layers != n->ask.layers || t->ask.units != n->ask.units ||
        t->found.columns != n->found.columns || t->outputs != n->found.outputs)
        return LAG_ERROR_ARGUMENT;
    memcpy(network_weights(t->network), n->found.best, n->found.weights * sizeof *n->found.best);
    memcpy(t->found.scale, n->found.scale, n->found.columns * sizeof *n->found.scale);
    t->found.units = n->found.units;
    return LAG_OK;
}

void lag_network_facts(const LagNetwork *n, LagNetworkFacts *facts) {
    const LagTrainRow *row = &n->found.row;
    *facts = (LagNetworkFacts){&n->ask, row->samples, row->rms_q, row->rms_pi, row->held_loss};
}

/* ---- Predicting ---- */

/* Whether a number may have been drawn; to a hair, for what was written down and read again. */
static bool could_be(const LagPrior *prior, LagUnknownKind kind, uint32_t index, double value, double otherwise) {
    double hair = 1e-9;
    for (uint32_t i = 0; i < prior->draws; i++) {
        const LagDraw *draw = &prior->draw[i];
        if (draw->what.kind != kind || draw->what.index != index) continue;
        double span = hair * (fabs(draw->low) + fabs(draw->high));
        return (value >= draw->low - span && value <= draw->high + span) || value == 0;
    }
    return fabs(value - otherwise) <= hair * fmax(fabs(otherwise), 1);
}

/* A start's rates are told from its momenta only where the prior has momenta. */
static bool start_could_be(const LagNetwork *n, const double *q, const double *pi) {
    const LagPrior *prior = &n->ask.prior;
    for (uint32_t k = 0; k < n->kernel->dof; k++) {
        if (!could_be(prior, LAG_UNKNOWN_COORDINATE, k, q[k], prior->q[k])) return false;
        if (prior->pi && !could_be(prior, LAG_UNKNOWN_RATE, k, pi[k], prior->pi[k])) return false;
    }
    return true;
}

/* Whether a parameter could have been drawn, by its standard error. */
static bool named_within(const LagNetwork *n, const Output *o, double c, double sigma) {
    const LagDraw *draw = &n->ask.prior.draw[o->draw];
    double low = draw->zero > 0 ? fmin(draw->low, 0) : draw->low, high = draw->zero > 0 ? fmax(draw->high, 0) : draw->high;
    return c >= low - 3 * sigma && c <= high + 3 * sigma;
}

/* The root of the mean square of the difference. */
static double rms(const double *a, const double *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum / (double)count);
}

static void tell(const LagNetwork *n, size_t i, size_t record, const LagPredicted *out) {
    const size_t m = n->kernel->parameter_count, k = n->found.outputs, row = n->answer.rows * n->kernel->dof;
    const double *c = n->answer.c + i * m, *q = n->seen + i * row, *pi = q + n->chunk * row;
    unsigned outside = start_could_be(n, q, pi) ? 0 : LAG_OUTSIDE_START;
    for (size_t j = 0; out->sigma && j < m; j++) out->sigma[record * m + j] = 0;
    for (uint32_t j = 0; j < k; j++) {
        const Output *o = &n->output[j];
        double sigma = n->found.factor[j] * output_size(o, c[o->parameter]) * same_exp((double)n->y[i * 2 * k + k + j]);
        if (out->sigma) out->sigma[record * m + o->parameter] = sigma;
        if (!named_within(n, o, c[o->parameter], sigma)) outside |= LAG_OUTSIDE_PRIOR;
    }
    double rms_q = rms(n->answer.q + i * row, q, row), rms_pi = rms(n->answer.pi + i * row, pi, row);
    if (!isfinite(rms_q) || !isfinite(rms_pi))
        outside |= LAG_OUTSIDE_NO_MOTION;
    else if (!(n->loss[i] <= n->found.far))
        outside |= LAG_OUTSIDE_MOTION;
    if (out->c && m) memcpy(out->c + record * m, c, m * sizeof *c);
    if (out->rms_q) out->rms_q[record] = rms_q;
    if (out->rms_pi) out->rms_pi[record] = rms_pi;
    if (out->outside) out->outside[record] = (uint8_t)outside;
}

LagStatus lag_network_predict(LagNetwork *n, size_t records, const double *q, const double *pi, const LagPredicted *out) {
    if (!n || !out || (records && (!q || !pi))) return LAG_ERROR_ARGUMENT;
    const size_t m = n->kernel->parameter_count, d = n->kernel->dof, row = n->answer.rows * d;
    const double *shown[] = {q, pi};
    Motions seen = n->answer;
    seen.q = n->seen, seen.pi = n->seen + n->chunk * row;
    for (size_t first = 0; first < records; first += n->chunk) {
        const size_t count = records - first < n->chunk ? records - first : n->chunk;
        for (size_t i = 0; i < 2 * n->chunk; i++) { /* what is missing of the last chunk is as its last record */
            size_t record = first + (i % n->chunk < count ? i % n->chunk : count - 1);
            memcpy(n->seen + i * row, shown[i / n->chunk] + record * row, row * sizeof *n->seen);
        }
        inputs_show(n->chunk, n->answer.rows, (uint32_t)d, n->found.scale, seen.q, seen.pi, n->x);
        LagStatus status = network_forward(n->network, n->chunk, n->x, n->y);
        if (status != LAG_OK) return status;
        units_of(n->found.units, n->chunk, n->answer.rows, (uint32_t)d, n->found.scale, seen.q, seen.pi, n->unit);
        outputs_take(n->output, n->found.outputs, n->chunk, n->y, n->unit, n->ask.prior.c, m, n->answer.c);
        LagGradientOut motion = {.loss = n->loss, .motion_q = n->answer.q, .motion_pi = n->answer.pi};
        status = motions_compare(&n->answer, n->answer.c, &seen, n->ask.target, &n->found.measure, &motion);
        if (status != LAG_OK) return status;
        for (size_t i = 0; i < count; i++) tell(n, i, first + i, out);
    }
    return LAG_OK;
}
