/* momenta.c: a sweep where B is any function of q, v and t (lag_kernel.h has the formulas). Needs A, B and B_v.
 *
 * A sweep goes over the nodes three times. First, positions come from displacements, and with them all that does not depend
 * on velocities, functions of angles above all: it is kept for the other two. Momenta come from impulses; velocities from
 * momenta, by M = B_v, where B is linear in v, else by a step of Newton's method from the velocities before; and impulses
 * from these. The second has velocities and impulses from those impulses, at the same positions: forces that depend on
 * velocity would else take twice as many sweeps. The third has the velocities that the displacements are made of.
 *
 * beta changes by what velocities have of the Legendre polynomial, times M at a node in the middle: it need not be exact,
 * since what is sought is that nothing is left. */
#include "mech/steps.h"

#include <string.h>

struct Momenta {
    bool linear;      /* B = M v + rest, neither with v in it */
    NodeId *velocity; /* [d] */
    NodeId *rest;     /* [d] B where v = 0, if linear; else B */
    NodeId *kept;     /* what does not depend on velocities, and is used by what does */
    uint32_t kept_count;
    NodeId *mass; /* entries of M other than 0 */
    uint32_t mass_count;
    bool *filled;     /* [d, d] of M's factors */
    TapeValue *entry; /* [d, d] of M, and then of its factors; TAPE_NO_VALUE where they are 0 */
    TapeValue *x;     /* [d] */
};

/* ---- What is kept between the three ---- */

/* y where node is -y: sums may subtract y instead (emit.c). */
static NodeId negated(const Graph *g, NodeId node) {
    const GraphNode *n = &g->node[node];
    return n->code == GRAPH_MUL && graph_equals(g, n->a, -1) ? n->b : node;
}

/* Among the nodes in graph->list: those that depend on the state but not on velocities, and that are roots, or are used by
 * nodes that depend on velocities. */
static bool find_kept(const Steps *s, Momenta *m, const NodeId *root, uint32_t roots) {
    Graph *g = s->w->m->graph;
    const Mechanics *mech = s->w->m;
    enum { STATE = 1, VELOCITY = 2, WANTED = 4 };
    uint8_t *mark = memory_new(g->count + 1);
    m->kept = memory_new((g->list_count + (size_t)1) * sizeof *m->kept);
    if (!mark || !m->kept) {
        memory_free(mark);
        return false;
    }
    for (uint32_t k = 0; k < s->w->d; k++) {
        mark[mech->coordinate[k].q] |= STATE;
        mark[mech->coordinate[k].v] |= STATE | VELOCITY;
    }
    mark[mech->time] |= STATE;
    for (uint32_t i = 0; i < g->list_count; i++) {
        GraphNode node = g->node[g->list[i]];
        const NodeId operand[] = {node.a, node.b};
        uint32_t operands = graph_operands((GraphCode)node.code);
        uint8_t *own = &mark[g->list[i]];
        for (uint32_t o = 0; o < operands; o++) *own |= mark[operand[o]] & (STATE | VELOCITY);
        for (uint32_t o = 0; o < operands && (*own & VELOCITY); o++) {
            mark[operand[o]] |= WANTED;
            mark[negated(g, operand[o])] |= WANTED;
        }
    }
    for (uint32_t i = 0; i < roots; i++) mark[root[i]] |= WANTED;
    for (uint32_t i = 0; i < g->list_count; i++)
        if (mark[g->list[i]] == (STATE | WANTED)) m->kept[m->kept_count++] = g->list[i];
    memory_free(mark);
    return true;
}

static void make_room(Steps *s, const Momenta *m) {
    Tape *tape = s->w->tape;
    uint32_t d = s->w->d, line = s->l;
    Room *room = &s->room;
    room->between = m->linear ? 0 : tape_work(tape, d * line);
    room->pushed = tape_work(tape, d * line);
    room->factors = tape_work(tape, d * d * line);
    room->mass = tape_work(tape, d * d * line);
    room->kept = tape_work(tape, m->kept_count * line);
    room->beta = tape_work(tape, d);
    room->middle = s->w->s / 2;
}

static TapeRef row(const Steps *s, LagArray array, uint32_t base, uint32_t k) { return at(array, base + k * s->l, 1, 0, 0); }

/* Displacements stand behind impulses. */
static uint32_t displacement(const Steps *s, uint32_t k) { return s->w->d + k; }

/* Velocities at the nodes, from the displacements of the step before: whatever is not in LAG_F is forgotten, so that steps
 * are the same in whatever pieces they are taken. */
