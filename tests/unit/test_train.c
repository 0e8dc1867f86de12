/* test_train.c: what is drawn, what outputs stand for, trainings that learn, that are interrupted and go on, that are
 * written down and read again; and what a network makes of records. */
#include "harness.h"

#include "learn/motions.h"
#include "learn/outputs.h"
#include "learn/pack.h"
#include "learn/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 20, ROWS = STEPS + 1 };

static const double one = 1, nothing[8] = {0};

/* The damped oscillator, drawn about as in fig. 7 of Roberts. */
static const LagDraw draws[] = {{{LAG_UNKNOWN_PARAMETER, 0}, 0.5, 5, 0, false},
                                {{LAG_UNKNOWN_PARAMETER, 1}, 0, 5, 0.2, false},
                                {{LAG_UNKNOWN_PARAMETER, 2}, 0, 5, 0.2, false}};
static const LagBound bounds[] = {{0, LAG_BOUND_ABOVE, 0}, {1, LAG_BOUND_AT_LEAST, 0}, {2, LAG_BOUND_AT_LEAST, 0}};

typedef struct Scene {
    Harness harness;
    const LagKernel *kernel;
} Scene;

static Scene scene_of(const char *text, LagBackend backend) {
    Scene s = {.harness = harness_read(text)};
    CU_ASSERT_FATAL(s.harness.status == LAG_OK);
    CU_ASSERT_FATAL(lag_model_kernel(s.harness.model, 2, backend, &s.kernel) == LAG_OK);
    return s;
}

static Scene oscillator(void) { return scene_of("c1*qd^2 - c2*q^2 - c3*qd_p*q_m", LAG_BACKEND_AUTO); }

static LagTrainAsk small_ask(void) {
    return (LagTrainAsk){.prior = {.c = nothing, .q = nothing, .pi = &one, .draws = 3, .draw = draws},
                         .h = 0.2,
                         .steps = STEPS,
                         .loss = {.kind = LAG_LOSS_L2, .alpha = NAN, .beta = NAN, .bounds = 3, .bound = bounds},
                         .layers = 1,
                         .units = 16,
                         .batch = 32,
                         .samples = 32 * 40,
                         .held = 64,
                         .rate = 1e-2,
                         .clip = 1,
                         .seed = 3,
                         .threads = 1,
                         .about = "an oscillator\nof two lines"};
}

/* ---- What is drawn ---- */

static void test_draws(void) {
    enum { COUNT = 20000, PART = 7 };
    static const uint32_t which[] = {1, 2};
    static const LagTogether together = {0.1, 2, which};
    static double c[COUNT * 3], q[COUNT], rate[COUNT], own[3];
    Scene s = oscillator();
    const double velocity = 0.25;
    const LagDraw wide[] = {draws[0], draws[1], draws[2], {{LAG_UNKNOWN_COORDINATE, 0}, -1, 1, 0, false}};
    LagPrior prior = {
        .c = nothing, .q = nothing, .v = &velocity, .draws = 4, .togethers = 1, .draw = wide, .together = &together};
    CU_ASSERT(lag_prior_draw(s.kernel, &prior, 5, 0, COUNT, c, q, rate) == LAG_OK);
    size_t zero[3] = {0}, both = 0;
    double mean = 0, low = 9, high = 0;
    for (size_t i = 0; i < COUNT; i++) {
        for (int j = 0; j < 3; j++) zero[j] += c[3 * i + j] == 0;
        both += c[3 * i + 1] == 0 && c[3 * i + 2] == 0;
        mean += c[3 * i] / COUNT;
        low = fmin(low, c[3 * i]), high = fmax(high, c[3 * i]);
        CU_ASSERT(c[3 * i] >= 0.5 && c[3 * i] <= 5 && fabs(q[i]) <= 1 && rate[i] == velocity);
    }
    CU_ASSERT(zero[0] == 0 && fabs(mean - 2.75) < 0.03 && low < 0.502 && high > 4.998);
    CU_ASSERT(fabs((double)zero[1] / COUNT - 0.28) < 0.015 && fabs((double)zero[2] / COUNT - 0.28) < 0.015);
    CU_ASSERT(fabs((double)both / COUNT - (0.1 + 0.9 * 0.04)) < 0.01);
    for (uint64_t i = 1; i < COUNT; i += PART) { /* each alone */
        CU_ASSERT(lag_prior_draw(s.kernel, &prior, 5, i, 1, own, q, rate) == LAG_OK);
        CU_ASSERT(memcmp(own, c + 3 * i, sizeof own) == 0);
    }
    CU_ASSERT(lag_prior_draw(s.kernel, &prior, 6, 1, 1, own, q, rate) == LAG_OK && own[0] != c[3]);
    harness_free(&s.harness);
}

