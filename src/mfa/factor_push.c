/* Questions to a phone, answered there (../protocol/guardian.md A); push_device.c and push_answer.c have the phone's side. */
#include "mfa/factors.h"
#include "mfa/limits.h"
#include "mfa/push_tokens.h"

#include "base/encode.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "notify/channel.h"
#include "store/signal.h"

#include <string.h>

/* --- enrolling --- */

static enum factor_result show_push(struct factor_call *call, struct db_tx *tx,
                                    struct enrollment_offer *offer)
{
    struct arena *arena = call->arena;
    const char *ticket = push_ticket(call->tenant, arena, offer->authenticator.id);
    const char *issuer = percent_encode(arena, tenant_friendly_name(call->tenant, tx, arena));
    offer->enrollment_tx_id = ticket;
    offer->otpauth_uri = arena_printf(
        arena, "otpauth://totp/%s:%s?enrollment_tx_id=%s&base_url=%s", issuer,
        percent_encode(arena, factor_account(call->user)), ticket,
        percent_encode(arena, arena_printf(arena, "%sappliance-mfa", call->tenant->config->issuer)));
    return FACTOR_OK;
}

/* What the phone's confirmation, which knows nothing of the login, has to know. */
static yyjson_val *pending_doc(struct factor_call *call)
{
    yyjson_mut_doc *doc = json_new_object(call->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "binding", call->binding);
    json_set_text(doc, root, "provider", call->provider);
    json_set_text(doc, root, "ticket", call->ticket_hash);
    json_set_bool(doc, root, "additional", call->additional);
    json_set_bool(doc, root, "browser", call->page_shows_recovery_code);
    return json_parse_own(call->arena, json_write_doc(call->arena, doc));
}

static enum factor_result enroll_push(struct factor_call *call, struct db_tx *tx, const char *phone,
                                      struct enrollment_offer *offer)
{
    (void)phone;
    enum factor_result result = factor_drop_stale(call, tx, "push");
    if (result != FACTOR_OK)
        return result;
    offer->authenticator = (struct authenticator){
        .id = random_id(call->arena, "dev_", 16),
        .user_id = call->user->user_id,
        .kind = "push",
        .secret = factor_new_seed(call->arena),
        .doc = pending_doc(call),
        .created_at = call->now,
    };
    const char *ticket = push_ticket(call->tenant, call->arena, offer->authenticator.id);
    result = factor_result_of(authenticator_insert(tx, call->arena, call->tenant->keyring,
                                                   &offer->authenticator, token_hash(call->arena, ticket)),
                              FACTOR_FAILED);
    return result == FACTOR_OK ? show_push(call, tx, offer) : result;
}

/* `code` is the ticket of the QR code; call->device is the phone that brought it. */
static enum factor_result confirm_push(struct factor_call *call, struct db_tx *tx,
                                       const struct authenticator *authenticator, const char *code)
{
    if (call->device == NULL)
        return FACTOR_BAD_FORMAT;
    const char *ticket = push_ticket(call->tenant, call->arena, authenticator->id);
    if (!text_equal_secret(ticket, code) || authenticator->created_at + PUSH_ENROLLMENT_MS <= call->now)
        return FACTOR_TICKET_SPENT;
    enum db_result result = push_device_enroll(tx, call->arena, authenticator, call->device);
    if (result == DB_OK)
        result = authenticator_confirm(tx, authenticator->id, 0, call->now);
    const char *binding = json_text(authenticator->doc, "binding");
    if (binding != NULL)
        signal_raise(tx, push_topic(call->arena, binding));
    return factor_result_of(result, FACTOR_TICKET_SPENT);
}

/* --- asking --- */

/* Whether the tenant's settings let that phone be asked: where numbers are matched, its app must ask for them. */
static bool may_be_asked(const struct factor_call *call, const struct authenticator *phone)
{
    bool has_screen = call->request == NULL || !call->request->has_no_screen;
    return !call->settings->push_number_required || !has_screen || push_knows_numbers(phone);
}

/* The person's phones that can be asked, and how many they have. */
static enum db_result read_phones(struct factor_call *call, struct db_tx *tx, struct authenticator **phones,
                                  size_t *count, size_t *enrolled)
{
    struct authenticator *list;
    size_t all;
    *count = *enrolled = 0;
    enum db_result result =
        authenticators_of_user(tx, call->arena, call->tenant->keyring, call->user->user_id, &list, &all);
    for (size_t i = 0; result == DB_OK && i < all; i++)
        if (list[i].confirmed && strcmp(list[i].kind, "push") == 0) {
            (*enrolled)++;
            if (may_be_asked(call, &list[i]))
                list[(*count)++] = list[i];
        }
    *phones = list;
    return result;
}

