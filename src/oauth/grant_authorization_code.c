/* The grant authorization_code (RFC 6749 section 4.1.3, RFC 7636): a login's code becomes tokens. */
#include "oauth/token_request.h"

#include "base/clock.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "oauth/code.h"
#include "oauth/tokens.h"
#include "store/users.h"

#include <string.h>

enum { OPAQUE_TOKEN_LENGTH = 32 };

struct exchange {
    yyjson_val *grant;
    yyjson_val *api; /* NULL: the token is for /userinfo alone */
    struct user user;
    struct token_signer signer;
    const char *opaque_token;
};

static void refuse(struct token_request *request, const struct exchange *exchange, int status,
                   const char *error, const char *description)
{
    token_request_refuse(request, "feacft", status, error, description,
                         json_text(exchange->grant, "user_id"));
}

static void refuse_code(struct token_request *request, const struct exchange *exchange, enum code_fault fault)
{
    if (fault == CODE_FAILED)
        oauth_fail_internally(request->x);
    else if (fault == CODE_WRONG_VERIFIER)
        refuse(request, exchange, 403, "invalid_grant", "Failed to verify code verifier");
    else if (fault == CODE_WRONG_REDIRECT)
        refuse(request, exchange, 403, "invalid_grant",
               "The redirect_uri is not the one that the code was issued for");
    else
        refuse(request, exchange, 403, "invalid_grant", "Invalid authorization code");
}

/* Makes the token that only /userinfo reads, and stores its hash with what /userinfo will need. */
static enum db_result store_opaque_token(struct token_request *request, struct db_tx *tx,
                                         struct exchange *exchange, const char *code_hash)
{
    struct arena *arena = request->x->arena;
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_val *custom = json_member(exchange->grant, "id_token");
    int64_t now = clock_now_ms();
    exchange->opaque_token = random_text(arena, RANDOM_ALPHANUMERIC, OPAQUE_TOKEN_LENGTH);
    json_set_text(doc, root, "client_id", request->client.client_id);
    json_set_text(doc, root, "scope", json_text(exchange->grant, "scope"));
    if (custom != NULL)
        json_set(doc, root, "claims", yyjson_val_mut_copy(doc, custom));
    return db_exec(tx, NULL,
                   "INSERT INTO access_tokens (token_hash, user_id, code_hash, doc, created_at, expires_at) "
                   "VALUES (?, ?, ?, ?, ?, ?)",
                   "ttttii", token_hash(arena, exchange->opaque_token), json_text(exchange->grant, "user_id"),
                   code_hash, json_write_doc(arena, doc), now, now + (int64_t)OPAQUE_TOKEN_SECONDS * 1000);
}

/* Reads what the tokens are made of; the code is spent already. */
static enum db_result read_exchange(struct token_request *request, struct db_tx *tx,
                                    struct exchange *exchange, const char *code_hash)
{
    struct arena *arena = request->x->arena;
    enum db_result result = user_by_id(tx, arena, json_text(exchange->grant, "user_id"), &exchange->user);
    if (result != DB_OK)
        return result;
    const char *audience = json_text(exchange->grant, "audience");
    if (audience != NULL)
        result = resource_server_by_identifier(tx, arena, audience, &exchange->api);
    if (result == DB_OK)
        result = token_signer_read(tenant_of(request->x), tx, arena, exchange->api, &exchange->signer);
    if (result != DB_OK || audience != NULL)
        return result;
    return store_opaque_token(request, tx, exchange, code_hash);
}

