/* GET /healthz: the process answers. GET /readyz: the store does too, so that a balancer may send logins
 * here. */
#ifndef COUNTERSIGN_CLI_HEALTH_H
#define COUNTERSIGN_CLI_HEALTH_H

#include "http/router.h"

extern const struct http_routes health_routes;

#endif
