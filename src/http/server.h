/*
 * The HTTP server: libmicrohttpd's event loops move bytes, a bounded pool of request threads runs handlers.
 * Deadlines for whole requests, limits on everything, a graceful stop.
 */
#ifndef COUNTERSIGN_HTTP_SERVER_H
#define COUNTERSIGN_HTTP_SERVER_H

#include "http/router.h"

struct http_server;

struct http_server_config {
    const char *listen; /* "HOST:PORT"; "[::1]:3000" for IPv6; port 0 takes a free one */
    unsigned loops;     /* event-loop threads */
    unsigned workers;   /* requests that are worked on at once */
    unsigned waiting;   /* requests that may wait for something outside beside them (http/workers.h) */
    unsigned queue;     /* requests that may wait for one; past it 503 */
    unsigned connections;
    unsigned connections_per_address;
    unsigned streams;             /* open at most (http/stream.h), beside the connections */
    unsigned streams_per_address; /* of a person; 0: no limit */
    unsigned heartbeat_seconds;   /* of streams; at most 62 */
    size_t header_bytes;
    size_t body_bytes;
    unsigned request_seconds;     /* from a request's first byte to its last */
    unsigned idle_seconds;        /* a connection between requests */
    const char *trusted_proxies;  /* comma list: whose Forwarded and X-Forwarded-* headers count */
    const char *certificate_file; /* PEM; NULL serves plain HTTP */
    const char *private_key_file;
    /* Called on every finished exchange, from any thread, for metrics and the access log. May be NULL. */
    void (*finished)(void *context, const struct http_exchange *x, const struct http_route *route,
                     int64_t nanoseconds);
    /*
     * The response's extra headers for HTTP_CORS routes and preflights: adds them for `origin`. May be NULL.
     */
    void (*cross_origin)(struct http_exchange *x, const char *origin);
};

/*
 * Starts serving; on failure NULL and the cause, one sentence, in *error. `context` reaches handlers as
 * x->context.
 */
struct http_server *http_server_start(const struct http_server_config *config,
                                      const struct http_router *router, void *context, struct arena *arena,
                                      const char **error) NODISCARD;
/* The port that is listened on. */
unsigned http_server_port(const struct http_server *server) NODISCARD;
/*
 * Reads the certificate and its key again, for new connections; open ones go on with the old. True also where
 * the server speaks plain HTTP. On failure all stays as it was, and *error says why. Not while the server is
 * being stopped.
 */
bool http_server_renew_certificate(struct http_server *server, struct arena *arena,
                                   const char **error) NODISCARD;

struct http_server_load {
    unsigned connections; /* open */
    unsigned requests;    /* open, from their first line to the last byte of the answer */
    unsigned waiting;     /* for a request thread */
    unsigned streams;     /* open */
};
void http_server_load(const struct http_server *server, struct http_server_load *load);

/* Wakes the streams of a topic; NULL: all. From any thread, never blocks for long: fit for signal_listen. */
void http_server_wake(struct http_server *server, const char *topic);

/*
 * Stops accepting, ends streams, lets open requests end for at most `seconds`, then closes; *server becomes NULL. Handlers
 * that still run then are waited for: their own limits are short.
 */
void http_server_stop(struct http_server **server, unsigned seconds);

#endif
