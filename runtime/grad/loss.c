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
#include <string.h>

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
    const double *const *seen; /* [systems][rows, d] */
    const double *predicted;   /* [rows, d], each of all systems */
    const double *weight;      /* [d], or NULL */
    double *seed;              /* the errors first, then what they are for the loss */
    size_t rows;
    uint32_t d, systems;
    double count[LAG_SYSTEMS];                      /* values that were seen */
    double most[LAG_SYSTEMS], squares[LAG_SYSTEMS]; /* the largest |e|; sum w e^2 */
} Group;

static inline double weight_of(const Group *g, uint32_t k) { return g->weight ? g->weight[k] : 1; }

#define LOSS_SYSTEMS 1
#define LOSS_LANES 1
#define LOSS_TARGET
#define LOSS(name) name##_alone
#include "loss_width.h"
#undef LOSS_SYSTEMS
#undef LOSS_LANES
#undef LOSS

#define LOSS_SYSTEMS LAG_SYSTEMS
#define LOSS_LANES 2
#define LOSS(name) name##_2
#include "loss_width.h"
#undef LOSS_LANES
#undef LOSS_TARGET
#undef LOSS

#if defined(__x86_64__)
#define LOSS_LANES 4
#define LOSS_TARGET __attribute__((target("avx2")))
#define LOSS(name) name##_4
#include "loss_width.h"
#undef LOSS_LANES
#undef LOSS_TARGET
#undef LOSS

#define LOSS_LANES 8
#define LOSS_TARGET __attribute__((target("avx512f"), no_sanitize("object-size"))) /* flow.c says why */
#define LOSS(name) name##_8
#include "loss_width.h"
#endif

typedef struct LossCode {
    void (*measure)(Group *g);
    void (*scale)(const Group *g, const double *factor);
} LossCode;

static const LossCode *code_of(uint32_t systems) {
    static const LossCode alone = {measure_alone, scale_alone}, two = {measure_2, scale_2};
#if defined(__x86_64__)
    static const LossCode four = {measure_4, scale_4}, eight = {measure_8, scale_8};
    if (systems > 1 && __builtin_cpu_supports("avx512f")) return &eight;
    if (systems > 1 && __builtin_cpu_supports("avx2")) return &four;
#endif
    return systems > 1 ? &two : &alone;
}

/* ---- One system of a group ---- */

/* A norm. Where squares would overflow or be lost, sums are taken relative to the largest error. */
static double norm_of(const Group *g, uint32_t lane, double p) {
    const double most = g->most[lane], scale = 1 / most, *e = g->seed + lane;
    double sum = 0;
    if (p == 2 && most > 1e-140 && most < 1e140) return sqrt(g->squares[lane]);
    if (!isfinite(most)) return most;
    if (!(scale <= DBL_MAX)) return 0;
    for (size_t row = 0; row < g->rows; row++)
        for (uint32_t k = 0; k < g->d; k++, e += g->systems) {
            double part = fabs(*e) * scale;
            sum += weight_of(g, k) * (p == 2 ? part * part : pow(part, p));
        }
    return most * (p == 2 ? sqrt(sum) : pow(sum, 1 / p));
}

static double sign_of(double e) { return (e > 0) - (e < 0); }

/* d loss / d e of one value. */
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

/* The loss of any kind, value by value. */
static double odd_loss(const LagLoss *loss, const Group *g, uint32_t lane, double factor) {
    const bool norm = loss->kind == LAG_LOSS_L2 || loss->kind == LAG_LOSS_LP;
    const double n = g->count[lane];
    double *seed = g->seed + lane, sum = norm ? norm_of(g, lane, loss->kind == LAG_LOSS_L2 ? 2 : loss->p) : 0;
    if (n == 0) return 0; /* and so are all seeds */
    for (size_t row = 0; row < g->rows; row++)
        for (uint32_t k = 0; k < g->d; k++, seed += g->systems) {
            const double e = *seed, w = weight_of(g, k);
            if (!norm) sum += value_of(loss, e, w);
            *seed = factor * slope_of(loss, e, w, sum, n);
        }
    return factor * (norm ? sum : sum / n);
}

/* Where the loss is a norm whose squares are plain numbers, seeds are errors by one factor; else that is 0. */
static double factor_of(const LagLoss *loss, const Group *g, uint32_t lane, double factor) {
    const double most = g->most[lane], each = factor / sqrt(g->squares[lane]);
    return loss->kind == LAG_LOSS_L2 && most > 1e-140 && most < 1e140 && fabs(each) <= DBL_MAX ? each : 0;
}

static double lane_loss(const LagLoss *loss, const Group *g, uint32_t lane, double factor, double each) {
    double *seed = g->seed + lane;
    if (each == 0) return odd_loss(loss, g, lane, factor);
    for (size_t row = 0; row < g->rows; row++)
        for (uint32_t k = 0; k < g->d; k++, seed += g->systems) *seed = weight_of(g, k) * *seed * each;
    return factor * sqrt(g->squares[lane]);
}

/* ---- All of them ---- */

/* Adds factor times the group's loss to value[systems]. */
static void group_loss(const LagLoss *loss, Group *g, double factor, double *value) {
    double each[LAG_SYSTEMS];
    bool plain = true;
    const LossCode *code = code_of(g->systems);
    code->measure(g);
    for (uint32_t lane = 0; lane < g->systems; lane++) {
        each[lane] = factor_of(loss, g, lane, factor);
        plain = plain && each[lane] != 0;
    }
    if (plain) code->scale(g, each);
    for (uint32_t lane = 0; lane < g->systems; lane++)
        value[lane] += plain ? factor * sqrt(g->squares[lane]) : lane_loss(loss, g, lane, factor, each[lane]);
}

void loss_rows(const LagLoss *loss, const LossRows *r, double *value) {
    const double *weight = loss->weight;
    const size_t size = r->rows * r->d * r->systems * sizeof *r->seed_q;
    Group q = {.seen = r->seen_q, .predicted = r->q, .weight = weight, .seed = r->seed_q},
          pi = {.seen = r->seen_pi, .predicted = r->pi, .weight = weight ? weight + r->d : NULL, .seed = r->seed_pi};
    q.rows = pi.rows = r->rows, q.d = pi.d = r->d, q.systems = pi.systems = r->systems;
    memset(value, 0, r->systems * sizeof *value);
    if (r->seen_q[0] && loss->alpha != 0)
        group_loss(loss, &q, loss->alpha, value);
    else
        memset(r->seed_q, 0, size);
    if (r->seen_pi[0] && loss->beta != 0)
        group_loss(loss, &pi, loss->beta, value);
    else
        memset(r->seed_pi, 0, size);
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
