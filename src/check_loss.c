/* check_loss.c: the meaning of the statements that compare a motion with observations: data, loss, constrain, gradient, fit.
 */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void check_data(Checker *c, const TreeStatement *s) {
    c->out->word = s->text;
    c->state->observed = true;
    check_has_model(c, s, "data");
}

/* ---- loss ---- */

static const char *const loss_kind[LAG_LOSSES] = {"l2", "mse", "mae", "huber", "lp"};
static const char *const loss_setting[] = {"alpha", "beta", "delta", "p", "cap"};
enum { LOSS_SETTINGS = sizeof loss_setting / sizeof *loss_setting };

/* What is wrong with a setting's value, or NULL. */
static const char *setting_fault(LagItemKind kind, double value) {
    switch (kind) {
    case LAG_ITEM_DELTA: return value > 0 ? NULL : "delta is a number above 0";
    case LAG_ITEM_P: return value >= 1 ? NULL : "p is 1 or more";
    case LAG_ITEM_CAP: return value > 0 ? NULL : "cap is a number above 0";
    default: return value >= 0 ? NULL : "a weight is not negative";
    }
}

/* What a name sets: one of the settings, or a column's weight. False after saying that it is neither. */
static bool loss_item(Checker *c, const TreeItem *item, LagItem *out) {
    const char *name = names_text(c->names, item->name);
    uint32_t which = check_index(name, loss_setting, LOSS_SETTINGS);
    if (which < LOSS_SETTINGS) {
        out->kind = (LagItemKind)(LAG_ITEM_ALPHA + which);
        return true;
    }
    bool known = c->state->model && check_motion_item(c->state->model, name, out);
    if (known && (out->kind == LAG_ITEM_COORDINATE || out->kind == LAG_ITEM_MOMENTUM)) return true;
    check_unknown(c, item->name_span, "unknown setting", name, loss_setting, LOSS_SETTINGS,
                  "the settings are alpha, beta, delta, p, cap, and the weight of a column: q, pi_q");
    return false;
}

void check_loss(Checker *c, const TreeStatement *s) {
    const char *word = names_text(c->names, s->name);
    uint32_t kind = check_index(word, loss_kind, LAG_LOSSES);
    bool has_p = false, own = kind != LAG_LOSS_L2;
    c->item[c->out->item_count++] = (LagItem){.kind = LAG_ITEM_LOSS, .index = kind};
    if (kind == LAG_LOSSES)
        check_unknown(c, s->text_span, "unknown loss", word, loss_kind, LAG_LOSSES, "l2, mse, mae, huber or lp");
    for (uint32_t i = 0; i < s->item_count && !c->diag->full; i++) {
        const TreeItem *item = &c->tree->item[s->item + i];
        LagItem out = {0};
        double value;
        bool known = loss_item(c, item, &out), twice = false;
        if (!check_value(c, item->value, &out.expression, &value) || !known) continue;
        const char *fault = setting_fault(out.kind, value);
        if (fault) diag_error(c->diag, tree_span(c->tree, item->value), NULL, "%s", fault);
        for (uint32_t j = 1; j < c->out->item_count; j++)
            twice = twice || (c->item[j].kind == out.kind && c->item[j].index == out.index);
        if (twice) diag_error(c->diag, item->name_span, NULL, "'%s' is set twice", names_text(c->names, item->name));
        has_p = has_p || out.kind == LAG_ITEM_P;
        own = own || out.kind == LAG_ITEM_ALPHA || out.kind == LAG_ITEM_BETA;
        if (!twice) c->item[c->out->item_count++] = out;
    }
    c->state->own_loss = own;
    if (kind == LAG_LOSS_LP && !has_p) diag_error(c->diag, s->text_span, "as in: loss lp p = 4", "lp needs p");
}

/* ---- constrain ---- */

/* A parameter of the model by its name; false if there is none. */
static bool parameter_item(const LagModel *model, const char *name, LagItem *out) {
    for (uint32_t i = 0; i < lag_model_parameter_count(model); i++) {
        if (strcmp(lag_model_parameter(model, i), name) != 0) continue;
        *out = (LagItem){.kind = LAG_ITEM_PARAMETER, .index = i};
        return true;
    }
    return false;
}

static void unknown_parameter(Checker *c, Span span, const char *name) {
    enum { MOST = 256 };
    const char *candidate[MOST];
    uint32_t count = lag_model_parameter_count(c->state->model);
    if (count > MOST) count = MOST;
    for (uint32_t i = 0; i < count; i++) candidate[i] = lag_model_parameter(c->state->model, i);
    check_unknown(c, span, "the Lagrangian has no parameter", name, candidate, count, NULL);
}

