#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *harness_diagnostics(const LagSession *session) {
    size_t size = 1;
    char *text = calloc(1, 1);
    for (size_t i = 0; text && i < lag_diagnostic_count(session); i++) {
        const LagDiagnostic *d = lag_diagnostic(session, i);
        size_t more = lag_diagnostic_format(d, false, NULL, 0);
        char *grown = realloc(text, size + more);
        if (!grown) break;
        text = grown;
        lag_diagnostic_format(d, false, text + size - 1, more + 1);
        size += more;
    }
    return text;
}

Harness harness_read(const char *text) {
    Harness h = {0};
    h.status = lag_session_new(LAG_ABI, &h.session);
    if (h.status == LAG_OK) h.status = lag_read(h.session, "test", text, strlen(text), &h.program);
    if (h.status == LAG_OK) {
        h.model = lag_program_model(h.program);
    } else {
        char *said = harness_diagnostics(h.session);
        printf("\n%s\n%s", text, said ? said : "");
        free(said);
        CU_FAIL("the text was not read");
    }
    return h;
}

void harness_free(Harness *h) {
    lag_program_free(h->program);
    lag_session_free(h->session);
    *h = (Harness){0};
}

const double *harness_parameters(const Harness *h) {
    static double c[64];
    if (lag_model_parameter_count(h->model) > 64 || lag_session_parameters(h->session, h->model, c) != LAG_OK)
        CU_FAIL("a parameter has no value");
    return c;
}

const LagKernel *harness_kernel(const Harness *h, uint32_t r, LagBackend backend) {
    const LagKernel *kernel = NULL;
    CU_ASSERT_EQUAL_FATAL(lag_model_kernel(h->model, r, backend, &kernel), LAG_OK);
    return kernel;
}

LagIntegrator *harness_begin(const LagKernel *kernel, LagMethod method, const double *c, double t, const double *q,
                             const double *pi) {
    LagIntegrator *it;
    CU_ASSERT_EQUAL_FATAL(lag_integrator_new(kernel, method, &it), LAG_OK);
    lag_integrator_parameters(it, c);
    CU_ASSERT_EQUAL_FATAL(lag_integrator_start(it, t, q, pi), LAG_OK);
    return it;
}

double *harness_integrate(const Harness *h, HarnessRun run) {
    const LagKernel *kernel;
    LagIntegrator *it = NULL;
    if (!h->model || lag_model_kernel(h->model, run.r, run.backend, &kernel) != LAG_OK ||
        lag_integrator_new(kernel, run.method, &it) != LAG_OK) {
        CU_FAIL("no kernel or no integrator");
        return NULL;
    }
    size_t d = kernel->dof, width = 1 + 2 * d, count = (size_t)run.steps + 1;
    double *table = malloc(count * width * sizeof *table), *split = malloc(count * width * sizeof *split);
    LagRows rows = {.capacity = count, .t = split, .q = split + count, .pi = split + count * (1 + d)};
    lag_integrator_parameters(it, harness_parameters(h));
    LagStatus status =
        run.pi ? lag_integrator_start(it, run.t, run.q, run.pi) : lag_integrator_start_velocity(it, run.t, run.q, run.v);
    if (status == LAG_OK) {
        lag_integrator_state(it, &rows);
        status = lag_integrator_advance(it, run.h, run.steps, 1, &rows);
    }
    LagReport report;
    lag_integrator_report(it, &report);
    lag_integrator_free(it);
    for (size_t i = 0; i < rows.count; i++) {
        table[i * width] = rows.t[i];
        memcpy(table + i * width + 1, rows.q + i * d, d * sizeof *table);
        memcpy(table + i * width + 1 + d, rows.pi + i * d, d * sizeof *table);
    }
    free(split);
    if (status == LAG_OK && rows.count == count) return table;
    printf("\n  step %llu at t = %g: %s (residual %g)\n", (unsigned long long)report.steps, report.t,
           lag_status_text(status), report.residual);
    CU_FAIL("integration failed");
    free(table);
    return NULL;
}
