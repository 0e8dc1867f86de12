/* tape.c: writing, checking and printing tapes. */
#include "tape/tape.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *text;
    uint32_t operands;
} code_table[TAPE_CODE_COUNT] = {
    [TAPE_CONST] = {"const", 0}, [TAPE_LOAD] = {"load", 0},      [TAPE_STORE] = {"store", 1},   [TAPE_LOOP] = {"loop", 0},
    [TAPE_LANES] = {"lanes", 0}, [TAPE_END] = {"end", 0},        [TAPE_REPEAT] = {"repeat", 0}, [TAPE_UNTIL] = {"until", 1},
    [TAPE_DOT] = {"dot", 0},     [TAPE_FUSED_DOT] = {"fdot", 0}, [TAPE_MOST] = {"most", 0},
#define ARITHMETIC(OP, text, operands) [TAPE_##OP] = {text, operands},
#define SELECTION(OP, text, operands, PARITY) [TAPE_##OP] = {text, operands},
#define ELEMENTARY(OP, text, operands, PARITY, sleef, ulp) [TAPE_##OP] = {text, operands},
#include "../../grammar/ops.def"
};

const char *tape_code_text(TapeCode code) { return code_table[code].text; }
uint32_t tape_operands(TapeCode code) { return code_table[code].operands; }

bool tape_makes_value(TapeCode code) {
    return code != TAPE_STORE && code != TAPE_LOOP && code != TAPE_LANES && code != TAPE_END && code != TAPE_REPEAT &&
           code != TAPE_UNTIL;
}

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

TapeValue tape_ternary(Tape *tape, TapeCode code, TapeValue a, TapeValue b, TapeValue c) {
    return append(tape, code, a, b, c);
}

TapeValue tape_dot(Tape *tape, TapeRef x, TapeRef y, uint32_t terms) {
    uint32_t a = reference(tape, x), b = reference(tape, y);
    return append(tape, TAPE_DOT, a, b, terms);
}

TapeValue tape_fused_dot(Tape *tape, TapeRef x, TapeRef y, uint32_t terms) {
    uint32_t a = reference(tape, x), b = reference(tape, y);
    return append(tape, TAPE_FUSED_DOT, a, b, terms);
}

TapeValue tape_most(Tape *tape, TapeRef x, uint32_t count) { return append(tape, TAPE_MOST, reference(tape, x), 0, count); }

void tape_loop(Tape *tape, uint32_t count) {
    append(tape, TAPE_LOOP, count, 0, 0);
    tape->depth++;
}

void tape_lanes(Tape *tape, uint32_t count) {
    append(tape, TAPE_LANES, count, 0, 0);
    tape->depth++;
}

void tape_repeat(Tape *tape) { append(tape, TAPE_REPEAT, 0, 0, 0); }
void tape_until(Tape *tape, TapeValue done) { append(tape, TAPE_UNTIL, done, 0, 0); }

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

static bool counts(uint32_t code) { return code == TAPE_LOOP || code == TAPE_LANES; }
static bool is_dot(uint32_t code) { return code == TAPE_DOT || code == TAPE_FUSED_DOT; }

bool tape_repeats(const Tape *tape) {
    for (uint32_t i = 0; i < tape->count; i++)
        if (tape->op[i].code == TAPE_REPEAT) return true;
    return false;
}

/* What an operation weighs in a count. */
static uint64_t operations(TapeOp op) { return is_dot(op.code) ? 2 * (uint64_t)op.c - 1 : op.code == TAPE_MOST ? op.c : 1; }

bool tape_is_call(TapeCode code) {
    static const bool elementary[TAPE_CODE_COUNT] = {
#define ELEMENTARY(OP, text, operands, PARITY, sleef, ulp) [TAPE_##OP] = true,
#include "../../grammar/ops.def"
    };
    return elementary[code];
}

static uint64_t calls(TapeOp op) { return tape_is_call((TapeCode)op.code); }

/* The sum of weights, loops unrolled. */
static uint64_t unroll(const Tape *tape, uint64_t (*weight)(TapeOp op)) {
    uint64_t total = 0, times[TAPE_DEPTH + 1] = {1};
    uint32_t depth = 0;
    for (uint32_t i = 0; i < tape->count; i++) {
        TapeOp op = tape->op[i];
        if (counts(op.code) && depth < TAPE_DEPTH) {
            times[depth + 1] = times[depth] > UINT64_MAX / (op.a ? op.a : 1) ? UINT64_MAX : times[depth] * op.a;
            depth++;
        } else if (op.code == TAPE_END && depth) {
            depth--;
        } else if (op.code != TAPE_REPEAT) {
            uint64_t ops = weight(op);
            if (ops && times[depth] > (UINT64_MAX - total) / ops) return UINT64_MAX;
            total += times[depth] * ops;
        }
    }
    return total;
}

uint64_t tape_unrolled(const Tape *tape) { return unroll(tape, operations); }
uint64_t tape_calls(const Tape *tape) { return unroll(tape, calls); }