static void test_bad_priors(void) {
    static const uint32_t beyond[] = {3};
    double c[3], q[1], rate[1];
    Scene s = oscillator();
    for (int i = 0; i < 10; i++) {
        LagDraw draw[3];
        LagTogether together = {0.5, 1, beyond};
        memcpy(draw, draws, sizeof draw);
        LagPrior prior = {.c = nothing, .q = nothing, .pi = &one, .draws = 3, .draw = draw};
        if (i == 0) draw[1].low = 6;
        if (i == 1) draw[1].high = NAN;
        if (i == 2) draw[1].zero = 1.01;
        if (i == 3) draw[1].what.index = 3;
        if (i == 4) draw[1].what.kind = LAG_UNKNOWNS;
        if (i == 5) draw[1].low = -1.7e308, draw[1].high = 1.7e308;
        if (i == 6) prior.v = &one;
        if (i == 7) prior.pi = NULL;
        if (i == 8) prior.togethers = 1, prior.together = &together;
        if (i == 9) prior.t = INFINITY;
        CU_ASSERT(lag_prior_draw(s.kernel, &prior, 1, 0, 1, c, q, rate) == LAG_ERROR_ARGUMENT);
    }
    harness_free(&s.harness);
}

/* ---- Outputs ---- */

static void test_outputs(void) {
    static const LagBound some[] = {{0, LAG_BOUND_ABOVE, 0},   {1, LAG_BOUND_AT_LEAST, 0}, {1, LAG_BOUND_AT_MOST, 5},
                                    {2, LAG_BOUND_BELOW, 6},   {3, LAG_BOUND_ABOVE, -1},   {3, LAG_BOUND_BELOW, 7},
                                    {4, LAG_BOUND_AT_MOST, 9}, {4, LAG_BOUND_ABOVE, -2}};
    LagDraw draw[6];
    for (uint32_t i = 0; i < 6; i++) draw[i] = (LagDraw){{LAG_UNKNOWN_PARAMETER, i}, 0.5, 5, 0, false};
    LagPrior prior = {.draws = 6, .draw = draw};
    LagLoss loss = {.bounds = 8, .bound = some};
    Output out[6];
    CU_ASSERT(outputs_of(&prior, &loss, false, out) == 6);
    for (int j = 0; j < 6; j++)
        for (double z = -9; z <= 9; z += 0.37) {
            const double c = output_value(&out[j], z), h = 1e-5;
            double slope = (output_value(&out[j], z + h) - output_value(&out[j], z - h)) / (2 * h);
            CU_ASSERT(j == 2 || j == 5 || c >= (j == 3 ? -1 : j == 4 ? -2 : 0));
            CU_ASSERT(j == 0 || j == 5 || c <= (j == 1 ? 5 : j == 2 ? 6 : j == 3 ? 7 : 9));
            bool at_bound = slope == 0; /* and then only what leads inside is passed on */
            if (!at_bound && fabs(output_back(&out[j], z, 1) - output_back(&out[j], z, -1) * -1) < 1e-12)
                CU_ASSERT(suite_near(output_back(&out[j], z, 2), 2 * slope, 1e-6));
            if (at_bound) CU_ASSERT(output_back(&out[j], z, z < 0 ? 1 : -1) == 0);
            if (at_bound) CU_ASSERT(output_back(&out[j], z, z < 0 ? -1 : 1) != 0);
        }
    CU_ASSERT(output_value(&out[1], -9) == 0 && output_value(&out[1], 9) == 5);
    outputs_of(&prior, &loss, true, out);
    CU_ASSERT(output_value(&out[1], -9) < -10);
}

/* ---- By sizes ---- */

