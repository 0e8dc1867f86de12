/* test_native.c: the interpreter against values worked out by hand, and the code of every road against the interpreter, bit
 * for bit. */
#include "native/backend.h"
#include "native/cpu.h"
#include "random_tape.h"
#include "tape_runs.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- Codes ---- */

/* A product and a sum: rounded once where the CPU can. */
static double fused(double a, double b, double c) {
    volatile double product = a * b;
    return cpu_has(CPU_FMA) ? fma(a, b, c) : product + c;
}

static double expected(TapeCode code, double a, double b, double c) {
    switch (code) {
    case TAPE_ADD: return a + b;
    case TAPE_SUB: return a - b;
    case TAPE_MUL: return a * b;
    case TAPE_DIV: return a / b;
    case TAPE_NEG: return -a;
    case TAPE_SQRT: return sqrt(a);
    case TAPE_FMA: return fused(a, b, c);
    case TAPE_LARGER: return isnan(a) || isnan(b) || a <= b ? b : a;
    case TAPE_LE: return isnan(a) || isnan(b) || a > b ? 0 : 1;
    case TAPE_PICK: return a == 0 ? c : b;
    case TAPE_ABS: return copysign(a, 1);
    case TAPE_SIGN: return native_sign(a);
    case TAPE_MIN: return native_min(a, b);
    case TAPE_MAX: return native_max(a, b);
    default: return tape_operands(code) == 1 ? native_function1(code)(a) : native_function2(code)(a, b);
    }
}

/* One operation at every tuple of special values, interpreted and by its code of each road. */
static unsigned differing(TapeCode code, const Tape *tape, LagNative *const run[ROADS]) {
    static Memory memory, interpreted, native;
    uint32_t operands = tape_operands(code), tuples = operands == 1 ? SPECIALS : operands == 2 ? PAIRS : PAIRS * SPECIALS;
    unsigned wrong = 0;
    for (uint32_t i = 0; i < tuples; i++) {
        double *q = memory.q;
        q[0] = special[i % SPECIALS], q[1] = special[i / SPECIALS % SPECIALS], q[2] = special[i / PAIRS];
        interpreted = memory;
        interpret(tape, &interpreted);
        double value = expected(code, q[0], q[1], q[2]);
        for (int road = 0; road < ROADS; road++) {
            native = memory;
            execute(tape, run[road], &native);
            if (same(&value, interpreted.a, 1) && same(&value, native.a, 1)) continue;
            wrong++;
            printf("\n    %s(%a, %a, %a): expected %a, interpreter %a, %s %a", tape_code_text(code), q[0], q[1], q[2], value,
                   interpreted.a[0], lag_backend_name(roads[road]), native.a[0]);
        }
    }
    return wrong;
}

/* Every code at all special values, as an operation of its own. */
static void test_codes(void) {
    static Tape tape[TAPES];
    uint32_t count = 0, wrong = 0;
    for (int code = TAPE_ADD; code < TAPE_CODE_COUNT; code++, count++) {
        TapeValue operand[3];
        for (uint32_t i = 0; i < 3; i++) operand[i] = tape_load(&tape[count], at(LAG_Q, i, 0, 0));
        tape_store(&tape[count], at(LAG_A, 0, 0, 0), write_operation(&tape[count], (TapeCode)code, operand));
    }
    Native made[ROADS];
    for (int road = 0; road < ROADS; road++) made[road] = compile(tape, count, NULL, roads[road]);
    for (uint32_t i = 0; i < count; i++) {
        LagNative *const run[ROADS] = {made[0].run[i], made[1].run[i], made[2].run[i]};
        wrong += differing((TapeCode)(TAPE_ADD + (int)i), &tape[i], run);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    for (int road = 0; road < ROADS; road++) native_free(made[road].code);
    for (uint32_t i = 0; i < count; i++) tape_free(&tape[i]);
}

static void test_selection(void) {
    const struct {
        double a, b, min, max;
    } pair[] = {{1, 2, 1, 2},       {2, 1, 1, 2},       {-0.0, 0.0, 0.0, 0.0},      {0.0, -0.0, -0.0, -0.0},
                {NAN, 1, NAN, NAN}, {1, NAN, NAN, NAN}, {-INFINITY, NAN, NAN, NAN}, {INFINITY, -1, -1, INFINITY}};
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        double min = native_min(pair[i].a, pair[i].b), max = native_max(pair[i].a, pair[i].b);
        CU_ASSERT(same(&min, &pair[i].min, 1));
        CU_ASSERT(same(&max, &pair[i].max, 1));
    }
    const double sign[][2] = {{3, 1}, {-0x1p-1074, -1}, {0.0, 0.0}, {-0.0, -0.0}, {NAN, NAN}, {INFINITY, 1}};
    for (size_t i = 0; i < sizeof sign / sizeof *sign; i++) {
        double value = native_sign(sign[i][0]);
        CU_ASSERT(same(&value, &sign[i][1], 1));
    }
}

