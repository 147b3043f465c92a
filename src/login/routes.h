/* The pages under /u: login, signup, password reset, e-mail verification, second factors; their assets; /dbconnections. */
#ifndef COUNTERSIGN_LOGIN_ROUTES_H
#define COUNTERSIGN_LOGIN_ROUTES_H

#include "http/router.h"

extern const struct http_routes login_routes;

#endif
