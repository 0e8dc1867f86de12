/* loss_width.h: the functions of loss.c that go through all rows, for LOSS_SYSTEMS systems side by side, in vectors of
 * LOSS_LANES, compiled for LOSS_TARGET, their names made by LOSS(name). Included once for each. Each system's numbers come
 * of the same operations in the same order in all of them. */

#define LANE(name) LOSS(name)
#define LANE_COUNT LOSS_LANES
#define LANE_TARGET LOSS_TARGET
#include "../solve/lane_width.h"

enum { LOSS(PARTS) = LOSS_SYSTEMS / LOSS_LANES };
#define PARTS LOSS(PARTS)

/* Errors into `seed`, 0 where a value was not seen: that counts for nothing in any kind. */
LOSS_TARGET static void LOSS(measure)(Group *g) {
    for (uint32_t part = 0; part < PARTS; part++) {
        const Lane *predicted = (const Lane *)g->predicted + part;
        Lane *seed = (Lane *)g->seed + part, most = LOSS(all)(0), squares = most, count = most;
        size_t i = 0;
        for (size_t row = 0; row < g->rows; row++)
            for (uint32_t k = 0; k < g->d; k++, i++) {
                const Lane seen = LOSS(beside)(g->seen + part * LOSS_LANES, i);
                const Mask there = LOSS(is_number)(seen);
                const Lane e = LOSS(pick)(there, predicted[i * PARTS] - seen, LOSS(all)(0)), size = LOSS(size)(e);
                seed[i * PARTS] = e;
                count += LOSS(pick)(there, LOSS(all)(1), LOSS(all)(0));
                most = LOSS(pick)(LOSS(less)(size, most), most, size); /* or NaN */
                squares += weight_of(g, k) * (e * e);
            }
        memcpy(g->most + part * LOSS_LANES, &most, sizeof most);
        memcpy(g->squares + part * LOSS_LANES, &squares, sizeof squares);
        memcpy(g->count + part * LOSS_LANES, &count, sizeof count);
    }
}

/* Errors become weight times error times each system's factor. */
LOSS_TARGET static void LOSS(scale)(const Group *g, const double *factor) {
    for (uint32_t part = 0; part < PARTS; part++) {
        Lane *seed = (Lane *)g->seed + part, each;
        memcpy(&each, factor + part * LOSS_LANES, sizeof each);
        for (size_t row = 0; row < g->rows; row++)
            for (uint32_t k = 0; k < g->d; k++, seed += PARTS) *seed = weight_of(g, k) * *seed * each;
    }
}

#undef PARTS
#undef Lane
#undef Mask
#undef LANE_INLINE
#undef LANE
#undef LANE_COUNT
#undef LANE_TARGET
