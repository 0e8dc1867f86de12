/* predict.c: the verb `predict`. */
#include "tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One prediction, on its way. */
typedef struct Work {
    Tool *tool;
    const LagStatement *statement;
    const LagKernel *kernel;
    LagNetwork *network;
    LagNetworkFacts facts;
    size_t records, rows; /* rows of each */
    double *q, *pi;       /* [records, rows, d], of one block, q */
    double *c;            /* [records, m], and what follows, of one block */
    double *sigma, *rms_q, *rms_pi;
    double *truth; /* [records, m] where they were drawn, else NULL */
    uint8_t *outside;
} Work;

static bool refuse(const Work *w, const char *why) { return tool_refuse(w->tool, w->statement, why); }

/* ---- The network ---- */

static bool loses(Work *w, const char *what, const char *why) {
    char text[TOOL_WHY];
    snprintf(text, sizeof text, "%.128s: %.256s", what, why);
    return refuse(w, text);
}

/* Whether the network is of the Lagrangian at hand; else what it is of. */
static bool is_ours(Work *w) {
    const char *theirs = w->facts.ask->about ? w->facts.ask->about : "";
    char *ours = train_about(w->statement->model);
    bool good = ours && strcmp(ours, theirs) == 0;
    if (!ours) tool_lacks_memory(w->tool, "the network");
    if (ours && !good) {
        fprintf(stderr, "%s:%u: predict: %s reads motions of another Lagrangian: %.400s\n", w->tool->name,
                w->statement->line, w->statement->word, theirs);
        tool_fails(w->tool, EXIT_TEXT);
    }
    free(ours);
    return good;
}

/* The network, and the kernel of its own r. */
static bool open_network(Work *w) {
    const char *path = w->statement->word;
    const LagModel *model = w->statement->model;
    char why[LAG_WHY] = "", text[TOOL_WHY];
    size_t size;
    char *bytes = tool_bytes(w->tool, path, &size);
    if (!bytes) return tool_fails(w->tool, EXIT_TEXT), false;
    uint32_t r = lag_network_r(bytes, size);
    LagStatus status = lag_model_kernel(model, r == LAG_R_NONE ? 0 : r, w->tool->options->backend, &w->kernel);
    bool made = status == LAG_OK;
    if (made) status = lag_network_load(w->kernel, 0, bytes, size, why, &w->network);
    free(bytes);
    if (!made) return refuse(w, tool_why(model, status, text));
    if (status == LAG_ERROR_TEXT) return loses(w, path, why);
    if (status != LAG_OK) return refuse(w, lag_status_text(status));
    lag_network_facts(w->network, &w->facts);
    return is_ours(w);
}

static bool make_room(Work *w, size_t records) {
    const size_t d = w->kernel->dof, m = w->kernel->parameter_count;
    w->records = records;
    w->rows = w->facts.ask->steps + 1;
    w->q = calloc(2 * records * w->rows * d + 1, sizeof *w->q);
    w->c = calloc(records * (3 * m + 2) + 1, sizeof *w->c);
    w->outside = calloc(records + 1, 1);
    if (!w->q || !w->c || !w->outside) return tool_lacks_memory(w->tool, "the records"), false;
    w->pi = w->q + records * w->rows * d;
    w->sigma = w->c + records * m, w->rms_q = w->sigma + records * m, w->rms_pi = w->rms_q + records;
    return true;
}

/* ---- Records from a file ---- */

/* Where a record ends that begins at a row: `record` has another number there, or time does not go on. */
static size_t record_end(const double *number, const double *t, double h, size_t begin, size_t rows) {
    size_t end = begin + 1;
    while (end < rows && (!number || number[end] == number[begin]) && (t[end] - t[end - 1]) * h > 0) end++;
    return end;
}

/* The columns that the network is shown; false after saying which is missing. */
static bool find_columns(Work *w, const LagTable *table, const double **column) {
    const LagModel *model = w->statement->model;
    char why[TOOL_WHY], name[TOOL_NAME];
    uint32_t d = lag_model_dof(model);
    for (uint32_t k = 0; k < 2 * d; k++) {
        snprintf(name, sizeof name, "%s%s", k < d ? "" : "pi_", lag_model_coordinate(model, k % d));
        uint32_t at = lag_table_column(table, name);
        snprintf(why, sizeof why, "the records have no column '%s'", name);
        if (at == LAG_COLUMN_NONE) return refuse(w, why);
        column[k] = lag_table_values(table, at);
    }
    return true;
}

