#include "http/router.h"

#include "base/encode.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_SEGMENTS = 16 };

/* One segment of the patterns: a literal, a {name}, or a {name*} that takes the rest. */
struct node {
    const char *segment; /* the literal; NULL for a name */
    size_t length;
    struct node *next;     /* the next literal beside it */
    struct node *literals; /* what may follow */
    struct node *name;
    struct node *rest;
    const struct http_route **routes; /* that end here, one a method */
    size_t route_count;
};

struct http_router {
    struct arena *arena;
    struct node *root;
    http_handler not_found;
};

struct span {
    const char *text;
    size_t length;
};

/* A path cut at its slashes. */
struct segments {
    struct span items[MOST_SEGMENTS];
    size_t count;
    bool is_longer; /* than MOST_SEGMENTS: the last item is the whole rest */
};

static bool is_name(const struct span *segment)
{
    return segment->length > 2 && segment->text[0] == '{' && segment->text[segment->length - 1] == '}';
}

static bool takes_rest(const struct span *segment)
{
    return is_name(segment) && segment->text[segment->length - 2] == '*';
}

static void cut(const char *path, struct segments *segments)
{
    segments->count = 0;
    segments->is_longer = false;
    for (const char *at = path + 1;; at++) {
        size_t length = strcspn(at, "/");
        if (segments->count == MOST_SEGMENTS - 1 && at[length] == '/') {
            length = strlen(at);
            segments->is_longer = true;
        }
        segments->items[segments->count++] = (struct span){.text = at, .length = length};
        at += length;
        if (*at == '\0')
            return;
    }
}

static struct node *new_node(struct arena *arena)
{
    return arena_alloc(arena, sizeof(struct node));
}

static struct node *literal_of(const struct node *node, const struct span *segment)
{
    for (struct node *literal = node->literals; literal != NULL; literal = literal->next)
        if (literal->length == segment->length &&
            memcmp(literal->segment, segment->text, segment->length) == 0)
            return literal;
    return NULL;
}

/* The node that stands for `segment` of a pattern under `node`, made where it is missing. */
static struct node *descend(struct arena *arena, struct node *node, const struct span *segment)
{
    if (is_name(segment)) {
        struct node **place = takes_rest(segment) ? &node->rest : &node->name;
        if (*place == NULL)
            *place = new_node(arena);
        return *place;
    }
    struct node *literal = literal_of(node, segment);
    if (literal == NULL) {
        literal = new_node(arena);
        literal->segment = segment->text;
        literal->length = segment->length;
        literal->next = node->literals;
        node->literals = literal;
    }
    return literal;
}

static void add_route(struct http_router *router, const struct http_route *route)
{
    struct segments segments;
    struct node *node = router->root;

    cut(route->pattern, &segments);
    if (route->pattern[0] != '/' || segments.is_longer)
        abort();
    for (size_t i = 0; i < segments.count; i++)
        node = descend(router->arena, node, &segments.items[i]);
    const struct http_route **grown =
        arena_calloc(router->arena, node->route_count + 1, sizeof(struct http_route *));
    if (node->route_count > 0)
        memcpy(grown, node->routes, node->route_count * sizeof *grown);
    grown[node->route_count++] = route;
    node->routes = grown;
}

struct http_router *http_router_create(const struct http_routes *tables, size_t count, http_handler not_found)
{
    struct arena *arena = arena_create();
    struct http_router *router = arena_alloc(arena, sizeof *router);
    *router = (struct http_router){.arena = arena, .root = new_node(arena), .not_found = not_found};
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < tables[i].count; k++)
            add_route(router, &tables[i].routes[k]);
    return router;
}

void http_router_free(struct http_router **router)
{
    if (*router == NULL)
        return;
    struct arena *arena = (*router)->arena;
    arena_destroy(&arena);
    *router = NULL;
}

http_handler http_router_not_found(const struct http_router *router)
{
    return router->not_found;
}

static const struct http_route *route_for(const struct node *node, const char *method)
{
    for (size_t i = 0; i < node->route_count; i++)
        if (strcmp(node->routes[i]->method, method) == 0)
            return node->routes[i];
    return NULL;
}

/* Literals before names before the rest, going back where a branch leads nowhere. */
static const struct http_route *find(const struct node *root, const char *method, const struct segments *path)
{
    struct {
        const struct node *node;
        size_t depth; /* segments of the path that are behind it */
    } open[2 * MOST_SEGMENTS + 2];
    size_t count = 0;

    open[count].node = root;
    open[count++].depth = 0;
    while (count > 0) {
        const struct node *node = open[--count].node;
        size_t depth = open[count].depth;
        if (depth == path->count) {
            const struct http_route *route = route_for(node, method);
            if (route != NULL)
                return route;
            continue;
        }
        const struct span *segment = &path->items[depth];
        bool is_whole = !path->is_longer || depth + 1 < path->count;
        if (node->rest != NULL) {
            open[count].node = node->rest;
            open[count++].depth = path->count;
        }
        if (node->name != NULL && is_whole && segment->length > 0) {
            open[count].node = node->name;
            open[count++].depth = depth + 1;
        }
        const struct node *literal = literal_of(node, segment);
        if (literal != NULL) {
            open[count].node = literal;
            open[count++].depth = depth + 1;
        }
    }
    return NULL;
}

/* The values of a pattern's names in a path that matches it. */
static bool read_parameters(struct arena *arena, const char *pattern, const struct segments *path,
                            struct http_pairs *parameters)
{
    struct segments parts;
    cut(pattern, &parts);
    struct http_pair *items = arena_calloc(arena, parts.count, sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < parts.count && i < path->count; i++) {
        const struct span *part = &parts.items[i];
        if (!is_name(part))
            continue;
        bool is_rest = takes_rest(part);
        const char *text = path->items[i].text;
        size_t length = is_rest ? strlen(text) : path->items[i].length;
        char *value = percent_decode(arena, text, length, false);
        if (value == NULL || !utf8_valid(value, strlen(value)))
            return false;
        items[count++] = (struct http_pair){
            .name = arena_strndup(arena, part->text + 1, part->length - (is_rest ? 3 : 2)), .value = value};
    }
    *parameters = (struct http_pairs){.items = items, .count = count};
    return true;
}

const struct http_route *http_router_match(const struct http_router *router, struct arena *arena,
                                           const char *method, const char *path,
                                           struct http_pairs *parameters)
{
    struct segments segments;

    *parameters = (struct http_pairs){.items = NULL};
    if (path[0] != '/')
        return NULL;
    cut(path, &segments);
    const struct http_route *route = find(router->root, method, &segments);
    if (route == NULL || strchr(route->pattern, '{') == NULL)
        return route;
    return read_parameters(arena, route->pattern, &segments, parameters) ? route : NULL;
}
