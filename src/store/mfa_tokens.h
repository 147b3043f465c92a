/*
 * What the MFA API keeps between its calls: mfa_tokens (random, stored hashed, good for 600 seconds and one success), and the
 * oob_codes that were given out for them.
 *
 * Members of an mfa_token's doc:
 *   grant      what its success redeems (oauth/issue.h)
 *   provider   that a rule named, else "any"
 *   otp, sms   the pending authenticators that it has begun to enrol
 *   recovery   the recovery code that was shown with the first of them, sealed
 */
#ifndef COUNTERSIGN_STORE_MFA_TOKENS_H
#define COUNTERSIGN_STORE_MFA_TOKENS_H

#include "store/db.h"
#include "json/json.h"

enum { MFA_TOKEN_MS = 600 * 1000, OOB_CODE_MS = 300 * 1000 };

struct mfa_token {
    const char *hash;
    const char *user_id;
    const char *client_id;
    yyjson_mut_doc *doc;
    yyjson_mut_val *root; /* doc's object */
    int64_t version;      /* 0: not stored yet */
    int64_t created_at;
    int64_t expires_at; /* ms; the row stays for a while, so that an answer can say so */
    int64_t ended_at;   /* 0: not yet */
};

/* By the token's hash, expired and ended ones too. */
enum db_result mfa_token_by_hash(struct db_tx *tx, struct arena *arena, const char *hash,
                                 struct mfa_token *out) NODISCARD;
/* Stores it; DB_CONFLICT: another request was faster. */
enum db_result mfa_token_save(struct db_tx *tx, struct arena *arena, struct mfa_token *token) NODISCARD;
/* Ends it, once: DB_CONFLICT where it was ended before. */
enum db_result mfa_token_end(struct db_tx *tx, const char *hash, int64_t now) NODISCARD;

struct oob_code {
    const char *token_hash; /* of the mfa_token that it was given for */
    const char *user_id;
    const char *authenticator_id;
    const char
        *challenge_id; /* of a phone that was asked; NULL: a message was sent, or a phone is being enrolled */
    int64_t created_at;
    int64_t expires_at; /* ms */
};
enum db_result oob_code_insert(struct db_tx *tx, const char *code_hash,
                               const struct oob_code *code) NODISCARD;
/* Takes it, once: DB_CONFLICT where it is gone. */
enum db_result oob_code_spend(struct db_tx *tx, const char *code_hash) NODISCARD;
/* Expired ones too. */
enum db_result oob_code_by_hash(struct db_tx *tx, struct arena *arena, const char *code_hash,
                                struct oob_code *out) NODISCARD;

#endif
