/* parse.c: drives the grammar over a text, and holds its actions.
 *
 * Line ends end a statement unless it goes on: inside brackets, or after an operator, a comma or '='. After a mistake the
 * rest of the statement is passed over, so that each says one thing. */
#include "front/parse.h"
#include "lag.tab.h"

#include <stdio.h>
#include <string.h>

/* ---- Nodes ---- */

static TreeId node(Parser *p, TreeNode new) {
    Tree *tree = p->tree;
    void *data = tree->node;
    if (!memory_grow(&data, &tree->node_capacity, tree->node_count + 1, sizeof *tree->node)) {
        tree->failed = true;
        return 0;
    }
    tree->node = data;
    if (new.first == TREE_NONE) new.first = tree->node_count;
    tree->node[tree->node_count] = new;
    return tree->node_count++;
}

static ParseValue value_of(const Parser *p, TreeId id) {
    if (p->tree->failed) return (ParseValue){0};
    return (ParseValue){p->tree->node[id].begin, p->tree->node[id].end, id};
}

static TreeNode at(const Parser *p, TreeId id) { return p->tree->failed ? (TreeNode){0} : p->tree->node[id]; }

ParseValue parse_leaf(Parser *p, TreeKind kind, ParseValue t) {
    return value_of(p, node(p, (TreeNode){kind, TREE_NONE, t.begin, t.end, t.begin, t.id, 0}));
}

ParseValue parse_call(Parser *p, ParseValue name, TreeId last, ParseValue close) {
    TreeId first = last;
    while (first != TREE_NONE && !p->tree->failed && p->tree->node[first].b != TREE_NONE) first = p->tree->node[first].b;
    TreeId begin = first == TREE_NONE ? TREE_NONE : at(p, first).first;
    return value_of(p, node(p, (TreeNode){TREE_CALL, begin, name.begin, close.end, name.begin, name.id, last}));
}

ParseValue parse_argument(Parser *p, TreeId expression, TreeId before) {
    TreeNode e = at(p, expression);
    return value_of(p, node(p, (TreeNode){TREE_ARGUMENT, e.first, e.begin, e.end, e.begin, expression, before}));
}

ParseValue parse_group(Parser *p, ParseValue open, TreeId inner, ParseValue close) {
    return value_of(p, node(p, (TreeNode){TREE_GROUP, at(p, inner).first, open.begin, close.end, open.begin, inner, 0}));
}

ParseValue parse_negate(Parser *p, ParseValue sign, TreeId operand) {
    TreeNode o = at(p, operand);
    return value_of(p, node(p, (TreeNode){TREE_NEGATE, o.first, sign.begin, o.end, sign.begin, operand, 0}));
}

ParseValue parse_binary(Parser *p, TreeKind kind, TreeId a, ParseValue sign, TreeId b) {
    TreeNode x = at(p, a), y = at(p, b);
    return value_of(p, node(p, (TreeNode){kind, x.first, x.begin, y.end, sign.begin, a, b}));
}

/* ---- Statements ---- */

static Span span_of(const Parser *p, ParseValue v) { return (Span){p->tree->source, v.begin, v.end}; }

static void add_statement(Parser *p, TreeStatement s) {
    Tree *tree = p->tree;
    void *data = tree->statement;
    if (tree->statement_count == TREE_STATEMENTS_MOST) {
        diag_error(p->diag, s.word, NULL, "more than %d statements", TREE_STATEMENTS_MOST);
        p->stop = true;
        return;
    }
    if (!memory_grow(&data, &tree->statement_capacity, tree->statement_count + 1, sizeof *tree->statement)) {
        tree->failed = true;
        return;
    }
    tree->statement = data;
    s.span = (Span){tree->source, p->begin, p->before_end > p->begin ? p->before_end : p->value.end};
    tree->statement[tree->statement_count++] = s;
}

static void add_item(Parser *p, TreeItem item) {
    Tree *tree = p->tree;
    void *data = tree->item;
    if (!memory_grow(&data, &tree->item_capacity, tree->item_count + 1, sizeof *tree->item)) {
        tree->failed = true;
        return;
    }
    tree->item = data;
    tree->item[tree->item_count++] = item;
}

