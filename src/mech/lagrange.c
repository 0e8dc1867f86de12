/* lagrange.c: force and momentum in the physical limit, and their derivatives.
 *
 * Needs lambda and the variables. Leaves, for each coordinate k (method.md):
 *
 *     A_k = [dLambda/dq_k + dLambda/dq-_k]_PL     B_k = [dLambda/dv_k + dLambda/dv-_k]_PL
 *
 * where the physical limit PL sets minus variables to 0 and plus variables to the coordinate's own; then dA, dB by q, v and
 * (B alone) t; and the conservative part L = Lambda with minus variables 0, its energy sum v dL/dv - L. */
#include "mech/mechanics.h"

#include <stdlib.h>
#include <string.h>

/* The substitutions of the physical limit: 4 a coordinate. */
typedef struct Limit {
    NodeId *from, *to;
    uint32_t count;
} Limit;

static bool limit_new(Mechanics *m, Limit *limit) {
    limit->count = 4 * m->dof;
    limit->from = memory_new(2 * (size_t)limit->count * sizeof *limit->from);
    if (!limit->from) return false;
    limit->to = limit->from + limit->count;
    NodeId zero = graph_integer(m->graph, 0);
    for (uint32_t k = 0; k < m->dof; k++) {
        const Coordinate *c = &m->coordinate[k];
        const NodeId from[] = {c->q_minus, c->v_minus, c->q_plus, c->v_plus}, to[] = {zero, zero, c->q, c->v};
        memcpy(limit->from + 4 * (size_t)k, from, sizeof from);
        memcpy(limit->to + 4 * (size_t)k, to, sizeof to);
    }
    return true;
}

/* One block for all the arrays of nodes; A is its beginning. */
static bool arrays_new(Mechanics *m) {
    size_t d = m->dof, square = d * d;
    NodeId *block = memory_new((3 * d + 4 * square + 1) * sizeof *block);
    if (!block) return false;
    m->A = block;
    m->B = m->A + d;
    m->BT = m->B + d;
    m->AQ = m->BT + d;
    m->AV = m->AQ + square;
    m->BQ = m->AV + square;
    m->BV = m->BQ + square;
    return true;
}

/* A and B: one reverse sweep over lambda, then the limit. x holds q, v, q-, v- of each coordinate. */
static bool force_and_momentum(Mechanics *m, const Limit *limit) {
    uint32_t d = m->dof;
    NodeId *x = memory_new(8 * (size_t)d * sizeof *x);
    if (!x) return false;
    NodeId *gradient = x + 4 * (size_t)d;
    for (uint32_t k = 0; k < d; k++) {
        const Coordinate *c = &m->coordinate[k];
        x[k] = c->q, x[d + k] = c->v, x[2 * d + k] = c->q_minus, x[3 * d + k] = c->v_minus;
    }
    graph_gradient(m->graph, m->lambda, x, 4 * d, gradient);
    for (uint32_t k = 0; k < d; k++) {
        m->A[k] = graph_add(m->graph, gradient[k], gradient[2 * d + k]);
        m->B[k] = graph_add(m->graph, gradient[d + k], gradient[3 * d + k]);
    }
    graph_substitute(m->graph, m->A, 2 * d, limit->from, limit->to, limit->count, m->A); /* A and B lie side by side */
    memory_free(x);
    return true;
}

enum {
    CONDENSED_DOF_MOST = 16,
    CONDENSED_NODES_MOST = 2000,
};

/* Operations that A and B take at each node of a step: those that parameters alone decide are done before. */
static uint32_t operations(Mechanics *m, const NodeId *root) {
    Graph *g = m->graph;
    uint32_t count = 0;
    bool *varies = graph_reach(g, root, 2 * m->dof) ? memory_new(g->count + 1) : NULL;
    if (!varies) return m->graph->failed = true, 0;
    for (uint32_t i = 0; i <= 2 * m->dof; i++) varies[m->state[i]] = true;
    for (uint32_t i = 0; i < g->list_count; i++) {
        GraphNode node = g->node[g->list[i]];
        uint32_t operands = graph_operands((GraphCode)node.code);
        bool new = (operands > 0 && varies[node.a]) || (operands > 1 && varies[node.b]);
        varies[g->list[i]] |= new;
        count += new;
    }
    memory_free(varies);
    return count;
}

