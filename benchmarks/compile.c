/* compile.c: how long compiling takes, by every road.
 *
 *     compile LAG EMPTY [PYTHON PEERS]
 *
 * LAG is the command, EMPTY a program that does nothing; PYTHON, with what peers/requirements.txt lists, runs the cases of
 * PEERS, peers/compile.py. Whatever is compared is run in turns, and medians are printed. Values come first: a row whose
 * values are not what they should be says so, and the exit status is 1. */
#include "lag.h"
#include "measure.h"

#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { ROUNDS = 50, PEER_ROUNDS = 5, TEXT_MOST = 16 << 20 };

static bool failed;

static void check(bool good, const char *what) {
    if (good) return;
    failed = true;
    printf("VALUES DIFFER: %s\n", what);
}

/* ---- Processes ---- */

/* Runs a program to its end; the last line of its output, and the seconds. */
static double run(char *const argv[], char *line, size_t size) {
    posix_spawn_file_actions_t files;
    int ends[2], status = -1;
    pid_t pid;
    *line = 0;
    if (pipe(ends) != 0) exit(2);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&files, ends[0]);
    posix_spawn_file_actions_addclose(&files, ends[1]);
    double start = seconds_now();
    if (posix_spawn(&pid, argv[0], &files, NULL, argv, environ) != 0) exit(2);
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    char next[512];
    while (out && fgets(next, sizeof next, out)) snprintf(line, size, "%s", next);
    if (out) fclose(out);
    waitpid(pid, &status, 0);
    double seconds = seconds_now() - start;
    posix_spawn_file_actions_destroy(&files);
    if (status != 0) failed = true, printf("FAILED: %s\n", argv[0]);
    return seconds;
}

static const char drag[] = "GM = 39.478758435; beta = 0.01153812; c = 63241.3; r2 = x_p^2 + y_p^2\n"
                           "(xd^2 + yd^2)/2 + (1 - beta)*GM/sqrt(x^2 + y^2)"
                           " - beta*GM/c/r2*(xd_p*x_m + yd_p*y_m + (xd_p*x_p + yd_p*y_p)*(x_p*x_m + y_p*y_m)/r2)\n"
                           "start x = 0.8, pi_y = 7.650808563419224\n";
static const char drag_step[] = "integrate r = 4, dt = 0.01, steps = 1";

typedef struct Start {
    const char *name, *argument, *cache;
} Start;

static const Start start_case[] = {
    {"an empty process", NULL, "off"},
    {"lag", "--backend=auto", "off"},
    {"lag, from the cache", "--backend=llvm", NULL},
    {"lag, libtcc", "--backend=tcc", "off"},
    {"lag, LLVM quick", "--backend=llvm-quick", "off"},
    {"lag, LLVM optimised", "--backend=llvm", "off"},
};
static const char *const start_peer[] = {"heyoka-start", "heyoka-cached-start", "jax-start"};
enum { STARTS = sizeof start_case / sizeof *start_case, PEERS = sizeof start_peer / sizeof *start_peer };

static double run_start(char **argv, int which, const char *folder, char *line, size_t size) {
    const Start *s = &start_case[which];
    setenv("LAG_CACHE", s->cache ? s->cache : folder, 1);
    char *const empty[] = {argv[2], NULL};
    char *const lag[] = {argv[1],      (char *)"--quiet", (char *)s->argument, (char *)"-o",      (char *)"-",
                         (char *)"-e", (char *)drag,      (char *)"-e",        (char *)drag_step, NULL};
    return run(s->argument ? lag : empty, line, size);
}

/* The state of a row or of a peer's line: x y pi_x pi_y. */
static void read_state(const char *line, int skip, double state[4]) {
    char *at = (char *)line;
    for (int i = -skip; i < 4; i++) {
        double value = strtod(at, &at);
        if (i >= 0) state[i] = value;
        at += *at == ',';
    }
}

