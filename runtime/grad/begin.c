/* begin.c: where to look from without a guess.
 *
 * Where A and B are linear in the parameters c that are looked for, A = A_0 + A_c c and B = B_0 + B_c c, the equations of
 * motion are linear in them along any path. The data make one: q and v are those of polynomials fitted to a few rows about
 * each. Then
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

enum { WINDOW = 4, DEGREE = 4, LEAST = 5 }; /* rows on each side; of the polynomials; rows in all */

static const double begin_alike = 1e-9; /* derivatives that differ by less do not depend on the parameters */

/* Lambda at the path's points. */
typedef struct Path {
    const Fit *fit;
    LagSlopes slopes;
    uint32_t d, m, p;          /* p: parameters looked for */
    uint32_t *which;           /* [p] their places among the unknowns */
    size_t rows;               /* where all coordinates are seen */
    size_t *row;               /* [rows] which of the data's */
    double *t, *q, *v;         /* [rows], [rows, d] */
    double *A, *B;             /* [rows, d] A_0, B_0 */
    double *slope_A, *slope_B; /* [rows, d, p] */
    double *array[LAG_ARRAY_COUNT];
    double *N, *right, *equation; /* [p, p], [p], [p] */
    double *block;
    size_t *places;
} Path;

/* ---- The path ---- */

/* Value and derivative at 0 of the polynomial nearest to y(u) [count]; false where there is none. */
static bool nearest(const double *u, const double *y, size_t count, double *value, double *slope) {
    double a[(DEGREE + 1) * (DEGREE + 1)] = {0}, b[DEGREE + 1] = {0}, scale[DEGREE + 1];
    uint32_t n = count > DEGREE + 2 ? DEGREE + 1 : count > 3 ? 3 : 2, pivot[DEGREE + 1];
    for (size_t i = 0; i < count; i++) {
        double power[DEGREE + 1] = {1};
        for (uint32_t j = 1; j < n; j++) power[j] = power[j - 1] * u[i];
        for (uint32_t j = 0; j < n; j++) {
            b[j] += power[j] * y[i];
            for (uint32_t k = 0; k < n; k++) a[j * n + k] += power[j] * power[k];
        }
    }
    if (linear_factor(a, n, pivot, scale) != LAG_OK) return false;
    linear_solve(a, n, pivot, b);
    *value = b[0], *slope = b[1];
    return isfinite(b[0]) && isfinite(b[1]);
}

/* q and v at each row that has all coordinates. */
static bool smooth(Path *path) {
    const Fit *f = path->fit;
    const LagSeen *seen = &f->ask->motion.seen;
    const size_t width = 2 * WINDOW + 1 < path->rows ? 2 * WINDOW + 1 : path->rows;
    double u[2 * WINDOW + 1], y[2 * WINDOW + 1];
    for (size_t i = 0; i < path->rows; i++) path->t[i] = seen->t[path->row[i]];
    for (size_t i = 0; i < path->rows; i++) {
        size_t first = i < WINDOW ? 0 : i - WINDOW;
        if (first + width > path->rows) first = path->rows - width;
        double unit = path->t[first + width - 1] - path->t[first];
        if (unit == 0) return false;
        for (uint32_t k = 0; k < path->d; k++) {
            for (size_t j = 0; j < width; j++) {
                u[j] = (path->t[first + j] - path->t[i]) / unit;
                y[j] = seen->q[path->row[first + j] * path->d + k];
            }
            size_t at = i * path->d + k;
            if (!nearest(u, y, width, &path->q[at], &path->v[at])) return false;
            path->v[at] /= unit;
        }
    }
    return true;
}

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
        for (size_t i = 0; i + WINDOW < path->rows; i++) take_force(path, i, i + WINDOW, k, weight);
    }
}

/* c into x. Where nothing has a scale, the first value keeps its guess. */
static bool solve(Path *path, double *x) {
    const uint32_t p = path->p;
    double size = 0, known = x[path->which[0]], *scale = path->equation;
    uint32_t *pivot = (uint32_t *)path->places; /* no longer used */
    for (uint32_t a = 0; a < p; a++) size = fmax(size, fabs(path->right[a]));
    bool free = size == 0;
    for (uint32_t a = 0; a < p && free; a++) {
        path->right[a] = -path->N[a * p] * (isnan(known) ? 1 : known);
        path->N[a * p] = path->N[a] = a == 0;
    }
    if (free) path->right[0] = isnan(known) ? 1 : known;
    for (uint32_t a = 0; a < p; a++) path->N[a * p + a] *= 1 + 1e-13;
    if (linear_factor(path->N, p, pivot, scale) != LAG_OK) return false;
    linear_solve(path->N, p, pivot, path->right);
    if (!linear_finite(path->right, p)) return false;
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

/* The rows that have all coordinates, and the parameters looked for. */
static void list_rows(Path *path) {
    const Fit *f = path->fit;
    const double *q = f->ask->motion.seen.q;
    for (size_t i = 0; i < f->rows && q; i++)
        if (linear_finite(q + i * f->d, f->d)) path->row[path->rows++] = i;
    for (uint32_t i = 0; i < f->k; i++)
        if (f->ask->unknown[i].kind == LAG_UNKNOWN_PARAMETER) path->which[path->p++] = i;
}

static bool room_for(Path *path) {
    const Fit *f = path->fit;
    const size_t d = f->d, m = f->m, rows = f->rows, p = f->k, *size = f->kernel->size;
    const size_t work = size[LAG_WORK] > path->slopes.work ? size[LAG_WORK] : path->slopes.work;
    const struct {
        double **piece;
        size_t size;
    } pieces[] = {{&path->t, rows},
                  {&path->q, rows * d},
                  {&path->v, rows * d},
                  {&path->A, rows * d},
                  {&path->B, rows * d},
                  {&path->slope_A, rows * d * p},
                  {&path->slope_B, rows * d * p},
                  {&path->N, p * p},
                  {&path->right, p},
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
    path->places = calloc(rows + p, sizeof *path->places);
    path->which = calloc(p, sizeof *path->which);
    if (!at || !path->places || !path->which) return false;
    path->row = path->places;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) *pieces[i].piece = at, at += pieces[i].size;
    return true;
}

bool begin_linear(Fit *f, double *x) {
    Path path = {.fit = f, .d = f->d, .m = f->m};
    bool good = f->kernel->slopes(f->kernel, 1, 0, &path.slopes) && room_for(&path);
    f->lacking |= !good;
    if (good) list_rows(&path);
    good = good && path.p && path.rows >= LEAST && smooth(&path);
    if (good) memcpy(path.array[LAG_PARAMETER], f->c, f->m * sizeof *f->c);
    good = good && linearise(&path);
    if (good) take_all(&path);
    good = good && solve(&path, x);
    if (good) begin_start(&path, x);
    free(path.block);
    free(path.places);
    free(path.which);
    return good;
}
