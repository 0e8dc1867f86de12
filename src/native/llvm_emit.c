/* llvm_emit.c: see llvm_emit.h. The IR says what the tape says, operation for operation: no flags that would let LLVM
 * contract or reassociate, so the bits are those of the interpreter.
 *
 * A value is a double, or a vector: of the rounds that run at once, inside TAPE_LANES; or, of a tape that runs several
 * systems side by side, of the systems. What is the same in all lanes stays a double until it meets a vector.
 *
 * A tape whose loops unroll to few operations is emitted as straight-line code: the loops run here, counters are known, and
 * memory disappears: what is stored is remembered by element and given to later loads, the scratch array is never touched,
 * and tables become constants. Otherwise loops become loops. */
#include "native/llvm_emit.h"

#include "native/cpu.h"
#include "native/native.h"

#include <stdio.h>
#include <string.h>

enum {
    SERIES_MOST = 8,  /* terms of a sum to a round of its loop, where it has one: even */
    GROUP_MOST = 4,   /* fused sums that are written out, side by side: what they share is loaded once */
    ROUNDS_MOST = 6,  /* of a loop in which several systems stand side by side, written out */
    BLOCK_MOST = 500, /* operations of a straight line in one block, where there are more */
    POOL_MOST = 1000, /* constants up to which they stand in the code; LLVM's own pool takes time squared in their number */
};

/* Where an array's references of the same strides stand in this round of the loops: they differ by a known distance, which
 * an instruction adds for nothing. */
typedef struct Cursor {
    LagArray array;
    uint32_t stride[TAPE_DEPTH];
    LLVMValueRef pointer;
} Cursor;

enum { CURSORS = 32 }; /* remembered at a time; there is seldom need for more than ten */

/* What was stored into LAG_WORK by straight code: whoever loads it again need not wait for memory. */
typedef struct Stored {
    size_t at;
    uint32_t lanes;
    LLVMValueRef value;
} Stored;

enum { STORED = 64 }; /* remembered at a time: the latest */

typedef struct Types {
    LLVMTypeRef f64, i64, i32, pointer, function;
} Types;

typedef struct Emitting {
    const NativeJob *job;
    const Tape *tape;
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    Types type;
    LLVMValueRef self;
    LLVMValueRef *value;                    /* by operation */
    LLVMValueRef *truth;                    /* of what is 0 or more by comparison: whether it is more, 1 bit in each lane */
    LLVMValueRef pool;                      /* the tape's constants as an array, or NULL where they stand in the code */
    LLVMValueRef array[LAG_ARRAY_COUNT];    /* pointers, loaded at entry where used */
    LLVMValueRef *element[LAG_ARRAY_COUNT]; /* unrolled, read: the last value of each element, NULL if not known */
    uint32_t depth;
    uint32_t counter[TAPE_DEPTH + 1];   /* unrolled */
    LLVMValueRef index[TAPE_DEPTH + 1]; /* looped: each loop's counter */
    Cursor cursor[CURSORS];
    uint32_t cursors;
    uint32_t systems;     /* that run side by side */
    uint32_t width, lane; /* in TAPE_LANES: rounds that run at once, else 0; its place among the loops that count */
    Stored stored[STORED];
    uint32_t stored_count; /* since the last loop began or ended; in a ring */
    bool unrolled, fma;
} Emitting;

static LLVMValueRef constant(const Emitting *e, double value) { return LLVMConstReal(e->type.f64, value); }
static LLVMValueRef whole(const Emitting *e, uint64_t value) { return LLVMConstInt(e->type.i64, value, 0); }

/* ---- Vectors ---- */

static LLVMTypeRef lanes_type(const Emitting *e, uint32_t lanes) {
    return lanes > 1 ? LLVMVectorType(e->type.f64, lanes) : e->type.f64;
}

static uint32_t lanes_of(LLVMValueRef value) {
    LLVMTypeRef type = LLVMTypeOf(value);
    return LLVMGetTypeKind(type) == LLVMVectorTypeKind ? LLVMGetVectorSize(type) : 1;
}

/* The value in each of so many lanes. */
static LLVMValueRef widened(Emitting *e, LLVMValueRef value, uint32_t lanes) {
    if (lanes_of(value) == lanes) return value;
    LLVMTypeRef type = lanes_type(e, lanes), numbers = LLVMVectorType(e->type.i32, lanes);
    LLVMValueRef one = LLVMBuildInsertElement(e->builder, LLVMGetPoison(type), value, LLVMConstInt(e->type.i32, 0, 0), "");
    return LLVMBuildShuffleVector(e->builder, one, LLVMGetPoison(type), LLVMConstNull(numbers), "");
}

/* Widens all to the widest, and tells how wide that is. */
static uint32_t match(Emitting *e, LLVMValueRef *value, uint32_t count) {
    uint32_t lanes = 1;
    for (uint32_t i = 0; i < count; i++) lanes = lanes_of(value[i]) > lanes ? lanes_of(value[i]) : lanes;
    for (uint32_t i = 0; i < count; i++) value[i] = widened(e, value[i], lanes);
    return lanes;
}

