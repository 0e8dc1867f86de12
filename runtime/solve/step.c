/* step.c: the step's equations by Newton's method, to round-off.
 *
 * Factors of the Jacobian, or its inverse, serve as long as corrections shrink well, from step to step if need be: what a
 * correction with kept factors shrinks by, theta = |next| / |change|, tells both how good they are and how much is still
 * missing. A trial whose correction doesn't shrink is halved (the test with the same factors on both sides depends on no
 * units). The end is where a correction is round-off of z itself, coordinate by coordinate; or of the state where that is as
 * good as it gets.
 */
#include "step.h"

#include "guess.h"
#include "linear.h"
#include "pair.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_MOST = 50, STEP_HALVINGS = 12, STEP_INVERSE_MOST = 200 };

static const double step_slow = 0.1;   /* a theta above it asks for a new Jacobian */
static const double step_tiny = 1e-10; /* a coordinate below this part of the largest is tiny */

LagStatus stepper_init(Stepper *s, Frame *frame) {
    size_t n = frame->n, d = frame->d, square = frame->kernel->size[LAG_JACOBIAN],
           most = (size_t)(frame->s - 1) * STEP_KNOTS;
    *s = (Stepper){.frame = frame};
    size_t inverse = n <= STEP_INVERSE_MOST ? n * n : 0;
    s->block = calloc(square + inverse + 5 * n + 5 * d + most, sizeof *s->block);
    s->pivot = calloc(n, sizeof *s->pivot);
    LagStatus status = runge_kutta_init(&s->march, frame, true);
    if (!s->block || !s->pivot || status != LAG_OK) {
        stepper_free(s);
        return LAG_ERROR_MEMORY;
    }
    double **const piece[] = {&s->scale, &s->base, &s->change, &s->next, &s->path};
    double *at = s->block;
    s->factors = at, at += square;
    s->inverse = inverse ? at : NULL, at += inverse;
    for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) *piece[i] = at, at += n;
    s->v = at, at += d;
    s->a = at, at += d;
    s->reach = at, at += 2 * d;
    s->start = at, at += d;
    s->extrapolate = at;
    guess_init(s);
    double nodes = frame->s;
    s->tolerance = DBL_EPSILON * (2 + nodes / 64);
    s->rough = DBL_EPSILON * (64 + nodes * nodes);
    return LAG_OK;
}

void stepper_free(Stepper *s) {
    runge_kutta_free(&s->march);
    free(s->block);
    free(s->pivot);
    *s = (Stepper){0};
}

void stepper_forget(Stepper *s) { s->factored = s->keep = s->followed = false; }

/* ---- Corrections ---- */

/* How large a correction is: relative to z and to the state, each by coordinates; and to all of the state. */
typedef struct Size {
    double strict, loose, whole;
} Size;

/* A coordinate that is tiny beside the others, such as a mass that the motion has hardly reached, is measured against a
 * small part of theirs: to its last bits it is made of their round-off. */
static Size size_of(const Stepper *s, const double *change) {
    const Frame *f = s->frame;
    const double *z = f->array[LAG_Z], *q = f->array[LAG_Q];
    double *top = s->reach, *dz = s->reach + f->d; /* of each coordinate, the largest z and the largest change */
    double least = DBL_MIN * f->s * f->s, change_most = 0, state_most = least; /* below it numbers have fewer bits */
    for (uint32_t k = 0; k < f->d; k++) {
        double most = 0, t = 0;
        for (uint32_t i = k; i < f->n; i += f->d) {
            double c = fabs(change[i]), old = fabs(z[i]), new = fabs(z[i] + change[i]);
            most = c > most ? c : most;
            t = old > t ? old : t;
            t = new > t ? new : t;
        }
        top[k] = t, dz[k] = most;
        change_most = most > change_most ? most : change_most;
        t = fabs(q[k]) > t ? fabs(q[k]) : t;
        state_most = t > state_most ? t : state_most;
    }
    Size size = {.whole = change_most / state_most};
    double floor = step_tiny * state_most > least ? step_tiny * state_most : least;
    for (uint32_t k = 0; k < f->d; k++) {
        double t = top[k] > floor ? top[k] : floor, state = fabs(q[k]) > t ? fabs(q[k]) : t;
        double strict = dz[k] / t, loose = dz[k] / state;
        size.strict = strict > size.strict ? strict : size.strict;
        size.loose = loose > size.loose ? loose : size.loose;
    }
    return size;
}

static double residual_norm(const Stepper *s) {
    const double *F = s->frame->array[LAG_RESIDUAL];
    double worst = 0;
    for (uint32_t i = 0; i < s->frame->n; i++) {
        if (!(fabs(F[i]) <= DBL_MAX)) return INFINITY;
        if (fabs(F[i]) > worst) worst = fabs(F[i]);
    }
    return worst;
}

