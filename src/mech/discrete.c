/* discrete.c: see discrete.h. Needs A, B and their derivatives; leaves tapes that do what lag_kernel.h says.
 *
 * The pointwise function of Lambda is written once, inside a loop over the nodes; residual and Jacobian (jacobian.c) are
 * assembled around it from the tables (method.md, "One step"):
 *
 *     F_i = h b_i A_i + sum_j G_ij B_j
 */
#include "mech/discrete.h"

#include "mech/writer.h"

#include <string.h>

/* A reference that goes along with the coordinate. */
static TapeRef along(const Writer *w, LagArray array, uint32_t base, uint32_t stride0) {
    TapeRef ref = at(array, base, stride0, 0, 0);
    if (w->looped) ref.stride[w->tape->depth - 1] = 1;
    return ref;
}

/* ---- Roots: what the pointwise function must give ---- */

typedef struct Roots {
    NodeId *node;
    uint32_t count;
} Roots;

static bool roots_of(const Mechanics *m, LagRoutine routine, bool wide, Roots *roots) {
    bool parameters = routine == LAG_POINT_PARAMETER;
    bool jacobian = routine == LAG_POINT_JACOBIAN || routine == LAG_STEP_JACOBIAN || parameters;
    const NodeId *block[BLOCK_COUNT] = {m->AQ, m->AV, m->BQ, m->BV};
    size_t most = 3 * (size_t)m->dof + BLOCK_COUNT * (size_t)m->filled_count + m->slope_count + 1;
    roots->node = memory_new(most * sizeof *roots->node);
    if (!roots->node) return false;
    if (routine == LAG_POINT_ENERGY) {
        roots->node[roots->count++] = m->energy;
        return true;
    }
    roots->count = (jacobian ? 3 : 2) * m->dof; /* A B BT lie side by side */
    memcpy(roots->node, m->A, roots->count * sizeof *roots->node);
    for (uint32_t i = 0; jacobian && i < m->filled_count; i++)
        for (int b = wide ? BLOCK_BV : 0; b < BLOCK_COUNT; b++)
            if (!graph_equals(m->graph, block[b][m->filled[i]], 0)) roots->node[roots->count++] = block[b][m->filled[i]];
    for (uint32_t i = 0; parameters && i < m->slope_count; i++) roots->node[roots->count++] = m->slope[i].node;
    return true;
}

/* ---- Setting out ---- */

static void writer_new(Writer *w, Mechanics *m, Tape *tape, uint32_t r) {
    *w = (Writer){.m = m, .tape = tape, .emit = {.tape = tape, .graph = m->graph}, .d = m->dof, .r = r, .s = r + 2};
    w->looped = w->d >= LOOPED_LEAST;
    w->wide = mechanics_is_wide(m, r);
    const NodeId *block[BLOCK_COUNT] = {m->AQ, m->AV, m->BQ, m->BV};
    memcpy(w->block, block, sizeof block);
}

static void writer_free(Writer *w) {
    emitter_free(&w->emit);
    memory_free(w->entry);
}

static void bind_parameters(Writer *w) {
    for (uint32_t i = 0; i < w->m->parameter_count; i++)
        emit_bind(&w->emit, w->m->parameter[i].node, load(w, LAG_PARAMETER, i));
}

/* ---- Pointwise routines ---- */

static void store_all(Writer *w, LagArray array, const NodeId *node, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) tape_store(w->tape, at(array, i, 0, 0, 0), emit_value(&w->emit, node[i]));
}

/* Entry i of a matrix, unless it is zero whatever the state. */
static void store_filled(Writer *w, LagArray array, const NodeId *node, uint32_t i) {
    if (!graph_equals(w->m->graph, node[i], 0)) tape_store(w->tape, at(array, i, 0, 0, 0), emit_value(&w->emit, node[i]));
}

