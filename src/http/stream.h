/*
 * Server-sent events (HTML, section 9.2): an answer that stays open and costs neither a thread nor a request's memory while
 * nothing happens. A handler answers with http_reply_stream and is done. From then on, once at the beginning and each time
 * the stream's topic is woken (http_server_wake), its producer runs on a request thread, may read the store, and adds events.
 *
 * A stream ends when its producer says so, at its deadline, when the client is gone (noticed at once where it closes, by an
 * unanswered heartbeat where it vanished) or reads too slowly, and when the server stops. Browsers then connect again by
 * themselves: whoever wants no more says so in the last event, and pages close their EventSource on it.
 */
#ifndef COUNTERSIGN_HTTP_STREAM_H
#define COUNTERSIGN_HTTP_STREAM_H

#include "http/exchange.h"

struct buffer;
struct streams;

enum http_stream_kind {
    HTTP_STREAM_EVENTS = 0, /* server-sent events */
    HTTP_STREAM_ONCE =
        1, /* a long poll: ends with the first turn that says something, or at its deadline with `beat` */
    HTTP_STREAM_SOCKET = 2, /* a WebSocket (RFC 6455) of text messages */
};

/* One run of a producer. */
struct http_turn {
    struct arena *arena; /* of this turn */
    void *context;       /* the exchange's */
    const char *key;     /* the stream's */
    int64_t *note;       /* the producer's own, kept from turn to turn; 0 at first */
    const char
        *message; /* that came by the socket, one a turn; NULL: the beginning, or the topic was woken */

    /* Private to http/. */
    enum http_stream_kind kind;
    struct streams *streams;
    struct buffer *out;
    const char *topic;
};

/*
 * Adds what is new by http_turn_event, or nothing: topics are also woken for nothing. False: the stream ends after it. Turns
 * of one stream never overlap; a topic that is woken during one brings another.
 */
typedef bool (*http_producer)(struct http_turn *turn);

/* An event of that name (NULL: "message"); `data` may have several lines. */
void http_turn_event(struct http_turn *turn, const char *event, const char *data);

/* Says a text as it is: a message of a socket, a piece of the one answer of a long poll. */
void http_turn_say(struct http_turn *turn, const char *text);
/* From now on another topic wakes it; a turn more follows, so that nothing is missed in between. */
void http_turn_listen(struct http_turn *turn, const char *topic);
/* Wakes the streams of this server that have that topic: for what concerns no other server. */
void http_turn_wake(struct http_turn *turn, const char *topic);
void http_wake(struct http_exchange *x, const char *topic);

struct http_stream {
    const char *topic; /* what wakes it, as in store/signal.h; copied */
    const char *key;   /* what the producer needs to know; copied */
    unsigned
        seconds; /* after which it ends, give or take a second; the clock of machines, not base/clock.h's */
    http_producer produce;
    enum http_stream_kind kind;
    const char *type; /* ONCE: the content type */
    const char
        *beat; /* ONCE: said at the deadline. SOCKET: a message instead of a heartbeat; NULL: none. Copied */
};

/*
 * Answers 200 with the stream; headers that were set before go with it. Past the limits of the server the answer becomes a
 * 503, after which a browser's EventSource does not try again and its page has to poll.
 */
void http_reply_stream(struct http_exchange *x, const struct http_stream *stream);

/* Whether a socket can be answered with: not where this server speaks TLS itself, as libmicrohttpd then keeps the connection. */
bool http_can_be_socket(const struct http_exchange *x) NODISCARD;
/* The same for a stream of the kind SOCKET; a request that asks for none (RFC 6455 section 4.2.1) gets 400 or 426. */
void http_reply_socket(struct http_exchange *x, const struct http_stream *stream);

#endif
