/* estimate.c: how far a step is from its two halves (lag.h, lag_step_error). */
#include "lag.h"

#include <math.h>
#include <stdlib.h>

static const double estimate_tiny = 1e-10; /* a coordinate below this part of the largest is measured by that part */

/* So many steps from the state; *end is given to the caller's rows. */
static LagStatus take(const LagKernel *kernel, const double *c, double t, const double *q, const double *pi, double h,
                      uint64_t steps, double *end) {
    LagIntegrator *it;
    LagRows rows = {.capacity = 1, .q = end};
    LagStatus status = lag_integrator_new(kernel, LAG_METHOD_GGL, &it);
    if (status != LAG_OK) return status;
    lag_integrator_parameters(it, c);
    status = lag_integrator_start(it, t, q, pi);
    if (status == LAG_OK) status = lag_integrator_advance(it, h, steps, steps, &rows);
    lag_integrator_free(it);
    return status;
}

LagStatus lag_step_error(const LagKernel *kernel, const double *c, double t, const double *q, const double *pi, double h,
                         double *error) {
    if (!kernel || !q || !pi || !error || (kernel->parameter_count && !c)) return LAG_ERROR_ARGUMENT;
    uint32_t d = kernel->dof;
    double *one = calloc(2 * (size_t)d, sizeof *one), *two = one + d, all = 0, worst = 0;
    if (!one) return LAG_ERROR_MEMORY;
    LagStatus status = take(kernel, c, t, q, pi, h, 1, one);
    if (status == LAG_OK) status = take(kernel, c, t, q, pi, h / 2, 2, two);
    for (uint32_t k = 0; k < d; k++) all = fmax(all, fmax(fabs(q[k]), fabs(two[k])));
    for (uint32_t k = 0; k < d && all > 0; k++) {
        double size = fmax(fmax(fabs(q[k]), fabs(two[k])), fmax(fabs(two[k] - q[k]), estimate_tiny * all));
        worst = fmax(worst, fabs(one[k] - two[k]) / size);
    }
    free(one);
    if (status == LAG_OK) *error = worst;
    return status;
}
