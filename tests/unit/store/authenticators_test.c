#include "store/authenticators.h"

#include "crypto/digest.h"
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static void add(const char *id, const char *kind, const char *secret, const char *code_hash, int64_t at)
{
    struct authenticator authenticator = {.id = id,
                                          .user_id = "auth0|1",
                                          .kind = kind,
                                          .secret = bytes_of_text(secret),
                                          .created_at = at,
                                          .doc = json_parse_own(store.arena, "{\"name\":\"phone\"}")};
    struct db_tx *tx = store_write();
    assert_int_equal(authenticator_insert(tx, store.arena, store.keyring, &authenticator, code_hash), DB_OK);
    store_commit(tx);
}

static void a_secret_is_sealed_in_the_store_and_opens_for_its_factor(void **state)
{
    (void)state;
    add("dev_b", "otp", "JBSWY3DPEHPK3PXP", NULL, 2);
    add("dev_a", "phone", "", NULL, 1);
    struct authenticator *list = NULL;
    size_t count = 0;
    struct db_tx *tx = store_read();
    assert_int_equal(authenticators_of_user(tx, store.arena, store.keyring, "auth0|1", &list, &count), DB_OK);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].id, "dev_a");
    assert_int_equal(list[0].secret.size, 0);
    assert_string_equal(json_text(list[0].doc, "name"), "phone");
    assert_false(list[1].confirmed);
    assert_memory_equal(list[1].secret.data, "JBSWY3DPEHPK3PXP", 16);
    struct db_rows rows;
    assert_int_equal(
        db_rows(tx, store.arena, &rows, "SELECT sealed FROM authenticators WHERE id = 'dev_b'", ""), DB_OK);
    assert_null(strstr(db_at(&rows, 0, 0)->text, "JBSW"));
    db_end(&tx);

    /* Another row's seal does not open here. */
    tx = store_write();
    assert_int_equal(
        db_exec(tx, NULL,
                "UPDATE authenticators SET sealed = (SELECT sealed FROM authenticators WHERE id = 'dev_b')"
                " WHERE id = 'dev_a'",
                ""),
        DB_OK);
    struct authenticator one;
    assert_int_equal(authenticator_by_id(tx, store.arena, store.keyring, "dev_a", &one), DB_FAILED);
    assert_int_equal(authenticator_by_id(tx, store.arena, store.keyring, "dev_x", &one), DB_NOT_FOUND);
    db_rollback(&tx);
}

/* A1: also the code that confirmed the enrolment is used up. */
static void a_time_step_is_accepted_once(void **state)
{
    (void)state;
    add("dev_1", "otp", "s", NULL, 1);
    struct db_tx *tx = store_write();
    assert_int_equal(authenticator_use_step(tx, "dev_1", 99, 1), DB_NOT_FOUND);
    assert_int_equal(authenticator_confirm(tx, "dev_1", 100, 5), DB_OK);
    assert_int_equal(authenticator_confirm(tx, "dev_1", 100, 5), DB_NOT_FOUND);
    assert_int_equal(authenticator_use_step(tx, "dev_1", 100, 6), DB_NOT_FOUND);
    assert_int_equal(authenticator_use_step(tx, "dev_1", 101, 7), DB_OK);
    assert_int_equal(authenticator_use_step(tx, "dev_1", 101, 8), DB_NOT_FOUND);
    assert_int_equal(authenticator_use_step(tx, "dev_1", 100, 8), DB_NOT_FOUND);
    struct authenticator one;
    assert_int_equal(authenticator_by_id(tx, store.arena, store.keyring, "dev_1", &one), DB_OK);
    assert_true(one.confirmed);
    assert_int_equal(one.last_step, 101);
    assert_int_equal(one.confirmed_at, 5);
    assert_int_equal(one.last_auth_at, 7);
    store_commit(tx);
}

