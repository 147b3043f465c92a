/*
 * The open streams of a server. They were taken away from libmicrohttpd: an open one is a descriptor and some hundred bytes
 * here, on one epoll that only notices clients who leave; heartbeats go out by a wheel of seconds. Turns run on the request
 * threads, a bounded number at once, so that a word to thousands leaves room for requests. For src/http alone.
 */
#ifndef COUNTERSIGN_HTTP_STREAMS_H
#define COUNTERSIGN_HTTP_STREAMS_H

#include "http/address.h"
#include "http/stream.h"
#include "http/workers.h"

struct streams;
struct stream;

struct streams_config {
    unsigned total;
    unsigned per_address; /* of the person, as IPv6 by /64; 0: no limit */
    unsigned heartbeat_seconds;
    unsigned turns; /* at once */
    struct workers *workers;
    void *context; /* for the turns */
};

/* NULL where there is no thread or descriptor for it. */
struct streams *streams_start(const struct streams_config *config) NODISCARD;

/* A stream that has its place but no client yet; NULL past the limits. */
struct stream *streams_open(struct streams *streams, const struct http_stream *stream,
                            const struct address *person) NODISCARD;

/* Gives it `fd`, which it owns from now on, and sends `head` first. Its first turn follows. */
void stream_take(struct stream *stream, int fd, const char *head);

/*
 * For a connection that stays libmicrohttpd's (TLS): it asks for bytes by stream_read. `resume` is called, from any thread
 * and under a lock, when there is something after stream_read had nothing.
 */
void stream_lend(struct stream *stream, void (*resume)(void *context), void *resume_context);
/* Up to `size` bytes; 0: none for now, then `suspend` was called before; -1: it is over. */
int64_t stream_read(struct stream *stream, char *data, size_t size, void (*suspend)(void *context));
/* The lent connection is closed, or will not be served: the stream is gone for its owner. */
void stream_let_go(struct stream *stream);

/* Wakes the streams of that topic; NULL: all. From any thread; quick. */
void streams_wake(struct streams *streams, const char *topic);

unsigned streams_count(const struct streams *streams) NODISCARD;

/* Ends all streams, and lets none be opened; turns that run go on. */
void streams_close(struct streams *streams);
/* After streams_close, and after the workers have stopped. */
void streams_stop(struct streams **streams);

#endif
