#include "http/websocket.h"

#include "base/encode.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONTINUATION = 0x0,
    TEXT = 0x1,
    CLOSE = 0x8,
    PING = 0x9,
    PONG = 0xa,
    MOST_CONTROL = 125,
    MASK_SIZE = 4,
    GOING_WRONG = 1002,
    NOT_TEXT = 1003,
    NOT_UTF8 = 1007,
    TOO_LARGE = 1009,
    KEY_LENGTH = 24,
};

const char *websocket_accept(struct arena *arena, const char *key)
{
    uint8_t digest[20];
    struct bytes nonce;
    if (key == NULL || strlen(key) != KEY_LENGTH || !base64_decode(arena, key, KEY_LENGTH, &nonce) ||
        nonce.size != 16)
        return NULL;
    const char *text = arena_printf(arena, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    if (EVP_Digest(text, strlen(text), digest, NULL, EVP_sha1(), NULL) != 1)
        return NULL;
    return base64_encode(arena, (struct bytes){.data = digest, .size = sizeof digest});
}

struct frame {
    unsigned opcode;
    bool is_final;
    char *payload;
    size_t size;
    size_t whole; /* head and payload */
};

/* Reads a head: 1 where the frame is whole, 0 where more must come, -1 with *status where it is wrong. */
static int read_frame(char *data, size_t size, struct frame *frame, unsigned *status)
{
    const uint8_t *head = (const uint8_t *)data;
    if (size < 2)
        return 0;
    size_t length = head[1] & 0x7f;
    size_t head_size = 2;
    *frame = (struct frame){.opcode = head[0] & 0x0f, .is_final = (head[0] & 0x80) != 0};
    /* Reserved bits belong to extensions, of which there are none; a client masks what it sends (section 5.1). */
    *status = GOING_WRONG;
    if ((head[0] & 0x70) != 0 || (head[1] & 0x80) == 0)
        return -1;
    if (frame->opcode >= CLOSE && (length > MOST_CONTROL || !frame->is_final))
        return -1;
    if (length == 127) {
        *status = TOO_LARGE;
        return -1;
    }
    if (length == 126) {
        if (size < 4)
            return 0;
        length = (size_t)head[2] << 8 | head[3];
        head_size = 4;
    }
    if (length > WEBSOCKET_MOST_MESSAGE) {
        *status = TOO_LARGE;
        return -1;
    }
    frame->whole = head_size + MASK_SIZE + length;
    if (size < frame->whole)
        return 0;
    const uint8_t *mask = head + head_size;
    frame->payload = data + head_size + MASK_SIZE;
    frame->size = length;
    for (size_t i = 0; i < length; i++)
        frame->payload[i] = (char)((uint8_t)frame->payload[i] ^ mask[i % MASK_SIZE]);
    return 1;
}

static enum websocket_event wrong(unsigned *status, unsigned what)
{
    *status = what;
    return WEBSOCKET_WRONG;
}

/* Adds a piece to the message; gives it where it is whole. */
static enum websocket_event take_piece(struct websocket *websocket, const struct frame *frame,
                                       struct bytes *payload, unsigned *status)
{
    if ((frame->opcode == CONTINUATION) != websocket->is_fragmented)
        return wrong(status, GOING_WRONG);
    if (!websocket->is_fragmented)
        websocket->size = 0;
    if (websocket->size + frame->size > WEBSOCKET_MOST_MESSAGE)
        return wrong(status, TOO_LARGE);
    char *larger = realloc(websocket->message, websocket->size + frame->size + 1);
    if (larger == NULL)
        abort();
    memcpy(larger + websocket->size, frame->payload, frame->size);
    websocket->message = larger;
    websocket->size += frame->size;
    larger[websocket->size] = '\0';
    websocket->is_fragmented = !frame->is_final;
    if (!frame->is_final)
        return WEBSOCKET_NONE;
    if (!utf8_valid(larger, websocket->size) || strlen(larger) != websocket->size)
        return wrong(status, NOT_UTF8);
    *payload = (struct bytes){.data = (const uint8_t *)larger, .size = websocket->size};
    return WEBSOCKET_MESSAGE;
}

enum websocket_event websocket_read(struct websocket *websocket, char *data, size_t size, size_t *used,
                                    struct bytes *payload, unsigned *status)
{
    struct frame frame;
    *used = 0;
    *payload = (struct bytes){.data = NULL};
    int is_whole = read_frame(data, size, &frame, status);
    if (is_whole < 0)
        return WEBSOCKET_WRONG;
    if (is_whole == 0)
        return WEBSOCKET_NONE;
    *used = frame.whole;
    *payload = (struct bytes){.data = (const uint8_t *)frame.payload, .size = frame.size};
    switch (frame.opcode) {
    case CONTINUATION:
    case TEXT:
        return take_piece(websocket, &frame, payload, status);
    case PING:
        return WEBSOCKET_PING;
    case PONG:
        return WEBSOCKET_PONG;
    case CLOSE:
        return WEBSOCKET_CLOSE;
    default:
        return wrong(status, frame.opcode < CLOSE ? NOT_TEXT : GOING_WRONG);
    }
}

void websocket_clear(struct websocket *websocket)
{
    free(websocket->message);
    *websocket = (struct websocket){.message = NULL};
}

void websocket_write(struct buffer *out, enum websocket_opcode opcode, const void *payload, size_t size)
{
    if (size > UINT16_MAX) {
        out->overflowed = true;
        return;
    }
    buffer_add_char(out, (char)(0x80 | opcode));
    if (size <= MOST_CONTROL) {
        buffer_add_char(out, (char)size);
    } else {
        buffer_add_char(out, 126);
        buffer_add_char(out, (char)(size >> 8));
        buffer_add_char(out, (char)(size & 0xff));
    }
    buffer_add_bytes(out, payload, size);
}

void websocket_write_close(struct buffer *out, unsigned status)
{
    const uint8_t payload[2] = {(uint8_t)(status >> 8), (uint8_t)status};
    websocket_write(out, WEBSOCKET_CLOSING, payload, sizeof payload);
}
