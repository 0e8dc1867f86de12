/* lanes.c: see lanes.h. What fused multiply-adds are used for is exact without them: a product by 0 or 1. */
#include "lanes.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define LANES_STREAM _mm_stream_pd
#else
#define LANES_STREAM(to, pair) ((to)[0] = (pair)[0], (to)[1] = (pair)[1])
#endif

typedef double Pair __attribute__((vector_size(2 * sizeof(double)), may_alias));

/* What becomes of a state's images: they go side by side; or after the state itself, of which the last image is the next; or
 * as the first, past the caches. */
typedef enum Kind { IMAGES, FANS, STREAMS } Kind;

#define LANES_TARGET
#define LANES_WIDTH 2
#define LANES(name) name##_2
#define LANES_FUSED(a, b, c) ((a) * (b) + (c))
#include "lanes_width.h"
#undef LANES_TARGET
#undef LANES_WIDTH
#undef LANES
#undef LANES_FUSED

#if defined(__x86_64__)
#define LANES_TARGET __attribute__((target("avx2,fma")))
#define LANES_WIDTH 4
#define LANES(name) name##_4
#define LANES_FUSED _mm256_fmadd_pd
#include "lanes_width.h"
#undef LANES_TARGET
#undef LANES_WIDTH
#undef LANES
#undef LANES_FUSED

#define LANES_TARGET __attribute__((target("avx512f")))
#define LANES_WIDTH 8
#define LANES(name) name##_8
#define LANES_FUSED _mm512_fmadd_pd
#include "lanes_width.h"
#endif

const Lanes *lanes_of(uint32_t width) {
    static const Lanes two = {2, powers_2, fans_2, streams_2, times_2};
#if defined(__x86_64__)
    static const Lanes four = {4, powers_4, fans_4, streams_4, times_4}, eight = {8, powers_8, fans_8, streams_8, times_8};
    if (width == 8) return __builtin_cpu_supports("avx512f") ? &eight : NULL;
    if (width == 4) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &four : NULL;
#endif
    return width == 2 ? &two : NULL;
}

void lanes_drain(void) {
#if defined(__x86_64__)
    _mm_sfence();
#endif
}

const Lanes *lanes_widest(void) {
    for (uint32_t width = POWERS; width > 2; width /= 2)
        if (lanes_of(width)) return lanes_of(width);
    return lanes_of(2);
}
