/* test_job.c: jobs as the bytes that a compiler is sent: what is read says what was written, and what is no job is refused.
 */
#include "native/c_emit.h"
#include "native/native.h"
#include "random_tape.h"

#include <stdlib.h>

static const size_t sizes[LAG_ARRAY_COUNT] = {
    [LAG_Q] = 8, [LAG_Z] = 40, [LAG_DERIVE] = 64, [LAG_A] = 8, [LAG_JACOBIAN] = 500};

enum { TAPES = 3 };
static const char *const name[TAPES] = {"first", "second", "third"};

/* A job of random tapes, of which the middle one is left out; the table is known, or not. */
typedef struct Made {
    Tape tape[TAPES];
    const Tape *tapes[TAPES];
    double derive[64];
    const double *table[LAG_ARRAY_COUNT];
    NativeJob job;
} Made;

static void make(SuiteRandom *random, Made *made) {
    static const uint32_t systems[] = {0, 2, 4, 8};
    *made = (Made){.job = {made->tapes, name, TAPES, made->table, sizes}};
    for (int i = 0; i < TAPES; i++) {
        random_tape(random, sizes, 40, true, &made->tape[i]);
        made->tape[i].systems = systems[suite_bits(random) % 4];
        made->tapes[i] = i == 1 ? NULL : &made->tape[i];
    }
    for (int i = 0; i < 64; i++) made->derive[i] = suite_uniform(random, -1, 1);
    if (suite_bits(random) % 2) made->table[LAG_DERIVE] = made->derive;
}

static void made_free(Made *made) {
    for (int i = 0; i < TAPES; i++) tape_free(&made->tape[i]);
}

static bool reads(const Buffer *bytes) {
    JobCopy copy;
    bool good = job_read(bytes->bytes, bytes->size, &copy);
    job_free(&copy);
    return good;
}

/* The job is read, or refused. */
static void expect_read(const NativeJob *job, bool good) {
    Buffer bytes = {0};
    job_write(job, true, &bytes);
    CU_ASSERT_EQUAL(reads(&bytes), good);
    buffer_free(&bytes);
}

static void expect_same(const NativeJob *one, const NativeJob *other) {
    CU_ASSERT_EQUAL_FATAL(one->count, other->count);
    for (uint32_t i = 0; i < one->count; i++) {
        CU_ASSERT_EQUAL_FATAL(!one->tape[i], !other->tape[i]);
        if (!one->tape[i]) continue;
        Buffer text[2] = {{0}, {0}};
        tape_print(one->tape[i], &text[0]);
        tape_print(other->tape[i], &text[1]);
        CU_ASSERT_STRING_EQUAL(text[0].bytes, text[1].bytes);
        CU_ASSERT_STRING_EQUAL(one->name[i], other->name[i]);
        CU_ASSERT_EQUAL(one->tape[i]->systems, other->tape[i]->systems);
        CU_ASSERT_EQUAL(one->tape[i]->work, other->tape[i]->work);
        for (int k = 0; k < 2; k++) buffer_free(&text[k]);
    }
    for (int a = 0; a < LAG_ARRAY_COUNT; a++) {
        CU_ASSERT_EQUAL(one->size[a], other->size[a]);
        CU_ASSERT_EQUAL_FATAL(!one->table[a], !other->table[a]);
        if (one->table[a]) CU_ASSERT_EQUAL(memcmp(one->table[a], other->table[a], one->size[a] * sizeof(double)), 0);
    }
}

static void test_written(void) {
    static Made made;
    SuiteRandom random = {51};
    for (unsigned round = 0; round < 100 * suite_multiplier(); round++) {
        Buffer bytes = {0}, again = {0};
        JobCopy copy;
        make(&random, &made);
        job_write(&made.job, true, &bytes);
        CU_ASSERT_FATAL(job_read(bytes.bytes, bytes.size, &copy));
        expect_same(&made.job, &copy.job);
        job_write(&copy.job, true, &again);
        CU_ASSERT(bytes.size == again.size && memcmp(bytes.bytes, again.bytes, bytes.size) == 0);
        bytes.size--; /* something is missing, and something is too much */
        CU_ASSERT_FALSE(reads(&bytes));
        buffer_add(&again, "", 1);
        CU_ASSERT_FALSE(reads(&again));
        buffer_free(&bytes);
        buffer_free(&again);
        job_free(&copy);
        made_free(&made);
    }
}

/* Damage is found, or does no harm: what is read can be made ready for the interpreter, and written as C. */
static void test_damaged(void) {
    static Made made;
    SuiteRandom random = {52};
    unsigned let_in = 0, rounds = 3000 * suite_multiplier();
    Buffer bytes = {0};
    for (unsigned round = 0; round < rounds; round++) {
        if (round % 100 == 0) {
            buffer_free(&bytes);
            make(&random, &made);
            job_write(&made.job, true, &bytes);
            made_free(&made);
        }
        char *damaged = malloc(bytes.size); /* of just its size, so that a sanitizer sees a byte read past it */
        memcpy(damaged, bytes.bytes, bytes.size);
        for (uint64_t i = 0, last = suite_bits(&random) % 3; i <= last; i++)
            damaged[suite_bits(&random) % bytes.size] = (char)(suite_bits(&random) >> 32);
        JobCopy copy;
        Buffer out = {0};
        bool good = job_read(damaged, bytes.size, &copy);
        let_in += good;
        for (uint32_t i = 0; good && i < copy.job.count; i++) {
            uint32_t work;
            if (copy.job.tape[i]) interp_free(interp_new(copy.job.tape[i], &work));
        }
        if (good) c_emit(&copy.job, &out);
        buffer_free(&out);
        job_free(&copy);
        free(damaged);
    }
    buffer_free(&bytes);
    CU_ASSERT(let_in > rounds / 50 && let_in < rounds);
}

static void test_refused(void) {
    const double derive[64] = {0};
    const double *table[LAG_ARRAY_COUNT] = {0};
    size_t size[LAG_ARRAY_COUNT];
    Tape tape = {0};
    const Tape *tapes = &tape;
    NativeJob job = {&tapes, name, 1, table, size};
    memcpy(size, sizes, sizeof size);
    TapeRef element = {.array = LAG_DERIVE}, nowhere = {.array = LAG_ARRAY_COUNT};
    tape_store(&tape, element, tape_load(&tape, (TapeRef){.array = LAG_Q}));
    expect_read(&job, true);
    table[LAG_DERIVE] = derive;
    expect_read(&job, false); /* what is known is not written to */
    table[LAG_DERIVE] = NULL;
    size[LAG_Z] = UINT32_MAX;
    expect_read(&job, true);
    size[LAG_Z]++; /* more than references reach */
    expect_read(&job, false);
    size[LAG_Z] = 40;
    tape.systems = 3;
    expect_read(&job, false);
    tape.systems = 8;
    expect_read(&job, true);
    tape_load(&tape, nowhere);
    tape.count--; /* a reference that no operation uses */
    expect_read(&job, false);
    tape_free(&tape);
}

void suite_job(void) {
    suite_add("native/job",
              (SuiteTest[]){{"written and read", test_written}, {"damaged", test_damaged}, {"refused", test_refused}, {0}});
}
