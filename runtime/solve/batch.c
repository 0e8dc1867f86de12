/* batch.c: many systems of one kernel (lag.h, "Batches").
 *
 * LAG_SYSTEMS systems are a group, which a thread takes through all steps of a call before it looks for another. Where the
 * kernel's steps come in lanes, a group's state is side by side in memory, and stays so from call to call; a system whose
 * sweeps fail, or that has none, goes on in an integrator of its own, as it would alone. */
#include "crew.h"
#include "flush.h"
#include "group.h"
#include "integrate.h"
#include "linear.h"

#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct Worker {
    Frame frame; /* of one system, to begin with */
    Sweeps sweeps;
    double *work; /* LAG_WORK of a group */
} Worker;

/* What all threads are to do. */
typedef struct Task {
    double h;
    uint64_t steps, every;
    LagBatchRows *rows;
    size_t row; /* the first to be written */
} Task;

struct LagBatch {
    const LagKernel *kernel;
    LagMethod method;
    size_t systems, groups;
    uint32_t d, m;
    LagProcedure lanes;    /* of LAG_STEPS; `run` is NULL where there are none (yet) */
    size_t work;           /* LAG_WORK of a system of theirs */
    Group *group;          /* [groups] */
    double *block;         /* what groups are cut from */
    LagIntegrator **alone; /* [systems]: of those that are in no group */
    double *c, *q, *pi;    /* [systems, m], [systems, d] twice: of those in groups */
    LagStatus *status;     /* [systems] */
    bool started;
    double t_start, t, h, slack;
    uint64_t count;
    uint64_t asked; /* steps of systems, so far */
    Task task;
    atomic_bool cancelled;
    Crew *crew;
    Worker *worker; /* [its members] */
};

/* ---- Systems alone ---- */

static LagStatus leave_group(LagBatch *b, size_t i) {
    LagStatus status = b->alone[i] ? LAG_OK : lag_integrator_new(b->kernel, b->method, &b->alone[i]);
    if (status != LAG_OK) return status;
    lag_integrator_parameters(b->alone[i], b->c + i * b->m);
    return lag_integrator_slack(b->alone[i], b->slack);
}

static size_t rows_left(const Task *task) {
    return task->rows && task->rows->capacity > task->row ? task->rows->capacity - task->row : 0;
}

/* Rows first .. of system i from the integrator's, or NaN where there are no more. */
static LagStatus advance_alone(LagBatch *b, size_t i, uint64_t steps, uint64_t to_row, size_t row) {
    const Task *task = &b->task;
    LagIntegrator *it = b->alone[i];
    if (!task->rows) return lag_integrator_advance(it, task->h, steps, 0, NULL);
    size_t capacity = task->rows->capacity, at = i * capacity;
    LagRows rows = {.capacity = capacity,
                    .count = row,
                    .q = task->rows->q ? task->rows->q + at * b->d : NULL,
                    .pi = task->rows->pi ? task->rows->pi + at * b->d : NULL};
    LagStatus status = LAG_OK;
    if (to_row < task->every && to_row <= steps) { /* a row is begun */
        status = lag_integrator_advance(it, task->h, to_row, to_row, &rows);
        steps -= to_row;
    }
    return status == LAG_OK && steps ? lag_integrator_advance(it, task->h, steps, task->every, &rows) : status;
}

static void fill_rows(const LagBatch *b, size_t i, size_t row, size_t end) {
    const LagBatchRows *rows = b->task.rows;
    for (size_t at = (i * rows->capacity + row) * b->d; at < (i * rows->capacity + end) * b->d; at++) {
        if (rows->q) rows->q[at] = NAN;
        if (rows->pi) rows->pi[at] = NAN;
    }
}

/* ---- Groups ---- */

static uint32_t systems_of(const LagBatch *b, size_t g) {
    size_t left = b->systems - g * LAG_SYSTEMS;
    return left < LAG_SYSTEMS ? (uint32_t)left : LAG_SYSTEMS;
}

