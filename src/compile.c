/* compile.c: from a Lagrangian's tree to something that runs, as two straight lists of passes. */
#include "compile.h"

#include "base/clock.h"
#include "mech/discrete.h"
#include "mech/lobatto.h"
#include "slopes.h"
#include "tiers.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const compile_routine_name[LAG_ROUTINE_COUNT] = {
    [LAG_POINT] = "point",
    [LAG_POINT_JACOBIAN] = "point_jacobian",
    [LAG_POINT_ENERGY] = "point_energy",
    [LAG_STEP_RESIDUAL] = "step_residual",
    [LAG_STEP_JACOBIAN] = "step_jacobian",
    [LAG_STEPS] = "steps",
};

/* ---- Lambda to mechanics ---- */

/* The expression's text with white space and comments folded, for people and for file headers. */
static char *one_line(const Tree *tree, TreeId root) {
    Span span = tree_span(tree, root);
    char *line = memory_new(span.end - span.begin + 1);
    uint32_t n = 0;
    bool comment = false;
    for (uint32_t i = span.begin; line && i < span.end; i++) {
        unsigned char c = (unsigned char)tree->source->bytes[i];
        comment = c == '#' || (comment && c != '\n');
        if (!comment && c > ' ')
            line[n++] = (char)c;
        else if (n && line[n - 1] != ' ')
            line[n++] = ' ';
    }
    return line;
}

static bool has_motion(const Mechanics *m, Span span, Diagnostics *diag) {
    if (m->dof) return true;
    diag_error(diag, span, "a coordinate x is known by its velocity xd or by doubled variables, as in m*xd^2/2 - k*x^2/2",
               "there is no coordinate in this Lagrangian");
    return false;
}

enum {
    MODEL_WORK = 1000,  /* what a model takes, beside its names and nodes */
    REACHED_A_STEP = 12 /* nodes of a graph listed in the time of one step of LOWER_WORK */
};

LagModel *compile_model(const Tree *tree, TreeId root, const Names *names, const Definitions *definitions, Declared declared,
                        uint64_t *work, Diagnostics *diag) {
    LagModel *model = memory_new(sizeof *model);
    if (!model) return diag->failed = true, NULL;
    atomic_init(&model->holders, 1);
    pthread_mutex_init(&model->lock, NULL);
    Mechanics *m = &model->mech;
    *m = (Mechanics){.graph = &model->graph, .names = &model->names};
    Lowering lowering = {.graph = m->graph, .names = m->names, .definitions = definitions, .diag = diag, .work = *work};
    Span span = tree_span(tree, root);
    uint32_t errors = diag->errors;

    double start = clock_seconds();
    bool good = names_copy(m->names, names) && graph_init(m->graph);
    model->text = one_line(tree, root);
    if (good) m->lambda = lower_expression(&lowering, tree, root);
    good = good && diag->errors == errors && model->text;
    double lowered = clock_seconds();
    m->graph->reach_most = lowering.work < LOWER_WORK ? REACHED_A_STEP * (LOWER_WORK - lowering.work) : 1;
    good = good && mechanics_variables(m, &lowering, declared, diag);
    good = good && has_motion(m, span, diag);
    good = good && mechanics_check_coupling(m, &lowering, tree, root, diag);
    good = good && mechanics_derive(m);
    good = good && mechanics_facts(m, span, diag);
    model->timings.parse = lowered - start;
    model->timings.differentiate = clock_seconds() - lowered;

    *work = lowering.work + MODEL_WORK + 4 * (uint64_t)names->count + m->graph->count + m->graph->reached / REACHED_A_STEP;
    if (diag->errors == errors && *work > LOWER_WORK)
        lower_report_work(span, diag);
    else if (!good && diag->errors == errors)
        lower_report_failure(m->graph, span, diag);
    m->graph->reach_most = 0; /* what it is compiled to has bounds of its own */
    diag->failed |= m->names->failed || (m->graph->failed && !graph_exceeded(m->graph));
    good = good && diag->errors == errors && !diag->failed;
    lowering_free(&lowering);
    if (good) return model;
    lag_model_release(model);
    return NULL;
}

