/* lobatto.h: the tables of the Gauss-Lobatto step. */
#ifndef LAG_MECH_LOBATTO_H
#define LAG_MECH_LOBATTO_H

#include <stdbool.h>
#include <stdint.h>

/* Fills the five tables of lag_kernel.h for r interior nodes (0 .. LAG_R_MAX), s = r + 2: node and weight [s], derive,
 * gather and stiffness [s, s], on the unit interval. Every entry is the double nearest to the exact number. False, with the
 * tables untouched, when r is out of range or there is no memory. */
bool lobatto_tables(uint32_t r, double *node, double *weight, double *derive, double *gather, double *stiffness);

#endif
