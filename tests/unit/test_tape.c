/* test_tape.c: writing, measuring, checking, printing and trimming tapes. */
#include "suite.h"
#include "tape/emit.h"
#include "tape/tape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t size[LAG_ARRAY_COUNT] = {[LAG_TIME] = 2, [LAG_Q] = 4, [LAG_Z] = 12, [LAG_A] = 4, [LAG_DERIVE] = 16};

static TapeRef at(LagArray array, uint32_t base, uint32_t i, uint32_t j) { return (TapeRef){array, base, {i, j}}; }

/* What tape_print writes is `text`. */
static void expect_text(const Tape *tape, const char *text) {
    Buffer out = {0};
    tape_print(tape, &out);
    CU_ASSERT_STRING_EQUAL(out.bytes ? out.bytes : "", text);
    buffer_free(&out);
}

/* What tape_check finds is `wrong`, NULL for nothing. The tape is freed. */
static void expect_check(Tape *tape, const char *wrong) {
    const char *found = tape_check(tape, size);
    if (wrong && found) CU_ASSERT_STRING_EQUAL(found, wrong);
    CU_ASSERT_EQUAL(!found, !wrong);
    tape_free(tape);
}

/* A[i] = -sum_j Z[1 + 3 i + j] DERIVE[4 j], kept in LAG_WORK on the way. */
static void write_sample(Tape *tape) {
    uint32_t row = tape_work(tape, 4);
    TapeValue half = tape_constant(tape, -0.5);
    tape_loop(tape, 3);
    TapeValue dot = tape_dot(tape, at(LAG_Z, 1, 3, 1), at(LAG_DERIVE, 0, 0, 4), 4);
    tape_store(tape, at(LAG_WORK, row, 1, 0), dot);
    TapeValue back = tape_load(tape, at(LAG_WORK, row, 1, 0));
    tape_loop(tape, 1);
    TapeValue product = tape_binary(tape, TAPE_MUL, half, back);
    tape_store(tape, at(LAG_A, 1, 1, 2), tape_unary(tape, TAPE_SIN, product));
    tape_end(tape);
    tape_end(tape);
}

/* The largest of Z, halved until it is at most 1, kept in LAG_WORK; A[i] = it or Z[i] Q[0] + 1, whichever is larger. */
static void write_sample_in_lanes(Tape *tape) {
    uint32_t kept = tape_work(tape, 1);
    TapeValue half = tape_constant(tape, 0.5), one = tape_constant(tape, 1);
    tape_store(tape, at(LAG_WORK, kept, 0, 0), tape_most(tape, at(LAG_Z, 0, 1, 0), 12));
    tape_repeat(tape);
    TapeValue smaller = tape_binary(tape, TAPE_MUL, tape_load(tape, at(LAG_WORK, kept, 0, 0)), half);
    tape_store(tape, at(LAG_WORK, kept, 0, 0), smaller);
    tape_until(tape, tape_binary(tape, TAPE_LE, smaller, one));
    TapeValue most = tape_load(tape, at(LAG_WORK, kept, 0, 0));
    tape_lanes(tape, 3);
    TapeValue q = tape_load(tape, at(LAG_Q, 0, 0, 0)), z = tape_load(tape, at(LAG_Z, 0, 1, 0));
    TapeValue sum = tape_ternary(tape, TAPE_FMA, z, q, one), less = tape_binary(tape, TAPE_LE, sum, most);
    tape_store(tape, at(LAG_DERIVE, 0, 1, 0), tape_ternary(tape, TAPE_PICK, less, most, sum));
    tape_end(tape);
    tape_store(tape, at(LAG_A, 0, 0, 0), tape_fused_dot(tape, at(LAG_DERIVE, 0, 1, 0), at(LAG_Z, 3, 2, 0), 3));
}

