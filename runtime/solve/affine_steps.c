/* affine_steps.c: see affine.h. Steps by the powers of the map.
 *
 * The state after a step is reckoned from an anchor that lies a whole number of 8^phase steps behind: by a power of 8^(phase
 * - 1) steps to where another stretch begins, by one of 8^(phase - 2) steps from there, and so on; the last by 1 to 8 single
 * steps. Anchors follow from one another alone. So what a step gives depends on its number since the start, and on nothing
 * else; steps that nobody asks for need not be taken, and eight that somebody does ask for come at once.
 *
 * Powers cost time to make. So the first steps are taken one by one, those after them from anchors 8 apart, then 64: each
 * phase lasts for about as long as it takes to make what the next one needs. */
#include "affine.h"
#include "linear.h"

#include <math.h>
#include <string.h>

/* How long phases last, for each row of the map: the first, whose anchors are a step apart, and those after it. */
enum { AFFINE_SINGLE = 64, AFFINE_ANCHORS = 8 };

/* ---- States and rows ---- */

static inline void copy(double *to, const double *from, uint32_t d) {
    if (d == 1)
        *to = *from; /* not worth a call */
    else
        memcpy(to, from, d * sizeof *to);
}

static void keep_row(AffineRows *rows, uint32_t d, const double *q, const double *pi) {
    if (rows->q) copy(rows->q + rows->count * d, q, d);
    if (rows->pi) copy(rows->pi + rows->count * d, pi, d);
    rows->count++;
}

/* `count` steps have been taken on the way to the next row; it is kept if they led there. */
static void come_nearer(AffineRows *rows, uint64_t count, uint32_t d, const double *q, const double *pi) {
    rows->next -= count;
    if (rows->next) return;
    keep_row(rows, d, q, pi);
    rows->next = rows->every;
}

/* ---- One by one ---- */

/* `d` is known to the compiler where it matters: its loops are then straight lines. What is constant is left out where it is
 * nothing, which changes no bit. */
static inline __attribute__((always_inline)) void take(const Affine *a, uint64_t count, AffineRows *rows, uint32_t d,
                                                       bool constant) {
    double *Q = a->frame->array[LAG_Q], *PI = a->frame->array[LAG_PI], state[2 * POWERS_DOF_MOST],
           change[2 * POWERS_DOF_MOST];
    uint32_t m = 2 * d;
    memcpy(state, Q, d * sizeof *Q);
    memcpy(state + d, PI, d * sizeof *PI);
    while (count) {
        uint64_t to_row = rows->next < count ? rows->next : count;
        for (uint64_t n = 0; n < to_row; n++) {
            for (uint32_t i = 0; i < m; i++) {
                const double *row = a->map + (size_t)i * m;
                double sum = row[0] * state[0];
                for (uint32_t k = 1; k < m; k++) sum += row[k] * state[k];
                change[i] = constant ? sum + a->offset[i] : sum;
            }
            for (uint32_t i = 0; i < m; i++) state[i] += change[i];
        }
        count -= to_row;
        come_nearer(rows, to_row, d, state, state + d);
    }
    memcpy(Q, state, d * sizeof *Q);
    memcpy(PI, state + d, d * sizeof *PI);
}

static void take_any(const Affine *a, uint64_t count, AffineRows *rows) {
    uint32_t d = a->frame->d;
    if (d == 1)
        a->constant ? take(a, count, rows, 1, true) : take(a, count, rows, 1, false);
    else if (d == 2)
        a->constant ? take(a, count, rows, 2, true) : take(a, count, rows, 2, false);
    else
        a->constant ? take(a, count, rows, d, true) : take(a, count, rows, d, false);
}

/* Takes steps, unless they lead out of what doubles hold. */
static bool take_finite(Affine *a, uint64_t count, AffineRows *rows) {
    const Frame *f = a->frame;
    size_t size = f->d * sizeof(double);
    AffineRows before = *rows;
    memcpy(a->kept, f->array[LAG_Q], size);
    memcpy(a->kept + f->d, f->array[LAG_PI], size);
    take_any(a, count, rows);
    if (linear_finite(f->array[LAG_Q], f->d) && linear_finite(f->array[LAG_PI], f->d)) return true;
    memcpy(f->array[LAG_Q], a->kept, size);
    memcpy(f->array[LAG_PI], a->kept + f->d, size);
    *rows = before;
    return false;
}

static uint64_t take_single(Affine *a, uint64_t count, AffineRows *rows) {
    uint64_t done = 0;
    if (take_finite(a, count, rows)) return count;
    while (done < count && take_finite(a, 1, rows)) done++;
    return done;
}

/* ---- From anchors ---- */

