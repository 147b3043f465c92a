/* POST start-flow: opens, or opens once more, the transaction that a page's request token or enrolment ticket is for. */
#include "guardian/widget.h"

#include "mfa/push.h"

#include "base/clock.h"
#include "base/random.h"
#include "crypto/digest.h"

#include <string.h>

/* --- by ticket --- */

static void fill_in_ticket(struct widget_call *call, const char *hash, const struct enrollment_ticket *ticket)
{
    struct mfa_transaction *transaction = &call->transaction;
    const char *factor = json_text(ticket->doc, "factor");
    if (factor != NULL && strcmp(factor, "phone") == 0)
        factor = "sms";
    if (factor != NULL && strcmp(factor, "push-notification") == 0)
        factor = "push";
    transaction->user_id = ticket->user_id;
    transaction->doc = json_new_object(call->arena);
    transaction->root = yyjson_mut_doc_get_root(transaction->doc);
    transaction->created_at = call->now;
    transaction->expires_at = call->now + MFA_TRANSACTION_MS;
    json_set_text(transaction->doc, transaction->root, "ticket", hash);
    json_set_text(transaction->doc, transaction->root, "factor", factor);
    json_set_bool(transaction->doc, transaction->root, "additional",
                  json_bool(ticket->doc, "allow_multiple_enrollments", false));
}

/* The ticket's transaction: the same one while it lasts, so that a page that is loaded again shows the same secret. */
static const char *open_by_ticket(struct widget_call *call, struct db_tx *tx, const char *secret)
{
    struct enrollment_ticket ticket;
    const char *hash = token_hash(call->arena, secret);
    enum db_result result = enrollment_ticket_by_secret(tx, call->arena, secret, &ticket);
    if (result == DB_NOT_FOUND ||
        (result == DB_OK && (ticket.used_at != 0 || ticket.voided_at != 0 || ticket.expires_at <= call->now)))
        return "invalid_token";
    if (result != DB_OK)
        return "internal_error";
    /* Named by a hash of the hash: the id goes through browsers. */
    const char *id = arena_printf(call->arena, "tx_%.32s", token_hash(call->arena, hash));
    result = mfa_transaction_by_id(tx, call->arena, id, call->now, &call->transaction);
    if (result == DB_OK)
        return NULL;
    if (result != DB_NOT_FOUND)
        return "internal_error";
    call->transaction.id = id;
    fill_in_ticket(call, hash, &ticket);
    return NULL;
}

/* --- by the request token of a login --- */

static const char *open_by_request(struct widget_call *call, struct db_tx *tx, const char *token)
{
    const char *txid;
    switch (
        browser_token_read(call->tenant, tx, call->arena, BROWSER_TOKEN_REQUEST, token, call->now, &txid)) {
    case BROWSER_TOKEN_INVALID:
        return "invalid_token";
    case BROWSER_TOKEN_EXPIRED:
        return "transaction_expired";
    case BROWSER_TOKEN_FINE:
        break;
    }
    enum db_result result = mfa_transaction_by_id(tx, call->arena, txid, call->now, &call->transaction);
    if (result == DB_NOT_FOUND)
        return "transaction_expired";
    return result == DB_OK ? NULL : "internal_error";
}

static const char *open_transaction(struct widget_call *call)
{
    struct db_tx *tx = NULL;
    const char *ticket = guardian_ticket(call->x), *token = http_credentials(call->x, "Bearer");
    if (db_begin_read(call->tenant->db, &tx) != DB_OK)
        return "internal_error";
    const char *fault = "invalid_token";
    if (ticket != NULL)
        fault = open_by_ticket(call, tx, ticket);
    else if (token != NULL)
        fault = open_by_request(call, tx, token);
    if (fault == NULL) {
        enum db_result result = widget_read_person(call, tx);
        if (result != DB_OK)
            fault = result == DB_NOT_FOUND ? "invalid_token" : "internal_error";
    }
    db_end(&tx);
    return fault;
}

/* --- what a person who enrols is given --- */

/* The pending one-time-code authenticator, whose secret the page shows; FACTOR_OK without one where that factor is off. */
static enum factor_result ready_secret(struct widget_call *call, struct enrollment_offer *offer,
                                       int64_t *retry_ms)
{
    *offer = (struct enrollment_offer){0};
    *retry_ms = 0;
    if (!widget_may_enroll(call, "otp"))
        return FACTOR_OK;
    const char *id = json_mut_text(call->transaction.root, "otp");
    if (id != NULL && mfa_resume(&call->factor, id, offer) == FACTOR_OK)
        return FACTOR_OK;
    enum factor_result result = mfa_enroll(&call->factor, factor_by_name("otp"), NULL, offer, retry_ms);
    if (result == FACTOR_OK) {
        json_set_text(call->transaction.doc, call->transaction.root, "otp", offer->authenticator.id);
        json_set_text(call->transaction.doc, call->transaction.root, "device", offer->authenticator.id);
    }
    return result;
}

/* The pending phone, whose ticket the page's QR code carries; nothing where that factor is off. */
static enum factor_result ready_phone(struct widget_call *call, int64_t *retry_ms)
{
    struct enrollment_offer offer;
    if (!widget_may_enroll(call, "push"))
        return FACTOR_OK;
    struct mfa_transaction *transaction = &call->transaction;
    const char *id = json_mut_text(transaction->root, "push");
    if (id != NULL && mfa_resume(&call->factor, id, &offer) == FACTOR_OK &&
        offer.authenticator.created_at + PUSH_ENROLLMENT_MS > call->now)
        return FACTOR_OK;
    call->factor.page_shows_recovery_code = true;
    call->factor.ticket_hash = json_mut_text(transaction->root, "ticket");
    enum factor_result result =
        mfa_enroll(&call->factor, factor_by_name("push-notification"), NULL, &offer, retry_ms);
    if (result != FACTOR_OK)
        return result;
    json_set_text(transaction->doc, transaction->root, "push", offer.authenticator.id);
    widget_keep_secret(call, "phone_ticket", offer.enrollment_tx_id);
    if (json_mut_text(transaction->root, "device") == NULL)
        json_set_text(transaction->doc, transaction->root, "device", offer.authenticator.id);
    return FACTOR_OK;
}

