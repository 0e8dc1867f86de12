/* table.c: any bytes as the text of a CSV file (libFuzzer, or replay.c). What reads keeps what lag.h says of tables. */
#include "lag.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds) abort();
}

static void check_table(const LagTable *table) {
    size_t rows = lag_table_rows(table);
    uint32_t columns = lag_table_columns(table);
    check(rows > 0 && columns > 0);
    for (uint32_t k = 0; k < columns; k++) {
        const double *value = lag_table_values(table, k);
        check(lag_table_column(table, lag_table_name(table, k)) == k);
        for (size_t i = 0; i < rows; i++) check(!isinf(value[i]));
    }
    check(!lag_table_name(table, columns) && !lag_table_values(table, columns));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LagSession *session;
    LagTable *table;
    char text[1000];
    check(lag_session_new(LAG_ABI, &session) == LAG_OK);
    LagStatus status = lag_table_read(session, "fuzz", (const char *)data, size, &table);
    size_t said = lag_diagnostic_count(session);
    check(status == LAG_OK ? said == 0 : status == LAG_ERROR_TEXT && said > 0 && said <= 21);
    for (size_t i = 0; i < said; i++) lag_diagnostic_format(lag_diagnostic(session, i), i % 2, text, sizeof text);
    if (status == LAG_OK) {
        check_table(table);
        lag_table_free(table);
    }
    lag_session_free(session);
    return 0;
}