/* Record n, the rows from `begin`; false after saying what is wrong with it. */
static bool take_record(Work *w, size_t n, const double *t, const double *const *column, size_t begin, size_t end) {
    const LagTrainAsk *ask = w->facts.ask;
    const size_t d = w->kernel->dof;
    char why[TOOL_WHY] = "";
    if (end - begin < w->rows)
        snprintf(why, sizeof why, "record %zu, from row %zu, has %zu rows: the network reads %zu", n + 1, begin + 1,
                 end - begin, w->rows);
    for (size_t i = 0; i < w->rows && !*why; i++) {
        double due = ask->prior.t + (double)i * ask->h;
        if (!(fabs(t[begin + i] - due) <= 1e-6 * fabs(ask->h)))
            snprintf(why, sizeof why,
                     "row %zu has t = %g where the network reads t = %g: its motions start at %g and have rows "
                     "%g apart",
                     begin + i + 1, t[begin + i], due, ask->prior.t, ask->h);
        for (size_t k = 0; k < 2 * d && !*why; k++) {
            double value = column[k][begin + i];
            double *to = (k < d ? w->q : w->pi) + (n * w->rows + i) * d + k % d;
            *to = value;
            if (isnan(value))
                snprintf(why, sizeof why, "row %zu lacks a value: the network reads whole records", begin + i + 1);
        }
    }
    return *why ? refuse(w, why) : true;
}

static bool take_records(Work *w, const LagTable *table) {
    const uint32_t d = w->kernel->dof, numbered = lag_table_column(table, "record"), timed = lag_table_column(table, "t");
    const size_t rows = lag_table_rows(table);
    const double *number = numbered == LAG_COLUMN_NONE ? NULL : lag_table_values(table, numbered);
    if (timed == LAG_COLUMN_NONE) return refuse(w, "the records have no column 't'");
    const double *t = lag_table_values(table, timed), **column = calloc(2 * d, sizeof *column);
    bool good = column || (tool_lacks_memory(w->tool, "the records"), false);
    size_t records = 0, n = 0;
    for (size_t i = 0; i < rows; i = record_end(number, t, w->facts.ask->h, i, rows)) records++;
    good = good && find_columns(w, table, column) && make_room(w, records);
    for (size_t i = 0, end; i < rows && good; i = end) {
        end = record_end(number, t, w->facts.ask->h, i, rows);
        good = take_record(w, n++, t, column, i, end);
    }
    free(column);
    return good;
}

static bool read_records(Work *w, const char *path) {
    LagTable *table = tool_table(w->tool, NULL, path);
    if (!table) return tool_fails(w->tool, EXIT_TEXT), false;
    bool good = take_records(w, table);
    lag_table_free(table);
    return good;
}

/* ---- Records drawn from the prior, of systems that training never sees ---- */

static bool draw_records(Work *w, size_t count) {
    const LagTrainAsk *ask = w->facts.ask;
    const size_t d = w->kernel->dof, m = w->kernel->parameter_count;
    const size_t numbers = 1 << 24; /* of all rows at once: a quarter of a GiB, with the motions beside */
    if (count > numbers / ((ask->steps + 1) * d)) return refuse(w, "these are too many motions to draw at once");
    if (!make_room(w, count)) return false;
    w->truth = calloc(count * m + 1, sizeof *w->truth);
    if (!w->truth) return tool_lacks_memory(w->tool, "the records"), false;
    LagStatus status = set_draw(w->kernel, ask, LAG_FRESH_FIRST, count, w->truth, w->q, w->pi);
    return status == LAG_OK || refuse(w, lag_status_text(status)); /* a system without a motion is told as one */
}

/* ---- What comes out ---- */

static bool is_named(const Work *w, uint32_t parameter) {
    const LagPrior *prior = &w->facts.ask->prior;
    for (uint32_t i = 0; i < prior->draws; i++)
        if (prior->draw[i].what.kind == LAG_UNKNOWN_PARAMETER && prior->draw[i].what.index == parameter) return true;
    return false;
}

static const char *reason(unsigned outside) {
    return outside & LAG_OUTSIDE_NO_MOTION ? "what is named makes no motion"
           : outside & LAG_OUTSIDE_MOTION ? "what is named does not make this motion as well as it should: it is of another "
                                            "family, or has more noise, than the network was trained on"
           : outside & LAG_OUTSIDE_PRIOR  ? "a value lies beyond what the network was trained on"
                                          : "it starts as none of those that the network was trained on";
}