/* Lanes first .. first + lanes - 1 of two vectors, one behind the other. */
static LLVMValueRef lanes_from(Emitting *e, LLVMValueRef a, LLVMValueRef b, uint32_t first, uint32_t lanes) {
    LLVMValueRef number[TAPE_LANES_MOST];
    for (uint32_t i = 0; i < lanes; i++) number[i] = LLVMConstInt(e->type.i32, first + i, 0);
    if (lanes == 1) return LLVMBuildExtractElement(e->builder, a, number[0], "");
    return LLVMBuildShuffleVector(e->builder, a, b, LLVMConstVector(number, lanes), "");
}

static LLVMValueRef half_of(Emitting *e, LLVMValueRef value, bool upper) {
    uint32_t half = lanes_of(value) / 2;
    return lanes_from(e, value, LLVMGetPoison(LLVMTypeOf(value)), upper ? half : 0, half);
}

static LLVMValueRef joined(Emitting *e, LLVMValueRef a, LLVMValueRef b) {
    if (lanes_of(a) > 1) return lanes_from(e, a, b, 0, 2 * lanes_of(a));
    LLVMValueRef pair = LLVMGetPoison(lanes_type(e, 2));
    pair = LLVMBuildInsertElement(e->builder, pair, a, LLVMConstInt(e->type.i32, 0, 0), "");
    return LLVMBuildInsertElement(e->builder, pair, b, LLVMConstInt(e->type.i32, 1, 0), "");
}

/* ---- Memory ---- */

static size_t known_index(const Emitting *e, const TapeRef *ref, uint32_t extra) {
    size_t at = ref->base;
    for (uint32_t l = 0; l < e->depth; l++) at += (size_t)ref->stride[l] * e->counter[l];
    return at + (size_t)extra * ref->stride[e->depth < TAPE_DEPTH ? e->depth : TAPE_DEPTH - 1];
}

/* What an element of an array is: tables are the same for all systems. */
static LLVMTypeRef element_type(const Emitting *e, LagArray array) {
    return e->systems > 1 && !e->job->table[array] ? lanes_type(e, e->systems) : e->type.f64;
}

static LLVMValueRef displaced(Emitting *e, LagArray array, LLVMValueRef pointer, LLVMValueRef distance) {
    return LLVMBuildInBoundsGEP2(e->builder, element_type(e, array), pointer, &distance, 1, "");
}

/* The array from where the loops around have come to, for a reference's strides. */
static LLVMValueRef cursor(Emitting *e, const TapeRef *ref) {
    uint32_t stride[TAPE_DEPTH] = {0};
    bool still = true;
    for (uint32_t l = 0; l < e->depth; l++) {
        stride[l] = ref->stride[l];
        still = still && !stride[l];
    }
    if (still) return e->array[ref->array];
    for (uint32_t i = 0; i < e->cursors; i++)
        if (e->cursor[i].array == ref->array && memcmp(e->cursor[i].stride, stride, sizeof stride) == 0)
            return e->cursor[i].pointer;
    LLVMValueRef at = NULL;
    for (uint32_t l = 0; l < e->depth; l++) {
        if (!stride[l]) continue;
        LLVMValueRef term = LLVMBuildMul(e->builder, e->index[l], whole(e, stride[l]), "");
        at = at ? LLVMBuildAdd(e->builder, at, term, "") : term;
    }
    LLVMValueRef pointer = displaced(e, ref->array, e->array[ref->array], at);
    if (e->cursors < CURSORS) {
        Cursor *new = &e->cursor[e->cursors++];
        *new = (Cursor){.array = ref->array, .pointer = pointer};
        memcpy(new->stride, stride, sizeof stride);
    }
    return pointer;
}

static LLVMValueRef known_address(Emitting *e, LagArray array, size_t at) {
    return displaced(e, array, e->array[array], whole(e, at));
}

static LLVMValueRef load_as(Emitting *e, LLVMTypeRef type, LLVMValueRef pointer) {
    LLVMValueRef value = LLVMBuildLoad2(e->builder, type, pointer, "");
    LLVMSetAlignment(value, sizeof(double));
    return value;
}

/* Whether a reference goes along with the rounds that run at once. */
static bool in_lanes(const Emitting *e, const TapeRef *ref) { return e->width > 1 && ref->stride[e->lane]; }

/* The element `distance` behind a cursor of the reference. */
static LLVMValueRef load_from(Emitting *e, const TapeRef *ref, LLVMValueRef pointer, uint64_t distance) {
    LLVMTypeRef type = in_lanes(e, ref) ? lanes_type(e, e->width) : element_type(e, ref->array);
    return load_as(e, type, displaced(e, ref->array, pointer, whole(e, distance)));
}

/* Term `extra` of a reference, its loops' counters known. */
static LLVMValueRef load_known(Emitting *e, const TapeRef *ref, uint32_t extra) {
    size_t at = known_index(e, ref, extra);
    if (e->job->table[ref->array]) return constant(e, e->job->table[ref->array][at]);
    LLVMValueRef *element = &e->element[ref->array][at];
    if (!*element)
        *element = ref->array == LAG_WORK ? constant(e, 0) : load_as(e, e->type.f64, known_address(e, ref->array, at));
    return *element;
}

