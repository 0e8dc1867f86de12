/* trajectory.c: trajectories and the files they are written to, at once or as they grow. */
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- In memory ---- */

void trajectory_free(Trajectory *trajectory) {
    lag_model_release(trajectory->model);
    free(trajectory->parameter);
    free(trajectory->t);
    free(trajectory->q);
    free(trajectory->pi);
    free(trajectory->energy);
    *trajectory = (Trajectory){0};
}

/* Room for `count` rows of `width` numbers. */
static bool grow(double **column, size_t count, size_t width) {
    double *grown = realloc(*column, count * width * sizeof **column);
    if (grown) *column = grown;
    return grown;
}

bool trajectory_grow(Trajectory *tr, size_t need) {
    if (need <= tr->capacity) return true;
    size_t room = tr->capacity ? tr->capacity : 1024;
    while (room < need) room *= 2;
    if (room > tr->most && need <= tr->most) room = (size_t)tr->most;
    if (!grow(&tr->t, room, 1) || !grow(&tr->q, room, tr->d) || !grow(&tr->pi, room, tr->d)) return false;
    if (tr->has_energy && !grow(&tr->energy, room, 1)) return false;
    tr->capacity = room;
    return true;
}

LagRows trajectory_rows(const Trajectory *tr) {
    return (LagRows){
        .capacity = tr->capacity, .count = tr->rows, .t = tr->t, .q = tr->q, .pi = tr->pi, .energy = tr->energy};
}

/* ---- CSV ---- */

/* As typed; and on a line of its own as it is with its names expanded, so that the file stands alone. False without memory.
 */
static bool write_lagrangian(const LagModel *model, FILE *out) {
    char *text = NULL;
    fputs("# Lagrangian: ", out);
    if (lag_model_view(model, LAG_VIEW_LAGRANGIAN, 0, LAG_BACKEND_INTERPRETER, &text) != LAG_OK) return false;
    for (const char *c = text; *c; c++) fputs(*c != '\n' ? (char[]){*c, 0} : c[1] ? "\n# " : "\n", out);
    lag_text_free(text);
    return true;
}

static bool csv_header(TrajectoryOut *out, const Trajectory *tr) {
    FILE *stream = out->file.stream;
    if (!write_lagrangian(tr->model, stream)) return false;
    fputs("# parameters:", stream);
    for (uint32_t i = 0; i < lag_model_parameter_count(tr->model); i++)
        fprintf(stream, "%s %s = %.17g", i ? "," : "", lag_model_parameter(tr->model, i), tr->parameter[i]);
    fprintf(stream, "\n# method = %s\n# r = %u, dt = %.17g, steps = ", method_name(tr->method), tr->r, tr->dt);
    out->count_at = ftell(stream);
    fprintf(stream, "%llu\nt", (unsigned long long)out->steps);
    for (uint32_t k = 0; k < tr->d; k++) fprintf(stream, ",%s", lag_model_coordinate(tr->model, k));
    for (uint32_t k = 0; k < tr->d; k++) fprintf(stream, ",pi_%s", lag_model_coordinate(tr->model, k));
    fputc('\n', stream);
    return true;
}

static void csv_row(const Trajectory *tr, size_t i, FILE *stream) {
    fprintf(stream, "%.17g", tr->t[i]);
    for (uint32_t k = 0; k < tr->d; k++) fprintf(stream, ",%.17g", tr->q[i * tr->d + k]);
    for (uint32_t k = 0; k < tr->d; k++) fprintf(stream, ",%.17g", tr->pi[i * tr->d + k]);
    fputc('\n', stream);
}

/* ---- NPY: the table of the CSV as doubles ---- */

static void npy_header(const TrajectoryOut *out, const Trajectory *tr) {
    char shape[64];
    snprintf(shape, sizeof shape, "(%llu, %u)", (unsigned long long)out->promised, 1 + 2 * tr->d);
    file_npy(out->file.stream, file_npy_double(), shape);
}

static void npy_row(const Trajectory *tr, size_t i, FILE *stream) {
    fwrite(tr->t + i, sizeof(double), 1, stream);
    fwrite(tr->q + i * tr->d, sizeof(double), tr->d, stream);
    fwrite(tr->pi + i * tr->d, sizeof(double), tr->d, stream);
}

/* ---- Files ---- */

bool trajectory_open(TrajectoryOut *out, const Trajectory *tr, const char *path, uint64_t steps, uint64_t rows) {
    size_t size = strlen(path);
    *out = (TrajectoryOut){.npy = size > 4 && strcmp(path + size - 4, ".npy") == 0, .steps = steps, .promised = rows};
    if (!file_begin(&out->file, path)) return false;
    if (out->npy) {
        npy_header(out, tr);
    } else if (!csv_header(out, tr)) {
        complain("cannot write %s: %s", path, lag_status_text(LAG_ERROR_MEMORY));
        file_drop(&out->file);
        return false;
    }
    return true;
}

bool trajectory_write(TrajectoryOut *out, const Trajectory *tr, size_t from) {
    FILE *stream = out->file.stream;
    for (size_t i = from; i < tr->rows && !ferror(stream); i++) {
        if (out->npy)
            npy_row(tr, i, stream);
        else
            csv_row(tr, i, stream);
    }
    if (!file_flush(&out->file)) return false;
    out->rows += tr->rows - from;
    out->whole = ftell(stream);
    return true;
}

/* Writes anew what the header promised and the run didn't keep. */
static void amend(TrajectoryOut *out, const Trajectory *tr, uint64_t steps) {
    FILE *stream = out->file.stream;
    if (fseek(stream, out->npy ? 0 : out->count_at, SEEK_SET) != 0) return;
    out->promised = out->rows;
    if (out->npy)
        npy_header(out, tr);
    else
        fprintf(stream, "%-*llu", snprintf(NULL, 0, "%llu", (unsigned long long)out->steps), (unsigned long long)steps);
}

bool trajectory_close(TrajectoryOut *out, const Trajectory *tr, uint64_t steps) {
    bool short_of = steps != out->steps || out->rows != out->promised;
    if (short_of && out->file.beside) amend(out, tr, steps);
    return file_finish(&out->file);
}

bool trajectory_rescue(TrajectoryOut *out, const Trajectory *tr, uint64_t steps) {
    if (file_cut(&out->file, out->whole)) return trajectory_close(out, tr, steps);
    file_drop(&out->file);
    return false;
}

bool trajectory_save(const Trajectory *tr, const char *path) {
    TrajectoryOut out;
    if (!trajectory_open(&out, tr, path, tr->steps, tr->rows)) return false;
    if (trajectory_write(&out, tr, 0)) return trajectory_close(&out, tr, tr->steps);
    file_drop(&out.file);
    return false;
}