static void test_writing(void) {
    Tape tape = {0};
    CU_ASSERT_EQUAL(tape_constant(&tape, 0.1), 0);
    CU_ASSERT_EQUAL(tape_load(&tape, at(LAG_Q, 3, 0, 0)), 1);
    CU_ASSERT_EQUAL(tape_binary(&tape, TAPE_ATAN2, 1, 0), 2);
    tape_store(&tape, at(LAG_A, 2, 0, 0), 2);
    CU_ASSERT_EQUAL(tape.count, 4);
    CU_ASSERT_EQUAL(tape.ref_count, 2);
    CU_ASSERT_EQUAL(tape.constant[tape.op[0].a], 0.1);
    CU_ASSERT_EQUAL(tape.ref[tape.op[1].a].array, LAG_Q);
    CU_ASSERT_EQUAL(tape.ref[tape.op[1].a].base, 3);
    CU_ASSERT(tape.op[2].code == TAPE_ATAN2 && tape.op[2].a == 1 && tape.op[2].b == 0);
    CU_ASSERT(tape.op[3].code == TAPE_STORE && tape.op[3].b == 2);
    CU_ASSERT_EQUAL(tape_work(&tape, 5), 0);
    CU_ASSERT_EQUAL(tape_work(&tape, 7), 5);
    CU_ASSERT_EQUAL(tape.work, 12);
    CU_ASSERT_FALSE(tape.failed || tape_repeats(&tape));
    expect_check(&tape, NULL);
    CU_ASSERT(!tape.op && !tape.count && !tape.work);
    write_sample_in_lanes(&tape);
    CU_ASSERT_EQUAL(tape.count, 21);
    CU_ASSERT(tape.op[2].code == TAPE_MOST && tape.op[2].a == 0 && tape.op[2].c == 12);
    CU_ASSERT(tape.op[4].code == TAPE_REPEAT && tape.op[9].code == TAPE_UNTIL && tape.op[9].a == 8);
    CU_ASSERT(tape.op[11].code == TAPE_LANES && tape.op[11].a == 3);
    CU_ASSERT(tape.op[14].code == TAPE_FMA && tape.op[14].a == 13 && tape.op[14].b == 12 && tape.op[14].c == 1);
    CU_ASSERT(tape.op[19].code == TAPE_FUSED_DOT && tape.op[19].a == 8 && tape.op[19].b == 9 && tape.op[19].c == 3);
    CU_ASSERT(tape_repeats(&tape) && tape.depth == 0);
    expect_check(&tape, NULL);
}

/* Nothing is written after a failure, and nothing that was asked for then is anything but 0. */
static void expect_failed(Tape *tape) {
    uint32_t count = tape->count;
    CU_ASSERT(tape->failed);
    CU_ASSERT_EQUAL(tape_constant(tape, 1), 0);
    CU_ASSERT_EQUAL(tape_load(tape, at(LAG_Q, 0, 0, 0)), 0);
    CU_ASSERT_EQUAL(tape_unary(tape, TAPE_NEG, 0), 0);
    CU_ASSERT_EQUAL(tape_ternary(tape, TAPE_FMA, 0, 0, 0), 0);
    CU_ASSERT_EQUAL(tape_dot(tape, at(LAG_Q, 0, 1, 0), at(LAG_Q, 0, 1, 0), 2), 0);
    CU_ASSERT_EQUAL(tape_fused_dot(tape, at(LAG_Q, 0, 1, 0), at(LAG_Q, 0, 1, 0), 2), 0);
    CU_ASSERT_EQUAL(tape_most(tape, at(LAG_Q, 0, 1, 0), 2), 0);
    tape_store(tape, at(LAG_A, 0, 0, 0), 0);
    tape_loop(tape, 2);
    tape_end(tape);
    tape_lanes(tape, 2);
    tape_end(tape);
    tape_repeat(tape);
    tape_until(tape, 0);
    CU_ASSERT_EQUAL(tape->count, count);
    CU_ASSERT(tape->failed);
    expect_check(tape, "the tape has failed");
    CU_ASSERT_FALSE(tape->failed);
}

static void test_failing(void) {
    Tape tape = {0};
    tape_load(&tape, at(LAG_Q, 0, 0, 0));
    tape_work(&tape, 100);
    tape_work(&tape, UINT32_MAX / 2 - 100);
    CU_ASSERT_FALSE(tape.failed);
    tape_work(&tape, 1);
    expect_failed(&tape);
    tape.count = TAPE_LONGEST; /* as if so many were there: a refused operation touches none of them */
    CU_ASSERT_EQUAL(tape_unary(&tape, TAPE_NEG, 0), 0);
    expect_failed(&tape);
}

