/* adam.c: see adam.h. */
#include "adam.h"

#include "../solve/flush.h"

#include <math.h>
#include <stdlib.h>

LagStatus adam_new(size_t count, Adam *adam) {
    *adam = (Adam){.count = count, .b1 = .9, .b2 = .999, .e = 1e-8, .b1_to_steps = 1, .b2_to_steps = 1};
    adam->m = calloc(count + 1, sizeof *adam->m);
    adam->v = calloc(count + 1, sizeof *adam->v);
    if (adam->m && adam->v) return LAG_OK;
    adam_free(adam);
    return LAG_ERROR_MEMORY;
}

void adam_free(Adam *adam) {
    free(adam->m);
    free(adam->v);
    adam->m = adam->v = NULL;
}

/* In eight sums, which go side by side. No float's square is too large for a double. */
static double length_of(const float *g, size_t count) {
    enum { SUMS = 8 };
    double sum[SUMS] = {0};
    size_t i = 0;
    for (; i + SUMS <= count; i += SUMS)
        for (int k = 0; k < SUMS; k++) sum[k] += (double)g[i + k] * g[i + k];
    for (; i < count; i++) sum[i % SUMS] += (double)g[i] * g[i];
    for (int k = 1; k < SUMS; k++) sum[0] += sum[k];
    return sqrt(sum[0]);
}

bool adam_step(Adam *adam, float *weights, const float *g, double rate, double clip, double *length) {
    const double norm = length_of(g, adam->count);
    if (length) *length = norm;
    if (!isfinite(norm)) return false;
    adam->steps++;
    adam->b1_to_steps *= adam->b1;
    adam->b2_to_steps *= adam->b2;
    const float scale = clip > 0 && norm > clip ? (float)(clip / norm) : 1;
    const float b1 = (float)adam->b1, b2 = (float)adam->b2, rest1 = (float)(1 - adam->b1), rest2 = (float)(1 - adam->b2);
    const float size = (float)(rate / (1 - adam->b1_to_steps)), e = (float)adam->e;
    const float bend = (float)(1 / sqrt(1 - adam->b2_to_steps));
    /* A weight whose slope is 0 has an m that comes to less and less. */
    const unsigned long long flushing = flush_small();
    float *restrict w = weights, *restrict m = adam->m, *restrict v = adam->v;
    for (size_t i = 0; i < adam->count; i++) {
        const float slope = scale * g[i];
        m[i] = b1 * m[i] + rest1 * slope;
        v[i] = b2 * v[i] + rest2 * (slope * slope);
        w[i] -= size * m[i] / (sqrtf(v[i]) * bend + e);
    }
    flush_as(flushing);
    return true;
}
