#include "guardian/widget.h"

#include "base/clock.h"
#include "guardian/routes.h"
#include "guardian/socket.h"
#include "page/page.h"
#include "store/signal.h"

#include <string.h>

/* --- opening --- */

enum db_result widget_read_person(struct widget_call *call, struct db_tx *tx)
{
    enum db_result result = user_by_id(tx, call->arena, call->transaction.user_id, &call->user);
    if (result == DB_OK)
        result = mfa_settings_read(tx, call->arena, &call->settings);
    if (result == DB_OK)
        result = mfa_choice_read(call->tenant, tx, call->arena, &call->settings, call->user.user_id,
                                 json_mut_text(call->transaction.root, "provider"), &call->choice);
    return result;
}

/*
 * The transaction is accepted in the write that spends the code. Only another acceptance stands in the way: what else
 * changed in it meanwhile (a code that was sent) is no matter.
 */
static enum db_result accept(struct factor_call *factor, struct db_tx *tx, const char *recovery_code)
{
    struct widget_call *call = factor->context;
    struct mfa_transaction now;
    (void)recovery_code;
    enum db_result result = mfa_transaction_by_id(tx, call->arena, call->transaction.id, call->now, &now);
    if (result == DB_NOT_FOUND || (result == DB_OK && json_mut_text(now.root, "method") != NULL))
        return DB_CONFLICT;
    if (result != DB_OK)
        return result;
    /* A phone that enrolled itself meanwhile left to this page the recovery code that it shows. */
    if (mfa_settle_recovery_code(factor, tx) != FACTOR_OK)
        return DB_FAILED;
    json_set_text(now.doc, now.root, "method", call->method);
    json_set_int(now.doc, now.root, "accepted_at", call->now);
    json_set_bool(now.doc, now.root, "enrolled", call->is_enrolling);
    result = mfa_transaction_save(tx, call->arena, &now);
    call->transaction = now;
    if (result == DB_OK)
        signal_raise(tx, arena_printf(call->arena, "tx:%s", now.id));
    return result;
}

/* An operator's page shows no number: the protocol has none. */
static const struct push_request no_screen = {.has_no_screen = true};

void widget_ready_factor(struct widget_call *call)
{
    const struct mfa_transaction *transaction = &call->transaction;
    call->factor = (struct factor_call){
        .tenant = call->tenant,
        .arena = call->arena,
        .x = call->x,
        .user = &call->user,
        .binding = transaction->id,
        .locale = page_language(NULL, call->x != NULL ? http_header(call->x, "accept-language") : NULL),
        .provider = json_mut_text(transaction->root, "provider"),
        .additional = json_mut_bool(transaction->root, "additional", false),
        .request = &no_screen,
        .now = call->now,
        .began_at = transaction->created_at,
        .announced_code = widget_secret(call, "recovery"),
        .on_success = accept,
        .context = call,
    };
}

static const char *read_transaction(struct widget_call *call, struct db_tx *tx, const char *txid)
{
    enum db_result result = mfa_transaction_by_id(tx, call->arena, txid, call->now, &call->transaction);
    if (result == DB_OK)
        result = widget_read_person(call, tx);
    if (result == DB_NOT_FOUND)
        return "transaction_expired";
    return result == DB_OK ? NULL : "internal_error";
}

/* By a token or, where that is NULL, by the id. */
static const char *open_by(struct widget_call *call, const char *token, const char *txid)
{
    struct db_tx *tx = NULL;
    const char *fault = NULL;
    if (db_begin_read(call->tenant->db, &tx) != DB_OK)
        return "internal_error";
    enum browser_token_fault read =
        token == NULL ? BROWSER_TOKEN_FINE
                      : browser_token_read(call->tenant, tx, call->arena, BROWSER_TOKEN_TRANSACTION, token,
                                           call->now, &txid);
    if (read == BROWSER_TOKEN_FINE)
        fault = read_transaction(call, tx, txid);
    else
        fault = read == BROWSER_TOKEN_EXPIRED ? "transaction_expired" : "invalid_token";
    db_end(&tx);
    if (fault == NULL)
        widget_ready_factor(call);
    return fault;
}

const char *widget_open_token(struct tenant *tenant, struct arena *arena, struct http_exchange *x,
                              const char *token, struct widget_call *call)
{
    *call = (struct widget_call){.x = x, .tenant = tenant, .arena = arena, .now = clock_now_ms()};
    return open_by(call, token, NULL);
}

const char *widget_open_transaction(struct tenant *tenant, struct arena *arena, const char *txid,
                                    struct widget_call *call)
{
    *call = (struct widget_call){.tenant = tenant, .arena = arena, .now = clock_now_ms()};
    return open_by(call, NULL, txid);
}

