/* test_random.c: random expressions, read from text: derivatives against differences in high precision, the interpreter
 * against every road to machine code bit for bit, and both against the exact value. */
#include "graph/evaluate.h"
#include "graph/lower.h"
#include "native/native.h"
#include "suite.h"
#include "tape/emit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VARIABLES = 4, POINTS = 4, BATCH = 200, ROADS = 3 };

static const LagBackend roads[ROADS] = {LAG_BACKEND_TCC, LAG_BACKEND_LLVM_QUICK, LAG_BACKEND_LLVM};

/* ---- Random text ---- */

static const char *const variable[VARIABLES] = {"q", "qd", "c", "t"};

static void random_text(SuiteRandom *random, Buffer *out, int depth) {
    static const char *const unary[] = {"sqrt", "cbrt", "exp",  "log",   "sin",   "cos",   "tan", "asin", "acos", "atan",
                                        "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "abs",  "sign", "-"};
    static const char *const binary[] = {"atan2", "hypot", "pow", "min", "max"};
    static const char *const operator[] = {" + ", " - ", "*", "/", "*", " + "};
    static const char *const power[] = {"^2", "^3", "^(1/2)", "^(-1)", "^(-3/2)", "^(2/3)", "^7", "^0.1"};
    unsigned kind = depth <= 0 ? (unsigned)(suite_bits(random) % 3) : (unsigned)(suite_bits(random) % 16);
    if (kind < 2) {
        buffer_text(out, variable[suite_bits(random) % VARIABLES]);
    } else if (kind == 2) {
        buffer_print(out, "%u", (unsigned)(suite_bits(random) % 5));
        if (suite_bits(random) % 2) buffer_print(out, ".%u", (unsigned)(suite_bits(random) % 100));
    } else if (kind < 9) {
        buffer_text(out, "(");
        random_text(random, out, depth - 1);
        buffer_text(out, operator[suite_bits(random) % 6]);
        random_text(random, out, depth - 1);
        buffer_text(out, ")");
    } else if (kind < 13) {
        buffer_print(out, "%s(", unary[suite_bits(random) % 20]);
        random_text(random, out, depth - 1);
        buffer_text(out, ")");
    } else if (kind < 15) {
        buffer_text(out, "(");
        random_text(random, out, depth - 1);
        buffer_print(out, ")%s", power[suite_bits(random) % 8]);
    } else {
        buffer_print(out, "%s(", binary[suite_bits(random) % 5]);
        random_text(random, out, depth - 1);
        buffer_text(out, ", ");
        random_text(random, out, depth - 1);
        buffer_text(out, ")");
    }
}

/* ---- A batch of expressions, as nodes ---- */

typedef struct Batch {
    Arena arena;
    Names names;
    Tree tree;
    Diagnostics diag;
    Graph graph;
    NodeId node[BATCH], name[VARIABLES];
    const char *text[BATCH];
} Batch;

/* Expressions that divide by a constant zero or overflow a constant are refused by the reader, and drawn again. */
static bool draw(Batch *b, SuiteRandom *random, uint32_t i, int depth) {
    Buffer text = {0};
    random_text(random, &text, depth);
    const Source *source = source_new(&b->arena, "random", text.bytes, text.size);
    b->text[i] = source->bytes;
    buffer_free(&text);
    tree_free(&b->tree);
    bool good = parse_text(&b->tree, source, &b->names, &b->diag) && b->tree.statement_count == 1 &&
                b->tree.statement[0].verb == TREE_LAGRANGIAN;
    CU_ASSERT(good);
    if (!good) return false;
    Lowering lowering = {.graph = &b->graph, .names = &b->names, .definitions = &(Definitions){0}, .diag = &b->diag};
    b->node[i] = lower_expression(&lowering, &b->tree, b->tree.statement[0].value);
    lowering_free(&lowering);
    good = b->diag.errors == 0;
    diag_clear(&b->diag);
    return good;
}

static void batch_new(Batch *b, SuiteRandom *random, uint32_t count, int depth) {
    *b = (Batch){0};
    CU_ASSERT_FATAL(graph_init(&b->graph));
    for (int v = 0; v < VARIABLES; v++)
        b->name[v] = graph_name(&b->graph, names_intern(&b->names, variable[v], strlen(variable[v])));
    for (uint32_t i = 0; i < count;) i += draw(b, random, i, depth);
}

static void batch_free(Batch *b) {
    tree_free(&b->tree);
    graph_free(&b->graph);
    names_free(&b->names);
    diag_free(&b->diag);
    arena_free(&b->arena);
}

/* ---- Derivatives ---- */

enum { BITS = 600, STEP = 100 };

/* (f(x + h) - f(x - h)) / 2h with h = 2^-STEP, in BITS bits. */
static void difference(Batch *b, NodeId f, mpfr_t *x, int v, mpfr_t out) {
    mpfr_t h, low[1], high[1];
    mpfr_inits2(BITS, h, low[0], high[0], (mpfr_ptr)NULL);
    mpfr_set_ui_2exp(h, 1, -STEP, MPFR_RNDN);
    mpfr_add(x[v], x[v], h, MPFR_RNDN);
    graph_evaluate(&b->graph, &f, 1, b->name, x, VARIABLES, high);
    mpfr_sub(x[v], x[v], h, MPFR_RNDN);
    mpfr_sub(x[v], x[v], h, MPFR_RNDN);
    graph_evaluate(&b->graph, &f, 1, b->name, x, VARIABLES, low);
    mpfr_add(x[v], x[v], h, MPFR_RNDN);
    mpfr_sub(out, high[0], low[0], MPFR_RNDN);
    mpfr_mul_2si(out, out, STEP - 1, MPFR_RNDN);
    mpfr_clears(h, low[0], high[0], (mpfr_ptr)NULL);
}

static void test_derivatives(void) {
    SuiteRandom random = {1};
    unsigned compared = 0, undefined = 0, wrong = 0;
    for (unsigned round = 0; round < 10 * suite_multiplier(); round++) {
        Batch b;
        batch_new(&b, &random, BATCH, 4);
        mpfr_t x[VARIABLES], exact, symbolic[VARIABLES];
        mpfr_init2(exact, BITS);
        for (int v = 0; v < VARIABLES; v++) mpfr_inits2(BITS, x[v], symbolic[v], (mpfr_ptr)NULL);
        for (uint32_t i = 0; i < BATCH; i++) {
            NodeId gradient[VARIABLES];
            graph_gradient(&b.graph, b.node[i], b.name, VARIABLES, gradient);
            for (int v = 0; v < VARIABLES; v++) mpfr_set_d(x[v], suite_uniform(&random, 0.1, 1.9), MPFR_RNDN);
            graph_evaluate(&b.graph, gradient, VARIABLES, b.name, x, VARIABLES, symbolic);
            for (int v = 0; v < VARIABLES; v++) {
                difference(&b, b.node[i], x, v, exact);
                if (!mpfr_number_p(exact) || mpfr_get_exp(exact) > 400)
                    continue; /* not defined here, or too steep to tell */
                compared++;
                mpfr_sub(symbolic[v], symbolic[v], exact, MPFR_RNDN);
                mpfr_abs(exact, exact, MPFR_RNDN);
                mpfr_add_ui(exact, exact, 1, MPFR_RNDN);
                mpfr_mul_2si(exact, exact, -STEP, MPFR_RNDN); /* differences are good to h^2 f''' */
                if (mpfr_number_p(symbolic[v]) && mpfr_cmpabs(symbolic[v], exact) <= 0) continue;
                if (!mpfr_number_p(symbolic[v])) { /* 0 times infinity, as in the square root of a 0 that stays one */
                    undefined++;
                    continue;
                }
                wrong++;
                printf("\n    d/d%s %s", variable[v], b.text[i]);
            }
        }
        mpfr_clear(exact);
        for (int v = 0; v < VARIABLES; v++) mpfr_clears(x[v], symbolic[v], (mpfr_ptr)NULL);
        batch_free(&b);
    }
    mpfr_free_cache();
    printf("\n    %u derivatives compared", compared);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(compared > 2000 && undefined < compared / 1000);
}

/* ---- Engines ---- */

/* The expression and its derivatives as a tape: reads LAG_Q[4], writes LAG_A[5]. */
static void tape_of(Batch *b, uint32_t i, Tape *tape) {
    NodeId root[VARIABLES + 1] = {b->node[i]};
    graph_gradient(&b->graph, b->node[i], b->name, VARIABLES, root + 1);
    Emitter emit = {.tape = tape, .graph = &b->graph};
    for (uint32_t v = 0; v < VARIABLES; v++)
        emit_bind(&emit, b->name[v], tape_load(tape, (TapeRef){.array = LAG_Q, .base = v}));
    emit_roots(&emit, root, VARIABLES + 1, NULL, 0);
    for (uint32_t k = 0; k <= VARIABLES; k++)
        tape_store(tape, (TapeRef){.array = LAG_A, .base = k}, emit_value(&emit, root[k]));
    tape_trim(tape);
    emitter_free(&emit);
}

static bool same(const double *a, const double *b, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i]))) return false;
    return true;
}

