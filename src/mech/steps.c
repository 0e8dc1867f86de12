/* steps.c: whole steps by fixed-point iteration (lag_kernel.h has the formulas), of which a sweep stands here where B = M v
 * with a constant mass matrix M, else in momenta.c. The nodes of a step stand in lanes. Needs A, B and B_v; leaves the tape
 * of LAG_STEPS.
 *
 * A step begins with positions and velocities at the nodes from impulses that the step before's are extrapolated to, and
 * with the impulses there. A sweep then finds positions from impulses and new impulses from positions, until they are near
 * enough (judge.c). The state is then made from the impulses alone (next.c).
 *
 * Where that takes twice the digits, and with them long, it is late: the next step's first sweep is written before it, and
 * goes by a state without the last bits. So what a step waits for is hardly more than in the plain form. */
#include "mech/steps.h"

#include <float.h>

enum { PLACES = 4 }; /* sums side by side */

static const double steps_tiny = 1e-10;     /* a coordinate below this part of the largest is measured by that part */
static const double steps_small = 1.0 / 64; /* what a coordinate's place weighs beside its motion in a step */

/* A kept matrix is all but right where forces happen to be linear, and wrong a step later. */
static const double newton_theta = 1e-3;

/* What t of an impulse is cut off at, over the size of its coordinate's motion: so many bits are left for t as are for
 * impulses of 2^LOUD of that, and for the other factor, and for the sum of all nodes. Larger impulses cost bits, no more. */
enum { LOUD = 10, NODES_BITS = 8 };
static const double steps_cut = 1ull << (LAG_END_BITS + LOUD + NODES_BITS);
_Static_assert(LAG_R_MAX + 2 <= 1 << NODES_BITS, "sums of all nodes are exact");

/* ---- A sweep ---- */

/* What coordinate k is measured by: its motion in a step, or a part of its place (all of it where steps may be so large that
 * impulses are many times the place, and have its roundings as often). Going back, lambda_u is the place of what
 * impulses count for, and lambda_q its motion. */
static TapeValue size_of(const Steps *s, uint32_t k) {
    Writer *w = s->w;
    LagArray place = s->back ? LAG_BY_U : LAG_Q, motion = s->back ? LAG_BY_Q : LAG_U;
    TapeValue q = tape_unary(w->tape, TAPE_ABS, tape_load(w->tape, of(w, place, 0, k, 1)));
    TapeValue u = s->momenta ? momenta_motion(s, k) : tape_load(w->tape, of(w, motion, 0, k, 1));
    u = tape_unary(w->tape, TAPE_ABS, u);
    return binary(w, TAPE_LARGER, u, s->newton ? q : binary(w, TAPE_MUL, q, number(s, steps_small)));
}

/* How large a change of an impulse is round-off, coordinate by coordinate. The largest of few sizes is found on the way: to
 * read what has just been written takes long. */
void steps_measure(const Steps *s) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    TapeValue most = 0, size[LOOPED_LEAST];
    for (uint32_t k = 0, bodies = coordinates_begin(w); k < bodies; k++) {
        size[k] = size_of(s, k);
        most = k ? binary(w, TAPE_LARGER, size[k], most) : size[k];
        if (w->looped) tape_store(tape, of(w, LAG_WORK, s->room.size, k, 1), size[k]);
    }
    coordinates_end(w);
    if (w->looped) most = tape_most(tape, terms(w, at(LAG_WORK, s->room.size, 0, 0, 0), 1), w->d);
    TapeValue least =
        binary(w, TAPE_LARGER, binary(w, TAPE_MUL, most, number(s, steps_tiny)), number(s, DBL_MIN / DBL_EPSILON));
    for (uint32_t k = 0, bodies = coordinates_begin(w); k < bodies; k++) {
        if (w->looped) size[k] = tape_load(tape, of(w, LAG_WORK, s->room.size, k, 1));
        TapeValue measure = binary(w, TAPE_DIV, number(s, 1 / DBL_EPSILON), binary(w, TAPE_LARGER, size[k], least));
        tape_store(tape, of(w, LAG_WORK, s->room.measure, k, 1), measure);
        if (s->compensated)
            tape_store(tape, of(w, LAG_WORK, s->room.cut, s->momenta ? w->d + k : k, 1),
                       binary(w, TAPE_MUL, size[k], number(s, steps_cut)));
        if (s->compensated && s->momenta)
            keep(s, LAG_WORK, s->room.cut + k, binary(w, TAPE_MUL, momenta_push(s, k), number(s, steps_cut)));
    }
    coordinates_end(w);
}

