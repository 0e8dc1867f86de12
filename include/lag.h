/* lag.h: compile a Lagrangian typed as text, and integrate it.
 *
 *     LagSession *session;  lag_session_new(LAG_ABI, &session);
 *     LagProgram *program;  lag_read(session, "spring", text, strlen(text), &program);     diagnostics on failure
 *     const LagModel *model = lag_program_model(program);
 *     const LagKernel *kernel;  lag_model_kernel(model, 4, LAG_BACKEND_AUTO, &kernel);     compiled once
 *     LagIntegrator *it;  lag_integrator_new(kernel, LAG_METHOD_GGL, &it);
 *     lag_integrator_start(it, 0.0, q, pi);  lag_integrator_advance(it, h, steps, 1, rows);
 *
 * Nothing here prints, exits, or keeps global state (but for compilers that wait, see lag_backends_end). A function that can
 * fail returns a LagStatus and leaves its outputs untouched on failure. Errors of the user's text are diagnostics (data with
 * file, line, column and caret); numerical failures are statuses with step, time and residual. Numbers are double; units are
 * the caller's own. Text is UTF-8.
 *
 * Threads: a session, a program and an integrator serve one thread at a time. A model, its kernels and a table never change
 * once made (lag_model_kernel locks) and may be used by any number of threads. Nothing depends on the locale. */
#ifndef LAG_H
#define LAG_H

#include "lag_kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LAG_API __attribute__((visibility("default")))
#else
#define LAG_API
#endif

#define LAG_VERSION "0.1.0"
#define LAG_ABI 6 /* of the types and calls below: a program is built for one, and a library has one */

typedef struct LagSession LagSession;       /* names, definitions and parameter values, as a prompt builds them up */
typedef struct LagProgram LagProgram;       /* a text that was read: statements, ready to be carried out */
typedef struct LagModel LagModel;           /* a Lagrangian with its derivatives and facts */
typedef struct LagIntegrator LagIntegrator; /* a trajectory in progress */
typedef struct LagTable LagTable;           /* columns of numbers with names: observations, or a trajectory that was saved */

typedef enum LagStatus {
    LAG_OK = 0,
    LAG_ERROR_TEXT,       /* the text has errors: see lag_diagnostic */
    LAG_ERROR_MEMORY,     /* out of memory */
    LAG_ERROR_ARGUMENT,   /* an argument is out of its range */
    LAG_ERROR_VALUE,      /* a parameter has no value */
    LAG_ERROR_BACKEND,    /* the backend asked for could not make code */
    LAG_ERROR_LIMIT,      /* a step with more unknowns, or more operations, than lag makes code for */
    LAG_ERROR_NEWTON,     /* a step's equations did not converge */
    LAG_ERROR_SINGULAR,   /* the mass matrix, or a step's Jacobian, is singular */
    LAG_ERROR_NOT_FINITE, /* a state or a residual is infinite or not a number */
    LAG_INTERRUPTED,      /* the caller's own stop */
    LAG_ERROR_ABI,        /* the program was built for another version of the library */
    LAG_ERROR_SWEEPS,     /* a step's sweeps did not converge, and it has too many unknowns for Newton's method */
    LAG_STATUS_COUNT
} LagStatus;

/* The version of the library that runs, as "0.1.0". Static. */
LAG_API const char *lag_version(void);

/* A sentence in English for a status; never NULL, static. */
LAG_API const char *lag_status_text(LagStatus status);

/* ---- Diagnostics ---------------------------------------------------------------------------------------------- */

typedef enum LagSeverity { LAG_NOTE, LAG_WARNING, LAG_ERROR } LagSeverity;

/* One thing to say about the user's text. Strings belong to the session and live until it next reads. */
typedef struct LagDiagnostic {
    LagSeverity severity;
    const char *file;    /* as given to lag_read or lag_table_read */
    uint32_t line;       /* from 1 */
    uint32_t column;     /* from 1, in characters */
    uint32_t width;      /* characters to underline, at least 1 */
    const char *message; /* what is wrong */
    const char *hint;    /* what to do, or NULL */
    const char *source;  /* the line of the source; of a long one, what stands around the place */
    uint32_t first;      /* the column of its first character: 1 unless the line is long */
} LagDiagnostic;

/* How many there are, and one of them (NULL from the last on): the diagnostics of the session's last lag_read or
 * lag_table_read, in the order of the text. */
LAG_API size_t lag_diagnostic_count(const LagSession *session);
LAG_API const LagDiagnostic *lag_diagnostic(const LagSession *session, size_t index);

/* The diagnostic as a person reads it (message, source line, caret and hint, newline at the end), with terminal colours if
 * asked. Writes at most `size` bytes, NUL included; returns the length of the whole text. */
LAG_API size_t lag_diagnostic_format(const LagDiagnostic *diagnostic, bool colour, char *buffer, size_t size);

/* ---- Sessions and programs ------------------------------------------------------------------------------------ */

/* Seconds by phase. A phase that did not happen is 0. */
typedef struct LagTimings {
    double parse;         /* text to statements and graph */
    double differentiate; /* Lambda to A, B, their derivatives, checks and facts */
    double emit;          /* graph to tape to C or IR */
    double optimise;      /* passes over IR: none are worth their time, so far */
    double codegen;       /* C or IR to machine code, by its compiler */
    double link;          /* machine code into memory, looking into the cache included */
    double integrate;     /* steps */
} LagTimings;

typedef enum LagBackend {
    LAG_BACKEND_AUTO,        /* by the work asked for: begins with what is there, moves over when better is made */
    LAG_BACKEND_INTERPRETER, /* "interp": nothing to make */
    LAG_BACKEND_TCC,         /* "tcc": by libtcc; quickly made */
    LAG_BACKEND_LLVM_QUICK,  /* "llvm-quick": by LLVM without optimisation */
    LAG_BACKEND_LLVM,        /* "llvm": optimised */
    LAG_BACKENDS
} LagBackend;

/* The name of a backend, as --backend has it; "" for LAG_BACKENDS. Static. And the backend of a name, or LAG_BACKENDS. */
LAG_API const char *lag_backend_name(LagBackend backend);
LAG_API LagBackend lag_backend_named(const char *name);

/* Starts a backend's compiler, which takes milliseconds, so that it gets ready meanwhile; without it that is done when it is
 * first needed. Nothing happens for LAG_BACKEND_AUTO and LAG_BACKEND_INTERPRETER, or where it can't be started.
 *
 * After they have been asked once, libtcc and LLVM wait for more work in processes of their own (up to two of each; one of
 * LLVM takes some 30 MB), until this process ends, or lag_backends_end. They are children of this process: who waits for any
 * child may be given one of theirs. Both calls are thread-safe. */
LAG_API void lag_backends_start(LagBackend backend);
LAG_API void lag_backends_end(void);