/* dA/dc and dB/dc. */
static void store_slopes(Writer *w) {
    const Mechanics *m = w->m;
    for (uint32_t i = 0; i < m->slope_count; i++) {
        const Slope *x = &m->slope[i];
        bool force = x->row < w->d;
        uint32_t base = (force ? x->row : x->row - w->d) * m->parameter_count + x->parameter;
        tape_store(w->tape, at(force ? LAG_AP : LAG_BP, base, 0, 0, 0), emit_value(&w->emit, x->node));
    }
}

static void write_point(Writer *w, LagRoutine routine, const Roots *roots) {
    const Mechanics *m = w->m;
    uint32_t d = w->d;
    for (uint32_t k = 0; k < d; k++) {
        emit_bind(&w->emit, m->coordinate[k].q, load(w, LAG_Q, k));
        emit_bind(&w->emit, m->coordinate[k].v, load(w, LAG_V, k));
    }
    emit_bind(&w->emit, m->time, load(w, LAG_TIME, 0));
    emit_roots(&w->emit, roots->node, roots->count, NULL, 0);
    if (routine == LAG_POINT_ENERGY) {
        store_all(w, LAG_ENERGY, &m->energy, 1);
        return;
    }
    store_all(w, LAG_A, m->A, d);
    store_all(w, LAG_B, m->B, d);
    if (routine == LAG_POINT_PARAMETER) store_slopes(w);
    if (routine != LAG_POINT_JACOBIAN && routine != LAG_POINT_PARAMETER) return;
    for (uint32_t k = 0; k < d && w->wide; k++)
        tape_store(w->tape, at(LAG_BV, k, 0, 0, 0), emit_value(&w->emit, m->BV[(size_t)k * d + k]));
    for (int b = 0; b < BLOCK_COUNT && !w->wide; b++)
        for (uint32_t i = 0; i < m->filled_count; i++) store_filled(w, (LagArray)(LAG_AQ + b), w->block[b], m->filled[i]);
    for (uint32_t k = 0; k < d && routine == LAG_POINT_JACOBIAN; k++) store_filled(w, LAG_BT, m->BT, k);
}

/* ---- The step: nodes ---- */

/* q_i = q + z_i at every node, z_0 = 0. */
static void write_positions(Writer *w) {
    uint32_t d = w->d;
    for (uint32_t k = 0, bodies = coordinates_begin(w); k < bodies; k++)
        tape_store(w->tape, along(w, LAG_WORK, w->position + k, 0), tape_load(w->tape, along(w, LAG_Q, k, 0)));
    coordinates_end(w);
    tape_loop(w->tape, w->s - 1);
    for (uint32_t k = 0, bodies = coordinates_begin(w); k < bodies; k++) {
        TapeValue z = tape_load(w->tape, along(w, LAG_Z, k, d));
        TapeValue q = tape_load(w->tape, along(w, LAG_Q, k, 0));
        tape_store(w->tape, along(w, LAG_WORK, w->position + d + k, d), binary(w, TAPE_ADD, q, z));
    }
    coordinates_end(w);
    tape_end(w->tape);
}

/* v_i = (1/h) sum_j D_ij z_j. */
static void write_velocities(Writer *w) {
    uint32_t d = w->d, s = w->s;
    for (uint32_t k = 0, bodies = coordinates_begin(w); k < bodies; k++) {
        TapeRef derive = terms(w, at(LAG_DERIVE, 1, s, 0, 0), 1), z = terms(w, along(w, LAG_Z, k, 0), d);
        TapeValue v = binary(w, TAPE_MUL, tape_dot(w->tape, derive, z, s - 1), w->inverse_h);
        tape_store(w->tape, along(w, LAG_VELOCITY, k, d), v);
        if (!w->looped) emit_bind(&w->emit, w->m->coordinate[k].v, v);
    }
    coordinates_end(w);
    for (uint32_t k = 0; k < d && w->looped; k++)
        emit_bind(&w->emit, w->m->coordinate[k].v, tape_load(w->tape, at(LAG_VELOCITY, k, d, 0, 0)));
}

