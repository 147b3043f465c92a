#include "guardian/widget.h"

#include <inttypes.h>
#include <string.h>

enum { TRIES = 10 /* mfa/limits.c's bucket, as X-RateLimit-Limit tells it */ };

static const struct error {
    const char *code;
    int status;
    const char *phrase;
    const char *message;
} errors[] = {
    {"invalid_token", 401, "Unauthorized", "The token is not valid."},
    {"invalid_bearer_format", 401, "Unauthorized",
     "An Authorization header with a bearer token is required."},
    {"transaction_expired", 401, "Unauthorized", "The transaction has ended or has expired."},
    {"invalid_body", 400, "Bad Request", "The body is not as this endpoint takes it."},
    {"invalid_phone_number", 400, "Bad Request", "The phone number is not valid."},
    {"invalid_otp", 403, "Forbidden", "The code is wrong or has expired."},
    {"invalid_recovery_code", 403, "Forbidden", "The recovery code is wrong."},
    {"feature_disabled", 403, "Forbidden", "No factor can be enrolled."},
    {"feature_disabled_by_admin", 403, "Forbidden", "The factor is switched off."},
    {"enrollment_not_found", 404, "Not Found", "There is no such enrollment."},
    {"enrollment_conflict", 409, "Conflict", "The person is enrolled already."},
    {"too_many_otp_attempts", 429, "Too Many Requests", "Too many wrong codes; wait before trying again."},
    {"too_many_sms", 429, "Too Many Requests", "Too many text messages; wait before asking for another."},
    {"too_many_pn", 429, "Too Many Requests", "Too many notifications; wait before asking for another."},
    {"error_sending_sms", 502, "Bad Gateway", "The text message could not be sent."},
    {"error_sending_push_notification", 502, "Bad Gateway", "The notification could not be sent."},
    {"pn_endpoint_disabled", 502, "Bad Gateway", "The phone takes no notifications any more."},
    {"internal_error", 500, "Internal Server Error", "The request could not be answered."},
};

void widget_allow_origin(struct http_exchange *x)
{
    http_set_header(x, "Access-Control-Allow-Origin", "*");
    http_set_header(x, "Access-Control-Expose-Headers",
                    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After");
    http_set_header(x, "Cache-Control", "no-store");
}

void widget_reply_error(struct http_exchange *x, const char *code)
{
    const struct error *error = &errors[0];
    while (error < errors + ARRAY_LENGTH(errors) - 1 && strcmp(error->code, code) != 0)
        error++;
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_int(doc, root, "statusCode", error->status);
    json_set_text(doc, root, "error", error->phrase);
    json_set_text(doc, root, "message", error->message);
    json_set_text(doc, root, "description", error->message); /* Guardian.swift shows this one */
    json_set_text(doc, root, "errorCode", error->code);
    http_reply_json(x, error->status, doc);
}

void widget_reply_store_failure(struct http_exchange *x)
{
    widget_reply_error(x, "internal_error");
}

void widget_reply_limited(struct widget_call *call, const char *code, int64_t retry_ms)
{
    struct http_exchange *x = call->x;
    int64_t seconds = (retry_ms + 999) / 1000;
    http_set_header(x, "Retry-After", arena_printf(call->arena, "%" PRId64, seconds));
    http_set_header(x, "X-RateLimit-Limit", arena_printf(call->arena, "%d", TRIES));
    http_set_header(x, "X-RateLimit-Remaining", "0");
    http_set_header(x, "X-RateLimit-Reset",
                    arena_printf(call->arena, "%" PRId64, call->now / 1000 + seconds));
    widget_reply_error(x, code);
}

void widget_reply_result(struct widget_call *call, enum factor_result result, int64_t retry_ms,
                         const char *wrong)
{
    struct http_exchange *x = call->x;
    switch (result) {
    case FACTOR_WRONG_CODE:
    case FACTOR_EXPIRED:
    case FACTOR_BAD_FORMAT:
        widget_reply_error(x, wrong);
        return;
    case FACTOR_TOO_MANY:
        widget_reply_limited(call, "too_many_otp_attempts", retry_ms);
        return;
    case FACTOR_TOO_MANY_MESSAGES:
        widget_reply_limited(call, "too_many_sms", retry_ms);
        return;
    case FACTOR_SEND_FAILED:
        widget_reply_error(x, "error_sending_sms");
        return;
    case FACTOR_NOT_ENROLLED:
        widget_reply_error(x, "enrollment_not_found");
        return;
    case FACTOR_ALREADY_ENROLLED:
        widget_reply_error(x, "enrollment_conflict");
        return;
    case FACTOR_TICKET_SPENT:
        widget_reply_error(x, "invalid_token");
        return;
    case FACTOR_MOVED:
        widget_reply_error(x, "transaction_expired");
        return;
    default:
        widget_reply_store_failure(x);
    }
}
