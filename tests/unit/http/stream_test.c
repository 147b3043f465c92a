/* Streams among polite and rude clients. */
#include "served.h"

#include "http/stream.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

static _Atomic unsigned turns;
static _Atomic bool is_over;
static char *big; /* what a turn of "big" says */

enum { BIG_BYTES = 20000, MANY = 2000 };

static bool tell(struct http_turn *turn)
{
    atomic_fetch_add(&turns, 1);
    ++*turn->note;
    if (strcmp(turn->key, "big") == 0)
        http_turn_event(turn, NULL, big);
    else if (strcmp(turn->key, "silent") != 0)
        http_turn_event(turn, "count\r\nx: y",
                        arena_printf(turn->arena, "%s\n%lld", turn->key, (long long)*turn->note));
    return !atomic_load(&is_over);
}

static void stream(struct http_exchange *x)
{
    const char *seconds = http_query(x, "seconds");
    http_set_header(x, "X-Own", "yes");
    http_reply_stream(x, &(struct http_stream){.topic = http_query(x, "topic"),
                                               .key = http_query(x, "key"),
                                               .seconds = seconds != NULL ? (unsigned)atoi(seconds) : 60,
                                               .produce = tell});
}

/* A socket that says back what it hears, and lets other topics be listened to. */
static bool echo_back(struct http_turn *turn)
{
    if (turn->message == NULL)
        http_turn_say(turn, arena_printf(turn->arena, "woken %lld", (long long)++*turn->note));
    else if (strncmp(turn->message, "listen ", 7) == 0)
        http_turn_listen(turn, turn->message + 7);
    else if (strncmp(turn->message, "wake ", 5) == 0)
        http_turn_wake(turn, turn->message + 5);
    else
        http_turn_say(turn, turn->message);
    return turn->message == NULL || strcmp(turn->message, "bye") != 0;
}

static void socket_route(struct http_exchange *x)
{
    http_reply_socket(x, &(struct http_stream){.topic = "socket",
                                               .key = "",
                                               .seconds = 60,
                                               .produce = echo_back,
                                               .kind = HTTP_STREAM_SOCKET,
                                               .beat = "beat"});
}

/* Answers once the test has made it so. */
static bool answer_once(struct http_turn *turn)
{
    if (atomic_load(&is_over))
        http_turn_say(turn, "the answer");
    return true;
}

static void once_route(struct http_exchange *x)
{
    http_reply_stream(x, &(struct http_stream){.topic = "once",
                                               .key = "",
                                               .seconds = 2,
                                               .produce = answer_once,
                                               .kind = HTTP_STREAM_ONCE,
                                               .type = "text/plain",
                                               .beat = "late"});
}

static const struct http_route stream_routes[] = {{"GET", "/stream", stream, 0, "stream"},
                                                  {"GET", "/socket", socket_route, 0, "stream"},
                                                  {"GET", "/once", once_route, 0, "stream"}};
static const struct http_routes stream_tables[] = {{routes, ARRAY_LENGTH(routes)},
                                                   {stream_routes, ARRAY_LENGTH(stream_routes)}};

static void start_streams(const struct http_server_config *config)
{
    const char *error = NULL;
    arena = arena_create();
    router = http_router_create(stream_tables, ARRAY_LENGTH(stream_tables), not_found);
    server = http_server_start(config, router, NULL, arena, &error);
    if (server == NULL)
        fail_msg("%s", error);
    port = http_server_port(server);
}

static struct http_server_config stream_config(void)
{
    struct http_server_config config = usual_config();
    config.queue = 256;
    config.connections = 256;
    config.streams = MANY;
    config.streams_per_address = MANY;
    config.connections_per_address = 0;
    config.heartbeat_seconds = 1;
    return config;
}

static int enter_streams(void **state)
{
    struct http_server_config config = stream_config();
    (void)state;
    atomic_store(&turns, 0);
    atomic_store(&is_over, false);
    start_streams(&config);
    return 0;
}

static unsigned open_streams(void)
{
    struct http_server_load load;
    http_server_load(server, &load);
    return load.streams;
}

/* Lets others work until the number of open streams is that; false after ten seconds. */
static bool streams_become(unsigned count)
{
    int64_t until = clock_monotonic_ns() + 10000000000;
    while (open_streams() != count && clock_monotonic_ns() < until)
        sched_yield();
    return open_streams() == count;
}

