/*
 * LISTEN: a connection that only waits. When it is lost, it is tried again for as long as the store is open, and once it
 * stands everybody reads again, as what was raised in between is not kept by PostgreSQL.
 */
#include "base/clock.h"
#include "base/log.h"
#include "store/signals.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 5000 };

struct postgres_listener {
    struct signals *signals;
    const char *uri;
    const char *own_name;
    int stop; /* becomes readable when the listener shall end */
    pthread_t thread;
};

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

/* A connection that listens, or NULL. A dead network is noticed within half a minute. */
static PGconn *connect_and_listen(const struct postgres_listener *listener)
{
    static const char *const names[] = {"dbname",
                                        "fallback_application_name",
                                        "connect_timeout",
                                        "keepalives_idle",
                                        "keepalives_interval",
                                        "keepalives_count",
                                        "tcp_user_timeout",
                                        NULL};
    const char *values[] = {listener->uri, "countersign signals", "5", "10", "5", "3", "15000", NULL};
    PGconn *connection = PQconnectdbParams(names, values, 1);
    if (connection == NULL)
        abort();
    PQsetNoticeProcessor(connection, ignore_notice, NULL);
    bool listens = false;
    if (PQstatus(connection) == CONNECTION_OK) {
        PGresult *answer = PQexec(connection, "LISTEN " SIGNAL_CHANNEL);
        listens = PQresultStatus(answer) == PGRES_COMMAND_OK;
        PQclear(answer);
    }
    if (listens)
        return connection;
    LOG_WARN("store.signals_not_reachable", LOG_TEXT("cause", PQerrorMessage(connection)));
    PQfinish(connection);
    return NULL;
}

/* Until `fd` (-1: none) is readable, for at most `ms` (-1: for ever). False where the listener shall end. */
static bool wait_for(const struct postgres_listener *listener, int fd, int ms)
{
    struct pollfd watched[] = {{.fd = listener->stop, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    while (poll(watched, 2, ms) < 0 && errno == EINTR)
        continue;
    return (watched[0].revents & POLLIN) == 0;
}

static void tell(const struct postgres_listener *listener, const char *payload)
{
    size_t name_length = strlen(listener->own_name);
    const char *topic = strchr(payload, ' ');
    bool is_own = topic != NULL && (size_t)(topic - payload) == name_length &&
                  memcmp(payload, listener->own_name, name_length) == 0;
    if (topic != NULL && !is_own && strlen(topic + 1) < SIGNAL_TOPIC_SIZE)
        signals_tell(listener->signals, topic + 1);
}

/* Until the connection is lost. False where the listener shall end. */
static bool listen_on(const struct postgres_listener *listener, PGconn *connection)
{
    for (;;) {
        PGnotify *notice;
        while ((notice = PQnotifies(connection)) != NULL) {
            tell(listener, notice->extra);
            PQfreemem(notice);
        }
        if (!wait_for(listener, PQsocket(connection), -1))
            return false;
        if (PQconsumeInput(connection) != 1)
            return true;
    }
}

static void *run(void *argument)
{
    struct postgres_listener *listener = argument;
    bool goes_on = true;
    bool has_listened = false;
    int pause_ms = FIRST_PAUSE_MS;
    pthread_setname_np(pthread_self(), "signals");
    while (goes_on) {
        PGconn *connection = connect_and_listen(listener);
        if (connection == NULL) {
            goes_on = wait_for(listener, -1, pause_ms);
            pause_ms = pause_ms * 2 < LONGEST_PAUSE_MS ? pause_ms * 2 : LONGEST_PAUSE_MS;
            continue;
        }
        pause_ms = FIRST_PAUSE_MS;
        if (has_listened)
            LOG_INFO("store.signals_again");
        has_listened = true;
        signals_tell(listener->signals, NULL);
        goes_on = listen_on(listener, connection);
        if (goes_on)
            LOG_WARN("store.signals_lost", LOG_TEXT("cause", PQerrorMessage(connection)));
        PQfinish(connection);
    }
    return NULL;
}

struct postgres_listener *postgres_listener_start(struct signals *signals, const char *uri,
                                                  const char *own_name)
{
    struct postgres_listener *listener = calloc(1, sizeof *listener);
    if (listener == NULL)
        abort();
    *listener = (struct postgres_listener){
        .signals = signals, .uri = uri, .own_name = own_name, .stop = eventfd(0, EFD_CLOEXEC)};
    if (listener->stop >= 0 && pthread_create(&listener->thread, NULL, run, listener) == 0)
        return listener;
    if (listener->stop >= 0)
        close(listener->stop);
    free(listener);
    return NULL;
}

void postgres_listener_stop(struct postgres_listener **listener)
{
    struct postgres_listener *ending = *listener;
    if (ending == NULL)
        return;
    while (eventfd_write(ending->stop, 1) != 0 && errno == EINTR)
        continue;
    pthread_join(ending->thread, NULL);
    close(ending->stop);
    free(ending);
    *listener = NULL;
}
