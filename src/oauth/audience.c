#include "oauth/audience.h"

#include "store/settings.h"
#include "tenant/domain.h"

#include <string.h>

enum { MFA_TOKEN_SECONDS = 600 };

const char mfa_api_scopes[] = "enroll read:authenticators remove:authenticators";

bool audience_is_mfa(const struct http_exchange *x, const char *audience)
{
    return audience != NULL && strcmp(audience, oauth_url(x, "mfa/")) == 0;
}

static yyjson_val *make_mfa_api(struct http_exchange *x)
{
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    yyjson_mut_val *scopes = yyjson_mut_arr(doc);
    const char *at = mfa_api_scopes;
    for (const char *word; (word = scope_next(x->arena, &at)) != NULL;)
        json_set_text(doc, yyjson_mut_arr_add_obj(doc, scopes), "value", word);
    json_set_text(doc, root, "identifier", oauth_url(x, "mfa/"));
    json_set_text(doc, root, "signing_alg", "RS256");
    json_set_bool(doc, root, "is_system", true);
    json_set_int(doc, root, "token_lifetime", MFA_TOKEN_SECONDS);
    json_set(doc, root, "scopes", scopes);
    return json_parse_own(x->arena, json_write_doc(x->arena, doc));
}

enum db_result api_by_identifier(struct http_exchange *x, struct db_tx *tx, const char *identifier,
                                 yyjson_val **api)
{
    if (!audience_is_mfa(x, identifier))
        return resource_server_by_identifier(tx, x->arena, identifier, api);
    *api = make_mfa_api(x);
    return DB_OK;
}

/* The audience that was asked for, else the tenant's default; /userinfo is none. */
static enum db_result wanted_audience(struct http_exchange *x, struct db_tx *tx, struct audience_wish *wish)
{
    const char *audience = wish->asked;
    if (audience == NULL) {
        yyjson_val *settings = NULL;
        enum db_result found = settings_get(tx, x->arena, "tenant", &settings);
        if (found != DB_OK && found != DB_NOT_FOUND)
            return found;
        audience = json_text(settings, "default_audience");
    }
    if (audience != NULL && (*audience == '\0' || strcmp(audience, oauth_url(x, "userinfo")) == 0))
        audience = NULL;
    wish->audience = domain_audience(tenant_of(x), x->arena, audience);
    return DB_OK;
}

/*
 * Whether the API lets this client ask for tokens in a person's name (subject_type_authorization.user.policy); *grant is the
 * grant that lets it, and limits the scopes, where one has to.
 */
static enum db_result user_access_allowed(struct arena *arena, struct db_tx *tx,
                                          const struct audience_wish *wish, bool *allowed, yyjson_val **grant)
{
    const char *policy =
        json_text(json_member(json_member(wish->api, "subject_type_authorization"), "user"), "policy");
    *allowed = policy == NULL || strcmp(policy, "allow_all") == 0;
    if (*allowed || strcmp(policy, "require_client_grant") != 0)
        return DB_OK;
    enum db_result found =
        client_grant_for(tx, arena, wish->client->client_id, json_text(wish->api, "identifier"), grant);
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
static const char *grantable(struct http_exchange *x, const struct audience_wish *wish, yyjson_val *grant)
{
    static const char identity[] = "openid profile email phone address name given_name family_name nickname "
                                   "email_verified picture created_at identities";
    static const char own_account[] = "read:current_user create:current_user_metadata "
                                      "update:current_user_metadata delete:current_user_metadata";
    bool is_system = json_bool(wish->api, "is_system", false);
    bool open = wish->api != NULL && !is_system && !json_bool(wish->api, "enforce_policies", false);
    const char *personal = audience_is_mfa(x, wish->audience) ? mfa_api_scopes : own_account;
    const char *asked = wish->scope;
    const char *granted = "";
    for (const char *word; (word = scope_next(x->arena, &asked)) != NULL;)
        if (scope_has(identity, word) || (open && api_has_scope(wish->api, grant, word)) ||
            (is_system && scope_has(personal, word)))
            granted = scope_add(x->arena, granted, word);
    return granted;
}

enum audience_verdict audience_settle(struct http_exchange *x, struct db_tx *tx, struct audience_wish *wish)
{
    yyjson_val *grant = NULL;
    if (wanted_audience(x, tx, wish) != DB_OK)
        return AUDIENCE_FAILED;
    if (wish->audience != NULL) {
        bool allowed = false;
        enum db_result found = api_by_identifier(x, tx, wish->audience, &wish->api);
        if (found == DB_NOT_FOUND)
            return AUDIENCE_UNKNOWN;
        if (found != DB_OK || user_access_allowed(x->arena, tx, wish, &allowed, &grant) != DB_OK)
            return AUDIENCE_FAILED;
        if (!allowed)
            return AUDIENCE_FORBIDDEN;
    }
    wish->granted = grantable(x, wish, grant);
    return AUDIENCE_FINE;
}
