/* ID tokens (OpenID Connect Core section 2) and access tokens, as Auth0 makes them: which claims, in which order. */
#ifndef COUNTERSIGN_OAUTH_TOKENS_H
#define COUNTERSIGN_OAUTH_TOKENS_H

#include "http/exchange.h"
#include "store/clients.h"
#include "tenant/tenant.h"

/* Lifetime, in seconds, of an opaque token, which is good for /userinfo alone. */
enum { OPAQUE_TOKEN_SECONDS = 86400 };

struct id_token_claims {
    const struct client *client;
    const char *user_id;
    const char *session_id;
    const char *nonce;    /* NULL: none */
    int64_t auth_time;    /* seconds; 0 leaves the claim out */
    int64_t seconds;      /* lifetime that a rule wished; 0: as the client has it */
    const char *acr;      /* NULL: none */
    bool multifactor;     /* amr is ["mfa"] */
    yyjson_val *standard; /* claims picked by standard_claims_add; may be NULL */
    yyjson_val *custom;   /* the rules' claims; may be NULL */
};

/* A signed ID token, by the client's algorithm (RS256, or HS256 with its secret). NULL where signing fails. */
const char *id_token_make(struct http_exchange *x, const struct signing_key *key,
                          const struct id_token_claims *claims) NODISCARD;

/* What signs the tokens of an API: the tenant's key, or a secret that the API shares (signing_alg HS256). */
struct token_signer {
    const struct signing_key *key;
    const char *secret; /* NULL: the key signs */
};

/* Finds what signs for `api` (NULL: the tenant's key). DB_FAILED also where an HS256 API has no secret. */
enum db_result token_signer_read(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                 yyjson_val *api, struct token_signer *signer) NODISCARD;

struct access_token_claims {
    yyjson_val *api; /* the resource server's document */
    const char *client_id;
    const char *subject;
    const char *scope;  /* NULL or "": no scope claim */
    const char *gty;    /* "client-credentials", or NULL */
    bool userinfo;      /* the audience holds /userinfo too, if the key signs: /userinfo cannot read others */
    yyjson_val *custom; /* the rules' claims; may be NULL */
};

/* A signed access token for an API. NULL where signing fails. */
const char *access_token_make(struct http_exchange *x, const struct token_signer *signer,
                              const struct access_token_claims *claims) NODISCARD;

/* The lifetime of access tokens for that API, in seconds. */
int64_t access_token_seconds(yyjson_val *api) NODISCARD;

/* Adds to `object` the standard claims of `profile` that `scope` opens, in Auth0's order, but for those that are there. */
void standard_claims_add(yyjson_mut_doc *doc, yyjson_mut_val *object, yyjson_val *profile, const char *scope);

/* Adds the members of `more` (may be NULL) whose names `object` does not have yet. */
void object_add_missing(yyjson_mut_doc *doc, yyjson_mut_val *object, yyjson_val *more);

#endif