typedef enum LagMethod {
    LAG_METHOD_GGL,         /* Galerkin-Gauss-Lobatto, order 2r + 2, by the road that suits the kernel */
    LAG_METHOD_RK2,         /* explicit midpoint, on q'' from the same derivatives */
    LAG_METHOD_RK4,         /* the classical fourth-order rule */
    LAG_METHOD_NEWTON,      /* Galerkin-Gauss-Lobatto, each step solved by Newton */
    LAG_METHOD_COMPENSATED, /* as LAG_METHOD_GGL, the state kept in two doubles from step to step: see "Round-off" */
    LAG_METHODS
} LagMethod;

typedef enum LagVerb {
    LAG_VERB_DEFINE,     /* NAME = VALUE:       word is the parameter, item[0] its value */
    LAG_VERB_NAME,       /* NAME = EXPR, NAME(ARGS) = EXPR, coord, param: nothing to carry out */
    LAG_VERB_LAGRANGIAN, /* EXPR:               model is what it was compiled to */
    LAG_VERB_START,      /* start:              items of kind COORDINATE, VELOCITY, MOMENTUM, TIME */
    LAG_VERB_INTEGRATE,  /* integrate:          items of kind R, DT, STEPS, UNTIL, EVERY, TOL, METHOD */
    LAG_VERB_METHOD,     /* method:             the same */
    LAG_VERB_SAVE,       /* save "FILE":        word is the file's name */
    LAG_VERB_SHOW,       /* show WHAT:          word is what */
    LAG_VERB_PLOT, /* plot:               item[0] is what the columns are drawn against, then the columns (items of kind
                      TIME, COORDINATE, MOMENTUM, ENERGY), then files of the same columns (FILE); word is the picture's
                      file, or NULL */
    LAG_VERB_DATA, /* data "FILE":        word is the file's name */
    LAG_VERB_LOSS, /* loss KIND:          item[0] of kind LOSS; then ALPHA, BETA, DELTA, P, CAP, and COORDINATE or MOMENTUM:
                      the weight of a column */
    LAG_VERB_CONSTRAIN, /* constrain:          items of kind BOUND */
    LAG_VERB_GRADIENT,  /* gradient:           items of kind PARAMETER, COORDINATE, VELOCITY, MOMENTUM */
    LAG_VERB_FIT,       /* fit:                the same; word is the name of a criterion to choose terms by, or NULL */
    LAG_VERB_PRIOR,   /* prior:              draws: an item of kind PARAMETER, COORDINATE, VELOCITY or MOMENTUM, whose value
                         is the least, then HIGH, then ZERO where a share is 0. And what is 0 together: items of kind
                         TOGETHER, then ZERO */
    LAG_VERB_TRAIN,   /* train:              items of kind UNITS and on, and FILE: what is written, index being a
                         LagTrainFile; word is the file that it goes on from, or NULL */
    LAG_VERB_PREDICT, /* predict:            item[0] is the records' FILE, or how many are to be drawn (VALUE); then
                         perhaps the FILE that is written; word is the network's file */
} LagVerb;

typedef enum LagItemKind {
    LAG_ITEM_VALUE,      /* the value of a definition */
    LAG_ITEM_COORDINATE, /* index: which coordinate */
    LAG_ITEM_VELOCITY,
    LAG_ITEM_MOMENTUM,
    LAG_ITEM_TIME,
    LAG_ITEM_R,
    LAG_ITEM_DT,
    LAG_ITEM_STEPS,
    LAG_ITEM_UNTIL,
    LAG_ITEM_EVERY,
    LAG_ITEM_TOL,
    LAG_ITEM_METHOD, /* index: a LagMethod */
    LAG_ITEM_ENERGY,
    LAG_ITEM_FILE,      /* text: its name */
    LAG_ITEM_PARAMETER, /* index: which parameter of the model */
    LAG_ITEM_LOSS,      /* index: a LagLossKind */
    LAG_ITEM_ALPHA,
    LAG_ITEM_BETA,
    LAG_ITEM_DELTA,
    LAG_ITEM_P,
    LAG_ITEM_CAP,
    LAG_ITEM_BOUND,    /* index: which parameter; bound: a LagBoundKind */
    LAG_ITEM_HIGH,     /* index: 1 where the logarithm is uniform */
    LAG_ITEM_ZERO,     /* in percent */
    LAG_ITEM_TOGETHER, /* index: which draw of the statement */
    LAG_ITEM_UNITS,
    LAG_ITEM_LAYERS,
    LAG_ITEM_BATCH,
    LAG_ITEM_SAMPLES,
    LAG_ITEM_SET,
    LAG_ITEM_HELD,
    LAG_ITEM_RATE,
    LAG_ITEM_CLIP,
    LAG_ITEM_SEED,
    LAG_ITEM_THREADS,
    LAG_ITEM_TARGET, /* index: a LagTarget */
    LAG_ITEM_BOUNDS, /* index: 0, or 1 where bounds are only asked for by penalties */
} LagItemKind;

typedef enum LagTrainFile { LAG_TRAIN_NETWORK, LAG_TRAIN_TABLE, LAG_TRAIN_PICTURE, LAG_TRAIN_SET } LagTrainFile;

typedef struct LagItem {
    LagItemKind kind;
    uint32_t index;      /* see kind */
    uint32_t expression; /* for lag_program_value */
    const char *text;    /* see kind, or NULL */
    uint32_t bound;      /* see kind */
} LagItem;

/* One statement of a program, checked. Everything it points at belongs to the program. */
typedef struct LagStatement {
    LagVerb verb;
    uint32_t line;         /* of the text, from 1 */
    const char *word;      /* see LagVerb, or NULL */
    const LagModel *model; /* the Lagrangian in force here, or NULL */
    uint32_t item_count;
    const LagItem *item;
} LagStatement;

/* A new session with no definitions, for a program that was built for `abi`: pass LAG_ABI. LAG_ERROR_ABI if that is not the
 * library's: nothing else of it can then be called but lag_version and lag_status_text. The caller frees the session with
 * lag_session_free (NULL allowed). */
LAG_API LagStatus lag_session_new(uint32_t abi, LagSession **session);
LAG_API void lag_session_free(LagSession *session);

/* Reads a text of the lag language (see grammar/README.md) of `size` bytes; `file` is its name in diagnostics. On LAG_OK
 * the session's definitions are extended by the text's, and *program holds its statements, checked, with a model for each
 * Lagrangian; nothing has been carried out. On LAG_ERROR_TEXT the session's definitions are as before. Diagnostics are
 * there in both cases (notes and warnings may come with success). On LAG_ERROR_MEMORY the definitions are as before too, and
 * there are no diagnostics. The caller frees the program; it must not outlive the session. */
LAG_API LagStatus lag_read(LagSession *session, const char *file, const char *text, size_t size, LagProgram **program);
LAG_API void lag_program_free(LagProgram *program);

/* True if `text` stops inside a bracket or after an operator or a comma, so that a statement goes on with the next line. */
LAG_API bool lag_text_continues(const char *text, size_t size);

/* The words that could stand where `text` ends and begin as it ends there, in alphabetical order, each with a newline behind
 * it
 * ("" if there are none). The caller frees *words with lag_text_free. LAG_ERROR_ARGUMENT if the text is over 16 MiB. */
