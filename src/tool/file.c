/* file.c: files read whole, and files in the making. One is written beside its place and renamed into it, so that there is
 * never half a file there; and what stood there before stays until then. */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *file_read(FILE *in, size_t most, size_t *size) {
    char *text = NULL;
    size_t room = 0;
    *size = 0;
    for (;;) {
        if (room - *size < 4096) {
            room = room ? 2 * room : 1 << 16;
            char *grown = realloc(text, room);
            if (!grown) break;
            text = grown;
        }
        size_t got = fread(text + *size, 1, room - *size - 1, in);
        *size += got;
        if (got && *size <= most) continue;
        if (ferror(in)) break;
        text[*size] = 0;
        return text;
    }
    free(text);
    return NULL;
}

static bool said(const FileOut *file, int error) {
    complain("cannot write %s: %s", file->path, strerror(error ? error : EIO));
    return false;
}

/* `target` is where the path leads. */
static bool begin_beside(FileOut *file, const char *target) {
    size_t size = strlen(target) + 32;
    file->target = strdup(target);
    file->beside = malloc(size);
    if (!file->target || !file->beside) return said(file, ENOMEM);
    snprintf(file->beside, size, "%s.part-%ld", target, (long)getpid());
    int descriptor = open(file->beside, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 && (file->stream = fdopen(descriptor, "wb"))) return true;
    int error = errno;
    if (descriptor >= 0) {
        close(descriptor);
        unlink(file->beside);
    }
    return said(file, error);
}

static void forget(FileOut *file) {
    free(file->target);
    free(file->beside);
    *file = (FileOut){0};
}

bool file_begin(FileOut *file, const char *path) {
    struct stat there;
    *file = (FileOut){.path = path};
    if (strcmp(path, "-") == 0) {
        *file = (FileOut){.path = "standard output", .stream = stdout};
        return true;
    }
    bool exists = stat(path, &there) == 0, good;
    if (!exists && errno != ENOENT) {
        good = said(file, errno);
    } else if (exists && !S_ISREG(there.st_mode)) { /* such as /dev/null or a pipe: nothing may take its place */
        file->stream = fopen(path, "wb");
        good = file->stream || said(file, errno);
    } else {
        char *target = exists ? realpath(path, NULL) : NULL; /* through links */
        good = exists && !target ? said(file, errno) : begin_beside(file, target ? target : path);
        free(target);
    }
    if (!good) forget(file);
    return good;
}

bool file_flush(FileOut *file) {
    if (!ferror(file->stream)) errno = 0; /* else it is that of the write that failed */
    return (fflush(file->stream) == 0 && !ferror(file->stream)) || said(file, errno);
}

bool file_finish(FileOut *file) {
    bool good = file_flush(file);
    if (file->stream != stdout && fclose(file->stream) != 0 && good) good = said(file, errno);
    if (good && file->beside && rename(file->beside, file->target) != 0) good = said(file, errno);
    if (!good && file->beside) unlink(file->beside);
    forget(file);
    return good;
}

bool file_cut(FileOut *file, long size) {
    if (!file->beside || size <= 0) return false;
    fclose(file->stream); /* what its buffer held is given up: it lies behind the cut, or nowhere */
    file->stream = truncate(file->beside, size) == 0 ? fopen(file->beside, "r+b") : NULL;
    return file->stream || said(file, errno);
}

void file_drop(FileOut *file) {
    if (file->stream && file->stream != stdout) fclose(file->stream);
    if (file->beside) unlink(file->beside);
    forget(file);
}

/* ---- NPY: NumPy's format, version 1.0; or 3.0, where names are not ASCII ---- */

const char *file_npy_double(void) {
    union {
        uint16_t word;
        unsigned char byte[2];
    } order = {.word = 1};
    return order.byte[0] ? "'<f8'" : "'>f8'";
}

void file_npy(FILE *stream, const char *type, const char *shape) {
    enum { LINE = 64, LEAST = 2 * LINE, COUNT_SHORT = 2, COUNT_LONG = 4, MAGIC = 8 };
    const char *const form = "{'descr': %s, 'fortran_order': False, 'shape': %s, }";
    int length = snprintf(NULL, 0, form, type, shape), count = COUNT_SHORT;
    for (const char *c = type; *c; c++)
        if (*c & 0x80) count = COUNT_LONG;
    if (length > UINT16_MAX - LEAST) count = COUNT_LONG;
    int whole = (MAGIC + count + length + LINE) / LINE * LINE; /* with the end of the line */
    if (whole < LEAST) whole = LEAST;
    fwrite(count == COUNT_LONG ? "\x93NUMPY\x03\x00" : "\x93NUMPY\x01\x00", 1, MAGIC, stream);
    for (int i = 0; i < count; i++) fputc((whole - MAGIC - count) >> (8 * i) & 0xff, stream);
    fprintf(stream, form, type, shape);
    fprintf(stream, "%*s", whole - MAGIC - count - length, "\n");
}
