/* training_file.c: a training as bytes, and the bytes of one (pack.h). What it was asked comes first, so that it can be
 * compared with what is asked now; then what was found of it; then what it takes to go on. */
#include "training_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FIRST_LINE "lag network 2"
#else
#define FIRST_LINE "lag network 2, big-endian"
#endif

enum { DRAWS_MOST = 1 << 16, DOF_MOST = 1 << 12, PARAMETERS_MOST = 1 << 16, BOUNDS_MOST = 1 << 17 };

/* ---- What is asked ---- */

static void describe_draw(Pack *p, LagDraw *draw) {
    uint32_t kind = draw->what.kind;
    pack_count32(p, "draw_kind", &kind, LAG_UNKNOWNS - 1);
    if (p->reading) draw->what.kind = (LagUnknownKind)kind;
    pack_count32(p, "draw_index", &draw->what.index, PARAMETERS_MOST);
    pack_real(p, "draw_low", &draw->low);
    pack_real(p, "draw_high", &draw->high);
    pack_real(p, "draw_zero", &draw->zero);
    pack_flag(p, "draw_log", &draw->log);
}

/* Room for an array that is read; where it is written it is there. */
static void *room_for(Pack *p, Rooms *rooms, const void *there, size_t count, size_t size) {
    if (!p->reading) return (void *)there;
    if (p->failed || rooms->count == ROOMS) return p->failed = true, NULL;
    void *block = rooms->block[rooms->count] = calloc(count + 1, size);
    if (block)
        rooms->count++;
    else
        p->failed = p->starved = true;
    return block;
}

static void describe_prior(Pack *p, Rooms *r, LagPrior *prior, size_t d, size_t m) {
    bool velocity = prior->v != NULL;
    double *c = room_for(p, r, prior->c, m, sizeof *c), *q = room_for(p, r, prior->q, d, sizeof *q);
    double *rate = room_for(p, r, velocity ? prior->v : prior->pi, d, sizeof *rate);
    pack_real(p, "start", &prior->t);
    pack_flag(p, "velocities", &velocity);
    if (p->failed) return;
    pack_reals(p, "parameter", c, m);
    pack_reals(p, "q", q, d);
    pack_reals(p, "rate", rate, d);
    prior->c = c, prior->q = q, prior->v = velocity ? rate : NULL, prior->pi = velocity ? NULL : rate;
    pack_count32(p, "draws", &prior->draws, DRAWS_MOST);
    LagDraw *draw = room_for(p, r, prior->draw, prior->draws, sizeof *draw);
    for (uint32_t i = 0; i < prior->draws && !p->failed; i++) describe_draw(p, &draw[i]);
    prior->draw = draw;
    pack_count32(p, "together", &prior->togethers, ROOMS / 2);
    LagTogether *together = room_for(p, r, prior->together, prior->togethers, sizeof *together);
    for (uint32_t i = 0; i < prior->togethers && !p->failed; i++) {
        LagTogether *t = &together[i];
        pack_real(p, "together_share", &t->share);
        pack_count32(p, "together_count", &t->count, DRAWS_MOST);
        uint32_t *which = room_for(p, r, t->draw, t->count, sizeof *which);
        for (uint32_t j = 0; j < t->count && !p->failed; j++) pack_count32(p, "together_draw", &which[j], DRAWS_MOST);
        if (p->reading) t->draw = which;
    }
    prior->together = together;
}

static void describe_loss(Pack *p, Rooms *r, LagLoss *loss, size_t d) {
    uint32_t kind = loss->kind;
    bool weighed = loss->weight != NULL;
    pack_count32(p, "loss", &kind, LAG_LOSSES - 1);
    loss->kind = (LagLossKind)kind;
    pack_real(p, "alpha", &loss->alpha);
    pack_real(p, "beta", &loss->beta);
    pack_real(p, "delta", &loss->delta);
    pack_real(p, "p", &loss->p);
    pack_real(p, "cap", &loss->cap);
    pack_flag(p, "weights_given", &weighed);
    if (p->failed) return;
    double *weight = weighed ? room_for(p, r, loss->weight, 2 * d, sizeof *weight) : NULL;
    if (weighed && !p->failed) pack_reals(p, "weight", weight, 2 * d);
    loss->weight = weight;
    pack_count32(p, "bounds", &loss->bounds, BOUNDS_MOST);
    LagBound *bound = room_for(p, r, loss->bound, loss->bounds, sizeof *bound);
    for (uint32_t i = 0; i < loss->bounds && !p->failed; i++) {
        uint32_t bound_kind = bound[i].kind;
        pack_count32(p, "bound_parameter", &bound[i].parameter, PARAMETERS_MOST);
        pack_count32(p, "bound_kind", &bound_kind, LAG_BOUNDS - 1);
        if (p->reading) bound[i].kind = (LagBoundKind)bound_kind;
        pack_real(p, "bound_value", &bound[i].value);
    }
    loss->bound = bound;
}

