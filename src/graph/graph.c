/* graph.c: nodes, constants, and reachability. The rules of simplification are in simplify.c. */
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    uint8_t operands, parity, function;
} code_table[GRAPH_CODE_COUNT] = {
    [GRAPH_CONST] = {"const", 0, GRAPH_NEITHER, 0}, [GRAPH_PI] = {"pi", 0, GRAPH_NEITHER, 0},
    [GRAPH_NAME] = {"name", 0, GRAPH_NEITHER, 0},   [GRAPH_ADD] = {"add", 2, GRAPH_NEITHER, 0},
    [GRAPH_MUL] = {"mul", 2, GRAPH_NEITHER, 0},
#define SELECTION(OP, text, operands, PARITY) [GRAPH_##OP] = {text, operands, GRAPH_##PARITY, 1},
#define ELEMENTARY(OP, text, operands, PARITY, sleef, ulp) [GRAPH_##OP] = {text, operands, GRAPH_##PARITY, 1},
#include "../../grammar/ops.def"
};

uint32_t graph_operands(GraphCode code) { return code_table[code].operands; }
GraphParity graph_parity(GraphCode code) { return (GraphParity)code_table[code].parity; }
const char *graph_code_text(GraphCode code) { return code_table[code].text; }

GraphCode graph_function(const char *name, size_t size, uint32_t *operands) {
    for (int code = 0; code < GRAPH_CODE_COUNT; code++) {
        const char *text = code_table[code].text;
        if (!code_table[code].function || strlen(text) != size || memcmp(text, name, size) != 0) continue;
        *operands = code_table[code].operands;
        return (GraphCode)code;
    }
    return GRAPH_CODE_COUNT;
}

bool graph_init(Graph *graph) {
    *graph = (Graph){0};
    graph_ratio(graph, 0, 1); /* NODE_ZERO */
    graph_ratio(graph, 1, 1); /* NODE_ONE */
    if (!graph->failed) return true;
    graph_free(graph);
    return false;
}

bool graph_exceeded(const Graph *graph) { return graph->too_large || graph->too_wide || graph->too_long; }

void graph_free(Graph *graph) {
    for (uint32_t i = 0; i < graph->constant_count; i++) mpq_clear(graph->constant[i]);
    memory_free(graph->constant);
    memory_free(graph->node);
    memory_free(graph->slot);
    memory_free(graph->constant_slot);
    memory_free(graph->mark);
    memory_free(graph->place);
    memory_free(graph->list);
    *graph = (Graph){0};
}

/* ---- Hash-consing ---- */

static uint64_t hash_integer(uint64_t hash, mpz_srcptr z) {
    hash = memory_hash(hash, (uint64_t)mpz_sgn(z));
    for (size_t i = 0, n = mpz_size(z); i < n; i++) hash = memory_hash(hash, mpz_getlimbn(z, i));
    return hash;
}

static uint32_t hash_rational(mpq_srcptr q) { return (uint32_t)hash_integer(hash_integer(7, mpq_numref(q)), mpq_denref(q)); }

static uint32_t hash_node(const GraphNode *node) {
    return (uint32_t)memory_hash(memory_hash(memory_hash(1, node->code), node->a), node->b);
}

/* A node is in the slot of its younger operand, or, where that was taken, in the first that was free from where its hash
 * says. Nodes are mostly made beside their operands, so that the first look is into memory that is at hand. */
static uint32_t near_slot(const GraphNode *node, uint32_t slots) {
    return (2 * (node->a > node->b ? node->a : node->b) + (node->code & 1)) & (slots - 1);
}

/* Where a hash says: by its upper bits, so that a table of twice the size has everything in the same order. */
static uint32_t far_slot(uint32_t hash, uint32_t slots) { return (uint32_t)((uint64_t)hash * slots >> 32); }

/* The slot of a node, or a free one for it. */
static uint32_t find_slot(const GraphNode *all, const uint32_t *slot, uint32_t slots, const GraphNode *node) {
    uint32_t i = near_slot(node, slots);
    for (bool near = true; slot[i]; near = false) {
        const GraphNode *old = &all[slot[i] - 1];
        if (old->code == node->code && old->a == node->a && old->b == node->b) break;
        i = near ? far_slot(hash_node(node), slots) : (i + 1) & (slots - 1);
    }
    return i;
}

/* A table of twice the size, filled in the order of the nodes: that is nearly its own. */
static bool slots_grow(Graph *graph) {
    uint32_t slots = graph->slots ? 2 * graph->slots : 256, *slot = memory_new_table(slots * sizeof *slot);
    if (!slot) return false;
    for (uint32_t k = 0; k < graph->count; k++)
        if (graph->node[k].code != GRAPH_CONST) slot[find_slot(graph->node, slot, slots, &graph->node[k])] = k + 1;
    memory_free(graph->slot);
    graph->slot = slot;
    graph->slots = slots;
    return true;
}

