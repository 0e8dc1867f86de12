/* record.h: a motion run forth, with what it takes to go back through it. */
#ifndef LAG_GRAD_RECORD_H
#define LAG_GRAD_RECORD_H

#include "flow.h"
#include "sight.h"

/* The steps of a motion in pieces of `piece`: each piece's beginning is kept, and all of one piece; another is run again
 * when it is wanted. With one piece, nothing is. */
typedef struct Record {
    Flow *flow;
    uint64_t steps, piece, pieces, held; /* held: which piece is there */
    double t, h;
    double *q, *z, *inverse; /* of each step of the piece: [piece] of [d], [n], [n, n] (one for all where R_z is constant) */
    double *begin;           /* [pieces] of what a step hands to the next: state, z, inverse */
    double *room;
    size_t size; /* doubles of it */
    const atomic_bool *cancelled;
} Record;

enum { RECORD_PIECES = 64 * 1024 * 1024 / 8 }; /* doubles that are taken without being told to spare */

/* Room for a motion of so many steps. False without memory. */
bool record_open(Record *record, Flow *flow, double t, double h, uint64_t steps, bool sparing);
void record_free(Record *record);

/* Runs forth from the flow's state, and puts what is seen at the rows of `sights` into seen_q and seen_pi [rows, d]. */
void record_run(Record *record, const Sights *sights, double *seen_q, double *seen_pi);

/* Goes back: seeds of the rows, and derivatives of the start. lambda_q, lambda_pi [d] and slope_c [m] are written. */
void record_back(Record *record, const Sights *sights, const double *seed_q, const double *seed_pi, double *lambda_q,
                 double *lambda_pi, double *slope_c);

#endif
