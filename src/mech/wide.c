/* wide.c: whole steps by fixed-point iteration, as in steps.c, where coordinates are so many that they stand in lanes and
 * the nodes one after another. Needs A, free of velocities, M diagonal and r >= 1; leaves the tape of LAG_STEPS.
 *
 * Forces are taken apart (apart.h). Parts that are alike but for their coordinates are a loop over these, in lanes, and so
 * are forces that are alike sums of such parts: a chain's program does not grow with its length. What is like nothing else
 * is written out, node by node: where that is most, steps.c does better.
 *
 * Node 0 is the step's start, and node r + 1 adds nothing to the other nodes' places nor to the new ones: its force is taken
 * once, there where the step has ended, and is that of node 0 in the next. Else formulas and their reasons are those of
 * steps.c. */
#include "mech/apart.h"
#include "mech/judge.h"

#include <float.h>
#include <math.h>

enum {
    WRITTEN_MOST = 12, /* nodes whose sums are written out, from values at hand */
};

/* See steps.c. */
static const double wide_tiny = 1e-10, wide_small = 1.0 / 64;

enum { NO_ROW = UINT32_MAX };

/* ---- Setting out ---- */

/* Pieces of LAG_WORK. Rows are of all coordinates, and what lanes may touch beyond. */
typedef struct Room {
    uint32_t q, u, before_q, before_u;
    uint32_t f;                      /* s rows: impulses */
    uint32_t share;                  /* (s + 1) / 2 rows of LAG_SHARE: nodes that mirror one another have the same */
    uint32_t x, a;                   /* r rows each: places and forces at the interior nodes */
    uint32_t part;                   /* of forces, at one node */
    uint32_t *factor;                /* by term, that begins a run's: a row of factors, or NO_ROW */
    uint32_t change;                 /* of impulses, in units of round-off */
    uint32_t size, measure, largest; /* what coordinates are measured by, one over its round-off, and the largest of all */
} Room;

typedef struct Wide {
    Writer *w;
    Forces forces;
    uint32_t l, row; /* of the kernel's arrays; of Room */
    bool nodes;      /* in the loop over the interior nodes */
    bool lanes;
    Room room;
    Judge judge;
} Wide;

static void make_room(Wide *s) {
    Tape *tape = s->w->tape;
    uint32_t n = s->w->s, r = s->w->r, row = s->row;
    Room *room = &s->room;
    room->f = tape_work(tape, n * row);
    room->share = tape_work(tape, (n + 1) / 2 * row);
    room->x = tape_work(tape, r * row);
    room->a = tape_work(tape, r * row);
    room->part = tape_work(tape, s->forces.places + TAPE_LANES_MOST);
    uint32_t *const rows[] = {&room->q, &room->u, &room->before_q, &room->before_u, &room->change, &room->measure};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) *rows[i] = tape_work(tape, row);
    room->size = tape_work(tape, TAPE_LANES_MOST + row) + TAPE_LANES_MOST;
    room->largest = tape_work(tape, 1);
    judge_room(&s->judge, tape);
}

/* ---- References ---- */

static TapeValue number(const Wide *s, double value) { return tape_constant(s->w->tape, value); }
static TapeValue work(const Wide *s, uint32_t base) { return load(s->w, LAG_WORK, base); }

static void keep(const Wide *s, LagArray array, uint32_t base, TapeValue value) {
    tape_store(s->w->tape, at(array, base, 0, 0, 0), value);
}

/* The element of a row at hand: in lanes, that of the coordinate whose lane it is. */
static TapeRef in_row(const Wide *s, uint32_t base) {
    TapeRef ref = at(LAG_WORK, base, 0, 0, 0);
    if (s->lanes) ref.stride[s->w->tape->depth - 1] = 1;
    return ref;
}

static TapeValue from(const Wide *s, uint32_t base) { return tape_load(s->w->tape, in_row(s, base)); }
static void to(const Wide *s, uint32_t base, TapeValue value) { tape_store(s->w->tape, in_row(s, base), value); }

/* The same, of rows that follow one another node by node. */
static TapeRef in_node(const Wide *s, uint32_t base) {
    TapeRef ref = in_row(s, base);
    if (s->nodes) ref.stride[0] = s->row;
    return ref;
}

