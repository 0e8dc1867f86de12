/* test_tiers.c: what runs a kernel: moving over in the middle of a run, the cache, kernels in many threads and many times.
 */
#include "harness.h"

#include <ftw.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char pendulum[] = "k = 2; qd^2/2*(1 + sin(q)^2) + k*cos(q) - 0.1*sin(q_m)*qd_p";

static LagIntegrator *integrator_of(const LagKernel *kernel) {
    const double q = 1, pi = 0.25, k = 2;
    return harness_begin(kernel, LAG_METHOD_GGL, &k, 0, &q, &pi);
}

static double advance(LagIntegrator *it, uint64_t steps) {
    double end = NAN;
    LagRows rows = {.capacity = 1, .q = &end};
    CU_ASSERT_EQUAL_FATAL(lag_integrator_advance(it, 0.1, steps, steps, &rows), LAG_OK);
    return end;
}

/* ---- Automatic ---- */

/* A run so long that it begins interpreted, and moves over on the way; the same steps, interpreted to the end. */
static void expect_same_bits(const Harness *h, uint64_t expected, LagBackend least) {
    enum { PIECE = 10 };
    const LagKernel *automatic, *interpreted;
    LagCode code;
    uint64_t steps = 0;
    double end = NAN;
    CU_ASSERT_EQUAL_FATAL(lag_model_kernel(h->model, 3, LAG_BACKEND_AUTO, &automatic), LAG_OK);
    CU_ASSERT_EQUAL_FATAL(lag_model_kernel(h->model, 3, LAG_BACKEND_INTERPRETER, &interpreted), LAG_OK);
    LagIntegrator *it = integrator_of(automatic), *same = integrator_of(interpreted);
    lag_integrator_expect(it, expected);
    do {
        end = advance(it, PIECE);
        lag_kernel_code(automatic, &code);
    } while ((steps += PIECE) < expected && code.working);
    end = advance(it, PIECE);
    CU_ASSERT(code.backend >= least && !code.cached);
    CU_ASSERT((code.bytes > 0) == (code.backend > LAG_BACKEND_INTERPRETER));
    CU_ASSERT_EQUAL(end, advance(same, steps + PIECE));
    lag_integrator_free(it);
    lag_integrator_free(same);
}

static void test_moving_over(void) {
    Harness h = harness_read(pendulum);
    expect_same_bits(&h, 1, LAG_BACKEND_INTERPRETER);
    const LagKernel *kernel;
    LagCode code;
    CU_ASSERT_EQUAL_FATAL(lag_model_kernel(h.model, 3, LAG_BACKEND_AUTO, &kernel), LAG_OK);
    lag_kernel_code(kernel, &code);
    CU_ASSERT(code.backend == LAG_BACKEND_INTERPRETER && !code.working && !code.bytes); /* a step is not worth more */
    expect_same_bits(&h, 1000 * 1000 * 1000, LAG_BACKEND_TCC);
    harness_free(&h);
}

/* A model may be released while its code is being made. */
static void test_leaving(void) {
    for (int i = 0; i < 20; i++) {
        Harness h = harness_read(pendulum);
        const LagKernel *kernel;
        CU_ASSERT_EQUAL_FATAL(lag_model_kernel(h.model, 4, LAG_BACKEND_AUTO, &kernel), LAG_OK);
        LagIntegrator *it = integrator_of(kernel);
        lag_integrator_expect(it, UINT64_MAX);
        if (i % 2) advance(it, 1);
        lag_integrator_free(it);
        harness_free(&h);
    }
}

/* ---- The cache ---- */

static int remove_one(const char *path, const struct stat *there, int type, struct FTW *walk) {
    (void)there, (void)type, (void)walk;
    return remove(path);
}