/* ---- Mechanics to code ---- */

/* The tables of the step, in one block that the kernel points into. */
static bool make_tables(ModelKernel *k, uint32_t r) {
    enum { LINE = 8 }; /* they begin on cache lines of so many doubles, as vectors want it */
    double *table[LAG_ARRAY_COUNT] = {NULL};
    size_t place[LAG_ARRAY_COUNT], total = 0;
    for (int i = LAG_NODE; i < LAG_WORK; i++) {
        place[i] = total;
        total += (k->kernel.size[i] + LINE - 1) / LINE * LINE;
    }
    double *block = k->tables = memory_new_lines(total * sizeof *k->tables);
    if (!block) return false;
    for (int i = LAG_NODE; i < LAG_WORK; i++) k->kernel.table[i] = table[i] = k->kernel.size[i] ? block + place[i] : NULL;
    if (!lobatto_tables(r, table[LAG_NODE], table[LAG_WEIGHT], table[LAG_DERIVE], table[LAG_GATHER], table[LAG_STIFFNESS]))
        return false;
    if (!k->kernel.size[LAG_REACH]) return true;
    uint32_t s = r + 2;
    double end[LAG_R_MAX + 2];
    const StageTables stages = {.node = table[LAG_STAGE_NODE],
                                .end = end,
                                .reach = table[LAG_REACH],
                                .rate = table[LAG_RATE],
                                .reach_ahead = table[LAG_REACH_AHEAD],
                                .rate_ahead = table[LAG_RATE_AHEAD],
                                .reach_ahead_two = table[LAG_REACH_AHEAD_TWO],
                                .rate_ahead_two = table[LAG_RATE_AHEAD_TWO],
                                .legendre = table[LAG_LEGENDRE],
                                .reach_back = table[LAG_REACH_BACK],
                                .rate_back = table[LAG_RATE_BACK],
                                .reach_back_ahead = table[LAG_REACH_BACK_AHEAD],
                                .rate_back_ahead = table[LAG_RATE_BACK_AHEAD]};
    if (!lobatto_stage_tables(r, lag_lanes(s), !k->kernel.facts.mass_times_velocity, &stages)) return false;
    for (uint32_t j = 0; j < s; j++) {
        double *row = table[LAG_STAGE_END] + (size_t)j * LAG_END_COUNT;
        row[LAG_END_U] = 1;
        row[LAG_END_Q] = end[j];
        row[LAG_END_LEADING] = ldexp(nearbyint(ldexp(end[j], LAG_END_BITS)), -LAG_END_BITS);
        row[LAG_END_TRAILING] = end[j] - row[LAG_END_LEADING];
    }
    return true;
}

static LagStatus make_tapes(LagModel *model, ModelKernel *k, uint32_t r) {
    for (int i = 0; i < LAG_ROUTINE_COUNT; i++) {
        Tape *tape = &k->tape[i];
        discrete_tape(&model->mech, (LagRoutine)i, r, tape);
        if (tape->failed) return tape->too_long ? LAG_ERROR_LIMIT : LAG_ERROR_MEMORY;
        assert(!tape_check(tape, k->kernel.size));
    }
    return LAG_OK;
}

NativeJob compile_job(const ModelKernel *k, const Tape *tape[LAG_ROUTINE_COUNT]) {
    bool wide = lag_kernel_is_wide(&k->kernel);
    for (int i = 0; i < LAG_ROUTINE_COUNT; i++) tape[i] = k->tape[i].count && (!wide || i == LAG_STEPS) ? &k->tape[i] : NULL;
    return (NativeJob){tape, compile_routine_name, LAG_ROUTINE_COUNT, k->kernel.table, k->kernel.size};
}

/* LAG_WORK is as large as the interpreter needs: whatever runs then has room. */
static LagStatus make_interpreter(ModelKernel *k) {
    for (int i = 0; i < LAG_ROUTINE_COUNT; i++) {
        uint32_t work = 0;
        if (!k->tape[i].count) continue;
        k->interp[i] = interp_new(&k->tape[i], &work);
        if (!k->interp[i]) return LAG_ERROR_MEMORY;
        k->code[LAG_BACKEND_INTERPRETER].procedure[i] = (LagProcedure){interp_run, k->interp[i]};
        if (work > k->kernel.size[LAG_WORK]) k->kernel.size[LAG_WORK] = work;
    }
    return LAG_OK;
}

