/* test_cache.c: what the disk cache keeps it gives back, and everything else that may stand in its place is a miss. */
#include "native/cache.h"
#include "native/cpu.h"
#include "suite.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 88, SMALL = 40, DAY = 86400 };

/* ---- A folder for each test ---- */

static char root[4096]; /* this test's folder */
static const char *const variable[] = {"LAG_CACHE", "XDG_CACHE_HOME", "HOME"};
static char *kept[3];

static void keep_environment(void) {
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(variable[i]);
        kept[i] = value ? strdup(value) : NULL;
        unsetenv(variable[i]);
    }
}

static void begin(void) {
    const char *folder = getenv("TMPDIR");
    snprintf(root, sizeof root, "%s/lag-cache-XXXXXX", folder && *folder ? folder : "/tmp");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
    keep_environment();
    setenv("LAG_CACHE", root, 1);
}

static int remove_one(const char *path, const struct stat *is, int type, struct FTW *walk) {
    (void)is, (void)type, (void)walk;
    return remove(path);
}

static void end(void) {
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
static const char *in_root(const char *name) {
    static char path[4][8192];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", root, name);
    return path[turn];
}

static CacheKey key_of(unsigned number) {
    const void *piece = &number;
    size_t length = sizeof number;
    return cache_key(&piece, &length, 1);
}

/* Where an entry is, below the folder named. */
static const char *entry_in(const char *folder, const CacheKey *key) {
    char name[300];
    int length = snprintf(name, sizeof name, "%s%sv1/%02x/", folder, *folder ? "/" : "", key->byte[0]);
    for (int i = 0; i < 32; i++) length += snprintf(name + length, 3, "%02x", key->byte[i]);
    return in_root(name);
}

static const char *entry(const CacheKey *key) { return entry_in("", key); }

static bool exists(const char *path) {
    struct stat is;
    return lstat(path, &is) == 0;
}

static unsigned mode(const char *path) {
    struct stat is;
    return lstat(path, &is) == 0 ? is.st_mode & 07777 : 0;
}

static bool hit(const CacheKey *key, const void *payload, size_t length) {
    Buffer found = {0};
    bool good = cache_read(key, &found) && found.size == length && memcmp(found.bytes, payload, length) == 0;
    buffer_free(&found);
    return good;
}

/* A miss leaves the payload empty. */
static bool miss(const CacheKey *key) {
    Buffer found = {0};
    bool good = !cache_read(key, &found) && !found.bytes && !found.size && !found.capacity;
    buffer_free(&found);
    return good;
}

static void put_file(const char *path, const void *bytes, size_t length) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CU_ASSERT_FATAL(file >= 0 && write(file, bytes, length) == (ssize_t)length);
    close(file);
}

static size_t get_file(const char *path, void *bytes, size_t most) {
    int file = open(path, O_RDONLY);
    CU_ASSERT_FATAL(file >= 0);
    ssize_t length = read(file, bytes, most);
    close(file);
    return (size_t)length;
}

/* How many entries a folder has. */
static int files_in(const char *path) {
    DIR *folder = opendir(path);
    int count = 0;
    for (const struct dirent *file; folder && (file = readdir(folder));) count += file->d_name[0] != '.';
    if (folder) closedir(folder);
    return count;
}

static const char *folder_of(const CacheKey *key) {
    char name[16];
    snprintf(name, sizeof name, "v1/%02x", key->byte[0]);
    return in_root(name);
}

static void set_age(const char *path, time_t seconds) {
    struct timespec times[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, times, 0), 0);
}

static time_t age(const char *path) {
    struct stat is;
    return stat(path, &is) == 0 ? time(NULL) - is.st_mtime : -1;
}

static int in_child(int (*act)(void)) {
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(act());
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 255;
    return WEXITSTATUS(status);
}

/* ---- Keeping ---- */

