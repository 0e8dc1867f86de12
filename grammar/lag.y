/* lag.y: the grammar of lag (Bison). Builds a Tree; what names mean is nobody's business here.
 *
 * A pure push parser: parse.c hands it tokens. Its stack grows on the heap, so that brackets may nest deep, and a mistake
 * costs the rest of its statement: `line: error`. */
%require "3.8"
%define api.pure full
%define api.push-pull push
%define parse.error custom
%define parse.lac full
%define api.value.type {ParseValue}
%param {Parser *p}

%code requires {
#include "front/parse.h"
}

%code {
#define YYMAXDEPTH PARSE_DEPTH_MOST
#define YYMALLOC memory_new
#define YYFREE memory_free
#pragma GCC diagnostic ignored "-Wconversion" /* of the skeleton */
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"

static void yyerror(Parser *p, const char *message);
}

%token END LATER BAD
%token NUMBER NAME STRING
%token LAGRANGIAN COORD PARAM START INTEGRATE METHOD SAVE SHOW PLOT DATA LOSS CONSTRAIN GRADIENT FIT PRIOR TRAIN PREDICT
%token AT_LEAST AT_MOST /* >= and <= */
%token DOTS /* .. */
%token AGAINST TO WITH BY FROM IN ZERO AND LOG /* words within a statement, names elsewhere */

%left '+' '-'
%left '*' '/'
%precedence NEGATE
%right '^'

%%

text: line | text end line;
end: END { yyerrok; }; /* else a mistake within three tokens of another would go unsaid */

line: %empty | statement | error;

statement:
    expression                    { parse_lagrangian(p, $1.id, $1); }
  | expression '=' expression     { parse_definition(p, $1.id, $3.id); }
  | LAGRANGIAN expression         { parse_lagrangian(p, $2.id, $1); }
  | COORD names                   { parse_statement(p, TREE_COORD, $1); }
  | PARAM names                   { parse_statement(p, TREE_PARAM, $1); }
  | START items                   { parse_statement(p, TREE_START, $1); }
  | INTEGRATE                     { parse_statement(p, TREE_INTEGRATE, $1); }
  | INTEGRATE items               { parse_statement(p, TREE_INTEGRATE, $1); }
  | METHOD items                  { parse_statement(p, TREE_METHOD, $1); }
  | SAVE STRING                   { parse_file(p, TREE_SAVE, $1, $2); }
  | SHOW what                     { parse_show(p, $1, $2); }
  | PLOT names clauses            { parse_statement(p, TREE_PLOT, $1); }
  | DATA STRING                   { parse_file(p, TREE_DATA, $1, $2); }
  | LOSS NAME                     { parse_loss(p, $1, $2); }
  | LOSS NAME items               { parse_loss(p, $1, $2); }
  | CONSTRAIN bounds              { parse_statement(p, TREE_CONSTRAIN, $1); }
  | GRADIENT names                { parse_statement(p, TREE_GRADIENT, $1); }
  | FIT names                     { parse_statement(p, TREE_FIT, $1); }
  | FIT names BY NAME             { parse_fit_by(p, $1, $4); }
  | PRIOR draws                   { parse_statement(p, TREE_PRIOR, $1); }
  | TRAIN tasks                   { parse_statement(p, TREE_TRAIN, $1); }
  | PREDICT what_is_read WITH STRING { parse_predict(p, $1, $4); }
  | PREDICT what_is_read WITH STRING TO STRING { parse_clause(p, TREE_TO, $5, $6); parse_predict(p, $1, $4); }
  ;

names: NAME { parse_item(p, $1, TREE_NONE); } | names ',' NAME { parse_item(p, $3, TREE_NONE); };

items: item | items ',' item;
item: key '=' expression { parse_item(p, $1, $3.id); };
key: NAME | METHOD;

bounds: bound | bounds ',' bound;
bound:
    NAME '>' expression           { parse_bound(p, TREE_ABOVE, $1, $3.id); }
  | NAME AT_LEAST expression      { parse_bound(p, TREE_AT_LEAST, $1, $3.id); }
  | NAME '<' expression           { parse_bound(p, TREE_BELOW, $1, $3.id); }
  | NAME AT_MOST expression       { parse_bound(p, TREE_AT_MOST, $1, $3.id); }
  ;

