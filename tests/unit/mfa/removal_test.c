#include "ada.h"

/* --- what can be used, and taking it away --- */

static void a_named_provider_overrides_the_switches_where_none_is_on(void **state)
{
    (void)state;
    set("guardian.factors", "{}");
    assert_int_equal(choice_of("any").enrollable_count, 0);
    assert_int_equal(choice_of("guardian").enrollable_count, 1);
    assert_string_equal(choice_of("google-authenticator").enrollable[0]->name, "otp");
    set("guardian.factors", "{\"sms\":true}");
    assert_int_equal(choice_of("guardian").enrollable_count, 1);
    assert_string_equal(choice_of("guardian").enrollable[0]->name, "sms");
    set("guardian.phone.message-types", "{\"message_types\":[\"voice\"]}");
    assert_string_equal(choice_of("guardian").enrollable[0]->name, "otp");
    set("guardian.phone.message-types", "{\"message_types\":[\"sms\"]}");
    assert_string_equal(choice_of("guardian").enrollable[0]->name, "sms");
}

static void the_last_factor_takes_the_recovery_code_along(void **state)
{
    (void)state;
    struct enrolled app = enroll_otp();
    struct db_tx *tx = store_write();
    assert_int_equal(mfa_remove(&tenant, tx, store.arena, "auth0|eve", app.authenticator.id), DB_NOT_FOUND);
    db_rollback(&tx);
    assert_true(is_enrolled());

    tx = store_write();
    const char *fresh;
    assert_int_equal(mfa_regenerate_recovery_code(&tenant, tx, store.arena, ada.user_id, &fresh), DB_OK);
    store_commit(tx);
    assert_int_equal(try_code("a", enrolled_of("recovery-code"), app.recovery_code), FACTOR_WRONG_CODE);
    assert_int_equal(try_code("a", enrolled_of("recovery-code"), fresh), FACTOR_OK);

    tx = store_write();
    assert_int_equal(mfa_remove(&tenant, tx, store.arena, ada.user_id, app.authenticator.id), DB_OK);
    store_commit(tx);
    assert_false(is_enrolled());
    assert_null(json_member(user_doc(), "multifactor"));
    assert_null(json_member(user_doc(), "multifactor_last_modified"));
    clock_advance(30 * 1000);
    assert_int_equal(try_code("a", &app.authenticator, totp_now(app.secret)), FACTOR_NOT_ENROLLED);
    tx = store_write();
    assert_int_equal(mfa_regenerate_recovery_code(&tenant, tx, store.arena, ada.user_id, &fresh),
                     DB_NOT_FOUND);
    db_rollback(&tx);
    assert_non_null(enroll_otp().recovery_code);
}

/* --- the tenant's log --- */

/* The types of all entries, oldest first, and all documents as one text. */
static void read_log(const char **types, const char **docs)
{
    log_writer_stop(&tenant.logs);
    struct db_tx *tx = store_read();
    struct db_rows rows;
    assert_int_equal(db_rows(tx, store.arena, &rows, "SELECT type, doc FROM logs ORDER BY log_id", ""),
                     DB_OK);
    db_end(&tx);
    *types = *docs = "";
    for (size_t i = 0; i < rows.count; i++) {
        *types = arena_printf(store.arena, "%s%s ", *types, db_at(&rows, i, 0)->text);
        *docs = arena_printf(store.arena, "%s%s\n", *docs, db_at(&rows, i, 1)->text);
    }
    tenant.logs = log_writer_start(store.db);
}

/* A4: and none of them holds a secret. */
static void every_step_leaves_its_entry_and_no_secret(void **state)
{
    (void)state;
    struct enrolled phone = enroll_sms();
    assert_int_equal(challenge("a", &phone.authenticator), FACTOR_OK);
    const char *code = sms_code();
    assert_int_equal(try_code("a", &phone.authenticator, another(code)), FACTOR_WRONG_CODE);
    assert_int_equal(try_code("a", &phone.authenticator, code), FACTOR_OK);
    assert_int_equal(try_code("a", enrolled_of("recovery-code"), "AAAAAAAAAAAAAAAAAAAAAAAA"),
                     FACTOR_WRONG_CODE);
    assert_int_equal(try_code("a", enrolled_of("recovery-code"), phone.recovery_code), FACTOR_OK);
    struct db_tx *tx = store_write();
    assert_int_equal(mfa_remove(&tenant, tx, store.arena, ada.user_id, phone.authenticator.id), DB_OK);
    store_commit(tx);
    struct enrolled app = enroll_otp();

    const char *types, *docs;
    read_log(&types, &docs);
    assert_string_equal(types, "gd_start_enroll gd_send_sms gd_enrollment_complete gd_auth_succeed "
                               "gd_start_auth gd_send_sms gd_auth_failed gd_auth_succeed "
                               "gd_recovery_failed gd_recovery_succeed gd_unenroll "
                               "gd_start_enroll gd_enrollment_complete gd_auth_succeed ");
    struct bytes secret;
    assert_true(base32_decode(store.arena, app.secret, strlen(app.secret), &secret));
    const char *secrets[] = {
        code,
        app.secret,
        hex_encode(store.arena, secret),
        base64_encode(store.arena, secret),
        "7911123456",
        phone.recovery_code,
        app.recovery_code,
    };
    for (size_t i = 0; i < ARRAY_LENGTH(secrets); i++)
        assert_null(strstr(docs, secrets[i]));
    assert_non_null(strstr(docs, "XXXXXXXXX3456"));
    assert_non_null(strstr(docs, "Guardian - Enrollment complete (sms)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        mfa_test(a_named_provider_overrides_the_switches_where_none_is_on),
        mfa_test(the_last_factor_takes_the_recovery_code_along),
        mfa_test(every_step_leaves_its_entry_and_no_secret),
    };
    return STORE_RUN_TESTS(tests);
}
