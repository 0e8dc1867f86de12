/* facts.c: what is known of a Lagrangian without running it.
 *
 * Needs A, B and their derivatives. Entries of the derivatives that the normal form shows to be free of the state are
 * replaced by it, so that whoever emits code sees them as constants. A mass matrix that is singular at random points, in
 * high-precision arithmetic and whatever the parameters, is an error. */
#include "mech/random.h"

#include <math.h>

enum { SETTLE_BUDGET = 64, MASS_BITS = 320, MASS_POINTS = 3, MASS_TRIES = 60, SETTLE_WORK = 2 * 1000 * 1000 };

/* Whether a node needs one of the first `count` variables of the state. */
static bool needs_state(const Mechanics *m, NodeId a, uint32_t count) {
    Graph *g = m->graph;
    if (!graph_reach(g, &a, 1)) return true;
    for (uint32_t i = 0; i < g->list_count && g->list[i] < m->variables.nodes; i++) {
        uint32_t number = m->variables.number[g->list[i]];
        if (number && number <= count) return true;
    }
    return false;
}

/* True if the entries depend on none of the state's first `count` variables; those whose normal form alone shows it are
 * replaced by it. Past SETTLE_WORK nothing more is tried: to take a constant for varying costs time in each step, and
 * changes no value. */
static bool settle(Mechanics *m, NodeId **entry, uint32_t entries, uint32_t count, uint64_t *work) {
    Graph *g = m->graph;
    bool all = true, *varies = memory_new(entries + 1);
    NodeId *root = memory_new((entries + (size_t)1) * sizeof *root);
    if (varies && root) {
        for (uint32_t i = 0; i < entries; i++) root[i] = *entry[i];
        graph_depend(g, root, entries, m->state, count, varies);
    } else {
        g->failed = true;
        entries = 0;
    }
    for (uint32_t i = 0; i < entries; i++) {
        if (!varies[i]) continue;
        NodeId normal = *work < SETTLE_WORK ? graph_normal(g, root[i], SETTLE_BUDGET, work, NULL) : NODE_NONE;
        bool still = normal == NODE_NONE || needs_state(m, normal, count);
        if (!still) *entry[i] = normal;
        all = all && !still;
    }
    memory_free(varies);
    memory_free(root);
    return all && !g->failed;
}

/* The same for what is not zero in some of the blocks. */
static bool settle_blocks(Mechanics *m, NodeId *const *block, uint32_t blocks, uint32_t count, uint64_t *work) {
    uint32_t entries = 0;
    NodeId **entry = memory_new(((size_t)blocks * m->filled_count + 1) * sizeof *entry);
    if (!entry) m->graph->failed = true;
    for (uint32_t b = 0; entry && b < blocks; b++)
        for (uint32_t i = 0; i < m->filled_count; i++)
            if (!graph_equals(m->graph, block[b][m->filled[i]], 0)) entry[entries++] = &block[b][m->filled[i]];
    bool all = entry && settle(m, entry, entries, count, work);
    memory_free(entry);
    return all;
}

/* The force, component by component. */
static void settle_force(Mechanics *m, uint64_t *work) {
    NodeId **entry = memory_new((m->dof + (size_t)1) * sizeof *entry);
    if (!entry) m->graph->failed = true;
    for (uint32_t k = 0; entry && k < m->dof; k++) entry[k] = &m->A[k];
    if (entry) settle(m, entry, m->dof, 2 * m->dof + 1, work);
    memory_free(entry);
}

static bool all_zero(const Mechanics *m, const NodeId *block) {
    for (uint32_t i = 0; i < m->filled_count; i++)
        if (!graph_equals(m->graph, block[m->filled[i]], 0)) return false;
    return true;
}

/* ---- The mass matrix ---- */

