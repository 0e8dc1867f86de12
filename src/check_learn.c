/* check_learn.c: the meaning of the statements of the network: prior, train, predict. */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- prior ---- */

/* What is drawn, among the statement's items; or TREE_NONE as index. */
static uint32_t drawn(const Checker *c, const LagItem *what) {
    uint32_t draw = 0;
    for (uint32_t i = 0; i < c->out->item_count; i++) {
        LagItemKind kind = c->item[i].kind;
        if (kind == LAG_ITEM_HIGH || kind == LAG_ITEM_ZERO || kind == LAG_ITEM_TOGETHER) continue;
        if (kind == what->kind && c->item[i].index == what->index) return draw;
        draw++;
    }
    return TREE_NONE;
}

/* `NAME in LOW .. HIGH`: two items of the tree. */
static void prior_range(Checker *c, const TreeItem *item) {
    LagItem out = {0}, high = {.kind = LAG_ITEM_HIGH, .index = item[1].role == TREE_LOG};
    double from, to;
    bool named = check_unknown_item(c, item, &out);
    bool good = check_value(c, item[0].value, &out.expression, &from);
    good = check_value(c, item[1].value, &high.expression, &to) && good;
    if (!named || !good) return;
    if (drawn(c, &out) != TREE_NONE)
        diag_error(c->diag, item->name_span, NULL, "'%s' is drawn twice", names_text(c->names, item->name));
    else if (from > to)
        diag_error(c->diag, tree_span(c->tree, item[1].value), "write the smaller number first",
                   "a range goes from its least to its greatest number");
    else if (high.index && from <= 0)
        diag_error(c->diag, tree_span(c->tree, item[0].value), NULL, "a range whose logarithm is drawn lies above 0");
    c->item[c->out->item_count++] = out;
    c->item[c->out->item_count++] = high;
    if (out.kind == LAG_ITEM_PARAMETER) c->failed |= !name_set_add(&c->fitted, item->name);
}

static void prior_share(Checker *c, const TreeItem *item) {
    LagItem out = {.kind = LAG_ITEM_ZERO};
    double percent;
    if (!check_value(c, item->value, &out.expression, &percent)) return;
    if (!(percent >= 0 && percent <= 100))
        diag_error(c->diag, tree_span(c->tree, item->value), NULL, "a share is from 0%% to 100%%");
    else if (item[-1].role == TREE_LOG)
        diag_error(c->diag, item->name_span, NULL, "what is drawn by its logarithm is never 0");
    c->item[c->out->item_count++] = out;
}

static void prior_together(Checker *c, const TreeItem *item) {
    LagItem what = {0};
    if (!check_unknown_item(c, item, &what)) return;
    LagItem out = {.kind = LAG_ITEM_TOGETHER, .index = drawn(c, &what)};
    if (out.index == TREE_NONE)
        diag_error(c->diag, item->name_span, "draw it before, in this statement: NAME in LOW .. HIGH", "'%s' is not drawn",
                   names_text(c->names, item->name));
    c->item[c->out->item_count++] = out;
}

void check_prior(Checker *c, const TreeStatement *s) {
    c->state->prior = true;
    if (!check_has_model(c, s, "prior")) return;
    const TreeItem *velocity = NULL, *momentum = NULL;
    for (uint32_t i = 0; i < s->item_count && !c->diag->full; i++) {
        const TreeItem *item = &c->tree->item[s->item + i];
        uint32_t before = c->out->item_count;
        if (item->role == TREE_ZERO) prior_share(c, item);
        if (item->role == TREE_TOGETHER) prior_together(c, item);
        if (item->role == TREE_PLAIN) prior_range(c, item);
        if (c->out->item_count == before) continue;
        if (c->item[before].kind == LAG_ITEM_VELOCITY && !velocity) velocity = item;
        if (c->item[before].kind == LAG_ITEM_MOMENTUM && !momentum) momentum = item;
    }
    if (velocity && momentum)
        diag_error(c->diag, (velocity > momentum ? velocity : momentum)->name_span, "draw velocities, or momenta",
                   "a start takes velocities or momenta, not both");
}

/* ---- train ---- */

