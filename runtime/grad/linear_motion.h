/* linear_motion.h: gradients of motions whose step is an affine map, the same at all times: found for one step, it serves
 * all. */
#ifndef LAG_GRAD_LINEAR_MOTION_H
#define LAG_GRAD_LINEAR_MOTION_H

#include "flow.h"
#include "sight.h"

/* A motion of such steps: record.h's counterpart. */
typedef struct LinearMotion {
    Flow *flow;
    double t, h;
    uint64_t steps, piece, pieces, held; /* as in record.h */
    double *M, *b;                       /* y' = y + M y + b */
    double *y, *most;                    /* [2 d] */
    double *zero_z;                      /* [n] the solution of the step from y = 0 */
    double *path, *begin;                /* [piece, 2 d] of the piece held; [pieces, 2 d] */
    double *S, *sum, *lambda;            /* sums of lambda y' and of lambda */
    double *room;
    size_t size; /* doubles of it */
} LinearMotion;

/* Whether a motion can go this way. */
bool linear_fits(const LagKernel *kernel, const Sights *sights);

bool linear_open(LinearMotion *linear, Flow *flow, double t, double h, uint64_t steps, bool sparing);
void linear_free(LinearMotion *linear);
void linear_run(LinearMotion *linear, const Sights *sights, double *seen_q, double *seen_pi);
void linear_back(LinearMotion *linear, const Sights *sights, const double *seed_q, const double *seed_pi, double *lambda_q,
                 double *lambda_pi, double *slope_c);

#endif
