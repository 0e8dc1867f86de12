/* lag.re: the tokens of lag (re2c). Texts are UTF-8; a byte that is not, or a character that no token begins with, is a
 * diagnostic and the token BAD. */
#include "front/lex.h"
#include "lag.tab.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *word;
    int token;
} reserved[] = {
    {"lagrangian", LAGRANGIAN}, {"coord", COORD},   {"param", PARAM},     {"start", START},   {"integrate", INTEGRATE},
    {"method", METHOD},         {"save", SAVE},     {"show", SHOW},       {"plot", ABSENT},   {"data", ABSENT},
    {"loss", ABSENT},           {"constrain", ABSENT}, {"gradient", ABSENT}, {"fit", ABSENT}, {"prior", ABSENT},
    {"train", ABSENT},          {"predict", ABSENT},
};

static int name_token(Lexer *lexer, LexValue *value, const char *bytes, size_t size) {
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strlen(reserved[i].word) == size && memcmp(reserved[i].word, bytes, size) == 0) {
            if (lexer->names) value->id = names_intern(lexer->names, bytes, size);
            return reserved[i].token;
        }
    if (size > LEX_NAME_MOST) {
        if (lexer->diag)
            diag_error(lexer->diag, ((Span){lexer->source, value->begin, value->end}), NULL, "this name has more than %d bytes",
                       LEX_NAME_MOST);
        return BAD;
    }
    if (lexer->names) value->id = names_intern(lexer->names, bytes, size);
    return NAME;
}

static int bad(Lexer *lexer, const LexValue *value, const char *hint, const char *what) {
    if (lexer->diag) diag_error(lexer->diag, ((Span){lexer->source, value->begin, value->end}), hint, "%s", what);
    return BAD;
}

static int bad_byte(Lexer *lexer, const LexValue *value, unsigned char byte) {
    char what[80];
    if (byte < 0x80) snprintf(what, sizeof what, "a text can't hold the control byte 0x%02x", byte);
    else snprintf(what, sizeof what, "the byte 0x%02x is not UTF-8", byte);
    return bad(lexer, value, NULL, what);
}

static int number_token(Lexer *lexer, const LexValue *value) {
    if (value->end - value->begin <= LEX_DIGITS_MOST) return NUMBER;
    char what[80];
    snprintf(what, sizeof what, "this number has more than %d characters", LEX_DIGITS_MOST);
    return bad(lexer, value, NULL, what);
}

int lex_token(Lexer *lexer, LexValue *value) {
    const unsigned char *text = (const unsigned char *)lexer->source->bytes;
    const unsigned char *YYCURSOR = text + lexer->at, *YYLIMIT = text + lexer->source->size, *YYMARKER, *start;
    int token;
    for (;;) {
        start = YYCURSOR;
#define TOKEN(code)                                                                                                              \
    {                                                                                                                            \
        token = (code);                                                                                                          \
        goto found;                                                                                                              \
    }
#define SPAN (*value = (LexValue){(uint32_t)(start - text), (uint32_t)(YYCURSOR - text), NAME_NONE})
        /*!re2c
            re2c:define:YYCTYPE = "unsigned char";
            re2c:yyfill:enable = 0;
            re2c:eof = 0;

            digit   = [0-9];
            number  = (digit+ ("." digit*)? | "." digit+) ([eE] [+-]? digit+)?;
            wide    = [\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u1fff\u2070-\u209c\u2102-\u2188\u2c00-\u2dff\u3005-\ud7ff\uf900-\ufdcf\ufdf0-\ufefe]
                    | [\U00010000-\U000effff];
            letter  = [a-zA-Z_] | wide;
            name    = letter (letter | digit)*;
            string  = ["] ([^"\\\n\x00] | [\\] [^\n\x00])* ["];
            control = [\x01-\x08\x0b\x0c\x0e-\x1f\x7f];

            $                    { SPAN; TOKEN(0) }
            [ \t\r]+             { continue; }
            "#" [^\n\x00]*       { continue; }
            "\n" | ";"           { SPAN; TOKEN(END) }
            number               { SPAN; TOKEN(number_token(lexer, value)) }
            number [.]+ digit+   { SPAN; TOKEN(bad(lexer, value, "a number has one point", "this is no number")) }
            number letter (letter | digit)* {
                SPAN;
                TOKEN(bad(lexer, value, "nothing is multiplied by being side by side: write '*'", "a name can't follow a number"))
            }
            name                 { SPAN; TOKEN(name_token(lexer, value, (const char *)start, (size_t)(YYCURSOR - start))) }
            string               { SPAN; TOKEN(STRING) }
            ["] ([^"\\\n\x00] | [\\] [^\n\x00])* {
                SPAN;
                TOKEN(bad(lexer, value, "close it with '\"' on the same line", "this text is never closed"))
            }
            "**"                 { SPAN; TOKEN('^') }
            ">=" | ".." | [><{}|:] | "[" | "]" { SPAN; TOKEN(LATER) }
            [-+*/^()=,]          { SPAN; TOKEN(*start) }
            "\u2212" | "\u2013" | "\u2014" { SPAN; TOKEN(bad(lexer, value, "write '-'", "this is not a minus sign that lag reads")) }
            "\u00d7" | "\u00b7" | "\u22c5" { SPAN; TOKEN(bad(lexer, value, "write '*'", "this is not a product sign that lag reads")) }
            "\u00f7" | "\u2044" | "\u2215" { SPAN; TOKEN(bad(lexer, value, "write '/'", "this is not a division sign that lag reads")) }
            "\u00b2" | "\u00b3" | "\u00b9" { SPAN; TOKEN(bad(lexer, value, "write '^2', '^3'", "powers are not raised digits")) }
            "\u00a0" | "\ufeff" | [\u2000-\u200f\u2028\u2029\u202f\u3000] {
                SPAN;
                TOKEN(bad(lexer, value, "write a plain space", "this space is not one that lag reads"))
            }
            "\u201c" | "\u201d" | "\u2018" | "\u2019" { SPAN; TOKEN(bad(lexer, value, "write '\"'", "these are not quotes that lag reads")) }
            control | "\x00"     { SPAN; TOKEN(bad_byte(lexer, value, *start)) }
            [^]                  { SPAN; TOKEN(bad(lexer, value, NULL, "no statement has this character")) }
            *                    { SPAN; TOKEN(bad_byte(lexer, value, *start)) }
        */
    }
found:
    lexer->at = (uint32_t)(YYCURSOR - text);
    return token;
}

const char *lex_token_name(int token) {
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (reserved[i].token == token && token != ABSENT) return reserved[i].word;
    switch (token) {
    case 0: return "end of the text";
    case END: return "end of the statement";
    case NUMBER: return "number";
    case NAME: return "name";
    case STRING: return "quoted text";
    case ABSENT: return "reserved word";
    case LATER: return "sign";
    case '+': return "'+'";
    case '-': return "'-'";
    case '*': return "'*'";
    case '/': return "'/'";
    case '^': return "'^'";
    case '(': return "'('";
    case ')': return "')'";
    case '=': return "'='";
    case ',': return "','";
    default: return "error";
    }
}
