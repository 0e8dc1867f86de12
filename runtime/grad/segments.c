/* segments.c: leading a fit along the record.
 *
 * Over a long record a motion depends on what is looked for so wildly that there are many minima; over a short one it does
 * not. So the record is cut into segments, each with a start of its own, at first from the curve through the data
 * (smooth.h); parameters and all starts are brought to the minimum together (multiple shooting, without asking that
 * segments meet), and then segments are joined two by two, until there is one. With J' W J = [C E; E' D], D having a block a
 * segment, the starts are eliminated:
 *
 *     (C - sum_s E_s D_s^-1 E_s') c = -(g - sum_s E_s D_s^-1 h_s)      x_s = -D_s^-1 (h_s + E_s' c) */
#include "fit.h"

#include "../solve/linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Segments {
    Fit *fit;
    uint32_t p, n, w;      /* parameters, values of a start (q, then v), and both */
    uint32_t *which;       /* [p] their places among the fit's unknowns */
    LagUnknown *unknown;   /* [w] */
    size_t count, *first;  /* [count + 1] rows of the smooth that segments begin at */
    double *start, *moved; /* [count, n], and on trial */
    double *e, *J;         /* [2 rows d], [2 rows d, w] */
    double *C, *g;         /* [p, p], [p] */
    double *E, *D, *h;     /* [count, p, n], [count, n, n], [count, n] */
    double *reach, *own;   /* [count, n, p] D^-1 E', [count, n] D^-1 h */
    double *S, *step;      /* [p, p], [p] */
    double *scale;         /* [w] scratch */
    uint32_t *pivot;       /* [w] */
    double *block;
} Segments;

/* Rows of the data that segment s has. */
static void rows_of(const Segments *s, size_t segment, size_t *from, size_t *end) {
    const Smooth *smooth = &s->fit->smooth;
    *from = smooth->row[s->first[segment]];
    *end = segment + 1 < s->count ? smooth->row[s->first[segment + 1]] : s->fit->rows;
}

/* ---- Evaluating ---- */

/* What residual i counts for: in its column's own size. */
static double weight_of(const Fit *f, size_t i) {
    size_t column = fit_column(f, i);
    double size = f->size[column], w = f->ask->motion.loss->weight ? f->ask->motion.loss->weight[column] : 1;
    return size > 0 && isfinite(size) ? w / (size * size) : w;
}

static bool run_segment(Segments *s, size_t segment, const double *start) {
    const Fit *f = s->fit;
    const size_t d = f->d, w = s->w;
    size_t from, end;
    rows_of(s, segment, &from, &end);
    LagGradientAsk motion = f->ask->motion;
    const double *t = motion.seen.t;
    motion.t = t[from], motion.c = f->c;
    motion.steps = (uint64_t)ceil((t[end - 1] - t[from]) / motion.h) + 1;
    motion.q = start, motion.v = start + d, motion.pi = NULL;
    motion.seen = (LagSeen){end - from, t + from, NULL, NULL};
    size_t q = from * d, pi = (f->rows + from) * d, count = (end - from) * d;
    LagTangents out = {s->e + q, s->e + pi, s->J + q * w, s->J + pi * w};
    LagStatus status = lag_tangents(f->gradient, &motion, s->w, s->unknown, &out);
    s->fit->lacking |= status == LAG_ERROR_MEMORY;
    return status == LAG_OK && linear_finite(out.q, count) && linear_finite(out.pi, count) &&
           linear_finite(out.dq, count * w) && linear_finite(out.dpi, count * w);
}

/* What is minimised, with parameters x and starts; infinite where there is no motion. */
static double evaluate(Segments *s, const double *x, const double *start) {
    Fit *f = s->fit;
    const size_t half = f->rows * f->d, begin = f->smooth.row[0] * f->d;
    const LagSeen *seen = &f->ask->motion.seen;
    double sum = 0;
    fit_put(f, x);
    f->evaluations++;
    for (size_t i = 0; i < s->count; i++)
        if (!run_segment(s, i, start + i * s->n)) return INFINITY;
    for (size_t i = 0; i < 2 * half; i++) {
        if (i % half < begin || !fit_is_seen(f, i)) continue;
        s->e[i] -= i < half ? seen->q[i] : seen->pi[i - half];
        sum += weight_of(f, i) * s->e[i] * s->e[i] / 2;
    }
    return sum;
}

/* ---- Steps ---- */

static void take_residual(Segments *s, size_t segment, size_t i) {
    const uint32_t p = s->p, n = s->n;
    const double *J = s->J + i * s->w, w = weight_of(s->fit, i), e = s->e[i];
    double *E = s->E + segment * p * n, *D = s->D + segment * n * n, *h = s->h + segment * n;
    for (uint32_t a = 0; a < p; a++) {
        s->g[a] += w * J[a] * e;
        for (uint32_t b = 0; b < p; b++) s->C[a * p + b] += w * J[a] * J[b];
        for (uint32_t b = 0; b < n; b++) E[a * n + b] += w * J[a] * J[p + b];
    }
    for (uint32_t a = 0; a < n; a++) {
        h[a] += w * J[p + a] * e;
        for (uint32_t b = 0; b < n; b++) D[a * n + b] += w * J[p + a] * J[p + b];
    }
}

