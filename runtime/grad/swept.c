/* swept.c: see swept.h. The state is (q, u), u = h M^-1 pi: rows in pi are made from it, and their seeds go back to it, by
 * way of M. What M itself depends on is summed up beside M's entries, and taken to the parameters at the end. */
#include "swept.h"

#include "../solve/linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SWEPT_PIECES = 64 * 1024 * 1024 / 8 }; /* doubles that are taken without being told to spare */
enum { LINE = 64 };
enum { SWEPT_LEAST = 6 }; /* unknowns of a step: for fewer, an inverse costs less than sweeps back */

/* What is missing of a derivative may be a rounding: unlike a motion's, errors do not build up to a drift of one sign that
 * would show beside it. */
static const double slack_back = 512;

bool swept_fits(const LagKernel *kernel) {
    if ((kernel->r + 1) * kernel->dof < SWEPT_LEAST) return false;
    return kernel->back && kernel->facts.mass_times_velocity && sweeps_fit(kernel) && kernel->size[LAG_BY_F];
}

/* ---- Memory ---- */

static double *room_of(size_t doubles) { return aligned_alloc(LINE, (doubles * sizeof(double) + LINE) / LINE * LINE); }

/* Where each piece goes, from `at` on if it is not NULL; the size of all. */
static size_t lay_out(Swept *s, double *at) {
    const size_t w = s->systems, d = s->d, *size = s->kernel->size;
    size_t used = (group_size(s->kernel) * w + 7) / 8 * 8;
    static const LagArray own[] = {LAG_F, LAG_BY_Q, LAG_BY_U, LAG_BY_F, LAG_SEED, LAG_BY_PARAMETER, LAG_BY_MASS, LAG_RUN};
    double **const each[] = {&s->start_pi, &s->start_v, &s->start_u, &s->start_by, &s->end_u,
                             &s->begin_q,  &s->begin_u, &s->row_u,   &s->row_by};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (at) s->array[own[i]] = at + used;
        used += (size[own[i]] * w + 7) / 8 * 8;
    }
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        if (at) *each[i] = at + used;
        used += (d * w + 7) / 8 * 8;
    }
    return used;
}

LagStatus swept_init(Swept *s, const LagKernel *kernel, uint32_t systems) {
    static const LagArray shared[] = {LAG_TIME, LAG_PARAMETER, LAG_SHARE, LAG_INVERSE_MASS};
    *s = (Swept){.kernel = kernel,
                 .systems = systems,
                 .d = kernel->dof,
                 .m = kernel->parameter_count,
                 .s = kernel->r + 2,
                 .l = lag_lanes(kernel->r + 2)};
    LagStatus status = frame_init(&s->frame, kernel, true);
    if (status == LAG_OK) status = sweeps_init(&s->sweeps, &s->frame);
    size_t size = lay_out(s, NULL);
    s->block = room_of(size);
    if (status == LAG_OK && !s->block) status = LAG_ERROR_MEMORY;
    if (status != LAG_OK) {
        swept_free(s);
        return status;
    }
    memset(s->block, 0, size * sizeof *s->block);
    group_place(&s->group, kernel, systems, s->block);
    memcpy(s->array, s->group.array, sizeof s->array);
    lay_out(s, s->block);
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) s->array[shared[i]] = s->group.array[shared[i]];
    return LAG_OK;
}

void swept_free(Swept *s) {
    sweeps_free(&s->sweeps);
    frame_free(&s->frame);
    free(s->block);
    free(s->work);
    free(s->room);
    *s = (Swept){0};
}

bool swept_expect(Swept *s, uint64_t steps, bool back) {
    const LagKernel *kernel = s->kernel;
    size_t lanes = 0, work = kernel->size[LAG_WORK];
    if (back && !kernel->back(kernel, s->systems, steps * s->systems, &s->back)) return false;
    if (s->systems > 1)
        s->lanes =
            kernel->form ? kernel->form(kernel, LAG_FORM_LANES, steps * s->systems, &lanes) : (LagProcedure){NULL, NULL};
    else
        frame_improve(&s->frame, steps);
    if (s->systems > 1 && !s->lanes.run) return false;
    work = work > lanes ? work : lanes;
    work = work > s->back.work ? work : s->back.work;
    if (work * s->systems >= s->work_size) {
        free(s->work);
        s->work_size = work * s->systems + 1;
        s->work = room_of(s->work_size);
        if (!s->work) return s->work_size = 0, false;
        memset(s->work, 0, s->work_size * sizeof *s->work);
    }
    s->group.array[LAG_WORK] = s->array[LAG_WORK] = s->work;
    return true;
}

