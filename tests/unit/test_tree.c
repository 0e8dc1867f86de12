/* test_tree.c: tokens, precedence, statements, mistakes and shapes that would break a recursive parser. */
#include "front/tree.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Reading {
    Arena arena;
    Names names;
    Tree tree;
    Diagnostics diag;
    bool good;
} Reading;

static Reading read_bytes(const char *text, size_t size) {
    Reading r = {0};
    const Source *source = source_new(&r.arena, "t", text, size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(source);
    r.good = parse_text(&r.tree, source, &r.names, &r.diag);
    return r;
}

static Reading read(const char *text) { return read_bytes(text, strlen(text)); }

static void reading_free(Reading *r) {
    tree_free(&r->tree);
    names_free(&r->names);
    diag_free(&r->diag);
    arena_free(&r->arena);
}

/* The expression in brackets wherever the grammar sees an operation. Small expressions only. */
static void bracket(const Reading *r, TreeId id, Buffer *out) {
    static const char sign[] = {
        [TREE_ADD] = '+', [TREE_SUBTRACT] = '-', [TREE_MULTIPLY] = '*', [TREE_DIVIDE] = '/', [TREE_POWER] = '^'};
    const TreeNode *n = &r->tree.node[id];
    switch (n->kind) {
    case TREE_NUMBER: buffer_add(out, r->tree.source->bytes + n->begin, n->end - n->begin); return;
    case TREE_NAME: buffer_text(out, names_text(&r->names, n->a)); return;
    case TREE_GROUP: bracket(r, n->a, out); return;
    case TREE_NEGATE:
        buffer_text(out, "(-");
        bracket(r, n->a, out);
        buffer_text(out, ")");
        return;
    case TREE_ARGUMENT:
        if (n->b != TREE_NONE) bracket(r, n->b, out);
        if (n->b != TREE_NONE) buffer_text(out, ",");
        bracket(r, n->a, out);
        return;
    case TREE_CALL:
        buffer_print(out, "%s[", names_text(&r->names, n->a));
        if (n->b != TREE_NONE) bracket(r, n->b, out);
        buffer_text(out, "]");
        return;
    default:
        buffer_text(out, "(");
        bracket(r, n->a, out);
        buffer_print(out, "%c", sign[n->kind]);
        bracket(r, n->b, out);
        buffer_text(out, ")");
    }
}

static void check_expression(const char *text, const char *want) {
    Reading r = read(text);
    Buffer out = {0};
    CU_ASSERT(r.good && r.tree.statement_count == 1);
    if (r.good) bracket(&r, r.tree.statement[0].value, &out);
    if (!out.bytes || strcmp(out.bytes, want) != 0) printf("\n    %s: %s, not %s", text, out.bytes ? out.bytes : "", want);
    CU_ASSERT(out.bytes && strcmp(out.bytes, want) == 0);
    buffer_free(&out);
    reading_free(&r);
}

static void test_precedence(void) {
    check_expression("a + b*c", "(a+(b*c))");
    check_expression("a - b - c", "((a-b)-c)");
    check_expression("a/b/c", "((a/b)/c)");
    check_expression("a^b^c", "(a^(b^c))");
    check_expression("-q^2", "(-(q^2))");
    check_expression("-a*b", "((-a)*b)");
    check_expression("2^-1", "(2^(-1))");
    check_expression("a**2", "(a^2)");
    check_expression("a - -b", "(a-(-b))");
    check_expression("+a + +b", "(a+b)");
    check_expression("(a + b)*c", "((a+b)*c)");
    check_expression("f(a, b + 1, g())", "f[a,(b+1),g[]]");
    check_expression("1e-3*.5 + 2.", "((1e-3*.5)+2.)");
    check_expression("θd^2/2 - ω₀^2*θ^2", "(((θd^2)/2)-((ω₀^2)*(θ^2)))");
    check_expression("a + # a comment\n  b *\n c", "(a+(b*c))");
    check_expression("(a\n+ b\n)", "(a+b)");
    check_expression("a +\n\n  # a line of its own\n  b", "(a+b)");
    check_expression("\xef\xbb\xbf"
                     "a",
                     "a"); /* a byte order mark */
}

/* The subtree of a node is the nodes from its first to itself. */
static void test_contiguous(void) {
    Reading r = read("-(a + f(b, c*d)^2)/g(1) - 3");
    CU_ASSERT_FATAL(r.good);
    for (TreeId id = 0; id < r.tree.node_count; id++) {
        const TreeNode *n = &r.tree.node[id];
        CU_ASSERT(n->first <= id && n->begin < n->end);
        for (TreeId in = n->first; in < id; in++) CU_ASSERT(r.tree.node[in].first >= n->first);
    }
    CU_ASSERT_EQUAL(r.tree.node[r.tree.statement[0].value].first, 0);
    reading_free(&r);
}

static void test_statements(void) {
    static const TreeVerb verb[] = {TREE_DEFINE, TREE_FUNCTION, TREE_LAGRANGIAN, TREE_LAGRANGIAN, TREE_COORD,
                                    TREE_PARAM,  TREE_START,    TREE_INTEGRATE,  TREE_INTEGRATE,  TREE_METHOD,
                                    TREE_SAVE,   TREE_SHOW,     TREE_SHOW,       TREE_PLOT};
    Reading r = read("m = 1; V(s, k) = k*s^2/2\n\nm*qd^2 - V(q, 2)\nlagrangian qd^2\ncoord x, y; param a\n"
                     "start q = 1,\n  qd = 0\nintegrate; integrate r = 4, method = rk4\r\nmethod dt = 1\n"
                     "save \"a \\\"b\\\".csv\"; show equations; show lagrangian # end\n"
                     "plot to, y against with with \"f\", \"g\" to \"p.svg\"");
    CU_ASSERT_FATAL(r.good);
    CU_ASSERT_EQUAL_FATAL(r.tree.statement_count, sizeof verb / sizeof *verb);
    for (uint32_t i = 0; i < r.tree.statement_count; i++) CU_ASSERT_EQUAL(r.tree.statement[i].verb, verb[i]);
    const TreeStatement *f = &r.tree.statement[1];
    CU_ASSERT_EQUAL(f->item_count, 2);
    CU_ASSERT_STRING_EQUAL(names_text(&r.names, r.tree.item[f->item].name), "s");
    CU_ASSERT_STRING_EQUAL(names_text(&r.names, r.tree.item[f->item + 1].name), "k");
    CU_ASSERT_EQUAL(r.tree.statement[6].item_count, 2);
    CU_ASSERT_STRING_EQUAL(r.tree.statement[10].text, "a \"b\".csv");
    static const TreeRole role[] = {TREE_PLAIN, TREE_PLAIN, TREE_AGAINST, TREE_WITH, TREE_WITH, TREE_TO};
    static const char *const said[] = {"to", "y", "with", "f", "g", "p.svg"};
    const TreeStatement *plot = &r.tree.statement[13];
    CU_ASSERT_EQUAL_FATAL(plot->item_count, 6);
    for (uint32_t i = 0; i < 6; i++) {
        const TreeItem *item = &r.tree.item[plot->item + i];
        CU_ASSERT_EQUAL(item->role, role[i]);
        CU_ASSERT_STRING_EQUAL(item->text ? item->text : names_text(&r.names, item->name), said[i]);
    }
    reading_free(&r);
}

static void test_continues(void) {
    CU_ASSERT(parse_continues("a +", 3) && parse_continues("f(a\n", 4) && parse_continues("start q = 1,\n", 13));
    CU_ASSERT(parse_continues("a = # later\n", 12));
    CU_ASSERT(!parse_continues("a + b\n", 6) && !parse_continues("", 0) && !parse_continues("f(a)\n", 5));
}

static void check_mistake(const char *text, size_t size, const char *want) {
    Reading r = read_bytes(text, size);
    char first[700] = "";
    CU_ASSERT(!r.good && r.diag.count == 1);
    diag_finish(&r.diag);
    if (r.diag.count) lag_diagnostic_format(&r.diag.item[0], false, first, sizeof first);
    first[strcspn(first, "\n")] = 0;
    bool right = strcmp(first, want) == 0;
    if (!right) printf("\n    %.*s: %s", (int)size, text, first);
    CU_ASSERT(right);
    reading_free(&r);
}

static void test_mistakes(void) {
    static const char *const pair[][2] = {
        {"a + * b", "t:1:5: error: unexpected '*'"},
        {"a b", "t:1:3: error: unexpected 'b'"},
        {"m = (1 + 2\nk = 3", "t:1:5: error: this '(' is never closed"},
        {"m = (1 + 2", "t:1:5: error: this '(' is never closed"},
        {"m = ", "t:1:4: error: the statement is not finished"},
        {"a)", "t:1:2: error: unexpected ')'"},
        {"3 = a", "t:1:1: error: only a name or a function of names can be given a value"},
        {"f(2) = a", "t:1:3: error: the arguments of a function that is defined are names"},
        {"f(s, s) = a", "t:1:3: error: 's' is an argument twice"},
        {"f() = 2", "t:1:1: error: a function has arguments"},
        {"2x", "t:1:1: error: a name can't follow a number"},
        {"1.2.3", "t:1:1: error: this is no number"},
        {"a − b", "t:1:3: error: this is not a minus sign that lag reads"},
        {"a × b", "t:1:3: error: this is not a product sign that lag reads"},
        {"q²", "t:1:2: error: powers are not raised digits"},
        {"a @ b", "t:1:3: error: no statement has the character '@'"},
        {"a ∫ b", "t:1:3: error: no statement has the character U+222B"},
        {"x⁴", "t:1:2: error: powers are not raised digits"},
        {"save \"a\\nb\"; c = 1", "t:1:8: error: in quotes, '\\' stands before '\"' or '\\' only"},
        {"save \"a\xff b\" c", "t:1:8: error: the byte 0xff is not UTF-8"},
        {"a = 1 # caf\xe9 2x", "t:1:12: error: the byte 0xe9 is not UTF-8"},
        {"data = 3", "t:1:1: error: 'data' is a statement's word and can't be a name"},
        {"coord = 3", "t:1:1: error: 'coord' is a statement's word and can't be a name"},
        {"m = (a\n b) + 3", "t:2:2: error: unexpected 'b'"},
        {"m = f(a b,\n  c)", "t:1:9: error: unexpected 'b'"},
        {"m = f(a −\n  2)", "t:1:9: error: this is not a minus sign that lag reads"},
        {"train a,\n  b", "t:1:8: error: unexpected ','"},
        {"prior a in 0..1 zero 5%, b to \"x\"", "t:1:28: error: unexpected 'to'"},
        {"save \"a.csv", "t:1:6: error: this text is never closed"},
        {"save a", "t:1:6: error: unexpected 'a'"},
        {"start q = 1, = 2", "t:1:14: error: unexpected '='"},
        {"start save = 1", "t:1:7: error: 'save' is a statement's word and can't be a name"},
        {"plot q to r", "t:1:11: error: unexpected 'r'"},
        {"plot q to \"a\" to \"b\"", "t:1:15: error: 'to' is said twice"},
        {"plot", "t:1:5: error: the statement is not finished"},
        {"predict \"f\" and ( more", "t:1:13: error: unexpected 'and'"},
        {"a\xff", "t:1:2: error: the byte 0xff is not UTF-8"},
        {"a\x01", "t:1:2: error: a text can't hold the control byte 0x01"},
    };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) check_mistake(pair[i][0], strlen(pair[i][0]), pair[i][1]);
    check_mistake("a\0b", 3, "t:1:2: error: a text can't hold the control byte 0x00");
}

