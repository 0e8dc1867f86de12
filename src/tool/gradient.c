/* gradient.c: the verb `gradient`. */
#include "tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool names_any(const LagStatement *s, LagItemKind kind) {
    for (uint32_t i = 0; i < s->item_count; i++)
        if (s->item[i].kind == kind) return true;
    return false;
}

/* One gradient, on its way. */
typedef struct Work {
    const LagKernel *kernel;
    SeenRows rows;
    double *block, *c, *pi, *by_c, *by_q, *by_rate; /* [m], [d], then derivatives [m], [d], [d] */
    double loss;
} Work;

static bool work_new(Work *w) {
    size_t d = w->kernel->dof, m = w->kernel->parameter_count;
    w->c = w->block = calloc(2 * m + 3 * d + 1, sizeof *w->block);
    if (!w->block) return false;
    w->pi = w->c + m, w->by_c = w->pi + d, w->by_q = w->by_c + m, w->by_rate = w->by_q + d;
    return true;
}

/* Whether derivatives are wanted at fixed momenta of a start that was given as velocities, or as it was given. */
static LagStatus run(Tool *tool, const LagStatement *s, Work *w) {
    const Start *start = &tool->start;
    LagGradient *gradient;
    bool velocity = start->rate_is_velocity && !names_any(s, LAG_ITEM_MOMENTUM);
    LagStatus status = lag_session_parameters(tool->session, tool->model, w->c);
    if (status == LAG_OK && start->rate_is_velocity && !velocity)
        status = lag_kernel_momentum(w->kernel, w->c, start->t, start->q, start->rate, w->pi);
    if (status == LAG_OK) status = lag_gradient_new(w->kernel, 1, 1, &gradient);
    if (status != LAG_OK) return status;
    const double *rate = start->rate_is_velocity && !velocity ? w->pi : start->rate;
    LagGradientAsk ask = {.t = start->t,
                          .h = tool->settings.dt,
                          .steps = w->rows.steps,
                          .c = w->c,
                          .q = start->q,
                          .pi = velocity ? NULL : rate,
                          .v = velocity ? rate : NULL,
                          .seen = w->rows.seen,
                          .loss = &tool->seen.loss};
    status = lag_gradient_run(gradient, &ask,
                              &(LagGradientOut){.loss = &w->loss, .c = w->by_c, .q = w->by_q, .rate = w->by_rate});
    lag_gradient_free(gradient);
    return status;
}

static double derivative(const Work *w, const LagItem *item) {
    return item->kind == LAG_ITEM_PARAMETER    ? w->by_c[item->index]
           : item->kind == LAG_ITEM_COORDINATE ? w->by_q[item->index]
                                               : w->by_rate[item->index];
}

static void tell(const Tool *tool, const LagStatement *s, const Work *w) {
    char name[TOOL_NAME];
    if (tool->options->json) {
        fputs("{\"do\":\"gradient\",\"loss\":", stdout);
        json_number(stdout, w->loss);
        fputs(",\"d\":{", stdout);
        for (uint32_t i = 0; i < s->item_count; i++) {
            if (i) fputc(',', stdout);
            json_text(stdout, item_name(s->model, &s->item[i], name));
            fputc(':', stdout);
            json_number(stdout, derivative(w, &s->item[i]));
        }
        printf("},\"rows\":%zu}\n", w->rows.seen.rows);
        fflush(stdout);
    } else if (!tool->options->quiet) {
        fprintf(tool->say, "loss %.10g, of %zu rows\n", w->loss, w->rows.seen.rows);
        for (uint32_t i = 0; i < s->item_count; i++)
            fprintf(tool->say, "  d loss/d %s = %.10g\n", item_name(s->model, &s->item[i], name),
                    derivative(w, &s->item[i]));
    }
}

bool verb_gradient(Tool *tool, const LagProgram *program, const LagStatement *s) {
    Work w = {.loss = NAN};
    char why[TOOL_WHY];
    (void)program;
    if (tool->model != s->model) return tool_refuse(tool, s, "its start could not be made");
    if (names_any(s, LAG_ITEM_VELOCITY) && !tool->start.rate_is_velocity)
        return tool_refuse(tool, s, "the start gives momenta: name pi_NAME, and not a velocity");
    LagStatus status = lag_model_kernel(s->model, tool->settings.r, tool->options->backend, &w.kernel);
    if (status != LAG_OK) return tool_refuse(tool, s, tool_why(s->model, status, why));
    if (!rows_take(tool, s, &w.rows)) return false;
    status = work_new(&w) ? run(tool, s, &w) : LAG_ERROR_MEMORY;
    bool failed = status == LAG_ERROR_NEWTON || status == LAG_ERROR_SINGULAR || status == LAG_ERROR_NOT_FINITE;
    if (status == LAG_OK || failed) tell(tool, s, &w);
    if (failed) {
        fflush(tool->say);
        fprintf(stderr, "%s:%u: gradient: the loss is not finite: %s (loss KIND cap = ... would keep it finite)\n",
                tool->name, s->line, lag_status_text(status));
        tool_fails(tool, EXIT_STEP);
    } else if (status != LAG_OK) {
        tool_refuse(tool, s, lag_status_text(status));
    }
    free(w.block);
    rows_free(&w.rows);
    return status == LAG_OK || failed;
}
