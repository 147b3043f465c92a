/*
 * Attack protection of passwords, by the tenant's settings "attack-protection.brute-force" and
 * "attack-protection.suspicious-ip-throttling" (absent: Auth0's defaults). All of it is in the store: servers share it, and
 * a restart forgets nothing. IPv6 addresses count by their /48.
 *
 *   - an account is locked for an address after 10 failures (settings) in a row, for 30 days or until the mailed link is used;
 *   - an address that fails for many accounts, or makes many, is refused for a while;
 *   - the same login from the same address more than 20 times a minute is refused.
 *
 * Unknown names are counted like known ones, so that an answer tells nothing.
 */
#ifndef COUNTERSIGN_SESSION_PROTECTION_H
#define COUNTERSIGN_SESSION_PROTECTION_H

#include "store/users.h"
#include "tenant/tenant.h"

enum protection_verdict {
    PROTECTION_FREE = 0,
    PROTECTION_LOCKED = 1,    /* the account, for this address */
    PROTECTION_THROTTLED = 2, /* the address */
    PROTECTION_TOO_OFTEN = 3, /* this login from this address */
};

/* One try to log in. */
struct protection_try {
    const struct http_exchange *x;
    yyjson_val *connection;  /* its document: options.brute_force_protection false switches the lock off */
    const char *identifier;  /* as typed */
    const struct user *user; /* NULL where there is none */
    const char *language;    /* of the mail */
    const char *client_id;
};

/* Whether the try may go on to its password. Reads only. */
enum db_result protection_check(struct db_tx *tx, struct arena *arena, const struct protection_try *attempt,
                                enum protection_verdict *verdict) NODISCARD;

/*
 * Counts a failure, within the write. Where it was the last that is allowed the account is locked and its owner told by
 * mail (call notify_wake after the commit); *verdict then is PROTECTION_LOCKED, as it is when it was locked already.
 */
enum db_result protection_failed(struct db_tx *tx, struct arena *arena, const struct protection_try *attempt,
                                 enum protection_verdict *verdict) NODISCARD;

/*
 * Judges a try whose password was right, within the write that lets it in: a lock that others set meanwhile counts, so that
 * tries sent at once have no more guesses than tries in a row. PROTECTION_FREE clears the failures; after any other verdict
 * the caller rolls the write back.
 */
enum db_result protection_succeeded(struct db_tx *tx, struct arena *arena,
                                    const struct protection_try *attempt,
                                    enum protection_verdict *verdict) NODISCARD;

/* Whether this address may make one more account; takes one of its allowance. */
enum db_result protection_signup(const struct http_exchange *x, struct db_tx *tx, struct arena *arena,
                                 enum protection_verdict *verdict) NODISCARD;

/* Unlocks: the account for one address, or for all (`ip` NULL), as a new password or DELETE /user-blocks does. */
enum db_result protection_unlock(struct db_tx *tx, const char *user_key, const char *ip) NODISCARD;

/* The key that a user's locks have: the user_id. */
static inline const char *protection_key_of_user(const struct user *user)
{
    return user->user_id;
}

#endif