/* One node of the loop: q_i, v_i, t_i = t + c_i h, and the pointwise function there. */
static void write_node(Writer *w, const Roots *roots) {
    const Mechanics *m = w->m;
    uint32_t d = w->d;
    write_velocities(w);
    for (uint32_t k = 0; k < d; k++)
        emit_bind(&w->emit, m->coordinate[k].q, tape_load(w->tape, at(LAG_WORK, w->position + k, d, 0, 0)));
    TapeValue ch = binary(w, TAPE_MUL, tape_load(w->tape, at(LAG_NODE, 0, 1, 0, 0)), w->h);
    emit_bind(&w->emit, m->time, binary(w, TAPE_ADD, w->t, ch));
    emit_roots(&w->emit, roots->node, roots->count, NULL, 0);
    for (uint32_t k = 0; k < d; k++) {
        tape_store(w->tape, at(LAG_WORK, w->force + k, d, 0, 0), emit_value(&w->emit, m->A[k]));
        tape_store(w->tape, at(LAG_WORK, w->momentum + k, d, 0, 0), emit_value(&w->emit, m->B[k]));
    }
    jacobian_store_node(w);
}

/* ---- The step: residual ---- */

static void write_residual_rows(Writer *w, Rows rows) {
    uint32_t d = w->d, s = w->s, step = rows.node_step;
    TapeValue weight = tape_load(w->tape, at(LAG_WEIGHT, rows.node, step, 0, 0));
    TapeValue hb = binary(w, TAPE_MUL, weight, w->h);
    for (uint32_t k = 0, bodies = coordinates_begin(w); k < bodies; k++) {
        TapeRef gather = terms(w, at(LAG_GATHER, rows.node * s, step * s, 0, 0), 1);
        TapeValue sum = tape_dot(w->tape, gather, terms(w, along(w, LAG_WORK, w->momentum + k, 0), d), s);
        TapeValue force = tape_load(w->tape, along(w, LAG_WORK, w->force + rows.node * d + k, step * d));
        TapeValue f = binary(w, TAPE_ADD, sum, binary(w, TAPE_MUL, hb, force));
        if (step == 0) f = binary(w, TAPE_ADD, f, tape_load(w->tape, along(w, LAG_PI, k, 0))); /* node 0 */
        tape_store(w->tape, along(w, LAG_RESIDUAL, rows.row * d + k, rows.row_step * d), f);
    }
    coordinates_end(w);
}

static void write_impulse(Writer *w) {
    for (uint32_t k = 0, bodies = coordinates_begin(w); k < bodies; k++) {
        TapeRef weight = terms(w, at(LAG_WEIGHT, 0, 0, 0, 0), 1),
                force = terms(w, along(w, LAG_WORK, w->force + k, 0), w->d);
        TapeValue sum = tape_dot(w->tape, weight, force, w->s);
        tape_store(w->tape, along(w, LAG_IMPULSE, k, 0), binary(w, TAPE_MUL, sum, w->h));
    }
    coordinates_end(w);
}

/* ---- The step, whole ---- */

static void write_step(Writer *w, LagRoutine routine, const Roots *roots) {
    uint32_t d = w->d, s = w->s;
    const Rows interior = {1, 0, 1, 1}, first = {0, w->r, 0, 0};
    w->position = tape_work(w->tape, s * d);
    w->force = tape_work(w->tape, s * d);
    w->momentum = tape_work(w->tape, s * d);
    if (routine == LAG_STEP_JACOBIAN && !jacobian_place(w)) {
        w->tape->failed = true;
        return;
    }
    w->t = load(w, LAG_TIME, 0);
    w->h = load(w, LAG_TIME, 1);
    w->inverse_h = binary(w, TAPE_DIV, tape_constant(w->tape, 1), w->h);
    emit_roots(&w->emit, roots->node, roots->count, w->m->state, 2 * w->d + 1);
    write_positions(w);
    tape_loop(w->tape, s);
    write_node(w, roots);
    tape_end(w->tape);
    write_impulse(w);
    if (w->r) {
        tape_loop(w->tape, w->r);
        write_residual_rows(w, interior);
        tape_end(w->tape);
    }
    write_residual_rows(w, first);
    if (routine == LAG_STEP_JACOBIAN) jacobian_write(w);
}

