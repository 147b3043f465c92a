#include "http/egress.h"

#include <string.h>
#include <strings.h>

/* IANA's special-purpose registries (RFC 6890 and later), as far as they are not globally reachable. */
static const struct {
    uint8_t address[4];
    unsigned prefix;
} closed_ipv4[] = {
    {{0, 0, 0, 0}, 8},       /* this network */
    {{10, 0, 0, 0}, 8},      /* private */
    {{100, 64, 0, 0}, 10},   /* carriers' NAT; some clouds' metadata */
    {{127, 0, 0, 0}, 8},     /* loopback */
    {{169, 254, 0, 0}, 16},  /* link-local; most clouds' metadata */
    {{172, 16, 0, 0}, 12},   /* private */
    {{192, 0, 0, 0}, 24},    /* protocol assignments */
    {{192, 0, 2, 0}, 24},    /* documentation */
    {{192, 88, 99, 0}, 24},  /* 6to4 relays */
    {{192, 168, 0, 0}, 16},  /* private */
    {{198, 18, 0, 0}, 15},   /* benchmarks */
    {{198, 51, 100, 0}, 24}, /* documentation */
    {{203, 0, 113, 0}, 24},  /* documentation */
    {{224, 0, 0, 0}, 4},     /* multicast */
    {{240, 0, 0, 0}, 4},     /* reserved, broadcast */
};

/* Of IPv6 only 2000::/3 is given out to be reached; these parts of it are not. */
static const struct network closed_ipv6[] = {
    {.address = {{0x20, 0x01}}, .prefix = 23},             /* protocol assignments, Teredo */
    {.address = {{0x20, 0x01, 0x0d, 0xb8}}, .prefix = 32}, /* documentation */
    {.address = {{0x20, 0x02}}, .prefix = 16},             /* 6to4: an IPv4 address in disguise */
    {.address = {{0x3f, 0xff}}, .prefix = 20},             /* documentation */
};
static const struct network open_ipv6 = {.address = {{0x20}}, .prefix = 3};
static const struct network nat64 = {.address = {{0x00, 0x64, 0xff, 0x9b}}, .prefix = 96};

static bool is_public_ipv4(const uint8_t *bytes)
{
    uint32_t number =
        (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    for (size_t i = 0; i < ARRAY_LENGTH(closed_ipv4); i++) {
        const uint8_t *base = closed_ipv4[i].address;
        uint32_t network =
            (uint32_t)base[0] << 24 | (uint32_t)base[1] << 16 | (uint32_t)base[2] << 8 | base[3];
        if ((number ^ network) >> (32 - closed_ipv4[i].prefix) == 0)
            return false;
    }
    return true;
}

static bool is_public(const struct address *address)
{
    const struct networks closed = {.items = closed_ipv6, .count = ARRAY_LENGTH(closed_ipv6)};
    const struct networks open = {.items = &open_ipv6, .count = 1};
    const struct networks translated = {.items = &nat64, .count = 1};

    if (address_is_ipv4(address) || networks_hold(&translated, address))
        return is_public_ipv4(address->bytes + 12);
    return networks_hold(&open, address) && !networks_hold(&closed, address);
}

bool egress_parse(struct arena *arena, const char *allow, struct egress *egress, const char **wrong)
{
    *egress = (struct egress){.allows_all = allow != NULL && strcmp(allow, "*") == 0};
    return egress->allows_all || networks_parse(arena, allow, &egress->allowed, wrong);
}

bool egress_permits(const struct egress *egress, const struct address *address)
{
    return egress->allows_all || networks_hold(&egress->allowed, address) || is_public(address);
}

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t size = strlen(end);
    return length >= size && strncasecmp(text + length - size, end, size) == 0;
}

bool egress_permits_host(const struct egress *egress, const char *host)
{
    static const char *const inner[] = {".localhost", ".local", ".internal"};
    struct address address;
    size_t length = strlen(host);

    if (egress->allows_all)
        return true;
    if (address_parse(host, &address))
        return egress_permits(egress, &address);
    if (length > 0 && host[length - 1] == '.')
        length--;
    if (length == 9 && strncasecmp(host, "localhost", 9) == 0)
        return false;
    for (size_t i = 0; i < ARRAY_LENGTH(inner); i++)
        if (ends_with(host, length, inner[i]))
            return false;
    return true;
}