clauses: %empty | clauses clause;
clause:
    AGAINST NAME                  { parse_clause(p, TREE_AGAINST, $1, $2); }
  | TO STRING                     { parse_clause(p, TREE_TO, $1, $2); }
  | WITH files
  ;
files:
    STRING                        { parse_clause(p, TREE_WITH, $1, $1); }
  | files ',' STRING              { parse_clause(p, TREE_WITH, $3, $3); }
  ;

draws: draw | draws ',' draw;
draw: range | range share | together share;
range:
    NAME IN expression DOTS expression     { parse_range(p, $1, $3.id, $5.id, TREE_HIGH); }
  | NAME IN expression DOTS expression LOG { parse_range(p, $1, $3.id, $5.id, TREE_LOG); }
  ;
share: ZERO expression '%'        { parse_share(p, $1, $2.id); };
together: first AND NAME          { parse_together(p, $3); } | together AND NAME { parse_together(p, $3); };
first: NAME                       { parse_together(p, $1); };

tasks: task | tasks ',' task | tasks place;
task: item | place;
place:
    TO STRING                     { parse_place(p, TREE_TO, $2); }
  | FROM STRING                   { parse_place(p, TREE_FROM, $2); }
  ;

what_is_read:
    STRING                        { parse_place(p, TREE_PLAIN, $1); }
  | expression                    { parse_item(p, (ParseValue){$1.begin, $1.end, NAME_NONE}, $1.id); }
  ;

what: NAME | LAGRANGIAN | COORD | PARAM | START | INTEGRATE | METHOD | SAVE | SHOW | PLOT | DATA | LOSS | CONSTRAIN | GRADIENT
  | FIT | PRIOR | TRAIN | PREDICT;

expression:
    NUMBER                        { $$ = parse_leaf(p, TREE_NUMBER, $1); }
  | NAME                          { $$ = parse_leaf(p, TREE_NAME, $1); }
  | NAME '(' arguments ')'        { $$ = parse_call(p, $1, $3.id, $4); }
  | NAME '(' ')'                  { $$ = parse_call(p, $1, TREE_NONE, $3); }
  | '(' expression ')'            { $$ = parse_group(p, $1, $2.id, $3); }
  | '-' expression %prec NEGATE   { $$ = parse_negate(p, $1, $2.id); }
  | '+' expression %prec NEGATE   { $$ = parse_group(p, $1, $2.id, $2); }
  | expression '+' expression     { $$ = parse_binary(p, TREE_ADD, $1.id, $2, $3.id); }
  | expression '-' expression     { $$ = parse_binary(p, TREE_SUBTRACT, $1.id, $2, $3.id); }
  | expression '*' expression     { $$ = parse_binary(p, TREE_MULTIPLY, $1.id, $2, $3.id); }
  | expression '/' expression     { $$ = parse_binary(p, TREE_DIVIDE, $1.id, $2, $3.id); }
  | expression '^' expression     { $$ = parse_binary(p, TREE_POWER, $1.id, $2, $3.id); }
  ;

arguments:
    expression                    { $$ = parse_argument(p, $1.id, TREE_NONE); }
  | arguments ',' expression      { $$ = parse_argument(p, $3.id, $1.id); }
  ;

%%

static void yyerror(Parser *p, const char *message) {
    (void)message; /* the one that is left to this function: the stack's limit, or memory */
    parse_exhausted(p);
}

static int yyreport_syntax_error(const yypcontext_t *context, Parser *p) {
    enum { MOST = 40 };
    yysymbol_kind_t kind[MOST];
    int expected[MOST], count = yypcontext_expected_tokens(context, kind, MOST);
    static const int token[] = {0, END, NUMBER, NAME, STRING, '(', ')', '=', ',', '+', AGAINST, TO, WITH, BY, FROM, IN, ZERO, AND, LOG, DOTS, '%', '>'};
    int known = 0;
    if (count < 0) return 2; /* no memory: what yyerror is then called for */
    for (int i = 0; i < count; i++)
        for (size_t j = 0; j < sizeof token / sizeof *token; j++)
            if (YYTRANSLATE(token[j]) == kind[i]) expected[known++] = token[j];
    parse_unexpected(p, expected, known);
    return 0;
}
