#include "http/client.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "http/egress.h"
#include "http/proxy.h"
#include "http/server.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;
static struct http_router *router;
static struct http_server *server;
static struct http_client *client; /* may call 127.0.0.1 */
static const char *base;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void echo(struct http_exchange *x)
{
    struct buffer text = buffer_create(x->arena, 1 << 20);
    buffer_printf(&text, "%s %s\n", x->request.method, x->request.path);
    for (size_t i = 0; i < x->request.headers.count; i++)
        buffer_printf(&text, "%s: %s\n", x->request.headers.items[i].name, x->request.headers.items[i].value);
    buffer_add_bytes(&text, x->request.body.data, x->request.body.size);
    http_add_header(x, "X-Twice", "1");
    http_add_header(x, "X-Twice", "2");
    http_reply(x, 201, "text/plain", buffer_text(&text));
}

static void redirect(struct http_exchange *x)
{
    http_redirect(x, atoi(http_query(x, "status")), http_query(x, "to"));
}

static void wait_at_gate(struct http_exchange *x)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    http_reply_empty(x, 204);
}

static void large(struct http_exchange *x)
{
    http_reply_bytes(x, 200, "application/octet-stream",
                     (struct bytes){.data = arena_alloc(x->arena, 100000), .size = 100000});
}

static const struct http_route routes[] = {
    {"GET", "/echo", echo, 0, "echo"},         {"POST", "/echo", echo, 0, "echo"},
    {"PATCH", "/echo", echo, 0, "echo"},       {"DELETE", "/echo", echo, 0, "echo"},
    {"GET", "/redirect", redirect, 0, "echo"}, {"POST", "/redirect", redirect, 0, "echo"},
    {"GET", "/wait", wait_at_gate, 0, "wait"}, {"GET", "/large", large, 0, "large"},
};
static const struct http_routes tables[] = {{routes, ARRAY_LENGTH(routes)}};

static void not_found(struct http_exchange *x)
{
    http_reply_empty(x, 404);
}

static struct http_client *client_allowing(const char *allow)
{
    return http_client_create(&(struct http_client_config){.allow = allow, .connections = 8});
}

static int enter(void **state)
{
    const char *error = NULL;
    (void)state;
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    arena = arena_create();
    router = http_router_create(tables, ARRAY_LENGTH(tables), not_found);
    server = http_server_start(&(struct http_server_config){.listen = "127.0.0.1:0",
                                                            .loops = 1,
                                                            .workers = 4,
                                                            .queue = 64,
                                                            .connections = 64,
                                                            .header_bytes = 8192,
                                                            .body_bytes = 65536,
                                                            .request_seconds = 10,
                                                            .idle_seconds = 10},
                               router, NULL, arena, &error);
    if (server == NULL)
        fail_msg("%s", error);
    base = arena_printf(arena, "http://127.0.0.1:%u", http_server_port(server));
    client = client_allowing("127.0.0.1");
    return 0;
}

static int leave(void **state)
{
    (void)state;
    http_client_free(&client);
    http_server_stop(&server, 5);
    http_router_free(&router);
    arena_destroy(&arena);
    return 0;
}

static struct http_call usual(const char *method, const char *path)
{
    return (struct http_call){.method = method,
                              .url = arena_printf(arena, "%s%s", base, path),
                              .timeout_ms = 5000,
                              .largest_answer = 65536};
}

static struct http_answer do_call(const struct http_call *call)
{
    struct http_answer answer;
    http_call(client, arena, call, &answer);
    return answer;
}

static const char *text_of(const struct http_answer *answer)
{
    if (answer->error != NULL)
        return answer->error;
    return arena_strndup(arena, (const char *)answer->body.data, answer->body.size);
}

static void assert_has(const struct http_answer *answer, const char *part)
{
    if (strstr(text_of(answer), part) == NULL)
        fail_msg("wanted %s in: %s", part, text_of(answer));
}

static void assert_has_not(const struct http_answer *answer, const char *part)
{
    if (strstr(text_of(answer), part) != NULL)
        fail_msg("did not want %s in: %s", part, text_of(answer));
}