/* The table names the right functions: against the C library's, which differ in the last bit or so. */
static void test_elementary(void) {
    const struct {
        TapeCode code;
        double (*one)(double), (*two)(double, double);
        double low, high;
    } function[] = {{TAPE_CBRT, cbrt, NULL, -9, 9},   {TAPE_EXP, exp, NULL, -9, 9},    {TAPE_LOG, log, NULL, 0.01, 9},
                    {TAPE_SIN, sin, NULL, -9, 9},     {TAPE_COS, cos, NULL, -9, 9},    {TAPE_TAN, tan, NULL, -1.5, 1.5},
                    {TAPE_ASIN, asin, NULL, -1, 1},   {TAPE_ACOS, acos, NULL, -1, 1},  {TAPE_ATAN, atan, NULL, -9, 9},
                    {TAPE_SINH, sinh, NULL, -9, 9},   {TAPE_COSH, cosh, NULL, -9, 9},  {TAPE_TANH, tanh, NULL, -9, 9},
                    {TAPE_ASINH, asinh, NULL, -9, 9}, {TAPE_ACOSH, acosh, NULL, 1, 9}, {TAPE_ATANH, atanh, NULL, -1, 1},
                    {TAPE_ERF, erf, NULL, -3, 3},     {TAPE_POW, NULL, pow, 0.1, 9},   {TAPE_ATAN2, NULL, atan2, -9, 9},
                    {TAPE_HYPOT, NULL, hypot, -9, 9}};
    int count = sizeof function / sizeof *function;
    CU_ASSERT_EQUAL(count, TAPE_CODE_COUNT - TAPE_CBRT);
    SuiteRandom random = {3};
    for (int i = 0; i < count; i++) {
        TapeCode code = function[i].code;
        char name[32];
        snprintf(name, sizeof name, "lag_%s", tape_code_text(code));
        CU_ASSERT_STRING_EQUAL(native_symbol(code), name);
        CU_ASSERT_EQUAL(!native_function1(code), !function[i].one);
        CU_ASSERT_EQUAL(!native_function2(code), !function[i].two);
        for (int k = 0; k < 200; k++) {
            double x = suite_uniform(&random, function[i].low, function[i].high);
            double y = suite_uniform(&random, function[i].low, function[i].high);
            double value = function[i].one ? native_function1(code)(x) : native_function2(code)(x, y);
            double exact = function[i].one ? function[i].one(x) : function[i].two(x, y);
            CU_ASSERT(fabs(value - exact) <= 4 * DBL_EPSILON * fabs(exact));
        }
    }
}

