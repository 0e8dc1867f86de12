/* suite.h: the test suites, one function each, registered with CUnit by tests/main.c. */
#ifndef LAG_TESTS_SUITE_H
#define LAG_TESTS_SUITE_H

#include <CUnit/CUnit.h>
#include <stdbool.h>

/* A suite and its tests: suite_add("graph/simplify", (SuiteTest[]){{"sums", test_sums}, {0}}). */
typedef struct SuiteTest {
    const char *name;
    void (*run)(void);
} SuiteTest;

void suite_add(const char *name, const SuiteTest *tests);

/* The path of a file of tests/, "golden/dho_r2.csv" say: a static buffer, good until the next call. */
const char *suite_path(const char *file);

/* How much longer randomised tests run than by default: LAG_TEST_MULTIPLIER, 1 if it is not set. */
unsigned suite_multiplier(void);

/* A generator for tests: the same numbers every day (splitmix64). */
typedef struct SuiteRandom {
    unsigned long long state;
} SuiteRandom;

unsigned long long suite_bits(SuiteRandom *random);
double suite_uniform(SuiteRandom *random, double low, double high);

/* |a - b| <= tolerance (1 + |b|) */
bool suite_near(double a, double b, double tolerance);

/* Runs `act` in a child process: its exit status, a SuiteChild or another; 255 if it fell. */
enum SuiteChild { CHILD_GOOD, CHILD_BAD, CHILD_CANNOT };
int suite_in_child(int (*act)(void));

/* The suites. */
void suite_base(void);
void suite_tree(void);
void suite_table(void);
void suite_graph(void);
void suite_tape(void);
void suite_circular(void);
void suite_lobatto(void);
void suite_stages(void);
void suite_mechanics(void);
void suite_discrete(void);
void suite_native(void);
void suite_lanes(void);
void suite_systems(void);
void suite_job(void);
void suite_object(void);
void suite_object_bad(void);
void suite_cache(void);
void suite_cache_places(void);
void suite_solve(void);
void suite_affine(void);
void suite_affine_long(void);
void suite_sweeps(void);
void suite_newton(void);
void suite_compensated(void);
void suite_wide(void);
void suite_powers(void);
void suite_choose(void);
void suite_session(void);
void suite_tiers(void);
void suite_gradient(void);
void suite_fit(void);
void suite_arithmetic(void);
void suite_terms(void);
void suite_network(void);
void suite_adam(void);
void suite_train(void);
void suite_golden(void);
void suite_laws(void);
void suite_random(void);

#endif
