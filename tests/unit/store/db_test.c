#include "store/db.h"

#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `buckets` serves as a table of name, level and times. */
static enum db_result put(struct db_tx *tx, const char *name, int64_t level)
{
    return db_exec(tx, NULL, "INSERT INTO buckets (name, level, updated_at, expires_at) VALUES (?, ?, 0, 0)",
                   "ti", name, level);
}

static int64_t count(void)
{
    struct db_tx *tx = store_read();
    struct db_value *row = NULL;
    assert_int_equal(db_row(tx, store.arena, &row, "SELECT COUNT(*) FROM buckets", ""), DB_OK);
    int64_t number = row[0].number;
    db_end(&tx);
    return number;
}

static void values_of_every_type_come_back(void **state)
{
    (void)state;
    static const uint8_t raw[] = {0, 1, 255, '\\', 'x', 0};
    struct db_tx *tx = store_write();
    assert_int_equal(
        db_exec(tx, NULL,
                "INSERT INTO signing_keys (kid, state, sealed, certificate, created_at, changed_at)"
                " VALUES (?, ?, '?', ?, ?, ?)",
                "ttbii", "k\xc3\xa9y'\"?", "", ((struct bytes){raw, sizeof raw}), INT64_MIN, INT64_MAX),
        DB_OK);
    assert_int_equal(db_exec(tx, NULL, "INSERT INTO signing_keys VALUES ('empty', 'next', '', ?, 0, 0)", "b",
                             ((struct bytes){raw, 0})),
                     DB_OK);
    assert_int_equal(db_exec(tx, NULL,
                             "INSERT INTO settings (name, doc, sealed, version) VALUES ('s', '{}', ?, 1)",
                             "t", NULL),
                     DB_OK);
    store_commit(tx);

    tx = store_read();
    struct db_rows rows;
    assert_int_equal(
        db_rows(tx, store.arena, &rows,
                "SELECT kid, state, sealed, certificate, created_at, changed_at FROM signing_keys"
                " ORDER BY kid DESC",
                ""),
        DB_OK);
    assert_int_equal(rows.count, 2);
    assert_int_equal(rows.columns, 6);
    assert_string_equal(db_at(&rows, 0, 0)->text, "k\xc3\xa9y'\"?");
    assert_string_equal(db_at(&rows, 0, 1)->text, "");
    assert_string_equal(db_at(&rows, 0, 2)->text, "?");
    assert_int_equal(db_at(&rows, 0, 3)->bytes.size, sizeof raw);
    assert_memory_equal(db_at(&rows, 0, 3)->bytes.data, raw, sizeof raw);
    assert_true(db_at(&rows, 0, 4)->number == INT64_MIN && db_at(&rows, 0, 5)->number == INT64_MAX);
    assert_int_equal(db_at(&rows, 1, 3)->bytes.size, 0);
    assert_false(db_at(&rows, 1, 3)->is_null);
    struct db_value *row = NULL;
    assert_int_equal(db_row(tx, store.arena, &row, "SELECT sealed FROM settings WHERE name = ?", "t", "s"),
                     DB_OK);
    assert_true(row[0].is_null);
    assert_null(row[0].text);
    assert_int_equal(db_row(tx, store.arena, &row, "SELECT sealed FROM settings WHERE name = ?", "t", "x"),
                     DB_NOT_FOUND);
    db_end(&tx);
}

static void a_rollback_leaves_nothing(void **state)
{
    (void)state;
    struct db_tx *tx = store_write();
    assert_int_equal(put(tx, "a", 1), DB_OK);
    db_rollback(&tx);
    assert_null(tx);
    db_rollback(&tx);
    db_end(&tx);
    assert_int_equal(count(), 0);
}

static void a_taken_key_is_a_conflict_and_ends_the_transaction(void **state)
{
    (void)state;
    struct db_tx *tx = store_write();
    assert_int_equal(put(tx, "a", 1), DB_OK);
    store_commit(tx);
    tx = store_write();
    assert_int_equal(put(tx, "b", 1), DB_OK);
    assert_int_equal(put(tx, "a", 2), DB_CONFLICT);
    assert_int_equal(put(tx, "c", 3), DB_FAILED);
    assert_int_equal(db_commit(&tx), DB_FAILED);
    assert_int_equal(count(), 1);
    tx = store_write();
    assert_int_equal(put(tx, "b", 1), DB_OK);
    store_commit(tx);
    assert_int_equal(count(), 2);
}