/* The relative loss is nothing where motions are the same, grows on both sides whatever the size, and has the derivatives
 * that differences tell; and a motion that never was counts for nothing. */
static void test_relative(void) {
    enum { MANY = 11 };
    static const LagLoss kinds[] = {{.kind = LAG_LOSS_L2, .alpha = 2, .beta = 0.5},
                                    {.kind = LAG_LOSS_MSE, .alpha = 1, .beta = 1},
                                    {.kind = LAG_LOSS_HUBER, .alpha = 1, .beta = 0, .delta = 0.3},
                                    {.kind = LAG_LOSS_LP, .alpha = 0, .beta = 2, .p = 3, .bounds = 3, .bound = bounds}};
    Scene s = oscillator();
    const LagPrior prior = {.c = nothing, .q = nothing, .pi = &one, .draws = 3, .draw = draws};
    Motions seen, by;
    double c[MANY * 3], slope[MANY * 3], loss[MANY], up[MANY], down[MANY];
    CU_ASSERT_FATAL(motions_init(&seen, s.kernel, MANY, 0, 0.2, STEPS, 1) == LAG_OK);
    CU_ASSERT_FATAL(motions_init(&by, s.kernel, MANY, 0, 0.2, STEPS, 1) == LAG_OK);
    CU_ASSERT(motions_draw(&seen, &prior, 9, 0) == LAG_OK);
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        const LagLoss *measure = &kinds[kind];
        LagGradientOut out = {.loss = loss, .c = slope};
        CU_ASSERT(motions_compare(&by, seen.c, &seen, LAG_TARGET_RELATIVE, measure, &out) == LAG_OK);
        for (int i = 0; i < MANY; i++) CU_ASSERT(loss[i] == 0);
        for (int far = -3; far <= 3; far++) { /* a mass 1,000 times as small, as large */
            for (int i = 0; i < MANY * 3; i++) c[i] = seen.c[i] * (i % 3 == 0 ? pow(10, far) * 1.1 : 1.05);
            CU_ASSERT(motions_compare(&by, c, &seen, LAG_TARGET_RELATIVE, measure, &out) == LAG_OK);
            double first[MANY], by_mass[MANY];
            for (int i = 0; i < MANY; i++) first[i] = loss[i], by_mass[i] = slope[3 * i];
            const double step = 1e-5;
            for (int side = 0; side < 2; side++) {
                for (int i = 0; i < MANY; i++) c[3 * i] *= side ? (1 - step) / (1 + step) : 1 + step;
                CU_ASSERT(motions_compare(&by, c, &seen, LAG_TARGET_RELATIVE, measure,
                                          &(LagGradientOut){.loss = side ? down : up}) == LAG_OK);
            }
            for (int i = 0; i < MANY; i++) {
                double mass = c[3 * i] / (1 - step), log_slope = (up[i] - down[i]) / (2 * step);
                CU_ASSERT((first[i] > 0 || measure->alpha == 0) &&
                          fabs(by_mass[i] * mass - log_slope) < 1e-6 * (1 + fabs(log_slope)));
                if (measure->alpha > 0 && far == 3) CU_ASSERT(by_mass[i] * mass > 0.2); /* no plain */
            }
        }
    }
    motions_free(&seen);
    motions_free(&by);
    harness_free(&s.harness);
}

/* ---- Units ---- */

/* The units of a family whose first `named` parameters are drawn from 1 to 2, kept above a bound of the first. */
static uint32_t units_of_text(const char *text, uint32_t named, double bound, bool velocity, bool *fine) {
    static const double start[2] = {0.3, -0.2}, rest[4] = {1.2, 0.7, 0.4, 2};
    LagDraw all[4];
    Output output[4];
    const LagBound bounds_of[] = {{0, LAG_BOUND_ABOVE, bound}};
    Scene s = scene_of(text, LAG_BACKEND_INTERPRETER);
    for (uint32_t j = 0; j < named; j++) all[j] = (LagDraw){{LAG_UNKNOWN_PARAMETER, j}, 1, 2, 0, false};
    LagTrainAsk ask = small_ask();
    ask.prior = (LagPrior){.c = rest, .q = start, .draws = named, .draw = all};
    if (velocity)
        ask.prior.v = start;
    else
        ask.prior.pi = start;
    ask.loss.bounds = 1, ask.loss.bound = bounds_of;
    uint32_t units = 9, outputs = outputs_of(&ask.prior, &ask.loss, false, output);
    *fine = units_find(s.kernel, &ask, output, outputs, &units) == LAG_OK;
    harness_free(&s.harness);
    return units;
}

