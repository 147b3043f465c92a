/* The grants password (RFC 6749 section 4.3) and password-realm (Auth0): a name and a password become tokens, or an mfa_token. */
#include "oauth/token_request.h"

#include "base/clock.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "oauth/audience.h"
#include "oauth/issue.h"
#include "oauth/mfa_call.h"
#include "oauth/proceed.h"
#include "page/page.h"
#include "session/password_login.h"
#include "store/settings.h"

#include <arpa/inet.h>
#include <string.h>

enum { MFA_TOKEN_LENGTH = 43, WRITE_TRIES = 4 };

/* Granted where no scope is asked for. */
static const char default_scope[] = "openid profile email address phone";

struct password_grant {
    struct token_request *request;
    struct http_exchange *x;
    const char *username;
    const char *password;
    yyjson_val *connection;
    struct audience_wish wish;
    struct user user; /* the tokens' */
    yyjson_val *run;  /* the record of the rules */
    struct login_outcome outcome;
    struct mfa_settings mfa;
    struct mfa_choice choice;
    int64_t now; /* ms */
};

static void log_refusal(struct password_grant *grant, const char *type, const char *description)
{
    yyjson_mut_doc *doc = json_new_object(grant->x->arena);
    yyjson_mut_val *details = yyjson_mut_doc_get_root(doc);
    if (yyjson_arr_size(grant->run) > 0)
        json_set(doc, details, "rules", yyjson_val_mut_copy(doc, grant->run));
    tenant_log(tenant_of(grant->x), grant->x,
               (struct log_entry){
                   .type = type,
                   .description = description,
                   .connection = json_text(grant->connection, "name"),
                   .connection_id = json_text(grant->connection, "id"),
                   .strategy = json_text(grant->connection, "strategy"),
                   .client_id = grant->request->client.client_id,
                   .client_name = json_text(grant->request->client.doc, "name"),
                   .user_id = grant->user.user_id,
                   .user_name = grant->user.user_id != NULL ? user_log_name(grant->user.doc) : NULL,
                   .audience = grant->wish.audience,
                   .scope = grant->request->scope,
                   .details = yyjson_arr_size(grant->run) > 0 ? details : NULL,
               });
}

static void refuse(struct password_grant *grant, const char *type, int status, const char *error,
                   const char *description)
{
    log_refusal(grant, type, description);
    oauth_fail(grant->x, status, error, description);
}

/* --- the request --- */

static enum db_result connection_of_client(struct password_grant *grant, struct db_tx *tx, const char *name)
{
    yyjson_val **docs = NULL;
    size_t count = 0;
    enum db_result result =
        connections_of_client(tx, grant->x->arena, grant->request->client.client_id, &docs, &count);
    for (size_t i = 0; result == DB_OK && i < count; i++) {
        const char *found = json_text(docs[i], "name");
        if (found != NULL && strcmp(found, name) == 0) {
            grant->connection = docs[i];
            return DB_OK;
        }
    }
    return result == DB_OK ? DB_NOT_FOUND : result;
}

/* The connection that the realm names; false where the answer is made. */
static bool read_realm(struct password_grant *grant, struct db_tx *tx)
{
    const char *realm = token_request_need(grant->request, "realm");
    if (realm == NULL)
        return false;
    enum db_result found = connection_of_client(grant, tx, realm);
    if (found == DB_NOT_FOUND)
        refuse(grant, "fepft", 400, "invalid_request",
               arena_printf(grant->x->arena, "Unknown realm %s.", realm));
    else if (found != DB_OK)
        oauth_fail_internally(grant->x);
    return found == DB_OK;
}

/* The tenant's default directory; false where the answer is made. */
static bool read_default_directory(struct password_grant *grant, struct db_tx *tx)
{
    yyjson_val *settings = NULL;
    enum db_result found = settings_get(tx, grant->x->arena, "tenant", &settings);
    const char *name = json_text(settings, "default_directory");
    if (found == DB_OK)
        found = name != NULL && *name != '\0' ? connection_of_client(grant, tx, name) : DB_NOT_FOUND;
    if (found == DB_NOT_FOUND)
        refuse(grant, "fepft", 403, "server_error",
               "Authorization server not configured with default connection.");
    else if (found != DB_OK)
        oauth_fail_internally(grant->x);
    return found == DB_OK;
}

