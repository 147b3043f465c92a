/* Answers that all Guardian protocols share: errors as both phone SDKs and the widget parse them (A8, B7). */
#ifndef COUNTERSIGN_GUARDIAN_REPLY_H
#define COUNTERSIGN_GUARDIAN_REPLY_H

#include "http/exchange.h"

/* {"statusCode","error","message","description","errorCode"}, by the code's own status. */
void guardian_reply_error(struct http_exchange *x, const char *code);
/* The same with a message of this case, for who writes an app. */
void guardian_reply_fault(struct http_exchange *x, const char *code, const char *message);
void guardian_reply_store_failure(struct http_exchange *x);
/* Every origin may read the answer: its caller's token is what counts, and no cookie does. */
void guardian_allow_origin(struct http_exchange *x);
/* Answers OPTIONS of a path of these protocols. */
void guardian_answer_preflight(struct http_exchange *x);

/* The credentials of the Authorization header after `scheme` ("Bearer ", "Ticket "); NULL where it has another. */
const char *guardian_credentials(const struct http_exchange *x, const char *scheme) NODISCARD;

#endif
