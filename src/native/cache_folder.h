/* cache_folder.h: where the cache is. Used by cache.c alone. */
#ifndef LAG_NATIVE_CACHE_FOLDER_H
#define LAG_NATIVE_CACHE_FOLDER_H

#include <stdbool.h>

#define CACHE_NEW "new-" /* how the names of files begin that are being written; entries' names are of 64 characters */

/* The folder that holds all entries, open; made where it is not there and is to be. -1: there is none that can be trusted.
 */
int cache_folder_open(bool make);

/* A folder in a folder, likewise. */
int cache_folder_within(int folder, const char *name, bool make);

/* Files left behind by a process that ended while it wrote go; and those used longest ago, when all are too many bytes. */
void cache_folder_sweep(int folder);

#endif
