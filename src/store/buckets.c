#include "store/buckets.h"

/* A take fills the bucket by ONE; it empties by ONE each refill_ms. */
enum { ONE = 1000 };

/* A clock that is back by more than this was set back; less is another server's, a little behind. */
enum { CLOCK_DIFFERENCE_MS = 60 * 1000 };

struct bucket {
    int64_t level;
    int64_t updated_at;
};

static struct bucket at(const struct bucket *stored, struct bucket_limit limit, int64_t now_ms)
{
    if (now_ms <= stored->updated_at) {
        bool was_set_back = stored->updated_at - now_ms > CLOCK_DIFFERENCE_MS;
        return (struct bucket){stored->level, was_set_back ? now_ms : stored->updated_at};
    }
    int64_t drained = 0;
    if (__builtin_mul_overflow(now_ms - stored->updated_at, ONE, &drained))
        drained = INT64_MAX;
    drained /= limit.refill_ms > 0 ? limit.refill_ms : 1;
    return (struct bucket){drained >= stored->level ? 0 : stored->level - drained, now_ms};
}

static void judge(const struct bucket *bucket, struct bucket_limit limit, bool *allowed, int64_t *retry_ms)
{
    int64_t too_much = bucket->level + ONE - limit.capacity * ONE;
    *allowed = too_much <= 0;
    *retry_ms = *allowed ? 0 : (too_much * limit.refill_ms + ONE - 1) / ONE;
}

static enum db_result read_locked(struct db_tx *tx, struct arena *arena, const char *name,
                                  struct bucket *bucket)
{
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT level, updated_at FROM buckets WHERE name = ? FOR UPDATE", "t", name);
    if (result == DB_OK)
        *bucket = (struct bucket){row[0].number, row[1].number};
    return result;
}

static enum db_result take(struct db_tx *tx, struct arena *arena, const char *name, struct bucket_limit limit,
                           int64_t now_ms, bool *allowed, int64_t *retry_ms)
{
    struct bucket stored = {0, now_ms};
    enum db_result result = read_locked(tx, arena, name, &stored);
    if (result == DB_NOT_FOUND) {
        /* Made empty first, so that the first two takes at once lock the same row. */
        result = db_exec(tx, NULL,
                         "INSERT INTO buckets (name, level, updated_at, expires_at) VALUES (?, 0, ?, ?)"
                         " ON CONFLICT (name) DO NOTHING",
                         "tii", name, now_ms, now_ms);
        if (result == DB_OK)
            result = read_locked(tx, arena, name, &stored);
    }
    if (result != DB_OK)
        return result == DB_NOT_FOUND ? DB_CONFLICT : result;
    struct bucket bucket = at(&stored, limit, now_ms);
    judge(&bucket, limit, allowed, retry_ms);
    /* A refusal changes nothing, unless the stored time lies ahead of a clock that was set back. */
    if (!*allowed && bucket.updated_at >= stored.updated_at)
        return DB_OK;
    bucket.level += *allowed ? ONE : 0;
    int64_t empty_at = bucket.updated_at + bucket.level * limit.refill_ms / ONE;
    return db_exec(tx, NULL, "UPDATE buckets SET level = ?, updated_at = ?, expires_at = ? WHERE name = ?",
                   "iiit", bucket.level, bucket.updated_at, empty_at, name);
}

enum db_result bucket_take(struct db_tx *tx, const char *name, struct bucket_limit limit, int64_t now_ms,
                           bool *allowed, int64_t *retry_ms)
{
    *allowed = false;
    *retry_ms = 0;
    struct arena *arena = arena_create();
    enum db_result result = take(tx, arena, name, limit, now_ms, allowed, retry_ms);
    arena_destroy(&arena);
    return result;
}

/* The bucket as it is now; an empty one where there is no row. */
static enum db_result look(struct db_tx *tx, const char *name, struct bucket_limit limit, int64_t now_ms,
                           struct bucket *bucket)
{
    struct arena *arena = arena_create();
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT level, updated_at FROM buckets WHERE name = ?", "t", name);
    struct bucket stored = {0, now_ms};
    if (result == DB_OK)
        stored = (struct bucket){row[0].number, row[1].number};
    arena_destroy(&arena);
    *bucket = at(&stored, limit, now_ms);
    return result == DB_NOT_FOUND ? DB_OK : result;
}

enum db_result bucket_peek(struct db_tx *tx, const char *name, struct bucket_limit limit, int64_t now_ms,
                           bool *allowed, int64_t *retry_ms)
{
    *allowed = false;
    *retry_ms = 0;
    struct bucket bucket;
    enum db_result result = look(tx, name, limit, now_ms, &bucket);
    if (result == DB_OK)
        judge(&bucket, limit, allowed, retry_ms);
    return result;
}

enum db_result bucket_left(struct db_tx *tx, const char *name, struct bucket_limit limit, int64_t now_ms,
                           int64_t *left, int64_t *next_ms)
{
    *left = 0;
    *next_ms = 0;
    struct bucket bucket;
    enum db_result result = look(tx, name, limit, now_ms, &bucket);
    if (result != DB_OK)
        return result;
    int64_t taken = (bucket.level + ONE - 1) / ONE;
    *left = taken < limit.capacity ? limit.capacity - taken : 0;
    if (taken > 0)
        *next_ms = (bucket.level - (taken - 1) * ONE) * limit.refill_ms / ONE;
    return DB_OK;
}

enum db_result bucket_reset(struct db_tx *tx, const char *name)
{
    return db_exec(tx, NULL, "DELETE FROM buckets WHERE name = ?", "t", name);
}
