/* integrate.c: trajectories (lag.h, "Integration"), and momentum and energy at a point.
 *
 * The state is what the frame's LAG_Q and LAG_PI hold; rk2 and rk4 keep q and v and let pi follow. The time of a step is the
 * start's plus so many h, rounded once: nothing is added up. */
#include "integrate.h"

#include "affine.h"
#include "flush.h"
#include "linear.h"
#include "runge_kutta.h"
#include "step.h"
#include "sweeps.h"

#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct LagIntegrator {
    Frame frame;
    LagMethod method;
    Stepper stepper; /* of all but rk2 and rk4 */
    Affine affine;   /* where the step is one, and Newton's method is not asked for */
    Sweeps sweeps;   /* the same, where it can be iterated so */
    bool fresh;      /* no step has been taken since the start, or since h or a parameter changed: Newton takes the first, so
                        that who changes one at each step pays for no map */
    RungeKutta rk;   /* of the others */
    bool started;
    double t;
    double t_start, h; /* t = t_start + count * h */
    uint64_t count;
    double *spare; /* [2, d] the state before a start */
    double energy_start;
    uint64_t steps;
    uint64_t fallbacks; /* of them, those of Newton's method for want of sweeps */
    uint64_t expected;  /* steps that the kernel has been told of, and that are not taken yet */
    LagStatus status;   /* of the last start or advance */
    double residual, seconds;
    atomic_bool cancelled; /* set from any thread, cleared by the advance that obeys */
    LagWatch *watch;       /* called after each watch_every steps; or NULL */
    void *watcher;
    uint64_t watch_every, watched; /* steps since it was called */
};

static const char *const status_text[LAG_STATUS_COUNT] = {
    [LAG_OK] = "all is well",
    [LAG_ERROR_TEXT] = "the text has errors",
    [LAG_ERROR_MEMORY] = "out of memory",
    [LAG_ERROR_ARGUMENT] = "an argument is out of its range",
    [LAG_ERROR_VALUE] = "a parameter has no value",
    [LAG_ERROR_BACKEND] = "the backend could not make code",
    [LAG_ERROR_LIMIT] =
        ("this is too large: more than 2500 unknowns in a step (50000 by sweeps alone), 8000000 operations, or 1000000 for "
         "machine code"),
    [LAG_ERROR_NEWTON] = "the step's equations did not converge",
    [LAG_ERROR_SINGULAR] = "the mass matrix, or the step's Jacobian, is singular",
    [LAG_ERROR_NOT_FINITE] = "a number is infinite or not a number",
    [LAG_INTERRUPTED] = "interrupted",
    [LAG_ERROR_ABI] = "the program was built for another version of liblag",
    [LAG_ERROR_SWEEPS] = "the step's sweeps did not converge, and it has too many unknowns for Newton's method",
};

const char *lag_status_text(LagStatus status) {
    return (unsigned)status < LAG_STATUS_COUNT ? status_text[status] : "an unknown status";
}

/* ---- At a point ---- */

static LagStatus point_frame(Frame *f, const LagKernel *kernel, const double *c, double t, const double *q,
                             const double *v) {
    if (kernel && kernel->dof && (!q || !v || (kernel->parameter_count && !c))) return LAG_ERROR_ARGUMENT;
    LagStatus status = frame_init(f, kernel, false);
    if (status != LAG_OK) return status;
    f->array[LAG_TIME][0] = t;
    if (kernel->parameter_count) memcpy(f->array[LAG_PARAMETER], c, kernel->parameter_count * sizeof *c);
    memcpy(f->array[LAG_Q], q, f->d * sizeof *q);
    memcpy(f->array[LAG_V], v, f->d * sizeof *v);
    return LAG_OK;
}

LagStatus lag_kernel_momentum(const LagKernel *kernel, const double *c, double t, const double *q, const double *v,
                              double *pi) {
    Frame f;
    LagStatus status = point_frame(&f, kernel, c, t, q, v);
    if (status != LAG_OK) return status;
    frame_run(&f, LAG_POINT);
    if (linear_finite(f.array[LAG_B], f.d))
        memcpy(pi, f.array[LAG_B], f.d * sizeof *pi);
    else
        status = LAG_ERROR_NOT_FINITE;
    frame_free(&f);
    return status;
}

