/* apart.c: see apart.h. Needs A; adds nodes to the graph.
 *
 * A part is made of those terms of one A_k that hold the same coordinates, over the constant factor of the last: what pulls
 * at one coordinate and pushes another is then the same node, and so the same part, and springs of several strengths are
 * alike. A part's next is found by putting each coordinate's next in its place: the graph tells whether that is a part too.
 */
#include "mech/apart.h"

#include "tape/tape.h"

#include <string.h>

enum {
    TERMS_MOST = 16,           /* of a force that is taken apart; longer ones are one part */
    SHIFTED_MOST = 400 * 1000, /* nodes of a graph in which runs are looked for: each part looked at takes as long as all */
};

void forces_free(Forces *f) {
    memory_free(f->part);
    memory_free(f->next);
    memory_free(f->place);
    memory_free(f->known);
    memory_free(f->term);
    memory_free(f->first);
    memory_free(f->run);
    memory_free(f->from);
}

static bool grow_words(uint32_t **list, uint32_t *capacity, size_t need) {
    uint32_t before = *capacity;
    void *data = *list;
    if (!memory_grow(&data, capacity, need, sizeof **list)) return false;
    *list = data;
    memset(*list + before, 0, (*capacity - before) * sizeof **list);
    return true;
}

/* The part that a node is, which may be new. */
static bool part_of(Forces *f, NodeId node, uint32_t *part) {
    if (!grow_words(&f->known, &f->known_capacity, f->m->graph->count)) return false;
    if (!f->known[node]) {
        if (!grow_words(&f->part, &f->part_capacity, f->parts + (size_t)1)) return false;
        f->part[f->parts++] = node;
        f->known[node] = f->parts;
    }
    *part = f->known[node] - 1;
    return true;
}

/* A constant times a node that is no sum. */
typedef struct Piece {
    NodeId node, factor;
    uint64_t holds; /* a hash of the coordinates in it */
    bool taken;
} Piece;

/* Whether a sum is one of names alone, as a spring's stretch is: to take it apart would cost digits, and gain nothing. */
static bool is_linear(Graph *g, NodeId sum) {
    NodeId waiting[TERMS_MOST], scale, rest;
    uint32_t count = 1;
    waiting[0] = sum;
    while (count) {
        GraphNode node = g->node[waiting[--count]];
        graph_split(g, waiting[count], &scale, &rest);
        bool name = g->node[rest].code == GRAPH_NAME || rest == NODE_ONE;
        if (node.code != GRAPH_ADD && !name) return false;
        if (node.code != GRAPH_ADD) continue;
        if (count + 2 > TERMS_MOST) return false;
        waiting[count++] = node.a;
        waiting[count++] = node.b;
    }
    return true;
}

/* The terms of a sum, in order; 0 where they are more than TERMS_MOST. */
static uint32_t split(Graph *g, NodeId sum, Piece piece[TERMS_MOST]) {
    uint32_t count = 1, done = 0;
    piece[0] = (Piece){.node = sum, .factor = NODE_ONE};
    while (done < count) {
        Piece *p = &piece[done];
        NodeId scale, rest;
        graph_split(g, p->node, &scale, &rest);
        p->node = rest;
        p->factor = graph_multiply(g, p->factor, scale);
        if (g->node[rest].code != GRAPH_ADD || is_linear(g, rest)) {
            done++;
            continue;
        }
        if (count == TERMS_MOST) return 0;
        memmove(p + 2, p + 1, (count++ - done - 1) * sizeof *p);
        p[1] = (Piece){.node = g->node[rest].b, .factor = p->factor};
        p->node = g->node[rest].a;
    }
    return count;
}

/* The coordinates in a node, into from, and each one's next into to: how many; 0 too if the last is among them. */
static uint32_t coordinates_in(Forces *f, NodeId node) {
    const Mechanics *m = f->m;
    Graph *g = m->graph;
    uint32_t count = 0;
    bool last = false;
    if (!graph_reach(g, &node, 1)) return 0;
    for (uint32_t i = 0; i < g->list_count && g->list[i] < m->variables.nodes; i++) {
        uint32_t number = m->variables.number[g->list[i]];
        if (!number || number > 2 * m->dof) continue;
        last = last || number + 2 > 2 * m->dof;
        f->from[count] = g->list[i];
        f->to[count++] = last ? g->list[i] : m->state[number + 1];
    }
    return last ? 0 : count;
}

static uint64_t held_by(Forces *f, NodeId node) {
    const Mechanics *m = f->m;
    Graph *g = m->graph;
    uint64_t hash = 7;
    if (!graph_reach(g, &node, 1)) return 0;
    for (uint32_t i = 0; i < g->list_count && g->list[i] < m->variables.nodes; i++) {
        uint32_t number = m->variables.number[g->list[i]];
        if (number && number <= 2 * m->dof) hash = memory_hash(hash, number);
    }
    return hash;
}

