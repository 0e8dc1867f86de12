/* random_tape.h: tapes of random operations, loops and references, for tests. All that they read is set before: inputs,
 * tables and outputs by the caller, LAG_WORK by the tape itself. They pass tape_check, and leave nothing behind of what
 * lanes write past their last round. */
#ifndef LAG_TESTS_RANDOM_TAPE_H
#define LAG_TESTS_RANDOM_TAPE_H

#include "suite.h"
#include "tape_writing.h"

#include <math.h>
#include <string.h>

enum { RANDOM_VALUES = 64, RANDOM_WORK = 12, RANDOM_PIECES = 4, RANDOM_LANES = 60, RANDOM_ROUNDS = 3 };

/* An open loop. */
typedef struct RandomLoop {
    TapeCode code;
    uint32_t values;  /* in scope outside */
    uint32_t counter; /* of TAPE_REPEAT: where in LAG_WORK its rounds are counted */
} RandomLoop;

typedef struct RandomTape {
    SuiteRandom *random;
    Tape *tape;
    const size_t *size;             /* [LAG_ARRAY_COUNT] */
    TapeValue value[RANDOM_VALUES]; /* those in scope */
    uint32_t values;
    uint32_t work; /* a piece of LAG_WORK of RANDOM_WORK doubles */
    RandomLoop open[TAPE_OPEN];
    uint32_t opens, depth, count[TAPE_DEPTH + 1]; /* of those that count, and one for sums: rounds */
    uint32_t lanes;                               /* 1 + its place among those that count, or 0 */
    uint32_t piece[RANDOM_PIECES], pieces;        /* of LAG_WORK, that the open lanes have written */
    bool loops;
} RandomTape;

static uint32_t random_below(RandomTape *r, uint32_t bound) { return (uint32_t)(suite_bits(r->random) >> 32) % bound; }

static void random_keep(RandomTape *r, TapeValue value) {
    if (r->values == RANDOM_VALUES && r->opens == 0) {
        r->values /= 2;
        memmove(r->value, r->value + r->values, r->values * sizeof *r->value);
    }
    if (r->values < RANDOM_VALUES) r->value[r->values++] = value;
}

static TapeValue random_operand(RandomTape *r) {
    uint32_t recent = r->values < 4 || random_below(r, 3) == 0 ? r->values : 4;
    return r->value[r->values - 1 - random_below(r, recent)];
}

/* ---- References ---- */

/* Along the l-th loop: mostly with it where it is of lanes, which take no more. */
static uint32_t random_stride(RandomTape *r, uint32_t l, uint32_t most) {
    bool lanes = l + 1 == r->lanes;
    if (lanes && most && random_below(r, 4)) return 1;
    uint32_t bound = lanes ? 1 : 4;
    return random_below(r, (most < bound ? most : bound) + 1);
}

/* An element that is there whatever the open loops' counters are. */
static TapeRef random_ref(RandomTape *r, LagArray array) {
    TapeRef ref = {.array = array};
    uint32_t room = (array == LAG_WORK ? RANDOM_WORK : (uint32_t)r->size[array]) - 1;
    for (uint32_t l = 0; l < r->depth; l++) {
        uint32_t rounds = (l + 1 == r->lanes ? tape_lane_room(r->count[l]) : r->count[l]) - 1;
        ref.stride[l] = random_stride(r, l, rounds ? room / rounds : 3);
        room -= ref.stride[l] * rounds;
    }
    ref.base = random_below(r, room + 1) + (array == LAG_WORK ? r->work : 0);
    return ref;
}

static TapeRef random_source(RandomTape *r) {
    static const LagArray source[] = {LAG_Q, LAG_Z, LAG_Z, LAG_DERIVE, LAG_A, LAG_JACOBIAN, LAG_WORK, LAG_WORK};
    return random_ref(r, source[random_below(r, 8)]);
}

/* ---- Storing ---- */

/* In lanes: into a piece of LAG_WORK of their own, where each round has an element, or one for each round of the innermost
 * loop. What is there is read at once or, after the lanes, copied. */
static void random_store_in_lanes(RandomTape *r, TapeValue value) {
    uint32_t room = tape_lane_room(r->count[r->lanes - 1]), rows = r->depth > r->lanes ? r->count[r->depth - 1] : 1;
    if (r->pieces == RANDOM_PIECES) return;
    uint32_t base = tape_work(r->tape, rows * room);
    TapeRef ref = {.array = LAG_WORK, .base = base};
    r->piece[r->pieces++] = base;
    ref.stride[r->lanes - 1] = 1;
    if (r->depth > r->lanes && random_below(r, 2)) ref.stride[r->depth - 1] = room;
    tape_store(r->tape, ref, value);
    if (random_below(r, 2)) random_keep(r, tape_load(r->tape, ref));
}

static void random_store(RandomTape *r) {
    static const LagArray target[] = {LAG_A, LAG_JACOBIAN, LAG_WORK};
    TapeValue value = random_operand(r);
    if (r->lanes)
        random_store_in_lanes(r, value);
    else
        tape_store(r->tape, random_ref(r, target[random_below(r, 3)]), value);
}

/* What the rounds of lanes have written goes where it is seen. */
static void random_copy_pieces(RandomTape *r, uint32_t count) {
    for (uint32_t i = 0; i < r->pieces; i++) {
        TapeRef from = {.array = LAG_WORK, .base = r->piece[i]}, to = {.array = LAG_JACOBIAN};
        to.base = random_below(r, (uint32_t)r->size[LAG_JACOBIAN] - count + 1);
        from.stride[r->depth] = to.stride[r->depth] = 1;
        tape_loop(r->tape, count);
        tape_store(r->tape, to, tape_load(r->tape, from));
        tape_end(r->tape);
    }
    r->pieces = 0;
}

