/* test_session.c: reading, checking, values, kernels and their limits, through lag.h alone. */
#include "harness.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static LagStatus read_text(LagSession *session, const char *text) {
    LagProgram *program = NULL;
    LagStatus status = lag_read(session, "test", text, strlen(text), &program);
    if (status == LAG_OK) lag_program_free(program);
    return status;
}

static void test_abi(void) {
    LagSession *session = NULL;
    CU_ASSERT(lag_session_new(LAG_ABI + 1, &session) == LAG_ERROR_ABI && !session);
    CU_ASSERT_STRING_EQUAL(lag_version(), LAG_VERSION);
    CU_ASSERT_PTR_NOT_NULL(strstr(lag_status_text(LAG_ERROR_ABI), "another version"));
}

static void test_values(void) {
    Harness h = harness_read("a = 1/3; b = 0.1 + 0.2; c = sqrt(2)*pi; m = 1; m*qd^2/2 - a*q^2; start q = sin(b), qd = 2*c");
    double value = 0;
    CU_ASSERT(lag_session_get(h.session, "a", &value) == LAG_OK && value == 1. / 3);
    CU_ASSERT(lag_session_get(h.session, "b", &value) == LAG_OK && value == 0.3); /* exact until it becomes a double */
    CU_ASSERT(lag_session_get(h.session, "c", &value) == LAG_OK && value == 4.442882938158366);
    CU_ASSERT(lag_session_get(h.session, "zz", &value) == LAG_ERROR_VALUE);
    const LagStatement *start = lag_program_statement(h.program, lag_program_count(h.program) - 1);
    CU_ASSERT_EQUAL(start->verb, LAG_VERB_START);
    CU_ASSERT_EQUAL(start->item_count, 2);
    CU_ASSERT(lag_program_value(h.program, &start->item[0], &value) == LAG_OK && fabs(value - sin(0.3)) < 1e-16);
    CU_ASSERT(lag_session_set(h.session, "c", 1.5) == LAG_OK);
    CU_ASSERT(lag_program_value(h.program, &start->item[1], &value) == LAG_OK && value == 3);
    CU_ASSERT(lag_session_override(h.session, "c", 2) == LAG_OK && lag_session_set(h.session, "c", 5) == LAG_OK);
    CU_ASSERT(lag_session_get(h.session, "c", &value) == LAG_OK && value == 2);
    CU_ASSERT(lag_session_set(h.session, "c", NAN) == LAG_ERROR_NOT_FINITE);
    harness_free(&h);
}

/* A text with errors leaves the session as it was. */
static void test_undisturbed(void) {
    LagSession *s;
    double value;
    CU_ASSERT_FATAL(lag_session_new(LAG_ABI, &s) == LAG_OK);
    CU_ASSERT_EQUAL(read_text(s, "k = 2; qd^2/2 - k*q^2/2"), LAG_OK);
    CU_ASSERT_EQUAL(read_text(s, "k = 3; sine(x)"), LAG_ERROR_TEXT);
    CU_ASSERT(lag_session_get(s, "k", &value) == LAG_OK && value == 2);
    CU_ASSERT_EQUAL(read_text(s, "start q = 1; integrate dt = 0.1, steps = 10"), LAG_OK);
    CU_ASSERT_EQUAL(read_text(s, "integrate"), LAG_OK);
    lag_session_free(s);
}

static void check_says(const char *text, const char *want) {
    LagSession *s;
    CU_ASSERT_FATAL(lag_session_new(LAG_ABI, &s) == LAG_OK);
    CU_ASSERT_EQUAL(read_text(s, text), LAG_ERROR_TEXT);
    char *said = harness_diagnostics(s);
    if (!said || strcmp(said, want) != 0) printf("\n%s\nsays\n%snot\n%s", text, said ? said : "", want);
    CU_ASSERT(said && strcmp(said, want) == 0);
    free(said);
    lag_session_free(s);
}