/* Gaussian elimination with row pivoting: whether a pivot falls below 2^-`bits` of the matrix's largest entry. */
static bool eliminates_to_zero(mpfr_t *a, uint32_t d, long bits) {
    mpfr_t largest, f;
    mpfr_inits2(MASS_BITS, largest, f, (mpfr_ptr)NULL);
    mpfr_set_zero(largest, 1);
    for (size_t i = 0; i < (size_t)d * d; i++)
        if (mpfr_cmpabs(a[i], largest) > 0) mpfr_abs(largest, a[i], MPFR_RNDN);
    mpfr_mul_2si(largest, largest, -bits, MPFR_RNDN);
    bool singular = mpfr_zero_p(largest);
    for (uint32_t k = 0; k < d && !singular; k++) {
        uint32_t pivot = k;
        for (uint32_t i = k + 1; i < d; i++)
            if (mpfr_cmpabs(a[(size_t)i * d + k], a[(size_t)pivot * d + k]) > 0) pivot = i;
        for (uint32_t j = k; j < d && pivot != k; j++) mpfr_swap(a[(size_t)k * d + j], a[(size_t)pivot * d + j]);
        singular = mpfr_cmpabs(a[(size_t)k * d + k], largest) <= 0;
        for (uint32_t i = k + 1; i < d && !singular; i++) {
            if (mpfr_zero_p(a[(size_t)i * d + k])) continue;
            mpfr_div(f, a[(size_t)i * d + k], a[(size_t)k * d + k], MPFR_RNDN);
            mpfr_neg(f, f, MPFR_RNDN);
            for (uint32_t j = k + 1; j < d; j++)
                if (!mpfr_zero_p(a[(size_t)k * d + j]))
                    mpfr_fma(a[(size_t)i * d + j], f, a[(size_t)k * d + j], a[(size_t)i * d + j], MPFR_RNDN);
        }
    }
    mpfr_clears(largest, f, (mpfr_ptr)NULL);
    return singular;
}

/* The same in doubles, as a quick look: true if no pivot is small, so that the matrix is regular without doubt. Nothing
 * stands more than `below` places below the diagonal or `right` of it to the right, before rows are exchanged. */
static bool is_clearly_regular(double *x, uint32_t d, uint32_t below, uint32_t right, double largest) {
    bool regular = largest > 0 && isfinite(largest);
    for (uint32_t k = 0; k < d && regular; k++) {
        uint32_t pivot = k, rows = below < d - k ? k + below + 1 : d,
                 columns = below + right < d - k ? k + below + right + 1 : d;
        for (uint32_t i = k + 1; i < rows; i++)
            if (fabs(x[(size_t)i * d + k]) > fabs(x[(size_t)pivot * d + k])) pivot = i;
        double *top = x + (size_t)k * d, *best = x + (size_t)pivot * d;
        for (uint32_t j = k; j < columns && pivot != k; j++) {
            double keep = top[j];
            top[j] = best[j], best[j] = keep;
        }
        regular = fabs(top[k]) > 1e-6 * largest;
        for (uint32_t i = k + 1; i < rows && regular; i++) {
            double *row = x + (size_t)i * d, f = row[k] / top[k];
            for (uint32_t j = k + 1; j < columns && f != 0; j++) row[j] -= f * top[j];
        }
    }
    return regular;
}

/* The mass matrix at a random point: what is filled in. */
typedef struct Mass {
    NodeId *node;
    uint32_t *at; /* k dof + l */
    mpfr_t *value;
    uint32_t count, below, right; /* of the diagonal, at most */
} Mass;

static bool mass_new(const Mechanics *m, Mass *mass) {
    size_t most = (size_t)m->filled_count + 1;
    *mass = (Mass){.node = memory_new(2 * most * sizeof *mass->node), .value = numbers_new(most, MASS_BITS)};
    if (!mass->node || !mass->value) return false;
    mass->at = mass->node + most;
    for (uint32_t i = 0; i < m->filled_count; i++) {
        uint32_t at = m->filled[i], k = at / m->dof, l = at % m->dof;
        if (graph_equals(m->graph, m->BV[at], 0)) continue;
        if (k > l && k - l > mass->below) mass->below = k - l;
        if (l > k && l - k > mass->right) mass->right = l - k;
        mass->node[mass->count] = m->BV[at];
        mass->at[mass->count++] = at;
    }
    return true;
}

static void mass_free(Mass *mass) {
    memory_free(mass->node);
    memory_free(mass->value);
}

static bool seems_regular(const Mass *mass, uint32_t d) {
    if (mass->below == 0 && mass->right == 0) return false; /* which is soon known for certain */
    double *x = memory_new((size_t)d * d * sizeof *x), largest = 0;
    for (uint32_t i = 0; x && i < mass->count; i++) {
        double value = x[mass->at[i]] = mpfr_get_d(mass->value[i], MPFR_RNDN);
        largest = fmax(largest, fabs(value));
    }
    bool regular = x && is_clearly_regular(x, d, mass->below, mass->right, largest);
    memory_free(x);
    return regular;
}

