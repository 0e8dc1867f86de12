/* object.c: see object.h.
 *
 * What is loaded stands in one piece: the sections of code, then stubs; on pages of their own the constants, then slots. A
 * slot holds an address; a stub jumps to what its slot says, and so reaches a function of ours from code that can only jump
 * 2 GiB far. Sections that could be written to are constants here: generated code writes to no global. */
#include "native/object.h"

#include "native/debug.h"
#include "native/elf_read.h"
#include "native/native.h"
#include "native/pages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct ObjectCode {
    Pages pages;
    size_t bytes;
    DebugEntry *debug;
};

void object_free(ObjectCode *code) {
    if (!code) return;
    debug_unregister(code->debug);
    pages_free(&code->pages);
    memory_free(code);
}

size_t object_bytes(const ObjectCode *code) { return code->bytes; }

static LagStatus refuse(char *why, size_t why_size, const char *text) {
    snprintf(why, why_size, "%s", text);
    return LAG_ERROR_BACKEND;
}

#if defined(__x86_64__)

enum { STUB = 8, SLOT = 8 }; /* bytes */

typedef struct Loading {
    ElfObject elf;
    uint32_t *slot; /* [symbols] 1 + its number; 0: it has none */
    uint32_t slots;
    size_t first_stub, first_slot; /* where they begin, from the start of the code and of the constants */
    Pages pages;
    bool forbidden; /* the system did not let the code become executable */
    char *why;
    size_t why_size;
} Loading;

typedef LagStatus Visit(Loading *l, const ElfSection *section, Elf64_Rela relocation);

static LagStatus fail(Loading *l, const char *text) { return refuse(l->why, l->why_size, text); }

static LagStatus no_memory(Loading *l) {
    snprintf(l->why, l->why_size, "out of memory");
    return LAG_ERROR_MEMORY;
}

/* All relocations of what is loaded. */
static LagStatus visit_relocations(Loading *l, Visit *visit) {
    for (uint32_t i = 1; i < l->elf.sections; i++) {
        const ElfSection *table = &l->elf.section[i];
        if (table->header.sh_type != SHT_RELA) continue;
        const ElfSection *section = &l->elf.section[table->header.sh_info];
        uint32_t count = section->role == ELF_LEFT ? 0 : elf_relocations(table);
        for (uint32_t k = 0; k < count; k++) {
            LagStatus status = visit(l, section, elf_relocation(&l->elf, table, k));
            if (status != LAG_OK) return status;
        }
    }
    return LAG_OK;
}

/* ---- Addresses: all are where things will run, as numbers ---- */

static size_t offset_of(const Loading *l, const ElfSection *section) {
    return section->at + (section->role == ELF_CONSTANT ? l->pages.code : 0);
}

static uint64_t running(const Loading *l, size_t offset) { return (uint64_t)(uintptr_t)l->pages.run + offset; }

static size_t stub_offset(const Loading *l, uint32_t symbol) { return l->first_stub + (l->slot[symbol] - 1) * (size_t)STUB; }

static size_t slot_offset(const Loading *l, uint32_t symbol) {
    return l->pages.code + l->first_slot + (l->slot[symbol] - 1) * (size_t)SLOT;
}

/* Where a symbol stands: one that is not the object's own is far, and its stub is near. */
static LagStatus symbol_address(Loading *l, uint32_t i, bool near, uint64_t *address) {
    Elf64_Sym symbol;
    const char *name;
    if (!elf_symbol(&l->elf, i, &symbol, &name)) return fail(l, "a relocation has no symbol");
    uint32_t kind = ELF64_ST_TYPE(symbol.st_info);
    if (symbol.st_shndx == SHN_UNDEF) {
        *address = near ? running(l, stub_offset(l, i)) : native_address(name);
        if (*address) return LAG_OK;
        snprintf(l->why, l->why_size, "the object calls %.64s, which is no function of lag", name);
        return LAG_ERROR_BACKEND;
    }
    if (symbol.st_shndx >= l->elf.sections || kind == STT_TLS || kind == STT_GNU_IFUNC || kind == STT_COMMON)
        return fail(l, "a symbol is of a kind not known");
    const ElfSection *section = &l->elf.section[symbol.st_shndx];
    if (section->role == ELF_LEFT || symbol.st_value > section->header.sh_size)
        return fail(l, "a symbol is not in what is loaded");
    *address = running(l, offset_of(l, section) + symbol.st_value);
    return LAG_OK;
}

/* ---- Slots and stubs ---- */

static bool is_slot_kind(uint32_t kind) {
    return kind == R_X86_64_GOTPCREL || kind == R_X86_64_GOTPCRELX || kind == R_X86_64_REX_GOTPCRELX;
}

