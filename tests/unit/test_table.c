/* test_table.c: CSV files as columns of numbers: every form that reads, every mistake, the limits, and the bits. */
#include "front/table.h"
#include "harness.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The table of a text and what is said of it, allocated; NULL for the table that is none. */
static LagTable *read_table(const char *text, size_t size, char **said) {
    LagSession *session;
    LagTable *table = NULL;
    CU_ASSERT_FATAL(lag_session_new(LAG_ABI, &session) == LAG_OK);
    LagStatus status = lag_table_read(session, "test", text, size, &table);
    CU_ASSERT_EQUAL(status, table ? LAG_OK : LAG_ERROR_TEXT);
    *said = harness_diagnostics(session);
    CU_ASSERT_FATAL(*said != NULL && (!table || !**said));
    lag_session_free(session);
    return table;
}

/* That a text reads as columns [a, b ..] with a value after another, row by row. */
static void check_reads(const char *text, uint32_t columns, const char *const *name, size_t rows, const double *value) {
    char *said;
    LagTable *table = read_table(text, strlen(text), &said);
    bool good = table && lag_table_columns(table) == columns && lag_table_rows(table) == rows;
    for (uint32_t k = 0; good && k < columns; k++) {
        const double *column = lag_table_values(table, k);
        good = strcmp(lag_table_name(table, k), name[k]) == 0 && lag_table_column(table, name[k]) == k;
        for (size_t i = 0; good && i < rows; i++) {
            double want = value[i * columns + k];
            good = isnan(want) ? isnan(column[i]) : column[i] == want && signbit(column[i]) == signbit(want);
        }
    }
    if (!good) printf("\n%s\n%s", text, said);
    CU_ASSERT(good);
    lag_table_free(table);
    free(said);
}

static void check_two(const char *text, size_t rows, const double *value) {
    check_reads(text, 2, (const char *const[]){"t", "q"}, rows, value);
}

static void test_forms(void) {
    static const double plain[] = {0, 1, 0.5, -2};
    check_two("t,q\n0,1\n0.5,-2\n", 2, plain);
    check_two("# a comment, with commas\n#\nt,q\n0,1\n0.5,-2", 2, plain);
    check_two("\xef\xbb\xbft,q\r\n0,1\r\n0.5,-2\r\n", 2, plain);
    check_two("\n \t\n# x\n  t ,\tq  \n\n0\t, 1\n   # y\n\t0.5,-2 \n\n\n", 2, plain);
    check_two("\"t\",\"q\"\n\"0\",\" 1 \"\n\"0.5\" , -2\n", 2, plain);
    check_two("t;q\n0;1\n0.5;-2\n", 2, plain);
    check_two("t\tq\n0\t1\n 0.5 \t -2\n", 2, plain);
    check_two("t q\n0 1\n0.5 -2\n", 2, plain);
    check_two("   t   q\n\t0 \t 1\n   0.5  -2  \n", 2, plain);
    check_two("t,q\n+0.,1e0\n.5,-20E-1\n", 2, plain);
    check_two("t,q\n00,1.000e+00\n5e-1,-2.\n", 2, plain);
    check_reads("q\n1\n\n2\n", 1, (const char *const[]){"q"}, 2, (const double[]){1, 2});
    check_reads("\"t; s\";\"q, m\";\"a \"\"b\"\"\"\n1;2;3\n", 3, (const char *const[]){"t; s", "q, m", "a \"b\""}, 1,
                (const double[]){1, 2, 3});
    check_reads("time (s)\tθ₁\t1\n1\t2\t3\n", 3, (const char *const[]){"time (s)", "θ₁", "1"}, 1, (const double[]){1, 2, 3});
}

static void test_missing(void) {
    static const double holes[] = {0, NAN, NAN, 1};
    check_two("t,q\n0,\n,1\n", 2, holes);
    check_two("t,q\n0,nan\nNaN,1\n", 2, holes);
    check_two("t,q\n0,NA\n-nan,1\n", 2, holes);
    check_two("t,q\n0, \n\"\",1\n", 2, holes);
    check_two("t\tq\n0\t\n\t1\n", 2, holes);
    check_two("t q\n0 NAN\nNA 1\n", 2, holes);
}