/* The same, where nothing stands beside the diagonal. */
static bool has_tiny_entry(const Mass *mass, uint32_t d) {
    mpfr_t largest;
    mpfr_init2(largest, MASS_BITS);
    mpfr_set_zero(largest, 1);
    for (uint32_t i = 0; i < mass->count; i++)
        if (mpfr_cmpabs(mass->value[i], largest) > 0) mpfr_abs(largest, mass->value[i], MPFR_RNDN);
    mpfr_mul_2si(largest, largest, -MASS_BITS / 2, MPFR_RNDN);
    bool tiny = mass->count < d; /* an entry that is not there is 0 */
    for (uint32_t i = 0; i < mass->count; i++) tiny = tiny || mpfr_cmpabs(mass->value[i], largest) <= 0;
    mpfr_clear(largest);
    return tiny;
}

static bool is_singular(Mechanics *m, const Mass *mass) {
    if (mass->below == 0 && mass->right == 0) return has_tiny_entry(mass, m->dof);
    size_t entries = (size_t)m->dof * m->dof;
    mpfr_t *a = numbers_new(entries, MASS_BITS);
    if (!a) return !(m->graph->failed = true);
    for (size_t i = 0; i < entries; i++) mpfr_set_zero(a[i], 1);
    for (uint32_t i = 0; i < mass->count; i++) mpfr_set(a[mass->at[i]], mass->value[i], MPFR_RNDN);
    bool singular = eliminates_to_zero(a, m->dof, MASS_BITS / 2);
    memory_free(a);
    return singular;
}

/* Whether B_v is singular at MASS_POINTS random points out of MASS_POINTS. */
static bool mass_is_singular(Mechanics *m) {
    static const double spread[] = {0.25, 1, 0.01, 4};
    uint32_t finite = 0;
    bool singular = true;
    RandomPoint point;
    Mass mass;
    if (!mass_new(m, &mass) || !random_new(&point, m, MASS_BITS)) {
        mass_free(&mass);
        m->graph->failed = true;
        return false;
    }
    for (uint32_t i = 0; i < MASS_TRIES && finite < MASS_POINTS && singular; i++) {
        random_draw(&point, spread[i % 4]);
        if (!graph_evaluate(m->graph, mass.node, mass.count, point.name, point.value, point.count, mass.value)) {
            m->graph->failed = true;
            break;
        }
        bool numbers = true;
        for (uint32_t j = 0; j < mass.count; j++) numbers = numbers && mpfr_number_p(mass.value[j]);
        if (!numbers) continue;
        finite++;
        singular = !seems_regular(&mass, m->dof) && is_singular(m, &mass);
    }
    mass_free(&mass);
    random_free(&point);
    return singular && finite == MASS_POINTS;
}

static void report_singular(const Mechanics *m, Span lagrangian, Diagnostics *diag) {
    uint32_t errors = diag->errors;
    for (uint32_t k = 0; k < m->dof; k++) {
        const Coordinate *c = &m->coordinate[k];
        bool empty = true;
        for (uint32_t l = 0; l < m->dof; l++) empty = empty && graph_equals(m->graph, m->BV[k * m->dof + l], 0);
        if (empty)
            diag_error(diag, c->span, "every coordinate needs a term that is not linear in its velocity",
                       "the mass matrix is singular: nothing gives '%s' a kinetic energy", names_text(m->names, c->name));
    }
    if (diag->errors == errors)
        diag_error(diag, lagrangian, "the velocities enter in fewer independent combinations than there are coordinates",
                   "the mass matrix is singular");
}

/* ---- Momentum ---- */

/* What is solved for velocities, where M is not both constant and diagonal, grows as the cube of the coordinates: of more it
 * would cost more than Newton's method. */
enum { DENSE_MOST = 16 };

/* Whether B = M v, nothing else: B_v is constant, B_q and B_t are 0, and B is 0 where v is. Not tried where it is no use. */
static bool is_mass_times_velocity(Mechanics *m) {
    uint32_t d = m->dof;
    bool useful = m->facts.diagonal_mass || d <= DENSE_MOST;
    if (!useful || !m->facts.constant_mass || !all_zero(m, m->BQ)) return false;
    for (uint32_t k = 0; k < d; k++)
        if (!graph_equals(m->graph, m->BT[k], 0)) return false;
    NodeId *v = memory_new(3 * (d + (size_t)1) * sizeof *v);
    if (!v) return !(m->graph->failed = true);
    NodeId *zero = v + d, *rest = zero + d;
    for (uint32_t k = 0; k < d; k++) {
        v[k] = m->coordinate[k].v;
        zero[k] = graph_integer(m->graph, 0);
    }
    graph_substitute(m->graph, m->B, d, v, zero, d, rest);
    bool all = true;
    for (uint32_t k = 0; k < d; k++) all = all && graph_equals(m->graph, rest[k], 0);
    memory_free(v);
    return all;
}

