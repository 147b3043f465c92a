/* Who calls: the bearer token of the Management API, and what its scopes allow. */
#ifndef COUNTERSIGN_MANAGEMENT_AUTHORIZE_H
#define COUNTERSIGN_MANAGEMENT_AUTHORIZE_H

#include "tenant/tenant.h"

struct caller {
    const char *client_id; /* azp; may be NULL */
    const char *user_id;   /* of a user's own token; NULL for a client's */
    const char **scopes;
    size_t scope_count;
};

/*
 * Reads the request's token into *caller: issued here, for the audience ISSUERapi/v2/, current. Where it does not hold the
 * request is answered (400, 401, or 500) and false returned. A user's token keeps of its scopes only those that are about
 * the user (…:current_user…), whatever it says.
 */
bool authorize(struct http_exchange *x, struct caller *caller) NODISCARD;

bool caller_has(const struct caller *caller, const char *scope) NODISCARD;

/* Whether the caller has one of the scopes (an array of texts); else answers 403 insufficient_scope. Empty or NULL: true. */
bool authorize_scopes(struct http_exchange *x, const struct caller *caller, yyjson_val *any_of) NODISCARD;

/* The 403 that names those scopes. */
bool management_insufficient_scope(struct http_exchange *x, const char *any_of);

/* A user's token may act on that user alone; else answers 403. */
bool authorize_subject(struct http_exchange *x, const struct caller *caller, const char *user_id) NODISCARD;

#endif
