/* Paths of requests against patterns of every kind. */
#include "base/encode.h"
#include "http/router.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void nothing(struct http_exchange *x)
{
    (void)x;
}

static const struct http_route routes[] = {
    {"GET", "/", nothing, 0, "a"},         {"GET", "/a/{x}", nothing, 0, "a"},
    {"GET", "/a/b", nothing, 0, "a"},      {"GET", "/a/{x}/{y}", nothing, 0, "a"},
    {"GET", "/a/b/{y*}", nothing, 0, "a"}, {"GET", "/{x}/b/{y}/c", nothing, 0, "a"},
};
static const struct http_routes tables[] = {{routes, ARRAY_LENGTH(routes)}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_router *router;
    struct arena *arena = arena_create();
    struct http_pairs parameters;

    if (router == NULL)
        router = http_router_create(tables, ARRAY_LENGTH(tables), nothing);
    const char *path = arena_strndup(arena, (const char *)data, size);
    if (http_router_match(router, arena, "GET", path, &parameters) != NULL)
        for (size_t i = 0; i < parameters.count; i++)
            if (!utf8_valid(parameters.items[i].value, strlen(parameters.items[i].value)))
                abort();
    arena_destroy(&arena);
    return 0;
}
