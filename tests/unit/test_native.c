/* test_native.c: interpreter and LLVM on tapes made for the purpose: every code, odd numbers, loops both ways, long lines. */
#include "native/native.h"
#include "suite.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 8, OUTPUTS = 64 };

static const double *const no_table[LAG_ARRAY_COUNT];

static TapeRef at(LagArray array, uint32_t base, uint32_t stride0, uint32_t stride1) {
    return (TapeRef){array, base, {stride0, stride1, 0, 0}};
}

static bool same(const double *a, const double *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i]))) return false;
    return true;
}

/* Runs a tape of INPUTS numbers in Q and OUTPUTS in A both ways; false where they differ. The outputs are the interpreter's. */
static bool run_both(const Tape *tape, const double *q, double *a) {
    const size_t size[LAG_ARRAY_COUNT] = {[LAG_Q] = INPUTS, [LAG_A] = OUTPUTS};
    double in[INPUTS], b[OUTPUTS] = {0};
    memcpy(in, q, sizeof in);
    memset(a, 0, OUTPUTS * sizeof *a);
    CU_ASSERT_PTR_NULL(tape_check(tape, size));
    uint32_t work;
    InterpCode *interp = interp_new(tape, &work);
    double *scratch = calloc(work + 1, sizeof *scratch);
    double *array[LAG_ARRAY_COUNT] = {[LAG_Q] = in, [LAG_A] = a, [LAG_WORK] = scratch};
    interp_run(interp, array);
    interp_free(interp);
    LlvmCode *code;
    LagNative *run;
    LagTimings timings = {0};
    char why[200] = "";
    const char *name = "f";
    LlvmJob job = {&tape, &name, 1, no_table, size};
    LagStatus status = llvm_compile(&job, &timings, &code, &run, why, sizeof why);
    CU_ASSERT_EQUAL(status, LAG_OK);
    if (status == LAG_OK) {
        array[LAG_A] = b;
        run(NULL, array);
        llvm_free(code);
    }
    free(scratch);
    return status == LAG_OK && same(a, b, OUTPUTS);
}

static const double odd[] = {0.0,      -0.0, 1.0,      -1.0,  0.5,          2.0,       -3.75,   1e300,
                             -1e300,   1e-300, DBL_MIN / 8, -DBL_MIN / 4, INFINITY, -INFINITY, NAN, 0.7390851332151607};
enum { ODD = sizeof odd / sizeof *odd };

/* Every code on every pair of odd numbers. */
static void test_codes(void) {
    Tape t = {0};
    uint32_t out = 0;
    TapeValue x = tape_load(&t, at(LAG_Q, 0, 0, 0)), y = tape_load(&t, at(LAG_Q, 1, 0, 0));
    for (int code = TAPE_ADD; code < TAPE_CODE_COUNT; code++) {
        TapeValue v = tape_operands((TapeCode)code) == 1 ? tape_unary(&t, (TapeCode)code, x) : tape_binary(&t, (TapeCode)code, x, y);
        tape_store(&t, at(LAG_A, out++, 0, 0), v);
    }
    for (int i = 0; i < ODD; i++)
        for (int j = 0; j < ODD; j += 3) {
            double q[INPUTS] = {odd[i], odd[j]}, a[OUTPUTS];
            CU_ASSERT(run_both(&t, q, a));
            CU_ASSERT(same(&a[TAPE_SUB - TAPE_ADD], &(double){q[0] - q[1]}, 1));
            CU_ASSERT(same(&a[TAPE_DIV - TAPE_ADD], &(double){q[0] / q[1]}, 1));
            CU_ASSERT(same(&a[TAPE_SQRT - TAPE_ADD], &(double){sqrt(q[0])}, 1));
            CU_ASSERT(same(&a[TAPE_ABS - TAPE_ADD], &(double){fabs(q[0])}, 1));
            CU_ASSERT(isnan(q[0]) || isnan(q[1]) || a[TAPE_MIN - TAPE_ADD] == fmin(q[0], q[1]));
            CU_ASSERT(!(isnan(q[0]) || isnan(q[1])) || isnan(a[TAPE_MAX - TAPE_ADD]));
        }
    tape_free(&t);
}

