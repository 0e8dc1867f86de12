/* test_gradient.c: losses and their derivatives: against references, differences, and the same sum done otherwise; the same
 * bits in lanes, on threads and with little memory; and all that can go wrong. */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- A motion and what is seen of it ---- */

enum { MOST = 16, ROWS_MOST = 512 };

static const char family[] = "c1 = 1; c2 = 1; c3 = 1; c1*qd^2 - c2*q^2 - c3*qd_p*q_m";

typedef struct Case {
    const char *text;
    uint32_t r;
    double h, t;
    uint64_t steps;
    double q[MOST], rate[MOST];
    bool velocity;
} Case;

static const Case cases[] = {
    {family, 2, 0.1, 0, 40, {0}, {1}, false},
    {"m = 1.3; k = 0.8; a = 0.3; e = 0.2; m*qd^2/2 - k*q^2/2 - a*q^4/4 - e*qd_p^2*qd_p*q_m",
     3,
     0.2,
     0,
     30,
     {0.9},
     {0.3},
     true},
    {"GM = 39; b = 0.02; c = 60; (xd^2 + yd^2)/2 + (1 - b)*GM/sqrt(x^2 + y^2)"
     " - b*GM/c/(x_p^2 + y_p^2)*((xd_p + x_p*(x_p*xd_p + y_p*yd_p)/(x_p^2 + y_p^2))*x_m"
     " + (yd_p + y_p*(x_p*xd_p + y_p*yd_p)/(x_p^2 + y_p^2))*y_m)",
     4,
     0.02,
     0,
     25,
     {0.8, 0},
     {0, 7.6},
     true},
    {"m1 = 1; m2 = 0.7; l = 0.9; g = 9.8; c = 0.1; (m1 + m2)*ad^2/2 + m2*l^2*bd^2/2 + m2*l*ad*bd*cos(a - b) + (m1 + "
     "m2)*g*cos(a)"
     " + m2*g*l*cos(b) - c*t*ad_p*a_m",
     2,
     0.03,
     0.4,
     25,
     {1, 0.5},
     {0.1, -0.2},
     false},
    {"m = 1; w = 2; s = 0.4; n = 1.5; -m*sqrt(1 - qd^2)*n - s*q^2*exp(-q)/2 + sin(w*t)*q*0.3 + 0.2*qd*q^2*t",
     1,
     0.1,
     0.2,
     20,
     {0.3},
     {0.4},
     true},
    {"m = 1; k = 3; m*qd^2/2 - k*max(q, 0)^4/4", 6, 0.1, 0, 40, {1}, {-0.2}, false}, /* in the end there is no force */
};
enum { CASES = sizeof cases / sizeof *cases };

typedef struct Scene {
    Harness harness;
    const LagKernel *kernel;
    const Case *what;
    uint32_t d, m;
    double c[64];
    size_t rows;
    double t[ROWS_MOST], q[ROWS_MOST * 2], pi[ROWS_MOST * 2];
} Scene;

static Scene scene_of(const Case *what, LagBackend backend) {
    Scene s = {.harness = harness_read(what->text), .what = what};
    CU_ASSERT_FATAL(lag_model_kernel(s.harness.model, what->r, backend, &s.kernel) == LAG_OK);
    s.d = s.kernel->dof, s.m = s.kernel->parameter_count;
    memcpy(s.c, harness_parameters(&s.harness), s.m * sizeof *s.c);
    return s;
}

/* Observations that are off the motion: on the grid, between its steps if `inside`, with some missing. */
static void look(Scene *s, bool inside) {
    const Case *w = s->what;
    SuiteRandom random = {7};
    s->rows = 0;
    for (uint64_t n = 0; n <= w->steps; n++)
        for (int part = 0; part < (inside && n < w->steps ? 3 : 1); part++) {
            size_t i = s->rows++;
            s->t[i] = w->t + ((double)n + (part == 1 ? 0.31 : part == 2 ? 0.87 : 0)) * w->h;
            for (uint32_t k = 0; k < s->d; k++) {
                s->q[i * s->d + k] = suite_bits(&random) % 5 ? suite_uniform(&random, -1, 1) : NAN;
                s->pi[i * s->d + k] = suite_bits(&random) % 5 ? suite_uniform(&random, -2, 2) : NAN;
            }
        }
}

/* What comes of it: the loss, and derivatives in c, q, rate. */
typedef struct Result {
    double loss, slope[64 + 2 * MOST];
    LagStatus status;
} Result;

static LagGradientAsk ask_of(const Scene *s, const LagLoss *loss, const double *c, const double *q, const double *rate) {
    const Case *w = s->what;
    return (LagGradientAsk){.t = w->t,
                            .h = w->h,
                            .steps = w->steps,
                            .c = c,
                            .q = q,
                            .pi = w->velocity ? NULL : rate,
                            .v = w->velocity ? rate : NULL,
                            .seen = {s->rows, s->t, s->q, s->pi},
                            .loss = loss};
}

static Result result_of(const Scene *s, LagGradient *g, const LagLoss *loss, const double *x, bool sparing) {
    Result r;
    LagGradientAsk ask = ask_of(s, loss, x, x + s->m, x + s->m + s->d);
    ask.sparing = sparing;
    LagGradientOut out = {.loss = &r.loss, .c = r.slope, .q = r.slope + s->m, .rate = r.slope + s->m + s->d};
    r.status = lag_gradient_run(g, &ask, &out);
    return r;
}

