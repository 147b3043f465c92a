#include "store/postgres_connection.h"

#include "base/buffer.h"
#include "base/encode.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Type numbers of PostgreSQL (pg_type.dat), which are fixed for ever. */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_FLOAT8 = 701,
    OID_NUMERIC = 1700,
};

enum { MOST_VALUES = 64, NUMBER_SIZE = 24, NAME_SIZE = 16, MOST_SQL_BYTES = 64 * 1024 };

static const char SESSION[] =
    "SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET client_encoding = 'UTF8';"
    "SET idle_in_transaction_session_timeout = '60s'; SET standard_conforming_strings = on";

/* What goes over the wire for one run. */
struct parameters {
    const char *values[MOST_VALUES];
    int lengths[MOST_VALUES];
    int formats[MOST_VALUES];
    Oid types[MOST_VALUES];
    char numbers[MOST_VALUES][NUMBER_SIZE];
};

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

bool postgres_connection_open(struct postgres_connection *connection, const char *uri, struct arena *arena,
                              const char **error)
{
    if (connection->handle != NULL)
        return true;
    static const char *const names[] = {"dbname", "fallback_application_name", "connect_timeout",
                                        "tcp_user_timeout", NULL};
    const char *const values[] = {uri, "countersign", "5", "15000", NULL};
    connection->handle = PQconnectdbParams(names, values, 1);
    if (connection->handle == NULL)
        abort();
    PQsetNoticeProcessor(connection->handle, ignore_notice, NULL);
    bool is_open = PQstatus(connection->handle) == CONNECTION_OK;
    if (is_open) {
        PGresult *answer = PQexec(connection->handle, SESSION);
        is_open = PQresultStatus(answer) == PGRES_COMMAND_OK;
        PQclear(answer);
    }
    if (is_open)
        return true;
    LOG_ERROR("store.not_reachable", LOG_TEXT("cause", PQerrorMessage(connection->handle)));
    if (error != NULL)
        *error = arena_printf(arena, "PostgreSQL: %s", PQerrorMessage(connection->handle));
    postgres_connection_close(connection);
    return false;
}

void postgres_connection_close(struct postgres_connection *connection)
{
    PQfinish(connection->handle);
    statements_clear(&connection->statements, NULL);
    *connection = (struct postgres_connection){0};
}

bool postgres_connection_is_lost(const struct postgres_connection *connection)
{
    return connection->handle == NULL || PQstatus(connection->handle) == CONNECTION_BAD;
}

/* `?` becomes `$1`, `$2` …, but not within quotes. */
static const char *translate(struct arena *arena, const char *sql)
{
    struct buffer text = buffer_create(arena, MOST_SQL_BYTES);
    char quote = '\0';
    unsigned number = 0;
    for (const char *c = sql; *c != '\0'; c++) {
        if (quote != '\0')
            quote = *c == quote ? '\0' : quote;
        else if (*c == '\'' || *c == '"')
            quote = *c;
        if (*c == '?' && quote == '\0')
            buffer_printf(&text, "$%u", ++number);
        else
            buffer_add_char(&text, *c);
    }
    return text.overflowed ? NULL : buffer_text(&text);
}

static void fill_parameters(struct parameters *parameters, const struct db_query *query)
{
    for (size_t i = 0; i < query->count; i++) {
        const struct db_value *value = &query->values[i];
        parameters->values[i] = NULL;
        parameters->lengths[i] = 0;
        parameters->formats[i] = 0;
        switch (query->types[i]) {
        case 'i':
            parameters->types[i] = OID_INT8;
            snprintf(parameters->numbers[i], NUMBER_SIZE, "%" PRId64, value->number);
            parameters->values[i] = value->is_null ? NULL : parameters->numbers[i];
            break;
        case 'b':
            parameters->types[i] = OID_BYTEA;
            parameters->formats[i] = 1;
            parameters->lengths[i] = (int)value->bytes.size;
            parameters->values[i] = value->is_null ? NULL : (const char *)value->bytes.data;
            break;
        default:
            parameters->types[i] = OID_TEXT;
            parameters->values[i] = value->is_null ? NULL : value->text;
            break;
        }
    }
}

