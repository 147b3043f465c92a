#include "served.h"

/* --- what handlers see --- */

static void a_request_arrives_decoded(void **state)
{
    (void)state;
    const char *answer = ask("GET /users/auth0%7C1?q=a+b&q=%C3%A9 HTTP/1.1\r\nHost: a\r\nCookie: s=1; t=2\r\n"
                             "Connection: close\r\n\r\n");
    assert_status(answer, 200);
    assert_has(answer, "method=GET\npath=/users/auth0%7C1\nip=127.0.0.1\ntls=0\nsize=0\n");
    assert_has(answer, "query q=a b\nquery q=\xc3\xa9\ncookie s=1\ncookie t=2\nparameter id=auth0|1\n");
    assert_has(answer, "Content-Type: text/plain; charset=utf-8\r\n");
}

static void bodies_are_read_whole_however_they_come(void **state)
{
    (void)state;
    assert_has(ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"),
               "size=5\n");
    assert_has(
        ask("POST /on-loop HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"),
        "size=7\n");
    int fd = raw_connect(port);
    raw_send_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Le");
    usleep(20000);
    raw_send_text(fd, "ngth: 4\r\nConnection: close\r\n\r\nab");
    usleep(20000);
    raw_send(fd, "cd", 2);
    assert_has(raw_read(arena, fd, 5000), "size=4\n");
    close(fd);
}

