#include "http/workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { STACK_BYTES = 1024 * 1024 };

/* A thread; what is below `id` is guarded by the pool's lock. */
struct worker {
    struct workers *pool;
    pthread_t id;
    pthread_cond_t woken;
    struct work *given;       /* handed over while it slept */
    struct worker *next_idle; /* a stack: who fell asleep last is woken first, with warm caches and memory */
};

struct workers {
    pthread_mutex_t lock;
    struct work *first; /* what nobody was idle for */
    struct work **last;
    struct worker *idle;
    bool is_stopping;
    unsigned queue;
    _Atomic unsigned waiting; /* reserved places included */
    unsigned count;
    struct worker threads[];
};

static struct work *next_in_queue(struct workers *workers)
{
    struct work *work = workers->first;
    if (work == NULL)
        return NULL;
    workers->first = work->next;
    if (workers->first == NULL)
        workers->last = &workers->first;
    return work;
}

static struct work *take(struct worker *worker)
{
    struct workers *workers = worker->pool;
    pthread_mutex_lock(&workers->lock);
    struct work *work = next_in_queue(workers);
    if (work == NULL && !workers->is_stopping) {
        worker->next_idle = workers->idle;
        workers->idle = worker;
        while (worker->given == NULL && !workers->is_stopping)
            pthread_cond_wait(&worker->woken, &workers->lock);
        work = worker->given;
        worker->given = NULL;
    }
    pthread_mutex_unlock(&workers->lock);
    return work;
}

static void *work_on(void *argument)
{
    struct worker *worker = argument;
    pthread_setname_np(pthread_self(), "request");
    for (struct work *work = take(worker); work != NULL; work = take(worker)) {
        atomic_fetch_sub_explicit(&worker->pool->waiting, 1, memory_order_relaxed);
        work->run(work);
    }
    return NULL;
}

static bool start_thread(struct workers *workers, const pthread_attr_t *attributes)
{
    struct worker *worker = &workers->threads[workers->count];
    worker->pool = workers;
    pthread_cond_init(&worker->woken, NULL);
    if (pthread_create(&worker->id, attributes, work_on, worker) == 0) {
        workers->count++;
        return true;
    }
    pthread_cond_destroy(&worker->woken);
    return false;
}

struct workers *workers_start(unsigned threads, unsigned queue)
{
    struct workers *workers = calloc(1, sizeof *workers + threads * sizeof workers->threads[0]);
    if (workers == NULL)
        return NULL;
    pthread_mutex_init(&workers->lock, NULL);
    workers->last = &workers->first;
    workers->queue = queue;

    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    while (workers->count < threads && start_thread(workers, &attributes))
        continue;
    pthread_attr_destroy(&attributes);
    if (workers->count < threads)
        workers_stop(&workers);
    return workers;
}

bool workers_reserve(struct workers *workers)
{
    /* The threads' own places come on top: what is taken at once never waits. */
    if (atomic_fetch_add_explicit(&workers->waiting, 1, memory_order_relaxed) < workers->queue)
        return true;
    atomic_fetch_sub_explicit(&workers->waiting, 1, memory_order_relaxed);
    return false;
}

void workers_submit(struct workers *workers, struct work *work)
{
    work->next = NULL;
    pthread_mutex_lock(&workers->lock);
    struct worker *worker = workers->idle;
    if (worker != NULL) {
        workers->idle = worker->next_idle;
        worker->given = work;
    } else {
        *workers->last = work;
        workers->last = &work->next;
    }
    pthread_mutex_unlock(&workers->lock);
    if (worker != NULL)
        pthread_cond_signal(&worker->woken);
}

unsigned workers_waiting(const struct workers *workers)
{
    return atomic_load_explicit(&workers->waiting, memory_order_relaxed);
}

void workers_stop(struct workers **workers)
{
    struct workers *pool = *workers;
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->is_stopping = true;
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->count; i++) {
        pthread_cond_signal(&pool->threads[i].woken);
        pthread_join(pool->threads[i].id, NULL);
        pthread_cond_destroy(&pool->threads[i].woken);
    }
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    *workers = NULL;
}