static void test_keys(void) {
    const void *piece[] = {"ab", "c", "abc", "", NULL};
    const size_t length[] = {2, 1, 3, 0, 0};
    CacheKey key[] = {cache_key(piece, length, 2),
                      cache_key(piece + 2, length + 2, 1),
                      cache_key(piece + 2, length + 2, 2),
                      cache_key(piece, length, 1),
                      cache_key(NULL, NULL, 0),
                      cache_key(piece + 1, length + 1, 1),
                      cache_key(piece + 3, length + 3, 1)};
    size_t count = sizeof key / sizeof *key;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++) CU_ASSERT(memcmp(&key[i], &key[k], sizeof *key) != 0);
    CacheKey again = cache_key(piece + 4, length + 4, 1);
    CU_ASSERT_EQUAL(memcmp(&again, &key[6], sizeof again), 0);
    /* sha256("\3\0\0\0\0\0\0\0abc") and sha256("") */
    const uint8_t abc[4] = {0xce, 0x91, 0xdc, 0x5e}, nothing[4] = {0xe3, 0xb0, 0xc4, 0x42};
    CU_ASSERT_EQUAL(memcmp(key[1].byte, abc, 4), 0);
    CU_ASSERT_EQUAL(memcmp(key[4].byte, nothing, 4), 0);
}

static void test_round_trip(void) {
    const size_t length[] = {0, 1, 1000, 1 << 20, 16 << 20};
    begin();
    uint8_t *payload = malloc((16 << 20) + 1);
    for (size_t i = 0; i < (16 << 20) + 1; i++) payload[i] = (uint8_t)(i * 7 >> 3);
    for (unsigned i = 0; i < 5; i++) {
        CacheKey key = key_of(i);
        CU_ASSERT(miss(&key));
        cache_write(&key, payload, length[i]);
        CU_ASSERT(hit(&key, payload, length[i]));
        CU_ASSERT(hit(&key, payload, length[i]));
        cache_write(&key, payload + 1, length[i]);
        CU_ASSERT(hit(&key, payload + 1, length[i]));
        CU_ASSERT_EQUAL(mode(entry(&key)), 0600);
        CU_ASSERT_EQUAL(mode(folder_of(&key)), 0700);
        CU_ASSERT_EQUAL(files_in(folder_of(&key)), 1);
    }
    CU_ASSERT_EQUAL(mode(in_root("v1")), 0700);
    CacheKey large = key_of(9);
    cache_write(&large, payload, (16 << 20) + 1);
    CU_ASSERT(miss(&large));
    free(payload);
    end();
}

static void test_use(void) {
    begin();
    CacheKey key = key_of(1);
    cache_write(&key, "abc", 3);
    set_age(entry(&key), DAY / 2);
    CU_ASSERT(hit(&key, "abc", 3));
    CU_ASSERT(age(entry(&key)) >= DAY / 2);
    set_age(entry(&key), 2 * DAY);
    CU_ASSERT(hit(&key, "abc", 3));
    CU_ASSERT(age(entry(&key)) < DAY / 2);
    end();
}

/* Large entries make each write sweep. Past 64 MiB the oldest go, down to 48. */
static void test_sweep(void) {
    enum { LENGTH = 8 << 20 };
    begin();
    uint8_t *payload = calloc(1, LENGTH);
    CacheKey key[9];
    for (unsigned i = 0; i < 9; i++) {
        key[i] = key_of(i);
        if (i == 4) {
            put_file(in_root("stray"), "x", 1); /* not in a place of ours */
            char old[8192], young[8192], other[8192];
            snprintf(old, sizeof old, "%s/new-1-0123456789abcdef", folder_of(&key[0]));
            snprintf(young, sizeof young, "%s/new-2-0123456789abcdef", folder_of(&key[0]));
            snprintf(other, sizeof other, "%s/other", folder_of(&key[0]));
            put_file(old, "x", 1), put_file(young, "x", 1), put_file(other, "x", 1);
            set_age(old, 3700), set_age(young, 3500), set_age(other, 3700);
            cache_write(&key[i], payload, LENGTH);
            CU_ASSERT(!exists(old) && exists(young) && exists(other) && exists(in_root("stray")));
        } else {
            cache_write(&key[i], payload, LENGTH);
        }
        for (unsigned k = 0; k < i; k++)
            if (i < 7) CU_ASSERT(exists(entry(&key[k]))); /* 7 of 8 MiB and their headers are under 64 */
        set_age(entry(&key[i]), i == 2 ? 50 : 1000 - i);
    }
    unsigned left = 0;
    for (unsigned i = 0; i < 9; i++) left += exists(entry(&key[i]));
    CU_ASSERT(left == 5 || left == 6);
    CU_ASSERT(exists(entry(&key[2])) && exists(entry(&key[8])) && !exists(entry(&key[0])) && !exists(entry(&key[1])));
    free(payload);
    end();
}

