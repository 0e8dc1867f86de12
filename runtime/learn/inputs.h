/* inputs.h: how a motion is shown to the network. */
#ifndef LAG_LEARN_INPUTS_H
#define LAG_LEARN_INPUTS_H

#include "motions.h"

/* The columns are the d coordinates, then the d momenta. Of each the network is shown two inputs: x / size, where size is
 * the largest of the record's, and log(size / scale) / 4, the same in all rows, with the column's scale. So nothing depends
 * on units, and a motion that is a thousand times the usual is seen as well. */
enum { INPUTS_EACH = 2 };

/* scale [2d]: the medians of the absolute values over all motions, 0s left out; 1 where all are 0. False without memory. */
bool inputs_measure(const Motions *motions, double *scale);

/* x [rows, systems, 2d, 2] of rows q and pi [systems, rows, d]. A column with a number that is not finite is shown as 0s. */
void inputs_show(size_t systems, size_t rows, uint32_t d, const double *scale, const double *q, const double *pi, float *x);

#endif
