/* debug.c: see debug.h. The names that begin with two underscores are gdb's: it sets a breakpoint on the function and reads
 * the list from the variable.
 *
 * So the list is one for the process, under a lock. Both names stay inside the library, where gdb finds them by its symbol
 * table: a list shared with another compiler in the process would be under two locks. They are weak for a program that links
 * another compiler statically, which brings them too. */
#include "native/debug.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct DebugEntry {
    DebugEntry *next, *previous;
    const char *elf;
    uint64_t size;
};

typedef struct DebugList {
    uint32_t version; /* of the interface: 1 */
    uint32_t action;
    DebugEntry *relevant, *first;
} DebugList;

enum { DEBUG_NOTHING, DEBUG_REGISTER, DEBUG_UNREGISTER };

void __jit_debug_register_code(void);

__attribute__((weak)) DebugList __jit_debug_descriptor = {1, DEBUG_NOTHING, NULL, NULL};
__attribute__((weak, noinline)) void __jit_debug_register_code(void) {
    __asm__ volatile("" ::: "memory"); /* a call that is not left out: gdb stops here */
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void tell(DebugEntry *entry, uint32_t action) {
    __jit_debug_descriptor.relevant = entry;
    __jit_debug_descriptor.action = action;
    __jit_debug_register_code();
    __jit_debug_descriptor.relevant = NULL;
    __jit_debug_descriptor.action = DEBUG_NOTHING;
}

DebugEntry *debug_register(void *elf, size_t size) {
    DebugEntry *entry = elf ? memory_new(sizeof *entry) : NULL;
    if (!entry) {
        memory_free(elf);
        return NULL;
    }
    *entry = (DebugEntry){.elf = elf, .size = size};
    pthread_mutex_lock(&lock);
    entry->next = __jit_debug_descriptor.first;
    if (entry->next) entry->next->previous = entry;
    __jit_debug_descriptor.first = entry;
    tell(entry, DEBUG_REGISTER);
    pthread_mutex_unlock(&lock);
    return entry;
}

void debug_unregister(DebugEntry *entry) {
    if (!entry) return;
    pthread_mutex_lock(&lock);
    if (entry->next) entry->next->previous = entry->previous;
    if (entry->previous)
        entry->previous->next = entry->next;
    else
        __jit_debug_descriptor.first = entry->next;
    tell(entry, DEBUG_UNREGISTER);
    pthread_mutex_unlock(&lock);
    memory_free((void *)entry->elf);
    memory_free(entry);
}

/* ---- perf ---- */

bool debug_perf_wanted(void) { return secure_getenv("LAG_PERF_MAP") != NULL; }

void debug_perf_line(Buffer *lines, const char *name, const void *at, size_t size) {
    buffer_print(lines, "%llx %zx lag:%s\n", (unsigned long long)(uintptr_t)at, size, name);
}

/* /tmp is everybody's: what stands there under this name is written to only if it is a plain file of our own. */
void debug_perf_write(const Buffer *lines) {
    Buffer path = {0};
    struct stat is;
    buffer_print(&path, "/tmp/perf-%d.map", (int)getpid());
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
    int file = path.failed || lines->failed ? -1 : open(path.bytes, flags, 0600);
    buffer_free(&path);
    if (file < 0) return;
    ssize_t written = 0;
    if (fstat(file, &is) == 0 && S_ISREG(is.st_mode) && is.st_uid == geteuid() && is.st_nlink == 1)
        written = write(file, lines->bytes, lines->size);
    (void)written; /* without it there are addresses for names, no more */
    close(file);
}
