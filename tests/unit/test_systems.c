/* test_systems.c: tapes that run several systems side by side, in the lanes of vectors: each of them as the interpreter runs
 * the same tape alone, bit for bit. */
#include "random_tape.h"
#include "tape_runs.h"

enum { NUMBERS = sizeof(Memory) / sizeof(double), MOST = TAPE_LANES_MOST };

static const LagBackend side_by_side[] = {LAG_BACKEND_LLVM_QUICK, LAG_BACKEND_LLVM};

/* The memory of each system, and of all of them side by side. */
typedef struct Systems {
    uint32_t count;
    bool knows; /* DERIVE is a table: the same for all, of one double an element */
    Memory each[MOST];
    double beside[MOST * NUMBERS];
} Systems;

static void lay_side_by_side(Systems *s) {
    for (uint32_t k = 1; k < s->count && s->knows; k++)
        memcpy(s->each[k].derive, s->each[0].derive, sizeof s->each[0].derive);
    for (uint32_t k = 0; k < s->count; k++)
        for (uint32_t i = 0; i < NUMBERS; i++) s->beside[i * s->count + k] = ((double *)&s->each[k])[i];
}

static double *beside(Systems *s, size_t offset) { return s->beside + offset / sizeof(double) * s->count; }

static void run_side_by_side(Systems *s, const Tape *tape, LagNative *run) {
    double *work = calloc(s->count * (tape->work + 1), sizeof *work);
    double *array[LAG_ARRAY_COUNT] = {[LAG_Q] = beside(s, offsetof(Memory, q)),
                                      [LAG_Z] = beside(s, offsetof(Memory, z)),
                                      [LAG_DERIVE] = s->knows ? s->each[0].derive : beside(s, offsetof(Memory, derive)),
                                      [LAG_A] = beside(s, offsetof(Memory, a)),
                                      [LAG_JACOBIAN] = beside(s, offsetof(Memory, jacobian)),
                                      [LAG_WORK] = work};
    run(NULL, array);
    free(work);
}

/* All of them side by side, then each alone, as the interpreter leaves it. False where one differs. */
static bool agree(Systems *s, const Tape *tape, LagNative *run) {
    static Memory taken;
    bool good = true;
    lay_side_by_side(s);
    run_side_by_side(s, tape, run);
    for (uint32_t k = 0; k < s->count; k++) {
        interpret(tape, &s->each[k]);
        for (uint32_t i = 0; i < NUMBERS; i++) ((double *)&taken)[i] = s->beside[i * s->count + k];
        good = good && same((double *)&taken, (double *)&s->each[k], NUMBERS);
    }
    return good;
}

/* ---- Random tapes ---- */

/* Numbers of moderate size, and some that are special. */
static void fill(SuiteRandom *random, bool specials, Systems *s) {
    for (uint32_t k = 0; k < MOST; k++) {
        for (uint32_t i = 0; i < NUMBERS; i++) {
            unsigned long long bits = suite_bits(random);
            double *number = &((double *)&s->each[k])[i];
            *number = suite_uniform(random, -2, 2);
            if (specials && bits % 4 == 0) *number = special[bits / 4 % SPECIALS];
        }
    }
}

