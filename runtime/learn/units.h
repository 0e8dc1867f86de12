/* units.h: what the sizes of a record tell of its parameters by themselves.
 *
 * Of many families parameters that are l times as large make the same motion with l times the momenta (the Lagrangian is
 * linear in them); and of those with linear equations too, a motion that is a times as large is another's motion of the
 * same parameters. Then c (size of momenta / size of coordinates) names them by the shape of the motion alone, and a network
 * need not learn to carry a size to its outputs. */
#ifndef LAG_LEARN_UNITS_H
#define LAG_LEARN_UNITS_H

#include "motions.h"
#include "outputs.h"

enum { UNITS_MOMENTA = 1, UNITS_COORDINATES = 2, UNITS_MOST = 3 };

/* Which sizes parameters go with, found by a few motions of the prior: none, by momenta, or by momenta over coordinates.
 * None where an output is kept to another bound than 0 from below. */
LagStatus units_find(const LagKernel *kernel, const LagTrainAsk *ask, const Output *output, uint32_t outputs,
                     uint32_t *units);

/* unit[systems] of rows q and pi [systems, rows, d], each column's size by its scale: 1 for the usual record. */
void units_of(uint32_t units, size_t systems, size_t rows, uint32_t d, const double *scale, const double *q,
              const double *pi, double *unit);

#endif
