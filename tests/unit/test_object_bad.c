/* test_object_bad.c: the loader on objects with one field wrong, and on thousands of damaged ones. */
#include "object_makers.h"

/* ---- Refusals ---- */

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
    const uint64_t far = UINT64_MAX / 2; /* what has no bytes may be anywhere; but no names are there */
    memcpy(object.bytes + bss + offsetof(Elf64_Shdr, sh_offset), &far, sizeof far);
    FIELD(0, Elf64_Ehdr, e_shstrndx, 3, "no names");
    FIELD(table, Elf64_Shdr, sh_link, 3, "table of symbols");
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
    const size_t size[LAG_ARRAY_COUNT] = {[LAG_Q] = 2, [LAG_JACOBIAN] = TAPE_CODE_COUNT};
    Tape tape = {0};
    SuiteRandom random = {22};
    unsigned count = 20 * 1000 * suite_multiplier(), accepted = 0, lax = 0;
    write_all_codes(&tape);
    Object from[4] = {llvm_object(&tape, 1, size, LAG_BACKEND_LLVM_QUICK), llvm_object(&tape, 1, size, LAG_BACKEND_LLVM),
                      tcc_object(tcc_source), call_object("lag_sin")};
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

void suite_object_bad(void) {
    suite_add("object/bad", (SuiteTest[]){{"symbols", test_symbols},
                                          {"headers", test_headers},
                                          {"relocations", test_relocations},
                                          {"absolute addresses", test_absolute},
                                          {"damage", test_damage},
                                          {0}});
}
