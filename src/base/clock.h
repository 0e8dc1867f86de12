/* clock.h: seconds of a clock that only goes forward. For timings that are shown; no result depends on it. */
#ifndef LAG_BASE_CLOCK_H
#define LAG_BASE_CLOCK_H

#include <time.h>

static inline double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