/* A and B written anew, if that makes them shorter by a third: else they stay as they were typed. */
static bool condense(Mechanics *m) {
    uint32_t d = m->dof;
    uint32_t before = d <= CONDENSED_DOF_MOST ? operations(m, m->A) : CONDENSED_NODES_MOST + 1;
    if (before > CONDENSED_NODES_MOST) return true;
    NodeId *variable = memory_new((4 * (size_t)d + 1) * sizeof *variable), *root = variable + 2 * d + 1;
    if (!variable) return false;
    for (uint32_t k = 0; k < d; k++) variable[k] = m->coordinate[k].q, variable[d + 1 + k] = m->coordinate[k].v;
    variable[d] = m->time;
    for (uint32_t i = 0; i < 2 * d; i++) root[i] = graph_condense(m->graph, m->A[i], variable, 2 * d + 1);
    if (!m->graph->failed && 3 * (uint64_t)operations(m, root) <= 2 * (uint64_t)before)
        memcpy(m->A, root, 2 * d * sizeof *root);
    memory_free(variable);
    return true;
}

/* What a row of the blocks is made with. */
typedef struct Row {
    uint32_t *which; /* [2 dof + 1] variables, by their places in the state */
    NodeId *slope;   /* [2 dof + 1] derivatives in them */
    uint32_t *column;
    uint32_t columns; /* where something is not zero, */
    bool *seen;       /* [dof] each once */
} Row;

/* The derivatives of y = A_k or B_k by the first `variables` of the state: q_l and v_l into row k of two blocks; t. */
static NodeId derive_row(Mechanics *m, Row *row, NodeId y, uint32_t variables, NodeId *by_q, NodeId *by_v) {
    NodeId by_t = NODE_ZERO;
    GraphVariables x = m->variables;
    x.count = variables;
    uint32_t held = graph_gradient_held(m->graph, y, &x, row->which, row->slope);
    for (uint32_t i = 0; i < held; i++) {
        uint32_t variable = row->which[i], l = variable / 2;
        if (row->slope[i] == NODE_ZERO) continue;
        if (variable == 2 * m->dof) {
            by_t = row->slope[i];
            continue;
        }
        (variable % 2 ? by_v : by_q)[l] = row->slope[i];
        if (!row->seen[l]) row->column[row->columns++] = l;
        row->seen[l] = true;
    }
    return by_t;
}

