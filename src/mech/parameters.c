/* parameters.c: the derivatives of force and momentum in the parameters, dA_k/dc_j and dB_k/dc_j: what the gradient of a
 * loss stands on. Needs A and B. They are derived when they are first asked for, since most motions are never
 * differentiated. */
#include "mech/mechanics.h"

/* The derivatives of y, row `row`, in the parameters that it holds. */
static bool derive(Mechanics *m, uint32_t row, NodeId y, const GraphVariables *c, uint32_t *which, NodeId *slope) {
    uint32_t held = graph_gradient_held(m->graph, y, c, which, slope);
    void *data = m->slope;
    if (!memory_grow(&data, &m->slope_capacity, (size_t)m->slope_count + held, sizeof *m->slope)) return false;
    m->slope = data;
    for (uint32_t i = 0; i < held; i++)
        if (slope[i] != NODE_ZERO) m->slope[m->slope_count++] = (Slope){row, which[i], slope[i]};
    return true;
}

bool mechanics_derive_parameters(Mechanics *m) {
    uint32_t count = m->parameter_count, nodes = 0;
    if (m->sloped) return true;
    for (uint32_t j = 0; j < count; j++)
        if (m->parameter[j].node >= nodes) nodes = m->parameter[j].node + 1;
    NodeId *node = memory_new((3 * (size_t)count + 1) * sizeof *node);
    uint32_t *number = memory_new(((size_t)nodes + 1) * sizeof *number);
    bool room = node && number;
    GraphVariables c = {node, count, number, nodes};
    for (uint32_t j = 0; room && j < count; j++) {
        node[j] = m->parameter[j].node;
        number[node[j]] = j + 1;
    }
    m->slope_count = 0;
    for (uint32_t row = 0; room && row < 2 * m->dof; row++)
        room = derive(m, row, row < m->dof ? m->A[row] : m->B[row - m->dof], &c, node + count, node + 2 * (size_t)count);
    memory_free(node);
    memory_free(number);
    m->graph->failed |= !room;
    m->sloped = !m->graph->failed;
    return m->sloped;
}
