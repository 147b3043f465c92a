/*
 * One second factor that a browser widget on an operator's page asks for: of a login, or of an enrolment ticket. Its id names
 * it in tokens and is no secret.
 *
 * Members of doc:
 *   login      hash of the login transaction that it is part of; or
 *   ticket     hash of the enrolment ticket that opened it
 *   provider   that a rule named, of a login
 *   factor     the one factor that a ticket is for; additional: an enrolled user may add one
 *   device     the id that the browser knows the enrolment under way by
 *   otp        the pending one-time-code authenticator; push, phone_ticket: the pending push one, and its ticket sealed
 *   sms        the authenticator that a code was sent to last
 *   recovery   the recovery code that the page shows when the enrolment is complete, sealed
 *   method     of the factor that was passed, since accepted_at: "push", "otp", "sms", "recovery-code"
 *   enrolled   whether it was passed by enrolling
 *   rejected_at, rejected_seen_at   a push that was refused, and when the browser was first told
 */
#ifndef COUNTERSIGN_STORE_MFA_TRANSACTIONS_H
#define COUNTERSIGN_STORE_MFA_TRANSACTIONS_H

#include "store/db.h"
#include "json/json.h"

enum { MFA_TRANSACTION_MS = 600 * 1000 };

struct mfa_transaction {
    const char *id; /* "tx_…" */
    const char *user_id;
    yyjson_mut_doc *doc;
    yyjson_mut_val *root; /* doc's object */
    int64_t version;      /* 0: not stored yet */
    int64_t created_at;
    int64_t expires_at; /* ms */
};

/* DB_NOT_FOUND also where it has expired. */
enum db_result mfa_transaction_by_id(struct db_tx *tx, struct arena *arena, const char *id, int64_t now,
                                     struct mfa_transaction *out) NODISCARD;
/* Stores it; a new one takes the place of an expired one of its id. DB_CONFLICT: another request was faster. */
enum db_result mfa_transaction_save(struct db_tx *tx, struct arena *arena,
                                    struct mfa_transaction *transaction) NODISCARD;
/* Ends it, once: DB_NOT_FOUND where another request did, or moved it. */
enum db_result mfa_transaction_finish(struct db_tx *tx, const struct mfa_transaction *transaction) NODISCARD;

#endif
