/* lagrange.c: force and momentum in the physical limit, and their derivatives.
 *
 * Needs lambda and the variables. Leaves, for each coordinate k (method.md):
 *
 *     A_k = [dLambda/dq_k + dLambda/dq-_k]_PL     B_k = [dLambda/dv_k + dLambda/dv-_k]_PL
 *
 * where the physical limit PL sets minus variables to 0 and plus variables to the coordinate's own; then dA, dB by q, v and
 * (B alone) t; and the conservative part L = Lambda with minus variables 0, its energy sum v dL/dv - L. */
#include "mech/mechanics.h"

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

/* The derivatives of A and B by q, v, t: one reverse sweep for each component. */
static bool blocks(Mechanics *m) {
    uint32_t d = m->dof, count = 2 * d + 1;
    NodeId *x = memory_new(2 * (size_t)count * sizeof *x);
    if (!x) return false;
    NodeId *gradient = x + count;
    for (uint32_t k = 0; k < d; k++) x[k] = m->coordinate[k].q, x[d + k] = m->coordinate[k].v;
    x[2 * d] = m->time;
    for (uint32_t k = 0; k < d; k++) {
        size_t row = (size_t)k * d;
        graph_gradient(m->graph, m->A[k], x, 2 * d, gradient);
        memcpy(m->AQ + row, gradient, d * sizeof *gradient);
        memcpy(m->AV + row, gradient + d, d * sizeof *gradient);
        graph_gradient(m->graph, m->B[k], x, count, gradient);
        memcpy(m->BQ + row, gradient, d * sizeof *gradient);
        memcpy(m->BV + row, gradient + d, d * sizeof *gradient);
        m->BT[k] = gradient[2 * d];
    }
    memory_free(x);
    return true;
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
static NodeId term_energy(Mechanics *m, NodeId term, const NodeId *v, NodeId *own, NodeId *momentum) {
    Graph *g = m->graph;
    uint32_t count = 0;
    NodeId e = graph_integer(g, 0);
    if (!graph_reach(g, &term, 1)) return 0;
    for (uint32_t k = 0; k < m->dof; k++)
        if (graph_is_listed(g, v[k])) own[count++] = v[k];
    graph_gradient(g, term, own, count, momentum);
    for (uint32_t k = 0; k < count; k++) e = graph_add(g, e, graph_multiply(g, own[k], momentum[k]));
    return graph_subtract(g, e, term);
}

/* L and its energy, term by term so that what cancels is never written. */
static bool energy(Mechanics *m, const Limit *limit) {
    Graph *g = m->graph;
    uint32_t d = m->dof;
    Sum sum = {0};
    NodeId *v = memory_new(3 * (size_t)(d + 1) * sizeof *v);
    if (!v) return false;
    for (uint32_t k = 0; k < d; k++) v[k] = m->coordinate[k].v;
    graph_substitute(g, &m->lambda, 1, limit->from, limit->to, limit->count, &m->conservative);
    bool room = sum_split(g, m->conservative, &sum);
    m->energy = graph_integer(g, 0);
    for (uint32_t i = 0; room && i < sum.count; i++) {
        NodeId e = term_energy(m, sum.term[i], v, v + d, v + 2 * d);
        m->energy = graph_add(g, m->energy, graph_multiply(g, sum.factor[i], e));
    }
    memory_free(v);
    memory_free(sum.term);
    memory_free(sum.factor);
    return room;
}

bool mechanics_derive(Mechanics *m) {
    Limit limit = {0};
    bool done = arrays_new(m) && limit_new(m, &limit) && force_and_momentum(m, &limit) && blocks(m) && energy(m, &limit);
    memory_free(limit.from);
    m->graph->failed |= !done;
    return !m->graph->failed;
}
