/* Text messages by Twilio and by webhook, against a server that speaks HTTP and checks what it is told. */
#include "notify/notifier.h"

#include "base/clock.h"
#include "base/encode.h"
#include "crypto/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "peer.h"

static struct arena *arena;
static struct http_client *http;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create();
    http = http_client_create(&(struct http_client_config){.connections = 4});
    return http == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    http_client_free(&http);
    arena_destroy(&arena);
    return 0;
}

static const char *answer_status, *answer_body;

/* One request a connection; its head and body are kept as they came. */
static void serve_http(struct peer *peer, FILE *in, FILE *out)
{
    char line[8192];
    size_t length = 0;
    while (peer_line(in, line, sizeof line) && line[0] != '\0') {
        peer_hear(peer, line);
        if (strncasecmp(line, "content-length:", 15) == 0)
            length = strtoul(line + 15, NULL, 10);
    }
    peer_hear(peer, "");
    char *body = calloc(1, length + 1);
    if (fread(body, 1, length, in) == length)
        peer_hear(peer, body);
    free(body);
    fprintf(
        out,
        "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
        answer_status, strlen(answer_body), answer_body);
    fflush(out);
}

static const struct message sms = {
    .channel = "sms",
    .to = "+447911123456",
    .text = "123456 is your verification code for Bücher & Söhne",
    .action = "second-factor-authentication",
    .tenant = "acme",
    .user_id = "auth0|ada",
    .code = "123456",
    .locale = "de",
};

static yyjson_val *settings_of(const char *text)
{
    return json_parse_own(arena, text);
}

static enum notify_result send_by(const struct channel *channel, const char *twilio_url, const char *settings,
                                  const char **reason)
{
    struct notifier notifier = {.http = http, .config = {.twilio_url = twilio_url}};
    *reason = NULL;
    return channel->send(&notifier, arena, settings_of(settings), &sms, reason);
}

static const char *base_url(const struct peer *peer)
{
    return arena_printf(arena, "http://127.0.0.1:%u", peer->port);
}

/* The value of a field of the form that the peer heard. */
static const char *form_field(const struct peer *peer, const char *name)
{
    const char *form = strstr(peer->heard, "\n\n") + 2;
    for (const char *at = form; at != NULL; at = strchr(at, '&') != NULL ? strchr(at, '&') + 1 : NULL) {
        size_t length = strlen(name);
        if (strncmp(at, name, length) == 0 && at[length] == '=')
            return percent_decode(arena, at + length + 1, strcspn(at + length + 1, "&\n"), true);
    }
    return NULL;
}

static void twilio_is_told_as_its_messages_resource_wants(void **state)
{
    (void)state;
    answer_status = "201 Created";
    answer_body = "{\"sid\":\"SM1\",\"status\":\"queued\"}";
    struct peer *peer = peer_start(serve_http);
    const char *reason;
    assert_int_equal(send_by(&twilio_channel, base_url(peer),
                             "{\"sid\":\"AC1\",\"auth_token\":\"t0ken\",\"from\":\"+15005550006\"}", &reason),
                     NOTIFY_SENT);
    peer_end(peer);
    assert_memory_equal(peer->heard, "POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1\n", 53);
    const char *credentials = base64_encode(arena, bytes_of_text("AC1:t0ken"));
    assert_non_null(strcasestr(peer->heard, arena_printf(arena, "\nauthorization: Basic %s\n", credentials)));
    assert_non_null(strcasestr(peer->heard, "\ncontent-type: application/x-www-form-urlencoded\n"));
    assert_string_equal(form_field(peer, "To"), sms.to);
    assert_string_equal(form_field(peer, "From"), "+15005550006");
    assert_string_equal(form_field(peer, "Body"), sms.text);
    assert_null(form_field(peer, "MessagingServiceSid"));
    free(peer);

    peer = peer_start(serve_http);
    assert_int_equal(
        send_by(&twilio_channel, base_url(peer),
                "{\"sid\":\"AC1\",\"auth_token\":\"t\",\"from\":null,\"messaging_service_sid\":\"MG1\"}",
                &reason),
        NOTIFY_SENT);
    peer_end(peer);
    assert_string_equal(form_field(peer, "MessagingServiceSid"), "MG1");
    assert_null(form_field(peer, "From"));
    free(peer);
}

