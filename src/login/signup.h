/* The screens signup-id and signup-password: a new account, and its first login. */
#ifndef COUNTERSIGN_LOGIN_SIGNUP_H
#define COUNTERSIGN_LOGIN_SIGNUP_H

#include "http/exchange.h"

/* GET /u/signup?state=…: the older address of the first screen. */
void signup_get_start(struct http_exchange *x);
/* GET and POST /u/signup/identifier. */
void signup_get_identifier(struct http_exchange *x);
void signup_post_identifier(struct http_exchange *x);
/* GET and POST /u/signup/password. */
void signup_get_password(struct http_exchange *x);
void signup_post_password(struct http_exchange *x);
/* POST /u/signup: address and password at once, as the one-page screen posts them. */
void signup_post_both(struct http_exchange *x);

#endif