static bool constant_slots_grow(Graph *graph) {
    uint32_t before = graph->constant_slots, slots = before ? 2 * before : 256;
    GraphSlot *old = graph->constant_slot, *slot = memory_new_table(slots * sizeof *slot);
    if (!slot) return false;
    for (uint32_t k = 0; k < before; k++) {
        if (!old[k].node) continue;
        uint32_t i = far_slot(old[k].hash, slots);
        while (slot[i].node) i = (i + 1) & (slots - 1);
        slot[i] = old[k];
    }
    memory_free(old);
    graph->constant_slot = slot;
    graph->constant_slots = slots;
    return true;
}

/* Slots are kept at most half full, so that a free one is always found. */
static bool room_for_one(Graph *graph) {
    if (graph->failed) return false;
    if (graph->count >= GRAPH_MOST) {
        graph->too_large = graph->failed = true;
        return false;
    }
    void *data = graph->node;
    bool room = memory_grow(&data, &graph->capacity, graph->count + 1, sizeof *graph->node);
    graph->node = data;
    if (2 * (graph->count + 1) > graph->slots) room = room && slots_grow(graph);
    if (2 * (graph->constant_count + 1) > graph->constant_slots) room = room && constant_slots_grow(graph);
    return room || !(graph->failed = true);
}

static NodeId append(Graph *graph, GraphNode node) {
    graph->node[graph->count] = node;
    return graph->count++;
}

NodeId graph_node(Graph *graph, GraphCode code, uint32_t a, uint32_t b) {
    if (!room_for_one(graph)) return 0;
    GraphNode node = {code, a, b};
    uint32_t *slot = &graph->slot[find_slot(graph->node, graph->slot, graph->slots, &node)];
    if (!*slot) *slot = append(graph, node) + 1;
    return *slot - 1;
}

static bool is_constant_at(const Graph *graph, uint32_t slot, uint32_t hash, const mpq_t value) {
    const GraphSlot *at = &graph->constant_slot[slot];
    return at->hash == hash && mpq_equal(graph->constant[graph->node[at->node - 1].a], value);
}

/* As mpz_sizeinbase(z, 2), without a call where it is short. */
static size_t bits_of(mpz_srcptr z) {
    if (mpz_size(z) > 1) return mpz_sizeinbase(z, 2);
    unsigned long long limb = mpz_getlimbn(z, 0);
    return limb ? 64 - (size_t)__builtin_clzll(limb) : 1;
}

NodeId graph_rational(Graph *graph, const mpq_t value) {
    size_t above = bits_of(mpq_numref(value)), below = bits_of(mpq_denref(value));
    uint64_t bits = above + below + GRAPH_BITS_EACH;
    if (above > GRAPH_BITS || below > GRAPH_BITS || graph->constant_bits + bits > GRAPH_BITS_ALL)
        graph->too_wide = graph->failed = true;
    if (!room_for_one(graph)) return 0;
    uint32_t hash = hash_rational(value), i = far_slot(hash, graph->constant_slots);
    for (; graph->constant_slot[i].node; i = (i + 1) & (graph->constant_slots - 1))
        if (is_constant_at(graph, i, hash, value)) return graph->constant_slot[i].node - 1;
    void *data = graph->constant;
    if (!memory_grow(&data, &graph->constant_capacity, graph->constant_count + 1, sizeof *graph->constant)) {
        graph->failed = true;
        return 0;
    }
    graph->constant = data;
    mpq_init(graph->constant[graph->constant_count]);
    mpq_set(graph->constant[graph->constant_count], value);
    graph->constant_bits += bits;
    graph->constant_slot[i] = (GraphSlot){graph->count + 1, hash};
    return append(graph, (GraphNode){GRAPH_CONST, graph->constant_count++, 0});
}

NodeId graph_ratio(Graph *graph, long numerator, unsigned long denominator) {
    mpq_t q;
    mpq_init(q);
    mpq_set_si(q, numerator, denominator);
    mpq_canonicalize(q);
    NodeId node = graph_rational(graph, q);
    mpq_clear(q);
    return node;
}

/* Asked for most of all: without an allocation. */
NodeId graph_integer(Graph *graph, long value) {
    if (value == 0 || value == 1) return value ? NODE_ONE : NODE_ZERO;
    mp_limb_t size = value < 0 ? -(mp_limb_t)value : (mp_limb_t)value, one = 1;
    mpq_t q;
    mpz_roinit_n(mpq_numref(q), &size, value < 0 ? -1 : value > 0);
    mpz_roinit_n(mpq_denref(q), &one, 1);
    return graph_rational(graph, q);
}

