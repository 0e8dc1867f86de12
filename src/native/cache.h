/* cache.h: what was made once, kept on the disk by what it was made from.
 *
 * It is in the folder of the environment's LAG_CACHE ("off" for none), or $XDG_CACHE_HOME/lag, or ~/.cache/lag, which must
 * be the user's own. A digest tells what was damaged from what was not; against the user's own malice there is none. Every
 * trouble, whatever it is, is a miss. */
#ifndef LAG_NATIVE_CACHE_H
#define LAG_NATIVE_CACHE_H

#include "base/memory.h"

typedef struct CacheKey {
    uint8_t byte[32];
} CacheKey;

/* A key of all the pieces, their order and where one ends and the next begins. */
CacheKey cache_key(const void *const *piece, const size_t *size, uint32_t count);

/* What was written under a key last. False: a miss, and *payload, which the caller hands over empty, is empty. */
bool cache_read(const CacheKey *key, Buffer *payload);

/* Keeps what a key stands for, if it can: it is only a cache. Payloads over 16 MiB are not kept, and of all that was kept,
 * what was used longest ago goes when there are over 64 MiB of it. */
void cache_write(const CacheKey *key, const void *payload, size_t size);

#endif
