/* step.c: seconds by phase and nanoseconds a step, beside hand-written C of the same step.
 *
 * Each system is compiled from text; then lag, each step solved by Newton, and the hand-written step integrate the same
 * start, alternating, and the medians are printed with their ratio. Beside them stands the road that lag takes of itself,
 * for one system and, a system, for a batch on one thread. The values come first: both end within TOLERANCE of one another,
 * and the batch with the same bits, or the row says that they do not and the exit status is 1. Last comes a chain of 1,000
 * masses, which lag steps by sweeps alone, beside sweeps by hand. */
#include "hand_chain.h"
#include "lag.h"
#include "measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 1e-10
enum { REPEATS = 15, CHECK_STEPS = 200, BATCH = 64 };

/* ---- The systems by hand ---- */

/* Damped oscillator: m q''= -k q - c q'. */
static const double dho_m = 1, dho_k = 1, dho_c = 0.01;

static inline void dho_force(const double *q, const double *v, double t, double *A, double *B) {
    (void)t;
    A[0] = -dho_k * q[0] - dho_c * v[0];
    B[0] = dho_m * v[0];
}

static inline void dho_blocks(const double *q, const double *v, double t, double AQ[1][1], double AV[1][1], double BQ[1][1],
                              double BV[1][1]) {
    (void)q, (void)v, (void)t;
    AQ[0][0] = -dho_k, AV[0][0] = -dho_c, BQ[0][0] = 0, BV[0][0] = dho_m;
}

/* A stiff spring that hardens: q'' = -k q - a q^3. */
static const double stiff_k = 200, stiff_a = 20;

static inline void stiff_force(const double *q, const double *v, double t, double *A, double *B) {
    (void)t;
    A[0] = -stiff_k * q[0] - stiff_a * q[0] * q[0] * q[0];
    B[0] = v[0];
}

static inline void stiff_blocks(const double *q, const double *v, double t, double AQ[1][1], double AV[1][1],
                                double BQ[1][1], double BV[1][1]) {
    (void)v, (void)t;
    AQ[0][0] = -stiff_k - 3 * stiff_a * q[0] * q[0], AV[0][0] = 0, BQ[0][0] = 0, BV[0][0] = 1;
}

/* Poynting-Robertson drag: A = -(1 - beta) GM x / r^3 - beta GM / (c r^2) (v + (v.x) x / r^2). */
static const double prd_GM = 39.478758435, prd_beta = 0.01153812, prd_c = 63241.3;

static inline void prd_force(const double *q, const double *v, double t, double *A, double *B) {
    (void)t;
    double r2 = q[0] * q[0] + q[1] * q[1], g = (1 - prd_beta) * prd_GM / (r2 * sqrt(r2)),
           w = prd_beta * prd_GM / (prd_c * r2);
    double vx = (v[0] * q[0] + v[1] * q[1]) / r2;
    for (int k = 0; k < 2; k++) {
        A[k] = -g * q[k] - w * (v[k] + vx * q[k]);
        B[k] = v[k];
    }
}

static inline void prd_blocks(const double *q, const double *v, double t, double AQ[2][2], double AV[2][2], double BQ[2][2],
                              double BV[2][2]) {
    (void)t;
    double r2 = q[0] * q[0] + q[1] * q[1], g = (1 - prd_beta) * prd_GM / (r2 * sqrt(r2)),
           w = prd_beta * prd_GM / (prd_c * r2);
    double vx = (v[0] * q[0] + v[1] * q[1]) / r2;
    for (int k = 0; k < 2; k++)
        for (int l = 0; l < 2; l++) {
            double d = k == l, grad = 2 * q[l] / r2; /* -d log(1 / r^2) / dq_l */
            AQ[k][l] = -g * (d - 1.5 * grad * q[k]) + w * grad * (v[k] + vx * q[k]) -
                       w * (v[l] / r2 * q[k] - vx * grad * q[k] + vx * d);
            AV[k][l] = -w * (d + q[l] * q[k] / r2);
            BQ[k][l] = 0;
            BV[k][l] = d;
        }
}

/* Double pendulum of two rods, m = l = 1, drag 2 t on the first angle. */
static const double dp_g = 9.81;

static inline void dp_force(const double *q, const double *v, double t, double *A, double *B) {
    double s = sin(q[0] - q[1]), c = cos(q[0] - q[1]);
    B[0] = 4. / 3 * v[0] + 0.5 * c * v[1];
    B[1] = 1. / 3 * v[1] + 0.5 * c * v[0];
    A[0] = -0.5 * s * v[0] * v[1] - 1.5 * dp_g * sin(q[0]) - 2 * t * v[0];
    A[1] = 0.5 * s * v[0] * v[1] - 0.5 * dp_g * sin(q[1]);
}