static bool read_audience(struct password_grant *grant, struct db_tx *tx)
{
    struct token_request *request = grant->request;
    struct arena *arena = grant->x->arena;
    grant->wish = (struct audience_wish){
        .client = &request->client,
        .asked = given_parameter(&request->form, "audience"),
        .scope = request->scope != NULL ? request->scope : default_scope,
    };
    enum audience_verdict verdict = audience_settle(grant->x, tx, &grant->wish);
    const char *audience = grant->wish.audience;
    if (verdict == AUDIENCE_UNKNOWN)
        refuse(grant, "fepft", 403, "access_denied",
               arena_printf(arena, "Service not enabled within domain: %s", audience));
    else if (verdict == AUDIENCE_FORBIDDEN)
        refuse(grant, "fepft", 403, "access_denied",
               arena_printf(arena, "Client is not authorized to access \"%s\".", audience));
    else if (verdict == AUDIENCE_FAILED)
        oauth_fail_internally(grant->x);
    return verdict == AUDIENCE_FINE;
}

/*
 * The person's own address, where the application is one that proved itself and is trusted to tell it: their failures then
 * count for them, not for its server.
 */
static void take_forwarded_address(struct password_grant *grant)
{
    const struct client *client = &grant->request->client;
    const char *told = http_header(grant->x, "auth0-forwarded-for");
    struct in6_addr address;
    if (told == NULL || !client_is_confidential(client) ||
        !json_bool(client->doc, "is_token_endpoint_ip_header_trusted", false))
        return;
    size_t length = strcspn(told, ", ");
    const char *first = arena_strndup(grant->x->arena, told, length);
    if (inet_pton(AF_INET, first, &address) == 1 || inet_pton(AF_INET6, first, &address) == 1)
        grant->x->request.client_ip = first;
}

static bool read_request(struct password_grant *grant, struct db_tx *tx, bool by_realm)
{
    struct token_request *request = grant->request;
    if (!token_request_authenticate(request, tx) || !token_request_allowed(request))
        return false;
    take_forwarded_address(grant);
    grant->username = token_request_need(request, "username");
    grant->password = grant->username != NULL ? token_request_need(request, "password") : NULL;
    if (grant->password == NULL)
        return false;
    return (by_realm ? read_realm(grant, tx) : read_default_directory(grant, tx)) && read_audience(grant, tx);
}

/* --- the password --- */

static void refuse_password(struct password_grant *grant, const struct password_login *login,
                            enum password_login_result result)
{
    const char *type = login->known ? "fp" : "fu";
    switch (result) {
    case PASSWORD_LOGIN_WRONG:
        refuse(grant, type, 403, "invalid_grant", "Wrong email or password.");
        return;
    case PASSWORD_LOGIN_LOCKED:
        refuse(grant, type, 429, "too_many_attempts",
               "Your account has been blocked after multiple consecutive login attempts. We've sent you an "
               "email "
               "with instructions on how to unblock it.");
        return;
    case PASSWORD_LOGIN_THROTTLED:
    case PASSWORD_LOGIN_TOO_OFTEN:
        refuse(grant, type, 429, "too_many_logins",
               "We have detected suspicious login behavior and further attempts will be blocked. Please try "
               "again "
               "later.");
        return;
    case PASSWORD_LOGIN_BUSY:
        oauth_fail_limited(grant->x, 1000);
        return;
    case PASSWORD_LOGIN_RIGHT:
    case PASSWORD_LOGIN_MOVED:
    case PASSWORD_LOGIN_FAILED:
        break;
    }
    oauth_fail_internally(grant->x);
}

static bool check_password(struct password_grant *grant)
{
    struct http_exchange *x = grant->x;
    const char *logged;
    struct password_login login = {
        .x = x,
        .connection = grant->connection,
        .identifier = grant->username,
        .language = page_language(NULL, http_header(x, "accept-language")),
        .client_id = grant->request->client.client_id,
    };
    enum password_login_result result = password_login(&login, grant->password, &logged);
    if (login.known)
        grant->user = login.user;
    if (result != PASSWORD_LOGIN_RIGHT)
        refuse_password(grant, &login, result);
    else if (json_bool(login.user.doc, "blocked", false))
        refuse(grant, "fepft", 401, "unauthorized", "user is blocked");
    else if (!json_bool(grant->request->client.doc, "is_first_party", true))
        refuse(grant, "fepft", 403, "consent_required", "Consent required");
    else
        return true;
    return false;
}

/* --- the rules --- */

/* The request as rules see it: without what only the server must know. */
static yyjson_val *body_of(struct password_grant *grant)
{
    static const char *const secrets[] = {"password", "client_secret", "client_assertion"};
    const struct http_pairs *form = &grant->request->form;
    yyjson_mut_doc *doc = json_new_object(grant->x->arena);
    for (size_t i = 0; i < form->count; i++) {
        bool is_secret = false;
        for (size_t j = 0; j < ARRAY_LENGTH(secrets); j++)
            is_secret |= strcmp(form->items[i].name, secrets[j]) == 0;
        if (!is_secret)
            json_set_text(doc, yyjson_mut_doc_get_root(doc), form->items[i].name, form->items[i].value);
    }
    return json_parse_own(grant->x->arena, json_write_doc(grant->x->arena, doc));
}

