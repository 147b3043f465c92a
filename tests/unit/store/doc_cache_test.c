#include "store/clients.h"

#include "fixture.h"

#include <pthread.h>

static void put(const char *id, const char *doc)
{
    struct db_tx *tx = store_write();
    assert_int_equal(db_exec(tx, NULL,
                             "INSERT INTO resource_servers (id, identifier, doc, version, created_at) "
                             "VALUES (?, 'https://api.test/', ?, 1, ?)",
                             "tti", id, doc, id[0] == 'a' ? INT64_C(1) : INT64_C(2)),
                     DB_OK);
    store_commit(tx);
}

static void change(struct db_tx *tx, const char *doc)
{
    assert_int_equal(
        db_exec(tx, NULL, "UPDATE resource_servers SET doc = ?, version = version + 1", "t", doc), DB_OK);
}

static const char *name_in(struct db_tx *tx)
{
    yyjson_val *doc = NULL;
    enum db_result result = resource_server_by_identifier(tx, store.arena, "https://api.test/", &doc);
    if (result == DB_NOT_FOUND)
        return "none";
    assert_int_equal(result, DB_OK);
    return json_text(doc, "name");
}

static const char *name(void)
{
    struct db_tx *tx = store_read();
    const char *found = name_in(tx);
    db_end(&tx);
    return found;
}

static void a_change_counts_at_once(void **state)
{
    (void)state;
    put("a", "{\"name\":\"first\"}");
    const char *before = name();
    assert_string_equal(before, "first");
    assert_string_equal(name(), "first");
    struct db_tx *tx = store_write();
    change(tx, "{\"name\":\"second\"}");
    assert_string_equal(name_in(tx), "second");
    store_commit(tx);
    assert_string_equal(name(), "second");
    assert_string_equal(before, "first");
}

/* The version that was undone is given again to another text. */
static void what_was_undone_is_not_kept(void **state)
{
    (void)state;
    put("a", "{\"name\":\"first\"}");
    assert_string_equal(name(), "first");
    struct db_tx *tx = store_write();
    change(tx, "{\"name\":\"undone\"}");
    assert_string_equal(name_in(tx), "undone");
    db_rollback(&tx);
    assert_string_equal(name(), "first");
    tx = store_write();
    change(tx, "{\"name\":\"second\"}");
    store_commit(tx);
    assert_string_equal(name(), "second");
}

static void a_row_in_the_place_of_another_is_told_from_it(void **state)
{
    (void)state;
    put("a", "{\"name\":\"first\"}");
    assert_string_equal(name(), "first");
    struct db_tx *tx = store_write();
    assert_int_equal(db_exec(tx, NULL, "DELETE FROM resource_servers", ""), DB_OK);
    store_commit(tx);
    assert_string_equal(name(), "none");
    put("b", "{\"name\":\"other\"}");
    assert_string_equal(name(), "other");
}

enum { READERS = 4, ROUNDS = 300 };

static void *read_on(void *context)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct arena *arena = arena_create();
        struct db_tx *tx = NULL;
        yyjson_val *doc = NULL;
        if (db_begin_read(store.db, &tx) != DB_OK ||
            resource_server_by_identifier(tx, arena, "https://api.test/", &doc) != DB_OK ||
            json_text(doc, "name") == NULL)
            *(int *)context += 1;
        db_end(&tx);
        arena_destroy(&arena);
    }
    return NULL;
}

static void readers_and_changes_at_once_harm_nobody(void **state)
{
    (void)state;
    put("a", "{\"name\":\"0\"}");
    pthread_t threads[READERS];
    int failures[READERS] = {0};
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &failures[i]), 0);
    for (int i = 0; i < 50; i++) {
        struct db_tx *tx = store_write();
        change(tx, "{\"name\":\"changed\"}");
        store_commit(tx);
    }
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(failures[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(a_change_counts_at_once),
        store_test(what_was_undone_is_not_kept),
        store_test(a_row_in_the_place_of_another_is_told_from_it),
        store_test(readers_and_changes_at_once_harm_nobody),
    };
    return STORE_RUN_TESTS(tests);
}
