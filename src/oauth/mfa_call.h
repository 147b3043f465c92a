/*
 * What the calls of the MFA API share: the token that each one brings, its user and their factors, and the errors. A token is
 * an mfa_token, which the password grants gave, or an access token whose audience is ISSUER/mfa/.
 */
#ifndef COUNTERSIGN_OAUTH_MFA_CALL_H
#define COUNTERSIGN_OAUTH_MFA_CALL_H

#include "mfa/mfa.h"
#include "oauth/issue.h"
#include "store/mfa_tokens.h"

struct mfa_call {
    struct http_exchange *x;
    struct tenant *tenant;
    struct arena *arena;
    int64_t now; /* ms */

    bool is_access_token;
    const char *scope; /* of an access token */
    struct mfa_token token;
    struct client client; /* that the token was issued to */
    struct user user;
    struct mfa_settings settings;
    struct mfa_choice choice;
    struct authenticator *all; /* pending ones too */
    size_t all_count;
    struct factor_call factor;
    struct push_request push; /* what a phone shows */

    /* Of a grant. */
    struct token_request *request;
    struct issue issue;
    const char *oob_code_hash; /* that its success takes; NULL: none */
};

/* Opens the call by the token; false where the answer is made. */
bool mfa_call_open(struct http_exchange *x, const char *token, struct mfa_call *call) NODISCARD;

/*
 * Opens it by the Bearer token of the Authorization header. Access tokens must have `scope`; an mfa_token will do where
 * `takes_mfa_token`. False where the answer is made.
 */
bool mfa_call_open_bearer(struct http_exchange *x, const char *scope, bool takes_mfa_token,
                          struct mfa_call *call) NODISCARD;

/*
 * Opens it by the form's mfa_token, which must be of the client that proved itself: for /mfa/challenge and, with a grant_type,
 * the grants. False where the answer is made.
 */
bool mfa_call_open_form(struct token_request *request, struct mfa_call *call) NODISCARD;

/* Changes the token's document in a write of its own; `change` may run more than once. False where the answer is made. */
typedef enum db_result (*mfa_call_change)(struct mfa_call *call, struct db_tx *tx, const void *context);
bool mfa_call_store(struct mfa_call *call, mfa_call_change change, const void *context) NODISCARD;

/*
 * A new oob_code for that authenticator, stored within the write; `challenge_id` is the question to a phone, or NULL. NULL
 * where the store fails.
 */
const char *oob_code_make(struct mfa_call *call, struct db_tx *tx, const char *authenticator_id,
                          const char *challenge_id) NODISCARD;

/* The recovery code that was shown by this token; NULL: none. And keeps it, in the document. */
const char *mfa_call_recovery_code(struct mfa_call *call) NODISCARD;
void mfa_call_keep_recovery_code(struct mfa_call *call, const char *code);

/* How the MFA API names an authenticator: "totp|dev_…", "sms|dev_…"; and its kind: "otp", "phone", "push-notification". */
const char *mfa_api_id(struct arena *arena, const struct authenticator *authenticator) NODISCARD;
const char *mfa_api_type(const char *kind) NODISCARD;
/* The name of the one-time codes that a phone makes beside its answers, where that factor is on; else NULL. */
const char *mfa_api_twin_id(const struct mfa_call *call, const struct authenticator *authenticator) NODISCARD;
/* Whether `id` is either name of that authenticator. */
bool mfa_api_is_named(const struct mfa_call *call, const struct authenticator *authenticator,
                      const char *id) NODISCARD;

/*
 * Answers for a factor's refusal; `wrong` describes a wrong code. With FACTOR_TOO_MANY the mfa_token has ended (known-faults
 * C3).
 */
void mfa_call_refuse(struct mfa_call *call, enum factor_result result, int64_t retry_ms, const char *wrong);

#endif