static void lanes_begin(Wide *s, uint32_t count) {
    tape_lanes(s->w->tape, count);
    s->lanes = true;
}

static void lanes_end(Wide *s) {
    tape_end(s->w->tape);
    s->lanes = false;
}

static TapeValue most_of(const Wide *s, uint32_t base) {
    return tape_most(s->w->tape, terms(s->w, at(LAG_WORK, base, 0, 0, 0), 1), s->w->d);
}

/* ---- Forces ---- */

/* Binds the coordinates of some parts to where they stand in the row x; in lanes, of those from theirs on. */
static void bind_places(const Wide *s, const NodeId *part, uint32_t count, uint32_t x) {
    Writer *w = s->w;
    const Mechanics *m = w->m;
    Graph *g = m->graph;
    if (!graph_reach(g, part, count)) return;
    for (uint32_t i = 0; i < g->list_count && g->list[i] < m->variables.nodes; i++) {
        uint32_t number = m->variables.number[g->list[i]];
        if (number && number <= 2 * w->d)
            emit_bind(&w->emit, g->list[i], tape_load(w->tape, in_node(s, x + (number - 1) / 2)));
    }
}

/* The parts: runs in lanes, then all that stand alone. */
static void write_parts(Wide *s, uint32_t x) {
    Writer *w = s->w;
    const Forces *f = &s->forces;
    NodeId *root = memory_new((f->runs + (size_t)1) * sizeof *root);
    uint32_t alone = 0;
    if (!root) w->tape->failed = true;
    for (uint32_t i = 0; root && i < f->runs; i++) {
        const Run *run = &f->run[i];
        if (run->count < APART_RUN_LEAST) {
            root[alone++] = f->part[run->part];
            continue;
        }
        TapeValue begin = w->tape->count;
        lanes_begin(s, run->count);
        bind_places(s, &f->part[run->part], 1, x);
        emit_roots(&w->emit, &f->part[run->part], 1, NULL, 0);
        to(s, s->room.part + run->place, emit_value(&w->emit, f->part[run->part]));
        lanes_end(s);
        emit_forget(&w->emit, begin);
    }
    if (root) bind_places(s, root, alone, x);
    if (root) emit_roots(&w->emit, root, alone, NULL, 0);
    for (uint32_t i = 0; root && i < f->runs; i++)
        if (f->run[i].count < APART_RUN_LEAST)
            to(s, s->room.part + f->run[i].place, emit_value(&w->emit, f->part[f->run[i].part]));
    memory_free(root);
}

/* The value of term i of coordinate k's, without its sign; in lanes, of those from k on. */
static TapeValue term_of(const Wide *s, uint32_t k, uint32_t i) {
    const Forces *f = &s->forces;
    uint32_t t = f->first[k] + i, place = s->room.part + f->place[f->term[t].part];
    TapeValue value = s->lanes && forces_stride(f, k, i) ? from(s, place) : work(s, place);
    if (s->lanes && s->room.factor[t] != NO_ROW) return binary(s->w, TAPE_MUL, from(s, s->room.factor[t]), value);
    if (f->term[t].factor == NODE_ONE) return value;
    return binary(s->w, TAPE_MUL, emit_value(&s->w->emit, f->term[t].factor), value);
}

/* A_k from its parts; the first that is positive leads. */
static TapeValue force_of(const Wide *s, uint32_t k) {
    Writer *w = s->w;
    const Term *term = s->forces.term + s->forces.first[k];
    uint32_t count = s->forces.first[k + 1] - s->forces.first[k], lead = 0;
    if (count == 0) return number(s, 0);
    while (lead < count && term[lead].negative) lead++;
    TapeValue sum = term_of(s, k, lead % count);
    if (lead == count) sum = tape_unary(w->tape, TAPE_NEG, sum);
    for (uint32_t i = 0; i < count; i++)
        if (i != lead % count) sum = binary(w, term[i].negative ? TAPE_SUB : TAPE_ADD, sum, term_of(s, k, i));
    return sum;
}