void file_ask(Pack *p, Rooms *r, LagTrainAsk *ask, const LagKernel *kernel) {
    const size_t d = kernel->dof, m = kernel->parameter_count;
    uint32_t target = ask->target;
    char *about = (char *)ask->about;
    pack_word(p, FIRST_LINE);
    pack_exactly(p, "r", kernel->r);
    pack_text(p, "about", &about);
    if (p->reading && !p->failed) r->block[r->count++] = about;
    ask->about = about;
    pack_exactly(p, "coordinates", d);
    pack_exactly(p, "parameters", m);
    describe_prior(p, r, &ask->prior, d, m);
    pack_real(p, "dt", &ask->h);
    pack_count32(p, "steps", &ask->steps, UINT32_MAX - 1);
    describe_loss(p, r, &ask->loss, d);
    pack_count32(p, "target", &target, LAG_TARGETS - 1);
    ask->target = (LagTarget)target;
    pack_flag(p, "raw", &ask->raw);
    pack_count32(p, "layers", &ask->layers, NETWORK_LAYERS_MOST);
    pack_count32(p, "units", &ask->units, UINT32_MAX);
    pack_count32(p, "batch", &ask->batch, UINT32_MAX);
    pack_count(p, "samples", &ask->samples, UINT64_MAX);
    pack_count(p, "set", &ask->set, UINT64_MAX);
    pack_count32(p, "held", &ask->held, UINT32_MAX);
    pack_real(p, "rate", &ask->rate);
    pack_real(p, "clip", &ask->clip);
    pack_count(p, "seed", &ask->seed, UINT64_MAX);
}

/* ---- What was found ---- */

static void file_row(Pack *p, LagTrainRow *row) {
    pack_count(p, "row_samples", &row->samples, UINT64_MAX);
    pack_real(p, "row_loss", &row->loss);
    pack_real(p, "row_held_loss", &row->held_loss);
    pack_real(p, "row_rms_q", &row->rms_q);
    pack_real(p, "row_rms_pi", &row->rms_pi);
    pack_real(p, "row_rate", &row->rate);
}

void file_found(Pack *p, Found *f) {
    pack_reals(p, "scale", f->scale, f->columns);
    pack_count32(p, "parameters_by", &f->units, UNITS_MOST);
    pack_reals(p, "measure", f->weight, f->columns);
    pack_real(p, "measure_alpha", &f->measure.alpha);
    pack_real(p, "measure_beta", &f->measure.beta);
    pack_reals(p, "sigma_factor", f->factor, f->outputs);
    pack_real(p, "far", &f->far);
    file_row(p, &f->row);
    pack_floats(p, "best", f->best, f->weights);
}

/* ---- What it takes to go on ---- */

static void file_state(Pack *p, LagTrainer *t) {
    pack_count(p, "batches_done", &t->done, t->batches);
    pack_count(p, "skipped", &t->skipped, UINT64_MAX);
    pack_real(p, "sum", &t->sum);
    pack_count(p, "sum_count", &t->sum_count, UINT64_MAX);
    pack_size(p, "curve", &t->rows, CURVE_ROWS);
    pack_size(p, "best_row", &t->best_at, CURVE_ROWS);
    for (size_t i = 0; i < t->rows && !p->failed; i++) file_row(p, &t->row[i]);
    pack_count(p, "adam_steps", &t->adam.steps, UINT64_MAX);
    pack_real(p, "adam_b1", &t->adam.b1_to_steps);
    pack_real(p, "adam_b2", &t->adam.b2_to_steps);
    pack_floats(p, "adam_m", t->adam.m, t->adam.count);
    pack_floats(p, "adam_v", t->adam.v, t->adam.count);
    pack_floats(p, "weights", network_weights(t->network), t->adam.count);
}

