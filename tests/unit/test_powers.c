/* test_powers.c: powers of affine maps: their digits, and the same bits by vectors of every width. */
#include "harness.h"
#include "solve/lanes.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = POWERS_DOF_MOST, COLUMNS = 2 * MOST + 1, STATES = 11 };

/* Arrays that a map's powers are made in. */
typedef struct Room {
    Powers powers;
    Twofold map, one, other;
    double entry[2 * MOST * COLUMNS * POWERS], keep[2 * MOST * POWERS];
    double pair[8][2 * MOST * COLUMNS];
} Room;

static void clear_room(Room *room, uint32_t d, uint32_t columns) {
    memset(room, 0, sizeof *room);
    room->powers = (Powers){.d = d,
                            .columns = columns,
                            .entry = room->entry,
                            .keep = room->keep,
                            .eighth = {.high = room->pair[0], .low = room->pair[1]}};
    room->map = (Twofold){.high = room->pair[2], .low = room->pair[3]};
    room->one = (Twofold){.high = room->pair[4], .low = room->pair[5]};
    room->other = (Twofold){.high = room->pair[6], .low = room->pair[7]};
}

/* A state's image under power k + 1. */
static void image(const Room *room, const Lanes *lanes, uint32_t k, const double *state, double *to) {
    uint32_t d = room->powers.d;
    double q[POWERS * MOST], pi[POWERS * MOST];
    lanes->powers(&room->powers, 1, state, state + d, q, pi);
    memcpy(to, q + k * d, d * sizeof *q);
    memcpy(to + d, pi + k * d, d * sizeof *pi);
}

/* Powers of rotations, with and without a constant part, decay and growth, against the same in numbers of more digits: four
 * levels of them, up to the 4096th. Where the change is small, it has all its digits. */
static double test_map(const double change[4], const double constant[2], uint32_t columns) {
    static Room room;
    const double state[2] = {0.7, -0.3};
    long double at[2] = {state[0], state[1]}, most = 0;
    uint64_t done = 0;
    clear_room(&room, 1, columns);
    powers_begin(1, columns, change, constant, room.map);
    for (uint64_t stride = 1; stride <= 512; stride *= POWERS) {
        CU_ASSERT(powers_make(&room.powers, &room.map, &room.one, &room.other));
        at[0] = state[0], at[1] = state[1], done = 0;
        for (uint32_t k = 0; k < POWERS; k++) {
            double to[2];
            for (; done < (k + 1) * stride; done++) {
                long double old[2] = {at[0], at[1]};
                for (int i = 0; i < 2; i++)
                    at[i] += change[2 * i] * old[0] + change[2 * i + 1] * old[1] + (columns > 2 ? constant[i] : 0);
            }
            image(&room, lanes_widest(), k, state, to);
            long double size = fmaxl(fabsl(at[0]), fabsl(at[1])), old = fmaxl(fabsl(state[0]), fabsl(state[1]));
            for (int i = 0; i < 2; i++) {
                long double off = fabsl(to[i] - at[i]);
                most = fmaxl(most, off / (columns > 2 ? fmaxl(size, old) : size));
            }
        }
    }
    return (double)most;
}

static void test_digits(void) {
    static const double constant[2] = {0.3, -0.01}, map[][4] = {{-5e-7, 1e-3, -1e-3, -5e-7}, /* a turn */
                                                                {-0.005, 0.0998, -0.0998, -0.005},
                                                                {-0.02, 0.05, -0.05, -0.03}, /* that dies down */
                                                                {0.01, 0.02, 0.02, 0.01},    /* runs away */
                                                                {-0.05, 0, 0, 1e-9}};        /* two that do not meet */
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        for (uint32_t columns = 2; columns <= 3; columns++) {
            double off = test_map(map[i], constant, columns);
            if (!(off <= 4e-16)) printf("\n    map %zu, %u columns: %.1e", i, columns, off);
            CU_ASSERT(off <= 4e-16 || LDBL_DIG == DBL_DIG);
        }
}

