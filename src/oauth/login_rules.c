/* The rules' part of a login: what goes in from the transaction, what comes out into it. */
#include "oauth/proceed.h"

#include "mfa/duo.h"

#include <string.h>

yyjson_val *scope_array(struct arena *arena, const char *scope)
{
    yyjson_mut_doc *doc = json_new_array(arena);
    for (const char *word; (word = scope_next(arena, &scope)) != NULL;)
        yyjson_mut_arr_add_strcpy(doc, yyjson_mut_doc_get_root(doc), word);
    return json_parse_own(arena, json_write_doc(arena, doc));
}

/* The scopes that a rule left, as one text; words that are no scopes (RFC 6749 section 3.3) are dropped. */
static const char *joined_scopes(struct arena *arena, yyjson_val *scopes)
{
    const char *joined = "";
    size_t index, count;
    yyjson_val *entry;
    yyjson_arr_foreach(scopes, index, count, entry)
    {
        const char *word = yyjson_get_str(entry);
        if (word != NULL && *word != '\0' && strpbrk(word, " \t\r\n\"\\") == NULL)
            joined = scope_add(arena, joined, word);
    }
    return joined;
}

void login_keep_outcome(struct login *login)
{
    yyjson_mut_doc *doc = login->transaction->doc;
    yyjson_mut_val *kept = yyjson_mut_obj(doc);
    const struct login_outcome *outcome = &login->outcome;
    if (outcome->id_token != NULL)
        json_set(doc, kept, "id_token", yyjson_val_mut_copy(doc, outcome->id_token));
    if (outcome->access_token != NULL)
        json_set(doc, kept, "access_token", yyjson_val_mut_copy(doc, outcome->access_token));
    json_set_text(doc, kept, "user_id", login->user.user_id);
    json_set(doc, kept, "user", yyjson_val_mut_copy(doc, outcome->user));
    json_set_text(doc, kept, "scope", outcome->scope);
    json_set_bool(doc, kept, "wants_multifactor", outcome->wants_multifactor);
    json_set_text(doc, kept, "provider", outcome->provider);
    json_set_bool(doc, kept, "allow_remember_browser", outcome->allow_remember_browser);
    json_set_text(doc, kept, "duo", outcome->duo);
    if (outcome->id_token_seconds > 0)
        json_set_int(doc, kept, "id_token_seconds", outcome->id_token_seconds);
    if (outcome->scope_claims != NULL)
        json_set(doc, kept, "scope_claims", yyjson_val_mut_copy(doc, outcome->scope_claims));
    json_set(doc, login->transaction->root, "outcome", kept);
}

bool login_kept_outcome(struct login *login)
{
    yyjson_val *kept = json_member(login->doc, "outcome");
    const char *user_id = json_text(kept, "user_id");
    if (user_id == NULL || strcmp(user_id, login->user.user_id) != 0 || login->callback_query != NULL)
        return false;
    login->outcome = (struct login_outcome){
        .id_token = json_member(kept, "id_token"),
        .access_token = json_member(kept, "access_token"),
        .user = json_member(kept, "user"),
        .scope = json_text(kept, "scope"),
        .wants_multifactor = json_bool(kept, "wants_multifactor", false),
        .provider = json_text(kept, "provider"),
        .allow_remember_browser = json_bool(kept, "allow_remember_browser", false),
        .duo = json_text(kept, "duo"),
        .id_token_seconds = json_int(kept, "id_token_seconds", 0),
        .scope_claims = json_member(kept, "scope_claims"),
    };
    return true;
}

/* Adds the record of a run to those of the login, for its log entry; entries of a return say so. */
static void keep_record(struct login *login, yyjson_val *run, bool returned)
{
    yyjson_mut_doc *doc = login->transaction->doc;
    yyjson_mut_val *root = login->transaction->root;
    size_t index, count;
    yyjson_val *entry;
    if (yyjson_arr_size(run) == 0)
        return;
    if (json_mut_member(root, "rules") == NULL)
        json_set(doc, root, "rules", yyjson_mut_arr(doc));
    yyjson_arr_foreach(run, index, count, entry)
    {
        yyjson_mut_val *kept = yyjson_val_mut_copy(doc, entry);
        if (returned)
            json_set_text(doc, kept, "protocol", "redirect-callback");
        yyjson_mut_arr_append(json_mut_member(root, "rules"), kept);
    }
}

/*
 * From here on the login is that of the account which a rule linked this one to. A session of the other account does not
 * count for it: the login ends in one of its own.
 */
static void take_primary(struct login *login, const struct user *primary)
{
    login->user = *primary;
    json_set_text(login->transaction->doc, login->transaction->root, "user_id", primary->user_id);
    json_set_text(login->transaction->doc, login->transaction->root, "session_id", NULL);
    login_read_again(login);
}

void outcome_of_rules(struct arena *arena, const struct rules_outcome *rules, const struct user *user,
                      const char *scope, struct login_outcome *outcome)
{
    *outcome = (struct login_outcome){
        .id_token = rules->id_token,
        .access_token = rules->access_token,
        .user = rules->user != NULL ? rules->user : user->doc,
        .scope = rules->scopes != NULL ? joined_scopes(arena, rules->scopes) : scope,
        .wants_multifactor = rules->wants_multifactor,
        .provider = rules->provider,
        .allow_remember_browser = rules->allow_remember_browser,
        .id_token_seconds = rules->id_token_seconds,
        .scope_claims = rules->scope_claims,
    };
}

bool login_run_rules(struct login *login)
{
    struct arena *arena = login->x->arena;
    bool returned = login->callback_query != NULL;
    const char *type = json_text(login->doc, "response_type");
    bool implicit = type != NULL && strstr(type, "code") == NULL;
    struct rules_login call = {
        .user = &login->user,
        .client = login->client,
        .connection = login->connection,
        .protocol = returned   ? "redirect-callback"
                    : implicit ? "oidc-implicit-profile"
                               : "oidc-basic-profile",
        .session_id = json_text(login->doc, "session_id"),
        .x = login->x,
        .query = returned ? login->callback_query : json_member(login->doc, "query"),
        .body = login->callback_body,
        .authentication_methods = json_member(login->doc, "methods"),
        .scopes = scope_array(arena, json_text(login->doc, "scope")),
        .session_clients = login->session_clients,
        .overlay = json_member(login->doc, "overlay"),
        .logins_count = json_int(login->user.doc, "logins_count", 0) + (login->silent ? 0 : 1),
    };
    struct rules_outcome rules;
    rules_run(tenant_of(login->x), arena, &call, &rules);
    keep_record(login, rules.run, returned);
    if (rules.error != NULL) {
        login_refuse(login, rules.error, rules.error_description);
        return false;
    }
    if (rules.primary != NULL)
        take_primary(login, rules.primary);
    outcome_of_rules(arena, &rules, &login->user, json_text(login->doc, "scope"), &login->outcome);
    if (rules.wants_multifactor && strcmp(rules.provider, "duo") == 0)
        login->outcome.duo =
            duo_seal(tenant_of(login->x)->keyring, arena, login->transaction->id, rules.multifactor);
    if (rules.redirect_url == NULL || returned)
        return true;
    if (login->silent) {
        login_refuse(login, "interaction_required", "Interaction required");
        return false;
    }
    yyjson_mut_doc *doc = login->transaction->doc;
    json_set_text(doc, login->transaction->root, "step", "redirect");
    json_set(doc, login->transaction->root, "overlay", yyjson_val_mut_copy(doc, rules.overlay));
    login_send_to(login, rules.redirect_url);
    return false;
}
