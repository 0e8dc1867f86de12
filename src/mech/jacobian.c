/* jacobian.c: the Jacobian of the step, from the blocks A_q .. B_v at the nodes and the tables (method.md, "One step"):
 *
 *     dF_i/dz_m = d_im h b_i A_q(i) + G_mi A_v(i) + G_im B_q(m) + (1/h) sum_j G_ij D_jm B_v(j)
 *
 * since G_mi = b_i D_im. Where B_v is the same at all nodes the last sum is (1/h) S_im B_v. Entries (k, l) of the blocks
 * that are zero cost nothing, neither operations nor memory, so that a chain's tapes grow with its length and not with the
 * square; those that depend on parameters alone are computed once, before the loops. All entries of the Jacobian are written
 * in one loop over its columns, not each in a loop of its own. */
#include "mech/writer.h"

bool jacobian_place(Writer *w) {
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

void jacobian_store_node(Writer *w) {
    for (uint32_t i = 0; i < w->entry_count; i++)
        for (int b = 0; b < BLOCK_COUNT; b++) {
            uint32_t place = w->entry[i].place[b];
            if (place < PLACE_FIXED)
                tape_store(w->tape, at(LAG_WORK, place, 1, 0, 0), emit_value(&w->emit, w->block[b][w->entry[i].at]));
        }
}

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

void jacobian_write(Writer *w) {
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
