/* A bounded pool of threads that run pieces of work in the order they came. */
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

/* Starts `threads`; `queue` pieces may wait for one. NULL where the system gives no threads. */
struct workers *workers_start(unsigned threads, unsigned queue) NODISCARD;

/* Takes a place in the queue, which workers_submit then fills; false where all are taken. */
bool workers_reserve(struct workers *workers) NODISCARD;
void workers_submit(struct workers *workers, struct work *work);

/* Pieces that wait now. */
unsigned workers_waiting(const struct workers *workers) NODISCARD;

/* Lets everything that was submitted run, then ends the threads. */
void workers_stop(struct workers **workers);

#endif
