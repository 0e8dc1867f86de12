/* apart.h: forces taken apart into what is alike from coordinate to coordinate: what wide.c writes. */
#ifndef LAG_MECH_APART_H
#define LAG_MECH_APART_H

#include "mech/mechanics.h"

enum { APART_RUN_LEAST = 8 }; /* alike, to be a run */

typedef struct Term {
    uint32_t part;
    bool negative;
    NodeId factor; /* a positive constant */
} Term;

/* Parts that are alike, from the first on, each the `next` of the one before; or one alone. */
typedef struct Run {
    uint32_t part, count, place; /* of their values, side by side, with room for lanes behind them */
} Run;

/* A_k is the sum of coordinate k's terms: parts times a factor, or the negatives of that. */
typedef struct Forces {
    Mechanics *m;
    NodeId *part;
    uint32_t *next;  /* the part that one is when each coordinate is its next; or NODE_NONE */
    uint32_t *place; /* of its value */
    uint32_t parts, part_capacity, next_capacity, place_capacity;
    uint32_t *known; /* by node: 1 + its part, or 0 */
    uint32_t known_capacity;
    Term *term;
    uint32_t *first; /* [d + 1] of each coordinate's terms */
    uint32_t terms, term_capacity;
    Run *run;
    uint32_t runs, run_capacity, places;
    NodeId *from, *to; /* [d] scratch */
} Forces;

/* Takes the forces apart; they must hold no velocities. False when out of memory. To be freed in both cases. */
bool forces_new(Forces *forces, Mechanics *m);
void forces_free(Forces *forces);

/* Whether most parts are in runs. */
bool forces_mostly_alike(const Forces *forces);

/* How far the value of term i of coordinate k's is from that of the next one's. */
uint32_t forces_stride(const Forces *forces, uint32_t k, uint32_t i);

/* Whether coordinate k + 1 is pushed as k is but for factors, by parts each of which is the next, or the same, as from
 * `begin` on. */
bool forces_like_next(const Forces *forces, uint32_t k, uint32_t begin);

#endif
