/* c_emit.h: tapes as C. */
#ifndef LAG_NATIVE_C_EMIT_H
#define LAG_NATIVE_C_EMIT_H

#include "native/job.h"

/* Appends a function for each tape of the job, void name(const void *code, double *const *array), in C that libtcc takes
 * without a header. Nothing of the user's text is in it: names are numbers, constants are hexadecimal. */
void c_emit(const NativeJob *job, Buffer *out);

#endif
