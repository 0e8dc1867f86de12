/* next.c: the state after a step, from its impulses alone: both parts of it from the same, each by one sum, so that no error
 * is of one sign (Hairer, McLachlan & Razakarivony, Achieving Brouwer's law with implicit Runge-Kutta methods, BIT 48, 2008,
 * and what lobatto.h says of the grid).
 *
 * LAG_FORM_COMPENSATED keeps the state in pairs of doubles. Impulses are taken to be what their doubles say, and what is
 * made of them is not rounded to the state's last bits: f = t + rest, where t is a multiple of a power of two so large that
 * sums of t and of t times the leading bits of 1 - c_j are exact, in any order (Rump, Ogita & Oishi, Accurate floating-point
 * summation I, SIAM J. Sci. Comput. 31, 2008); the other terms are so small that their roundings do not matter. */
#include "mech/steps.h"

/* ---- Sums over impulses ---- */

/* Impulses, or what they are but for their rests, or those. */
typedef enum Addend { ADDEND_WHOLE, ADDEND_PART, ADDEND_REST } Addend;

/* Impulses, and displacements if there are, in two parts, of which the first are multiples of what doubles near `cut` differ
 * by. */
static void write_parts(const Steps *s) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    tape_lanes(tape, w->s);
    uint32_t bodies = coordinates_begin(w);
    if (s->momenta) bodies = impulse_rows(s);
    for (uint32_t k = 0; k < bodies; k++) {
        TapeValue f = tape_load(tape, in_lane(w, LAG_F, 0, k, s->l));
        TapeValue cut = tape_load(tape, of(w, LAG_WORK, s->room.cut, k, 1));
        TapeValue part = binary(w, TAPE_SUB, binary(w, TAPE_ADD, cut, f), cut);
        tape_store(tape, in_lane(w, LAG_WORK, s->room.part, k, s->l), part);
        tape_store(tape, in_lane(w, LAG_WORK, s->room.rest, k, s->l), binary(w, TAPE_SUB, f, part));
    }
    coordinates_end(w);
    tape_end(tape);
}

/* The sum of row k by a column of LAG_STAGE_END, or, in lanes, by that column and those after it. */
static TapeValue sum_up(const Steps *s, LagEnd column, uint32_t lanes, Addend addend, uint32_t k) {
    Writer *w = s->w;
    const LagArray array = addend == ADDEND_WHOLE ? LAG_F : LAG_WORK;
    const uint32_t base = addend == ADDEND_WHOLE ? 0 : addend == ADDEND_PART ? s->room.part : s->room.rest;
    TapeRef weight = terms(w, at(LAG_STAGE_END, column, lanes > 1, 0, 0), LAG_END_COUNT);
    return tape_fused_dot(w->tape, weight, terms(w, of(w, array, base, k, s->l), 1), w->s);
}

/* Where sums of parts stand: those of a row side by side. */
static TapeRef sum_place(const Steps *s, Addend addend, LagEnd column, uint32_t k) {
    uint32_t base = s->room.sums + (addend == ADDEND_REST ? impulse_rows(s) * TAPE_LANES_MOST : 0);
    return of(s->w, LAG_WORK, base + column, k, TAPE_LANES_MOST);
}

/* By all columns at once, in lanes: of one system, whose next step waits for them. */
static void sum_in_lanes(const Steps *s) {
    enum { SIDE_BY_SIDE = 2 }; /* rows: they share the columns */
    Writer *w = s->w;
    tape_lanes(w->tape, LAG_END_COUNT);
    for (uint32_t k = 0, bodies = coordinates_begin(w), count; k < bodies; k += count) {
        TapeValue sum[SIDE_BY_SIDE][ADDEND_REST + 1];
        count = bodies - k < SIDE_BY_SIDE ? bodies - k : SIDE_BY_SIDE;
        for (uint32_t i = 0; i < count; i++)
            for (Addend a = ADDEND_PART; a <= ADDEND_REST; a++) sum[i][a] = sum_up(s, 0, LAG_END_COUNT, a, k + i);
        for (uint32_t i = 0; i < count; i++)
            for (Addend a = ADDEND_PART; a <= ADDEND_REST; a++) {
                TapeRef place = sum_place(s, a, 0, k + i);
                place.stride[0] = 1;
                tape_store(w->tape, place, sum[i][a]);
            }
    }
    coordinates_end(w);
    tape_end(w->tape);
}