/* The states within a stretch of 8^(level + 1) steps, 8^level apart: in the level's fan, which comes of those above it. */
static const AffineFan *open_fan(Affine *a, uint32_t level, uint64_t index) {
    if (a->fan[level].index == index) return &a->fan[level];
    uint32_t d = a->frame->d;
    const double *q = a->anchor.high, *pi = q + d;
    for (uint32_t at = a->phase; at-- > level;) {
        AffineFan *fan = &a->fan[at];
        uint64_t here = index >> (POWERS_BITS * (at - level));
        if (fan->index != here) {
            a->lanes->fans(&a->power[at], 1, q, pi, fan->q, fan->pi);
            fan->index = here;
        }
        if (at == level) break;
        uint64_t next = (index >> (POWERS_BITS * (at - level - 1))) % POWERS;
        q = fan->q + next * d;
        pi = fan->pi + next * d;
    }
    return &a->fan[level];
}

/* The state `steps` steps from the anchor, 1 at least: its q, and pi in *pi. */
static const double *state_after(Affine *a, uint64_t steps, const double **pi) {
    const AffineFan *fan = open_fan(a, 0, (steps - 1) / POWERS);
    size_t at = ((steps - 1) % POWERS + 1) * a->frame->d;
    *pi = fan->pi + at;
    return fan->q + at;
}

/* The state at hand goes to the frame. */
static void settle(Affine *a) {
    const Frame *f = a->frame;
    const double *pi, *q = state_after(a, a->inside, &pi);
    memcpy(f->array[LAG_Q], q, f->d * sizeof *q);
    memcpy(f->array[LAG_PI], pi, f->d * sizeof *pi);
}

/* The states 8 steps apart from `eight` on, side by side: their q, and pi in *pi. *count is how many are asked for, and then
 * how many there are. */
static const double *open_eights(Affine *a, uint64_t eight, uint64_t *count, const double **pi) {
    uint32_t d = a->frame->d;
    if (a->phase > 2 && eight % AFFINE_WIDE == 0 && *count >= AFFINE_WIDE) {
        const AffineFan *fan = open_fan(a, 2, eight / AFFINE_WIDE);
        a->lanes->fans(&a->power[1], POWERS, fan->q, fan->pi, a->wide_q, a->wide_pi);
        *count = AFFINE_WIDE;
        *pi = a->wide_pi;
        return a->wide_q;
    }
    uint64_t at = a->phase > 1 ? eight % POWERS : 0, there = a->phase > 1 ? POWERS - at : 1;
    const AffineFan *fan = a->phase > 1 ? open_fan(a, 1, eight / POWERS) : NULL;
    if (*count > there) *count = there;
    *pi = fan ? fan->pi + at * d : a->anchor.high + d;
    return fan ? fan->q + at * d : a->anchor.high;
}

static bool is_paired(const double *array) { return (uintptr_t)array % (2 * sizeof *array) == 0; }

/* Each of the steps from `from` on, `count` or less, straight to where rows go: how many. */
static uint64_t keep_eights(Affine *a, uint64_t from, uint64_t count, AffineRows *rows) {
    size_t row = rows->count * a->frame->d;
    double *to_q = rows->q + row, *to_pi = rows->pi + row;
    uint64_t eights = count / POWERS;
    const double *pi, *q = open_eights(a, from / POWERS, &eights, &pi);
    bool streams = rows->many && is_paired(to_q) && is_paired(to_pi);
    (streams ? a->lanes->streams : a->lanes->powers)(&a->power[0], eights, q, pi, to_q, to_pi);
    rows->count += eights * POWERS;
    return eights * POWERS;
}

/* Each `every`-th of the steps from `from` on, `count` or less: how many there are to the next. */
static uint64_t keep_some(Affine *a, uint64_t from, uint64_t count, AffineRows *rows) {
    uint32_t d = a->frame->d;
    uint64_t first = from % POWERS, end = first + count, eights = (end + POWERS - 1) / POWERS, at = first;
    if (eights > POWERS) eights = POWERS;
    const double *pi, *q = open_eights(a, from / POWERS, &eights, &pi);
    a->lanes->powers(&a->power[0], eights, q, pi, a->wide_q, a->wide_pi);
    for (; at < end && at < eights * POWERS; at += rows->every) keep_row(rows, d, a->wide_q + at * d, a->wide_pi + at * d);
    return at - first;
}

/* Rows on the next `count` steps, less than eight apart: all steps are taken. */
static void keep_dense(Affine *a, uint64_t count, AffineRows *rows) {
    bool all = rows->every == 1 && rows->q && rows->pi;
    uint64_t at = rows->next;
    while (at <= count) {
        uint64_t from = a->inside + at - 1, left = count - at + 1;
        bool whole = all && from % POWERS == 0 && left >= POWERS;
        at += whole ? keep_eights(a, from, left, rows) : keep_some(a, from, left, rows);
    }
    rows->next = at - count;
}

/* The same, farther apart: nothing is done for the steps between them. */
static void keep_sparse(Affine *a, uint64_t count, AffineRows *rows) {
    uint64_t at = rows->next;
    for (; at <= count; at += rows->every) {
        const double *pi, *q = state_after(a, a->inside + at, &pi);
        keep_row(rows, a->frame->d, q, pi);
    }
    rows->next = at - count;
}

