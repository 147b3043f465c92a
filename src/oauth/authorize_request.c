#include "oauth/authorize_request.h"

#include "oauth/audience.h"
#include "oauth/redirect_uri.h"

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

static enum authorize_verdict check_audience(struct http_exchange *x, struct db_tx *tx,
                                             struct authorize_request *request, struct authorize_error *error)
{
    const char *asked = sent(request, "audience");
    struct audience_wish wish = {
        .client = &request->client,
        .asked = asked != NULL ? asked : sent(request, "resource"),
        .scope = sent(request, "scope"),
    };
    enum audience_verdict verdict = audience_settle(x, tx, &wish);
    request->audience = wish.audience;
    request->scope = wish.granted;
    switch (verdict) {
    case AUDIENCE_FINE:
        return AUTHORIZE_FINE;
    case AUDIENCE_UNKNOWN:
        return send(error, "access_denied", arena_printf(x->arena, "Service not found: %s", wish.audience));
    case AUDIENCE_FORBIDDEN:
        return send(error, "access_denied",
                    arena_printf(x->arena, "Client is not authorized to access \"%s\".", wish.audience));
    case AUDIENCE_FAILED:
        break;
    }
    return AUTHORIZE_FAILED;
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
