/* PostgreSQL: a bounded pool of connections, each transaction on one of them. */
#include "base/buffer.h"
#include "base/log.h"
#include "store/driver.h"
#include "store/postgres_connection.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CONNECTION_WAIT_S = 10, MOST_MIGRATION_BYTES = 1024 * 1024 };

struct postgres {
    struct db db;
    char *uri;
    pthread_mutex_t lock; /* guards what follows, but not what is inside a connection that was taken */
    pthread_cond_t freed;
    struct postgres_connection *connections;
    unsigned count;
    unsigned *free_slots; /* a stack of places in `connections` */
    unsigned free_count;
};

struct postgres_tx {
    struct db_tx tx;
    struct postgres_connection *connection;
};

static struct postgres *postgres_of(struct db *db)
{
    return (struct postgres *)db;
}

static struct postgres_connection *connection_of(struct db_tx *tx)
{
    return ((struct postgres_tx *)tx)->connection;
}

static void postgres_close(struct db *db)
{
    struct postgres *store = postgres_of(db);
    for (unsigned i = 0; i < store->count; i++)
        postgres_connection_close(&store->connections[i]);
    pthread_mutex_destroy(&store->lock);
    pthread_cond_destroy(&store->freed);
    explicit_bzero(store->uri, strlen(store->uri)); /* it may hold a password */
    free(store->uri);
    free(store->connections);
    free(store->free_slots);
    free(store);
}

static enum db_result postgres_open(const char *where, unsigned connections, struct arena *arena,
                                    struct db **db, const char **error)
{
    struct postgres *store = calloc(1, sizeof *store);
    if (store == NULL)
        abort();
    store->db.driver = &postgres_driver;
    store->count = connections == 0 ? 1 : connections;
    store->uri = strdup(where);
    store->connections = calloc(store->count, sizeof *store->connections);
    store->free_slots = calloc(store->count, sizeof *store->free_slots);
    if (store->uri == NULL || store->connections == NULL || store->free_slots == NULL)
        abort();
    for (unsigned i = 0; i < store->count; i++)
        store->free_slots[store->free_count++] = store->count - 1 - i;
    pthread_mutex_init(&store->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&store->freed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (!postgres_connection_open(&store->connections[0], where, arena, error)) {
        postgres_close(&store->db);
        return DB_FAILED;
    }
    *db = &store->db;
    return DB_OK;
}

/* A slot of the pool, or store->count where none came free in time. */
static unsigned take_slot(struct postgres *store)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += CONNECTION_WAIT_S;
    unsigned slot = store->count;
    pthread_mutex_lock(&store->lock);
    int waited = 0;
    while (store->free_count == 0 && waited == 0)
        waited = pthread_cond_timedwait(&store->freed, &store->lock, &end);
    if (store->free_count > 0)
        slot = store->free_slots[--store->free_count];
    pthread_mutex_unlock(&store->lock);
    return slot;
}

static void give_slot(struct postgres *store, unsigned slot)
{
    pthread_mutex_lock(&store->lock);
    store->free_slots[store->free_count++] = slot;
    pthread_cond_signal(&store->freed);
    pthread_mutex_unlock(&store->lock);
}

static enum db_result postgres_begin(struct db *db, bool writing, struct db_tx **tx)
{
    struct postgres *store = postgres_of(db);
    unsigned slot = take_slot(store);
    if (slot == store->count) {
        LOG_ERROR("store.no_connection_free");
        return DB_FAILED;
    }
    struct postgres_connection *connection = &store->connections[slot];
    if (postgres_connection_is_lost(connection))
        postgres_connection_close(connection);
    if (!postgres_connection_open(connection, store->uri, NULL, NULL)) {
        give_slot(store, slot);
        return DB_FAILED;
    }
    struct postgres_tx *begun = calloc(1, sizeof *begun);
    if (begun == NULL)
        abort();
    begun->tx = (struct db_tx){.db = db, .writing = writing, .slot = slot};
    begun->connection = connection;
    *tx = &begun->tx;
    return DB_OK;
}

