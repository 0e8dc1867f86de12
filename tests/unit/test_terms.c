/* test_terms.c: of a family's terms, a fit keeps those that are there. */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 301, MOST = 16 };

/* A motion of one coordinate that is seen with errors, and a family that it may belong to. */
typedef struct Scene {
    Harness harness;
    const LagKernel *kernel;
    double t[ROWS], q[ROWS], start[2];
    LagLoss loss;
    LagUnknown unknown[MOST];
    uint32_t unknowns;
} Scene;

static double normal(SuiteRandom *random) {
    return sqrt(-2 * log(suite_uniform(random, 0x1p-60, 1))) * cos(6.283185307179586 * suite_uniform(random, 0, 1));
}

/* Coefficients are looked for in their order, then the start where there is noise. */
static void scene_begin(Scene *s, const char *text, const double *truth, double noise, uint64_t seed) {
    *s = (Scene){.harness = harness_read(text), .start = {1.5, 0}, .loss = {.kind = LAG_LOSS_L2, .alpha = 1, .beta = 1}};
    LagRows rows = {.capacity = ROWS, .t = s->t, .q = s->q};
    LagIntegrator *it;
    SuiteRandom random = {seed};
    double size = 0;
    CU_ASSERT_FATAL(lag_model_kernel(s->harness.model, 4, LAG_BACKEND_AUTO, &s->kernel) == LAG_OK);
    CU_ASSERT_FATAL(lag_integrator_new(s->kernel, LAG_METHOD_GGL, &it) == LAG_OK);
    lag_integrator_parameters(it, truth);
    CU_ASSERT(lag_integrator_start_velocity(it, 0, &s->start[0], &s->start[1]) == LAG_OK);
    lag_integrator_state(it, &rows);
    CU_ASSERT(lag_integrator_advance(it, 0.1, ROWS - 1, 1, &rows) == LAG_OK);
    lag_integrator_free(it);
    for (int i = 0; i < ROWS; i++) size += s->q[i] * s->q[i] / ROWS;
    for (int i = 0; i < ROWS; i++) s->q[i] += noise * sqrt(size) * normal(&random);
    for (uint32_t i = 0; i < s->kernel->parameter_count; i++)
        s->unknown[s->unknowns++] = (LagUnknown){LAG_UNKNOWN_PARAMETER, i};
    if (noise == 0) return;
    s->unknown[s->unknowns++] = (LagUnknown){LAG_UNKNOWN_COORDINATE, 0};
    s->unknown[s->unknowns++] = (LagUnknown){LAG_UNKNOWN_RATE, 0};
}

typedef struct Found {
    double value[MOST], sigma[MOST], correlation[MOST * MOST], unseen[MOST * MOST], left[2], without[MOST];
    bool on[MOST];
    LagFitOut out;
    LagTermsOut terms;
    LagStatus status;
} Found;

static LagFitAsk ask_of(const Scene *s) {
    static const double none[MOST] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    return (LagFitAsk){.motion = {.h = 0.1,
                                  .steps = ROWS - 1,
                                  .c = none,
                                  .q = &s->start[0],
                                  .v = &s->start[1],
                                  .seen = {ROWS, s->t, s->q, NULL},
                                  .loss = &s->loss},
                       .unknowns = s->unknowns,
                       .unknown = s->unknown,
                       .weigh = true};
}

static void find(const LagFitAsk *ask, const Scene *s, LagCriterion criterion, Found *f) {
    f->out = (LagFitOut){
        .value = f->value, .sigma = f->sigma, .correlation = f->correlation, .unseen = f->unseen, .left = f->left};
    f->terms = (LagTermsOut){.on = f->on, .without = f->without};
    f->status = lag_fit_terms(s->kernel, ask, criterion, &f->out, &f->terms);
}

/* ---- What is there ---- */

/* A pendulum with drag, of unit mass; beside it a spring, a quartic, a force, quadratic in the velocity a cubic drag. */
static const char family[] = "qd^2/2 + g*cos(q) - k*q^2/2 - k3*q^4/4 - k5*q^6/6 + f*q - c*qd_p*q_m - c3*qd_p^3*q_m";

/* The parameters stand as the Lagrangian names them: g, k, k3, k5, f, c, c3. */
static const double truth[] = {2, 0, 0, 0, 0, 0.1, 0};

static void test_clean(void) {
    static Scene s;
    static Found f;
    scene_begin(&s, family, truth, 0, 1);
    LagFitAsk ask = ask_of(&s);
    for (int criterion = 0; criterion < LAG_CRITERIA; criterion++) {
        find(&ask, &s, (LagCriterion)criterion, &f);
        CU_ASSERT(f.status == LAG_OK && f.out.unseen_count == 0 && f.terms.criterion < f.terms.criterion_all);
        CU_ASSERT(f.left[0] < 1e-12 && isnan(f.left[1]));
        for (int i = 0; i < 7; i++) {
            CU_ASSERT(f.on[i] == (truth[i] != 0) && suite_near(f.value[i], truth[i], 1e-10));
            CU_ASSERT(f.on[i] ? f.without[i] > 100 && f.sigma[i] < 1e-9 : f.without[i] > 0 && isnan(f.sigma[i]));
            for (int j = 0; j < 7; j++) CU_ASSERT(isnan(f.correlation[7 * i + j]) == !(f.on[i] && f.on[j]));
        }
    }
    harness_free(&s.harness);
}

