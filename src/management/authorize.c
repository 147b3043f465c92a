#include "management/authorize.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "crypto/jwt.h"
#include "management/errors.h"

#include <string.h>
#include <strings.h>

enum { MAXIMUM_SCOPES = 1000, MAXIMUM_SCOPE_TEXT = 32 * 1024 };

/* The token of "Bearer x.y.z"; NULL where the header has another form. */
static const char *bearer_token(const char *header)
{
    if (strncasecmp(header, "Bearer ", 7) != 0) {
        return NULL;
    }
    const char *token = header + 7;
    size_t dots = 0;
    for (const char *c = token; *c != '\0'; c++) {
        dots += *c == '.';
        bool plain = (*c >= '0' && *c <= '9') || ((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z') ||
                     strchr("-_.", *c) != NULL;
        if (!plain) {
            return NULL;
        }
    }
    return dots == 2 && token[0] != '.' ? token : NULL;
}

/* The claims say that this server issued the token for this API. */
static bool check_claims(struct http_exchange *x, const struct jwt *jwt)
{
    const struct config *config = tenant_of(x)->config;
    const char *issuer = json_text(jwt->claims, "iss");
    if (issuer == NULL || strcmp(issuer, config->issuer) != 0 || json_text(jwt->claims, "sub") == NULL) {
        return management_invalid_token(x, "Invalid token");
    }
    if (!jwt_is_current(jwt, clock_now(), 0)) {
        return management_invalid_token(x, "Expired token received for JSON Web Token validation");
    }
    if (!jwt_has_audience(jwt, arena_printf(x->arena, "%sapi/v2/", config->issuer))) {
        const char *audience = json_text(jwt->claims, "aud");
        return management_invalid_token(
            x, arena_printf(x->arena, "Bad audience: %s",
                            audience != NULL ? audience
                                             : json_write(x->arena, json_member(jwt->claims, "aud"))));
    }
    return true;
}

static bool check_signature(struct http_exchange *x, const struct jwt *jwt)
{
    struct tenant *tenant = tenant_of(x);
    struct db_tx *tx = NULL;
    if (db_begin_read(tenant->db, &tx) != DB_OK) {
        return management_store_failed(x);
    }
    const struct signing_key *key = jwt->kid != NULL ? tenant_key_by_kid(tenant, tx, jwt->kid) : NULL;
    db_end(&tx);
    if (key == NULL) {
        return management_invalid_token(x, "Invalid token");
    }
    if (!jwt_verify_rs256(jwt, key)) {
        return management_invalid_token(x, "Invalid signature received for JSON Web Token validation");
    }
    return true;
}

static bool is_about_the_user(const char *scope)
{
    const char *colon = strchr(scope, ':');
    return colon != NULL && strncmp(colon + 1, "current_user", 12) == 0;
}

static void read_scopes(struct arena *arena, struct caller *caller, const char *text)
{
    caller->scopes = arena_calloc(arena, MAXIMUM_SCOPES, sizeof(*caller->scopes));
    char *rest = NULL;
    char *copy = arena_strdup(arena, text != NULL ? text : "");
    for (char *scope = strtok_r(copy, " ", &rest); scope != NULL && caller->scope_count < MAXIMUM_SCOPES;
         scope = strtok_r(NULL, " ", &rest)) {
        if (caller->user_id == NULL || is_about_the_user(scope)) {
            caller->scopes[caller->scope_count++] = scope;
        }
    }
}

bool authorize(struct http_exchange *x, struct caller *caller)
{
    *caller = (struct caller){0};
    const char *header = http_header(x, "authorization");
    if (header == NULL || *header == '\0') {
        return management_error(x, 401, "Missing authentication", NULL);
    }
    const char *token = bearer_token(header);
    if (token == NULL) {
        return management_error(x, 400, "Bad HTTP authentication header format", "Bearer");
    }
    struct jwt jwt;
    if (!jwt_parse(x->arena, token, &jwt)) {
        return management_invalid_token(x, "Invalid token");
    }
    if (!check_signature(x, &jwt) || !check_claims(x, &jwt)) {
        return false;
    }
    const char *grant = json_text(jwt.claims, "gty");
    bool of_client = grant != NULL && strcmp(grant, "client-credentials") == 0;
    caller->client_id = json_text(jwt.claims, "azp");
    caller->user_id = of_client ? NULL : json_text(jwt.claims, "sub");
    read_scopes(x->arena, caller, json_text(jwt.claims, "scope"));
    return true;
}

bool caller_has(const struct caller *caller, const char *scope)
{
    for (size_t i = 0; i < caller->scope_count; i++) {
        if (strcmp(caller->scopes[i], scope) == 0) {
            return true;
        }
    }
    return false;
}

bool management_insufficient_scope(struct http_exchange *x, const char *any_of)
{
    return management_error(x, 403, arena_printf(x->arena, "Insufficient scope, expected any of: %s", any_of),
                            "insufficient_scope");
}

bool authorize_scopes(struct http_exchange *x, const struct caller *caller, yyjson_val *any_of)
{
    if (yyjson_arr_size(any_of) == 0) {
        return true;
    }
    struct buffer names = buffer_create(x->arena, MAXIMUM_SCOPE_TEXT);
    size_t index, count;
    yyjson_val *scope;
    yyjson_arr_foreach(any_of, index, count, scope)
    {
        if (caller_has(caller, yyjson_get_str(scope))) {
            return true;
        }
        buffer_printf(&names, "%s%s", index > 0 ? "," : "", yyjson_get_str(scope));
    }
    return management_insufficient_scope(x, buffer_text(&names));
}

bool authorize_subject(struct http_exchange *x, const struct caller *caller, const char *user_id)
{
    if (caller->user_id != NULL && strcmp(caller->user_id, user_id) != 0) {
        return management_error(x, 403, "User to be acted on does not match subject in bearer token.",
                                "insufficient_scope");
    }
    return true;
}
