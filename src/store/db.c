#include "store/db.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/doc_cache.h"
#include "store/driver.h"
#include "store/migrations.h"
#include "store/signals.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 64 };

enum db_result db_open(const char *where, unsigned connections, struct arena *arena, struct db **db,
                       const char **error)
{
    *db = NULL;
    *error = NULL;
    enum db_result result = DB_FAILED;
    if (strncmp(where, "sqlite:", 7) == 0 && where[7] != '\0')
        result = sqlite_driver.open(where + 7, connections, arena, db, error);
    else if (strncmp(where, "postgresql://", 13) == 0 || strncmp(where, "postgres://", 11) == 0)
        result = postgres_driver.open(where, connections, arena, db, error);
    else
        *error = "a store is named sqlite:PATH or postgresql://…";
    if (result == DB_OK) {
        (*db)->documents = doc_cache_create();
        (*db)->signals = signals_create(db_kind_of(*db) == DB_POSTGRES ? where : NULL);
    }
    return result;
}

void db_close(struct db **db)
{
    if (*db != NULL) {
        signals_free(&(*db)->signals);
        doc_cache_free(&(*db)->documents);
        (*db)->driver->close(*db);
    }
    *db = NULL;
}

enum db_kind db_kind_of(const struct db *db)
{
    return db->driver->kind;
}

enum db_kind db_tx_kind(const struct db_tx *tx)
{
    return tx->db->driver->kind;
}

unsigned db_tx_slot(const struct db_tx *tx)
{
    return tx->slot;
}

enum db_result db_begin_read(struct db *db, struct db_tx **tx)
{
    *tx = NULL;
    return db->driver->begin(db, false, tx);
}

enum db_result db_begin_write(struct db *db, struct db_tx **tx)
{
    *tx = NULL;
    return db->driver->begin(db, true, tx);
}

static enum db_result finish(struct db_tx **tx, bool keep)
{
    struct db_tx *ending = *tx;
    *tx = NULL;
    if (ending == NULL)
        return DB_OK;
    struct db *db = ending->db;
    struct raised *raised = ending->raised;
    enum db_result result = db->driver->finish(ending, keep);
    signals_settle(db->signals, &raised, keep && result == DB_OK);
    return result;
}

void db_end(struct db_tx **tx)
{
    (void)!finish(tx, false);
}

enum db_result db_commit(struct db_tx **tx)
{
    return finish(tx, true);
}

void db_rollback(struct db_tx **tx)
{
    (void)!finish(tx, false);
}

struct db_value *db_rows_add(struct arena *arena, struct db_rows *rows, size_t *capacity)
{
    if (rows->count == *capacity) {
        size_t larger = *capacity == 0 ? 4 : *capacity * 4;
        struct db_value *values = arena_calloc(arena, larger * rows->columns, sizeof *values);
        if (rows->count > 0)
            memcpy(values, rows->values, rows->count * rows->columns * sizeof *values);
        rows->values = values;
        *capacity = larger;
    }
    return &rows->values[rows->count++ * rows->columns];
}

static enum db_result run(struct db_tx *tx, struct arena *arena, struct db_query query, struct db_rows *rows,
                          int64_t *changed)
{
    if (tx->broken)
        return DB_FAILED;
    query.count = strlen(query.types);
    enum db_result result = tx->db->driver->run(tx, arena, &query, rows, changed);
    if (result != DB_OK)
        tx->broken = true;
    return result;
}

static void gather(struct db_value values[MOST_VALUES], const char *types, va_list args)
{
    for (size_t i = 0; types[i] != '\0'; i++) {
        if (i == MOST_VALUES)
            abort();
        switch (types[i]) {
        case 't':
            values[i].text = va_arg(args, const char *);
            values[i].is_null = values[i].text == NULL;
            break;
        case 'i':
            values[i].number = va_arg(args, int64_t);
            break;
        case 'b':
            values[i].bytes = va_arg(args, struct bytes);
            values[i].is_null = values[i].bytes.data == NULL;
            break;
        default:
            abort();
        }
    }
}

