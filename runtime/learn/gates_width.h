/* gates_width.h: the functions of gates.c in vectors of GATES_WIDTH floats, compiled for GATES_TARGET, their names made by
 * GATES(name). Included once for each width. Each number comes of the same sums, products and quotients in the same order in
 * all of them. */

typedef float GATES(Vector) __attribute__((vector_size(GATES_WIDTH * sizeof(float)), may_alias));
typedef int32_t GATES(Mask) __attribute__((vector_size(GATES_WIDTH * sizeof(float))));
#define Vector GATES(Vector)
#define Mask GATES(Mask)
#define GATES_INLINE GATES_TARGET __attribute__((always_inline)) static inline

/* a where it is between -most and most, or no number; else the nearer of the two. */
GATES_INLINE Vector GATES(within)(Vector a, float most) {
    const Vector high = most - (Vector){0}, low = -high;
    Mask above = a > high, below = a < low;
    return (Vector)(((Mask)a & ~(above | below)) | ((Mask)high & above) | ((Mask)low & below));
}

/* tanh(x) as x P(x^2)/Q(x^2), Q(0) = P(0) = 1, whose largest relative error on [0, 9.02], where tanh comes to 1, is the
 * least there is, 2^-25.5: found by weighted least squares, the weights raised where the error is largest (Lawson 1961).
 * With rounding 6 2^-24 at most. */
GATES_INLINE Vector GATES(bend)(Vector x) {
    x = GATES(within)(x, 9.02f);
    Vector s = x * x;
    Vector p = 0x1.c9a2e8p-27f * s + 0x1.59550ep-16f;
    Vector q = 0x1.a0b7cep-21f * s + 0x1.5841a6p-12f;
    p = p * s + 0x1.c9f83p-9f;
    q = q * s + 0x1.a7df12p-6f;
    p = p * s + 0x1.12043cp-3f;
    q = q * s + 0x1.de5768p-2f;
    p = p * s + 1;
    q = q * s + 1;
    return GATES(within)(x * p / q, 1);
}

/* 1/(1 + exp(-x)) */
GATES_INLINE Vector GATES(open)(Vector x) { return 0.5f * GATES(bend)(0.5f * x) + 0.5f; }

GATES_TARGET static void GATES(forth)(size_t count, float *gate, const float *before, float *cell, float *bent,
                                      float *output) {
    for (size_t n = 0; n < count; n += GATES_WIDTH) {
        Vector *at[] = {(Vector *)(gate + n), (Vector *)(gate + count + n), (Vector *)(gate + 2 * count + n),
                        (Vector *)(gate + 3 * count + n)};
        Vector i = GATES(open)(*at[0]), f = GATES(open)(*at[1]), g = GATES(bend)(*at[2]), o = GATES(open)(*at[3]);
        Vector c = f * *(const Vector *)(before + n) + i * g, t = GATES(bend)(c);
        *at[0] = i;
        *at[1] = f;
        *at[2] = g;
        *at[3] = o;
        *(Vector *)(cell + n) = c;
        *(Vector *)(bent + n) = t;
        *(Vector *)(output + n) = o * t;
    }
}

GATES_TARGET static void GATES(back)(size_t count, float *gate, const float *before, const float *bent, const float *above,
                                     const float *own, float *dc) {
    for (size_t n = 0; n < count; n += GATES_WIDTH) {
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

#undef Vector
#undef Mask
#undef GATES_INLINE
