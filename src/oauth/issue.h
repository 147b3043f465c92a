/* Tokens out of a grant: what a login left to be issued, whether a code, a password or a second factor redeems it. */
#ifndef COUNTERSIGN_OAUTH_ISSUE_H
#define COUNTERSIGN_OAUTH_ISSUE_H

#include "oauth/token_request.h"
#include "oauth/tokens.h"
#include "store/users.h"

/*
 * Members of a grant: user_id, scope, audience (absent: for /userinfo alone), session_id, nonce, auth_time, acr, multifactor,
 * id_token_seconds, profile (the standard claims), id_token and access_token (the rules' claims).
 */
struct issue {
    yyjson_val *grant;
    const char *gty;           /* of the access token; NULL: none */
    const char *recovery_code; /* a member of the reply; NULL: none */
    /* Filled in by issue_read. */
    yyjson_val *api; /* NULL: the token is for /userinfo alone */
    struct user user;
    struct token_signer signer;
    const char *opaque_token;
};

/*
 * Reads what the tokens are made of, within the write that redeems the grant; stores the opaque token where there is to be
 * one, under `code_hash` (NULL: no code). DB_NOT_FOUND: the user or the API is gone.
 */
enum db_result issue_read(struct token_request *request, struct db_tx *tx, struct issue *issue,
                          const char *code_hash) NODISCARD;

/* Signs the tokens and answers, with a log entry of that type. */
void issue_reply(struct token_request *request, const struct issue *issue, const char *log_type);

/* Counts a login in the user's document (last_login, last_ip, logins_count), within the write that ends it well. */
enum db_result login_count(const struct http_exchange *x, struct db_tx *tx, const char *user_id) NODISCARD;

#endif
