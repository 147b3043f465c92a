/*
 * What every login page does alike: find the login transaction that its request belongs to, show a screen, store the next
 * step. A controller is a pair of handlers:
 *
 *     static void get_challenge(struct http_exchange *x)
 *     {
 *         struct login_call call;
 *         if (!login_open(x, &call))
 *             return;                        // answered: expired, another browser's, or the store failed
 *         login_show(&call, 200, "mfa-otp-challenge", NULL);
 *     }
 */
#ifndef COUNTERSIGN_LOGIN_LOGIN_H
#define COUNTERSIGN_LOGIN_LOGIN_H

#include "session/transaction.h"
#include "store/clients.h"
#include "tenant/page.h"

struct login_call {
    struct http_exchange *x;
    struct tenant *tenant;
    struct arena *arena;
    struct http_pairs form; /* of a POST; empty otherwise */
    struct login_transaction *transaction;
    struct client client;    /* client.doc is NULL for enrolment tickets */
    struct page_frame frame; /* client and company names, languages, where the login leads */
    const char *language;
    yyjson_mut_doc *variables; /* of the screen: an object with "state" in it already */
    yyjson_mut_val *root;      /* its object */
};

/*
 * Opens the call: checks a POST's Origin, reads its form, loads the transaction that `state` (form, else query) names and
 * the client. On false the answer is made: 400 with the page "expired", 403 for a form of another site, 500.
 */
bool login_open(struct http_exchange *x, struct login_call *call) NODISCARD;

/* A field of the form, "" where it is missing; and the form's action ("default" where it names none). */
const char *login_field(const struct login_call *call, const char *name) NODISCARD;
const char *login_action(const struct login_call *call) NODISCARD;

/* The same without white space around it, as names and addresses are taken. Passwords are taken as they are. */
const char *login_trimmed(const struct login_call *call, const char *name) NODISCARD;

/*
 * Whether the login still is at its entrance (nobody has proved a password in it yet). On false the answer is made: 302 to the
 * page that it is at.
 */
bool login_at_entry(struct login_call *call) NODISCARD;

/* Shows a screen with call->variables. `error`, the key of a text, is shown beside the screen's field; NULL: none. */
void login_show(struct login_call *call, int status, const char *screen, const char *error);

/* "/u/login/password?state=…" for links and redirects: the path with this transaction's state. */
const char *login_url(const struct login_call *call, const char *path) NODISCARD;
/* 302 to it. */
void login_go(struct login_call *call, const char *path);

/*
 * Stores the transaction in a write of its own. On false the answer is made (another request moved it: 302 to the step it is
 * at now; or 500). Within a write of the caller's use login_transaction_save and, on failure, login_reply_conflict.
 */
bool login_save(struct login_call *call) NODISCARD;
/* Commits a write in which `result` was the last, or undoes it; the same answers on false. *tx becomes NULL. */
bool login_end_write(struct login_call *call, struct db_tx **tx, enum db_result result) NODISCARD;
void login_reply_conflict(struct login_call *call);
void login_reply_store_failure(struct login_call *call);

/* Ends the login with an error for the application: stores it and goes to /authorize/resume, which delivers it. */
void login_fail(struct login_call *call, const char *error, const char *description);

/* A log entry of this login: client, connection and what the request tells are filled in. */
void login_log(struct login_call *call, const char *type, const char *description, const char *user_id,
               const char *user_name);

/* The path of the page that the transaction is at ("step" in its document): "/u/login/password" for "login-password". */
const char *login_step_path(const char *step) NODISCARD;

#endif
