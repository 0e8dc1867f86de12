/* kept.c: see kept.h.
 *
 * Forces are taken to first order about places that are looked at twice: first as if all nodes were where the step begins,
 * then where that leads. With a = f* there, S = h^2 b M^-1 A_q and T = h b M^-1 A_v at each node, z and w = h v the places,
 *
 *     f = a + S (c u + H f - z) + T (u + J f - w),    (1 - S H - T J) f = a - S z - T w + (c S + T) u
 *
 * where z is counted from q: what q changes by changes f by N S. */
#include "kept.h"

#include "linear.h"

#include <stdlib.h>
#include <string.h>

LagStatus kept_init(Kept *k, Frame *f) {
    enum { LINE = 8 };
    const LagArray array[] = {LAG_NEWTON, LAG_AHEAD, LAG_AHEAD_BY};
    const size_t d = f->d, n = d * f->s;
    size_t size = n * n + 4 * n + 2 * n * d + n * (n + 2 * d + 1) + d, place[3];
    size = (size + LINE - 1) / LINE * LINE;
    for (int i = 0; i < 3; i++) place[i] = size, size += (f->kernel->size[array[i]] + LINE - 1) / LINE * LINE;
    k->block = aligned_alloc(LINE * sizeof *k->block, size * sizeof *k->block);
    k->pivot = calloc(n, sizeof *k->pivot);
    if (!k->block || !k->pivot) {
        kept_free(k);
        return LAG_ERROR_MEMORY;
    }
    memset(k->block, 0, size * sizeof *k->block);
    double *at = k->block;
    double **const piece[] = {&k->matrix, &k->scale, &k->force, &k->by_q, &k->by_u, &k->place, &k->solved, &k->state};
    const size_t sizes[] = {n * n, n, n, n * d, n * d, 2 * n, n * (n + 2 * d + 1), d};
    for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) *piece[i] = at, at += sizes[i];
    for (int i = 0; i < 3; i++) f->array[array[i]] = k->block + place[i];
    return LAG_OK;
}

void kept_free(Kept *k) {
    free(k->block);
    free(k->pivot);
    *k = (Kept){0};
}

/* ---- Forces at the nodes ---- */

/* z and h v at the nodes: of impulses f, or at the step's start. */
static void find_places(const Kept *k, const Frame *f, const double *impulse) {
    const uint32_t d = f->d, s = f->s, l = lag_lanes(s);
    const double *H = f->array[LAG_REACH], *J = f->array[LAG_RATE], *c = f->array[LAG_STAGE_NODE], *u = f->array[LAG_U];
    double *z = k->place, *w = k->place + (size_t)s * d;
    for (uint32_t i = 0; i < s; i++)
        for (uint32_t a = 0; a < d; a++) {
            double gone = 0, pushed = u[a];
            for (uint32_t j = 0; j < s && impulse; j++) {
                gone += H[(size_t)j * l + i] * impulse[a * s + j];
                pushed += J[(size_t)j * l + i] * impulse[a * s + j];
            }
            z[i * d + a] = impulse ? c[i] * u[a] + gone : 0;
            w[i * d + a] = pushed;
        }
}

/* M^-1 x h^2 b_i, row a of it, x [d, columns] and its column. */
static double pushed(const Frame *f, uint32_t i, uint32_t a, const double *x, size_t columns, size_t column) {
    const double share = f->array[LAG_SHARE][(size_t)a * lag_lanes(f->s) + i], *inverse = f->array[LAG_INVERSE_MASS];
    double sum = 0;
    if (f->kernel->facts.diagonal_mass) return share * x[a * columns + column];
    for (uint32_t c = 0; c < f->d; c++) sum += inverse[a * f->d + c] * x[c * columns + column];
    return share * sum;
}

/* f*, S and T at the places. */
static void find_forces(const Kept *k, const Frame *f, double t, double h) {
    const uint32_t d = f->d, s = f->s;
    double *Q = f->array[LAG_Q], *V = f->array[LAG_V];
    memcpy(k->state, Q, d * sizeof *Q);
    for (uint32_t i = 0; i < s; i++) {
        for (uint32_t a = 0; a < d; a++) {
            Q[a] = k->state[a] + k->place[i * d + a];
            V[a] = k->place[(size_t)s * d + i * d + a] / h;
        }
        f->array[LAG_TIME][0] = t + f->array[LAG_STAGE_NODE][i] * h;
        frame_run(f, LAG_POINT_JACOBIAN);
        for (uint32_t a = 0; a < d; a++) {
            const size_t row = (size_t)a * s + i;
            k->force[row] = pushed(f, i, a, f->array[LAG_A], 1, 0);
            for (uint32_t c = 0; c < d; c++) {
                k->by_q[row * d + c] = pushed(f, i, a, f->array[LAG_AQ], d, c);
                k->by_u[row * d + c] = pushed(f, i, a, f->array[LAG_AV], d, c) / h;
            }
        }
    }
    memcpy(Q, k->state, d * sizeof *Q);
}

