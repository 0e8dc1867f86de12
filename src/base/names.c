#include "base/names.h"

#include <string.h>

static uint64_t names_hash(const char *bytes, size_t size) {
    uint64_t hash = size;
    for (size_t i = 0; i < size; i++) hash = memory_hash(hash, (unsigned char)bytes[i]);
    return hash;
}

static bool names_equal(const char *text, const char *bytes, size_t size) {
    return strlen(text) == size && memcmp(text, bytes, size) == 0;
}

/* The slot of a name, or the empty one where it would go. */
static uint32_t names_slot(const Names *names, const char *bytes, size_t size) {
    uint32_t i = (uint32_t)names_hash(bytes, size) & (names->slots - 1);
    while (names->slot[i] && !names_equal(names->text[names->slot[i] - 1], bytes, size)) i = (i + 1) & (names->slots - 1);
    return i;
}

static bool names_rehash(Names *names) {
    uint32_t slots = names->slots ? 2 * names->slots : 64;
    NameId *slot = memory_new(slots * sizeof *slot);
    if (!slot) return false;
    memory_free(names->slot);
    names->slot = slot;
    names->slots = slots;
    for (NameId id = 0; id < names->count; id++) slot[names_slot(names, names->text[id], strlen(names->text[id]))] = id + 1;
    return true;
}

NameId names_find(const Names *names, const char *bytes, size_t size) {
    if (!names->slots) return NAME_NONE;
    NameId found = names->slot[names_slot(names, bytes, size)];
    return found ? found - 1 : NAME_NONE;
}

NameId names_intern(Names *names, const char *bytes, size_t size) {
    if (2 * (names->count + 1) > names->slots && !names_rehash(names)) goto fail;
    uint32_t slot = names_slot(names, bytes, size);
    if (names->slot[slot]) return names->slot[slot] - 1;
    void *data = names->text;
    if (!memory_grow(&data, &names->capacity, names->count + 1, sizeof *names->text)) goto fail;
    names->text = data;
    char *copy = arena_text(&names->arena, bytes, size);
    if (!copy) goto fail;
    names->text[names->count] = copy;
    names->slot[slot] = names->count + 1;
    return names->count++;
fail:
    names->failed = true;
    return 0;
}

const char *names_text(const Names *names, NameId name) { return name < names->count ? names->text[name] : ""; }

bool names_copy(Names *to, const Names *from) {
    for (NameId id = 0; id < from->count; id++) names_intern(to, from->text[id], strlen(from->text[id]));
    return !to->failed;
}

void names_free(Names *names) {
    arena_free(&names->arena);
    memory_free(names->text);
    memory_free(names->slot);
    *names = (Names){0};
}

/* ---- Sets ---- */

bool name_set_has(const NameSet *set, NameId name) { return name < set->has_count && set->has[name]; }

bool name_set_add(NameSet *set, NameId name) {
    if (name_set_has(set, name)) return true;
    void *names = set->name, *has = set->has;
    if (!memory_grow(&names, &set->capacity, set->count + 1, sizeof *set->name)) return false;
    set->name = names;
    if (!memory_grow(&has, &set->has_capacity, (size_t)name + 1, sizeof *set->has)) return false;
    set->has = has;
    while (set->has_count <= name) set->has[set->has_count++] = false;
    set->has[name] = true;
    set->name[set->count++] = name;
    return true;
}

bool name_set_copy(NameSet *to, const NameSet *from) {
    for (uint32_t i = 0; i < from->count; i++)
        if (!name_set_add(to, from->name[i])) return false;
    return true;
}

void name_set_free(NameSet *set) {
    memory_free(set->name);
    memory_free(set->has);
    *set = (NameSet){0};
}

/* ---- Suggestions ---- */

/* Optimal string alignment (Damerau-Levenshtein without repeated edits), three rows at a time, and of each row only what is
 * within `most` of the diagonal. */
uint32_t names_distance(const char *a, const char *b, uint32_t most) {
    enum { LONGEST = 64 };
    size_t m = strlen(a), n = strlen(b);
    if (m > LONGEST || n > LONGEST || m > n + most || n > m + most) return most + 1;
    uint32_t rows[3][LONGEST + 1];
    uint32_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (uint32_t j = 0; j <= n; j++) above[j] = j;
    for (uint32_t i = 1; i <= m; i++) {
        uint32_t first = i > most ? i - most : 1, last = i + most < n ? i + most : (uint32_t)n;
        row[first - 1] = first == 1 ? i : most + 1;
        for (uint32_t j = first; j <= last; j++) {
            uint32_t least = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < least) least = above[j] + 1;
            if (row[j - 1] + 1 < least) least = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < least)
                least = before[j - 2] + 1;
            row[j] = least;
        }
        if (last < n) row[last + 1] = most + 1;
        uint32_t *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[n] > most ? most + 1 : above[n];
}

uint32_t names_tolerance(const char *word) {
    size_t third = strlen(word) / 3;
    return third > 2 ? 2 : (uint32_t)third;
}