/* Where in LAG_WORK a reference stands, if that is known here. */
static bool known_place(const Emitting *e, const TapeRef *ref, size_t *at) {
    *at = ref->base;
    for (uint32_t l = 0; l < e->depth && ref->array == LAG_WORK; l++) {
        if (ref->stride[l] && !LLVMIsAConstantInt(e->index[l])) return false;
        if (ref->stride[l]) *at += ref->stride[l] * (size_t)LLVMConstIntGetZExtValue(e->index[l]);
    }
    return ref->array == LAG_WORK;
}

static void remember(Emitting *e, const TapeRef *ref, LLVMValueRef value) {
    size_t at;
    if (ref->array != LAG_WORK) return;
    if (!known_place(e, ref, &at))
        e->stored_count = 0; /* it may be any of them */
    else
        e->stored[e->stored_count++ % STORED] = (Stored){at, lanes_of(value), value};
}

/* What was stored there last, if that is remembered: the latest store that touches those lanes. */
static LLVMValueRef recall(Emitting *e, const TapeRef *ref, uint32_t lanes) {
    size_t at;
    if (!known_place(e, ref, &at)) return NULL;
    uint32_t oldest = e->stored_count < STORED ? 0 : e->stored_count - STORED;
    for (uint32_t i = e->stored_count; i-- > oldest;) {
        const Stored *s = &e->stored[i % STORED];
        if (e->systems > 1 ? s->at != at : (s->at + s->lanes <= at || at + lanes <= s->at)) continue;
        if (s->at == at && (e->systems > 1 || s->lanes == lanes)) return s->value;
        return lanes == 1 ? lanes_from(e, s->value, NULL, (uint32_t)(at - s->at), 1) : NULL;
    }
    return NULL;
}

static LLVMValueRef load(Emitting *e, const TapeRef *ref) {
    if (e->unrolled) return load_known(e, ref, 0);
    LLVMValueRef value = recall(e, ref, in_lanes(e, ref) ? e->width : 1);
    return value ? value : load_from(e, ref, cursor(e, ref), ref->base);
}

static void store(Emitting *e, const TapeRef *ref, LLVMValueRef value) {
    if (!e->unrolled) {
        value = widened(e, value, e->systems > 1 ? e->systems : e->width > 1 ? e->width : 1);
        LLVMValueRef stored =
            LLVMBuildStore(e->builder, value, displaced(e, ref->array, cursor(e, ref), whole(e, ref->base)));
        LLVMSetAlignment(stored, sizeof(double));
        remember(e, ref, value);
        return;
    }
    size_t at = known_index(e, ref, 0);
    if (e->element[ref->array]) e->element[ref->array][at] = value;
    if (ref->array != LAG_WORK) LLVMBuildStore(e->builder, value, known_address(e, ref->array, at));
}

/* ---- Constants ---- */

static void emit_pool(Emitting *e) {
    uint32_t count = e->tape->constant_count;
    if (count <= POOL_MOST) return;
    LLVMValueRef *value = memory_new(count * sizeof *value);
    if (!value) return; /* then they stand in the code, slowly */
    for (uint32_t i = 0; i < count; i++) value[i] = constant(e, e->tape->constant[i]);
    LLVMValueRef array = LLVMConstArray2(e->type.f64, value, count);
    e->pool = LLVMAddGlobal(e->module, LLVMTypeOf(array), "constants");
    LLVMSetInitializer(e->pool, array);
    LLVMSetGlobalConstant(e->pool, 1);
    LLVMSetLinkage(e->pool, LLVMPrivateLinkage);
    memory_free(value);
}

static LLVMValueRef pooled(Emitting *e, uint32_t i) {
    if (!e->pool) return constant(e, e->tape->constant[i]);
    LLVMValueRef at = whole(e, i), where = LLVMBuildInBoundsGEP2(e->builder, e->type.f64, e->pool, &at, 1, "");
    return LLVMBuildLoad2(e->builder, e->type.f64, where, "");
}

/* ---- Loops ---- */

/* Opens a loop: its counter from `first`, in a block of its own. */
static LLVMValueRef loop_open(Emitting *e, uint64_t first, LLVMBasicBlockRef *header) {
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder);
    *header = LLVMAppendBasicBlockInContext(e->context, e->self, "loop");
    LLVMBuildBr(e->builder, *header);
    LLVMPositionBuilderAtEnd(e->builder, *header);
    LLVMValueRef counter = LLVMBuildPhi(e->builder, e->type.i64, ""), start = whole(e, first);
    LLVMAddIncoming(counter, &start, &before, 1);
    return counter;
}

static void loop_close(Emitting *e, LLVMValueRef counter, LLVMBasicBlockRef header, uint64_t count) {
    LLVMValueRef next = LLVMBuildAdd(e->builder, counter, whole(e, 1), "");
    LLVMValueRef more = LLVMBuildICmp(e->builder, LLVMIntULT, next, whole(e, count), "");
    LLVMBasicBlockRef last = LLVMGetInsertBlock(e->builder);
    LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(e->context, e->self, "after");
    LLVMAddIncoming(counter, &next, &last, 1);
    LLVMBuildCondBr(e->builder, more, header, after);
    LLVMPositionBuilderAtEnd(e->builder, after);
}

/* ---- Functions ---- */

