/* symbol.c: what generated code calls the functions that it calls. */
#include "native/native.h"

static const char *const symbol[TAPE_CODE_COUNT] = {
    [TAPE_SQRT] = "lag_sqrt",
    [TAPE_FMA] = "lag_fma",
    [TAPE_FUSED_DOT] = "lag_fused_dot",
#define SELECTION(OP, text, operands, PARITY) [TAPE_##OP] = "lag_" text,
#define ELEMENTARY(OP, text, operands, PARITY, sleef, ulp) [TAPE_##OP] = "lag_" text,
#include "../../grammar/ops.def"
};

const char *native_symbol(TapeCode code) { return symbol[code]; }