void parse_item(Parser *p, ParseValue name, TreeId value) {
    add_item(p, (TreeItem){.name = name.id, .name_span = span_of(p, name), .value = value});
}

/* What a quoted text says, in the tree's arena. */
static const char *unquoted(Parser *p, ParseValue string) {
    const char *bytes = p->tree->source->bytes + string.begin + 1;
    uint32_t size = string.end - string.begin - 2, n = 0;
    char *text = arena_text(&p->tree->arena, bytes, size);
    for (uint32_t i = 0; text && i < size; i++) text[n++] = bytes[i] == '\\' ? bytes[++i] : bytes[i];
    if (text) text[n] = 0;
    p->tree->failed |= !text;
    return text;
}

/* Each but `with` is said once. */
void parse_clause(Parser *p, TreeRole role, ParseValue word, ParseValue what) {
    bool named = role == TREE_AGAINST;
    for (uint32_t i = p->first_item; i < p->tree->item_count && role != TREE_WITH; i++)
        if (p->tree->item[i].role == role)
            diag_error(p->diag, span_of(p, word), NULL, "'%s' is said twice", named ? "against" : "to");
    add_item(p, (TreeItem){.role = role,
                           .name = named ? what.id : NAME_NONE,
                           .name_span = span_of(p, what),
                           .value = TREE_NONE,
                           .text = named ? NULL : unquoted(p, what)});
}

void parse_statement(Parser *p, TreeVerb verb, ParseValue word) {
    add_statement(p, (TreeStatement){.verb = verb,
                                     .word = span_of(p, word),
                                     .name = NAME_NONE,
                                     .value = TREE_NONE,
                                     .item = p->first_item,
                                     .item_count = p->tree->item_count - p->first_item});
}

void parse_lagrangian(Parser *p, TreeId value, ParseValue word) {
    add_statement(p, (TreeStatement){.verb = TREE_LAGRANGIAN, .word = span_of(p, word), .name = NAME_NONE, .value = value});
}

/* What a statement with a mistake seems to be. */
static TreeVerb meant(const Parser *p) {
    switch (p->first) {
    case COORD: return TREE_COORD;
    case PARAM: return TREE_PARAM;
    case START: return TREE_START;
    case INTEGRATE: return TREE_INTEGRATE;
    case METHOD: return TREE_METHOD;
    case SAVE: return TREE_SAVE;
    case SHOW: return TREE_SHOW;
    case PLOT: return TREE_PLOT;
    case DATA: return TREE_DATA;
    case LOSS: return TREE_LOSS;
    case CONSTRAIN: return TREE_CONSTRAIN;
    case GRADIENT: return TREE_GRADIENT;
    case FIT: return TREE_FIT;
    case PRIOR: return TREE_PRIOR;
    case TRAIN: return TREE_TRAIN;
    case PREDICT: return TREE_PREDICT;
    case NAME: return p->second == '=' ? TREE_DEFINE : TREE_LAGRANGIAN;
    default: return TREE_LAGRANGIAN;
    }
}

static void broken_statement(Parser *p) {
    p->tree->item_count = p->first_item;
    p->tree->node_count = p->first_node;
    add_statement(p, (TreeStatement){.verb = TREE_BROKEN,
                                     .meant = meant(p),
                                     .word = span_of(p, p->first_value),
                                     .name = p->first == NAME ? p->first_value.id : NAME_NONE,
                                     .value = TREE_NONE});
}

