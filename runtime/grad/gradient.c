/* gradient.c: losses of motions and their derivatives (lag.h, "Losses and gradients").
 *
 * LAG_SYSTEMS systems are a group, in lanes where there is code for that; else each is one. A group runs forth, its rows are
 * compared with what was observed, and what that makes of them goes back through its steps. */
#include "linear_motion.h"
#include "loss.h"
#include "record.h"
#include "start.h"
#include "tangent.h"

#include "../solve/crew.h"
#include "../solve/flush.h"
#include "../solve/linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a thread has to itself. */
typedef struct Worker {
    Flow flow[2]; /* of one system, of several */
    bool ready[2];
    Record record;
    LinearMotion linear;
    double *rows; /* of a group: q, pi and their seeds [rows, d]; derivatives [m], [d], [d]; and [m] scratch */
    size_t room;
    LagStatus status;
} Worker;

struct LagGradient {
    const LagKernel *kernel;
    size_t systems;
    Crew *crew;
    Worker *worker; /* [members] */
    atomic_bool cancelled;
    /* The run under way. */
    const LagGradientAsk *ask;
    const LagGradientOut *out;
    Sights sights;
    uint32_t width;    /* systems of a group */
    bool linear;       /* steps are affine maps */
    bool compared;     /* more than the motion is wanted, */
    bool back;         /* and more than its loss */
    LagStatus *status; /* [systems] */
    bool *lost;        /* [systems] the loss is not finite */
};

/* ---- Memory ---- */

LagStatus lag_gradient_new(const LagKernel *kernel, size_t systems, uint32_t threads, LagGradient **gradient) {
    if (!kernel || !gradient || systems == 0 || kernel->abi != LAG_KERNEL_ABI) return LAG_ERROR_ARGUMENT;
    LagGradient *g = calloc(1, sizeof *g);
    if (!g) return LAG_ERROR_MEMORY;
    g->kernel = kernel;
    g->systems = systems;
    g->crew = crew_new(threads, (systems + LAG_SYSTEMS - 1) / LAG_SYSTEMS);
    g->worker = g->crew ? calloc(crew_members(g->crew), sizeof *g->worker) : NULL;
    g->status = calloc(systems, sizeof *g->status);
    g->lost = calloc(systems, sizeof *g->lost);
    LagStatus status = g->worker && g->status && g->lost ? LAG_OK : LAG_ERROR_MEMORY;
    if (status == LAG_OK) status = flow_init(&g->worker[0].flow[0], kernel, 1);
    if (status == LAG_OK) g->worker[0].ready[0] = true;
    if (status == LAG_OK)
        *gradient = g;
    else
        lag_gradient_free(g);
    return status;
}

void lag_gradient_free(LagGradient *g) {
    if (!g) return;
    for (uint32_t i = 0; g->worker && i < crew_members(g->crew); i++) {
        Worker *w = &g->worker[i];
        for (int wide = 0; wide < 2; wide++)
            if (w->ready[wide]) flow_free(&w->flow[wide]);
        record_free(&w->record);
        linear_free(&w->linear);
        free(w->rows);
    }
    crew_free(g->crew);
    free(g->worker);
    free(g->status);
    free(g->lost);
    free(g);
}

/* The flow of a group, and room for all of the run. */
static LagStatus prepare(LagGradient *g, Worker *w, Flow **flow) {
    const int wide = g->width > 1;
    const size_t d = g->kernel->dof, m = g->kernel->parameter_count, lanes = g->width;
    const size_t room = (4 * (g->sights.rows + 1) * d + m + 2 * d) * lanes + m;
    if (!w->ready[wide]) {
        LagStatus status = flow_init(&w->flow[wide], g->kernel, g->width);
        if (status != LAG_OK) return status;
        w->ready[wide] = true;
    }
    *flow = &w->flow[wide];
    if (!flow_expect(*flow, 0)) return LAG_ERROR_MEMORY;
    start_choose(*flow, true);
    const LagGradientAsk *ask = g->ask;
    if (g->linear ? !linear_open(&w->linear, *flow, ask->t, ask->h, g->sights.steps, ask->sparing)
                  : !record_open(&w->record, *flow, ask->t, ask->h, g->sights.steps, ask->sparing))
        return LAG_ERROR_MEMORY;
    w->record.cancelled = &g->cancelled;
    if (room > w->room) {
        enum { LINE = 64 };
        free(w->rows);
        w->rows = aligned_alloc(LINE, (room * sizeof *w->rows + LINE - 1) / LINE * LINE);
        w->room = w->rows ? room : 0;
    }
    return w->rows ? LAG_OK : LAG_ERROR_MEMORY;
}

