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
    double *nothing;    /* [systems, rows, d] zeros; and, for what is relative, */
    double *error, *size, *error_slope, *size_slope, *seed; /* [systems], [systems, m] twice; [2, rows, d] */
} Motions;

/* Room for so many systems of `steps` steps of h from time `start`. Free with motions_free, after a failure too. */
LagStatus motions_init(Motions *motions, const LagKernel *kernel, size_t systems, double start, double h, uint32_t steps,
                       uint32_t threads);
void motions_free(Motions *motions);

/* Runs systems of parameters c from starts q0 and rate0, velocities or momenta. One without a motion has that as its status;
 * the call's is LAG_OK all the same. */
LagStatus motions_run(Motions *motions, bool velocities);

/* Draws systems `first` and on of a seed, and runs them. One without a motion has that as its status; the call's is LAG_OK
 * all the same. */
LagStatus motions_draw(Motions *motions, const LagPrior *prior, uint64_t seed, uint64_t first);

/* Runs systems of parameters c [systems, m] that begin as those of `seen` do, and compares them with it; `by` lends its
 * room, and may be `seen`. A system without a motion or a finite loss is no failure of the call.
 *
 * For LAG_TARGET_RELATIVE, where out->loss has to be wanted, the loss is that of coordinates and momenta each by its size,
 * weighed by alpha and beta: log(1 + e / sqrt(s p)), where e is the loss between the motions, s what was seen against
 * nothing, and p what is made against nothing. What is named far too large is then as wrong as what is named far too small,
 * and always a little less so where it is a little nearer: there are no plains to be lost on. */
LagStatus motions_compare(Motions *by, const double *c, const Motions *seen, LagTarget target, const LagLoss *loss,
                          const LagGradientOut *out);

#endif
