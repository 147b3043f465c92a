#include "bench/load.h"
#include "bench/meter.h"
#include "bench/scenarios.h"

#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUESTS = 20000, THREADS = 4, RESPONDER_PORT = 39917 };

static enum MHD_Result respond(void *context, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_size, void **state)
{
    (void)url, (void)method, (void)version, (void)upload, (void)upload_size;
    if (*state == NULL) {
        *state = connection;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, context);
}

/* A bare responder of `body` in a process of its own. */
static pid_t start_responder(const char *body)
{
    pid_t pid = fork();
    if (pid != 0) {
        usleep(200000);
        return pid;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(body), (void *)body, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Content-Type", "application/json; charset=utf-8");
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, RESPONDER_PORT, NULL, NULL, respond, response,
                         MHD_OPTION_THREAD_POOL_SIZE, 2U, MHD_OPTION_END);
    if (daemon == NULL)
        _exit(1);
    for (;;)
        pause();
}

static void get(struct browser *browser, unsigned number, void *url)
{
    (void)number;
    struct arena *arena = arena_create();
    struct page page;
    browser_visit(browser, arena, url, NULL, &page);
    if (page.status != 200)
        exit(1);
    arena_destroy(&arena);
}

static double cpu_of_gets(pid_t pid, const char *url)
{
    struct load load = {.threads = THREADS, .times = REQUESTS, .work = get, .context = (void *)url};
    double before = meter_tree_cpu(pid);
    load_run(&load);
    return (meter_tree_cpu(pid) - before) / REQUESTS;
}

void bench_discovery(struct arena *arena, const struct server *server, unsigned users)
{
    (void)users;
    static const char *const paths[] = {".well-known/openid-configuration", ".well-known/jwks.json"};
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        const char *url = arena_printf(arena, "%s%s", server->base, paths[i]);
        struct browser *browser = browser_create();
        struct page page;
        browser_visit(browser, arena, url, NULL, &page);
        browser_free(&browser);
        pid_t responder = start_responder(page.body);
        double bare = cpu_of_gets(responder, arena_printf(arena, "http://127.0.0.1:%d/", RESPONDER_PORT));
        kill(responder, SIGKILL);
        waitpid(responder, NULL, 0);
        double ours = cpu_of_gets(server->pid, url);
        printf("%-18s %.2f of a bare responder   (%.1f us CPU a request, %.1f us bare)\n",
               i == 0 ? "discovery" : "jwks", bare / ours, ours * 1e6, bare * 1e6);
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_latency(struct arena *arena, const struct server *server, unsigned users)
{
    (void)users;
    static const unsigned connections[] = {64, 1000};
    for (size_t i = 0; i < ARRAY_LENGTH(connections); i++) {
        double *taken = arena_calloc(arena, REQUESTS, sizeof *taken);
        struct load load = {.threads = connections[i],
                            .times = REQUESTS,
                            .work = get,
                            .context =
                                arena_printf(arena, "%s.well-known/openid-configuration", server->base),
                            .milliseconds = taken};
        load_run(&load);
        qsort(taken, REQUESTS, sizeof *taken, by_size);
        printf("latency            p50 %.1f ms, p99 %.1f ms at %u connections (clients on the same cores)\n",
               taken[REQUESTS / 2], taken[REQUESTS * 99 / 100], connections[i]);
    }
}
