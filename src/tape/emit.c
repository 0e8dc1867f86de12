/* emit.c: see emit.h.
 *
 * Sums with negative terms become subtractions, products with negative powers divisions, constant powers products and square
 * roots. What is divided by more than once, in whatever powers, is inverted once: a division takes as long as ten products.
 * Equal operations are written once; what a pattern leaves unused is removed by tape_trim. */
#include "tape/emit.h"

#include <math.h>
#include <string.h>

enum { LARGEST_POWER = 64 }; /* whole powers up to this one become products */

typedef struct EmitterSlot {
    uint32_t code, a, b, value; /* value + 1, or 0 */
} EmitterSlot;

/* ---- Operations, each once ---- */

/* An operation is in the slot of its younger operand, or, where that was taken, in the first that was free from where its
 * hash says: operations are mostly written beside their operands, so that the first look is into memory that is at hand. */
static uint32_t near_slot(const Emitter *e, const EmitterSlot *s) {
    return (2 * (s->a > s->b ? s->a : s->b) + (s->code & 1)) & (e->slots - 1);
}

static uint32_t far_slot(const Emitter *e, const EmitterSlot *s) {
    return (uint32_t)memory_hash(memory_hash(memory_hash(5, s->code), s->a), s->b) & (e->slots - 1);
}

/* The slot of an operation, or a free one for it. */
static uint32_t find_slot(const Emitter *e, const EmitterSlot *s) {
    uint32_t i = near_slot(e, s);
    for (bool near = true;; near = false) {
        const EmitterSlot *old = &e->slot[i];
        if (!old->value || (old->code == s->code && old->a == s->a && old->b == s->b)) return i;
        i = near ? far_slot(e, s) : (i + 1) & (e->slots - 1);
    }
}

/* Room for `more` operations in slots at most half full. */
static bool slots_reserve(Emitter *e, uint32_t more) {
    uint32_t before = e->slots, slots = before ? before : 256;
    while (slots < 2 * ((uint64_t)e->used + more)) slots *= 2;
    if (slots == before) return true;
    EmitterSlot *old = e->slot, *slot = memory_new_table(slots * sizeof *slot);
    if (!slot) return false;
    e->slot = slot;
    e->slots = slots;
    for (uint32_t i = 0; i < before; i++)
        if (old[i].value) slot[find_slot(e, &old[i])] = old[i];
    memory_free(old);
    return true;
}

