/* begin.c: where to look from without a guess.
 *
 * Where A and B are linear in the parameters c that are looked for, A = A_0 + A_c c and B = B_0 + B_c c, the equations of
 * motion are linear in them along any path. The data make one (smooth.h). Then
 *
 *     B(q_i, v_i) = pi_i      and      pi_j - pi_i = integral of A from t_i to t_j      (B's difference where pi is not
 * seen)
 *
 * for many i and j are solved by least squares. Nothing is differenced twice, so that noise does little harm. */
#include "fit.h"

#include "../solve/linear.h"
#include "../solve/point.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double begin_known = 9;    /* a direction is known whose square is so many times that of its error */
static const double begin_alike = 1e-9; /* derivatives that differ by less do not depend on the parameters */

/* Lambda at the path's points. */
typedef struct Path {
    const Fit *fit;
    LagSlopes slopes;
    uint32_t d, m, p;          /* p: parameters looked for */
    uint32_t *which, *pivot;   /* [p] their places among the unknowns; scratch */
    size_t rows;               /* where all coordinates are seen */
    const size_t *row;         /* [rows] which of the data's */
    const double *t, *q, *v;   /* [rows], [rows, d] */
    double *A, *B;             /* [rows, d] A_0, B_0 */
    double *slope_A, *slope_B; /* [rows, d, p] */
    double *array[LAG_ARRAY_COUNT];
    double *N, *right, *equation; /* [p, p], [p], [p] */
    double *vector, *value;       /* [p, p], [p] of N's spectrum */
    double square;                /* of all right sides */
    size_t equations;
    double *block;
} Path;

/* ---- Lambda along it ---- */

/* A and B at row i with the parameters in the arrays. */
static void run_point(Path *path, size_t i) {
    double **a = path->array;
    a[LAG_TIME][0] = path->t[i];
    memcpy(a[LAG_Q], path->q + i * path->d, path->d * sizeof(double));
    memcpy(a[LAG_V], path->v + i * path->d, path->d * sizeof(double));
    path->slopes.point.run(path->slopes.point.code, a);
}

/* Columns of A_c or B_c for the parameters looked for. */
static void pick_columns(const Path *path, const double *all, double *to) {
    for (uint32_t k = 0; k < path->d; k++)
        for (uint32_t j = 0; j < path->p; j++)
            to[k * path->p + j] = all[k * path->m + path->fit->ask->unknown[path->which[j]].index];
}

static double *parameter_of(const Path *path, uint32_t j) {
    return &path->array[LAG_PARAMETER][path->fit->ask->unknown[path->which[j]].index];
}

/* Fills A, B and their slopes; false where they are not linear. */
static bool linearise(Path *path) {
    const size_t d = path->d, p = path->p, wide = d * p;
    double *a_0 = path->A, *b_0 = path->B, *other = path->equation + p, worst = 0, most = 0; /* [2, d, p] scratch */
    for (size_t i = 0; i < path->rows; i++) {
        double *A_c = path->slope_A + i * wide, *B_c = path->slope_B + i * wide;
        for (uint32_t j = 0; j < p; j++) *parameter_of(path, j) = 1;
        run_point(path, i);
        pick_columns(path, path->array[LAG_AP], A_c);
        pick_columns(path, path->array[LAG_BP], B_c);
        for (size_t k = 0; k < d; k++) {
            a_0[i * d + k] = path->array[LAG_A][k];
            b_0[i * d + k] = path->array[LAG_B][k];
            for (size_t j = 0; j < p; j++) a_0[i * d + k] -= A_c[k * p + j], b_0[i * d + k] -= B_c[k * p + j];
        }
        for (uint32_t j = 0; j < p; j++) *parameter_of(path, j) = 0.3 + 1.7 * (j + 1);
        run_point(path, i);
        pick_columns(path, path->array[LAG_AP], other);
        pick_columns(path, path->array[LAG_BP], other + wide);
        for (size_t e = 0; e < wide; e++) {
            worst = fmax(worst, fmax(fabs(A_c[e] - other[e]), fabs(B_c[e] - other[wide + e])));
            most = fmax(most, fmax(fabs(A_c[e]), fabs(B_c[e])));
            if (!isfinite(A_c[e] + B_c[e] + other[e] + other[wide + e])) return false;
        }
        if (!linear_finite(a_0 + i * d, d) || !linear_finite(b_0 + i * d, d)) return false;
    }
    return most > 0 && worst <= begin_alike * most;
}