/* Parameters and start in one list. */
static uint32_t point_of(const Scene *s, double *x) {
    memcpy(x, s->c, s->m * sizeof *x);
    memcpy(x + s->m, s->what->q, s->d * sizeof *x);
    memcpy(x + s->m + s->d, s->what->rate, s->d * sizeof *x);
    return s->m + 2 * s->d;
}

/* ---- References ---- */

static Result family_result(const double *c, const double *truth, double cap) {
    Scene s = scene_of(&cases[0], LAG_BACKEND_AUTO);
    LagIntegrator *it;
    LagGradient *g;
    LagRows rows = {.capacity = 41, .t = s.t, .q = s.q, .pi = s.pi};
    CU_ASSERT_FATAL(lag_integrator_new(s.kernel, LAG_METHOD_GGL, &it) == LAG_OK);
    lag_integrator_parameters(it, truth);
    lag_integrator_start(it, 0, s.what->q, s.what->rate);
    lag_integrator_state(it, &rows);
    CU_ASSERT(lag_integrator_advance(it, 0.1, 40, 1, &rows) == LAG_OK);
    s.rows = 41;
    CU_ASSERT_FATAL(lag_gradient_new(s.kernel, 1, 1, &g) == LAG_OK);
    LagLoss loss = {.kind = LAG_LOSS_L2, .alpha = 1, .beta = 1, .cap = cap};
    double x[5] = {c[0], c[1], c[2], 0, 1};
    Result r = result_of(&s, g, &loss, x, false);
    lag_gradient_free(g);
    lag_integrator_free(it);
    harness_free(&s.harness);
    return r;
}

static void test_gradient_golden(void) {
    double c[3], loss, slope[3];
    char line[512];
    unsigned compared = 0;
    FILE *file = fopen(suite_path("golden/gradient.csv"), "r");
    CU_ASSERT_FATAL(file != NULL);
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%lf,%lf,%lf,%lf,%lf,%lf,%lf", c, c + 1, c + 2, &loss, slope, slope + 1, slope + 2) != 7) continue;
        Result r = family_result(c, (double[]){2, 4, 1}, 0);
        compared++;
        CU_ASSERT(r.status == LAG_OK && fabs(r.loss / loss - 1) < 1e-12);
        for (int i = 0; i < 3; i++) CU_ASSERT(fabs(r.slope[i] / slope[i] - 1) < 1e-11);
    }
    fclose(file);
    CU_ASSERT(compared > 0);
}

/* A case of gradients.csv or examples.csv: what stands in its rows. */
typedef struct Reference {
    char lagrangian[1024], parameters[256], coordinates[256];
    unsigned r, steps;
    int velocity;
    char name[64][32];
    double h, t, loss, seen[64], at[64], slope[64];
    uint32_t count;
} Reference;

/* The next case; false behind the last. `line` holds what was read ahead. */
static bool next_reference(FILE *file, char *line, int size, Reference *x) {
    *x = (Reference){.steps = 40};
    while (!x->lagrangian[0])
        if (sscanf(line, "# Lagrangian: %1023[^\n]", x->lagrangian) != 1 && !fgets(line, size, file)) return false;
    while (fgets(line, size, file) && strncmp(line, "# Lagrangian", 12) != 0) {
        double seen, at, slope;
        if (sscanf(line, "# parameters: %255[^\n]", x->parameters) == 1) continue;
        if (sscanf(line, "# coordinates: %255[^\n]", x->coordinates) == 1) continue;
        if (sscanf(line, "# r = %u, dt = %lf, t = %lf, velocity = %d, steps = %u", &x->r, &x->h, &x->t, &x->velocity,
                   &x->steps) >= 4)
            continue;
        if (sscanf(line, "loss,0,0,%lf", &x->loss) == 1) continue;
        if (sscanf(line, "%31[^,],%lf,%lf,%lf", x->name[x->count], &seen, &at, &slope) != 4) continue;
        x->seen[x->count] = seen, x->at[x->count] = at, x->slope[x->count++] = slope;
    }
    return true;
}

/* Parameters in the model's order. */
static void order_reference(Reference *x, const LagModel *model) {
    const Reference as_is = *x;
    for (uint32_t i = 0; i < lag_model_parameter_count(model); i++) {
        uint32_t from = 0;
        while (from < x->count && strcmp(as_is.name[from], lag_model_parameter(model, i)) != 0) from++;
        CU_ASSERT_FATAL(from < x->count);
        x->seen[i] = as_is.seen[from], x->at[i] = as_is.at[from], x->slope[i] = as_is.slope[from];
    }
}