static void take_all(Segments *s) {
    const Fit *f = s->fit;
    const size_t d = f->d, p = s->p, n = s->n;
    memset(s->C, 0, (p * p + p + s->count * n * (p + n + 1)) * sizeof *s->C); /* and g, E, D, h behind it */
    for (size_t segment = 0; segment < s->count; segment++) {
        size_t from, end;
        rows_of(s, segment, &from, &end);
        for (size_t i = from * d; i < end * d; i++) {
            if (fit_is_seen(f, i)) take_residual(s, segment, i);
            if (fit_is_seen(f, i + f->rows * d)) take_residual(s, segment, i + f->rows * d);
        }
    }
}

/* A matrix whose diagonal is 1 + lambda times as large, factored. */
static bool factor(Segments *s, double *a, uint32_t n, double lambda) {
    for (uint32_t i = 0; i < n; i++) a[i * n + i] = a[i * n + i] > 0 ? a[i * n + i] * (1 + lambda) : 1;
    return linear_factor(a, n, s->pivot, s->scale) == LAG_OK;
}

/* One segment's start eliminated from S and the step's right side. */
static bool eliminate(Segments *s, size_t segment, double lambda) {
    const uint32_t p = s->p, n = s->n;
    const double *E = s->E + segment * p * n;
    double *D = s->S + p * p, *reach = s->reach + segment * n * p, *own = s->own + segment * n, *column = s->scale + n;
    memcpy(D, s->D + segment * n * n, n * n * sizeof *D);
    if (!factor(s, D, n, lambda)) return false;
    memcpy(own, s->h + segment * n, n * sizeof *own);
    linear_solve(D, n, s->pivot, own);
    for (uint32_t b = 0; b < p; b++) {
        memcpy(column, E + b * n, n * sizeof *column);
        linear_solve(D, n, s->pivot, column);
        for (uint32_t i = 0; i < n; i++) reach[i * p + b] = column[i];
    }
    for (uint32_t a = 0; a < p; a++)
        for (uint32_t i = 0; i < n; i++) {
            s->step[a] += E[a * n + i] * own[i];
            for (uint32_t b = 0; b < p; b++) s->S[a * p + b] -= E[a * n + i] * reach[i * p + b];
        }
    return true;
}

/* The step for a lambda, from x and the starts to f->trial and s->moved. */
static bool solve(Segments *s, const double *x, double lambda) {
    Fit *f = s->fit;
    const uint32_t p = s->p, n = s->n;
    memcpy(s->S, s->C, p * p * sizeof *s->S);
    for (uint32_t a = 0; a < p; a++) s->step[a] = -s->g[a];
    for (uint32_t a = 0; a < p; a++) s->S[a * p + a] = s->C[a * p + a] > 0 ? s->C[a * p + a] * (1 + lambda) : 1;
    for (size_t i = 0; i < s->count; i++)
        if (!eliminate(s, i, lambda)) return false;
    if (p && linear_factor(s->S, p, s->pivot, s->scale) != LAG_OK) return false;
    if (p) linear_solve(s->S, p, s->pivot, s->step);
    memcpy(f->trial, x, f->k * sizeof *x);
    for (uint32_t a = 0; a < p; a++) f->trial[s->which[a]] += s->step[a];
    fit_keep_within(f, f->trial, x);
    for (uint32_t a = 0; a < p; a++) s->step[a] = f->trial[s->which[a]] - x[s->which[a]];
    for (size_t i = 0; i < s->count * n; i++) {
        s->moved[i] = s->start[i] - s->own[i];
        for (uint32_t b = 0; b < p; b++) s->moved[i] -= s->reach[i * p + b] * s->step[b];
    }
    return linear_finite(f->trial, f->k) && linear_finite(s->moved, s->count * n);
}

/* From x and the starts to about the minimum; false where there is no motion to begin with. */
static bool settle(Segments *s, double *x, LagStatus *status) {
    enum { MOST = 30, TRIALS = 12 };
    Fit *f = s->fit;
    double lambda = 1e-3, cost = evaluate(s, x, s->start);
    bool ended = false;
    if (!isfinite(cost)) return false;
    for (int round = 0; round < MOST && !ended && f->evaluations < FIT_MOTIONS; round++) {
        bool better = false;
        take_all(s);
        for (int trial = 0; trial < TRIALS && !better; trial++) {
            if (fit_stopped(f)) *status = LAG_INTERRUPTED;
            if (*status != LAG_OK) return true;
            double next = solve(s, x, lambda) ? evaluate(s, f->trial, s->moved) : INFINITY;
            better = next < cost;
            lambda = better ? fmax(lambda / 10, 1e-12) : lambda * 8;
            if (!better) continue;
            ended = next > cost * (1 - 1e-3);
            memcpy(x, f->trial, f->k * sizeof *x);
            memcpy(s->start, s->moved, s->count * s->n * sizeof *s->start);
            cost = next;
        }
        ended |= !better;
        if (!better) evaluate(s, x, s->start);
    }
    return true;
}

