/* cache_folder.c: see cache_folder.h. Every folder from the cache's own down is the user's, no link, and nobody else can
 * write to it; it is opened from the one above, so that none can be exchanged meanwhile. */
#include "native/cache_folder.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BYTES_MOST = 64 << 20, BYTES_LEFT = 48 << 20, BLOCK = 4096, STRAY_SECONDS = 3600 };

#define CACHE_VERSION "v1"

/* ---- Opening ---- */

static int trusted(int folder) {
    struct stat is;
    if (folder < 0) return -1;
    if (fstat(folder, &is) == 0 && S_ISDIR(is.st_mode) && is.st_uid == geteuid() && !(is.st_mode & (S_IWGRP | S_IWOTH)))
        return folder;
    close(folder);
    return -1;
}

int cache_folder_within(int folder, const char *name, bool make) {
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int within = openat(folder, name, flags);
    if (within < 0 && errno == ENOENT && make && (mkdirat(folder, name, 0700) == 0 || errno == EEXIST))
        within = openat(folder, name, flags);
    return trusted(within);
}

static const char *variable(const char *name) {
    const char *value = secure_getenv(name);
    return value && *value ? value : NULL;
}

/* What root does for somebody else in their home is not to stay there. */
static bool foreign_home(void) {
    struct stat is;
    const char *home = variable("HOME");
    return geteuid() == 0 && home && stat(home, &is) == 0 && is.st_uid != 0;
}

/* The cache's folder in what is the user's for caches, which is made too: it need not be there in a new account. */
static void find_path(Buffer *path, bool make) {
    const char *set = variable("XDG_CACHE_HOME"), *home = variable("HOME");
    if (set && *set == '/')
        buffer_text(path, set);
    else if (home && *home == '/')
        buffer_print(path, "%s/.cache", home);
    if (!path->size || path->failed) return;
    if (make) mkdir(path->bytes, 0700);
    buffer_text(path, "/lag");
}

int cache_folder_open(bool make) {
    const char *set = variable("LAG_CACHE");
    Buffer path = {0};
    if ((set && strcmp(set, "off") == 0) || foreign_home()) return -1;
    if (set)
        buffer_text(&path, set);
    else
        find_path(&path, make);
    while (path.size > 1 && path.bytes[path.size - 1] == '/') path.bytes[--path.size] = 0; /* else a link is followed */
    int top = path.size && !path.failed ? cache_folder_within(AT_FDCWD, path.bytes, make) : -1, all = -1;
    if (top >= 0) {
        all = cache_folder_within(top, CACHE_VERSION, make);
        close(top);
    }
    buffer_free(&path);
    return all;
}

/* ---- Sweeping ---- */

typedef struct Kept {
    struct timespec used;
    uint64_t size;
    char path[3 + 64 + 1]; /* "ab/<64 digits>" */
} Kept;

typedef struct Sweep {
    Kept *kept;
    uint32_t count, capacity;
    uint64_t size;
    time_t now;
    bool failed;
} Sweep;

static int by_use(const void *one, const void *other) {
    const struct timespec *a = &((const Kept *)one)->used, *b = &((const Kept *)other)->used;
    if (a->tv_sec != b->tv_sec) return a->tv_sec < b->tv_sec ? -1 : 1;
    return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

/* One file of the folder `part`: an entry, or one that was being written when its process ended. */
static void look_at(Sweep *sweep, int folder, const char *part, const char *name) {
    struct stat is;
    void *data = sweep->kept;
    if (fstatat(folder, name, &is, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(is.st_mode)) return;
    bool stray = strncmp(name, CACHE_NEW, strlen(CACHE_NEW)) == 0 && is.st_mtime < sweep->now - STRAY_SECONDS;
    if (stray) unlinkat(folder, name, 0);
    if (strlen(name) != 64) return;
    if (!memory_grow(&data, &sweep->capacity, sweep->count + 1, sizeof *sweep->kept)) {
        sweep->failed = true;
        return;
    }
    sweep->kept = data;
    Kept *kept = &sweep->kept[sweep->count++];
    *kept = (Kept){.used = is.st_mtim, .size = ((uint64_t)is.st_size + BLOCK - 1) / BLOCK * BLOCK};
    memcpy(kept->path, part, 2);
    kept->path[2] = '/';
    memcpy(kept->path + 3, name, 64);
    sweep->size += kept->size;
}

static void look_through(Sweep *sweep, int folder, const char *part) {
    int within = cache_folder_within(folder, part, false);
    DIR *files = within < 0 ? NULL : fdopendir(within);
    if (!files) {
        if (within >= 0) close(within);
        return;
    }
    for (const struct dirent *file; (file = readdir(files)) && !sweep->failed;)
        if (file->d_name[0] != '.') look_at(sweep, within, part, file->d_name);
    closedir(files);
}

void cache_folder_sweep(int folder) {
    Sweep sweep = {.now = time(NULL)};
    for (int i = 0; i < 256 && !sweep.failed; i++) {
        const char digit[] = "0123456789abcdef", part[3] = {digit[i / 16], digit[i % 16], 0};
        look_through(&sweep, folder, part);
    }
    if (sweep.size > BYTES_MOST) {
        qsort(sweep.kept, sweep.count, sizeof *sweep.kept, by_use);
        for (uint32_t i = 0; i < sweep.count && sweep.size > BYTES_LEFT; i++)
            if (unlinkat(folder, sweep.kept[i].path, 0) == 0) sweep.size -= sweep.kept[i].size;
    }
    memory_free(sweep.kept);
}
