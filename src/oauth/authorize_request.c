#include "oauth/authorize_request.h"

#include "oauth/redirect_uri.h"
#include "store/settings.h"
#include "tenant/domain.h"

#include <stdlib.h>
#include <string.h>

/* One check of a request: AUTHORIZE_FINE, or a verdict with *error filled in. */
typedef enum authorize_verdict (*request_check)(struct http_exchange *x, struct db_tx *tx,
                                                struct authorize_request *request,
                                                struct authorize_error *error);

static enum authorize_verdict show(struct authorize_error *out, int status, const char *problem,
                                   const char *description)
{
    *out = (struct authorize_error){
        .status = status, .problem = problem, .error = "invalid_request", .description = description};
    return AUTHORIZE_SHOW;
}

static enum authorize_verdict send(struct authorize_error *out, const char *error, const char *description)
{
    *out = (struct authorize_error){.error = error, .description = description};
    return AUTHORIZE_SEND;
}

static const char *sent(const struct authorize_request *request, const char *name)
{
    return given_parameter(&request->parameters, name);
}

static enum authorize_verdict check_client(struct http_exchange *x, struct db_tx *tx,
                                           struct authorize_request *request, struct authorize_error *error)
{
    const char *client_id = sent(request, "client_id");
    if (http_pair_count(&request->parameters, "client_id") > 1)
        return show(error, 400, "generic", "Duplicate parameter: client_id");
    if (client_id == NULL)
        return show(error, 400, "generic", "Missing required parameter: client_id");
    enum db_result found = client_by_id(tx, x->arena, tenant_of(x)->keyring, client_id, &request->client);
    if (found == DB_OK && !json_bool(request->client.doc, "global", false))
        return AUTHORIZE_FINE;
    if (found != DB_OK && found != DB_NOT_FOUND)
        return AUTHORIZE_FAILED;
    return show(error, 403, "unknownClient", arena_printf(x->arena, "Unknown client: %s", client_id));
}

static enum authorize_verdict check_redirect_uri(struct http_exchange *x, struct db_tx *tx,
                                                 struct authorize_request *request,
                                                 struct authorize_error *error)
{
    (void)x;
    (void)tx;
    yyjson_val *callbacks = json_member(request->client.doc, "callbacks");
    const char *uri = sent(request, "redirect_uri");
    if (http_pair_count(&request->parameters, "redirect_uri") > 1)
        return show(error, 400, "generic", "Duplicate parameter: redirect_uri");
    request->redirect_uri_sent = uri != NULL;
    if (uri == NULL)
        uri = yyjson_get_str(yyjson_arr_get_first(callbacks));
    if (uri == NULL)
        return show(error, 400, "generic", "Missing required parameter: redirect_uri");
    if (!redirect_uri_allowed(callbacks, uri))
        return show(
            error, 403, "callbackMismatch",
            "Callback URL mismatch. The provided redirect_uri is not in the list of allowed callback URLs of "
            "this application.");
    request->target = (struct response_target){
        .redirect_uri = uri, .mode = "query", .state = http_pair(&request->parameters, "state")};
    return AUTHORIZE_FINE;
}

static enum authorize_verdict check_repetition(struct http_exchange *x, struct db_tx *tx,
                                               struct authorize_request *request,
                                               struct authorize_error *error)
{
    (void)tx;
    const char *name = repeated_parameter(&request->parameters);
    if (name == NULL)
        return AUTHORIZE_FINE;
    if (strcmp(name, "state") == 0)
        request->target.state = NULL;
    return send(error, "invalid_request", arena_printf(x->arena, "Duplicate parameter: %s", name));
}

