/* writer.h: what discrete.c and jacobian.c write a step with, between themselves. */
#ifndef LAG_MECH_WRITER_H
#define LAG_MECH_WRITER_H

#include "mech/mechanics.h"
#include "tape/emit.h"

typedef enum Block { BLOCK_AQ, BLOCK_AV, BLOCK_BQ, BLOCK_BV, BLOCK_COUNT } Block;

enum { PLACE_ZERO = UINT32_MAX, PLACE_FIXED = UINT32_MAX - 1 }; /* no place: 0, or the same at all nodes */

/* What is at (k, l) in the blocks, where one of them is not zero. */
typedef struct Entry {
    uint32_t at;                 /* k d + l */
    uint32_t place[BLOCK_COUNT]; /* in LAG_WORK, of the values at the nodes */
    uint32_t row;                /* in LAG_WORK, of G_ij B_v(j), where B_v varies */
    TapeValue scaled;            /* B_v / h, where it doesn't */
} Entry;

/* Coordinates from which on what is done alike for each of them is a loop: fewer run a little faster written out. */
enum { LOOPED_LEAST = 16 };

typedef struct Writer {
    Mechanics *m;
    Tape *tape;
    Emitter emit;
    uint32_t d, s, r; /* degrees of freedom, nodes, interior nodes */
    bool looped;      /* over the coordinates */
    bool wide;        /* there are no matrices (lag_kernel.h) */
    TapeValue t, h, inverse_h;
    uint32_t position, force, momentum; /* pieces of LAG_WORK: q_i, A_i, B_i at the nodes, [s, d] each */
    const NodeId *block[BLOCK_COUNT];
    Entry *entry;
    uint32_t entry_count;
} Writer;

static inline TapeRef at(LagArray array, uint32_t base, uint32_t stride0, uint32_t stride1, uint32_t stride2) {
    return (TapeRef){array, base, {stride0, stride1, stride2}};
}

static inline TapeValue load(Writer *w, LagArray array, uint32_t base) {
    return tape_load(w->tape, at(array, base, 0, 0, 0));
}

static inline TapeValue binary(Writer *w, TapeCode code, TapeValue a, TapeValue b) {
    return tape_binary(w->tape, code, a, b);
}

/* What is done alike for each coordinate: bodies to be written for k = 0, 1 .., one of them where it is a loop. */
static inline uint32_t coordinates_begin(Writer *w) {
    if (w->looped) tape_loop(w->tape, w->d);
    return w->looped ? 1 : w->d;
}

static inline void coordinates_end(Writer *w) {
    if (w->looped) tape_end(w->tape);
}

/* The same reference, stepping through the terms of a sum. */
static inline TapeRef terms(const Writer *w, TapeRef ref, uint32_t stride) {
    ref.stride[w->tape->depth] = stride;
    return ref;
}

/* The rows of one node i, or of the interior nodes 1 .. r in a loop: their place among rows and nodes. */
typedef struct Rows {
    uint32_t node, row;           /* of the first */
    uint32_t node_step, row_step; /* by the loop's counter */
} Rows;

/* jacobian.c, in the order of their calls. First: lists the entries, and gives each value that varies from node to node its
 * piece of LAG_WORK; false when out of memory. At each node: keeps those values. Last: the rows of the Jacobian. */
bool jacobian_place(Writer *w);
void jacobian_store_node(Writer *w);
void jacobian_write(Writer *w);

/* steps.c: all of LAG_STEPS, in a form of LagForm, parameters being bound. */
void steps_write(Writer *w, uint32_t form);

/* back.c: all of LAG_STEPS_BACK; and of LAG_MASS_BACK, on which there is nothing where M does not depend on parameters. */
void back_write(Writer *w);
void back_write_mass(Writer *w);

/* wide.c: the same for kernels that are wide, where forces are free of velocity and r >= 1. False, and nothing is written,
 * where few coordinates are like the next. */
bool wide_write(Writer *w);

#endif