/* The arguments of `f(x, y) = ...`, which must be different names, as items; false after a mistake. */
static bool define_arguments(Parser *p, const TreeNode *call) {
    uint32_t count = 0;
    for (TreeId id = call->b; id != TREE_NONE; id = p->tree->node[id].b) count++;
    if (count > TREE_ARGUMENTS_MOST) {
        diag_error(p->diag, ((Span){p->tree->source, call->begin, call->end}), NULL, "a function takes at most %d arguments",
                   TREE_ARGUMENTS_MOST);
        return false;
    }
    for (TreeId id = call->b; id != TREE_NONE; id = p->tree->node[id].b) {
        TreeNode argument = p->tree->node[p->tree->node[id].a];
        Span span = {p->tree->source, argument.begin, argument.end};
        if (argument.kind != TREE_NAME) {
            diag_error(p->diag, span, NULL, "the arguments of a function that is defined are names");
            return false;
        }
        for (uint32_t i = p->first_item; i < p->tree->item_count; i++)
            if (p->tree->item[i].name == argument.a) {
                diag_error(p->diag, span, NULL, "'%s' is an argument twice", names_text(p->names, argument.a));
                return false;
            }
        parse_item(p, (ParseValue){argument.begin, argument.end, argument.a}, TREE_NONE);
    }
    /* they were met from the last to the first */
    for (uint32_t i = p->first_item, j = p->tree->item_count; i + 1 < j; i++) {
        TreeItem swap = p->tree->item[i];
        p->tree->item[i] = p->tree->item[--j];
        p->tree->item[j] = swap;
    }
    return true;
}

void parse_definition(Parser *p, TreeId left, TreeId right) {
    if (p->tree->failed) return;
    TreeNode l = p->tree->node[left];
    Span span = {p->tree->source, l.begin, l.end};
    if (l.kind != TREE_NAME && l.kind != TREE_CALL) {
        diag_error(p->diag, span, NULL, "only a name or a function of names can be given a value");
        return broken_statement(p);
    }
    if (l.kind == TREE_CALL && (l.b == TREE_NONE || !define_arguments(p, &l))) {
        if (l.b == TREE_NONE) diag_error(p->diag, span, "without arguments: NAME = EXPRESSION", "a function has arguments");
        return broken_statement(p);
    }
    uint32_t size = (uint32_t)strlen(names_text(p->names, l.a));
    add_statement(p, (TreeStatement){.verb = l.kind == TREE_NAME ? TREE_DEFINE : TREE_FUNCTION,
                                     .word = {p->tree->source, l.begin, l.begin + size},
                                     .name = l.a,
                                     .value = right,
                                     .item = p->first_item,
                                     .item_count = p->tree->item_count - p->first_item});
}

void parse_file(Parser *p, TreeVerb verb, ParseValue word, ParseValue file) {
    add_statement(p, (TreeStatement){.verb = verb,
                                     .word = span_of(p, word),
                                     .name = NAME_NONE,
                                     .value = TREE_NONE,
                                     .text = unquoted(p, file),
                                     .text_span = span_of(p, file)});
}

/* A statement with items, and a name besides. */
static void named_statement(Parser *p, TreeVerb verb, ParseValue word, ParseValue name) {
    parse_statement(p, verb, word);
    if (p->tree->failed || p->stop) return;
    TreeStatement *s = &p->tree->statement[p->tree->statement_count - 1];
    s->name = name.id;
    s->text_span = span_of(p, name);
}

void parse_loss(Parser *p, ParseValue word, ParseValue kind) { named_statement(p, TREE_LOSS, word, kind); }

void parse_fit_by(Parser *p, ParseValue word, ParseValue criterion) { named_statement(p, TREE_FIT, word, criterion); }

void parse_bound(Parser *p, TreeRole role, ParseValue name, TreeId value) {
    add_item(p, (TreeItem){.role = role, .name = name.id, .name_span = span_of(p, name), .value = value});
}

static void add_value(Parser *p, TreeRole role, ParseValue word, TreeId value) {
    add_item(p, (TreeItem){.role = role, .name = NAME_NONE, .name_span = span_of(p, word), .value = value});
}

void parse_range(Parser *p, ParseValue name, TreeId low, TreeId high, TreeRole role) {
    parse_item(p, name, low);
    add_value(p, role, name, high);
}

void parse_share(Parser *p, ParseValue word, TreeId percent) { add_value(p, TREE_ZERO, word, percent); }

void parse_together(Parser *p, ParseValue name) {
    add_item(p, (TreeItem){.role = TREE_TOGETHER, .name = name.id, .name_span = span_of(p, name), .value = TREE_NONE});
}

void parse_place(Parser *p, TreeRole role, ParseValue file) {
    add_item(
        p,
        (TreeItem){
            .role = role, .name = NAME_NONE, .name_span = span_of(p, file), .value = TREE_NONE, .text = unquoted(p, file)});
}

