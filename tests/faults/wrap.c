/* wrap.c: what stands in for the C library's functions (fault.h). The linker gives a wrapped function no argument to keep
 * its state in: hence the globals.
 *
 * Streams are made with fopencookie, so that a fault is one of the system call below: what the stream then says to
 * fflush, ferror and fclose is the C library's own doing. */
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <gmp.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 256, CAPTURE = 1 << 20, SLOTS = 1 << 17 }; /* small buffers: more writes to fail */

/* Where a stream's bytes come from or go to. */
typedef struct Stream {
    enum { STREAM_FILE, STREAM_CAPTURE, STREAM_MEMORY } kind;
    int file;
    char *text; /* of a capture, or of open_memstream, whose caller reads it and its size there: */
    char **text_out;
    size_t size, *size_out;
    char buffer[BUFFER];
} Stream;

static Fault fault;
static FaultReport report;
static unsigned calls;
static bool running;
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER; /* threads of lag's allocate too */
static void *block[SLOTS];                                   /* live blocks, by address */
static size_t number_bytes;                                  /* of GMP's and MPFR's numbers */
static Stream standard[3];
static char captured[3][CAPTURE];
static FILE *own[3];

static bool fails(FaultKind kind, int error) {
    if (kind != fault.kind) return false;
    pthread_mutex_lock(&counting);
    calls++;
    bool now = fault.lasting ? calls >= fault.at : calls == fault.at;
    if (now && !report.error) report.error = error;
    pthread_mutex_unlock(&counting);
    if (now) errno = error;
    return now;
}

/* ---- Memory ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t line, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *old);

static size_t slot_of(const void *address) {
    size_t i = (uintptr_t)address / 16 * 0x9e3779b97f4a7c15u >> 47;
    while (block[i] && block[i] != address) i = (i + 1) % SLOTS;
    return i;
}

static void *made(void *address) {
    if (!running || !address) return address;
    pthread_mutex_lock(&counting);
    block[slot_of(address)] = address;
    if (++report.blocks > SLOTS / 2) abort();
    pthread_mutex_unlock(&counting);
    return address;
}

/* Forgets a block, and closes the gap it leaves in its run of slots. */
static void close_gap(size_t gap) {
    block[gap] = NULL;
    report.blocks--;
    for (size_t i = (gap + 1) % SLOTS; block[i]; i = (i + 1) % SLOTS) {
        void *moved = block[i];
        block[i] = NULL;
        block[slot_of(moved)] = moved;
    }
}

static void unmade(const void *address) {
    if (!address) return;
    pthread_mutex_lock(&counting);
    size_t at = slot_of(address);
    if (block[at]) close_gap(at); /* else from before, or not lag's */
    pthread_mutex_unlock(&counting);
}

void *__wrap_malloc(size_t size) { return fails(FAULT_MEMORY, ENOMEM) ? NULL : made(__real_malloc(size)); }
void *__wrap_calloc(size_t count, size_t size) {
    return fails(FAULT_MEMORY, ENOMEM) ? NULL : made(__real_calloc(count, size));
}

void *__wrap_aligned_alloc(size_t line, size_t size) {
    return fails(FAULT_MEMORY, ENOMEM) ? NULL : made(__real_aligned_alloc(line, size));
}

void *__wrap_realloc(void *old, size_t size) {
    if (fails(FAULT_MEMORY, ENOMEM)) return NULL;
    unmade(old);
    return made(__real_realloc(old, size));
}

void __wrap_free(void *old) {
    unmade(old);
    __real_free(old);
}

char *__wrap_strdup(const char *text) {
    char *copy = __wrap_malloc(strlen(text) + 1);
    return copy ? strcpy(copy, text) : NULL;
}

/* GMP ends the program where it gets no memory, so its calls don't fail here; but they count as lag's. */

static void *number_new(size_t size) {
    number_bytes += size;
    if (number_bytes > report.peak) report.peak = number_bytes;
    void *made_here = made(__real_malloc(size));
    if (!made_here) abort();
    return made_here;
}

static void number_free(void *old, size_t size) {
    number_bytes -= size;
    __wrap_free(old);
}

static void *number_resize(void *old, size_t old_size, size_t size) {
    void *grown = number_new(size);
    memcpy(grown, old, old_size < size ? old_size : size);
    number_free(old, old_size);
    return grown;
}

/* ---- Streams ---- */

static ssize_t stream_read(void *cookie, char *bytes, size_t size) {
    const Stream *s = cookie;
    if (fails(FAULT_IO, EIO)) return -1;
    if (fails(FAULT_SHORT, EIO)) size = (size + 1) / 2;
    return read(s->file, bytes, size);
}

