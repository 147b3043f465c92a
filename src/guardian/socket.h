/* The widget's socket transport: socket.io over long polls and WebSockets (guardian.md B5). */
#ifndef COUNTERSIGN_GUARDIAN_SOCKET_H
#define COUNTERSIGN_GUARDIAN_SOCKET_H

#include "http/exchange.h"

void socket_get(struct http_exchange *x);
void socket_post(struct http_exchange *x);

#endif