/* One diagnostic a mistake, and what is right is kept. */
static void test_recovery(void) {
    Reading r = read("a = 1 +; b = 2\nc = * 3\nd = (4\ne = 5\nf = 6 7; g = 8\n");
    CU_ASSERT(!r.good);
    CU_ASSERT_EQUAL(r.diag.count, 4);
    uint32_t right = 0;
    for (uint32_t i = 0; i < r.tree.statement_count; i++) right += r.tree.statement[i].verb == TREE_DEFINE;
    CU_ASSERT_EQUAL(right, 3);
    reading_free(&r);
}

/* The next statement's mistake is told however near it is, and a broken statement is in the tree once. */
static void test_neighbours(void) {
    Reading r = read("x = )\ny )\n* 3\nz = 1");
    CU_ASSERT_EQUAL(r.diag.count, 2); /* "* 3" begins nothing: it is the rest of what is broken already */
    CU_ASSERT_EQUAL_FATAL(r.tree.statement_count, 3);
    CU_ASSERT(r.tree.statement[0].verb == TREE_BROKEN && r.tree.statement[0].meant == TREE_DEFINE);
    CU_ASSERT_STRING_EQUAL(names_text(&r.names, r.tree.statement[0].name), "x");
    CU_ASSERT(r.tree.statement[1].verb == TREE_BROKEN && r.tree.statement[1].meant == TREE_LAGRANGIAN);
    CU_ASSERT_EQUAL(r.tree.statement[2].verb, TREE_DEFINE);
    reading_free(&r);
}