const char *const session_training_name[SESSION_TRAINING] = {"units", "layers", "batch", "samples", "set",    "held",
                                                             "rate",  "clip",   "seed",  "threads", "target", "bounds"};

#define COUNT_MOST 1e15 /* doubles count exactly so far */

/* What is wrong with a setting's value, or NULL. */
static const char *setting_fault(LagItemKind kind, double value) {
    bool whole = value == floor(value), count = whole && value >= 1;
    switch (kind) {
    case LAG_ITEM_UNITS: return count && value <= 1024 ? NULL : "units is a whole number from 1 to 1024";
    case LAG_ITEM_LAYERS: return count && value <= LAG_LAYERS_MOST ? NULL : "layers is a whole number from 1 to 8";
    case LAG_ITEM_BATCH: return count && value <= 65536 ? NULL : "batch is a whole number from 1 to 65536";
    case LAG_ITEM_SAMPLES: return count && value <= COUNT_MOST ? NULL : "samples is a whole number from 1 to 1e15";
    case LAG_ITEM_SET: return whole && value >= 0 && value <= COUNT_MOST ? NULL : "set is a whole number from 0 to 1e15";
    case LAG_ITEM_HELD: return count && value <= 65536 ? NULL : "held is a whole number from 1 to 65536";
    case LAG_ITEM_SEED: return whole && value >= 0 && value <= COUNT_MOST ? NULL : "seed is a whole number from 0 to 1e15";
    case LAG_ITEM_THREADS: return whole && value >= 0 && value <= 1024 ? NULL : "threads is a whole number from 0 to 1024";
    case LAG_ITEM_RATE: return value > 0 ? NULL : "rate is a number above 0";
    default: return value > 0 ? NULL : "clip is a number above 0";
    }
}

/* A setting whose value is a word. */
static void setting_word(Checker *c, const TreeItem *item, LagItem *out) {
    static const char *const target[] = {"motion", "relative", "parameters"}, *const bounds[] = {"strict", "penalty"};
    const char *const *list = out->kind == LAG_ITEM_TARGET ? target : bounds;
    const uint32_t count = list == target ? LAG_TARGETS : 2;
    const TreeNode *node = &c->tree->node[item->value];
    const char *word = node->kind == TREE_NAME ? names_text(c->names, node->a) : "";
    out->index = check_index(word, list, count);
    if (out->index < count) return;
    check_unknown(c, tree_span(c->tree, item->value), "unknown word", word, list, count,
                  list == target ? "target is motion, relative or parameters" : "bounds is strict or penalty");
}

static void check_setting(Checker *c, const TreeItem *item) {
    const char *name = names_text(c->names, item->name);
    uint32_t which = check_index(name, session_training_name, SESSION_TRAINING);
    double value;
    if (which == SESSION_TRAINING) {
        check_unknown(
            c, item->name_span, "unknown setting", name, session_training_name, SESSION_TRAINING,
            "the settings are units, layers, batch, samples, set, held, rate, clip, seed, threads, target and bounds");
        return;
    }
    LagItem out = {.kind = (LagItemKind)(LAG_ITEM_UNITS + which)};
    for (uint32_t j = 0; j < c->out->item_count; j++)
        if (c->item[j].kind == out.kind) diag_error(c->diag, item->name_span, NULL, "'%s' is set twice", name);
    if (out.kind == LAG_ITEM_TARGET || out.kind == LAG_ITEM_BOUNDS) {
        setting_word(c, item, &out);
    } else {
        if (!check_value(c, item->value, &out.expression, &value)) return;
        const char *fault = setting_fault(out.kind, value);
        if (fault) diag_error(c->diag, tree_span(c->tree, item->value), NULL, "%s", fault);
    }
    c->item[c->out->item_count++] = out;
}

/* Whether there is a set to be kept: it is drawn once, and not new with each batch. */
static bool has_set(const Checker *c) {
    bool set = false;
    for (uint32_t i = 0; i < c->out->item_count; i++) set = set || c->item[i].kind == LAG_ITEM_SET;
    return set;
}