static void write_velocities(const Steps *s) {
    Tape *tape = s->w->tape;
    tape_lanes(tape, s->w->s);
    TapeValue share = tape_load(tape, row(s, LAG_SHARE, 0, 0));
    for (uint32_t k = 0; k < s->w->d; k++) {
        TapeValue g = tape_load(tape, row(s, LAG_F, 0, displacement(s, k)));
        tape_store(tape, row(s, LAG_WORK, s->room.v, k), binary(s->w, TAPE_DIV, g, share));
    }
    tape_end(tape);
}

/* Whether B is linear in v, and what it is beside M v. */
static void split_momentum(const Mechanics *mech, Momenta *m) {
    uint32_t d = mech->dof;
    m->linear = true;
    m->rest = m->velocity + d;
    for (uint32_t k = 0; k < d; k++) m->velocity[k] = mech->coordinate[k].v;
    for (uint32_t i = 0; i < m->mass_count; i++)
        m->linear = m->linear && !graph_depends(mech->graph, m->mass[i], m->velocity, d);
    memcpy(m->rest, mech->B, d * sizeof *m->rest);
    for (uint32_t k = 0; k < d && m->linear; k++) {
        NodeId zero = graph_integer(mech->graph, 0);
        graph_substitute(mech->graph, m->rest, d, &m->velocity[k], &zero, 1, m->rest);
    }
}

Momenta *momenta_new(Steps *s) {
    const Mechanics *mech = s->w->m;
    size_t d = mech->dof, entries = d * d;
    Momenta *m = memory_new(sizeof *m);
    NodeId *root = memory_new((2 * d + entries) * sizeof *root);
    if (m) {
        m->velocity = memory_new(2 * d * sizeof *m->velocity);
        m->mass = memory_new(entries * sizeof *m->mass);
        m->filled = memory_new(entries * sizeof *m->filled);
        m->entry = memory_new((entries + d) * sizeof *m->entry);
    }
    bool good = m && root && m->velocity && m->mass && m->filled && m->entry;
    for (uint32_t i = 0; i < mech->filled_count && good; i++)
        if (!graph_equals(mech->graph, mech->BV[mech->filled[i]], 0)) m->mass[m->mass_count++] = mech->BV[mech->filled[i]];
    if (good) split_momentum(mech, m);
    for (uint32_t k = 0; k < d && good; k++) root[k] = mech->A[k], root[d + k] = m->rest[k];
    uint32_t roots = 2 * (uint32_t)d;
    for (uint32_t i = 0; i < (good ? m->mass_count : 0); i++) root[roots + i] = m->mass[i];
    good = good && graph_reach(mech->graph, root, roots + m->mass_count) && find_kept(s, m, root, roots);
    if (good) {
        m->x = m->entry + entries;
        make_room(s, m);
        emit_roots(&s->w->emit, root, roots + m->mass_count, mech->state, 2 * (uint32_t)d + 1);
    }
    memory_free(root);
    if (good) return m;
    momenta_free(m);
    return NULL;
}

void momenta_free(Momenta *m) {
    if (!m) return;
    memory_free(m->velocity);
    memory_free(m->kept);
    memory_free(m->mass);
    memory_free(m->filled);
    memory_free(m->entry);
    memory_free(m);
}

/* ---- Velocities from momenta ---- */

/* M = L U, in place; U's diagonal is inverted. */
static void write_factors(const Steps *s, Momenta *m) {
    Writer *w = s->w;
    uint32_t d = w->d;
    for (uint32_t k = 0; k < d; k++) {
        TapeValue *top = m->entry + k * d;
        top[k] = binary(w, TAPE_DIV, number(s, 1), top[k]);
        for (uint32_t i = k + 1; i < d; i++) {
            TapeValue *below = m->entry + i * d;
            if (below[k] == TAPE_NO_VALUE) continue;
            below[k] = binary(w, TAPE_MUL, below[k], top[k]);
            for (uint32_t j = k + 1; j < d; j++) {
                if (top[j] == TAPE_NO_VALUE) continue;
                TapeValue product = binary(w, TAPE_MUL, below[k], top[j]);
                below[j] = below[j] == TAPE_NO_VALUE ? tape_unary(w->tape, TAPE_NEG, product)
                                                     : binary(w, TAPE_SUB, below[j], product);
            }
        }
    }
}

