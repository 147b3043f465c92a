/* The rules of a login: what goes in (user and context), what comes out (claims, a second factor, a refusal). */
#ifndef COUNTERSIGN_RULES_PIPELINE_H
#define COUNTERSIGN_RULES_PIPELINE_H

#include "http/exchange.h"
#include "store/clients.h"
#include "store/users.h"
#include "tenant/tenant.h"

/* What the login is, for `context` (../protocol/rules.md section 5). */
struct rules_login {
    const struct user *user;
    const struct client *client;
    yyjson_val *connection;
    const char *protocol;          /* "oidc-basic-profile", … */
    const char *session_id;        /* NULL: none */
    const struct http_exchange *x; /* ip, user agent, hostname; may be NULL */
    yyjson_val
        *query; /* what the application sent to /authorize, as an object of texts; context.request.query */
    yyjson_val *body;                   /* the /oauth/token or /continue form without secrets; may be NULL */
    yyjson_val *authentication_methods; /* [{"name","timestamp"}] of the session */
    yyjson_val *scopes;                 /* the granted scopes, an array of texts */
    int64_t logins_count;               /* counting this login */
    yyjson_val *session_clients; /* ids of the applications that the session was used for; may be NULL */
    yyjson_val *overlay; /* what earlier rules of this login made of the user (rules_outcome); may be NULL */
};

struct rules_outcome {
    /* A refusal: `error` is "unauthorized", "access_denied" or "server_error"; NULL where the login goes on. */
    const char *error;
    const char *error_description;
    const char *refusing_rule; /* name of the rule that refused, for the log */

    yyjson_val *id_token;     /* custom claims, an object; reserved ones are dropped already */
    yyjson_val *access_token; /* the same */
    yyjson_val *scopes;       /* array of texts that replaces the granted scopes; NULL: unchanged */
    yyjson_val *user;         /* the profile as the rules left it: standard claims come from it */

    bool wants_multifactor; /* a rule set context.multifactor: the tenant's policy does not count */
    const char *provider;   /* "any", "guardian", "google-authenticator", "duo"; "none": no factor at all */
    bool allow_remember_browser;
    yyjson_val *multifactor; /* the whole member, for what a provider needs */

    const char *redirect_url; /* context.redirect.url; NULL: none */
    yyjson_val
        *overlay; /* with a redirect: what `user` gained, for the rules that run on return; else NULL */

    /* context.primaryUser: the account that tokens are issued for; NULL: the login's own. */
    const struct user *primary;
    const char *primary_user_id; /* as the rule named it */

    int64_t id_token_seconds; /* context.jwtConfiguration.lifetimeInSeconds; 0: as the application has it */
    yyjson_val *scope_claims; /* context.jwtConfiguration.scopes: a scope's user members; NULL: none */

    yyjson_val *run; /* for the login's log entry: an entry a rule (record.c) */
};

/* Whether a claim of that name is the server's alone: rules cannot set it. */
bool rules_claim_is_reserved(const char *name) NODISCARD;

/* Runs all enabled rules of the stage login_success, lowest order first. Always fills *outcome, in the arena. */
void rules_run(struct tenant *tenant, struct arena *arena, const struct rules_login *login,
               struct rules_outcome *outcome);

#endif