static void json_named(const Work *w, const char *key, const double *value) {
    bool first = true;
    printf("%s{", key);
    for (uint32_t j = 0; j < w->kernel->parameter_count; j++) {
        if (!is_named(w, j)) continue;
        if (!first) fputc(',', stdout);
        first = false;
        json_text(stdout, lag_model_parameter(w->statement->model, j));
        fputc(':', stdout);
        json_number(stdout, value[j]);
    }
    fputs("}", stdout);
}

static void json_record(const Work *w, size_t n) {
    const size_t m = w->kernel->parameter_count;
    printf("{\"do\":\"predict\",\"record\":%zu,", n + 1);
    json_named(w, "\"values\":", w->c + n * m);
    json_named(w, ",\"sigma\":", w->sigma + n * m);
    fputs(",\"rms_q\":", stdout);
    json_number(stdout, w->rms_q[n]);
    fputs(",\"rms_pi\":", stdout);
    json_number(stdout, w->rms_pi[n]);
    if (w->outside[n]) {
        fputs(",\"outside\":", stdout);
        json_text(stdout, reason(w->outside[n]));
    }
    fputs("}\n", stdout);
}

static void say_record(const Work *w, size_t n) {
    const size_t m = w->kernel->parameter_count;
    if (w->records > 1) fprintf(w->tool->say, "record %zu:", n + 1);
    for (uint32_t j = 0; j < m; j++)
        if (is_named(w, j))
            fprintf(w->tool->say, "  %s = %.6g +- %.2g", lag_model_parameter(w->statement->model, j), w->c[n * m + j],
                    w->sigma[n * m + j]);
    fprintf(w->tool->say, "  rms q %.2g, pi %.2g\n", w->rms_q[n], w->rms_pi[n]);
}

/* Of each reason the first record, and how many more there are. */
static void warn_outside(const Work *w) {
    size_t count = 0, first = 0;
    for (size_t n = 0; n < w->records; n++)
        if (w->outside[n] && count++ == 0) first = n;
    if (count == 0 || w->tool->options->quiet) return;
    fflush(w->tool->say);
    fprintf(stderr, "%s:%u: warning: predict: record %zu: %s", w->tool->name, w->statement->line, first + 1,
            reason(w->outside[first]));
    if (count > 1) fprintf(stderr, "; and %zu more", count - 1);
    fputs("\n", stderr);
}

/* Of records that were drawn: how near the network comes. */
typedef struct Score {
    double rms_q, rms_pi;
    size_t good, outside; /* records with a motion; told to be outside */
} Score;

static Score score_of(const Work *w) {
    Score s = {0};
    for (size_t n = 0; n < w->records; n++) {
        s.outside += w->outside[n] != 0;
        if (!isfinite(w->rms_q[n]) || !isfinite(w->rms_pi[n])) continue;
        s.rms_q += w->rms_q[n] * w->rms_q[n];
        s.rms_pi += w->rms_pi[n] * w->rms_pi[n];
        s.good++;
    }
    s.rms_q = sqrt(s.rms_q / (double)s.good);
    s.rms_pi = sqrt(s.rms_pi / (double)s.good);
    return s;
}

/* Of parameter j: the root of the mean square of its error, and the share within a standard error. */
static double error_of(const Work *w, uint32_t j, double *within) {
    const size_t m = w->kernel->parameter_count;
    double sum = 0, inside = 0;
    for (size_t n = 0; n < w->records; n++) {
        double e = w->c[n * m + j] - w->truth[n * m + j];
        sum += e * e;
        inside += fabs(e) <= w->sigma[n * m + j];
    }
    *within = inside / (double)w->records;
    return sqrt(sum / (double)w->records);
}