static inline void dp_blocks(const double *q, const double *v, double t, double AQ[2][2], double AV[2][2], double BQ[2][2],
                             double BV[2][2]) {
    double s = sin(q[0] - q[1]), c = cos(q[0] - q[1]), cc = 0.5 * c * v[0] * v[1];
    AQ[0][0] = -cc - 1.5 * dp_g * cos(q[0]), AQ[0][1] = cc;
    AQ[1][0] = cc, AQ[1][1] = -cc - 0.5 * dp_g * cos(q[1]);
    AV[0][0] = -0.5 * s * v[1] - 2 * t, AV[0][1] = -0.5 * s * v[0];
    AV[1][0] = 0.5 * s * v[1], AV[1][1] = 0.5 * s * v[0];
    BQ[0][0] = -0.5 * s * v[1], BQ[0][1] = 0.5 * s * v[1];
    BQ[1][0] = -0.5 * s * v[0], BQ[1][1] = 0.5 * s * v[0];
    BV[0][0] = 4. / 3, BV[0][1] = 0.5 * c, BV[1][0] = 0.5 * c, BV[1][1] = 1. / 3;
}

#define HAND(name) dho2_##name
#define HAND_D 1
#define HAND_R 2
#define HAND_FORCE dho_force
#define HAND_BLOCKS dho_blocks
#include "hand_step.h"
#define HAND(name) dho4_##name
#define HAND_D 1
#define HAND_R 4
#define HAND_FORCE dho_force
#define HAND_BLOCKS dho_blocks
#include "hand_step.h"
#define HAND(name) dho8_##name
#define HAND_D 1
#define HAND_R 8
#define HAND_FORCE dho_force
#define HAND_BLOCKS dho_blocks
#include "hand_step.h"
#define HAND(name) stiff4_##name
#define HAND_D 1
#define HAND_R 4
#define HAND_FORCE stiff_force
#define HAND_BLOCKS stiff_blocks
#include "hand_step.h"
#define HAND(name) prd2_##name
#define HAND_D 2
#define HAND_R 2
#define HAND_FORCE prd_force
#define HAND_BLOCKS prd_blocks
#include "hand_step.h"
#define HAND(name) prd4_##name
#define HAND_D 2
#define HAND_R 4
#define HAND_FORCE prd_force
#define HAND_BLOCKS prd_blocks
#include "hand_step.h"
#define HAND(name) prd8_##name
#define HAND_D 2
#define HAND_R 8
#define HAND_FORCE prd_force
#define HAND_BLOCKS prd_blocks
#include "hand_step.h"
#define HAND(name) dp2_##name
#define HAND_D 2
#define HAND_R 2
#define HAND_FORCE dp_force
#define HAND_BLOCKS dp_blocks
#include "hand_step.h"

/* ---- The systems as text ---- */

#define DHO "m = 1; k = 1; lam = 0.01; m/2*qd^2 - k/2*q^2 - lam*qd_p*q_m"
#define STIFF "k = 200; a = 20; qd^2/2 - k*q^2/2 - a*q^4/4"
#define PRD                                                                                                                 \
    "GM = 39.478758435; beta = 0.01153812; c = 63241.3;"                                                                    \
    "(xd^2 + yd^2)/2 + (1 - beta)*GM/sqrt(x^2 + y^2) - beta*GM/c/(x_p^2 + y_p^2)*(xd_p*x_m + yd_p*y_m"                      \
    " + (xd_p*x_p + yd_p*y_p)*(x_p*x_m + y_p*y_m)/(x_p^2 + y_p^2))"
#define DP                                                                                                                  \
    "m = 1; l = 1; g = 9.81;"                                                                                               \
    "m*((l/2*cos(a)*ad)^2 + (l/2*sin(a)*ad)^2 + (l*cos(a)*ad + l/2*cos(b)*bd)^2 + (l*sin(a)*ad + l/2*sin(b)*bd)^2)/2"       \
    " + m*l^2*(ad^2 + bd^2)/24 - m*g*(-l/2*cos(a) - l*cos(a) - l/2*cos(b)) - 2*t*ad_p*a_m"

typedef void HandRun(const LagKernel *kernel, double *q, double *pi, double h, long steps);