/* Whether forces and momenta hold few enough sines and cosines to be written out, which makes for seventy operations each.
 */
static bool has_few_angles(const Mechanics *m) {
    enum { MOST = 64 };
    Graph *g = m->graph;
    uint32_t angles = 0;
    if (!graph_reach(g, m->A, 2 * m->dof)) return false; /* A and B lie side by side */
    for (uint32_t i = 0; i < g->list_count; i++) {
        GraphCode code = (GraphCode)g->node[g->list[i]].code;
        angles += code == GRAPH_SIN || code == GRAPH_COS;
    }
    return angles <= MOST;
}

/* What is written must not be taken for used where it is not; products wait for little, and become parts of sums. */
static void finish_steps(Writer *w) {
    tape_trim(w->tape);
    tape_order(w->tape);
    tape_fuse(w->tape);
    tape_trim(w->tape);
    tape_gather(w->tape);
    w->tape->failed |= w->m->graph->failed;
    writer_free(w);
}

/* LAG_STEPS_BACK or LAG_MASS_BACK. */
static void write_back(Mechanics *m, LagRoutine routine, uint32_t r, Tape *tape) {
    Writer w;
    if (!mechanics_has_steps(m, r, 0) || !m->facts.mass_times_velocity || mechanics_is_wide(m, r)) return;
    writer_new(&w, m, tape, r);
    w.emit.written_out = has_few_angles(m);
    bind_parameters(&w);
    if (routine == LAG_STEPS_BACK)
        back_write(&w);
    else
        back_write_mass(&w);
    finish_steps(&w);
}

void discrete_steps_tape(Mechanics *m, uint32_t r, uint32_t form, Tape *tape) {
    Writer w;
    if (!mechanics_has_steps(m, r, form)) return;
    if (form & LAG_FORM_LANES) tape->systems = LAG_SYSTEMS;
    writer_new(&w, m, tape, r);
    w.emit.written_out = has_few_angles(m);
    bind_parameters(&w);
    bool across = w.wide && r > 0 && m->facts.forces_free_of_velocity && !form;
    if (!across || !wide_write(&w)) steps_write(&w, form);
    finish_steps(&w);
}

void discrete_tape_beside(Mechanics *m, LagRoutine routine, uint32_t r, uint32_t systems, Tape *tape) {
    if (systems > 1) tape->systems = systems;
    discrete_tape(m, routine, r, tape);
}

void discrete_tape(Mechanics *m, LagRoutine routine, uint32_t r, Tape *tape) {
    Writer w;
    Roots roots = {0};
    if (routine == LAG_STEPS) {
        discrete_steps_tape(m, r, 0, tape);
        return;
    }
    if (routine == LAG_STEPS_BACK || routine == LAG_MASS_BACK) {
        write_back(m, routine, r, tape);
        return;
    }
    bool step = routine == LAG_STEP_RESIDUAL || routine == LAG_STEP_JACOBIAN;
    if (step && mechanics_is_wide(m, r)) return;
    writer_new(&w, m, tape, r);
    if (roots_of(m, routine, w.wide, &roots)) {
        bind_parameters(&w);
        if (step)
            write_step(&w, routine, &roots);
        else
            write_point(&w, routine, &roots);
        tape_trim(tape);
    } else {
        tape->failed = true;
    }
    tape->failed |= m->graph->failed;
    memory_free(roots.node);
    writer_free(&w);
}

