/* fit.c: the verb `fit`. */
#include "tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* One fit, on its way. */
typedef struct Work {
    Tool *tool;
    const LagKernel *kernel;
    SeenRows rows;
    LagUnknown *unknown;    /* [k] */
    double *block, *c, *pi; /* what follows is cut from; [m] the guess; [d] */
    LagFitOut out;
    LagTermsOut terms;     /* of `by` */
    uint32_t k;            /* what is looked for */
    bool chooses;          /* which of it is there, `by` a criterion */
    bool velocity, pinned; /* the start is of velocities; or has been made one of momenta */
    time_t began, said;
} Work;

static bool work_new(Work *w, uint32_t k) {
    const size_t d = w->kernel->dof, m = w->kernel->parameter_count, square = (size_t)k * k;
    w->unknown = calloc(k, sizeof *w->unknown);
    double *at = w->block = calloc(m + d + 3 * k + 2 * square + 1, sizeof *at);
    w->terms.on = calloc(k, sizeof *w->terms.on);
    if (!w->unknown || !at || !w->terms.on) return false;
    w->c = at, at += m;
    w->pi = at, at += d;
    w->out.value = at, at += k;
    w->out.sigma = at, at += k;
    w->terms.without = at, at += k;
    w->out.correlation = at, at += square;
    w->out.unseen = at;
    return true;
}

static bool names_any(const LagStatement *s, LagItemKind kind) {
    for (uint32_t i = 0; i < s->item_count; i++)
        if (s->item[i].kind == kind) return true;
    return false;
}

/* On a terminal, after a second, how far it is; whether Ctrl-C was pressed. */
static bool watch(void *user, const LagFitProgress *progress) {
    Work *w = user;
    time_t now = time(NULL);
    if (now > w->began + 1 && now != w->said && !w->tool->options->quiet && isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%llu motions run", (unsigned long long)progress->evaluations);
        if (w->chooses) fprintf(stderr, ", %u of %u values looked for", progress->on, w->k);
        fputs("\033[K", stderr);
        fflush(stderr);
        w->said = now;
    }
    return stop_asked();
}

/* ---- What goes in ---- */

static bool is_named(const LagStatement *s, uint32_t parameter) {
    for (uint32_t i = 0; i < s->item_count; i++)
        if (s->item[i].kind == LAG_ITEM_PARAMETER && s->item[i].index == parameter) return true;
    return false;
}

/* The guess: what has a value; others must be among those looked for. */
static bool take_guess(Work *w, const LagStatement *s) {
    Tool *tool = w->tool;
    for (uint32_t j = 0; j < w->kernel->parameter_count; j++) {
        char why[TOOL_WHY];
        const char *name = lag_model_parameter(s->model, j);
        if (lag_session_get(tool->session, name, &w->c[j]) == LAG_OK) continue;
        w->c[j] = NAN;
        if (is_named(s, j)) continue;
        snprintf(why, sizeof why, "parameter '%.64s' has no value, and is not fitted", name);
        return tool_refuse(tool, s, why);
    }
    for (uint32_t i = 0; i < s->item_count; i++) w->unknown[i] = item_unknown(&s->item[i]);
    return true;
}

/* Where momenta of a start of velocities are looked for, it becomes one of momenta, by the guess. */
static bool take_start(Work *w, const LagStatement *s) {
    const Start *start = &w->tool->start;
    w->velocity = start->rate_is_velocity;
    if (names_any(s, LAG_ITEM_VELOCITY) && !w->velocity)
        return tool_refuse(w->tool, s, "the start gives momenta: name pi_NAME, and not a velocity");
    if (!w->velocity || !names_any(s, LAG_ITEM_MOMENTUM)) return true;
    double *c = calloc(w->kernel->parameter_count + 1, sizeof *c);
    if (!c) return tool_lacks_memory(w->tool, "the start"), false;
    for (uint32_t j = 0; j < w->kernel->parameter_count; j++) c[j] = isnan(w->c[j]) ? 1 : w->c[j];
    LagStatus status = lag_kernel_momentum(w->kernel, c, start->t, start->q, start->rate, w->pi);
    free(c);
    if (status != LAG_OK) return tool_refuse(w->tool, s, lag_status_text(status));
    w->velocity = false;
    w->pinned = true;
    return true;
}

