/* lanes_width.h: the functions of lanes.c for vectors of LANES_WIDTH doubles, compiled for LANES_TARGET, their names made by
 * LANES(name). Included once for each width. Each number comes of the same operations in the same order in all of them. */

typedef double LANES(Vector) __attribute__((vector_size(LANES_WIDTH * sizeof(double))));
typedef double LANES(Loose) /* the same anywhere in memory */
    __attribute__((vector_size(LANES_WIDTH * sizeof(double)), aligned(sizeof(double)), may_alias));

/* One half, q or pi, of the images of `group` states side by side, so that a factor that was loaded serves them all: in
 * `to`, each after the state itself if `fans`, the next taking the last one's place. `d`, `columns` and `group` are known to
 * the compiler where it matters. */
static inline __attribute__((always_inline)) void LANES(group)(const Powers *p, uint32_t d, uint32_t columns, uint32_t group,
                                                               const double *q, const double *pi, uint32_t half,
                                                               double *restrict to, bool fans) {
    enum { PARTS = POWERS / LANES_WIDTH, MOST = 4 };
    double state[MOST][2 * POWERS_DOF_MOST + 1], kept[MOST][POWERS * POWERS_DOF_MOST];
    const double *own = half ? pi : q;
    for (uint32_t n = 0; n < group; n++) {
        for (uint32_t i = 0; i < d; i++) {
            state[n][i] = q[n * d + i];
            state[n][d + i] = pi[n * d + i];
            double x = p->keep[half * d + i] * own[n * d + i];
            for (uint32_t k = 0; k < POWERS; k++) kept[n][k * d + i] = x;
        }
        state[n][2 * d] = 1;
    }
    const LANES(Loose) *factor = (const LANES(Loose) *)(p->entry + (size_t)half * d * columns * POWERS);
    for (uint32_t row = 0; row < d; row++) {
        LANES(Vector) sum[MOST][PARTS];
#pragma GCC unroll 4
        for (int part = 0; part < PARTS; part++, factor++)
#pragma GCC unroll 4
            for (uint32_t n = 0; n < group; n++) sum[n][part] = *factor * state[n][0];
        for (uint32_t j = 1; j < columns; j++)
#pragma GCC unroll 4
            for (int part = 0; part < PARTS; part++, factor++)
#pragma GCC unroll 4
                for (uint32_t n = 0; n < group; n++) sum[n][part] += *factor * state[n][j];
#pragma GCC unroll 4
        for (uint32_t n = 0; n < group; n++) {
            LANES(Loose) *image = (LANES(Loose) *)(to + (n * d + row) * POWERS + (fans ? d : 0));
            const LANES(Loose) *from = (const LANES(Loose) *)(kept[n] + row * POWERS);
#pragma GCC unroll 4
            for (int part = 0; part < PARTS; part++) image[part] = from[part] + sum[n][part];
        }
    }
    if (fans)
        for (uint32_t n = 0; n < group; n++)
            for (uint32_t i = 0; i < d; i++) to[n * d * POWERS + i] = own[n * d + i];
}

/* The half of all of them: one at a time, since memory takes one stream better than two. */
static inline __attribute__((always_inline)) void LANES(all)(const Powers *p, uint32_t d, uint32_t columns, uint32_t group,
                                                             size_t count, const double *q, const double *pi, uint32_t half,
                                                             double *to, bool fans) {
    size_t n = 0;
    for (; n + group <= count; n += group)
        LANES(group)(p, d, columns, group, q + n * d, pi + n * d, half, to + n * d * POWERS, fans);
    for (; n < count; n++) LANES(group)(p, d, columns, 1, q + n * d, pi + n * d, half, to + n * d * POWERS, fans);
}

/* Functions of their own, so that little is set up for few degrees of freedom. */
#define LANES_OF(name, d, columns, group, fans)                                                                             \
    LANES_TARGET __attribute__((noinline)) static void LANES(name)(const Powers *p, size_t count, const double *q,          \
                                                                   const double *pi, double *to_q, double *to_pi) {         \
        LANES(all)(p, d, columns, group, count, q, pi, 0, to_q, fans);                                                      \
        LANES(all)(p, d, columns, group, count, q, pi, 1, to_pi, fans);                                                     \
    }
#define LANES_OF_ALL(name, fans)                                                                                            \
    LANES_OF(name##_2, 1, 2, 1, fans)                                                                                       \
    LANES_OF(name##_3, 1, 3, 1, fans)                                                                                       \
    LANES_OF(name##_4, 2, 4, 1, fans)                                                                                       \
    LANES_OF(name##_5, 2, 5, 1, fans)                                                                                       \
    LANES_OF(name##_any, p->d, p->columns, LANES_WIDTH / 2, fans)                                                           \
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
LANES_OF_ALL(powers, false)
LANES_OF_ALL(fans, true)
#undef LANES_OF
#undef LANES_OF_ALL

LANES_TARGET static void LANES(times)(double start, double h, double first, double every, uint32_t count, double *t) {
    for (int i = 0; i < (int)count; i++) t[i] = start + (first + i * every) * h;
}
