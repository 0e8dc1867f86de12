/* hand_chain.h: the step of a Fermi-Pasta-Ulam-Tsingou chain as one would write it by hand for r = 2. */
#ifndef LAG_BENCHMARKS_HAND_CHAIN_H
#define LAG_BENCHMARKS_HAND_CHAIN_H

#include "lag.h"

/* Springs pull by s + CHAIN_ALPHA s^2 + CHAIN_BETA s^3; masses are 1, and the ends fixed. */
#define CHAIN_ALPHA 0.25
#define CHAIN_BETA 0.1

/* Takes so many steps of a chain of kernel->dof masses from q and pi, and leaves them there. The kernel has the tables.
 * False when out of memory. */
bool chain_run(const LagKernel *kernel, double *q, double *pi, double h, long steps);

#endif
