/* What the pages of second factors do alike, on top of login.h; for the files src/login/mfa_*.c. */
#ifndef COUNTERSIGN_LOGIN_MFA_H
#define COUNTERSIGN_LOGIN_MFA_H

#include "login/login.h"
#include "mfa/mfa.h"

/*
 * The member `mfa` of the transaction, as /authorize/resume (or an enrolment ticket) makes it and these pages change it:
 *   provider, allow_remember_browser, started_at, user_id    what is asked, since when, of whom
 *   done         the factor was passed, and a new recovery code kept
 *   selected     the authenticator that the person chose to be asked by
 *   challenged   the authenticator that a challenge was begun with: a page that is loaded again sends nothing
 *   enrolling    {"kind","id"} of the pending authenticator, so that a half-done enrolment goes on where it was
 *   view         "code" where the key is shown instead of the QR code
 *   recovery     {"sealed","screen"}: a recovery code that waits to be kept; the factor has been passed
 *   factor, additional    of a ticket: the one factor it is for, and whether an enrolled user may add one
 *   duo, duo_nonce    the credentials that a rule named (mfa/duo.h), sealed; what binds Duo's answer to this login
 *   waived       Duo could not be reached, and the operator lets logins go on without it
 *   widget       the transaction of the operator's own page (store/mfa_transactions.h)
 *   status       of a ticket's last page: "enrolled", …
 */
struct mfa_page {
    struct login_call login;
    yyjson_mut_doc *doc; /* the transaction's */
    yyjson_mut_val *mfa;
    struct user user;
    struct mfa_settings settings;
    struct mfa_choice choice;
    struct factor_call factor;
    bool is_ticket;
    bool has_own_page;           /* the operator's, see mfa_widget.c */
    bool remember;               /* this browser, once the factor is passed */
    const char *recovery_screen; /* the path where a recovery code that comes with the success is shown */
    int64_t loaded_version;      /* of the transaction */
    bool has_method;             /* "mfa" has been added to the transaction's methods */
};

/* A kind of authenticator, as its pages know it. */
struct mfa_way {
    const char *kind;
    const char *name;       /* the factor's, which options post as their action */
    const char *text;       /* of the texts authenticatorNamesTEXT and authenticatorHintsTEXT */
    const char *challenge;  /* the path that asks for it */
    const char *enrollment; /* that begins its enrolment; NULL where it has none */
    const char *enrolling;  /* that goes on with one that is half done */
};
const struct mfa_way *mfa_way_of(const char *kind) NODISCARD;

enum mfa_stage {
    MFA_ASKING = 1, /* the factor has not been passed */
    MFA_KEEPING = 2 /* a recovery code waits to be kept */
};

/* Opens a page of that stage. False where the answer is made: not the page of this moment, timed out, or a failure. */
bool mfa_open(struct http_exchange *x, struct mfa_page *page, enum mfa_stage stage) NODISCARD;

/* The page that this login or enrolment goes on with, and going there. */
const char *mfa_next_path(struct mfa_page *page) NODISCARD;
void mfa_go_on(struct mfa_page *page);

/* Whether this login's factor is Duo: a rule named it, or any will do and it is the only one that is on. */
bool mfa_asks_duo(struct mfa_page *page) NODISCARD;

/* The same without the operator's own page. */
const char *mfa_plain_path(struct mfa_page *page) NODISCARD;

/* The enrolled authenticator of that kind that this login is asked by; NULL where there is none. */
const struct authenticator *mfa_enrolled_of(struct mfa_page *page, const char *kind) NODISCARD;
/* Whether a factor may be enrolled now. */
bool mfa_may_enroll(struct mfa_page *page, const char *name) NODISCARD;

/* The phone of this login's own enrolment, once it has confirmed that by itself (mfa/push.h); else NULL. */
const char *mfa_confirmed_phone(struct mfa_page *page) NODISCARD;

/* Makes the page that is shown now one that waits: it goes on by itself at a change, or after that many seconds. */
void mfa_wait(struct mfa_page *page, int64_t seconds);

/* Where the page that is shown now hears of a change (an EventSource's address, see mfa_events.c). */
const char *mfa_events_url(struct mfa_page *page) NODISCARD;

