/* model.h: what a LagModel holds. */
#ifndef LAG_MODEL_H
#define LAG_MODEL_H

#include "mech/mechanics.h"
#include "native/native.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

/* Machine code of a kernel by one road. */
typedef struct ModelCode {
    NativeCode *native; /* NULL: not made */
    LagProcedure procedure[LAG_ROUTINE_COUNT];
    bool cached; /* it came from the cache */
} ModelCode;

/* LAG_STEPS in another form: its tape is written once, and made into code once. */
typedef struct ModelForm {
    bool written, tried;
    uint32_t work; /* doubles of LAG_WORK */
    Tape tape;
    InterpCode *interp; /* NULL where it can't be interpreted */
    NativeCode *native;
    LagProcedure procedure; /* the best there is */
} ModelForm;

/* The programs of LagSlopes, or of LagBack. */
enum { MODEL_SLOPES = 3 };
typedef struct ModelSlopes {
    bool written, tried;
    uint64_t asked; /* steps of systems, so far */
    uint32_t work;
    uint32_t count; /* programs: of LagSlopes the point's alone, or all */
    Tape tape[MODEL_SLOPES];
    InterpCode *interp[MODEL_SLOPES]; /* of one system */
    NativeCode *native;
    LagProcedure procedure[MODEL_SLOPES]; /* the best there are */
} ModelSlopes;

/* A kernel of a model, and what it stands on. */
typedef struct ModelKernel {
    struct ModelKernel *next;
    LagBackend backend; /* as asked for */
    LagKernel kernel;
    const LagModel *model;
    double *tables; /* all five, one block */
    Tape tape[LAG_ROUTINE_COUNT];
    InterpCode *interp[LAG_ROUTINE_COUNT];
    ModelForm form[LAG_FORMS]; /* by LagForm, the first unused; the model's lock is over them */
    ModelSlopes slopes[2];     /* of one system, of several; likewise */
    ModelSlopes back[2];
    /* What runs: tiers.c. */
    _Atomic(const LagProcedure *) best;
    atomic_int running;           /* a LagBackend: whose `best` is */
    atomic_uint_least64_t asked;  /* steps */
    atomic_uint_least64_t worth;  /* how many of them it takes to think again */
    pthread_mutex_t lock;         /* over what follows; a thread that works has `stop` and `wanted` to itself */
    ModelCode code[LAG_BACKENDS]; /* each made once, then constant */
    LagTimings timings;           /* emit, codegen, link */
    bool looked;                  /* into the cache */
    bool working, worker_started; /* makes code; is to be joined */
    pthread_t worker;
    LagBackend wanted, tried; /* what the worker is to make; the last that one was */
    int stop;                 /* readable: it is to end */
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
    char reason[256]; /* why the last one could not be made */
};

/* Adds what kernels spend: emit, codegen, link. */
static inline void model_timings_add(LagTimings *to, const LagTimings *more) {
    to->emit += more->emit;
    to->codegen += more->codegen;
    to->link += more->link;
}

void model_kernel_free(ModelKernel *kernel);

/* The kernel that a LagKernel of lag_model_kernel is part of. */
static inline ModelKernel *model_kernel_of(const LagKernel *kernel) {
    return (ModelKernel *)((uintptr_t)kernel - offsetof(ModelKernel, kernel));
}

/* A model is const to those who hold it; this is for what its lock guards. */
static inline LagModel *model_changeable(const LagModel *model) { return (LagModel *)(uintptr_t)model; }

/* After a view or a kernel: if its graph ran out of memory, what stood there before still stands, and may be tried again. */
static inline void model_recover(LagModel *model) { model->graph.failed = model->graph.too_large = false; }

#endif
