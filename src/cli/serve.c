#include "cli/commands.h"

#include "base/clock.h"
#include "base/log.h"
#include "cli/demo.h"
#include "cli/dev.h"
#include "cli/dev_tls.h"
#include "cli/health.h"
#include "cli/metrics.h"
#include "cli/notify_socket.h"
#include "http/server.h"
#include "mfa/push.h"
#include "notify/push.h"
#include "store/signal.h"
#include "tenant/tenant.h"

#include "guardian/routes.h"
#include "login/routes.h"
#include "management/routes.h"
#include "oauth/routes.h"
#include "phone/routes.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    HEADER_BYTES = 12 * 1024, /* a connection keeps that much memory */
    BODY_BYTES = 1024 * 1024,
    STOP_SECONDS = 15, /* what running requests have to end, less than a service manager's patience */
    LOOPS = 2,
    HEARTBEAT_SECONDS = 25, /* proxies close what says nothing for a minute */
};

struct serving {
    int argc;
    char **argv;
    const struct config *config;
    struct arena *arena;
    struct tenant *tenant;
    struct http_router *router;
    struct http_server *server;
    struct metrics_listener *metrics;   /* NULL where none are wished */
    struct http_server *dev_tls_server; /* NULL where not asked for */
};

/* What changed in the store wakes the pages that wait for it. */
static void wake(void *server, const char *topic)
{
    http_server_wake(server, topic);
}

static bool start_to_wake(struct serving *serving, struct http_server *server, const char **error)
{
    *error = "the store's signals cannot be listened to";
    return signal_listen(serving->tenant->db, wake, server);
}

static void stop_server(struct serving *serving, struct http_server **server)
{
    if (*server == NULL)
        return;
    signal_unlisten(serving->tenant->db, wake, *server);
    http_server_stop(server, STOP_SECONDS);
}

