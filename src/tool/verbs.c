/* verbs.c: a small table, statement by statement. A new verb is a row and a function. */
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Files of numbers ---- */

enum { TABLE_MOST = 1 << 30 };

/* Opens a file of numbers: where the path leads from here, or else from the folder of the text at hand. */
static FILE *open_table(const Tool *tool, const char *path) {
    const char *slash = tool->name ? strrchr(tool->name, '/') : NULL;
    FILE *in = fopen(path, "rb");
    if (in || errno != ENOENT || !slash || path[0] == '/') return in;
    int folder = (int)(slash - tool->name);
    size_t size = (size_t)folder + strlen(path) + 2;
    char *beside = malloc(size);
    if (!beside) return NULL;
    snprintf(beside, size, "%.*s/%s", folder, tool->name, path);
    in = fopen(beside, "rb");
    free(beside);
    return in;
}

char *tool_bytes(const Tool *tool, const char *path, size_t *size) {
    FILE *in = open_table(tool, path);
    char *bytes = in ? file_read(in, TABLE_MOST, size) : NULL;
    if (!bytes) complain("%s: %s", path, strerror(errno));
    if (in) fclose(in);
    return bytes;
}

LagTable *tool_table(Tool *tool, const LagModel *model, const char *path) {
    LagTable *table = NULL;
    size_t size;
    char *text = tool_bytes(tool, path, &size);
    LagStatus status = LAG_OK;
    if (text)
        status = model ? lag_table_read_motion(tool->session, model, path, text, size, &table)
                       : lag_table_read(tool->session, path, text, size, &table);
    if (status == LAG_ERROR_TEXT || (model && text && status == LAG_OK))
        tool_diagnostics(tool);
    else if (status != LAG_OK)
        complain("%s: %s", path, lag_status_text(status));
    free(text);
    return table;
}

/* ---- What can't be carried out ---- */

static const char *word_of(const LagStatement *s) {
    static const char *const word[] = {
        [LAG_VERB_INTEGRATE] = "integrate", [LAG_VERB_METHOD] = "method",     [LAG_VERB_LOSS] = "loss",
        [LAG_VERB_CONSTRAIN] = "constrain", [LAG_VERB_GRADIENT] = "gradient", [LAG_VERB_FIT] = "fit",
        [LAG_VERB_PRIOR] = "prior",         [LAG_VERB_TRAIN] = "train",       [LAG_VERB_PREDICT] = "predict"};
    return word[s->verb];
}

bool tool_refuse(Tool *tool, const LagStatement *s, const char *why) {
    fprintf(stderr, "%s:%u: %s: %s\n", tool->name, s->line, word_of(s), why);
    tool_fails(tool, EXIT_TEXT);
    return false;
}

bool tool_passes_over(Tool *tool, const LagStatement *s) {
    if (!tool->stopped && !stop_asked()) return false;
    fprintf(stderr, "%s:%u: %s: passed over, since the run before it was cut short\n", tool->name, s->line, word_of(s));
    if (stop_asked()) tool_fails(tool, EXIT_INTERRUPTED); /* between two statements */
    return true;
}

/* ---- Names ---- */

static bool run_define(Tool *tool, const LagProgram *program, const LagStatement *s) {
    double value;
    LagStatus status = lag_program_value(program, &s->item[0], &value);
    if (status == LAG_OK) status = lag_session_set(tool->session, s->word, value);
    if (status == LAG_ERROR_MEMORY) tool_lacks_memory(tool, s->word);
    return status != LAG_ERROR_MEMORY;
}

static bool run_name(Tool *tool, const LagProgram *program, const LagStatement *s) {
    (void)tool, (void)program, (void)s;
    return true;
}

/* ---- lagrangian ---- */

/* In a few words: what was shown of it. */
static void introduce_facts(const Tool *tool, const LagModel *model) {
    const LagFacts *f = lag_model_facts(model);
    fprintf(tool->say, "it is %s, %s, with %s mass%s\n", f->conservative ? "conservative" : "not conservative",
            f->quadratic ? "linear" : "nonlinear", f->constant_mass ? "constant" : "varying",
            f->autonomous ? "" : ", and depends on time");
    bool some = false;
    for (uint32_t k = 0; k < lag_model_dof(model); k++)
        if (f->cyclic[k]) {
            fprintf(tool->say, "%spi_%s", some ? ", " : "conserved: ", lag_model_coordinate(model, k));
            some = true;
        }
    if (some) fputs("\n", tool->say);
}