static void test_messages(void) {
    check_says("c1*qd^2 - c2*sine(q)^2", "test:1:14: error: unknown function 'sine'\n"
                                         "    c1*qd^2 - c2*sine(q)^2\n"
                                         "                 ^~~~ did you mean 'sin'?\n");
    check_says("m = 1\nm*qd^2/2 - k*q^2/2\nstart q = 1\nintegrate dt = 0.1, steps = 5",
               "test:2:12: error: parameter 'k' has no value, and integrating needs it\n"
               "    m*qd^2/2 - k*q^2/2\n"
               "               ^ give it one: k = VALUE\n");
    check_says("a = sin(exp(exp(20)))", "test:1:5: error: this value is not a finite number\n"
                                        "    a = sin(exp(exp(20)))\n"
                                        "        ^~~~~~~~~~~~~~~~~\n");
    check_says("coord q; qd^2/2; start p = 1",
               "test:1:24: error: nothing to start called 'p'\n"
               "    coord q; qd^2/2; start p = 1\n"
               "                           ^ a start names coordinates, their velocities or momenta pi_NAME, and t\n");
    check_says("start q = 1", "test:1:1: error: start needs a Lagrangian\n"
                              "    start q = 1\n"
                              "    ^~~~~ type one first, as in m*qd^2/2 - k*q^2/2\n");
}

/* One kernel a (r, backend): what changes afterwards are numbers. */
static void test_kernels(void) {
    Harness h = harness_read("k = 1; qd^2/2 - k*q^2/2");
    const LagKernel *a, *b, *c;
    CU_ASSERT_EQUAL(lag_model_kernel(h.model, 2, LAG_BACKEND_LLVM, &a), LAG_OK);
    CU_ASSERT_EQUAL(lag_model_kernel(h.model, 2, LAG_BACKEND_LLVM, &b), LAG_OK);
    CU_ASSERT_EQUAL(lag_model_kernel(h.model, 3, LAG_BACKEND_LLVM, &c), LAG_OK);
    CU_ASSERT(a == b && a != c && a->r == 2 && c->r == 3 && a->abi == LAG_KERNEL_ABI);
    for (int i = LAG_NODE; i < LAG_WORK; i++)
        CU_ASSERT_EQUAL((uintptr_t)c->table[i] % 64, 0); /* vectors within cache lines */
    CU_ASSERT_EQUAL(lag_model_kernel(h.model, LAG_R_MAX + 1, LAG_BACKEND_LLVM, &c), LAG_ERROR_ARGUMENT);
    const double q = 0.5, v = 2, k = 3;
    double pi, energy;
    CU_ASSERT(lag_kernel_momentum(a, &k, 0, &q, &v, &pi) == LAG_OK && pi == 2);
    CU_ASSERT(lag_kernel_energy(a, &k, 0, &q, &v, &energy) == LAG_OK && energy == 2.375);
    harness_free(&h);
}

/* A model outlives its session in other hands. */
static void test_hold(void) {
    Harness h = harness_read("qd^2/2 - q^2/2");
    const LagModel *model = lag_model_hold(h.model);
    harness_free(&h);
    const LagKernel *kernel;
    CU_ASSERT_EQUAL(lag_model_kernel(model, 1, LAG_BACKEND_INTERPRETER, &kernel), LAG_OK);
    CU_ASSERT_STRING_EQUAL(lag_model_coordinate(model, 0), "q");
    lag_model_release(model);
}

static void test_views(void) {
    Harness h = harness_read("k = 1; qd^2/2 - k*q^2/2 - 0.1*qd_p*q_m");
    for (int view = 0; view < LAG_VIEW_COUNT; view++) {
        char *text = NULL;
        bool of_program = view == LAG_VIEW_TOKENS || view == LAG_VIEW_TREE;
        LagStatus status = of_program ? lag_program_view(h.program, (LagView)view, &text)
                                      : lag_model_view(h.model, (LagView)view, 2, LAG_BACKEND_LLVM, &text);
        CU_ASSERT_EQUAL(status, LAG_OK);
        CU_ASSERT(text && strlen(text) > 4);
        lag_text_free(text);
    }
    CU_ASSERT_EQUAL(lag_view_named("equations"), LAG_VIEW_EQUATIONS);
    CU_ASSERT_EQUAL(lag_view_named("nonsense"), LAG_VIEW_COUNT);
    harness_free(&h);
}

