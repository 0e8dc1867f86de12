/* diag.h: texts with positions, and what is to be said about them. The lowest layer reports, so that any may. */
#ifndef LAG_BASE_DIAG_H
#define LAG_BASE_DIAG_H

#include "base/memory.h"
#include "lag.h"

/* A text of the user's: what a file or a line at the prompt held. Immutable once added. */
typedef struct Source {
    const char *name;  /* for "name:line:col" */
    const char *bytes; /* NUL-terminated copy, unless it says otherwise */
    uint32_t size;
} Source;

/* A piece of a source, in bytes. */
typedef struct Span {
    const Source *source;
    uint32_t begin, end;
} Span;

/* A copy of the bytes and the name in the arena; NULL when there is no memory. */
const Source *source_new(Arena *arena, const char *name, const char *bytes, size_t size);

/* The bytes of the character of UTF-8 that begins at `text`, before `end`; 0 if none does. */
uint32_t source_character(const char *text, const char *end);

/* The 1-based line, and the 1-based column in characters, of the byte `at`, from those of the byte `from` before it. A byte
 * that is not UTF-8 counts as a character. */
void source_advance(const Source *source, uint32_t from, uint32_t at, uint32_t *line, uint32_t *column);

/* A list of diagnostics; zero-initialised is empty. What is said twice at one place is kept once. A text with more mistakes
 * than DIAG_MOST makes it `full`, the last one saying so: whoever goes through a text stops then. */
typedef struct Diagnostics {
    Arena arena;
    LagDiagnostic *item;
    Span *span; /* of each item */
    uint32_t count, capacity, span_capacity;
    uint32_t errors;
    bool failed; /* memory ran out somewhere: what the list says may be wrong for that */
    bool full;   /* DIAG_MOST was reached */
} Diagnostics;

enum {
    DIAG_MOST = 1000, /* mistakes that are said; half as many notes and warnings */
    DIAG_SUGGEST = 20 /* mistakes up to which it is worth looking for what was meant */
};

/* Says something about a span. `hint` is a whole sentence or NULL, copied. Line, column and line's text are left open. */
void diag_add(Diagnostics *list, LagSeverity severity, Span span, const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Puts the list into order, by source order of addition, then position, stable; and says where each is. */
void diag_finish(Diagnostics *list);
void diag_clear(Diagnostics *list);
void diag_free(Diagnostics *list);

#define diag_error(list, span, hint, ...) diag_add(list, LAG_ERROR, span, hint, __VA_ARGS__)
#define diag_warning(list, span, hint, ...) diag_add(list, LAG_WARNING, span, hint, __VA_ARGS__)
#define diag_note(list, span, hint, ...) diag_add(list, LAG_NOTE, span, hint, __VA_ARGS__)

#endif
