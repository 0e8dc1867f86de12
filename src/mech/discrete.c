/* discrete.c: see discrete.h. Needs A, B and their derivatives; leaves tapes that do what lag_kernel.h says.
 *
 * The pointwise function of Lambda is written once, inside a loop over the nodes; residual and Jacobian are assembled around
 * it from the tables (method.md, "One step"):
 *
 *     residual   F_i = h b_i A_i + sum_j G_ij B_j
 *     Jacobian   dF_i/dz_m = d_im h b_i A_q(i) + G_mi A_v(i) + G_im B_q(m) + (1/h) sum_j G_ij D_jm B_v(j)
 *
 * since G_mi = b_i D_im. Where B_v is the same at all nodes the last sum is (1/h) S_im B_v. Entries of A_q .. B_v that are
 * zero cost nothing; those that depend on parameters alone are computed once, before the loop. */
#include "mech/discrete.h"

#include "tape/emit.h"

#include <string.h>

typedef enum Block { BLOCK_AQ, BLOCK_AV, BLOCK_BQ, BLOCK_BV, BLOCK_COUNT } Block;

typedef struct Writer {
    Mechanics *m;
    Tape *tape;
    Emitter emit;
    uint32_t d, s, r; /* degrees of freedom, nodes, interior nodes */
    TapeValue t, h, inverse_h;
    uint32_t position, force, momentum; /* pieces of LAG_WORK: q_i, A_i, B_i at the nodes, [s, d] each */
    uint32_t row;                       /* a piece of LAG_WORK of s doubles */
    const NodeId *block[BLOCK_COUNT];
    uint32_t
        *place; /* of each varying entry at the nodes, in LAG_WORK, [BLOCK_COUNT, d, d] of s doubles; UINT32_MAX: none */
} Writer;

static TapeRef at(LagArray array, uint32_t base, uint32_t stride0, uint32_t stride1, uint32_t stride2) {
    return (TapeRef){array, base, {stride0, stride1, stride2}};
}

static TapeValue load(Writer *w, LagArray array, uint32_t base) { return tape_load(w->tape, at(array, base, 0, 0, 0)); }

static TapeValue binary(Writer *w, TapeCode code, TapeValue a, TapeValue b) { return tape_binary(w->tape, code, a, b); }

/* ---- Roots: what the pointwise function must give ---- */

typedef struct Roots {
    NodeId *node;
    uint32_t count;
} Roots;

static bool roots_of(const Mechanics *m, LagRoutine routine, Roots *roots) {
    size_t d = m->dof, square = d * d;
    bool jacobian = routine == LAG_POINT_JACOBIAN || routine == LAG_STEP_JACOBIAN;
    roots->node = memory_new((3 * d + 4 * square + 1) * sizeof *roots->node);
    if (!roots->node) return false;
    if (routine == LAG_POINT_ENERGY) {
        roots->node[roots->count++] = m->energy;
        return true;
    }
    size_t count = jacobian ? 3 * d + 4 * square : 2 * d; /* A B BT AQ AV BQ BV lie side by side */
    memcpy(roots->node, m->A, count * sizeof *roots->node);
    roots->count = (uint32_t)count;
    return true;
}

/* ---- Setting out ---- */

static void writer_new(Writer *w, Mechanics *m, Tape *tape, uint32_t r) {
    *w = (Writer){.m = m, .tape = tape, .emit = {.tape = tape, .graph = m->graph}, .d = m->dof, .r = r, .s = r + 2};
    const NodeId *block[BLOCK_COUNT] = {m->AQ, m->AV, m->BQ, m->BV};
    memcpy(w->block, block, sizeof block);
}

static void writer_free(Writer *w) {
    emitter_free(&w->emit);
    memory_free(w->place);
}

static void bind_parameters(Writer *w) {
    for (uint32_t i = 0; i < w->m->parameter_count; i++)
        emit_bind(&w->emit, w->m->parameter[i].node, load(w, LAG_PARAMETER, i));
}

/* ---- Pointwise routines ---- */

static void store_all(Writer *w, LagArray array, const NodeId *node, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) tape_store(w->tape, at(array, i, 0, 0, 0), emit_value(&w->emit, node[i]));
}

static void write_point(Writer *w, LagRoutine routine, const Roots *roots) {
    const Mechanics *m = w->m;
    uint32_t d = w->d;
    bind_parameters(w);
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
    if (routine != LAG_POINT_JACOBIAN) return;
    for (int b = 0; b < BLOCK_COUNT; b++) store_all(w, (LagArray)(LAG_AQ + b), w->block[b], d * d);
    store_all(w, LAG_BT, m->BT, d);
}

