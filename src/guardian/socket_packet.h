/* The packets of socket.io 5 within engine.io 4, as far as the browser widget's transport needs them: text, one namespace. */
#ifndef COUNTERSIGN_GUARDIAN_SOCKET_PACKET_H
#define COUNTERSIGN_GUARDIAN_SOCKET_PACKET_H

#include "json/json.h"

enum socket_packet_kind {
    SOCKET_OTHER = 0, /* to be passed over: acknowledgements, what newer clients may send */
    SOCKET_WRONG = 1, /* not of the protocol */
    SOCKET_CLOSE = 2,
    SOCKET_PING = 3, /* `text`: "probe", or nothing */
    SOCKET_PONG = 4,
    SOCKET_UPGRADE = 5,
    SOCKET_CONNECT = 6,    /* to the namespace */
    SOCKET_DISCONNECT = 7, /* from it */
    SOCKET_EVENT = 8,      /* `name`, with `argument` (NULL: none) */
};

struct socket_packet {
    enum socket_packet_kind kind;
    const char *text;
    const char *name;
    yyjson_val *argument;
    const char *elsewhere; /* the namespace, which there is not; NULL: the one that there is */
};

void socket_packet_read(struct arena *arena, const char *text, struct socket_packet *packet);

/* The next packet of a long poll's payload (parted by U+001E) into *packet; false at its end. */
bool socket_payload_next(struct arena *arena, const char **payload, const char **packet) NODISCARD;

#endif
