/* job.h: what becomes machine code together, and its bytes: what goes to a compiler in another process, and what decides
 * the code in the cache's key. */
#ifndef LAG_NATIVE_JOB_H
#define LAG_NATIVE_JOB_H

#include "tape/tape.h"

typedef struct NativeJob {
    const Tape *const *tape; /* [count], NULL entries are left out */
    const char *const *name; /* [count], of the functions that they become */
    uint32_t count;
    const double *const *table; /* [LAG_ARRAY_COUNT]: what is in arrays that no tape writes, where known now, else NULL */
    const size_t *size;         /* [LAG_ARRAY_COUNT] */
} NativeJob;

/* Whether one of the tapes has failed. */
bool job_failed(const NativeJob *job);

/* Operations of the job, loops counted once: what compiling it takes time in proportion to. */
uint64_t job_operations(const NativeJob *job);

/* What LLVM's code writes out, which its length depends on. */
enum {
    JOB_CHUNKS_MOST = 4,   /* vectors of lanes; more are gone through in a loop */
    JOB_WRITTEN_MOST = 40, /* terms of a fused sum; more are gone through in a loop */
};

/* Whether LLVM's code of a tape is straight, its loops unrolled: where it is optimised, of longer ones. And the operations
 * of that code, of a tape and of all. */
bool job_unrolls(const Tape *tape, bool optimised);
uint64_t job_straight_tape(const Tape *tape, bool optimised);
uint64_t job_straight(const NativeJob *job, bool optimised);

/* Whether one of the tapes repeats: it takes whole steps, and is worth the most careful code. */
bool job_repeats(const NativeJob *job);

/* Appends the job's tapes, names and sizes; then, if asked, its tables. */
void job_write(const NativeJob *job, bool tables, Buffer *out);

/* A job that was written with its tables, and all it stands on. */
typedef struct JobCopy {
    NativeJob job;
    Arena arena;
    Tape *tape;
} JobCopy;

/* False when out of memory, or where the bytes are no job. To be freed by job_free in both cases. */
bool job_read(const char *bytes, size_t size, JobCopy *copy);
void job_free(JobCopy *copy);

#endif