/* Spends the code, in one write with what is issued for it; false where the answer is made. */
static bool redeem(struct token_request *request, const struct code_try *attempt, struct exchange *exchange)
{
    struct db_tx *tx = NULL;
    const char *code_hash = NULL;
    enum code_fault fault = CODE_FAILED;
    enum db_result result = db_begin_write(tenant_of(request->x)->db, &tx);
    if (result == DB_OK)
        fault = authorization_code_redeem(tx, request->x->arena, attempt, &exchange->grant, &code_hash);
    enum db_result found = fault == CODE_FINE ? read_exchange(request, tx, exchange, code_hash) : DB_OK;
    if (fault == CODE_FAILED || (found != DB_OK && found != DB_NOT_FOUND))
        result = DB_FAILED;
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result != DB_OK)
        refuse_code(request, exchange, CODE_FAILED);
    else if (fault != CODE_FINE || found == DB_NOT_FOUND)
        refuse_code(request, exchange, fault == CODE_FINE ? CODE_INVALID : fault);
    else if (json_bool(exchange->user.doc, "blocked", false))
        refuse(request, exchange, 401, "unauthorized", "user is blocked");
    else
        return true;
    return false;
}

static const char *make_access_token(struct token_request *request, const struct exchange *exchange)
{
    if (exchange->api == NULL)
        return exchange->opaque_token;
    const char *scope = json_text(exchange->grant, "scope");
    /* APIs of our own take no claims of rules (protocol: custom claims). */
    bool own = json_bool(exchange->api, "is_system", false);
    struct access_token_claims claims = {
        .api = exchange->api,
        .client_id = request->client.client_id,
        .subject = json_text(exchange->grant, "user_id"),
        .scope = scope,
        .userinfo = scope_has(scope, "openid"),
        .custom = own ? NULL : json_member(exchange->grant, "access_token"),
    };
    return access_token_make(request->x, &exchange->signer, &claims);
}

static const char *make_id_token(struct token_request *request, const struct exchange *exchange)
{
    yyjson_val *grant = exchange->grant;
    struct id_token_claims claims = {
        .client = &request->client,
        .user_id = json_text(grant, "user_id"),
        .session_id = json_text(grant, "session_id"),
        .nonce = json_text(grant, "nonce"),
        .auth_time = json_int(grant, "auth_time", 0),
        .seconds = json_int(grant, "id_token_seconds", 0),
        .acr = json_text(grant, "acr"),
        .multifactor = json_bool(grant, "multifactor", false),
        .standard = json_member(grant, "profile"),
        .custom = json_member(grant, "id_token"),
    };
    return id_token_make(request->x, exchange->signer.key, &claims);
}

static void answer(struct token_request *request, const struct exchange *exchange)
{
    struct http_exchange *x = request->x;
    const char *scope = json_text(exchange->grant, "scope");
    bool identity = scope_has(scope, "openid");
    struct token_reply reply = {
        .access_token = make_access_token(request, exchange),
        .id_token = identity ? make_id_token(request, exchange) : NULL,
        .scope = scope,
        .expires_in = exchange->api != NULL ? access_token_seconds(exchange->api) : OPAQUE_TOKEN_SECONDS,
    };
    if (reply.access_token == NULL || (identity && reply.id_token == NULL)) {
        oauth_fail_internally(x);
        return;
    }
    tenant_log(tenant_of(x), x,
               (struct log_entry){
                   .type = "seacft",
                   .connection = exchange->user.connection,
                   .client_id = request->client.client_id,
                   .client_name = json_text(request->client.doc, "name"),
                   .user_id = exchange->user.user_id,
                   .user_name = user_log_name(exchange->user.doc),
                   .audience = json_text(exchange->grant, "audience"),
                   .scope = scope,
               });
    token_request_reply(request, &reply);
}

void grant_authorization_code(struct token_request *request)
{
    struct http_exchange *x = request->x;
    struct db_tx *tx = NULL;
    if (db_begin_read(tenant_of(x)->db, &tx) != DB_OK) {
        oauth_fail_internally(x);
        return;
    }
    bool known = token_request_authenticate(request, tx) && token_request_allowed(request);
    db_end(&tx);
    const char *code = known ? token_request_need(request, "code") : NULL;
    if (code == NULL)
        return;
    struct code_try attempt = {
        .code = code,
        .client_id = request->client.client_id,
        .redirect_uri = given_parameter(&request->form, "redirect_uri"),
        .verifier = given_parameter(&request->form, "code_verifier"),
    };
    struct exchange exchange = {.grant = NULL};
    if (redeem(request, &attempt, &exchange))
        answer(request, &exchange);
}
