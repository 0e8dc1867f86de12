/* group.h: systems side by side, as LAG_STEPS takes them through their steps: number e of an array stands at e * systems,
 * one double for each. */
#ifndef LAG_SOLVE_GROUP_H
#define LAG_SOLVE_GROUP_H

#include "numbers.h"
#include "sweeps.h"

typedef struct Group {
    const LagKernel *kernel;
    uint32_t systems;               /* LAG_SYSTEMS, or 1 */
    double *array[LAG_ARRAY_COUNT]; /* those of LAG_STEPS and the tables; WORK is brought by who runs it */
    double *mass;                   /* [d], or [d, d] where M is not diagonal, of each system */
    bool begun;                     /* systems are in */
} Group;

/* Doubles of a group, of each system; and a group of such a block, all 0. */
size_t group_size(const LagKernel *kernel);
void group_place(Group *group, const LagKernel *kernel, uint32_t systems, double *block);

/* Where a system begins. */
typedef struct GroupStart {
    const double *c, *q, *pi; /* [m], [d], [d] */
    double t, h;
} GroupStart;

/* Puts a system into its lane, by way of the arrays of one; false where it cannot go by sweeps. */
bool group_begin(Group *group, Sweeps *sweeps, uint32_t lane, const GroupStart *start);

/* A lane that has no system, or whose system goes on elsewhere, does what another does. */
void group_fill(Group *group, uint32_t lane, uint32_t like);

/* pi [d] of a lane, steps being h; and that of all lanes from u [d] of theirs, where B = M v. */
void group_momentum(const Group *group, uint32_t lane, double h, double *pi);
void group_momenta(const Group *group, const double *u, double h, double *pi);

#endif
