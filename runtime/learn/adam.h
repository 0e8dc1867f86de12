/* adam.h: Adam (Kingma and Ba 2015, algorithm 1), which brings weights down a gradient that is known by samples.
 *
 *     m = b1 m + (1 - b1) g,   v = b2 v + (1 - b2) g^2,   w -= rate m/(1 - b1^t) / (sqrt(v/(1 - b2^t)) + e)
 *
 * Everything that the next step depends on is in the structure and its two arrays, as plain numbers: kept and put back,
 * they go on with the same bits. */
#ifndef LAG_LEARN_ADAM_H
#define LAG_LEARN_ADAM_H

#include "lag.h"

typedef struct Adam {
    size_t count;     /* of the weights */
    double b1, b2, e; /* .9, .999, 1e-8 */
    uint64_t steps;   /* that were taken, t */
    double b1_to_steps, b2_to_steps;
    float *m, *v; /* [count] each */
} Adam;

/* Before the first step, with the constants above. LAG_ERROR_MEMORY; *adam is then free. The caller frees it with adam_free.
 */
LagStatus adam_new(size_t count, Adam *adam);
void adam_free(Adam *adam);

/* A step at `rate`, by the gradient g [count], shortened to a length of `clip` where it is longer (0: as long as it is). The
 * length that it had comes to *length (NULL allowed). Where that is no finite number, nothing else changes: false. */
bool adam_step(Adam *adam, float *weights, const float *g, double rate, double clip, double *length);

#endif
