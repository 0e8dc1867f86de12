/* flush.h: numbers too small to have all their bits count as 0 while steps are taken: to the CPU they cost a hundred times
 * the others, and to a state that has decayed so far they mean nothing. What was set before is given back. */
#ifndef LAG_SOLVE_FLUSH_H
#define LAG_SOLVE_FLUSH_H

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

static inline unsigned long long flush_small(void) {
#if defined(__x86_64__)
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040); /* flush to zero, denormals are zero */
    return before;
#elif defined(__aarch64__)
    unsigned long long before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | 1ull << 24));
    return before;
#else
    return 0;
#endif
}

static inline void flush_as(unsigned long long before) {
#if defined(__x86_64__)
    _mm_setcsr((unsigned)before);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(before));
#else
    (void)before;
#endif
}

#endif
