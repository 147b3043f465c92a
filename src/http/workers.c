#include "http/workers.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

enum {
    STACK_BYTES = 1024 * 1024,
};

/* A thread; what does not say otherwise is guarded by the pool's lock, but for `pool` and `woken`. */
struct worker {
    struct workers *pool;
    pthread_t id;
    pthread_cond_t woken;
    struct work *given;       /* handed over while it slept */
    struct worker *next_idle; /* a stack: who fell asleep last is woken first, with warm caches and memory */
    struct worker *next_ended;
    unsigned waits; /* begun and not ended, one within another: its thread's own */
};

struct workers {
    pthread_mutex_t lock;
    struct work *first; /* what nobody was idle for */
    struct work **last;
    struct worker *idle;
    struct worker *ended; /* to be joined */
    pthread_cond_t gone;  /* the last thread has ended */
    bool is_stopping;
    struct workers_limits limits;
    _Atomic unsigned queued; /* reserved places included */
    unsigned threads;
    unsigned waiting; /* of them: wait for something outside */
};

static _Thread_local struct worker *self;

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

static bool is_surplus(const struct workers *workers)
{
    return workers->threads - workers->waiting > workers->limits.threads;
}

static void leave_idle(struct worker *worker)
{
    struct worker **at = &worker->pool->idle;
    while (*at != worker)
        at = &(*at)->next_idle;
    *at = worker->next_idle;
}

/* Sleeps until it is given something; NULL where it shall end. Called and left with the lock held. */
static struct work *sleep_for_work(struct worker *worker)
{
    struct workers *workers = worker->pool;
    worker->next_idle = workers->idle;
    workers->idle = worker;
    int64_t until = clock_monotonic_ns() + workers->limits.linger_ms * 1000000LL;
    struct timespec at = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    while (worker->given == NULL && !workers->is_stopping) {
        if (!is_surplus(workers)) {
            pthread_cond_wait(&worker->woken, &workers->lock);
        } else if (pthread_cond_timedwait(&worker->woken, &workers->lock, &at) == ETIMEDOUT &&
                   worker->given == NULL) {
            leave_idle(worker);
            return NULL;
        }
    }
    struct work *work = worker->given;
    if (work == NULL)
        leave_idle(worker);
    worker->given = NULL;
    return work;
}

static struct work *take(struct worker *worker)
{
    struct workers *workers = worker->pool;
    pthread_mutex_lock(&workers->lock);
    struct work *work = next_in_queue(workers);
    if (work == NULL && !workers->is_stopping)
        work = sleep_for_work(worker);
    if (work == NULL) {
        workers->threads--;
        worker->next_ended = workers->ended;
        workers->ended = worker;
        if (workers->threads == 0)
            pthread_cond_signal(&workers->gone);
    }
    pthread_mutex_unlock(&workers->lock);
    return work;
}

static void *work_on(void *argument)
{
    struct worker *worker = argument;
    self = worker;
    pthread_setname_np(pthread_self(), "request");
    for (struct work *work = take(worker); work != NULL; work = take(worker)) {
        atomic_fetch_sub_explicit(&worker->pool->queued, 1, memory_order_relaxed);
        work->run(work);
    }
    return NULL;
}

/* Called with the lock held. */
static void join_ended(struct workers *workers)
{
    while (workers->ended != NULL) {
        struct worker *worker = workers->ended;
        workers->ended = worker->next_ended;
        /* It has nothing left to do but to return: this waits for no lock. */
        pthread_join(worker->id, NULL);
        pthread_cond_destroy(&worker->woken);
        free(worker);
    }
}

/* One thread more; false where the system gives none. Called with the lock held. */
static bool grow(struct workers *workers)
{
    join_ended(workers);
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL)
        return false;
    worker->pool = workers;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    bool is_started = pthread_create(&worker->id, &attributes, work_on, worker) == 0;
    pthread_attr_destroy(&attributes);
    if (is_started) {
        workers->threads++;
        return true;
    }
    pthread_cond_destroy(&worker->woken);
    free(worker);
    return false;
}

static void grow_for_queue(struct workers *workers)
{
    if (workers->first != NULL && workers->idle == NULL &&
        workers->threads - workers->waiting < workers->limits.threads &&
        workers->threads < workers->limits.threads + workers->limits.waiting)
        (void)grow(workers);
}

struct workers *workers_start(const struct workers_limits *limits)
{
    struct workers *workers = calloc(1, sizeof *workers);
    if (workers == NULL)
        return NULL;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->gone, NULL);
    workers->last = &workers->first;
    workers->limits = *limits;
    pthread_mutex_lock(&workers->lock);
    while (workers->threads < limits->threads && grow(workers))
        continue;
    bool is_whole = workers->threads == limits->threads;
    pthread_mutex_unlock(&workers->lock);
    if (!is_whole)
        workers_stop(&workers);
    return workers;
}

bool workers_reserve(struct workers *workers)
{
    /* The threads' own places come on top: what is taken at once never waits. */
    if (atomic_fetch_add_explicit(&workers->queued, 1, memory_order_relaxed) < workers->limits.queue)
        return true;
    atomic_fetch_sub_explicit(&workers->queued, 1, memory_order_relaxed);
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
        grow_for_queue(workers);
    }
    pthread_mutex_unlock(&workers->lock);
    if (worker != NULL)
        pthread_cond_signal(&worker->woken);
}

void workers_wait_begin(void)
{
    if (self == NULL || self->waits++ > 0)
        return;
    struct workers *workers = self->pool;
    pthread_mutex_lock(&workers->lock);
    workers->waiting++;
    grow_for_queue(workers);
    pthread_mutex_unlock(&workers->lock);
}

void workers_wait_end(void)
{
    if (self == NULL || --self->waits > 0)
        return;
    pthread_mutex_lock(&self->pool->lock);
    self->pool->waiting--;
    pthread_mutex_unlock(&self->pool->lock);
}

unsigned workers_waiting(const struct workers *workers)
{
    return atomic_load_explicit(&workers->queued, memory_order_relaxed);
}

unsigned workers_threads(struct workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    unsigned threads = workers->threads;
    pthread_mutex_unlock(&workers->lock);
    return threads;
}

void workers_stop(struct workers **workers)
{
    struct workers *pool = *workers;
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->is_stopping = true;
    for (struct worker *worker = pool->idle; worker != NULL; worker = worker->next_idle)
        pthread_cond_signal(&worker->woken);
    while (pool->threads > 0)
        pthread_cond_wait(&pool->gone, &pool->lock);
    join_ended(pool);
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_destroy(&pool->gone);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    *workers = NULL;
}
