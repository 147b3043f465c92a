/*
 * A second factor is five functions. They do what is particular to the factor and nothing else: limits,
 * failure counts, log events, one-time use of tickets and the rest are in mfa/mfa.h, which every page and API
 * calls, so that no factor can forget them (known-faults C8).
 */
#ifndef COUNTERSIGN_MFA_FACTOR_H
#define COUNTERSIGN_MFA_FACTOR_H

#include "http/exchange.h"
#include "store/authenticators.h"
#include "store/users.h"
#include "tenant/tenant.h"

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
    int64_t now;     /* ms */
};

enum factor_result {
    FACTOR_OK = 0,
    FACTOR_WRONG_CODE = 1,
    FACTOR_EXPIRED = 2,     /* the code was right, but too old */
    FACTOR_BAD_FORMAT = 3,  /* not even the form of a code, or of a phone number: costs no try */
    FACTOR_SEND_FAILED = 4, /* the message did not leave */
    FACTOR_TOO_MANY = 5,    /* codes or messages: retry_ms says when again */
    FACTOR_NOT_ENROLLED = 6,
    FACTOR_TICKET_SPENT = 7,
    FACTOR_FAILED = 8, /* the store */
    FACTOR_ALREADY_ENROLLED = 9,
};

/* What a person must see to enrol. */
struct enrollment_offer {
    struct authenticator authenticator; /* pending */
    const char *secret_base32;          /* otp */
    const char *otpauth_uri;            /* otp */
    const char *masked_phone;           /* sms */
};

struct factor {
    const char *name;        /* Guardian's: "sms", "otp", "recovery-code" */
    const char *kind;        /* authenticators.kind: "phone", "otp", "recovery-code" */
    const char *type;        /* of authentication methods: "phone", "totp", "recovery-code" */
    bool counts_as_enrolled; /* recovery codes alone do not */

    /* Makes a pending authenticator within the write `tx`; `phone` only for sms. Older pending ones of this
     * kind that no login can still be using are removed. */
    enum factor_result (*enroll)(struct factor_call *call, struct db_tx *tx, const char *phone,
                                 struct enrollment_offer *offer);
    /* Confirms it by a first code, inside the write `tx`. */
    enum factor_result (*confirm)(struct factor_call *call, struct db_tx *tx,
                                  const struct authenticator *authenticator, const char *code);
    /* Sends a code to a pending or confirmed one, in writes of its own; NULL where nothing has to be sent. */
    enum factor_result (*challenge)(struct factor_call *call, const struct authenticator *authenticator);
    /* Checks a code and spends it, inside the write `tx`. *next_code: a recovery code's successor. */
    enum factor_result (*verify)(struct factor_call *call, struct db_tx *tx,
                                 const struct authenticator *authenticator, const char *code,
                                 const char **next_code);
    /* As the Management API shows it in authentication-methods. */
    yyjson_mut_val *(*describe)(const struct authenticator *authenticator, struct arena *arena,
                                yyjson_mut_doc *doc);
};

/* All factors, in the order that they are offered in; and one by name or kind (NULL where there is none). */
extern const struct factor *const factors[];
extern const size_t factors_count;
const struct factor *factor_by_name(const char *name) NODISCARD;
const struct factor *factor_by_kind(const char *kind) NODISCARD;

#endif
