#include "store/users.h"

#include "fixture.h"

#include <pthread.h>
#include <string.h>

static enum db_result add(struct db_tx *tx, const char *user_id, const char *connection, const char *doc)
{
    yyjson_mut_doc *thawed = json_thaw(store.arena, json_parse_own(store.arena, doc));
    return user_insert(tx, store.arena, user_id, connection, thawed);
}

static void add_committed(const char *user_id, const char *connection, const char *doc)
{
    struct db_tx *tx = store_write();
    assert_int_equal(add(tx, user_id, connection, doc), DB_OK);
    store_commit(tx);
}

static const char *id_by_login(const char *connection, const char *identifier)
{
    struct user user;
    struct db_tx *tx = store_read();
    enum db_result result = user_by_login(tx, store.arena, connection, identifier, &user);
    db_end(&tx);
    assert_int_equal(result == DB_OK, user.user_id != NULL);
    return result == DB_OK ? user.user_id : NULL;
}

static void a_user_is_found_by_every_key_in_its_connection(void **state)
{
    (void)state;
    add_committed(
        "auth0|1", "db",
        "{\"email\":\"Vincent@Example.Test\",\"username\":\"Vince\",\"phone_number\":\"+15551234567\"}");
    add_committed("auth0|2", "other", "{\"email\":\"vincent@example.test\"}");
    assert_string_equal(id_by_login("db", "VINCENT@example.TEST"), "auth0|1");
    assert_string_equal(id_by_login("other", "vincent@example.test"), "auth0|2");
    assert_string_equal(id_by_login("db", "vINCE"), "auth0|1");
    assert_string_equal(id_by_login("db", "+15551234567"), "auth0|1");
    assert_null(id_by_login("db", "+15551234568"));
    assert_null(id_by_login("db", "%"));
    assert_null(id_by_login("db", ""));
    assert_null(id_by_login("none", "vince"));

    struct user *users = NULL;
    size_t count = 0;
    struct db_tx *tx = store_read();
    assert_int_equal(users_by_email(tx, store.arena, "VINCENT@example.test", &users, &count), DB_OK);
    assert_int_equal(count, 2);
    assert_string_equal(users[0].user_id, "auth0|1");
    assert_string_equal(json_text(users[0].doc, "email"), "Vincent@Example.Test");
    assert_int_equal(users_by_email(tx, store.arena, "no address", &users, &count), DB_OK);
    assert_int_equal(count, 0);
    db_end(&tx);
}

/* A13: one account whatever the spelling, by the store's own keys. */
static void another_spelling_of_a_taken_key_is_a_conflict(void **state)
{
    (void)state;
    add_committed("auth0|1", "db",
                  "{\"email\":\"u@b\xc3\xbc"
                  "cher.test\",\"username\":\"Vince\"}");
    static const char *const docs[] = {"{\"email\":\"U@xn--bcher-kva.TEST\"}",
                                       "{\"email\":\"u@BU\xcc\x88"
                                       "CHER.test\"}",
                                       "{\"email\":\"other@x.test\",\"username\":\"VINCE\"}"};
    for (size_t i = 0; i < ARRAY_LENGTH(docs); i++) {
        struct db_tx *tx = store_write();
        assert_int_equal(add(tx, arena_printf(store.arena, "auth0|n%zu", i), "db", docs[i]), DB_CONFLICT);
        db_rollback(&tx);
    }
    struct db_tx *tx = store_write();
    assert_int_equal(add(tx, "auth0|9", "db", "{\"email\":\"v\xd0\xbeva@x.test\"}"), DB_FAILED);
    db_rollback(&tx);
    /* Users without a key do not disturb each other. */
    add_committed("sms|1", "db", "{}");
    add_committed("sms|2", "db", "{}");
}

static void an_update_needs_the_version_it_was_made_from(void **state)
{
    (void)state;
    add_committed("auth0|1", "db", "{\"email\":\"a@x.test\",\"n\":1}");
    add_committed("auth0|2", "db", "{\"email\":\"b@x.test\"}");
    struct user user;
    struct db_tx *tx = store_write();
    assert_int_equal(user_by_id(tx, store.arena, "auth0|1", &user), DB_OK);
    yyjson_mut_doc *doc = json_thaw(store.arena, user.doc);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "email", "c@x.test");
    assert_int_equal(user_update(tx, store.arena, "auth0|1", user.version, doc), DB_OK);
    assert_int_equal(user_update(tx, store.arena, "auth0|1", user.version, doc), DB_NOT_FOUND);
    store_commit(tx);
    assert_string_equal(id_by_login("db", "c@x.test"), "auth0|1");
    assert_null(id_by_login("db", "a@x.test"));

    tx = store_write();
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "email", "B@X.test");
    assert_int_equal(user_update(tx, store.arena, "auth0|1", user.version + 1, doc), DB_CONFLICT);
    db_rollback(&tx);
}

static int64_t counted(void)
{
    int64_t count = -1;
    struct db_tx *tx = store_read();
    assert_int_equal(users_count(tx, store.arena, &count), DB_OK);
    db_end(&tx);
    return count;
}