/* Within an ulp and a half of the C library, which is within one of the truth. */
static void test_elementary(void) {
    static const struct {
        TapeCode code;
        double (*libm)(double);
        double low, high;
    } one[] = {
        {TAPE_SIN, sin, -100, 100}, {TAPE_COS, cos, -100, 100}, {TAPE_TAN, tan, -1.5, 1.5},     {TAPE_EXP, exp, -700, 700},
        {TAPE_LOG, log, 0, 1e6},    {TAPE_CBRT, cbrt, -99, 99}, {TAPE_ASIN, asin, -1, 1},       {TAPE_ACOS, acos, -1, 1},
        {TAPE_ATAN, atan, -50, 50}, {TAPE_SINH, sinh, -20, 20}, {TAPE_COSH, cosh, -20, 20},     {TAPE_TANH, tanh, -20, 20},
        {TAPE_ASINH, asinh, -9, 9}, {TAPE_ACOSH, acosh, 1, 50}, {TAPE_ATANH, atanh, -.99, .99}, {TAPE_ERF, erf, -5, 5},
    };
    SuiteRandom random = {4};
    for (size_t i = 0; i < sizeof one / sizeof *one; i++) {
        NativeFunction1 *f = native_function1(one[i].code);
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        CU_ASSERT_PTR_NULL(native_function2(one[i].code));
        CU_ASSERT(strcmp(native_symbol(one[i].code) + 4, tape_code_text(one[i].code)) == 0);
        for (int n = 0; n < 2000; n++) {
            double x = suite_uniform(&random, one[i].low, one[i].high), want = one[i].libm(x);
            CU_ASSERT(fabs(f(x) - want) <= 3 * DBL_EPSILON * fabs(want));
        }
    }
    CU_ASSERT(native_function2(TAPE_POW)(2, 10) == 1024 && native_function2(TAPE_HYPOT)(3, 4) == 5);
    CU_ASSERT(native_function2(TAPE_ATAN2)(0, -1) == M_PI && !native_function1(TAPE_ADD));
}

static void test_constants(void) {
    static const double value[] = {-0.0, 0.1, DBL_MIN / 8, 5e-324, DBL_MAX, INFINITY, -INFINITY, NAN};
    Tape t = {0};
    double q[INPUTS] = {0}, a[OUTPUTS];
    for (uint32_t i = 0; i < 8; i++) tape_store(&t, at(LAG_A, i, 0, 0), tape_constant(&t, value[i]));
    CU_ASSERT(run_both(&t, q, a) && same(a, value, 8));
    tape_free(&t);
}

/* A dot product sums from the left, in few rounds (unrolled) and in many (as a loop); loops carry through the scratch array. */
static void write_loops(Tape *t, uint32_t rounds) {
    uint32_t work = tape_work(t, 64);
    tape_loop(t, 64);
    TapeValue q = tape_load(t, at(LAG_Q, 0, 0, 0)), k = tape_load(t, at(LAG_Q, 1, 0, 0));
    tape_store(t, at(LAG_WORK, work, 1, 0), tape_binary(t, TAPE_MUL, q, k));
    tape_end(t);
    tape_loop(t, rounds);
    tape_loop(t, 16);
    TapeValue dot = tape_dot(t, (TapeRef){LAG_WORK, work, {0, 1, 2, 0}}, (TapeRef){LAG_Q, 0, {0, 0, 1, 0}}, 7);
    TapeValue last = tape_load(t, at(LAG_WORK, work + 20, 0, 1));
    TapeValue long_dot = tape_dot(t, (TapeRef){LAG_WORK, work, {0, 0, 1, 0}}, (TapeRef){LAG_WORK, work + 10, {0, 0, 1, 0}}, 40);
    TapeValue sum = tape_binary(t, TAPE_ADD, tape_binary(t, TAPE_SUB, dot, last), tape_unary(t, TAPE_SIN, long_dot));
    tape_store(t, at(LAG_WORK, work + 5, 0, 3), sum);
    tape_store(t, at(LAG_A, 0, 0, 1), sum);
    tape_end(t);
    tape_end(t);
}

