/* native.c: a job becomes machine code in memory: from the cache, or by a compiler and into the cache.
 *
 * A job of some length is compiled as two, at the same time: the tape that is longest, and the others. The cache keeps
 * all objects of a job as one entry. */
#include "native/native.h"

#include "base/clock.h"
#include "native/backend.h"
#include "native/cache.h"
#include "native/cpu.h"
#include "native/object.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

enum {
    PARTS = 2,
    PART_WORTH = 800, /* operations of a job from which a second compiler pays its start */
};

struct NativeCode {
    ObjectCode *object[PARTS];
};

static LagStatus no_memory(char *why, size_t why_size) {
    snprintf(why, why_size, "out of memory");
    return LAG_ERROR_MEMORY;
}

/* ---- Objects into memory ---- */

void native_free(NativeCode *code) {
    for (int i = 0; code && i < PARTS; i++) object_free(code->object[i]);
    memory_free(code);
}

size_t native_bytes(const NativeCode *code) {
    size_t bytes = 0;
    for (int i = 0; code && i < PARTS; i++)
        if (code->object[i]) bytes += object_bytes(code->object[i]);
    return bytes;
}

/* What a job is compiled to: an object, or one for the longest tape and one for the others. */
typedef struct Parts {
    uint32_t count, longest;
    Buffer object[PARTS];
} Parts;

static void parts_free(Parts *parts) {
    for (int i = 0; i < PARTS; i++) buffer_free(&parts->object[i]);
}

/* Whether tape i of the job is in a part. */
static bool in_part(const NativeJob *job, const Parts *parts, uint32_t part, uint32_t i) {
    return job->tape[i] && (parts->count == 1 || (i == parts->longest) == (part == 0));
}

static LagStatus load_part(const NativeJob *job, const Parts *parts, uint32_t part, const char **name, LagNative **found,
                           NativeCode *code, char *why, size_t why_size) {
    const Buffer *object = &parts->object[part];
    for (uint32_t i = 0; i < job->count; i++) name[i] = in_part(job, parts, part, i) ? job->name[i] : NULL;
    return object_load(object->bytes, object->size, name, job->count, &code->object[part], found, why, why_size);
}

static LagStatus load(const NativeJob *job, const Parts *parts, LagTimings *timings, NativeCode **code, LagNative **run,
                      char *why, size_t why_size) {
    double start = clock_seconds();
    const char **name = memory_new((job->count + 1) * sizeof *name);
    LagNative **found = memory_new((PARTS * job->count + 1) * sizeof *found);
    NativeCode *new = memory_new(sizeof *new);
    LagStatus status = name && found && new ? LAG_OK : no_memory(why, why_size);
    for (uint32_t p = 0; p < parts->count && status == LAG_OK; p++)
        status = load_part(job, parts, p, name, found + p * job->count, new, why, why_size);
    if (status == LAG_OK) {
        *code = new;
        for (uint32_t i = 0; i < job->count; i++) run[i] = found[i] ? found[i] : found[job->count + i];
    } else {
        native_free(new);
    }
    memory_free(name);
    memory_free(found);
    timings->link += clock_seconds() - start;
    return status;
}

/* ---- The cache ---- */

/* What decides the code: the job (its tables follow from its sizes), who makes it and how, and for which CPU. */
static bool key_of(const NativeJob *job, LagBackend road, CacheKey *key) {
    static const char maker[] = BACKEND_BUILD;
    uint8_t cpu[CPU_IDENTITY_MOST];
    Buffer bytes = {0};
    job_write(job, false, &bytes);
    bool good = bytes.bytes && !bytes.failed;
    if (good) {
        const uint32_t way = (uint32_t)road;
        const void *piece[] = {maker, &way, cpu, bytes.bytes};
        const size_t size[] = {sizeof maker, sizeof way, cpu_identity(cpu, sizeof cpu), bytes.size};
        *key = cache_key(piece, size, sizeof piece / sizeof *piece);
    }
    buffer_free(&bytes);
    return good;
}

/* An entry: how many parts, which tape is the longest, the size of the first object, then the objects. */
typedef struct EntryHead {
    uint32_t count, longest, first;
} EntryHead;

static void keep(const CacheKey *key, const Parts *parts) {
    EntryHead head = {parts->count, parts->longest, parts->object[0].size};
    Buffer entry = {0};
    buffer_add(&entry, (const char *)&head, sizeof head);
    for (uint32_t p = 0; p < parts->count; p++) buffer_add(&entry, parts->object[p].bytes, parts->object[p].size);
    if (!entry.failed) cache_write(key, entry.bytes, entry.size);
    buffer_free(&entry);
}

