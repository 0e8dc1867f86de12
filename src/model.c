/* model.c: the public face of models and kernels. */
#include "model.h"

#include <stdatomic.h>

void model_kernel_free(ModelKernel *k) {
    for (int i = 0; i < LAG_ROUTINE_COUNT; i++) {
        interp_free(k->interp[i]);
        tape_free(&k->tape[i]);
    }
    if (k->llvm) llvm_free(k->llvm);
    memory_free(k->tables);
    memory_free(k);
}

const LagModel *lag_model_hold(const LagModel *model) {
    if (model) atomic_fetch_add(&model_changeable(model)->holders, 1);
    return model;
}

void lag_model_release(const LagModel *held) {
    LagModel *model = model_changeable(held);
    if (!model || atomic_fetch_sub(&model->holders, 1) != 1) return;
    while (model->kernels) {
        ModelKernel *next = model->kernels->next;
        model_kernel_free(model->kernels);
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

void lag_model_timings(const LagModel *shared, LagTimings *timings) {
    LagModel *model = model_changeable(shared);
    pthread_mutex_lock(&model->lock);
    *timings = model->timings;
    pthread_mutex_unlock(&model->lock);
}