/* ---- Loops ---- */

/* Done after RANDOM_ROUNDS rounds at most: some value that is not 0, after one that is. */
static void random_until(RandomTape *r, uint32_t counter) {
    static const double not_yet[] = {0.0, -0.0}, done[] = {1, -1, 0x1p-1074, NAN, INFINITY};
    TapeRef ref = {.array = LAG_WORK, .base = counter};
    TapeValue rounds = tape_constant(r->tape, 1 + random_below(r, RANDOM_ROUNDS));
    TapeValue before = tape_load(r->tape, ref), one = tape_constant(r->tape, 1);
    TapeValue next = tape_binary(r->tape, TAPE_ADD, before, one), last = tape_binary(r->tape, TAPE_LE, rounds, next);
    TapeValue yes = tape_constant(r->tape, done[random_below(r, 5)]),
              no = tape_constant(r->tape, not_yet[random_below(r, 2)]);
    tape_store(r->tape, ref, next);
    tape_until(r->tape, tape_ternary(r->tape, TAPE_PICK, last, yes, no));
}

static void random_open(RandomTape *r) {
    RandomLoop loop = {.code = TAPE_LOOP, .values = r->values};
    uint32_t kind = r->lanes ? 0 : random_below(r, 4); /* lanes have neither lanes nor repetition in them */
    if (kind == 3) {
        TapeRef counter = {.array = LAG_WORK, .base = loop.counter = tape_work(r->tape, 1)};
        loop.code = TAPE_REPEAT;
        tape_store(r->tape, counter, tape_constant(r->tape, 0));
        tape_repeat(r->tape);
    } else {
        uint32_t count = 1 + random_below(r, kind == 2 ? r->depth ? 9 : RANDOM_LANES : 4);
        r->count[r->depth++] = count;
        if (kind == 2) {
            loop.code = TAPE_LANES;
            r->lanes = r->depth;
            tape_lanes(r->tape, count);
        } else {
            tape_loop(r->tape, count);
        }
    }
    r->open[r->opens++] = loop;
}

static void random_close(RandomTape *r) {
    RandomLoop loop = r->open[--r->opens];
    random_store(r);
    if (loop.code == TAPE_REPEAT) {
        random_until(r, loop.counter);
    } else {
        tape_end(r->tape);
        r->depth--;
    }
    if (loop.code == TAPE_LANES) {
        r->lanes = 0;
        random_copy_pieces(r, r->count[r->depth]);
    }
    r->values = loop.values;
}

/* ---- Operations ---- */

static void random_series(RandomTape *r) {
    uint32_t terms = 1 + random_below(r, random_below(r, 4) ? 8 : 30), kind = random_below(r, 3);
    r->count[r->depth++] = terms;
    TapeRef x = random_source(r), y = random_source(r);
    r->depth--;
    random_keep(r, kind == 0   ? tape_dot(r->tape, x, y, terms)
                   : kind == 1 ? tape_fused_dot(r->tape, x, y, terms)
                               : tape_most(r->tape, x, terms));
}

static void random_constant(RandomTape *r) {
    unsigned long long bits = suite_bits(r->random);
    double value = suite_uniform(r->random, -3, 3);
    if (random_below(r, 4) == 0) memcpy(&value, &bits, sizeof value);
    random_keep(r, tape_constant(r->tape, value));
}

/* Half of the operations are the four that machines do fastest, the others any. */
static void random_operation(RandomTape *r) {
    uint32_t code = TAPE_ADD + random_below(r, random_below(r, 2) ? 4 : TAPE_CODE_COUNT - TAPE_ADD);
    TapeValue operand[3];
    for (int i = 0; i < 3; i++) operand[i] = random_operand(r);
    random_keep(r, write_operation(r->tape, (TapeCode)code, operand));
}

static void random_step(RandomTape *r) {
    switch (random_below(r, 16)) {
    case 0: random_constant(r); break;
    case 1:
    case 2:
    case 3:
    case 4: random_keep(r, tape_load(r->tape, random_source(r))); break;
    case 5:
    case 6: random_store(r); break;
    case 7:
        if (r->depth < TAPE_DEPTH) random_series(r);
        break;
    case 8:
        if (r->loops && r->depth < TAPE_DEPTH && r->opens < TAPE_OPEN) random_open(r);
        break;
    case 9:
        if (r->opens) random_close(r);
        break;
    default: random_operation(r);
    }
}

/* Appends about `length` operations to the tape, with loops if asked. */
static void random_tape(SuiteRandom *random, const size_t *size, uint32_t length, bool loops, Tape *tape) {
    RandomTape r = {.random = random, .tape = tape, .size = size, .loops = loops, .work = tape_work(tape, RANDOM_WORK)};
    for (uint32_t i = 0; i < RANDOM_WORK; i++)
        tape_store(tape, (TapeRef){LAG_WORK, r.work + i, {0}}, tape_load(tape, (TapeRef){LAG_Z, i, {0}}));
    random_constant(&r);
    for (uint32_t end = tape->count + length; tape->count < end && !tape->failed;) random_step(&r);
    while (r.opens) random_close(&r);
    random_store(&r);
}

#endif
