/* values.c: values of constant expressions, and the session's parameters. */
#include "graph/evaluate.h"
#include "session.h"

#include <math.h>
#include <string.h>

enum { VALUE_BITS = 160 }; /* so that a value is rounded once, in effect */

bool session_value_set(SessionState *state, NameId name, double value, bool override) {
    void *data = state->value;
    if (!memory_grow(&data, &state->value_capacity, (size_t)name + 1, sizeof *state->value)) return false;
    state->value = data;
    while (state->value_count <= name) state->value[state->value_count++] = (SessionValue){0};
    SessionValue *v = &state->value[name];
    if (!v->overridden || override) *v = (SessionValue){value, true, override};
    return true;
}

bool session_state_copy(SessionState *to, const SessionState *from) {
    *to = (SessionState){.model = lag_model_hold(from->model),
                         .started = from->started,
                         .integrated = from->integrated,
                         .observed = from->observed,
                         .has_dt = from->has_dt,
                         .has_length = from->has_length,
                         .r = from->r};
    void *data = NULL;
    bool good = definitions_copy(&to->definitions, &from->definitions) && name_set_copy(&to->coord, &from->coord) &&
                name_set_copy(&to->param, &from->param) &&
                memory_grow(&data, &to->value_capacity, from->value_count, sizeof *to->value);
    if (good) {
        to->value = data;
        to->value_count = from->value_count;
        if (from->value_count) memcpy(to->value, from->value, from->value_count * sizeof *to->value);
    }
    return good;
}

void session_state_free(SessionState *state) {
    definitions_free(&state->definitions);
    memory_free(state->value);
    name_set_free(&state->coord);
    name_set_free(&state->param);
    lag_model_release(state->model);
    *state = (SessionState){0};
}

static const SessionValue *value_of(const SessionState *state, NameId name) {
    return name < state->value_count && state->value[name].known ? &state->value[name] : NULL;
}

LagStatus session_evaluate(LagProgram *program, const SessionState *state, NodeId node, double *value, NameId *missing) {
    Graph *g = &program->values;
    if (!graph_reach(g, &node, 1)) return LAG_ERROR_MEMORY;
    NodeId *name = memory_new((g->list_count + 1) * sizeof *name);
    mpfr_t *number = numbers_new(g->list_count, VALUE_BITS);
    uint32_t count = 0;
    LagStatus status = name && number ? LAG_OK : LAG_ERROR_MEMORY;
    for (uint32_t i = 0; status == LAG_OK && i < g->list_count; i++) {
        if (g->node[g->list[i]].code != GRAPH_NAME) continue;
        const SessionValue *v = value_of(state, g->node[g->list[i]].a);
        if (v) {
            name[count] = g->list[i];
            mpfr_set_d(number[count++], v->value, MPFR_RNDN);
        } else {
            if (missing) *missing = g->node[g->list[i]].a;
            status = LAG_ERROR_VALUE;
        }
    }
    if (status == LAG_OK) {
        mpfr_t result;
        mpfr_init2(result, VALUE_BITS);
        if (!graph_evaluate(g, &node, 1, name, number, count, &result)) status = LAG_ERROR_MEMORY;
        double rounded = mpfr_get_d(result, MPFR_RNDN);
        if (status == LAG_OK && !isfinite(rounded)) status = LAG_ERROR_NOT_FINITE;
        if (status == LAG_OK) *value = rounded;
        mpfr_clear(result);
    }
    memory_free(name);
    memory_free(number);
    return status;
}

/* ---- The public face ---- */

LagStatus lag_program_value(const LagProgram *program, const LagItem *item, double *value) {
    return session_evaluate((LagProgram *)(uintptr_t)program, &program->session->state, item->expression, value, NULL);
}

static LagStatus set(LagSession *session, const char *name, double value, bool override) {
    if (!isfinite(value)) return LAG_ERROR_NOT_FINITE;
    session->names.failed = false;
    NameId id = names_intern(&session->names, name, strlen(name));
    if (session->names.failed || !session_value_set(&session->state, id, value, override)) return LAG_ERROR_MEMORY;
    return LAG_OK;
}

LagStatus lag_session_set(LagSession *session, const char *name, double value) { return set(session, name, value, false); }
LagStatus lag_session_override(LagSession *session, const char *name, double value) {
    return set(session, name, value, true);
}

LagStatus lag_session_get(const LagSession *session, const char *name, double *value) {
    NameId id = names_find(&session->names, name, strlen(name));
    const SessionValue *v = id == NAME_NONE ? NULL : value_of(&session->state, id);
    if (!v) return LAG_ERROR_VALUE;
    *value = v->value;
    return LAG_OK;
}

LagStatus lag_session_parameters(const LagSession *session, const LagModel *model, double *value) {
    uint32_t count = lag_model_parameter_count(model);
    double ignored;
    for (uint32_t i = 0; i < count; i++) {
        LagStatus status = lag_session_get(session, lag_model_parameter(model, i), &ignored);
        if (status != LAG_OK) return status;
    }
    for (uint32_t i = 0; i < count; i++) lag_session_get(session, lag_model_parameter(model, i), &value[i]);
    return LAG_OK;
}