static enum authorize_verdict check_response_mode(struct http_exchange *x, struct db_tx *tx,
                                                  struct authorize_request *request,
                                                  struct authorize_error *error)
{
    (void)tx;
    const char *mode = sent(request, "response_mode");
    if (mode == NULL)
        return AUTHORIZE_FINE;
    if (strcmp(mode, "query") != 0 && strcmp(mode, "fragment") != 0 && strcmp(mode, "form_post") != 0 &&
        strcmp(mode, "web_message") != 0)
        return send(error, "invalid_request", arena_printf(x->arena, "Unsupported response mode: %s", mode));
    if (strcmp(mode, "web_message") == 0) {
        const char *origin = url_origin(x->arena, request->target.redirect_uri);
        if (origin == NULL || !redirect_uri_allowed(json_member(request->client.doc, "web_origins"), origin))
            return show(
                error, 403, "generic",
                "The origin of redirect_uri is not among the allowed web origins of this application.");
    }
    request->target.mode = mode;
    return AUTHORIZE_FINE;
}

/* Whether `type` is one of the words of RFC 6749 and OpenID Connect, in any order, without repetition. */
static bool known_response_type(struct arena *arena, const char *type)
{
    size_t words = 0, known = 0;
    for (const char *word; (word = scope_next(arena, &type)) != NULL; words++)
        known += strcmp(word, "code") == 0 || strcmp(word, "token") == 0 || strcmp(word, "id_token") == 0;
    return words > 0 && words == known && words <= 3;
}

static enum authorize_verdict check_response_type(struct http_exchange *x, struct db_tx *tx,
                                                  struct authorize_request *request,
                                                  struct authorize_error *error)
{
    (void)tx;
    const char *type = sent(request, "response_type");
    if (type == NULL)
        return send(error, "invalid_request", "Missing required parameter: response_type");
    if (strcmp(type, "code") == 0) {
        if (!client_may_use(&request->client, "authorization_code"))
            return send(error, "unauthorized_client",
                        "Grant type 'authorization_code' not allowed for the client.");
        return AUTHORIZE_FINE;
    }
    if (!known_response_type(x->arena, type))
        return send(error, "unsupported_response_type",
                    arena_printf(x->arena, "Unsupported response type: %s", type));
    if (sent(request, "response_mode") == NULL)
        request->target.mode = "fragment";
    if (!client_may_use(&request->client, "implicit"))
        return send(error, "unauthorized_client", "Grant type 'implicit' not allowed for the client.");
    return send(error, "unsupported_response_type",
                arena_printf(x->arena, "Unsupported response type: %s", type));
}

