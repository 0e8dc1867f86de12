/* tape.c: writing, checking and printing tapes. */
#include "tape/tape.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *text;
    uint32_t operands;
} code_table[TAPE_CODE_COUNT] = {
    [TAPE_CONST] = {"const", 0}, [TAPE_LOAD] = {"load", 0}, [TAPE_STORE] = {"store", 1},
    [TAPE_LOOP] = {"loop", 0},   [TAPE_END] = {"end", 0},   [TAPE_DOT] = {"dot", 0},
#define ARITHMETIC(OP, text, operands) [TAPE_##OP] = {text, operands},
#define SELECTION(OP, text, operands, PARITY) [TAPE_##OP] = {text, operands},
#define ELEMENTARY(OP, text, operands, PARITY, sleef, ulp) [TAPE_##OP] = {text, operands},
#include "../../grammar/ops.def"
};

const char *tape_code_text(TapeCode code) { return code_table[code].text; }
uint32_t tape_operands(TapeCode code) { return code_table[code].operands; }

/* ---- Writing ---- */

static TapeValue append(Tape *tape, TapeCode code, uint32_t a, uint32_t b, uint32_t c) {
    void *data = tape->op;
    if (tape->failed) return 0;
    tape->too_long = tape->count >= TAPE_LONGEST;
    if (tape->too_long || !memory_grow(&data, &tape->op_capacity, tape->count + 1, sizeof *tape->op)) {
        tape->failed = true;
        return 0;
    }
    tape->op = data;
    tape->op[tape->count] = (TapeOp){(uint32_t)code, a, b, c};
    return tape->count++;
}

static uint32_t reference(Tape *tape, TapeRef ref) {
    void *data = tape->ref;
    if (tape->failed || !memory_grow(&data, &tape->ref_capacity, tape->ref_count + 1, sizeof *tape->ref)) {
        tape->failed = true;
        return 0;
    }
    tape->ref = data;
    tape->ref[tape->ref_count] = ref;
    return tape->ref_count++;
}

TapeValue tape_constant(Tape *tape, double value) {
    void *data = tape->constant;
    if (tape->failed || !memory_grow(&data, &tape->constant_capacity, tape->constant_count + 1, sizeof *tape->constant)) {
        tape->failed = true;
        return 0;
    }
    tape->constant = data;
    tape->constant[tape->constant_count] = value;
    return append(tape, TAPE_CONST, tape->constant_count++, 0, 0);
}

TapeValue tape_load(Tape *tape, TapeRef ref) { return append(tape, TAPE_LOAD, reference(tape, ref), 0, 0); }
void tape_store(Tape *tape, TapeRef ref, TapeValue value) { append(tape, TAPE_STORE, reference(tape, ref), value, 0); }
TapeValue tape_unary(Tape *tape, TapeCode code, TapeValue a) { return append(tape, code, a, 0, 0); }
TapeValue tape_binary(Tape *tape, TapeCode code, TapeValue a, TapeValue b) { return append(tape, code, a, b, 0); }

TapeValue tape_dot(Tape *tape, TapeRef x, TapeRef y, uint32_t terms) {
    uint32_t a = reference(tape, x), b = reference(tape, y);
    return append(tape, TAPE_DOT, a, b, terms);
}

void tape_loop(Tape *tape, uint32_t count) {
    append(tape, TAPE_LOOP, count, 0, 0);
    tape->depth++;
}

void tape_end(Tape *tape) {
    append(tape, TAPE_END, 0, 0, 0);
    tape->depth--;
}

uint32_t tape_work(Tape *tape, uint32_t size) {
    uint32_t base = tape->work;
    if (size > UINT32_MAX / 2 - base)
        tape->failed = true;
    else
        tape->work += size;
    return base;
}

void tape_free(Tape *tape) {
    memory_free(tape->op);
    memory_free(tape->ref);
    memory_free(tape->constant);
    *tape = (Tape){0};
}

/* ---- Measuring and checking ---- */

