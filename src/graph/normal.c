/* normal.c: the normal form of an expression, for deciding exactly whether it is zero or constant.
 *
 * Needs: a graph. Leaves: new nodes, of which only the answer matters. Every node becomes a polynomial, a list of terms
 * coefficient * monomial; a monomial is a product of powers of atoms (names, functions of normal forms, powers of sums that
 * cannot be expanded), its factors in the order of the atoms' numbers, so that equal monomials are one node. */
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

typedef struct Term {
    NodeId monomial, coefficient; /* a product of atoms; a GRAPH_CONST */
} Term;

typedef struct Polynomial {
    Term *term; /* by monomial, coefficients not 0 */
    uint32_t count;
} Polynomial;

typedef struct Normal {
    Graph *graph;
    Arena arena;
    Polynomial *of; /* by place in the list of needed nodes */
    NodeId *node;
    uint32_t count;
    uint32_t budget;
    uint64_t spent, most; /* terms made so far, and how many may be */
    bool over;            /* past the budget, or out of memory */
} Normal;

enum {
    FACTORS = 64,  /* most distinct atoms in a monomial */
    POWER = 64,    /* highest power of a sum that is expanded: each costs terms times power */
    WORK = 1 << 19 /* most terms made for all the normal forms of a graph: about half a second */
};

static Polynomial give_up(Normal *n) {
    n->over = true;
    return (Polynomial){0};
}

static Polynomial with_room(Normal *n, uint64_t count) {
    n->spent += count;
    if (n->over || count > 8 * (uint64_t)n->budget || n->spent > n->most) return give_up(n);
    Polynomial p = {.term = arena_new(&n->arena, (count + 1) * sizeof(Term))};
    return p.term ? p : give_up(n);
}

static Polynomial single(Normal *n, NodeId monomial, NodeId coefficient) {
    Polynomial p = with_room(n, 1);
    if (!n->over && !graph_equals(n->graph, coefficient, 0)) p.term[p.count++] = (Term){monomial, coefficient};
    return p;
}

static int by_monomial(const void *a, const void *b) {
    NodeId x = ((const Term *)a)->monomial, y = ((const Term *)b)->monomial;
    return (x > y) - (x < y);
}

/* Orders the terms and adds up equal monomials. */
static Polynomial collect(Normal *n, Polynomial p) {
    if (n->over) return p;
    qsort(p.term, p.count, sizeof *p.term, by_monomial);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p.count;) {
        Term sum = p.term[i];
        for (i++; i < p.count && p.term[i].monomial == sum.monomial; i++)
            sum.coefficient = graph_add(n->graph, sum.coefficient, p.term[i].coefficient);
        if (!graph_equals(n->graph, sum.coefficient, 0)) p.term[kept++] = sum;
    }
    p.count = kept;
    return kept > n->budget ? give_up(n) : p;
}

static Polynomial add(Normal *n, Polynomial a, Polynomial b) {
    Polynomial sum = with_room(n, (uint64_t)a.count + b.count);
    if (n->over) return sum;
    if (a.count) memcpy(sum.term, a.term, a.count * sizeof *a.term);
    if (b.count) memcpy(sum.term + a.count, b.term, b.count * sizeof *b.term);
    sum.count = a.count + b.count;
    return collect(n, sum);
}

/* ---- Monomials ---- */

typedef struct Factor {
    NodeId atom, exponent;
} Factor;

/* The factors of a monomial, by atom. 0 where there are too many; the monomial 1 has none either. */
static uint32_t factors(Normal *n, NodeId monomial, Factor out[FACTORS]) {
    Graph *g = n->graph;
    uint32_t count = 0;
    if (graph_equals(g, monomial, 1)) return 0;
    for (NodeId rest = monomial; rest != NODE_NONE;) { /* the chain holds its last factor outermost */
        GraphNode node = g->node[rest];
        NodeId factor = node.code == GRAPH_MUL ? node.b : rest;
        rest = node.code == GRAPH_MUL ? node.a : NODE_NONE;
        if (count == FACTORS) return n->over = true, 0;
        GraphNode f = g->node[factor];
        bool power = f.code == GRAPH_POW && graph_is_const(g, f.b);
        out[count++] = (Factor){power ? f.a : factor, power ? f.b : graph_integer(g, 1)};
    }
    for (uint32_t i = 0, j = count - 1; i < j; i++, j--) {
        Factor swap = out[i];
        out[i] = out[j];
        out[j] = swap;
    }
    return count;
}

