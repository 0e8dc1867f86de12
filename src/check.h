/* check.h: what the parts of the checker share: check.c has the statements that make a motion, check_loss.c those that
 * compare it with observations, check_learn.c those of the network. */
#ifndef LAG_CHECK_H
#define LAG_CHECK_H

#include "session.h"

typedef struct Checker {
    LagProgram *program;
    SessionState *state;
    Names *names;
    const Tree *tree;
    Diagnostics *diag;
    LagStatement *out;         /* the statement at hand */
    LagItem *item;             /* its items */
    Lowering lowering;         /* into program->values; begun anew when a definition changes */
    uint32_t at, line, column; /* the last statement's beginning: each is found from the one before */
    bool failed;
    bool no_model;           /* the last Lagrangian was wrong: what needs one is not complained about */
    NameSet fitted;          /* parameters that a fit above gives a value, or a prior, or a network */
    bool parameters_checked; /* of the Lagrangian in force */
} Checker;

/* Says that there is no such word, and which of the candidates may have been meant; else `otherwise`. */
void check_unknown(Checker *c, Span span, const char *what, const char *word, const char *const *candidate, uint32_t count,
                   const char *otherwise);

/* Whether there is a Lagrangian, which `what` needs. */
bool check_has_model(Checker *c, const TreeStatement *s, const char *what);

/* An expression of a statement as a node of program->values; and its value as things stand here, false after an error. */
NodeId check_node(Checker *c, TreeId value);
bool check_value(Checker *c, TreeId value, NodeId *node, double *now);

/* What a name is to a motion, false if nothing; and says that it is nothing. */
bool check_motion_item(const LagModel *model, const char *name, LagItem *item);
void check_unknown_motion(Checker *c, Span span, const char *what, const char *name, const char *otherwise);

/* Whether a text ends in that, with something before it; and whether it is a picture's name. */
bool check_ends_in(const char *text, const char *ending);
bool check_is_picture(const char *text);

/* The place of a word in a list, or `count`. */
uint32_t check_index(const char *word, const char *const *list, uint32_t count);

/* Says which parameters have no value, once. */
void check_parameters(Checker *c, const char *what);

/* check_loss.c */
void check_data(Checker *c, const TreeStatement *s);
void check_loss(Checker *c, const TreeStatement *s);
void check_constrain(Checker *c, const TreeStatement *s);
void check_gradient(Checker *c, const TreeStatement *s); /* and fit */

/* check_loss.c: a parameter of the model, or a value of its start, by its name; false after saying that it is neither. */
bool check_unknown_item(Checker *c, const TreeItem *item, LagItem *out);

/* check_loss.c: says where there are too many unknowns for derivatives. */
void check_differentiable(Checker *c, const TreeStatement *s);

/* check_learn.c */
void check_prior(Checker *c, const TreeStatement *s);
void check_train(Checker *c, const TreeStatement *s);
void check_predict(Checker *c, const TreeStatement *s);

#endif