/* ---- Damage ---- */

/* A damaged entry is a miss, and is gone. */
static bool refused(const CacheKey *key, const void *bytes, size_t length) {
    put_file(entry(key), bytes, length);
    bool good = miss(key);
    return !exists(entry(key)) && good;
}

typedef struct Entry {
    CacheKey key;
    uint8_t bytes[HEADER + SMALL + 8];
    size_t length;
} Entry;

static Entry small_entry(unsigned number) {
    Entry made = {.key = key_of(number)};
    uint8_t payload[SMALL];
    for (unsigned i = 0; i < SMALL; i++) payload[i] = (uint8_t)(i + number);
    cache_write(&made.key, payload, SMALL);
    made.length = get_file(entry(&made.key), made.bytes, sizeof made.bytes);
    CU_ASSERT_EQUAL_FATAL(made.length, HEADER + SMALL);
    return made;
}

static void test_bits(void) {
    begin();
    Entry small = small_entry(1);
    unsigned believed = 0;
    for (size_t bit = 0; bit < 8 * small.length; bit++) {
        small.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        believed += !refused(&small.key, small.bytes, small.length);
        small.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    printf("%zu bits ", 8 * small.length);
    CU_ASSERT_EQUAL(believed, 0);
    CU_ASSERT(!refused(&small.key, small.bytes, small.length));
    CU_ASSERT(hit(&small.key, small.bytes + HEADER, SMALL));
    end();
}

static void test_lengths(void) {
    begin();
    Entry small = small_entry(1);
    for (size_t length = 0; length < small.length; length++) CU_ASSERT(refused(&small.key, small.bytes, length));
    for (size_t more = 1; more <= 8; more++) CU_ASSERT(refused(&small.key, small.bytes, small.length + more));
    put_file(entry(&small.key), small.bytes, small.length); /* so long that it is not looked at, without a block of disk */
    CU_ASSERT_EQUAL(truncate(entry(&small.key), (off_t)1 << 32), 0);
    CU_ASSERT(miss(&small.key) && !exists(entry(&small.key)));
    end();
}

static void test_damage(void) {
    begin();
    Entry from[2] = {small_entry(1), small_entry(2)};
    SuiteRandom random = {31};
    unsigned count = 20 * 1000 * suite_multiplier(), believed = 0;
    for (unsigned i = 0; i < count; i++) {
        Entry damaged = from[i % 2];
        for (unsigned times = 1 + suite_bits(&random) % 4; times; times--) {
            size_t place = suite_bits(&random) % damaged.length, length = 1 + suite_bits(&random) % 16;
            if (place + length > damaged.length) length = damaged.length - place;
            unsigned long long bits = suite_bits(&random);
            switch (suite_bits(&random) % 4) {
            case 0: damaged.length = place; break;
            case 1: memcpy(damaged.bytes + place, from[1 - i % 2].bytes + place, length); break;
            case 2: memcpy(damaged.bytes + place, &bits, length < 8 ? length : 8); break;
            default: damaged.bytes[place] ^= (uint8_t)(1 << bits % 8);
            }
            if (!damaged.length) break;
        }
        bool whole = damaged.length == from[i % 2].length && memcmp(damaged.bytes, from[i % 2].bytes, damaged.length) == 0;
        believed += refused(&damaged.key, damaged.bytes, damaged.length) == whole;
    }
    printf("%u of %u believed ", believed, count);
    CU_ASSERT_EQUAL(believed, 0);
    end();
}

/* ---- Other things in an entry's place ---- */

static void test_places(void) {
    begin();
    Entry small = small_entry(1), other = small_entry(2);
    char path[8192], aside[8192];
    snprintf(path, sizeof path, "%s", entry(&small.key));
    snprintf(aside, sizeof aside, "%s", in_root("aside"));
    CU_ASSERT(refused(&small.key, other.bytes, other.length)); /* another key's */
    put_file(aside, small.bytes, small.length);
    CU_ASSERT(symlink(aside, path) == 0 && miss(&small.key) && !exists(path) && exists(aside));
    CU_ASSERT(mkfifo(path, 0600) == 0 && miss(&small.key) && !exists(path));
    const unsigned lax[] = {0620, 0602, 0666};
    for (int i = 0; i < 3; i++) {
        put_file(path, small.bytes, small.length);
        CU_ASSERT(chmod(path, lax[i]) == 0 && miss(&small.key) && !exists(path));
    }
    if (geteuid() == 0) {
        put_file(path, small.bytes, small.length);
        CU_ASSERT(chown(path, 1, 1) == 0 && miss(&small.key) && !exists(path));
    }
    CU_ASSERT(mkdir(path, 0700) == 0 && miss(&small.key));
    cache_write(&small.key, "abc", 3); /* can't be put there, and nothing is left of the attempt */
    CU_ASSERT(miss(&small.key) && files_in(folder_of(&small.key)) == 1);
    CU_ASSERT(rmdir(path) == 0 && symlink(aside, path) == 0);
    cache_write(&small.key, "abc", 3); /* replaces the link, and not what it leads to */
    CU_ASSERT(hit(&small.key, "abc", 3));
    CU_ASSERT_EQUAL(get_file(aside, other.bytes, sizeof other.bytes), small.length);
    end();
}

/* ---- Folders ---- */

static bool works(void) {
    CacheKey key = key_of(7);
    cache_write(&key, "abc", 3);
    return hit(&key, "abc", 3);
}

static void test_folders(void) {
    begin();
    CacheKey key = key_of(7);
    unsetenv("LAG_CACHE");
    CU_ASSERT(!works()); /* nothing says where */
    setenv("HOME", "relative", 1);
    CU_ASSERT(!works());
    setenv("HOME", in_root("home"), 1);
    CU_ASSERT(!works()); /* is not there */
    CU_ASSERT(mkdir(in_root("home"), 0755) == 0 && works());
    CU_ASSERT(exists(entry_in("home/.cache/lag", &key)) && mode(in_root("home/.cache")) == 0700);
    setenv("XDG_CACHE_HOME", in_root("caches"), 1);
    CU_ASSERT(works() && exists(entry_in("caches/lag", &key)));
    setenv("XDG_CACHE_HOME", "relative", 1);
    CU_ASSERT(unlink(entry_in("home/.cache/lag", &key)) == 0 && works() && exists(entry_in("home/.cache/lag", &key)));
    CU_ASSERT(!exists("relative"));
    setenv("LAG_CACHE", "off", 1);
    CU_ASSERT(!works() && !exists("off"));
    setenv("LAG_CACHE", in_root("own//"), 1);
    CU_ASSERT(works() && exists(entry_in("own", &key)));
    setenv("LAG_CACHE", in_root("none/own"), 1); /* one folder is made, not a path of them */
    CU_ASSERT(!works());
    setenv("LAG_CACHE", "/proc/self", 1);
    CU_ASSERT(!works());
    end();
}

static void test_trust(void) {
    const char *const part[] = {"own", "own/v1", NULL};
    CacheKey key = key_of(7);
    begin();
    char path[8192], aside[8192];
    snprintf(aside, sizeof aside, "%s", in_root("aside"));
    setenv("LAG_CACHE", in_root("own"), 1);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT(works());
        snprintf(path, sizeof path, "%s", entry_in("own", &key));
        path[strlen(path) - 65] = 0; /* the entry's folder */
        if (part[i]) snprintf(path, sizeof path, "%s", in_root(part[i]));
        CU_ASSERT(chmod(path, 0720) == 0 && miss(&key) && !works());
        CU_ASSERT(chmod(path, 0702) == 0 && miss(&key) && !works());
        CU_ASSERT(chmod(path, 0755) == 0 && hit(&key, "abc", 3));
        if (geteuid() == 0) {
            CU_ASSERT(chown(path, 1, 1) == 0 && miss(&key) && !works());
            CU_ASSERT(chown(path, 0, 0) == 0 && hit(&key, "abc", 3));
        }
        CU_ASSERT(rename(path, aside) == 0 && symlink(aside, path) == 0 && miss(&key) && !works());
        CU_ASSERT(unlink(path) == 0);
        put_file(path, "abc", 3);
        CU_ASSERT(miss(&key) && !works());
        CU_ASSERT(unlink(path) == 0 && rename(aside, path) == 0 && hit(&key, "abc", 3));
    }
    setenv("LAG_CACHE", in_root("own/"), 1); /* a slash at the end follows no link */
    CU_ASSERT(works() && rename(in_root("own"), aside) == 0 && symlink(aside, in_root("own")) == 0 && !works());
    if (geteuid() == 0) { /* root in somebody's home */
        setenv("LAG_CACHE", aside, 1);
        setenv("HOME", in_root("home"), 1);
        CU_ASSERT(works() && mkdir(in_root("home"), 0700) == 0 && works());
        CU_ASSERT(chown(in_root("home"), 1, 1) == 0 && !works());
    }
    end();
}

