/* A request to /oauth/token: its form, read and checked for all grants alike, and the client that proved itself. */
#ifndef COUNTERSIGN_OAUTH_TOKEN_REQUEST_H
#define COUNTERSIGN_OAUTH_TOKEN_REQUEST_H

#include "oauth/oauth.h"

struct token_request {
    struct http_exchange *x;
    struct http_pairs form;
    const char *grant_type;
    const char *scope; /* words between spaces, also where an array was sent; NULL: not sent */
    struct client client;
};

/* Reads the form, whose grant_type must be there; false where the answer is made. */
bool token_request_read(struct http_exchange *x, struct token_request *request) NODISCARD;
/* The same for another endpoint that clients prove themselves at: without a grant_type. */
bool token_request_read_form(struct http_exchange *x, struct token_request *request) NODISCARD;

/*
 * Finds the client and checks its proof: client_secret_post, client_secret_basic, or none for public clients. False where
 * the answer is made: 401 access_denied "Unauthorized", the same for an unknown client and a wrong secret.
 */
bool token_request_authenticate(struct token_request *request, struct db_tx *tx) NODISCARD;

/* A parameter that the grant cannot do without; NULL where the answer is made: 400 "Missing required parameter: NAME". */
const char *token_request_need(struct token_request *request, const char *name) NODISCARD;

/* Whether the client's grant_types hold this grant; false where the answer is made: 403 unauthorized_client. */
bool token_request_allowed(struct token_request *request) NODISCARD;

/* Refuses with an error, and logs it under `type` ("feccft", "feacft") for `user_id`, which may be NULL. */
void token_request_refuse(struct token_request *request, const char *type, int status, const char *error,
                          const char *description, const char *user_id);

/* A token reply with its first members; the caller may add more and answers with http_reply_json. */
struct token_reply {
    const char *access_token;
    const char *id_token; /* NULL: none */
    const char *scope;    /* NULL or "": none */
    int64_t expires_in;
    const char *recovery_code; /* the next one, where this one's was used; NULL: none */
};
void token_request_reply(struct token_request *request, const struct token_reply *reply);

/* --- grants, one file each; each always answers --- */

void grant_client_credentials(struct token_request *request);
void grant_authorization_code(struct token_request *request);
void grant_password(struct token_request *request);
void grant_password_realm(struct token_request *request);
void grant_ciba(struct token_request *request);
void grant_mfa_otp(struct token_request *request);
void grant_mfa_oob(struct token_request *request);
void grant_mfa_recovery_code(struct token_request *request);

#endif
