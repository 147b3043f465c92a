/* Amazon SNS: AWS' own example of a signature, and the two calls against a service that checks theirs. */
#include "notify/aws_signature.h"
#include "notify/push_sender.h"

#include "base/clock.h"

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

static const char secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
static const char settings[] =
    "{\"aws_access_key_id\":\"AKIDEXAMPLE\",\"aws_secret_access_key\":\"wJalrXUtnFEMI/"
    "K7MDENG+bPxRfiCYEXAMPLEKEY\","
    "\"aws_region\":\"eu-west-1\","
    "\"sns_apns_platform_application_arn\":\"arn:aws:sns:eu-west-1:123456789012:app/APNS_SANDBOX/acme\","
    "\"sns_gcm_platform_application_arn\":\"arn:aws:sns:eu-west-1:123456789012:app/GCM/acme\"}";

static int set_up(void **state)
{
    (void)state;
    arena = arena_create();
    client = http_client_create(&(struct http_client_config){.connections = 4});
    node_peer_start(&peer, arena, (const char *[]){"sns", secret, NULL});
    notifier = (struct notifier){
        .http = client,
        .config = {.sns_url = arena_printf(arena, "http://127.0.0.1:%d", (int)peer.port)},
    };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    node_peer_end(&peer);
    http_client_free(&client);
    arena_destroy(&arena);
    return 0;
}

static struct push_message message_to(const char *service, const char *token)
{
    return (struct push_message){
        .service = service,
        .token = token,
        .authenticator_id = "dev_1234567890abcdef",
        .title = "Acme",
        .body = "Approve sign-in?",
        .payload = "{\"dai\":\"dev_1234567890abcdef\",\"txtkn\":\"t\",\"c\":\"c\",\"d\":\"d\",\"sh\":\"h\","
                   "\"s\":{\"os\":{\"n\":\"Linux\"}}}",
        .expires_at = clock_now_ms() + 300000,
    };
}

static enum delivery send_with(const char *text, const char *service, const char *token, struct push_job *job)
{
    static struct push_message message;
    message = message_to(service, token);
    *job = (struct push_job){
        .notifier = &notifier, .arena = arena, .message = &message, .settings = json_parse_own(arena, text)};
    return deliver(&sns_sender, job);
}

/* "post-vanilla" and "post-x-www-form-urlencoded" of the AWS Signature Version 4 test suite. */
static void signatures_are_those_of_aws_own_examples(void **state)
{
    (void)state;
    const int64_t now = 1440938160; /* 2015-08-30T12:36:00Z */
    const char *date;
    struct arena *own = arena_create();
    struct aws_identity identity = {"AKIDEXAMPLE", secret, "us-east-1", "service"};
    struct aws_request plain = {.host = "example.amazonaws.com", .path = "/"};
    assert_string_equal(aws_sign(own, &identity, &plain, now, &date),
                        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                        "SignedHeaders=host;x-amz-date, "
                        "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
    assert_string_equal(date, "20150830T123600Z");
    struct aws_request form = {.host = "example.amazonaws.com",
                               .path = "/",
                               .content_type = "application/x-www-form-urlencoded",
                               .body = bytes_of_text("Param1=value1")};
    assert_non_null(strstr(aws_sign(own, &identity, &form, now, &date),
                           "Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"));
    arena_destroy(&own);
}

static void a_phone_becomes_an_endpoint_and_the_message_is_published_there(void **state)
{
    (void)state;
    struct push_job job;
    assert_int_equal(send_with(settings, "GCM", "good:token", &job), DELIVERY_SENT);
    yyjson_val *first = node_peer_heard(&peer, arena), *second = node_peer_heard(&peer, arena);
    assert_true(json_bool(first, "authorized", false) && json_bool(second, "authorized", false));
    yyjson_val *form = json_member(second, "form");
    assert_string_equal(json_text(json_member(first, "form"), "Token"), "good:token");
    assert_string_equal(json_text(form, "TargetArn"),
                        "arn:aws:sns:eu-west-1:123456789012:endpoint/GCM/acme/good:token");
    assert_string_equal(json_text(form, "MessageStructure"), "json");
    assert_string_equal(json_text(form, "MessageAttributes.entry.1.Name"), "AWS.SNS.MOBILE.GCM.TTL");
    yyjson_val *message = json_parse_own(arena, json_text(form, "Message"));
    yyjson_val *google = json_parse_own(arena, json_text(message, "GCM"));
    yyjson_val *inner = json_member(json_member(google, "fcmV1Message"), "message");
    yyjson_val *data = json_member(inner, "data");
    assert_string_equal(json_text(data, "dai"), "dev_1234567890abcdef");
    assert_string_equal(json_text(data, "s"), "{\"os\":{\"n\":\"Linux\"}}");
    assert_string_equal(json_text(json_member(inner, "android"), "priority"), "high");
}

static void an_iphone_gets_what_apple_takes_by_the_sandbox_where_the_application_is_of_it(void **state)
{
    (void)state;
    struct push_job job;
    assert_int_equal(send_with(settings, "APNS", "00ab", &job), DELIVERY_SENT);
    (void)node_peer_heard(&peer, arena);
    yyjson_val *form = json_member(node_peer_heard(&peer, arena), "form");
    yyjson_val *message = json_parse_own(arena, json_text(form, "Message"));
    yyjson_val *apple = json_parse_own(arena, json_text(message, "APNS_SANDBOX"));
    assert_string_equal(json_text(json_member(apple, "aps"), "category"),
                        "com.auth0.notification.authentication");
    assert_string_equal(json_text(json_member(apple, "mfa"), "dai"), "dev_1234567890abcdef");
    assert_string_equal(json_text(form, "MessageAttributes.entry.1.Name"), "AWS.SNS.MOBILE.APNS_SANDBOX.TTL");
}

static void what_sns_says_is_wrong_decides_what_becomes_of_it(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        enum delivery result;
    } cases[] = {{"bad", DELIVERY_DEAD},
                 {"disabled", DELIVERY_DEAD},
                 {"slow", DELIVERY_LATER},
                 {"broken", DELIVERY_LATER}};
    struct push_job job;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(send_with(settings, "GCM", cases[i].token, &job), cases[i].result);
    assert_int_equal(send_with("{\"aws_access_key_id\":\"AKIDEXAMPLE\",\"aws_secret_access_key\":\"wrong\","
                               "\"aws_region\":\"eu-west-1\",\"sns_gcm_platform_application_arn\":\"arn:a\"}",
                               "GCM", "good", &job),
                     DELIVERY_REFUSED);
    assert_string_equal(job.reason, "answered 403, SignatureDoesNotMatch");
    /* A region goes into the host's name: nothing but a region may stand there. */
    assert_int_equal(
        send_with("{\"aws_access_key_id\":\"A\",\"aws_secret_access_key\":\"s\","
                  "\"aws_region\":\"evil.test/\",\"sns_gcm_platform_application_arn\":\"arn:a\"}",
                  "GCM", "good", &job),
        DELIVERY_REFUSED);
    assert_int_equal(send_with("{}", "APNS", "00", &job), DELIVERY_REFUSED);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_of_aws_own_examples),
        cmocka_unit_test_setup_teardown(a_phone_becomes_an_endpoint_and_the_message_is_published_there,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_iphone_gets_what_apple_takes_by_the_sandbox_where_the_application_is_of_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_sns_says_is_wrong_decides_what_becomes_of_it, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
