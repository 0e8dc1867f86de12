/* back.c: a step gone back through by fixed-point iteration (lag_kernel.h has the formulas), where B = M v with a constant
 * mass matrix M. The nodes of the step stand in lanes. Needs A, B, their derivatives and those in the parameters; leaves the
 * tapes of LAG_STEPS_BACK and LAG_MASS_BACK.
 *
 * Positions and velocities at the nodes follow from the step's impulses, and with them what forces depend on there, once. A
 * sweep then finds what impulses count for, phi, from what positions and velocities count for, zeta and eta, and these from
 * phi: it wants no forces. It begins with zeta and eta of the step behind, extrapolated, and ends as a step's sweeps do
 * (judge.c): the equations are the step's own, transposed, and converge as fast. */
#include "mech/steps.h"

#include <stdlib.h>

enum { BACK_Q, BACK_V, BACKS }; /* zeta of A_q, eta of A_v */

/* Rows that are compared make derivatives jump, and changes are large again: a theta of a place where forces hardly vary,
 * as small as round-off has it, would let them pass. */
static const double back_theta = 1e-3;

/* A derivative that is not zero: of A_k in coordinate l, or in a parameter. */
typedef struct Term {
    NodeId node;
    uint32_t k, l;
    uint32_t place; /* in LAG_WORK, [l] of its values at the nodes; PLACE_FIXED: it is the same at all */
} Term;

typedef struct Back {
    Steps s;
    Term *term[BACKS], *slope; /* by l and k; by k and parameter */
    uint32_t terms[BACKS], slopes;
    bool *has[BACKS]; /* [d] whether something of zeta_l, eta_l can be other than zero */
    bool any[BACKS];
    bool mass;            /* M depends on parameters */
    uint32_t phi, kept;   /* [d, l] what impulses count for; of several systems, what the sweeps that counted came to */
    uint32_t by_f;        /* [2, d, l] of several systems: zeta and eta under way */
    uint32_t pull, total; /* [d, l] M^-T phi; [slopes, l] of the parameters, at the nodes */
    TapeValue *inverse;   /* [d] of the masses, where M is diagonal and depends on parameters */
    NodeId *root;         /* [roots] all of the derivatives */
    uint32_t roots;
} Back;

/* ---- What there is ---- */

static bool mass_slopes(const Mechanics *m) { return m->slope_count && m->slope[m->slope_count - 1].row >= m->dof; }

static bool back_new(Back *b, Writer *w) {
    const Mechanics *m = w->m;
    const uint32_t d = w->d;
    const size_t most = m->filled_count + (size_t)1;
    *b = (Back){.s = {.w = w,
                      .l = lag_lanes(w->s),
                      .moving = !m->facts.forces_free_of_velocity,
                      .several = w->tape->systems > 1,
                      .back = true},
                .mass = mass_slopes(m)};
    b->s.judge = (Judge){.several = b->s.several, .theta_least = back_theta};
    b->term[BACK_Q] = memory_new((2 * most + m->slope_count) * sizeof *b->slope);
    b->has[BACK_Q] = memory_new(2 * (size_t)d);
    b->inverse = memory_new(d * sizeof *b->inverse);
    b->root = memory_new((2 * most + m->slope_count) * sizeof *b->root);
    if (!b->term[BACK_Q] || !b->has[BACK_Q] || !b->inverse || !b->root) return false;
    b->term[BACK_V] = b->term[BACK_Q] + most;
    b->slope = b->term[BACK_V] + most;
    b->has[BACK_V] = b->has[BACK_Q] + d;
    return true;
}

static void back_free(Back *b) {
    memory_free(b->term[BACK_Q]);
    memory_free(b->has[BACK_Q]);
    memory_free(b->inverse);
    memory_free(b->root);
}

static int by_column(const void *a, const void *b) {
    const Term *x = a, *y = b;
    return x->l != y->l ? (x->l > y->l) - (x->l < y->l) : (x->k > y->k) - (x->k < y->k);
}

