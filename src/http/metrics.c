#include "http/metrics.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SHARDS = 16, MOST_TAGS = 48, CLASSES = 4, LARGEST_TEXT = 1024 * 1024, CACHE_LINE = 64 };

/* Upper ends of the histogram's buckets, in microseconds, and how they are written. */
static const struct {
    int64_t us;
    const char *seconds;
} bounds[] = {
    {250, "0.00025"}, {500, "0.0005"}, {1000, "0.001"}, {2500, "0.0025"}, {5000, "0.005"}, {10000, "0.01"},
    {25000, "0.025"}, {50000, "0.05"}, {100000, "0.1"}, {250000, "0.25"}, {1000000, "1"},  {5000000, "5"},
};
enum { BUCKETS = ARRAY_LENGTH(bounds) + 1 };

struct series {
    _Atomic uint64_t classes[CLASSES]; /* 2xx to 5xx */
    _Atomic uint64_t buckets[BUCKETS];
    _Atomic uint64_t nanoseconds;
};

/*
 * A thread counts in its own shard, as far as there are enough, so that no two cores pass a line to and fro.
 */
struct shard {
    _Alignas(CACHE_LINE) struct series series[MOST_TAGS];
};

static struct shard shards[SHARDS];
static const char *_Atomic tags[MOST_TAGS];
static _Atomic unsigned next_shard;
static _Thread_local struct shard *own_shard;

static struct shard *shard_of_thread(void)
{
    if (own_shard == NULL)
        own_shard = &shards[atomic_fetch_add_explicit(&next_shard, 1, memory_order_relaxed) % SHARDS];
    return own_shard;
}

/* The row of a tag, taken where it is new. Past MOST_TAGS all share the last. */
static size_t row_of(const char *tag)
{
    for (size_t i = 0; i < MOST_TAGS - 1; i++) {
        const char *known = atomic_load_explicit(&tags[i], memory_order_acquire);
        if (known == NULL && atomic_compare_exchange_strong(&tags[i], &known, tag))
            return i;
        if (known == tag || strcmp(known, tag) == 0)
            return i;
    }
    atomic_store(&tags[MOST_TAGS - 1], "other");
    return MOST_TAGS - 1;
}

static void add(_Atomic uint64_t *counter, uint64_t count)
{
    atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}

void metrics_finished(void *context, const struct http_exchange *x, const struct http_route *route,
                      int64_t nanoseconds)
{
    size_t bucket = 0;
    int class = x->response.status / 100 - 2;

    (void)context;
    if (class < 0 || class >= CLASSES)
        class = CLASSES - 1;
    while (bucket < ARRAY_LENGTH(bounds) && nanoseconds > bounds[bucket].us * 1000)
        bucket++;
    struct series *series = &shard_of_thread()->series[row_of(route != NULL ? route->tag : "none")];
    add(&series->classes[class], 1);
    add(&series->buckets[bucket], 1);
    add(&series->nanoseconds, (uint64_t)nanoseconds);
}

/* --- the text --- */

static void sum_up(size_t row, struct series *sum)
{
    memset(sum, 0, sizeof *sum);
    for (size_t i = 0; i < SHARDS; i++) {
        const struct series *part = &shards[i].series[row];
        for (size_t k = 0; k < CLASSES; k++)
            add(&sum->classes[k], atomic_load_explicit(&part->classes[k], memory_order_relaxed));
        for (size_t k = 0; k < BUCKETS; k++)
            add(&sum->buckets[k], atomic_load_explicit(&part->buckets[k], memory_order_relaxed));
        add(&sum->nanoseconds, atomic_load_explicit(&part->nanoseconds, memory_order_relaxed));
    }
}