/* The square root, what fuses and the SELECTION functions have functions too, and other operators have none. */
static void test_exact(void) {
    for (int i = 0; i < TAPE_CBRT; i++) {
        TapeCode code = (TapeCode)i;
        bool fuses = code == TAPE_FMA || code == TAPE_FUSED_DOT, chosen = code >= TAPE_ABS || code == TAPE_SQRT;
        uint32_t operands = chosen ? tape_operands(code) : 0;
        CU_ASSERT_EQUAL(!native_symbol(code), !(fuses || chosen));
        CU_ASSERT(!native_function1(code) == (operands != 1) && !native_function2(code) == (operands != 2));
        for (int k = 0; chosen && k < PAIRS; k++) {
            double a = special[k / SPECIALS], b = special[k % SPECIALS], exact = expected(code, a, b, 0);
            double value = operands == 1 ? native_function1(code)(a) : native_function2(code)(a, b);
            CU_ASSERT(same(&value, &exact, 1));
        }
    }
    for (int k = 0; k < PAIRS * SPECIALS; k++) {
        double a = special[k % SPECIALS], b = special[k / SPECIALS % SPECIALS], c = special[k / PAIRS];
        double exact = fused(a, b, c), value = native_fused()(a, b, c);
        CU_ASSERT(same(&value, &exact, 1));
    }
}

/* What generated code may call has an address; and in lanes, where the CPU has such, the elementary functions alone. */
static void test_addresses(void) {
    for (int i = 0; i < TAPE_CODE_COUNT; i++) {
        const char *symbol = native_symbol((TapeCode)i);
        if (!symbol) continue;
        char name[32];
        if (i != TAPE_FUSED_DOT) {
            snprintf(name, sizeof name, "lag_%s", tape_code_text((TapeCode)i));
            CU_ASSERT_STRING_EQUAL(symbol, name);
        }
        CU_ASSERT_NOT_EQUAL(native_address(symbol), 0);
        for (uint32_t lanes = 1; lanes <= 2 * TAPE_LANES_MOST; lanes++) {
            snprintf(name, sizeof name, "%s_%u", symbol, lanes);
            bool vector = lanes == 2 || lanes == 4 || lanes == 8;
            CU_ASSERT_EQUAL(native_address(name) != 0, i >= TAPE_CBRT && vector && lanes <= cpu_lanes());
        }
    }
    CU_ASSERT_EQUAL(native_address("lag_sin"), (uintptr_t)native_function1(TAPE_SIN));
    CU_ASSERT_EQUAL(native_address("lag_atan2"), (uintptr_t)native_function2(TAPE_ATAN2));
    CU_ASSERT_EQUAL(native_address("lag_fma"), (uintptr_t)native_fused());
    CU_ASSERT_EQUAL(native_address("lag_fused_dot"), (uintptr_t)native_fused_dot());
    CU_ASSERT(!native_address("") && !native_address("lag_") && !native_address("lag_si") && !native_address("lag_sin_"));
    CU_ASSERT(!native_address("lag_sin_42") && !native_address("sin") && !native_address("lag_add"));
}

/* ---- Loops and dot products ---- */

/* JACOBIAN[100 i + 10 j + k] = Q[i] + Z[10 j + k], and A[i] = 1 + .. + (i + 1) kept from round to round in LAG_WORK. */
static void write_loops(Tape *tape) {
    uint32_t sum = tape_work(tape, 1);
    tape_store(tape, at(LAG_WORK, sum, 0, 0), tape_constant(tape, 0));
    tape_loop(tape, 5);
    TapeValue outer = tape_load(tape, at(LAG_Q, 0, 1, 0));
    tape_loop(tape, 4);
    tape_loop(tape, 10);
    TapeValue inner = tape_load(tape, (TapeRef){LAG_Z, 0, {0, 10, 1}});
    tape_store(tape, (TapeRef){LAG_JACOBIAN, 0, {100, 10, 1}}, tape_binary(tape, TAPE_ADD, outer, inner));
    tape_end(tape);
    tape_end(tape);
    TapeValue more = tape_binary(tape, TAPE_ADD, tape_load(tape, at(LAG_WORK, sum, 0, 0)), outer);
    tape_store(tape, at(LAG_WORK, sum, 0, 0), more);
    tape_store(tape, at(LAG_A, 0, 1, 0), tape_load(tape, at(LAG_WORK, sum, 0, 0)));
    tape_end(tape);
}

