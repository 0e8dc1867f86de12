/* inputs.h: how a motion is shown to the network. */
#ifndef LAG_LEARN_INPUTS_H
#define LAG_LEARN_INPUTS_H

#include "motions.h"

/* The columns are the d coordinates, then the d momenta. A number is shown as asinh(x / scale), with its column's scale: so
 * nothing depends on units, and what is a thousand times the usual still has its digits. */

/* scale [2d]: the medians of the absolute values over all motions, 0s left out; 1 where all are 0. False without memory. */
bool inputs_measure(const Motions *motions, double *scale);

/* x [rows, systems, 2d] of rows q and pi [systems, rows, d]. A system with a number that is not finite is shown as 0s. */
void inputs_show(size_t systems, size_t rows, uint32_t d, const double *scale, const double *q, const double *pi, float *x);

#endif
