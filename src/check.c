/* check.c: the meaning of statements. Goes through a tree's statements in order, as carrying them out would, with the
 * session's state as it will then be: so that what is wrong anywhere in a text is said before any of it runs. */
#include "check.h"

#include "compile.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Help for messages ---- */

/* The candidate nearest to a word within tolerance, or NULL. */
static const char *nearest(const char *word, const char *const *candidate, uint32_t count) {
    uint32_t best = names_tolerance(word) + 1;
    const char *found = NULL;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t distance = names_distance(word, candidate[i], best);
        if (distance < best) best = distance, found = candidate[i];
    }
    return found;
}

void check_unknown(Checker *c, Span span, const char *what, const char *word, const char *const *candidate, uint32_t count,
                   const char *otherwise) {
    char hint[100];
    const char *near = nearest(word, candidate, count);
    snprintf(hint, sizeof hint, "did you mean '%.64s'?", near ? near : "");
    diag_error(c->diag, span, near ? hint : otherwise, "%s '%s'", what, word);
}

bool check_has_model(Checker *c, const TreeStatement *s, const char *what) {
    if (c->state->model) return true;
    if (!c->no_model)
        diag_error(c->diag, s->word, "type one first, as in m*qd^2/2 - k*q^2/2", "%s needs a Lagrangian", what);
    return false;
}

/* ---- Values ---- */

/* An expression of a statement as a node of program->values. */
NodeId check_node(Checker *c, TreeId value) { return lower_expression(&c->lowering, c->tree, value); }

static void begin_lowering(Checker *c) {
    lowering_free(&c->lowering);
    c->lowering = (Lowering){.graph = &c->program->values,
                             .names = c->names,
                             .definitions = &c->state->definitions,
                             .diag = c->diag,
                             .work = c->lowering.work}; /* all of a text has one bound */
}

/* The same, and its value as things stand here; false after an error. */
bool check_value(Checker *c, TreeId value, NodeId *node, double *now) {
    uint32_t errors = c->diag->errors;
    *node = check_node(c, value);
    if (c->diag->errors != errors) return false;
    NameId missing = NAME_NONE;
    LagStatus status = session_evaluate(c->program, c->state, *node, now, &missing);
    Span span = tree_span(c->tree, value);
    if (status == LAG_ERROR_VALUE)
        diag_error(c->diag, span, "give it one above: NAME = VALUE", "'%s' has no value", names_text(c->names, missing));
    else if (status == LAG_ERROR_NOT_FINITE)
        diag_error(c->diag, span, NULL, "this value is not a finite number");
    else if (status != LAG_OK)
        lower_report_failure(&c->program->values, span, c->diag);
    return status == LAG_OK;
}

/* ---- Definitions ---- */

/* Why a name can't be defined, or NULL. */
static const char *taken(const Checker *c, NameId name) {
    const char *text = names_text(c->names, name);
    return strcmp(text, "t") == 0    ? "'t' is the time"
           : strcmp(text, "pi") == 0 ? "'pi' is the number pi"
           : lower_is_function(text) ? "this is a function of the language"
                                     : NULL;
}

static bool may_be_named(Checker *c, NameId name, Span span) {
    const char *why = taken(c, name);
    if (why) diag_error(c->diag, span, "take another name", "%s and can't be given another meaning", why);
    return !why;
}

static Definition definition_from(const Checker *c, const TreeStatement *s) {
    bool constant = s->verb == TREE_DEFINE && lower_is_constant(c->tree, c->names, s->value);
    return (Definition){
        .kind = s->verb == TREE_FUNCTION ? DEFINITION_FUNCTION
                : constant               ? DEFINITION_PARAMETER
                                         : DEFINITION_EXPRESSION,
        .tree = c->tree,
        .value = s->value,
        .item = s->item,
        .item_count = s->item_count,
        .span = s->word,
    };
}

