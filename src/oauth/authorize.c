/* GET and POST /authorize: a login begins, or goes on at once for a person who has a session. */
#include "oauth/endpoints.h"

#include "base/clock.h"
#include "oauth/authorize_request.h"
#include "oauth/proceed.h"

#include <string.h>

/* Parameters that are kept under their own names because a later step reads them. */
static const char *const kept_parameters[] = {
    "response_type", "nonce",      "code_challenge", "prompt",
    "ui_locales",    "login_hint", "acr_values",     "connection",
};

static void keep_query(struct login_transaction *transaction, const struct http_pairs *parameters)
{
    yyjson_mut_val *query = yyjson_mut_obj(transaction->doc);
    for (size_t i = 0; i < parameters->count; i++)
        json_set_text(transaction->doc, query, parameters->items[i].name, parameters->items[i].value);
    json_set(transaction->doc, transaction->root, "query", query);
}

static struct login_transaction *begin(struct http_exchange *x, const struct authorize_request *request)
{
    struct login_transaction *transaction = login_transaction_begin(x, LOGIN_TRANSACTION_MS);
    yyjson_mut_doc *doc = transaction->doc;
    yyjson_mut_val *root = transaction->root;
    json_set_text(doc, root, "kind", "authorize");
    json_set_text(doc, root, "client_id", request->client.client_id);
    json_set_text(doc, root, "redirect_uri", request->target.redirect_uri);
    json_set_bool(doc, root, "redirect_uri_sent", request->redirect_uri_sent);
    json_set_text(doc, root, "response_mode", request->target.mode);
    json_set_text(doc, root, "state", request->target.state);
    json_set_text(doc, root, "scope", request->scope);
    json_set_text(doc, root, "audience", request->audience);
    if (request->max_age >= 0)
        json_set_int(doc, root, "max_age", request->max_age);
    json_set_bool(doc, root, "wants_auth_time", request->max_age >= 0 || request->prompt_login);
    for (size_t i = 0; i < ARRAY_LENGTH(kept_parameters); i++)
        json_set_text(doc, root, kept_parameters[i],
                      given_parameter(&request->parameters, kept_parameters[i]));
    keep_query(transaction, &request->parameters);
    return transaction;
}

/*
 * The request's session, where its person came by a connection that is enabled for this application too: one that takes
 * only the people of some connections must not get others because they are logged in elsewhere.
 */
static enum db_result read_session(struct http_exchange *x, struct db_tx *tx,
                                   const struct authorize_request *request, struct session *session)
{
    struct session found;
    yyjson_val *connection = NULL;
    enum db_result result = session_of_request(x, tx, &found);
    const char *name = result == DB_OK ? json_text(found.doc, "connection") : NULL;
    if (result == DB_OK)
        result = name != NULL ? connection_by_name(tx, x->arena, name, &connection) : DB_NOT_FOUND;
    if (result == DB_OK &&
        json_array_has_text(json_member(connection, "enabled_clients"), request->client.client_id))
        *session = found;
    return result;
}

/* Whether the session, as it is, answers what the application asks for. */
static bool session_suffices(const struct authorize_request *request, const struct session *session)
{
    if (session->id == NULL || request->prompt_login)
        return false;
    if (request->max_age >= 0 && clock_now_ms() - session->authenticated_at >= request->max_age * 1000)
        return false;
    const char *connection = given_parameter(&request->parameters, "connection");
    const char *used = json_text(session->doc, "connection");
    return connection == NULL || used == NULL || strcmp(connection, used) == 0;
}

