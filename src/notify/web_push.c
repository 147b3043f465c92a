/*
 * Web Push (RFC 8030): to whatever push service a browser named in its PushSubscription, encrypted for the browser (RFC 8291)
 * and signed with the server's own key (RFC 8292). The address comes from a phone, so that the egress policy applies.
 */
#include "notify/push_sender.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "crypto/jwt.h"
#include "crypto/web_push.h"
#include "http/address.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <string.h>

enum {
    LONGEST_ENDPOINT = 2048,
    TOKEN_S = 12 * 60 * 60, /* a day at most (RFC 8292 section 2) */
    TOPIC_LENGTH = 32       /* RFC 8030 section 5.4 */
};

struct subscription {
    const char *endpoint;
    const char *origin;
    bool is_secure;
    bool is_loopback;
    struct web_push_receiver receiver;
};

static bool read_key(struct arena *arena, yyjson_val *keys, const char *name, size_t size, struct bytes *key)
{
    const char *text = json_text(keys, name);
    if (text == NULL)
        return false;
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '=')
        length--;
    return base64url_decode(arena, text, length, key) && key->size == size;
}

static bool is_loopback(const char *host)
{
    struct address address;
    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (strncmp(host, "127.", 4) == 0)
        return address_parse(host, &address);
    return strcmp(host, "[::1]") == 0;
}

static bool read_endpoint(struct arena *arena, struct subscription *subscription)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
    bool is_fine = parts != NULL &&
                   curl_url_set(parts, CURLUPART_URL, subscription->endpoint, 0) == CURLUE_OK &&
                   curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                   curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                   curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_NO_USER &&
                   (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0);
    if (is_fine) {
        bool has_port = curl_url_get(parts, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT) == CURLUE_OK;
        subscription->is_secure = strcmp(scheme, "https") == 0;
        subscription->is_loopback = is_loopback(host);
        subscription->origin =
            arena_printf(arena, "%s://%s%s%s", scheme, host, has_port ? ":" : "", has_port ? port : "");
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_url_cleanup(parts);
    return is_fine;
}

/* A token is the JSON text of a PushSubscription (Push API, section 7): endpoint, keys.p256dh, keys.auth. */
static bool read_subscription(struct arena *arena, const char *token, struct subscription *subscription)
{
    yyjson_val *root = NULL;
    if (token == NULL || json_parse(arena, bytes_of_text(token), &json_limits_token, &root) != JSON_FINE)
        return false;
    yyjson_val *keys = json_member(root, "keys");
    *subscription = (struct subscription){.endpoint = json_text(root, "endpoint")};
    return subscription->endpoint != NULL && strlen(subscription->endpoint) <= LONGEST_ENDPOINT &&
           read_endpoint(arena, subscription) &&
           read_key(arena, keys, "p256dh", P256_PUBLIC_BYTES, &subscription->receiver.public_key) &&
           read_key(arena, keys, "auth", WEB_PUSH_AUTH_BYTES, &subscription->receiver.auth);
}

bool web_push_is_loopback(struct arena *arena, const char *token)
{
    struct subscription subscription;
    return read_subscription(arena, token, &subscription) && subscription.is_loopback;
}

static bool encrypt(struct push_job *job, const struct subscription *subscription, struct bytes *body)
{
    const char *text = NULL;
    yyjson_mut_doc *payload;
    for (int step = 0; (payload = push_payload_less(job->arena, job->message, step)) != NULL; step++) {
        text = json_write_doc(job->arena, payload);
        if (strlen(text) <= WEB_PUSH_LARGEST_TEXT)
            break;
    }
    struct p256_pair once;
    uint8_t salt[WEB_PUSH_SALT_BYTES];
    random_fill(salt, sizeof salt);
    if (payload == NULL || !p256_generate(&once)) {
        job->reason = "the payload is too large, or none";
        return false;
    }
    bool is_encrypted =
        web_push_encrypt(job->arena, bytes_of_text(text), &subscription->receiver, &once, salt, body);
    p256_wipe(&once);
    job->reason = "the subscription's key is no point of the curve";
    return is_encrypted;
}