uint64_t tape_unrolled(const Tape *tape) {
    uint64_t total = 0, times[TAPE_DEPTH + 1] = {1};
    uint32_t depth = 0;
    for (uint32_t i = 0; i < tape->count; i++) {
        TapeOp op = tape->op[i];
        if (op.code == TAPE_LOOP && depth < TAPE_DEPTH) {
            times[depth + 1] = times[depth] > UINT64_MAX / (op.a ? op.a : 1) ? UINT64_MAX : times[depth] * op.a;
            depth++;
        } else if (op.code == TAPE_END && depth) {
            depth--;
        } else {
            uint64_t ops = op.code == TAPE_DOT ? 2 * (uint64_t)op.c - 1 : 1;
            if (times[depth] > (UINT64_MAX - total) / ops) return UINT64_MAX;
            total += times[depth] * ops;
        }
    }
    return total;
}

/* Counts of the loops around an operation, and where the innermost begins. */
typedef struct Scope {
    uint32_t depth, count[TAPE_DEPTH + 1], begin[TAPE_DEPTH + 1];
} Scope;

static const char *check_ref(const Tape *tape, uint32_t index, const Scope *scope, const size_t *size) {
    if (index >= tape->ref_count) return "a reference that is not there";
    const TapeRef *ref = &tape->ref[index];
    if ((unsigned)ref->array >= LAG_ARRAY_COUNT) return "an array that is not there";
    for (uint32_t l = scope->depth; l < TAPE_DEPTH; l++)
        if (ref->stride[l]) return "a stride without its loop";
    uint64_t room = ref->array == LAG_WORK ? tape->work : size[ref->array], last = ref->base;
    for (uint32_t l = 0; l < scope->depth && last < room; l++) last += (uint64_t)ref->stride[l] * (scope->count[l] - 1);
    return last < room ? NULL : "a reference past its array";
}

static const char *check_dot(const Tape *tape, TapeOp op, Scope scope, const size_t *size) {
    if (op.c == 0) return "a dot product of no terms";
    if (scope.depth == TAPE_DEPTH) return "loops nested too deeply";
    scope.count[scope.depth++] = op.c;
    const char *wrong = check_ref(tape, op.a, &scope, size);
    return wrong ? wrong : check_ref(tape, op.b, &scope, size);
}

/* `in_scope[i]`: operation i is done, makes a value, and its loop is still open. */
static const char *check_operand(const bool *in_scope, uint32_t value, uint32_t at) {
    return value < at && in_scope[value] ? NULL : "an operand that is not there yet, or no longer";
}

static const char *check_op(const Tape *tape, uint32_t i, Scope *scope, bool *in_scope, const size_t *size) {
    TapeOp op = tape->op[i];
    const char *wrong = NULL;
    if (op.code >= TAPE_CODE_COUNT) return "a code that is not there";
    in_scope[i] = op.code != TAPE_STORE && op.code != TAPE_LOOP && op.code != TAPE_END;
    uint32_t operands = tape_operands((TapeCode)op.code);
    switch (op.code) {
    case TAPE_CONST: return op.a < tape->constant_count ? NULL : "a constant that is not there";
    case TAPE_LOAD: return check_ref(tape, op.a, scope, size);
    case TAPE_STORE:
        wrong = check_operand(in_scope, op.b, i);
        if (wrong) return wrong;
        return check_ref(tape, op.a, scope, size);
    case TAPE_LOOP:
        if (op.a == 0) return "a loop of no rounds";
        if (scope->depth == TAPE_DEPTH) return "loops nested too deeply";
        scope->begin[scope->depth] = i;
        scope->count[scope->depth++] = op.a;
        return NULL;
    case TAPE_END:
        if (scope->depth == 0) return "an end without its loop";
        for (uint32_t j = scope->begin[--scope->depth]; j < i; j++) in_scope[j] = false;
        return NULL;
    case TAPE_DOT: return check_dot(tape, op, *scope, size);
    default:
        wrong = check_operand(in_scope, op.a, i);
        return wrong || operands < 2 ? wrong : check_operand(in_scope, op.b, i);
    }
}