static const struct {
    const char *name, *text;
    uint32_t r;
    HandRun *hand;
    double h, q[2], pi[2];
    long steps;
} systems[] = {
    {"damped oscillator", DHO, 2, dho2_run, 0.1, {1}, {0}, 10000},
    {"damped oscillator", DHO, 4, dho4_run, 0.1, {1}, {0}, 10000},
    {"damped oscillator", DHO, 8, dho8_run, 0.1, {1}, {0}, 10000},
    {"stiff spring", STIFF, 4, stiff4_run, 0.25, {0.5}, {0}, 10000}, /* a step is more than half a period */
    {"Poynting-Robertson", PRD, 2, prd2_run, 0.01, {0.8, 0}, {0, 7.650808563419224}, 5000},
    {"Poynting-Robertson", PRD, 4, prd4_run, 0.01, {0.8, 0}, {0, 7.650808563419224}, 5000},
    {"Poynting-Robertson", PRD, 8, prd8_run, 0.01, {0.8, 0}, {0, 7.650808563419224}, 5000},
    {"double pendulum", DP, 2, dp2_run, 0.01, {0, 0}, {4, 1}, 1000},
};

/* ---- Measuring ---- */

/* Integrates with lag from the start; the end state in q, pi; seconds, or -1 when it failed. */
static double run_lag(LagIntegrator *it, size_t i, long steps, double *q, double *pi) {
    LagRows end = {.capacity = 1, .q = q, .pi = pi};
    lag_integrator_start(it, 0, systems[i].q, systems[i].pi);
    double start = seconds_now();
    LagStatus status = lag_integrator_advance(it, systems[i].h, (uint64_t)steps, (uint64_t)steps, NULL);
    double seconds = seconds_now() - start;
    lag_integrator_state(it, &end);
    return status == LAG_OK ? seconds : -1;
}

static double run_hand(const LagKernel *kernel, size_t i, long steps, double *q, double *pi) {
    memcpy(q, systems[i].q, sizeof systems[i].q);
    memcpy(pi, systems[i].pi, sizeof systems[i].pi);
    double start = seconds_now();
    systems[i].hand(kernel, q, pi, systems[i].h, steps);
    return seconds_now() - start;
}

/* Integrates BATCH systems, each from another start; the first is as alone. Seconds a system, or -1. */
static double run_batch(LagBatch *batch, size_t i, long steps, uint32_t d, double *q, double *pi) {
    double start_q[2 * BATCH], start_pi[2 * BATCH], end_q[2 * BATCH], end_pi[2 * BATCH];
    for (uint32_t k = 0; k < BATCH * d; k++) {
        double off = 1 + 1e-3 * (k / d);
        start_q[k] = systems[i].q[k % d] * off;
        start_pi[k] = systems[i].pi[k % d] * off;
    }
    lag_batch_start(batch, 0, start_q, start_pi);
    double start = seconds_now();
    LagStatus status = lag_batch_advance(batch, systems[i].h, (uint64_t)steps, 1, NULL);
    double seconds = seconds_now() - start;
    lag_batch_state(batch, end_q, end_pi, NULL);
    memcpy(q, end_q, d * sizeof *q);
    memcpy(pi, end_pi, d * sizeof *pi);
    return status == LAG_OK ? seconds / BATCH : -1;
}

static double distance(const double *a, const double *b, uint32_t d) {
    double worst = 0;
    for (uint32_t k = 0; k < d; k++) worst = fmax(worst, fabs(a[k] - b[k]) / (1 + fabs(b[k])));
    return worst;
}

static bool measure(size_t i, LagIntegrator *it, LagIntegrator *own, LagBatch *batch, const LagKernel *kernel,
                    const LagTimings *t) {
    double q[2], pi[2], hand_q[2], hand_pi[2], batch_q[2], batch_pi[2];
    double lag_time[REPEATS], own_time[REPEATS], hand_time[REPEATS], batch_time[REPEATS];
    if (run_lag(it, i, CHECK_STEPS, q, pi) < 0) return false;
    run_hand(kernel, i, CHECK_STEPS, hand_q, hand_pi);
    double apart = fmax(distance(q, hand_q, kernel->dof), distance(pi, hand_pi, kernel->dof));
    if (run_lag(own, i, CHECK_STEPS, q, pi) < 0) return false;
    apart = fmax(apart, fmax(distance(q, hand_q, kernel->dof), distance(pi, hand_pi, kernel->dof)));
    if (run_batch(batch, i, CHECK_STEPS, kernel->dof, batch_q, batch_pi) < 0) return false;
    size_t size = kernel->dof * sizeof *q;
    bool same = memcmp(q, batch_q, size) == 0 && memcmp(pi, batch_pi, size) == 0;
    for (int k = 0; k < REPEATS; k++) {
        lag_time[k] = run_lag(it, i, systems[i].steps, q, pi);
        own_time[k] = run_lag(own, i, systems[i].steps, q, pi);
        hand_time[k] = run_hand(kernel, i, systems[i].steps, hand_q, hand_pi);
        batch_time[k] = run_batch(batch, i, systems[i].steps / 10, kernel->dof, batch_q, batch_pi) * 10;
    }
    LagReport report;
    lag_integrator_report(it, &report);
    double per_step = 1e9 / (double)systems[i].steps, lag_ns = median(lag_time, REPEATS) * per_step,
           hand_ns = median(hand_time, REPEATS) * per_step;
    printf("%-18s %2u | %6.2f %6.2f %6.2f %6.2f %6.2f %6.2f | %8.1f %8.1f %6.2f %8.1f %8.1f | %4.2f | %7.1e%s\n",
           systems[i].name, kernel->r, 1e3 * t->parse, 1e3 * t->differentiate, 1e3 * t->emit, 1e3 * t->optimise,
           1e3 * t->codegen, 1e3 * t->link, lag_ns, hand_ns, lag_ns / hand_ns, median(own_time, REPEATS) * per_step,
           median(batch_time, REPEATS) * per_step, (double)report.iterations / (double)report.steps, apart,
           apart <= TOLERANCE && same ? "" : "  VALUES DIFFER");
    return apart <= TOLERANCE && same;
}

