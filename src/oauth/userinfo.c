/* GET and POST /userinfo (OpenID Connect Core section 5.3). */
#include "oauth/endpoints.h"

#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/jwt.h"
#include "oauth/oauth.h"
#include "oauth/tokens.h"
#include "store/buckets.h"
#include "store/users.h"

#include <string.h>

/* What a valid token says. */
struct bearer {
    const char *user_id;
    const char *scope;
    yyjson_val *custom; /* claims of rules; may be NULL */
};

static void refuse(struct http_exchange *x, const char *error)
{
    const char *challenge = error == NULL ? "Bearer" : arena_printf(x->arena, "Bearer error=\"%s\"", error);
    http_set_header(x, "WWW-Authenticate", challenge);
    http_set_header(x, "Cache-Control", "no-store");
    http_reply(x, 401, "text/plain", "Unauthorized");
}

/* The token of the Authorization header, or of a posted form (RFC 6750 section 2); NULL where there is none. */
static const char *bearer_token(struct http_exchange *x)
{
    if (http_header(x, "authorization") != NULL)
        return http_credentials(x, "Bearer");
    struct http_pairs form;
    if (strcmp(x->request.method, "POST") != 0 || x->request.body.size == 0 || !http_form(x, &form))
        return NULL;
    return given_parameter(&form, "access_token");
}

static enum db_result read_opaque(struct http_exchange *x, struct db_tx *tx, const char *token,
                                  struct bearer *bearer)
{
    struct db_value *row = NULL;
    enum db_result result = db_row(
        tx, x->arena, &row, "SELECT user_id, doc FROM access_tokens WHERE token_hash = ? AND expires_at > ?",
        "ti", token_hash(x->arena, token), clock_now_ms());
    if (result != DB_OK)
        return result;
    yyjson_val *doc = json_parse_own(x->arena, row[1].text);
    *bearer = (struct bearer){
        .user_id = row[0].text, .scope = json_text(doc, "scope"), .custom = json_member(doc, "claims")};
    return doc != NULL ? DB_OK : DB_FAILED;
}

static enum db_result read_signed(struct http_exchange *x, struct db_tx *tx, const char *token,
                                  struct bearer *bearer)
{
    struct jwt jwt;
    if (!jwt_parse(x->arena, token, &jwt) || jwt.kid == NULL)
        return DB_NOT_FOUND;
    const struct signing_key *key = tenant_key_by_kid(tenant_of(x), tx, jwt.kid);
    const char *issuer = json_text(jwt.claims, "iss");
    *bearer =
        (struct bearer){.user_id = json_text(jwt.claims, "sub"), .scope = json_text(jwt.claims, "scope")};
    if (key == NULL || !jwt_verify_rs256(&jwt, key) || !jwt_is_current(&jwt, clock_now(), 0) ||
        !jwt_has_audience(&jwt, oauth_url(x, "userinfo")))
        return DB_NOT_FOUND;
    if (issuer == NULL || strcmp(issuer, tenant_of(x)->config->issuer) != 0 || bearer->user_id == NULL)
        return DB_NOT_FOUND;
    return DB_OK;
}

/* 10 at once and 5 a minute for each user, as Auth0 documents; false where the answer is made. */
static bool within_limit(struct http_exchange *x, const char *user_id)
{
    static const struct bucket_limit limit = {.capacity = 10, .refill_ms = 12000};
    if (!tenant_of(x)->config->rate_limits)
        return true;
    const char *name = arena_printf(x->arena, "userinfo:%s", user_id);
    struct db_tx *tx = NULL;
    bool allowed = false;
    int64_t retry_ms = 0, left = 0, next_ms = 0, now = clock_now_ms();
    enum db_result result = db_begin_write(tenant_of(x)->db, &tx);
    if (result == DB_OK)
        result = bucket_take(tx, name, limit, now, &allowed, &retry_ms);
    if (result == DB_OK)
        result = bucket_left(tx, name, limit, now, &left, &next_ms);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result != DB_OK) {
        oauth_fail_internally(x);
        return false;
    }
    http_set_header(x, "X-RateLimit-Limit", arena_printf(x->arena, "%lld", (long long)limit.capacity));
    http_set_header(x, "X-RateLimit-Remaining", arena_printf(x->arena, "%lld", (long long)left));
    http_set_header(x, "X-RateLimit-Reset",
                    arena_printf(x->arena, "%lld", (long long)((now + next_ms + 999) / 1000)));
    if (allowed)
        return true;
    http_set_header(x, "Retry-After", arena_printf(x->arena, "%lld", (long long)((retry_ms + 999) / 1000)));
    http_reply(x, 429, "text/plain", "Global rate limit exceeded");
    return false;
}

static enum db_result read_bearer(struct http_exchange *x, const char *token, struct bearer *bearer,
                                  struct user *user)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(tenant_of(x)->db, &tx);
    if (result == DB_OK)
        result = strchr(token, '.') == NULL ? read_opaque(x, tx, token, bearer)
                                            : read_signed(x, tx, token, bearer);
    if (result == DB_OK)
        result = user_by_id(tx, x->arena, bearer->user_id, user);
    db_end(&tx);
    return result;
}

void endpoint_userinfo(struct http_exchange *x)
{
    /* Only the holder of a token gets an answer, so its origin needs no list. */
    http_set_header(x, "Access-Control-Allow-Origin", "*");
    const char *token = bearer_token(x);
    if (token == NULL || *token == '\0') {
        refuse(x, NULL);
        return;
    }
    struct bearer bearer;
    struct user user;
    enum db_result result = read_bearer(x, token, &bearer, &user);
    if (result == DB_NOT_FOUND || (result == DB_OK && json_bool(user.doc, "blocked", false))) {
        refuse(x, "invalid_token");
        return;
    }
    if (result != DB_OK) {
        oauth_fail_internally(x);
        return;
    }
    if (!within_limit(x, user.user_id))
        return;
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    if (scope_has(bearer.scope, "openid")) {
        json_set_text(doc, root, "sub", user.user_id);
        standard_claims_add(doc, root, user.doc, bearer.scope);
        object_add_missing(doc, root, bearer.custom);
    }
    http_reply_json(x, 200, doc);
}
