/* test_lanes.c: sums and maxima, rounds in lanes and repetition: every road against the interpreter, bit for bit, and the
 * interpreter against what is worked out here. */
#include "native/cpu.h"
#include "tape_runs.h"
#include "tape_writing.h"

enum {
    TERMS = 70,
    FEW_TERMS = 20, /* sums up to which are unrolled too */
    ROOM = 80,      /* elements between one vector in JACOBIAN and the next */
    LANES = 60,     /* more than are written out, and some over */
};

static TapeRef along(LagArray array, uint32_t base, uint32_t stride) { return at(array, base, stride, 0); }

/* A tape with it keeps its loops: what repeats is not unrolled. */
static void write_once(Tape *tape) {
    tape_repeat(tape);
    tape_until(tape, tape_constant(tape, 1));
}

static void fill(SuiteRandom *random, Memory *memory) {
    double *number = (double *)memory;
    for (size_t i = 0; i < sizeof *memory / sizeof *number; i++)
        number[i] = ldexp(suite_uniform(random, -1, 1), (int)(suite_bits(random) % 30) - 15);
}

/* a b + c as the CPU does it at its best. */
static double fused(double a, double b, double c) {
    volatile double product = a * b;
    return cpu_has(CPU_FMA) ? fma(a, b, c) : product + c;
}

static void free_all(Tape *tape, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) tape_free(&tape[i]);
}

/* ---- Sums and maxima ---- */

static double dot_of(const double *x, size_t x_stride, const double *y, size_t y_stride, size_t terms) {
    volatile double part[2];
    for (size_t j = 0; j < terms; j++) {
        double a = x[j * x_stride], b = y[j * y_stride];
        part[j % 2] = j < 2 ? a * b : fused(a, b, part[j % 2]);
    }
    return terms > 1 ? part[0] + part[1] : part[0];
}

static double most_of(const double *x, size_t stride, size_t count) {
    double most = 0;
    for (size_t j = 0; j < count; j++) most = x[j * stride] > most ? x[j * stride] : most;
    return most;
}

/* A[i] = the sum, A[2 + i] = the maximum of `terms` elements of JACOBIAN from i on, in a loop over i. */
static void write_series(Tape *tape, uint32_t terms, uint32_t x_stride, uint32_t y_stride, bool once) {
    if (once) write_once(tape);
    tape_loop(tape, 2);
    TapeRef x = at(LAG_JACOBIAN, 0, 1, x_stride), y = at(LAG_JACOBIAN, 500, 1, y_stride);
    tape_store(tape, along(LAG_A, 0, 1), tape_fused_dot(tape, x, y, terms));
    tape_store(tape, along(LAG_A, 2, 1), tape_most(tape, x, terms));
    tape_end(tape);
}

/* Sums and maxima of 1 to TERMS terms, at these strides. */
static void expect_series(const Memory *before, uint32_t x_stride, uint32_t y_stride) {
    static Tape tape[TERMS + FEW_TERMS];
    static Memory after[TERMS + FEW_TERMS];
    for (uint32_t i = 0; i < TERMS + FEW_TERMS; i++) write_series(&tape[i], 1 + i % TERMS, x_stride, y_stride, i < TERMS);
    all_of(tape, TERMS + FEW_TERMS, before, NULL, after);
    for (uint32_t i = 0; i < TERMS + FEW_TERMS; i++) {
        for (int k = 0; k < 2; k++) {
            const double *x = before->jacobian + k, *y = x + 500;
            double dot = dot_of(x, x_stride, y, y_stride, 1 + i % TERMS), most = most_of(x, x_stride, 1 + i % TERMS);
            CU_ASSERT(same(&after[i].a[k], &dot, 1) && same(&after[i].a[2 + k], &most, 1));
        }
    }
    free_all(tape, TERMS + FEW_TERMS);
}