void steps_rates(const Steps *s) {
    Writer *w = s->w;
    for (uint32_t k = 0, bodies = s->moving ? coordinates_begin(w) : 0; k < bodies; k++) {
        TapeValue u = tape_load(w->tape, of(w, LAG_U, 0, k, 1));
        tape_store(w->tape, of(w, LAG_WORK, s->room.rate, k, 1), binary(w, TAPE_MUL, u, w->inverse_h));
    }
    if (s->moving) coordinates_end(w);
}

/* q + c_i u at the nodes, in two doubles, for the sweeps after the first. */
static void write_starts(const Steps *s) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    tape_lanes(tape, w->s);
    TapeValue c = tape_load(tape, at(LAG_STAGE_NODE, 0, 1, 0, 0));
    for (uint32_t k = 0, bodies = coordinates_begin(w); k < bodies; k++) {
        TapeValue q = tape_load(tape, of(w, LAG_Q, 0, k, 1)), u = tape_load(tape, of(w, LAG_U, 0, k, 1));
        TapeValue low_q = tape_load(tape, of(w, LAG_LOW, 0, k, 1)), low_u = tape_load(tape, of(w, LAG_LOW, w->d, k, 1));
        TapeValue start = tape_ternary(tape, TAPE_FMA, c, u, q), short_of = tape_ternary(tape, TAPE_FMA, c, low_u, low_q);
        TapeValue left = tape_ternary(tape, TAPE_FMA, c, u, binary(w, TAPE_SUB, q, start));
        tape_store(tape, in_lane(w, LAG_WORK, s->room.start, k, s->l), start);
        tape_store(tape, in_lane(w, LAG_WORK, s->room.low_start, k, s->l), plus(s, left, short_of));
    }
    coordinates_end(w);
    tape_end(tape);
}

/* Where q, or u if `half`, begins as places are found from it. */
static TapeRef begun(const Steps *s, bool ahead, uint32_t half) {
    if (ahead && s->compensated) return at(LAG_LOW, (2 + half) * s->w->d, 0, 0, 0);
    return at(half ? LAG_U : LAG_Q, 0, 0, 0, 0);
}

/* A coordinate at a node: q, and v if it is wanted. */
typedef struct Place {
    TapeValue q, v;
} Place;

/* Of coordinates k .. k + count - 1. The sums stand side by side: they share tables and impulses. */
static void find_places(const Steps *s, bool ahead, TapeValue c, uint32_t k, uint32_t count, Place *place) {
    Writer *w = s->w;
    LagArray reach = LAG_REACH, push = LAG_RATE;
    if (ahead) reach = s->compensated ? LAG_REACH_AHEAD_TWO : LAG_REACH_AHEAD;
    if (ahead) push = s->compensated ? LAG_RATE_AHEAD_TWO : LAG_RATE_AHEAD;
    uint32_t nodes = ahead ? w->s : w->s - 1; /* the last node's impulse moves no node */
    Tape *tape = w->tape;
    TapeValue gone[PLACES], pushed[PLACES];
    for (uint32_t i = 0; i < count; i++) {
        TapeRef f = terms(w, of(w, LAG_F, 0, k + i, s->l), 1);
        gone[i] = tape_fused_dot(tape, terms(w, at(reach, 0, 1, 0, 0), s->l), f, nodes);
        if (s->moving) pushed[i] = tape_fused_dot(tape, terms(w, at(push, 0, 1, 0, 0), s->l), f, nodes);
    }
    for (uint32_t i = 0; i < count; i++) {
        const TapeRef from[] = {begun(s, ahead, 0), begun(s, ahead, 1)};
        TapeValue u = tape_load(tape, of(w, from[1].array, from[1].base, k + i, 1));
        if (s->compensated && !ahead) {
            TapeValue start = tape_load(tape, in_lane(w, LAG_WORK, s->room.start, k + i, s->l));
            TapeValue low = tape_load(tape, in_lane(w, LAG_WORK, s->room.low_start, k + i, s->l));
            place[i].q = plus(s, start, plus(s, gone[i], low));
        } else {
            TapeValue q = tape_load(tape, of(w, from[0].array, from[0].base, k + i, 1));
            place[i].q = plus(s, q, tape_ternary(tape, TAPE_FMA, c, u, gone[i]));
        }
        if (!s->moving) continue;
        TapeValue rate =
            ahead ? binary(w, TAPE_MUL, u, w->inverse_h) : tape_load(tape, of(w, LAG_WORK, s->room.rate, k + i, 1));
        place[i].v = tape_ternary(tape, TAPE_FMA, pushed[i], w->inverse_h, rate);
    }
}