static bool benchmark(size_t i) {
    LagSession *session;
    LagProgram *program = NULL;
    LagIntegrator *it = NULL, *own = NULL;
    LagBatch *batch = NULL;
    const LagKernel *kernel;
    double c[8];
    bool good = false;
    if (lag_session_new(LAG_ABI, &session) != LAG_OK) return false;
    if (lag_read(session, systems[i].name, systems[i].text, strlen(systems[i].text), &program) == LAG_OK) {
        const LagModel *model = lag_program_model(program);
        if (lag_session_parameters(session, model, c) == LAG_OK &&
            lag_model_kernel(model, systems[i].r, LAG_BACKEND_LLVM, &kernel) == LAG_OK &&
            lag_integrator_new(kernel, LAG_METHOD_NEWTON, &it) == LAG_OK &&
            lag_integrator_new(kernel, LAG_METHOD_GGL, &own) == LAG_OK &&
            lag_batch_new(kernel, LAG_METHOD_GGL, BATCH, 1, &batch) == LAG_OK) {
            LagTimings timings;
            lag_model_timings(model, &timings);
            lag_integrator_parameters(it, c);
            lag_integrator_parameters(own, c);
            double all[8 * BATCH];
            for (int k = 0; k < BATCH; k++)
                memcpy(all + k * kernel->parameter_count, c, kernel->parameter_count * sizeof *c);
            lag_batch_parameters(batch, all);
            good = measure(i, it, own, batch, kernel, &timings);
        }
    }
    if (!good) printf("%-18s %2u | failed\n", systems[i].name, systems[i].r);
    lag_integrator_free(it);
    lag_integrator_free(own);
    lag_batch_free(batch);
    lag_program_free(program);
    lag_session_free(session);
    return good;
}

/* ---- A chain, which is too long for Newton's method ---- */

enum { MASSES_MOST = 1000, CHAIN_STEPS = 400 };
static const double chain_h = 0.1;

/* The text of a chain: allocated. */
static char *chain_text(uint32_t masses) {
    char *text = malloc(200 * ((size_t)masses + 2)), *at = text;
    if (!text) return NULL;
    at += sprintf(at, "a = %g; b = %g; x1d^2/2", CHAIN_ALPHA, CHAIN_BETA);
    for (uint32_t k = 2; k <= masses; k++) at += sprintf(at, " + x%ud^2/2", k);
    for (uint32_t k = 0; k <= masses; k++) {
        char s[32] = "x1";
        if (k == masses)
            snprintf(s, sizeof s, "(-x%u)", k);
        else if (k)
            snprintf(s, sizeof s, "(x%u - x%u)", k + 1, k);
        at += sprintf(at, " - (%s^2/2 + a*%s^3/3 + b*%s^4/4)", s, s, s);
    }
    return text;
}

/* A long wave and some unrest. */
static void chain_start(uint32_t masses, double *q, double *pi) {
    uint64_t seed = 1;
    for (uint32_t k = 0; k < masses; k++) {
        double x[2];
        for (int i = 0; i < 2; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            x[i] = (double)(seed >> 11) * 0x1p-53 - 0.5;
        }
        q[k] = 3 * sin(acos(-1) * (k + 1) / (masses + 1)) + 0.1 * x[0];
        pi[k] = 0.5 * x[1];
    }
}

