/* POST /bc-authorize (CIBA Core 1.0 section 7, as Auth0 profiles it): asks a user's phone for a login. */
#include "oauth/endpoints.h"

#include "base/clock.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "mfa/push.h"
#include "oauth/audience.h"
#include "oauth/token_request.h"
#include "oauth/tokens.h"
#include "page/page.h"
#include "store/backchannel_logins.h"

#include <stdlib.h>
#include <string.h>

enum { ID_LENGTH = 43, BINDING_MESSAGE_LARGEST = 64, EXPIRY_S = 300, INTERVAL_S = 5, DETAILS_LARGEST = 10 };

static const char ciba_grant[] = "urn:openid:params:grant-type:ciba";

struct asking {
    struct token_request request;
    struct http_exchange *x;
    struct audience_wish wish;
    const char *binding_message;
    yyjson_val *details; /* authorization_details; NULL: none */
    int64_t expiry_s;
    struct user user;
    struct mfa_choice choice;
    struct authenticator phone;
    const char *id; /* the auth_req_id */
    int64_t now;    /* ms */
};

static void log_asking(struct asking *asking, const char *type, const char *description)
{
    tenant_log(tenant_of(asking->x), asking->x,
               (struct log_entry){
                   .type = type,
                   .description = description,
                   .client_id = asking->request.client.client_id,
                   .client_name = json_text(asking->request.client.doc, "name"),
                   .connection = asking->user.connection,
                   .user_id = asking->user.user_id,
                   .user_name = asking->user.user_id != NULL ? user_log_name(asking->user.doc) : NULL,
                   .audience = asking->wish.audience,
                   .scope = asking->request.scope,
               });
}

/* Always false, for the checks below. */
static bool refuse(struct asking *asking, int status, const char *error, const char *description)
{
    log_asking(asking, "ciba_start_failed", description);
    oauth_fail(asking->x, status, error, description);
    return false;
}

static bool fail(struct asking *asking)
{
    oauth_fail_internally(asking->x);
    return false;
}

/* --- what is sent --- */

/* Only an application that can keep a secret may make phones ring. */
static bool check_client(struct asking *asking, struct db_tx *tx)
{
    struct token_request *request = &asking->request;
    request->grant_type = ciba_grant;
    if (!token_request_authenticate(request, tx) || !token_request_allowed(request))
        return false;
    return client_is_confidential(&request->client) || refuse(asking, 401, "access_denied", "Unauthorized");
}

static bool check_binding_message(struct asking *asking, struct db_tx *tx)
{
    (void)tx;
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-_.,:# ";
    const char *message = token_request_need(&asking->request, "binding_message");
    if (message == NULL)
        return false;
    size_t length = strlen(message);
    if (length > BINDING_MESSAGE_LARGEST || strspn(message, allowed) != length)
        return refuse(asking, 400, "invalid_binding_message",
                      "binding_message takes up to 64 letters, digits, spaces and the characters +-_.,:#");
    asking->binding_message = message;
    return true;
}

static bool check_expiry(struct asking *asking, struct db_tx *tx)
{
    (void)tx;
    const char *text = given_parameter(&asking->request.form, "requested_expiry");
    asking->expiry_s = EXPIRY_S;
    if (text == NULL)
        return true;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 6 || text[digits] != '\0')
        return refuse(asking, 400, "invalid_request", "requested_expiry must be a number of seconds");
    asking->expiry_s = strtoll(text, NULL, 10);
    return (asking->expiry_s >= 1 && asking->expiry_s <= EXPIRY_S) ||
           refuse(asking, 400, "invalid_request", "requested_expiry must be from 1 to 300");
}