/* The loops around an operation: where each begins; the counts of those that count; and which of these is of lanes. */
typedef struct Scope {
    uint32_t open, begin[TAPE_OPEN];
    uint32_t depth, count[TAPE_DEPTH + 1];
    uint32_t lanes; /* 1 + its place among those that count, or 0 */
} Scope;

static const char *check_ref(const Tape *tape, uint32_t index, const Scope *scope, bool store, const size_t *size) {
    if (index >= tape->ref_count) return "a reference that is not there";
    const TapeRef *ref = &tape->ref[index];
    for (uint32_t l = scope->depth; l < TAPE_DEPTH; l++)
        if (ref->stride[l]) return "a stride without its loop";
    uint64_t room = ref->array == LAG_WORK ? tape->work : size[ref->array], last = ref->base;
    for (uint32_t l = 0; l < scope->depth && last < room; l++) {
        bool lanes = l + 1 == scope->lanes;
        uint64_t rounds = lanes ? tape_lane_room(scope->count[l]) : scope->count[l];
        if (lanes && (ref->stride[l] > 1 || (store && !ref->stride[l]))) return "a stride that lanes cannot take";
        last += (uint64_t)ref->stride[l] * (rounds - 1);
    }
    return last < room ? NULL : "a reference past its array";
}

static const char *check_series(const Tape *tape, TapeOp op, Scope scope, const size_t *size) {
    if (op.c == 0) return "a series of no terms";
    if (scope.depth == TAPE_DEPTH) return "loops nested too deeply";
    scope.count[scope.depth++] = op.c;
    const char *wrong = check_ref(tape, op.a, &scope, false, size);
    return wrong || op.code == TAPE_MOST ? wrong : check_ref(tape, op.b, &scope, false, size);
}

static const char *check_begin(TapeOp op, uint32_t i, Scope *scope) {
    if (scope->open == TAPE_OPEN || (counts(op.code) && scope->depth == TAPE_DEPTH)) return "loops nested too deeply";
    if (counts(op.code) && op.a == 0) return "a loop of no rounds";
    if (op.code == TAPE_LANES && op.a > UINT32_MAX - TAPE_LANES_MOST) return "lanes too many to count";
    if (scope->lanes && op.code != TAPE_LOOP) return "lanes, or repetition, in lanes";
    scope->begin[scope->open++] = i;
    if (counts(op.code)) scope->count[scope->depth++] = op.a;
    if (op.code == TAPE_LANES) scope->lanes = scope->depth;
    return NULL;
}

static const char *check_end(const Tape *tape, uint32_t i, Scope *scope, bool *in_scope) {
    uint32_t begin = scope->open ? scope->begin[scope->open - 1] : 0;
    if (scope->open == 0 || (tape->op[begin].code == TAPE_REPEAT) != (tape->op[i].code == TAPE_UNTIL))
        return "an end without its loop";
    scope->open--;
    if (tape->op[i].code == TAPE_END && scope->depth-- == scope->lanes) scope->lanes = 0;
    for (uint32_t j = begin; j < i; j++) in_scope[j] = false;
    return NULL;
}

/* `in_scope[i]`: operation i is done, makes a value, and its loop is still open. */
static const char *check_operand(const bool *in_scope, uint32_t value, uint32_t at) {
    return value < at && in_scope[value] ? NULL : "an operand that is not there yet, or no longer";
}

static const char *check_operands(TapeOp op, uint32_t i, const bool *in_scope) {
    const uint32_t operand[] = {op.a, op.b, op.c};
    const char *wrong = NULL;
    for (uint32_t o = 0; o < tape_operands((TapeCode)op.code) && !wrong; o++)
        wrong = check_operand(in_scope, op.code == TAPE_STORE ? op.b : operand[o], i);
    return wrong;
}

static const char *check_op(const Tape *tape, uint32_t i, Scope *scope, bool *in_scope, const size_t *size) {
    TapeOp op = tape->op[i];
    if (op.code >= TAPE_CODE_COUNT) return "a code that is not there";
    in_scope[i] = tape_makes_value((TapeCode)op.code);
    const char *wrong = check_operands(op, i, in_scope);
    if (wrong) return wrong;
    switch (op.code) {
    case TAPE_CONST: return op.a < tape->constant_count ? NULL : "a constant that is not there";
    case TAPE_LOAD: return check_ref(tape, op.a, scope, false, size);
    case TAPE_STORE: return check_ref(tape, op.a, scope, true, size);
    case TAPE_LOOP:
    case TAPE_LANES:
    case TAPE_REPEAT: return check_begin(op, i, scope);
    case TAPE_END:
    case TAPE_UNTIL: return check_end(tape, i, scope, in_scope);
    case TAPE_DOT:
    case TAPE_FUSED_DOT:
    case TAPE_MOST: return check_series(tape, op, *scope, size);
    default: return NULL;
    }
}

/* What holds of the tape as a whole: of references that no operation uses, too. */
static const char *check_whole(const Tape *tape) {
    if (tape->failed) return "the tape has failed";
    if (tape->systems > TAPE_LANES_MOST || (tape->systems & (tape->systems - 1))) return "systems that do not fill lanes";
    for (uint32_t i = 0; i < tape->ref_count; i++)
        if ((unsigned)tape->ref[i].array >= LAG_ARRAY_COUNT) return "an array that is not there";
    return NULL;
}

