/* coupling.c: the check that the coupling K is odd in the minus variables.
 *
 * K must change sign when the two histories are swapped (method.md), that is when every minus variable does. So for a term E
 * with doubled variables, E_0 being E where the minus variables are 0,
 *
 *     E(-minus) + E(minus) - 2 E_0 = 0     and E_0, which belongs to L, holds no plus variable.
 *
 * Decided exactly where the normal form settles it; else at random points in high-precision arithmetic. */
#include "mech/random.h"

#include <stdio.h>
#include <string.h>

enum { NORMAL_BUDGET = 4000, TRIES = 200 };

typedef enum Verdict { VERDICT_ZERO, VERDICT_ZERO_RANDOM, VERDICT_NOT, VERDICT_NOT_RANDOM, VERDICT_UNKNOWN } Verdict;

typedef struct Checker {
    Mechanics *m;
    NodeId *minus, *opposite, *zero; /* minus variables, their negatives, 0 */
    NodeId *plus, *own;              /* plus variables, the coordinate's own */
    uint32_t count;                  /* 2 a coordinate */
} Checker;

static bool checker_new(Checker *c, Mechanics *m) {
    size_t count = 2 * (size_t)m->dof;
    *c = (Checker){.m = m, .count = (uint32_t)count, .minus = memory_new((5 * count + 1) * sizeof *c->minus)};
    if (!c->minus) return false;
    c->opposite = c->minus + count, c->zero = c->opposite + count, c->plus = c->zero + count, c->own = c->plus + count;
    for (uint32_t k = 0; k < m->dof; k++) {
        const Coordinate *x = &m->coordinate[k];
        c->minus[2 * k] = x->q_minus, c->minus[2 * k + 1] = x->v_minus;
        c->plus[2 * k] = x->q_plus, c->plus[2 * k + 1] = x->v_plus;
        c->own[2 * k] = x->q, c->own[2 * k + 1] = x->v;
    }
    for (uint32_t i = 0; i < count; i++) {
        c->opposite[i] = graph_negate(m->graph, c->minus[i]);
        c->zero[i] = graph_integer(m->graph, 0);
    }
    return true;
}

/* Whether part[0] + part[1] + part[2] is 0 at random points, beside the size of its parts. */
static Verdict vanishes_at_random(Mechanics *m, const NodeId part[3]) {
    static const double spread[] = {1, 0.1, 10, 0.01};
    RandomPoint point;
    if (!random_new(&point, m, COUPLING_BITS)) return m->graph->failed = true, VERDICT_UNKNOWN;
    mpfr_t value[3], sum, size;
    for (int i = 0; i < 3; i++) mpfr_init2(value[i], COUPLING_BITS);
    mpfr_inits2(COUPLING_BITS, sum, size, (mpfr_ptr)NULL);
    Verdict verdict = VERDICT_UNKNOWN;
    uint32_t finite = 0;
    for (uint32_t i = 0; i < TRIES && finite < COUPLING_POINTS && verdict == VERDICT_UNKNOWN; i++) {
        random_draw(&point, spread[i % 4]);
        if (!graph_evaluate(m->graph, part, 3, point.name, point.value, point.count, value)) {
            m->graph->failed = true;
            break;
        }
        mpfr_set_zero(sum, 1);
        mpfr_set_zero(size, 1);
        for (int j = 0; j < 3; j++) {
            mpfr_add(sum, sum, value[j], MPFR_RNDN);
            mpfr_abs(value[j], value[j], MPFR_RNDN);
            mpfr_add(size, size, value[j], MPFR_RNDN);
        }
        if (!mpfr_number_p(sum)) continue;
        finite++;
        mpfr_mul_2si(size, size, -COUPLING_BITS * 2 / 3, MPFR_RNDN);
        if (mpfr_cmpabs(sum, size) > 0) verdict = VERDICT_NOT_RANDOM;
    }
    if (finite == COUPLING_POINTS && verdict == VERDICT_UNKNOWN) verdict = VERDICT_ZERO_RANDOM;
    for (int i = 0; i < 3; i++) mpfr_clear(value[i]);
    mpfr_clears(sum, size, (mpfr_ptr)NULL);
    random_free(&point);
    return verdict;
}

static Verdict vanishes(Mechanics *m, const NodeId part[3]) {
    NodeId sum = graph_add(m->graph, graph_add(m->graph, part[0], part[1]), part[2]);
    if (graph_equals(m->graph, sum, 0)) return VERDICT_ZERO;
    bool polynomial;
    NodeId normal = graph_normal(m->graph, sum, NORMAL_BUDGET, NULL, &polynomial);
    if (normal != NODE_NONE && graph_equals(m->graph, normal, 0)) return VERDICT_ZERO;
    if (normal != NODE_NONE && polynomial) return VERDICT_NOT;
    return vanishes_at_random(m, part);
}

