/* print.c: expressions as a person would write them.
 *
 * A sum shows its terms with their signs; a term shows the constant, then its factors, then what they are divided by. The
 * recursion is bounded: what is deeper than DEEPEST, or longer than the caller wants, shows as "...". */
#include "graph/graph.h"

#include <string.h>

enum { DEEPEST = 200, WIDEST = 4096 };

typedef enum Binding { BIND_SUM, BIND_PRODUCT, BIND_POWER } Binding; /* what stands around: brackets are put accordingly */

typedef struct Printer {
    const Graph *graph;
    const Names *names;
    const NodeId *late;
    uint32_t late_count;
    Buffer *out;
    uint32_t stop; /* out->size past which all is cut */
    uint32_t depth;
} Printer;

static void expression(Printer *p, NodeId a, Binding around);
static bool is_done(const Printer *p) { return p->out->size >= p->stop || p->out->full || p->out->failed; }

/* Operands of nested nodes of one code, from left to right, into out[WIDEST]; false where there are more. Those still to be
 * looked at wait at the array's end. */
static bool flatten(const Graph *graph, GraphCode code, NodeId a, NodeId *out, uint32_t *count) {
    uint32_t waiting = WIDEST;
    *count = 0;
    for (;;) {
        if (*count == waiting) return false;
        const GraphNode *node = &graph->node[a];
        if (node->code == code) {
            out[--waiting] = node->b;
            a = node->a;
            continue;
        }
        out[(*count)++] = a;
        if (waiting == WIDEST) return true;
        a = out[waiting++];
    }
}

static void rational(Printer *p, mpq_srcptr q) {
    char small[64];
    if (mpz_sizeinbase(mpq_numref(q), 10) + mpz_sizeinbase(mpq_denref(q), 10) + 3 > sizeof small) {
        buffer_number(p->out, mpq_get_d(q));
        return;
    }
    buffer_text(p->out, mpq_get_str(small, 10, q));
}

static void power(Printer *p, NodeId base, mpq_srcptr exponent) {
    if (mpq_cmp_si(exponent, 1, 2) == 0) {
        buffer_text(p->out, "sqrt(");
        expression(p, base, BIND_SUM);
        buffer_text(p->out, ")");
        return;
    }
    expression(p, base, mpq_cmp_si(exponent, 1, 1) == 0 ? BIND_PRODUCT : BIND_POWER);
    if (mpq_cmp_si(exponent, 1, 1) == 0) return;
    bool plain = mpz_cmp_ui(mpq_denref(exponent), 1) == 0 && mpq_sgn(exponent) > 0;
    buffer_text(p->out, plain ? "^" : "^(");
    rational(p, exponent);
    if (!plain) buffer_text(p->out, ")");
}

/* Base and exponent of a factor; *below: it belongs under the line, with the exponent's sign changed. */
static NodeId factor_parts(const Graph *graph, NodeId a, mpq_t exponent, bool *below) {
    const GraphNode *node = &graph->node[a];
    bool powered = node->code == GRAPH_POW && graph_is_const(graph, node->b);
    if (powered)
        mpq_set(exponent, graph_value(graph, node->b));
    else
        mpq_set_ui(exponent, 1, 1);
    *below = mpq_sgn(exponent) < 0;
    mpq_abs(exponent, exponent);
    return powered ? node->a : a;
}

/* Where a factor stands: names, then late names, then what is made of more. */
static int rank(const Printer *p, NodeId factor) {
    const GraphNode *node = &p->graph->node[factor];
    if (node->code == GRAPH_POW && graph_is_const(p->graph, node->b)) factor = node->a;
    if (p->graph->node[factor].code != GRAPH_NAME && p->graph->node[factor].code != GRAPH_PI) return p->late ? 2 : 0;
    for (uint32_t i = 0; i < p->late_count; i++)
        if (p->late[i] == factor) return 1;
    return 0;
}

