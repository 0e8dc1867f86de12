/* sweeps.c: see sweeps.h. The sweeps themselves are the kernel's program LAG_STEPS; here is what they begin with and end in.
 */
#include "sweeps.h"

#include "linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MOST = 256, PATIENCE_NEWTON = 4, SWEEPS_FEW = 20 };

bool sweeps_fit(const LagKernel *kernel) { return kernel->facts.iterates && kernel->procedure[LAG_STEPS].run; }

/* B = M v with M constant: U is made of velocities. */
static bool has_mass(const Frame *f) { return f->kernel->facts.mass_times_velocity; }

LagStatus sweeps_init(Sweeps *s, Frame *frame) {
    size_t d = frame->d, size = frame->kernel->facts.diagonal_mass ? d : d * d;
    *s = (Sweeps){.frame = frame, .slack = 1, .patience = 1, .hold = 1, .simplified = {.form = LAG_FORM_NEWTON}};
    s->block = calloc(2 * size + d, sizeof *s->block);
    s->pivot = calloc(d, sizeof *s->pivot);
    if (!s->block || !s->pivot) {
        sweeps_free(s);
        return LAG_ERROR_MEMORY;
    }
    s->mass = s->block;
    s->factors = s->block + size;
    return LAG_OK;
}

/* ---- Programs ---- */

/* The program, if there is one, and room for it to work in: the frame's LAG_WORK is that from here on. */
static LagStatus find_program(Sweeps *s, Program *p) {
    enum { LINE = 8 }; /* as in frame_init */
    Frame *f = s->frame;
    size_t work = 0, least = f->kernel->size[LAG_WORK];
    p->procedure = f->kernel->form(f->kernel, p->form, s->asked, &work);
    p->worth = 2 * s->asked + 1;
    if (!p->procedure.run) return LAG_ERROR_MEMORY;
    work = work > least ? work : least;
    if (work <= s->room) return LAG_OK;
    double *room = aligned_alloc(LINE * sizeof *room, (work + LINE) / LINE * LINE * sizeof *room);
    if (!room) return LAG_ERROR_MEMORY;
    memset(room, 0, work * sizeof *room);
    free(s->work);
    f->array[LAG_WORK] = s->work = room;
    s->room = work;
    return LAG_OK;
}

LagStatus sweeps_compensate(Sweeps *s) {
    s->compensated.form = LAG_FORM_COMPENSATED;
    s->simplified.form |= LAG_FORM_COMPENSATED;
    return find_program(s, &s->compensated);
}

bool sweeps_fit_newton(const LagKernel *kernel) { return kernel->size[LAG_NEWTON] > 0 && kernel->form; }

/* Whether steps that fail are Newton's: not where that happens now and then, since its program has to be made. */
static bool turns_to_newton(const Sweeps *s) {
    return s->newton || (sweeps_fit_newton(s->frame->kernel) && s->patience > PATIENCE_NEWTON);
}

/* The program of Newton's method and what it keeps, when they are first wanted. */
static LagStatus find_newton(Sweeps *s) {
    LagStatus status = s->kept.block ? LAG_OK : kept_init(&s->kept, s->frame);
    return status == LAG_OK && !s->simplified.procedure.run ? find_program(s, &s->simplified) : status;
}

LagStatus sweeps_be_newton(Sweeps *s) {
    s->newton = true;
    return find_newton(s);
}

/* The kernel is asked each time that the steps have doubled. */
static void improve(Sweeps *s, Program *p) {
    size_t work;
    if (!p->procedure.run || s->asked < p->worth) return;
    p->procedure = s->frame->kernel->form(s->frame->kernel, p->form, s->asked, &work);
    p->worth = 2 * s->asked;
}

void sweeps_expect(Sweeps *s, uint64_t steps) {
    if (!steps) return;
    s->asked += steps;
    improve(s, &s->compensated);
    improve(s, &s->simplified);
}

void sweeps_free(Sweeps *s) {
    kept_free(&s->kept);
    free(s->work);
    free(s->block);
    free(s->pivot);
    *s = (Sweeps){0};
}