static void changes_are_counted_and_returned(void **state)
{
    (void)state;
    struct db_tx *tx = store_write();
    for (int i = 0; i < 3; i++)
        assert_int_equal(put(tx, arena_printf(store.arena, "n%d", i), i), DB_OK);
    int64_t changed = -1;
    assert_int_equal(
        db_exec(tx, &changed, "UPDATE buckets SET level = level + 10 WHERE level > ?", "i", INT64_C(0)),
        DB_OK);
    assert_int_equal(changed, 2);
    assert_int_equal(db_exec(tx, &changed, "DELETE FROM buckets WHERE name = ?", "t", "absent"), DB_OK);
    assert_int_equal(changed, 0);
    struct db_value *row = NULL;
    assert_int_equal(db_row(tx, store.arena, &row,
                            "UPDATE buckets SET level = level + 100 WHERE level >= 0 RETURNING level", ""),
                     DB_OK);
    struct db_rows rows;
    assert_int_equal(
        db_rows(tx, store.arena, &rows, "SELECT level FROM buckets ORDER BY level FOR UPDATE", ""), DB_OK);
    assert_int_equal(rows.count, 3);
    assert_int_equal(db_at(&rows, 0, 0)->number, 100);
    assert_int_equal(db_at(&rows, 2, 0)->number, 112);
    store_commit(tx);
}

static void texts_order_by_bytes_and_like_tells_case_apart(void **state)
{
    (void)state;
    static const char *const names[] = {"b", "B", "a_", "\xc3\xa9", "z"};
    struct db_tx *tx = store_write();
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        assert_int_equal(put(tx, names[i], 0), DB_OK);
    struct db_rows rows;
    assert_int_equal(db_rows(tx, store.arena, &rows, "SELECT name FROM buckets ORDER BY name", ""), DB_OK);
    static const char *const sorted[] = {"B", "a_", "b", "z", "\xc3\xa9"};
    for (size_t i = 0; i < ARRAY_LENGTH(sorted); i++)
        assert_string_equal(db_at(&rows, i, 0)->text, sorted[i]);
    assert_int_equal(
        db_rows(tx, store.arena, &rows, "SELECT name FROM buckets WHERE name LIKE ? ESCAPE '!'", "t", "b%"),
        DB_OK);
    assert_int_equal(rows.count, 1);
    db_rollback(&tx);
}

static void a_read_sees_one_state_and_cannot_write(void **state)
{
    (void)state;
    struct db_tx *reader = store_read();
    struct db_value *row = NULL;
    assert_int_equal(db_row(reader, store.arena, &row, "SELECT COUNT(*) FROM buckets", ""), DB_OK);
    struct db_tx *tx = store_write();
    assert_int_equal(put(tx, "a", 1), DB_OK);
    store_commit(tx);
    assert_int_equal(db_row(reader, store.arena, &row, "SELECT COUNT(*) FROM buckets", ""), DB_OK);
    assert_int_equal(row[0].number, 0);
    assert_int_equal(count(), 1);
    assert_int_equal(put(reader, "b", 1), DB_FAILED);
    db_end(&reader);
}

static void a_text_made_at_run_time_never_runs_another_statement(void **state)
{
    (void)state;
    struct db_tx *tx = store_write();
    char sql[64];
    for (int i = 0; i < 5; i++) {
        snprintf(sql, sizeof sql, "SELECT %d", i);
        struct db_value *row = NULL;
        assert_int_equal(db_row(tx, store.arena, &row, sql, ""), DB_OK);
        assert_int_equal(row[0].number, i);
        struct db_rows rows;
        const struct db_value value = {.number = i};
        assert_int_equal(db_rows_dynamic(tx, store.arena, &rows, "SELECT ? + 1", "i", &value), DB_OK);
        assert_int_equal(db_at(&rows, 0, 0)->number, i + 1);
    }
    db_rollback(&tx);
}

static void a_broken_statement_fails_and_the_next_transaction_works(void **state)
{
    (void)state;
    struct db_tx *tx = store_write();
    struct db_rows rows;
    assert_int_equal(db_rows(tx, store.arena, &rows, "SELECT nonsense FROM nowhere", ""), DB_FAILED);
    db_rollback(&tx);
    tx = store_read();
    assert_int_equal(db_rows(tx, store.arena, &rows, "SELECT nonsense FROM nowhere", ""), DB_FAILED);
    db_end(&tx);
    assert_int_equal(count(), 0);
}

static void migrating_again_changes_nothing(void **state)
{
    (void)state;
    unsigned applied = 9;
    const char *error = NULL;
    assert_int_equal(db_migrate(store.db, store.arena, &applied, &error), DB_OK);
    assert_int_equal(applied, 0);
}

