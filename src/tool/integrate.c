/* integrate.c: the verb `integrate`. Runs in chunks, so that Ctrl-C ends it between two of them with all that is done kept. */
#include "tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SECONDS 0.05
#define ROWS_BYTES 0x1p32 /* most memory that rows may take */

/* ---- Rows ---- */

static bool rows_grow(Trajectory *tr, size_t need) {
    if (need <= tr->capacity) return true;
    size_t room = tr->capacity ? tr->capacity : 1024;
    while (room < need) room *= 2;
    double *t = realloc(tr->t, room * sizeof *t);
    if (t) tr->t = t;
    double *q = realloc(tr->q, room * tr->d * sizeof *q);
    if (q) tr->q = q;
    double *pi = realloc(tr->pi, room * tr->d * sizeof *pi);
    if (pi) tr->pi = pi;
    if (!t || !q || !pi) return false;
    tr->capacity = room;
    return true;
}

static LagRows rows_of(Trajectory *tr) {
    return (LagRows){.capacity = tr->capacity, .count = tr->rows, .t = tr->t, .q = tr->q, .pi = tr->pi};
}

/* ---- Settings ---- */

static bool where(const Tool *tool, const LagStatement *s, const char *what) {
    fprintf(stderr, "%s:%u: %s\n", tool->name, s->line, what);
    return false;
}

static bool take_settings(Tool *tool, const LagProgram *program, const LagStatement *s) {
    Settings *set = &tool->settings;
    for (uint32_t i = 0; i < s->item_count; i++) {
        double value = 0;
        LagItemKind kind = s->item[i].kind;
        if (kind == LAG_ITEM_METHOD) set->method = (LagMethod)s->item[i].index;
        else if (lag_program_value(program, &s->item[i], &value) != LAG_OK) return where(tool, s, "a setting has no value");
        if (kind == LAG_ITEM_R) set->r = (uint32_t)value;
        if (kind == LAG_ITEM_DT) set->dt = value;
        if (kind == LAG_ITEM_EVERY) set->every = (uint64_t)value;
        if (kind == LAG_ITEM_STEPS) set->steps = (uint64_t)value, set->until = NAN;
        if (kind == LAG_ITEM_UNTIL) set->until = value;
    }
    return true;
}

/* How many steps: as told, or the whole steps that fit before `until`, within 1e-9 of one. */
static bool count_steps(Tool *tool, const LagStatement *s, uint64_t *steps) {
    const Settings *set = &tool->settings;
    double count = isnan(set->until) ? (double)set->steps : floor((set->until - tool->t) / set->dt + 1e-9);
    if (!(count >= 1) || count > 1e15) return where(tool, s, "until lies less than a step ahead of t (or 1e15 steps away)");
    *steps = (uint64_t)count;
    if (((double)(*steps / set->every) + 2) * (1 + 2 * (double)lag_model_dof(s->model)) * sizeof(double) <= ROWS_BYTES) return true;
    return where(tool, s, "these rows would take more than 4 GiB: keep fewer with every =");
}

/* ---- What is said afterwards ---- */

static const char *const phase_name[] = {"parse", "differentiate", "emit", "optimise", "codegen", "link", "integrate"};
enum { PHASES = 7 };

/* Seconds since they were last told. */
static void phases(Tool *tool, double integrate, double out[PHASES]) {
    LagTimings now, *old = &tool->reported;
    lag_model_timings(tool->model, &now);
    const double seconds[PHASES] = {now.parse - old->parse,       now.differentiate - old->differentiate,
                                    now.emit - old->emit,         now.optimise - old->optimise,
                                    now.codegen - old->codegen,   now.link - old->link,
                                    integrate};
    memcpy(out, seconds, sizeof seconds);
    *old = now;
}

static double drift(const LagReport *report) {
    double change = report->energy - report->energy_start;
    return report->energy_start == 0 ? change : change / fabs(report->energy_start);
}

