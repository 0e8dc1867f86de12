/* tangent.c: see tangent.h. A step's tangent, by the implicit function theorem on its residual R(z; q, pi, c):
 *
 *     dA_i = A_q(i) dq + A_c(i) dc      dB_i likewise      dR_i = h b_i dA_i + sum_j G_ij dB_j  (+ dpi, of node 0)
 *     dz = -R_z^-1 dR      dv_i = (1/h) sum_j D_ij dz_j      dA_i += A_q(i) dz_i + A_v(i) dv_i
 *     dq' = dq + dz_{r+1}      dpi' = dpi + h sum_i b_i dA_i */
#include "tangent.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool tangent_init(Tangent *t, Flow *f, uint32_t count, const LagUnknown *unknown) {
    const size_t d = f->d, s = f->s, n = f->n, k = count;
    *t = (Tangent){.flow = f, .count = count, .unknown = unknown};
    double *at = t->block = malloc((2 * d + 3 * s * d + 2 * n + 1) * k * sizeof *at);
    if (!at) return false;
    t->q = at, at += d * k;
    t->pi = at, at += d * k;
    t->A = at, at += s * d * k;
    t->B = at, at += s * d * k;
    t->v = at, at += s * d * k;
    t->z = at, at += n * k;
    t->residual = at;
    return true;
}

void tangent_free(Tangent *t) {
    free(t->block);
    *t = (Tangent){0};
}

/* to[count] += factor from[count] */
static void add(double *to, double factor, const double *from, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) to[i] += factor * from[i];
}

/* to [d, count] += M x, M [d, d] and x [d, count]. */
static void apply(double *to, const double *matrix, const double *x, uint32_t d, uint32_t count) {
    for (uint32_t k = 0; k < d; k++)
        for (uint32_t l = 0; l < d; l++)
            if (matrix[k * d + l] != 0) add(to + k * count, matrix[k * d + l], x + l * count, count);
}

/* to [d, count] += the columns of dA/dc or dB/dc, [d, m], of the parameters looked for. */
static void apply_parameters(const Tangent *t, double *to, const double *slope) {
    for (uint32_t i = 0; i < t->count; i++)
        for (uint32_t k = 0; t->unknown[i].kind == LAG_UNKNOWN_PARAMETER && k < t->flow->d; k++)
            to[k * t->count + i] += slope[k * t->flow->m + t->unknown[i].index];
}

static void begin(Tangent *t, bool velocity) {
    const Flow *f = t->flow;
    const uint32_t d = f->d, count = t->count;
    memset(t->q, 0, 2 * (size_t)d * count * sizeof *t->q); /* and pi behind it */
    for (uint32_t i = 0; i < count; i++) {
        const LagUnknown *u = &t->unknown[i];
        if (u->kind == LAG_UNKNOWN_COORDINATE) t->q[u->index * count + i] = 1;
        if (u->kind == LAG_UNKNOWN_RATE && !velocity) t->pi[u->index * count + i] = 1;
        for (uint32_t k = 0; u->kind == LAG_UNKNOWN_RATE && velocity && k < d; k++)
            t->pi[k * count + i] = f->start_BV[k * d + u->index];
    }
    if (!velocity) return;
    apply(t->pi, f->start_BQ, t->q, d, count);
    apply_parameters(t, t->pi, f->start_BP);
}

/* dR into t->residual, by dA and dB. */
static void write_residual(Tangent *t, double h) {
    const Flow *f = t->flow;
    const uint32_t d = f->d, s = f->s, count = t->count, width = d * count;
    const double *b = f->array[LAG_WEIGHT], *G = f->array[LAG_GATHER];
    for (uint32_t row = 0; row < s - 1; row++) {
        uint32_t i = row + 1 < s - 1 ? row + 1 : 0;
        double *to = t->residual + row * width;
        memset(to, 0, width * sizeof *to);
        if (i == 0) memcpy(to, t->pi, width * sizeof *to);
        add(to, h * b[i], t->A + i * width, width);
        for (uint32_t j = 0; j < s; j++) add(to, G[i * s + j], t->B + j * width, width);
    }
}

/* dz, dv and the rest of dA. */
static void write_solution(Tangent *t, double h) {
    const Flow *f = t->flow;
    const uint32_t d = f->d, s = f->s, n = f->n, count = t->count, width = d * count;
    const double *D = f->array[LAG_DERIVE];
    memset(t->z, 0, (size_t)n * count * sizeof *t->z);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++)
            add(t->z + i * count, -f->inverse[(size_t)i * n + j], t->residual + j * count, count);
    memset(t->v, 0, (size_t)s * width * sizeof *t->v);
    for (uint32_t i = 0; i < s; i++) {
        for (uint32_t j = 1; j < s; j++) add(t->v + i * width, D[i * s + j] / h, t->z + (j - 1) * width, width);
        const size_t square = (size_t)i * d * d;
        if (i) apply(t->A + i * width, f->node_AQ + square, t->z + (i - 1) * width, d, count);
        apply(t->A + i * width, f->node_AV + square, t->v + i * width, d, count);
    }
}

