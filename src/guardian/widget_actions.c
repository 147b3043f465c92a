/* What a page does within its transaction: has a code or a notification sent, gives a code in, enrols a phone number. */
#include "guardian/widget.h"

#include "base/encode.h"
#include "crypto/otp.h"

#include <inttypes.h>
#include <string.h>

/* Once accepted a transaction takes no further try. */
static bool open_pending(struct http_exchange *x, struct widget_call *call)
{
    if (!widget_open(x, call))
        return false;
    if (json_mut_text(call->transaction.root, "method") == NULL)
        return true;
    guardian_reply_error(x, "transaction_expired");
    return false;
}

/* --- POST send-sms --- */

static void note_sms(struct widget_call *call, const char *id)
{
    json_set_text(call->transaction.doc, call->transaction.root, "sms", id);
}

void widget_send_sms(struct http_exchange *x)
{
    struct widget_call call;
    int64_t retry_ms = 0;
    if (!open_pending(x, &call))
        return;
    enum factor_result result = FACTOR_NOT_ENROLLED;
    const struct authenticator *phone = widget_enrolled_of(&call, "phone");
    const char *sent_to = json_mut_text(call.transaction.root, "sms");
    if (widget_is_enrolled(&call)) {
        if (phone == NULL && !mfa_factor_enabled(&call.settings, "sms")) {
            guardian_reply_error(x, "feature_disabled_by_admin");
            return;
        }
        call.factor.again = sent_to != NULL;
        if (phone != NULL)
            result = mfa_challenge(&call.factor, phone, &retry_ms);
        if (result == FACTOR_OK && (sent_to == NULL || strcmp(sent_to, phone->id) != 0) &&
            !widget_store(&call, note_sms, phone->id))
            return;
    } else if (sent_to != NULL) {
        result = mfa_enroll_again(&call.factor, sent_to, &retry_ms);
    }
    if (result == FACTOR_OK)
        http_reply_empty(x, 204);
    else
        widget_reply_result(&call, result, retry_ms, "invalid_otp");
}

/* --- POST send-push-notification --- */

/* All phones of the person are asked at once (guardian.md C4-4). */
void widget_send_push(struct http_exchange *x)
{
    struct widget_call call;
    int64_t retry_ms = 0;
    if (!open_pending(x, &call))
        return;
    enum factor_result result = FACTOR_NOT_ENROLLED;
    const struct authenticator *phone = widget_enrolled_of(&call, "push");
    if (phone != NULL)
        result = mfa_challenge(&call.factor, phone, &retry_ms);
    if (result == FACTOR_OK)
        http_reply_empty(x, 204);
    else if (result == FACTOR_TOO_MANY_MESSAGES)
        widget_reply_limited(&call, "too_many_pn", retry_ms);
    else if (result == FACTOR_SEND_FAILED)
        guardian_reply_error(x, "error_sending_push_notification");
    else if (!mfa_factor_enabled(&call.settings, "push-notification"))
        guardian_reply_error(x, "feature_disabled_by_admin");
    else
        widget_reply_result(&call, result, retry_ms, "invalid_otp");
}

/* --- POST device-accounts/{id}/sms-enroll --- */

static bool is_of_transaction(const struct widget_call *call, const char *id)
{
    static const char *const members[] = {"device", "sms", "otp"};
    for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
        const char *own = json_mut_text(call->transaction.root, members[i]);
        if (own != NULL && strcmp(own, id) == 0)
            return true;
    }
    return false;
}

void widget_sms_enroll(struct http_exchange *x)
{
    struct widget_call call;
    struct enrollment_offer offer;
    yyjson_val *body;
    int64_t retry_ms = 0;
    if (!open_pending(x, &call) || !widget_body(x, &body))
        return;
    const char *phone = json_text(body, "phone_number");
    if (phone == NULL)
        guardian_reply_error(x, "invalid_body");
    else if (widget_is_enrolled(&call))
        guardian_reply_error(x, "enrollment_conflict");
    else if (!is_of_transaction(&call, http_parameter(x, "id")))
        guardian_reply_error(x, "enrollment_not_found");
    else if (!widget_may_enroll(&call, "sms"))
        guardian_reply_error(x, "feature_disabled_by_admin");
    else {
        call.factor.replaces = json_mut_text(call.transaction.root, "sms");
        enum factor_result result = mfa_enroll(&call.factor, factor_by_name("sms"), phone, &offer, &retry_ms);
        if (result != FACTOR_OK) {
            widget_reply_result(&call, result, retry_ms, "invalid_phone_number");
        } else if (widget_store(&call, note_sms, offer.authenticator.id)) {
            yyjson_mut_doc *doc = json_new_object(x->arena);
            json_set_text(doc, yyjson_mut_doc_get_root(doc), "phone_number", phone_e164(x->arena, phone));
            http_reply_json(x, 200, doc);
        }
    }
}

/* --- POST verify-otp --- */

/* Which of the person's authenticators a code is for: the widget names none. */
struct candidate {
    struct authenticator authenticator;
    bool is_found;
    bool is_pending;
};

