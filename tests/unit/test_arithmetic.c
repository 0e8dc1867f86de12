/* test_arithmetic.c: products of matrices, and what units do between them, beside doubles, and the same bits in vectors of
 * every width. */
#include "learn/arithmetic.h"
#include "suite.h"

#include <math.h>
#include <string.h>

enum { COUNT = 4096 };

/* Arrays of forth and back. */
typedef struct Room {
    _Alignas(64) float gate[4 * COUNT];
    _Alignas(64) float before[COUNT], cell[COUNT], bent[COUNT], output[COUNT], above[COUNT], own[COUNT], dc[COUNT];
} Room;

static Room room, other;

static float some(SuiteRandom *random, double size) { return (float)suite_uniform(random, -size, size); }

static void fill(Room *r, double size) {
    SuiteRandom random = {7};
    for (int n = 0; n < 4 * COUNT; n++) r->gate[n] = some(&random, size);
    for (int n = 0; n < COUNT; n++) {
        r->before[n] = some(&random, 3);
        r->above[n] = some(&random, 1);
        r->own[n] = some(&random, 1);
        r->dc[n] = some(&random, 1);
    }
}

static double open_gate(double x) { return 1 / (1 + exp(-x)); }

static double distance(float a, double b) { return fabs((double)a - b) / (1 + fabs(b)); }

/* The largest distance of forth from the formulas. */
static double forth_distance(double size) {
    double worst = 0;
    fill(&room, size);
    memcpy(other.gate, room.gate, sizeof other.gate);
    arithmetic_widest()->forth(COUNT, room.gate, room.before, room.cell, room.bent, room.output);
    for (int n = 0; n < COUNT; n++) {
        const float *z = other.gate + n, *gate = room.gate + n;
        double i = open_gate(z[0]), f = open_gate(z[COUNT]), g = tanh(z[2 * COUNT]), o = open_gate(z[3 * COUNT]);
        double c = f * room.before[n] + i * g;
        double all[] = {distance(gate[0], i),
                        distance(gate[COUNT], f),
                        distance(gate[2 * COUNT], g),
                        distance(gate[3 * COUNT], o),
                        distance(room.cell[n], c),
                        distance(room.bent[n], tanh(c)),
                        distance(room.output[n], o * tanh(c))};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) worst = fmax(worst, all[k]);
    }
    return worst;
}

static void test_forth(void) {
    CU_ASSERT(forth_distance(1e-3) < 4e-7);
    CU_ASSERT(forth_distance(3) < 4e-7);
    CU_ASSERT(forth_distance(30) < 4e-7);
    CU_ASSERT(forth_distance(1e30) < 4e-7);
}

/* tanh of what is small has all its digits, no gate leaves its range, and what is no number stays none. */
static void test_ends(void) {
    double worst = 0;
    memset(&room, 0, sizeof room);
    for (int n = 0; n < COUNT; n++) room.gate[2 * COUNT + n] = (float)pow(10, -30 + 31.5 * n / COUNT);
    memcpy(other.gate, room.gate, sizeof other.gate);
    arithmetic_widest()->forth(COUNT, room.gate, room.before, room.cell, room.bent, room.output);
    for (int n = 2 * COUNT; n < 3 * COUNT; n++) worst = fmax(worst, fabs(room.gate[n] / tanh(other.gate[n]) - 1));
    CU_ASSERT(worst < 6 * 0x1p-24);
    const float ends[] = {-INFINITY, INFINITY, -9.01f, 9.01f, -9.03f, 9.03f, NAN};
    memset(&room, 0, sizeof room);
    for (int k = 0; k < 7; k++) room.gate[k] = room.gate[2 * COUNT + k] = ends[k];
    arithmetic_widest()->forth(COUNT, room.gate, room.before, room.cell, room.bent, room.output);
    for (int k = 0; k < 6; k++) {
        CU_ASSERT(room.gate[k] >= 0 && room.gate[k] <= 1);
        CU_ASSERT(fabsf(room.gate[2 * COUNT + k]) <= 1 && fabsf(room.gate[2 * COUNT + k]) > .999999f);
    }
    CU_ASSERT(isnan(room.gate[6]) && isnan(room.output[6]) && !isnan(room.output[7]));
}

static void test_back(void) {
    double worst = 0;
    fill(&room, 3);
    arithmetic_widest()->forth(COUNT, room.gate, room.before, room.cell, room.bent, room.output);
    other = room;
    arithmetic_widest()->back(COUNT, room.gate, room.before, room.bent, room.above, room.own, room.dc);
    for (int n = 0; n < COUNT; n++) {
        const float *gate = other.gate + n, *dz = room.gate + n;
        double i = gate[0], f = gate[COUNT], g = gate[2 * COUNT], o = gate[3 * COUNT], t = other.bent[n];
        double dh = (double)other.above[n] + other.own[n], d = other.dc[n] + dh * o * (1 - t * t);
        double all[] = {distance(dz[0], d * g * i * (1 - i)), distance(dz[COUNT], d * other.before[n] * f * (1 - f)),
                        distance(dz[2 * COUNT], d * i * (1 - g * g)), distance(dz[3 * COUNT], dh * t * o * (1 - o)),
                        distance(room.dc[n], d * f)};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) worst = fmax(worst, all[k]);
    }
    CU_ASSERT(worst < 1e-6);
}

