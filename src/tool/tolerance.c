/* tolerance.c: r and dt from `tol`; and what is said of steps that were given and are far too large. */
#include "tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- tol ---- */

static bool ask_stop(void *user) {
    (void)user;
    return stop_asked();
}

static LagStatus choose(Tool *tool, double *c, LagChoice *choice) {
    const Settings *set = &tool->settings;
    LagStatus status = lag_session_parameters(tool->session, tool->model, c);
    LagChoiceAsk ask = {.method = set->method,
                        .c = c,
                        .t = tool->t,
                        .q = tool->q,
                        .pi = tool->rate_is_velocity ? NULL : tool->rate,
                        .v = tool->rate,
                        .tol = set->tol,
                        .until = set->until,
                        .steps = set->steps,
                        .r = set->r_given ? (int32_t)set->r : -1,
                        .dt = set->dt_given ? set->dt : 0,
                        .stop = ask_stop};
    return status == LAG_OK ? lag_choose(tool->model, tool->options->backend, &ask, choice) : status;
}

static void warn(const Tool *tool, const LagStatement *s) {
    fflush(tool->say);
    fprintf(stderr, "%s:%u: warning: integrate: ", tool->name, s->line);
}

/* Of what was chosen. */
static void say_choice(const Tool *tool, const LagStatement *s, const LagChoice *choice) {
    if (tool->options->quiet) return;
    if (!tool->options->json) {
        fprintf(tool->say, "tol = %g: r = %u, dt = %.6g, %llu steps%s; an error of %.2g is expected, in some ",
                tool->settings.tol, choice->r, choice->dt, (unsigned long long)choice->steps,
                choice->method == tool->settings.method ? "" : ", the state in two doubles", choice->error);
        output_seconds(tool->say, choice->seconds);
        fputs(" of machine code\n", tool->say);
    }
    if (choice->limit == LAG_CHOICE_REACHES) return;
    warn(tool, s);
    if (choice->limit == LAG_CHOICE_GIVEN)
        fprintf(stderr, "with the dt given an error of %.2g is expected, more than tol: without it one is chosen\n",
                choice->error);
    else if (choice->error < 1)
        fprintf(stderr, "round-off is expected to come to %.2g, more than tol: this is about the best that can be done\n",
                choice->error);
    else
        fputs("errors grow so fast in this motion that nothing is known of its end: round-off alone will have changed it\n",
              stderr);
}

static bool fail(Tool *tool, const LagStatement *s, LagStatus status) {
    bool none = status == LAG_ERROR_ARGUMENT, step = status == LAG_ERROR_NEWTON || status == LAG_ERROR_SWEEPS ||
                                                     status == LAG_ERROR_SINGULAR || status == LAG_ERROR_NOT_FINITE;
    fprintf(stderr, "%s:%u: integrate: ", tool->name, s->line);
    if (status == LAG_INTERRUPTED)
        fputs("interrupted while r and dt were chosen\n", stderr);
    else if (none)
        fputs("until is less than one step ahead, in the direction of dt\n", stderr);
    else
        fprintf(stderr, "no r and dt were found for tol: %s%s\n", lag_status_text(status),
                step ? ": the motion may come to where the Lagrangian has no value; give r and dt" : "");
    tool->stopped = status == LAG_INTERRUPTED || step;
    tool_fails(tool, status == LAG_INTERRUPTED ? EXIT_INTERRUPTED : step ? EXIT_STEP : EXIT_TEXT);
    return false;
}

bool tolerance_choose(Tool *tool, const LagStatement *s, LagChoice *choice) {
    double *c = calloc(lag_model_parameter_count(tool->model) + 1, sizeof *c);
    stop_later();
    LagStatus status = c ? choose(tool, c, choice) : LAG_ERROR_MEMORY;
    free(c);
    if (status != LAG_OK) return fail(tool, s, status);
    tool->settings.r = choice->r;
    tool->settings.dt = choice->dt;
    say_choice(tool, s, choice);
    return true;
}