/* What a text defines anywhere in it is defined throughout, unless it already was. */
static void define_ahead(Checker *c) {
    for (uint32_t i = 0; i < c->tree->statement_count; i++) {
        const TreeStatement *s = &c->tree->statement[i];
        if ((s->verb != TREE_DEFINE && s->verb != TREE_FUNCTION) || taken(c, s->name)) continue;
        if (definition_of(&c->state->definitions, s->name).kind == DEFINITION_NONE)
            c->failed |= !definition_set(&c->state->definitions, s->name, definition_from(c, s));
    }
}

static void check_definition(Checker *c, const TreeStatement *s) {
    if (!may_be_named(c, s->name, s->word)) return;
    Definition d = definition_from(c, s), before = definition_of(&c->state->definitions, s->name);
    c->failed |= !definition_set(&c->state->definitions, s->name, d);
    if (before.tree != d.tree || before.value != d.value) begin_lowering(c);
    if (d.kind == DEFINITION_PARAMETER) {
        NodeId node;
        double value;
        bool good = check_value(c, s->value, &node, &value);
        c->failed |=
            !session_value_set(c->state, s->name, good ? value : 1, false); /* so that it is complained about once */
        if (!good) return;
        c->out->verb = LAG_VERB_DEFINE;
        c->item[c->out->item_count++] = (LagItem){.kind = LAG_ITEM_VALUE, .expression = node};
        return;
    }
    if (d.kind == DEFINITION_FUNCTION)
        lower_function_body(&c->lowering, &d);
    else
        check_node(c, s->value);
}

static void check_declaration(Checker *c, const TreeStatement *s) {
    NameSet *list = s->verb == TREE_COORD ? &c->state->coord : &c->state->param;
    const NameSet *other = s->verb == TREE_COORD ? &c->state->param : &c->state->coord;
    for (uint32_t i = 0; i < s->item_count; i++) {
        const TreeItem *item = &c->tree->item[s->item + i];
        if (!may_be_named(c, item->name, item->name_span)) continue;
        if (name_set_has(other, item->name))
            diag_error(c->diag, item->name_span, NULL, "'%s' was declared a %s", names_text(c->names, item->name),
                       s->verb == TREE_COORD ? "parameter" : "coordinate");
        else
            c->failed |= !name_set_add(list, item->name);
    }
}

/* ---- The Lagrangian ---- */

static void check_lagrangian(Checker *c, const TreeStatement *s) {
    SessionState *state = c->state;
    Declared declared = {&state->coord, &state->param};
    LagModel *model = compile_model(c->tree, s->value, c->names, &state->definitions, declared, &c->lowering.work, c->diag);
    c->no_model = !model;
    c->parameters_checked = false;
    lag_model_release(state->model);
    state->model = model;
    state->started = state->integrated = state->prior = false;
}

/* ---- start ---- */

/* What a name is to a motion: what a `start` of it sets; false if nothing. */
bool check_motion_item(const LagModel *model, const char *name, LagItem *item) {
    const Mechanics *m = &model->mech;
    size_t size = strlen(name);
    bool momentum = strncmp(name, "pi_", 3) == 0;
    NameId whole = names_find(&model->names, name, size);
    NameId rest = momentum ? names_find(&model->names, name + 3, size - 3) : NAME_NONE;
    if (strcmp(name, "t") == 0) {
        item->kind = LAG_ITEM_TIME;
        return true;
    }
    for (uint32_t k = 0; k < m->dof; k++) {
        const Coordinate *x = &m->coordinate[k];
        item->index = k;
        item->kind = whole == x->name                       ? LAG_ITEM_COORDINATE
                     : whole == m->graph->node[x->v].a      ? LAG_ITEM_VELOCITY
                     : rest != NAME_NONE && rest == x->name ? LAG_ITEM_MOMENTUM
                                                            : LAG_ITEM_VALUE;
        if (item->kind != LAG_ITEM_VALUE) return true;
    }
    return false;
}

/* Names that a start can give, coordinates, their velocities and momenta: so many are looked at for one that is alike. */
enum { START_NAMES = 3 * 500 };

