/* momenta.c: a sweep where B is any function of q, v and t (lag_kernel.h has the formulas). Needs A, B, A_v and B_v.
 *
 * A sweep goes over the nodes twice. First, positions come from displacements and momenta from impulses; velocities from
 * both, by M = B_v, where B is linear in v, else by a step of Newton's method from the velocities before; and impulses from
 * these. Then momenta come from those impulses, and with them velocities, displacements and impulses once more, at the same
 * positions: forces that depend on velocity would else take twice as many sweeps, and where they are a strong drag, more
 * still. For that, nothing is evaluated anew. With D = A_v, f_i + h b_i D_i (v_i - v_i') is put for f_i; of what J makes of
 * that, h c_i D_i / (r + 1) (v_i - v_i') is taken at the node itself, so that
 *
 *     (M_i - h c_i D_i / (r + 1)) (v_i - v_i') = what J makes of f, less the momentum that v_i' was found by
 *
 * Of the shares of J that were tried this takes the fewest sweeps by far where steps are large. It is the one that leaves a
 * nilpotent matrix of a collocation method's (Caklovic, Lunet, Gotschel & Ruprecht, Improving efficiency of parallel across
 * the method spectral deferred corrections, SIAM J. Sci. Comput. 47, 2025: MIN-SR-NS). The impulses of a sweep that changes
 * nothing are those of the forces.
 *
 * beta changes by what velocities have of the Legendre polynomial, times M at a node in the middle: it need not be exact,
 * since what is sought is that nothing is left. */
#include "mech/steps.h"

#include <string.h>

struct Momenta {
    bool linear;      /* B = M v + rest, neither with v in it */
    bool pulled;      /* A depends on v */
    NodeId *velocity; /* [d] */
    NodeId *rest;     /* [d] B where v = 0, if linear; else B */
    NodeId *root; /* all that is wanted at a node: [d] rest, entries of M other than 0, [d] A, entries of A_v other than 0 */
    uint32_t places; /* of these, those up to A */
    uint32_t roots;
    bool *filled;     /* [d, d] of the last factors */
    TapeValue *entry; /* [d, d] of M, or of the matrix that is solved for; and then of its factors; TAPE_NO_VALUE where 0 */
    TapeValue *x;     /* [d] */
    TapeValue *more;  /* [d] */
    TapeValue part;   /* h / (r + 1) */
};

