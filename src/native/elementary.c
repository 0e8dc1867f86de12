/* elementary.c: the elementary functions, from SLEEF's deterministic family: the same bits on every CPU with fused
 * multiply-add (finz), and a second set of bits, the same on all others (cinz); alone, and in the lanes of vectors. Beside
 * them, as functions for code that calls whatever is not one of its own operators, those that are exact or correctly
 * rounded. */
#include "native/native.h"

#include "native/cpu.h"

#include <math.h>
#include <string.h>

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

/* ---- Products and sums ---- */

/* x_0 y_0 + x_1 y_1 + .. in two chains, by a way to add a product. */
#define FUSED_DOT(name, add, attributes)                                                                                    \
    attributes static double name(const double *x, size_t x_stride, const double *y, size_t y_stride, size_t terms) {       \
        if (terms == 1) return *x * *y;                                                                                     \
        double even = *x * *y, odd = x[x_stride] * y[y_stride];                                                             \
        size_t j = 2;                                                                                                       \
        for (; j + 1 < terms; j += 2) {                                                                                     \
            even = add(x[j * x_stride], y[j * y_stride], even);                                                             \
            odd = add(x[(j + 1) * x_stride], y[(j + 1) * y_stride], odd);                                                   \
        }                                                                                                                   \
        if (j < terms) even = add(x[j * x_stride], y[j * y_stride], even);                                                  \
        return even + odd;                                                                                                  \
    }

static double twice_rounded(double a, double b, double c) { return a * b + c; }
FUSED_DOT(plain_dot, twice_rounded, )

#if defined(__x86_64__)
#define WITH_FMA __attribute__((target("fma")))
#else
#define WITH_FMA
#endif
WITH_FMA static double once_rounded(double a, double b, double c) { return __builtin_fma(a, b, c); }
FUSED_DOT(fused_dot, __builtin_fma, WITH_FMA)

NativeFused *native_fused(void) { return cpu_has(CPU_FMA) ? once_rounded : twice_rounded; }
NativeFusedDot *native_fused_dot(void) { return cpu_has(CPU_FMA) ? fused_dot : plain_dot; }

/* ---- In lanes ---- */

typedef void InLanes(void); /* takes and gives vectors, in registers: to be called by generated code alone */

#define DECLARE_LANES(OP, text, operands, PARITY, sleef, ulp, prefix, lanes, cpu) InLanes prefix##sleef##lanes##_##ulp##cpu;
#define ENTER_LANES(OP, text, operands, PARITY, sleef, ulp, prefix, lanes, cpu)                                             \
    [TAPE_##OP] = prefix##sleef##lanes##_##ulp##cpu,

#if defined(__x86_64__)

#define ELEMENTARY(...) DECLARE_LANES(__VA_ARGS__, Sleef_finz_, d8, avx512f)
#include "../../grammar/ops.def"
#define ELEMENTARY(...) DECLARE_LANES(__VA_ARGS__, Sleef_finz_, d4, avx2)
#include "../../grammar/ops.def"
#define ELEMENTARY(...) DECLARE_LANES(__VA_ARGS__, Sleef_finz_, d2, avx2128)
#include "../../grammar/ops.def"
#define ELEMENTARY(...) DECLARE_LANES(__VA_ARGS__, Sleef_cinz_, d4, avx)
#include "../../grammar/ops.def"
#define ELEMENTARY(...) DECLARE_LANES(__VA_ARGS__, Sleef_cinz_, d2, sse2)
#include "../../grammar/ops.def"

static InLanes *const fused8[TAPE_CODE_COUNT] = {
#define ELEMENTARY(...) ENTER_LANES(__VA_ARGS__, Sleef_finz_, d8, avx512f)
#include "../../grammar/ops.def"
};
static InLanes *const fused4[TAPE_CODE_COUNT] = {
#define ELEMENTARY(...) ENTER_LANES(__VA_ARGS__, Sleef_finz_, d4, avx2)
#include "../../grammar/ops.def"
};
static InLanes *const fused2[TAPE_CODE_COUNT] = {
#define ELEMENTARY(...) ENTER_LANES(__VA_ARGS__, Sleef_finz_, d2, avx2128)
#include "../../grammar/ops.def"
};
static InLanes *const plain4[TAPE_CODE_COUNT] = {
#define ELEMENTARY(...) ENTER_LANES(__VA_ARGS__, Sleef_cinz_, d4, avx)
#include "../../grammar/ops.def"
};
static InLanes *const plain2[TAPE_CODE_COUNT] = {
#define ELEMENTARY(...) ENTER_LANES(__VA_ARGS__, Sleef_cinz_, d2, sse2)
#include "../../grammar/ops.def"
};

static InLanes *in_lanes(TapeCode code, uint32_t lanes) {
    if (lanes > cpu_lanes()) return NULL;
    bool fma = cpu_has(CPU_FMA);
    return lanes == 8 ? fused8[code] : lanes == 4 ? (fma ? fused4 : plain4)[code] : (fma ? fused2 : plain2)[code];
}

#else

static InLanes *in_lanes(TapeCode code, uint32_t lanes) {
    (void)code, (void)lanes;
    return NULL;
}

#endif

uintptr_t native_address(const char *symbol) {
    if (strcmp(symbol, native_symbol(TAPE_FMA)) == 0) return (uintptr_t)native_fused();
    if (strcmp(symbol, native_symbol(TAPE_FUSED_DOT)) == 0) return (uintptr_t)native_fused_dot();
    for (int i = 0; i < TAPE_CODE_COUNT; i++) {
        TapeCode code = (TapeCode)i;
        size_t length = native_symbol(code) ? strlen(native_symbol(code)) : 0;
        if (!length || strncmp(native_symbol(code), symbol, length) != 0) continue;
        const char *rest = symbol + length;
        if (!*rest) return native_function1(code) ? (uintptr_t)native_function1(code) : (uintptr_t)native_function2(code);
        if (strcmp(rest, "_2") == 0 || strcmp(rest, "_4") == 0 || strcmp(rest, "_8") == 0)
            return (uintptr_t)in_lanes(code, (uint32_t)(rest[1] - '0'));
    }
    return 0;
}