/* A system of every kind of trouble gives a status with the step, and keeps what was integrated. */
static void test_failures(void) {
    Harness h = harness_read("qd^2/2 - sqrt(1 - q)"); /* runs over the edge at q = 1 */
    const LagKernel *kernel;
    LagIntegrator *it;
    LagReport report;
    const double q = 0, v = 3;
    double kept[200];
    LagRows rows = {.capacity = 200, .t = kept};
    CU_ASSERT_FATAL(lag_model_kernel(h.model, 2, LAG_BACKEND_AUTO, &kernel) == LAG_OK);
    CU_ASSERT_FATAL(lag_integrator_new(kernel, LAG_METHOD_GGL, &it) == LAG_OK);
    CU_ASSERT_EQUAL(lag_integrator_start_velocity(it, 0, &q, &v), LAG_OK);
    LagStatus status = lag_integrator_advance(it, 0.05, 200, 1, &rows);
    lag_integrator_report(it, &report);
    CU_ASSERT(status == LAG_ERROR_NEWTON || status == LAG_ERROR_NOT_FINITE);
    CU_ASSERT(report.status == status && report.steps == rows.count && report.steps < 20 && report.steps > 1);
    const double bad = NAN;
    CU_ASSERT_EQUAL(lag_integrator_start_velocity(it, 0, &bad, &v), LAG_ERROR_NOT_FINITE);
    lag_integrator_free(it);
    harness_free(&h);
}

static void watch_small(LagIntegrator *it, void *user) {
    (void)it;
    volatile double small = DBL_MIN;
    *(bool *)user = *(bool *)user && small / 2 > 0;
}

/* Motion that dies down does so to the end of what doubles hold, and what is done about small numbers on the way is done in
 * advance alone. */
static void test_decayed(void) {
    Harness h = harness_read("qd^2/2 - q^2/2 - 2*qd_p*q_m");
    const LagKernel *kernel;
    LagIntegrator *it;
    const double q = 1, pi = 0;
    double end[2];
    bool kept = true;
    LagRows rows = {.capacity = 1, .q = &end[0], .pi = &end[1]};
    CU_ASSERT_FATAL(lag_model_kernel(h.model, 2, LAG_BACKEND_AUTO, &kernel) == LAG_OK);
    CU_ASSERT_FATAL(lag_integrator_new(kernel, LAG_METHOD_GGL, &it) == LAG_OK);
    CU_ASSERT_EQUAL(lag_integrator_start(it, 0, &q, &pi), LAG_OK);
    lag_integrator_watch(it, 1000, watch_small, &kept);
    CU_ASSERT_EQUAL(lag_integrator_advance(it, 0.5, 20000, 20000, &rows), LAG_OK);
    CU_ASSERT(fabs(end[0]) < 1e-305 && fabs(end[1]) < 1e-305);
    watch_small(it, &kept);
    CU_ASSERT(kept);
    lag_integrator_free(it);
    harness_free(&h);
}

static void watch_once(LagIntegrator *it, void *user) {
    if (++*(int *)user == 3) lag_integrator_cancel(it);
}

static void *cancel_soon(void *it) {
    lag_integrator_cancel(it);
    return NULL;
}