/* "vapid t=…, k=…"; NULL where the store, or OpenSSL, fails. */
static const char *authorization(struct push_job *job, const struct subscription *subscription)
{
    struct arena *arena = job->arena;
    struct p256_pair pair;
    if (vapid_pair(job->notifier, arena, &pair) != DB_OK)
        return NULL;
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *claims = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, claims, "aud", subscription->origin);
    json_set_int(doc, claims, "exp", clock_now() + TOKEN_S);
    json_set_text(doc, claims, "sub", job->notifier->config.issuer);
    const char *token = jwt_sign_es256(arena, &pair, NULL, claims);
    const char *key = base64url_encode(arena, (struct bytes){pair.public_key, P256_PUBLIC_BYTES});
    p256_wipe(&pair);
    return token != NULL ? arena_printf(arena, "vapid t=%s, k=%s", token, key) : NULL;
}

/* The same for the same sign-in: a message that left twice is shown once. */
static const char *topic_of(struct arena *arena, const struct push_message *message)
{
    uint8_t digest[32];
    sha256(bytes_of_text(message->payload), digest);
    return arena_printf(arena, "%.*s", TOPIC_LENGTH,
                        base64url_encode(arena, (struct bytes){digest, sizeof digest}));
}

static enum delivery begin(struct push_job *job, struct http_call *call)
{
    struct arena *arena = job->arena;
    bool dev = job->notifier->config.dev;
    struct subscription subscription;
    if (!read_subscription(arena, job->message->token, &subscription)) {
        job->reason = "the token is no push subscription";
        return DELIVERY_REFUSED;
    }
    if (!subscription.is_secure && !(dev && subscription.is_loopback)) {
        job->reason = "the push service has no https address";
        return DELIVERY_REFUSED;
    }
    struct bytes body;
    if (!encrypt(job, &subscription, &body))
        return DELIVERY_REFUSED;
    const char *signature = authorization(job, &subscription);
    if (signature == NULL) {
        job->reason = "the server's key could not be read";
        return DELIVERY_LATER;
    }
    int64_t seconds = (job->message->expires_at - clock_now_ms()) / 1000;
    struct http_pair *headers = arena_calloc(arena, 6, sizeof *headers);
    headers[0] = (struct http_pair){"content-type", "application/octet-stream"};
    headers[1] = (struct http_pair){"content-encoding", "aes128gcm"};
    headers[2] = (struct http_pair){"authorization", signature};
    headers[3] = (struct http_pair){"ttl", arena_printf(arena, "%" PRId64, seconds > 0 ? seconds : 0)};
    headers[4] = (struct http_pair){"urgency", "high"};
    headers[5] = (struct http_pair){"topic", topic_of(arena, job->message)};
    *call = (struct http_call){
        .method = "POST",
        .url = subscription.endpoint,
        .headers = {headers, 6},
        .body = body,
        .timeout_ms = PUSH_CALL_MS,
        .largest_answer = NOTIFY_LARGEST_ANSWER,
        .operator_chose_address = dev && subscription.is_loopback,
    };
    job->reason = NULL;
    return DELIVERY_CALL;
}

static enum delivery go_on(struct push_job *job, const struct http_answer *answer, struct http_call *call)
{
    (void)call;
    enum delivery delivery = push_judge(job, answer);
    if (answer->code != NULL && strcmp(answer->code, "EACCES") == 0)
        return DELIVERY_REFUSED; /* by the egress policy, which will say the same later */
    return answer->status == 404 || answer->status == 410 ? DELIVERY_DEAD : delivery;
}

const struct push_sender web_push_sender = {.name = "webpush", .begin = begin, .go_on = go_on};
