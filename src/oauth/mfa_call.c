#include "oauth/mfa_call.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "crypto/jwt.h"
#include "oauth/audience.h"
#include "page/page.h"

#include <string.h>

enum { WRITE_TRIES = 4, OOB_CODE_LENGTH = 43 };

enum opening {
    OPENING_FINE,
    OPENING_MALFORMED,
    OPENING_EXPIRED,
    OPENING_FAILED,
};

/* --- reading the token --- */

static enum opening read_mfa_token(struct mfa_call *call, struct db_tx *tx, const char *token)
{
    enum db_result found = mfa_token_by_hash(tx, call->arena, token_hash(call->arena, token), &call->token);
    if (found == DB_NOT_FOUND)
        return OPENING_MALFORMED;
    if (found != DB_OK)
        return OPENING_FAILED;
    bool is_over = call->token.ended_at != 0 || call->token.expires_at <= call->now;
    return is_over ? OPENING_EXPIRED : OPENING_FINE;
}

/* What a success by an access token redeems: another one of the same kind. */
static yyjson_mut_doc *make_access_grant(struct mfa_call *call, const char *user_id)
{
    yyjson_mut_doc *doc = json_new_object(call->arena);
    yyjson_mut_val *grant = yyjson_mut_obj(doc);
    json_set_text(doc, grant, "user_id", user_id);
    json_set_text(doc, grant, "scope", call->scope);
    json_set_text(doc, grant, "audience", oauth_url(call->x, "mfa/"));
    json_set_bool(doc, grant, "multifactor", true);
    json_set(doc, yyjson_mut_doc_get_root(doc), "grant", grant);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "provider", "any");
    return doc;
}

static enum opening read_access_token(struct mfa_call *call, struct db_tx *tx, const char *token)
{
    struct jwt jwt;
    if (!jwt_parse(call->arena, token, &jwt) || jwt.kid == NULL)
        return OPENING_MALFORMED;
    const struct signing_key *key = tenant_key_by_kid(call->tenant, tx, jwt.kid);
    const char *issuer = json_text(jwt.claims, "iss");
    const char *user_id = json_text(jwt.claims, "sub");
    const char *client_id = json_text(jwt.claims, "azp");
    if (key == NULL || !jwt_verify_rs256(&jwt, key) || issuer == NULL || user_id == NULL ||
        client_id == NULL || strcmp(issuer, call->tenant->config->issuer) != 0 ||
        !jwt_has_audience(&jwt, oauth_url(call->x, "mfa/")))
        return OPENING_MALFORMED;
    if (!jwt_is_current(&jwt, call->now / 1000, 0))
        return OPENING_EXPIRED;
    call->is_access_token = true;
    call->scope = json_text(jwt.claims, "scope");
    const char *hash = token_hash(call->arena, token);
    enum db_result found = mfa_token_by_hash(tx, call->arena, hash, &call->token);
    if (found == DB_OK)
        return OPENING_FINE;
    call->token = (struct mfa_token){
        .hash = hash,
        .user_id = user_id,
        .client_id = client_id,
        .doc = make_access_grant(call, user_id),
        .created_at = json_int(jwt.claims, "iat", 0) * 1000,
        .expires_at = json_int(jwt.claims, "exp", 0) * 1000,
    };
    call->token.root = yyjson_mut_doc_get_root(call->token.doc);
    return found == DB_NOT_FOUND ? OPENING_FINE : OPENING_FAILED;
}

static enum db_result read_person(struct mfa_call *call, struct db_tx *tx)
{
    struct arena *arena = call->arena;
    const struct keyring *keyring = call->tenant->keyring;
    const char *provider = json_mut_text(call->token.root, "provider");
    enum db_result result = user_by_id(tx, arena, call->token.user_id, &call->user);
    if (result == DB_OK)
        result = client_by_id(tx, arena, keyring, call->token.client_id, &call->client);
    if (result == DB_OK)
        result = mfa_settings_read(tx, arena, &call->settings);
    if (result == DB_OK)
        result = mfa_choice_read(call->tenant, tx, arena, &call->settings, call->user.user_id, provider,
                                 &call->choice);
    if (result == DB_OK)
        result = authenticators_of_user(tx, arena, keyring, call->user.user_id, &call->all, &call->all_count);
    return result;
}

static enum opening read_all(struct mfa_call *call, const char *token)
{
    struct db_tx *tx = NULL;
    enum opening opening = OPENING_FAILED;
    if (db_begin_read(call->tenant->db, &tx) == DB_OK)
        opening =
            strchr(token, '.') != NULL ? read_access_token(call, tx, token) : read_mfa_token(call, tx, token);
    if (opening == OPENING_FINE) {
        enum db_result found = read_person(call, tx);
        if (found != DB_OK)
            opening = found == DB_NOT_FOUND ? OPENING_MALFORMED : OPENING_FAILED;
    }
    db_end(&tx);
    return opening;
}

/* --- opening --- */

