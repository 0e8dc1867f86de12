/* names.h: interned names. Equal text, equal number; numbers count up from 0. */
#ifndef LAG_BASE_NAMES_H
#define LAG_BASE_NAMES_H

#include "base/memory.h"

typedef uint32_t NameId;
enum { NAME_NONE = UINT32_MAX };

/* Zero-initialised is empty. */
typedef struct Names {
    Arena arena;
    const char **text;
    uint32_t count, capacity;
    NameId *slot; /* open addressing: id + 1, or 0 */
    uint32_t slots;
    bool failed;
} Names;

NameId names_intern(Names *names, const char *bytes, size_t size);     /* 0 and `failed` when there is no memory */
NameId names_find(const Names *names, const char *bytes, size_t size); /* NAME_NONE if it is not there */
const char *names_text(const Names *names, NameId name);
bool names_copy(Names *to, const Names *from); /* the same numbers; `to` is empty before */
void names_free(Names *names);

/* Names in the order added, each once. Zero-initialised is empty. */
typedef struct NameSet {
    NameId *name;
    bool *has; /* by name */
    uint32_t count, capacity, has_count, has_capacity;
} NameSet;

bool name_set_add(NameSet *set, NameId name); /* false when out of memory */
bool name_set_has(const NameSet *set, NameId name);
bool name_set_copy(NameSet *to, const NameSet *from); /* `to` is empty before */
void name_set_free(NameSet *set);

/* How far apart two words are: insertions, deletions, changes and swaps of neighbours, in bytes; stops counting at
 * `most` + 1. For suggestions. */
uint32_t names_distance(const char *a, const char *b, uint32_t most);

/* How far a suggestion for `word` may be from it: a third of its length, at most 2. */
uint32_t names_tolerance(const char *word);

#endif
