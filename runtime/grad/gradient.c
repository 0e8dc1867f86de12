/* gradient.c: losses of motions and their derivatives (lag.h, "Losses and gradients").
 *
 * LAG_SYSTEMS systems are a group, in lanes where there is code for that; else each is one. A group runs forth, its rows are
 * compared with what was observed, and what that makes of them goes back through its steps. */
#include "linear_motion.h"
#include "loss.h"
#include "record.h"
#include "start.h"
#include "swept.h"
#include "tangent.h"
#include "unknown.h"

#include "../solve/crew.h"
#include "../solve/flush.h"
#include "../solve/linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a thread has to itself. */
typedef struct Worker {
    Flow flow[2]; /* of one system, of several */
    Swept swept[2];
    bool ready[2], swept_ready[2];
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
    bool linear;       /* steps are affine maps; */
    bool swept;        /* or are found by sweeps, of systems for which that goes well */
    bool compared;     /* more than the motion is wanted, */
    bool back;         /* and more than its loss */
    LagStatus *status; /* [systems] */
    bool *lost;        /* [systems] the loss is not finite */
};

/* ---- Memory ---- */

/* A thread's flow of that width, made when it is first wanted. */
static LagStatus flow_of(const LagGradient *g, Worker *w, uint32_t width, Flow **flow) {
    const int wide = width > 1;
    *flow = &w->flow[wide];
    LagStatus status = w->ready[wide] ? LAG_OK : flow_init(*flow, g->kernel, width);
    w->ready[wide] = status == LAG_OK;
    return status;
}

/* The same of motions by sweeps. */
static LagStatus swept_of(const LagGradient *g, Worker *w, uint32_t width, Swept **swept) {
    const int wide = width > 1;
    *swept = &w->swept[wide];
    LagStatus status = w->swept_ready[wide] ? LAG_OK : swept_init(*swept, g->kernel, width);
    w->swept_ready[wide] = status == LAG_OK;
    return status;
}

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
    Flow *flow;
    Swept *swept;
    if (status == LAG_OK)
        status = swept_fits(kernel) ? swept_of(g, &g->worker[0], 1, &swept) : flow_of(g, &g->worker[0], 1, &flow);
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
        for (int wide = 0; wide < 2; wide++) {
            if (w->ready[wide]) flow_free(&w->flow[wide]);
            if (w->swept_ready[wide]) swept_free(&w->swept[wide]);
        }
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

/* The flow of a group, and room for its motion. */
static LagStatus prepare_flow(const LagGradient *g, Worker *w, uint32_t width, Flow **flow) {
    const LagGradientAsk *ask = g->ask;
    LagStatus status = flow_of(g, w, width, flow);
    if (status != LAG_OK) return status;
    if (!flow_expect(*flow, g->swept ? g->sights.steps : 0)) return LAG_ERROR_MEMORY;
    w->record.cancelled = &g->cancelled;
    return (g->linear ? linear_open(&w->linear, *flow, ask->t, ask->h, g->sights.steps, ask->sparing)
                      : record_open(&w->record, *flow, ask->t, ask->h, g->sights.steps, ask->sparing))
               ? LAG_OK
               : LAG_ERROR_MEMORY;
}

static LagStatus prepare_swept(const LagGradient *g, Worker *w, Swept **swept) {
    const LagGradientAsk *ask = g->ask;
    LagStatus status = swept_of(g, w, g->width, swept);
    if (status != LAG_OK) return status;
    (*swept)->cancelled = &g->cancelled;
    return swept_expect(*swept, 0, g->back) && swept_open(*swept, ask->t, ask->h, g->sights.steps, ask->sparing, g->back)
               ? LAG_OK
               : LAG_ERROR_MEMORY;
}

/* Room for the rows of a group, and what comes of them. */
static bool make_rows(const LagGradient *g, Worker *w) {
    enum { LINE = 64 };
    const size_t d = g->kernel->dof, m = g->kernel->parameter_count;
    const size_t room = (4 * (g->sights.rows + 1) * d + m + 2 * d) * g->width + m;
    if (room > w->room) {
        free(w->rows);
        w->rows = aligned_alloc(LINE, (room * sizeof *w->rows + LINE - 1) / LINE * LINE);
        w->room = w->rows ? room : 0;
    }
    return w->rows != NULL;
}