/* x = M^-1 x, by the factors in entry. */
static void write_solution(const Steps *s, Momenta *m) {
    Writer *w = s->w;
    uint32_t d = w->d;
    for (uint32_t i = 0; i < d; i++)
        for (uint32_t j = 0; j < i; j++)
            if (m->entry[i * d + j] != TAPE_NO_VALUE)
                m->x[i] = binary(w, TAPE_SUB, m->x[i], binary(w, TAPE_MUL, m->entry[i * d + j], m->x[j]));
    for (uint32_t i = d; i-- > 0;) {
        for (uint32_t j = i + 1; j < d; j++)
            if (m->entry[i * d + j] != TAPE_NO_VALUE)
                m->x[i] = binary(w, TAPE_SUB, m->x[i], binary(w, TAPE_MUL, m->entry[i * d + j], m->x[j]));
        m->x[i] = binary(w, TAPE_MUL, m->x[i], m->entry[i * d + i]);
    }
}

/* M at the node whose lane it is, which B_v has been emitted for, and its factors. */
static void write_mass(const Steps *s, Momenta *m) {
    Writer *w = s->w;
    uint32_t entries = w->d * w->d;
    for (uint32_t i = 0; i < entries; i++) {
        NodeId node = w->m->BV[i];
        bool zero = graph_equals(w->m->graph, node, 0);
        m->entry[i] = zero ? TAPE_NO_VALUE : emit_value(&w->emit, node);
        if (!zero) tape_store(w->tape, row(s, LAG_WORK, s->room.mass, i), m->entry[i]);
    }
    write_factors(s, m);
    for (uint32_t i = 0; i < entries; i++) {
        m->filled[i] = m->entry[i] != TAPE_NO_VALUE;
        if (m->filled[i]) tape_store(w->tape, row(s, LAG_WORK, s->room.factors, i), m->entry[i]);
    }
}

static void load_factors(const Steps *s, Momenta *m) {
    uint32_t entries = s->w->d * s->w->d;
    for (uint32_t i = 0; i < entries; i++)
        m->entry[i] = m->filled[i] ? tape_load(s->w->tape, row(s, LAG_WORK, s->room.factors, i)) : (TapeValue)TAPE_NO_VALUE;
}

/* B_i of coordinate k, from its impulses at `f`. */
static TapeValue momentum(const Steps *s, uint32_t k, TapeRef f, LagArray rate, bool first) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    TapeValue sum = tape_fused_dot(tape, terms(w, at(rate, 0, 1, 0, 0), s->l), terms(w, f, 1), w->s);
    TapeValue momentum = binary(w, TAPE_ADD, load(w, LAG_U, k), sum);
    if (first) return momentum; /* beta is 0 */
    TapeValue legendre = tape_load(tape, row(s, LAG_LEGENDRE, 0, 0));
    return tape_ternary(tape, TAPE_FMA, legendre, work(s, s->room.beta + k), momentum);
}

/* Velocities at which B is the momenta x, from those at `base` if need be: bound, and kept between. */
static void write_solved(const Steps *s, Momenta *m, uint32_t base, bool factors) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    TapeValue begin = tape->count;
    for (uint32_t k = 0; k < w->d && !m->linear; k++)
        emit_bind(&w->emit, m->velocity[k], tape_load(tape, row(s, LAG_WORK, base, k)));
    emit_roots(&w->emit, m->rest, w->d, NULL, 0);
    if (factors) {
        emit_roots(&w->emit, m->mass, m->mass_count, NULL, 0);
        write_mass(s, m);
    } else {
        load_factors(s, m);
    }
    for (uint32_t k = 0; k < w->d; k++)
        if (!graph_equals(w->m->graph, m->rest[k], 0))
            m->x[k] = binary(w, TAPE_SUB, m->x[k], emit_value(&w->emit, m->rest[k]));
    write_solution(s, m);
    for (uint32_t k = 0; k < w->d && !m->linear; k++)
        m->x[k] = binary(w, TAPE_ADD, emit_value(&w->emit, m->velocity[k]), m->x[k]);
    emit_forget(&w->emit, begin);
    for (uint32_t k = 0; k < w->d; k++) {
        emit_bind(&w->emit, m->velocity[k], m->x[k]);
        if (!m->linear) tape_store(tape, row(s, LAG_WORK, s->room.between, k), m->x[k]);
    }
}

/* ---- The three ---- */

static void bind_place(const Steps *s, TapeValue t) {
    Writer *w = s->w;
    for (uint32_t k = 0; k < w->d; k++) {
        TapeValue z = tape_load(w->tape, row(s, LAG_WORK, s->room.z, k));
        emit_bind(&w->emit, w->m->coordinate[k].q, binary(w, TAPE_ADD, load(w, LAG_Q, k), z));
    }
    TapeValue c = tape_load(w->tape, row(s, LAG_STAGE_NODE, 0, 0));
    emit_bind(&w->emit, w->m->time, tape_ternary(w->tape, TAPE_FMA, c, w->h, t));
}

