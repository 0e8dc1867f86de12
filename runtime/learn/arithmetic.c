/* arithmetic.c: see arithmetic.h.
 *
 * A product is made block by block: ROWS rows of a by PARTS vectors of b, whose sums stay in registers from the first to the
 * last of `inner`. That is all it takes here: what is multiplied is small enough for the caches, and lies by rows of samples
 * side by side. */
#include "arithmetic.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define ARITHMETIC_TARGET
#define ARITHMETIC_WIDTH 4
#define ARITHMETIC_ROWS 3
#define ARITHMETIC_PARTS 4
#define ARITHMETIC_FUSED(a, b, c) ((a) * (b) + (c))
#if defined(__x86_64__) /* the second of the two where either is no number */
#define ARITHMETIC_LESSER(a, b) _mm_min_ps(a, b)
#define ARITHMETIC_GREATER(a, b) _mm_max_ps(a, b)
#else
#define ARITHMETIC_LESSER(a, b) pick_4((a) < (b), a, b)
#define ARITHMETIC_GREATER(a, b) pick_4((a) > (b), a, b)
typedef float Four __attribute__((vector_size(16), may_alias));
typedef int32_t FourMask __attribute__((vector_size(16)));
static inline Four pick_4(FourMask mask, Four a, Four b) { return (Four)(((FourMask)a & mask) | ((FourMask)b & ~mask)); }
#endif
#define ARITHMETIC(name) name##_4
#include "arithmetic_width.h"

#if defined(__x86_64__)
#define ARITHMETIC_TARGET __attribute__((target("avx2,fma")))
#define ARITHMETIC_WIDTH 8
#define ARITHMETIC_ROWS 3
#define ARITHMETIC_PARTS 4
#define ARITHMETIC_FUSED(a, b, c) _mm256_fmadd_ps(a, b, c)
#define ARITHMETIC_LESSER(a, b) _mm256_min_ps(a, b)
#define ARITHMETIC_GREATER(a, b) _mm256_max_ps(a, b)
#define ARITHMETIC(name) name##_8
#include "arithmetic_width.h"

#define ARITHMETIC_TARGET __attribute__((target("avx512f")))
#define ARITHMETIC_WIDTH 16
#define ARITHMETIC_ROWS 8
#define ARITHMETIC_PARTS 2
#define ARITHMETIC_FUSED(a, b, c) _mm512_fmadd_ps(a, b, c)
#define ARITHMETIC_LESSER(a, b) _mm512_min_ps(a, b)
#define ARITHMETIC_GREATER(a, b) _mm512_max_ps(a, b)
#define ARITHMETIC(name) name##_16
#include "arithmetic_width.h"
#endif

const Arithmetic *arithmetic_of(uint32_t width) {
#if defined(__x86_64__)
    if (width == 16) return __builtin_cpu_supports("avx512f") ? &arithmetic_16 : NULL;
    if (width == 8) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &arithmetic_8 : NULL;
#endif
    return width == 4 ? &arithmetic_4 : NULL;
}

const Arithmetic *arithmetic_widest(void) {
    for (uint32_t width = 16; width > 4; width /= 2)
        if (arithmetic_of(width)) return arithmetic_of(width);
    return arithmetic_of(4);
}