static void tell_score(const Work *w) {
    Score s = score_of(w);
    bool json = w->tool->options->json;
    FILE *out = json ? stdout : w->tool->say;
    if (json) {
        printf("{\"do\":\"predict\",\"drawn\":%zu,\"rms_q\":", w->records);
        json_number(out, s.rms_q);
        fputs(",\"rms_pi\":", out);
        json_number(out, s.rms_pi);
        printf(",\"outside\":%zu,\"parameters\":{", s.outside);
    } else {
        fprintf(out, "%zu motions drawn: rms q %.3g, pi %.3g; %zu told to be outside\n", w->records, s.rms_q, s.rms_pi,
                s.outside);
    }
    bool first = true;
    for (uint32_t j = 0; j < w->kernel->parameter_count; j++) {
        double within, error = error_of(w, j, &within);
        const char *name = lag_model_parameter(w->statement->model, j);
        if (!is_named(w, j)) continue;
        if (!json) {
            fprintf(out, "  %s: rms %.3g; %.1f %% within a standard error\n", name, error, 100 * within);
            continue;
        }
        if (!first) fputc(',', out);
        first = false;
        json_text(out, name);
        fputs(":{\"rms\":", out);
        json_number(out, error);
        fputs(",\"within\":", out);
        json_number(out, within);
        fputs("}", out);
    }
    if (json) fputs("}}\n", out);
}

static bool write_table(const Work *w, const char *path) {
    const size_t m = w->kernel->parameter_count;
    FileOut file;
    if (!file_begin(&file, path)) return false;
    fputs("record", file.stream);
    for (uint32_t j = 0; j < m; j++)
        if (is_named(w, j))
            fprintf(file.stream, ",%s,sigma_%s", lag_model_parameter(w->statement->model, j),
                    lag_model_parameter(w->statement->model, j));
    fputs(",rms_q,rms_pi,outside\n", file.stream);
    for (size_t n = 0; n < w->records; n++) {
        fprintf(file.stream, "%zu", n + 1);
        for (uint32_t j = 0; j < m; j++)
            if (is_named(w, j)) fprintf(file.stream, ",%.17g,%.17g", w->c[n * m + j], w->sigma[n * m + j]);
        if (isfinite(w->rms_q[n]) && isfinite(w->rms_pi[n]))
            fprintf(file.stream, ",%.17g,%.17g", w->rms_q[n], w->rms_pi[n]);
        else
            fputs(",,", file.stream);
        fprintf(file.stream, ",%u\n", w->outside[n]);
    }
    return file_finish(&file);
}

/* What a single record's prediction says becomes current, for a fit to begin with. */
static bool keep_values(const Work *w) {
    for (uint32_t j = 0; j < w->kernel->parameter_count; j++)
        if (lag_session_set(w->tool->session, lag_model_parameter(w->statement->model, j), w->c[j]) == LAG_ERROR_MEMORY)
            return tool_lacks_memory(w->tool, "the values"), false;
    return true;
}

static bool tell(const Work *w) {
    const LagStatement *s = w->statement;
    bool quiet = w->tool->options->quiet, json = w->tool->options->json, table = s->item_count > 1;
    if (w->truth && (json || !quiet)) tell_score(w);
    for (size_t n = 0; n < w->records && !w->truth && !table; n++) {
        if (json)
            json_record(w, n);
        else if (!quiet)
            say_record(w, n);
    }
    fflush(stdout);
    if (!w->truth) warn_outside(w);
    if (table && !write_table(w, s->item[1].text)) return tool_fails(w->tool, EXIT_TEXT), false;
    if (table && !quiet && !json) fprintf(w->tool->say, "%zu records in %s\n", w->records, s->item[1].text);
    return w->records != 1 || w->truth ? true : keep_values(w);
}

static bool predict(Work *w, const LagProgram *program) {
    const LagStatement *s = w->statement;
    double count = 0;
    if (s->item[0].kind == LAG_ITEM_VALUE) {
        LagStatus status = lag_program_value(program, &s->item[0], &count);
        if (status != LAG_OK) return refuse(w, lag_status_text(status));
    }
    bool good = open_network(w) && (s->item[0].text ? read_records(w, s->item[0].text) : draw_records(w, (size_t)count));
    if (!good) return false;
    LagStatus status = lag_network_predict(w->network, w->records, w->q, w->pi,
                                           &(LagPredicted){w->c, w->sigma, w->rms_q, w->rms_pi, w->outside});
    return status == LAG_OK ? tell(w) : refuse(w, lag_status_text(status));
}

bool verb_predict(Tool *tool, const LagProgram *program, const LagStatement *s) {
    Work w = {.tool = tool, .statement = s};
    if (tool_passes_over(tool, s)) return true;
    bool good = predict(&w, program);
    lag_network_free(w.network);
    free(w.q);
    free(w.c);
    free(w.truth);
    free(w.outside);
    return good;
}
