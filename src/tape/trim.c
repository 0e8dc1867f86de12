/* trim.c: removes the operations that nothing stored depends on. Needs a finished tape; leaves one with the same meaning. */
#include "tape/emit.h"

/* The operands of an operation, in place. */
static uint32_t operands_of(TapeOp *op, uint32_t *operand[3]) {
    operand[0] = op->code == TAPE_STORE ? &op->b : &op->a;
    operand[1] = &op->b;
    operand[2] = &op->c;
    return tape_operands((TapeCode)op->code);
}

void tape_trim(Tape *tape) {
    if (tape->failed) return;
    uint32_t *place = memory_new((tape->count + 1) * sizeof *place); /* first a mark, then the new number */
    if (!place) {
        tape->failed = true;
        return;
    }
    uint32_t *operand[3];
    for (uint32_t i = tape->count; i-- > 0;) {
        TapeOp op = tape->op[i];
        if (!place[i] && tape_makes_value((TapeCode)op.code)) continue;
        place[i] = 1;
        for (uint32_t o = 0, n = operands_of(&op, operand); o < n; o++) place[*operand[o]] = 1;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < tape->count; i++) {
        if (!place[i]) continue;
        TapeOp op = tape->op[i];
        for (uint32_t o = 0, n = operands_of(&op, operand); o < n; o++) *operand[o] = place[*operand[o]];
        tape->op[kept] = op;
        place[i] = kept++;
    }
    tape->count = kept;
    memory_free(place);
}