static void begin_group(LagBatch *b, Worker *w, size_t number) {
    Group *g = &b->group[number];
    uint32_t systems = systems_of(b, number), good = LAG_SYSTEMS;
    bool in[LAG_SYSTEMS] = {false};
    for (uint32_t lane = 0; lane < systems; lane++) {
        size_t i = number * LAG_SYSTEMS + lane;
        if (b->alone[i] || b->status[i] != LAG_OK) continue;
        const GroupStart start = {b->c + i * b->m, b->q + i * b->d, b->pi + i * b->d, b->t, b->task.h};
        in[lane] = group_begin(g, &w->sweeps, lane, &start);
        if (in[lane]) {
            good = lane;
            continue;
        }
        b->status[i] = leave_group(b, i);
        if (b->status[i] == LAG_OK)
            b->status[i] = lag_integrator_start(b->alone[i], b->t, b->q + i * b->d, b->pi + i * b->d);
    }
    for (uint32_t lane = 0; lane < LAG_SYSTEMS && good < LAG_SYSTEMS; lane++)
        if (!in[lane]) group_fill(g, lane, good);
    g->begun = true;
}

static void keep_row(const LagBatch *b, const Group *g, uint32_t lane, size_t i, size_t row) {
    const LagBatchRows *rows = b->task.rows;
    size_t at = (i * rows->capacity + row) * b->d;
    if (rows->q) numbers_from(g->array[LAG_Q], LAG_SYSTEMS, lane, rows->q + at, b->d);
    if (rows->pi) group_momentum(g, lane, b->h, rows->pi + at);
}

/* A system whose step has failed, `done` steps after the call's beginning, goes on alone. */
static void go_alone(LagBatch *b, Worker *w, const Group *g, uint32_t lane, size_t i, uint64_t done, size_t row) {
    const Task *task = &b->task;
    double *q = w->frame.array[LAG_Q], *u = w->frame.array[LAG_U], *low = w->frame.array[LAG_LOW];
    numbers_from(g->array[LAG_Q], LAG_SYSTEMS, lane, q, b->d);
    numbers_from(g->array[LAG_U], LAG_SYSTEMS, lane, u, b->d);
    numbers_from(g->array[LAG_LOW], LAG_SYSTEMS, lane, low, 2 * (size_t)b->d);
    Stop stop = {b->t_start, task->h, b->count + done, q, u, low};
    b->status[i] = leave_group(b, i);
    if (b->status[i] == LAG_OK) b->status[i] = integrator_continue(b->alone[i], &stop);
    if (b->status[i] == LAG_OK)
        b->status[i] = advance_alone(b, i, task->steps - done, task->every - done % task->every, row);
}

/* So many steps of all lanes; which systems are still in, tells `in`. */
static void take_piece(LagBatch *b, Worker *w, Group *g, size_t number, uint64_t done, uint64_t piece, size_t row,
                       bool *in) {
    double *run = g->array[LAG_RUN];
    for (uint32_t lane = 0; lane < LAG_SYSTEMS; lane++) {
        run[LAG_RUN_STEPS * LAG_SYSTEMS + lane] = (double)piece;
        run[LAG_RUN_BEFORE * LAG_SYSTEMS + lane] = (double)(b->count + done);
        run[LAG_RUN_DONE * LAG_SYSTEMS + lane] = 0;
        run[LAG_RUN_SLACK * LAG_SYSTEMS + lane] = b->slack;
        g->array[LAG_TIME][lane] = b->t_start;
    }
    unsigned long long flushing = flush_small();
    g->array[LAG_WORK] = w->work;
    b->lanes.run(b->lanes.code, g->array);
    flush_as(flushing);
    for (uint32_t lane = 0; lane < LAG_SYSTEMS; lane++) {
        uint64_t took = (uint64_t)run[LAG_RUN_DONE * LAG_SYSTEMS + lane];
        if (!in[lane] || took == piece) continue;
        in[lane] = false;
        go_alone(b, w, g, lane, number * LAG_SYSTEMS + lane, done + took, row);
    }
}