void parse_predict(Parser *p, ParseValue word, ParseValue network) {
    parse_file(p, TREE_PREDICT, word, network);
    if (p->tree->failed || p->stop) return;
    TreeStatement *s = &p->tree->statement[p->tree->statement_count - 1];
    s->item = p->first_item;
    s->item_count = p->tree->item_count - p->first_item;
}

void parse_show(Parser *p, ParseValue word, ParseValue what) {
    add_statement(p, (TreeStatement){.verb = TREE_SHOW,
                                     .word = span_of(p, word),
                                     .name = what.id,
                                     .value = TREE_NONE,
                                     .text_span = span_of(p, what)});
}

/* ---- Mistakes ---- */

static bool expects(const int *expected, int count, int token) {
    for (int i = 0; i < count; i++)
        if (expected[i] == token) return true;
    return false;
}

/* What could stand here, in words. */
static void wish(const int *expected, int count, char *out, size_t size) {
    static const struct {
        int token;
        const char *text;
    } words[] = {{NUMBER, "an expression"},
                 {'+', "an operator"},
                 {')', "')'"},
                 {',', "','"},
                 {'=', "'='"},
                 {STRING, "a file's name in quotes"},
                 {AGAINST, "'against'"},
                 {TO, "'to'"},
                 {WITH, "'with'"},
                 {BY, "'by'"},
                 {FROM, "'from'"},
                 {IN, "'in'"},
                 {ZERO, "'zero'"},
                 {AND, "'and'"},
                 {LOG, "'log'"},
                 {DOTS, "'..'"},
                 {'%', "'%'"},
                 {'>', "'>', '>=', '<' or '<='"},
                 {END, "the statement's end"}};
    const char *list[sizeof words / sizeof *words];
    int n = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        bool sign = words[i].token == '+' && expects(expected, count, NUMBER); /* of a number, not an operator */
        if (expects(expected, count, words[i].token) && !sign) list[n++] = words[i].text;
    }
    if (!n && expects(expected, count, NAME)) list[n++] = "a name";
    size_t used = (size_t)snprintf(out, size, "%s", n ? "expected " : "");
    for (int i = 0; i < n; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i == 0 ? "" : i == n - 1 ? " or " : ", ", list[i]);
}

static const char *hint_for(const Parser *p, const int *expected, int count, char *hint, size_t size) {
    bool value = p->token == NAME || p->token == NUMBER || p->token == '(';
    bool after_value = p->before == NAME || p->before == NUMBER || p->before == ')';
    bool list = p->depth == 0 && expects(expected, count, ','); /* there a comma may be what is missing */
    if (value && after_value && !list && expects(expected, count, '+'))
        return "nothing is multiplied by being side by side: write '*'";
    wish(expected, count, hint, size);
    return *hint ? hint : NULL;
}

/* The token at hand as it stands in the text, no longer than a message should be. */
static int shown(const Parser *p) {
    enum { MOST = 60 };
    const char *bytes = p->tree->source->bytes + p->value.begin;
    uint32_t size = p->value.end - p->value.begin;
    if (size <= MOST) return (int)size;
    for (size = MOST; ((unsigned char)bytes[size] & 0xc0) == 0x80;) size--;
    return (int)size;
}

static bool is_reserved(int token) { return token >= LAGRANGIAN && token <= PREDICT; }

/* A reserved word where only a name can be meant: after `coord`, or before '='. */
static void reserved_name(Parser *p, LexValue word) {
    diag_error(p->diag, span_of(p, word), "take another name", "'%.*s' is a statement's word and can't be a name",
               (int)(word.end - word.begin), p->tree->source->bytes + word.begin);
}

/* Whether the open brackets are soon closed from here on, by what could stand in them. */
static bool closes(const Parser *p, uint32_t from) {
    enum { SOON = 100 }; /* tokens: this is asked at each line of a text that is all mistakes */
    Lexer ahead = {.source = p->lexer.source, .at = from};
    uint32_t depth = p->depth;
    LexValue value;
    for (int i = 0; i < SOON && depth; i++) {
        int token = lex_token(&ahead, &value);
        bool semicolon = token == END && !lex_is_newline(&ahead, token, value);
        if (token == 0 || token == '=' || semicolon || is_reserved(token)) return false;
        if (token == '(') depth++;
        if (token == ')') depth--;
    }
    return depth == 0;
}