static void test_codes(void) {
    const struct {
        TapeCode code;
        const char *text;
        uint32_t operands;
        bool value;
    } fact[] = {{TAPE_CONST, "const", 0, true},    {TAPE_LOAD, "load", 0, true},    {TAPE_STORE, "store", 1, false},
                {TAPE_LOOP, "loop", 0, false},     {TAPE_LANES, "lanes", 0, false}, {TAPE_END, "end", 0, false},
                {TAPE_REPEAT, "repeat", 0, false}, {TAPE_UNTIL, "until", 1, false}, {TAPE_DOT, "dot", 0, true},
                {TAPE_FUSED_DOT, "fdot", 0, true}, {TAPE_MOST, "most", 0, true},    {TAPE_SUB, "sub", 2, true},
                {TAPE_SQRT, "sqrt", 1, true},      {TAPE_FMA, "fma", 3, true},      {TAPE_LE, "le", 2, true},
                {TAPE_PICK, "pick", 3, true},      {TAPE_SIGN, "sign", 1, true},    {TAPE_MAX, "max", 2, true},
                {TAPE_ERF, "erf", 1, true},        {TAPE_HYPOT, "hypot", 2, true}};
    for (size_t i = 0; i < sizeof fact / sizeof *fact; i++) {
        CU_ASSERT_STRING_EQUAL(tape_code_text(fact[i].code), fact[i].text);
        CU_ASSERT_EQUAL(tape_operands(fact[i].code), fact[i].operands);
        CU_ASSERT_EQUAL(tape_makes_value(fact[i].code), fact[i].value);
    }
    for (int a = 0; a < TAPE_CODE_COUNT; a++)
        for (int b = 0; b < a; b++) CU_ASSERT_STRING_NOT_EQUAL(tape_code_text((TapeCode)a), tape_code_text((TapeCode)b));
}

static void test_unrolled(void) {
    Tape tape = {0};
    CU_ASSERT_EQUAL(tape_unrolled(&tape), 0);
    write_sample(&tape);
    CU_ASSERT_EQUAL(tape_unrolled(&tape), 1 + 3 * (7 + 2 + 3)); /* a dot product of 4 terms is 7 operations */
    tape_free(&tape);
    write_sample_in_lanes(&tape);
    CU_ASSERT_EQUAL(tape_unrolled(&tape), 3 + 11 + 1 + 5 + 1 + 3 * 6 + 5 + 1); /* of 12 elements the largest; one round */
    tape_free(&tape);
    for (int l = 0; l < TAPE_DEPTH; l++) tape_loop(&tape, 40000);
    for (int i = 0; i < 8; i++) tape_constant(&tape, 0);
    for (int l = 0; l < TAPE_DEPTH; l++) tape_end(&tape);
    CU_ASSERT_EQUAL(tape_unrolled(&tape), UINT64_MAX); /* 8 * 40000^4 > 2^64 > 40000^4 */
    tape.op[0].a = 20000;
    CU_ASSERT_EQUAL(tape_unrolled(&tape), 10240000000000000000u);
    tape.op[0].a = 400000; /* the rounds alone are more */
    CU_ASSERT_EQUAL(tape_unrolled(&tape), UINT64_MAX);
    tape_free(&tape);
}

