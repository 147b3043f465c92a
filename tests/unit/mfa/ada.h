/* A tenant with one user, Ada, and what the tests of src/mfa do with her; a test includes it once. */
#ifndef COUNTERSIGN_TESTS_MFA_ADA_H
#define COUNTERSIGN_TESTS_MFA_ADA_H

#include "mfa/tickets.h"

#include "../store/fixture.h"
#include "base/clock.h"
#include "base/encode.h"
#include "crypto/digest.h"
#include "crypto/otp.h"
#include "notify/outbox.h"
#include "store/settings.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS };

static struct config config;
static struct tenant tenant;
static struct user ada;

static UNUSED void set(const char *name, const char *doc)
{
    struct db_tx *tx = store_write();
    assert_int_equal(settings_put(tx, name, doc), DB_OK);
    store_commit(tx);
}

static UNUSED int set_up(void **state)
{
    store_set_up(state);
    /* Well within a step, so that none ends in the middle of a test. */
    clock_advance(40 * 1000 - clock_now_ms() % (30 * 1000));
    const char *error;
    config = (struct config){
        .issuer = "https://login.test/", .host = "login.test", .dev = true, .rate_limits = true};
    tenant = (struct tenant){
        .config = &config,
        .db = store.db,
        .keyring = keyring_parse(store.arena, keyring_new_line(store.arena), &error),
    };
    tenant.notifier = notifier_start(store.db, tenant.keyring, NULL, &(struct notifier_config){.dev = true});
    tenant.logs = log_writer_start(store.db);

    struct db_tx *tx = store_write();
    yyjson_mut_doc *doc = json_new_object(store.arena);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "email", "ada@example.test");
    assert_int_equal(user_insert(tx, store.arena, "auth0|ada", "Username-Password-Authentication", doc),
                     DB_OK);
    store_commit(tx);
    tx = store_read();
    assert_int_equal(user_by_id(tx, store.arena, "auth0|ada", &ada), DB_OK);
    db_end(&tx);
    set("guardian.factors", "{\"sms\":true,\"otp\":true,\"recovery-code\":true}");
    return 0;
}

static UNUSED int tear_down(void **state)
{
    notifier_stop(&tenant.notifier);
    log_writer_stop(&tenant.logs);
    keyring_free(&tenant.keyring);
    return store_tear_down(state);
}

#define mfa_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* One login of Ada's, as it is now. */
static UNUSED struct factor_call call_of(const char *binding)
{
    return (struct factor_call){
        .tenant = &tenant,
        .arena = store.arena,
        .user = &ada,
        .binding = binding,
        .locale = "en",
        .now = clock_now_ms(),
    };
}

static UNUSED const char *totp_now(const char *secret_base32)
{
    struct bytes secret;
    assert_true(base32_decode(store.arena, secret_base32, strlen(secret_base32), &secret));
    char *code = arena_alloc(store.arena, 16);
    hotp(secret, OTP_SHA1, (uint64_t)totp_step(clock_now()), 6, code);
    return code;
}

/* The digits of the newest text message. */
static UNUSED const char *sms_code(void)
{
    struct db_tx *tx = store_read();
    yyjson_mut_doc *list;
    assert_int_equal(outbox_list(tx, store.arena, "sms", NULL, &list), DB_OK);
    db_end(&tx);
    yyjson_mut_val *newest = yyjson_mut_arr_get_first(yyjson_mut_doc_get_root(list));
    assert_non_null(newest);
    const char *text = json_mut_text(newest, "text");
    return arena_strndup(store.arena, text, strspn(text, "0123456789"));
}

static UNUSED size_t messages_sent(const char *channel)
{
    struct db_tx *tx = store_read();
    yyjson_mut_doc *list;
    assert_int_equal(outbox_list(tx, store.arena, channel, NULL, &list), DB_OK);
    db_end(&tx);
    return yyjson_mut_arr_size(yyjson_mut_doc_get_root(list));
}

static UNUSED const char *another(const char *code)
{
    char *other = arena_strdup(store.arena, code);
    other[0] = other[0] == '9' ? '0' : (char)(other[0] + 1);
    return other;
}

static UNUSED yyjson_val *user_doc(void)
{
    struct db_tx *tx = store_read();
    struct user user;
    assert_int_equal(user_by_id(tx, store.arena, ada.user_id, &user), DB_OK);
    db_end(&tx);
    return user.doc;
}

static UNUSED bool is_enrolled(void)
{
    struct db_tx *tx = store_read();
    bool enrolled;
    assert_int_equal(mfa_is_enrolled(&tenant, tx, store.arena, ada.user_id, &enrolled), DB_OK);
    db_end(&tx);
    return enrolled;
}

static UNUSED struct mfa_choice choice_of(const char *provider)
{
    struct db_tx *tx = store_read();
    struct mfa_settings settings;
    struct mfa_choice choice;
    assert_int_equal(mfa_settings_read(tx, store.arena, &settings), DB_OK);
    assert_int_equal(mfa_choice_read(&tenant, tx, store.arena, &settings, ada.user_id, provider, &choice),
                     DB_OK);
    db_end(&tx);
    return choice;
}

struct enrolled {
    struct authenticator authenticator;
    const char *secret; /* otp */
    const char *recovery_code;
};

static UNUSED const struct authenticator *enrolled_of(const char *kind)
{
    struct mfa_choice choice = choice_of("any");
    for (size_t i = 0; i < choice.enrolled_count; i++)
        if (strcmp(choice.enrolled[i].kind, kind) == 0)
            return arena_copy(store.arena, &choice.enrolled[i], sizeof choice.enrolled[i]);
    return NULL;
}

static UNUSED struct enrolled enroll_otp(void)
{
    struct factor_call call = call_of("enrolling");
    struct enrollment_offer offer;
    struct enrolled enrolled = {0};
    int64_t retry_ms;
    assert_int_equal(mfa_enroll(&call, factor_by_name("otp"), NULL, &offer, &retry_ms), FACTOR_OK);
    enrolled.secret = offer.secret_base32;
    assert_int_equal(mfa_confirm(&call, offer.authenticator.id, totp_now(offer.secret_base32), NULL,
                                 &enrolled.recovery_code, &retry_ms),
                     FACTOR_OK);
    enrolled.authenticator = *enrolled_of("otp");
    return enrolled;
}

static UNUSED struct enrolled enroll_sms(void)
{
    struct factor_call call = call_of("enrolling");
    struct enrollment_offer offer;
    struct enrolled enrolled = {0};
    int64_t retry_ms;
    assert_int_equal(mfa_enroll(&call, factor_by_name("sms"), "+44 7911 123456", &offer, &retry_ms),
                     FACTOR_OK);
    assert_string_equal(offer.masked_phone, "XXXXXXXXX3456");
    assert_int_equal(
        mfa_confirm(&call, offer.authenticator.id, sms_code(), NULL, &enrolled.recovery_code, &retry_ms),
        FACTOR_OK);
    enrolled.authenticator = *enrolled_of("phone");
    return enrolled;
}

static UNUSED enum factor_result try_code(const char *binding, const struct authenticator *authenticator,
                                          const char *code)
{
    struct factor_call call = call_of(binding);
    const char *next;
    int64_t retry_ms;
    return mfa_verify(&call, authenticator, code, &next, &retry_ms);
}

static UNUSED enum factor_result challenge(const char *binding, const struct authenticator *authenticator)
{
    struct factor_call call = call_of(binding);
    int64_t retry_ms;
    return mfa_challenge(&call, authenticator, &retry_ms);
}

#endif
