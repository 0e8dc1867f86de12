/* sweeps.h: steps by fixed-point iteration over impulses (lag_kernel.h has the formulas). */
#ifndef LAG_SOLVE_SWEEPS_H
#define LAG_SOLVE_SWEEPS_H

#include "kept.h"

/* A program that is not among the kernel's own; made better as steps are told of. */
typedef struct Program {
    uint32_t form; /* of LagForm */
    LagProcedure procedure;
    uint64_t worth; /* steps from which on a better one is asked for */
} Program;

/* The state is Q and U of the frame, U = h M^-1 pi where B = M v with M constant, else pi, as long as `begun`; and LOW, if
 * compensated. Steps that fixed-point iteration would not converge for are taken by LAG_FORM_NEWTON where there is that, and
 * so are some after them. Zero-initialised is none. */
typedef struct Sweeps {
    Frame *frame; /* NULL: the kernel has no such steps */
    double h;
    bool known, begun;       /* SHARE and mass are those of h and the parameters; U is of the state */
    double *block;           /* what mass and factors are cut from */
    double *mass, *factors;  /* [d] the diagonal of M; or [d, d] both, M and its factors; of no use where it varies */
    uint32_t *pivot;         /* [d] */
    double slack;            /* LAG_RUN_SLACK */
    uint64_t count;          /* sweeps since the start */
    uint64_t iterations;     /* and those of Newton */
    uint32_t patience, rest; /* steps that are Newton's after the next that fails; that still are to be */
    uint32_t hold, wait;     /* the same of others, after Newton's fail or where there are none: those of step.h */
    bool newton;             /* all steps are to be Newton's */
    bool stubborn;           /* nothing else is quicker where sweeps are many, or does at all */
    bool kept_fits;          /* what is kept is of h and the parameters, and did well */
    Kept kept;
    Program compensated, simplified; /* in place of LAG_STEPS, if at all; by Newton's method */
    double *work;                    /* LAG_WORK for them */
    size_t room;                     /* of work */
    uint64_t asked;                  /* steps so far */
} Sweeps;

bool sweeps_fit(const LagKernel *kernel);

LagStatus sweeps_init(Sweeps *sweeps, Frame *frame);

/* Has the state kept in two doubles. The frame's LAG_WORK is another from here on. */
LagStatus sweeps_compensate(Sweeps *sweeps);

/* Whether a kernel's steps can be Newton's; and has them all so. */
bool sweeps_fit_newton(const LagKernel *kernel);
LagStatus sweeps_be_newton(Sweeps *sweeps);

/* So many more steps are about to be taken: it may pay to have better programs than there are. */
void sweeps_expect(Sweeps *sweeps, uint64_t steps);
void sweeps_free(Sweeps *sweeps);

/* Another start, or other parameters. */
void sweeps_forget(Sweeps *sweeps);

/* U and the first impulses from Q and PI, which stand at time t; false where M is singular, or something is not finite.
 * Where M varies, velocities are sought from V. */
bool sweeps_begin(Sweeps *sweeps, double t, double h);

/* Takes so many steps, and gives back how many it took: fewer where the next does not converge, or is not finite; the state
 * is then that of Q and PI. It is `before` steps after time t. *status becomes LAG_ERROR_MEMORY, and all is as it was after
 * these steps, where Newton's method is wanted for the first time and there is no room for it. */
uint64_t sweeps_take(Sweeps *sweeps, double t, uint64_t before, uint64_t steps, LagStatus *status);

/* As after a step that failed, at this state, which stands at time t; `low` is NULL where there is none. */
void sweeps_resume(Sweeps *sweeps, double t, double h, const double *q, const double *u, const double *low);

/* After Newton's methods have failed too: whether sweeps have not been tried to the last yet. They begin with it. */
bool sweeps_insist(Sweeps *sweeps);

/* PI and V from U; V as the last step has left it where M varies. */
void sweeps_momentum(const Sweeps *sweeps);

#endif