static void test_random(void) {
    enum { TOGETHER = 60 };
    static Tape tape[TOGETHER];
    static Systems s;
    SuiteRandom random = {41};
    unsigned wrong = 0;
    for (unsigned round = 0; round < 12 * suite_multiplier(); round++) {
        s.count = 2u << round % 3, s.knows = round / 3 % 2;
        for (int i = 0; i < TOGETHER; i++) {
            tape[i] = (Tape){.systems = s.count};
            random_tape(&random, size, i % 2 ? 60 : 10, i % 3 != 0, &tape[i]);
        }
        for (int road = 0; road < 2; road++) {
            fill(&random, false, &s);
            Native native = compile(tape, TOGETHER, s.knows ? s.each[0].derive : NULL, side_by_side[road]);
            for (int i = 0; i < 3 * TOGETHER; i++) {
                fill(&random, i >= TOGETHER, &s);
                wrong += !agree(&s, &tape[i % TOGETHER], native.run[i % TOGETHER]);
            }
            native_free(native.code);
        }
        for (int i = 0; i < TOGETHER; i++) tape_free(&tape[i]);
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

/* ---- Rounds that differ ---- */

static TapeRef element(LagArray array, uint32_t i) { return at(array, i, 0, 0); }

static TapeValue kept_or(Tape *tape, TapeValue done, LagArray array, uint32_t i, TapeValue new) {
    return tape_ternary(tape, TAPE_PICK, done, tape_load(tape, element(array, i)), new);
}

/* A[0], which begins as 0, grows by 1 up to Q[0]; in each of these rounds A[1] = Q[1] A[0] is halved down to at most 1, and
 * A[2] counts how often. A system that has come to its end keeps its values while others go on. */
static void write_halvings(Tape *tape) {
    TapeValue one = tape_constant(tape, 1), half = tape_constant(tape, 0.5), last = tape_load(tape, element(LAG_Q, 0));
    tape_repeat(tape);
    TapeValue rounds = tape_load(tape, element(LAG_A, 0)), finished = tape_binary(tape, TAPE_LE, last, rounds);
    TapeValue next = kept_or(tape, finished, LAG_A, 0, tape_binary(tape, TAPE_ADD, rounds, one));
    tape_store(tape, element(LAG_A, 0), next);
    TapeValue start = tape_binary(tape, TAPE_MUL, tape_load(tape, element(LAG_Q, 1)), next);
    tape_store(tape, element(LAG_A, 1), kept_or(tape, finished, LAG_A, 1, start));
    tape_repeat(tape);
    TapeValue left = tape_load(tape, element(LAG_A, 1)), small = tape_binary(tape, TAPE_LE, left, one);
    TapeValue halved = kept_or(tape, small, LAG_A, 1, tape_binary(tape, TAPE_MUL, left, half));
    tape_store(tape, element(LAG_A, 1), halved);
    TapeValue more = tape_binary(tape, TAPE_ADD, tape_load(tape, element(LAG_A, 2)), one);
    tape_store(tape, element(LAG_A, 2), kept_or(tape, small, LAG_A, 2, more));
    tape_until(tape, small);
    tape_until(tape, finished);
}

static double halvings(double rounds, double start) {
    double count = 0;
    for (int i = 1; i <= rounds; i++)
        for (double left = start * i; left > 1; left /= 2) count++;
    return count;
}

static void test_rounds(void) {
    static Systems s;
    for (uint32_t count = 2; count <= MOST; count *= 2) {
        Tape tape = {.systems = count};
        write_halvings(&tape);
        for (int road = 0; road < 2; road++) {
            Native native = compile(&tape, 1, NULL, side_by_side[road]);
            for (uint32_t shift = 0; shift < MOST; shift++) {
                s = (Systems){.count = count};
                for (uint32_t k = 0; k < count; k++) {
                    s.each[k].q[0] = (k + shift) * (k + shift) % 7;
                    s.each[k].q[1] = ldexp(1.3, (int)(5 * (k + 3 * shift) % 17));
                }
                CU_ASSERT(agree(&s, &tape, native.run[0]));
                for (uint32_t k = 0; k < count; k++) {
                    const double *q = s.each[k].q, *a = s.each[k].a;
                    CU_ASSERT(a[0] == q[0] && a[2] == halvings(q[0], q[1]));
                }
            }
            native_free(native.code);
        }
        tape_free(&tape);
    }
}

/* ---- One system ---- */

/* libtcc runs such a tape, and the interpreter, as if there were one; LLVM where it says so. */
static void test_one(void) {
    static Memory before, one, other;
    SuiteRandom random = {43};
    for (uint32_t systems = 0; systems <= MOST; systems += systems ? systems : 1) {
        Tape tape = {.systems = systems};
        random_tape(&random, size, 60, true, &tape);
        for (uint32_t i = 0; i < NUMBERS; i++) ((double *)&before)[i] = suite_uniform(&random, -2, 2);
        one = before;
        interpret(&tape, &one);
        for (int road = 0; road < (systems > 1 ? 1 : ROADS); road++) {
            Native native = compile(&tape, 1, before.derive, roads[road]);
            other = before;
            execute(&tape, native.run[0], &other);
            CU_ASSERT(same((double *)&one, (double *)&other, NUMBERS));
            native_free(native.code);
        }
        tape_free(&tape);
    }
}

void suite_systems(void) {
    suite_add(
        "native/systems",
        (SuiteTest[]){{"random tapes", test_random}, {"rounds that differ", test_rounds}, {"one system", test_one}, {0}});
}