enum db_result db_rows(struct db_tx *tx, struct arena *arena, struct db_rows *rows, const char *sql,
                       const char *types, ...)
{
    struct db_value values[MOST_VALUES] = {0};
    va_list args;
    va_start(args, types);
    gather(values, types, args);
    va_end(args);
    *rows = (struct db_rows){0};
    struct db_query query = {
        .sql = sql, .types = types, .values = values, .most_rows = SIZE_MAX, .keep = true};
    return run(tx, arena, query, rows, NULL);
}

enum db_result db_row(struct db_tx *tx, struct arena *arena, struct db_value **row, const char *sql,
                      const char *types, ...)
{
    struct db_value values[MOST_VALUES] = {0};
    va_list args;
    va_start(args, types);
    gather(values, types, args);
    va_end(args);
    *row = NULL;
    struct db_rows rows = {0};
    struct db_query query = {.sql = sql, .types = types, .values = values, .most_rows = 1, .keep = true};
    enum db_result result = run(tx, arena, query, &rows, NULL);
    if (result != DB_OK)
        return result;
    if (rows.count == 0)
        return DB_NOT_FOUND;
    *row = rows.values;
    return DB_OK;
}

enum db_result db_exec(struct db_tx *tx, int64_t *changed, const char *sql, const char *types, ...)
{
    struct db_value values[MOST_VALUES] = {0};
    va_list args;
    va_start(args, types);
    gather(values, types, args);
    va_end(args);
    struct db_query query = {
        .sql = sql, .types = types, .values = values, .most_rows = SIZE_MAX, .keep = true};
    return run(tx, NULL, query, NULL, changed);
}

enum db_result db_rows_dynamic(struct db_tx *tx, struct arena *arena, struct db_rows *rows, const char *sql,
                               const char *types, const struct db_value *values)
{
    *rows = (struct db_rows){0};
    struct db_query query = {.sql = sql, .types = types, .values = values, .most_rows = SIZE_MAX};
    return run(tx, arena, query, rows, NULL);
}

static enum db_result schema_version(struct db_tx *tx, struct arena *arena, int64_t *version)
{
    enum db_result result =
        db_exec(tx, NULL,
                "CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, "
                "name TEXT NOT NULL, applied_at BIGINT NOT NULL)",
                "");
    if (result != DB_OK)
        return result;
    struct db_value *row = NULL;
    result = db_row(tx, arena, &row, "SELECT MAX(version) FROM schema_migrations", "");
    if (result == DB_OK)
        *version = row[0].number;
    return result;
}

static enum db_result apply(struct db_tx *tx, struct arena *arena, const struct migration *migration)
{
    enum db_result result = tx->db->driver->script(tx, arena, migration->sql);
    if (result != DB_OK) {
        tx->broken = true;
        return result;
    }
    LOG_INFO("store.migrated", LOG_INT("version", migration->version), LOG_TEXT("name", migration->name));
    return db_exec(tx, NULL, "INSERT INTO schema_migrations (version, name, applied_at) VALUES (?, ?, ?)",
                   "iti", migration->version, migration->name, clock_now_ms());
}

static enum db_result migrate(struct db_tx *tx, struct arena *arena, unsigned *applied, const char **error)
{
    int64_t version = 0;
    enum db_result result = tx->db->driver->lock_schema(tx);
    if (result == DB_OK)
        result = schema_version(tx, arena, &version);
    if (result != DB_OK)
        return result;
    if (version > (int64_t)migrations_count) {
        *error = arena_printf(arena, "the store's schema is version %lld, newer than this binary's %zu",
                              (long long)version, migrations_count);
        return DB_FAILED;
    }
    for (size_t i = (size_t)version; i < migrations_count && result == DB_OK; i++) {
        result = apply(tx, arena, &migrations[i]);
        if (result != DB_OK)
            *error = arena_printf(arena, "migration %s failed; the log says why", migrations[i].name);
        *applied += 1;
    }
    return result;
}

enum db_result db_migrate(struct db *db, struct arena *arena, unsigned *applied, const char **error)
{
    *applied = 0;
    *error = "the store failed; the log says why";
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(db, &tx);
    if (result == DB_OK)
        result = migrate(tx, arena, applied, error);
    if (result == DB_OK)
        result = db_commit(&tx);
    else
        db_rollback(&tx);
    if (result != DB_OK) {
        *applied = 0;
        return DB_FAILED;
    }
    *error = NULL;
    return DB_OK;
}
