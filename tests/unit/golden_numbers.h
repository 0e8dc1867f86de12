/* golden_numbers.h: the tables of numbers among tests/golden, with all their digits. */
#ifndef LAG_TESTS_GOLDEN_NUMBERS_H
#define LAG_TESTS_GOLDEN_NUMBERS_H

#include "suite.h"

#include <ctype.h>
#include <mpfr.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { BITS = 200, LINE = 8192 };

/* All the numbers of a file of `columns` columns, [rows, columns]; if there are not so many, the test fails and the rest is
 * NaN. Lines that do not begin with a number are left out. */
static inline mpfr_t *read_numbers(const char *name, uint32_t r, size_t rows, size_t columns) {
    static char line[LINE];
    char file[64];
    snprintf(file, sizeof file, "golden/%s_r%u.csv", name, (unsigned)r);
    FILE *in = fopen(suite_path(file), "r");
    mpfr_t *number = calloc(rows * columns, sizeof *number);
    size_t count = 0;
    for (size_t i = 0; i < rows * columns; i++) mpfr_init2(number[i], BITS);
    while (in && fgets(line, sizeof line, in)) {
        if (line[0] == '#' || isalpha((unsigned char)line[0])) continue;
        for (char *c = line; *c && *c != '\n' && count < rows * columns; c += *c == ',')
            mpfr_strtofr(number[count++], c, &c, 10, MPFR_RNDN);
    }
    if (in) fclose(in);
    CU_ASSERT_EQUAL(count, rows * columns);
    return number;
}

static inline void free_numbers(mpfr_t *number, size_t count) {
    for (size_t i = 0; i < count; i++) mpfr_clear(number[i]);
    free(number);
}

#endif
