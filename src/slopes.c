/* slopes.c: see slopes.h. Most kernels are never differentiated in their parameters: the derivatives of A and B, the tapes
 * and the code are made when they are first asked for, the code once the steps asked for so far pay for it. */
#include "slopes.h"

#include "compile.h"
#include "mech/discrete.h"
#include "tiers.h"

static const char *const slope_name[MODEL_SLOPES] = {"point_parameter", "residual_beside", "jacobian_beside"};
static const LagRoutine slope_routine[MODEL_SLOPES] = {LAG_POINT_PARAMETER, LAG_STEP_RESIDUAL, LAG_STEP_JACOBIAN};

/* The tapes, and what interprets the point's where that can be. */
static bool write_slopes(ModelKernel *k, ModelSlopes *s, uint32_t systems) {
    LagModel *model = model_changeable(k->model);
    bool good = mechanics_derive_parameters(&model->mech);
    s->written = true;
    s->count = systems > 1 ? MODEL_SLOPES : 1;
    for (uint32_t i = 0; i < s->count && good; i++) {
        discrete_tape_beside(&model->mech, slope_routine[i], k->kernel.r, systems, &s->tape[i]);
        good = !s->tape[i].failed;
        if (s->tape[i].work > s->work) s->work = s->tape[i].work;
    }
    model_recover(model);
    if (good && systems == 1) {
        s->interp = interp_new(&s->tape[0], &s->work);
        good = s->interp != NULL;
        s->procedure[0] = (LagProcedure){good ? interp_run : NULL, s->interp};
    }
    return good;
}

static void make_slopes(ModelKernel *k, ModelSlopes *s, LagBackend road) {
    LagModel *model = model_changeable(k->model);
    const Tape *tape[MODEL_SLOPES];
    LagTimings timings = {0};
    LagNative *run[MODEL_SLOPES];
    bool cached;
    for (uint32_t i = 0; i < s->count; i++) tape[i] = &s->tape[i];
    NativeJob job = {tape, slope_name, s->count, k->kernel.table, k->kernel.size};
    s->tried = true;
    LagStatus status =
        native_compile(&job, road, -1, &timings, &s->native, run, &cached, model->reason, sizeof model->reason);
    for (uint32_t i = 0; i < s->count && status == LAG_OK; i++) s->procedure[i] = (LagProcedure){run[i], NULL};
    pthread_mutex_lock(&k->lock);
    model_timings_add(&k->timings, &timings);
    pthread_mutex_unlock(&k->lock);
}

/* The road for the work asked for so far; side by side, each operation is LAG_SYSTEMS of them. */
static LagBackend road_of(const ModelKernel *k, const ModelSlopes *s, uint32_t systems) {
    double executed = (double)(k->kernel.r + 2) * (double)tape_unrolled(&s->tape[0]);
    uint64_t operations = 0;
    for (uint32_t i = 0; i < s->count; i++) operations += s->tape[i].count;
    if (systems > 1) executed += 3 * (double)tape_unrolled(&s->tape[1]) + (double)tape_unrolled(&s->tape[2]);
    return tiers_road(k, operations, executed * (double)s->asked, systems > 1);
}

bool slopes_get(const LagKernel *kernel, uint32_t systems, uint64_t steps, LagSlopes *slopes) {
    ModelKernel *k = model_kernel_of(kernel);
    LagModel *model = model_changeable(k->model);
    if ((systems != 1 && systems != LAG_SYSTEMS) || lag_kernel_is_wide(kernel) ||
        (uint64_t)kernel->dof * kernel->parameter_count > LAG_SLOPES_MAX)
        return false;
    ModelSlopes *s = &k->slopes[systems > 1];
    pthread_mutex_lock(&model->lock);
    s->asked = steps < UINT64_MAX - s->asked ? s->asked + steps : UINT64_MAX;
    if (!s->written && !write_slopes(k, s, systems)) {
        for (uint32_t i = 0; i < MODEL_SLOPES; i++) tape_free(&s->tape[i]);
        s->written = false; /* there may be memory another time */
    }
    if (s->written && !s->tried) {
        LagBackend road = road_of(k, s, systems);
        if (road > LAG_BACKEND_INTERPRETER) make_slopes(k, s, road);
    }
    *slopes = (LagSlopes){s->procedure[0], s->procedure[1], s->procedure[2], s->work};
    pthread_mutex_unlock(&model->lock);
    return slopes->point.run != NULL;
}

void slopes_free(ModelKernel *k) {
    for (int i = 0; i < 2; i++) {
        ModelSlopes *s = &k->slopes[i];
        native_free(s->native);
        interp_free(s->interp);
        for (uint32_t j = 0; j < MODEL_SLOPES; j++) tape_free(&s->tape[j]);
    }
}