static void head_is_get_without_its_body(void **state)
{
    (void)state;
    const char *answer = ask("HEAD /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_status(answer, 200);
    assert_has(answer, "Content-Length: ");
    assert_has_not(answer, "method=");
}

static void a_connection_carries_many_requests(void **state)
{
    (void)state;
    int fd = raw_connect(port);
    const char *two = "GET /echo?n=1 HTTP/1.1\r\nHost: a\r\n\r\nGET /on-loop?n=2 HTTP/1.1\r\nHost: a\r\n\r\n"
                      "GET /echo?n=3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    raw_send_text(fd, two);
    const char *answer = raw_read(arena, fd, 5000);
    close(fd);
    const char *first = strstr(answer, "query n=1");
    const char *second = strstr(answer, "query n=2");
    const char *third = strstr(answer, "query n=3");
    assert_true(first != NULL && second > first && third > second);
}

static void what_has_no_route_is_not_found(void **state)
{
    (void)state;
    assert_status(get("/nowhere"), 404);
    assert_has(get("/nowhere"), "nothing here\n");
    assert_status(ask("DELETE /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), 404);
}

/* --- what every answer has --- */

static void answers_have_safe_headers_unless_the_handler_sets_others(void **state)
{
    (void)state;
    const char *answer = get("/echo");
    assert_has(answer, "X-Content-Type-Options: nosniff\r\n");
    assert_has(answer, "X-Frame-Options: DENY\r\n");
    assert_has(answer, "Referrer-Policy: no-referrer\r\n");
    assert_has(answer, "Content-Security-Policy: default-src 'none'");
    assert_has(answer, "X-Request-Id: ");
    assert_has_not(answer, "Server:");
    answer = get("/framed");
    assert_has(answer, "x-frame-options: SAMEORIGIN\r\n");
    assert_has(answer, "Referrer-Policy: same-origin\r\n");
    assert_has_not(answer, "DENY");
    assert_has_not(answer, "no-referrer");
    assert_has_not(answer, "b=c");
}

static void every_request_has_an_id_of_its_own(void **state)
{
    (void)state;
    const char *first = strstr(get("/echo"), "X-Request-Id: ");
    const char *second = strstr(get("/echo"), "X-Request-Id: ");
    assert_non_null(first);
    assert_non_null(second);
    assert_true(strncmp(first, second, 14 + 24) != 0);
}

static void preflights_are_answered_by_the_owner_s_rules(void **state)
{
    static const char format[] = "OPTIONS %s HTTP/1.1\r\nHost: a\r\nOrigin: "
                                 "%s\r\nAccess-Control-Request-Method: GET\r\nConnection: close\r\n\r\n";
    (void)state;
    char request[256];
    snprintf(request, sizeof request, format, "/users/1", "https://app.test");
    const char *answer = ask(request);
    assert_status(answer, 204);
    assert_has(answer, "Access-Control-Allow-Origin: https://app.test\r\n");
    assert_has(answer, "Vary: Origin\r\n");
    snprintf(request, sizeof request, format, "/users/1", "https://evil.test");
    assert_has_not(ask(request), "Access-Control-Allow-Origin");
    snprintf(request, sizeof request, format, "/echo", "https://app.test");
    assert_status(ask(request), 404);
    assert_has(get("/public"), "Access-Control-Allow-Origin: *\r\n");
}

/* --- what is refused --- */

static void what_does_not_decode_is_a_bad_request(void **state)
{
    static const char *const paths[] = {"/echo?a=%zz", "/echo?a=%00",       "/users/%", "/users/%00",
                                        "/users/%ff",  "/echo?a=%ed%a0%80", "/echo#x"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++)
        assert_status(get(paths[i]), 400);
    const char *answer = get("/echo?a=%zz");
    assert_has(answer, "{\"statusCode\":400,\"error\":\"Bad Request\",\"message\":");
    assert_has(answer, "X-Content-Type-Options: nosniff\r\n");
    answer = ask("GET /echo?a=%zz HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n");
    assert_has(answer, "Content-Type: text/plain; charset=utf-8\r\n");
}

static void heads_that_could_be_read_in_two_ways_are_refused(void **state)
{
    static const char *const heads[] = {
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 3a\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Host: b\r\n",
        "X: a\x01\r\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(heads); i++) {
        const char *answer =
            ask(arena_printf(arena, "POST /echo HTTP/1.1\r\nHost: a\r\n%s\r\nabc", heads[i]));
        if (strstr(answer, "size=") != NULL)
            fail_msg("%s was taken", heads[i]);
    }
    assert_has_not(ask("GET /echo HTTP/1.1\r\n\r\n"), "size=");
}

static void what_stands_behind_a_nul_in_the_head_never_arrives(void **state)
{
    static const char header[] =
        "GET /echo HTTP/1.1\r\nHost: a\r\nCookie: a=1\0; b=2\r\nConnection: close\r\n\r\n";
    static const char path[] = "GET /users/\0a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    (void)state;
    assert_has_not(raw_exchange(arena, port, header, sizeof header - 1), "b=2");
    assert_has_not(raw_exchange(arena, port, path, sizeof path - 1), "parameter");
}

static void bodies_over_the_limit_are_refused(void **state)
{
    (void)state;
    char *body = arena_alloc(arena, 2 * BODY_BYTES + 1);
    memset(body, 'x', 2 * BODY_BYTES);
    const char *head =
        arena_printf(arena, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", 2 * BODY_BYTES);
    const char *answer = ask(arena_printf(arena, "%s%s", head, body));
    assert_status(answer, 413);
    assert_has(answer, "Connection: close\r\n");
    assert_has(answer, "\"statusCode\":413");
    answer = ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n");
    assert_status(answer, 413);
    answer = ask("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99999\r\n\r\n");
    assert_status(answer, 413);
    answer = ask(arena_printf(
        arena, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n",
        2 * BODY_BYTES, body));
    assert_status(answer, 413);
    body[BODY_BYTES] = '\0';
    answer = ask(arena_printf(
        arena, "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
        BODY_BYTES, body));
    assert_has(answer, "size=65536\n");
}

static void heads_over_the_limit_are_refused(void **state)
{
    (void)state;
    char *filler = arena_alloc(arena, 40 * HEADER_BYTES);
    memset(filler, 'x', HEADER_BYTES);
    static const char format[] = "GET /echo HTTP/1.1\r\nHost: a\r\nX: %s\r\nConnection: close\r\n\r\n";
    assert_status(ask(arena_printf(arena, format, filler)), 431);
    filler[HEADER_BYTES - 200] = '\0';
    assert_status(ask(arena_printf(arena, format, filler)), 200);
    memset(filler, 'x', 40 * HEADER_BYTES - 1);
    assert_has_not(ask(arena_printf(arena, format, filler)), "size=");
    assert_has_not(ask(arena_printf(arena, "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", filler)), "size=");
}

static void an_answer_s_head_without_room_is_an_error_of_its_own(void **state)
{
    char *filler = arena_alloc(arena, 3 * HEADER_BYTES);
    (void)state;
    for (size_t size = 1000; size <= HEADER_BYTES + 2000; size += 500) {
        memset(filler, 'x', size);
        const char *answer = get(arena_printf(arena, "/back?to=%s", filler));
        int status = 0;
        if (sscanf(answer, "HTTP/1.1 %d", &status) != 1 ||
            (status != 302 && status != 500 && status / 100 != 4))
            fail_msg("%zu bytes: %.100s", size, answer);
        if (size <= 6000)
            assert_int_equal(status, 302);
    }
}

static void past_the_queue_the_answer_is_503(void **state)
{
    enum { CLIENTS = 10 };
    int fds[CLIENTS];
    unsigned refused = 0;
    unsigned served = 0;
    (void)state;
    pthread_mutex_lock(&gate);
    atomic_store(&waiting, 0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        const char *request = "GET /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        fds[i] = raw_connect(port);
        raw_send_text(fds[i], request);
        while (i < 2 && atomic_load(&waiting) <= i)
            usleep(1000);
    }
    /* What never blocks is answered even now. */
    assert_status(get("/on-loop"), 200);
    assert_status(get("/echo"), 503);
    assert_has(get("/echo"), "Retry-After: 1\r\n");
    pthread_mutex_unlock(&gate);
    for (unsigned i = 0; i < CLIENTS; i++) {
        const char *answer = raw_read(arena, fds[i], 5000);
        refused += strncmp(answer, "HTTP/1.1 503", 12) == 0;
        served += strncmp(answer, "HTTP/1.1 204", 12) == 0;
        close(fds[i]);
    }
    assert_int_equal(served, 6);
    assert_int_equal(refused, 4);
}

static void connections_from_one_address_are_bounded(void **state)
{
    enum { CLIENTS = 40 };
    int fds[CLIENTS];
    unsigned cut = 0;
    (void)state;
    for (unsigned i = 0; i < CLIENTS; i++)
        fds[i] = raw_connect(port);
    for (unsigned i = 0; i < CLIENTS; i++)
        cut += raw_is_closed_within(fds[i], 20);
    for (unsigned i = 0; i < CLIENTS; i++)
        close(fds[i]);
    assert_int_equal(cut, 8);
}

/* --- who takes too long --- */

/* Sends a byte of `bytes` every 50 ms. Whether the server has cut the connection within 4 seconds. */
static bool is_cut_while_trickling(const char *bytes)
{
    int fd = raw_connect(port);
    int64_t began = clock_monotonic_ns();
    bool is_cut = false;
    while (!is_cut && *bytes != '\0' && clock_monotonic_ns() - began < 4000000000) {
        is_cut = !raw_send(fd, bytes++, 1) || raw_is_closed_within(fd, 50);
    }
    close(fd);
    return is_cut;
}

static void a_request_sent_byte_by_byte_is_cut(void **state)
{
    (void)state;
    char *filler = arena_alloc(arena, 1000);
    memset(filler, 'x', 999);
    assert_true(is_cut_while_trickling(arena_printf(arena, "GET /%s", filler)));
    assert_true(is_cut_while_trickling(arena_printf(arena, "GET / HTTP/1.1\r\nX:%s", filler)));
}

static void a_body_sent_byte_by_byte_is_cut(void **state)
{
    (void)state;
    int fd = raw_connect(port);
    const char *head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n";
    int64_t began = clock_monotonic_ns();
    bool is_cut = false;
    raw_send_text(fd, head);
    while (!is_cut && clock_monotonic_ns() - began < 4000000000)
        is_cut = !raw_send(fd, "x", 1) || raw_is_closed_within(fd, 50);
    close(fd);
    assert_true(is_cut);
}

static void half_a_request_and_silence_are_cut(void **state)
{
    (void)state;
    int half = raw_connect(port);
    int silent = raw_connect(port);
    int kept = raw_connect(port);
    raw_send(half, "GET / HTT", 9);
    raw_send_text(kept, "GET /on-loop HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(raw_is_closed_within(half, 4000));
    assert_true(raw_is_closed_within(silent, 4000));
    assert_true(raw_is_closed_within(kept, 4000));
    close(half);
    close(silent);
    close(kept);
}

static void who_never_takes_the_answer_is_cut(void **state)
{
    (void)state;
    int fd = raw_connect(port);
    unsigned before = atomic_load(&finished);
    raw_send_text(fd, "GET /huge HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 5000 && atomic_load(&finished) == before; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&finished), before + 1);
    close(fd);
}

static void a_slow_handler_is_waited_for(void **state)
{
    (void)state;
    pthread_mutex_lock(&gate);
    int fd = raw_connect(port);
    raw_send_text(fd, "GET /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_false(raw_is_closed_within(fd, 2500));
    pthread_mutex_unlock(&gate);
    assert_status(raw_read(arena, fd, 5000), 204);
    close(fd);
}

/* --- the end --- */

static void *stop_server(void *argument)
{
    (void)argument;
    http_server_stop(&server, 5);
    return NULL;
}

static void a_stop_lets_running_requests_end(void **state)
{
    pthread_t stopper;
    (void)state;
    pthread_mutex_lock(&gate);
    atomic_store(&waiting, 0);
    int idle = raw_connect(port);
    int busy = raw_connect(port);
    raw_send_text(busy, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    while (atomic_load(&waiting) == 0)
        usleep(1000);
    pthread_create(&stopper, NULL, stop_server, NULL);
    assert_true(raw_is_closed_within(idle, 5000));
    assert_int_equal(raw_connect(port), -1);
    pthread_mutex_unlock(&gate);
    const char *answer = raw_read(arena, busy, 5000);
    assert_status(answer, 204);
    assert_has(answer, "Connection: close\r\n");
    pthread_join(stopper, NULL);
    assert_null(server);
    close(idle);
    close(busy);
}

static void finished_exchanges_are_told(void **state)
{
    (void)state;
    unsigned before = atomic_load(&finished);
    get("/echo");
    get("/on-loop");
    get("/echo?%");
    for (int i = 0; i < 1000 && atomic_load(&finished) < before + 3; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&finished), before + 3);
}

static void addresses_come_from_trusted_proxies(void **state)
{
    struct http_server_config config = usual_config();
    (void)state;
    leave(NULL);
    config.trusted_proxies = "127.0.0.1";
    config.connections_per_address = 1;
    start(&config);
    const char *answer = ask(
        "GET /echo HTTP/1.1\r\nHost: a\r\nForwarded: for=192.0.2.7;proto=https\r\nConnection: close\r\n\r\n");
    assert_has(answer, "ip=192.0.2.7\ntls=1\n");
    assert_has(answer, "Strict-Transport-Security: ");
    assert_status(ask("GET /echo HTTP/1.1\r\nHost: a\r\nForwarded: for=192.0.2.7\r\nX-Forwarded-For: "
                      "192.0.2.8\r\n\r\n"),
                  400);
    answer = ask("GET /echo HTTP/1.1\r\nHost: localhost:3000\r\nForwarded: for=192.0.2.7;proto=https\r\n"
                 "Connection: close\r\n\r\n");
    assert_has(answer, "tls=1\n");
    assert_has_not(answer, "Strict-Transport-Security");
    /* A proxy is many clients: its connections are not counted. */
    int other = raw_connect(port);
    assert_has(get("/echo"), "ip=127.0.0.1\n");
    close(other);
}

static void what_cannot_be_listened_on_is_said(void **state)
{
    struct http_server_config config = usual_config();
    const char *error = NULL;
    (void)state;
    config.listen = "nonsense";
    assert_null(http_server_start(&config, router, NULL, arena, &error));
    assert_string_equal(error, "\"nonsense\" is not HOST:PORT");
    config.listen = arena_printf(arena, "127.0.0.1:%u", port);
    assert_null(http_server_start(&config, router, NULL, arena, &error));
    assert_has(error, "Address already in use");
    config.trusted_proxies = "10.0.0.0/8, proxy";
    assert_null(http_server_start(&config, router, NULL, arena, &error));
    assert_string_equal(error, "trusted_proxies: proxy is neither an address nor a network");
}

/* --- TLS --- */

static const char *write_file(const char *directory, const char *name, const char *text)
{
    const char *path = arena_printf(arena, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

/* Writes a new certificate of a new authority; the authority's file. */
static const char *new_certificate(const char *directory, const char *authority_name)
{
    struct dev_certificate made;
    assert_true(dev_certificate_make(arena, &made));
    write_file(directory, "chain.pem", made.certificate);
    write_file(directory, "key.pem", made.private_key);
    return write_file(directory, authority_name, made.authority);
}

/* The body of an answer over TLS to who trusts that authority; NULL where the connection fails. */
static const char *ask_over_tls(const char *authority)
{
    struct http_answer answer;
    struct http_client *client = http_client_create(&(struct http_client_config){.ca_file = authority});
    http_call(client, arena,
              &(struct http_call){.method = "GET",
                                  .url = arena_printf(arena, "https://localhost:%u/echo", port),
                                  .operator_chose_address = true},
              &answer);
    http_client_free(&client);
    return answer.status == 200 ? arena_strndup(arena, (const char *)answer.body.data, answer.body.size)
                                : NULL;
}

static void tls_is_spoken_and_its_certificate_renewed(void **state)
{
    char directory[] = "/tmp/countersign-test-XXXXXX";
    struct http_server_config config = usual_config();
    const char *error = NULL;
    (void)state;
    assert_non_null(mkdtemp(directory));
    leave(NULL);
    arena = arena_create();
    const char *first = new_certificate(directory, "first.pem");
    config.certificate_file = arena_printf(arena, "%s/chain.pem", directory);
    config.private_key_file = arena_printf(arena, "%s/key.pem", directory);
    struct arena *kept = arena;
    start(&config);
    assert_has(ask_over_tls(first), "tls=1\n");

    const char *second = new_certificate(directory, "second.pem");
    assert_true(http_server_renew_certificate(server, arena, &error));
    assert_has(ask_over_tls(second), "tls=1\n");
    assert_null(ask_over_tls(first));

    write_file(directory, "key.pem", "nonsense");
    assert_false(http_server_renew_certificate(server, arena, &error));
    assert_has(error, "key.pem holds no private key in PEM that fits ");
    assert_has(ask_over_tls(second), "tls=1\n");
    for (int i = 0; i < 3 * 4; i++) {
        second = new_certificate(directory, "second.pem");
        assert_true(http_server_renew_certificate(server, arena, &error));
        assert_has(ask_over_tls(second), "tls=1\n");
    }
    static const char *const names[] = {"chain.pem", "key.pem", "first.pem", "second.pem"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        unlink(arena_printf(arena, "%s/%s", directory, names[i]));
    rmdir(directory);
    arena_destroy(&kept);
}

int main(void)
{
#define SERVED(test) cmocka_unit_test_setup_teardown(test, enter, leave)
    const struct CMUnitTest tests[] = {
        SERVED(a_request_arrives_decoded),
        SERVED(bodies_are_read_whole_however_they_come),
        SERVED(head_is_get_without_its_body),
        SERVED(a_connection_carries_many_requests),
        SERVED(what_has_no_route_is_not_found),
        SERVED(answers_have_safe_headers_unless_the_handler_sets_others),
        SERVED(every_request_has_an_id_of_its_own),
        SERVED(preflights_are_answered_by_the_owner_s_rules),
        SERVED(what_does_not_decode_is_a_bad_request),
        SERVED(heads_that_could_be_read_in_two_ways_are_refused),
        SERVED(what_stands_behind_a_nul_in_the_head_never_arrives),
        SERVED(bodies_over_the_limit_are_refused),
        SERVED(heads_over_the_limit_are_refused),
        SERVED(an_answer_s_head_without_room_is_an_error_of_its_own),
        SERVED(past_the_queue_the_answer_is_503),
        SERVED(connections_from_one_address_are_bounded),
        SERVED(a_request_sent_byte_by_byte_is_cut),
        SERVED(a_body_sent_byte_by_byte_is_cut),
        SERVED(half_a_request_and_silence_are_cut),
        SERVED(who_never_takes_the_answer_is_cut),
        SERVED(a_slow_handler_is_waited_for),
        SERVED(a_stop_lets_running_requests_end),
        SERVED(finished_exchanges_are_told),
        SERVED(addresses_come_from_trusted_proxies),
        SERVED(tls_is_spoken_and_its_certificate_renewed),
        SERVED(what_cannot_be_listened_on_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