void check_unknown_motion(Checker *c, Span span, const char *what, const char *name, const char *otherwise) {
    const LagModel *model = c->state->model;
    static const char *const suffix[] = {"", "d"};
    char spelt[START_NAMES][72];
    const char *candidate[START_NAMES];
    uint32_t count = 0;
    for (uint32_t k = 0; k < model->mech.dof && count < START_NAMES && c->diag->count < DIAG_SUGGEST; k++) {
        for (int i = 0; i < 2; i++, count++)
            snprintf(spelt[count], sizeof spelt[count], "%.64s%s", lag_model_coordinate(model, k), suffix[i]);
        snprintf(spelt[count], sizeof spelt[count], "pi_%.64s", lag_model_coordinate(model, k));
        count++;
    }
    for (uint32_t i = 0; i < count; i++) candidate[i] = spelt[i];
    check_unknown(c, span, what, name, candidate, count, otherwise);
}

static void check_start(Checker *c, const TreeStatement *s) {
    if (!check_has_model(c, s, "start")) {
        for (uint32_t i = 0; i < s->item_count; i++) check_node(c, c->tree->item[s->item + i].value);
        return;
    }
    const TreeItem *velocity = NULL, *momentum = NULL;
    for (uint32_t i = 0; i < s->item_count; i++) {
        const TreeItem *item = &c->tree->item[s->item + i];
        LagItem target = {0};
        double value;
        const char *name = names_text(c->names, item->name);
        bool known = check_motion_item(c->state->model, name, &target);
        if (!known)
            check_unknown_motion(c, item->name_span, "nothing to start called", name,
                                 "a start names coordinates, their velocities or momenta pi_NAME, and t");
        bool good = check_value(c, item->value, &target.expression, &value);
        if (c->diag->full) return;
        if (!known || !good) continue;
        bool twice = false;
        for (uint32_t j = 0; j < c->out->item_count; j++)
            twice = twice || (c->item[j].kind == target.kind && c->item[j].index == target.index);
        if (twice) {
            diag_error(c->diag, item->name_span, NULL, "'%s' is started twice", name);
            continue;
        }
        if (target.kind == LAG_ITEM_VELOCITY && !velocity) velocity = item;
        if (target.kind == LAG_ITEM_MOMENTUM && !momentum) momentum = item;
        c->item[c->out->item_count++] = target;
    }
    if (velocity && momentum)
        diag_error(c->diag, (velocity > momentum ? velocity : momentum)->name_span, "give all velocities, or all momenta",
                   "a start takes velocities or momenta, not both");
    c->state->started = true;
}

/* ---- integrate, method ---- */

const char *const session_setting_name[SESSION_SETTINGS] = {"r", "dt", "steps", "until", "every", "tol", "method"};
const char *const session_method_name[SESSION_METHODS] = {"ggl", "rk2", "rk4", "newton", "compensated"};
#define METHOD_HINT "ggl, compensated, newton, rk2 or rk4"
#define SETTING_MOST 1e15 /* steps and every: doubles count them exactly */

uint32_t check_index(const char *word, const char *const *list, uint32_t count) {
    uint32_t i = 0;
    while (i < count && strcmp(word, list[i]) != 0) i++;
    return i;
}

static void check_method(Checker *c, const TreeItem *item, LagItem *out) {
    Span span = tree_span(c->tree, item->value);
    const TreeNode *node = &c->tree->node[item->value];
    const char *word = node->kind == TREE_NAME ? names_text(c->names, node->a) : "";
    uint32_t method = check_index(word, session_method_name, SESSION_METHODS);
    if (method == SESSION_METHODS && !*word)
        diag_error(c->diag, span, METHOD_HINT, "a method is a name");
    else if (method == SESSION_METHODS)
        check_unknown(c, span, "unknown method", word, session_method_name, SESSION_METHODS, METHOD_HINT);
    else
        *out = (LagItem){.kind = LAG_ITEM_METHOD, .index = method};
}

