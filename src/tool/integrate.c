/* integrate.c: the verbs `integrate` and `method`. A run goes in pieces, so that Ctrl-C ends it between two of them with all
 * that is done kept. */
#include "tool.h"

#include <math.h>
#include <stdlib.h>

#define PIECE_SECONDS 0.05
#define ROWS_BYTES 0x1p29       /* most memory that rows may take: 512 MiB */
enum { STREAM_ROWS = 1 << 16 }; /* most rows that wait to be written */

/* Where the rows of a run go: into memory, where something will be made of them, and into -o as they come. */
typedef struct Keep {
    bool in_memory, to_file;
    TrajectoryOut out;
} Keep;

/* ---- Settings ---- */

/* Says why a statement can't be carried out. */
static bool take_settings(Tool *tool, const LagProgram *program, const LagStatement *s) {
    Settings *set = &tool->settings;
    set->tol = 0, set->r_given = set->dt_given = false;
    for (uint32_t i = 0; i < s->item_count; i++) {
        double value = 0;
        LagItemKind kind = s->item[i].kind;
        LagStatus status = kind == LAG_ITEM_METHOD ? LAG_OK : lag_program_value(program, &s->item[i], &value);
        if (status != LAG_OK) return tool_refuse(tool, s, lag_status_text(status));
        if (kind == LAG_ITEM_METHOD) set->method = (LagMethod)s->item[i].index;
        if (kind == LAG_ITEM_R) set->r = (uint32_t)value, set->r_given = true;
        if (kind == LAG_ITEM_DT) set->dt = value, set->dt_given = true;
        if (kind == LAG_ITEM_TOL) set->tol = value;
        if (kind == LAG_ITEM_EVERY) set->every = (uint64_t)value;
        if (kind == LAG_ITEM_STEPS) set->steps = (uint64_t)value, set->until = NAN;
        if (kind == LAG_ITEM_UNTIL) set->until = value;
    }
    return true;
}

/* How many steps: as chosen or told, or the whole steps that fit before `until`, within 1e-9 of one. */
static bool count_steps(Tool *tool, const LagStatement *s, const LagChoice *choice, bool in_memory, uint64_t *steps) {
    const Settings *set = &tool->settings;
    double count = isnan(set->until) ? (double)set->steps : floor((set->until - tool->t) / set->dt + 1e-9);
    if (set->tol > 0) count = (double)choice->steps;
    double row = (2 + 2 * (double)lag_model_dof(s->model)) * sizeof(double);
    if (count > 1e15) return tool_refuse(tool, s, "until is more than 1e15 steps away");
    if (!(count >= 1)) return tool_refuse(tool, s, "until is less than one step ahead, in the direction of dt");
    *steps = (uint64_t)count;
    if (!in_memory || (floor(count / (double)set->every) + 1) * row <= ROWS_BYTES) return true;
    return tool_refuse(
        tool, s,
        "the rows of this run would take more than 512 MiB of memory: keep fewer of them, with every = K, or write "
        "them with -o FILE alone");
}

/* ---- The run ---- */

/* Rows that a piece has added leave for where they go. */
static bool pass_on(Tool *tool, Keep *keep, size_t from) {
    Trajectory *tr = &tool->last;
    bool good = !keep->to_file || tr->rows == from || trajectory_write(&keep->out, tr, from);
    if (!keep->in_memory) tr->rows = 0;
    return good;
}

static bool keeps_any(const Keep *keep) { return keep->in_memory || keep->to_file; }

/* How many steps to take at once: `piece`, as whole rows, or, where one row takes longer, a part of one: `every` counts
 * within one call, so that a part keeps its last step if it ends a row, and otherwise none. *each: the steps from one
 * kept to the next. */