static enum db_result result_of_error(const PGresult *answer, const char *sql)
{
    const char *state = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
    if (state != NULL &&
        (strcmp(state, "23505") == 0 || strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0))
        return DB_CONFLICT;
    /* The primary message only: the detail of a constraint's failure quotes values. */
    LOG_ERROR("store.failed", LOG_TEXT("cause", PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY)),
              LOG_TEXT("state", state), LOG_TEXT("statement", sql));
    return DB_FAILED;
}

static bool read_value(const PGresult *answer, int row, int column, struct arena *arena,
                       struct db_value *value)
{
    if (PQgetisnull(answer, row, column)) {
        value->is_null = true;
        return true;
    }
    const char *text = PQgetvalue(answer, row, column);
    size_t size = (size_t)PQgetlength(answer, row, column);
    switch (PQftype(answer, column)) {
    case OID_BOOL:
        value->number = text[0] == 't' ? 1 : 0;
        return true;
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
    case OID_NUMERIC:
    case OID_FLOAT8:
        value->number = strtoll(text, NULL, 10);
        return true;
    case OID_BYTEA:
        return size >= 2 && hex_decode(arena, text + 2, size - 2, &value->bytes);
    default:
        value->text = arena_strndup(arena, text, size);
        return true;
    }
}

static enum db_result read_rows(const PGresult *answer, struct arena *arena, const struct db_query *query,
                                struct db_rows *rows)
{
    size_t count = (size_t)PQntuples(answer);
    if (count > query->most_rows)
        count = query->most_rows;
    rows->columns = (size_t)PQnfields(answer);
    rows->values = arena_calloc(arena, count * rows->columns, sizeof *rows->values);
    rows->count = count;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < rows->columns; j++) {
            if (!read_value(answer, (int)i, (int)j, arena, &rows->values[i * rows->columns + j]))
                return DB_FAILED;
        }
    }
    return DB_OK;
}

static void skip_answers(PGconn *handle)
{
    for (PGresult *answer = PQgetResult(handle); answer != NULL; answer = PQgetResult(handle))
        PQclear(answer);
}

/* The answer to the next command of a pipeline; NULL where the connection was lost. */
static PGresult *next_answer(PGconn *handle)
{
    PGresult *answer = PQgetResult(handle);
    skip_answers(handle);
    return answer;
}

/* Reads the answer to BEGIN, or to the preparing of a statement, of which only the failure is news. */
static enum db_result expect_done(PGconn *handle, const char *sql)
{
    PGresult *answer = next_answer(handle);
    enum db_result result = PQresultStatus(answer) == PGRES_COMMAND_OK ? DB_OK : result_of_error(answer, sql);
    PQclear(answer);
    return result;
}

static enum db_result read_answer(PGconn *handle, struct arena *arena, const struct db_query *query,
                                  struct db_rows *rows, int64_t *changed)
{
    PGresult *answer = next_answer(handle);
    ExecStatusType status = PQresultStatus(answer);
    enum db_result result = DB_OK;
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        result = result_of_error(answer, query->sql);
    else if (rows != NULL && status == PGRES_TUPLES_OK)
        result = read_rows(answer, arena, query, rows);
    if (result == DB_OK && changed != NULL)
        *changed = strtoll(PQcmdTuples(answer), NULL, 10);
    PQclear(answer);
    return result;
}

/* What is sent in one go: BEGIN where no transaction is open, the preparing where that is due, the run. */
struct shipment {
    const char *begin; /* NULL: within a transaction already */
    bool prepares;
    const char *sql; /* translated */
    char name[NAME_SIZE];
    struct parameters parameters;
};

static bool send(PGconn *handle, const struct shipment *shipment, size_t count)
{
    const struct parameters *p = &shipment->parameters;
    return PQenterPipelineMode(handle) == 1 &&
           (shipment->begin == NULL ||
            PQsendQueryParams(handle, shipment->begin, 0, NULL, NULL, NULL, NULL, 0) == 1) &&
           (!shipment->prepares ||
            PQsendPrepare(handle, shipment->name, shipment->sql, (int)count, p->types) == 1) &&
           PQsendQueryPrepared(handle, shipment->name, (int)count, p->values, p->lengths, p->formats, 0) ==
               1 &&
           PQpipelineSync(handle) == 1;
}

