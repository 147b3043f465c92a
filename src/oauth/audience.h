/* The API that a token is asked for in a person's name, and what of the wished scopes it can hold. */
#ifndef COUNTERSIGN_OAUTH_AUDIENCE_H
#define COUNTERSIGN_OAUTH_AUDIENCE_H

#include "oauth/oauth.h"

/* What tokens of the MFA API's audience may say (Auth0: "Manage Authentication Factors with MFA API"). */
extern const char mfa_api_scopes[];

/* The API with that identifier; the MFA API (ISSUER/mfa/) is built in and stands in no store. */
enum db_result api_by_identifier(struct http_exchange *x, struct db_tx *tx, const char *identifier,
                                 yyjson_val **api) NODISCARD;

/* Whether that audience is this server's MFA API; `audience` may be NULL. */
bool audience_is_mfa(const struct http_exchange *x, const char *audience) NODISCARD;

enum audience_verdict {
    AUDIENCE_FINE = 0,
    AUDIENCE_UNKNOWN = 1,   /* no such API */
    AUDIENCE_FORBIDDEN = 2, /* the API does not let this client ask (subject_type_authorization.user) */
    AUDIENCE_FAILED = 3,    /* the store */
};

struct audience_wish {
    const struct client *client;
    const char *asked; /* the parameter audience, or resource; NULL: the tenant's default */
    const char *scope; /* asked for; may be NULL */
    /* Filled in. */
    const char *audience; /* NULL: a token for /userinfo alone */
    yyjson_val *api;      /* NULL with it */
    const char *granted;  /* the scopes that a login can grant */
};

/* Settles the wish. `audience` is filled in whatever the verdict, for the message. */
enum audience_verdict audience_settle(struct http_exchange *x, struct db_tx *tx,
                                      struct audience_wish *wish) NODISCARD;

#endif