/* What is wrong with a setting's value, or NULL. */
static const char *setting_fault(LagItemKind kind, double value) {
    bool whole = value == floor(value);
    switch (kind) {
    case LAG_ITEM_R: return whole && value >= 0 && value <= LAG_R_MAX ? NULL : "r is a whole number from 0 to 200";
    case LAG_ITEM_DT: return value != 0 ? NULL : "dt can't be 0";
    case LAG_ITEM_STEPS:
        return whole && value >= 1 && value <= SETTING_MOST ? NULL : "steps is a whole number from 1 to 1e15";
    case LAG_ITEM_EVERY:
        return whole && value >= 1 && value <= SETTING_MOST ? NULL : "every is a whole number from 1 to 1e15";
    case LAG_ITEM_TOL: return value > 0 && value < 1 ? NULL : "tol is a number above 0 and below 1";
    default: return NULL;
    }
}

static void check_setting(Checker *c, const TreeItem *item) {
    const char *name = names_text(c->names, item->name);
    uint32_t which = check_index(name, session_setting_name, SESSION_SETTINGS);
    if (which == SESSION_SETTINGS) {
        check_unknown(c, item->name_span, "unknown setting", name, session_setting_name, SESSION_SETTINGS,
                      "the settings are r, dt, steps, until, every, tol and method");
        check_node(c, item->value);
        c->state->has_dt = c->state->has_length = c->state->has_until = true; /* it may have been one of these */
        return;
    }
    LagItem out = {.kind = (LagItemKind)(LAG_ITEM_R + which)};
    if (out.kind == LAG_ITEM_METHOD) {
        out.kind = LAG_ITEM_VALUE;
        check_method(c, item, &out);
        if (out.kind == LAG_ITEM_VALUE) return;
    } else {
        double value;
        if (!check_value(c, item->value, &out.expression, &value)) return;
        const char *fault = setting_fault(out.kind, value);
        if (fault) {
            diag_error(c->diag, tree_span(c->tree, item->value), NULL, "%s", fault);
            return;
        }
        if (out.kind == LAG_ITEM_R) c->state->r = (uint32_t)value;
    }
    if (out.kind == LAG_ITEM_METHOD) c->state->explicit_method = out.index == LAG_METHOD_RK2 || out.index == LAG_METHOD_RK4;
    for (uint32_t j = 0; j < c->out->item_count; j++)
        if (c->item[j].kind == out.kind) {
            diag_error(c->diag, item->name_span, NULL, "'%s' is set twice", name);
            return;
        }
    c->item[c->out->item_count++] = out;
}

/* Parameters without a value, each where the Lagrangian first names it. */
void check_parameters(Checker *c, const char *what) {
    const LagModel *model = c->state->model;
    if (c->parameters_checked) return;
    c->parameters_checked = true;
    for (uint32_t i = 0; i < model->mech.parameter_count; i++) {
        const Parameter *p = &model->mech.parameter[i];
        const char *name = names_text(&model->names, p->name);
        NameId id = names_find(c->names, name, strlen(name));
        if (id < c->state->value_count && c->state->value[id].known) continue;
        if (name_set_has(&c->fitted, id)) continue;
        char hint[100];
        snprintf(hint, sizeof hint, "give it one: %.64s = VALUE", name);
        diag_error(c->diag, p->span, hint, "parameter '%s' has no value, and %s needs it", name, what);
    }
}

/* The item of that name, or NULL. */
static const TreeItem *among_items(const Checker *c, const TreeStatement *s, const char *name) {
    for (uint32_t i = 0; i < s->item_count; i++)
        if (strcmp(names_text(c->names, c->tree->item[s->item + i].name), name) == 0) return &c->tree->item[s->item + i];
    return NULL;
}

