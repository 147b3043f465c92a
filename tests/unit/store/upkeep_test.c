/* Housekeeping, and sealing anew. */
#include "fixture.h"
#include "store/housekeeping.h"
#include "store/reseal.h"
#include "store/sealed.h"
#include "store/settings.h"

#include <string.h>

static int64_t count(const char *table)
{
    struct db_rows rows;
    struct db_tx *tx = store_read();
    const char *sql = arena_printf(store.arena, "SELECT COUNT(*) FROM %s", table);
    assert_int_equal(db_rows_dynamic(tx, store.arena, &rows, sql, "", NULL), DB_OK);
    db_end(&tx);
    return db_at(&rows, 0, 0)->number;
}

static const int64_t now = INT64_C(1800000000000);
static const int64_t day = INT64_C(86400000);

static void what_is_over_goes_and_what_is_not_stays(void **state)
{
    (void)state;
    static const struct {
        const char *table, *insert;
        int64_t kept_days; /* at most */
    } rows[] = {
        {"login_transactions", "INSERT INTO login_transactions VALUES (?, '{}', 1, 0, ?)", 1},
        {"sessions", "INSERT INTO sessions VALUES (?, 'u', '{}', 1, 0, 0, ?)", 0},
        {"authorization_codes", "INSERT INTO authorization_codes VALUES (?, 'c', '{}', 0, ?, NULL)", 1},
        {"access_tokens", "INSERT INTO access_tokens VALUES (?, 'u', NULL, '{}', 0, ?)", 0},
        {"tickets", "INSERT INTO tickets VALUES (?, 'k', 'u', '{}', 0, ?, NULL)", 30},
        {"buckets", "INSERT INTO buckets VALUES (?, 0, 0, ?)", 0},
        {"challenges", "INSERT INTO challenges VALUES (?, 'a', 'u', 'b', NULL, '{}', 0, ?, NULL)", 1},
        {"enrollment_tickets",
         "INSERT INTO enrollment_tickets (ticket_hash, expires_at, id, user_id, doc, created_at)"
         " SELECT h, e, h, 'u', '{}', 0 FROM (SELECT ? AS h, ? AS e) AS v",
         30},
        {"remembered_browsers", "INSERT INTO remembered_browsers VALUES (?, 'u', '{}', 0, 0, ?)", 0},
        {"messages", "INSERT INTO messages VALUES (?, 'sms', 's', 0, 0, 0, ?)", 1},
        {"dev_outbox", "INSERT INTO dev_outbox VALUES (?, 'sms', 'r', '{}', ?)", 1},
        {"logs", "INSERT INTO logs VALUES (?, 's', NULL, NULL, '{}', ?)", 30},
        {"blocks", "INSERT INTO blocks VALUES (?, 'ip', '{}', 0, ?)", 0},
        {"authenticators",
         "INSERT INTO authenticators (id, created_at, user_id, kind, status, last_step, doc, version)"
         " VALUES (?, ?, 'u', 'otp', 'pending', 0, '{}', 1)",
         1},
    };
    struct db_tx *tx = store_write();
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        int64_t over = now - rows[i].kept_days * day;
        for (int n = 0; n < 3; n++)
            assert_int_equal(
                db_exec(tx, NULL, rows[i].insert, "ti", arena_printf(store.arena, "over-%d", n), over),
                DB_OK);
        assert_int_equal(db_exec(tx, NULL, rows[i].insert, "ti", "stays", now + 1), DB_OK);
    }
    store_commit(tx);
    int64_t deleted = 0;
    assert_int_equal(housekeeping_run(store.db, now, &deleted), DB_OK);
    assert_int_equal(deleted, 3 * ARRAY_LENGTH(rows));
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        assert_int_equal(count(rows[i].table), 1);
    assert_int_equal(housekeeping_run(store.db, now, &deleted), DB_OK);
    assert_int_equal(deleted, 0);
}

