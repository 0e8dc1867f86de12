/* equations.c: the equations of motion and the derivatives of Lambda, in the language's own spelling. */
#include "mech/mechanics.h"

enum { WIDE = 4000 }; /* most bytes of one expression */

void mechanics_print(const Mechanics *m, NodeId a, uint32_t most, Buffer *out) {
    graph_print(m->graph, m->names, m->state, 3 * m->dof + 1, a, most, out);
}

void mechanics_print_equations(Mechanics *m, Buffer *out) {
    Graph *g = m->graph;
    for (uint32_t k = 0; k < m->dof && !out->full; k++) {
        NodeId left = graph_integer(g, 0), right = m->A[k];
        for (uint32_t l = 0; l < m->dof; l++) {
            size_t at = (size_t)k * m->dof + l;
            left = graph_add(g, left, graph_multiply(g, m->BV[at], m->state[2 * m->dof + 1 + l]));
            right = graph_subtract(g, right, graph_multiply(g, m->BQ[at], m->coordinate[l].v));
        }
        right = graph_subtract(g, right, m->BT[k]);
        mechanics_print(m, left, WIDE, out);
        buffer_text(out, " = ");
        mechanics_print(m, right, WIDE, out);
        buffer_text(out, "\n");
    }
}

static void print_row(const Mechanics *m, const char *symbol, uint32_t k, NodeId node, Buffer *out) {
    buffer_print(out, "%s_%s = ", symbol, names_text(m->names, m->coordinate[k].name));
    mechanics_print(m, node, WIDE, out);
    buffer_text(out, "\n");
}

void mechanics_print_lagrange(Mechanics *m, Buffer *out) {
    static const char *const symbol[] = {"A", "A", "B", "B"};
    const NodeId *block[] = {m->AQ, m->AV, m->BQ, m->BV};
    for (uint32_t k = 0; k < m->dof; k++) print_row(m, "A", k, m->A[k], out);
    for (uint32_t k = 0; k < m->dof; k++) print_row(m, "B", k, m->B[k], out);
    for (int b = 0; b < 4; b++)
        for (uint32_t k = 0; k < m->dof; k++)
            for (uint32_t l = 0; l < m->dof && !out->full; l++) {
                NodeId entry = block[b][(size_t)k * m->dof + l];
                if (graph_equals(m->graph, entry, 0)) continue;
                buffer_print(out, "d%s_%s/d%s%s = ", symbol[b], names_text(m->names, m->coordinate[k].name),
                             names_text(m->names, m->coordinate[l].name), b % 2 ? "d" : "");
                mechanics_print(m, entry, WIDE, out);
                buffer_text(out, "\n");
            }
    for (uint32_t k = 0; k < m->dof; k++)
        if (!graph_equals(m->graph, m->BT[k], 0)) {
            buffer_print(out, "dB_%s/dt = ", names_text(m->names, m->coordinate[k].name));
            mechanics_print(m, m->BT[k], WIDE, out);
            buffer_text(out, "\n");
        }
    buffer_text(out, "energy = ");
    mechanics_print(m, m->energy, WIDE, out);
    buffer_text(out, "\n");
}
