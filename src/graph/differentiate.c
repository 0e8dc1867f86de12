/* differentiate.c: all derivatives of one expression in one reverse sweep.
 *
 * Needs: a graph. Leaves: the derivatives as new nodes. The sweep goes down the nodes that the expression needs, users
 * before operands, with for each the derivative of the expression in it (its adjoint); work is proportional to their
 * number. A node that depends on no wanted variable is passed over. */
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

enum { SWEEP_WORK = 5 }; /* nodes that could be listed in the time that a derivative takes */

/* What the sweep keeps for each node that is needed, by its place in their list. */
typedef struct Sweep {
    Graph *graph;
    NodeId *node; /* ascending */
    uint32_t count;
    NodeId *adjoint; /* NODE_NONE: nothing has come yet */
    bool *wanted;    /* depends on a wanted variable */
} Sweep;

static uint32_t at(const Sweep *sweep, NodeId a) { return graph_place(sweep->graph, a); }

static void contribute(Sweep *sweep, NodeId a, NodeId amount) {
    uint32_t i = at(sweep, a);
    sweep->adjoint[i] = sweep->adjoint[i] == NODE_NONE ? amount : graph_add(sweep->graph, sweep->adjoint[i], amount);
}

/* The derivative of a function of one operand, f'(u), where y = f(u). */
static NodeId derivative(Graph *g, GraphCode code, NodeId u, NodeId y) {
    NodeId one = graph_integer(g, 1);
    NodeId square = graph_power_ratio(g, u, 2, 1);
    switch (code) {
    case GRAPH_ABS: return graph_call(g, GRAPH_SIGN, u, 0);
    case GRAPH_SIGN: return graph_integer(g, 0);
    case GRAPH_CBRT: return graph_multiply(g, graph_ratio(g, 1, 3), graph_power_ratio(g, y, -2, 1));
    case GRAPH_EXP: return y;
    case GRAPH_LOG: return graph_power_ratio(g, u, -1, 1);
    case GRAPH_SIN: return graph_call(g, GRAPH_COS, u, 0);
    case GRAPH_COS: return graph_negate(g, graph_call(g, GRAPH_SIN, u, 0));
    case GRAPH_TAN: return graph_add(g, one, graph_power_ratio(g, y, 2, 1));
    case GRAPH_ASIN: return graph_power_ratio(g, graph_subtract(g, one, square), -1, 2);
    case GRAPH_ACOS: return graph_negate(g, graph_power_ratio(g, graph_subtract(g, one, square), -1, 2));
    case GRAPH_ATAN: return graph_power_ratio(g, graph_add(g, one, square), -1, 1);
    case GRAPH_SINH: return graph_call(g, GRAPH_COSH, u, 0);
    case GRAPH_COSH: return graph_call(g, GRAPH_SINH, u, 0);
    case GRAPH_TANH: return graph_subtract(g, one, graph_power_ratio(g, y, 2, 1));
    case GRAPH_ASINH: return graph_power_ratio(g, graph_add(g, one, square), -1, 2);
    case GRAPH_ACOSH: /* 1 / (sqrt(u - 1) sqrt(u + 1)): the product keeps the domain u > 1 */
        return graph_multiply(g, graph_power_ratio(g, graph_subtract(g, u, one), -1, 2),
                              graph_power_ratio(g, graph_add(g, u, one), -1, 2));
    case GRAPH_ATANH: return graph_power_ratio(g, graph_subtract(g, one, square), -1, 1);
    case GRAPH_ERF: /* 2 / sqrt(pi) exp(-u^2) */
        return graph_multiply(g, graph_multiply(g, graph_integer(g, 2), graph_power_ratio(g, graph_pi(g), -1, 2)),
                              graph_call(g, GRAPH_EXP, graph_negate(g, square), 0));
    default: return 0; /* no function of one operand */
    }
}

/* Both derivatives of y = f(u, v). */
static void derivatives(Graph *g, GraphCode code, NodeId u, NodeId v, NodeId y, NodeId *du, NodeId *dv) {
    NodeId half = graph_ratio(g, 1, 2), square;
    switch (code) {
    case GRAPH_MIN:
    case GRAPH_MAX: /* half of 1 -+ sign(u - v) each: the smaller or the larger alone, and half of both where equal */
        *du = graph_multiply(g, half, graph_call(g, GRAPH_SIGN, graph_subtract(g, u, v), 0));
        if (code == GRAPH_MIN) *du = graph_negate(g, *du);
        *dv = graph_subtract(g, half, *du);
        *du = graph_add(g, half, *du);
        return;
    case GRAPH_ATAN2: /* (v du - u dv) / (u^2 + v^2) */
        square = graph_add(g, graph_power_ratio(g, u, 2, 1), graph_power_ratio(g, v, 2, 1));
        *du = graph_divide(g, v, square);
        *dv = graph_negate(g, graph_divide(g, u, square));
        return;
    case GRAPH_HYPOT:
        *du = graph_divide(g, u, y);
        *dv = graph_divide(g, v, y);
        return;
    case GRAPH_POW: /* d u^v = v u^(v-1) du + log(u) u^v dv */
        *du = graph_multiply(g, v, graph_power(g, u, graph_subtract(g, v, graph_integer(g, 1))));
        *dv = graph_is_const(g, v) || graph_equals(g, u, 0) ? graph_integer(g, 0) /* 0^v is 0 wherever it is */
                                                            : graph_multiply(g, graph_call(g, GRAPH_LOG, u, 0), y);
        return;
    default: *du = *dv = 0; /* no function of two operands */
    }
}