static void more_than_a_batch_goes_in_one_round_and_confirmed_factors_stay(void **state)
{
    (void)state;
    struct db_tx *tx = store_write();
    for (int64_t i = 0; i < 450; i++)
        assert_int_equal(db_exec(tx, NULL, "INSERT INTO buckets VALUES (?, 0, 0, ?)", "ti",
                                 arena_printf(store.arena, "b%d", (int)i), i),
                         DB_OK);
    assert_int_equal(
        db_exec(tx, NULL,
                "INSERT INTO authenticators (id, created_at, user_id, kind, status, last_step, doc, version)"
                " VALUES ('dev_1', 0, 'u', 'otp', 'confirmed', 0, '{}', 1)",
                ""),
        DB_OK);
    store_commit(tx);
    int64_t deleted = 0;
    assert_int_equal(housekeeping_run(store.db, now, &deleted), DB_OK);
    assert_int_equal(deleted, 450);
    assert_int_equal(count("authenticators"), 1);
}

static void the_thread_ends_when_it_is_told_to(void **state)
{
    (void)state;
    struct housekeeping *housekeeping = housekeeping_start(store.db, store.keyring);
    housekeeping_stop(&housekeeping);
    assert_null(housekeeping);
    housekeeping_stop(&housekeeping);
}

#define OLD "old:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define NEW "new:HxwdHhscGRobGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwA="

static struct keyring *ring(const char *text)
{
    const char *error = NULL;
    struct keyring *keyring = keyring_parse(store.arena, text, &error);
    assert_non_null(keyring);
    return keyring;
}

static void everything_is_sealed_anew_and_what_no_key_opens_is_told(void **state)
{
    (void)state;
    enum { SECRETS = 250 };
    struct keyring *before = ring(OLD);
    struct keyring *during = ring(NEW "\n" OLD);
    struct keyring *after = ring(NEW);
    struct db_tx *tx = store_write();
    for (int i = 0; i < SECRETS; i++) {
        const char *id = arena_printf(store.arena, "dev_%03d", i);
        const char *sealed = sealed_make(before, store.arena, "authenticators", id, bytes_of_text(id));
        assert_int_equal(
            db_exec(tx, NULL,
                    "INSERT INTO authenticators (id, user_id, kind, status, sealed, last_step, doc, version,"
                    " created_at) VALUES (?, 'u', 'otp', 'confirmed', ?, 0, '{}', 1, 0)",
                    "tt", id, sealed),
            DB_OK);
    }
    assert_int_equal(settings_put_sealed(tx, store.arena, before, "twilio", "{\"auth_token\":\"t\"}"), DB_OK);
    assert_int_equal(
        db_exec(tx, NULL, "INSERT INTO rules_configs VALUES ('K', '1.gone.AAAA', '{}', 1, 0)", ""), DB_OK);
    store_commit(tx);

    int64_t remaining = 0;
    assert_int_equal(reseal_remaining(store.db, during, &remaining), DB_OK);
    assert_int_equal(remaining, SECRETS + 2);
    struct reseal_counts counts;
    assert_int_equal(reseal_all(store.db, during, &counts), DB_OK);
    assert_int_equal(counts.resealed, SECRETS + 1);
    assert_int_equal(counts.unreadable, 1);
    assert_int_equal(reseal_remaining(store.db, during, &remaining), DB_OK);
    assert_int_equal(remaining, 1);

    yyjson_val *doc = NULL;
    struct bytes secret;
    struct db_rows rows;
    tx = store_read();
    assert_int_equal(settings_get_sealed(tx, store.arena, after, "twilio", &doc), DB_OK);
    assert_string_equal(json_text(doc, "auth_token"), "t");
    assert_int_equal(db_rows(tx, store.arena, &rows, "SELECT id, sealed FROM authenticators", ""), DB_OK);
    for (size_t i = 0; i < rows.count; i++) {
        const char *id = db_at(&rows, i, 0)->text;
        assert_int_equal(
            sealed_open(after, store.arena, "authenticators", id, db_at(&rows, i, 1)->text, &secret), DB_OK);
        assert_string_equal((const char *)secret.data, id);
    }
    db_end(&tx);
    assert_int_equal(reseal_all(store.db, during, &counts), DB_OK);
    assert_int_equal(counts.resealed, 0);
    keyring_free(&before);
    keyring_free(&during);
    keyring_free(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(what_is_over_goes_and_what_is_not_stays),
        store_test(more_than_a_batch_goes_in_one_round_and_confirmed_factors_stay),
        store_test(the_thread_ends_when_it_is_told_to),
        store_test(everything_is_sealed_anew_and_what_no_key_opens_is_told),
    };
    return STORE_RUN_TESTS(tests);
}