static void test_loops(void) {
    static Memory before, after;
    for (int i = 0; i < Q; i++) before.q[i] = i + 1;
    for (int i = 0; i < Z; i++) before.z[i] = 1000 * i;
    for (int padded = 0; padded < 2; padded++) {
        Tape tape = {0};
        if (padded) write_padding(&tape);
        write_loops(&tape);
        after = all(&tape, &before);
        for (int i = 0; i < 5; i++) {
            CU_ASSERT_EQUAL(after.a[i], (i + 1) * (i + 2) / 2);
            for (int j = 0; j < 40; j++) CU_ASSERT_EQUAL(after.jacobian[100 * i + j], i + 1 + 1000 * j);
        }
        CU_ASSERT_EQUAL(after.jacobian[40], 0);
        tape_free(&tape);
    }
}

/* A[i] = the dot product of `terms` terms of Z, backwards in rows, and a column of DERIVE, in a loop over i. */
static void expect_dot(const Memory *before, uint32_t terms, bool padded) {
    Tape tape = {0};
    if (padded) write_padding(&tape);
    tape_loop(&tape, 2);
    tape_store(&tape, at(LAG_A, 0, 1, 0), tape_dot(&tape, at(LAG_Z, 0, 1, 1), at(LAG_DERIVE, 3, 2, 1), terms));
    tape_end(&tape);
    Memory after = all(&tape, before);
    for (uint32_t i = 0; i < 2; i++) {
        volatile double sum = 0, product;
        for (uint32_t j = 0; j < terms; j++) {
            product = before->z[i + j] * before->derive[3 + 2 * i + j];
            sum = j ? sum + product : product;
        }
        double value = sum;
        CU_ASSERT(same(&after.a[i], &value, 1));
    }
    tape_free(&tape);
}

static void test_dots(void) {
    static Memory before;
    SuiteRandom random = {4};
    for (int i = 0; i < Z; i++) before.z[i] = ldexp(suite_uniform(&random, -1, 1), (int)(suite_bits(&random) % 60));
    for (int i = 0; i < DERIVE; i++) before.derive[i] = suite_uniform(&random, -1, 1);
    for (uint32_t terms = 1; terms < Z; terms += terms < 20 ? 1 : 9) {
        expect_dot(&before, terms, false);
        expect_dot(&before, terms, true);
    }
    /* x x - y is exactly 0 where the product is rounded, and 2^-54 where it is not; -0 + 0 is 0, and -0 alone stays -0 */
    before.z[0] = before.derive[3] = 1 + 0x1p-27;
    before.z[1] = -(1 + 0x1p-26), before.derive[4] = 1;
    expect_dot(&before, 2, false);
    expect_dot(&before, 2, true);
    before.z[0] = -0.0;
    expect_dot(&before, 1, false);
    expect_dot(&before, 1, true);
    Tape tape = {0};
    TapeValue x = tape_load(&tape, at(LAG_Q, 0, 0, 0)), y = tape_load(&tape, at(LAG_Q, 1, 0, 0));
    tape_store(&tape, at(LAG_A, 0, 0, 0), tape_binary(&tape, TAPE_ADD, tape_binary(&tape, TAPE_MUL, x, x), y));
    before.q[0] = 1 + 0x1p-27, before.q[1] = -(1 + 0x1p-26);
    CU_ASSERT_EQUAL(all(&tape, &before).a[0], 0);
    tape_free(&tape);
}

/* ---- Constants ---- */

/* `count` constants of any bits come out as they went in. */
static void expect_constants(uint32_t count) {
    static Memory before, after;
    static double constant[JACOBIAN];
    SuiteRandom random = {5};
    const double first[] = {-0.0,     0.0,       0.1, nextafter(1, 2), 0x1p-1074, -0x1.fffffffffffffp-1023,
                            INFINITY, -INFINITY, NAN, DBL_MAX};
    Tape tape = {0};
    for (uint32_t i = 0; i < count; i++) {
        unsigned long long bits = suite_bits(&random);
        memcpy(&constant[i], &bits, sizeof bits);
        if (i < sizeof first / sizeof *first) constant[i] = first[i];
        tape_store(&tape, at(LAG_JACOBIAN, i, 0, 0), tape_constant(&tape, constant[i]));
    }
    after = all(&tape, &before);
    CU_ASSERT(same(after.jacobian, constant, count));
    tape_free(&tape);
}

