/* Who the client is behind reverse proxies: `Forwarded` (RFC 7239) and X-Forwarded-For / -Proto. */
#ifndef COUNTERSIGN_HTTP_FORWARDED_H
#define COUNTERSIGN_HTTP_FORWARDED_H

#include "http/address.h"
#include "http/exchange.h"

struct forwarded {
    struct address client;
    bool is_tls; /* what the proxy said of the client's connection; false where it said nothing */
};

enum forwarded_result {
    FORWARDED_NONE = 0,   /* the peer is no trusted proxy, or it said nothing: the peer is the client */
    FORWARDED_CLIENT = 1, /* *forwarded tells the client */
    FORWARDED_CONFLICT =
        2, /* the two kinds of header name different clients: one is the client's own invention */
};

/*
 * Reads the request's headers (names in lower case). They count only where the peer is one of `trusted`; the
 * lists are walked from the right, past trusted proxies, and what stands left of the first stranger is never
 * looked at. Where both kinds of header come and only one leads to a stranger, that one counts: the other was
 * written by a proxy between proxies.
 */
enum forwarded_result forwarded_read(struct arena *arena, const struct networks *trusted,
                                     const struct address *peer, const struct http_pairs *headers,
                                     struct forwarded *forwarded) NODISCARD;

#endif
