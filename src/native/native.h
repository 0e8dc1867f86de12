/* native.h: a tape becomes something that runs. Every way gives the same bits. */
#ifndef LAG_NATIVE_NATIVE_H
#define LAG_NATIVE_NATIVE_H

#include "lag.h"
#include "native/job.h"

/* The elementary functions as the CPU at hand runs them, by TapeCode, and beside them the square root, the SELECTION
 * functions and what fuses a product and a sum; the symbol is what generated code calls. native_function1/2 are NULL for a
 * code that is none of these or has another number of operands; native_symbol is NULL for a code that is none of these. */
typedef double NativeFunction1(double);
typedef double NativeFunction2(double, double);
typedef double NativeFused(double, double, double);
typedef double NativeFusedDot(const double *x, size_t x_stride, const double *y, size_t y_stride, size_t terms);
NativeFunction1 *native_function1(TapeCode code);
NativeFunction2 *native_function2(TapeCode code);
NativeFused *native_fused(void);          /* TAPE_FMA */
NativeFusedDot *native_fused_dot(void);   /* TAPE_FUSED_DOT */
const char *native_symbol(TapeCode code); /* "lag_sin" ...; symbol.c */

/* Where generated code finds the function of that symbol; 0 if there is none. Behind the symbol of an elementary function
 * _2, _4 or _8 may stand: the same bits in each lane of a vector. */
uintptr_t native_address(const char *symbol);

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

/* ---- Machine code: native.c */

/* Machine code in memory. */
typedef struct NativeCode NativeCode;

/* Makes machine code of a job by a road: LAG_BACKEND_TCC, LAG_BACKEND_LLVM_QUICK or LAG_BACKEND_LLVM. What LLVM makes is
 * looked for in the cache first, and kept there. On success run[i] is tape i's entry (call it with code NULL), *cached
 * whether it came from the cache, and the caller frees *code with native_free. Adds to timings->emit, codegen and link.
 * Gives up with LAG_INTERRUPTED when `stop`, a file descriptor (-1: none), becomes readable. On failure else
 * LAG_ERROR_BACKEND, or LAG_ERROR_MEMORY (a failed tape too); outputs untouched, and a reason in `why` (NUL-terminated).
 * Thread-safe. */
LagStatus native_compile(const NativeJob *job, LagBackend road, int stop, LagTimings *timings, NativeCode **code,
                         LagNative **run, bool *cached, char *why, size_t why_size);

/* The same from the cache alone: false where it isn't there. */
bool native_recall(const NativeJob *job, LagBackend road, LagTimings *timings, NativeCode **code, LagNative **run);

void native_free(NativeCode *code); /* NULL allowed */

/* Bytes of machine code and constants. */
size_t native_bytes(const NativeCode *code);

/* Appends what LLVM is given of a job, or makes of it for the CPU at hand, as text. Fails as native_compile does. */
LagStatus native_print(const NativeJob *job, bool assembly, Buffer *out, char *why, size_t why_size);

#endif