static void test_units(void) {
    static const struct {
        const char *text;
        uint32_t named;
        double bound;
        uint32_t units;
    } family[] = {
        {"param a, b, c; a*qd^2 - b*q^2 - c*qd_p*q_m", 3, 0, UNITS_MOMENTA | UNITS_COORDINATES},
        {"param a, b, c; a*(xd^2 + yd^2) - b*(x - y)^2 - c*(xd_p*x_m + yd_p*y_m)", 3, 0, UNITS_MOMENTA | UNITS_COORDINATES},
        {"param a, b, c; a*qd^2 - b*q^4 - c*qd_p*q_m", 3, 0, UNITS_MOMENTA},
        {"param a, b, c; a*qd^2 + b*cos(q) - c*qd_p*q_m", 3, 0, UNITS_MOMENTA},
        {"param a, b, c; a*qd^2 - b*q^2 - c*qd_p*q_m", 2, 0, 0},   /* one stays as it is */
        {"param a, b, c; a*qd^2 - b*q^2 - c*qd_p*q_m", 3, 0.5, 0}, /* bounds would move */
        {"param a, b; a*qd^2 - a*b*q^2", 2, 0, 0},                 /* not linear in them */
        {"param a, b; a*qd^2 + b*q", 2, 0, UNITS_MOMENTA},         /* a force that is there at rest */
        {"param a; a*qd^2 + a*q*sin(t)", 1, 0, UNITS_MOMENTA},
    };
    for (size_t i = 0; i < sizeof family / sizeof *family; i++)
        for (int velocity = 0; velocity < 2; velocity++) {
            bool fine;
            uint32_t units = units_of_text(family[i].text, family[i].named, family[i].bound, velocity, &fine);
            CU_ASSERT(fine && units == family[i].units);
        }
    const double scale[] = {1, 2}, q[] = {0, -2, 1, 0, 0, 0}, pi[] = {3, 1, 0, 0, 0, 0};
    double unit[2];
    units_of(UNITS_MOMENTA, 2, 3, 1, scale, q, pi, unit);
    CU_ASSERT(unit[0] == 1.5 && unit[1] == 1);
    units_of(UNITS_MOMENTA | UNITS_COORDINATES, 2, 3, 1, scale, q, pi, unit);
    CU_ASSERT(unit[0] == 0.75 && unit[1] == 1);
    units_of(0, 2, 3, 1, scale, q, pi, unit);
    CU_ASSERT(unit[0] == 1 && unit[1] == 1);
}

/* ---- Trainings ---- */

static void saved(const LagTrainer *t, void **bytes, size_t *size) {
    CU_ASSERT_FATAL(lag_trainer_save(t, bytes, size) == LAG_OK);
}

static LagTrainer *begun(const Scene *s, const LagTrainAsk *ask) {
    LagTrainer *t;
    CU_ASSERT_FATAL(lag_trainer_new(s->kernel, ask, &t) == LAG_OK);
    return t;
}

/* A small network learns: to a tenth of what it begins with. */
static void test_learns(void) {
    Scene s = oscillator();
    LagTrainAsk ask = small_ask();
    LagTrainReport r;
    ask.samples = 32 * 1500;
    ask.held = 512;
    LagTrainer *t = begun(&s, &ask);
    CU_ASSERT(lag_trainer_run(t, 2000) == LAG_OK);
    lag_trainer_report(t, &r);
    const LagTrainRow *best = &r.row[r.best];
    printf("\n    after %llu motions: rms q %.2g, pi %.2g, from %.2g, %.2g ... ", (unsigned long long)best->samples,
           best->rms_q, best->rms_pi, r.row[0].rms_q, r.row[0].rms_pi);
    CU_ASSERT(r.done == 1500 && r.skipped == 0 && r.row[r.rows - 1].samples == 32 * 1500);
    CU_ASSERT(best->rms_q < 0.02 && best->rms_pi < 0.03 && best->held_loss < 0.1 * r.row[0].held_loss);
    lag_trainer_free(t);
    harness_free(&s.harness);
}

