/* output.c: trajectories into files, and pieces of JSON. */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- JSON ---- */

void json_text(FILE *out, const char *text) {
    fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\') fprintf(out, "\\%c", *c);
        else if (*c == '\n') fputs("\\n", out);
        else if (*c < 0x20) fprintf(out, "\\u%04x", *c);
        else fputc(*c, out);
    }
    fputc('"', out);
}

void json_number(FILE *out, double value) {
    if (isfinite(value)) fprintf(out, "%.17g", value);
    else fputs("null", out);
}

void json_numbers(FILE *out, const double *value, size_t count) {
    fputc('[', out);
    for (size_t i = 0; i < count; i++) {
        if (i) fputc(',', out);
        json_number(out, value[i]);
    }
    fputc(']', out);
}

/* ---- Trajectories ---- */

void trajectory_free(Trajectory *trajectory) {
    lag_model_release(trajectory->model);
    free(trajectory->parameter);
    free(trajectory->t);
    free(trajectory->q);
    free(trajectory->pi);
    *trajectory = (Trajectory){0};
}

static const char *method_text(LagMethod method) {
    return method == LAG_METHOD_GGL ? "ggl" : method == LAG_METHOD_RK2 ? "rk2" : "rk4";
}

static void write_csv(const Trajectory *tr, FILE *out) {
    fprintf(out, "# Lagrangian: %s\n# parameters:", lag_model_text(tr->model));
    for (uint32_t i = 0; i < lag_model_parameter_count(tr->model); i++)
        fprintf(out, "%s %s = %.17g", i ? "," : "", lag_model_parameter(tr->model, i), tr->parameter[i]);
    fprintf(out, "\n# r = %u, dt = %.17g, steps = %llu, method = %s\nt", tr->r, tr->dt, (unsigned long long)tr->steps,
            method_text(tr->method));
    for (uint32_t k = 0; k < tr->d; k++) fprintf(out, ",%s", lag_model_coordinate(tr->model, k));
    for (uint32_t k = 0; k < tr->d; k++) fprintf(out, ",pi_%s", lag_model_coordinate(tr->model, k));
    fputc('\n', out);
    for (size_t i = 0; i < tr->rows && !ferror(out); i++) {
        fprintf(out, "%.17g", tr->t[i]);
        for (uint32_t k = 0; k < tr->d; k++) fprintf(out, ",%.17g", tr->q[i * tr->d + k]);
        for (uint32_t k = 0; k < tr->d; k++) fprintf(out, ",%.17g", tr->pi[i * tr->d + k]);
        fputc('\n', out);
    }
}

/* NumPy's format, version 1.0: the table of the CSV as float64. */
static void write_npy(const Trajectory *tr, FILE *out) {
    char header[118];
    union {
        uint16_t word;
        unsigned char byte[2];
    } order = {.word = 1};
    int size = snprintf(header, sizeof header, "{'descr': '%cf8', 'fortran_order': False, 'shape': (%zu, %u), }",
                        order.byte[0] ? '<' : '>', tr->rows, 1 + 2 * tr->d);
    memset(header + size, ' ', sizeof header - (size_t)size);
    header[sizeof header - 1] = '\n';
    fwrite("\x93NUMPY\x01\x00", 1, 8, out);
    fputc(sizeof header & 0xff, out);
    fputc(sizeof header >> 8, out);
    fwrite(header, 1, sizeof header, out);
    for (size_t i = 0; i < tr->rows && !ferror(out); i++) {
        fwrite(tr->t + i, sizeof(double), 1, out);
        fwrite(tr->q + i * tr->d, sizeof(double), tr->d, out);
        fwrite(tr->pi + i * tr->d, sizeof(double), tr->d, out);
    }
}

static bool said(const char *path, int error) {
    complain("cannot write %s: %s", path, strerror(error));
    return false;
}

static bool finish_stream(FILE *out, const char *path) {
    errno = 0;
    bool good = fflush(out) == 0 && !ferror(out);
    return good || said(path, errno ? errno : EIO);
}

bool output_save(const Trajectory *tr, const char *path) {
    if (strcmp(path, "-") == 0) {
        write_csv(tr, stdout);
        return finish_stream(stdout, "standard output");
    }
    size_t size = strlen(path);
    bool npy = size > 4 && strcmp(path + size - 4, ".npy") == 0;
    char *beside = malloc(size + 32);
    if (!beside) return said(path, ENOMEM);
    snprintf(beside, size + 32, "%s.part-%ld", path, (long)getpid());
    int file = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *out = file < 0 ? NULL : fdopen(file, "wb");
    bool good = out || said(path, errno);
    if (out) {
        if (npy) write_npy(tr, out);
        else write_csv(tr, out);
        good = finish_stream(out, path);
        if (fclose(out) != 0 && good) good = said(path, errno);
        if (good && rename(beside, path) != 0) good = said(path, errno);
    } else if (file >= 0) {
        close(file);
    }
    if (!good && file >= 0) unlink(beside);
    free(beside);
    return good;
}
