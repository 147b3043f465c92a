/*
 * The store: SQLite or PostgreSQL behind one set of calls, the same statements on both.
 *
 * Placeholders are `?`; statement texts are literals (their address is the key of the prepared-statement cache). Types that
 * both know: TEXT, BIGINT (int64), BLOB (written BYTEA by migrations for PostgreSQL). " FOR UPDATE" at the end of a SELECT
 * locks the rows on PostgreSQL and is dropped on SQLite, where a writer is alone anyway.
 *
 * Reading:  db_begin_read  … db_rows/db_row …            db_end
 * Writing:  db_begin_write … db_rows/db_row/db_exec …    db_commit (durable when it returns DB_OK) or db_rollback
 *
 * On SQLite there is one writer at a time, and what several threads wrote meanwhile is committed together: whoever writes
 * last in a queue of writers commits for all. So: nothing slow (hashing, scripts, the network) between db_begin_write and
 * db_commit. One-time use is an UPDATE … WHERE used_at IS NULL whose count decides, inside the transaction.
 *
 * A statement that ends with DB_CONFLICT or DB_FAILED ends its transaction: every statement after it gives DB_FAILED, and
 * so does db_commit, which undoes all. (PostgreSQL knows no other way; SQLite is held to the same.) Where a conflict is no
 * fault, say ON CONFLICT … in the statement.
 *
 * Both stores order and compare texts by their bytes, and LIKE tells case apart. Reads see one state of the store from their
 * first statement on. A thread that writes must not begin a second write, nor wait for a thread that does.
 */
#ifndef COUNTERSIGN_STORE_DB_H
#define COUNTERSIGN_STORE_DB_H

#include "base/arena.h"
#include "base/bytes.h"

#include <stdint.h>

struct db;
struct db_tx;

enum db_result {
    DB_OK = 0,
    DB_NOT_FOUND = 1, /* db_row: no row */
    DB_CONFLICT = 2,  /* a unique constraint, or a serialisation failure */
    DB_FAILED = 3,    /* the store is broken, full, or not reachable; logged with its cause */
};

enum db_kind { DB_SQLITE = 1, DB_POSTGRES = 2 };

/*
 * Opens the store at `where`: "sqlite:PATH" or a postgresql:// URI; `connections` is the pool's size (readers on SQLite).
 * Does not migrate. On failure returns DB_FAILED and says why in *error (in `arena`).
 */
enum db_result db_open(const char *where, unsigned connections, struct arena *arena, struct db **db,
                       const char **error) NODISCARD;
void db_close(struct db **db);
enum db_kind db_kind_of(const struct db *db) NODISCARD;

/*
 * Applies the migrations that are missing, under a lock that other servers wait for. A schema newer than this binary knows
 * is refused. *applied is how many were applied.
 */
enum db_result db_migrate(struct db *db, struct arena *arena, unsigned *applied,
                          const char **error) NODISCARD;

enum db_result db_begin_read(struct db *db, struct db_tx **tx) NODISCARD;
enum db_result db_begin_write(struct db *db, struct db_tx **tx) NODISCARD;
/* Ends a read; *tx becomes NULL. NULL is allowed. */
void db_end(struct db_tx **tx);
/*
 * Ends a write; *tx becomes NULL whatever is returned. After DB_FAILED nothing of it is in the store, unless PostgreSQL was
 * lost in the moment of the commit itself: then nobody can tell.
 */
enum db_result db_commit(struct db_tx **tx) NODISCARD;
/* Ends a write (or read) and undoes it; *tx becomes NULL. NULL is allowed. */
void db_rollback(struct db_tx **tx);
enum db_kind db_tx_kind(const struct db_tx *tx) NODISCARD;
/* A small number that two writes of this process never have at the same time: for counters kept in parts. */
unsigned db_tx_slot(const struct db_tx *tx) NODISCARD;

/* Values of one row; texts and bytes live in the arena given to the query. */
struct db_value {
    const char *text;   /* NULL for NULL and for numbers */
    int64_t number;     /* of BIGINT columns; 0 for NULL */
    struct bytes bytes; /* of BLOB columns */
    bool is_null;
};
struct db_rows {
    size_t count;
    size_t columns;
    struct db_value *values; /* row after row */
};

/*
 * `types` has a letter for each `?`: t = const char * (NULL for NULL), i = int64_t (pass exactly that type),
 * b = struct bytes (data NULL for NULL).
 */

/* All rows of a SELECT (or of INSERT/UPDATE … RETURNING), into *rows. */
enum db_result db_rows(struct db_tx *tx, struct arena *arena, struct db_rows *rows, const char *sql,
                       const char *types, ...) NODISCARD;
/* The first row into *row (an array of its columns); DB_NOT_FOUND where there is none. */
enum db_result db_row(struct db_tx *tx, struct arena *arena, struct db_value **row, const char *sql,
                      const char *types, ...) NODISCARD;
/* A statement without rows; *changed (may be NULL) is how many rows it touched. */
enum db_result db_exec(struct db_tx *tx, int64_t *changed, const char *sql, const char *types, ...) NODISCARD;

/*
 * For statements made at run time (user search): the values come as an array and the statement is not cached.
 * `types` as above; each value of the array is read by its letter.
 */
enum db_result db_rows_dynamic(struct db_tx *tx, struct arena *arena, struct db_rows *rows, const char *sql,
                               const char *types, const struct db_value *values) NODISCARD;

/* The value at row r, column c. */
static inline const struct db_value *db_at(const struct db_rows *rows, size_t r, size_t c)
{
    return &rows->values[r * rows->columns + c];
}

#endif