void check_constrain(Checker *c, const TreeStatement *s) {
    bool model = check_has_model(c, s, "constrain");
    for (uint32_t i = 0; i < s->item_count && !c->diag->full; i++) {
        const TreeItem *item = &c->tree->item[s->item + i];
        const char *name = names_text(c->names, item->name);
        LagItem out = {0};
        double value;
        NodeId node;
        bool known = model && parameter_item(c->state->model, name, &out);
        if (model && !known) unknown_parameter(c, item->name_span, name);
        if (!check_value(c, item->value, &node, &value) || !known) continue;
        out.kind = LAG_ITEM_BOUND;
        out.expression = node;
        out.bound = item->role == TREE_ABOVE      ? LAG_BOUND_ABOVE
                    : item->role == TREE_AT_LEAST ? LAG_BOUND_AT_LEAST
                    : item->role == TREE_BELOW    ? LAG_BOUND_BELOW
                                                  : LAG_BOUND_AT_MOST;
        c->item[c->out->item_count++] = out;
    }
}

/* ---- gradient, fit ---- */

bool check_unknown_item(Checker *c, const TreeItem *item, LagItem *out) {
    const char *name = names_text(c->names, item->name);
    bool known = parameter_item(c->state->model, name, out) || check_motion_item(c->state->model, name, out);
    if (known && out->kind != LAG_ITEM_TIME) return true;
    check_unknown_motion(c, item->name_span, "no parameter and no value of a start is called", name,
                         "name parameters of the Lagrangian, coordinates, and momenta pi_NAME or velocities");
    return false;
}

/* What is looked for: parameters, and values of the start. */
static void check_unknowns(Checker *c, const TreeStatement *s, const char *verb) {
    const TreeItem *velocity = NULL, *momentum = NULL;
    for (uint32_t i = 0; i < s->item_count && !c->diag->full; i++) {
        const TreeItem *item = &c->tree->item[s->item + i];
        LagItem out = {0};
        bool twice = false;
        if (!check_unknown_item(c, item, &out)) continue;
        for (uint32_t j = 0; j < c->out->item_count; j++)
            twice = twice || (c->item[j].kind == out.kind && c->item[j].index == out.index);
        if (twice) diag_error(c->diag, item->name_span, NULL, "'%s' is named twice", names_text(c->names, item->name));
        if (out.kind == LAG_ITEM_VELOCITY && !velocity) velocity = item;
        if (out.kind == LAG_ITEM_MOMENTUM && !momentum) momentum = item;
        if (!twice) c->item[c->out->item_count++] = out;
    }
    if (velocity && momentum)
        diag_error(c->diag, (velocity > momentum ? velocity : momentum)->name_span, "name all velocities, or all momenta",
                   "%s takes velocities or momenta, not both", verb);
}

/* What decides which terms there are. */
static void check_criterion(Checker *c, const TreeStatement *s) {
    const char *name = names_text(c->names, s->name), *candidate[LAG_CRITERIA];
    for (int i = 0; i < LAG_CRITERIA; i++) candidate[i] = lag_criterion_name((LagCriterion)i);
    c->out->word = name;
    if (lag_criterion_named(name) == LAG_CRITERIA)
        check_unknown(c, s->text_span, "unknown criterion", name, candidate, LAG_CRITERIA, "bic, ebic or aicc");
    if (c->state->own_loss)
        diag_error(c->diag, s->text_span, "set loss l2", "terms are chosen by what is left over, and not by another loss");
}

void check_differentiable(Checker *c, const TreeStatement *s) {
    uint32_t unknowns = (c->state->r + 1) * lag_model_dof(c->state->model);
    if (lag_model_dof(c->state->model) > LAG_DENSE_DOF_MOST)
        diag_error(c->diag, s->word, "a trajectory can be integrated, and not differentiated",
                   "derivatives are of at most %d coordinates: here are %u", LAG_DENSE_DOF_MOST,
                   lag_model_dof(c->state->model));
    else if (unknowns > LAG_UNKNOWNS_MAX)
        diag_error(c->diag, s->word, "take a smaller r", "a step with r = %u has %u unknowns: more than %d", c->state->r,
                   unknowns, LAG_UNKNOWNS_MAX);
}

void check_gradient(Checker *c, const TreeStatement *s) {
    const char *verb = s->verb == TREE_FIT ? "fit" : "gradient";
    if (!check_has_model(c, s, verb)) return;
    check_unknowns(c, s, verb);
    if (!c->state->observed) diag_error(c->diag, s->word, "as in: data \"motion.csv\"", "%s needs data", verb);
    if (!c->state->has_dt)
        diag_error(c->diag, s->word, "as in: method r = 4, dt = 0.1",
                   "%s needs dt, of the steps that are compared with the data", verb);
    check_differentiable(c, s);
    if (c->state->explicit_method)
        diag_error(c->diag, s->word, "set method = ggl", "derivatives are of the steps of ggl, and not of rk2 or rk4");
    if (s->verb == TREE_GRADIENT) check_parameters(c, "its gradient");
    if (s->name != NAME_NONE) check_criterion(c, s);
    for (uint32_t i = 0; s->verb == TREE_FIT && i < s->item_count; i++)
        c->failed |= !name_set_add(&c->fitted, c->tree->item[s->item + i].name);
}