static void a_schema_newer_than_the_binary_is_refused(void **state)
{
    (void)state;
    struct db_tx *tx = store_write();
    assert_int_equal(db_exec(tx, NULL, "INSERT INTO schema_migrations VALUES (9999, 'later', 0)", ""), DB_OK);
    store_commit(tx);
    unsigned applied = 0;
    const char *error = NULL;
    assert_int_equal(db_migrate(store.db, store.arena, &applied, &error), DB_FAILED);
    assert_non_null(strstr(error, "newer"));
}

enum { THREADS = 8, ROUNDS = 60 };

struct worker {
    pthread_t thread;
    int number;
    int failures;
    unsigned written; /* a bit for each that was acknowledged */
};

/* Commits two of three, and after each commit finds its own row by a read. */
static void *write_and_read(void *context)
{
    struct worker *worker = context;
    struct arena *arena = arena_create();
    for (int i = 0; i < ROUNDS; i++) {
        struct db_tx *tx = NULL;
        const char *name = arena_printf(arena, "w%d-%d", worker->number, i);
        worker->failures += db_begin_write(store.db, &tx) != DB_OK;
        worker->failures += put(tx, name, i) != DB_OK;
        worker->failures +=
            db_exec(tx, NULL, "UPDATE settings SET version = version + 1 WHERE name = 'shared'", "") != DB_OK;
        if (i % 3 == 0) {
            db_rollback(&tx);
            continue;
        }
        worker->failures += db_commit(&tx) != DB_OK;
        struct db_value *row = NULL;
        worker->failures += db_begin_read(store.db, &tx) != DB_OK;
        worker->failures +=
            db_row(tx, arena, &row, "SELECT level FROM buckets WHERE name = ?", "t", name) != DB_OK;
        db_end(&tx);
    }
    arena_destroy(&arena);
    return NULL;
}

static void many_threads_write_and_none_is_lost(void **state)
{
    (void)state;
    struct db_tx *tx = store_write();
    assert_int_equal(db_exec(tx, NULL, "INSERT INTO settings VALUES ('shared', '{}', NULL, 0)", ""), DB_OK);
    store_commit(tx);
    struct worker workers[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) {
        workers[i].number = i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, write_and_read, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].failures, 0);
    }
    assert_int_equal(count(), THREADS * ROUNDS * 2 / 3);
    tx = store_read();
    struct db_value *row = NULL;
    assert_int_equal(db_row(tx, store.arena, &row, "SELECT version FROM settings WHERE name = 'shared'", ""),
                     DB_OK);
    assert_int_equal(row[0].number, THREADS * ROUNDS * 2 / 3);
    db_end(&tx);
}

static void *conflict(void *context)
{
    struct worker *worker = context;
    for (int i = 0; i < ROUNDS; i++) {
        struct db_tx *tx = NULL;
        char name[16];
        snprintf(name, sizeof name, "one-of-%d", i);
        if (db_begin_write(store.db, &tx) == DB_OK && put(tx, name, worker->number) == DB_OK &&
            db_commit(&tx) == DB_OK)
            worker->failures += 1; /* counts what it won */
        db_rollback(&tx);
    }
    return NULL;
}

static void of_many_that_want_a_key_one_gets_it(void **state)
{
    (void)state;
    struct worker workers[THREADS] = {0};
    int won = 0;
    for (int i = 0; i < THREADS; i++) {
        workers[i].number = i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, conflict, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        won += workers[i].failures;
    }
    assert_int_equal(won, ROUNDS);
    assert_int_equal(count(), ROUNDS);
}

static void a_store_that_cannot_be_opened_says_why(void **state)
{
    (void)state;
    struct db *db = NULL;
    const char *error = NULL;
    assert_int_equal(db_open("sqlite:/nonexistent/directory/store.db", 1, store.arena, &db, &error),
                     DB_FAILED);
    assert_non_null(strstr(error, "/nonexistent/directory"));
    assert_int_equal(db_open("postgresql://nobody@127.0.0.1:1/none", 1, store.arena, &db, &error), DB_FAILED);
    assert_non_null(error);
    assert_int_equal(db_open("mysql:x", 1, store.arena, &db, &error), DB_FAILED);
    assert_null(db);
}

enum { LARGE_BYTES = 100000 };

