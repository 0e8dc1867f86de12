/* start.c: see start.h. */
#include "start.h"

#include "../solve/linear.h"

#include <string.h>

LagStatus start_momentum(Flow *f, uint32_t lane, double t, const double *v) {
    double *const *to = f->frame.array;
    if (f->m) numbers_from(f->array[LAG_PARAMETER], f->systems, lane, to[LAG_PARAMETER], f->m);
    numbers_from(f->array[LAG_Q], f->systems, lane, to[LAG_Q], f->d);
    memcpy(to[LAG_V], v, f->d * sizeof *v);
    to[LAG_TIME][0] = t;
    frame_run(&f->frame, LAG_POINT);
    numbers_to(f->start_v, f->systems, lane, v, f->d);
    numbers_to(f->array[LAG_PI], f->systems, lane, to[LAG_B], f->d);
    return linear_finite(to[LAG_B], f->d) ? LAG_OK : LAG_ERROR_NOT_FINITE;
}

void start_keep(Flow *f, double t) {
    double **p = f->point;
    for (uint32_t lane = 0; lane < f->systems; lane++) p[LAG_TIME][lane] = t;
    p[LAG_Q] = f->array[LAG_Q], p[LAG_V] = f->start_v;
    p[LAG_A] = f->node_A, p[LAG_B] = f->node_B, p[LAG_AQ] = f->node_AQ, p[LAG_AV] = f->node_AV;
    p[LAG_BQ] = f->start_BQ, p[LAG_BV] = f->start_BV, p[LAG_AP] = f->node_AP, p[LAG_BP] = f->start_BP;
    f->slopes.point.run(f->slopes.point.code, p);
}

void start_back(Flow *f, double *lambda_q, double *lambda_pi, double *slope_c) {
    const size_t d = f->d, m = f->m, w = f->systems;
    for (size_t lane = 0; lane < w; lane++) {
        double *by_v = f->stepper.reach; /* [2 d] */
        for (size_t l = 0; l < d; l++) {
            double q = 0, v = 0;
            for (size_t k = 0; k < d; k++) {
                double lambda = lambda_pi[k * w + lane];
                q += lambda * f->start_BQ[(k * d + l) * w + lane];
                v += lambda * f->start_BV[(k * d + l) * w + lane];
            }
            lambda_q[l * w + lane] += q;
            by_v[l] = v;
        }
        for (size_t j = 0; j < m; j++)
            for (size_t k = 0; k < d; k++)
                slope_c[j * w + lane] += lambda_pi[k * w + lane] * f->start_BP[(k * m + j) * w + lane];
        for (size_t l = 0; l < d; l++) lambda_pi[l * w + lane] = by_v[l];
    }
}
