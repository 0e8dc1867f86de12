/* start.h: starts that are given as velocities, pi = B(q, v, t). */
#ifndef LAG_GRAD_START_H
#define LAG_GRAD_START_H

#include "flow.h"

/* The momentum of a system whose velocity is v[d], at q and c as flow_begin has put them. The flow holds v too. */
LagStatus start_momentum(Flow *flow, uint32_t lane, double t, const double *v);

/* Keeps B's derivatives at the start of all systems, and start_back goes back by them: lambda_q and slope_c [m] are added
 * to, and lambda_pi becomes the derivative in v. */
void start_keep(Flow *flow, double t);
void start_back(Flow *flow, double *lambda_q, double *lambda_pi, double *slope_c);

#endif
