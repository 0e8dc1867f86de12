/* fault.h: lag's own calls into the C library, counted, and made to fail. The linker's --wrap sends them to wrap.c, so that
 * lag knows nothing of it; what other libraries call among themselves is left alone. */
#ifndef LAG_TESTS_FAULT_H
#define LAG_TESTS_FAULT_H

#include <stdbool.h>
#include <stddef.h>

typedef enum FaultKind {
    FAULT_NONE,
    FAULT_MEMORY, /* allocations, mappings */
    FAULT_IO,     /* open, close, read, write, rename, stat, realpath, sockets, processes, protection of pages */
    FAULT_SHORT,  /* reads and writes: a read gives less, which is no mistake; a write ends half way */
} FaultKind;

/* What is to fail: the call `at` (from 1) of a kind, and all that follow it if `lasting`. */
typedef struct Fault {
    FaultKind kind;
    unsigned at;
    bool lasting;
} Fault;

/* What came of it. Pointers are good until the next fault_begin. */
typedef struct FaultReport {
    int error;             /* errno of the first call that failed; 0: none did */
    bool silenced;         /* a write to standard error failed: what there was to say could not be said */
    size_t blocks;         /* that were not freed: lag's own, and numbers of GMP and MPFR */
    int files;             /* that were not closed */
    const char *out, *err; /* what was written to the standard streams, NUL-terminated */
    size_t peak;           /* most bytes of GMP's and MPFR's numbers at a time */
} FaultReport;

/* From here to fault_end the standard streams are the test's: `input` is what standard input reads, a file's path. */
void fault_begin(Fault fault, const char *input);
FaultReport fault_end(void);

#endif
