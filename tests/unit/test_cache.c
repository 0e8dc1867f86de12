/* test_cache.c: what the disk cache keeps it gives back, for a while; and what was damaged it does not. */
#include "cache_folders.h"
#include "native/cpu.h"

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
                                     {"the CPU", test_cpu},
                                     {0}});
}