/* What is kept of a step: its state, and its impulses without the room between rows; and of a piece's beginning. */
static size_t step_size(const Swept *s) { return 2 * s->d + (size_t)s->d * s->s; }
static size_t begin_size(const Swept *s) { return 2 * s->d + (size_t)s->d * s->l + LAG_RUN_COUNT; }

bool swept_open(Swept *s, double t, double h, uint64_t steps, bool sparing, bool back) {
    const size_t w = s->systems, step = step_size(s) * w;
    s->t = t, s->h = h;
    s->recording = back;
    s->steps = steps;
    s->piece = steps && back ? steps : 1;
    if (sparing || step > SWEPT_PIECES / s->piece) s->piece = (uint64_t)ceil(sqrt((double)s->piece));
    s->pieces = back ? (steps + s->piece - 1) / s->piece : 0;
    s->held = UINT64_MAX;
    if (s->piece > SIZE_MAX / 64 / step || s->pieces > SIZE_MAX / 64 / (begin_size(s) * w)) return false;
    size_t size = (size_t)s->piece * step + (size_t)s->pieces * begin_size(s) * w;
    if (size > s->size) {
        free(s->room);
        s->room = room_of(size);
        s->size = s->room ? size : 0;
    }
    if (!s->room) return false;
    s->f = s->room;
    s->q = s->f + (size_t)s->piece * s->d * s->s * w;
    s->u = s->q + (size_t)s->piece * s->d * w;
    s->begin = s->u + (size_t)s->piece * s->d * w;
    return true;
}

/* ---- The start ---- */

LagStatus swept_begin(Swept *s, uint32_t lane, const double *c, const double *q, const double *pi, const double *v) {
    double *const *to = s->frame.array;
    const size_t d = s->d;
    const double *rate = pi ? pi : v;
    s->velocity = v != NULL;
    s->lost[lane] = true;
    if (!linear_finite(q, d) || !linear_finite(rate, d) || !linear_finite(c, s->m)) return LAG_ERROR_NOT_FINITE;
    if (v) {
        if (s->m) memcpy(to[LAG_PARAMETER], c, s->m * sizeof *c);
        memcpy(to[LAG_Q], q, d * sizeof *q);
        memcpy(to[LAG_V], v, d * sizeof *v);
        to[LAG_TIME][0] = s->t;
        frame_run(&s->frame, LAG_POINT);
        pi = to[LAG_B];
        if (!linear_finite(pi, d)) return LAG_ERROR_NOT_FINITE;
        numbers_to(s->start_v, s->systems, lane, v, d);
    }
    numbers_to(s->start_pi, s->systems, lane, pi, d);
    const GroupStart start = {c, q, pi, s->t, s->h};
    s->lost[lane] = !group_begin(&s->group, &s->sweeps, lane, &start);
    return LAG_OK;
}

bool swept_all_lost(const Swept *s) {
    bool all = true;
    for (uint32_t lane = 0; lane < s->systems; lane++) all = all && s->lost[lane];
    return all;
}

/* Lanes that are lost do what another does. */
static void fill_lost(Swept *s) {
    uint32_t good = 0;
    while (good < s->systems && s->lost[good]) good++;
    for (uint32_t lane = 0; lane < s->systems && good < s->systems; lane++)
        if (s->lost[lane]) group_fill(&s->group, lane, good);
}

/* ---- Forth ---- */

static bool is_cancelled(const Swept *s) { return s->cancelled && atomic_load_explicit(s->cancelled, memory_order_relaxed); }

/* What a step hands to the next, kept or put back. */
static void keep_begin(Swept *s, uint64_t piece, bool back) {
    const size_t w = s->systems;
    double *at = s->begin + piece * begin_size(s) * w, *const *array = s->group.array;
    double *const part[] = {array[LAG_Q], array[LAG_U], array[LAG_F], array[LAG_RUN]};
    const size_t size[] = {s->d * w, s->d * w, (size_t)s->d * s->l * w, LAG_RUN_COUNT * w};
    for (int i = 0; i < 4; at += size[i], i++) numbers_copy(back ? part[i] : at, back ? at : part[i], size[i]);
}

