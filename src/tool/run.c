/* run.c: a text from reading to its end. */
#include "tool.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- --set ---- */

/* The value is a constant of the language, read in a session of its own. */
static bool apply_set(Tool *tool, const char *set) {
    LagSession *scratch = NULL;
    LagProgram *program = NULL;
    const LagStatement *s = NULL;
    double value = 0;
    LagStatus status = lag_session_new(LAG_ABI, &scratch);
    if (status == LAG_OK) status = lag_read(scratch, "--set", set, strlen(set), &program);
    bool good = status == LAG_OK && lag_program_count(program) == 1 &&
                (s = lag_program_statement(program, 0))->verb == LAG_VERB_DEFINE &&
                (status = lag_program_value(program, &s->item[0], &value)) == LAG_OK &&
                (status = lag_session_override(tool->session, s->word, value)) == LAG_OK;
    if (status == LAG_ERROR_MEMORY) {
        complain("--set %s: %s", set, lag_status_text(status));
    } else if (!good) {
        const LagDiagnostic *why = scratch ? lag_diagnostic(scratch, 0) : NULL;
        complain("--set %s: %s (it takes NAME=VALUE, the value a number)", set,
                 why && strchr(set, '=') ? why->message : "this gives no parameter a value");
    }
    lag_program_free(program);
    lag_session_free(scratch);
    return good;
}

static bool in_name(char c) { return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80; }

/* Whether a name of `size` bytes stands in a text as a whole word. */
static bool stands_in(const char *text, const char *name, size_t size) {
    for (const char *at = text; (at = strstr(at, name)); at++)
        if ((at == text || !in_name(at[-1])) && !in_name(at[size])) return true;
    return false;
}

/* A value that changes nothing is a slip of the pen. */
static void check_sets(Tool *tool, const LagProgram *program, const char *text) {
    for (int i = 0; i < tool->options->sets; i++) {
        const char *set = tool->options->set[i];
        size_t size = strcspn(set, "= \t");
        char *name = calloc(size + 1, 1);
        bool expression = false;
        if (!name) return tool_lacks_memory(tool, set);
        memcpy(name, set, size);
        for (size_t j = 0; j < lag_program_count(program); j++) {
            const LagStatement *s = lag_program_statement(program, j);
            expression |= s->verb == LAG_VERB_NAME && s->word && strcmp(s->word, name) == 0;
        }
        if (expression)
            complain("--set %s changes nothing: in %s, '%s' is an expression and no parameter", set, tool->name, name);
        else if (!stands_in(text, name, size))
            complain("--set %s changes nothing: there is no '%s' in %s", set, name, tool->name);
        free(name);
    }
}

/* ---- The tool ---- */

bool tool_init(Tool *tool, const Options *options) {
    bool to_people = !(options->output && strcmp(options->output, "-") == 0) && !options->json;
    *tool = (Tool){.options = options,
                   .say = to_people ? stdout : stderr,
                   .seen = {.loss = {.kind = LAG_LOSS_L2, .alpha = 1, .beta = 1, .delta = 1}},
                   .settings = {.r = LAG_R_DEFAULT, .dt = NAN, .until = NAN, .every = 1}};
    LagStatus status = lag_session_new(LAG_ABI, &tool->session);
    if (status != LAG_OK) {
        complain("%s", lag_status_text(status));
        tool->status = EXIT_TEXT;
        return false;
    }
    for (int i = 0; i < options->sets; i++)
        if (!apply_set(tool, options->set[i])) return tool->status = EXIT_USAGE, false;
    return true;
}

void tool_free(Tool *tool) {
    trajectory_free(&tool->last);
    observed_free(&tool->seen);
    family_forget(&tool->family);
    lag_model_release(tool->model);
    free(tool->q);
    lag_session_free(tool->session);
}

/* ---- Diagnostics ---- */

void tool_diagnostics(Tool *tool) {
    bool colour = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
    for (size_t i = 0; i < lag_diagnostic_count(tool->session); i++) {
        const LagDiagnostic *d = lag_diagnostic(tool->session, i);
        if (d->severity != LAG_ERROR && tool->options->quiet) continue;
        size_t size = lag_diagnostic_format(d, colour, NULL, 0) + 1;
        char *text = malloc(size);
        if (!text) return tool_lacks_memory(tool, tool->name);
        lag_diagnostic_format(d, colour, text, size);
        fputs(text, stderr);
        free(text);
    }
}

/* ---- Dumps ---- */

/* The r that the program integrates with, for dumps of a step. */
static LagStatus r_of(const Tool *tool, const LagProgram *program, uint32_t *r) {
    *r = tool->settings.r;
    for (size_t i = 0; i < lag_program_count(program); i++) {
        const LagStatement *s = lag_program_statement(program, i);
        for (uint32_t j = 0; j < s->item_count; j++) {
            double value;
            if (s->item[j].kind != LAG_ITEM_R) continue;
            LagStatus status = lag_program_value(program, &s->item[j], &value);
            if (status == LAG_OK) *r = (uint32_t)value;
            return status == LAG_ERROR_MEMORY ? status : LAG_OK;
        }
    }
    return LAG_OK;
}

