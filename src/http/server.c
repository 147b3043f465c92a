#include "http/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "http/call.h"
#include "http/certificate.h"
#include "http/connections.h"
#include "http/listener.h"
#include "http/streams.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SMALLEST_HEAD = 2 * 1024,
    BACKLOG = 1024,
    MOST_OLDER = 4,
    LINGER_MS = 2000,
};

/* GnuTLS's words for TLS 1.2 and 1.3 with forward secrecy. */
#define TLS_PRIORITIES "SECURE128:%SERVER_PRECEDENCE:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA"

/* An MHD daemon with its event loops, and its copy of the listening socket once it has given that back. */
struct loops {
    struct MHD_Daemon *daemon;
    int fd;
};

struct http_server {
    struct call_site site;
    struct arena *arena;
    struct connections *connections;
    struct workers *workers;
    struct streams *streams;
    int listener;
    struct loops current;
    struct loops older[MOST_OLDER]; /* of former certificates, until their last connection has ended */
    unsigned port;
    _Atomic unsigned open_calls;
    _Atomic bool is_stopping;
};

/* --- libmicrohttpd's callbacks, on the event loops --- */

static struct connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **own,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        const struct sockaddr *peer =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
        *own = connections_open(server->connections, fd, peer);
    } else if (*own != NULL) {
        connections_close(server->connections, *own);
        *own = NULL;
    }
}

static enum MHD_Result on_accept(void *context, const struct sockaddr *peer, socklen_t size)
{
    struct http_server *server = context;
    (void)size;
    return connections_admit(server->connections, peer) ? MHD_YES : MHD_NO;
}

static void *on_request_line(void *context, const char *target, struct MHD_Connection *mhd)
{
    struct http_server *server = context;
    atomic_fetch_add(&server->open_calls, 1);
    connection_reads(server->connections, connection_of(mhd));
    return call_create(&server->site, mhd, target);
}

static enum MHD_Result send_answer(struct http_server *server, struct call *call)
{
    struct MHD_Response *response;

    if (atomic_load_explicit(&server->is_stopping, memory_order_relaxed))
        call->closes = true;
    response = call_response(call);
    if (response == NULL)
        return MHD_NO;
    call->stage = CALL_SENDING;
    connection_writes(server->connections, connection_of(call->mhd), call->exchange.response.body.size);
    enum MHD_Result result =
        MHD_queue_response(call->mhd, (unsigned)call->exchange.response.status, response);
    MHD_destroy_response(response);
    return result;
}

static void resume(void *mhd)
{
    MHD_resume_connection(mhd);
}

/* TLS stays libmicrohttpd's: it asks for the stream's bytes. */
static enum MHD_Result lend_to_stream(struct call *call)
{
    struct MHD_Response *response = call_stream_response(call);
    if (response == NULL)
        return MHD_NO;
    connection_works(connection_of(call->mhd));
    stream_lend(call->stream, resume, call->mhd);
    call->stage = CALL_STREAMING;
    enum MHD_Result result = MHD_queue_response(call->mhd, 200, response);
    MHD_destroy_response(response);
    return result;
}

/*
 * A plain connection changes hands: the stream goes on with a copy of the descriptor, and libmicrohttpd closes its own
 * (without a shutdown, as MHD_USE_TURBO promises) and forgets all the memory that it had for it.
 */
static enum MHD_Result give_to_stream(struct http_server *server, struct call *call)
{
    int fd = MHD_get_connection_info(call->mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    const char *head = call_stream_head(call);
    int own = head != NULL ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    struct stream *stream = call->stream;

    call->stream = NULL;
    if (own < 0) {
        stream_let_go(stream);
        return MHD_NO;
    }
    if (server->site.config.finished != NULL)
        server->site.config.finished(server->site.context, &call->exchange, call->route,
                                     clock_monotonic_ns() - call->began);
    stream_take(stream, own, head);
    return MHD_NO;
}

static enum MHD_Result send_stream(struct http_server *server, struct call *call)
{
    struct http_exchange *x = &call->exchange;
    struct address person;

    if (!address_parse(x->request.client_ip, &person))
        person = *connection_peer(connection_of(call->mhd));
    if (!call->is_head)
        call->stream = streams_open(server->streams, x->response.stream, &person);
    if (call->is_head || call->stream == NULL) {
        if (!call->is_head)
            call_refuse(call, 503, "Too many pages wait for events; this one has to ask again.");
        return send_answer(server, call);
    }
    return server->site.config.certificate_file != NULL ? lend_to_stream(call) : give_to_stream(server, call);
}

static void run_on_thread(struct work *work)
{
    struct call *call = (struct call *)(void *)work;
    call_run(call);
    MHD_resume_connection(call->mhd);
}

/* The whole request is here: the handler runs, on this loop or on a request thread. */
static enum MHD_Result dispatch(struct http_server *server, struct call *call)
{
    bool is_on_loop = call->route != NULL && (call->route->flags & HTTP_ON_LOOP) != 0;