static void a_call_carries_method_headers_and_body(void **state)
{
    static const struct http_pair headers[] = {{"Content-Type", "text/x"},
                                               {"X-Empty", ""},
                                               {"X-A", "b"},
                                               {"Content-Length", "999"},
                                               {"Transfer-Encoding", "chunked"}};
    struct http_call call = usual("PATCH", "/echo");
    (void)state;
    call.headers = (struct http_pairs){headers, ARRAY_LENGTH(headers)};
    call.body = bytes_of_text("hello");
    call.user = "me";
    call.password = "secret";
    struct http_answer answer = do_call(&call);
    assert_int_equal(answer.status, 201);
    assert_null(answer.error);
    assert_has(&answer, "PATCH /echo\n");
    assert_has(&answer, "content-type: text/x\n");
    assert_has(&answer, "x-a: b\n");
    assert_has(&answer, "x-empty: \n");
    assert_has(&answer, "content-length: 5\n");
    assert_has(&answer, "authorization: Basic bWU6c2VjcmV0\n");
    assert_has(&answer, "user-agent: Countersign/");
    assert_has(&answer, "\nhello");
    assert_has_not(&answer, "transfer-encoding");
    assert_string_equal(http_pair(&answer.headers, "content-type"), "text/plain; charset=utf-8");
    assert_int_equal(http_pair_count(&answer.headers, "x-twice"), 2);
}

static void methods_without_a_body_have_none(void **state)
{
    (void)state;
    struct http_call call = usual("GET", "/echo");
    struct http_answer answer = do_call(&call);
    assert_has(&answer, "GET /echo\n");
    assert_has_not(&answer, "content-length");
    call = usual("DELETE", "/echo");
    answer = do_call(&call);
    assert_has(&answer, "DELETE /echo\n");
    call = usual("POST", "/echo");
    answer = do_call(&call);
    assert_has(&answer, "content-length: 0\n");
    call = usual("HEAD", "/echo");
    answer = do_call(&call);
    assert_int_equal(answer.status, 201);
    assert_int_equal(answer.body.size, 0);
}

static void what_could_smuggle_is_refused(void **state)
{
    static const struct http_pair split[] = {{"X", "a\r\nHost: b"}};
    static const struct http_pair name[] = {{"X y", "a"}};
    static const char *const urls[] = {
        "file:///etc/passwd", "ftp://a.test/", "gopher://a.test", "nonsense://", "", "http://", "/relative"};
    struct http_call call = usual("GET", "/echo");
    (void)state;
    call.headers = (struct http_pairs){split, 1};
    assert_string_equal(do_call(&call).error, "a header is malformed");
    call.headers = (struct http_pairs){name, 1};
    assert_string_equal(do_call(&call).error, "a header is malformed");
    call = usual("GET /x HTTP/1.1\r\nX:", "/echo");
    assert_string_equal(do_call(&call).error, "the method is malformed");
    for (size_t i = 0; i < ARRAY_LENGTH(urls); i++) {
        call.method = "GET";
        call.url = urls[i];
        assert_string_equal(do_call(&call).error, "the address is no http or https URL");
    }
}

static void redirects_are_followed_as_far_as_wished(void **state)
{
    struct http_call call = usual("GET", "/redirect?status=302&to=/echo");
    (void)state;
    struct http_answer answer = do_call(&call);
    assert_int_equal(answer.status, 302);
    assert_string_equal(http_pair(&answer.headers, "location"), "/echo");
    call.redirects = 1;
    answer = do_call(&call);
    assert_has(&answer, "GET /echo\n");
    call = usual("GET", "/redirect?status=302&to=/redirect%3Fstatus=302%26to=/echo");
    call.redirects = 1;
    assert_string_equal(do_call(&call).error, "more than 1 redirects");
    call.redirects = 2;
    answer = do_call(&call);
    assert_has(&answer, "GET /echo\n");
    call = usual("GET", "/redirect?status=302&to=file:///etc/passwd");
    call.redirects = 2;
    answer = do_call(&call);
    assert_int_equal(answer.status, 0);
}

