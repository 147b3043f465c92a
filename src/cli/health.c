#include "cli/health.h"

#include "tenant/tenant.h"

static void get_healthz(struct http_exchange *x)
{
    http_set_header(x, "Cache-Control", "no-store");
    http_reply(x, 200, "text/plain", "ok\n");
}

static void get_readyz(struct http_exchange *x)
{
    bool exists = false;
    enum db_result result = tenant_exists(tenant_of(x), &exists);
    http_set_header(x, "Cache-Control", "no-store");
    if (result == DB_OK && exists)
        http_reply(x, 200, "text/plain", "ok\n");
    else
        http_reply(x, 503, "text/plain", "the store is not reachable\n");
}

static const struct http_route routes[] = {
    {"GET", "/healthz", get_healthz, HTTP_ON_LOOP, "health"},
    {"GET", "/readyz", get_readyz, 0, "health"},
};

const struct http_routes health_routes = {.routes = routes, .count = ARRAY_LENGTH(routes)};
