/* elf_read.c: see elf_read.h. Nothing in the bytes is believed and nothing is read in place: they may be unaligned, and any
 * field may be any number. Work and memory are bounded by the size: sections may not add up to more than the file. */
#include "native/elf_read.h"

#include "base/memory.h"

#include <string.h>

enum { SIZE_MOST = 1 << 28, ALIGN_MOST = 4096, ROOM_MORE = 1 << 16 }; /* bytes; so distances are far below 2 GiB */

static LagStatus refuse(const char **why, const char *text) {
    *why = text;
    return LAG_ERROR_BACKEND;
}

/* ---- The header ---- */

static LagStatus read_header(ElfObject *o, Elf64_Ehdr *header, const char **why) {
    if (o->size < sizeof *header) return refuse(why, "the object is too short");
    memcpy(header, o->bytes, sizeof *header);
    const uint8_t *ident = header->e_ident;
    if (memcmp(ident, ELFMAG, SELFMAG) != 0 || ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB ||
        ident[EI_VERSION] != EV_CURRENT)
        return refuse(why, "this is no ELF object of 64 bits");
    if (header->e_type != ET_REL || header->e_machine != EM_X86_64 || header->e_version != EV_CURRENT)
        return refuse(why, "this is no relocatable object for x86-64");
    if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shnum == 0 || header->e_shnum >= SHN_LORESERVE)
        return refuse(why, "the object has no sections that can be read");
    if (header->e_shoff > o->size || header->e_shnum > (o->size - header->e_shoff) / sizeof(Elf64_Shdr))
        return refuse(why, "the object's section headers are past its end");
    if (header->e_shstrndx >= header->e_shnum) return refuse(why, "the object's sections have no names");
    return LAG_OK;
}

/* ---- Sections ---- */

/* A table of texts, which must end with a NUL. */
static bool read_texts(const ElfObject *o, uint32_t section, const char **texts, size_t *size) {
    const Elf64_Shdr *header = &o->section[section < o->sections ? section : 0].header;
    if (section >= o->sections || header->sh_type != SHT_STRTAB || header->sh_size == 0) return false;
    *texts = (const char *)o->bytes + header->sh_offset; /* not before: of other types the offset may be anything */
    *size = header->sh_size;
    return (*texts)[*size - 1] == 0;
}

/* What becomes of a section that wants to be in memory. Tables for unwinding are of no use: nothing throws. */
static LagStatus choose_role(ElfSection *s, const char *name, const char **why) {
    uint64_t flags = s->header.sh_flags;
    uint32_t type = s->header.sh_type;
    s->role = ELF_LEFT;
    if (!(flags & SHF_ALLOC) || type == SHT_NOTE || type == SHT_X86_64_UNWIND || strcmp(name, ".eh_frame") == 0)
        return LAG_OK;
    if (type == SHT_NOBITS && s->header.sh_size) return refuse(why, "the object wants memory of its own to write to");
    if (type != SHT_PROGBITS && type != SHT_NOBITS) return refuse(why, "the object has a section of a kind not known");
    if (flags & (SHF_TLS | SHF_COMPRESSED)) return refuse(why, "the object has thread-local or compressed sections");
    if ((flags & SHF_EXECINSTR) && (flags & SHF_WRITE)) return refuse(why, "the object wants code that can be written");
    s->role = flags & SHF_EXECINSTR ? ELF_CODE : ELF_CONSTANT;
    return LAG_OK;
}

static LagStatus place(ElfObject *o, ElfSection *s, const char **why) {
    uint64_t align = s->header.sh_addralign ? s->header.sh_addralign : 1;
    size_t *end = s->role == ELF_CODE ? &o->code : &o->constants;
    if (align > ALIGN_MOST || (align & (align - 1))) return refuse(why, "a section's alignment is not one");
    s->at = (*end + align - 1) & ~(size_t)(align - 1);
    *end = s->at + s->header.sh_size; /* at most the file's size, and an alignment for each section */
    if (o->code + o->constants > 2 * o->size + ROOM_MORE) return refuse(why, "the object's sections want too much room");
    return LAG_OK;
}