/* ---- Equations ---- */

/* One: equation . c = right, of some weight. */
static void take_equation(Path *path, double right, double weight) {
    const double *x = path->equation;
    path->square += weight * weight * right * right;
    path->equations++;
    for (uint32_t a = 0; a < path->p; a++) {
        path->right[a] += weight * weight * x[a] * right;
        for (uint32_t b = 0; b < path->p; b++) path->N[a * path->p + b] += weight * weight * x[a] * x[b];
    }
}

static double momentum_seen(const Path *path, size_t i, uint32_t k) {
    const double *pi = path->fit->ask->motion.seen.pi;
    return pi ? pi[path->row[i] * path->d + k] : NAN;
}

static void take_momentum(Path *path, size_t i, uint32_t k, double weight) {
    double pi = momentum_seen(path, i, k);
    if (isnan(pi)) return;
    memcpy(path->equation, path->slope_B + (i * path->d + k) * path->p, path->p * sizeof(double));
    take_equation(path, pi - path->B[i * path->d + k], weight);
}

/* From row i to row j, the integral by the trapezium rule. */
static void take_force(Path *path, size_t i, size_t j, uint32_t k, double weight) {
    const size_t d = path->d, p = path->p;
    double right = momentum_seen(path, j, k) - momentum_seen(path, i, k);
    bool seen = !isnan(right);
    if (!seen) right = path->B[j * d + k] - path->B[i * d + k];
    memset(path->equation, 0, p * sizeof(double));
    for (size_t n = i; n <= j; n++) {
        double before = n > i ? path->t[n] - path->t[n - 1] : 0, behind = n < j ? path->t[n + 1] - path->t[n] : 0;
        double part = (before + behind) / 2;
        right -= part * path->A[n * d + k];
        for (size_t c = 0; c < p; c++) path->equation[c] += part * path->slope_A[(n * d + k) * p + c];
    }
    for (size_t c = 0; c < p && !seen; c++)
        path->equation[c] -= path->slope_B[(j * d + k) * p + c] - path->slope_B[(i * d + k) * p + c];
    take_equation(path, right, weight);
}

static void take_all(Path *path) {
    const Fit *f = path->fit;
    for (uint32_t k = 0; k < path->d; k++) {
        double size = f->size[f->d + k], weight = size > 0 ? 1 / size : 1;
        for (size_t i = 0; i < path->rows; i++) take_momentum(path, i, k, weight);
        for (size_t i = 0; i + f->smooth.window < path->rows; i++) take_force(path, i, i + f->smooth.window, k, weight);
    }
}

/* c where nothing has a scale: the first value keeps its guess. */
static bool solve_free(Path *path, double known) {
    const uint32_t p = path->p;
    for (uint32_t a = 0; a < p; a++) {
        path->right[a] = -path->N[a * p] * (isnan(known) ? 1 : known);
        path->N[a * p] = path->N[a] = a == 0;
    }
    path->right[0] = isnan(known) ? 1 : known;
    for (uint32_t a = 0; a < p; a++) path->N[a * p + a] *= 1 + 1e-13;
    if (linear_factor(path->N, p, path->pivot, path->equation) != LAG_OK) return false;
    linear_solve(path->N, p, path->pivot, path->right);
    return true;
}

/* c, but for directions in which it is not known from 0: errors make them large where terms are much alike. */
static void solve_known(Path *path) {
    const uint32_t p = path->p;
    double *scale = path->equation, *N = path->N, *z = path->right, most = 0, left = path->square;
    for (uint32_t a = 0; a < p; a++) scale[a] = N[a * p + a] > 0 ? 1 / sqrt(N[a * p + a]) : 0;
    for (uint32_t a = 0; a < p; a++)
        for (uint32_t b = 0; b < p; b++) N[a * p + b] *= scale[a] * scale[b];
    errors_spectrum(N, p, path->value, path->vector);
    for (uint32_t i = 0; i < p; i++) most = fmax(most, path->value[i]);
    for (uint32_t i = 0; i < p; i++) {
        N[i] = 0; /* the spectrum has used it up */
        for (uint32_t a = 0; a < p; a++) N[i] += path->vector[i * p + a] * scale[a] * z[a];
        if (path->value[i] > 1e-13 * most) left -= N[i] * N[i] / path->value[i];
    }
    double free = path->equations > p ? (double)(path->equations - p) : 1;
    double size = fmax(left, 0) / free * (double)path->fit->smooth.window; /* so many equations share their errors */
    memset(z, 0, p * sizeof *z);
    for (uint32_t i = 0; i < p; i++) {
        if (!(path->value[i] > 1e-13 * most) || N[i] * N[i] < begin_known * size * path->value[i]) continue;
        for (uint32_t a = 0; a < p; a++) z[a] += path->vector[i * p + a] * scale[a] * N[i] / path->value[i];
    }
}

