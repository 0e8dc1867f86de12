/* serve.c: the loop of a compiler's program. */
#include "native/backend.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SERVE_JOB_MOST = 1 << 30 };

static bool receive(void *data, size_t size) {
    for (char *at = data; size;) {
        ssize_t got = read(STDIN_FILENO, at, size);
        if (got <= 0) return false;
        at += got, size -= (size_t)got;
    }
    return true;
}

static bool answer(const void *data, size_t size) {
    for (const char *at = data; size;) {
        ssize_t put = send(STDIN_FILENO, at, size, MSG_NOSIGNAL);
        if (put <= 0) return false;
        at += put, size -= (size_t)put;
    }
    return true;
}

/* One request. False when there are no more. */
static bool serve_one(BackendCompile *compile, void *user) {
    BackendRequest request;
    BackendAnswer said = {LAG_ERROR_BACKEND, 0, 0, 0, 0};
    char why[256] = "";
    if (!receive(&request, sizeof request) || request.size > SERVE_JOB_MOST) return false;
    char *bytes = memory_new((size_t)request.size + 1);
    Buffer out = {0};
    JobCopy copy = {0};
    LagTimings timings = {0};
    bool alive = bytes && receive(bytes, (size_t)request.size);
    if (!alive) {
        /* who asked has gone */
    } else if (strncmp(request.build, BACKEND_BUILD, sizeof request.build) != 0) {
        snprintf(why, sizeof why, "the compiler beside liblag is of another build");
    } else if (!job_read(bytes, (size_t)request.size, &copy)) {
        said.status = LAG_ERROR_MEMORY;
        snprintf(why, sizeof why, "out of memory");
    } else {
        said.status =
            compile(user, &copy.job, (LagBackend)request.road, (BackendForm)request.form, &timings, &out, why, sizeof why);
    }
    if (said.status == LAG_OK && out.failed) {
        said.status = LAG_ERROR_MEMORY;
        snprintf(why, sizeof why, "out of memory");
    }
    const char *body = said.status == LAG_OK ? out.bytes : why;
    said.size = said.status == LAG_OK ? out.size : strlen(why) + 1;
    said.emit = timings.emit;
    said.codegen = timings.codegen;
    alive = alive && answer(&said, sizeof said) && answer(body, (size_t)said.size);
    job_free(&copy);
    buffer_free(&out);
    memory_free(bytes);
    return alive;
}

void serve(BackendCompile *compile, void *user) {
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    while (serve_one(compile, user)) {}
    _exit(0); /* there is nothing to put in order */
}
