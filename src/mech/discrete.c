/* discrete.c: see discrete.h. Needs A, B and their derivatives; leaves tapes that do what lag_kernel.h says.
 *
 * The pointwise function of Lambda is written once, inside a loop over the nodes; residual and Jacobian are assembled around
 * it from the tables (method.md, "One step"):
 *
 *     residual   F_i = h b_i A_i + sum_j G_ij B_j
 *     Jacobian   dF_i/dz_m = d_im h b_i A_q(i) + G_mi A_v(i) + G_im B_q(m) + (1/h) sum_j G_ij D_jm B_v(j)
 *
 * since G_mi = b_i D_im. Where B_v is the same at all nodes the last sum is (1/h) S_im B_v. Entries (k, l) of A_q .. B_v
 * that are zero cost nothing, neither operations nor memory, so that a chain's tapes grow with its length and not with the
 * square; those that depend on parameters alone are computed once, before the loop. All entries of the Jacobian are written
 * in one loop over its columns, not each in a loop of its own. */
#include "mech/discrete.h"

#include "tape/emit.h"

#include <string.h>

typedef enum Block { BLOCK_AQ, BLOCK_AV, BLOCK_BQ, BLOCK_BV, BLOCK_COUNT } Block;

enum { PLACE_ZERO = UINT32_MAX, PLACE_FIXED = UINT32_MAX - 1 }; /* no place: 0, or the same at all nodes */

/* What is at (k, l) in the blocks, where one of them is not zero. */
typedef struct Entry {
    uint32_t at;                 /* k d + l */
    uint32_t place[BLOCK_COUNT]; /* in LAG_WORK, of the values at the nodes */
    uint32_t row;                /* in LAG_WORK, of G_ij B_v(j), where B_v varies */
    TapeValue scaled;            /* B_v / h, where it doesn't */
} Entry;

enum { LOOPED_LEAST = 8 }; /* coordinates from which on what is done alike for each of them is a loop */

typedef struct Writer {
    Mechanics *m;
    Tape *tape;
    Emitter emit;
    uint32_t d, s, r; /* degrees of freedom, nodes, interior nodes */
    bool looped;      /* over the coordinates */
    TapeValue t, h, inverse_h;
    uint32_t position, force, momentum; /* pieces of LAG_WORK: q_i, A_i, B_i at the nodes, [s, d] each */
    const NodeId *block[BLOCK_COUNT];
    Entry *entry;
    uint32_t entry_count;
} Writer;

static TapeRef at(LagArray array, uint32_t base, uint32_t stride0, uint32_t stride1, uint32_t stride2) {
    return (TapeRef){array, base, {stride0, stride1, stride2}};
}

static TapeValue load(Writer *w, LagArray array, uint32_t base) { return tape_load(w->tape, at(array, base, 0, 0, 0)); }

static TapeValue binary(Writer *w, TapeCode code, TapeValue a, TapeValue b) { return tape_binary(w->tape, code, a, b); }

/* What is done alike for each coordinate: bodies to be written for k = 0, 1 .., and references that go along with k. */
static uint32_t coordinates_begin(Writer *w) {
    if (w->looped) tape_loop(w->tape, w->d);
    return w->looped ? 1 : w->d;
}

static void coordinates_end(Writer *w) {
    if (w->looped) tape_end(w->tape);
}

static TapeRef along(const Writer *w, LagArray array, uint32_t base, uint32_t stride0) {
    TapeRef ref = at(array, base, stride0, 0, 0);
    if (w->looped) ref.stride[w->tape->depth - 1] = 1;
    return ref;
}

/* The same, stepping through the terms of a dot product. */
static TapeRef terms(const Writer *w, TapeRef ref, uint32_t stride) {
    ref.stride[w->tape->depth] = stride;
    return ref;
}

/* ---- Roots: what the pointwise function must give ---- */

typedef struct Roots {
    NodeId *node;
    uint32_t count;
} Roots;

static bool roots_of(const Mechanics *m, LagRoutine routine, Roots *roots) {
    bool jacobian = routine == LAG_POINT_JACOBIAN || routine == LAG_STEP_JACOBIAN;
    const NodeId *block[BLOCK_COUNT] = {m->AQ, m->AV, m->BQ, m->BV};
    size_t most = 3 * (size_t)m->dof + BLOCK_COUNT * (size_t)m->filled_count + 1;
    roots->node = memory_new(most * sizeof *roots->node);
    if (!roots->node) return false;
    if (routine == LAG_POINT_ENERGY) {
        roots->node[roots->count++] = m->energy;
        return true;
    }
    roots->count = (jacobian ? 3 : 2) * m->dof; /* A B BT lie side by side */
    memcpy(roots->node, m->A, roots->count * sizeof *roots->node);
    for (uint32_t i = 0; jacobian && i < m->filled_count; i++)
        for (int b = 0; b < BLOCK_COUNT; b++)
            if (!graph_equals(m->graph, block[b][m->filled[i]], 0)) roots->node[roots->count++] = block[b][m->filled[i]];
    return true;
}

