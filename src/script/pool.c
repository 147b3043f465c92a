#include "script/pool.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/workers.h"
#include "script/slot.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 1000, USUAL_HTTP_CALLS = 1024 };

static const int64_t QUARANTINE_NS = 600LL * 1000000000;

/* --- the keeper: starts workers, and buries dead ones --- */

static struct slot *slot_in_state(struct script_pool *pool, enum slot_state state)
{
    for (unsigned i = 0; i < pool->slot_count; i++)
        if (pool->slots[i].state == state)
            return &pool->slots[i];
    return NULL;
}

static bool is_open(const struct slot *slot)
{
    return slot->state == SLOT_UP && !slot->is_alone && !slot->is_closed;
}

static unsigned count_open(const struct script_pool *pool)
{
    unsigned count = 0;
    for (unsigned i = 0; i < pool->slot_count; i++)
        count += is_open(&pool->slots[i]) ? 1 : 0;
    return count;
}

/* The open worker with the fewest runs; NULL where none has room. */
static struct slot *freest_slot(struct script_pool *pool)
{
    struct slot *best = NULL;
    for (unsigned i = 0; i < pool->slot_count; i++) {
        struct slot *slot = &pool->slots[i];
        if (is_open(slot) && slot->run_count < SLOT_JOBS_MOST &&
            (best == NULL || slot->run_count < best->run_count))
            best = slot;
    }
    return best;
}

/* Beside those that are shared there may be as many workers, and two, that are not. */
static unsigned places_for(unsigned workers)
{
    return 2 * workers + 2;
}

bool pool_may_set_apart(const struct script_pool *pool)
{
    unsigned apart = 0;
    for (unsigned i = 0; i < pool->slot_count; i++) {
        const struct slot *slot = &pool->slots[i];
        apart += slot->state != SLOT_EMPTY && (slot->is_alone || slot->is_closed) ? 1 : 0;
    }
    return apart < pool->slot_count - pool->config.workers;
}

/* Whether one process more is wanted. */
static bool is_short(struct script_pool *pool)
{
    if (count_open(pool) < pool->config.workers)
        return true;
    const struct slot *freest = freest_slot(pool);
    return pool->waiting_alone > 0 && (freest == NULL || freest->run_count > 0) && pool_may_set_apart(pool);
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
    slot->state = SLOT_STARTING;
    pthread_mutex_unlock(&pool->lock);
    char error[160] = "";
    bool fine = slot_start(slot, &pool->config, error);
    if (!fine)
        LOG_ERROR("script.start_failed", LOG_TEXT("error", error));
    pthread_mutex_lock(&pool->lock);
    slot->state = fine ? SLOT_UP : SLOT_EMPTY;
    pool->start_failed = !fine;
    memcpy(pool->start_error, error, sizeof error);
    pthread_cond_broadcast(&pool->freed);
    if (!fine && !pool->stopping) {
        struct timespec retry;
        deadline_after(&retry, (int64_t)RETRY_MS * 1000000);
        pthread_cond_timedwait(&pool->work, &pool->lock, &retry);
    }
}

/* Called with the lock held, and returns so. */
static void bury(struct script_pool *pool, struct slot *slot)
{
    pthread_mutex_unlock(&pool->lock);
    slot_end(slot);
    pthread_mutex_lock(&pool->lock);
    slot->state = SLOT_EMPTY;
    slot->is_alone = slot->is_closed = slot->is_broken = false;
    /* One more may be set apart now. */
    pthread_cond_broadcast(&pool->freed);
}

