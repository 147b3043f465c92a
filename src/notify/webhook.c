/*
 * Text messages by the operator's own service: one POST of JSON with the members of Auth0's phone-message
 * hook, signed so that the service can tell who calls:
 *
 *     Countersign-Signature: t=SECONDS,v1=HEX      HEX = HMAC-SHA256(secret, "SECONDS." + body)
 *
 * Any 2xx answer means that the service has taken the message.
 */
#include "notify/notifier.h"

#include "base/clock.h"
#include "base/encode.h"
#include "crypto/digest.h"

#include <inttypes.h>
#include <string.h>

static const char *body_of(struct arena *arena, const struct message *message)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "recipient", message->to);
    json_set_text(doc, root, "text", message->text);
    json_set_text(doc, root, "message_type", message->channel);
    json_set_text(doc, root, "action", message->action);
    json_set_text(doc, root, "code", message->code);
    json_set_text(doc, root, "locale", message->locale);
    json_set_text(doc, root, "tenant", message->tenant);
    if (message->user_id != NULL) {
        yyjson_mut_val *user = yyjson_mut_obj(doc);
        json_set_text(doc, user, "user_id", message->user_id);
        json_set(doc, root, "user", user);
    }
    return json_write_doc(arena, doc);
}

static const char *signature_of(struct arena *arena, const char *secret, const char *body)
{
    int64_t now = clock_now();
    uint8_t mac[32];
    hmac_sha256(bytes_of_text(secret), bytes_of_text(arena_printf(arena, "%" PRId64 ".%s", now, body)), mac);
    return arena_printf(arena, "t=%" PRId64 ",v1=%s", now,
                        hex_encode(arena, (struct bytes){.data = mac, .size = sizeof mac}));
}

static enum notify_result send_by_webhook(struct notifier *notifier, struct arena *arena,
                                          yyjson_val *settings, const struct message *message,
                                          const char **reason)
{
    const char *url = json_text(settings, "url");
    const char *secret = json_text(settings, "secret");
    if (url == NULL || secret == NULL) {
        *reason = "url and secret are needed";
        return NOTIFY_NOT_CONFIGURED;
    }
    const char *body = body_of(arena, message);
    struct http_pair headers[] = {{"content-type", "application/json"},
                                  {"countersign-signature", signature_of(arena, secret, body)}};
    struct http_call call = {
        .method = "POST",
        .url = url,
        .headers = {headers, ARRAY_LENGTH(headers)},
        .body = bytes_of_text(body),
        .timeout_ms = NOTIFY_SMS_MS,
        .largest_answer = NOTIFY_LARGEST_ANSWER,
        .operator_chose_address = true,
    };
    struct http_answer answer;
    http_call(notifier->http, arena, &call, &answer);
    if (answer.status >= 200 && answer.status < 300)
        return NOTIFY_SENT;
    *reason = answer.status == 0 ? answer.error : arena_printf(arena, "answered %d", answer.status);
    return answer.status >= 400 && answer.status < 500 && answer.status != 429 ? NOTIFY_REFUSED
                                                                               : NOTIFY_FAILED;
}

const struct channel webhook_channel = {.name = "webhook", .send = send_by_webhook};
