/* graph.h: the expression graph: append-only, hash-consed nodes, operands before users, exact rational constants.
 *
 * Equal expressions are one node, so comparing is comparing numbers. The constructors simplify as they build; a rule may
 * change how a value is rounded, and may give a value where the expression as written had none (x/x at 0), but never
 * changes a value that it had. Passes are loops over node numbers. A graph that ran out of memory or grew past GRAPH_MOST
 * is `failed`: constructors then answer node 0, and the driver reports it. */
#ifndef LAG_GRAPH_GRAPH_H
#define LAG_GRAPH_GRAPH_H

#include "base/memory.h"
#include "base/names.h"

#include <gmp.h>

typedef uint32_t NodeId;
enum { NODE_NONE = UINT32_MAX };

typedef enum GraphCode {
    GRAPH_CONST, /* the rational graph_rational(a) */
    GRAPH_PI,
    GRAPH_NAME, /* a = NameId: a coordinate, a velocity, t, a parameter */
    GRAPH_ADD,  /* a + b; a constant stands first */
    GRAPH_MUL,  /* a * b; a constant stands first */
#define SELECTION(OP, text, operands, PARITY) GRAPH_##OP,
#define ELEMENTARY(OP, text, operands, PARITY, sleef, ulp) GRAPH_##OP,
#include "../../grammar/ops.def"
    GRAPH_CODE_COUNT /* x - y is x + (-1) y, x / y is x y^(-1), sqrt(x) is x^(1/2) */
} GraphCode;

typedef enum GraphParity { GRAPH_NEITHER, GRAPH_ODD, GRAPH_EVEN } GraphParity;

typedef struct GraphNode {
    uint32_t code; /* a GraphCode */
    uint32_t a, b; /* operands, 0 where there is none; see GraphCode */
} GraphNode;

enum {
    GRAPH_MOST = 4 * 1000 * 1000, /* nodes */
    GRAPH_BITS = 65536,           /* most bits of a constant's numerator or denominator */
    GRAPH_BITS_EACH = 512,        /* of memory that a constant takes beside its own */
    GRAPH_BITS_ALL = 2000000000   /* most bits of all constants of a graph: GMP ends the program where it gets no memory */
};

/* A place in the table of constants. */
typedef struct GraphSlot {
    uint32_t node; /* the number of its node + 1, or 0 */
    uint32_t hash; /* of it, so that others are passed over unseen */
} GraphSlot;

typedef struct Graph {
    GraphNode *node;
    uint32_t count, capacity;
    mpq_t *constant;
    uint32_t constant_count, constant_capacity;
    uint64_t constant_bits;
    uint32_t *slot; /* open addressing, of nodes that are no constants: number + 1, or 0 */
    uint32_t slots;
    GraphSlot *constant_slot; /* of those that are */
    uint32_t constant_slots;
    uint32_t *mark;  /* scratch of graph_reach, one a node: equal to `stamp` if reached */
    uint32_t *place; /* of each that is, in the list */
    uint32_t mark_capacity, place_capacity, stamp;
    NodeId *list;                 /* the last graph_reach */
    uint64_t reached, reach_most; /* nodes that graph_reach has listed so far, and how many it may in all; 0: any number */
    uint32_t list_count, list_capacity;
    uint64_t normal_work; /* terms that graph_normal has made */
    bool failed;
    bool too_large, too_wide, too_long; /* why it failed: GRAPH_MOST; GRAPH_BITS or GRAPH_BITS_ALL; reach_most */
} Graph;

enum { NODE_ZERO, NODE_ONE }; /* the constants 0, which is the answer of a failed graph too, and 1 */

bool graph_init(Graph *graph); /* false when out of memory */
void graph_free(Graph *graph);

/* Whether it failed for passing a bound, and not for want of memory. */
bool graph_exceeded(const Graph *graph);

/* Leaves. */
NodeId graph_rational(Graph *graph, const mpq_t value);
NodeId graph_ratio(Graph *graph, long numerator, unsigned long denominator);
NodeId graph_integer(Graph *graph, long value);
NodeId graph_pi(Graph *graph);
NodeId graph_name(Graph *graph, NameId name);

/* Expressions, simplified. */
NodeId graph_add(Graph *graph, NodeId a, NodeId b);
NodeId graph_subtract(Graph *graph, NodeId a, NodeId b);
NodeId graph_negate(Graph *graph, NodeId a);
NodeId graph_multiply(Graph *graph, NodeId a, NodeId b);
NodeId graph_divide(Graph *graph, NodeId a, NodeId b);
NodeId graph_power(Graph *graph, NodeId base, NodeId exponent);
NodeId graph_power_ratio(Graph *graph, NodeId base, long numerator, unsigned long denominator);
NodeId graph_sqrt(Graph *graph, NodeId a);
NodeId graph_call(Graph *graph, GraphCode code, NodeId a, NodeId b); /* a SELECTION or ELEMENTARY function; b = 0 if unary */

