/* test_object.c: the loader on objects of both compilers, bit for bit against the interpreter; on objects with one field
 * wrong; on thousands of damaged ones; and where the system forbids what it would like to do. */
#include "native/backend.h"
#include "native/debug.h"
#include "native/object.h"
#include "random_tape.h"
#include "tape_runs.h"

#include <elf.h>
#include <libtcc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

/* ---- Objects ---- */

typedef struct Object {
    uint8_t *bytes;
    size_t size;
} Object;

enum { OBJECT_TAPES = 20 };
static char tape_name[OBJECT_TAPES][16];
static const char *tape_names[OBJECT_TAPES];

static Object llvm_object(const Tape *tape, uint32_t count, const double *derive, LagBackend road) {
    const Tape *tapes[OBJECT_TAPES];
    const double *table[LAG_ARRAY_COUNT] = {[LAG_DERIVE] = derive};
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

static Object tcc_object(const char *source) {
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

static Object call_object(const char *name) {
    char source[256];
    snprintf(source, sizeof source,
             "double %s(double);\nvoid f0(const void *c, double *const *a) { a[23][0] = %s(a[2][0]); }\n", name, name);
    return tcc_object(source);
}

/* A reason comes with every failure, and nothing else is touched. */
static LagStatus load(Object object, const char *const *name, uint32_t count, ObjectCode **code, LagNative **run,
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

static void expect_refused(Object object, const char *reason) {
    const char *name = "f0";
    ObjectCode *code;
    LagNative *run;
    char why[256];
    LagStatus status = load(object, &name, 1, &code, &run, why);
    CU_ASSERT_EQUAL(status, LAG_ERROR_BACKEND);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, reason));
    if (!strstr(why, reason)) printf("\n    '%s' has no '%s'", why, reason);
    object_free(code);
}

/* The letters of the permissions of the mapping that an address is in. */
static void permissions(const void *address, char letters[5]) {
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
static int lax_mappings(void) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[1024], found[5];
    int count = 0;
    while (maps && fgets(line, sizeof line, maps))
        count += sscanf(line, "%*s %4s", found) == 1 && found[1] == 'w' && found[2] == 'x';
    if (maps) fclose(maps);
    return count;
}

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
        Object object = llvm_object(tape, OBJECT_TAPES, NULL, round % 2 ? LAG_BACKEND_LLVM : LAG_BACKEND_LLVM_QUICK);
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

/* Many constants, in a table of their own, and calls of every function. */
static void write_all_codes(Tape *tape) {
    TapeValue sum = tape_load(tape, at(LAG_Q, 0, 0, 0)), y = tape_load(tape, at(LAG_Q, 1, 0, 0));
    for (int i = 0; i < 200; i++) sum = tape_binary(tape, TAPE_MUL, sum, tape_constant(tape, 1 + 1e-5 * i));
    for (int i = TAPE_ADD; i < TAPE_CODE_COUNT; i++) {
        TapeCode code = (TapeCode)i;
        TapeValue value = tape_operands(code) == 1 ? tape_unary(tape, code, y) : tape_binary(tape, code, sum, y);
        tape_store(tape, at(LAG_JACOBIAN, (uint32_t)i, 0, 0), value);
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
        Object object = llvm_object(&tape, 1, NULL, level ? LAG_BACKEND_LLVM : LAG_BACKEND_LLVM_QUICK);
        CU_ASSERT_EQUAL_FATAL(load(object, tape_names, 1, &code, &run, why), LAG_OK);
        expect_tape(&tape, run, &before);
        object_free(code);
        free(object.bytes);
        tape_free(&tape);
    }
}

/* ---- Refusals ---- */

static void test_symbols(void) {
    const char *const unknown[] = {"memcpy", "sin", "lag_sine", "lag_", "lag_neg", "lag_session_new", "dlsym"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        Object object = call_object(unknown[i]);
        expect_refused(object, unknown[i]);
        free(object.bytes);
    }
    Object object = tcc_object("void g0(const void *c, double *const *a) {} double f0 = 1.0;");
    expect_refused(object, "no function f0");
    free(object.bytes);
    object = tcc_object("double kept; void f0(const void *c, double *const *a) { kept = 1.0; }");
    expect_refused(object, "memory of its own");
    free(object.bytes);
}

/* Where in an object the header of the section of a type is, the n-th of them. */
static size_t header_of(Object object, uint32_t type, int n) {
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

static size_t content_of(Object object, uint32_t type, int n) {
    Elf64_Shdr section;
    memcpy(&section, object.bytes + header_of(object, type, n), sizeof section);
    return section.sh_offset;
}

/* One field overwritten, and put back. */
static void expect_field(Object object, size_t at_byte, size_t width, uint64_t value, const char *reason) {
    uint64_t kept;
    memcpy(&kept, object.bytes + at_byte, width);
    memcpy(object.bytes + at_byte, &value, width);
    expect_refused(object, reason);
    memcpy(object.bytes + at_byte, &kept, width);
}

#define FIELD(where, Type, field, value, reason)                                                                            \
    expect_field(object, (where) + offsetof(Type, field), sizeof((Type *)0)->field, (uint64_t)(value), reason)

static void test_headers(void) {
    Object object = call_object("lag_sin");
    size_t text = header_of(object, SHT_PROGBITS, 0), table = header_of(object, SHT_SYMTAB, 0);
    size_t rela = header_of(object, SHT_RELA, 0), bss = header_of(object, SHT_NOBITS, 0);
    FIELD(0, Elf64_Ehdr, e_ident[EI_MAG1], 'e', "no ELF");
    FIELD(0, Elf64_Ehdr, e_ident[EI_CLASS], ELFCLASS32, "no ELF");
    FIELD(0, Elf64_Ehdr, e_type, ET_DYN, "no relocatable");
    FIELD(0, Elf64_Ehdr, e_machine, EM_AARCH64, "no relocatable");
    FIELD(0, Elf64_Ehdr, e_shentsize, 63, "no sections");
    FIELD(0, Elf64_Ehdr, e_shnum, 0, "no sections");
    FIELD(0, Elf64_Ehdr, e_shnum, 0xfeff, "past its end");
    FIELD(0, Elf64_Ehdr, e_shoff, -1, "past its end");
    FIELD(0, Elf64_Ehdr, e_shoff, object.size - 63, "past its end");
    FIELD(0, Elf64_Ehdr, e_shstrndx, 200, "no names");
    FIELD(0, Elf64_Ehdr, e_shstrndx, 1, "no names");
    FIELD(text, Elf64_Shdr, sh_offset, -1, "past the object's end");
    FIELD(text, Elf64_Shdr, sh_size, -1, "past the object's end");
    FIELD(text, Elf64_Shdr, sh_size, object.size - 64, "larger than itself");
    FIELD(text, Elf64_Shdr, sh_addralign, 3, "alignment");
    FIELD(text, Elf64_Shdr, sh_addralign, 1 << 13, "alignment");
    FIELD(text, Elf64_Shdr, sh_flags, SHF_ALLOC | SHF_EXECINSTR | SHF_WRITE, "can be written");
    FIELD(text, Elf64_Shdr, sh_flags, SHF_ALLOC | SHF_EXECINSTR | SHF_TLS, "thread-local");
    FIELD(text, Elf64_Shdr, sh_flags, SHF_ALLOC, "no function");
    FIELD(text, Elf64_Shdr, sh_flags, 0, "no function");
    FIELD(text, Elf64_Shdr, sh_type, SHT_INIT_ARRAY, "kind not known");
    FIELD(text, Elf64_Shdr, sh_name, -1, "no name");
    FIELD(bss, Elf64_Shdr, sh_size, 1, "memory of its own");
    FIELD(table, Elf64_Shdr, sh_entsize, 8, "table of symbols");
    FIELD(table, Elf64_Shdr, sh_link, 1, "table of symbols");
    FIELD(table, Elf64_Shdr, sh_link, -1, "table of symbols");
    FIELD(table, Elf64_Shdr, sh_size, 25, "table of symbols");
    FIELD(table, Elf64_Shdr, sh_size, 24, "relocation has no symbol");
    FIELD(table, Elf64_Shdr, sh_type, SHT_PROGBITS, "no symbols");
    FIELD(rela, Elf64_Shdr, sh_type, SHT_SYMTAB, "two tables");
    FIELD(rela, Elf64_Shdr, sh_type, SHT_REL, "table of relocations");
    FIELD(rela, Elf64_Shdr, sh_entsize, 16, "table of relocations");
    FIELD(rela, Elf64_Shdr, sh_size, 23, "table of relocations");
    FIELD(rela, Elf64_Shdr, sh_link, 1, "table of relocations");
    FIELD(rela, Elf64_Shdr, sh_info, -1, "of no section");
    for (size_t length = 0; length < object.size; length++) /* what is missing at the end are names of sections, at least */
        expect_refused((Object){object.bytes, length}, "");
    free(object.bytes);
}

static void test_relocations(void) {
    Object object = call_object("lag_sin");
    size_t first = content_of(object, SHT_RELA, 0), symbols = content_of(object, SHT_SYMTAB, 0);
    Elf64_Rela r;
    memcpy(&r, object.bytes + first, sizeof r);
    size_t symbol = symbols + ELF64_R_SYM(r.r_info) * sizeof(Elf64_Sym);
    const uint64_t of = ELF64_R_SYM(r.r_info);
    const uint32_t unknown[] = {
        R_X86_64_COPY, R_X86_64_RELATIVE, R_X86_64_TPOFF32, R_X86_64_PC8, R_X86_64_IRELATIVE, 200, -1u};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        FIELD(first, Elf64_Rela, r_info, ELF64_R_INFO(of, unknown[i]), "not known");
    FIELD(first, Elf64_Rela, r_info, ELF64_R_INFO(-1u, R_X86_64_PLT32), "no symbol");
    FIELD(first, Elf64_Rela, r_info, ELF64_R_INFO(of, R_X86_64_32), "does not fit");
    FIELD(first, Elf64_Rela, r_info, ELF64_R_INFO(of, R_X86_64_32S), "does not fit");
    FIELD(first, Elf64_Rela, r_offset, -1, "within its section");
    FIELD(first, Elf64_Rela, r_offset, -4, "within its section");
    FIELD(first, Elf64_Rela, r_addend, INT64_MAX, "does not fit");
    FIELD(first, Elf64_Rela, r_addend, (int64_t)1 << 31, "does not fit");
    FIELD(symbol, Elf64_Sym, st_name, -1, "no function of lag");
    FIELD(symbol, Elf64_Sym, st_shndx, SHN_ABS, "kind not known");
    FIELD(symbol, Elf64_Sym, st_shndx, SHN_COMMON, "kind not known");
    FIELD(symbol, Elf64_Sym, st_shndx, SHN_XINDEX, "kind not known");
    FIELD(symbol, Elf64_Sym, st_shndx, 5, "not in what is loaded");
    free(object.bytes);
}

/* An address as 32 bits: fits where the addend takes it down, as it never does by itself here; and as 64 always. */
static void test_absolute(void) {
    Object object = tcc_object("static const double c[2] = {3.0, 4.0}; const double *const p = c;\n"
                               "void f0(const void *code, double *const *a) { a[23][0] = p[1]; }");
    size_t first = content_of(object, SHT_RELA, 0);
    Elf64_Rela r;
    memcpy(&r, object.bytes + first, sizeof r);
    CU_ASSERT_EQUAL(ELF64_R_TYPE(r.r_info), R_X86_64_64);
    FIELD(first, Elf64_Rela, r_info, ELF64_R_INFO(ELF64_R_SYM(r.r_info), R_X86_64_32), "does not fit");
    Elf64_Shdr data;
    memcpy(&data, object.bytes + header_of(object, SHT_PROGBITS, 1), sizeof data);
    FIELD(first, Elf64_Rela, r_offset, data.sh_size - 7, "within its section");
    free(object.bytes);
}

/* ---- Damage ---- */

static uint64_t below(SuiteRandom *random, uint64_t bound) { return bound ? suite_bits(random) % bound : 0; }

/* Half of all damage is done where numbers are: headers, symbols and relocations. */
static size_t somewhere(SuiteRandom *random, Object object, size_t width) {
    Elf64_Ehdr header;
    memcpy(&header, object.bytes, sizeof header);
    size_t place = below(random, object.size - width), kind = below(random, 8);
    if (kind == 0) place = below(random, sizeof header);
    if (kind == 1 || kind == 2) place = header.e_shoff + below(random, header.e_shnum * sizeof(Elf64_Shdr));
    if (kind == 3) place = content_of(object, SHT_SYMTAB, 0) + below(random, 200);
    if (kind == 4) place = content_of(object, SHT_RELA, 0) + below(random, 100);
    place -= kind % 2 ? place % width : 0;
    return place + width <= object.size ? place : object.size - width;
}

static void overwrite(SuiteRandom *random, Object whole, Object object) {
    static const size_t widths[] = {1, 2, 4, 8};
    size_t width = widths[below(random, 4)];
    const uint64_t values[] = {0,
                               1,
                               -1ull,
                               0x7fffffff,
                               0x80000000,
                               1ull << 63,
                               object.size,
                               object.size - 1,
                               object.size - 64,
                               below(random, 64),
                               below(random, object.size),
                               suite_bits(random)};
    uint64_t value = values[below(random, sizeof values / sizeof *values)];
    size_t place = somewhere(random, whole, width);
    if (place + width <= object.size) memcpy(object.bytes + place, &value, width);
}

static void splice(SuiteRandom *random, Object from, Object object) {
    size_t length = 1 + below(random, below(random, 2) ? 64 : 400);
    if (length >= object.size || length >= from.size) return;
    memmove(object.bytes + below(random, object.size - length), from.bytes + below(random, from.size - length), length);
}

/* A damaged copy of one of the objects, in memory of just its size. */
static Object damage(SuiteRandom *random, const Object *from, int count) {
    Object whole = from[below(random, count)];
    Object object = {NULL, below(random, 8) ? whole.size : 1 + below(random, whole.size - 1)};
    object.bytes = malloc(object.size);
    memcpy(object.bytes, whole.bytes, object.size);
    for (uint64_t times = 1 + below(random, 4); times; times--) {
        size_t place = somewhere(random, whole, 1);
        switch (below(random, 4)) {
        case 0: splice(random, from[below(random, count)], object); break;
        case 1:
            if (place < object.size) object.bytes[place] ^= (uint8_t)(1 << below(random, 8));
            break;
        default: overwrite(random, whole, object);
        }
    }
    return object;
}

/* The numbers go to standard output: how much of it was let in is worth a look. */
static void test_damage(void) {
    Tape tape = {0};
    SuiteRandom random = {22};
    unsigned count = 20 * 1000 * suite_multiplier(), accepted = 0, lax = 0;
    write_all_codes(&tape);
    Object from[4] = {llvm_object(&tape, 1, NULL, LAG_BACKEND_LLVM_QUICK),
                      llvm_object(&tape, 1, NULL, LAG_BACKEND_LLVM), tcc_object(tcc_source), call_object("lag_sin")};
    const char *names[4] = {"tape0", "tape0", "f0", "f0"};
    int before = lax_mappings();
    for (unsigned i = 0; i < count; i++) {
        ObjectCode *code = NULL;
        LagNative *run;
        char why[64];
        Object object = damage(&random, from, 4);
        const char *name = names[below(&random, 4)];
        if (object_load(object.bytes, object.size, &name, 1, &code, &run, why, sizeof why) == LAG_OK) accepted++;
        if (code && accepted % 16 == 0) lax += lax_mappings() != before;
        object_free(code);
        free(object.bytes);
    }
    printf("%u of %u let in ", accepted, count);
    CU_ASSERT_EQUAL(lax, 0);
    CU_ASSERT(accepted > count / 50 && accepted < count / 2);
    for (int i = 0; i < 4; i++) free(from[i].bytes);
    tape_free(&tape);
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

/* What a child process says: its exit status; 255 if it fell. */
static int in_child(int (*act)(void)) {
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(act());
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 255;
    return WEXITSTATUS(status);
}

static Object shared_object; /* made before the fork: compilers have threads */

enum { CHILD_GOOD, CHILD_BAD, CHILD_CANNOT };

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
    int strict = in_child(load_strictly);
    if (strict == CHILD_CANNOT) printf("(no PR_SET_MDWE here) ");
    CU_ASSERT(strict == CHILD_GOOD || strict == CHILD_CANNOT);
    CU_ASSERT_EQUAL(in_child(load_for_perf), CHILD_GOOD);
    CU_ASSERT_EQUAL(in_child(load_for_perf_link), CHILD_GOOD);
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
                                      {"symbols", test_symbols},
                                      {"headers", test_headers},
                                      {"relocations", test_relocations},
                                      {"absolute addresses", test_absolute},
                                      {"damage", test_damage},
                                      {"gdb's list", test_gdb},
                                      {"system", test_system},
                                      {"threads", test_threads},
                                      {0}});
}