static TapeValue operation(Emitter *e, TapeCode code, TapeValue a, TapeValue b) {
    if (e->tape->failed || !slots_reserve(e, 1)) {
        e->tape->failed = true;
        return 0;
    }
    if ((code == TAPE_ADD || code == TAPE_MUL) && a > b) { /* these commute exactly */
        TapeValue swap = a;
        a = b;
        b = swap;
    }
    EmitterSlot new = {(uint32_t)code, a, b, 0};
    uint32_t i = find_slot(e, &new);
    if (e->slot[i].value) return e->slot[i].value - 1;
    TapeValue value = tape_operands(code) == 1 ? tape_unary(e->tape, code, a) : tape_binary(e->tape, code, a, b);
    new.value = value + 1;
    e->slot[i] = new;
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
    mpz_srcptr above = mpq_numref(q), below = mpq_denref(q);
    if (mpz_sizeinbase(above, 2) <= 53 && mpz_sizeinbase(below, 2) <= 53) return mpz_get_d(above) / mpz_get_d(below);
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

/* Whether a power of that exponent is made of products and a square root. */
static bool has_pieces(mpq_srcptr exponent) {
    bool halves = mpz_cmp_ui(mpq_denref(exponent), 2) == 0 || mpz_cmp_ui(mpq_denref(exponent), 1) == 0;
    return halves && mpz_cmpabs_ui(mpq_numref(exponent), LARGEST_POWER) <= 0;
}

static bool is_inverted(const Emitter *e, NodeId base) {
    return base < e->inverted_capacity && (e->inverted[base] & EMIT_INVERTED);
}

/* x^n for a whole n >= 1, or x^-n by the inverse: by the node of each power so that powers share their parts. */
static TapeValue whole_power(Emitter *e, NodeId base, unsigned long n, bool inverse) {
    if (n == 1 && !inverse) return emit_value(e, base);
    NodeId node = graph_node(e->graph, GRAPH_POW, base, graph_integer(e->graph, inverse ? -(long)n : (long)n));
    if (!room_for(e, node)) return 0;
    if (e->value[node] != TAPE_NO_VALUE) return e->value[node];
    if (n == 1) {
        set(e, node, operation(e, TAPE_DIV, tape_constant(e->tape, 1), emit_value(e, base)));
        return emit_value(e, node);
    }
    TapeValue half = whole_power(e, base, n / 2, inverse); /* at most log2 LARGEST_POWER deep */
    TapeValue value = operation(e, TAPE_MUL, half, half);
    if (n % 2) value = operation(e, TAPE_MUL, value, whole_power(e, base, 1, inverse));
    set(e, node, value);
    return value;
}

/* |base|^exponent's pieces: x^n, sqrt(x), x^n sqrt(x); TAPE_NO_VALUE where it takes the function pow. The sign of the
 * exponent is the caller's. */
static TapeValue power_pieces(Emitter *e, NodeId base, mpq_srcptr exponent) {
    unsigned long halves = mpz_get_ui(mpq_numref(exponent)); /* the absolute value */
    if (!has_pieces(exponent)) return TAPE_NO_VALUE;
    if (mpz_cmp_ui(mpq_denref(exponent), 2) != 0) return whole_power(e, base, halves, false);
    TapeValue root = unary(e, TAPE_SQRT, emit_value(e, base));
    return halves == 1 ? root : operation(e, TAPE_MUL, whole_power(e, base, halves / 2, false), root);
}

/* base^exponent for a negative exponent, by 1 / base, and sqrt(base), which takes no longer beside that. The quotient comes
 * first, since more is made of it. */
static TapeValue inverse_power(Emitter *e, NodeId base, mpq_srcptr exponent) {
    unsigned long halves = mpz_get_ui(mpq_numref(exponent));
    if (mpz_cmp_ui(mpq_denref(exponent), 2) != 0) return whole_power(e, base, halves, true);
    TapeValue whole = whole_power(e, base, (halves + 1) / 2, true);
    return operation(e, TAPE_MUL, whole, unary(e, TAPE_SQRT, emit_value(e, base)));
}

static bool is_constant_power(const Graph *g, NodeId node) {
    return g->node[node].code == GRAPH_POW && graph_is_const(g, g->node[node].b);
}

/* The base of a negative power that is made of pieces; else NODE_NONE. */
static NodeId divisor(const Graph *g, NodeId node) {
    if (!is_constant_power(g, node)) return NODE_NONE;
    mpq_srcptr exponent = graph_value(g, g->node[node].b);
    return mpq_sgn(exponent) < 0 && has_pieces(exponent) ? g->node[node].a : NODE_NONE;
}

static TapeValue power(Emitter *e, NodeId id) {
    Graph *g = e->graph;
    GraphNode node = g->node[id];
    TapeValue base = emit_value(e, node.a);
    if (!graph_is_const(g, node.b)) return operation(e, TAPE_POW, base, emit_value(e, node.b));
    if (divisor(g, id) != NODE_NONE && is_inverted(e, node.a)) return inverse_power(e, node.a, graph_value(g, node.b));
    TapeValue pieces = power_pieces(e, node.a, graph_value(g, node.b));
    if (pieces == TAPE_NO_VALUE)
        return operation(e, TAPE_POW, base, tape_constant(e->tape, nearest(graph_value(g, node.b))));
    if (mpq_sgn(graph_value(g, node.b)) > 0) return pieces;
    return operation(e, TAPE_DIV, tape_constant(e->tape, 1), pieces);
}

/* Whether a node's value was there before the loop at hand. */
static bool is_from_before(const Emitter *e, NodeId node) {
    return node < e->capacity && e->value[node] != TAPE_NO_VALUE && e->value[node] < e->inside;
}

/* a * x^(-n) = a / x^n; TAPE_NO_VALUE where b is no such power, or x is inverted, or x^(-n) is known from before the loop.
 * What is divided by a mere name is divided: it may be that name, and then the quotient is 1, which it had better be in
 * acos. */
static TapeValue quotient(Emitter *e, NodeId a, NodeId b) {
    NodeId base = divisor(e->graph, b);
    if (base == NODE_NONE || is_from_before(e, b)) return TAPE_NO_VALUE;
    bool plain =
        e->graph->node[base].code == GRAPH_NAME && mpq_cmp_si(graph_value(e->graph, e->graph->node[b].b), -1, 1) == 0;
    if (is_inverted(e, base) && !plain) return TAPE_NO_VALUE;
    TapeValue below = power_pieces(e, base, graph_value(e->graph, e->graph->node[b].b));
    return operation(e, TAPE_DIV, emit_value(e, a), below);
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

/* Sine or cosine of an angle, and with it the other one, which had better be at hand if it is wanted too. */
static TapeValue circular(Emitter *e, GraphNode node) {
    NodeId sine = graph_node(e->graph, GRAPH_SIN, node.a, 0), cosine = graph_node(e->graph, GRAPH_COS, node.a, 0);
    TapeValue s, c;
    circular_write(e->tape, emit_value(e, node.a), &s, &c);
    set(e, sine, s);
    set(e, cosine, c);
    return node.code == GRAPH_SIN ? s : c;
}

static TapeValue node_value(Emitter *e, NodeId id) {
    GraphNode node = e->graph->node[id];
    if (e->written_out && (node.code == GRAPH_SIN || node.code == GRAPH_COS)) return circular(e, node);
    switch (node.code) {
    case GRAPH_CONST: return tape_constant(e->tape, nearest(graph_value(e->graph, id)));
    case GRAPH_PI: return tape_constant(e->tape, 0x1.921fb54442d18p+1);
    case GRAPH_NAME: return tape_constant(e->tape, NAN); /* a name that was not bound */
    case GRAPH_ADD: return sum(e, node);
    case GRAPH_MUL: return product(e, node);
    case GRAPH_POW: return power(e, id);
    default:
        return operation(e, tape_code[node.code], emit_value(e, node.a),
                         graph_operands((GraphCode)node.code) > 1 ? emit_value(e, node.b) : 0);
    }
}

/* Finds what is divided by more than once among `count` nodes. */
static bool find_inverted(Emitter *e, const NodeId *node, uint32_t count) {
    const Graph *g = e->graph;
    uint32_t before = e->inverted_capacity;
    void *data = e->inverted;
    if (!memory_grow(&data, &e->inverted_capacity, g->count, sizeof *e->inverted)) return false;
    e->inverted = data;
    memset(e->inverted + before, 0, (e->inverted_capacity - before) * sizeof *e->inverted);
    for (uint32_t i = 0; i < count; i++) {
        GraphNode user = g->node[node[i]];
        const NodeId operand[] = {user.a, user.b};
        for (uint32_t o = 0; o < graph_operands((GraphCode)user.code); o++) {
            NodeId base = divisor(g, operand[o]);
            if (base == NODE_NONE) continue;
            e->inverted[base] |= e->inverted[base] ? EMIT_INVERTED : EMIT_ONCE;
        }
    }
    return true;
}

void emit_roots(Emitter *e, const NodeId *root, uint32_t roots, const NodeId *varying, uint32_t count) {
    Graph *g = e->graph;
    if (!graph_reach(g, root, roots) || !room_for(e, g->count - 1)) {
        e->tape->failed = true;
        return;
    }
    uint32_t needed_count = g->list_count;
    e->inside = e->tape->count;
    if (!e->slots && !slots_reserve(e, needed_count)) e->tape->failed = true; /* about as many as there will be */
    NodeId *needed = memory_new((needed_count + 1) * sizeof *needed);
    bool *varies = memory_new(g->count + 1);
    if (needed) memcpy(needed, g->list, needed_count * sizeof *needed);
    if (needed && varies && find_inverted(e, needed, needed_count)) {
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

void emit_forget(Emitter *e, TapeValue from) {
    for (uint32_t i = 0; i < e->capacity; i++)
        if (e->value[i] != TAPE_NO_VALUE && e->value[i] >= from) e->value[i] = TAPE_NO_VALUE;
    EmitterSlot *old = e->slot;
    uint32_t slots = e->slots;
    if (!slots) return;
    e->slot = memory_new_table(slots * sizeof *e->slot);
    if (!e->slot) {
        e->slot = old;
        e->tape->failed = true;
        return;
    }
    e->used = 0;
    for (uint32_t i = 0; i < slots; i++) {
        if (!old[i].value || old[i].value - 1 >= from) continue;
        e->slot[find_slot(e, &old[i])] = old[i];
        e->used++;
    }
    memory_free(old);
}

void emitter_free(Emitter *e) {
    memory_free(e->value);
    memory_free(e->slot);
    memory_free(e->inverted);
    e->inverted = NULL;
    e->inverted_capacity = 0;
    e->value = NULL;
    e->slot = NULL;
    e->capacity = e->slots = e->used = 0;
}
