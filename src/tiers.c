/* tiers.c: see tiers.h.
 *
 * Every road gives the same bits, so that which one runs is a matter of time alone: seconds to make the code, and seconds a
 * step. Both are estimated from the tapes and from costs measured once (tier_cost). Work that the interpreter has done
 * before code could be made is interpreted. Longer work begins with what is there at once (the cache's code, or the
 * interpreter), while a thread makes what pays: first what is quickly made, if the wait for the better is long. Each is
 * published by one atomic store, and the integrator moves over between two steps. */
#include "tiers.h"

#include "compile.h"
#include "mech/discrete.h"
#include "slopes.h"

#include <math.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Seconds to start a road's compiler, to make an operation's code, and to run an operation: as measured on a server's CPU of
 * 2023, on the systems of benchmarks/step. Their ratios matter, and differ little from one CPU to another. An operation is
 * anything from an addition in a dot product to a call of a sine, so that an estimate may be wrong by a factor of two. */
static const struct {
    double start, make, run, sweep; /* the last: an operation of LAG_STEPS, of which many are lanes or fused, there a call */
} tier_cost[LAG_BACKENDS] = {
    [LAG_BACKEND_INTERPRETER] = {0, 0, 1.8e-9, 2.4e-9},
    [LAG_BACKEND_TCC] = {1.0e-3, 0.6e-6, 0.8e-9, 1.2e-9},
    [LAG_BACKEND_LLVM_QUICK] = {3.4e-3, 1.0e-6, 0.20e-9, 0.06e-9},
    [LAG_BACKEND_LLVM] = {4.0e-3, 5.0e-6, 0.19e-9, 0.05e-9},
};

static const double tier_recall = 0.3e-3; /* seconds of interpreting that are worth a look into the cache */

enum { RESIDUALS_A_STEP = 2 };

/* ---- Costs ---- */

/* Seconds to make each road's code, and to take a step by it. */
typedef struct Costs {
    double make[LAG_BACKENDS], step[LAG_BACKENDS];
} Costs;

static Costs costs_of(const ModelKernel *k) {
    Costs costs = {{0}, {0}};
    const Tape *tape[LAG_ROUTINE_COUNT];
    NativeJob job = compile_job(k, tape);
    const double operations[LAG_BACKENDS] = {[LAG_BACKEND_TCC] = (double)job_operations(&job),
                                             [LAG_BACKEND_LLVM_QUICK] = (double)job_straight(&job, false),
                                             [LAG_BACKEND_LLVM] = (double)job_straight(&job, true)};
    const Tape *whole = &k->tape[LAG_STEPS];
    bool sweeps = whole->count > 0;
    double executed =
        sweeps ? (double)tape_unrolled(whole) : RESIDUALS_A_STEP * (double)tape_unrolled(&k->tape[LAG_STEP_RESIDUAL]);
    double more = (1 + lag_sweeps_expected(&k->kernel.facts)) / 2; /* `executed` has one, and what begins a step */
    for (int road = 0; road < LAG_BACKENDS; road++) {
        costs.make[road] = tier_cost[road].start + operations[road] * tier_cost[road].make;
        costs.step[road] = executed * (sweeps ? tier_cost[road].sweep * more : tier_cost[road].run);
    }
    return costs;
}

/* Steps from which a road pays, over one that is there already. */
static double break_even(const Costs *costs, LagBackend road, LagBackend over) {
    double gain = costs->step[over] - costs->step[road];
    return gain > 0 ? costs->make[road] / gain : INFINITY;
}

/* The road that is quickest in all for that many steps, beginning with what runs now. */
static LagBackend best_for(const Costs *costs, LagBackend now, double steps) {
    LagBackend best = now;
    double least = steps * costs->step[now];
    for (int road = (int)now + 1; road < LAG_BACKENDS; road++) {
        double seconds = costs->make[road] + steps * costs->step[road];
        if (seconds < least) least = seconds, best = (LagBackend)road;
    }
    return best;
}

/* ---- Making ---- */

/* A kernel runs what is made, unless it runs better already. The lock is held; the programs are told last, so that who
 * sees them sees the rest. */
static void publish(ModelKernel *k, LagBackend road) {
    if ((int)road < atomic_load(&k->running)) return;
    atomic_store_explicit(&k->running, (int)road, memory_order_relaxed);
    atomic_store_explicit(&k->best, k->code[road].procedure, memory_order_release);
}

/* What has no code is interpreted. */
static void fill(ModelKernel *k, LagBackend road, NativeCode *native, LagNative **run, bool cached) {
    ModelCode *code = &k->code[road];
    code->cached = cached;
    code->native = native;
    for (int i = 0; i < LAG_ROUTINE_COUNT; i++)
        code->procedure[i] = run[i] ? (LagProcedure){run[i], NULL} : k->code[LAG_BACKEND_INTERPRETER].procedure[i];
}

