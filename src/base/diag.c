#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const Source *source_new(Arena *arena, const char *name, const char *bytes, size_t size) {
    Source *source = arena_new(arena, sizeof *source);
    char *copy = arena_text(arena, bytes, size);
    char *label = arena_text(arena, name, strlen(name));
    if (!source || !copy || !label || size > UINT32_MAX / 2) return NULL;
    *source = (Source){.name = label, .bytes = copy, .size = (uint32_t)size};
    return source;
}

uint32_t source_character(const char *text, const char *end) {
    const unsigned char *c = (const unsigned char *)text;
    uint32_t size = *c < 0x80 ? 1 : *c < 0xc2 ? 0 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : *c < 0xf5 ? 4 : 0;
    if ((size_t)(end - text) < size) return 0;
    for (uint32_t i = 1; i < size; i++)
        if ((c[i] & 0xc0) != 0x80) return 0;
    bool longer = (*c == 0xe0 && c[1] < 0xa0) || (*c == 0xf0 && c[1] < 0x90);  /* than it need be */
    bool outside = (*c == 0xed && c[1] > 0x9f) || (*c == 0xf4 && c[1] > 0x8f); /* a surrogate, or past U+10FFFF */
    return longer || outside ? 0 : size;
}

void source_advance(const Source *source, uint32_t from, uint32_t at, uint32_t *line, uint32_t *column) {
    const char *end = source->bytes + source->size;
    if (at > source->size) at = source->size;
    while (from < at) {
        uint32_t size = source_character(source->bytes + from, end);
        bool newline = source->bytes[from] == '\n';
        *line += newline;
        *column = newline ? 1 : *column + 1;
        from += size ? size : 1;
    }
}

enum { LINE_AROUND = 1000 }; /* bytes of a line kept on either side of a place */

/* A copy of the line around a place, cut where it is long; `first` becomes the column it begins with. */
static void diag_copy_line(Arena *arena, const Source *source, uint32_t at, LagDiagnostic *d) {
    uint32_t begin = at < source->size ? at : source->size, end = begin, line = 1, characters = 1;
    uint32_t most = begin > LINE_AROUND ? begin - LINE_AROUND : 0;
    while (begin > most && source->bytes[begin - 1] != '\n') begin--;
    while (begin > 0 && begin < at && source->bytes[begin - 1] != '\n' && (source->bytes[begin] & 0xc0) == 0x80) begin++;
    while (end < source->size && end - begin < 2 * LINE_AROUND && source->bytes[end] != '\n') end++;
    if (end > begin && source->bytes[end - 1] == '\r') end--;
    source_advance(source, begin, at, &line, &characters);
    d->first = d->column - characters + 1;
    char *copy = arena_text(arena, source->bytes + begin, end - begin);
    for (uint32_t i = 0; copy && i < end - begin; i++)
        if (!copy[i]) copy[i] = 0x1a; /* SUBSTITUTE: a NUL would end it */
    d->source = copy;
}

/* Fills in where a diagnostic is: from where the one before it is, if that is before it in the same text. So the mistakes of
 * a long text, once in order, are placed in one walk over it. */
static void diag_place(Diagnostics *list, uint32_t i) {
    const Span span = list->span[i], *before = i ? &list->span[i - 1] : NULL;
    const Source *source = span.source;
    LagDiagnostic *d = &list->item[i], *last = i ? d - 1 : NULL;
    bool after = before && before->source == source && before->begin <= span.begin;
    d->line = after ? last->line : 1;
    d->column = after ? last->column : 1;
    source_advance(source, after ? before->begin : 0, span.begin, &d->line, &d->column);

    uint32_t begin = span.begin < source->size ? span.begin : source->size, end = begin, line = 1;
    while (end < span.end && end < source->size && end - begin < LINE_AROUND && source->bytes[end] != '\n' &&
           source->bytes[end] != '\r')
        end++;
    d->width = 1;
    source_advance(source, begin, end, &line, &d->width);
    if (d->width > 1) d->width--;
    diag_copy_line(&list->arena, source, begin, d);
}

static bool diag_known(const Diagnostics *list, Span span, const char *message) {
    for (uint32_t i = 0; i < list->count; i++)
        if (list->span[i].source == span.source && list->span[i].begin == span.begin &&
            strcmp(list->item[i].message, message) == 0)
            return true;
    return false;
}

/* Keeps a diagnostic, whatever there is already. */
static void diag_keep(Diagnostics *list, LagSeverity severity, Span span, const char *hint, const char *message) {
    void *item = list->item, *spans = list->span;
    bool room = memory_grow(&item, &list->capacity, list->count + 1, sizeof *list->item);
    list->item = item;
    room = memory_grow(&spans, &list->span_capacity, list->count + 1, sizeof *list->span) && room;
    list->span = spans;
    LagDiagnostic d = {.severity = severity, .file = arena_text(&list->arena, span.source->name, strlen(span.source->name))};
    d.message = arena_text(&list->arena, message, strlen(message));
    d.hint = hint ? arena_text(&list->arena, hint, strlen(hint)) : NULL;
    if (!room || list->arena.failed) {
        list->failed = true;
        return;
    }
    list->span[list->count] = span;
    list->item[list->count++] = d;
}

