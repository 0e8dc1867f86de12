/* job.c: any bytes as a job that a compiler is sent (libFuzzer, or replay.c). What is read as one passes through all that is
 * done with it before machine code is made, and says the same when it is written again. */
#include "native/c_emit.h"
#include "native/llvm_emit.h"
#include "native/native.h"

#include <llvm-c/Analysis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAPES = 8, ROOM = 1 << 20 }; /* more is left alone: arrays are remembered by element */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds) abort();
}

static bool is_small(const NativeJob *job) {
    bool small = job->count <= TAPES;
    for (int a = 0; a < LAG_ARRAY_COUNT; a++) small = small && job->size[a] <= ROOM;
    for (uint32_t i = 0; i < job->count && small; i++) small = !job->tape[i] || job->tape[i]->work <= ROOM;
    return small;
}

static void emit_llvm(const NativeJob *job, bool optimised) {
    LLVMContextRef context = LLVMContextCreate();
    LLVMModuleRef module = llvm_emit(context, job, optimised);
    check(module && LLVMVerifyModule(module, LLVMReturnStatusAction, NULL) == 0);
    LLVMDisposeModule(module);
    LLVMContextDispose(context);
}

static void check_tape(const Tape *tape) {
    Buffer out = {0};
    uint32_t work;
    InterpCode *code = interp_new(tape, &work);
    tape_print(tape, &out);
    check(code && work >= tape->work && !out.failed);
    interp_free(code);
    buffer_free(&out);
}

static void check_written(const NativeJob *job) {
    Buffer once = {0}, again = {0};
    JobCopy copy;
    job_write(job, true, &once);
    check(job_read(once.bytes, once.size, &copy));
    job_write(&copy.job, true, &again);
    check(once.size == again.size && memcmp(once.bytes, again.bytes, once.size) == 0);
    job_free(&copy);
    buffer_free(&once);
    buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const name[TAPES] = {"f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"}; /* names are ours, not sent */
    JobCopy copy;
    Buffer out = {0};
    if (job_read((const char *)data, size, &copy) && is_small(&copy.job)) {
        check_written(&copy.job);
        copy.job.name = name;
        for (uint32_t i = 0; i < copy.job.count; i++)
            if (copy.job.tape[i]) check_tape(copy.job.tape[i]);
        c_emit(&copy.job, &out);
        check(!out.failed);
        emit_llvm(&copy.job, false);
        emit_llvm(&copy.job, true);
    }
    buffer_free(&out);
    job_free(&copy);
    return 0;
}
