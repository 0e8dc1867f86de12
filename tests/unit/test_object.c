/* test_object.c: the loader on objects of both compilers, bit for bit against the interpreter; what debuggers see of it; and
 * where the system forbids what it would like to do. */
#include "object_makers.h"
#include "random_tape.h"
#include "tape_runs.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

/* ---- Values ---- */

static void expect_tcc_values(LagNative *run, bool last) {
    double q[2] = {0.75, -2.5}, w[13] = {0}, *array[24] = {[2] = q, [23] = w};
    volatile double x = q[0], y = q[1];
    run(NULL, array);
    double sin_x = native_function1(TAPE_SIN)(x), sin_y = native_function1(TAPE_SIN)(y);
    double expected[13] = {sin_x * 3,
                           native_function2(TAPE_HYPOT)(x, y) + 0.125,
                           5.25,
                           sin_x + sin_y,
                           4 * x,
                           sqrt(x),
                           2.5,
                           -1,
                           y,
                           x,
                           -x,
                           -0.0,
                           last ? -0.0 : 0.0};
    CU_ASSERT(same(w, expected, 13));
}

static void test_tcc(void) {
    const char *name[3] = {"f1", NULL, "f0"};
    Object object = tcc_object(tcc_source);
    ObjectCode *code;
    LagNative *run[3];
    char why[256], letters[5];
    CU_ASSERT_EQUAL_FATAL(object_load(object.bytes, object.size, name, 3, &code, run, why, sizeof why), LAG_OK);
    CU_ASSERT_PTR_NULL(run[1]);
    CU_ASSERT(object_bytes(code) > 500 && object_bytes(code) < object.size);
    expect_tcc_values(run[0], true);
    expect_tcc_values(run[2], false);
    permissions((void *)(uintptr_t)run[0], letters);
    CU_ASSERT_STRING_EQUAL(letters, "r-xp");
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    permissions((void *)((uintptr_t)run[0] / page * page + page), letters); /* the code is a page at most */
    CU_ASSERT_STRING_EQUAL(letters, "r--p");
    object_free(code);
    permissions((void *)(uintptr_t)run[0], letters);
    CU_ASSERT_STRING_EQUAL(letters, "");
    object_free(NULL);
    free(object.bytes);
}

static void expect_tape(const Tape *tape, LagNative *run, const Memory *before) {
    static Memory one, two;
    one = two = *before;
    interpret(tape, &one);
    execute(tape, run, &two);
    CU_ASSERT(same((double *)&one, (double *)&two, sizeof one / sizeof(double)));
}

static void test_llvm(void) {
    static Memory before;
    SuiteRandom random = {21};
    for (unsigned round = 0; round < 20 * suite_multiplier(); round++) {
        Tape tape[OBJECT_TAPES] = {0};
        for (size_t i = 0; i < sizeof before / sizeof(double); i++) ((double *)&before)[i] = suite_uniform(&random, -2, 2);
        for (int i = 0; i < OBJECT_TAPES; i++) {
            if (i % 5 == 4) write_padding(&tape[i]);
            random_tape(&random, size, i % 2 ? 60 : 10, i % 3 != 0, &tape[i]);
        }
        Object object = llvm_object(tape, OBJECT_TAPES, size, round % 2 ? LAG_BACKEND_LLVM : LAG_BACKEND_LLVM_QUICK);
        ObjectCode *code;
        LagNative *run[OBJECT_TAPES];
        char why[256];
        CU_ASSERT_EQUAL_FATAL(load(object, tape_names, OBJECT_TAPES, &code, run, why), LAG_OK);
        for (int i = 0; i < OBJECT_TAPES; i++) expect_tape(&tape[i], run[i], &before);
        if (round == 0) all(&tape[0], &before);
        object_free(code);
        free(object.bytes);
        for (int i = 0; i < OBJECT_TAPES; i++) tape_free(&tape[i]);
    }
}

static void test_all_codes(void) {
    static Memory before;
    for (int level = 0; level < 2; level++) {
        Tape tape = {0};
        ObjectCode *code;
        LagNative *run;
        char why[256];
        write_all_codes(&tape);
        before.q[0] = 0.7, before.q[1] = 0.4;
        Object object = llvm_object(&tape, 1, size, level ? LAG_BACKEND_LLVM : LAG_BACKEND_LLVM_QUICK);
        CU_ASSERT_EQUAL_FATAL(load(object, tape_names, 1, &code, &run, why), LAG_OK);
        expect_tape(&tape, run, &before);
        object_free(code);
        free(object.bytes);
        tape_free(&tape);
    }
}

/* ---- The system ---- */

/* gdb's list, as its documentation has it. */
extern struct GdbList {
    uint32_t version, action;
    const void *relevant;
    const struct GdbEntry {
        const struct GdbEntry *next, *previous;
        const char *elf;
        uint64_t size;
    } * first;
} __jit_debug_descriptor;

