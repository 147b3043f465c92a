#include "http/workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { STACK_BYTES = 1024 * 1024 };

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t work_came;
    struct work *first;
    struct work **last;
    bool is_stopping;
    unsigned queue;
    _Atomic unsigned waiting; /* reserved places included */
    unsigned threads;
    pthread_t ids[];
};

static struct work *take(struct workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    while (workers->first == NULL && !workers->is_stopping)
        pthread_cond_wait(&workers->work_came, &workers->lock);
    struct work *work = workers->first;
    if (work != NULL) {
        workers->first = work->next;
        if (workers->first == NULL)
            workers->last = &workers->first;
    }
    pthread_mutex_unlock(&workers->lock);
    return work;
}

static void *work_on(void *argument)
{
    struct workers *workers = argument;
    pthread_setname_np(pthread_self(), "request");
    for (struct work *work = take(workers); work != NULL; work = take(workers)) {
        atomic_fetch_sub_explicit(&workers->waiting, 1, memory_order_relaxed);
        work->run(work);
    }
    return NULL;
}

struct workers *workers_start(unsigned threads, unsigned queue)
{
    struct workers *workers = calloc(1, sizeof *workers + threads * sizeof workers->ids[0]);
    if (workers == NULL)
        return NULL;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->work_came, NULL);
    workers->last = &workers->first;
    workers->queue = queue;

    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    while (workers->threads < threads &&
           pthread_create(&workers->ids[workers->threads], &attributes, work_on, workers) == 0)
        workers->threads++;
    pthread_attr_destroy(&attributes);
    if (workers->threads < threads)
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
    *workers->last = work;
    workers->last = &work->next;
    pthread_mutex_unlock(&workers->lock);
    pthread_cond_signal(&workers->work_came);
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
    pthread_cond_broadcast(&pool->work_came);
    for (unsigned i = 0; i < pool->threads; i++)
        pthread_join(pool->ids[i], NULL);
    pthread_cond_destroy(&pool->work_came);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    *workers = NULL;
}