/* The largest error of a derivative, relative to it. */
static double compare_reference(Reference *x) {
    static Scene s;
    static char text[2048];
    snprintf(text, sizeof text, "param %s\n%s%s\n%s", x->parameters, x->coordinates[0] ? "coord " : "", x->coordinates,
             x->lagrangian);
    Harness h = harness_read(text);
    uint32_t m = lag_model_parameter_count(h.model), d = lag_model_dof(h.model);
    Case what = {.text = text, .r = x->r, .h = x->h, .t = x->t, .steps = x->steps, .velocity = x->velocity};
    s = (Scene){.harness = h, .what = &what, .d = d, .m = m, .rows = x->steps + 1};
    CU_ASSERT_FATAL(m + 2 * d == x->count && lag_model_kernel(h.model, x->r, LAG_BACKEND_AUTO, &s.kernel) == LAG_OK);
    order_reference(x, h.model);
    LagGradient *g;
    LagUnknown first = {LAG_UNKNOWN_COORDINATE, 0};
    const LagLoss loss = {.kind = LAG_LOSS_L2, .alpha = 1, .beta = 1};
    for (size_t i = 0; i < s.rows; i++) s.t[i] = x->t + (double)i * x->h;
    CU_ASSERT_FATAL(lag_gradient_new(s.kernel, 1, 1, &g) == LAG_OK);
    LagGradientAsk ask = ask_of(&s, &loss, x->seen, x->seen + m, x->seen + m + d);
    CU_ASSERT(lag_tangents(g, &ask, 1, &first, &(LagTangents){.q = s.q, .pi = s.pi}) == LAG_OK);
    Result r = result_of(&s, g, &loss, x->at, false);
    double worst = fabs(r.loss / x->loss - 1);
    for (uint32_t i = 0; i < x->count; i++) worst = fmax(worst, fabs(r.slope[i] / x->slope[i] - 1));
    lag_gradient_free(g);
    harness_free(&h);
    return r.status == LAG_OK ? worst : INFINITY;
}

static unsigned compare_references(const char *path) {
    static Reference x;
    char line[2048] = "";
    unsigned compared = 0;
    FILE *file = fopen(suite_path(path), "r");
    CU_ASSERT_FATAL(file != NULL);
    for (; next_reference(file, line, sizeof line, &x); compared++) {
        double worst = compare_reference(&x);
        printf("\n    %.40s: %.1e", x.lagrangian, worst);
        CU_ASSERT(worst < 1e-11);
    }
    fclose(file);
    return compared;
}

static void test_more_golden(void) { CU_ASSERT_EQUAL(compare_references("golden/gradients.csv"), 4); }

/* Every Lagrangian of the examples. */
static void test_examples_golden(void) { CU_ASSERT(compare_references("golden/examples.csv") >= 20); }

static void test_landscape_golden(void) {
    char line[512];
    unsigned compared = 0;
    FILE *file = fopen(suite_path("golden/landscape.csv"), "r");
    CU_ASSERT_FATAL(file != NULL);
    while (fgets(line, sizeof line, file)) {
        int which;
        double delta, loss, c[3] = {2, 3, 1};
        if (sscanf(line, "c%d,%lf,%lf", &which, &delta, &loss) != 3) continue;
        c[which - 1] += delta;
        Result r = family_result(c, (double[]){2, 3, 1}, 0);
        compared++;
        CU_ASSERT(r.status == LAG_OK && suite_near(r.loss, loss, loss > 1000 ? 1e-9 : 1e-12)); /* the spike is steep */
        for (int i = 0; i < 3; i++) CU_ASSERT(isfinite(r.slope[i]));
        if (delta == 0) CU_ASSERT(r.loss < 1e-13);
        if (delta != 0) continue;
        for (int i = 0; i < 3; i++) CU_ASSERT(isfinite(r.slope[i]));
    }
    fclose(file);
    CU_ASSERT_EQUAL(compared, 39);
}

/* ---- Differences ---- */

static const double weights[2 * MOST] = {2, 0.5, 1.5, 0.25};
static const LagLoss losses[] = {
    {.kind = LAG_LOSS_L2, .alpha = 1, .beta = 0.5},
    {.kind = LAG_LOSS_MSE, .alpha = 1, .beta = 2},
    {.kind = LAG_LOSS_HUBER, .alpha = 0.7, .beta = 1, .delta = 0.6},
    {.kind = LAG_LOSS_LP, .alpha = 1, .beta = 1, .p = 3.5},
    {.kind = LAG_LOSS_MAE, .alpha = 1, .beta = 1},
    {.kind = LAG_LOSS_L2, .alpha = 1, .beta = 1, .cap = 4},
    {.kind = LAG_LOSS_L2, .alpha = 1, .beta = 3, .weight = weights},
};
enum { LOSSES = sizeof losses / sizeof *losses };

/* By the fourth-order rule, whose own error tells how far it can be trusted. */
static double difference(const Scene *s, LagGradient *g, const LagLoss *loss, const double *x, uint32_t count, uint32_t i) {
    double moved[64], step = 1e-3 * (0.1 + fabs(x[i])), value[4];
    static const double by[] = {-2, -1, 1, 2};
    for (int j = 0; j < 4; j++) {
        memcpy(moved, x, count * sizeof *x);
        moved[i] += by[j] * step;
        value[j] = result_of(s, g, loss, moved, false).loss;
    }
    return (value[0] - 8 * value[1] + 8 * value[2] - value[3]) / (12 * step);
}

static void test_differences(void) {
    double worst = 0;
    for (size_t n = 0; n < CASES; n++)
        for (int inside = 0; inside < 2; inside++) {
            Scene s = scene_of(&cases[n], LAG_BACKEND_AUTO);
            LagGradient *g;
            double x[64];
            uint32_t count = point_of(&s, x);
            look(&s, inside);
            CU_ASSERT_FATAL(lag_gradient_new(s.kernel, 1, 1, &g) == LAG_OK);
            for (size_t i = 0; i < LOSSES; i++) {
                Result r = result_of(&s, g, &losses[i], x, false);
                CU_ASSERT(r.status == LAG_OK);
                double most = 0;
                for (uint32_t j = 0; j < count; j++) most = fmax(most, fabs(r.slope[j]));
                for (uint32_t j = 0; j < count && losses[i].kind != LAG_LOSS_MAE && losses[i].kind != LAG_LOSS_HUBER; j++) {
                    double rough = difference(&s, g, &losses[i], x, count, j), error = fabs(rough - r.slope[j]);
                    worst = fmax(worst, error / (most + 1));
                    if (error > 2e-7 * (most + 1))
                        printf("\n    case %zu, loss %zu, %u: %g, %g", n, i, j, r.slope[j], rough);
                    CU_ASSERT(error <= 2e-7 * (most + 1));
                }
            }
            lag_gradient_free(g);
            harness_free(&s.harness);
        }
    printf("\n    largest difference %.1e", worst);
}

