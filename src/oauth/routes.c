#include "oauth/routes.h"

#include "oauth/endpoints.h"

#include <string.h>

static const struct http_route routes[] = {
    {"GET", "/.well-known/openid-configuration", endpoint_discovery, HTTP_ON_LOOP | HTTP_CORS, "discovery"},
    {"GET", "/.well-known/oauth-authorization-server", endpoint_discovery, HTTP_ON_LOOP | HTTP_CORS,
     "discovery"},
    {"GET", "/.well-known/jwks.json", endpoint_jwks, HTTP_CORS, "jwks"},
    {"GET", "/pem", endpoint_certificate_pem, 0, "certificate"},
    {"GET", "/rawpem", endpoint_certificate_pem, 0, "certificate"},
    {"GET", "/cer", endpoint_certificate_der, 0, "certificate"},
    {"GET", "/pb7", endpoint_certificate_pkcs7, 0, "certificate"},
    {"GET", "/authorize", endpoint_authorize, 0, "authorize"},
    {"POST", "/authorize", endpoint_authorize, 0, "authorize"},
    {"GET", "/authorize/resume", endpoint_resume, 0, "resume"},
    {"GET", "/continue", endpoint_continue, 0, "continue"},
    {"POST", "/continue", endpoint_continue, 0, "continue"},
    {"POST", "/oauth/token", endpoint_token, HTTP_CORS, "token"},
    {"POST", "/bc-authorize", endpoint_bc_authorize, 0, "bc_authorize"},
    {"POST", "/mfa/associate", endpoint_mfa_associate, HTTP_CORS, "mfa_associate"},
    {"POST", "/mfa/challenge", endpoint_mfa_challenge, HTTP_CORS, "mfa_challenge"},
    {"GET", "/mfa/authenticators", endpoint_mfa_authenticators, HTTP_CORS, "mfa_authenticators"},
    {"DELETE", "/mfa/authenticators/{id}", endpoint_mfa_authenticator_delete, HTTP_CORS,
     "mfa_authenticators"},
    {"GET", "/userinfo", endpoint_userinfo, HTTP_CORS, "userinfo"},
    {"POST", "/userinfo", endpoint_userinfo, HTTP_CORS, "userinfo"},
    {"GET", "/v2/logout", endpoint_logout, 0, "logout"},
    {"GET", "/oidc/logout", endpoint_oidc_logout, 0, "logout"},
    {"POST", "/oidc/logout", endpoint_oidc_logout, 0, "logout"},
};

const struct http_routes oauth_routes = {.routes = routes, .count = ARRAY_LENGTH(routes)};

void oauth_cross_origin(struct http_exchange *x, const char *origin)
{
    if (strcmp(x->request.method, "OPTIONS") != 0)
        return;
    http_set_header(x, "Access-Control-Allow-Origin", origin);
    http_set_header(x, "Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS");
    http_set_header(x, "Access-Control-Allow-Headers",
                    "Content-Type, Authorization, Auth0-Client, DPoP, X-Request-Language");
    http_set_header(x, "Access-Control-Max-Age", "600");
}