/* What is asked of a row. */
static const struct {
    Addend addend;
    LagEnd column;
} asked[] = {{ADDEND_PART, LAG_END_U},
             {ADDEND_REST, LAG_END_U},
             {ADDEND_PART, LAG_END_LEADING},
             {ADDEND_PART, LAG_END_TRAILING},
             {ADDEND_REST, LAG_END_Q}};
enum { ASKED = sizeof asked / sizeof *asked, ASKED_OF_MOMENTA = 2 };

static void sum_apart(const Steps *s) {
    uint32_t bodies = coordinates_begin(s->w);
    if (s->momenta) bodies = impulse_rows(s);
    for (uint32_t k = 0; k < bodies; k++)
        for (int i = 0; i < (s->momenta ? ASKED_OF_MOMENTA : ASKED); i++)
            tape_store(s->w->tape, sum_place(s, asked[i].addend, asked[i].column, k),
                       sum_up(s, asked[i].column, 1, asked[i].addend, k));
    coordinates_end(s->w);
}

/* What impulses add: to u; to q, beside u where q goes by that; and what these are short of. */
typedef struct Sums {
    TapeValue u, q, u_rest, q_rest;
} Sums;

static Sums plain_sums(const Steps *s, uint32_t k) {
    Sums x = {.u = sum_up(s, LAG_END_U, 1, ADDEND_WHOLE, k)};
    x.q = s->momenta ? sum_up(s, LAG_END_U, 1, ADDEND_WHOLE, s->w->d + k) : sum_up(s, LAG_END_Q, 1, ADDEND_WHOLE, k);
    return x;
}

static TapeValue sum_of(const Steps *s, Addend addend, LagEnd column, uint32_t k) {
    return tape_load(s->w->tape, sum_place(s, addend, column, k));
}

static Sums compensated_sums(const Steps *s, uint32_t k) {
    Sums x = {.u = sum_of(s, ADDEND_PART, LAG_END_U, k)};
    x.u_rest = sum_of(s, ADDEND_REST, LAG_END_U, k);
    if (s->momenta) {
        x.q = sum_of(s, ADDEND_PART, LAG_END_U, s->w->d + k);
        x.q_rest = sum_of(s, ADDEND_REST, LAG_END_U, s->w->d + k);
        return x;
    }
    x.q = sum_of(s, ADDEND_PART, LAG_END_LEADING, k);
    x.q_rest = sum_of(s, ADDEND_PART, LAG_END_TRAILING, k);
    x.q_rest = plus(s, x.q_rest, sum_of(s, ADDEND_REST, LAG_END_Q, k));
    return x;
}

/* ---- The state of a coordinate ---- */

typedef struct State {
    TapeValue q, u;
} State;

static State state_now(const Steps *s, uint32_t k) {
    const Writer *w = s->w;
    State now = {.q = tape_load(w->tape, of(w, LAG_Q, 0, k, 1))};
    now.u = tape_load(w->tape, of(w, LAG_U, 0, k, 1));
    return now;
}

static State plain_next(const Steps *s, State now, Sums x) {
    State next = {.q = plus(s, now.q, s->momenta ? x.q : plus(s, now.u, x.q))};
    next.u = plus(s, now.u, x.u);
    return next;
}

/* What the next step's first sweep begins with. */
static State rough_next(const Steps *s, uint32_t k, State now, Sums x) {
    Writer *w = s->w;
    x.q = plus(s, x.q, x.q_rest);
    x.u = plus(s, x.u, x.u_rest);
    State next = plain_next(s, now, x);
    tape_store(w->tape, of(w, LAG_LOW, 2 * w->d, k, 1), next.q);
    tape_store(w->tape, of(w, LAG_LOW, 3 * w->d, k, 1), next.u);
    return next;
}

/* A number and what is missing of it. */
typedef struct Pair {
    TapeValue high, low;
} Pair;