/* The tangent of the step from q to z; its inside stays, the state's moves on in `next`. */
static void solve(Tangent *t, double time, double h, const double *q) {
    Flow *f = t->flow;
    const uint32_t d = f->d, s = f->s, m = f->m, width = d * t->count;
    f->code->nodes(f, time, h, q, f->z);
    memset(t->A, 0, 2 * (size_t)s * width * sizeof *t->A); /* and B behind it */
    for (uint32_t i = 0; i < s; i++) {
        const size_t square = (size_t)i * d * d, wide = (size_t)i * d * m;
        apply(t->A + i * width, f->node_AQ + square, t->q, d, t->count);
        apply(t->B + i * width, f->node_BQ + square, t->q, d, t->count);
        apply_parameters(t, t->A + i * width, f->node_AP + wide);
        apply_parameters(t, t->B + i * width, f->node_BP + wide);
    }
    write_residual(t, h);
    write_solution(t, h);
}

static void move_on(Tangent *t, double h) {
    const Flow *f = t->flow;
    const uint32_t width = f->d * t->count;
    add(t->q, 1, t->z + (f->s - 2) * width, width);
    for (uint32_t i = 0; i < f->s; i++) add(t->pi, h * f->array[LAG_WEIGHT][i], t->A + i * width, width);
}

/* What is seen at a row: the state's, or, inside the step from there, that of its polynomials. */
static void look(const Tangent *t, const Sight *row, double h, const double *q, const double *pi, const LagTangents *out,
                 size_t i) {
    const Flow *f = t->flow;
    const uint32_t d = f->d, width = d * t->count;
    double *to[] = {out->q ? out->q + i * d : NULL, out->pi ? out->pi + i * d : NULL};
    double *slope[] = {out->dq ? out->dq + i * width : NULL, out->dpi ? out->dpi + i * width : NULL};
    const double *from[] = {q, pi}, *slope_from[] = {t->q, t->pi};
    for (int half = 0; half < 2; half++) {
        if (to[half]) memcpy(to[half], from[half], d * sizeof *q);
        if (slope[half]) memcpy(slope[half], slope_from[half], width * sizeof *q);
        for (uint32_t j = half ? 0 : 1; row->inside && j < f->s; j++) {
            double factor = half ? h * row->a[j] : row->l[j];
            if (to[half]) add(to[half], factor, half ? f->node_A + j * d : f->z + (j - 1) * d, d);
            if (slope[half]) add(slope[half], factor, half ? t->A + j * width : t->z + (j - 1) * width, width);
        }
    }
}

/* Rows that there is no motion for. */
static void blank(const Tangent *t, const LagTangents *out, size_t i) {
    const uint32_t d = t->flow->d, width = d * t->count;
    for (uint32_t k = 0; k < d; k++) {
        if (out->q) out->q[i * d + k] = NAN;
        if (out->pi) out->pi[i * d + k] = NAN;
    }
    for (uint32_t k = 0; k < width; k++) {
        if (out->dq) out->dq[i * width + k] = NAN;
        if (out->dpi) out->dpi[i * width + k] = NAN;
    }
}

LagStatus tangent_run(Tangent *t, double time, double h, bool velocity, const Sights *sights, const LagTangents *out) {
    Flow *f = t->flow;
    const size_t size = f->d * sizeof(double);
    double *q = f->begin_q, *pi = f->begin_pi;
    size_t i = 0;
    begin(t, velocity);
    for (uint64_t n = 0; n <= sights->steps && f->status[0] == LAG_OK; n++) {
        memcpy(q, f->array[LAG_Q], size);
        memcpy(pi, f->array[LAG_PI], size);
        for (; i < sights->rows && sights->row[i].step == n && !sights->row[i].inside; i++)
            look(t, &sights->row[i], h, q, pi, out, i);
        if (n == sights->steps) break;
        double now = time + (double)n * h;
        f->code->step(f, now, h);
        if (f->status[0] != LAG_OK) break;
        solve(t, now, h, q);
        for (; i < sights->rows && sights->row[i].step == n; i++) look(t, &sights->row[i], h, q, pi, out, i);
        move_on(t, h);
    }
    for (; i < sights->rows; i++) blank(t, out, i);
    return f->status[0];
}
