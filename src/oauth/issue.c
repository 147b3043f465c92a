#include "oauth/issue.h"

#include "base/clock.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "oauth/audience.h"

enum { OPAQUE_TOKEN_LENGTH = 32 };

/* Makes the token that only /userinfo reads, and stores its hash with what /userinfo will need. */
static enum db_result store_opaque_token(struct token_request *request, struct db_tx *tx, struct issue *issue,
                                         const char *code_hash)
{
    struct arena *arena = request->x->arena;
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_val *custom = json_member(issue->grant, "id_token");
    int64_t now = clock_now_ms();
    issue->opaque_token = random_text(arena, RANDOM_ALPHANUMERIC, OPAQUE_TOKEN_LENGTH);
    json_set_text(doc, root, "client_id", request->client.client_id);
    json_set_text(doc, root, "scope", json_text(issue->grant, "scope"));
    if (custom != NULL)
        json_set(doc, root, "claims", yyjson_val_mut_copy(doc, custom));
    return db_exec(tx, NULL,
                   "INSERT INTO access_tokens (token_hash, user_id, code_hash, doc, created_at, expires_at) "
                   "VALUES (?, ?, ?, ?, ?, ?)",
                   "ttttii", token_hash(arena, issue->opaque_token), json_text(issue->grant, "user_id"),
                   code_hash, json_write_doc(arena, doc), now, now + (int64_t)OPAQUE_TOKEN_SECONDS * 1000);
}

enum db_result issue_read(struct token_request *request, struct db_tx *tx, struct issue *issue,
                          const char *code_hash)
{
    struct arena *arena = request->x->arena;
    enum db_result result = user_by_id(tx, arena, json_text(issue->grant, "user_id"), &issue->user);
    if (result != DB_OK)
        return result;
    const char *audience = json_text(issue->grant, "audience");
    if (audience != NULL)
        result = api_by_identifier(request->x, tx, audience, &issue->api);
    if (result == DB_OK)
        result = token_signer_read(tenant_of(request->x), tx, arena, issue->api, &issue->signer);
    if (result != DB_OK || audience != NULL)
        return result;
    return store_opaque_token(request, tx, issue, code_hash);
}

static const char *make_access_token(struct token_request *request, const struct issue *issue)
{
    if (issue->api == NULL)
        return issue->opaque_token;
    const char *scope = json_text(issue->grant, "scope");
    /* APIs of our own take no claims of rules (protocol: custom claims). */
    bool own = json_bool(issue->api, "is_system", false);
    struct access_token_claims claims = {
        .api = issue->api,
        .client_id = request->client.client_id,
        .subject = json_text(issue->grant, "user_id"),
        .scope = scope,
        .gty = issue->gty,
        .userinfo = scope_has(scope, "openid"),
        .custom = own ? NULL : json_member(issue->grant, "access_token"),
    };
    return access_token_make(request->x, &issue->signer, &claims);
}

static const char *make_id_token(struct token_request *request, const struct issue *issue)
{
    yyjson_val *grant = issue->grant;
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
    return id_token_make(request->x, issue->signer.key, &claims);
}

void issue_reply(struct token_request *request, const struct issue *issue, const char *log_type)
{
    struct http_exchange *x = request->x;
    const char *scope = json_text(issue->grant, "scope");
    bool identity = scope_has(scope, "openid");
    struct token_reply reply = {
        .access_token = make_access_token(request, issue),
        .id_token = identity ? make_id_token(request, issue) : NULL,
        .scope = scope,
        .expires_in = issue->api != NULL ? access_token_seconds(issue->api) : OPAQUE_TOKEN_SECONDS,
        .recovery_code = issue->recovery_code,
    };
    if (reply.access_token == NULL || (identity && reply.id_token == NULL)) {
        oauth_fail_internally(x);
        return;
    }
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *details = yyjson_mut_doc_get_root(doc);
    yyjson_val *rules = json_member(issue->grant, "rules");
    if (rules != NULL)
        json_set(doc, details, "rules", yyjson_val_mut_copy(doc, rules));
    tenant_log(tenant_of(x), x,
               (struct log_entry){
                   .type = log_type,
                   .connection = issue->user.connection,
                   .client_id = request->client.client_id,
                   .client_name = json_text(request->client.doc, "name"),
                   .user_id = issue->user.user_id,
                   .user_name = user_log_name(issue->user.doc),
                   .audience = json_text(issue->grant, "audience"),
                   .scope = scope,
                   .details = rules != NULL ? details : NULL,
               });
    token_request_reply(request, &reply);
}

enum db_result login_count(const struct http_exchange *x, struct db_tx *tx, const char *user_id)
{
    struct arena *arena = x->arena;
    struct db_value *row = NULL;
    struct user user;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT version FROM users WHERE user_id = ? FOR UPDATE", "t", user_id);
    if (result == DB_OK)
        result = user_by_id(tx, arena, user_id, &user);
    if (result != DB_OK)
        return result;
    yyjson_mut_doc *doc = json_thaw(arena, user.doc);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "last_login", clock_iso8601(arena, clock_now_ms()));
    json_set_text(doc, root, "last_ip", x->request.client_ip);
    json_set_int(doc, root, "logins_count", json_int(user.doc, "logins_count", 0) + 1);
    return user_update(tx, arena, user.user_id, user.version, doc);
}
