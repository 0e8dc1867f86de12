/* measure.h: the clock of the benchmarks, and the middle of what it showed. */
#ifndef LAG_BENCHMARKS_MEASURE_H
#define LAG_BENCHMARKS_MEASURE_H

#include <stdlib.h>
#include <time.h>

/* Seconds, from a beginning that stays the same. */
static inline double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The CPU's seconds for this thread: what others take of the machine meanwhile does not count. */
static inline double seconds_of_cpu(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the list too. */
static inline double median(double *list, int count) {
    qsort(list, (size_t)count, sizeof *list, by_size);
    return count % 2 ? list[count / 2] : (list[count / 2 - 1] + list[count / 2]) / 2;
}

#endif
