/* slopes.c: see slopes.h. Most kernels are never differentiated in their parameters: the derivatives of A and B, the tapes
 * and the code are made when they are first asked for, the code once the steps asked for so far pay for it. */
#include "slopes.h"

#include "compile.h"
#include "mech/discrete.h"
#include "tiers.h"

/* What is made together. */
typedef struct Family {
    LagRoutine routine[MODEL_SLOPES];
    const char *name[MODEL_SLOPES];
    uint32_t count[2]; /* for one system, for several */
} Family;

static const Family slopes_family = {{LAG_POINT_PARAMETER, LAG_STEP_RESIDUAL, LAG_STEP_JACOBIAN},
                                     {"point_parameter", "residual_beside", "jacobian_beside"},
                                     {1, 3}};
static const Family back_family = {{LAG_STEPS_BACK, LAG_MASS_BACK}, {"steps_back", "mass_back"}, {2, 2}};

static void free_tapes(ModelSlopes *s) {
    for (uint32_t i = 0; i < MODEL_SLOPES; i++) {
        interp_free(s->interp[i]);
        tape_free(&s->tape[i]);
        s->interp[i] = NULL;
        s->procedure[i] = (LagProcedure){NULL, NULL};
    }
}

/* The tapes, and what interprets them where that can be. A tape that has nothing on it is of no routine. */
static bool write_slopes(ModelKernel *k, ModelSlopes *s, const Family *family, uint32_t systems) {
    LagModel *model = model_changeable(k->model);
    bool good = mechanics_derive_parameters(&model->mech);
    s->work = 0;
    s->count = family->count[systems > 1];
    for (uint32_t i = 0; i < s->count && good; i++) {
        discrete_tape_beside(&model->mech, family->routine[i], k->kernel.r, systems, &s->tape[i]);
        good = !s->tape[i].failed;
        uint32_t work = s->tape[i].work;
        if (good && systems == 1 && s->tape[i].count) {
            s->interp[i] = interp_new(&s->tape[i], &work);
            good = s->interp[i] != NULL;
            s->procedure[i] = (LagProcedure){interp_run, s->interp[i]};
        }
        if (work > s->work) s->work = work;
    }
    model_recover(model);
    if (!good) free_tapes(s); /* there may be memory another time */
    return s->written = good;
}

static void make_slopes(ModelKernel *k, ModelSlopes *s, const Family *family, LagBackend road) {
    LagModel *model = model_changeable(k->model);
    const Tape *tape[MODEL_SLOPES];
    LagTimings timings = {0};
    LagNative *run[MODEL_SLOPES];
    bool cached;
    for (uint32_t i = 0; i < s->count; i++) tape[i] = s->tape[i].count ? &s->tape[i] : NULL;
    NativeJob job = {tape, family->name, s->count, k->kernel.table, k->kernel.size};
    s->tried = true;
    LagStatus status =
        native_compile(&job, road, -1, &timings, &s->native, run, &cached, model->reason, sizeof model->reason);
    for (uint32_t i = 0; i < s->count && status == LAG_OK; i++)
        if (tape[i]) s->procedure[i] = (LagProcedure){run[i], NULL};
    pthread_mutex_lock(&k->lock);
    model_timings_add(&k->timings, &timings);
    pthread_mutex_unlock(&k->lock);
}

/* The road for the work asked for so far, of so many operations a step; side by side, each is LAG_SYSTEMS of them. */
static LagBackend road_of(const ModelKernel *k, const ModelSlopes *s, double executed, uint32_t systems) {
    uint64_t operations = 0;
    for (uint32_t i = 0; i < s->count; i++) operations += s->tape[i].count;
    return tiers_road(k, operations, executed * (double)s->asked, systems > 1);
}

/* Operations of a step that is differentiated. */
static double slopes_executed(const ModelKernel *k, const ModelSlopes *s, uint32_t systems) {
    double executed = (double)(k->kernel.r + 2) * (double)tape_unrolled(&s->tape[0]);
    if (systems > 1) executed += 3 * (double)tape_unrolled(&s->tape[1]) + (double)tape_unrolled(&s->tape[2]);
    return executed;
}

static double back_executed(const ModelSlopes *s) { return (double)tape_unrolled(&s->tape[0]); }

/* The programs that there are, once so many more steps have been asked for. The model's lock is held. */
static bool get(ModelKernel *k, ModelSlopes *s, const Family *family, uint32_t systems, uint64_t steps) {
    s->asked = steps < UINT64_MAX - s->asked ? s->asked + steps : UINT64_MAX;
    if (!s->written && !write_slopes(k, s, family, systems)) return false;
    if (!s->tried) {
        LagBackend road = road_of(k, s, family == &back_family ? back_executed(s) : slopes_executed(k, s, systems), systems);
        if (road > LAG_BACKEND_INTERPRETER) make_slopes(k, s, family, road);
    }
    return s->procedure[0].run != NULL;
}

static bool are_bounded(const LagKernel *kernel, uint32_t systems) {
    return (systems == 1 || systems == LAG_SYSTEMS) && !lag_kernel_is_wide(kernel) &&
           (uint64_t)kernel->dof * kernel->parameter_count <= LAG_SLOPES_MAX;
}

bool slopes_get(const LagKernel *kernel, uint32_t systems, uint64_t steps, LagSlopes *slopes) {
    ModelKernel *k = model_kernel_of(kernel);
    LagModel *model = model_changeable(k->model);
    if (!are_bounded(kernel, systems)) return false;
    ModelSlopes *s = &k->slopes[systems > 1];
    pthread_mutex_lock(&model->lock);
    bool good = get(k, s, &slopes_family, systems, steps);
    *slopes = (LagSlopes){s->procedure[0], s->procedure[1], s->procedure[2], s->work};
    pthread_mutex_unlock(&model->lock);
    return good;
}

bool slopes_back(const LagKernel *kernel, uint32_t systems, uint64_t steps, LagBack *back) {
    ModelKernel *k = model_kernel_of(kernel);
    LagModel *model = model_changeable(k->model);
    if (!are_bounded(kernel, systems) || kernel->size[LAG_BY_F] == 0) return false;
    ModelSlopes *s = &k->back[systems > 1];
    pthread_mutex_lock(&model->lock);
    bool good = get(k, s, &back_family, systems, steps);
    *back = (LagBack){s->procedure[0], s->procedure[1], s->work};
    pthread_mutex_unlock(&model->lock);
    return good;
}

void slopes_free(ModelKernel *k) {
    ModelSlopes *const all[] = {&k->slopes[0], &k->slopes[1], &k->back[0], &k->back[1]};
    for (int i = 0; i < 4; i++) {
        native_free(all[i]->native);
        free_tapes(all[i]);
    }
}