/* Cut at random and put together from bytes each time, on other numbers of threads: all bytes are the same in the end. */
static void test_resumes(void) {
    Scene s = oscillator();
    SuiteRandom random = {11};
    LagTrainAsk ask = small_ask();
    size_t size, other_size;
    void *whole, *bytes;
    LagTrainer *t = begun(&s, &ask);
    CU_ASSERT(lag_trainer_run(t, UINT64_MAX) == LAG_OK);
    saved(t, &whole, &size);
    lag_trainer_free(t);
    for (unsigned i = 0; i < 4 * suite_multiplier(); i++) {
        LagTrainReport r;
        char why[LAG_WHY];
        ask.threads = 1 + i % 3;
        t = begun(&s, &ask);
        do {
            CU_ASSERT(lag_trainer_run(t, suite_bits(&random) % 20) == LAG_OK);
            lag_trainer_cancel(t);
            LagStatus status = lag_trainer_run(t, 1);
            CU_ASSERT(status == LAG_INTERRUPTED || status == LAG_OK);
            saved(t, &bytes, &other_size);
            lag_trainer_free(t);
            CU_ASSERT_FATAL(lag_trainer_load(s.kernel, &ask, bytes, other_size, why, &t) == LAG_OK);
            lag_trainer_report(t, &r);
            if (r.done < r.batches || r.row[r.rows - 1].samples < ask.samples) free(bytes), bytes = NULL;
        } while (!bytes);
        CU_ASSERT(other_size == size && memcmp(whole, bytes, size) == 0);
        free(bytes);
        lag_trainer_free(t);
    }
    free(whole);
    harness_free(&s.harness);
}

/* Weights of another training of the same shape serve to begin with. */
static void test_begins_with(void) {
    Scene s = oscillator();
    LagTrainAsk ask = small_ask(), wider = ask;
    LagTrainReport first, r;
    char why[LAG_WHY];
    void *bytes;
    size_t size;
    LagNetwork *network;
    LagTrainer *t = begun(&s, &ask), *next;
    CU_ASSERT(lag_trainer_run(t, UINT64_MAX) == LAG_OK);
    lag_trainer_report(t, &first);
    saved(t, &bytes, &size);
    CU_ASSERT_FATAL(lag_network_load(s.kernel, 1, bytes, size, why, &network) == LAG_OK);
    CU_ASSERT(lag_trainer_begin(t, network) == LAG_ERROR_ARGUMENT); /* it has begun already */
    ask.rate = 1e-3;
    next = begun(&s, &ask);
    CU_ASSERT(lag_trainer_begin(next, network) == LAG_OK && lag_trainer_run(next, 0) == LAG_OK);
    lag_trainer_report(next, &r);
    CU_ASSERT(r.row[0].held_loss == first.row[first.best].held_loss);
    lag_trainer_free(next);
    wider.units = 17;
    next = begun(&s, &wider);
    CU_ASSERT(lag_trainer_begin(next, network) == LAG_ERROR_ARGUMENT);
    lag_trainer_free(next);
    lag_trainer_free(t);
    lag_network_free(network);
    free(bytes);
    harness_free(&s.harness);
}

/* Every kind of loss, both targets, bounds as penalties, a set that is gone through again, several layers. */
static void test_switches(void) {
    Scene s = oscillator();
    for (int i = 0; i < 11; i++) {
        LagTrainAsk ask = small_ask();
        LagTrainReport r;
        if (i < LAG_LOSSES) ask.loss.kind = (LagLossKind)i;
        ask.loss.delta = 0.1, ask.loss.p = 4;
        if (i == 5) ask.target = LAG_TARGET_PARAMETERS;
        if (i == 6) ask.raw = true, ask.loss.cap = 50;
        if (i == 7) ask.set = 64;
        if (i == 8) ask.layers = 3;
        if (i == 9) ask.loss.alpha = 0, ask.loss.beta = 2;
        if (i == 10) ask.target = LAG_TARGET_RELATIVE;
        LagTrainer *t = begun(&s, &ask);
        CU_ASSERT(lag_trainer_run(t, 1000) == LAG_OK);
        lag_trainer_report(t, &r);
        CU_ASSERT(r.done == 40 && r.rows > 10 && r.skipped == 0);
        CU_ASSERT(r.row[r.best].held_loss < 0.9 * r.row[0].held_loss);
        lag_trainer_free(t);
    }
    harness_free(&s.harness);
}

