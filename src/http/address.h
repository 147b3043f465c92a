/*
 * IP addresses and networks (CIDR, RFC 4632), IPv4 and IPv6 as one kind: IPv4 stands as ::ffff:a.b.c.d (RFC
 * 4291).
 */
#ifndef COUNTERSIGN_HTTP_ADDRESS_H
#define COUNTERSIGN_HTTP_ADDRESS_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
    uint8_t bytes[16];
};

struct network {
    struct address address;
    unsigned prefix; /* of 128 bits; an IPv4 network's own prefix plus 96 */
};

struct networks {
    const struct network *items;
    size_t count;
};

enum { ADDRESS_TEXT_SIZE = 46 };

/* Reads "192.0.2.1", "2001:db8::1" or "[2001:db8::1]", without a port. False where it is none. */
bool address_parse(const char *text, struct address *address) NODISCARD;

/* The address of a socket; false for families other than IPv4 and IPv6. */
bool address_of_socket(const struct sockaddr *socket, struct address *address) NODISCARD;

/* Writes the usual text (RFC 5952; IPv4 in dots) into `text`. */
void address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE]);

bool address_is_ipv4(const struct address *address) NODISCARD;
bool address_equal(const struct address *a, const struct address *b) NODISCARD;

/*
 * Reads a list of addresses and networks, parted by commas or spaces: "10.0.0.0/8, ::1". NULL and "" give an
 * empty list. False where one is broken; *wrong is then that one.
 */
bool networks_parse(struct arena *arena, const char *text, struct networks *networks,
                    const char **wrong) NODISCARD;

/* Whether one of the networks holds the address. */
bool networks_hold(const struct networks *networks, const struct address *address) NODISCARD;

#endif
