/* text.c: any bytes as a text of the language (libFuzzer, or replay.c), and as one to be completed. What reads is shown in
 * every view of the text and of the Lagrangian, and one in eight goes on to the kernel: its views without native code, and
 * two steps by each method. */
#include "base/memory.h"
#include "lag.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KERNEL_EVERY = 8, R_MOST = 2, DOF_MOST = 32, PARAMETERS_MOST = 256, FORMATTED_MOST = 4 };

static void format_diagnostics(const LagSession *session) {
    char text[1000];
    for (size_t i = 0; i < lag_diagnostic_count(session) && i < FORMATTED_MOST; i++)
        lag_diagnostic_format(lag_diagnostic(session, i), i % 2, text, sizeof text);
}

static void evaluate(const LagProgram *program) {
    for (size_t i = 0; i < lag_program_count(program); i++) {
        const LagStatement *s = lag_program_statement(program, i);
        double value;
        for (uint32_t k = 0; k < s->item_count; k++) lag_program_value(program, &s->item[k], &value);
    }
}

static void show_program(const LagProgram *program) {
    for (int view = LAG_VIEW_TOKENS; view <= LAG_VIEW_TREE; view++) {
        char *text = NULL;
        lag_program_view(program, (LagView)view, &text);
        lag_text_free(text);
    }
}

static void show_model(const LagModel *model, const LagView *view, size_t count, uint32_t r) {
    for (size_t i = 0; i < count; i++) {
        char *text = NULL;
        lag_model_view(model, view[i], r, LAG_BACKEND_INTERPRETER, &text);
        lag_text_free(text);
    }
}

/* Two steps from somewhere: where it goes does not matter. */
static void step(const LagKernel *kernel, LagMethod method, const double *c) {
    double q[DOF_MOST], v[DOF_MOST];
    LagIntegrator *it;
    if (lag_integrator_new(kernel, method, &it) != LAG_OK) return;
    for (uint32_t k = 0; k < kernel->dof; k++) q[k] = 0.75 + 0.125 * k, v[k] = 0.5 - 0.25 * k;
    lag_integrator_parameters(it, c);
    if (lag_integrator_start_velocity(it, 0, q, v) == LAG_OK) lag_integrator_advance(it, 0.0625, 2, 1, NULL);
    lag_integrator_free(it);
}

static void run(const LagSession *session, const LagModel *model, uint32_t r) {
    static const LagView view[] = {LAG_VIEW_KERNEL, LAG_VIEW_DISCRETE, LAG_VIEW_TAPE};
    double c[PARAMETERS_MOST];
    const LagKernel *kernel;
    if (lag_model_parameter_count(model) > PARAMETERS_MOST || lag_model_dof(model) > DOF_MOST) return;
    if (lag_model_kernel(model, r, LAG_BACKEND_INTERPRETER, &kernel) != LAG_OK) return;
    show_model(model, view, sizeof view / sizeof *view, r);
    if (lag_session_parameters(session, model, c) != LAG_OK)
        for (uint32_t i = 0; i < lag_model_parameter_count(model); i++) c[i] = 1 + 0.5 * i;
    for (int method = LAG_METHOD_GGL; method <= LAG_METHOD_RK4; method++) step(kernel, (LagMethod)method, c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const LagView view[] = {LAG_VIEW_LAGRANGIAN, LAG_VIEW_EQUATIONS, LAG_VIEW_ENERGY, LAG_VIEW_GRAPH,
                                   LAG_VIEW_LAGRANGE};
    LagSession *session;
    LagProgram *program;
    uint64_t hash = size;
    for (size_t i = 0; i < size; i++) hash = memory_hash(hash, data[i]);
    if (lag_session_new(LAG_ABI, &session) != LAG_OK) abort();
    lag_text_continues((const char *)data, size);
    LagStatus status = lag_read(session, "fuzz", (const char *)data, size, &program);
    bool said = lag_diagnostic_count(session) > 0;
    if (status != LAG_OK && (status != LAG_ERROR_TEXT || !said)) abort(); /* a text is right, or something is said */
    format_diagnostics(session);
    char *words = NULL;
    if (lag_session_complete(session, (const char *)data, size, &words) != LAG_OK) abort();
    lag_text_free(words);
    if (status == LAG_OK) {
        const LagModel *model = lag_program_model(program);
        evaluate(program);
        show_program(program);
        if (model) show_model(model, view, sizeof view / sizeof *view, 0);
        if (model && hash % KERNEL_EVERY == 0) run(session, model, (uint32_t)(hash / KERNEL_EVERY % (R_MOST + 1)));
        lag_program_free(program);
    }
    lag_session_free(session);
    return 0;
}