/* What has rows too large or too small for powers says so. */
static void test_refused(void) {
    static const double large[4] = {1e60, 0, 0, 0}, small[4] = {1e-30 - 1, 0, 0, 0}, nowhere[4] = {NAN, 0, 0, 0},
                        fine[4] = {1e15, 0, 0, 0}, nothing[2] = {0};
    const double *map[] = {large, small, nowhere, fine};
    static Room room;
    for (size_t i = 0; i < sizeof map / sizeof *map; i++) {
        clear_room(&room, 1, 2);
        powers_begin(1, 2, map[i], nothing, room.map);
        CU_ASSERT_EQUAL(powers_make(&room.powers, &room.map, &room.one, &room.other), map[i] == fine);
    }
}

static void fill(SuiteRandom *random, double *to, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = suite_uniform(random, -1, 1);
}

static bool same_images(const Room *room, const Lanes *a, const Lanes *b, const double *q, const double *pi, size_t count) {
    static _Alignas(2 * sizeof(double)) double to[4][(STATES * POWERS + 1) * MOST], t[2][STATES];
    size_t size = count * POWERS * room->powers.d * sizeof(double), one = room->powers.d * sizeof(double);
    a->powers(&room->powers, count, q, pi, to[0], to[1]);
    b->powers(&room->powers, count, q, pi, to[2], to[3]);
    bool same = memcmp(to[0], to[2], size) == 0 && memcmp(to[1], to[3], size) == 0;
    b->streams(&room->powers, count, q, pi, to[0], to[1]);
    lanes_drain();
    same &= memcmp(to[0], to[2], size) == 0 && memcmp(to[1], to[3], size) == 0;
    a->fans(&room->powers, count, q, pi, to[0], to[1]);
    same &= memcmp(to[0], q, one) == 0 && memcmp(to[1], pi, one) == 0;
    same &= memcmp((char *)to[0] + one, to[2], one * (POWERS - 1)) == 0; /* the next start takes the last place */
    b->fans(&room->powers, count, q, pi, to[2], to[3]);
    same &= memcmp(to[0], to[2], size + one) == 0 && memcmp(to[1], to[3], size + one) == 0;
    a->times(q[0], pi[0], 3, 7, (uint32_t)count, t[0]);
    b->times(q[0], pi[0], 3, 7, (uint32_t)count, t[1]);
    for (size_t i = 0; i < count; i++) same &= t[0][i] == q[0] + (3 + 7 * (double)i) * pi[0];
    return same && memcmp(t[0], t[1], count * sizeof(double)) == 0;
}

static void test_widths(void) {
    static Room room;
    SuiteRandom random = {1};
    double q[STATES * MOST], pi[STATES * MOST];
    for (uint32_t d = 1; d <= MOST; d++)
        for (uint32_t columns = 2 * d; columns <= 2 * d + 1; columns++) {
            clear_room(&room, d, columns);
            fill(&random, room.entry, powers_size(d));
            for (uint32_t i = 0; i < 2 * d; i++) {
                double *keep = room.keep + i / d * d * POWERS + i % d, x = suite_bits(&random) % 2 ? 1 : 0;
                for (uint32_t k = 0; k < POWERS; k++) keep[k * d] = x;
            }
            fill(&random, q, STATES * d);
            fill(&random, pi, STATES * d);
            for (uint32_t width = 2; width <= POWERS; width *= 2)
                for (size_t count = 1; count <= STATES && lanes_of(width); count++)
                    CU_ASSERT(same_images(&room, lanes_of(2), lanes_of(width), q, pi, count));
        }
    CU_ASSERT(lanes_of(3) == NULL && lanes_of(lanes_widest()->width) == lanes_widest());
}

void suite_powers(void) {
    suite_add("powers", (SuiteTest[]){{"all their digits", test_digits},
                                      {"none that don't serve", test_refused},
                                      {"the same bits by every width", test_widths},
                                      {0}});
}
