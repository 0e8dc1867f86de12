/* test_terms.c: of a family's terms, a fit keeps those that are there. */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 301, MOST = 16, DOF = 2 };

/* A motion of one coordinate or two that is seen with errors, and a family that it may belong to. */
typedef struct Scene {
    Harness harness;
    const LagKernel *kernel;
    uint32_t d;
    double h, t[ROWS], q[ROWS * DOF], start[2 * DOF]; /* coordinates, then velocities */
    LagLoss loss;
    LagUnknown unknown[MOST];
    uint32_t unknowns;
} Scene;

static double normal(SuiteRandom *random) {
    return sqrt(-2 * log(suite_uniform(random, 0x1p-60, 1))) * cos(6.283185307179586 * suite_uniform(random, 0, 1));
}

/* Coefficients are looked for in their order, then the start where there is noise: that of each column's own size. */
static void scene_move(Scene *s, const double *truth, double h, const double *start, double noise, uint64_t seed) {
    LagRows rows = {.capacity = ROWS, .t = s->t, .q = s->q};
    LagIntegrator *it;
    SuiteRandom random = {seed};
    const uint32_t d = s->d = s->kernel->dof;
    double size[DOF] = {0};
    s->h = h;
    memcpy(s->start, start, 2 * d * sizeof *start);
    CU_ASSERT_FATAL(lag_integrator_new(s->kernel, LAG_METHOD_GGL, &it) == LAG_OK);
    lag_integrator_parameters(it, truth);
    CU_ASSERT(lag_integrator_start_velocity(it, 0, s->start, s->start + d) == LAG_OK);
    lag_integrator_state(it, &rows);
    CU_ASSERT(lag_integrator_advance(it, h, ROWS - 1, 1, &rows) == LAG_OK);
    lag_integrator_free(it);
    for (size_t i = 0; i < ROWS * d; i++) size[i % d] += s->q[i] * s->q[i] / ROWS;
    for (size_t i = 0; i < ROWS * d; i++) s->q[i] += noise * sqrt(size[i % d]) * normal(&random);
    for (uint32_t i = 0; i < s->kernel->parameter_count; i++)
        s->unknown[s->unknowns++] = (LagUnknown){LAG_UNKNOWN_PARAMETER, i};
    for (uint32_t i = 0; i < 2 * d && noise > 0; i++)
        s->unknown[s->unknowns++] = (LagUnknown){i < d ? LAG_UNKNOWN_COORDINATE : LAG_UNKNOWN_RATE, i % d};
}

static void scene_begin(Scene *s, const char *text, const double *truth, double noise, uint64_t seed) {
    *s = (Scene){.harness = harness_read(text), .loss = {.kind = LAG_LOSS_L2, .alpha = 1, .beta = 1}};
    CU_ASSERT_FATAL(lag_model_kernel(s->harness.model, 4, LAG_BACKEND_AUTO, &s->kernel) == LAG_OK);
    scene_move(s, truth, 0.1, (double[]){1.5, 0}, noise, seed);
}

typedef struct Found {
    double value[MOST], sigma[MOST], correlation[MOST * MOST], unseen[MOST * MOST], left[2 * DOF], without[MOST];
    bool on[MOST];
    LagFitOut out;
    LagTermsOut terms;
    LagStatus status;
} Found;

static LagFitAsk ask_of(const Scene *s) {
    static const double none[MOST] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    return (LagFitAsk){.motion = {.h = s->h,
                                  .steps = ROWS - 1,
                                  .c = none,
                                  .q = s->start,
                                  .v = s->start + s->d,
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
    enum { DRAWS = 5 };
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

/* A double pendulum with drag on both, in chaos at first; mass and length 1. Beside what is there: springs, a torque, and
 * drag between the rods. */
static void test_double_pendulum(void) {
    static Scene s;
    static Found f;
    static const char text[] =
        "param u, v, ga, gb, ca, cb, k, w, e, cr; ad^2 + u*bd^2 + v*ad*bd*cos(a - b) + ga*cos(a) + gb*cos(b) "
        "- ca*ad_p*a_m - cb*bd_p*b_m - k*(a - b)^2 + w*ad*bd + e*a - cr*(ad_p - bd_p)*(a_m - b_m)";
    static const double there[] = {0.5, 1, 19.62, 9.81, 0.4, 0.2, 0, 0, 0, 0}, still[] = {0, 0};
    double sum = 0, size = 0;
    s = (Scene){.harness = harness_read(text), .loss = {.kind = LAG_LOSS_L2, .alpha = 1, .beta = 1}};
    CU_ASSERT_FATAL(lag_model_kernel(s.harness.model, 3, LAG_BACKEND_AUTO, &s.kernel) == LAG_OK);
    scene_move(&s, there, 0.03, (double[]){1.6, 2, 0, 0.5}, 0.1, 7);
    LagFitAsk ask = ask_of(&s);
    ask.motion.q = s.q, ask.motion.v = still; /* not to begin where it began */
    find(&ask, &s, LAG_CRITERION_EBIC, &f);
    CU_ASSERT(f.status == LAG_OK);
    for (int i = 0; i < 10; i++) {
        sum += (f.value[i] - there[i]) * (f.value[i] - there[i]), size += there[i] * there[i];
        CU_ASSERT(f.on[i] == (there[i] != 0));
    }
    printf("\n    coefficients wrong by %.2f %%, after %llu motions", 100 * sqrt(sum / size),
           (unsigned long long)f.out.evaluations);
    CU_ASSERT(sqrt(sum / size) < 0.1);
    harness_free(&s.harness);
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
                                     {"double pendulum", test_double_pendulum},
                                     {"bounds", test_bounds},
                                     {"nothing there", test_nothing},
                                     {"interrupted", test_interrupted},
                                     {"wrong calls", test_wrong},
                                     {0}});
}