static bool makes(const struct authenticator *authenticator, const char *code, int64_t now)
{
    int64_t step;
    return authenticator->secret.size > 0 &&
           totp_verify(authenticator->secret, code, now / 1000, authenticator->last_step, &step);
}

static void consider_pending(struct widget_call *call, const char *member, struct candidate *candidate)
{
    struct enrollment_offer offer;
    const char *id = json_mut_text(call->transaction.root, member);
    candidate->is_found = id != NULL && mfa_resume(&call->factor, id, &offer) == FACTOR_OK;
    candidate->is_pending = true;
    if (candidate->is_found)
        candidate->authenticator = offer.authenticator;
}

static void consider_enrolled(const struct widget_call *call, const char *kind, const char *code,
                              struct candidate *candidate)
{
    for (size_t i = 0; i < call->choice.enrolled_count; i++) {
        const struct authenticator *authenticator = &call->choice.enrolled[i];
        if (strcmp(authenticator->kind, kind) != 0)
            continue;
        if (candidate->is_found && !makes(authenticator, code, call->now))
            continue;
        *candidate = (struct candidate){.authenticator = *authenticator, .is_found = true};
    }
}

/*
 * The one that an app makes this very code for; else the one that a text message was sent to; else the app's. The choice
 * alone gives nothing away: the code is then checked, and counted, once.
 */
static bool choose(struct widget_call *call, const char *code, struct candidate *chosen)
{
    struct candidate app = {.is_found = false};
    struct candidate sms = {.is_found = false};
    bool is_enrolled = widget_is_enrolled(call);
    if (is_enrolled) {
        consider_enrolled(call, "otp", code, &app);
        consider_enrolled(call, "push", code, &app);
    } else
        consider_pending(call, "otp", &app);
    if (!is_enrolled)
        consider_pending(call, "sms", &sms);
    else if (json_mut_text(call->transaction.root, "sms") != NULL)
        consider_enrolled(call, "phone", code, &sms);
    bool is_app = app.is_found && (!sms.is_found || makes(&app.authenticator, code, call->now));
    *chosen = is_app ? app : sms;
    return chosen->is_found;
}

/* A number, where the page passed one: its leading zeros are lost, but for those that six digits must have had. */
static const char *code_of(struct arena *arena, yyjson_val *body)
{
    yyjson_val *code = json_member(body, "code");
    if (yyjson_is_uint(code))
        return arena_printf(arena, "%06" PRIu64, yyjson_get_uint(code));
    return yyjson_get_str(code);
}

void widget_verify_otp(struct http_exchange *x)
{
    struct widget_call call;
    struct candidate chosen;
    yyjson_val *body;
    if (!open_pending(x, &call) || !widget_body(x, &body))
        return;
    const char *type = json_text(body, "type");
    const char *code = code_of(x->arena, body);
    if (code == NULL || (type != NULL && strcmp(type, "manual_input") != 0)) {
        guardian_reply_error(x, "invalid_body");
        return;
    }
    if (!choose(&call, code, &chosen)) {
        guardian_reply_error(x, "enrollment_not_found");
        return;
    }
    int64_t retry_ms = 0;
    const char *recovery_code = NULL;
    bool is_message = strcmp(chosen.authenticator.kind, "phone") == 0;
    call.method = is_message ? "sms" : "otp"; /* a phone that is pushed to makes codes, too */
    call.is_enrolling = chosen.is_pending;
    enum factor_result result =
        chosen.is_pending
            ? mfa_confirm(&call.factor, chosen.authenticator.id, code,
                          json_mut_text(call.transaction.root, "ticket"), &recovery_code, &retry_ms)
            : mfa_verify(&call.factor, &chosen.authenticator, code, &recovery_code, &retry_ms);
    if (result == FACTOR_OK)
        http_reply_json(x, 200, json_new_object(x->arena));
    else
        widget_reply_result(&call, result, retry_ms, "invalid_otp");
}

/* --- POST recover-account --- */

void widget_recover_account(struct http_exchange *x)
{
    struct widget_call call;
    yyjson_val *body;
    if (!open_pending(x, &call) || !widget_body(x, &body))
        return;
    const char *code = json_text(body, "recovery_code");
    const struct authenticator *recovery = widget_enrolled_of(&call, "recovery-code");
    if (code == NULL) {
        guardian_reply_error(x, "invalid_body");
        return;
    }
    if (recovery == NULL || !widget_is_enrolled(&call)) {
        guardian_reply_error(x, "enrollment_not_found");
        return;
    }
    const char *next = NULL;
    int64_t retry_ms = 0;
    call.method = "recovery-code";
    enum factor_result result = mfa_verify(&call.factor, recovery, code, &next, &retry_ms);
    if (result != FACTOR_OK) {
        widget_reply_result(&call, result, retry_ms, "invalid_recovery_code");
        return;
    }
    yyjson_mut_doc *doc = json_new_object(x->arena);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "recovery_code", next);
    http_reply_json(x, 200, doc);
}