static double run_cached(LagBackend backend, bool cached) {
    Harness h = harness_read(pendulum);
    const LagKernel *kernel;
    LagCode code;
    LagTimings t;
    CU_ASSERT_EQUAL_FATAL(lag_model_kernel(h.model, 3, backend, &kernel), LAG_OK);
    LagIntegrator *it = integrator_of(kernel);
    if (backend == LAG_BACKEND_AUTO) lag_integrator_expect(it, 1000 * 1000);
    double end = advance(it, 50);
    lag_kernel_code(kernel, &code);
    lag_model_timings(h.model, &t);
    CU_ASSERT_EQUAL(code.cached, cached);
    if (cached) CU_ASSERT(t.codegen == 0 && code.backend == LAG_BACKEND_LLVM && !code.working);
    lag_integrator_free(it);
    harness_free(&h);
    return end;
}

static void test_cached(void) {
    char folder[] = "/tmp/lag-tiers-XXXXXX";
    const char *asked = getenv("LAG_CACHE");
    char *before = strdup(asked ? asked : "");
    CU_ASSERT_FATAL(mkdtemp(folder) != NULL);
    setenv("LAG_CACHE", folder, 1);
    double first = run_cached(LAG_BACKEND_LLVM, false);
    CU_ASSERT_EQUAL(first, run_cached(LAG_BACKEND_LLVM, true));
    CU_ASSERT_EQUAL(first, run_cached(LAG_BACKEND_AUTO, true)); /* which begins with what is there */
    CU_ASSERT_EQUAL(first, run_cached(LAG_BACKEND_TCC, false)); /* that is quicker made than read */
    setenv("LAG_CACHE", before, 1);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(before);
}

/* ---- Many threads ---- */

/* Threads with sessions of their own, and one model that all of them compile and run: the bits of one thread. Each compiles
 * LAG_TEST_COMPILES times, or 30. */
typedef struct Worker {
    pthread_t thread;
    const LagModel *shared;
    double end[2];
    bool good;
} Worker;

static bool run_shared(const LagModel *model, uint32_t n, double *end) {
    const LagKernel *kernel;
    LagIntegrator *it = NULL;
    const double q = 1, pi = 0.25, k = 2;
    LagRows rows = {.capacity = 1, .q = end};
    bool good = lag_model_kernel(model, 1 + n / LAG_BACKENDS % 3, (LagBackend)(n % LAG_BACKENDS), &kernel) == LAG_OK &&
                lag_integrator_new(kernel, LAG_METHOD_GGL, &it) == LAG_OK;
    if (good) {
        lag_integrator_parameters(it, &k);
        lag_integrator_expect(it, 100 * 1000);
        good = lag_integrator_start(it, 0, &q, &pi) == LAG_OK && lag_integrator_advance(it, 0.1, 100, 100, &rows) == LAG_OK;
    }
    lag_integrator_free(it);
    return good;
}

static void *work(void *argument) {
    Worker *w = argument;
    const char *count = getenv("LAG_TEST_COMPILES");
    uint32_t compiles = count ? (uint32_t)atoi(count) : 30;
    w->good = true;
    for (uint32_t n = 0; n < compiles && w->good; n++) {
        LagSession *session = NULL;
        LagProgram *program = NULL;
        w->good = w->good && lag_session_new(LAG_ABI, &session) == LAG_OK &&
                  lag_read(session, "thread", pendulum, sizeof pendulum - 1, &program) == LAG_OK &&
                  run_shared(lag_program_model(program), n, &w->end[0]) && run_shared(w->shared, n, &w->end[1]);
        lag_program_free(program);
        lag_session_free(session);
    }
    return NULL;
}

static void test_threads(void) {
    enum { THREADS = 4 };
    Harness h = harness_read(pendulum);
    Worker worker[THREADS + 1] = {0};
    for (int i = 0; i <= THREADS; i++) worker[i].shared = h.model;
    for (int i = 0; i < THREADS; i++) CU_ASSERT_FATAL(pthread_create(&worker[i].thread, NULL, work, &worker[i]) == 0);
    for (int i = 0; i < THREADS; i++) pthread_join(worker[i].thread, NULL);
    work(&worker[THREADS]);
    for (int i = 0; i <= THREADS; i++) {
        CU_ASSERT(worker[i].good && worker[i].end[0] == worker[i].end[1]);
        CU_ASSERT(worker[i].end[0] == worker[THREADS].end[0]);
    }
    harness_free(&h);
}

