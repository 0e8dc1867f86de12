/* test_fit.c: fits find what is there, say how well it is known, and what the data do not tell. */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 41, MOST = 8 };

static const char damped[] = "c1 = 1; c2 = 1; c3 = 1; c1*qd^2 - c2*q^2 - c3*qd_p*q_m";

/* A motion of one coordinate, with what is seen of it. */
typedef struct Scene {
    Harness harness;
    const LagKernel *kernel;
    double t[ROWS], q[ROWS], pi[ROWS], true_q[ROWS], true_pi[ROWS], start_q, start_pi;
    LagLoss loss;
    LagUnknown unknown[MOST];
    uint32_t unknowns;
} Scene;

static void scene_begin(Scene *s, const char *text, const double *truth, double q, double pi) {
    *s = (Scene){
        .harness = harness_read(text), .start_q = q, .start_pi = pi, .loss = {.kind = LAG_LOSS_L2, .alpha = 1, .beta = 1}};
    LagRows rows = {.capacity = ROWS, .t = s->t, .q = s->true_q, .pi = s->true_pi};
    LagIntegrator *it;
    CU_ASSERT_FATAL(lag_model_kernel(s->harness.model, 2, LAG_BACKEND_AUTO, &s->kernel) == LAG_OK);
    CU_ASSERT_FATAL(lag_integrator_new(s->kernel, LAG_METHOD_GGL, &it) == LAG_OK);
    lag_integrator_parameters(it, truth);
    CU_ASSERT(lag_integrator_start(it, 0, &q, &pi) == LAG_OK);
    lag_integrator_state(it, &rows);
    CU_ASSERT(lag_integrator_advance(it, 0.1, ROWS - 1, 1, &rows) == LAG_OK);
    lag_integrator_free(it);
    memcpy(s->q, s->true_q, sizeof s->q);
    memcpy(s->pi, s->true_pi, sizeof s->pi);
    s->unknowns = s->kernel->parameter_count;
    for (uint32_t i = 0; i < s->unknowns; i++) s->unknown[i] = (LagUnknown){LAG_UNKNOWN_PARAMETER, i};
}

typedef struct Found {
    double value[MOST], sigma[MOST], unseen[MOST * MOST];
    LagFitOut out;
    LagStatus status;
} Found;

static bool stop_at_once(void *user, const LagFitProgress *progress) { return progress->evaluations > *(uint64_t *)user; }

static Found find(Scene *s, const double *guess, bool weigh, bool momenta) {
    static uint64_t never = UINT64_MAX;
    Found f;
    LagFitAsk ask = {.motion = {.h = 0.1,
                                .steps = ROWS - 1,
                                .c = guess,
                                .q = &s->start_q,
                                .pi = &s->start_pi,
                                .seen = {ROWS, s->t, s->q, momenta ? s->pi : NULL},
                                .loss = &s->loss},
                     .unknowns = s->unknowns,
                     .unknown = s->unknown,
                     .weigh = weigh,
                     .stop = stop_at_once,
                     .user = &never};
    f.out = (LagFitOut){.value = f.value, .sigma = f.sigma, .unseen = f.unseen};
    f.status = lag_fit(s->kernel, &ask, &f.out);
    f.out.value = f.out.sigma = f.out.unseen = NULL;
    return f;
}

/* ---- Clean data ---- */

/* The embeddings of figures 7 and 8, from a hundred starts up to ten times off. */
static void test_clean(void) {
    static const double truth[][3] = {{2, 4, 1}, {2, 3, 1}, {6.88, 14.19, 5.46}};
    SuiteRandom random = {11};
    double worst = 0;
    for (int n = 0; n < 3; n++) {
        static Scene s;
        scene_begin(&s, damped, truth[n], 0, 1);
        for (int start = 0; start < 100; start++) {
            double guess[3];
            for (int j = 0; j < 3; j++) guess[j] = truth[n][j] * pow(10, suite_uniform(&random, -1, 1));
            Found f = find(&s, guess, start % 2, true);
            CU_ASSERT(f.status == LAG_OK && f.out.unseen_count == 0);
            for (int j = 0; j < 3; j++) worst = fmax(worst, fabs(f.value[j] / truth[n][j] - 1));
        }
        Found none = find(&s, (double[]){NAN, NAN, NAN}, true, true);
        for (int j = 0; j < 3; j++) worst = fmax(worst, fabs(none.value[j] / truth[n][j] - 1));
        harness_free(&s.harness);
    }
    printf("\n    largest error %.1e", worst);
    CU_ASSERT(worst < 1e-9);
}

