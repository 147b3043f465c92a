/* Text messages by Twilio's Messages resource (https://www.twilio.com/docs/messaging/api/message-resource).
 */
#include "notify/notifier.h"

#include "base/encode.h"

#include <string.h>

/* What Twilio says of a failure is a number; its sentence holds the recipient and stays out of the log. */
static const char *reason_of(struct arena *arena, const struct http_answer *answer)
{
    if (answer->status == 0)
        return answer->error;
    yyjson_val *body = NULL;
    if (json_parse(arena, answer->body, &json_limits_body, &body) != JSON_FINE)
        body = NULL;
    return arena_printf(arena, "answered %d, code %lld", answer->status,
                        (long long)json_int(body, "code", 0));
}

static enum notify_result send_by_twilio(struct notifier *notifier, struct arena *arena, yyjson_val *settings,
                                         const struct message *message, const char **reason)
{
    const char *sid = json_text(settings, "sid");
    const char *auth_token = json_text(settings, "auth_token");
    const char *service = json_text(settings, "messaging_service_sid");
    const char *from = json_text(settings, "from");
    bool has_sender = service != NULL || (from != NULL && from[0] != '\0');
    if (sid == NULL || auth_token == NULL || !has_sender) {
        *reason = "sid, auth_token, and from or messaging_service_sid are needed";
        return NOTIFY_NOT_CONFIGURED;
    }
    const char *base =
        notifier->config.twilio_url != NULL ? notifier->config.twilio_url : "https://api.twilio.com";
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/')
        length--;
    const char *form = arena_printf(arena, "To=%s&%s=%s&Body=%s", percent_encode(arena, message->to),
                                    service != NULL ? "MessagingServiceSid" : "From",
                                    percent_encode(arena, service != NULL ? service : from),
                                    percent_encode(arena, message->text));
    struct http_pair headers[] = {{"content-type", "application/x-www-form-urlencoded"},
                                  {"accept", "application/json"}};
    struct http_call call = {
        .method = "POST",
        .url = arena_printf(arena, "%.*s/2010-04-01/Accounts/%s/Messages.json", (int)length, base,
                            percent_encode(arena, sid)),
        .headers = {headers, ARRAY_LENGTH(headers)},
        .body = bytes_of_text(form),
        .user = sid,
        .password = auth_token,
        .timeout_ms = NOTIFY_SMS_MS,
        .largest_answer = NOTIFY_LARGEST_ANSWER,
        .operator_chose_address = true,
    };
    struct http_answer answer;
    http_call(notifier->http, arena, &call, &answer);
    if (answer.status >= 200 && answer.status < 300)
        return NOTIFY_SENT;
    *reason = reason_of(arena, &answer);
    return answer.status >= 400 && answer.status < 500 && answer.status != 429 ? NOTIFY_REFUSED
                                                                               : NOTIFY_FAILED;
}

const struct channel twilio_channel = {.name = "twilio", .send = send_by_twilio};