static void a_deleted_factor_takes_its_challenges_along(void **state)
{
    (void)state;
    add("dev_1", "phone", "", NULL, 1);
    add("dev_2", "phone", "", NULL, 1);
    struct challenge challenge = {.id = "c",
                                  .authenticator_id = "dev_1",
                                  .user_id = "auth0|1",
                                  .binding = "t",
                                  .code_hash = "h",
                                  .created_at = 0,
                                  .expires_at = 100};
    struct db_tx *tx = store_write();
    assert_int_equal(challenge_insert(tx, &challenge), DB_OK);
    assert_int_equal(authenticator_confirm(tx, "dev_2", 0, 5), DB_OK);
    assert_int_equal(authenticators_delete_pending(tx, "auth0|1", "otp"), DB_OK);
    assert_int_equal(authenticator_delete(tx, "dev_1"), DB_OK);
    assert_int_equal(authenticator_delete(tx, "dev_1"), DB_NOT_FOUND);
    assert_int_equal(authenticators_delete_pending(tx, "auth0|1", "phone"), DB_OK);
    assert_int_equal(challenge_use(tx, "dev_1", "t", "h", 1), DB_NOT_FOUND);
    struct authenticator one;
    assert_int_equal(authenticator_by_id(tx, store.arena, store.keyring, "dev_2", &one), DB_OK);
    store_commit(tx);
}

static void a_sent_code_works_once_in_time_and_for_its_login(void **state)
{
    (void)state;
    struct challenge challenge = {.id = "c1",
                                  .authenticator_id = "dev_1",
                                  .user_id = "auth0|1",
                                  .binding = "login-1",
                                  .code_hash = "h1",
                                  .created_at = 0,
                                  .expires_at = 100};
    bool expired = true;
    struct db_tx *tx = store_write();
    assert_int_equal(challenge_insert(tx, &challenge), DB_OK);
    assert_int_equal(challenge_use(tx, "dev_1", "login-2", "h1", 50), DB_NOT_FOUND);
    assert_int_equal(challenge_use(tx, "dev_2", "login-1", "h1", 50), DB_NOT_FOUND);
    assert_int_equal(challenge_use(tx, "dev_1", "login-1", "h2", 50), DB_NOT_FOUND);
    assert_int_equal(challenge_use(tx, "dev_1", "login-1", "h1", 100), DB_NOT_FOUND);
    assert_int_equal(challenge_expired(tx, store.arena, "dev_1", "login-1", "h1", 100, &expired), DB_OK);
    assert_true(expired);
    assert_int_equal(challenge_expired(tx, store.arena, "dev_1", "login-1", "h1", 50, &expired), DB_OK);
    assert_false(expired);
    assert_int_equal(challenge_use(tx, "dev_1", "login-1", "h1", 50), DB_OK);
    assert_int_equal(challenge_use(tx, "dev_1", "login-1", "h1", 50), DB_NOT_FOUND);

    challenge.id = "c2";
    assert_int_equal(challenge_insert(tx, &challenge), DB_OK);
    assert_int_equal(challenges_void(tx, "dev_1", "login-1", 60), DB_OK);
    assert_int_equal(challenge_use(tx, "dev_1", "login-1", "h1", 61), DB_NOT_FOUND);
    store_commit(tx);
}

static void add_ticket(struct db_tx *tx, const char *ticket, const char *doc, int64_t expires_at)
{
    struct enrollment_ticket values = {.id = arena_printf(store.arena, "id-%s", ticket),
                                       .user_id = "auth0|1",
                                       .created_at = 1,
                                       .expires_at = expires_at};
    assert_int_equal(enrollment_ticket_insert(tx, ticket, &values, doc), DB_OK);
}

static enum db_result use_ticket(struct db_tx *tx, const char *ticket, int64_t now)
{
    return enrollment_ticket_use(tx, token_hash(store.arena, ticket), now);
}