/* A frequency inside a cosine: no weak form, so that points about the guess have to do. */
static void test_nonlinear(void) {
    static Scene s;
    const double truth[] = {1.3, 2.1, 0.4};
    SuiteRandom random = {12};
    scene_begin(&s, "m = 1; w = 1; c = 1; m*qd^2/2 + cos(w*q) - c*qd_p*q_m", truth, 0.4, 1);
    for (int start = 0; start < 20; start++) {
        double guess[3];
        for (int j = 0; j < 3; j++) guess[j] = truth[j] * pow(10, suite_uniform(&random, -0.5, 0.5));
        Found f = find(&s, guess, true, true);
        CU_ASSERT(f.status == LAG_OK);
        for (int j = 0; j < 3; j++) CU_ASSERT(suite_near(f.value[j], truth[j], 1e-9));
    }
    harness_free(&s.harness);
}

/* ---- Noise ---- */

static double normal(SuiteRandom *random) {
    return sqrt(-2 * log(suite_uniform(random, 0x1p-60, 1))) * cos(6.283185307179586 * suite_uniform(random, 0, 1));
}

/* The inverse of a symmetric matrix of three rows: its diagonal. */
static void inverse_diagonal(const double *F, double *diagonal) {
    double minor[3] = {F[4] * F[8] - F[5] * F[7], F[0] * F[8] - F[2] * F[6], F[0] * F[4] - F[1] * F[3]};
    double determinant = F[0] * minor[0] - F[1] * (F[3] * F[8] - F[5] * F[6]) + F[2] * (F[3] * F[7] - F[4] * F[6]);
    for (int i = 0; i < 3; i++) diagonal[i] = minor[i] / determinant;
}

static void information(const Scene *s, const double *truth, double sigma_q, double sigma_pi, double *F) {
    double dq[3 * ROWS], dpi[3 * ROWS];
    LagGradient *g;
    LagGradientAsk ask = {
        .h = 0.1, .steps = ROWS - 1, .c = truth, .q = &s->start_q, .pi = &s->start_pi, .seen = {ROWS, s->t, NULL, NULL}};
    CU_ASSERT_FATAL(lag_gradient_new(s->kernel, 1, 1, &g) == LAG_OK);
    CU_ASSERT(lag_tangents(g, &ask, 3, s->unknown, &(LagTangents){NULL, NULL, dq, dpi}) == LAG_OK);
    memset(F, 0, 9 * sizeof *F);
    for (int i = 0; i < ROWS; i++)
        for (int a = 0; a < 9; a++)
            F[a] += dq[3 * i + a / 3] * dq[3 * i + a % 3] / (sigma_q * sigma_q) +
                    dpi[3 * i + a / 3] * dpi[3 * i + a % 3] / (sigma_pi * sigma_pi);
    lag_gradient_free(g);
}