static NodeId monomial_of(Normal *n, const Factor *factor, uint32_t count) {
    Graph *g = n->graph;
    NodeId product = NODE_NONE;
    for (uint32_t i = 0; i < count; i++) {
        if (graph_equals(g, factor[i].exponent, 0)) continue;
        NodeId f = graph_equals(g, factor[i].exponent, 1) ? factor[i].atom
                                                          : graph_node(g, GRAPH_POW, factor[i].atom, factor[i].exponent);
        product = product == NODE_NONE ? f : graph_node(g, GRAPH_MUL, product, f);
    }
    return product == NODE_NONE ? graph_integer(g, 1) : product;
}

static NodeId monomial_product(Normal *n, NodeId a, NodeId b) {
    Factor x[FACTORS], y[FACTORS], product[2 * FACTORS];
    uint32_t m = factors(n, a, x), k = factors(n, b, y), count = 0, i = 0, j = 0;
    while (i < m || j < k) {
        if (j == k || (i < m && x[i].atom < y[j].atom))
            product[count++] = x[i++];
        else if (i == m || y[j].atom < x[i].atom)
            product[count++] = y[j++];
        else {
            product[count++] = (Factor){x[i].atom, graph_add(n->graph, x[i].exponent, y[j].exponent)};
            i++, j++;
        }
    }
    return monomial_of(n, product, count);
}

static Polynomial multiply(Normal *n, Polynomial a, Polynomial b) {
    Polynomial product = with_room(n, (uint64_t)a.count * b.count);
    for (uint32_t i = 0; i < a.count && !n->over; i++)
        for (uint32_t j = 0; j < b.count && !n->over; j++)
            product.term[product.count++] = (Term){monomial_product(n, a.term[i].monomial, b.term[j].monomial),
                                                   graph_multiply(n->graph, a.term[i].coefficient, b.term[j].coefficient)};
    return collect(n, product);
}

/* ---- Atoms ---- */

static Polynomial scaled(Normal *n, Polynomial p, NodeId c) {
    Polynomial q = with_room(n, p.count);
    for (uint32_t i = 0; i < p.count && !n->over; i++)
        q.term[q.count++] = (Term){p.term[i].monomial, graph_multiply(n->graph, c, p.term[i].coefficient)};
    return q;
}

/* The polynomial as one node, built without simplification so that equal polynomials are equal nodes. */
static NodeId as_node(Normal *n, Polynomial p) {
    Graph *g = n->graph;
    NodeId sum = NODE_NONE;
    for (uint32_t i = 0; i < p.count; i++) {
        NodeId c = p.term[i].coefficient, m = p.term[i].monomial;
        NodeId term = graph_equals(g, m, 1) ? c : graph_equals(g, c, 1) ? m : graph_node(g, GRAPH_MUL, c, m);
        sum = sum == NODE_NONE ? term : graph_node(g, GRAPH_ADD, sum, term);
    }
    return sum == NODE_NONE ? graph_integer(g, 0) : sum;
}

/* (c m)^k for a whole k: c^k times m with its exponents times k. */
static Polynomial monomial_power(Normal *n, Term term, NodeId exponent) {
    Factor factor[FACTORS];
    uint32_t count = factors(n, term.monomial, factor);
    for (uint32_t i = 0; i < count; i++) factor[i].exponent = graph_multiply(n->graph, factor[i].exponent, exponent);
    NodeId scale = graph_power(n->graph, term.coefficient, exponent);
    if (!graph_is_const(n->graph, scale)) return give_up(n);
    return single(n, monomial_of(n, factor, count), scale);
}

static Polynomial power(Normal *n, Polynomial p, NodeId exponent) {
    Graph *g = n->graph;
    long k;
    bool whole = graph_is_integer(g, exponent, &k);
    if (p.count == 1 && whole) return monomial_power(n, p.term[0], exponent);
    if (whole && k > 0 && k <= POWER) {
        Polynomial product = p;
        for (long i = 1; i < k && !n->over; i++) product = multiply(n, product, p);
        return product;
    }
    NodeId scale = graph_integer(g, 1);
    if (whole && p.count) { /* sums that differ by a factor become one atom */
        NodeId lead = p.term[0].coefficient;
        p = scaled(n, p, graph_power_ratio(g, lead, -1, 1));
        scale = graph_power(g, lead, exponent);
        if (!graph_is_const(g, scale)) return give_up(n);
    }
    Factor factor = {as_node(n, p), exponent};
    if (graph_is_const(g, factor.atom)) return single(n, graph_power(g, factor.atom, exponent), scale);
    return single(n, monomial_of(n, &factor, 1), scale);
}