LAG_API LagStatus lag_session_complete(const LagSession *session, const char *text, size_t size, char **words);

/* How many statements a program has, and one of them (NULL from the last on), which belongs to the program. */
LAG_API size_t lag_program_count(const LagProgram *program);
LAG_API const LagStatement *lag_program_statement(const LagProgram *program, size_t index);

/* The last Lagrangian that the session had read when the program was, or NULL. It belongs to the program; see
 * lag_model_hold.
 */
LAG_API const LagModel *lag_program_model(const LagProgram *program);

/* The value of an item's expression under the session's current parameter values. LAG_ERROR_VALUE if a parameter that it
 * needs has none, LAG_ERROR_NOT_FINITE if the value is not finite. */
LAG_API LagStatus lag_program_value(const LagProgram *program, const LagItem *item, double *value);

/* Parameter values of a session. A value set by lag_session_override wins over every later lag_session_set (`--set`).
 * lag_session_get: LAG_ERROR_VALUE if the name has no value. */
LAG_API LagStatus lag_session_set(LagSession *session, const char *name, double value);
LAG_API LagStatus lag_session_override(LagSession *session, const char *name, double value);
LAG_API LagStatus lag_session_get(const LagSession *session, const char *name, double *value);

/* The current values of a model's parameters, value[lag_model_parameter_count]. LAG_ERROR_VALUE if one has none. */
LAG_API LagStatus lag_session_parameters(const LagSession *session, const LagModel *model, double *value);

/* ---- Tables --------------------------------------------------------------------------------------------------- */

/* Reads the text of a CSV file (see grammar/README.md, "Data files") of `size` bytes, at most 1 GiB; `file` is its name in
 * diagnostics. On LAG_ERROR_TEXT they say what is wrong: the first 20 mistakes, and how many there are besides. Nothing else
 * of the session is touched. The caller frees the table with lag_table_free (NULL allowed); it may outlive the session. */
LAG_API LagStatus lag_table_read(LagSession *session, const char *file, const char *text, size_t size, LagTable **table);
LAG_API void lag_table_free(LagTable *table);

/* Both are at least 1. */
LAG_API size_t lag_table_rows(const LagTable *table);
LAG_API uint32_t lag_table_columns(const LagTable *table);

/* The same, and besides whether the table holds observations of the model's motion: a column t, sorted, without gaps; and
 * columns of coordinates or momenta pi_NAME. Others are not used, and get a warning. */
LAG_API LagStatus lag_table_read_motion(LagSession *session, const LagModel *model, const char *file, const char *text,
                                        size_t size, LagTable **table);

#define LAG_COLUMN_NONE UINT32_MAX

/* The name of a column, without quotes (NULL from the last column on), and the column of a name (LAG_COLUMN_NONE if there is
 * none). Names are UTF-8, and differ; they need not be names of the language. */
LAG_API const char *lag_table_name(const LagTable *table, uint32_t column);
LAG_API uint32_t lag_table_column(const LagTable *table, const char *name);

/* The numbers of a column, [lag_table_rows], contiguous, one column after the other: finite, or NaN where a value is
 * missing. Each is the double nearest to what is written. They belong to the table. NULL if there is no such column. */
LAG_API const double *lag_table_values(const LagTable *table, uint32_t column);

/* ---- Models and kernels --------------------------------------------------------------------------------------- */

/* Programs own their models: a model lives as long as one program or one holder has it. */
LAG_API const LagModel *lag_model_hold(const LagModel *model);
LAG_API void lag_model_release(const LagModel *model);

/* Degrees of freedom d; coordinates in the order of the state, index < d, and parameters in that of c, index < count (""
 * beyond); the facts that were found. Texts and facts belong to the model. */
LAG_API uint32_t lag_model_dof(const LagModel *model);
LAG_API const char *lag_model_coordinate(const LagModel *model, uint32_t index);
LAG_API uint32_t lag_model_parameter_count(const LagModel *model);
LAG_API const char *lag_model_parameter(const LagModel *model, uint32_t index);
LAG_API const char *lag_model_text(const LagModel *model); /* the Lagrangian, as it was typed, on one line */
LAG_API const LagFacts *lag_model_facts(const LagModel *model);

/* What runs a step with r interior nodes (0 .. LAG_R_MAX), made on first use and kept by the model. Every backend gives the
 * same bits (a NaN may differ in sign and payload). LAG_BACKEND_AUTO can always be had; the others answer LAG_ERROR_BACKEND
 * where no such code can be made, for the reason that lag_model_reason gives, and LAG_ERROR_LIMIT past their operations.
 * LAG_ERROR_LIMIT past LAG_UNKNOWNS_MAX too; or, where momenta are constant masses times velocities, past
 * LAG_UNKNOWNS_WIDE_MAX: then steps are found by sweeps alone. The kernel belongs to the model. Thread-safe; kernels that
 * exist can be run meanwhile. Machine code of very large Lagrangians wants up to 4 MiB of stack in the thread that
 * integrates. What LLVM makes is kept on disk (see README.md, "What runs it"). */
LAG_API LagStatus lag_model_kernel(const LagModel *model, uint32_t r, LagBackend backend, const LagKernel **kernel);

/* Why the last lag_model_kernel of a model could not make machine code, "" if it could. Writes at most `size` bytes, NUL
 * included; returns the length of the whole. */
LAG_API size_t lag_model_reason(const LagModel *model, char *buffer, size_t size);

/* Keeps a kernel's model, and with it the kernel, beyond the program that owns it. */
LAG_API const LagKernel *lag_kernel_hold(const LagKernel *kernel);
LAG_API void lag_kernel_release(const LagKernel *kernel);

/* What runs a kernel of lag_model_kernel at this moment. */
typedef struct LagCode {
    LagBackend backend; /* not LAG_BACKEND_AUTO */
    bool cached;        /* its code came from the cache */
    bool working;       /* better code is being made */
    size_t bytes;       /* of machine code and its constants, by all backends so far */
} LagCode;

LAG_API void lag_kernel_code(const LagKernel *kernel, LagCode *code);

/* Seconds spent so far on a model by phase (integrate is 0), the reading of its text included. */
LAG_API void lag_model_timings(const LagModel *model, LagTimings *timings);

/* What can be shown of a model or of a program. */
typedef enum LagView {
    LAG_VIEW_LAGRANGIAN, /* as typed, expanded */
    LAG_VIEW_EQUATIONS,  /* the equations of motion */
    LAG_VIEW_ENERGY,     /* the energy of the conservative part */
    LAG_VIEW_KERNEL,     /* dimensions, facts, timings */
    LAG_VIEW_TOKENS,
    LAG_VIEW_TREE,
    LAG_VIEW_GRAPH,
    LAG_VIEW_LAGRANGE, /* A, B and their derivatives */
    LAG_VIEW_DISCRETE, /* the step's residual and Jacobian, as a tape */
    LAG_VIEW_TAPE,     /* the pointwise functions, as a tape */
    LAG_VIEW_C,        /* what libtcc is given */
    LAG_VIEW_LLVM,     /* what LLVM is given */
    LAG_VIEW_ASM,      /* what LLVM makes of it for the CPU at hand */
    LAG_VIEW_COUNT
} LagView;

