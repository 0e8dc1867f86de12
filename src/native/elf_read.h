/* elf_read.h: a relocatable object taken apart, every field checked. Used by object.c alone. */
#ifndef LAG_NATIVE_ELF_READ_H
#define LAG_NATIVE_ELF_READ_H

#include "lag.h"

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ElfRole { ELF_LEFT, ELF_CODE, ELF_CONSTANT } ElfRole;

typedef struct ElfSection {
    Elf64_Shdr header; /* offset and size are within the bytes, for a section that has bytes there */
    ElfRole role;      /* ELF_LEFT: it is not loaded */
    size_t at;         /* where it is put among those of its role */
} ElfSection;

typedef struct ElfObject {
    const uint8_t *bytes;
    size_t size;
    ElfSection *section;             /* [sections] */
    uint32_t sections, symbol_table; /* the latter's section */
    uint32_t symbols;
    const char *names; /* symbols' names, the last one NUL-terminated */
    size_t names_size;
    size_t code, constants; /* what the sections of each role take up */
    size_t section_headers; /* their offset */
} ElfObject;

/* Takes an object apart; it refers to the bytes. LAG_ERROR_BACKEND where it is not one that can be loaded, or
 * LAG_ERROR_MEMORY, and *why is a constant text. To be freed in every case. */
LagStatus elf_read(const void *bytes, size_t size, ElfObject *object, const char **why);
void elf_free(ElfObject *object);

/* Symbol i of the object; its name is checked. False if i is no symbol's number. */
bool elf_symbol(const ElfObject *object, uint32_t i, Elf64_Sym *symbol, const char **name);

/* Entry i of a section of relocations, which has so many. */
uint32_t elf_relocations(const ElfSection *section);
Elf64_Rela elf_relocation(const ElfObject *object, const ElfSection *section, uint32_t i);

#endif
