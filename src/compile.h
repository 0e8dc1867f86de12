/* compile.h: the pipeline. */
#ifndef LAG_COMPILE_H
#define LAG_COMPILE_H

#include "model.h"

/* The first half, for every Lagrangian read: tree -> graph -> A, B and derivatives -> checks and facts. NULL after an error,
 * which is in diag, or when out of memory, which diag->failed says. *work of LOWER_WORK is taken, and what this takes is
 * added to it. The caller releases the model. */
LagModel *compile_model(const Tree *tree, TreeId root, const Names *names, const Definitions *definitions, Declared declared,
                        uint64_t *work, Diagnostics *diag);

/* The second half, for each r and backend (tables -> tapes -> code), is lag_model_kernel of lag.h. */

extern const char *const compile_routine_name[LAG_ROUTINE_COUNT];

/* Whether a kernel's tapes are short enough to make machine code of them. */
bool compile_fits_native(const ModelKernel *kernel);

/* A kernel's tapes as a job for native_compile; it refers to the kernel and to `tape`, which it fills. Of a wide one it has
 * LAG_STEPS alone: the others are seldom run, are long, and are interpreted. */
NativeJob compile_job(const ModelKernel *kernel, const Tape *tape[LAG_ROUTINE_COUNT]);

#endif