static bool grow_text(Stream *s, size_t size) {
    char *grown = __wrap_realloc(s->text, s->size + size + 1);
    if (!grown) return false;
    *s->text_out = s->text = grown;
    *s->size_out = s->size + size;
    return true;
}

/* A cookie says that a write failed by having taken less; errno is set. */
static ssize_t stream_write(void *cookie, const char *bytes, size_t size) {
    Stream *s = cookie;
    bool memory = s->kind == STREAM_MEMORY;
    bool none = !memory && fails(FAULT_IO, ENOSPC), half = !memory && fails(FAULT_SHORT, ENOSPC);
    if (s == &standard[2] && (none || half)) report.silenced = true;
    size = none ? 0 : half ? size / 2 : size;
    if (s->kind == STREAM_FILE) return size ? write(s->file, bytes, size) : 0;
    if (memory ? !grow_text(s, size) : s->size + size >= CAPTURE) return 0;
    memcpy(s->text + s->size, bytes, size);
    s->size += size;
    s->text[s->size] = 0;
    return (ssize_t)size;
}

static int stream_seek(void *cookie, off64_t *offset, int whence) {
    const Stream *s = cookie;
    if (s->kind != STREAM_FILE) return -1;
    *offset = lseek(s->file, *offset, whence);
    return *offset < 0 ? -1 : 0;
}

static int stream_close(void *cookie) {
    Stream *s = cookie;
    int result = 0;
    if (s->kind == STREAM_FILE) result = close(s->file);
    if (s->kind == STREAM_MEMORY && !s->text) {
        if (grow_text(s, 0))
            *s->text = 0;
        else
            result = -1;
    }
    if (s < standard || s >= standard + 3) __real_free(s);
    return result;
}

static FILE *stream_open(Stream *s, const char *mode) {
    FILE *stream = fopencookie(s, mode, (cookie_io_functions_t){stream_read, stream_write, stream_seek, stream_close});
    if (!stream || setvbuf(stream, s->buffer, s == &standard[2] ? _IONBF : _IOFBF, BUFFER) != 0) abort();
    return stream;
}

static FILE *stream_new(Stream stream, const char *mode) {
    Stream *s = __real_malloc(sizeof *s);
    if (!s) abort();
    *s = stream;
    return stream_open(s, mode);
}

FILE *__wrap_open_memstream(char **text, size_t *size) {
    if (fails(FAULT_MEMORY, ENOMEM)) return NULL;
    *text = NULL;
    *size = 0;
    return stream_new((Stream){.kind = STREAM_MEMORY, .text_out = text, .size_out = size}, "w");
}

/* ---- Files ---- */

int __real_open(const char *path, int flags, ...);
int __real_close(int file);
int __real_stat(const char *path, struct stat *there);
int __real_truncate(const char *path, off_t size);
int __real_rename(const char *from, const char *to);
char *__real_realpath(const char *path, char *resolved);

int __wrap_open(const char *path, int flags, ...) {
    va_list mode;
    if (fails(FAULT_IO, EACCES)) return -1;
    va_start(mode, flags);
    int file = __real_open(path, flags, flags & O_CREAT ? va_arg(mode, mode_t) : 0);
    va_end(mode);
    if (running && file >= 0) report.files++;
    return file;
}

int __wrap_close(int file) {
    int result = __real_close(file);
    if (running && result == 0) report.files--;
    return fails(FAULT_IO, EIO) ? -1 : result; /* the descriptor is gone all the same */
}

FILE *__wrap_fdopen(int file, const char *mode) {
    return fails(FAULT_MEMORY, ENOMEM) ? NULL : stream_new((Stream){.kind = STREAM_FILE, .file = file}, mode);
}

FILE *__wrap_fopen(const char *path, const char *mode) {
    if (fails(FAULT_MEMORY, ENOMEM)) return NULL;
    int flags = strchr(mode, '+') ? O_RDWR : *mode == 'r' ? O_RDONLY : O_WRONLY;
    int file = __wrap_open(path, *mode == 'r' ? flags : flags | O_CREAT | O_TRUNC, 0666);
    return file < 0 ? NULL : stream_new((Stream){.kind = STREAM_FILE, .file = file}, mode);
}

int __wrap_stat(const char *path, struct stat *there) { return fails(FAULT_IO, EIO) ? -1 : __real_stat(path, there); }
int __wrap_rename(const char *from, const char *to) { return fails(FAULT_IO, EIO) ? -1 : __real_rename(from, to); }
int __wrap_truncate(const char *path, off_t size) { return fails(FAULT_IO, EIO) ? -1 : __real_truncate(path, size); }

