/* point.h: the arrays that a kernel's programs work on, and what is asked of Lambda at one point. */
#ifndef LAG_SOLVE_POINT_H
#define LAG_SOLVE_POINT_H

#include "lag.h"

/* Arrays for one thread's use of a kernel. */
typedef struct Frame {
    const LagKernel *kernel;
    const LagProcedure *procedure; /* what runs: the kernel's, or better */
    uint32_t d, s, n;              /* degrees of freedom, nodes, unknowns of a step */
    double *array[LAG_ARRAY_COUNT];
    double *block;      /* what they are cut from */
    double *velocity;   /* [d] scratch */
    double *correction; /* [d] scratch */
    double *scale;      /* [d] scratch */
    uint32_t *pivot;    /* [d] scratch */
} Frame;

/* Arrays of the sizes that the kernel asks for, all 0; those of the step's programs only if `step`. LAG_ERROR_ARGUMENT when
 * the kernel is of another ABI. frame_free takes a frame that is all zero, too. */
LagStatus frame_init(Frame *frame, const LagKernel *kernel, bool step);
void frame_free(Frame *frame);

static inline void frame_run(const Frame *frame, LagRoutine routine) {
    const LagProcedure *procedure = &frame->procedure[routine];
    procedure->run(procedure->code, frame->array);
}

/* Moves over to the best programs that the kernel has, for `steps` more steps (0: just asking). */
static inline void frame_improve(Frame *frame, uint64_t steps) {
    if (frame->kernel->improve) frame->procedure = frame->kernel->improve(frame->kernel, steps);
}

/* Solves B(q, v, t) = pi for LAG_V by Newton, starting from what LAG_V holds; TIME, PARAMETER, Q and PI are given. To
 * round-off. LAG_ERROR_SINGULAR, LAG_ERROR_NOT_FINITE or LAG_ERROR_NEWTON when there is no solution to be found; then LAG_V
 * is 0. */
LagStatus point_velocity(const Frame *frame);

/* The acceleration a[d] = B_v^-1 (A - B_q v - B_t) at TIME, PARAMETER, Q, V; leaves A and B there too. */
LagStatus point_acceleration(const Frame *frame, double *a);

#endif
