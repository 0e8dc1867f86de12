/* condense.c: sums of products of names, sines and cosines written anew, in fewer operations.
 *
 * Velocities of bodies on rods are typed in Cartesian parts; what they come to is much shorter than its derivatives as they
 * are found: squares of sine and cosine add up to 1, and terms cancel. So the normal form is taken, c sin^2 + c cos^2 = c;
 * terms whose parameters are the same, but for a rational factor, come together behind these, which are then a number known
 * beforehand; and common factors are taken out, the most frequent first, velocities outermost.
 *
 * Needs an expression and the names that vary. Leaves another of the same value; where it holds other things than powers of
 * names, and sines and cosines of angles linear in names, or would be long, the same node. */
#include "graph/graph.h"

#include <string.h>

enum {
    TERMS = 128,
    FACTORS = 12, /* of a term, that vary */
    POWER = 16,
    BUDGET = 256 /* terms of the normal form */
};

typedef struct Factor {
    NodeId atom;
    long power;
} Factor;

/* scale times parameters times factors, by atoms. */
typedef struct Term {
    NodeId scale, parameters; /* scale is a constant */
    Factor factor[FACTORS];
    uint32_t count;
} Term;

typedef struct Condensing {
    Graph *graph;
    const NodeId *variable; /* those that are to stand outermost last */
    uint32_t variables;
    Term *term;
    uint32_t count;
    bool over; /* not one of those that are written anew */
} Condensing;

/* ---- From the normal form ---- */

static bool varies(const Condensing *c, NodeId a) { return graph_depends(c->graph, a, c->variable, c->variables); }

static bool is_variable(const Condensing *c, NodeId a) {
    for (uint32_t i = 0; i < c->variables; i++)
        if (c->variable[i] == a) return true;
    return false;
}

/* What stands in a chain of sums or products, last first: the next of them, the rest being left in *rest (or NODE_NONE). A
 * constant stands before the chain of the other factors. */
static NodeId last_of(const Graph *g, GraphCode code, NodeId *rest) {
    GraphNode node = g->node[*rest];
    bool chain = node.code == code, scaled = code == GRAPH_MUL && chain && graph_is_const(g, node.a);
    NodeId last = !chain ? *rest : scaled ? node.a : node.b;
    *rest = !chain ? NODE_NONE : scaled ? node.b : node.a;
    return last;
}

/* A sum of terms that each hold one variable at most, and that as it is: built anew, simplified. */
static NodeId linear(Condensing *c, NodeId sum) {
    Graph *g = c->graph;
    NodeId result = graph_integer(g, 0);
    while (sum != NODE_NONE && !c->over) {
        NodeId term = last_of(g, GRAPH_ADD, &sum), product = graph_integer(g, 1);
        for (uint32_t variables = 0; term != NODE_NONE && !c->over;) {
            NodeId factor = last_of(g, GRAPH_MUL, &term);
            variables += is_variable(c, factor);
            c->over = variables > 1 || (!is_variable(c, factor) && varies(c, factor));
            product = graph_multiply(g, factor, product);
        }
        result = graph_add(g, product, result);
    }
    return result;
}

static void add_factor(Condensing *c, Term *term, NodeId factor) {
    Graph *g = c->graph;
    GraphNode node = g->node[factor];
    Factor f = {factor, 1};
    if (node.code == GRAPH_POW && graph_is_const(g, node.b)) {
        c->over = c->over || !graph_is_integer(g, node.b, &f.power) || f.power < 1 || f.power > POWER;
        f.atom = node.a;
    }
    node = g->node[f.atom];
    if (node.code == GRAPH_SIN || node.code == GRAPH_COS)
        f.atom = graph_call(g, (GraphCode)node.code, linear(c, node.a), 0);
    else
        c->over = c->over || node.code != GRAPH_NAME;
    c->over = c->over || term->count == FACTORS;
    if (!c->over) term->factor[term->count++] = f;
}

