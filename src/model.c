/* model.c: the public face of models and kernels. */
#include "compile.h"

#include <stdatomic.h>

const LagModel *lag_model_hold(const LagModel *model) {
    if (model) atomic_fetch_add(&model_changeable(model)->holders, 1);
    return model;
}

void lag_model_release(const LagModel *held) {
    LagModel *model = model_changeable(held);
    if (!model || atomic_fetch_sub(&model->holders, 1) != 1) return;
    while (model->kernels) {
        ModelKernel *next = model->kernels->next;
        compile_kernel_free(model->kernels);
        model->kernels = next;
    }
    mechanics_free(&model->mech);
    graph_free(&model->graph);
    names_free(&model->names);
    memory_free(model->text);
    pthread_mutex_destroy(&model->lock);
    memory_free(model);
}

uint32_t lag_model_dof(const LagModel *model) { return model->mech.dof; }

const char *lag_model_coordinate(const LagModel *model, uint32_t index) {
    return index < model->mech.dof ? names_text(&model->names, model->mech.coordinate[index].name) : "";
}

uint32_t lag_model_parameter_count(const LagModel *model) { return model->mech.parameter_count; }

const char *lag_model_parameter(const LagModel *model, uint32_t index) {
    return index < model->mech.parameter_count ? names_text(&model->names, model->mech.parameter[index].name) : "";
}

const char *lag_model_text(const LagModel *model) { return model->text; }
const LagFacts *lag_model_facts(const LagModel *model) { return &model->mech.facts; }

LagStatus lag_model_kernel(const LagModel *shared, uint32_t r, LagBackend backend, const LagKernel **kernel) {
    if (r > LAG_R_MAX || (unsigned)backend > LAG_BACKEND_LLVM) return LAG_ERROR_ARGUMENT;
    LagModel *model = model_changeable(shared);
    LagStatus status = LAG_OK;
    pthread_mutex_lock(&model->lock);
    ModelKernel *k = model->kernels;
    while (k && (k->kernel.r != r || k->backend != backend)) k = k->next;
    if (!k && (status = compile_kernel(model, r, backend, &k)) == LAG_OK) {
        k->next = model->kernels;
        model->kernels = k;
    }
    pthread_mutex_unlock(&model->lock);
    if (status == LAG_OK) *kernel = &k->kernel;
    return status;
}

void lag_model_timings(const LagModel *shared, LagTimings *timings) {
    LagModel *model = model_changeable(shared);
    pthread_mutex_lock(&model->lock);
    *timings = model->timings;
    pthread_mutex_unlock(&model->lock);
}
