#include "ada.h"

/* --- one-time codes --- */

static void a_confirmed_app_is_a_factor_and_gives_a_recovery_code(void **state)
{
    (void)state;
    assert_null(json_member(user_doc(), "multifactor"));
    struct enrolled app = enroll_otp();
    assert_int_equal(strlen(app.secret), 32);
    assert_non_null(app.recovery_code);
    assert_int_equal(strlen(app.recovery_code), 24);
    assert_true(is_enrolled());
    assert_true(json_array_has_text(json_member(user_doc(), "multifactor"), "guardian"));
    assert_non_null(json_text(user_doc(), "multifactor_last_modified"));
    assert_non_null(enrolled_of("recovery-code"));
}

static void a_pending_enrollment_neither_counts_nor_blocks(void **state)
{
    (void)state;
    struct factor_call call = call_of("a");
    struct enrollment_offer first, second, again;
    int64_t retry_ms;
    assert_int_equal(mfa_enroll(&call, factor_by_name("otp"), NULL, &first, &retry_ms), FACTOR_OK);
    assert_false(is_enrolled());
    assert_null(json_member(user_doc(), "multifactor"));
    assert_int_equal(choice_of("any").enrolled_count, 0);
    assert_int_equal(mfa_enroll(&call, factor_by_name("otp"), NULL, &second, &retry_ms), FACTOR_OK);
    assert_string_not_equal(first.secret_base32, second.secret_base32);
    /* Both tabs go on where they were. */
    assert_int_equal(mfa_resume(&call, first.authenticator.id, &again), FACTOR_OK);
    assert_string_equal(again.secret_base32, first.secret_base32);
    const char *recovery_code;
    assert_int_equal(mfa_confirm(&call, first.authenticator.id, totp_now(first.secret_base32), NULL,
                                 &recovery_code, &retry_ms),
                     FACTOR_OK);
    /* The other one is over: whoever holds it cannot add a factor of theirs. */
    assert_int_equal(mfa_confirm(&call, second.authenticator.id, totp_now(second.secret_base32), NULL,
                                 &recovery_code, &retry_ms),
                     FACTOR_NOT_ENROLLED);
    assert_int_equal(mfa_enroll(&call, factor_by_name("otp"), NULL, &second, &retry_ms),
                     FACTOR_ALREADY_ENROLLED);
    /* A4: the key is not shown again. */
    assert_int_equal(mfa_resume(&call, first.authenticator.id, &again), FACTOR_NOT_ENROLLED);
}

/* A1, also for the code that confirmed the enrolment. */
static void a_code_is_accepted_once(void **state)
{
    (void)state;
    struct enrolled app = enroll_otp();
    assert_int_equal(try_code("a", &app.authenticator, totp_now(app.secret)), FACTOR_WRONG_CODE);
    clock_advance(30 * 1000);
    const char *code = totp_now(app.secret);
    assert_int_equal(try_code("a", &app.authenticator, code), FACTOR_OK);
    assert_int_equal(try_code("b", &app.authenticator, code), FACTOR_WRONG_CODE);
}

struct parallel {
    pthread_t thread;
    const struct authenticator *authenticator;
    const char *code;
    enum factor_result result;
    char next[32];
};

static void *verify_in_parallel(void *argument)
{
    struct parallel *parallel = argument;
    struct arena *arena = arena_create();
    struct factor_call call = call_of("p");
    const char *next;
    int64_t retry_ms;
    call.arena = arena;
    parallel->result = mfa_verify(&call, parallel->authenticator, parallel->code, &next, &retry_ms);
    snprintf(parallel->next, sizeof parallel->next, "%s", next != NULL ? next : "");
    arena_destroy(&arena);
    return NULL;
}

/* How many of `count` tries at once pass. */
static size_t run_in_parallel(struct parallel *all, size_t count)
{
    size_t passed = 0;
    for (size_t i = 0; i < count; i++)
        pthread_create(&all[i].thread, NULL, verify_in_parallel, &all[i]);
    for (size_t i = 0; i < count; i++) {
        pthread_join(all[i].thread, NULL);
        passed += all[i].result == FACTOR_OK;
        assert_int_not_equal(all[i].result, FACTOR_FAILED);
    }
    return passed;
}

