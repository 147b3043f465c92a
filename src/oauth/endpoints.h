/* The handlers of this folder's routes (routes.c): one file each. */
#ifndef COUNTERSIGN_OAUTH_ENDPOINTS_H
#define COUNTERSIGN_OAUTH_ENDPOINTS_H

#include "http/exchange.h"

void endpoint_discovery(struct http_exchange *x);
void endpoint_jwks(struct http_exchange *x);
void endpoint_certificate_pem(struct http_exchange *x);
void endpoint_certificate_der(struct http_exchange *x);
void endpoint_certificate_pkcs7(struct http_exchange *x);
void endpoint_authorize(struct http_exchange *x);
void endpoint_resume(struct http_exchange *x);
void endpoint_continue(struct http_exchange *x);
void endpoint_token(struct http_exchange *x);
void endpoint_bc_authorize(struct http_exchange *x);
void endpoint_mfa_associate(struct http_exchange *x);
void endpoint_mfa_challenge(struct http_exchange *x);
void endpoint_mfa_authenticators(struct http_exchange *x);
void endpoint_mfa_authenticator_delete(struct http_exchange *x);
void endpoint_userinfo(struct http_exchange *x);
void endpoint_logout(struct http_exchange *x);
void endpoint_oidc_logout(struct http_exchange *x);

#endif
