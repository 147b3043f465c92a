#include "http/client_loop.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS = 64 };

struct client_loop {
    CURLM *multi;
    int epoll;
    int wake;         /* an eventfd */
    int64_t timer_ns; /* when libcurl wants to be called at the latest; INT64_MAX: never */
    struct loop_item *running;
    pthread_t thread;
    pthread_mutex_t lock;
    struct loop_item *submitted;
    bool has_cuts;
    bool is_stopping;
};

/* --- libcurl's callbacks --- */

static int watch(CURL *easy, curl_socket_t fd, int what, void *context, void *known)
{
    struct client_loop *loop = context;
    struct epoll_event event = {.data = {.fd = fd}};
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.events =
        ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    if (epoll_ctl(loop->epoll, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0)
        epoll_ctl(loop->epoll, errno == EEXIST ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    curl_multi_assign(loop->multi, fd, loop);
    return 0;
}

static int set_timer(CURLM *multi, long ms, void *context)
{
    struct client_loop *loop = context;
    (void)multi;
    loop->timer_ns = ms < 0 ? INT64_MAX : clock_monotonic_ns() + (int64_t)ms * 1000000;
    return 0;
}

/* --- the thread --- */

static void end_item(struct client_loop *loop, struct loop_item *item, CURLcode result)
{
    curl_multi_remove_handle(loop->multi, item->easy);
    *item->link = item->next;
    if (item->next != NULL)
        item->next->link = item->link;
    item->ended(item, result);
}

static void begin_submitted(struct client_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct loop_item *item = loop->submitted;
    loop->submitted = NULL;
    pthread_mutex_unlock(&loop->lock);
    while (item != NULL) {
        struct loop_item *next = item->next;
        item->next = loop->running;
        item->link = &loop->running;
        if (item->next != NULL)
            item->next->link = &item->next;
        loop->running = item;
        curl_easy_setopt(item->easy, CURLOPT_PRIVATE, item);
        curl_multi_add_handle(loop->multi, item->easy);
        item = next;
    }
}

/* Ends what was cut, or all. */
static void cut_items(struct client_loop *loop, bool all)
{
    pthread_mutex_lock(&loop->lock);
    bool any = all || loop->has_cuts;
    loop->has_cuts = false;
    pthread_mutex_unlock(&loop->lock);
    struct loop_item *item = any ? loop->running : NULL;
    while (item != NULL) {
        struct loop_item *next = item->next;
        pthread_mutex_lock(&loop->lock);
        bool is_cut = all || item->is_cut;
        pthread_mutex_unlock(&loop->lock);
        if (is_cut)
            end_item(loop, item, CURLE_ABORTED_BY_CALLBACK);
        item = next;
    }
}

static void end_finished(struct client_loop *loop)
{
    int left;
    for (CURLMsg *message = curl_multi_info_read(loop->multi, &left); message != NULL;
         message = curl_multi_info_read(loop->multi, &left)) {
        struct loop_item *item = NULL;
        CURLcode result = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &item);
        end_item(loop, item, result);
    }
}

static void act(struct client_loop *loop, curl_socket_t fd, int what)
{
    int running;
    curl_multi_socket_action(loop->multi, fd, what, &running);
}

static int timeout_ms(const struct client_loop *loop)
{
    if (loop->timer_ns == INT64_MAX)
        return -1;
    int64_t left_ns = loop->timer_ns - clock_monotonic_ns();
    return left_ns <= 0 ? 0 : (int)((left_ns + 999999) / 1000000);
}

static void turn(struct client_loop *loop)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(loop->epoll, events, EVENTS, timeout_ms(loop));
    for (int i = 0; i < count; i++) {
        uint64_t ignored;
        uint32_t ready = events[i].events;
        if (events[i].data.fd == loop->wake) {
            (void)!read(loop->wake, &ignored, sizeof ignored);
            continue;
        }
        int what = ((ready & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                   ((ready & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                   ((ready & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
        act(loop, events[i].data.fd, what);
    }
    if (loop->timer_ns <= clock_monotonic_ns()) {
        loop->timer_ns = INT64_MAX;
        act(loop, CURL_SOCKET_TIMEOUT, 0);
    }
}

static bool is_stopping(struct client_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    bool stopping = loop->is_stopping;
    pthread_mutex_unlock(&loop->lock);
    return stopping;
}

static void *run(void *argument)
{
    struct client_loop *loop = argument;
    pthread_setname_np(pthread_self(), "http-client");
    while (!is_stopping(loop)) {
        begin_submitted(loop);
        cut_items(loop, false);
        turn(loop);
        end_finished(loop);
    }
    begin_submitted(loop);
    cut_items(loop, true);
    return NULL;
}

/* --- from other threads --- */

static void wake_up(struct client_loop *loop)
{
    uint64_t one = 1;
    (void)!write(loop->wake, &one, sizeof one);
}

struct client_loop *client_loop_start(unsigned connections)
{
    struct client_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        abort();
    loop->timer_ns = INT64_MAX;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->multi = curl_multi_init();
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = loop->wake}};
    if (loop->epoll < 0 || loop->wake < 0 || loop->multi == NULL ||
        epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &event) != 0)
        abort();
    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);
    curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, (long)connections);
    pthread_mutex_init(&loop->lock, NULL);
    if (pthread_create(&loop->thread, NULL, run, loop) != 0)
        abort();
    return loop;
}

void client_loop_stop(struct client_loop **loop)
{
    struct client_loop *stopping = *loop;
    pthread_mutex_lock(&stopping->lock);
    stopping->is_stopping = true;
    pthread_mutex_unlock(&stopping->lock);
    wake_up(stopping);
    pthread_join(stopping->thread, NULL);
    curl_multi_cleanup(stopping->multi);
    close(stopping->epoll);
    close(stopping->wake);
    pthread_mutex_destroy(&stopping->lock);
    free(stopping);
    *loop = NULL;
}

void client_loop_add(struct client_loop *loop, struct loop_item *item)
{
    pthread_mutex_lock(&loop->lock);
    item->next = loop->submitted;
    loop->submitted = item;
    loop->has_cuts = loop->has_cuts || item->is_cut;
    pthread_mutex_unlock(&loop->lock);
    wake_up(loop);
}

void client_loop_cut(struct client_loop *loop, struct loop_item *item)
{
    pthread_mutex_lock(&loop->lock);
    item->is_cut = true;
    loop->has_cuts = true;
    pthread_mutex_unlock(&loop->lock);
    wake_up(loop);
}
