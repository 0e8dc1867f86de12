/* test_graph.c: simplification, derivatives by hand, normal forms, printing, and graphs that would break recursion. */
#include "graph/evaluate.h"
#include "graph/lower.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Bench {
    Arena arena;
    Names names;
    Tree tree;
    Diagnostics diag;
    Graph graph;
    Definitions definitions;
    NodeId node; /* the last expression of the text */
} Bench;

/* Reads definitions and a last bare expression. */
static bool bench_read(Bench *b, const char *text) {
    *b = (Bench){0};
    graph_init(&b->graph);
    const Source *source = source_new(&b->arena, "bench", text, strlen(text));
    if (!source || !parse_text(&b->tree, source, &b->names, &b->diag)) return false;
    const TreeStatement *last = NULL;
    for (uint32_t i = 0; i < b->tree.statement_count; i++) {
        const TreeStatement *s = &b->tree.statement[i];
        Definition d = {s->verb == TREE_FUNCTION ? DEFINITION_FUNCTION : DEFINITION_EXPRESSION,
                        &b->tree,
                        s->value,
                        s->item,
                        s->item_count,
                        s->word};
        if (s->verb == TREE_LAGRANGIAN)
            last = s;
        else
            definition_set(&b->definitions, s->name, d);
    }
    Lowering lowering = {.graph = &b->graph, .names = &b->names, .definitions = &b->definitions, .diag = &b->diag};
    b->node = last ? lower_expression(&lowering, &b->tree, last->value) : 0;
    lowering_free(&lowering);
    return last && b->diag.errors == 0;
}

static void bench_free(Bench *b) {
    tree_free(&b->tree);
    graph_free(&b->graph);
    names_free(&b->names);
    diag_free(&b->diag);
    definitions_free(&b->definitions);
    arena_free(&b->arena);
}

/* The text prints as `want` once simplified. */
static void check_print(const char *text, const char *want) {
    Bench b;
    Buffer out = {0};
    CU_ASSERT(bench_read(&b, text));
    graph_print(&b.graph, &b.names, NULL, 0, b.node, 1000, &out);
    if (strcmp(out.bytes, want) != 0) printf("\n    %s: %s, not %s", text, out.bytes, want);
    CU_ASSERT_STRING_EQUAL(out.bytes, want);
    buffer_free(&out);
    bench_free(&b);
}

static void test_simplify(void) {
    static const char *const pair[][2] = {
        {"x + 0", "x"},
        {"x - x", "0"},
        {"x + x", "2*x"},
        {"2*x + 3*x - y", "5*x - y"},
        {"x*1*y", "x*y"},
        {"0*x", "0"},
        {"x/x", "1"},
        {"x^2*x^3", "x^5"},
        {"x^2/x", "x"},
        {"(x^2)^3", "x^6"},
        {"(x^2)^(1/2)", "sqrt(x^2)"},
        {"(x^3)^(1/2)", "x^(3/2)"},
        {"sqrt(x)^2", "x"},
        {"sqrt(x)*sqrt(x)", "x"},
        {"sqrt(4/9)", "2/3"},
        {"8^(2/3)", "4"},
        {"2^(1/2)", "sqrt(2)"},
        {"1/3 + 1/6", "1/2"},
        {"0.1 + 0.2", "3/10"},
        {"2*(x/3)", "2*x/3"},
        {"-(-x)", "x"},
        {"(-x)^2", "x^2"},
        {"(2*x)^3", "8*x^3"},
        {"sin(-x)", "-sin(x)"},
        {"cos(-x)", "cos(x)"},
        {"abs(-3)", "3"},
        {"abs(x^2)", "x^2"},
        {"exp(0) + cos(0) + sin(0) + log(1)", "2"},
        {"exp(log(x))", "x"},
        {"log(exp(x))", "x"},
        {"exp(x)^2", "exp(2*x)"},
        {"min(2, 3) + max(2, 3)", "5"},
        {"sign(-7/2)", "-1"},
        {"x^0", "1"},
        {"2^3^2", "512"},
        {"-2^2", "-4"},
        {"2^-1", "1/2"},
        {"x/y/z", "x/(y*z)"},
        {"x - (y - z)", "x - (y - z)"},
        {"1/sqrt(x)", "1/sqrt(x)"},
        {"m*v^2/2", "m*v^2/2"},
        {"a*(b + c)", "a*(b + c)"},
        {"(a + b)^2", "(a + b)^2"},
        {"atan2(y, x)", "atan2(y, x)"},
        {"pi*2", "2*pi"},
        {"f(s) = s^2; f(x) + f(2)", "4 + x^2"},
        {"T = m*v^2; T/2", "m*v^2/2"},
    };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) check_print(pair[i][0], pair[i][1]);
}

