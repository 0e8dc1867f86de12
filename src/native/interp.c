/* interp.c: runs tapes. The oracle: what it computes is what the tape means.
 *
 * Operations are decoded once, into what the loop below needs: functions as addresses, loops with their ends. Values stand
 * in LAG_WORK, behind the tape's own part. Compiled without contraction, like all of lag. */
#include "native/native.h"

#include <math.h>

typedef struct InterpOp {
    TapeOp op;
    union {
        NativeFunction1 *one;
        NativeFunction2 *two;
        double constant;
        NativeFused *fused;
        NativeFusedDot *fused_dot;
        uint32_t begin; /* of a TAPE_END or TAPE_UNTIL: its loop */
    };
} InterpOp;

struct InterpCode {
    const TapeRef *ref;
    uint32_t count, values; /* values begin at LAG_WORK[values] */
    InterpOp op[];
};

InterpCode *interp_new(const Tape *tape, uint32_t *work) {
    InterpCode *code = tape->failed ? NULL : memory_new(sizeof *code + tape->count * sizeof *code->op);
    if (!code) return NULL;
    uint32_t open[TAPE_OPEN + 1] = {0}, depth = 0;
    *code = (InterpCode){.ref = tape->ref, .count = tape->count, .values = tape->work};
    for (uint32_t i = 0; i < tape->count; i++) {
        InterpOp *op = &code->op[i];
        op->op = tape->op[i];
        TapeCode what = (TapeCode)op->op.code;
        if (what == TAPE_CONST)
            op->constant = tape->constant[op->op.a];
        else if (what == TAPE_LOOP || what == TAPE_LANES || what == TAPE_REPEAT)
            open[depth < TAPE_OPEN ? depth++ : depth] = i;
        else if (what == TAPE_END || what == TAPE_UNTIL)
            op->begin = open[depth ? --depth : 0];
        else if (what == TAPE_FMA)
            op->fused = native_fused();
        else if (what == TAPE_FUSED_DOT)
            op->fused_dot = native_fused_dot();
        else if (native_function1(what))
            op->one = native_function1(what);
        else if (native_function2(what))
            op->two = native_function2(what);
    }
    *work = tape->work + tape->count;
    return code;
}

void interp_free(InterpCode *code) { memory_free(code); }

static inline double *element(const TapeRef *ref, const uint32_t *counter, double *const *array) {
    size_t at = ref->base;
    for (int l = 0; l < TAPE_DEPTH; l++) at += (size_t)ref->stride[l] * counter[l];
    return array[ref->array] + at;
}

static double dot(const InterpCode *code, TapeOp op, const uint32_t *counter, uint32_t depth, double *const *array) {
    const TapeRef *x = &code->ref[op.a], *y = &code->ref[op.b];
    const double *a = element(x, counter, array), *b = element(y, counter, array);
    size_t step_a = x->stride[depth], step_b = y->stride[depth];
    double sum = a[0] * b[0];
    for (size_t j = 1; j < op.c; j++) sum += a[j * step_a] * b[j * step_b];
    return sum;
}

static double fused_dot(const InterpCode *code, const InterpOp *in, const uint32_t *counter, uint32_t depth,
                        double *const *array) {
    const TapeRef *x = &code->ref[in->op.a], *y = &code->ref[in->op.b];
    return in->fused_dot(element(x, counter, array), x->stride[depth], element(y, counter, array), y->stride[depth],
                         in->op.c);
}

static double most(const InterpCode *code, TapeOp op, const uint32_t *counter, uint32_t depth, double *const *array) {
    const TapeRef *ref = &code->ref[op.a];
    const double *x = element(ref, counter, array);
    double largest = 0;
    for (size_t j = 0; j < op.c; j++) largest = x[j * ref->stride[depth]] > largest ? x[j * ref->stride[depth]] : largest;
    return largest;
}

void interp_run(const void *program, double *const *array) {
    const InterpCode *code = program;
    double *value = array[LAG_WORK] + code->values;
    uint32_t counter[TAPE_DEPTH + 1] = {0}, depth = 0;
    for (uint32_t i = 0; i < code->count; i++) {
        const InterpOp *in = &code->op[i];
        TapeOp op = in->op;
        switch ((TapeCode)op.code) {
        case TAPE_CONST: value[i] = in->constant; break;
        case TAPE_LOAD: value[i] = *element(&code->ref[op.a], counter, array); break;
        case TAPE_STORE: *element(&code->ref[op.a], counter, array) = value[op.b]; break;
        case TAPE_LOOP:
        case TAPE_LANES: counter[depth++] = 0; break;
        case TAPE_END:
            if (++counter[depth - 1] < code->op[in->begin].op.a)
                i = in->begin;
            else
                counter[--depth] = 0;
            break;
        case TAPE_REPEAT: break;
        case TAPE_UNTIL:
            if (value[op.a] == 0) i = in->begin;
            break;
        case TAPE_DOT: value[i] = dot(code, op, counter, depth, array); break;
        case TAPE_FUSED_DOT: value[i] = fused_dot(code, in, counter, depth, array); break;
        case TAPE_MOST: value[i] = most(code, op, counter, depth, array); break;
        case TAPE_ADD: value[i] = value[op.a] + value[op.b]; break;
        case TAPE_SUB: value[i] = value[op.a] - value[op.b]; break;
        case TAPE_MUL: value[i] = value[op.a] * value[op.b]; break;
        case TAPE_DIV: value[i] = value[op.a] / value[op.b]; break;
        case TAPE_NEG: value[i] = -value[op.a]; break;
        case TAPE_FMA: value[i] = in->fused(value[op.a], value[op.b], value[op.c]); break;
        case TAPE_LE: value[i] = value[op.a] <= value[op.b]; break;
        case TAPE_LARGER: value[i] = value[op.a] > value[op.b] ? value[op.a] : value[op.b]; break;
        case TAPE_PICK: value[i] = value[op.a] != 0 ? value[op.b] : value[op.c]; break;
        case TAPE_SQRT: value[i] = sqrt(value[op.a]); break;
        case TAPE_ABS: value[i] = fabs(value[op.a]); break;
        case TAPE_SIGN: value[i] = native_sign(value[op.a]); break;
        case TAPE_MIN: value[i] = native_min(value[op.a], value[op.b]); break;
        case TAPE_MAX: value[i] = native_max(value[op.a], value[op.b]); break;
        default: value[i] = tape_operands((TapeCode)op.code) == 1 ? in->one(value[op.a]) : in->two(value[op.a], value[op.b]);
        }
    }
}