void sweeps_forget(Sweeps *s) {
    if (!s->frame) return;
    s->known = s->begun = s->kept_fits = false;
    s->stubborn = !sweeps_fit_newton(s->frame->kernel);
    s->patience = s->hold = 1;
    s->rest = s->wait = 0;
}

/* ---- What depends on h and the parameters ---- */

/* x = M x. */
static void times_mass(const Sweeps *s, double *x) {
    const Frame *f = s->frame;
    uint32_t d = f->d;
    double *product = f->velocity;
    for (uint32_t k = 0; k < d; k++) {
        double sum = 0;
        for (uint32_t l = 0; l < d && !f->kernel->facts.diagonal_mass; l++) sum += s->mass[(size_t)k * d + l] * x[l];
        product[k] = f->kernel->facts.diagonal_mass ? s->mass[k] * x[k] : sum;
    }
    memcpy(x, product, d * sizeof *x);
}

static void over_mass(const Sweeps *s, double *x) {
    const Frame *f = s->frame;
    if (!f->kernel->facts.diagonal_mass) linear_solve(s->factors, f->d, s->pivot, x);
    for (uint32_t k = 0; k < f->d && f->kernel->facts.diagonal_mass; k++) x[k] /= s->mass[k];
}

/* The mass matrix from B_v, which is the same wherever it is taken; false where it is singular. */
static bool find_mass(Sweeps *s) {
    Frame *f = s->frame;
    uint32_t d = f->d;
    double *BV = f->array[LAG_BV];
    memset(BV, 0, f->kernel->size[LAG_BV] * sizeof *BV); /* it held factors */
    frame_run(f, LAG_POINT_JACOBIAN);
    if (f->kernel->facts.diagonal_mass) {
        bool regular = true;
        for (uint32_t k = 0; k < d; k++) {
            s->mass[k] = lag_kernel_is_wide(f->kernel) ? BV[k] : BV[(size_t)k * d + k];
            regular = regular && isfinite(1 / s->mass[k]);
        }
        return regular;
    }
    memcpy(s->mass, BV, (size_t)d * d * sizeof *BV);
    memcpy(s->factors, BV, (size_t)d * d * sizeof *BV);
    if (!linear_finite(s->factors, (size_t)d * d) || linear_factor(s->factors, d, s->pivot, f->scale) != LAG_OK)
        return false;
    for (uint32_t l = 0; l < d; l++) {
        memset(f->velocity, 0, d * sizeof *f->velocity);
        f->velocity[l] = 1;
        linear_solve(s->factors, d, s->pivot, f->velocity);
        for (uint32_t k = 0; k < d; k++) f->array[LAG_INVERSE_MASS][(size_t)k * d + l] = f->velocity[k];
    }
    return linear_finite(f->array[LAG_INVERSE_MASS], (size_t)d * d);
}

/* h^2 b_i / m_k, or h b_i: nodes that mirror one another get the same bits, as b_i has them. */
static bool find_shares(const Sweeps *s) {
    const Frame *f = s->frame;
    uint32_t lanes = lag_lanes(f->s);
    const double *b = f->array[LAG_WEIGHT];
    for (uint32_t i = 0; i < f->s && !has_mass(f); i++) f->array[LAG_SHARE][i] = s->h * b[i];
    for (uint32_t k = 0; k < f->d && has_mass(f); k++) {
        double *share = f->array[LAG_SHARE] + (size_t)k * lanes, unit = s->h * s->h;
        if (f->kernel->facts.diagonal_mass) unit /= s->mass[k];
        for (uint32_t i = 0; i < f->s; i++) share[i] = unit * b[i];
        if (!linear_finite(share, f->s)) return false;
    }
    return true;
}

/* Whatever h and the parameters decide. */
static bool find_all(Sweeps *s, double h) {
    s->h = h;
    return (!has_mass(s->frame) || find_mass(s)) && find_shares(s);
}

/* ---- Beginning and end ---- */

/* What has the same rate at all nodes, row `row` of F. */
static void guess_row(const Frame *f, size_t row, const double *share, double rate) {
    for (uint32_t i = 0; i < f->s; i++) f->array[LAG_F][row * lag_lanes(f->s) + i] = share[i] * rate;
}

/* The force at the start, taken to be the same at all nodes: what is extrapolated from it is that force again. So is the
 * velocity, where displacements are. */
