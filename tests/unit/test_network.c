/* test_network.c: the network beside its formulas written out in doubles, its derivatives beside differences of those; the
 * same bits again, by any number of threads, in any batch; what is refused. */
#include "learn/network.h"
#include "suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { UNITS_MOST = 64, OUTPUTS_MOST = 5 };

static const NetworkShape shapes[] = {{.inputs = 2, .outputs = 3, .rows = 41, .layers = 1, .units = {64}},
                                      {.inputs = 2, .outputs = 3, .rows = 3, .layers = 2, .units = {50, 50}},
                                      {.inputs = 3, .outputs = 5, .rows = 5, .layers = 3, .units = {9, 17, 4}},
                                      {.inputs = 1, .outputs = 1, .rows = 1, .layers = 1, .units = {1}},
                                      {.inputs = 5, .outputs = 2, .rows = 1, .layers = 2, .units = {3, 2}}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static const size_t batches[] = {1, 3, 32, 33, 64, 65};
enum { BATCHES = sizeof batches / sizeof *batches };

/* ---- The formulas ---- */

static double open_gate(double x) { return 1 / (1 + exp(-x)); }

/* A layer's row: h and c from those before. */
static void reference_row(uint32_t units, uint32_t inputs, const double *w, const double *x, double *h, double *c) {
    const uint32_t sums = 4 * units;
    double z[4 * UNITS_MOST];
    for (uint32_t k = 0; k < sums; k++) {
        z[k] = w[(size_t)(units + inputs) * sums + k];
        for (uint32_t j = 0; j < units; j++) z[k] += w[j * sums + k] * h[j];
        for (uint32_t j = 0; j < inputs; j++) z[k] += w[(units + j) * sums + k] * x[j];
    }
    for (uint32_t j = 0; j < units; j++) {
        c[j] = open_gate(z[units + j]) * c[j] + open_gate(z[j]) * tanh(z[2 * units + j]);
        h[j] = open_gate(z[3 * units + j]) * tanh(c[j]);
    }
}

/* Outputs of one sample, whose rows are `stride` numbers apart. */
static void reference(const NetworkShape *s, const double *w, const float *x, size_t stride, double *y) {
    double h[NETWORK_LAYERS_MOST][UNITS_MOST] = {{0}}, c[NETWORK_LAYERS_MOST][UNITS_MOST] = {{0}}, in[UNITS_MOST];
    const double *at = w;
    for (uint32_t t = 0; t < s->rows; t++) {
        at = w;
        for (uint32_t i = 0; i < s->inputs; i++) in[i] = x[t * stride + i];
        for (uint32_t l = 0, inputs = s->inputs; l < s->layers; inputs = s->units[l++]) {
            reference_row(s->units[l], inputs, at, l ? h[l - 1] : in, h[l], c[l]);
            at += (size_t)(s->units[l] + inputs + 1) * 4 * s->units[l];
        }
    }
    const uint32_t last = s->layers - 1, units = s->units[last];
    for (uint32_t k = 0; k < s->outputs; k++) {
        y[k] = at[units * s->outputs + k];
        for (uint32_t j = 0; j < units; j++) y[k] += at[j * s->outputs + k] * h[last][j];
    }
}

/* ---- A case: a network and its samples ---- */

typedef struct Case {
    const NetworkShape *shape;
    size_t batch, count;
    Network *net;
    float *x, *y, *dy, *dw;
    double *w;
} Case;

static Case new_case(const NetworkShape *shape, size_t batch, uint32_t threads) {
    Case k = {.shape = shape, .batch = batch, .count = network_weight_count(shape)};
    SuiteRandom random = {batch};
    const size_t inputs = shape->rows * batch * shape->inputs, outputs = batch * shape->outputs;
    CU_ASSERT_FATAL(network_new(shape, batch, threads, &k.net) == LAG_OK);
    k.x = malloc(inputs * sizeof *k.x);
    k.y = malloc(outputs * sizeof *k.y);
    k.dy = malloc(outputs * sizeof *k.dy);
    k.dw = malloc(k.count * sizeof *k.dw);
    k.w = malloc(k.count * sizeof *k.w);
    network_draw(k.net, 11);
    float *weights = network_weights(k.net);
    for (size_t i = 0; i < k.count; i++) k.w[i] = weights[i] += (float)suite_uniform(&random, -.2, .2); /* those of 1 too */
    for (size_t i = 0; i < inputs; i++) k.x[i] = (float)suite_uniform(&random, -2, 2);
    for (size_t i = 0; i < outputs; i++) k.dy[i] = (float)suite_uniform(&random, -1, 1);
    return k;
}

static void free_case(Case *k) {
    network_free(k->net);
    free(k->x);
    free(k->y);
    free(k->dy);
    free(k->dw);
    free(k->w);
}

static void run_case(Case *k) {
    CU_ASSERT(network_forward(k->net, k->batch, k->x, k->y) == LAG_OK);
    CU_ASSERT(network_backward(k->net, k->dy, k->dw) == LAG_OK);
}

static void reference_of(const Case *k, size_t sample, double *y) {
    reference(k->shape, k->w, k->x + sample * k->shape->inputs, k->batch * k->shape->inputs, y);
}

static double distance_forward(const Case *k) {
    double worst = 0, y[OUTPUTS_MOST];
    for (size_t sample = 0; sample < k->batch; sample++) {
        reference_of(k, sample, y);
        for (uint32_t o = 0; o < k->shape->outputs; o++)
            worst = fmax(worst, fabs(k->y[sample * k->shape->outputs + o] - y[o]) / (1 + fabs(y[o])));
    }
    return worst;
}

/* Sum of dy y over samples and outputs, by the formulas. */
static double loss_of(const Case *k) {
    double sum = 0, y[OUTPUTS_MOST];
    for (size_t sample = 0; sample < k->batch; sample++) {
        reference_of(k, sample, y);
        for (uint32_t o = 0; o < k->shape->outputs; o++) sum += k->dy[sample * k->shape->outputs + o] * y[o];
    }
    return sum;
}

static double difference(Case *k, size_t i) {
    const double h = 1e-4, w = k->w[i];
    double sum[4];
    for (int m = 0; m < 4; m++) {
        k->w[i] = w + h * (double[]){-2, -1, 1, 2}[m];
        sum[m] = loss_of(k);
    }
    k->w[i] = w;
    return (sum[0] - 8 * sum[1] + 8 * sum[2] - sum[3]) / (12 * h);
}

/* Of all weights, or of some where there are many, against the largest derivative. */
static double distance_backward(Case *k) {
    double worst = 0, most = 0;
    const size_t apart = k->count > 400 ? k->count / 47 : 1;
    for (size_t i = 0; i < k->count; i++) most = fmax(most, fabs((double)k->dw[i]));
    for (size_t i = 0; i < k->count; i += apart) worst = fmax(worst, fabs(k->dw[i] - difference(k, i)) / most);
    return worst;
}

/* ---- The tests ---- */

static void test_values(void) {
    for (int s = 0; s < SHAPES; s++)
        for (int b = 0; b < BATCHES; b++) {
            Case k = new_case(&shapes[s], batches[b], 2);
            run_case(&k);
            CU_ASSERT(distance_forward(&k) < 2e-6);
            free_case(&k);
        }
}

static void test_derivatives(void) {
    for (int s = 0; s < SHAPES; s++)
        for (int b = 0; b < BATCHES; b++) {
            if (s < 2 && batches[b] != 3) continue; /* the large ones take long by differences */
            Case k = new_case(&shapes[s], batches[b], 2);
            run_case(&k);
            CU_ASSERT(distance_backward(&k) < 5e-6);
            free_case(&k);
        }
}

static bool same(const float *a, const float *b, size_t count) { return memcmp(a, b, count * sizeof *a) == 0; }

static void test_threads(void) {
    for (int s = 1; s < 3; s++) {
        const size_t batch = 70, outputs = batch * shapes[s].outputs;
        Case first = new_case(&shapes[s], batch, 1);
        run_case(&first);
        for (uint32_t threads = 0; threads < 4; threads++) {
            Case k = new_case(&shapes[s], batch, threads);
            for (int again = 0; again < 2; again++) {
                run_case(&k);
                CU_ASSERT(same(k.y, first.y, outputs) && same(k.dw, first.dw, k.count));
            }
            free_case(&k);
        }
        free_case(&first);
    }
}

/* A sample's outputs are the same alone and at any place of a batch, smaller than there is room for or not. */
static void test_batches(void) {
    const NetworkShape *s = &shapes[1];
    Case k = new_case(s, 100, 1);
    run_case(&k);
    float *x = malloc(s->rows * k.batch * s->inputs * sizeof *x), y[100 * 3];
    for (size_t batch = 1; batch <= 100; batch += 33) {
        const size_t from = 100 - batch;
        for (size_t t = 0; t < s->rows; t++)
            memcpy(x + t * batch * s->inputs, k.x + (t * 100 + from) * s->inputs, batch * s->inputs * sizeof *x);
        CU_ASSERT(network_forward(k.net, batch, x, y) == LAG_OK);
        CU_ASSERT(same(y, k.y + from * s->outputs, batch * s->outputs));
    }
    free(x);
    free_case(&k);
}

static void test_drawn(void) {
    Case k = new_case(&shapes[0], 1, 1), l = new_case(&shapes[0], 1, 1);
    float *a = network_weights(k.net), *b = network_weights(l.net);
    network_draw(k.net, 5);
    network_draw(l.net, 5);
    CU_ASSERT(same(a, b, k.count));
    network_draw(l.net, 6);
    CU_ASSERT(!same(a, b, k.count));
    double sum = 0, square = 0;
    for (size_t i = 0; i < 64 * 256; i++) {
        sum += a[i];
        square += (double)a[i] * a[i];
    }
    CU_ASSERT(fabs(sum / (64 * 256)) < 4 * .125 / 128);       /* four standard errors */
    CU_ASSERT(suite_near(square / (64 * 256) * 64, 1, .025)); /* of uniform squares, .9/128 each: four again */
    for (size_t i = 0; i < 256; i++) CU_ASSERT(a[66 * 256 + i] == (i >= 64 && i < 128 ? 1 : 0));
    free_case(&k);
    free_case(&l);
}

/* Weights past all bounds end in derivatives that are no numbers or that are finite, and nothing else. */
static void test_no_numbers(void) {
    Case k = new_case(&shapes[2], 40, 2);
    float *w = network_weights(k.net);
    w[3] = NAN;
    run_case(&k);
    CU_ASSERT(isnan(k.y[0]));
    for (size_t i = 0; i < k.count; i++) w[i] = i % 2 ? 1e30f : -1e30f;
    run_case(&k);
    network_draw(k.net, 1);
    run_case(&k);
    for (size_t i = 0; i < k.count; i++) CU_ASSERT(isfinite(k.dw[i]));
    free_case(&k);
}

static void test_refused(void) {
    const NetworkShape good = shapes[0];
    Network *net = NULL;
    for (int n = 0; n < 10; n++) {
        NetworkShape bad = good;
        uint32_t *number[] = {&bad.inputs, &bad.outputs, &bad.rows, &bad.layers, &bad.units[0]};
        *number[n % 5] = n < 5 ? 0 : UINT32_MAX;
        CU_ASSERT(network_new(&bad, 64, 1, &net) == LAG_ERROR_ARGUMENT && network_weight_count(&bad) == 0);
    }
    CU_ASSERT(network_new(&good, 0, 1, &net) == LAG_ERROR_ARGUMENT);
    CU_ASSERT(network_new(&good, SIZE_MAX, 1, &net) == LAG_ERROR_MEMORY);
    CU_ASSERT(network_new(&good, SIZE_MAX / 4096, 1, &net) == LAG_ERROR_MEMORY);
    CU_ASSERT_PTR_NULL(net);
    network_free(NULL);
    Case k = new_case(&good, 32, 1);
    CU_ASSERT(network_backward(k.net, k.dy, k.dw) == LAG_ERROR_ARGUMENT);
    CU_ASSERT(network_forward(k.net, 0, k.x, k.y) == LAG_ERROR_ARGUMENT);
    CU_ASSERT(network_forward(k.net, 33, k.x, k.y) == LAG_ERROR_ARGUMENT);
    run_case(&k);
    CU_ASSERT(network_backward(k.net, k.dy, k.dw) == LAG_ERROR_ARGUMENT);
    free_case(&k);
}

void suite_network(void) {
    suite_add("network/beside doubles",
              (SuiteTest[]){{"outputs", test_values}, {"derivatives, by differences", test_derivatives}, {0}});
    suite_add("network/bits", (SuiteTest[]){{"the same again, by any number of threads", test_threads},
                                            {"the same in any batch", test_batches},
                                            {"weights to begin with", test_drawn},
                                            {"weights that are no numbers", test_no_numbers},
                                            {"what is refused", test_refused},
                                            {0}});
}