static void measure_starts(int argc, char **argv, const char *folder) {
    static double seconds[STARTS + PEERS][ROUNDS];
    char line[512], first[512] = "";
    double expected[4], got[4];
    run_start(argv, 2, folder, line, sizeof line); /* fills the cache */
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < STARTS; i++) {
            seconds[i][round] = run_start(argv, i, folder, line, sizeof line);
            if (i == 1 && round == 0) strcpy(first, line);
            if (i > 0) check(*line && strcmp(line, first) == 0, start_case[i].name);
        }
    read_state(first, 1, expected);
    for (int round = 0; argc > 4 && round < PEER_ROUNDS; round++)
        for (int i = 0; i < PEERS; i++) {
            char *const peer[] = {argv[3], argv[4], (char *)start_peer[i], NULL};
            seconds[STARTS + i][round] = run(peer, line, sizeof line);
            read_state(line, 0, got);
            for (int k = 0; k < 4; k++) check(fabs(got[k] - expected[k]) <= 1e-12 * fabs(expected[k]), start_peer[i]);
        }
    double empty = median(seconds[0], ROUNDS);
    printf("\nProcess start to the first step of Poynting-Robertson drag, r = 4\n");
    for (int i = 0; i < STARTS; i++) {
        double s = median(seconds[i], ROUNDS);
        printf("  %-32s %9.3f ms %8.2f x an empty process\n", start_case[i].name, 1e3 * s, s / empty);
    }
    for (int i = 0; argc > 4 && i < PEERS; i++) {
        double s = median(seconds[STARTS + i], PEER_ROUNDS);
        printf("  %-32s %9.1f ms %8.1f x lag, %6.1f x lag from the cache, %6.1f x libtcc, %6.1f x LLVM quick, %5.1f x "
               "optimised\n",
               start_peer[i], 1e3 * s, s / median(seconds[1], ROUNDS), s / median(seconds[2], ROUNDS),
               s / median(seconds[3], ROUNDS), s / median(seconds[4], ROUNDS), s / median(seconds[5], ROUNDS));
    }
}

/* ---- Within a process ---- */

/* A text compiled, and one step from q_k = 0.1 sin(k + 1), pi = 0. */
typedef struct Built {
    LagTimings t;
    double wall, q; /* seconds of all; the first coordinate after the step */
    size_t bytes;
    LagBackend backend;
} Built;

static double step_from(LagSession *session, const LagModel *model, const LagKernel *kernel) {
    uint32_t d = lag_model_dof(model);
    double *q = calloc(2 * d, sizeof *q), c[16] = {0}, end = NAN;
    LagIntegrator *it;
    for (uint32_t k = 0; k < d; k++) q[k] = 0.1 * sin(k + 1.0);
    lag_session_parameters(session, model, c);
    if (lag_integrator_new(kernel, LAG_METHOD_GGL, &it) == LAG_OK) {
        LagRows rows = {.capacity = 1, .q = q};
        lag_integrator_parameters(it, c);
        if (lag_integrator_start(it, 0, q, q + d) == LAG_OK && lag_integrator_advance(it, 0.01, 1, 1, &rows) == LAG_OK)
            end = q[0];
        lag_integrator_free(it);
    }
    free(q);
    return end;
}

static Built build(const char *text, uint32_t r, LagBackend backend, bool step) {
    Built b = {.q = NAN};
    LagSession *session;
    LagProgram *program = NULL;
    const LagKernel *kernel;
    double start = seconds_now();
    if (lag_session_new(LAG_ABI, &session) != LAG_OK) exit(2);
    if (lag_read(session, "benchmark", text, strlen(text), &program) == LAG_OK &&
        lag_model_kernel(lag_program_model(program), r, backend, &kernel) == LAG_OK) {
        LagCode code;
        b.wall = seconds_now() - start;
        lag_kernel_code(kernel, &code);
        lag_model_timings(lag_program_model(program), &b.t);
        b.bytes = code.bytes, b.backend = code.backend;
        if (step) b.q = step_from(session, lag_program_model(program), kernel);
    } else {
        failed = true;
        printf("FAILED: %.40s\n", text);
    }
    lag_program_free(program);
    lag_session_free(session);
    return b;
}

static double measure_build(const char *name, const char *text, uint32_t r, LagBackend backend, int rounds,
                            double expected) {
    double seconds[ROUNDS];
    Built b = build(text, r, backend, true);
    check(b.q == expected || isnan(expected), name);
    for (int i = 0; i < rounds; i++) {
        b = build(text, r, backend, false);
        seconds[i] = b.wall;
    }
    return median(seconds, rounds);
}

static double peer_seconds(char **argv, const char *name, double *second) {
    double seconds[PEER_ROUNDS], others[PEER_ROUNDS];
    char line[512];
    for (int i = 0; i < PEER_ROUNDS; i++) {
        char *const peer[] = {argv[3], argv[4], (char *)name, NULL}, *end;
        run(peer, line, sizeof line);
        seconds[i] = strtod(line, &end);
        others[i] = strtod(end, NULL);
    }
    if (second) *second = median(others, PEER_ROUNDS);
    return median(seconds, PEER_ROUNDS);
}

