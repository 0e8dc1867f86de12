/* session.h: what LagSession and LagProgram hold. */
#ifndef LAG_SESSION_H
#define LAG_SESSION_H

#include "graph/lower.h"
#include "mech/mechanics.h"

/* A parameter's current value. */
typedef struct SessionValue {
    double value;
    bool known, overridden;
} SessionValue;

/* What statements have built up so far: what lag_read copies, extends, and keeps only if the text is right. */
typedef struct SessionState {
    Definitions definitions;
    SessionValue *value; /* by name */
    uint32_t value_count, value_capacity;
    NameSet coord, param;     /* declared */
    const LagModel *model;    /* the Lagrangian in force, held; or NULL */
    bool started, integrated; /* `start` and `integrate` have been said since it was */
    bool observed;            /* `data` has been said */
    bool prior;               /* `prior` has been, since the Lagrangian was */
    bool has_dt, has_length;  /* settings that stay: dt; steps or until, */
    bool has_until;           /* and the latter was the last */
    bool explicit_method;     /* rk2 or rk4 */
    bool own_loss;            /* another than l2 without alpha and beta */
    uint32_t r;               /* and r, once it was set */
} SessionState;

bool session_state_copy(SessionState *to, const SessionState *from); /* `to` is empty before */
void session_state_free(SessionState *state);
bool session_value_set(SessionState *state, NameId name, double value, bool override);

/* A text that was read with success: definitions refer to its tree. */
typedef struct SessionText {
    struct SessionText *next;
    Arena arena; /* the source */
    Tree tree;
} SessionText;

struct LagSession {
    Names names;
    SessionState state;
    SessionText *texts;
    Diagnostics diag;
};

struct LagProgram {
    LagSession *session;
    const Tree *tree;
    Arena arena;             /* items, words */
    LagStatement *statement; /* one for each of the tree's */
    uint32_t count;
    Graph values; /* the items' expressions, over the session's names */
    const LagModel *model;
};

/* values.c: the value of an expression of program->values under parameter values. LAG_ERROR_VALUE where a name has none (it
 * is then put into *missing, if that is not NULL), LAG_ERROR_NOT_FINITE where the value is not finite. */
LagStatus session_evaluate(LagProgram *program, const SessionState *state, NodeId node, double *value, NameId *missing);

/* check.c: the settings of integrate, in the order of LAG_ITEM_R and on; and the methods, in that of LagMethod. */
enum { SESSION_SETTINGS = 7, SESSION_METHODS = LAG_METHODS };
extern const char *const session_setting_name[SESSION_SETTINGS];
extern const char *const session_method_name[SESSION_METHODS];

/* check_learn.c: the settings of train, in the order of LAG_ITEM_UNITS and on. */
enum { SESSION_TRAINING = 12 };
extern const char *const session_training_name[SESSION_TRAINING];

/* check.c: goes through the statements of program->tree in order, extends the state, fills program->statement, and says what
 * is wrong. False when out of memory. */
bool session_check(LagProgram *program, SessionState *state, Diagnostics *diag);

#endif
