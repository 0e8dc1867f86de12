/* runge_kutta.c: q' = v, v' = B_v^-1 (A - B_q v - B_t) by the explicit midpoint rule or the classical rule of order 4. */
#include "runge_kutta.h"

#include "linear.h"

#include <stdlib.h>
#include <string.h>

LagStatus runge_kutta_init(RungeKutta *rk, Frame *frame, bool fourth) {
    *rk = (RungeKutta){.frame = frame, .fourth = fourth, .block = calloc(6 * (size_t)frame->d, sizeof(double))};
    if (!rk->block) return LAG_ERROR_MEMORY;
    double **const piece[] = {&rk->q, &rk->v, &rk->slope_q, &rk->slope_v, &rk->sum_q, &rk->sum_v};
    for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) *piece[i] = rk->block + i * frame->d;
    return LAG_OK;
}

void runge_kutta_free(RungeKutta *rk) {
    free(rk->block);
    *rk = (RungeKutta){0};
}

/* Slopes at the state moved by `shift` of the slopes at hand, added to the sums with their weight. */
static LagStatus stage(RungeKutta *rk, double t, double shift, double weight) {
    Frame *f = rk->frame;
    double *Q = f->array[LAG_Q], *V = f->array[LAG_V];
    f->array[LAG_TIME][0] = t;
    for (uint32_t k = 0; k < f->d; k++) {
        Q[k] = rk->q[k] + shift * rk->slope_q[k];
        V[k] = rk->v[k] + shift * rk->slope_v[k];
    }
    LagStatus status = point_acceleration(f, rk->slope_v);
    for (uint32_t k = 0; status == LAG_OK && k < f->d; k++) {
        rk->slope_q[k] = V[k];
        rk->sum_q[k] += weight * rk->slope_q[k];
        rk->sum_v[k] += weight * rk->slope_v[k];
    }
    return status;
}

/* The new state from the sums, and its momentum. */
static LagStatus finish(RungeKutta *rk, double t, double h) {
    Frame *f = rk->frame;
    double *Q = f->array[LAG_Q], *V = f->array[LAG_V];
    for (uint32_t k = 0; k < f->d; k++) {
        Q[k] = rk->q[k] + h * rk->sum_q[k];
        V[k] = rk->v[k] + h * rk->sum_v[k];
    }
    f->array[LAG_TIME][0] = t;
    frame_run(f, LAG_POINT);
    if (!linear_finite(Q, f->d) || !linear_finite(V, f->d) || !linear_finite(f->array[LAG_B], f->d))
        return LAG_ERROR_NOT_FINITE;
    memcpy(rk->q, Q, f->d * sizeof *Q);
    memcpy(rk->v, V, f->d * sizeof *V);
    return LAG_OK;
}

LagStatus runge_kutta_step(RungeKutta *rk, double t, double h) {
    Frame *f = rk->frame;
    size_t size = f->d * sizeof(double);
    memset(rk->slope_q, 0, 4 * size); /* slopes and sums */
    LagStatus status;
    if (rk->fourth) {
        status = stage(rk, t, 0, 1.0 / 6);
        if (status == LAG_OK) status = stage(rk, t + h / 2, h / 2, 1.0 / 3);
        if (status == LAG_OK) status = stage(rk, t + h / 2, h / 2, 1.0 / 3);
        if (status == LAG_OK) status = stage(rk, t + h, h, 1.0 / 6);
    } else {
        status = stage(rk, t, 0, 0);
        if (status == LAG_OK) status = stage(rk, t + h / 2, h / 2, 1);
    }
    if (status == LAG_OK) status = finish(rk, t + h, h);
    memcpy(f->array[LAG_Q], rk->q, size);
    memcpy(f->array[LAG_V], rk->v, size);
    return status;
}
