/* numbers.h: what is done to rows of doubles, of one system or of several side by side, where number e of an array stands at
 * e * systems. */
#ifndef LAG_SOLVE_NUMBERS_H
#define LAG_SOLVE_NUMBERS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline void numbers_copy(double *to, const double *from, size_t count) { memcpy(to, from, count * sizeof *to); }

static inline void numbers_add(double *to, const double *from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] += from[i];
}

/* One system's numbers into its lane, and out of it. */
static inline void numbers_to(double *lanes, uint32_t systems, uint32_t lane, const double *from, size_t count) {
    for (size_t i = 0; i < count; i++) lanes[i * systems + lane] = from[i];
}

static inline void numbers_from(const double *lanes, uint32_t systems, uint32_t lane, double *to, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = lanes[i * systems + lane];
}

#endif
