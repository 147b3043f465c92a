#include "http/forwarded.h"

#include <string.h>
#include <strings.h>

enum { MOST_HOPS = 32 };

struct hop {
    const char *node; /* as it stands; NULL where the element names none */
    const char *proto;
};

/* What proxies have written, in the order of the header: the nearest last. */
struct hops {
    struct hop items[MOST_HOPS];
    size_t count;
};

/* Keeps the nearest ones where there are too many. */
static void add_hop(struct hops *hops, struct hop hop)
{
    if (hops->count == MOST_HOPS) {
        memmove(hops->items, hops->items + 1, sizeof hops->items - sizeof hops->items[0]);
        hops->count--;
    }
    hops->items[hops->count++] = hop;
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

/* A token or quoted text (RFC 9110 section 5.6); the position behind it, NULL where it is neither. */
static const char *read_value(struct arena *arena, const char *at, const char **value)
{
    if (*at != '"') {
        size_t length = strcspn(at, " \t,;\"");
        *value = arena_strndup(arena, at, length);
        return length > 0 ? at + length : NULL;
    }
    char *text = arena_alloc(arena, strlen(at));
    *value = text;
    for (at++; *at != '"'; at++) {
        if (*at == '\\')
            at++;
        if (*at == '\0')
            return NULL;
        *text++ = *at;
    }
    return at + 1;
}

/* One forwarded-pair into *hop; the position behind it, NULL where it is broken. */
static const char *read_pair(struct arena *arena, const char *at, struct hop *hop)
{
    size_t name_length = strcspn(at, "=,; \t\"");
    const char *name = at;
    const char *value;

    if (name_length == 0 || at[name_length] != '=')
        return NULL;
    at = read_value(arena, at + name_length + 1, &value);
    if (name_length == 3 && strncasecmp(name, "for", 3) == 0)
        hop->node = value;
    else if (name_length == 5 && strncasecmp(name, "proto", 5) == 0)
        hop->proto = value;
    return at;
}

/* The elements of a Forwarded header. What is broken makes all left of it unknown: a hop without a node. */
static void read_forwarded(struct arena *arena, const char *at, struct hops *hops)
{
    struct hop hop = {.node = NULL};
    for (at = skip_blanks(at); *at != '\0'; at = skip_blanks(at)) {
        if (*at == ',') {
            add_hop(hops, hop);
            hop = (struct hop){.node = NULL};
            at++;
        } else if (*at == ';') {
            at++;
        } else {
            const char *next = read_pair(arena, at, &hop);
            if (next == NULL) {
                hop = (struct hop){.node = NULL};
                next = at + strcspn(at, ",");
            }
            at = next;
        }
    }
    add_hop(hops, hop);
}

static void read_list(struct arena *arena, const char *text, struct hops *hops)
{
    while (true) {
        text = skip_blanks(text);
        size_t length = strcspn(text, ",");
        size_t trimmed = length;
        while (trimmed > 0 && (text[trimmed - 1] == ' ' || text[trimmed - 1] == '\t'))
            trimmed--;
        add_hop(hops, (struct hop){.node = arena_strndup(arena, text, trimmed)});
        if (text[length] == '\0')
            return;
        text += length + 1;
    }
}

/* "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]:80", and bare IPv6 as X-Forwarded-For carries it. */
static bool read_node(struct arena *arena, const char *node, struct address *address)
{
    const char *colon;
    if (node == NULL)
        return false;
    if (address_parse(node, address))
        return true;
    colon = strrchr(node, ':');
    if (colon == NULL || strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5)
        return false;
    return address_parse(arena_strndup(arena, node, (size_t)(colon - node)), address);
}

/*
 * From the right, past trusted proxies. True where a stranger was reached; else *client is the farthest
 * address that is known, which is a proxy's.
 */
static bool walk(struct arena *arena, const struct hops *hops, const struct networks *trusted,
                 struct forwarded *result)
{
    for (size_t i = hops->count; i-- > 0;) {
        struct address address;
        if (!read_node(arena, hops->items[i].node, &address))
            return false;
        result->client = address;
        result->is_tls = hops->items[i].proto != NULL && strcasecmp(hops->items[i].proto, "https") == 0;
        if (!networks_hold(trusted, &address))
            return true;
    }
    return false;
}

/* X-Forwarded-Proto: one word for all hops, or as many as X-Forwarded-For has. */
static void add_protos(struct arena *arena, const struct http_pairs *headers, struct hops *hops)
{
    struct hops protos = {.count = 0};
    for (size_t i = 0; i < headers->count; i++)
        if (strcmp(headers->items[i].name, "x-forwarded-proto") == 0)
            read_list(arena, headers->items[i].value, &protos);
    if (protos.count == 0)
        return;
    for (size_t i = 0; i < hops->count; i++)
        hops->items[i].proto =
            protos.count == hops->count ? protos.items[i].node : protos.items[protos.count - 1].node;
}

enum forwarded_result forwarded_read(struct arena *arena, const struct networks *trusted,
                                     const struct address *peer, const struct http_pairs *headers,
                                     struct forwarded *forwarded)
{
    struct hops standard = {.count = 0};
    struct hops usual = {.count = 0};

    if (trusted->count == 0 || !networks_hold(trusted, peer))
        return FORWARDED_NONE;
    for (size_t i = 0; i < headers->count; i++) {
        if (strcmp(headers->items[i].name, "forwarded") == 0)
            read_forwarded(arena, headers->items[i].value, &standard);
        else if (strcmp(headers->items[i].name, "x-forwarded-for") == 0)
            read_list(arena, headers->items[i].value, &usual);
    }
    /* A proxy that tells the protocol only speaks of its own client. */
    if (usual.count == 0)
        add_hop(&usual, (struct hop){.node = NULL});
    add_protos(arena, headers, &usual);

    struct forwarded by_usual = {.client = *peer};
    by_usual.is_tls = usual.items[usual.count - 1].proto != NULL &&
                      strcasecmp(usual.items[usual.count - 1].proto, "https") == 0;
    struct forwarded by_standard = {.client = *peer, .is_tls = false};
    bool usual_reached = walk(arena, &usual, trusted, &by_usual);
    bool standard_reached = walk(arena, &standard, trusted, &by_standard);
    if (usual_reached && standard_reached && !address_equal(&by_usual.client, &by_standard.client))
        return FORWARDED_CONFLICT;
    *forwarded = standard_reached || (!usual_reached && standard.count > 0) ? by_standard : by_usual;
    if (usual_reached && standard_reached)
        forwarded->is_tls = by_usual.is_tls || by_standard.is_tls;
    return FORWARDED_CLIENT;
}
