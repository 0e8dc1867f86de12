/* tape.h: the flat straight-line form that the interpreter runs and that every code generator reads.
 *
 * A tape is a list of operations on doubles. Operation i makes value i, once; its operands come before it. Memory is the
 * table of arrays of lag_kernel.h, reached through references: element  base + sum_l stride[l] * index[l]  of an array,
 * where index[l] is the counter of the l-th loop around the operation. Loops carry nothing: a value made inside a loop is
 * used inside the same loop only, and what must survive goes through an array. Counted loops have fixed trip counts; those
 * of TAPE_LANES may run several rounds at once, in the lanes of a vector, and a little past the last round. A TAPE_REPEAT
 * has no counter and goes on until a value says so.
 *
 * The meaning of a tape is exact: operations in the order written, each rounded once to double, nothing contracted,
 * reassociated or left out. So whoever runs it, however, gets the same bits. */
#ifndef LAG_TAPE_TAPE_H
#define LAG_TAPE_TAPE_H

#include "base/memory.h"
#include "lag_kernel.h"

typedef enum TapeCode {
    TAPE_CONST, /* value constant[a] */
    TAPE_LOAD,  /* value of reference a */
    TAPE_STORE, /* reference a becomes operand b */
    TAPE_LOOP,  /* the operations up to the matching TAPE_END, a times, with counter 0, 1 .. a - 1 (a >= 1) */
    TAPE_LANES, /* the same, where no round reads or writes what another writes, and references go along with the counter by
                   0 or 1, those of stores by 1. Up to TAPE_LANES_MOST - 1 rounds more may be run: what they write lies
                   between the last round's and the next multiple of TAPE_LANES_MOST, and means nothing */
    TAPE_END,
    TAPE_REPEAT, /* the operations up to the matching TAPE_UNTIL, once and again until its operand a is not 0 */
    TAPE_UNTIL,
    TAPE_DOT,       /* x_0 y_0 + x_1 y_1 + .. + x_{c-1} y_{c-1}: references a and b, whose stride at the current depth steps
                       through the c >= 1 terms; products rounded, summed from the left */
    TAPE_FUSED_DOT, /* the same sum in two chains of fused multiply-adds: (x_0 y_0 + x_2 y_2 + ..) + (x_1 y_1 + ..) */
    TAPE_MOST,      /* the largest of c elements of reference a, stepping likewise; at least 0, and NaNs left out */
#define ARITHMETIC(OP, text, operands) TAPE_##OP,
#define SELECTION(OP, text, operands, PARITY) TAPE_##OP,
#define ELEMENTARY(OP, text, operands, PARITY, sleef, ulp) TAPE_##OP,
#include "../../grammar/ops.def"
    TAPE_CODE_COUNT
} TapeCode;

typedef uint32_t TapeValue; /* the number of the operation that makes it */

typedef struct TapeOp {
    uint32_t code; /* a TapeCode */
    uint32_t a, b, c;
} TapeOp;

enum {
    TAPE_DEPTH = 4, /* most counted loops around an operation, a TAPE_DOT's own included */
    TAPE_OPEN = 8,  /* most loops around an operation */
    TAPE_LANES_MOST = 8,
};

typedef struct TapeRef {
    LagArray array;
    uint32_t base;
    uint32_t stride[TAPE_DEPTH];
} TapeRef;

/* Zero-initialised is empty. */
typedef struct Tape {
    TapeOp *op;
    TapeRef *ref;
    double *constant;
    uint32_t count, ref_count, constant_count;
    uint32_t op_capacity, ref_capacity, constant_capacity;
    uint32_t depth;   /* of loops, while being written */
    uint32_t work;    /* doubles of LAG_WORK in use */
    uint32_t systems; /* that run side by side, each in a lane, 2, 4 or 8: every array then has so many doubles for each
                         element, but those that are tables of the job. 0 or 1: one system */
    bool failed;      /* out of memory or too long: sticky, values are then meaningless */
    bool too_long;    /* why it failed: TAPE_LONGEST */
} Tape;

enum { TAPE_LONGEST = 8 * 1000 * 1000 };

/* Writing. Each returns the value it makes (0 once the tape has failed). */
TapeValue tape_constant(Tape *tape, double value);
TapeValue tape_load(Tape *tape, TapeRef ref);
void tape_store(Tape *tape, TapeRef ref, TapeValue value);
TapeValue tape_unary(Tape *tape, TapeCode code, TapeValue a);
TapeValue tape_binary(Tape *tape, TapeCode code, TapeValue a, TapeValue b);
TapeValue tape_ternary(Tape *tape, TapeCode code, TapeValue a, TapeValue b, TapeValue c);
TapeValue tape_dot(Tape *tape, TapeRef x, TapeRef y, uint32_t terms);
TapeValue tape_fused_dot(Tape *tape, TapeRef x, TapeRef y, uint32_t terms);
TapeValue tape_most(Tape *tape, TapeRef x, uint32_t count);
void tape_loop(Tape *tape, uint32_t count);
void tape_lanes(Tape *tape, uint32_t count);
void tape_end(Tape *tape);
void tape_repeat(Tape *tape);
void tape_until(Tape *tape, TapeValue done);
uint32_t tape_work(Tape *tape, uint32_t size); /* the base of a new piece of LAG_WORK */
void tape_free(Tape *tape);

/* Facts about codes. */
const char *tape_code_text(TapeCode code);
uint32_t tape_operands(TapeCode code); /* 0 for CONST, LOAD, loops and what takes references; 1 for STORE (it is b) */
bool tape_makes_value(TapeCode code);
bool tape_is_call(TapeCode code); /* of an elementary function */

/* Elements that `count` rounds of lanes may touch: a stride between rows that are gone through so. */
static inline uint32_t tape_lane_room(uint32_t count) {
    return (count + TAPE_LANES_MOST - 1) / TAPE_LANES_MOST * TAPE_LANES_MOST;
}

/* Operations carried out if every counted loop is run, and each TAPE_REPEAT once: what unrolling would emit. Saturates at
 * UINT64_MAX. */
uint64_t tape_unrolled(const Tape *tape);

/* The same count, of the calls of elementary functions among them. */
uint64_t tape_calls(const Tape *tape);

/* Whether there is a TAPE_REPEAT. */
bool tape_repeats(const Tape *tape);

/* Checks what is said above (operands before users and in scope, references within the arrays of `size`), and returns NULL
 * or what is wrong, static text. */
const char *tape_check(const Tape *tape, const size_t size[LAG_ARRAY_COUNT]);

/* One line an operation. */
void tape_print(const Tape *tape, Buffer *out);

#endif
