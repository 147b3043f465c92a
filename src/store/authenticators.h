/* Second factors of users, the codes sent to them, and the tickets by which they enrol. */
#ifndef COUNTERSIGN_STORE_AUTHENTICATORS_H
#define COUNTERSIGN_STORE_AUTHENTICATORS_H

#include "crypto/keyring.h"
#include "store/db.h"
#include "json/json.h"

struct authenticator {
    const char *id; /* "dev_" + 16 alphanumerics */
    const char *user_id;
    const char *kind; /* "otp", "phone", "push", "recovery-code" */
    bool confirmed;
    struct bytes secret; /* the opened one-time-code seed; empty where it has none */
    int64_t last_step;
    yyjson_val *doc; /* phone: {"phone_number"}; push: see mfa/push.h; otp: {}; names, preferred method */
    int64_t version;
    int64_t created_at;
    int64_t confirmed_at; /* 0 where pending */
    int64_t last_auth_at; /* 0 where never */
};

/* All of a user, oldest first, pending ones too. */
enum db_result authenticators_of_user(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                                      const char *user_id, struct authenticator **list,
                                      size_t *count) NODISCARD;
enum db_result authenticator_by_id(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                                   const char *id, struct authenticator *out) NODISCARD;
/* The one of that kind whose code_hash this is: of a phone, its ticket while it is pending, then its device token. */
enum db_result authenticator_by_code(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                                     const char *kind, const char *code_hash,
                                     struct authenticator *out) NODISCARD;
/* Writes its document, where it still has that version; DB_CONFLICT where it does not. */
enum db_result authenticator_set_doc(struct db_tx *tx, const char *id, int64_t version,
                                     const char *doc) NODISCARD;
enum db_result authenticator_set_code(struct db_tx *tx, const char *id, const char *code_hash) NODISCARD;

/* A new pending one; `secret` may be empty, `code_hash` NULL. */
enum db_result authenticator_insert(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                                    const struct authenticator *authenticator,
                                    const char *code_hash) NODISCARD;
/* pending → confirmed, with the TOTP step that confirmed it; DB_NOT_FOUND where it is not pending (any more). */
enum db_result authenticator_confirm(struct db_tx *tx, const char *id, int64_t step, int64_t now) NODISCARD;
/* Accepts a TOTP step once: DB_NOT_FOUND where this or a later step was used already (RFC 6238 5.2). */
enum db_result authenticator_use_step(struct db_tx *tx, const char *id, int64_t step, int64_t now) NODISCARD;
enum db_result authenticator_touch(struct db_tx *tx, const char *id, int64_t now) NODISCARD;
/* Spends a recovery code and puts the next one in its place, in one statement; DB_NOT_FOUND where `code_hash` is not it. */
enum db_result authenticator_replace_code(struct db_tx *tx, const char *user_id, const char *code_hash,
                                          const char *next_hash, int64_t now) NODISCARD;
enum db_result authenticator_delete(struct db_tx *tx, const char *id) NODISCARD;
enum db_result authenticators_delete_pending(struct db_tx *tx, const char *user_id,
                                             const char *kind) NODISCARD;

struct challenge {
    const char *id;
    const char *authenticator_id;
    const char *user_id;
    const char *binding;
    const char *code_hash;
    int64_t created_at;
    int64_t expires_at;
};
enum db_result challenge_insert(struct db_tx *tx, const struct challenge *challenge) NODISCARD;
/* Voids all open challenges of that authenticator and binding (only the newest code works). */
enum db_result challenges_void(struct db_tx *tx, const char *authenticator_id, const char *binding,
                               int64_t now) NODISCARD;
/* Spends the open challenge whose code it is: DB_NOT_FOUND where there is none, it expired, or was spent by another. */
enum db_result challenge_use(struct db_tx *tx, const char *authenticator_id, const char *binding,
                             const char *code_hash, int64_t now) NODISCARD;
/* Whether the code is that of a challenge of this binding that has expired (for a truer message). */
enum db_result challenge_expired(struct db_tx *tx, struct arena *arena, const char *authenticator_id,
                                 const char *binding, const char *code_hash, int64_t now,
                                 bool *expired) NODISCARD;

struct enrollment_ticket {
    const char *id; /* a name for lists and revoking, not the secret */
    const char *user_id;
    yyjson_val *doc; /* email, send_mail, email_locale, factor, allow_multiple_enrollments */
    int64_t created_at;
    int64_t expires_at;
    int64_t used_at;   /* 0: not yet */
    int64_t voided_at; /* 0: not */
};
enum db_result enrollment_ticket_insert(struct db_tx *tx, const char *ticket,
                                        const struct enrollment_ticket *values, const char *doc) NODISCARD;
enum db_result enrollment_ticket_by_secret(struct db_tx *tx, struct arena *arena, const char *ticket,
                                           struct enrollment_ticket *out) NODISCARD;
/*
 * Spends the ticket (DB_NOT_FOUND: used, voided or expired) and, unless it allows multiple enrolments, voids every other
 * open ticket of its user. Called in the transaction that confirms the enrolment. Known-faults A6, A7.
 */
enum db_result enrollment_ticket_use(struct db_tx *tx, const char *ticket_hash, int64_t now) NODISCARD;
enum db_result enrollment_tickets_open(struct db_tx *tx, struct arena *arena, const char *user_id,
                                       int64_t now, struct enrollment_ticket **list, size_t *count) NODISCARD;
enum db_result enrollment_ticket_void(struct db_tx *tx, const char *id, int64_t now) NODISCARD;

#endif