/* One thread starts all workers, and lives as long as they: the kernel kills a worker when the thread that made it ends. */
static void *keep(void *argument)
{
    struct script_pool *pool = argument;
    pthread_setname_np(pthread_self(), "script-keeper");
    pthread_mutex_lock(&pool->lock);
    while (!pool->stopping) {
        struct slot *dead = slot_in_state(pool, SLOT_DEAD);
        struct slot *empty = slot_in_state(pool, SLOT_EMPTY);
        if (dead != NULL)
            bury(pool, dead);
        else if (empty != NULL && is_short(pool))
            bring_up(pool, empty);
        else
            pthread_cond_wait(&pool->work, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->slot_count; i++)
        slot_end(&pool->slots[i]);
    return NULL;
}

struct script_pool *script_pool_start(const struct script_pool_config *config, struct arena *arena,
                                      const char **error)
{
    struct script_pool *pool = calloc(1, sizeof *pool);
    struct slot *slots = calloc(places_for(config->workers), sizeof *slots);
    if (pool == NULL || slots == NULL || config->workers == 0) {
        free(pool);
        free(slots);
        *error = "there must be at least one script worker";
        return NULL;
    }
    pool->config = *config;
    pool->slots = slots;
    pool->slot_count = places_for(config->workers);
    for (unsigned i = 0; i < pool->slot_count; i++)
        slots[i].fd = slots[i].wake = -1;
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
    pool->outlet =
        script_outlet_create(config->http, config->http_calls > 0 ? config->http_calls : USUAL_HTTP_CALLS);
    pthread_mutex_lock(&pool->lock);
    while (slot_in_state(pool, SLOT_UP) == NULL && !pool->start_failed)
        pthread_cond_wait(&pool->freed, &pool->lock);
    bool up = slot_in_state(pool, SLOT_UP) != NULL;
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
    script_outlet_free(&p->outlet);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->freed);
    pthread_mutex_destroy(&p->lock);
    free((char *)p->config.executable);
    free(p->slots);
    free(p);
    *pool = NULL;
}

/* --- rules that harm others --- */

void pool_quarantine(struct script_pool *pool, const struct run *run)
{
    unsigned stage = atomic_load_explicit(&run->slot->progress->jobs[run->id % PROGRESS_PLACES].stage,
                                          memory_order_relaxed);
    if (stage >= run->job->source_count)
        return;
    const struct script_source *source = &run->job->sources[stage];
    struct quarantined *entry = &pool->quarantined[pool->next_quarantined];
    for (size_t i = 0; i < QUARANTINED_MOST; i++)
        if (memcmp(pool->quarantined[i].hash, source->hash, FRAME_HASH_BYTES) == 0)
            entry = &pool->quarantined[i];
    if (entry == &pool->quarantined[pool->next_quarantined])
        pool->next_quarantined = (pool->next_quarantined + 1) % QUARANTINED_MOST;
    memcpy(entry->hash, source->hash, FRAME_HASH_BYTES);
    entry->until_ns = pool->quarantine_ends_ns = clock_monotonic_ns() + QUARANTINE_NS;
    LOG_WARN("script.runs_alone", LOG_TEXT("source", source->name),
             LOG_INT("seconds", QUARANTINE_NS / 1000000000));
}

static bool is_quarantined(const struct script_pool *pool, const struct script_job *job)
{
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns >= pool->quarantine_ends_ns)
        return false;
    for (size_t i = 0; i < job->source_count; i++)
        for (size_t j = 0; j < QUARANTINED_MOST; j++)
            if (pool->quarantined[j].until_ns > now_ns &&
                memcmp(pool->quarantined[j].hash, job->sources[i].hash, FRAME_HASH_BYTES) == 0)
                return true;
    return false;
}

/* --- jobs --- */

/* A worker that the run may go to now. */
static struct slot *choose_slot(struct script_pool *pool, const struct run *run)
{
    struct slot *slot = freest_slot(pool);
    if (slot == NULL || !(run->is_alone || is_quarantined(pool, run->job)))
        return slot;
    if (slot->run_count > 0 || !pool_may_set_apart(pool))
        return NULL;
    slot->is_alone = true;
    pthread_cond_signal(&pool->work);
    return slot;
}