static void test_constants(void) {
    expect_constants(10);
    expect_constants(JACOBIAN); /* so many stand in an array of their own */
}

/* ---- Random tapes ---- */

/* Numbers of moderate size; or special values; or any bits, and moderate ones between. */
static void fill(SuiteRandom *random, int kind, Memory *memory) {
    double *number = (double *)memory;
    for (size_t i = 0; i < sizeof *memory / sizeof *number; i++) {
        unsigned long long bits = suite_bits(random);
        number[i] = suite_uniform(random, -2, 2);
        if (kind == 1 && bits % 2) number[i] = special[bits / 2 % SPECIALS];
        if (kind == 2 && bits % 4 == 0) memcpy(&number[i], &bits, sizeof bits);
    }
}

typedef struct Tally {
    unsigned different, finite;
} Tally;

/* One tape at three points. */
static void compare(SuiteRandom *random, const Tape *tape, LagNative *run, const Memory *known, Tally *tally) {
    static Memory before, one, two;
    for (int kind = 0; kind < 3; kind++) {
        fill(random, kind, &before);
        if (known) memcpy(before.derive, known->derive, sizeof before.derive);
        one = two = before;
        interpret(tape, &one);
        execute(tape, run, &two);
        for (int i = 0; i < A; i++) tally->finite += isfinite(one.a[i]) && one.a[i] != before.a[i];
        if (same((double *)&one, (double *)&two, sizeof one / sizeof(double))) continue;
        Buffer out = {0};
        if (tally->different++ == 0) {
            tape_print(tape, &out);
            printf("\n    interpreter and native code differ:\n%s", out.bytes);
        }
        buffer_free(&out);
    }
}

/* TAPES random tapes, compiled together. Rounds differ in length (short ones are optimised), loops, whether loops stay
 * loops, and whether the table is known. */
static void compare_round(SuiteRandom *random, unsigned round, Tally *tally) {
    static Tape tape[TAPES];
    static Memory known;
    bool knows = round / 2 % 2;
    fill(random, 0, &known);
    for (int i = 0; i < TAPES; i++) {
        tape[i] = (Tape){0};
        if (round % 5 == 4) write_padding(&tape[i]);
        random_tape(random, size, round % 2 ? 60 : 10, round % 3 != 0, &tape[i]);
    }
    for (int road = 0; road < ROADS; road++) {
        Native native = compile(tape, TAPES, knows ? known.derive : NULL, roads[road]);
        for (int i = 0; i < TAPES; i++) compare(random, &tape[i], native.run[i], knows ? &known : NULL, tally);
        native_free(native.code);
    }
    for (int i = 0; i < TAPES; i++) tape_free(&tape[i]);
}

static void test_random(void) {
    SuiteRandom random = {6};
    Tally tally = {0};
    unsigned rounds = 100 * suite_multiplier();
    for (unsigned round = 0; round < rounds; round++) compare_round(&random, round, &tally);
    CU_ASSERT_EQUAL(tally.different, 0);
    CU_ASSERT(tally.finite > 200 * rounds); /* else there was little to compare */
}

static LagStatus print(const NativeJob *job, bool assembly, Buffer *out) {
    char why[256];
    return native_print(job, assembly, out, why, sizeof why);
}