bool widget_open(struct http_exchange *x, struct widget_call *call)
{
    guardian_allow_origin(x);
    const char *token = http_credentials(x, "Bearer");
    if (token == NULL) {
        guardian_reply_error(x, "invalid_bearer_format");
        return false;
    }
    const char *fault = widget_open_token(tenant_of(x), x->arena, x, token, call);
    if (fault != NULL)
        guardian_reply_error(x, fault);
    return fault == NULL;
}

bool widget_body(struct http_exchange *x, yyjson_val **body)
{
    if (http_json(x, body) == JSON_FINE && (*body == NULL || yyjson_is_obj(*body)))
        return true;
    guardian_reply_error(x, "invalid_body");
    return false;
}

/* --- the transaction's document --- */

bool widget_store(struct widget_call *call, widget_change change, const char *value)
{
    struct db_tx *tx = NULL;
    enum db_result result = DB_CONFLICT;
    for (int attempt = 0; attempt < 4 && result == DB_CONFLICT; attempt++) {
        result = db_begin_write(call->tenant->db, &tx);
        if (result == DB_OK)
            result =
                mfa_transaction_by_id(tx, call->arena, call->transaction.id, call->now, &call->transaction);
        if (result == DB_OK) {
            change(call, value);
            result = mfa_transaction_save(tx, call->arena, &call->transaction);
        }
        if (result == DB_OK)
            result = db_commit(&tx);
        db_rollback(&tx);
    }
    if (result == DB_NOT_FOUND)
        guardian_reply_error(call->x, "transaction_expired");
    else if (result != DB_OK)
        guardian_reply_store_failure(call->x);
    return result == DB_OK;
}

static const char *purpose(const struct widget_call *call, const char *name)
{
    return arena_printf(call->arena, "mfa_transactions:%s:%s", call->transaction.id, name);
}

const char *widget_secret(const struct widget_call *call, const char *name)
{
    const char *sealed = json_mut_text(call->transaction.root, name);
    struct bytes secret;
    if (sealed == NULL ||
        !keyring_open(call->tenant->keyring, call->arena, purpose(call, name), sealed, &secret))
        return NULL;
    return (const char *)secret.data;
}

void widget_keep_secret(struct widget_call *call, const char *name, const char *secret)
{
    json_set_text(
        call->transaction.doc, call->transaction.root, name,
        keyring_seal(call->tenant->keyring, call->arena, purpose(call, name), bytes_of_text(secret)));
}

/* --- the person's factors --- */

bool widget_is_enrolled(const struct widget_call *call)
{
    return call->choice.enrolled_count > 0 && !json_mut_bool(call->transaction.root, "additional", false);
}

const char *widget_factor_name(const struct factor *factor)
{
    return strcmp(factor->kind, "push") == 0 ? "push" : factor->name;
}

bool widget_may_enroll(const struct widget_call *call, const char *name)
{
    const char *only = json_mut_text(call->transaction.root, "factor");
    if (widget_is_enrolled(call) || (only != NULL && strcmp(only, name) != 0))
        return false;
    for (size_t i = 0; i < call->choice.enrollable_count; i++)
        if (strcmp(widget_factor_name(call->choice.enrollable[i]), name) == 0)
            return true;
    return false;
}

const struct authenticator *widget_enrolled_of(const struct widget_call *call, const char *kind)
{
    for (size_t i = 0; i < call->choice.enrolled_count; i++)
        if (strcmp(call->choice.enrolled[i].kind, kind) == 0)
            return &call->choice.enrolled[i];
    return NULL;
}

/* --- routes --- */

#define BOTH(path, handler)                                                                                  \
    {"POST", path, handler, 0, "widget"},                                                                    \
    {                                                                                                        \
        "OPTIONS", path, guardian_answer_preflight, HTTP_ON_LOOP, "widget"                                   \
    }
#define UNDER(prefix)                                                                                        \
    BOTH(prefix "/api/start-flow", widget_start_flow),                                                       \
        BOTH(prefix "/api/transaction-state", widget_transaction_state),                                     \
        BOTH(prefix "/api/send-push-notification", widget_send_push),                                        \
        BOTH(prefix "/api/send-sms", widget_send_sms), BOTH(prefix "/api/verify-otp", widget_verify_otp),    \
        BOTH(prefix "/api/recover-account", widget_recover_account),                                         \
        BOTH(prefix "/api/device-accounts/{id}/sms-enroll", widget_sms_enroll),                              \
        BOTH(prefix "/socket.io/", socket_post),                                                             \
    {                                                                                                        \
        "GET", prefix "/socket.io/", socket_get, 0, "widget"                                                 \
    }

static const struct http_route routes[] = {UNDER("/appliance-mfa"), UNDER("/guardian"), UNDER("")};

const struct http_routes widget_routes = {routes, ARRAY_LENGTH(routes)};