/* A Visit: gives a slot to what needs one. */
static LagStatus reserve(Loading *l, const ElfSection *section, Elf64_Rela relocation) {
    (void)section;
    uint32_t i = (uint32_t)ELF64_R_SYM(relocation.r_info), kind = ELF64_R_TYPE(relocation.r_info);
    Elf64_Sym symbol;
    const char *name;
    if (kind == R_X86_64_NONE) return LAG_OK;
    if (!elf_symbol(&l->elf, i, &symbol, &name)) return fail(l, "a relocation has no symbol");
    if (!l->slot[i] && (symbol.st_shndx == SHN_UNDEF || is_slot_kind(kind))) l->slot[i] = ++l->slots;
    return LAG_OK;
}

static LagStatus fill_slots(Loading *l) {
    for (uint32_t i = 0; i < l->elf.symbols; i++) {
        uint64_t address;
        if (!l->slot[i]) continue;
        LagStatus status = symbol_address(l, i, false, &address);
        if (status != LAG_OK) return status;
        uint8_t stub[STUB] = {0xff, 0x25, 0, 0, 0, 0, 0xcc, 0xcc}; /* jmp *slot(%rip), 6 bytes; int3, int3 */
        int32_t distance = (int32_t)(slot_offset(l, i) - (stub_offset(l, i) + 6));
        memcpy(stub + 2, &distance, sizeof distance);
        memcpy(l->pages.write + stub_offset(l, i), stub, sizeof stub);
        memcpy(l->pages.write + slot_offset(l, i), &address, sizeof address);
    }
    return LAG_OK;
}

/* ---- Relocations ---- */

static bool fits(uint64_t value, uint32_t kind) {
    if (kind == R_X86_64_64) return true;
    if (kind == R_X86_64_32) return value <= UINT32_MAX;
    return (int64_t)value >= INT32_MIN && (int64_t)value <= INT32_MAX;
}

/* A Visit: writes what one relocation says. Sums wrap as the machine's do; what comes out is checked. */
static LagStatus apply(Loading *l, const ElfSection *section, Elf64_Rela relocation) {
    uint32_t i = (uint32_t)ELF64_R_SYM(relocation.r_info), kind = ELF64_R_TYPE(relocation.r_info);
    size_t width = kind == R_X86_64_64 ? 8 : 4, room = section->header.sh_size;
    uint64_t value;
    if (kind == R_X86_64_NONE) return LAG_OK;
    if (room < width || relocation.r_offset > room - width) return fail(l, "a relocation is not within its section");
    size_t offset = offset_of(l, section) + relocation.r_offset;
    LagStatus status = symbol_address(l, i, kind != R_X86_64_64, &value);
    if (status != LAG_OK) return status;
    switch (kind) {
    case R_X86_64_64:
    case R_X86_64_32:
    case R_X86_64_32S: break;
    case R_X86_64_PC32:
    case R_X86_64_PLT32: value -= running(l, offset); break;
    case R_X86_64_GOTPCREL:
    case R_X86_64_GOTPCRELX:
    case R_X86_64_REX_GOTPCRELX: value = slot_offset(l, i) - offset; break;
    default: snprintf(l->why, l->why_size, "relocations of kind %u are not known", kind); return LAG_ERROR_BACKEND;
    }
    value += (uint64_t)relocation.r_addend;
    if (!fits(value, kind)) return fail(l, "a relocation's value does not fit");
    memcpy(l->pages.write + offset, &value, width); /* little end first */
    return LAG_OK;
}

/* ---- Placing ---- */

static LagStatus fill(Loading *l) {
    for (uint32_t i = 1; i < l->elf.sections; i++) {
        const ElfSection *section = &l->elf.section[i];
        if (section->role == ELF_LEFT || section->header.sh_size == 0) continue;
        memcpy(l->pages.write + offset_of(l, section), l->elf.bytes + section->header.sh_offset, section->header.sh_size);
    }
    LagStatus status = fill_slots(l);
    return status == LAG_OK ? visit_relocations(l, apply) : status;
}

static LagStatus put(Loading *l, bool twice) {
    size_t code = l->first_stub + l->slots * (size_t)STUB, constants = l->first_slot + l->slots * (size_t)SLOT;
    LagStatus status = LAG_OK;
    bool good = pages_new(code, constants, twice, &l->pages), made = good;
    int error = errno;
    if (good) {
        status = fill(l);
        if (status != LAG_OK) return pages_free(&l->pages), status;
        good = pages_seal(&l->pages);
        error = errno;
    }
    if (good) return LAG_OK;
    if (made) pages_free(&l->pages);
    l->forbidden = error != ENOMEM;
    return l->forbidden ? fail(l, "no executable memory is allowed here") : no_memory(l);
}