/* With errors of 1 and 10 percent some terms may be kept that are not there, and few are; none is lost. */
static void test_noise(void) {
    enum { DRAWS = 10 };
    static Scene s;
    static Found f;
    for (int level = 0; level < 2; level++) {
        int extra = 0, lost = 0;
        double error = 0;
        for (int n = 0; n < DRAWS; n++) {
            double sum = 0, size = 0;
            scene_begin(&s, family, truth, level ? 0.1 : 0.01, 100 + n);
            const LagBound bound[] = {{5, LAG_BOUND_AT_LEAST, 0}, {6, LAG_BOUND_AT_LEAST, 0}};
            s.loss.bounds = 2, s.loss.bound = bound;
            LagFitAsk ask = ask_of(&s);
            find(&ask, &s, LAG_CRITERION_BIC, &f);
            CU_ASSERT(f.status == LAG_OK && f.on[7] && f.on[8] && isnan(f.without[7]));
            for (int i = 0; i < 7; i++) {
                extra += f.on[i] && truth[i] == 0;
                lost += !f.on[i] && truth[i] != 0;
                sum += (f.value[i] - truth[i]) * (f.value[i] - truth[i]), size += truth[i] * truth[i];
            }
            error += sqrt(sum / size) / DRAWS;
            harness_free(&s.harness);
        }
        printf("\n    noise %d %%: coefficients wrong by %.2f %% in the mean, %d lost, %d too many", level ? 10 : 1,
               100 * error, lost, extra);
        CU_ASSERT(error < (level ? 0.01 : 0.001) && lost == 0 && extra <= 2);
    }
}

/* ---- What is asked ---- */

static void test_bounds(void) {
    static Scene s;
    static Found f;
    scene_begin(&s, family, truth, 0, 3);
    const LagBound bound[] = {{1, LAG_BOUND_ABOVE, 0}, {4, LAG_BOUND_BELOW, 0}, {2, LAG_BOUND_AT_LEAST, 0.001}};
    s.loss.bounds = 3, s.loss.bound = bound;
    LagFitAsk ask = ask_of(&s);
    find(&ask, &s, LAG_CRITERION_BIC, &f);
    CU_ASSERT(f.status == LAG_OK && f.on[1] && f.on[2] && f.on[4]); /* 0 is not allowed */
    CU_ASSERT(f.value[1] > 0 && f.value[4] < 0 && f.value[2] >= 0.001 && isnan(f.without[1]));
    harness_free(&s.harness);
}

/* Nothing acts: nothing is kept. And what has no effect at all goes first. */
static void test_nothing(void) {
    static Scene s;
    static Found f;
    scene_begin(&s, "qd^2/2 - k*q^2/2 - c*qd_p*q_m + a*t", (double[]){0, 0, 0}, 0, 4);
    LagFitAsk ask = ask_of(&s);
    find(&ask, &s, LAG_CRITERION_BIC, &f);
    CU_ASSERT(f.status == LAG_OK && !f.on[0] && !f.on[1] && !f.on[2] && f.left[0] < 1e-12);
    CU_ASSERT(f.value[0] == 0 && f.value[1] == 0 && f.value[2] == 0 && f.out.unseen_count == 0);
    harness_free(&s.harness);
}

static bool stop_after(void *user, const LagFitProgress *progress) { return progress->evaluations > *(uint64_t *)user; }

static void test_interrupted(void) {
    static Scene s;
    static Found f;
    scene_begin(&s, family, truth, 0, 5);
    LagFitAsk ask = ask_of(&s);
    uint64_t most[] = {3, 30, 60};
    ask.stop = stop_after;
    for (int i = 0; i < 3; i++) {
        ask.user = &most[i];
        find(&ask, &s, LAG_CRITERION_BIC, &f);
        CU_ASSERT(f.status == LAG_INTERRUPTED && isfinite(f.value[0]) && isfinite(f.terms.criterion) && f.on[0]);
    }
    harness_free(&s.harness);
}

static void test_wrong(void) {
    static Scene s;
    static Found f;
    scene_begin(&s, family, truth, 0, 6);
    LagFitAsk ask = ask_of(&s);
    find(&ask, &s, LAG_CRITERIA, &f);
    CU_ASSERT(f.status == LAG_ERROR_ARGUMENT);
    ask.weigh = false;
    find(&ask, &s, LAG_CRITERION_BIC, &f);
    CU_ASSERT(f.status == LAG_ERROR_ARGUMENT);
    ask = ask_of(&s);
    s.unknown[0].index = 70;
    find(&ask, &s, LAG_CRITERION_BIC, &f);
    CU_ASSERT(f.status == LAG_ERROR_ARGUMENT);
    CU_ASSERT(lag_criterion_named("bic") == LAG_CRITERION_BIC && lag_criterion_named("x") == LAG_CRITERIA);
    CU_ASSERT_STRING_EQUAL(lag_criterion_name(LAG_CRITERION_AICC), "aicc");
    CU_ASSERT_STRING_EQUAL(lag_criterion_name(LAG_CRITERIA), "");
    harness_free(&s.harness);
}

void suite_terms(void) {
    suite_add("terms", (SuiteTest[]){{"clean data", test_clean},
                                     {"noise", test_noise},
                                     {"bounds", test_bounds},
                                     {"nothing there", test_nothing},
                                     {"interrupted", test_interrupted},
                                     {"wrong calls", test_wrong},
                                     {0}});
}