static enum db_result ship(struct postgres_connection *connection, const struct shipment *shipment,
                           struct arena *arena, const struct db_query *query, struct db_rows *rows,
                           int64_t *changed)
{
    PGconn *handle = connection->handle;
    if (!send(handle, shipment, query->count)) {
        LOG_WARN("store.send_failed", LOG_TEXT("cause", PQerrorMessage(handle)));
        postgres_connection_close(connection);
        return DB_FAILED;
    }
    connection->in_transaction = true;
    enum db_result result = shipment->begin != NULL ? expect_done(handle, shipment->begin) : DB_OK;
    if (result == DB_OK && shipment->prepares) {
        result = expect_done(handle, query->sql);
        struct statement *entry =
            result == DB_OK ? statements_entry(&connection->statements, query->sql) : NULL;
        if (entry != NULL && shipment->name[0] != '\0')
            entry->prepared = (void *)(uintptr_t)connection->prepared;
    }
    if (result == DB_OK)
        result = read_answer(handle, arena, query, rows, changed);
    bool is_synced = false;
    while (!is_synced && PQstatus(handle) == CONNECTION_OK) {
        PGresult *answer = PQgetResult(handle);
        is_synced = PQresultStatus(answer) == PGRES_PIPELINE_SYNC;
        PQclear(answer);
    }
    if (is_synced && PQexitPipelineMode(handle) == 1)
        return result;
    postgres_connection_close(connection);
    return DB_FAILED;
}

/* Names the statement: one kept under its name, or the unnamed one, which is prepared anew each time. */
static void name_statement(struct postgres_connection *connection, struct arena *scratch,
                           const struct db_query *query, struct shipment *shipment)
{
    struct statement *entry = query->keep ? statements_entry(&connection->statements, query->sql) : NULL;
    shipment->prepares = entry == NULL || entry->prepared == NULL;
    shipment->name[0] = '\0';
    if (entry != NULL && entry->prepared == NULL)
        connection->prepared++;
    if (entry != NULL) {
        uintptr_t number = entry->prepared != NULL ? (uintptr_t)entry->prepared : connection->prepared;
        snprintf(shipment->name, sizeof shipment->name, "s%u", (unsigned)number);
    }
    if (shipment->prepares)
        shipment->sql = translate(scratch, query->sql);
}

static void read_due_answer(struct postgres_connection *connection)
{
    if (connection->is_answer_due)
        skip_answers(connection->handle);
    connection->is_answer_due = false;
}

enum db_result postgres_connection_run(struct postgres_connection *connection, const char *begin,
                                       struct arena *arena, const struct db_query *query,
                                       struct db_rows *rows, int64_t *changed)
{
    if (query->count > MOST_VALUES)
        return DB_FAILED;
    read_due_answer(connection);
    if (postgres_connection_is_lost(connection))
        return DB_FAILED;
    struct arena *scratch = arena_create();
    struct shipment *shipment = arena_alloc(scratch, sizeof *shipment);
    name_statement(connection, scratch, query, shipment);
    shipment->begin = connection->in_transaction ? NULL : begin;
    fill_parameters(&shipment->parameters, query);
    enum db_result result = DB_FAILED;
    if (!shipment->prepares || shipment->sql != NULL)
        result = ship(connection, shipment, arena, query, rows, changed);
    arena_destroy(&scratch);
    return result;
}

static enum db_result simple(struct postgres_connection *connection, const char *sql, const char *tag)
{
    PGresult *answer = PQexec(connection->handle, sql);
    enum db_result result = DB_OK;
    if (PQresultStatus(answer) != PGRES_COMMAND_OK && PQresultStatus(answer) != PGRES_TUPLES_OK)
        result = result_of_error(answer, tag != NULL ? tag : "(a migration)");
    else if (tag != NULL && strcmp(PQcmdStatus(answer), tag) != 0)
        result = DB_FAILED; /* COMMIT of a failed transaction answers ROLLBACK */
    PQclear(answer);
    return result;
}

enum db_result postgres_connection_script(struct postgres_connection *connection, const char *sql)
{
    return simple(connection, sql, NULL);
}

enum db_result postgres_connection_commit(struct postgres_connection *connection)
{
    if (!connection->in_transaction)
        return DB_OK;
    connection->in_transaction = false;
    return simple(connection, "COMMIT", "COMMIT");
}

void postgres_connection_rollback(struct postgres_connection *connection)
{
    if (!connection->in_transaction)
        return;
    connection->in_transaction = false;
    connection->is_answer_due = PQsendQuery(connection->handle, "ROLLBACK") == 1;
}
