/* trainer.h: what a training holds. */
#ifndef LAG_LEARN_TRAINER_H
#define LAG_LEARN_TRAINER_H

#include "adam.h"
#include "inputs.h"
#include "network.h"
#include "outputs.h"
#include "prior.h"
#include "units.h"

#include "../grad/loss.h"

#include <stdatomic.h>

enum { CURVE_ROWS = 26 };

/* What a network needs to predict, of the best that was found. */
typedef struct Found {
    uint32_t outputs; /* parameters that are named */
    size_t columns;   /* 2d */
    size_t weights;
    double *scale;   /* [columns] of the inputs */
    uint32_t units;  /* that parameters are named in: see units.h */
    LagLoss measure; /* what motions are compared by: the loss, its columns weighed by */
    double *weight;  /* [columns] */
    double *factor;  /* [outputs] standard errors are so many times size e^u: 68.27 % of the held systems are within */
    double far;      /* of their losses, all but one in a thousand are below */
    LagTrainRow row; /* the curve's row of it */
    float *best;     /* [weights] */
} Found;

struct LagTrainer {
    const LagKernel *kernel;
    LagTrainAsk ask; /* its arrays are the trainer's own, in `copies` */
    void *copies;
    uint32_t outputs;
    Output *output; /* [outputs] */
    NetworkShape shape;
    Network *network;
    Adam adam;
    Found found;
    uint64_t batches, done;     /* Adam's steps: in all, taken */
    Motions shown;              /* a batch */
    Motions held, answer;       /* what it is held against, and what it makes of that */
    double *log;                /* [held, outputs] its second outputs */
    float *x, *y, *dy, *slope;  /* [rows, chunk, 2d, 2], [chunk, 2 outputs] twice, [weights] */
    double *c, *c_slope, *loss; /* [batch, m] twice, [the most systems] */
    double *unit;               /* [chunk] */
    double sum;                 /* of the losses since the last row of the curve */
    uint64_t sum_count, skipped;
    LagTrainRow row[CURVE_ROWS]; /* the curve */
    size_t rows, best_at;
    atomic_bool cancelled;
};

/* trainer_new.c: whether what is asked makes sense for a kernel; and the network's shape. */
bool train_ask_fits(const LagKernel *kernel, const LagTrainAsk *ask);
NetworkShape train_shape(const LagTrainAsk *ask, uint32_t d, uint32_t outputs);

/* trainer_new.c: room for what is found; of one block, found->scale, that the caller frees, as the weights found->best. */
bool found_new(Found *found, uint32_t outputs, size_t columns, size_t weights);

/* trainer_new.c: how many systems are shown at once at most. */
size_t trainer_chunk(const LagTrainAsk *ask);

#endif
