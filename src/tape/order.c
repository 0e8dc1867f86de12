/* order.c: the factors of a product in the order in which they come to be known, so that little is left to do once the last
 * of them is. Leaves a tape of as many operations that computes the same, but for roundings.
 *
 * When a value is known is reckoned from the first operation that takes long, a quotient, a root or a call, by what
 * operations take on common CPUs; what is made without any, or was there before the loop, is known at once, however it comes
 * there: so the order is the same for one system and for several. The two factors that are known first are multiplied first,
 * and so on: no other order has the product sooner. */
#include "tape/emit.h"

#include <string.h>

enum { FACTORS_MOST = 16 }; /* of a product: more stay products of products */

/* Cycles from operands to result. */
enum { TAKES_SUM = 4, TAKES_QUOTIENT = 13, TAKES_ROOT = 20, TAKES_CALL = 60 };

/* An operation as it was. */
typedef struct Old {
    uint32_t factors; /* of a product */
    bool inner;       /* it is a factor of another product, in its loop, and nothing else */
    uint32_t now;     /* its new number */
} Old;

typedef struct Factor {
    uint32_t value, known;
} Factor;

typedef struct Order {
    const Tape *tape;
    TapePlace *place;
    Old *old;
    TapeOp *op;      /* the new operations, */
    uint32_t *known; /* and when each is known, in its own loop */
    uint32_t count;
} Order;

static uint32_t larger(uint32_t a, uint32_t b) { return a > b ? a : b; }

/* Which products are written as factors of others. */
static void find_inner(Order *o) {
    for (uint32_t i = 0; i < o->tape->count; i++) {
        TapeOp op = o->tape->op[i];
        const uint32_t operand[] = {op.a, op.b};
        if (op.code != TAPE_MUL) continue;
        o->old[i].factors = 2;
        for (int k = 0; k < 2; k++) {
            uint32_t p = operand[k], more = o->old[p].factors;
            bool inner = more && o->place[p].uses == 1 && o->place[p].loop == o->place[i].loop;
            if (!inner || o->old[i].factors + more - 1 > FACTORS_MOST) continue;
            o->old[p].inner = true;
            o->old[i].factors += more - 1;
        }
    }
}

/* When the value of an operation is known whose operands are then. */
static uint32_t known_after(TapeOp op, uint32_t operands) {
    switch (op.code) {
    case TAPE_DIV: return operands + TAKES_QUOTIENT;
    case TAPE_SQRT: return operands + TAKES_ROOT;
    case TAPE_ADD:
    case TAPE_SUB:
    case TAPE_MUL:
    case TAPE_FMA: return operands ? operands + TAKES_SUM : 0;
    default: return tape_is_call((TapeCode)op.code) ? operands + TAKES_CALL : operands;
    }
}

/* When the value of an old operation is known to one in that loop. */
static uint32_t known_in(const Order *o, uint32_t i, uint32_t loop) {
    return o->place[i].loop == loop ? o->known[o->old[i].now] : 0;
}

static uint32_t append(Order *o, TapeOp op, uint32_t known) {
    o->op[o->count] = op;
    o->known[o->count] = known;
    return o->count++;
}

/* The factors of product i, its inner products' for these, from the left. */
static uint32_t gather(const Order *o, uint32_t i, uint32_t loop, Factor *factor) {
    const uint32_t operand[] = {o->tape->op[i].a, o->tape->op[i].b};
    uint32_t count = 0;
    for (int k = 0; k < 2; k++) {
        uint32_t p = operand[k];
        if (o->old[p].inner) /* at most FACTORS_MOST deep */
            count += gather(o, p, loop, factor + count);
        else
            factor[count++] = (Factor){o->old[p].now, known_in(o, p, loop)};
    }
    return count;
}

/* Takes out the factor that is known first: of several, the leftmost. */
static Factor take_first(Factor *factor, uint32_t *count) {
    uint32_t first = 0;
    for (uint32_t k = 1; k < *count; k++)
        if (factor[k].known < factor[first].known) first = k;
    Factor taken = factor[first];
    memmove(factor + first, factor + first + 1, (--*count - first) * sizeof *factor);
    return taken;
}

static uint32_t write_product(Order *o, uint32_t i) {
    Factor factor[FACTORS_MOST];
    uint32_t count = gather(o, i, o->place[i].loop, factor);
    while (count > 1) {
        Factor a = take_first(factor, &count), b = take_first(factor, &count);
        const TapeOp product = {TAPE_MUL, a.value, b.value, 0};
        uint32_t known = known_after(product, larger(a.known, b.known));
        factor[count++] = (Factor){append(o, product, known), known};
    }
    return factor[0].value;
}

static uint32_t write_other(Order *o, uint32_t i) {
    TapeOp op = o->tape->op[i];
    uint32_t *operand[3], known = 0;
    for (uint32_t k = 0, n = tape_operands_of(&op, operand); k < n; k++) {
        known = larger(known, known_in(o, *operand[k], o->place[i].loop));
        *operand[k] = o->old[*operand[k]].now;
    }
    return append(o, op, known_after(op, known));
}

void tape_order(Tape *tape) {
    const size_t count = tape->count + (size_t)1;
    Order o = {.tape = tape,
               .place = memory_new(count * sizeof *o.place),
               .old = memory_new(count * sizeof *o.old),
               .op = memory_new(count * sizeof *o.op),
               .known = memory_new(count * sizeof *o.known)};
    tape->failed |= !o.place || !o.old || !o.op || !o.known;
    if (!tape->failed) {
        tape_places(tape, o.place);
        find_inner(&o);
        for (uint32_t i = 0; i < tape->count; i++)
            if (!o.old[i].inner) o.old[i].now = tape->op[i].code == TAPE_MUL ? write_product(&o, i) : write_other(&o, i);
        memcpy(tape->op, o.op, o.count * sizeof *o.op);
        tape->count = o.count;
    }
    memory_free(o.place);
    memory_free(o.old);
    memory_free(o.op);
    memory_free(o.known);
}