static void a_redirect_keeps_or_drops_the_body_by_its_status(void **state)
{
    static const struct http_pair headers[] = {{"Content-Type", "text/x"}};
    struct http_call call = usual("POST", "/redirect?status=307&to=/echo");
    (void)state;
    call.headers = (struct http_pairs){headers, 1};
    call.body = bytes_of_text("hello");
    call.redirects = 1;
    struct http_answer answer = do_call(&call);
    assert_has(&answer, "POST /echo\n");
    assert_has(&answer, "\nhello");
    call.url = arena_printf(arena, "%s/redirect?status=303&to=/echo", base);
    answer = do_call(&call);
    assert_has(&answer, "GET /echo\n");
    assert_has_not(&answer, "hello");
    assert_has_not(&answer, "content-type");
}

static void secrets_stay_at_their_origin(void **state)
{
    static const struct http_pair headers[] = {{"Authorization", "Bearer t"}, {"Cookie", "a=b"}};
    (void)state;
    http_client_free(&client);
    client = client_allowing("*");
    struct http_call call = usual("GET", "/redirect?status=302&to=/echo");
    call.headers = (struct http_pairs){headers, 2};
    call.redirects = 3;
    struct http_answer answer = do_call(&call);
    assert_has(&answer, "authorization: Bearer t\n");
    call = usual("GET", arena_printf(arena, "/redirect?status=302&to=http://localhost:%u/echo",
                                     http_server_port(server)));
    call.headers = (struct http_pairs){headers, 2};
    call.redirects = 3;
    answer = do_call(&call);
    assert_has(&answer, "GET /echo\n");
    assert_has_not(&answer, "Bearer");
    assert_has_not(&answer, "a=b");
}

static void slow_and_large_answers_are_errors(void **state)
{
    struct http_call call = usual("GET", "/large");
    (void)state;
    struct http_answer answer = do_call(&call);
    assert_int_equal(answer.status, 0);
    assert_string_equal(answer.error, "the answer of 127.0.0.1 is larger than 65536 bytes");
    call.largest_answer = 100000;
    answer = do_call(&call);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.size, 100000);
    call = usual("GET", "/wait");
    call.timeout_ms = 100;
    pthread_mutex_lock(&gate);
    answer = do_call(&call);
    pthread_mutex_unlock(&gate);
    assert_string_equal(answer.error, "127.0.0.1 did not answer within 100 ms");
}

static void note(void *context)
{
    atomic_fetch_add((_Atomic unsigned *)context, 1);
}

static void many_calls_run_at_once(void **state)
{
    enum { CALLS = 40, HELD = 4 };
    struct http_pending *pending[CALLS];
    _Atomic unsigned noted = 0;
    (void)state;
    pthread_mutex_lock(&gate);
    for (size_t i = 0; i < HELD; i++) {
        struct http_call call = usual("GET", "/wait");
        pending[i] = http_begin(client, &call, note, &noted);
    }
    for (size_t i = 0; i < HELD; i++)
        assert_false(http_is_done(pending[i]));
    pthread_mutex_unlock(&gate);
    for (size_t i = HELD; i < CALLS; i++) {
        struct http_call call = usual("GET", "/redirect?status=302&to=/echo");
        call.redirects = 1;
        pending[i] = http_begin(client, &call, note, &noted);
    }
    for (size_t i = 0; i < CALLS; i++) {
        struct http_answer answer;
        http_end(&pending[i], arena, &answer);
        assert_null(pending[i]);
        assert_int_equal(answer.status, i < HELD ? 204 : 201);
    }
    assert_int_equal(noted, CALLS);
}

