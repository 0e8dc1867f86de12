/* train.c: the verbs `prior` and `train`. */
#include "tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- prior ---- */

void family_forget(Family *family) {
    free(family->draw);
    free(family->together);
    free(family->which);
    *family = (Family){0};
}

/* One item of a prior. A share belongs to what stands before it: names that are 0 together, or a draw. */
static void take_item(Family *f, const LagItem *item, double value, uint32_t *names) {
    switch (item->kind) {
    case LAG_ITEM_HIGH: f->draw[f->draws - 1].high = value, f->draw[f->draws - 1].log = item->index == 1; break;
    case LAG_ITEM_TOGETHER: f->which[(*names)++] = item->index; break;
    case LAG_ITEM_ZERO:
        if (item[-1].kind == LAG_ITEM_TOGETHER)
            f->togethers++;
        else
            f->draw[f->draws - 1].zero = value / 100;
        break;
    default: f->draw[f->draws++] = (LagDraw){item_unknown(item), value, value, 0, false};
    }
    if (item->kind == LAG_ITEM_TOGETHER) {
        LagTogether *t = &f->together[f->togethers];
        if (item[-1].kind != LAG_ITEM_TOGETHER) *t = (LagTogether){0, 0, &f->which[*names - 1]};
        t->count++;
    } else if (item->kind == LAG_ITEM_ZERO && item[-1].kind == LAG_ITEM_TOGETHER) {
        f->together[f->togethers - 1].share = value / 100;
    }
}

bool verb_prior(Tool *tool, const LagProgram *program, const LagStatement *s) {
    if (tool->model != s->model && !tool_take_model(tool, s->model)) return tool_lacks_memory(tool, "the state"), false;
    Family family = {calloc(s->item_count, sizeof *family.draw), calloc(s->item_count, sizeof *family.together),
                     calloc(s->item_count, sizeof *family.which), 0, 0};
    LagStatus status = family.draw && family.together && family.which ? LAG_OK : LAG_ERROR_MEMORY;
    uint32_t names = 0;
    for (uint32_t i = 0; i < s->item_count && status == LAG_OK; i++) {
        double value = 0;
        if (s->item[i].kind != LAG_ITEM_TOGETHER) status = lag_program_value(program, &s->item[i], &value);
        if (status == LAG_OK) take_item(&family, &s->item[i], value, &names);
    }
    family_forget(status == LAG_OK ? &tool->family : &family);
    if (status != LAG_OK) return tool_refuse(tool, s, lag_status_text(status));
    tool->family = family;
    return true;
}

/* ---- train: what is asked ---- */

char *train_about(const LagModel *model) {
    char *equations = NULL, *about = NULL;
    if (lag_model_view(model, LAG_VIEW_EQUATIONS, 0, LAG_BACKEND_INTERPRETER, &equations) != LAG_OK) return NULL;
    size_t size = strlen(lag_model_text(model)) + strlen(equations) + 16;
    about = malloc(size);
    if (about) snprintf(about, size, "%s   so that   %s", lag_model_text(model), equations);
    for (char *c = about; c && *c; c++)
        if (*c == '\n') *c = c[1] ? ';' : 0;
    lag_text_free(equations);
    return about;
}

/* One training, on its way. */
typedef struct Work {
    Tool *tool;
    const LagStatement *statement;
    const LagKernel *kernel;
    LagTrainAsk ask;
    double *c; /* [m] */
    char *about;
    LagTrainer *trainer;
    const char *network; /* the file */
    double seconds;      /* spent so far */
    uint64_t begun;      /* batches that were taken before */
} Work;

/* Values of parameters; one that is drawn needs none. */
static bool take_values(Work *w) {
    const Family *f = &w->tool->family;
    const LagModel *model = w->statement->model;
    uint32_t m = lag_model_parameter_count(model);
    w->c = calloc(m + 1, sizeof *w->c);
    if (!w->c) return tool_lacks_memory(w->tool, "the training"), false;
    for (uint32_t j = 0; j < m; j++) {
        bool drawn = false;
        for (uint32_t i = 0; i < f->draws; i++)
            drawn = drawn || (f->draw[i].what.kind == LAG_UNKNOWN_PARAMETER && f->draw[i].what.index == j);
        if (drawn || lag_session_get(w->tool->session, lag_model_parameter(model, j), &w->c[j]) == LAG_OK) continue;
        char why[TOOL_WHY];
        snprintf(why, sizeof why, "parameter '%.64s' has no value, and is not drawn", lag_model_parameter(model, j));
        return tool_refuse(w->tool, w->statement, why);
    }
    return true;
}