static void make_room(Steps *s, const Momenta *m) {
    Tape *tape = s->w->tape;
    uint32_t d = s->w->d, line = s->l;
    Room *room = &s->room;
    room->between = tape_work(tape, d * line);
    room->pushed = tape_work(tape, d * line);
    room->momentum = tape_work(tape, d * line);
    room->factors = tape_work(tape, d * d * line);
    room->pull = m->pulled ? tape_work(tape, d * d * line) : 0;
    room->mass = tape_work(tape, d * d * line);
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

static bool is_zero(const Steps *s, NodeId node) { return graph_equals(s->w->m->graph, node, 0); }

/* Whether B is linear in v, and what it is beside M v. */
static void split_momentum(const Mechanics *mech, Momenta *m) {
    uint32_t d = mech->dof;
    m->linear = true;
    for (uint32_t k = 0; k < d; k++) m->velocity[k] = mech->coordinate[k].v;
    for (uint32_t i = d; i < m->places; i++)
        m->linear = m->linear && !graph_depends(mech->graph, m->root[i], m->velocity, d);
    memcpy(m->rest, mech->B, d * sizeof *m->rest);
    for (uint32_t k = 0; k < d && m->linear; k++) {
        NodeId zero = graph_integer(mech->graph, 0);
        graph_substitute(mech->graph, m->rest, d, &m->velocity[k], &zero, 1, m->rest);
    }
}

/* Those of [d, d] that are not 0, behind the roots. */
static void add_roots(const Steps *s, Momenta *m, const NodeId *block) {
    for (uint32_t i = 0; i < s->w->d * s->w->d; i++)
        if (!is_zero(s, block[i])) m->root[m->roots++] = block[i];
}

Momenta *momenta_new(Steps *s) {
    const Mechanics *mech = s->w->m;
    size_t d = mech->dof, entries = d * d;
    Momenta *m = memory_new(sizeof *m);
    if (m) {
        m->velocity = memory_new(d * sizeof *m->velocity);
        m->root = m->rest = memory_new(2 * (d + entries) * sizeof *m->root);
        m->filled = memory_new(entries * sizeof *m->filled);
        m->entry = memory_new((entries + 2 * d) * sizeof *m->entry);
    }
    if (!m || !m->velocity || !m->root || !m->filled || !m->entry) return momenta_free(m), NULL;
    m->x = m->entry + entries;
    m->more = m->x + d;
    m->roots = (uint32_t)d;
    add_roots(s, m, mech->BV);
    m->places = m->roots;
    split_momentum(mech, m);
    for (uint32_t k = 0; k < d; k++) m->root[m->roots++] = mech->A[k];
    uint32_t forces = m->roots;
    add_roots(s, m, mech->AV);
    m->pulled = m->roots > forces;
    make_room(s, m);
    m->part = binary(s->w, TAPE_DIV, s->w->h, number(s, s->w->r + 1));
    emit_roots(&s->w->emit, m->root, m->roots, mech->state, 2 * (uint32_t)d + 1);
    return m;
}

void momenta_free(Momenta *m) {
    if (!m) return;
    memory_free(m->velocity);
    memory_free(m->root);
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

/* M at the node whose lane it is, which B_v has been emitted for. */
static void write_mass(const Steps *s, Momenta *m) {
    Writer *w = s->w;
    for (uint32_t i = 0; i < w->d * w->d; i++) {
        bool zero = is_zero(s, w->m->BV[i]);
        m->entry[i] = zero ? TAPE_NO_VALUE : emit_value(&w->emit, w->m->BV[i]);
        if (!zero) tape_store(w->tape, row(s, LAG_WORK, s->room.mass, i), m->entry[i]);
    }
}

static void keep_factors(const Steps *s, Momenta *m) {
    for (uint32_t i = 0; i < s->w->d * s->w->d; i++) {
        m->filled[i] = m->entry[i] != TAPE_NO_VALUE;
        if (m->filled[i]) tape_store(s->w->tape, row(s, LAG_WORK, s->room.factors, i), m->entry[i]);
    }
}

static void load_factors(const Steps *s, Momenta *m) {
    for (uint32_t i = 0; i < s->w->d * s->w->d; i++)
        m->entry[i] = m->filled[i] ? tape_load(s->w->tape, row(s, LAG_WORK, s->room.factors, i)) : (TapeValue)TAPE_NO_VALUE;
}

/* M - h c_i A_v / (r + 1), which A_v has been emitted for. */
static void write_pulled_mass(const Steps *s, Momenta *m) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    TapeValue part = binary(w, TAPE_MUL, tape_load(tape, row(s, LAG_STAGE_NODE, 0, 0)), m->part);
    TapeValue share = tape_load(tape, row(s, LAG_SHARE, 0, 0));
    for (uint32_t i = 0; i < w->d * w->d; i++) {
        NodeId slope = w->m->AV[i];
        m->entry[i] = is_zero(s, w->m->BV[i]) ? TAPE_NO_VALUE : emit_value(&w->emit, w->m->BV[i]);
        if (is_zero(s, slope)) continue;
        TapeValue pull = emit_value(&w->emit, slope), less = binary(w, TAPE_MUL, part, pull);
        tape_store(tape, row(s, LAG_WORK, s->room.pull, i), binary(w, TAPE_MUL, share, pull));
        m->entry[i] =
            m->entry[i] == TAPE_NO_VALUE ? tape_unary(tape, TAPE_NEG, less) : binary(w, TAPE_SUB, m->entry[i], less);
    }
}

/* sum_j table_ij y_j of each coordinate, its y_j in the d rows at `base`: into x. The sums stand side by side: what they
 * share is loaded once. */
static void write_sums(const Steps *s, LagArray table, LagArray array, uint32_t base, TapeValue *x) {
    Writer *w = s->w;
    uint32_t nodes = table == LAG_RATE ? w->s - 1 : w->s; /* the last node's impulse changes no momentum */
    for (uint32_t k = 0; k < w->d; k++) {
        TapeRef y = at(array, base + k * s->l, 0, 0, 0);
        x[k] = tape_fused_dot(w->tape, terms(w, at(table, 0, 1, 0, 0), s->l), terms(w, y, 1), nodes);
    }
}

/* B_i of each coordinate, of what impulses come to. */
static void write_momenta(const Steps *s, TapeValue *x, bool first) {
    Writer *w = s->w;
    for (uint32_t k = 0; k < w->d; k++) {
        if (s->compensated) x[k] = binary(w, TAPE_ADD, x[k], load(w, LAG_LOW, w->d + k));
        x[k] = binary(w, TAPE_ADD, load(w, LAG_U, k), x[k]);
        if (first) continue; /* beta is 0 */
        TapeValue legendre = tape_load(w->tape, row(s, LAG_LEGENDRE, 0, 0));
        x[k] = tape_ternary(w->tape, TAPE_FMA, legendre, work(s, s->room.beta + k), x[k]);
    }
}

/* ---- The two ---- */

/* Coordinates and time at the node whose lane it is, z being in `more`. */
static void bind_place(const Steps *s, const Momenta *m, TapeValue t) {
    Writer *w = s->w;
    for (uint32_t k = 0; k < w->d; k++) {
        TapeValue z = m->more[k];
        if (s->compensated) z = binary(w, TAPE_ADD, z, load(w, LAG_LOW, k));
        emit_bind(&w->emit, w->m->coordinate[k].q, binary(w, TAPE_ADD, load(w, LAG_Q, k), z));
    }
    TapeValue c = tape_load(w->tape, row(s, LAG_STAGE_NODE, 0, 0));
    emit_bind(&w->emit, w->m->time, tape_ternary(w->tape, TAPE_FMA, c, w->h, t));
}

/* Impulse k, from the force at the velocities that are bound. */
static TapeValue impulse(const Steps *s, uint32_t k) {
    return binary(s->w, TAPE_MUL, tape_load(s->w->tape, row(s, LAG_SHARE, 0, 0)), emit_value(&s->w->emit, s->w->m->A[k]));
}

/* Binds velocities whose momenta are x, from those before where B is not linear in them: then what depends on these, and was
 * written from operation `since` on, is forgotten. */
static void bind_solved(const Steps *s, Momenta *m, TapeValue since) {
    Writer *w = s->w;
    for (uint32_t k = 0; k < w->d; k++)
        if (!is_zero(s, m->rest[k])) m->x[k] = binary(w, TAPE_SUB, m->x[k], emit_value(&w->emit, m->rest[k]));
    write_factors(s, m);
    write_solution(s, m);
    for (uint32_t k = 0; k < w->d && !m->linear; k++)
        m->x[k] = binary(w, TAPE_ADD, emit_value(&w->emit, m->velocity[k]), m->x[k]);
    if (!m->linear) emit_forget(&w->emit, since);
    for (uint32_t k = 0; k < w->d; k++) emit_bind(&w->emit, m->velocity[k], m->x[k]);
}

/* Positions, momenta, velocities and impulses, all from impulses and displacements that are known; or, in the first sweep,
 * are extrapolated from those of the step before. */
static void write_places(const Steps *s, Momenta *m, TapeValue t, bool first) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    LagArray reach = first ? LAG_REACH_AHEAD : LAG_REACH, rate = first ? LAG_RATE_AHEAD : LAG_RATE;
    TapeValue begin = tape->count;
    tape_lanes(tape, w->s);
    write_sums(s, reach, LAG_F, displacement(s, 0) * s->l, m->more);
    if (m->pulled) write_sums(s, rate, LAG_F, 0, m->x);
    if (m->pulled) write_momenta(s, m->x, first);
    for (uint32_t k = 0; k < w->d && m->pulled && m->linear; k++)
        tape_store(tape, row(s, LAG_WORK, s->room.momentum, k), m->x[k]);
    bind_place(s, m, t);
    emit_roots(&w->emit, m->root, m->roots, m->velocity, w->d); /* what does not depend on velocities */
    TapeValue since = tape->count;
    for (uint32_t k = 0; k < w->d && !m->linear; k++)
        emit_bind(&w->emit, m->velocity[k], tape_load(tape, row(s, LAG_WORK, s->room.v, k)));
    emit_roots(&w->emit, m->root, m->places, NULL, 0);
    write_mass(s, m);
    if (m->pulled) bind_solved(s, m, since);
    emit_roots(&w->emit, m->root, m->roots, NULL, 0);
    for (uint32_t k = 0; k < w->d; k++) {
        NodeId before = m->linear && m->pulled ? NODE_ZERO : m->rest[k];
        tape_store(tape, row(s, LAG_WORK, s->room.pushed, k), impulse(s, k));
        if (!is_zero(s, before)) tape_store(tape, row(s, LAG_WORK, s->room.momentum, k), emit_value(&w->emit, before));
        if (m->pulled || !m->linear)
            tape_store(tape, row(s, LAG_WORK, s->room.between, k), emit_value(&w->emit, m->velocity[k]));
    }
    if (m->pulled) write_pulled_mass(s, m);
    write_factors(s, m);
    keep_factors(s, m);
    tape_end(tape);
    emit_forget(&w->emit, begin);
}