void discrete_sizes(const Mechanics *m, uint32_t r, size_t size[LAG_ARRAY_COUNT]) {
    bool wide = mechanics_is_wide(m, r);
    size_t d = m->dof, square = wide ? 0 : d * d, s = r + 2, n = (r + 1) * d,
           newton = mechanics_has_steps(m, r, LAG_FORM_NEWTON) ? lag_lanes((uint32_t)s) : 0,
           l = mechanics_has_steps(m, r, 0) ? lag_lanes((uint32_t)s) : newton;
    bool momenta = !m->facts.mass_times_velocity;
    size_t two = !momenta && mechanics_has_steps(m, r, LAG_FORM_COMPENSATED) ? l : 0;
    size_t back = momenta || wide || m->facts.affine ? 0 : l; /* of what steps are gone back through with */
    const size_t sizes[LAG_ARRAY_COUNT] = {
        [LAG_TIME] = 2,
        [LAG_PARAMETER] = m->parameter_count,
        [LAG_Q] = d,
        [LAG_V] = d,
        [LAG_PI] = d,
        [LAG_Z] = n,
        [LAG_A] = d,
        [LAG_B] = d,
        [LAG_AQ] = square,
        [LAG_AV] = square,
        [LAG_BQ] = square,
        [LAG_BV] = wide ? d : square,
        [LAG_BT] = d,
        [LAG_ENERGY] = 1,
        [LAG_AP] = d * m->parameter_count,
        [LAG_BP] = d * m->parameter_count,
        [LAG_RESIDUAL] = n,
        [LAG_IMPULSE] = d,
        [LAG_VELOCITY] = s * d,
        [LAG_JACOBIAN] = wide ? 0 : n * n,
        [LAG_NODE] = s,
        [LAG_WEIGHT] = s,
        [LAG_DERIVE] = s * s,
        [LAG_GATHER] = s * s,
        [LAG_STIFFNESS] = s * s,
        [LAG_U] = l ? d : 0,
        [LAG_LOW] = (momenta ? 2 : 4) * d,
        [LAG_F] = (momenta ? 2 : 1) * d * l,
        [LAG_SHARE] = (momenta ? 1 : d) * l,
        [LAG_INVERSE_MASS] = l && !momenta && !m->facts.diagonal_mass ? d * d : 0,
        [LAG_RUN] = l ? LAG_RUN_COUNT : 0,
        [LAG_NEWTON] = d * s * d * newton,
        [LAG_AHEAD] = d * newton,
        [LAG_AHEAD_BY] = 2 * d * d * newton,
        [LAG_BY_Q] = back ? d : 0,
        [LAG_BY_U] = back ? d : 0,
        [LAG_BY_F] = 2 * d * back,
        [LAG_SEED] = d * back,
        [LAG_BY_PARAMETER] = back ? m->parameter_count : 0,
        [LAG_BY_MASS] = !back                    ? 0
                        : m->facts.diagonal_mass ? d
                                                 : d * d,
        [LAG_STAGE_NODE] = l,
        [LAG_STAGE_END] = l ? LAG_END_COUNT * (s + 1) : 0,
        [LAG_LEGENDRE] = momenta ? l : 0,
        [LAG_REACH] = s * l,
        [LAG_RATE] = s * l,
        [LAG_REACH_AHEAD] = s * l,
        [LAG_RATE_AHEAD] = s * l,
        [LAG_REACH_AHEAD_TWO] = s * two,
        [LAG_RATE_AHEAD_TWO] = s * two,
        [LAG_REACH_BACK] = s * back,
        [LAG_RATE_BACK] = s * back,
        [LAG_REACH_BACK_AHEAD] = s * back,
        [LAG_RATE_BACK_AHEAD] = s * back,
    };
    memcpy(size, sizes, sizeof sizes);
}