/* The view of that name ("equations", "llvm" ...), or LAG_VIEW_COUNT. */
LAG_API LagView lag_view_named(const char *name);

/* The name of a view; "" for LAG_VIEW_COUNT. Static. */
LAG_API const char *lag_view_name(LagView view);

/* A view as text, NUL-terminated. `r` and `backend` say which kernel, where it matters. The caller frees *text with
 * lag_text_free. The views of a text (tokens, tree) are a program's, the others a model's: the other call answers
 * LAG_ERROR_ARGUMENT. */
LAG_API LagStatus lag_model_view(const LagModel *model, LagView view, uint32_t r, LagBackend backend, char **text);
LAG_API LagStatus lag_program_view(const LagProgram *program, LagView view, char **text);
LAG_API void lag_text_free(char *text);

/* Momentum pi[d] = B(q, v, t) and energy of the conservative part, for parameters c[m]; q[d], v[d]. These allocate. */
LAG_API LagStatus lag_kernel_momentum(const LagKernel *kernel, const double *c, double t, const double *q, const double *v,
                                      double *pi);
LAG_API LagStatus lag_kernel_energy(const LagKernel *kernel, const double *c, double t, const double *q, const double *v,
                                    double *energy);

/* ---- Integration ---------------------------------------------------------------------------------------------- */

/* Where lag_integrator_advance puts the rows it keeps: row i is t[i], q[i*d .. ], pi[i*d ..]. Any pointer may be NULL.
 * The caller owns the arrays; each must have room for `capacity` rows. `count` is how many rows have been written. */
typedef struct LagRows {
    size_t capacity, count;
    double *t;      /* [capacity] */
    double *q;      /* [capacity, d] */
    double *pi;     /* [capacity, d] */
    double *energy; /* [capacity], of the conservative part */
} LagRows;

typedef struct LagReport {
    LagStatus status;
    uint64_t steps;      /* done since lag_integrator_start */
    double t;            /* reached */
    double residual;     /* of the step that failed, max norm; 0 on success, NaN where there is none: LAG_ERROR_SWEEPS */
    uint64_t iterations; /* of Newton's method, over all steps (0 for rk2 and rk4; by LAG_ROAD_AFFINE of first steps) */
    uint64_t sweeps;     /* of LAG_ROAD_SWEEPS, over all steps: evaluations of the forces at all nodes, less one a step */
    double energy_start; /* energy of the conservative part at the start, and now; NaN where Lambda depends on time */
    double energy;
    double seconds;     /* spent in advance */
    uint64_t fallbacks; /* steps that neither sweeps converged for nor, if there is that, Newton's method on impulses, so
                           that the step's own equations had to be solved (LAG_ROAD_SWEEPS) */
} LagReport;

/* How the equations of LAG_METHOD_GGL's steps are solved, chosen by the kernel's facts. Every road takes the same steps, to
 * round-off. */
typedef enum LagRoad {
    LAG_ROAD_NEWTON,
    LAG_ROAD_SWEEPS, /* B = M v with a constant mass matrix M, diagonal or of 16 coordinates at most; or any B of so many: by
                        fixed-point iteration; and by Newton's method where that does not converge soon, which is machine
                        code too where B = M v and a step has LAG_NEWTON_MOST impulses at most. Where the kernel is wide
                        (lag_kernel.h) there is no Newton's method: such a step is LAG_ERROR_SWEEPS, and LAG_METHOD_NEWTON is
                        refused with LAG_ERROR_LIMIT */
    LAG_ROAD_AFFINE, /* they are linear and the same at all times: the step is an affine map, made once for h and c, and
                        long runs go by its powers, with the same bits however they are shared out among calls and
                        whatever rows are kept; the first step after a start or a change of either is still Newton's */
} LagRoad;

LAG_API LagRoad lag_kernel_road(const LagKernel *kernel);

/* Round-off. By LAG_ROAD_SWEEPS no rounding is of one sign: the energy's error is a random walk, whose mean is 0 and which
 * grows as the root of the steps (some 2e-14 of Kepler's energy in 2e4 steps). LAG_METHOD_COMPENSATED takes the same steps
 * with a state of two doubles a number, of which the second is what the first is short of, and adds up in twice the digits
 * what a step changes it by: there the walk is three to seventeen times as short, for some tenth of the time more, and up to
 * a half where steps are so short that one double is done after one sweep.
 * What is told of the state are the first doubles. The second begin at 0 with each start; by sweeps also where h or a
 * parameter changes, and with each of LagReport.fallbacks.
 *
 * By the other roads the state alone is compensated, and each step is as exact as before: only where h is so small that
 * round-off of the state is most of it does that help, and what drifts goes on drifting (benchmarks/README.md). */

/* An integrator of a kernel. It allocates all it needs here, but for what Newton's method wants when sweeps have failed
 * several times (LAG_ERROR_MEMORY of an advance, which can go on later): otherwise a step allocates, prints and locks
 * nothing. The kernel must outlive it. Caller frees it with lag_integrator_free (NULL allowed). */
LAG_API LagStatus lag_integrator_new(const LagKernel *kernel, LagMethod method, LagIntegrator **integrator);
LAG_API void lag_integrator_free(LagIntegrator *integrator);

/* Parameters c[m], copied. Before the first start they are all 0. A change holds from the next step on. */
LAG_API void lag_integrator_parameters(LagIntegrator *integrator, const double *c);

/* By LAG_ROAD_SWEEPS a step ends when what is missing of it is LAG_SLACK_UNIT of its coordinates' motion in it (or of 1/64
 * of their place, if that is more), which is far below round-off: structure and round-off's walk hold. Where that is more
 * than is asked of a run, so many times more may be missing: 1, as it begins, to DBL_MAX (LAG_ERROR_ARGUMENT). What is
 * missing has a sign: it adds up with the steps. A change holds from the next step on. */
#define LAG_SLACK_UNIT (0x1p-52 / 512)
LAG_API LagStatus lag_integrator_slack(LagIntegrator *integrator, double slack);

/* The start: time t, coordinates q[d], and momenta pi[d] or velocities v[d] (then pi = B(q, v, t)). The state's numbers
 * must be finite (LAG_ERROR_NOT_FINITE). rk2 and rk4 solve B(q, v, t) = pi for v (LAG_ERROR_SINGULAR). */
LAG_API LagStatus lag_integrator_start(LagIntegrator *integrator, double t, const double *q, const double *pi);
LAG_API LagStatus lag_integrator_start_velocity(LagIntegrator *integrator, double t, const double *q, const double *v);

/* Takes `steps` steps of h (h may be negative, not 0). Step n since the start ends at t_start + n h as long as h stays the
 * same. Of the steps of this call, each `every`-th is appended to `rows` while there is room (rows may be NULL); the start
 * itself is not. On failure the state is that after the last good step, and what was kept stays kept: so it is when it was
 * cancelled (LAG_INTERRUPTED), and another advance goes on from there. While steps are taken, numbers below
 * 2.3e-308 count as 0: motion that dies down comes to rest not far above. */