static void check_says(const char *text, const char *want) {
    char *said;
    LagTable *table = read_table(text, strlen(text), &said);
    if (table || strcmp(said, want) != 0) printf("\n%s\nsays\n%snot\n%s", text, said, want);
    CU_ASSERT(!table && strcmp(said, want) == 0);
    lag_table_free(table);
    free(said);
}

static void test_shape(void) {
    check_says(
        "", "test:1:1: error: there is no table here\n    \n    ^ the first line that is no comment names the columns, as "
            "in t,q\n");
    check_says("# t,q\n\n",
               "test:3:1: error: there is no table here\n    \n    ^ the first line that is no comment names the "
               "columns, as in t,q\n");
    check_says("t,q\n# 1,2\n", "test:1:1: error: this table has no rows\n    t,q\n    ^~~\n");
    check_says("0,1\n2,3\n",
               "test:1:1: error: the columns have no names\n    0,1\n    ^~~ the first line that is no comment "
               "names them, as in t,q\n");
    check_says(
        "t,q\n1,2\n3\n4,5,6,7\n",
        "test:3:2: error: this row has 1 field, the header 2\n    3\n     ^ a missing value is an empty field, nan or NA\n"
        "test:4:5: error: this row has 4 fields, the header 2\n    4,5,6,7\n        ^~~ a comma separates fields: a "
        "decimal mark is a point\n");
    check_says("t,q\n1,2,\n", "test:2:5: error: this row has 3 fields, the header 2\n    1,2,\n        ^\n");
    check_says("t;q\n1;2;3\n", "test:2:5: error: this row has 3 fields, the header 2\n    1;2;3\n        ^\n");
    check_says("\xff\xfet", "test:1:1: error: this text is UTF-16\n    ??t\n    ^ save the file as UTF-8\n");
}

static void test_names(void) {
    check_says("t, q,t\n1,2,3\n", "test:1:6: error: two columns are called 't'\n    t, q,t\n         ^\n");
    check_says("t,,q,\n1,2,3,4\n",
               "test:1:3: error: this column has no name\n    t,,q,\n      ^ every field of the header is "
               "the name of a column\n"
               "test:1:6: error: this column has no name\n    t,,q,\n         ^ every field of the header "
               "is the name of a column\n");
    check_says("\xef\xbb\xbft,t\n1,2\n", "test:1:3: error: two columns are called 't'\n    t,t\n      ^\n");
    check_says("t,\"q\n1,2\n",
               "test:1:3: error: this text is never closed\n    t,\"q\n      ^~ close it with '\"' on the same "
               "line\n");
    check_says("t,\"q\"s\n1,2\n",
               "test:1:6: error: what is in quotes is a whole field\n    t,\"q\"s\n         ^ a quote inside "
               "quotes is written twice\n");
    check_says("t,\x01q,\xc2\x9b\n1,2,3\n",
               "test:1:3: error: a column's name can't hold a control character\n    t,?q,?\n      ^\n"
               "test:1:6: error: a column's name can't hold a control character\n    t,?q,?\n         ^\n");
    check_says("t,q\xff\n1,2\n", "test:1:4: error: the byte 0xff is not UTF-8\n    t,q?\n       ^ save the file as UTF-8\n");
}

/* A row `0,FIELD` of a table, and what is said of the field. */
static void check_field(const char *field, const char *message) {
    char text[200], want[400];
    size_t size = strlen(field);
    snprintf(text, sizeof text, "t,q\n0,%s\n", field);
    const char *hint = strchr(message, '|');
    int n = snprintf(want, sizeof want, "test:2:3: error: %.*s\n    0,%s\n      ^", (int)(hint - message), message, field);
    for (size_t i = 1; i < size; i++) want[n++] = '~';
    snprintf(want + n, sizeof want - (size_t)n, "%s%s\n", hint[1] ? " " : "", hint + 1);
    check_says(text, want);
}