static LagStatus lay_out(Loading *l) {
    l->slot = memory_new(l->elf.symbols * sizeof *l->slot);
    if (!l->slot) return no_memory(l);
    LagStatus status = visit_relocations(l, reserve);
    l->first_stub = (l->elf.code + STUB - 1) / STUB * STUB;
    l->first_slot = (l->elf.constants + SLOT - 1) / SLOT * SLOT;
    return status;
}

/* ---- Functions ---- */

/* The functions by name. Compilers keep the order that they are asked for: each search goes on where the last one ended. */
static LagStatus find(Loading *l, const char *const *name, uint32_t count, LagNative **run, Buffer *lines) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t seen = 0; name[i] && !run[i] && seen < l->elf.symbols; seen++) {
            Elf64_Sym symbol;
            const char *text;
            uint64_t address;
            at = at + 1 < l->elf.symbols ? at + 1 : 0;
            elf_symbol(&l->elf, at, &symbol, &text);
            if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF ||
                symbol.st_shndx >= l->elf.sections || strcmp(text, name[i]) != 0)
                continue;
            const ElfSection *section = &l->elf.section[symbol.st_shndx];
            if (section->role != ELF_CODE || symbol.st_value >= section->header.sh_size) continue;
            address = running(l, offset_of(l, section) + symbol.st_value);
            run[i] = (LagNative *)(uintptr_t)address;
            if (lines) debug_perf_line(lines, text, (void *)(uintptr_t)address, symbol.st_size);
        }
        if (!name[i] || run[i]) continue;
        snprintf(l->why, l->why_size, "the object has no function %.64s", name[i]);
        return LAG_ERROR_BACKEND;
    }
    return LAG_OK;
}

/* A copy of the object in which its sections say where they stand, as gdb wants it. */
static DebugEntry *enter(const Loading *l) {
    uint8_t *copy = memory_new(l->elf.size);
    if (copy) memcpy(copy, l->elf.bytes, l->elf.size);
    for (uint32_t i = 1; i < l->elf.sections && copy; i++) {
        const ElfSection *section = &l->elf.section[i];
        Elf64_Addr address = section->role == ELF_LEFT ? 0 : running(l, offset_of(l, section));
        memcpy(copy + l->elf.section_headers + i * sizeof section->header + offsetof(Elf64_Shdr, sh_addr), &address,
               sizeof address);
    }
    return debug_register(copy, l->elf.size);
}

/* The functions are found before anything is promised: then nothing is left to go wrong. */
static LagStatus finish(Loading *l, const char *const *name, uint32_t count, ObjectCode **code, LagNative **run) {
    ObjectCode *made = memory_new(sizeof *made);
    LagNative **found = memory_new(count * sizeof *found);
    Buffer lines = {0};
    bool perf = debug_perf_wanted();
    LagStatus status = made && found ? find(l, name, count, found, perf ? &lines : NULL) : no_memory(l);
    if (status == LAG_OK) {
        if (perf) debug_perf_write(&lines);
        *made = (ObjectCode){.pages = l->pages, .bytes = l->elf.code + l->elf.constants, .debug = enter(l)};
        if (count) memcpy(run, found, count * sizeof *found);
        *code = made;
    } else {
        memory_free(made);
        pages_free(&l->pages);
    }
    buffer_free(&lines);
    memory_free(found);
    return status;
}

LagStatus object_load(const void *bytes, size_t size, const char *const *name, uint32_t count, ObjectCode **code,
                      LagNative **run, char *why, size_t why_size) {
    Loading l = {.why = why, .why_size = why_size};
    const char *reason;
    LagStatus status = elf_read(bytes, size, &l.elf, &reason);
    if (status != LAG_OK) snprintf(why, why_size, "%s", reason);
    if (status == LAG_OK) status = lay_out(&l);
    if (status == LAG_OK) status = put(&l, false);
    if (status != LAG_OK && l.forbidden) status = put(&l, true);
    if (status == LAG_OK) status = finish(&l, name, count, code, run);
    memory_free(l.slot);
    elf_free(&l.elf);
    return status;
}

#else

LagStatus object_load(const void *bytes, size_t size, const char *const *name, uint32_t count, ObjectCode **code,
                      LagNative **run, char *why, size_t why_size) {
    (void)bytes, (void)size, (void)name, (void)count, (void)code, (void)run;
    return refuse(why, why_size, "no loader for this machine");
}

#endif
