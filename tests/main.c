/* main.c: runs the suites; with arguments, only those whose names begin with one of them. Exit status 1 if any test failed.
 */
#include "suite.h"

#include <CUnit/Basic.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char **wanted;

void suite_add(const char *name, const SuiteTest *tests) {
    bool want = !*wanted;
    for (char **w = wanted; *w; w++) want = want || strncmp(name, *w, strlen(*w)) == 0;
    if (!want) return;
    CU_pSuite suite = CU_add_suite(name, NULL, NULL);
    for (; suite && tests->name; tests++)
        if (!CU_add_test(suite, tests->name, tests->run)) suite = NULL;
    if (!suite) {
        fprintf(stderr, "cannot register suite %s\n", name);
        exit(2);
    }
}

const char *suite_path(const char *file) {
    static char path[4096];
    const char *root = getenv("LAG_TESTS");
    snprintf(path, sizeof path, "%s/%s", root ? root : "tests", file);
    return path;
}

unsigned suite_multiplier(void) {
    const char *text = getenv("LAG_TEST_MULTIPLIER");
    int value = text ? atoi(text) : 1;
    return value > 0 ? (unsigned)value : 1;
}

unsigned long long suite_bits(SuiteRandom *random) {
    unsigned long long z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

double suite_uniform(SuiteRandom *random, double low, double high) {
    return low + (high - low) * ((double)(suite_bits(random) >> 11) * 0x1p-53);
}

bool suite_near(double a, double b, double tolerance) { return fabs(a - b) <= tolerance * (1 + fabs(b)); }

int suite_in_child(int (*act)(void)) {
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(act());
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 255;
    return WEXITSTATUS(status);
}

int main(int argc, char **argv) {
    (void)argc;
    wanted = argv + 1;
    if (CU_initialize_registry() != CUE_SUCCESS) return 2;
    suite_base();
    suite_tree();
    suite_table();
    suite_graph();
    suite_tape();
    suite_circular();
    suite_lobatto();
    suite_stages();
    suite_mechanics();
    suite_discrete();
    suite_native();
    suite_lanes();
    suite_systems();
    suite_job();
    suite_object();
    suite_object_bad();
    suite_cache();
    suite_cache_places();
    suite_solve();
    suite_affine();
    suite_affine_long();
    suite_sweeps();
    suite_newton();
    suite_compensated();
    suite_wide();
    suite_powers();
    suite_choose();
    suite_session();
    suite_tiers();
    suite_gradient();
    suite_fit();
    suite_arithmetic();
    suite_terms();
    suite_network();
    suite_adam();
    suite_train();
    suite_golden();
    suite_laws();
    suite_random();
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed ? 1 : 0;
}
