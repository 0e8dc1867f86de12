/* emit.h: expressions of the graph written onto a tape. */
#ifndef LAG_TAPE_EMIT_H
#define LAG_TAPE_EMIT_H

#include "graph/graph.h"
#include "tape/tape.h"

enum { TAPE_NO_VALUE = UINT32_MAX };
enum { EMIT_ONCE = 1, EMIT_INVERTED = 2 };

/* Values on the tape of the nodes emitted so far. Zero-initialise, set the first two. What is emitted inside a loop may be
 * used inside it only: the caller emits what does not depend on the loop before it. */
typedef struct Emitter {
    Tape *tape;
    Graph *graph;
    TapeValue *value; /* by node, TAPE_NO_VALUE where there is none */
    uint32_t capacity;
    uint8_t *inverted; /* by node, EMIT_INVERTED: it is divided by more than once, and so once, by its inverse */
    uint32_t inverted_capacity;
    bool written_out; /* sines and cosines, of angles up to 2^20 (circular.c), instead of calls */
    TapeValue inside; /* the first operation of the loop at hand: what was written before is at hand in all its rounds */
    struct EmitterSlot *slot; /* operations by (code, operands), so that equal ones are written once */
    uint32_t slots, used;
} Emitter;

/* Says what value a NAME node has. */
void emit_bind(Emitter *emitter, NodeId name, TapeValue value);

/* Writes all that the roots need, is not there yet, and needs none of the nodes varying[count]. Other names must have been
 * bound. So a first call with the variables of a loop as `varying` writes what belongs before it, a second with none the
 * rest. */
void emit_roots(Emitter *emitter, const NodeId *root, uint32_t roots, const NodeId *varying, uint32_t count);

/* Forgets what was written from operation `from` on: it stands in a loop that has ended. */
void emit_forget(Emitter *emitter, TapeValue from);

/* The value of a node that has been emitted. */
TapeValue emit_value(const Emitter *emitter, NodeId node);

void emitter_free(Emitter *emitter);

/* circular.c: sine and cosine of an angle; NaN where it is larger than 2^20. */
void circular_write(Tape *tape, TapeValue angle, TapeValue *sine, TapeValue *cosine);

/* trim.c: the operands of an operation, in place, and how many they are. */
uint32_t tape_operands_of(TapeOp *op, uint32_t *operand[3]);

/* trim.c: removes the operations that nothing stored depends on. */
void tape_trim(Tape *tape);

/* trim.c: constants to the front, each once: not in loops, where they would be written down again and again. */
void tape_gather(Tape *tape);

/* Of each operation: how often it is used, and which loop it stands in. */
typedef struct TapePlace {
    uint32_t uses, loop;
} TapePlace;

/* fuse.c: finds that, of zeros. */
void tape_places(const Tape *tape, TapePlace *place);

/* order.c: products multiply what is known first first. Needs a trimmed tape. */
void tape_order(Tape *tape);

/* fuse.c: products that are used once, in a sum of their own loop, become fused multiply-adds with it. To be trimmed. */
void tape_fuse(Tape *tape);

#endif
