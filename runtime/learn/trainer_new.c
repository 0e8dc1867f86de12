/* trainer_new.c: a training's beginning: what it is asked is checked and copied, inputs are measured, systems held out. */
#include "trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_MOST 4e9 /* bytes */
enum { HELD_MOST = 1 << 20, BATCH_MOST = 1 << 20, STEPS_MOST = (1 << 20) - 1 };

/* Systems of a seed are numbered: training has those from 0 on, and these are never shown to it. */
#define MEASURED_FIRST (1ull << 62)
#define HELD_FIRST (1ull << 63)

/* ---- What is asked ---- */

static bool is_size(double x) { return x > 0 && isfinite(x); }

static bool loss_makes_sense(const LagLoss *loss, uint32_t d, uint32_t m) {
    LagLoss sized = *loss;
    if (isnan(sized.alpha)) sized.alpha = 1;
    if (isnan(sized.beta)) sized.beta = 1;
    return loss_fits(&sized, d, m);
}

bool train_ask_fits(const LagKernel *kernel, const LagTrainAsk *ask) {
    const uint32_t d = kernel->dof, m = kernel->parameter_count;
    return kernel->abi == LAG_KERNEL_ABI && prior_fits(&ask->prior, d, m) && loss_makes_sense(&ask->loss, d, m) &&
           outputs_of(&ask->prior, &ask->loss, ask->raw, NULL) > 0 && isfinite(ask->h) && ask->h != 0 && ask->steps > 0 &&
           ask->steps <= STEPS_MOST && (unsigned)ask->target < LAG_TARGETS && ask->layers > 0 &&
           ask->layers <= NETWORK_LAYERS_MOST && ask->units > 0 && ask->units <= NETWORK_WIDTH_MOST && ask->batch > 0 &&
           ask->batch <= BATCH_MOST && ask->samples >= ask->batch && ask->samples < MEASURED_FIRST &&
           (ask->set == 0 || ask->set >= ask->batch) && ask->held > 0 && ask->held <= HELD_MOST && is_size(ask->rate) &&
           is_size(ask->clip);
}

/* ---- Copies ---- */

/* The next piece of a block that grows by what it is asked for; with no block, how much that comes to. */
typedef struct Block {
    char *bytes;
    size_t used;
} Block;

static void *copied(Block *block, const void *from, size_t size) {
    enum { LINE = 16 };
    void *to = block->bytes ? block->bytes + block->used : NULL;
    if (to && size) memcpy(to, from, size);
    block->used += (size + LINE - 1) / LINE * LINE;
    return from ? to : NULL;
}

static void copy_ask(LagTrainAsk *ask, Block *block, size_t d, size_t m) {
    LagPrior *p = &ask->prior;
    p->c = copied(block, p->c, p->c ? m * sizeof *p->c : 0);
    p->q = copied(block, p->q, d * sizeof *p->q);
    p->pi = copied(block, p->pi, p->pi ? d * sizeof *p->pi : 0);
    p->v = copied(block, p->v, p->v ? d * sizeof *p->v : 0);
    p->draw = copied(block, p->draw, p->draws * sizeof *p->draw);
    LagTogether *together = copied(block, p->together, p->togethers * sizeof *p->together);
    for (uint32_t i = 0; i < p->togethers; i++) {
        const uint32_t *draw = copied(block, p->together[i].draw, p->together[i].count * sizeof *draw);
        if (together) together[i].draw = draw;
    }
    p->together = together;
    ask->loss.bound = copied(block, ask->loss.bound, ask->loss.bounds * sizeof *ask->loss.bound);
    ask->loss.weight = copied(block, ask->loss.weight, ask->loss.weight ? 2 * d * sizeof *ask->loss.weight : 0);
    ask->about = copied(block, ask->about, ask->about ? strlen(ask->about) + 1 : 0);
}

static bool keep_ask(LagTrainer *t, const LagTrainAsk *ask) {
    const size_t d = t->kernel->dof, m = t->kernel->parameter_count;
    Block block = {0};
    LagTrainAsk counted = *ask;
    copy_ask(&counted, &block, d, m);
    block = (Block){t->copies = malloc(block.used + 1), 0};
    if (!block.bytes) return false;
    t->ask = *ask;
    copy_ask(&t->ask, &block, d, m);
    return true;
}

/* ---- All of it ---- */

bool found_new(Found *f, uint32_t outputs, size_t columns, size_t weights) {
    *f = (Found){.outputs = outputs, .columns = columns, .weights = weights};
    f->scale = calloc(2 * columns + outputs, sizeof *f->scale);
    f->best = calloc(weights, sizeof *f->best);
    if (!f->scale || !f->best) return false;
    f->weight = f->scale + columns, f->factor = f->weight + columns;
    return true;
}

NetworkShape train_shape(const LagTrainAsk *ask, uint32_t d, uint32_t outputs) {
    NetworkShape shape = {INPUTS_EACH * 2 * d, 2 * outputs, ask->steps + 1, ask->layers, {0}};
    for (uint32_t i = 0; i < ask->layers; i++) shape.units[i] = ask->units;
    return shape;
}

