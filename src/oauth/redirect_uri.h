/* Which addresses a client's login, or logout, may end at. */
#ifndef COUNTERSIGN_OAUTH_REDIRECT_URI_H
#define COUNTERSIGN_OAUTH_REDIRECT_URI_H

#include "json/json.h"

/*
 * Whether `uri` is what `allowed` names: the same text, byte for byte (RFC 9700 section 2.1). The one wildcard is a `*`
 * that is the whole leftmost label of an http(s) host, as in "*.app.test": it stands for exactly one label and never for
 * anything in a scheme, port or path. A URI with a fragment matches nothing (RFC 6749 section 3.1.2). Known-faults A15.
 */
bool redirect_uri_matches(const char *allowed, const char *uri) NODISCARD;

/* Whether a text of the array `list` (may be NULL) allows `uri`. */
bool redirect_uri_allowed(yyjson_val *list, const char *uri) NODISCARD;

/* The same without regard to the query and fragment of either, as Auth0 compares logout addresses. */
bool logout_url_allowed(struct arena *arena, yyjson_val *list, const char *url) NODISCARD;

#endif
