/* simplify.c: the constructors of expressions, each with its rules.
 *
 * The rules are local: a constructor looks at its operands and one level below. They keep three shapes on which they and
 * the other passes rely: a constant stands first in a sum or a product, a product holds at most one constant, and a
 * constant exponent sits directly on its base. */
#include "graph/graph.h"

/* The constant op(a, b). */
static NodeId fold(Graph *graph, void (*op)(mpq_ptr, mpq_srcptr, mpq_srcptr), NodeId a, NodeId b) {
    mpq_t result;
    mpq_init(result);
    op(result, graph_value(graph, a), graph_value(graph, b));
    NodeId node = graph_rational(graph, result);
    mpq_clear(result);
    return node;
}

/* A commutative node in its one order: constants first, then older operands. */
static NodeId ordered(Graph *graph, GraphCode code, NodeId a, NodeId b) {
    bool swap = graph_is_const(graph, b) || (b < a && !graph_is_const(graph, a));
    return graph_node(graph, code, swap ? b : a, swap ? a : b);
}

/* ---- Sums ---- */

/* c x + d x = (c + d) x; NODE_NONE where a and b are no like terms. */
static NodeId like_terms(Graph *graph, NodeId a, NodeId b) {
    NodeId c, d, x, y;
    graph_split(graph, a, &c, &x);
    graph_split(graph, b, &d, &y);
    if (x != y) return NODE_NONE;
    return graph_multiply(graph, fold(graph, mpq_add, c, d), x);
}

NodeId graph_add(Graph *graph, NodeId a, NodeId b) {
    if (graph->failed) return 0;
    if (graph_equals(graph, a, 0)) return b; /* 0 + b = b */
    if (graph_equals(graph, b, 0)) return a;
    NodeId like = like_terms(graph, a, b); /* constants among them */
    if (like != NODE_NONE) return like;
    GraphNode left = graph->node[a], right = graph->node[b];
    if (left.code == GRAPH_ADD && graph_is_const(graph, left.a)) /* (c + x) + b = c + (x + b) */
        return graph_add(graph, left.a, graph_add(graph, left.b, b));
    if (right.code == GRAPH_ADD &&
        graph_is_const(graph, right.a)) /* a + (c + x) = c + (a + x), and d + (c + x) = (d + c) + x */
        return graph_is_const(graph, a) ? graph_add(graph, fold(graph, mpq_add, a, right.a), right.b)
                                        : graph_add(graph, right.a, graph_add(graph, a, right.b));
    if (left.code == GRAPH_ADD) { /* (x + y) + b with b like x or like y */
        if ((like = like_terms(graph, left.b, b)) != NODE_NONE) return graph_add(graph, left.a, like);
        if ((like = like_terms(graph, left.a, b)) != NODE_NONE) return graph_add(graph, like, left.b);
    }
    if (right.code == GRAPH_ADD) { /* a + (x + y) likewise */
        if ((like = like_terms(graph, a, right.a)) != NODE_NONE) return graph_add(graph, like, right.b);
        if ((like = like_terms(graph, a, right.b)) != NODE_NONE) return graph_add(graph, right.a, like);
    }
    return ordered(graph, GRAPH_ADD, a, b);
}

NodeId graph_negate(Graph *graph, NodeId a) { return graph_multiply(graph, graph_integer(graph, -1), a); }
NodeId graph_subtract(Graph *graph, NodeId a, NodeId b) { return graph_add(graph, a, graph_negate(graph, b)); }

/* ---- Products ---- */

/* Base and constant exponent of a factor: x is x^1. */
static void split_power(Graph *graph, NodeId a, NodeId *base, NodeId *exponent) {
    GraphNode node = graph->node[a];
    bool power = node.code == GRAPH_POW && graph_is_const(graph, node.b);
    *base = power ? node.a : a;
    *exponent = power ? node.b : graph_integer(graph, 1);
}

/* x^m x^n = x^(m+n); NODE_NONE where a and b have no common base. */
static NodeId like_factors(Graph *graph, NodeId a, NodeId b) {
    NodeId x, y, m, n;
    split_power(graph, a, &x, &m);
    split_power(graph, b, &y, &n);
    if (x != y || graph_is_const(graph, x)) return NODE_NONE;
    return graph_power(graph, x, fold(graph, mpq_add, m, n));
}

