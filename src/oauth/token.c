/* POST /oauth/token (RFC 6749 section 3.2): which grant answers. */
#include "oauth/endpoints.h"

#include "oauth/token_request.h"

#include <string.h>

static const struct {
    const char *type;
    void (*answer)(struct token_request *request);
} grants[] = {
    {"client_credentials", grant_client_credentials},
    {"authorization_code", grant_authorization_code},
    {"password", grant_password},
    {"http://auth0.com/oauth/grant-type/password-realm", grant_password_realm},
    {"urn:openid:params:grant-type:ciba", grant_ciba},
    {"http://auth0.com/oauth/grant-type/mfa-otp", grant_mfa_otp},
    {"http://auth0.com/oauth/grant-type/mfa-oob", grant_mfa_oob},
    {"http://auth0.com/oauth/grant-type/mfa-recovery-code", grant_mfa_recovery_code},
};

void endpoint_token(struct http_exchange *x)
{
    struct token_request request;
    if (!token_request_read(x, &request))
        return;
    for (size_t i = 0; i < ARRAY_LENGTH(grants); i++) {
        if (strcmp(request.grant_type, grants[i].type) == 0) {
            grants[i].answer(&request);
            return;
        }
    }
    oauth_fail(x, 400, "unsupported_grant_type",
               arena_printf(x->arena, "Unsupported grant type: %s", request.grant_type));
}