/* The Jacobian's inverse, from its factors. */
static void invert(const Stepper *s) {
    uint32_t n = s->frame->n;
    for (uint32_t j = 0; j < n; j++) {
        double *column = s->inverse + (size_t)j * n;
        memset(column, 0, n * sizeof *column);
        column[j] = 1;
        linear_solve(s->factors, n, s->pivot, column);
    }
}

/* change = -J^-1 F: no term waits for another, as they do in a solution by factors. */
static void apply_inverse(const Stepper *s, const double *F, double *change) {
    uint32_t n = s->frame->n;
    memset(change, 0, n * sizeof *change);
    for (uint32_t j = 0; j < n; j++) {
        const double *column = s->inverse + (size_t)j * n, f = F[j];
        for (uint32_t i = 0; i < n; i++) change[i] -= column[i] * f;
    }
}

/* The correction -J^-1 F into `change`, by the factors at hand; or by the inverse, which is made once they have served as
 * often as that costs. */
static bool correct(Stepper *s, double *change) {
    const double *F = s->frame->array[LAG_RESIDUAL];
    uint32_t n = s->frame->n;
    if (s->inverse && s->served == n) {
        invert(s);
        s->served++;
    }
    if (s->inverse && s->served > n) {
        apply_inverse(s, F, change);
    } else {
        for (uint32_t i = 0; i < n; i++) change[i] = -F[i];
        linear_solve(s->factors, n, s->pivot, change);
        if (s->inverse) s->served++;
    }
    return linear_finite(change, n);
}

/* Residual and factors at z. The factors stay as they were if something is not finite; a singular Jacobian leaves none. */
static LagStatus refresh(Stepper *s) {
    Frame *f = s->frame;
    double *jacobian = f->array[LAG_JACOBIAN];
    memset(jacobian, 0, (size_t)f->n * f->n * sizeof *jacobian); /* it held factors */
    frame_run(f, LAG_STEP_JACOBIAN);
    if (!linear_finite(f->array[LAG_RESIDUAL], f->n)) return LAG_ERROR_NOT_FINITE;
    if (!linear_finite(jacobian, (size_t)f->n * f->n)) return LAG_ERROR_NOT_FINITE;
    f->array[LAG_JACOBIAN] = s->factors;
    s->factors = jacobian;
    s->served = 0;
    LagStatus status = linear_factor(jacobian, f->n, s->pivot, s->scale);
    s->factored = status == LAG_OK;
    return status;
}

/* ---- Newton ---- */

/* Where the iteration stands: residual and `change` are those at z. */
typedef struct Iteration {
    Size size;      /* of change */
    uint32_t count; /* corrections so far */
    bool fresh;     /* the factors are those at z, or at the z before */
    bool last;      /* the next correction should be round-off */
    bool done;      /* z solves the equations and the residual belongs to it */
} Iteration;

/* New factors at z and a new correction by them. */
static LagStatus renew(Stepper *s, Iteration *at) {
    LagStatus status = refresh(s);
    if (status != LAG_OK) return status;
    if (!correct(s, s->change)) return s->factored = false, LAG_ERROR_SINGULAR;
    at->size = size_of(s, s->change);
    at->fresh = true;
    at->last = false;
    at->count++;
    return LAG_OK;
}

static LagStatus begin(Stepper *s, Iteration *at) {
    *at = (Iteration){0};
    if (s->factored && s->keep) {
        frame_run(s->frame, LAG_STEP_RESIDUAL);
        if (!linear_finite(s->frame->array[LAG_RESIDUAL], s->frame->n)) return LAG_ERROR_NOT_FINITE;
        if (!correct(s, s->change)) return LAG_ERROR_SINGULAR;
        at->size = size_of(s, s->change);
        at->count = 1;
        return LAG_OK;
    }
    LagStatus status = renew(s, at);
    if (status != LAG_OK && residual_norm(s) == 0) return at->done = true, LAG_OK; /* at rest: nothing to be solved */
    return status;
}

/* Goes from z by `change`, or by the part of it after which the correction is smaller: z is the trial, `next` its
 * correction, *theta what it shrank by. */
