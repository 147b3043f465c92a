/* The Management API's error bodies: {"statusCode","error","message","errorCode"}. */
#ifndef COUNTERSIGN_MANAGEMENT_ERRORS_H
#define COUNTERSIGN_MANAGEMENT_ERRORS_H

#include "http/exchange.h"
#include "store/db.h"

/* Answers with that error; `code` may be NULL. Returns false, for `return management_error(…)` in checks. */
bool management_error(struct http_exchange *x, int status, const char *message, const char *code);

/* The 401 of a token that does not hold: message and attributes.error alike. */
bool management_invalid_token(struct http_exchange *x, const char *message);

/* 400 for what a schema refuses: "Payload", "Query" or "Path" with the sentence of schema_fault. */
bool management_validation_error(struct http_exchange *x, const char *where, const char *fault);

/* 400 invalid_body with a sentence of its own. */
bool management_bad_body(struct http_exchange *x, const char *message);

/* 500 where the store failed; the cause was logged there. */
bool management_store_failed(struct http_exchange *x);

#endif
