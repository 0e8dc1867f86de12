/* test_mechanics.c: which names are what, A and B, the coupling's check, facts, equations. */
#include "compile.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A text whose last statement is the Lagrangian, read by a session; NULL after errors. What was said is left in `said`. */
static LagSession *session;
static LagProgram *program;
static char said[4000];

static const LagModel *model_of(const char *text) {
    lag_program_free(program);
    lag_session_free(session);
    program = NULL;
    CU_ASSERT_FATAL(lag_session_new(LAG_ABI, &session) == LAG_OK);
    LagStatus status = lag_read(session, "test", text, strlen(text), &program);
    said[0] = 0;
    for (size_t i = 0; i < lag_diagnostic_count(session); i++) {
        size_t used = strlen(said);
        lag_diagnostic_format(lag_diagnostic(session, i), false, said + used, sizeof said - used);
    }
    return status == LAG_OK ? lag_program_model(program) : NULL;
}

static void model_end(void) {
    lag_program_free(program);
    lag_session_free(session);
    program = NULL;
    session = NULL;
}

static void check_names(const char *text, const char *coordinates, const char *parameters) {
    const LagModel *m = model_of(text);
    Buffer out = {0};
    if (!m) printf("\n    %s\n%s", text, said);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    for (uint32_t k = 0; k < lag_model_dof(m); k++) buffer_print(&out, "%s ", lag_model_coordinate(m, k));
    buffer_text(&out, "| ");
    for (uint32_t i = 0; i < lag_model_parameter_count(m); i++) buffer_print(&out, "%s ", lag_model_parameter(m, i));
    Buffer want = {0};
    buffer_print(&want, "%s| %s", coordinates, parameters);
    if (strcmp(out.bytes, want.bytes) != 0) printf("\n    %s: %s, not %s", text, out.bytes, want.bytes);
    CU_ASSERT_STRING_EQUAL(out.bytes, want.bytes);
    buffer_free(&out);
    buffer_free(&want);
}

static void test_names(void) {
    check_names("c1*qd^2 - c2*q^2 - c3*qd_p*q_m", "q ", "c1 c2 c3 ");
    check_names("kd = 0.3; m*qd^2/2 - k*q^2/2 - kd*qd_p*q_m", "q ", "m k kd ");
    check_names("m*qd^2/2 - k*q^2/2 - kd*qd_p*q_m; kd = 0.3", "q ", "m k kd ");
    check_names("param kd; m*qd^2/2 - k*q^2/2 - kd*qd_p*q_m", "q ", "m k kd ");
    check_names("coord y, x; xd^2 + yd^2 + x", "y x ", "");
    check_names("T = (xd^2 + yd^2)/2; V(s) = g*s; T - V(y)", "x y ", "g ");
    check_names("θd^2/2 + cos(θ)", "θ ", "");
    check_names("coord field; fieldd^2/2 - field^2", "field ", "");
    check_names("rd^2/2 + r^2*ad^2/2", "r a ", "");
    check_names("x1d^2 + x2d^2 - (x1 - x2)^2", "x1 x2 ", "");
    check_names("qd^2/2 - t*q", "q ", "");
    check_names("d^2 + dd^2", "d ", "");
    check_names("zd^2", "z ", "");
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "note: 'zd' is taken as the velocity of a coordinate 'z'"));
    model_end();
}

static void check_refused(const char *text, const char *message) {
    const LagModel *m = model_of(text);
    if (m || !strstr(said, message)) printf("\n    %s\n%s", text, said);
    CU_ASSERT_PTR_NULL(m);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, message));
}

static void test_refused(void) {
    check_refused("qd^2 + qdd^2", "'qdd' would be an acceleration");
    check_refused("k^2", "there is no coordinate");
    check_refused("q = 1; qd^2 - q_m", "doubles 'q', which is a parameter");
    check_refused("qd^2 - q^2 - c*q_p^2", "would not change sign when the two histories are swapped");
    check_refused("qd^2 - q^2 - c*q_m^2", "would not change sign when the two histories are swapped");
    check_refused("qd^2 - q^2 - c*qd_p*cos(q_m)", "would not change sign when the two histories are swapped");
    check_refused("qd^2 - q^2 - exp(q_m*log(2 + sin(q)))", "(checked at random points)");
    model_end();
}