const char *tape_check(const Tape *tape, const size_t size[LAG_ARRAY_COUNT]) {
    if (tape->failed) return "the tape has failed";
    Scope scope = {0};
    bool *in_scope = memory_new(tape->count + 1);
    const char *wrong = NULL;
    if (!in_scope) return NULL; /* no memory to look with: nothing is known to be wrong */
    for (uint32_t i = 0; !wrong && i < tape->count; i++) wrong = check_op(tape, i, &scope, in_scope, size);
    memory_free(in_scope);
    return wrong || scope.depth == 0 ? wrong : "a loop without its end";
}

/* ---- Printing ---- */

static const char *const array_text[LAG_ARRAY_COUNT] = {
    [LAG_TIME] = "TIME",
    [LAG_PARAMETER] = "PARAMETER",
    [LAG_Q] = "Q",
    [LAG_V] = "V",
    [LAG_PI] = "PI",
    [LAG_Z] = "Z",
    [LAG_A] = "A",
    [LAG_B] = "B",
    [LAG_AQ] = "AQ",
    [LAG_AV] = "AV",
    [LAG_BQ] = "BQ",
    [LAG_BV] = "BV",
    [LAG_BT] = "BT",
    [LAG_ENERGY] = "ENERGY",
    [LAG_RESIDUAL] = "RESIDUAL",
    [LAG_IMPULSE] = "IMPULSE",
    [LAG_VELOCITY] = "VELOCITY",
    [LAG_JACOBIAN] = "JACOBIAN",
    [LAG_NODE] = "NODE",
    [LAG_WEIGHT] = "WEIGHT",
    [LAG_DERIVE] = "DERIVE",
    [LAG_GATHER] = "GATHER",
    [LAG_STIFFNESS] = "STIFFNESS",
    [LAG_WORK] = "WORK",
};

static void print_ref(const Tape *tape, uint32_t index, Buffer *out) {
    const TapeRef *ref = &tape->ref[index];
    buffer_print(out, "%s[%u", array_text[ref->array], ref->base);
    for (uint32_t l = 0; l < TAPE_DEPTH; l++) {
        if (ref->stride[l] == 1)
            buffer_print(out, " + %c", "ijkl"[l]);
        else if (ref->stride[l])
            buffer_print(out, " + %u*%c", ref->stride[l], "ijkl"[l]);
    }
    buffer_text(out, "]");
}

void tape_print(const Tape *tape, Buffer *out) {
    uint32_t depth = 1;
    for (uint32_t i = 0; i < tape->count; i++) {
        TapeOp op = tape->op[i];
        depth -= op.code == TAPE_END;
        for (uint32_t l = 0; l < depth; l++) buffer_text(out, "    ");
        if (op.code != TAPE_STORE && op.code != TAPE_LOOP && op.code != TAPE_END) buffer_print(out, "%%%u = ", i);
        if (op.code != TAPE_STORE)
            buffer_print(out, "%s%s", tape_code_text((TapeCode)op.code), op.code == TAPE_END ? "" : " ");
        uint32_t operands = tape_operands((TapeCode)op.code);
        switch (op.code) {
        case TAPE_CONST: buffer_number(out, tape->constant[op.a]); break;
        case TAPE_LOAD: print_ref(tape, op.a, out); break;
        case TAPE_STORE:
            print_ref(tape, op.a, out);
            buffer_print(out, " = %%%u", op.b);
            break;
        case TAPE_LOOP: buffer_print(out, "%c < %u", "ijkl"[(depth - 1) % TAPE_DEPTH], op.a); break;
        case TAPE_END: break;
        case TAPE_DOT:
            print_ref(tape, op.a, out);
            buffer_text(out, " . ");
            print_ref(tape, op.b, out);
            buffer_print(out, ", %u terms", op.c);
            break;
        default:
            buffer_print(out, "%%%u", op.a);
            if (operands > 1) buffer_print(out, ", %%%u", op.b);
        }
        buffer_text(out, "\n");
        depth += op.code == TAPE_LOOP;
    }
}
