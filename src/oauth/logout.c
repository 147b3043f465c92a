/* GET /v2/logout, and GET and POST /oidc/logout (OpenID Connect RP-Initiated Logout): the session ends. */
#include "oauth/endpoints.h"

#include "base/clock.h"
#include "crypto/jwt.h"
#include "oauth/oauth.h"
#include "oauth/redirect_uri.h"
#include "session/session.h"
#include "store/settings.h"
#include "store/users.h"

#include <string.h>

/* What a request to log out names, and what was found for it. */
struct logout {
    struct http_exchange *x;
    const char *client_id;
    const char *return_to;
    struct client client; /* doc NULL: none was named, or it is unknown */
    yyjson_val *allowed;  /* the list that return_to is held against */
    struct session session;
};

static void log_logout(const struct logout *logout, const char *type, const char *description)
{
    tenant_log(tenant_of(logout->x), logout->x,
               (struct log_entry){
                   .type = type,
                   .description = description,
                   .client_id = logout->client.client_id,
                   .client_name = json_text(logout->client.doc, "name"),
                   .connection = json_text(logout->session.doc, "connection"),
                   .user_id = logout->session.user_id,
               });
}

/* The client's list of addresses, or the tenant's where no client is named. */
static enum db_result read_lists(struct logout *logout, struct db_tx *tx)
{
    struct http_exchange *x = logout->x;
    enum db_result found;
    if (logout->client_id == NULL) {
        yyjson_val *settings = NULL;
        found = settings_get(tx, x->arena, "tenant", &settings);
        logout->allowed = json_member(settings, "allowed_logout_urls");
    } else {
        found = client_by_id(tx, x->arena, tenant_of(x)->keyring, logout->client_id, &logout->client);
        if (found == DB_OK)
            logout->allowed = json_member(logout->client.doc, "allowed_logout_urls");
        else
            logout->client = (struct client){.client_id = NULL};
    }
    return found == DB_NOT_FOUND ? DB_OK : found;
}

static enum db_result end_session(struct logout *logout)
{
    struct http_exchange *x = logout->x;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(tenant_of(x)->db, &tx);
    if (result == DB_OK) {
        result = session_of_request(x, tx, &logout->session);
        if (result == DB_OK || result == DB_NOT_FOUND)
            result = session_end(x, tx);
    }
    if (result == DB_OK)
        result = read_lists(logout, tx);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    return result;
}

static void refuse_address(const struct logout *logout, const char *parameter)
{
    struct arena *arena = logout->x->arena;
    const char *where = logout->client_id != NULL ? "this application" : "this tenant";
    const char *description = arena_printf(
        arena, "The \"%s\" address is not among the allowed logout URLs of %s.", parameter, where);
    log_logout(logout, "flo", description);
    tenant_reply_error_page(logout->x, 400, NULL, "logoutUrl", "invalid_request", description);
}

void endpoint_logout(struct http_exchange *x)
{
    struct logout logout = {
        .x = x,
        .client_id = given_parameter(&x->request.query, "client_id"),
        .return_to = given_parameter(&x->request.query, "returnTo"),
    };
    http_set_header(x, "Cache-Control", "no-store");
    if (end_session(&logout) != DB_OK) {
        tenant_reply_error_page(x, 500, NULL, "generic", "server_error", NULL);
        return;
    }
    if (logout.return_to == NULL && logout.client_id != NULL)
        logout.return_to = yyjson_get_str(yyjson_arr_get_first(logout.allowed));
    else if (logout.return_to != NULL && !logout_url_allowed(x->arena, logout.allowed, logout.return_to)) {
        refuse_address(&logout, "returnTo");
        return;
    }
    log_logout(&logout, "slo", NULL);
    if (logout.return_to != NULL)
        http_redirect(x, 302, logout.return_to);
    else
        http_reply(x, 200, "text/plain", "OK");
}

/* Whether the token is signed by a key of the tenant, or by the secret of the client that it names as its audience. */
static bool is_ours(struct http_exchange *x, struct db_tx *tx, const struct jwt *jwt)
{
    struct client client;
    if (jwt->kid != NULL) {
        const struct signing_key *key = tenant_key_by_kid(tenant_of(x), tx, jwt->kid);
        return key != NULL && jwt_verify_rs256(jwt, key);
    }
    return client_by_id(tx, x->arena, tenant_of(x)->keyring, json_text(jwt->claims, "aud"), &client) ==
               DB_OK &&
           client.secret != NULL && jwt_verify_hs256(jwt, bytes_of_text(client.secret));
}

/*
 * Reads an ID token that this tenant issued, expired or not; false where it is none. A hint tells which application asks,
 * and which session it means.
 */
static bool read_hint(struct http_exchange *x, const char *hint, struct jwt *jwt)
{
    struct db_tx *tx = NULL;
    if (!jwt_parse(x->arena, hint, jwt) || json_text(jwt->claims, "aud") == NULL)
        return false;
    const char *issuer = json_text(jwt->claims, "iss");
    if (issuer == NULL || strcmp(issuer, tenant_of(x)->config->issuer) != 0)
        return false;
    bool ours = db_begin_read(tenant_of(x)->db, &tx) == DB_OK && is_ours(x, tx, jwt);
    db_end(&tx);
    return ours;
}