/* ---- Many times ---- */

static long resident_bytes(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return 0;
    if (fscanf(file, "%*s %ld", &pages) != 1) pages = 0;
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

/* Compiled, run and freed, by every backend in turn: memory stays where it was. LAG_TEST_CYCLES times, or 500. */
static void test_cycles(void) {
    enum { WARM = 200, GROWTH = 1 << 20 };
    const char *count = getenv("LAG_TEST_CYCLES");
    uint32_t cycles = WARM + (count ? (uint32_t)atoi(count) : 500);
    long warm = 0;
    double first[LAG_BACKENDS] = {0};
    for (uint32_t n = 0; n < cycles; n++) {
        uint32_t backend = n % LAG_BACKENDS;
        const LagKernel *kernel;
        Harness h = harness_read(pendulum);
        CU_ASSERT_EQUAL_FATAL(lag_model_kernel(h.model, 1, (LagBackend)backend, &kernel), LAG_OK);
        LagIntegrator *it = integrator_of(kernel);
        double end = advance(it, 3);
        if (n < LAG_BACKENDS) first[backend] = end;
        if (end != first[0] || end != first[backend]) CU_FAIL_FATAL("another result");
        lag_integrator_free(it);
        harness_free(&h);
        if (n == WARM) warm = resident_bytes();
    }
    long grown = resident_bytes() - warm;
    printf("%u cycles, %+ld kB ", cycles - WARM, grown / 1024);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CU_ASSERT(grown < GROWTH);
#endif
}

/* A kernel that is held outlives its program. */
static void test_held(void) {
    Harness h = harness_read(pendulum);
    const LagKernel *kernel;
    CU_ASSERT_EQUAL_FATAL(lag_model_kernel(h.model, 1, LAG_BACKEND_TCC, &kernel), LAG_OK);
    lag_kernel_hold(kernel);
    harness_free(&h);
    LagIntegrator *it = integrator_of(kernel);
    CU_ASSERT(isfinite(advance(it, 10)));
    lag_integrator_free(it);
    lag_kernel_release(kernel);
}

/* The reason why there is no kernel, and that it goes. */
static void test_reason(void) {
    Harness h = harness_read(pendulum);
    const LagKernel *kernel = NULL;
    char reason[100], asked[4096];
    snprintf(asked, sizeof asked, "%s", getenv("LAG_BACKENDS") ? getenv("LAG_BACKENDS") : "");
    lag_backends_end();
    setenv("LAG_BACKENDS", "/nonexistent", 1);
    CU_ASSERT_EQUAL(lag_model_kernel(h.model, 2, LAG_BACKEND_TCC, &kernel), LAG_ERROR_BACKEND);
    CU_ASSERT(lag_model_reason(h.model, reason, sizeof reason) > 10 && strstr(reason, "lag-tcc"));
    CU_ASSERT(lag_model_kernel(h.model, 2, LAG_BACKEND_AUTO, &kernel) == LAG_OK && kernel);
    CU_ASSERT(lag_model_reason(h.model, reason, sizeof reason) == 0 && !*reason);
    LagIntegrator *it = integrator_of(kernel); /* long work without compilers is interpreted to its end */
    lag_integrator_expect(it, 1000 * 1000);
    LagCode code;
    do advance(it, 10), lag_kernel_code(kernel, &code);
    while (code.working);
    CU_ASSERT_EQUAL(code.backend, LAG_BACKEND_INTERPRETER);
    lag_integrator_free(it);
    setenv("LAG_BACKENDS", asked, 1);
    harness_free(&h);
}

void suite_tiers(void) {
    suite_add("tiers", (SuiteTest[]){{"moving over", test_moving_over},
                                     {"leaving", test_leaving},
                                     {"cached", test_cached},
                                     {"threads", test_threads},
                                     {"cycles", test_cycles},
                                     {"held", test_held},
                                     {"reasons", test_reason},
                                     {0}});
}
