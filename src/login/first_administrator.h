/*
 * GET and POST /admin/sign-in: the one-time link that `countersign init` prints. Whoever opens it first chooses the address and
 * password of the first administrator, an account of the administrators' own connection.
 */
#ifndef COUNTERSIGN_LOGIN_FIRST_ADMINISTRATOR_H
#define COUNTERSIGN_LOGIN_FIRST_ADMINISTRATOR_H

#include "http/exchange.h"

void first_administrator_get(struct http_exchange *x);
void first_administrator_post(struct http_exchange *x);

#endif
