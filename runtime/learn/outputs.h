/* outputs.h: what the network's outputs stand for. */
#ifndef LAG_LEARN_OUTPUTS_H
#define LAG_LEARN_OUTPUTS_H

#include "lag.h"

/* A parameter c of the family, as a function of an output z. With s half of what the prior spans, and the strict bounds of
 * `constrain`:
 *
 *     none          c = middle + s z
 *     c > low       c = low + s softplus(z)            softplus(z) = log(1 + e^z)
 *     c < high      c = high - s softplus(z)
 *     both          c = low + (high - low) / (1 + e^-z)
 *
 * or, where the prior draws by the logarithm, c = e^(middle + s z), middle and s being those of log c;
 *
 * and what is beyond a bound of >= or <= is the bound itself, so that a 0 can be named. There a derivative that asks for
 * more of the same is taken as 0. A strict `low` is kept off by a tenth of the way to the prior's least value, or s / 1000.
 */
typedef struct Output {
    uint32_t parameter, draw; /* which of the kernel's, and which of the prior's draws */
    double low, high;         /* may be infinite */
    bool off_low, off_high;   /* they are strict */
    bool log;
    double middle, size;
} Output;

/* The outputs of a prior, one for each parameter that it draws, in its order: how many, or with `output` NULL just that.
 * `raw`: as without bounds. */
uint32_t outputs_of(const LagPrior *prior, const LagLoss *loss, bool raw, Output *output);

/* The errors of c are measured in s, or in s c where it is named by its logarithm. */
double output_size(const Output *output, double c);

/* The error of the parameter named, among c [m] and truth [m], in that measure: of its logarithm, where it is named by that.
 */
double output_error(const Output *output, const double *c, const double *truth);

/* c of z; and what a derivative by c is by z. */
double output_value(const Output *output, double z);
double output_back(const Output *output, double z, double by_c);

/* Parameters c [systems, m] of the network's y [systems, 2 outputs], each in its system's unit[systems]; what is not named
 * is as in rest [m]. */
void outputs_take(const Output *output, uint32_t outputs, size_t systems, const float *y, const double *unit,
                  const double *rest, size_t m, double *c);

#endif
