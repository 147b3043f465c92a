#include "oauth/proceed.h"

#include "base/clock.h"
#include "oauth/code.h"
#include "oauth/issue.h"
#include "oauth/tokens.h"

#include <string.h>

void outcome_add_scope_claims(yyjson_mut_doc *doc, yyjson_mut_val *profile,
                              const struct login_outcome *outcome)
{
    size_t index, count, i, size;
    yyjson_val *scope, *names, *name;
    yyjson_obj_foreach(outcome->scope_claims, index, count, scope, names)
    {
        if (!yyjson_is_arr(names) || !scope_has(outcome->scope, yyjson_get_str(scope)))
            continue;
        yyjson_arr_foreach(names, i, size, name)
        {
            const char *claim = yyjson_get_str(name);
            yyjson_val *value = claim != NULL ? json_member(outcome->user, claim) : NULL;
            if (value != NULL && !rules_claim_is_reserved(claim))
                json_set(doc, profile, claim, yyjson_val_mut_copy(doc, value));
        }
    }
}

/* The grant that a code stands for: all that /oauth/token needs to make tokens without asking again. */
static yyjson_mut_doc *make_grant(const struct login *login, const struct session *session)
{
    struct arena *arena = login->x->arena;
    const struct login_outcome *outcome = &login->outcome;
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *grant = yyjson_mut_doc_get_root(doc);
    yyjson_mut_val *profile = yyjson_mut_obj(doc);
    bool multifactor = login_multifactor_passed(login);
    json_set_text(doc, grant, "user_id", login->user.user_id);
    json_set_text(doc, grant, "session_id", session->id);
    if (json_bool(login->doc, "redirect_uri_sent", false))
        json_set_text(doc, grant, "redirect_uri", login->target.redirect_uri);
    json_set_text(doc, grant, "code_challenge", json_text(login->doc, "code_challenge"));
    json_set_text(doc, grant, "scope", outcome->scope);
    json_set_text(doc, grant, "audience", json_text(login->doc, "audience"));
    json_set_text(doc, grant, "nonce", json_text(login->doc, "nonce"));
    if (json_bool(login->doc, "wants_auth_time", false))
        json_set_int(doc, grant, "auth_time", session->authenticated_at / 1000);
    if (multifactor && scope_has(json_text(login->doc, "acr_values"), acr_multifactor))
        json_set_text(doc, grant, "acr", acr_multifactor);
    json_set_bool(doc, grant, "multifactor",
                  multifactor || authentication_methods_have(json_member(session->doc, "methods"), "mfa"));
    if (outcome->id_token_seconds > 0)
        json_set_int(doc, grant, "id_token_seconds", outcome->id_token_seconds);
    outcome_add_scope_claims(doc, profile, outcome);
    standard_claims_add(doc, profile, outcome->user, outcome->scope);
    json_set(doc, grant, "profile", profile);
    if (outcome->id_token != NULL)
        json_set(doc, grant, "id_token", yyjson_val_mut_copy(doc, outcome->id_token));
    if (outcome->access_token != NULL)
        json_set(doc, grant, "access_token", yyjson_val_mut_copy(doc, outcome->access_token));
    return doc;
}

/*
 * The session that comes of the login: the one it was begun with, used once more, or a new one. DB_NOT_FOUND where the
 * session it was begun with has ended meanwhile: what it proved does not count any more.
 */
static enum db_result make_session(struct login *login, struct db_tx *tx, struct session *session)
{
    const char *begun_with = json_text(login->doc, "session_id");
    yyjson_val *methods = json_member(login->doc, "methods");
    struct session current;
    enum db_result result = session_of_request(login->x, tx, &current);
    if (result != DB_OK && result != DB_NOT_FOUND)
        return result;
    if (begun_with == NULL) {
        struct session_login proof = {
            .user_id = login->user.user_id,
            .connection = json_text(login->doc, "connection"),
            .client_id = login->client->client_id,
            .methods = methods,
            .authenticated_at = json_int(login->doc, "authenticated_at", clock_now_ms()),
        };
        return session_create(login->x, tx, &proof, result == DB_OK ? &current : NULL, session);
    }
    if (result != DB_OK || strcmp(current.id, begun_with) != 0 ||
        strcmp(current.user_id, login->user.user_id) != 0)
        return DB_NOT_FOUND;
    *session = current;
    return session_use(login->x, tx, session, login->client->client_id,
                       login_multifactor_passed(login) ? methods : NULL);
}

static enum db_result write_all(struct login *login, struct db_tx *tx, const char **code)
{
    struct session session;
    enum db_result result = make_session(login, tx, &session);
    if (result == DB_OK && !login->silent)
        result = login_count(login->x, tx, login->user.user_id);
    if (result == DB_OK)
        result = authorization_code_issue(tx, login->x->arena, login->client->client_id,
                                          make_grant(login, &session), code);
    if (result == DB_OK && login->transaction->version > 0)
        result = login_transaction_finish(tx, login->transaction);
    return result;
}

void login_complete(struct login *login)
{
    const char *code = NULL;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(tenant_of(login->x)->db, &tx);
    if (result == DB_OK)
        result = write_all(login, tx, &code);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result == DB_NOT_FOUND) {
        login_refuse(login, "login_required", "Login required");
        return;
    }
    if (result != DB_OK) {
        if (result == DB_CONFLICT)
            login_reply_expired(login->x);
        else
            login_reply_failure(login->x);
        return;
    }
    login_log_entry(login, login->silent ? "ssa" : "s", NULL);
    const struct http_pair item = {.name = "code", .value = code};
    response_send(login->x, &login->target, &(struct http_pairs){.items = &item, .count = 1});
}
