/* job.c: see job.h. Whole numbers are written seven bits a byte, low bits first; operands as the distance to them: most then
 * are a byte. Doubles are written as they stand in memory: the bytes never leave the machine. */
#include "native/job.h"

#include <string.h>

bool job_failed(const NativeJob *job) {
    for (uint32_t i = 0; i < job->count; i++)
        if (job->tape[i] && job->tape[i]->failed) return true;
    return false;
}

uint64_t job_operations(const NativeJob *job) {
    uint64_t operations = 0;
    for (uint32_t i = 0; i < job->count; i++) operations += job->tape[i] ? job->tape[i]->count : 0;
    return operations;
}

/* ---- How long code is ---- */

/* Operations up to which loops are unrolled. More run no faster without optimisation, and with it by a fifth at most; either
 * takes longer to compile. */
enum { UNROLL_MOST = 1000, UNROLL_OPTIMISED_MOST = 2000 };

bool job_unrolls(const Tape *tape, bool optimised) {
    uint64_t unrolled = tape_unrolled(tape);
    if (tape_repeats(tape) || tape->systems > 1) return false;
    return unrolled <= (optimised ? UNROLL_OPTIMISED_MOST : UNROLL_MOST) ||
           unrolled <= tape->count; /* or there is no loop */
}

/* How often LLVM's code has the body of lanes, and about how long a sum is in it (llvm_emit.c). */
static uint64_t copies(uint32_t rounds) {
    uint32_t whole = rounds / TAPE_LANES_MOST;
    return (whole > JOB_CHUNKS_MOST ? 1 : whole) + (rounds % TAPE_LANES_MOST != 0);
}

static uint64_t written(TapeOp op) { return op.code == TAPE_FUSED_DOT && op.c <= JOB_WRITTEN_MOST ? op.c : 1; }

/* Operations of code that keeps its loops. */
static uint64_t looped_length(const Tape *tape) {
    uint64_t length = 0, times = 1;
    uint32_t open = 0, lanes = 0; /* loops, and how many there were before the lanes */
    for (uint32_t i = 0; i < tape->count; i++) {
        TapeOp op = tape->op[i];
        if (op.code == TAPE_LANES && tape->systems <= 1) times = copies(op.a), lanes = open + 1;
        open += op.code == TAPE_LOOP || op.code == TAPE_LANES;
        if (op.code == TAPE_END && open-- == lanes) times = 1, lanes = 0;
        length += times * written(op);
    }
    return length;
}

uint64_t job_straight_tape(const Tape *tape, bool optimised) {
    return job_unrolls(tape, optimised) ? tape_unrolled(tape) : looped_length(tape);
}

uint64_t job_straight(const NativeJob *job, bool optimised) {
    uint64_t operations = 0;
    for (uint32_t i = 0; i < job->count; i++) operations += job->tape[i] ? job_straight_tape(job->tape[i], optimised) : 0;
    return operations;
}

bool job_repeats(const NativeJob *job) {
    for (uint32_t i = 0; i < job->count; i++)
        if (job->tape[i] && tape_repeats(job->tape[i])) return true;
    return false;
}

/* ---- Writing ---- */

static void put(Buffer *out, uint64_t number) {
    char byte[10];
    size_t size = 0;
    for (; number >= 128; number >>= 7) byte[size++] = (char)(number | 128);
    byte[size++] = (char)number;
    buffer_add(out, byte, size);
}

/* Whether b and c of an operation are no operands, and say something. */
static bool is_series(uint32_t code) { return code == TAPE_DOT || code == TAPE_FUSED_DOT || code == TAPE_MOST; }

static void put_tape(const Tape *tape, const char *name, Buffer *out) {
    put(out, strlen(name));
    buffer_text(out, name);
    put(out, tape->count);
    put(out, tape->ref_count);
    put(out, tape->constant_count);
    put(out, tape->work);
    put(out, tape->systems);
    for (uint32_t i = 0; i < tape->count; i++) {
        TapeOp op = tape->op[i];
        uint32_t operands = tape_operands((TapeCode)op.code);
        put(out, op.code);
        put(out, operands && op.code != TAPE_STORE ? i - op.a : op.a);
        if (operands > 1 || op.code == TAPE_STORE) put(out, i - op.b);
        if (operands > 2) put(out, i - op.c);
        if (is_series(op.code)) put(out, op.b), put(out, op.c);
    }
    for (uint32_t i = 0; i < tape->ref_count; i++) {
        put(out, tape->ref[i].array);
        put(out, tape->ref[i].base);
        for (int l = 0; l < TAPE_DEPTH; l++) put(out, tape->ref[i].stride[l]);
    }
    buffer_add(out, (const char *)tape->constant, tape->constant_count * sizeof *tape->constant);
}

void job_write(const NativeJob *job, bool tables, Buffer *out) {
    put(out, job->count);
    for (int a = 0; a < LAG_ARRAY_COUNT; a++) put(out, job->size[a] << 1 | (job->table[a] != NULL));
    for (uint32_t i = 0; i < job->count; i++) {
        put(out, job->tape[i] != NULL);
        if (job->tape[i]) put_tape(job->tape[i], job->name[i], out);
    }
    for (int a = 0; a < LAG_ARRAY_COUNT && tables; a++)
        if (job->table[a]) buffer_add(out, (const char *)job->table[a], job->size[a] * sizeof *job->table[a]);
}

