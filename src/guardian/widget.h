/* What the calls of the browser widget do alike; for the files of this folder. */
#ifndef COUNTERSIGN_GUARDIAN_WIDGET_H
#define COUNTERSIGN_GUARDIAN_WIDGET_H

#include "guardian/reply.h"
#include "mfa/browser_token.h"
#include "mfa/mfa.h"

struct widget_call {
    struct http_exchange *x;
    struct tenant *tenant;
    struct arena *arena;
    int64_t now; /* ms */
    struct mfa_transaction transaction;
    struct user user;
    struct mfa_settings settings;
    struct mfa_choice choice;
    struct factor_call factor;
    const char *method; /* of the try under way, for the transaction once it succeeds */
    bool is_enrolling;
};

/* Opens a call that carries a transaction token. False where the answer is made: 401, or a failure. */
bool widget_open(struct http_exchange *x, struct widget_call *call) NODISCARD;
/* The same for a token that came another way; the fault's code, or NULL where there is none. x may be NULL. */
const char *widget_open_token(struct tenant *tenant, struct arena *arena, struct http_exchange *x,
                              const char *token, struct widget_call *call) NODISCARD;
/* The same by the transaction's id, for who showed its token before. */
const char *widget_open_transaction(struct tenant *tenant, struct arena *arena, const char *txid,
                                    struct widget_call *call) NODISCARD;
/* The signature of an accepted transaction; NULL where the store fails. */
const char *widget_sign(struct widget_call *call) NODISCARD;
/* Fills in what belongs to call->transaction: user, settings, choice. */
enum db_result widget_read_person(struct widget_call *call, struct db_tx *tx) NODISCARD;
/* Makes call->factor, once the person is read. */
void widget_ready_factor(struct widget_call *call);

/* The body as an object, or NULL where it has none. False where the answer is made. */
bool widget_body(struct http_exchange *x, yyjson_val **body) NODISCARD;

/*
 * Changes the transaction's document in a write of its own, on what is stored now. False where the store failed, or where
 * the transaction ended meanwhile; the answer is made then.
 */
typedef void (*widget_change)(struct widget_call *call, const char *value);
bool widget_store(struct widget_call *call, widget_change change, const char *value) NODISCARD;

/* The factor's name in this protocol: "push", "otp", "sms", "recovery-code". */
const char *widget_factor_name(const struct factor *factor) NODISCARD;
/* Whether the person may enrol that factor, by its name in this protocol, in this transaction. */
bool widget_may_enroll(const struct widget_call *call, const char *name) NODISCARD;
/* Whether the person is asked by a factor, rather than enrols one. */
bool widget_is_enrolled(const struct widget_call *call) NODISCARD;
/* The enrolled authenticator of that kind that was used last; NULL. */
const struct authenticator *widget_enrolled_of(const struct widget_call *call, const char *kind) NODISCARD;
/* A secret of the transaction's document, sealed there under `name`; NULL where it has none. */
const char *widget_secret(const struct widget_call *call, const char *name) NODISCARD;
void widget_keep_secret(struct widget_call *call, const char *name, const char *secret);

/* What the person's phones said to the transaction's newest question; answered_at names a refusal. */
enum widget_push {
    WIDGET_PUSH_NOTHING = 0,
    WIDGET_PUSH_ACCEPTED = 1,
    WIDGET_PUSH_REJECTED = 2,
    WIDGET_PUSH_FAILED = 3
};
/* Takes an approval, once, which accepts the transaction. Nothing is answered. */
enum widget_push widget_take_push(struct widget_call *call, int64_t *answered_at) NODISCARD;

/* --- answers --- */

/* What became of a try; `wrong` is the code of a wrong one: "invalid_otp", "invalid_recovery_code". */
void widget_reply_result(struct widget_call *call, enum factor_result result, int64_t retry_ms,
                         const char *wrong);
/* 429 with that code, and when to try again. */
void widget_reply_limited(struct widget_call *call, const char *code, int64_t retry_ms);

/* The person's enrolment as the widget shows it: of all their factors. */
yyjson_mut_val *widget_describe(const struct widget_call *call, yyjson_mut_doc *doc) NODISCARD;
/* Names of what can be enrolled, or asked by, in the order of their use. */
yyjson_mut_val *widget_enrollable(const struct widget_call *call, yyjson_mut_doc *doc) NODISCARD;
yyjson_mut_val *widget_askable(const struct widget_call *call, yyjson_mut_doc *doc) NODISCARD;

/* --- handlers --- */

void widget_start_flow(struct http_exchange *x);
void widget_transaction_state(struct http_exchange *x);
void widget_send_push(struct http_exchange *x);
void widget_send_sms(struct http_exchange *x);
void widget_verify_otp(struct http_exchange *x);
void widget_recover_account(struct http_exchange *x);
void widget_sms_enroll(struct http_exchange *x);

#endif
