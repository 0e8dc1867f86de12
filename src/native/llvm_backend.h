/* llvm_backend.h: LLVM at arm's length. It stands in a library of its own beside liblag, loaded when machine code is first
 * asked for: a process that interprets, or only reads, pays nothing for it. */
#ifndef LAG_NATIVE_LLVM_BACKEND_H
#define LAG_NATIVE_LLVM_BACKEND_H

#include "native/native.h"

#define LLVM_BACKEND_FILE "liblag-llvm.so"
#define LLVM_BACKEND_SYMBOL lag_llvm_backend

/* The functions of native.h. Both sides share its types, so that both must be of one version. */
typedef struct LlvmBackend {
    const char *version; /* LAG_VERSION */
    LagStatus (*compile)(const LlvmJob *job, LagTimings *timings, LlvmCode **code, LagNative **run, char *why,
                         size_t why_size);
    void (*free)(LlvmCode *code);
    LagStatus (*print)(const LlvmJob *job, bool assembly, Buffer *out);
} LlvmBackend;

#endif