static void test_scopes(void) {
    Tape tape = {0};
    write_sample(&tape);
    expect_check(&tape, NULL);

    tape_unary(&tape, TAPE_NEG, tape_constant(&tape, 1));
    tape.op[1].a = 1; /* itself */
    expect_check(&tape, "an operand that is not there yet, or no longer");

    tape_loop(&tape, 2);
    TapeValue inside = tape_constant(&tape, 1);
    tape_end(&tape);
    tape_binary(&tape, TAPE_ADD, tape_constant(&tape, 1), inside);
    expect_check(&tape, "an operand that is not there yet, or no longer");

    tape_store(&tape, at(LAG_A, 0, 0, 0), tape_constant(&tape, 1));
    tape_unary(&tape, TAPE_NEG, 1); /* a store makes no value */
    expect_check(&tape, "an operand that is not there yet, or no longer");

    tape_constant(&tape, 1);
    tape_store(&tape, at(LAG_A, 0, 0, 0), 7);
    expect_check(&tape, "an operand that is not there yet, or no longer");

    tape_loop(&tape, 0);
    tape_end(&tape);
    expect_check(&tape, "a loop of no rounds");

    tape_loop(&tape, 2);
    expect_check(&tape, "a loop without its end");

    tape_end(&tape);
    expect_check(&tape, "an end without its loop");

    for (int l = 0; l <= TAPE_DEPTH; l++) tape_loop(&tape, 1);
    expect_check(&tape, "loops nested too deeply");

    for (int l = 0; l <= TAPE_OPEN; l++) tape_repeat(&tape);
    expect_check(&tape, "loops nested too deeply");

    for (int l = 0; l < TAPE_DEPTH; l++) tape_loop(&tape, 1);
    tape_dot(&tape, at(LAG_Q, 0, 0, 0), at(LAG_Q, 0, 0, 0), 1);
    expect_check(&tape, "loops nested too deeply");

    tape_dot(&tape, at(LAG_Q, 0, 0, 0), at(LAG_Q, 0, 0, 0), 0);
    expect_check(&tape, "a series of no terms");

    tape_most(&tape, at(LAG_Q, 0, 0, 0), 0);
    expect_check(&tape, "a series of no terms");

    tape_constant(&tape, 1);
    tape.op[0].code = TAPE_CODE_COUNT;
    expect_check(&tape, "a code that is not there");

    tape_constant(&tape, 1);
    tape.op[0].a = 1;
    expect_check(&tape, "a constant that is not there");
}

/* Loops that count end with an end, those that repeat with an until; and lanes have neither lanes nor repetition in them. */
static void test_pairs(void) {
    Tape tape = {0};
    for (int l = 0; l < TAPE_OPEN - TAPE_DEPTH; l++) tape_repeat(&tape);
    for (int l = 0; l < TAPE_DEPTH - 1; l++) tape_loop(&tape, 1);
    tape_lanes(&tape, 1);
    for (int l = 0; l < TAPE_DEPTH; l++) tape_end(&tape);
    for (int l = 0; l < TAPE_OPEN - TAPE_DEPTH; l++) tape_until(&tape, tape_constant(&tape, 1));
    expect_check(&tape, NULL);

    tape_repeat(&tape);
    tape_end(&tape);
    expect_check(&tape, "an end without its loop");

    tape_until(&tape, tape_constant(&tape, 1));
    expect_check(&tape, "an end without its loop");

    tape_lanes(&tape, 2);
    tape_until(&tape, tape_constant(&tape, 1));
    expect_check(&tape, "an end without its loop");

    tape_loop(&tape, 2);
    tape_repeat(&tape);
    tape_constant(&tape, 1);
    tape_end(&tape);
    tape_until(&tape, 2);
    expect_check(&tape, "an end without its loop");

    tape_repeat(&tape);
    expect_check(&tape, "a loop without its end");

    tape_repeat(&tape);
    tape_until(&tape, 0); /* makes no value */
    expect_check(&tape, "an operand that is not there yet, or no longer");

    tape_repeat(&tape);
    TapeValue inside = tape_constant(&tape, 1);
    tape_until(&tape, inside);
    tape_store(&tape, at(LAG_A, 0, 0, 0), inside);
    expect_check(&tape, "an operand that is not there yet, or no longer");

    tape_ternary(&tape, TAPE_PICK, tape_constant(&tape, 1), 0, 2);
    expect_check(&tape, "an operand that is not there yet, or no longer");

    tape_lanes(&tape, 2);
    tape_loop(&tape, 2);
    tape_lanes(&tape, 2);
    expect_check(&tape, "lanes, or repetition, in lanes");

    tape_lanes(&tape, 2);
    tape_repeat(&tape);
    expect_check(&tape, "lanes, or repetition, in lanes");

    tape_lanes(&tape, 0);
    expect_check(&tape, "a loop of no rounds");

    tape_lanes(&tape, UINT32_MAX); /* rounded up to whole vectors there would be none */
    tape_load(&tape, at(LAG_Q, 1, 1, 0));
    tape_end(&tape);
    expect_check(&tape, "lanes too many to count");

    for (uint32_t systems = 0; systems < 40; systems++) {
        tape.systems = systems;
        bool good = systems < 3 || systems == 4 || systems == TAPE_LANES_MOST;
        expect_check(&tape, good ? NULL : "systems that do not fill lanes");
    }
}