static void set_attribute(const Emitting *e, LLVMValueRef function, const char *name, uint64_t value) {
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                            LLVMCreateEnumAttribute(e->context, kind, value));
}

/* A function by name of arguments of one type, declared on first use: pure, so that equal calls are one. */
static LLVMValueRef call(Emitting *e, const char *name, LLVMValueRef *argument, unsigned count) {
    LLVMTypeRef each = LLVMTypeOf(argument[0]), three[3] = {each, each, each},
                type = LLVMFunctionType(each, three, count, 0);
    LLVMValueRef function = LLVMGetNamedFunction(e->module, name);
    if (!function) {
        function = LLVMAddFunction(e->module, name, type);
        set_attribute(e, function, "nounwind", 0);
        set_attribute(e, function, "willreturn", 0);
        set_attribute(e, function, "memory", 0);
    }
    return LLVMBuildCall2(e->builder, type, function, argument, count, "");
}

/* One of LLVM's own, of doubles or vectors. */
static LLVMValueRef intrinsic(Emitting *e, const char *name, LLVMValueRef *argument, unsigned count) {
    char full[32];
    uint32_t lanes = match(e, argument, count);
    if (lanes > 1)
        snprintf(full, sizeof full, "llvm.%s.v%uf64", name, lanes);
    else
        snprintf(full, sizeof full, "llvm.%s.f64", name);
    return call(e, full, argument, count);
}

/* An elementary function, in as many lanes at once as the CPU's comes in. */
static LLVMValueRef elementary(Emitting *e, const char *symbol, LLVMValueRef *argument, unsigned count) {
    uint32_t lanes = match(e, argument, count);
    if (lanes == 1) return call(e, symbol, argument, count);
    if (lanes <= cpu_lanes()) {
        char full[32];
        snprintf(full, sizeof full, "%s_%u", symbol, lanes);
        return call(e, full, argument, count);
    }
    LLVMValueRef half[2];
    for (int upper = 0; upper < 2; upper++) {
        LLVMValueRef part[3];
        for (unsigned i = 0; i < count; i++) part[i] = half_of(e, argument[i], upper);
        half[upper] = elementary(e, symbol, part, count);
    }
    return joined(e, half[0], half[1]);
}

/* In each lane `then` where x compares so with y, else `otherwise`. */
static LLVMValueRef choose(Emitting *e, LLVMRealPredicate how, LLVMValueRef x, LLVMValueRef y, LLVMValueRef then,
                           LLVMValueRef otherwise) {
    LLVMValueRef value[] = {x, y, then, otherwise};
    match(e, value, 4);
    return LLVMBuildSelect(e->builder, LLVMBuildFCmp(e->builder, how, value[0], value[1], ""), value[2], value[3], "");
}

/* a b + c. */
static LLVMValueRef fused(Emitting *e, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c) {
    LLVMValueRef x[] = {a, b, c};
    if (e->fma) return intrinsic(e, "fma", x, 3);
    match(e, x, 3);
    return LLVMBuildFAdd(e->builder, LLVMBuildFMul(e->builder, x[0], x[1], ""), x[2], "");
}

/* ---- Sums ---- */

/* A sum of products, or a maximum: the references it goes through, where they begin, and how far apart their terms are. */
typedef struct Series {
    uint32_t code, refs;
    const TapeRef *ref[2];
    LLVMValueRef begin[2];
    uint64_t stride[2];
} Series;

/* A sum so far: plain ones use the first part alone, the others take turns. */
typedef struct Parts {
    LLVMValueRef part[2];
} Parts;

static LLVMValueRef larger(Emitting *e, LLVMValueRef x, LLVMValueRef than) {
    return choose(e, LLVMRealOGT, x, than, x, than);
}

/* Term j of those that follow the beginning, added to a part. */
static LLVMValueRef add_term(Emitting *e, const Series *s, uint32_t j, LLVMValueRef sum) {
    LLVMValueRef x[2] = {NULL, NULL};
    for (uint32_t i = 0; i < s->refs; i++)
        x[i] = e->unrolled ? load_known(e, s->ref[i], j)
                           : load_from(e, s->ref[i], s->begin[i], s->ref[i]->base + s->stride[i] * j);
    if (s->code == TAPE_MOST) return larger(e, x[0], sum ? sum : constant(e, 0));
    if (s->code == TAPE_FUSED_DOT && sum) return fused(e, x[0], x[1], sum);
    match(e, x, 2);
    LLVMValueRef product = LLVMBuildFMul(e->builder, x[0], x[1], "");
    return sum ? LLVMBuildFAdd(e->builder, sum, product, "") : product;
}

static Parts add_terms(Emitting *e, const Series *s, Parts sum, uint32_t begin, uint32_t end) {
    for (uint32_t j = begin; j < end; j++) {
        LLVMValueRef *part = &sum.part[s->code == TAPE_DOT ? 0 : j % 2];
        *part = add_term(e, s, j, *part);
    }
    return sum;
}

static LLVMValueRef total(Emitting *e, const Series *s, Parts sum) {
    if (!sum.part[1]) return sum.part[0];
    if (s->code == TAPE_MOST) return larger(e, sum.part[0], sum.part[1]);
    return LLVMBuildFAdd(e->builder, sum.part[0], sum.part[1], "");
}

