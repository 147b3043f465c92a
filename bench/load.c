#include "bench/load.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct run {
    const struct load *load;
    _Atomic unsigned next;
};

static void *work_through(void *argument)
{
    struct run *run = argument;
    struct browser *browser = browser_create();
    for (unsigned number; (number = atomic_fetch_add(&run->next, 1)) < run->load->times;) {
        int64_t began = clock_monotonic_ns();
        run->load->work(browser, number, run->load->context);
        if (run->load->milliseconds != NULL)
            run->load->milliseconds[number] = (double)(clock_monotonic_ns() - began) / 1e6;
    }
    browser_free(&browser);
    return NULL;
}

double load_run(const struct load *load)
{
    struct run run = {.load = load};
    pthread_t *threads = calloc(load->threads, sizeof *threads);
    int64_t began = clock_monotonic_ns();
    for (unsigned i = 0; i < load->threads; i++)
        if (pthread_create(&threads[i], NULL, work_through, &run) != 0)
            abort();
    for (unsigned i = 0; i < load->threads; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    return (double)(clock_monotonic_ns() - began) / 1e9;
}
