#include "http/connections.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/address_counts.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SHARDS = 16,       /* the watch locks one at a time */
    LEAST_RATE = 4096, /* bytes a second that a client must take of a long answer */
};

static const int64_t second = 1000000000;

struct connection {
    struct connection *next;
    struct connection **place; /* that points here */
    int fd;
    unsigned shard;
    struct address peer;
    _Atomic int64_t deadline;
    _Atomic int64_t waits_since; /* 0: not between requests */
    /* The watch's own: what had been received when it first saw the connection at this wait. */
    int64_t wait_seen;
    uint64_t bytes_seen;
    bool has_begun;
};

struct shard {
    pthread_mutex_t lock;
    struct connection *first;
};

struct connections {
    struct connections_limits limits;
    struct shard shards[SHARDS];
    _Atomic unsigned next_shard;
    _Atomic unsigned count;
    _Atomic bool is_draining;

    struct address_counts *addresses;

    pthread_mutex_t stop_lock;
    pthread_cond_t stop_came;
    bool is_stopping;
    pthread_t watch;
};

/* --- addresses --- */

static bool is_limited(const struct connections *connections, const struct address *peer)
{
    return connections->limits.per_address != 0 && !networks_hold(&connections->limits.unlimited, peer);
}

bool connections_admit(struct connections *connections, const struct sockaddr *peer)
{
    struct address address;
    if (!address_of_socket(peer, &address))
        return false;
    if (!is_limited(connections, &address))
        return true;
    return address_counts_of(connections->addresses, &address) < connections->limits.per_address;
}

/* --- the watch --- */

/* What the peer has sent so far, whether or not it was read; 0 where the system does not tell. */
static uint64_t bytes_received(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return 0;
    return info.tcpi_bytes_received;
}

/* How long a connection may stand between requests: less when places run short. */
static int64_t idle_limit(const struct connections *connections)
{
    const struct connections_limits *limits = &connections->limits;
    int64_t whole = limits->idle_seconds * second;
    if (atomic_load_explicit(&connections->is_draining, memory_order_relaxed))
        return 0;
    return connections_count(connections) > limits->total / 4 * 3 ? whole / 8 : whole;
}

/*
 * Between requests: notices a request's first bytes, from which its time counts. Whether the connection is to
 * be cut.
 */
static bool is_idle_too_long(struct connections *connections, struct connection *connection, int64_t since,
                             int64_t now)
{
    uint64_t bytes = bytes_received(connection->fd);
    if (connection->wait_seen != since) {
        connection->wait_seen = since;
        connection->bytes_seen = bytes;
        connection->has_begun = false;
    }
    if (connection->bytes_seen == bytes && !connection->has_begun)
        return now - since > idle_limit(connections);
    if (!connection->has_begun) {
        int64_t deadline = atomic_load(&connection->deadline);
        int64_t wanted = now + connections->limits.request_seconds * second;
        connection->has_begun = true;
        /* The loop may have gone on meanwhile: then its word counts. */
        if (wanted < deadline)
            atomic_compare_exchange_strong(&connection->deadline, &deadline, wanted);
    }
    return false;
}

/*
 * In the middle of a request or answer, what is under way is thrown away, or the system would go on offering
 * it.
 */
static void cut(int fd, bool is_busy)
{
    if (is_busy)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1, .l_linger = 0},
                   sizeof(struct linger));
    shutdown(fd, SHUT_RDWR);
}

static void sweep(struct connections *connections, struct shard *shard)
{
    pthread_mutex_lock(&shard->lock);
    for (struct connection *connection = shard->first; connection != NULL; connection = connection->next) {
        int64_t now = clock_monotonic_ns();
        int64_t since = atomic_load(&connection->waits_since);
        bool is_over = now > atomic_load(&connection->deadline);
        if (!is_over && since != 0)
            is_over = is_idle_too_long(connections, connection, since, now);
        if (is_over)
            cut(connection->fd, since == 0);
    }
    pthread_mutex_unlock(&shard->lock);
}

/* Nanoseconds for one round over all shards: fine enough for the deadlines, seldom enough to cost nothing. */
static int64_t round_time(const struct connections *connections)
{
    int64_t round = connections->limits.request_seconds * second / 8;
    int64_t idle = connections->limits.idle_seconds * second / 8;
    if (idle < round)
        round = idle;
    return round > 2 * second ? 2 * second : round;
}

static bool pause_for(struct connections *connections, int64_t nanoseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t sum = until.tv_nsec + nanoseconds;
    until.tv_sec += sum / second;
    until.tv_nsec = sum % second;
    pthread_mutex_lock(&connections->stop_lock);
    if (!connections->is_stopping)
        pthread_cond_timedwait(&connections->stop_came, &connections->stop_lock, &until);
    bool goes_on = !connections->is_stopping;
    pthread_mutex_unlock(&connections->stop_lock);
    return goes_on;
}

static void *watch(void *argument)
{
    struct connections *connections = argument;
    pthread_setname_np(pthread_self(), "deadlines");
    for (unsigned shard = 0; pause_for(connections, round_time(connections) / SHARDS); shard++)
        sweep(connections, &connections->shards[shard % SHARDS]);
    return NULL;
}