static void test_bad_asks(void) {
    Scene s = oscillator();
    for (int i = 0; i < 16; i++) {
        LagTrainAsk ask = small_ask();
        LagTrainer *t;
        if (i == 0) ask.steps = 0;
        if (i == 1) ask.h = 0;
        if (i == 2) ask.layers = LAG_LAYERS_MOST + 1;
        if (i == 3) ask.units = 0;
        if (i == 4) ask.batch = 0;
        if (i == 5) ask.samples = 31;
        if (i == 6) ask.held = 0;
        if (i == 7) ask.rate = NAN;
        if (i == 8) ask.clip = 0;
        if (i == 9) ask.prior.draws = 0;
        if (i == 10) ask.set = 3;
        if (i == 11) ask.loss.kind = LAG_LOSSES;
        if (i == 12) ask.target = LAG_TARGETS;
        if (i == 13) ask.prior.q = NULL;
        if (i == 14) ask.units = 1u << 31;
        if (i == 15) ask.loss.alpha = INFINITY;
        CU_ASSERT(lag_trainer_new(s.kernel, &ask, &t) == LAG_ERROR_ARGUMENT);
    }
    LagTrainAsk large = small_ask();
    LagTrainer *t;
    large.steps = 1 << 20;
    CU_ASSERT(lag_trainer_new(s.kernel, &large, &t) == LAG_ERROR_ARGUMENT);
    large.steps = (1 << 20) - 1, large.units = 512;
    CU_ASSERT(lag_trainer_new(s.kernel, &large, &t) == LAG_ERROR_LIMIT);
    harness_free(&s.harness);
}

/* ---- Files ---- */

/* The checksum of changed bytes put right, so that what reads them has to look for itself. */
static void sum_again(char *bytes, size_t *size) {
    size_t last = *size - 1;
    while (bytes[last - 1] != '\n') last--;
    Pack p = {.bytes = malloc(last + 1), .size = last};
    CU_ASSERT_FATAL(p.bytes != NULL);
    memcpy(p.bytes, bytes, last);
    pack_sum(&p);
    if (p.size <= *size + 32) memcpy(bytes, p.bytes, p.size), *size = p.size;
    free(p.bytes);
}

static void test_bad_files(void) {
    Scene s = oscillator(), other = scene_of("a*qd^2 - q^2", LAG_BACKEND_AUTO);
    LagTrainAsk ask = small_ask(), different = ask;
    SuiteRandom random = {2};
    char why[LAG_WHY];
    void *bytes;
    size_t size;
    LagNetwork *network;
    LagTrainer *t = begun(&s, &ask), *again;
    lag_trainer_run(t, 3);
    saved(t, &bytes, &size);
    lag_trainer_free(t);
    CU_ASSERT(lag_network_load(other.kernel, 1, bytes, size, why, &network) == LAG_ERROR_TEXT);
    CU_ASSERT(strstr(why, "parameters") != NULL);
    CU_ASSERT(lag_network_load(s.kernel, 1, "lag network 2\n", 14, why, &network) == LAG_ERROR_TEXT);
    CU_ASSERT(strstr(why, "cut short") != NULL);
    CU_ASSERT(lag_network_load(s.kernel, 1, "", 0, why, &network) == LAG_ERROR_TEXT && strstr(why, "no network") != NULL);
    different.batch = 64;
    CU_ASSERT(lag_trainer_load(s.kernel, &different, bytes, size, why, &again) == LAG_ERROR_TEXT);
    CU_ASSERT(strstr(why, "'batch 32'") != NULL && strstr(why, "'batch 64'") != NULL);
    char *copy = malloc(size + 64);
    CU_ASSERT_FATAL(copy != NULL);
    for (size_t cut = 0; cut < size; cut += 1 + cut / 8) {
        CU_ASSERT(lag_network_load(s.kernel, 1, bytes, cut, why, &network) == LAG_ERROR_TEXT);
        CU_ASSERT(lag_trainer_load(s.kernel, &ask, bytes, cut, why, &again) == LAG_ERROR_TEXT);
    }
    for (unsigned i = 0; i < 300 * suite_multiplier(); i++) { /* whatever comes, it is told or it works */
        size_t changed = size, head = i % 3 ? 2000 : size;
        memcpy(copy, bytes, size);
        copy[suite_bits(&random) % head] = (char)"0123456789-.en \n\377"[suite_bits(&random) % 17];
        sum_again(copy, &changed);
        if (lag_network_load(s.kernel, 1, copy, changed, why, &network) == LAG_OK) lag_network_free(network);
        if (lag_trainer_load(s.kernel, &ask, copy, changed, why, &again) == LAG_OK) lag_trainer_free(again);
    }
    free(copy);
    free(bytes);
    harness_free(&other.harness);
    harness_free(&s.harness);
}