/* ---- A group ---- */

/* Where a lane's results stand among all. */
typedef struct Place {
    uint32_t lane;
    size_t system;
} Place;

static double *at(double *array, size_t system, size_t size) { return array ? array + system * size : NULL; }

static LagStatus begin_lane(const LagGradient *g, Flow *f, Place p) {
    const LagGradientAsk *ask = g->ask;
    const size_t d = f->d, m = f->m;
    const double *c = m ? ask->c + p.system * m : NULL, *q = ask->q + p.system * d;
    flow_begin(f, p.lane, c, q);
    const double *rate = (ask->pi ? ask->pi : ask->v) + p.system * d;
    bool finite = linear_finite(q, d) && linear_finite(rate, d) && linear_finite(c, m);
    if (!finite) return LAG_ERROR_NOT_FINITE;
    if (ask->pi) return flow_to(f->array[LAG_PI], f->systems, p.lane, rate, d), LAG_OK;
    return start_momentum(f, p.lane, ask->t, rate);
}

/* The loss of a lane and its seeds. */
static double lane_loss(const LagGradient *g, const Flow *f, Place p, double *const rows[4]) {
    const LagSeen *seen = &g->ask->seen;
    const size_t size = seen->rows * f->d;
    LossRows r = {.rows = seen->rows,
                  .d = f->d,
                  .stride = f->systems,
                  .seen_q = seen->q ? seen->q + p.system * size : NULL,
                  .seen_pi = seen->pi ? seen->pi + p.system * size : NULL,
                  .q = rows[0] + p.lane,
                  .pi = rows[1] + p.lane,
                  .seed_q = rows[2] + p.lane,
                  .seed_pi = rows[3] + p.lane};
    return loss_rows(g->ask->loss, &r);
}

/* A derivative under the cap: what is no number any more counts for nothing where all is to be finite. */
static void put(double *to, const double *lanes, const Flow *f, Place p, size_t count, double factor, bool capped) {
    if (!to) return;
    flow_from(lanes, f->systems, p.lane, to, count);
    for (size_t i = 0; i < count; i++) {
        to[i] = factor == 0 ? 0 : to[i] * factor;
        if (capped && !isfinite(to[i])) to[i] = 0;
    }
}

/* Loss, penalties, cap; then everything to where it is wanted. `by` is [m], [d], [d] of the group. */
static void finish_lane(LagGradient *g, Flow *f, Place p, double loss, double *const by[3]) {
    const LagGradientOut *out = g->out;
    const LagLoss *kind = g->ask->loss;
    const size_t d = f->d, m = f->m;
    LagStatus status = g->status[p.system];
    double factor, penalty = 0, *slope = by[2] + d * f->systems; /* [m] scratch */
    for (size_t j = 0; j < m; j++) slope[j] = 0;
    if (m) penalty = loss_penalty(kind, g->ask->c + p.system * m, slope);
    bool capped = kind->cap > 0;
    double value = loss_capped(kind, status == LAG_OK ? loss + penalty : NAN, &factor);
    if (!capped && status != LAG_OK) factor = NAN;
    if (isnan(value) && capped) value = kind->cap, factor = 0;
    g->lost[p.system] = !isfinite(value);
    if (out->loss) out->loss[p.system] = value;
    if (!g->back) return;
    for (size_t j = 0; j < m; j++) by[0][j * f->systems + p.lane] += slope[j];
    put(at(out->c, p.system, m), by[0], f, p, m, factor, capped);
    put(at(out->q, p.system, d), by[1], f, p, d, factor, capped);
    put(at(out->rate, p.system, d), by[2], f, p, d, factor, capped);
}