/* ---- Tangents ---- */

/* The same derivatives, carried forth instead of back: seeds of the loss times the rows' own. */
static void test_tangents(void) {
    double worst = 0;
    for (size_t n = 0; n < CASES; n++)
        for (int inside = 0; inside < 2; inside++) {
            static Scene s;
            static double q[ROWS_MOST * 2], pi[ROWS_MOST * 2], dq[ROWS_MOST * 2 * 16], dpi[ROWS_MOST * 2 * 16];
            s = scene_of(&cases[n], LAG_BACKEND_AUTO);
            LagGradient *g;
            LagUnknown unknown[16];
            double x[64];
            uint32_t count = point_of(&s, x);
            for (uint32_t i = 0; i < count; i++)
                unknown[i] = i < s.m         ? (LagUnknown){LAG_UNKNOWN_PARAMETER, i}
                             : i < s.m + s.d ? (LagUnknown){LAG_UNKNOWN_COORDINATE, i - s.m}
                                             : (LagUnknown){LAG_UNKNOWN_RATE, i - s.m - s.d};
            look(&s, inside);
            CU_ASSERT_FATAL(lag_gradient_new(s.kernel, 1, 1, &g) == LAG_OK);
            LagLoss loss = {.kind = LAG_LOSS_MSE, .alpha = 1, .beta = 1};
            LagGradientAsk ask = ask_of(&s, &loss, x, x + s.m, x + s.m + s.d);
            Result r = result_of(&s, g, &loss, x, false);
            CU_ASSERT(lag_tangents(g, &ask, count, unknown, &(LagTangents){q, pi, dq, dpi}) == LAG_OK);
            double sum[16] = {0}, size[16] = {0}, value[2] = {0}, seen[2] = {0};
            for (size_t i = 0; i < s.rows * s.d; i++) seen[0] += !isnan(s.q[i]), seen[1] += !isnan(s.pi[i]);
            for (size_t i = 0; i < s.rows * s.d; i++)
                for (int half = 0; half < 2; half++) {
                    double e = half ? pi[i] - s.pi[i] : q[i] - s.q[i];
                    if (isnan(e)) continue;
                    value[half] += e * e / seen[half];
                    for (uint32_t j = 0; j < count; j++) {
                        double term = 2 * e / seen[half] * (half ? dpi : dq)[i * count + j];
                        sum[j] += term, size[j] += fabs(term);
                    }
                }
            CU_ASSERT(suite_near(value[0] + value[1], r.loss, 1e-12));
            for (uint32_t j = 0; j < count; j++) {
                double error = fabs(sum[j] - r.slope[j]) / (size[j] + 1e-300);
                worst = fmax(worst, error);
                CU_ASSERT(error < 1e-12);
            }
            lag_gradient_free(g);
            harness_free(&s.harness);
        }
    printf("\n    adjoint and tangents differ by %.1e", worst);
}

/* ---- Random Lagrangians ---- */

/* One to three coordinates; masses, some of them varying; potentials, drag, time, each term with a parameter of its own. */
static uint32_t write_random(SuiteRandom *random, char *text, size_t size) {
    static const char *const potential[] = {"%s^2",        "%s^4/4",       "sin(%s)", "exp(%s/3)",
                                            "%s^2*cos(t)", "1/(2 + %s^2)", "tanh(%s)"};
    static const char *const name[] = {"x", "y", "w"};
    uint32_t d = 1 + (uint32_t)(suite_bits(random) % 3), m = 0;
    size_t used = 0;
#define SAY(...) used += (size_t)snprintf(text + used, size - used, __VA_ARGS__)
    for (uint32_t i = 0; i < 12; i++) SAY("p%u = %.6f; ", i, suite_uniform(random, 0.4, 1.6));
    for (uint32_t k = 0; k < d; k++) SAY("%sp%u*%sd^2", k ? " + " : "", m++, name[k]);
    if (suite_bits(random) % 2) SAY(" + p%u*%sd^2*%s^2/2", m++, name[0], name[d - 1]);
    if (d > 1 && suite_bits(random) % 2) SAY(" + p%u*cos(x - y)*xd*yd/4", m++);
    for (uint32_t k = 0; k < d; k++) {
        SAY(" - p%u*", m++);
        SAY(potential[suite_bits(random) % 7], name[k]);
        if (suite_bits(random) % 2) SAY(" - p%u*%sd_p*%s_m*%s_p^2", m++, name[k], name[k], name[k]);
    }
    if (suite_bits(random) % 3 == 0) SAY(" + p%u*t*xd", m++);
#undef SAY
    return m;
}

