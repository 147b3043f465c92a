/* Settings, clients, buckets and the tenant's log. */
#include "base/clock.h"
#include "fixture.h"
#include "store/buckets.h"
#include "store/clients.h"
#include "store/logs.h"
#include "store/sealed.h"
#include "store/settings.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static void settings_come_back_whole(void **state)
{
    (void)state;
    yyjson_val *doc = NULL;
    struct db_tx *tx = store_write();
    assert_int_equal(settings_get(tx, store.arena, "tenant", &doc), DB_NOT_FOUND);
    assert_null(doc);
    assert_int_equal(settings_put(tx, "tenant", "{\"a\":1}"), DB_OK);
    assert_int_equal(settings_put(tx, "tenant", "{\"b\":2}"), DB_OK);
    assert_int_equal(settings_get(tx, store.arena, "tenant", &doc), DB_OK);
    assert_string_equal(json_write(store.arena, doc), "{\"b\":2}");
    store_commit(tx);
}

static void sealed_settings_show_nothing_in_the_store(void **state)
{
    (void)state;
    yyjson_val *doc = NULL;
    struct db_tx *tx = store_write();
    assert_int_equal(settings_get_sealed(tx, store.arena, store.keyring, "twilio", &doc), DB_NOT_FOUND);
    assert_int_equal(
        settings_put_sealed(tx, store.arena, store.keyring, "twilio", "{\"auth_token\":\"hidden\"}"), DB_OK);
    assert_int_equal(
        settings_put_sealed(tx, store.arena, store.keyring, "twilio", "{\"auth_token\":\"shown\"}"), DB_OK);
    assert_int_equal(settings_get_sealed(tx, store.arena, store.keyring, "twilio", &doc), DB_OK);
    assert_string_equal(json_text(doc, "auth_token"), "shown");
    assert_int_equal(settings_get(tx, store.arena, "twilio", &doc), DB_OK);
    assert_string_equal(json_write(store.arena, doc), "{}");
    assert_int_equal(settings_put(tx, "plain", "{}"), DB_OK);
    assert_int_equal(settings_get_sealed(tx, store.arena, store.keyring, "plain", &doc), DB_NOT_FOUND);
    store_commit(tx);
}

static void a_client_is_read_with_its_secret(void **state)
{
    (void)state;
    struct client client;
    struct db_tx *tx = store_write();
    const char *sealed = sealed_make(store.keyring, store.arena, "clients", "c1", bytes_of_text("s3cret"));
    assert_int_equal(db_exec(tx, NULL,
                             "INSERT INTO clients VALUES ('c1', 'App', 0, ?, '{\"name\":\"App\"}', 3, 0)",
                             "t", sealed),
                     DB_OK);
    assert_int_equal(db_exec(tx, NULL, "INSERT INTO clients VALUES ('c2', 'SPA', 1, NULL, '{}', 1, 0)", ""),
                     DB_OK);
    assert_int_equal(client_by_id(tx, store.arena, store.keyring, "c1", &client), DB_OK);
    assert_string_equal(client.secret, "s3cret");
    assert_string_equal(json_text(client.doc, "name"), "App");
    assert_int_equal(client.version, 3);
    assert_false(client.is_system);
    assert_int_equal(client_by_id(tx, store.arena, store.keyring, "c2", &client), DB_OK);
    assert_null(client.secret);
    assert_true(client.is_system);
    assert_int_equal(client_by_id(tx, store.arena, store.keyring, "c3", &client), DB_NOT_FOUND);
    store_commit(tx);
}

