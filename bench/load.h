/* Runs one piece of work many times on several threads. */
#ifndef COUNTERSIGN_BENCH_LOAD_H
#define COUNTERSIGN_BENCH_LOAD_H

#include "bench/browser.h"

struct load {
    unsigned threads;
    unsigned times; /* in all */
    void (*work)(struct browser *browser, unsigned number, void *context);
    void *context;
    double *milliseconds; /* of each piece, `times` of them; NULL: not kept */
};

/* Returns the wall seconds it took. */
double load_run(const struct load *load);

/*
 * CPU seconds of one piece of bare work, done on all cores at once as the server does: hyper-threads and caches are shared there
 * too. `prepare` makes what one thread works with, `work` does one piece, `finish` ends it.
 */
struct bare {
    void *(*prepare)(void);
    void (*work)(void *context);
    void (*finish)(void *context);
    unsigned times; /* a thread */
};
double load_bare(const struct bare *bare);

#endif