/* Adjoint against tangents, relative to the sums that they are. */
static double disagreement(const Case *what, SuiteRandom *random) {
    static Scene s;
    static double q[3 * 64], pi[3 * 64], dq[3 * 64 * 24], dpi[3 * 64 * 24];
    LagGradient *g;
    LagUnknown unknown[24];
    double x[64], worst = 0;
    s = scene_of(what, LAG_BACKEND_INTERPRETER);
    uint32_t count = point_of(&s, x);
    for (uint32_t i = 0; i < count; i++)
        unknown[i] = i < s.m         ? (LagUnknown){LAG_UNKNOWN_PARAMETER, i}
                     : i < s.m + s.d ? (LagUnknown){LAG_UNKNOWN_COORDINATE, i - s.m}
                                     : (LagUnknown){LAG_UNKNOWN_RATE, i - s.m - s.d};
    look(&s, suite_bits(random) % 2);
    CU_ASSERT_FATAL(lag_gradient_new(s.kernel, 1, 1, &g) == LAG_OK);
    LagLoss loss = {.kind = LAG_LOSS_MSE, .alpha = 1, .beta = 1};
    LagGradientAsk ask = ask_of(&s, &loss, x, x + s.m, x + s.m + s.d);
    Result r = result_of(&s, g, &loss, x, suite_bits(random) % 2);
    LagStatus status = lag_tangents(g, &ask, count, unknown, &(LagTangents){q, pi, dq, dpi});
    CU_ASSERT(status == r.status);
    double seen[2] = {0};
    for (size_t i = 0; i < s.rows * s.d; i++) seen[0] += !isnan(s.q[i]), seen[1] += !isnan(s.pi[i]);
    for (uint32_t j = 0; j < count && status == LAG_OK; j++) {
        double sum = 0, size = 1e-300;
        for (size_t i = 0; i < s.rows * s.d; i++)
            for (int half = 0; half < 2; half++) {
                double e = half ? pi[i] - s.pi[i] : q[i] - s.q[i];
                if (isnan(e)) continue;
                double term = 2 * e / seen[half] * (half ? dpi : dq)[i * count + j];
                sum += term, size += fabs(term);
            }
        worst = fmax(worst, fabs(sum - r.slope[j]) / size);
    }
    lag_gradient_free(g);
    harness_free(&s.harness);
    return status == LAG_OK ? worst : -1;
}

static void test_random_lagrangians(void) {
    SuiteRandom random = {17};
    unsigned compared = 0;
    double worst = 0;
    for (unsigned n = 0; n < 1000 * suite_multiplier(); n++) {
        char text[1024];
        write_random(&random, text, sizeof text);
        Case what = {.text = text,
                     .r = (uint32_t)(suite_bits(&random) % 4),
                     .h = suite_uniform(&random, 0.02, 0.2),
                     .steps = 1 + suite_bits(&random) % 15,
                     .velocity = suite_bits(&random) % 2};
        for (int k = 0; k < 3; k++) {
            what.q[k] = suite_uniform(&random, -1, 1);
            what.rate[k] = suite_uniform(&random, -1, 1);
        }
        double error = disagreement(&what, &random);
        compared += error >= 0;
        worst = fmax(worst, error);
        if (error > 1e-11) printf("\n    %.1e: %s", error, text);
    }
    printf("\n    %u compared, they differ by %.1e at most", compared, worst);
    CU_ASSERT(compared > 900 && worst < 1e-11);
}

/* ---- Bits ---- */

enum { SYSTEMS = 21 };

/* Systems near a case's own, all of them and each alone: the same bits. */
/* A run for the motion alone: the same rows alone and among others. */
static void check_motions(const Scene *s, LagGradient *all, LagGradientAsk ask, size_t systems) {
    const size_t seen = s->rows * s->d;
    double *rows = calloc(systems * 2 * seen + 2 * seen, sizeof *rows), *own = rows + systems * 2 * seen;
    LagGradient *alone;
    CU_ASSERT_FATAL(rows && lag_gradient_new(s->kernel, 1, 1, &alone) == LAG_OK);
    ask.loss = NULL;
    LagGradientOut out = {.motion_q = rows, .motion_pi = rows + systems * seen};
    CU_ASSERT(lag_gradient_run(all, &ask, &out) == LAG_OK);
    LagGradientAsk one = ask;
    for (size_t i = 0; i < systems; i++) {
        one.c = ask.c + i * s->m, one.q = ask.q + i * s->d;
        if (ask.pi) one.pi = ask.pi + i * s->d;
        if (ask.v) one.v = ask.v + i * s->d;
        out = (LagGradientOut){.motion_q = own, .motion_pi = own + seen};
        CU_ASSERT(lag_gradient_run(alone, &one, &out) == LAG_OK);
        CU_ASSERT(memcmp(own, rows + i * seen, seen * sizeof *own) == 0);
        CU_ASSERT(memcmp(own + seen, rows + (systems + i) * seen, seen * sizeof *own) == 0);
    }
    lag_gradient_free(alone);
    free(rows);
}

