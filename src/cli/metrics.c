#include "cli/metrics.h"

#include "base/log.h"

void serve_finished(void *context, const struct http_exchange *x, const struct http_route *route,
                    int64_t nanoseconds)
{
    metrics_finished(context, x, route, nanoseconds);
    LOG_DEBUG("http.request", LOG_TEXT("id", x->request.request_id), LOG_TEXT("method", x->request.method),
              LOG_TEXT("route", route != NULL ? route->pattern : ""), LOG_INT("status", x->response.status),
              LOG_INT("us", nanoseconds / 1000), LOG_TEXT("ip", x->request.client_ip));
}

static struct http_server_load load_of(const void *server)
{
    struct http_server_load load;
    http_server_load(server, &load);
    return load;
}

static double connections(const void *of)
{
    return load_of(of).connections;
}

static double requests(const void *of)
{
    return load_of(of).requests;
}

static double waiting(const void *of)
{
    return load_of(of).waiting;
}

static double streams(const void *of)
{
    return load_of(of).streams;
}

static double passwords_waiting(const void *of)
{
    const struct tenant *tenant = of;
    return password_gate_waiting(tenant->passwords);
}

struct metrics_listener *serve_metrics(const struct http_server *server, const struct tenant *tenant,
                                       struct arena *arena, const char **error)
{
    const struct metrics_gauge gauges[] = {
        {"countersign_http_connections", "Open connections.", connections, server},
        {"countersign_http_requests", "Requests that are being read, worked on or answered.", requests,
         server},
        {"countersign_http_queue", "Requests that wait for a thread.", waiting, server},
        {"countersign_http_streams", "Pages that wait for events.", streams, server},
        {"countersign_password_queue", "Passwords that wait to be hashed.", passwords_waiting, tenant},
    };
    return metrics_serve(tenant->config->metrics_listen, arena_copy(arena, gauges, sizeof gauges),
                         ARRAY_LENGTH(gauges), arena, error);
}
