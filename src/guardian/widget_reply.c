#include "guardian/widget.h"

#include <inttypes.h>
#include <string.h>

enum { TRIES = 10 /* mfa/limits.c's bucket, as X-RateLimit-Limit tells it */ };

void widget_reply_limited(struct widget_call *call, const char *code, int64_t retry_ms)
{
    struct http_exchange *x = call->x;
    int64_t seconds = (retry_ms + 999) / 1000;
    http_set_header(x, "Retry-After", arena_printf(call->arena, "%" PRId64, seconds));
    http_set_header(x, "X-RateLimit-Limit", arena_printf(call->arena, "%d", TRIES));
    http_set_header(x, "X-RateLimit-Remaining", "0");
    http_set_header(x, "X-RateLimit-Reset",
                    arena_printf(call->arena, "%" PRId64, call->now / 1000 + seconds));
    guardian_reply_error(x, code);
}

void widget_reply_result(struct widget_call *call, enum factor_result result, int64_t retry_ms,
                         const char *wrong)
{
    struct http_exchange *x = call->x;
    switch (result) {
    case FACTOR_WRONG_CODE:
    case FACTOR_EXPIRED:
    case FACTOR_BAD_FORMAT:
        guardian_reply_error(x, wrong);
        return;
    case FACTOR_TOO_MANY:
        widget_reply_limited(call, "too_many_otp_attempts", retry_ms);
        return;
    case FACTOR_TOO_MANY_MESSAGES:
        widget_reply_limited(call, "too_many_sms", retry_ms);
        return;
    case FACTOR_SEND_FAILED:
        guardian_reply_error(x, "error_sending_sms");
        return;
    case FACTOR_NOT_ENROLLED:
        guardian_reply_error(x, "enrollment_not_found");
        return;
    case FACTOR_ALREADY_ENROLLED:
        guardian_reply_error(x, "enrollment_conflict");
        return;
    case FACTOR_TICKET_SPENT:
        guardian_reply_error(x, "invalid_token");
        return;
    case FACTOR_MOVED:
        guardian_reply_error(x, "transaction_expired");
        return;
    default:
        guardian_reply_store_failure(x);
    }
}