/* Long ones go round a loop, SERIES_MOST terms at a time: what goes from round to round may go through memory. */
static LLVMValueRef long_series(Emitting *e, Series *s, uint32_t terms) {
    uint32_t first = SERIES_MOST + terms % SERIES_MOST; /* so that each part has begun */
    Parts sum = add_terms(e, s, (Parts){{NULL, NULL}}, 0, first), so_far = sum;
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder), header, last;
    LLVMValueRef round = loop_open(e, 0, &header);
    for (int p = 0; p < 2; p++)
        if (sum.part[p]) so_far.part[p] = LLVMBuildPhi(e->builder, LLVMTypeOf(sum.part[p]), "");
    for (uint32_t i = 0; i < s->refs; i++) {
        LLVMValueRef at = LLVMBuildMul(e->builder, round, whole(e, s->stride[i] * SERIES_MOST), "");
        s->begin[i] = displaced(e, s->ref[i]->array, s->begin[i], at);
    }
    Parts next = add_terms(e, s, so_far, first, first + SERIES_MOST);
    last = LLVMGetInsertBlock(e->builder);
    for (int p = 0; p < 2; p++) {
        if (!sum.part[p]) continue;
        LLVMAddIncoming(so_far.part[p], &sum.part[p], &before, 1);
        LLVMAddIncoming(so_far.part[p], &next.part[p], &last, 1);
    }
    loop_close(e, round, header, (terms - first) / SERIES_MOST);
    return total(e, s, next);
}

static LLVMValueRef larger_half(Emitting *e, LLVMValueRef x) { return larger(e, half_of(e, x, false), half_of(e, x, true)); }

/* The largest in each lane of so many whole vectors, in a loop. */
static LLVMValueRef most_of_chunks(Emitting *e, LagArray array, LLVMValueRef first, uint32_t chunks) {
    LLVMTypeRef type = lanes_type(e, TAPE_LANES_MOST);
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder), header;
    LLVMValueRef round = loop_open(e, 0, &header), so_far = LLVMBuildPhi(e->builder, type, ""), none = LLVMConstNull(type);
    LLVMValueRef at = LLVMBuildMul(e->builder, round, whole(e, TAPE_LANES_MOST), "");
    LLVMValueRef most = larger(e, load_as(e, type, displaced(e, array, first, at)), so_far);
    LLVMAddIncoming(so_far, &none, &before, 1);
    LLVMAddIncoming(so_far, &most, &header, 1);
    loop_close(e, round, header, chunks);
    return most;
}

/* The largest of elements side by side. */
static LLVMValueRef most_of_lanes(Emitting *e, const Series *s, uint32_t count) {
    LagArray array = s->ref[0]->array;
    LLVMValueRef first = displaced(e, array, s->begin[0], whole(e, s->ref[0]->base)), most = constant(e, 0);
    uint32_t at = 0, lanes = TAPE_LANES_MOST, chunks = count / TAPE_LANES_MOST;
    if (chunks > JOB_CHUNKS_MOST) {
        most = most_of_chunks(e, array, first, chunks);
        at = chunks * TAPE_LANES_MOST;
    }
    for (; at < count; at += lanes) {
        while (lanes > count - at) lanes /= 2;
        while (lanes_of(most) > lanes) most = larger_half(e, most);
        most = larger(e, load_as(e, lanes_type(e, lanes), displaced(e, array, first, whole(e, at))), most);
    }
    while (lanes_of(most) > 1) most = larger_half(e, most);
    return most;
}

static Series series_of(Emitting *e, TapeOp op) {
    Series s = {.code = op.code, .refs = op.code == TAPE_MOST ? 1 : 2};
    for (uint32_t i = 0; i < s.refs; i++) {
        s.ref[i] = &e->tape->ref[i ? op.b : op.a];
        s.begin[i] = e->unrolled ? NULL : cursor(e, s.ref[i]);
        s.stride[i] = s.ref[i]->stride[e->depth];
    }
    return s;
}

static LLVMValueRef series(Emitting *e, TapeOp op) {
    Series s = series_of(e, op);
    if (op.code == TAPE_MOST && !e->unrolled && e->systems == 1 && e->width <= 1 && s.stride[0] == 1)
        return most_of_lanes(e, &s, op.c);
    if (e->unrolled || op.c <= 2 * SERIES_MOST) return total(e, &s, add_terms(e, &s, (Parts){{NULL, NULL}}, 0, op.c));
    return long_series(e, &s, op.c);
}

/* Fused sums of as many terms, one after another on the tape, go on term by term together. Gives back how many they are. */
static uint32_t group(Emitting *e, uint32_t first) {
    const TapeOp *op = e->tape->op + first;
    Series s[GROUP_MOST];
    Parts sum[GROUP_MOST] = {{{NULL, NULL}}};
    uint32_t count = 0;
    for (; count < GROUP_MOST && op[count].code == TAPE_FUSED_DOT && op[count].c == op->c; count++)
        s[count] = series_of(e, op[count]);
    for (uint32_t j = 0; j < op->c; j++)
        for (uint32_t i = 0; i < count; i++) sum[i] = add_terms(e, &s[i], sum[i], j, j + 1);
    for (uint32_t i = 0; i < count; i++) e->value[first + i] = total(e, &s[i], sum[i]);
    return count;
}

