/* powers.h: powers of an affine map, made in twice the precision. */
#ifndef LAG_SOLVE_POWERS_H
#define LAG_SOLVE_POWERS_H

#include "lag.h"

enum { POWERS_BITS = 3, POWERS = 1 << POWERS_BITS, POWERS_DOF_MOST = LAG_AFFINE_DOF_MOST };

/* Numbers of twice the precision: each the sum of two. */
typedef struct Twofold {
    double *high, *low;
} Twofold;

/* The first eight powers of a map of states x = (q, pi), d numbers each: rows of x' are x_i + sum_j C_ij x_j, or the sum
 * alone. Where something is constant, x has a last number, 1. */
typedef struct Powers {
    uint32_t d, columns;  /* columns: 2d, or 2d + 1 */
    double *entry;        /* [2, d, columns, POWERS] C in the order in which states lie in memory: number n of eight images'
                             q, or pi, has its factors in lane n % POWERS of row n / POWERS */
    double *keep;         /* [2, POWERS, d] 1 where x_i is added, 0 where not: the same for all powers */
    Twofold eighth;       /* [columns, 2d] the last of them, by columns, in twice the precision */
    double growth, shift; /* no power makes a largest |x_i| larger than growth times it, plus shift */
} Powers;

/* How many doubles `entry` needs for d degrees of freedom. */
static inline size_t powers_size(uint32_t d) { return (size_t)2 * d * (2 * d + 1) * POWERS; }

/* The map[2d, columns] x' = x + change x, with a last column for what is constant where `columns` has room for it. */
void powers_begin(uint32_t d, uint32_t columns, const double *change, const double *constant, Twofold map);

/* Makes the powers 1 .. 8 of `map`, which becomes the eighth; `one` and `other` are scratch. False, with `map` undefined,
 * where one of them has rows too small or too large to serve. */
bool powers_make(Powers *powers, Twofold *map, Twofold *one, Twofold *other);

/* The eighth power of a state[2d] whose numbers are below 2^990, in twice the precision. */
void powers_eighth(const Powers *powers, Twofold state, Twofold image);

#endif