/* How many coordinates from k on are pushed alike; 1 where they are few. */
static uint32_t alike_from(const Wide *s, uint32_t k) {
    uint32_t count = 1;
    while (k + count < s->w->d && forces_like_next(&s->forces, k + count - 1, k)) count++;
    return count < APART_RUN_LEAST ? 1 : count;
}

static void emit_factors(const Wide *s) {
    const Forces *f = &s->forces;
    NodeId *root = memory_new((f->terms + (size_t)1) * sizeof *root);
    for (uint32_t i = 0; root && i < f->terms; i++) root[i] = f->term[i].factor;
    if (root)
        emit_roots(&s->w->emit, root, f->terms, NULL, 0);
    else
        s->w->tape->failed = true;
    memory_free(root);
}

static NodeId factor_of(const Wide *s, uint32_t k, uint32_t i) { return s->forces.term[s->forces.first[k] + i].factor; }

/* Factors that are not the same all along a run get a row, with the program's first operations. */
static void write_factors(Wide *s) {
    Writer *w = s->w;
    emit_factors(s);
    for (uint32_t k = 0, count; k < w->d; k += count) {
        count = alike_from(s, k);
        for (uint32_t i = 0; i < s->forces.first[k + 1] - s->forces.first[k]; i++) {
            uint32_t *row = &s->room.factor[s->forces.first[k] + i];
            bool same = true;
            for (uint32_t l = 1; l < count; l++) same = same && factor_of(s, k + l, i) == factor_of(s, k, i);
            *row = same ? NO_ROW : tape_work(w->tape, tape_lane_room(count));
            for (uint32_t l = 0; !same && l < count; l++)
                keep(s, LAG_WORK, *row + l, emit_value(&w->emit, factor_of(s, k + l, i)));
        }
    }
}

/* Lanes write a little beyond a run: what stands there is written after it. */
static void write_sums(Wide *s, uint32_t a) {
    Writer *w = s->w;
    for (uint32_t k = 0, count; k < w->d; k += count) {
        count = alike_from(s, k);
        if (count > 1) lanes_begin(s, count);
        TapeValue force = force_of(s, k);
        tape_store(w->tape, in_node(s, a + k), force);
        if (count > 1) lanes_end(s);
    }
}

/* Forces into the row a of places in the row x at a time; in a loop over the nodes, into those that follow. */
static void write_forces(Wide *s, uint32_t x, uint32_t a, TapeValue t) {
    Writer *w = s->w;
    TapeValue begin = w->tape->count;
    emit_bind(&w->emit, w->m->time, t);
    emit_roots(&w->emit, s->forces.part, s->forces.parts, w->m->state, 2 * w->d);
    write_parts(s, x);
    write_sums(s, a);
    emit_forget(&w->emit, begin);
}

/* ---- Sums over impulses ---- */

/* sum_j x_j y_j in the order of TAPE_FUSED_DOT, x in scalars, y in lanes. */
static TapeValue sum_up(const Wide *s, const TapeValue *x, const TapeValue *y, uint32_t count) {
    Writer *w = s->w;
    TapeValue part[2] = {0, 0};
    for (uint32_t j = 0; j < count; j++) {
        TapeValue *p = &part[j % 2];
        *p = j < 2 ? binary(w, TAPE_MUL, x[j], y[j]) : tape_ternary(w->tape, TAPE_FMA, x[j], y[j], *p);
    }
    return count > 1 ? binary(w, TAPE_ADD, part[0], part[1]) : part[0];
}

/* What is summed up: the weights of nodes 0 .. count - 1 in a table, loaded before the lanes where they are few. */
typedef struct Weights {
    LagArray table;
    uint32_t base, stride, count;
    TapeValue value[WRITTEN_MOST];
} Weights;

static Weights weights(const Wide *s, LagArray table, uint32_t base, uint32_t stride, uint32_t count) {
    Weights x = {.table = table, .base = base, .stride = stride, .count = count};
    for (uint32_t j = 0; j < count && count <= WRITTEN_MOST; j++) x.value[j] = load(s->w, table, base + j * stride);
    return x;
}