LagStatus lag_kernel_energy(const LagKernel *kernel, const double *c, double t, const double *q, const double *v,
                            double *energy) {
    Frame f;
    LagStatus status = point_frame(&f, kernel, c, t, q, v);
    if (status != LAG_OK) return status;
    frame_run(&f, LAG_POINT_ENERGY);
    if (linear_finite(f.array[LAG_ENERGY], 1))
        *energy = f.array[LAG_ENERGY][0];
    else
        status = LAG_ERROR_NOT_FINITE;
    frame_free(&f);
    return status;
}

/* ---- Integrators ---- */

static bool is_ggl(LagMethod method) { return method != LAG_METHOD_RK2 && method != LAG_METHOD_RK4; }

LagRoad lag_kernel_road(const LagKernel *kernel) {
    return affine_fits(kernel) ? LAG_ROAD_AFFINE : sweeps_fit(kernel) ? LAG_ROAD_SWEEPS : LAG_ROAD_NEWTON;
}

/* What goes by the road that suits the kernel; Newton's method in machine code, where that is asked for. */
static LagStatus roads_init(LagIntegrator *it) {
    const LagKernel *kernel = it->frame.kernel;
    if (it->method == LAG_METHOD_NEWTON && !sweeps_fit_newton(kernel)) return LAG_OK;
    if (it->method == LAG_METHOD_NEWTON) {
        LagStatus made = sweeps_init(&it->sweeps, &it->frame);
        return made == LAG_OK ? sweeps_be_newton(&it->sweeps) : made;
    }
    bool compensated = it->method == LAG_METHOD_COMPENSATED;
    LagStatus status = LAG_OK;
    if (affine_fits(kernel)) status = affine_init(&it->affine, &it->frame);
    if (status == LAG_OK && sweeps_fit(kernel)) status = sweeps_init(&it->sweeps, &it->frame);
    it->stepper.compensated = compensated && !it->affine.frame; /* whose own state is in two doubles */
    if (status == LAG_OK && compensated && it->sweeps.frame) status = sweeps_compensate(&it->sweeps);
    return status;
}

LagStatus lag_integrator_new(const LagKernel *kernel, LagMethod method, LagIntegrator **integrator) {
    if (!kernel || !integrator || (unsigned)method >= LAG_METHODS) return LAG_ERROR_ARGUMENT;
    bool ggl = is_ggl(method);
    LagIntegrator *it = calloc(1, sizeof *it);
    if (!it) return LAG_ERROR_MEMORY;
    it->method = method;
    it->energy_start = NAN;
    LagStatus status = frame_init(&it->frame, kernel, ggl);
    if (status == LAG_OK && method == LAG_METHOD_NEWTON && lag_kernel_is_wide(kernel)) status = LAG_ERROR_LIMIT;
    if (status == LAG_OK)
        status =
            ggl ? stepper_init(&it->stepper, &it->frame) : runge_kutta_init(&it->rk, &it->frame, method == LAG_METHOD_RK4);
    if (status == LAG_OK && ggl) status = roads_init(it);
    if (status == LAG_OK && !(it->spare = calloc(2 * (size_t)it->frame.d, sizeof *it->spare))) status = LAG_ERROR_MEMORY;
    if (status == LAG_OK)
        *integrator = it;
    else
        lag_integrator_free(it);
    return status;
}

void lag_integrator_free(LagIntegrator *it) {
    if (!it) return;
    stepper_free(&it->stepper);
    affine_free(&it->affine);
    sweeps_free(&it->sweeps);
    runge_kutta_free(&it->rk);
    frame_free(&it->frame);
    free(it->spare);
    free(it);
}

/* Energy of the present state. Only scratch arrays of the frame change. */
static double energy_of(const LagIntegrator *it) {
    const Frame *f = &it->frame;
    bool ggl = is_ggl(it->method), known = it->sweeps.begun && f->kernel->facts.mass_times_velocity;
    f->array[LAG_TIME][0] = it->t;
    if (!it->sweeps.begun) memcpy(f->array[LAG_V], ggl ? it->stepper.v : it->rk.v, f->d * sizeof(double));
    if (ggl && !known && point_velocity(f) != LAG_OK) return NAN;
    frame_run(f, LAG_POINT_ENERGY);
    return f->array[LAG_ENERGY][0];
}

/* The next step is the first of its kind; the map has to be made anew unless it serves on. */
static void forget_map(LagIntegrator *it, bool serves) {
    it->affine.tried &= serves;
    it->affine.made &= serves;
    it->fresh = true;
    sweeps_forget(&it->sweeps);
}

