/* llvm_emit.c: see llvm_emit.h. The IR says what the tape says, operation for operation: no flags that would let LLVM
 * contract or reassociate, so the bits are those of the interpreter.
 *
 * A tape whose loops unroll to few operations is emitted as straight-line code: the loops run here, counters are known, and
 * memory disappears: what is stored is remembered by element and given to later loads, the scratch array is never touched,
 * and tables become constants. Otherwise loops become loops. */
#include "native/llvm_emit.h"

#include "native/native.h"

#include <string.h>

enum {
    DOT_MOST = 8,     /* terms of a dot product to a round of its loop, where it has one */
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

typedef struct Types {
    LLVMTypeRef f64, i64, pointer, function;
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
    LLVMValueRef pool;                      /* the tape's constants as an array, or NULL where they stand in the code */
    LLVMValueRef array[LAG_ARRAY_COUNT];    /* pointers, loaded at entry where used */
    LLVMValueRef *element[LAG_ARRAY_COUNT]; /* unrolled, read: the last value of each element, NULL if not known */
    uint32_t depth;
    uint32_t counter[TAPE_DEPTH + 1];   /* unrolled */
    LLVMValueRef index[TAPE_DEPTH + 1]; /* looped: the phi of each loop */
    LLVMBasicBlockRef header[TAPE_DEPTH + 1];
    Cursor cursor[CURSORS];
    uint32_t cursors, cursors_before[TAPE_DEPTH + 1]; /* before each loop */
    bool unrolled;
} Emitting;

static LLVMValueRef constant(const Emitting *e, double value) { return LLVMConstReal(e->type.f64, value); }
static LLVMValueRef whole(const Emitting *e, uint64_t value) { return LLVMConstInt(e->type.i64, value, 0); }

/* ---- Memory ---- */

static size_t known_index(const Emitting *e, const TapeRef *ref, uint32_t extra) {
    size_t at = ref->base;
    for (uint32_t l = 0; l < e->depth; l++) at += (size_t)ref->stride[l] * e->counter[l];
    return at + (size_t)extra * ref->stride[e->depth < TAPE_DEPTH ? e->depth : TAPE_DEPTH - 1];
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
    LLVMValueRef pointer = LLVMBuildInBoundsGEP2(e->builder, e->type.f64, e->array[ref->array], &at, 1, "");
    if (e->cursors < CURSORS) {
        Cursor *new = &e->cursor[e->cursors++];
        *new = (Cursor){.array = ref->array, .pointer = pointer};
        memcpy(new->stride, stride, sizeof stride);
    }
    return pointer;
}

static LLVMValueRef displaced(Emitting *e, LLVMValueRef pointer, uint64_t distance) {
    LLVMValueRef at = whole(e, distance);
    return LLVMBuildInBoundsGEP2(e->builder, e->type.f64, pointer, &at, 1, "");
}

static LLVMValueRef address(Emitting *e, const TapeRef *ref) { return displaced(e, cursor(e, ref), ref->base); }

static LLVMValueRef known_address(Emitting *e, LagArray array, size_t at) { return displaced(e, e->array[array], at); }

/* Term `extra` of a reference, its loops' counters known. */
static LLVMValueRef load_known(Emitting *e, const TapeRef *ref, uint32_t extra) {
    size_t at = known_index(e, ref, extra);
    if (e->job->table[ref->array]) return constant(e, e->job->table[ref->array][at]);
    LLVMValueRef *element = &e->element[ref->array][at];
    if (!*element)
        *element = ref->array == LAG_WORK ? constant(e, 0)
                                          : LLVMBuildLoad2(e->builder, e->type.f64, known_address(e, ref->array, at), "");
    return *element;
}

static LLVMValueRef load(Emitting *e, const TapeRef *ref) {
    return e->unrolled ? load_known(e, ref, 0) : LLVMBuildLoad2(e->builder, e->type.f64, address(e, ref), "");
}

static void store(Emitting *e, const TapeRef *ref, LLVMValueRef value) {
    if (!e->unrolled) {
        LLVMBuildStore(e->builder, value, address(e, ref));
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

/* ---- Dot products ---- */

/* A dot product's factors: where they begin, and how far apart their terms are. */
typedef struct Factors {
    const TapeRef *ref[2];
    LLVMValueRef begin[2];
    uint64_t stride[2];
} Factors;

/* Term j of those that follow the beginning. */
static LLVMValueRef dot_term(Emitting *e, const Factors *f, uint32_t j) {
    LLVMValueRef x[2];
    for (int i = 0; i < 2; i++)
        x[i] = e->unrolled ? load_known(e, f->ref[i], j)
                           : LLVMBuildLoad2(e->builder, e->type.f64,
                                            displaced(e, f->begin[i], f->ref[i]->base + f->stride[i] * j), "");
    return LLVMBuildFMul(e->builder, x[0], x[1], "");
}

static LLVMValueRef dot_terms(Emitting *e, const Factors *f, LLVMValueRef sum, uint32_t begin, uint32_t end) {
    for (uint32_t j = begin; j < end; j++) {
        LLVMValueRef term = dot_term(e, f, j);
        sum = sum ? LLVMBuildFAdd(e->builder, sum, term, "") : term;
    }
    return sum;
}

/* Long ones go round a loop, DOT_MOST terms at a time: what goes from round to round may go through memory. */
static LLVMValueRef dot(Emitting *e, TapeOp op) {
    Factors f = {.ref = {&e->tape->ref[op.a], &e->tape->ref[op.b]}};
    for (int i = 0; i < 2 && !e->unrolled; i++) {
        f.begin[i] = cursor(e, f.ref[i]);
        f.stride[i] = f.ref[i]->stride[e->depth];
    }
    if (e->unrolled || op.c <= 2 * DOT_MOST) return dot_terms(e, &f, NULL, 0, op.c);
    uint32_t first = op.c % DOT_MOST ? op.c % DOT_MOST : DOT_MOST;
    LLVMValueRef sum = dot_terms(e, &f, NULL, 0, first);
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->builder), header, last;
    LLVMValueRef round = loop_open(e, 0, &header);
    LLVMValueRef so_far = LLVMBuildPhi(e->builder, e->type.f64, "");
    for (int i = 0; i < 2; i++) {
        LLVMValueRef at = LLVMBuildMul(e->builder, round, whole(e, f.stride[i] * DOT_MOST), "");
        f.begin[i] = LLVMBuildInBoundsGEP2(e->builder, e->type.f64, f.begin[i], &at, 1, "");
    }
    LLVMValueRef next = dot_terms(e, &f, so_far, first, first + DOT_MOST);
    last = LLVMGetInsertBlock(e->builder);
    LLVMAddIncoming(so_far, &sum, &before, 1);
    LLVMAddIncoming(so_far, &next, &last, 1);
    loop_close(e, round, header, (op.c - first) / DOT_MOST);
    return next;
}

/* ---- Operations ---- */

static void set_attribute(const Emitting *e, LLVMValueRef function, const char *name, uint64_t value) {
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                            LLVMCreateEnumAttribute(e->context, kind, value));
}

/* A function of doubles by name, declared on first use: pure, so that equal calls are one. */
static LLVMValueRef call(Emitting *e, const char *name, LLVMValueRef *argument, unsigned count) {
    LLVMTypeRef two[2] = {e->type.f64, e->type.f64}, type = LLVMFunctionType(e->type.f64, two, count, 0);
    LLVMValueRef function = LLVMGetNamedFunction(e->module, name);
    if (!function) {
        function = LLVMAddFunction(e->module, name, type);
        set_attribute(e, function, "nounwind", 0);
        set_attribute(e, function, "willreturn", 0);
        set_attribute(e, function, "memory", 0);
    }
    return LLVMBuildCall2(e->builder, type, function, argument, count, "");
}

/* x if it compares so with y, else otherwise. */
static LLVMValueRef choose(Emitting *e, LLVMRealPredicate how, LLVMValueRef x, LLVMValueRef y, LLVMValueRef then,
                           LLVMValueRef otherwise) {
    return LLVMBuildSelect(e->builder, LLVMBuildFCmp(e->builder, how, x, y, ""), then, otherwise, "");
}

static LLVMValueRef operation(Emitting *e, TapeOp op) {
    LLVMBuilderRef b = e->builder;
    uint32_t operands = tape_operands((TapeCode)op.code);
    LLVMValueRef x[2] = {e->value[op.a], operands > 1 ? e->value[op.b] : NULL}, zero = constant(e, 0);
    switch (op.code) {
    case TAPE_ADD: return LLVMBuildFAdd(b, x[0], x[1], "");
    case TAPE_SUB: return LLVMBuildFSub(b, x[0], x[1], "");
    case TAPE_MUL: return LLVMBuildFMul(b, x[0], x[1], "");
    case TAPE_DIV: return LLVMBuildFDiv(b, x[0], x[1], "");
    case TAPE_NEG: return LLVMBuildFNeg(b, x[0], "");
    case TAPE_SQRT: return call(e, "llvm.sqrt.f64", x, 1);
    case TAPE_ABS: return call(e, "llvm.fabs.f64", x, 1);
    case TAPE_SIGN:
        return choose(e, LLVMRealOGT, x[0], zero, constant(e, 1), choose(e, LLVMRealOLT, x[0], zero, constant(e, -1), x[0]));
    case TAPE_MIN:
        return choose(e, LLVMRealOLT, x[0], x[1], x[0],
                      choose(e, LLVMRealOLE, x[1], x[0], x[1], LLVMBuildFAdd(b, x[0], x[1], "")));
    case TAPE_MAX:
        return choose(e, LLVMRealOGT, x[0], x[1], x[0],
                      choose(e, LLVMRealOGE, x[1], x[0], x[1], LLVMBuildFAdd(b, x[0], x[1], "")));
    default: return call(e, native_symbol((TapeCode)op.code), x, operands);
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
    case TAPE_DOT: e->value[i] = dot(e, op); break;
    default: e->value[i] = operation(e, op);
    }
}

/* ---- Bodies ---- */

static void emit_unrolled(Emitting *e) {
    uint32_t begin[TAPE_DEPTH + 1];
    for (uint32_t i = 0; i < e->tape->count; i++) {
        uint32_t code = e->tape->op[i].code;
        if (code == TAPE_LOOP) {
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

static void emit_looped(Emitting *e) {
    uint32_t count[TAPE_DEPTH + 1];
    for (uint32_t i = 0; i < e->tape->count; i++) {
        TapeOp op = e->tape->op[i];
        if (op.code == TAPE_LOOP) {
            count[e->depth] = op.a;
            e->cursors_before[e->depth] = e->cursors;
            e->index[e->depth] = loop_open(e, 0, &e->header[e->depth]);
            e->depth++;
        } else if (op.code == TAPE_END) {
            e->depth--;
            e->cursors = e->cursors_before[e->depth];
            loop_close(e, e->index[e->depth], e->header[e->depth], count[e->depth]);
        } else {
            emit_op(e, i);
        }
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
        if (op.code == TAPE_LOAD || op.code == TAPE_DOT) read[e->tape->ref[op.a].array] = true;
        if (op.code == TAPE_DOT) read[e->tape->ref[op.b].array] = true;
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
    e->unrolled = job_unrolls(e->tape, optimised);
    e->value = memory_new((e->tape->count + 1) * sizeof *e->value);
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
            emit_looped(e);
        LLVMBuildRetVoid(e->builder);
    }
    memory_free(e->value);
    for (int a = 0; a < LAG_ARRAY_COUNT; a++) memory_free(e->element[a]);
    return good;
}

LLVMModuleRef llvm_emit(LLVMContextRef context, const NativeJob *job, bool optimised) {
    LLVMModuleRef module = LLVMModuleCreateWithNameInContext("lag", context);
    LLVMBuilderRef builder = LLVMCreateBuilderInContext(context);
    Types type = {LLVMDoubleTypeInContext(context), LLVMInt64TypeInContext(context), LLVMPointerTypeInContext(context, 0),
                  NULL};
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
