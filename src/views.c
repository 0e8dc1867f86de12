/* views.c: what can be shown of models and programs, as text. */
#include "compile.h"
#include "native/c_emit.h"
#include "session.h"
#include "tiers.h"

#include <string.h>

enum {
    VIEW_WIDE = 100 * 1000,       /* most bytes of one expression */
    VIEW_MOST = 128 * 1024 * 1024 /* most bytes of a view */
};

static const char *const view_name[LAG_VIEW_COUNT] = {
    [LAG_VIEW_LAGRANGIAN] = "lagrangian",
    [LAG_VIEW_EQUATIONS] = "equations",
    [LAG_VIEW_ENERGY] = "energy",
    [LAG_VIEW_KERNEL] = "kernel",
    [LAG_VIEW_TOKENS] = "tokens",
    [LAG_VIEW_TREE] = "tree",
    [LAG_VIEW_GRAPH] = "graph",
    [LAG_VIEW_LAGRANGE] = "lagrange",
    [LAG_VIEW_DISCRETE] = "discrete",
    [LAG_VIEW_TAPE] = "tape",
    [LAG_VIEW_C] = "c",
    [LAG_VIEW_LLVM] = "llvm",
    [LAG_VIEW_ASM] = "asm",
};

LagView lag_view_named(const char *name) {
    int view = 0;
    while (view < LAG_VIEW_COUNT && strcmp(view_name[view], name) != 0) view++;
    return (LagView)view;
}

const char *lag_view_name(LagView view) { return (unsigned)view < LAG_VIEW_COUNT ? view_name[view] : ""; }

static LagStatus finish(Buffer *out, char **text) {
    if (out->full) {
        out->most = 0, out->full = false;
        buffer_print(out, "\n... and more: at most %d bytes are shown\n", VIEW_MOST);
    }
    buffer_text(out, "");
    if (out->failed) {
        buffer_free(out);
        return LAG_ERROR_MEMORY;
    }
    *text = out->bytes;
    return LAG_OK;
}

void lag_text_free(char *text) { memory_free(text); }

/* ---- Models ---- */

static void print_lagrangian(LagModel *model, Buffer *out) {
    buffer_print(out, "%s\n", model->text);
    Buffer expanded = {0};
    mechanics_print(&model->mech, model->mech.lambda, VIEW_WIDE, &expanded);
    if (expanded.bytes && strcmp(expanded.bytes, model->text) != 0) buffer_print(out, "= %s\n", expanded.bytes);
    out->failed |= expanded.failed;
    buffer_free(&expanded);
}

static void print_energy(LagModel *model, Buffer *out) {
    mechanics_print(&model->mech, model->mech.energy, VIEW_WIDE, out);
    buffer_text(out, "\n");
}

static void print_fact(Buffer *out, bool holds, const char *yes, const char *no) {
    buffer_print(out, "  %s\n", holds ? yes : no);
}

static void print_names(LagModel *model, Buffer *out) {
    const Mechanics *m = &model->mech;
    buffer_text(out, "coordinates:");
    for (uint32_t k = 0; k < m->dof; k++) buffer_print(out, " %s", names_text(&model->names, m->coordinate[k].name));
    buffer_text(out, "\nparameters:");
    for (uint32_t i = 0; i < m->parameter_count; i++)
        buffer_print(out, " %s", names_text(&model->names, m->parameter[i].name));
    buffer_text(out, m->parameter_count ? "\n" : " none\n");
}

