/* tree.h: the syntax tree of a text: expressions as a flat array of nodes, operands before users, and statements as a list.
 * The parser makes it; nothing here knows what a name means. */
#ifndef LAG_FRONT_TREE_H
#define LAG_FRONT_TREE_H

#include "base/diag.h"
#include "base/names.h"

typedef uint32_t TreeId; /* the number of a node */
enum { TREE_NONE = UINT32_MAX };
enum {
    TREE_ARGUMENTS_MOST = 64,          /* arguments of a function */
    TREE_STATEMENTS_MOST = 200 * 1000, /* statements of a text */
};

typedef enum TreeKind {
    TREE_NUMBER,   /* the text of its span, a decimal literal */
    TREE_NAME,     /* a = NameId */
    TREE_ARGUMENT, /* a = expression, b = the argument before it or TREE_NONE */
    TREE_CALL,     /* a = NameId of the function, b = last TREE_ARGUMENT or TREE_NONE; head is the name's span */
    TREE_NEGATE,   /* a */
    TREE_ADD,      /* a, b */
    TREE_SUBTRACT,
    TREE_MULTIPLY,
    TREE_DIVIDE,
    TREE_POWER,
    TREE_GROUP, /* a, in brackets: keeps the span with its brackets; means what a means */
} TreeKind;

typedef struct TreeNode {
    TreeKind kind;
    TreeId first;        /* the subtree of node n is the nodes first .. n, all of them */
    uint32_t begin, end; /* its text, in bytes of the tree's source */
    uint32_t head;       /* where its operator or its function's name begins */
    uint32_t a, b;
} TreeNode;

/* What an item is to its statement. */
typedef enum TreeRole {
    TREE_PLAIN,
    TREE_AGAINST,
    TREE_TO,
    TREE_WITH,
    TREE_FROM,
    TREE_HIGH, /* EXPR, the other end of the range of the item before; TREE_LOG: by the logarithm */
    TREE_LOG,
    TREE_ZERO,     /* EXPR, percent of the item before, or of the TREE_TOGETHER items before */
    TREE_TOGETHER, /* NAME */
    TREE_ABOVE,    /* NAME > EXPR, and so on */
    TREE_AT_LEAST,
    TREE_BELOW,
    TREE_AT_MOST
} TreeRole;

/* `NAME = EXPR`, `NAME`, or `EXPR`, one of a statement's comma-separated list; or a clause: `against NAME`, `to "FILE"`,
 * `with "FILE"`, `from "FILE"`. */
typedef struct TreeItem {
    TreeRole role;
    NameId name;      /* NAME_NONE where there is none */
    Span name_span;   /* of the name, or of the string */
    TreeId value;     /* TREE_NONE where there is none */
    const char *text; /* of a string, unescaped, in the tree's arena; or NULL */
} TreeItem;

typedef enum TreeVerb {
    TREE_DEFINE,     /* name = value */
    TREE_FUNCTION,   /* name(items) = value */
    TREE_LAGRANGIAN, /* value */
    TREE_COORD,      /* items: names */
    TREE_PARAM,      /* items: names */
    TREE_START,      /* items: name = value */
    TREE_INTEGRATE,  /* items: name = value */
    TREE_METHOD,     /* items: name = value */
    TREE_SAVE,       /* text */
    TREE_SHOW,       /* name, what to show */
    TREE_PLOT,       /* items: names and clauses */
    TREE_DATA,       /* text */
    TREE_LOSS,       /* name, its kind; items: name = value */
    TREE_CONSTRAIN,  /* items: bounds */
    TREE_GRADIENT,   /* items: names */
    TREE_FIT,        /* items: names; name, the criterion, or NAME_NONE */
    TREE_PRIOR,      /* items: names with ranges, shares */
    TREE_TRAIN,      /* items: name = value, and clauses */
    TREE_PREDICT,    /* items: a file or a value, and clauses; text is the network's file */
    TREE_BROKEN,     /* a statement with a mistake: `meant` is what it seems to be, name what it would have defined */
} TreeVerb;

typedef struct TreeStatement {
    TreeVerb verb;
    Span span; /* the whole statement */
    Span word; /* its keyword; the name for DEFINE and FUNCTION; the expression for a bare LAGRANGIAN */
    NameId name;
    TreeId value;              /* TREE_NONE where there is none */
    uint32_t item, item_count; /* in Tree.item */
    TreeVerb meant;
    const char *text; /* of a string, unescaped, in the tree's arena */
    Span text_span;
} TreeStatement;

/* Zero-initialised is empty. Grown by the parser, then read-only. */
typedef struct Tree {
    Arena arena;
    const Source *source;
    TreeNode *node;
    TreeItem *item;
    TreeStatement *statement;
    uint32_t node_count, item_count, statement_count;
    uint32_t node_capacity, item_capacity, statement_capacity;
    bool failed;
} Tree;

Span tree_span(const Tree *tree, TreeId node);

/* Reads a source. Every mistake of its syntax is added to `diag`, each once, and the statements that are right are kept.
 * True if there was none (and memory sufficed: else tree->failed). */
bool parse_text(Tree *tree, const Source *source, Names *names, Diagnostics *diag);

/* True if the text stops inside brackets or after an operator or a comma. */
bool parse_continues(const char *text, size_t size);

/* Dumps: one token a line with its position; one node a line. */
void parse_print_tokens(const Source *source, Buffer *out);
void tree_print(const Tree *tree, const Names *names, Buffer *out);
void tree_free(Tree *tree);

#endif