/* One step of a program that has LAG_RUN; lanes whose step was not taken are lost. Gives back whether there are such. */
static bool run_step(Swept *s, LagProcedure program, double *const *array, uint64_t n, double slack) {
    const uint32_t w = s->systems;
    double *run = array[LAG_RUN];
    bool lost = false;
    for (uint32_t lane = 0; lane < w; lane++) {
        run[LAG_RUN_STEPS * w + lane] = 1;
        run[LAG_RUN_BEFORE * w + lane] = (double)n;
        run[LAG_RUN_DONE * w + lane] = 0;
        run[LAG_RUN_SLACK * w + lane] = slack;
        run[LAG_RUN_MOST * w + lane] = LAG_SWEEPS_MOST;
    }
    program.run(program.code, array);
    for (uint32_t lane = 0; lane < w; lane++) {
        bool failed = !s->lost[lane] && !(run[LAG_RUN_DONE * w + lane] > 0);
        s->lost[lane] |= failed;
        lost |= failed;
    }
    return lost;
}

/* The impulses of the step in that slot, from rows of l into rows of s, or back. */
static void keep_impulses(const Swept *s, size_t slot, double *F, bool back) {
    const size_t row = (size_t)s->s * s->systems, wide = (size_t)s->l * s->systems;
    double *kept = s->f + slot * s->d * row;
    for (size_t k = 0; k < s->d; k++, kept += row, F += wide) numbers_copy(back ? F : kept, back ? kept : F, row);
}

/* Step n, kept in its place of the piece. */
static void take_step(Swept *s, uint64_t n) {
    enum { ASK = 64 }; /* steps after which better programs are looked for */
    double *const *array = s->group.array;
    const size_t w = s->systems, slot = (size_t)(n % s->piece), width = s->d * w;
    numbers_copy(s->q + slot * width, array[LAG_Q], width);
    numbers_copy(s->u + slot * width, array[LAG_U], width);
    if (w == 1 && n % ASK == 0) frame_improve(&s->frame, 0);
    if (run_step(s, w > 1 ? s->lanes : s->frame.procedure[LAG_STEPS], array, n, 1)) fill_lost(s);
    keep_impulses(s, slot, array[LAG_F], false);
    s->held = n / s->piece;
}

/* How a row inside a step is made: q = q_n + x u + sum_j at_j f_j, and what u would be there, u_n + sum_j rate_j f_j. */
typedef struct Inside {
    double x, at[LAG_R_MAX + 2], rate[LAG_R_MAX + 2];
} Inside;

static void look_inside(const Swept *s, const Sight *row, Inside *inside) {
    const double *c = s->kernel->table[LAG_STAGE_NODE], *b = s->kernel->table[LAG_WEIGHT], *H = s->kernel->table[LAG_REACH];
    inside->x = 0;
    for (uint32_t i = 0; i < s->s; i++) inside->x += row->l[i] * c[i];
    for (uint32_t j = 0; j < s->s; j++) {
        inside->at[j] = 0;
        for (uint32_t i = 0; i < s->s; i++) inside->at[j] += row->l[i] * H[j * s->l + i];
        inside->rate[j] = row->a[j] / b[j];
    }
}

/* u at such a row of the step in that slot; and q if it is not NULL. */
static void see_inside(const Swept *s, const Inside *inside, size_t slot, double *q, double *u) {
    const size_t w = s->systems, width = s->d * w;
    for (size_t k = 0; k < s->d; k++)
        for (size_t lane = 0; lane < w; lane++) {
            const size_t i = k * w + lane;
            const double *f = s->f + (slot * s->d + k) * s->s * w + lane, u_n = s->u[slot * width + i];
            double at = s->q[slot * width + i] + inside->x * u_n, rate = u_n;
            for (size_t j = 0; j < s->s; j++) {
                at += inside->at[j] * f[j * w];
                rate += inside->rate[j] * f[j * w];
            }
            if (q) q[i] = at;
            u[i] = rate;
        }
}

void swept_run(Swept *s, const Sights *sights, double *seen_q, double *seen_pi) {
    double *const *array = s->group.array;
    const size_t width = (size_t)s->d * s->systems;
    size_t i = 0;
    fill_lost(s);
    numbers_copy(s->start_u, array[LAG_U], width);
    for (uint64_t n = 0; n <= s->steps && !is_cancelled(s) && !swept_all_lost(s); n++) {
        for (; i < sights->rows && sights->row[i].step == n && !sights->row[i].inside; i++) {
            numbers_copy(seen_q + i * width, array[LAG_Q], width);
            if (n)
                group_momenta(&s->group, array[LAG_U], s->h, seen_pi + i * width);
            else
                numbers_copy(seen_pi + i * width, s->start_pi, width);
        }
        if (n == s->steps) break;
        if (s->recording && n % s->piece == 0) keep_begin(s, n / s->piece, false);
        take_step(s, n);
        for (; i < sights->rows && sights->row[i].step == n; i++) {
            Inside inside;
            look_inside(s, &sights->row[i], &inside);
            see_inside(s, &inside, (size_t)(n % s->piece), seen_q + i * width, s->row_u);
            group_momenta(&s->group, s->row_u, s->h, seen_pi + i * width);
        }
    }
    numbers_copy(s->end_u, array[LAG_U], width);
}