/* ---- Steps that are too large ---- */

enum { LOOKS = 4, STEPS_LEAST = 64 };   /* looks in a run, which has so many steps or more */
static const double doubt_error = 1e-2; /* of a step: worth a warning */
static const double doubt_fine = 1e-4;  /* and that of a step which is not */
static const double doubt_lost = 0.25;  /* part of the steps that sweeps don't converge for: the same */

static double error_at(const Doubt *d, Tool *tool, double t, const double *q, const double *pi, double h) {
    double error;
    LagStatus status = lag_step_error(d->kernel, tool->last.parameter, t, q, pi, h, &error);
    if (status == LAG_ERROR_MEMORY) tool_lacks_memory(tool, "the error of a step");
    return status == LAG_OK ? error : NAN;
}

static void look(Doubt *d, Tool *tool, const LagIntegrator *it) {
    double t;
    LagRows rows = {.capacity = 1, .t = &t, .q = d->here, .pi = d->here_pi};
    lag_integrator_state(it, &rows);
    double error = error_at(d, tool, t, d->here, d->here_pi, tool->settings.dt);
    if (!(error > d->worst)) return;
    size_t size = lag_model_dof(tool->model) * sizeof *d->q;
    d->worst = error, d->t = t;
    memcpy(d->q, d->here, size);
    memcpy(d->pi, d->here_pi, size);
}

void doubt_begin(Doubt *d, Tool *tool, const LagKernel *kernel, const LagIntegrator *it, uint64_t steps) {
    bool ggl = tool->settings.method == LAG_METHOD_GGL || tool->settings.method == LAG_METHOD_NEWTON;
    size_t dof = lag_model_dof(tool->model);
    *d = (Doubt){0};
    if (!ggl || steps < STEPS_LEAST || tool->options->quiet) return;
    d->q = calloc(4 * dof, sizeof *d->q);
    if (!d->q) return tool_lacks_memory(tool, "the error of a step");
    d->kernel = kernel, d->pi = d->q + dof, d->here = d->q + 2 * dof, d->here_pi = d->q + 3 * dof;
    d->next = d->apart = steps / LOOKS;
    look(d, tool, it);
}

void doubt_look(Doubt *d, Tool *tool, const LagIntegrator *it, uint64_t done) {
    if (!d->kernel || done < d->next) return;
    look(d, tool, it);
    d->next = (done / d->apart + 1) * d->apart;
}

/* The step, by halves, that would do where the worst was; 0 if none was found. */
static double better_step(const Doubt *d, Tool *tool) {
    enum { HALVINGS = 12 };
    double h = tool->settings.dt / 2;
    for (int i = 0; i < HALVINGS; i++, h /= 2)
        if (error_at(d, tool, d->t, d->q, d->pi, h) <= doubt_fine) return h;
    return 0;
}

void doubt_end(Doubt *d, Tool *tool, const LagStatement *s, const LagReport *report) {
    if (!d->kernel) return;
    double lost = report->steps ? (double)report->fallbacks / (double)report->steps : 0;
    if (d->worst > doubt_error) {
        double better = better_step(d, tool);
        warn(tool, s);
        fprintf(stderr, "a step from t = %g is wrong by %.2g of the motion: dt = %g is too large for r = %u", d->t, d->worst,
                tool->settings.dt, tool->settings.r);
        if (better != 0) fprintf(stderr, "; dt = %.3g would do", better);
        fputs("\n", stderr);
    } else if (lost > doubt_lost) {
        warn(tool, s);
        fprintf(stderr,
                "%.0f %% of the steps had to be solved one by one, since dt = %g is too large for quicker ways: dt = %.3g "
                "may take less time\n",
                100 * lost, tool->settings.dt, tool->settings.dt / 2);
    }
    free(d->q);
    *d = (Doubt){0};
}
