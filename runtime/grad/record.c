/* record.c: see record.h. */
#include "record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Memory ---- */

static bool is_fixed(const Flow *f) { return f->kernel->facts.quadratic && f->kernel->facts.autonomous; }

/* Doubles of a system's inverse of R_z; of a step that is kept; and of a piece's beginning. */
static size_t square_of(const Flow *f) { return (size_t)f->n * f->n; }
static size_t step_size(const Flow *f) { return f->d + f->n + (is_fixed(f) ? 0 : square_of(f)); }
static size_t begin_size(const Flow *f) { return 2 * (size_t)f->d + f->n + square_of(f); }

bool record_open(Record *r, Flow *f, double t, double h, uint64_t steps, bool sparing) {
    const size_t w = f->systems, step = step_size(f) * w;
    r->flow = f;
    r->t = t, r->h = h;
    r->steps = r->piece = steps ? steps : 1;
    if (sparing || step > RECORD_PIECES / r->piece) r->piece = (uint64_t)ceil(sqrt((double)r->piece));
    r->pieces = (r->steps + r->piece - 1) / r->piece;
    r->steps = steps;
    r->held = UINT64_MAX;
    size_t fixed = is_fixed(f) ? square_of(f) * w : 0;
    if (r->piece > SIZE_MAX / 64 / step || r->pieces > SIZE_MAX / 64 / (begin_size(f) * w)) return false;
    size_t size = (size_t)r->piece * step + (size_t)r->pieces * begin_size(f) * w + fixed + w;
    if (size > r->size) {
        enum { LINE = 64 };
        free(r->room);
        r->room = aligned_alloc(LINE, (size * sizeof *r->room + LINE - 1) / LINE * LINE);
        r->size = r->room ? size : 0;
    }
    if (!r->room) return false;
    r->q = r->room;
    r->z = r->q + (size_t)r->piece * f->d * w;
    r->inverse = r->z + (size_t)r->piece * f->n * w;
    r->begin = r->inverse + (fixed ? fixed : (size_t)r->piece * square_of(f) * w);
    return true;
}

void record_free(Record *r) { free(r->room); }

/* ---- Forth ---- */

/* What a step hands to the next, kept or put back. */
static void keep_begin(Record *r, uint64_t piece, bool back) {
    Flow *f = r->flow;
    const size_t w = f->systems;
    double *at = r->begin + piece * begin_size(f) * w;
    double *const part[] = {f->array[LAG_Q], f->array[LAG_PI], f->z, f->inverse};
    const size_t size[] = {f->d * w, f->d * w, f->n * w, square_of(f) * w};
    for (int i = 0; i < 4; at += size[i], i++) numbers_copy(back ? part[i] : at, back ? at : part[i], size[i]);
    f->followed = piece > 0;
}

/* What is seen inside the step that has been taken from q to z. */
static void look_inside(const Record *r, const Sight *row, const double *q, const double *pi, double *seen_q,
                        double *seen_pi) {
    const Flow *f = r->flow;
    const size_t width = (size_t)f->d * f->systems;
    for (size_t i = 0; i < width; i++) {
        double x = q[i], p = pi[i];
        for (uint32_t j = 1; j < f->s; j++) x += row->l[j] * f->z[(j - 1) * width + i];
        for (uint32_t j = 0; j < f->s; j++) p += r->h * row->a[j] * f->node_A[j * width + i];
        seen_q[i] = x;
        seen_pi[i] = p;
    }
}

/* Step n, kept in its place of the piece. */
static void take_step(Record *r, uint64_t n) {
    Flow *f = r->flow;
    const size_t w = f->systems, slot = (size_t)(n % r->piece), square = square_of(f) * w;
    numbers_copy(r->q + slot * f->d * w, f->array[LAG_Q], f->d * w);
    f->code->step(f, r->t + (double)n * r->h, r->h);
    numbers_copy(r->z + slot * f->n * w, f->z, f->n * w);
    if (!is_fixed(f))
        numbers_copy(r->inverse + slot * square, f->inverse, square);
    else if (n % r->piece == 0)
        numbers_copy(r->inverse, f->inverse, square);
    r->held = n / r->piece;
}

static bool is_cancelled(const Record *r) {
    return r->cancelled && atomic_load_explicit(r->cancelled, memory_order_relaxed);
}