/* What a person is told of a Lagrangian just typed: what it is, and what to type next. */
static void introduce(Tool *tool, const LagModel *model) {
    char *equations = NULL;
    uint32_t lacking = 0;
    double ignored;
    fputs("coordinates:", tool->say);
    for (uint32_t k = 0; k < lag_model_dof(model); k++) fprintf(tool->say, " %s", lag_model_coordinate(model, k));
    if (lag_model_parameter_count(model)) fputs("   parameters:", tool->say);
    for (uint32_t i = 0; i < lag_model_parameter_count(model); i++) fprintf(tool->say, " %s", lag_model_parameter(model, i));
    fputs("\n", tool->say);
    if (lag_model_view(model, LAG_VIEW_EQUATIONS, 0, LAG_BACKEND_INTERPRETER, &equations) == LAG_OK)
        fputs(equations, tool->say);
    else
        tool_lacks_memory(tool, "the equations");
    lag_text_free(equations);
    introduce_facts(tool, model);
    for (uint32_t i = 0; i < lag_model_parameter_count(model); i++) {
        const char *name = lag_model_parameter(model, i);
        if (lag_session_get(tool->session, name, &ignored) == LAG_OK) continue;
        fprintf(tool->say, "%s%s = ...", lacking++ ? "; " : "next: ", name);
    }
    const char *x = lag_model_coordinate(model, 0);
    fprintf(tool->say, "%sstart %s = ..., %sd = ...; integrate dt = 0.1, steps = 1000; plot %s\n",
            lacking ? "; " : "next: ", x, x, x);
}

bool tool_take_model(Tool *tool, const LagModel *model) {
    size_t d = lag_model_dof(model);
    double *q = calloc(4 * d, sizeof *q);
    if (!q) return false;
    lag_model_hold(model);
    lag_model_release(tool->model);
    free(tool->q);
    tool->model = model;
    tool->q = q;
    tool->rate = q + d;
    tool->start = (Start){.q = q + 2 * d, .rate = q + 3 * d};
    observed_forget(&tool->seen);
    family_forget(&tool->family);
    tool->told = (LagTimings){0};
    tool->stopped = stop_asked();
    return true;
}

void tool_begin(Tool *tool) {
    size_t size = lag_model_dof(tool->model) * sizeof *tool->q;
    memcpy(tool->q, tool->start.q, size);
    memcpy(tool->rate, tool->start.rate, size);
    tool->t = tool->start.t;
    tool->rate_is_velocity = tool->start.rate_is_velocity;
    tool->stopped = stop_asked(); /* another motion, whatever became of the last */
}

static bool run_lagrangian(Tool *tool, const LagProgram *program, const LagStatement *s) {
    (void)program;
    if (!tool_take_model(tool, s->model)) return tool_lacks_memory(tool, "the state"), false;
    if (tool->prompt && !tool->options->json && !tool->options->quiet) introduce(tool, s->model);
    return true;
}

/* ---- start ---- */

/* After a start that could not be made: there is no state to go on from. */
static void lose_state(Tool *tool) {
    lag_model_release(tool->model);
    tool->model = NULL;
}

static bool run_start(Tool *tool, const LagProgram *program, const LagStatement *s) {
    if (tool->model != s->model && !tool_take_model(tool, s->model)) return tool_lacks_memory(tool, "the state"), false;
    Start *start = &tool->start;
    memset(start->q, 0, 2 * (size_t)lag_model_dof(tool->model) * sizeof *start->q); /* and the rate behind it */
    start->t = 0;
    start->observed = false;
    start->known = start->rate_is_velocity = true; /* what is not named has velocity 0, unless momenta are named */
    for (uint32_t i = 0; i < s->item_count; i++) {
        double value;
        LagStatus status = lag_program_value(program, &s->item[i], &value);
        if (status != LAG_OK) {
            fprintf(stderr, "%s:%u: start: %s\n", tool->name, s->line, lag_status_text(status));
            tool_fails(tool, EXIT_TEXT);
            lose_state(tool);
            return false;
        }
        switch (s->item[i].kind) {
        case LAG_ITEM_TIME: start->t = value; break;
        case LAG_ITEM_COORDINATE: start->q[s->item[i].index] = value; break;
        case LAG_ITEM_MOMENTUM: start->rate_is_velocity = false; /* fall through */
        default: start->rate[s->item[i].index] = value;
        }
    }
    tool_begin(tool);
    return true;
}

