/* set.c: motions that a prior draws. */
#include "tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

LagStatus set_draw(const LagKernel *kernel, const LagTrainAsk *ask, uint64_t first, size_t count, double *c, double *q,
                   double *pi) {
    const size_t d = kernel->dof, rows = (size_t)ask->steps + 1;
    LagGradient *gradient = NULL;
    double *start = calloc(2 * count * d + rows, sizeof *start), *rate = start + count * d, *t = rate + count * d;
    if (!start) return LAG_ERROR_MEMORY;
    for (size_t i = 0; i < rows; i++) t[i] = ask->prior.t + (double)i * ask->h;
    LagStatus status = lag_prior_draw(kernel, &ask->prior, ask->seed, first, count, c, start, rate);
    if (status == LAG_OK) status = lag_gradient_new(kernel, count, ask->threads, &gradient);
    LagGradientAsk motion = {.t = ask->prior.t,
                             .h = ask->h,
                             .steps = ask->steps,
                             .c = c,
                             .q = start,
                             .pi = ask->prior.v ? NULL : rate,
                             .v = ask->prior.v ? rate : NULL,
                             .seen = {.rows = rows, .t = t}};
    if (status == LAG_OK) status = lag_gradient_run(gradient, &motion, &(LagGradientOut){.motion_q = q, .motion_pi = pi});
    lag_gradient_free(gradient);
    free(start);
    return status == LAG_ERROR_MEMORY || status == LAG_ERROR_ARGUMENT ? status : LAG_OK; /* one without a motion has NaN */
}

/* ---- For NumPy ---- */

/* A record has its parameters, each a number, and its columns, each of all rows; NULL without memory. */
static char *type_of(const LagModel *model, size_t rows) {
    const uint32_t m = lag_model_parameter_count(model), d = lag_model_dof(model);
    size_t room = 16;
    for (uint32_t j = 0; j < m; j++) room += strlen(lag_model_parameter(model, j)) + 16;
    for (uint32_t k = 0; k < d; k++) room += 2 * strlen(lag_model_coordinate(model, k)) + 96;
    char *type = malloc(room), *at = type, *end = type ? type + room : NULL;
    for (uint32_t j = 0; j < m && type; j++)
        at += snprintf(at, (size_t)(end - at), "%s('%s', %s)", j ? ", " : "[", lag_model_parameter(model, j),
                       file_npy_double());
    for (uint32_t k = 0; k < 2 * d && type; k++)
        at += snprintf(at, (size_t)(end - at), "%s('%s%s', %s, (%zu,))", m + k ? ", " : "[", k < d ? "" : "pi_",
                       lag_model_coordinate(model, k % d), file_npy_double(), rows);
    if (type) snprintf(at, (size_t)(end - at), "]");
    return type;
}

static void write_record(FILE *stream, const LagKernel *kernel, size_t rows, const double *c, const double *q,
                         const double *pi) {
    const size_t d = kernel->dof;
    fwrite(c, sizeof *c, kernel->parameter_count, stream);
    for (size_t k = 0; k < 2 * d; k++)
        for (size_t i = 0; i < rows; i++) fwrite((k < d ? q : pi) + i * d + k % d, sizeof *q, 1, stream);
}

/* So many at a time that they take little memory. */
static LagStatus write_records(FILE *stream, const LagKernel *kernel, const LagTrainAsk *ask) {
    enum { NUMBERS = 1 << 20 };
    const size_t d = kernel->dof, m = kernel->parameter_count, rows = (size_t)ask->steps + 1, each = m + 2 * rows * d;
    const size_t chunk = each < NUMBERS ? NUMBERS / each : 1;
    double *c = malloc(chunk * each * sizeof *c), *q = c + chunk * m, *pi = q + chunk * rows * d;
    LagStatus status = c ? LAG_OK : LAG_ERROR_MEMORY;
    for (uint64_t first = 0; first < ask->set && status == LAG_OK && !ferror(stream); first += chunk) {
        size_t count = ask->set - first < chunk ? (size_t)(ask->set - first) : chunk;
        status = stop_asked() ? LAG_INTERRUPTED : set_draw(kernel, ask, first, count, c, q, pi);
        for (size_t s = 0; s < count && status == LAG_OK; s++)
            write_record(stream, kernel, rows, c + s * m, q + s * rows * d, pi + s * rows * d);
    }
    free(c);
    return status;
}

bool set_write(const LagModel *model, const LagKernel *kernel, const LagTrainAsk *ask, const char *path) {
    FileOut file;
    char shape[32], *type = type_of(model, (size_t)ask->steps + 1);
    LagStatus status = type ? LAG_OK : LAG_ERROR_MEMORY;
    if (status == LAG_OK && !file_begin(&file, path)) {
        free(type);
        return false;
    }
    if (status == LAG_OK) {
        snprintf(shape, sizeof shape, "(%llu,)", (unsigned long long)ask->set);
        file_npy(file.stream, type, shape);
        status = write_records(file.stream, kernel, ask);
        if (status != LAG_OK) file_drop(&file);
    }
    free(type);
    if (status == LAG_OK) return file_finish(&file);
    return complain("cannot write %s: %s", path, lag_status_text(status)), false;
}