    call_complete(call);
    if (is_on_loop) {
        call_run(call);
        return send_answer(server, call);
    }
    if (!workers_reserve(server->workers)) {
        call_refuse(call, 503, "The server is busy; try again in a moment.");
        http_set_header(&call->exchange, "Retry-After", "1");
        return send_answer(server, call);
    }
    call->stage = CALL_WORKING;
    call->work.run = run_on_thread;
    connection_works(connection_of(call->mhd));
    MHD_suspend_connection(call->mhd);
    workers_submit(server->workers, &call->work);
    return MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data, size_t *size,
                                  void **own)
{
    struct http_server *server = context;
    struct call *call = *own;

    (void)url;
    (void)version;
    if (call->stage == CALL_NEW) {
        bool goes_on = call_open(call, method, connection_peer(connection_of(mhd)));
        return goes_on ? MHD_YES : send_answer(server, call);
    }
    if (*size > 0) {
        bool goes_on = call_gather(call, data, *size);
        *size = 0;
        return goes_on ? MHD_YES : MHD_NO;
    }
    if (call->stage == CALL_READING)
        return dispatch(server, call);
    if (call->stage == CALL_ANSWERED && call->exchange.response.stream != NULL)
        return send_stream(server, call);
    if (call->stage == CALL_REFUSED || call->stage == CALL_ANSWERED)
        return send_answer(server, call);
    return MHD_YES;
}

static void on_completed(void *context, struct MHD_Connection *mhd, void **own,
                         enum MHD_RequestTerminationCode code)
{
    struct http_server *server = context;
    struct call *call = *own;

    (void)code;
    if (call == NULL)
        return;
    if (call->stream != NULL)
        stream_let_go(call->stream);
    if ((call->stage == CALL_SENDING || call->stage == CALL_STREAMING) &&
        server->site.config.finished != NULL)
        server->site.config.finished(server->site.context, &call->exchange, call->route,
                                     clock_monotonic_ns() - call->began);
    call_destroy(&call);
    *own = NULL;
    connection_waits(server->connections, connection_of(mhd));
    atomic_fetch_sub(&server->open_calls, 1);
}

/* Paths and queries are decoded by us, where a broken escape is an error. */
static size_t leave_escaped(void *context, struct MHD_Connection *mhd, char *text)
{
    (void)context;
    (void)mhd;
    return strlen(text);
}

static void on_log(void *context, const char *format, va_list args) PRINTF_LIKE(2, 0);
static void on_log(void *context, const char *format, va_list args)
{
    char line[256];
    (void)context;
    vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\n")] = '\0';
    LOG_DEBUG("http.protocol", LOG_TEXT("what", line));
}

/* --- start and stop --- */

static bool read_config(struct http_server *server, const struct http_server_config *config,
                        const char **error)
{
    const char *wrong = NULL;
    struct http_server_config *own = &server->site.config;

    *own = *config;
    if (own->header_bytes < SMALLEST_HEAD)
        own->header_bytes = SMALLEST_HEAD;
    if (own->loops == 0)
        own->loops = 1;
    if (own->workers == 0)
        own->workers = 1;
    if (!networks_parse(server->arena, config->trusted_proxies, &server->site.trusted, &wrong)) {
        *error =
            arena_printf(server->arena, "trusted_proxies: %s is neither an address nor a network", wrong);
        return false;
    }
    unsigned places = listener_raise_limit(own->connections + own->streams);
    if (places < own->connections + own->streams) {
        own->streams = places / 2 < own->streams ? places / 2 : own->streams;
        own->connections = places - own->streams;
    }
    server->site.keep_alive = arena_printf(server->arena, "timeout=%u", own->idle_seconds);
    return true;
}

/*
 * An MHD daemon on a copy of the listening socket, so that the server keeps its own. NULL and *error on
 * failure.
 */
static struct MHD_Daemon *start_daemon(struct http_server *server, struct arena *arena, const char **error)
{
    const struct http_server_config *config = &server->site.config;
    struct certificate certificate = {.chain = NULL};
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
                     MHD_USE_ERROR_LOG | MHD_USE_TURBO;

    if (config->certificate_file != NULL) {
        if (!certificate_read(arena, config->certificate_file, config->private_key_file, &certificate, error))
            return NULL;
        flags |= MHD_USE_TLS;
    }
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)certificate.chain},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)certificate.private_key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    int fd = fcntl(server->listener, F_DUPFD_CLOEXEC, 0);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        flags, 0, on_accept, server, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE, config->loops > 1 ? config->loops : 0,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, config->header_bytes + CALL_ANSWER_HEAD_BYTES,
        MHD_OPTION_CONNECTION_LIMIT, config->connections, MHD_OPTION_CONNECTION_TIMEOUT, config->idle_seconds,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        server, MHD_OPTION_URI_LOG_CALLBACK, on_request_line, server, MHD_OPTION_UNESCAPE_CALLBACK,
        leave_escaped, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY,
        certificate.chain != NULL ? tls : tls + ARRAY_LENGTH(tls) - 1, MHD_OPTION_END);
    /* Where it fails, the copy may be closed or not: it is left alone. */
    if (daemon == NULL)
        *error = "no event loop could be started";
    return daemon;
}