/* All steps of the call of a group in lanes. */
static void advance_lanes(LagBatch *b, Worker *w, size_t number) {
    enum { PIECE_MOST = 1000 };
    const Task *task = &b->task;
    Group *g = &b->group[number];
    uint32_t systems = systems_of(b, number), left = 0;
    bool in[LAG_SYSTEMS] = {false};
    if (!g->begun) begin_group(b, w, number);
    for (uint32_t lane = 0; lane < systems; lane++) {
        size_t i = number * LAG_SYSTEMS + lane;
        in[lane] = !b->alone[i] && b->status[i] == LAG_OK;
        left += in[lane];
    }
    size_t row = task->row, end = task->row + rows_left(task);
    for (uint64_t done = 0; done < task->steps && left && !atomic_load_explicit(&b->cancelled, memory_order_relaxed);) {
        uint64_t to_row = task->rows ? task->every - done % task->every : PIECE_MOST, piece = task->steps - done;
        if (piece > to_row) piece = to_row;
        if (piece > PIECE_MOST) piece = PIECE_MOST;
        take_piece(b, w, g, number, done, piece, row, in);
        done += piece;
        left = 0;
        bool keep = task->rows && done % task->every == 0 && row < end;
        for (uint32_t lane = 0; lane < systems; lane++) {
            left += in[lane];
            if (in[lane] && keep) keep_row(b, g, lane, number * LAG_SYSTEMS + lane, row);
        }
        row += keep;
    }
    for (uint32_t lane = 0; lane < systems; lane++) {
        size_t i = number * LAG_SYSTEMS + lane;
        if (!in[lane]) continue;
        numbers_from(g->array[LAG_Q], LAG_SYSTEMS, lane, b->q + i * b->d, b->d);
        group_momentum(g, lane, b->h, b->pi + i * b->d);
    }
}

static void advance_group(void *batch, uint32_t member, size_t number) {
    LagBatch *b = batch;
    const Task *task = &b->task;
    uint32_t systems = systems_of(b, number);
    bool was_alone[LAG_SYSTEMS];
    for (uint32_t lane = 0; lane < systems; lane++) {
        size_t i = number * LAG_SYSTEMS + lane;
        if (task->rows)
            fill_rows(b, i, task->row,
                      task->row + (size_t)fmin((double)rows_left(task), (double)(task->steps / task->every)));
        was_alone[lane] = b->alone[i] != NULL;
    }
    if (b->lanes.run) advance_lanes(b, &b->worker[member], number);
    for (uint32_t lane = 0; lane < systems; lane++) {
        size_t i = number * LAG_SYSTEMS + lane;
        if (b->status[i] != LAG_OK || !b->alone[i] || (b->lanes.run && !was_alone[lane])) continue;
        if (atomic_load_explicit(&b->cancelled, memory_order_relaxed)) return;
        b->status[i] = advance_alone(b, i, task->steps, task->every, task->row);
    }
}

/* ---- The face ---- */

static LagStatus make_workers(LagBatch *b, uint32_t threads) {
    LagStatus status = LAG_OK;
    b->crew = crew_new(threads, b->groups);
    b->worker = b->crew ? calloc(crew_members(b->crew), sizeof *b->worker) : NULL;
    if (!b->worker) return LAG_ERROR_MEMORY;
    for (uint32_t i = 0; i < crew_members(b->crew) && status == LAG_OK; i++) {
        Worker *w = &b->worker[i];
        status = frame_init(&w->frame, b->kernel, true);
        if (status == LAG_OK && sweeps_fit(b->kernel)) status = sweeps_init(&w->sweeps, &w->frame);
    }
    return status;
}

LagStatus lag_batch_new(const LagKernel *kernel, LagMethod method, size_t systems, uint32_t threads, LagBatch **batch) {
    LagIntegrator *probe;
    if (!kernel || !batch || systems == 0) return LAG_ERROR_ARGUMENT;
    LagStatus status = lag_integrator_new(kernel, method, &probe); /* refuses what is to be refused */
    if (status != LAG_OK) return status;
    lag_integrator_free(probe);
    LagBatch *b = calloc(1, sizeof *b);
    if (!b) return LAG_ERROR_MEMORY;
    *b = (LagBatch){.kernel = kernel,
                    .method = method,
                    .systems = systems,
                    .groups = (systems + LAG_SYSTEMS - 1) / LAG_SYSTEMS,
                    .d = kernel->dof,
                    .m = kernel->parameter_count,
                    .slack = 1};
    b->alone = calloc(systems, sizeof *b->alone);
    b->status = calloc(systems, sizeof *b->status);
    b->c = calloc(systems * (b->m + 2 * (size_t)b->d), sizeof *b->c);
    if (!b->alone || !b->status || !b->c) {
        lag_batch_free(b);
        return LAG_ERROR_MEMORY;
    }
    b->q = b->c + systems * b->m;
    b->pi = b->q + systems * b->d;
    status = make_workers(b, threads);
    if (status == LAG_OK)
        *batch = b;
    else
        lag_batch_free(b);
    return status;
}