static void test_fused_dots(void) {
    static Memory before;
    SuiteRandom random = {31};
    fill(&random, &before);
    const uint32_t strides[][2] = {{1, 1}, {1, 7}, {5, 1}, {3, 4}, {0, 1}};
    for (size_t i = 0; i < sizeof strides / sizeof *strides; i++) expect_series(&before, strides[i][0], strides[i][1]);
    /* x x - y is 2^-54 where the product is not rounded on its way into the sum; the first two products are */
    const double x = 1 + 0x1p-27, y = -(1 + 0x1p-26), small = cpu_has(CPU_FMA) ? 0x1p-54 : 0;
    double *a = before.jacobian, *b = a + 500;
    Memory after;
    for (int swapped = 0; swapped < 2; swapped++) {
        Tape tape = {0};
        a[0] = swapped ? x : y, b[0] = swapped ? x : 1, a[2] = swapped ? y : x, b[2] = swapped ? 1 : x, a[1] = 0;
        write_series(&tape, 3, 1, 1, false);
        after = all(&tape, &before);
        CU_ASSERT_EQUAL(after.a[0], swapped ? 0 : small);
        tape_free(&tape);
    }
    a[0] = -0.0, b[0] = 1; /* alone it stays what it is */
    expect_series(&before, 1, 1);
}

static void test_most(void) {
    static Memory before;
    SuiteRandom random = {32};
    for (int kind = 0; kind < 4; kind++) {
        fill(&random, &before);
        for (int i = 0; i < JACOBIAN; i++) {
            double *x = &before.jacobian[i];
            if (kind == 0) *x = -fabs(*x);         /* the largest is 0 */
            if (kind == 1 && i % 3 == 0) *x = NAN; /* left out, first or last */
            if (kind == 2) *x = special[suite_bits(&random) % SPECIALS];
            if (kind == 3) *x = i % 40 ? NAN : -0.0;
        }
        expect_series(&before, 1, 1);
        expect_series(&before, 5, 1);
    }
}

/* ---- Lanes ---- */

/* Vectors in JACOBIAN: what goes in, and what comes out. */
enum { IN, OTHER, SUM, SINE, SQUARE, PICKED, DOT, FUSED, MOST, LOOPED, OUT_END, MATRIX = OUT_END, MATRIX_ROWS = 13 };

static TapeRef lane(uint32_t vector) { return along(LAG_JACOBIAN, vector * ROOM, 1); }

/* In each lane: values from outside and of its own, functions, choices, what it has just stored, and sums of which one
 * factor goes along and the other doesn't. */
static void write_body(Tape *tape, TapeValue outside) {
    TapeValue in = tape_load(tape, lane(IN)), other = tape_load(tape, lane(OTHER));
    TapeValue still = tape_load(tape, along(LAG_Q, 1, 0)), two = tape_constant(tape, 2);
    TapeValue sum = tape_ternary(tape, TAPE_FMA, in, outside, still);
    tape_store(tape, lane(SUM), sum);
    tape_store(tape, lane(SINE), tape_unary(tape, TAPE_SIN, sum));
    TapeValue back = tape_load(tape, lane(SUM));
    tape_store(tape, lane(SQUARE), tape_binary(tape, TAPE_MUL, back, back));
    TapeValue less = tape_binary(tape, TAPE_LE, other, back), root = tape_unary(tape, TAPE_SQRT, two);
    tape_store(tape, lane(PICKED), tape_ternary(tape, TAPE_PICK, less, root, tape_binary(tape, TAPE_DIV, other, in)));
    TapeRef column = at(LAG_JACOBIAN, MATRIX * ROOM, 1, ROOM), row = at(LAG_DERIVE, 3, 0, 1), line = at(LAG_Z, 2, 0, 1);
    tape_store(tape, lane(DOT), tape_dot(tape, column, row, MATRIX_ROWS - 1));
    TapeValue dot = tape_fused_dot(tape, row, column, MATRIX_ROWS), alone = tape_fused_dot(tape, line, row, 20);
    tape_store(tape, lane(FUSED), tape_binary(tape, TAPE_SUB, dot, alone));
    TapeValue most = tape_most(tape, column, MATRIX_ROWS), outer = tape_most(tape, line, 30);
    tape_store(tape, lane(MOST), tape_binary(tape, TAPE_ADD, most, outer));
    tape_store(tape, lane(LOOPED), in);
    tape_loop(tape, 3); /* memory goes from round to round, lane by lane */
    TapeValue so_far = tape_load(tape, lane(LOOPED)), step = tape_load(tape, at(LAG_JACOBIAN, MATRIX * ROOM, 1, ROOM));
    tape_store(tape, lane(LOOPED), tape_ternary(tape, TAPE_FMA, so_far, outside, step));
    tape_end(tape);
}

static uint32_t lanes_count; /* of the tapes below: tape i has 1 + i % lanes_count rounds */