/* A loop that stays a loop does what the same one unrolled does, if it can be; and which is which is to be seen. */
static void test_forms(void) {
    static Memory before, looped, unrolled;
    const char *name = "form";
    const double *table[LAG_ARRAY_COUNT] = {0};
    SuiteRandom random = {7};
    int straight = 0;
    for (int i = 0; i < 20; i++) {
        Tape tape[2] = {0};
        SuiteRandom again = random;
        write_padding(&tape[1]);
        random_tape(&again, size, 40, true, &tape[0]);
        random_tape(&random, size, 40, true, &tape[1]);
        fill(&random, 0, &before);
        unrolled = all(&tape[0], &before);
        looped = all(&tape[1], &before);
        CU_ASSERT(same((double *)&unrolled, (double *)&looped, sizeof looped / sizeof(double)));
        CU_ASSERT_FALSE(job_unrolls(&tape[1], true));
        straight += job_unrolls(&tape[0], true);
        for (int form = 0; form < 2; form++) {
            const Tape *one = &tape[form];
            Buffer out = {0};
            CU_ASSERT_EQUAL(print(&(NativeJob){&one, &name, 1, table, size}, false, &out), LAG_OK);
            CU_ASSERT_EQUAL(strstr(out.bytes, " br ") == NULL, job_unrolls(one, true));
            CU_ASSERT(form == 0 || strstr(out.bytes, " phi "));
            CU_ASSERT(!strstr(out.bytes, " fast ") && !strstr(out.bytes, " contract ") && !strstr(out.bytes, " reassoc "));
            buffer_free(&out);
            tape_free(&tape[form]);
        }
    }
    CU_ASSERT(straight > 5);
}

static void test_long(void) {
    static Memory before;
    SuiteRandom random = {8};
    Tape tape = {0};
    fill(&random, 0, &before);
    random_tape(&random, size, 200 * 1000, false, &tape);
    CU_ASSERT(tape.count >= 200 * 1000);
    all(&tape, &before);
    tape_free(&tape);
}

static void *compile_alone(void *seed) {
    SuiteRandom random = {*(unsigned *)seed};
    Tally tally = {0};
    Tape tape = {0};
    static const double *table[LAG_ARRAY_COUNT];
    random_tape(&random, size, 100, true, &tape);
    const Tape *tapes = &tape;
    const char *name = "alone";
    for (int i = 0; i < 10; i++) {
        NativeCode *code;
        LagNative *run;
        LagTimings timings = {0};
        char why[256];
        bool cached;
        NativeJob job = {&tapes, &name, 1, table, size};
        if (native_compile(&job, roads[i % ROADS], -1, &timings, &code, &run, &cached, why, sizeof why) != LAG_OK)
            return seed;
        Memory *memory = calloc(2, sizeof *memory);
        fill(&random, 0, memory);
        memory[1] = memory[0];
        interpret(&tape, &memory[0]);
        execute(&tape, run, &memory[1]);
        tally.different += !same((double *)&memory[0], (double *)&memory[1], sizeof *memory / sizeof(double));
        free(memory);
        native_free(code);
    }
    tape_free(&tape);
    return tally.different ? seed : NULL;
}

static void test_threads(void) {
    pthread_t thread[4];
    unsigned seed[4] = {11, 12, 13, 14};
    for (int i = 0; i < 4; i++) CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, compile_alone, &seed[i]), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong = NULL;
        pthread_join(thread[i], &wrong);
        CU_ASSERT_PTR_NULL(wrong);
    }
}

/* ---- Failures and texts ---- */

static LagStatus make(const NativeJob *job, LagBackend road, int stop, NativeCode **code, LagNative **run, char *why,
                      size_t why_size) {
    LagTimings timings = {0};
    bool cached;
    *why = 0;
    return native_compile(job, road, stop, &timings, code, run, &cached, why, why_size);
}

