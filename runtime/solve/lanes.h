/* lanes.h: what is done for many steps at once, on as many doubles as the CPU takes together. */
#ifndef LAG_SOLVE_LANES_H
#define LAG_SOLVE_LANES_H

#include "powers.h"

typedef struct Lanes {
    uint32_t width; /* doubles at once */
    /* For each of `count` states, its images under powers 1 .. 8: q[count, d] to to_q[count, 8, d], and pi the same. */
    void (*powers)(const Powers *powers, size_t count, const double *q, const double *pi, double *to_q, double *to_pi);
    /* The same in order of time, each state before its images but the last: to to_q[8 count + 1, d]. */
    void (*fans)(const Powers *powers, size_t count, const double *q, const double *pi, double *to_q, double *to_pi);
    /* As `powers`, past the caches, to arrays whose doubles come in aligned pairs; lanes_drain ends it. */
    void (*streams)(const Powers *powers, size_t count, const double *q, const double *pi, double *to_q, double *to_pi);
    /* t[i] = start + (first + i every) h. */
    void (*times)(double start, double h, double first, double every, uint32_t count, double *t);
} Lanes;

/* By `width`, 2, 4 or 8: NULL where the CPU has none. All give the same bits. */
const Lanes *lanes_of(uint32_t width);
const Lanes *lanes_widest(void);

/* Other threads see what was streamed as they see what was written before it. */
void lanes_drain(void);

#endif
