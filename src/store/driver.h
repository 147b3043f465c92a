/* What db.c asks of a store; sqlite.c and postgres.c answer it. For src/store alone. */
#ifndef COUNTERSIGN_STORE_DRIVER_H
#define COUNTERSIGN_STORE_DRIVER_H

#include "store/db.h"

struct doc_cache;
struct signals;
struct raised;

struct db {
    const struct db_driver *driver;
    struct doc_cache *documents;
    struct signals *signals;
};

struct db_tx {
    struct db *db;
    bool writing;
    bool broken;   /* a statement failed: nothing but the end may follow */
    unsigned slot; /* of the pool; different for two writes at once of one process */
    struct raised *raised;
};

struct db_query {
    const char *sql;
    const char *types;
    const struct db_value *values;
    size_t count;     /* of values */
    size_t most_rows; /* stop after so many */
    bool keep;        /* cache the prepared statement under the address of `sql` */
};

struct db_driver {
    enum db_kind kind;
    enum db_result (*open)(const char *where, unsigned connections, struct arena *arena, struct db **db,
                           const char **error);
    void (*close)(struct db *db);
    enum db_result (*begin)(struct db *db, bool writing, struct db_tx **tx);
    /* Ends the transaction, keeps what it wrote or not, frees tx. A broken one is never kept. */
    enum db_result (*finish)(struct db_tx *tx, bool keep);
    /* `rows` is empty at first and may be NULL; *changed is set where it is not NULL. */
    enum db_result (*run)(struct db_tx *tx, struct arena *arena, const struct db_query *query,
                          struct db_rows *rows, int64_t *changed);
    /* Statements of a migration, and the lock that lets one server at a time migrate. */
    enum db_result (*script)(struct db_tx *tx, struct arena *arena, const char *sql);
    enum db_result (*lock_schema)(struct db_tx *tx);
};

extern const struct db_driver sqlite_driver;
extern const struct db_driver postgres_driver;

/* Room for one more row of rows->columns values at the end of *rows. `capacity` (in rows) is the caller's to keep. */
struct db_value *db_rows_add(struct arena *arena, struct db_rows *rows, size_t *capacity) NODISCARD;

#endif
