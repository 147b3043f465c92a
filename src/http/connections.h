/*
 * The open connections, watched by a thread of its own: a client gets a bounded time for its whole request
 * and for taking the whole answer, however busily it sends a byte now and then; and a bounded number of
 * connections.
 */
#ifndef COUNTERSIGN_HTTP_CONNECTIONS_H
#define COUNTERSIGN_HTTP_CONNECTIONS_H

#include "http/address.h"

#include <stddef.h>

struct connections;
struct connection;

struct connections_limits {
    unsigned total;
    unsigned per_address; /* IPv6: per /64 network; 0: no limit */
    unsigned request_seconds;
    unsigned idle_seconds;
    struct networks unlimited; /* addresses that per_address does not count: proxies */
};

/* Starts the watch; NULL where there is no thread for it. */
struct connections *connections_start(const struct connections_limits *limits) NODISCARD;
/* All connections must be closed. */
void connections_stop(struct connections **connections);

/* Whether one more from that address is within the limits. */
bool connections_admit(struct connections *connections, const struct sockaddr *peer) NODISCARD;

/* Takes a connection under watch. It begins between requests. */
struct connection *connections_open(struct connections *connections, int fd,
                                    const struct sockaddr *peer) NODISCARD;
/* To be called before `fd` is closed. */
void connections_close(struct connections *connections, struct connection *connection);

const struct address *connection_peer(const struct connection *connection) NODISCARD;

/*
 * What the connection is at, told by its loop: between requests; a request's head is there; its handler
 * works; `size` bytes of an answer go out.
 */
void connection_waits(struct connections *connections, struct connection *connection);
void connection_reads(struct connections *connections, struct connection *connection);
void connection_works(struct connection *connection);
void connection_writes(struct connections *connections, struct connection *connection, size_t size);

unsigned connections_count(const struct connections *connections) NODISCARD;

/* From now on connections are cut as soon as they are between requests. */
void connections_drain(struct connections *connections);
/* Cuts all. */
void connections_cut_all(struct connections *connections);

#endif
