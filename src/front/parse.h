/* parse.h: what the grammar's actions call. Used by lag.y and parse.c alone; the face of the parser is tree.h. */
#ifndef LAG_FRONT_PARSE_H
#define LAG_FRONT_PARSE_H

#include "front/lex.h"

enum { PARSE_DEPTH_MOST = 1000 * 1000 }; /* symbols on the parser's stack: about 300,000 nested calls */

typedef LexValue ParseValue; /* id: a NameId of a token, a TreeId of an expression */

typedef struct Parser {
    Tree *tree;
    Lexer lexer;
    Diagnostics *diag;
    Names *names;
    /* the statement at hand */
    uint32_t first_item; /* its items begin here in tree->item */
    uint32_t first_node; /* its nodes here in tree->node */
    uint32_t begin;      /* of its first token */
    int first, second;   /* its first two tokens, 0 where there are none yet */
    LexValue first_value;
    /* the token at hand */
    int token;
    LexValue value;
    int before; /* the token before it */
    uint32_t before_end;
    uint32_t depth;     /* open brackets */
    uint32_t open;      /* where the outermost of them is */
    bool skipping;      /* the rest of the statement is passed over: a mistake was reported */
    bool after_newline; /* the token at hand is the first of a line that goes on a statement */
    bool again;         /* it is to be read again, as the first of a statement */
    bool stop;          /* a bound was passed, which has been said: the rest of the text is not read */
} Parser;

/* Expressions; each leaves its node, contiguous after its operands. */
ParseValue parse_leaf(Parser *p, TreeKind kind, ParseValue token);
ParseValue parse_call(Parser *p, ParseValue name, TreeId last_argument, ParseValue close);
ParseValue parse_argument(Parser *p, TreeId expression, TreeId before);
ParseValue parse_group(Parser *p, ParseValue open, TreeId inner, ParseValue close);
ParseValue parse_negate(Parser *p, ParseValue sign, TreeId operand);
ParseValue parse_binary(Parser *p, TreeKind kind, TreeId a, ParseValue sign, TreeId b);

/* Statements. */
void parse_item(Parser *p, ParseValue name, TreeId value);
void parse_clause(Parser *p, TreeRole role, ParseValue word, ParseValue what);
void parse_statement(Parser *p, TreeVerb verb, ParseValue word);
void parse_lagrangian(Parser *p, TreeId value, ParseValue word);
void parse_definition(Parser *p, TreeId left, TreeId right);
void parse_file(Parser *p, TreeVerb verb, ParseValue word, ParseValue file);
void parse_loss(Parser *p, ParseValue word, ParseValue kind);
void parse_fit_by(Parser *p, ParseValue word, ParseValue criterion);
void parse_bound(Parser *p, TreeRole role, ParseValue name, TreeId value);
void parse_range(Parser *p, ParseValue name, TreeId low, TreeId high, TreeRole role);
void parse_share(Parser *p, ParseValue word, TreeId percent);
void parse_together(Parser *p, ParseValue name);
void parse_place(Parser *p, TreeRole role, ParseValue file);
void parse_predict(Parser *p, ParseValue word, ParseValue network);
void parse_show(Parser *p, ParseValue word, ParseValue what);

/* Mistakes. */
void parse_unexpected(Parser *p, const int *expected, int count);
void parse_exhausted(Parser *p); /* the parser's stack could not grow */

#endif