static LagStatus make_room(LagTrainer *t) {
    const LagTrainAsk *ask = &t->ask;
    const size_t d = t->kernel->dof, m = t->kernel->parameter_count, k = t->outputs;
    const size_t chunk = trainer_chunk(ask), most = ask->held > ask->batch ? ask->held : ask->batch;
    t->shape = train_shape(ask, (uint32_t)d, t->outputs);
    const size_t weights = network_weight_count(&t->shape);
    if (weights == 0) return LAG_ERROR_ARGUMENT;
    LagStatus status = network_new(&t->shape, chunk, ask->threads, &t->network);
    if (status == LAG_OK) status = adam_new(weights, &t->adam);
    if (status != LAG_OK) return status;
    t->output = calloc(k, sizeof *t->output);
    t->c = calloc(2 * ask->batch * m + most + ask->held * k + chunk, sizeof *t->c);
    t->slope = calloc(weights + (t->shape.rows * INPUTS_EACH * 2 * d + 4 * k) * chunk, sizeof *t->slope);
    if (!t->output || !t->c || !t->slope || !found_new(&t->found, t->outputs, 2 * d, weights)) return LAG_ERROR_MEMORY;
    t->c_slope = t->c + ask->batch * m, t->loss = t->c_slope + ask->batch * m, t->log = t->loss + most;
    t->unit = t->log + ask->held * k;
    t->y = t->slope + weights, t->dy = t->y + 2 * k * chunk, t->x = t->dy + 2 * k * chunk;
    const double start = ask->prior.t;
    status = motions_init(&t->shown, t->kernel, ask->batch, start, ask->h, ask->steps, ask->threads);
    if (status == LAG_OK) status = motions_init(&t->held, t->kernel, ask->held, start, ask->h, ask->steps, ask->threads);
    if (status == LAG_OK) status = motions_init(&t->answer, t->kernel, ask->held, start, ask->h, ask->steps, ask->threads);
    return status;
}

/* Columns weighed by their sizes, where the loss doesn't say. */
static void weigh(LagTrainer *t) {
    LagLoss *measure = &t->found.measure;
    const size_t d = t->kernel->dof;
    *measure = t->ask.loss;
    for (size_t k = 0; k < 2 * d; k++) {
        double given = measure->weight ? measure->weight[k] : 1, size = t->found.scale[k];
        bool sized = isnan(k < d ? measure->alpha : measure->beta);
        t->found.weight[k] = sized ? given / (size * size) : given;
    }
    if (isnan(measure->alpha)) measure->alpha = 1;
    if (isnan(measure->beta)) measure->beta = 1;
    measure->weight = t->found.weight;
}

static LagStatus begin(LagTrainer *t) {
    LagStatus status = make_room(t);
    outputs_of(&t->ask.prior, &t->ask.loss, t->ask.raw, t->output);
    if (status == LAG_OK && t->ask.target == LAG_TARGET_RELATIVE)
        status = units_find(t->kernel, &t->ask, t->output, t->outputs, &t->found.units);
    if (status == LAG_OK) status = motions_draw(&t->held, &t->ask.prior, t->ask.seed, MEASURED_FIRST);
    if (status == LAG_OK && !inputs_measure(&t->held, t->found.scale)) status = LAG_ERROR_MEMORY;
    if (status == LAG_OK) status = motions_draw(&t->held, &t->ask.prior, t->ask.seed, HELD_FIRST);
    if (status != LAG_OK) return status;
    weigh(t);
    network_draw(t->network, t->ask.seed);
    return LAG_OK;
}

size_t trainer_chunk(const LagTrainAsk *ask) {
    enum { CHUNK = 1024, CHUNK_ROWS = 1 << 17 };
    size_t fit = CHUNK_ROWS / ((size_t)ask->steps + 1), chunk = fit < CHUNK ? fit : CHUNK;
    return ask->batch > chunk ? ask->batch : chunk;
}

/* About what all the room comes to, in bytes. */
static double memory_of(const LagTrainAsk *ask, double d, double outputs) {
    enum { HELD = 2, FLOATS = 4, DOUBLES = 8 };
    double rows = ask->steps + 1.0, width = INPUTS_EACH * 2 * d, units = ask->units, chunk = (double)trainer_chunk(ask);
    double layer = (6 * units + 1) * FLOATS, weights = ask->layers * 4 * units * (2 * units + width) * FLOATS;
    double shown = rows * chunk * (ask->layers * (layer + fmax(units, width) * FLOATS) + width * FLOATS);
    double motions = rows * 3 * d * DOUBLES * (HELD * (double)ask->held + ask->batch);
    return shown + motions + 8 * weights + ask->held * outputs * DOUBLES;
}

LagStatus lag_trainer_new(const LagKernel *kernel, const LagTrainAsk *ask, LagTrainer **trainer) {
    if (!kernel || !ask || !trainer || !train_ask_fits(kernel, ask)) return LAG_ERROR_ARGUMENT;
    if (memory_of(ask, kernel->dof, outputs_of(&ask->prior, &ask->loss, ask->raw, NULL)) > MEMORY_MOST)
        return LAG_ERROR_LIMIT;
    LagTrainer *t = calloc(1, sizeof *t);
    if (!t) return LAG_ERROR_MEMORY;
    t->kernel = kernel;
    t->outputs = outputs_of(&ask->prior, &ask->loss, ask->raw, NULL);
    t->batches = ask->samples / ask->batch;
    LagStatus status = keep_ask(t, ask) ? begin(t) : LAG_ERROR_MEMORY;
    if (status == LAG_OK)
        *trainer = t;
    else
        lag_trainer_free(t);
    return status;
}

void lag_trainer_free(LagTrainer *t) {
    if (!t) return;
    motions_free(&t->shown);
    motions_free(&t->held);
    motions_free(&t->answer);
    network_free(t->network);
    adam_free(&t->adam);
    free(t->output);
    free(t->c);
    free(t->slope);
    free(t->found.scale);
    free(t->found.best);
    free(t->copies);
    free(t);
}
