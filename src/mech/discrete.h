/* discrete.h: the pointwise functions and the discrete Euler-Lagrange step as tapes. */
#ifndef LAG_MECH_DISCRETE_H
#define LAG_MECH_DISCRETE_H

#include "mech/mechanics.h"
#include "tape/tape.h"

/* The tape of a routine of lag_kernel.h, for a step with r interior nodes (r is not looked at for pointwise routines).
 * tape->failed when out of memory or too long; nothing is on it where the mechanics have no such routine. The caller frees
 * the tape. */
void discrete_tape(Mechanics *m, LagRoutine routine, uint32_t r, Tape *tape);

/* The same for `systems` of them side by side (1: one). Those that are made when they are first asked
 * for want mechanics_derive_parameters. */
void discrete_tape_beside(Mechanics *m, LagRoutine routine, uint32_t r, uint32_t systems, Tape *tape);

/* The tape of LAG_STEPS in a form of LagForm. */
void discrete_steps_tape(Mechanics *m, uint32_t r, uint32_t form, Tape *tape);

/* Doubles in each array of a kernel; LAG_WORK is 0 here, it depends on the tapes. */
void discrete_sizes(const Mechanics *m, uint32_t r, size_t size[LAG_ARRAY_COUNT]);

#endif