/* The velocities at which momenta are those of the impulses `pushed`, as far as this sweep goes: into x; and by how much
 * impulses change with them: into more. */
static void write_velocity(const Steps *s, Momenta *m, bool first) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    uint32_t d = w->d;
    write_sums(s, LAG_RATE, LAG_WORK, s->room.pushed, m->x);
    write_momenta(s, m->x, first);
    for (uint32_t k = 0; k < d; k++)
        if ((m->pulled && m->linear) || !is_zero(s, m->rest[k]))
            m->x[k] = binary(w, TAPE_SUB, m->x[k], tape_load(tape, row(s, LAG_WORK, s->room.momentum, k)));
    load_factors(s, m);
    write_solution(s, m);
    for (uint32_t k = 0; k < d; k++) m->more[k] = TAPE_NO_VALUE;
    for (uint32_t i = 0; i < d * d; i++) {
        if (is_zero(s, w->m->AV[i])) continue;
        TapeValue pull = tape_load(tape, row(s, LAG_WORK, s->room.pull, i)), by = m->x[i % d];
        TapeValue *sum = &m->more[i / d];
        *sum = *sum == TAPE_NO_VALUE ? binary(w, TAPE_MUL, pull, by) : tape_ternary(tape, TAPE_FMA, pull, by, *sum);
    }
    for (uint32_t k = 0; k < d && (m->pulled || !m->linear); k++)
        m->x[k] = binary(w, TAPE_ADD, tape_load(tape, row(s, LAG_WORK, s->room.between, k)), m->x[k]);
}

