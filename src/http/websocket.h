/*
 * WebSocket frames (RFC 6455), the server's side: text messages, fragmented or not, of bounded size; no extensions. Pure: what
 * comes and goes over the wire is the caller's.
 */
#ifndef COUNTERSIGN_HTTP_WEBSOCKET_H
#define COUNTERSIGN_HTTP_WEBSOCKET_H

#include "base/arena.h"
#include "base/buffer.h"

#include <stdint.h>

enum { WEBSOCKET_MOST_MESSAGE = 32 * 1024 };

/* The answer to a client's Sec-WebSocket-Key; NULL where that is none (RFC 6455 section 4.2.1). */
const char *websocket_accept(struct arena *arena, const char *key) NODISCARD;

enum websocket_event {
    WEBSOCKET_NONE = 0,    /* nothing whole is there yet */
    WEBSOCKET_MESSAGE = 1, /* a text, in *payload */
    WEBSOCKET_PING = 2,    /* to be answered by a pong with *payload */
    WEBSOCKET_PONG = 3,
    WEBSOCKET_CLOSE = 4, /* the client says good-bye */
    WEBSOCKET_WRONG = 5, /* it breaks the protocol, or a limit: *status says why, for the closing frame */
};

/* What of a message came so far. All zero at the beginning; freed by websocket_clear. */
struct websocket {
    char *message;
    size_t size;
    bool is_fragmented;
};

/*
 * Takes the first frame from `data`: *used bytes of it, 0 where it is not whole. Its payload is unmasked in place; *payload
 * (NUL-ended for messages) holds until the next call.
 */
enum websocket_event websocket_read(struct websocket *websocket, char *data, size_t size, size_t *used,
                                    struct bytes *payload, unsigned *status) NODISCARD;
void websocket_clear(struct websocket *websocket);

enum websocket_opcode { WEBSOCKET_TEXT = 0x1, WEBSOCKET_CLOSING = 0x8, WEBSOCKET_PONGING = 0xa };
/* Adds a frame. */
void websocket_write(struct buffer *out, enum websocket_opcode opcode, const void *payload, size_t size);
/* The closing frame with that status. */
void websocket_write_close(struct buffer *out, unsigned status);

#endif