static void apis_grants_and_connections_are_found(void **state)
{
    (void)state;
    yyjson_val *doc = NULL;
    yyjson_val **docs = NULL;
    size_t count = 0;
    struct db_tx *tx = store_write();
    static const char *const inserts[] = {
        "INSERT INTO resource_servers VALUES ('r', 'https://api/', NULL, '{\"name\":\"API\"}', 1, 0)",
        "INSERT INTO client_grants VALUES ('g', 'c1', 'https://api/', '{\"scope\":[]}', 1, 0)",
        "INSERT INTO connections VALUES ('con_2', 'Second', 0, 'auth0', NULL, "
        "'{\"enabled_clients\":[\"c1\"]}', 1, 2)",
        "INSERT INTO connections VALUES ('con_1', 'First', 0, 'auth0', NULL, "
        "'{\"name\":\"First\",\"enabled_clients\":"
        "[\"c0\",\"c1\"]}', 1, 1)",
        "INSERT INTO connections VALUES ('con_3', 'sms', 0, 'sms', NULL, '{\"enabled_clients\":[\"c1\"]}', "
        "1, 0)",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(inserts); i++)
        assert_int_equal(db_exec(tx, NULL, inserts[i], ""), DB_OK);
    assert_int_equal(resource_server_by_identifier(tx, store.arena, "https://api/", &doc), DB_OK);
    assert_string_equal(json_text(doc, "name"), "API");
    assert_int_equal(resource_server_by_identifier(tx, store.arena, "https://api", &doc), DB_NOT_FOUND);
    assert_null(doc);
    assert_int_equal(client_grant_for(tx, store.arena, "c1", "https://api/", &doc), DB_OK);
    assert_int_equal(client_grant_for(tx, store.arena, "c2", "https://api/", &doc), DB_NOT_FOUND);
    assert_int_equal(connection_by_name(tx, store.arena, "First", &doc), DB_OK);
    assert_int_equal(connection_by_name(tx, store.arena, "con_1", &doc), DB_OK);
    assert_string_equal(json_text(doc, "name"), "First");
    assert_int_equal(connections_of_client(tx, store.arena, "c1", &docs, &count), DB_OK);
    assert_int_equal(count, 2);
    assert_string_equal(json_text(docs[0], "name"), "First");
    assert_int_equal(connections_of_client(tx, store.arena, "c9", &docs, &count), DB_OK);
    assert_int_equal(count, 0);
    store_commit(tx);
}

static const struct bucket_limit three_a_minute = {.capacity = 3, .refill_ms = 20000};

static bool take(const char *name, int64_t now, int64_t *retry)
{
    bool allowed = false;
    struct db_tx *tx = store_write();
    assert_int_equal(bucket_take(tx, name, three_a_minute, now, &allowed, retry), DB_OK);
    store_commit(tx);
    return allowed;
}

static bool peek(const char *name, int64_t now)
{
    bool allowed = false;
    int64_t retry = 0;
    struct db_tx *tx = store_read();
    assert_int_equal(bucket_peek(tx, name, three_a_minute, now, &allowed, &retry), DB_OK);
    db_end(&tx);
    return allowed;
}

static void a_bucket_holds_so_many_and_fills_one_by_one(void **state)
{
    (void)state;
    int64_t now = 1000000;
    int64_t retry = 0;
    for (int i = 0; i < 3; i++) {
        assert_true(peek("b", now));
        assert_true(take("b", now, &retry));
    }
    assert_false(peek("b", now));
    assert_false(take("b", now, &retry));
    assert_int_equal(retry, 20000);
    assert_false(take("b", now + 15000, &retry));
    assert_int_equal(retry, 5000);
    assert_true(take("b", now + 20000, &retry));
    assert_false(take("b", now + 20000, &retry));
    assert_true(take("other", now, &retry));
    struct db_tx *tx = store_write();
    assert_int_equal(bucket_reset(tx, "b"), DB_OK);
    store_commit(tx);
    for (int i = 0; i < 3; i++)
        assert_true(take("b", now + 20000, &retry));
    assert_true(take("b", now + INT64_C(86400000) * 365 * 100, &retry));
}

static int64_t left(int64_t now, int64_t *next)
{
    int64_t number = 0;
    struct db_tx *tx = store_read();
    assert_int_equal(bucket_left(tx, "b", three_a_minute, now, &number, next), DB_OK);
    db_end(&tx);
    return number;
}

static void a_bucket_tells_what_is_left_and_when_there_is_more(void **state)
{
    (void)state;
    int64_t now = 1000000;
    int64_t retry = 0, next = 0;
    assert_int_equal(left(now, &next), 3);
    assert_int_equal(next, 0);
    assert_true(take("b", now, &retry));
    assert_true(take("b", now, &retry));
    assert_int_equal(left(now, &next), 1);
    assert_int_equal(next, 20000);
    assert_int_equal(left(now + 15000, &next), 1);
    assert_int_equal(next, 5000);
    assert_int_equal(left(now + 20000, &next), 2);
    assert_int_equal(left(now + 40000, &next), 3);
    assert_int_equal(next, 0);
}