static void no_more_lanes(uint32_t tape, Memory *memory) {
    uint32_t count = 1 + tape % lanes_count, room = tape_lane_room(count);
    for (uint32_t vector = SUM; vector < OUT_END; vector++)
        for (uint32_t i = count; i < room; i++) memory->jacobian[vector * ROOM + i] = 0;
}

static void expect_lanes(const Memory *before, const Memory *after, uint32_t count) {
    const double *in = before->jacobian, *out = after->jacobian, *matrix = in + MATRIX * ROOM;
    for (uint32_t i = 0; i < count; i++) {
        volatile double sum = fused(in[i], before->q[0], before->q[1]), square = sum * sum, dot = 0, product;
        volatile double looped = in[i];
        double other = in[OTHER * ROOM + i];
        for (uint32_t j = 0; j < MATRIX_ROWS - 1; j++) {
            product = matrix[j * ROOM + i] * before->derive[3 + j];
            dot = j ? dot + product : product;
        }
        for (uint32_t j = 0; j < 3; j++) looped = fused(looped, before->q[0], matrix[j * ROOM + i]);
        double expected[OUT_END] = {in[i],
                                    other,
                                    sum,
                                    native_function1(TAPE_SIN)(sum),
                                    square,
                                    other <= sum ? sqrt(2) : other / in[i],
                                    dot,
                                    dot_of(before->derive + 3, 1, matrix + i, ROOM, MATRIX_ROWS) -
                                        dot_of(before->z + 2, 1, before->derive + 3, 1, 20),
                                    most_of(matrix + i, ROOM, MATRIX_ROWS) + most_of(before->z + 2, 1, 30),
                                    looped};
        for (uint32_t vector = 0; vector < OUT_END; vector++) CU_ASSERT(same(&out[vector * ROOM + i], &expected[vector], 1));
    }
}

/* Every number of rounds, in vectors and, where the tape is short, unrolled. */
static void test_lanes(void) {
    static Memory before, after[2 * LANES];
    static Tape tape[2 * LANES];
    SuiteRandom random = {33};
    fill(&random, &before);
    lanes_count = LANES;
    for (uint32_t i = 0; i < 2 * LANES; i++) {
        if (i < LANES) write_once(&tape[i]);
        TapeValue outside = tape_load(&tape[i], along(LAG_Q, 0, 0));
        tape_lanes(&tape[i], 1 + i % LANES);
        write_body(&tape[i], outside);
        tape_end(&tape[i]);
        CU_ASSERT(job_unrolls(&tape[i], true) == (i >= LANES && tape_unrolled(&tape[i]) <= 2000));
    }
    CU_ASSERT(job_unrolls(&tape[LANES], false) && !job_unrolls(&tape[2 * LANES - 1], true));
    all_of(tape, 2 * LANES, &before, no_more_lanes, after);
    for (uint32_t i = 0; i < 2 * LANES; i++) expect_lanes(&before, &after[i], 1 + i % LANES);
    free_all(tape, 2 * LANES);
}

/* Row after row in lanes, each with room for what is written past its end. */
static void test_rows(void) {
    enum { ROWS = 5, MOST_COLUMNS = 45 };
    static Memory before, after[MOST_COLUMNS];
    static Tape tape[MOST_COLUMNS];
    SuiteRandom random = {34};
    fill(&random, &before);
    for (uint32_t i = 0; i < MOST_COLUMNS; i++) {
        uint32_t columns = i + 1, room = tape_lane_room(columns), work = tape_work(&tape[i], ROWS * room);
        write_once(&tape[i]);
        tape_loop(&tape[i], ROWS);
        tape_lanes(&tape[i], columns);
        TapeValue x = tape_load(&tape[i], at(LAG_JACOBIAN, 0, ROOM, 1)), y = tape_load(&tape[i], along(LAG_Q, 0, 1));
        tape_store(&tape[i], at(LAG_WORK, work, room, 1), tape_binary(&tape[i], TAPE_POW, y, x));
        tape_end(&tape[i]);
        tape_end(&tape[i]);
        tape_loop(&tape[i], ROWS);
        tape_loop(&tape[i], columns);
        tape_store(&tape[i], at(LAG_JACOBIAN, 1000, ROOM, 1), tape_load(&tape[i], at(LAG_WORK, work, room, 1)));
        tape_end(&tape[i]);
        tape_end(&tape[i]);
    }
    all_of(tape, MOST_COLUMNS, &before, NULL, after);
    for (uint32_t i = 0; i < MOST_COLUMNS; i++) {
        for (uint32_t k = 0; k < ROWS * (i + 1); k++) {
            uint32_t row = k / (i + 1), element = row * ROOM + k % (i + 1);
            double power = native_function2(TAPE_POW)(before.q[row], before.jacobian[element]);
            CU_ASSERT(same(&after[i].jacobian[1000 + element], &power, 1));
        }
    }
    free_all(tape, MOST_COLUMNS);
}