void lag_integrator_parameters(LagIntegrator *it, const double *c) {
    if (it->frame.kernel->parameter_count)
        memcpy(it->frame.array[LAG_PARAMETER], c, it->frame.kernel->parameter_count * sizeof *c);
    if (is_ggl(it->method)) stepper_forget(&it->stepper);
    forget_map(it, false);
    if (it->started && it->steps == 0 && it->frame.kernel->facts.autonomous) it->energy_start = energy_of(it);
}

LagStatus lag_integrator_slack(LagIntegrator *it, double slack) {
    if (!(slack >= 1 && slack <= DBL_MAX)) return LAG_ERROR_ARGUMENT;
    it->sweeps.slack = slack;
    if (it->sweeps.begun) it->frame.array[LAG_RUN][LAG_RUN_SLACK] = slack;
    return LAG_OK;
}

/* ---- Starts ---- */

/* The state that the frame's Q, PI and V hold is the start, V being right already if `velocity_known`. */
static LagStatus begin(LagIntegrator *it, double t, bool velocity_known) {
    Frame *f = &it->frame;
    size_t size = f->d * sizeof(double);
    if (!is_ggl(it->method)) {
        LagStatus status = velocity_known ? LAG_OK : point_velocity(f);
        if (status != LAG_OK) return status;
        memcpy(it->rk.q, f->array[LAG_Q], size);
        memcpy(it->rk.v, f->array[LAG_V], size);
    } else {
        memcpy(it->stepper.v, f->array[LAG_V], size);
        memset(f->array[LAG_LOW], 0, 2 * size);
        stepper_forget(&it->stepper);
        it->stepper.iterations = 0;
    }
    sweeps_forget(&it->sweeps);
    it->sweeps.count = it->sweeps.iterations = 0;
    it->t = it->t_start = t;
    it->started = it->fresh = true;
    it->h = it->residual = it->seconds = 0;
    it->count = it->steps = it->fallbacks = 0;
    it->status = LAG_OK;
    it->energy_start = f->kernel->facts.autonomous ? energy_of(it) : NAN;
    return LAG_OK;
}

/* Sets q, and pi or v; puts back what stood there if the start is refused. */
static LagStatus start(LagIntegrator *it, double t, const double *q, const double *pi, const double *v) {
    Frame *f = &it->frame;
    size_t d = f->d, size = d * sizeof(double);
    double *Q = f->array[LAG_Q], *PI = f->array[LAG_PI], *V = f->array[LAG_V];
    if (!q || (!pi && !v)) return LAG_ERROR_ARGUMENT;
    if (!isfinite(t) || !linear_finite(q, d) || !linear_finite(pi ? pi : v, d)) return LAG_ERROR_NOT_FINITE;
    memcpy(it->spare, Q, size);
    memcpy(it->spare + d, PI, size);
    memcpy(Q, q, size);
    memset(V, 0, size);
    if (v) memcpy(V, v, size);
    f->array[LAG_TIME][0] = t;
    if (v) frame_run(f, LAG_POINT);
    memcpy(PI, v ? f->array[LAG_B] : pi, size);
    LagStatus status = linear_finite(PI, d) ? begin(it, t, v) : LAG_ERROR_NOT_FINITE;
    if (status == LAG_OK) return LAG_OK;
    memcpy(Q, it->spare, size);
    memcpy(PI, it->spare + d, size);
    return status;
}

LagStatus lag_integrator_start(LagIntegrator *it, double t, const double *q, const double *pi) {
    return start(it, t, q, pi, NULL);
}

LagStatus lag_integrator_start_velocity(LagIntegrator *it, double t, const double *q, const double *v) {
    return start(it, t, q, NULL, v);
}

/* ---- Steps ---- */

void lag_integrator_cancel(LagIntegrator *it) { atomic_store_explicit(&it->cancelled, true, memory_order_relaxed); }

void lag_integrator_watch(LagIntegrator *it, uint64_t every, LagWatch *watch, void *user) {
    it->watch = every ? watch : NULL;
    it->watcher = user;
    it->watch_every = every;
    it->watched = 0;
}

/* Whether steps run the kernel's programs: an affine map, once made, runs none. */
static bool runs_programs(const LagIntegrator *it) { return !it->affine.frame || (it->affine.tried && !it->affine.made); }

static void tell(LagIntegrator *it, uint64_t steps) {
    frame_improve(&it->frame, steps);
    if (it->sweeps.frame) sweeps_expect(&it->sweeps, steps);
}