static LagStatus advance(Stepper *s, Iteration *at, double *theta) {
    Frame *f = s->frame;
    double *z = f->array[LAG_Z], part = 1;
    bool finite = true;
    memcpy(s->base, z, f->n * sizeof *z);
    for (int halving = 0; halving < STEP_HALVINGS;) {
        for (uint32_t i = 0; i < f->n; i++) z[i] = s->base[i] + part * s->change[i];
        frame_run(f, LAG_STEP_RESIDUAL);
        finite = linear_finite(f->array[LAG_RESIDUAL], f->n) && correct(s, s->next);
        Size size = finite ? size_of(s, s->next) : (Size){INFINITY, INFINITY, INFINITY};
        *theta = size.strict / at->size.strict;
        bool ground = at->size.loose <= s->rough || (at->fresh && at->size.whole <= s->tolerance);
        if (*theta <= 1 - part / 4 || (finite && part == 1 && ground)) {
            at->done = *theta > 0.5 && ground; /* as small as corrections get */
            at->size = size;
            at->count++;
            return LAG_OK;
        }
        if (!at->fresh) {
            memcpy(z, s->base, f->n * sizeof *z);
            LagStatus status = renew(s, at);
            if (status != LAG_OK) return status;
            part = 1;
        } else {
            part /= 2;
            halving++;
        }
    }
    return finite ? LAG_ERROR_NEWTON : LAG_ERROR_NOT_FINITE;
}

/* Solves the step's equations from the z at hand, unless the first correction says that they are far off. LAG_OK: z is the
 * solution, and IMPULSE and VELOCITY are those at a z that is the same to round-off. */
static LagStatus newton(Stepper *s, double far) {
    Frame *f = s->frame;
    Iteration at;
    LagStatus status = begin(s, &at);
    if (status == LAG_OK && at.size.loose > far) status = LAG_ERROR_NEWTON;
    while (status == LAG_OK && !at.done) {
        if (at.size.strict <= s->tolerance || (at.last && at.size.strict <= 16 * s->tolerance)) {
            for (uint32_t i = 0; i < f->n; i++) f->array[LAG_Z][i] += s->change[i];
            break;
        }
        double theta;
        status = at.count < STEP_MOST ? advance(s, &at, &theta) : LAG_ERROR_NEWTON;
        if (status != LAG_OK || at.done) break;
        double *next = s->next;
        s->next = s->change;
        s->change = next;
        at.last = theta * at.size.strict <= s->tolerance;
        at.fresh = false;
        if (theta > step_slow && at.size.strict > s->tolerance) status = renew(s, &at);
        if (status == LAG_ERROR_NOT_FINITE && s->factored) status = LAG_OK; /* the kept factors are better than none */
    }
    s->iterations += at.count;
    s->keep = status == LAG_OK && s->factored && at.count <= 4 + f->n / 32;
    return status;
}

/* ---- The step ---- */

/* Takes over the solution; false if it is not finite. */
static bool commit(Stepper *s) {
    Frame *f = s->frame;
    double *z = f->array[LAG_Z], *q = f->array[LAG_Q], *pi = f->array[LAG_PI], *impulse = f->array[LAG_IMPULSE];
    double *low = f->array[LAG_LOW];
    const double *end = z + (size_t)f->kernel->r * f->d;
    bool finite = true;
    for (uint32_t k = 0; k < f->d; k++) finite &= fabs(q[k] + end[k]) <= DBL_MAX && fabs(pi[k] + impulse[k]) <= DBL_MAX;
    for (uint32_t k = 0; finite && k < f->d; k++) {
        pair_add(&q[k], s->compensated ? &low[k] : NULL, end[k]);
        pair_add(&pi[k], s->compensated ? &low[f->d + k] : NULL, impulse[k]);
    }
    if (!finite) return false;
    memcpy(s->path, z, f->n * sizeof *z);
    memcpy(s->v, f->array[LAG_VELOCITY] + (size_t)(f->s - 1) * f->d, f->d * sizeof *s->v);
    return true;
}

LagStatus stepper_step(Stepper *s, double t, double h) {
    Frame *f = s->frame;
    if (lag_kernel_is_wide(f->kernel)) return LAG_ERROR_SWEEPS;
    if (h != s->h) stepper_forget(s);
    s->h = f->array[LAG_TIME][1] = h;
    f->array[LAG_TIME][0] = t;
    LagStatus worst = LAG_OK;
    int tries = 0;
    for (int guess = s->followed ? GUESS_FOLLOW : GUESS_MARCH; guess < GUESS_COUNT && tries < 4; guess++) {
        if (!guess_fill(s, guess)) continue;
        bool choosy = guess == GUESS_FOLLOW || guess == GUESS_MARCH; /* wild guesses may lead to another solution */
        LagStatus status = newton(s, choosy ? 0.1 : INFINITY);
        s->residual = residual_norm(s);
        if (status == LAG_OK && !commit(s)) status = LAG_ERROR_NOT_FINITE;
        if (status == LAG_OK) {
            s->followed = true;
            s->residual = 0;
            return LAG_OK;
        }
        s->factored = s->keep = false;
        if (choosy && status == LAG_ERROR_NEWTON) continue; /* that says nothing about the equations */
        if (worst != LAG_ERROR_NEWTON) worst = status;
        tries += status == LAG_ERROR_NEWTON;
    }
    s->followed = false;
    return worst == LAG_OK ? LAG_ERROR_NOT_FINITE : worst;
}