static void test_failures(void) {
    const char *asked = getenv("LAG_BACKENDS");
    char *backends = strdup(asked ? asked : "");
    Tape good = {0}, bad = {0};
    tape_store(&good, at(LAG_A, 0, 0, 0), tape_unary(&good, TAPE_COS, tape_constant(&good, 1)));
    bad.failed = true;
    const Tape *tapes[3] = {&good, NULL, &bad};
    const char *name[3] = {"good", "none", "bad"};
    const double *table[LAG_ARRAY_COUNT] = {0};
    NativeJob job = {tapes, name, 3, table, size};
    LagNative *run[3];
    char why[256] = "", little[8];
    Buffer out = {0};
    uint32_t work;
    CU_ASSERT_PTR_NULL(interp_new(&bad, &work));
    for (int road = 0; road < ROADS; road++) {
        NativeCode *code = NULL;
        job.count = 3;
        CU_ASSERT_EQUAL(make(&job, roads[road], -1, &code, run, why, sizeof why), LAG_ERROR_MEMORY);
        CU_ASSERT(!code && *why);
        CU_ASSERT_EQUAL(print(&job, false, &out), LAG_ERROR_MEMORY);
        CU_ASSERT_EQUAL(out.size, 0);

        job.count = 1; /* called off before it began */
        int stop = eventfd(1, EFD_CLOEXEC);
        CU_ASSERT_EQUAL(make(&job, roads[road], stop, &code, run, why, sizeof why), LAG_INTERRUPTED);
        close(stop);

        BackendTask kept[3]; /* its program is not there, and none is left of those that were */
        for (int i = 0; i < 3; i++)
            CU_ASSERT_EQUAL(backend_begin(&job, roads[road], BACKEND_OBJECT, -1, &kept[i], why, sizeof why), LAG_OK);
        setenv("LAG_BACKENDS", "/nonexistent", 1);
        CU_ASSERT_EQUAL(make(&job, roads[road], -1, &code, run, why, sizeof why), LAG_ERROR_BACKEND);
        CU_ASSERT(!code && strstr(why, "is not beside liblag"));
        CU_ASSERT_EQUAL(make(&job, roads[road], -1, &code, run, little, sizeof little), LAG_ERROR_BACKEND);
        CU_ASSERT(!code && strlen(little) == sizeof little - 1);
        setenv("LAG_BACKENDS", backends, 1);
        for (int i = 0; i < 3; i++) backend_abandon(&kept[i]);

        job.count = 2; /* and after all that */
        CU_ASSERT_EQUAL_FATAL(make(&job, roads[road], -1, &code, run, why, sizeof why), LAG_OK);
        static Memory memory;
        execute(&good, run[0], &memory);
        CU_ASSERT_EQUAL(memory.a[0], native_function1(TAPE_COS)(1));
        CU_ASSERT_PTR_NULL(run[1]);
        native_free(code);
    }
    tape_free(&good);
    free(backends);
}

static void test_printing(void) {
    Tape tape = {0};
    write_loops(&tape);
    tape_store(&tape, at(LAG_A, 0, 0, 0), tape_unary(&tape, TAPE_SIN, tape_load(&tape, at(LAG_Q, 0, 0, 0))));
    const Tape *tapes = &tape;
    const char *name = "point";
    const double *table[LAG_ARRAY_COUNT] = {0};
    NativeJob job = {&tapes, &name, 1, table, size};
    Buffer out = {0};
    CU_ASSERT_EQUAL(print(&job, false, &out), LAG_OK);
    CU_ASSERT(strstr(out.bytes, "define void @point(ptr") && strstr(out.bytes, "call double @lag_sin(double"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out.bytes, " = fadd double "));
    uint32_t before = out.size;
    CU_ASSERT_EQUAL(print(&job, true, &out), LAG_OK);
    CU_ASSERT(out.size > before && strstr(out.bytes + before, "point:") && strstr(out.bytes + before, "lag_sin"));
    CU_ASSERT(!strstr(out.bytes + before, "define"));
    buffer_free(&out);
    tape_free(&tape);
}

void suite_native(void) {
    suite_add("native", (SuiteTest[]){{"codes", test_codes},
                                      {"selection", test_selection},
                                      {"elementary functions", test_elementary},
                                      {"exact functions", test_exact},
                                      {"addresses", test_addresses},
                                      {"loops", test_loops},
                                      {"dot products", test_dots},
                                      {"constants", test_constants},
                                      {"four engines on random tapes", test_random},
                                      {"loops = unrolled loops", test_forms},
                                      {"long tapes", test_long},
                                      {"threads", test_threads},
                                      {"failures", test_failures},
                                      {"printing", test_printing},
                                      {0}});
}
