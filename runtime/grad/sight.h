/* sight.h: which steps a motion is observed in, and what is seen of it there. */
#ifndef LAG_GRAD_SIGHT_H
#define LAG_GRAD_SIGHT_H

#include "lag.h"

/* A row of observations: at the end of `step` steps, or inside the step that follows them. Inside, a part x of it from its
 * start, q is on the step's polynomial through its nodes, and pi what the forces' polynomial has made of it:
 *
 *     q = sum_j l_j(x) q_j      pi = pi_n + h sum_j a_j(x) A_j,  a_j the integral of l_j from 0 to x
 */
typedef struct Sight {
    uint64_t step;
    bool inside;
    double *l, *a; /* [s] */
} Sight;

typedef struct Sights {
    Sight *row;
    size_t rows;
    double *weights;
    uint64_t steps; /* that all of it takes, at most those asked for */
    bool inside;    /* a row is inside a step */
} Sights;

/* For rows at times t[rows] of a motion that starts at `start` and takes `steps` steps of h. LAG_ERROR_ARGUMENT where a time
 * is no number, outside of that, or before the one of the row above. Free with sights_free, after a failure too. */
LagStatus sights_find(Sights *sights, const LagKernel *kernel, double start, double h, uint64_t steps, size_t rows,
                      const double *t);
void sights_free(Sights *sights);

#endif