/* Errors no larger than they have to be (the Cramer-Rao bound), and as large as is said. */
static void test_noise(void) {
    enum { DRAWS = 1000 };
    const double truth[] = {2, 4, 1};
    static Scene s;
    SuiteRandom random = {13};
    scene_begin(&s, damped, truth, 0, 1);
    double rms_q = 0, rms_pi = 0;
    for (int i = 0; i < ROWS; i++) rms_q += s.true_q[i] * s.true_q[i] / ROWS, rms_pi += s.true_pi[i] * s.true_pi[i] / ROWS;
    for (int level = 0; level < 2; level++) {
        double noise = level ? 0.1 : 0.01, F[9], bound[3], sum[3] = {0}, within[3] = {0};
        information(&s, truth, noise * sqrt(rms_q), noise * sqrt(rms_pi), F);
        inverse_diagonal(F, bound);
        for (int n = 0; n < DRAWS; n++) {
            for (int i = 0; i < ROWS; i++) {
                s.q[i] = s.true_q[i] + noise * sqrt(rms_q) * normal(&random);
                s.pi[i] = s.true_pi[i] + noise * sqrt(rms_pi) * normal(&random);
            }
            Found f = find(&s, (double[]){NAN, NAN, NAN}, true, true);
            CU_ASSERT(f.status == LAG_OK);
            for (int j = 0; j < 3; j++) {
                double e = f.value[j] - truth[j];
                sum[j] += e * e / DRAWS;
                within[j] += (fabs(e) < f.sigma[j]) / (double)DRAWS;
            }
        }
        printf("\n    noise %g:", noise);
        for (int j = 0; j < 3; j++) {
            double ratio = sqrt(sum[j] / bound[j]);
            printf(" %.3f of the bound, %.1f %% covered;", ratio, 100 * within[j]);
            CU_ASSERT(ratio < (level ? 1.3 : 1.1) && fabs(within[j] - 0.68) < 0.04);
        }
    }
    harness_free(&s.harness);
}

/* ---- What is not seen ---- */

/* Coordinates alone, from a start at a given velocity, tell no scale of the Lagrangian. */
static void test_unseen(void) {
    static Scene s;
    static Found f;
    const double truth[] = {2, 4, 1};
    scene_begin(&s, damped, truth, 0, 1);
    double v = 1 / (2 * truth[0]);
    LagFitAsk ask = {.motion = {.h = 0.1,
                                .steps = ROWS - 1,
                                .c = (double[]){1, 1, 1},
                                .q = &s.start_q,
                                .v = &v,
                                .seen = {ROWS, s.t, s.q, NULL},
                                .loss = &s.loss},
                     .unknowns = 3,
                     .unknown = s.unknown,
                     .weigh = true};
    f.out = (LagFitOut){.value = f.value, .sigma = f.sigma, .unseen = f.unseen};
    CU_ASSERT(lag_fit(s.kernel, &ask, &f.out) == LAG_OK);
    CU_ASSERT_EQUAL(f.out.unseen_count, 1);
    for (int j = 0; j < 3; j++) {
        CU_ASSERT(isnan(f.sigma[j]) && suite_near(f.unseen[j], truth[j] / 4, 1e-6));
        CU_ASSERT(suite_near(f.value[j] / f.value[0], truth[j] / truth[0], 1e-9));
    }
    ask.unknowns = 2; /* with one of them known, the others are */
    ask.unknown = s.unknown + 1;
    ask.motion.c = (double[]){2, NAN, NAN};
    CU_ASSERT(lag_fit(s.kernel, &ask, &f.out) == LAG_OK && f.out.unseen_count == 0);
    CU_ASSERT(suite_near(f.value[0], 4, 1e-9) && suite_near(f.value[1], 1, 1e-9) && isfinite(f.sigma[0]));
    harness_free(&s.harness);
    scene_begin(&s, "m = 1; k = 1; b = 1; m*qd^2 - k*q^2 + b*t", (double[]){1, 2, 1}, 1, 0); /* b has no effect at all */
    Found none = find(&s, (double[]){1, 1, 1}, true, true);
    CU_ASSERT(none.status == LAG_OK && none.out.unseen_count == s.unknowns - 2);
    harness_free(&s.harness);
}

/* ---- Losses, bounds, starts ---- */