/* ---- What a network makes of records ---- */

typedef struct Records {
    double *c, *q, *pi; /* [count, m], [count, ROWS] */
    double *named, *sigma, *rms_q, *rms_pi;
    uint8_t *outside;
} Records;

static Records records_of(const Scene *s, const LagTrainAsk *ask, size_t count) {
    const size_t m = s->kernel->parameter_count;
    double *at = calloc(count * (3 * m + 2 * ROWS + 4), sizeof *at), t[ROWS];
    Records r = {at,
                 at + count * m,
                 at + count * (m + ROWS),
                 at + count * (m + 2 * ROWS),
                 at + count * (2 * m + 2 * ROWS),
                 at + count * (3 * m + 2 * ROWS),
                 at + count * (3 * m + 2 * ROWS + 1),
                 calloc(count, 1)};
    double *q = at + count * (3 * m + 2 * ROWS + 2), *rate = q + count;
    LagGradient *g;
    for (int i = 0; i < ROWS; i++) t[i] = i * ask->h;
    CU_ASSERT_FATAL(at && r.outside && lag_gradient_new(s->kernel, count, 1, &g) == LAG_OK);
    CU_ASSERT(lag_prior_draw(s->kernel, &ask->prior, ask->seed, LAG_FRESH_FIRST, count, r.c, q, rate) == LAG_OK);
    LagGradientAsk motion = {.h = ask->h, .steps = STEPS, .c = r.c, .q = q, .seen = {.rows = ROWS, .t = t}};
    motion.pi = ask->prior.pi ? rate : NULL, motion.v = ask->prior.v ? rate : NULL;
    CU_ASSERT(lag_gradient_run(g, &motion, &(LagGradientOut){.motion_q = r.q, .motion_pi = r.pi}) == LAG_OK);
    lag_gradient_free(g);
    return r;
}

static LagNetwork *trained(const Scene *s, const LagTrainAsk *ask) {
    char why[LAG_WHY];
    void *bytes;
    size_t size;
    LagNetwork *network;
    LagTrainer *t = begun(s, ask);
    CU_ASSERT(lag_trainer_run(t, UINT64_MAX) == LAG_OK);
    saved(t, &bytes, &size);
    lag_trainer_free(t);
    CU_ASSERT_FATAL(lag_network_load(s->kernel, 1, bytes, size, why, &network) == LAG_OK);
    free(bytes);
    return network;
}