static enum db_result postgres_finish(struct db_tx *tx, bool keep)
{
    struct postgres *store = postgres_of(tx->db);
    struct postgres_connection *connection = connection_of(tx);
    enum db_result result = DB_OK;
    if (keep && !tx->broken)
        result = postgres_connection_commit(connection);
    else
        postgres_connection_rollback(connection);
    if (keep && tx->broken)
        result = DB_FAILED;
    if (postgres_connection_is_lost(connection))
        postgres_connection_close(connection);
    give_slot(store, tx->slot);
    free(tx);
    return result;
}

static enum db_result postgres_run(struct db_tx *tx, struct arena *arena, const struct db_query *query,
                                   struct db_rows *rows, int64_t *changed)
{
    /* Writes see what others committed meanwhile: an UPDATE that waited for a row counts what is there
     * afterwards. */
    const char *begin = tx->writing ? "BEGIN ISOLATION LEVEL READ COMMITTED"
                                    : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    struct postgres *store = postgres_of(tx->db);
    struct postgres_connection *connection = connection_of(tx);
    bool is_first = !connection->in_transaction;
    enum db_result result = postgres_connection_run(connection, begin, arena, query, rows, changed);
    if (result != DB_FAILED || !is_first || !postgres_connection_is_lost(connection))
        return result;
    /* The connection had died in the pool, or dies now with nothing done: a fresh one may do it. */
    LOG_WARN("store.reconnecting");
    postgres_connection_close(connection);
    if (!postgres_connection_open(connection, store->uri, NULL, NULL))
        return DB_FAILED;
    return postgres_connection_run(connection, begin, arena, query, rows, changed);
}

/*
 * Types by the names that PostgreSQL has for them; texts order by their bytes, as SQLite orders them. DOC in capitals is the
 * column `doc` where a migration looks into it, which PostgreSQL does in jsonb alone.
 */
static const char *word_here(const char *word, size_t length)
{
    if (length == 4 && memcmp(word, "BLOB", 4) == 0)
        return "BYTEA";
    if (length == 4 && memcmp(word, "TEXT", 4) == 0)
        return "TEXT COLLATE \"C\"";
    if (length == 3 && memcmp(word, "DOC", 3) == 0)
        return "(doc::jsonb)";
    return NULL;
}

static enum db_result postgres_script(struct db_tx *tx, struct arena *arena, const char *sql)
{
    struct buffer text = buffer_create(arena, MOST_MIGRATION_BYTES);
    const char *c = sql;
    while (*c != '\0') {
        size_t length = strncmp(c, "--", 2) == 0 ? strcspn(c, "\n") : 0;
        const char *type = NULL;
        if (length == 0) {
            while (isalnum((unsigned char)c[length]) || c[length] == '_')
                length++;
            type = word_here(c, length);
        }
        if (length == 0)
            length = 1;
        if (type != NULL)
            buffer_add(&text, type);
        else
            buffer_add_bytes(&text, c, length);
        c += length;
    }
    return text.overflowed ? DB_FAILED : postgres_connection_script(connection_of(tx), buffer_text(&text));
}

static enum db_result postgres_lock_schema(struct db_tx *tx)
{
    /* A migration may take its time; the number of the lock means nothing. */
    enum db_result result = db_exec(tx, NULL, "SET LOCAL statement_timeout = 0", "");
    if (result == DB_OK)
        result = db_exec(tx, NULL, "SET LOCAL lock_timeout = 0", "");
    if (result == DB_OK)
        result = db_exec(tx, NULL, "SELECT pg_advisory_xact_lock(4846812330491)", "");
    return result;
}

const struct db_driver postgres_driver = {
    .kind = DB_POSTGRES,
    .open = postgres_open,
    .close = postgres_close,
    .begin = postgres_begin,
    .finish = postgres_finish,
    .run = postgres_run,
    .script = postgres_script,
    .lock_schema = postgres_lock_schema,
};
