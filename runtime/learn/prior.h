/* prior.h: random numbers that depend on their place alone, and how a prior uses them. */
#ifndef LAG_LEARN_PRIOR_H
#define LAG_LEARN_PRIOR_H

#include "lag.h"

/* A number of (0, 1): number `which` of sample `index` of a seed. The same whatever was drawn before. */
double prior_number(uint64_t seed, uint64_t index, uint32_t which);

/* Whether a prior makes sense for a kernel of d coordinates and m parameters. */
bool prior_fits(const LagPrior *prior, uint32_t d, uint32_t m);

#endif