/* Of X-Request-Language, else Accept-Language. */
static const char *language_of(const struct http_exchange *x)
{
    const char *asked = http_header(x, "x-request-language");
    return page_language(NULL, asked != NULL ? asked : http_header(x, "accept-language"));
}

static void ready_factor(struct mfa_call *call)
{
    const char *provider = json_mut_text(call->token.root, "provider");
    call->push = (struct push_request){
        .client_name = json_text(call->client.doc, "name"),
        .has_no_screen = true,
    };
    call->factor = (struct factor_call){
        .tenant = call->tenant,
        .arena = call->arena,
        .x = call->x,
        .user = &call->user,
        .binding = call->token.hash,
        .locale = language_of(call->x),
        .provider = provider,
        .additional = call->is_access_token,
        .announced_code = mfa_call_recovery_code(call),
        .now = call->now,
        .began_at = call->token.created_at,
        .context = call,
        .request = &call->push,
    };
}

bool mfa_call_open(struct http_exchange *x, const char *token, struct mfa_call *call)
{
    *call = (struct mfa_call){.x = x, .tenant = tenant_of(x), .arena = x->arena, .now = clock_now_ms()};
    switch (read_all(call, token)) {
    case OPENING_MALFORMED:
        oauth_fail(x, 403, "invalid_grant", "Malformed mfa_token");
        return false;
    case OPENING_EXPIRED:
        oauth_fail(x, 401, "expired_token", "mfa_token is expired");
        return false;
    case OPENING_FAILED:
        oauth_fail_internally(x);
        return false;
    case OPENING_FINE:
        break;
    }
    cors_allow_client(x, &call->client);
    if (json_bool(call->user.doc, "blocked", false)) {
        oauth_fail(x, 401, "unauthorized", "user is blocked");
        return false;
    }
    ready_factor(call);
    return true;
}

bool mfa_call_open_bearer(struct http_exchange *x, const char *scope, bool takes_mfa_token,
                          struct mfa_call *call)
{
    const char *token = http_credentials(x, "Bearer");
    if (token == NULL || *token == '\0') {
        http_set_header(x, "WWW-Authenticate", "Bearer");
        oauth_fail(x, 401, "invalid_request", "Missing required Bearer token");
        return false;
    }
    if (!mfa_call_open(x, token, call))
        return false;
    if (call->is_access_token ? scope_has(call->scope, scope) : takes_mfa_token)
        return true;
    oauth_fail(x, 403, "insufficient_scope",
               arena_printf(x->arena, "Insufficient scope, expected any of: %s", scope));
    return false;
}

bool mfa_call_open_form(struct token_request *request, struct mfa_call *call)
{
    const char *token = token_request_need(request, "mfa_token");
    if (token == NULL || !mfa_call_open(request->x, token, call))
        return false;
    call->request = request;
    if (strcmp(call->token.client_id, request->client.client_id) == 0)
        return true;
    oauth_fail(request->x, 400, "invalid_request", "mfa_token not issued to this client");
    return false;
}

/* --- the token's document --- */

/* The token as it is now; an access token's has no row before something is kept with it. */
static enum db_result read_again(struct mfa_call *call, struct db_tx *tx)
{
    struct mfa_token current;
    enum db_result result = mfa_token_by_hash(tx, call->arena, call->token.hash, &current);
    if (result == DB_NOT_FOUND)
        return call->is_access_token ? DB_OK : result;
    if (result == DB_OK && current.ended_at != 0)
        return DB_NOT_FOUND;
    if (result == DB_OK)
        call->token = current;
    return result;
}

bool mfa_call_store(struct mfa_call *call, mfa_call_change change, const void *context)
{
    enum db_result result = DB_CONFLICT;
    for (int i = 0; i < WRITE_TRIES && result == DB_CONFLICT; i++) {
        struct db_tx *tx = NULL;
        result = db_begin_write(call->tenant->db, &tx);
        if (result == DB_OK)
            result = read_again(call, tx);
        if (result == DB_OK)
            result = change(call, tx, context);
        if (result == DB_OK)
            result = mfa_token_save(tx, call->arena, &call->token);
        if (result == DB_OK)
            result = db_commit(&tx);
        db_rollback(&tx);
    }
    if (result == DB_NOT_FOUND)
        oauth_fail(call->x, 401, "expired_token", "mfa_token is expired");
    else if (result != DB_OK)
        oauth_fail_internally(call->x);
    return result == DB_OK;
}

const char *oob_code_make(struct mfa_call *call, struct db_tx *tx, const char *authenticator_id,
                          const char *challenge_id)
{
    const char *code = random_text(call->arena, RANDOM_ALPHANUMERIC, OOB_CODE_LENGTH);
    struct oob_code values = {
        .token_hash = call->token.hash,
        .user_id = call->user.user_id,
        .authenticator_id = authenticator_id,
        .challenge_id = challenge_id,
        .created_at = call->now,
        .expires_at = call->now + OOB_CODE_MS,
    };
    return oob_code_insert(tx, token_hash(call->arena, code), &values) == DB_OK ? code : NULL;
}