static void print_facts(LagModel *model, Buffer *out) {
    const Mechanics *m = &model->mech;
    const LagFacts *f = &m->facts;
    bool cyclic = false;
    buffer_text(out, "facts:\n");
    print_fact(out, f->autonomous, "autonomous: time does not appear", "depends on time");
    print_fact(out, f->conservative, "conservative: no coupling", "not conservative");
    if (m->coupling == COUPLING_EXACT) buffer_text(out, "  coupling odd in the minus variables: shown by its normal form\n");
    if (m->coupling == COUPLING_RANDOM)
        buffer_print(out, "  coupling odd in the minus variables: at %d random points, in %d-bit arithmetic\n",
                     COUPLING_POINTS, COUPLING_BITS);
    print_fact(out, f->quadratic, "quadratic: the equations are linear", "not quadratic");
    print_fact(out, f->constant_mass, "constant mass matrix", "the mass matrix varies");
    print_fact(out, f->forces_free_of_velocity, "forces free of velocity", "forces depend on velocity");
    buffer_text(out, "  mass matrix regular at random points\n");
    for (uint32_t k = 0; k < m->dof; k++) {
        if (!m->cyclic[k]) continue;
        buffer_print(out, "%s%s", cyclic ? " " : "  cyclic, their momentum conserved: ",
                     names_text(&model->names, m->coordinate[k].name));
        cyclic = true;
    }
    buffer_text(out, cyclic ? "\n" : "  no cyclic coordinate\n");
}

static void print_code(const ModelKernel *k, Buffer *out) {
    LagCode code;
    lag_kernel_code(&k->kernel, &code);
    buffer_print(out, "  runs by %s%s", lag_backend_name(code.backend), code.cached ? ", from the cache" : "");
    if (code.bytes) buffer_print(out, ", %zu bytes of code", code.bytes);
    buffer_text(out, code.working ? "; better code is being made\n" : "\n");
    if (k->backend == LAG_BACKEND_AUTO) tiers_print(k, out);
}

static void print_road(const ModelKernel *k, Buffer *out) {
    unsigned long long operations = tape_unrolled(&k->tape[LAG_STEPS]);
    LagRoad road = lag_kernel_road(&k->kernel);
    if (road == LAG_ROAD_AFFINE)
        buffer_text(out, "  an affine map and its powers, made once for each dt; method = newton solves each step\n");
    else if (road == LAG_ROAD_SWEEPS && lag_kernel_is_wide(&k->kernel))
        buffer_print(out,
                     "  by fixed-point iteration over the nodes, %llu operations a step of one sweep; it is too large for "
                     "Newton's method\n",
                     operations);
    else if (road == LAG_ROAD_SWEEPS)
        buffer_print(out,
                     "  by fixed-point iteration over the nodes, %llu operations a step of one sweep, and by Newton where "
                     "that does not converge; method = newton solves each step instead\n",
                     operations);
}

static void print_kernels(LagModel *model, Buffer *out) {
    for (const ModelKernel *k = model->kernels; k; k = k->next) {
        const LagKernel *kernel = &k->kernel;
        buffer_print(out, "step r = %u: %u nodes, %u unknowns, order %u, backend %s", kernel->r, kernel->r + 2,
                     (kernel->r + 1) * kernel->dof, 2 * kernel->r + 2, lag_backend_name(k->backend));
        if (!lag_kernel_is_wide(kernel))
            buffer_print(out, ", %llu operations a residual, %llu with its Jacobian",
                         (unsigned long long)tape_unrolled(&k->tape[LAG_STEP_RESIDUAL]),
                         (unsigned long long)tape_unrolled(&k->tape[LAG_STEP_JACOBIAN]));
        buffer_text(out, "\n");
        print_road(k, out);
        print_code(k, out);
    }
}

static void print_timings(const LagTimings *t, Buffer *out) {
    buffer_print(out, "seconds: parse %.6f, differentiate %.6f, emit %.6f, optimise %.6f, codegen %.6f, link %.6f\n",
                 t->parse, t->differentiate, t->emit, t->optimise, t->codegen, t->link);
}

static void print_graph(LagModel *model, Buffer *out) {
    graph_dump(&model->graph, &model->names, &model->mech.lambda, 1, out);
    buffer_print(out, "lambda = %%%u\n", model->mech.lambda);
}

static void print_tapes(const ModelKernel *k, LagRoutine first, LagRoutine last, Buffer *out) {
    for (int i = (int)first; i <= (int)last; i++) {
        if (!k->tape[i].count) continue;
        buffer_print(out, "%s:\n", compile_routine_name[i]);
        tape_print(&k->tape[i], out);
    }
}

