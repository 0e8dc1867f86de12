/* tcc.c: the program lag-tcc: tapes through C to an object, by libtcc.
 *
 * libtcc is given one text, made by c_emit, and neither headers nor libraries. It writes objects to files only: here to one
 * in memory, reached by its name under /proc. */
#include "native/backend.h"

#include "base/clock.h"
#include "native/c_emit.h"

#include <libtcc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Reason {
    char *text;
    size_t size;
} Reason;

/* Warnings are errors: an undeclared function is no more than a warning to libtcc. */
static void complain(void *opaque, const char *message) {
    Reason *reason = opaque;
    if (!*reason->text) snprintf(reason->text, reason->size, "libtcc: %s", message);
}

static void read_file(int file, Buffer *out) {
    char piece[16384];
    ssize_t got;
    off_t at = 0;
    while ((got = pread(file, piece, sizeof piece, at)) > 0) {
        buffer_add(out, piece, (size_t)got);
        at += got;
    }
    if (got < 0) out->failed = true;
}

static LagStatus compile(void *user, const NativeJob *job, LagBackend road, BackendForm form, LagTimings *timings,
                         Buffer *out, char *why, size_t why_size) {
    (void)user, (void)road, (void)form;
    double start = clock_seconds();
    Buffer text = {0};
    Reason reason = {why, why_size};
    c_emit(job, &text);
    double emitted = clock_seconds();
    TCCState *tcc = text.failed ? NULL : tcc_new();
    int file = memfd_create("object", MFD_CLOEXEC);
    LagStatus status = tcc && file >= 0 ? LAG_OK : LAG_ERROR_MEMORY;
    if (status == LAG_OK) {
        char path[40];
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
        tcc_set_error_func(tcc, &reason, complain);
        tcc_set_options(tcc, "-nostdlib -nostdinc");
        bool good = tcc_set_output_type(tcc, TCC_OUTPUT_OBJ) == 0 && tcc_compile_string(tcc, text.bytes) == 0 && !*why &&
                    tcc_output_file(tcc, path) == 0;
        if (good)
            read_file(file, out);
        else
            status = LAG_ERROR_BACKEND;
    }
    if (status != LAG_OK && !*why) snprintf(why, why_size, status == LAG_ERROR_MEMORY ? "out of memory" : "libtcc failed");
    if (tcc) tcc_delete(tcc);
    if (file >= 0) close(file);
    buffer_free(&text);
    timings->emit += emitted - start;
    timings->codegen += clock_seconds() - emitted;
    return status;
}

int main(void) { serve(compile, NULL); }
