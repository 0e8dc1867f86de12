/* judge.h: when sweeps are at an end, and what goes from step to step, for steps.c and wide.c alike. */
#ifndef LAG_MECH_JUDGE_H
#define LAG_MECH_JUDGE_H

#include "mech/writer.h"

/* Pieces of LAG_WORK. */
typedef struct Judge {
    uint32_t sweeps, now, theta, good; /* of the step under way; `now`: the largest change, in units of round-off */
    uint32_t alive, active;            /* of systems side by side: whether all steps were good, and sweeps go on */
    bool several;                      /* systems run side by side: each keeps what it has come to while others go on */
    bool compensated;
    double theta_least; /* what a theta of steps before is taken for at least */
    bool newton;        /* sweeps are Newton's: a first correction of many times the motion is not gone on from */
    bool exact;         /* the first correction leaves nothing but round-off */
} Judge;

void judge_room(Judge *judge, Tape *tape);

/* Before a step: so many evaluations are compared with nothing, 0 or 1. */
void judge_begin(const Judge *judge, Writer *w, uint32_t uncompared);

/* After a sweep that has changed impulses by `now` at most: not 0 where sweeps are at an end, in all systems. */
TapeValue judge_sweep(const Judge *judge, Writer *w, TapeValue now, uint32_t uncompared);

/* After the last: theta is kept for the steps to come, sweeps are counted. */
void judge_remember(const Judge *judge, Writer *w);

/* Counts the step if it is good, and tells whether it is the last. */
TapeValue judge_count(const Judge *judge, Writer *w, TapeValue finite);

/* The time of the step's start, or so many steps after it, by count: nothing is added up. */
TapeValue judge_time(Writer *w, double steps);

#endif