void parse_unexpected(Parser *p, const int *expected, int count) {
    char hint[200];
    p->skipping = true;
    if (p->token == BAD) return; /* the scanner has said it */
    bool ends = p->token == 0 || p->token == END;
    if (p->depth && (ends || (p->after_newline && !closes(p, p->value.begin)))) { /* it would begin a statement */
        diag_error(p->diag, ((Span){p->tree->source, p->open, p->open + 1}), NULL, "this '(' is never closed");
        p->again = !ends;
        return;
    }
    Span span = ends ? (Span){p->tree->source, p->before_end, p->before_end + 1} : span_of(p, p->value);
    const char *help = hint_for(p, expected, count, hint, sizeof hint);
    if (ends)
        diag_error(p->diag, span, help, "the statement is not finished");
    else if (is_reserved(p->token) && expects(expected, count, NAME))
        reserved_name(p, p->value);
    else if (p->token == '=' && p->second == '=' && is_reserved(p->first))
        reserved_name(p, p->first_value);
    else
        diag_error(p->diag, span, help, "unexpected '%.*s'", shown(p), p->tree->source->bytes + p->value.begin);
}

void parse_exhausted(Parser *p) {
    p->stop = true;
    enum { BELOW = 16 };                                    /* symbols below a statement's own, at most */
    if (p->value.end - p->begin + BELOW < PARSE_DEPTH_MOST) /* no byte makes more than a symbol: it was memory */
        p->tree->failed = true;
    else
        diag_error(p->diag, span_of(p, p->value), NULL, "nested too deeply: more than %d symbols wait for what comes here",
                   PARSE_DEPTH_MOST);
}

/* ---- The drive ---- */

/* Whether what comes after a line end belongs to the broken statement before it: it closes its brackets, or begins with what
 * no statement can begin with. */
static bool is_leftover(const Parser *p) {
    Lexer ahead = {.source = p->lexer.source, .at = p->lexer.at};
    LexValue value;
    int token = lex_token(&ahead, &value);
    bool first = token == ')' || token == ',' || token == '=' || token == '*' || token == '/' || token == '^';
    return first || (p->depth && closes(p, p->lexer.at));
}

/* Whether a statement goes on over the line end at hand. */
static bool goes_on(const Parser *p) {
    if (lex_goes_on(p->before)) return true;
    return p->skipping ? is_leftover(p) : p->depth > 0;
}

static void begin_statement(Parser *p) {
    p->first_item = p->tree->item_count;
    p->first_node = p->tree->node_count;
    p->first = p->second = 0;
    p->depth = 0;
    p->skipping = false;
}

static void end_statement(Parser *p) {
    if (p->skipping) broken_statement(p);
    begin_statement(p);
}

/* Keeps count of brackets, and of the statement's first tokens. */
static void note_token(Parser *p) {
    if (p->first == 0) {
        p->first = p->token;
        p->first_value = p->value;
        p->begin = p->value.begin;
    } else if (p->second == 0) {
        p->second = p->token;
    }
    if (p->token == '(' && p->depth++ == 0) p->open = p->value.begin;
    if (p->token == ')' && p->depth) p->depth--;
}

/* Where a name can only be a word of its statement, it is one. */
static int clause_word(const Parser *p) {
    static const struct {
        const char *word;
        int token;
    } words[] = {{"against", AGAINST}, {"to", TO},   {"with", WITH}, {"from", FROM}, {"in", IN},
                 {"zero", ZERO},       {"and", AND}, {"log", LOG},   {"by", BY}};
    if (p->token != NAME) return p->token;
    bool after_value = p->before == NAME || p->before == NUMBER || p->before == ')' || p->before == STRING;
    int first = 0, last = -1; /* the words that it may be */
    if (p->first == PLOT && (p->before == NAME || p->before == STRING)) first = 0, last = 2;
    if (p->first == PREDICT && after_value) first = 1, last = 2;
    if (p->first == TRAIN && (after_value || p->before == TRAIN || p->before == ',')) first = 1, last = 3;
    if (p->first == PRIOR && after_value) first = 4, last = 7;
    if (p->first == FIT && p->before == NAME) first = 8, last = 8;
    const char *name = names_text(p->names, p->value.id);
    for (int i = first; i <= last; i++)
        if (strcmp(name, words[i].word) == 0) return words[i].token;
    return p->token;
}