/* Lists what is not zero. */
static void find_terms(Back *b) {
    const Mechanics *m = b->s.w->m;
    const NodeId *block[BACKS] = {m->AQ, m->AV};
    for (int i = 0; i < BACKS; i++) {
        for (uint32_t f = 0; f < m->filled_count; f++) {
            uint32_t k = m->filled[f] / m->dof, l = m->filled[f] % m->dof;
            NodeId node = block[i][m->filled[f]];
            if (graph_equals(m->graph, node, 0)) continue;
            b->term[i][b->terms[i]++] = (Term){.node = node, .k = k, .l = l};
            b->has[i][l] = b->any[i] = true;
        }
        qsort(b->term[i], b->terms[i], sizeof(Term), by_column);
    }
    for (uint32_t i = 0; i < m->slope_count; i++)
        if (m->slope[i].row < m->dof)
            b->slope[b->slopes++] = (Term){.node = m->slope[i].node, .k = m->slope[i].row, .l = m->slope[i].parameter};
}

/* Room for what varies from node to node, and for the rest. */
static bool make_room(Back *b) {
    Steps *s = &b->s;
    Tape *tape = s->w->tape;
    const Mechanics *m = s->w->m;
    const uint32_t d = s->w->d, line = s->l;
    Term *const list[] = {b->term[BACK_Q], b->term[BACK_V], b->slope};
    const uint32_t count[] = {b->terms[BACK_Q], b->terms[BACK_V], b->slopes};
    bool *varies = memory_new((size_t)count[0] + count[1] + count[2] + 1);
    if (!varies) return false;
    s->room.place = tape_work(tape, d * line); /* in lanes: at multiples of their number */
    s->room.v = s->moving ? tape_work(tape, d * line) : 0;
    s->room.rate = s->moving ? tape_work(tape, d) : 0;
    s->room.change = tape_work(tape, line);
    b->phi = tape_work(tape, d * line);
    b->kept = s->several ? tape_work(tape, d * line) : b->phi;
    b->by_f = s->several ? tape_work(tape, 2 * d * line) : 0;
    b->pull = b->mass ? tape_work(tape, d * line) : 0;
    b->total = tape_work(tape, b->slopes * line);
    for (int i = 0; i < 3; i++)
        for (uint32_t j = 0; j < count[i]; j++) b->root[b->roots++] = list[i][j].node;
    graph_depend(m->graph, b->root, b->roots, m->state, 2 * d + 1, varies);
    const bool *next = varies;
    for (int i = 0; i < 3; i++)
        for (uint32_t j = 0; j < count[i]; j++) list[i][j].place = *next++ ? tape_work(tape, line) : PLACE_FIXED;
    memory_free(varies);
    s->room.size = tape_work(tape, d);
    s->room.measure = tape_work(tape, d);
    judge_room(&s->judge, tape);
    return true;
}

/* ---- At the nodes ---- */

/* The value of a term in its node's lane. */
static TapeValue value_of(const Back *b, const Term *x) {
    Writer *w = b->s.w;
    return x->place == PLACE_FIXED ? emit_value(&w->emit, x->node) : tape_load(w->tape, at(LAG_WORK, x->place, 1, 0, 0));
}

