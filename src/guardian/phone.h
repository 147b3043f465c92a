/* What the calls of a phone do alike (../protocol/guardian.md A); for the files of this folder. */
#ifndef COUNTERSIGN_GUARDIAN_PHONE_H
#define COUNTERSIGN_GUARDIAN_PHONE_H

#include "guardian/reply.h"
#include "mfa/push.h"

/* The body as an object. False where the answer is made. */
bool phone_body(struct http_exchange *x, yyjson_val **body) NODISCARD;

/* The phone of the path's {id}, which the request's bearer token speaks for. False where the answer is made. */
bool phone_authenticate(struct http_exchange *x, struct authenticator *device) NODISCARD;

/* --- handlers --- */

void phone_enroll(struct http_exchange *x);
void phone_update(struct http_exchange *x);
void phone_remove(struct http_exchange *x);
void phone_list_pending(struct http_exchange *x);
void phone_listen(struct http_exchange *x);
void phone_resolve(struct http_exchange *x);
void phone_consent(struct http_exchange *x);
void phone_tenant_info(struct http_exchange *x);

#endif
