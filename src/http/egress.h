/*
 * Where outgoing calls may go. Scripts choose addresses, so that by default nothing is reachable that the
 * public Internet cannot reach: no loopback, private, link-local (metadata services), carrier, multicast or
 * reserved address, in any form that hides an IPv4 address in an IPv6 one.
 */
#ifndef COUNTERSIGN_HTTP_EGRESS_H
#define COUNTERSIGN_HTTP_EGRESS_H

#include "http/address.h"

struct egress {
    bool allows_all;
    struct networks allowed; /* although they are not public */
};

/*
 * Reads "10.1.0.0/16, 192.0.2.7"; "*" allows all; NULL nothing more. False where one is broken, then *wrong
 * is that one.
 */
bool egress_parse(struct arena *arena, const char *allow, struct egress *egress,
                  const char **wrong) NODISCARD;

bool egress_permits(const struct egress *egress, const struct address *address) NODISCARD;

/*
 * Whether a URL's host may be handed to a proxy, which then resolves it: false for an address that is not
 * permitted, and for names that only mean something inside a network (localhost, *.local, *.internal).
 */
bool egress_permits_host(const struct egress *egress, const char *host) NODISCARD;

#endif