/* ---- Setting out ---- */

static void writer_new(Writer *w, Mechanics *m, Tape *tape, uint32_t r) {
    *w = (Writer){.m = m, .tape = tape, .emit = {.tape = tape, .graph = m->graph}, .d = m->dof, .r = r, .s = r + 2};
    w->looped = w->d >= LOOPED_LEAST;
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
    for (int b = 0; b < BLOCK_COUNT; b++)
        for (uint32_t i = 0; i < m->filled_count; i++) store_filled(w, (LagArray)(LAG_AQ + b), w->block[b], m->filled[i]);
    for (uint32_t k = 0; k < d; k++) store_filled(w, LAG_BT, m->BT, k);
}

/* ---- The step: nodes ---- */

/* Lists the entries, and gives each value that varies from node to node its piece of LAG_WORK. */
static bool place_entries(Writer *w) {
    const Mechanics *m = w->m;
    size_t count = m->filled_count;
    NodeId *node = memory_new((count + 1) * sizeof *node);
    bool *changes = memory_new(count + 1);
    w->entry = memory_new((count + 1) * sizeof *w->entry);
    bool room = node && changes && w->entry;
    w->entry_count = room ? m->filled_count : 0;
    for (int b = 0; room && b < BLOCK_COUNT; b++) {
        for (size_t i = 0; i < count; i++) node[i] = w->block[b][m->filled[i]];
        graph_depend(m->graph, node, m->filled_count, m->state, 2 * w->d + 1, changes);
        for (size_t i = 0; i < count; i++) {
            Entry *x = &w->entry[i];
            x->at = m->filled[i];
            x->place[b] = graph_equals(m->graph, node[i], 0) ? PLACE_ZERO
                          : changes[i]                       ? tape_work(w->tape, w->s)
                                                             : PLACE_FIXED;
            if (b == BLOCK_BV && x->place[b] < PLACE_FIXED) x->row = tape_work(w->tape, w->s);
        }
    }
    memory_free(node);
    memory_free(changes);
    return room;
}

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
    for (uint32_t i = 0; i < w->entry_count; i++)
        for (int b = 0; b < BLOCK_COUNT; b++) {
            uint32_t place = w->entry[i].place[b];
            if (place < PLACE_FIXED)
                tape_store(w->tape, at(LAG_WORK, place, 1, 0, 0), emit_value(&w->emit, w->block[b][w->entry[i].at]));
        }
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

/* ---- The step: Jacobian ---- */

/* One column's table entries, and the last product of each with a value that is the same at all nodes: a chain's masses
 * are often equal. */
typedef struct Column {
    TapeValue table[BLOCK_COUNT], product[BLOCK_COUNT];
    NodeId factor[BLOCK_COUNT];
} Column;

static bool has(const Entry *x, Block b) { return x->place[b] != PLACE_ZERO; }
static bool varies(const Entry *x, Block b) { return x->place[b] < PLACE_FIXED; }

/* A reference that steps by the rows' counter, where they have one, and by that of the loop inside. */
static TapeRef inner(LagArray array, uint32_t base, Rows rows, uint32_t outer_stride, uint32_t stride) {
    return rows.node_step ? at(array, base, outer_stride, stride, 0) : at(array, base, stride, 0, 0);
}

static Column column_begin(Writer *w, Rows rows) {
    uint32_t s = w->s;
    Column c = {.factor = {NODE_NONE, NODE_NONE, NODE_NONE, NODE_NONE}};
    c.table[BLOCK_BV] = tape_load(w->tape, inner(LAG_STIFFNESS, rows.node * s + 1, rows, s, 1));
    c.table[BLOCK_AV] = tape_load(w->tape, inner(LAG_GATHER, s + rows.node, rows, 1, s));
    c.table[BLOCK_BQ] = tape_load(w->tape, inner(LAG_GATHER, rows.node * s + 1, rows, s, 1));
    return c;
}

/* The term of one block in column m. */
static TapeValue column_term(Writer *w, Rows rows, Column *c, const Entry *x, Block b) {
    if (!varies(x, b)) {
        NodeId factor = w->block[b][x->at];
        if (c->factor[b] == factor) return c->product[b];
        c->factor[b] = factor;
        return c->product[b] = binary(w, TAPE_MUL, c->table[b], b == BLOCK_BV ? x->scaled : emit_value(&w->emit, factor));
    }
    if (b == BLOCK_BV) { /* (1/h) sum_j row_j D_jm */
        TapeRef row = at(LAG_WORK, x->row, 0, 0, 0), derive = inner(LAG_DERIVE, 1, rows, 0, 1);
        row.stride[w->tape->depth] = 1;
        derive.stride[w->tape->depth] = w->s;
        return binary(w, TAPE_MUL, tape_dot(w->tape, row, derive, w->s), w->inverse_h);
    }
    TapeRef value = b == BLOCK_AV ? inner(LAG_WORK, x->place[b] + rows.node, rows, 1, 0) /* at node i */
                                  : inner(LAG_WORK, x->place[b] + 1, rows, 0, 1);        /* at node m */
    return binary(w, TAPE_MUL, c->table[b], tape_load(w->tape, value));
}

