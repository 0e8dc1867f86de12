/* output.c: numbers, pieces of JSON, and what is said of a run. */
#include "tool.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void print_number(FILE *out, double value) {
    char text[32];
    for (int digits = DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    fputs(text, out);
}

/* ---- JSON ---- */

void json_text(FILE *out, const char *text) {
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c == '\n')
            fputs("\\n", out);
        else if (*c < 0x20)
            fprintf(out, "\\u%04x", *c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
}

void json_number(FILE *out, double value) {
    if (isfinite(value))
        fprintf(out, "%.17g", value);
    else
        fputs("null", out);
}

void json_numbers(FILE *out, const double *value, size_t count) {
    fputc('[', out);
    for (size_t i = 0; i < count; i++) {
        if (i) fputc(',', out);
        json_number(out, value[i]);
    }
    fputc(']', out);
}

/* ---- Runs ---- */

const char *method_name(LagMethod method) {
    static const char *const name[] = {[LAG_METHOD_GGL] = "ggl",
                                       [LAG_METHOD_RK2] = "rk2",
                                       [LAG_METHOD_RK4] = "rk4",
                                       [LAG_METHOD_NEWTON] = "newton",
                                       [LAG_METHOD_COMPENSATED] = "compensated"};
    return name[method];
}

static const char *const phase_name[PHASES] = {"parse", "differentiate", "emit", "optimise", "codegen", "link", "integrate"};

void output_phases(const LagModel *model, LagTimings *told, double integrate, double seconds[PHASES]) {
    LagTimings now;
    lag_model_timings(model, &now);
    const double since[PHASES] = {now.parse - told->parse,
                                  now.differentiate - told->differentiate,
                                  now.emit - told->emit,
                                  now.optimise - told->optimise,
                                  now.codegen - told->codegen,
                                  now.link - told->link,
                                  integrate};
    memcpy(seconds, since, sizeof since);
    *told = now;
}

void output_timings(FILE *out, const double seconds[PHASES]) {
    for (int i = 0; i < PHASES; i++) fprintf(out, "  %-13s %.6f s\n", phase_name[i], seconds[i]);
}

/* The energy's change, relative to the start's where that is not 0; NaN where time appears. With a coupling it is what the
 * motion has lost or gained, without one the error of the integration. */
static double drift(const LagReport *report) {
    double change = report->energy - report->energy_start;
    return report->energy_start == 0 ? change : change / fabs(report->energy_start);
}

/* ---- A run, as JSON ---- */

static void json_failure(LagStatus status, uint64_t step, double residual) {
    fputs(",\"status\":", stdout);
    json_text(stdout, lag_status_text(status));
    printf(",\"step\":%llu,\"residual\":", (unsigned long long)step);
    json_number(stdout, residual);
}

static void json_seconds(const double *seconds) {
    fputs(",\"seconds\":{", stdout);
    for (int i = 0; i < PHASES; i++) {
        printf("%s\"%s\":", i ? "," : "", phase_name[i]);
        json_number(stdout, seconds[i]);
    }
    fputs("}", stdout);
}

static void json_choice(const Tool *tool, const LagChoice *choice) {
    fputs(",\"tol\":", stdout);
    json_number(stdout, tool->settings.tol);
    printf(",\"method\":\"%s\",\"r\":%u,\"dt\":", method_name(choice->method), choice->r);
    json_number(stdout, choice->dt);
    fputs(",\"error_expected\":", stdout);
    json_number(stdout, choice->error);
    fputs(",\"slack\":", stdout);
    json_number(stdout, choice->slack);
}

static void json_run(const Tool *tool, const LagReport *report, const LagChoice *choice, LagStatus status,
                     const double *seconds) {
    uint32_t d = lag_model_dof(tool->model);
    printf("{\"do\":\"integrate\",\"steps\":%llu,\"t\":", (unsigned long long)report->steps);
    json_number(stdout, report->t);
    fputs(",\"q\":", stdout);
    json_numbers(stdout, tool->q, d);
    fputs(",\"pi\":", stdout);
    json_numbers(stdout, tool->rate, d);
    fputs(",\"iterations\":", stdout);
    json_number(stdout, report->steps ? (double)report->iterations / (double)report->steps : 0);
    fputs(",\"sweeps\":", stdout);
    json_number(stdout, report->steps ? (double)report->sweeps / (double)report->steps : 0);
    fputs(",\"energy\":", stdout);
    json_number(stdout, report->energy);
    fputs(",\"energy_drift\":", stdout);
    json_number(stdout, drift(report));
    if (choice) json_choice(tool, choice);
    if (status != LAG_OK) json_failure(status, report->steps + (status != LAG_INTERRUPTED), report->residual);
    json_seconds(seconds);
    fputs("}\n", stdout);
    fflush(stdout);
}

/* ---- A run, for people ---- */

/* With the unit that suits. */
void output_seconds(FILE *out, double seconds) {
    static const char *const unit[] = {"s", "ms", "us", "ns"};
    int i = 0;
    while (i < 3 && seconds < 1) seconds *= 1e3, i++;
    fprintf(out, seconds < 100 ? "%.3g %s" : "%.0f %s", seconds, unit[i]);
}