/* ---- Segments ---- */

static void cut(Segments *s, size_t length) {
    const Smooth *smooth = &s->fit->smooth;
    const size_t d = s->fit->d;
    s->count = smooth->rows / length > 1 ? smooth->rows / length : 1;
    for (size_t i = 0; i < s->count; i++) {
        size_t row = s->first[i] = i * smooth->rows / s->count;
        memcpy(s->start + i * s->n, smooth->q + row * d, d * sizeof(double));
        memcpy(s->start + i * s->n + d, smooth->v + row * d, d * sizeof(double));
    }
}

static void join(Segments *s) {
    size_t count = (s->count + 1) / 2;
    for (size_t i = 0; i < count; i++) {
        s->first[i] = s->first[2 * i];
        memcpy(s->start + i * s->n, s->start + 2 * i * s->n, s->n * sizeof *s->start);
    }
    s->count = count;
}

/* The start that was found, where the motion begins there. */
static void keep_start(const Segments *s, double *x) {
    Fit *f = s->fit;
    const LagGradientAsk *motion = &f->ask->motion;
    if (f->smooth.t[0] != motion->t) return;
    double *pi = s->moved, *v = s->start + f->d;
    fit_put(f, x);
    if (motion->pi && lag_kernel_momentum(f->kernel, f->c, motion->t, s->start, v, pi) != LAG_OK) return;
    for (uint32_t i = 0; i < f->k; i++) {
        const LagUnknown *u = &f->ask->unknown[i];
        if (u->kind == LAG_UNKNOWN_COORDINATE) x[i] = s->start[u->index];
        if (u->kind == LAG_UNKNOWN_RATE) x[i] = (motion->pi ? pi : v)[u->index];
    }
}

static bool room_for(Segments *s, size_t most) {
    const Fit *f = s->fit;
    const size_t p = s->p, n = s->n, w = s->w, residuals = f->count;
    size_t size = most * (3 * n + n * (p + n + 1) + n * p) + residuals * (1 + w) + 2 * p * p + n * n + 3 * p + 2 * w;
    double *at = s->block = calloc(size + 1, sizeof *at);
    s->first = calloc(most + 1, sizeof *s->first);
    s->unknown = calloc(w, sizeof *s->unknown);
    s->which = calloc(p + w, sizeof *s->which);
    if (!at || !s->first || !s->unknown || !s->which) return false;
    s->pivot = s->which + p;
    s->start = at, at += most * n;
    s->moved = at, at += most * n;
    s->own = at, at += most * n;
    s->reach = at, at += most * n * p;
    s->e = at, at += residuals;
    s->J = at, at += residuals * w;
    s->step = at, at += p;
    s->scale = at, at += 2 * w;
    s->S = at, at += p * p + n * n;
    s->C = at; /* and g, E, D, h behind it, as many as segments want: see place */
    return true;
}

static void place(Segments *s) {
    s->g = s->C + s->p * s->p;
    s->E = s->g + s->p;
    s->D = s->E + s->count * s->p * s->n;
    s->h = s->D + s->count * s->n * s->n;
}

/* Where there is no motion from x, a half and a quarter of it are tried, and then the guess, and 0. */
static bool can_begin(Segments *s, const double *guess, double *x) {
    for (int i = 0; i < 5; i++) {
        if (isfinite(evaluate(s, x, s->start))) return true;
        for (uint32_t a = 0; a < s->p; a++) x[s->which[a]] = i < 2 ? x[s->which[a]] / 2 : i == 2 ? guess[s->which[a]] : 0;
        fit_keep_within(s->fit, x, guess);
    }
    return false;
}

bool segments_lead(Fit *f, const double *guess, double *x, LagStatus *status) {
    Segments s = {.fit = f, .n = 2 * f->d};
    size_t length = 2 * f->smooth.window < 8 ? 8 : 2 * f->smooth.window;
    for (uint32_t i = 0; i < f->k; i++) s.p += f->ask->unknown[i].kind == LAG_UNKNOWN_PARAMETER;
    s.w = s.p + s.n;
    bool good = room_for(&s, f->smooth.rows / length + 1);
    f->lacking |= !good;
    for (uint32_t i = 0, j = 0; i < f->k && good; i++)
        if (f->ask->unknown[i].kind == LAG_UNKNOWN_PARAMETER) s.unknown[j] = f->ask->unknown[i], s.which[j++] = i;
    for (uint32_t i = 0; i < s.n && good; i++)
        s.unknown[s.p + i] = i < f->d ? (LagUnknown){LAG_UNKNOWN_COORDINATE, i} : (LagUnknown){LAG_UNKNOWN_RATE, i - f->d};
    if (good) cut(&s, length);
    good = good && can_begin(&s, guess, x);
    bool first = true;
    for (bool more = good; more && *status == LAG_OK; first = false) {
        place(&s);
        bool moves = settle(&s, x, status);
        good = moves || !first;
        more = moves && s.count > 1;
        if (more) join(&s);
    }
    if (good && s.count == 1) keep_start(&s, x);
    free(s.block);
    free(s.first);
    free(s.unknown);
    free(s.which);
    return good;
}