static uint64_t next_piece(const Tool *tool, const Keep *keep, uint64_t piece, uint64_t done, uint64_t steps,
                           uint64_t *each) {
    const uint64_t every = tool->settings.every;
    uint64_t left = every - done % every, now = piece < steps - done ? piece : steps - done;
    *each = every;
    if (!keeps_any(keep)) return now;
    if (left < every || now < every) {
        *each = left;
        return now < left ? now : left;
    }
    if (!keep->in_memory && now / every > STREAM_ROWS) now = every * STREAM_ROWS;
    return now - now % every;
}

/* Steps in pieces of about PIECE_SECONDS. *lost: they ended because rows could not be written. */
static LagStatus advance(Tool *tool, LagIntegrator *it, uint64_t steps, Keep *keep, Doubt *doubt, bool *lost) {
    uint64_t piece = 1, done = 0, each;
    lag_integrator_expect(it, steps);
    while (done < steps) {
        uint64_t now = next_piece(tool, keep, piece, done, steps, &each);
        size_t from = tool->last.rows;
        if (stop_asked()) return LAG_INTERRUPTED;
        if (keeps_any(keep) && !trajectory_grow(&tool->last, from + (size_t)(now / each))) return LAG_ERROR_MEMORY;
        LagRows rows = trajectory_rows(&tool->last);
        LagReport before, after;
        lag_integrator_report(it, &before);
        LagStatus status = lag_integrator_advance(it, tool->settings.dt, now, each, keeps_any(keep) ? &rows : NULL);
        lag_integrator_report(it, &after);
        tool->last.rows = rows.count;
        *lost = !pass_on(tool, keep, from);
        if (status != LAG_OK || *lost) return status;
        done += now;
        doubt_look(doubt, tool, it, done);
        output_progress(tool, after.seconds, (Progress){"steps", done, steps, done, ""});
        double seconds = after.seconds - before.seconds;
        if (seconds < PIECE_SECONDS / 2 && piece < steps)
            piece *= 2;
        else if (seconds > 2 * PIECE_SECONDS && piece > 1)
            piece /= 2;
    }
    return LAG_OK;
}

/* Sets out: parameters, state, the start's row. */
static LagStatus begin(Tool *tool, LagIntegrator *it, LagMethod method, uint64_t steps, bool has_energy) {
    Trajectory *tr = &tool->last;
    uint32_t count = lag_model_parameter_count(tool->model);
    trajectory_free(tr);
    *tr = (Trajectory){.model = lag_model_hold(tool->model),
                       .parameter = calloc(count + 1, sizeof *tr->parameter),
                       .d = lag_model_dof(tool->model),
                       .r = tool->settings.r,
                       .method = method,
                       .dt = tool->settings.dt,
                       .most = steps / tool->settings.every + 1,
                       .has_energy = has_energy};
    if (!tr->parameter || !trajectory_grow(tr, 1)) return LAG_ERROR_MEMORY;
    LagStatus status = lag_session_parameters(tool->session, tool->model, tr->parameter);
    if (status != LAG_OK) return status;
    lag_integrator_parameters(it, tr->parameter);
    status = tool->rate_is_velocity ? lag_integrator_start_velocity(it, tool->t, tool->q, tool->rate)
                                    : lag_integrator_start(it, tool->t, tool->q, tool->rate);
    if (status != LAG_OK) return status;
    LagRows rows = trajectory_rows(tr);
    lag_integrator_state(it, &rows);
    tr->rows = rows.count;
    return LAG_OK;
}

/* The state where the integrator stands becomes the tool's. */
static void keep_state(Tool *tool, const LagIntegrator *it) {
    LagRows rows = {.capacity = 1, .t = &tool->t, .q = tool->q, .pi = tool->rate};
    lag_integrator_state(it, &rows);
    tool->rate_is_velocity = false;
}

/* -o, begun before the first step, so that a place that can't be written to costs no work. */
static bool open_file(Tool *tool, Keep *keep, uint64_t steps) {
    tool->written = true;
    return trajectory_open(&keep->out, &tool->last, tool->options->output, steps, tool->last.most) && pass_on(tool, keep, 0);
}