/* f(-x) by parity: the argument's first coefficient is made positive. */
static NodeId argument(Normal *n, Polynomial p, bool *negated) {
    *negated = p.count && mpq_sgn(graph_value(n->graph, p.term[0].coefficient)) < 0;
    return as_node(n, *negated ? scaled(n, p, graph_integer(n->graph, -1)) : p);
}

static Polynomial function(Normal *n, GraphCode code, Polynomial a, Polynomial b) {
    Graph *g = n->graph;
    GraphParity parity = graph_parity(code);
    bool two = graph_operands(code) == 2, flip = false, ignored;
    NodeId x = parity == GRAPH_NEITHER ? as_node(n, a) : argument(n, a, &flip);
    NodeId y = !two ? 0 : parity == GRAPH_EVEN ? argument(n, b, &ignored) : as_node(n, b);
    if (n->over) return (Polynomial){0};
    NodeId f = graph_node(g, code, x, y);
    return single(n, f, graph_integer(g, flip && parity == GRAPH_ODD ? -1 : 1));
}

static Polynomial normal_at(const Normal *n, NodeId a) { return n->of[graph_place(n->graph, a)]; }

static Polynomial normal_of(Normal *n, NodeId a) {
    Graph *g = n->graph;
    GraphNode node = g->node[a];
    NodeId one = graph_integer(g, 1);
    switch (node.code) {
    case GRAPH_CONST: return single(n, one, a);
    case GRAPH_PI:
    case GRAPH_NAME: return single(n, a, one);
    default: break;
    }
    Polynomial x = normal_at(n, node.a);
    Polynomial y = graph_operands((GraphCode)node.code) > 1 ? normal_at(n, node.b) : (Polynomial){0};
    if (node.code == GRAPH_ADD) return add(n, x, y);
    if (node.code == GRAPH_MUL) return multiply(n, x, y);
    if (node.code == GRAPH_POW && graph_is_const(g, node.b)) return power(n, x, node.b);
    return function(n, (GraphCode)node.code, x, y);
}

/* Names and pi satisfy no polynomial equation, so a polynomial in them alone that is not 0 is no zero function. */
static bool is_polynomial(Normal *n, Polynomial p) {
    for (uint32_t i = 0; i < p.count; i++) {
        Factor factor[FACTORS];
        uint32_t count = factors(n, p.term[i].monomial, factor);
        for (uint32_t j = 0; j < count; j++) {
            uint32_t code = n->graph->node[factor[j].atom].code;
            if (code != GRAPH_NAME && code != GRAPH_PI) return false;
        }
    }
    return true;
}

NodeId graph_normal(Graph *graph, NodeId a, uint32_t budget, uint64_t *work, bool *polynomial) {
    uint64_t left = graph->normal_work < WORK ? WORK - graph->normal_work : 0, most = 256 * (uint64_t)budget;
    Normal n = {.graph = graph, .budget = budget, .most = most < left ? most : left};
    NodeId result = NODE_NONE;
    bool reached = graph_reach(graph, &a, 1);
    if (work) *work += graph->list_count;
    if (reached && graph->list_count <= n.most) {
        n.count = graph->list_count;
        n.node = memory_new(n.count * sizeof *n.node);
        n.of = memory_new(n.count * sizeof *n.of);
        if (n.node && n.of) {
            memcpy(n.node, graph->list, n.count * sizeof *n.node);
            for (uint32_t i = 0; i < n.count && !n.over; i++) n.of[i] = normal_of(&n, n.node[i]);
            if (!n.over && !graph->failed) {
                result = as_node(&n, n.of[n.count - 1]);
                if (polynomial) *polynomial = is_polynomial(&n, n.of[n.count - 1]);
            }
        } else {
            graph->failed = true;
        }
    }
    graph->normal_work += n.spent < left ? n.spent : left;
    graph->failed |= n.arena.failed;
    arena_free(&n.arena);
    memory_free(n.node);
    memory_free(n.of);
    return result;
}