static void a_call_that_nobody_waits_for_goes_on_or_is_cut(void **state)
{
    struct http_call call = usual("GET", "/wait");
    _Atomic unsigned noted = 0;
    (void)state;
    pthread_mutex_lock(&gate);
    struct http_pending *left = http_begin(client, &call, note, &noted);
    struct http_pending *cut = http_begin(client, &call, note, &noted);
    http_abandon(&left, false);
    http_abandon(&cut, true);
    assert_null(cut);
    pthread_mutex_unlock(&gate);
    call = usual("GET", "/echo");
    struct http_answer answer = do_call(&call);
    assert_int_equal(answer.status, 201);
    assert_int_equal(noted, 0);
    call.url = "nonsense://";
    struct http_pending *refused = http_begin(client, &call, note, &noted);
    assert_true(http_is_done(refused));
    assert_int_equal(noted, 1);
    http_abandon(&refused, true);
}

static void a_script_reaches_nothing_private(void **state)
{
    static const char *const hosts[] = {"127.0.0.1",          "localhost", "0x7f000001",
                                        "2130706433",         "127.1",     "[::1]",
                                        "[::ffff:127.0.0.1]", "0.0.0.0",   "[::]"};
    (void)state;
    http_client_free(&client);
    client = client_allowing(NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(hosts); i++) {
        struct http_call call = usual("GET", "/echo");
        call.url = arena_printf(arena, "http://%s:%u/echo", hosts[i], http_server_port(server));
        struct http_answer answer = do_call(&call);
        assert_int_equal(answer.status, 0);
        if (strstr(answer.error, "may not be called") == NULL && strstr(hosts[i], "[::") == NULL)
            fail_msg("%s: %s", hosts[i], answer.error);
    }
}

static void a_redirect_leads_nowhere_private(void **state)
{
    (void)state;
    struct http_call call =
        usual("GET", arena_printf(arena, "/redirect?status=302&to=http://127.0.0.2:%u/echo",
                                  http_server_port(server)));
    call.redirects = 5;
    struct http_answer answer = do_call(&call);
    assert_has(&answer, "127.0.0.2 leads to an address that may not be called");
}

static void a_kept_connection_of_the_operator_is_not_lent_to_a_script(void **state)
{
    (void)state;
    http_client_free(&client);
    client = client_allowing(NULL);
    struct http_call call = usual("GET", "/echo");
    call.operator_chose_address = true;
    struct http_answer answer = do_call(&call);
    assert_int_equal(answer.status, 201);
    call.operator_chose_address = false;
    answer = do_call(&call);
    assert_has(&answer, "may not be called");
    call.operator_chose_address = true;
    answer = do_call(&call);
    assert_int_equal(answer.status, 201);
}

static void a_proxy_is_asked_instead_of_the_host(void **state)
{
    (void)state;
    http_client_free(&client);
    client = http_client_create(&(struct http_client_config){.proxy = base});
    struct http_call call = usual("GET", "");
    call.url = "http://api.example.test/echo";
    struct http_answer answer = do_call(&call);
    /* A request to a proxy names the whole address, which our server refuses: it has come there. */
    assert_int_equal(answer.status, 400);
    call.url = "http://169.254.169.254/latest";
    answer = do_call(&call);
    assert_has(&answer, "169.254.169.254 may not be called");
    call.url = "http://db.internal/";
    answer = do_call(&call);
    assert_has(&answer, "db.internal may not be called");
}

static void *call_often(void *argument)
{
    unsigned *fine = argument;
    for (int i = 0; i < 25; i++) {
        struct arena *own = arena_create();
        struct http_answer answer;
        struct http_call call = {.method = "GET",
                                 .url = arena_printf(own, "%s/echo?%d", base, i),
                                 .timeout_ms = 5000,
                                 .largest_answer = 4096};
        http_call(client, own, &call, &answer);
        *fine += answer.status == 201;
        arena_destroy(&own);
    }
    return NULL;
}

static void many_threads_call_at_once(void **state)
{
    pthread_t threads[8];
    unsigned fine[8] = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        pthread_create(&threads[i], NULL, call_often, &fine[i]);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(fine[i], 25);
    }
}

