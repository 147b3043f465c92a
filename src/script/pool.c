#include "script/pool.h"

#include "base/clock.h"
#include "base/log.h"
#include "script/slot.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 1000 };

struct script_pool {
    struct script_pool_config config;
    pthread_mutex_t lock;
    pthread_cond_t freed; /* a slot became idle, or starting failed */
    pthread_cond_t work;  /* for the keeper */
    pthread_t keeper;
    bool stopping;
    bool start_failed;
    char start_error[160];
    unsigned waiting;
    struct slot *slots;
};

/* --- the keeper: starts workers, and buries dead ones --- */

static struct slot *slot_in_state(struct script_pool *pool, enum slot_state state)
{
    for (unsigned i = 0; i < pool->config.workers; i++)
        if (pool->slots[i].state == state)
            return &pool->slots[i];
    return NULL;
}

static void deadline_after(struct timespec *at, int64_t ns)
{
    int64_t then = clock_monotonic_ns() + ns;
    at->tv_sec = (time_t)(then / 1000000000);
    at->tv_nsec = (long)(then % 1000000000);
}

/* Called with the lock held, and returns so. */
static void bring_up(struct script_pool *pool, struct slot *slot)
{
    bool was_dead = slot->state == SLOT_DEAD;
    slot->state = SLOT_STARTING;
    pthread_mutex_unlock(&pool->lock);
    if (was_dead)
        slot_end(slot);
    char error[160] = "";
    bool fine = slot_start(slot, &pool->config, error);
    if (!fine)
        LOG_ERROR("script.start_failed", LOG_TEXT("error", error));
    pthread_mutex_lock(&pool->lock);
    slot->state = fine ? SLOT_IDLE : SLOT_EMPTY;
    pool->start_failed = !fine;
    memcpy(pool->start_error, error, sizeof error);
    pthread_cond_broadcast(&pool->freed);
    if (!fine && !pool->stopping) {
        struct timespec retry;
        deadline_after(&retry, (int64_t)RETRY_MS * 1000000);
        pthread_cond_timedwait(&pool->work, &pool->lock, &retry);
    }
}

/* One thread starts all workers, and lives as long as they: the kernel kills a worker when the thread that made it ends. */
static void *keep(void *argument)
{
    struct script_pool *pool = argument;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stopping) {
        struct slot *slot = slot_in_state(pool, SLOT_DEAD);
        if (slot == NULL)
            slot = slot_in_state(pool, SLOT_EMPTY);
        if (slot != NULL)
            bring_up(pool, slot);
        else
            pthread_cond_wait(&pool->work, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->config.workers; i++)
        slot_end(&pool->slots[i]);
    return NULL;
}

struct script_pool *script_pool_start(const struct script_pool_config *config, struct arena *arena,
                                      const char **error)
{
    struct script_pool *pool = calloc(1, sizeof *pool);
    struct slot *slots = calloc(config->workers, sizeof *slots);
    if (pool == NULL || slots == NULL || config->workers == 0) {
        free(pool);
        free(slots);
        *error = "there must be at least one script worker";
        return NULL;
    }
    pool->config = *config;
    pool->slots = slots;
    for (unsigned i = 0; i < config->workers; i++)
        slots[i].fd = -1;
    pool->config.executable = strdup(config->executable);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->freed, &monotonic);
    pthread_cond_init(&pool->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pool->config.executable == NULL || pthread_create(&pool->keeper, NULL, keep, pool) != 0) {
        *error = "the script workers' thread could not be started";
        free((char *)pool->config.executable);
        free(slots);
        free(pool);
        return NULL;
    }
    pthread_mutex_lock(&pool->lock);
    while (slot_in_state(pool, SLOT_IDLE) == NULL && !pool->start_failed)
        pthread_cond_wait(&pool->freed, &pool->lock);
    bool up = slot_in_state(pool, SLOT_IDLE) != NULL;
    if (!up)
        *error = arena_strdup(arena, pool->start_error);
    pthread_mutex_unlock(&pool->lock);
    if (!up)
        script_pool_stop(&pool);
    return pool;
}

