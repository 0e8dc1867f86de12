/* tape_writing.h: an operation by its code, however many operands it has, for tests. */
#ifndef LAG_TESTS_TAPE_WRITING_H
#define LAG_TESTS_TAPE_WRITING_H

#include "tape/tape.h"

static inline TapeValue write_operation(Tape *tape, TapeCode code, const TapeValue operand[3]) {
    switch (tape_operands(code)) {
    case 1: return tape_unary(tape, code, operand[0]);
    case 2: return tape_binary(tape, code, operand[0], operand[1]);
    default: return tape_ternary(tape, code, operand[0], operand[1], operand[2]);
    }
}

#endif