LAG_API LagStatus lag_integrator_advance(LagIntegrator *integrator, double h, uint64_t steps, uint64_t every, LagRows *rows);

/* Says that `steps` steps are to be taken by the advances that follow, so that LAG_BACKEND_AUTO can choose by the work that
 * there is as a whole. */
LAG_API void lag_integrator_expect(LagIntegrator *integrator, uint64_t steps);

/* Cancels the advance under way, after the step at hand, or else the next one before its first step. From any thread, from a
 * watch, or from a signal's handler. */
LAG_API void lag_integrator_cancel(LagIntegrator *integrator);

/* Has `watch` called after each `every` steps of advance, in the thread that integrates, with the state that they led to: it
 * may ask for state and report, and cancel. `user` is passed on. NULL or 0 ends it. */
typedef void LagWatch(LagIntegrator *integrator, void *user);
LAG_API void lag_integrator_watch(LagIntegrator *integrator, uint64_t every, LagWatch *watch, void *user);

/* The current state as one row (appended to rows), and the report so far. */
LAG_API void lag_integrator_state(const LagIntegrator *integrator, LagRows *rows);
LAG_API void lag_integrator_report(const LagIntegrator *integrator, LagReport *report);

/* How far the coordinates after a step of h are from those after two steps of h/2: about the step's error, relative to each
 * coordinate's size and motion in it (at least 1e-10 of the largest). A step that has a solution may still be far too large;
 * this tells. It allocates, and integrates three steps. */
LAG_API LagStatus lag_step_error(const LagKernel *kernel, const double *c, double t, const double *q, const double *pi,
                                 double h, double *error);

/* ---- Choosing a step ----
 *
 * r and dt from the accuracy that is wanted. Short trials of several r, compared with a finer one, tell the error of a step
 * and how errors grow; of the r that reach the accuracy the one with least work is taken. Work is counted, not timed, so
 * that the choice is the same on every day and machine. */

typedef struct LagChoiceAsk {
    LagMethod method;     /* LAG_METHOD_GGL or LAG_METHOD_NEWTON */
    const double *c;      /* parameters, [m] */
    double t;             /* the start */
    const double *q, *pi; /* [d] */
    const double *v;      /* [d] velocities, where pi is NULL */
    double tol;           /* the most that coordinates may be wrong by, at the end and on the way; above 0 and below 1. Of
                             each coordinate relative to its largest value on the way, which counts as 1e-10 of the largest
                             of all coordinates at least (absolute where they are all 0) */
    double until;         /* the end; or NaN, and `steps` steps of dt */
    uint64_t steps;
    int32_t r;                /* to be kept, or -1 */
    double dt;                /* to be kept, or 0 */
    bool (*stop)(void *user); /* asked now and then whether to give up (LAG_INTERRUPTED); or NULL */
    void *user;
} LagChoiceAsk;

typedef enum LagChoiceLimit {
    LAG_CHOICE_REACHES,   /* the error expected is below tol */
    LAG_CHOICE_ROUND_OFF, /* round-off alone is expected to be above tol: the choice does as well as can be done */
    LAG_CHOICE_GIVEN,     /* r and dt that were given don't reach it */
} LagChoiceLimit;

typedef struct LagChoice {
    LagMethod method; /* that asked for; but LAG_METHOD_COMPENSATED for LAG_METHOD_GGL by LAG_ROAD_SWEEPS (unless the kernel
                         is wide), where round-off in one double would be above tol, and is less so */
    uint32_t r;
    double dt;
    uint64_t steps;    /* whole steps of dt to the end; as many as fit where dt was given */
    double error;      /* expected, as tol is meant, round-off included; may be above 1: then nothing of the end is known */
    double round_off;  /* its part of that: twice what is likely */
    double slack;      /* for lag_integrator_slack: the part of the error that is missing of steps is small */
    double iterations; /* expected, a step: sweeps, or Newton's */
    double seconds;    /* expected of machine code, on the server's CPU that costs were measured on; to a factor of 2 */
    LagChoiceLimit limit;
} LagChoice;

/* Chooses. The backend is that which is to integrate: trials run on what costs them least. As lag_model_kernel and
 * lag_integrator_advance where not even trials can be made. It takes some milliseconds, or up to about a fifth of a long
 * run.
 */
LAG_API LagStatus lag_choose(const LagModel *model, LagBackend backend, const LagChoiceAsk *ask, LagChoice *choice);

/* ---- Batches ----
 *
 * Many systems of one kernel, which differ in parameters and starts, and take the same steps. Where the kernel's road is
 * LAG_ROAD_SWEEPS and its backend is LLVM's (or LAG_BACKEND_AUTO, and the work is worth it), LAG_SYSTEMS of them run side by
 * side in the lanes of vectors; and groups of them run on threads. Each system has the bits that an integrator alone gives
 * it, whatever the others, their number, the lanes and the threads. A batch is for one thread at a time. */

typedef struct LagBatch LagBatch;

/* Room for rows, [system, row, coordinate]. `count` rows are there already, of each system; NULL columns are left out. */
typedef struct LagBatchRows {
    size_t capacity, count;
    double *t;  /* [capacity] */
    double *q;  /* [systems, capacity, d] */
    double *pi; /* [systems, capacity, d] */
} LagBatchRows;

/* A batch of 1 or more systems, on so many threads (0: one for each CPU), which are started here and wait between calls.
 * The kernel must outlive it. Caller frees it with lag_batch_free (NULL allowed). */
LAG_API LagStatus lag_batch_new(const LagKernel *kernel, LagMethod method, size_t systems, uint32_t threads,
                                LagBatch **batch);
LAG_API void lag_batch_free(LagBatch *batch);

/* Parameters c[systems, m] of all, copied. Before the first call they are all 0. A change holds from the next step on. */
LAG_API void lag_batch_parameters(LagBatch *batch, const double *c);

/* As lag_integrator_slack, for all. */
LAG_API LagStatus lag_batch_slack(LagBatch *batch, double slack);

/* The start of all at time t: coordinates q[systems, d], and momenta pi[systems, d] or velocities v. As for integrators; a
 * system whose start is refused has that as its status, and takes no steps. */
LAG_API LagStatus lag_batch_start(LagBatch *batch, double t, const double *q, const double *pi);
LAG_API LagStatus lag_batch_start_velocity(LagBatch *batch, double t, const double *q, const double *v);

/* Takes `steps` steps of h of each system, and keeps each `every`-th as a row while there is room (rows may be NULL). A
 * system whose step fails stays where it is, and its rows from there on are NaN; the others go on. LAG_OK if all is well,
 * else the first status that is not, in the systems' order; LAG_INTERRUPTED after lag_batch_cancel, systems then have come
 * to different steps, and the batch has to be started anew. */