static void close_file(Tool *tool, Keep *keep, bool lost) {
    const Trajectory *tr = &tool->last;
    uint64_t written = (keep->out.rows - 1) * tool->settings.every; /* there may have been more */
    bool good = lost ? trajectory_rescue(&keep->out, tr, written) : trajectory_close(&keep->out, tr, tr->steps);
    if (lost && good) complain("%s holds what was written until then", tool->options->output);
    if (lost || !good) tool_fails(tool, EXIT_TEXT);
}

/* A run that is all decided. */
typedef struct Run {
    const LagStatement *statement;
    const LagKernel *kernel;
    LagIntegrator *it;
    LagMethod method;
    const LagChoice *choice; /* NULL: r and dt were given */
    uint64_t steps;
} Run;

static void run(Tool *tool, const Run *r, Keep *keep, bool has_energy) {
    const LagStatement *s = r->statement;
    LagIntegrator *it = r->it;
    uint64_t steps = r->steps;
    Doubt doubt = {0};
    LagReport report;
    bool lost = false;
    stop_later();
    LagStatus status = begin(tool, it, r->method, steps, has_energy);
    if (status != LAG_OK) {
        output_failed_start(tool, s, status);
        tool->stopped = true;
        tool_fails(tool, status == LAG_ERROR_MEMORY || status == LAG_ERROR_VALUE ? EXIT_TEXT : EXIT_STEP);
        return;
    }
    if (keep->to_file && !open_file(tool, keep, steps)) {
        file_drop(&keep->out.file);
        tool->stopped = true;
        tool_fails(tool, EXIT_TEXT);
        return;
    }
    if (!r->choice) doubt_begin(&doubt, tool, r->kernel, it, steps);
    status = advance(tool, it, steps, keep, &doubt, &lost);
    output_progress_end(tool);
    lag_integrator_report(it, &report);
    keep_state(tool, it);
    tool->last.steps = report.steps;
    if (keep->to_file) close_file(tool, keep, lost);
    output_run(tool, s, &report, r->choice, status);
    doubt_end(&doubt, tool, s, &report);
    if (status == LAG_OK && !lost) return;
    tool->stopped = true; /* what follows may save what was kept */
    if (status != LAG_OK) tool_fails(tool, status == LAG_INTERRUPTED ? EXIT_INTERRUPTED : EXIT_STEP);
}

bool verb_integrate(Tool *tool, const LagProgram *program, const LagStatement *s) {
    const LagKernel *kernel;
    LagIntegrator *it = NULL;
    uint64_t steps = 0;
    if (tool_passes_over(tool, s)) return true;
    if (tool->model != s->model) return tool_refuse(tool, s, "its start could not be made");
    if (!tool->start.known)
        return tool_refuse(tool, s, "the first row of the data does not tell the whole start: say start");
    Wants wants = tool->wants;
    bool output = tool->options->output;
    Keep keep = {.in_memory = wants.rows || (output && wants.another_run),
                 .to_file = output && !wants.another_run && !tool->prompt};
    if (!take_settings(tool, program, s)) return false;
    LagChoice choice;
    bool chosen = tool->settings.tol > 0;
    if (chosen && !tolerance_choose(tool, s, &choice)) return tool->stopped; /* then what follows may go on */
    LagMethod method = chosen ? choice.method : tool->settings.method;
    if (!count_steps(tool, s, &choice, keep.in_memory, &steps)) return false;
    LagStatus status = lag_model_kernel(s->model, tool->settings.r, tool->options->backend, &kernel);
    char why[TOOL_WHY];
    if (status == LAG_OK) status = lag_integrator_new(kernel, method, &it);
    if (status != LAG_OK) return tool_refuse(tool, s, tool_why(s->model, status, why));
    if (chosen) lag_integrator_slack(it, choice.slack);
    run(tool, &(Run){s, kernel, it, method, chosen ? &choice : NULL, steps}, &keep, wants.energy);
    lag_integrator_free(it);
    return true;
}

bool verb_method(Tool *tool, const LagProgram *program, const LagStatement *s) { return take_settings(tool, program, s); }