NodeId graph_multiply(Graph *graph, NodeId a, NodeId b) {
    if (graph->failed) return 0;
    if (graph_is_const(graph, a) && graph_is_const(graph, b)) return fold(graph, mpq_mul, a, b);
    if (graph_equals(graph, a, 0) || graph_equals(graph, b, 0)) return graph_integer(graph, 0); /* 0 b = 0 */
    if (graph_equals(graph, a, 1)) return b;                                                    /* 1 b = b */
    if (graph_equals(graph, b, 1)) return a;
    GraphNode left = graph->node[a], right = graph->node[b];
    if (left.code == GRAPH_MUL && graph_is_const(graph, left.a)) /* (c x) b = c (x b) */
        return graph_multiply(graph, left.a, graph_multiply(graph, left.b, b));
    if (right.code == GRAPH_MUL && graph_is_const(graph, right.a)) /* a (c x) = c (a x), and d (c x) = (d c) x */
        return graph_is_const(graph, a) ? graph_multiply(graph, fold(graph, mpq_mul, a, right.a), right.b)
                                        : graph_multiply(graph, right.a, graph_multiply(graph, a, right.b));
    NodeId like = like_factors(graph, a, b);
    if (like != NODE_NONE) return like;
    if (left.code == GRAPH_MUL) { /* (x y) b with b a power of x or of y */
        if ((like = like_factors(graph, left.b, b)) != NODE_NONE) return graph_multiply(graph, left.a, like);
        if ((like = like_factors(graph, left.a, b)) != NODE_NONE) return graph_multiply(graph, like, left.b);
    }
    if (right.code == GRAPH_MUL) { /* a (x y) likewise */
        if ((like = like_factors(graph, a, right.a)) != NODE_NONE) return graph_multiply(graph, like, right.b);
        if ((like = like_factors(graph, a, right.b)) != NODE_NONE) return graph_multiply(graph, right.a, like);
    }
    return ordered(graph, GRAPH_MUL, a, b);
}

NodeId graph_divide(Graph *graph, NodeId a, NodeId b) {
    return graph_multiply(graph, a, graph_power(graph, b, graph_integer(graph, -1)));
}

/* ---- Powers ---- */

/* base^n for a constant base and a whole n, where the result is defined and small enough to write down. */
static NodeId fold_power(Graph *graph, NodeId base, long n) {
    mpq_srcptr x = graph_value(graph, base);
    unsigned long times = n < 0 ? 0UL - (unsigned long)n : (unsigned long)n;
    size_t above = mpz_sizeinbase(mpq_numref(x), 2), below = mpz_sizeinbase(mpq_denref(x), 2);
    size_t whole = (above > below ? above : below) - 1; /* the power has more bits than `times` of these */
    if ((n < 0 && mpq_sgn(x) == 0) || (whole && times >= GRAPH_BITS / whole + 1)) return NODE_NONE;
    mpq_t result;
    mpq_init(result);
    mpz_pow_ui(mpq_numref(result), mpq_numref(x), times);
    mpz_pow_ui(mpq_denref(result), mpq_denref(x), times);
    if (n < 0) mpq_inv(result, result);
    bool fits = mpz_sizeinbase(mpq_numref(result), 2) <= GRAPH_BITS && mpz_sizeinbase(mpq_denref(result), 2) <= GRAPH_BITS;
    NodeId node = fits ? graph_rational(graph, result) : NODE_NONE;
    mpq_clear(result);
    return node;
}

/* base^(n / k) for a constant base >= 0, where its k-th root is rational. */
static NodeId fold_root(Graph *graph, NodeId base, mpq_srcptr exponent) {
    mpq_srcptr x = graph_value(graph, base);
    if (mpq_sgn(x) < 0 || !mpz_fits_ulong_p(mpq_denref(exponent)) || !mpz_fits_slong_p(mpq_numref(exponent)))
        return NODE_NONE;
    unsigned long k = mpz_get_ui(mpq_denref(exponent));
    long n = mpz_get_si(mpq_numref(exponent));
    NodeId node = NODE_NONE;
    mpq_t root;
    mpq_init(root);
    if (mpz_root(mpq_numref(root), mpq_numref(x), k) && mpz_root(mpq_denref(root), mpq_denref(x), k))
        node = fold_power(graph, graph_rational(graph, root), n);
    mpq_clear(root);
    return node;
}

static bool is_even_integer(mpq_srcptr q) { return mpz_cmp_ui(mpq_denref(q), 1) == 0 && mpz_even_p(mpq_numref(q)); }

static NodeId power_of_constant(Graph *graph, NodeId base, NodeId exponent) {
    long n;
    NodeId folded = graph_is_integer(graph, exponent, &n) ? fold_power(graph, base, n)
                                                          : fold_root(graph, base, graph_value(graph, exponent));
    return folded != NODE_NONE ? folded : graph_node(graph, GRAPH_POW, base, exponent);
}

