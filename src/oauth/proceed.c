#include "oauth/proceed.h"

#include "base/clock.h"
#include "base/encode.h"
#include "oauth/audience.h"
#include "session/expired.h"
#include "session/remembered.h"
#include "store/settings.h"

#include <string.h>

const char acr_multifactor[] = "http://schemas.openid.net/pape/policies/2007/06/multi-factor";

void login_reply_expired(struct http_exchange *x)
{
    transaction_reply_expired(x);
}

void login_reply_failure(struct http_exchange *x)
{
    tenant_reply_error_page(x, 500, NULL, "generic", "server_error", NULL);
}

void login_log_entry(const struct login *login, const char *type, const char *description)
{
    yyjson_mut_doc *doc = json_new_object(login->x->arena);
    yyjson_mut_val *details = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, details, "prompt", json_text(login->doc, "prompt"));
    login_log_details(login, doc, details);
    tenant_log(tenant_of(login->x), login->x,
               (struct log_entry){
                   .type = type,
                   .description = description,
                   .connection = json_text(login->doc, "connection"),
                   .connection_id = json_text(login->connection, "id"),
                   .client_id = login->client->client_id,
                   .client_name = json_text(login->client->doc, "name"),
                   .user_id = login->user.user_id,
                   .user_name = user_log_name(login->user.doc),
                   .audience = json_text(login->doc, "audience"),
                   .scope = json_text(login->doc, "scope"),
                   .strategy = json_text(login->connection, "strategy"),
                   .details = details,
               });
}

/* Ends a stored transaction; false where another request ended or moved it first, or the store failed. */
static bool finish_transaction(struct login *login)
{
    if (login->transaction->version == 0)
        return true;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(tenant_of(login->x)->db, &tx);
    if (result == DB_OK)
        result = login_transaction_finish(tx, login->transaction);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result == DB_CONFLICT)
        login_reply_expired(login->x);
    else if (result != DB_OK)
        login_reply_failure(login->x);
    return result == DB_OK;
}

void login_refuse(struct login *login, const char *error, const char *description)
{
    if (!finish_transaction(login))
        return;
    login_log_entry(login, login->silent ? "fsa" : "f", description);
    response_send_error(login->x, &login->target, error, description);
}

void login_send_to(struct login *login, const char *location)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(tenant_of(login->x)->db, &tx);
    if (result == DB_OK)
        result = login_transaction_save(tx, login->x->arena, login->transaction);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result == DB_OK)
        http_redirect(login->x, 302,
                      url_with_parameter(login->x->arena, location, "state", login->transaction->id));
    else if (result == DB_CONFLICT)
        login_reply_expired(login->x);
    else
        login_reply_failure(login->x);
}

/* Reads the person, their connection and the tenant's MFA settings. DB_NOT_FOUND: the person was deleted. */
static enum db_result read_person(struct login *login, struct db_tx *tx)
{
    struct arena *arena = login->x->arena;
    enum db_result result = user_by_id(tx, arena, json_text(login->doc, "user_id"), &login->user);
    if (result != DB_OK)
        return result;
    const char *connection = json_text(login->doc, "connection");
    if (connection == NULL)
        connection = login->user.connection;
    result = connection_by_name(tx, arena, connection, &login->connection);
    if (result != DB_OK && result != DB_NOT_FOUND)
        return result;
    struct session session;
    if (json_text(login->doc, "session_id") != NULL && session_of_request(login->x, tx, &session) == DB_OK &&
        strcmp(session.id, json_text(login->doc, "session_id")) == 0)
        login->session_clients = json_member(session.doc, "clients");
    result = mfa_settings_read(tx, arena, &login->mfa);
    if (result != DB_OK || !audience_is_mfa(login->x, json_text(login->doc, "audience")))
        return result;
    struct mfa_choice choice;
    result =
        mfa_choice_read(tenant_of(login->x), tx, arena, &login->mfa, login->user.user_id, "any", &choice);
    login->manages_factors = result == DB_OK && choice.enrolled_count > 0;
    return result;
}

bool login_multifactor_done(const struct login *login)
{
    yyjson_val *mfa = json_member(login->doc, "mfa");
    const char *user_id = json_text(mfa, "user_id");
    return json_bool(mfa, "done", false) && user_id != NULL &&
           strcmp(user_id, json_text(login->doc, "user_id")) == 0;
}

bool login_multifactor_passed(const struct login *login)
{
    return login_multifactor_done(login) && !json_bool(json_member(login->doc, "mfa"), "waived", false);
}

