/* runge_kutta.h: explicit Runge-Kutta steps, to compare with. */
#ifndef LAG_SOLVE_RUNGE_KUTTA_H
#define LAG_SOLVE_RUNGE_KUTTA_H

#include "point.h"

typedef struct RungeKutta {
    Frame *frame;
    bool fourth;               /* order 4, else 2 */
    double *block;             /* what the others are cut from */
    double *q, *v;             /* [d] the state */
    double *slope_q, *slope_v; /* [d] q' and v' at the stage */
    double *sum_q, *sum_v;     /* [d] weighted slopes so far */
} RungeKutta;

LagStatus runge_kutta_init(RungeKutta *rk, Frame *frame, bool fourth);
void runge_kutta_free(RungeKutta *rk);

/* The step from t to t + h of the state q, v; the frame's LAG_Q, LAG_V and LAG_B = B(q, v, t) follow it. On failure
 * (LAG_ERROR_SINGULAR, LAG_ERROR_NOT_FINITE) q, v, LAG_Q and LAG_V are as before. */
LagStatus runge_kutta_step(RungeKutta *rk, double t, double h);

#endif