static void sort_factors(Term *term) {
    for (uint32_t i = 1; i < term->count; i++)
        for (uint32_t j = i; j > 0 && term->factor[j].atom < term->factor[j - 1].atom; j--) {
            Factor swap = term->factor[j];
            term->factor[j] = term->factor[j - 1];
            term->factor[j - 1] = swap;
        }
}

static bool same_factors(const Term *a, const Term *b) {
    if (a->count != b->count) return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->factor[i].atom != b->factor[i].atom || a->factor[i].power != b->factor[i].power) return false;
    return true;
}

/* Adds a term to those that there are, with one of the same factors if there is one. */
static void add_term(Condensing *c, Term term) {
    Graph *g = c->graph;
    sort_factors(&term);
    for (uint32_t i = 0; i < c->count; i++) {
        Term *old = &c->term[i];
        if (!same_factors(old, &term)) continue;
        NodeId factor, sum = graph_add(g, graph_multiply(g, old->scale, old->parameters),
                                       graph_multiply(g, term.scale, term.parameters));
        graph_split(g, sum, &factor, &old->parameters);
        old->scale = factor;
        if (graph_equals(g, factor, 0)) c->term[i] = c->term[--c->count];
        return;
    }
    c->over = c->over || c->count == TERMS;
    if (!c->over) c->term[c->count++] = term;
}

static void read_terms(Condensing *c, NodeId normal) {
    Graph *g = c->graph;
    while (normal != NODE_NONE && !c->over) {
        NodeId part = last_of(g, GRAPH_ADD, &normal), one = graph_integer(g, 1);
        Term term = {.scale = one, .parameters = one};
        while (part != NODE_NONE && !c->over) {
            NodeId factor = last_of(g, GRAPH_MUL, &part);
            if (graph_is_const(g, factor))
                term.scale = graph_multiply(g, term.scale, factor);
            else if (varies(c, factor))
                add_factor(c, &term, factor);
            else
                term.parameters = graph_multiply(g, factor, term.parameters);
        }
        if (!c->over && !graph_equals(g, term.scale, 0)) add_term(c, term);
    }
}

/* ---- Shorter ---- */

static Factor *find_factor(Term *term, NodeId atom) {
    for (uint32_t i = 0; i < term->count; i++)
        if (term->factor[i].atom == atom) return &term->factor[i];
    return NULL;
}

static void lower_power(Term *term, NodeId atom, long by) {
    Factor *f = find_factor(term, atom);
    f->power -= by;
    if (f->power) return;
    memmove(f, f + 1, (size_t)(term->factor + term->count - f - 1) * sizeof *f);
    term->count--;
}

/* The atom whose square `other` has where `term` has that of its cosine: term = x cos^2, other = x sin^2; else NODE_NONE. */
static bool make_one(Condensing *c, uint32_t i, uint32_t j) {
    Graph *g = c->graph;
    Term a = c->term[i], b = c->term[j];
    if (a.scale != b.scale || a.parameters != b.parameters) return false;
    for (uint32_t k = 0; k < a.count; k++) {
        NodeId cosine = a.factor[k].atom;
        if (g->node[cosine].code != GRAPH_COS || a.factor[k].power < 2) continue;
        for (uint32_t l = 0; l < b.count; l++) {
            NodeId sine = b.factor[l].atom;
            if (g->node[sine].code != GRAPH_SIN || g->node[sine].a != g->node[cosine].a || b.factor[l].power < 2) continue;
            Term x = a, y = b;
            lower_power(&x, cosine, 2);
            lower_power(&y, sine, 2);
            if (!same_factors(&x, &y)) continue;
            uint32_t first = i < j ? i : j, last = i < j ? j : i;
            c->term[last] = c->term[--c->count];
            c->term[first] = c->term[--c->count];
            add_term(c, x);
            return true;
        }
    }
    return false;
}

static bool find_one(Condensing *c) {
    for (uint32_t i = 0; i < c->count; i++)
        for (uint32_t j = 0; j < c->count; j++)
            if (i != j && make_one(c, i, j)) return true;
    return false;
}

/* ---- Back to an expression ---- */

