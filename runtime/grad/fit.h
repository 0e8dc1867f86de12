/* fit.h: what the parts of a fit share: fit.c looks for the values, begin.c for where to look from, errors.c tells how well
 * they are known. */
#ifndef LAG_GRAD_FIT_H
#define LAG_GRAD_FIT_H

#include "loss.h"
#include "smooth.h"
#include "unknown.h"

/* Observations as one list of residuals e = motion - seen, [count]: those of the coordinates [rows, d], then the momenta's.
 * A value that was not seen counts for nothing: its e and the row of its derivatives are 0. */
typedef struct Fit {
    const LagKernel *kernel;
    const LagFitAsk *ask;
    LagGradient *gradient;
    uint32_t d, m, k; /* k: unknowns */
    size_t rows, count;
    double *c, *q, *rate;    /* what x stands in: [m], [d], [d] */
    double *low, *high;      /* [k] bounds, or infinite */
    bool *strict;            /* [2, k] the value itself is not allowed */
    double *e, *J;           /* [count], [count, k] at the last evaluation */
    double *square;          /* [count] what e^2/2 counts for */
    double *sigma;           /* [2 d] of the columns: what errors are like */
    size_t *seen;            /* [2 d] values seen in each */
    double *size;            /* [2 d] of the values seen in each: root mean square */
    double *H, *g;           /* [k, k], [k]: J' W J and J' W e */
    double *factors, *scale; /* [k, k], [k] scratch */
    double *trial, *step;    /* [k] */
    double *slope;           /* [m] scratch */
    uint32_t *pivot;         /* [k] */
    double *block;
    Smooth smooth; /* curves through the data; */
    bool smoothed; /* if there are any */
    uint64_t evaluations;
    bool lacking; /* memory: nothing that is found then counts */
    double least; /* of the loss, for those who watch */
} Fit;

enum { FIT_MOTIONS = 10000 }; /* about so many are run before a fit is content with what it has */

/* A point x [k] to where the motion takes it from, and back. */
void fit_put(const Fit *fit, const double *x);
void fit_get(const Fit *fit, double *x);

/* fit.c: whether there is all that a fit needs, and in its range. */
bool fit_can(const LagKernel *kernel, const LagFitAsk *ask, const LagFitOut *out);

/* fit.c: residuals and derivatives at x; false where there is no motion. */
bool fit_evaluate(Fit *fit, const double *x);

/* fit.c: what each residual counts for at the values at hand, and J' W J and J' W e; gives back what is minimised. */
double fit_cost(Fit *fit, const double *x);
void fit_normal(Fit *fit);

/* fit.c: brings a point into the bounds; from `from`, where a value that is not allowed is come nearer to, and no more. And
 * the column [2 d] of a residual, and whether its value was seen. */
void fit_keep_within(const Fit *fit, double *x, const double *from);
size_t fit_column(const Fit *fit, size_t residual);
bool fit_is_seen(const Fit *fit, size_t residual);

/* descend.c: from x down to the nearest minimum, which it becomes, sizes of errors being found on the way where they are
 * wanted; what is minimised there, infinite where there is no motion at x. *status: LAG_INTERRUPTED, if so. */
double fit_settle(Fit *fit, double *x, LagStatus *status);

/* descend.c: sigmas from what is left at the values at hand: by how much they have changed. */
double fit_weigh(Fit *fit);

/* descend.c: whether it was told to give up. */
bool fit_stopped(const Fit *fit);

/* begin.c: a point from the equations of motion along the data, where A and B are linear in the parameters looked for. False
 * where that can't be had. x holds the guess. */
bool begin_linear(Fit *fit, double *x);

/* segments.c: leads a point along the record, from short segments of it to all, where coordinates are all observed
 * (f->smoothed). False where there is no motion. */
bool segments_lead(Fit *fit, const double *guess, double *x, LagStatus *status);

/* errors.c: standard errors and so on, at the values that fit_evaluate was last asked for. False without memory. */
bool errors_tell(Fit *fit, LagFitOut *out);

/* errors.c: eigenvalues and eigenvectors (rows) of the symmetric a[n, n], which is used up, by Jacobi's rotations. */
void errors_spectrum(double *a, uint32_t n, double *value, double *vector);

#endif