static void what_twilio_refuses_is_told_by_its_number(void **state)
{
    (void)state;
    static const struct {
        const char *status;
        enum notify_result result;
    } cases[] = {
        {"400 Bad Request", NOTIFY_REFUSED},
        {"401 Unauthorized", NOTIFY_REFUSED},
        {"429 Too Many Requests", NOTIFY_FAILED},
        {"503 Service Unavailable", NOTIFY_FAILED},
    };
    answer_body = "{\"code\":21211,\"message\":\"The 'To' number +447911123456 is not valid\"}";
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        answer_status = cases[i].status;
        struct peer *peer = peer_start(serve_http);
        const char *reason;
        assert_int_equal(send_by(&twilio_channel, base_url(peer),
                                 "{\"sid\":\"AC1\",\"auth_token\":\"t\",\"from\":\"+15005550006\"}", &reason),
                         cases[i].result);
        peer_end(peer);
        assert_non_null(strstr(reason, "21211"));
        assert_null(strstr(reason, "447911"));
        free(peer);
    }
}

static void a_provider_without_its_settings_sends_nothing(void **state)
{
    (void)state;
    static const char *const incomplete[] = {"{}", "{\"sid\":\"AC1\",\"auth_token\":\"t\"}",
                                             "{\"sid\":\"AC1\",\"from\":\"+15005550006\"}",
                                             "{\"sid\":null,\"auth_token\":\"t\",\"from\":\"+15005550006\"}"};
    const char *reason;
    for (size_t i = 0; i < ARRAY_LENGTH(incomplete); i++)
        assert_int_equal(send_by(&twilio_channel, "http://127.0.0.1:1", incomplete[i], &reason),
                         NOTIFY_NOT_CONFIGURED);
    assert_int_equal(send_by(&webhook_channel, NULL, "{\"url\":\"http://127.0.0.1:1/\"}", &reason),
                     NOTIFY_NOT_CONFIGURED);
    assert_int_equal(send_by(&twilio_channel, "http://127.0.0.1:1",
                             "{\"sid\":\"AC1\",\"auth_token\":\"t\",\"from\":\"+15005550006\"}", &reason),
                     NOTIFY_FAILED);
    assert_non_null(reason);
}

static void a_webhook_is_told_everything_and_can_tell_who_calls(void **state)
{
    (void)state;
    answer_status = "204 No Content";
    answer_body = "";
    struct peer *peer = peer_start(serve_http);
    const char *reason;
    int64_t before = clock_now();
    assert_int_equal(
        send_by(&webhook_channel, NULL,
                arena_printf(arena, "{\"url\":\"%s/hook?x=1\",\"secret\":\"s3cret\"}", base_url(peer)),
                &reason),
        NOTIFY_SENT);
    peer_end(peer);
    assert_memory_equal(peer->heard, "POST /hook?x=1 HTTP/1.1\n", 24);
    const char *body = strstr(peer->heard, "\n\n") + 2;
    body = arena_strndup(arena, body, strcspn(body, "\n"));

    const char *signature = strcasestr(peer->heard, "countersign-signature: t=");
    assert_non_null(signature);
    signature += strlen("countersign-signature: t=");
    int64_t at = strtoll(signature, NULL, 10);
    assert_true(at >= before && at <= clock_now());
    uint8_t mac[32];
    hmac_sha256(bytes_of_text("s3cret"), bytes_of_text(arena_printf(arena, "%lld.%s", (long long)at, body)),
                mac);
    const char *hex = hex_encode(arena, (struct bytes){.data = mac, .size = sizeof mac});
    assert_memory_equal(strstr(signature, ",v1="), arena_printf(arena, ",v1=%s\n", hex), 69);

    yyjson_val *said = json_parse_own(arena, body);
    assert_string_equal(json_text(said, "recipient"), sms.to);
    assert_string_equal(json_text(said, "text"), sms.text);
    assert_string_equal(json_text(said, "message_type"), "sms");
    assert_string_equal(json_text(said, "action"), sms.action);
    assert_string_equal(json_text(said, "code"), sms.code);
    assert_string_equal(json_text(said, "locale"), "de");
    assert_string_equal(json_text(said, "tenant"), "acme");
    assert_string_equal(json_text(json_member(said, "user"), "user_id"), sms.user_id);
    free(peer);

    answer_status = "500 Internal Server Error";
    peer = peer_start(serve_http);
    assert_int_equal(send_by(&webhook_channel, NULL,
                             arena_printf(arena, "{\"url\":\"%s/\",\"secret\":\"s\"}", base_url(peer)),
                             &reason),
                     NOTIFY_FAILED);
    peer_end(peer);
    free(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twilio_is_told_as_its_messages_resource_wants),
        cmocka_unit_test(what_twilio_refuses_is_told_by_its_number),
        cmocka_unit_test(a_provider_without_its_settings_sends_nothing),
        cmocka_unit_test(a_webhook_is_told_everything_and_can_tell_who_calls),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
