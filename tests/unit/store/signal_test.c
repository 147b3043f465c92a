#include "store/signal.h"

#include "base/clock.h"
#include "fixture.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

enum { PATIENCE_S = 10 };

/* What one listener heard, in order. */
struct ear {
    pthread_mutex_t lock;
    pthread_cond_t news;
    unsigned count;
    unsigned missed; /* words that signals may have been missed */
    char last[SIGNAL_TOPIC_SIZE];
};

static struct ear ears[2];

/* Signals are a database's, and other tests may run in it. */
static bool is_own(const char *topic)
{
    return strncmp(topic, "signal-test:", 12) == 0;
}

static void hear(void *context, const char *topic)
{
    struct ear *ear = context;
    pthread_mutex_lock(&ear->lock);
    if (topic != NULL && is_own(topic)) {
        ear->count++;
        strcpy(ear->last, topic);
    } else if (topic == NULL) {
        ear->missed++;
    }
    pthread_cond_broadcast(&ear->news);
    pthread_mutex_unlock(&ear->lock);
}

/* Whether that many were heard in time. */
static bool hears(struct ear *ear, unsigned count, unsigned missed)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&ear->lock);
    int waited = 0;
    while ((ear->count < count || ear->missed < missed) && waited == 0)
        waited = pthread_cond_timedwait(&ear->news, &ear->lock, &end);
    bool is_heard = ear->count == count && ear->missed >= missed;
    pthread_mutex_unlock(&ear->lock);
    return is_heard;
}

static struct ear *new_ear(unsigned i)
{
    ears[i] = (struct ear){.lock = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};
    return &ears[i];
}

static void put(struct db_tx *tx, const char *name)
{
    assert_int_equal(db_exec(tx, NULL,
                             "INSERT INTO buckets (name, level, updated_at, expires_at) VALUES (?, 0, 0, 0)",
                             "t", name),
                     DB_OK);
}

static void a_signal_is_heard_after_its_commit_and_once(void **state)
{
    (void)state;
    struct ear *ear = new_ear(0);
    assert_true(signal_listen(store.db, hear, ear));
    struct db_tx *tx = store_write();
    put(tx, "a");
    signal_raise(tx, "signal-test:1");
    signal_raise(tx, "signal-test:1");
    assert_int_equal(ear->count, 0);
    store_commit(tx);
    assert_true(hears(ear, 1, 0));
    assert_string_equal(ear->last, "signal-test:1");
    signal_unlisten(store.db, hear, ear);
    tx = store_write();
    signal_raise(tx, "signal-test:2");
    store_commit(tx);
    assert_int_equal(ear->count, 1);
}

static void what_was_undone_is_never_heard(void **state)
{
    (void)state;
    struct ear *ear = new_ear(0);
    assert_true(signal_listen(store.db, hear, ear));
    struct db_tx *tx = store_write();
    put(tx, "a");
    signal_raise(tx, "signal-test:1");
    db_rollback(&tx);
    tx = store_write();
    put(tx, "a");
    signal_raise(tx, "signal-test:2");
    assert_int_equal(db_exec(tx, NULL,
                             "INSERT INTO buckets (name, level, updated_at, expires_at) "
                             "VALUES ('a', 0, 0, 0)",
                             ""),
                     DB_CONFLICT);
    assert_int_equal(db_commit(&tx), DB_FAILED);
    tx = store_write();
    signal_raise(tx, "signal-test:3");
    store_commit(tx);
    assert_true(hears(ear, 1, 0));
    assert_string_equal(ear->last, "signal-test:3");
    signal_unlisten(store.db, hear, ear);
}

static void only_names_are_topics_and_only_writes_raise(void **state)
{
    (void)state;
    struct ear *ear = new_ear(0);
    char longest[SIGNAL_TOPIC_SIZE + 1];
    memset(longest, 'a', sizeof longest);
    memcpy(longest + 1, "signal-test:", 12);
    longest[SIGNAL_TOPIC_SIZE] = '\0';
    assert_true(signal_listen(store.db, hear, ear));
    struct db_tx *tx = store_write();
    signal_raise(tx, "");
    signal_raise(tx, "two\nlines");
    signal_raise(tx, "\xc3\xa9");
    signal_raise(tx, longest);
    store_commit(tx);
    tx = store_read();
    signal_raise(tx, "signal-test:1");
    db_end(&tx);
    tx = store_write();
    signal_raise(tx, longest + 1);
    store_commit(tx);
    assert_true(hears(ear, 1, 0));
    assert_string_equal(ear->last, longest + 1);
    signal_unlisten(store.db, hear, ear);
}

static struct db *open_again(void)
{
    struct db *other = NULL;
    const char *error = NULL;
    if (db_open(store.where, 2, store.arena, &other, &error) != DB_OK)
        fail_msg("%s", error);
    return other;
}

static void raise_by(struct db *db, const char *topic)
{
    struct db_tx *tx = NULL;
    assert_int_equal(db_begin_write(db, &tx), DB_OK);
    signal_raise(tx, topic);
    assert_int_equal(db_commit(&tx), DB_OK);
}

/* Two servers on one PostgreSQL, within a second. */
static void another_server_hears_it_too(void **state)
{
    (void)state;
    if (db_kind_of(store.db) != DB_POSTGRES)
        return;
    struct ear *here = new_ear(0);
    struct ear *there = new_ear(1);
    struct db *other = open_again();
    assert_true(signal_listen(store.db, hear, here));
    assert_true(signal_listen(other, hear, there));
    assert_true(hears(here, 0, 1));
    assert_true(hears(there, 0, 1));
    int64_t began = clock_monotonic_ns();
    raise_by(store.db, "signal-test:1");
    assert_true(hears(there, 1, 1));
    assert_true(clock_monotonic_ns() - began < 1000000000);
    assert_string_equal(there->last, "signal-test:1");
    raise_by(other, "signal-test:2");
    assert_true(hears(here, 2, 1));
    assert_true(hears(there, 2, 1));
    signal_unlisten(other, hear, there);
    signal_unlisten(store.db, hear, here);
    db_close(&other);
}

static void cut_listeners(void)
{
    PGconn *connection = PQconnectdb(store.where);
    PGresult *answer = PQexec(connection, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                          " WHERE query = 'LISTEN countersign'"
                                          " AND application_name = current_setting('application_name')");
    assert_int_equal(PQresultStatus(answer), PGRES_TUPLES_OK);
    assert_true(PQntuples(answer) > 0);
    PQclear(answer);
    PQfinish(connection);
}

static void a_lost_connection_comes_back_and_everybody_reads_again(void **state)
{
    (void)state;
    if (db_kind_of(store.db) != DB_POSTGRES)
        return;
    struct ear *ear = new_ear(0);
    struct db *other = open_again();
    assert_true(signal_listen(store.db, hear, ear));
    assert_true(hears(ear, 0, 1));
    cut_listeners();
    assert_true(hears(ear, 0, 2));
    raise_by(other, "signal-test:1");
    assert_true(hears(ear, 1, 2));
    signal_unlisten(store.db, hear, ear);
    db_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(a_signal_is_heard_after_its_commit_and_once),
        store_test(what_was_undone_is_never_heard),
        store_test(only_names_are_topics_and_only_writes_raise),
        store_test(another_server_hears_it_too),
        store_test(a_lost_connection_comes_back_and_everybody_reads_again),
    };
    return STORE_RUN_TESTS(tests);
}
