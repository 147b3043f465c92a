#include "guardian/socket_packet.h"

#include <string.h>

enum { MOST_BYTES = 16 * 1024, MOST_ITEMS = 100, MOST_DEPTH = 8, LONGEST_NAMESPACE = 64 };

static const struct json_limits limits = {.bytes = MOST_BYTES, .depth = MOST_DEPTH, .items = MOST_ITEMS};

/* Takes "/namespace," off; false where it has no such form. */
static bool take_namespace(struct arena *arena, const char **at, const char **name)
{
    static const char letters[] = "/-_.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    *name = NULL;
    if (**at != '/')
        return true;
    size_t length = strcspn(*at, ",");
    if (length > LONGEST_NAMESPACE || strspn(*at, letters) != length)
        return false;
    if (length > 1)
        *name = arena_strndup(arena, *at, length);
    *at += length + ((*at)[length] == ',');
    return true;
}

static void read_event(struct arena *arena, const char *text, struct socket_packet *packet)
{
    yyjson_val *root = NULL;
    text +=
        strspn(text, "0123456789"); /* the number of an acknowledgement that is wished, which none here is */
    packet->kind = SOCKET_WRONG;
    if (json_parse(arena, bytes_of_text(text), &limits, &root) != JSON_FINE || !yyjson_is_arr(root))
        return;
    packet->name = yyjson_get_str(yyjson_arr_get(root, 0));
    packet->argument = yyjson_arr_get(root, 1);
    if (packet->name != NULL)
        packet->kind = SOCKET_EVENT;
}

/* socket.io's, within a message of engine.io's. */
static void read_message(struct arena *arena, const char *text, struct socket_packet *packet)
{
    char kind = *text;
    if (kind < '0' || kind > '6') {
        packet->kind = SOCKET_WRONG;
        return;
    }
    text++;
    bool is_fine = take_namespace(arena, &text, &packet->elsewhere);
    packet->text = text;
    if (!is_fine)
        packet->kind = SOCKET_WRONG;
    else if (kind == '0')
        packet->kind = SOCKET_CONNECT;
    else if (kind == '1')
        packet->kind = SOCKET_DISCONNECT;
    else if (kind == '2')
        read_event(arena, text, packet);
    else
        packet->kind = kind == '3' || kind == '4' ? SOCKET_OTHER : SOCKET_WRONG; /* 5 and 6 are binary */
}

void socket_packet_read(struct arena *arena, const char *text, struct socket_packet *packet)
{
    *packet = (struct socket_packet){.kind = SOCKET_WRONG, .text = text[0] != '\0' ? text + 1 : text};
    switch (text[0]) {
    case '1':
        packet->kind = SOCKET_CLOSE;
        break;
    case '2':
        packet->kind = SOCKET_PING;
        break;
    case '3':
        packet->kind = SOCKET_PONG;
        break;
    case '4':
        read_message(arena, text + 1, packet);
        break;
    case '5':
        packet->kind = SOCKET_UPGRADE;
        break;
    case '6':
        packet->kind = SOCKET_OTHER;
        break;
    default:
        break;
    }
}

bool socket_payload_next(struct arena *arena, const char **payload, const char **packet)
{
    if (**payload == '\0')
        return false;
    size_t length = strcspn(*payload, "\x1e");
    *packet = arena_strndup(arena, *payload, length);
    *payload += length + ((*payload)[length] != '\0');
    return true;
}
