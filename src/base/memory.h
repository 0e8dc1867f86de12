/* memory.h: every allocation of the compiler passes here.
 *
 * Running out of memory is never fatal: containers keep a sticky `failed` flag and go on with harmless values, so that a
 * pass need not check each step; whoever drives the passes looks at the flag at the end of each. */
#ifndef LAG_BASE_MEMORY_H
#define LAG_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memory_new(size_t size);               /* zeroed; NULL when there is none */
void *memory_new_lines(size_t size);         /* the same, beginning on a cache line */
void *memory_new_table(size_t size);         /* the same, to be read at random places: of large pages, where there are any */
void *memory_resize(void *old, size_t size); /* as realloc; the old block is intact on failure */
void memory_free(void *block);

/* Makes room for `need` elements of `size` bytes in the array *data of *capacity elements, doubling. False and unchanged
 * when there is no memory. */
bool memory_grow(void **data, uint32_t *capacity, size_t need, size_t size);

/* A bump allocator: everything in it is freed at once. Zero-initialised is empty. */
typedef struct Arena {
    struct ArenaBlock *top;
    bool failed;
} Arena;

void *arena_new(Arena *arena, size_t size);                     /* zeroed, aligned for any type; NULL when there is none */
char *arena_text(Arena *arena, const char *bytes, size_t size); /* a NUL-terminated copy; NULL likewise */
void arena_free(Arena *arena);

/* A growing string. Zero-initialised is empty. `bytes` is NUL-terminated once something was added. Past `most` bytes, if
 * that is not 0, it is `full` and nothing more is added. */
typedef struct Buffer {
    char *bytes;
    uint32_t size, capacity, most;
    bool failed, full;
} Buffer;

void buffer_add(Buffer *buffer, const char *bytes, size_t size);
void buffer_text(Buffer *buffer, const char *text);
void buffer_print(Buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_number(Buffer *buffer, double value); /* shortest text that reads back, with a point whatever the locale */
void buffer_free(Buffer *buffer);

/* 64 well-mixed bits of (hash, word): the one hash function of the compiler's tables. */
static inline uint64_t memory_hash(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

#endif
