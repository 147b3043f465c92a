#include "http/metrics.h"

#include "raw_client.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct http_route token_route = {.method = "POST", .pattern = "/oauth/token", .tag = "token"};
static const struct http_route page_route = {.method = "GET", .pattern = "/u/login", .tag = "page"};

static double answer_to_all(const void *of)
{
    return *(const int *)of;
}

static const int forty_two = 42;
static const struct metrics_gauge gauges[] = {
    {"countersign_test_gauge", "A gauge.", answer_to_all, &forty_two}};

static void finish(const struct http_route *route, int status, int64_t nanoseconds)
{
    struct http_exchange x = {.response = {.status = status}};
    metrics_finished(NULL, &x, route, nanoseconds);
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("wanted %s in: %s", part, text);
}

static void *finish_many(void *argument)
{
    (void)argument;
    for (int i = 0; i < 1000; i++)
        finish(&page_route, 200, 1000);
    return NULL;
}

static void exchanges_are_counted_by_tag_class_and_time(void **state)
{
    struct arena *arena = arena_create();
    (void)state;
    finish(&token_route, 200, 300000);
    finish(&token_route, 403, 2000000);
    finish(&token_route, 429, 9000000000);
    finish(NULL, 503, 1);
    const char *text = metrics_text(arena, gauges, 1);
    assert_has(text, "countersign_http_requests_total{route=\"token\",status=\"2xx\"} 1\n");
    assert_has(text, "countersign_http_requests_total{route=\"token\",status=\"4xx\"} 2\n");
    assert_has(text, "countersign_http_requests_total{route=\"none\",status=\"5xx\"} 1\n");
    assert_has(text, "countersign_http_request_seconds_bucket{route=\"token\",le=\"0.00025\"} 0\n");
    assert_has(text, "countersign_http_request_seconds_bucket{route=\"token\",le=\"0.0005\"} 1\n");
    assert_has(text, "countersign_http_request_seconds_bucket{route=\"token\",le=\"0.0025\"} 2\n");
    assert_has(text, "countersign_http_request_seconds_bucket{route=\"token\",le=\"5\"} 2\n");
    assert_has(text, "countersign_http_request_seconds_bucket{route=\"token\",le=\"+Inf\"} 3\n");
    assert_has(text, "countersign_http_request_seconds_sum{route=\"token\"} 9.002300000\n");
    assert_has(text, "countersign_http_request_seconds_count{route=\"token\"} 3\n");
    assert_has(text, "# TYPE countersign_test_gauge gauge\ncountersign_test_gauge 42\n");
    arena_destroy(&arena);
}

static void counts_of_all_threads_add_up(void **state)
{
    pthread_t threads[20];
    struct arena *arena = arena_create();
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        pthread_create(&threads[i], NULL, finish_many, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        pthread_join(threads[i], NULL);
    assert_has(metrics_text(arena, NULL, 0), "{route=\"page\",status=\"2xx\"} 20000\n");
    arena_destroy(&arena);
}

static void they_are_served_on_a_port_of_their_own(void **state)
{
    struct arena *arena = arena_create();
    const char *error = NULL;
    const char *get = "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    const char *other = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    (void)state;
    struct metrics_listener *listener = metrics_serve("127.0.0.1:0", gauges, 1, arena, &error);
    assert_non_null(listener);
    const char *answer = raw_exchange(arena, metrics_port(listener), get, strlen(get));
    assert_has(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    assert_has(answer, "countersign_test_gauge 42\n");
    assert_has(answer, "process_resident_memory_bytes ");
    assert_has(raw_exchange(arena, metrics_port(listener), other, strlen(other)), "HTTP/1.1 404 ");
    metrics_stop(&listener);
    assert_null(listener);
    assert_null(metrics_serve("nonsense", gauges, 1, arena, &error));
    assert_non_null(error);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchanges_are_counted_by_tag_class_and_time),
        cmocka_unit_test(counts_of_all_threads_add_up),
        cmocka_unit_test(they_are_served_on_a_port_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
