/* batch.c: many systems in one call: dust grains of many sizes, spiralling into the Sun by Poynting-Robertson drag.
 * Radiation pressure weakens a small grain's gravity by more, and drag takes it further in.
 *
 *     cc batch.c $(pkg-config --cflags --libs lag) -lm -o batch && ./batch [GRAINS [YEARS]]
 *
 * prints how far in the grains are, and what a step of one costs: alone, in a batch on one thread, and on all. */
#include <lag.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* AU, years, solar masses; beta comes first among the parameters. */
static const char text[] = "param beta, GM, c;"
                           "(xd^2 + yd^2)/2 + (1 - beta)*GM/sqrt(x^2 + y^2)"
                           " - beta*GM/c/(x_p^2 + y_p^2)*(xd_p*x_m + yd_p*y_m"
                           " + (xd_p*x_p + yd_p*y_p)*(x_p*x_m + y_p*y_m)/(x_p^2 + y_p^2))";
static const double GM = 39.478758435, c = 63241.3, dt = 0.02;

/* Grains on circles of 1 AU. */
typedef struct Dust {
    size_t grains;
    double *parameter, *q, *pi; /* [grains, 3], [grains, 2] twice */
} Dust;

static double seconds_now(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int make(Dust *dust, size_t grains) {
    *dust = (Dust){grains, calloc(3 * grains, sizeof(double)), calloc(2 * grains, sizeof(double)),
                   calloc(2 * grains, sizeof(double))};
    if (!dust->parameter || !dust->q || !dust->pi) return 0;
    for (size_t i = 0; i < grains; i++) {
        double beta = 0.4 * (double)(i + 1) / (double)grains, parameter[] = {beta, GM, c};
        memcpy(dust->parameter + 3 * i, parameter, sizeof parameter);
        dust->q[2 * i] = 1;
        dust->pi[2 * i + 1] = sqrt((1 - beta) * GM);
    }
    return 1;
}

/* Takes all grains along; seconds a grain and step, or NaN. The places go to q. */
static double run(const LagKernel *kernel, const Dust *dust, uint32_t threads, uint64_t steps, double *q) {
    LagBatch *batch;
    double seconds = NAN;
    if (lag_batch_new(kernel, LAG_METHOD_GGL, dust->grains, threads, &batch) != LAG_OK) return NAN;
    lag_batch_parameters(batch, dust->parameter);
    if (lag_batch_start(batch, 0, dust->q, dust->pi) == LAG_OK && lag_batch_advance(batch, dt, 1, 1, NULL) == LAG_OK) {
        double start = seconds_now(); /* the code is made */
        if (lag_batch_advance(batch, dt, steps - 1, 1, NULL) == LAG_OK)
            seconds = (seconds_now() - start) / (double)(steps - 1) / (double)dust->grains;
        lag_batch_state(batch, q, NULL, NULL);
    }
    lag_batch_free(batch);
    return seconds;
}

static int show(const LagKernel *kernel, const Dust *dust, uint64_t steps) {
    double *one = calloc(2 * dust->grains, sizeof *one), *all = calloc(2 * dust->grains, sizeof *all);
    int good = one && all;
    if (good) {
        double single = run(kernel, &(Dust){1, dust->parameter, dust->q, dust->pi}, 1, steps, one);
        double first = one[0], thread = run(kernel, dust, 1, steps, one), threads = run(kernel, dust, 0, steps, all);
        good = first == one[0] && memcmp(one, all, 2 * dust->grains * sizeof *one) == 0;
        printf("a step takes %.0f ns alone, %.0f ns in a batch of %zu, and %.0f ns on all threads: %s\n", 1e9 * single,
               1e9 * thread, dust->grains, 1e9 * threads, good ? "the same bits" : "OTHER VALUES");
        for (size_t i = 0; i < dust->grains; i += (dust->grains + 4) / 5)
            printf("beta = %.4f: r = %.9f AU after %g years\n", dust->parameter[3 * i], hypot(all[2 * i], all[2 * i + 1]),
                   dt * (double)steps);
    }
    free(one);
    free(all);
    return good;
}

int main(int argc, char **argv) {
    long grains = argc > 1 ? atol(argv[1]) : 1000;
    double years = argc > 2 ? atof(argv[2]) : 100;
    LagSession *session;
    LagProgram *program = NULL;
    const LagKernel *kernel;
    Dust dust = {0};
    int good = 0;
    if (grains < 1 || !(years >= 1) || years > 1e6) {
        fputs("batch [GRAINS [YEARS]]: one grain and one year or more, a million years at most\n", stderr);
        return 2;
    }
    if (lag_session_new(LAG_ABI, &session) != LAG_OK) return 1;
    if (lag_read(session, "dust", text, strlen(text), &program) == LAG_OK && make(&dust, (size_t)grains) &&
        lag_model_kernel(lag_program_model(program), 6, LAG_BACKEND_LLVM, &kernel) == LAG_OK)
        good = show(kernel, &dust, (uint64_t)(years / dt));
    if (!good) fputs("batch: it did not work\n", stderr);
    free(dust.parameter);
    free(dust.q);
    free(dust.pi);
    lag_program_free(program);
    lag_session_free(session);
    return good ? 0 : 1;
}