/* Every code in vectors of each width: the same bits in each lane as alone, whatever is in the others. */
static void test_codes_in_lanes(void) {
    static const uint32_t rounds[] = {1, 2, 4, 8, 48};
    enum { WIDTHS = sizeof rounds / sizeof *rounds, CODES = TAPE_CODE_COUNT - TAPE_ADD, RESULT = 3 };
    static Tape tape[WIDTHS * CODES];
    static Memory before, one, other;
    SuiteRandom random = {35};
    unsigned wrong = 0;
    for (uint32_t i = 0; i < WIDTHS * CODES; i++) {
        TapeValue operand[RESULT];
        write_once(&tape[i]);
        tape_lanes(&tape[i], rounds[i % WIDTHS]);
        for (uint32_t k = 0; k < RESULT; k++) operand[k] = tape_load(&tape[i], lane(k));
        tape_store(&tape[i], lane(RESULT), write_operation(&tape[i], (TapeCode)(TAPE_ADD + i / WIDTHS), operand));
        tape_end(&tape[i]);
    }
    for (int road = 0; road < ROADS; road++) {
        Native native = compile(tape, WIDTHS * CODES, NULL, roads[road]);
        for (unsigned round = 0; round < 200 * suite_multiplier(); round++) {
            for (uint32_t i = 0; i < RESULT * ROOM; i++) {
                unsigned long long bits = suite_bits(&random), kind = bits % 64 / 16;
                before.jacobian[i] = suite_uniform(&random, -3, 3);
                if (kind == round % 3) before.jacobian[i] = special[bits / 64 % SPECIALS];
                if (kind == 2 && round % 4 == 1) memcpy(&before.jacobian[i], &bits, sizeof bits);
                if (kind == 3 && round % 2) before.jacobian[i] = ldexp(before.jacobian[i], (int)(bits / 64 % 120) - 60);
            }
            for (uint32_t i = 0; i < WIDTHS * CODES; i++) {
                one = other = before;
                interpret(&tape[i], &one);
                execute(&tape[i], native.run[i], &other);
                size_t shown = RESULT * ROOM + rounds[i % WIDTHS];
                if (same(one.jacobian, other.jacobian, shown)) continue;
                if (wrong++ < 10)
                    printf("\n    %s, %u lanes, %s", tape_code_text((TapeCode)(TAPE_ADD + i / WIDTHS)), rounds[i % WIDTHS],
                           lag_backend_name(roads[road]));
            }
        }
        native_free(native.code);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    free_all(tape, WIDTHS * CODES);
}

/* ---- Repetition ---- */

/* x_i = (M x)_i / max (M x), rounds and rounds: A[0] counts them up to Q[0], and in each the halvings of a number that grows
 * with them, down to at most 1, are added to A[1]. */
static void write_repetition(Tape *tape, uint32_t rows) {
    uint32_t halved = tape_work(tape, 1), product = tape_work(tape, tape_lane_room(rows));
    TapeValue zero = tape_constant(tape, 0), one = tape_constant(tape, 1), half = tape_constant(tape, 0.5);
    tape_store(tape, along(LAG_A, 0, 0), zero);
    tape_store(tape, along(LAG_A, 1, 0), zero);
    tape_repeat(tape);
    tape_lanes(tape, rows);
    TapeRef column = at(LAG_JACOBIAN, ROOM, 1, ROOM);
    tape_store(tape, along(LAG_WORK, product, 1), tape_fused_dot(tape, column, at(LAG_JACOBIAN, 0, 0, 1), rows));
    tape_end(tape);
    TapeValue most = tape_most(tape, along(LAG_WORK, product, 1), rows);
    tape_lanes(tape, rows);
    TapeValue share = tape_binary(tape, TAPE_DIV, tape_load(tape, along(LAG_WORK, product, 1)), most);
    tape_store(tape, along(LAG_JACOBIAN, 0, 1), share);
    tape_end(tape);
    TapeValue rounds = tape_binary(tape, TAPE_ADD, tape_load(tape, along(LAG_A, 0, 0)), one);
    tape_store(tape, along(LAG_A, 0, 0), rounds);
    tape_store(tape, along(LAG_WORK, halved, 0), rounds);
    tape_repeat(tape);
    TapeValue smaller = tape_binary(tape, TAPE_MUL, tape_load(tape, along(LAG_WORK, halved, 0)), half);
    tape_store(tape, along(LAG_WORK, halved, 0), smaller);
    TapeValue halvings = tape_binary(tape, TAPE_ADD, tape_load(tape, along(LAG_A, 1, 0)), one);
    tape_store(tape, along(LAG_A, 1, 0), halvings);
    tape_until(tape, tape_binary(tape, TAPE_LE, smaller, one));
    tape_until(tape, tape_binary(tape, TAPE_LE, tape_load(tape, along(LAG_Q, 0, 0)), rounds));
}

static void expect_repetition(const Memory *before, const Memory *after, uint32_t rows) {
    double x[ROOM], product[ROOM], halvings = 0;
    memcpy(x, before->jacobian, sizeof x);
    for (int round = 1; round <= before->q[0]; round++) {
        for (uint32_t i = 0; i < rows; i++) product[i] = dot_of(before->jacobian + ROOM + i, ROOM, x, 1, rows);
        for (uint32_t i = 0; i < rows; i++) x[i] = product[i] / most_of(product, 1, rows);
        double left = round;
        do left /= 2, halvings++;
        while (left > 1);
    }
    CU_ASSERT(same(after->jacobian, x, rows));
    CU_ASSERT_EQUAL(after->a[0], before->q[0]);
    CU_ASSERT_EQUAL(after->a[1], halvings);
}

static void only_rows(uint32_t tape, Memory *memory) {
    for (uint32_t i = tape + 1; i < tape_lane_room(tape + 1); i++) memory->jacobian[i] = 0;
}

static void test_repetition(void) {
    enum { ROWS = 20 };
    static Memory before, after[ROWS];
    static Tape tape[ROWS];
    SuiteRandom random = {36};
    for (size_t i = 0; i < sizeof before / sizeof(double); i++) ((double *)&before)[i] = suite_uniform(&random, 0.1, 1);
    before.q[0] = 9;
    for (uint32_t i = 0; i < ROWS; i++) write_repetition(&tape[i], i + 1);
    all_of(tape, ROWS, &before, only_rows, after);
    for (uint32_t i = 0; i < ROWS; i++) expect_repetition(&before, &after[i], i + 1);
    free_all(tape, ROWS);
}

/* Not 0 is whatever does not equal it. */
static void test_done(void) {
    static Memory before, after;
    Tape tape = {0};
    uint32_t rounds = tape_work(&tape, 1);
    TapeValue one = tape_constant(&tape, 1);
    tape_store(&tape, along(LAG_WORK, rounds, 0), tape_constant(&tape, 0));
    tape_repeat(&tape);
    TapeValue before_it = tape_load(&tape, along(LAG_WORK, rounds, 0)), now = tape_binary(&tape, TAPE_ADD, before_it, one);
    tape_store(&tape, along(LAG_WORK, rounds, 0), now);
    tape_store(&tape, along(LAG_A, 0, 0), now);
    TapeValue first = tape_binary(&tape, TAPE_LE, now, one), early = tape_load(&tape, along(LAG_Q, 0, 0));
    tape_until(&tape, tape_ternary(&tape, TAPE_PICK, first, early, one));
    for (int i = 0; i < SPECIALS; i++) {
        before.q[0] = special[i];
        after = all(&tape, &before);
        CU_ASSERT_EQUAL(after.a[0], special[i] == 0 ? 2 : 1);
    }
    tape_free(&tape);
}

void suite_lanes(void) {
    suite_add("native/lanes", (SuiteTest[]){{"fused dot products", test_fused_dots},
                                            {"largest", test_most},
                                            {"lanes", test_lanes},
                                            {"rows of lanes", test_rows},
                                            {"codes in lanes", test_codes_in_lanes},
                                            {"repetition", test_repetition},
                                            {"until not 0", test_done},
                                            {0}});
}
