/* motions.h: motions of a family, many at a time. */
#ifndef LAG_LEARN_MOTIONS_H
#define LAG_LEARN_MOTIONS_H

#include "lag.h"

typedef struct Motions {
    const LagKernel *kernel;
    LagGradient *gradient; /* of so many systems */
    size_t systems, rows;  /* row 0 is the start */
    double start, h;
    double *t;          /* [rows] */
    double *c;          /* [systems, m] */
    double *q0, *rate0; /* [systems, d] starts; the rates are velocities or momenta, as the prior says */
    double *q, *pi;     /* [systems, rows, d]; all NaN where there is no motion */
    LagStatus *status;  /* [systems] */
} Motions;

/* Room for so many systems of `steps` steps of h from time `start`. Free with motions_free, after a failure too. */
LagStatus motions_init(Motions *motions, const LagKernel *kernel, size_t systems, double start, double h, uint32_t steps,
                       uint32_t threads);
void motions_free(Motions *motions);

/* Draws systems `first` and on of a seed, and runs them. One without a motion has that as its status; the call's is LAG_OK
 * all the same. */
LagStatus motions_draw(Motions *motions, const LagPrior *prior, uint64_t seed, uint64_t first);

/* Runs systems of parameters c [systems, m] that begin as those of `seen` do, and compares them with it; `by` lends its
 * room, and may be `seen`. A system without a motion or a finite loss is no failure of the call. */
LagStatus motions_compare(Motions *by, const double *c, const Motions *seen, const LagLoss *loss, const LagGradientOut *out);

/* Makes losses value[systems] of motions against `seen` relative to those that no motion at all would have, with a cap of 2,
 * so that none outweighs the others, and their derivatives c_slope[systems, m] (or NULL). still[rows, d, 4]: zeros, and
 * scratch in its latter half. */
void motions_relate(const Motions *seen, const LagLoss *loss, double *still, double *value, double *c_slope);

#endif
