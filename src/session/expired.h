/* Where a person goes whose login is over before it ended: expired, finished, or begun in another browser. */
#ifndef COUNTERSIGN_SESSION_EXPIRED_H
#define COUNTERSIGN_SESSION_EXPIRED_H

#include "http/exchange.h"

/*
 * Leads back to where a login begins (authentication.md 1.3): to the client's initiate_login_uri, else the tenant's
 * default_redirection_uri, with `iss` added; else answers 400 with the page that says so. The client is the one of the
 * transaction that the request's `state` names, while that is still stored.
 */
void transaction_reply_expired(struct http_exchange *x);

#endif
