/* kept.h: what LAG_FORM_NEWTON keeps from step to step (lag_kernel.h has the formulas), made from forces and their
 * derivatives at the nodes. */
#ifndef LAG_SOLVE_KEPT_H
#define LAG_SOLVE_KEPT_H

#include "point.h"

/* Room for it; `block` is NULL where there is none. Zero-initialised is none. */
typedef struct Kept {
    double *block;
    double *matrix, *scale;      /* [n, n], [n] of n = s d impulses, coordinate by coordinate */
    double *force, *by_q, *by_u; /* [n], [n, d] f* at the places at hand, and how it goes with what moves these */
    double *place;               /* [2, n] z and h v */
    double *solved;              /* [n, n + 2 d + 1] N, and N times by_q, by_u and force */
    double *state;               /* [d] Q, while that is a node's */
    uint32_t *pivot;             /* [n] */
} Kept;

/* Room, and the frame's LAG_NEWTON, LAG_AHEAD and LAG_AHEAD_BY. LAG_ERROR_MEMORY: there are none. */
LagStatus kept_init(Kept *kept, Frame *frame);
void kept_free(Kept *kept);

/* Makes all three for steps of h from the state in Q and U, at time t; SHARE and INVERSE_MASS are known. False where a
 * matrix is singular or a number not finite. */
bool kept_make(Kept *kept, const Frame *frame, double t, double h);

#endif
