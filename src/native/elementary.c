/* elementary.c: the elementary functions, from SLEEF's deterministic family: the same bits on every CPU with fused
 * multiply-add (finz), and a second set of bits, the same on all others (cinz). Beside them, as functions for code that
 * calls whatever is not one of its own operators, those that are exact or correctly rounded. */
#include "native/native.h"

#include "native/cpu.h"

#include <math.h>

/* Declared here: the library's header shows the functions that need FMA only to code compiled for it. */
#define PARAMETERS_1 double
#define PARAMETERS_2 double, double
#define PARAMETERS(operands) PARAMETERS_##operands
#define ELEMENTARY(OP, text, operands, PARITY, sleef, ulp)                                                                  \
    double Sleef_finz_##sleef##d1_##ulp##purecfma(PARAMETERS(operands));
#include "../../grammar/ops.def"
#define ELEMENTARY(OP, text, operands, PARITY, sleef, ulp) double Sleef_cinz_##sleef##d1_##ulp##purec(PARAMETERS(operands));
#include "../../grammar/ops.def"

typedef union Function {
    NativeFunction1 *one;
    NativeFunction2 *two;
} Function;

#define FIELD_1 one
#define FIELD_2 two
#define FIELD(operands) FIELD_##operands

static double exact_sqrt(double x) { return sqrt(x); }
static double exact_abs(double x) { return fabs(x); }
static double exact_sign(double x) { return native_sign(x); }
static double exact_min(double a, double b) { return native_min(a, b); }
static double exact_max(double a, double b) { return native_max(a, b); }

#define EXACT                                                                                                               \
    [TAPE_SQRT] = {.one = exact_sqrt}, [TAPE_ABS] = {.one = exact_abs}, [TAPE_SIGN] = {.one = exact_sign},                  \
    [TAPE_MIN] = {.two = exact_min}, [TAPE_MAX] = {.two = exact_max}

static const Function fused[TAPE_CODE_COUNT] = {
    EXACT,
#define ELEMENTARY(OP, text, operands, PARITY, sleef, ulp)                                                                  \
    [TAPE_##OP] = {.FIELD(operands) = Sleef_finz_##sleef##d1_##ulp##purecfma},
#include "../../grammar/ops.def"
};

static const Function plain[TAPE_CODE_COUNT] = {
    EXACT,
#define ELEMENTARY(OP, text, operands, PARITY, sleef, ulp)                                                                  \
    [TAPE_##OP] = {.FIELD(operands) = Sleef_cinz_##sleef##d1_##ulp##purec},
#include "../../grammar/ops.def"
};

static const Function *family(void) { return cpu_has(CPU_FMA) ? fused : plain; }

NativeFunction1 *native_function1(TapeCode code) {
    return native_symbol(code) && tape_operands(code) == 1 ? family()[code].one : NULL;
}

NativeFunction2 *native_function2(TapeCode code) {
    return native_symbol(code) && tape_operands(code) == 2 ? family()[code].two : NULL;
}