/* Velocities, displacements and impulses from the impulses just found, and by how much velocities have changed. */
static void write_displacements(const Steps *s, Momenta *m, bool first) {
    Writer *w = s->w;
    Tape *tape = w->tape;
    TapeValue active = s->several ? work(s, s->judge.active) : 0, most = 0;
    tape_lanes(tape, w->s);
    write_velocity(s, m, first);
    TapeValue share = tape_load(tape, row(s, LAG_SHARE, 0, 0));
    for (uint32_t k = 0; k < w->d; k++) {
        TapeRef v = row(s, LAG_WORK, s->room.v, k), g = row(s, LAG_F, 0, displacement(s, k)), f = row(s, LAG_F, 0, k);
        TapeValue pushed = tape_load(tape, row(s, LAG_WORK, s->room.pushed, k));
        if (m->more[k] != TAPE_NO_VALUE) pushed = binary(w, TAPE_ADD, pushed, m->more[k]);
        tape_store(tape, f, masked(s, active, pushed, f));
        tape_store(tape, g, masked(s, active, binary(w, TAPE_MUL, share, m->x[k]), g));
        if (!first) {
            TapeValue moved = binary(w, TAPE_MUL, w->h, binary(w, TAPE_SUB, m->x[k], tape_load(tape, v)));
            TapeValue change = binary(w, TAPE_MUL, tape_unary(tape, TAPE_ABS, moved), work(s, s->room.measure + k));
            most = k ? binary(w, TAPE_LARGER, change, most) : change;
        }
        tape_store(tape, v, masked(s, active, m->x[k], v));
    }
    if (!first) tape_store(tape, row(s, LAG_WORK, s->room.change, 0), most);
    tape_end(tape);
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
            if (is_zero(s, w->m->BV[k * d + l])) continue;
            TapeValue mass = work(s, s->room.mass + (k * d + l) * s->l + s->room.middle);
            next = binary(w, TAPE_SUB, next, binary(w, TAPE_MUL, mass, m->x[l]));
        }
        tape_store(tape, beta, masked(s, s->several ? work(s, s->judge.active) : 0, next, beta));
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
        if (l == k || is_zero(s, w->m->BV[k * d + l])) continue;
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

/* |pi_k| + |M_kk v_k|, there: about what impulses come to. */
TapeValue momenta_push(const Steps *s, uint32_t k) {
    Writer *w = s->w;
    uint32_t d = w->d, last = w->s - 1;
    TapeValue own =
        binary(w, TAPE_MUL, work(s, s->room.mass + (k * d + k) * s->l + last), work(s, s->room.v + k * s->l + last));
    TapeValue before = tape_unary(w->tape, TAPE_ABS, load(w, LAG_U, k));
    return binary(w, TAPE_ADD, before, tape_unary(w->tape, TAPE_ABS, own));
}

void momenta_begin(const Steps *s, const Momenta *m) {
    if (!m->linear) write_velocities(s);
    for (uint32_t k = 0; k < s->w->d; k++) keep(s, LAG_WORK, s->room.beta + k, number(s, 0));
}

TapeValue momenta_sweep(const Steps *s, Momenta *m, TapeValue t, bool first) {
    write_places(s, m, t, first);
    write_displacements(s, m, first);
    return write_beta(s, m);
}
