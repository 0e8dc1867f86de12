/* slopes.h: the programs that derivatives of the motion are made with. */
#ifndef LAG_SLOPES_H
#define LAG_SLOPES_H

#include "model.h"

/* LagKernel.slopes and LagKernel.back. */
bool slopes_get(const LagKernel *kernel, uint32_t systems, uint64_t steps, LagSlopes *slopes);
bool slopes_back(const LagKernel *kernel, uint32_t systems, uint64_t steps, LagBack *back);

void slopes_free(ModelKernel *kernel);

#endif
