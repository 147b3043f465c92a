#include "http/stream.h"

#include "base/buffer.h"
#include "http/call.h"
#include "http/streams.h"
#include "http/websocket.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

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

void http_turn_say(struct http_turn *turn, const char *text)
{
    if (turn->kind == HTTP_STREAM_SOCKET)
        websocket_write(turn->out, WEBSOCKET_TEXT, text, strlen(text));
    else
        buffer_add(turn->out, text);
}

void http_turn_listen(struct http_turn *turn, const char *topic)
{
    turn->topic = arena_strdup(turn->arena, topic);
}

void http_turn_wake(struct http_turn *turn, const char *topic)
{
    streams_wake(turn->streams, topic);
}

/* Every exchange of a server is part of a call. */
static const struct call_site *site_of(const struct http_exchange *x)
{
    const struct call *call =
        (const struct call *)(const void *)((const char *)x - offsetof(struct call, exchange));
    return call->site;
}

void http_wake(struct http_exchange *x, const char *topic)
{
    streams_wake(site_of(x)->streams, topic);
}

static void keep_stream(struct http_exchange *x, const struct http_stream *stream)
{
    struct http_stream *kept = arena_copy(x->arena, stream, sizeof *stream);
    kept->topic = arena_strdup(x->arena, stream->topic);
    kept->key = arena_strdup(x->arena, stream->key);
    kept->beat = arena_strdup(x->arena, stream->beat);
    x->response.stream = kept;
}

void http_reply_stream(struct http_exchange *x, const struct http_stream *stream)
{
    http_reply_bytes(x, 200, stream->kind == HTTP_STREAM_ONCE ? stream->type : "text/event-stream",
                     (struct bytes){.data = NULL});
    http_set_header(x, "Cache-Control", "no-store");
    http_set_header(x, "X-Accel-Buffering", "no"); /* nginx would gather events */
    keep_stream(x, stream);
}

/* --- sockets --- */

bool http_can_be_socket(const struct http_exchange *x)
{
    return site_of(x)->config.certificate_file == NULL;
}

/* Whether a comma list, such as Connection, holds the word. */
static bool list_has(const char *list, const char *word)
{
    size_t length = strlen(word);
    while (list != NULL && *list != '\0') {
        list += strspn(list, " \t,");
        size_t item = strcspn(list, " \t,");
        if (item == length && strncasecmp(list, word, length) == 0)
            return true;
        list += item;
    }
    return false;
}

void http_reply_socket(struct http_exchange *x, const struct http_stream *stream)
{
    const char *accept = websocket_accept(x->arena, http_header(x, "sec-websocket-key"));
    const char *version = http_header(x, "sec-websocket-version");
    if (!http_can_be_socket(x) || accept == NULL || !list_has(http_header(x, "upgrade"), "websocket") ||
        !list_has(http_header(x, "connection"), "upgrade")) {
        http_reply(x, 400, "text/plain", "A WebSocket is served here.\n");
        return;
    }
    if (version == NULL || strcmp(version, "13") != 0) {
        http_set_header(x, "Sec-WebSocket-Version", "13");
        http_reply(x, 426, "text/plain", "Version 13 of the WebSocket protocol is served.\n");
        return;
    }
    http_reply_empty(x, 200);
    http_set_header(x, "Upgrade", "websocket");
    http_set_header(x, "Sec-WebSocket-Accept", accept);
    keep_stream(x, stream);
}