/* References go along with lanes or stand still, and there is room up to the next multiple of what runs at once. */
static void test_lanes(void) {
    Tape tape = {0};
    CU_ASSERT(tape_lane_room(1) == 8 && tape_lane_room(8) == 8 && tape_lane_room(9) == 16);
    write_sample_in_lanes(&tape);
    expect_check(&tape, NULL);

    tape_lanes(&tape, 3); /* of 12 elements 8 are touched from the first on, however few rounds there are */
    tape_load(&tape, at(LAG_Z, 4, 1, 0));
    tape_end(&tape);
    CU_ASSERT_PTR_NULL(tape_check(&tape, size));
    tape.ref[0].base = 5;
    CU_ASSERT_PTR_NOT_NULL(tape_check(&tape, size));
    tape.ref[0] = at(LAG_Z, 11, 0, 0);
    CU_ASSERT_PTR_NULL(tape_check(&tape, size));
    tape.ref[0] = at(LAG_Z, 0, 2, 0);
    expect_check(&tape, "a stride that lanes cannot take");

    tape_lanes(&tape, 2);
    tape_store(&tape, at(LAG_DERIVE, 8, 1, 0), tape_constant(&tape, 1));
    tape_end(&tape);
    CU_ASSERT_PTR_NULL(tape_check(&tape, size));
    tape.ref[0] = at(LAG_DERIVE, 0, 0, 0);
    expect_check(&tape, "a stride that lanes cannot take");

    tape_loop(&tape, 2); /* the outer one's stride and that of a sum are free */
    tape_lanes(&tape, 2);
    tape_dot(&tape, (TapeRef){LAG_DERIVE, 0, {0, 1, 4}}, (TapeRef){LAG_DERIVE, 0, {8, 0, 2}}, 3);
    tape_most(&tape, (TapeRef){LAG_DERIVE, 0, {2, 1, 3}}, 3);
    tape_end(&tape);
    tape_load(&tape, at(LAG_DERIVE, 0, 15, 0));
    tape_end(&tape);
    CU_ASSERT_PTR_NULL(tape_check(&tape, size));
    tape.ref[2].stride[2] = 4;
    expect_check(&tape, "a reference past its array"); /* 2 + 7 + 2 * 4 = 17 of 16 */

    tape_lanes(&tape, 2); /* what is closed leaves nothing behind */
    tape_end(&tape);
    tape_loop(&tape, 2);
    tape_load(&tape, at(LAG_Q, 0, 3, 0));
    tape_repeat(&tape);
    tape_until(&tape, 3);
    tape_end(&tape);
    expect_check(&tape, NULL);
}

static void test_references(void) {
    Tape tape = {0};
    tape_load(&tape, at(LAG_Q, 3, 0, 0));
    expect_check(&tape, NULL);
    tape_load(&tape, at(LAG_Q, 4, 0, 0));
    expect_check(&tape, "a reference past its array");
    tape_load(&tape, at(LAG_V, 0, 0, 0)); /* of size 0 */
    expect_check(&tape, "a reference past its array");

    tape_loop(&tape, 3); /* the last element is 1 + 2 * 3 + 4 = 11 of 12, then 12 */
    tape_loop(&tape, 5);
    tape_load(&tape, at(LAG_Z, 1, 3, 1));
    tape_end(&tape);
    tape_end(&tape);
    CU_ASSERT_PTR_NULL(tape_check(&tape, size));
    tape.ref[0].base = 2;
    expect_check(&tape, "a reference past its array");

    tape_dot(&tape, at(LAG_Q, 0, 1, 0), at(LAG_DERIVE, 0, 5, 0), 4);
    expect_check(&tape, NULL);
    tape_dot(&tape, at(LAG_Q, 0, 1, 0), at(LAG_DERIVE, 1, 5, 0), 4);
    expect_check(&tape, "a reference past its array");

    tape_work(&tape, 3);
    tape_load(&tape, at(LAG_WORK, 2, 0, 0));
    expect_check(&tape, NULL);
    tape_work(&tape, 3);
    tape_load(&tape, at(LAG_WORK, 3, 0, 0));
    expect_check(&tape, "a reference past its array");

    for (int l = 0; l < 3; l++) tape_loop(&tape, UINT32_MAX);
    tape_load(&tape, (TapeRef){LAG_Z, 9, {UINT32_MAX, UINT32_MAX, 6}}); /* 2^65 + 1: the sum must not wrap */
    for (int l = 0; l < 3; l++) tape_end(&tape);
    expect_check(&tape, "a reference past its array");

    tape_load(&tape, at(LAG_Q, 0, 1, 0));
    expect_check(&tape, "a stride without its loop");
    tape_load(&tape, at(LAG_ARRAY_COUNT, 0, 0, 0));
    CU_ASSERT_PTR_NOT_NULL(tape_check(&tape, size));
    tape.count = 0; /* used by no operation */
    expect_check(&tape, "an array that is not there");
    tape_load(&tape, at(LAG_Q, 0, 0, 0));
    tape.op[0].a = 1;
    expect_check(&tape, "a reference that is not there");
}

