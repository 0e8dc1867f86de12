/* cache.c: see cache.h.
 *
 * An entry is a file of a header and the payload, named by its key in hexadecimal. It is written under another name first
 * and then renamed, so that a reader sees all of it or nothing; it is not forced to the disk: what a crash leaves of it, the
 * digest finds out. It is read whole, then checked, then believed, in this order: what is checked can't change any more. */
#include "native/cache.h"

#include "native/cache_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_MOST = 64 << 20,
    WRITE_MOST = 16 << 20,
    SWEEP_RATE = 64,       /* one write in so many is followed by a sweep, */
    SWEEP_BYTES = 1 << 20, /* and one in this many bytes */
    TOUCH_SECONDS = 86400, /* a use is noted if the last note is so old */
    NAME_SIZE = 2 * 32 + 1,
    PLACE_SIZE = 3,
};

typedef struct Header {
    char magic[8];
    uint64_t version; /* of this form, in this machine's order of bytes: there are no others' files here */
    uint64_t size;    /* of the payload */
    CacheKey key;
    uint8_t digest[SHA256_DIGEST_LENGTH]; /* of the key and the payload */
} Header;

static const char magic[8] = "lag obj";
enum { VERSION = 1 };

CacheKey cache_key(const void *const *piece, const size_t *size, uint32_t count) {
    CacheKey key;
    SHA2_CTX hash;
    SHA256Init(&hash);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t length = size[i];
        SHA256Update(&hash, (const uint8_t *)&length, sizeof length);
        if (length) SHA256Update(&hash, piece[i], size[i]);
    }
    SHA256Final(key.byte, &hash);
    return key;
}

static void digest(const CacheKey *key, const void *payload, size_t size, uint8_t out[SHA256_DIGEST_LENGTH]) {
    SHA2_CTX hash;
    SHA256Init(&hash);
    SHA256Update(&hash, key->byte, sizeof key->byte);
    if (size) SHA256Update(&hash, payload, size);
    SHA256Final(out, &hash);
}

/* ---- Places ---- */

typedef struct Place {
    int all, folder; /* the folder of all entries, and the one in it for this one; -1: none */
    char part[PLACE_SIZE], name[NAME_SIZE];
} Place;

static bool place_open(const CacheKey *key, bool make, Place *place) {
    static const char digit[] = "0123456789abcdef";
    *place = (Place){.all = cache_folder_open(make), .folder = -1};
    for (size_t i = 0; i < sizeof key->byte; i++) {
        place->name[2 * i] = digit[key->byte[i] / 16];
        place->name[2 * i + 1] = digit[key->byte[i] % 16];
    }
    memcpy(place->part, place->name, 2);
    if (place->all >= 0) place->folder = cache_folder_within(place->all, place->part, make);
    return place->folder >= 0;
}

static void place_close(const Place *place) {
    if (place->folder >= 0) close(place->folder);
    if (place->all >= 0) close(place->all);
}

/* ---- Reading ---- */

typedef enum Found { FOUND, FOUND_BAD, FOUND_NOTHING } Found;

static bool read_all(int file, void *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t got = read(file, (char *)bytes + done, size - done);
        if (got == 0 || (got < 0 && errno != EINTR)) return false;
        if (got > 0) done += (size_t)got;
    }
    return true;
}

static bool header_good(const Header *header, const CacheKey *key, uint64_t file_size) {
    return memcmp(header->magic, magic, sizeof magic) == 0 && header->version == VERSION &&
           header->size == file_size - sizeof *header && memcmp(&header->key, key, sizeof *key) == 0;
}

static Found read_file(int file, const CacheKey *key, Buffer *payload) {
    Header header;
    struct stat is;
    uint8_t found[SHA256_DIGEST_LENGTH];
    void *bytes = NULL;
    if (fstat(file, &is) != 0) return FOUND_NOTHING;
    if (!S_ISREG(is.st_mode) || is.st_uid != geteuid() || (is.st_mode & (S_IWGRP | S_IWOTH))) return FOUND_BAD;
    if (is.st_size < (off_t)sizeof header || is.st_size > (off_t)sizeof header + READ_MOST) return FOUND_BAD;
    if (!read_all(file, &header, sizeof header)) return FOUND_NOTHING;
    if (!header_good(&header, key, (uint64_t)is.st_size)) return FOUND_BAD;
    if (!memory_grow(&bytes, &payload->capacity, header.size + 1, 1)) return FOUND_NOTHING;
    payload->bytes = bytes;
    if (!read_all(file, payload->bytes, header.size)) return FOUND_NOTHING;
    payload->size = (uint32_t)header.size;
    payload->bytes[payload->size] = 0;
    digest(key, payload->bytes, payload->size, found);
    if (memcmp(found, header.digest, sizeof found) != 0) return FOUND_BAD;
    if (is.st_mtime < time(NULL) - TOUCH_SECONDS) futimens(file, NULL);
    return FOUND;
}

/* Without waiting: what stands there may be anything, a pipe too. */
bool cache_read(const CacheKey *key, Buffer *payload) {
    Place place;
    Found found = FOUND_NOTHING;
    if (place_open(key, false, &place)) {
        int file = openat(place.folder, place.name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (file >= 0) {
            found = read_file(file, key, payload);
            close(file);
        } else if (errno == ELOOP || errno == ENXIO) { /* a link; a socket */
            found = FOUND_BAD;
        }
        if (found == FOUND_BAD) unlinkat(place.folder, place.name, 0);
    }
    place_close(&place);
    if (found != FOUND) buffer_free(payload);
    return found == FOUND;
}

/* ---- Writing ---- */

static bool write_all(int file, const void *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t put = write(file, (const char *)bytes + done, size - done);
        if (put < 0 && errno != EINTR) return false;
        if (put > 0) done += (size_t)put;
    }
    return true;
}

/* A write past the process's limit of file sizes would not fail: it would end the process. */
static bool within_limit(size_t size) {
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur;
}

static void write_file(const Place *place, const Header *header, const void *payload, uint64_t number) {
    char name[64];
    snprintf(name, sizeof name, CACHE_NEW "%ld-%016llx", (long)getpid(), (unsigned long long)number);
    int file = openat(place->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) return;
    bool good = write_all(file, header, sizeof *header) && write_all(file, payload, header->size);
    good = close(file) == 0 && good;
    good = good && renameat(place->folder, name, place->folder, place->name) == 0;
    if (!good) unlinkat(place->folder, name, 0);
}

void cache_write(const CacheKey *key, const void *payload, size_t size) {
    Header header = {.version = VERSION, .size = size, .key = *key};
    Place place;
    uint64_t number;
    if (size > WRITE_MOST || !within_limit(size + sizeof header)) return;
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != (ssize_t)sizeof number) return;
    if (place_open(key, true, &place)) {
        memcpy(header.magic, magic, sizeof magic);
        digest(key, payload, size, header.digest);
        write_file(&place, &header, payload, number);
        if (number % SWEEP_RATE == 0 || number / SWEEP_RATE % SWEEP_BYTES < size) cache_folder_sweep(place.all);
    }
    place_close(&place);
}
