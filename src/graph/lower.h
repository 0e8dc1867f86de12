/* lower.h: expressions of the syntax tree become nodes of a graph, named expressions and functions expanded. */
#ifndef LAG_GRAPH_LOWER_H
#define LAG_GRAPH_LOWER_H

#include "front/tree.h"
#include "graph/graph.h"

typedef enum DefinitionKind {
    DEFINITION_NONE,       /* the name has no value: a coordinate, or a parameter still to be given one */
    DEFINITION_PARAMETER,  /* a constant value: a run-time number */
    DEFINITION_EXPRESSION, /* NAME = EXPR */
    DEFINITION_FUNCTION,   /* NAME(ARGS) = EXPR */
} DefinitionKind;

/* What a name stands for. The tree outlives the definition. */
typedef struct Definition {
    DefinitionKind kind;
    const Tree *tree;
    TreeId value;
    uint32_t item, item_count; /* a function's arguments, in tree->item */
    Span span;                 /* of the name where it is defined */
} Definition;

/* Definitions by name; names past `count` have none. */
typedef struct Definitions {
    Definition *of;
    uint32_t count, capacity;
} Definitions;

Definition definition_of(const Definitions *definitions, NameId name);
bool definition_set(Definitions *definitions, NameId name, Definition definition); /* false when out of memory */
bool definitions_copy(Definitions *to, const Definitions *from);                   /* `to` is replaced */
void definitions_free(Definitions *definitions);

/* Where a free name was first met. */
typedef struct LowerUse {
    NameId name;
    Span span; /* in the expression lowered, or in a definition that it expands */
} LowerUse;

typedef struct LowerMemo LowerMemo;

enum { LOWER_WORK = 5 * 1000 * 1000 }; /* most that all of a text may take of Lowering.work */

/* A lowering into one graph under one set of definitions. Zero-initialise, then set the first four. */
typedef struct Lowering {
    Graph *graph;
    Names *names;
    const Definitions *definitions;
    Diagnostics *diag;
    LowerUse *use; /* free names and parameters, in the order met */
    uint32_t use_count, use_capacity;
    LowerMemo *memo; /* calls and definitions already expanded */
    NodeId *node;    /* of the last expression: the node of tree node first + i */
    uint32_t node_count, node_capacity;
    uint64_t work; /* tree nodes gone through, and whatever else the driver has counted in */
    bool failed;   /* out of memory or work; diag knows */
} Lowering;

/* The node of an expression; 0 after an error, which has been added to diag. */
NodeId lower_expression(Lowering *lowering, const Tree *tree, TreeId root);

/* The same for the body of a function, its arguments standing for themselves: to find what is wrong with it. */
void lower_function_body(Lowering *lowering, const Definition *function);

/* Says why a graph failed. */
void lower_report_failure(const Graph *graph, Span span, Diagnostics *diag);
void lower_report_work(Span span, Diagnostics *diag);

void lowering_free(Lowering *lowering);

/* True for the functions of the language: those of ops.def, and sqrt. */
bool lower_is_function(const char *name);

/* True if an expression is made of numbers, pi and the language's functions alone: then `NAME = EXPR` makes a parameter. */
bool lower_is_constant(const Tree *tree, const Names *names, TreeId root);

#endif