NodeId graph_pi(Graph *graph) { return graph_node(graph, GRAPH_PI, 0, 0); }
NodeId graph_name(Graph *graph, NameId name) { return graph_node(graph, GRAPH_NAME, name, 0); }

/* ---- Questions ---- */

mpq_srcptr graph_value(const Graph *graph, NodeId a) { return graph->constant[graph->node[a].a]; }

bool graph_equals(const Graph *graph, NodeId a, long value) {
    if (value == 0 || value == 1) return a == (value ? NODE_ONE : NODE_ZERO); /* equal constants are one node */
    return graph_is_const(graph, a) && mpq_cmp_si(graph_value(graph, a), value, 1) == 0;
}

bool graph_is_integer(const Graph *graph, NodeId a, long *value) {
    if (!graph_is_const(graph, a)) return false;
    mpq_srcptr q = graph_value(graph, a);
    if (mpz_cmp_ui(mpq_denref(q), 1) != 0 || !mpz_fits_slong_p(mpq_numref(q))) return false;
    *value = mpz_get_si(mpq_numref(q));
    return true;
}

void graph_split(Graph *graph, NodeId a, NodeId *factor, NodeId *rest) {
    GraphNode node = graph->node[a];
    if (node.code == GRAPH_CONST) {
        *factor = a;
        *rest = graph_integer(graph, 1);
    } else if (node.code == GRAPH_MUL && graph_is_const(graph, node.a)) {
        *factor = node.a;
        *rest = node.b;
    } else {
        *factor = graph_integer(graph, 1);
        *rest = a;
    }
}

/* ---- Reachability ---- */

static bool list_push(Graph *graph, NodeId a) {
    void *data = graph->list;
    if (!memory_grow(&data, &graph->list_capacity, graph->list_count + 1, sizeof *graph->list)) return false;
    graph->list = data;
    graph->list[graph->list_count++] = a;
    graph->mark[a] = graph->stamp;
    return true;
}

static int compare_nodes(const void *a, const void *b) {
    NodeId x = *(const NodeId *)a, y = *(const NodeId *)b;
    return (x > y) - (x < y);
}

/* Orders the list: by a sweep over the marks where it is dense, by sorting where it is sparse. */
static void list_order(Graph *graph) {
    NodeId least = NODE_NONE, most = 0;
    for (uint32_t i = 0; i < graph->list_count; i++) {
        if (graph->list[i] < least) least = graph->list[i];
        if (graph->list[i] > most) most = graph->list[i];
    }
    if (graph->list_count == 0) return;
    if ((most - least) / 16 > graph->list_count) {
        qsort(graph->list, graph->list_count, sizeof *graph->list, compare_nodes);
        return;
    }
    uint32_t n = 0;
    for (NodeId a = least; a <= most; a++)
        if (graph->mark[a] == graph->stamp) graph->list[n++] = a;
}

bool graph_reach(Graph *graph, const NodeId *root, uint32_t count) {
    void *data = graph->mark;
    uint32_t before = graph->mark_capacity;
    if (graph->failed || !memory_grow(&data, &graph->mark_capacity, graph->count, sizeof *graph->mark)) goto fail;
    graph->mark = data;
    data = graph->place;
    if (!memory_grow(&data, &graph->place_capacity, graph->count, sizeof *graph->place)) goto fail;
    graph->place = data;
    if (graph->mark_capacity > before)
        memset(graph->mark + before, 0, (graph->mark_capacity - before) * sizeof *graph->mark);
    graph->stamp++;
    graph->list_count = 0;
    for (uint32_t i = 0; i < count; i++)
        if (graph->mark[root[i]] != graph->stamp && !list_push(graph, root[i])) goto fail;
    for (uint32_t i = 0; i < graph->list_count; i++) { /* the list is its own queue */
        const GraphNode *node = &graph->node[graph->list[i]];
        uint32_t operands = graph_operands((GraphCode)node->code), b = node->b;
        if (operands > 0 && graph->mark[node->a] != graph->stamp && !list_push(graph, node->a)) goto fail;
        if (operands > 1 && graph->mark[b] != graph->stamp && !list_push(graph, b)) goto fail;
    }
    list_order(graph);
    for (uint32_t i = 0; i < graph->list_count; i++) graph->place[graph->list[i]] = i;
    graph->reached += graph->list_count;
    graph->too_long = graph->reach_most && graph->reached > graph->reach_most;
    if (!graph->too_long) return true;
fail:
    graph->failed = true;
    graph->list_count = 0;
    return false;
}