/* The same for turns that were begun. */
static bool turns_reach(unsigned count)
{
    int64_t until = clock_monotonic_ns() + 10000000000;
    while (atomic_load(&turns) < count && clock_monotonic_ns() < until)
        sched_yield();
    return atomic_load(&turns) >= count;
}

static int open_stream(const char *query)
{
    int fd = raw_connect(port);
    assert_true(fd >= 0);
    raw_send_text(fd, arena_printf(arena, "GET /stream?%s HTTP/1.1\r\nHost: a\r\n\r\n", query));
    return fd;
}

/* Reads until `part` has come; fails after ten seconds, or when the server closes before. */
static const char *read_to(int fd, const char *part)
{
    struct buffer got = buffer_create(arena, 1 << 20);
    int64_t until = clock_monotonic_ns() + 10000000000;
    while (strstr(buffer_text(&got), part) == NULL) {
        char piece[4096];
        int left = (int)((until - clock_monotonic_ns()) / 1000000);
        ssize_t size = left > 0 && poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, left) == 1
                           ? recv(fd, piece, sizeof piece, 0)
                           : 0;
        if (size <= 0)
            fail_msg("waited for %s, got %s", part, buffer_text(&got));
        buffer_add_bytes(&got, piece, (size_t)size);
    }
    return buffer_text(&got);
}

static void a_stream_says_what_is_and_then_what_is_new(void **state)
{
    (void)state;
    int fd = open_stream("topic=tx:1&key=ada");
    int other = open_stream("topic=tx:2&key=bob");
    const char *first = read_to(fd, "data: 1\n\n");
    assert_status(first, 200);
    assert_has(first, "Content-Type: text/event-stream; charset=utf-8\r\n");
    assert_has(first, "Cache-Control: no-store\r\n");
    assert_has(first, "X-Own: yes\r\n");
    assert_has(first, "X-Content-Type-Options: nosniff\r\n");
    assert_has(first, "\r\n\r\ndata: ada\ndata: 1\n\n");
    read_to(other, "data: bob\ndata: 1\n\n");
    http_server_wake(server, "tx:1");
    read_to(fd, "data: ada\ndata: 2\n\n");
    http_server_wake(server, "tx:3");
    http_server_wake(server, NULL);
    read_to(fd, "data: ada\ndata: 3\n\n");
    read_to(other, "data: bob\ndata: 2\n\n");
    assert_true(atomic_load(&finished) >= 2);
    close(fd);
    close(other);
    assert_true(streams_become(0));
}

static void it_ends_when_its_producer_says_so(void **state)
{
    (void)state;
    int fd = open_stream("topic=tx:1&key=ada");
    read_to(fd, "data: 1\n\n");
    atomic_store(&is_over, true);
    http_server_wake(server, "tx:1");
    bool is_closed = false;
    assert_has(raw_read_until(arena, fd, 10000, &is_closed), "data: ada\ndata: 2\n\n");
    assert_true(is_closed);
    assert_true(streams_become(0));
    close(fd);
}

static void it_beats_and_ends_at_its_deadline(void **state)
{
    (void)state;
    int fd = open_stream("topic=tx:1&key=silent&seconds=2");
    bool is_closed = false;
    const char *all = raw_read_until(arena, fd, 10000, &is_closed);
    assert_true(is_closed);
    assert_has(all, "\r\n\r\n:\n\n");
    assert_has_not(all, "data:");
    assert_true(streams_become(0));
    close(fd);
}

