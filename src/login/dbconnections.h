/* POST /dbconnections/signup and /dbconnections/change_password (authentication.md 1.10), as SDKs and Lock call them. */
#ifndef COUNTERSIGN_LOGIN_DBCONNECTIONS_H
#define COUNTERSIGN_LOGIN_DBCONNECTIONS_H

#include "http/exchange.h"

void dbconnections_signup(struct http_exchange *x);
void dbconnections_change_password(struct http_exchange *x);

#endif