void record_run(Record *r, const Sights *sights, double *seen_q, double *seen_pi) {
    Flow *f = r->flow;
    const size_t width = (size_t)f->d * f->systems;
    size_t i = 0;
    for (uint64_t n = 0; n <= r->steps && !is_cancelled(r); n++) {
        double *q = f->array[LAG_Q], *pi = f->array[LAG_PI];
        for (; i < sights->rows && sights->row[i].step == n && !sights->row[i].inside; i++) {
            numbers_copy(seen_q + i * width, q, width);
            numbers_copy(seen_pi + i * width, pi, width);
        }
        if (n == r->steps) break;
        bool inside = i < sights->rows && sights->row[i].step == n;
        if (n % r->piece == 0) keep_begin(r, n / r->piece, false);
        if (inside) numbers_copy(f->start_pi, pi, width);
        take_step(r, n);
        const double *from = r->q + (size_t)(n % r->piece) * width;
        if (inside) f->code->nodes(f, r->t + (double)n * r->h, r->h, from, f->z);
        for (; i < sights->rows && sights->row[i].step == n; i++)
            look_inside(r, &sights->row[i], from, f->start_pi, seen_q + i * width, seen_pi + i * width);
    }
}

/* ---- Back ---- */

/* The piece that step n is in, run again if another is there. */
static void recall(Record *r, uint64_t n) {
    uint64_t piece = n / r->piece, end = (piece + 1) * r->piece;
    if (r->held == piece) return;
    keep_begin(r, piece, true);
    for (uint64_t i = piece * r->piece; i < end && i < r->steps; i++) take_step(r, i);
}

/* The seeds of a row inside a step: of z and of the forces, and of the state that the step begins at. */
static void seed_inside(const Record *r, const Sight *row, const double *seed_q, const double *seed_pi, double *lambda_q,
                        double *lambda_pi) {
    Flow *f = r->flow;
    const size_t width = (size_t)f->d * f->systems;
    for (size_t i = 0; i < width; i++) {
        for (uint32_t j = 1; j < f->s; j++) f->seed_z[(j - 1) * width + i] += row->l[j] * seed_q[i];
        for (uint32_t j = 0; j < f->s; j++) f->seed_A[j * width + i] += r->h * row->a[j] * seed_pi[i];
        lambda_q[i] += seed_q[i];
        lambda_pi[i] += seed_pi[i];
    }
}

void record_back(Record *r, const Sights *sights, const double *seed_q, const double *seed_pi, double *lambda_q,
                 double *lambda_pi, double *slope_c) {
    Flow *f = r->flow;
    const size_t w = f->systems, width = (size_t)f->d * w, square = square_of(f) * w;
    size_t i = sights->rows;
    memset(lambda_q, 0, width * sizeof *lambda_q);
    memset(lambda_pi, 0, width * sizeof *lambda_pi);
    memset(slope_c, 0, f->m * w * sizeof *slope_c);
    for (uint64_t n = r->steps + 1; n-- > 0 && !is_cancelled(r);) {
        double *begin_q = f->begin_q, *begin_pi = f->begin_pi; /* what rows inside the step make of its beginning */
        bool inside = i > 0 && sights->row[i - 1].step == n && sights->row[i - 1].inside;
        if (inside) {
            memset(begin_q, 0, width * sizeof *begin_q);
            memset(begin_pi, 0, width * sizeof *begin_pi);
        }
        for (; i > 0 && sights->row[i - 1].step == n && sights->row[i - 1].inside; i--)
            seed_inside(r, &sights->row[i - 1], seed_q + (i - 1) * width, seed_pi + (i - 1) * width, begin_q, begin_pi);
        if (n < r->steps) {
            recall(r, n);
            const size_t slot = (size_t)(n % r->piece);
            f->code->back(f, r->t + (double)n * r->h, r->h, r->q + slot * width, r->z + slot * f->n * w,
                          r->inverse + (is_fixed(f) ? 0 : slot * square), lambda_q, lambda_pi, slope_c);
        }
        if (inside) {
            numbers_add(lambda_q, begin_q, width);
            numbers_add(lambda_pi, begin_pi, width);
        }
        for (; i > 0 && sights->row[i - 1].step == n; i--) {
            numbers_add(lambda_q, seed_q + (i - 1) * width, width);
            numbers_add(lambda_pi, seed_pi + (i - 1) * width, width);
        }
    }
}
