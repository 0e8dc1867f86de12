/* product.c: see product.h. */
#include "product.h"

#include <dlfcn.h>
#include <dnnl.h>
#include <pthread.h>
#include <stddef.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

/* What is taken of it. It shares out its work by OpenMP, whose number of threads is each thread's own: where the
 * library was built without, it has no such functions, and `alone` no effect. */
typedef struct Library {
    __typeof__(&dnnl_sgemm) sgemm;
    int (*threads)(void);
    void (*set_threads)(int);
} Library;

static Library library; /* written once, under the lock, before anyone multiplies */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void find(void *handle, const char *name, void *function) {
    void *found = dlsym(handle, name);
    __builtin_memcpy(function, &found, sizeof found);
}

LagStatus product_open(void) {
    pthread_mutex_lock(&lock);
    if (!library.sgemm) {
        void *handle = dlopen("libdnnl.so." TEXT(DNNL_VERSION_MAJOR), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (handle) {
            find(handle, "omp_get_max_threads", &library.threads);
            find(handle, "omp_set_num_threads", &library.set_threads);
            find(handle, "dnnl_sgemm", &library.sgemm);
        }
    }
    LagStatus status = library.sgemm ? LAG_OK : LAG_ERROR_LIBRARY;
    pthread_mutex_unlock(&lock);
    return status;
}

int product_begin(void) {
    if (!library.threads || !library.set_threads) return 0;
    int before = library.threads();
    library.set_threads(1);
    return before;
}

void product_end(int before) {
    if (before) library.set_threads(before);
}

void product(size_t rows, size_t columns, size_t inner, ProductMatrix a, ProductMatrix b, float keep, float *c,
             size_t pitch) {
    library.sgemm((char)a.side, (char)b.side, (dnnl_dim_t)rows, (dnnl_dim_t)columns, (dnnl_dim_t)inner, 1, a.at,
                  (dnnl_dim_t)a.pitch, b.at, (dnnl_dim_t)b.pitch, keep, c, (dnnl_dim_t)pitch);
}