static void check_derivative(const char *text, const char *want) {
    Bench b;
    Buffer out = {0};
    CU_ASSERT(bench_read(&b, text));
    NodeId x = graph_name(&b.graph, names_intern(&b.names, "x", 1)), d;
    graph_gradient(&b.graph, b.node, &x, 1, &d);
    graph_print(&b.graph, &b.names, NULL, 0, d, 1000, &out);
    if (strcmp(out.bytes, want) != 0) printf("\n    d/dx %s: %s, not %s", text, out.bytes, want);
    CU_ASSERT_STRING_EQUAL(out.bytes, want);
    buffer_free(&out);
    bench_free(&b);
}

static void test_differentiate(void) {
    static const char *const pair[][2] = {
        {"y", "0"},
        {"x", "1"},
        {"3*x^2 - x*y", "6*x - y"},
        {"1/x", "-1/x^2"},
        {"sqrt(x)", "1/(2*sqrt(x))"},
        {"sin(x)", "cos(x)"},
        {"cos(x)", "-sin(x)"},
        {"exp(2*x)", "2*exp(2*x)"},
        {"log(x)", "1/x"},
        {"tan(x)", "1 + tan(x)^2"},
        {"atan(x)", "1/(1 + x^2)"},
        {"tanh(x)", "1 - tanh(x)^2"},
        {"asin(x)", "1/sqrt(1 - x^2)"},
        {"abs(x)", "sign(x)"},
        {"sign(x)", "0"},
        {"cbrt(x)", "1/(3*cbrt(x)^2)"},
        {"hypot(x, y)", "x/hypot(x, y)"},
        {"atan2(x, y)", "y/(y^2 + x^2)"},
        {"pow(2, x)", "pow(2, x)*log(2)"},
        {"min(x, y)", "1/2 - sign(x - y)/2"},
        {"max(x, y)", "1/2 + sign(x - y)/2"},
    };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) check_derivative(pair[i][0], pair[i][1]);
}

static void check_zero(const char *text, int zero) { /* 1: exactly; 0: exactly not; -1: not settled */
    Bench b;
    bool polynomial = false;
    CU_ASSERT(bench_read(&b, text));
    NodeId n = graph_normal(&b.graph, b.node, 1000, NULL, &polynomial);
    int got = n == NODE_NONE ? -1 : graph_equals(&b.graph, n, 0) ? 1 : polynomial ? 0 : -1;
    if (got != zero) printf("\n    %s: %d, not %d", text, got, zero);
    CU_ASSERT_EQUAL(got, zero);
    bench_free(&b);
}

static void test_normal(void) {
    check_zero("(x + y)^2 - x^2 - 2*x*y - y^2", 1);
    check_zero("(x - y)*(x + y) - (x^2 - y^2)", 1);
    check_zero("sin(x - y) + sin(y - x)", 1);
    check_zero("cos(x - y) - cos(y - x)", 1);
    check_zero("1/(x - y) + 1/(y - x)", 1);
    check_zero("(2*x + 2*y)^(-1) - 1/(2*(x + y))", 1);
    check_zero("hypot(x, -y) - hypot(-x, y)", 1);
    check_zero("exp(x*(y + z)) - exp(x*y + z*x)", 1);
    check_zero("(x + y)^3 - x^3 - y^3", 0);
    check_zero("pi*x - 3*x", 0);
    check_zero("sin(x)^2 + cos(x)^2 - 1", -1);
    check_zero("(x + y)^500*(x - z)^500", -1);
}