/* ---- Operations ---- */

/* 1 where x <= y, else 0. What picks by it had better not compare again. */
static LLVMValueRef at_most(Emitting *e, uint32_t i, LLVMValueRef x, LLVMValueRef y) {
    LLVMValueRef value[] = {constant(e, 1), constant(e, 0), x};
    match(e, value, 3);
    e->truth[i] = LLVMBuildFCmp(e->builder, LLVMRealOLE, x, y, "");
    return LLVMBuildSelect(e->builder, e->truth[i], value[0], value[1], "");
}

/* Whether a value is not 0, if that is known in so many lanes. Bits in lanes do not go well from block to block. */
static LLVMValueRef truth_of(const Emitting *e, uint32_t i, uint32_t lanes) {
    LLVMValueRef truth = e->truth[i];
    bool here = truth && (!LLVMIsAInstruction(truth) || LLVMGetInstructionParent(truth) == LLVMGetInsertBlock(e->builder));
    return here && lanes_of(e->value[i]) == lanes ? truth : NULL;
}

/* The same of what may be the constant 0 or 1 too, bits being of that type. */
static LLVMValueRef truth_or_constant(const Emitting *e, uint32_t i, LLVMTypeRef bits, uint32_t lanes) {
    TapeOp op = e->tape->op[i];
    double value = op.code == TAPE_CONST ? e->tape->constant[op.a] : -1;
    return value == 0 ? LLVMConstNull(bits) : value == 1 ? LLVMConstAllOnes(bits) : truth_of(e, i, lanes);
}

static LLVMValueRef sum(Emitting *e, uint32_t i, LLVMValueRef x[3]) {
    TapeOp op = e->tape->op[i];
    uint32_t lanes = lanes_of(x[0]);
    LLVMValueRef a = truth_of(e, op.a, lanes), b = truth_of(e, op.b, lanes);
    if (a && b) e->truth[i] = LLVMBuildOr(e->builder, a, b, "");
    return LLVMBuildFAdd(e->builder, x[0], x[1], "");
}

static LLVMValueRef pick(Emitting *e, uint32_t i, LLVMValueRef x[3]) {
    TapeOp op = e->tape->op[i];
    uint32_t lanes = lanes_of(x[0]);
    LLVMValueRef by = truth_of(e, op.a, lanes);
    if (!by) return choose(e, LLVMRealUNE, x[0], constant(e, 0), x[1], x[2]);
    LLVMValueRef then = truth_or_constant(e, op.b, LLVMTypeOf(by), lanes),
                 otherwise = truth_or_constant(e, op.c, LLVMTypeOf(by), lanes);
    if (then && otherwise) e->truth[i] = LLVMBuildSelect(e->builder, by, then, otherwise, "");
    return LLVMBuildSelect(e->builder, by, x[1], x[2], "");
}

static LLVMValueRef operation(Emitting *e, uint32_t i) {
    TapeOp op = e->tape->op[i];
    LLVMBuilderRef b = e->builder;
    uint32_t operands = tape_operands((TapeCode)op.code), number[3] = {op.a, op.b, op.c};
    LLVMValueRef x[3] = {NULL, NULL, NULL}, zero = constant(e, 0);
    for (uint32_t o = 0; o < operands; o++) x[o] = e->value[number[o]];
    match(e, x, operands);
    switch (op.code) {
    case TAPE_ADD: return sum(e, i, x);
    case TAPE_SUB: return LLVMBuildFSub(b, x[0], x[1], "");
    case TAPE_MUL: return LLVMBuildFMul(b, x[0], x[1], "");
    case TAPE_DIV: return LLVMBuildFDiv(b, x[0], x[1], "");
    case TAPE_NEG: return LLVMBuildFNeg(b, x[0], "");
    case TAPE_FMA: return fused(e, x[0], x[1], x[2]);
    case TAPE_LE: return at_most(e, i, x[0], x[1]);
    case TAPE_LARGER: return larger(e, x[0], x[1]);
    case TAPE_PICK: return pick(e, i, x);
    case TAPE_SQRT: return intrinsic(e, "sqrt", x, 1);
    case TAPE_ABS: return intrinsic(e, "fabs", x, 1);
    case TAPE_SIGN:
        return choose(e, LLVMRealOGT, x[0], zero, constant(e, 1), choose(e, LLVMRealOLT, x[0], zero, constant(e, -1), x[0]));
    case TAPE_MIN:
        return choose(e, LLVMRealOLT, x[0], x[1], x[0],
                      choose(e, LLVMRealOLE, x[1], x[0], x[1], LLVMBuildFAdd(b, x[0], x[1], "")));
    case TAPE_MAX:
        return choose(e, LLVMRealOGT, x[0], x[1], x[0],
                      choose(e, LLVMRealOGE, x[1], x[0], x[1], LLVMBuildFAdd(b, x[0], x[1], "")));
    default: return elementary(e, native_symbol((TapeCode)op.code), x, operands);
    }
}

/* Goes on in a new block: register allocation takes time squared in a block's length. */
static void cut_block(Emitting *e) {
    LLVMBasicBlockRef next = LLVMAppendBasicBlockInContext(e->context, e->self, "on");
    LLVMBuildBr(e->builder, next);
    LLVMPositionBuilderAtEnd(e->builder, next);
}