static bool guess_impulses(const Sweeps *s) {
    Frame *f = s->frame;
    double *A = f->array[LAG_A], *share = f->array[LAG_SHARE];
    frame_run(f, LAG_POINT);
    if (!linear_finite(A, f->d)) return false;
    if (has_mass(f) && !f->kernel->facts.diagonal_mass) over_mass(s, A);
    for (uint32_t k = 0; k < f->d; k++) {
        guess_row(f, k, has_mass(f) ? share + (size_t)k * lag_lanes(f->s) : share, A[k]);
        if (!has_mass(f)) guess_row(f, f->d + k, share, f->array[LAG_V][k]);
    }
    return true;
}

/* U from PI; V where that is another thing. */
static bool find_state(const Sweeps *s) {
    Frame *f = s->frame;
    double *U = f->array[LAG_U], *V = f->array[LAG_V];
    if (!has_mass(f)) {
        memcpy(U, f->array[LAG_PI], f->d * sizeof *U);
        return point_velocity(f) == LAG_OK;
    }
    memcpy(V, f->array[LAG_PI], f->d * sizeof *V);
    over_mass(s, V);
    for (uint32_t k = 0; k < f->d; k++) U[k] = s->h * V[k];
    return linear_finite(U, f->d);
}

/* The next step is measured by nothing that was before it. */
static void begin_run(const Sweeps *s) {
    double *run = s->frame->array[LAG_RUN];
    run[LAG_RUN_SLACK] = s->slack;
    run[LAG_RUN_MOST] = s->stubborn ? LAG_SWEEPS_MOST : SWEEPS_FEW;
    run[LAG_RUN_THETA] = 1;
    run[LAG_RUN_AGE] = LAG_RUN_AGE_MOST;
}

/* What the state is more than Q and U, if anything; the next step's first sweep begins with these. */
static void set_low(const Frame *f, const double *low) {
    const size_t d = f->d;
    double *LOW = f->array[LAG_LOW];
    memset(LOW, 0, f->kernel->size[LAG_LOW] * sizeof *LOW);
    if (low) memcpy(LOW, low, 2 * d * sizeof *low);
    if (!has_mass(f)) return;
    memcpy(LOW + 2 * d, f->array[LAG_Q], d * sizeof *LOW);
    memcpy(LOW + 3 * d, f->array[LAG_U], d * sizeof *LOW);
}

bool sweeps_begin(Sweeps *s, double t, double h) {
    Frame *f = s->frame;
    f->array[LAG_TIME][0] = t;
    f->array[LAG_TIME][1] = h;
    if (!s->known || s->h != h) s->known = find_all(s, h);
    if (!s->known) return false;
    begin_run(s);
    s->kept_fits = false;
    if (!find_state(s)) return false;
    set_low(f, NULL); /* PI has none for U */
    return s->begun = s->newton || s->rest > 0 || guess_impulses(s);
}

static uint32_t doubled(uint32_t steps) { return steps < PATIENCE_MOST ? 2 * steps : steps; }

/* After a step that failed: the next steps are Newton's. */
static void be_patient(Sweeps *s) {
    s->rest = s->patience;
    s->patience = doubled(s->patience);
}

/* After a step that failed, at time t: its impulses are of no use, and other steps go on from PI. */
static void give_up(Sweeps *s, double t) {
    Frame *f = s->frame;
    sweeps_momentum(s);
    if (!has_mass(f)) {
        memset(f->array[LAG_V], 0, f->d * sizeof(double));
        f->array[LAG_TIME][0] = t;
        point_velocity(f); /* where it finds none, V is 0 */
    }
    memset(f->array[LAG_LOW], 0, 2 * f->d * sizeof(double));
    s->begun = false;
    if (turns_to_newton(s)) {
        s->wait = s->hold;
        s->hold = doubled(s->hold);
    } else {
        s->wait = s->rest;
        s->rest = 0;
    }
}

