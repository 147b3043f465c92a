/* Web Push against a local push service that does what a browser does: checks the signature, and decrypts. */
#include "push_fixture.h"

#include "crypto/device_key.h"
#include "crypto/web_push.h"
#include "notify/outbox.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

/* A browser: the keys of its subscription. */
static struct p256_pair browser;
static uint8_t browser_auth[16] = "sixteen bytes..";

static const char *subscription(const char *endpoint)
{
    assert_true(p256_generate(&browser));
    return arena_printf(
        store.arena,
        "{\"endpoint\":\"%s\",\"expirationTime\":null,\"keys\":{\"p256dh\":\"%s\",\"auth\":\"%s\"}}",
        endpoint, base64url_encode(store.arena, (struct bytes){browser.public_key, P256_PUBLIC_BYTES}),
        base64url_encode(store.arena, (struct bytes){browser_auth, sizeof browser_auth}));
}

static const char *subscription_at(const struct peer *peer)
{
    return subscription(arena_printf(store.arena, "http://127.0.0.1:%u/push/abc", peer->port));
}

static void hkdf(struct bytes salt, struct bytes secret, struct bytes info, uint8_t *out, size_t size)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret.data, secret.size),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt.data, salt.size),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info.data, info.size),
        OSSL_PARAM_construct_end(),
    };
    assert_int_equal(EVP_KDF_derive(context, out, size, parameters), 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

/* What the browser reads of a body (RFC 8188 section 2, RFC 8291 section 3). */
static const char *decrypt(const struct http_peer_request *request)
{
    const uint8_t *body = request->body;
    uint8_t shared[32], input[32], key[16], nonce[12], info[144] = "WebPush: info";
    assert_true(request->size > 103);
    assert_int_equal(body[20], P256_PUBLIC_BYTES);
    struct bytes salt = {body, 16}, theirs = {body + 21, P256_PUBLIC_BYTES};
    assert_true(p256_agree(&browser, theirs, shared));
    memcpy(info + 14, browser.public_key, 65);
    memcpy(info + 79, theirs.data, 65);
    hkdf((struct bytes){browser_auth, 16}, (struct bytes){shared, 32}, (struct bytes){info, 144}, input, 32);
    struct bytes secret = {input, 32};
    hkdf(salt, secret, (struct bytes){(const uint8_t *)"Content-Encoding: aes128gcm", 28}, key, 16);
    hkdf(salt, secret, (struct bytes){(const uint8_t *)"Content-Encoding: nonce", 24}, nonce, 12);
    int size = (int)request->size - 86 - 16, moved = 0;
    uint8_t *text = arena_alloc(store.arena, (size_t)size + 1);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_DecryptInit_ex(context, EVP_aes_128_gcm(), NULL, key, nonce);
    EVP_DecryptUpdate(context, text, &moved, body + 86, size);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, 16, (void *)(uintptr_t)(body + 86 + size));
    assert_int_equal(EVP_DecryptFinal_ex(context, text + moved, &moved), 1);
    EVP_CIPHER_CTX_free(context);
    assert_int_equal(text[size - 1], 2);
    text[size - 1] = '\0';
    return (const char *)text;
}

static void check_signature(const struct http_peer_request *request, const char *public_key,
                            const char *audience)
{
    const char *header = http_peer_header(request, "authorization");
    assert_non_null(header);
    assert_int_equal(strncmp(header, "vapid t=", 8), 0);
    const char *comma = strstr(header, ", k=");
    assert_string_equal(comma + 4, public_key);
    struct jwt jwt;
    assert_true(
        jwt_parse(store.arena, arena_strndup(store.arena, header + 8, (size_t)(comma - header) - 8), &jwt));
    struct bytes point;
    assert_true(base64url_decode(store.arena, public_key, strlen(public_key), &point));
    struct device_key key = {"ES256", {point.data + 1, 32}, {point.data + 33, 32}};
    assert_true(device_key_verify(&key, &jwt));
    assert_true(jwt_has_audience(&jwt, audience));
    assert_string_equal(json_text(jwt.claims, "sub"), "https://login.test/");
    int64_t lasts = json_int(jwt.claims, "exp", 0) - clock_now();
    assert_true(lasts > 0 && lasts <= 24 * 3600);
}

