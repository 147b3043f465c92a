/*
 * SQLite: readers each on a connection of their own, and one writer's connection that the writing threads
 * take in turns.
 *
 * Group commit. What the threads write one after the other is one SQLite transaction, a group; each thread's
 * part is a savepoint in it. A thread that is done passes the turn to the next in the queue and sleeps until
 * the group is committed; the thread that finds nobody behind it, or the group full, commits for all. A
 * failed commit is every member's failure.
 */
#include "base/log.h"
#include "store/driver.h"
#include "store/sqlite_connection.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GROUP_MEMBERS = 64, READER_WAIT_S = 10 };

struct group {
    pthread_cond_t settled;
    bool is_settled;
    enum db_result result;
    unsigned members; /* who wrote in it and has not read the result yet */
};

/* A thread in the queue for the writer's connection. */
struct turn {
    pthread_cond_t granted;
    bool is_granted;
    struct turn *next;
};

struct sqlite {
    struct db db;

    struct sqlite_connection writer; /* belongs to the thread that has the turn */
    pthread_mutex_t lock;            /* guards what follows, down to `group` */
    bool taken;
    pthread_t taker;
    struct turn *first;
    struct turn *last;
    struct group *group; /* the open one; NULL between groups */

    pthread_mutex_t readers_lock; /* guards what follows */
    pthread_cond_t reader_freed;
    struct sqlite_connection *readers;
    unsigned readers_count;
    unsigned *free_readers; /* a stack of places in `readers` */
    unsigned free_count;
};

struct sqlite_tx {
    struct db_tx tx;
    struct sqlite_connection *connection;
};

static struct sqlite *sqlite_of(struct db *db)
{
    return (struct sqlite *)db;
}

static struct sqlite_tx *sqlite_tx_of(struct db_tx *tx)
{
    return (struct sqlite_tx *)tx;
}

/* Makes the file if it is missing, for its owner alone; the WAL files take over its mode. */
static bool make_file(const char *path, struct arena *arena, const char **error)
{
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file < 0) {
        *error = arena_printf(arena, "%s: %s", path, strerror(errno));
        return false;
    }
    close(file);
    return true;
}

static void sqlite_close(struct db *db)
{
    struct sqlite *store = sqlite_of(db);
    for (unsigned i = 0; i < store->readers_count; i++)
        sqlite_connection_close(&store->readers[i]);
    sqlite_connection_close(&store->writer);
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->readers_lock);
    pthread_cond_destroy(&store->reader_freed);
    free(store->readers);
    free(store->free_readers);
    free(store);
}

static bool open_connections(struct sqlite *store, const char *path, unsigned connections,
                             struct arena *arena, const char **error)
{
    if (!make_file(path, arena, error) || !sqlite_connection_open(&store->writer, path, true, arena, error))
        return false;
    for (unsigned i = 0; i < connections; i++) {
        if (!sqlite_connection_open(&store->readers[i], path, false, arena, error))
            return false;
        store->free_readers[store->free_count++] = i;
        store->readers_count++;
    }
    return true;
}

static enum db_result sqlite_open(const char *path, unsigned connections, struct arena *arena, struct db **db,
                                  const char **error)
{
    struct sqlite *store = calloc(1, sizeof *store);
    if (store == NULL)
        abort();
    if (connections == 0)
        connections = 1;
    store->db.driver = &sqlite_driver;
    store->readers = calloc(connections, sizeof *store->readers);
    store->free_readers = calloc(connections, sizeof *store->free_readers);
    if (store->readers == NULL || store->free_readers == NULL)
        abort();
    pthread_mutex_init(&store->lock, NULL);
    pthread_mutex_init(&store->readers_lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&store->reader_freed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (!open_connections(store, path, connections, arena, error)) {
        sqlite_close(&store->db);
        return DB_FAILED;
    }
    *db = &store->db;
    return DB_OK;
}

/* Readers. */

static struct sqlite_connection *take_reader(struct sqlite *store)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += READER_WAIT_S;
    struct sqlite_connection *reader = NULL;
    pthread_mutex_lock(&store->readers_lock);
    int waited = 0;
    while (store->free_count == 0 && waited == 0)
        waited = pthread_cond_timedwait(&store->reader_freed, &store->readers_lock, &end);
    if (store->free_count > 0)
        reader = &store->readers[store->free_readers[--store->free_count]];
    pthread_mutex_unlock(&store->readers_lock);
    return reader;
}

