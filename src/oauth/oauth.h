/* What the endpoints of this folder share: their error shapes, scopes, addresses, and the parameters they are sent. */
#ifndef COUNTERSIGN_OAUTH_OAUTH_H
#define COUNTERSIGN_OAUTH_OAUTH_H

#include "http/exchange.h"
#include "store/clients.h"
#include "tenant/page.h"
#include "tenant/tenant.h"

/* --- answers --- */

/* {"error","error_description"} with Cache-Control: no-store (RFC 6749 section 5.2). Texts must outlive the request. */
void oauth_fail(struct http_exchange *x, int status, const char *error, const char *description);

/* 500 server_error, for a store or key that failed; what happened is in the log already. */
void oauth_fail_internally(struct http_exchange *x);

/* 429 too_many_requests as JSON access_denied, with Retry-After (Authentication API rate limits). */
void oauth_fail_limited(struct http_exchange *x, int64_t retry_ms);

/* The headers of a page that carries a response: no caching, that policy, and no framing unless `framable`. */
void oauth_page_headers(struct http_exchange *x, const char *content_security_policy, bool framable);

/* --- addresses --- */

/* The issuer followed by `path`, which has no slash at its beginning. */
const char *oauth_url(const struct http_exchange *x, const char *path) NODISCARD;

/* scheme://host[:port] of an absolute URL; NULL where it has none (a custom scheme without an authority). */
const char *url_origin(struct arena *arena, const char *url) NODISCARD;

/* `url` with a query parameter added before its fragment. */
const char *url_with_parameter(struct arena *arena, const char *url, const char *name,
                               const char *value) NODISCARD;

/* --- parameters --- */

/*
 * The name that is sent more than once among `pairs`; NULL where each comes once (RFC 6749 section 3.1). More than 256 pairs
 * are no request of this protocol, and count as repeated.
 */
const char *repeated_parameter(const struct http_pairs *pairs) NODISCARD;

/* The value, or NULL where absent or empty: an empty parameter counts as left out (RFC 6749 section 3.1). */
const char *given_parameter(const struct http_pairs *pairs, const char *name) NODISCARD;

/* --- scopes: words between single spaces (RFC 6749 section 3.3) --- */

/* Whether `scopes` (may be NULL) has the word `scope`. */
bool scope_has(const char *scopes, const char *scope) NODISCARD;

/* Calls for each word: copies the next word of *at into the arena and moves *at; NULL at the end. */
const char *scope_next(struct arena *arena, const char **at) NODISCARD;

/* `scopes` with `scope` added unless it is there. */
const char *scope_add(struct arena *arena, const char *scopes, const char *scope) NODISCARD;

/* --- clients --- */

/* Whether the client's grant_types hold `grant`. */
bool client_may_use(const struct client *client, const char *grant) NODISCARD;

/* Whether the client proves itself with a secret; false for token_endpoint_auth_method none, native apps and SPAs. */
bool client_is_confidential(const struct client *client) NODISCARD;

/* The user's name for log entries: e-mail address, name or id. */
const char *user_log_name(yyjson_val *user) NODISCARD;

/* --- cross-origin requests --- */

/* Lets the request's Origin read the answer where the client allows it (web origins, allowed origins, callbacks). */
void cors_allow_client(struct http_exchange *x, const struct client *client);

#endif
