/* The metrics of a serving process: what every exchange counts, and the gauges of its server and tenant. */
#ifndef COUNTERSIGN_CLI_METRICS_H
#define COUNTERSIGN_CLI_METRICS_H

#include "http/metrics.h"
#include "tenant/tenant.h"

/*
 * For http_server_config.finished: counts, and logs the exchange at debug level, without anything that could
 * be a secret.
 */
void serve_finished(void *context, const struct http_exchange *x, const struct http_route *route,
                    int64_t nanoseconds);

/* Serves them on config->metrics_listen until metrics_stop. On failure NULL and *error. */
struct metrics_listener *serve_metrics(const struct http_server *server, const struct tenant *tenant,
                                       struct arena *arena, const char **error) NODISCARD;

#endif