/* Entries without a type would make phones' apps crash (../protocol/guardian.md A7). */
static bool check_details(struct asking *asking, struct db_tx *tx)
{
    (void)tx;
    static const char wrong[] = "authorization_details must be an array of objects that have a type";
    const char *text = given_parameter(&asking->request.form, "authorization_details");
    if (text == NULL)
        return true;
    enum json_fault fault =
        json_parse(asking->x->arena, bytes_of_text(text), &json_limits_body, &asking->details);
    size_t count = yyjson_is_arr(asking->details) ? yyjson_arr_size(asking->details) : 0;
    bool fits = fault == JSON_FINE && count > 0 && count <= DETAILS_LARGEST;
    for (size_t i = 0; i < count && fits; i++)
        fits = json_text(yyjson_arr_get(asking->details, i), "type") != NULL;
    return fits || refuse(asking, 400, "invalid_authorization_details", wrong);
}

static bool check_scope(struct asking *asking, struct db_tx *tx)
{
    struct token_request *request = &asking->request;
    if (!scope_has(request->scope, "openid"))
        return refuse(asking, 400, "invalid_request", "openid scope must be requested");
    asking->wish = (struct audience_wish){
        .client = &request->client,
        .asked = given_parameter(&request->form, "audience"),
        .scope = request->scope,
    };
    enum audience_verdict verdict = audience_settle(asking->x, tx, &asking->wish);
    /* Who manages factors proves one in a login of its own. */
    if (verdict == AUDIENCE_UNKNOWN || audience_is_mfa(asking->x, asking->wish.audience))
        return refuse(
            asking, 403, "access_denied",
            arena_printf(asking->x->arena, "Service not enabled within domain: %s", asking->wish.audience));
    if (verdict == AUDIENCE_FORBIDDEN)
        return refuse(asking, 403, "access_denied",
                      arena_printf(asking->x->arena, "Client is not authorized to access \"%s\".",
                                   asking->wish.audience));
    return verdict == AUDIENCE_FINE || fail(asking);
}

/* --- who is asked --- */

/* The sub of {"format":"iss_sub","iss":ISSUER,"sub":…}; NULL where it is none. */
static const char *hinted_user(struct asking *asking, const char *hint)
{
    yyjson_val *root = NULL;
    if (json_parse(asking->x->arena, bytes_of_text(hint), &json_limits_body, &root) != JSON_FINE)
        return NULL;
    const char *format = json_text(root, "format");
    const char *issuer = json_text(root, "iss");
    bool is_ours = format != NULL && strcmp(format, "iss_sub") == 0 && issuer != NULL &&
                   strcmp(issuer, tenant_of(asking->x)->config->issuer) == 0;
    return is_ours ? json_text(root, "sub") : NULL;
}

static bool check_user(struct asking *asking, struct db_tx *tx)
{
    const char *hint = token_request_need(&asking->request, "login_hint");
    if (hint == NULL)
        return false;
    const char *user_id = hinted_user(asking, hint);
    enum db_result found =
        user_id != NULL ? user_by_id(tx, asking->x->arena, user_id, &asking->user) : DB_NOT_FOUND;
    if (found == DB_NOT_FOUND)
        return refuse(asking, 400, "unknown_user_id", "User ID is malformed or unknown");
    if (found != DB_OK)
        return fail(asking);
    return !json_bool(asking->user.doc, "blocked", false) ||
           refuse(asking, 401, "unauthorized", "user is blocked");
}

static bool check_phone(struct asking *asking, struct db_tx *tx)
{
    struct tenant *tenant = tenant_of(asking->x);
    struct arena *arena = asking->x->arena;
    struct mfa_settings settings;
    enum db_result result = mfa_settings_read(tx, arena, &settings);
    if (result == DB_OK)
        result = mfa_choice_read(tenant, tx, arena, &settings, asking->user.user_id, "any", &asking->choice);
    if (result != DB_OK)
        return fail(asking);
    for (size_t i = 0; i < asking->choice.enrolled_count; i++) {
        asking->phone = asking->choice.enrolled[i];
        if (strcmp(asking->phone.kind, "push") == 0)
            return true;
    }
    return refuse(asking, 400, "invalid_request", "User is not enrolled in push notifications");
}