char *__wrap_realpath(const char *path, char *resolved) {
    if (fails(FAULT_MEMORY, ENOMEM) || fails(FAULT_IO, EIO)) return NULL;
    return made(__real_realpath(path, resolved));
}

FILE *__real_tmpfile(void);
FILE *__wrap_tmpfile(void) { return fails(FAULT_IO, EACCES) ? NULL : __real_tmpfile(); }

int __real_pipe2(int ends[2], int flags);
int __wrap_pipe2(int ends[2], int flags) {
    if (fails(FAULT_IO, EMFILE)) return -1;
    int result = __real_pipe2(ends, flags);
    if (running && result == 0) report.files += 2;
    return result;
}

int __real_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[], char *const environment[]);
int __wrap_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[], char *const environment[]) {
    if (fails(FAULT_IO, EAGAIN)) return EAGAIN;
    return __real_posix_spawnp(pid, file, actions, attributes, argv, environment);
}

int __real_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const argv[], char *const environment[]);
int __wrap_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const argv[], char *const environment[]) {
    if (fails(FAULT_IO, EAGAIN)) return EAGAIN;
    return __real_posix_spawn(pid, path, actions, attributes, argv, environment);
}

int __real_socketpair(int domain, int type, int protocol, int ends[2]);
int __wrap_socketpair(int domain, int type, int protocol, int ends[2]) {
    if (fails(FAULT_IO, EMFILE)) return -1;
    int result = __real_socketpair(domain, type, protocol, ends);
    if (running && result == 0) report.files += 2;
    return result;
}

int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags) {
    if (fails(FAULT_IO, EMFILE)) return -1;
    int file = __real_memfd_create(name, flags);
    if (running && file >= 0) report.files++;
    return file;
}

void *__real_mmap(void *address, size_t size, int protection, int flags, int file, off_t at);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int file, off_t at) {
    return fails(FAULT_MEMORY, ENOMEM) ? MAP_FAILED : __real_mmap(address, size, protection, flags, file, at);
}

int __real_mprotect(void *address, size_t size, int protection);
int __wrap_mprotect(void *address, size_t size, int protection) {
    return fails(FAULT_IO, EACCES) ? -1 : __real_mprotect(address, size, protection);
}

void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int file, off_t at)
    __attribute__((alias("__wrap_mmap")));

/* The names that they have where files may be large. */
FILE *__wrap_tmpfile64(void) __attribute__((alias("__wrap_tmpfile")));
int __wrap_open64(const char *path, int flags, ...) __attribute__((alias("__wrap_open")));
int __wrap_stat64(const char *path, struct stat *there) __attribute__((alias("__wrap_stat")));
int __wrap_truncate64(const char *path, off_t size) __attribute__((alias("__wrap_truncate")));
FILE *__wrap_fopen64(const char *path, const char *mode) __attribute__((alias("__wrap_fopen")));

/* ---- What differs from run to run ---- */

int __wrap_isatty(int file) {
    (void)file;
    return 0;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now) {
    (void)clock;
    *now = (struct timespec){0};
    return 0;
}

/* ---- A run ---- */

void fault_begin(Fault plan, const char *input) {
    mp_set_memory_functions(number_new, number_resize, number_free);
    report = (FaultReport){.out = captured[1], .err = captured[2]};
    calls = 0;
    own[0] = stdin, own[1] = stdout, own[2] = stderr;
    for (int i = 0; i < 3; i++) {
        standard[i] = (Stream){.kind = i ? STREAM_CAPTURE : STREAM_FILE, .text = captured[i]};
        captured[i][0] = 0;
    }
    standard[0].file = open(input, O_RDONLY | O_CLOEXEC);
    if (standard[0].file < 0) abort();
    stdin = stream_open(&standard[0], "r");
    stdout = stream_open(&standard[1], "w");
    stderr = stream_open(&standard[2], "w");
    fault = plan;
    running = true;
}

FaultReport fault_end(void) {
    running = false;
    fault = (Fault){0};
    FILE *stream[] = {stdin, stdout, stderr};
    stdin = own[0], stdout = own[1], stderr = own[2];
    for (int i = 0; i < 3; i++) {
        __fpurge(stream[i]);
        fclose(stream[i]);
    }
    if (report.blocks) memset(block, 0, sizeof block); /* a sanitizer may look for them now */
    return report;
}