static void test_fields(void) {
    static const char missing[] = "this is no number|a missing value is an empty field, nan or NA";
    static const char *const none[] = {"x",     "-",   "+",   ".",  "e5",   "1e", "1e+",
                                       "1.2.3", "--1", "+-1", "1x", "nano", "na", "'1'"};
    static const char infinite[] = "this number is not finite|a missing value is an empty field, nan or NA";
    static const char *const endless[] = {"inf", "-inf", "+INF", "Infinity"};
    static const char hexadecimal[] = "hexadecimal numbers are not read|write it in decimals";
    static const char separator[] = "this is no number|the header shows what separates fields: ',', ';', tabs or blanks";
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) check_field(none[i], missing);
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) check_field(endless[i], infinite);
    check_field("0x1p3", hexadecimal);
    check_field("-0XFF", hexadecimal);
    check_field("1;2", separator);
    check_field("1 2", separator);
    check_field("1d-3", "this is no number|an exponent is written with e, as in 1e-3");
    check_field("1.5D+00", "this is no number|an exponent is written with e, as in 1e-3");
    check_field("1e309", "this number is larger than a double can be|");
    check_field("\"0,5\"", "a comma is no decimal mark|write a point");
    check_field("\"1", "this text is never closed|close it with '\"' on the same line");
    check_says("t;q\n0;0,5\n", "test:2:3: error: a comma is no decimal mark\n    0;0,5\n      ^~~ write a point\n");
    check_says("t q\n0 -,5e3\n", "test:2:3: error: a comma is no decimal mark\n    0 -,5e3\n      ^~~~~ write a point\n");
}

/* Each mistake once, the first of many, and how many more there are. */
static void test_many(void) {
    char text[1000] = "t,q\n", *said;
    for (int i = 0; i < 19; i++) strcat(text, "1,x\n");
    for (int more = 0; more < 4; more++) {
        strcat(text, "y,2\n");
        LagTable *table = read_table(text, strlen(text), &said);
        size_t errors = 0;
        for (const char *c = said; (c = strstr(c, ": error: ")); c++) errors++;
        CU_ASSERT(!table && errors == 20);
        CU_ASSERT((strstr(said, ":22:1: note: 1 more mistake is from here on\n") != NULL) == (more == 1));
        CU_ASSERT((strstr(said, ":22:1: note: 3 more mistakes are from here on\n") != NULL) == (more == 3));
        free(said);
    }
}

/* ---- Limits ---- */

/* A field of `size` bytes in a table with nothing else wrong; the name or the number. */
static bool reads_field(bool header, size_t size, const char *message) {
    char *text = malloc(size + 100), *said, *field = text;
    strcpy(text, header ? "" : "q\n");
    field += strlen(text);
    memset(field, '1', size);
    strcpy(field, header ? "q" : "0.");
    field[strlen(field)] = '1';
    strcpy(field + size, header ? "\n1\n" : "\n");
    LagTable *table = read_table(text, strlen(text), &said);
    bool reads = table != NULL;
    CU_ASSERT(reads || strstr(said, message));
    lag_table_free(table);
    free(text);
    free(said);
    return reads;
}

static bool reads_columns(uint32_t columns) {
    char *text = malloc(16 * (size_t)columns), *said;
    size_t size = 0;
    for (uint32_t i = 0; i < columns; i++) size += (size_t)sprintf(text + size, "%sq%u", i ? "," : "", i);
    for (uint32_t i = 0; i < columns; i++) size += (size_t)sprintf(text + size, "%s%u", i ? "," : "\n", i);
    LagTable *table = read_table(text, size, &said);
    bool reads = table != NULL;
    CU_ASSERT(reads || strstr(said, "a table has at most 4096 columns"));
    CU_ASSERT(!reads || (lag_table_columns(table) == columns && *lag_table_values(table, columns - 1) == columns - 1));
    CU_ASSERT(!reads || (lag_table_column(table, "q") == LAG_COLUMN_NONE && !lag_table_values(table, columns)));
    lag_table_free(table);
    free(text);
    free(said);
    return reads;
}