/* Code as a compiler is given it, or makes it. */
static LagStatus print_native(const ModelKernel *k, LagView view, char *why, size_t why_size, Buffer *out) {
    if (!compile_fits_native(k)) return LAG_ERROR_LIMIT;
    const Tape *tape[LAG_ROUTINE_COUNT];
    NativeJob job = compile_job(k, tape);
    if (view != LAG_VIEW_C) return native_print(&job, view == LAG_VIEW_ASM, out, why, why_size);
    c_emit(&job, out);
    return LAG_OK;
}

/* Views of the kernel of one r, which is made for it if it is not there. */
static LagStatus print_kernel_view(const LagModel *model, LagView view, uint32_t r, LagBackend backend, Buffer *out) {
    const LagKernel *kernel;
    if (view != LAG_VIEW_KERNEL) backend = LAG_BACKEND_INTERPRETER; /* its tapes are all that is needed */
    LagStatus status = lag_model_kernel(model, r, backend, &kernel);
    if (status != LAG_OK) return status;
    LagModel *m = model_changeable(model);
    const ModelKernel *k = model_kernel_of(kernel);
    LagTimings timings;
    lag_model_timings(model, &timings);
    pthread_mutex_lock(&m->lock);
    switch (view) {
    case LAG_VIEW_KERNEL:
        print_names(m, out);
        print_facts(m, out);
        print_kernels(m, out);
        print_timings(&timings, out);
        break;
    case LAG_VIEW_DISCRETE: print_tapes(k, LAG_STEP_RESIDUAL, LAG_STEPS, out); break;
    case LAG_VIEW_TAPE: print_tapes(k, LAG_POINT, LAG_POINT_ENERGY, out); break;
    default: status = print_native(k, view, m->reason, sizeof m->reason, out);
    }
    pthread_mutex_unlock(&m->lock);
    return status;
}

LagStatus lag_model_view(const LagModel *model, LagView view, uint32_t r, LagBackend backend, char **text) {
    Buffer out = {.most = VIEW_MOST};
    LagStatus status = LAG_OK;
    LagModel *m = model_changeable(model);
    switch (view) {
    case LAG_VIEW_KERNEL:
    case LAG_VIEW_DISCRETE:
    case LAG_VIEW_TAPE:
    case LAG_VIEW_C:
    case LAG_VIEW_LLVM:
    case LAG_VIEW_ASM: status = print_kernel_view(model, view, r, backend, &out); break;
    case LAG_VIEW_LAGRANGIAN:
    case LAG_VIEW_EQUATIONS:
    case LAG_VIEW_ENERGY:
    case LAG_VIEW_GRAPH:
    case LAG_VIEW_LAGRANGE:
        pthread_mutex_lock(&m->lock);
        if (view == LAG_VIEW_LAGRANGIAN)
            print_lagrangian(m, &out);
        else if (view == LAG_VIEW_EQUATIONS)
            mechanics_print_equations(&m->mech, &out);
        else if (view == LAG_VIEW_ENERGY)
            print_energy(m, &out);
        else if (view == LAG_VIEW_GRAPH)
            print_graph(m, &out);
        else
            mechanics_print_lagrange(&m->mech, &out);
        if (m->graph.failed) status = LAG_ERROR_MEMORY;
        model_recover(m);
        pthread_mutex_unlock(&m->lock);
        break;
    default: return LAG_ERROR_ARGUMENT;
    }
    if (status == LAG_OK) return finish(&out, text);
    buffer_free(&out);
    return status;
}

/* ---- Programs ---- */

LagStatus lag_program_view(const LagProgram *program, LagView view, char **text) {
    Buffer out = {.most = VIEW_MOST};
    if (view == LAG_VIEW_TOKENS)
        parse_print_tokens(program->tree->source, &out);
    else if (view == LAG_VIEW_TREE)
        tree_print(program->tree, &program->session->names, &out);
    else
        return LAG_ERROR_ARGUMENT;
    return finish(&out, text);
}
