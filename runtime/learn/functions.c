/* functions.c: see functions.h. */
#include "functions.h"

#include <stdbool.h>

/* Declared here: the library's header shows the functions that need FMA only to code compiled for it. */
#define SAME(name)                                                                                                          \
    double Sleef_finz_##name##d1_u10purecfma(double), Sleef_cinz_##name##d1_u10purec(double);                               \
    double same_##name(double x) {                                                                                          \
        return has_fused() ? Sleef_finz_##name##d1_u10purecfma(x) : Sleef_cinz_##name##d1_u10purec(x);                      \
    }

static bool has_fused(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

SAME(exp)
SAME(log)
SAME(cos)
SAME(asinh)