/* The sum of the impulses in the rows of the room, or, where they are few, of f. */
static TapeValue weighed(const Wide *s, const Weights *x, const TapeValue *f) {
    Writer *w = s->w;
    if (x->count <= WRITTEN_MOST) return sum_up(s, x->value, f, x->count);
    TapeRef weight = terms(w, at(x->table, x->base, 0, 0, 0), x->stride), impulse = terms(w, in_row(s, s->room.f), s->row);
    return tape_fused_dot(w->tape, weight, impulse, x->count);
}

/* Impulses of nodes 0 .. count - 1 from their rows, where they are few. */
static void impulses(const Wide *s, TapeValue *f, uint32_t count) {
    for (uint32_t j = 0; j < count && count <= WRITTEN_MOST; j++) f[j] = from(s, s->room.f + j * s->row);
}

/* ---- A sweep ---- */

/* What a coordinate is measured by, as in steps.c; infinite where it, or its motion, is not finite. */
static TapeValue size_of(const Wide *s, TapeValue q, TapeValue u) {
    Writer *w = s->w;
    TapeValue zero = number(s, 0), place = tape_unary(w->tape, TAPE_ABS, q), motion = tape_unary(w->tape, TAPE_ABS, u);
    TapeValue none = binary(w, TAPE_ADD, binary(w, TAPE_SUB, q, q), binary(w, TAPE_SUB, u, u)); /* or NaN */
    TapeValue size = binary(w, TAPE_LARGER, motion, binary(w, TAPE_MUL, place, number(s, wide_small)));
    return tape_ternary(w->tape, TAPE_PICK, binary(w, TAPE_LE, none, zero), size, number(s, INFINITY));
}

/* Behind the sizes: the largest; and nothing stands before the first or behind the last. */
static void write_largest(const Wide *s) {
    keep(s, LAG_WORK, s->room.size - 1, number(s, 0));
    keep(s, LAG_WORK, s->room.size + s->w->d, number(s, 0));
    keep(s, LAG_WORK, s->room.largest, most_of(s, s->room.size));
}

static void write_sizes(Wide *s) {
    lanes_begin(s, s->w->d);
    to(s, s->room.size, size_of(s, from(s, s->room.q), from(s, s->room.u)));
    lanes_end(s);
    write_largest(s);
}

/* How large a change of an impulse is round-off: one over it. Of very many coordinates one or another always stands still
 * for a moment, and is made of its neighbours' round-off: it is measured by the largest of the three. */
static void write_measure(Wide *s) {
    Writer *w = s->w;
    TapeValue tiny = binary(w, TAPE_MUL, work(s, s->room.largest), number(s, wide_tiny));
    TapeValue least = binary(w, TAPE_LARGER, tiny, number(s, DBL_MIN / DBL_EPSILON)), one = number(s, 1 / DBL_EPSILON);
    lanes_begin(s, w->d);
    TapeValue beside = binary(w, TAPE_LARGER, from(s, s->room.size - 1), from(s, s->room.size + 1));
    TapeValue size = binary(w, TAPE_LARGER, binary(w, TAPE_LARGER, from(s, s->room.size), beside), least);
    to(s, s->room.measure, binary(w, TAPE_DIV, one, size));
    lanes_end(s);
}

/* The places of the interior nodes from impulses f, of `count` nodes: q + (c_i u + sum_j H_ij f_j). */
static void write_places(Wide *s, const Weights *reach, const TapeValue *c, const TapeValue *f) {
    Writer *w = s->w;
    TapeValue q = from(s, s->room.q), u = from(s, s->room.u);
    for (uint32_t i = 0; i < w->r; i++) {
        TapeValue z = tape_ternary(w->tape, TAPE_FMA, c[i], u, weighed(s, &reach[i], f));
        to(s, s->room.x + i * s->row, binary(w, TAPE_ADD, q, z));
    }
}

/* What every sweep needs: the tables of the interior nodes. */
typedef struct Tables {
    Weights *ahead, *reach; /* [r] */
    TapeValue *c;           /* [r] */
} Tables;

/* The first places, from the impulses of the step before; its last force is the first of this one. */
static void write_guess(Wide *s, const Tables *tables) {
    TapeValue f[WRITTEN_MOST];
    lanes_begin(s, s->w->d);
    impulses(s, f, s->w->s);
    write_places(s, tables->ahead, tables->c, f);
    to(s, s->room.f, from(s, s->room.f + (s->w->s - 1) * s->row));
    lanes_end(s);
}

