/* judge.c: see judge.h. What impulses change by in a sweep, times what such changes shrink by, theta, is what is still
 * missing; theta is measured from two sweeps, to no less than round-off, and taken for known for some steps after, so that
 * where it is small a step takes one sweep. */
#include "mech/judge.h"

#include <float.h>

/* What may be missing in the end, of a rounding of the motion, plainly and in two doubles (benchmarks/README.md: what it is
 * found by). In two doubles the roundings of forces alone are left, which are the smaller beside the motion the shorter the
 * step is, as theta's root is: there the square of what is missing, over theta, may be no more either. A change is
 * taken for so much at least, when theta is measured. */
static const double judge_left[] = {1.0 / 512, 1.0 / 1024};
static const double judge_noise = 64;                       /* changes up to that many roundings may stop shrinking */
static const double judge_slow = 2, judge_slow_newton = 16; /* then they shrink by less than this */
static const double judge_far = 3; /* of a coordinate's motion: a first correction that is more leads anywhere */

static TapeValue number(Writer *w, double value) { return tape_constant(w->tape, value); }

static void keep(Writer *w, LagArray array, uint32_t base, TapeValue value) {
    tape_store(w->tape, at(array, base, 0, 0, 0), value);
}

static TapeValue pick(Writer *w, TapeValue by, TapeValue then, TapeValue otherwise) {
    return tape_ternary(w->tape, TAPE_PICK, by, then, otherwise);
}

void judge_room(Judge *j, Tape *tape) {
    j->sweeps = tape_work(tape, 6);
    j->now = j->sweeps + 1;
    j->theta = j->sweeps + 2;
    j->good = j->sweeps + 3;
    j->alive = j->sweeps + 4;
    j->active = j->sweeps + 5;
}

void judge_begin(const Judge *j, Writer *w, uint32_t uncompared) {
    keep(w, LAG_WORK, j->sweeps, number(w, -(double)uncompared));
    keep(w, LAG_WORK, j->now, number(w, 0));
}

/* Systems that are at rest keep what they have. */
static void keep_active(const Judge *j, Writer *w, uint32_t base, TapeValue value) {
    if (j->several) value = pick(w, load(w, LAG_WORK, j->active), value, load(w, LAG_WORK, base));
    keep(w, LAG_WORK, base, value);
}

/* Whether theta times `now` is little enough. It is asked without a division, which would take longer than all the rest. */
static TapeValue is_small(const Judge *j, Writer *w, TapeValue first, TapeValue now, TapeValue before) {
    TapeValue young = binary(w, TAPE_LE, load(w, LAG_RUN, LAG_RUN_AGE), number(w, LAG_RUN_AGE_MOST - 1));
    TapeValue known = pick(w, young, load(w, LAG_RUN, LAG_RUN_THETA), number(w, 1));
    if (j->theta_least > 0) known = binary(w, TAPE_LARGER, known, number(w, j->theta_least));
    TapeValue bound = number(w, judge_left[j->compensated]), slack = load(w, LAG_RUN, LAG_RUN_SLACK);
    TapeValue shrunk = binary(w, TAPE_LARGER, now, bound); /* over `before`: theta */
    if (j->exact) known = number(w, 0);
    keep_active(j, w, j->theta, pick(w, first, known, binary(w, TAPE_DIV, shrunk, before)));
    TapeValue left = binary(w, TAPE_MUL, pick(w, first, known, shrunk), now);
    if (j->compensated) {
        left = binary(w, TAPE_MUL, left, binary(w, TAPE_LARGER, now, slack));
        slack = binary(w, TAPE_MUL, slack, slack);
    }
    bound = pick(w, first, bound, binary(w, TAPE_MUL, before, bound));
    return binary(w, TAPE_LE, left, binary(w, TAPE_MUL, slack, bound));
}

TapeValue judge_sweep(const Judge *j, Writer *w, TapeValue now, uint32_t uncompared) {
    TapeValue zero = number(w, 0), one = number(w, 1), before = load(w, LAG_WORK, j->now);
    TapeValue sweeps = binary(w, TAPE_ADD, load(w, LAG_WORK, j->sweeps), one), first = binary(w, TAPE_LE, sweeps, one);
    TapeValue small = is_small(j, w, first, now, before);
    TapeValue slowly = binary(w, TAPE_MUL, now, number(w, j->newton ? judge_slow_newton : judge_slow));
    TapeValue still = pick(w, first, zero, binary(w, TAPE_LE, before, slowly));
    TapeValue ground = pick(w, still, binary(w, TAPE_LE, now, number(w, judge_noise)), zero);
    TapeValue good = binary(w, TAPE_ADD, small, ground);
    if (uncompared) good = pick(w, binary(w, TAPE_LE, sweeps, zero), zero, good);
    TapeValue most = j->newton ? number(w, LAG_SWEEPS_MOST) : load(w, LAG_RUN, LAG_RUN_MOST);
    TapeValue stop = binary(w, TAPE_ADD, good, binary(w, TAPE_LE, most, sweeps));
    if (j->newton && !j->exact) {
        TapeValue far = pick(w, first, binary(w, TAPE_LE, number(w, judge_far / DBL_EPSILON), now), zero);
        good = pick(w, far, zero, good);
        stop = binary(w, TAPE_ADD, stop, far);
    }
    keep_active(j, w, j->now, now);
    keep_active(j, w, j->sweeps, sweeps);
    keep_active(j, w, j->good, good);
    if (!j->several) return stop;
    TapeValue on = pick(w, stop, zero, load(w, LAG_WORK, j->active));
    keep(w, LAG_WORK, j->active, on);
    return binary(w, TAPE_LE, on, zero);
}

void judge_remember(const Judge *j, Writer *w) {
    TapeValue one = number(w, 1), sweeps = load(w, LAG_WORK, j->sweeps), once = binary(w, TAPE_LE, sweeps, one);
    TapeValue age = binary(w, TAPE_ADD, load(w, LAG_RUN, LAG_RUN_AGE), one), theta = load(w, LAG_RUN, LAG_RUN_THETA);
    keep(w, LAG_RUN, LAG_RUN_AGE, pick(w, once, age, number(w, 0)));
    keep(w, LAG_RUN, LAG_RUN_THETA, pick(w, once, theta, load(w, LAG_WORK, j->theta)));
    keep(w, LAG_RUN, LAG_RUN_SWEEPS, binary(w, TAPE_ADD, load(w, LAG_RUN, LAG_RUN_SWEEPS), sweeps));
}

TapeValue judge_count(const Judge *j, Writer *w, TapeValue finite) {
    TapeValue zero = number(w, 0), one = number(w, 1), good = pick(w, load(w, LAG_WORK, j->good), finite, zero);
    if (j->several) good = pick(w, load(w, LAG_WORK, j->alive), good, zero);
    TapeValue done = binary(w, TAPE_ADD, load(w, LAG_RUN, LAG_RUN_DONE), good);
    keep(w, LAG_WORK, j->several ? j->alive : j->good, good);
    keep(w, LAG_RUN, LAG_RUN_DONE, done);
    return pick(w, good, binary(w, TAPE_LE, load(w, LAG_RUN, LAG_RUN_STEPS), done), one);
}

TapeValue judge_time(Writer *w, double steps) {
    TapeValue count = binary(w, TAPE_ADD, load(w, LAG_RUN, LAG_RUN_BEFORE), load(w, LAG_RUN, LAG_RUN_DONE));
    if (steps > 0) count = binary(w, TAPE_ADD, count, number(w, steps));
    return binary(w, TAPE_ADD, w->t, binary(w, TAPE_MUL, count, w->h));
}