/* What forces depend on, where it varies. */
static void write_nodes(const Back *b, TapeValue t) {
    const Steps *s = &b->s;
    Writer *w = s->w;
    Tape *tape = w->tape;
    const Mechanics *m = w->m;
    TapeValue begin = tape->count;
    steps_rates(s);
    steps_places(s, false);
    tape_lanes(tape, w->s);
    steps_bind(s);
    TapeValue c = tape_load(tape, at(LAG_STAGE_NODE, 0, 1, 0, 0));
    emit_bind(&w->emit, m->time, tape_ternary(tape, TAPE_FMA, c, w->h, t));
    emit_roots(&w->emit, b->root, b->roots, NULL, 0);
    const Term *const list[] = {b->term[BACK_Q], b->term[BACK_V], b->slope};
    const uint32_t count[] = {b->terms[BACK_Q], b->terms[BACK_V], b->slopes};
    for (int i = 0; i < 3; i++)
        for (const Term *x = list[i]; x < list[i] + count[i]; x++)
            if (x->place != PLACE_FIXED) tape_store(tape, at(LAG_WORK, x->place, 1, 0, 0), emit_value(&w->emit, x->node));
    tape_end(tape);
    emit_forget(&w->emit, begin);
}

/* ---- A sweep ---- */

/* Where zeta_k and eta_k are: under way, or as the step behind has left them. */
static TapeRef by_f(const Back *b, bool behind, int which, uint32_t k) {
    const Steps *s = &b->s;
    bool beside = s->several && !behind;
    uint32_t base = (beside ? b->by_f : 0) + (uint32_t)which * s->w->d * s->l;
    return of(s->w, beside ? LAG_WORK : LAG_BY_F, base, k, s->l);
}

/* phi from zeta and eta; or ahead, from those of the step behind. */
static void write_phi(const Back *b, bool ahead) {
    static const LagArray table[2][BACKS] = {{LAG_REACH_BACK, LAG_RATE_BACK}, {LAG_REACH_BACK_AHEAD, LAG_RATE_BACK_AHEAD}};
    const Steps *s = &b->s;
    Writer *w = s->w;
    Tape *tape = w->tape;
    tape_lanes(tape, w->s);
    TapeValue c = tape_load(tape, at(LAG_STAGE_NODE, 0, 1, 0, 0)), left = binary(w, TAPE_SUB, number(s, 1), c);
    for (uint32_t k = 0, bodies = coordinates_begin(w); k < bodies; k++) {
        TapeValue sum = tape_load(tape, in_lane(w, LAG_SEED, 0, k, s->l));
        for (int i = 0; i < BACKS; i++) {
            uint32_t first = i == BACK_Q && !ahead; /* what the first node's position counts for moves no impulse */
            if (w->looped ? !b->any[i] : !b->has[i][k]) continue;
            TapeRef x = terms(w, at(table[ahead][i], first * s->l, 1, 0, 0), s->l), y = by_f(b, ahead, i, k);
            y.base += first;
            sum = binary(w, TAPE_ADD, sum, tape_fused_dot(tape, x, terms(w, y, 1), w->s - first));
        }
        sum = tape_ternary(tape, TAPE_FMA, left, tape_load(tape, of(w, LAG_BY_Q, 0, k, 1)), sum);
        sum = binary(w, TAPE_ADD, tape_load(tape, of(w, LAG_BY_U, 0, k, 1)), sum);
        tape_store(tape, in_lane(w, LAG_WORK, b->phi, k, s->l), sum);
    }
    coordinates_end(w);
    tape_end(tape);
}

/* phi_l at a node. */
static TapeValue phi_of(const Back *b, uint32_t base, uint32_t l) {
    return tape_load(b->s.w->tape, at(LAG_WORK, base + l * b->s.l, 1, 0, 0));
}

/* (M^-T phi)_k, but for the mass m_k where M is diagonal. */
static TapeValue pull_of(const Back *b, uint32_t base, uint32_t k) {
    Writer *w = b->s.w;
    TapeValue sum = 0;
    if (w->m->facts.diagonal_mass) return phi_of(b, base, k);
    for (uint32_t l = 0; l < w->d; l++) {
        TapeValue inverse = load(w, LAG_INVERSE_MASS, l * w->d + k), phi = phi_of(b, base, l);
        sum = l ? tape_ternary(w->tape, TAPE_FMA, inverse, phi, sum) : binary(w, TAPE_MUL, inverse, phi);
    }
    return sum;
}

