/* object.c: any bytes as an object file (libFuzzer, or replay.c). The loader looks for all functions that a kernel has, and
 * runs none. */
#include "native/object.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *const name[] = {"point", NULL, "step_residual"};
    LagNative *run[3] = {NULL, NULL, NULL};
    ObjectCode *code = NULL;
    char why[256] = "";
    LagStatus status = object_load(data, size, name, 3, &code, run, why, sizeof why);
    if (status == LAG_OK ? !code || !run[0] || run[1] || !run[2] : code || run[0] || run[2] || !*why) abort();
    object_free(code);
    return 0;
}
