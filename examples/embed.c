/* embed.c: the C API in one program, on figure 4 of Roberts, "A Lagrangian mechanics oriented approach to neural networks":
 * what compiling and integrating a damped oscillator take, for N = 1, 10 .. 10^7 steps. Each N begins anew, with the text.
 *
 * First each step is solved by Newton, as there. Short runs are interpreted; long ones begin so, and move over to machine
 * code as soon as it is made, which takes the same whatever N is. Then as lag does it unless told otherwise: this system's
 * step is an affine map, made once, and needs no machine code.
 *
 *     cc embed.c $(pkg-config --cflags --libs lag) -o embed && ./embed [MOST [FILE.csv]]
 *
 * MOST is the largest N; the file gets the table as figure4.gp draws it. */
#include <lag.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char text[] = "c1*qd^2 - c2*q^2 - c3*qd_p*q_m";

static double seconds_now(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Diagnostics are data; this prints them as the command does. */
static void print_diagnostics(const LagSession *session) {
    char line[2000];
    for (size_t i = 0; i < lag_diagnostic_count(session); i++) {
        lag_diagnostic_format(lag_diagnostic(session, i), false, line, sizeof line);
        fputs(line, stderr);
    }
}

/* A point of the figure. */
typedef struct Point {
    double compile, integrate, total; /* seconds; making code goes on beside integrating, so that the total may be less */
    LagBackend backend;               /* what ran at the end */
    double q;
} Point;

static LagStatus integrate(const LagModel *model, LagMethod method, uint64_t n, Point *point) {
    const double c[] = {2, 4, 1e-6}, q = 0, pi = 1; /* parameters in the model's order: c1, c2, c3 */
    const LagKernel *kernel;
    LagIntegrator *integrator = NULL;
    LagReport report;
    LagCode code;
    LagTimings t;
    LagRows rows = {.capacity = 1, .q = &point->q}; /* the last row only */
    LagStatus status = lag_model_kernel(model, 2, LAG_BACKEND_AUTO, &kernel);
    if (status == LAG_OK) status = lag_integrator_new(kernel, method, &integrator);
    if (status != LAG_OK) return status;
    lag_integrator_parameters(integrator, c);
    status = lag_integrator_start(integrator, 0, &q, &pi);
    if (status == LAG_OK) status = lag_integrator_advance(integrator, 0.1, n, n, &rows);
    lag_integrator_report(integrator, &report);
    lag_kernel_code(kernel, &code);
    lag_model_timings(model, &t);
    point->compile = t.parse + t.differentiate + t.emit + t.optimise + t.codegen + t.link;
    point->integrate = report.seconds;
    point->backend = code.backend;
    lag_integrator_free(integrator);
    return status;
}

static LagStatus measure(LagMethod method, uint64_t n, Point *point) {
    LagSession *session;
    LagProgram *program = NULL;
    double start = seconds_now();
    LagStatus status = lag_session_new(LAG_ABI, &session);
    if (status != LAG_OK) return status;
    status = lag_read(session, "embed", text, strlen(text), &program);
    if (status == LAG_OK)
        status = integrate(lag_program_model(program), method, n, point);
    else
        print_diagnostics(session);
    point->total = seconds_now() - start;
    lag_program_free(program);
    lag_session_free(session);
    return status;
}

static LagStatus measure_all(LagMethod method, double most, FILE *file) {
    LagStatus status = LAG_OK;
    bool newton = method == LAG_METHOD_NEWTON;
    printf("%s\n%9s %12s %14s %14s %9s  %-10s %22s\n", newton ? "each step solved by Newton" : "\nan affine map", "N",
           "compile/ms", "integrate/ms", "all/ms", "ns/step", newton ? "ran by" : "", "q");
    for (uint64_t n = 1; (double)n <= most && status == LAG_OK; n *= 10) {
        Point p;
        status = measure(method, n, &p);
        if (status != LAG_OK) break;
        printf("%9llu %12.4f %14.4f %14.4f %9.1f  %-10s %22.15g\n", (unsigned long long)n, 1e3 * p.compile,
               1e3 * p.integrate, 1e3 * p.total, 1e9 * p.integrate / (double)n, newton ? lag_backend_name(p.backend) : "",
               p.q);
        if (file)
            fprintf(file, "%s,%llu,%.9g,%.9g,%.9g\n", newton ? "newton" : "affine", (unsigned long long)n, p.compile,
                    p.integrate, p.total);
    }
    return status;
}

int main(int argc, char **argv) {
    double most = argc > 1 ? atof(argv[1]) : 1e7;
    FILE *file = argc > 2 ? fopen(argv[2], "w") : NULL;
    if (argc > 2 && !file) return perror(argv[2]), 1;
    if (file) fprintf(file, "road,N,compile_s,integrate_s,total_s\n");
    LagStatus status = measure_all(LAG_METHOD_NEWTON, most, file);
    if (status == LAG_OK) status = measure_all(LAG_METHOD_GGL, most, file);
    if (status != LAG_OK) fprintf(stderr, "embed: %s\n", lag_status_text(status));
    if (file && fclose(file) != 0) return perror(argv[2]), 1;
    return status != LAG_OK;
}