static void test_coupling(void) {
    static const struct {
        const char *text;
        CouplingProof proof;
    } good[] = {
        {"qd^2 - q^2", COUPLING_NONE},
        {"qd^2 - c*qd_p*q_m", COUPLING_EXACT},
        {"qd^2 - c*qd_p^3*sin(q_m)", COUPLING_EXACT},
        {"(1 + q_m)*qd^2", COUPLING_EXACT},
        {"qd^2 - (q_m + 1)^2 + q_m^2 + 1", COUPLING_EXACT},
        {"qd^2 - c*tanh(q_m)/(1 + q_p^2 + qd_m^2)", COUPLING_EXACT},
        {"qd^2 - exp(q_m) + exp(-q_m)", COUPLING_EXACT},
        {"qd^2 - c*q_m*exp(2*log(1 + q_m^2))*sqrt(cosh(q_m))", COUPLING_EXACT},
        {"qd^2 - log(exp(q_m/2)*cosh(1)^q_m)", COUPLING_RANDOM},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const LagModel *m = model_of(good[i].text);
        if (!m) printf("\n    %s\n%s", good[i].text, said);
        CU_ASSERT_PTR_NOT_NULL(m);
        if (m && m->mech.coupling != good[i].proof) printf("\n    %s: proof %d", good[i].text, (int)m->mech.coupling);
        if (m) CU_ASSERT_EQUAL(m->mech.coupling, good[i].proof);
    }
    model_end();
}

static void test_facts(void) {
    const LagFacts *f = lag_model_facts(model_of("m*qd^2/2 - k*q^2/2 - c*qd_p*q_m"));
    CU_ASSERT(f->autonomous && f->quadratic && f->constant_mass && !f->forces_free_of_velocity && !f->conservative);
    CU_ASSERT(!f->cyclic[0]);
    f = lag_model_facts(model_of("(xd^2 + yd^2)/2 + 1/sqrt(x^2 + y^2)"));
    CU_ASSERT(f->autonomous && !f->quadratic && f->constant_mass && f->forces_free_of_velocity && f->conservative);
    f = lag_model_facts(model_of("(rd^2 + r^2*ad^2)/2 + 1/r + t*r"));
    CU_ASSERT(!f->autonomous && !f->quadratic && !f->constant_mass && f->conservative);
    CU_ASSERT(!f->cyclic[0] && f->cyclic[1]);
    f = lag_model_facts(model_of("(1 + t)*qd^2/2"));
    CU_ASSERT(f->quadratic && !f->constant_mass && f->cyclic[0]);
    f = lag_model_facts(model_of("((q + 1)^2 - q^2 - 2*q)*qd^2"));
    CU_ASSERT(f->quadratic && f->constant_mass && f->cyclic[0]);
    check_refused("xd^2 + a*y - y_m*x", "nothing gives 'y' a kinetic energy");
    check_refused("(xd + yd)^2 - x^2 - y^2", "the mass matrix is singular");
    check_refused("q*qd", "the mass matrix is singular");
    check_refused("(xd + yd)^2*(1 + x^2) - x^2 - sin(y)", "the mass matrix is singular");
    model_end();
}

static void check_view(const char *text, LagView view, const char *want) {
    const LagModel *m = model_of(text);
    char *got = NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    CU_ASSERT_EQUAL(lag_model_view(m, view, 2, LAG_BACKEND_INTERPRETER, &got), LAG_OK);
    if (!got || strcmp(got, want) != 0) printf("\n    %s: %s    not %s", text, got ? got : "", want);
    CU_ASSERT_STRING_EQUAL(got, want);
    lag_text_free(got);
}

static void test_equations(void) {
    check_view("m*qd^2/2 - k*q^2/2 - c*qd_p*q_m", LAG_VIEW_EQUATIONS, "m*qdd = -k*q - c*qd\n");
    check_view("c1*qd^2 - c2*q^2 - c3*qd_p*q_m", LAG_VIEW_EQUATIONS, "2*c1*qdd = -2*c2*q - c3*qd\n");
    check_view("(rd^2 + r^2*ad^2)/2 + mu/r", LAG_VIEW_EQUATIONS, "rdd = r*ad^2 - mu/r^2\nr^2*add = -2*rd*r*ad\n");
    check_view("m*l^2*θd^2/2 + m*g*l*cos(θ)", LAG_VIEW_EQUATIONS, "m*l^2*θdd = -l*m*g*sin(θ)\n");
    check_view("m*qd^2/2 - k*q^2/2 - c*qd_p*q_m", LAG_VIEW_ENERGY, "m*qd^2/2 + k*q^2/2\n");
    model_end();
}

void suite_mechanics(void) {
    suite_add("mechanics", (SuiteTest[]){{"coordinates and parameters", test_names},
                                         {"refused", test_refused},
                                         {"couplings", test_coupling},
                                         {"facts", test_facts},
                                         {"equations", test_equations},
                                         {0}});
}