/* c into x. */
static bool solve(Path *path, double *x) {
    const uint32_t p = path->p;
    double size = 0;
    bool good = true;
    for (uint32_t a = 0; a < p; a++) size = fmax(size, fabs(path->right[a]));
    if (size == 0)
        good = solve_free(path, x[path->which[0]]);
    else
        solve_known(path);
    if (!good || !linear_finite(path->right, p)) return false;
    for (uint32_t a = 0; a < p; a++) x[path->which[a]] = path->right[a];
    return true;
}

/* Values of the start, where the first row is it. */
static void begin_start(Path *path, double *x) {
    const Fit *f = path->fit;
    const LagGradientAsk *motion = &f->ask->motion;
    if (path->t[0] != motion->t) return;
    for (uint32_t j = 0; j < path->p; j++) *parameter_of(path, j) = x[path->which[j]];
    run_point(path, 0);
    for (uint32_t i = 0; i < f->k; i++) {
        const LagUnknown *u = &f->ask->unknown[i];
        if (u->kind == LAG_UNKNOWN_COORDINATE) x[i] = path->q[u->index];
        if (u->kind == LAG_UNKNOWN_RATE) x[i] = motion->pi ? path->array[LAG_B][u->index] : path->v[u->index];
    }
}

/* ---- All of it ---- */

static bool room_for(Path *path) {
    const Fit *f = path->fit;
    const size_t d = f->d, m = f->m, rows = f->rows, p = f->k, *size = f->kernel->size;
    const size_t work = size[LAG_WORK] > path->slopes.work ? size[LAG_WORK] : path->slopes.work;
    const struct {
        double **piece;
        size_t size;
    } pieces[] = {{&path->A, rows * d},
                  {&path->B, rows * d},
                  {&path->slope_A, rows * d * p},
                  {&path->slope_B, rows * d * p},
                  {&path->N, p * p},
                  {&path->right, p},
                  {&path->vector, p * p},
                  {&path->value, p},
                  {&path->equation, p + 2 * d * p},
                  {&path->array[LAG_TIME], 2},
                  {&path->array[LAG_PARAMETER], m},
                  {&path->array[LAG_Q], d},
                  {&path->array[LAG_V], d},
                  {&path->array[LAG_A], d},
                  {&path->array[LAG_B], d},
                  {&path->array[LAG_AQ], d * d},
                  {&path->array[LAG_AV], d * d},
                  {&path->array[LAG_BQ], d * d},
                  {&path->array[LAG_BV], d * d},
                  {&path->array[LAG_AP], d * m},
                  {&path->array[LAG_BP], d * m},
                  {&path->array[LAG_WORK], work + 1}};
    size_t total = 1;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) total += pieces[i].size;
    double *at = path->block = calloc(total, sizeof *at);
    path->which = calloc(2 * p + 1, sizeof *path->which);
    if (!at || !path->which) return false;
    path->pivot = path->which + p;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) *pieces[i].piece = at, at += pieces[i].size;
    return true;
}

bool begin_linear(Fit *f, double *x) {
    const Smooth *smooth = &f->smooth;
    Path path = {.fit = f, .d = f->d, .m = f->m, .rows = smooth->rows};
    path.row = smooth->row, path.t = smooth->t, path.q = smooth->q, path.v = smooth->v;
    for (uint32_t i = 0; i < f->k; i++) path.p += f->ask->unknown[i].kind == LAG_UNKNOWN_PARAMETER;
    bool good = f->kernel->slopes(f->kernel, 1, 0, &path.slopes) && room_for(&path);
    f->lacking |= !good;
    for (uint32_t i = 0, j = 0; i < f->k && good; i++)
        if (f->ask->unknown[i].kind == LAG_UNKNOWN_PARAMETER) path.which[j++] = i;
    if (good) memcpy(path.array[LAG_PARAMETER], f->c, f->m * sizeof *f->c);
    good = good && path.p && linearise(&path);
    if (good) take_all(&path);
    good = good && solve(&path, x);
    if (good) begin_start(&path, x);
    free(path.block);
    free(path.which);
    return good;
}
