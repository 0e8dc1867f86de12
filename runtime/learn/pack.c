/* pack.c: see pack.h. */
#include "pack.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Writing ---- */

static void add(Pack *p, const void *bytes, size_t size) {
    if (p->failed) return;
    char *grown = realloc(p->bytes, p->size + size + 1);
    if (!grown) {
        p->failed = p->starved = true;
        return;
    }
    p->bytes = grown;
    if (size) memcpy(p->bytes + p->size, bytes, size);
    p->size += size;
    p->bytes[p->size] = 0;
}

static void add_text(Pack *p, const char *text) { add(p, text, strlen(text)); }

/* ---- Reading ---- */

static void fail(Pack *p, const char *name) {
    if (p->failed) return;
    p->failed = true;
    snprintf(p->wrong, sizeof p->wrong, "%s", name);
}

/* Passes over so many bytes; where they stand, or NULL. */
static const char *pass(Pack *p, size_t size) {
    if (p->failed || p->size - p->at < size) return NULL;
    const char *from = p->bytes + p->at;
    p->at += size;
    return from;
}

/* Passes over a line that begins with the name: its rest goes to line[size], or it fails. */
static bool take_line(Pack *p, const char *name, char *line, size_t size) {
    if (p->failed) return false;
    const char *from = p->bytes + p->at, *end = memchr(from, '\n', p->size - p->at);
    size_t length = strlen(name), whole = end ? (size_t)(end - from) : 0;
    bool named = end && whole >= length && memcmp(from, name, length) == 0 && (whole == length || from[length] == ' ');
    size_t skip = whole > length ? length + 1 : length;
    if (!named || whole - skip >= size || memchr(from, 0, whole)) return fail(p, name), false;
    memcpy(line, from + skip, whole - skip);
    line[whole - skip] = 0;
    p->at += whole + 1;
    return true;
}

/* ---- Numbers. The C library's conversions take a point for a comma in some locales, so the point is put right. ---- */

enum { NUMBER = 64 };

static char decimal_point(void) {
    char half[8];
    snprintf(half, sizeof half, "%.1f", 0.5);
    return half[1];
}

static void write_real(double value, char text[NUMBER]) {
    snprintf(text, NUMBER, "%.17g", value);
    char point = decimal_point(), *at = point == '.' ? NULL : strchr(text, point);
    if (at) *at = '.';
}

static bool read_real(const char **text, double *value) {
    char own[NUMBER], *end;
    size_t size = strcspn(*text, " ");
    if (size == 0 || size >= sizeof own) return false;
    memcpy(own, *text, size);
    own[size] = 0;
    char point = decimal_point(), *at = point == '.' ? NULL : strchr(own, '.');
    if (at) *at = point;
    *value = strtod(own, &end);
    *text += size + ((*text)[size] == ' ');
    return *end == 0;
}

void pack_reals(Pack *p, const char *name, double *value, size_t count) {
    char number[NUMBER];
    for (size_t i = 0; i < count; i++) {
        if (!p->reading) {
            write_real(value[i], number);
            add_text(p, name);
            add_text(p, " ");
            add_text(p, number);
            add_text(p, "\n");
            continue;
        }
        const char *at = number;
        double read;
        if (!take_line(p, name, number, sizeof number)) return;
        if (!read_real(&at, &read) || *at) return fail(p, name);
        value[i] = read;
    }
}

void pack_real(Pack *p, const char *name, double *value) { pack_reals(p, name, value, 1); }

void pack_count(Pack *p, const char *name, uint64_t *value, uint64_t most) {
    char line[NUMBER], *end;
    if (!p->reading) {
        snprintf(line, sizeof line, " %llu\n", (unsigned long long)*value);
        add_text(p, name);
        add_text(p, line);
        return;
    }
    if (!take_line(p, name, line, sizeof line)) return;
    errno = 0;
    unsigned long long read = strtoull(line, &end, 10);
    if (!(line[0] >= '0' && line[0] <= '9') || *end || errno || read > most) return fail(p, name);
    *value = read;
}

void pack_count32(Pack *p, const char *name, uint32_t *value, uint32_t most) {
    uint64_t wide = *value;
    pack_count(p, name, &wide, most);
    if (p->reading) *value = (uint32_t)wide;
}

void pack_size(Pack *p, const char *name, size_t *value, size_t most) {
    uint64_t wide = *value;
    pack_count(p, name, &wide, most);
    if (p->reading) *value = (size_t)wide;
}

void pack_exactly(Pack *p, const char *name, size_t value) {
    size_t there = value;
    pack_size(p, name, &there, value);
    if (there != value) fail(p, name);
}

void pack_flag(Pack *p, const char *name, bool *value) {
    uint64_t wide = *value;
    pack_count(p, name, &wide, 1);
    if (p->reading) *value = wide == 1;
}

/* ---- Words, texts, arrays ---- */

void pack_word(Pack *p, const char *name) {
    char rest[2];
    if (p->reading) {
        take_line(p, name, rest, sizeof rest);
    } else {
        add_text(p, name);
        add_text(p, "\n");
    }
}

void pack_text(Pack *p, const char *name, char **text) {
    if (!p->reading) {
        size_t from = p->size + strlen(name) + 1;
        add_text(p, name);
        add_text(p, " ");
        add_text(p, *text ? *text : "");
        for (; !p->failed && from < p->size; from++)
            if (p->bytes[from] == '\n') p->bytes[from] = ' ';
        add_text(p, "\n");
        return;
    }
    size_t most = p->failed ? 0 : p->size - p->at;
    char *read = malloc(most + 1);
    if (!read) {
        p->failed = p->starved = true;
        return;
    }
    if (take_line(p, name, read, most + 1))
        *text = read;
    else
        free(read);
}

void pack_floats(Pack *p, const char *name, float *value, size_t count) {
    pack_exactly(p, name, count);
    if (p->reading) {
        const char *from = pass(p, count * sizeof *value);
        if (!from) return fail(p, name);
        memcpy(value, from, count * sizeof *value);
    } else {
        add(p, value, count * sizeof *value);
    }
    pack_word(p, "");
}

#define SUM "checksum"

/* 64 bits of FNV-1a (Fowler, Noll & Vo): against accidents. */
static uint64_t sum_of(const char *bytes, size_t size) {
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++) sum = (sum ^ (unsigned char)bytes[i]) * 0x100000001b3u;
    return sum;
}

void pack_sum(Pack *p) {
    uint64_t sum = p->failed ? 0 : sum_of(p->bytes, p->reading ? p->at : p->size), there = sum;
    pack_count(p, SUM, &there, UINT64_MAX);
    if (there != sum || (p->reading && p->at != p->size)) fail(p, SUM);
}

bool pack_is_summed(const char *bytes, size_t size) {
    size_t last = size ? size - 1 : 0; /* where the last line begins */
    while (last > 0 && bytes[last - 1] != '\n') last--;
    Pack p = {.reading = true, .bytes = (char *)bytes, .size = size, .at = last};
    pack_sum(&p);
    return !p.failed;
}
