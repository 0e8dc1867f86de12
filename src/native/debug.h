/* debug.h: machine code made at run time, told to debuggers and profilers. */
#ifndef LAG_NATIVE_DEBUG_H
#define LAG_NATIVE_DEBUG_H

#include "base/memory.h"

/* An object in gdb's list of code made at run time. */
typedef struct DebugEntry DebugEntry;

/* Enters a copy of an ELF object, its sections' addresses filled in, from memory_new; owned by the list from here on. NULL,
 * and the copy freed, when out of memory, and for a NULL copy. */
DebugEntry *debug_register(void *elf, size_t size);
void debug_unregister(DebugEntry *entry); /* NULL allowed */

/* Where LAG_PERF_MAP is set: the file /tmp/perf-PID.map, from which perf learns names, gets a line more for a function. The
 * lines are gathered and written at once; errors are ignored. */
bool debug_perf_wanted(void);
void debug_perf_line(Buffer *lines, const char *name, const void *at, size_t size);
void debug_perf_write(const Buffer *lines);

#endif