LagStatus tiers_make(ModelKernel *k, LagBackend road, int stop, char *why, size_t why_size) {
    const Tape *tape[LAG_ROUTINE_COUNT];
    NativeJob job = compile_job(k, tape);
    LagTimings timings = {0};
    LagNative *run[LAG_ROUTINE_COUNT];
    NativeCode *native;
    bool cached;
    LagStatus status = native_compile(&job, road, stop, &timings, &native, run, &cached, why, why_size);
    pthread_mutex_lock(&k->lock);
    model_timings_add(&k->timings, &timings);
    if (status == LAG_OK) {
        fill(k, road, native, run, cached);
        publish(k, road);
    }
    pthread_mutex_unlock(&k->lock);
    return status;
}

/* The cache's best code, from `road` up. The lock is held. */
static bool recall(ModelKernel *k, LagBackend road) {
    const Tape *tape[LAG_ROUTINE_COUNT];
    NativeJob job = compile_job(k, tape);
    LagNative *run[LAG_ROUTINE_COUNT];
    NativeCode *native;
    for (int better = LAG_BACKEND_LLVM; better >= (int)road; better--) {
        if (!native_recall(&job, (LagBackend)better, &k->timings, &native, run)) continue;
        fill(k, (LagBackend)better, native, run, true);
        publish(k, (LagBackend)better);
        return true;
    }
    return false;
}

/* ---- In the background ---- */

