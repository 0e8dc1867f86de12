/* model.c: the public face of models and kernels. */
#include "tiers.h"

#include <string.h>

void model_kernel_free(ModelKernel *k) {
    tiers_free(k);
    for (int i = 0; i < LAG_ROUTINE_COUNT; i++) {
        interp_free(k->interp[i]);
        tape_free(&k->tape[i]);
    }
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
    for (ModelKernel *k = model->kernels; k; k = k->next) {
        pthread_mutex_lock(&k->lock);
        model_timings_add(timings, &k->timings);
        pthread_mutex_unlock(&k->lock);
    }
    pthread_mutex_unlock(&model->lock);
}

/* ---- Kernels ---- */

const LagKernel *lag_kernel_hold(const LagKernel *kernel) {
    if (kernel) lag_model_hold(model_kernel_of(kernel)->model);
    return kernel;
}

void lag_kernel_release(const LagKernel *kernel) {
    if (kernel) lag_model_release(model_kernel_of(kernel)->model);
}

void lag_kernel_code(const LagKernel *kernel, LagCode *code) {
    ModelKernel *k = model_kernel_of(kernel);
    pthread_mutex_lock(&k->lock);
    int running = atomic_load(&k->running);
    *code = (LagCode){.backend = (LagBackend)running, .working = k->working, .cached = k->code[running].cached};
    for (int road = 0; road < LAG_BACKENDS; road++) code->bytes += native_bytes(k->code[road].native);
    pthread_mutex_unlock(&k->lock);
}

static const char *const backend_name[LAG_BACKENDS] = {
    [LAG_BACKEND_AUTO] = "auto", [LAG_BACKEND_INTERPRETER] = "interp",
    [LAG_BACKEND_TCC] = "tcc",   [LAG_BACKEND_LLVM_QUICK] = "llvm-quick",
    [LAG_BACKEND_LLVM] = "llvm",
};

const char *lag_backend_name(LagBackend backend) { return (unsigned)backend < LAG_BACKENDS ? backend_name[backend] : ""; }

LagBackend lag_backend_named(const char *name) {
    int backend = 0;
    while (backend < LAG_BACKENDS && strcmp(backend_name[backend], name) != 0) backend++;
    return (LagBackend)backend;
}