/* Adds rememberDevice and showRememberDevice, and canPick, to the screen's variables. */
void mfa_add_challenge_variables(struct mfa_page *page);
void mfa_add_enrollment_variables(struct mfa_page *page);

/* The key of the text that tells a person of that result; `screen` texts of SMS are those of its screens. */
const char *mfa_error_of(enum factor_result result) NODISCARD;

/*
 * Answers a failed try of a code, on the page itself or, where no try is left, by ending the transaction (known-faults C3).
 */
void mfa_reply_failure(struct mfa_page *page, enum factor_result result, int64_t retry_ms,
                       const char *screen);

/*
 * Goes on after a success, which page->factor.on_success has stored already: to the recovery code that waits to be kept, else
 * to /authorize/resume or, by a ticket, to the result.
 */
void mfa_passed(struct mfa_page *page, const char *recovery_code);
/* Within a write: the factor was passed in another way than by page->factor. */
enum db_result mfa_store_passed(struct mfa_page *page, struct db_tx *tx) NODISCARD;
/* Whether the operator has a page of their own for second factors; and answering a ticket with it, false where not. */
bool mfa_has_own_page(struct tenant *tenant, struct db_tx *tx, struct arena *arena) NODISCARD;
bool mfa_reply_own_ticket_page(struct http_exchange *x, const char *ticket,
                               const struct user *user) NODISCARD;
/* The recovery code is kept: ends this part of the login, or the enrolment. */
void mfa_kept(struct mfa_page *page);
/*
 * Whether another request (a second press of the button) moved this login while a code was checked; the answer is made then.
 */
bool mfa_moved_on(struct mfa_page *page) NODISCARD;
/* Whether the box was shown and ticked. */
bool mfa_remember_ticked(struct mfa_page *page) NODISCARD;
bool mfa_may_remember(struct mfa_page *page) NODISCARD;

/* Ends an enrolment ticket's transaction with that status of the screen mfa-enroll-result. */
void mfa_reply_enroll_result(struct http_exchange *x, const char *status);

/* The handlers. */
void mfa_get_start(struct http_exchange *x);
void mfa_get_login_options(struct http_exchange *x);
void mfa_post_login_options(struct http_exchange *x);
void mfa_get_enroll_options(struct http_exchange *x);
void mfa_post_enroll_options(struct http_exchange *x);
void mfa_get_otp_enrollment(struct http_exchange *x);
void mfa_post_otp_enrollment(struct http_exchange *x);
void mfa_get_otp_challenge(struct http_exchange *x);
void mfa_post_otp_challenge(struct http_exchange *x);
void mfa_get_sms_enrollment(struct http_exchange *x);
void mfa_post_sms_enrollment(struct http_exchange *x);
void mfa_get_sms_enrollment_verify(struct http_exchange *x);
void mfa_post_sms_enrollment_verify(struct http_exchange *x);
void mfa_get_sms_challenge(struct http_exchange *x);
void mfa_post_sms_challenge(struct http_exchange *x);
void mfa_get_push_enrollment(struct http_exchange *x);
void mfa_post_push_enrollment(struct http_exchange *x);
void mfa_get_push_challenge(struct http_exchange *x);
void mfa_post_push_challenge(struct http_exchange *x);
void mfa_get_push_code(struct http_exchange *x);
void mfa_post_push_code(struct http_exchange *x);
void mfa_get_recovery_code_enrollment(struct http_exchange *x);
void mfa_post_recovery_code_enrollment(struct http_exchange *x);
void mfa_get_recovery_code_challenge(struct http_exchange *x);
void mfa_post_recovery_code_challenge(struct http_exchange *x);
void mfa_get_new_recovery_code(struct http_exchange *x);
void mfa_post_new_recovery_code(struct http_exchange *x);
void mfa_get_enrollment_ticket(struct http_exchange *x);
void mfa_get_enroll_result(struct http_exchange *x);
void mfa_get_duo(struct http_exchange *x);
void mfa_get_duo_callback(struct http_exchange *x);
void mfa_get_events(struct http_exchange *x);
void mfa_get_widget(struct http_exchange *x);
void mfa_post_widget(struct http_exchange *x);
void mfa_post_enrollment_ticket(struct http_exchange *x);

#endif