/* ---- The step: nodes ---- */

static bool is_zero(const Writer *w, Block b, uint32_t entry) { return graph_equals(w->m->graph, w->block[b][entry], 0); }

/* Gives each entry that varies from node to node its piece of LAG_WORK. */
static bool place_entries(Writer *w) {
    uint32_t square = w->d * w->d;
    bool *varies = memory_new(square + 1);
    w->place = memory_new((BLOCK_COUNT * (size_t)square + 1) * sizeof *w->place);
    for (uint32_t b = 0; b < BLOCK_COUNT && w->place && varies; b++) {
        graph_depend(w->m->graph, w->block[b], square, w->m->state, 2 * w->d + 1, varies);
        for (uint32_t e = 0; e < square; e++) w->place[b * square + e] = varies[e] ? tape_work(w->tape, w->s) : UINT32_MAX;
    }
    w->row = tape_work(w->tape, w->s);
    memory_free(varies);
    return w->place && varies;
}

/* q_i = q + z_i at every node, z_0 = 0. */
static void write_positions(Writer *w) {
    uint32_t d = w->d;
    for (uint32_t k = 0; k < d; k++) tape_store(w->tape, at(LAG_WORK, w->position + k, 0, 0, 0), load(w, LAG_Q, k));
    tape_loop(w->tape, w->s - 1);
    for (uint32_t k = 0; k < d; k++) {
        TapeValue z = tape_load(w->tape, at(LAG_Z, k, d, 0, 0));
        TapeValue q = load(w, LAG_Q, k);
        tape_store(w->tape, at(LAG_WORK, w->position + d + k, d, 0, 0), binary(w, TAPE_ADD, q, z));
    }
    tape_end(w->tape);
}

/* One node of the loop: q_i, v_i = (1/h) sum_j D_ij z_j, t_i = t + c_i h, and the pointwise function there. */
static void write_node(Writer *w, const Roots *roots) {
    const Mechanics *m = w->m;
    uint32_t d = w->d, s = w->s;
    for (uint32_t k = 0; k < d; k++) {
        TapeValue dz = tape_dot(w->tape, at(LAG_DERIVE, 1, s, 1, 0), at(LAG_Z, k, 0, d, 0), s - 1);
        TapeValue v = binary(w, TAPE_MUL, dz, w->inverse_h);
        tape_store(w->tape, at(LAG_VELOCITY, k, d, 0, 0), v);
        emit_bind(&w->emit, m->coordinate[k].v, v);
        emit_bind(&w->emit, m->coordinate[k].q, tape_load(w->tape, at(LAG_WORK, w->position + k, d, 0, 0)));
    }
    TapeValue ch = binary(w, TAPE_MUL, tape_load(w->tape, at(LAG_NODE, 0, 1, 0, 0)), w->h);
    emit_bind(&w->emit, m->time, binary(w, TAPE_ADD, w->t, ch));
    emit_roots(&w->emit, roots->node, roots->count, NULL, 0);
    for (uint32_t k = 0; k < d; k++) {
        tape_store(w->tape, at(LAG_WORK, w->force + k, d, 0, 0), emit_value(&w->emit, m->A[k]));
        tape_store(w->tape, at(LAG_WORK, w->momentum + k, d, 0, 0), emit_value(&w->emit, m->B[k]));
    }
    for (uint32_t b = 0; w->place && b < BLOCK_COUNT; b++)
        for (uint32_t e = 0; e < d * d; e++)
            if (w->place[b * d * d + e] != UINT32_MAX)
                tape_store(w->tape, at(LAG_WORK, w->place[b * d * d + e], 1, 0, 0), emit_value(&w->emit, w->block[b][e]));
}

/* ---- The step: residual ---- */

/* The rows of one node i, or of the interior nodes 1 .. r in a loop: their place among rows and nodes. */
typedef struct Rows {
    uint32_t node, row;           /* of the first */
    uint32_t node_step, row_step; /* by the loop's counter */
} Rows;

