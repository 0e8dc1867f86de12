/* effort.h: what steps cost, counted. */
#ifndef LAG_EFFORT_H
#define LAG_EFFORT_H

#include "model.h"

/* Seconds that a step takes machine code, given the iterations that it needs; and those that the first step takes besides.
 * They follow from the tapes alone: the same on every machine and day, and true of the CPU that they were measured on, to a
 * factor of 2. */
typedef struct Effort {
    double iteration, step, first;
} Effort;

Effort effort_of(const ModelKernel *kernel, LagMethod method);

#endif
