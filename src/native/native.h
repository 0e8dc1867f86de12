/* native.h: a tape becomes something that runs. Every way gives the same bits. */
#ifndef LAG_NATIVE_NATIVE_H
#define LAG_NATIVE_NATIVE_H

#include "lag.h"
#include "tape/tape.h"

/* The elementary functions as the CPU at hand runs them, by TapeCode, and beside them the square root and the SELECTION
 * functions; the symbol is what generated code calls. native_function1/2 are NULL for a code that is none of these or has
 * another number of operands; native_symbol is NULL for a code that is none of these. */
typedef double NativeFunction1(double);
typedef double NativeFunction2(double, double);
NativeFunction1 *native_function1(TapeCode code);
NativeFunction2 *native_function2(TapeCode code);
const char *native_symbol(TapeCode code); /* "lag_sin" ... */

/* The SELECTION functions, exactly as the tape means them. */
static inline double native_sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
static inline double native_min(double a, double b) { return a < b ? a : b <= a ? b : a + b; }
static inline double native_max(double a, double b) { return a > b ? a : b >= a ? b : a + b; }

/* ---- Interpreter: interp.c */

/* A tape made ready to be run by interp_run as LagProcedure.code. It refers to the tape, which must outlive it. Values live
 * in LAG_WORK, behind the tape's own part: *work is how many doubles the procedure needs there. NULL when out of memory. */
typedef struct InterpCode InterpCode;
InterpCode *interp_new(const Tape *tape, uint32_t *work);
void interp_free(InterpCode *code);
void interp_run(const void *code, double *const *array); /* a LagNative */

/* ---- LLVM: llvm.c */

/* Machine code for several tapes, made together. Owned by the caller; freed by llvm_free, which unmaps the code. */
typedef struct LlvmCode LlvmCode;

typedef struct LlvmJob {
    const Tape *const *tape; /* [count], NULL entries are left out */
    const char *const *name; /* [count] */
    uint32_t count;
    const double *const *table; /* [LAG_ARRAY_COUNT]: what is in arrays that no tape writes, where known now, else NULL */
    const size_t *size;         /* [LAG_ARRAY_COUNT] */
} LlvmJob;

/* Compiles a job. On success run[i] is tape i's entry (call it with code NULL). Adds to timings->emit, optimise, codegen,
 * link. On failure: LAG_ERROR_BACKEND, or LAG_ERROR_MEMORY (a failed tape too); *code untouched, and a reason in `why`
 * (NUL-terminated). */
LagStatus llvm_compile(const LlvmJob *job, LagTimings *timings, LlvmCode **code, LagNative **run, char *why,
                       size_t why_size);
void llvm_free(LlvmCode *code);

/* The job as LLVM IR, or as assembly of the CPU at hand, appended to out. */
LagStatus llvm_print(const LlvmJob *job, bool assembly, Buffer *out);

#endif