/* ---- Back ---- */

/* The piece that step n is in, run again if another is there. */
static void recall(Swept *s, uint64_t n) {
    uint64_t piece = n / s->piece, end = (piece + 1) * s->piece;
    if (s->held == piece) return;
    keep_begin(s, piece, true);
    for (uint64_t i = piece * s->piece; i < end && i < s->steps; i++) take_step(s, i);
}

/* to += M^T by, of all lanes, times a factor. */
static void add_masses(const Swept *s, const double *by, double factor, double *to) {
    const size_t w = s->systems, d = s->d;
    const double *mass = s->group.mass;
    const bool diagonal = s->kernel->facts.diagonal_mass;
    for (size_t l = 0; l < d; l++)
        for (size_t lane = 0; lane < w; lane++) {
            double sum = 0;
            if (diagonal) sum = mass[l * w + lane] * by[l * w + lane];
            for (size_t k = 0; k < d && !diagonal; k++) sum += mass[(k * d + l) * w + lane] * by[k * w + lane];
            to[l * w + lane] += factor * sum;
        }
}

/* M's entries count for by_k u_l, times a factor. */
static void add_by_mass(const Swept *s, const double *by, const double *u, double factor) {
    const size_t w = s->systems, d = s->d;
    const bool diagonal = s->kernel->facts.diagonal_mass;
    double *to = s->array[LAG_BY_MASS];
    if (!s->back.mass.run) return;
    for (size_t k = 0; k < d; k++)
        for (size_t l = diagonal ? k : 0; l < (diagonal ? k + 1 : d); l++, to += w)
            for (size_t lane = 0; lane < w; lane++) to[lane] += factor * by[k * w + lane] * u[l * w + lane];
}

/* What the programs that go back make: 0 to begin with. */
static const LagArray made_back[] = {LAG_BY_Q, LAG_BY_U, LAG_BY_F, LAG_SEED, LAG_BY_PARAMETER, LAG_BY_MASS};
enum { MADE_BACK = sizeof made_back / sizeof *made_back };

/* Nothing is made of a lane that is lost: all of it is 0, of the rows that are left too. */
static void drop_lost(Swept *s, size_t rows, double *seed_q, double *seed_pi) {
    const size_t w = s->systems;
    for (uint32_t lane = 0; lane < w; lane++) {
        if (!s->lost[lane]) continue;
        for (size_t a = 0; a < MADE_BACK; a++)
            for (size_t i = 0; i < s->kernel->size[made_back[a]]; i++) s->array[made_back[a]][i * w + lane] = 0;
        for (size_t i = 0; i < rows * s->d; i++) seed_q[i * w + lane] = seed_pi[i * w + lane] = 0;
        for (size_t k = 0; k < s->d; k++)
            s->start_by[k * w + lane] = s->begin_q[k * w + lane] = s->begin_u[k * w + lane] = 0;
    }
}

/* The seeds of a row inside step n: of its impulses, and of the state that it begins at. */
static void seed_inside(Swept *s, const Sight *row, uint64_t n, const double *seed_q, const double *seed_pi) {
    const size_t w = s->systems, width = s->d * w;
    double *seed = s->array[LAG_SEED];
    Inside inside;
    look_inside(s, row, &inside);
    see_inside(s, &inside, (size_t)(n % s->piece), NULL, s->row_u);
    add_by_mass(s, seed_pi, s->row_u, 1 / s->h);
    memset(s->row_by, 0, width * sizeof *s->row_by);
    add_masses(s, seed_pi, 1 / s->h, s->row_by);
    for (size_t k = 0; k < s->d; k++)
        for (size_t lane = 0; lane < w; lane++) {
            const size_t i = k * w + lane;
            for (size_t j = 0; j < s->s; j++)
                seed[(k * s->l + j) * w + lane] += inside.at[j] * seed_q[i] + inside.rate[j] * s->row_by[i];
            s->begin_q[i] += seed_q[i];
            s->begin_u[i] += inside.x * seed_q[i] + s->row_by[i];
        }
}

/* The seeds of a row where step n begins, whose u is that. */
static void seed_between(Swept *s, uint64_t n, const double *u, const double *seed_q, const double *seed_pi) {
    const size_t width = s->d * s->systems;
    numbers_add(s->array[LAG_BY_Q], seed_q, width);
    if (n == 0) { /* pi is given there */
        numbers_add(s->start_by, seed_pi, width);
        return;
    }
    add_masses(s, seed_pi, 1 / s->h, s->array[LAG_BY_U]);
    add_by_mass(s, seed_pi, u, 1 / s->h);
}

