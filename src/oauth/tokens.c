#include "oauth/tokens.h"

#include "base/clock.h"
#include "base/random.h"
#include "crypto/jwt.h"
#include "oauth/oauth.h"

#include <string.h>

enum { ID_TOKEN_SECONDS = 36000, API_TOKEN_SECONDS = 86400 };

/* A claim is opened by its group's scope, or by a scope of its own name. */
static const struct {
    const char *claim;
    const char *member; /* of the user's document */
    const char *group;
} standard_claims[] = {
    {"given_name", "given_name", "profile"},
    {"family_name", "family_name", "profile"},
    {"middle_name", "middle_name", "profile"},
    {"nickname", "nickname", "profile"},
    {"name", "name", "profile"},
    {"picture", "picture", "profile"},
    {"profile", "profile", "profile"},
    {"website", "website", "profile"},
    {"gender", "gender", "profile"},
    {"birthdate", "birthdate", "profile"},
    {"zoneinfo", "zoneinfo", "profile"},
    {"locale", "locale", "profile"},
    {"updated_at", "updated_at", "profile"},
    {"created_at", "created_at", "created_at"},
    {"identities", "identities", "identities"},
    {"email", "email", "email"},
    {"email_verified", "email_verified", "email"},
    {"phone_number", "phone_number", "phone"},
    {"phone_number_verified", "phone_verified", "phone"},
    {"address", "address", "address"},
};

void standard_claims_add(yyjson_mut_doc *doc, yyjson_mut_val *object, yyjson_val *profile, const char *scope)
{
    for (size_t i = 0; i < ARRAY_LENGTH(standard_claims); i++) {
        const char *claim = standard_claims[i].claim;
        yyjson_val *value = json_member(profile, standard_claims[i].member);
        if (value == NULL || yyjson_is_null(value) || json_mut_member(object, claim) != NULL)
            continue;
        if (scope_has(scope, standard_claims[i].group) || scope_has(scope, claim))
            json_set(doc, object, claim, yyjson_val_mut_copy(doc, value));
    }
}

static yyjson_mut_doc *claims_from(struct arena *arena, yyjson_val *custom)
{
    return yyjson_is_obj(custom) ? json_thaw(arena, custom) : json_new_object(arena);
}

void object_add_missing(yyjson_mut_doc *doc, yyjson_mut_val *root, yyjson_val *more)
{
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(more, index, count, name, value)
    {
        if (json_mut_member(root, yyjson_get_str(name)) == NULL)
            json_set(doc, root, yyjson_get_str(name), yyjson_val_mut_copy(doc, value));
    }
}

static void add_methods(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct id_token_claims *claims)
{
    if (claims->auth_time != 0)
        json_set_int(doc, root, "auth_time", claims->auth_time);
    if (claims->acr != NULL)
        json_set_text(doc, root, "acr", claims->acr);
    if (claims->multifactor) {
        yyjson_mut_val *methods = yyjson_mut_arr(doc);
        yyjson_mut_arr_add_str(doc, methods, "mfa");
        json_set(doc, root, "amr", methods);
    }
}

const char *id_token_make(struct http_exchange *x, const struct signing_key *key,
                          const struct id_token_claims *claims)
{
    yyjson_val *settings = json_member(claims->client->doc, "jwt_configuration");
    const char *algorithm = json_text(settings, "alg");
    yyjson_mut_doc *doc = claims_from(x->arena, claims->custom);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    int64_t now = clock_now();
    object_add_missing(doc, root, claims->standard);
    json_set_text(doc, root, "iss", tenant_of(x)->config->issuer);
    json_set_text(doc, root, "aud", claims->client->client_id);
    json_set_int(doc, root, "iat", now);
    json_set_int(doc, root, "exp",
                 now + (claims->seconds > 0 ? claims->seconds
                                            : json_int(settings, "lifetime_in_seconds", ID_TOKEN_SECONDS)));
    json_set_text(doc, root, "sub", claims->user_id);
    add_methods(doc, root, claims);
    json_set_text(doc, root, "sid", claims->session_id);
    json_set_text(doc, root, "nonce", claims->nonce);
    if (algorithm == NULL || strcmp(algorithm, "HS256") != 0)
        return jwt_sign_rs256(x->arena, key, "JWT", root);
    if (claims->client->secret == NULL)
        return NULL;
    return jwt_sign_hs256(x->arena, bytes_of_text(claims->client->secret), root);
}

int64_t access_token_seconds(yyjson_val *api)
{
    return json_int(api, "token_lifetime", API_TOKEN_SECONDS);
}

enum db_result token_signer_read(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                 yyjson_val *api, struct token_signer *signer)
{
    const char *algorithm = json_text(api, "signing_alg");
    *signer = (struct token_signer){.key = tenant_signing_key(tenant, tx)};
    if (signer->key == NULL)
        return DB_FAILED;
    if (algorithm == NULL || strcmp(algorithm, "HS256") != 0)
        return DB_OK;
    enum db_result result =
        resource_server_secret(tx, arena, tenant->keyring, json_text(api, "id"), &signer->secret);
    return result == DB_OK ? DB_OK : DB_FAILED;
}

static yyjson_mut_val *audience_of(struct http_exchange *x, yyjson_mut_doc *doc,
                                   const struct access_token_claims *claims, bool userinfo)
{
    const char *identifier = json_text(claims->api, "identifier");
    if (!userinfo)
        return yyjson_mut_strcpy(doc, identifier);
    yyjson_mut_val *both = yyjson_mut_arr(doc);
    yyjson_mut_arr_add_strcpy(doc, both, identifier);
    yyjson_mut_arr_add_strcpy(doc, both, oauth_url(x, "userinfo"));
    return both;
}

const char *access_token_make(struct http_exchange *x, const struct token_signer *signer,
                              const struct access_token_claims *claims)
{
    const char *dialect = json_text(claims->api, "token_dialect");
    bool rfc9068 = dialect != NULL && strncmp(dialect, "rfc9068_profile", 15) == 0;
    yyjson_mut_doc *doc = claims_from(x->arena, claims->custom);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    int64_t now = clock_now();
    json_set_text(doc, root, "iss", tenant_of(x)->config->issuer);
    json_set_text(doc, root, "sub", claims->subject);
    json_set(doc, root, "aud", audience_of(x, doc, claims, claims->userinfo && signer->secret == NULL));
    json_set_int(doc, root, "iat", now);
    json_set_int(doc, root, "exp", now + access_token_seconds(claims->api));
    if (claims->scope != NULL && *claims->scope != '\0')
        json_set_text(doc, root, "scope", claims->scope);
    if (rfc9068) {
        json_set_text(doc, root, "client_id", claims->client_id);
        json_set_text(doc, root, "jti", random_text(x->arena, RANDOM_ALPHANUMERIC, 22));
    } else {
        json_set_text(doc, root, "gty", claims->gty);
        json_set_text(doc, root, "azp", claims->client_id);
    }
    if (signer->secret != NULL)
        return jwt_sign_hs256(x->arena, bytes_of_text(signer->secret), root);
    return jwt_sign_rs256(x->arena, signer->key, rfc9068 ? "at+jwt" : "JWT", root);
}
