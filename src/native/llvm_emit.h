/* llvm_emit.h: tapes as LLVM IR. Used by llvm.c alone. */
#ifndef LAG_NATIVE_LLVM_EMIT_H
#define LAG_NATIVE_LLVM_EMIT_H

#include "native/job.h"

#include <llvm-c/Core.h>

/* A module with a function for each tape of the job: void name(const void *code, double *const *array).  NULL when out of
 * memory or where a tape has failed. The caller disposes of the module. */
LLVMModuleRef llvm_emit(LLVMContextRef context, const NativeJob *job, bool optimised);

#endif
