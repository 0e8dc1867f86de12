/* lane_width.h: numbers of LANE_COUNT systems side by side in a vector (of one: a double), for code that is included once
 * for each count, compiled for LANE_TARGET, its names made by LANE(name). Who includes it takes Lane, Mask and LANE_INLINE
 * away again. */

#define Lane LANE(Lane)
#define Mask LANE(Mask)
#define LANE_INLINE LANE_TARGET __attribute__((always_inline)) static inline

#if LANE_COUNT == 1
typedef double Lane;
typedef int64_t Mask; /* all bits, or none */
LANE_INLINE Mask LANE(less)(Lane a, Lane b) { return -(Mask)(a < b); }
LANE_INLINE Mask LANE(is_number)(Lane a) { return -(Mask)(a == a); }
LANE_INLINE Lane LANE(pick)(Mask mask, Lane a, Lane b) { return mask ? a : b; }
LANE_INLINE Lane LANE(size)(Lane a) { return fabs(a); }
LANE_INLINE bool LANE(any)(Mask mask) { return mask; }
LANE_INLINE Lane LANE(beside)(const double *const *from, size_t i) { return from[0][i]; }
#else
typedef double Lane __attribute__((vector_size(LANE_COUNT * sizeof(double))));
typedef int64_t Mask __attribute__((vector_size(LANE_COUNT * sizeof(double))));
LANE_INLINE Mask LANE(less)(Lane a, Lane b) { return a < b; }
LANE_INLINE Mask LANE(is_number)(Lane a) { return a == a; }
LANE_INLINE Lane LANE(pick)(Mask mask, Lane a, Lane b) { return (Lane)(((Mask)a & mask) | ((Mask)b & ~mask)); }
LANE_INLINE Lane LANE(size)(Lane a) { return (Lane)((Mask)a & INT64_MAX); }
LANE_INLINE bool LANE(any)(Mask mask) {
    int64_t all = 0;
    for (int i = 0; i < LANE_COUNT; i++) all |= mask[i];
    return all;
}
LANE_INLINE Lane LANE(beside)(const double *const *from, size_t i) { /* each system's number i */
#if LANE_COUNT == 2
    return (Lane){from[0][i], from[1][i]};
#elif LANE_COUNT == 4
    return (Lane){from[0][i], from[1][i], from[2][i], from[3][i]};
#else
    return (Lane){from[0][i], from[1][i], from[2][i], from[3][i], from[4][i], from[5][i], from[6][i], from[7][i]};
#endif
}
#endif

LANE_INLINE Lane LANE(most)(Lane a, Lane b) { return LANE(pick)(LANE(less)(a, b), b, a); }
LANE_INLINE Lane LANE(all)(double x) { return x - (Lane){0}; }