LagStatus lag_trainer_save(const LagTrainer *trainer, void **bytes, size_t *size) {
    if (!trainer || !bytes || !size) return LAG_ERROR_ARGUMENT;
    LagTrainer copy = *trainer;
    Pack p = {0};
    file_ask(&p, NULL, &copy.ask, trainer->kernel);
    file_found(&p, &copy.found);
    file_state(&p, &copy);
    pack_sum(&p);
    if (p.failed) free(p.bytes);
    if (p.failed) return LAG_ERROR_MEMORY;
    *bytes = p.bytes;
    *size = p.size;
    return LAG_OK;
}

/* ---- Back ---- */

void rooms_free(Rooms *rooms) {
    for (size_t i = 0; i < rooms->count; i++) free(rooms->block[i]);
    rooms->count = 0;
}

bool file_is_whole(const void *bytes, size_t size, char *why) {
    if (size && pack_is_summed(bytes, size)) return true;
    bool ours = size >= strlen(FIRST_LINE) && memcmp(bytes, FIRST_LINE, strlen(FIRST_LINE)) == 0;
    snprintf(why, LAG_WHY, ours ? "it is cut short or changed" : "it is no network of this version of lag");
    return false;
}

uint32_t lag_network_r(const void *bytes, size_t size) {
    uint32_t r = LAG_R_NONE;
    Pack p = {.reading = true, .bytes = (char *)bytes, .size = bytes ? size : 0};
    pack_word(&p, FIRST_LINE);
    pack_count32(&p, "r", &r, LAG_R_MAX);
    return p.failed ? LAG_R_NONE : r;
}

LagStatus file_is_wrong(const Pack *p, char *why) {
    if (p->starved) return LAG_ERROR_MEMORY;
    snprintf(why, LAG_WHY, "what it has as '%s' is not what is wanted here", p->wrong);
    return LAG_ERROR_TEXT;
}

/* The line that is at `at`, for a message. */
static int line_size(const char *bytes, size_t size, size_t at) {
    enum { SHOWN = 80 };
    size_t end = at;
    while (end < size && bytes[end] != '\n' && end - at < SHOWN) end++;
    return (int)(end - at);
}

/* Whether bytes begin with just what is asked; else which line differs. */
static bool begins_with(const char *bytes, size_t size, const Pack *asked, char *why) {
    size_t at = 0, line = 0;
    while (at < asked->size && at < size && asked->bytes[at] == bytes[at]) {
        if (bytes[at++] == '\n') line = at;
    }
    if (at == asked->size) return true;
    snprintf(why, LAG_WHY, "it is of a training with '%.*s', and this one has '%.*s'", line_size(bytes, size, line),
             bytes + line, line_size(asked->bytes, asked->size, line), asked->bytes + line);
    return false;
}

static LagStatus go_on(LagTrainer *t, const char *bytes, size_t size, size_t from, char *why) {
    Pack p = {.reading = true, .bytes = (char *)bytes, .size = size, .at = from};
    file_found(&p, &t->found);
    file_state(&p, t);
    pack_sum(&p);
    return p.failed ? file_is_wrong(&p, why) : LAG_OK;
}

LagStatus lag_trainer_load(const LagKernel *kernel, const LagTrainAsk *ask, const void *bytes, size_t size, char *why,
                           LagTrainer **trainer) {
    if (!kernel || !ask || !bytes || !why || !trainer) return LAG_ERROR_ARGUMENT;
    LagTrainer *t;
    LagTrainAsk copy = *ask;
    Pack asked = {0};
    if (!file_is_whole(bytes, size, why)) return LAG_ERROR_TEXT;
    LagStatus status = lag_trainer_new(kernel, ask, &t);
    if (status != LAG_OK) return status;
    file_ask(&asked, NULL, &copy, kernel);
    if (asked.failed)
        status = LAG_ERROR_MEMORY;
    else if (!begins_with(bytes, size, &asked, why))
        status = LAG_ERROR_TEXT;
    else
        status = go_on(t, bytes, size, asked.size, why);
    free(asked.bytes);
    if (status == LAG_OK)
        *trainer = t;
    else
        lag_trainer_free(t);
    return status;
}
