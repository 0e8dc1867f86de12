/* slopes.h: the programs that derivatives of the motion are made with. */
#ifndef LAG_SLOPES_H
#define LAG_SLOPES_H

#include "model.h"

/* LagKernel.slopes. */
bool slopes_get(const LagKernel *kernel, uint32_t systems, uint64_t steps, LagSlopes *slopes);

void slopes_free(ModelKernel *kernel);

#endif