static void test_same_bits(void) {
    static const LagBackend backend[] = {LAG_BACKEND_INTERPRETER, LAG_BACKEND_TCC, LAG_BACKEND_LLVM};
    for (size_t n = 0; n < CASES; n++) {
        Result first[SYSTEMS];
        for (int b = 0; b < 3; b++) {
            static Scene s;
            s = scene_of(&cases[n], backend[b]);
            LagGradient *alone, *all;
            SuiteRandom random = {3};
            look(&s, n % 2);
            size_t d = s.d, m = s.m, seen = s.rows * d;
            double *x = calloc(SYSTEMS * (m + 2 * d), sizeof *x), *c = x, *q = c + SYSTEMS * m, *rate = q + SYSTEMS * d;
            double *by = calloc(SYSTEMS * (m + 2 * d + 1), sizeof *by), *rows = calloc(2 * SYSTEMS * seen, sizeof *rows);
            for (size_t i = 0; i < SYSTEMS; i++) {
                for (size_t j = 0; j < m; j++) c[i * m + j] = s.c[j] * suite_uniform(&random, 0.9, 1.1);
                for (size_t k = 0; k < d; k++) q[i * d + k] = s.what->q[k] + suite_uniform(&random, -0.1, 0.1);
                for (size_t k = 0; k < d; k++) rate[i * d + k] = s.what->rate[k] + suite_uniform(&random, -0.1, 0.1);
                memcpy(rows + i * seen, s.q, seen * sizeof *rows);
                memcpy(rows + (SYSTEMS + i) * seen, s.pi, seen * sizeof *rows);
            }
            CU_ASSERT_FATAL(lag_gradient_new(s.kernel, 1, 1, &alone) == LAG_OK);
            for (size_t i = 0; i < SYSTEMS; i++) {
                double own[64];
                memcpy(own, c + i * m, m * sizeof *own);
                memcpy(own + m, q + i * d, d * sizeof *own);
                memcpy(own + m + d, rate + i * d, d * sizeof *own);
                Result r = result_of(&s, alone, &losses[0], own, false),
                       sparing = result_of(&s, alone, &losses[0], own, true);
                CU_ASSERT(r.status == LAG_OK && r.loss == sparing.loss);
                CU_ASSERT(memcmp(r.slope, sparing.slope, (m + 2 * d) * sizeof *by) == 0);
                if (b == 0) first[i] = r;
                CU_ASSERT(r.loss == first[i].loss && memcmp(r.slope, first[i].slope, (m + 2 * d) * sizeof *by) == 0);
            }
            for (size_t systems = 1; systems <= SYSTEMS; systems += 5)
                for (uint32_t threads = 1; threads <= 3; threads += 2) {
                    CU_ASSERT_FATAL(lag_gradient_new(s.kernel, systems, threads, &all) == LAG_OK);
                    LagGradientAsk ask = ask_of(&s, &losses[0], c, q, rate);
                    ask.seen.q = rows, ask.seen.pi = rows + SYSTEMS * seen;
                    ask.sparing = systems == 6;
                    LagGradientOut out = {
                        .loss = by, .c = by + systems, .q = by + systems * (m + 1), .rate = by + systems * (m + d + 1)};
                    CU_ASSERT(lag_gradient_run(all, &ask, &out) == LAG_OK);
                    check_motions(&s, all, ask, systems);
                    bool same = true;
                    for (size_t i = 0; i < systems; i++)
                        same = same && by[i] == first[i].loss &&
                               memcmp(out.c + i * m, first[i].slope, m * sizeof *by) == 0 &&
                               memcmp(out.q + i * d, first[i].slope + m, d * sizeof *by) == 0 &&
                               memcmp(out.rate + i * d, first[i].slope + m + d, d * sizeof *by) == 0;
                    CU_ASSERT(same);
                    lag_gradient_free(all);
                }
            lag_gradient_free(alone);
            free(x), free(by), free(rows);
            harness_free(&s.harness);
        }
    }
}

/* Every kind of loss of systems side by side, each with other rows, some missing, some huge: what each has alone. */
static void check_losses(const Case *what, const LagLoss *loss) {
    static Scene s;
    s = scene_of(what, LAG_BACKEND_LLVM);
    look(&s, false);
    const size_t d = s.d, m = s.m, seen = s.rows * d, each = m + 2 * d;
    double *x = calloc(SYSTEMS * each, sizeof *x), *q = x + SYSTEMS * m, *rate = q + SYSTEMS * d;
    double *rows = calloc(2 * SYSTEMS * seen, sizeof *rows), *by = calloc(SYSTEMS * (each + 1), sizeof *by);
    SuiteRandom random = {11};
    LagGradient *all, *alone;
    for (size_t i = 0; i < SYSTEMS; i++) {
        memcpy(x + i * m, s.c, m * sizeof *x);
        memcpy(q + i * d, what->q, d * sizeof *x);
        memcpy(rate + i * d, what->rate, d * sizeof *x);
        for (size_t k = 0; k < 2 * seen; k++) {
            double own = suite_uniform(&random, -2, 2) * (i == 9 ? 1e200 : i == 12 ? 1e-200 : 1);
            rows[(k < seen ? i : SYSTEMS + i - 1) * seen + k] = i == 3 || suite_bits(&random) % 6 == 0 ? NAN : own;
        }
    }
    CU_ASSERT_FATAL(lag_gradient_new(s.kernel, SYSTEMS, 1, &all) == LAG_OK);
    CU_ASSERT_FATAL(lag_gradient_new(s.kernel, 1, 1, &alone) == LAG_OK);
    LagGradientAsk ask = ask_of(&s, loss, x, q, rate);
    ask.seen.q = rows, ask.seen.pi = rows + SYSTEMS * seen;
    LagGradientOut out = {.loss = by, .c = by + SYSTEMS, .q = by + SYSTEMS * (m + 1), .rate = by + SYSTEMS * (m + d + 1)};
    lag_gradient_run(all, &ask, &out);
    for (size_t i = 0; i < SYSTEMS; i++) {
        double loss_alone, slope[64];
        LagGradientAsk one = ask_of(&s, loss, x + i * m, q + i * d, rate + i * d);
        one.seen.q = ask.seen.q + i * seen, one.seen.pi = ask.seen.pi + i * seen;
        lag_gradient_run(alone, &one,
                         &(LagGradientOut){.loss = &loss_alone, .c = slope, .q = slope + m, .rate = slope + m + d});
        CU_ASSERT(memcmp(&loss_alone, by + i, sizeof *by) == 0 && memcmp(slope, out.c + i * m, m * sizeof *by) == 0);
        CU_ASSERT(memcmp(slope + m, out.q + i * d, d * sizeof *by) == 0);
        CU_ASSERT(memcmp(slope + m + d, out.rate + i * d, d * sizeof *by) == 0);
        for (size_t j = 0; j < each && i == 3; j++) CU_ASSERT(by[i] == 0 && slope[j] == 0); /* nothing was seen */
    }
    lag_gradient_free(all);
    lag_gradient_free(alone);
    free(x), free(rows), free(by);
    harness_free(&s.harness);
}