/* ---- Reading ---- */

/* `good` is false once something was not there; what is read then is 0. */
typedef struct Reader {
    const char *at, *end;
    Arena *arena;
    bool good;
} Reader;

static uint64_t get(Reader *in) {
    uint64_t number = 0;
    for (int shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        uint64_t byte = (unsigned char)*in->at++;
        number |= (byte & 127) << shift;
        if (byte < 128) return number;
    }
    in->good = false;
    return 0;
}

static uint32_t get32(Reader *in) {
    uint64_t number = get(in);
    in->good &= number <= UINT32_MAX;
    return (uint32_t)number;
}

/* Room for `count` things, each of which takes a byte or more of what is left. */
static void *room(Reader *in, uint64_t count, size_t size) {
    in->good &= count <= (uint64_t)(in->end - in->at);
    void *data = in->good ? arena_new(in->arena, (size_t)(count + 1) * size) : NULL;
    in->good &= data != NULL;
    return data;
}

static const void *take(Reader *in, uint64_t count, size_t size) {
    in->good &= count <= (uint64_t)(in->end - in->at) / size;
    void *data = room(in, in->good ? count * size : 0, 1);
    if (!in->good) return NULL;
    memcpy(data, in->at, (size_t)count * size);
    in->at += count * size;
    return data;
}

static void get_op(Reader *in, uint32_t i, TapeOp *op) {
    op->code = get32(in);
    in->good &= op->code < TAPE_CODE_COUNT;
    if (!in->good) return;
    uint32_t operands = tape_operands((TapeCode)op->code), a = get32(in);
    op->a = operands && op->code != TAPE_STORE ? i - a : a;
    if (operands > 1 || op->code == TAPE_STORE) op->b = i - get32(in);
    if (operands > 2) op->c = i - get32(in);
    if (is_series(op->code)) op->b = get32(in), op->c = get32(in);
}

static void get_tape(Reader *in, Tape *tape, const char **name) {
    uint64_t length = get(in);
    *name = take(in, length, 1); /* the arena ends it with a 0 */
    tape->count = get32(in);
    tape->ref_count = get32(in);
    tape->constant_count = get32(in);
    tape->work = get32(in);
    tape->systems = get32(in);
    tape->op = room(in, tape->count, sizeof *tape->op);
    for (uint32_t i = 0; i < tape->count && in->good; i++) get_op(in, i, &tape->op[i]);
    tape->ref = room(in, tape->ref_count, sizeof *tape->ref);
    for (uint32_t i = 0; i < tape->ref_count && in->good; i++) {
        tape->ref[i].array = (LagArray)get32(in);
        tape->ref[i].base = get32(in);
        for (int l = 0; l < TAPE_DEPTH; l++) tape->ref[i].stride[l] = get32(in);
    }
    tape->constant = (double *)(uintptr_t)take(in, tape->constant_count, sizeof *tape->constant);
}

/* Whether a tape writes to what is said to be known. */
static bool writes_tables(const Tape *tape, const double *const *table) {
    for (uint32_t i = 0; i < tape->count; i++)
        if (tape->op[i].code == TAPE_STORE && table[tape->ref[tape->op[i].a].array]) return true;
    return false;
}

bool job_read(const char *bytes, size_t size, JobCopy *copy) {
    *copy = (JobCopy){0};
    Reader in = {bytes, bytes + size, &copy->arena, true};
    uint32_t count = get32(&in);
    size_t *sizes = arena_new(&copy->arena, LAG_ARRAY_COUNT * sizeof *sizes);
    const double **table = arena_new(&copy->arena, LAG_ARRAY_COUNT * sizeof *table);
    bool known[LAG_ARRAY_COUNT] = {false};
    for (int a = 0; a < LAG_ARRAY_COUNT && sizes; a++) {
        uint64_t number = get(&in);
        in.good &= number >> 1 <= UINT32_MAX; /* what references reach */
        sizes[a] = (size_t)(number >> 1), known[a] = number & 1;
    }
    copy->tape = room(&in, count, sizeof *copy->tape);
    const Tape **tape = room(&in, count, sizeof *tape);
    const char **name = room(&in, count, sizeof *name);
    for (uint32_t i = 0; i < count && in.good; i++) {
        if (!get(&in)) continue;
        tape[i] = &copy->tape[i];
        get_tape(&in, &copy->tape[i], &name[i]);
    }
    for (int a = 0; a < LAG_ARRAY_COUNT && in.good && sizes && table; a++)
        if (known[a]) table[a] = take(&in, sizes[a], sizeof **table);
    copy->job = (NativeJob){tape, name, count, table, sizes};
    in.good &= sizes && table && in.at == in.end;
    for (uint32_t i = 0; i < count && in.good; i++)
        in.good &= !tape[i] || (!tape_check(tape[i], sizes) && !writes_tables(tape[i], table));
    return in.good;
}

void job_free(JobCopy *copy) {
    arena_free(&copy->arena);
    *copy = (JobCopy){0};
}