static yyjson_val *methods_of(struct password_grant *grant)
{
    yyjson_mut_doc *doc = json_new_array(grant->x->arena);
    yyjson_mut_val *method = yyjson_mut_arr_add_obj(doc, yyjson_mut_doc_get_root(doc));
    json_set_text(doc, method, "name", "pwd");
    json_set_int(doc, method, "timestamp", grant->now);
    return json_parse_own(grant->x->arena, json_write_doc(grant->x->arena, doc));
}

/* Runs the rules; false where the answer is made. */
static bool run_rules(struct password_grant *grant)
{
    struct arena *arena = grant->x->arena;
    struct rules_login call = {
        .user = &grant->user,
        .client = &grant->request->client,
        .connection = grant->connection,
        .protocol = "oauth2-password",
        .x = grant->x,
        .body = body_of(grant),
        .authentication_methods = methods_of(grant),
        .scopes = scope_array(arena, grant->wish.granted),
        .logins_count = json_int(grant->user.doc, "logins_count", 0) + 1,
    };
    struct rules_outcome rules;
    rules_run(tenant_of(grant->x), arena, &call, &rules);
    grant->run = rules.run;
    if (rules.error != NULL) {
        int status = strcmp(rules.error, "unauthorized") == 0   ? 401
                     : strcmp(rules.error, "server_error") == 0 ? 500
                                                                : 403;
        refuse(grant, "fepft", status, rules.error, rules.error_description);
        return false;
    }
    if (rules.redirect_url != NULL) {
        refuse(grant, "fepft", 403, "interaction_required", "Interaction required");
        return false;
    }
    if (rules.primary != NULL)
        grant->user = *rules.primary;
    outcome_of_rules(arena, &rules, &grant->user, grant->wish.granted, &grant->outcome);
    return true;
}

/* --- the second factor --- */

/* As the pages have it: a rule that names no provider, and the policy, take any factor. */
static const char *provider_of(const struct password_grant *grant)
{
    const char *provider = grant->outcome.wants_multifactor ? grant->outcome.provider : NULL;
    return provider != NULL && strcmp(provider, "none") != 0 ? provider : "any";
}

static bool read_factors(struct password_grant *grant)
{
    struct arena *arena = grant->x->arena;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(tenant_of(grant->x)->db, &tx);
    if (result == DB_OK)
        result = mfa_settings_read(tx, arena, &grant->mfa);
    if (result == DB_OK)
        result = mfa_choice_read(tenant_of(grant->x), tx, arena, &grant->mfa, grant->user.user_id,
                                 grant->outcome.wants_multifactor ? grant->outcome.provider : NULL,
                                 &grant->choice);
    db_end(&tx);
    if (result != DB_OK)
        oauth_fail_internally(grant->x);
    return result == DB_OK;
}

/* A rule's word stands above the tenant's policy; who would manage factors proves one, if there is one, above both. */
static bool multifactor_is_due(const struct password_grant *grant)
{
    if (audience_is_mfa(grant->x, grant->wish.audience) && grant->choice.enrolled_count > 0)
        return true;
    if (!grant->outcome.wants_multifactor)
        return grant->mfa.policy_always;
    return grant->outcome.provider == NULL || strcmp(grant->outcome.provider, "none") != 0;
}

/* What the tokens will be made of; `doc` owns it. */
static yyjson_mut_val *make_grant(struct password_grant *grant, yyjson_mut_doc *doc, bool multifactor)
{
    const struct login_outcome *outcome = &grant->outcome;
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    yyjson_mut_val *profile = yyjson_mut_obj(doc);
    json_set_text(doc, object, "user_id", grant->user.user_id);
    json_set_text(doc, object, "scope", outcome->scope);
    json_set_text(doc, object, "audience", grant->wish.audience);
    json_set_bool(doc, object, "multifactor", multifactor);
    if (outcome->id_token_seconds > 0)
        json_set_int(doc, object, "id_token_seconds", outcome->id_token_seconds);
    outcome_add_scope_claims(doc, profile, outcome);
    standard_claims_add(doc, profile, outcome->user, outcome->scope);
    json_set(doc, object, "profile", profile);
    if (outcome->id_token != NULL)
        json_set(doc, object, "id_token", yyjson_val_mut_copy(doc, outcome->id_token));
    if (outcome->access_token != NULL)
        json_set(doc, object, "access_token", yyjson_val_mut_copy(doc, outcome->access_token));
    if (yyjson_arr_size(grant->run) > 0)
        json_set(doc, object, "rules", yyjson_val_mut_copy(doc, grant->run));
    return object;
}

