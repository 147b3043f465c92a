/* Leaky buckets in the store: rate limits and failure counts that hold across all servers and restarts. */
#ifndef COUNTERSIGN_STORE_BUCKETS_H
#define COUNTERSIGN_STORE_BUCKETS_H

#include "store/db.h"

struct bucket_limit {
    int64_t capacity;  /* how many fit */
    int64_t refill_ms; /* one comes back every so many milliseconds */
};

/*
 * Takes one from the bucket `name` ("otp-failure:auth0|1") if it has one: DB_OK with *allowed, and *retry_ms until the next
 * is there. Safe when the clock goes back. Two takes at once never both get the last one.
 */
enum db_result bucket_take(struct db_tx *tx, const char *name, struct bucket_limit limit, int64_t now_ms,
                           bool *allowed, int64_t *retry_ms) NODISCARD;
/* Whether one is there, without taking it. */
enum db_result bucket_peek(struct db_tx *tx, const char *name, struct bucket_limit limit, int64_t now_ms,
                           bool *allowed, int64_t *retry_ms) NODISCARD;
/* How many are there now, and after how long (0: it is full) there is one more; for X-RateLimit headers. */
enum db_result bucket_left(struct db_tx *tx, const char *name, struct bucket_limit limit, int64_t now_ms,
                           int64_t *left, int64_t *next_ms) NODISCARD;
/* Fills it again (a success ends a count of failures). */
enum db_result bucket_reset(struct db_tx *tx, const char *name) NODISCARD;

#endif
