/* tiers.h: what runs a kernel, chosen by the work that is asked of it. */
#ifndef LAG_TIERS_H
#define LAG_TIERS_H

#include "model.h"

/* Makes machine code of a kernel by one road and has the kernel run it. As native_compile. */
LagStatus tiers_make(ModelKernel *kernel, LagBackend road, int stop, char *why, size_t why_size);

/* LagKernel.improve of the kernels of LAG_BACKEND_AUTO. */
const LagProcedure *tiers_improve(const LagKernel *kernel, uint64_t steps);

/* LagKernel.form. */
LagProcedure tiers_form(const LagKernel *kernel, uint32_t form, uint64_t steps, size_t *work);

/* By which road code is to be made that takes so many seconds as the interpreter runs it, and so long to be made, and is not
 * made better later: LAG_BACKEND_INTERPRETER where that does as well. `lanes`: by LLVM or not at all. */
LagBackend tiers_road(const ModelKernel *kernel, uint64_t operations, double executed, bool lanes);

/* Ends whatever work is under way, and frees the kernel's code. */
void tiers_free(ModelKernel *kernel);

/* What each road costs, for people: a line each. */
void tiers_print(const ModelKernel *kernel, Buffer *out);

#endif
