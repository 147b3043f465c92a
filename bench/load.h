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

#endif