static bool check_all(struct asking *asking)
{
    static bool (*const checks[])(struct asking *, struct db_tx *) = {
        check_client, check_binding_message, check_expiry, check_details, check_scope,
        check_user,   check_phone,
    };
    struct db_tx *tx = NULL;
    if (db_begin_read(tenant_of(asking->x)->db, &tx) != DB_OK)
        return fail(asking);
    bool is_fine = true;
    for (size_t i = 0; i < ARRAY_LENGTH(checks) && is_fine; i++)
        is_fine = checks[i](asking, tx);
    db_end(&tx);
    return is_fine;
}

/* --- asking --- */

static yyjson_val *make_doc(struct asking *asking)
{
    struct arena *arena = asking->x->arena;
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *grant = yyjson_mut_obj(doc);
    yyjson_mut_val *profile = yyjson_mut_obj(doc);
    json_set_text(doc, grant, "user_id", asking->user.user_id);
    json_set_text(doc, grant, "scope", asking->wish.granted);
    json_set_text(doc, grant, "audience", asking->wish.audience);
    standard_claims_add(doc, profile, asking->user.doc, asking->wish.granted);
    json_set(doc, grant, "profile", profile);
    json_set(doc, yyjson_mut_doc_get_root(doc), "grant", grant);
    return json_parse_own(arena, json_write_doc(arena, doc));
}

static enum db_result store(struct asking *asking, const char *hash)
{
    struct db_tx *tx = NULL;
    struct backchannel_login login = {
        .hash = hash,
        .client_id = asking->request.client.client_id,
        .user_id = asking->user.user_id,
        .doc = make_doc(asking),
        .interval_s = INTERVAL_S,
        .created_at = asking->now,
        .expires_at = asking->now + asking->expiry_s * 1000,
    };
    enum db_result result = db_begin_write(tenant_of(asking->x)->db, &tx);
    if (result == DB_OK)
        result = backchannel_login_insert(tx, asking->x->arena, &login);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    return result;
}

static enum factor_result ask_phone(struct asking *asking, const char *hash, int64_t *retry_ms)
{
    struct push_request push = {
        .client_name = json_text(asking->request.client.doc, "name"),
        .audience = asking->wish.audience,
        .scope = asking->wish.granted,
        .binding_message = asking->binding_message,
        .authorization_details = asking->details,
        .has_no_screen = true,
    };
    struct factor_call call = {
        .tenant = tenant_of(asking->x),
        .arena = asking->x->arena,
        .x = asking->x,
        .user = &asking->user,
        .binding = hash,
        .locale = page_language(NULL, NULL),
        .provider = "any",
        .now = asking->now,
        .began_at = asking->now,
        .request = &push,
    };
    return mfa_challenge(&call, &asking->phone, retry_ms);
}

static void reply(struct asking *asking)
{
    yyjson_mut_doc *doc = json_new_object(asking->x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "auth_req_id", asking->id);
    json_set_int(doc, root, "expires_in", asking->expiry_s);
    json_set_int(doc, root, "interval", INTERVAL_S);
    http_reply_json(asking->x, 200, doc);
    log_asking(asking, "ciba_start_succeeded", NULL);
}

void endpoint_bc_authorize(struct http_exchange *x)
{
    struct asking asking = {.x = x, .now = clock_now_ms()};
    int64_t retry_ms = 0;
    if (!token_request_read_form(x, &asking.request) || !check_all(&asking))
        return;
    asking.id = random_text(x->arena, RANDOM_ALPHANUMERIC, ID_LENGTH);
    const char *hash = token_hash(x->arena, asking.id);
    if (store(&asking, hash) != DB_OK) {
        (void)fail(&asking);
        return;
    }
    enum factor_result result = ask_phone(&asking, hash, &retry_ms);
    if (result == FACTOR_OK) {
        reply(&asking);
    } else if (result == FACTOR_TOO_MANY_MESSAGES || result == FACTOR_TOO_MANY) {
        (void)refuse(&asking, 429, "too_many_attempts", "Too many requests to this user's phone.");
        http_set_header(x, "Retry-After",
                        arena_printf(x->arena, "%lld", (long long)((retry_ms + 999) / 1000)));
    } else {
        (void)fail(&asking);
    }
}