static void test_losses(void) {
    for (size_t i = 0; i < LOSSES; i++) check_losses(&cases[1], &losses[i]), check_losses(&cases[2], &losses[i]);
}

/* The motion that a gradient stands on is the integrator's, to the last bit, where steps are found by sweeps. */
static void test_integrator(void) {
    for (size_t n = 2; n < 3; n++) {
        static Scene s;
        static double q[ROWS_MOST * 2], pi[ROWS_MOST * 2];
        s = scene_of(&cases[n], LAG_BACKEND_LLVM);
        const Case *w = s.what;
        LagIntegrator *it;
        LagGradient *g;
        LagRows rows = {.capacity = w->steps + 1, .t = s.t, .q = s.q, .pi = s.pi};
        CU_ASSERT_FATAL(lag_integrator_new(s.kernel, LAG_METHOD_GGL, &it) == LAG_OK);
        lag_integrator_parameters(it, s.c);
        lag_integrator_start_velocity(it, w->t, w->q, w->rate);
        lag_integrator_state(it, &rows);
        CU_ASSERT(lag_integrator_advance(it, w->h, w->steps, 1, &rows) == LAG_OK);
        s.rows = rows.count;
        CU_ASSERT_FATAL(lag_gradient_new(s.kernel, 1, 1, &g) == LAG_OK);
        LagGradientAsk ask = ask_of(&s, NULL, s.c, w->q, w->rate);
        CU_ASSERT(lag_gradient_run(g, &ask, &(LagGradientOut){.motion_q = q, .motion_pi = pi}) == LAG_OK);
        CU_ASSERT(memcmp(q, s.q, s.rows * s.d * sizeof *q) == 0);
        CU_ASSERT(memcmp(pi, s.pi, s.rows * s.d * sizeof *pi) == 0);
        lag_gradient_free(g);
        lag_integrator_free(it);
        harness_free(&s.harness);
    }
}

/* Steps so long that sweeps do not find them, of some systems: those go another way, and the others have the bits that they
 * have alone. */
static void test_without_sweeps(void) {
    const Case stiff = {"k = 1; a = 0.5; qd^2/2 - k*q^2/2 - a*q^4/4", 5, 0.5, 0, 8, {0.7}, {0.2}, false};
    static Scene s;
    s = scene_of(&stiff, LAG_BACKEND_LLVM);
    double c[SYSTEMS * 2], q[SYSTEMS], pi[SYSTEMS], by[SYSTEMS * 5], rows[2 * SYSTEMS * 16];
    LagGradient *all, *alone;
    look(&s, false);
    for (size_t i = 0; i < SYSTEMS; i++) {
        c[2 * i] = i % 3 ? 1 : 200; /* h w = 7: sweeps grow */
        c[2 * i + 1] = 0.5, q[i] = 0.7, pi[i] = 0.2;
        memcpy(rows + i * s.rows, s.q, s.rows * sizeof *rows);
        memcpy(rows + (SYSTEMS + i) * s.rows, s.pi, s.rows * sizeof *rows);
    }
    CU_ASSERT_FATAL(s.rows <= 16 && lag_gradient_new(s.kernel, SYSTEMS, 1, &all) == LAG_OK);
    CU_ASSERT_FATAL(lag_gradient_new(s.kernel, 1, 1, &alone) == LAG_OK);
    LagGradientAsk ask = ask_of(&s, &losses[1], c, q, pi);
    ask.seen.q = rows, ask.seen.pi = rows + SYSTEMS * s.rows;
    LagGradientOut out = {.loss = by, .c = by + SYSTEMS, .q = by + 3 * SYSTEMS, .rate = by + 4 * SYSTEMS};
    CU_ASSERT(lag_gradient_run(all, &ask, &out) == LAG_OK);
    for (size_t i = 0; i < SYSTEMS; i++) {
        double x[4] = {c[2 * i], c[2 * i + 1], q[i], pi[i]};
        Result r = result_of(&s, alone, &losses[1], x, false);
        CU_ASSERT(r.status == LAG_OK && r.loss == by[i] && memcmp(r.slope, by + SYSTEMS + 2 * i, 2 * sizeof *by) == 0);
        CU_ASSERT(r.slope[2] == by[3 * SYSTEMS + i] && r.slope[3] == by[4 * SYSTEMS + i]);
        for (uint32_t j = 0; j < 4; j++) {
            double up[4], down[4], step = 1e-6 * (0.1 + fabs(x[j]));
            memcpy(up, x, sizeof up), memcpy(down, x, sizeof down);
            up[j] += step, down[j] -= step;
            double rough = result_of(&s, alone, &losses[1], up, false).loss;
            rough = (rough - result_of(&s, alone, &losses[1], down, false).loss) / (2 * step);
            CU_ASSERT(fabs(rough - r.slope[j]) < 1e-6 * (1 + fabs(r.slope[j])));
        }
    }
    lag_gradient_free(all);
    lag_gradient_free(alone);
    harness_free(&s.harness);
}

