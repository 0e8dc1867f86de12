/* tool.h: the command's parts. They see lag.h only, like any program that embeds lag. */
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
    size_t rows, capacity;
    uint32_t d, r;
    LagMethod method;
    double dt;
    uint64_t steps;
} Trajectory;

void trajectory_free(Trajectory *trajectory);

/* output.c: a trajectory into a file, by the ending of its name; written beside it and renamed into place. "-" is standard
 * output, as CSV. False, with the reason said on standard error and nothing left behind, if it can't be. */
bool output_save(const Trajectory *trajectory, const char *path);

/* output.c: pieces of JSON on standard output. */
void json_text(FILE *out, const char *text);
void json_number(FILE *out, double value);
void json_numbers(FILE *out, const double *value, size_t count);

/* Settings of integrate and method; what was never set is 0 or NaN. */
typedef struct Settings {
    uint32_t r;
    LagMethod method;
    double dt, until;
    uint64_t steps, every;
} Settings;

/* One run of the command: a session and where it stands. */
typedef struct Tool {
    const Options *options;
    LagSession *session;
    const char *name;  /* of the text at hand, for messages */
    FILE *say;         /* for people: standard output, or standard error where that is not for them */
    bool prompt;       /* a person types */
    Settings settings;
    const LagModel *model; /* held: what the state below belongs to */
    double t, *q, *rate;   /* the state: coordinates, and momenta or velocities */
    bool started, rate_is_velocity;
    Trajectory last;
    LagTimings reported; /* of `model`: seconds already shown */
    int status;          /* the exit status so far */
} Tool;

/* run.c */
bool tool_init(Tool *tool, const Options *options);
void tool_free(Tool *tool);
void tool_text(Tool *tool, const char *name, const char *text, size_t size); /* reads a text and carries it out */
void tool_finish(Tool *tool);                                                /* -o */

/* verbs.c: carries out one statement. False: stop here. */
bool verb_run(Tool *tool, const LagProgram *program, const LagStatement *statement);

/* integrate.c: the verb with a file of its own. */
bool verb_integrate(Tool *tool, const LagProgram *program, const LagStatement *statement);

/* prompt.c: reads lines from a person until they leave. */
void prompt_run(Tool *tool);

/* main.c: set by Ctrl-C; the work at hand ends soon after, keeping what is finished. */
bool interrupted(void);
void interrupted_clear(void);

/* A message on standard error: "lag: " and the text. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
