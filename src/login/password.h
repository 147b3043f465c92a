/* The screen login-password. Names that nobody has get here too, cost the same work, and get the same answer. */
#ifndef COUNTERSIGN_LOGIN_PASSWORD_H
#define COUNTERSIGN_LOGIN_PASSWORD_H

#include "login/login.h"

/* GET and POST /u/login/password. */
void login_get_password(struct http_exchange *x);
void login_post_password(struct http_exchange *x);
/* POST /u/login: name and password at once, as the one-page screen posts them. */
void login_post_both(struct http_exchange *x);

/* Notes in the transaction that `user_id` proved the password just now: the next stop is /authorize/resume. */
void login_note_password(struct login_call *call, const char *user_id, const char *connection);

#endif
