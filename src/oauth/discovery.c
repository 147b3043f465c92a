/* GET /.well-known/openid-configuration and oauth-authorization-server (OpenID Connect Discovery, RFC 8414). */
#include "oauth/endpoints.h"

#include "oauth/oauth.h"

/* Lists in Auth0's order; only what this server does is in them. */
static const char *const scopes[] = {"openid",     "profile", "name",           "given_name", "family_name",
                                     "nickname",   "email",   "email_verified", "picture",    "created_at",
                                     "identities", "phone",   "address"};
static const char *const response_types[] = {"code"};
/* As Auth0 says it; plain is refused all the same (authorize_request.c), as RFC 9700 would have it. */
static const char *const challenge_methods[] = {"S256", "plain"};
static const char *const response_modes[] = {"query", "fragment", "form_post"};
static const char *const subject_types[] = {"public"};
static const char *const auth_methods[] = {"client_secret_basic", "client_secret_post"};
static const char *const claims[] = {
    "aud", "auth_time",  "created_at", "email", "email_verified", "exp",          "family_name", "given_name",
    "iat", "identities", "iss",        "name",  "nickname",       "phone_number", "picture",     "sub"};
static const char *const delivery_modes[] = {"poll"};
static const char *const signing_algorithms[] = {"HS256", "RS256"};

static void add_list(yyjson_mut_doc *doc, const char *name, const char *const *items, size_t count)
{
    yyjson_mut_val *list = yyjson_mut_arr(doc);
    for (size_t i = 0; i < count; i++)
        yyjson_mut_arr_add_str(doc, list, items[i]);
    yyjson_mut_obj_add_val(doc, yyjson_mut_doc_get_root(doc), name, list);
}

static void add_url(struct http_exchange *x, yyjson_mut_doc *doc, const char *name, const char *path)
{
    yyjson_mut_obj_add_str(doc, yyjson_mut_doc_get_root(doc), name, oauth_url(x, path));
}

void endpoint_discovery(struct http_exchange *x)
{
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    add_url(x, doc, "issuer", "");
    add_url(x, doc, "authorization_endpoint", "authorize");
    add_url(x, doc, "token_endpoint", "oauth/token");
    add_url(x, doc, "userinfo_endpoint", "userinfo");
    add_url(x, doc, "mfa_challenge_endpoint", "mfa/challenge");
    add_url(x, doc, "jwks_uri", ".well-known/jwks.json");
    add_list(doc, "scopes_supported", scopes, ARRAY_LENGTH(scopes));
    add_list(doc, "response_types_supported", response_types, ARRAY_LENGTH(response_types));
    add_list(doc, "code_challenge_methods_supported", challenge_methods, ARRAY_LENGTH(challenge_methods));
    add_list(doc, "response_modes_supported", response_modes, ARRAY_LENGTH(response_modes));
    add_list(doc, "subject_types_supported", subject_types, ARRAY_LENGTH(subject_types));
    add_list(doc, "token_endpoint_auth_methods_supported", auth_methods, ARRAY_LENGTH(auth_methods));
    add_list(doc, "claims_supported", claims, ARRAY_LENGTH(claims));
    yyjson_mut_obj_add_bool(doc, root, "request_uri_parameter_supported", false);
    yyjson_mut_obj_add_bool(doc, root, "request_parameter_supported", false);
    add_list(doc, "id_token_signing_alg_values_supported", signing_algorithms,
             ARRAY_LENGTH(signing_algorithms));
    add_url(x, doc, "end_session_endpoint", "oidc/logout");
    add_url(x, doc, "backchannel_authentication_endpoint", "bc-authorize");
    add_list(doc, "backchannel_token_delivery_modes_supported", delivery_modes, ARRAY_LENGTH(delivery_modes));
    http_reply_json(x, 200, doc);
    http_set_header(x, "Cache-Control",
                    "public, max-age=15, stale-while-revalidate=15, stale-if-error=86400");
    http_set_header(x, "Access-Control-Allow-Origin", "*");
}