void script_pool_stop(struct script_pool **pool)
{
    struct script_pool *p = *pool;
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->work);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->keeper, NULL);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->freed);
    pthread_mutex_destroy(&p->lock);
    free((char *)p->config.executable);
    free(p->slots);
    free(p);
    *pool = NULL;
}

/* --- jobs --- */

/* A free worker, or NULL with the reason in *outcome. */
static struct slot *take_slot(struct script_pool *pool, int64_t deadline_ns, enum script_outcome *outcome)
{
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                                .tv_nsec = (long)(deadline_ns % 1000000000)};
    pthread_mutex_lock(&pool->lock);
    struct slot *slot = slot_in_state(pool, SLOT_IDLE);
    if (slot == NULL && pool->waiting >= pool->config.queue) {
        *outcome = SCRIPT_BUSY;
        pthread_mutex_unlock(&pool->lock);
        return NULL;
    }
    pool->waiting++;
    *outcome = SCRIPT_TIMEOUT;
    while (slot == NULL) {
        if (pthread_cond_timedwait(&pool->freed, &pool->lock, &deadline) == ETIMEDOUT) {
            slot = slot_in_state(pool, SLOT_IDLE);
            break;
        }
        slot = slot_in_state(pool, SLOT_IDLE);
    }
    pool->waiting--;
    if (slot != NULL)
        slot->state = SLOT_BUSY;
    pthread_mutex_unlock(&pool->lock);
    return slot;
}

static void give_slot(struct script_pool *pool, struct slot *slot, bool healthy)
{
    pthread_mutex_lock(&pool->lock);
    slot->state = healthy ? SLOT_IDLE : SLOT_DEAD;
    if (healthy)
        pthread_cond_signal(&pool->freed);
    else
        pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

/* One try at a job; *again where its worker had died before it did anything. */
static enum script_outcome try_job(struct script_pool *pool, struct arena *arena,
                                   const struct script_job *job, int64_t deadline_ns,
                                   struct script_report *report, bool *again)
{
    enum script_outcome outcome = SCRIPT_BUSY;
    struct slot_verdict worker = {.is_healthy = false};
    *report = (struct script_report){.answer = NULL};
    *again = false;
    struct slot *slot = take_slot(pool, deadline_ns, &outcome);
    if (slot == NULL) {
        LOG_WARN("script.no_worker", LOG_TEXT("program", job->program), LOG_INT("outcome", outcome));
        return outcome;
    }
    outcome = slot_run(slot, &pool->config, arena, job, deadline_ns, report, &worker);
    give_slot(pool, slot, worker.is_healthy);
    *again = outcome == SCRIPT_DIED && worker.is_silent;
    if (outcome != SCRIPT_DONE && outcome != SCRIPT_THREW)
        LOG_WARN("script.killed", LOG_TEXT("program", job->program), LOG_INT("outcome", outcome),
                 LOG_INT("stage", report->stage), LOG_INT("cpu_ms", report->cpu_ns / 1000000));
    return outcome;
}

enum script_outcome script_run_job(struct script_pool *pool, struct arena *arena,
                                   const struct script_job *job, struct script_report *report)
{
    int64_t deadline_ns = clock_monotonic_ns() + (int64_t)pool->config.time_ms * 1000000;
    bool again = false;
    enum script_outcome outcome = try_job(pool, arena, job, deadline_ns, report, &again);
    /* It may have been gone while it was idle (the kernel short of memory): no fault of this login. */
    if (again)
        outcome = try_job(pool, arena, job, deadline_ns, report, &again);
    return outcome;
}

enum script_outcome script_run(struct script_pool *pool, struct arena *arena, const char *program,
                               const char *input, yyjson_val **answer)
{
    struct script_job job = {.program = program, .input = input};
    struct script_report report;
    enum script_outcome outcome = script_run_job(pool, arena, &job, &report);
    *answer = report.answer;
    return outcome;
}
