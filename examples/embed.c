/* embed.c: the C API in one program. Compiles a damped oscillator once, integrates it for N = 1, 10 .. 10^7 steps, and
 * prints what each took: the compilation is paid once, whatever N is.
 *
 *     cc embed.c $(pkg-config --cflags --libs lag) -o embed && ./embed */
#include <lag.h>

#include <stdio.h>
#include <string.h>

static const char text[] = "c1*qd^2 - c2*q^2 - c3*qd_p*q_m";

/* Diagnostics are data; this prints them as the command does. */
static void print_diagnostics(const LagSession *session) {
    char line[2000];
    for (size_t i = 0; i < lag_diagnostic_count(session); i++) {
        lag_diagnostic_format(lag_diagnostic(session, i), false, line, sizeof line);
        fputs(line, stderr);
    }
}

static int run(const LagModel *model) {
    const LagKernel *kernel;
    LagIntegrator *integrator;
    LagTimings t;
    const double c[] = {2, 4, 1e-6}, q = 0, pi = 1; /* parameters in the model's order: c1, c2, c3 */
    LagStatus status = lag_model_kernel(model, 2, LAG_BACKEND_AUTO, &kernel);
    if (status == LAG_OK) status = lag_integrator_new(kernel, LAG_METHOD_GGL, &integrator);
    if (status != LAG_OK) {
        fprintf(stderr, "embed: %s\n", lag_status_text(status));
        return 1;
    }
    lag_integrator_parameters(integrator, c);
    lag_model_timings(model, &t);
    double compile = t.parse + t.differentiate + t.emit + t.optimise + t.codegen + t.link;
    printf("compiled in %.2f ms: parse %.2f, differentiate %.2f, emit %.2f, codegen %.2f, link %.2f\n\n", 1e3 * compile,
           1e3 * t.parse, 1e3 * t.differentiate, 1e3 * t.emit, 1e3 * t.codegen, 1e3 * t.link);
    printf("%9s %14s %9s %18s %22s\n", "N", "integrate/ms", "ns/step", "integrate/compile", "q");
    for (uint64_t n = 1; n <= 10000000; n *= 10) {
        LagReport report;
        double end;
        LagRows rows = {.capacity = 1, .q = &end};
        status = lag_integrator_start(integrator, 0, &q, &pi);
        if (status == LAG_OK) status = lag_integrator_advance(integrator, 0.1, n, n, &rows); /* keeps the last row only */
        if (status != LAG_OK) break;
        lag_integrator_report(integrator, &report);
        printf("%9llu %14.4f %9.1f %18.4f %22.15g\n", (unsigned long long)n, 1e3 * report.seconds,
               1e9 * report.seconds / (double)n, report.seconds / compile, end);
    }
    if (status != LAG_OK) fprintf(stderr, "embed: %s\n", lag_status_text(status));
    lag_integrator_free(integrator);
    return status != LAG_OK;
}

int main(void) {
    LagSession *session;
    LagProgram *program = NULL;
    int failed = 1;
    if (lag_session_new(LAG_ABI, &session) != LAG_OK) return 1;
    if (lag_read(session, "embed", text, strlen(text), &program) == LAG_OK)
        failed = run(lag_program_model(program));
    else
        print_diagnostics(session);
    lag_program_free(program);
    lag_session_free(session);
    return failed;
}