/* Steps from the start by lag, then by hand: seconds, or -1. */
static double chain_by_lag(LagIntegrator *it, uint32_t masses, double *q, double *pi) {
    LagRows end = {.capacity = 1, .q = q, .pi = pi};
    chain_start(masses, q, pi);
    if (lag_integrator_start(it, 0, q, pi) != LAG_OK) return -1;
    double start = seconds_now();
    LagStatus status = lag_integrator_advance(it, chain_h, CHAIN_STEPS, CHAIN_STEPS, NULL);
    double seconds = seconds_now() - start;
    lag_integrator_state(it, &end);
    return status == LAG_OK ? seconds : -1;
}

static double chain_by_hand(const LagKernel *kernel, double *q, double *pi) {
    chain_start(kernel->dof, q, pi);
    double start = seconds_now();
    bool good = chain_run(kernel, q, pi, chain_h, CHAIN_STEPS);
    return good ? seconds_now() - start : -1;
}

static bool measure_chain(const LagKernel *kernel, LagIntegrator *it, const LagTimings *t) {
    static double q[MASSES_MOST], pi[MASSES_MOST], hand_q[MASSES_MOST], hand_pi[MASSES_MOST];
    double own_time[REPEATS], hand_time[REPEATS], per_step = 1e9 / CHAIN_STEPS;
    for (int i = 0; i < REPEATS; i++) {
        own_time[i] = chain_by_lag(it, kernel->dof, q, pi);
        hand_time[i] = chain_by_hand(kernel, hand_q, hand_pi);
        if (own_time[i] < 0 || hand_time[i] < 0) return false;
    }
    LagReport report;
    lag_integrator_report(it, &report);
    double apart = fmax(distance(q, hand_q, kernel->dof), distance(pi, hand_pi, kernel->dof));
    double own = median(own_time, REPEATS) * per_step, hand = median(hand_time, REPEATS) * per_step;
    printf("%-18s %2u | %6.2f %6.2f %6.2f %6.2f %6.2f %6.2f | %8.0f %8.0f %6.2f | %4.2f | %7.1e%s\n", "chain", kernel->r,
           1e3 * t->parse, 1e3 * t->differentiate, 1e3 * t->emit, 1e3 * t->optimise, 1e3 * t->codegen, 1e3 * t->link, own,
           hand, own / hand, (double)report.sweeps / (double)report.steps, apart,
           apart <= TOLERANCE ? "" : "  VALUES DIFFER");
    return apart <= TOLERANCE;
}

static bool benchmark_chain(uint32_t masses) {
    LagSession *session;
    LagProgram *program = NULL;
    LagIntegrator *it = NULL;
    const LagKernel *kernel;
    double c[2];
    char *text = chain_text(masses);
    bool good = false;
    if (!text || lag_session_new(LAG_ABI, &session) != LAG_OK) return free(text), false;
    if (lag_read(session, "chain", text, strlen(text), &program) == LAG_OK) {
        const LagModel *model = lag_program_model(program);
        if (lag_session_parameters(session, model, c) == LAG_OK &&
            lag_model_kernel(model, 2, LAG_BACKEND_LLVM, &kernel) == LAG_OK &&
            lag_integrator_new(kernel, LAG_METHOD_GGL, &it) == LAG_OK) {
            LagTimings timings;
            lag_model_timings(model, &timings);
            lag_integrator_parameters(it, c);
            good = measure_chain(kernel, it, &timings);
        }
    }
    if (!good) printf("%-18s %2u | failed\n", "chain", 2);
    lag_integrator_free(it);
    lag_program_free(program);
    lag_session_free(session);
    free(text);
    return good;
}

int main(void) {
    bool good = true;
    setenv("LAG_CACHE", "off", 1); /* compiling is to be seen */
    printf("%-18s %2s | %-41s | %8s %8s %6s %8s %8s | %4s | %s\n", "", "", "milliseconds", "Newton", "by hand", "",
           "its road", "a batch", "its", "apart after");
    printf("%-18s %2s | %6s %6s %6s %6s %6s %6s | %8s %8s %6s %8s %8s | %4s | %d steps\n", "system", "r", "parse", "diff",
           "emit", "optim", "code", "link", "ns/step", "ns/step", "ratio", "ns/step", "ns/step", "/stp", CHECK_STEPS);
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++) good = benchmark(i) && good;
    printf("\n%-18s %2s | %-41s | %8s %8s %6s | %4s | %s\n", "1,000 masses", "r", "the same", "sweeps", "by hand", "ratio",
           "/stp", "apart after 400 steps");
    good = benchmark_chain(MASSES_MOST) && good;
    return good ? 0 : 1;
}
