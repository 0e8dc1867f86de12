/* tape_runs.h: tapes run by the interpreter and as machine code on memory of their own, for tests. */
#ifndef LAG_TESTS_TAPE_RUNS_H
#define LAG_TESTS_TAPE_RUNS_H

#include "native/native.h"
#include "suite.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    Q = 8,
    Z = 40,
    DERIVE = 64,
    A = 8,
    JACOBIAN = 2000,
    TAPES = 200,        /* compiled together */
    LONG_ENOUGH = 7000, /* rounds of a loop that is not unrolled */
};

static const size_t size[LAG_ARRAY_COUNT] = {
    [LAG_Q] = Q, [LAG_Z] = Z, [LAG_A] = A, [LAG_JACOBIAN] = JACOBIAN, [LAG_DERIVE] = DERIVE};

static const double special[] = {0.0,  -0.0,    0x1p-1074, -0x1p-1074, 0x1p-1022, 0.5,      -0.5,      1,   -1,  2,    3.25,
                                 1e-8, 0x1p-27, DBL_MAX,   -DBL_MAX,   1e300,     INFINITY, -INFINITY, NAN, 700, -700, M_PI};
enum { SPECIALS = sizeof special / sizeof *special, PAIRS = SPECIALS * SPECIALS };

static TapeRef at(LagArray array, uint32_t base, uint32_t i, uint32_t j) { return (TapeRef){array, base, {i, j}}; }

/* The same bits; a NaN is a NaN. */
static bool same(const double *a, const double *b, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i]))) return false;
    return true;
}

/* All that a tape sees, as one block: inputs, tables, outputs. */
typedef struct Memory {
    double q[Q], z[Z], derive[DERIVE], a[A], jacobian[JACOBIAN];
} Memory;

static void run_on(Memory *memory, double *work, LagNative *run, const void *code) {
    double *array[LAG_ARRAY_COUNT] = {[LAG_Q] = memory->q,
                                      [LAG_Z] = memory->z,
                                      [LAG_DERIVE] = memory->derive,
                                      [LAG_A] = memory->a,
                                      [LAG_JACOBIAN] = memory->jacobian,
                                      [LAG_WORK] = work};
    run(code, array);
}

static void interpret(const Tape *tape, Memory *memory) {
    uint32_t work = 0;
    InterpCode *code = interp_new(tape, &work);
    double *scratch = calloc(work + 1, sizeof *scratch);
    run_on(memory, scratch, interp_run, code);
    free(scratch);
    interp_free(code);
}

/* Tapes compiled together. */
typedef struct Native {
    NativeCode *code;
    LagNative *run[TAPES];
} Native;

static const LagBackend roads[] = {LAG_BACKEND_TCC, LAG_BACKEND_LLVM_QUICK, LAG_BACKEND_LLVM};
enum { ROADS = sizeof roads / sizeof *roads };

static Native compile(const Tape *tape, uint32_t count, const double *derive, LagBackend road) {
    static char name[TAPES][16];
    const Tape *tapes[TAPES];
    const char *names[TAPES];
    const double *table[LAG_ARRAY_COUNT] = {[LAG_DERIVE] = derive};
    char why[256] = "";
    LagTimings timings = {0};
    Native native = {0};
    bool cached = true;
    for (uint32_t i = 0; i < count; i++) {
        CU_ASSERT_PTR_NULL(tape_check(&tape[i], size));
        snprintf(name[i], sizeof name[i], "tape%u", i);
        tapes[i] = &tape[i], names[i] = name[i];
    }
    NativeJob job = {tapes, names, count, table, size};
    LagStatus status = native_compile(&job, road, -1, &timings, &native.code, native.run, &cached, why, sizeof why);
    if (status != LAG_OK) printf("\n    %s: %s", lag_backend_name(road), why);
    CU_ASSERT_EQUAL_FATAL(status, LAG_OK);
    CU_ASSERT_STRING_EQUAL(why, "");
    CU_ASSERT(!cached);
    return native;
}

static void execute(const Tape *tape, LagNative *run, Memory *memory) {
    double *work = calloc(tape->work + tape->count + 1, sizeof *work);
    run_on(memory, work, run, NULL);
    free(work);
}

/* Sets to 0 what means nothing of what a tape leaves. */
typedef void Unsure(uint32_t tape, Memory *memory);

/* Tapes compiled together leave the same memory by each road as by the interpreter; after[i] is what tape i leaves. */
static void all_of(const Tape *tape, uint32_t count, const Memory *before, Unsure *unsure, Memory *after) {
    static Memory other;
    for (uint32_t i = 0; i < count; i++) {
        after[i] = *before;
        interpret(&tape[i], &after[i]);
        if (unsure) unsure(i, &after[i]);
    }
    for (int road = 0; road < ROADS; road++) {
        Native native = compile(tape, count, before->derive, roads[road]);
        for (uint32_t i = 0; i < count; i++) {
            other = *before;
            execute(&tape[i], native.run[i], &other);
            if (unsure) unsure(i, &other);
            CU_ASSERT(same((double *)&after[i], (double *)&other, sizeof other / sizeof(double)));
        }
        native_free(native.code);
    }
}

/* All ways of running one tape leave the same memory, which is given back. */
static inline Memory all(const Tape *tape, const Memory *before) {
    static Memory after;
    all_of(tape, 1, before, NULL, &after);
    return after;
}

/* Rounds enough for the tape's loops to stay loops. They leave a piece of LAG_WORK filled. */
static inline void write_padding(Tape *tape) {
    uint32_t padding = tape_work(tape, LONG_ENOUGH);
    TapeValue one = tape_constant(tape, 1);
    tape_loop(tape, LONG_ENOUGH);
    tape_store(tape, at(LAG_WORK, padding, 1, 0), one);
    tape_end(tape);
}

#endif
