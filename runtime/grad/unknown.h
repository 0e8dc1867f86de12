/* unknown.h: what a LagUnknown names, among parameters c[m], coordinates q[d] and rates rate[d]. */
#ifndef LAG_GRAD_UNKNOWN_H
#define LAG_GRAD_UNKNOWN_H

#include "lag.h"

static inline bool unknown_is(const LagUnknown *u, uint32_t d, uint32_t m) {
    return (unsigned)u->kind < LAG_UNKNOWNS && u->index < (u->kind == LAG_UNKNOWN_PARAMETER ? m : d);
}

static inline bool unknown_are(const LagUnknown *u, uint32_t count, const LagKernel *kernel) {
    bool all = true;
    for (uint32_t i = 0; i < count; i++) all = all && unknown_is(&u[i], kernel->dof, kernel->parameter_count);
    return all;
}

static inline double *unknown_place(const LagUnknown *u, double *c, double *q, double *rate) {
    return (u->kind == LAG_UNKNOWN_PARAMETER ? c : u->kind == LAG_UNKNOWN_COORDINATE ? q : rate) + u->index;
}

#endif
