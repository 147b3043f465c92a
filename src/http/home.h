/*
 * Calls that this server's scripts make to its own API. They take the short way, to the server's own listener: no DNS,
 * no proxy, and no hole in the egress policy for it.
 */
#ifndef COUNTERSIGN_HTTP_HOME_H
#define COUNTERSIGN_HTTP_HOME_H

#include "base/arena.h"

#include <stdbool.h>

struct http_home {
    const char *host;   /* of the issuer, with its port where it has one; NULL: there is no short way */
    const char *listen; /* HOST:PORT of the listener */
    bool tls;           /* it speaks TLS, with the issuer's certificate */
};

/*
 * `url` as the own listener serves it, in the arena; NULL where it is another host's, or none of the paths that scripts have
 * business with (the Management and Authentication APIs).
 */
const char *home_address(struct arena *arena, const struct http_home *home, const char *url);

/* Where to connect to for it: what libcurl's CURLOPT_CONNECT_TO takes. */
const char *home_listener(struct arena *arena, const struct http_home *home);

#endif