/* The dump of tokens, ranges among them. */
static void test_tokens(void) {
    static const char text[] = "θ = 0..1 # c\n  \"s\" >= 2x";
    Arena arena = {0};
    Buffer out = {0};
    parse_print_tokens(source_new(&arena, "t", text, sizeof text - 1), &out);
    CU_ASSERT_STRING_EQUAL(out.bytes,
                           "1:1 name θ\n1:3 '='\n1:5 number 0\n1:6 '..'\n1:8 number 1\n1:13 end of the statement\n"
                           "2:3 quoted text \"s\"\n2:7 '>='\n2:10 error\n2:12 end of the text\n");
    buffer_free(&out);
    arena_free(&arena);
}

/* `count` times `open`, a name, `count` times `close`. */
static Reading nested(const char *open, const char *close, int count) {
    Buffer text = {0};
    for (int i = 0; i < count; i++) buffer_text(&text, open);
    buffer_text(&text, "q");
    for (int i = 0; i < count; i++) buffer_text(&text, close);
    Reading r = read_bytes(text.bytes, text.size);
    buffer_free(&text);
    return r;
}

static void test_shapes(void) {
    Reading r = nested("(", ")", 100000);
    CU_ASSERT(r.good && r.tree.node_count == 100001);
    reading_free(&r);
    r = nested("sin(", ")", 100000);
    CU_ASSERT(r.good);
    reading_free(&r);
    r = nested("q + ", "", 100000);
    CU_ASSERT(r.good && r.tree.node_count == 200001);
    reading_free(&r);
    r = nested("2^", "", 100000);
    CU_ASSERT(r.good);
    reading_free(&r);
    r = nested("(", ")", 1000000);
    CU_ASSERT(!r.good && r.diag.count == 1);
    CU_ASSERT(r.diag.count && strstr(r.diag.item[0].message, "nested too deeply"));
    reading_free(&r);
}