/* Whether what tol stands with lets r and dt be chosen. */
static void check_tol(Checker *c, const TreeStatement *s, const TreeItem *tol) {
    const TreeItem *steps = among_items(c, s, "steps"), *dt = among_items(c, s, "dt");
    if (s->verb == TREE_METHOD)
        diag_error(c->diag, tol->name_span, "give it to integrate", "tol is of one run: r and dt are chosen for it");
    else if (c->state->explicit_method)
        diag_error(c->diag, tol->name_span, "give dt instead, or take method = ggl",
                   "r and dt are chosen for ggl and newton only");
    else if (steps && !dt && !among_items(c, s, "until"))
        diag_error(c->diag, steps->name_span, "give until instead, or dt too",
                   "how far so many steps go is not known before tol has chosen dt");
    else if (!steps && !dt && !c->state->has_until)
        diag_error(c->diag, tol->name_span, "as in: integrate tol = 1e-9, until = 100", "tol needs until");
}

static void check_integrate(Checker *c, const TreeStatement *s) {
    for (uint32_t i = 0; i < s->item_count && !c->diag->full; i++) check_setting(c, &c->tree->item[s->item + i]);
    c->state->integrated = c->state->integrated || s->verb == TREE_INTEGRATE;
    const TreeItem *steps = among_items(c, s, "steps"), *until = among_items(c, s, "until"), *tol = among_items(c, s, "tol");
    if (steps && until) diag_error(c->diag, s->word, NULL, "give steps or until, not both");
    c->state->has_dt = c->state->has_dt || among_items(c, s, "dt") || (tol && s->verb == TREE_INTEGRATE);
    if (steps || until) c->state->has_until = until;
    if (tol) check_tol(c, s, tol);
    c->state->has_length = c->state->has_length || steps || until;
    if (s->verb == TREE_METHOD) return;
    if (!c->state->has_dt)
        diag_error(c->diag, s->word, "as in: integrate r = 4, dt = 0.1, steps = 1000", "integrate needs dt");
    if (!c->state->has_length && !(tol && !among_items(c, s, "dt"))) /* which has been said */
        diag_error(c->diag, s->word, "as in: integrate r = 4, dt = 0.1, steps = 1000", "integrate needs steps or until");
    if (!check_has_model(c, s, "integrate")) return;
    uint32_t unknowns = (c->state->r + 1) * c->state->model->mech.dof;
    uint32_t most = mechanics_unknowns_most(&c->state->model->mech);
    bool chosen = tol && !among_items(c, s, "r");
    if (unknowns > most && !chosen)
        diag_error(c->diag, s->word, "take a smaller r", "a step with r = %u has %u unknowns: more than %u", c->state->r,
                   unknowns, most);
    if (!c->state->started && !c->state->observed)
        diag_error(c->diag, s->word, "as in: start q = 1, qd = 0", "integrate needs a start for this Lagrangian");
    check_parameters(c, "integrating");
}

/* ---- save, plot, show ---- */

bool check_ends_in(const char *text, const char *ending) {
    size_t size = text ? strlen(text) : 0, most = strlen(ending);
    return size > most && strcmp(text + size - most, ending) == 0;
}

static void needs_trajectory(Checker *c, const TreeStatement *s, const char *what) {
    if (!c->state->integrated && !c->no_model)
        diag_error(c->diag, s->word, "integrate first", "there is no trajectory to %s", what);
}

static void check_save(Checker *c, const TreeStatement *s) {
    if (!check_ends_in(s->text, ".csv") && !check_ends_in(s->text, ".npy"))
        diag_error(c->diag, s->text_span, "the name ends in .csv or .npy", "can't tell what kind of file to save");
    needs_trajectory(c, s, "save");
    c->out->word = s->text;
}

/* A column of a trajectory. */
static void check_column(Checker *c, const TreeItem *item, LagItem *column) {
    const char *name = names_text(c->names, item->name);
    bool known = check_motion_item(c->state->model, name, column);
    if (!known && strcmp(name, "energy") == 0) {
        column->kind = LAG_ITEM_ENERGY;
    } else if (!known) {
        check_unknown_motion(c, item->name_span, "nothing to plot called", name,
                             "a plot is of coordinates, momenta pi_NAME, energy and t");
    } else if (column->kind == LAG_ITEM_VELOCITY) {
        char hint[100];
        snprintf(hint, sizeof hint, "plot the momentum: pi_%.64s", lag_model_coordinate(c->state->model, column->index));
        diag_error(c->diag, item->name_span, hint, "a trajectory holds momenta, and no velocities");
    }
}

