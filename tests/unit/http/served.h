/* A server with the routes that its tests ask, and how they ask; a test includes it once. */
#ifndef COUNTERSIGN_TESTS_HTTP_SERVED_H
#define COUNTERSIGN_TESTS_HTTP_SERVED_H

#include "http/server.h"

#include "crypto/dev_certificate.h"
#include "http/client.h"

#include "raw_client.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { HEADER_BYTES = 8192, BODY_BYTES = 65536 };

static struct arena *arena;
static struct http_router *router;
static struct http_server *server;
static unsigned port;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static _Atomic unsigned waiting;
static _Atomic unsigned finished;

/* Says what arrived, a line each. */
static void echo(struct http_exchange *x)
{
    const struct http_request *request = &x->request;
    struct buffer text = buffer_create(x->arena, 1 << 20);
    buffer_printf(&text, "method=%s\npath=%s\nip=%s\ntls=%d\nsize=%zu\n", request->method, request->path,
                  request->client_ip, request->is_tls, request->body.size);
    for (size_t i = 0; i < request->query.count; i++)
        buffer_printf(&text, "query %s=%s\n", request->query.items[i].name, request->query.items[i].value);
    for (size_t i = 0; i < request->cookies.count; i++)
        buffer_printf(&text, "cookie %s=%s\n", request->cookies.items[i].name,
                      request->cookies.items[i].value);
    for (size_t i = 0; i < request->parameters.count; i++)
        buffer_printf(&text, "parameter %s=%s\n", request->parameters.items[i].name,
                      request->parameters.items[i].value);
    http_reply(x, 200, "text/plain", buffer_text(&text));
}

static void framed(struct http_exchange *x)
{
    http_set_header(x, "x-frame-options", "SAMEORIGIN");
    http_set_header(x, "Referrer-Policy", "same-origin");
    http_set_header(x, "Broken", "a\r\nSet-Cookie: b=c");
    http_reply(x, 200, "text/html", "<p>");
}

static void wait_at_gate(struct http_exchange *x)
{
    atomic_fetch_add(&waiting, 1);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    http_reply_empty(x, 204);
}

static void huge(struct http_exchange *x)
{
    size_t size = 16 * 1024 * 1024;
    http_reply_bytes(x, 200, "application/octet-stream",
                     (struct bytes){.data = arena_alloc(x->arena, size), .size = size});
}

/* Both heads are large then. */
static void go_back(struct http_exchange *x)
{
    http_redirect(x, 302, http_query(x, "to"));
}

static void not_found(struct http_exchange *x)
{
    http_reply(x, x->response.status, "text/plain", "nothing here\n");
}

static void allow_origin(struct http_exchange *x, const char *origin)
{
    if (strcmp(origin, "https://app.test") == 0)
        http_set_header(x, "Access-Control-Allow-Origin", origin);
}

static void count_finished(void *context, const struct http_exchange *x, const struct http_route *route,
                           int64_t ns)
{
    (void)context;
    (void)x;
    (void)route;
    if (ns > 0)
        atomic_fetch_add(&finished, 1);
}

static const struct http_route routes[] = {
    {"GET", "/back", go_back, 0, "back"},
    {"GET", "/echo", echo, 0, "echo"},
    {"POST", "/echo", echo, 0, "echo"},
    {"GET", "/on-loop", echo, HTTP_ON_LOOP, "loop"},
    {"POST", "/on-loop", echo, HTTP_ON_LOOP, "loop"},
    {"GET", "/users/{id}", echo, HTTP_CORS, "users"},
    {"GET", "/framed", framed, 0, "framed"},
    {"GET", "/wait", wait_at_gate, 0, "wait"},
    {"GET", "/huge", huge, 0, "huge"},
    {"GET", "/public", echo, HTTP_ON_LOOP | HTTP_CORS, "public"},
};
static const struct http_routes tables[] = {{routes, ARRAY_LENGTH(routes)}};

static struct http_server_config usual_config(void)
{
    return (struct http_server_config){.listen = "127.0.0.1:0",
                                       .loops = 2,
                                       .workers = 2,
                                       .queue = 4,
                                       .connections = 64,
                                       .connections_per_address = 32,
                                       .header_bytes = HEADER_BYTES,
                                       .body_bytes = BODY_BYTES,
                                       .request_seconds = 1,
                                       .idle_seconds = 1,
                                       .finished = count_finished,
                                       .cross_origin = allow_origin};
}

static void start(const struct http_server_config *config)
{
    const char *error = NULL;
    arena = arena_create();
    router = http_router_create(tables, ARRAY_LENGTH(tables), not_found);
    server = http_server_start(config, router, NULL, arena, &error);
    if (server == NULL)
        fail_msg("%s", error);
    port = http_server_port(server);
}

UNUSED static int enter(void **state)
{
    struct http_server_config config = usual_config();
    (void)state;
    start(&config);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    http_server_stop(&server, 5);
    http_router_free(&router);
    arena_destroy(&arena);
    return 0;
}

static const char *ask(const char *request)
{
    return raw_exchange(arena, port, request, strlen(request));
}

static const char *get(const char *path)
{
    return ask(arena_printf(arena, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", path));
}

static void assert_status(const char *answer, int status)
{
    int got = 0;
    if (sscanf(answer, "HTTP/1.1 %d", &got) != 1 || got != status)
        fail_msg("wanted %d, got: %.300s", status, answer);
}

static void assert_has(const char *answer, const char *part)
{
    if (strstr(answer, part) == NULL)
        fail_msg("wanted %s in: %.2000s", part, answer);
}

static void assert_has_not(const char *answer, const char *part)
{
    if (strstr(answer, part) != NULL)
        fail_msg("did not want %s in: %.2000s", part, answer);
}

#endif