static int64_t rows_of(const char *table)
{
    struct db_tx *tx = store_read();
    struct db_rows rows;
    const char *sql = arena_printf(store.arena, "SELECT COUNT(*) FROM %s", table);
    assert_int_equal(db_rows_dynamic(tx, store.arena, &rows, sql, "", NULL), DB_OK);
    int64_t count = db_at(&rows, 0, 0)->number;
    db_end(&tx);
    return count;
}

static void a_deleted_user_leaves_nothing_behind(void **state)
{
    (void)state;
    static const char *const inserts[] = {
        "INSERT INTO authenticators (id, user_id, kind, status, last_step, doc, version, created_at)"
        " VALUES ('dev_1', 'auth0|1', 'otp', 'confirmed', 0, '{}', 1, 0)",
        "INSERT INTO challenges (id, authenticator_id, user_id, binding, doc, created_at, expires_at)"
        " VALUES ('c', 'dev_1', 'auth0|1', 'b', '{}', 0, 0)",
        "INSERT INTO enrollment_tickets (ticket_hash, id, user_id, doc, created_at, expires_at)"
        " VALUES ('h', 'i', 'auth0|1', '{}', 0, 0)",
        "INSERT INTO remembered_browsers VALUES ('h', 'auth0|1', '{}', 0, 0, 0)",
        "INSERT INTO sessions VALUES ('s', 'auth0|1', '{}', 1, 0, 0, 0)",
        "INSERT INTO access_tokens VALUES ('h', 'auth0|1', NULL, '{}', 0, 0)",
        "INSERT INTO tickets (ticket_hash, kind, user_id, doc, created_at, expires_at)"
        " VALUES ('h', 'k', 'auth0|1', '{}', 0, 0)",
    };
    static const char *const tables[] = {
        "users",    "passwords",     "authenticators", "challenges",         "enrollment_tickets",
        "sessions", "access_tokens", "tickets",        "remembered_browsers"};
    add_committed("auth0|1", "db", "{\"email\":\"a@x.test\"}");
    struct db_tx *tx = store_write();
    assert_int_equal(user_password_put(tx, "auth0|1", "first"), DB_OK);
    assert_int_equal(user_password_put(tx, "auth0|1", "second"), DB_OK);
    const char *hash = NULL;
    assert_int_equal(user_password(tx, store.arena, "auth0|1", &hash), DB_OK);
    assert_string_equal(hash, "second");
    assert_int_equal(user_password(tx, store.arena, "auth0|2", &hash), DB_NOT_FOUND);
    assert_null(hash);
    for (size_t i = 0; i < ARRAY_LENGTH(inserts); i++)
        assert_int_equal(db_exec(tx, NULL, inserts[i], ""), DB_OK);
    store_commit(tx);
    assert_int_equal(counted(), 1);

    tx = store_write();
    assert_int_equal(user_delete(tx, "auth0|1"), DB_OK);
    assert_int_equal(user_delete(tx, "auth0|1"), DB_NOT_FOUND);
    store_commit(tx);
    for (size_t i = 0; i < ARRAY_LENGTH(tables); i++)
        assert_int_equal(rows_of(tables[i]), 0);
    assert_int_equal(counted(), 0);
}

enum { THREADS = 6, USERS = 20 };

struct crowd {
    pthread_t thread;
    int number;
    bool failed;
};

static void *sign_up(void *context)
{
    struct arena *arena = arena_create();
    struct crowd *crowd = context;
    for (int i = 0; i < USERS && !crowd->failed; i++) {
        struct db_tx *tx = NULL;
        const char *id = arena_printf(arena, "auth0|%d-%d", crowd->number, i);
        const char *doc = arena_printf(arena, "{\"email\":\"%d-%d@x.test\"}", crowd->number, i);
        yyjson_mut_doc *thawed = json_thaw(arena, json_parse_own(arena, doc));
        crowd->failed = db_begin_write(store.db, &tx) != DB_OK ||
                        user_insert(tx, arena, id, i % 2 == 0 ? "even" : "odd", thawed) != DB_OK ||
                        db_commit(&tx) != DB_OK;
        db_rollback(&tx);
    }
    arena_destroy(&arena);
    return NULL;
}

static void users_are_counted_also_when_many_sign_up_at_once(void **state)
{
    (void)state;
    struct crowd crowds[THREADS] = {0};
    for (int i = 0; i < THREADS; i++) {
        crowds[i].number = i;
        assert_int_equal(pthread_create(&crowds[i].thread, NULL, sign_up, &crowds[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(crowds[i].thread, NULL);
        assert_false(crowds[i].failed);
    }
    assert_int_equal(counted(), THREADS * USERS);
    struct db_tx *tx = store_write();
    assert_int_equal(db_exec(tx, NULL,
                             "INSERT INTO connections VALUES ('con_1', 'odd', 1, 'auth0', NULL, '{}', 1, 0)",
                             ""),
                     DB_OK);
    store_commit(tx);
    assert_int_equal(counted(), THREADS * USERS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(a_user_is_found_by_every_key_in_its_connection),
        store_test(another_spelling_of_a_taken_key_is_a_conflict),
        store_test(an_update_needs_the_version_it_was_made_from),
        store_test(a_deleted_user_leaves_nothing_behind),
        store_test(users_are_counted_also_when_many_sign_up_at_once),
    };
    return STORE_RUN_TESTS(tests);
}