/* So many steps of a program, and how many they were; their sweeps are added to *count. */
static uint64_t run_steps(const Sweeps *s, const LagProcedure *program, double t, uint64_t before, uint64_t steps,
                          uint64_t *count) {
    double *const *array = s->frame->array, *run = array[LAG_RUN];
    array[LAG_TIME][0] = t;
    run[LAG_RUN_STEPS] = (double)steps;
    run[LAG_RUN_BEFORE] = (double)before;
    run[LAG_RUN_DONE] = run[LAG_RUN_SWEEPS] = 0;
    program->run(program->code, array);
    *count += (uint64_t)run[LAG_RUN_SWEEPS];
    return (uint64_t)run[LAG_RUN_DONE];
}

/* The same of Newton's method: fewer where even a matrix made for the next step does not do. */
static uint64_t run_newton(Sweeps *s, double t, uint64_t before, uint64_t steps) {
    const Frame *f = s->frame;
    double *run = f->array[LAG_RUN];
    uint64_t done = 0;
    while (done < steps) {
        bool fresh = !s->kept_fits;
        if (fresh && !kept_make(&s->kept, f, t + (double)(before + done) * s->h, s->h)) break;
        if (fresh) begin_run(s);
        run[LAG_RUN_MOST] = 16 + f->s * f->d / 2; /* sweeps that take as long as a new matrix */
        uint64_t took = run_steps(s, &s->simplified.procedure, t, before + done, steps - done, &s->iterations);
        done += took;
        s->kept_fits = done == steps && run[LAG_RUN_LAST] < run[LAG_RUN_MOST];
        if (took == 0 && fresh) break;
    }
    return done;
}

uint64_t sweeps_take(Sweeps *s, double t, uint64_t before, uint64_t steps, LagStatus *status) {
    const LagProcedure *plain = s->compensated.procedure.run ? &s->compensated.procedure : &s->frame->procedure[LAG_STEPS];
    uint64_t done = 0;
    while (done < steps) {
        const bool always = s->newton, newton = always || s->rest > 0;
        uint64_t piece = steps - done, took = 0;
        if (newton && !always && s->rest < piece) piece = s->rest;
        if (newton && turns_to_newton(s)) {
            if ((*status = find_newton(s)) != LAG_OK) break;
            took = run_newton(s, t, before + done, piece);
        } else if (!newton) {
            took = run_steps(s, plain, t, before + done, piece, &s->count);
        }
        done += took;
        if (newton && !always) s->rest -= (uint32_t)took;
        if (newton && took < piece) {
            give_up(s, t + (double)(before + done) * s->h);
            break;
        }
        if (took < piece) {
            be_patient(s);
            s->kept_fits = false;
        } else if (newton && !always && s->rest == 0) {
            begin_run(s);
        }
    }
    return done;
}

void sweeps_resume(Sweeps *s, double t, double h, const double *q, const double *u, const double *low) {
    const Frame *f = s->frame;
    s->known = find_all(s, h);
    memcpy(f->array[LAG_Q], q, f->d * sizeof *q);
    memcpy(f->array[LAG_U], u, f->d * sizeof *u);
    set_low(f, low);
    f->array[LAG_TIME][0] = t;
    f->array[LAG_TIME][1] = h;
    begin_run(s);
    be_patient(s);
    s->begun = true;
}

bool sweeps_insist(Sweeps *s) {
    if (!s->frame || s->newton || s->stubborn) return false;
    s->rest = s->wait = 0;
    return s->stubborn = true;
}

void sweeps_momentum(const Sweeps *s) {
    const Frame *f = s->frame;
    double *V = f->array[LAG_V], *PI = f->array[LAG_PI];
    const double *U = f->array[LAG_U], *mass = s->mass, h = s->h;
    const uint32_t d = f->d;
    if (!has_mass(f)) {
        const size_t lanes = lag_lanes(f->s), last = f->s - 1;
        const double *moved = f->array[LAG_F] + d * lanes + last, share = f->array[LAG_SHARE][last];
        for (uint32_t k = 0; k < d; k++) PI[k] = U[k], V[k] = moved[k * lanes] / share;
    } else if (f->kernel->facts.diagonal_mass) {
        for (uint32_t k = 0; k < d; k++) {
            const double v = U[k] / h;
            V[k] = v, PI[k] = mass[k] * v;
        }
    } else {
        for (uint32_t k = 0; k < d; k++) PI[k] = V[k] = U[k] / h;
        times_mass(s, PI);
    }
}