/* New impulses from the forces, by how much they change, and new places. */
static void write_update(Wide *s, const Tables *tables) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    TapeValue f[LAG_R_MAX + 2], most = 0;
    lanes_begin(s, w->d);
    f[0] = from(s, s->room.f);
    for (uint32_t i = 1; i <= w->r; i++) {
        uint32_t mirror = i < w->s - 1 - i ? i : w->s - 1 - i;
        TapeValue share = from(s, s->room.share + mirror * s->row), force = from(s, s->room.a + (i - 1) * s->row);
        f[i] = binary(w, TAPE_MUL, share, force);
        TapeValue change = tape_unary(tape, TAPE_ABS, binary(w, TAPE_SUB, f[i], from(s, s->room.f + i * s->row)));
        most = i > 1 ? binary(w, TAPE_LARGER, change, most) : change;
        to(s, s->room.f + i * s->row, f[i]);
    }
    to(s, s->room.change, binary(w, TAPE_MUL, most, from(s, s->room.measure)));
    write_places(s, tables->reach, tables->c, f);
    lanes_end(s);
}

/* ---- A step ---- */

/* q' = q + (u + sum_j (1 - c_j) f_j), in which the last node has no part. The state before is kept. */
static void write_next_place(Wide *s) {
    Writer *w = s->w;
    TapeValue f[WRITTEN_MOST];
    Weights end = weights(s, LAG_STAGE_END, LAG_END_Q, LAG_END_COUNT, w->s - 1);
    lanes_begin(s, w->d);
    TapeValue q = from(s, s->room.q), u = from(s, s->room.u);
    impulses(s, f, w->s - 1);
    TapeValue gone = binary(w, TAPE_ADD, u, weighed(s, &end, f));
    to(s, s->room.before_q, q);
    to(s, s->room.before_u, u);
    to(s, s->room.q, binary(w, TAPE_ADD, q, gone));
    lanes_end(s);
}

/* u' = u + sum_j f_j, with the force at q', which stands in the first row of forces. Gives back whether all is finite. */
static TapeValue write_next_motion(Wide *s) {
    Writer *w = s->w;
    TapeValue f[WRITTEN_MOST];
    Weights all = weights(s, LAG_STAGE_END, LAG_END_U, LAG_END_COUNT, w->s);
    uint32_t last = s->room.f + (w->s - 1) * s->row;
    lanes_begin(s, w->d);
    to(s, last, binary(w, TAPE_MUL, from(s, s->room.share), from(s, s->room.a)));
    impulses(s, f, w->s);
    TapeValue q = from(s, s->room.q), u = binary(w, TAPE_ADD, from(s, s->room.u), weighed(s, &all, f));
    to(s, s->room.u, u);
    to(s, s->room.size, size_of(s, q, u));
    lanes_end(s);
    write_largest(s);
    return binary(w, TAPE_LE, work(s, s->room.largest), number(s, DBL_MAX));
}

/* ---- Rows and the kernel's arrays ---- */

/* What the coordinate of a plain loop has in an array. */
static TapeRef element(LagArray array, uint32_t base, uint32_t stride) { return at(array, base, stride, 0, 0); }

/* State, impulses and shares into rows. */
static void write_in(const Wide *s) {
    Tape *tape = s->w->tape;
    const Room *room = &s->room;
    uint32_t n = s->w->s;
    tape_loop(tape, s->w->d);
    tape_store(tape, element(LAG_WORK, room->q, 1), tape_load(tape, element(LAG_Q, 0, 1)));
    tape_store(tape, element(LAG_WORK, room->u, 1), tape_load(tape, element(LAG_U, 0, 1)));
    for (uint32_t i = 0; i < n; i++) {
        tape_store(tape, element(LAG_WORK, room->f + i * s->row, 1), tape_load(tape, element(LAG_F, i, s->l)));
        if (i < (n + 1) / 2)
            tape_store(tape, element(LAG_WORK, room->share + i * s->row, 1), tape_load(tape, element(LAG_SHARE, i, s->l)));
    }
    tape_end(tape);
}

