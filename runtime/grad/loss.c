/* loss.c: see loss.h. With e = predicted - seen, w a column's weight, and sums over the rows and columns of a group (all
 * coordinates, or all momenta) that were seen, n of them:
 *
 *     l2     (sum w e^2)^(1/2)                 eq. 28 of Roberts, "A Lagrangian mechanics oriented approach ..."
 *     lp     (sum w |e|^p)^(1/p)
 *     mse    sum w e^2 / n
 *     mae    sum w |e| / n
 *     huber  sum w rho(e) / n,  rho = e^2 / 2 up to delta, then delta (|e| - delta / 2)
 *
 * and the loss is alpha times that of the coordinates and beta times that of the momenta. Where a kind has no derivative (a
 * norm at 0, |e| at 0), 0 is used: the one in the middle. */
#include "loss.h"

#include <float.h>
#include <math.h>

bool loss_fits(const LagLoss *loss, uint32_t d, uint32_t m) {
    bool good = (unsigned)loss->kind < LAG_LOSSES && isfinite(loss->alpha) && isfinite(loss->beta) && loss->cap >= 0;
    if (loss->kind == LAG_LOSS_HUBER) good = good && loss->delta > 0;
    if (loss->kind == LAG_LOSS_LP) good = good && loss->p >= 1 && isfinite(loss->p);
    for (uint32_t k = 0; good && loss->weight && k < 2 * d; k++) good = loss->weight[k] >= 0 && isfinite(loss->weight[k]);
    for (uint32_t i = 0; good && i < loss->bounds; i++)
        good = loss->bound[i].parameter < m && (unsigned)loss->bound[i].kind < LAG_BOUNDS && isfinite(loss->bound[i].value);
    return good;
}

/* ---- A group ---- */

typedef struct Group {
    const double *seen, *predicted, *weight; /* weight [d], or NULL */
    double *seed;                            /* the errors first, then what they are for the loss */
    size_t rows;
    uint32_t d, stride;
    size_t count;         /* values that were seen */
    double most, squares; /* the largest |e|; sum w e^2 */
} Group;

static double weight_of(const Group *g, size_t i) { return g->weight ? g->weight[g->d == 1 ? 0 : i % g->d] : 1; }

/* The errors, 0 where a value was not seen: that counts for nothing in any kind. */
static void measure(Group *g) {
    double most = 0, squares = 0;
    size_t count = 0;
    for (size_t i = 0; i < g->rows * g->d; i++) {
        double seen = g->seen[i], e = g->predicted[i * g->stride] - seen;
        bool missing = seen != seen;
        e = missing ? 0 : e;
        count += !missing;
        g->seed[i * g->stride] = e;
        most = fabs(e) <= most ? most : fabs(e);
        squares += weight_of(g, i) * (e * e);
    }
    g->most = most;
    g->count = count;
    g->squares = squares;
}

/* A norm. Where squares would overflow or be lost, sums are taken relative to the largest error. */
static double norm_of(const Group *g, double p) {
    double sum = 0, scale = 1 / g->most;
    if (p == 2 && g->most > 1e-140 && g->most < 1e140) return sqrt(g->squares);
    if (!isfinite(g->most)) return g->most;
    if (!(scale <= DBL_MAX)) return 0;
    for (size_t i = 0; i < g->rows * g->d; i++) {
        double part = fabs(g->seed[i * g->stride]) * scale;
        sum += weight_of(g, i) * (p == 2 ? part * part : pow(part, p));
    }
    return g->most * (p == 2 ? sqrt(sum) : pow(sum, 1 / p));
}

static double sign_of(double e) { return (e > 0) - (e < 0); }

/* d loss / d e of one value, by the group's factor. */
static double slope_of(const LagLoss *loss, double e, double w, double norm, double n) {
    switch (loss->kind) {
    case LAG_LOSS_L2: return norm > 0 ? w * (e / norm) : 0;
    case LAG_LOSS_LP: return norm > 0 ? w * sign_of(e) * pow(fabs(e) / norm, loss->p - 1) : 0;
    case LAG_LOSS_MSE: return 2 * w * e / n;
    case LAG_LOSS_MAE: return w * sign_of(e) / n;
    default: return w * (fabs(e) <= loss->delta ? e : loss->delta * sign_of(e)) / n;
    }
}