/* Impulse k, from the force at the velocities that are bound. */
static TapeValue impulse(const Steps *s, uint32_t k) {
    return binary(s->w, TAPE_MUL, tape_load(s->w->tape, row(s, LAG_SHARE, 0, 0)), emit_value(&s->w->emit, s->w->m->A[k]));
}

/* Positions, what depends on them alone, velocities and impulses, all from impulses and displacements that are known; or,
 * in the first sweep, are extrapolated from those of the step before. */
static void write_places(const Steps *s, Momenta *m, TapeValue t, bool first) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    const Mechanics *mech = w->m;
    LagArray reach = first ? LAG_REACH_AHEAD : LAG_REACH, rate = first ? LAG_RATE_AHEAD : LAG_RATE;
    TapeValue begin = tape->count;
    tape_lanes(tape, w->s);
    for (uint32_t k = 0; k < w->d; k++) {
        TapeRef g = at(LAG_F, displacement(s, k) * s->l, 0, 0, 0);
        TapeValue z = tape_fused_dot(tape, terms(w, at(reach, 0, 1, 0, 0), s->l), terms(w, g, 1), w->s);
        tape_store(tape, row(s, LAG_WORK, s->room.z, k), z);
    }
    for (uint32_t k = 0; k < w->d; k++) m->x[k] = momentum(s, k, at(LAG_F, k * s->l, 0, 0, 0), rate, first);
    bind_place(s, t);
    emit_roots(&w->emit, m->kept, m->kept_count, NULL, 0);
    for (uint32_t i = 0; i < m->kept_count; i++)
        tape_store(tape, row(s, LAG_WORK, s->room.kept, i), emit_value(&w->emit, m->kept[i]));
    write_solved(s, m, s->room.v, true);
    emit_roots(&w->emit, mech->A, w->d, NULL, 0);
    for (uint32_t k = 0; k < w->d; k++) tape_store(tape, row(s, LAG_WORK, s->room.pushed, k), impulse(s, k));
    tape_end(tape);
    emit_forget(&w->emit, begin);
}

/* What the places have left, and velocities from the impulses at `array`, `base`. */
static void write_again(const Steps *s, Momenta *m, TapeValue t, LagArray array, uint32_t base, bool first) {
    Writer *w = s->w;
    for (uint32_t k = 0; k < w->d; k++) m->x[k] = momentum(s, k, at(array, base + k * s->l, 0, 0, 0), LAG_RATE, first);
    bind_place(s, t);
    for (uint32_t i = 0; i < m->kept_count; i++)
        emit_bind(&w->emit, m->kept[i], tape_load(w->tape, row(s, LAG_WORK, s->room.kept, i)));
    write_solved(s, m, s->room.between, false);
}

/* Velocities and impulses anew. */
static void write_impulses(const Steps *s, Momenta *m, TapeValue t) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    TapeValue begin = tape->count, active = s->several ? work(s, s->room.active) : 0;
    tape_lanes(tape, w->s);
    write_again(s, m, t, LAG_WORK, s->room.pushed, false);
    emit_roots(&w->emit, w->m->A, w->d, NULL, 0);
    for (uint32_t k = 0; k < w->d; k++) {
        TapeRef f = row(s, LAG_F, 0, k);
        tape_store(tape, f, masked(s, active, impulse(s, k), f));
    }
    tape_end(tape);
    emit_forget(&w->emit, begin);
}

/* Displacements from the last impulses, and by how much velocities have changed. */
static void write_displacements(const Steps *s, Momenta *m, TapeValue t, bool first) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    TapeValue begin = tape->count, active = s->several ? work(s, s->room.active) : 0, most = 0;
    tape_lanes(tape, w->s);
    write_again(s, m, t, first ? LAG_WORK : LAG_F, first ? s->room.pushed : 0, first);
    TapeValue share = tape_load(tape, row(s, LAG_SHARE, 0, 0));
    for (uint32_t k = 0; k < w->d; k++) {
        TapeRef v = row(s, LAG_WORK, s->room.v, k), g = row(s, LAG_F, 0, displacement(s, k)), f = row(s, LAG_F, 0, k);
        TapeValue moved = binary(w, TAPE_MUL, w->h, binary(w, TAPE_SUB, m->x[k], tape_load(tape, v)));
        TapeValue change = binary(w, TAPE_MUL, tape_unary(tape, TAPE_ABS, moved), work(s, s->room.measure + k));
        most = k ? binary(w, TAPE_LARGER, change, most) : change;
        tape_store(tape, g, masked(s, active, binary(w, TAPE_MUL, share, m->x[k]), g));
        tape_store(tape, v, masked(s, active, m->x[k], v));
        if (first) tape_store(tape, f, masked(s, active, tape_load(tape, row(s, LAG_WORK, s->room.pushed, k)), f));
    }
    if (!first) tape_store(tape, row(s, LAG_WORK, s->room.change, 0), most);
    tape_end(tape);
    emit_forget(&w->emit, begin);
}

