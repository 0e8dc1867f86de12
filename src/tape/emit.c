/* emit.c: see emit.h.
 *
 * Sums with negative terms become subtractions, products with negative powers divisions, constant powers products and square
 * roots. Equal operations are written once; what a pattern leaves unused is removed by tape_trim. */
#include "tape/emit.h"

#include <math.h>
#include <string.h>

enum { LARGEST_POWER = 64 }; /* whole powers up to this one become products */

typedef struct EmitterSlot {
    uint32_t code, a, b, value; /* value + 1, or 0 */
} EmitterSlot;

/* ---- Operations, each once ---- */

static bool slots_grow(Emitter *e) {
    uint32_t slots = e->slots ? 2 * e->slots : 256;
    EmitterSlot *slot = memory_new(slots * sizeof *slot);
    if (!slot) return false;
    for (uint32_t i = 0; i < e->slots; i++) {
        if (!e->slot[i].value) continue;
        const EmitterSlot *s = &e->slot[i];
        uint32_t j = (uint32_t)memory_hash(memory_hash(memory_hash(5, s->code), s->a), s->b) & (slots - 1);
        while (slot[j].value) j = (j + 1) & (slots - 1);
        slot[j] = *s;
    }
    memory_free(e->slot);
    e->slot = slot;
    e->slots = slots;
    return true;
}

static TapeValue operation(Emitter *e, TapeCode code, TapeValue a, TapeValue b) {
    if (e->tape->failed || (2 * (e->used + 1) > e->slots && !slots_grow(e))) {
        e->tape->failed = true;
        return 0;
    }
    if ((code == TAPE_ADD || code == TAPE_MUL) && a > b) { /* these commute exactly */
        TapeValue swap = a;
        a = b;
        b = swap;
    }
    uint32_t i = (uint32_t)memory_hash(memory_hash(memory_hash(5, code), a), b) & (e->slots - 1);
    for (; e->slot[i].value; i = (i + 1) & (e->slots - 1))
        if (e->slot[i].code == (uint32_t)code && e->slot[i].a == a && e->slot[i].b == b) return e->slot[i].value - 1;
    TapeValue value = tape_operands(code) == 1 ? tape_unary(e->tape, code, a) : tape_binary(e->tape, code, a, b);
    e->slot[i] = (EmitterSlot){(uint32_t)code, a, b, value + 1};
    e->used++;
    return value;
}

static TapeValue unary(Emitter *e, TapeCode code, TapeValue a) { return operation(e, code, a, 0); }

/* ---- Values of nodes ---- */

static bool room_for(Emitter *e, NodeId node) {
    uint32_t before = e->capacity;
    void *data = e->value;
    size_t need = node < e->graph->count ? e->graph->count : (size_t)node + 1;
    if (!memory_grow(&data, &e->capacity, need, sizeof *e->value)) return !(e->tape->failed = true);
    e->value = data;
    for (uint32_t i = before; i < e->capacity; i++) e->value[i] = TAPE_NO_VALUE;
    return true;
}

static void set(Emitter *e, NodeId node, TapeValue value) {
    if (room_for(e, node)) e->value[node] = value;
}

TapeValue emit_value(const Emitter *e, NodeId node) {
    TapeValue value = node < e->capacity ? e->value[node] : TAPE_NO_VALUE;
    return value == TAPE_NO_VALUE ? 0 : value;
}

void emit_bind(Emitter *e, NodeId name, TapeValue value) { set(e, name, value); }

/* A rational rounded to the nearest double, ties to even. */
static double nearest(mpq_srcptr q) {
    double d = mpq_get_d(q); /* rounded towards 0 */
    if (!isfinite(d)) return d;
    double away = nextafter(d, mpq_sgn(q) < 0 ? -INFINITY : INFINITY);
    if (!isfinite(away)) return d;
    mpq_t low, high;
    mpq_inits(low, high, NULL);
    mpq_set_d(low, d);
    mpq_set_d(high, away);
    mpq_sub(low, q, low);
    mpq_sub(high, high, q);
    mpq_abs(low, low);
    mpq_abs(high, high);
    int nearer = mpq_cmp(low, high);
    mpq_clears(low, high, NULL);
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return nearer > 0 || (nearer == 0 && (bits & 1)) ? away : d;
}

/* x^n for a whole n >= 1, by the node of each power so that powers share their parts. */
static TapeValue whole_power(Emitter *e, NodeId base, unsigned long n) {
    if (n == 1) return emit_value(e, base);
    NodeId node = graph_node(e->graph, GRAPH_POW, base, graph_integer(e->graph, (long)n));
    if (!room_for(e, node)) return 0;
    if (e->value[node] != TAPE_NO_VALUE) return e->value[node];
    TapeValue half = whole_power(e, base, n / 2); /* at most log2 LARGEST_POWER deep */
    TapeValue value = operation(e, TAPE_MUL, half, half);
    if (n % 2) value = operation(e, TAPE_MUL, value, emit_value(e, base));
    set(e, node, value);
    return value;
}

/* |base|^exponent's pieces: x^n, sqrt(x), x^n sqrt(x); TAPE_NO_VALUE where it takes the function pow. The sign of the
 * exponent is the caller's. */
static TapeValue power_pieces(Emitter *e, NodeId base, mpq_srcptr exponent) {
    unsigned long halves = mpz_get_ui(mpq_numref(exponent)); /* the absolute value */
    bool half = mpz_cmp_ui(mpq_denref(exponent), 2) == 0;
    if ((!half && mpz_cmp_ui(mpq_denref(exponent), 1) != 0) || mpz_cmpabs_ui(mpq_numref(exponent), LARGEST_POWER) > 0)
        return TAPE_NO_VALUE;
    if (!half) return whole_power(e, base, halves);
    TapeValue root = unary(e, TAPE_SQRT, emit_value(e, base));
    return halves == 1 ? root : operation(e, TAPE_MUL, whole_power(e, base, halves / 2), root);
}