static void say_json(const Tool *tool, const LagReport *report, LagStatus status, const double *q, const double *pi,
                     const double *seconds) {
    uint32_t d = lag_model_dof(tool->model);
    printf("{\"do\":\"integrate\",\"steps\":%llu,\"t\":", (unsigned long long)report->steps);
    json_number(stdout, report->t);
    fputs(",\"q\":", stdout);
    json_numbers(stdout, q, d);
    fputs(",\"pi\":", stdout);
    json_numbers(stdout, pi, d);
    fputs(",\"iterations\":", stdout);
    json_number(stdout, report->steps ? (double)report->iterations / (double)report->steps : 0);
    fputs(",\"energy_drift\":", stdout);
    json_number(stdout, drift(report));
    if (status != LAG_OK) {
        printf(",\"status\":\"%s\",\"step\":%llu,\"residual\":", lag_status_text(status),
               (unsigned long long)report->steps + (status != LAG_INTERRUPTED));
        json_number(stdout, report->residual);
    }
    fputs(",\"seconds\":{", stdout);
    for (int i = 0; i < PHASES; i++) {
        printf("%s\"%s\":", i ? "," : "", phase_name[i]);
        json_number(stdout, seconds[i]);
    }
    fputs("}}\n", stdout);
    fflush(stdout);
}

static void say_text(const Tool *tool, const LagReport *report, const double *q, const double *pi) {
    const Settings *set = &tool->settings;
    const char *by = set->method == LAG_METHOD_RK2 ? "rk2" : set->method == LAG_METHOD_RK4 ? "rk4" : "ggl";
    fprintf(tool->say, "%llu steps of %g by %s", (unsigned long long)report->steps, set->dt, by);
    if (set->method == LAG_METHOD_GGL) fprintf(tool->say, " (r = %u, order %u)", set->r, 2 * set->r + 2);
    fprintf(tool->say, " to t = %.10g\n ", report->t);
    uint32_t d = lag_model_dof(tool->model), shown = d > 8 ? 8 : d;
    for (uint32_t k = 0; k < shown; k++)
        fprintf(tool->say, " %s = %.10g, pi_%s = %.10g%s", lag_model_coordinate(tool->model, k), q[k],
                lag_model_coordinate(tool->model, k), pi[k], k + 1 < shown ? "," : d > shown ? ", ..." : "");
    fputs("\n  ", tool->say);
    if (isfinite(report->energy)) fprintf(tool->say, "energy %.10g, drift %.2g; ", report->energy, drift(report));
    if (set->method == LAG_METHOD_GGL && report->steps)
        fprintf(tool->say, "%.2g Newton iterations a step; ", (double)report->iterations / (double)report->steps);
    fprintf(tool->say, "%.3g ms", 1e3 * report->seconds);
    if (report->steps) fprintf(tool->say, ", %.3g ns a step", 1e9 * report->seconds / (double)report->steps);
    fputs("\n", tool->say);
}

static void say_timings(const Tool *tool, const double *seconds) {
    for (int i = 0; i < PHASES; i++) fprintf(tool->say, "  %-13s %.6f s\n", phase_name[i], seconds[i]);
}

static void say_failure(const Tool *tool, const LagStatement *s, const LagReport *report, LagStatus status) {
    fprintf(stderr, "%s:%u: integrate: ", tool->name, s->line);
    if (status == LAG_INTERRUPTED) {
        fprintf(stderr, "interrupted after step %llu at t = %g; what was integrated is kept\n", (unsigned long long)report->steps,
                report->t);
        return;
    }
    fprintf(stderr, "step %llu from t = %g: %s (residual %.2g); the %llu steps before it are kept\n",
            (unsigned long long)report->steps + 1, report->t, lag_status_text(status), report->residual,
            (unsigned long long)report->steps);
    if (status == LAG_ERROR_NEWTON) fputs("  a smaller dt may help\n", stderr);
    if (status == LAG_ERROR_SINGULAR) fputs("  is a mass zero?\n", stderr);
    if (status == LAG_ERROR_NOT_FINITE) fputs("  does the motion run into a place where the Lagrangian has no value?\n", stderr);
}

/* ---- The run ---- */

