/*
 * Multi-factor authentication as the login pages, the MFA API, the tickets and the Management API see it:
 * every try passes here, so limits, failure counts and log events hold for all factors by construction.
 */
#ifndef COUNTERSIGN_MFA_MFA_H
#define COUNTERSIGN_MFA_MFA_H

#include "mfa/factor.h"

/* The tenant's MFA settings, read once for a request. */
struct mfa_settings {
    bool enabled[16];            /* by index in `factors` */
    bool duo;                    /* the factor of that name is on; it is not among `factors` */
    bool policy_always;          /* policies hold "all-applications" */
    bool show_remember_checkbox; /* guardian/settings */
    bool remember_default;
    int64_t remember_idle_s;
    int64_t remember_overall_s;
    unsigned phone_code_digits;
    int64_t phone_code_lifetime_s;
    bool push_number_required; /* only phones that ask for the login page's number are asked */
    bool push_block_reported;  /* a person who reports a login is blocked */
};
enum db_result mfa_settings_read(struct db_tx *tx, struct arena *arena,
                                 struct mfa_settings *settings) NODISCARD;
bool mfa_factor_enabled(const struct mfa_settings *settings, const char *name) NODISCARD;

/* What a login of this user can use, given the provider that a rule named (../protocol/rules.md section 8).
 */
struct mfa_choice {
    struct authenticator *enrolled; /* confirmed and usable, best first; recovery codes last */
    size_t enrolled_count;
    const struct factor **enrollable;
    size_t enrollable_count;
};
enum db_result mfa_choice_read(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                               const struct mfa_settings *settings, const char *user_id, const char *provider,
                               struct mfa_choice *choice) NODISCARD;
/* Whether the user has a confirmed factor that counts. */
enum db_result mfa_is_enrolled(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                               const char *user_id, bool *enrolled) NODISCARD;

/* Begins an enrolment: log gd_start_enroll; SMS sends its code (limits, gd_send_sms or its _failure). */
enum factor_result mfa_enroll(struct factor_call *call, const struct factor *factor, const char *phone,
                              struct enrollment_offer *offer, int64_t *retry_ms) NODISCARD;

/* The offer of a pending authenticator once more, for a page that is loaded again; FACTOR_NOT_ENROLLED where it is not
 * pending (any more). */
enum factor_result mfa_resume(struct factor_call *call, const char *authenticator_id,
                              struct enrollment_offer *offer) NODISCARD;
/* Sends the code of a pending one again. */
enum factor_result mfa_enroll_again(struct factor_call *call, const char *authenticator_id,
                                    int64_t *retry_ms) NODISCARD;

/*
 * Confirms it: in one write the authenticator is confirmed, the ticket spent (`ticket_hash`, or NULL),
 * sibling tickets voided, user.multifactor set, and, where the recovery-code factor is on and the user has
 * none, a recovery code made
 * (*recovery_code, shown once; else NULL). Log gd_enrollment_complete.
 */
enum factor_result mfa_confirm(struct factor_call *call, const char *authenticator_id, const char *code,
                               const char *ticket_hash, const char **recovery_code,
                               int64_t *retry_ms) NODISCARD;

/*
 * Takes what a phone has confirmed elsewhere (mfa/push.h) for whoever began it: in one write call->on_success, and the
 * recovery code that page_shows_recovery_code had left to it (*recovery_code; NULL: none is due). FACTOR_PENDING: not
 * confirmed yet; FACTOR_NOT_ENROLLED: it is gone.
 */
enum factor_result mfa_take_enrollment(struct factor_call *call, const char *authenticator_id,
                                       const char **recovery_code) NODISCARD;

/* Sends or readies a challenge: limits on messages, gd_start_auth, gd_send_sms. */
enum factor_result mfa_challenge(struct factor_call *call, const struct authenticator *authenticator,
                                 int64_t *retry_ms) NODISCARD;

/*
 * Checks a code once. A failure costs one of the user's tries (10, one back every 6 minutes, whatever the
 * factor); none left gives FACTOR_TOO_MANY without looking at the code, and so does the failure that takes the last one: the caller then ends the
 * login transaction or mfa_token (known-faults C3). gd_auth_succeed, gd_auth_failed,
 * gd_recovery_*. `code` NULL takes a phone's approval (mfa/push.h): FACTOR_PENDING or FACTOR_REJECTED where there is none.
 */
enum factor_result mfa_verify(struct factor_call *call, const struct authenticator *authenticator,
                              const char *code, const char **next_recovery_code, int64_t *retry_ms) NODISCARD;

/* Removes factors; keeps user.multifactor right; gd_unenroll. A removed last factor takes the recovery code
 * along. */
enum db_result mfa_remove(struct tenant *tenant, struct db_tx *tx, struct arena *arena, const char *user_id,
                          const char *authenticator_id) NODISCARD;
enum db_result mfa_remove_all(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                              const char *user_id) NODISCARD;
/* A new recovery code in place of the old one. DB_NOT_FOUND where the user is not enrolled. */
enum db_result mfa_regenerate_recovery_code(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                            const char *user_id, const char **code) NODISCARD;

/*
 * For who waited for a phone to be enrolled and showed the recovery code itself (factor_call.page_shows_recovery_code): makes
 * call->announced_code count, within the write that goes on. Nothing where none was announced, or the user has one.
 */
enum factor_result mfa_settle_recovery_code(struct factor_call *call, struct db_tx *tx) NODISCARD;

/* A recovery code that nobody has yet: for factor_call.announced_code. */
const char *recovery_code_invent(struct arena *arena) NODISCARD;

/* Masks as Auth0 shows them: "XXXXXXXX4567" and "chuc****@exam*******". */
char *mask_phone(struct arena *arena, const char *phone) NODISCARD;
char *mask_email(struct arena *arena, const char *email) NODISCARD;

/* E.164 or NULL: needs the + and a country code (known-faults A5); spaces, dashes, dots and brackets are
 * taken out. */
char *phone_e164(struct arena *arena, const char *typed) NODISCARD;

#endif