bool check_is_picture(const char *text) {
    return check_ends_in(text, ".svg") || check_ends_in(text, ".png") || check_ends_in(text, ".pdf");
}

static void check_picture(Checker *c, const TreeItem *item) {
    if (!check_is_picture(item->text))
        diag_error(c->diag, item->name_span, "the name ends in .svg, .png or .pdf",
                   "can't tell what kind of picture to draw");
    c->out->word = item->text;
}

static void check_plot(Checker *c, const TreeStatement *s) {
    const TreeItem *item = &c->tree->item[s->item];
    needs_trajectory(c, s, "plot");
    c->item[c->out->item_count++] = (LagItem){.kind = LAG_ITEM_TIME};
    for (uint32_t i = 0; i < s->item_count; i++) {
        LagItem column = {.kind = LAG_ITEM_VALUE};
        if (item[i].role == TREE_TO) check_picture(c, &item[i]);
        if ((item[i].role != TREE_PLAIN && item[i].role != TREE_AGAINST) || !c->state->model) continue;
        check_column(c, &item[i], &column);
        if (item[i].role == TREE_AGAINST)
            c->item[0] = column;
        else
            c->item[c->out->item_count++] = column;
    }
    for (uint32_t i = 0; i < s->item_count; i++)
        if (item[i].role == TREE_WITH)
            c->item[c->out->item_count++] = (LagItem){.kind = LAG_ITEM_FILE, .text = item[i].text};
}

static void check_show(Checker *c, const TreeStatement *s) {
    static const char *const other[] = {"parameters", "lagrangian", "equations", "energy", "kernel", "tokens", "tree",
                                        "graph",      "lagrange",   "discrete",  "tape",   "llvm",   "asm"};
    const char *what = names_text(c->names, s->name);
    c->out->word = what;
    LagView view = lag_view_named(what);
    if (strcmp(what, "c") == 0) {
        diag_error(c->diag, s->text_span, NULL, "'c' does not exist yet");
    } else if (view == LAG_VIEW_COUNT && strcmp(what, "parameters") != 0) {
        check_unknown(c, s->text_span, "nothing to show called", what, other, sizeof other / sizeof *other,
                      "lagrangian, equations, energy, parameters, kernel, or a dump's name");
    } else if (view != LAG_VIEW_TOKENS && view != LAG_VIEW_TREE) {
        check_has_model(c, s, "show");
    }
}

/* ---- All statements ---- */

/* After a mistake of syntax: what the statement seems to have meant is taken as said, so that nothing is complained about
 * for lack of it. */
static void assume(Checker *c, const TreeStatement *s) {
    bool settings = s->meant == TREE_INTEGRATE || s->meant == TREE_METHOD;
    if (s->meant == TREE_LAGRANGIAN) c->no_model = !c->state->model;
    if (s->meant == TREE_START) c->state->started = true;
    if (s->meant == TREE_DATA) c->state->observed = true;
    if (s->meant == TREE_PRIOR) c->state->prior = true;
    if (settings) c->state->has_dt = c->state->has_length = c->state->has_until = true;
    if (s->meant == TREE_INTEGRATE) c->state->integrated = true;
    if (s->meant == TREE_DEFINE) c->failed |= !session_value_set(c->state, s->name, 1, false);
}