/* ---- Texts ---- */

static const char pendulum[] =
    "g = 9.81; x1 = cos(a)*ad/2; y1 = sin(a)*ad/2; x2 = cos(a)*ad + cos(b)*bd/2; y2 = sin(a)*ad + sin(b)*bd/2\n"
    "(x1^2 + y1^2 + x2^2 + y2^2)/2 + (ad^2 + bd^2)/24 + g*(3*cos(a)/2 + cos(b)/2) - t*ad_p*a_m\n";

static char *chain(uint32_t masses) {
    char *text = malloc(TEXT_MOST), *at = text;
    at += sprintf(at, "alpha = 1/4\n0");
    for (uint32_t i = 1; i <= masses; i++) at += sprintf(at, " + x%ud^2/2", i);
    for (uint32_t i = 0; i <= masses; i++) {
        char d[64];
        if (i == 0)
            sprintf(d, "x1");
        else if (i == masses)
            sprintf(d, "x%u", i);
        else
            sprintf(d, "(x%u - x%u)", i + 1, i);
        at += sprintf(at, " - %s^2/2 - alpha*%s^3/3", d, d);
    }
    return text;
}

static char *terms(uint32_t count) {
    char *text = malloc(TEXT_MOST), *at = text + sprintf(text, "xd^2/2");
    for (uint32_t i = 0; i < count; i++) at += sprintf(at, " - %u/1000*sin(%u*x/%u)", 1 + i * 7919 % 1000, i + 1, count);
    return text;
}

static char *drag_text(uint32_t unused) {
    (void)unused;
    return strdup(drag);
}

/* ---- Tables ---- */

static const LagBackend roads[] = {LAG_BACKEND_INTERPRETER, LAG_BACKEND_TCC, LAG_BACKEND_LLVM_QUICK, LAG_BACKEND_LLVM};
enum { ROADS = sizeof roads / sizeof *roads };

static void measure_system(const char *name, const char *text, uint32_t r, int rounds, int argc, char **argv,
                           const char *peer, const char *compact) {
    double expected = build(text, r, LAG_BACKEND_INTERPRETER, true).q, seconds[ROADS];
    printf("\n%s, r = %u: building alone, from text\n", name, r);
    for (int i = 0; i < ROADS; i++) {
        seconds[i] = measure_build(name, text, r, roads[i], rounds, expected);
        Built b = build(text, r, roads[i], false);
        printf("  %-12s %9.3f ms   (parse %.3f, differentiate %.3f, emit %.3f, codegen %.3f, link %.3f; %zu bytes)\n",
               lag_backend_name(roads[i]), 1e3 * seconds[i], 1e3 * b.t.parse, 1e3 * b.t.differentiate, 1e3 * b.t.emit,
               1e3 * b.t.codegen, 1e3 * b.t.link, b.bytes);
    }
    const char *const other[] = {peer, compact};
    for (int i = 0; argc > 4 && i < 2; i++) {
        if (!other[i]) continue;
        double s = peer_seconds(argv, other[i], NULL);
        printf("  %-24s %9.1f ms   %.1f x libtcc, %.1f x LLVM quick, %.1f x optimised\n", other[i], 1e3 * s, s / seconds[1],
               s / seconds[2], s / seconds[3]);
    }
}

/* Seconds of one call of the step's residual and Jacobian. */
static double seconds_a_call(LagBackend backend) {
    enum { CALLS = 20000 };
    LagSession *session;
    LagProgram *program = NULL;
    const LagKernel *kernel;
    double *array[LAG_ARRAY_COUNT], seconds[ROUNDS];
    if (lag_session_new(LAG_ABI, &session) != LAG_OK || lag_read(session, "drag", drag, strlen(drag), &program) != LAG_OK ||
        lag_model_kernel(lag_program_model(program), 4, backend, &kernel) != LAG_OK)
        exit(2);
    for (int a = 0; a < LAG_ARRAY_COUNT; a++) {
        array[a] = calloc(kernel->size[a] + 1, sizeof(double));
        if (kernel->table[a]) memcpy(array[a], kernel->table[a], kernel->size[a] * sizeof(double));
    }
    lag_session_parameters(session, lag_program_model(program), array[LAG_PARAMETER]);
    array[LAG_TIME][1] = 0.01;
    array[LAG_Q][0] = 0.8, array[LAG_PI][1] = 7.65;
    for (int i = 0; i < 5; i++) array[LAG_Z][2 * i + 1] = array[LAG_NODE][i + 1] * 0.0765;
    const LagProcedure *p = &kernel->procedure[LAG_STEP_JACOBIAN];
    for (int round = 0; round < ROUNDS; round++) {
        double start = seconds_now();
        for (int i = 0; i < CALLS; i++) p->run(p->code, array);
        seconds[round] = (seconds_now() - start) / CALLS;
    }
    for (int a = 0; a < LAG_ARRAY_COUNT; a++) free(array[a]);
    lag_program_free(program);
    lag_session_free(session);
    return median(seconds, ROUNDS);
}