/* Whether the token goes to the grammar. */
static bool take_token(Parser *p) {
    if (p->token == END || p->token == 0) return true;
    note_token(p);
    return !p->skipping;
}

/* After what began a line turned out to begin a statement: ends the broken one before it. */
static int read_again(Parser *p, yypstate *state) {
    int status = yypush_parse(state, END, &p->value, p);
    end_statement(p);
    p->lexer.at = p->value.begin;
    p->before = END;
    p->again = false;
    return status;
}

bool parse_text(Tree *tree, const Source *source, Names *names, Diagnostics *diag) {
    uint32_t errors = diag->errors;
    *tree = (Tree){.source = source};
    Parser p = {.tree = tree, .diag = diag, .names = names, .lexer = {.source = source, .names = names, .diag = diag}};
    if (source->size > LEX_TEXT_MOST) {
        diag_error(diag, ((Span){source, 0, 1}), NULL, "this text has more than %d bytes", LEX_TEXT_MOST);
        return false;
    }
    yypstate *state = yypstate_new();
    int status = YYPUSH_MORE;
    if (!state) tree->failed = true;
    begin_statement(&p);
    while (state && status == YYPUSH_MORE && !tree->failed && !p.stop && !p.lexer.exhausted && !diag->full) {
        p.token = lex_token(&p.lexer, &p.value);
        if (lex_is_newline(&p.lexer, p.token, p.value) && goes_on(&p)) {
            p.after_newline = true;
            continue;
        }
        p.token = clause_word(&p);
        bool ends = p.token == END || p.token == 0;
        if (take_token(&p)) status = yypush_parse(state, p.token, &p.value, &p);
        p.after_newline = false;
        if (p.again) {
            status = read_again(&p, state);
            continue;
        }
        if (ends)
            end_statement(&p);
        else
            p.before_end = p.value.end;
        p.before = p.token;
    }
    if (state) yypstate_delete(state);
    return diag->errors == errors && !tree->failed && !names->failed;
}

bool parse_continues(const char *text, size_t size) {
    enum { SHORT = 1024 }; /* what is typed at a prompt needs no memory to be looked at */
    char line[SHORT], *copy = size < SHORT ? line : size <= LEX_TEXT_MOST ? memory_new(size + 1) : NULL;
    if (!copy) return size <= LEX_TEXT_MOST; /* the next line may find memory again */
    if (size) memcpy(copy, text, size);
    copy[size] = 0;
    Lexer lexer = {.source = &(Source){"", copy, (uint32_t)size}};
    LexValue value;
    uint32_t depth = 0;
    int before = END, token;
    while ((token = lex_token(&lexer, &value)) != 0) {
        bool newline = lex_is_newline(&lexer, token, value);
        if (token == '(') depth++;
        if (token == ')' && depth) depth--;
        if (newline && (depth || lex_goes_on(before))) continue;
        if (token == END) depth = 0;
        before = token;
    }
    if (copy != line) memory_free(copy);
    return depth > 0 || lex_goes_on(before);
}

void parse_print_tokens(const Source *source, Buffer *out) {
    Lexer lexer = {.source = source};
    LexValue value;
    uint32_t at = 0, line = 1, column = 1;
    int token;
    do {
        token = lex_token(&lexer, &value);
        source_advance(source, at, value.begin, &line, &column);
        at = value.begin;
        buffer_print(out, "%u:%u %s", line, column, lex_token_name(token));
        if (token == NAME || token == NUMBER || token == STRING) {
            buffer_text(out, " ");
            buffer_add(out, source->bytes + value.begin, value.end - value.begin);
        }
        buffer_text(out, "\n");
    } while (token != 0);
}