static void check_statement(Checker *c, const TreeStatement *s) {
    static const LagVerb verb[] = {
        [TREE_DEFINE] = LAG_VERB_NAME,
        [TREE_FUNCTION] = LAG_VERB_NAME,
        [TREE_LAGRANGIAN] = LAG_VERB_LAGRANGIAN,
        [TREE_COORD] = LAG_VERB_NAME,
        [TREE_PARAM] = LAG_VERB_NAME,
        [TREE_START] = LAG_VERB_START,
        [TREE_INTEGRATE] = LAG_VERB_INTEGRATE,
        [TREE_METHOD] = LAG_VERB_METHOD,
        [TREE_SAVE] = LAG_VERB_SAVE,
        [TREE_SHOW] = LAG_VERB_SHOW,
        [TREE_PLOT] = LAG_VERB_PLOT,
        [TREE_DATA] = LAG_VERB_DATA,
        [TREE_LOSS] = LAG_VERB_LOSS,
        [TREE_CONSTRAIN] = LAG_VERB_CONSTRAIN,
        [TREE_GRADIENT] = LAG_VERB_GRADIENT,
        [TREE_FIT] = LAG_VERB_FIT,
        [TREE_PRIOR] = LAG_VERB_PRIOR,
        [TREE_TRAIN] = LAG_VERB_TRAIN,
        [TREE_PREDICT] = LAG_VERB_PREDICT,
        [TREE_BROKEN] = LAG_VERB_NAME,
    };
    c->out->verb = verb[s->verb];
    source_advance(c->tree->source, c->at, s->span.begin, &c->line, &c->column);
    c->at = s->span.begin;
    c->out->line = c->line;
    switch (s->verb) {
    case TREE_DEFINE:
    case TREE_FUNCTION:
        c->out->word = names_text(c->names, s->name);
        check_definition(c, s);
        break;
    case TREE_COORD:
    case TREE_PARAM: check_declaration(c, s); break;
    case TREE_LAGRANGIAN: check_lagrangian(c, s); break;
    case TREE_START: check_start(c, s); break;
    case TREE_INTEGRATE:
    case TREE_METHOD: check_integrate(c, s); break;
    case TREE_SAVE: check_save(c, s); break;
    case TREE_SHOW: check_show(c, s); break;
    case TREE_PLOT: check_plot(c, s); break;
    case TREE_DATA: check_data(c, s); break;
    case TREE_LOSS: check_loss(c, s); break;
    case TREE_CONSTRAIN: check_constrain(c, s); break;
    case TREE_GRADIENT:
    case TREE_FIT: check_gradient(c, s); break;
    case TREE_PRIOR: check_prior(c, s); break;
    case TREE_TRAIN: check_train(c, s); break;
    case TREE_PREDICT: check_predict(c, s); break;
    case TREE_BROKEN: assume(c, s); break;
    }
    c->out->model = c->state->model;
}

/* Whether a bound on the whole text was passed, which has been said. */
static bool is_exhausted(const Checker *c) {
    return c->diag->full || c->lowering.work > LOWER_WORK || c->program->values.failed;
}

bool session_check(LagProgram *program, SessionState *state, Diagnostics *diag) {
    const Tree *tree = program->tree;
    Checker c = {.program = program,
                 .state = state,
                 .names = &program->session->names,
                 .tree = tree,
                 .diag = diag,
                 .line = 1,
                 .column = 1};
    program->statement = arena_new(&program->arena, (tree->statement_count + 1) * sizeof *program->statement);
    if (!program->statement) return false;
    program->values.reach_most = 2 * LOWER_WORK;
    define_ahead(&c);
    begin_lowering(&c);
    for (uint32_t i = 0; i < tree->statement_count && !c.failed && !is_exhausted(&c); i++) {
        const TreeStatement *s = &tree->statement[i];
        c.out = &program->statement[i];
        c.item = arena_new(&program->arena, (s->item_count + 1) * sizeof *c.item); /* plot and loss add one */
        if (!c.item) c.failed = true;
        if (c.failed) break;
        c.out->item = c.item;
        check_statement(&c, s);
        lag_model_hold(c.out->model); /* released with the program */
        program->count++;
    }
    lowering_free(&c.lowering);
    name_set_free(&c.fitted);
    return !c.failed && !c.names->failed && (!program->values.failed || graph_exceeded(&program->values));
}
