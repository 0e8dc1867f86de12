/* backend.c: the library's side of backend.h.
 *
 * A compiler that has answered is kept for the next request, two of each kind at most: its start is most of what a small job
 * costs. Keeping them is a matter of the process and not of any session; a slot is taken and given back by one atomic
 * exchange, so that nothing here can be locked when a process forks. A child of the process that started a compiler leaves
 * it alone. */
#include "native/backend.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MOST = 60 * 1000 /* milliseconds */, ANSWER_MOST = 1 << 30 };

typedef struct Compiler {
    int socket;
    pid_t pid, owner;
} Compiler;

enum { KIND_TCC, KIND_LLVM, KIND_COUNT, KEPT = 2 };

static const char *const program_name[KIND_COUNT] = {[KIND_TCC] = "lag-tcc", [KIND_LLVM] = "lag-llvm"};
static _Atomic(Compiler *) idle[KIND_COUNT][KEPT];

static int kind_of(LagBackend road) { return road == LAG_BACKEND_TCC ? KIND_TCC : KIND_LLVM; }

/* ---- Starting and ending ---- */

/* Where the compilers are: in LAG_BACKENDS; else beside what this code stands in, a library or a program, or where those are
 * installed from there. */
static bool find_program(const char *name, char *path, size_t size) {
    static const char *const place[] = {"", "lag/", "../" NATIVE_LIBDIR "/lag/"};
    const char *asked = secure_getenv("LAG_BACKENDS"), *slash = NULL;
    Dl_info here = {0};
    if (asked && *asked) return (size_t)snprintf(path, size, "%s/%s", asked, name) < size && access(path, X_OK) == 0;
    if (dladdr(&idle, &here) && here.dli_fname) slash = strrchr(here.dli_fname, '/');
    const char *folder = slash ? here.dli_fname : ".";
    int length = slash ? (int)(slash - here.dli_fname) : 1;
    for (size_t i = 0; i < sizeof place / sizeof *place; i++)
        if ((size_t)snprintf(path, size, "%.*s/%s%s", length, folder, place[i], name) < size && access(path, X_OK) == 0)
            return true;
    return false;
}

/* The program with one end of a pair of sockets as its standard input, silent, in a process group of its own: a Ctrl-C at
 * the terminal is for whoever asked. */
static int spawn(const char *path, const char *name, int end, pid_t *pid) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none;
    char *argument[] = {(char *)(uintptr_t)name, NULL};
    sigemptyset(&none);
    if (posix_spawn_file_actions_init(&files) != 0) return ENOMEM;
    if (posix_spawnattr_init(&how) != 0) return posix_spawn_file_actions_destroy(&files), ENOMEM;
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&how, &none);
    int failed = posix_spawn_file_actions_adddup2(&files, end, STDIN_FILENO);
    if (!failed) failed = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (!failed) failed = posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 34)
    if (!failed) failed = posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
#endif
    if (!failed) failed = posix_spawn(pid, path, &files, &how, argument, environ);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

static Compiler *start(int kind, char *why, size_t why_size) {
    char path[4096];
    int pair[2];
    Compiler *compiler = memory_new(sizeof *compiler);
    if (!compiler) return snprintf(why, why_size, "out of memory"), NULL;
    if (!find_program(program_name[kind], path, sizeof path)) {
        snprintf(why, why_size, "%s is not beside liblag", program_name[kind]);
    } else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        snprintf(why, why_size, "%s can't be reached: %s", program_name[kind], strerror(errno));
    } else {
        int failed = spawn(path, program_name[kind], pair[1], &compiler->pid);
        close(pair[1]);
        compiler->socket = pair[0];
        compiler->owner = getpid();
        if (!failed) return compiler;
        snprintf(why, why_size, "%s can't be started: %s", program_name[kind], strerror(failed));
        close(pair[0]);
    }
    memory_free(compiler);
    return NULL;
}

static void end(Compiler *compiler) {
    close(compiler->socket);
    if (compiler->owner == getpid()) {
        kill(compiler->pid, SIGKILL);
        while (waitpid(compiler->pid, NULL, 0) < 0 && errno == EINTR) {}
    }
    memory_free(compiler);
}

/* ---- Asking ---- */

static bool readable(int socket) { return poll(&(struct pollfd){socket, POLLIN, 0}, 1, 0) > 0; }

/* One that waits, NULL if none does. One that has something to say before it is asked has ended. */
static Compiler *take(int kind) {
    for (int i = 0; i < KEPT; i++) {
        Compiler *compiler = atomic_exchange(&idle[kind][i], NULL);
        if (compiler && compiler->owner == getpid() && !readable(compiler->socket)) return compiler;
        if (compiler) end(compiler);
    }
    return NULL;
}

/* One that waits, else a new one; NULL, with the reason, where none can be started. */
static Compiler *obtain(int kind, char *why, size_t why_size) {
    Compiler *compiler = take(kind);
    return compiler ? compiler : start(kind, why, why_size);
}

static void give_back(int kind, Compiler *compiler) {
    for (int i = 0; i < KEPT && compiler; i++) {
        Compiler *none = NULL;
        if (atomic_compare_exchange_strong(&idle[kind][i], &none, compiler)) compiler = NULL;
    }
    if (compiler) end(compiler);
}