static bool add_term(Forces *f, NodeId node, NodeId factor) {
    Graph *g = f->m->graph;
    void *data = f->term;
    bool negative = mpq_sgn(graph_value(g, factor)) < 0;
    Term term = {.negative = negative, .factor = negative ? graph_negate(g, factor) : factor};
    if (!part_of(f, node, &term.part) || !memory_grow(&data, &f->term_capacity, f->terms + 1, sizeof *f->term)) return false;
    f->term = data;
    f->term[f->terms++] = term;
    return true;
}

/* A_k's terms by what they hold. */
static bool take_apart(Forces *f, uint32_t k) {
    Graph *g = f->m->graph;
    NodeId force = f->m->A[k];
    Piece piece[TERMS_MOST];
    if (force == NODE_ZERO) return true;
    uint32_t count = split(g, force, piece);
    if (!count) return add_term(f, force, NODE_ONE);
    for (uint32_t i = 0; i < count; i++) piece[i].holds = held_by(f, piece[i].node);
    for (uint32_t i = 0; i < count; i++) {
        if (piece[i].taken) continue;
        NodeId sum = NODE_ZERO, last = piece[i].factor;
        for (uint32_t j = i; j < count; j++)
            if (piece[j].holds == piece[i].holds) last = piece[j].factor;
        for (uint32_t j = i; j < count; j++) {
            if (piece[j].holds != piece[i].holds) continue;
            NodeId factor = graph_divide(g, piece[j].factor, last);
            sum = graph_add(g, sum, graph_multiply(g, factor, piece[j].node));
            piece[j].taken = true;
        }
        if (sum != NODE_ZERO && !add_term(f, sum, last)) return false;
    }
    return true;
}

/* Finds which part follows which. */
static bool find_next(Forces *f) {
    Graph *g = f->m->graph;
    if (!grow_words(&f->next, &f->next_capacity, f->parts)) return false;
    for (uint32_t p = 0; p < f->parts; p++) {
        NodeId moved = f->part[p];
        uint32_t count = g->count <= SHIFTED_MOST ? coordinates_in(f, moved) : 0;
        if (count) graph_substitute(g, &moved, 1, f->from, f->to, count, &moved);
        bool there = moved != f->part[p] && moved < f->known_capacity && f->known[moved];
        f->next[p] = there ? f->known[moved] - 1 : NODE_NONE;
    }
    return !g->failed;
}

static bool add_run(Forces *f, uint32_t part, uint32_t count) {
    void *data = f->run;
    if (!memory_grow(&data, &f->run_capacity, f->runs + 1, sizeof *f->run)) return false;
    f->run = data;
    f->run[f->runs++] = (Run){part, count, f->places};
    for (uint32_t i = 0; i < count; i++, part = f->next[part]) f->place[part] = f->places + i;
    f->places += count < APART_RUN_LEAST ? count : tape_lane_room(count);
    return true;
}

/* Follows parts from those that follow none. Short runs come apart: each part is one. */
static bool find_runs(Forces *f) {
    bool *follows = memory_new(f->parts + (size_t)1), room = follows && grow_words(&f->place, &f->place_capacity, f->parts);
    for (uint32_t p = 0; room && p < f->parts; p++)
        if (f->next[p] != NODE_NONE) follows[f->next[p]] = true;
    for (uint32_t p = 0; room && p < f->parts; p++) {
        uint32_t count = 0;
        for (uint32_t q = p; !follows[p] && q != NODE_NONE; q = f->next[q]) count++;
        if (count >= APART_RUN_LEAST) room = add_run(f, p, count);
        for (uint32_t q = p; room && count && count < APART_RUN_LEAST && q != NODE_NONE; q = f->next[q])
            room = add_run(f, q, 1);
    }
    memory_free(follows);
    return room;
}

bool forces_new(Forces *f, Mechanics *m) {
    size_t d = m->dof;
    *f = (Forces){.m = m, .first = memory_new((d + 1) * sizeof *f->first), .from = memory_new(2 * d * sizeof *f->from)};
    bool room = f->first && f->from;
    f->to = room ? f->from + d : NULL;
    for (uint32_t k = 0; room && k < d; k++) {
        f->first[k] = f->terms;
        room = take_apart(f, k);
        f->first[k + 1] = f->terms;
    }
    return room && find_next(f) && find_runs(f) && !m->graph->failed;
}

bool forces_mostly_alike(const Forces *f) {
    uint32_t alike = 0;
    for (uint32_t i = 0; i < f->runs; i++) alike += f->run[i].count < APART_RUN_LEAST ? 0 : f->run[i].count;
    return 2 * (uint64_t)alike >= f->parts;
}

uint32_t forces_stride(const Forces *f, uint32_t k, uint32_t i) {
    return f->place[f->term[f->first[k + 1] + i].part] - f->place[f->term[f->first[k] + i].part];
}

bool forces_like_next(const Forces *f, uint32_t k, uint32_t begin) {
    uint32_t count = f->first[k + 1] - f->first[k];
    if (f->first[k + 2] - f->first[k + 1] != count) return false;
    for (uint32_t i = 0; i < count; i++) {
        const Term *a = f->term + f->first[k] + i, *b = f->term + f->first[k + 1] + i;
        uint32_t stride = forces_stride(f, k, i);
        if (a->negative != b->negative || stride > 1 || stride != forces_stride(f, begin, i)) return false;
    }
    return true;
}
