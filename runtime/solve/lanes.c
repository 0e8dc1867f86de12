/* lanes.c: see lanes.h. */
#include "lanes.h"

#define LANES_TARGET
#define LANES_WIDTH 2
#define LANES(name) name##_2
#include "lanes_width.h"
#undef LANES_TARGET
#undef LANES_WIDTH
#undef LANES

#if defined(__x86_64__)
#define LANES_TARGET __attribute__((target("avx2")))
#define LANES_WIDTH 4
#define LANES(name) name##_4
#include "lanes_width.h"
#undef LANES_TARGET
#undef LANES_WIDTH
#undef LANES

#define LANES_TARGET __attribute__((target("avx512f")))
#define LANES_WIDTH 8
#define LANES(name) name##_8
#include "lanes_width.h"
#endif

const Lanes *lanes_of(uint32_t width) {
    static const Lanes two = {2, powers_2, fans_2, times_2};
#if defined(__x86_64__)
    static const Lanes four = {4, powers_4, fans_4, times_4}, eight = {8, powers_8, fans_8, times_8};
    if (width == 8) return __builtin_cpu_supports("avx512f") ? &eight : NULL;
    if (width == 4) return __builtin_cpu_supports("avx2") ? &four : NULL;
#endif
    return width == 2 ? &two : NULL;
}

const Lanes *lanes_widest(void) {
    for (uint32_t width = POWERS; width > 2; width /= 2)
        if (lanes_of(width)) return lanes_of(width);
    return lanes_of(2);
}