/* What the forces at a node count for, psi_k = h^2 b_i (M^-T phi)_k: of all k, into psi. */
static void write_psi(const Back *b, uint32_t base, TapeValue *psi) {
    Writer *w = b->s.w;
    for (uint32_t k = 0; k < w->d; k++) {
        TapeValue share = tape_load(w->tape, at(LAG_SHARE, k * b->s.l, 1, 0, 0));
        psi[k] = binary(w, TAPE_MUL, share, pull_of(b, base, k));
    }
}

/* How much a new value differs from what stood there, in units of round-off, if that is more than `most`. */
static TapeValue compared(const Back *b, TapeValue new, TapeRef place, uint32_t l, TapeValue most) {
    Writer *w = b->s.w;
    TapeValue change = binary(w, TAPE_SUB, new, tape_load(w->tape, place));
    change = binary(w, TAPE_MUL, tape_unary(w->tape, TAPE_ABS, change), work(&b->s, b->s.room.measure + l));
    return most ? binary(w, TAPE_LARGER, change, most) : change;
}

/* zeta and eta from phi; and, if asked, by how much they change. */
static void write_by_f(const Back *b, TapeValue *psi, bool compare) {
    const Steps *s = &b->s;
    Writer *w = s->w;
    Tape *tape = w->tape;
    TapeValue most = 0, active = s->several ? work(s, s->judge.active) : 0;
    tape_lanes(tape, w->s);
    write_psi(b, b->phi, psi);
    for (int i = 0; i < BACKS; i++)
        for (const Term *x = b->term[i], *end = x + b->terms[i]; x < end;) {
            uint32_t l = x->l, row = ((uint32_t)i * w->d + l) * s->l;
            TapeRef kept = at(LAG_BY_F, row, 1, 0, 0), place = s->several ? at(LAG_WORK, b->by_f + row, 1, 0, 0) : kept;
            TapeValue sum = binary(w, TAPE_MUL, psi[x->k], value_of(b, x));
            for (x++; x < end && x->l == l; x++) sum = tape_ternary(tape, TAPE_FMA, psi[x->k], value_of(b, x), sum);
            if (i == BACK_V) sum = binary(w, TAPE_MUL, sum, w->inverse_h);
            if (compare) most = compared(b, sum, place, l, most);
            tape_store(tape, place, sum);
            if (s->several && compare) tape_store(tape, kept, masked(s, active, sum, kept));
        }
    for (uint32_t k = 0; k < w->d && s->several && w->looped && !compare; k++) /* there, loops read all rows */
        for (int i = 0; i < BACKS; i++)
            if (!b->has[i][k])
                tape_store(tape, at(LAG_WORK, b->by_f + ((uint32_t)i * w->d + k) * s->l, 1, 0, 0), number(s, 0));
    for (uint32_t k = 0; k < w->d && s->several && compare; k++) {
        TapeRef kept = at(LAG_WORK, b->kept + k * s->l, 1, 0, 0);
        tape_store(tape, kept, masked(s, active, phi_of(b, b->phi, k), kept));
    }
    if (compare) tape_store(tape, at(LAG_WORK, s->room.change, 1, 0, 0), most ? most : number(s, 0));
    tape_end(tape);
}

static void write_sweeps(const Back *b, TapeValue *psi) {
    const Steps *s = &b->s;
    Writer *w = s->w;
    steps_measure(s);
    write_phi(b, true);
    write_by_f(b, psi, false);
    judge_begin(&s->judge, w, 0);
    tape_repeat(w->tape);
    write_phi(b, false);
    write_by_f(b, psi, true);
    TapeValue now = tape_most(w->tape, terms(w, at(LAG_WORK, s->room.change, 0, 0, 0), 1), w->s);
    tape_until(w->tape, judge_sweep(&s->judge, w, now, 0));
    judge_remember(&s->judge, w);
}

/* ---- What comes of it ---- */

