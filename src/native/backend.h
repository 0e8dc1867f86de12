/* backend.h: compilers at arm's length. Each stands in a program of its own, lag-tcc and lag-llvm, started when its code is
 * first asked for: whoever does without pays nothing; theirs, not ours, is the memory that LLVM takes; and where one ends
 * itself (both do when memory runs out) or is ended, the answer is an error and not the end of the process.
 *
 * Both sides are of one build, and speak over a pair of sockets: a request, a job's bytes, an answer, its bytes. */
#ifndef LAG_NATIVE_BACKEND_H
#define LAG_NATIVE_BACKEND_H

#include "lag.h"
#include "native/job.h"
#include "native_build.h"

/* What both sides must agree on: who makes what of a job. */
#define BACKEND_TEXT(tokens) BACKEND_TEXT_OF(tokens)
#define BACKEND_TEXT_OF(tokens) #tokens
#define BACKEND_BUILD BACKEND_TEXT(NATIVE_SOURCES) " " BACKEND_TEXT(NATIVE_LLVM)

/* What is asked for. */
typedef enum BackendForm { BACKEND_OBJECT, BACKEND_IR, BACKEND_ASSEMBLY } BackendForm;

typedef struct BackendRequest {
    char build[40]; /* BACKEND_BUILD of who asks */
    uint32_t road;  /* a LagBackend */
    uint32_t form;  /* a BackendForm */
    uint64_t size;  /* of the job's bytes, which follow: job_write, with tables */
} BackendRequest;

typedef struct BackendAnswer {
    uint32_t status; /* a LagStatus */
    uint32_t spare;
    double emit, codegen; /* seconds */
    uint64_t size;        /* of the bytes that follow: what was asked for, or the reason, NUL-terminated */
} BackendAnswer;

/* ---- The program's side: serve.c */

/* A compiler: makes `form` of the job. On failure a status, and a reason in `why`. `user` is what serve was given. */
typedef LagStatus BackendCompile(void *user, const NativeJob *job, LagBackend road, BackendForm form, LagTimings *timings,
                                 Buffer *out, char *why, size_t why_size);

/* Answers requests from standard input, a socket, until it is closed, and ends the program. */
void serve(BackendCompile *compile, void *user) __attribute__((noreturn));

/* ---- The library's side: backend.c */

/* A request that has been made. */
typedef struct BackendTask {
    struct Compiler *compiler; /* NULL: none */
    LagBackend road;
} BackendTask;

/* Has the road's compiler begin to make `form` of a job, starting it if need be. Several can be under way at once, each in a
 * process of its own. On LAG_OK backend_end follows, or backend_abandon. Gives up, and ends the compiler, after a minute, or
 * when `stop`, a file descriptor (-1: none), becomes readable: LAG_INTERRUPTED. On failure else LAG_ERROR_BACKEND or
 * LAG_ERROR_MEMORY, and a reason in `why`. Thread-safe. */
LagStatus backend_begin(const NativeJob *job, LagBackend road, BackendForm form, int stop, BackendTask *task, char *why,
                        size_t why_size);

/* Waits for what was asked for, and appends it to out; adds to timings->emit and codegen. Fails as backend_begin does. */
LagStatus backend_end(BackendTask *task, int stop, LagTimings *timings, Buffer *out, char *why, size_t why_size);
void backend_abandon(BackendTask *task); /* one that was not begun, too */

#endif