static void emit_op(Emitting *e, uint32_t i) {
    TapeOp op = e->tape->op[i];
    if (e->tape->count > BLOCK_MOST && i % BLOCK_MOST == 0) cut_block(e);
    switch (op.code) {
    case TAPE_CONST: e->value[i] = pooled(e, op.a); break;
    case TAPE_LOAD: e->value[i] = load(e, &e->tape->ref[op.a]); break;
    case TAPE_STORE: store(e, &e->tape->ref[op.a], e->value[op.b]); break;
    case TAPE_DOT:
    case TAPE_FUSED_DOT:
    case TAPE_MOST: e->value[i] = series(e, op); break;
    default: e->value[i] = operation(e, i);
    }
}

/* ---- Bodies ---- */

static void emit_unrolled(Emitting *e) {
    uint32_t begin[TAPE_DEPTH + 1];
    for (uint32_t i = 0; i < e->tape->count; i++) {
        uint32_t code = e->tape->op[i].code;
        if (code == TAPE_LOOP || code == TAPE_LANES) {
            e->counter[e->depth] = 0;
            begin[e->depth++] = i;
        } else if (code == TAPE_END) {
            uint32_t loop = begin[e->depth - 1];
            if (++e->counter[e->depth - 1] < e->tape->op[loop].a)
                i = loop;
            else
                e->depth--;
        } else {
            emit_op(e, i);
        }
    }
}

static void emit_range(Emitting *e, uint32_t begin, uint32_t end);

/* The end of the loop that operation i begins. */
static uint32_t end_of(const Tape *tape, uint32_t i) {
    for (uint32_t open = 0;; i++) {
        uint32_t code = tape->op[i].code;
        open += code == TAPE_LOOP || code == TAPE_LANES || code == TAPE_REPEAT;
        open -= code == TAPE_END || code == TAPE_UNTIL;
        if (open == 0) return i;
    }
}

/* The body of a loop that counts, once, for this value of its counter. */
static void emit_body(Emitting *e, uint32_t begin, uint32_t end, LLVMValueRef counter) {
    uint32_t cursors = e->cursors;
    if (e->width) cut_block(e);
    e->index[e->depth++] = counter;
    emit_range(e, begin + 1, end);
    e->depth--;
    e->cursors = cursors;
}

static void emit_loop(Emitting *e, uint32_t begin, uint32_t end) {
    LLVMBasicBlockRef header;
    LLVMValueRef counter = loop_open(e, 0, &header);
    e->stored_count = 0;
    emit_body(e, begin, end, counter);
    e->stored_count = 0;
    loop_close(e, counter, header, e->tape->op[begin].a);
}

/* Vectors of 8 rounds, as long as more than 4 are left; then one of 4, 2 or 1. In a loop they are as wide as the CPU's, or
 * half of 8: more would not fit its registers. */
static void emit_lanes(Emitting *e, uint32_t begin, uint32_t end) {
    uint32_t count = e->tape->op[begin].a, at = 0, chunks = count / TAPE_LANES_MOST;
    e->lane = e->depth;
    if (chunks > JOB_CHUNKS_MOST) {
        LLVMBasicBlockRef header;
        e->width = cpu_lanes() < TAPE_LANES_MOST ? TAPE_LANES_MOST / 2 : TAPE_LANES_MOST;
        LLVMValueRef round = loop_open(e, 0, &header);
        e->stored_count = 0;
        emit_body(e, begin, end, LLVMBuildMul(e->builder, round, whole(e, e->width), ""));
        e->stored_count = 0;
        loop_close(e, round, header, chunks * (TAPE_LANES_MOST / e->width));
        at = chunks * TAPE_LANES_MOST;
    }
    e->width = TAPE_LANES_MOST;
    for (; at < count; at += e->width) {
        while (e->width > 1 && e->width / 2 >= count - at) e->width /= 2;
        emit_body(e, begin, end, whole(e, at));
    }
    e->width = 0;
}

/* Goes on until the value is not 0: in all systems, where there are several. */
static void emit_repeat(Emitting *e, uint32_t begin, uint32_t end) {
    uint32_t cursors = e->cursors;
    LLVMBasicBlockRef header = LLVMAppendBasicBlockInContext(e->context, e->self, "repeat");
    LLVMBuildBr(e->builder, header);
    LLVMPositionBuilderAtEnd(e->builder, header);
    e->stored_count = 0;
    emit_range(e, begin + 1, end);
    LLVMValueRef done = e->value[e->tape->op[end].a];
    uint32_t lanes = lanes_of(done);
    LLVMValueRef truth = truth_of(e, e->tape->op[end].a, lanes), unfinished; /* in each lane */
    unfinished = truth ? LLVMBuildNot(e->builder, truth, "")
                       : LLVMBuildFCmp(e->builder, LLVMRealOEQ, done, LLVMConstNull(LLVMTypeOf(done)), "");
    if (lanes > 1) {
        LLVMTypeRef bits = LLVMIntTypeInContext(e->context, lanes);
        unfinished = LLVMBuildICmp(e->builder, LLVMIntNE, LLVMBuildBitCast(e->builder, unfinished, bits, ""),
                                   LLVMConstInt(bits, 0, 0), "");
    }
    LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(e->context, e->self, "after");
    LLVMBuildCondBr(e->builder, unfinished, header, after);
    LLVMPositionBuilderAtEnd(e->builder, after);
    e->stored_count = 0;
    e->cursors = cursors;
}

