/* The Management API's routes, for the server's router. */
#ifndef COUNTERSIGN_MANAGEMENT_ROUTES_H
#define COUNTERSIGN_MANAGEMENT_ROUTES_H

#include "http/router.h"

extern const struct http_routes management_routes;

#endif