static void test_predicts(void) {
    enum { COUNT = 600 };
    Scene s = oscillator();
    LagTrainAsk ask = small_ask();
    ask.samples = 32 * 300, ask.held = 1024;
    LagNetwork *network = trained(&s, &ask);
    LagNetworkFacts facts;
    lag_network_facts(network, &facts);
    CU_ASSERT(strcmp(facts.ask->about, "an oscillator of two lines") == 0 && facts.ask->prior.draw[2].zero == 0.2);
    Records r = records_of(&s, &ask, COUNT);
    LagPredicted out = {r.named, r.sigma, r.rms_q, r.rms_pi, r.outside};
    CU_ASSERT(lag_network_predict(network, COUNT, r.q, r.pi, &out) == LAG_OK);
    size_t within = 0, outside = 0;
    double sum = 0, first[3];
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < 3; j++) within += fabs(r.named[3 * i + j] - r.c[3 * i + j]) <= r.sigma[3 * i + j];
        outside += r.outside[i] != 0;
        sum += r.rms_pi[i] * r.rms_pi[i];
    }
    printf("\n    %.0f %% within a standard error, rms pi %.2g ... ", 100.0 * (double)within / (3 * COUNT),
           sqrt(sum / COUNT));
    CU_ASSERT(fabs((double)within / (3 * COUNT) - 0.6827) < 0.04 && outside < COUNT / 50);
    memcpy(first, r.named, sizeof first);
    CU_ASSERT(lag_network_predict(network, 1, r.q, r.pi, &out) == LAG_OK); /* alone, the same */
    CU_ASSERT(memcmp(first, r.named, sizeof first) == 0);
    CU_ASSERT(lag_network_predict(network, 1, r.q, r.pi, &(LagPredicted){0}) == LAG_OK);
    for (int i = 0; i < ROWS; i++) r.q[i] = sin(7.0 * i), r.pi[i] = cos(5.0 * i); /* nothing that the family does */
    CU_ASSERT(lag_network_predict(network, 1, r.q, r.pi, &out) == LAG_OK);
    CU_ASSERT(r.outside[0] & LAG_OUTSIDE_MOTION);
    r.pi[0] = 2;
    CU_ASSERT(lag_network_predict(network, 1, r.q, r.pi, &out) == LAG_OK && (r.outside[0] & LAG_OUTSIDE_START));
    r.q[3] = NAN;
    CU_ASSERT(lag_network_predict(network, 1, r.q, r.pi, &out) == LAG_OK && (r.outside[0] & LAG_OUTSIDE_NO_MOTION));
    lag_network_free(network);
    free(r.c);
    free(r.outside);
    harness_free(&s.harness);
}

/* Another family, nonlinear, with starts that are drawn, as velocities. */
static void test_pendulum(void) {
    static const LagDraw own[] = {{{LAG_UNKNOWN_PARAMETER, 0}, 0.5, 3, 0, false},
                                  {{LAG_UNKNOWN_PARAMETER, 1}, 0, 1, 0.1, false},
                                  {{LAG_UNKNOWN_COORDINATE, 0}, -2, 2, 0, false},
                                  {{LAG_UNKNOWN_RATE, 0}, -1, 1, 0, false}};
    static const LagBound positive[] = {{0, LAG_BOUND_ABOVE, 0}, {1, LAG_BOUND_AT_LEAST, 0}};
    Scene s = scene_of("ad^2/2 + w*cos(a) - b*ad_p*a_m", LAG_BACKEND_AUTO);
    LagTrainAsk ask = small_ask();
    LagTrainReport r;
    CU_ASSERT(strcmp(lag_model_parameter(s.harness.model, 0), "w") == 0);
    ask.prior = (LagPrior){.c = nothing, .q = nothing, .v = nothing, .draws = 4, .draw = own};
    ask.loss.bounds = 2, ask.loss.bound = positive;
    ask.samples = 32 * 600, ask.held = 256;
    LagTrainer *t = begun(&s, &ask);
    CU_ASSERT(lag_trainer_run(t, UINT64_MAX) == LAG_OK);
    lag_trainer_report(t, &r);
    printf("\n    pendulum: rms q %.2g, from %.2g ... ", r.row[r.best].rms_q, r.row[0].rms_q);
    CU_ASSERT(r.row[r.best].rms_q < 0.25 * r.row[0].rms_q);
    lag_trainer_free(t);
    harness_free(&s.harness);
}

void suite_train(void) {
    suite_add("train", (SuiteTest[]){{"draws", test_draws},
                                     {"bad priors", test_bad_priors},
                                     {"outputs", test_outputs},
                                     {"bad asks", test_bad_asks},
                                     {"switches", test_switches},
                                     {"resumes", test_resumes},
                                     {"begins with another's weights", test_begins_with},
                                     {"bad files", test_bad_files},
                                     {"predicts", test_predicts},
                                     {"pendulum", test_pendulum},
                                     {"by sizes", test_relative},
                                     {"units", test_units},
                                     {"learns", test_learns},
                                     {0}});
}