/* ---- In other processes ---- */

enum { CHILD_GOOD, CHILD_BAD, CHILD_CANNOT };

/* Nobody's, who can't write to a folder without permission, as root can. */
static int act_read_only(void) {
    CacheKey one = key_of(7), two = key_of(8);
    if (geteuid() == 0 && (chown(root, 65534, 65534) != 0 || setgid(65534) != 0 || setuid(65534) != 0)) return CHILD_CANNOT;
    cache_write(&one, "abc", 3);
    bool good = hit(&one, "abc", 3) && chmod(folder_of(&one), 0500) == 0;
    cache_write(&one, "def", 3);
    good = good && hit(&one, "abc", 3) && chmod(in_root("v1"), 0500) == 0;
    cache_write(&two, "abc", 3);
    good = good && miss(&two) && hit(&one, "abc", 3) && chmod(entry(&one), 0) == 0 && miss(&one) && exists(entry(&one));
    good = good && chmod(in_root("v1"), 0700) == 0 && chmod(folder_of(&one), 0700) == 0;
    return good ? CHILD_GOOD : CHILD_BAD;
}

/* Past the limit of file sizes the system would end the process. */
static int act_limited(void) {
    static const uint8_t payload[5000];
    CacheKey one = key_of(7), two = key_of(8);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, 4096});
    signal(SIGXFSZ, SIG_DFL);
    cache_write(&one, payload, 5000);
    cache_write(&two, payload, 4096 - HEADER);
    return miss(&one) && hit(&two, payload, 4096 - HEADER) ? CHILD_GOOD : CHILD_BAD;
}

