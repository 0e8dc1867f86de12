/* cache_folders.h: a cache in a folder of its own for each test, and what is to be seen there. */
#ifndef LAG_TESTS_CACHE_FOLDERS_H
#define LAG_TESTS_CACHE_FOLDERS_H

#include "native/cache.h"
#include "suite.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 88, SMALL = 40, DAY = 86400 };

static char root[4096]; /* this test's folder */
static const char *const variable[] = {"LAG_CACHE", "XDG_CACHE_HOME", "HOME"};
static char *kept[3];

static inline void keep_environment(void) {
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(variable[i]);
        kept[i] = value ? strdup(value) : NULL;
        unsetenv(variable[i]);
    }
}

static inline void begin(void) {
    const char *folder = getenv("TMPDIR");
    snprintf(root, sizeof root, "%s/lag-cache-XXXXXX", folder && *folder ? folder : "/tmp");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
    keep_environment();
    setenv("LAG_CACHE", root, 1);
}

static inline int remove_one(const char *path, const struct stat *is, int type, struct FTW *walk) {
    (void)is, (void)type, (void)walk;
    return remove(path);
}

static inline void end(void) {
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    for (int i = 0; i < 3; i++) {
        if (kept[i])
            setenv(variable[i], kept[i], 1);
        else
            unsetenv(variable[i]);
        free(kept[i]);
    }
}

/* A path in the test's folder: a static buffer of four, in turn. */
static inline const char *in_root(const char *name) {
    static char path[4][8192];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", root, name);
    return path[turn];
}

static inline CacheKey key_of(unsigned number) {
    const void *piece = &number;
    size_t length = sizeof number;
    return cache_key(&piece, &length, 1);
}

/* Where an entry is, below the folder named. */
static inline const char *entry_in(const char *folder, const CacheKey *key) {
    char name[300];
    int length = snprintf(name, sizeof name, "%s%sv1/%02x/", folder, *folder ? "/" : "", key->byte[0]);
    for (int i = 0; i < 32; i++) length += snprintf(name + length, 3, "%02x", key->byte[i]);
    return in_root(name);
}

static inline const char *entry(const CacheKey *key) { return entry_in("", key); }

static inline bool exists(const char *path) {
    struct stat is;
    return lstat(path, &is) == 0;
}

static inline unsigned mode(const char *path) {
    struct stat is;
    return lstat(path, &is) == 0 ? is.st_mode & 07777 : 0;
}

static inline bool hit(const CacheKey *key, const void *payload, size_t length) {
    Buffer found = {0};
    bool good = cache_read(key, &found) && found.size == length && memcmp(found.bytes, payload, length) == 0;
    buffer_free(&found);
    return good;
}

/* A miss leaves the payload empty. */
static inline bool miss(const CacheKey *key) {
    Buffer found = {0};
    bool good = !cache_read(key, &found) && !found.bytes && !found.size && !found.capacity;
    buffer_free(&found);
    return good;
}

static inline void put_file(const char *path, const void *bytes, size_t length) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CU_ASSERT_FATAL(file >= 0 && write(file, bytes, length) == (ssize_t)length);
    close(file);
}

static inline size_t get_file(const char *path, void *bytes, size_t most) {
    int file = open(path, O_RDONLY);
    CU_ASSERT_FATAL(file >= 0);
    ssize_t length = read(file, bytes, most);
    close(file);
    return (size_t)length;
}

/* How many entries a folder has. */
static inline int files_in(const char *path) {
    DIR *folder = opendir(path);
    int count = 0;
    for (const struct dirent *file; folder && (file = readdir(folder));) count += file->d_name[0] != '.';
    if (folder) closedir(folder);
    return count;
}

static inline const char *folder_of(const CacheKey *key) {
    char name[16];
    snprintf(name, sizeof name, "v1/%02x", key->byte[0]);
    return in_root(name);
}

static inline void set_age(const char *path, time_t seconds) {
    struct timespec times[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, times, 0), 0);
}

static inline time_t age(const char *path) {
    struct stat is;
    return stat(path, &is) == 0 ? time(NULL) - is.st_mtime : -1;
}

/* A damaged entry is a miss, and is gone. */
static inline bool refused(const CacheKey *key, const void *bytes, size_t length) {
    put_file(entry(key), bytes, length);
    bool good = miss(key);
    return !exists(entry(key)) && good;
}

typedef struct Entry {
    CacheKey key;
    uint8_t bytes[HEADER + SMALL + 8];
    size_t length;
} Entry;

static inline Entry small_entry(unsigned number) {
    Entry made = {.key = key_of(number)};
    uint8_t payload[SMALL];
    for (unsigned i = 0; i < SMALL; i++) payload[i] = (uint8_t)(i + number);
    cache_write(&made.key, payload, SMALL);
    made.length = get_file(entry(&made.key), made.bytes, sizeof made.bytes);
    CU_ASSERT_EQUAL_FATAL(made.length, HEADER + SMALL);
    return made;
}

#endif