/* No new connections; those that are open are served on. */
static void quiesce(struct loops *loops)
{
    loops->fd = MHD_quiesce_daemon(loops->daemon);
}

/* Ends quiesced loops, and all connections that they still have. */
static void end_loops(struct loops *loops)
{
    MHD_stop_daemon(loops->daemon);
    close(loops->fd);
    *loops = (struct loops){.daemon = NULL};
}

static void release(struct http_server **server)
{
    struct arena *arena = (*server)->arena;
    workers_stop(&(*server)->workers);
    streams_stop(&(*server)->streams);
    connections_stop(&(*server)->connections);
    if ((*server)->listener >= 0)
        close((*server)->listener);
    free(*server);
    arena_destroy(&arena);
    *server = NULL;
}

struct http_server *http_server_start(const struct http_server_config *config,
                                      const struct http_router *router, void *context, struct arena *arena,
                                      const char **error)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        abort();
    server->arena = arena_create();
    server->site.router = router;
    server->site.context = context;
    random_fill(&server->site.id_prefix, sizeof server->site.id_prefix);
    server->listener = -1;
    *error = "no thread could be started";
    if (read_config(server, config, error))
        server->listener =
            listener_open(server->arena, server->site.config.listen, BACKLOG, &server->port, error);
    if (server->listener >= 0) {
        const struct http_server_config *own = &server->site.config;
        server->workers = workers_start(&(struct workers_limits){
            .threads = own->workers, .waiting = own->waiting, .queue = own->queue, .linger_ms = LINGER_MS});
        server->connections =
            connections_start(&(struct connections_limits){.total = own->connections,
                                                           .per_address = own->connections_per_address,
                                                           .request_seconds = own->request_seconds,
                                                           .idle_seconds = own->idle_seconds,
                                                           .unlimited = server->site.trusted});
        if (server->workers != NULL)
            server->streams =
                streams_start(&(struct streams_config){.total = own->streams,
                                                       .per_address = own->streams_per_address,
                                                       .heartbeat_seconds = own->heartbeat_seconds,
                                                       .turns = own->workers > 1 ? own->workers / 2 : 1,
                                                       .workers = server->workers,
                                                       .context = context});
        server->site.streams = server->streams;
        if (server->streams != NULL && server->connections != NULL)
            server->current.daemon = start_daemon(server, arena, error);
        if (server->current.daemon != NULL)
            return server;
    }
    *error = arena_strdup(arena, *error);
    release(&server);
    return NULL;
}

/*
 * A place for loops that are to end, made free by ending those without connections. NULL where all have some.
 */
static struct loops *place_for_older(struct http_server *server)
{
    struct loops *place = NULL;
    for (size_t i = 0; i < MOST_OLDER; i++) {
        struct loops *loops = &server->older[i];
        if (loops->daemon != NULL &&
            MHD_get_daemon_info(loops->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections == 0)
            end_loops(loops);
        if (loops->daemon == NULL)
            place = loops;
    }
    return place;
}

bool http_server_renew_certificate(struct http_server *server, struct arena *arena, const char **error)
{
    if (server->site.config.certificate_file == NULL)
        return true;
    struct loops *older = place_for_older(server);
    if (older == NULL) {
        *error = "connections of several former certificates are still open";
        return false;
    }
    /* The new loops accept before the old ones cease to, so that nobody is refused in between. */
    struct loops fresh = {.daemon = start_daemon(server, arena, error)};
    if (fresh.daemon == NULL)
        return false;
    *older = server->current;
    server->current = fresh;
    quiesce(older);
    return true;
}

unsigned http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_load(const struct http_server *server, struct http_server_load *load)
{
    *load = (struct http_server_load){
        .connections = connections_count(server->connections),
        .requests = atomic_load_explicit(&server->open_calls, memory_order_relaxed),
        .waiting = workers_waiting(server->workers),
        .streams = streams_count(server->streams),
    };
}

void http_server_wake(struct http_server *server, const char *topic)
{
    streams_wake(server->streams, topic);
}

/* Until no request is open, or the time is over. */
static void wait_for_calls(struct http_server *server, int64_t until)
{
    while (atomic_load(&server->open_calls) > 0 && clock_monotonic_ns() < until) {
        connections_drain(server->connections);
        usleep(5000);
    }
}

void http_server_stop(struct http_server **server, unsigned seconds)
{
    if (*server == NULL)
        return;
    struct http_server *stopping = *server;
    atomic_store(&stopping->is_stopping, true);
    quiesce(&stopping->current);
    /* Refuses new clients at once; closed when no loop can be looking at it any more. */
    shutdown(stopping->listener, SHUT_RDWR);
    streams_close(stopping->streams);
    wait_for_calls(stopping, clock_monotonic_ns() + (int64_t)seconds * 1000000000);
    connections_cut_all(stopping->connections);
    /* Handlers that still run are waited for: threads cannot be ended, and their own limits are short. */
    workers_stop(&stopping->workers);
    end_loops(&stopping->current);
    for (size_t i = 0; i < MOST_OLDER; i++)
        if (stopping->older[i].daemon != NULL)
            end_loops(&stopping->older[i]);
    release(server);
}