/* The text written anew, x, y, then v the variables. */
static void check_condensed(const char *text, const char *want) {
    Bench b;
    Buffer out = {0};
    NodeId variable[3];
    CU_ASSERT(bench_read(&b, text));
    for (int i = 0; i < 3; i++) variable[i] = graph_name(&b.graph, names_intern(&b.names, &"xyv"[i], 1));
    NodeId node = graph_condense(&b.graph, b.node, variable, 3);
    graph_print(&b.graph, &b.names, variable, 3, node, 1000, &out);
    if (strcmp(out.bytes, want) != 0) printf("\n    %s: %s, not %s", text, out.bytes, want);
    CU_ASSERT_STRING_EQUAL(out.bytes, want);
    buffer_free(&out);
    bench_free(&b);
}

static void test_condense(void) {
    static const char *const pair[][2] = {
        {"m*sin(x)^2 + m*cos(x)^2", "m"},
        {"m*(v*sin(x))^2/2 + m*(v*cos(x))^2/2 + m*v^2/6", "2*m*v^2/3"},
        {"a*(sin(2*x)^2*cos(y) + cos(2*x)^2*cos(y))*v", "a*v*cos(y)"},
        {"sin(x)^2 + 2*cos(x)^2", "2*(cos(x)^2 + sin(x)^2/2)"},
        {"v*cos(x)*(m*v*sin(x) + a*sin(y)) - v*sin(x)*(m*v*cos(x) + a*cos(y))", "-a*v*(sin(x)*cos(y) - cos(x)*sin(y))"},
        {"m*x*v - a*m*y*v", "m*x*v - m*a*v*y"},
        {"x*(1 + y) - x", "x*y"},
        {"x*(1 + y) - x + exp(y)", "x*(1 + y) - x + exp(y)"}, /* a function of another kind: left alone */
        {"sin(x*y)*(1 + x) - sin(x*y)", "sin(x*y)*(1 + x) - sin(x*y)"},
        {"(1 + x)/y - x/y", "(1 + x)/y - x/y"},
    };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) check_condensed(pair[i][0], pair[i][1]);
}

/* ---- Shapes that break recursion or blow up ---- */

static void test_long_sum(void) {
    Buffer text = {0};
    for (int i = 0; i < 50000; i++) buffer_print(&text, "%ssin(%d*x)/%d", i ? " + " : "", i + 1, i + 1);
    Bench b;
    CU_ASSERT(bench_read(&b, text.bytes));
    NodeId x = graph_name(&b.graph, names_intern(&b.names, "x", 1)), d;
    graph_gradient(&b.graph, b.node, &x, 1, &d);
    CU_ASSERT(!b.graph.failed && b.graph.count < 1000000);
    bench_free(&b);
    buffer_free(&text);
}

static void test_deep_chain(void) {
    Buffer text = {0};
    buffer_text(&text, "a0 = x\n");
    for (int i = 0; i < 100000; i++) buffer_print(&text, "a%d = sin(a%d)\n", i + 1, i);
    buffer_text(&text, "a100000");
    Bench b;
    CU_ASSERT(bench_read(&b, text.bytes));
    NodeId x = graph_name(&b.graph, names_intern(&b.names, "x", 1)), d;
    graph_gradient(&b.graph, b.node, &x, 1, &d);
    graph_gradient(&b.graph, d, &x, 1, &d);
    CU_ASSERT(!b.graph.failed && b.graph.count < 2000000);
    Buffer out = {0};
    graph_print(&b.graph, &b.names, NULL, 0, d, 1000, &out);
    CU_ASSERT(out.size < 5000);
    buffer_free(&out);
    bench_free(&b);
    buffer_free(&text);
}