static void test_printing(void) {
    Tape tape = {0};
    expect_text(&tape, "");
    write_sample(&tape);
    expect_text(&tape, "    %0 = const -0.5\n"
                       "    loop i < 3\n"
                       "        %2 = dot Z[1 + 3*i + j] . DERIVE[0 + 4*j], 4 terms\n"
                       "        WORK[0 + i] = %2\n"
                       "        %4 = load WORK[0 + i]\n"
                       "        loop j < 1\n"
                       "            %6 = mul %0, %4\n"
                       "            %7 = sin %6\n"
                       "            A[1 + i + 2*j] = %7\n"
                       "        end\n"
                       "    end\n");
    tape_free(&tape);
    write_sample_in_lanes(&tape);
    expect_text(&tape, "    %0 = const 0.5\n"
                       "    %1 = const 1\n"
                       "    %2 = most Z[0 + i], 12 terms\n"
                       "    WORK[0] = %2\n"
                       "    repeat\n"
                       "        %5 = load WORK[0]\n"
                       "        %6 = mul %5, %0\n"
                       "        WORK[0] = %6\n"
                       "        %8 = le %6, %1\n"
                       "    until %8\n"
                       "    %10 = load WORK[0]\n"
                       "    lanes i < 3\n"
                       "        %12 = load Q[0]\n"
                       "        %13 = load Z[0 + i]\n"
                       "        %14 = fma %13, %12, %1\n"
                       "        %15 = le %14, %10\n"
                       "        %16 = pick %15, %10, %14\n"
                       "        DERIVE[0 + i] = %16\n"
                       "    end\n"
                       "    %19 = fdot DERIVE[0 + i] . Z[3 + 2*i], 3 terms\n"
                       "    A[0] = %19\n");
    tape_free(&tape);
    tape_constant(&tape, 0.1);
    tape_constant(&tape, -0.0);
    tape_constant(&tape, INFINITY);
    expect_text(&tape, "    %0 = const 0.1\n    %1 = const -0\n    %2 = const inf\n");
    tape_free(&tape);
}

/* What nothing stored depends on is gone, what is stored stays, and the numbers close up. */
static void test_trimming(void) {
    Tape tape = {0};
    TapeValue q = tape_load(&tape, at(LAG_Q, 0, 0, 0)), unused = tape_load(&tape, at(LAG_Q, 1, 0, 0));
    tape_binary(&tape, TAPE_MUL, q, unused);
    tape_loop(&tape, 2);
    tape_constant(&tape, 2);
    TapeValue root = tape_unary(&tape, TAPE_SQRT, q);
    tape_store(&tape, at(LAG_A, 0, 1, 0), tape_binary(&tape, TAPE_POW, root, q));
    tape_end(&tape);
    tape_trim(&tape);
    expect_text(&tape, "    %0 = load Q[0]\n"
                       "    loop i < 2\n"
                       "        %2 = sqrt %0\n"
                       "        %3 = pow %2, %0\n"
                       "        A[0 + i] = %3\n"
                       "    end\n");
    expect_check(&tape, NULL);

    tape_most(&tape, at(LAG_Q, 0, 1, 0), 2);
    tape_repeat(&tape);
    TapeValue b = tape_load(&tape, at(LAG_Q, 1, 0, 0)), none = tape_unary(&tape, TAPE_SIN, b);
    TapeValue a = tape_load(&tape, at(LAG_Q, 0, 0, 0)), c = tape_load(&tape, at(LAG_Q, 2, 0, 0));
    tape_ternary(&tape, TAPE_FMA, a, none, c);
    tape_store(&tape, at(LAG_A, 0, 0, 0), tape_ternary(&tape, TAPE_PICK, a, b, c));
    TapeValue done = tape_constant(&tape, 1);
    tape_fused_dot(&tape, at(LAG_Q, 0, 1, 0), at(LAG_Q, 0, 1, 0), 2);
    tape_until(&tape, done);
    tape_trim(&tape);
    expect_text(&tape, "    repeat\n"
                       "        %1 = load Q[1]\n"
                       "        %2 = load Q[0]\n"
                       "        %3 = load Q[2]\n"
                       "        %4 = pick %2, %1, %3\n"
                       "        A[0] = %4\n"
                       "        %6 = const 1\n"
                       "    until %6\n");
    expect_check(&tape, NULL);
}