/* S256 alone: `plain` protects nobody (RFC 9700 section 2.1.1), and a missing method means it (RFC 7636 section 4.3). */
static enum authorize_verdict check_pkce(struct http_exchange *x, struct db_tx *tx,
                                         struct authorize_request *request, struct authorize_error *error)
{
    (void)x;
    (void)tx;
    const char *challenge = sent(request, "code_challenge");
    const char *method = sent(request, "code_challenge_method");
    if (challenge == NULL && method != NULL)
        return send(error, "invalid_request", "Missing required parameter: code_challenge");
    if (challenge == NULL && !client_is_confidential(&request->client))
        return send(error, "invalid_request", "Missing required parameter: code_challenge");
    if (challenge == NULL)
        return AUTHORIZE_FINE;
    if (method == NULL || strcmp(method, "S256") != 0)
        return send(error, "invalid_request", "code_challenge_method must be S256");
    enum { CHALLENGE_LENGTH = 43 };
    size_t length = strspn(challenge, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    if (length != CHALLENGE_LENGTH || challenge[length] != '\0')
        return send(error, "invalid_request", "code_challenge must be the base64url of a SHA-256");
    return AUTHORIZE_FINE;
}

static enum authorize_verdict check_prompt(struct http_exchange *x, struct db_tx *tx,
                                           struct authorize_request *request, struct authorize_error *error)
{
    (void)tx;
    const char *at = sent(request, "prompt");
    size_t words = 0;
    for (const char *word; (word = scope_next(x->arena, &at)) != NULL; words++) {
        if (strcmp(word, "none") == 0)
            request->prompt_none = true;
        else if (strcmp(word, "login") == 0 || strcmp(word, "select_account") == 0)
            request->prompt_login = true;
        else if (strcmp(word, "consent") == 0)
            request->prompt_consent = true;
        else
            return send(error, "invalid_request", arena_printf(x->arena, "Unknown prompt: %s", word));
    }
    if (request->prompt_none && words > 1)
        return send(error, "invalid_request", "prompt=none goes with no other prompt");
    return AUTHORIZE_FINE;
}

static enum authorize_verdict check_max_age(struct http_exchange *x, struct db_tx *tx,
                                            struct authorize_request *request, struct authorize_error *error)
{
    (void)x;
    (void)tx;
    const char *text = sent(request, "max_age");
    request->max_age = -1;
    if (text == NULL)
        return AUTHORIZE_FINE;
    size_t digits = strspn(text, "0123456789");
    if (text[digits] != '\0' || digits > 10)
        return send(error, "invalid_request", "max_age must be a number of seconds");
    request->max_age = strtoll(text, NULL, 10);
    return AUTHORIZE_FINE;
}

static enum authorize_verdict check_unsupported(struct http_exchange *x, struct db_tx *tx,
                                                struct authorize_request *request,
                                                struct authorize_error *error)
{
    (void)x;
    (void)tx;
    if (sent(request, "request") != NULL)
        return send(error, "request_not_supported", "The parameter request is not supported");
    if (sent(request, "request_uri") != NULL)
        return send(error, "request_uri_not_supported", "The parameter request_uri is not supported");
    if (sent(request, "organization") != NULL || sent(request, "invitation") != NULL)
        return send(error, "invalid_request", "parameter organization is not allowed for this client");
    return AUTHORIZE_FINE;
}

static enum authorize_verdict check_connection(struct http_exchange *x, struct db_tx *tx,
                                               struct authorize_request *request,
                                               struct authorize_error *error)
{
    const char *name = sent(request, "connection");
    if (name == NULL)
        return AUTHORIZE_FINE;
    yyjson_val *connection = NULL;
    enum db_result found = connection_by_name(tx, x->arena, name, &connection);
    if (found != DB_OK && found != DB_NOT_FOUND)
        return AUTHORIZE_FAILED;
    if (found == DB_OK &&
        json_array_has_text(json_member(connection, "enabled_clients"), request->client.client_id))
        return AUTHORIZE_FINE;
    return send(error, "invalid_request", "the connection is not enabled for this client");
}

/* The API that the token is asked for: audience, or resource as its other name; else the tenant's default. */
static enum db_result wanted_audience(struct http_exchange *x, struct db_tx *tx,
                                      const struct authorize_request *request, const char **audience)
{
    *audience = sent(request, "audience");
    if (*audience == NULL)
        *audience = sent(request, "resource");
    if (*audience == NULL) {
        yyjson_val *settings = NULL;
        enum db_result found = settings_get(tx, x->arena, "tenant", &settings);
        if (found != DB_OK && found != DB_NOT_FOUND)
            return found;
        *audience = json_text(settings, "default_audience");
    }
    if (*audience != NULL && (**audience == '\0' || strcmp(*audience, oauth_url(x, "userinfo")) == 0))
        *audience = NULL;
    *audience = domain_audience(tenant_of(x), x->arena, *audience);
    return DB_OK;
}

/*
 * Whether the API lets this client ask for tokens in a person's name (subject_type_authorization.user.policy); *grant is the
 * grant that lets it, and limits the scopes, where one has to.
 */
static enum db_result user_access_allowed(struct http_exchange *x, struct db_tx *tx,
                                          const struct authorize_request *request, yyjson_val *api,
                                          bool *allowed, yyjson_val **grant)
{
    const char *policy =
        json_text(json_member(json_member(api, "subject_type_authorization"), "user"), "policy");
    *allowed = policy == NULL || strcmp(policy, "allow_all") == 0;
    if (*allowed || strcmp(policy, "require_client_grant") != 0)
        return DB_OK;
    enum db_result found =
        client_grant_for(tx, x->arena, request->client.client_id, json_text(api, "identifier"), grant);
    const char *subject = json_text(*grant, "subject_type");
    *allowed = found == DB_OK && subject != NULL && strcmp(subject, "user") == 0;
    return found == DB_NOT_FOUND ? DB_OK : found;
}

/* Whether the API has the scope, and the grant, where there has to be one, gives it. */
static bool api_has_scope(yyjson_val *api, yyjson_val *grant, const char *scope)
{
    if (grant != NULL && !json_bool(grant, "allow_all_scopes", false) &&
        !json_array_has_text(json_member(grant, "scope"), scope))
        return false;
    size_t index, count;
    yyjson_val *entry;
    yyjson_arr_foreach(json_member(api, "scopes"), index, count, entry)
    {
        const char *value = json_text(entry, "value");
        if (value != NULL && strcmp(value, scope) == 0)
            return true;
    }
    return false;
}

/*
 * The scopes that a login can grant: those of OpenID Connect, and the API's own. Of the Management API only what is about the
 * person's own account, as its other scopes are for machines; none where roles decide (enforce_policies): a person must not
 * gain them by asking.
 */
static const char *grantable(struct arena *arena, yyjson_val *api, yyjson_val *grant, const char *asked)
{
    static const char identity[] = "openid profile email phone address name given_name family_name nickname "
                                   "email_verified picture created_at identities";
    static const char own_account[] = "read:current_user create:current_user_metadata "
                                      "update:current_user_metadata delete:current_user_metadata";
    bool is_system = json_bool(api, "is_system", false);
    bool open = api != NULL && !is_system && !json_bool(api, "enforce_policies", false);
    const char *granted = "";
    for (const char *word; (word = scope_next(arena, &asked)) != NULL;)
        if (scope_has(identity, word) || (open && api_has_scope(api, grant, word)) ||
            (is_system && scope_has(own_account, word)))
            granted = scope_add(arena, granted, word);
    return granted;
}

static enum authorize_verdict check_audience(struct http_exchange *x, struct db_tx *tx,
                                             struct authorize_request *request, struct authorize_error *error)
{
    yyjson_val *api = NULL;
    yyjson_val *grant = NULL;
    if (wanted_audience(x, tx, request, &request->audience) != DB_OK)
        return AUTHORIZE_FAILED;
    if (request->audience != NULL) {
        enum db_result found = resource_server_by_identifier(tx, x->arena, request->audience, &api);
        if (found == DB_NOT_FOUND)
            return send(error, "access_denied",
                        arena_printf(x->arena, "Service not found: %s", request->audience));
        bool allowed = false;
        if (found != DB_OK || user_access_allowed(x, tx, request, api, &allowed, &grant) != DB_OK)
            return AUTHORIZE_FAILED;
        if (!allowed)
            return send(
                error, "access_denied",
                arena_printf(x->arena, "Client is not authorized to access \"%s\".", request->audience));
    }
    request->scope = grantable(x->arena, api, grant, sent(request, "scope"));
    return AUTHORIZE_FINE;
}

enum authorize_verdict authorize_request_read(struct http_exchange *x, struct db_tx *tx,
                                              const struct http_pairs *parameters,
                                              struct authorize_request *request,
                                              struct authorize_error *error)
{
    static const request_check checks[] = {
        check_client,        check_redirect_uri, check_repetition, check_response_mode,
        check_response_type, check_pkce,         check_prompt,     check_max_age,
        check_unsupported,   check_connection,   check_audience,
    };
    *request = (struct authorize_request){.parameters = *parameters, .max_age = -1};
    for (size_t i = 0; i < ARRAY_LENGTH(checks); i++) {
        enum authorize_verdict verdict = checks[i](x, tx, request, error);
        if (verdict != AUTHORIZE_FINE)
            return verdict;
    }
    return AUTHORIZE_FINE;
}