static double value_of(const LagLoss *loss, double e, double w) {
    double size = fabs(e);
    switch (loss->kind) {
    case LAG_LOSS_MSE: return w * e * e;
    case LAG_LOSS_MAE: return w * size;
    default: return w * (size <= loss->delta ? e * e / 2 : loss->delta * (size - loss->delta / 2));
    }
}

static double group_loss(const LagLoss *loss, Group *g, double factor) {
    bool norm = loss->kind == LAG_LOSS_L2 || loss->kind == LAG_LOSS_LP;
    double sum = 0, n;
    measure(g);
    n = (double)g->count;
    if (norm) sum = norm_of(g, loss->kind == LAG_LOSS_L2 ? 2 : loss->p);
    double each = loss->kind == LAG_LOSS_L2 && sum > 0 ? factor / sum : 0; /* in one product what slope_of says of it */
    bool plain = each > 0 && each <= DBL_MAX;
    for (size_t i = 0; i < g->rows * g->d; i++) {
        double *seed = &g->seed[i * g->stride], e = *seed, w = weight_of(g, i);
        if (!plain && !norm) sum += value_of(loss, e, w);
        *seed = plain ? w * e * each : factor * slope_of(loss, e, w, sum, n);
    }
    return g->count == 0 ? 0 : factor * (norm ? sum : sum / n);
}

double loss_rows(const LagLoss *loss, const LossRows *r) {
    const double *weight = loss->weight;
    Group q = {r->seen_q, r->q, weight, r->seed_q, r->rows, r->d, r->stride, 0, 0, 0},
          pi = {r->seen_pi, r->pi, weight ? weight + r->d : NULL, r->seed_pi, r->rows, r->d, r->stride, 0, 0, 0};
    double value = 0;
    bool some_q = r->seen_q && loss->alpha != 0, some_pi = r->seen_pi && loss->beta != 0;
    for (size_t i = 0; i < r->rows * r->d && !some_q; i++) r->seed_q[i * r->stride] = 0;
    for (size_t i = 0; i < r->rows * r->d && !some_pi; i++) r->seed_pi[i * r->stride] = 0;
    if (some_q) value += group_loss(loss, &q, loss->alpha);
    if (some_pi) value += group_loss(loss, &pi, loss->beta);
    return value;
}

/* ---- Bounds and the cap ---- */

/* Eq. 29 for c >= b: 20 (c - b + 0.1)^2 below b - 0.1. For c > b, which is to be kept off, the same from b + 0.1 on down. */
double loss_penalty(const LagLoss *loss, const double *c, double *slope) {
    double sum = 0;
    for (uint32_t i = 0; i < loss->bounds; i++) {
        const LagBound *x = &loss->bound[i];
        bool upper = x->kind == LAG_BOUND_AT_MOST || x->kind == LAG_BOUND_BELOW;
        bool strict = x->kind == LAG_BOUND_ABOVE || x->kind == LAG_BOUND_BELOW;
        double within = upper ? x->value - c[x->parameter] : c[x->parameter] - x->value;
        double beyond = within + (strict ? -0.1 : 0.1);
        if (!(beyond < 0)) continue;
        sum += 20 * beyond * beyond;
        slope[x->parameter] += (upper ? -40 : 40) * beyond;
    }
    return sum;
}

/* Up to half of the cap the loss itself, then cap - cap^2 / (4 loss), which has the same value and derivative there, still
 * grows, and ends at the cap. */
double loss_capped(const LagLoss *loss, double value, double *factor) {
    double cap = loss->cap;
    *factor = 1;
    if (cap == 0 || value <= cap / 2) return value;
    if (!isfinite(value)) return *factor = 0, cap;
    double part = cap / value;
    *factor = part * part / 4;
    return cap - part * cap / 4;
}

double loss_square(const LagLoss *loss, double e, double w, size_t count, double norm) {
    double n = (double)count, least = 1e-12 * norm;
    if (loss->kind == LAG_LOSS_L2) return norm > 0 ? w / norm : w;
    if (loss->kind == LAG_LOSS_MSE) return 2 * w / n;
    if (loss->kind == LAG_LOSS_HUBER) return w * (fabs(e) <= loss->delta ? 1 : loss->delta / fabs(e)) / n;
    double size = fabs(e) > least ? fabs(e) : least;
    if (!(size > 0)) return w;
    return loss->kind == LAG_LOSS_MAE ? w / (n * size) : w * pow(size / norm, loss->p - 1) / size;
}