static void *write_large(void *context)
{
    struct worker *worker = context;
    uint8_t *large = calloc(1, LARGE_BYTES);
    for (int i = 0; i < 8; i++) {
        struct db_tx *tx = NULL;
        char name[32];
        snprintf(name, sizeof name, "large-%d-%d", worker->number, i);
        if (db_begin_write(store.db, &tx) == DB_OK &&
            db_exec(tx, NULL, "INSERT INTO signing_keys VALUES (?, 's', '', ?, 0, 0)", "tb", name,
                    (struct bytes){large, LARGE_BYTES}) == DB_OK &&
            db_commit(&tx) == DB_OK)
            worker->written |= 1U << i;
        db_rollback(&tx);
    }
    free(large);
    return NULL;
}

/* A full disk in the midst of a group: whoever was told it is stored finds it, whoever was told it failed does not. */
static void a_full_store_fails_those_it_fails_and_keeps_the_rest(void **state)
{
    (void)state;
    if (db_kind_of(store.db) != DB_SQLITE)
        return;
    struct db_tx *tx = store_write();
    assert_int_equal(db_exec(tx, NULL, "PRAGMA max_page_count = 600", ""), DB_OK);
    store_commit(tx);
    struct worker workers[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) {
        workers[i].number = i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, write_large, &workers[i]), 0);
    }
    int written = 0;
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    tx = store_read();
    for (int i = 0; i < THREADS * 8; i++) {
        struct db_value *row = NULL;
        bool told = (workers[i / 8].written >> (i % 8) & 1U) != 0;
        written += told ? 1 : 0;
        assert_int_equal(db_row(tx, store.arena, &row, "SELECT 1 FROM signing_keys WHERE kid = ?", "t",
                                arena_printf(store.arena, "large-%d-%d", i / 8, i % 8)),
                         told ? DB_OK : DB_NOT_FOUND);
    }
    db_end(&tx);
    assert_true(written > 0 && written < THREADS * 8);
    tx = store_write();
    assert_int_equal(db_exec(tx, NULL, "PRAGMA max_page_count = 1000000", ""), DB_OK);
    assert_int_equal(put(tx, "after", 1), DB_OK);
    store_commit(tx);
    assert_int_equal(count(), 1);
}

static void a_lost_connection_is_made_again(void **state)
{
    (void)state;
    if (db_kind_of(store.db) != DB_POSTGRES)
        return;
    for (int round = 0; round < 3; round++) {
        struct db_tx *tx = store_write();
        struct db_tx *idle[2] = {store_read(), store_read()};
        struct db_tx *other = store_read();
        struct db_rows rows;
        for (int i = 0; i < 2; i++) {
            assert_int_equal(db_rows(idle[i], store.arena, &rows, "SELECT name FROM buckets", ""), DB_OK);
            db_end(&idle[i]);
        }
        assert_int_equal(db_rows(other, store.arena, &rows, "SELECT name FROM buckets", ""), DB_OK);
        /* All but this one are cut: two that idle in the pool, and one in the midst of a read. */
        assert_int_equal(
            db_rows(
                tx, store.arena, &rows,
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND application_name = current_setting('application_name')"
                " AND query NOT LIKE '%pg_terminate_backend%'",
                ""),
            DB_OK);
        store_commit(tx);
        assert_int_equal(db_rows(other, store.arena, &rows, "SELECT name FROM buckets WHERE level > 0", ""),
                         DB_FAILED);
        db_end(&other);
        for (int i = 0; i < 5; i++) {
            tx = store_write();
            assert_int_equal(put(tx, arena_printf(store.arena, "r%d-%d", round, i), 0), DB_OK);
            other = store_read();
            assert_int_equal(db_rows(other, store.arena, &rows, "SELECT name FROM buckets", ""), DB_OK);
            db_end(&other);
            store_commit(tx);
        }
    }
    assert_int_equal(count(), 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(values_of_every_type_come_back),
        store_test(a_rollback_leaves_nothing),
        store_test(a_taken_key_is_a_conflict_and_ends_the_transaction),
        store_test(changes_are_counted_and_returned),
        store_test(texts_order_by_bytes_and_like_tells_case_apart),
        store_test(a_read_sees_one_state_and_cannot_write),
        store_test(a_text_made_at_run_time_never_runs_another_statement),
        store_test(a_broken_statement_fails_and_the_next_transaction_works),
        store_test(migrating_again_changes_nothing),
        store_test(a_schema_newer_than_the_binary_is_refused),
        store_test(many_threads_write_and_none_is_lost),
        store_test(of_many_that_want_a_key_one_gets_it),
        store_test(a_full_store_fails_those_it_fails_and_keeps_the_rest),
        store_test(a_lost_connection_is_made_again),
        store_test(a_store_that_cannot_be_opened_says_why),
    };
    return STORE_RUN_TESTS(tests);
}