void diag_add(Diagnostics *list, LagSeverity severity, Span span, const char *hint, const char *format, ...) {
    char message[600];
    va_list args;
    if (list->full || (severity != LAG_ERROR && list->count >= DIAG_MOST / 2)) return; /* room is left for errors */
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (diag_known(list, span, message)) return;
    list->errors += severity == LAG_ERROR;
    if (list->count >= DIAG_MOST) {
        snprintf(message, sizeof message, "more than %d mistakes: the rest of the text is not looked at", DIAG_MOST);
        hint = NULL;
        list->full = true;
    }
    diag_keep(list, severity, span, hint, message);
}

void diag_finish(Diagnostics *list) {
    for (uint32_t i = 1; i < list->count; i++) {
        LagDiagnostic item = list->item[i];
        Span span = list->span[i];
        uint32_t j = i;
        for (; j > 0 && list->span[j - 1].source == span.source && list->span[j - 1].begin > span.begin; j--) {
            list->item[j] = list->item[j - 1];
            list->span[j] = list->span[j - 1];
        }
        list->item[j] = item;
        list->span[j] = span;
    }
    for (uint32_t i = 0; i < list->count; i++) diag_place(list, i);
    list->failed |= list->arena.failed;
}

void diag_clear(Diagnostics *list) {
    arena_free(&list->arena);
    list->count = list->errors = 0;
    list->failed = list->full = false;
}

void diag_free(Diagnostics *list) {
    arena_free(&list->arena);
    memory_free(list->item);
    memory_free(list->span);
    *list = (Diagnostics){0};
}

/* A source line on a terminal: tabs stay (the caret line repeats them), control bytes and bytes that are not UTF-8 show as
 * '?', and a line longer than a terminal is cut to a window around the caret. */
enum { WINDOW = 160 };

/* Whether a terminal can be given it: no control byte, no control character of U+0080 .. U+009F. */
static bool printable(const char *c, uint32_t size) {
    unsigned char first = (unsigned char)c[0];
    if (size == 1) return first == '\t' || (first >= 0x20 && first != 0x7f);
    return size > 2 || (size == 2 && (first != 0xc2 || (unsigned char)c[1] >= 0xa0));
}

/* The caller's bytes, of which there may be too few: nothing here allocates, so that what there is to say can always be
 * said. */
typedef struct Writer {
    char *bytes;
    size_t size, length; /* length: of the whole text */
} Writer;

static void write_bytes(Writer *out, const char *bytes, size_t size) {
    if (out->length + 1 < out->size) {
        size_t room = out->size - out->length - 1;
        memcpy(out->bytes + out->length, bytes, size < room ? size : room);
    }
    out->length += size;
}

static void write_text(Writer *out, const char *text) { write_bytes(out, text, strlen(text)); }

static void format_source(Writer *out, const LagDiagnostic *d, const char *paint, const char *plain) {
    uint32_t first = d->column > WINDOW / 2 + 20 ? d->column - WINDOW / 2 : 1; /* first character shown */
    uint32_t last = first + WINDOW - 1, column = d->first;
    const char *c = d->source, *end = c + strlen(c), *shown = NULL;
    write_text(out, first > 1 ? "    ..." : "    ");
    for (uint32_t size; c < end && column <= last; c += size ? size : 1, column++) {
        size = source_character(c, end);
        if (column < first) continue;
        if (!shown) shown = c;
        if (printable(c, size))
            write_bytes(out, c, size);
        else
            write_text(out, "?");
    }
    write_text(out, c < end ? "...\n" : "\n");
    write_text(out, first > 1 ? "       " : "    ");
    c = shown;
    for (column = first; c && c < end && column < d->column; column++) {
        uint32_t size = source_character(c, end);
        write_text(out, *c == '\t' ? "\t" : " ");
        c += size ? size : 1;
    }
    write_text(out, paint);
    write_text(out, "^");
    for (uint32_t i = 1; i < d->width && d->column + i <= last; i++) write_text(out, "~");
    write_text(out, plain);
}

LAG_API size_t lag_diagnostic_format(const LagDiagnostic *d, bool colour, char *buffer, size_t size) {
    static const char *const word[] = {"note", "warning", "error"};
    static const char *const hue[] = {"\033[36m", "\033[35m", "\033[31m"};
    const char *bold = colour ? "\033[1m" : "", *paint = colour ? hue[d->severity] : "", *plain = colour ? "\033[0m" : "";
    char place[32];
    Writer out = {buffer, size, 0};
    snprintf(place, sizeof place, ":%u:%u: ", d->line, d->column);
    const char *const part[] = {bold, d->file, place, paint, word[d->severity], ":", plain, " ", d->message, "\n"};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) write_text(&out, part[i]);
    format_source(&out, d, paint, plain);
    if (d->hint) write_text(&out, " "), write_text(&out, d->hint);
    write_text(&out, "\n");
    if (size) buffer[out.length < size ? out.length : size - 1] = 0;
    return out.length;
}