/* How many coordinates' sums go side by side from k on, of so many. */
static uint32_t places_together(const Steps *s, uint32_t k, uint32_t count) {
    const uint32_t most = s->moving ? PLACES / 2 : PLACES;
    return count - k < most ? count - k : most;
}

void steps_places(const Steps *s, bool ahead) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    Place place[PLACES];
    tape_lanes(tape, w->s);
    TapeValue c = tape_load(tape, at(LAG_STAGE_NODE, 0, 1, 0, 0));
    uint32_t bodies = coordinates_begin(w);
    for (uint32_t k = 0, count; k < bodies; k += count) {
        count = places_together(s, k, bodies);
        find_places(s, ahead, c, k, count, place);
        for (uint32_t i = 0; i < count; i++) {
            tape_store(tape, in_lane(w, LAG_WORK, s->room.place, k + i, s->l), place[i].q);
            if (s->moving) tape_store(tape, in_lane(w, LAG_WORK, s->room.v, k + i, s->l), place[i].v);
        }
    }
    coordinates_end(w);
    tape_end(tape);
}

/* Acceleration k, times m_k where M is diagonal. */
static TapeValue acceleration(const Steps *s, uint32_t k) {
    Writer *w = s->w;
    const Mechanics *m = w->m;
    if (m->facts.diagonal_mass) return emit_value(&w->emit, m->A[k]);
    TapeValue sum = 0;
    for (uint32_t l = 0; l < w->d; l++) {
        TapeValue inverse = load(w, LAG_INVERSE_MASS, k * w->d + l), a = emit_value(&w->emit, m->A[l]);
        sum = l ? tape_ternary(w->tape, TAPE_FMA, inverse, a, sum) : binary(w, TAPE_MUL, inverse, a);
    }
    return sum;
}

static TapeRef at_node(const Steps *s, LagArray array, uint32_t base, uint32_t k) {
    return at(array, base + k * s->l, 1, 0, 0);
}

/* Coordinate k at a node, for the forces. */
static void bind_place(const Steps *s, uint32_t k, Place place) {
    Writer *w = s->w;
    const Mechanics *m = w->m;
    emit_bind(&w->emit, m->coordinate[k].q, place.q);
    if (s->moving) emit_bind(&w->emit, m->coordinate[k].v, place.v);
}

/* By how much an impulse differs from what it was, in units of round-off; the largest of a node's, in the end. */
static TapeValue larger_change(const Steps *s, uint32_t k, TapeValue f, TapeRef was, TapeValue most) {
    Writer *w = s->w;
    TapeValue change = tape_unary(w->tape, TAPE_ABS, binary(w, TAPE_SUB, f, tape_load(w->tape, was)));
    change = binary(w, TAPE_MUL, change, work(s, s->room.measure + k));
    return k ? binary(w, TAPE_LARGER, change, most) : change;
}