static void a_push_arrives_signed_and_only_the_browser_can_read_it(void **state)
{
    (void)state;
    struct peer *peer = http_peer_start();
    struct notifier *notifier = start(true);
    const char *key = notifier_web_push_key(notifier, store.arena);
    struct push_message message = message_to("WEBPUSH", subscription_at(peer));
    queue(notifier, &message);
    wait_for(notifier, 0, 1, 0);
    notifier_stop(&notifier);
    peer_end(peer);
    const struct http_peer_request *request = &http_peer_requests[0];
    assert_string_equal(request->line, "POST /push/abc HTTP/1.1");
    assert_string_equal(http_peer_header(request, "content-encoding"), "aes128gcm");
    assert_string_equal(http_peer_header(request, "urgency"), "high");
    assert_int_equal(strlen(http_peer_header(request, "topic")), 32);
    int ttl = atoi(http_peer_header(request, "ttl"));
    assert_true(ttl > 290 && ttl <= 300);
    assert_string_equal(decrypt(request), message.payload);
    check_signature(request, key, arena_printf(store.arena, "http://127.0.0.1:%u", peer->port));
    free(peer);
}

static const char *gone(unsigned number, const struct http_peer_request *request)
{
    (void)number;
    (void)request;
    return "410 Gone\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
}

static void a_token_that_is_no_more_is_reported_once(void **state)
{
    (void)state;
    struct peer *peer = http_peer_start();
    http_peer_answer = gone;
    struct notifier *notifier = start(true);
    struct push_message message = message_to("WEBPUSH", subscription_at(peer));
    queue(notifier, &message);
    wait_for(notifier, 0, 1, 0);
    notifier_stop(&notifier);
    peer_end(peer);
    assert_int_equal(atomic_load(&http_peer_count), 1);
    assert_string_equal(dead_token, arena_printf(store.arena, "dev_1234567890abcdef %s", message.token));
    free(peer);
}

static const char *busy_first(unsigned number, const struct http_peer_request *request)
{
    if (number > 0)
        return http_peer_created(number, request);
    return "503 Busy\r\nRetry-After: 40\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
}

static void a_service_that_is_busy_is_asked_again_when_it_said(void **state)
{
    (void)state;
    struct peer *peer = http_peer_start();
    http_peer_answer = busy_first;
    struct notifier *notifier = start(true);
    struct push_message message = message_to("WEBPUSH", subscription_at(peer));
    int64_t begin = clock_now_ms();
    queue(notifier, &message);
    wait_for(notifier, 0, 2, 1000);
    notifier_stop(&notifier);
    peer_end(peer);
    assert_int_equal(atomic_load(&http_peer_count), 2);
    assert_true(clock_now_ms() - begin >= 40000);
    assert_string_equal(decrypt(&http_peer_requests[1]), message.payload);
    free(peer);
}

static const char *always_busy(unsigned number, const struct http_peer_request *request)
{
    (void)number;
    (void)request;
    return "503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
}

static void it_is_tried_until_the_sign_in_ends_and_not_after(void **state)
{
    (void)state;
    struct peer *peer = http_peer_start();
    http_peer_answer = always_busy;
    struct notifier *notifier = start(true);
    struct push_message message = message_to("WEBPUSH", subscription_at(peer));
    queue(notifier, &message);
    wait_for(notifier, 0, 1, 1000);
    unsigned tries = atomic_load(&http_peer_count);
    assert_true(tries >= 6 && tries <= 12); /* after 2, 4, 8, 16, 32, 60, 60 … seconds */
    message.expires_at = clock_now_ms() - 1;
    queue(notifier, &message);
    wait_for(notifier, 0, 0, 0);
    notifier_stop(&notifier);
    peer_end(peer);
    assert_int_equal(atomic_load(&http_peer_count), tries);
    free(peer);
}

static void no_push_goes_to_this_machine_or_over_http_but_with_dev(void **state)
{
    (void)state;
    struct peer *peer = http_peer_start();
    struct notifier *notifier = start(false);
    struct push_message message = message_to("WEBPUSH", subscription_at(peer));
    queue(notifier, &message);
    wait_for(notifier, 0, 0, 0);
    /* By https the egress policy says no. */
    message.token = subscription(arena_printf(store.arena, "https://127.0.0.1:%u/push", peer->port));
    queue(notifier, &message);
    wait_for(notifier, 0, 0, 0);
    notifier_stop(&notifier);
    peer_end(peer);
    assert_int_equal(peer->connections, 0);
    free(peer);
}

static void with_dev_it_stands_in_the_outbox_and_goes_no_farther(void **state)
{
    (void)state;
    struct notifier *notifier = start(true);
    struct push_message message = message_to("WEBPUSH", subscription("https://push.example.test/abc"));
    queue(notifier, &message);
    message.service = "NONE";
    queue(notifier, &message);
    assert_int_equal(count_messages(NULL), 0);
    notifier_stop(&notifier);
    struct db_tx *tx = store_read();
    yyjson_mut_doc *list;
    assert_int_equal(outbox_list(tx, store.arena, "push", message.authenticator_id, &list), DB_OK);
    db_end(&tx);
    assert_int_equal(yyjson_mut_arr_size(yyjson_mut_doc_get_root(list)), 2);
    yyjson_mut_val *payload =
        json_mut_member(yyjson_mut_arr_get_first(yyjson_mut_doc_get_root(list)), "payload");
    assert_string_equal(json_mut_text(payload, "txtkn"), "secret-ticket");
}