static bool is_constant_power(const Graph *g, NodeId node) {
    return g->node[node].code == GRAPH_POW && graph_is_const(g, g->node[node].b);
}

static TapeValue power(Emitter *e, GraphNode node) {
    Graph *g = e->graph;
    TapeValue base = emit_value(e, node.a);
    if (!graph_is_const(g, node.b)) return operation(e, TAPE_POW, base, emit_value(e, node.b));
    TapeValue pieces = power_pieces(e, node.a, graph_value(g, node.b));
    if (pieces == TAPE_NO_VALUE)
        return operation(e, TAPE_POW, base, tape_constant(e->tape, nearest(graph_value(g, node.b))));
    if (mpq_sgn(graph_value(g, node.b)) > 0) return pieces;
    return operation(e, TAPE_DIV, tape_constant(e->tape, 1), pieces);
}

/* a * x^(-n) = a / x^n; TAPE_NO_VALUE where b is no such power. */
static TapeValue quotient(Emitter *e, NodeId a, NodeId b) {
    Graph *g = e->graph;
    if (!is_constant_power(g, b) || mpq_sgn(graph_value(g, g->node[b].b)) > 0) return TAPE_NO_VALUE;
    TapeValue below = power_pieces(e, g->node[b].a, graph_value(g, g->node[b].b));
    return below == TAPE_NO_VALUE ? below : operation(e, TAPE_DIV, emit_value(e, a), below);
}

static TapeValue product(Emitter *e, GraphNode node) {
    if (graph_equals(e->graph, node.a, -1)) return unary(e, TAPE_NEG, emit_value(e, node.b));
    TapeValue value = quotient(e, node.a, node.b);
    if (value == TAPE_NO_VALUE) value = quotient(e, node.b, node.a);
    return value != TAPE_NO_VALUE ? value : operation(e, TAPE_MUL, emit_value(e, node.a), emit_value(e, node.b));
}

/* y where node is -y. */
static NodeId negated(const Graph *g, NodeId node) {
    const GraphNode *n = &g->node[node];
    return n->code == GRAPH_MUL && graph_equals(g, n->a, -1) ? n->b : NODE_NONE;
}

static TapeValue sum(Emitter *e, GraphNode node) {
    NodeId minus = negated(e->graph, node.b);
    if (minus != NODE_NONE) return operation(e, TAPE_SUB, emit_value(e, node.a), emit_value(e, minus));
    minus = negated(e->graph, node.a);
    if (minus != NODE_NONE) return operation(e, TAPE_SUB, emit_value(e, node.b), emit_value(e, minus));
    return operation(e, TAPE_ADD, emit_value(e, node.a), emit_value(e, node.b));
}

static const TapeCode tape_code[GRAPH_CODE_COUNT] = {
#define SELECTION(OP, text, operands, PARITY) [GRAPH_##OP] = TAPE_##OP,
#define ELEMENTARY(OP, text, operands, PARITY, sleef, ulp) [GRAPH_##OP] = TAPE_##OP,
#include "../../grammar/ops.def"
};

static TapeValue node_value(Emitter *e, NodeId id) {
    GraphNode node = e->graph->node[id];
    switch (node.code) {
    case GRAPH_CONST: return tape_constant(e->tape, nearest(graph_value(e->graph, id)));
    case GRAPH_PI: return tape_constant(e->tape, 0x1.921fb54442d18p+1);
    case GRAPH_NAME: return tape_constant(e->tape, NAN); /* a name that was not bound */
    case GRAPH_ADD: return sum(e, node);
    case GRAPH_MUL: return product(e, node);
    case GRAPH_POW: return power(e, node);
    default:
        return operation(e, tape_code[node.code], emit_value(e, node.a),
                         graph_operands((GraphCode)node.code) > 1 ? emit_value(e, node.b) : 0);
    }
}

void emit_roots(Emitter *e, const NodeId *root, uint32_t roots, const NodeId *varying, uint32_t count) {
    Graph *g = e->graph;
    if (!graph_reach(g, root, roots) || !room_for(e, g->count - 1)) {
        e->tape->failed = true;
        return;
    }
    uint32_t needed_count = g->list_count;
    NodeId *needed = memory_new((needed_count + 1) * sizeof *needed);
    bool *varies = memory_new(g->count + 1);
    if (needed && varies) {
        memcpy(needed, g->list, needed_count * sizeof *needed);
        for (uint32_t i = 0; i < count; i++) varies[varying[i]] = true;
        for (uint32_t i = 0; i < needed_count; i++) {
            GraphNode node = g->node[needed[i]];
            uint32_t operands = graph_operands((GraphCode)node.code);
            bool *v = &varies[needed[i]];
            *v = *v || (operands > 0 && varies[node.a]) || (operands > 1 && varies[node.b]);
            if (!*v && e->value[needed[i]] == TAPE_NO_VALUE) set(e, needed[i], node_value(e, needed[i]));
        }
    } else {
        e->tape->failed = true;
    }
    memory_free(needed);
    memory_free(varies);
}

void emitter_free(Emitter *e) {
    memory_free(e->value);
    memory_free(e->slot);
    e->value = NULL;
    e->slot = NULL;
    e->capacity = e->slots = e->used = 0;
}
