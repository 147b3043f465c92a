#include "session/address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIX_BYTES = 6 /* of the /48 */, ADDRESS_BYTES = 16, TEXT_BYTES = 64 };

/* The 16 bytes of an address, IPv4 as ::ffff:a.b.c.d; false where the text is none. */
static bool parse(const char *text, uint8_t bytes[ADDRESS_BYTES], bool *is_v4)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (inet_pton(AF_INET, text, bytes + 12) == 1) {
        memcpy(bytes, mapped, sizeof(mapped));
        *is_v4 = true;
        return true;
    }
    if (inet_pton(AF_INET6, text, bytes) != 1)
        return false;
    *is_v4 = memcmp(bytes, mapped, sizeof(mapped)) == 0;
    return true;
}

const char *address_key(struct arena *arena, const char *ip)
{
    uint8_t bytes[ADDRESS_BYTES];
    bool is_v4 = false;
    if (ip == NULL || !parse(ip, bytes, &is_v4))
        return "?";
    char text[INET6_ADDRSTRLEN];
    if (is_v4) {
        (void)inet_ntop(AF_INET, bytes + 12, text, sizeof(text));
        return arena_strdup(arena, text);
    }
    memset(bytes + PREFIX_BYTES, 0, ADDRESS_BYTES - PREFIX_BYTES);
    (void)inet_ntop(AF_INET6, bytes, text, sizeof(text));
    return arena_printf(arena, "%s/48", text);
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || (a[bits / 8] >> (8 - rest)) == (b[bits / 8] >> (8 - rest));
}

static bool network_has(const char *network, const uint8_t address[ADDRESS_BYTES])
{
    char text[TEXT_BYTES];
    size_t length = strcspn(network, "/");
    if (length >= sizeof(text))
        return false;
    memcpy(text, network, length);
    text[length] = '\0';
    uint8_t bytes[ADDRESS_BYTES];
    bool is_v4 = false;
    if (!parse(text, bytes, &is_v4))
        return false;
    unsigned offset = is_v4 ? 96 : 0;
    unsigned bits = 128;
    if (network[length] == '/') {
        char *end = NULL;
        unsigned long given = strtoul(network + length + 1, &end, 10);
        if (end == network + length + 1 || *end != '\0' || given + offset > 128)
            return false;
        bits = (unsigned)given + offset;
    }
    return same_bits(bytes, address, bits);
}

bool address_listed(yyjson_val *list, const char *ip)
{
    uint8_t address[ADDRESS_BYTES];
    bool is_v4 = false;
    if (ip == NULL || !yyjson_is_arr(list) || !parse(ip, address, &is_v4))
        return false;
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, count, item)
    {
        if (yyjson_is_str(item) && network_has(yyjson_get_str(item), address))
            return true;
    }
    return false;
}