/* ---- A group ---- */

/* Where a lane's results stand among all. */
typedef struct Place {
    uint32_t lane;
    size_t system;
} Place;

/* A group of systems: the first, how many there are, and what stands for them, number e of an array at e * width. */
typedef struct Lanes {
    uint32_t width, own;
    size_t first, d, m;
    LagStatus status[LAG_SYSTEMS];
    double *row[4]; /* [rows, d]: q, pi, their seeds */
    double *by[3];  /* [m], [d], [d] */
    double *slope;  /* [m] scratch */
} Lanes;

static Lanes lanes_of(const LagGradient *g, Worker *w, uint32_t width, size_t first) {
    const size_t d = g->kernel->dof, m = g->kernel->parameter_count, block = (g->sights.rows + 1) * d * width;
    Lanes x = {.width = width,
               .own = g->systems - first < width ? (uint32_t)(g->systems - first) : width,
               .first = first,
               .d = d,
               .m = m};
    for (int i = 0; i < 4; i++) x.row[i] = w->rows + (size_t)i * block;
    x.by[0] = w->rows + 4 * block;
    x.by[1] = x.by[0] + m * width;
    x.by[2] = x.by[1] + d * width;
    x.slope = x.by[2] + d * width;
    return x;
}

/* Lanes without a system do what the last one does. */
static Place place_of(const Lanes *x, uint32_t lane) {
    return (Place){lane, x->first + (lane < x->own ? lane : x->own - 1)};
}

static double *at(double *array, size_t system, size_t size) { return array ? array + system * size : NULL; }

static LagStatus begin_lane(const LagGradient *g, Flow *f, Place p) {
    const LagGradientAsk *ask = g->ask;
    const size_t d = f->d, m = f->m;
    const double *c = m ? ask->c + p.system * m : NULL, *q = ask->q + p.system * d;
    flow_begin(f, p.lane, c, q);
    const double *rate = (ask->pi ? ask->pi : ask->v) + p.system * d;
    bool finite = linear_finite(q, d) && linear_finite(rate, d) && linear_finite(c, m);
    if (!finite) return LAG_ERROR_NOT_FINITE;
    if (ask->pi) return numbers_to(f->array[LAG_PI], f->systems, p.lane, rate, d), LAG_OK;
    return start_momentum(f, p.lane, ask->t, rate);
}

/* The losses of a group, and their seeds. */
static void find_losses(const LagGradient *g, const Lanes *x, double *loss) {
    const LagSeen *seen = &g->ask->seen;
    LossRows r = {.rows = seen->rows,
                  .d = (uint32_t)x->d,
                  .systems = x->width,
                  .q = x->row[0],
                  .pi = x->row[1],
                  .seed_q = x->row[2],
                  .seed_pi = x->row[3]};
    if (!g->compared) return;
    for (uint32_t lane = 0; lane < x->width; lane++) {
        const size_t first = place_of(x, lane).system * seen->rows * x->d;
        r.seen_q[lane] = seen->q ? seen->q + first : NULL;
        r.seen_pi[lane] = seen->pi ? seen->pi + first : NULL;
    }
    loss_rows(g->ask->loss, &r, loss);
}

/* A derivative under the cap: what is no number any more counts for nothing where all is to be finite. */
static void put(double *to, const double *lanes, const Lanes *x, Place p, size_t count, double factor, bool capped) {
    if (!to) return;
    numbers_from(lanes, x->width, p.lane, to, count);
    for (size_t i = 0; i < count; i++) {
        to[i] = factor == 0 ? 0 : to[i] * factor;
        if (capped && !isfinite(to[i])) to[i] = 0;
    }
}