/* Random bytes and random tokens end in trees or diagnostics. */
static void test_noise(void) {
    static const char *const piece[] = {"q",      "1",     "(", ")",    "+",      "-",          "*",     "/",     "^",
                                        "=",      ",",     ";", "\n",   "start ", "integrate ", "save ", "\"f\"", "show ",
                                        "coord ", "plot ", "θ", "\xff", "#",      "..",         ">=",    "f("};
    SuiteRandom random = {3};
    for (unsigned i = 0; i < 3000 * suite_multiplier(); i++) {
        Buffer text = {0};
        bool bytes = suite_bits(&random) % 4 == 0;
        for (unsigned n = (unsigned)(suite_bits(&random) % 60); n-- > 0;) {
            char byte = (char)suite_bits(&random);
            if (bytes)
                buffer_add(&text, &byte, 1);
            else
                buffer_text(&text, piece[suite_bits(&random) % (sizeof piece / sizeof *piece)]);
        }
        Reading r = read_bytes(text.bytes ? text.bytes : "", text.size);
        CU_ASSERT(r.good == (r.diag.errors == 0));
        Buffer dump = {0};
        tree_print(&r.tree, &r.names, &dump);
        parse_print_tokens(r.tree.source, &dump);
        parse_continues(text.bytes ? text.bytes : "", text.size);
        buffer_free(&dump);
        buffer_free(&text);
        reading_free(&r);
    }
}

void suite_tree(void) {
    suite_add("tree", (SuiteTest[]){{"precedence", test_precedence},
                                    {"contiguous subtrees", test_contiguous},
                                    {"statements", test_statements},
                                    {"continuation", test_continues},
                                    {"mistakes", test_mistakes},
                                    {"recovery", test_recovery},
                                    {"neighbours", test_neighbours},
                                    {"tokens", test_tokens},
                                    {"deep and long", test_shapes},
                                    {"noise", test_noise},
                                    {0}});
}
