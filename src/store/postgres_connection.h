/*
 * One connection to PostgreSQL, used by one thread at a time. BEGIN, the preparing of a statement and its first run travel
 * together in one pipeline, so that a statement is one round trip whatever comes before it. For src/store alone.
 */
#ifndef COUNTERSIGN_STORE_POSTGRES_CONNECTION_H
#define COUNTERSIGN_STORE_POSTGRES_CONNECTION_H

#include "store/driver.h"
#include "store/statements.h"

#include <libpq-fe.h>

struct postgres_connection {
    PGconn *handle; /* NULL: not connected */
    struct statements statements;
    unsigned prepared; /* how many, for their names */
    bool in_transaction;
    bool is_answer_due; /* a ROLLBACK was sent whose answer nobody has read yet */
};

/* Connects, unless it is connected. False, with the cause in the log and, where `error` is not NULL, in *error. */
bool postgres_connection_open(struct postgres_connection *connection, const char *uri, struct arena *arena,
                              const char **error) NODISCARD;
void postgres_connection_close(struct postgres_connection *connection);
/* Whether it is closed or was cut. */
bool postgres_connection_is_lost(const struct postgres_connection *connection) NODISCARD;

/* Runs one statement, within a transaction that it begins with the statement `begin` where none is open. */
enum db_result postgres_connection_run(struct postgres_connection *connection, const char *begin,
                                       struct arena *arena, const struct db_query *query,
                                       struct db_rows *rows, int64_t *changed) NODISCARD;

/* Several statements in one text, without values. */
enum db_result postgres_connection_script(struct postgres_connection *connection, const char *sql) NODISCARD;

enum db_result postgres_connection_commit(struct postgres_connection *connection) NODISCARD;
/* Sends a ROLLBACK and does not wait for it. */
void postgres_connection_rollback(struct postgres_connection *connection);

#endif