/* How far outside an atom had better stand: velocities change within a sweep where places don't. */
static uint32_t rank(const Condensing *c, NodeId atom) {
    for (uint32_t i = 0; i < c->variables; i++)
        if (c->variable[i] == atom) return i + 1;
    return 0;
}

/* The atom that most of the terms hold, and how many do. */
static NodeId most_frequent(Condensing *c, Term *term, uint32_t count, uint32_t *most) {
    NodeId best = NODE_NONE;
    *most = 0;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < term[i].count; k++) {
            NodeId atom = term[i].factor[k].atom;
            uint32_t held = 0;
            for (uint32_t j = 0; j < count; j++) held += find_factor(&term[j], atom) != NULL;
            if (held < *most || (held == *most && rank(c, atom) <= rank(c, best))) continue;
            *most = held;
            best = atom;
        }
    return best;
}

static NodeId product_of(Condensing *c, const Term *term) {
    Graph *g = c->graph;
    NodeId product = graph_integer(g, 1);
    for (uint32_t i = 0; i < term->count; i++)
        product = graph_multiply(g, product, graph_power(g, term->factor[i].atom, graph_integer(g, term->factor[i].power)));
    return graph_multiply(g, term->scale, product);
}

/* sum_i scale_i factors_i, in place: an atom that several hold is taken out of them, and so on with these and with the rest.
 * `behind` is what stands with what is left when nothing varies more. */
static NodeId factored(Condensing *c, Term *term, uint32_t count, NodeId behind) {
    Graph *g = c->graph;
    NodeId sum = graph_integer(g, 0);
    while (count) {
        uint32_t most, kept = 0;
        NodeId atom = most_frequent(c, term, count, &most);
        bool all = most == count && count > 1;
        if (most < 2) {
            for (uint32_t i = 0; i < count; i++) sum = graph_add(g, sum, product_of(c, &term[i]));
            return graph_multiply(g, behind, sum);
        }
        Term *held = memory_new(most * sizeof *held);
        if (!held) return g->failed = true, 0;
        uint32_t helds = 0;
        for (uint32_t i = 0; i < count; i++) {
            if (!find_factor(&term[i], atom)) {
                term[kept++] = term[i];
                continue;
            }
            held[helds] = term[i];
            lower_power(&held[helds++], atom, 1);
        }
        NodeId inner = factored(c, held, helds, all ? behind : graph_integer(g, 1));
        memory_free(held);
        inner = graph_multiply(g, atom, inner);
        if (all) return inner;
        sum = graph_add(g, sum, inner);
        count = kept;
    }
    return graph_multiply(g, behind, sum);
}

/* Terms of the same parameters come together, the first's scale is taken out of them. */
static NodeId build(Condensing *c) {
    Graph *g = c->graph;
    NodeId sum = graph_integer(g, 0);
    Term *group = memory_new((c->count + 1) * sizeof *group);
    if (!group) return g->failed = true, 0;
    while (c->count) {
        NodeId parameters = c->term[0].parameters, scale = c->term[0].scale;
        uint32_t count = 0, kept = 0;
        for (uint32_t i = 0; i < c->count; i++) {
            Term term = c->term[i];
            if (term.parameters != parameters) {
                c->term[kept++] = term;
                continue;
            }
            term.scale = graph_divide(g, term.scale, scale);
            group[count++] = term;
        }
        c->count = kept;
        sum = graph_add(g, sum, graph_multiply(g, scale, factored(c, group, count, parameters)));
    }
    memory_free(group);
    return sum;
}

NodeId graph_condense(Graph *graph, NodeId a, const NodeId *variable, uint32_t variables) {
    Condensing c = {.graph = graph, .variable = variable, .variables = variables};
    NodeId normal = graph_normal(graph, a, BUDGET, NULL, NULL);
    if (normal == NODE_NONE || graph->failed) return a;
    c.term = memory_new(TERMS * sizeof *c.term);
    if (!c.term) return graph->failed = true, a;
    read_terms(&c, normal);
    while (!c.over && find_one(&c)) continue;
    NodeId result = c.over ? a : build(&c);
    memory_free(c.term);
    return result;
}