/* ---- What can go wrong ---- */

static void test_capped(void) {
    static const double hostile[][3] = {{0, 4, 1},     {0, 0, 0},          {-2, 4, 1},   {1e308, 1, 1}, {1e-308, 1, 1},
                                        {1, 1e308, 1}, {1e-200, 1e200, 1}, {1, 1, -1e3}, {1, -1e4, 1},  {1, 1, 1e308}};
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        Result capped = family_result(hostile[i], (double[]){2, 3, 1}, 50);
        CU_ASSERT(capped.status == LAG_OK && capped.loss >= 0 && capped.loss <= 50);
        for (int j = 0; j < 5; j++) CU_ASSERT(isfinite(capped.slope[j]));
    }
    Result none = family_result(hostile[1], (double[]){2, 3, 1}, 0);
    CU_ASSERT(none.status != LAG_OK && isnan(none.loss));
}

static void test_arguments(void) {
    Scene s = scene_of(&cases[0], LAG_BACKEND_AUTO);
    LagGradient *g;
    double x[8], loss;
    point_of(&s, x);
    look(&s, false);
    CU_ASSERT(lag_gradient_new(s.kernel, 0, 1, &g) == LAG_ERROR_ARGUMENT);
    CU_ASSERT_FATAL(lag_gradient_new(s.kernel, 1, 1, &g) == LAG_OK);
    LagLoss kind = losses[0];
    LagGradientOut out = {.loss = &loss};
    const LagBound no_such = {3, LAG_BOUND_ABOVE, 0};
    for (int i = 0; i < 9; i++) {
        LagGradientAsk ask = ask_of(&s, &kind, x, x + 3, x + 4);
        double keep = s.t[3];
        kind = losses[0];
        if (i == 0) ask.h = 0;
        if (i == 1) ask.steps = 39;
        if (i == 2) s.t[3] = s.t[1];
        if (i == 3) s.t[3] = NAN;
        if (i == 4) ask.q = NULL;
        if (i == 5) ask.v = x;
        if (i == 6) kind.alpha = NAN;
        if (i == 7) kind = (LagLoss){.kind = LAG_LOSS_LP, .alpha = 1, .beta = 1, .p = 0.5};
        if (i == 8) kind.bounds = 1, kind.bound = &no_such;
        CU_ASSERT(lag_gradient_run(g, &ask, &out) == LAG_ERROR_ARGUMENT);
        s.t[3] = keep;
    }
    kind = losses[0];
    LagGradientAsk ask = ask_of(&s, &kind, x, x + 3, x + 4);
    lag_gradient_cancel(g);
    CU_ASSERT(lag_gradient_run(g, &ask, &out) == LAG_INTERRUPTED);
    CU_ASSERT(lag_gradient_run(g, &ask, &out) == LAG_OK);
    ask.seen.rows = 0;
    CU_ASSERT(lag_gradient_run(g, &ask, &out) == LAG_OK && loss == 0);
    x[3] = NAN;
    CU_ASSERT(lag_gradient_run(g, &ask, &out) == LAG_ERROR_NOT_FINITE && isnan(loss));
    lag_gradient_free(g);
    harness_free(&s.harness);
}

static void test_penalties(void) {
    Scene s = scene_of(&cases[0], LAG_BACKEND_AUTO);
    LagGradient *g;
    CU_ASSERT_FATAL(lag_gradient_new(s.kernel, 1, 1, &g) == LAG_OK);
    LagBound bound[] = {{0, LAG_BOUND_ABOVE, 0}, {1, LAG_BOUND_AT_LEAST, 0}, {2, LAG_BOUND_AT_MOST, 5}};
    LagLoss loss = {.kind = LAG_LOSS_MSE, .alpha = 1, .beta = 1, .bounds = 3, .bound = bound};
    Result r = result_of(&s, g, &loss, (double[]){0.05, -0.3, 5.05, 0, 1}, false); /* no rows: penalties alone */
    CU_ASSERT(suite_near(r.loss, 20 * 0.05 * 0.05 + 20 * 0.2 * 0.2, 1e-14));
    CU_ASSERT(suite_near(r.slope[0], -40 * 0.05, 1e-14) && suite_near(r.slope[1], -40 * 0.2, 1e-14) && r.slope[2] == 0);
    lag_gradient_free(g);
    harness_free(&s.harness);
}

void suite_gradient(void) {
    suite_add("gradient", (SuiteTest[]){{"reference", test_gradient_golden},
                                        {"more references", test_more_golden},
                                        {"references of the examples", test_examples_golden},
                                        {"landscape", test_landscape_golden},
                                        {"differences", test_differences},
                                        {"tangents", test_tangents},
                                        {"random Lagrangians", test_random_lagrangians},
                                        {"same bits", test_same_bits},
                                        {"losses side by side", test_losses},
                                        {"the integrator's motion", test_integrator},
                                        {"without sweeps", test_without_sweeps},
                                        {"a cap", test_capped},
                                        {"penalties", test_penalties},
                                        {"arguments", test_arguments},
                                        {0}});
}
