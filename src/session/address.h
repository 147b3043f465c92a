/* Addresses of people as protections count them. */
#ifndef COUNTERSIGN_SESSION_ADDRESS_H
#define COUNTERSIGN_SESSION_ADDRESS_H

#include "json/json.h"

/* "192.0.2.7" as it is, an IPv6 address by its /48 ("2001:db8:7::/48"): its owner has all of that. */
const char *address_key(struct arena *arena, const char *ip) NODISCARD;

/* Whether a list of addresses and networks (CIDR), as Auth0's allowlists are, has `ip`. */
bool address_listed(yyjson_val *list, const char *ip) NODISCARD;

#endif