/* Only a well-conditioned expression can be held against its exact value: one whose value moves little when every input
 * does, and when all of it is worked out in fewer bits. */
static bool near_exact(Batch *b, uint32_t i, const double *q, double value) {
    enum { FEWER = 45 };
    mpfr_t x[VARIABLES], exact[1], moved[1], rough[1];
    mpfr_inits2(BITS, exact[0], moved[0], (mpfr_ptr)NULL);
    mpfr_init2(rough[0], FEWER);
    for (int v = 0; v < VARIABLES; v++) mpfr_init2(x[v], BITS), mpfr_set_d(x[v], q[v], MPFR_RNDN);
    graph_evaluate(&b->graph, &b->node[i], 1, b->name, x, VARIABLES, exact);
    graph_evaluate(&b->graph, &b->node[i], 1, b->name, x, VARIABLES, rough);
    for (int v = 0; v < VARIABLES; v++) mpfr_set_d(x[v], q[v] * (1 + 1e-10), MPFR_RNDN);
    graph_evaluate(&b->graph, &b->node[i], 1, b->name, x, VARIABLES, moved);
    double e = mpfr_get_d(exact[0], MPFR_RNDN), m = mpfr_get_d(moved[0], MPFR_RNDN);
    double few = mpfr_get_d(rough[0], MPFR_RNDN);
    mpfr_clears(exact[0], moved[0], rough[0], (mpfr_ptr)NULL);
    for (int v = 0; v < VARIABLES; v++) mpfr_clear(x[v]);
    if (!isfinite(e) || !isfinite(value) || fabs(e) > 1e6) return true;
    if (!(fabs(m - e) <= 1e-9 * (1 + fabs(e))) || !(fabs(few - e) <= 1e-9 * (1 + fabs(e)))) return true;
    return fabs(value - e) <= 1e-9 * (1 + fabs(e));
}

