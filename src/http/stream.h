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

/* One run of a producer. */
struct http_turn {
    struct arena *arena; /* of this turn */
    void *context;       /* the exchange's */
    const char *key;     /* the stream's */
    int64_t *note;       /* the producer's own, kept from turn to turn; 0 at first */
    struct buffer *out;  /* private to http/ */
};

/*
 * Adds what is new by http_turn_event, or nothing: topics are also woken for nothing. False: the stream ends after it. Turns
 * of one stream never overlap; a topic that is woken during one brings another.
 */
typedef bool (*http_producer)(struct http_turn *turn);

/* An event of that name (NULL: "message"); `data` may have several lines. */
void http_turn_event(struct http_turn *turn, const char *event, const char *data);

struct http_stream {
    const char *topic; /* what wakes it, as in store/signal.h; copied */
    const char *key;   /* what the producer needs to know; copied */
    unsigned
        seconds; /* after which it ends, give or take a second; the clock of machines, not base/clock.h's */
    http_producer produce;
};

/*
 * Answers 200 with the stream; headers that were set before go with it. Past the limits of the server the answer becomes a
 * 503, after which a browser's EventSource does not try again and its page has to poll.
 */
void http_reply_stream(struct http_exchange *x, const struct http_stream *stream);

#endif
