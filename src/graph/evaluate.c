/* evaluate.c: see evaluate.h. One MPFR number a node that is needed, in the order of the nodes. */
#include "graph/evaluate.h"

#include <float.h>

mpfr_t *numbers_new(size_t count, mpfr_prec_t bits) {
    size_t size = mpfr_custom_get_size(bits);
    mpfr_t *number = count < SIZE_MAX / (sizeof *number + size) ? memory_new(count * (sizeof *number + size)) : NULL;
    for (size_t i = 0; number && i < count; i++)
        mpfr_custom_init_set(number[i], MPFR_NAN_KIND, 0, bits, (char *)(number + count) + i * size);
    return number;
}

static void selection(mpfr_t out, GraphCode code, mpfr_srcptr a, mpfr_srcptr b) {
    switch (code) {
    case GRAPH_ABS: mpfr_abs(out, a, MPFR_RNDN); return;
    case GRAPH_SIGN:
        if (mpfr_nan_p(a))
            mpfr_set_nan(out);
        else
            mpfr_set_si(out, mpfr_sgn(a), MPFR_RNDN);
        return;
    default: /* min and max of MPFR pass over a NaN; lag's do not */
        if (mpfr_nan_p(a) || mpfr_nan_p(b))
            mpfr_set_nan(out);
        else if (code == GRAPH_MIN)
            mpfr_min(out, a, b, MPFR_RNDN);
        else
            mpfr_max(out, a, b, MPFR_RNDN);
    }
}

enum { EVALUATE_WORK = 7 }; /* nodes that could be listed in the time that a value takes */

/* A number that no double holds, such as exp(exp(50)): its sine would take as many digits of pi as it has. Where code runs
 * there is none either. */
static bool has_no_sine(GraphCode code, mpfr_srcptr a) {
    bool periodic = code == GRAPH_SIN || code == GRAPH_COS || code == GRAPH_TAN;
    return periodic && mpfr_regular_p(a) && mpfr_get_exp(a) > DBL_MAX_EXP;
}

static void function(mpfr_t out, GraphCode code, mpfr_srcptr a, mpfr_srcptr b) {
    if (has_no_sine(code, a)) {
        mpfr_set_nan(out);
        return;
    }
    switch (code) {
    case GRAPH_CBRT: mpfr_cbrt(out, a, MPFR_RNDN); return;
    case GRAPH_EXP: mpfr_exp(out, a, MPFR_RNDN); return;
    case GRAPH_LOG: mpfr_log(out, a, MPFR_RNDN); return;
    case GRAPH_SIN: mpfr_sin(out, a, MPFR_RNDN); return;
    case GRAPH_COS: mpfr_cos(out, a, MPFR_RNDN); return;
    case GRAPH_TAN: mpfr_tan(out, a, MPFR_RNDN); return;
    case GRAPH_ASIN: mpfr_asin(out, a, MPFR_RNDN); return;
    case GRAPH_ACOS: mpfr_acos(out, a, MPFR_RNDN); return;
    case GRAPH_ATAN: mpfr_atan(out, a, MPFR_RNDN); return;
    case GRAPH_ATAN2: mpfr_atan2(out, a, b, MPFR_RNDN); return;
    case GRAPH_SINH: mpfr_sinh(out, a, MPFR_RNDN); return;
    case GRAPH_COSH: mpfr_cosh(out, a, MPFR_RNDN); return;
    case GRAPH_TANH: mpfr_tanh(out, a, MPFR_RNDN); return;
    case GRAPH_ASINH: mpfr_asinh(out, a, MPFR_RNDN); return;
    case GRAPH_ACOSH: mpfr_acosh(out, a, MPFR_RNDN); return;
    case GRAPH_ATANH: mpfr_atanh(out, a, MPFR_RNDN); return;
    case GRAPH_ERF: mpfr_erf(out, a, MPFR_RNDN); return;
    case GRAPH_HYPOT: mpfr_hypot(out, a, b, MPFR_RNDN); return;
    case GRAPH_POW: mpfr_pow(out, a, b, MPFR_RNDN); return;
    default: selection(out, code, a, b);
    }
}

static mpfr_ptr at(const Graph *graph, mpfr_t *value, NodeId a) { return value[graph_place(graph, a)]; }

/* The value of the i-th node of graph->list. */
static void node_value(Graph *graph, uint32_t i, mpfr_t *value) {
    NodeId a = graph->list[i];
    const GraphNode *node = &graph->node[a];
    mpfr_ptr out = value[i];
    switch (node->code) {
    case GRAPH_CONST: mpfr_set_q(out, graph_value(graph, a), MPFR_RNDN); return;
    case GRAPH_PI: mpfr_const_pi(out, MPFR_RNDN); return;
    case GRAPH_NAME: mpfr_set_nan(out); return;
    default: break;
    }
    mpfr_srcptr x = at(graph, value, node->a);
    mpfr_srcptr y = graph_operands((GraphCode)node->code) > 1 ? at(graph, value, node->b) : x;
    switch (node->code) {
    case GRAPH_ADD: mpfr_add(out, x, y, MPFR_RNDN); return;
    case GRAPH_MUL: mpfr_mul(out, x, y, MPFR_RNDN); return;
    default: function(out, (GraphCode)node->code, x, y);
    }
}

bool graph_evaluate(Graph *graph, const NodeId *root, uint32_t roots, const NodeId *name, mpfr_t *value, uint32_t names,
                    mpfr_t *out) {
    if (!graph_reach(graph, root, roots)) return false;
    uint32_t count = graph->list_count;
    graph->reached += EVALUATE_WORK * (uint64_t)count;
    mpfr_t *number = numbers_new(count, roots ? mpfr_get_prec(out[0]) : MPFR_PREC_MIN);
    if (number) {
        for (uint32_t i = 0; i < count; i++) {
            node_value(graph, i, number);
            for (uint32_t j = 0; graph->node[graph->list[i]].code == GRAPH_NAME && j < names; j++)
                if (name[j] == graph->list[i]) mpfr_set(number[i], value[j], MPFR_RNDN);
        }
        for (uint32_t i = 0; i < roots; i++) mpfr_set(out[i], at(graph, number, root[i]), MPFR_RNDN);
    }
    bool done = number;
    memory_free(number);
    return done;
}
