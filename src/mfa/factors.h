/* The factors, and what they share; for the files of this folder. */
#ifndef COUNTERSIGN_MFA_FACTORS_H
#define COUNTERSIGN_MFA_FACTORS_H

#include "mfa/mfa.h"

extern const struct factor push_factor;
extern const struct factor otp_factor;
extern const struct factor sms_factor;
extern const struct factor recovery_factor;

/* How apps on a phone name this account: its address or name. */
const char *factor_account(const struct user *user) NODISCARD;

/* A seed for one-time codes, in the arena; and whether `code` is one of that authenticator's seed, which spends its step. */
struct bytes factor_new_seed(struct arena *arena) NODISCARD;
enum factor_result factor_use_totp(struct factor_call *call, struct db_tx *tx,
                                   const struct authenticator *authenticator, const char *code) NODISCARD;

/* The members of an authentication method that all factors have. */
yyjson_mut_val *factor_describe(const struct authenticator *authenticator, struct arena *arena,
                                yyjson_mut_doc *doc) NODISCARD;

/* Makes a recovery code for a user who has none, within the write; *code is shown once. */
enum factor_result recovery_code_create(struct factor_call *call, struct db_tx *tx,
                                        const char **code) NODISCARD;

/* The text message with that code, by the operator's template or our own; runs a script worker, so never within a write. */
const char *sms_text(struct factor_call *call, bool enrolling, const char *code, const char *friendly_name,
                     const char *custom_template) NODISCARD;

/* Locks the user's row for the rest of the write: whatever changes a user's factors happens one after the other. */
enum db_result mfa_lock_user(struct db_tx *tx, struct arena *arena, const char *user_id) NODISCARD;
/* Makes user.multifactor say what the authenticators say. */
enum db_result mfa_sync_user(struct db_tx *tx, struct arena *arena, const char *user_id, bool enrolled,
                             int64_t now) NODISCARD;

/* One log entry about a factor; `authenticator` and `reason` may be NULL. */
void mfa_log(struct tenant *tenant, struct arena *arena, const struct http_exchange *x, const char *type,
             const char *description, const char *user_id, const struct authenticator *authenticator,
             const char *reason);

#endif