static bool is_diagonal(const Mechanics *m, const NodeId *block) {
    for (uint32_t i = 0; i < m->filled_count; i++) {
        bool diagonal = m->filled[i] / m->dof == m->filled[i] % m->dof;
        if (!diagonal && !graph_equals(m->graph, block[m->filled[i]], 0)) return false;
    }
    return true;
}

/* M is factored as it stands, without exchanging rows. */
static bool has_pivots(const Mechanics *m) {
    bool all = true;
    for (uint32_t k = 0; k < m->dof; k++) all = all && !graph_equals(m->graph, m->BV[k * m->dof + k], 0);
    return all;
}

static bool iterates(const Mechanics *m) {
    const LagFacts *f = &m->facts;
    if (f->mass_times_velocity && f->diagonal_mass) return true;
    return m->dof <= DENSE_MOST && (f->mass_times_velocity || has_pivots(m));
}

static bool can_be_wide(const Mechanics *m) {
    return m->facts.iterates && !m->facts.affine && m->facts.diagonal_mass && m->facts.mass_times_velocity;
}

bool mechanics_is_wide(const Mechanics *m, uint32_t r) {
    return can_be_wide(m) && (m->dof > LAG_DENSE_DOF_MOST || (uint64_t)(r + 1) * m->dof > LAG_UNKNOWNS_MAX);
}

bool mechanics_has_steps(const Mechanics *m, uint32_t r, uint32_t form) {
    const LagFacts *f = &m->facts;
    if (!f->iterates || (form & LAG_FORM_LANES && mechanics_is_wide(m, r))) return false;
    if (!(form & LAG_FORM_NEWTON)) return !f->affine;
    return f->mass_times_velocity && m->dof <= LAG_AFFINE_DOF_MOST && (r + 2) * m->dof <= LAG_NEWTON_MOST &&
           !(form & LAG_FORM_LANES);
}

uint32_t mechanics_unknowns_most(const Mechanics *m) { return can_be_wide(m) ? LAG_UNKNOWNS_WIDE_MAX : LAG_UNKNOWNS_MAX; }

/* ---- All facts ---- */

bool mechanics_facts(Mechanics *m, Span lagrangian, Diagnostics *diag) {
    uint32_t d = m->dof, variables = 2 * d;
    uint64_t work = 0;
    NodeId *const others[] = {m->AQ, m->AV, m->BQ};
    m->cyclic = memory_new((d + 1) * sizeof *m->cyclic);
    if (!m->cyclic) {
        m->graph->failed = true;
        return false;
    }
    LagFacts *f = &m->facts;
    bool mass = settle_blocks(m, &m->BV, 1, variables, &work);
    bool linear = settle_blocks(m, others, 3, variables, &work);
    f->quadratic = mass && linear;
    f->constant_mass = mass && settle_blocks(m, &m->BV, 1, variables + 1, &work);
    f->autonomous = !graph_depends(m->graph, m->lambda, &m->time, 1);
    f->forces_free_of_velocity = all_zero(m, m->AV);
    f->affine = f->quadratic && f->autonomous && d <= LAG_AFFINE_DOF_MOST;
    f->diagonal_mass = is_diagonal(m, m->BV);
    f->mass_times_velocity = is_mass_times_velocity(m);
    f->iterates = iterates(m);
    f->conservative = m->coupling == COUPLING_NONE;
    settle_force(m, &work);
    for (uint32_t k = 0; k < d; k++) m->cyclic[k] = graph_equals(m->graph, m->A[k], 0);
    f->cyclic = m->cyclic;
    if (d > LAG_DENSE_DOF_MOST && !can_be_wide(m)) {
        diag_error(diag, lagrangian, "more go where all momenta are constant masses times velocities",
                   "more than %d coordinates", LAG_DENSE_DOF_MOST);
        return false;
    }
    if (mass_is_singular(m)) {
        report_singular(m, lagrangian, diag);
        return false;
    }
    return !m->graph->failed;
}