/* a + b, exactly. */
static Pair two_sum(const Steps *s, TapeValue a, TapeValue b) {
    Writer *w = s->w;
    TapeValue sum = plus(s, a, b), of_b = binary(w, TAPE_SUB, sum, a), of_a = binary(w, TAPE_SUB, sum, of_b);
    TapeValue missing_a = binary(w, TAPE_SUB, a, of_a), missing_b = binary(w, TAPE_SUB, b, of_b);
    return (Pair){sum, plus(s, missing_a, missing_b)};
}

/* The same, where a is the larger, or 0. */
static Pair quick_sum(const Steps *s, TapeValue a, TapeValue b) {
    TapeValue sum = plus(s, a, b);
    return (Pair){sum, binary(s->w, TAPE_SUB, b, binary(s->w, TAPE_SUB, sum, a))};
}

/* Takes a value over, where `mask` is not 0 if there is one. */
static void put(const Steps *s, TapeRef to, TapeValue value, const TapeValue *mask) {
    Tape *tape = s->w->tape;
    tape_store(tape, to, mask ? tape_ternary(tape, TAPE_PICK, *mask, value, tape_load(tape, to)) : value);
}

/* Takes the next state over, in twice the digits, where the mask says so. */
static State compensated_next(const Steps *s, uint32_t k, State now, Sums x, const TapeValue *mask) {
    const Writer *w = s->w;
    const TapeRef low_q = of(w, LAG_LOW, 0, k, 1), low_u = of(w, LAG_LOW, w->d, k, 1);
    State low = {.q = tape_load(w->tape, low_q)};
    low.u = tape_load(w->tape, low_u);
    Pair u = two_sum(s, now.u, x.u), q;
    if (s->momenta) {
        q = two_sum(s, now.q, x.q);
    } else {
        Pair z = two_sum(s, now.u, x.q);
        q = two_sum(s, now.q, z.high);
        x.q_rest = plus(s, z.low, plus(s, low.u, x.q_rest));
    }
    u = quick_sum(s, u.high, plus(s, u.low, plus(s, low.u, x.u_rest)));
    TapeValue short_q = plus(s, q.low, low.q);
    q = quick_sum(s, q.high, plus(s, short_q, x.q_rest));
    put(s, low_q, q.low, mask);
    put(s, low_u, u.low, mask);
    put(s, of(w, LAG_Q, 0, k, 1), q.high, mask);
    put(s, of(w, LAG_U, 0, k, 1), u.high, mask);
    return (State){q.high, u.high};
}

/* ---- The state ---- */

void next_room(Steps *s) {
    Tape *tape = s->w->tape;
    const uint32_t d = s->w->d, rows = impulse_rows(s);
    Room *room = &s->room;
    if (s->compensated) {
        room->part = tape_work(tape, rows * s->l); /* in lanes: at multiples of their number */
        room->rest = tape_work(tape, rows * s->l);
        room->sums = tape_work(tape, 2 * rows * TAPE_LANES_MOST);
        room->cut = tape_work(tape, rows);
        room->low = s->late ? 0 : tape_work(tape, 2 * d);
    }
    room->q = s->late ? 0 : tape_work(tape, d);
    room->u = s->late ? 0 : tape_work(tape, d);
}

/* The state before the step, to go back to. */
static void keep_before(const Steps *s, uint32_t k, State now) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    tape_store(tape, of(w, LAG_WORK, s->room.q, k, 1), now.q);
    tape_store(tape, of(w, LAG_WORK, s->room.u, k, 1), now.u);
    for (uint32_t i = 0; i < 2 && s->compensated; i++)
        tape_store(tape, of(w, LAG_WORK, s->room.low + i * w->d, k, 1), tape_load(tape, of(w, LAG_LOW, i * w->d, k, 1)));
}

/* The state to where it is kept, or back from there; what stands there already stays where `mask` is 0. */
static void copy_state(const Steps *s, bool back, TapeValue mask) {
    Writer *w = s->w;
    for (uint32_t k = 0, bodies = coordinates_begin(w); k < bodies; k++) {
        const TapeRef state[] = {of(w, LAG_Q, 0, k, 1), of(w, LAG_U, 0, k, 1), of(w, LAG_LOW, 0, k, 1),
                                 of(w, LAG_LOW, w->d, k, 1)};
        const TapeRef kept[] = {of(w, LAG_WORK, s->room.q, k, 1), of(w, LAG_WORK, s->room.u, k, 1),
                                of(w, LAG_WORK, s->room.low, k, 1), of(w, LAG_WORK, s->room.low + w->d, k, 1)};
        for (int i = 0; i < (s->compensated ? 4 : 2); i++)
            put(s, back ? state[i] : kept[i], tape_load(w->tape, back ? kept[i] : state[i]), &mask);
    }
    coordinates_end(w);
}

