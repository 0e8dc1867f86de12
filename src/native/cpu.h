/* cpu.h: what a CPU is, as far as machine code made for it goes. */
#ifndef LAG_NATIVE_CPU_H
#define LAG_NATIVE_CPU_H

#include <stddef.h>
#include <stdint.h>

enum { CPU_IDENTITY_MOST = 512 }; /* bytes that are always enough */

/* Writes at most `most` bytes, and gives back how many: equal on CPUs that can run each other's code, for all that the
 * system says of them, and the same on every core of a machine and in every process. */
size_t cpu_identity(uint8_t *bytes, size_t most);

#endif
