/* powers.c: see powers.h.
 *
 * Numbers are kept as pairs, high + low, of twice the digits, and products are split by hand (Dekker 1971): so their bits
 * are the same on every CPU. What serves in the end is the change from x_i for as long as that is small, so that nothing is
 * lost of it. Where it is not, as in motion that dies down, the change would be x_i itself with the other sign, and what is
 * left of x_i lost: there the power serves as it is. */
#include "powers.h"

#include <math.h>
#include <string.h>

static const double power_most =
    0x1p512;                             /* rows of larger ones, or smaller ones than its inverse, may lead out of doubles */
static const double change_least = -0.5; /* below it, more of x_i is taken away than left */

/* ---- Pairs ---- */

/* a + b, and what rounding took from it. */
static inline double add(double a, double b, double *rest) {
    double sum = a + b, part = sum - a;
    *rest = (a - (sum - part)) + (b - part);
    return sum;
}

/* The upper half of a number's bits. */
static inline double upper_half(double a) {
    double c = (0x1p27 + 1) * a;
    return c - (c - a);
}

/* What rounding takes from a * b, a given in halves. */
static inline double product_rest(double product, double a_upper, double a_lower, double b) {
    double b_upper = upper_half(b), b_lower = b - b_upper;
    return ((a_upper * b_upper - product) + a_upper * b_lower + a_lower * b_upper) + a_lower * b_lower;
}

/* high + low += (a + a_low) (b + b_low), for each of `count`. */
static void add_products(double *restrict high, double *restrict low, double a, double a_low, const double *restrict b,
                         const double *restrict b_low, uint32_t count) {
    double a_upper = upper_half(a), a_lower = a - a_upper;
    for (uint32_t j = 0; j < count; j++) {
        double product = a * b[j], rest;
        high[j] = add(high[j], product, &rest);
        low[j] += rest + (product_rest(product, a_upper, a_lower, b[j]) + (a * b_low[j] + a_low * b[j]));
    }
}

/* `to` is `before`, then `after`. */
static void compose(const Powers *p, Twofold after, Twofold before, Twofold to) {
    uint32_t m = 2 * p->d, w = p->columns;
    for (uint32_t i = 0; i < m; i++) {
        size_t row = (size_t)i * w;
        double *high = to.high + row, *low = to.low + row;
        for (uint32_t j = 0; j < w; j++) {
            high[j] = j < m ? 0 : after.high[row + j];
            low[j] = j < m ? 0 : after.low[row + j];
        }
        for (uint32_t k = 0; k < m; k++)
            add_products(high, low, after.high[row + k], after.low[row + k], before.high + (size_t)k * w,
                         before.low + (size_t)k * w, w);
        for (uint32_t j = 0; j < w; j++) high[j] = add(high[j], low[j], &low[j]);
    }
}

void powers_begin(uint32_t d, uint32_t columns, const double *change, const double *constant, Twofold map) {
    uint32_t m = 2 * d;
    for (uint32_t i = 0; i < m; i++)
        for (uint32_t j = 0; j < columns; j++) {
            size_t at = (size_t)i * columns + j;
            map.high[at] = add(i == j, j < m ? change[i * m + j] : constant[i], &map.low[at]);
        }
}

/* ---- Powers ---- */

static double *entry_of(const Powers *p, uint32_t power, uint32_t row, uint32_t column) {
    uint32_t half = row / p->d, number = power * p->d + row % p->d;
    return p->entry + ((size_t)(half * p->d + number / POWERS) * p->columns + column) * POWERS + number % POWERS;
}

static double *keep_of(const Powers *p, uint32_t power, uint32_t row) {
    return p->keep + ((size_t)row / p->d * POWERS + power) * p->d + row % p->d;
}

/* Takes over one power; *change is for its diagonal less 1. False if it does not serve. */
static bool take_over(Powers *p, uint32_t power, Twofold map, double *change) {
    uint32_t m = 2 * p->d, w = p->columns;
    for (uint32_t i = 0; i < m; i++) {
        size_t row = (size_t)i * w;
        double largest = 0, sum = 1, rest;
        for (uint32_t j = 0; j < w; j++) {
            double entry = *entry_of(p, power, i, j) = map.high[row + j];
            if (!(fabs(entry) <= power_most)) return false;
            if (j == m) break;
            largest = fmax(largest, fabs(entry));
            sum += fabs(entry);
        }
        if (largest * power_most < 1) return false;
        p->growth = fmax(p->growth, sum);
        if (w > m) p->shift = fmax(p->shift, fabs(map.high[row + m]));
        change[i] = add(map.high[row + i], -1, &rest);
        change[i] += rest + map.low[row + i];
        if (change[i] < change_least)
            for (uint32_t k = 0; k < POWERS; k++) *keep_of(p, k, i) = 0;
    }
    return true;
}

static void swap(Twofold *a, Twofold *b) {
    Twofold old = *a;
    *a = *b;
    *b = old;
}

bool powers_make(Powers *p, Twofold *map, Twofold *one, Twofold *other) {
    double change[POWERS][2 * POWERS_DOF_MOST];
    uint32_t m = 2 * p->d;
    size_t size = (size_t)m * p->columns * sizeof(double);
    p->growth = p->shift = 0;
    for (uint32_t i = 0; i < m * POWERS; i++) p->keep[i] = 1;
    memcpy(one->high, map->high, size);
    memcpy(one->low, map->low, size);
    for (uint32_t k = 0; k < POWERS; k++) {
        if (k) {
            compose(p, *one, *map, *other);
            swap(map, other);
        }
        if (!take_over(p, k, *map, change[k])) return false;
    }
    for (uint32_t k = 0; k < POWERS; k++)
        for (uint32_t i = 0; i < m; i++)
            if (*keep_of(p, k, i) == 1) *entry_of(p, k, i, i) = change[k][i];
    for (uint32_t i = 0; i < m; i++)
        for (uint32_t j = 0; j < p->columns; j++) {
            p->eighth.high[j * m + i] = map->high[i * p->columns + j];
            p->eighth.low[j * m + i] = map->low[i * p->columns + j];
        }
    return true;
}

void powers_eighth(const Powers *p, Twofold state, Twofold image) {
    uint32_t m = 2 * p->d;
    for (uint32_t i = 0; i < m; i++) {
        image.high[i] = p->columns > m ? p->eighth.high[m * m + i] : 0;
        image.low[i] = p->columns > m ? p->eighth.low[m * m + i] : 0;
    }
    for (uint32_t j = 0; j < m; j++)
        add_products(image.high, image.low, state.high[j], state.low[j], p->eighth.high + j * m, p->eighth.low + j * m, m);
    for (uint32_t i = 0; i < m; i++) image.high[i] = add(image.high[i], image.low[i], &image.low[i]);
}