static void write_residual_rows(Writer *w, Rows rows) {
    uint32_t d = w->d, s = w->s, step = rows.node_step;
    TapeValue weight = tape_load(w->tape, at(LAG_WEIGHT, rows.node, step, 0, 0));
    TapeValue hb = binary(w, TAPE_MUL, weight, w->h);
    for (uint32_t k = 0; k < d; k++) {
        uint32_t depth = w->tape->depth;
        TapeRef gather = at(LAG_GATHER, rows.node * s, step * s, 0, 0), momentum = at(LAG_WORK, w->momentum + k, 0, 0, 0);
        gather.stride[depth] = 1;
        momentum.stride[depth] = d;
        TapeValue sum = tape_dot(w->tape, gather, momentum, s);
        TapeValue force = tape_load(w->tape, at(LAG_WORK, w->force + rows.node * d + k, step * d, 0, 0));
        TapeValue f = binary(w, TAPE_ADD, sum, binary(w, TAPE_MUL, hb, force));
        if (step == 0) f = binary(w, TAPE_ADD, f, load(w, LAG_PI, k)); /* node 0 */
        tape_store(w->tape, at(LAG_RESIDUAL, rows.row * d + k, rows.row_step * d, 0, 0), f);
    }
}

static void write_impulse(Writer *w) {
    for (uint32_t k = 0; k < w->d; k++) {
        TapeValue sum = tape_dot(w->tape, at(LAG_WEIGHT, 0, 1, 0, 0), at(LAG_WORK, w->force + k, w->d, 0, 0), w->s);
        tape_store(w->tape, at(LAG_IMPULSE, k, 0, 0, 0), binary(w, TAPE_MUL, sum, w->h));
    }
}

/* ---- The step: Jacobian ---- */

/* The value of an entry at a node: a constant of the loop, or what was stored there. */
static TapeValue entry_at(Writer *w, Block b, uint32_t e, uint32_t node, uint32_t stride0, uint32_t stride1) {
    uint32_t place = w->place[b * w->d * w->d + e];
    if (place == UINT32_MAX) return emit_value(&w->emit, w->block[b][e]);
    return tape_load(w->tape, at(LAG_WORK, place + node, stride0, stride1, 0));
}

static TapeValue plus(Writer *w, TapeValue sum, bool *any, TapeValue term) {
    TapeValue result = *any ? binary(w, TAPE_ADD, sum, term) : term;
    *any = true;
    return result;
}

/* Entry e = (k, l) of the rows' blocks: for each column m = 1 .. r + 1 the sum of the terms that are there. */
static void write_jacobian_entry(Writer *w, Rows rows, uint32_t e) {
    uint32_t d = w->d, s = w->s, n = (s - 1) * d, k = e / d, l = e % d, depth = w->tape->depth, step = rows.node_step;
    bool bv = !is_zero(w, BLOCK_BV, e), bv_varies = w->place[BLOCK_BV * d * d + e] != UINT32_MAX;
    if (bv && bv_varies) { /* row_j = G_ij B_v(j) */
        tape_loop(w->tape, s);
        TapeRef gather = at(LAG_GATHER, rows.node * s, step * s, 0, 0),
                mass = at(LAG_WORK, w->place[BLOCK_BV * d * d + e], 0, 0, 0);
        TapeRef row = at(LAG_WORK, w->row, 0, 0, 0);
        gather.stride[depth] = mass.stride[depth] = row.stride[depth] = 1;
        tape_store(w->tape, row, binary(w, TAPE_MUL, tape_load(w->tape, gather), tape_load(w->tape, mass)));
        tape_end(w->tape);
    }
    TapeValue scaled = bv && !bv_varies ? binary(w, TAPE_MUL, emit_value(&w->emit, w->block[BLOCK_BV][e]), w->inverse_h) : 0;
    TapeValue av = is_zero(w, BLOCK_AV, e) ? 0 : entry_at(w, BLOCK_AV, e, rows.node, step, 0);
    tape_loop(w->tape, s - 1);
    bool any = false;
    TapeValue sum = 0;
    if (bv && bv_varies) {
        TapeRef row = at(LAG_WORK, w->row, 0, 0, 0), derive = at(LAG_DERIVE, 1, 0, 0, 0);
        derive.stride[depth] = 1;
        row.stride[depth + 1] = 1;
        derive.stride[depth + 1] = s;
        sum = plus(w, sum, &any, binary(w, TAPE_MUL, tape_dot(w->tape, row, derive, s), w->inverse_h));
    } else if (bv) {
        TapeRef stiffness = at(LAG_STIFFNESS, rows.node * s + 1, step * s, 0, 0);
        stiffness.stride[depth] = 1;
        sum = plus(w, sum, &any, binary(w, TAPE_MUL, tape_load(w->tape, stiffness), scaled));
    }
    if (!is_zero(w, BLOCK_AV, e)) {
        TapeRef gather = at(LAG_GATHER, s + rows.node, step, 0, 0);
        gather.stride[depth] = s;
        sum = plus(w, sum, &any, binary(w, TAPE_MUL, tape_load(w->tape, gather), av));
    }
    if (!is_zero(w, BLOCK_BQ, e)) {
        TapeRef gather = at(LAG_GATHER, rows.node * s + 1, step * s, 0, 0);
        gather.stride[depth] = 1;
        TapeValue bq = depth ? entry_at(w, BLOCK_BQ, e, 1, 0, 1) : entry_at(w, BLOCK_BQ, e, 1, 1, 0);
        sum = plus(w, sum, &any, binary(w, TAPE_MUL, tape_load(w->tape, gather), bq));
    }
    if (!any) sum = tape_constant(w->tape, 0);
    TapeRef jacobian = at(LAG_JACOBIAN, (rows.row * d + k) * n + l, rows.row_step * d * n, 0, 0);
    jacobian.stride[depth] = d;
    tape_store(w->tape, jacobian, sum);
    tape_end(w->tape);
}

