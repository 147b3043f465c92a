#include "http/stream.h"

#include "base/buffer.h"

#include <string.h>

/* A line's end within a field would begin another field: data goes out line by line, names have none. */
void http_turn_event(struct http_turn *turn, const char *event, const char *data)
{
    if (event != NULL && event[strcspn(event, "\r\n")] == '\0')
        buffer_printf(turn->out, "event: %s\n", event);
    const char *line = data;
    for (;;) {
        size_t length = strcspn(line, "\r\n");
        buffer_add(turn->out, "data: ");
        buffer_add_bytes(turn->out, line, length);
        buffer_add(turn->out, "\n");
        if (line[length] == '\0')
            break;
        line += length + (line[length] == '\r' && line[length + 1] == '\n' ? 2 : 1);
    }
    buffer_add(turn->out, "\n");
}

void http_reply_stream(struct http_exchange *x, const struct http_stream *stream)
{
    http_reply_bytes(x, 200, "text/event-stream", (struct bytes){.data = NULL});
    http_set_header(x, "Cache-Control", "no-store");
    http_set_header(x, "X-Accel-Buffering", "no"); /* nginx would gather events */
    struct http_stream *kept = arena_copy(x->arena, stream, sizeof *stream);
    kept->topic = arena_strdup(x->arena, stream->topic);
    kept->key = arena_strdup(x->arena, stream->key);
    x->response.stream = kept;
}