static void emit_range(Emitting *e, uint32_t begin, uint32_t end) {
    for (uint32_t i = begin; i < end; i++) {
        uint32_t code = e->tape->op[i].code;
        if (code == TAPE_FUSED_DOT && e->tape->op[i].c <= JOB_WRITTEN_MOST) {
            i += group(e, i) - 1;
            continue;
        }
        if (code != TAPE_LOOP && code != TAPE_LANES && code != TAPE_REPEAT) {
            emit_op(e, i);
            continue;
        }
        uint32_t last = end_of(e->tape, i);
        if (code == TAPE_REPEAT)
            emit_repeat(e, i, last);
        else if (code == TAPE_LANES && e->systems == 1)
            emit_lanes(e, i, last);
        else if (code == TAPE_LANES && e->tape->op[i].a <= ROUNDS_MOST)
            for (uint32_t at = 0; at < e->tape->op[i].a; at++) emit_body(e, i, last, whole(e, at));
        else
            emit_loop(e, i, last);
        i = last;
    }
}

/* Pointers of the arrays that the tape uses, loaded once. */
static void emit_pointers(Emitting *e) {
    LLVMValueRef table = LLVMGetParam(e->self, 1);
    for (uint32_t i = 0; i < e->tape->ref_count; i++) {
        LagArray array = e->tape->ref[i].array;
        if (e->array[array] || (e->unrolled && (array == LAG_WORK || e->job->table[array]))) continue;
        LLVMValueRef at = whole(e, array), slot = LLVMBuildInBoundsGEP2(e->builder, e->type.pointer, table, &at, 1, "");
        e->array[array] = LLVMBuildLoad2(e->builder, e->type.pointer, slot, "");
    }
}

/* Room for the elements of arrays that are read: what is only written need not be remembered. */
static bool elements_new(Emitting *e) {
    bool read[LAG_ARRAY_COUNT] = {false};
    for (uint32_t i = 0; i < e->tape->count && e->unrolled; i++) {
        TapeOp op = e->tape->op[i];
        bool dot = op.code == TAPE_DOT || op.code == TAPE_FUSED_DOT;
        if (op.code == TAPE_LOAD || op.code == TAPE_MOST || dot) read[e->tape->ref[op.a].array] = true;
        if (dot) read[e->tape->ref[op.b].array] = true;
    }
    for (int a = 0; a < LAG_ARRAY_COUNT; a++) {
        size_t size = a == LAG_WORK ? e->tape->work : e->job->size[a];
        if (!read[a] || e->job->table[a]) continue;
        e->element[a] = memory_new((size + 1) * sizeof *e->element[a]);
        if (!e->element[a]) return false;
    }
    return true;
}

static bool emit_tape(Emitting *e, const char *name, bool optimised) {
    e->systems = e->tape->systems ? e->tape->systems : 1;
    e->unrolled = job_unrolls(e->tape, optimised);
    e->fma = cpu_has(CPU_FMA);
    e->value = memory_new(2 * ((size_t)e->tape->count + 1) * sizeof *e->value);
    e->truth = e->value ? e->value + e->tape->count + 1 : NULL;
    bool good = !e->tape->failed && e->value && elements_new(e);
    if (good) {
        e->self = LLVMAddFunction(e->module, name, e->type.function);
        set_attribute(e, e->self, "nounwind", 0);
        LLVMPositionBuilderAtEnd(e->builder, LLVMAppendBasicBlockInContext(e->context, e->self, "entry"));
        emit_pool(e);
        emit_pointers(e);
        if (e->unrolled)
            emit_unrolled(e);
        else
            emit_range(e, 0, e->tape->count);
        LLVMBuildRetVoid(e->builder);
    }
    memory_free(e->value);
    for (int a = 0; a < LAG_ARRAY_COUNT; a++) memory_free(e->element[a]);
    return good;
}

LLVMModuleRef llvm_emit(LLVMContextRef context, const NativeJob *job, bool optimised) {
    LLVMModuleRef module = LLVMModuleCreateWithNameInContext("lag", context);
    LLVMBuilderRef builder = LLVMCreateBuilderInContext(context);
    Types type = {LLVMDoubleTypeInContext(context), LLVMInt64TypeInContext(context), LLVMInt32TypeInContext(context),
                  LLVMPointerTypeInContext(context, 0), NULL};
    LLVMTypeRef parameters[2] = {type.pointer, type.pointer};
    type.function = LLVMFunctionType(LLVMVoidTypeInContext(context), parameters, 2, 0);
    bool good = true;
    for (uint32_t i = 0; i < job->count && good; i++) {
        Emitting e = {
            .job = job, .tape = job->tape[i], .context = context, .module = module, .builder = builder, .type = type};
        if (job->tape[i]) good = emit_tape(&e, job->name[i], optimised);
    }
    LLVMDisposeBuilder(builder);
    if (good) return module;
    LLVMDisposeModule(module);
    return NULL;
}