LAG_API LagStatus lag_batch_advance(LagBatch *batch, double h, uint64_t steps, uint64_t every, LagBatchRows *rows);

/* Cancels the advance under way, or else the next: from any thread or from a signal's handler. */
LAG_API void lag_batch_cancel(LagBatch *batch);

/* The state of all: q[systems, d], pi[systems, d], status[systems]; each may be NULL. */
LAG_API void lag_batch_state(const LagBatch *batch, double *q, double *pi, LagStatus *status);

/* ---- Losses and gradients ----
 *
 * How far a motion is from one that was observed, and the exact derivatives of that in parameters and starts: of the
 * discrete motion, by the implicit function theorem on each step as it was solved, and the discrete adjoint back through the
 * steps (one run forth and one back for all derivatives together). Nothing is differenced, and no iteration differentiated.
 */

typedef enum LagLossKind {
    LAG_LOSS_L2,    /* (sum w e^2)^(1/2), eq. 28; its derivative at 0 is taken as 0 */
    LAG_LOSS_MSE,   /* mean of w e^2 */
    LAG_LOSS_MAE,   /* mean of w |e|; at 0 as abs */
    LAG_LOSS_HUBER, /* mean of w e^2/2 where |e| <= delta, of w delta (|e| - delta/2) beyond */
    LAG_LOSS_LP,    /* (sum w |e|^p)^(1/p) */
    LAG_LOSSES
} LagLossKind;

/* What is asked of a parameter c. A penalty is added to the loss where it is not so: 20 (c - value + 0.1)^2 below value -
 * 0.1 for AT_LEAST (eq. 29), and 20 (c - value - 0.1)^2 below value + 0.1 for ABOVE, which keeps c off the value; AT_MOST
 * and BELOW are their mirror images. A fit keeps to the value itself. */
typedef enum LagBoundKind {
    LAG_BOUND_AT_LEAST,
    LAG_BOUND_ABOVE,
    LAG_BOUND_AT_MOST,
    LAG_BOUND_BELOW,
    LAG_BOUNDS
} LagBoundKind;

typedef struct LagBound {
    uint32_t parameter;
    LagBoundKind kind;
    double value;
} LagBound;

/* The loss is alpha times that of all coordinates' errors e = motion - observation, and beta times that of all momenta's,
 * and the bounds' penalties. */
typedef struct LagLoss {
    LagLossKind kind;
    double alpha, beta;
    double delta; /* above 0: LAG_LOSS_HUBER */
    double p;     /* 1 or more: LAG_LOSS_LP */
    double cap;   /* above 0, or 0 for none: a loss L above cap/2 counts as cap - cap^2/(4 L); what is not finite, or has
                     no motion that far, as cap, its derivatives as 0. So all is finite whatever the parameters */
    const double *weight; /* w of each coordinate, then of each momentum, [2 d]; or NULL: 1 */
    uint32_t bounds;
    const LagBound *bound; /* [bounds] */
} LagLoss;

/* Observations: rows at the times t [rows], in the order in which the motion goes by, none before its start or behind its
 * last step. A time within 1e-9 of a step's end is that; one inside a step is looked up on the step's own polynomial (of the
 * coordinates through the nodes; for the momenta, of what the forces at the nodes have added up to). NaN is a value that was
 * not observed. */
typedef struct LagSeen {
    size_t rows;
    const double *t;
    const double *q, *pi; /* [systems, rows, d]; NULL: not observed at all */
} LagSeen;

typedef struct LagGradientAsk {
    double t, h;          /* the start, and the step (not 0) */
    uint64_t steps;       /* as many are taken as the rows want, and no more than these */
    const double *c;      /* parameters [systems, m]; may be NULL where m is 0 */
    const double *q;      /* starts: coordinates [systems, d], */
    const double *pi, *v; /* and momenta or velocities [systems, d], the other being NULL; pi = B(q, v, t) then depends on
                             parameters, and so do their derivatives */
    LagSeen seen;
    const LagLoss *loss;
    bool sparing; /* memory in proportion to the root of the steps, for a second run forth. So it is too where the steps
                     would take more than 64 MiB. The bits are the same */
} LagGradientAsk;

/* Where results go; any may be NULL. Where no derivatives are wanted, there is but the run forth. */
typedef struct LagGradientOut {
    double *loss;      /* [systems]; NaN where a step failed, and there is no cap */
    double *c;         /* d loss / d c, [systems, m] */
    double *q;         /* d loss / d q at the start, [systems, d], at fixed pi or v, whichever was given */
    double *rate;      /* d loss / d pi, or d v, whichever was given, [systems, d] */
    LagStatus *status; /* [systems] LAG_OK; or why there is no motion to the end, whatever the cap has made of that */
    double *motion_q;  /* the motion at the rows, [systems, rows, d]; all NaN where there is none to the end */
    double *motion_pi;
} LagGradientOut;

typedef struct LagGradient LagGradient;

/* Room to differentiate so many systems of a kernel at once, on so many threads (0: one for each CPU), which are started
 * here and wait between calls. Each system has the same bits whatever the others, their number and the threads.
 * LAG_ERROR_LIMIT where d times m is beyond 4,000,000. The kernel must outlive it; it serves one thread at a time. The
 * caller frees it with lag_gradient_free (NULL allowed). */
LAG_API LagStatus lag_gradient_new(const LagKernel *kernel, size_t systems, uint32_t threads, LagGradient **gradient);
LAG_API void lag_gradient_free(LagGradient *gradient);

/* Losses and derivatives of all systems. LAG_OK; or, outputs being written all the same, the first status of a system whose
 * loss is not finite. LAG_ERROR_ARGUMENT, with nothing written: a number of `ask` out of its range, or a row outside the
 * motion. It allocates where there are more steps or rows than at any time before. */
LAG_API LagStatus lag_gradient_run(LagGradient *gradient, const LagGradientAsk *ask, const LagGradientOut *out);

/* Cancels the run under way, or else the next: LAG_INTERRUPTED. From any thread or from a signal's handler. */
LAG_API void lag_gradient_cancel(LagGradient *gradient);

/* What derivatives are taken in, or a fit looks for. */
typedef enum LagUnknownKind {
    LAG_UNKNOWN_PARAMETER,
    LAG_UNKNOWN_COORDINATE, /* of the start */
    LAG_UNKNOWN_RATE,       /* momentum or velocity of the start, whichever is given */
    LAG_UNKNOWNS
} LagUnknownKind;

typedef struct LagUnknown {
    LagUnknownKind kind;
    uint32_t index;
} LagUnknown;

/* The motion at the rows of `ask` and its derivatives in `count` unknowns, carried along with it (tangents): what a fit by
 * least squares wants. For a gradient of one system; ask->loss and what was seen are not looked at, but for the times.
 * Arrays are the caller's, any may be NULL. LAG_ERROR_ARGUMENT as lag_gradient_run, or the status of a step that failed, the
 * rows from there on being NaN. */
typedef struct LagTangents {
    double *q, *pi;   /* [rows, d] */
    double *dq, *dpi; /* [rows, d, count] */
} LagTangents;

