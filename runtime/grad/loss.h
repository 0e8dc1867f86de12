/* loss.h: losses of rows that are predicted, and their derivatives (lag.h, "Losses and gradients"). */
#ifndef LAG_GRAD_LOSS_H
#define LAG_GRAD_LOSS_H

#include "lag.h"
#include "lag_kernel.h"

/* Whether every number of a loss is in its range, for d coordinates and m parameters. */
bool loss_fits(const LagLoss *loss, uint32_t d, uint32_t m);

/* Rows of `systems` systems, 1 or LAG_SYSTEMS: each one's seen [rows, d] (of the first NULL: not at all; NaN: missing)
 * against those predicted and the derivatives in them, where number e stands at e * systems. */
typedef struct LossRows {
    size_t rows;
    uint32_t d, systems;
    const double *seen_q[LAG_SYSTEMS], *seen_pi[LAG_SYSTEMS];
    const double *q, *pi;
    double *seed_q, *seed_pi;
} LossRows;

/* The loss of each system's rows to value[systems]. No cap, no penalties. */
void loss_rows(const LagLoss *loss, const LossRows *rows, double *value);

/* What the bounds add for parameters c[m] (eq. 29); its derivatives are added to slope[m]. */
double loss_penalty(const LagLoss *loss, const double *c, double *slope);

/* The loss under its cap, and what derivatives are multiplied by. What is not finite is at the cap. */
double loss_capped(const LagLoss *loss, double value, double *factor);

/* What multiplies e^2 in a sum of squares that has the same derivative in e: by the kind, for one of `count` values of a
 * group whose norm is `norm` (of l2 and lp). For fits. */
double loss_square(const LagLoss *loss, double e, double weight, size_t count, double norm);

#endif
