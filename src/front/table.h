/* table.h: columns of numbers out of the text of a CSV file. What such a text may hold is said in grammar/README.md, "Data
 * files". */
#ifndef LAG_FRONT_TABLE_H
#define LAG_FRONT_TABLE_H

#include "base/diag.h"
#include "base/names.h"

enum {
    TABLE_TEXT_MOST = 1024 * 1024 * 1024, /* bytes of a text */
    TABLE_LINE_MOST = 1024 * 1024,        /* bytes of a line that is not a comment */
    TABLE_COLUMNS_MOST = 4096,
    TABLE_NAME_MOST = 64,     /* bytes of a name */
    TABLE_NUMBER_MOST = 4096, /* characters of a number */
    TABLE_MISTAKES_MOST = 20  /* so many are told, the rest is counted */
};

struct LagTable {
    Names names;   /* the number of a name is its column */
    double *value; /* [columns][rows] */
    size_t rows;
};

/* The text as a source, not copied, without the mark of UTF-8 that some programs put before it. */
Source table_source(const char *name, const char *text, size_t size);

/* The table that the source holds, or NULL: then something is in `diag`, or there is no memory. The bytes of the source need
 * not end in NUL; it has to live while anything is added to `diag`. */
LagTable *table_read(const Source *source, Diagnostics *diag);

/* Where a table that was read from the source has a field: of row `row` (from 0), or of the header for TABLE_HEADER. */
#define TABLE_HEADER SIZE_MAX
Span table_span(const Source *source, size_t row, uint32_t column);

#endif