void lag_integrator_expect(LagIntegrator *it, uint64_t steps) {
    if (!runs_programs(it)) return;
    tell(it, steps);
    it->expected = steps;
}

/* Moves over to the best programs there are; the kernel is told of steps that it doesn't expect yet. */
static void improve(LagIntegrator *it, uint64_t steps) {
    if (!runs_programs(it)) return;
    uint64_t known = steps < it->expected ? steps : it->expected;
    it->expected -= known;
    tell(it, steps - known);
}

/* The kernel expects so many sweeps a step, and one to begin with: it is told of the others that steps like the first `took`
 * will make, as steps. */
static void weigh(LagIntegrator *it, uint64_t sweeps, uint64_t took, uint64_t steps) {
    double expected = 1 + lag_sweeps_expected(&it->frame.kernel->facts);
    double more = ((1 + (double)sweeps / (double)took) / expected - 1) * (double)(steps - took);
    if (more >= 1) frame_improve(&it->frame, (uint64_t)more);
}

/* Between two steps: whether it was cancelled, which is then over. */
static bool is_cancelled(LagIntegrator *it) {
    return atomic_load_explicit(&it->cancelled, memory_order_relaxed) &&
           atomic_exchange_explicit(&it->cancelled, false, memory_order_relaxed);
}

/* The state at hand becomes the next row, for which there is room. */
static void keep_state(const LagIntegrator *it, LagRows *rows) {
    const Frame *f = &it->frame;
    size_t row = rows->count++, d = f->d;
    if (it->sweeps.begun) sweeps_momentum(&it->sweeps);
    if (rows->t) rows->t[row] = it->t;
    double *q = rows->q ? rows->q + row * d : it->spare, *pi = rows->pi ? rows->pi + row * d : it->spare + d;
    for (size_t k = 0; k < d; k++) q[k] = f->array[LAG_Q][k], pi[k] = f->array[LAG_PI][k];
    if (rows->energy) rows->energy[row] = energy_of(it);
}

void lag_integrator_state(const LagIntegrator *it, LagRows *rows) {
    if (rows && it->started && rows->count < rows->capacity) keep_state(it, rows);
}

