/* linear_motion.c: see linear_motion.h.
 *
 * With y_n = (q, pi) after n steps and F(y, c) = y + M y + b the step, the adjoint is lambda_n = (1 + M') lambda_{n+1} and
 * what the rows at n add. The derivative in a parameter is sum_n lambda_{n+1} . F_c(y_n), and F_c is affine in y too: so it
 * is known from S = sum lambda y' and s = sum lambda alone, as the derivatives of 2 d + 1 single steps. With any numbers m_i
 * (as large as y's, so that all terms are of one size) and unit vectors e_i,
 *
 *     sum_n lambda_{n+1} . F_c(y_n) = sum_i (S e_i / m_i) . F_c(m_i e_i) + (s - sum_i S e_i / m_i) . F_c(0) */
#include "linear_motion.h"

#include "record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool linear_fits(const LagKernel *kernel, const Sights *sights) { return kernel->facts.affine && !sights->inside; }

/* ---- Memory ---- */

bool linear_open(LinearMotion *r, Flow *f, double t, double h, uint64_t steps, bool sparing) {
    enum { LINE = 64 };
    const size_t w = f->systems, wide = 2 * (size_t)f->d;
    r->flow = f;
    r->t = t, r->h = h;
    r->piece = steps ? steps : 1;
    if (sparing || wide * w > RECORD_PIECES / r->piece) r->piece = (uint64_t)ceil(sqrt((double)r->piece));
    r->pieces = steps ? (steps + r->piece - 1) / r->piece : 1;
    r->steps = steps;
    if (r->piece > SIZE_MAX / 64 / (wide * w) || r->pieces > SIZE_MAX / 64 / (wide * w)) return false;
    size_t size = (2 * wide * wide + 5 * wide + f->n + ((size_t)r->piece + (size_t)r->pieces) * wide) * w;
    if (size > r->size) {
        free(r->room);
        r->room = aligned_alloc(LINE, (size * sizeof *r->room + LINE - 1) / LINE * LINE);
        r->size = r->room ? size : 0;
    }
    if (!r->room) return false;
    double *at = r->room;
    r->M = at, at += wide * wide * w;
    r->S = at, at += wide * wide * w;
    r->b = at, at += wide * w;
    r->y = at, at += wide * w;
    r->most = at, at += wide * w;
    r->sum = at, at += wide * w;
    r->lambda = at, at += wide * w;
    r->zero_z = at, at += f->n * w;
    r->path = at, at += (size_t)r->piece * wide * w;
    r->begin = at;
    return true;
}

void linear_free(LinearMotion *r) { free(r->room); }

/* ---- Forth ---- */

/* One step from y, which the flow's state becomes; its solution is in flow->z. */
static void step_from(const LinearMotion *r, const double *y) {
    Flow *f = r->flow;
    const size_t width = (size_t)f->d * f->systems;
    numbers_copy(f->array[LAG_Q], y, width);
    numbers_copy(f->array[LAG_PI], y + width, width);
    f->code->step(f, r->t, r->h);
}

/* M and b, from the step at y = 0. The state is y from here on. */
static void make_map(LinearMotion *r) {
    Flow *f = r->flow;
    const size_t width = (size_t)f->d * f->systems;
    numbers_copy(r->y, f->array[LAG_Q], width);
    numbers_copy(r->y + width, f->array[LAG_PI], width);
    memset(r->lambda, 0, 2 * width * sizeof *r->lambda);
    step_from(r, r->lambda);
    numbers_copy(r->b, f->array[LAG_Q], width);
    numbers_copy(r->b + width, f->array[LAG_PI], width);
    numbers_copy(r->zero_z, f->z, f->n * f->systems);
    f->code->nodes(f, r->t, r->h, r->lambda, r->zero_z);
    f->code->map(f, r->h, r->M);
}

static void run_piece(LinearMotion *r, uint64_t piece) {
    uint64_t first = piece * r->piece, count = r->steps - first < r->piece ? r->steps - first : r->piece;
    r->flow->code->forth(r->flow, r->M, r->b, count, r->y, r->path, r->most);
    r->held = piece;
}

