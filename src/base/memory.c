#include "base/memory.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *memory_new(size_t size) { return calloc(1, size ? size : 1); }

void *memory_new_lines(size_t size) {
    enum { LINE = 64 };
    size_t whole = size < SIZE_MAX - LINE ? (size + LINE) / LINE * LINE : 0;
    void *block = whole ? aligned_alloc(LINE, whole) : NULL;
    return block ? memset(block, 0, whole) : NULL;
}

void *memory_new_table(size_t size) {
    enum { LARGE = 1 << 20, HUGE = 2 << 20 };
    char *table = memory_new(size);
#ifdef MADV_HUGEPAGE
    if (table && size >= LARGE) {
        size_t skip = (HUGE - (uintptr_t)table % HUGE) % HUGE;
        madvise(table + skip, (size - skip) / HUGE * HUGE, MADV_HUGEPAGE); /* a wish: nothing depends on it */
    }
#endif
    return table;
}

void *memory_resize(void *old, size_t size) { return realloc(old, size ? size : 1); }
void memory_free(void *block) { free(block); }

bool memory_grow(void **data, uint32_t *capacity, size_t need, size_t size) {
    if (need <= *capacity) return true;
    if (need > UINT32_MAX / 2) return false;
    size_t room = *capacity ? *capacity : 16;
    while (room < need) room *= 2;
    if (room > SIZE_MAX / size) return false;
    void *grown = memory_resize(*data, room * size);
    if (!grown) return false;
    *data = grown;
    *capacity = (uint32_t)room;
    return true;
}

typedef struct ArenaBlock {
    struct ArenaBlock *below;
    size_t used, size;
    _Alignas(max_align_t) char bytes[];
} ArenaBlock;

enum { ARENA_BLOCK = 16 * 1024, ARENA_ALIGN = _Alignof(max_align_t) };

void *arena_new(Arena *arena, size_t size) {
    if (size > SIZE_MAX - ARENA_BLOCK) return arena->failed = true, NULL;
    size = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    ArenaBlock *top = arena->top;
    if (!top || top->size - top->used < size) {
        size_t room = size > ARENA_BLOCK ? size : ARENA_BLOCK;
        ArenaBlock *block = memory_new(sizeof *block + room);
        if (!block) return arena->failed = true, NULL;
        *block = (ArenaBlock){.below = top, .size = room};
        arena->top = top = block;
    }
    void *bytes = top->bytes + top->used;
    top->used += size;
    return bytes;
}

char *arena_text(Arena *arena, const char *bytes, size_t size) {
    char *copy = arena_new(arena, size + 1);
    if (copy && size) memcpy(copy, bytes, size);
    return copy;
}

void arena_free(Arena *arena) {
    while (arena->top) {
        ArenaBlock *below = arena->top->below;
        memory_free(arena->top);
        arena->top = below;
    }
    arena->failed = false;
}

void buffer_add(Buffer *buffer, const char *bytes, size_t size) {
    void *data = buffer->bytes;
    buffer->full = buffer->full || (buffer->most && buffer->size + size > buffer->most);
    if (buffer->full) return;
    if (buffer->failed || !memory_grow(&data, &buffer->capacity, buffer->size + size + 1, 1)) {
        buffer->failed = true;
        return;
    }
    buffer->bytes = data;
    if (size) memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += (uint32_t)size;
    buffer->bytes[buffer->size] = 0;
}

void buffer_text(Buffer *buffer, const char *text) { buffer_add(buffer, text, strlen(text)); }

void buffer_print(Buffer *buffer, const char *format, ...) {
    char small[512];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (size >= 0 && (size_t)size < sizeof small) {
        buffer_add(buffer, small, (size_t)size);
    } else if (size >= 0) {
        char *large = memory_new((size_t)size + 1);
        if (large) {
            vsnprintf(large, (size_t)size + 1, format, again);
            buffer_add(buffer, large, (size_t)size);
            memory_free(large);
        } else {
            buffer->failed = true;
        }
    }
    va_end(again);
}

void buffer_number(Buffer *buffer, double value) {
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value || value != value) break;
    }
    for (char *c = text; *c; c++)
        if (*c == ',') *c = '.';
    buffer_text(buffer, text);
}

void buffer_free(Buffer *buffer) {
    memory_free(buffer->bytes);
    *buffer = (Buffer){0};
}
