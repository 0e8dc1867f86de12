/* chance.h: random bits that are the same everywhere (splitmix64: Steele, Lea & Flood, Fast splittable pseudorandom number
 * generators, OOPSLA 2014). */
#ifndef LAG_SOLVE_CHANCE_H
#define LAG_SOLVE_CHANCE_H

#include <stdint.h>

#define CHANCE_GOLDEN 0x9e3779b97f4a7c15u

/* 64 bits that tell nothing of those that they are made of, one to one. */
static inline uint64_t chance_mixed(uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* The next of a sequence. */
static inline uint64_t chance_bits(uint64_t *state) { return chance_mixed(*state += CHANCE_GOLDEN); }

#endif