static void a_large_payload_goes_without_place_and_browser(void **state)
{
    (void)state;
    struct peer *peer = http_peer_start();
    struct notifier *notifier = start(true);
    struct push_message message = message_to("WEBPUSH", subscription_at(peer));
    char *filler = arena_alloc(store.arena, 3001);
    memset(filler, 'x', 3000);
    filler[3000] = '\0';
    message.payload = arena_printf(
        store.arena, "{\"dai\":\"d\",\"s\":{\"b\":{\"n\":\"%s\"}},\"l\":{\"n\":\"%s\"}}", filler, filler);
    queue(notifier, &message);
    wait_for(notifier, 0, 1, 0);
    assert_null(strstr(decrypt(&http_peer_requests[0]), "\"l\""));
    message.payload =
        arena_printf(store.arena, "{\"dai\":\"d\",\"s\":{\"b\":{\"n\":\"%s%s\"}},\"l\":{}}", filler, filler);
    queue(notifier, &message);
    wait_for(notifier, 0, 2, 0);
    assert_string_equal(decrypt(&http_peer_requests[1]), "{\"dai\":\"d\"}");
    notifier_stop(&notifier);
    peer_end(peer);
    free(peer);
}

static void say_nothing(struct peer *peer, FILE *in, FILE *out)
{
    char line[1024];
    (void)out;
    while (peer_line(in, line, sizeof line))
        peer_hear(peer, "line");
}

static void a_service_that_does_not_answer_holds_up_nobody_else(void **state)
{
    (void)state;
    struct peer *silent = peer_start(say_nothing), *peer = http_peer_start();
    struct notifier *notifier = start(true);
    struct push_message message = message_to("WEBPUSH", subscription_at(silent));
    queue(notifier, &message);
    message.token = subscription_at(peer);
    queue(notifier, &message);
    wait_for(notifier, 1, 1, 0);
    notifier_stop(&notifier); /* at once: what is under way is left to the next server */
    assert_int_equal(count_messages(NULL), 1);
    struct db_tx *tx = store_read();
    struct db_value *row;
    assert_int_equal(db_row(tx, store.arena, &row, "SELECT sealed, next_at FROM messages", ""), DB_OK);
    db_end(&tx);
    assert_null(strstr(row[0].text, "secret-ticket"));
    assert_true(row[1].number <= clock_now_ms());
    peer_end(silent);
    peer_end(peer);
    free(silent);
    free(peer);
}

static void the_key_stays_the_same(void **state)
{
    (void)state;
    struct notifier *first = start(false), *second = start(false);
    const char *key = notifier_web_push_key(first, store.arena);
    assert_int_equal(strlen(key), 87);
    assert_string_equal(notifier_web_push_key(second, store.arena), key);
    notifier_stop(&first);
    first = start(false);
    assert_string_equal(notifier_web_push_key(first, store.arena), key);
    notifier_stop(&first);
    notifier_stop(&second);
}

static void what_is_no_subscription_is_given_up(void **state)
{
    (void)state;
    static const char *const tokens[] = {
        "",
        "{}",
        "[]",
        "not json",
        "{\"endpoint\":\"https://push.test/\",\"keys\":{}}",
        "{\"endpoint\":\"https://push.test/\",\"keys\":{\"p256dh\":\"AAAA\",\"auth\":\"AAAA\"}}",
        "{\"endpoint\":\"file:///etc/passwd\",\"keys\":{\"p256dh\":\"AAAA\",\"auth\":\"AAAA\"}}",
    };
    struct notifier *notifier = start(false);
    for (size_t i = 0; i < ARRAY_LENGTH(tokens); i++) {
        struct push_message message = message_to("WEBPUSH", tokens[i]);
        queue(notifier, &message);
    }
    struct push_message message = message_to("CARRIER-PIGEON", "token");
    queue(notifier, &message);
    wait_for(notifier, 0, 0, 0);
    notifier_stop(&notifier);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        push_test(a_push_arrives_signed_and_only_the_browser_can_read_it),
        push_test(a_token_that_is_no_more_is_reported_once),
        push_test(a_service_that_is_busy_is_asked_again_when_it_said),
        push_test(it_is_tried_until_the_sign_in_ends_and_not_after),
        push_test(no_push_goes_to_this_machine_or_over_http_but_with_dev),
        push_test(with_dev_it_stands_in_the_outbox_and_goes_no_farther),
        push_test(a_large_payload_goes_without_place_and_browser),
        push_test(a_service_that_does_not_answer_holds_up_nobody_else),
        push_test(the_key_stays_the_same),
        push_test(what_is_no_subscription_is_given_up),
    };
    return STORE_RUN_TESTS(tests);
}
