#include "bench/load.h"

#include "base/clock.h"
#include "bench/meter.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/sysinfo.h>

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

struct bare_run {
    const struct bare *bare;
    pthread_barrier_t *start;
    double spent;
};

static void *work_bare(void *argument)
{
    struct bare_run *run = argument;
    void *context = run->bare->prepare();
    run->bare->work(context);
    pthread_barrier_wait(run->start);
    double began = meter_thread_cpu();
    for (unsigned i = 0; i < run->bare->times; i++)
        run->bare->work(context);
    run->spent = meter_thread_cpu() - began;
    run->bare->finish(context);
    return NULL;
}

double load_bare(const struct bare *bare)
{
    enum { MOST = 64 };
    pthread_t threads[MOST];
    struct bare_run runs[MOST];
    pthread_barrier_t start;
    unsigned count = (unsigned)get_nprocs() < MOST ? (unsigned)get_nprocs() : MOST;
    double spent = 0;
    pthread_barrier_init(&start, NULL, count);
    for (unsigned i = 0; i < count; i++) {
        runs[i] = (struct bare_run){.bare = bare, .start = &start};
        if (pthread_create(&threads[i], NULL, work_bare, &runs[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        spent += runs[i].spent;
    }
    pthread_barrier_destroy(&start);
    return spent / count / bare->times;
}
