/* Which handler answers what: tables of routes, matched on the raw path, segment by segment. */
#ifndef COUNTERSIGN_HTTP_ROUTER_H
#define COUNTERSIGN_HTTP_ROUTER_H

#include "http/exchange.h"

enum http_route_flags {
    HTTP_ON_LOOP = 1, /* never blocks, never reads the store: answered on the event loop */
    HTTP_CORS = 2, /* OPTIONS is answered, and Access-Control headers are added, by the cross-origin rules */
};

struct http_route {
    const char *method;  /* "GET", "POST", … */
    const char *pattern; /* "/api/v2/users/{id}": {name} takes one segment, a last {name*} the rest */
    http_handler handler;
    unsigned flags;
    const char *tag; /* for logs and metrics: one of few names */
};

struct http_routes {
    const struct http_route *routes;
    size_t count;
};

struct http_router;

/*
 * A router over the tables (kept by reference; they are constants). `not_found` answers what no pattern
 * matches, and also a path whose method is not served (Auth0 answers 404 there; x->response.status is preset
 * to 404).
 */
struct http_router *http_router_create(const struct http_routes *tables, size_t count,
                                       http_handler not_found) NODISCARD;
void http_router_free(struct http_router **router);

/* The handler of what no route answers. */
http_handler http_router_not_found(const struct http_router *router) NODISCARD;

/* The route of method and path, its parameters decoded into *parameters; NULL where there is none. */
const struct http_route *http_router_match(const struct http_router *router, struct arena *arena,
                                           const char *method, const char *path,
                                           struct http_pairs *parameters) NODISCARD;

#endif