/* Whether a lane has a motion, and that, to where they are wanted. */
static void keep_motion(LagGradient *g, const Flow *f, Place p, double *const rows[4]) {
    LagStatus status = g->status[p.system] = f->status[p.lane];
    g->lost[p.system] = status != LAG_OK;
    if (g->out->status) g->out->status[p.system] = status;
    double *const to[] = {g->out->motion_q, g->out->motion_pi};
    const size_t count = g->ask->seen.rows * f->d;
    for (int which = 0; which < 2; which++) {
        double *into = at(to[which], p.system, count);
        if (!into) continue;
        flow_from(rows[which], f->systems, p.lane, into, count);
        for (size_t i = 0; i < count && status != LAG_OK; i++) into[i] = NAN;
    }
}

/* From the rows back to what they depend on. */
static void run_back(LagGradient *g, Worker *w, Flow *f, double *const rows[4], double *const by[3]) {
    if (g->linear)
        linear_back(&w->linear, &g->sights, rows[2], rows[3], by[1], by[2], by[0]);
    else
        record_back(&w->record, &g->sights, rows[2], rows[3], by[1], by[2], by[0]);
    if (g->ask->v) start_back(f, by[1], by[2], by[0]);
}

static void run_group(void *user, uint32_t member, size_t number) {
    LagGradient *g = user;
    Worker *w = &g->worker[member];
    Flow *f;
    const size_t first = number * g->width, d = g->kernel->dof, m = g->kernel->parameter_count;
    LagStatus status = prepare(g, w, &f);
    if (status != LAG_OK) {
        w->status = status;
        return;
    }
    const size_t block = (g->sights.rows + 1) * d * f->systems;
    double *const rows[] = {w->rows, w->rows + block, w->rows + 2 * block, w->rows + 3 * block};
    double *const by[] = {w->rows + 4 * block, w->rows + 4 * block + m * f->systems,
                          w->rows + 4 * block + (m + d) * f->systems};
    double loss[LAG_SYSTEMS] = {0};
    unsigned long long flushing = flush_small();
    for (uint32_t lane = 0; lane < g->width; lane++) { /* lanes without a system do what the last one does */
        Place p = {lane, first + lane < g->systems ? first + lane : g->systems - 1};
        f->status[lane] = begin_lane(g, f, p);
    }
    if (g->ask->v) start_keep(f, g->ask->t);
    start_mass(f, g->ask->t, true);
    if (g->linear)
        linear_run(&w->linear, &g->sights, rows[0], rows[1]);
    else
        record_run(&w->record, &g->sights, rows[0], rows[1]);
    const uint32_t own = g->systems - first < g->width ? (uint32_t)(g->systems - first) : g->width;
    for (uint32_t lane = 0; lane < own; lane++) keep_motion(g, f, (Place){lane, first + lane}, rows);
    if (g->compared) {
        for (uint32_t lane = 0; lane < g->width; lane++)
            loss[lane] = lane_loss(g, f, (Place){lane, lane < own ? first + lane : g->systems - 1}, rows);
        if (g->back) run_back(g, w, f, rows, by);
        for (uint32_t lane = 0; lane < own; lane++) finish_lane(g, f, (Place){lane, first + lane}, loss[lane], by);
    }
    flush_as(flushing);
}

/* ---- The face ---- */

static bool has_motion(const LagGradient *g, const LagGradientAsk *ask) {
    if (!ask || !ask->q || !(ask->pi ? !ask->v : ask->v != NULL)) return false;
    if (g->kernel->parameter_count && !ask->c) return false;
    return isfinite(ask->t) && isfinite(ask->h) && ask->h != 0 && (!ask->seen.rows || ask->seen.t);
}

enum { UNKNOWNS_BESIDE = 200 }; /* most of a step: matrices of more, eight times, are no longer for the caches */

