/*
 * Authorization codes (RFC 6749 section 4.1): random, stored hashed, good for 60 seconds and one try. A try that fails
 * spends the code like one that succeeds; using a spent code ends the opaque tokens that it gave (known-faults A16).
 */
#ifndef COUNTERSIGN_OAUTH_CODE_H
#define COUNTERSIGN_OAUTH_CODE_H

#include "store/db.h"
#include "json/json.h"

/*
 * Makes a code for the client; `grant` is an object that comes back when it is redeemed, in which redirect_uri and
 * code_challenge are checked then. *code lives in the arena.
 */
enum db_result authorization_code_issue(struct db_tx *tx, struct arena *arena, const char *client_id,
                                        yyjson_mut_doc *grant, const char **code) NODISCARD;

enum code_fault {
    CODE_FINE = 0,
    CODE_INVALID = 1,  /* unknown, expired, or another client's */
    CODE_REPLAYED = 2, /* spent before; what it gave is revoked now */
    CODE_WRONG_VERIFIER =
        3, /* missing, wrong, or sent though no challenge was made (RFC 7636, RFC 9700 section 2.1.1) */
    CODE_WRONG_REDIRECT = 4,
    CODE_FAILED = 5, /* the store */
};

/* What a client sends to redeem a code; redirect_uri and verifier may be NULL. */
struct code_try {
    const char *code;
    const char *client_id;
    const char *redirect_uri;
    const char *verifier;
};

/*
 * Spends the code within the write; the caller commits, whatever is returned but CODE_FAILED. *grant is the stored object,
 * also after a fault where one was found, for the log; *code_hash names the code in what is issued for it.
 */
enum code_fault authorization_code_redeem(struct db_tx *tx, struct arena *arena,
                                          const struct code_try *attempt, yyjson_val **grant,
                                          const char **code_hash) NODISCARD;

/* BASE64URL(SHA256(verifier)) (RFC 7636 section 4.2). */
const char *code_challenge_of(struct arena *arena, const char *verifier) NODISCARD;

#endif
