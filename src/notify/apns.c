/*
 * Apple's push service over HTTP/2 ("Sending notification requests to APNs"). The server shows itself by the certificate that
 * the tenant set (providers/apns: p12), or, where the operator configured one, by a token signed with Apple's key (.p8).
 */
#include "notify/apns.h"

#include "base/clock.h"
#include "base/encode.h"
#include "crypto/pem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    LONGEST_TOKEN = 256,
    LONGEST_REASON = 64,
    /* Apple refuses tokens that are older than an hour, and new ones more often than every twenty minutes. */
    PROVIDER_TOKEN_S = 40 * 60
};

char *apns_payload(struct arena *arena, const struct push_message *message)
{
    yyjson_mut_doc *payload;
    for (int step = 0; (payload = push_payload_less(arena, message, step)) != NULL; step++) {
        yyjson_mut_doc *doc = json_new_object(arena);
        yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
        yyjson_mut_val *aps = yyjson_mut_obj(doc), *alert = yyjson_mut_obj(doc);
        json_set_text(doc, alert, "title", message->title);
        json_set_text(doc, alert, "body", message->body);
        json_set(doc, aps, "alert", alert);
        json_set_text(doc, aps, "category", "com.auth0.notification.authentication");
        json_set_text(doc, aps, "sound", "default");
        json_set_int(doc, aps, "mutable-content", 1);
        json_set(doc, root, "aps", aps);
        json_set(doc, root, "mfa", yyjson_mut_val_mut_copy(doc, yyjson_mut_doc_get_root(payload)));
        char *text = json_write_doc(arena, doc);
        if (strlen(text) <= PUSH_LARGEST_BYTES)
            return text;
    }
    return NULL;
}

/* The provider token (RFC 7519, ES256), made anew when the last one gets old; NULL where the key is none. */
static const char *authorization_of(struct push_job *job)
{
    struct arena *arena = job->arena;
    struct push_cache *cache = &job->notifier->push_cache;
    const struct notifier_config *config = &job->notifier->config;
    int64_t now = clock_now();
    uint8_t signature[64];
    if (now >= cache->apns_made_at && now < cache->apns_made_at + PROVIDER_TOKEN_S)
        return cache->apns_token;
    const char *header = arena_printf(arena, "{\"alg\":\"ES256\",\"kid\":\"%s\"}", config->apns_key_id);
    const char *claims =
        arena_printf(arena, "{\"iss\":\"%s\",\"iat\":%" PRId64 "}", config->apns_team_id, now);
    const char *signed_text = arena_printf(arena, "%s.%s", base64url_encode(arena, bytes_of_text(header)),
                                           base64url_encode(arena, bytes_of_text(claims)));
    if (!pem_sign_es256(config->apns_key, bytes_of_text(signed_text), signature))
        return NULL;
    int length = snprintf(cache->apns_token, sizeof cache->apns_token, "bearer %s.%s", signed_text,
                          base64url_encode(arena, (struct bytes){signature, sizeof signature}));
    if (length < 0 || (size_t)length >= sizeof cache->apns_token)
        return NULL;
    cache->apns_made_at = now;
    return cache->apns_token;
}

static bool is_token(const char *token)
{
    size_t length = strspn(token, "0123456789abcdefABCDEF");
    return length > 0 && length <= LONGEST_TOKEN && token[length] == '\0';
}

/* By what the server shows itself: false, with the reason, where there is nothing. */
static bool add_identity(struct push_job *job, struct http_call *call, struct http_pair *authorization)
{
    struct bytes file;
    const char *p12 = json_text(job->settings, "p12");
    if (job->notifier->config.apns_key != NULL) {
        authorization->value = authorization_of(job);
        job->reason = "apns_key_file holds no key on P-256";
        return authorization->value != NULL;
    }
    job->reason = "neither a p12 nor apns_key_file is set";
    if (p12 == NULL)
        return false;
    job->reason = "the p12 cannot be read: it must hold a certificate and its key, without a password";
    if (!base64_decode(job->arena, p12, strlen(p12), &file))
        return false;
    call->client_pem = pem_of_pkcs12(job->arena, file);
    return call->client_pem != NULL;
}