static void give_reader(struct sqlite *store, struct sqlite_connection *reader)
{
    pthread_mutex_lock(&store->readers_lock);
    store->free_readers[store->free_count++] = (unsigned)(reader - store->readers);
    pthread_cond_signal(&store->reader_freed);
    pthread_mutex_unlock(&store->readers_lock);
}

static enum db_result begin_read(struct sqlite *store, struct sqlite_tx *tx)
{
    tx->connection = take_reader(store);
    if (tx->connection == NULL) {
        LOG_ERROR("store.no_reader_free");
        return DB_FAILED;
    }
    if (sqlite_connection_control(tx->connection, "BEGIN") == DB_OK)
        return DB_OK;
    give_reader(store, tx->connection);
    return DB_FAILED;
}

static void end_read(struct sqlite *store, struct sqlite_tx *tx)
{
    if (!sqlite3_get_autocommit(tx->connection->handle))
        (void)!sqlite_connection_control(tx->connection, "ROLLBACK");
    give_reader(store, tx->connection);
}

/* The writer's turn. */

static void take_turn(struct sqlite *store)
{
    pthread_mutex_lock(&store->lock);
    if (store->taken) {
        if (pthread_equal(store->taker, pthread_self())) {
            LOG_ERROR("store.write_within_write");
            abort();
        }
        struct turn turn = {.is_granted = false};
        pthread_cond_init(&turn.granted, NULL);
        if (store->last == NULL)
            store->first = &turn;
        else
            store->last->next = &turn;
        store->last = &turn;
        while (!turn.is_granted)
            pthread_cond_wait(&turn.granted, &store->lock);
        pthread_cond_destroy(&turn.granted);
    }
    store->taken = true;
    store->taker = pthread_self();
    pthread_mutex_unlock(&store->lock);
}

/* With the lock held. `taken` stays true where there is a next one: nobody overtakes the queue. */
static void pass_turn(struct sqlite *store)
{
    struct turn *next = store->first;
    store->taken = next != NULL;
    /* Until the next thread has noted itself as the taker, nobody may pass for it. */
    if (next == NULL)
        return;
    store->first = next->next;
    if (store->first == NULL)
        store->last = NULL;
    store->taker = (pthread_t)0;
    next->is_granted = true;
    pthread_cond_signal(&next->granted);
}

static struct group *group_create(void)
{
    struct group *group = calloc(1, sizeof *group);
    if (group == NULL)
        abort();
    pthread_cond_init(&group->settled, NULL);
    return group;
}

/* With the lock held: ends the open group, tells its members, and passes the turn. */
static void settle(struct sqlite *store, enum db_result result)
{
    struct group *group = store->group;
    store->group = NULL;
    group->is_settled = true;
    group->result = result;
    if (group->members == 0) {
        pthread_cond_destroy(&group->settled);
        free(group);
    } else {
        pthread_cond_broadcast(&group->settled);
    }
    pass_turn(store);
}

/* With the lock held: a member takes the group's result, the last one frees it. */
static enum db_result result_for_member(struct sqlite *store, struct group *group)
{
    while (!group->is_settled)
        pthread_cond_wait(&group->settled, &store->lock);
    enum db_result result = group->result;
    if (--group->members == 0) {
        pthread_cond_destroy(&group->settled);
        free(group);
    }
    return result;
}

/* Whether SQLite undid the whole transaction by itself (a full disk, an I/O error): then the group is lost.
 */
static bool is_lost(struct sqlite *store)
{
    return sqlite3_get_autocommit(store->writer.handle) != 0;
}