static void test_gate_widths(void) {
    static Room first;
    for (uint32_t width = 4; width <= 16; width *= 2) {
        const Arithmetic *arithmetic = arithmetic_of(width);
        if (!arithmetic) continue; /* not on this CPU */
        memset(&room, 0, sizeof room);
        fill(&room, 5);
        arithmetic->forth(COUNT, room.gate, room.before, room.cell, room.bent, room.output);
        arithmetic->back(COUNT, room.gate, room.before, room.bent, room.above, room.own, room.dc);
        if (width == 4) first = room;
        CU_ASSERT(memcmp(&first, &room, sizeof room) == 0);
    }
    CU_ASSERT_PTR_NULL(arithmetic_of(3));
}

/* ---- Products ---- */

enum { ROWS = 37, COLUMNS = 112, INNER = 51 };

static _Alignas(64) float a[ROWS * INNER], b[INNER * COLUMNS], c[ROWS * COLUMNS], first[ROWS * COLUMNS];

static double product_distance(const Arithmetic *arithmetic, size_t rows, size_t columns, size_t inner, bool turned,
                               bool add) {
    const Matrix factor = {a, turned ? 1 : INNER, turned ? ROWS : 1};
    double worst = 0;
    for (int i = 0; i < ROWS * COLUMNS; i++) c[i] = first[i] = (float)(i % 7) - 3;
    arithmetic->product(rows, columns, inner, factor, b, COLUMNS, add, c, COLUMNS);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < COLUMNS; j++) {
            const size_t at = i * COLUMNS + j;
            const bool inside = i < rows && j < columns;
            double sum = inside && !add ? 0 : first[at];
            for (size_t k = 0; inside && k < inner; k++)
                sum += (double)a[i * factor.row + k * factor.column] * b[k * COLUMNS + j];
            worst = fmax(worst, distance(c[at], sum));
        }
    return worst;
}

static void test_products(void) {
    SuiteRandom random = {3};
    for (int i = 0; i < ROWS * INNER; i++) a[i] = some(&random, 1);
    for (int i = 0; i < INNER * COLUMNS; i++) b[i] = some(&random, 1);
    for (uint32_t width = 4; width <= 16; width *= 2) {
        const Arithmetic *arithmetic = arithmetic_of(width);
        for (size_t rows = 0; arithmetic && rows <= ROWS; rows++)
            for (size_t columns = 16; columns <= COLUMNS; columns += 16) {
                CU_ASSERT(product_distance(arithmetic, rows, columns, INNER, rows % 2, rows % 3) < 1e-5);
                CU_ASSERT(product_distance(arithmetic, rows, columns, 1, rows % 3, rows % 2) < 1e-6);
            }
    }
}

static void test_product_widths(void) {
    static float eight[ROWS * COLUMNS];
    if (!arithmetic_of(8) || !arithmetic_of(16)) return; /* not on this CPU */
    product_distance(arithmetic_of(8), ROWS, COLUMNS, INNER, false, true);
    memcpy(eight, c, sizeof c);
    product_distance(arithmetic_of(16), ROWS, COLUMNS, INNER, false, true);
    CU_ASSERT(memcmp(eight, c, sizeof c) == 0);
}

static void test_turned(void) {
    static _Alignas(64) float from[ROWS * 32], to[32 * 48];
    for (int i = 0; i < ROWS * 32; i++) from[i] = (float)i;
    for (uint32_t width = 4; width <= 16; width *= 2)
        for (size_t rows = 1; arithmetic_of(width) && rows <= ROWS; rows++) {
            memset(to, -1, sizeof to);
            arithmetic_of(width)->turn(rows, 32, from, to, 48);
            for (size_t i = 0; i < 48; i++)
                for (size_t k = 0; k < 32; k++) CU_ASSERT(to[k * 48 + i] == (i < rows ? from[i * 32 + k] : 0));
        }
}

void suite_arithmetic(void) {
    suite_add("arithmetic", (SuiteTest[]){{"products", test_products},
                                          {"products, the same bits by all that fuse", test_product_widths},
                                          {"turned", test_turned},
                                          {"gates, forth", test_forth},
                                          {"gates, small, large and no numbers", test_ends},
                                          {"gates, back", test_back},
                                          {"gates, the same bits by every width", test_gate_widths},
                                          {0}});
}
