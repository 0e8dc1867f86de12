/* object.h: relocatable objects, from a compiler or from the disk, become functions that can be called. */
#ifndef LAG_NATIVE_OBJECT_H
#define LAG_NATIVE_OBJECT_H

#include "lag.h"

/* Machine code in memory. Freed by object_free, which unmaps it. */
typedef struct ObjectCode ObjectCode;

/* Loads an ELF object for the CPU at hand and finds the functions name[0 .. count): run[i] is that of name[i], and NULL
 * where that is NULL. The bytes may be anything at all: what is not an object that the loader understands in full is
 * refused. Code that it does accept is not looked at: who calls it must know where it comes from. The functions that an
 * object calls besides its own are those of native_symbol.
 *
 * On failure LAG_ERROR_BACKEND, or LAG_ERROR_MEMORY, and a reason in `why` (NUL-terminated); *code and run are untouched. */
LagStatus object_load(const void *bytes, size_t size, const char *const *name, uint32_t count, ObjectCode **code,
                      LagNative **run, char *why, size_t why_size);
void object_free(ObjectCode *code); /* NULL allowed */

/* Bytes of machine code and constants. */
size_t object_bytes(const ObjectCode *code);

#endif
