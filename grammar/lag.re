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
    {"method", METHOD},         {"save", SAVE},     {"show", SHOW},       {"plot", PLOT},   {"data", DATA},
    {"loss", LOSS},             {"constrain", CONSTRAIN}, {"gradient", GRADIENT}, {"fit", FIT}, {"prior", PRIOR},
    {"train", TRAIN},           {"predict", PREDICT},
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
    if (!lexer->names) return NAME;
    if (lexer->names->count >= LEX_NAMES_MOST && names_find(lexer->names, bytes, size) == NAME_NONE) {
        if (lexer->diag)
            diag_error(lexer->diag, ((Span){lexer->source, value->begin, value->end}), NULL, "more than %d different names",
                       LEX_NAMES_MOST);
        lexer->exhausted = true;
        return BAD;
    }
    value->id = names_intern(lexer->names, bytes, size);
    return NAME;
}

static int bad(Lexer *lexer, const LexValue *value, const char *hint, const char *what) {
    if (lexer->diag) diag_error(lexer->diag, ((Span){lexer->source, value->begin, value->end}), hint, "%s", what);
    return BAD;
}

static int bad_byte(Lexer *lexer, uint32_t at) {
    unsigned char byte = (unsigned char)lexer->source->bytes[at];
    char what[80];
    if (byte < 0x80) snprintf(what, sizeof what, "a text can't hold the control byte 0x%02x", byte);
    else snprintf(what, sizeof what, "the byte 0x%02x is not UTF-8", byte);
    return bad(lexer, &(LexValue){at, at + 1, NAME_NONE}, NULL, what);
}

/* A character of UTF-8 that begins no token. It may not be visible: its number is. */
static int bad_character(Lexer *lexer, const LexValue *value) {
    const char *bytes = lexer->source->bytes + value->begin;
    uint32_t size = value->end - value->begin;
    uint32_t code = (unsigned char)bytes[0] & (size > 1 ? 0x7fu >> size : 0x7fu);
    for (uint32_t i = 1; i < size; i++) code = code << 6 | ((unsigned char)bytes[i] & 0x3f);
    char what[80];
    if (size == 1) snprintf(what, sizeof what, "no statement has the character '%c'", bytes[0]);
    else snprintf(what, sizeof what, "no statement has the character U+%04X", code);
    return bad(lexer, value, NULL, what);
}

static int number_token(Lexer *lexer, const LexValue *value) {
    if (value->end - value->begin <= LEX_DIGITS_MOST) return NUMBER;
    char what[80];
    snprintf(what, sizeof what, "this number has more than %d characters", LEX_DIGITS_MOST);
    return bad(lexer, value, NULL, what);
}

/* `2x`: a name grown onto a number. */
static int bad_product(Lexer *lexer, const LexValue *value) {
    enum { SHOWN = 40 };
    const char *bytes = lexer->source->bytes + value->begin;
    int size = (int)(value->end - value->begin), i = 0;
    while (bytes[i] == '.' || (bytes[i] >= '0' && bytes[i] <= '9')) i++;
    int digits = i + 1 + (bytes[i + 1] == '+' || bytes[i + 1] == '-');
    if ((bytes[i] == 'e' || bytes[i] == 'E') && bytes[digits] >= '0' && bytes[digits] <= '9')
        for (i = digits; bytes[i] >= '0' && bytes[i] <= '9';) i++;
    char hint[160] = "nothing is multiplied by being side by side: write '*'";
    if (size <= SHOWN)
        snprintf(hint, sizeof hint, "nothing is multiplied by being side by side: write %.*s*%.*s", i, bytes, size - i, bytes + i);
    return bad(lexer, value, hint, "a name can't follow a number");
}

/* A quoted text that is not right: passes over it, to its closing quote or the line's end, and says what the first fault is. */
static int bad_string(Lexer *lexer, LexValue *value) {
    const char *bytes = lexer->source->bytes, *end = bytes + lexer->source->size;
    uint32_t at = value->begin + 1, size, byte = 0, escape = 0;
    for (; bytes + at < end && bytes[at] != '\n' && bytes[at] != '"'; at += size) {
        size = source_character(bytes + at, end);
        if (!byte && !escape && (!size || !bytes[at])) byte = at;
        if (!size) size = 1;
        if (bytes[at] != '\\') continue;
        if (bytes[at + 1] == '"' || bytes[at + 1] == '\\') size = 2;
        else if (!byte && !escape) escape = at;
    }
    bool closed = bytes + at < end && bytes[at] == '"';
    value->end = closed ? at + 1 : bytes[at - 1] == '\r' ? at - 1 : at;
    if (byte) return bad_byte(lexer, byte);
    if (!closed) return bad(lexer, value, "close it with '\"' on the same line", "this text is never closed");
    return bad(lexer, &(LexValue){escape, escape + 1, NAME_NONE}, "write '\\\\'", "in quotes, '\\' stands before '\"' or '\\' only");
}