/* Factors of 1 - S H - T J; then what is to be multiplied by N for the impulses at hand into `force`, and that for changes
 * of u into by_u. */
static bool find_equations(const Kept *k, const Frame *f) {
    const uint32_t d = f->d, s = f->s, l = lag_lanes(s), n = s * d;
    const double *H = f->array[LAG_REACH], *J = f->array[LAG_RATE], *c = f->array[LAG_STAGE_NODE], *u = f->array[LAG_U];
    for (uint32_t row = 0; row < n; row++) {
        const uint32_t i = row % s;
        const double *S = k->by_q + (size_t)row * d, *z = k->place + i * d, *w = z + (size_t)s * d;
        double *T = k->by_u + (size_t)row * d;
        for (uint32_t b = 0; b < d; b++) {
            for (uint32_t j = 0; j < s; j++)
                k->matrix[(size_t)row * n + b * s + j] =
                    (row == b * s + j) - (S[b] * H[(size_t)j * l + i] + T[b] * J[(size_t)j * l + i]);
            k->force[row] += S[b] * (c[i] * u[b] - z[b]) + T[b] * (u[b] - w[b]);
            T[b] += c[i] * S[b];
        }
    }
    return linear_finite(k->matrix, (size_t)n * n) && linear_factor(k->matrix, n, k->pivot, k->scale) == LAG_OK;
}

/* ---- What is kept ---- */

/* N, and N times what the impulses have of q, of u, and besides. */
static void solve_all(const Kept *k, const Frame *f) {
    const uint32_t d = f->d, n = f->s * d, columns = n + 2 * d + 1;
    memset(k->solved, 0, (size_t)n * columns * sizeof *k->solved);
    for (uint32_t row = 0; row < n; row++) {
        double *to = k->solved + (size_t)row * columns;
        to[row] = 1;
        memcpy(to + n, k->by_q + (size_t)row * d, d * sizeof *to);
        memcpy(to + n + d, k->by_u + (size_t)row * d, d * sizeof *to);
        to[n + 2 * d] = k->force[row];
    }
    linear_solve_columns(k->matrix, n, k->pivot, k->solved, columns);
}

/* Columns of what was solved, coordinate by coordinate, into lanes. */
static void spread(const Kept *k, const Frame *f, uint32_t first, uint32_t count, double *lanes) {
    const uint32_t s = f->s, l = lag_lanes(s), columns = s * f->d + 2 * f->d + 1;
    for (uint32_t c = 0; c < count; c++)
        for (uint32_t a = 0; a < f->d; a++, lanes += l)
            for (uint32_t i = 0; i < s; i++) lanes[i] = k->solved[(size_t)(a * s + i) * columns + first + c];
}

bool kept_make(Kept *k, const Frame *f, double t, double h) {
    const uint32_t d = f->d, n = f->s * d;
    const size_t line = (size_t)d * lag_lanes(f->s);
    double *ahead = f->array[LAG_AHEAD], *by = f->array[LAG_AHEAD_BY];
    const double *Q = f->array[LAG_Q], *U = f->array[LAG_U];
    bool again = !f->kernel->facts.quadratic;
    find_places(k, f, NULL);
    find_forces(k, f, t, h);
    if (!find_equations(k, f)) return false;
    if (again) {
        linear_solve(k->matrix, n, k->pivot, k->force);
        find_places(k, f, k->force);
        find_forces(k, f, t, h);
        if (!find_equations(k, f)) return false;
    }
    solve_all(k, f);
    spread(k, f, 0, n, f->array[LAG_NEWTON]);
    spread(k, f, n, 2 * d, by);
    spread(k, f, n + 2 * d, 1, ahead);
    for (uint32_t c = 0; c < d; c++)
        for (size_t i = 0; i < line; i++) ahead[i] -= by[c * line + i] * Q[c] + by[(d + c) * line + i] * U[c];
    return linear_finite(k->solved, (size_t)n * (n + 2 * d + 1)) && linear_finite(ahead, line);
}