/* What is known late is multiplied last; but not what something else uses too, nor what was there before the loop. */
static void test_order(void) {
    Tape tape = {0};
    TapeValue x = tape_load(&tape, at(LAG_Q, 0, 0, 0)), y = tape_load(&tape, at(LAG_Q, 1, 0, 0));
    TapeValue root = tape_unary(&tape, TAPE_SQRT, x), over = tape_binary(&tape, TAPE_DIV, y, x);
    TapeValue used = tape_binary(&tape, TAPE_MUL, root, x), inner = tape_binary(&tape, TAPE_MUL, root, over);
    tape_store(&tape, at(LAG_A, 0, 0, 0), tape_binary(&tape, TAPE_MUL, used, y));
    tape_store(&tape, at(LAG_A, 1, 0, 0), tape_binary(&tape, TAPE_ADD, used, tape_binary(&tape, TAPE_MUL, inner, y)));
    TapeValue before = tape_binary(&tape, TAPE_MUL, root, over);
    tape_loop(&tape, 2);
    TapeValue z = tape_load(&tape, at(LAG_Z, 0, 1, 0)), sine = tape_unary(&tape, TAPE_SIN, z);
    TapeValue product = tape_binary(&tape, TAPE_MUL, tape_binary(&tape, TAPE_MUL, sine, before), z);
    tape_store(&tape, at(LAG_A, 2, 1, 0), product);
    tape_end(&tape);
    tape_order(&tape);
    expect_text(&tape, "    %0 = load Q[0]\n"
                       "    %1 = load Q[1]\n"
                       "    %2 = sqrt %0\n"
                       "    %3 = div %1, %0\n"
                       "    %4 = mul %0, %2\n"
                       "    %5 = mul %1, %4\n"
                       "    A[0] = %5\n"
                       "    %7 = mul %1, %3\n"
                       "    %8 = mul %7, %2\n"
                       "    %9 = add %4, %8\n"
                       "    A[1] = %9\n"
                       "    %11 = mul %3, %2\n"
                       "    loop i < 2\n"
                       "        %13 = load Z[0 + i]\n"
                       "        %14 = sin %13\n"
                       "        %15 = mul %11, %13\n"
                       "        %16 = mul %15, %14\n"
                       "        A[2 + i] = %16\n"
                       "    end\n");
    expect_check(&tape, NULL);

    TapeValue all = tape_unary(&tape, TAPE_SQRT, tape_load(&tape, at(LAG_Q, 0, 0, 0)));
    for (uint32_t i = 0; i < 40; i++) all = tape_binary(&tape, TAPE_MUL, all, tape_load(&tape, at(LAG_Z, i % 12, 0, 0)));
    tape_store(&tape, at(LAG_A, 0, 0, 0), all);
    uint32_t count = tape.count;
    tape_order(&tape);
    CU_ASSERT_EQUAL(tape.count, count);
    expect_check(&tape, NULL);
}

void suite_tape(void) {
    suite_add("tape", (SuiteTest[]){{"writing", test_writing},
                                    {"failing", test_failing},
                                    {"codes", test_codes},
                                    {"unrolled length", test_unrolled},
                                    {"checker: scopes", test_scopes},
                                    {"checker: pairs", test_pairs},
                                    {"checker: references", test_references},
                                    {"checker: lanes", test_lanes},
                                    {"printing", test_printing},
                                    {"trimming", test_trimming},
                                    {"the order of factors", test_order},
                                    {0}});
}
