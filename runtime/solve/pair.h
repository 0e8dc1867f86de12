/* pair.h: a number kept in two doubles, of which the second is what the first is short of. */
#ifndef LAG_SOLVE_PAIR_H
#define LAG_SOLVE_PAIR_H

#include <stddef.h>

/* Adds to a pair; or, where there is no second, to a double. */
static inline void pair_add(double *high, double *low, double change) {
    if (!low) {
        *high += change;
        return;
    }
    double sum = *high + change, of_change = sum - *high, of_high = sum - of_change;
    double short_of = (*high - of_high) + (change - of_change) + *low;
    *high = sum + short_of;
    *low = short_of - (*high - sum);
}

#endif