static bool wants_recovery_code(const struct widget_call *call)
{
    return mfa_factor_enabled(&call->settings, "recovery-code") && call->choice.enrolled_count == 0;
}

static void ready_document(struct widget_call *call)
{
    struct mfa_transaction *transaction = &call->transaction;
    if (json_mut_text(transaction->root, "device") == NULL)
        json_set_text(transaction->doc, transaction->root, "device", random_id(call->arena, "dev_", 16));
    if (json_mut_text(transaction->root, "phone_ticket") == NULL)
        widget_keep_secret(call, "phone_ticket", random_text(call->arena, RANDOM_ALPHANUMERIC, 32));
    if (wants_recovery_code(call) && json_mut_text(transaction->root, "recovery") == NULL)
        widget_keep_secret(call, "recovery", recovery_code_invent(call->arena));
}

static bool save(struct widget_call *call)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    if (result == DB_OK)
        result = mfa_transaction_save(tx, call->arena, &call->transaction);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    /* The same page twice at once: one of them starts, the other asks again. */
    if (result == DB_CONFLICT)
        guardian_reply_error(call->x, "enrollment_conflict");
    else if (result != DB_OK)
        guardian_reply_store_failure(call->x);
    return result == DB_OK;
}

static yyjson_mut_val *describe_pending(const struct widget_call *call, yyjson_mut_doc *doc,
                                        const struct enrollment_offer *offer)
{
    yyjson_mut_val *device = yyjson_mut_obj(doc);
    json_set_text(doc, device, "id", json_mut_text(call->transaction.root, "device"));
    json_set_text(doc, device, "status", "confirmation_pending");
    json_set_text(doc, device, "otp_secret", offer->secret_base32);
    json_set_text(doc, device, "recovery_code", widget_secret(call, "recovery"));
    return device;
}

/* --- the answer --- */

static void add_switches(const struct widget_call *call, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
    yyjson_mut_val *settings = yyjson_mut_obj(doc);
    yyjson_mut_val *phone = yyjson_mut_obj(doc);
    json_set_int(doc, phone, "otp_length", call->settings.phone_code_digits);
    json_set(doc, settings, "phone", phone);
    json_set(doc, root, "factor_settings", settings);
    yyjson_mut_val *switches = yyjson_mut_obj(doc);
    static const char *const names[][2] = {{"mfa_app", "otp"}, {"mfa_sms", "sms"}};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        yyjson_mut_val *one = yyjson_mut_obj(doc);
        bool is_on = widget_may_enroll(call, names[i][1]) || (i == 0 && widget_may_enroll(call, "push"));
        json_set_bool(doc, one, "enroll", is_on);
        json_set(doc, switches, names[i][0], one);
    }
    json_set(doc, root, "feature_switches", switches);
}

static void reply(struct widget_call *call, const struct enrollment_offer *offer)
{
    yyjson_mut_doc *doc = json_new_object(call->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    struct db_tx *tx = NULL;
    const char *token = NULL;
    if (db_begin_read(call->tenant->db, &tx) == DB_OK)
        token = browser_token_make(call->tenant, tx, call->arena, BROWSER_TOKEN_TRANSACTION,
                                   &call->transaction, call->now);
    db_end(&tx);
    if (token == NULL) {
        guardian_reply_store_failure(call->x);
        return;
    }
    json_set_text(doc, root, "transaction_token", token);
    if (offer != NULL)
        json_set_text(doc, root, "enrollment_tx_id", widget_secret(call, "phone_ticket"));
    json_set(doc, root, "device_account",
             offer != NULL ? describe_pending(call, doc, offer) : widget_describe(call, doc));
    json_set(doc, root, "available_enrollment_methods", widget_enrollable(call, doc));
    json_set(doc, root, "available_authentication_methods", widget_askable(call, doc));
    add_switches(call, doc, root);
    http_reply_json(call->x, 200, doc);
}

static void start_enrollment(struct widget_call *call)
{
    struct enrollment_offer offer;
    int64_t retry_ms;
    bool is_possible = false;
    for (size_t i = 0; i < factors_count; i++)
        is_possible |= widget_may_enroll(call, widget_factor_name(factors[i]));
    if (!is_possible) {
        guardian_reply_error(call->x, "feature_disabled");
        return;
    }
    enum factor_result result = ready_secret(call, &offer, &retry_ms);
    if (result == FACTOR_OK)
        result = ready_phone(call, &retry_ms);
    if (result != FACTOR_OK) {
        widget_reply_result(call, result, retry_ms, "invalid_otp");
        return;
    }
    ready_document(call);
    if (save(call))
        reply(call, &offer);
}

void widget_start_flow(struct http_exchange *x)
{
    struct widget_call call = {.x = x, .tenant = tenant_of(x), .arena = x->arena, .now = clock_now_ms()};
    yyjson_val *body;
    guardian_allow_origin(x);
    if (!widget_body(x, &body))
        return;
    const char *fault = open_transaction(&call);
    if (fault != NULL) {
        guardian_reply_error(x, fault);
        return;
    }
    widget_ready_factor(&call);
    if (!widget_is_enrolled(&call))
        start_enrollment(&call);
    else if (call.transaction.version > 0 || save(&call))
        reply(&call, NULL);
}
