/* trim.c: removes the operations that nothing stored depends on. Needs a finished tape; leaves one with the same meaning. */
#include "tape/emit.h"

static bool has_effect(uint32_t code) { return code == TAPE_STORE || code == TAPE_LOOP || code == TAPE_END; }

void tape_trim(Tape *tape) {
    if (tape->failed) return;
    uint32_t *place = memory_new((tape->count + 1) * sizeof *place); /* first a mark, then the new number */
    if (!place) {
        tape->failed = true;
        return;
    }
    for (uint32_t i = tape->count; i-- > 0;) {
        TapeOp op = tape->op[i];
        if (!place[i] && !has_effect(op.code)) continue;
        place[i] = 1;
        uint32_t operands = tape_operands((TapeCode)op.code);
        if (op.code == TAPE_STORE)
            place[op.b] = 1;
        else if (operands > 0)
            place[op.a] = 1;
        if (operands > 1) place[op.b] = 1;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < tape->count; i++) {
        if (!place[i]) continue;
        TapeOp op = tape->op[i];
        uint32_t operands = tape_operands((TapeCode)op.code);
        if (op.code == TAPE_STORE)
            op.b = place[op.b];
        else if (operands > 0)
            op.a = place[op.a];
        if (operands > 1) op.b = place[op.b];
        tape->op[kept] = op;
        place[i] = kept++;
    }
    tape->count = kept;
    memory_free(place);
}
