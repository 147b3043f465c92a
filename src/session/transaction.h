/*
 * A login transaction: a login that is under way, as a persisted state machine. /authorize opens it; every
 * step reads it, does one thing, and stores it with the next step's name. Any server can serve any step. It
 * lives 1 hour, is bound to one browser by a cookie, and its id (the `state` of our pages) is stored only
 * hashed.
 *
 * Members of doc (all optional but client_id):
 *   kind            "authorize" or "enrollment" (a ticket's)
 *   query           the application's parameters to /authorize, as sent: {client_id, redirect_uri,
 * response_type, …} client_id redirect_uri response_type response_mode state nonce scope audience
 * code_challenge prompt ui_locales login_hint acr_values max_age                       what was checked and
 * will be used step            the page that may be posted now: "login-id", "login-password", "resume",
 * "mfa", … connection      name of the connection identifier      what the person typed user_id         set
 * once the password was right methods         [{"name":"pwd","timestamp":ms}, {"name":"mfa",…}] session_id of
 * an existing session that was used mfa {"provider","allow_remember_browser","forced","done","enrolling",…};
 * see login/mfa pages outcome         the rules' claims, kept until the factor was passed ticket enrollment:
 * hash of the ticket
 */
#ifndef COUNTERSIGN_SESSION_TRANSACTION_H
#define COUNTERSIGN_SESSION_TRANSACTION_H

#include "http/exchange.h"
#include "tenant/tenant.h"

struct login_transaction {
    const char *id; /* the secret: the `state` parameter of our pages */
    yyjson_mut_doc *doc;
    yyjson_mut_val *root; /* doc's object, for json_set_text and the like */
    int64_t version;      /* 0: not stored yet */
    int64_t created_at;
    int64_t expires_at; /* ms */
};

enum { LOGIN_TRANSACTION_MS = 3600 * 1000, MFA_SCREEN_MS = 600 * 1000 };

/*
 * Begins one for this browser (sets the browser cookie where there is none). It is stored by the first
 * login_transaction_save.
 */
struct login_transaction *login_transaction_begin(struct http_exchange *x, int64_t lifetime_ms) NODISCARD;

enum transaction_fault {
    TRANSACTION_FINE = 0,
    TRANSACTION_UNKNOWN =
        1, /* never was, expired, finished, another browser's, or of a password since replaced */
    TRANSACTION_FAILED = 2, /* the store failed */
};

/* The one that the request's `state` (query or form) names, bound to this browser. */
enum transaction_fault login_transaction_load(struct http_exchange *x, struct db_tx *tx, const char *state,
                                              struct login_transaction **out) NODISCARD;

/*
 * Stores it as it is now, within the caller's write. DB_CONFLICT: another request moved it meanwhile (two
 * posts at once); the caller shows the page of the step it is at now.
 */
enum db_result login_transaction_save(struct db_tx *tx, struct arena *arena,
                                      struct login_transaction *transaction) NODISCARD;
/* Ends it: the id is worth nothing any more. DB_CONFLICT as above: only one request may finish it. */
enum db_result login_transaction_finish(struct db_tx *tx, struct login_transaction *transaction) NODISCARD;

/*
 * The topic (store/signal.h) that is raised when a login that waits for a second factor is stored or ends: "tx:" and the
 * hash of its id, which is also the `binding` of its challenges (mfa/factor.h). Whoever resolves a challenge raises it too.
 */
const char *login_transaction_topic(struct arena *arena,
                                    const struct login_transaction *transaction) NODISCARD;

#endif