/* Puts the run into a worker; false where none had room in time. */
static bool enter(struct script_pool *pool, struct run *run)
{
    struct timespec deadline = {.tv_sec = (time_t)(run->deadline_ns / 1000000000),
                                .tv_nsec = (long)(run->deadline_ns % 1000000000)};
    bool is_late = false;
    pthread_mutex_lock(&pool->lock);
    struct slot *slot = choose_slot(pool, run);
    while (slot == NULL && !is_late) {
        bool is_alone = run->is_alone || is_quarantined(pool, run->job);
        pool->waiting_alone += is_alone ? 1 : 0;
        pthread_cond_signal(&pool->work);
        is_late = pthread_cond_timedwait(&pool->freed, &pool->lock, &deadline) == ETIMEDOUT;
        pool->waiting_alone -= is_alone ? 1 : 0;
        slot = choose_slot(pool, run);
    }
    if (slot != NULL)
        slot_attach(slot, run);
    pthread_mutex_unlock(&pool->lock);
    return slot != NULL;
}

static void leave(struct script_pool *pool, struct run *run)
{
    pthread_mutex_lock(&pool->lock);
    struct slot *slot = run->slot;
    bool was_alone = slot->is_alone;
    slot_detach(run);
    /* While rules run alone a worker more than usual is kept, so that not each of them starts one. */
    if (was_alone && is_open(slot) && count_open(pool) > pool->config.workers &&
        clock_monotonic_ns() >= pool->quarantine_ends_ns) {
        slot->is_closed = true;
        slot->state = SLOT_DEAD;
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
}

static enum verdict do_run(struct script_pool *pool, struct run *run)
{
    enum verdict verdict = RUN_MOVED;
    while (verdict == RUN_MOVED) {
        if (!enter(pool, run))
            return RUN_OVER;
        verdict = run_try(run);
        leave(pool, run);
    }
    return verdict;
}

static enum script_outcome outcome_of(enum verdict verdict)
{
    switch (verdict) {
    case RUN_ANSWERED:
        return SCRIPT_DONE;
    case RUN_THREW:
        return SCRIPT_THREW;
    case RUN_NO_MEMORY:
        return SCRIPT_MEMORY;
    case RUN_OVER:
        return SCRIPT_TIMEOUT;
    case RUN_DIVERGED:
        return SCRIPT_REPEATED;
    default:
        return SCRIPT_DIED;
    }
}

/* Whether one job more may be under way; then it counts. */
static bool admit(struct script_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool is_admitted = pool->runs < pool->config.workers + pool->config.queue;
    pool->runs += is_admitted ? 1 : 0;
    pthread_mutex_unlock(&pool->lock);
    return is_admitted;
}

static void let_go(struct script_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->runs--;
    pthread_mutex_unlock(&pool->lock);
}

enum script_outcome script_run_job(struct script_pool *pool, struct arena *arena,
                                   const struct script_job *job, struct script_report *report)
{
    *report = (struct script_report){.answer = NULL};
    if (!admit(pool)) {
        LOG_WARN("script.too_many", LOG_TEXT("program", job->program));
        return SCRIPT_BUSY;
    }
    struct run run = {.pool = pool,
                      .arena = arena,
                      .job = job,
                      .report = report,
                      .deadline_ns = clock_monotonic_ns() + (int64_t)pool->config.time_ms * 1000000,
                      .call_counts = arena_calloc(arena, job->call_count + 1, sizeof(unsigned))};
    run.last_event = &run.events;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&run.woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    workers_wait_begin();
    enum verdict verdict = do_run(pool, &run);
    run_finish(&run, verdict);
    workers_wait_end();
    pthread_cond_destroy(&run.woken);
    let_go(pool);
    enum script_outcome outcome = outcome_of(verdict);
    if (outcome != SCRIPT_DONE && outcome != SCRIPT_THREW)
        LOG_WARN("script.failed", LOG_TEXT("program", job->program), LOG_INT("outcome", outcome),
                 LOG_INT("stage", report->stage), LOG_INT("cpu_ms", report->cpu_ns / 1000000),
                 LOG_INT("tries", report->tries));
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
