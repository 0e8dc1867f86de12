/* step.h: one Galerkin-Gauss-Lobatto step. */
#ifndef LAG_SOLVE_STEP_H
#define LAG_SOLVE_STEP_H

#include "runge_kutta.h"

enum { STEP_KNOTS = 9 }; /* most nodes that a step is extrapolated from */

/* What one step hands to the next beside the state, and room to work in. Everything in it only makes the next step faster.
 */
typedef struct Stepper {
    Frame *frame;
    double *block;
    double *factors;     /* [n, n] of a Jacobian */
    double *inverse;     /* [n, n] of the same, its columns side by side; NULL where n is large */
    uint32_t served;     /* corrections that the factors have given, n at most; more: the inverse is made */
    uint32_t *pivot;     /* [n] */
    double *scale;       /* [n] scratch */
    double *base;        /* [n] where a trial started */
    double *change;      /* [n] the correction of z at hand */
    double *next;        /* [n] the correction at a trial */
    double *path;        /* [n] z of the last step */
    double *v;           /* [d] velocity at the end of the last step: where the next looks for its first */
    double *a;           /* [d] scratch */
    double *reach;       /* [2 d] scratch */
    double *start;       /* [d] scratch */
    double *extrapolate; /* [r + 1, knots] from the last step's z to the next's */
    uint32_t knot[STEP_KNOTS], knots;
    RungeKutta march; /* for a first guess */
    double h;
    double tolerance, rough; /* round-off of a correction, relative to z and to the state */
    bool compensated;        /* LAG_LOW holds what the true state is more than LAG_Q and LAG_PI */
    bool factored;           /* `factors` are of this h and these parameters */
    bool keep;               /* they served the last step well enough to begin the next */
    bool followed;           /* `path` is the step just before, of the same h */
    uint64_t iterations;     /* of Newton, in all */
    double residual;         /* max norm, of a step that failed */
} Stepper;

LagStatus stepper_init(Stepper *stepper, Frame *frame);
void stepper_free(Stepper *stepper);

/* Forgets the last step: the state was set anew, or parameters changed. */
void stepper_forget(Stepper *stepper);

/* The step from t to t + h of the state in the frame's LAG_Q and LAG_PI. LAG_OK: they hold the new state. Otherwise they are
 * as before: LAG_ERROR_NEWTON, LAG_ERROR_SINGULAR or LAG_ERROR_NOT_FINITE; LAG_ERROR_SWEEPS of a wide kernel, whatever the
 * step. */
LagStatus stepper_step(Stepper *stepper, double t, double h);

#endif