/* And back: the state before the last step, where that failed. */
static void write_out(const Wide *s) {
    Tape *tape = s->w->tape;
    const Room *room = &s->room;
    TapeValue good = work(s, s->judge.good);
    tape_loop(tape, s->w->d);
    const uint32_t now[] = {room->q, room->u}, before[] = {room->before_q, room->before_u};
    const LagArray state[] = {LAG_Q, LAG_U};
    for (int i = 0; i < 2; i++) {
        TapeValue new = tape_load(tape, element(LAG_WORK, now[i], 1)),
                  old = tape_load(tape, element(LAG_WORK, before[i], 1));
        tape_store(tape, element(state[i], 0, 1), tape_ternary(tape, TAPE_PICK, good, new, old));
    }
    for (uint32_t i = 0; i < s->w->s; i++)
        tape_store(tape, element(LAG_F, i, s->l), tape_load(tape, element(LAG_WORK, room->f + i * s->row, 1)));
    tape_end(tape);
}

/* ---- All ---- */

static void write_sweep(Wide *s, const Tables *tables, TapeValue t) {
    Writer *w = s->w;
    tape_loop(w->tape, w->r);
    s->nodes = true;
    TapeValue begin = w->tape->count, c = tape_load(w->tape, at(LAG_STAGE_NODE, 1, 1, 0, 0));
    write_forces(s, s->room.x, s->room.a, tape_ternary(w->tape, TAPE_FMA, c, w->h, t));
    emit_forget(&w->emit, begin);
    tape_end(w->tape);
    s->nodes = false;
    write_update(s, tables);
}

static void write_steps(Wide *s, const Tables *tables) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    write_sizes(s);
    tape_repeat(tape);
    TapeValue t = judge_time(w, 0);
    write_measure(s);
    write_guess(s, tables);
    judge_begin(&s->judge, w, 1); /* the first forces, taken at the guess */
    tape_repeat(tape);
    write_sweep(s, tables, t);
    tape_until(tape, judge_sweep(&s->judge, w, most_of(s, s->room.change), 1));
    judge_remember(&s->judge, w);
    write_next_place(s);
    write_forces(s, s->room.q, s->room.a, judge_time(w, 1));
    tape_until(tape, judge_count(&s->judge, w, write_next_motion(s)));
}

static void write_all(Wide *s) {
    Writer *w = s->w;
    Tables tables = {.ahead = memory_new(2 * w->r * sizeof *tables.ahead), .c = memory_new(w->r * sizeof *tables.c)};
    s->room.factor = memory_new((s->forces.terms + (size_t)1) * sizeof *s->room.factor);
    if (tables.ahead && tables.c && s->room.factor) {
        tables.reach = tables.ahead + w->r;
        emit_roots(&w->emit, s->forces.part, s->forces.parts, w->m->state, 2 * w->d + 1); /* of parameters alone */
        write_factors(s);
        for (uint32_t i = 0; i < w->r; i++) {
            tables.ahead[i] = weights(s, LAG_REACH_AHEAD, i + 1, s->l, w->s);
            tables.reach[i] = weights(s, LAG_REACH, i + 1, s->l, w->s - 1);
            tables.c[i] = load(w, LAG_STAGE_NODE, i + 1);
        }
        write_in(s);
        write_steps(s, &tables);
        write_out(s);
    } else {
        w->tape->failed = true;
    }
    memory_free(tables.ahead);
    memory_free(tables.c);
    memory_free(s->room.factor);
}

bool wide_write(Writer *w) {
    Wide s = {.w = w, .l = lag_lanes(w->s), .row = tape_lane_room(w->d) + TAPE_LANES_MOST};
    bool room = forces_new(&s.forces, w->m), writes = !room || forces_mostly_alike(&s.forces);
    if (!room) {
        w->tape->failed = true;
    } else if (writes) {
        make_room(&s);
        w->t = load(w, LAG_TIME, 0);
        w->h = load(w, LAG_TIME, 1);
        write_all(&s);
    }
    forces_free(&s.forces);
    return writes;
}