/* Loss, penalties, cap; then everything to where it is wanted. */
static void finish_lane(LagGradient *g, const Lanes *x, Place p, double loss) {
    const LagGradientOut *out = g->out;
    const LagLoss *kind = g->ask->loss;
    const size_t d = x->d, m = x->m;
    LagStatus status = g->status[p.system];
    double factor, penalty = 0;
    for (size_t j = 0; j < m; j++) x->slope[j] = 0;
    if (m) penalty = loss_penalty(kind, g->ask->c + p.system * m, x->slope);
    bool capped = kind->cap > 0;
    double value = loss_capped(kind, status == LAG_OK ? loss + penalty : NAN, &factor);
    if (!capped && status != LAG_OK) factor = NAN;
    if (isnan(value) && capped) value = kind->cap, factor = 0;
    g->lost[p.system] = !isfinite(value);
    if (out->loss) out->loss[p.system] = value;
    if (!g->back) return;
    for (size_t j = 0; j < m; j++) x->by[0][j * x->width + p.lane] += x->slope[j];
    put(at(out->c, p.system, m), x->by[0], x, p, m, factor, capped);
    put(at(out->q, p.system, d), x->by[1], x, p, d, factor, capped);
    put(at(out->rate, p.system, d), x->by[2], x, p, d, factor, capped);
}

/* Whether a lane has a motion, and that, to where they are wanted. */
static void keep_motion(LagGradient *g, const Lanes *x, Place p) {
    LagStatus status = g->status[p.system] = x->status[p.lane];
    g->lost[p.system] = status != LAG_OK;
    if (g->out->status) g->out->status[p.system] = status;
    double *const to[] = {g->out->motion_q, g->out->motion_pi};
    const size_t count = g->ask->seen.rows * x->d;
    for (int which = 0; which < 2; which++) {
        double *into = at(to[which], p.system, count);
        if (!into) continue;
        numbers_from(x->row[which], x->width, p.lane, into, count);
        for (size_t i = 0; i < count && status != LAG_OK; i++) into[i] = NAN;
    }
}

/* Everything of the group to where it is wanted, but for lanes that are lost. */
static void finish_lanes(LagGradient *g, const Lanes *x, const double *loss, const bool *lost) {
    for (uint32_t lane = 0; lane < x->own; lane++) {
        if (lost && lost[lane]) continue;
        keep_motion(g, x, place_of(x, lane));
        if (g->compared) finish_lane(g, x, place_of(x, lane), loss[lane]);
    }
}

/* By the steps' equations. */
static LagStatus run_flow(LagGradient *g, Worker *w, Lanes x) {
    Flow *f;
    double loss[LAG_SYSTEMS] = {0};
    LagStatus status = prepare_flow(g, w, x.width, &f);
    if (status != LAG_OK) return status;
    for (uint32_t lane = 0; lane < x.width; lane++) f->status[lane] = begin_lane(g, f, place_of(&x, lane));
    if (g->ask->v) start_keep(f, g->ask->t);
    if (g->linear)
        linear_run(&w->linear, &g->sights, x.row[0], x.row[1]);
    else
        record_run(&w->record, &g->sights, x.row[0], x.row[1]);
    memcpy(x.status, f->status, x.width * sizeof *x.status);
    find_losses(g, &x, loss);
    if (g->back && g->linear) linear_back(&w->linear, &g->sights, x.row[2], x.row[3], x.by[1], x.by[2], x.by[0]);
    if (g->back && !g->linear) record_back(&w->record, &g->sights, x.row[2], x.row[3], x.by[1], x.by[2], x.by[0]);
    if (g->back && g->ask->v) start_back(f, x.by[1], x.by[2], x.by[0]);
    finish_lanes(g, &x, loss, NULL);
    return LAG_OK;
}

