/* cpu.c: see cpu.h. On x86 the C library has asked the CPU already: asking again traps in a virtual machine, for tens of
 * microseconds. */
#include "native/cpu.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#if defined(__x86_64__) && defined(__has_include)
#if __has_include(<sys/platform/x86.h>)
#include <sys/platform/x86.h>
#define CPU_LEAVES
#endif
#endif

typedef struct Words {
    uint8_t *bytes;
    size_t size, most;
} Words;

static void add(Words *out, const void *bytes, size_t size) {
    if (size > out->most - out->size) size = out->most - out->size;
    if (size) memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

#ifdef CPU_LEAVES

/* Which register of which leaf says what the CPU can do. What the system lets programs use of it is in active_array, which
 * has zeros for whatever is no feature; cpuid_array tells features that the C library is too old to know. Left out is what
 * differs from core to core: leaf 1's ebx, with the number of the core. */
static const struct {
    uint8_t leaf, number;
} told[] = {
    {CPUID_INDEX_1, cpuid_register_index_eax}, /* family, model, stepping */
    {CPUID_INDEX_1, cpuid_register_index_ecx},        {CPUID_INDEX_1, cpuid_register_index_edx},
    {CPUID_INDEX_7, cpuid_register_index_ebx},        {CPUID_INDEX_7, cpuid_register_index_ecx},
    {CPUID_INDEX_7, cpuid_register_index_edx},        {CPUID_INDEX_7_ECX_1, cpuid_register_index_eax},
    {CPUID_INDEX_80000001, cpuid_register_index_ecx}, {CPUID_INDEX_80000001, cpuid_register_index_edx},
};

static void identify(Words *out) {
    for (unsigned leaf = CPUID_INDEX_1; leaf <= CPUID_INDEX_14_ECX_0; leaf++) {
        const struct cpuid_feature *feature = __x86_get_cpuid_feature_leaf(leaf);
        add(out, feature->active_array, sizeof feature->active_array);
    }
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        add(out, &__x86_get_cpuid_feature_leaf(told[i].leaf)->cpuid_array[told[i].number], sizeof(unsigned));
}

/* As CPU_FEATURE_ACTIVE, which shifts a 1 into the sign. */
static bool is_active(unsigned index) {
    enum { BITS = 32, REGISTERS = 4 };
    const struct cpuid_feature *leaf = __x86_get_cpuid_feature_leaf(index / (BITS * REGISTERS));
    return leaf->active_array[index / BITS % REGISTERS] >> index % BITS & 1;
}

static bool has(CpuFeature feature) {
    switch (feature) {
    case CPU_AVX: return is_active(x86_cpu_AVX);
    case CPU_AVX2: return is_active(x86_cpu_AVX2);
    case CPU_FMA: return is_active(x86_cpu_FMA);
    default: return is_active(x86_cpu_AVX512VL) && is_active(x86_cpu_AVX512DQ);
    }
}

#else

static bool has(CpuFeature feature) {
#if defined(__x86_64__)
    switch (feature) {
    case CPU_AVX: return __builtin_cpu_supports("avx");
    case CPU_AVX2: return __builtin_cpu_supports("avx2");
    case CPU_FMA: return __builtin_cpu_supports("fma");
    default: return __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    }
#else
    return feature == CPU_FMA;
#endif
}

static void identify(Words *out) {
    unsigned long features[2] = {getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};
    const char *platform = (const char *)getauxval(AT_PLATFORM);
    add(out, features, sizeof features);
    if (platform) add(out, platform, strlen(platform));
}

#endif

/* LAG_CPU names a lesser CPU than there is, to be content with: sse2, or avx2, which has fused multiply-add. */
static bool is_allowed(CpuFeature feature) {
    const char *named = getenv("LAG_CPU");
    if (!named) return true;
    return strcmp(named, "sse2") != 0 && (strcmp(named, "avx2") != 0 || feature != CPU_AVX512);
}

bool cpu_has(CpuFeature feature) { return has(feature) && is_allowed(feature); }

size_t cpu_identity(uint8_t *bytes, size_t most) {
    const uint8_t allowed = (uint8_t)(cpu_has(CPU_AVX512) << 2 | cpu_has(CPU_AVX2) << 1 | cpu_has(CPU_FMA));
    Words out = {bytes, 0, most};
    add(&out, &allowed, sizeof allowed);
    identify(&out);
    return out.size;
}

uint32_t cpu_lanes(void) {
#if defined(__x86_64__)
    if (!cpu_has(CPU_FMA)) return cpu_has(CPU_AVX) ? 4 : 2;
    return !cpu_has(CPU_AVX2) ? 1 : cpu_has(CPU_AVX512) ? 8 : 4;
#else
    return 1;
#endif
}