/* A line of so many bytes: the quotes of a name or of a number hold blanks. */
static bool reads_line(size_t size) {
    char *text = malloc(size + 3), *said;
    strcpy(text, "q\n1");
    memset(text + 3, ' ', size - 1);
    LagTable *table = read_table(text, size + 2, &said);
    bool reads = table != NULL;
    CU_ASSERT(reads || strncmp(said, "test:2:1: error: this line has more than 1048576 bytes\n", 55) == 0);
    CU_ASSERT(strlen(said) < 1000);
    lag_table_free(table);
    free(text);
    free(said);
    return reads;
}

static void test_limits(void) {
    CU_ASSERT(reads_field(true, 64, "") && !reads_field(true, 65, "this name has more than 64 bytes"));
    CU_ASSERT(reads_field(false, 4096, "") && !reads_field(false, 4097, "this number has more than 4096 characters"));
    CU_ASSERT(reads_columns(4096) && !reads_columns(4097));
    CU_ASSERT(reads_line(TABLE_LINE_MOST) && !reads_line(TABLE_LINE_MOST + 1));
    size_t size = (size_t)TABLE_TEXT_MOST + 1;
    char *text = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), *said;
    CU_ASSERT_FATAL(text != MAP_FAILED);
    LagTable *table = read_table(text, size, &said); /* zeros, but it is not looked at */
    CU_ASSERT(!table && strstr(said, "test:1:1: error: a table has at most 1073741824 bytes\n"));
    free(said);
    munmap(text, size);
}

/* Rows that are much too short for all the columns to have room. */
static void test_short_rows(void) {
    enum { COLUMNS = 4096, ROWS = 100000 };
    char *text = malloc(16 * COLUMNS + 2 * ROWS), *said;
    size_t size = 0;
    for (int i = 0; i < COLUMNS; i++) size += (size_t)sprintf(text + size, "%sq%d", i ? "," : "", i);
    for (int i = 0; i < ROWS; i++) size += (size_t)sprintf(text + size, "\n1");
    LagTable *table = read_table(text, size, &said);
    CU_ASSERT(!table && strstr(said, "note: 99980 more mistakes are from here on"));
    free(text);
    free(said);
}

/* ---- Bits ---- */

static double random_double(SuiteRandom *random, size_t i) {
    static const double extreme[] = {0.0,
                                     -0.0,
                                     5e-324,
                                     -5e-324,
                                     0x1p-1022,
                                     0x0.fffffffffffffp-1022,
                                     1e-310,
                                     1.7976931348623157e308,
                                     -1.7976931348623157e308,
                                     1,
                                     -1,
                                     0x1p-53,
                                     1. / 3.,
                                     0.1,
                                     1e22,
                                     1e23,
                                     NAN};
    union {
        unsigned long long bits;
        double value;
    } any = {.bits = suite_bits(random)};
    if (i < sizeof extreme / sizeof *extreme) return extreme[i];
    if (i % 2) return suite_uniform(random, -10, 10);
    return isfinite(any.value) ? any.value : 0;
}

/* As lag writes a trajectory, and as it is read back. */
static void round_trip(size_t rows) {
    enum { COLUMNS = 3, NUMBER = 30 };
    SuiteRandom random = {2024};
    double *value = malloc(rows * COLUMNS * sizeof *value);
    char *text = malloc(100 + rows * COLUMNS * NUMBER), *said;
    size_t size = (size_t)sprintf(text, "# Lagrangian: qd^2/2 - q^2/2\n# r = 2, dt = 0.1\nt,q,pi_q\n");
    for (size_t i = 0; i < rows * COLUMNS; i++) {
        value[i] = random_double(&random, i);
        size += (size_t)sprintf(text + size, "%.17g%c", value[i], i % COLUMNS == COLUMNS - 1 ? '\n' : ',');
    }
    LagTable *table = read_table(text, size, &said);
    CU_ASSERT_FATAL(table && lag_table_rows(table) == rows && lag_table_columns(table) == COLUMNS);
    bool same = true;
    for (size_t i = 0; i < rows * COLUMNS; i++) {
        double back = lag_table_values(table, (uint32_t)(i % COLUMNS))[i / COLUMNS];
        same = same && (isnan(value[i]) ? isnan(back) : memcmp(&back, &value[i], sizeof back) == 0);
    }
    CU_ASSERT(same);
    CU_ASSERT(lag_table_values(table, 1) == lag_table_values(table, 0) + rows);
    lag_table_free(table);
    free(value);
    free(text);
    free(said);
}