static void use_session(struct http_exchange *x, const struct authorize_request *request,
                        const struct session *session)
{
    struct login_transaction *transaction = begin(x, request);
    yyjson_mut_doc *doc = transaction->doc;
    yyjson_mut_val *methods = yyjson_val_mut_copy(doc, json_member(session->doc, "methods"));
    json_set_text(doc, transaction->root, "session_id", session->id);
    json_set_text(doc, transaction->root, "user_id", session->user_id);
    json_set_text(doc, transaction->root, "connection", json_text(session->doc, "connection"));
    json_set_int(doc, transaction->root, "authenticated_at", session->authenticated_at);
    json_set(doc, transaction->root, "methods", methods);
    json_set_text(doc, transaction->root, "step", "resume");
    struct login login = {
        .x = x, .client = &request->client, .transaction = transaction, .silent = request->prompt_none};
    login_proceed(&login);
}

static void show_login(struct http_exchange *x, const struct authorize_request *request)
{
    const char *hint = given_parameter(&request->parameters, "screen_hint");
    bool signup = hint != NULL && strcmp(hint, "signup") == 0;
    struct login_transaction *transaction = begin(x, request);
    json_set_text(transaction->doc, transaction->root, "step", signup ? "signup-id" : "login-id");
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(tenant_of(x)->db, &tx);
    if (result == DB_OK)
        result = login_transaction_save(tx, x->arena, transaction);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result != DB_OK) {
        login_reply_failure(x);
        return;
    }
    http_redirect(x, 302,
                  url_with_parameter(x->arena, signup ? "/u/signup/identifier" : "/u/login/identifier",
                                     "state", transaction->id));
}

static void refuse_silently(struct http_exchange *x, const struct authorize_request *request)
{
    tenant_log(tenant_of(x), x,
               (struct log_entry){
                   .type = "fsa",
                   .description = "Login required",
                   .client_id = request->client.client_id,
                   .client_name = json_text(request->client.doc, "name"),
                   .audience = request->audience,
                   .scope = request->scope,
               });
    response_send_error(x, &request->target, "login_required", "Login required");
}

static void refuse(struct http_exchange *x, enum authorize_verdict verdict,
                   const struct authorize_request *request, const struct authorize_error *error)
{
    if (verdict == AUTHORIZE_FAILED) {
        login_reply_failure(x);
        return;
    }
    tenant_log(tenant_of(x), x,
               (struct log_entry){
                   .type = request->prompt_none ? "fsa" : "f",
                   .description = error->description,
                   .client_id = request->client.client_id,
                   .client_name = json_text(request->client.doc, "name"),
               });
    if (verdict == AUTHORIZE_SEND)
        response_send_error(x, &request->target, error->error, error->description);
    else
        tenant_reply_error_page(x, error->status, NULL, error->problem, error->error, error->description);
}

/* What is posted is stored, for whoever asks: no more of it than an address could hold. */
enum { POSTED_MAXIMUM = 16 * 1024 };

void endpoint_authorize(struct http_exchange *x)
{
    struct http_pairs parameters = x->request.query;
    if (x->request.body.size > POSTED_MAXIMUM) {
        tenant_reply_error_page(x, 413, NULL, "generic", "invalid_request", "The request is too large.");
        return;
    }
    if (strcmp(x->request.method, "POST") == 0 && !http_form(x, &parameters)) {
        tenant_reply_error_page(x, 400, NULL, "generic", "invalid_request", "The request could not be read.");
        return;
    }
    struct authorize_request request;
    struct authorize_error error;
    struct session session = {.id = NULL};
    enum authorize_verdict verdict = AUTHORIZE_FAILED;
    struct db_tx *tx = NULL;
    if (db_begin_read(tenant_of(x)->db, &tx) == DB_OK) {
        verdict = authorize_request_read(x, tx, &parameters, &request, &error);
        if (verdict == AUTHORIZE_FINE && read_session(x, tx, &request, &session) == DB_FAILED)
            verdict = AUTHORIZE_FAILED;
    }
    db_end(&tx);
    if (verdict != AUTHORIZE_FINE)
        refuse(x, verdict, &request, &error);
    else if (session_suffices(&request, &session))
        use_session(x, &request, &session);
    else if (request.prompt_none)
        refuse_silently(x, &request);
    else
        show_login(x, &request);
}
