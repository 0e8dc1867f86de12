/* model.h: what a LagModel holds. */
#ifndef LAG_MODEL_H
#define LAG_MODEL_H

#include "mech/mechanics.h"
#include "native/native.h"

#include <pthread.h>

/* A kernel of a model, and what it stands on. */
typedef struct ModelKernel {
    struct ModelKernel *next;
    LagBackend backend; /* as asked for */
    LagKernel kernel;
    double *tables; /* all five, one block */
    Tape tape[LAG_ROUTINE_COUNT];
    InterpCode *interp[LAG_ROUTINE_COUNT];
    LlvmCode *llvm; /* NULL where the interpreter runs the tapes */
    size_t code_bytes;
} ModelKernel;

struct LagModel {
    _Atomic uint32_t holders;
    pthread_mutex_t lock; /* over everything below that changes: graph, kernels, timings */
    Names names;          /* a copy of the session's, so that the model stands alone */
    Graph graph;
    Mechanics mech;
    char *text; /* the Lagrangian as typed, on one line */
    LagTimings timings;
    ModelKernel *kernels;
};

void model_kernel_free(ModelKernel *kernel);

/* A model is const to those who hold it; this is for what its lock guards. */
static inline LagModel *model_changeable(const LagModel *model) { return (LagModel *)(uintptr_t)model; }

/* After a view or a kernel: if its graph ran out of memory, what stood there before still stands, and may be tried again. */
static inline void model_recover(LagModel *model) { model->graph.failed = model->graph.too_large = false; }

#endif
