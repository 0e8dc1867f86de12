/* observations.c: tables that hold observations of a motion (lag_table_read_motion). */
#include "front/table.h"
#include "session.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MISTAKES_MOST = TABLE_MISTAKES_MOST };

/* Whether a column is of a coordinate or a momentum of the model. */
static bool is_observed(const LagModel *model, const char *name) {
    const char *coordinate = strncmp(name, "pi_", 3) == 0 ? name + 3 : NULL;
    for (uint32_t k = 0; k < lag_model_dof(model); k++) {
        const char *x = lag_model_coordinate(model, k);
        if (strcmp(x, name) == 0 || (coordinate && strcmp(x, coordinate) == 0)) return true;
    }
    return false;
}

/* What the columns could be called, for a person. */
static void wish(const LagModel *model, char *hint, size_t size) {
    size_t used = (size_t)snprintf(hint, size, "the columns are t");
    for (uint32_t k = 0; k < lag_model_dof(model) && k < 3; k++) {
        const char *x = lag_model_coordinate(model, k);
        used += (size_t)snprintf(hint + used, size - used, ", %s, pi_%s", x, x);
    }
    snprintf(hint + used, size - used, "%s", lag_model_dof(model) > 3 ? " ..." : "");
}

/* Says which columns are not used; how many are. */
static uint32_t check_columns(const Source *source, const LagTable *table, const LagModel *model, Diagnostics *diag) {
    uint32_t used = 0, told = 0;
    char hint[600];
    wish(model, hint, sizeof hint);
    for (uint32_t j = 0; j < lag_table_columns(table); j++) {
        const char *name = lag_table_name(table, j);
        bool time = strcmp(name, "t") == 0, observed = is_observed(model, name);
        used += observed;
        if (time || observed || told++ >= MISTAKES_MOST) continue;
        diag_warning(diag, table_span(source, TABLE_HEADER, j), hint,
                     "this column is not used: the Lagrangian has no such coordinate or momentum");
    }
    return used;
}

/* Times that are missing, or before those of the rows above. */
static void check_times(const Source *source, const LagTable *table, uint32_t column, Diagnostics *diag) {
    const double *t = lag_table_values(table, column);
    uint32_t mistakes = 0;
    double last = -INFINITY;
    for (size_t i = 0; i < lag_table_rows(table) && mistakes < MISTAKES_MOST; i++) {
        bool missing = isnan(t[i]), early = t[i] < last;
        if (!missing && !early) last = t[i];
        if (!missing && !early) continue;
        mistakes++;
        if (missing)
            diag_error(diag, table_span(source, i, column), "give each row its time, or leave it out",
                       "this row has no time");
        else
            diag_error(diag, table_span(source, i, column), "sort the rows by t",
                       "this time is before that of the row above");
    }
}

static bool has_value(const LagTable *table, const LagModel *model) {
    for (uint32_t j = 0; j < lag_table_columns(table); j++)
        for (size_t i = 0; is_observed(model, lag_table_name(table, j)) && i < lag_table_rows(table); i++)
            if (!isnan(lag_table_values(table, j)[i])) return true;
    return false;
}

static void check_table(const Source *source, const LagTable *table, const LagModel *model, Diagnostics *diag) {
    Span header = table_span(source, TABLE_HEADER, 0);
    uint32_t time = lag_table_column(table, "t"), used = check_columns(source, table, model, diag);
    char hint[600];
    wish(model, hint, sizeof hint);
    if (time == LAG_COLUMN_NONE) diag_error(diag, header, hint, "there is no column t: observations have times");
    if (used == 0)
        diag_error(diag, header, hint, "no coordinate and no momentum of the Lagrangian is observed here");
    else if (!has_value(table, model))
        diag_error(diag, header, NULL, "every value of this table is missing");
    if (time != LAG_COLUMN_NONE) check_times(source, table, time, diag);
}

LagStatus lag_table_read_motion(LagSession *session, const LagModel *model, const char *file, const char *text, size_t size,
                                LagTable **table) {
    Source source = table_source(file, text, size);
    Diagnostics *diag = &session->diag;
    if (!model) return LAG_ERROR_ARGUMENT;
    diag_clear(diag);
    LagTable *read = table_read(&source, diag);
    if (read) check_table(&source, read, model, diag);
    diag_finish(diag);
    if (read && !diag->failed && diag->errors == 0) {
        *table = read;
        return LAG_OK;
    }
    lag_table_free(read);
    return diag->errors ? LAG_ERROR_TEXT : LAG_ERROR_MEMORY;
}
