/* sweeps.h: steps by fixed-point iteration over impulses (lag_kernel.h has the formulas). */
#ifndef LAG_SOLVE_SWEEPS_H
#define LAG_SOLVE_SWEEPS_H

#include "point.h"

/* The state is Q and U of the frame, U = h M^-1 pi where B = M v with M constant, else pi, as long as `begun`; and LOW, if
 * compensated. Zero-initialised is none. */
typedef struct Sweeps {
    Frame *frame; /* NULL: the kernel has no such steps */
    double h;
    bool known, begun;        /* SHARE and mass are those of h and the parameters; U is of the state */
    double *block;            /* what mass and factors are cut from */
    double *mass, *factors;   /* [d] the diagonal of M; or [d, d] both, M and its factors; of no use where it varies */
    uint32_t *pivot;          /* [d] */
    double slack;             /* LAG_RUN_SLACK */
    uint64_t count;           /* sweeps since the start */
    uint32_t patience, rest;  /* steps that Newton's method takes after the next failure; still has to take */
    LagProcedure compensated; /* the program, where it is not the kernel's */
    double *work;             /* LAG_WORK for it */
    uint64_t asked, worth;    /* steps so far, and from how many of them on a better program is asked for */
} Sweeps;

bool sweeps_fit(const LagKernel *kernel);

LagStatus sweeps_init(Sweeps *sweeps, Frame *frame);

/* Has the state kept in two doubles. The frame's LAG_WORK is another from here on. */
LagStatus sweeps_compensate(Sweeps *sweeps);

/* So many more steps are about to be taken: it may pay to have a better program for compensated ones. */
void sweeps_expect(Sweeps *sweeps, uint64_t steps);
void sweeps_free(Sweeps *sweeps);

/* Another start, or other parameters. */
void sweeps_forget(Sweeps *sweeps);

/* U and the first impulses from Q and PI, which stand at time t; false where M is singular, or something is not finite.
 * Where M varies, velocities are sought from V. */
bool sweeps_begin(Sweeps *sweeps, double t, double h);

/* Takes so many steps, and gives back how many it took: fewer where the next does not converge, or is not finite. The state
 * is `before` steps after time t. */
uint64_t sweeps_take(Sweeps *sweeps, double t, uint64_t before, uint64_t steps);

/* As after a step that failed, at this state, which stands at time t. */
void sweeps_resume(Sweeps *sweeps, double t, double h, const double *q, const double *u);

/* PI and V from U; V as the last step has left it where M varies. */
void sweeps_momentum(const Sweeps *sweeps);

#endif