/* Where the comment ends. What is not UTF-8 in it is said, but costs no statement. */
static uint32_t pass_comment(Lexer *lexer, uint32_t at) {
    const char *bytes = lexer->source->bytes, *end = bytes + lexer->source->size;
    while (bytes + at < end && bytes[at] != '\n') {
        uint32_t size = source_character(bytes + at, end);
        if (!size || !bytes[at]) bad_byte(lexer, at);
        at += size ? size : 1;
    }
    return at;
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
            hidden  = [\u037e\u0387\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f];
            wide    = [\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u1fff\u2080-\u2089\u2090-\u209c\u2102-\u2188]
                    | [\u2c00-\u2dff\u3005-\u3007\u3021-\u3029\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\ud7ff]
                    | [\uf900-\ufdcf\ufdf0-\ufefe\U00010000-\U000dffff];
            letter  = [a-zA-Z_] | (wide \ hidden);
            name    = letter (letter | digit)*;
            string  = ["] ([^"\\\n\x00] | [\\] ["\\])* ["];
            control = [\x01-\x08\x0b\x0c\x0e-\x1f\x7f];

            $                    { SPAN; TOKEN(0) }
            [ \t\r]+             { continue; }
            "#"                  { YYCURSOR = text + pass_comment(lexer, (uint32_t)(YYCURSOR - text)); continue; }
            "\n" | ";"           { SPAN; TOKEN(END) }
            number               { SPAN; TOKEN(number_token(lexer, value)) }
            digit+ / ".."        { SPAN; TOKEN(number_token(lexer, value)) }
            digit* ("." digit+){2,} { SPAN; TOKEN(bad(lexer, value, "a number has one point", "this is no number")) }
            number letter (letter | digit)* { SPAN; TOKEN(bad_product(lexer, value)) }
            name                 { SPAN; TOKEN(name_token(lexer, value, (const char *)start, (size_t)(YYCURSOR - start))) }
            string               { SPAN; TOKEN(STRING) }
            ["] {
                SPAN;
                token = bad_string(lexer, value);
                YYCURSOR = text + value->end;
                goto found;
            }
            "**"                 { SPAN; TOKEN('^') }
            ">="                 { SPAN; TOKEN(AT_LEAST) }
            "<="                 { SPAN; TOKEN(AT_MOST) }
            ".."                 { SPAN; TOKEN(DOTS) }
            [{}|:] | "[" | "]" { SPAN; TOKEN(LATER) }
            [-+*/^()=,<>%]         { SPAN; TOKEN(*start) }
            [\u2010-\u2015\u2212] { SPAN; TOKEN(bad(lexer, value, "write '-'", "this is not a minus sign that lag reads")) }
            [\u00b7\u00d7\u0387\u2217\u22c5\u30fb] { SPAN; TOKEN(bad(lexer, value, "write '*'", "this is not a product sign that lag reads")) }
            [\u00f7\u2044\u2215] { SPAN; TOKEN(bad(lexer, value, "write '/'", "this is not a division sign that lag reads")) }
            [\u00b2\u00b3\u00b9\u2070-\u207f] { SPAN; TOKEN(bad(lexer, value, "write '^2', '^3'", "powers are not raised digits")) }
            "\ufeff"             {
                if (start == text) continue; /* a mark that some editors begin a file with */
                SPAN;
                TOKEN(bad_character(lexer, value))
            }
            [\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000] {
                SPAN;
                TOKEN(bad(lexer, value, "write a plain space", "this space is not one that lag reads"))
            }
            [\u2018\u2019\u201c-\u201f] { SPAN; TOKEN(bad(lexer, value, "write '\"'", "these are not quotes that lag reads")) }
            control | "\x00"     { SPAN; TOKEN(bad_byte(lexer, value->begin)) }
            [^]                  { SPAN; TOKEN(bad_character(lexer, value)) }
            *                    { SPAN; TOKEN(bad_byte(lexer, value->begin)) }
        */
    }
found:
    lexer->at = (uint32_t)(YYCURSOR - text);
    return token;
}

bool lex_is_newline(const Lexer *lexer, int token, LexValue value) {
    return token == END && lexer->source->bytes[value.begin] == '\n';
}

bool lex_goes_on(int token) {
    return token == '+' || token == '-' || token == '*' || token == '/' || token == '^' || token == ',' || token == '=' ||
           token == '(' || token == DOTS;
}

const char *lex_word(size_t index) {
    return index < sizeof reserved / sizeof *reserved ? reserved[index].word : NULL;
}

const char *lex_token_name(int token) {
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (reserved[i].token == token) return reserved[i].word;
    switch (token) {
    case 0: return "end of the text";
    case END: return "end of the statement";
    case NUMBER: return "number";
    case NAME: return "name";
    case STRING: return "quoted text";
    case LATER: return "sign";
    case '+': return "'+'";
    case '-': return "'-'";
    case '*': return "'*'";
    case '/': return "'/'";
    case '^': return "'^'";
    case '(': return "'('";
    case ')': return "')'";
    case '=': return "'='";
    case '<': return "'<'";
    case '>': return "'>'";
    case AT_LEAST: return "'>='";
    case AT_MOST: return "'<='";
    case ',': return "','";
    case '%': return "'%'";
    case DOTS: return "'..'";
    default: return "error";
    }
}
