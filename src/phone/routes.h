/*
 * Countersign Authenticator, the phone app of this server: a web app at /phone, installable, all of it in the binary. It has no
 * interface of its own to the server: it speaks the Guardian phone protocol (docs/phone.md).
 */
#ifndef COUNTERSIGN_PHONE_ROUTES_H
#define COUNTERSIGN_PHONE_ROUTES_H

#include "http/router.h"

extern const struct http_routes phone_routes;

#endif
