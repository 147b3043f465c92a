#include "guardian/reply.h"

#include <string.h>

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
    {"enrollment_transaction_not_found", 401, "Unauthorized", "The ticket is unknown, used, or too old."},
    {"login_transaction_not_found", 404, "Not Found", "The sign-in has ended, or was answered already."},
    {"transaction_not_found", 404, "Not Found", "There is nothing to consent to."},
    {"invalid_number", 403, "Forbidden",
     "That is not the number on the sign-in page; the sign-in was refused."},
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

void guardian_allow_origin(struct http_exchange *x)
{
    http_set_header(x, "Access-Control-Allow-Origin", "*");
    http_set_header(x, "Access-Control-Expose-Headers",
                    "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After");
    http_set_header(x, "Cache-Control", "no-store");
}

void guardian_reply_fault(struct http_exchange *x, const char *code, const char *message)
{
    const struct error *error = &errors[0];
    while (error < errors + ARRAY_LENGTH(errors) - 1 && strcmp(error->code, code) != 0)
        error++;
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_int(doc, root, "statusCode", error->status);
    json_set_text(doc, root, "error", error->phrase);
    json_set_text(doc, root, "message", message != NULL ? message : error->message);
    json_set_text(doc, root, "description",
                  message != NULL ? message : error->message); /* Guardian.swift shows this one */
    json_set_text(doc, root, "errorCode", error->code);
    http_reply_json(x, error->status, doc);
}

void guardian_reply_error(struct http_exchange *x, const char *code)
{
    guardian_reply_fault(x, code, NULL);
}

void guardian_reply_store_failure(struct http_exchange *x)
{
    guardian_reply_error(x, "internal_error");
}

void guardian_answer_preflight(struct http_exchange *x)
{
    guardian_allow_origin(x);
    http_set_header(x, "Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE, OPTIONS");
    http_set_header(x, "Access-Control-Allow-Headers",
                    "authorization, content-type, accept, auth0-client, mfa-dpop, x-global-tracking-id");
    http_set_header(x, "Access-Control-Max-Age", "600");
    http_reply_empty(x, 204);
}

const char *guardian_ticket(const struct http_exchange *x)
{
    static const char name[] = "id=\"";
    const char *given = http_credentials(x, "Ticket");
    if (given == NULL || strncmp(given, name, strlen(name)) != 0)
        return NULL;
    const char *ticket = given + strlen(name);
    size_t length = strcspn(ticket, "\"");
    return length > 0 && strcmp(ticket + length, "\"") == 0 ? arena_strndup(x->arena, ticket, length) : NULL;
}
