/* swept.h: motions whose steps are found by sweeps (lag_kernel.h), B being M v with M constant, forth and back: record.h's
 * counterpart. Their steps are the integrator's own, to the last bit, where that takes them by sweeps too. */
#ifndef LAG_GRAD_SWEPT_H
#define LAG_GRAD_SWEPT_H

#include "../solve/group.h"
#include "sight.h"

#include <stdatomic.h>

/* Motions of one system, or of LAG_SYSTEMS side by side. */
typedef struct Swept {
    const LagKernel *kernel;
    uint32_t systems, d, m, s, l;
    Frame frame; /* of one system, to begin with */
    Sweeps sweeps;
    LagProcedure lanes; /* LAG_STEPS of several */
    LagBack back;
    Group group;
    double *array[LAG_ARRAY_COUNT]; /* what the programs that go back are given */
    double *block, *work;
    size_t work_size;       /* doubles of it */
    bool lost[LAG_SYSTEMS]; /* a step was not found by sweeps, forth or back: the motion is to be done otherwise */
    /* The start, and what the seeds of its own row count for: [d]. Where inside rows are, what they make of the step's
     * beginning. */
    double *start_pi, *start_v, *start_u, *start_by, *end_u, *begin_q, *begin_u;
    double *row_u, *row_by; /* [d] scratch */
    bool velocity;
    /* The steps, in pieces as in record.h. */
    bool recording;
    uint64_t steps, piece, pieces, held;
    double t, h;
    double *q, *u, *f; /* of each step of the piece held: [piece] of [d], [d], [d, s] */
    double *begin;     /* [pieces] of what a step hands to the next */
    double *room;
    size_t size; /* doubles of it */
    const atomic_bool *cancelled;
} Swept;

/* Whether a kernel's motions go this way. */
bool swept_fits(const LagKernel *kernel);

LagStatus swept_init(Swept *swept, const LagKernel *kernel, uint32_t systems);
void swept_free(Swept *swept);

/* So many more steps of each system are about to be taken, and gone `back` through: better programs may be made. False where
 * there are none, of several systems or for want of memory. */
bool swept_expect(Swept *swept, uint64_t steps, bool back);

/* Room for a motion of so many steps, and for going back through it if `back`. False without memory. */
bool swept_open(Swept *swept, double t, double h, uint64_t steps, bool sparing, bool back);

/* The start of a lane's system: c [m], q [d], and pi or v [d], the other being NULL. */
LagStatus swept_begin(Swept *swept, uint32_t lane, const double *c, const double *q, const double *pi, const double *v);

/* Forth and back, as record_run and record_back: lambda_rate is in pi or v, whichever the start was given by. Of lanes that
 * are lost, nothing is meant by what is written. */
void swept_run(Swept *swept, const Sights *sights, double *seen_q, double *seen_pi);
void swept_back(Swept *swept, const Sights *sights, double *seed_q, double *seed_pi, double *lambda_q, double *lambda_rate,
                double *slope_c);

bool swept_all_lost(const Swept *swept);

#endif