/* row_j = G_ij B_v(j) for all entries whose B_v varies. */
static void write_rows(Writer *w, Rows rows) {
    tape_loop(w->tape, w->s);
    TapeValue gather = tape_load(w->tape, inner(LAG_GATHER, rows.node * w->s, rows, w->s, 1));
    for (const Entry *x = w->entry; x < w->entry + w->entry_count; x++) {
        if (!varies(x, BLOCK_BV)) continue;
        TapeValue mass = tape_load(w->tape, inner(LAG_WORK, x->place[BLOCK_BV], rows, 0, 1));
        tape_store(w->tape, inner(LAG_WORK, x->row, rows, 0, 1), binary(w, TAPE_MUL, gather, mass));
    }
    tape_end(w->tape);
}

/* For each column m = 1 .. r + 1 the sums of the terms that are there. */
static void write_columns(Writer *w, Rows rows) {
    static const Block order[] = {BLOCK_BV, BLOCK_AV, BLOCK_BQ};
    uint32_t d = w->d, n = (w->s - 1) * d;
    tape_loop(w->tape, w->s - 1);
    Column column = column_begin(w, rows);
    for (const Entry *x = w->entry; x < w->entry + w->entry_count; x++) {
        bool any = false;
        TapeValue sum = 0;
        for (int i = 0; i < 3; i++) {
            if (!has(x, order[i])) continue;
            TapeValue term = column_term(w, rows, &column, x, order[i]);
            sum = any ? binary(w, TAPE_ADD, sum, term) : term;
            any = true;
        }
        uint32_t base = (rows.row * d + x->at / d) * n + x->at % d;
        if (any) tape_store(w->tape, inner(LAG_JACOBIAN, base, rows, rows.row_step * d * n, d), sum);
    }
    tape_end(w->tape);
}

/* The terms of the diagonal, h b_i A_q(i) at column m = i: row a is node a + 1, whose column is a. */
static void write_diagonal(Writer *w) {
    uint32_t d = w->d, n = (w->s - 1) * d;
    TapeValue hb = binary(w, TAPE_MUL, tape_load(w->tape, at(LAG_WEIGHT, 1, 1, 0, 0)), w->h);
    TapeValue zero = tape_constant(w->tape, 0);
    for (const Entry *x = w->entry; x < w->entry + w->entry_count; x++) {
        if (!has(x, BLOCK_AQ)) continue;
        bool alone = !has(x, BLOCK_BV) && !has(x, BLOCK_AV) && !has(x, BLOCK_BQ);
        TapeRef jacobian = at(LAG_JACOBIAN, x->at / d * n + x->at % d, d * n + d, 0, 0);
        TapeValue force = varies(x, BLOCK_AQ) ? tape_load(w->tape, at(LAG_WORK, x->place[BLOCK_AQ] + 1, 1, 0, 0))
                                              : emit_value(&w->emit, w->block[BLOCK_AQ][x->at]);
        TapeValue before = alone ? zero : tape_load(w->tape, jacobian), term = binary(w, TAPE_MUL, hb, force);
        tape_store(w->tape, jacobian, binary(w, TAPE_ADD, before, term)); /* 0 + term is +0 where the term is -0 */
    }
}

static void write_jacobian_rows(Writer *w, Rows rows) {
    bool rows_vary = false, columns = false;
    for (const Entry *x = w->entry; x < w->entry + w->entry_count; x++) {
        rows_vary |= varies(x, BLOCK_BV);
        columns |= has(x, BLOCK_BV) || has(x, BLOCK_AV) || has(x, BLOCK_BQ);
    }
    if (rows_vary) write_rows(w, rows);
    if (columns) write_columns(w, rows);
}

static void write_jacobian(Writer *w) {
    const Rows interior = {1, 0, 1, 1}, first = {0, w->r, 0, 0};
    for (Entry *x = w->entry; x < w->entry + w->entry_count; x++) {
        if (has(x, BLOCK_BV) && !varies(x, BLOCK_BV))
            x->scaled = binary(w, TAPE_MUL, emit_value(&w->emit, w->block[BLOCK_BV][x->at]), w->inverse_h);
    }
    if (w->r) {
        tape_loop(w->tape, w->r);
        write_jacobian_rows(w, interior);
        write_diagonal(w);
        tape_end(w->tape);
    }
    write_jacobian_rows(w, first);
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
