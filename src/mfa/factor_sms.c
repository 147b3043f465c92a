/* Codes sent to a phone as text messages. */
#include "mfa/factors.h"
#include "mfa/limits.h"

#include "base/encode.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "store/settings.h"

#include <string.h>

enum { SHORTEST_CODE = 4, LONGEST_CODE = 10 };

static const char *phone_of(const struct authenticator *authenticator)
{
    return json_text(authenticator->doc, "phone_number");
}

/* What is stored of a code: short ones must not be guessable from the store, so a key from outside it is mixed in. */
static const char *code_mac(struct factor_call *call, const struct authenticator *authenticator,
                            const char *code)
{
    uint8_t key[32], mac[32];
    keyring_derive(call->tenant->keyring, "sent-codes", key);
    const char *text = arena_printf(call->arena, "%s|%s|%s", authenticator->id, call->binding, code);
    hmac_sha256((struct bytes){.data = key, .size = sizeof key}, bytes_of_text(text), mac);
    explicit_bzero(key, sizeof key);
    return hex_encode(call->arena, (struct bytes){.data = mac, .size = sizeof mac});
}

static enum factor_result show_sms(struct factor_call *call, struct db_tx *tx, struct enrollment_offer *offer)
{
    (void)tx;
    offer->masked_phone = mask_phone(call->arena, phone_of(&offer->authenticator));
    return FACTOR_OK;
}

static enum factor_result enroll_sms(struct factor_call *call, struct db_tx *tx, const char *phone,
                                     struct enrollment_offer *offer)
{
    const char *number = phone_e164(call->arena, phone);
    if (number == NULL)
        return FACTOR_BAD_FORMAT;
    enum factor_result result = factor_drop_stale(call, tx, "phone");
    if (result != FACTOR_OK)
        return result;
    yyjson_mut_doc *doc = json_new_object(call->arena);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "phone_number", number);
    offer->authenticator = (struct authenticator){
        .id = random_id(call->arena, "dev_", 16),
        .user_id = call->user->user_id,
        .kind = "phone",
        .doc = json_parse_own(call->arena, json_write_doc(call->arena, doc)),
        .created_at = call->now,
    };
    result = factor_result_of(
        authenticator_insert(tx, call->arena, call->tenant->keyring, &offer->authenticator, NULL),
        FACTOR_FAILED);
    return result == FACTOR_OK ? show_sms(call, tx, offer) : result;
}

/* Reads what the message needs; templates may be NULL. */
static enum db_result read_words(struct factor_call *call, bool enrolling, const char **friendly_name,
                                 const char **custom_template)
{
    struct db_tx *tx;
    yyjson_val *templates = NULL;
    enum db_result result = db_begin_read(call->tenant->db, &tx);
    if (result != DB_OK)
        return result;
    result = settings_get(tx, call->arena, "guardian.phone.templates", &templates);
    *friendly_name = tenant_friendly_name(call->tenant, tx, call->arena);
    *custom_template = json_text(templates, enrolling ? "enrollment_message" : "verification_message");
    db_end(&tx);
    return result == DB_NOT_FOUND ? DB_OK : result;
}

/* Stores the code, and voids those before it, before the message leaves: whoever reads it can use it at once. */
static enum db_result store_code(struct factor_call *call, const struct authenticator *authenticator,
                                 const char *code)
{
    struct db_tx *tx;
    struct challenge challenge = {
        .id = random_id(call->arena, "chl_", 16),
        .authenticator_id = authenticator->id,
        .user_id = call->user->user_id,
        .binding = call->binding,
        .code_hash = code_mac(call, authenticator, code),
        .created_at = call->now,
        .expires_at = call->now + call->settings->phone_code_lifetime_s * 1000,
    };
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    if (result != DB_OK)
        return result;
    result = challenges_void(tx, authenticator->id, call->binding, call->now);
    if (result == DB_OK)
        result = challenge_insert(tx, &challenge);
    if (result == DB_OK)
        return db_commit(&tx);
    db_rollback(&tx);
    return result;
}