/* What a training is written to: the network, a picture of its curve, the curve as a table, the set of its motions. */
static void check_places(Checker *c, const TreeStatement *s) {
    uint32_t networks = 0;
    for (uint32_t i = 0; i < s->item_count; i++) {
        const TreeItem *item = &c->tree->item[s->item + i];
        if (item->role == TREE_FROM && c->out->word)
            diag_error(c->diag, item->name_span, NULL, "a training goes on from one file");
        if (item->role == TREE_FROM) c->out->word = item->text;
        if (item->role != TREE_TO) continue;
        LagTrainFile kind = check_is_picture(item->text)        ? LAG_TRAIN_PICTURE
                            : check_ends_in(item->text, ".csv") ? LAG_TRAIN_TABLE
                            : check_ends_in(item->text, ".npy") ? LAG_TRAIN_SET
                                                                : LAG_TRAIN_NETWORK;
        if (kind == LAG_TRAIN_SET && !has_set(c))
            diag_error(c->diag, item->name_span, "as in: train set = 4096, to \"set.npy\", to \"oscillator.lagnet\"",
                       "motions are kept where they are a set: else each is drawn once and not seen again");
        if (kind == LAG_TRAIN_NETWORK && networks++)
            diag_error(c->diag, item->name_span, "a curve's name ends in .csv, .svg, .png or .pdf",
                       "a training makes one network");
        c->item[c->out->item_count++] = (LagItem){.kind = LAG_ITEM_FILE, .index = kind, .text = item->text};
    }
    if (networks == 0)
        diag_error(c->diag, s->word, "as in: train samples = 5e5, to \"oscillator.lagnet\"",
                   "train needs a file to put the network into");
}

/* What steps there are to be, for what is trained or looked up. */
static void needs_steps(Checker *c, const TreeStatement *s, const char *verb) {
    if (!c->state->has_dt || !c->state->has_length)
        diag_error(c->diag, s->word, "as in: method r = 2, dt = 0.1, steps = 40",
                   "%s needs dt and steps, of the motions that are shown", verb);
    if (c->state->explicit_method)
        diag_error(c->diag, s->word, "set method = ggl", "derivatives are of the steps of ggl, and not of rk2 or rk4");
    check_differentiable(c, s);
}

void check_train(Checker *c, const TreeStatement *s) {
    for (uint32_t i = 0; i < s->item_count && !c->diag->full; i++)
        if (c->tree->item[s->item + i].role == TREE_PLAIN) check_setting(c, &c->tree->item[s->item + i]);
    check_places(c, s);
    if (!check_has_model(c, s, "train")) return;
    needs_steps(c, s, "train");
    if (!c->state->prior)
        diag_error(c->diag, s->word, "as in: prior c1 in 0.5 .. 10, c2 in 0 .. 10 zero 5%",
                   "train needs a prior: what the motions are drawn from");
    if (!c->state->started)
        diag_error(c->diag, s->word, "as in: start q = 0, pi_q = 1",
                   "train needs a start, for what the prior does not draw");
    check_parameters(c, "training");
}

/* ---- predict ---- */

void check_predict(Checker *c, const TreeStatement *s) {
    c->out->word = s->text;
    bool model = check_has_model(c, s, "predict");
    for (uint32_t i = 0; i < s->item_count; i++) {
        const TreeItem *item = &c->tree->item[s->item + i];
        LagItem out = {.kind = item->text ? LAG_ITEM_FILE : LAG_ITEM_VALUE, .text = item->text};
        double count;
        if (!item->text && check_value(c, item->value, &out.expression, &count) &&
            !(count == floor(count) && count >= 1 && count <= 1e6))
            diag_error(c->diag, tree_span(c->tree, item->value), NULL, "how many to draw is a whole number from 1 to 1e6");
        if (item->role == TREE_TO && !check_ends_in(item->text, ".csv"))
            diag_error(c->diag, item->name_span, "the name ends in .csv", "what is predicted is written as a table");
        c->item[c->out->item_count++] = out;
    }
    for (uint32_t i = 0; model && i < lag_model_parameter_count(c->state->model); i++) {
        const char *name = lag_model_parameter(c->state->model, i);
        NameId id = names_find(c->names, name, strlen(name));
        if (id != NAME_NONE) c->failed |= !name_set_add(&c->fitted, id); /* all are the network's, from here on */
    }
}