/* Sums that leave the state as it is. */
static void write_nothing(const Steps *s) {
    Tape *tape = s->w->tape;
    const TapeValue none = number(s, 0);
    for (uint32_t k = 0, bodies = coordinates_begin(s->w); k < bodies; k++) {
        for (int i = 0; i < ASKED; i++) tape_store(tape, sum_place(s, asked[i].addend, asked[i].column, k), none);
        TapeValue low_u = tape_load(tape, of(s->w, LAG_LOW, s->w->d, k, 1)), u = state_now(s, k).u;
        tape_store(tape, sum_place(s, ADDEND_PART, LAG_END_LEADING, k), tape_unary(tape, TAPE_NEG, u));
        tape_store(tape, sum_place(s, ADDEND_PART, LAG_END_TRAILING, k), tape_unary(tape, TAPE_NEG, low_u));
    }
    coordinates_end(s->w);
}

void next_begin(const Steps *s) {
    if (s->late)
        write_nothing(s);
    else if (s->several)
        copy_state(s, false, number(s, 1));
}

static State write_coordinate(const Steps *s, uint32_t k) {
    Writer *w = s->w;
    State now = state_now(s, k), next;
    if (!s->several && !s->late) keep_before(s, k, now);
    if (!s->compensated) {
        next = plain_next(s, now, plain_sums(s, k));
        tape_store(w->tape, of(w, LAG_Q, 0, k, 1), next.q);
        tape_store(w->tape, of(w, LAG_U, 0, k, 1), next.u);
        return next;
    }
    Sums x = compensated_sums(s, k);
    if (!s->momenta) next = rough_next(s, k, now, x);
    return s->late ? next : compensated_next(s, k, now, x, NULL);
}

TapeValue next_write(const Steps *s) {
    Writer *w = s->w;
    TapeValue zeros = 0;
    if (s->compensated) {
        write_parts(s);
        if (s->several || s->momenta)
            sum_apart(s);
        else
            sum_in_lanes(s);
    }
    for (uint32_t k = 0, bodies = coordinates_begin(w); k < bodies; k++) {
        State next = write_coordinate(s, k);
        TapeValue zero_q = binary(w, TAPE_SUB, next.q, next.q), zero_u = binary(w, TAPE_SUB, next.u, next.u); /* or NaN */
        TapeValue zero = plus(s, zero_q, zero_u);
        zeros = k ? plus(s, zeros, zero) : zero;
        if (w->looped) tape_store(w->tape, of(w, LAG_WORK, s->room.size, k, 1), zero);
    }
    coordinates_end(w);
    TapeRef all = terms(w, at(LAG_WORK, s->room.size, 0, 0, 0), 1);
    if (w->looped) zeros = tape_fused_dot(w->tape, all, all, w->d);
    return binary(w, TAPE_LE, zeros, number(s, 0));
}

/* From the sums of the step before. */
static void write_late(const Steps *s, const TapeValue *mask) {
    for (uint32_t k = 0, bodies = coordinates_begin(s->w); k < bodies; k++) {
        State now = state_now(s, k);
        compensated_next(s, k, now, compensated_sums(s, k), mask);
    }
    coordinates_end(s->w);
}

void next_late(const Steps *s) {
    const TapeValue alive = s->several ? work(s, s->judge.alive) : 0;
    if (s->late) write_late(s, s->several ? &alive : NULL);
}

void next_keep(const Steps *s) {
    if (s->several && !s->late) copy_state(s, false, work(s, s->judge.alive));
}

void next_end(const Steps *s) {
    const TapeValue good = work(s, s->several ? s->judge.alive : s->judge.good);
    if (s->late)
        write_late(s, &good);
    else
        copy_state(s, true, s->several ? number(s, 1) : binary(s->w, TAPE_LE, good, number(s, 0)));
}
