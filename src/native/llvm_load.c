/* llvm_load.c: the LLVM of native.h, from the library beside this one. */
#include "native/llvm_backend.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* A library is loaded once for a process, whatever number of sessions it has: this is not any session's state. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const LlvmBackend *backend; /* NULL: it can't be had */

#define TEXT(symbol) TEXT_OF(symbol)
#define TEXT_OF(symbol) #symbol

/* It stays loaded: code that it made may be running when anyone could think of closing it. */
static void load(void) {
    char path[4096];
    Dl_info here;
    if (!dladdr(&once, &here) || !here.dli_fname) return;
    const char *slash = strrchr(here.dli_fname, '/');
    int folder = slash ? (int)(slash - here.dli_fname) : 1;
    int size = snprintf(path, sizeof path, "%.*s/" LLVM_BACKEND_FILE, folder, slash ? here.dli_fname : ".");
    void *library = size < (int)sizeof path ? dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) : NULL;
    const LlvmBackend *found = library ? dlsym(library, TEXT(LLVM_BACKEND_SYMBOL)) : NULL;
    if (found && strcmp(found->version, LAG_VERSION) == 0) backend = found;
}

LagStatus llvm_compile(const LlvmJob *job, LagTimings *timings, LlvmCode **code, LagNative **run, char *why,
                       size_t why_size) {
    pthread_once(&once, load);
    if (backend) return backend->compile(job, timings, code, run, why, why_size);
    snprintf(why, why_size, "%s of this version is not beside liblag", LLVM_BACKEND_FILE);
    return LAG_ERROR_BACKEND;
}

void llvm_free(LlvmCode *code) { backend->free(code); }

LagStatus llvm_print(const LlvmJob *job, bool assembly, Buffer *out) {
    pthread_once(&once, load);
    return backend ? backend->print(job, assembly, out) : LAG_ERROR_BACKEND;
}
