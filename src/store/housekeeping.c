#include "store/housekeeping.h"

#include "base/clock.h"
#include "base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 200, PAUSE_S = 60 };

#define MINUTE_MS (INT64_C(60) * 1000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

/* The condition stands twice: PostgreSQL looks at it again where a row changed while the DELETE waited for it. */
#define EXPIRED(table, key, time)                                                                            \
    "DELETE FROM " table " WHERE " time " <= ? AND " key " IN (SELECT " key " FROM " table " WHERE " time    \
    " <= ? ORDER BY " time " LIMIT 200)"

/*
 * What goes, and how long after its time. What was used or ran out stays a while where a page says so truthfully ("this link
 * was used already"), and codes stay until a second use of one can no longer be an attack worth noticing.
 */
static const struct duty {
    const char *sql;
    int64_t kept_ms;
} duties[] = {
    {EXPIRED("login_transactions", "id_hash", "expires_at"), HOUR_MS},
    {EXPIRED("sessions", "id", "expires_at"), 0},
    {EXPIRED("authorization_codes", "code_hash", "expires_at"), HOUR_MS},
    {EXPIRED("access_tokens", "token_hash", "expires_at"), 0},
    {EXPIRED("tickets", "ticket_hash", "expires_at"), 30 * DAY_MS},
    {EXPIRED("buckets", "name", "expires_at"), 0},
    {EXPIRED("challenges", "id", "expires_at"), HOUR_MS},
    {EXPIRED("mfa_transactions", "id", "expires_at"), HOUR_MS},
    {EXPIRED("mfa_tokens", "token_hash", "expires_at"), HOUR_MS},
    {EXPIRED("oob_codes", "code_hash", "expires_at"), HOUR_MS},
    {EXPIRED("backchannel_logins", "id_hash", "expires_at"), HOUR_MS},
    {EXPIRED("push_challenges", "id", "expires_at"), HOUR_MS},
    {EXPIRED("enrollment_tickets", "ticket_hash", "expires_at"), 30 * DAY_MS},
    {EXPIRED("remembered_browsers", "token_hash", "expires_at"), 0},
    {EXPIRED("messages", "id", "expires_at"), DAY_MS},
    {EXPIRED("dev_outbox", "id", "at"), DAY_MS},
    {EXPIRED("logs", "log_id", "date"), 30 * DAY_MS},
    {"DELETE FROM blocks WHERE expires_at <= ? AND (user_key, ip) IN (SELECT user_key, ip FROM blocks"
     " WHERE expires_at <= ? ORDER BY expires_at LIMIT 200)",
     0},
    {"DELETE FROM authenticators WHERE status = 'pending' AND created_at <= ? AND id IN (SELECT id FROM "
     "authenticators"
     " WHERE status = 'pending' AND created_at <= ? ORDER BY created_at LIMIT 200)",
     DAY_MS},
};

struct housekeeping {
    struct db *db;
    struct keyring *keyring;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool stops;
};

static enum db_result run_batch(struct db *db, const struct duty *duty, int64_t now_ms, int64_t *deleted)
{
    struct db_tx *tx = NULL;
    *deleted = 0;
    enum db_result result = db_begin_write(db, &tx);
    int64_t before = now_ms - duty->kept_ms;
    if (result == DB_OK)
        result = db_exec(tx, deleted, duty->sql, "ii", before, before);
    if (result == DB_OK)
        return db_commit(&tx);
    db_rollback(&tx);
    return result;
}

static bool is_stopping(struct housekeeping *housekeeping)
{
    if (housekeeping == NULL)
        return false;
    pthread_mutex_lock(&housekeeping->lock);
    bool stops = housekeeping->stops;
    pthread_mutex_unlock(&housekeeping->lock);
    return stops;
}

static enum db_result run_round(struct db *db, int64_t now_ms, struct housekeeping *housekeeping,
                                int64_t *deleted)
{
    *deleted = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(duties); i++) {
        int64_t batch = BATCH;
        while (batch >= BATCH && !is_stopping(housekeeping)) {
            enum db_result result = run_batch(db, &duties[i], now_ms, &batch);
            if (result == DB_CONFLICT)
                break; /* another server is at the same rows */
            if (result != DB_OK)
                return result;
            *deleted += batch;
        }
    }
    return DB_OK;
}

enum db_result housekeeping_run(struct db *db, int64_t now_ms, int64_t *deleted)
{
    return run_round(db, now_ms, NULL, deleted);
}

static void *keep_house(void *context)
{
    struct housekeeping *housekeeping = context;
    pthread_mutex_lock(&housekeeping->lock);
    while (!housekeeping->stops) {
        struct timespec at;
        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += PAUSE_S;
        int waited = 0;
        while (!housekeeping->stops && waited == 0)
            waited = pthread_cond_timedwait(&housekeeping->stopped, &housekeeping->lock, &at);
        pthread_mutex_unlock(&housekeeping->lock);
        keyring_refresh(housekeeping->keyring);
        int64_t deleted = 0;
        enum db_result result = run_round(housekeeping->db, clock_now_ms(), housekeeping, &deleted);
        if (deleted > 0 || result != DB_OK)
            LOG_INFO("store.housekeeping", LOG_INT("deleted", deleted), LOG_INT("result", result));
        pthread_mutex_lock(&housekeeping->lock);
    }
    pthread_mutex_unlock(&housekeeping->lock);
    return NULL;
}

struct housekeeping *housekeeping_start(struct db *db, struct keyring *keyring)
{
    struct housekeeping *housekeeping = calloc(1, sizeof *housekeeping);
    if (housekeeping == NULL)
        abort();
    housekeeping->db = db;
    housekeeping->keyring = keyring;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&housekeeping->lock, NULL);
    pthread_cond_init(&housekeeping->stopped, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&housekeeping->thread, NULL, keep_house, housekeeping) != 0)
        abort();
    return housekeeping;
}

void housekeeping_stop(struct housekeeping **housekeeping)
{
    struct housekeeping *ending = *housekeeping;
    *housekeeping = NULL;
    if (ending == NULL)
        return;
    pthread_mutex_lock(&ending->lock);
    ending->stops = true;
    pthread_cond_signal(&ending->stopped);
    pthread_mutex_unlock(&ending->lock);
    pthread_join(ending->thread, NULL);
    pthread_mutex_destroy(&ending->lock);
    pthread_cond_destroy(&ending->stopped);
    free(ending);
}