static void write_head(struct buffer *text, const char *name, const char *type, const char *help)
{
    buffer_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_requests(struct buffer *text)
{
    struct series sum;
    write_head(text, "countersign_http_requests_total", "counter", "Requests answered.");
    for (size_t row = 0; row < MOST_TAGS; row++) {
        const char *tag = atomic_load(&tags[row]);
        if (tag == NULL)
            continue;
        sum_up(row, &sum);
        for (size_t k = 0; k < CLASSES; k++)
            if (sum.classes[k] > 0)
                buffer_printf(text, "countersign_http_requests_total{route=\"%s\",status=\"%zuxx\"} %llu\n",
                              tag, k + 2, (unsigned long long)sum.classes[k]);
    }
}

static void write_durations(struct buffer *text)
{
    static const char name[] = "countersign_http_request_seconds";
    struct series sum;
    write_head(text, name, "histogram",
               "From a whole request to the whole answer, waiting for a thread included.");
    for (size_t row = 0; row < MOST_TAGS; row++) {
        const char *tag = atomic_load(&tags[row]);
        unsigned long long count = 0;
        if (tag == NULL)
            continue;
        sum_up(row, &sum);
        for (size_t k = 0; k < BUCKETS; k++) {
            count += sum.buckets[k];
            buffer_printf(text, "%s_bucket{route=\"%s\",le=\"%s\"} %llu\n", name, tag,
                          k < ARRAY_LENGTH(bounds) ? bounds[k].seconds : "+Inf", count);
        }
        buffer_printf(text, "%s_sum{route=\"%s\"} %.9f\n%s_count{route=\"%s\"} %llu\n", name, tag,
                      (double)sum.nanoseconds / 1e9, name, tag, count);
    }
}

static void write_value(struct buffer *text, const char *name, const char *type, const char *help,
                        double value)
{
    write_head(text, name, type, help);
    buffer_printf(text, "%s %.15g\n", name, value);
}

static double resident_bytes(void)
{
    char line[128] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    const char *read = fgets(line, sizeof line, file);
    fclose(file);
    /* The second number: pages. */
    const char *resident = read == NULL ? NULL : strchr(line, ' ');
    return resident == NULL ? 0 : (double)strtoull(resident, NULL, 10) * (double)sysconf(_SC_PAGESIZE);
}

static double open_descriptors(void)
{
    double count = 0;
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL)
        return 0;
    for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1; /* the one that lists them */
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void write_process(struct buffer *text)
{
    struct rusage usage;
    struct rlimit limit = {.rlim_cur = 0};
    getrusage(RUSAGE_SELF, &usage);
    getrlimit(RLIMIT_NOFILE, &limit);
    write_value(text, "process_cpu_seconds_total", "counter", "User and system time.",
                seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
    write_value(text, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    write_value(text, "process_open_fds", "gauge", "Open descriptors.", open_descriptors());
    write_value(text, "process_max_fds", "gauge", "Descriptors that may be open.", (double)limit.rlim_cur);
}

const char *metrics_text(struct arena *arena, const struct metrics_gauge *gauges, size_t count)
{
    struct buffer text = buffer_create(arena, LARGEST_TEXT);
    write_head(&text, "countersign_build_info", "gauge", "The version that runs.");
    buffer_add(&text, "countersign_build_info{version=\"" COUNTERSIGN_VERSION "\"} 1\n");
    write_requests(&text);
    write_durations(&text);
    for (size_t i = 0; i < count; i++)
        write_value(&text, gauges[i].name, "gauge", gauges[i].help, gauges[i].read(gauges[i].of));
    write_process(&text);
    return buffer_text(&text);
}

/* --- the listener --- */

struct metrics_listener {
    const struct metrics_gauge *gauges;
    size_t count;
    struct http_router *router;
    struct http_server *server;
};

static void get_metrics(struct http_exchange *x)
{
    const struct metrics_listener *listener = x->context;
    http_set_header(x, "Cache-Control", "no-store");
    http_reply(x, 200, "text/plain; version=0.0.4; charset=utf-8",
               metrics_text(x->arena, listener->gauges, listener->count));
}

static void reply_not_found(struct http_exchange *x)
{
    http_reply(x, 404, "text/plain", "Metrics are at /metrics.\n");
}

static const struct http_route routes[] = {{"GET", "/metrics", get_metrics, 0, "metrics"}};
static const struct http_routes table = {.routes = routes, .count = ARRAY_LENGTH(routes)};

struct metrics_listener *metrics_serve(const char *listen, const struct metrics_gauge *gauges, size_t count,
                                       struct arena *arena, const char **error)
{
    struct metrics_listener *listener = calloc(1, sizeof *listener);
    if (listener == NULL)
        abort();
    listener->gauges = gauges;
    listener->count = count;
    listener->router = http_router_create(&table, 1, reply_not_found);
    listener->server = http_server_start(&(struct http_server_config){.listen = listen,
                                                                      .loops = 1,
                                                                      .workers = 1,
                                                                      .queue = 16,
                                                                      .connections = 64,
                                                                      .header_bytes = 4096,
                                                                      .body_bytes = 1024,
                                                                      .request_seconds = 10,
                                                                      .idle_seconds = 90},
                                         listener->router, listener, arena, error);
    if (listener->server == NULL)
        metrics_stop(&listener);
    return listener;
}

unsigned metrics_port(const struct metrics_listener *listener)
{
    return http_server_port(listener->server);
}

void metrics_stop(struct metrics_listener **listener)
{
    if (*listener == NULL)
        return;
    http_server_stop(&(*listener)->server, 1);
    http_router_free(&(*listener)->router);
    free(*listener);
    *listener = NULL;
}