static void order(const Printer *p, NodeId *factor, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        NodeId f = factor[i];
        uint32_t j = i;
        for (; j > 0 && rank(p, factor[j - 1]) > rank(p, f); j--) factor[j] = factor[j - 1];
        factor[j] = f;
    }
}

static void factors(Printer *p, const NodeId *factor, uint32_t count, bool below, bool *any) {
    mpq_t exponent;
    mpq_init(exponent);
    for (uint32_t i = 0; i < count && !is_done(p); i++) {
        bool under;
        if (graph_is_const(p->graph, factor[i])) continue;
        NodeId base = factor_parts(p->graph, factor[i], exponent, &under);
        if (under != below) continue;
        if (*any) buffer_text(p->out, "*");
        power(p, base, exponent);
        *any = true;
    }
    mpq_clear(exponent);
}

static uint32_t count_below(Printer *p, const NodeId *factor, uint32_t count) {
    uint32_t below = 0;
    for (uint32_t i = 0; i < count; i++) {
        const GraphNode *node = &p->graph->node[factor[i]];
        below += node->code == GRAPH_POW && graph_is_const(p->graph, node->b) && mpq_sgn(graph_value(p->graph, node->b)) < 0;
    }
    return below;
}

/* A product without its sign: numerator, then "/" and what is below. */
static void product(Printer *p, NodeId a) {
    NodeId *factor = memory_new(WIDEST * sizeof *factor);
    uint32_t count;
    if (!factor || !flatten(p->graph, GRAPH_MUL, a, factor, &count)) {
        p->out->failed |= !factor;
        buffer_text(p->out, "...");
        memory_free(factor);
        return;
    }
    if (p->late) order(p, factor, count);
    mpq_t scale;
    mpq_init(scale);
    mpq_set_ui(scale, 1, 1);
    for (uint32_t i = 0; i < count; i++)
        if (graph_is_const(p->graph, factor[i])) mpq_mul(scale, scale, graph_value(p->graph, factor[i]));
    mpq_abs(scale, scale);
    mpq_t top;
    mpq_init(top);
    mpq_set_num(top, mpq_numref(scale));
    bool any = mpq_cmp_ui(top, 1, 1) != 0;
    if (any) rational(p, top);
    factors(p, factor, count, false, &any);
    if (!any) buffer_text(p->out, "1");
    uint32_t below = count_below(p, factor, count) + (mpz_cmp_ui(mpq_denref(scale), 1) != 0);
    if (below) buffer_text(p->out, below > 1 ? "/(" : "/");
    any = false;
    if (mpz_cmp_ui(mpq_denref(scale), 1) != 0) {
        mpq_set_num(top, mpq_denref(scale));
        rational(p, top);
        any = true;
    }
    factors(p, factor, count, true, &any);
    if (below > 1) buffer_text(p->out, ")");
    mpq_clear(top);
    mpq_clear(scale);
    memory_free(factor);
}

static bool is_negative(const Graph *graph, NodeId a) {
    const GraphNode *node = &graph->node[a];
    NodeId factor = node->code == GRAPH_MUL ? node->a : a;
    return graph_is_const(graph, factor) && mpq_sgn(graph_value(graph, factor)) < 0;
}

static bool is_product(const Graph *graph, NodeId a) {
    const GraphNode *node = &graph->node[a];
    return node->code == GRAPH_MUL || node->code == GRAPH_CONST ||
           (node->code == GRAPH_POW && graph_is_const(graph, node->b) && mpq_sgn(graph_value(graph, node->b)) < 0);
}