static const char *purpose(const struct mfa_call *call)
{
    return arena_printf(call->arena, "mfa_tokens:%s:recovery", call->token.hash);
}

const char *mfa_call_recovery_code(struct mfa_call *call)
{
    const char *sealed = json_mut_text(call->token.root, "recovery");
    struct bytes code;
    if (sealed == NULL || !keyring_open(call->tenant->keyring, call->arena, purpose(call), sealed, &code))
        return NULL;
    return (const char *)code.data;
}

void mfa_call_keep_recovery_code(struct mfa_call *call, const char *code)
{
    json_set_text(call->token.doc, call->token.root, "recovery",
                  keyring_seal(call->tenant->keyring, call->arena, purpose(call), bytes_of_text(code)));
}

/* --- names --- */

static const struct {
    const char *kind;
    const char *prefix;
    const char *type;
} names[] = {
    {"otp", "totp", "otp"},
    {"phone", "sms", "phone"},
    {"push", "push", "push-notification"},
    {"recovery-code", "recovery-code", "recovery-code"},
};

const char *mfa_api_id(struct arena *arena, const struct authenticator *authenticator)
{
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (strcmp(names[i].kind, authenticator->kind) == 0)
            return arena_printf(arena, "%s|%s", names[i].prefix, authenticator->id);
    return authenticator->id;
}

const char *mfa_api_type(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (strcmp(names[i].kind, kind) == 0)
            return names[i].type;
    return kind;
}

const char *mfa_api_twin_id(const struct mfa_call *call, const struct authenticator *authenticator)
{
    if (strcmp(authenticator->kind, "push") != 0 || authenticator->secret.size == 0 ||
        !mfa_factor_enabled(&call->settings, "otp"))
        return NULL;
    return arena_printf(call->arena, "totp|%s", authenticator->id);
}

bool mfa_api_is_named(const struct mfa_call *call, const struct authenticator *authenticator, const char *id)
{
    const char *twin = mfa_api_twin_id(call, authenticator);
    return strcmp(mfa_api_id(call->arena, authenticator), id) == 0 || (twin != NULL && strcmp(twin, id) == 0);
}

/* --- refusals --- */

/* Whatever else holds, nobody goes on guessing with the token that met the limit. */
static void end_token(struct mfa_call *call)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    if (result == DB_OK)
        result = mfa_token_end(tx, call->token.hash, call->now);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    /* The lock itself stands all the same, and refuses tokens that are older than it (factor_call.began_at). */
    if (result != DB_OK && result != DB_CONFLICT)
        LOG_WARN("oauth.mfa_token_left", LOG_TEXT("user", call->user.user_id));
}

static void set_retry_after(struct mfa_call *call, int64_t retry_ms)
{
    http_set_header(call->x, "Retry-After",
                    arena_printf(call->arena, "%lld", (long long)((retry_ms + 999) / 1000)));
}

void mfa_call_refuse(struct mfa_call *call, enum factor_result result, int64_t retry_ms, const char *wrong)
{
    struct http_exchange *x = call->x;
    switch (result) {
    case FACTOR_WRONG_CODE:
    case FACTOR_BAD_FORMAT:
        oauth_fail(x, 403, "invalid_grant", wrong);
        return;
    case FACTOR_EXPIRED:
        oauth_fail(x, 401, "expired_token", "oob_code is expired");
        return;
    case FACTOR_TOO_MANY:
        if (!call->is_access_token)
            end_token(call);
        oauth_fail(x, 429, "too_many_attempts",
                   "Too many failed codes. Wait for some minutes before retrying.");
        set_retry_after(call, retry_ms);
        return;
    case FACTOR_TOO_MANY_MESSAGES:
        oauth_fail(x, 429, "too_many_attempts", "Too many messages. Wait for some minutes before retrying.");
        set_retry_after(call, retry_ms);
        return;
    case FACTOR_PENDING:
        oauth_fail(x, 400, "authorization_pending",
                   "Authorization pending: please repeat the request in a few seconds.");
        return;
    case FACTOR_REJECTED:
        oauth_fail(x, 400, "access_denied", "MFA Authorization rejected.");
        return;
    case FACTOR_SEND_FAILED:
        oauth_fail(x, 500, "server_error", "The message could not be sent.");
        return;
    case FACTOR_NOT_ENROLLED:
        oauth_fail(
            x, 401, "unsupported_challenge_type",
            "User is not enrolled. You can use /mfa/associate endpoint to enroll the first authenticator.");
        return;
    case FACTOR_ALREADY_ENROLLED:
        oauth_fail(x, 403, "access_denied", "User is already enrolled.");
        return;
    case FACTOR_TICKET_SPENT:
    case FACTOR_MOVED:
        oauth_fail(x, 401, "expired_token", "mfa_token is expired");
        return;
    case FACTOR_OK:
    case FACTOR_FAILED:
    case FACTOR_CONFLICT:
        break;
    }
    oauth_fail_internally(x);
}