static LagStatus read_sections(ElfObject *o, const Elf64_Ehdr *header, const char **why) {
    const char *texts;
    size_t texts_size, total = 0;
    o->section = memory_new(header->e_shnum * sizeof *o->section);
    if (!o->section) return LAG_ERROR_MEMORY;
    o->sections = header->e_shnum;
    o->section_headers = header->e_shoff;
    for (uint32_t i = 0; i < o->sections; i++) {
        Elf64_Shdr *h = &o->section[i].header;
        memcpy(h, o->bytes + header->e_shoff + i * sizeof *h, sizeof *h);
        if (h->sh_type == SHT_NULL || h->sh_type == SHT_NOBITS) continue;
        if (h->sh_offset > o->size || h->sh_size > o->size - h->sh_offset)
            return refuse(why, "a section is past the object's end");
        total += h->sh_size; /* each at most the file's size, and there are few */
        if (total > o->size) return refuse(why, "the object's sections are larger than itself");
    }
    if (!read_texts(o, header->e_shstrndx, &texts, &texts_size)) return refuse(why, "the object's sections have no names");
    for (uint32_t i = 1; i < o->sections; i++) {
        ElfSection *s = &o->section[i];
        if (s->header.sh_name >= texts_size) return refuse(why, "a section has no name");
        LagStatus status = choose_role(s, texts + s->header.sh_name, why);
        if (status == LAG_OK && s->role != ELF_LEFT) status = place(o, s, why);
        if (status != LAG_OK) return status;
    }
    return LAG_OK;
}

/* ---- Symbols and relocations ---- */

static LagStatus read_symbols(ElfObject *o, const char **why) {
    for (uint32_t i = 1; i < o->sections; i++) {
        const Elf64_Shdr *h = &o->section[i].header;
        if (h->sh_type != SHT_SYMTAB) continue;
        if (o->symbol_table) return refuse(why, "the object has two tables of symbols");
        if (h->sh_entsize != sizeof(Elf64_Sym) || h->sh_size % sizeof(Elf64_Sym) ||
            !read_texts(o, h->sh_link, &o->names, &o->names_size))
            return refuse(why, "the object's table of symbols is not one");
        o->symbol_table = i;
        o->symbols = (uint32_t)(h->sh_size / sizeof(Elf64_Sym));
    }
    return o->symbol_table ? LAG_OK : refuse(why, "the object has no symbols");
}

/* A section that is to be loaded is relocated by tables of this one form. */
static LagStatus check_relocations(const ElfObject *o, const char **why) {
    for (uint32_t i = 1; i < o->sections; i++) {
        const Elf64_Shdr *h = &o->section[i].header;
        if (h->sh_type != SHT_RELA && h->sh_type != SHT_REL) continue;
        if (h->sh_info >= o->sections) return refuse(why, "relocations are of no section");
        if (o->section[h->sh_info].role == ELF_LEFT) continue;
        if (h->sh_type != SHT_RELA || h->sh_link != o->symbol_table || h->sh_entsize != sizeof(Elf64_Rela) ||
            h->sh_size % sizeof(Elf64_Rela))
            return refuse(why, "a table of relocations is not one");
    }
    return LAG_OK;
}

LagStatus elf_read(const void *bytes, size_t size, ElfObject *object, const char **why) {
    Elf64_Ehdr header;
    *object = (ElfObject){.bytes = bytes, .size = size};
    *why = "out of memory";
    if (size > SIZE_MOST) return refuse(why, "the object is too long");
    LagStatus status = read_header(object, &header, why);
    if (status == LAG_OK) status = read_sections(object, &header, why);
    if (status == LAG_OK) status = read_symbols(object, why);
    if (status == LAG_OK) status = check_relocations(object, why);
    return status;
}

void elf_free(ElfObject *object) { memory_free(object->section); }

bool elf_symbol(const ElfObject *object, uint32_t i, Elf64_Sym *symbol, const char **name) {
    if (i >= object->symbols) return false;
    memcpy(symbol, object->bytes + object->section[object->symbol_table].header.sh_offset + i * sizeof *symbol,
           sizeof *symbol);
    *name = symbol->st_name < object->names_size ? object->names + symbol->st_name : "";
    return true;
}

uint32_t elf_relocations(const ElfSection *section) { return (uint32_t)(section->header.sh_size / sizeof(Elf64_Rela)); }

Elf64_Rela elf_relocation(const ElfObject *object, const ElfSection *section, uint32_t i) {
    Elf64_Rela relocation;
    memcpy(&relocation, object->bytes + section->header.sh_offset + i * sizeof relocation, sizeof relocation);
    return relocation;
}