/* beta, from what displacements have of the Legendre polynomial, P: sum_j b_j P_j^2 = 1 / N. Gives back the largest of that,
 * in units of round-off. */
static TapeValue write_beta(const Steps *s, Momenta *m) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    uint32_t d = w->d;
    TapeValue most = 0, over_h = binary(w, TAPE_MUL, number(s, w->r + 1), w->inverse_h);
    TapeRef legendre = at(LAG_LEGENDRE, 0, 0, 0, 0);
    for (uint32_t k = 0; k < d; k++) {
        TapeRef g = at(LAG_F, displacement(s, k) * s->l, 0, 0, 0);
        TapeValue part = tape_fused_dot(tape, terms(w, legendre, 1), terms(w, g, 1), w->s);
        TapeValue size = binary(w, TAPE_MUL, number(s, w->r + 1), tape_unary(tape, TAPE_ABS, part));
        size = binary(w, TAPE_MUL, size, work(s, s->room.measure + k));
        most = k ? binary(w, TAPE_LARGER, size, most) : size;
        m->x[k] = binary(w, TAPE_MUL, part, over_h);
    }
    for (uint32_t k = 0; k < d; k++) {
        TapeRef beta = at(LAG_WORK, s->room.beta + k, 0, 0, 0);
        TapeValue next = tape_load(tape, beta);
        for (uint32_t l = 0; l < d; l++) {
            if (graph_equals(w->m->graph, w->m->BV[k * d + l], 0)) continue;
            TapeValue mass = work(s, s->room.mass + (k * d + l) * s->l + s->room.middle);
            next = binary(w, TAPE_SUB, next, binary(w, TAPE_MUL, mass, m->x[l]));
        }
        tape_store(tape, beta, masked(s, s->several ? work(s, s->room.active) : 0, next, beta));
    }
    return most;
}

/* h (|v_k| + sum_l |M_kl / M_kk v_l|), l other than k, at the end of the step: as large as the numbers are whose roundings
 * are in v_k. Where M_kl is too large for a positive definite M, it is left out: there factors may be of no use, and changes
 * had better not be taken for round-off. */
TapeValue momenta_motion(const Steps *s, uint32_t k) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    uint32_t d = w->d, last = w->s - 1;
    TapeValue sum = tape_unary(tape, TAPE_ABS, work(s, s->room.v + k * s->l + last)), own = 0, others = 0;
    for (uint32_t l = 0; l < d; l++) {
        if (l == k || graph_equals(w->m->graph, w->m->BV[k * d + l], 0)) continue;
        if (!own) own = work(s, s->room.mass + (k * d + k) * s->l + last);
        TapeValue other = work(s, s->room.mass + (l * d + l) * s->l + last);
        TapeValue between = work(s, s->room.mass + (k * d + l) * s->l + last);
        TapeValue most = tape_unary(tape, TAPE_ABS, binary(w, TAPE_MUL, own, other));
        TapeValue small = binary(w, TAPE_LE, binary(w, TAPE_MUL, between, between), most);
        TapeValue part = binary(w, TAPE_MUL, between, work(s, s->room.v + l * s->l + last));
        part = tape_ternary(tape, TAPE_PICK, small, tape_unary(tape, TAPE_ABS, part), number(s, 0));
        others = others ? binary(w, TAPE_ADD, others, part) : part;
    }
    if (others) sum = binary(w, TAPE_ADD, sum, binary(w, TAPE_DIV, others, tape_unary(tape, TAPE_ABS, own)));
    return binary(w, TAPE_MUL, w->h, sum);
}

void momenta_begin(const Steps *s, const Momenta *m) {
    if (!m->linear) write_velocities(s);
    for (uint32_t k = 0; k < s->w->d; k++) keep(s, LAG_WORK, s->room.beta + k, number(s, 0));
}

TapeValue momenta_sweep(const Steps *s, Momenta *m, TapeValue t, bool first) {
    write_places(s, m, t, first);
    if (!first) write_impulses(s, m, t);
    write_displacements(s, m, t, first);
    return write_beta(s, m);
}
