/* test_cache_places.c: where the disk cache is, whom it trusts, what else may stand in an entry's place, and what becomes of
 * it where others write too, or nobody can. */
#include "cache_folders.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

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

/* Nobody's, who can't write to a folder without permission, as root can. */
static int act_read_only(void) {
    CacheKey one = key_of(7), two = key_of(8);
    if (geteuid() == 0 && (chown(root, 65534, 65534) != 0 || setgid(65534) != 0 || setuid(65534) != 0)) return CHILD_CANNOT;
    if (access(root, W_OK) != 0) return CHILD_CANNOT; /* what is around it is not everybody's */
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

/* Mounts are the child's own; who is not root becomes root in a name space of users. */
static bool alone(void) {
    char users[64], groups[64];
    if (geteuid() == 0) return unshare(CLONE_NEWNS) == 0;
    snprintf(users, sizeof users, "0 %d 1", (int)geteuid());
    snprintf(groups, sizeof groups, "0 %d 1", (int)getegid());
    return unshare(CLONE_NEWNS | CLONE_NEWUSER) == 0 && put_text("/proc/self/setgroups", "deny") &&
           put_text("/proc/self/uid_map", users) && put_text("/proc/self/gid_map", groups);
}

/* A disk of 64 KiB. */
static int act_full(void) {
    static const uint8_t payload[100000];
    if (!alone()) return CHILD_CANNOT;
    if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0) return CHILD_CANNOT;
    if (mount("tmpfs", root, "tmpfs", 0, "size=64k,mode=0700") != 0) return CHILD_CANNOT;
    CacheKey one = key_of(7), two = key_of(8);
    cache_write(&one, payload, sizeof payload);
    bool good = exists(folder_of(&one)) && miss(&one) && files_in(folder_of(&one)) == 0;
    cache_write(&two, payload, 1000);
    return good && hit(&two, payload, 1000) ? CHILD_GOOD : CHILD_BAD;
}

static void expect_child(int (*act)(void), const char *what) {
    begin();
    int result = suite_in_child(act);
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

void suite_cache_places(void) {
    suite_add("cache/places", (SuiteTest[]){{"in an entry's place", test_places},
                                            {"folders", test_folders},
                                            {"trust", test_trust},
                                            {"children", test_children},
                                            {"two processes", test_together},
                                            {0}});
}
