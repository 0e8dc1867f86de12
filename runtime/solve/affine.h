/* affine.h: the step of a Lagrangian whose equations are linear, as the affine map that it is. */
#ifndef LAG_SOLVE_AFFINE_H
#define LAG_SOLVE_AFFINE_H

#include "point.h"

/* (q', pi') = (q, pi) + map (q, pi) + offset, for one h and one set of parameters. */
typedef struct Affine {
    Frame *frame;
    bool made, tried;
    bool constant;    /* `offset` is not nothing */
    bool compensated; /* LAG_LOW holds what the true state is more than LAG_Q and LAG_PI */
    double *block;    /* what the others are cut from */
    double *map;      /* [2d, 2d] */
    double *offset;   /* [2d] */
    double *change;   /* [2d] scratch */
    double *kept;     /* [4d] scratch */
    /* What it is made in. */
    uint32_t *pivot;  /* [n] */
    double *z;        /* [s, d], z_0 = 0 */
    double *A, *B;    /* [s, d] at the nodes */
    double *residual; /* [n] */
    double *scale;    /* [n] */
} Affine;

/* Whether a kernel's step is such a map, and small enough to be worth making. */
bool affine_fits(const LagKernel *kernel);

LagStatus affine_init(Affine *affine, Frame *frame);
void affine_free(Affine *affine);

/* Makes the map for steps of h from the parameters in the frame. LAG_ERROR_SINGULAR or LAG_ERROR_NOT_FINITE where there is
 * none. Uses the frame's arrays of the step and of the point; LAG_Q and LAG_PI are left alone. */
LagStatus affine_make(Affine *affine, double h);

/* Takes steps of the state in the frame's LAG_Q and LAG_PI, `count` of them or as many as leave it within what doubles hold,
 * and tells how many. */
uint64_t affine_steps(Affine *affine, uint64_t count);

#endif