void lag_batch_free(LagBatch *b) {
    if (!b) return;
    for (uint32_t i = 0; b->worker && i < crew_members(b->crew); i++) {
        sweeps_free(&b->worker[i].sweeps);
        frame_free(&b->worker[i].frame);
        free(b->worker[i].work);
    }
    crew_free(b->crew);
    for (size_t i = 0; b->alone && i < b->systems; i++) lag_integrator_free(b->alone[i]);
    free(b->worker);
    free(b->group);
    free(b->block);
    free(b->alone);
    free(b->status);
    free(b->c);
    free(b);
}

void lag_batch_parameters(LagBatch *b, const double *c) {
    if (b->m) memcpy(b->c, c, b->systems * b->m * sizeof *c);
    for (size_t i = 0; i < b->systems; i++)
        if (b->alone[i]) lag_integrator_parameters(b->alone[i], b->c + i * b->m);
    for (size_t g = 0; b->group && g < b->groups; g++) b->group[g].begun = false;
}

LagStatus lag_batch_slack(LagBatch *b, double slack) {
    if (!(slack >= 1 && slack <= DBL_MAX)) return LAG_ERROR_ARGUMENT;
    b->slack = slack;
    for (size_t i = 0; i < b->systems; i++)
        if (b->alone[i]) lag_integrator_slack(b->alone[i], slack);
    return LAG_OK;
}

/* Whether systems may run side by side. */
static bool is_grouped(const LagBatch *b) {
    bool by_road = b->method == LAG_METHOD_GGL || b->method == LAG_METHOD_COMPENSATED;
    return by_road && sweeps_fit(b->kernel) && b->kernel->form;
}

static LagStatus start(LagBatch *b, double t, const double *q, const double *pi, const double *v) {
    LagStatus first = LAG_OK;
    size_t d = b->d;
    if (!q || (!pi && !v)) return LAG_ERROR_ARGUMENT;
    if (!isfinite(t)) return LAG_ERROR_NOT_FINITE;
    bool grouped = is_grouped(b);
    for (size_t i = 0; i < b->systems; i++) {
        memcpy(b->q + i * d, q + i * d, d * sizeof *q);
        if (pi) memcpy(b->pi + i * d, pi + i * d, d * sizeof *pi);
        LagStatus status = LAG_OK;
        if (grouped && v) status = lag_kernel_momentum(b->kernel, b->c + i * b->m, t, q + i * d, v + i * d, b->pi + i * d);
        if (grouped && status == LAG_OK && !(linear_finite(q + i * d, d) && linear_finite(b->pi + i * d, d)))
            status = LAG_ERROR_NOT_FINITE;
        if (!grouped) status = leave_group(b, i);
        if (!grouped && status == LAG_OK)
            status = pi ? lag_integrator_start(b->alone[i], t, q + i * d, pi + i * d)
                        : lag_integrator_start_velocity(b->alone[i], t, q + i * d, v + i * d);
        if (grouped) {
            lag_integrator_free(b->alone[i]);
            b->alone[i] = NULL;
        }
        b->status[i] = status;
        if (first == LAG_OK) first = status;
    }
    for (size_t g = 0; b->group && g < b->groups; g++) b->group[g].begun = false;
    b->t_start = b->t = t;
    b->count = 0;
    b->h = 0;
    b->started = true;
    return first;
}

LagStatus lag_batch_start(LagBatch *b, double t, const double *q, const double *pi) { return start(b, t, q, pi, NULL); }

LagStatus lag_batch_start_velocity(LagBatch *b, double t, const double *q, const double *v) {
    return start(b, t, q, NULL, v);
}

