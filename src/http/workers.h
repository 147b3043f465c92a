/*
 * A pool of threads that run pieces of work in the order they came. A bounded number of pieces is worked on at once; one
 * that waits for something outside (a script, an HTTP call) says so, and does not count meanwhile: the pool grows by a
 * thread where work is left over, and shrinks again.
 */
#ifndef COUNTERSIGN_HTTP_WORKERS_H
#define COUNTERSIGN_HTTP_WORKERS_H

#include "base/compiler.h"

#include <stdbool.h>

struct workers;

/* Part of whatever is to be done; the pool never copies or frees it. */
struct work {
    struct work *next;
    void (*run)(struct work *work);
};

struct workers_limits {
    unsigned threads;   /* pieces that are worked on at once */
    unsigned waiting;   /* pieces that may wait for something outside beside them */
    unsigned queue;     /* pieces that may wait for a thread */
    unsigned linger_ms; /* how long a thread that is one too many waits for work before it ends */
};

/* Starts limits->threads of them. NULL where the system gives no threads. */
struct workers *workers_start(const struct workers_limits *limits) NODISCARD;

/* Takes a place in the queue, which workers_submit then fills; false where all are taken. */
bool workers_reserve(struct workers *workers) NODISCARD;
void workers_submit(struct workers *workers, struct work *work);

/*
 * Around a wait of the piece of work that this thread runs: another piece may be worked on meanwhile. Pairs may be within
 * each other. On a thread of no pool they do nothing.
 */
void workers_wait_begin(void);
void workers_wait_end(void);

/* Pieces that wait for a thread now. */
unsigned workers_waiting(const struct workers *workers) NODISCARD;
/* Threads that there are now. */
unsigned workers_threads(struct workers *workers) NODISCARD;

/* Lets everything that was submitted run, then ends the threads. */
void workers_stop(struct workers **workers);

#endif
