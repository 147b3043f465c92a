/*
 * A second factor is a few functions. They do what is particular to the factor and nothing else: limits,
 * failure counts, log events, one-time use of tickets and the rest are in mfa/mfa.h, which every page and API
 * calls, so that no factor can forget them (known-faults C8).
 */
#ifndef COUNTERSIGN_MFA_FACTOR_H
#define COUNTERSIGN_MFA_FACTOR_H

#include "http/exchange.h"
#include "store/authenticators.h"
#include "store/users.h"
#include "tenant/tenant.h"

struct mfa_settings;
struct push_device;

/* What a phone is asked to approve, beside who and where; all may be NULL. */
struct push_request {
    const char *client_name;
    const char *audience;
    const char *scope; /* separated by spaces */
    const char *binding_message;
    yyjson_val *authorization_details; /* an array of objects that have a type */
    bool has_no_screen;                /* whoever waits cannot show the number: no phone asks for it */
};

/* Everything that a factor's functions are told. */
struct factor_call {
    struct tenant *tenant;
    struct arena *arena;
    const struct http_exchange *x; /* for the language and the log; may be NULL */
    const struct user *user;
    const char *binding; /* ties a sent code to one login transaction, ticket or mfa_token */
    const char *locale;
    const char *provider; /* that a rule named ("any", "guardian", …); NULL: "guardian" */
    bool additional; /* enrolling: an enrolled user may add one (a ticket that allows it, an MFA API token) */
    /* Enrolling: the pending authenticator that the new one takes the place of; or NULL. */
    const char *replaces;
    /* Enrolling: the recovery code that was shown already, should one be made; NULL: a fresh one. */
    const char *announced_code;
    bool again;  /* a challenge that was asked for already is sent once more */
    int64_t now; /* ms */
    int64_t
        began_at; /* ms: when this login, ticket or mfa_token began to ask; a lock since then ends it (C3) */
    /*
     * What follows from a success, stored in the very write that spends the code (a login's next step); may be NULL. Called
     * again where the write is tried again. DB_CONFLICT: another request moved the login meanwhile: nothing is spent, and the
     * result is FACTOR_MOVED.
     */
    enum db_result (*on_success)(struct factor_call *call, struct db_tx *tx, const char *recovery_code);
    void *context;           /* on_success's own */
    const char *ticket_hash; /* enrolling a phone: the ticket that its confirmation spends; may be NULL */
    bool page_shows_recovery_code;    /* enrolling a phone: the browser that waits shows it, not the phone */
    const struct push_device *device; /* confirming a phone: what it says of itself */
    const struct push_request *request;  /* asking a phone: what it shows beside the place; may be NULL */
    const struct mfa_settings *settings; /* filled in by mfa/mfa.h's functions */
};

enum factor_result {
    FACTOR_OK = 0,
    FACTOR_WRONG_CODE = 1,
    FACTOR_EXPIRED = 2,     /* the code was right, but too old */
    FACTOR_BAD_FORMAT = 3,  /* not even the form of a code, or of a phone number: costs no try */
    FACTOR_SEND_FAILED = 4, /* the message did not leave */
    FACTOR_TOO_MANY = 5,    /* wrong codes: retry_ms says when again */
    FACTOR_NOT_ENROLLED = 6,
    FACTOR_TICKET_SPENT = 7,
    FACTOR_FAILED = 8, /* the store */
    FACTOR_ALREADY_ENROLLED = 9,
    FACTOR_TOO_MANY_MESSAGES = 11, /* retry_ms says when again */
    FACTOR_MOVED = 12,             /* see on_success */
    FACTOR_PENDING = 13,           /* push: no answer yet */
    FACTOR_REJECTED = 14,          /* push: the phone said no */
    /* Another request moved the same records; mfa.c tries again, callers never see it. */
    FACTOR_CONFLICT = 10,
};

/* What a person must see to enrol. */
struct enrollment_offer {
    struct authenticator authenticator; /* pending */
    const char *secret_base32;          /* otp */
    const char *otpauth_uri;            /* otp, push */
    const char *masked_phone;           /* sms */
    const char *enrollment_tx_id;       /* push: the ticket within the URI */
};

struct factor {
    const char *name;        /* Guardian's: "sms", "otp", "recovery-code" */
    const char *kind;        /* authenticators.kind: "phone", "otp", "recovery-code" */
    const char *type;        /* of authentication methods: "phone", "totp", "recovery-code" */
    bool counts_as_enrolled; /* recovery codes alone do not */

    /* Log codes of its events; the last two NULL where it sends nothing. */
    const char *log_passed;
    const char *log_failed;
    const char *log_limited;
    const char *log_sent;
    const char *log_send_failed;

    /* Takes one of the messages that may be sent to it, where it sends any; FACTOR_TOO_MANY_MESSAGES with *retry_ms. */
    enum factor_result (*limit)(struct factor_call *call, struct db_tx *tx,
                                const struct authenticator *authenticator, int64_t *retry_ms);
    bool enrolls_by_message;    /* a pending one is sent its first code */
    bool is_answered_elsewhere; /* verify takes what came by another way where `code` is NULL */

    /* Makes a pending authenticator within the write `tx`; `phone` only for sms. Older pending ones of this
     * kind that no login can still be using are removed. */
    enum factor_result (*enroll)(struct factor_call *call, struct db_tx *tx, const char *phone,
                                 struct enrollment_offer *offer);
    /* Fills in what a person must see of a pending one, again after a reload. */
    enum factor_result (*show)(struct factor_call *call, struct db_tx *tx, struct enrollment_offer *offer);
    /* Confirms it by a first code, inside the write `tx`. */
    enum factor_result (*confirm)(struct factor_call *call, struct db_tx *tx,
                                  const struct authenticator *authenticator, const char *code);
    /* Sends a code to a pending or confirmed one, in writes of its own; NULL where nothing has to be sent. */
    enum factor_result (*challenge)(struct factor_call *call, const struct authenticator *authenticator);
    /*
     * Checks a code and spends it, inside the write `tx`. *next_code: a recovery code's successor. `code` is NULL only
     * where is_answered_elsewhere.
     */
    enum factor_result (*verify)(struct factor_call *call, struct db_tx *tx,
                                 const struct authenticator *authenticator, const char *code,
                                 const char **next_code);
    /* As the Management API shows it in authentication-methods. */
    yyjson_mut_val *(*describe)(const struct authenticator *authenticator, struct arena *arena,
                                yyjson_mut_doc *doc);
};

/* What a typed code is without its spaces and dashes, in ASCII digits (full-width and Arabic ones are read too). */
char *code_typed(struct arena *arena, const char *typed) NODISCARD;
/* Removes the user's pending authenticators of that kind that no login can still be using. */
enum factor_result factor_drop_stale(struct factor_call *call, struct db_tx *tx, const char *kind) NODISCARD;
/* The result of a store call; FACTOR_OK only for DB_OK, DB_NOT_FOUND is what the caller says it means. */
enum factor_result factor_result_of(enum db_result result, enum factor_result not_found) NODISCARD;

/* All factors, in the order that they are offered in; and one by name or kind (NULL where there is none). */
extern const struct factor *const factors[];
extern const size_t factors_count;
const struct factor *factor_by_name(const char *name) NODISCARD;
const struct factor *factor_by_kind(const char *kind) NODISCARD;

#endif
