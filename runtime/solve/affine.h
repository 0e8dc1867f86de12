/* affine.h: the step of a Lagrangian whose equations are linear, as the affine map that it is. */
#ifndef LAG_SOLVE_AFFINE_H
#define LAG_SOLVE_AFFINE_H

#include "lanes.h"
#include "point.h"

enum { AFFINE_LEVELS = 4, AFFINE_WIDE = POWERS * POWERS };

/* States on the way from an anchor, by powers of 8^level steps. */
typedef struct AffineFan {
    uint64_t index; /* of the stretch of 8^(level + 1) steps, among those from the anchor */
    double *q, *pi; /* [9, d] the state at its start, and after each 8^level steps */
} AffineFan;

/* (q', pi') = (q, pi) + map (q, pi) + offset, for one h and one set of parameters; its powers, and how far they have led.
 * All of it takes 420 KiB for 16 degrees of freedom, 6 KiB for one. */
typedef struct Affine {
    Frame *frame;
    bool made, tried;
    double h;       /* what it was tried for */
    bool constant;  /* `offset` is not nothing */
    double *block;  /* what the others are cut from */
    double *map;    /* [2d, 2d] */
    double *offset; /* [2d] */
    double *change; /* [2d] scratch */
    double *kept;   /* [2d] scratch */
    /* What it is made in. */
    uint32_t *pivot;  /* [n] */
    double *z;        /* [s, d], z_0 = 0 */
    double *A, *B;    /* [s, d] at the nodes */
    double *residual; /* [n] */
    double *scale;    /* [n] */
    /* Powers: those of level l are powers of 8^l steps. */
    const Lanes *lanes;
    Powers power[AFFINE_LEVELS];
    uint32_t levels, most_levels; /* made so far, and that can be made */
    Twofold next, spare[2];       /* [2d, 2d + 1] the map of 8^levels steps, and scratch */
    /* Where the steps have led (affine_steps.c). */
    uint32_t phase;  /* anchors are 8^phase steps apart; in phase 0, the frame's state is the anchor */
    uint64_t reach;  /* 8^phase */
    uint64_t left;   /* anchors until the next phase */
    Twofold anchor;  /* [2, d] the state that steps are counted from */
    Twofold ahead;   /* [2, d] the next, scratch */
    uint64_t inside; /* steps from the anchor to the state at hand, less than `reach` */
    double most;     /* an anchor of numbers up to this leads to finite states alone */
    AffineFan fan[AFFINE_LEVELS];
    double *wide_q, *wide_pi; /* [AFFINE_WIDE + 1, d] scratch */
} Affine;

/* States to be kept on the way: the next after `next` steps, then each `every`-th (both below 2^63). */
typedef struct AffineRows {
    uint64_t next, every;
    double *q, *pi; /* [.., d] where they go, or NULL */
    size_t count;   /* how many have been kept */
    bool many;      /* more than caches hold: they go past them, and lanes_drain is to be called */
} AffineRows;

/* Whether a kernel's step is such a map, and small enough to be worth making. */
bool affine_fits(const LagKernel *kernel);

LagStatus affine_init(Affine *affine, Frame *frame);
void affine_free(Affine *affine);

/* Makes the map for steps of h from the parameters in the frame. LAG_ERROR_SINGULAR or LAG_ERROR_NOT_FINITE where there is
 * none. Uses the frame's arrays of the step and of the point; LAG_Q and LAG_PI are left alone. */
LagStatus affine_make(Affine *affine, double h);

/* The steps to come start from a state in LAG_Q and LAG_PI that the map has not led to. */
void affine_begin(Affine *affine);

/* How many steps to take at once, `most` or less: those that end where a power leads to. */
uint64_t affine_piece(const Affine *affine, uint64_t most);

/* Takes `count` steps of the state in the frame's LAG_Q and LAG_PI, or as many as leave it within what doubles hold, and
 * tells how many; `rows` (or NULL) goes on from there. The states are the same bits whatever steps are taken by one call,
 * and whatever rows are kept. */
uint64_t affine_steps(Affine *affine, uint64_t count, AffineRows *rows);

#endif
