/* cpu.h: what a CPU is, as far as machine code made for it goes. */
#ifndef LAG_NATIVE_CPU_H
#define LAG_NATIVE_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is looked for on x86, where not every CPU has it; elsewhere there is fused multiply-add, and nothing else here. */
typedef enum CpuFeature { CPU_AVX, CPU_AVX2, CPU_FMA, CPU_AVX512 /* VL and DQ */ } CpuFeature;

/* What there is and LAG_CPU allows. */
bool cpu_has(CpuFeature feature);

/* Lanes of the widest vectors of doubles that the elementary functions come in: 8, 4 or 2; 1 where they come in none. */
uint32_t cpu_lanes(void);

enum { CPU_IDENTITY_MOST = 512 }; /* bytes that are always enough */

/* Writes at most `most` bytes, and gives back how many: equal on CPUs that can run each other's code, for all that the
 * system says of them, and the same on every core of a machine and in every process. */
size_t cpu_identity(uint8_t *bytes, size_t most);

#endif