static void measure_call(int argc, char **argv) {
    printf("\nPoynting-Robertson drag, r = 4: residual and Jacobian\n");
    double built[ROADS], called[ROADS], call, s;
    for (int i = 0; i < ROADS; i++) {
        built[i] = measure_build("drag", drag, 4, roads[i], ROUNDS, NAN), called[i] = seconds_a_call(roads[i]);
        printf("  %-24s %9.3f ms to build   %8.1f ns a call\n", lag_backend_name(roads[i]), 1e3 * built[i], 1e9 * called[i]);
    }
    const char *const other[] = {"symengine-step", "symengine-step-cse"};
    for (int i = 0; argc > 4 && i < 2; i++) {
        s = peer_seconds(argv, other[i], &call);
        printf("  %-24s %9.3f ms to build   %8.1f ns a call: %.1f x and %.1f x LLVM quick, a call %.1f x optimised\n",
               other[i], 1e3 * s, 1e9 * call, s / built[2], call / called[2], call / called[3]);
    }
}

static void measure_series(const char *name, char *make(uint32_t), const uint32_t *size, const uint32_t *r, int count,
                           LagBackend backend) {
    double before = 0;
    printf("  %-28s %-11s", name, lag_backend_name(backend));
    for (int i = 0; i < count; i++) {
        char *text = make(size[i]);
        double expected = i == 0 ? build(text, r[i], LAG_BACKEND_INTERPRETER, true).q : NAN;
        double s = measure_build(name, text, r[i], backend, size[i] > 10000 ? 5 : 15, expected);
        printf(" %9.2f", 1e3 * s);
        if (i > 0) printf(" (%4.2f x)", s / before);
        before = s;
        free(text);
        fflush(stdout);
    }
    printf("\n");
}

static void measure_all_series(void) {
    static const uint32_t masses[] = {25, 50, 100, 200}, four[] = {4, 4, 4, 4, 4, 4, 4, 4}, nodes[] = {8, 16, 32, 64},
                          few[] = {1000, 2000, 4000, 8000}, many[] = {12500, 25000, 50000, 100000};
    printf("\nTwice as much, milliseconds to build\n");
    for (int i = 0; i < ROADS; i++) measure_series("masses 25 50 100 200", chain, masses, four, 4, roads[i]);
    for (int i = 0; i < ROADS; i++) measure_series("r = 8 16 32 64", drag_text, nodes, nodes, 4, roads[i]);
    for (int i = 0; i < ROADS; i++) measure_series("terms 1000 2000 4000 8000", terms, few, four, 4, roads[i]);
    measure_series("terms 12500 .. 100000", terms, many, four, 4, LAG_BACKEND_AUTO);
}

int main(int argc, char **argv) {
    char folder[] = "/tmp/lag-benchmark-XXXXXX";
    if (argc < 3 || !mkdtemp(folder)) return 2;
    setenv("LAG_PEERS_CACHE", folder, 1);
    measure_starts(argc, argv, folder);
    setenv("LAG_CACHE", "off", 1);
    measure_system("Double pendulum", pendulum, 2, ROUNDS, argc, argv, "heyoka-pendulum", "heyoka-pendulum-compact");
    char *hundred = chain(100);
    measure_system("Fermi-Pasta-Ulam-Tsingou, 100 masses written out", hundred, 4, 15, argc, argv, "heyoka-chain",
                   "heyoka-chain-compact");
    free(hundred);
    measure_call(argc, argv);
    measure_all_series();
    char *const tidy[] = {(char *)"/bin/rm", (char *)"-rf", folder, NULL};
    char line[512];
    run(tidy, line, sizeof line);
    return failed;
}