/* The node as given, hash-consed without simplification. For the simplifier and the normal form. */
NodeId graph_node(Graph *graph, GraphCode code, uint32_t a, uint32_t b);

/* Questions. */
static inline bool graph_is_const(const Graph *graph, NodeId a) { return graph->node[a].code == GRAPH_CONST; }
mpq_srcptr graph_value(const Graph *graph, NodeId a); /* of a GRAPH_CONST */
bool graph_equals(const Graph *graph, NodeId a, long value);
bool graph_is_integer(const Graph *graph, NodeId a, long *value); /* a constant that is a small whole number */
uint32_t graph_operands(GraphCode code);                          /* 0, 1 or 2 */
GraphParity graph_parity(GraphCode code);
const char *graph_code_text(GraphCode code);                                 /* "sin" */
GraphCode graph_function(const char *name, size_t size, uint32_t *operands); /* GRAPH_CODE_COUNT if there is none */

/* Splits a term into its constant factor and the rest (1 where it is a constant): a = factor * rest. */
void graph_split(Graph *graph, NodeId a, NodeId *factor, NodeId *rest);

/* All nodes that the roots need, ascending, into graph->list (until the next call). False when out of memory, or past
 * reach_most: every pass begins with it, so that their number is a measure of all that is done with a graph. */
bool graph_reach(Graph *graph, const NodeId *root, uint32_t count);

/* Whether graph->list holds a node that is not younger than it, and its place there. */
static inline bool graph_is_listed(const Graph *graph, NodeId a) { return graph->mark[a] == graph->stamp; }
static inline uint32_t graph_place(const Graph *graph, NodeId a) { return graph->place[a]; }

/* What follows is each in a file of its own. */

/* differentiate.c: out[i] = d y / d x[i] for the NAME nodes x, in one reverse sweep. */
void graph_gradient(Graph *graph, NodeId y, const NodeId *x, uint32_t count, NodeId *out);

/* NAME nodes that can be told by their node. */
typedef struct GraphVariables {
    const NodeId *node;
    uint32_t count;
    uint32_t *number; /* by node, below `nodes`: i + 1 for node[i]; 0, or past `count`, for what is none of them */
    uint32_t nodes;
} GraphVariables;

/* differentiate.c: the same by those of the variables that y holds: how many, which, ascending, and the derivatives in
 * them. Costs what y costs, however many variables there are; which and out have room for all. */
uint32_t graph_gradient_held(Graph *graph, NodeId y, const GraphVariables *x, uint32_t *which, NodeId *out);

/* substitute.c: the roots with every NAME node from[i] replaced by to[i]. `root` and `out` may be the same. */
void graph_substitute(Graph *graph, const NodeId *root, uint32_t roots, const NodeId *from, const NodeId *to, uint32_t count,
                      NodeId *out);

/* substitute.c: whether a needs any of the NAME nodes x; and which of many roots do, in one sweep over all they need (true
 * for each when out of memory). */
bool graph_depends(Graph *graph, NodeId a, const NodeId *x, uint32_t count);
void graph_depend(Graph *graph, const NodeId *root, uint32_t roots, const NodeId *x, uint32_t count, bool *out);

/* normal.c: the normal form: expanded into monomials over atoms, equal terms collected, functions' signs pulled out by
 * parity. NODE_NONE where it would grow past the budget, or where those of the graph have cost too much together. *work, if
 * it is not NULL, counts the nodes gone through. *polynomial (may be NULL) says that the atoms are names alone, so that the
 * normal form is 0 only if the expression is. */
NodeId graph_normal(Graph *graph, NodeId a, uint32_t budget, uint64_t *work, bool *polynomial);

/* condense.c: an expression of the same value, of powers of names, sines and cosines alone, with squares of sine and cosine
 * added up and common factors taken out: those of the variables, the later ones outermost. The node itself where it is no
 * such expression, or too long. */
NodeId graph_condense(Graph *graph, NodeId a, const NodeId *variable, uint32_t variables);

/* print.c: the expression as a person would write it, in the language's spelling; what would be longer than `most` bytes is
 * cut with "...". In products the NAME nodes late[count] stand behind other names: the variables behind the parameters. */
void graph_print(const Graph *graph, const Names *names, const NodeId *late, uint32_t count, NodeId a, uint32_t most,
                 Buffer *out);
/* print.c: one node a line, of everything the roots need. */
void graph_dump(Graph *graph, const Names *names, const NodeId *root, uint32_t roots, Buffer *out);

#endif