static LagStatus run(Work *w, const LagStatement *s) {
    const Tool *tool = w->tool;
    const double *rate = w->pinned ? w->pi : tool->start.rate;
    LagFitAsk ask = {.motion = {.t = tool->start.t,
                                .h = tool->settings.dt,
                                .steps = w->rows.steps,
                                .c = w->c,
                                .q = tool->start.q,
                                .pi = w->velocity ? NULL : rate,
                                .v = w->velocity ? rate : NULL,
                                .seen = w->rows.seen,
                                .loss = &tool->seen.loss},
                     .unknowns = s->item_count,
                     .unknown = w->unknown,
                     .weigh = tool->seen.loss.kind == LAG_LOSS_L2 && !tool->seen.weighed,
                     .stop = watch,
                     .user = w};
    w->began = time(NULL);
    stop_later();
    LagStatus status = w->chooses ? lag_fit_terms(w->kernel, &ask, lag_criterion_named(s->word), &w->out, &w->terms)
                                  : lag_fit(w->kernel, &ask, &w->out);
    if (w->said) output_progress_end(w->tool);
    return status;
}

/* ---- What comes out ---- */

/* Fitted values become current; the motion is begun anew where its start is among them. */
static bool keep(Work *w, const LagStatement *s) {
    Tool *tool = w->tool;
    if (w->pinned) memcpy(tool->start.rate, w->pi, w->kernel->dof * sizeof *w->pi);
    if (w->pinned) tool->start.rate_is_velocity = false;
    for (uint32_t i = 0; i < s->item_count; i++) {
        const LagUnknown *u = &w->unknown[i];
        double value = w->out.value[i];
        if (u->kind == LAG_UNKNOWN_COORDINATE) tool->start.q[u->index] = value;
        if (u->kind == LAG_UNKNOWN_RATE) tool->start.rate[u->index] = value;
        if (u->kind != LAG_UNKNOWN_PARAMETER) continue;
        LagStatus status = lag_session_set(tool->session, lag_model_parameter(s->model, u->index), value);
        if (status == LAG_ERROR_MEMORY) return tool_lacks_memory(tool, "the values"), false;
    }
    tool_begin(tool);
    return true;
}

static void json_named(const LagStatement *s, const char *key, const double *value) {
    char name[TOOL_NAME];
    bool first = true;
    printf("%s{", key);
    for (uint32_t i = 0; i < s->item_count; i++) {
        if (!first) fputc(',', stdout);
        first = false;
        json_text(stdout, item_name(s->model, &s->item[i], name));
        fputc(':', stdout);
        json_number(stdout, value[i]);
    }
    fputs("}", stdout);
}

/* What was chosen: what is on, what is off, and what each is worth. */
static void json_terms(const Work *w, const LagStatement *s) {
    char name[TOOL_NAME];
    printf(",\"by\":\"%s\",\"criterion\":", s->word);
    json_number(stdout, w->terms.criterion);
    fputs(",\"criterion_all\":", stdout);
    json_number(stdout, w->terms.criterion_all);
    for (int on = 1; on >= 0; on--) {
        bool first = true;
        fputs(on ? ",\"kept\":[" : "],\"dropped\":[", stdout);
        for (uint32_t i = 0; i < s->item_count; i++) {
            if (w->terms.on[i] != on) continue;
            if (!first) fputc(',', stdout);
            first = false;
            json_text(stdout, item_name(s->model, &s->item[i], name));
        }
    }
    json_named(s, "],\"without\":", w->terms.without);
}

static void json_fit(const Work *w, const LagStatement *s, LagStatus status) {
    const LagFitOut *out = &w->out;
    const uint32_t k = s->item_count;
    fputs("{\"do\":\"fit\",", stdout);
    json_named(s, "\"values\":", out->value);
    json_named(s, ",\"sigma\":", out->sigma);
    fputs(",\"loss\":", stdout);
    json_number(stdout, out->loss);
    printf(",\"evaluations\":%llu,\"rows\":%zu,\"correlation\":[", (unsigned long long)out->evaluations, w->rows.seen.rows);
    for (uint32_t i = 0; i < k; i++) {
        if (i) fputc(',', stdout);
        json_numbers(stdout, out->correlation + (size_t)i * k, k);
    }
    fputs("],\"unseen\":[", stdout);
    for (uint32_t i = 0; i < out->unseen_count; i++) json_named(s, i ? "," : "", out->unseen + (size_t)i * k);
    fputs("]", stdout);
    if (w->chooses) json_terms(w, s);
    if (status != LAG_OK) {
        fputs(",\"status\":", stdout);
        json_text(stdout, lag_status_text(status));
    }
    fputs("}\n", stdout);
    fflush(stdout);
}

/* The largest correlations are worth a word: values that are known together rather than each. */
static void say_correlations(const Work *w, const LagStatement *s) {
    const uint32_t k = s->item_count;
    char a[TOOL_NAME], b[TOOL_NAME];
    for (uint32_t i = 0; i < k; i++)
        for (uint32_t j = 0; j < i; j++) {
            double r = w->out.correlation[(size_t)i * k + j];
            if (fabs(r) > 0.9)
                fprintf(w->tool->say, "  %s and %s are known together: correlation %.3f\n",
                        item_name(s->model, &s->item[j], a), item_name(s->model, &s->item[i], b), r);
        }
}

