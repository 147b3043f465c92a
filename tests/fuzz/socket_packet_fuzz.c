/* What a client of the widget's socket transport posts: packets, one or several. */
#include "guardian/socket_packet.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create();
    const char *payload = arena_strndup(arena, (const char *)data, size);
    const char *text;
    while (socket_payload_next(arena, &payload, &text)) {
        struct socket_packet packet;
        socket_packet_read(arena, text, &packet);
        if (strchr(text, '\x1e') != NULL || packet.text == NULL)
            abort();
        if ((packet.kind == SOCKET_EVENT) != (packet.name != NULL && packet.kind != SOCKET_WRONG))
            abort();
        if (packet.elsewhere != NULL && strpbrk(packet.elsewhere, "\"\\<,") != NULL)
            abort();
    }
    arena_destroy(&arena);
    return 0;
}
