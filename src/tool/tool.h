/* tool.h: the command's parts. They see lag.h only, like any program that embeds lag. None of them sets a locale for
 * numbers, so that they have a point everywhere. */
#ifndef LAG_TOOL_TOOL_H
#define LAG_TOOL_TOOL_H

#include "lag.h"

#include <stdio.h>

/* Exit statuses of the command. */
enum { EXIT_GOOD = 0, EXIT_TEXT = 1, EXIT_USAGE = 2, EXIT_STEP = 3, EXIT_INTERRUPTED = 130 };

typedef struct Options {
    char **file; /* [files] */
    int files;
    const char **text; /* [texts]: of -e */
    int texts;
    const char **set; /* [sets]: NAME=VALUE */
    int sets;
    const char *output; /* of -o, or NULL */
    LagView dump[LAG_VIEW_COUNT];
    int dumps;
    LagBackend backend;
    bool check, json, timings, quiet;
} Options;

/* options.c: false after wrong usage, which has been said; *leave: there is nothing more to do (--help, --version). */
bool options_read(Options *options, int argc, char **argv, bool *leave);
void options_free(Options *options);

/* A trajectory: what was kept of one `integrate`, and what it takes to write it down. */
typedef struct Trajectory {
    const LagModel *model; /* held; NULL: there is none */
    double *parameter;
    double *t, *q, *pi; /* [rows], [rows, d], [rows, d] */
    double *energy;     /* [rows] if has_energy, else NULL */
    bool has_energy;
    size_t rows, capacity;
    uint64_t most; /* rows that there will be */
    uint32_t d, r;
    LagMethod method;
    double dt;
    uint64_t steps;
} Trajectory;

/* file.c: all of a stream, NUL-terminated, or a little more than `most` bytes of it; NULL, with errno, if it can't be read.
 * The caller frees it. */
char *file_read(FILE *in, size_t most, size_t *size);

/* file.c: a file in the making. What returns false has said why on standard error. */
typedef struct FileOut {
    const char *path; /* as messages call it */
    FILE *stream;
    char *target, *beside; /* where it goes, and where it is written; NULL where it is written in place */
} FileOut;

bool file_begin(FileOut *file, const char *path); /* "-" is standard output */
bool file_flush(FileOut *file);
bool file_finish(FileOut *file);         /* puts it in its place; on failure nothing is left of it */
bool file_cut(FileOut *file, long size); /* after a failed write: keeps the first `size` bytes, to be finished */
void file_drop(FileOut *file);           /* nothing is left of it */

/* file.c: how a file in NumPy's format begins, a multiple of 64 bytes: its type and shape as Python writes them; and the
 * type of a double. A header of doubles has the same length whatever the shape, and can be written over. */
void file_npy(FILE *stream, const char *type, const char *shape);
const char *file_npy_double(void);

/* trajectory.c: memory for `need` rows in all; false if there is none. The rows as lag.h takes them. */
bool trajectory_grow(Trajectory *trajectory, size_t need);
LagRows trajectory_rows(const Trajectory *trajectory);
void trajectory_free(Trajectory *trajectory);

/* trajectory.c: a trajectory on its way into a file, by the ending of its name: .npy, or else CSV. The header promises steps
 * and rows; if there were fewer in the end, it is put right where that can be. What returns false has said why. */
typedef struct TrajectoryOut {
    FileOut file;
    bool npy;
    uint64_t steps, promised; /* what the header says: steps, rows */
    uint64_t rows;            /* written */
    long count_at;            /* where in the header of a CSV the steps stand */
    long whole;               /* so many bytes are whole rows */
} TrajectoryOut;

bool trajectory_open(TrajectoryOut *out, const Trajectory *trajectory, const char *path, uint64_t steps, uint64_t rows);
bool trajectory_write(TrajectoryOut *out, const Trajectory *trajectory, size_t from); /* the rows from there on */
bool trajectory_close(TrajectoryOut *out, const Trajectory *trajectory, uint64_t steps);
bool trajectory_rescue(TrajectoryOut *out, const Trajectory *trajectory, uint64_t steps); /* after a failed write */
bool trajectory_save(const Trajectory *trajectory, const char *path);                     /* all of it at once */

/* output.c: a number with as few digits as say which it is; and pieces of JSON on standard output. */
void print_number(FILE *out, double value);
void json_text(FILE *out, const char *text);
void json_number(FILE *out, double value);
void json_numbers(FILE *out, const double *value, size_t count);

/* Settings of integrate and method; what was never set is 0 or NaN. */
typedef struct Settings {
    uint32_t r;
    LagMethod method;
    double dt, until;
    uint64_t steps, every;
    /* Of the statement at hand alone. */
    double tol; /* 0: none */
    bool r_given, dt_given;
} Settings;

/* What the text still wants of a run, from the statements behind it. */
typedef struct Wants {
    bool rows, energy; /* something is made of them */
    bool another_run;
} Wants;

