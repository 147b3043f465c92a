/* FCM HTTP v1 against a local server that speaks it: the grant by a signed JWT, and messages of data only. */
#include "push_fixture.h"

#include "crypto/device_key.h"
#include "store/settings.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>

static EVP_PKEY *account_key;

static const char *private_pem(void)
{
    BIO *writer = BIO_new(BIO_s_mem());
    char *text = NULL;
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(writer, account_key, NULL, NULL, 0, NULL, NULL), 1);
    long size = BIO_get_mem_data(writer, &text);
    const char *pem = arena_strndup(store.arena, text, (size_t)size);
    BIO_free(writer);
    return pem;
}

/* A service account whose token service is the peer. */
static void configure(const struct peer *peer)
{
    if (account_key == NULL)
        account_key = EVP_RSA_gen(2048);
    yyjson_mut_doc *account = json_new_object(store.arena), *doc = json_new_object(store.arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(account);
    json_set_text(account, root, "type", "service_account");
    json_set_text(account, root, "project_id", "acme-login");
    json_set_text(account, root, "private_key_id", "key-1");
    json_set_text(account, root, "private_key", private_pem());
    json_set_text(account, root, "client_email", "push@acme-login.iam.example");
    json_set_text(account, root, "token_uri",
                  arena_printf(store.arena, "http://127.0.0.1:%u/token", peer->port));
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "server_credentials",
                  json_write_doc(store.arena, account));
    struct db_tx *tx = store_write();
    assert_int_equal(settings_put_sealed(tx, store.arena, keyring, "guardian.push.fcmv1",
                                         json_write_doc(store.arena, doc)),
                     DB_OK);
    store_commit(tx);
}

static struct notifier *start_fcm(const struct peer *peer)
{
    configure(peer);
    struct notifier *notifier = notifier_start(
        store.db, keyring, client,
        &(struct notifier_config){.fcm_url = arena_printf(store.arena, "http://127.0.0.1:%u", peer->port)});
    notifier_on_dead_token(notifier, note_dead_token, NULL);
    return notifier;
}

static const char *reply(const char *status, const char *body)
{
    static char text[1024];
    snprintf(text, sizeof text,
             "%s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
             status, strlen(body), body);
    return text;
}

static bool asks_token(const struct http_peer_request *request)
{
    return strncmp(request->line, "POST /token ", 12) == 0;
}

static const char *google(unsigned number, const struct http_peer_request *request)
{
    (void)number;
    if (asks_token(request))
        return reply("200 OK",
                     "{\"access_token\":\"ya29.token\",\"expires_in\":3599,\"token_type\":\"Bearer\"}");
    return reply("200 OK", "{\"name\":\"projects/acme-login/messages/1\"}");
}

static struct bytes number_of(const char *name)
{
    BIGNUM *number = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(account_key, name, &number), 1);
    size_t size = (size_t)BN_num_bytes(number);
    uint8_t *data = arena_alloc(store.arena, size);
    BN_bn2bin(number, data);
    BN_free(number);
    return (struct bytes){data, size};
}

static void check_grant(const struct http_peer_request *request, const struct peer *peer)
{
    static const char intro[] = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    const char *body = (const char *)request->body;
    assert_int_equal(strncmp(body, intro, strlen(intro)), 0);
    struct jwt jwt;
    assert_true(jwt_parse(store.arena, body + strlen(intro), &jwt));
    struct device_key key = {"RS256", number_of(OSSL_PKEY_PARAM_RSA_N), number_of(OSSL_PKEY_PARAM_RSA_E)};
    assert_true(device_key_verify(&key, &jwt));
    assert_string_equal(jwt.kid, "key-1");
    assert_string_equal(json_text(jwt.claims, "iss"), "push@acme-login.iam.example");
    assert_string_equal(json_text(jwt.claims, "scope"), "https://www.googleapis.com/auth/firebase.messaging");
    assert_true(jwt_has_audience(&jwt, arena_printf(store.arena, "http://127.0.0.1:%u/token", peer->port)));
    assert_int_equal(json_int(jwt.claims, "exp", 0) - json_int(jwt.claims, "iat", 0), 3600);
}

