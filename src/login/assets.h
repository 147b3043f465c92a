/* GET /u/assets/{name}: the stylesheet and the mark, by names that hold a hash, so that they may be kept for ever. */
#ifndef COUNTERSIGN_LOGIN_ASSETS_H
#define COUNTERSIGN_LOGIN_ASSETS_H

#include "http/exchange.h"

/* Never blocks: HTTP_ON_LOOP. */
void login_get_asset(struct http_exchange *x);

#endif
