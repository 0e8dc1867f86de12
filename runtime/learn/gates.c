/* gates.c: see gates.h. */
#include "gates.h"

#define GATES_TARGET
#define GATES_WIDTH 4
#define GATES(name) name##_4
#include "gates_width.h"
#undef GATES_TARGET
#undef GATES_WIDTH
#undef GATES

#if defined(__x86_64__)
#define GATES_TARGET __attribute__((target("avx2")))
#define GATES_WIDTH 8
#define GATES(name) name##_8
#include "gates_width.h"
#undef GATES_TARGET
#undef GATES_WIDTH
#undef GATES

#define GATES_TARGET __attribute__((target("avx512f")))
#define GATES_WIDTH 16
#define GATES(name) name##_16
#include "gates_width.h"
#endif

const Gates *gates_of(uint32_t width) {
    static const Gates four = {forth_4, back_4};
#if defined(__x86_64__)
    static const Gates eight = {forth_8, back_8}, sixteen = {forth_16, back_16};
    if (width == 16) return __builtin_cpu_supports("avx512f") ? &sixteen : NULL;
    if (width == 8) return __builtin_cpu_supports("avx2") ? &eight : NULL;
#endif
    return width == 4 ? &four : NULL;
}

const Gates *gates_widest(void) {
    for (uint32_t width = 16; width > 4; width /= 2)
        if (gates_of(width)) return gates_of(width);
    return gates_of(4);
}