/* A step of rk2 or rk4: pi follows q and v. */
static LagStatus explicit_step(LagIntegrator *it, double h) {
    Frame *f = &it->frame;
    LagStatus status = runge_kutta_step(&it->rk, it->t, h);
    if (status == LAG_OK) memcpy(f->array[LAG_PI], f->array[LAG_B], f->d * sizeof(double));
    return status;
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

enum { IMPROVE_EVERY = 16 }; /* steps after which better programs are asked for */

/* Whether the next step is taken by the map. */
static bool is_affine(const LagIntegrator *it) { return it->affine.made && !it->fresh; }

/* The rows that an advance keeps. */
typedef struct Keep {
    LagRows *rows;
    uint64_t every, next; /* `next`: steps from the state at hand to the next row */
    bool many;            /* more than caches hold */
} Keep;

/* Whether so many rows would drive all else from the caches, and be driven from there before anybody reads them: a thread
 * has less than CACHES of the last one. */
static bool exceed_caches(uint64_t rows, uint32_t d) {
    enum { ARRAYS = 2, CACHES = 64 << 20 };
    return (double)rows * d * ARRAYS * sizeof(double) > CACHES;
}

/* How many more rows can be kept between steps that are taken at once: all of a row but its energy. */
static uint64_t rows_within(const LagRows *rows) { return rows && !rows->energy ? rows->capacity - rows->count : 0; }

/* Steps up to the last of these rows, or to the next that is none of them. */
static uint64_t up_to_rows(uint64_t piece, const Keep *keep) {
    uint64_t within = rows_within(keep->rows);
    if (keep->next >= piece || (piece - keep->next) / keep->every < within) return piece;
    return within ? keep->next + (within - 1) * keep->every : keep->next;
}

/* How many steps may be taken at once: by an affine map. */
static uint64_t affine_most(const LagIntegrator *it, uint64_t left, const Keep *keep) {
    enum { PIECE_MOST = 8192 };
    return up_to_rows(affine_piece(&it->affine, PIECE_MOST < left ? PIECE_MOST : left), keep);
}

/* By sweeps, and not for long: then better programs may be there. */
static uint64_t sweeps_most(const LagIntegrator *it, uint64_t left, const Keep *keep) {
    enum { PIECE_MOST = 1000, PIECE_IMPROVING = 64, PIECE_UNKNOWNS = 20000, PIECE_WIDE = 200000 };
    uint64_t piece = it->frame.kernel->improve ? PIECE_IMPROVING : PIECE_MOST;
    uint32_t unknowns =
        lag_kernel_is_wide(it->frame.kernel) ? PIECE_WIDE : PIECE_UNKNOWNS; /* those copy the state at each */
    if (piece > unknowns / it->frame.n) piece = unknowns / it->frame.n + 1;
    return up_to_rows(piece < left ? piece : left, keep);
}

/* How many steps can be taken with nothing to do between them; one by Newton's method. */
static uint64_t piece_of(const LagIntegrator *it, double h, uint64_t left, const Keep *keep) {
    uint64_t piece = is_affine(it) ? affine_most(it, left, keep) : it->sweeps.begun ? sweeps_most(it, left, keep) : 1;
    if (!isfinite(it->t_start + (double)(it->count + piece) * h)) return 1;
    if (it->watch && it->watch_every - it->watched < piece) piece = it->watch_every - it->watched;
    return piece;
}

/* One step by Newton's method, or by rk2 or rk4. */
static bool take_one(LagIntegrator *it, double h, LagStatus *status) {
    *status = is_ggl(it->method) ? stepper_step(&it->stepper, it->t, h) : explicit_step(it, h);
    if (*status != LAG_OK) return false;
    it->fresh = false;
    it->fallbacks += it->sweeps.frame && !it->sweeps.newton;
    if (it->sweeps.wait) it->sweeps.wait--;
    if (it->affine.made) affine_begin(&it->affine);
    return true;
}

/* Newton's method goes on from what the sweeps have come to. */
static void hand_over(LagIntegrator *it) {
    memcpy(it->stepper.v, it->frame.array[LAG_V], it->frame.d * sizeof(double));
    stepper_forget(&it->stepper);
}

static void begin_sweeps(LagIntegrator *it, double h) {
    memcpy(it->frame.array[LAG_V], it->stepper.v, it->frame.d * sizeof(double));
    if (!sweeps_begin(&it->sweeps, it->t, h)) it->sweeps.wait = UINT32_MAX;
}

/* A step by sweeps, as many as it may be, after all else has failed. */
static uint64_t insist(LagIntegrator *it, double h, LagStatus *status) {
    LagStatus why = LAG_OK;
    begin_sweeps(it, h);
    uint64_t took = it->sweeps.begun ? sweeps_take(&it->sweeps, it->t_start, it->count, 1, &why) : 0;
    *status = took || why != LAG_OK ? why : *status;
    if (!took && why == LAG_OK) hand_over(it);
    return took;
}

/* Takes steps by the map, and tells how many. It keeps the rows that it can; the next is then one after these steps. */
static uint64_t take_affine(LagIntegrator *it, double h, uint64_t piece, Keep *keep) {
    LagRows *rows = keep->rows;
    if (!rows_within(rows)) return affine_steps(&it->affine, piece, NULL);
    size_t from = rows->count, d = it->frame.d;
    AffineRows kept = {.next = keep->next,
                       .every = keep->every,
                       .q = rows->q ? rows->q + from * d : NULL,
                       .pi = rows->pi ? rows->pi + from * d : NULL,
                       .many = keep->many};
    uint64_t took = affine_steps(&it->affine, piece, &kept);
    if (keep->many) lanes_drain();
    double first = (double)(it->count + keep->next);
    if (rows->t) it->affine.lanes->times(it->t_start, h, first, (double)keep->every, (uint32_t)kept.count, rows->t + from);
    rows->count += kept.count;
    keep->next = took + kept.next;
    return took;
}

/* The same by sweeps. */
static uint64_t take_sweeps(LagIntegrator *it, double h, uint64_t piece, Keep *keep, LagStatus *status) {
    if (!rows_within(keep->rows)) return sweeps_take(&it->sweeps, it->t_start, it->count, piece, status);
    uint64_t done = 0, next = keep->next, took, most;
    do {
        most = next < piece - done ? next : piece - done;
        took = sweeps_take(&it->sweeps, it->t_start, it->count + done, most, status);
        done += took;
        next -= took;
        if (next > 0) continue;
        it->t = it->t_start + (double)(it->count + done) * h;
        keep_state(it, keep->rows);
        next = keep->every;
    } while (took == most && done < piece);
    keep->next = done + next;
    return done;
}

/* Takes so many steps, and tells how many it took. */
static uint64_t take_steps(LagIntegrator *it, double h, uint64_t piece, Keep *keep, LagStatus *status) {
    uint64_t took;
    if (!isfinite(it->t_start + (double)(it->count + piece) * h)) {
        *status = LAG_ERROR_NOT_FINITE;
        return 0;
    }
    if (is_affine(it)) {
        took = take_affine(it, h, piece, keep);
        *status = took < piece ? LAG_ERROR_NOT_FINITE : LAG_OK;
    } else if (it->sweeps.begun) {
        took = take_sweeps(it, h, piece, keep, status);
        if (took < piece && *status == LAG_OK) hand_over(it); /* the step's equations go on */
    } else {
        took = take_one(it, h, status);
        if (*status == LAG_ERROR_NEWTON && sweeps_insist(&it->sweeps)) took = insist(it, h, status);
    }
    it->count += took;
    it->steps += took;
    if (took) it->t = it->t_start + (double)it->count * h;
    return took;
}

LagStatus lag_integrator_advance(LagIntegrator *it, double h, uint64_t steps, uint64_t every, LagRows *rows) {
    if (!it->started || !isfinite(h) || h == 0 || (every == 0 && rows)) return LAG_ERROR_ARGUMENT;
    double before = seconds_now();
    if (h != it->h) {
        it->t_start = it->t;
        it->count = 0;
        forget_map(it, h == it->affine.h);
    }
    it->h = h;
    it->residual = it->stepper.residual = 0;
    improve(it, steps);
    unsigned long long flushing = flush_small();
    LagStatus status = LAG_OK;
    Keep keep = {.rows = rows, .every = rows && every < INT64_MAX ? every : INT64_MAX}; /* that row is never reached */
    keep.next = keep.every;
    keep.many = it->affine.frame && exceed_caches(steps / keep.every, it->frame.d);
    for (uint64_t done = 0; done < steps && status == LAG_OK;) {
        if (is_cancelled(it)) {
            status = LAG_INTERRUPTED;
            break;
        }
        if (rows && rows->count >= rows->capacity) keep = (Keep){.every = INT64_MAX, .next = INT64_MAX};
        if (it->sweeps.begun || done % IMPROVE_EVERY == 0) frame_improve(&it->frame, 0);
        if (it->affine.frame && !it->affine.tried && !it->fresh) affine_make(&it->affine, h); /* else Newton goes on */
        if (it->sweeps.frame && !it->sweeps.begun && !it->sweeps.wait) begin_sweeps(it, h);
        uint64_t sweeps = it->sweeps.count, took = take_steps(it, h, piece_of(it, h, steps - done, &keep), &keep, &status);
        if (done == 0 && it->sweeps.begun && took) weigh(it, it->sweeps.count - sweeps, took, steps);
        done += took;
        keep.next -= took;
        if (keep.next == 0) {
            lag_integrator_state(it, keep.rows);
            keep.next = keep.every;
        }
        if (it->watch && took && (it->watched += took) == it->watch_every) {
            it->watched = 0;
            flush_as(flushing);
            it->watch(it, it->watcher);
            flush_small();
        }
    }
    if (it->sweeps.begun) sweeps_momentum(&it->sweeps);
    flush_as(flushing);
    if (status != LAG_OK && is_ggl(it->method)) it->residual = status == LAG_ERROR_SWEEPS ? NAN : it->stepper.residual;
    it->status = status;
    it->seconds += seconds_now() - before;
    return status;
}

LagStatus integrator_continue(LagIntegrator *it, const Stop *stop) {
    LagStatus status = lag_integrator_start(it, stop->t_start, stop->q, stop->u);
    if (status != LAG_OK) return status;
    it->h = stop->h;
    it->count = it->steps = stop->count;
    it->t = stop->t_start + (double)stop->count * stop->h;
    sweeps_resume(&it->sweeps, it->t, stop->h, stop->q, stop->u, stop->low);
    return LAG_OK;
}

void lag_integrator_report(const LagIntegrator *it, LagReport *report) {
    *report = (LagReport){
        .status = it->status,
        .steps = it->steps,
        .t = it->t,
        .residual = it->residual,
        .iterations = is_ggl(it->method) ? it->stepper.iterations + it->sweeps.iterations : 0,
        .sweeps = it->sweeps.count,
        .energy_start = it->energy_start,
        .energy = it->started && it->frame.kernel->facts.autonomous ? energy_of(it) : NAN,
        .seconds = it->seconds,
        .fallbacks = it->fallbacks,
    };
}