/* A motion that has left what doubles hold has no end. */
static void check_end(const LinearMotion *r) {
    Flow *f = r->flow;
    for (uint32_t lane = 0; lane < f->systems; lane++)
        for (uint32_t k = 0; k < 2 * f->d; k++)
            if (f->status[lane] == LAG_OK && !isfinite(r->y[k * f->systems + lane])) f->status[lane] = LAG_ERROR_NOT_FINITE;
}

void linear_run(LinearMotion *r, const Sights *sights, double *seen_q, double *seen_pi) {
    Flow *f = r->flow;
    const size_t width = (size_t)f->d * f->systems;
    size_t i = 0;
    make_map(r);
    memset(r->most, 0, 2 * width * sizeof *r->most);
    for (uint64_t piece = 0; piece < r->pieces; piece++) {
        uint64_t first = piece * r->piece, end = first + r->piece < r->steps ? first + r->piece : r->steps;
        numbers_copy(r->begin + piece * 2 * width, r->y, 2 * width);
        run_piece(r, piece);
        for (; i < sights->rows && (sights->row[i].step < end || piece + 1 == r->pieces); i++) {
            uint64_t step = sights->row[i].step;
            const double *y = step < end ? r->path + (step - first) * 2 * width : r->y;
            numbers_copy(seen_q + i * width, y, width);
            numbers_copy(seen_pi + i * width, y + width, width);
        }
    }
    check_end(r);
}

/* ---- Back ---- */

/* What S and s make of the parameters. */
static void collect(LinearMotion *r, double *slope_c) {
    Flow *f = r->flow;
    const size_t w = f->systems, width = (size_t)f->d * w, wide = 2 * (size_t)f->d;
    double *at = r->y, *lambda = r->lambda;
    for (size_t c = 0; c < wide; c++) {
        memset(at, 0, 2 * width * sizeof *at);
        for (size_t lane = 0; lane < w; lane++) {
            double most = r->most[c * w + lane], m = most > 0 && isfinite(most) ? most : 1;
            at[c * w + lane] = m;
            for (size_t row = 0; row < wide; row++) {
                double part = r->S[(row * wide + c) * w + lane] / m;
                lambda[row * w + lane] = part;
                r->sum[row * w + lane] -= part;
            }
        }
        step_from(r, at);
        f->code->back(f, r->t, r->h, at, f->z, f->inverse, lambda, lambda + width, slope_c);
    }
    memset(at, 0, 2 * width * sizeof *at);
    f->code->back(f, r->t, r->h, at, r->zero_z, f->inverse, r->sum, r->sum + width, slope_c);
}

void linear_back(LinearMotion *r, const Sights *sights, const double *seed_q, const double *seed_pi, double *lambda_q,
                 double *lambda_pi, double *slope_c) {
    Flow *f = r->flow;
    const size_t w = f->systems, width = (size_t)f->d * w;
    size_t i = sights->rows;
    memset(r->lambda, 0, 2 * width * sizeof *r->lambda);
    memset(r->sum, 0, 2 * width * sizeof *r->sum);
    memset(r->S, 0, 4 * width * f->d * sizeof *r->S);
    memset(slope_c, 0, f->m * w * sizeof *slope_c);
    for (uint64_t n = r->steps + 1; n-- > 0;) {
        if (n < r->steps) {
            if (r->held != n / r->piece) {
                numbers_copy(r->y, r->begin + n / r->piece * 2 * width, 2 * width);
                run_piece(r, n / r->piece);
            }
            f->code->map_back(f, r->M, r->path + n % r->piece * 2 * width, r->lambda, r->S, r->sum);
        }
        for (; i > 0 && sights->row[i - 1].step == n; i--) {
            numbers_add(r->lambda, seed_q + (i - 1) * width, width);
            numbers_add(r->lambda + width, seed_pi + (i - 1) * width, width);
        }
    }
    numbers_copy(lambda_q, r->lambda, width);
    numbers_copy(lambda_pi, r->lambda + width, width);
    collect(r, slope_c);
}