const char *tape_check(const Tape *tape, const size_t size[LAG_ARRAY_COUNT]) {
    const char *wrong = check_whole(tape);
    if (wrong) return wrong;
    Scope scope = {0};
    bool *in_scope = memory_new(tape->count + 1);
    if (!in_scope) return NULL; /* no memory to look with: nothing is known to be wrong */
    for (uint32_t i = 0; !wrong && i < tape->count; i++) wrong = check_op(tape, i, &scope, in_scope, size);
    memory_free(in_scope);
    return wrong || scope.open == 0 ? wrong : "a loop without its end";
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
    [LAG_AP] = "AP",
    [LAG_BP] = "BP",
    [LAG_RESIDUAL] = "RESIDUAL",
    [LAG_IMPULSE] = "IMPULSE",
    [LAG_VELOCITY] = "VELOCITY",
    [LAG_JACOBIAN] = "JACOBIAN",
    [LAG_U] = "U",
    [LAG_LOW] = "LOW",
    [LAG_F] = "F",
    [LAG_SHARE] = "SHARE",
    [LAG_INVERSE_MASS] = "INVERSE_MASS",
    [LAG_RUN] = "RUN",
    [LAG_BY_Q] = "BY_Q",
    [LAG_BY_U] = "BY_U",
    [LAG_BY_F] = "BY_F",
    [LAG_SEED] = "SEED",
    [LAG_BY_PARAMETER] = "BY_PARAMETER",
    [LAG_BY_MASS] = "BY_MASS",
    [LAG_NODE] = "NODE",
    [LAG_WEIGHT] = "WEIGHT",
    [LAG_DERIVE] = "DERIVE",
    [LAG_GATHER] = "GATHER",
    [LAG_STIFFNESS] = "STIFFNESS",
    [LAG_STAGE_NODE] = "STAGE_NODE",
    [LAG_STAGE_END] = "STAGE_END",
    [LAG_LEGENDRE] = "LEGENDRE",
    [LAG_REACH] = "REACH",
    [LAG_RATE] = "RATE",
    [LAG_REACH_AHEAD] = "REACH_AHEAD",
    [LAG_RATE_AHEAD] = "RATE_AHEAD",
    [LAG_REACH_AHEAD_TWO] = "REACH_AHEAD_TWO",
    [LAG_RATE_AHEAD_TWO] = "RATE_AHEAD_TWO",
    [LAG_REACH_BACK] = "REACH_BACK",
    [LAG_RATE_BACK] = "RATE_BACK",
    [LAG_REACH_BACK_AHEAD] = "REACH_BACK_AHEAD",
    [LAG_RATE_BACK_AHEAD] = "RATE_BACK_AHEAD",
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

static void print_series(const Tape *tape, TapeOp op, Buffer *out) {
    print_ref(tape, op.a, out);
    if (op.code != TAPE_MOST) {
        buffer_text(out, " . ");
        print_ref(tape, op.b, out);
    }
    buffer_print(out, ", %u terms", op.c);
}

static void print_op(const Tape *tape, uint32_t i, uint32_t depth, Buffer *out) {
    TapeOp op = tape->op[i];
    if (tape_makes_value((TapeCode)op.code)) buffer_print(out, "%%%u = ", i);
    if (op.code != TAPE_STORE) buffer_text(out, tape_code_text((TapeCode)op.code));
    if (op.code != TAPE_STORE && op.code != TAPE_END && op.code != TAPE_REPEAT) buffer_text(out, " ");
    switch (op.code) {
    case TAPE_CONST: buffer_number(out, tape->constant[op.a]); break;
    case TAPE_LOAD: print_ref(tape, op.a, out); break;
    case TAPE_STORE:
        print_ref(tape, op.a, out);
        buffer_print(out, " = %%%u", op.b);
        break;
    case TAPE_LOOP:
    case TAPE_LANES: buffer_print(out, "%c < %u", "ijkl"[depth % TAPE_DEPTH], op.a); break;
    case TAPE_END:
    case TAPE_REPEAT: break;
    case TAPE_DOT:
    case TAPE_FUSED_DOT:
    case TAPE_MOST: print_series(tape, op, out); break;
    default:
        buffer_print(out, "%%%u", op.a);
        if (tape_operands((TapeCode)op.code) > 1) buffer_print(out, ", %%%u", op.b);
        if (tape_operands((TapeCode)op.code) > 2) buffer_print(out, ", %%%u", op.c);
    }
    buffer_text(out, "\n");
}

void tape_print(const Tape *tape, Buffer *out) {
    uint32_t open = 1, depth = 0;
    for (uint32_t i = 0; i < tape->count; i++) {
        uint32_t code = tape->op[i].code;
        open -= code == TAPE_END || code == TAPE_UNTIL;
        depth -= code == TAPE_END;
        for (uint32_t l = 0; l < open; l++) buffer_text(out, "    ");
        print_op(tape, i, depth, out);
        open += counts(code) || code == TAPE_REPEAT;
        depth += counts(code);
    }
}
