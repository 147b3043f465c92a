/* Choosing a new password with a link from a mail. */
#ifndef COUNTERSIGN_LOGIN_RESET_CHANGE_H
#define COUNTERSIGN_LOGIN_RESET_CHANGE_H

#include "http/exchange.h"

/* GET /u/reset-verify?ticket=…, the address in the mail (and /u/reset-password?ticket=…): on to the form. */
void reset_get_verify(struct http_exchange *x);
/* GET and POST /u/reset-password/change?ticket=…. */
void reset_get_change(struct http_exchange *x);
void reset_post_change(struct http_exchange *x);

#endif
