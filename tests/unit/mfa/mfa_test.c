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

static void set(const char *name, const char *doc)
{
    struct db_tx *tx = store_write();
    assert_int_equal(settings_put(tx, name, doc), DB_OK);
    store_commit(tx);
}

static int set_up(void **state)
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

static int tear_down(void **state)
{
    notifier_stop(&tenant.notifier);
    log_writer_stop(&tenant.logs);
    keyring_free(&tenant.keyring);
    return store_tear_down(state);
}

#define mfa_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* One login of Ada's, as it is now. */
static struct factor_call call_of(const char *binding)
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

static const char *totp_now(const char *secret_base32)
{
    struct bytes secret;
    assert_true(base32_decode(store.arena, secret_base32, strlen(secret_base32), &secret));
    char *code = arena_alloc(store.arena, 16);
    hotp(secret, OTP_SHA1, (uint64_t)totp_step(clock_now()), 6, code);
    return code;
}

/* The digits of the newest text message. */
static const char *sms_code(void)
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

static size_t messages_sent(const char *channel)
{
    struct db_tx *tx = store_read();
    yyjson_mut_doc *list;
    assert_int_equal(outbox_list(tx, store.arena, channel, NULL, &list), DB_OK);
    db_end(&tx);
    return yyjson_mut_arr_size(yyjson_mut_doc_get_root(list));
}

static const char *another(const char *code)
{
    char *other = arena_strdup(store.arena, code);
    other[0] = other[0] == '9' ? '0' : (char)(other[0] + 1);
    return other;
}

static yyjson_val *user_doc(void)
{
    struct db_tx *tx = store_read();
    struct user user;
    assert_int_equal(user_by_id(tx, store.arena, ada.user_id, &user), DB_OK);
    db_end(&tx);
    return user.doc;
}

static bool is_enrolled(void)
{
    struct db_tx *tx = store_read();
    bool enrolled;
    assert_int_equal(mfa_is_enrolled(&tenant, tx, store.arena, ada.user_id, &enrolled), DB_OK);
    db_end(&tx);
    return enrolled;
}

static struct mfa_choice choice_of(const char *provider)
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

static const struct authenticator *enrolled_of(const char *kind)
{
    struct mfa_choice choice = choice_of("any");
    for (size_t i = 0; i < choice.enrolled_count; i++)
        if (strcmp(choice.enrolled[i].kind, kind) == 0)
            return arena_copy(store.arena, &choice.enrolled[i], sizeof choice.enrolled[i]);
    return NULL;
}

static struct enrolled enroll_otp(void)
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

static struct enrolled enroll_sms(void)
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

static enum factor_result try_code(const char *binding, const struct authenticator *authenticator,
                                   const char *code)
{
    struct factor_call call = call_of(binding);
    const char *next;
    int64_t retry_ms;
    return mfa_verify(&call, authenticator, code, &next, &retry_ms);
}

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

static enum factor_result challenge(const char *binding, const struct authenticator *authenticator)
{
    struct factor_call call = call_of(binding);
    int64_t retry_ms;
    return mfa_challenge(&call, authenticator, &retry_ms);
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
        mfa_test(a_named_provider_overrides_the_switches_where_none_is_on),
        mfa_test(the_last_factor_takes_the_recovery_code_along),
        mfa_test(every_step_leaves_its_entry_and_no_secret),
    };
    return STORE_RUN_TESTS(tests);
}