static enum db_result commit_group(struct sqlite *store)
{
    if (is_lost(store))
        return DB_FAILED;
    if (sqlite_connection_control(&store->writer, "COMMIT") == DB_OK)
        return DB_OK;
    if (!is_lost(store))
        (void)!sqlite_connection_control(&store->writer, "ROLLBACK");
    return DB_FAILED;
}

static enum db_result begin_write(struct sqlite *store, struct sqlite_tx *tx)
{
    take_turn(store);
    tx->connection = &store->writer;
    enum db_result result = DB_OK;
    if (store->group == NULL) {
        result = sqlite_connection_control(&store->writer, "BEGIN IMMEDIATE");
        if (result == DB_OK)
            store->group = group_create();
    }
    if (result == DB_OK)
        result = sqlite_connection_control(&store->writer, "SAVEPOINT part");
    if (result == DB_OK)
        return DB_OK;
    enum db_result others = store->group != NULL ? commit_group(store) : DB_FAILED;
    pthread_mutex_lock(&store->lock);
    if (store->group != NULL)
        settle(store, others);
    else
        pass_turn(store);
    pthread_mutex_unlock(&store->lock);
    return DB_FAILED;
}

static enum db_result end_write(struct sqlite *store, bool keep)
{
    bool is_ended = !is_lost(store) &&
                    (keep || sqlite_connection_control(&store->writer, "ROLLBACK TO part") == DB_OK) &&
                    sqlite_connection_control(&store->writer, "RELEASE part") == DB_OK;
    if (!is_ended && !is_lost(store))
        (void)!sqlite_connection_control(&store->writer, "ROLLBACK");
    struct group *group = store->group;
    pthread_mutex_lock(&store->lock);
    group->members += keep ? 1 : 0;
    bool passes = store->first != NULL && group->members < GROUP_MEMBERS && !is_lost(store);
    if (passes) {
        pass_turn(store);
    } else {
        pthread_mutex_unlock(&store->lock);
        enum db_result result = commit_group(store);
        pthread_mutex_lock(&store->lock);
        settle(store, result);
    }
    enum db_result result = keep ? result_for_member(store, group) : DB_OK;
    pthread_mutex_unlock(&store->lock);
    return result;
}

static enum db_result sqlite_begin(struct db *db, bool writing, struct db_tx **tx)
{
    struct sqlite_tx *begun = calloc(1, sizeof *begun);
    if (begun == NULL)
        abort();
    begun->tx.db = db;
    begun->tx.writing = writing;
    enum db_result result = writing ? begin_write(sqlite_of(db), begun) : begin_read(sqlite_of(db), begun);
    if (result == DB_OK)
        *tx = &begun->tx;
    else
        free(begun);
    return result;
}

static enum db_result sqlite_finish(struct db_tx *tx, bool keep)
{
    struct sqlite *store = sqlite_of(tx->db);
    enum db_result result = DB_OK;
    if (!tx->writing)
        end_read(store, sqlite_tx_of(tx));
    else
        result = end_write(store, keep && !tx->broken);
    if (keep && tx->broken)
        result = DB_FAILED;
    free(tx);
    return result;
}

static enum db_result sqlite_run(struct db_tx *tx, struct arena *arena, const struct db_query *query,
                                 struct db_rows *rows, int64_t *changed)
{
    return sqlite_connection_run(sqlite_tx_of(tx)->connection, arena, query, rows, changed);
}

static enum db_result sqlite_script(struct db_tx *tx, struct arena *arena, const char *sql)
{
    (void)arena;
    return sqlite_connection_script(sqlite_tx_of(tx)->connection, sql);
}

/* BEGIN IMMEDIATE holds the file's write lock already, before all other processes too. */
static enum db_result sqlite_lock_schema(struct db_tx *tx)
{
    (void)tx;
    return DB_OK;
}

const struct db_driver sqlite_driver = {
    .kind = DB_SQLITE,
    .open = sqlite_open,
    .close = sqlite_close,
    .begin = sqlite_begin,
    .finish = sqlite_finish,
    .run = sqlite_run,
    .script = sqlite_script,
    .lock_schema = sqlite_lock_schema,
};
