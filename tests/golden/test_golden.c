/* test_golden.c: every trajectory of tests/golden, 50-digit references, by every backend, to 1e-12 (1 + |value|). */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN_TOLERANCE 1e-12
enum { LINE = 8192, COLUMNS = 64 };

typedef struct Golden {
    char lagrangian[LINE], parameters[LINE], header[LINE];
    unsigned r, steps;
    double dt;
    double *row; /* [rows, columns] */
    size_t rows, columns;
} Golden;

static bool golden_header(Golden *g, char *line) {
    line[strcspn(line, "\r\n")] = 0;
    if (sscanf(line, "# Lagrangian: %8191[^\n]", g->lagrangian) == 1) return true;
    if (sscanf(line, "# parameters: %8191[^\n]", g->parameters) == 1) return true;
    if (sscanf(line, "# r = %u, dt = %lf, steps = %u", &g->r, &g->dt, &g->steps) == 3) return true;
    return line[0] == '#';
}

static bool golden_read(Golden *g, const char *path) {
    static char line[LINE];
    FILE *file = fopen(path, "r");
    *g = (Golden){0};
    if (!file) return false;
    while (fgets(line, sizeof line, file)) {
        if (line[0] == '#') {
            golden_header(g, line);
        } else if (!g->columns) {
            memcpy(g->header, line, sizeof g->header);
            g->columns = 1;
            for (char *c = line; *c; c++) g->columns += *c == ',';
            g->row = calloc((g->steps + 1) * g->columns, sizeof *g->row);
        } else if (g->rows <= g->steps) {
            char *c = line;
            for (size_t j = 0; j < g->columns; j++, c++) g->row[g->rows * g->columns + j] = strtod(c, &c);
            g->rows++;
        }
    }
    fclose(file);
    return g->rows == g->steps + 1;
}

/* "m = 1, k = 2" as statements. */
static void statements(const Golden *g, char *text, size_t size) {
    char list[LINE];
    memcpy(list, g->parameters, sizeof list);
    for (char *c = list; *c; c++)
        if (*c == ',') *c = ';';
    snprintf(text, size, "%s\n%s\n", list, g->lagrangian);
}

static void compare(const Golden *g, const char *name, LagBackend backend) {
    static char text[2 * LINE];
    statements(g, text, sizeof text);
    Harness h = harness_read(text);
    size_t d = (g->columns - 1) / 2;
    CU_ASSERT_EQUAL_FATAL(lag_model_dof(h.model), d);
    char header[LINE] = "t";
    for (int part = 0; part < 2; part++)
        for (uint32_t k = 0; k < d; k++) {
            strcat(header, part ? ",pi_" : ",");
            strcat(header, lag_model_coordinate(h.model, k));
        }
    CU_ASSERT_NSTRING_EQUAL(header, g->header, strlen(header));
    double *row = harness_integrate(
        &h,
        (HarnessRun){.r = g->r, .backend = backend, .h = g->dt, .steps = g->steps, .q = g->row + 1, .pi = g->row + 1 + d});
    double worst = 0;
    for (size_t i = 0; row && i < g->rows * g->columns; i++)
        worst = fmax(worst, fabs(row[i] - g->row[i]) / (1 + fabs(g->row[i])));
    CU_ASSERT(row && worst <= GOLDEN_TOLERANCE);
    printf("\n    %-28s %-12s largest error %.1e (1 + |value|)", name, backend == LAG_BACKEND_LLVM ? "LLVM" : "interpreter",
           worst);
    free(row);
    harness_free(&h);
}

static void test_trajectories(void) {
    static const char *const name[] = {"dho_r0",          "dho_r1",
                                       "dho_r2",          "dho_r4",
                                       "dho_r8",          "dho_2_4_1_r2",
                                       "dho_2_3_1_r2",    "dho_6.88_14.19_5.46_r2",
                                       "prd_r0",          "prd_r1",
                                       "prd_r2",          "prd_r4",
                                       "prd_r8",          "double_pendulum_r2",
                                       "fput_8_r2",       "relativistic_r1",
                                       "varying_mass_r2", "field_r3"};
    static Golden g;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        char file[128];
        snprintf(file, sizeof file, "golden/%s.csv", name[i]);
        bool there = golden_read(&g, suite_path(file));
        CU_ASSERT(there);
        if (there) compare(&g, name[i], LAG_BACKEND_INTERPRETER);
        if (there) compare(&g, name[i], LAG_BACKEND_LLVM);
        free(g.row);
    }
}

/* Harmonic oscillator at orders far beyond the usual: two steps, within 1e-12 of cos and sin. */
static void test_high_order(void) {
    static const struct {
        uint32_t r;
        double h;
    } high[] = {{40, 5}, {200, 10}};
    for (size_t i = 0; i < 2; i++)
        for (int backend = LAG_BACKEND_INTERPRETER; backend <= LAG_BACKEND_LLVM; backend++) {
            Harness h = harness_read("qd^2/2 - q^2/2");
            const double q = 1, pi = 0;
            double *row = harness_integrate(
                &h, (HarnessRun){
                        .r = high[i].r, .backend = (LagBackend)backend, .h = high[i].h, .steps = 2, .q = &q, .pi = &pi});
            double worst = 0;
            for (int n = 0; row && n <= 2; n++) {
                worst = fmax(worst, fabs(row[3 * n + 1] - cos(n * high[i].h)));
                worst = fmax(worst, fabs(row[3 * n + 2] + sin(n * high[i].h)));
            }
            CU_ASSERT(row && worst <= 1e-12);
            printf("\n    r = %u, dt = %g: largest error %.1e", high[i].r, high[i].h, worst);
            free(row);
            harness_free(&h);
        }
}

void suite_golden(void) {
    suite_add("golden", (SuiteTest[]){{"trajectories", test_trajectories}, {"high order", test_high_order}, {0}});
}