/* A1, in parallel. */
static void of_one_code_sent_at_once_one_passes(void **state)
{
    (void)state;
    struct enrolled app = enroll_otp();
    clock_advance(30 * 1000);
    struct parallel all[8];
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        all[i] = (struct parallel){.authenticator = &app.authenticator, .code = totp_now(app.secret)};
    assert_int_equal(run_in_parallel(all, ARRAY_LENGTH(all)), 1);
}

/* A3 */
static void old_codes_are_refused_in_any_order(void **state)
{
    (void)state;
    struct enrolled app = enroll_otp();
    const char *noted[3];
    for (size_t i = 0; i < ARRAY_LENGTH(noted); i++) {
        clock_advance(30 * 1000);
        noted[i] = totp_now(app.secret);
    }
    clock_advance(20 * MINUTE_MS);
    for (size_t i = 0; i < ARRAY_LENGTH(noted); i++)
        assert_int_equal(try_code("a", &app.authenticator, noted[i]), FACTOR_WRONG_CODE);
    assert_int_equal(try_code("a", &app.authenticator, totp_now(app.secret)), FACTOR_OK);
}

/* --- text messages --- */

/* A5 */
static void a_number_without_a_country_is_refused_and_nothing_is_sent(void **state)
{
    (void)state;
    struct factor_call call = call_of("a");
    struct enrollment_offer offer;
    int64_t retry_ms;
    assert_int_equal(mfa_enroll(&call, factor_by_name("sms"), "07911 123456", &offer, &retry_ms),
                     FACTOR_BAD_FORMAT);
    assert_int_equal(messages_sent("sms"), 0);
}

static void only_the_newest_message_counts_once_and_in_its_own_login(void **state)
{
    (void)state;
    struct enrolled phone = enroll_sms();
    assert_int_equal(challenge("a", &phone.authenticator), FACTOR_OK);
    const char *first = sms_code();
    assert_int_equal(strlen(first), 6);
    assert_int_equal(challenge("a", &phone.authenticator), FACTOR_OK);
    const char *second = sms_code();
    if (strcmp(first, second) != 0)
        assert_int_equal(try_code("a", &phone.authenticator, first), FACTOR_WRONG_CODE);
    assert_int_equal(try_code("b", &phone.authenticator, second), FACTOR_WRONG_CODE);
    assert_int_equal(try_code("a", &phone.authenticator, second), FACTOR_OK);
    assert_int_equal(try_code("a", &phone.authenticator, second), FACTOR_WRONG_CODE);
}

static void of_one_message_read_twice_at_once_one_passes(void **state)
{
    (void)state;
    struct enrolled phone = enroll_sms();
    assert_int_equal(challenge("p", &phone.authenticator), FACTOR_OK);
    struct parallel all[8];
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        all[i] = (struct parallel){.authenticator = &phone.authenticator, .code = sms_code()};
    assert_int_equal(run_in_parallel(all, ARRAY_LENGTH(all)), 1);
}

static void digits_and_lifetime_are_the_tenants(void **state)
{
    (void)state;
    set("guardian.phone.settings", "{\"otp_length\":8,\"otp_expiration_time\":60}");
    struct enrolled phone = enroll_sms();
    assert_int_equal(challenge("a", &phone.authenticator), FACTOR_OK);
    assert_int_equal(strlen(sms_code()), 8);
    clock_advance(61 * 1000);
    assert_int_equal(try_code("a", &phone.authenticator, sms_code()), FACTOR_EXPIRED);
    assert_int_equal(try_code("a", &phone.authenticator, "12"), FACTOR_BAD_FORMAT);
}