static void test_round_trip(void) { round_trip(20000 * (size_t)suite_multiplier()); }

/* Halfway between two doubles, just above and just below, and what underflows. */
static void test_rounding(void) {
    check_two("t,q\n9007199254740993,9007199254740993.0000000000000000000000000001\n", 1,
              (const double[]){9007199254740992, 9007199254740994});
    check_two("t,q\n9007199254740995,9007199254740994.9999999999999999999999999999\n", 1,
              (const double[]){9007199254740996, 9007199254740994});
    check_two("t,q\n2.4703282292062327e-324,2.4703282292062328e-324\n", 1, (const double[]){0, 5e-324});
    check_two("t,q\n1e-400,-1e-400\n", 1, (const double[]){0, -0.0});
    check_two("t,q\n1.7976931348623158e308,0e999999999999\n", 1, (const double[]){1.7976931348623157e308, 0});
}

static void test_locale(void) {
    static const char *const comma[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "fr_FR"};
    const char *set = NULL;
    for (size_t i = 0; !set && i < sizeof comma / sizeof *comma; i++) set = setlocale(LC_ALL, comma[i]);
    if (!set) printf("SKIPPED: no locale with a decimal comma is installed ");
    check_two("t,q\n0.5,1.25e1\n", 1, (const double[]){0.5, 12.5});
    check_says("t;q\n0;0,5\n", "test:2:3: error: a comma is no decimal mark\n    0;0,5\n      ^~~ write a point\n");
    setlocale(LC_ALL, "C");
}

/* A table stands alone, and a text that is wrong leaves what the caller has. */
static void test_ownership(void) {
    LagSession *session;
    LagTable *table = NULL;
    CU_ASSERT_FATAL(lag_session_new(LAG_ABI, &session) == LAG_OK);
    CU_ASSERT_EQUAL(lag_table_read(session, "a", "t\n1", 3, &table), LAG_OK);
    LagTable *other = table;
    CU_ASSERT_EQUAL(lag_table_read(session, "b", "t\nx", 3, &other), LAG_ERROR_TEXT);
    CU_ASSERT(other == table && lag_diagnostic_count(session) == 1);
    CU_ASSERT_STRING_EQUAL(lag_diagnostic(session, 0)->file, "b");
    CU_ASSERT_EQUAL(lag_table_read(session, "c", NULL, 0, &other), LAG_ERROR_TEXT);
    CU_ASSERT_EQUAL(lag_table_read(session, "d", "t\n1", 3, &other), LAG_OK);
    CU_ASSERT_EQUAL(lag_diagnostic_count(session), 0);
    lag_session_free(session);
    CU_ASSERT(*lag_table_values(table, 0) == 1 && strcmp(lag_table_name(other, 0), "t") == 0 && !lag_table_name(other, 1));
    lag_table_free(table);
    lag_table_free(other);
    lag_table_free(NULL);
}

void suite_table(void) {
    suite_add("table", (SuiteTest[]){{"forms", test_forms},
                                     {"missing values", test_missing},
                                     {"mistakes of shape", test_shape},
                                     {"mistakes in names", test_names},
                                     {"mistakes in fields", test_fields},
                                     {"many mistakes", test_many},
                                     {"limits", test_limits},
                                     {"rows that are too short", test_short_rows},
                                     {"what is saved reads back to the bit", test_round_trip},
                                     {"rounding", test_rounding},
                                     {"locale", test_locale},
                                     {"ownership", test_ownership},
                                     {0}});
}
