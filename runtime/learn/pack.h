/* pack.h: numbers and texts as bytes, and back, by one description of both: a line `name value` each, in a fixed order, and
 * arrays of floats as they are in memory, between two line ends. */
#ifndef LAG_LEARN_PACK_H
#define LAG_LEARN_PACK_H

#include "lag.h"

typedef struct Pack {
    bool reading;
    bool failed;     /* reading: the bytes are not as described; writing: there is no memory */
    bool starved;    /* it was for memory */
    char wrong[64];  /* reading: the name of the first that was not */
    char *bytes;     /* what is written, or read; NUL-terminated where it is written */
    size_t size, at; /* how much there is; where it stands */
} Pack;

/* The lines. Writing leaves what it describes as it is. Reading, what is out of the range given fails; nothing changes after
 * a failure. */
void pack_word(Pack *pack, const char *name);
void pack_real(Pack *pack, const char *name, double *value);
void pack_reals(Pack *pack, const char *name, double *value, size_t count);
void pack_count(Pack *pack, const char *name, uint64_t *value, uint64_t most);
void pack_count32(Pack *pack, const char *name, uint32_t *value, uint32_t most);
void pack_size(Pack *pack, const char *name, size_t *value, size_t most);
void pack_exactly(Pack *pack, const char *name, size_t value); /* reading, nothing else will do */
void pack_flag(Pack *pack, const char *name, bool *value);

/* A text on one line; line ends in it become blanks. Reading gives a copy, which the caller frees. */
void pack_text(Pack *pack, const char *name, char **text);

/* Floats, in the machine's order of bytes. */
void pack_floats(Pack *pack, const char *name, float *value, size_t count);

/* The end: a checksum of all that stands before it. And whether bytes end in theirs. */
void pack_sum(Pack *pack);
bool pack_is_summed(const char *bytes, size_t size);

#endif
