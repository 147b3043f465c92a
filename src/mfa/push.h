/*
 * Push: questions to a phone that a person answers there (../protocol/guardian.md A). A phone is an authenticator of kind "push";
 * its key was enrolled by a ticket that a QR code carried, and signs its answers.
 *
 * Enrolling   mfa_enroll(push) makes a pending phone and the ticket (offer.otpauth_uri, offer.enrollment_tx_id); the phone
 *             brings the ticket and its key to push_enroll, which confirms it, with all that mfa_confirm does. Whoever waits
 *             (a page, a widget, an mfa_token) sees authenticator.confirmed; signal topic push_topic of the pending one's binding.
 * Asking      mfa_challenge(push) asks all phones of the user at once; binding says who waits.
 * Answering   push_answer checks the phone's signed answer and stores it, once; signal topic push_topic(binding).
 * Going on    mfa_verify(push, code NULL) takes the approval, once: FACTOR_OK, FACTOR_PENDING, FACTOR_REJECTED or
 *             FACTOR_EXPIRED. With a code it takes a one-time code of the same enrolment.
 *
 * Members of an authenticator's doc: identifier, name, push_credentials {service, token}, public_key (a JWK), dead (true where
 * its push service said that the token is no more); while pending: binding, provider, additional, ticket (hash), and browser
 * (true where a page shows the recovery code).
 *
 * Members of a challenge's doc: number (two digits, on the login page), needs_number (this phone has to send it), own_phone
 * (it is this server's own app, whose push says more), client_name, ip, source {"b","os"}, location {"n","lat","long"},
 * locale, consent {"audience","scope","binding_message","authorization_details"}; of a refused one: reason.
 */
#ifndef COUNTERSIGN_MFA_PUSH_H
#define COUNTERSIGN_MFA_PUSH_H

#include "crypto/device_key.h"
#include "mfa/mfa.h"
#include "store/push_challenges.h"

enum {
    PUSH_ENROLLMENT_MS = 300 * 1000, /* a QR code, ../protocol/guardian.md C2 */
    PUSH_CHALLENGE_MS = 300 * 1000,
    PUSH_SKEW_S = 60, /* of phones' clocks */
};

/* --- enrolling, as the phone does --- */

/* A phone as it describes itself. */
struct push_device {
    const char *identifier; /* its own name for itself: iss of its answers */
    const char *name;       /* "Ada's phone" */
    const char *service;    /* "APNS", "GCM", "WEBPUSH", "NONE" */
    const char *token;      /* of that service */
    struct device_key key;
    const char *bearer; /* the device token that it gets; set by push_enroll */
};

struct push_enrolled {
    const char *id;       /* "dev_…" */
    const char *user_id;  /* of its owner */
    const char *token;    /* the device token, kept hashed */
    struct bytes secret;  /* of its one-time codes; empty where that factor is off */
    const char *recovery; /* a recovery code to keep; NULL: none is due, or a page shows it */
};

/*
 * Confirms the phone that `ticket` is for, in one write. `ticket` is an enrollment_tx_id, or an enrolment ticket of the
 * Management API (../protocol/guardian.md C4-7). FACTOR_TICKET_SPENT: unknown, used or too old; FACTOR_ALREADY_ENROLLED.
 */
enum factor_result push_enroll(struct tenant *tenant, const struct http_exchange *x, const char *ticket,
                               const struct push_device *device, struct push_enrolled *enrolled) NODISCARD;

/* --- what a phone may do --- */

/*
 * The phone that `bearer` speaks for: its device token, or a token that it signed itself with iss = its id, for an audience
 * that ends in `path` ("api/device-accounts"). False where it is neither.
 */
bool push_device_authenticate(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                              const char *bearer, const char *path, struct authenticator *device) NODISCARD;

/* Changes what is not NULL (the key of `device` is not looked at); a new token revives a dead one. */
enum db_result push_device_update(struct db_tx *tx, struct arena *arena,
                                  const struct authenticator *authenticator,
                                  const struct push_device *device) NODISCARD;
/* Its push service said that the token is no more. Keeps it as it is where the token was changed meanwhile. */
enum db_result push_device_retire(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                                  const char *authenticator_id, const char *token) NODISCARD;
/* The same in a write of its own: what the notifier calls (notifier_on_dead_token), with the tenant as its context. */
void push_token_is_dead(void *tenant, const char *authenticator_id, const char *token);

/* What a push carries, by the keys of ../protocol/guardian.md A5 (dai txtkn c d sh txlnkid s l), for any transport. */
yyjson_mut_val *push_payload(struct tenant *tenant, struct arena *arena, yyjson_mut_doc *doc,
                             const struct push_challenge *challenge) NODISCARD;

/* The consent's id of a question, "cns_…", and the question's id of a consent's; NULL where it is none. */
const char *push_consent_id(struct arena *arena, const char *challenge_id) NODISCARD;
const char *push_challenge_of_consent(struct arena *arena, const char *consent_id) NODISCARD;

/* --- answering --- */

enum push_answer_result {
    PUSH_ANSWERED = 0,
    PUSH_BAD_TOKEN = 1,    /* txtkn is not ours, or too old: 401 invalid_token */
    PUSH_GONE = 2,         /* answered before, closed, or expired: 404 login_transaction_not_found */
    PUSH_NO_DEVICE = 3,    /* the enrolment is gone: 404 enrollment_not_found */
    PUSH_BAD_ANSWER = 4,   /* no signed answer of that phone to that question: 400 invalid_body */
    PUSH_WRONG_NUMBER = 5, /* not the number of the login page: the question is refused by that, 403 */
    PUSH_FAILED = 6,       /* the store */
};

/* The challenge that `txtkn` is for, while it exists; PUSH_ANSWERED where found, whatever its status. */
enum push_answer_result push_challenge_of_token(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                                const char *txtkn,
                                                struct push_challenge *challenge) NODISCARD;

/* Stores the phone's signed answer (the JWT challenge_response), once; logs what came of it. */
enum push_answer_result push_answer(struct tenant *tenant, const struct http_exchange *x, const char *txtkn,
                                    const char *challenge_response) NODISCARD;

/* The audiences that a phone's token for `path` may have: every base under which this server's Guardian API is reached. */
bool push_is_audience(const struct tenant *tenant, struct arena *arena, const struct jwt *jwt,
                      const char *path) NODISCARD;

/* Whether `url` is `path` under this server's address, whatever way it is written. */
bool push_is_url(const struct tenant *tenant, struct arena *arena, const char *url,
                 const char *path) NODISCARD;

/* --- waiting --- */

/* Whether that phone's app asks for the number of the login page: our own, or one that enrolled an EC key. */
bool push_knows_numbers(const struct authenticator *phone) NODISCARD;

enum push_state { PUSH_NONE = 0, PUSH_PENDING = 1, PUSH_ACCEPTED = 2, PUSH_REJECTED = 3, PUSH_EXPIRED = 4 };

/* The signal (store/signal.h) of what waits under that binding: "tx:" + binding. */
const char *push_topic(struct arena *arena, const char *binding) NODISCARD;
/* The signal that a phone has a new question: "device:" + its id. */
const char *push_device_topic(struct arena *arena, const char *authenticator_id) NODISCARD;

/* How the newest question of that binding stands; *challenge (may be NULL) is it. Takes nothing. */
enum db_result push_state_read(struct db_tx *tx, struct arena *arena, const char *binding, int64_t now,
                               enum push_state *state, struct push_challenge *challenge) NODISCARD;

#endif