static void sum(Printer *p, NodeId a) {
    NodeId *term = memory_new(WIDEST * sizeof *term);
    uint32_t count;
    if (!term || !flatten(p->graph, GRAPH_ADD, a, term, &count)) {
        p->out->failed |= !term;
        buffer_text(p->out, "...");
        memory_free(term);
        return;
    }
    uint32_t first = 0; /* a person starts with a term that has no minus, if there is one */
    while (first + 1 < count && is_negative(p->graph, term[first])) first++;
    if (is_negative(p->graph, term[first])) first = 0;
    for (uint32_t i = 0; i < count && !is_done(p); i++) {
        NodeId t = i == 0 ? term[first] : term[i <= first ? i - 1 : i];
        bool minus = is_negative(p->graph, t);
        buffer_text(p->out, i == 0 ? (minus ? "-" : "") : minus ? " - " : " + ");
        if (is_product(p->graph, t))
            product(p, t);
        else
            expression(p, t, BIND_PRODUCT);
    }
    memory_free(term);
}

static void call(Printer *p, const GraphNode *node) {
    buffer_text(p->out, graph_code_text((GraphCode)node->code));
    buffer_text(p->out, "(");
    expression(p, node->a, BIND_SUM);
    if (graph_operands((GraphCode)node->code) > 1) {
        buffer_text(p->out, ", ");
        expression(p, node->b, BIND_SUM);
    }
    buffer_text(p->out, ")");
}

static void expression(Printer *p, NodeId a, Binding around) {
    const Graph *graph = p->graph;
    const GraphNode *node = &graph->node[a];
    if (p->depth == DEEPEST || is_done(p)) {
        buffer_text(p->out, "...");
        return;
    }
    p->depth++;
    bool power_of = node->code == GRAPH_POW && graph_is_const(graph, node->b);
    if (node->code == GRAPH_NAME) {
        buffer_text(p->out, names_text(p->names, node->a));
    } else if (node->code == GRAPH_PI) {
        buffer_text(p->out, "pi");
    } else if (node->code == GRAPH_ADD || is_product(graph, a)) {
        bool whole = node->code == GRAPH_CONST && mpq_sgn(graph_value(graph, a)) >= 0 &&
                     mpz_cmp_ui(mpq_denref(graph_value(graph, a)), 1) == 0;
        bool brackets = !whole && (around == BIND_POWER || (around == BIND_PRODUCT && node->code == GRAPH_ADD) ||
                                   (around == BIND_PRODUCT && is_negative(graph, a)));
        if (brackets) buffer_text(p->out, "(");
        sum(p, a);
        if (brackets) buffer_text(p->out, ")");
    } else if (power_of) {
        bool brackets = around == BIND_POWER;
        if (brackets) buffer_text(p->out, "(");
        power(p, node->a, graph_value(graph, node->b));
        if (brackets) buffer_text(p->out, ")");
    } else {
        call(p, node);
    }
    p->depth--;
}

void graph_print(const Graph *graph, const Names *names, const NodeId *late, uint32_t count, NodeId a, uint32_t most,
                 Buffer *out) {
    Printer p = {.graph = graph, .names = names, .late = late, .late_count = count, .out = out, .stop = out->size + most};
    expression(&p, a, BIND_SUM);
}

void graph_dump(Graph *graph, const Names *names, const NodeId *root, uint32_t roots, Buffer *out) {
    if (!graph_reach(graph, root, roots)) return;
    for (uint32_t i = 0; i < graph->list_count && !out->full; i++) {
        NodeId a = graph->list[i];
        const GraphNode *node = &graph->node[a];
        buffer_print(out, "%%%u = %s", a, graph_code_text((GraphCode)node->code));
        if (node->code == GRAPH_CONST) {
            buffer_text(out, " ");
            rational(&(Printer){.graph = graph, .out = out}, graph_value(graph, a));
        } else if (node->code == GRAPH_NAME) {
            buffer_print(out, " %s", names_text(names, node->a));
        }
        uint32_t operands = graph_operands((GraphCode)node->code);
        if (operands > 0) buffer_print(out, " %%%u", node->a);
        if (operands > 1) buffer_print(out, ", %%%u", node->b);
        buffer_text(out, "\n");
    }
}