/* Several systems side by side, where there is code for it. */
static void choose_width(LagGradient *g) {
    LagSlopes slopes;
    uint64_t steps = g->sights.steps < UINT32_MAX ? g->sights.steps : UINT32_MAX;
    g->width = 1;
    bool small = (g->kernel->r + 1) * g->kernel->dof <= UNKNOWNS_BESIDE;
    if (g->systems > 1 && small && g->kernel->slopes(g->kernel, LAG_SYSTEMS, steps * g->systems, &slopes))
        g->width = LAG_SYSTEMS;
    if (g->width == 1) flow_expect(&g->worker[0].flow[0], steps * g->systems);
}

LagStatus lag_gradient_run(LagGradient *g, const LagGradientAsk *ask, const LagGradientOut *out) {
    if (!out || !has_motion(g, ask)) return LAG_ERROR_ARGUMENT;
    g->back = out->c || out->q || out->rate;
    g->compared = out->loss || g->back;
    if (g->compared && !ask->loss) return LAG_ERROR_ARGUMENT;
    if (g->compared && !loss_fits(ask->loss, g->kernel->dof, g->kernel->parameter_count)) return LAG_ERROR_ARGUMENT;
    LagStatus status = sights_find(&g->sights, g->kernel, ask->t, ask->h, ask->steps, ask->seen.rows, ask->seen.t);
    if (status == LAG_OK) {
        g->ask = ask;
        g->out = out;
        choose_width(g);
        g->linear = linear_fits(g->kernel, &g->sights);
        for (uint32_t i = 0; i < crew_members(g->crew); i++) g->worker[i].status = LAG_OK;
        crew_run(g->crew, (g->systems + g->width - 1) / g->width, run_group, g);
        for (uint32_t i = 0; i < crew_members(g->crew) && status == LAG_OK; i++) status = g->worker[i].status;
    }
    sights_free(&g->sights);
    if (atomic_exchange(&g->cancelled, false)) return LAG_INTERRUPTED;
    for (size_t i = 0; i < g->systems && status == LAG_OK; i++)
        if (g->lost[i]) status = g->status[i] == LAG_OK ? LAG_ERROR_NOT_FINITE : g->status[i];
    return status;
}

static bool are_unknowns(const LagKernel *kernel, uint32_t count, const LagUnknown *unknown) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t most = unknown[i].kind == LAG_UNKNOWN_PARAMETER ? kernel->parameter_count : kernel->dof;
        if ((unsigned)unknown[i].kind >= LAG_UNKNOWNS || unknown[i].index >= most) return false;
    }
    return true;
}

LagStatus lag_tangents(LagGradient *g, const LagGradientAsk *ask, uint32_t count, const LagUnknown *unknown,
                       const LagTangents *out) {
    if (!out || g->systems != 1 || count == 0 || !has_motion(g, ask)) return LAG_ERROR_ARGUMENT;
    if (!are_unknowns(g->kernel, count, unknown)) return LAG_ERROR_ARGUMENT;
    Flow *f = &g->worker[0].flow[0];
    Tangent tangent = {0};
    LagStatus status = sights_find(&g->sights, g->kernel, ask->t, ask->h, ask->steps, ask->seen.rows, ask->seen.t);
    if (status == LAG_OK && !(flow_expect(f, g->sights.steps) && tangent_init(&tangent, f, count, unknown)))
        status = LAG_ERROR_MEMORY;
    g->ask = ask;
    if (status == LAG_OK) {
        unsigned long long flushing = flush_small();
        f->status[0] = begin_lane(g, f, (Place){0, 0});
        if (ask->v) start_keep(f, ask->t);
        start_mass(f, ask->t, false); /* tangents want the inverse */
        status = tangent_run(&tangent, ask->t, ask->h, ask->v != NULL, &g->sights, out);
        flush_as(flushing);
    }
    tangent_free(&tangent);
    sights_free(&g->sights);
    return status;
}

void lag_gradient_cancel(LagGradient *g) { atomic_store_explicit(&g->cancelled, true, memory_order_relaxed); }