/* Operations past which making machine code costs more than it can give back, and LLVM more memory than is right. */
enum { NATIVE_MOST = 1000 * 1000 };

bool compile_fits_native(const ModelKernel *k) {
    const Tape *tape[LAG_ROUTINE_COUNT];
    NativeJob job = compile_job(k, tape);
    return job_operations(&job) <= NATIVE_MOST;
}

static ModelKernel *kernel_new(LagModel *model, uint32_t r, LagBackend backend) {
    ModelKernel *k = memory_new(sizeof *k);
    if (!k) return NULL;
    const Mechanics *m = &model->mech;
    k->model = model;
    k->backend = backend;
    k->stop = -1;
    k->kernel = (LagKernel){.abi = LAG_KERNEL_ABI,
                            .dof = m->dof,
                            .parameter_count = m->parameter_count,
                            .r = r,
                            .facts = m->facts,
                            .form = tiers_form,
                            .slopes = slopes_get,
                            .back = slopes_back};
    atomic_init(&k->best, k->code[LAG_BACKEND_INTERPRETER].procedure);
    atomic_init(&k->running, LAG_BACKEND_INTERPRETER);
    atomic_init(&k->asked, 0);
    atomic_init(&k->worth, 0);
    pthread_mutex_init(&k->lock, NULL);
    return k;
}

static LagStatus compile_kernel(LagModel *model, uint32_t r, LagBackend backend, ModelKernel **kernel) {
    ModelKernel *k = kernel_new(model, r, backend);
    if (!k) return LAG_ERROR_MEMORY;
    double start = clock_seconds();
    discrete_sizes(&model->mech, r, k->kernel.size);
    LagStatus status = make_tables(k, r) ? make_tapes(model, k, r) : LAG_ERROR_MEMORY;
    if (status == LAG_OK) status = make_interpreter(k);
    k->timings.emit += clock_seconds() - start;
    if (backend > LAG_BACKEND_INTERPRETER) {
        if (status == LAG_OK && !compile_fits_native(k)) status = LAG_ERROR_LIMIT;
        if (status == LAG_OK) status = tiers_make(k, backend, -1, model->reason, sizeof model->reason);
    } else if (backend == LAG_BACKEND_AUTO) {
        k->kernel.improve = tiers_improve;
    }
    memcpy(k->kernel.procedure, atomic_load(&k->best), sizeof k->kernel.procedure);
    if (status == LAG_OK)
        *kernel = k;
    else
        model_kernel_free(k);
    return status;
}

/* ---- The face ---- */

LagStatus lag_model_kernel(const LagModel *shared, uint32_t r, LagBackend backend, const LagKernel **kernel) {
    if (r > LAG_R_MAX || (unsigned)backend >= LAG_BACKENDS) return LAG_ERROR_ARGUMENT;
    LagModel *model = model_changeable(shared);
    LagStatus status = LAG_OK;
    if ((uint64_t)(r + 1) * model->mech.dof > mechanics_unknowns_most(&model->mech)) return LAG_ERROR_LIMIT;
    pthread_mutex_lock(&model->lock);
    model->reason[0] = 0;
    ModelKernel *k = model->kernels;
    while (k && (k->kernel.r != r || k->backend != backend)) k = k->next;
    if (!k && (status = compile_kernel(model, r, backend, &k)) == LAG_OK) {
        k->next = model->kernels;
        model->kernels = k;
    }
    model_recover(model);
    pthread_mutex_unlock(&model->lock);
    if (status == LAG_OK) *kernel = &k->kernel;
    return status;
}

size_t lag_model_reason(const LagModel *shared, char *buffer, size_t size) {
    LagModel *model = model_changeable(shared);
    pthread_mutex_lock(&model->lock);
    size_t length = strlen(model->reason);
    snprintf(buffer, size, "%s", model->reason);
    pthread_mutex_unlock(&model->lock);
    return length;
}
