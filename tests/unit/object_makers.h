/* object_makers.h: objects to load, of both compilers, and what is to be seen of them once they are, for tests. */
#ifndef LAG_TESTS_OBJECT_MAKERS_H
#define LAG_TESTS_OBJECT_MAKERS_H

#include "native/backend.h"
#include "native/object.h"
#include "suite.h"
#include "tape_writing.h"

#include <elf.h>
#include <libtcc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Object {
    uint8_t *bytes;
    size_t size;
} Object;

enum { OBJECT_TAPES = 20 };
static char tape_name[OBJECT_TAPES][16];
static const char *tape_names[OBJECT_TAPES];

static inline Object llvm_object(const Tape *tape, uint32_t count, const size_t *size, LagBackend road) {
    const Tape *tapes[OBJECT_TAPES];
    const double *table[LAG_ARRAY_COUNT] = {0};
    BackendTask task;
    LagTimings timings = {0};
    char why[256];
    Buffer out = {0};
    for (uint32_t i = 0; i < count; i++) {
        snprintf(tape_name[i], sizeof tape_name[i], "tape%u", i);
        tape_names[i] = tape_name[i], tapes[i] = &tape[i];
    }
    NativeJob job = {tapes, tape_names, count, table, size};
    CU_ASSERT_EQUAL_FATAL(backend_begin(&job, road, BACKEND_OBJECT, -1, &task, why, sizeof why), LAG_OK);
    CU_ASSERT_EQUAL_FATAL(backend_end(&task, -1, &timings, &out, why, sizeof why), LAG_OK);
    Object object = {malloc(out.size), out.size};
    memcpy(object.bytes, out.bytes, out.size);
    buffer_free(&out);
    return object;
}