static void compare_batch(Batch *b, SuiteRandom *random, unsigned *different, unsigned *wrong) {
    static Tape tape[BATCH];
    const Tape *tapes[BATCH];
    const char *names[BATCH];
    static char name[BATCH][8];
    LagNative *run[ROADS][BATCH];
    NativeCode *code[ROADS];
    size_t size[LAG_ARRAY_COUNT] = {[LAG_Q] = VARIABLES, [LAG_A] = VARIABLES + 1};
    const double *table[LAG_ARRAY_COUNT] = {0};
    for (uint32_t i = 0; i < BATCH; i++) {
        tape[i] = (Tape){0};
        tape_of(b, i, &tape[i]);
        CU_ASSERT_PTR_NULL(tape_check(&tape[i], size));
        snprintf(name[i], sizeof name[i], "e%u", i);
        tapes[i] = &tape[i], names[i] = name[i];
    }
    NativeJob job = {tapes, names, BATCH, table, size};
    for (int road = 0; road < ROADS; road++) {
        LagTimings timings = {0};
        char why[256] = "";
        bool cached;
        LagStatus status = native_compile(&job, roads[road], -1, &timings, &code[road], run[road], &cached, why, sizeof why);
        CU_ASSERT_EQUAL_FATAL(status, LAG_OK);
    }
    for (uint32_t i = 0; i < BATCH; i++) {
        uint32_t work;
        InterpCode *interp = interp_new(&tape[i], &work);
        double *scratch = calloc(work + 1, sizeof *scratch);
        for (int p = 0; p < POINTS; p++) {
            double q[VARIABLES], a[VARIABLES + 1], c[VARIABLES + 1];
            for (int v = 0; v < VARIABLES; v++)
                q[v] = p == 3 ? suite_uniform(random, -30, 30) : suite_uniform(random, -0.5, 1.5);
            double *array[LAG_ARRAY_COUNT] = {[LAG_Q] = q, [LAG_A] = a, [LAG_WORK] = scratch};
            interp_run(interp, array);
            array[LAG_A] = c;
            for (int road = 0; road < ROADS; road++) {
                run[road][i](NULL, array);
                if (same(a, c, VARIABLES + 1)) continue;
                ++*different;
                printf("\n    %s differs: %s", lag_backend_name(roads[road]), b->text[i]);
            }
            if (p == 0 && !near_exact(b, i, q, a[0])) {
                ++*wrong;
                printf("\n    %.17g is far from exact: %s", a[0], b->text[i]);
            }
        }
        free(scratch);
        interp_free(interp);
    }
    for (int road = 0; road < ROADS; road++) native_free(code[road]);
    for (uint32_t i = 0; i < BATCH; i++) tape_free(&tape[i]);
}

static void test_engines(void) {
    SuiteRandom random = {2};
    unsigned different = 0, wrong = 0;
    for (unsigned round = 0; round < 500 * suite_multiplier(); round++) { /* 100,000 expressions */
        Batch b;
        batch_new(&b, &random, BATCH, 4);
        compare_batch(&b, &random, &different, &wrong);
        batch_free(&b);
    }
    mpfr_free_cache();
    CU_ASSERT_EQUAL(different, 0);
    CU_ASSERT_EQUAL(wrong, 0);
}

void suite_random(void) {
    suite_add("random", (SuiteTest[]){{"derivatives", test_derivatives}, {"four engines, bit for bit", test_engines}, {0}});
}
