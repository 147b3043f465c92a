/* The Guardian protocols, each path under three prefixes: the browser widget's (auth0-guardian-js), and the phones'. */
#ifndef COUNTERSIGN_GUARDIAN_ROUTES_H
#define COUNTERSIGN_GUARDIAN_ROUTES_H

#include "http/router.h"

extern const struct http_routes widget_routes;
extern const struct http_routes device_routes;

#endif