/* A6 and A7 */
static void an_enrolment_ticket_works_once_and_voids_its_siblings(void **state)
{
    (void)state;
    struct enrollment_ticket *list = NULL;
    struct enrollment_ticket one;
    size_t count = 0;
    struct db_tx *tx = store_write();
    add_ticket(tx, "t1", "{\"email\":\"e\"}", 100);
    add_ticket(tx, "t2", "{}", 100);
    add_ticket(tx, "late", "{}", 10);
    assert_int_equal(enrollment_tickets_open(tx, store.arena, "auth0|1", 50, &list, &count), DB_OK);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].id, "id-t1");
    assert_int_equal(use_ticket(tx, "late", 10), DB_NOT_FOUND);
    assert_int_equal(use_ticket(tx, "absent", 10), DB_NOT_FOUND);
    assert_int_equal(use_ticket(tx, "t1", 50), DB_OK);
    assert_int_equal(use_ticket(tx, "t1", 50), DB_NOT_FOUND);
    assert_int_equal(use_ticket(tx, "t2", 50), DB_NOT_FOUND);
    assert_int_equal(enrollment_ticket_by_secret(tx, store.arena, "t1", &one), DB_OK);
    assert_string_equal(json_text(one.doc, "email"), "e");
    assert_int_equal(one.used_at, 50);
    assert_int_equal(one.voided_at, 0);
    assert_int_equal(enrollment_ticket_by_secret(tx, store.arena, "t2", &one), DB_OK);
    assert_int_equal(one.voided_at, 50);
    assert_int_equal(enrollment_ticket_by_secret(tx, store.arena, "T2", &one), DB_NOT_FOUND);

    add_ticket(tx, "t3", "{\"allow_multiple_enrollments\":true}", 100);
    add_ticket(tx, "t4", "{}", 100);
    assert_int_equal(use_ticket(tx, "t3", 50), DB_OK);
    assert_int_equal(enrollment_ticket_void(tx, "id-t4", 60), DB_OK);
    assert_int_equal(enrollment_ticket_void(tx, "id-t4", 60), DB_NOT_FOUND);
    assert_int_equal(use_ticket(tx, "t4", 61), DB_NOT_FOUND);
    store_commit(tx);
}

enum { RACERS = 8 };
static atomic_int won;
static atomic_int lost;

static void *race(void *context)
{
    enum db_result (*attempt)(struct db_tx * tx, int number) =
        *(enum db_result(**)(struct db_tx *, int))context;
    static atomic_int numbers;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(store.db, &tx);
    if (result == DB_OK)
        result = attempt(tx, atomic_fetch_add(&numbers, 1));
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result == DB_OK)
        atomic_fetch_add(&won, 1);
    else if (result == DB_NOT_FOUND || result == DB_CONFLICT)
        atomic_fetch_add(&lost, 1);
    return NULL;
}

static void one_of_all_wins(enum db_result (*attempt)(struct db_tx *tx, int number))
{
    pthread_t threads[RACERS];
    atomic_store(&won, 0);
    atomic_store(&lost, 0);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &attempt), 0);
    for (int i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&won), 1);
    assert_int_equal(atomic_load(&lost), RACERS - 1);
}

static enum db_result spend_recovery_code(struct db_tx *tx, int number)
{
    char next[32];
    snprintf(next, sizeof next, "next-%d", number);
    return authenticator_replace_code(tx, "auth0|1", "code", next, 9);
}

static enum db_result spend_step(struct db_tx *tx, int number)
{
    (void)number;
    return authenticator_use_step(tx, "dev_otp", 7, 9);
}

static enum db_result spend_a_ticket(struct db_tx *tx, int number)
{
    char hash[65];
    struct arena *arena = arena_create();
    char name[16];
    snprintf(name, sizeof name, "t%d", number % RACERS);
    memcpy(hash, token_hash(arena, name), sizeof hash);
    arena_destroy(&arena);
    return enrollment_ticket_use(tx, hash, 9);
}

/* A1, A7, A8: check and use are one step, whoever comes at the same time. */
static void what_works_once_works_once_in_a_race(void **state)
{
    (void)state;
    add("dev_code", "recovery-code", "", "code", 1);
    add("dev_otp", "otp", "s", NULL, 1);
    struct db_tx *tx = store_write();
    assert_int_equal(authenticator_confirm(tx, "dev_code", 0, 2), DB_OK);
    assert_int_equal(authenticator_confirm(tx, "dev_otp", 0, 2), DB_OK);
    for (int i = 0; i < RACERS; i++)
        add_ticket(tx, arena_printf(store.arena, "t%d", i), "{}", 100);
    store_commit(tx);
    one_of_all_wins(spend_recovery_code);
    one_of_all_wins(spend_step);
    one_of_all_wins(spend_a_ticket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(a_secret_is_sealed_in_the_store_and_opens_for_its_factor),
        store_test(a_time_step_is_accepted_once),
        store_test(a_deleted_factor_takes_its_challenges_along),
        store_test(a_sent_code_works_once_in_time_and_for_its_login),
        store_test(an_enrolment_ticket_works_once_and_voids_its_siblings),
        store_test(what_works_once_works_once_in_a_race),
    };
    return STORE_RUN_TESTS(tests);
}