static Verdict worse(Verdict a, Verdict b) { return a > b ? a : b; }

static Verdict check_term(const Checker *c, NodeId term) {
    Graph *g = c->m->graph;
    NodeId flipped, still, limit, zero = graph_integer(g, 0);
    graph_substitute(g, &term, 1, c->minus, c->opposite, c->count, &flipped);
    graph_substitute(g, &term, 1, c->minus, c->zero, c->count, &still);
    graph_substitute(g, &still, 1, c->plus, c->own, c->count, &limit);
    const NodeId odd[3] = {term, flipped, graph_multiply(g, graph_integer(g, -2), still)};
    const NodeId plain[3] = {still, graph_negate(g, limit), zero};
    return worse(vanishes(c->m, odd), vanishes(c->m, plain));
}

/* The expression's terms: what is added and subtracted at its top. */
typedef struct Terms {
    TreeId *id;
    uint32_t count, capacity;
} Terms;

static bool terms_push(Terms *terms, TreeId id) {
    void *data = terms->id;
    if (!memory_grow(&data, &terms->capacity, terms->count + 1, sizeof *terms->id)) return false;
    terms->id = data;
    terms->id[terms->count++] = id;
    return true;
}

static bool split_terms(const Tree *tree, TreeId root, Terms *terms) {
    Terms waiting = {0};
    bool room = terms_push(&waiting, root);
    while (room && waiting.count) {
        TreeId id = waiting.id[--waiting.count];
        const TreeNode *node = &tree->node[id];
        if (node->kind == TREE_ADD || node->kind == TREE_SUBTRACT)
            room = terms_push(&waiting, node->b) && terms_push(&waiting, node->a);
        else if (node->kind == TREE_GROUP || node->kind == TREE_NEGATE)
            room = terms_push(&waiting, node->a);
        else
            room = terms_push(terms, id);
    }
    memory_free(waiting.id);
    return room;
}

static bool has_doubled(const Checker *c, NodeId node) {
    return graph_depends(c->m->graph, node, c->minus, c->count) || graph_depends(c->m->graph, node, c->plus, c->count);
}

static void report(const Tree *tree, TreeId term, Verdict verdict, Diagnostics *diag) {
    static const char hint[] = "a coupling is odd in the minus variables, as in -c*qd_p*q_m";
    if (verdict == VERDICT_UNKNOWN)
        diag_warning(diag, tree_span(tree, term), hint,
                     "no point was found at which this term could be checked to be odd in the minus variables");
    else if (verdict == VERDICT_NOT)
        diag_error(diag, tree_span(tree, term), hint, "this term would not change sign when the two histories are swapped");
    else
        diag_error(diag, tree_span(tree, term), hint,
                   "this term would not change sign when the two histories are swapped (checked at random points)");
}

bool mechanics_check_coupling(Mechanics *m, const Lowering *lowering, const Tree *tree, TreeId root, Diagnostics *diag) {
    Checker c;
    Terms terms = {0};
    uint32_t errors = diag->errors, faults = 0;
    Verdict all = VERDICT_ZERO;
    if (!checker_new(&c, m)) return m->graph->failed = true, false;
    if (!has_doubled(&c, m->lambda)) goto done;
    m->coupling = COUPLING_EXACT;
    if (!split_terms(tree, root, &terms)) m->graph->failed = true;
    Verdict *verdict = memory_new((terms.count + 1) * sizeof *verdict);
    if (!verdict) m->graph->failed = true;
    for (uint32_t i = 0; verdict && i < terms.count; i++) {
        NodeId node = lowering->node[terms.id[i] - tree->node[root].first];
        verdict[i] = has_doubled(&c, node) ? check_term(&c, node) : VERDICT_ZERO;
        all = worse(all, verdict[i]);
        faults += verdict[i] > VERDICT_ZERO_RANDOM;
    }
    if (faults > 1) { /* terms that are not odd may make an odd sum */
        Verdict whole = check_term(&c, m->lambda);
        if (whole <= VERDICT_ZERO_RANDOM) all = whole, faults = 0;
    }
    for (uint32_t i = 0; verdict && faults && i < terms.count; i++)
        if (verdict[i] > VERDICT_ZERO_RANDOM) report(tree, terms.id[i], verdict[i], diag);
    if (all != VERDICT_ZERO) m->coupling = COUPLING_RANDOM;
    memory_free(verdict);
done:
    memory_free(terms.id);
    memory_free(c.minus);
    return diag->errors == errors && !m->graph->failed;
}