/* Whether somebody watches. */
static bool is_watched(const Tool *tool) { return !tool->options->quiet && isatty(STDERR_FILENO); }

void output_progress(const Tool *tool, double seconds, Progress p) {
    if (!is_watched(tool) || seconds <= 1 || p.done >= p.all || p.now == 0) return;
    double rate = (double)p.now / seconds;
    fprintf(stderr, "\r%5.1f %%, %.3g %s a second, ", 100 * (double)p.done / (double)p.all, rate, p.of);
    output_seconds(stderr, (double)(p.all - p.done) / rate);
    fprintf(stderr, " to go%s\033[K", p.more);
    fflush(stderr);
}

void output_progress_end(const Tool *tool) {
    if (is_watched(tool)) fputs("\r\033[K", stderr);
}

static void say_state(const Tool *tool) {
    enum { MOST = 8 };
    uint32_t d = lag_model_dof(tool->model), shown = d > MOST ? MOST : d;
    for (uint32_t k = 0; k < shown; k++) {
        const char *name = lag_model_coordinate(tool->model, k);
        fprintf(tool->say, "  %s = %.10g, pi_%s = %.10g\n", name, tool->q[k], name, tool->rate[k]);
    }
    if (d > shown) fprintf(tool->say, "  and %u more\n", d - shown);
}

static void say_run(const Tool *tool, const LagReport *report) {
    const Settings *set = &tool->settings;
    const LagMethod method = tool->last.method;
    bool ggl = method != LAG_METHOD_RK2 && method != LAG_METHOD_RK4,
         newton = ggl && report->iterations >= report->steps && report->steps;
    fprintf(tool->say, "%llu step%s of %g by %s", (unsigned long long)report->steps, report->steps == 1 ? "" : "s", set->dt,
            method_name(method));
    if (ggl) fprintf(tool->say, " (r = %u, order %u)", set->r, 2 * set->r + 2);
    fprintf(tool->say, ", to t = %.10g\n", report->t);
    say_state(tool);
    if (isfinite(report->energy))
        fprintf(tool->say, "  energy %.10g, from %.10g: drift %.2g\n", report->energy, report->energy_start, drift(report));
    fputs("  ", tool->say);
    if (ggl && !newton && !report->sweeps && report->steps) fputs("an affine map, ", tool->say);
    if (report->sweeps && report->steps)
        fprintf(tool->say, "%.3g sweeps a step, ", (double)report->sweeps / (double)report->steps);
    if (newton) fprintf(tool->say, "%.3g Newton iterations a step, ", (double)report->iterations / (double)report->steps);
    output_seconds(tool->say, report->seconds);
    if (report->steps) {
        fputs(", ", tool->say);
        output_seconds(tool->say, report->seconds / (double)report->steps);
        fputs(" a step", tool->say);
    }
    fputs("\n", tool->say);
}

/* What to try after a step that failed. */
static const char *advice(LagStatus status) {
    switch (status) {
    case LAG_ERROR_SWEEPS:
    case LAG_ERROR_NEWTON: return "  a smaller dt may help\n";
    case LAG_ERROR_SINGULAR: return "  a mass may be 0 there; if not, a smaller dt may help\n";
    case LAG_ERROR_NOT_FINITE:
        return "  the motion may have come to where the Lagrangian has no value; if not, a smaller dt may help\n";
    default: return "";
    }
}

static void say_failure(const Tool *tool, const LagStatement *s, const LagReport *report, LagStatus status) {
    unsigned long long steps = report->steps;
    char residual[40] = "";
    if (!isnan(report->residual)) snprintf(residual, sizeof residual, " (residual %.2g)", report->residual);
    fflush(tool->say);
    if (status == LAG_INTERRUPTED)
        fprintf(stderr, "%s:%u: integrate: interrupted after step %llu, at t = %.10g: what was integrated is kept\n",
                tool->name, s->line, steps, report->t);
    else
        fprintf(stderr, "%s:%u: integrate: step %llu, from t = %.10g: %s%s: what was integrated before is kept\n%s",
                tool->name, s->line, steps + 1, report->t, lag_status_text(status), residual, advice(status));
}

/* ---- A run, as asked ---- */

void output_run(Tool *tool, const LagStatement *s, const LagReport *report, const LagChoice *choice, LagStatus status) {
    double seconds[PHASES];
    output_phases(tool->model, &tool->told, report->seconds, seconds);
    if (tool->options->json)
        json_run(tool, report, choice, status, seconds);
    else if (!tool->options->quiet)
        say_run(tool, report);
    if (tool->options->timings && !tool->options->json) output_timings(tool->say, seconds);
    if (status != LAG_OK) say_failure(tool, s, report, status);
}

void output_failed_start(const Tool *tool, const LagStatement *s, LagStatus status) {
    fprintf(stderr, "%s:%u: integrate: the start: %s\n", tool->name, s->line, lag_status_text(status));
    if (!tool->options->json) return;
    fputs("{\"do\":\"integrate\",\"steps\":0,\"t\":", stdout);
    json_number(stdout, tool->t);
    json_failure(status, 0, NAN);
    fputs("}\n", stdout);
}