/* Makes the wanted road's code, and before it what is made in a quarter of the time. */
static void *work(void *opaque) {
    ModelKernel *k = opaque;
    char why[256];
    LagStatus status = LAG_OK;
    LagBackend wanted = k->wanted;
    const Costs costs = costs_of(k);
    for (int road = LAG_BACKEND_TCC; road <= (int)wanted && status == LAG_OK; road++) {
        if (road <= atomic_load(&k->running)) continue;
        if (road < (int)wanted && 4 * costs.make[road] > costs.make[wanted]) continue;
        status = tiers_make(k, (LagBackend)road, k->stop, why, sizeof why);
        if (status == LAG_ERROR_BACKEND && road < (int)wanted) status = LAG_OK; /* then the next may do */
    }
    pthread_mutex_lock(&k->lock);
    close(k->stop);
    k->stop = -1;
    k->working = false;
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

/* The lock is held. The thread takes no signals: they are the program's. */
static void start_work(ModelKernel *k, LagBackend wanted) {
    sigset_t all, before;
    if (k->worker_started) pthread_join(k->worker, NULL); /* it works no longer, and is about to return */
    k->worker_started = false;
    k->stop = eventfd(0, EFD_CLOEXEC);
    if (k->stop < 0) return;
    k->wanted = wanted;
    k->working = true;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    k->worker_started = pthread_create(&k->worker, NULL, work, k) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (k->worker_started) return;
    k->working = false;
    close(k->stop);
    k->stop = -1;
}

/* So many steps are asked for that what runs may no longer be best. */
static void consider(ModelKernel *k, uint64_t asked) {
    double steps = (double)asked, worth = INFINITY;
    pthread_mutex_lock(&k->lock);
    LagBackend now = (LagBackend)atomic_load(&k->running), best = now;
    if (compile_fits_native(k)) {
        const Costs costs = costs_of(k);
        double look = tier_recall / costs.step[LAG_BACKEND_INTERPRETER];
        if (!k->looked && steps >= look) {
            k->looked = true;
            if (recall(k, LAG_BACKEND_LLVM_QUICK)) now = (LagBackend)atomic_load(&k->running);
        }
        best = best_for(&costs, now, steps);
        if (best > now && best > k->tried && !k->working) {
            k->tried = best;
            start_work(k, best);
        }
        worth = k->working ? 2 * steps : k->looked ? INFINITY : look;
        for (int road = (int)best + 1; road < LAG_BACKENDS; road++)
            worth = fmin(worth, break_even(&costs, (LagBackend)road, best));
    }
    atomic_store(&k->worth, worth < 1e18 ? (uint64_t)ceil(worth) : UINT64_MAX);
    pthread_mutex_unlock(&k->lock);
}

const LagProcedure *tiers_improve(const LagKernel *kernel, uint64_t steps) {
    ModelKernel *k = model_kernel_of(kernel);
    if (steps) {
        uint64_t asked = atomic_fetch_add_explicit(&k->asked, steps, memory_order_relaxed) + steps;
        if (asked >= atomic_load_explicit(&k->worth, memory_order_relaxed)) consider(k, asked);
    }
    return atomic_load_explicit(&k->best, memory_order_acquire);
}

/* ---- Other forms of LAG_STEPS ---- */

/* By which road a form is made for so many steps. The interpreter makes nothing, and runs no systems side by side, nor does
 * libtcc. What is made is never made better, so that LAG_BACKEND_AUTO has it made by LLVM or not at all. */
static LagBackend road_of_form(const ModelKernel *k, uint32_t form, double steps) {
    LagBackend road = k->backend;
    if (road == LAG_BACKEND_AUTO && compile_fits_native(k)) {
        const Costs costs = costs_of(k);
        road = best_for(&costs, LAG_BACKEND_INTERPRETER, steps);
    }
    bool llvm = form & LAG_FORM_LANES || k->backend == LAG_BACKEND_AUTO;
    return llvm && road < LAG_BACKEND_LLVM_QUICK ? LAG_BACKEND_INTERPRETER : road;
}

/* The form's tape, and what interprets it where that can be. */
static void write_form(ModelKernel *k, uint32_t form) {
    LagModel *model = model_changeable(k->model);
    ModelForm *f = &k->form[form];
    f->written = true;
    discrete_steps_tape(&model->mech, k->kernel.r, form, &f->tape);
    model_recover(model);
    f->work = f->tape.work;
    if (f->tape.failed || form & LAG_FORM_LANES) return;
    f->interp = interp_new(&f->tape, &f->work);
    if (f->interp) f->procedure = (LagProcedure){interp_run, f->interp};
}

static void make_form(ModelKernel *k, uint32_t form, LagBackend road) {
    LagModel *model = model_changeable(k->model);
    ModelForm *f = &k->form[form];
    const Tape *tape = &f->tape;
    static const char *const name = "steps";
    LagTimings timings = {0};
    LagNative *run;
    bool cached;
    f->tried = true;
    NativeJob job = {&tape, &name, 1, k->kernel.table, k->kernel.size};
    LagStatus status =
        native_compile(&job, road, -1, &timings, &f->native, &run, &cached, model->reason, sizeof model->reason);
    if (status == LAG_OK) f->procedure = (LagProcedure){run, NULL};
    pthread_mutex_lock(&k->lock);
    model_timings_add(&k->timings, &timings);
    pthread_mutex_unlock(&k->lock);
}

LagProcedure tiers_form(const LagKernel *kernel, uint32_t form, uint64_t steps, size_t *work) {
    ModelKernel *k = model_kernel_of(kernel);
    LagModel *model = model_changeable(k->model);
    bool none = form == 0 || form >= LAG_FORMS || !mechanics_has_steps(&model->mech, kernel->r, form);
    if (none) return (LagProcedure){NULL, NULL};
    pthread_mutex_lock(&model->lock);
    ModelForm *f = &k->form[form];
    LagBackend road = f->tried ? LAG_BACKEND_INTERPRETER : road_of_form(k, form, (double)steps);
    bool wanted = !(form & LAG_FORM_LANES) || road != LAG_BACKEND_INTERPRETER;
    if (wanted && !f->written) write_form(k, form);
    if (road != LAG_BACKEND_INTERPRETER && !f->tape.failed) make_form(k, form, road);
    LagProcedure procedure = f->procedure;
    *work = f->work;
    pthread_mutex_unlock(&model->lock);
    return procedure;
}

LagBackend tiers_road(const ModelKernel *k, uint64_t operations, double executed, bool lanes) {
    LagBackend road = k->backend;
    if (road == LAG_BACKEND_AUTO) {
        Costs costs = {{0}, {0}};
        for (int i = LAG_BACKEND_INTERPRETER; i < LAG_BACKENDS; i++) {
            bool machine = i > LAG_BACKEND_INTERPRETER, made = i >= LAG_BACKEND_LLVM_QUICK;
            costs.make[i] = tier_cost[i].start + (machine ? (double)operations * tier_cost[i].make : 0);
            costs.step[i] = machine && !made ? INFINITY : executed * tier_cost[i].run;
        }
        road = compile_fits_native(k) ? best_for(&costs, LAG_BACKEND_INTERPRETER, 1) : LAG_BACKEND_INTERPRETER;
    }
    return lanes && road < LAG_BACKEND_LLVM_QUICK ? LAG_BACKEND_INTERPRETER : road;
}

void tiers_free(ModelKernel *k) {
    pthread_mutex_lock(&k->lock);
    if (k->working) eventfd_write(k->stop, 1);
    pthread_mutex_unlock(&k->lock);
    if (k->worker_started) pthread_join(k->worker, NULL);
    for (int road = 0; road < LAG_BACKENDS; road++) native_free(k->code[road].native);
    for (int form = 0; form < LAG_FORMS; form++) {
        native_free(k->form[form].native);
        interp_free(k->form[form].interp);
        tape_free(&k->form[form].tape);
    }
    slopes_free(k);
    pthread_mutex_destroy(&k->lock);
}

/* ---- Printing ---- */

/* Two digits of a positive number: more is not known. */
static double rounded(double x) {
    double unit = pow(10, floor(log10(x)) - 1);
    return round(x / unit) * unit;
}

void tiers_print(const ModelKernel *k, Buffer *out) {
    const Costs costs = costs_of(k);
    LagBackend before = LAG_BACKEND_INTERPRETER;
    for (int road = LAG_BACKEND_INTERPRETER; road < LAG_BACKENDS; road++) {
        buffer_print(out, "  %-10s  about %.0f ns a step", lag_backend_name((LagBackend)road),
                     rounded(1e9 * costs.step[road]));
        if (road > LAG_BACKEND_INTERPRETER && compile_fits_native(k)) {
            buffer_print(out, "; made in %.0f us, which pays from %.0f steps on", rounded(1e6 * costs.make[road]),
                         rounded(break_even(&costs, (LagBackend)road, before)));
            before = (LagBackend)road;
        }
        buffer_text(out, "\n");
    }
}