static LagStatus advance(Tool *tool, LagIntegrator *it, uint64_t steps) {
    const Settings *set = &tool->settings;
    uint64_t chunk = 1 + 1000 / set->every, done = 0; /* in kept rows */
    LagStatus status = LAG_OK;
    while (done < steps && status == LAG_OK) {
        uint64_t now = chunk > (steps - done) / set->every ? steps - done : chunk * set->every;
        if (!rows_grow(&tool->last, tool->last.rows + (size_t)(now / set->every) + 1)) return LAG_ERROR_MEMORY;
        LagRows rows = rows_of(&tool->last);
        LagReport before, after;
        lag_integrator_report(it, &before);
        status = lag_integrator_advance(it, set->dt, now, set->every, &rows);
        lag_integrator_report(it, &after);
        tool->last.rows = rows.count;
        done += now;
        double seconds = after.seconds - before.seconds;
        if (seconds < CHUNK_SECONDS / 2) chunk *= 2;
        else if (seconds > 2 * CHUNK_SECONDS && chunk > 1) chunk /= 2;
        if (status == LAG_OK && done < steps && interrupted()) status = LAG_INTERRUPTED;
    }
    return status;
}

/* Sets out: parameters, state, the start's row. */
static LagStatus begin(Tool *tool, LagIntegrator *it) {
    Trajectory *tr = &tool->last;
    uint32_t count = lag_model_parameter_count(tool->model);
    trajectory_free(tr);
    *tr = (Trajectory){.model = lag_model_hold(tool->model),
                       .parameter = calloc(count + 1, sizeof *tr->parameter),
                       .d = lag_model_dof(tool->model),
                       .r = tool->settings.r,
                       .method = tool->settings.method,
                       .dt = tool->settings.dt};
    if (!tr->parameter || !rows_grow(tr, 1)) return LAG_ERROR_MEMORY;
    LagStatus status = lag_session_parameters(tool->session, tool->model, tr->parameter);
    if (status != LAG_OK) return status;
    lag_integrator_parameters(it, tr->parameter);
    status = tool->rate_is_velocity ? lag_integrator_start_velocity(it, tool->t, tool->q, tool->rate)
                                    : lag_integrator_start(it, tool->t, tool->q, tool->rate);
    if (status != LAG_OK) return status;
    LagRows rows = rows_of(tr);
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

static bool finish(Tool *tool, const LagStatement *s, const LagIntegrator *it, LagStatus status) {
    LagReport report;
    double seconds[PHASES];
    lag_integrator_report(it, &report);
    keep_state(tool, it);
    tool->last.steps = report.steps;
    phases(tool, report.seconds, seconds);
    if (tool->options->json) say_json(tool, &report, status, tool->q, tool->rate, seconds);
    else if (!tool->options->quiet) say_text(tool, &report, tool->q, tool->rate);
    if (tool->options->timings && !tool->options->json) say_timings(tool, seconds);
    if (status == LAG_OK) return true;
    say_failure(tool, s, &report, status);
    tool->status = status == LAG_INTERRUPTED ? EXIT_INTERRUPTED : EXIT_STEP;
    return true; /* what follows may save what was kept */
}

bool verb_integrate(Tool *tool, const LagProgram *program, const LagStatement *s) {
    const LagKernel *kernel;
    LagIntegrator *it = NULL;
    uint64_t steps;
    if (!take_settings(tool, program, s)) return tool->status = EXIT_TEXT, false;
    if (s->verb == LAG_VERB_METHOD) return true;
    if (!count_steps(tool, s, &steps)) return tool->status = EXIT_TEXT, false;
    LagStatus status = lag_model_kernel(s->model, tool->settings.r, tool->options->backend, &kernel);
    if (status == LAG_OK) status = lag_integrator_new(kernel, tool->settings.method, &it);
    bool ready = status == LAG_OK;
    if (ready) status = begin(tool, it);
    if (ready && (status == LAG_OK || status == LAG_ERROR_SINGULAR || status == LAG_ERROR_NEWTON || status == LAG_ERROR_NOT_FINITE)) {
        if (status == LAG_OK) {
            status = advance(tool, it, steps);
            finish(tool, s, it, status);
        } else {
            fprintf(stderr, "%s:%u: integrate: the start: %s\n", tool->name, s->line, lag_status_text(status));
            tool->status = EXIT_STEP;
        }
    } else {
        fprintf(stderr, "%s:%u: integrate: %s\n", tool->name, s->line, lag_status_text(status));
        tool->status = EXIT_TEXT;
    }
    lag_integrator_free(it);
    return tool->status != EXIT_TEXT;
}
