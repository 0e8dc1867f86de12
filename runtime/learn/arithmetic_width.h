/* arithmetic_width.h: the functions of arithmetic.c in vectors of ARITHMETIC_WIDTH floats, compiled for ARITHMETIC_TARGET,
 * their names made by ARITHMETIC(name). Included once for each width, and leaves none of the macros behind. Each number
 * comes of the same operations in the same order in all of them. */

typedef float ARITHMETIC(Vector) __attribute__((vector_size(ARITHMETIC_WIDTH * sizeof(float)), may_alias));
#define Vector ARITHMETIC(Vector)
#define ARITHMETIC_INLINE ARITHMETIC_TARGET __attribute__((always_inline)) static inline

/* ---- Products ---- */

/* `rows` rows by `parts` vectors, both known to the compiler. */
ARITHMETIC_INLINE void ARITHMETIC(block)(size_t rows, int parts, size_t inner, Matrix a, const float *b, size_t pitch_b,
                                         bool add, float *c, size_t pitch_c) {
    Vector sum[ARITHMETIC_ROWS][ARITHMETIC_PARTS], factor[ARITHMETIC_PARTS];
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int part = 0; part < parts; part++)
            sum[i][part] = add ? ((const Vector *)(c + i * pitch_c))[part] : (Vector){0};
    for (size_t k = 0; k < inner; k++) {
#pragma GCC unroll 4
        for (int part = 0; part < parts; part++) factor[part] = ((const Vector *)(b + k * pitch_b))[part];
#pragma GCC unroll 8
        for (size_t i = 0; i < rows; i++) {
            const Vector x = a.at[i * a.row + k * a.column] - (Vector){0};
#pragma GCC unroll 4
            for (int part = 0; part < parts; part++) sum[i][part] = ARITHMETIC_FUSED(x, factor[part], sum[i][part]);
        }
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int part = 0; part < parts; part++) ((Vector *)(c + i * pitch_c))[part] = sum[i][part];
}

/* All rows by `parts` vectors. */
ARITHMETIC_INLINE void ARITHMETIC(strip)(size_t rows, int parts, size_t inner, Matrix a, const float *b, size_t pitch_b,
                                         bool add, float *c, size_t pitch_c) {
    size_t i = 0;
#define BLOCK(count)                                                                                                        \
    ARITHMETIC(block)                                                                                                       \
    (count, parts, inner, (Matrix){a.at + i * a.row, a.row, a.column}, b, pitch_b, add, c + i * pitch_c, pitch_c)
    for (; i + ARITHMETIC_ROWS <= rows; i += ARITHMETIC_ROWS) BLOCK(ARITHMETIC_ROWS);
    const size_t left = rows - i;
#if ARITHMETIC_ROWS > 4
    if (left & 4) BLOCK(4), i += 4;
#endif
    if (left & 2) BLOCK(2), i += 2;
    if (left & 1) BLOCK(1);
#undef BLOCK
}

ARITHMETIC_TARGET static void ARITHMETIC(product)(size_t rows, size_t columns, size_t inner, Matrix a, const float *b,
                                                  size_t pitch_b, bool add, float *c, size_t pitch_c) {
    enum { STRIP = ARITHMETIC_PARTS * ARITHMETIC_WIDTH, REST = 16 / ARITHMETIC_WIDTH };
    size_t j = 0;
    for (; j + STRIP <= columns; j += STRIP)
        ARITHMETIC(strip)(rows, ARITHMETIC_PARTS, inner, a, b + j, pitch_b, add, c + j, pitch_c);
    if (j < columns) ARITHMETIC(strip)(rows, REST, inner, a, b + j, pitch_b, add, c + j, pitch_c);
}

/* The rows become those of the transposed square. What stays in its half of a vector of 8 is one instruction, what does not
 * is several: so the halves are put together last there. Elsewhere at each stage the first half of the rows and the second
 * go into one another like cards. */