static enum db_result store_mfa_token(struct password_grant *grant, const char *secret)
{
    struct arena *arena = grant->x->arena;
    struct db_tx *tx = NULL;
    struct mfa_token token = {
        .hash = token_hash(arena, secret),
        .user_id = grant->user.user_id,
        .client_id = grant->request->client.client_id,
        .doc = json_new_object(arena),
        .created_at = grant->now,
        .expires_at = grant->now + MFA_TOKEN_MS,
    };
    token.root = yyjson_mut_doc_get_root(token.doc);
    json_set(token.doc, token.root, "grant", make_grant(grant, token.doc, true));
    json_set_text(token.doc, token.root, "provider", provider_of(grant));
    enum db_result result = db_begin_write(tenant_of(grant->x)->db, &tx);
    if (result == DB_OK)
        result = mfa_token_save(tx, arena, &token);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    return result;
}

static void add_type(yyjson_mut_doc *doc, yyjson_mut_val *list, const char *kind)
{
    size_t index, count;
    yyjson_mut_val *entry;
    const char *type = mfa_api_type(kind);
    yyjson_mut_arr_foreach(list, index, count, entry)
    {
        if (strcmp(json_mut_text(entry, "type"), type) == 0)
            return;
    }
    json_set_text(doc, yyjson_mut_arr_add_obj(doc, list), "type", type);
}

/* The kinds of factors that this user has or, without one, could have. */
static yyjson_mut_val *requirements_of(const struct password_grant *grant, yyjson_mut_doc *doc)
{
    const struct mfa_choice *choice = &grant->choice;
    yyjson_mut_val *requirements = yyjson_mut_obj(doc);
    yyjson_mut_val *list = yyjson_mut_arr(doc);
    for (size_t i = 0; i < choice->enrolled_count; i++)
        add_type(doc, list, choice->enrolled[i].kind);
    for (size_t i = 0; choice->enrolled_count == 0 && i < choice->enrollable_count; i++)
        add_type(doc, list, choice->enrollable[i]->kind);
    json_set(doc, requirements, choice->enrolled_count > 0 ? "challenge" : "enroll", list);
    return requirements;
}

static void ask_for_factor(struct password_grant *grant)
{
    static const char description[] = "Multifactor authentication required";
    struct arena *arena = grant->x->arena;
    const char *secret = random_text(arena, RANDOM_ALPHANUMERIC, MFA_TOKEN_LENGTH);
    if (store_mfa_token(grant, secret) != DB_OK) {
        oauth_fail_internally(grant->x);
        return;
    }
    log_refusal(grant, "mfar", description);
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "error", "mfa_required");
    json_set_text(doc, root, "error_description", description);
    json_set_text(doc, root, "mfa_token", secret);
    json_set(doc, root, "mfa_requirements", requirements_of(grant, doc));
    http_reply_json(grant->x, 403, doc);
}

/* --- the tokens --- */

static enum db_result write_login(struct password_grant *grant, struct issue *issue)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(tenant_of(grant->x)->db, &tx);
    if (result == DB_OK)
        result = login_count(grant->x, tx, grant->user.user_id);
    if (result == DB_OK)
        result = issue_read(grant->request, tx, issue, NULL);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    return result;
}

static void issue_tokens(struct password_grant *grant)
{
    struct arena *arena = grant->x->arena;
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_doc_set_root(doc, make_grant(grant, doc, false));
    struct issue issue = {.grant = json_parse_own(arena, json_write_doc(arena, doc)), .gty = "password"};
    enum db_result result = DB_CONFLICT;
    for (int i = 0; i < WRITE_TRIES && result == DB_CONFLICT; i++)
        result = write_login(grant, &issue);
    if (result == DB_OK)
        issue_reply(grant->request, &issue, "sepft");
    else
        oauth_fail_internally(grant->x);
}

static void answer(struct token_request *request, bool by_realm)
{
    struct password_grant grant = {.request = request, .x = request->x, .now = clock_now_ms()};
    struct db_tx *tx = NULL;
    if (db_begin_read(tenant_of(request->x)->db, &tx) != DB_OK) {
        oauth_fail_internally(request->x);
        return;
    }
    bool is_read = read_request(&grant, tx, by_realm);
    db_end(&tx);
    if (!is_read || !check_password(&grant) || !run_rules(&grant) || !read_factors(&grant))
        return;
    if (multifactor_is_due(&grant))
        ask_for_factor(&grant);
    else
        issue_tokens(&grant);
}

void grant_password(struct token_request *request)
{
    answer(request, false);
}

void grant_password_realm(struct token_request *request)
{
    answer(request, true);
}