void steps_bind(const Steps *s) {
    Tape *tape = s->w->tape;
    for (uint32_t k = 0; k < s->w->d; k++) {
        Place place = {.q = tape_load(tape, at_node(s, LAG_WORK, s->room.place, k))};
        if (s->moving) place.v = tape_load(tape, at_node(s, LAG_WORK, s->room.v, k));
        bind_place(s, k, place);
    }
}

/* The same, as found on the spot. */
static void bind_found(const Steps *s, bool ahead, TapeValue c) {
    Place place[PLACES];
    for (uint32_t k = 0, count; k < s->w->d; k += count) {
        count = places_together(s, k, s->w->d);
        find_places(s, ahead, c, k, count, place);
        for (uint32_t i = 0; i < count; i++) bind_place(s, k + i, place[i]);
    }
}

/* Of several systems: takes the impulses that were found, where a system still goes on. By now the judgement of the sweep
 * before, which says so, has long been made. */
static void settle(const Steps *s, bool compare) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    TapeValue most = 0, active = work(s, s->judge.active);
    tape_lanes(tape, w->s);
    for (uint32_t k = 0; k < w->d; k++) {
        TapeValue f = tape_load(tape, at_node(s, LAG_WORK, s->room.f, k));
        TapeRef kept = at_node(s, LAG_F, 0, k);
        if (compare) most = larger_change(s, k, f, kept, most);
        tape_store(tape, kept, masked(s, active, f, kept));
    }
    if (compare) tape_store(tape, at(LAG_WORK, s->room.change, 1, 0, 0), most);
    tape_end(tape);
}

/* With several systems, a node's place and impulse are found in one go, which need not wait for the others'; what places are
 * made of stays until all impulses are there. */
static bool goes_node_by_node(const Steps *s) { return s->several && !s->w->looped; }

/* Places at the nodes from the impulses, or ahead from those of the step before; impulses from the places; and, but for the
 * first, by how much they change. */
static void write_sweep(const Steps *s, TapeValue t, bool ahead) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    const bool at_once = goes_node_by_node(s), compare = !ahead && !s->several && !s->newton;
    TapeValue begin = tape->count, most = 0;
    if (!at_once) steps_places(s, ahead);
    tape_lanes(tape, w->s);
    TapeValue c = tape_load(tape, at(LAG_STAGE_NODE, 0, 1, 0, 0));
    if (at_once)
        bind_found(s, ahead, c);
    else
        steps_bind(s);
    emit_bind(&w->emit, w->m->time, tape_ternary(tape, TAPE_FMA, c, w->h, t));
    emit_roots(&w->emit, w->m->A, w->d, NULL, 0);
    for (uint32_t k = 0; k < w->d; k++) {
        TapeValue f = binary(w, TAPE_MUL, tape_load(tape, at_node(s, LAG_SHARE, 0, k)), acceleration(s, k));
        if (s->newton) {
            newton_compare(s, k, f);
            continue;
        }
        TapeRef place = at_node(s, s->several ? LAG_WORK : LAG_F, s->several ? s->room.f : 0, k);
        if (compare) most = larger_change(s, k, f, place, most);
        tape_store(tape, place, f);
    }
    if (compare) tape_store(tape, at(LAG_WORK, s->room.change, 1, 0, 0), most);
    tape_end(tape);
    emit_forget(&w->emit, begin);
    if (s->newton) newton_correct(s);
    if (s->several) settle(s, !ahead);
}

/* Whether the sweeps are at an end, the largest change being among room.change, or `beside`. */
static TapeValue write_judgement(const Steps *s, TapeValue beside) {
    Writer *w = s->w;
    TapeValue now = tape_most(w->tape, terms(w, at(LAG_WORK, s->room.change, 0, 0, 0), 1), w->s);
    if (s->momenta) now = binary(w, TAPE_LARGER, now, beside);
    return judge_sweep(&s->judge, w, now, 0);
}

