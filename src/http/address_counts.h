/* How many of something each address has: IPv6 counts by /64 network, which one person has whole. */
#ifndef COUNTERSIGN_HTTP_ADDRESS_COUNTS_H
#define COUNTERSIGN_HTTP_ADDRESS_COUNTS_H

#include "http/address.h"

struct address_counts;

struct address_counts *address_counts_create(void) NODISCARD;
/* All must have been given back. */
void address_counts_free(struct address_counts **counts);

/* From any thread. One more of that address; how many it then has. */
unsigned address_counts_add(struct address_counts *counts, const struct address *address);
void address_counts_give_back(struct address_counts *counts, const struct address *address);
unsigned address_counts_of(struct address_counts *counts, const struct address *address) NODISCARD;

#endif
