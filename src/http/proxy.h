/*
 * Which proxy an outgoing call takes: an operator's, or what the environment says as curl and most programs
 * read it.
 */
#ifndef COUNTERSIGN_HTTP_PROXY_H
#define COUNTERSIGN_HTTP_PROXY_H

#include "base/arena.h"

#include <stdbool.h>

struct proxies {
    const char *for_http; /* NULL: none */
    const char *for_https;
    const char *except; /* NO_PROXY: hosts, domains and addresses that are called directly */
};

/*
 * `configured` for everything where it is not NULL; otherwise http_proxy (only in lower case: CGI servers set
 * the other from a request's header), https_proxy, all_proxy and no_proxy of the environment, those in upper
 * case too.
 */
void proxies_read(struct arena *arena, const char *configured, struct proxies *proxies);

/* The proxy for a scheme and host; NULL where the call goes directly. */
const char *proxy_for(const struct proxies *proxies, const char *scheme, const char *host) NODISCARD;

#endif
