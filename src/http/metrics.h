/*
 * What a watcher counts: requests by route tag and class of status, how long they took, and gauges that are
 * read when somebody asks; as Prometheus reads it (text format 0.0.4). The counts are the process's, from any
 * thread.
 */
#ifndef COUNTERSIGN_HTTP_METRICS_H
#define COUNTERSIGN_HTTP_METRICS_H

#include "http/server.h"

/* A value that is read when it is asked for. */
struct metrics_gauge {
    const char *name; /* "countersign_http_connections" */
    const char *help;
    double (*read)(const void *of);
    const void *of;
};

/*
 * Counts one finished exchange; fits http_server_config.finished. Some nanoseconds: every thread has its own
 * counters.
 */
void metrics_finished(void *context, const struct http_exchange *x, const struct http_route *route,
                      int64_t nanoseconds);

/* All counts, the process's memory, time and descriptors, and the gauges. */
const char *metrics_text(struct arena *arena, const struct metrics_gauge *gauges, size_t count) NODISCARD;

struct metrics_listener;

/*
 * Serves GET /metrics on "HOST:PORT" until metrics_stop. The gauges are kept by reference. On failure NULL
 * and *error.
 */
struct metrics_listener *metrics_serve(const char *listen, const struct metrics_gauge *gauges, size_t count,
                                       struct arena *arena, const char **error) NODISCARD;
unsigned metrics_port(const struct metrics_listener *listener) NODISCARD;
void metrics_stop(struct metrics_listener **listener);

#endif
