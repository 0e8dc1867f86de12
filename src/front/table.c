/* table.c: the text of a CSV file -> columns of numbers.
 *
 * Lines are looked through once to count the rows, so that the columns are allocated once, and once more to read them. A
 * mistake costs its field only: the rest of the line and of the text is still read, and every mistake told or counted. */
#include "front/table.h"

#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct TableReader {
    const Source *source;
    Diagnostics *diag;
    LagTable *table;
    locale_t locale;  /* "C": a point is a point whatever the program's locale */
    char separator;   /* ',', ';', a tab; or a blank: any number of blanks and tabs */
    uint32_t columns; /* that the header has, be they right or wrong */
    size_t mistakes;  /* told or not */
    uint32_t untold;  /* where the first is that is not */
    bool failed;      /* out of memory */
} TableReader;

/* A line without its end. */
typedef struct Line {
    uint32_t begin, end;
} Line;

/* A field without the blanks around it, its quotes included. */
typedef struct Field {
    uint32_t begin, end;
    bool quoted, closed; /* it begins with a quote, and with another ends */
    bool last;           /* of its line */
} Field;

/* ---- Mistakes ---- */

static void mistake(TableReader *r, uint32_t begin, uint32_t end, const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static void mistake(TableReader *r, uint32_t begin, uint32_t end, const char *hint, const char *format, ...) {
    if (r->mistakes == TABLE_MISTAKES_MOST) r->untold = begin;
    if (r->mistakes++ >= TABLE_MISTAKES_MOST) return;
    char message[200];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    diag_error(r->diag, ((Span){r->source, begin, end}), hint, "%s", message);
}

static void count_untold(TableReader *r) {
    size_t count = r->mistakes - TABLE_MISTAKES_MOST;
    if (r->mistakes > TABLE_MISTAKES_MOST)
        diag_note(r->diag, ((Span){r->source, r->untold, r->untold + 1}), NULL, "%zu more mistake%s from here on", count,
                  count == 1 ? " is" : "s are");
}

/* ---- Lines and fields ---- */

static bool blank(char c) { return c == ' ' || c == '\t'; }

/* The next line from *at on that is neither blank nor a comment; false at the end of the text. */
static bool next_line(const Source *source, uint32_t *at, Line *line) {
    const char *bytes = source->bytes;
    while (*at < source->size) {
        uint32_t begin = *at;
        const char *newline = memchr(bytes + begin, '\n', source->size - begin);
        uint32_t end = newline ? (uint32_t)(newline - bytes) : source->size;
        *at = newline ? end + 1 : end;
        if (end > begin && bytes[end - 1] == '\r') end--;
        uint32_t first = begin;
        while (first < end && blank(bytes[first])) first++;
        *line = (Line){begin, end};
        if (first < end && bytes[first] != '#') return true;
    }
    return false;
}

static bool separates(const TableReader *r, char c) { return r->separator == ' ' ? blank(c) : c == r->separator; }

static uint32_t pass_blanks(const TableReader *r, uint32_t at, uint32_t end) {
    bool tabs = r->separator != '\t'; /* are blanks */
    while (at < end && (r->source->bytes[at] == ' ' || (tabs && r->source->bytes[at] == '\t'))) at++;
    return at;
}

/* From the quote at `at` on past the one that closes it; two that follow one another stand for one. */
static uint32_t pass_quoted(const Source *source, uint32_t at, uint32_t end, bool *closed) {
    const char *bytes = source->bytes;
    for (at++; at < end; at++) {
        if (bytes[at] != '"') continue;
        if (at + 1 == end || bytes[at + 1] != '"') {
            *closed = true;
            return at + 1;
        }
        at++;
    }
    *closed = false;
    return end;
}

/* The field at *at, which goes to where the next begins. */
static Field next_field(const TableReader *r, uint32_t *at, uint32_t end) {
    const char *bytes = r->source->bytes;
    Field field = {.begin = pass_blanks(r, *at, end)};
    uint32_t stop = field.begin;
    if (stop < end && bytes[stop] == '"') {
        field.quoted = true;
        stop = pass_quoted(r->source, stop, end, &field.closed);
    }
    uint32_t quote = stop;
    while (stop < end && !separates(r, bytes[stop])) stop++;
    field.end = stop;
    while (field.end > quote && blank(bytes[field.end - 1])) field.end--;
    if (field.end > quote) field.closed = false; /* something stands behind the quotes */
    if (r->separator == ' ') stop = pass_blanks(r, stop, end);
    field.last = stop == end;
    *at = r->separator == ' ' || field.last ? stop : stop + 1;
    return field;
}

/* What is in its quotes. */
static Line inside(const Field *field) {
    return field->quoted && field->closed ? (Line){field->begin + 1, field->end - 1} : (Line){field->begin, field->end};
}

static void bad_quotes(TableReader *r, const Field *field) {
    bool closed;
    uint32_t end = pass_quoted(r->source, field->begin, field->end, &closed);
    if (closed)
        mistake(r, end, field->end, "a quote inside quotes is written twice", "what is in quotes is a whole field");
    else
        mistake(r, field->begin, field->end, "close it with '\"' on the same line", "this text is never closed");
}

/* ---- Numbers ---- */

static uint32_t digits(const char *c, const char *end) {
    const char *begin = c;
    while (c < end && *c >= '0' && *c <= '9') c++;
    return (uint32_t)(c - begin);
}

/* The length of the number at `begin`, or 0; `mark` is its decimal mark. */
static uint32_t number_length(const char *begin, const char *end, char mark) {
    const char *c = begin;
    if (c < end && (*c == '+' || *c == '-')) c++;
    uint32_t whole = digits(c, end), part = 0;
    c += whole;
    if (c < end && *c == mark) {
        part = digits(c + 1, end);
        c += whole || part ? part + 1 : 0;
    }
    if (!whole && !part) return 0;
    if (c < end && (*c == 'e' || *c == 'E')) {
        const char *e = c + 1;
        if (e < end && (*e == '+' || *e == '-')) e++;
        uint32_t power = digits(e, end);
        if (power) c = e + power;
    }
    return (uint32_t)(c - begin);
}

static bool is_word(const char *bytes, size_t size, const char *word) {
    return strlen(word) == size && strncasecmp(bytes, word, size) == 0;
}

static bool is_missing(const char *bytes, size_t size) {
    if (size == 0 || (size == 2 && memcmp(bytes, "NA", 2) == 0)) return true;
    bool sign = *bytes == '-' || *bytes == '+'; /* as printf writes it */
    return is_word(bytes + sign, size - sign, "nan");
}

/* What a field that is no number seems to be. */
static void bad_number(TableReader *r, const Field *field, Line text) {
    static const char missing[] = "a missing value is an empty field, nan or NA";
    const char *bytes = r->source->bytes + text.begin, *end = r->source->bytes + text.end;
    bool sign = *bytes == '-' || *bytes == '+';
    const char *word = bytes + sign;
    size_t size = (size_t)(end - word);
    uint32_t number = number_length(bytes, end, '.');
    const char *rest = bytes + number;
    if (is_word(word, size, "inf") || is_word(word, size, "infinity"))
        mistake(r, field->begin, field->end, missing, "this number is not finite");
    else if (size > 1 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X'))
        mistake(r, field->begin, field->end, "write it in decimals", "hexadecimal numbers are not read");
    else if (number_length(bytes, end, ',') == text.end - text.begin && end[-1] != ',')
        mistake(r, field->begin, field->end, "write a point", "a comma is no decimal mark");
    else if (number && end - rest > 1 && (*rest == 'd' || *rest == 'D'))
        mistake(r, field->begin, field->end, "an exponent is written with e, as in 1e-3", "this is no number");
    else if (number && (blank(*rest) || *rest == ',' || *rest == ';'))
        mistake(r, field->begin, field->end, "the header shows what separates fields: ',', ';', tabs or blanks",
                "this is no number");
    else
        mistake(r, field->begin, field->end, missing, "this is no number");
}

/* The value of a field: NaN where it is missing, and after a mistake. */
static double field_value(TableReader *r, const Field *field) {
    if (field->quoted && !field->closed) return bad_quotes(r, field), NAN;
    Line text = inside(field);
    text.begin = pass_blanks(r, text.begin, text.end);
    while (text.end > text.begin && blank(r->source->bytes[text.end - 1])) text.end--;
    const char *bytes = r->source->bytes + text.begin;
    uint32_t size = text.end - text.begin;
    char copy[TABLE_NUMBER_MOST + 1]; /* what is converted ends in NUL */
    if (is_missing(bytes, size)) return NAN;
    if (number_length(bytes, bytes + size, '.') != size) return bad_number(r, field, text), NAN;
    if (size > TABLE_NUMBER_MOST) {
        mistake(r, field->begin, field->end, NULL, "this number has more than %d characters", TABLE_NUMBER_MOST);
        return NAN;
    }
    memcpy(copy, bytes, size);
    copy[size] = 0;
    double value = strtod_l(copy, NULL, r->locale);
    if (!isfinite(value)) mistake(r, field->begin, field->end, NULL, "this number is larger than a double can be");
    return value;
}

/* ---- The header ---- */

/* What separates the names: the first of ';', ',', tab and blank that stands between them outside quotes. */
static char find_separator(const Source *source, Line line) {
    static const char separator[] = {';', ',', '\t', ' '};
    const char *bytes = source->bytes;
    while (blank(bytes[line.begin])) line.begin++;
    while (blank(bytes[line.end - 1])) line.end--;
    for (size_t i = 0; i < sizeof separator; i++) {
        bool quoted = false;
        for (uint32_t at = line.begin; at < line.end; at++) {
            quoted ^= bytes[at] == '"';
            if (!quoted && bytes[at] == separator[i]) return separator[i];
        }
    }
    return ',';
}

/* Whether the header is none, but a row. */
static bool is_row(const TableReader *r, Line line) {
    uint32_t at = line.begin;
    for (Field field = {0}; !field.last;) {
        field = next_field(r, &at, line.end);
        Line text = inside(&field);
        uint32_t size = text.end - text.begin;
        const char *bytes = r->source->bytes + text.begin;
        if (size == 0 || number_length(bytes, bytes + size, '.') != size) return false;
    }
    return true;
}

/* True if every character of a name can stand in one: names are shown, on terminals too. */
static bool check_name(TableReader *r, Line text) {
    const unsigned char *bytes = (const unsigned char *)r->source->bytes;
    for (uint32_t at = text.begin, size; at < text.end; at += size) {
        size = source_character(r->source->bytes + at, r->source->bytes + text.end);
        bool control = bytes[at] < 0x20 || bytes[at] == 0x7f || (bytes[at] == 0xc2 && size == 2 && bytes[at + 1] < 0xa0);
        if (!size)
            mistake(r, at, at + 1, "save the file as UTF-8", "the byte 0x%02x is not UTF-8", bytes[at]);
        else if (control)
            mistake(r, at, at + size, NULL, "a column's name can't hold a control character");
        if (!size || control) return false;
    }
    return true;
}

static void read_name(TableReader *r, const Field *field) {
    Names *names = &r->table->names;
    char name[TABLE_NAME_MOST];
    Line text = inside(field);
    uint32_t size = 0;
    if (field->quoted && !field->closed) return bad_quotes(r, field);
    if (text.begin == text.end)
        return mistake(r, field->begin, field->end, "every field of the header is the name of a column",
                       "this column has no name");
    if (!check_name(r, text)) return;
    for (uint32_t at = text.begin; at < text.end; at++) {
        if (size == TABLE_NAME_MOST)
            return mistake(r, field->begin, field->end, NULL, "this name has more than %d bytes", TABLE_NAME_MOST);
        name[size++] = r->source->bytes[at];
        at += field->quoted && r->source->bytes[at] == '"'; /* the second of two */
    }
    uint32_t known = names->count;
    if (names_intern(names, name, size) < known && !names->failed)
        mistake(r, field->begin, field->end, NULL, "two columns are called '%.*s'", (int)size, name);
}

/* The columns' names; false if what follows can't be read by them. */
static bool read_header(TableReader *r, Line line) {
    uint32_t at = line.begin;
    r->separator = find_separator(r->source, line);
    bool row = is_row(r, line);
    if (row)
        mistake(r, pass_blanks(r, line.begin, line.end), line.end, "the first line that is no comment names them, as in t,q",
                "the columns have no names");
    for (Field field = {0}; !field.last; r->columns++) {
        field = next_field(r, &at, line.end);
        if (r->columns == TABLE_COLUMNS_MOST) {
            mistake(r, field.begin, field.end, NULL, "a table has at most %d columns", TABLE_COLUMNS_MOST);
            return false;
        }
        if (!row) read_name(r, &field);
    }
    return true;
}

/* ---- The rows ---- */

static size_t count_rows(const Source *source, uint32_t at) {
    size_t rows = 0;
    for (Line line; next_line(source, &at, &line);) rows++;
    return rows;
}

/* Room for the values. None where there are more than bytes: then rows are too short, which will be said. */
static void allocate(TableReader *r, size_t rows) {
    size_t most = (size_t)r->source->size + 1;
    if (rows > most / r->columns) return;
    r->table->value = memory_new(rows * r->columns * sizeof *r->table->value);
    r->failed |= !r->table->value;
}

static void read_row(TableReader *r, Line line, double *value, size_t stride) {
    uint32_t at = line.begin, count = 0, extra = 0;
    Field field = {0};
    for (; !field.last; count++) {
        field = next_field(r, &at, line.end);
        if (count == r->columns) extra = field.begin;
        if (count >= r->columns) continue;
        double x = field_value(r, &field);
        if (value) value[count * stride] = x;
    }
    if (count > r->columns)
        mistake(r, extra, field.end,
                r->separator == ',' && count == 2 * r->columns ? "a comma separates fields: a decimal mark is a point"
                                                               : NULL,
                "this row has %u fields, the header %u", count, r->columns);
    else if (count < r->columns)
        mistake(r, field.end, field.end + 1, "a missing value is an empty field, nan or NA",
                "this row has %u field%s, the header %u", count, count == 1 ? "" : "s", r->columns);
}

static void read_rows(TableReader *r, uint32_t at) {
    LagTable *table = r->table;
    size_t rows = count_rows(r->source, at), row = 0;
    if (!rows) return;
    allocate(r, rows);
    table->rows = rows;
    for (Line line; !r->failed && next_line(r->source, &at, &line); row++) {
        if (line.end - line.begin > TABLE_LINE_MOST)
            mistake(r, line.begin, line.begin + 1, NULL, "this line has more than %d bytes", TABLE_LINE_MOST);
        else
            read_row(r, line, table->value ? table->value + row : NULL, rows);
    }
}

/* ---- The text ---- */

Source table_source(const char *name, const char *text, size_t size) {
    uint32_t mark = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    size -= mark;
    return (Source){name, size ? text + mark : "", size < UINT32_MAX ? (uint32_t)size : UINT32_MAX};
}

static void read_text(TableReader *r) {
    const Source *source = r->source;
    uint32_t at = 0;
    Line line;
    if (source->size >= 2 && (memcmp(source->bytes, "\xff\xfe", 2) == 0 || memcmp(source->bytes, "\xfe\xff", 2) == 0))
        return mistake(r, 0, 1, "save the file as UTF-8", "this text is UTF-16");
    if (source->size > TABLE_TEXT_MOST) return mistake(r, 0, 1, NULL, "a table has at most %d bytes", TABLE_TEXT_MOST);
    if (!next_line(source, &at, &line))
        return mistake(r, at, at + 1, "the first line that is no comment names the columns, as in t,q",
                       "there is no table here");
    if (line.end - line.begin > TABLE_LINE_MOST)
        return mistake(r, line.begin, line.begin + 1, NULL, "this line has more than %d bytes", TABLE_LINE_MOST);
    uint32_t header = line.begin;
    if (!read_header(r, line)) return;
    size_t wrong = r->mistakes;
    read_rows(r, at);
    if (!r->table->rows && !wrong) mistake(r, header, line.end, NULL, "this table has no rows");
}

LagTable *table_read(const Source *source, Diagnostics *diag) {
    TableReader r = {.source = source, .diag = diag, .table = memory_new(sizeof *r.table)};
    if (!r.table) return NULL;
    r.locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    r.failed = !r.locale;
    if (!r.failed) read_text(&r);
    if (r.locale) freelocale(r.locale);
    count_untold(&r);
    if (!r.mistakes && !r.failed && !r.table->names.failed) return r.table;
    lag_table_free(r.table);
    return NULL;
}

Span table_span(const Source *source, size_t row, uint32_t column) {
    TableReader r = {.source = source};
    uint32_t at = 0;
    Line line = {0, 0};
    Field field = {0};
    if (next_line(source, &at, &line)) r.separator = find_separator(source, line);
    for (size_t i = 0; row != TABLE_HEADER && i <= row; i++)
        if (!next_line(source, &at, &line)) break;
    at = line.begin;
    for (uint32_t i = 0; i <= column && !field.last; i++) field = next_field(&r, &at, line.end);
    return (Span){source, field.begin, field.end > field.begin ? field.end : field.begin + 1};
}

/* ---- What a table holds ---- */

void lag_table_free(LagTable *table) {
    if (!table) return;
    names_free(&table->names);
    memory_free(table->value);
    memory_free(table);
}

size_t lag_table_rows(const LagTable *table) { return table->rows; }
uint32_t lag_table_columns(const LagTable *table) { return table->names.count; }

const char *lag_table_name(const LagTable *table, uint32_t column) {
    return column < table->names.count ? names_text(&table->names, column) : NULL;
}

uint32_t lag_table_column(const LagTable *table, const char *name) { return names_find(&table->names, name, strlen(name)); }

const double *lag_table_values(const LagTable *table, uint32_t column) {
    return column < table->names.count ? table->value + column * table->rows : NULL;
}