static int compare_columns(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Lists the places of row k where something is not zero. */
static bool list_row(Mechanics *m, Row *row, uint32_t k) {
    void *data = m->filled;
    if (!memory_grow(&data, &m->filled_capacity, (size_t)m->filled_count + row->columns, sizeof *m->filled)) return false;
    m->filled = data;
    qsort(row->column, row->columns, sizeof *row->column, compare_columns);
    for (uint32_t i = 0; i < row->columns; i++) {
        m->filled[m->filled_count++] = k * m->dof + row->column[i];
        row->seen[row->column[i]] = false;
    }
    row->columns = 0;
    return true;
}

/* The derivatives of A and B by q, v, t: one reverse sweep for each component. The blocks come zeroed, which is NODE_ZERO,
 * and of a chain's, most is never touched. */
static bool blocks(Mechanics *m) {
    uint32_t d = m->dof, count = 2 * d + 1;
    uint32_t *words = memory_new((2 * (size_t)count + d) * sizeof *words);
    Row row = {.which = words, .seen = memory_new(d)};
    bool room = words && row.seen;
    if (room) row.slope = words + count, row.column = row.slope + count;
    for (uint32_t k = 0; room && k < d; k++) {
        size_t at = (size_t)k * d;
        derive_row(m, &row, m->A[k], 2 * d, m->AQ + at, m->AV + at);
        m->BT[k] = derive_row(m, &row, m->B[k], count, m->BQ + at, m->BV + at);
        room = list_row(m, &row, k);
    }
    memory_free(words);
    memory_free(row.seen);
    return room;
}

/* The terms of a sum with their constant factors, in order. */
typedef struct Sum {
    NodeId *term, *factor;
    uint32_t count, capacity, factor_capacity;
} Sum;

static bool sum_push(Sum *sum, NodeId term, NodeId factor) {
    void *terms = sum->term, *factors = sum->factor;
    bool room = memory_grow(&terms, &sum->capacity, sum->count + 1, sizeof *sum->term);
    sum->term = terms;
    room = room && memory_grow(&factors, &sum->factor_capacity, sum->count + 1, sizeof *sum->factor);
    sum->factor = factors;
    if (!room) return false;
    sum->term[sum->count] = term;
    sum->factor[sum->count++] = factor;
    return true;
}

static bool sum_split(Graph *g, NodeId node, Sum *sum) {
    Sum waiting = {0};
    bool room = sum_push(&waiting, node, graph_integer(g, 1));
    while (room && waiting.count) {
        NodeId term = waiting.term[--waiting.count], factor = waiting.factor[waiting.count], scale, rest;
        graph_split(g, term, &scale, &rest);
        if (g->node[term].code == GRAPH_ADD)
            room = sum_push(&waiting, g->node[term].b, factor) && sum_push(&waiting, g->node[term].a, factor);
        else if (g->node[rest].code == GRAPH_ADD)
            room = sum_push(&waiting, rest, graph_multiply(g, factor, scale));
        else
            room = sum_push(sum, term, factor);
    }
    memory_free(waiting.term);
    memory_free(waiting.factor);
    return room;
}

/* v dE/dv - E of a term E, summed over those of the velocities v that it holds. */
static NodeId term_energy(Graph *g, NodeId term, const GraphVariables *v, uint32_t *which, NodeId *momentum) {
    NodeId e = NODE_ZERO;
    uint32_t held = graph_gradient_held(g, term, v, which, momentum);
    for (uint32_t i = 0; i < held; i++) e = graph_add(g, e, graph_multiply(g, v->node[which[i]], momentum[i]));
    return graph_subtract(g, e, term);
}

/* L and its energy, term by term so that what cancels is never written. */
static bool energy(Mechanics *m, const Limit *limit) {
    Graph *g = m->graph;
    uint32_t d = m->dof, *which = memory_new((3 * (size_t)d + 1) * sizeof *which);
    NodeId *v = which ? which + d : NULL, *momentum = which ? v + d : NULL;
    GraphVariables velocity = {v, d, memory_new(m->variables.nodes * sizeof *velocity.number), m->variables.nodes};
    Sum sum = {0};
    bool room = which && velocity.number;
    for (uint32_t k = 0; room && k < d; k++) {
        v[k] = m->coordinate[k].v;
        velocity.number[v[k]] = k + 1;
    }
    graph_substitute(g, &m->lambda, 1, limit->from, limit->to, limit->count, &m->conservative);
    room = room && sum_split(g, m->conservative, &sum);
    m->energy = graph_integer(g, 0);
    for (uint32_t i = 0; room && i < sum.count; i++) {
        NodeId e = term_energy(g, sum.term[i], &velocity, which, momentum);
        m->energy = graph_add(g, m->energy, graph_multiply(g, sum.factor[i], e));
    }
    memory_free(which);
    memory_free(velocity.number);
    memory_free(sum.term);
    memory_free(sum.factor);
    return room;
}

bool mechanics_derive(Mechanics *m) {
    Limit limit = {0};
    bool done = arrays_new(m) && limit_new(m, &limit) && force_and_momentum(m, &limit) && condense(m) && blocks(m) &&
                energy(m, &limit);
    memory_free(limit.from);
    m->graph->failed |= !done;
    return !m->graph->failed;
}
