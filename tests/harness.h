/* harness.h: from text to trajectory in a few lines, for tests. */
#ifndef LAG_TESTS_HARNESS_H
#define LAG_TESTS_HARNESS_H

#include "lag.h"
#include "suite.h"

/* A text that was read. */
typedef struct Harness {
    LagSession *session;
    LagProgram *program;
    const LagModel *model;
    LagStatus status;
} Harness;

Harness harness_read(const char *text); /* fails the test, and prints what is wrong, if the text has errors */
void harness_free(Harness *harness);

/* The current parameter values of the model, c[at most 64]. */
const double *harness_parameters(const Harness *harness);

/* The model's kernel; and an integrator of one, with parameters c (NULL where there are none), that starts at time t from
 * coordinates q and momenta pi, freed by the caller. What fails ends the test. */
const LagKernel *harness_kernel(const Harness *harness, uint32_t r, LagBackend backend);
LagIntegrator *harness_begin(const LagKernel *kernel, LagMethod method, const double *c, double t, const double *q,
                             const double *pi);

typedef struct HarnessRun {
    uint32_t r;
    LagBackend backend;
    LagMethod method;
    double h;
    uint64_t steps;
    double t;
    const double *q;
    const double *pi; /* or */
    const double *v;
} HarnessRun;

/* Rows 0 .. steps of [t, q.., pi..], d the degrees of freedom: allocated, freed by the caller. NULL, with the test failed,
 * if anything went wrong. */
double *harness_integrate(const Harness *harness, HarnessRun run);

/* The last diagnostics as they are printed, allocated. */
char *harness_diagnostics(const LagSession *session);

#endif
