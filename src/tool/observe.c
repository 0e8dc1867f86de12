/* observe.c: the verbs `data`, `loss` and `constrain`: what a motion is compared with, and how. */
#include "tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Memory ---- */

void observed_forget(Observed *seen) {
    free(seen->weight);
    free(seen->bound);
    seen->weight = NULL;
    seen->bound = NULL;
    seen->loss.weight = NULL;
    seen->loss.bound = NULL;
    seen->loss.bounds = 0;
}

void observed_free(Observed *seen) {
    observed_forget(seen);
    lag_table_free(seen->table);
    free(seen->file);
    seen->table = NULL;
    seen->file = NULL;
}

/* ---- data ---- */

/* Column k of the coordinates, or of the momenta, as the table has it; NULL where it has none. */
static const double *column_of(const LagTable *table, const LagModel *model, uint32_t k, bool momentum) {
    char name[TOOL_NAME];
    snprintf(name, sizeof name, "%s%s", momentum ? "pi_" : "", lag_model_coordinate(model, k));
    uint32_t column = lag_table_column(table, name);
    return column == LAG_COLUMN_NONE ? NULL : lag_table_values(table, column);
}

/* The first row becomes the start, where it tells all of it. */
static void start_from(Tool *tool, const LagTable *table) {
    Start *start = &tool->start;
    uint32_t d = lag_model_dof(tool->model), known = 0;
    for (uint32_t k = 0; k < d; k++) {
        const double *q = column_of(table, tool->model, k, false), *pi = column_of(table, tool->model, k, true);
        start->q[k] = q ? q[0] : NAN;
        start->rate[k] = pi ? pi[0] : NAN;
        known += !isnan(start->q[k]) && !isnan(start->rate[k]);
    }
    start->t = lag_table_values(table, lag_table_column(table, "t"))[0];
    start->rate_is_velocity = false;
    start->observed = true;
    start->known = known == d;
    if (start->known) tool_begin(tool);
}

bool verb_data(Tool *tool, const LagProgram *program, const LagStatement *s) {
    (void)program;
    if (tool->model != s->model && !tool_take_model(tool, s->model)) return tool_lacks_memory(tool, "the state"), false;
    LagTable *table = tool_table(tool, s->model, s->word);
    char *file = table ? strdup(s->word) : NULL;
    if (table && !file) tool_lacks_memory(tool, s->word);
    if (!file) {
        lag_table_free(table);
        tool_fails(tool, EXIT_TEXT);
        return false;
    }
    lag_table_free(tool->seen.table);
    free(tool->seen.file);
    tool->seen.table = table;
    tool->seen.file = file;
    if (!tool->start.known || tool->start.observed) start_from(tool, table);
    if (!tool->options->json && !tool->options->quiet)
        fprintf(tool->say, "%zu rows of observations in %s\n", lag_table_rows(table), s->word);
    return true;
}

/* ---- loss ---- */

/* Where a setting goes; a column's weight into weight[2 d]. */
static double *setting_of(LagLoss *loss, double *weight, uint32_t d, const LagItem *item) {
    switch (item->kind) {
    case LAG_ITEM_ALPHA: return &loss->alpha;
    case LAG_ITEM_BETA: return &loss->beta;
    case LAG_ITEM_DELTA: return &loss->delta;
    case LAG_ITEM_P: return &loss->p;
    case LAG_ITEM_CAP: return &loss->cap;
    case LAG_ITEM_MOMENTUM: return &weight[d + item->index];
    default: return &weight[item->index];
    }
}

bool verb_loss(Tool *tool, const LagProgram *program, const LagStatement *s) {
    Observed *seen = &tool->seen;
    uint32_t d = s->model ? lag_model_dof(s->model) : 0;
    LagLoss loss = {.kind = (LagLossKind)s->item[0].index,
                    .alpha = 1,
                    .beta = 1,
                    .delta = 1,
                    .p = 2,
                    .bounds = seen->loss.bounds,
                    .bound = seen->loss.bound};
    if (s->model && tool->model != s->model && !tool_take_model(tool, s->model))
        return tool_lacks_memory(tool, "the state"), false;
    double *weight = calloc(2 * (size_t)d + 1, sizeof *weight);
    if (!weight) return tool_lacks_memory(tool, "the loss"), false;
    for (uint32_t k = 0; k < 2 * d; k++) weight[k] = 1;
    seen->weighed = false;
    for (uint32_t i = 1; i < s->item_count; i++) {
        LagStatus status = lag_program_value(program, &s->item[i], setting_of(&loss, weight, d, &s->item[i]));
        seen->weighed |= s->item[i].kind == LAG_ITEM_ALPHA || s->item[i].kind == LAG_ITEM_BETA;
        if (status == LAG_OK) continue;
        free(weight);
        return tool_refuse(tool, s, lag_status_text(status));
    }
    free(seen->weight);
    loss.weight = seen->weight = weight;
    seen->loss = loss;
    return true;
}

/* ---- constrain ---- */

/* The bounds of one parameter in one direction take each other's place. */
static bool same_side(const LagBound *a, const LagBound *b) {
    bool upper_a = a->kind == LAG_BOUND_AT_MOST || a->kind == LAG_BOUND_BELOW;
    bool upper_b = b->kind == LAG_BOUND_AT_MOST || b->kind == LAG_BOUND_BELOW;
    return a->parameter == b->parameter && upper_a == upper_b;
}