LAG_API LagStatus lag_tangents(LagGradient *gradient, const LagGradientAsk *ask, uint32_t count, const LagUnknown *unknown,
                               const LagTangents *out);

/* ---- Fits ----
 *
 * Parameters and start values that bring a motion nearest to observations, by Levenberg and Marquardt's method on the exact
 * tangents, from several beginnings, until one leads as near to the data as a curve through them is: where A and B are
 * linear in the parameters looked for, the solution of the equations of motion in their integrated (weak) form along that
 * curve, for which no guess is needed; the same, or the guess, led along the record, by segments with starts of their own
 * that are joined two by two; the guess; and points about it, drawn alike every day. */

/* Where a fit has come to. */
typedef struct LagFitProgress {
    uint64_t evaluations; /* motions that were run */
    double loss;          /* the least so far */
    uint32_t on;          /* lag_fit_terms: unknowns that are not switched off */
} LagFitProgress;

typedef struct LagFitAsk {
    LagGradientAsk motion; /* of one system; its c, q and pi or v are the guess: NaN for a parameter that has none */
    uint32_t unknowns;     /* 1 or more */
    const LagUnknown *unknown;
    bool weigh; /* each column counts by how well the motion can be brought to it, weights 1/sigma^2 being found from what is
                   left: the most that can be known where errors are independent. Else exactly the loss is minimised */
    bool near;  /* look from the guess alone: it is near */
    bool (*stop)(void *user, const LagFitProgress *progress); /* asked now and then whether to give up, or NULL */
    void *user;
} LagFitAsk;

typedef struct LagFitOut {
    double *value;       /* [unknowns] */
    double *sigma;       /* [unknowns] standard errors; NaN where the data do not tell the value. Or NULL */
    double *correlation; /* [unknowns, unknowns], or NULL */
    double *unseen;      /* [unknowns, unknowns]: directions in which the values may be moved without any change in what is
                            observed, a row      each, the largest number being 1. Or NULL */
    uint32_t unseen_count;
    double *left; /* [2 d] what is left over in each column of coordinates, then of momenta: root mean square; NaN where
                     nothing was seen. Or NULL */
    double loss;  /* of motion->loss, penalties included */
    uint64_t evaluations;
} LagFitOut;

/* Bounds of the loss are kept to. LAG_OK; LAG_INTERRUPTED, with the best so far, once `stop` has said so;
 * LAG_ERROR_ARGUMENT; LAG_ERROR_MEMORY; or why there is no motion at all to begin with. Thread-safe. */
LAG_API LagStatus lag_fit(const LagKernel *kernel, const LagFitAsk *ask, LagFitOut *out);

/* ---- Which terms there are ----
 *
 * Of a family of Lagrangians, whose terms are switched on and off by their coefficients, the terms that observations speak
 * for: those without which an information criterion would be more. Each choice is a fit of its own. */

typedef enum LagCriterion {
    LAG_CRITERION_BIC,  /* "bic": n log of what is left + p log n, for p values from n (Schwarz 1978) */
    LAG_CRITERION_EBIC, /* "ebic": bic + 2 log of how many sets of so many terms there are, for families of many terms (Chen
                           & Chen 2008) */
    LAG_CRITERION_AICC, /* "aicc": keeps more: the correction of 2 p for few data (Hurvich & Tsai 1989) */
    LAG_CRITERIA
} LagCriterion;

/* The name of a criterion, "" for LAG_CRITERIA. Static. And the criterion of a name, or LAG_CRITERIA. */
LAG_API const char *lag_criterion_name(LagCriterion criterion);
LAG_API LagCriterion lag_criterion_named(const char *name);

typedef struct LagTermsOut {
    bool *on;        /* [unknowns] or NULL */
    double *without; /* [unknowns] how much more the criterion would be with this one switched off, or, where it is off, on:
                        about, where it is more than 10 standard errors from 0; infinite where there is no fit;
                        NaN where it was not to be switched off. Or NULL */
    double criterion, criterion_all; /* of what was chosen, and with all terms on */
} LagTermsOut;

/* As lag_fit, with `weigh` set; then parameters are switched off, which is to say 0, where the criterion is not more for it,
 * and values and errors are those of the rest: of what is off, the value is 0, sigma and correlations NaN. Values of the
 * start stay, and so do parameters whose bounds exclude 0: masses, and what means something else at 0. One term's
 * coefficient, at least, should be known and not looked for, where nothing else tells the Lagrangian's scale. Errors below
 * 1e-9 of a column's size count as that much. Interrupted, it gives the best choice so far. Thread-safe. */
LAG_API LagStatus lag_fit_terms(const LagKernel *kernel, const LagFitAsk *ask, LagCriterion criterion, LagFitOut *out,
                                LagTermsOut *terms);

/* ---- Families, and the network that reads motion ----
 *
 * A prior says how the parameters of a family of motions are drawn, and their starts. A network is shown the rows of a
 * motion, start included, and names the parameters that were drawn; what it is trained on is the motion that they make from
 * the same start (lag_gradient_run, by the discrete adjoint), and not the parameters themselves, unless that is asked. */

/* A number that is drawn: uniform from low to high, or its logarithm is; and 0 instead in so large a share of the systems.
 */
typedef struct LagDraw {
    LagUnknown what;
    double low, high; /* low <= high; above 0 where `log` */
    double zero;      /* 0 to 1; 0 where `log` */
    bool log;         /* a network names such a parameter by its logarithm, and keeps above 0 */
} LagDraw;

/* Numbers that are 0 together in a share of the systems, besides those where they are by themselves. */
typedef struct LagTogether {
    double share; /* 0 to 1 */
    uint32_t count;
    const uint32_t *draw; /* [count] which of the prior's draws */
} LagTogether;

typedef struct LagPrior {
    double t;             /* the start of all */
    const double *c;      /* [m] what is not drawn */
    const double *q;      /* [d] */
    const double *pi, *v; /* [d] momenta or velocities, the other being NULL */
    uint32_t draws, togethers;
    const LagDraw *draw;         /* [draws] */
    const LagTogether *together; /* [togethers] */
} LagPrior;

/* Systems first .. first + count - 1 of those that a seed gives: parameters c[count, m], starts q[count, d] and rate[count,
 * d], momenta or velocities as the prior has them. System i of a seed depends on nothing else that is drawn. Thread-safe. */
LAG_API LagStatus lag_prior_draw(const LagKernel *kernel, const LagPrior *prior, uint64_t seed, uint64_t first, size_t count,
                                 double *c, double *q, double *rate);

/* Systems of a seed that training uses for nothing: those from here on, 2^61 of them. */
#define LAG_FRESH_FIRST (1ull << 61)

typedef enum LagTarget {
    LAG_TARGET_MOTION,     /* the loss of the motion that the parameters make */
    LAG_TARGET_RELATIVE,   /* that by sizes, where these differ by much: of coordinates and momenta each alpha or beta times
                              log(1 + e / sqrt(s p)), where e is the loss, s that of a motion that stays 0, and p that
                              between it and what the parameters make; and outputs are named in units of the record's sizes,
                              where parameters scale with these */
    LAG_TARGET_PARAMETERS, /* the root of the summed squares of their errors, each by half of what the prior spans */
    LAG_TARGETS
} LagTarget;

