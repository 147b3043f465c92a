/*
 * The tokens of the browser widget's protocol (auth0-guardian-js), all JWTs with the claim `txid`: what opens a page's
 * transaction, what its calls carry, and what its result is signed by. The first two only this server reads (HS256, a key for
 * each kind); the last is by the tenant's key, which the JWKS publishes.
 */
#ifndef COUNTERSIGN_MFA_BROWSER_TOKEN_H
#define COUNTERSIGN_MFA_BROWSER_TOKEN_H

#include "store/mfa_transactions.h"
#include "tenant/tenant.h"

enum browser_token {
    BROWSER_TOKEN_REQUEST = 0,     /* a page was given: opens the transaction, as often as it is loaded */
    BROWSER_TOKEN_TRANSACTION = 1, /* start-flow gave: every other call */
    BROWSER_TOKEN_SIGNATURE =
        2 /* the accepted transaction's, for the login server; enrolment-only ones it refuses */
};

enum { BROWSER_SIGNATURE_S = 60 };

/* For the transaction, until its end or, a signature, for a minute. NULL where the store or the signing fails. */
const char *browser_token_make(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                               enum browser_token kind, const struct mfa_transaction *transaction,
                               int64_t now_ms) NODISCARD;

enum browser_token_fault {
    BROWSER_TOKEN_FINE = 0,
    BROWSER_TOKEN_INVALID = 1,
    BROWSER_TOKEN_EXPIRED = 2,
};

/* Its transaction's id into *txid. */
enum browser_token_fault browser_token_read(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                            enum browser_token kind, const char *token, int64_t now_ms,
                                            const char **txid) NODISCARD;

#endif