static bool take_apart(const Buffer *entry, Parts *parts) {
    EntryHead head;
    if (entry->size < sizeof head) return false;
    memcpy(&head, entry->bytes, sizeof head);
    const char *at = entry->bytes + sizeof head;
    size_t left = entry->size - sizeof head;
    if (head.count < 1 || head.count > PARTS || head.first > left) return false;
    parts->count = head.count;
    parts->longest = head.longest;
    buffer_add(&parts->object[0], at, head.first);
    if (head.count > 1) buffer_add(&parts->object[1], at + head.first, left - head.first);
    return !parts->object[0].failed && !parts->object[1].failed;
}

static bool recall(const NativeJob *job, const CacheKey *key, LagTimings *timings, NativeCode **code, LagNative **run) {
    Buffer entry = {0};
    Parts parts = {0};
    char why[128];
    double start = clock_seconds();
    bool found = cache_read(key, &entry) && take_apart(&entry, &parts);
    timings->link += clock_seconds() - start;
    found = found && load(job, &parts, timings, code, run, why, sizeof why) == LAG_OK;
    parts_free(&parts);
    buffer_free(&entry);
    return found;
}

bool native_recall(const NativeJob *job, LagBackend road, LagTimings *timings, NativeCode **code, LagNative **run) {
    CacheKey key;
    return !job_failed(job) && key_of(job, road, &key) && recall(job, &key, timings, code, run);
}

/* ---- Compilers ---- */

static uint32_t cpus(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

static void divide(const NativeJob *job, LagBackend road, Parts *parts) {
    uint64_t most = 0;
    *parts = (Parts){.count = 1};
    for (uint32_t i = 0; i < job->count; i++) {
        uint64_t operations = job->tape[i] ? job_straight_tape(job->tape[i], road == LAG_BACKEND_LLVM) : 0;
        if (operations && tape_repeats(job->tape[i])) operations = UINT64_MAX;
        if (operations > most) most = operations, parts->longest = i;
    }
    uint64_t all = job_straight(job, road == LAG_BACKEND_LLVM);
    bool alone = most == UINT64_MAX && road == LAG_BACKEND_LLVM;
    if (alone || (road != LAG_BACKEND_TCC && all >= PART_WORTH && most < all && cpus() > 1)) parts->count = PARTS;
}

/* All parts at once; the seconds are those of the slowest. */
static LagStatus make_parts(const NativeJob *job, LagBackend road, int stop, LagTimings *timings, Parts *parts, char *why,
                            size_t why_size) {
    BackendTask task[PARTS] = {{NULL, road}, {NULL, road}};
    LagTimings spent[PARTS] = {0};
    LagStatus status = LAG_OK;
    const Tape **tape = memory_new((job->count + 1) * sizeof *tape);
    if (!tape) return no_memory(why, why_size);
    for (uint32_t p = 0; p < parts->count && status == LAG_OK; p++) {
        NativeJob part = *job;
        part.tape = tape;
        for (uint32_t i = 0; i < job->count; i++) tape[i] = in_part(job, parts, p, i) ? job->tape[i] : NULL;
        status = backend_begin(&part, road, BACKEND_OBJECT, stop, &task[p], why, why_size);
    }
    for (uint32_t p = 0; p < parts->count && status == LAG_OK; p++)
        status = backend_end(&task[p], stop, &spent[p], &parts->object[p], why, why_size);
    for (uint32_t p = 0; p < PARTS; p++) backend_abandon(&task[p]);
    timings->emit += fmax(spent[0].emit, spent[1].emit);
    timings->codegen += fmax(spent[0].codegen, spent[1].codegen);
    memory_free(tape);
    return status;
}

LagStatus native_compile(const NativeJob *job, LagBackend road, int stop, LagTimings *timings, NativeCode **code,
                         LagNative **run, bool *cached, char *why, size_t why_size) {
    CacheKey key;
    Parts parts;
    if (job_failed(job)) return no_memory(why, why_size);
    bool keyed = road != LAG_BACKEND_TCC && key_of(job, road, &key);
    if (keyed && recall(job, &key, timings, code, run)) {
        *cached = true;
        return LAG_OK;
    }
    divide(job, road, &parts);
    LagStatus status = make_parts(job, road, stop, timings, &parts, why, why_size);
    if (status == LAG_OK) status = load(job, &parts, timings, code, run, why, why_size);
    if (status == LAG_OK) {
        if (keyed) keep(&key, &parts);
        *cached = false;
    }
    parts_free(&parts);
    return status;
}

LagStatus native_print(const NativeJob *job, bool assembly, Buffer *out, char *why, size_t why_size) {
    BackendTask task;
    LagTimings timings = {0};
    BackendForm form = assembly ? BACKEND_ASSEMBLY : BACKEND_IR;
    LagStatus status = backend_begin(job, LAG_BACKEND_LLVM, form, -1, &task, why, why_size);
    return status == LAG_OK ? backend_end(&task, -1, &timings, out, why, why_size) : status;
}
