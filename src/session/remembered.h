/*
 * Remembered browsers: the cookie `auth0-mf`, a random token stored hashed, bound to the user; 30 days
 * overall, 7 days idle (guardian/settings). Known-faults A9.
 */
#ifndef COUNTERSIGN_SESSION_REMEMBERED_H
#define COUNTERSIGN_SESSION_REMEMBERED_H

#include "http/exchange.h"
#include "tenant/tenant.h"

/* Remembers this browser for the user and sets the cookie (a cookie may hold tokens of several users). */
enum db_result remembered_browser_add(struct http_exchange *x, struct db_tx *tx,
                                      const char *user_id) NODISCARD;
/* Whether this browser is remembered for the user; renews the idle time and the cookie where it is. */
enum db_result remembered_browser_check(struct http_exchange *x, struct db_tx *tx, const char *user_id,
                                        bool *remembered) NODISCARD;
/* Forgets all browsers of the user. */
enum db_result remembered_browsers_forget(struct db_tx *tx, const char *user_id) NODISCARD;

#endif