LagStatus tool_view(const Tool *tool, const LagProgram *program, const LagModel *model, LagView view, uint32_t r,
                    char **text) {
    if (view == LAG_VIEW_TOKENS || view == LAG_VIEW_TREE) return lag_program_view(program, view, text);
    return model ? lag_model_view(model, view, r, tool->options->backend, text) : LAG_ERROR_ARGUMENT;
}

const char *tool_why(const LagModel *model, LagStatus status, char *why) {
    char reason[256];
    if (status != LAG_ERROR_BACKEND || !model) return lag_status_text(status);
    lag_model_reason(model, reason, sizeof reason);
    snprintf(why, TOOL_WHY, "%s: %s (--backend=auto integrates without)", lag_status_text(status), reason);
    return why;
}

static void print_dumps(Tool *tool, const LagProgram *program) {
    const LagModel *model = lag_program_model(program);
    for (int i = 0; i < tool->options->dumps; i++) {
        LagView view = tool->options->dump[i];
        char *text = NULL;
        if (tool->options->dumps > 1) fprintf(tool->say, "== %s ==\n", lag_view_name(view));
        uint32_t r;
        LagStatus status = r_of(tool, program, &r);
        if (status == LAG_OK) status = tool_view(tool, program, model, view, r, &text);
        if (status == LAG_OK) {
            fputs(text, tool->say);
        } else {
            char why[TOOL_WHY];
            complain("no %s: %s", lag_view_name(view),
                     status == LAG_ERROR_ARGUMENT ? "there is no Lagrangian" : tool_why(model, status, why));
            tool_fails(tool, EXIT_TEXT);
        }
        lag_text_free(text);
    }
}

/* ---- The text ---- */

static bool has_verb(const LagProgram *program, LagVerb verb) {
    for (size_t i = 0; i < lag_program_count(program); i++)
        if (lag_program_statement(program, i)->verb == verb) return true;
    return false;
}

/* Of a text that integrates nothing: `integrate` says its own. */
static void print_timings(const LagModel *model, FILE *out) {
    double seconds[PHASES];
    LagTimings none = {0};
    output_phases(model, &none, 0, seconds);
    output_timings(out, seconds);
}

/* Carries out a program's statements, knowing of each run what the text will still want of it. */
static void carry_out(Tool *tool, const LagProgram *program) {
    size_t count = lag_program_count(program), use = 0, energy = 0, run = 0; /* the last statement of each kind, from 1 */
    for (size_t i = 0; i < count; i++) {
        const LagStatement *s = lag_program_statement(program, i);
        if (s->verb == LAG_VERB_SAVE || s->verb == LAG_VERB_PLOT) use = i + 1;
        if (s->verb == LAG_VERB_INTEGRATE) run = i + 1;
        for (uint32_t j = 0; s->verb == LAG_VERB_PLOT && j < s->item_count; j++)
            if (s->item[j].kind == LAG_ITEM_ENERGY) energy = i + 1;
    }
    bool go_on = true;
    for (size_t i = 0; i < count && go_on; i++) {
        tool->wants = (Wants){tool->prompt || use > i, tool->prompt || energy > i, run > i + 1};
        go_on = verb_run(tool, program, lag_program_statement(program, i));
    }
}

void tool_text(Tool *tool, const char *name, const char *text, size_t size) {
    LagProgram *program = NULL;
    tool->name = name;
    if (!tool->prompt) stop_at_once(); /* there is nothing to keep yet */
    LagStatus status = lag_read(tool->session, name, text, size, &program);
    tool_diagnostics(tool);
    if (status != LAG_OK) {
        if (status != LAG_ERROR_TEXT) complain("%s: %s", name, lag_status_text(status));
        tool_fails(tool, EXIT_TEXT);
        return;
    }
    if (!tool->prompt && !tool->options->quiet) check_sets(tool, program, text);
    print_dumps(tool, program);
    if (!tool->options->check) carry_out(tool, program);
    if (tool->options->timings && (tool->options->check || !has_verb(program, LAG_VERB_INTEGRATE)) &&
        has_verb(program, LAG_VERB_LAGRANGIAN))
        print_timings(lag_program_model(program), tool->say);
    lag_program_free(program);
}

void tool_finish(Tool *tool) {
    const char *path = tool->options->output;
    if (!path || tool->options->check || tool->written) return;
    if (tool->last.rows) {
        if (!trajectory_save(&tool->last, path)) tool_fails(tool, EXIT_TEXT);
    } else if (tool->status == EXIT_GOOD) {
        complain("there is no trajectory to write to %s: nothing was integrated", path);
        tool_fails(tool, EXIT_TEXT);
    }
}
