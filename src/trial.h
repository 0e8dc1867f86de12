/* trial.h: short runs that tell what a step's errors are. */
#ifndef LAG_TRIAL_H
#define LAG_TRIAL_H

#include "base/memory.h"
#include "lag.h"

enum {
    TRIAL_CHECKS = 32, /* places of a stretch where trials are compared with its reference */
    TRIAL_FEW = 8,     /* of a stretch of few steps */
};

/* What the trials of one choice share. */
typedef struct Trials {
    const LagModel *model;
    LagBackend backend;
    const LagChoiceAsk *ask;
    LagMethod method;   /* that asked for, or LAG_METHOD_COMPENSATED */
    uint32_t d, fine_r; /* fine_r: of references */
    double span;        /* to the end of the run, with its sign */
    uint64_t steps;     /* of the step that was given; else 0 */
    double *q, *pi;     /* [d] the start */
    double *size;       /* [d] the largest coordinates known, which errors are relative to */
    double slack;       /* of the next run (lag_integrator_slack) */
    double spent;       /* seconds of trials, as counted */
    LagStatus fault;    /* why there can be no choice: memory, a backend, an interruption */
    Arena arena;
} Trials;

/* A run of so many steps, or what it told. */
typedef struct Trial {
    bool good;                  /* it came to its end, and iterations converged */
    double iterations, seconds; /* a step */
    double first;               /* seconds that the first step takes besides */
} Trial;

/* A stretch of the motion, with a reference. */
typedef struct Stretch {
    double t, span;
    double *q, *pi; /* [d] where it begins */
    uint32_t checks;
    uint64_t steps;              /* of half as many as the reference's */
    double *path, *path_pi;      /* [checks, d] the reference */
    double *trial;               /* [checks, d] of the trial at hand, */
    double error[TRIAL_CHECKS];  /* and its errors: the largest so far */
    double growth[TRIAL_CHECKS]; /* what a small change of the start has grown by, the same */
    double noise;                /* error of the reference that more steps don't make smaller; else 0 */
} Stretch;

/* What round-off is beside that of a state in one double a number. */
static inline double trial_rounding(const Trials *c) { return c->method == LAG_METHOD_COMPENSATED ? 1.0 / 8 : 1; }

/* Numbers that live as long as the choice; NULL sets `fault`. */
double *trial_numbers(Trials *c, size_t count);

/* An integrator of the choice's method and parameters, or NULL, which sets `fault`. */
LagIntegrator *trial_integrator(Trials *c, uint32_t r, const LagKernel **kernel);

/* Where a run begins, and its steps. */
typedef struct Path {
    double t, h;
    const double *q, *pi; /* [d] */
    uint64_t steps;
    uint32_t rows; /* kept; `steps` is a multiple of them */
} Path;

/* Takes the steps; rows go into q[rows, d], and pi if that is not NULL. */
Trial trial_run(Trials *c, uint32_t r, const Path *path, double *q, double *pi);

/* Makes the sizes that errors are relative to at least those of rows of coordinates. */
void trial_widen(Trials *c, const double *q, size_t rows);

/* Errors of rows of coordinates against others, the largest so far after each into error[rows]; and the last of these. */
double trial_compare(const Trials *c, const double *q, const double *truth, size_t rows, double *error);

/* The first stretch, from the start: as much of the run as is worth it. False if it can't be had. */
bool trial_begin(Trials *c, Stretch *s);

/* Tries so many steps of r, a multiple of the stretch's checks, on it. */
Trial trial_on(Trials *c, Stretch *s, uint32_t r, uint64_t steps);

#endif