/* Where a setting goes, and as what. */
static void set_number(LagTrainAsk *ask, LagItemKind kind, double value) {
    switch (kind) {
    case LAG_ITEM_UNITS: ask->units = (uint32_t)value; break;
    case LAG_ITEM_LAYERS: ask->layers = (uint32_t)value; break;
    case LAG_ITEM_BATCH: ask->batch = (uint32_t)value; break;
    case LAG_ITEM_SAMPLES: ask->samples = (uint64_t)value; break;
    case LAG_ITEM_SET: ask->set = (uint64_t)value; break;
    case LAG_ITEM_HELD: ask->held = (uint32_t)value; break;
    case LAG_ITEM_RATE: ask->rate = value; break;
    case LAG_ITEM_CLIP: ask->clip = value; break;
    case LAG_ITEM_SEED: ask->seed = (uint64_t)value; break;
    default: ask->threads = (uint32_t)value; break;
    }
}

static bool take_settings(Work *w, const LagProgram *program) {
    const LagStatement *s = w->statement;
    for (uint32_t i = 0; i < s->item_count; i++) {
        const LagItem *item = &s->item[i];
        double value;
        if (item->kind == LAG_ITEM_FILE && item->index == LAG_TRAIN_NETWORK) w->network = item->text;
        if (item->kind == LAG_ITEM_TARGET) w->ask.target = (LagTarget)item->index;
        if (item->kind == LAG_ITEM_BOUNDS) w->ask.raw = item->index == 1;
        if (item->kind == LAG_ITEM_FILE || item->kind == LAG_ITEM_TARGET || item->kind == LAG_ITEM_BOUNDS) continue;
        LagStatus status = lag_program_value(program, item, &value);
        if (status != LAG_OK) return tool_refuse(w->tool, s, lag_status_text(status));
        set_number(&w->ask, item->kind, value);
    }
    if (w->ask.samples < w->ask.batch) w->ask.batch = (uint32_t)w->ask.samples;
    return true;
}

/* Steps of a motion, as `method` has them. */
static uint32_t steps_of(const Settings *set, double start) {
    double steps = isnan(set->until) ? (double)set->steps : floor((set->until - start) / set->dt + 1e-9);
    return steps >= 1 && steps <= 1e6 ? (uint32_t)steps : 0;
}

static bool take_ask(Work *w, const LagProgram *program) {
    Tool *tool = w->tool;
    const Start *start = &tool->start;
    const Family *f = &tool->family;
    if (!start->known) return tool_refuse(tool, w->statement, "there is no start: say start");
    w->ask = (LagTrainAsk){.prior = {.t = start->t,
                                     .q = start->q,
                                     .pi = start->rate_is_velocity ? NULL : start->rate,
                                     .v = start->rate_is_velocity ? start->rate : NULL,
                                     .draws = f->draws,
                                     .togethers = f->togethers,
                                     .draw = f->draw,
                                     .together = f->together},
                           .h = tool->settings.dt,
                           .steps = steps_of(&tool->settings, start->t),
                           .loss = tool->seen.loss,
                           .layers = 1,
                           .units = 64,
                           .batch = 64,
                           .samples = 500000,
                           .held = 4096,
                           .rate = 6e-3,
                           .clip = 1,
                           .seed = 1};
    bool names = false;
    for (uint32_t i = 0; i < f->draws; i++) names = names || f->draw[i].what.kind == LAG_UNKNOWN_PARAMETER;
    if (!names) return tool_refuse(tool, w->statement, "the prior draws no parameter: there is nothing to name");
    if (w->ask.steps == 0) return tool_refuse(tool, w->statement, "a motion is of 1 to 1e6 steps");
    if (!tool->seen.weighed) w->ask.loss.alpha = w->ask.loss.beta = NAN;
    if (!take_values(w) || !take_settings(w, program)) return false;
    w->ask.prior.c = w->c;
    w->ask.about = w->about = train_about(w->statement->model);
    if (!w->about) return tool_lacks_memory(tool, "the training"), false;
    return true;
}

/* ---- train: on its way ---- */

static double now(void) {
    struct timespec t;
    return clock_gettime(CLOCK_MONOTONIC, &t) == 0 ? (double)t.tv_sec + 1e-9 * (double)t.tv_nsec : 0;
}

static bool write_network(const Work *w) {
    void *bytes;
    size_t size;
    FileOut file;
    if (lag_trainer_save(w->trainer, &bytes, &size) != LAG_OK) return tool_lacks_memory(w->tool, w->network), false;
    bool good = file_begin(&file, w->network);
    if (good) fwrite(bytes, 1, size, file.stream); /* a failure shows in the end */
    good = good && file_finish(&file);
    free(bytes);
    return good;
}

static void say_progress(const Work *w, const LagTrainReport *report) {
    char held[80] = "";
    const LagTrainRow *row = report->rows ? &report->row[report->rows - 1] : NULL;
    const uint64_t batch = w->ask.batch;
    if (row) snprintf(held, sizeof held, "; held out: rms q %.2g, pi %.2g", row->rms_q, row->rms_pi);
    output_progress(
        w->tool, w->seconds,
        (Progress){"samples", report->done * batch, report->batches * batch, (report->done - w->begun) * batch, held});
}

