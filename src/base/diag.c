#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Span span_join(Span first, Span last) {
    if (first.source != last.source) return first;
    return (Span){first.source, first.begin < last.begin ? first.begin : last.begin,
                  first.end > last.end ? first.end : last.end};
}

const Source *source_new(Arena *arena, const char *name, const char *bytes, size_t size) {
    Source *source = arena_new(arena, sizeof *source);
    char *copy = arena_text(arena, bytes, size);
    char *label = arena_text(arena, name, strlen(name));
    if (!source || !copy || !label || size > UINT32_MAX / 2) return NULL;
    *source = (Source){.name = label, .bytes = copy, .size = (uint32_t)size};
    return source;
}

static uint32_t line_begin(const Source *source, uint32_t at) {
    while (at > 0 && source->bytes[at - 1] != '\n') at--;
    return at;
}

static uint32_t line_end(const Source *source, uint32_t at) {
    while (at < source->size && source->bytes[at] != '\n') at++;
    return at;
}

/* Characters of a piece of UTF-8: bytes that do not continue another. */
static uint32_t characters(const char *bytes, uint32_t begin, uint32_t end) {
    uint32_t count = 0;
    for (uint32_t i = begin; i < end; i++) count += ((unsigned char)bytes[i] & 0xc0) != 0x80;
    return count;
}

void source_position(const Source *source, uint32_t at, uint32_t *line, uint32_t *column) {
    if (at > source->size) at = source->size;
    *line = 1;
    for (uint32_t i = 0; i < at; i++) *line += source->bytes[i] == '\n';
    *column = 1 + characters(source->bytes, line_begin(source, at), at);
}

static bool diag_known(const Diagnostics *list, Span span, const char *message) {
    for (uint32_t i = 0; i < list->count; i++)
        if (list->span[i].source == span.source && list->span[i].begin == span.begin &&
            strcmp(list->item[i].message, message) == 0)
            return true;
    return false;
}

void diag_add(Diagnostics *list, LagSeverity severity, Span span, const char *hint, const char *format, ...) {
    char message[600];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (diag_known(list, span, message)) return;
    list->errors += severity == LAG_ERROR;
    if (list->count >= DIAG_MOST) return;

    void *item = list->item, *spans = list->span;
    bool room = memory_grow(&item, &list->capacity, list->count + 1, sizeof *list->item);
    list->item = item;
    room = memory_grow(&spans, &list->span_capacity, list->count + 1, sizeof *list->span) && room;
    list->span = spans;
    uint32_t begin = line_begin(span.source, span.begin), end = line_end(span.source, span.begin);
    if (end > begin && span.source->bytes[end - 1] == '\r') end--;
    LagDiagnostic d = {.severity = severity, .file = arena_text(&list->arena, span.source->name, strlen(span.source->name))};
    source_position(span.source, span.begin, &d.line, &d.column);
    uint32_t until = span.end < end ? span.end : end;
    d.width = until > span.begin ? characters(span.source->bytes, span.begin, until) : 1;
    d.message = arena_text(&list->arena, message, strlen(message));
    d.hint = hint ? arena_text(&list->arena, hint, strlen(hint)) : NULL;
    d.source = arena_text(&list->arena, span.source->bytes + begin, end - begin);
    if (!room || list->arena.failed) {
        list->failed = true;
        return;
    }
    list->span[list->count] = span;
    list->item[list->count++] = d;
}

void diag_sort(Diagnostics *list) {
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
}

void diag_clear(Diagnostics *list) {
    arena_free(&list->arena);
    list->count = list->errors = 0;
    list->failed = false;
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

static bool printable(unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); }

static void format_source(Buffer *out, const LagDiagnostic *d, const char *paint, const char *plain) {
    uint32_t first = d->column > WINDOW / 2 + 20 ? d->column - WINDOW / 2 : 1; /* first character shown */
    uint32_t last = first + WINDOW - 1, column = 0;
    Buffer caret = {0};
    buffer_text(out, "    ");
    buffer_text(&caret, "    ");
    if (first > 1) buffer_text(out, "..."), buffer_text(&caret, "   ");
    for (const char *c = d->source; *c; c++) {
        bool begins = ((unsigned char)*c & 0xc0) != 0x80;
        column += begins;
        if (column < first || column > last) continue;
        if (printable((unsigned char)*c))
            buffer_add(out, c, 1);
        else if (begins)
            buffer_text(out, "?");
        if (begins && column < d->column) buffer_text(&caret, *c == '\t' ? "\t" : " ");
    }
    if (column > last) buffer_text(out, "...");
    buffer_print(out, "\n%s%s^", caret.bytes ? caret.bytes : "", paint);
    for (uint32_t i = 1; i < d->width && d->column + i <= last; i++) buffer_text(out, "~");
    buffer_text(out, plain);
    out->failed |= caret.failed;
    buffer_free(&caret);
}

LAG_API size_t lag_diagnostic_format(const LagDiagnostic *d, bool colour, char *buffer, size_t size) {
    static const char *const word[] = {"note", "warning", "error"};
    static const char *const hue[] = {"\033[36m", "\033[35m", "\033[31m"};
    const char *bold = colour ? "\033[1m" : "", *paint = colour ? hue[d->severity] : "", *plain = colour ? "\033[0m" : "";
    Buffer out = {0};
    buffer_print(&out, "%s%s:%u:%u: %s%s:%s %s\n", bold, d->file, d->line, d->column, paint, word[d->severity], plain,
                 d->message);
    format_source(&out, d, paint, plain);
    if (d->hint) buffer_print(&out, " %s", d->hint);
    buffer_text(&out, "\n");
    size_t length = out.size;
    if (size) {
        size_t copied = length < size ? length : size - 1;
        if (copied) memcpy(buffer, out.bytes, copied);
        buffer[copied] = 0;
    }
    buffer_free(&out);
    return length;
}