/* What was switched off. */
static void say_dropped(const Work *w, const LagStatement *s) {
    char name[TOOL_NAME];
    for (uint32_t i = 0; i < s->item_count; i++) {
        if (w->terms.on[i]) continue;
        fprintf(w->tool->say, "  %s = 0: switched off", item_name(s->model, &s->item[i], name));
        if (isfinite(w->terms.without[i])) fprintf(w->tool->say, "; with it %+.3g in %s", w->terms.without[i], s->word);
        fputs("\n", w->tool->say);
    }
    fprintf(w->tool->say, "  %s %.6g, with all of them %.6g\n", s->word, w->terms.criterion, w->terms.criterion_all);
}

static void say_fit(const Work *w, const LagStatement *s) {
    char name[TOOL_NAME];
    fprintf(w->tool->say, "loss %.10g, of %zu rows, after %llu motions\n", w->out.loss, w->rows.seen.rows,
            (unsigned long long)w->out.evaluations);
    for (uint32_t i = 0; i < s->item_count; i++) {
        if (w->chooses && !w->terms.on[i]) continue;
        fprintf(w->tool->say, "  %s = %.10g", item_name(s->model, &s->item[i], name), w->out.value[i]);
        if (isnan(w->out.sigma[i]))
            fputs(", which the data do not tell", w->tool->say);
        else
            fprintf(w->tool->say, " +- %.2g", w->out.sigma[i]);
        if (w->chooses && isfinite(w->terms.without[i]))
            fprintf(w->tool->say, "; without it %+.3g in %s", w->terms.without[i], s->word);
        fputs("\n", w->tool->say);
    }
    if (w->chooses) say_dropped(w, s);
    say_correlations(w, s);
}

/* What the data do not see is said whoever listens. */
static void warn_unseen(const Work *w, const LagStatement *s) {
    const uint32_t k = s->item_count;
    char name[TOOL_NAME];
    if (w->out.unseen_count == 0) return;
    fflush(w->tool->say);
    for (uint32_t i = 0; i < w->out.unseen_count; i++) {
        const double *by = w->out.unseen + (size_t)i * k;
        fprintf(stderr, "%s:%u: warning: fit: the data do not change when values move by", w->tool->name, s->line);
        for (uint32_t j = 0; j < k; j++)
            if (by[j] != 0) fprintf(stderr, " %+.4g in %s", by[j], item_name(s->model, &s->item[j], name));
        fputs(": what is given is one of many\n", stderr);
    }
    fputs("  give one of them its value and leave it out of the fit, or observe more\n", stderr);
}

bool verb_fit(Tool *tool, const LagProgram *program, const LagStatement *s) {
    Work w = {.tool = tool, .k = s->item_count, .chooses = s->word != NULL};
    char why[TOOL_WHY];
    (void)program;
    if (tool_passes_over(tool, s)) return true;
    if (tool->model != s->model) return tool_refuse(tool, s, "its start could not be made");
    LagStatus status = lag_model_kernel(s->model, tool->settings.r, tool->options->backend, &w.kernel);
    if (status != LAG_OK) return tool_refuse(tool, s, tool_why(s->model, status, why));
    if (!rows_take(tool, s, &w.rows)) return false;
    bool good = work_new(&w, s->item_count) || (tool_lacks_memory(tool, "the fit"), false);
    good = good && take_guess(&w, s) && take_start(&w, s);
    if (good) {
        status = run(&w, s);
        bool found = status == LAG_OK || (status == LAG_INTERRUPTED && isfinite(w.out.loss));
        if (found) good = keep(&w, s);
        if (found && tool->options->json) json_fit(&w, s, status);
        if (found && !tool->options->json && !tool->options->quiet) say_fit(&w, s);
        if (found && !tool->options->quiet) warn_unseen(&w, s);
        if (status == LAG_INTERRUPTED) {
            fprintf(stderr, "%s:%u: fit: interrupted: the best values so far are kept\n", tool->name, s->line);
            tool->stopped = true;
            tool_fails(tool, EXIT_INTERRUPTED);
        } else if (status != LAG_OK) {
            fprintf(stderr, "%s:%u: fit: there is no motion to fit from where it looked: %s\n", tool->name, s->line,
                    lag_status_text(status));
            tool->stopped = true; /* what would integrate with the values is passed over */
            tool_fails(tool, status == LAG_ERROR_MEMORY ? EXIT_TEXT : EXIT_STEP);
        }
    }
    free(w.unknown);
    free(w.terms.on);
    free(w.block);
    rows_free(&w.rows);
    return good;
}