/* To the end, or to Ctrl-C. What there is is written now and then. */
static LagStatus run(Work *w, bool *written) {
    enum { OFTEN = 30, SOON = 1 }; /* seconds */
    double begun = now(), said = begun, saved = begun;
    LagStatus status = LAG_OK;
    LagTrainReport report;
    lag_trainer_report(w->trainer, &report);
    w->begun = report.done;
    *written = true;
    stop_later();
    while (status == LAG_OK && *written) {
        status = stop_asked() ? LAG_INTERRUPTED : lag_trainer_run(w->trainer, 1);
        double at = now();
        w->seconds = at - begun;
        lag_trainer_report(w->trainer, &report);
        if (report.done == report.batches) break;
        if (at - said > SOON) say_progress(w, &report), said = at;
        bool first = report.done == w->begun + 1; /* so that a place that can't be written to costs no work */
        if (first || at - saved > OFTEN) *written = write_network(w), saved = now();
    }
    output_progress_end(w->tool);
    return status;
}

/* ---- train: what comes out ---- */

static void say_training(const Work *w, const LagTrainReport *r) {
    FILE *say = w->tool->say;
    const LagTrainRow *best = &r->row[r->best];
    fprintf(say, "%zu weights, %llu samples in ", r->weights, (unsigned long long)(r->done * w->ask.batch));
    output_seconds(say, w->seconds);
    if (w->seconds > 0) fprintf(say, ", %.3g a second", (double)((r->done - w->begun) * w->ask.batch) / w->seconds);
    fprintf(say, "\n  of %u motions held out: rms q %.3g, pi %.3g, loss %.4g\n", w->ask.held, best->rms_q, best->rms_pi,
            best->held_loss);
    if (r->skipped)
        fprintf(say, "  %llu batches had no finite derivative, and were passed over\n", (unsigned long long)r->skipped);
    fprintf(say, "  the network is in %s\n", w->network);
}

static void json_training(const Work *w, const LagTrainReport *r) {
    const LagTrainRow *best = &r->row[r->best];
    printf("{\"do\":\"train\",\"samples\":%llu,\"weights\":%zu,\"skipped\":%llu,\"seconds\":",
           (unsigned long long)(r->done * w->ask.batch), r->weights, (unsigned long long)r->skipped);
    json_number(stdout, w->seconds);
    fputs(",\"rms_q\":", stdout);
    json_number(stdout, best->rms_q);
    fputs(",\"rms_pi\":", stdout);
    json_number(stdout, best->rms_pi);
    fputs(",\"held_loss\":", stdout);
    json_number(stdout, best->held_loss);
    fputs(",\"file\":", stdout);
    json_text(stdout, w->network);
    fputs("}\n", stdout);
    fflush(stdout);
}

static bool write_table(const char *path, const LagTrainReport *r) {
    FileOut file;
    if (!file_begin(&file, path)) return false;
    fputs("samples,loss,held_loss,rms_q,rms_pi,rate\n", file.stream);
    for (size_t i = 0; i < r->rows; i++) {
        const LagTrainRow *row = &r->row[i];
        fprintf(file.stream, "%llu,", (unsigned long long)row->samples);
        if (isfinite(row->loss)) fprintf(file.stream, "%.17g", row->loss);
        fprintf(file.stream, ",%.17g,%.17g,%.17g,%.17g\n", row->held_loss, row->rms_q, row->rms_pi, row->rate);
    }
    return file_finish(&file);
}

static bool write_picture(const char *path, const LagTrainReport *r) {
    static const char *const label[] = {"loss", "held out: loss", "rms q", "rms pi"};
    double *x = malloc((5 * r->rows + 1) * sizeof *x), *y = x + r->rows;
    if (!x) return complain("%s: no memory", path), false;
    const double *curve[] = {y, y + r->rows, y + 2 * r->rows, y + 3 * r->rows};
    for (size_t i = 0; i < r->rows; i++) {
        const LagTrainRow *row = &r->row[i];
        x[i] = (double)row->samples;
        y[i] = row->loss, y[r->rows + i] = row->held_loss;
        y[2 * r->rows + i] = row->rms_q, y[3 * r->rows + i] = row->rms_pi;
    }
    bool good = plot_curves(path, "samples", r->rows, x, 4, label, curve);
    free(x);
    return good;
}

static bool write_all(const Work *w, const LagTrainReport *r) {
    bool good = write_network(w);
    for (uint32_t i = 0; i < w->statement->item_count; i++) {
        const LagItem *item = &w->statement->item[i];
        if (item->kind != LAG_ITEM_FILE) continue;
        if (item->index == LAG_TRAIN_TABLE) good = write_table(item->text, r) && good;
        if (item->index == LAG_TRAIN_PICTURE) good = write_picture(item->text, r) && good;
    }
    return good;
}

