/* GET and POST /u/brute-force-protection/unblock?ticket=…: the link that unlocks an account. */
#ifndef COUNTERSIGN_LOGIN_UNBLOCK_H
#define COUNTERSIGN_LOGIN_UNBLOCK_H

#include "http/exchange.h"

void unblock_get(struct http_exchange *x);
void unblock_post(struct http_exchange *x);

#endif