static enum delivery begin_apns(struct push_job *job, struct http_call *call)
{
    struct arena *arena = job->arena;
    const char *topic = json_text(job->settings, "bundle_id"), *own_url = job->notifier->config.apns_url;
    const char *body = apns_payload(arena, job->message);
    if (!is_token(job->message->token)) {
        job->reason = "the device's token is none of Apple's";
        return DELIVERY_DEAD;
    }
    if (topic == NULL || body == NULL) {
        job->reason = topic == NULL ? "bundle_id is needed" : "the payload is too large, or none";
        return DELIVERY_REFUSED;
    }
    struct http_pair *headers = arena_calloc(arena, 6, sizeof *headers);
    headers[0] = (struct http_pair){"apns-topic", topic};
    headers[1] = (struct http_pair){"apns-push-type", "alert"};
    headers[2] = (struct http_pair){"apns-priority", "10"};
    headers[3] = (struct http_pair){"apns-expiration",
                                    arena_printf(arena, "%" PRId64, job->message->expires_at / 1000)};
    headers[4] = (struct http_pair){"content-type", "application/json"};
    headers[5].name = "authorization";
    const char *host = json_bool(job->settings, "sandbox", false) ? "https://api.sandbox.push.apple.com"
                                                                  : "https://api.push.apple.com";
    *call = (struct http_call){
        .method = "POST",
        .url = arena_printf(arena, "%s/3/device/%s", own_url != NULL ? own_url : host, job->message->token),
        .body = bytes_of_text(body),
        .timeout_ms = PUSH_CALL_MS,
        .largest_answer = NOTIFY_LARGEST_ANSWER,
        .operator_chose_address = true,
    };
    if (!add_identity(job, call, &headers[5]))
        return DELIVERY_REFUSED;
    call->headers = (struct http_pairs){headers, headers[5].value != NULL ? 6 : 5};
    return DELIVERY_CALL;
}

/* Apple's reason, such as "BadDeviceToken"; NULL where it is no plain word. */
static const char *reason_of(struct push_job *job, const struct http_answer *answer)
{
    yyjson_val *body = NULL;
    if (json_parse(job->arena, answer->body, &json_limits_token, &body) != JSON_FINE)
        return NULL;
    const char *reason = json_text(body, "reason");
    size_t length =
        reason != NULL ? strspn(reason, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") : 0;
    return length > 0 && length <= LONGEST_REASON && reason[length] == '\0' ? reason : NULL;
}

static enum delivery go_on_apns(struct push_job *job, const struct http_answer *answer,
                                struct http_call *call)
{
    (void)call;
    static const char *const dead[] = {"BadDeviceToken", "DeviceTokenNotForTopic", "Unregistered",
                                       "ExpiredToken"};
    enum delivery result = push_judge(job, answer);
    const char *reason = answer->status >= 400 ? reason_of(job, answer) : NULL;
    if (reason != NULL)
        job->reason = arena_printf(job->arena, "answered %d, %s", answer->status, reason);
    for (size_t i = 0; reason != NULL && i < ARRAY_LENGTH(dead); i++)
        if (strcmp(reason, dead[i]) == 0)
            return DELIVERY_DEAD;
    if (answer->status == 410)
        return DELIVERY_DEAD;
    if (reason != NULL && strcmp(reason, "ExpiredProviderToken") == 0) {
        job->notifier->push_cache.apns_made_at = 0;
        return DELIVERY_LATER;
    }
    return result;
}

const struct push_sender apns_sender = {
    .name = "apns",
    .settings = "guardian.push.apns",
    .begin = begin_apns,
    .go_on = go_on_apns,
};
