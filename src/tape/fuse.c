/* fuse.c: products and sums become fused multiply-adds: a b + c rounds once, and takes one instruction. Needs a finished
 * tape; leaves one that computes the same, but for roundings. */
#include "tape/emit.h"

void tape_places(const Tape *tape, TapePlace *place) {
    uint32_t open[TAPE_OPEN + 1] = {0}, depth = 0, *operand[3];
    for (uint32_t i = 0; i < tape->count; i++) {
        TapeOp op = tape->op[i];
        for (uint32_t o = 0, n = tape_operands_of(&op, operand); o < n; o++) place[*operand[o]].uses++;
        bool begins = op.code == TAPE_LOOP || op.code == TAPE_LANES || op.code == TAPE_REPEAT;
        if (begins && depth < TAPE_OPEN) open[++depth] = i + 1;
        if ((op.code == TAPE_END || op.code == TAPE_UNTIL) && depth) depth--;
        place[i].loop = open[depth];
    }
}

/* Makes operation i, other + product p or other - product p, fused. The product's place takes its factor's negative. */
static void fuse(Tape *tape, uint32_t i, uint32_t p, uint32_t other, bool minus) {
    TapeOp product = tape->op[p];
    if (minus) {
        tape->op[p] = (TapeOp){TAPE_NEG, product.a, 0, 0};
        product.a = p;
    }
    tape->op[i] = (TapeOp){TAPE_FMA, product.a, product.b, other};
}

void tape_fuse(Tape *tape) {
    if (tape->failed) return;
    TapePlace *place = memory_new((tape->count + 1) * sizeof *place);
    if (!place) {
        tape->failed = true;
        return;
    }
    tape_places(tape, place);
    for (uint32_t i = 0; i < tape->count; i++) {
        TapeOp op = tape->op[i];
        if (op.code != TAPE_ADD && op.code != TAPE_SUB) continue;
        const uint32_t operand[] = {op.b, op.a};
        for (int o = 0; o < (op.code == TAPE_ADD ? 2 : 1); o++) { /* of a difference, the subtrahend alone */
            uint32_t p = operand[o];
            if (tape->op[p].code != TAPE_MUL || place[p].uses != 1 || place[p].loop != place[i].loop) continue;
            fuse(tape, i, p, operand[1 - o], op.code == TAPE_SUB);
            break;
        }
    }
    memory_free(place);
}
