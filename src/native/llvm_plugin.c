/* llvm_plugin.c: what liblag-llvm shows of itself. */
#include "native/llvm_backend.h"

LAG_API extern const LlvmBackend LLVM_BACKEND_SYMBOL;
const LlvmBackend LLVM_BACKEND_SYMBOL = {LAG_VERSION, llvm_compile, llvm_free, llvm_print};