static void a_message_is_data_only_of_texts_and_its_token_serves_the_next(void **state)
{
    (void)state;
    struct peer *peer = http_peer_start();
    http_peer_answer = google;
    struct notifier *notifier = start_fcm(peer);
    struct push_message message = message_to("GCM", "registration-token");
    queue(notifier, &message);
    wait_for(notifier, 0, 2, 0);
    queue(notifier, &message);
    wait_for(notifier, 0, 3, 0);
    /* An hour later Google's token is over. */
    clock_advance(3600 * 1000);
    message.expires_at = clock_now_ms() + 300000;
    queue(notifier, &message);
    wait_for(notifier, 0, 5, 0);
    notifier_stop(&notifier);
    peer_end(peer);
    assert_int_equal(atomic_load(&http_peer_count), 5);
    assert_true(asks_token(&http_peer_requests[0]) && asks_token(&http_peer_requests[3]));
    check_grant(&http_peer_requests[0], peer);

    const struct http_peer_request *request = &http_peer_requests[1];
    assert_string_equal(request->line, "POST /v1/projects/acme-login/messages:send HTTP/1.1");
    assert_string_equal(http_peer_header(request, "authorization"), "Bearer ya29.token");
    yyjson_val *sent = json_member(json_parse_own(store.arena, (const char *)request->body), "message");
    assert_string_equal(json_text(sent, "token"), "registration-token");
    assert_null(json_member(sent, "notification"));
    yyjson_val *data = json_member(sent, "data"), *android = json_member(sent, "android");
    assert_string_equal(json_text(data, "txtkn"), "secret-ticket");
    assert_string_equal(json_text(data, "s"), "{\"os\":{\"n\":\"Linux\"}}");
    assert_string_equal(json_text(android, "priority"), "HIGH");
    int ttl = atoi(json_text(android, "ttl"));
    assert_true(ttl > 290 && ttl <= 300);
    free(peer);
}

static const char *unregistered(unsigned number, const struct http_peer_request *request)
{
    if (asks_token(request))
        return google(number, request);
    return reply("404 Not Found", "{\"error\":{\"code\":404,\"status\":\"NOT_FOUND\",\"details\":[{\"@type\":"
                                  "\"type.googleapis.com/google.firebase.fcm.v1.FcmError\",\"errorCode\":"
                                  "\"UNREGISTERED\"}]}}");
}

static void a_token_that_google_no_longer_knows_is_reported(void **state)
{
    (void)state;
    struct peer *peer = http_peer_start();
    http_peer_answer = unregistered;
    struct notifier *notifier = start_fcm(peer);
    struct push_message message = message_to("FCM", "old-token");
    queue(notifier, &message);
    wait_for(notifier, 0, 2, 0);
    notifier_stop(&notifier);
    peer_end(peer);
    assert_string_equal(dead_token, "dev_1234567890abcdef old-token");
    free(peer);
}

static const char *token_taken_back(unsigned number, const struct http_peer_request *request)
{
    if (asks_token(request) || number != 2)
        return google(number, request);
    return reply("401 Unauthorized", "{\"error\":{\"code\":401,\"status\":\"UNAUTHENTICATED\"}}");
}

static void a_token_taken_back_before_its_time_is_asked_for_anew_once(void **state)
{
    (void)state;
    struct peer *peer = http_peer_start();
    http_peer_answer = token_taken_back;
    struct notifier *notifier = start_fcm(peer);
    struct push_message message = message_to("GCM", "registration-token");
    queue(notifier, &message); /* token, message */
    wait_for(notifier, 0, 2, 0);
    queue(notifier, &message); /* 401, token, message */
    wait_for(notifier, 0, 5, 0);
    notifier_stop(&notifier);
    peer_end(peer);
    assert_int_equal(atomic_load(&http_peer_count), 5);
    assert_true(asks_token(&http_peer_requests[3]));
    assert_string_equal(dead_token, "");
    free(peer);
}

static const char *busy(unsigned number, const struct http_peer_request *request)
{
    if (number != 0)
        return google(number, request);
    return reply("503 Service Unavailable", "");
}

static void a_token_service_that_is_down_is_asked_again(void **state)
{
    (void)state;
    struct peer *peer = http_peer_start();
    http_peer_answer = busy;
    struct notifier *notifier = start_fcm(peer);
    struct push_message message = message_to("GCM", "registration-token");
    queue(notifier, &message);
    wait_for(notifier, 0, 3, 1000);
    notifier_stop(&notifier);
    peer_end(peer);
    free(peer);
}

static void without_settings_nothing_is_sent(void **state)
{
    (void)state;
    struct notifier *notifier = start(false);
    struct push_message message = message_to("GCM", "registration-token");
    queue(notifier, &message);
    wait_for(notifier, 0, 0, 0);
    notifier_stop(&notifier);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        push_test(a_message_is_data_only_of_texts_and_its_token_serves_the_next),
        push_test(a_token_that_google_no_longer_knows_is_reported),
        push_test(a_token_taken_back_before_its_time_is_asked_for_anew_once),
        push_test(a_token_service_that_is_down_is_asked_again),
        push_test(without_settings_nothing_is_sent),
    };
    int failed = STORE_RUN_TESTS(tests);
    EVP_PKEY_free(account_key);
    return failed;
}
