/*
 * One request from its first line to the sent answer: what stands between libmicrohttpd's callbacks and the
 * handlers.
 */
#ifndef COUNTERSIGN_HTTP_CALL_H
#define COUNTERSIGN_HTTP_CALL_H

#include "base/buffer.h"
#include "http/address.h"
#include "http/server.h"
#include "http/workers.h"

#include <microhttpd.h>

/* What a connection's memory holds for an answer's head, beside the largest request's. */
enum { CALL_ANSWER_HEAD_BYTES = 8 * 1024 };

/* What all requests of a server share. */
struct call_site {
    struct http_server_config config;
    const struct http_router *router;
    struct networks trusted;
    const char *keep_alive; /* the header of that name */
    struct streams *streams;
    void *context;
    uint64_t id_prefix;
    _Atomic uint64_t id_next;
};

enum call_stage {
    CALL_NEW = 0,      /* the request line is known */
    CALL_READING = 1,  /* the head is known, the body comes */
    CALL_REFUSED = 2,  /* the answer is an error already; what comes of the body is dropped */
    CALL_WORKING = 3,  /* on a request thread */
    CALL_ANSWERED = 4, /* the handler has run */
    CALL_SENDING = 5,
    CALL_STREAMING = 6, /* a lent connection's stream */
};

struct call {
    struct work work; /* first: a request thread gets this */
    struct http_exchange exchange;
    struct call_site *site;
    struct MHD_Connection *mhd;
    const struct http_route *route;
    const char *target; /* the raw request target */
    struct buffer body;
    size_t head_bytes; /* of the request */
    size_t dropped;    /* bytes of a refused body */
    enum call_stage stage;
    struct stream *stream; /* lent: to be let go with the call */
    bool is_preflight;
    bool is_head;
    bool closes;   /* the connection ends with this answer */
    int64_t began; /* when the request was complete, or refused */
};

/* A call for the request line's target, in an arena of its own. */
struct call *call_create(struct call_site *site, struct MHD_Connection *mhd, const char *target) NODISCARD;
void call_destroy(struct call **call);

/*
 * Reads the head. Whether the body, if any, is to be read; otherwise the stage is CALL_REFUSED, and the
 * answer is to be sent at once.
 */
bool call_open(struct call *call, const char *method, const struct address *peer) NODISCARD;

/* Takes a piece of the body. False where the client goes on too long after having been refused. */
bool call_gather(struct call *call, const char *data, size_t size) NODISCARD;

/* The body is complete: lets the handler find it. */
void call_complete(struct call *call);

/* Runs the handler; afterwards the stage is CALL_ANSWERED. */
void call_run(struct call *call);

/* Makes the answer an error of the server's own. */
void call_refuse(struct call *call, int status, const char *message);

/*
 * The answer for libmicrohttpd, with the headers that every answer has. Its body lives as long as the call.
 */
struct MHD_Response *call_response(struct call *call) NODISCARD;

/* The head of an answer whose body ends with its connection, for a stream that is taken away from libmicrohttpd. */
const char *call_stream_head(struct call *call) NODISCARD;
/* The answer of a stream on a connection that stays libmicrohttpd's: the call's own `stream`. */
struct MHD_Response *call_stream_response(struct call *call) NODISCARD;

#endif
