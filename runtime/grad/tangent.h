/* tangent.h: derivatives that go along with a motion, of one system. */
#ifndef LAG_GRAD_TANGENT_H
#define LAG_GRAD_TANGENT_H

#include "flow.h"
#include "sight.h"

/* Derivatives in `count` unknowns: of the state, and what a step works with. */
typedef struct Tangent {
    Flow *flow; /* of one system */
    uint32_t count;
    const LagUnknown *unknown;
    double *block;
    double *q, *pi;   /* [d, count] of the state */
    double *A, *B;    /* [s, d, count] of the forces and momenta at the nodes */
    double *z, *v;    /* [n, count], [s, d, count] */
    double *residual; /* [n, count] */
} Tangent;

bool tangent_init(Tangent *tangent, Flow *flow, uint32_t count, const LagUnknown *unknown);
void tangent_free(Tangent *tangent);

/* The motion from the flow's state at t, whose rate was a velocity if `velocity` (start.h has then been seen to), in steps
 * of h, and what is seen of it. The status of a step that failed. */
LagStatus tangent_run(Tangent *tangent, double t, double h, bool velocity, const Sights *sights, const LagTangents *out);

#endif