/* Cancelled before it begins, from a watch, and from another thread, a run goes on to the bits of one that never was. */
static void test_cancel(void) {
    Harness h = harness_read("k = 2; qd^2/2 + k*cos(q)");
    LagIntegrator *it = NULL;
    const LagKernel *kernel;
    LagReport report;
    const double q = 1, pi = 0.25;
    double end = 0, whole = 0;
    LagRows rows = {.capacity = 1, .q = &end};
    int calls = 0;
    pthread_t thread;
    CU_ASSERT_FATAL(lag_model_kernel(h.model, 2, LAG_BACKEND_INTERPRETER, &kernel) == LAG_OK);
    CU_ASSERT_FATAL(lag_integrator_new(kernel, LAG_METHOD_GGL, &it) == LAG_OK);
    lag_integrator_parameters(it, harness_parameters(&h));
    CU_ASSERT(lag_integrator_start(it, 0, &q, &pi) == LAG_OK);
    lag_integrator_cancel(it);
    CU_ASSERT(lag_integrator_advance(it, 0.1, 100, 100, NULL) == LAG_INTERRUPTED);
    lag_integrator_watch(it, 10, watch_once, &calls);
    CU_ASSERT(lag_integrator_advance(it, 0.1, 100, 100, NULL) == LAG_INTERRUPTED);
    lag_integrator_report(it, &report);
    CU_ASSERT(report.steps == 30 && report.status == LAG_INTERRUPTED && calls == 3);
    CU_ASSERT(lag_integrator_advance(it, 0.1, 70, 70, &rows) == LAG_OK);
    CU_ASSERT(rows.count == 1 && calls == 10);
    lag_integrator_watch(it, 0, NULL, NULL);
    CU_ASSERT_FATAL(pthread_create(&thread, NULL, cancel_soon, it) == 0);
    CU_ASSERT(lag_integrator_advance(it, 0.1, 1000000000000000, 1, NULL) == LAG_INTERRUPTED);
    pthread_join(thread, NULL);
    rows = (LagRows){.capacity = 1, .q = &whole};
    CU_ASSERT(lag_integrator_start(it, 0, &q, &pi) == LAG_OK);
    CU_ASSERT(lag_integrator_advance(it, 0.1, 100, 100, &rows) == LAG_OK);
    CU_ASSERT(whole == end);
    lag_integrator_free(it);
    harness_free(&h);
}

/* The words that could go on a text, on one line. */
static void check_words(const LagSession *session, const char *text, const char *expected) {
    char *words = NULL;
    CU_ASSERT_FATAL(lag_session_complete(session, text, strlen(text), &words) == LAG_OK);
    for (char *c = words; *c; c++)
        if (*c == '\n') *c = ' ';
    if (strcmp(words, expected) != 0) printf("\n'%s': '%s', not '%s'\n", text, words, expected);
    CU_ASSERT_STRING_EQUAL(words, expected);
    lag_text_free(words);
}

static void test_completion(void) {
    LagSession *session = NULL;
    CU_ASSERT_FATAL(lag_session_new(LAG_ABI, &session) == LAG_OK);
    check_words(session, "pl", "plot ");
    check_words(session, "start ", "t ");
    CU_ASSERT(read_text(session, "kappa = 1; V(s) = kappa*s^2; θd^2/2 - V(θ) - stretch*θ") == LAG_OK);
    check_words(session, "start ", "pi_θ t θ θd ");
    check_words(session, "a = 1\nstart θ = 1,\n  ", "pi_θ t θ θd ");
    check_words(session, "start θ = k", "kappa ");
    check_words(session, "s", "save show sign sin sinh sqrt start stretch ");
    check_words(session, "show e", "energy equations ");
    check_words(session, "show energy ", "");
    check_words(session, "integrate r = 4, ", "dt every method r steps tol until ");
    check_words(session, "integrate method = r", "rk2 rk4 ");
    check_words(session, "plot θ, e", "energy ");
    check_words(session, "plot θ a", "against ");
    check_words(session, "plot θ to \"s", "");
    check_words(session, "fit stretch ", "by ");
    check_words(session, "fit stretch by ", "aicc bic ebic ");
    check_words(session, "save ", "");
    check_words(session, "# s", "");
    lag_session_free(session);
}

void suite_session(void) {
    suite_add("session", (SuiteTest[]){{"versions", test_abi},
                                       {"values", test_values},
                                       {"errors leave everything as it was", test_undisturbed},
                                       {"messages", test_messages},
                                       {"kernels", test_kernels},
                                       {"models outlive sessions", test_hold},
                                       {"views", test_views},
                                       {"failures", test_failures},
                                       {"decayed", test_decayed},
                                       {"cancelling", test_cancel},
                                       {"completion", test_completion},
                                       {0}});
}