static bool put_text(const char *path, const char *text) {
    int file = open(path, O_WRONLY);
    bool good = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
    if (file >= 0) close(file);
    return good;
}

/* A disk of 64 KiB, in a name space of the child's own. */
static int act_full(void) {
    static const uint8_t payload[100000];
    char map[64];
    snprintf(map, sizeof map, "0 %d 1", (int)geteuid());
    if (geteuid() == 0 ? unshare(CLONE_NEWNS) != 0
                       : unshare(CLONE_NEWNS | CLONE_NEWUSER) != 0 || !put_text("/proc/self/uid_map", map))
        return CHILD_CANNOT;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return CHILD_CANNOT;
    if (mount("tmpfs", root, "tmpfs", 0, "size=64k,mode=0700") != 0) return CHILD_CANNOT;
    CacheKey one = key_of(7), two = key_of(8);
    cache_write(&one, payload, sizeof payload);
    bool good = exists(folder_of(&one)) && miss(&one) && files_in(folder_of(&one)) == 0;
    cache_write(&two, payload, 1000);
    return good && hit(&two, payload, 1000) ? CHILD_GOOD : CHILD_BAD;
}

static void expect_child(int (*act)(void), const char *what) {
    begin();
    int result = in_child(act);
    if (result == CHILD_CANNOT) printf("(no %s here) ", what);
    CU_ASSERT(result == CHILD_GOOD || result == CHILD_CANNOT);
    end();
}

