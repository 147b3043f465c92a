/* What all Guardian protocols share: tickets, and errors as both phone SDKs and the widget parse them (A8, B7). */
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
/* The ticket of `Authorization: Ticket id="…"`, in the arena; NULL where the header is not of that form. */
const char *guardian_ticket(const struct http_exchange *x) NODISCARD;

#endif