/* What no route answers: JSON as Auth0's APIs say it, whatever asked. */
static void reply_not_found(struct http_exchange *x)
{
    yyjson_mut_doc *doc = json_new_object(x->arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_int(doc, root, "statusCode", 404);
    json_set_text(doc, root, "error", "Not Found");
    json_set_text(doc, root, "message", "Not Found");
    http_reply_json(x, 404, doc);
}

static struct http_router *make_router(const struct config *config)
{
    struct http_routes tables[9] = {health_routes, oauth_routes,  login_routes, management_routes,
                                    widget_routes, device_routes, phone_routes};
    size_t count = 7;

    if (config->dev) {
        tables[count++] = dev_routes;
        tables[count++] = demo_routes;
    }
    return http_router_create(tables, count, reply_not_found);
}

static bool start(struct serving *serving, const char **error)
{
    const struct config *config = serving->config;
    char executable[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
    if (length < 0) {
        *error = "its own binary cannot be found through /proc";
        return false;
    }
    executable[length] = '\0';
    serving->tenant = tenant_open(config, arena_strdup(serving->arena, executable), serving->arena, error);
    if (serving->tenant == NULL)
        return false;
    notifier_on_dead_token(serving->tenant->notifier, push_token_is_dead, serving->tenant);
    serving->router = make_router(config);
    struct http_server_config listener = {.listen = config->listen,
                                          .loops = LOOPS,
                                          .workers = config->workers,
                                          .waiting = config->waiting,
                                          .queue = config->queue,
                                          .connections = config->connections,
                                          .connections_per_address = config->connections_per_address,
                                          .streams = config->streams,
                                          .streams_per_address = config->streams_per_address,
                                          .heartbeat_seconds = HEARTBEAT_SECONDS,
                                          .header_bytes = HEADER_BYTES,
                                          .body_bytes = BODY_BYTES,
                                          .request_seconds = config->request_seconds,
                                          .idle_seconds = config->idle_seconds,
                                          .trusted_proxies = config->trusted_proxies,
                                          .certificate_file = config->tls_certificate,
                                          .private_key_file = config->tls_key,
                                          .finished = serve_finished,
                                          .cross_origin = oauth_cross_origin};
    serving->server = http_server_start(&listener, serving->router, serving->tenant, serving->arena, error);
    if (serving->server == NULL || !start_to_wake(serving, serving->server, error))
        return false;
    if (config->metrics_listen != NULL) {
        serving->metrics = serve_metrics(serving->server, serving->tenant, serving->arena, error);
        if (serving->metrics == NULL)
            return false;
    }
    if (config->dev_tls_listen == NULL)
        return true;
    if (!dev_tls_files(config, serving->arena, &listener.certificate_file, &listener.private_key_file, error))
        return false;
    listener.listen = config->dev_tls_listen;
    serving->dev_tls_server =
        http_server_start(&listener, serving->router, serving->tenant, serving->arena, error);
    return serving->dev_tls_server != NULL && start_to_wake(serving, serving->dev_tls_server, error);
}

static void stop(struct serving *serving)
{
    metrics_stop(&serving->metrics);
    stop_server(serving, &serving->dev_tls_server);
    stop_server(serving, &serving->server);
    tenant_close(&serving->tenant);
    if (serving->router != NULL)
        http_router_free(&serving->router);
}

/* Reads the settings again and applies those that may change; the others wait for a restart. */
static void reload(struct serving *serving)
{
    struct arena *arena = arena_create();
    const char *error = NULL;
    notify_socket_send("RELOADING=1");
    const struct config *config = config_read(arena, serving->argc, serving->argv, &error);
    if (config != NULL) {
        command_configure_log(config);
        LOG_INFO("server.reloaded", LOG_TEXT("log_level", config->log_level));
    } else {
        LOG_ERROR("server.reload_refused", LOG_TEXT("reason", error));
    }
    if (serving->tenant->geoip != NULL && !geoip_reload(serving->tenant->geoip, arena, &error))
        LOG_ERROR("server.geoip_refused", LOG_TEXT("reason", error));
    if (!http_server_renew_certificate(serving->server, arena, &error))
        LOG_ERROR("server.certificate_refused", LOG_TEXT("reason", error));
    arena_destroy(&arena);
    notify_socket_send("READY=1");
}

static void announce(const struct serving *serving, int64_t started_ns)
{
    const struct config *config = serving->tenant->config;
    int64_t ms = (clock_monotonic_ns() - started_ns) / 1000000;
    if (!config->rate_limits)
        LOG_WARN("server.rate_limits_off", LOG_TEXT("why", "rate_limits is false: for test tenants only"));
    LOG_INFO("server.listening", LOG_TEXT("issuer", config->issuer),
             LOG_INT("port", http_server_port(serving->server)), LOG_INT("start_ms", ms));
    printf("listening on %s, issuer %s\n", config->listen, config->issuer);
    fflush(stdout);
    notify_socket_send("READY=1");
}

/* Runs until a signal ends it. */
static void wait_for_signals(struct serving *serving, const sigset_t *signals)
{
    for (;;) {
        int number = sigwaitinfo(signals, NULL);
        if (number == SIGHUP)
            reload(serving);
        if (number == SIGTERM || number == SIGINT) {
            LOG_INFO("server.stopping", LOG_TEXT("signal", number == SIGTERM ? "TERM" : "INT"));
            notify_socket_send("STOPPING=1");
            return;
        }
    }
}

static int serve(struct serving *serving)
{
    int64_t started = clock_monotonic_ns();
    const char *error = NULL;
    sigset_t signals;

    /* Blocked before the first thread, which inherit it: signals are waited for here alone. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);

    command_configure_log(serving->config);
    int status = 0;
    if (start(serving, &error)) {
        announce(serving, started);
        wait_for_signals(serving, &signals);
    } else {
        status = command_fail(error);
    }
    stop(serving);
    return status;
}

int serve_main(int argc, char **argv)
{
    struct serving serving = {.argc = argc, .argv = argv, .arena = arena_create()};
    const char *error = NULL;
    int status;

    if (command_wants_help(argc, argv)) {
        printf("usage: countersign serve [SETTINGS]\n\nServes the tenant until SIGTERM; SIGHUP reads the "
               "settings "
               "again.\n\n%s",
               config_help(serving.arena));
        status = 0;
    } else {
        serving.config = config_read(serving.arena, argc, argv, &error);
        status = serving.config != NULL ? serve(&serving) : command_fail(error);
    }
    arena_destroy(&serving.arena);
    return status;
}