static void test_shared(void) {
    Buffer text = {0};
    buffer_text(&text, "b0 = x + y\n");
    for (int i = 0; i < 40; i++) buffer_print(&text, "b%d = sin(b%d)*b%d\n", i + 1, i, i);
    buffer_text(&text, "h0(s) = s + 1\n");
    for (int i = 0; i < 40; i++) buffer_print(&text, "h%d(s) = h%d(s)*h%d(s)\n", i + 1, i, i);
    buffer_text(&text, "b40 + h40(x)");
    Bench b;
    CU_ASSERT(bench_read(&b, text.bytes));
    NodeId x = graph_name(&b.graph, names_intern(&b.names, "x", 1)), d;
    graph_gradient(&b.graph, b.node, &x, 1, &d);
    CU_ASSERT(!b.graph.failed && b.graph.count < 2000);
    bench_free(&b);
    buffer_free(&text);
}

static void check_error(const char *text, const char *message) {
    Bench b;
    CU_ASSERT(!bench_read(&b, text));
    CU_ASSERT_FATAL(b.diag.count > 0);
    if (!strstr(b.diag.item[0].message, message)) printf("\n    %s: %s", text, b.diag.item[0].message);
    CU_ASSERT_PTR_NOT_NULL(strstr(b.diag.item[0].message, message));
    bench_free(&b);
}

static void test_errors(void) {
    check_error("1/0", "division by zero");
    check_error("x/(2 - 2)", "division by zero");
    check_error("0^-1", "division by zero");
    check_error("sine(x)", "unknown function 'sine'");
    check_error("sin(x, y)", "'sin' takes 1 argument, not 2");
    check_error("atan2(x)", "'atan2' takes 2 arguments, not 1");
    check_error("sin()", "'sin' takes 1 argument, not 0");
    check_error("atan2()", "'atan2' takes 2 arguments, not 0");
    check_error("f(s) = s; f()", "'f' takes 1 argument, not 0");
    check_error("unknown()", "unknown function 'unknown'");
    check_error("sin + 1", "'sin' is a function");
    check_error("a = 2; a(3)", "'a' is no function");
    check_error("f(s) = s; f(1, 2)", "'f' takes 1 argument, not 2");
    check_error("a = a + 1; a", "'a' depends on itself");
    check_error("a = b; b = a; a", "depends on itself");
    check_error("f(s) = g(s); g(s) = f(s); f(1)", "depends on itself");
    check_error("1e400", "does not fit a double");
    check_error("9^9^9^9", "more than 65536 bits");
    check_error("1e-5000", "does not fit a double");
}

/* All constants of a graph together are bounded, whatever each is. */
static void test_constants(void) {
    Graph g;
    mpq_t q;
    mpq_init(q);
    mpz_ui_pow_ui(mpq_numref(q), 2, GRAPH_BITS - 1);
    CU_ASSERT_FATAL(graph_init(&g));
    for (int i = 0; i < GRAPH_BITS_ALL / GRAPH_BITS && !g.failed; i++) {
        mpz_add_ui(mpq_numref(q), mpq_numref(q), 1);
        graph_rational(&g, q);
    }
    CU_ASSERT(g.too_wide && g.constant_bits <= GRAPH_BITS_ALL && g.constant_bits > GRAPH_BITS_ALL - 2 * GRAPH_BITS);
    graph_free(&g);
    mpq_clear(q);
}

void suite_graph(void) {
    suite_add("graph/rules", (SuiteTest[]){{"simplify", test_simplify},
                                           {"differentiate", test_differentiate},
                                           {"condense", test_condense},
                                           {"2^40 unexpanded", test_shared},
                                           {"errors", test_errors},
                                           {0}});
    suite_add("graph/size", (SuiteTest[]){{"normal form", test_normal},
                                          {"a sum of 50,000 terms", test_long_sum},
                                          {"a chain 100,000 deep", test_deep_chain},
                                          {"constants", test_constants},
                                          {0}});
}
