/* tree.c: the syntax tree's memory, and its dump. */
#include "front/tree.h"

Span tree_span(const Tree *tree, TreeId node) { return (Span){tree->source, tree->node[node].begin, tree->node[node].end}; }

void tree_free(Tree *tree) {
    arena_free(&tree->arena);
    memory_free(tree->node);
    memory_free(tree->item);
    memory_free(tree->statement);
    *tree = (Tree){0};
}

/* ---- The dump: a statement, then the nodes of its expression, operands before users ---- */

static const char *const kind_text[] = {
    [TREE_NUMBER] = "number", [TREE_NAME] = "name",   [TREE_ARGUMENT] = "argument", [TREE_CALL] = "call",
    [TREE_NEGATE] = "negate", [TREE_ADD] = "add",     [TREE_SUBTRACT] = "subtract", [TREE_MULTIPLY] = "multiply",
    [TREE_DIVIDE] = "divide", [TREE_POWER] = "power", [TREE_GROUP] = "group",
};

static const char *const verb_text[] = {
    [TREE_DEFINE] = "define",
    [TREE_FUNCTION] = "function",
    [TREE_LAGRANGIAN] = "lagrangian",
    [TREE_COORD] = "coord",
    [TREE_PARAM] = "param",
    [TREE_START] = "start",
    [TREE_INTEGRATE] = "integrate",
    [TREE_METHOD] = "method",
    [TREE_SAVE] = "save",
    [TREE_SHOW] = "show",
    [TREE_PLOT] = "plot",
    [TREE_DATA] = "data",
    [TREE_LOSS] = "loss",
    [TREE_CONSTRAIN] = "constrain",
    [TREE_GRADIENT] = "gradient",
    [TREE_FIT] = "fit",
    [TREE_PRIOR] = "prior",
    [TREE_TRAIN] = "train",
    [TREE_PREDICT] = "predict",
    [TREE_BROKEN] = "broken",
};

static void print_expression(const Tree *tree, const Names *names, TreeId root, Buffer *out) {
    for (TreeId id = tree->node[root].first; id <= root; id++) {
        const TreeNode *node = &tree->node[id];
        buffer_print(out, "    %%%u = %s", id, kind_text[node->kind]);
        switch (node->kind) {
        case TREE_NUMBER:
            buffer_print(out, " %.*s", (int)(node->end - node->begin), tree->source->bytes + node->begin);
            break;
        case TREE_NAME: buffer_print(out, " %s", names_text(names, node->a)); break;
        case TREE_CALL:
            buffer_print(out, " %s", names_text(names, node->a));
            if (node->b != TREE_NONE) buffer_print(out, " %%%u", node->b);
            break;
        case TREE_ARGUMENT:
            buffer_print(out, " %%%u", node->a);
            if (node->b != TREE_NONE) buffer_print(out, " after %%%u", node->b);
            break;
        case TREE_NEGATE:
        case TREE_GROUP: buffer_print(out, " %%%u", node->a); break;
        default: buffer_print(out, " %%%u, %%%u", node->a, node->b);
        }
        buffer_text(out, "\n");
    }
}

void tree_print(const Tree *tree, const Names *names, Buffer *out) {
    for (uint32_t i = 0; i < tree->statement_count; i++) {
        const TreeStatement *s = &tree->statement[i];
        buffer_print(out, "%s", verb_text[s->verb]);
        if (s->name != NAME_NONE) buffer_print(out, " %s", names_text(names, s->name));
        if (s->text) buffer_print(out, " \"%s\"", s->text);
        buffer_text(out, "\n");
        for (uint32_t j = 0; j < s->item_count; j++) {
            const TreeItem *item = &tree->item[s->item + j];
            static const char *const role_text[] = {"",      "against ", "to ", "with ", "from ", ".. ", "log .. ",
                                                    "zero ", "and ",     "> ",  ">= ",   "< ",    "<= "};
            buffer_print(out, item->text ? "  %s\"%s\"\n" : "  %s%s\n", role_text[item->role],
                         item->text ? item->text : names_text(names, item->name));
            if (item->value != TREE_NONE) print_expression(tree, names, item->value, out);
        }
        if (s->value != TREE_NONE) print_expression(tree, names, s->value, out);
    }
}