static void after_ten_messages_one_more_an_hour_leaves(void **state)
{
    (void)state;
    struct enrolled phone = enroll_sms();
    for (int i = 1; i < 10; i++)
        assert_int_equal(challenge("a", &phone.authenticator), FACTOR_OK);
    assert_int_equal(challenge("a", &phone.authenticator), FACTOR_TOO_MANY_MESSAGES);
    assert_int_equal(messages_sent("sms"), 10);
    clock_advance(HOUR_MS + 1000);
    assert_int_equal(challenge("a", &phone.authenticator), FACTOR_OK);
    assert_int_equal(challenge("a", &phone.authenticator), FACTOR_TOO_MANY_MESSAGES);
}

static void texts_are_in_the_readers_language(void **state)
{
    (void)state;
    set("tenant", "{\"friendly_name\":\"Acme\"}");
    struct enrolled phone = enroll_sms();
    static const char *const expected[][2] = {
        {"en", " is your verification code for Acme"},
        {"de", " ist Ihr Bestätigungscode für Acme"},
        {"fr", " est votre code de vérification pour Acme"},
        {"es", " es tu código de verificación para Acme"},
        {"ja", "はAcmeの確認コードです"},
        {"ar", " هو رمز التحقق الخاص بك لدى Acme"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(expected); i++) {
        struct factor_call call = call_of("a");
        int64_t retry_ms;
        call.locale = expected[i][0];
        assert_int_equal(mfa_challenge(&call, &phone.authenticator, &retry_ms), FACTOR_OK);
        struct db_tx *tx = store_read();
        yyjson_mut_doc *list;
        assert_int_equal(outbox_list(tx, store.arena, NULL, "+447911123456", &list), DB_OK);
        db_end(&tx);
        const char *text = json_mut_text(yyjson_mut_arr_get_first(yyjson_mut_doc_get_root(list)), "text");
        assert_string_equal(text + 6, expected[i][1]);
    }
}

/* --- recovery codes --- */

/* A8 */
static void of_fifty_uses_of_a_recovery_code_at_once_one_passes(void **state)
{
    (void)state;
    struct enrolled app = enroll_otp();
    const struct authenticator *recovery = enrolled_of("recovery-code");
    struct parallel all[50];
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        all[i] = (struct parallel){.authenticator = recovery, .code = app.recovery_code};
    assert_int_equal(run_in_parallel(all, ARRAY_LENGTH(all)), 1);
    const char *next = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        if (all[i].result == FACTOR_OK)
            next = all[i].next;
        else
            assert_string_equal(all[i].next, "");
    assert_int_equal(strlen(next), 24);
    clock_advance(2 * HOUR_MS);
    assert_int_equal(try_code("a", recovery, app.recovery_code), FACTOR_WRONG_CODE);
    assert_int_equal(try_code("a", recovery, next), FACTOR_OK);
}

static void a_recovery_code_is_read_without_regard_to_case_and_gaps(void **state)
{
    (void)state;
    struct enrolled app = enroll_otp();
    const struct authenticator *recovery = enrolled_of("recovery-code");
    char *typed = arena_printf(store.arena, " %.4s %.4s-%s ", app.recovery_code, app.recovery_code + 4,
                               app.recovery_code + 8);
    for (char *c = typed; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 'a' - 'A');
    assert_int_equal(try_code("a", recovery, "ABC"), FACTOR_BAD_FORMAT);
    assert_int_equal(try_code("a", recovery, typed), FACTOR_OK);
}

static void without_its_factor_no_recovery_code_is_made_or_asked(void **state)
{
    (void)state;
    set("guardian.factors", "{\"otp\":true}");
    assert_null(enroll_otp().recovery_code);
    assert_null(enrolled_of("recovery-code"));
}

/* --- failures --- */

/* C8: one count for all factors. C3: what was under way when the lock fell stays dead when it ends. */
static void ten_failures_of_whatever_factor_lock_the_user(void **state)
{
    (void)state;
    struct enrolled app = enroll_otp();
    const struct authenticator *recovery = enrolled_of("recovery-code");
    clock_advance(30 * 1000);
    struct factor_call old_tab = call_of("old");
    old_tab.began_at = clock_now_ms();
    for (int i = 0; i < 9; i++)
        assert_int_equal(i % 2 == 0 ? try_code("a", &app.authenticator, another(totp_now(app.secret)))
                                    : try_code("a", recovery, "AAAAAAAAAAAAAAAAAAAAAAAA"),
                         FACTOR_WRONG_CODE);
    /* What has not even the form of a code costs nothing. */
    assert_int_equal(try_code("a", &app.authenticator, "12345"), FACTOR_BAD_FORMAT);
    assert_int_equal(try_code("a", recovery, "BBBBBBBBBBBBBBBBBBBBBBBB"), FACTOR_TOO_MANY);
    assert_int_equal(try_code("a", &app.authenticator, totp_now(app.secret)), FACTOR_TOO_MANY);
    assert_int_equal(try_code("a", recovery, app.recovery_code), FACTOR_TOO_MANY);

    clock_advance(6 * MINUTE_MS + 1000);
    const char *next;
    int64_t retry_ms;
    old_tab.now = clock_now_ms();
    assert_int_equal(mfa_verify(&old_tab, &app.authenticator, totp_now(app.secret), &next, &retry_ms),
                     FACTOR_TOO_MANY);
    struct factor_call new_tab = call_of("new");
    new_tab.began_at = clock_now_ms();
    assert_int_equal(mfa_verify(&new_tab, &app.authenticator, totp_now(app.secret), &next, &retry_ms),
                     FACTOR_OK);
}

static void wrong_codes_while_enrolling_count_too(void **state)
{
    (void)state;
    struct factor_call call = call_of("a");
    struct enrollment_offer offer;
    const char *recovery_code;
    int64_t retry_ms;
    assert_int_equal(mfa_enroll(&call, factor_by_name("otp"), NULL, &offer, &retry_ms), FACTOR_OK);
    for (int i = 0; i < 10; i++)
        assert_int_equal(mfa_confirm(&call, offer.authenticator.id, another(totp_now(offer.secret_base32)),
                                     NULL, &recovery_code, &retry_ms),
                         i < 9 ? FACTOR_WRONG_CODE : FACTOR_TOO_MANY);
    assert_true(retry_ms > 0 && retry_ms <= 6 * MINUTE_MS);
    assert_false(is_enrolled());
}

static enum db_result conflict(struct factor_call *call, struct db_tx *tx, const char *recovery_code)
{
    (void)call;
    (void)tx;
    (void)recovery_code;
    return DB_CONFLICT;
}

static void a_code_is_not_spent_by_a_login_that_has_moved(void **state)
{
    (void)state;
    struct enrolled app = enroll_otp();
    clock_advance(30 * 1000);
    struct factor_call call = call_of("a");
    const char *next;
    int64_t retry_ms;
    call.on_success = conflict;
    assert_int_equal(mfa_verify(&call, &app.authenticator, totp_now(app.secret), &next, &retry_ms),
                     FACTOR_MOVED);
    assert_int_equal(try_code("a", &app.authenticator, totp_now(app.secret)), FACTOR_OK);
}

/* --- tickets --- */

static const char *make_ticket(bool multiple, bool send_mail)
{
    const char *id, *url;
    struct ticket_wish wish = {.send_mail = send_mail, .allow_multiple_enrollments = multiple};
    assert_int_equal(ticket_create(&tenant, NULL, store.arena, &ada, &wish, &id, &url), DB_OK);
    assert_int_equal(strlen(id), 32);
    assert_string_equal(url, arena_printf(store.arena, "https://login.test/mfa/enrollment?ticket=%s", id));
    return token_hash(store.arena, id);
}

/* A6 and A7 */
static void a_ticket_is_spent_by_the_enrollment_and_voids_its_siblings(void **state)
{
    (void)state;
    const char *first = make_ticket(false, false), *second = make_ticket(false, false);
    struct factor_call call = call_of("a");
    struct enrollment_offer offers[2];
    const char *recovery_code;
    int64_t retry_ms;
    call.additional = true; /* leaves the refusal to the tickets alone */
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(mfa_enroll(&call, factor_by_name("otp"), NULL, &offers[i], &retry_ms), FACTOR_OK);
    assert_int_equal(mfa_confirm(&call, offers[0].authenticator.id, totp_now(offers[0].secret_base32), first,
                                 &recovery_code, &retry_ms),
                     FACTOR_OK);
    assert_int_equal(mfa_confirm(&call, offers[1].authenticator.id, totp_now(offers[1].secret_base32), first,
                                 &recovery_code, &retry_ms),
                     FACTOR_TICKET_SPENT);
    assert_int_equal(mfa_confirm(&call, offers[1].authenticator.id, totp_now(offers[1].secret_base32), second,
                                 &recovery_code, &retry_ms),
                     FACTOR_TICKET_SPENT);
    struct mfa_choice choice = choice_of("any");
    assert_int_equal(choice.enrolled_count, 2); /* the first app and its recovery code */
    assert_string_equal(choice.enrolled[0].id, offers[0].authenticator.id);
}

static void an_expired_ticket_enrolls_nobody(void **state)
{
    (void)state;
    const char *ticket = make_ticket(false, false);
    clock_advance((int64_t)ENROLLMENT_TICKET_S * 1000);
    struct factor_call call = call_of("a");
    struct enrollment_offer offer;
    const char *recovery_code;
    int64_t retry_ms;
    assert_int_equal(mfa_enroll(&call, factor_by_name("otp"), NULL, &offer, &retry_ms), FACTOR_OK);
    assert_int_equal(mfa_confirm(&call, offer.authenticator.id, totp_now(offer.secret_base32), ticket,
                                 &recovery_code, &retry_ms),
                     FACTOR_TICKET_SPENT);
    assert_false(is_enrolled());
}

static void the_mail_of_a_ticket_brings_its_link(void **state)
{
    (void)state;
    (void)make_ticket(false, false);
    assert_int_equal(messages_sent("email"), 0);
    (void)make_ticket(false, true);
    struct db_tx *tx = store_read();
    yyjson_mut_doc *list;
    assert_int_equal(outbox_list(tx, store.arena, "email", "ada@example.test", &list), DB_OK);
    db_end(&tx);
    yyjson_mut_val *mail = yyjson_mut_arr_get_first(yyjson_mut_doc_get_root(list));
    assert_non_null(mail);
    assert_non_null(strstr(json_mut_text(mail, "text"), "https://login.test/mfa/enrollment?ticket="));
    assert_non_null(strstr(json_mut_text(mail, "html"), "https://login.test/mfa/enrollment?ticket="));
    assert_true(strlen(json_mut_text(mail, "subject")) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        mfa_test(a_confirmed_app_is_a_factor_and_gives_a_recovery_code),
        mfa_test(a_pending_enrollment_neither_counts_nor_blocks),
        mfa_test(a_code_is_accepted_once),
        mfa_test(of_one_code_sent_at_once_one_passes),
        mfa_test(old_codes_are_refused_in_any_order),
        mfa_test(a_number_without_a_country_is_refused_and_nothing_is_sent),
        mfa_test(only_the_newest_message_counts_once_and_in_its_own_login),
        mfa_test(of_one_message_read_twice_at_once_one_passes),
        mfa_test(digits_and_lifetime_are_the_tenants),
        mfa_test(after_ten_messages_one_more_an_hour_leaves),
        mfa_test(texts_are_in_the_readers_language),
        mfa_test(of_fifty_uses_of_a_recovery_code_at_once_one_passes),
        mfa_test(a_recovery_code_is_read_without_regard_to_case_and_gaps),
        mfa_test(without_its_factor_no_recovery_code_is_made_or_asked),
        mfa_test(ten_failures_of_whatever_factor_lock_the_user),
        mfa_test(wrong_codes_while_enrolling_count_too),
        mfa_test(a_code_is_not_spent_by_a_login_that_has_moved),
        mfa_test(a_ticket_is_spent_by_the_enrollment_and_voids_its_siblings),
        mfa_test(an_expired_ticket_enrolls_nobody),
        mfa_test(the_mail_of_a_ticket_brings_its_link),
    };
    return STORE_RUN_TESTS(tests);
}
