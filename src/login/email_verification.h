/* GET /u/email-verification?ticket=…: the link that confirms an address. */
#ifndef COUNTERSIGN_LOGIN_EMAIL_VERIFICATION_H
#define COUNTERSIGN_LOGIN_EMAIL_VERIFICATION_H

#include "http/exchange.h"

void email_verification_get(struct http_exchange *x);

#endif