/* The sum over the nodes of y_i, or of c_i y_i. */
static TapeValue over_nodes(const Back *b, bool by_node, TapeRef y) {
    Writer *w = b->s.w;
    TapeRef ones = terms(w, at(LAG_STAGE_END, LAG_END_U, 0, 0, 0), LAG_END_COUNT);
    TapeRef c = terms(w, at(LAG_STAGE_NODE, 0, 0, 0, 0), 1);
    return tape_fused_dot(w->tape, by_node ? c : ones, terms(w, y, 1), w->s);
}

/* lambda_q and lambda_u. Gives back whether all is finite. */
static TapeValue write_state(const Back *b) {
    const Steps *s = &b->s;
    Writer *w = s->w;
    Tape *tape = w->tape;
    TapeValue zeros = 0;
    for (uint32_t k = 0, bodies = coordinates_begin(w); k < bodies; k++) {
        TapeRef by_q = of(w, LAG_BY_Q, 0, k, 1), by_u = of(w, LAG_BY_U, 0, k, 1);
        TapeValue q = tape_load(tape, by_q), more = q;
        if (w->looped ? b->any[BACK_Q] : b->has[BACK_Q][k]) {
            TapeRef zeta = by_f(b, true, BACK_Q, k);
            q = binary(w, TAPE_ADD, q, over_nodes(b, false, zeta));
            more = binary(w, TAPE_ADD, more, over_nodes(b, true, zeta));
        }
        if (w->looped ? b->any[BACK_V] : b->has[BACK_V][k])
            more = binary(w, TAPE_ADD, more, over_nodes(b, false, by_f(b, true, BACK_V, k)));
        TapeValue u = binary(w, TAPE_ADD, tape_load(tape, by_u), more);
        tape_store(tape, by_q, q);
        tape_store(tape, by_u, u);
        TapeValue zero = binary(w, TAPE_ADD, binary(w, TAPE_SUB, q, q), binary(w, TAPE_SUB, u, u)); /* or NaN */
        zeros = k ? binary(w, TAPE_ADD, zeros, zero) : zero;
        if (w->looped) tape_store(tape, of(w, LAG_WORK, s->room.size, k, 1), zero);
    }
    coordinates_end(w);
    TapeRef all = terms(w, at(LAG_WORK, s->room.size, 0, 0, 0), 1);
    if (w->looped) zeros = tape_fused_dot(tape, all, all, w->d);
    return binary(w, TAPE_LE, zeros, number(s, 0));
}

/* What is made of parameters and masses, at the nodes. */
static void write_totals(const Back *b, TapeValue *psi) {
    const Steps *s = &b->s;
    Writer *w = s->w;
    Tape *tape = w->tape;
    tape_lanes(tape, w->s);
    write_psi(b, b->kept, psi);
    for (uint32_t i = 0; i < b->slopes; i++) {
        const Term *x = &b->slope[i];
        tape_store(tape, at(LAG_WORK, b->total + i * s->l, 1, 0, 0), binary(w, TAPE_MUL, psi[x->k], value_of(b, x)));
    }
    for (uint32_t k = 0; k < w->d && b->mass; k++) {
        TapeValue pull = pull_of(b, b->kept, k);
        if (w->m->facts.diagonal_mass) pull = binary(w, TAPE_MUL, pull, b->inverse[k]);
        tape_store(tape, at(LAG_WORK, b->pull + k * s->l, 1, 0, 0), pull);
    }
    tape_end(tape);
}