static void test_children(void) {
    expect_child(act_read_only, "other user");
    expect_child(act_limited, "limit");
    expect_child(act_full, "small disk");
}

/* Writes and reads one key together with another process: what is read is always one of the things written, whole. */
static int act_together(void) {
    static uint8_t payload[50000];
    CacheKey key = key_of(7);
    for (int i = 0; i < 500; i++) {
        Buffer found = {0};
        size_t length = 1000 + (size_t)(getpid() + i) * 97 % 49000;
        memset(payload, (getpid() + i) & 255, length);
        memcpy(payload, &length, sizeof length);
        cache_write(&key, payload, length);
        if (!cache_read(&key, &found)) return CHILD_BAD;
        memcpy(&length, found.bytes, sizeof length);
        bool good = length == found.size;
        for (size_t k = sizeof length; k < found.size; k++) good = good && found.bytes[k] == found.bytes[sizeof length];
        buffer_free(&found);
        if (!good) return CHILD_BAD;
    }
    return CHILD_GOOD;
}

static void test_together(void) {
    pid_t child[2];
    int status;
    begin();
    CacheKey key = key_of(7);
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        child[i] = fork();
        if (child[i] == 0) _exit(act_together());
    }
    for (int i = 0; i < 2; i++)
        CU_ASSERT(waitpid(child[i], &status, 0) == child[i] && WIFEXITED(status) && WEXITSTATUS(status) == CHILD_GOOD);
    CU_ASSERT_EQUAL(files_in(folder_of(&key)), 1);
    end();
}

/* ---- The CPU ---- */

static void test_cpu(void) {
    uint8_t one[CPU_IDENTITY_MOST], two[CPU_IDENTITY_MOST] = {0};
    size_t length = cpu_identity(one, sizeof one);
    CU_ASSERT(length >= 16 && length < CPU_IDENTITY_MOST);
    CU_ASSERT(cpu_identity(two, sizeof two) == length && memcmp(one, two, length) == 0);
    memset(two, 0xa5, sizeof two);
    CU_ASSERT(cpu_identity(two, 10) == 10 && memcmp(one, two, 10) == 0 && two[10] == 0xa5);
    CU_ASSERT_EQUAL(cpu_identity(NULL, 0), 0);
}

void suite_cache(void) {
    suite_add("cache", (SuiteTest[]){{"keys", test_keys},
                                     {"round trip", test_round_trip},
                                     {"use", test_use},
                                     {"sweep", test_sweep},
                                     {"every bit", test_bits},
                                     {"every length", test_lengths},
                                     {"damage", test_damage},
                                     {"places", test_places},
                                     {"folders", test_folders},
                                     {"trust", test_trust},
                                     {"children", test_children},
                                     {"two processes", test_together},
                                     {"the CPU", test_cpu},
                                     {0}});
}
