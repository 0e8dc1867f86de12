/* test_adam.c: Adam, beside its formulas in doubles and by hand; clipping; gradients that are no numbers; going on later. */
#include "learn/adam.h"
#include "suite.h"

#include <math.h>
#include <string.h>

enum { COUNT = 37 };

/* By hand: gradients of 1, then -1, then 0, at a rate of 0.1. Step 1: m = .1, v = .001, both divided by 1 less a power: 1,
 * so w = -.1. Step 2: m = -.01, v = .001999: -.01/.19 / sqrt(.001999/.001999) = -1/19. Step 3: m = -.009, v = .001997001:
 * -.009/.271 / sqrt(.001997001/.002997001). */
static void test_by_hand(void) {
    Adam adam;
    float w[1] = {0};
    CU_ASSERT_FATAL(adam_new(1, &adam) == LAG_OK);
    CU_ASSERT(adam_step(&adam, w, (float[]){1}, .1, 0, NULL));
    CU_ASSERT(fabs(w[0] + .1) < 1e-7);
    CU_ASSERT(adam_step(&adam, w, (float[]){-1}, .1, 0, NULL));
    CU_ASSERT(fabs(w[0] + .1 - .1 / 19) < 1e-7);
    CU_ASSERT(adam_step(&adam, w, (float[]){0}, .1, 0, NULL));
    CU_ASSERT(fabs(w[0] + .1 - .1 / 19 - .1 * (.009 / .271) / sqrt(.001997001 / .002997001)) < 1e-7);
    CU_ASSERT(adam.steps == 3);
    adam_free(&adam);
}

static void draw(SuiteRandom *random, float *g) {
    for (int i = 0; i < COUNT; i++) g[i] = (float)suite_uniform(random, -1, 1);
}

/* Beside the formulas in doubles; of the steps, each third is longer than the clip. */
static void test_beside_doubles(void) {
    Adam adam;
    SuiteRandom random = {3};
    float w[COUNT] = {0}, g[COUNT];
    double want[COUNT] = {0}, m[COUNT] = {0}, v[COUNT] = {0}, length;
    CU_ASSERT_FATAL(adam_new(COUNT, &adam) == LAG_OK);
    for (int t = 1; t <= 100; t++) {
        double sum = 0, clip = t % 3 ? 100 : .5, rate = .01 / t;
        draw(&random, g);
        for (int i = 0; i < COUNT; i++) sum += (double)g[i] * g[i];
        double scale = fmin(1, clip / sqrt(sum));
        for (int i = 0; i < COUNT; i++) {
            m[i] = .9 * m[i] + .1 * scale * g[i];
            v[i] = .999 * v[i] + .001 * scale * g[i] * scale * g[i];
            want[i] -= rate * (m[i] / (1 - pow(.9, t))) / (sqrt(v[i] / (1 - pow(.999, t))) + 1e-8);
        }
        CU_ASSERT(adam_step(&adam, w, g, rate, clip, &length) && suite_near(length, sqrt(sum), 1e-14));
        for (int i = 0; i < COUNT; i++) CU_ASSERT(fabs(w[i] - want[i]) < 1e-6);
    }
    adam_free(&adam);
}

static void test_no_numbers(void) {
    Adam adam;
    SuiteRandom random = {5};
    const float bad[] = {NAN, INFINITY, -INFINITY};
    float w[COUNT] = {0}, g[COUNT], w_before[COUNT], m[COUNT], v[COUNT];
    double length;
    CU_ASSERT_FATAL(adam_new(COUNT, &adam) == LAG_OK);
    draw(&random, g);
    CU_ASSERT(adam_step(&adam, w, g, .1, 1, NULL));
    for (int k = 0; k < 3; k++) {
        const Adam before = adam;
        memcpy(w_before, w, sizeof w);
        memcpy(m, adam.m, sizeof m);
        memcpy(v, adam.v, sizeof v);
        draw(&random, g);
        g[11 * k] = bad[k];
        CU_ASSERT(!adam_step(&adam, w, g, .1, 1, &length) && !isfinite(length));
        CU_ASSERT(memcmp(&adam, &before, sizeof adam) == 0 && memcmp(w, w_before, sizeof w) == 0);
        CU_ASSERT(memcmp(m, adam.m, sizeof m) == 0 && memcmp(v, adam.v, sizeof v) == 0);
    }
    for (int i = 0; i < COUNT; i++) g[i] = 1e38f; /* whose squares are no floats */
    CU_ASSERT(adam_step(&adam, w, g, .1, 1, &length) && suite_near(length / (1e38f * sqrt(COUNT)), 1, 1e-12));
    for (int i = 0; i < COUNT; i++) CU_ASSERT(isfinite(w[i]));
    adam_free(&adam);
}

/* Put away after 50 steps of 100 and taken up again: the same bits. */
static void test_resumed(void) {
    Adam adam, later;
    SuiteRandom random = {9};
    float w[COUNT] = {0}, w_later[COUNT] = {0}, g[COUNT];
    CU_ASSERT_FATAL(adam_new(COUNT, &adam) == LAG_OK && adam_new(COUNT, &later) == LAG_OK);
    for (int t = 0; t < 100; t++) {
        draw(&random, g);
        if (t == 50) {
            float *m = later.m, *v = later.v;
            memcpy(w_later, w, sizeof w);
            memcpy(m, adam.m, sizeof w);
            memcpy(v, adam.v, sizeof w);
            later = adam;
            later.m = m;
            later.v = v;
        }
        adam_step(&adam, w, g, .01, 1, NULL);
        if (t >= 50) adam_step(&later, w_later, g, .01, 1, NULL);
    }
    CU_ASSERT(memcmp(w, w_later, sizeof w) == 0 && memcmp(adam.v, later.v, sizeof w) == 0);
    adam_free(&adam);
    adam_free(&later);
}

void suite_adam(void) {
    suite_add("adam", (SuiteTest[]){{"by hand", test_by_hand},
                                    {"beside doubles, with clipping", test_beside_doubles},
                                    {"gradients that are no numbers", test_no_numbers},
                                    {"taken up again", test_resumed},
                                    {0}});
}