/* Adds that up. */
static void write_parameters(const Back *b, TapeValue *psi) {
    const Steps *s = &b->s;
    Writer *w = s->w;
    const bool diagonal = w->m->facts.diagonal_mass;
    write_totals(b, psi);
    for (uint32_t i = 0; i < b->slopes; i++) {
        TapeValue sum = over_nodes(b, false, at(LAG_WORK, b->total + i * s->l, 0, 0, 0));
        keep(s, LAG_BY_PARAMETER, b->slope[i].l, binary(w, TAPE_ADD, load(w, LAG_BY_PARAMETER, b->slope[i].l), sum));
    }
    for (uint32_t k = 0; k < w->d && b->mass; k++)
        for (uint32_t l = diagonal ? k : 0; l < (diagonal ? k + 1 : w->d); l++) {
            uint32_t entry = diagonal ? k : k * w->d + l;
            TapeRef pull = terms(w, at(LAG_WORK, b->pull + k * s->l, 0, 0, 0), 1);
            TapeValue sum = tape_fused_dot(w->tape, pull, terms(w, at(LAG_F, l * s->l, 0, 0, 0), 1), w->s);
            keep(s, LAG_BY_MASS, entry, binary(w, TAPE_SUB, load(w, LAG_BY_MASS, entry), sum));
        }
}

/* What depends on parameters alone. */
static void write_first(Back *b) {
    Writer *w = b->s.w;
    const Mechanics *m = w->m;
    w->t = load(w, LAG_TIME, 0);
    w->h = load(w, LAG_TIME, 1);
    w->inverse_h = binary(w, TAPE_DIV, number(&b->s, 1), w->h);
    emit_roots(&w->emit, b->root, b->roots, m->state, 2 * w->d + 1);
    for (uint32_t k = 0; k < w->d && b->mass && m->facts.diagonal_mass; k++) {
        const NodeId *mass = &m->BV[(size_t)k * w->d + k];
        emit_roots(&w->emit, mass, 1, NULL, 0);
        b->inverse[k] = binary(w, TAPE_DIV, number(&b->s, 1), emit_value(&w->emit, *mass));
    }
}

void back_write(Writer *w) {
    Back b;
    TapeValue *psi = memory_new(w->d * sizeof *psi);
    bool room = psi && back_new(&b, w);
    if (room) find_terms(&b);
    if (room && make_room(&b)) {
        const Judge *judge = &b.s.judge;
        write_first(&b);
        if (b.s.several) {
            keep(&b.s, LAG_WORK, judge->alive, number(&b.s, 1));
            keep(&b.s, LAG_WORK, judge->active, number(&b.s, 1));
        }
        write_nodes(&b, judge_time(w, 0));
        write_sweeps(&b, psi);
        write_parameters(&b, psi);
        judge_count(judge, w, write_state(&b));
    } else {
        w->tape->failed = true;
    }
    if (psi) back_free(&b);
    memory_free(psi);
}

/* ---- The mass matrix ---- */

/* M_c stands in B_c = M_c v: with a row of LAG_BY_MASS in place of v, row k of B_c is what that row makes of the parameter.
 */
void back_write_mass(Writer *w) {
    const Mechanics *m = w->m;
    const bool diagonal = m->facts.diagonal_mass;
    if (!mass_slopes(m)) return;
    TapeValue zero = tape_constant(w->tape, 0);
    for (uint32_t i = 0; i < m->slope_count; i++) {
        const Slope *x = &m->slope[i];
        if (x->row < w->d) continue;
        const uint32_t k = x->row - w->d;
        TapeValue begin = w->tape->count;
        for (uint32_t l = 0; l < w->d; l++) {
            TapeValue v = !diagonal ? load(w, LAG_BY_MASS, k * w->d + l) : l == k ? load(w, LAG_BY_MASS, k) : zero;
            emit_bind(&w->emit, m->coordinate[l].v, v);
        }
        emit_roots(&w->emit, &x->node, 1, NULL, 0);
        TapeValue sum = binary(w, TAPE_ADD, load(w, LAG_BY_PARAMETER, x->parameter), emit_value(&w->emit, x->node));
        tape_store(w->tape, at(LAG_BY_PARAMETER, x->parameter, 0, 0, 0), sum);
        emit_forget(&w->emit, begin);
    }
}