static void make_room(Steps *s) {
    Tape *tape = s->w->tape;
    uint32_t d = s->w->d, line = s->l;
    Room *room = &s->room;
    const bool kept = !goes_node_by_node(s);
    room->place = kept && !s->momenta ? tape_work(tape, d * line) : 0; /* in lanes: at multiples of their number */
    room->v = (kept && s->moving) || s->momenta ? tape_work(tape, d * line) : 0;
    room->f = s->several && !s->momenta ? tape_work(tape, d * line) : 0;
    room->change = tape_work(tape, line);
    room->error = s->newton ? tape_work(tape, d * line) : 0;
    room->start = s->compensated && !s->momenta ? tape_work(tape, d * line) : 0;
    room->low_start = s->compensated && !s->momenta ? tape_work(tape, d * line) : 0;
    next_room(s);
    room->size = tape_work(tape, d);
    room->rate = s->moving ? tape_work(tape, d) : 0;
    room->measure = tape_work(tape, d);
    judge_room(&s->judge, tape);
}

/* A first sweep, from what the step before is extrapolated to; and sweeps until they are at an end. */
static void write_sweeps(const Steps *s, Momenta *m, TapeValue t) {
    Tape *tape = s->w->tape;
    if (s->momenta) {
        momenta_begin(s, m);
        momenta_sweep(s, m, t, true);
    } else if (s->newton) {
        newton_begin(s);
    } else {
        write_sweep(s, t, true);
    }
    next_late(s);
    steps_measure(s);
    if (!s->momenta) {
        steps_rates(s);
        if (s->compensated) write_starts(s);
    }
    judge_begin(&s->judge, s->w, 0);
    tape_repeat(tape);
    TapeValue beside = 0;
    if (s->momenta) {
        beside = momenta_sweep(s, m, t, false);
    } else {
        write_sweep(s, t, false);
    }
    tape_until(tape, write_judgement(s, beside));
}

void steps_write(Writer *w, uint32_t form) {
    Tape *tape = w->tape;
    const bool compensated = form & LAG_FORM_COMPENSATED, newton = form & LAG_FORM_NEWTON;
    Steps s = {.w = w,
               .l = lag_lanes(w->s),
               .moving = !w->m->facts.forces_free_of_velocity,
               .several = tape->systems > 1,
               .compensated = compensated,
               .momenta = !w->m->facts.mass_times_velocity,
               .newton = newton};
    s.late = compensated && !s.momenta && !newton;
    s.judge = (Judge){.several = s.several,
                      .compensated = compensated,
                      .newton = newton,
                      .theta_least = newton ? newton_theta : 0,
                      .exact = newton && w->m->facts.quadratic && w->m->facts.autonomous};
    Momenta *momenta = NULL;
    if (s.momenta || newton) w->looped = false; /* there are few coordinates */
    make_room(&s);
    w->t = load(w, LAG_TIME, 0);
    w->h = load(w, LAG_TIME, 1);
    w->inverse_h = binary(w, TAPE_DIV, number(&s, 1), w->h);
    emit_roots(&w->emit, w->m->A, w->d, w->m->state, 2 * w->d + 1); /* what depends on parameters alone */
    if (s.momenta && !(momenta = momenta_new(&s))) {
        tape->failed = true;
        return;
    }
    if (s.several) keep(&s, LAG_WORK, s.judge.alive, number(&s, 1));
    next_begin(&s);
    tape_repeat(tape);
    TapeValue t = judge_time(w, 0);
    if (s.several) keep(&s, LAG_WORK, s.judge.active, work(&s, s.judge.alive));
    write_sweeps(&s, momenta, t);
    judge_remember(&s.judge, w);
    TapeValue last = judge_count(&s.judge, w, next_write(&s));
    if (newton) {
        newton_end(&s);
        keep(&s, LAG_RUN, LAG_RUN_LAST, work(&s, s.judge.sweeps));
        last = binary(w, TAPE_ADD, last, binary(w, TAPE_LE, load(w, LAG_RUN, LAG_RUN_MOST), work(&s, s.judge.sweeps)));
    }
    next_keep(&s);
    tape_until(tape, last);
    next_end(&s); /* behind the loop: there nothing waits for it */
    momenta_free(momenta);
}
