/*
 * The thread that moves the bytes of outgoing calls: one libcurl multi handle over epoll, so that what a thousand waiting
 * transfers cost is what happens on them. Private to src/http.
 */
#ifndef COUNTERSIGN_HTTP_CLIENT_LOOP_H
#define COUNTERSIGN_HTTP_CLIENT_LOOP_H

#include "base/compiler.h"

#include <curl/curl.h>
#include <stdbool.h>

struct client_loop;

/* One transfer, part of whatever is transferred; the loop's from client_loop_add until `ended` is called. */
struct loop_item {
    struct loop_item *next;
    struct loop_item **link; /* what points to it while it runs */
    CURL *easy;
    bool is_cut; /* guarded by the loop's lock */
    /* On the loop's thread, no lock held. It may add the item again, with a fresh handle. */
    void (*ended)(struct loop_item *item, CURLcode result);
};

/* Starts the thread; `connections` are kept open for later calls at most. */
struct client_loop *client_loop_start(unsigned connections) NODISCARD;
/* Ends all transfers as aborted, then the thread. */
void client_loop_stop(struct client_loop **loop);

/* Begins the transfer of item->easy. From any thread. */
void client_loop_add(struct client_loop *loop, struct loop_item *item);
/* Ends it soon, as aborted, whichever transfer of the item runs or comes next. From any thread. */
void client_loop_cut(struct client_loop *loop, struct loop_item *item);

#endif
