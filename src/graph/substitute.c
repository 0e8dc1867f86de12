/* substitute.c: names replaced by expressions, and what an expression depends on. */
#include "graph/graph.h"

#include <string.h>

/* One node rebuilt from its operands' replacements, by the simplifying constructors. */
static NodeId rebuild(Graph *graph, GraphNode node, NodeId a, NodeId b) {
    switch (node.code) {
    case GRAPH_ADD: return graph_add(graph, a, b);
    case GRAPH_MUL: return graph_multiply(graph, a, b);
    default: return graph_call(graph, (GraphCode)node.code, a, b);
    }
}

void graph_substitute(Graph *graph, const NodeId *root, uint32_t roots, const NodeId *from, const NodeId *to, uint32_t count,
                      NodeId *out) {
    NodeId *needed = NULL, *image = NULL;
    uint32_t needed_count = 0, old = graph->count;
    if (graph_reach(graph, root, roots)) {
        needed_count = graph->list_count;
        needed = memory_new(needed_count * sizeof *needed);
        image = memory_new(old * sizeof *image);
    }
    if (!needed || !image) {
        graph->failed = true;
        for (uint32_t i = 0; i < roots; i++) out[i] = 0;
        goto done;
    }
    memcpy(needed, graph->list, needed_count * sizeof *needed);
    for (uint32_t i = 0; i < needed_count; i++) image[needed[i]] = needed[i];
    for (uint32_t i = 0; i < count; i++) image[from[i]] = to[i];
    for (uint32_t i = 0; i < needed_count; i++) {
        GraphNode node = graph->node[needed[i]];
        uint32_t operands = graph_operands((GraphCode)node.code);
        if (operands == 0) continue;
        NodeId a = image[node.a], b = operands > 1 ? image[node.b] : 0;
        if (a != node.a || (operands > 1 && b != node.b)) image[needed[i]] = rebuild(graph, node, a, b);
    }
    for (uint32_t i = 0; i < roots; i++) out[i] = graph->failed ? 0 : image[root[i]];
done:
    memory_free(needed);
    memory_free(image);
}

bool graph_depends(Graph *graph, NodeId a, const NodeId *x, uint32_t count) {
    if (!graph_reach(graph, &a, 1)) return true;
    for (uint32_t i = 0; i < count; i++)
        if (graph_is_listed(graph, x[i])) return true;
    return false;
}

void graph_depend(Graph *graph, const NodeId *root, uint32_t roots, const NodeId *x, uint32_t count, bool *out) {
    bool *needs = graph_reach(graph, root, roots) ? memory_new(graph->list_count + 1) : NULL;
    if (!needs) graph->failed = true;
    const NodeId *list = graph->list;
    uint32_t n = needs ? graph->list_count : 0;
    for (uint32_t i = 0; needs && i < count; i++)
        if (graph_is_listed(graph, x[i])) needs[graph_place(graph, x[i])] = true;
    for (uint32_t i = 0; i < n; i++) {
        const GraphNode *node = &graph->node[list[i]];
        uint32_t operands = graph_operands((GraphCode)node->code);
        needs[i] = needs[i] || (operands > 0 && needs[graph_place(graph, node->a)]) ||
                   (operands > 1 && needs[graph_place(graph, node->b)]);
    }
    for (uint32_t i = 0; i < roots; i++) out[i] = !needs || needs[graph_place(graph, root[i])];
    memory_free(needs);
}