static void test_losses(void) {
    static Scene s;
    const double truth[] = {2, 4, 1};
    scene_begin(&s, damped, truth, 0, 1);
    s.q[7] += 0.3; /* one wild point: robust losses hardly see it */
    const LagLoss kind[] = {{.kind = LAG_LOSS_L2, .alpha = 1, .beta = 1},
                            {.kind = LAG_LOSS_MSE, .alpha = 1, .beta = 1},
                            {.kind = LAG_LOSS_HUBER, .alpha = 1, .beta = 1, .delta = 0.01},
                            {.kind = LAG_LOSS_LP, .alpha = 1, .beta = 1, .p = 1.5},
                            {.kind = LAG_LOSS_MAE, .alpha = 1, .beta = 1}};
    for (int i = 0; i < 5; i++) {
        LagGradient *g;
        double slope[3], loss;
        s.loss = kind[i];
        Found f = find(&s, (double[]){1.5, 5, 1.2}, false, true);
        CU_ASSERT(f.status == LAG_OK);
        CU_ASSERT_FATAL(lag_gradient_new(s.kernel, 1, 1, &g) == LAG_OK);
        LagGradientAsk ask = {.h = 0.1,
                              .steps = ROWS - 1,
                              .c = f.value,
                              .q = &s.start_q,
                              .pi = &s.start_pi,
                              .seen = {ROWS, s.t, s.q, s.pi},
                              .loss = &s.loss};
        CU_ASSERT(lag_gradient_run(g, &ask, &(LagGradientOut){.loss = &loss, .c = slope}) == LAG_OK && loss == f.out.loss);
        for (int j = 0; j < 3; j++) /* a minimum; norms have theirs where that of the momenta is 0, and has no slope */
            CU_ASSERT((i != 1 && i != 2) || fabs(slope[j]) < 1e-7);
        if (i == 2 || i == 4) CU_ASSERT(suite_near(f.value[1], 4, i == 2 ? 0.02 : 1e-6));
        lag_gradient_free(g);
    }
    harness_free(&s.harness);
}

static void test_bounds_and_starts(void) {
    static Scene s;
    scene_begin(&s, damped, (double[]){2, 4, 0}, 0.5, 1);
    const LagBound bound[] = {{0, LAG_BOUND_ABOVE, 0}, {1, LAG_BOUND_AT_MOST, 3}, {2, LAG_BOUND_AT_LEAST, 0.25}};
    s.loss.bounds = 3;
    s.loss.bound = bound;
    Found f = find(&s, (double[]){1, 1, 1}, true, true);
    CU_ASSERT(f.status == LAG_OK && f.value[0] > 0 && f.value[1] <= 3 && f.value[2] >= 0.25);
    CU_ASSERT(f.value[1] == 3 || f.value[2] == 0.25);
    s.loss.bounds = 0;
    s.unknown[3] = (LagUnknown){LAG_UNKNOWN_COORDINATE, 0};
    s.unknown[4] = (LagUnknown){LAG_UNKNOWN_RATE, 0};
    s.unknowns = 5;
    s.start_q = 0.4, s.start_pi = 1.3;
    f = find(&s, (double[]){3, 3, 1}, true, true);
    CU_ASSERT(f.status == LAG_OK && suite_near(f.value[3], 0.5, 1e-9) && suite_near(f.value[4], 1, 1e-9));
    CU_ASSERT(suite_near(f.value[1], 4, 1e-9) && fabs(f.value[2]) < 1e-9);
    uint64_t few = 3;
    LagFitAsk ask = {.motion = {.h = 0.1,
                                .steps = ROWS - 1,
                                .c = (double[]){3, 3, 1},
                                .q = &s.start_q,
                                .pi = &s.start_pi,
                                .seen = {ROWS, s.t, s.q, s.pi},
                                .loss = &s.loss},
                     .unknowns = 5,
                     .unknown = s.unknown,
                     .weigh = true,
                     .stop = stop_at_once,
                     .user = &few};
    f.out = (LagFitOut){.value = f.value};
    CU_ASSERT(lag_fit(s.kernel, &ask, &f.out) == LAG_INTERRUPTED && isfinite(f.value[0]));
    ask.unknowns = 0;
    CU_ASSERT(lag_fit(s.kernel, &ask, &f.out) == LAG_ERROR_ARGUMENT);
    harness_free(&s.harness);
}

void suite_fit(void) {
    suite_add("fit", (SuiteTest[]){{"clean data", test_clean},
                                   {"no weak form", test_nonlinear},
                                   {"noise", test_noise},
                                   {"what is not seen", test_unseen},
                                   {"losses", test_losses},
                                   {"bounds and starts", test_bounds_and_starts},
                                   {0}});
}
