/* The Guardian protocols: the browser widget's (auth0-guardian-js), each path under three prefixes. */
#ifndef COUNTERSIGN_GUARDIAN_ROUTES_H
#define COUNTERSIGN_GUARDIAN_ROUTES_H

#include "http/router.h"

extern const struct http_routes widget_routes;

#endif
