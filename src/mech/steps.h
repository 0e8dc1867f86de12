/* steps.h: what steps.c, next.c, newton.c, momenta.c and back.c write whole steps with, between themselves. */
#ifndef LAG_MECH_STEPS_H
#define LAG_MECH_STEPS_H

#include "mech/judge.h"

/* Pieces of LAG_WORK. */
typedef struct Room {
    uint32_t size;             /* [d] of each coordinate; where they are looped over */
    uint32_t measure;          /* [d] one over the change that is round-off */
    uint32_t rate;             /* [d] u / h */
    uint32_t place, v;         /* [d, l] q and v at the nodes */
    uint32_t change;           /* [l] of the impulses at each node, in units of round-off */
    uint32_t f;                /* [d, l] of several systems: the impulses under way */
    uint32_t start, low_start; /* [d, l] q + c_i u at the nodes, in two doubles */
    uint32_t cut, part, rest;  /* of each row of LAG_F: where it is cut; [l] what is before, and after */
    uint32_t sums;             /* [2, d, TAPE_LANES_MOST] of either, by columns of LAG_STAGE_END */
    uint32_t q, u;             /* [d] unless late: the state before the step; of several systems, after the last good one */
    uint32_t low;              /* [2, d] the same of LAG_LOW */
    uint32_t beta;             /* [d] of momenta.c, as what follows */
    uint32_t between, pushed;  /* [d, l] velocities and impulses within a sweep, */
    uint32_t momentum;         /* and what momenta are at these velocities */
    uint32_t factors;          /* [d, d, l] of what is solved for: L below its diagonal, U above, U's diagonal inverted */
    uint32_t pull;             /* [d, d, l] h b_i A_v */
    uint32_t mass, middle;     /* [d, d, l] M, which is looked at in one lane; that lane */
    uint32_t error;            /* [d, l] of newton.c: what impulses should be more than they are */
} Room;

typedef struct Steps {
    Writer *w;
    uint32_t l;
    bool moving;  /* A depends on v */
    bool several; /* systems run side by side: each keeps what it has come to while others go on */
    bool compensated;
    bool momenta; /* B is not M v, M constant */
    bool back;    /* the step was taken, and its impulses are those of LAG_F: see back.c */
    bool newton;  /* LAG_FORM_NEWTON: see newton.c */
    bool late;    /* the state follows the next step's first sweep: see next.c */
    Room room;
    Judge judge;
} Steps;

/* ---- References: outside lanes and in them, coordinate by coordinate ---- */

/* What coordinate k has at `base` in rows of `row`. */
static inline TapeRef of(const Writer *w, LagArray array, uint32_t base, uint32_t k, uint32_t row) {
    TapeRef ref = at(array, base + k * row, 0, 0, 0);
    if (w->looped) ref.stride[w->tape->depth - 1] = row;
    return ref;
}

/* The same, at the node whose lane it is. */
static inline TapeRef in_lane(const Writer *w, LagArray array, uint32_t base, uint32_t k, uint32_t row) {
    TapeRef ref = of(w, array, base, k, row);
    ref.stride[0] = 1;
    return ref;
}

/* Rows of LAG_F: impulses, and displacements where they are not made of these. */
static inline uint32_t impulse_rows(const Steps *s) { return (s->momenta ? 2 : 1) * s->w->d; }

static inline TapeValue plus(const Steps *s, TapeValue a, TapeValue b) { return binary(s->w, TAPE_ADD, a, b); }
static inline TapeValue number(const Steps *s, double value) { return tape_constant(s->w->tape, value); }
static inline TapeValue work(const Steps *s, uint32_t base) { return load(s->w, LAG_WORK, base); }

static inline void keep(const Steps *s, LagArray array, uint32_t base, TapeValue value) {
    tape_store(s->w->tape, at(array, base, 0, 0, 0), value);
}

/* Of systems side by side, those keep a value for which `mask` is 0. */
static inline TapeValue masked(const Steps *s, TapeValue mask, TapeValue new, TapeRef ref) {
    return s->several ? tape_ternary(s->w->tape, TAPE_PICK, mask, new, tape_load(s->w->tape, ref)) : new;
}

/* steps.c: how large a change is round-off, into room.measure; the velocity that the step begins with, into room.rate, where
 * velocities are wanted; with it, positions and velocities at the nodes from the impulses, or ahead, from those of the step
 * before. */
void steps_measure(const Steps *s);
void steps_rates(const Steps *s);
void steps_places(const Steps *s, bool ahead);

/* In the loop over the nodes: binds the coordinates there, as steps_places has left them. */
void steps_bind(const Steps *s);

/* next.c, in the order of their calls. Room for it. Before the first step. After the first sweep of a step: the state, if it
 * is late. After the last: the next state, or, late, what it will be made of; whether it is finite. After that has been
 * counted: the state is kept of those systems that go on. Behind the last step: the state is that of the last good step. */
void next_room(Steps *s);
void next_begin(const Steps *s);
void next_late(const Steps *s);
TapeValue next_write(const Steps *s);
void next_keep(const Steps *s);
void next_end(const Steps *s);

/* newton.c, in the order of their calls. Impulses that a step begins with. In the loop over the nodes: impulse k should be
 * f. After each sweep: corrected impulses; and by how much, in room.change. After the step, its state before being in room.q
 * and room.u: what the next begins with. */
void newton_begin(const Steps *s);
void newton_compare(const Steps *s, uint32_t k, TapeValue f);
void newton_correct(const Steps *s);
void newton_end(const Steps *s);

/* momenta.c, in the order of their calls. First: room for the rest, and what does not depend on the step. Before each step:
 * beta. Then sweeps, the first from what the step before is extrapolated to; each of the others leaves velocities' changes
 * in room.change, and gives back the largest there may be beside them. After the first: what a coordinate moves by in a
 * step, or more, as far as round-off goes. */
typedef struct Momenta Momenta;

Momenta *momenta_new(Steps *s); /* NULL when out of memory */
void momenta_begin(const Steps *s, const Momenta *m);
TapeValue momenta_sweep(const Steps *s, Momenta *m, TapeValue t, bool first);
TapeValue momenta_motion(const Steps *s, uint32_t k);
TapeValue momenta_push(const Steps *s, uint32_t k); /* the same of its momentum, roughly */
void momenta_free(Momenta *m);

#endif
