/* Asking for a link to choose a new password. Who has no account is told, and waits, the same. */
#ifndef COUNTERSIGN_LOGIN_RESET_REQUEST_H
#define COUNTERSIGN_LOGIN_RESET_REQUEST_H

#include "tenant/tenant.h"

/* GET /u/login/password-reset-start/{connection}: to the page below. */
void reset_get_start(struct http_exchange *x);
/* GET and POST /u/reset-password/request/{connection}. */
void reset_get_request(struct http_exchange *x);
void reset_post_request(struct http_exchange *x);

struct reset_wish {
    const char *connection;
    const char *identifier; /* an address or a name */
    const char *client_id;
    const char *language;
};

/*
 * Sends the link, if there is such an account with an address and it has not had too many lately (5, one back in 10
 * minutes). Logs scpr or fcpr. DB_OK whether or not anything was sent.
 */
enum db_result reset_send(struct http_exchange *x, const struct reset_wish *wish) NODISCARD;

#endif