/* The term of the diagonal, h b_i A_q(i) at column m = i: row a is node a + 1, whose column is a. */
static void write_jacobian_diagonal(Writer *w, uint32_t e) {
    uint32_t d = w->d, n = (w->s - 1) * d, k = e / d, l = e % d;
    if (is_zero(w, BLOCK_AQ, e)) return;
    TapeRef jacobian = at(LAG_JACOBIAN, k * n + l, d * n + d, 0, 0);
    TapeValue hb = binary(w, TAPE_MUL, tape_load(w->tape, at(LAG_WEIGHT, 1, 1, 0, 0)), w->h);
    TapeValue term = binary(w, TAPE_MUL, hb, entry_at(w, BLOCK_AQ, e, 1, 1, 0));
    tape_store(w->tape, jacobian, binary(w, TAPE_ADD, tape_load(w->tape, jacobian), term));
}

static void write_jacobian(Writer *w) {
    const Rows interior = {1, 0, 1, 1}, first = {0, w->r, 0, 0};
    for (uint32_t e = 0; e < w->d * w->d; e++) {
        if (w->r) {
            tape_loop(w->tape, w->r);
            write_jacobian_entry(w, interior, e);
            write_jacobian_diagonal(w, e);
            tape_end(w->tape);
        }
        write_jacobian_entry(w, first, e);
    }
}

/* ---- The step, whole ---- */

static void write_step(Writer *w, LagRoutine routine, const Roots *roots) {
    uint32_t d = w->d, s = w->s;
    const Rows interior = {1, 0, 1, 1}, first = {0, w->r, 0, 0};
    w->position = tape_work(w->tape, s * d);
    w->force = tape_work(w->tape, s * d);
    w->momentum = tape_work(w->tape, s * d);
    if (routine == LAG_STEP_JACOBIAN && !place_entries(w)) {
        w->tape->failed = true;
        return;
    }
    w->t = load(w, LAG_TIME, 0);
    w->h = load(w, LAG_TIME, 1);
    w->inverse_h = binary(w, TAPE_DIV, tape_constant(w->tape, 1), w->h);
    bind_parameters(w);
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
    if (routine == LAG_STEP_JACOBIAN) write_jacobian(w);
}

void discrete_tape(Mechanics *m, LagRoutine routine, uint32_t r, Tape *tape) {
    Writer w;
    Roots roots = {0};
    writer_new(&w, m, tape, r);
    if (roots_of(m, routine, &roots)) {
        if (routine == LAG_STEP_RESIDUAL || routine == LAG_STEP_JACOBIAN)
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
    size_t d = m->dof, s = r + 2, n = (r + 1) * d;
    const size_t sizes[LAG_ARRAY_COUNT] = {
        [LAG_TIME] = 2,
        [LAG_PARAMETER] = m->parameter_count,
        [LAG_Q] = d,
        [LAG_V] = d,
        [LAG_PI] = d,
        [LAG_Z] = n,
        [LAG_A] = d,
        [LAG_B] = d,
        [LAG_AQ] = d * d,
        [LAG_AV] = d * d,
        [LAG_BQ] = d * d,
        [LAG_BV] = d * d,
        [LAG_BT] = d,
        [LAG_ENERGY] = 1,
        [LAG_RESIDUAL] = n,
        [LAG_IMPULSE] = d,
        [LAG_VELOCITY] = s * d,
        [LAG_JACOBIAN] = n * n,
        [LAG_NODE] = s,
        [LAG_WEIGHT] = s,
        [LAG_DERIVE] = s * s,
        [LAG_GATHER] = s * s,
        [LAG_STIFFNESS] = s * s,
    };
    memcpy(size, sizes, sizeof sizes);
}
