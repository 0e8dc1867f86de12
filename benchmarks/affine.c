/* affine.c: nanoseconds a step where the step is an affine map, by how much of the run is kept.
 *
 * An oscillator's runs are kept whole, in part or not at all; medians of REPEATS runs from the start, Newton's first step
 * among them, into memory that has been written to before. The values come first: at r = 4 and this step the discrete map is
 * the exact motion to far below round-off, and every row has to lie within TOLERANCE of it, or the row of the table says
 * that it doesn't and the exit status is 1. */
#include "lag.h"
#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 1e-10
enum { REPEATS = 9, R = 4, LINE = 64, CHECKED = 1000000 };

static const double dt = 0.01, start_q = 1, start_pi = 0.25;
static const size_t steps_list[] = {1000, 65536, 1 << 20, 1 << 25};

static const struct {
    const char *name;
    uint64_t every; /* 0: no rows */
    bool times;
} kinds[] = {{"no rows", 0, false}, {"q, pi", 1, false}, {"t, q, pi", 1, true}, {"each 10th", 10, true}};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* An array that begins where a cache line does, and has been written to. */
static double *make_array(size_t count) {
    size_t size = (count * sizeof(double) + LINE - 1) / LINE * LINE;
    double *array = aligned_alloc(LINE, size);
    if (array) memset(array, 0, size);
    return array;
}

/* The largest distance of rows, each `every`-th, from the exact motion. */
static double apart(const LagRows *rows, uint64_t every) {
    double worst = 0;
    for (size_t i = 0; i < rows->count; i += 1 + rows->count / CHECKED) {
        long double t = (long double)((i + 1) * every) * dt, c = cosl(t), s = sinl(t);
        worst = fmax(worst, (double)fabsl(rows->q[i] - (start_q * c + start_pi * s)));
        worst = fmax(worst, (double)fabsl(rows->pi[i] - (start_pi * c - start_q * s)));
        if (rows->t) worst = fmax(worst, fabs(rows->t[i] - (double)((i + 1) * every) * dt));
    }
    return worst;
}

/* Seconds of one run; less than 0 where it failed. */
static double run(LagIntegrator *it, size_t steps, uint64_t every, LagRows *rows) {
    lag_integrator_start(it, 0, &start_q, &start_pi);
    rows->count = 0;
    double start = seconds_now();
    LagStatus status = lag_integrator_advance(it, dt, steps, every ? every : 1, every ? rows : NULL);
    double seconds = seconds_now() - start;
    return status == LAG_OK && (!every || rows->count == steps / every) ? seconds : -1;
}

/* Nanoseconds a step in *ns, and how far the values are off; false if a run failed. */
static bool measure(LagIntegrator *it, size_t steps, size_t kind, const LagRows *room, double *ns, double *off) {
    LagRows rows = *room;
    double seconds[REPEATS], state[2];
    if (!kinds[kind].times) rows.t = NULL;
    for (int i = 0; i < REPEATS; i++)
        if ((seconds[i] = run(it, steps, kinds[kind].every, &rows)) < 0) return false;
    *ns = median(seconds, REPEATS) * 1e9 / (double)steps;
    LagRows end = {.capacity = 1, .q = state, .pi = state + 1};
    lag_integrator_state(it, &end);
    *off = fmax(*off, kinds[kind].every ? apart(&rows, kinds[kind].every) : apart(&end, steps));
    return true;
}

static bool benchmark(LagIntegrator *it, size_t steps) {
    LagRows room = {.capacity = steps, .t = make_array(steps), .q = make_array(steps), .pi = make_array(steps)};
    bool good = room.t && room.q && room.pi;
    double ns[KINDS], off = 0;
    for (size_t kind = 0; kind < KINDS && good; kind++) good = measure(it, steps, kind, &room, &ns[kind], &off);
    printf("%9zu |", steps);
    for (size_t kind = 0; kind < KINDS && good; kind++) printf(" %9.3f", ns[kind]);
    if (good)
        printf(" | %7.1e%s\n", off, off <= TOLERANCE ? "" : "  VALUES DIFFER");
    else
        puts(" failed");
    free(room.t);
    free(room.q);
    free(room.pi);
    return good && off <= TOLERANCE;
}

int main(void) {
    static const char text[] = "qd^2/2 - q^2/2";
    LagSession *session;
    LagProgram *program = NULL;
    LagIntegrator *it = NULL;
    const LagKernel *kernel;
    if (lag_session_new(LAG_ABI, &session) != LAG_OK) return 1;
    bool good = lag_read(session, "oscillator", text, strlen(text), &program) == LAG_OK &&
                lag_model_kernel(lag_program_model(program), R, LAG_BACKEND_LLVM, &kernel) == LAG_OK &&
                lag_kernel_road(kernel) == LAG_ROAD_AFFINE && lag_integrator_new(kernel, LAG_METHOD_GGL, &it) == LAG_OK;
    printf("%9s |", "steps");
    for (size_t kind = 0; kind < KINDS; kind++) printf(" %9s", kinds[kind].name);
    puts(" | apart      (ns a step)");
    for (size_t i = 0; good && i < sizeof steps_list / sizeof *steps_list; i++) good = benchmark(it, steps_list[i]);
    lag_integrator_free(it);
    lag_program_free(program);
    lag_session_free(session);
    return good ? 0 : 1;
}