static void test_loops(void) {
    for (uint32_t rounds = 1; rounds <= 300; rounds *= 300) { /* unrolled, and not */
        Tape t = {0};
        double q[INPUTS] = {0.3, 1.7, -0.2, 0.9, 1e-3, 2.5, -1, 0.1}, a[OUTPUTS];
        write_loops(&t, rounds);
        CU_ASSERT(run_both(&t, q, a));
        tape_free(&t);
    }
    Tape t = {0};
    double q[INPUTS] = {1e16, 1, -1e16, 1, 1, 1, 1, 0}, a[OUTPUTS];
    TapeRef ones = at(LAG_Q, 3, 0, 0);
    tape_store(&t, at(LAG_A, 0, 0, 0), tape_dot(&t, at(LAG_Q, 0, 1, 0), ones, 4));
    CU_ASSERT(run_both(&t, q, a) && a[0] == ((1e16 + 1) - 1e16) + 1);
    tape_free(&t);
}

/* A random straight line over the inputs. */
static void write_random(Tape *t, SuiteRandom *random, uint32_t length) {
    for (uint32_t i = 0; i < INPUTS; i++) tape_load(t, at(LAG_Q, i, 0, 0));
    for (uint32_t i = 0; i < length; i++) {
        TapeCode code = (TapeCode)(TAPE_ADD + suite_bits(random) % (TAPE_CODE_COUNT - TAPE_ADD));
        if (suite_bits(random) % 2) code = (TapeCode)(TAPE_ADD + suite_bits(random) % 4);
        TapeValue a = (TapeValue)(suite_bits(random) % t->count), b = (TapeValue)(suite_bits(random) % t->count);
        if (suite_bits(random) % 9 == 0) tape_constant(t, suite_uniform(random, -2, 2));
        else if (tape_operands(code) == 1) tape_unary(t, code, a);
        else tape_binary(t, code, a, b);
    }
    uint32_t values = t->count;
    for (uint32_t i = 0; i < OUTPUTS && i < values; i++) tape_store(t, at(LAG_A, i, 0, 0), values - 1 - i);
}

static void test_random_lines(void) {
    SuiteRandom random = {5};
    for (unsigned i = 0; i < 150 * suite_multiplier(); i++) {
        Tape t = {0};
        double q[INPUTS], a[OUTPUTS];
        for (int k = 0; k < INPUTS; k++)
            q[k] = suite_bits(&random) % 4 ? suite_uniform(&random, -3, 3) : odd[suite_bits(&random) % ODD];
        write_random(&t, &random, 20 + (uint32_t)(suite_bits(&random) % 200));
        CU_ASSERT(run_both(&t, q, a));
        tape_free(&t);
    }
}

static void test_long_line(void) {
    SuiteRandom random = {6};
    Tape t = {0};
    double q[INPUTS] = {0.3, 1.7, -0.2, 0.9, 1e-3, 2.5, -1, 0.1}, a[OUTPUTS];
    write_random(&t, &random, 50000);
    CU_ASSERT(run_both(&t, q, a));
    tape_free(&t);
}

void suite_native(void) {
    suite_add("native", (SuiteTest[]){{"every code on odd numbers", test_codes},
                                      {"elementary functions", test_elementary},
                                      {"constants", test_constants},
                                      {"loops and dot products", test_loops},
                                      {"random lines", test_random_lines},
                                      {"a line of 50,000", test_long_line},
                                      {0}});
}