bool verb_constrain(Tool *tool, const LagProgram *program, const LagStatement *s) {
    Observed *seen = &tool->seen;
    if (tool->model != s->model && !tool_take_model(tool, s->model)) return tool_lacks_memory(tool, "the state"), false;
    LagBound *bound = realloc(seen->bound, (seen->loss.bounds + s->item_count + 1) * sizeof *bound);
    if (!bound) return tool_lacks_memory(tool, "the bounds"), false;
    seen->loss.bound = seen->bound = bound;
    for (uint32_t i = 0; i < s->item_count; i++) {
        LagBound b = {.parameter = s->item[i].index, .kind = (LagBoundKind)s->item[i].bound};
        LagStatus status = lag_program_value(program, &s->item[i], &b.value);
        if (status != LAG_OK) return tool_refuse(tool, s, lag_status_text(status));
        uint32_t at = 0;
        while (at < seen->loss.bounds && !same_side(&bound[at], &b)) at++;
        if (at == seen->loss.bounds) seen->loss.bounds++;
        bound[at] = b;
    }
    return true;
}

/* ---- Rows for gradient and fit ---- */

void rows_free(SeenRows *rows) {
    free(rows->block);
    *rows = (SeenRows){0};
}

/* Rows first .. end - 1 of the table, turned round where the motion goes back in time. */
static bool copy_rows(const Tool *tool, SeenRows *rows, size_t first, size_t end) {
    const LagTable *table = tool->seen.table;
    const double *t = lag_table_values(table, lag_table_column(table, "t"));
    size_t d = lag_model_dof(tool->model), count = end - first;
    double *block = rows->block = malloc((count + 1) * (1 + 2 * d) * sizeof *block), *q = block + count, *pi = q + count * d;
    bool back = tool->settings.dt < 0;
    if (!block) return false;
    for (size_t i = 0; i < count; i++) block[i] = t[back ? end - 1 - i : first + i];
    for (size_t k = 0; k < d; k++) {
        const double *seen_q = column_of(table, tool->model, (uint32_t)k, false);
        const double *seen_pi = column_of(table, tool->model, (uint32_t)k, true);
        for (size_t i = 0; i < count; i++) {
            size_t from = back ? end - 1 - i : first + i;
            q[i * d + k] = seen_q ? seen_q[from] : NAN;
            pi[i * d + k] = seen_pi ? seen_pi[from] : NAN;
        }
    }
    rows->seen = (LagSeen){count, block, q, pi};
    return true;
}

/* Whole steps to a time, a little less than one more counting as it. */
static double steps_to(const Tool *tool, double t) { return (t - tool->start.t) / tool->settings.dt; }

/* The last step: as set, or the one that the last row is in. */
static double last_step(const Tool *tool, const double *t, size_t rows) {
    const Settings *set = &tool->settings;
    if (!isnan(set->until)) return floor(steps_to(tool, set->until) + 1e-9);
    if (set->steps) return (double)set->steps;
    return ceil(steps_to(tool, t[set->dt < 0 ? 0 : rows - 1]) - 1e-9);
}

bool rows_take(Tool *tool, const LagStatement *s, SeenRows *rows) {
    const LagTable *table = tool->seen.table;
    if (!table) return tool_refuse(tool, s, "there are no data");
    const double *t = lag_table_values(table, lag_table_column(table, "t"));
    size_t count = lag_table_rows(table), first = count, end = 0;
    double last = last_step(tool, t, count);
    if (!tool->start.known)
        return tool_refuse(tool, s, "the first row of the data does not tell the whole start: say start");
    if (!(last >= 0 && last <= 1e15)) return tool_refuse(tool, s, "the data lie before the start, or too many steps away");
    for (size_t i = 0; i < count; i++) {
        double at = steps_to(tool, t[i]);
        if (!(at >= -1e-9 && at <= last + 1e-9)) continue;
        if (first == count) first = i;
        end = i + 1;
    }
    if (first == count) return tool_refuse(tool, s, "no row of the data lies between the start and the last step");
    if (end - first < count && !tool->options->quiet)
        fprintf(stderr,
                "%s:%u: warning: %s: %zu of %zu rows lie before the start or behind the last step: they are left out\n",
                tool->name, s->line, s->verb == LAG_VERB_FIT ? "fit" : "gradient", count - (end - first), count);
    rows->steps = (uint64_t)last;
    if (copy_rows(tool, rows, first, end)) return true;
    tool_lacks_memory(tool, "the data");
    return false;
}

LagUnknown item_unknown(const LagItem *item) {
    LagUnknownKind kind = item->kind == LAG_ITEM_PARAMETER    ? LAG_UNKNOWN_PARAMETER
                          : item->kind == LAG_ITEM_COORDINATE ? LAG_UNKNOWN_COORDINATE
                                                              : LAG_UNKNOWN_RATE;
    return (LagUnknown){kind, item->index};
}

const char *item_name(const LagModel *model, const LagItem *item, char *name) {
    const char *text = item->kind == LAG_ITEM_PARAMETER ? lag_model_parameter(model, item->index)
                                                        : lag_model_coordinate(model, item->index);
    snprintf(name, TOOL_NAME, "%s%s%s", item->kind == LAG_ITEM_MOMENTUM ? "pi_" : "", text,
             item->kind == LAG_ITEM_VELOCITY ? "d" : "");
    return name;
}