static bool multifactor_is_demanded(const struct login *login)
{
    return scope_has(json_text(login->doc, "acr_values"), acr_multifactor);
}

/*
 * Whether a second factor is due now. A rule's word stands above the tenant's policy, the application's acr_values and the
 * audience of the MFA API above both; the policy alone is content with the factor that the session was begun with.
 */
static bool multifactor_is_due(const struct login *login, bool *may_be_remembered)
{
    const struct login_outcome *outcome = &login->outcome;
    *may_be_remembered = false;
    if (multifactor_is_demanded(login) || login->manages_factors)
        return true;
    if (outcome->wants_multifactor) {
        *may_be_remembered = outcome->allow_remember_browser;
        return outcome->provider == NULL || strcmp(outcome->provider, "none") != 0;
    }
    *may_be_remembered = true;
    return login->mfa.policy_always &&
           !authentication_methods_have(json_member(login->doc, "methods"), "mfa");
}

static enum db_result browser_is_remembered(struct login *login, bool *remembered)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(tenant_of(login->x)->db, &tx);
    if (result == DB_OK)
        result = remembered_browser_check(login->x, tx, login->user.user_id, remembered);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    return result;
}

static void ask_for_multifactor(struct login *login, bool may_be_remembered)
{
    if (login->silent) {
        login_refuse(login, "login_required", "Multifactor authentication required");
        return;
    }
    yyjson_mut_doc *doc = login->transaction->doc;
    yyjson_mut_val *mfa = yyjson_mut_obj(doc);
    const char *provider = login->outcome.wants_multifactor ? login->outcome.provider : NULL;
    json_set_bool(doc, mfa, "required", true);
    json_set_text(doc, mfa, "provider", provider != NULL && strcmp(provider, "none") != 0 ? provider : "any");
    json_set_bool(doc, mfa, "allow_remember_browser", may_be_remembered);
    json_set_int(doc, mfa, "started_at", clock_now_ms());
    json_set_bool(doc, mfa, "done", false);
    json_set_text(doc, mfa, "user_id", login->user.user_id);
    json_set_text(doc, mfa, "duo", login->outcome.duo);
    json_set(doc, login->transaction->root, "mfa", mfa);
    json_set_text(doc, login->transaction->root, "step", "mfa");
    login_keep_outcome(login);
    login_send_to(login, "/u/mfa-detect-browser-capabilities");
}

static void go_through_multifactor(struct login *login)
{
    bool may_be_remembered = false;
    if (login_multifactor_done(login) || !multifactor_is_due(login, &may_be_remembered)) {
        login_complete(login);
        return;
    }
    bool remembered = false;
    if (may_be_remembered && browser_is_remembered(login, &remembered) != DB_OK)
        login_reply_failure(login->x);
    else if (remembered)
        login_complete(login);
    else
        ask_for_multifactor(login, may_be_remembered);
}

static bool find_person(struct login *login)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(tenant_of(login->x)->db, &tx);
    if (result == DB_OK)
        result = read_person(login, tx);
    db_end(&tx);
    if (result == DB_NOT_FOUND)
        login_refuse(login, "access_denied", "The user does not exist any more.");
    else if (result != DB_OK)
        login_reply_failure(login->x);
    return result == DB_OK;
}

void login_read_again(struct login *login)
{
    struct arena *arena = login->x->arena;
    login->doc = json_parse_own(arena, json_write_doc(arena, login->transaction->doc));
}

void login_proceed(struct login *login)
{
    login_read_again(login);
    login->target = (struct response_target){
        .redirect_uri = json_text(login->doc, "redirect_uri"),
        .mode = json_text(login->doc, "response_mode"),
        .state = json_text(login->doc, "state"),
    };
    const char *error = json_text(login->doc, "error");
    if (error != NULL) {
        const char *description = json_text(login->doc, "error_description");
        login_refuse(login, error, description != NULL ? description : "");
        return;
    }
    if (json_text(login->doc, "user_id") == NULL) {
        json_set_text(login->transaction->doc, login->transaction->root, "step", "login-id");
        login_send_to(login, "/u/login/identifier");
        return;
    }
    if (!find_person(login))
        return;
    if (json_bool(login->user.doc, "blocked", false))
        login_refuse(login, "unauthorized", "user is blocked");
    else if (!json_bool(login->client->doc, "is_first_party", true))
        login_refuse(login, "consent_required", "Consent required");
    else if (login_kept_outcome(login) || login_run_rules(login))
        go_through_multifactor(login);
}