ARITHMETIC_INLINE void ARITHMETIC(turn_rows)(Vector row[ARITHMETIC_WIDTH]) {
    Vector next[ARITHMETIC_WIDTH];
#if ARITHMETIC_WIDTH == 8
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
        next[i] = __builtin_shufflevector(row[i], row[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        next[i + 1] = __builtin_shufflevector(row[i], row[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += i % 4 ? 3 : 1) { /* 0, 1, 4, 5 */
        const int to = i / 4 * 4 + i % 4 * 2;
        row[to] = __builtin_shufflevector(next[i], next[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        row[to + 1] = __builtin_shufflevector(next[i], next[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const Vector low = row[i], high = row[i + 4];
        row[i] = __builtin_shufflevector(low, high, 0, 1, 2, 3, 8, 9, 10, 11);
        row[i + 4] = __builtin_shufflevector(low, high, 4, 5, 6, 7, 12, 13, 14, 15);
    }
#else
#pragma GCC unroll 4
    for (int stage = 1; stage < ARITHMETIC_WIDTH; stage *= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < ARITHMETIC_WIDTH / 2; i++) {
            const Vector x = row[i], y = row[i + ARITHMETIC_WIDTH / 2];
#if ARITHMETIC_WIDTH == 4
            next[2 * i] = __builtin_shufflevector(x, y, 0, 4, 1, 5);
            next[2 * i + 1] = __builtin_shufflevector(x, y, 2, 6, 3, 7);
#else
            next[2 * i] = __builtin_shufflevector(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            next[2 * i + 1] = __builtin_shufflevector(x, y, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#endif
        }
#pragma GCC unroll 16
        for (int i = 0; i < ARITHMETIC_WIDTH; i++) row[i] = next[i];
    }
#endif
}

ARITHMETIC_INLINE void ARITHMETIC(turn_square)(const float *a, size_t pitch_a, float *b, size_t pitch_b) {
    Vector row[ARITHMETIC_WIDTH];
#pragma GCC unroll 16
    for (int i = 0; i < ARITHMETIC_WIDTH; i++) row[i] = *(const Vector *)(a + i * pitch_a);
    ARITHMETIC(turn_rows)(row);
#pragma GCC unroll 16
    for (int i = 0; i < ARITHMETIC_WIDTH; i++) *(Vector *)(b + i * pitch_b) = row[i];
}

ARITHMETIC_TARGET static void ARITHMETIC(turn)(size_t rows, size_t columns, const float *a, float *b, size_t pitch) {
    const size_t whole = rows / ARITHMETIC_WIDTH * ARITHMETIC_WIDTH;
    for (size_t i = 0; i < whole; i += ARITHMETIC_WIDTH)
        for (size_t k = 0; k < columns; k += ARITHMETIC_WIDTH)
            ARITHMETIC(turn_square)(a + i * columns + k, columns, b + k * pitch + i, pitch);
    for (size_t i = whole; i < pitch; i++)
        for (size_t k = 0; k < columns; k++) b[k * pitch + i] = i < rows ? a[i * columns + k] : 0;
}

/* ---- Gates ---- */

/* a where it is between -most and most, or no number; else the nearer of the two. */
ARITHMETIC_INLINE Vector ARITHMETIC(within)(Vector a, float most) {
    const Vector high = most - (Vector){0};
    return ARITHMETIC_GREATER(-high, ARITHMETIC_LESSER(high, a));
}

/* tanh(x) as x P(x^2)/Q(x^2), Q(0) = P(0) = 1, whose largest relative error on [0, 9.02], where tanh comes to 1, is the
 * least there is, 2^-25.5: found by weighted least squares, the weights raised where the error is largest (Lawson 1961).
 * With rounding 6 2^-24 at most. */
ARITHMETIC_INLINE Vector ARITHMETIC(bend)(Vector x) {
    x = ARITHMETIC(within)(x, 9.02f);
    Vector s = x * x;
    Vector p = 0x1.c9a2e8p-27f * s + 0x1.59550ep-16f;
    Vector q = 0x1.a0b7cep-21f * s + 0x1.5841a6p-12f;
    p = p * s + 0x1.c9f83p-9f;
    q = q * s + 0x1.a7df12p-6f;
    p = p * s + 0x1.12043cp-3f;
    q = q * s + 0x1.de5768p-2f;
    p = p * s + 1;
    q = q * s + 1;
    return ARITHMETIC(within)(x * p / q, 1);
}

/* 1/(1 + exp(-x)) */
ARITHMETIC_INLINE Vector ARITHMETIC(open)(Vector x) { return 0.5f * ARITHMETIC(bend)(0.5f * x) + 0.5f; }

ARITHMETIC_TARGET static void ARITHMETIC(forth)(size_t count, float *gate, const float *before, float *cell, float *bent,
                                                float *output) {
    for (size_t n = 0; n < count; n += ARITHMETIC_WIDTH) {
        Vector *at[] = {(Vector *)(gate + n), (Vector *)(gate + count + n), (Vector *)(gate + 2 * count + n),
                        (Vector *)(gate + 3 * count + n)};
        Vector i = ARITHMETIC(open)(*at[0]), f = ARITHMETIC(open)(*at[1]), g = ARITHMETIC(bend)(*at[2]),
               o = ARITHMETIC(open)(*at[3]);
        Vector c = f * *(const Vector *)(before + n) + i * g, t = ARITHMETIC(bend)(c);
        *at[0] = i;
        *at[1] = f;
        *at[2] = g;
        *at[3] = o;
        *(Vector *)(cell + n) = c;
        *(Vector *)(bent + n) = t;
        *(Vector *)(output + n) = o * t;
    }
}

ARITHMETIC_TARGET static void ARITHMETIC(back)(size_t count, float *gate, const float *before, const float *bent,
                                               const float *above, const float *own, float *dc) {
    for (size_t n = 0; n < count; n += ARITHMETIC_WIDTH) {
        Vector *at[] = {(Vector *)(gate + n), (Vector *)(gate + count + n), (Vector *)(gate + 2 * count + n),
                        (Vector *)(gate + 3 * count + n)};
        Vector i = *at[0], f = *at[1], g = *at[2], o = *at[3], t = *(const Vector *)(bent + n);
        Vector dh = *(const Vector *)(above + n) + *(const Vector *)(own + n);
        Vector d = *(Vector *)(dc + n) + dh * o * (1 - t * t);
        *at[0] = d * g * (i * (1 - i));
        *at[1] = d * *(const Vector *)(before + n) * (f * (1 - f));
        *at[2] = d * i * (1 - g * g);
        *at[3] = dh * t * (o * (1 - o));
        *(Vector *)(dc + n) = d * f;
    }
}

static const Arithmetic ARITHMETIC(arithmetic) = {ARITHMETIC_WIDTH, ARITHMETIC(product), ARITHMETIC(turn), ARITHMETIC(forth),
                                                  ARITHMETIC(back)};

#undef Vector
#undef ARITHMETIC_INLINE
#undef ARITHMETIC
#undef ARITHMETIC_TARGET
#undef ARITHMETIC_WIDTH
#undef ARITHMETIC_ROWS
#undef ARITHMETIC_PARTS
#undef ARITHMETIC_FUSED
#undef ARITHMETIC_LESSER
#undef ARITHMETIC_GREATER