static void propagate(Sweep *sweep, NodeId y, NodeId adjoint) {
    Graph *g = sweep->graph;
    GraphNode node = g->node[y];
    uint32_t operands = graph_operands((GraphCode)node.code);
    bool left = operands > 0 && sweep->wanted[at(sweep, node.a)];
    bool right = operands > 1 && sweep->wanted[at(sweep, node.b)];
    if (!left && !right) return;
    NodeId du, dv = 0;
    switch (node.code) {
    case GRAPH_ADD: du = dv = graph_integer(g, 1); break;
    case GRAPH_MUL: du = node.b, dv = node.a; break;
    default:
        if (operands == 1)
            du = derivative(g, (GraphCode)node.code, node.a, y);
        else
            derivatives(g, (GraphCode)node.code, node.a, node.b, y, &du, &dv);
    }
    if (left) contribute(sweep, node.a, graph_multiply(g, adjoint, du));
    if (right) contribute(sweep, node.b, graph_multiply(g, adjoint, dv));
}

static bool sweep_new(Sweep *sweep, NodeId y) {
    Graph *g = sweep->graph;
    if (!graph_reach(g, &y, 1)) return false;
    sweep->count = g->list_count;
    g->reached += SWEEP_WORK * (uint64_t)g->list_count;
    sweep->node = memory_new(sweep->count * sizeof *sweep->node);
    sweep->adjoint = memory_new(sweep->count * sizeof *sweep->adjoint);
    sweep->wanted = memory_new(sweep->count * sizeof *sweep->wanted);
    if (!sweep->node || !sweep->adjoint || !sweep->wanted) return false;
    memcpy(sweep->node, g->list, sweep->count * sizeof *sweep->node);
    return true;
}

/* The sweep itself, once the variables are marked as wanted: the adjoints. */
static void sweep_run(Sweep *sweep) {
    Graph *g = sweep->graph;
    for (uint32_t i = 0; i < sweep->count; i++) {
        const GraphNode *node = &g->node[sweep->node[i]];
        uint32_t operands = graph_operands((GraphCode)node->code);
        sweep->adjoint[i] = NODE_NONE;
        if (operands > 0 && sweep->wanted[at(sweep, node->a)]) sweep->wanted[i] = true;
        if (operands > 1 && sweep->wanted[at(sweep, node->b)]) sweep->wanted[i] = true;
    }
    sweep->adjoint[sweep->count - 1] = graph_integer(g, 1); /* y is its own last node */
    for (uint32_t i = sweep->count; i-- > 0;)
        if (sweep->wanted[i] && sweep->adjoint[i] != NODE_NONE) propagate(sweep, sweep->node[i], sweep->adjoint[i]);
}

static void sweep_free(Sweep *sweep) {
    memory_free(sweep->node);
    memory_free(sweep->adjoint);
    memory_free(sweep->wanted);
}

static NodeId found(const Sweep *sweep, NodeId x) {
    NodeId adjoint = sweep->adjoint[at(sweep, x)];
    return adjoint == NODE_NONE ? NODE_ZERO : adjoint;
}

void graph_gradient(Graph *graph, NodeId y, const NodeId *x, uint32_t count, NodeId *out) {
    Sweep sweep = {.graph = graph};
    for (uint32_t i = 0; i < count; i++) out[i] = NODE_ZERO;
    if (sweep_new(&sweep, y)) {
        for (uint32_t i = 0; i < count; i++)
            if (graph_is_listed(graph, x[i])) sweep.wanted[at(&sweep, x[i])] = true;
        sweep_run(&sweep);
        for (uint32_t i = 0; i < count; i++)
            if (graph_is_listed(graph, x[i])) out[i] = found(&sweep, x[i]);
    } else {
        graph->failed = true;
    }
    sweep_free(&sweep);
}

static int compare_numbers(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

uint32_t graph_gradient_held(Graph *graph, NodeId y, const GraphVariables *x, uint32_t *which, NodeId *out) {
    Sweep sweep = {.graph = graph};
    uint32_t held = 0;
    if (sweep_new(&sweep, y)) {
        for (uint32_t i = 0; i < sweep.count && sweep.node[i] < x->nodes; i++) {
            uint32_t number = x->number[sweep.node[i]];
            if (number == 0 || number > x->count) continue;
            which[held++] = number - 1;
            sweep.wanted[i] = true;
        }
        qsort(which, held, sizeof *which, compare_numbers);
        sweep_run(&sweep);
        for (uint32_t i = 0; i < held; i++) out[i] = found(&sweep, x->node[which[i]]);
    } else {
        graph->failed = true;
    }
    sweep_free(&sweep);
    return held;
}
