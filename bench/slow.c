#include "bench/slow.h"

#include "base/clock.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 4096, BACKLOG = 1024 };

struct slow_target {
    pthread_t thread;
    int listener;
    unsigned port;
    int64_t delay_ns;
    struct pollfd polled[MOST]; /* the first is the listener */
    int64_t due_ns[MOST];       /* 0: the request is not whole yet */
    unsigned count;
    _Atomic unsigned waiting;
    _Atomic bool is_stopping;
};

static void take_connections(struct slow_target *target)
{
    int fd;
    while (target->count < MOST && (fd = accept4(target->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        target->polled[target->count] = (struct pollfd){.fd = fd, .events = POLLIN};
        target->due_ns[target->count++] = 0;
    }
}

static void drop(struct slow_target *target, unsigned i)
{
    close(target->polled[i].fd);
    target->count--;
    target->polled[i] = target->polled[target->count];
    target->due_ns[i] = target->due_ns[target->count];
}

/* Requests are small and come in one piece; what comes after an answer is the next. False where the client left. */
static bool take_request(struct slow_target *target, unsigned i)
{
    char head[4096];
    if (read(target->polled[i].fd, head, sizeof head) <= 0)
        return false;
    target->due_ns[i] = clock_monotonic_ns() + target->delay_ns;
    target->polled[i].events = 0;
    atomic_fetch_add(&target->waiting, 1);
    return true;
}

static void answer(struct slow_target *target, unsigned i)
{
    static const char text[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    (void)!write(target->polled[i].fd, text, sizeof text - 1);
    target->due_ns[i] = 0;
    target->polled[i].events = POLLIN;
    atomic_fetch_sub(&target->waiting, 1);
}

static void *serve(void *argument)
{
    struct slow_target *target = argument;
    while (!atomic_load(&target->is_stopping)) {
        poll(target->polled, target->count, 5);
        if (target->polled[0].revents != 0)
            take_connections(target);
        int64_t now_ns = clock_monotonic_ns();
        for (unsigned i = target->count; i-- > 1;) {
            if (target->due_ns[i] == 0 && target->polled[i].revents != 0 && !take_request(target, i))
                drop(target, i);
            else if (target->due_ns[i] != 0 && target->due_ns[i] <= now_ns)
                answer(target, i);
        }
    }
    return NULL;
}

struct slow_target *slow_target_start(unsigned milliseconds)
{
    struct slow_target *target = calloc(1, sizeof *target);
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof place;
    target->delay_ns = (int64_t)milliseconds * 1000000;
    target->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(target->listener, (struct sockaddr *)&place, sizeof place) != 0 ||
        listen(target->listener, BACKLOG) != 0 ||
        getsockname(target->listener, (struct sockaddr *)&place, &size) != 0)
        abort();
    target->port = ntohs(place.sin_port);
    target->polled[0] = (struct pollfd){.fd = target->listener, .events = POLLIN};
    target->count = 1;
    if (pthread_create(&target->thread, NULL, serve, target) != 0)
        abort();
    return target;
}

unsigned slow_target_port(const struct slow_target *target)
{
    return target->port;
}

unsigned slow_target_waiting(const struct slow_target *target)
{
    return atomic_load(&target->waiting);
}

void slow_target_stop(struct slow_target **target)
{
    atomic_store(&(*target)->is_stopping, true);
    pthread_join((*target)->thread, NULL);
    for (unsigned i = 0; i < (*target)->count; i++)
        close((*target)->polled[i].fd);
    free(*target);
    *target = NULL;
}
