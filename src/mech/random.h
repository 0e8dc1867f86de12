/* random.h: random points in high-precision arithmetic, for what algebra does not decide. The same points every day. */
#ifndef LAG_MECH_RANDOM_H
#define LAG_MECH_RANDOM_H

#include "graph/evaluate.h"
#include "mech/mechanics.h"

/* Values for all variables and parameters of a mechanics: the names' nodes and their values side by side. */
typedef struct RandomPoint {
    NodeId *name;
    mpfr_t *value;
    uint32_t count, variables; /* the coordinates' variables come first */
    uint64_t state;
} RandomPoint;

/* Room for every name; all values 0. False when out of memory. */
bool random_new(RandomPoint *point, const Mechanics *m, mpfr_prec_t bits);

/* Draws every value: parameters and t from (1/2, 3/2) `spread`, coordinates and velocities from (-1, 1) `spread`. */
void random_draw(RandomPoint *point, double spread);
void random_free(RandomPoint *point);

#endif