static inline Object tcc_object(const char *source) {
    Object object = {NULL, 0};
    char path[64];
    struct stat is;
    int file = memfd_create("object", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    TCCState *state = tcc_new();
    tcc_set_options(state, "-nostdlib -nostdinc");
    tcc_set_output_type(state, TCC_OUTPUT_OBJ);
    CU_ASSERT_EQUAL_FATAL(tcc_compile_string(state, source), 0);
    CU_ASSERT_EQUAL_FATAL(tcc_output_file(state, path), 0);
    tcc_delete(state);
    CU_ASSERT_EQUAL_FATAL(fstat(file, &is), 0);
    object.size = (size_t)is.st_size;
    object.bytes = malloc(object.size);
    CU_ASSERT_EQUAL(pread(file, object.bytes, object.size, 0), is.st_size);
    close(file);
    return object;
}

/* Constants, calls near and far, tables, addresses of functions and of data: every relocation that libtcc makes. */
static const char tcc_source[] =
    "double lag_sin(double), lag_hypot(double, double), lag_sqrt(double);\n"
    "double lag_abs(double), lag_sign(double), lag_min(double, double), lag_max(double, double);\n"
    "const double shown[4] = {1.5, 2.5, 0x1p-3, 7};\n"
    "static const double hidden[2] = {0x1.8p-1, -0.0};\n"
    "const double *const pointer[2] = {hidden, shown};\n"
    "double (*const function)(double) = lag_sin;\n"
    "static double twice(double x) { return 2.0 * x; }\n"
    "void f0(const void *code, double *const *a) {\n"
    "    double *w = a[23], x = a[2][0], y = a[2][1];\n"
    "    double (*other)(double) = twice, (*far)(double) = lag_sin;\n"
    "    w[0] = lag_sin(x) * 0x1.8p+1;\n"
    "    w[1] = lag_hypot(x, y) + shown[2];\n"
    "    w[2] = pointer[0][0] * pointer[1][3];\n"
    "    w[3] = function(x) + far(y);\n"
    "    w[4] = other(twice(x));\n"
    "    w[5] = lag_sqrt(x); w[6] = lag_abs(y); w[7] = lag_sign(y);\n"
    "    w[8] = lag_min(x, y); w[9] = lag_max(x, y); w[10] = -x; w[11] = x < y ? 1.0 : -0.0;\n"
    "}\n"
    "void f1(const void *code, double *const *a) { f0(code, a); a[23][12] = hidden[1]; }\n";

static inline Object call_object(const char *name) {
    char source[256];
    snprintf(source, sizeof source,
             "double %s(double);\nvoid f0(const void *c, double *const *a) { a[23][0] = %s(a[2][0]); }\n", name, name);
    return tcc_object(source);
}

/* A reason comes with every failure, and nothing else is touched. */
static inline LagStatus load(Object object, const char *const *name, uint32_t count, ObjectCode **code, LagNative **run,
                             char why[256]) {
    LagNative *const untouched = (LagNative *)(uintptr_t)&load;
    *why = 0;
    *code = NULL;
    for (uint32_t i = 0; i < count; i++) run[i] = untouched;
    LagStatus status = object_load(object.bytes, object.size, name, count, code, run, why, 256);
    CU_ASSERT_EQUAL(status == LAG_OK, *code != NULL);
    CU_ASSERT_EQUAL(status == LAG_OK, *why == 0);
    CU_ASSERT(status == LAG_OK || status == LAG_ERROR_BACKEND);
    for (uint32_t i = 0; i < count; i++) CU_ASSERT_EQUAL(run[i] == untouched, status != LAG_OK);
    return status;
}

/* The letters of the permissions of the mapping that an address is in. */
static inline void permissions(const void *address, char letters[5]) {
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long long first, end;
    char line[1024], found[5];
    strcpy(letters, "");
    while (maps && fgets(line, sizeof line, maps))
        if (sscanf(line, "%llx-%llx %4s", &first, &end, found) == 3 && first <= (uintptr_t)address &&
            (uintptr_t)address < end)
            memcpy(letters, found, sizeof found);
    if (maps) fclose(maps);
}

/* Mappings that are both writable and executable. */
static inline int lax_mappings(void) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[1024], found[5];
    int count = 0;
    while (maps && fgets(line, sizeof line, maps))
        count += sscanf(line, "%*s %4s", found) == 1 && found[1] == 'w' && found[2] == 'x';
    if (maps) fclose(maps);
    return count;
}

/* Many constants, in a table of their own, and calls of every function. */
static inline void write_all_codes(Tape *tape) {
    TapeValue sum = tape_load(tape, (TapeRef){LAG_Q, 0, {0}}), y = tape_load(tape, (TapeRef){LAG_Q, 1, {0}});
    for (int i = 0; i < 200; i++) sum = tape_binary(tape, TAPE_MUL, sum, tape_constant(tape, 1 + 1e-5 * i));
    for (int i = TAPE_ADD; i < TAPE_CODE_COUNT; i++) {
        TapeCode code = (TapeCode)i;
        TapeValue value = write_operation(tape, code, (TapeValue[]){tape_operands(code) == 1 ? y : sum, y, sum});
        tape_store(tape, (TapeRef){LAG_JACOBIAN, (uint32_t)i, {0}}, value);
    }
}

/* Where in an object the header of the section of a type is, the n-th of them. */
static inline size_t header_of(Object object, uint32_t type, int n) {
    Elf64_Ehdr header;
    memcpy(&header, object.bytes, sizeof header);
    for (uint32_t i = 1; i < header.e_shnum; i++) {
        Elf64_Shdr section;
        size_t at_byte = header.e_shoff + i * sizeof section;
        memcpy(&section, object.bytes + at_byte, sizeof section);
        if (section.sh_type == type && n-- == 0) return at_byte;
    }
    CU_FAIL_FATAL("no such section");
    return 0;
}

static inline size_t content_of(Object object, uint32_t type, int n) {
    Elf64_Shdr section;
    memcpy(&section, object.bytes + header_of(object, type, n), sizeof section);
    return section.sh_offset;
}

#endif
