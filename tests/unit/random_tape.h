/* random_tape.h: tapes of random operations, loops and references, for tests. All that they read is set before: inputs,
 * tables and outputs by the caller, LAG_WORK by the tape itself. They pass tape_check. */
#ifndef LAG_TESTS_RANDOM_TAPE_H
#define LAG_TESTS_RANDOM_TAPE_H

#include "suite.h"
#include "tape/tape.h"

#include <string.h>

enum { RANDOM_VALUES = 64, RANDOM_WORK = 12 };

typedef struct RandomTape {
    SuiteRandom *random;
    Tape *tape;
    const size_t *size;             /* [LAG_ARRAY_COUNT] */
    TapeValue value[RANDOM_VALUES]; /* those in scope */
    uint32_t values;
    uint32_t work;                                               /* a piece of LAG_WORK of RANDOM_WORK doubles */
    uint32_t depth, count[TAPE_DEPTH + 1], kept[TAPE_DEPTH + 1]; /* open loops: rounds, and `values` outside each */
    bool loops;
} RandomTape;

static uint32_t random_below(RandomTape *r, uint32_t bound) { return (uint32_t)(suite_bits(r->random) >> 32) % bound; }

static void random_keep(RandomTape *r, TapeValue value) {
    if (r->values == RANDOM_VALUES && r->depth == 0) {
        r->values /= 2;
        memmove(r->value, r->value + r->values, r->values * sizeof *r->value);
    }
    if (r->values < RANDOM_VALUES) r->value[r->values++] = value;
}

static TapeValue random_operand(RandomTape *r) {
    uint32_t recent = r->values < 4 || random_below(r, 3) == 0 ? r->values : 4;
    return r->value[r->values - 1 - random_below(r, recent)];
}

/* An element that is there whatever the open loops' counters are. */
static TapeRef random_ref(RandomTape *r, LagArray array) {
    TapeRef ref = {.array = array};
    uint32_t room = (array == LAG_WORK ? RANDOM_WORK : (uint32_t)r->size[array]) - 1;
    for (uint32_t l = 0; l < r->depth; l++) {
        uint32_t rounds = r->count[l] - 1, most = rounds ? room / rounds : 3;
        ref.stride[l] = random_below(r, (most < 4 ? most : 4) + 1);
        room -= ref.stride[l] * rounds;
    }
    ref.base = random_below(r, room + 1) + (array == LAG_WORK ? r->work : 0);
    return ref;
}

static TapeRef random_source(RandomTape *r) {
    static const LagArray source[] = {LAG_Q, LAG_Q, LAG_Z, LAG_Z, LAG_DERIVE, LAG_A, LAG_WORK, LAG_WORK};
    return random_ref(r, source[random_below(r, 8)]);
}

static void random_store(RandomTape *r) {
    static const LagArray target[] = {LAG_A, LAG_JACOBIAN, LAG_WORK};
    TapeRef ref = random_ref(r, target[random_below(r, 3)]);
    tape_store(r->tape, ref, random_operand(r));
}

static void random_dot(RandomTape *r) {
    uint32_t terms = 1 + random_below(r, random_below(r, 4) ? 8 : 30);
    r->count[r->depth++] = terms;
    TapeRef x = random_source(r), y = random_source(r);
    r->depth--;
    random_keep(r, tape_dot(r->tape, x, y, terms));
}

static void random_open(RandomTape *r) {
    r->kept[r->depth] = r->values;
    r->count[r->depth] = 1 + random_below(r, 4);
    tape_loop(r->tape, r->count[r->depth++]);
}

static void random_close(RandomTape *r) {
    random_store(r);
    tape_end(r->tape);
    r->values = r->kept[--r->depth];
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
    TapeValue a = random_operand(r), b = random_operand(r);
    random_keep(r, tape_operands((TapeCode)code) == 1 ? tape_unary(r->tape, (TapeCode)code, a)
                                                      : tape_binary(r->tape, (TapeCode)code, a, b));
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
        if (r->depth < TAPE_DEPTH) random_dot(r);
        break;
    case 8:
        if (r->loops && r->depth < TAPE_DEPTH) random_open(r);
        break;
    case 9:
        if (r->depth) random_close(r);
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
    while (r.depth) random_close(&r);
    random_store(&r);
}

#endif