static void a_bucket_is_right_again_after_the_clock_was_set_back(void **state)
{
    (void)state;
    int64_t ahead = INT64_C(1800000000000);
    int64_t now = INT64_C(1700000000000);
    int64_t retry = 0;
    for (int i = 0; i < 3; i++)
        assert_true(take("b", ahead, &retry));
    assert_false(take("b", now, &retry));
    assert_true(take("b", now + 20000, &retry));
    assert_false(take("b", now + 20000 - 500, &retry));
    assert_true(take("b", now + 40000, &retry));
}

static atomic_int taken;

static void *take_one(void *context)
{
    bool allowed = false;
    int64_t retry = 0;
    struct db_tx *tx = NULL;
    if (db_begin_write(store.db, &tx) == DB_OK &&
        bucket_take(tx, "shared", three_a_minute, *(int64_t *)context, &allowed, &retry) == DB_OK &&
        db_commit(&tx) == DB_OK && allowed)
        atomic_fetch_add(&taken, 1);
    db_rollback(&tx);
    return NULL;
}

static void takes_at_the_same_time_never_share_one(void **state)
{
    (void)state;
    enum { THREADS = 10 };
    pthread_t threads[THREADS];
    int64_t now = 5000;
    atomic_store(&taken, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_one, &now), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&taken), 3);
}

static void log_entries_are_written_in_order_with_auth0s_members(void **state)
{
    (void)state;
    enum { ENTRIES = 600 };
    struct log_writer *writer = log_writer_start(store.db);
    yyjson_mut_doc *details = json_new_object(store.arena);
    json_set_int(details, yyjson_mut_doc_get_root(details), "n", 1);
    for (int i = 0; i < ENTRIES; i++) {
        struct log_entry entry = {.type = i == 0 ? "fp" : "s",
                                  .user_id = "auth0|1",
                                  .strategy = "auth0",
                                  .description = i == 0 ? "first" : NULL,
                                  .details = yyjson_mut_doc_get_root(details)};
        log_entry_add(writer, &entry);
    }
    log_writer_flush(writer);
    struct db_rows rows;
    struct db_tx *tx = store_read();
    assert_int_equal(
        db_rows(tx, store.arena, &rows, "SELECT log_id, doc, type, user_id FROM logs ORDER BY log_id", ""),
        DB_OK);
    db_end(&tx);
    assert_int_equal(rows.count, ENTRIES);
    yyjson_val *doc = json_parse_own(store.arena, db_at(&rows, 0, 1)->text);
    assert_string_equal(json_text(doc, "type"), "fp");
    assert_string_equal(json_text(doc, "description"), "first");
    assert_string_equal(json_text(doc, "log_id"), db_at(&rows, 0, 0)->text);
    assert_string_equal(json_text(doc, "_id"), db_at(&rows, 0, 0)->text);
    assert_int_equal(strlen(db_at(&rows, 0, 0)->text), 56);
    assert_string_equal(json_text(doc, "strategy_type"), "database");
    assert_true(yyjson_is_null(json_member(doc, "client_id")));
    assert_int_equal(json_int(json_member(doc, "details"), "n", 0), 1);

    /* After a restart with the clock set back, ids still only grow. */
    struct log_entry late = {.type = "late"};
    log_entry_add(writer, &late);
    log_writer_stop(&writer);
    assert_null(writer);
    clock_advance(-3600000);
    writer = log_writer_start(store.db);
    late.type = "later";
    log_entry_add(writer, &late);
    log_writer_stop(&writer);
    clock_advance(3600000);
    tx = store_read();
    assert_int_equal(db_rows(tx, store.arena, &rows, "SELECT type FROM logs ORDER BY log_id DESC", ""),
                     DB_OK);
    db_end(&tx);
    assert_int_equal(rows.count, ENTRIES + 2);
    assert_string_equal(db_at(&rows, 0, 0)->text, "later");
    assert_string_equal(db_at(&rows, 1, 0)->text, "late");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(settings_come_back_whole),
        store_test(sealed_settings_show_nothing_in_the_store),
        store_test(a_client_is_read_with_its_secret),
        store_test(apis_grants_and_connections_are_found),
        store_test(a_bucket_holds_so_many_and_fills_one_by_one),
        store_test(a_bucket_tells_what_is_left_and_when_there_is_more),
        store_test(a_bucket_is_right_again_after_the_clock_was_set_back),
        store_test(takes_at_the_same_time_never_share_one),
        store_test(log_entries_are_written_in_order_with_auth0s_members),
    };
    return STORE_RUN_TESTS(tests);
}
