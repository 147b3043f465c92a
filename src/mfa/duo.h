/*
 * Duo as the second factor: its Universal Prompt, an OpenID Connect exchange with requests signed by the application's secret
 * (https://duo.com/docs/oauthapi). The person is sent to Duo's page and comes back with a code, for which Duo's server says
 * who passed. A rule names the credentials (context.multifactor), or the tenant does (guardian/factors/duo/settings).
 */
#ifndef COUNTERSIGN_MFA_DUO_H
#define COUNTERSIGN_MFA_DUO_H

#include "store/users.h"
#include "tenant/tenant.h"

struct duo {
    const char *ikey; /* the application's client id at Duo */
    const char *skey; /* its secret */
    const char *base; /* "https://api-01234567.duosecurity.com" */
    const char *username;
};

enum duo_result {
    DUO_PASSED = 0,
    DUO_DENIED = 1,      /* the person, or Duo's policy, said no */
    DUO_REFUSED = 2,     /* an answer that does not hold: wrong credentials, another's token */
    DUO_UNREACHABLE = 3, /* no answer, or a failure of Duo's own */
};

/* Whether it is a host of Duo's: a name below duosecurity.com or duofederal.com, and nothing else besides. */
bool duo_host_is_fine(const char *host) NODISCARD;

/*
 * What a rule said of Duo (its whole context.multifactor), sealed so that it can wait in the login transaction of that id;
 * NULL where it named no credentials: then the tenant's own count.
 */
char *duo_seal(const struct keyring *keyring, struct arena *arena, const char *transaction_id,
               yyjson_val *multifactor) NODISCARD;

/*
 * The credentials that count for this login, and the person's name at Duo: what the rule said, else the e-mail address, the
 * user name, or the user's id. DB_NOT_FOUND where they are missing or name a host that is not Duo's. `sealed` may be NULL.
 */
enum db_result duo_read(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                        const char *transaction_id, const char *sealed, const struct user *user,
                        struct duo *duo) NODISCARD;

/* Whether Duo is there and knows the application; waits for at most five seconds. *reason is for logs. */
enum duo_result duo_check(struct tenant *tenant, struct arena *arena, const struct duo *duo,
                          const char **reason) NODISCARD;

/* Where the person is sent: signed, good for five minutes. `state` (22 to 1024 characters) and `nonce` come back. */
char *duo_prompt_url(struct arena *arena, const struct duo *duo, const char *redirect_uri, const char *state,
                     const char *nonce) NODISCARD;

/* What Duo says of the code that the person came back with. DUO_PASSED only where all of its token fits this login. */
enum duo_result duo_redeem(struct tenant *tenant, struct arena *arena, const struct duo *duo,
                           const char *redirect_uri, const char *code, const char *nonce,
                           const char **reason) NODISCARD;

/*
 * Whether an id token of Duo's is good: HS512 by our secret, issued by the token endpoint to us, current, with the nonce and
 * name of this login, and its auth_result an allowance. For tests and duo_redeem.
 */
enum duo_result duo_judge(struct arena *arena, const struct duo *duo, const char *id_token, const char *nonce,
                          int64_t now, const char **reason) NODISCARD;

#endif