/* Three objects, freed in another order; the list has copies of them that say where they stand. */
static void test_gdb(void) {
    const char *name = "f0";
    Object object = call_object("lag_sin");
    ObjectCode *code[3];
    LagNative *run[3];
    char why[256];
    Elf64_Shdr text;
    const struct GdbList *list = &__jit_debug_descriptor;
    CU_ASSERT_EQUAL(list->version, 1);
    CU_ASSERT_PTR_NULL(list->first);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL_FATAL(load(object, &name, 1, &code[i], &run[i], why), LAG_OK);
        CU_ASSERT_PTR_NOT_NULL_FATAL(list->first);
        CU_ASSERT(list->first->size == object.size && !list->first->previous);
        memcpy(&text, list->first->elf + header_of(object, SHT_PROGBITS, 0), sizeof text);
        CU_ASSERT_EQUAL(text.sh_addr, (uintptr_t)run[i]);
    }
    const struct GdbEntry *last = list->first, *middle = last->next, *first = middle->next;
    object_free(code[1]);
    CU_ASSERT(list->first == last && last->next == first && first->previous == last && !first->next);
    object_free(code[2]);
    CU_ASSERT(list->first == first && !first->next && !first->previous);
    object_free(code[0]);
    CU_ASSERT(!list->first && !list->relevant && list->action == 0);
    free(object.bytes);
}

static Object shared_object; /* made before the fork: compilers have threads */

static int load_and_run(char letters[5]) {
    const char *name = "f0";
    ObjectCode *code;
    LagNative *run;
    char why[256];
    double q = 0.5, w = 0, *array[24] = {[2] = &q, [23] = &w};
    int lax = lax_mappings();
    if (object_load(shared_object.bytes, shared_object.size, &name, 1, &code, &run, why, sizeof why) != LAG_OK)
        return CHILD_BAD;
    run(NULL, array);
    permissions((void *)(uintptr_t)run, letters);
    bool good = w == native_function1(TAPE_SIN)(q) && lax_mappings() == lax;
    object_free(code);
    return good ? CHILD_GOOD : CHILD_BAD;
}

static int load_strictly(void) {
    char letters[5];
    if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0) return CHILD_CANNOT;
    int result = load_and_run(letters);
    return result == CHILD_GOOD && strcmp(letters, "r-xs") != 0 ? CHILD_BAD : result;
}

static int load_for_perf(void) {
    char letters[5], path[64], text[256] = "", name[32] = "";
    unsigned long long address = 0, length = 0;
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    setenv("LAG_PERF_MAP", "1", 1);
    int result = load_and_run(letters);
    FILE *in = fopen(path, "r");
    bool good = in && fgets(text, sizeof text, in) && sscanf(text, "%llx %llx %31s", &address, &length, name) == 3;
    if (in) fclose(in);
    unlink(path);
    return good && address && length && strcmp(name, "lag:f0") == 0 ? result : CHILD_BAD;
}

/* A link in that place, to a file that must stay as it is. */
static int load_for_perf_link(void) {
    char letters[5], path[64], target[] = "/tmp/lag-test-XXXXXX";
    struct stat is;
    int file = mkstemp(target);
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    setenv("LAG_PERF_MAP", "1", 1);
    bool good = file >= 0 && symlink(target, path) == 0 && load_and_run(letters) == CHILD_GOOD && fstat(file, &is) == 0;
    unlink(path);
    unlink(target);
    return good && is.st_size == 0 ? CHILD_GOOD : CHILD_BAD;
}

static void test_system(void) {
    shared_object = call_object("lag_sin");
    int strict = suite_in_child(load_strictly);
    if (strict == CHILD_CANNOT) printf("(no PR_SET_MDWE here) ");
    CU_ASSERT(strict == CHILD_GOOD || strict == CHILD_CANNOT);
    CU_ASSERT_EQUAL(suite_in_child(load_for_perf), CHILD_GOOD);
    CU_ASSERT_EQUAL(suite_in_child(load_for_perf_link), CHILD_GOOD);
    free(shared_object.bytes);
}

static void *load_often(void *object) {
    const char *name = "f0";
    for (int i = 0; i < 500; i++) {
        ObjectCode *code;
        LagNative *run;
        char why[256];
        double q = 0.5, w = 0, *array[24] = {[2] = &q, [23] = &w};
        if (object_load(((Object *)object)->bytes, ((Object *)object)->size, &name, 1, &code, &run, why, sizeof why) !=
            LAG_OK)
            return object;
        run(NULL, array);
        object_free(code);
        if (w != native_function1(TAPE_SIN)(q)) return object;
    }
    return NULL;
}

static void test_threads(void) {
    pthread_t thread[4];
    Object object = call_object("lag_sin");
    for (int i = 0; i < 4; i++) CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, load_often, &object), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong = NULL;
        pthread_join(thread[i], &wrong);
        CU_ASSERT_PTR_NULL(wrong);
    }
    free(object.bytes);
}

void suite_object(void) {
    suite_add("object", (SuiteTest[]){{"libtcc's", test_tcc},
                                      {"LLVM's", test_llvm},
                                      {"all codes", test_all_codes},
                                      {"gdb's list", test_gdb},
                                      {"system", test_system},
                                      {"threads", test_threads},
                                      {0}});
}
