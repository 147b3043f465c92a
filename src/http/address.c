#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void set_ipv4(struct address *address, const void *four)
{
    memcpy(address->bytes, mapped_prefix, sizeof mapped_prefix);
    memcpy(address->bytes + sizeof mapped_prefix, four, 4);
}

static bool parse_span(const char *text, size_t length, struct address *address)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr four;

    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
        if (memchr(text, ':', length) == NULL)
            return false;
    }
    if (length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (inet_pton(AF_INET, copy, &four) == 1) {
        set_ipv4(address, &four);
        return true;
    }
    return inet_pton(AF_INET6, copy, address->bytes) == 1;
}

bool address_parse(const char *text, struct address *address)
{
    return parse_span(text, strlen(text), address);
}

bool address_of_socket(const struct sockaddr *socket, struct address *address)
{
    if (socket->sa_family == AF_INET) {
        set_ipv4(address, &((const struct sockaddr_in *)(const void *)socket)->sin_addr);
        return true;
    }
    if (socket->sa_family == AF_INET6) {
        memcpy(address->bytes, &((const struct sockaddr_in6 *)(const void *)socket)->sin6_addr, 16);
        return true;
    }
    return false;
}

bool address_is_ipv4(const struct address *address)
{
    return memcmp(address->bytes, mapped_prefix, sizeof mapped_prefix) == 0;
}

bool address_equal(const struct address *a, const struct address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

void address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
    if (address_is_ipv4(address))
        inet_ntop(AF_INET, address->bytes + sizeof mapped_prefix, text, ADDRESS_TEXT_SIZE);
    else
        inet_ntop(AF_INET6, address->bytes, text, ADDRESS_TEXT_SIZE);
}

/* Up to three digits; -1 where it is no such number. */
static int parse_prefix(const char *text, size_t length)
{
    int prefix = 0;
    if (length == 0 || length > 3)
        return -1;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        prefix = prefix * 10 + (text[i] - '0');
    }
    return prefix;
}

static bool parse_network(const char *text, size_t length, struct network *network)
{
    const char *slash = memchr(text, '/', length);
    size_t address_length = slash == NULL ? length : (size_t)(slash - text);

    if (!parse_span(text, address_length, &network->address))
        return false;
    network->prefix = 128;
    if (slash == NULL)
        return true;
    int prefix = parse_prefix(slash + 1, length - address_length - 1);
    bool is_dotted = memchr(text, ':', address_length) == NULL;
    if (prefix < 0 || prefix > (is_dotted ? 32 : 128))
        return false;
    network->prefix = (unsigned)prefix + (is_dotted ? 96 : 0);
    return true;
}

bool networks_parse(struct arena *arena, const char *text, struct networks *networks, const char **wrong)
{
    static const char separators[] = ", \t";

    *networks = (struct networks){.items = NULL};
    if (text == NULL)
        return true;
    size_t most = strlen(text) / 2 + 1;
    struct network *items = arena_calloc(arena, most, sizeof *items);
    size_t count = 0;
    for (const char *rest = text + strspn(text, separators); *rest != '\0';
         rest += strspn(rest, separators)) {
        size_t length = strcspn(rest, separators);
        if (!parse_network(rest, length, &items[count])) {
            *wrong = arena_strndup(arena, rest, length);
            return false;
        }
        count++;
        rest += length;
    }
    *networks = (struct networks){.items = items, .count = count};
    return true;
}

static bool network_holds(const struct network *network, const struct address *address)
{
    unsigned whole = network->prefix / 8;
    unsigned rest = network->prefix % 8;

    if (memcmp(network->address.bytes, address->bytes, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    uint8_t mask = (uint8_t)(0xff << (8 - rest));
    return ((network->address.bytes[whole] ^ address->bytes[whole]) & mask) == 0;
}

bool networks_hold(const struct networks *networks, const struct address *address)
{
    for (size_t i = 0; i < networks->count; i++)
        if (network_holds(&networks->items[i], address))
            return true;
    return false;
}
