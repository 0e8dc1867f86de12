/* facts.c: what is known of a Lagrangian without running it.
 *
 * Needs A, B and their derivatives. Entries of the derivatives that the normal form shows to be free of the state are
 * replaced by it, so that whoever emits code sees them as constants. A mass matrix that is singular at random points, in
 * high-precision arithmetic and whatever the parameters, is an error. */
#include "mech/random.h"

#include <math.h>

enum { SETTLE_BUDGET = 64, MASS_BITS = 320, MASS_POINTS = 3, MASS_TRIES = 60, SETTLE_WORK = 2 * 1000 * 1000 };

/* True if the entries depend on none of x; those whose normal form alone shows it are replaced by it. Past SETTLE_WORK
 * nothing more is tried: to take a constant for varying costs time in each step, and changes no value. */
static bool settle_all(Mechanics *m, NodeId *entry, size_t entries, const NodeId *x, uint32_t count, uint64_t *work) {
    Graph *g = m->graph;
    bool all = true, *varies = memory_new(entries + 1);
    if (!varies) return !(g->failed = true);
    graph_depend(g, entry, (uint32_t)entries, x, count, varies);
    for (size_t i = 0; i < entries; i++) {
        if (!varies[i]) continue;
        NodeId normal = *work < SETTLE_WORK ? graph_normal(g, entry[i], SETTLE_BUDGET, work, NULL) : NODE_NONE;
        varies[i] = normal == NODE_NONE || graph_depends(g, normal, x, count);
        if (!varies[i]) entry[i] = normal;
        all = all && !varies[i];
    }
    memory_free(varies);
    return all;
}

static bool all_zero(const Mechanics *m, const NodeId *entry, size_t entries) {
    for (size_t i = 0; i < entries; i++)
        if (!graph_equals(m->graph, entry[i], 0)) return false;
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

/* The same in doubles, as a quick look: true if no pivot is small, so that the matrix is regular without doubt. */
static bool is_clearly_regular(mpfr_t *a, uint32_t d) {
    double *x = memory_new((size_t)d * d * sizeof *x), largest = 0;
    for (size_t i = 0; x && i < (size_t)d * d; i++) {
        x[i] = mpfr_get_d(a[i], MPFR_RNDN);
        largest = fmax(largest, fabs(x[i]));
    }
    bool regular = x && largest > 0 && isfinite(largest);
    for (uint32_t k = 0; k < d && regular; k++) {
        uint32_t pivot = k;
        for (uint32_t i = k + 1; i < d; i++)
            if (fabs(x[(size_t)i * d + k]) > fabs(x[(size_t)pivot * d + k])) pivot = i;
        double *top = x + (size_t)k * d, *best = x + (size_t)pivot * d;
        for (uint32_t j = k; j < d && pivot != k; j++) {
            double keep = top[j];
            top[j] = best[j], best[j] = keep;
        }
        regular = fabs(top[k]) > 1e-6 * largest;
        for (uint32_t i = k + 1; i < d && regular; i++) {
            double *row = x + (size_t)i * d, f = row[k] / top[k];
            for (uint32_t j = k + 1; j < d && f != 0; j++) row[j] -= f * top[j];
        }
    }
    memory_free(x);
    return regular;
}

/* Whether B_v is singular at MASS_POINTS random points out of MASS_POINTS. */
static bool mass_is_singular(Mechanics *m) {
    static const double spread[] = {0.25, 1, 0.01, 4};
    uint32_t d = m->dof, finite = 0;
    size_t entries = (size_t)d * d;
    bool singular = true;
    RandomPoint point;
    mpfr_t *a = numbers_new(entries, MASS_BITS);
    if (!a || !random_new(&point, m, MASS_BITS)) {
        memory_free(a);
        m->graph->failed = true;
        return false;
    }
    for (uint32_t i = 0; i < MASS_TRIES && finite < MASS_POINTS && singular; i++) {
        random_draw(&point, spread[i % 4]);
        if (!graph_evaluate(m->graph, m->BV, (uint32_t)entries, point.name, point.value, point.count, a)) {
            m->graph->failed = true;
            break;
        }
        bool numbers = true;
        for (size_t j = 0; j < entries; j++) numbers = numbers && mpfr_number_p(a[j]);
        if (!numbers) continue;
        finite++;
        singular = !is_clearly_regular(a, d) && eliminates_to_zero(a, d, MASS_BITS / 2);
    }
    memory_free(a);
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

/* ---- All facts ---- */

bool mechanics_facts(Mechanics *m, Span lagrangian, Diagnostics *diag) {
    uint32_t d = m->dof, variables = 2 * d;
    size_t square = (size_t)d * d;
    uint64_t work = 0;
    const NodeId *x = m->state;
    m->cyclic = memory_new((d + 1) * sizeof *m->cyclic);
    if (!m->cyclic) {
        m->graph->failed = true;
        return false;
    }
    LagFacts *f = &m->facts;
    bool mass = settle_all(m, m->BV, square, x, variables, &work);
    bool linear = settle_all(m, m->AQ, 3 * square, x, variables, &work); /* A_q, A_v, B_q lie side by side */
    f->quadratic = mass && linear;
    f->constant_mass = mass && settle_all(m, m->BV, square, x, variables + 1, &work);
    f->autonomous = !graph_depends(m->graph, m->lambda, &m->time, 1);
    f->forces_free_of_velocity = all_zero(m, m->AV, square);
    f->conservative = m->coupling == COUPLING_NONE;
    settle_all(m, m->A, d, x, variables + 1, &work);
    for (uint32_t k = 0; k < d; k++) m->cyclic[k] = graph_equals(m->graph, m->A[k], 0);
    f->cyclic = m->cyclic;
    if (mass_is_singular(m)) {
        report_singular(m, lagrangian, diag);
        return false;
    }
    return !m->graph->failed;
}