/* Memory for groups and their threads. */
static bool make_groups(LagBatch *b) {
    enum { LINE = 64 };
    const size_t each = group_size(b->kernel);
    b->group = calloc(b->groups, sizeof *b->group);
    b->block = aligned_alloc(LINE, b->groups * each * LAG_SYSTEMS * sizeof *b->block);
    bool room = b->group && b->block;
    for (uint32_t i = 0; i < crew_members(b->crew) && room; i++) {
        size_t size = (b->work + 1) * LAG_SYSTEMS * sizeof(double);
        b->worker[i].work = aligned_alloc(LINE, size);
        room = b->worker[i].work != NULL;
        if (room) memset(b->worker[i].work, 0, size);
    }
    if (!room) return false;
    for (size_t i = 0; i < b->groups; i++)
        group_place(&b->group[i], b->kernel, LAG_SYSTEMS, b->block + i * each * LAG_SYSTEMS);
    return true;
}

/* Lanes, where the work so far is worth them; else those that have none yet get integrators of their own. */
static LagStatus find_lanes(LagBatch *b, uint64_t steps) {
    uint32_t form = LAG_FORM_LANES | (b->method == LAG_METHOD_COMPENSATED ? LAG_FORM_COMPENSATED : 0);
    b->asked += steps * b->systems;
    if (is_grouped(b) && !b->lanes.run && b->count == 0) b->lanes = b->kernel->form(b->kernel, form, b->asked, &b->work);
    if (b->lanes.run && !b->group && !make_groups(b)) return LAG_ERROR_MEMORY;
    for (size_t i = 0; i < b->systems && !b->lanes.run; i++) {
        if (b->alone[i] || b->status[i] != LAG_OK) continue;
        b->status[i] = leave_group(b, i);
        if (b->status[i] == LAG_OK)
            b->status[i] = lag_integrator_start(b->alone[i], b->t, b->q + i * b->d, b->pi + i * b->d);
    }
    return LAG_OK;
}

LagStatus lag_batch_advance(LagBatch *b, double h, uint64_t steps, uint64_t every, LagBatchRows *rows) {
    if (!b->started || !isfinite(h) || h == 0 || (every == 0 && rows)) return LAG_ERROR_ARGUMENT;
    if (h != b->h) {
        b->t_start = b->t;
        b->count = 0;
        for (size_t g = 0; b->group && g < b->groups; g++) b->group[g].begun = false;
    }
    b->h = h;
    LagStatus status = find_lanes(b, steps);
    if (status != LAG_OK) return status;
    b->task = (Task){h, steps, every ? every : steps + 1, rows, rows ? rows->count : 0};
    crew_run(b->crew, b->groups, advance_group, b);
    if (atomic_exchange(&b->cancelled, false)) return LAG_INTERRUPTED;
    uint64_t kept = rows ? steps / every : 0;
    for (size_t row = b->task.row; rows && row < b->task.row + kept && row < rows->capacity; row++) {
        if (rows->t) rows->t[row] = b->t_start + (double)(b->count + (row - b->task.row + 1) * every) * h;
        rows->count = row + 1;
    }
    b->count += steps;
    b->t = b->t_start + (double)b->count * h;
    for (size_t i = 0; i < b->systems; i++)
        if (b->status[i] != LAG_OK) return b->status[i];
    return LAG_OK;
}

void lag_batch_cancel(LagBatch *b) { atomic_store_explicit(&b->cancelled, true, memory_order_relaxed); }

void lag_batch_state(const LagBatch *b, double *q, double *pi, LagStatus *status) {
    for (size_t i = 0; i < b->systems; i++) {
        size_t at = i * b->d;
        if (b->alone[i]) {
            LagRows row = {.capacity = 1, .q = q ? q + at : NULL, .pi = pi ? pi + at : NULL};
            lag_integrator_state(b->alone[i], &row);
        } else {
            if (q) memcpy(q + at, b->q + at, b->d * sizeof *q);
            if (pi) memcpy(pi + at, b->pi + at, b->d * sizeof *pi);
        }
        if (status) status[i] = b->status[i];
    }
}
