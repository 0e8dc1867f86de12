/* integrate.h: what batches ask of the integrator of one system. */
#ifndef LAG_SOLVE_INTEGRATE_H
#define LAG_SOLVE_INTEGRATE_H

#include "lag.h"

/* Where sweeps have come to: `count` steps of h after t_start, with coordinates q[d] and u[d] = h M^-1 pi, and
 * low[2, d] that these are more. */
typedef struct Stop {
    double t_start, h;
    uint64_t count;
    const double *q, *u, *low;
} Stop;

/* The integrator goes on as it would if it had come there alone and its next sweeps had failed. It has its parameters. */
LagStatus integrator_continue(LagIntegrator *integrator, const Stop *stop);

#endif
