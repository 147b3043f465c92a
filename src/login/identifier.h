/* The screen login-id: who is it? It never tells whether there is such an account. */
#ifndef COUNTERSIGN_LOGIN_IDENTIFIER_H
#define COUNTERSIGN_LOGIN_IDENTIFIER_H

#include "http/exchange.h"

/* GET /u/login?state=…: the older address of the first screen. */
void login_get_start(struct http_exchange *x);
/* GET and POST /u/login/identifier. */
void login_get_identifier(struct http_exchange *x);
void login_post_identifier(struct http_exchange *x);

#endif