/* A training that begins with the weights of another; false where they don't fit. */
static bool begin_with(Work *w, const char *bytes, size_t size, const char *why) {
    const LagStatement *s = w->statement;
    char ignored[LAG_WHY];
    LagNetwork *network = NULL;
    bool good = lag_network_load(w->kernel, 1, bytes, size, ignored, &network) == LAG_OK &&
                lag_trainer_new(w->kernel, &w->ask, &w->trainer) == LAG_OK &&
                lag_trainer_begin(w->trainer, network) == LAG_OK;
    lag_network_free(network);
    if (good && !w->tool->options->quiet)
        fprintf(stderr, "%s:%u: note: train: begins with the weights of %s: %s\n", w->tool->name, s->line, s->word, why);
    return good;
}

/* A training, or one that goes on. */
static bool begin(Work *w) {
    const LagStatement *s = w->statement;
    char why[LAG_WHY] = "", *bytes = NULL;
    size_t size;
    LagStatus status;
    if (s->word && !(bytes = tool_bytes(w->tool, s->word, &size))) return tool_fails(w->tool, EXIT_TEXT), false;
    if (bytes)
        status = lag_trainer_load(w->kernel, &w->ask, bytes, size, why, &w->trainer);
    else
        status = lag_trainer_new(w->kernel, &w->ask, &w->trainer);
    if (status == LAG_ERROR_TEXT && begin_with(w, bytes, size, why)) status = LAG_OK;
    free(bytes);
    if (status == LAG_OK) return true;
    if (status != LAG_ERROR_TEXT) return tool_refuse(w->tool, s, lag_status_text(status));
    fprintf(stderr, "%s:%u: train: can't go on from %s: %s\n", w->tool->name, s->line, s->word, why);
    tool_fails(w->tool, EXIT_TEXT);
    return false;
}

static void say_interrupted(const Work *w, const LagTrainReport *r) {
    fprintf(stderr, "%s:%u: train: interrupted after %llu of %llu samples", w->tool->name, w->statement->line,
            (unsigned long long)(r->done * w->ask.batch), (unsigned long long)(r->batches * w->ask.batch));
    if (r->rows) fprintf(stderr, ": train ..., from \"%s\" goes on", w->network);
    fputs("\n", stderr);
}

/* Before the training: a place that can't be written to costs no work. */
static bool write_sets(const Work *w) {
    bool good = true;
    stop_later();
    for (uint32_t i = 0; i < w->statement->item_count && good; i++) {
        const LagItem *item = &w->statement->item[i];
        if (item->kind != LAG_ITEM_FILE || item->index != LAG_TRAIN_SET) continue;
        good = w->ask.set > 0 ? set_write(w->statement->model, w->kernel, &w->ask, item->text)
                              : tool_refuse(w->tool, w->statement, "there is no set to be kept: set is 0");
    }
    return good;
}

static bool train(Work *w) {
    Tool *tool = w->tool;
    LagTrainReport report;
    bool written;
    if (!begin(w)) return false;
    if (!write_sets(w)) {
        tool->stopped = stop_asked();
        return tool_fails(tool, tool->stopped ? EXIT_INTERRUPTED : EXIT_TEXT), false;
    }
    LagStatus status = run(w, &written);
    bool ended = status == LAG_OK || status == LAG_INTERRUPTED;
    lag_trainer_report(w->trainer, &report);
    if (written && ended && report.rows) written = write_all(w, &report);
    if (!written) return tool_fails(tool, EXIT_TEXT), false;
    if (!ended) return tool_refuse(tool, w->statement, lag_status_text(status));
    if (report.rows && tool->options->json) json_training(w, &report);
    if (report.rows && !tool->options->json && !tool->options->quiet) say_training(w, &report);
    if (status == LAG_OK) return true;
    say_interrupted(w, &report);
    tool->stopped = true;
    tool_fails(tool, EXIT_INTERRUPTED);
    return true;
}

bool verb_train(Tool *tool, const LagProgram *program, const LagStatement *s) {
    Work w = {.tool = tool, .statement = s};
    char why[TOOL_WHY];
    if (tool_passes_over(tool, s)) return true;
    if (tool->model != s->model) return tool_refuse(tool, s, "its start could not be made");
    LagStatus status = lag_model_kernel(s->model, tool->settings.r, tool->options->backend, &w.kernel);
    if (status != LAG_OK) return tool_refuse(tool, s, tool_why(s->model, status, why));
    bool good = take_ask(&w, program) && train(&w);
    lag_trainer_free(w.trainer);
    free(w.c);
    free(w.about);
    return good;
}