/* By sweeps; systems for which they do not do are done by the steps' equations, one by one. */
static LagStatus run_swept(LagGradient *g, Worker *w, Lanes x) {
    const LagGradientAsk *ask = g->ask;
    Swept *s;
    double loss[LAG_SYSTEMS] = {0};
    LagStatus status = prepare_swept(g, w, &s);
    if (status != LAG_OK) return status;
    for (uint32_t lane = 0; lane < x.width; lane++) {
        const Place p = place_of(&x, lane);
        x.status[lane] = swept_begin(s, lane, x.m ? ask->c + p.system * x.m : NULL, ask->q + p.system * x.d,
                                     ask->pi ? ask->pi + p.system * x.d : NULL, ask->v ? ask->v + p.system * x.d : NULL);
    }
    swept_run(s, &g->sights, x.row[0], x.row[1]);
    if (!swept_all_lost(s)) {
        find_losses(g, &x, loss);
        if (g->back) swept_back(s, &g->sights, x.row[2], x.row[3], x.by[1], x.by[2], x.by[0]);
    }
    finish_lanes(g, &x, loss, s->lost);
    for (uint32_t lane = 0; lane < x.own && status == LAG_OK; lane++)
        if (s->lost[lane]) status = run_flow(g, w, lanes_of(g, w, 1, x.first + lane));
    return status;
}

static void run_group(void *user, uint32_t member, size_t number) {
    LagGradient *g = user;
    Worker *w = &g->worker[member];
    if (!make_rows(g, w)) {
        w->status = LAG_ERROR_MEMORY;
        return;
    }
    const Lanes x = lanes_of(g, w, g->width, number * g->width);
    unsigned long long flushing = flush_small();
    LagStatus status = g->swept ? run_swept(g, w, x) : run_flow(g, w, x);
    flush_as(flushing);
    if (status != LAG_OK) w->status = status;
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
    Flow *flow;
    Swept *swept;
    uint64_t steps = g->sights.steps < UINT32_MAX ? g->sights.steps : UINT32_MAX;
    bool small = (g->kernel->r + 1) * g->kernel->dof <= UNKNOWNS_BESIDE, beside = false;
    g->width = LAG_SYSTEMS;
    if (g->systems > 1 && small && g->swept)
        beside = swept_of(g, &g->worker[0], LAG_SYSTEMS, &swept) == LAG_OK &&
                 swept_expect(swept, steps * g->systems / LAG_SYSTEMS, g->back);
    else if (g->systems > 1 && small)
        beside = g->kernel->slopes(g->kernel, LAG_SYSTEMS, steps * g->systems, &slopes);
    if (beside) return;
    g->width = 1;
    if (g->swept && swept_of(g, &g->worker[0], 1, &swept) == LAG_OK) swept_expect(swept, steps * g->systems, g->back);
    if (!g->swept && flow_of(g, &g->worker[0], 1, &flow) == LAG_OK) flow_expect(flow, steps * g->systems);
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
        g->linear = linear_fits(g->kernel, &g->sights);
        g->swept = !g->linear && swept_fits(g->kernel);
        choose_width(g);
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

LagStatus lag_tangents(LagGradient *g, const LagGradientAsk *ask, uint32_t count, const LagUnknown *unknown,
                       const LagTangents *out) {
    if (!out || g->systems != 1 || count == 0 || !has_motion(g, ask)) return LAG_ERROR_ARGUMENT;
    if (!unknown_are(unknown, count, g->kernel)) return LAG_ERROR_ARGUMENT;
    Flow *f;
    Tangent tangent = {0};
    LagStatus status = sights_find(&g->sights, g->kernel, ask->t, ask->h, ask->steps, ask->seen.rows, ask->seen.t);
    if (status == LAG_OK) status = flow_of(g, &g->worker[0], 1, &f);
    if (status == LAG_OK && !(flow_expect(f, g->sights.steps) && tangent_init(&tangent, f, count, unknown)))
        status = LAG_ERROR_MEMORY;
    g->ask = ask;
    if (status == LAG_OK) {
        unsigned long long flushing = flush_small();
        f->status[0] = begin_lane(g, f, (Place){0, 0});
        if (ask->v) start_keep(f, ask->t);
        status = tangent_run(&tangent, ask->t, ask->h, ask->v != NULL, &g->sights, out);
        flush_as(flushing);
    }
    tangent_free(&tangent);
    sights_free(&g->sights);
    return status;
}

void lag_gradient_cancel(LagGradient *g) { atomic_store_explicit(&g->cancelled, true, memory_order_relaxed); }