/* Where a motion starts, as `start` said, or the first row of data. */
typedef struct Start {
    bool known, observed; /* there is one; it is a row of data */
    bool rate_is_velocity;
    double t, *q, *rate; /* [d] */
} Start;

/* What is observed, and how a motion is compared with it. */
typedef struct Observed {
    LagTable *table; /* or NULL: no data yet */
    char *file;
    LagLoss loss; /* its weight [2 d], or NULL, and bounds are the tool's own, and of the model at hand */
    double *weight;
    LagBound *bound;
    bool weighed; /* alpha or beta was given */
} Observed;

/* What `prior` said, of the model at hand. */
typedef struct Family {
    LagDraw *draw;
    LagTogether *together;
    uint32_t *which; /* what the togethers point into */
    uint32_t draws, togethers;
} Family;

/* One run of the command: a session and where it stands. */
typedef struct Tool {
    const Options *options;
    LagSession *session;
    const char *name; /* of the text at hand, for messages */
    FILE *say;        /* for people: standard output, or standard error where that is not for them */
    bool prompt;      /* a person types */
    Settings settings;
    Wants wants;           /* of the statement at hand */
    const LagModel *model; /* held: what the state below belongs to */
    double t, *q, *rate;   /* the state: coordinates, and momenta or velocities */
    bool rate_is_velocity;
    Start start; /* what that began with */
    Observed seen;
    Family family;
    bool stopped; /* a step failed, or Ctrl-C: what would integrate on is passed over */
    Trajectory last;
    bool written;    /* -o has been seen to */
    LagTimings told; /* of `model`: seconds that were reported */
    int status;      /* the exit status so far: the worst there was */
} Tool;

/* run.c */
bool tool_init(Tool *tool, const Options *options);
void tool_free(Tool *tool);
void tool_text(Tool *tool, const char *name, const char *text, size_t size); /* reads a text and carries it out */
void tool_finish(Tool *tool);                                                /* -o */

/* run.c: says what the session has to say of the text that it read last. */
void tool_diagnostics(Tool *tool);

/* run.c: why there is no kernel, or no view of it: the status, and what is known besides. Written to why[TOOL_WHY], which is
 * given back. */
enum { TOOL_WHY = 512 };
const char *tool_why(const LagModel *model, LagStatus status, char *why);

/* run.c: a view as text, which lag_text_free frees: the program's, or the model's. LAG_ERROR_ARGUMENT without a model. */
LagStatus tool_view(const Tool *tool, const LagProgram *program, const LagModel *model, LagView view, uint32_t r,
                    char **text);

/* verbs.c: carries out one statement. False: stop here. */
bool verb_run(Tool *tool, const LagProgram *program, const LagStatement *statement);

/* integrate.c: the verbs with a file of their own. */
bool verb_integrate(Tool *tool, const LagProgram *program, const LagStatement *statement);
bool verb_method(Tool *tool, const LagProgram *program, const LagStatement *statement);
bool verb_data(Tool *tool, const LagProgram *program, const LagStatement *statement); /* observe.c */
bool verb_loss(Tool *tool, const LagProgram *program, const LagStatement *statement);
bool verb_constrain(Tool *tool, const LagProgram *program, const LagStatement *statement);
bool verb_gradient(Tool *tool, const LagProgram *program, const LagStatement *statement); /* gradient.c */
bool verb_fit(Tool *tool, const LagProgram *program, const LagStatement *statement);      /* fit.c */
bool verb_plot(Tool *tool, const LagProgram *program, const LagStatement *statement);     /* plot.c */
bool verb_prior(Tool *tool, const LagProgram *program, const LagStatement *statement);    /* train.c */
bool verb_train(Tool *tool, const LagProgram *program, const LagStatement *statement);    /* train.c */
bool verb_predict(Tool *tool, const LagProgram *program, const LagStatement *statement);  /* predict.c */

/* plot.c: a picture of curves over x [count], with y on a scale of powers of ten; each has its label. False after saying why
 * not. */
bool plot_curves(const char *path, const char *abscissa, size_t count, const double *x, size_t curves,
                 const char *const *label, const double *const *y);

/* set.c: motions that a prior draws, systems first .. first + count - 1 of a seed: parameters c[count, m], rows q and
 * pi[count, rows, d], NaN where there is no motion. And those of a training's set, kept in a file for NumPy; what returns
 * false has said why. */
LagStatus set_draw(const LagKernel *kernel, const LagTrainAsk *ask, uint64_t first, size_t count, double *c, double *q,
                   double *pi);
bool set_write(const LagModel *model, const LagKernel *kernel, const LagTrainAsk *ask, const char *path);

/* train.c: forgets what `prior` said. */
void family_forget(Family *family);

/* train.c: what a network is of, as it is kept with it: the Lagrangian and its equations, on one line; NULL without memory.
 * The caller frees it. */
char *train_about(const LagModel *model);

/* verbs.c: the model at hand becomes another, with the state 0 and no start; and the start that is known becomes the state.
 */
