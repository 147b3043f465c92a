/* The authorization response: how code, state or an error travel back to the application, in the mode it asked for. */
#ifndef COUNTERSIGN_OAUTH_RESPONSE_H
#define COUNTERSIGN_OAUTH_RESPONSE_H

#include "http/exchange.h"

/* Where it goes. The address was checked against the client's before. */
struct response_target {
    const char *redirect_uri;
    const char *mode;  /* "query", "fragment", "form_post", "web_message" */
    const char *state; /* as sent; NULL: none */
};

/*
 * Answers with `members` and state: a redirect, a self-submitting form (OAuth 2.0 Form Post Response Mode), or a page
 * that posts a message to the window that opened or frames it, at the origin of redirect_uri.
 */
void response_send(struct http_exchange *x, const struct response_target *target,
                   const struct http_pairs *members);

/* The same with error and error_description (RFC 6749 section 4.1.2.1). */
void response_send_error(struct http_exchange *x, const struct response_target *target, const char *error,
                         const char *description);

#endif