struct connections *connections_start(const struct connections_limits *limits)
{
    struct connections *connections = calloc(1, sizeof *connections);
    if (connections == NULL)
        return NULL;
    connections->limits = *limits;
    for (unsigned i = 0; i < SHARDS; i++)
        pthread_mutex_init(&connections->shards[i].lock, NULL);
    connections->addresses = address_counts_create();
    pthread_mutex_init(&connections->stop_lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&connections->stop_came, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&connections->watch, NULL, watch, connections) != 0) {
        address_counts_free(&connections->addresses);
        free(connections);
        return NULL;
    }
    return connections;
}

void connections_stop(struct connections **connections)
{
    struct connections *table = *connections;
    if (table == NULL)
        return;
    pthread_mutex_lock(&table->stop_lock);
    table->is_stopping = true;
    pthread_mutex_unlock(&table->stop_lock);
    pthread_cond_signal(&table->stop_came);
    pthread_join(table->watch, NULL);
    for (unsigned i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&table->shards[i].lock);
    address_counts_free(&table->addresses);
    pthread_mutex_destroy(&table->stop_lock);
    pthread_cond_destroy(&table->stop_came);
    free(table);
    *connections = NULL;
}

/* --- one connection --- */

struct connection *connections_open(struct connections *connections, int fd, const struct sockaddr *peer)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        abort();
    connection->fd = fd;
    if (!address_of_socket(peer, &connection->peer))
        memset(&connection->peer, 0, sizeof connection->peer);
    connection->shard = atomic_fetch_add_explicit(&connections->next_shard, 1, memory_order_relaxed) % SHARDS;
    connection_waits(connections, connection);
    connection->wait_seen = atomic_load(&connection->waits_since);
    /* Two loops may both have let the last one in. */
    if (address_counts_add(connections->addresses, &connection->peer) > connections->limits.per_address &&
        is_limited(connections, &connection->peer))
        shutdown(fd, SHUT_RDWR);
    atomic_fetch_add_explicit(&connections->count, 1, memory_order_relaxed);

    struct shard *shard = &connections->shards[connection->shard];
    pthread_mutex_lock(&shard->lock);
    connection->next = shard->first;
    connection->place = &shard->first;
    if (shard->first != NULL)
        shard->first->place = &connection->next;
    shard->first = connection;
    pthread_mutex_unlock(&shard->lock);
    return connection;
}

void connections_close(struct connections *connections, struct connection *connection)
{
    struct shard *shard = &connections->shards[connection->shard];
    pthread_mutex_lock(&shard->lock);
    *connection->place = connection->next;
    if (connection->next != NULL)
        connection->next->place = connection->place;
    pthread_mutex_unlock(&shard->lock);
    address_counts_give_back(connections->addresses, &connection->peer);
    atomic_fetch_sub_explicit(&connections->count, 1, memory_order_relaxed);
    free(connection);
}

const struct address *connection_peer(const struct connection *connection)
{
    return &connection->peer;
}

void connection_waits(struct connections *connections, struct connection *connection)
{
    int64_t now = clock_monotonic_ns();
    /*
     * The watch brings this forward when the request begins; where the system does not tell it that, it
     * stands.
     */
    int64_t most = (int64_t)connections->limits.idle_seconds + connections->limits.request_seconds;
    atomic_store(&connection->deadline, now + most * second);
    atomic_store(&connection->waits_since, now);
}

void connection_reads(struct connections *connections, struct connection *connection)
{
    int64_t wanted = clock_monotonic_ns() + connections->limits.request_seconds * second;
    int64_t deadline = atomic_load(&connection->deadline);
    atomic_store(&connection->waits_since, 0);
    while (wanted < deadline && !atomic_compare_exchange_weak(&connection->deadline, &deadline, wanted))
        continue;
}

void connection_works(struct connection *connection)
{
    atomic_store(&connection->waits_since, 0);
    atomic_store(&connection->deadline, INT64_MAX);
}

void connection_writes(struct connections *connections, struct connection *connection, size_t size)
{
    int64_t seconds = connections->limits.request_seconds + (int64_t)(size / LEAST_RATE);
    atomic_store(&connection->waits_since, 0);
    atomic_store(&connection->deadline, clock_monotonic_ns() + seconds * second);
}

unsigned connections_count(const struct connections *connections)
{
    return atomic_load_explicit(&connections->count, memory_order_relaxed);
}

void connections_drain(struct connections *connections)
{
    atomic_store(&connections->is_draining, true);
    for (unsigned i = 0; i < SHARDS; i++)
        sweep(connections, &connections->shards[i]);
}

void connections_cut_all(struct connections *connections)
{
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *shard = &connections->shards[i];
        pthread_mutex_lock(&shard->lock);
        for (struct connection *connection = shard->first; connection != NULL; connection = connection->next)
            shutdown(connection->fd, SHUT_RDWR);
        pthread_mutex_unlock(&shard->lock);
    }
}