bool tool_take_model(Tool *tool, const LagModel *model);
void tool_begin(Tool *tool);

/* observe.c: forgets what belongs to a model; and everything. */
void observed_forget(Observed *seen);
void observed_free(Observed *seen);

/* observe.c: rows of the data for the model at hand, in the order of the motion from its start in steps of dt, `steps` of
 * them or as many as it takes. False after saying why not. The caller frees it with rows_free. */
typedef struct SeenRows {
    LagSeen seen;
    double *block;
    uint64_t steps;
} SeenRows;

bool rows_take(Tool *tool, const LagStatement *statement, SeenRows *rows);
void rows_free(SeenRows *rows);

/* observe.c: how an item of gradient or fit is called, as in the language; written to name[TOOL_NAME], which is given back.
 */
enum { TOOL_NAME = 80 };
const char *item_name(const LagModel *model, const LagItem *item, char *name);

/* observe.c: what an item of gradient, fit or prior names. */
LagUnknown item_unknown(const LagItem *item);

/* verbs.c: a file whole, found as the files of numbers are; NULL after saying why not. The caller frees it. */
char *tool_bytes(const Tool *tool, const char *path, size_t *size);

/* verbs.c: a file of numbers: as lag_table_read, or, for a model, lag_table_read_motion. NULL after saying why not. */
LagTable *tool_table(Tool *tool, const LagModel *model, const char *path);

/* tolerance.c: sets r and dt from tol, and says so; false if that could not be done, which has been said. */
bool tolerance_choose(Tool *tool, const LagStatement *statement, LagChoice *choice);

/* tolerance.c: what is watched of a run whose r and dt were given: whether its steps are far too large. */
typedef struct Doubt {
    const LagKernel *kernel; /* NULL: nothing is watched */
    uint64_t next, apart;    /* steps after which it looks, and from then to the next time */
    double worst, t;         /* the largest error of a step, and where */
    double *q, *pi;          /* [d] the state there */
    double *here, *here_pi;  /* [d] scratch */
} Doubt;

void doubt_begin(Doubt *doubt, Tool *tool, const LagKernel *kernel, const LagIntegrator *it, uint64_t steps);
void doubt_look(Doubt *doubt, Tool *tool, const LagIntegrator *it, uint64_t done);
void doubt_end(Doubt *doubt, Tool *tool, const LagStatement *statement, const LagReport *report); /* warns, once */

/* output.c */
const char *method_name(LagMethod method);

/* output.c: what is said of a run, by status: LAG_OK, LAG_INTERRUPTED or a failed step. `choice` made its step, or is NULL.
 */
void output_run(Tool *tool, const LagStatement *statement, const LagReport *report, const LagChoice *choice,
                LagStatus status);
void output_failed_start(const Tool *tool, const LagStatement *statement, LagStatus status); /* that could not be made */

/* output.c: seconds, with the unit that suits. */
void output_seconds(FILE *out, double seconds);

/* output.c: seconds by phase of a model since `told`, which becomes now; and the table of --timings. */
enum { PHASES = 7 };
void output_phases(const LagModel *model, LagTimings *told, double integrate, double seconds[PHASES]);
void output_timings(FILE *out, const double seconds[PHASES]);

/* output.c: on a terminal, once work has taken a second: how far it is, how fast, and how long it has to go, on one line
 * that is written over; and the end of that line. */
typedef struct Progress {
    const char *of;          /* what is counted, as in "steps" */
    uint64_t done, all, now; /* done so far, of all; and in the `seconds` */
    const char *more;        /* what is to be said besides, or "" */
} Progress;

void output_progress(const Tool *tool, double seconds, Progress progress);
void output_progress_end(const Tool *tool);

/* help.c: of a statement, or in general for "". False if there is nothing on that word. The topics, one by one; NULL behind
 * the last. */
bool help_say(const char *word, FILE *out);
const char *help_topic(size_t index);

/* prompt.c: reads lines from a person until they leave. */
void prompt_run(Tool *tool);

/* stop.c: what Ctrl-C does. At first it ends the program at once. After stop_later, it is remembered, for the work at hand
 * to end soon and keep what is finished, and only a second one ends the program. SIGTERM does the same, but is meant for
 * good. stop_listen: from here on, for the whole program. */
void stop_at_once(void);
void stop_later(void);
bool stop_asked(void);
bool stop_for_good(void);
void stop_listen(void);
bool stop_wait(int file); /* waits until there is something to read; false if the program is asked to stop first */

/* stop.c: raises the exit status; the same, after saying for want of what. */
void tool_fails(Tool *tool, int status);
void tool_lacks_memory(Tool *tool, const char *what);

/* verbs.c: says why a statement can't be carried out, and raises the exit status. False. */
bool tool_refuse(Tool *tool, const LagStatement *statement, const char *why);

/* verbs.c: whether a statement is passed over, since what it would go on from was cut short, which is then said. */
bool tool_passes_over(Tool *tool, const LagStatement *statement);

/* A message on standard error: "lag: " and the text. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