/* The same where states may be too large for doubles: how many steps lead to none that is. */
static uint64_t keep_finite(Affine *a, uint64_t count, AffineRows *rows) {
    uint32_t d = a->frame->d;
    for (uint64_t n = 1; n <= count; n++) {
        const double *pi, *q = state_after(a, a->inside + n, &pi);
        if (!linear_finite(q, d) || !linear_finite(pi, d)) return n - 1;
        come_nearer(rows, 1, d, q, pi);
    }
    return count;
}

static bool is_within(const Affine *a, const double *state) {
    for (uint32_t i = 0; i < 2 * a->frame->d; i++)
        if (!(fabs(state[i]) <= a->most)) return false;
    return true;
}

/* What follows is counted from a->ahead. */
static void advance_anchor(Affine *a) {
    Twofold old = a->anchor;
    a->anchor = a->ahead;
    a->ahead = old;
    a->inside = 0;
    for (uint32_t level = 0; level < AFFINE_LEVELS; level++) a->fan[level].index = UINT64_MAX;
}

/* The next anchor into a->ahead. */
static void look_ahead(Affine *a, bool within) {
    uint32_t d = a->frame->d;
    if (within) {
        powers_eighth(&a->power[a->phase - 1], a->anchor, a->ahead);
        return;
    }
    const AffineFan *fan = open_fan(a, a->phase - 1, 0);
    copy(a->ahead.high, fan->q + POWERS * d, d);
    copy(a->ahead.high + d, fan->pi + POWERS * d, d);
    memset(a->ahead.low, 0, 2 * d * sizeof *a->ahead.low);
}

/* Steps up to the next anchor at most. The frame holds the state where they end, if `end`, or where the next might fail. */
static uint64_t take_block(Affine *a, uint64_t count, AffineRows *rows, bool end) {
    uint64_t took = count;
    bool within = is_within(a, a->anchor.high);
    if (!within)
        took = keep_finite(a, count, rows);
    else if (rows->every < POWERS)
        keep_dense(a, count, rows);
    else
        keep_sparse(a, count, rows);
    a->inside += took;
    if (a->inside < a->reach) {
        if (took && (end || took < count)) settle(a);
        return took;
    }
    look_ahead(a, within);
    if (end || !is_within(a, a->ahead.high)) settle(a);
    advance_anchor(a);
    a->left--;
    return took;
}

/* ---- Phases ---- */

void affine_begin(Affine *a) {
    a->phase = 0;
    a->reach = 1;
    a->left = AFFINE_SINGLE * 2 * a->frame->d - 1; /* so that rows begin on a cache line: one step came before */
}

static bool make_power(Affine *a, uint32_t level) {
    if (level < a->levels) return true;
    if (level == a->most_levels) return false;
    if (powers_make(&a->power[level], &a->next, &a->spare[0], &a->spare[1]))
        a->levels++;
    else
        a->most_levels = level;
    return level < a->levels;
}

/* Anchors are farther apart from now on, if there is a power for it. */
static void begin_phase(Affine *a) {
    const Frame *f = a->frame;
    a->left = UINT64_MAX;
    if (!make_power(a, a->phase)) return;
    if (a->phase == 0) {
        copy(a->ahead.high, f->array[LAG_Q], f->d);
        copy(a->ahead.high + f->d, f->array[LAG_PI], f->d);
        memset(a->ahead.low, 0, 2 * f->d * sizeof *a->ahead.low);
        advance_anchor(a);
    }
    a->phase++;
    a->reach *= POWERS;
    if (a->phase < AFFINE_LEVELS) a->left = AFFINE_ANCHORS * 2 * f->d;
    double growth = 1, shift = 0;
    for (uint32_t level = a->phase; level-- > 0;) {
        shift = shift * a->power[level].growth + a->power[level].shift;
        growth *= a->power[level].growth;
    }
    a->most = (0x1p990 - shift) / growth; /* less than 0, or no number, where nothing is within */
}

uint64_t affine_piece(const Affine *a, uint64_t most) {
    uint64_t left = a->phase ? a->reach - a->inside : a->left;
    return left < most ? most - (most - left) % a->reach : most;
}

uint64_t affine_steps(Affine *a, uint64_t count, AffineRows *rows) {
    AffineRows none = {.next = INT64_MAX, .every = INT64_MAX};
    uint64_t done = 0, took = 0, piece = 0;
    for (; done < count && took == piece; done += took) {
        if (a->left == 0) begin_phase(a);
        uint64_t most = a->phase ? a->reach - a->inside : a->left;
        piece = count - done < most ? count - done : most;
        if (a->phase) {
            took = take_block(a, piece, rows ? rows : &none, done + piece == count);
        } else {
            took = take_single(a, piece, rows ? rows : &none);
            a->left -= took;
        }
    }
    return done;
}
