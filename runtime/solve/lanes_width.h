/* lanes_width.h: the functions of lanes.c for vectors of LANES_WIDTH doubles, compiled for LANES_TARGET, their names made by
 * LANES(name). Included once for each width. Each number comes of the same operations in the same order in all of them. */

typedef double LANES(Vector) __attribute__((vector_size(LANES_WIDTH * sizeof(double))));
typedef double LANES(Loose) /* the same anywhere in memory */
    __attribute__((vector_size(LANES_WIDTH * sizeof(double)), aligned(sizeof(double)), may_alias));

#define LANES_INLINE LANES_TARGET static inline __attribute__((always_inline))

LANES_INLINE void LANES(put)(double *to, LANES(Vector) x, Kind kind) {
    const Pair *pair = (const Pair *)&x;
    if (kind == STREAMS)
        for (int i = 0; i < LANES_WIDTH / 2; i++) LANES_STREAM(to + 2 * i, pair[i]);
    else
        *(LANES(Loose) *)to = x;
}

/* One half, q or pi, of the images of `group` states side by side, so that a factor that was loaded serves them all. */
LANES_INLINE void LANES(group)(const LANES(Loose) * factor, const LANES(Loose) * keep, uint32_t d, uint32_t columns,
                               uint32_t group, const double *q, const double *pi, const double *own, double *to, Kind kind) {
    enum { PARTS = POWERS / LANES_WIDTH, MOST = 4 };
    double state[MOST][2 * POWERS_DOF_MOST + 1], begun[MOST][POWERS * POWERS_DOF_MOST];
    for (uint32_t n = 0; n < group; n++) {
        for (uint32_t i = 0; i < d; i++) {
            state[n][i] = q[n * d + i];
            state[n][d + i] = pi[n * d + i];
            for (uint32_t k = 0; k < POWERS; k++) begun[n][k * d + i] = own[n * d + i];
        }
        state[n][2 * d] = 1;
    }
#pragma GCC unroll 2
    for (uint32_t row = 0; row < d; row++) {
        LANES(Vector) sum[MOST][PARTS];
#pragma GCC unroll 4
        for (int part = 0; part < PARTS; part++, factor++)
#pragma GCC unroll 4
            for (uint32_t n = 0; n < group; n++) sum[n][part] = *factor * state[n][0];
#pragma GCC unroll 4
        for (uint32_t j = 1; j < columns; j++)
#pragma GCC unroll 4
            for (int part = 0; part < PARTS; part++, factor++)
#pragma GCC unroll 4
                for (uint32_t n = 0; n < group; n++) sum[n][part] += *factor * state[n][j];
#pragma GCC unroll 4
        for (uint32_t n = 0; n < group; n++) {
            double *image = to + (n * d + row) * POWERS + (kind == FANS ? d : 0);
            const LANES(Loose) *from = (const LANES(Loose) *)(begun[n] + row * POWERS);
#pragma GCC unroll 4
            for (int part = 0; part < PARTS; part++) {
                LANES(Vector) x = LANES_FUSED(keep[row * PARTS + part], from[part], sum[n][part]);
                LANES(put)(image + part * LANES_WIDTH, x, kind);
            }
        }
    }
    if (kind == FANS)
        for (uint32_t n = 0; n < group; n++)
            for (uint32_t i = 0; i < d; i++) to[n * d * POWERS + i] = own[n * d + i];
}

/* The half of all of them: one at a time, since memory takes one stream better than two. Few factors are held in registers,
 * which a compiler doesn't do by itself where it can't tell that they are not what is written. */
LANES_INLINE void LANES(all)(const Powers *p, uint32_t d, uint32_t columns, uint32_t group, size_t count, const double *q,
                             const double *pi, uint32_t half, double *to, Kind kind) {
    enum { PARTS = POWERS / LANES_WIDTH, FEW = 2 };
    const LANES(Loose) *factor = (const LANES(Loose) *)(p->entry + (size_t)half * d * columns * POWERS);
    const LANES(Loose) *keep = (const LANES(Loose) *)(p->keep + (size_t)half * d * POWERS);
    LANES(Loose) held[FEW * (2 * FEW + 1) * PARTS], kept[FEW * PARTS];
    if (d <= FEW) {
        for (uint32_t i = 0; i < d * columns * PARTS; i++) held[i] = factor[i];
        for (uint32_t i = 0; i < d * PARTS; i++) kept[i] = keep[i];
        factor = held;
        keep = kept;
    }
    const double *own = half ? pi : q;
    size_t n = 0;
    for (; n + group <= count; n += group)
        LANES(group)(factor, keep, d, columns, group, q + n * d, pi + n * d, own + n * d, to + n * d * POWERS, kind);
    for (; n < count; n++)
        LANES(group)(factor, keep, d, columns, 1, q + n * d, pi + n * d, own + n * d, to + n * d * POWERS, kind);
}

/* Functions of their own, so that little is set up for few degrees of freedom. */
#define LANES_OF(name, d, columns, group, kind)                                                                             \
    LANES_TARGET __attribute__((noinline)) static void LANES(name)(const Powers *p, size_t count, const double *q,          \
                                                                   const double *pi, double *to_q, double *to_pi) {         \
        LANES(all)(p, d, columns, group, count, q, pi, 0, to_q, kind);                                                      \
        LANES(all)(p, d, columns, group, count, q, pi, 1, to_pi, kind);                                                     \
    }
#define LANES_OF_ALL(name, kind)                                                                                            \
    LANES_OF(name##_2, 1, 2, 1, kind)                                                                                       \
    LANES_OF(name##_3, 1, 3, 1, kind)                                                                                       \
    LANES_OF(name##_4, 2, 4, 1, kind)                                                                                       \
    LANES_OF(name##_5, 2, 5, 1, kind)                                                                                       \
    LANES_OF(name##_any, p->d, p->columns, LANES_WIDTH / 2, kind)                                                           \
    static void LANES(name)(const Powers *p, size_t count, const double *q, const double *pi, double *to_q,                 \
                            double *to_pi) {                                                                                \
        switch (p->columns) {                                                                                               \
        case 2: LANES(name##_2)(p, count, q, pi, to_q, to_pi); break;                                                       \
        case 3: LANES(name##_3)(p, count, q, pi, to_q, to_pi); break;                                                       \
        case 4: LANES(name##_4)(p, count, q, pi, to_q, to_pi); break;                                                       \
        case 5: LANES(name##_5)(p, count, q, pi, to_q, to_pi); break;                                                       \
        default: LANES(name##_any)(p, count, q, pi, to_q, to_pi);                                                           \
        }                                                                                                                   \
    }
LANES_OF_ALL(powers, IMAGES)
LANES_OF_ALL(fans, FANS)
LANES_OF_ALL(streams, STREAMS)
#undef LANES_INLINE
#undef LANES_OF
#undef LANES_OF_ALL

LANES_TARGET static void LANES(times)(double start, double h, double first, double every, uint32_t count, double *t) {
    for (int i = 0; i < (int)count; i++) t[i] = start + (first + i * every) * h;
}