static bool same_text(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* Whether the request shows that the person's own application sent it, and not a stranger's link (CSRF). */
static bool is_vouched_for(const struct logout *logout, const char *hinted_sid, const char *logout_hint)
{
    const char *id = logout->session.id;
    return id == NULL || same_text(id, hinted_sid) || same_text(id, logout_hint);
}

static void finish_oidc_logout(struct logout *logout, const char *state)
{
    struct http_exchange *x = logout->x;
    if (end_session(logout) != DB_OK) {
        tenant_reply_error_page(x, 500, NULL, "generic", "server_error", NULL);
        return;
    }
    if (logout->return_to != NULL && !logout_url_allowed(x->arena, logout->allowed, logout->return_to)) {
        refuse_address(logout, "post_logout_redirect_uri");
        return;
    }
    log_logout(logout, "slo", NULL);
    if (logout->return_to == NULL)
        tenant_reply_page(x, 200, "logout-complete", NULL, NULL);
    else
        http_redirect(x, 302,
                      state == NULL ? logout->return_to
                                    : url_with_parameter(x->arena, logout->return_to, "state", state));
}

/* Asks before it logs out, as nothing in the request shows that the person wished it. The page posts to its own address. */
static void ask(struct http_exchange *x, const struct http_pairs *parameters)
{
    static const char *const carried[] = {"post_logout_redirect_uri", "client_id", "state", "ui_locales"};
    if (strcmp(x->request.method, "POST") == 0) {
        const char *location = "/oidc/logout";
        for (size_t i = 0; i < ARRAY_LENGTH(carried); i++) {
            const char *value = given_parameter(parameters, carried[i]);
            if (value != NULL)
                location = url_with_parameter(x->arena, location, carried[i], value);
        }
        http_redirect(x, 303, location);
        return;
    }
    yyjson_mut_doc *doc = json_new_object(x->arena);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "state", given_parameter(parameters, "state"));
    const struct page_frame frame = {.ui_locales = given_parameter(parameters, "ui_locales"),
                                     .leads_to = given_parameter(parameters, "post_logout_redirect_uri")};
    tenant_reply_page(x, 200, "logout", &frame, doc);
}

static bool read_current_session(struct http_exchange *x, struct session *session)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(tenant_of(x)->db, &tx);
    if (result == DB_OK)
        result = session_of_request(x, tx, session);
    db_end(&tx);
    return result == DB_OK || result == DB_NOT_FOUND;
}

/* What is wrong with the hints of a request, as one sentence; NULL where nothing is. */
static const char *hint_problem(struct http_exchange *x, const struct http_pairs *parameters, struct jwt *jwt)
{
    const char *hint = given_parameter(parameters, "id_token_hint");
    const char *client_id = given_parameter(parameters, "client_id");
    const char *sid = given_parameter(parameters, "logout_hint");
    if (hint == NULL)
        return NULL;
    if (!read_hint(x, hint, jwt))
        return "id_token_hint is not an ID token of this tenant";
    if (client_id != NULL && !same_text(json_text(jwt->claims, "aud"), client_id))
        return "id_token_hint was not issued to client_id";
    if (sid != NULL && !same_text(json_text(jwt->claims, "sid"), sid))
        return "id_token_hint and logout_hint name different sessions";
    return NULL;
}

void endpoint_oidc_logout(struct http_exchange *x)
{
    bool posted = strcmp(x->request.method, "POST") == 0;
    struct http_pairs form = {.count = 0};
    if (posted && !http_form(x, &form)) {
        tenant_reply_error_page(x, 400, NULL, "generic", "invalid_request", "The request could not be read.");
        return;
    }
    const char *answer = tenant_is_own_form(x) ? http_pair(&form, "action") : NULL;
    struct http_pairs parameters = posted && answer == NULL ? form : x->request.query;
    struct jwt jwt = {.claims = NULL};
    const char *problem = hint_problem(x, &parameters, &jwt);
    if (problem != NULL) {
        tenant_reply_error_page(x, 400, NULL, "generic", "invalid_request", problem);
        return;
    }
    struct logout logout = {
        .x = x,
        .client_id = given_parameter(&parameters, "client_id"),
        .return_to = given_parameter(&parameters, "post_logout_redirect_uri"),
    };
    if (logout.client_id == NULL)
        logout.client_id = json_text(jwt.claims, "aud");
    if (!read_current_session(x, &logout.session))
        tenant_reply_error_page(x, 500, NULL, "generic", "server_error", NULL);
    else if (same_text(answer, "deny"))
        tenant_reply_page(x, 200, "logout-aborted", NULL, NULL);
    else if (same_text(answer, "accept") || is_vouched_for(&logout, json_text(jwt.claims, "sid"),
                                                           given_parameter(&parameters, "logout_hint")))
        finish_oidc_logout(&logout, given_parameter(&parameters, "state"));
    else
        ask(x, &parameters);
}
