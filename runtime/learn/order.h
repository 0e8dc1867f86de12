/* order.h: numbers in the order of their size. */
#ifndef LAG_LEARN_ORDER_H
#define LAG_LEARN_ORDER_H

#include <stdlib.h>

static inline int order_compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* None of them is NaN. */
static inline void order_numbers(double *x, size_t count) { qsort(x, count, sizeof *x, order_compare); }

#endif
