/* trim.c: removes the operations that nothing stored depends on, and gathers constants. Needs a finished tape; leaves one
 * with the same meaning. */
#include "tape/emit.h"

#include <string.h>

uint32_t tape_operands_of(TapeOp *op, uint32_t *operand[3]) {
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
        for (uint32_t o = 0, n = tape_operands_of(&op, operand); o < n; o++) place[*operand[o]] = 1;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < tape->count; i++) {
        if (!place[i]) continue;
        TapeOp op = tape->op[i];
        for (uint32_t o = 0, n = tape_operands_of(&op, operand); o < n; o++) *operand[o] = place[*operand[o]];
        tape->op[kept] = op;
        place[i] = kept++;
    }
    tape->count = kept;
    memory_free(place);
}

/* Gives the constants new numbers, from 0, each of the same bits the same, and tells how many there are. */
static uint32_t number_constants(const Tape *tape, uint32_t *place, TapeOp *op, uint32_t *slot, uint32_t slots) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < tape->count; i++) {
        if (tape->op[i].code != TAPE_CONST) continue;
        uint64_t bits, other;
        memcpy(&bits, &tape->constant[tape->op[i].a], sizeof bits);
        uint32_t at = (uint32_t)memory_hash(5, bits) & (slots - 1);
        for (; slot[at]; at = (at + 1) & (slots - 1)) {
            memcpy(&other, &tape->constant[op[slot[at] - 1].a], sizeof other);
            if (other == bits) break;
        }
        if (!slot[at]) {
            op[count++] = tape->op[i];
            slot[at] = count;
        }
        place[i] = slot[at] - 1;
    }
    return count;
}

void tape_gather(Tape *tape) {
    uint32_t slots = 16;
    while (slots < 2 * (uint64_t)tape->constant_count) slots *= 2;
    uint32_t *place = memory_new((tape->count + (size_t)slots + 1) * sizeof *place), *operand[3];
    TapeOp *op = memory_new((tape->count + 1) * sizeof *op);
    if (!place || !op || tape->failed) {
        tape->failed = true;
        memory_free(place);
        memory_free(op);
        return;
    }
    uint32_t count = number_constants(tape, place, op, place + tape->count, slots);
    for (uint32_t i = 0; i < tape->count; i++) {
        TapeOp next = tape->op[i];
        if (next.code == TAPE_CONST) continue;
        for (uint32_t o = 0, n = tape_operands_of(&next, operand); o < n; o++) *operand[o] = place[*operand[o]];
        place[i] = count;
        op[count++] = next;
    }
    memcpy(tape->op, op, count * sizeof *op);
    tape->count = count;
    memory_free(place);
    memory_free(op);
}
