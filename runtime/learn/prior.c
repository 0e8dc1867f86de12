/* prior.c: how the systems of a family are drawn. System i of a seed depends on nothing but the two and the prior, so that
 * what is drawn doesn't depend on batches or threads, and goes on where it was left off. */
#include "prior.h"

#include "../grad/unknown.h"
#include "../solve/chance.h"
#include "functions.h"

#include <math.h>
#include <string.h>

double prior_number(uint64_t seed, uint64_t index, uint32_t which) {
    uint64_t state = chance_mixed(seed + CHANCE_GOLDEN);
    state = chance_mixed(state + (index + 1) * CHANCE_GOLDEN);
    state = chance_mixed(state + (which + 1ull) * CHANCE_GOLDEN);
    return ((double)(state >> 12) + 0.5) * 0x1p-52;
}

static bool draw_fits(const LagDraw *draw, uint32_t d, uint32_t m) {
    return unknown_is(&draw->what, d, m) && isfinite(draw->low) && isfinite(draw->high) &&
           isfinite(draw->high - draw->low) && draw->low <= draw->high && draw->zero >= 0 && draw->zero <= 1 &&
           (!draw->log || (draw->low > 0 && draw->zero == 0));
}

bool prior_fits(const LagPrior *prior, uint32_t d, uint32_t m) {
    bool good = prior->q && (prior->pi ? !prior->v : prior->v != NULL) && (prior->c || m == 0) && isfinite(prior->t) &&
                (prior->draw || prior->draws == 0) && (prior->together || prior->togethers == 0);
    for (uint32_t i = 0; good && i < prior->draws; i++) good = draw_fits(&prior->draw[i], d, m);
    for (uint32_t i = 0; good && i < prior->togethers; i++) {
        const LagTogether *t = &prior->together[i];
        good = t->share >= 0 && t->share <= 1 && (t->draw || t->count == 0);
        for (uint32_t j = 0; good && j < t->count; j++) good = t->draw[j] < prior->draws;
    }
    return good;
}

/* One system. Numbers 2 i and 2 i + 1 are draw i's; those behind them tell what is 0 together. */
static void draw_one(const LagPrior *prior, uint64_t seed, uint64_t index, double *c, double *q, double *rate) {
    for (uint32_t i = 0; i < prior->draws; i++) {
        const LagDraw *draw = &prior->draw[i];
        bool zero = prior_number(seed, index, 2 * i + 1) < draw->zero;
        double part = prior_number(seed, index, 2 * i), value = draw->low + (draw->high - draw->low) * part;
        if (draw->log) value = draw->low * same_exp(part * same_log(draw->high / draw->low));
        *unknown_place(&draw->what, c, q, rate) = zero ? 0 : value;
    }
    for (uint32_t i = 0; i < prior->togethers; i++) {
        const LagTogether *t = &prior->together[i];
        if (!(prior_number(seed, index, 2 * prior->draws + i) < t->share)) continue;
        for (uint32_t j = 0; j < t->count; j++) *unknown_place(&prior->draw[t->draw[j]].what, c, q, rate) = 0;
    }
}

LagStatus lag_prior_draw(const LagKernel *kernel, const LagPrior *prior, uint64_t seed, uint64_t first, size_t count,
                         double *c, double *q, double *rate) {
    if (!kernel || !prior || !q || !rate || !prior_fits(prior, kernel->dof, kernel->parameter_count))
        return LAG_ERROR_ARGUMENT;
    const size_t d = kernel->dof, m = kernel->parameter_count;
    if (m && !c) return LAG_ERROR_ARGUMENT;
    for (size_t i = 0; i < count; i++) {
        if (m) memcpy(c + i * m, prior->c, m * sizeof *c);
        memcpy(q + i * d, prior->q, d * sizeof *q);
        memcpy(rate + i * d, prior->pi ? prior->pi : prior->v, d * sizeof *rate);
        draw_one(prior, seed, first + i, c + i * m, q + i * d, rate + i * d);
    }
    return LAG_OK;
}
