/* lex.h: tokens. lag.re makes them one by one; parse.c decides which line ends count and hands them to the grammar. */
#ifndef LAG_FRONT_LEX_H
#define LAG_FRONT_LEX_H

#include "front/tree.h"

enum {
    LEX_NAME_MOST = 64,              /* bytes of a name */
    LEX_NAMES_MOST = 200 * 1000,     /* different names in a session */
    LEX_DIGITS_MOST = 4096,          /* characters of a number */
    LEX_TEXT_MOST = 16 * 1024 * 1024 /* bytes of a text */
};

/* A token's value: where it stands, and the name or the tree node that it is. */
typedef struct LexValue {
    uint32_t begin, end;
    uint32_t id;
} LexValue;

/* What the scanner knows. `diag` may be NULL: then nothing is reported. */
typedef struct Lexer {
    const Source *source;
    Names *names; /* NULL: names are not interned */
    Diagnostics *diag;
    uint32_t at;    /* the byte to be read next */
    bool exhausted; /* there were more than LEX_NAMES_MOST names, which has been said */
} Lexer;

/* The next token's code, a token of lag.y: line ends and errors are tokens too (END and BAD). 0 at the end of the text. */
int lex_token(Lexer *lexer, LexValue *value);

/* The words that begin statements, one by one; NULL behind the last. */
const char *lex_word(size_t index);

/* Whether an END is that of a line, and no semicolon. */
bool lex_is_newline(const Lexer *lexer, int token, LexValue value);

/* Whether a line end after such a token ends nothing. */
bool lex_goes_on(int token);

/* What a token code is called in messages and dumps. */
const char *lex_token_name(int token);

#endif
