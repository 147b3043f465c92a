/* The Authentication API's routes of OAuth 2 and OpenID Connect. */
#ifndef COUNTERSIGN_OAUTH_ROUTES_H
#define COUNTERSIGN_OAUTH_ROUTES_H

#include "http/router.h"

extern const struct http_routes oauth_routes;

/*
 * The rules for requests of other origins (http_server_config.cross_origin). A preflight allows what these endpoints take;
 * who may read an answer is said by the endpoint, once it knows the client.
 */
void oauth_cross_origin(struct http_exchange *x, const char *origin);

#endif