static void a_client_that_leaves_is_noticed(void **state)
{
    (void)state;
    int gone = open_stream("topic=tx:1&key=ada");
    int half = open_stream("topic=tx:1&key=bob");
    int reset = open_stream("topic=tx:1&key=cy");
    read_to(gone, "data: 1\n\n");
    read_to(half, "data: 1\n\n");
    read_to(reset, "data: 1\n\n");
    assert_int_equal(open_streams(), 3);
    shutdown(half, SHUT_WR);
    assert_true(streams_become(2));
    close(gone);
    assert_true(streams_become(1));
    setsockopt(reset, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    close(reset);
    assert_true(streams_become(0));
    close(half);
}

static void a_client_that_sends_on_is_not_heard(void **state)
{
    (void)state;
    int fd = open_stream("topic=tx:1&key=ada");
    read_to(fd, "data: 1\n\n");
    raw_send_text(fd, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    http_server_wake(server, "tx:1");
    assert_has_not(read_to(fd, "data: 2\n\n"), "HTTP/1.1");
    close(fd);
    assert_true(streams_become(0));
}

/* Some hundred wakes of 20 kB each are more than the kernel's buffers take. */
static void a_client_that_does_not_read_is_cut(void **state)
{
    (void)state;
    int fd = raw_connect(port);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    raw_send_text(fd, "GET /stream?topic=tx:1&key=big HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(streams_become(1));
    int64_t until = clock_monotonic_ns() + 20000000000;
    while (open_streams() > 0 && clock_monotonic_ns() < until) {
        http_server_wake(server, "tx:1");
        sched_yield();
    }
    assert_int_equal(open_streams(), 0);
    close(fd);
}

static void past_the_limits_the_answer_is_503(void **state)
{
    struct http_server_config config = stream_config();
    (void)state;
    leave(NULL);
    config.streams_per_address = 2;
    start_streams(&config);
    int first = open_stream("topic=tx:1&key=ada");
    int second = open_stream("topic=tx:1&key=ada");
    read_to(first, "data: 1\n\n");
    read_to(second, "data: 1\n\n");
    assert_status(get("/stream?topic=tx:1&key=ada"), 503);
    close(second);
    assert_true(streams_become(1));
    second = open_stream("topic=tx:1&key=ada");
    read_to(second, "data: 1\n\n");
    close(first);
    close(second);
    leave(NULL);
    config.streams_per_address = 0;
    config.streams = 1;
    start_streams(&config);
    first = open_stream("topic=tx:1&key=ada");
    read_to(first, "data: 1\n\n");
    assert_status(get("/stream?topic=tx:1&key=ada"), 503);
    close(first);
    assert_true(streams_become(0));
}

static void a_head_asks_for_no_events(void **state)
{
    (void)state;
    const char *answer = ask("HEAD /stream?topic=a&key=b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_status(answer, 200);
    assert_has(answer, "Content-Type: text/event-stream");
    assert_int_equal(atomic_load(&turns), 0);
}

static void a_stop_ends_streams(void **state)
{
    (void)state;
    int fds[8];
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
        fds[i] = open_stream("topic=tx:1&key=ada");
        read_to(fds[i], "data: 1\n\n");
    }
    int64_t began = clock_monotonic_ns();
    http_server_wake(server, "tx:1");
    http_server_stop(&server, 10);
    assert_true(clock_monotonic_ns() - began < 5000000000);
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
        assert_true(raw_is_closed_within(fds[i], 1000));
        close(fds[i]);
    }
}

/* Each is woken, half of them leave while they are, and requests are served meanwhile. */
static void thousands_come_and_go(void **state)
{
    static int fds[MANY];
    struct rlimit limit;
    (void)state;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    unsigned many = limit.rlim_cur > 3 * MANY ? MANY : 200;
    for (int round = 0; round < 2; round++) {
        atomic_store(&turns, 0);
        for (unsigned i = 0; i < many; i++) {
            fds[i] = open_stream(i % 2 == 0 ? "topic=even&key=a" : "topic=odd&key=b");
            if (i % 32 == 31)
                read_to(fds[i], "data: 1\n\n");
        }
        assert_true(streams_become(many));
        /* A wake before a stream's first turn would be that turn. */
        assert_true(turns_reach(many));
        http_server_wake(server, "even");
        for (unsigned i = 1; i < many; i += 2)
            close(fds[i]);
        assert_status(get("/echo"), 200);
        for (unsigned i = 0; i < many; i += 2)
            read_to(fds[i], "data: 2\n\n");
        assert_true(streams_become(many / 2));
        for (unsigned i = 0; i < many; i += 2)
            close(fds[i]);
        assert_true(streams_become(0));
    }
}

/* Heads that are cut off, connections that break in the moment they become a stream. */
static void clients_that_break_off_leave_nothing_behind(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        int fd = raw_connect(port);
        raw_send_text(fd, "GET /stream?topic=tx:1&key=ada HTTP/1.1\r\nHost: a\r\n\r\n");
        if (i % 3 == 0)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
        if (i % 3 == 1)
            shutdown(fd, SHUT_WR);
        close(fd);
        http_server_wake(server, "tx:1");
    }
    assert_true(streams_become(0));
    assert_status(get("/echo"), 200);
}

/* --- long polls and sockets --- */

static void a_long_poll_is_answered_once_or_at_its_deadline(void **state)
{
    (void)state;
    int fd = raw_connect(port);
    raw_send_text(fd, "GET /once HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(streams_become(1));
    atomic_store(&is_over, true);
    http_server_wake(server, "once");
    bool is_closed = false;
    const char *all = raw_read_until(arena, fd, 10000, &is_closed);
    assert_true(is_closed);
    assert_has(all, "\r\n\r\nthe answer");
    close(fd);
    atomic_store(&is_over, false);
    fd = raw_connect(port);
    raw_send_text(fd, "GET /once HTTP/1.1\r\nHost: a\r\n\r\n");
    all = raw_read_until(arena, fd, 10000, &is_closed);
    assert_has(all, "\r\n\r\nlate");
    assert_has_not(all, ":\n");
    close(fd);
    assert_true(streams_become(0));
}

static int open_socket(void)
{
    int fd = raw_connect(port);
    raw_send_text(
        fd, "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    const char *head = read_to(fd, "woken 1");
    assert_status(head, 101);
    assert_has(head, "Connection: Upgrade\r\n");
    assert_has(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
    return fd;
}

static void send_frame(int fd, char first, const char *text)
{
    char frame[128] = {first, (char)(0x80 | strlen(text))}; /* a mask of zeros */
    memcpy(frame + 6, text, strlen(text));
    raw_send(fd, frame, 6 + strlen(text));
}

static void a_socket_hears_and_says(void **state)
{
    (void)state;
    int fd = open_socket();
    send_frame(fd, (char)0x81, "one");
    send_frame(fd, (char)0x81, "two");
    read_to(fd, "\x81\x03one\x81\x03two");
    send_frame(fd, (char)0x89, "p");
    read_to(fd, "\x8a\x01p");
    send_frame(fd, (char)0x81, "listen other");
    read_to(fd, "woken 2");
    http_server_wake(server, "socket");
    send_frame(fd, (char)0x81, "wake other");
    read_to(fd, "woken 3");
    read_to(fd, "\x81\x04"
                "beat");
    send_frame(fd, (char)0x81, "bye");
    bool is_closed = false;
    assert_has(raw_read_until(arena, fd, 10000, &is_closed), "\x88\x02\x03\xe8");
    assert_true(is_closed);
    close(fd);
    assert_true(streams_become(0));
}

static void a_socket_that_breaks_the_rules_is_closed(void **state)
{
    (void)state;
    static const char *const wrongs[] = {"\x81\x03one", "\x82\x81....a",
                                         "\x81\xff\x01\x01\x01\x01\x01\x01\x01\x01", "\x88\x80...."};
    for (size_t i = 0; i < ARRAY_LENGTH(wrongs); i++) {
        int fd = open_socket();
        raw_send_text(fd, wrongs[i]);
        bool is_closed = false;
        assert_has(raw_read_until(arena, fd, 10000, &is_closed), "\x88\x02\x03");
        assert_true(is_closed);
        close(fd);
    }
    /* More messages than have turns. */
    int fd = open_socket();
    bool goes_on = true;
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 100000 && goes_on; i++)
        goes_on = raw_send(fd, "\x81\x81\0\0\0\0a", 7);
    close(fd);
    assert_true(streams_become(0));
    assert_status(get("/socket"), 400);
    assert_status(
        ask("GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
        426);
}

int main(void)
{
    big = calloc(1, BIG_BYTES + 1);
    memset(big, 'x', BIG_BYTES);
#define STREAMED(test) cmocka_unit_test_setup_teardown(test, enter_streams, leave)
    const struct CMUnitTest tests[] = {
        STREAMED(a_stream_says_what_is_and_then_what_is_new),
        STREAMED(it_ends_when_its_producer_says_so),
        STREAMED(it_beats_and_ends_at_its_deadline),
        STREAMED(a_client_that_leaves_is_noticed),
        STREAMED(a_client_that_sends_on_is_not_heard),
        STREAMED(a_client_that_does_not_read_is_cut),
        STREAMED(past_the_limits_the_answer_is_503),
        STREAMED(a_head_asks_for_no_events),
        STREAMED(a_stop_ends_streams),
        STREAMED(a_long_poll_is_answered_once_or_at_its_deadline),
        STREAMED(a_socket_hears_and_says),
        STREAMED(a_socket_that_breaks_the_rules_is_closed),
        STREAMED(thousands_come_and_go),
        STREAMED(clients_that_break_off_leave_nothing_behind),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(big);
    return failed;
}