static enum db_result ask_phone(struct factor_call *call, struct db_tx *tx, const struct authenticator *phone,
                                const char *send_id, const char *number)
{
    struct push_challenge challenge = {
        .id = random_id(call->arena, "psh_", 16),
        .send_id = send_id,
        .authenticator_id = phone->id,
        .user_id = call->user->user_id,
        .binding = call->binding,
        .doc = push_challenge_doc(call, phone, number),
        .created_at = call->now,
        .expires_at = call->now + PUSH_CHALLENGE_MS,
    };
    enum db_result result = push_challenge_insert(tx, call->arena, &challenge);
    signal_raise(tx, push_device_topic(call->arena, phone->id));
    return result == DB_OK ? push_send(call, tx, phone, &challenge) : result;
}

/* All phones are asked by one write; the first answer counts. Questions of this login that wait already are closed by it. */
static enum factor_result challenge_push(struct factor_call *call, const struct authenticator *authenticator)
{
    (void)authenticator;
    uint8_t random[2];
    random_fill(random, sizeof random);
    const char *number = arena_printf(call->arena, "%02d", 10 + (random[0] << 8 | random[1]) % 90);
    const char *send_id = random_id(call->arena, "snd_", 16);
    struct db_tx *tx = NULL;
    struct authenticator *phones;
    size_t count = 0, enrolled = 0;
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    if (result == DB_OK)
        result = read_phones(call, tx, &phones, &count, &enrolled);
    if (result == DB_OK)
        result = push_challenges_close(tx, call->binding, call->now);
    for (size_t i = 0; i < count && result == DB_OK; i++)
        result = ask_phone(call, tx, &phones[i], send_id, number);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result == DB_OK && count > 0)
        notify_wake(call->tenant->notifier);
    if (result != DB_OK)
        return FACTOR_FAILED;
    if (count > 0)
        return FACTOR_OK;
    return enrolled > 0 ? FACTOR_SEND_FAILED : FACTOR_NOT_ENROLLED; /* by a code, then */
}

/* --- going on --- */

static enum factor_result verify_push(struct factor_call *call, struct db_tx *tx,
                                      const struct authenticator *authenticator, const char *code,
                                      const char **next_code)
{
    (void)next_code;
    if (code != NULL)
        return mfa_factor_enabled(call->settings, "otp") ? factor_use_totp(call, tx, authenticator, code)
                                                         : FACTOR_BAD_FORMAT;
    const char *phone;
    enum db_result spent =
        push_challenge_spend(tx, call->arena, call->binding, call->now - PUSH_CHALLENGE_MS, &phone);
    if (spent == DB_OK)
        return factor_result_of(authenticator_touch(tx, phone, call->now), FACTOR_NOT_ENROLLED);
    if (spent != DB_NOT_FOUND)
        return factor_result_of(spent, FACTOR_FAILED);
    enum push_state state;
    if (push_state_read(tx, call->arena, call->binding, call->now, &state, NULL) != DB_OK)
        return FACTOR_FAILED;
    if (state == PUSH_PENDING)
        return FACTOR_PENDING;
    return state == PUSH_REJECTED ? FACTOR_REJECTED : FACTOR_EXPIRED;
}

static yyjson_mut_val *describe_push(const struct authenticator *authenticator, struct arena *arena,
                                     yyjson_mut_doc *doc)
{
    yyjson_mut_val *method = factor_describe(authenticator, arena, doc);
    json_set_text(doc, method, "preferred_authentication_method", "push");
    return method;
}

const struct factor push_factor = {
    .name = "push-notification",
    .kind = "push",
    .type = "push",
    .counts_as_enrolled = true,
    .log_passed = "gd_auth_succeed",
    .log_failed = "gd_auth_failed",
    .log_limited = "gd_otp_rate_limit_exceed",
    .log_sent = "gd_send_pn",
    .log_send_failed = "gd_send_pn_failure",
    .limit = limit_pushes,
    .is_answered_elsewhere = true,
    .enroll = enroll_push,
    .show = show_push,
    .confirm = confirm_push,
    .challenge = challenge_push,
    .verify = verify_push,
    .describe = describe_push,
};
