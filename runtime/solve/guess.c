/* guess.c: see guess.h. */
#include "guess.h"

#include "linear.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- Carrying on ---- */

/* The last step's polynomial beyond its end, through at most STEP_KNOTS of its nodes: more would amplify round-off. Nodes
 * evenly chosen from Lobatto's lie nearly as Lobatto's of the lower degree. The table gives z at node i of the next step,
 * P(1 + c_i) - P(1), from z at the knots, by Lagrange's formula. */
void guess_init(Stepper *s) {
    uint32_t nodes = s->frame->s, last = nodes - 1;
    const double *c = s->frame->array[LAG_NODE];
    s->knots = nodes < STEP_KNOTS ? nodes : STEP_KNOTS;
    for (uint32_t k = 0; k < s->knots; k++) s->knot[k] = (2 * k * last + s->knots - 1) / (2 * (s->knots - 1));
    for (uint32_t i = 1; i <= last; i++)
        for (uint32_t k = 0; k < s->knots; k++) {
            double product = 1;
            for (uint32_t m = 0; m < s->knots; m++)
                if (m != k) product *= (1 + c[i] - c[s->knot[m]]) / (c[s->knot[k]] - c[s->knot[m]]);
            s->extrapolate[(size_t)(i - 1) * s->knots + k] = k == s->knots - 1 ? product - 1 : product;
        }
}

static bool follow(const Stepper *s, double *z) {
    uint32_t d = s->frame->d;
    if (!s->followed) return false;
    for (uint32_t i = 0; i < s->frame->s - 1; i++) {
        const double *row = s->extrapolate + (size_t)i * s->knots;
        for (uint32_t k = 0; k < d; k++) {
            double sum = 0; /* knot 0 is node 0, where z is 0 */
            for (uint32_t m = 1; m < s->knots; m++) sum += row[m] * s->path[(size_t)(s->knot[m] - 1) * d + k];
            z[(size_t)i * d + k] = sum;
        }
    }
    return linear_finite(z, s->frame->n);
}

/* ---- From the state ---- */

/* Explicit steps from node to node, GUESS_STEPS or more in all. Where the step is longer than the motion's own time, the
 * equations have more solutions than one, and this leads to the right one. */
static bool march(Stepper *s, double *z) {
    enum { GUESS_STEPS = 16 };
    Frame *f = s->frame;
    RungeKutta *rk = &s->march;
    size_t d = f->d, size = d * sizeof *z;
    double t = f->array[LAG_TIME][0], h = f->array[LAG_TIME][1], *q = f->array[LAG_Q];
    memcpy(f->array[LAG_V], s->v, size);
    if (point_velocity(f) != LAG_OK) return false;
    memcpy(rk->q, q, size);
    memcpy(rk->v, f->array[LAG_V], size);
    memcpy(s->start, q, size);
    uint32_t parts = (GUESS_STEPS + f->s - 2) / (f->s - 1);
    LagStatus status = LAG_OK;
    for (uint32_t i = 1; i < f->s && status == LAG_OK; i++) {
        double c = f->array[LAG_NODE][i - 1], part = (f->array[LAG_NODE][i] - c) / parts;
        for (uint32_t j = 0; j < parts && status == LAG_OK; j++)
            status = runge_kutta_step(rk, t + (c + j * part) * h, part * h);
        for (size_t k = 0; k < d; k++) z[(i - 1) * d + k] = rk->q[k] - s->start[k];
    }
    memcpy(q, s->start, size);
    f->array[LAG_TIME][0] = t;
    return status == LAG_OK;
}

/* z_i = c_i h v + (c_i h)^2 a / 2. Where the second term would outrun the first and the coordinate, the motion turns many
 * times in a step, and it is left out. */
static bool from_state(Stepper *s, double *z, bool accelerate) {
    Frame *f = s->frame;
    double h = f->array[LAG_TIME][1], *v = f->array[LAG_V];
    memcpy(v, s->v, f->d * sizeof *v);
    LagStatus status = point_velocity(f);
    if (accelerate && (status != LAG_OK || point_acceleration(f, s->a) != LAG_OK)) return false;
    for (uint32_t k = 0; k < f->d; k++) {
        double size = fmax(fabs(h * v[k]), fabs(f->array[LAG_Q][k])), curve = accelerate ? s->a[k] * h * h / 2 : 0;
        if (size > 0 && fabs(curve) > size) curve = 0;
        for (uint32_t i = 1; i < f->s; i++) {
            double c = f->array[LAG_NODE][i];
            z[(size_t)(i - 1) * f->d + k] = c * (h * v[k]) + c * c * curve;
        }
    }
    return linear_finite(z, f->n);
}

/* ---- Moved ---- */

/* A small velocity more, relative to what is known of the coordinate's size, else of the others', else of h: in three sizes
 * and three directions. No two coordinates move alike, so that differences move too. */
static void nudge(const Stepper *s, double *z, uint32_t variant) {
    static const double step[] = {1e-8, 1e-5, 1e-2};
    const Frame *f = s->frame;
    double all = 0;
    for (uint32_t i = 0; i < f->n; i++) all = fmax(all, fmax(fabs(z[i]), fabs(f->array[LAG_Q][i % f->d])));
    for (uint32_t k = 0; k < f->d; k++) {
        double size = fabs(f->array[LAG_Q][k]), sign = variant % 3 == 1 || (variant % 3 == 2 && k % 2) ? -1 : 1;
        for (uint32_t i = k; i < f->n; i += f->d) size = fmax(size, fabs(z[i]));
        if (size == 0) size = all > 0 ? all : fabs(f->array[LAG_TIME][1]);
        size *= sign * step[variant / 3] * (1 + (k % 7) / 8.0);
        for (uint32_t i = 1; i < f->s; i++) z[(size_t)(i - 1) * f->d + k] += f->array[LAG_NODE][i] * size;
    }
}

bool guess_fill(Stepper *s, int guess) {
    double *z = s->frame->array[LAG_Z];
    if (guess == GUESS_FOLLOW) return follow(s, z);
    if (guess == GUESS_MARCH) return march(s, z);
    if (guess == GUESS_ACCELERATE) return from_state(s, z, true);
    if (guess == GUESS_COAST) return from_state(s, z, false);
    if (guess == GUESS_REST || (!from_state(s, z, true) && !from_state(s, z, false))) memset(z, 0, s->frame->n * sizeof *z);
    if (guess >= GUESS_NUDGE) nudge(s, z, (uint32_t)(guess - GUESS_NUDGE));
    return true;
}
