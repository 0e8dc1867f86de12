/* linear.h: dense linear equations, in place, in memory that the caller brings. */
#ifndef LAG_SOLVE_LINEAR_H
#define LAG_SOLVE_LINEAR_H

#include "lag.h"

/* Factors the row-major a[n, n] into L and U with partial pivoting; row k was exchanged with row pivot[k], and
 * the diagonal holds the inverses of U's. Rows are compared by
 * their size relative to their largest entry, since they may have different units; scale[n] is scratch. LAG_ERROR_NOT_FINITE
 * when an entry is not finite, LAG_ERROR_SINGULAR when a pivot is zero or overflows; then a holds nothing of use. */
LagStatus linear_factor(double *a, uint32_t n, uint32_t *pivot, double *scale);

/* Replaces b[n] by the solution of a x = b, a as linear_factor left it. */
void linear_solve(const double *a, uint32_t n, const uint32_t *pivot, double *b);

/* The same of each column of b[n, columns]: the same bits, in a part of the time. */
void linear_solve_columns(const double *a, uint32_t n, const uint32_t *pivot, double *b, uint32_t columns);

/* True if all n numbers are finite. */
bool linear_finite(const double *x, size_t n);

#endif