NodeId graph_power(Graph *graph, NodeId base, NodeId exponent) {
    if (graph->failed) return 0;
    if (graph_equals(graph, base, 1)) return base; /* 1^y = 1 */
    if (!graph_is_const(graph, exponent)) return graph_node(graph, GRAPH_POW, base, exponent);
    if (graph_equals(graph, exponent, 0)) return graph_integer(graph, 1); /* x^0 = 1, as pow has it at 0 too */
    if (graph_equals(graph, exponent, 1)) return base;
    if (graph_is_const(graph, base)) return power_of_constant(graph, base, exponent);
    GraphNode node = graph->node[base];
    long n;
    bool whole = graph_is_integer(graph, exponent, &n);
    if (node.code == GRAPH_POW && graph_is_const(graph, node.b) && /* (x^m)^n = x^(m n), but (x^2)^(1/2) is |x| */
        (whole || !is_even_integer(graph_value(graph, node.b))))
        return graph_power(graph, node.a, fold(graph, mpq_mul, node.b, exponent));
    if (node.code == GRAPH_MUL && graph_is_const(graph, node.a) && whole) { /* (c x)^n = c^n x^n */
        NodeId scale = fold_power(graph, node.a, n);
        if (scale != NODE_NONE) return graph_multiply(graph, scale, graph_power(graph, node.b, exponent));
    }
    if (node.code == GRAPH_MUL && whole && graph->node[node.a].code != GRAPH_MUL && graph->node[node.b].code != GRAPH_MUL)
        return graph_multiply(graph, graph_power(graph, node.a, exponent),
                              graph_power(graph, node.b, exponent));                                /* of two */
    if (node.code == GRAPH_ABS && whole && n % 2 == 0) return graph_power(graph, node.a, exponent); /* |x|^2 = x^2 */
    if (node.code == GRAPH_EXP) return graph_call(graph, GRAPH_EXP, graph_multiply(graph, exponent, node.a), 0);
    return graph_node(graph, GRAPH_POW, base, exponent);
}

NodeId graph_power_ratio(Graph *graph, NodeId base, long numerator, unsigned long denominator) {
    return graph_power(graph, base, graph_ratio(graph, numerator, denominator));
}

NodeId graph_sqrt(Graph *graph, NodeId a) { return graph_power_ratio(graph, a, 1, 2); }

/* ---- Functions ---- */

static NodeId fold_selection(Graph *graph, GraphCode code, NodeId a, NodeId b) {
    int sign = mpq_sgn(graph_value(graph, a));
    switch (code) {
    case GRAPH_ABS: return sign < 0 ? graph_negate(graph, a) : a;
    case GRAPH_SIGN: return graph_integer(graph, sign);
    case GRAPH_MIN: return mpq_cmp(graph_value(graph, b), graph_value(graph, a)) < 0 ? b : a;
    case GRAPH_MAX: return mpq_cmp(graph_value(graph, b), graph_value(graph, a)) > 0 ? b : a;
    default: return NODE_NONE;
    }
}

/* f(0) and f(1) where they are rational. */
static NodeId fold_elementary(Graph *graph, GraphCode code, NodeId a) {
    bool zero = graph_equals(graph, a, 0);
    if (zero && graph_parity(code) == GRAPH_ODD) return a;
    if (zero && (code == GRAPH_EXP || code == GRAPH_COS || code == GRAPH_COSH)) return graph_integer(graph, 1);
    if (graph_equals(graph, a, 1) && (code == GRAPH_LOG || code == GRAPH_ACOS || code == GRAPH_ACOSH))
        return graph_integer(graph, 0);
    if (graph_equals(graph, a, 1) && code == GRAPH_CBRT) return a;
    return NODE_NONE;
}

/* |x|, where x is never negative. */
static bool never_negative(const Graph *graph, NodeId a) {
    const GraphNode *node = &graph->node[a];
    return node->code == GRAPH_ABS || node->code == GRAPH_EXP || node->code == GRAPH_COSH || node->code == GRAPH_HYPOT ||
           (node->code == GRAPH_POW && graph_is_const(graph, node->b) && is_even_integer(graph_value(graph, node->b)));
}

NodeId graph_call(Graph *graph, GraphCode code, NodeId a, NodeId b) {
    if (graph->failed) return 0;
    if (code == GRAPH_POW) return graph_power(graph, a, b);
    bool two = graph_operands(code) == 2;
    if (graph_is_const(graph, a)) {
        NodeId folded = two && !graph_is_const(graph, b) ? NODE_NONE : fold_selection(graph, code, a, b);
        if (folded == NODE_NONE && !two) folded = fold_elementary(graph, code, a);
        if (folded != NODE_NONE) return folded;
    }
    GraphNode inner = graph->node[a];
    if (code == GRAPH_ABS && never_negative(graph, a)) return a;      /* |x^2| = x^2 */
    if (code == GRAPH_EXP && inner.code == GRAPH_LOG) return inner.a; /* exp(log x) = x */
    if (code == GRAPH_LOG && inner.code == GRAPH_EXP) return inner.a; /* log(exp x) = x */
    if ((code == GRAPH_MIN || code == GRAPH_MAX) && a == b) return a; /* min(x, x) = x */
    NodeId factor, rest;
    graph_split(graph, a, &factor, &rest);
    if (!two && graph_parity(code) != GRAPH_NEITHER && mpq_sgn(graph_value(graph, factor)) < 0) {
        NodeId f = graph_call(graph, code, graph_negate(graph, a), 0); /* f(-x) = -f(x) or f(x) */
        return graph_parity(code) == GRAPH_ODD ? graph_negate(graph, f) : f;
    }
    return graph_node(graph, code, a, two ? b : 0);
}