static void only_public_addresses_are_permitted(void **state)
{
    static const char *const closed[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.1.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "2001:0:1::1",
        "2001:db8::1",
        "fec0::1",
        "100::1",
        "64:ff9b:1::1",
        "4000::1",
    };
    static const char *const open[] = {"8.8.8.8",      "1.1.1.1",          "172.32.0.1",
                                       "100.128.0.1",  "192.0.1.1",        "2606:4700::1",
                                       "2a00:1450::1", "64:ff9b::808:808", "::ffff:8.8.8.8"};
    const char *wrong = NULL;
    struct egress strict, some;
    struct address address;
    (void)state;
    assert_true(egress_parse(arena, NULL, &strict, &wrong));
    assert_true(egress_parse(arena, "10.0.0.0/8, fc00::/7", &some, &wrong));
    assert_false(egress_parse(arena, "10.0.0.0/8, x", &(struct egress){.allows_all = false}, &wrong));
    for (size_t i = 0; i < ARRAY_LENGTH(closed); i++) {
        assert_true(address_parse(closed[i], &address));
        if (egress_permits(&strict, &address))
            fail_msg("%s is permitted", closed[i]);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(open); i++) {
        assert_true(address_parse(open[i], &address));
        if (!egress_permits(&strict, &address))
            fail_msg("%s is not permitted", open[i]);
    }
    assert_true(address_parse("::ffff:10.2.3.4", &address));
    assert_true(egress_permits(&some, &address));
    assert_false(egress_permits_host(&strict, "LOCALHOST."));
    assert_false(egress_permits_host(&strict, "a.localhost"));
    assert_false(egress_permits_host(&strict, "[::1]"));
    assert_true(egress_permits_host(&strict, "api.example.com"));
    assert_true(egress_permits_host(&some, "10.1.1.1"));
}

static void proxies_come_from_the_settings_or_the_environment(void **state)
{
    struct proxies proxies;
    (void)state;
    setenv("https_proxy", "http://p:1", 1);
    setenv("no_proxy", "inner.test, .dotted.test,10.0.0.0/8", 1);
    setenv("HTTP_PROXY", "http://evil:1", 1);
    proxies_read(arena, NULL, &proxies);
    assert_string_equal(proxy_for(&proxies, "https", "a.test"), "http://p:1");
    assert_null(proxy_for(&proxies, "http", "a.test"));
    assert_null(proxy_for(&proxies, "https", "inner.test"));
    assert_null(proxy_for(&proxies, "https", "b.INNER.test."));
    assert_null(proxy_for(&proxies, "https", "x.dotted.test"));
    assert_null(proxy_for(&proxies, "https", "10.9.9.9"));
    assert_non_null(proxy_for(&proxies, "https", "notinner.test"));
    assert_non_null(proxy_for(&proxies, "https", "11.0.0.1"));
    proxies_read(arena, "http://q:2", &proxies);
    assert_string_equal(proxy_for(&proxies, "http", "a.test"), "http://q:2");
    unsetenv("https_proxy");
    unsetenv("no_proxy");
    unsetenv("HTTP_PROXY");
}

int main(void)
{
#define SERVED(test) cmocka_unit_test_setup_teardown(test, enter, leave)
    const struct CMUnitTest tests[] = {
        SERVED(a_call_carries_method_headers_and_body),
        SERVED(methods_without_a_body_have_none),
        SERVED(what_could_smuggle_is_refused),
        SERVED(redirects_are_followed_as_far_as_wished),
        SERVED(a_redirect_keeps_or_drops_the_body_by_its_status),
        SERVED(secrets_stay_at_their_origin),
        SERVED(slow_and_large_answers_are_errors),
        SERVED(many_calls_run_at_once),
        SERVED(a_call_that_nobody_waits_for_goes_on_or_is_cut),
        SERVED(a_script_reaches_nothing_private),
        SERVED(a_redirect_leads_nowhere_private),
        SERVED(a_kept_connection_of_the_operator_is_not_lent_to_a_script),
        SERVED(a_proxy_is_asked_instead_of_the_host),
        SERVED(many_threads_call_at_once),
        SERVED(only_public_addresses_are_permitted),
        SERVED(proxies_come_from_the_settings_or_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