/* Waits until the compiler can be written to or read from. */
static LagStatus wait_for(const Compiler *compiler, short event, int stop) {
    struct pollfd poll_on[2] = {{compiler->socket, event, 0}, {stop, POLLIN, 0}};
    int ready;
    do ready = poll(poll_on, 2, WAIT_MOST);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0) return LAG_ERROR_BACKEND;
    return poll_on[1].revents ? LAG_INTERRUPTED : LAG_OK;
}

static LagStatus say(const Compiler *compiler, const void *data, size_t size, int stop) {
    for (const char *at = data; size;) {
        ssize_t put = send(compiler->socket, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put > 0) {
            at += put, size -= (size_t)put;
        } else {
            if (errno != EAGAIN && errno != EINTR) return LAG_ERROR_BACKEND;
            LagStatus status = wait_for(compiler, POLLOUT, stop);
            if (status != LAG_OK) return status;
        }
    }
    return LAG_OK;
}

static LagStatus hear(const Compiler *compiler, void *data, size_t size, int stop) {
    for (char *at = data; size;) {
        LagStatus status = wait_for(compiler, POLLIN, stop);
        if (status != LAG_OK) return status;
        ssize_t got = recv(compiler->socket, at, size, MSG_DONTWAIT);
        if (got > 0)
            at += got, size -= (size_t)got;
        else if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return LAG_ERROR_BACKEND;
    }
    return LAG_OK;
}

static LagStatus lost(int kind, LagStatus status, char *why, size_t why_size) {
    if (status == LAG_ERROR_BACKEND) snprintf(why, why_size, "%s ended, or took more than a minute", program_name[kind]);
    if (status == LAG_ERROR_MEMORY) snprintf(why, why_size, "out of memory");
    if (status == LAG_INTERRUPTED) snprintf(why, why_size, "interrupted");
    return status;
}

LagStatus backend_begin(const NativeJob *job, LagBackend road, BackendForm form, int stop, BackendTask *task, char *why,
                        size_t why_size) {
    BackendRequest request = {BACKEND_BUILD, (uint32_t)road, (uint32_t)form, 0};
    Buffer bytes = {0};
    int kind = kind_of(road);
    LagStatus status = LAG_ERROR_MEMORY;
    *task = (BackendTask){NULL, road};
    if (!job_failed(job)) job_write(job, true, &bytes);
    if (bytes.bytes && !bytes.failed) {
        request.size = bytes.size;
        task->compiler = obtain(kind, why, why_size);
        if (!task->compiler) return buffer_free(&bytes), LAG_ERROR_BACKEND;
        status = say(task->compiler, &request, sizeof request, stop);
        if (status == LAG_OK) status = say(task->compiler, bytes.bytes, bytes.size, stop);
        if (status != LAG_OK) backend_abandon(task);
    }
    buffer_free(&bytes);
    return lost(kind, status, why, why_size);
}

/* An answer: its head, and what follows it, allocated. */
static LagStatus hear_answer(const Compiler *compiler, int stop, BackendAnswer *said, char **body) {
    LagStatus status = hear(compiler, said, sizeof *said, stop);
    if (status == LAG_OK && said->size > ANSWER_MOST) return LAG_ERROR_BACKEND;
    if (status == LAG_OK && !(*body = memory_new((size_t)said->size + 1))) return LAG_ERROR_MEMORY;
    return status == LAG_OK ? hear(compiler, *body, (size_t)said->size, stop) : status;
}

LagStatus backend_end(BackendTask *task, int stop, LagTimings *timings, Buffer *out, char *why, size_t why_size) {
    BackendAnswer said;
    char *body = NULL;
    int kind = kind_of(task->road);
    LagStatus status = hear_answer(task->compiler, stop, &said, &body);
    if (status != LAG_OK) {
        backend_abandon(task); /* what else it says belongs to no request */
    } else {
        give_back(kind, task->compiler);
        task->compiler = NULL;
        timings->emit += said.emit;
        timings->codegen += said.codegen;
        if (said.status == LAG_OK) buffer_add(out, body, (size_t)said.size);
        status = out->failed ? LAG_ERROR_MEMORY : (LagStatus)said.status;
        if (said.status != LAG_OK) snprintf(why, why_size, "%s", body);
    }
    bool reason = body && status == (LagStatus)said.status;
    memory_free(body);
    return reason ? status : lost(kind, status, why, why_size);
}

void backend_abandon(BackendTask *task) {
    if (task->compiler) end(task->compiler);
    task->compiler = NULL;
}

void lag_backends_start(LagBackend backend) {
    char why[256];
    if (backend < LAG_BACKEND_TCC || backend >= LAG_BACKENDS) return;
    Compiler *compiler = obtain(kind_of(backend), why, sizeof why);
    if (compiler) give_back(kind_of(backend), compiler);
}

void lag_backends_end(void) {
    for (int i = 0; i < KIND_COUNT * KEPT; i++) {
        Compiler *compiler = atomic_exchange(&idle[i / KEPT][i % KEPT], NULL);
        if (compiler) end(compiler);
    }
}
