/* mechanics.h: a Lagrangian becomes mechanics: coordinates, force A and momentum B in the physical limit, their derivatives,
 * checks and facts. Symbols as in lag_kernel.h. */
#ifndef LAG_MECH_MECHANICS_H
#define LAG_MECH_MECHANICS_H

#include "graph/graph.h"
#include "graph/lower.h"
#include "lag_kernel.h"

/* Past LAG_DENSE_DOF_MOST, systems whose momenta are constant masses times velocities. */
enum { MECHANICS_COORDINATES_MOST = 2000 };

/* The variables of one coordinate, as NAME nodes. */
typedef struct Coordinate {
    NameId name;
    NodeId q, v;           /* x, xd */
    NodeId q_plus, v_plus; /* x_p, xd_p */
    NodeId q_minus, v_minus;
    Span span; /* where it is first met */
} Coordinate;

typedef struct Parameter {
    NameId name;
    NodeId node;
    Span span; /* where it is first met */
} Parameter;

/* dA_k/dc_j or dB_k/dc_j. */
typedef struct Slope {
    uint32_t row, parameter; /* row k of A, or d + k of B; j */
    NodeId node;
} Slope;

/* How the coupling was found to be odd. */
typedef enum CouplingProof {
    COUPLING_NONE,   /* there is no coupling */
    COUPLING_EXACT,  /* by the normal form */
    COUPLING_RANDOM, /* at random points, in COUPLING_BITS-bit arithmetic */
} CouplingProof;

enum { COUPLING_POINTS = 16, COUPLING_BITS = 320 };

typedef struct Mechanics {
    Graph *graph;
    Names *names;
    Coordinate *coordinate; /* [dof], in the order of the state */
    uint32_t dof, coordinate_capacity;
    Parameter *parameter; /* [parameter_count], in the order met */
    uint32_t parameter_count;
    NodeId time;
    NodeId *state;             /* [2 dof + 1]: q, v of each coordinate, then t; behind it the accelerations' names, [dof] */
    GraphVariables variables;  /* the state's, without the accelerations */
    NodeId lambda;             /* as typed */
    NodeId conservative;       /* L: lambda where the minus variables are 0 */
    NodeId energy;             /* sum v dL/dv - L */
    NodeId *A, *B, *BT;        /* [dof] */
    NodeId *AQ, *AV, *BQ, *BV; /* [dof * dof], row-major */
    uint32_t *filled;          /* the places, ascending, outside of which all four are 0 */
    uint32_t filled_count, filled_capacity;
    Slope *slope; /* [slope_count]: derivatives in parameters that are not 0, of A's rows and then of B's, ascending */
    uint32_t slope_count, slope_capacity;
    bool sloped; /* they have been derived */
    LagFacts facts;
    bool *cyclic; /* what facts.cyclic points at */
    CouplingProof coupling;
} Mechanics;

/* variables.c: tells coordinates from parameters. `use` is what the Lagrangian names; `coord` and `param` what statements
 * said outright, in order. Fills coordinate, parameter, dof, time; says in diag what is wrong and what was taken for
 * granted. False after an error. */
typedef struct Declared {
    const NameSet *coord, *param;
} Declared;

bool mechanics_variables(Mechanics *m, const Lowering *lowering, Declared declared, Diagnostics *diag);

/* lagrange.c: A, B, their derivatives and the energy, from lambda. */
bool mechanics_derive(Mechanics *m);

/* parameters.c: the derivatives of A and B in the parameters, once: false where the graph has failed. */
bool mechanics_derive_parameters(Mechanics *m);

/* coupling.c: checks that what holds minus variables is odd in them, and that plus variables stand nowhere else. Points at
 * the terms at fault among those of the expression `root` of `tree`, whose nodes are lowering->node. False after an error.
 */
bool mechanics_check_coupling(Mechanics *m, const Lowering *lowering, const Tree *tree, TreeId root, Diagnostics *diag);

/* facts.c: what can be known without running; a mass matrix that is singular everywhere is an error. */
bool mechanics_facts(Mechanics *m, Span lagrangian, Diagnostics *diag);

/* facts.c: whether a kernel of that r is wide (lag_kernel.h); whether it has LAG_STEPS, in a form of LagForm (0: its own);
 * and the most unknowns that a step may have. */
bool mechanics_is_wide(const Mechanics *m, uint32_t r);
bool mechanics_has_steps(const Mechanics *m, uint32_t r, uint32_t form);
uint32_t mechanics_unknowns_most(const Mechanics *m);

/* equations.c: an expression as people write it; the equations of motion, B_v q'' = A - B_q q' - B_t, one a line; A, B and
 * their derivatives. */
void mechanics_print(const Mechanics *m, NodeId a, uint32_t most, Buffer *out);
void mechanics_print_equations(Mechanics *m, Buffer *out);
void mechanics_print_lagrange(Mechanics *m, Buffer *out);

void mechanics_free(Mechanics *m); /* not the graph, not the names */

#endif