/* From derivatives in u at the start to those in pi, or v. */
static void finish(Swept *s, double *lambda_rate) {
    const size_t w = s->systems, d = s->d, width = d * w;
    const double *by_u = s->array[LAG_BY_U], *inverse = s->array[LAG_INVERSE_MASS];
    for (size_t k = 0; k < d; k++)
        for (size_t lane = 0; lane < w; lane++) {
            double sum = 0;
            if (s->kernel->facts.diagonal_mass) sum = by_u[k * w + lane] / s->group.mass[k * w + lane];
            for (size_t l = 0; l < d && !s->kernel->facts.diagonal_mass; l++)
                sum += inverse[(l * d + k) * w + lane] * by_u[l * w + lane];
            lambda_rate[k * w + lane] = s->h * sum;
        }
    add_by_mass(s, lambda_rate, s->start_u, -1 / s->h);
    numbers_add(lambda_rate, s->start_by, width);
    if (s->velocity) {
        add_by_mass(s, lambda_rate, s->start_v, 1);
        memset(s->row_by, 0, width * sizeof *s->row_by);
        add_masses(s, lambda_rate, 1, s->row_by);
        numbers_copy(lambda_rate, s->row_by, width);
    }
    if (s->back.mass.run) s->back.mass.run(s->back.mass.code, s->array);
}

/* Back through step n. */
static void step_back(Swept *s, uint64_t n, size_t rows, double *seed_q, double *seed_pi) {
    const size_t width = s->d * s->systems, slot = (size_t)(n % s->piece);
    s->array[LAG_Q] = s->q + slot * width;
    s->array[LAG_U] = s->u + slot * width;
    keep_impulses(s, slot, s->array[LAG_F], true);
    if (run_step(s, s->back.steps, s->array, n, slack_back)) drop_lost(s, rows, seed_q, seed_pi);
}

static void begin_back(Swept *s, size_t rows, double *seed_q, double *seed_pi) {
    const size_t w = s->systems;
    for (size_t a = 0; a < MADE_BACK; a++)
        memset(s->array[made_back[a]], 0, s->kernel->size[made_back[a]] * w * sizeof(double));
    memset(s->start_by, 0, s->d * w * sizeof(double));
    for (size_t lane = 0; lane < w; lane++) {
        s->array[LAG_RUN][LAG_RUN_SWEEPS * w + lane] = 0;
        s->array[LAG_RUN][LAG_RUN_THETA * w + lane] = 1;
        s->array[LAG_RUN][LAG_RUN_AGE * w + lane] = LAG_RUN_AGE_MOST;
    }
    drop_lost(s, rows, seed_q, seed_pi);
}

void swept_back(Swept *s, const Sights *sights, double *seed_q, double *seed_pi, double *lambda_q, double *lambda_rate,
                double *slope_c) {
    const size_t w = s->systems, width = (size_t)s->d * w;
    size_t i = sights->rows;
    begin_back(s, i, seed_q, seed_pi);
    for (uint64_t n = s->steps + 1; n-- > 0 && !is_cancelled(s) && !swept_all_lost(s);) {
        const bool inside = i > 0 && sights->row[i - 1].step == n && sights->row[i - 1].inside;
        if (n < s->steps) recall(s, n);
        if (inside) {
            memset(s->begin_q, 0, width * sizeof(double));
            memset(s->begin_u, 0, width * sizeof(double));
        }
        for (; i > 0 && sights->row[i - 1].step == n && sights->row[i - 1].inside; i--)
            seed_inside(s, &sights->row[i - 1], n, seed_q + (i - 1) * width, seed_pi + (i - 1) * width);
        if (n < s->steps) step_back(s, n, i, seed_q, seed_pi);
        if (inside) {
            numbers_add(s->array[LAG_BY_Q], s->begin_q, width);
            numbers_add(s->array[LAG_BY_U], s->begin_u, width);
            memset(s->array[LAG_SEED], 0, s->kernel->size[LAG_SEED] * w * sizeof(double));
        }
        for (; i > 0 && sights->row[i - 1].step == n; i--)
            seed_between(s, n, n < s->steps ? s->array[LAG_U] : s->end_u, seed_q + (i - 1) * width,
                         seed_pi + (i - 1) * width);
    }
    finish(s, lambda_rate);
    numbers_copy(lambda_q, s->array[LAG_BY_Q], width);
    numbers_copy(slope_c, s->array[LAG_BY_PARAMETER], s->m * w);
}
