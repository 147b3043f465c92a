/* One connection to an SQLite file, used by one thread at a time. For src/store alone. */
#ifndef COUNTERSIGN_STORE_SQLITE_CONNECTION_H
#define COUNTERSIGN_STORE_SQLITE_CONNECTION_H

#include "store/driver.h"
#include "store/statements.h"

#include <sqlite3.h>

struct sqlite_connection {
    sqlite3 *handle;
    struct statements statements;
};

/* Opens `path` (which must exist) and sets what holds for each connection. False, with the cause in *error. */
bool sqlite_connection_open(struct sqlite_connection *connection, const char *path, bool writing,
                            struct arena *arena, const char **error) NODISCARD;
void sqlite_connection_close(struct sqlite_connection *connection);

/* Runs one statement; `arena` and `rows` may be NULL where it gives no rows. Failures are logged. */
enum db_result sqlite_connection_run(struct sqlite_connection *connection, struct arena *arena,
                                     const struct db_query *query, struct db_rows *rows,
                                     int64_t *changed) NODISCARD;

/* BEGIN, COMMIT and their kin: a literal without values. */
enum db_result sqlite_connection_control(struct sqlite_connection *connection, const char *sql) NODISCARD;

/* Several statements in one text. */
enum db_result sqlite_connection_script(struct sqlite_connection *connection, const char *sql) NODISCARD;

#endif