/* ---- save, show; plot has a file of its own ---- */

static bool run_save(Tool *tool, const LagProgram *program, const LagStatement *s) {
    (void)program;
    if (!tool->last.rows || !trajectory_save(&tool->last, s->word)) {
        if (!tool->last.rows) complain("there is nothing to save in %s", s->word);
        tool_fails(tool, EXIT_TEXT);
        return true;
    }
    if (tool->options->json) {
        fputs("{\"do\":\"save\",\"file\":", stdout);
        json_text(stdout, s->word);
        printf(",\"rows\":%zu}\n", tool->last.rows);
    } else if (!tool->options->quiet) {
        fprintf(tool->say, "%zu row%s in %s\n", tool->last.rows, tool->last.rows == 1 ? "" : "s", s->word);
    }
    return true;
}

/* Parameters with their values, as statements that could be typed. Allocated. */
static char *parameters_text(const Tool *tool, const LagModel *model) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) return NULL;
    for (uint32_t i = 0; i < lag_model_parameter_count(model); i++) {
        double value;
        const char *name = lag_model_parameter(model, i);
        bool given = lag_session_get(tool->session, name, &value) == LAG_OK;
        fprintf(out, given ? "%s = " : "%s has no value", name);
        if (given) print_number(out, value);
        fputc('\n', out);
    }
    if (!lag_model_parameter_count(model)) fputs("no parameters\n", out);
    bool good = !ferror(out);
    if (fclose(out) == 0 && good) return text;
    free(text);
    return NULL;
}

static bool run_show(Tool *tool, const LagProgram *program, const LagStatement *s) {
    char *text = NULL;
    LagView view = lag_view_named(s->word);
    bool own = strcmp(s->word, "parameters") == 0;
    LagStatus status = LAG_OK;
    if (own)
        text = parameters_text(tool, s->model);
    else
        status = tool_view(tool, program, s->model, view, tool->settings.r, &text);
    if (!text) {
        char why[TOOL_WHY];
        complain("show %s: %s", s->word, tool_why(s->model, status == LAG_OK ? LAG_ERROR_MEMORY : status, why));
        tool_fails(tool, EXIT_TEXT);
    } else if (tool->options->json) {
        fputs("{\"do\":\"show\",\"what\":", stdout);
        json_text(stdout, s->word);
        fputs(",\"text\":", stdout);
        json_text(stdout, text);
        fputs("}\n", stdout);
    } else {
        fputs(text, tool->say);
    }
    if (own)
        free(text);
    else
        lag_text_free(text);
    return true;
}

bool verb_run(Tool *tool, const LagProgram *program, const LagStatement *s) {
    static bool (*const run[])(Tool *, const LagProgram *, const LagStatement *) = {
        [LAG_VERB_DEFINE] = run_define,
        [LAG_VERB_NAME] = run_name,
        [LAG_VERB_LAGRANGIAN] = run_lagrangian,
        [LAG_VERB_START] = run_start,
        [LAG_VERB_INTEGRATE] = verb_integrate,
        [LAG_VERB_METHOD] = verb_method,
        [LAG_VERB_SAVE] = run_save,
        [LAG_VERB_SHOW] = run_show,
        [LAG_VERB_PLOT] = verb_plot,
        [LAG_VERB_DATA] = verb_data,
        [LAG_VERB_LOSS] = verb_loss,
        [LAG_VERB_CONSTRAIN] = verb_constrain,
        [LAG_VERB_GRADIENT] = verb_gradient,
        [LAG_VERB_FIT] = verb_fit,
        [LAG_VERB_PRIOR] = verb_prior,
        [LAG_VERB_TRAIN] = verb_train,
        [LAG_VERB_PREDICT] = verb_predict,
    };
    return run[s->verb](tool, program, s);
}
