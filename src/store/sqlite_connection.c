#include "store/sqlite_connection.h"

#include "base/log.h"

#include <string.h>

enum { BUSY_TIMEOUT_MS = 10000 /* how long another process may hold the file */ };

static const char FOR_UPDATE[] = " FOR UPDATE";

static void log_failure(struct sqlite_connection *connection, const char *sql)
{
    /* SQLite's own messages name tables and columns, never values. */
    LOG_ERROR("store.failed", LOG_TEXT("cause", sqlite3_errmsg(connection->handle)),
              LOG_INT("code", sqlite3_extended_errcode(connection->handle)), LOG_TEXT("statement", sql));
}

static enum db_result result_of(struct sqlite_connection *connection, const char *sql)
{
    switch (sqlite3_extended_errcode(connection->handle)) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return DB_CONFLICT;
    default:
        log_failure(connection, sql);
        return DB_FAILED;
    }
}

bool sqlite_connection_open(struct sqlite_connection *connection, const char *path, bool writing,
                            struct arena *arena, const char **error)
{
    *connection = (struct sqlite_connection){0};
    int code = sqlite3_open_v2(path, &connection->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        sqlite3_extended_result_codes(connection->handle, 1);
        sqlite3_busy_timeout(connection->handle, BUSY_TIMEOUT_MS);
        /* synchronous=FULL: in WAL mode only this makes a commit outlive a loss of power. */
        code = sqlite3_exec(
            connection->handle,
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA case_sensitive_like=ON;"
            "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864; PRAGMA trusted_schema=OFF;",
            NULL, NULL, NULL);
    }
    if (code == SQLITE_OK && !writing)
        code = sqlite3_exec(connection->handle, "PRAGMA query_only=ON", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        return true;
    *error = arena_printf(arena, "%s: %s", path, sqlite3_errmsg(connection->handle));
    sqlite_connection_close(connection);
    return false;
}

static void drop_statement(void *prepared)
{
    sqlite3_finalize(prepared);
}

void sqlite_connection_close(struct sqlite_connection *connection)
{
    statements_clear(&connection->statements, drop_statement);
    sqlite3_close(connection->handle);
    connection->handle = NULL;
}

static sqlite3_stmt *prepare(struct sqlite_connection *connection, const char *sql, bool keep)
{
    struct statement *entry = keep ? statements_entry(&connection->statements, sql) : NULL;
    if (entry != NULL && entry->prepared != NULL)
        return entry->prepared;
    size_t length = strlen(sql);
    size_t ending = sizeof FOR_UPDATE - 1;
    if (length > ending && strcmp(sql + length - ending, FOR_UPDATE) == 0)
        length -= ending;
    sqlite3_stmt *statement = NULL;
    unsigned flags = entry != NULL ? SQLITE_PREPARE_PERSISTENT : 0;
    if (sqlite3_prepare_v3(connection->handle, sql, (int)length, flags, &statement, NULL) != SQLITE_OK)
        return NULL;
    if (entry != NULL)
        entry->prepared = statement;
    return statement;
}

static bool bind(sqlite3_stmt *statement, const struct db_query *query)
{
    if ((size_t)sqlite3_bind_parameter_count(statement) != query->count) {
        LOG_ERROR("store.wrong_value_count", LOG_TEXT("statement", query->sql));
        return false;
    }
    for (size_t i = 0; i < query->count; i++) {
        const struct db_value *value = &query->values[i];
        int place = (int)i + 1;
        int code = SQLITE_OK;
        if (value->is_null)
            code = sqlite3_bind_null(statement, place);
        else if (query->types[i] == 'i')
            code = sqlite3_bind_int64(statement, place, value->number);
        else if (query->types[i] == 't')
            code = sqlite3_bind_text64(statement, place, value->text, strlen(value->text), SQLITE_STATIC,
                                       SQLITE_UTF8);
        else
            code = sqlite3_bind_blob64(statement, place, value->bytes.data, value->bytes.size, SQLITE_STATIC);
        if (code != SQLITE_OK)
            return false;
    }
    return true;
}

static void read_value(sqlite3_stmt *statement, int column, struct arena *arena, struct db_value *value)
{
    size_t size = 0;
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
        value->is_null = true;
        break;
    case SQLITE_INTEGER:
    case SQLITE_FLOAT:
        value->number = sqlite3_column_int64(statement, column);
        break;
    case SQLITE_BLOB:
        size = (size_t)sqlite3_column_bytes(statement, column);
        value->bytes.data = arena_copy(arena, sqlite3_column_blob(statement, column), size);
        value->bytes.size = size;
        break;
    default:
        value->text = arena_strdup(arena, (const char *)sqlite3_column_text(statement, column));
        break;
    }
}

static int step_all(sqlite3_stmt *statement, struct arena *arena, const struct db_query *query,
                    struct db_rows *rows)
{
    size_t capacity = 0;
    int code = sqlite3_step(statement);
    while (code == SQLITE_ROW && rows != NULL && rows->count < query->most_rows) {
        int columns = sqlite3_column_count(statement);
        rows->columns = (size_t)columns;
        struct db_value *row = db_rows_add(arena, rows, &capacity);
        for (int i = 0; i < columns; i++)
            read_value(statement, i, arena, &row[i]);
        if (rows->count == query->most_rows && sqlite3_stmt_readonly(statement))
            return SQLITE_DONE;
        code = sqlite3_step(statement);
    }
    return code == SQLITE_ROW ? SQLITE_DONE : code;
}

enum db_result sqlite_connection_run(struct sqlite_connection *connection, struct arena *arena,
                                     const struct db_query *query, struct db_rows *rows, int64_t *changed)
{
    sqlite3_stmt *statement = prepare(connection, query->sql, query->keep);
    if (statement == NULL) {
        log_failure(connection, query->sql);
        return DB_FAILED;
    }
    enum db_result result = DB_FAILED;
    if (bind(statement, query))
        result = step_all(statement, arena, query, rows) == SQLITE_DONE ? DB_OK
                                                                        : result_of(connection, query->sql);
    if (result == DB_OK && changed != NULL)
        *changed = sqlite3_changes64(connection->handle);
    struct statement *entry = query->keep ? statements_entry(&connection->statements, query->sql) : NULL;
    if (entry == NULL) {
        sqlite3_finalize(statement);
        return result;
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return result;
}

enum db_result sqlite_connection_control(struct sqlite_connection *connection, const char *sql)
{
    struct db_query query = {.sql = sql, .types = "", .keep = true, .most_rows = SIZE_MAX};
    return sqlite_connection_run(connection, NULL, &query, NULL, NULL);
}

enum db_result sqlite_connection_script(struct sqlite_connection *connection, const char *sql)
{
    if (sqlite3_exec(connection->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
        return DB_OK;
    log_failure(connection, "(a migration)");
    return DB_FAILED;
}