typedef struct LagTrainAsk {
    LagPrior prior; /* parameters that it draws are those named */
    double h;       /* records are of steps + 1 rows, so far apart */
    uint32_t steps; /* 1 or more */
    LagLoss loss;   /* of a motion; NaN for alpha or beta: columns weighed by their sizes. With its bounds the outputs
                       keep to them */
    LagTarget target;
    bool raw;         /* outputs are not kept within bounds: only the loss's penalties ask for them */
    uint32_t layers;  /* of LSTM, 1 to LAG_LAYERS_MOST, */
    uint32_t units;   /* each of so many */
    uint32_t batch;   /* systems a step of Adam's */
    uint64_t samples; /* systems in all; whole batches */
    uint64_t set;     /* so many, in whole batches, are drawn, and gone through again and again; 0: all are new */
    uint32_t held;    /* systems that it is held against, and never sees */
    double rate;      /* the step size of Adam's at its most: it rises over the first of the batches, then falls as a
                         cosine to a hundredth */
    double clip;      /* the most that the gradient's norm may be */
    uint64_t seed;
    uint32_t threads;  /* 0: one for each CPU. The same bits come of any number */
    const char *about; /* a text to be kept with the network, such as the Lagrangian; or NULL */
} LagTrainAsk;

#define LAG_LAYERS_MOST 8

/* How it stood at one moment. */
typedef struct LagTrainRow {
    uint64_t samples;     /* systems seen so far */
    double loss;          /* mean over the batches since the row before */
    double held_loss;     /* mean over the systems held out */
    double rms_q, rms_pi; /* roots of the mean squares of the held systems' errors, over all rows and columns */
    double rate;          /* Adam's step size */
} LagTrainRow;

typedef struct LagTrainReport {
    uint64_t batches, done; /* Adam's steps: in all, and taken */
    uint64_t skipped;       /* of those, without effect, as a derivative was not finite */
    size_t rows;
    const LagTrainRow *row; /* [rows] the trainer's own, until it next runs: one at the beginning, some twenty-five on
                               the way, one at the end */
    size_t best;            /* which of them is kept: the least held_loss */
    size_t weights;         /* of the network */
} LagTrainReport;

typedef struct LagTrainer LagTrainer; /* a training in progress */
typedef struct LagNetwork LagNetwork; /* what comes of it */

/* A training, at its beginning. LAG_ERROR_ARGUMENT: a number of `ask` out of its range; LAG_ERROR_LIMIT: it would take more
 * than about 4 GB. What the ask points at is copied; the kernel must outlive the trainer, which serves one thread at a time.
 * The caller frees it with lag_trainer_free (NULL allowed). */
LAG_API LagStatus lag_trainer_new(const LagKernel *kernel, const LagTrainAsk *ask, LagTrainer **trainer);
LAG_API void lag_trainer_free(LagTrainer *trainer);

/* Takes so many batches, or as many as are left. LAG_INTERRUPTED after lag_trainer_cancel, from any thread or a signal's
 * handler: between two batches, and nothing is lost. */
LAG_API LagStatus lag_trainer_run(LagTrainer *trainer, uint64_t batches);
LAG_API void lag_trainer_cancel(LagTrainer *trainer);
LAG_API void lag_trainer_report(const LagTrainer *trainer, LagTrainReport *report);

/* All of a training as bytes, to be kept in a file, and to go on from: a text of lines that a person can read (`head -40`),
 * weights among them as they are in memory of a little-endian machine, and a checksum. The caller frees *bytes with free. */
LAG_API LagStatus lag_trainer_save(const LagTrainer *trainer, void **bytes, size_t *size);

/* Makes a training of what was saved, to go on exactly as if it had not been interrupted. It must have been of the same
 * `ask`, but for threads. LAG_ERROR_TEXT: these are no such bytes, or not of that; why[LAG_WHY] then says what is wrong with
 * them. */
enum { LAG_WHY = 256 };
LAG_API LagStatus lag_trainer_load(const LagKernel *kernel, const LagTrainAsk *ask, const void *bytes, size_t size,
                                   char *why, LagTrainer **trainer);

/* The r of the kernel that such bytes want, or LAG_R_NONE where they are none. */
#define LAG_R_NONE UINT32_MAX
LAG_API uint32_t lag_network_r(const void *bytes, size_t size);

/* The network that is in such bytes, finished or not: the best of its training so far, for a kernel of the same
 * Lagrangian (lag_network_facts tells of which it is). Fails as lag_trainer_load does. The caller frees it with
 * lag_network_free (NULL allowed). It serves one thread at a time. */
LAG_API LagStatus lag_network_load(const LagKernel *kernel, uint32_t threads, const void *bytes, size_t size, char *why,
                                   LagNetwork **network);
LAG_API void lag_network_free(LagNetwork *network);

/* Has a training that has not taken a batch yet begin with the weights of a network, and show motions as it does: so that
 * losses, priors and rates may follow one another. LAG_ERROR_ARGUMENT where the network is of another shape. */
LAG_API LagStatus lag_trainer_begin(LagTrainer *trainer, const LagNetwork *network);

typedef struct LagNetworkFacts {
    const LagTrainAsk *ask;     /* what it was trained on */
    uint64_t samples;           /* systems that it had seen */
    double rms_q, rms_pi, loss; /* of the held systems */
} LagNetworkFacts;

/* They belong to the network. */
LAG_API void lag_network_facts(const LagNetwork *network, LagNetworkFacts *facts);

/* Why a record is not one that the network was trained for; any of them, added up. */
enum {
    LAG_OUTSIDE_START = 1,     /* the prior has no such start */
    LAG_OUTSIDE_PRIOR = 2,     /* a parameter is named that is beyond the prior by more than 3 of its standard errors */
    LAG_OUTSIDE_MOTION = 4,    /* what is named does not make that motion, as it did for all but one in a thousand of the
                                  systems held out: of another family, or with more noise */
    LAG_OUTSIDE_NO_MOTION = 8, /* what is named makes no motion at all, or the record is not finite */
};

/* What a network makes of records. Any may be NULL. */
typedef struct LagPredicted {
    double *c;              /* [records, m] parameters; those not drawn as the prior has them */
    double *sigma;          /* [records, m] standard errors: 68 % of the held systems were within; 0 where not drawn */
    double *rms_q, *rms_pi; /* [records] of the motion that c makes from the record's start, over its rows and columns */
    uint8_t *outside;       /* [records] */
} LagPredicted;

/* Names the parameters of records q, pi [records, steps + 1, d], which start at the prior's time and have their rows as the
 * training's had. */
LAG_API LagStatus lag_network_predict(LagNetwork *network, size_t records, const double *q, const double *pi,
                                      const LagPredicted *out);

#ifdef __cplusplus
}
#endif
#endif
