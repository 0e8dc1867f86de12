/* network.c: training steps of the network that reads motion (forth, back, Adam), as samples a second, for 41 rows of 2
 * numbers and 3 outputs.
 *
 *     build/benchmarks/network          one layer of 64 units and two of 50, batches of 64 and 1,024, on one thread and on
 * two build/benchmarks/network peer     as benchmarks/peers/network.py asks: see peer() below
 *
 * Before it is timed, a network's slope along its own gradient is compared with the outputs' difference along it. Exit
 * status 1 where they differ. */
#include "learn/network.h"
#include "learn/adam.h"
#include "measure.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { INPUTS = 2, OUTPUTS = 3, ROWS = 41, TURNS = 9 };

/* A network in training, for outputs of 1. */
typedef struct Training {
    Network *net;
    Adam adam;
    size_t batch, count;
    float *x, *y, *dy, *dw;
} Training;

static void *need(void *memory) {
    if (memory) return memory;
    fputs("network: out of memory\n", stderr);
    exit(1);
}

static float some(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return (float)(int32_t)*state * 0x1p-31f;
}

static Training new_training(const NetworkShape *shape, size_t batch, uint32_t threads) {
    Training t = {.batch = batch, .count = network_weight_count(shape)};
    const size_t inputs = ROWS * batch * INPUTS, outputs = batch * OUTPUTS;
    uint32_t state = 1;
    if (network_new(shape, batch, threads, &t.net) != LAG_OK || adam_new(t.count, &t.adam) != LAG_OK) need(NULL);
    t.x = need(malloc(inputs * sizeof *t.x));
    t.y = need(malloc(outputs * sizeof *t.y));
    t.dy = need(malloc(outputs * sizeof *t.dy));
    t.dw = need(malloc(t.count * sizeof *t.dw));
    network_draw(t.net, 1);
    for (size_t i = 0; i < inputs; i++) t.x[i] = some(&state);
    for (size_t i = 0; i < outputs; i++) t.dy[i] = some(&state) / (float)batch;
    return t;
}

static void free_training(Training *t) {
    network_free(t->net);
    adam_free(&t->adam);
    free(t->x);
    free(t->y);
    free(t->dy);
    free(t->dw);
}

static void run(Training *t) {
    if (network_forward(t->net, t->batch, t->x, t->y) != LAG_OK || network_backward(t->net, t->dy, t->dw) != LAG_OK)
        need(NULL);
}

static void step(Training *t) {
    network_forward(t->net, t->batch, t->x, t->y);
    for (size_t i = 0; i < t->batch * OUTPUTS; i++) t->dy[i] = (t->y[i] - 1) / (float)t->batch;
    network_backward(t->net, t->dy, t->dw);
    adam_step(&t->adam, network_weights(t->net), t->dw, 1e-3, 1, NULL);
}

static double seconds_a_step(Training *t, int steps) {
    double start = seconds_now();
    for (int i = 0; i < steps; i++) step(t);
    return (seconds_now() - start) / steps;
}

/* ---- On its own ---- */

/* Sum of dy y, the weights moved by `size` along dw. */
static double moved(Training *t, double size) {
    double sum = 0;
    float *w = network_weights(t->net);
    for (size_t i = 0; i < t->count; i++) w[i] += (float)(size * t->dw[i]);
    network_forward(t->net, t->batch, t->x, t->y);
    for (size_t i = 0; i < t->batch * OUTPUTS; i++) sum += (double)t->dy[i] * t->y[i];
    return sum;
}

/* How far the slope along the gradient is from the difference, relatively: floats have some 1e-4 here. */
static double slope_error(Training *t) {
    double square = 0;
    run(t);
    for (size_t i = 0; i < t->count; i++) square += (double)t->dw[i] * t->dw[i];
    const double size = 1e-2 / sqrt(square), difference = (moved(t, size) - moved(t, -2 * size)) / (2 * size);
    return fabs(difference / square - 1);
}

static bool measure(const NetworkShape *shape, size_t batch) {
    double seconds[2][TURNS], middle[2];
    Training t[2];
    for (int k = 0; k < 2; k++) {
        t[k] = new_training(shape, batch, k + 1);
        const double error = slope_error(&t[k]);
        if (!(error < 5e-3)) return printf("a slope is off by %.1e\n", error), false;
        seconds_a_step(&t[k], 2);
    }
    const int steps = batch < 256 ? 20 : 3;
    for (int turn = 0; turn < TURNS; turn++)
        for (int k = 0; k < 2; k++) seconds[k][turn] = seconds_a_step(&t[k], steps);
    const bool same = memcmp(network_weights(t[0].net), network_weights(t[1].net), t[0].count * sizeof(float)) == 0;
    for (int k = 0; k < 2; k++) {
        middle[k] = median(seconds[k], TURNS);
        free_training(&t[k]);
    }
    printf("| %u × %u | %zu | %.0f | %.0f | %.2f |\n", shape->layers, shape->units[0], batch, (double)batch / middle[0],
           (double)batch / middle[1], middle[0] / middle[1]);
    if (!same) puts("weights differ between one thread and two");
    return same;
}

/* ---- Beside others ---- */

static void write_floats(FILE *file, const float *at, size_t count) {
    if (fwrite(at, sizeof *at, count, file) != count) exit(1);
}

/* The first line asks for a network: `threads batch layers units file`. Into the file go x, the weights, dy, y and dw, as
 * floats, and `ready` to standard output; then for each line, a number of training steps, their seconds each. */
static int peer(void) {
    NetworkShape shape = {.inputs = INPUTS, .outputs = OUTPUTS, .rows = ROWS};
    unsigned threads, units;
    size_t batch;
    char name[4096];
    int steps;
    if (scanf("%u %zu %u %u %4095s", &threads, &batch, &shape.layers, &units, name) != 5) return 1;
    for (uint32_t l = 0; l < NETWORK_LAYERS_MOST; l++) shape.units[l] = units;
    Training t = new_training(&shape, batch, threads);
    FILE *file = fopen(name, "wb");
    if (!file) return 1;
    run(&t);
    write_floats(file, t.x, ROWS * batch * INPUTS);
    write_floats(file, network_weights(t.net), t.count);
    write_floats(file, t.dy, batch * OUTPUTS);
    write_floats(file, t.y, batch * OUTPUTS);
    write_floats(file, t.dw, t.count);
    if (fclose(file) != 0) return 1;
    puts("ready");
    for (fflush(stdout); scanf("%d", &steps) == 1; fflush(stdout)) printf("%.9g\n", seconds_a_step(&t, steps));
    free_training(&t);
    return 0;
}

int main(int argc, char **argv) {
    const NetworkShape one = {.inputs = INPUTS, .outputs = OUTPUTS, .rows = ROWS, .layers = 1, .units = {64}};
    const NetworkShape two = {.inputs = INPUTS, .outputs = OUTPUTS, .rows = ROWS, .layers = 2, .units = {50, 50}};
    if (argc == 2 && strcmp(argv[1], "peer") == 0) return peer();
    puts("| units | batch | samples/s on one thread | on two | ratio |\n| --- | --- | --- | --- | --- |");
    bool good = measure(&one, 64);
    good = measure(&one, 1024) && good;
    good = measure(&two, 64) && good;
    good = measure(&two, 1024) && good;
    return good ? 0 : 1;
}
