/* Apple's push service over HTTP/2 and TLS: by the tenant's certificate, by the operator's key, and what its answers mean. */
#include "notify/push_sender.h"

#include "base/clock.h"
#include "base/encode.h"
#include "crypto/dev_certificate.h"
#include "crypto/pem.h"

#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node_peer.h"

static struct arena *arena;
static struct http_client *client;
static struct node_peer peer;
static struct notifier notifier;
static char folder[] = "/tmp/apns_test_XXXXXX";
static EVP_PKEY *key;

static const char *file_of(const char *name, const char *text)
{
    const char *path = arena_printf(arena, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static const char *text_of(BIO *bio)
{
    char *data;
    long size = BIO_get_mem_data(bio, &data);
    const char *text = arena_strndup(arena, data, (size_t)size);
    BIO_free(bio);
    return text;
}

static const char *private_pem(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    return text_of(bio);
}

static const char *public_pem(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    return text_of(bio);
}

/* The file that an operator exports, base64: a certificate "Apple Push" and its key; `password` as given. */
static const char *p12_of(const char *password)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"Apple Push", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    PKCS12 *bundle = PKCS12_create(password, "push", key, certificate, NULL, 0, 0, 0, 0, 0);
    uint8_t *der = NULL;
    int size = i2d_PKCS12(bundle, &der);
    assert_true(size > 0);
    const char *text = base64_encode(arena, (struct bytes){der, (size_t)size});
    OPENSSL_free(der);
    PKCS12_free(bundle);
    X509_free(certificate);
    return text;
}

static void start(bool by_token)
{
    struct dev_certificate made;
    arena = arena_create();
    strcpy(folder, "/tmp/apns_test_XXXXXX");
    assert_non_null(mkdtemp(folder));
    key = EVP_EC_gen("P-256");
    assert_true(dev_certificate_make(arena, &made));
    const char *options[] = {"apns", file_of("certificate", made.certificate),
                             file_of("key", made.private_key),
                             by_token ? file_of("public", public_pem()) : NULL, NULL};
    node_peer_start(&peer, arena, options);
    client = http_client_create(
        &(struct http_client_config){.connections = 4, .ca_file = file_of("authority", made.authority)});
    notifier = (struct notifier){
        .http = client,
        .config = {.apns_url = arena_printf(arena, "https://127.0.0.1:%d", (int)peer.port),
                   .apns_key = by_token ? private_pem() : NULL,
                   .apns_key_id = "KEY1234567",
                   .apns_team_id = "TEAM123456"},
    };
}

static int set_up_certificate(void **state)
{
    (void)state;
    start(false);
    return 0;
}

static int set_up_token(void **state)
{
    (void)state;
    start(true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"certificate", "key", "public", "authority"};
    node_peer_end(&peer);
    http_client_free(&client);
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        unlink(arena_printf(arena, "%s/%s", folder, names[i]));
    rmdir(folder);
    EVP_PKEY_free(key);
    arena_destroy(&arena);
    return 0;
}

static const char short_payload[] =
    "{\"dai\":\"dev_1234567890abcdef\",\"txtkn\":\"t\",\"c\":\"c\",\"d\":\"d\",\"sh\":\"h\","
    "\"s\":{\"os\":{\"n\":\"Linux\"}},\"l\":{\"n\":\"Lund, SE\"}}";

static enum delivery send_to(const char *token, const char *settings, const char *payload,
                             struct push_job *job)
{
    static struct push_message message;
    message = (struct push_message){
        .service = "APNS",
        .token = token,
        .authenticator_id = "dev_1234567890abcdef",
        .title = "Acme",
        .body = "Approve sign-in?",
        .payload = payload,
        .expires_at = 1767323045678,
    };
    *job = (struct push_job){.notifier = &notifier,
                             .arena = arena,
                             .message = &message,
                             .settings = json_parse_own(arena, settings)};
    return deliver(&apns_sender, job);
}

static const char *with_p12(const char *password)
{
    return arena_printf(arena, "{\"bundle_id\":\"com.acme.app\",\"sandbox\":true,\"p12\":\"%s\"}",
                        p12_of(password));
}

static void a_certificate_of_the_tenant_opens_the_way_and_guardian_reads_what_comes(void **state)
{
    (void)state;
    struct push_job job;
    assert_int_equal(send_to("00ABcd", with_p12(""), short_payload, &job), DELIVERY_SENT);
    yyjson_val *heard = node_peer_heard(&peer, arena), *headers = json_member(heard, "headers");
    assert_string_equal(json_text(heard, "subject"), "Apple Push");
    assert_string_equal(json_text(heard, "path"), "/3/device/00ABcd");
    assert_string_equal(json_text(headers, "apns-topic"), "com.acme.app");
    assert_string_equal(json_text(headers, "apns-push-type"), "alert");
    assert_string_equal(json_text(headers, "apns-priority"), "10");
    assert_string_equal(json_text(headers, "apns-expiration"), "1767323045");
    assert_null(json_text(headers, "authorization"));
    yyjson_val *body = json_parse_own(arena, json_text(heard, "body"));
    yyjson_val *aps = json_member(body, "aps"), *mfa = json_member(body, "mfa");
    assert_string_equal(json_text(json_member(aps, "alert"), "title"), "Acme");
    assert_string_equal(json_text(aps, "category"), "com.auth0.notification.authentication");
    assert_int_equal(json_int(aps, "mutable-content", 0), 1);
    assert_string_equal(json_text(json_member(mfa, "l"), "n"), "Lund, SE");
}

static void a_file_that_needs_a_password_or_is_none_is_said_to_be_so(void **state)
{
    (void)state;
    struct push_job job;
    assert_int_equal(send_to("00", with_p12("secret"), short_payload, &job), DELIVERY_REFUSED);
    assert_non_null(strstr(job.reason, "without a password"));
    assert_int_equal(send_to("00", "{\"bundle_id\":\"a\",\"p12\":\"AAAA\"}", short_payload, &job),
                     DELIVERY_REFUSED);
    assert_int_equal(send_to("00", "{\"bundle_id\":\"a\",\"p12\":\"*\"}", short_payload, &job),
                     DELIVERY_REFUSED);
    assert_int_equal(send_to("00", "{\"bundle_id\":\"a\"}", short_payload, &job), DELIVERY_REFUSED);
    assert_int_equal(send_to("00", "{}", short_payload, &job), DELIVERY_REFUSED);
}

static void a_key_of_the_operator_signs_a_token_that_serves_for_forty_minutes(void **state)
{
    (void)state;
    struct push_job job;
    const char *tokens[3];
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(send_to("00", "{\"bundle_id\":\"com.acme.app\"}", short_payload, &job),
                         DELIVERY_SENT);
        yyjson_val *heard = node_peer_heard(&peer, arena);
        assert_true(json_bool(heard, "authorized", false));
        tokens[i] = json_text(json_member(heard, "headers"), "authorization");
        clock_advance(i == 0 ? 39 * 60 * 1000 : 2 * 60 * 1000);
    }
    assert_string_equal(tokens[0], tokens[1]);
    assert_string_not_equal(tokens[1], tokens[2]);
}

