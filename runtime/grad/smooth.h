/* smooth.h: curves through observations: polynomials fitted to the rows about each. */
#ifndef LAG_GRAD_SMOOTH_H
#define LAG_GRAD_SMOOTH_H

#include "lag.h"

/* Coordinates and velocities at the rows that have all coordinates, and how far the curves leave the data. */
typedef struct Smooth {
    size_t rows;
    size_t *row;       /* [rows] which of the data's */
    double *t, *q, *v; /* [rows], [rows, d] */
    double *noise;     /* [d] the size of errors that this points to */
    size_t window;     /* rows on each side, the most of all coordinates */
    double *block;
} Smooth;

enum { SMOOTH_LEAST = 5 }; /* rows in all */

/* False where there are no such curves (*lacking: for want of memory). Free with smooth_free, after a failure too. */
bool smooth_find(Smooth *smooth, const LagSeen *seen, uint32_t d, bool *lacking);
void smooth_free(Smooth *smooth);

#endif