static enum factor_result send_sms(struct factor_call *call, const struct authenticator *authenticator)
{
    bool enrolling = !authenticator->confirmed;
    const char *code = random_text(call->arena, RANDOM_DIGITS, call->settings->phone_code_digits);
    const char *friendly_name, *custom_template;
    if (read_words(call, enrolling, &friendly_name, &custom_template) != DB_OK)
        return FACTOR_FAILED;
    struct message message = {
        .channel = "sms",
        .to = phone_of(authenticator),
        .text = sms_text(call, enrolling, code, friendly_name, custom_template),
        .action = enrolling ? "enrollment" : "second-factor-authentication",
        .tenant = tenant_name(call->tenant, call->arena),
        .user_id = call->user->user_id,
        .code = code,
        .locale = call->locale,
    };
    if (store_code(call, authenticator, code) != DB_OK)
        return FACTOR_FAILED;
    const char *reason;
    enum notify_result sent = notify_send(call->tenant->notifier, call->arena, &message, &reason);
    return sent == NOTIFY_SENT ? FACTOR_OK : FACTOR_SEND_FAILED;
}

/* Spends the code, if it is the newest one that was sent for this binding and not too old. */
static enum factor_result use_code(struct factor_call *call, struct db_tx *tx,
                                   const struct authenticator *authenticator, const char *code)
{
    size_t digits = strlen(code);
    if (digits < SHORTEST_CODE || digits > LONGEST_CODE || strspn(code, RANDOM_DIGITS) != digits)
        return FACTOR_BAD_FORMAT;
    const char *mac = code_mac(call, authenticator, code);
    enum db_result used = challenge_use(tx, authenticator->id, call->binding, mac, call->now);
    if (used != DB_NOT_FOUND)
        return factor_result_of(used, FACTOR_WRONG_CODE);
    bool expired = false;
    enum db_result looked =
        challenge_expired(tx, call->arena, authenticator->id, call->binding, mac, call->now, &expired);
    if (looked != DB_OK)
        return factor_result_of(looked, FACTOR_WRONG_CODE);
    return expired ? FACTOR_EXPIRED : FACTOR_WRONG_CODE;
}

static enum factor_result confirm_sms(struct factor_call *call, struct db_tx *tx,
                                      const struct authenticator *authenticator, const char *code)
{
    enum factor_result result = use_code(call, tx, authenticator, code);
    if (result != FACTOR_OK)
        return result;
    return factor_result_of(authenticator_confirm(tx, authenticator->id, 0, call->now), FACTOR_NOT_ENROLLED);
}

static enum factor_result verify_sms(struct factor_call *call, struct db_tx *tx,
                                     const struct authenticator *authenticator, const char *code,
                                     const char **next_code)
{
    (void)next_code;
    enum factor_result result = use_code(call, tx, authenticator, code);
    if (result != FACTOR_OK)
        return result;
    return factor_result_of(authenticator_touch(tx, authenticator->id, call->now), FACTOR_NOT_ENROLLED);
}

static yyjson_mut_val *describe_sms(const struct authenticator *authenticator, struct arena *arena,
                                    yyjson_mut_doc *doc)
{
    yyjson_mut_val *method = factor_describe(authenticator, arena, doc);
    json_set_text(doc, method, "phone_number", mask_phone(arena, phone_of(authenticator)));
    json_set_text(doc, method, "preferred_authentication_method", "sms");
    yyjson_mut_val *sms = yyjson_mut_obj(doc);
    json_set_text(doc, sms, "id", arena_printf(arena, "sms|%s", authenticator->id));
    json_set_text(doc, sms, "type", "sms");
    yyjson_mut_val *methods = yyjson_mut_arr(doc);
    yyjson_mut_arr_append(methods, sms);
    json_set(doc, method, "authentication_methods", methods);
    return method;
}

const struct factor sms_factor = {
    .name = "sms",
    .kind = "phone",
    .type = "phone",
    .counts_as_enrolled = true,
    .log_passed = "gd_auth_succeed",
    .log_failed = "gd_auth_failed",
    .log_limited = "gd_otp_rate_limit_exceed",
    .log_sent = "gd_send_sms",
    .log_send_failed = "gd_send_sms_failure",
    .limit = limit_messages,
    .enrolls_by_message = true,
    .enroll = enroll_sms,
    .show = show_sms,
    .confirm = confirm_sms,
    .challenge = send_sms,
    .verify = verify_sms,
    .describe = describe_sms,
};