static void what_apple_answers_decides_what_becomes_of_it(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        enum delivery result;
    } cases[] = {{"dd01", DELIVERY_DEAD},
                 {"bd01", DELIVERY_DEAD},
                 {"f001", DELIVERY_LATER},
                 {"ff01", DELIVERY_LATER},
                 {"aa01", DELIVERY_REFUSED},
                 {"ec01", DELIVERY_LATER},
                 /* None of Apple's tokens, and no way out of the path: nobody is asked. */
                 {"../4", DELIVERY_DEAD},
                 {"", DELIVERY_DEAD}};
    struct push_job job;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        assert_int_equal(send_to(cases[i].token, "{\"bundle_id\":\"com.acme.app\"}", short_payload, &job),
                         cases[i].result);
        assert_int_equal(job.retry_after_ms, strcmp(cases[i].token, "f001") == 0 ? 7000 : 0);
    }
    assert_int_equal(notifier.push_cache.apns_made_at, 0); /* "ExpiredProviderToken" */
}

static void what_is_too_long_goes_without_the_place_and_then_without_the_browser(void **state)
{
    (void)state;
    struct push_job job;
    char *place = arena_calloc(arena, 4000, 1);
    memset(place, 'x', 3999);
    const char *payload = arena_printf(
        arena, "{\"dai\":\"d\",\"txtkn\":\"t\",\"s\":{\"b\":{\"n\":\"F\"}},\"l\":{\"n\":\"%s\"}}", place);
    assert_int_equal(send_to("00", "{\"bundle_id\":\"a\"}", payload, &job), DELIVERY_SENT);
    yyjson_val *body = json_parse_own(arena, json_text(node_peer_heard(&peer, arena), "body"));
    assert_null(json_member(json_member(body, "mfa"), "l"));
    assert_non_null(json_member(json_member(body, "mfa"), "s"));
    payload = arena_printf(arena, "{\"dai\":\"d\",\"txtkn\":\"%s\"}", place);
    assert_int_equal(send_to("00", "{\"bundle_id\":\"a\"}", payload, &job), DELIVERY_REFUSED);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_certificate_of_the_tenant_opens_the_way_and_guardian_reads_what_comes, set_up_certificate,
            tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_needs_a_password_or_is_none_is_said_to_be_so,
                                        set_up_certificate, tear_down),
        cmocka_unit_test_setup_teardown(a_key_of_the_operator_signs_a_token_that_serves_for_forty_minutes,
                                        set_up_token, tear_down),
        cmocka_unit_test_setup_teardown(what_apple_answers_decides_what_becomes_of_it, set_up_token,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_long_goes_without_the_place_and_then_without_the_browser,
                                        set_up_token, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
