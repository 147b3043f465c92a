/*
 * A login carried on as far as it goes without the person: from the proven first factor through blocked users, rules and the
 * second factor to the session and the code. /authorize calls it for a person who has a session, /authorize/resume for one
 * who comes back from a page of ours, /continue for one who comes back from a page that a rule named.
 */
#ifndef COUNTERSIGN_OAUTH_PROCEED_H
#define COUNTERSIGN_OAUTH_PROCEED_H

#include "mfa/mfa.h"
#include "oauth/oauth.h"
#include "oauth/response.h"
#include "rules/pipeline.h"
#include "session/session.h"
#include "session/transaction.h"

/* acr_values, and the acr claim, of a login that must use a second factor. */
extern const char acr_multifactor[];

/* What the rules made of the login; kept in the transaction as `outcome` while the second factor is asked for. */
struct login_outcome {
    yyjson_val *id_token;     /* custom claims; may be NULL */
    yyjson_val *access_token; /* custom claims; may be NULL */
    yyjson_val *user;         /* the profile as the rules left it */
    const char *scope;        /* granted */
    bool wants_multifactor;
    const char *provider; /* NULL where no rule named one */
    bool allow_remember_browser;
    const char *duo; /* the credentials that a rule named for Duo, sealed (mfa/duo.h); NULL where none did */
    int64_t id_token_seconds; /* 0: as the application has it */
    yyjson_val *scope_claims; /* context.jwtConfiguration.scopes; may be NULL */
};

struct login {
    struct http_exchange *x;
    const struct client *client;
    struct login_transaction *transaction;
    bool silent; /* prompt=none: nothing may be shown */

    /* Of a return from a rule's page; else NULL. */
    yyjson_val *callback_query;
    yyjson_val *callback_body;

    /* Found on the way. */
    yyjson_val *doc; /* the transaction as it was when this request began */
    struct response_target target;
    struct user user;
    yyjson_val *connection;
    yyjson_val *session_clients; /* NULL where no session was used */
    struct mfa_settings mfa;
    bool manages_factors; /* a token for the MFA API is asked for, by a person who has a factor */
    struct login_outcome outcome;
};

/* Goes on from x, client, transaction, silent and the callback, and always answers. */
void login_proceed(struct login *login);

/*
 * Ends the login for good: session (made only now, known-faults C9), code, the user's counters and the transaction's end in
 * one write; then answers.
 */
void login_complete(struct login *login);

/* Ends the login with an error for the application. */
void login_refuse(struct login *login, const char *error, const char *description);

/* Stores the transaction and sends the person to a page: one of ours with its state, or where a rule wants them. */
void login_send_to(struct login *login, const char *location);

/* Makes `doc` what the transaction is now. */
void login_read_again(struct login *login);

/* --- login_rules.c --- */

/* Runs the rules; false where the answer is made: they refused, or wish the person elsewhere first. */
bool login_run_rules(struct login *login) NODISCARD;

/* Puts the rules' outcome into the transaction, for after the second factor. */
void login_keep_outcome(struct login *login);
/* What the rules said before the second factor was asked for; false where they have not run, or not for this person. */
bool login_kept_outcome(struct login *login) NODISCARD;

/* What the rules made of a login of `user` that asked for `scope`. */
void outcome_of_rules(struct arena *arena, const struct rules_outcome *rules, const struct user *user,
                      const char *scope, struct login_outcome *outcome);

/* `scope`'s words as an array of texts, as rules take them. */
yyjson_val *scope_array(struct arena *arena, const char *scope) NODISCARD;

/* Adds the user's members that a rule's context.jwtConfiguration.scopes opens by the scopes that were granted. */
void outcome_add_scope_claims(yyjson_mut_doc *doc, yyjson_mut_val *profile,
                              const struct login_outcome *outcome);

/* --- login_log.c --- */

/* Adds to a log entry's details what led to the login: prompts, and the record of the rules' runs. */
void login_log_details(const struct login *login, yyjson_mut_doc *doc, yyjson_mut_val *details);

/* Answers for a transaction that is unknown, expired or moved by another request; and for a store that failed. */
void login_reply_expired(struct http_exchange *x);
void login_reply_failure(struct http_exchange *x);

/* Whether the transaction is done with second factors, for the person it is about; and whether one was passed then: it is
 * not where the operator lets logins go on while Duo cannot be reached. */
bool login_multifactor_done(const struct login *login) NODISCARD;
bool login_multifactor_passed(const struct login *login) NODISCARD;

/* A log entry about this login. */
void login_log_entry(const struct login *login, const char *type, const char *description);

#endif
