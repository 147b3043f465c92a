#include "mfa/limits.h"

#include "base/random.h"
#include "session/transaction.h"
#include "store/buckets.h"
#include "store/push_challenges.h"

#include <arpa/inet.h>
#include <string.h>

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS };

/* Auth0's: ten wrong codes, one try back every six minutes; ten messages, one more an hour. */
static const struct bucket_limit tries = {.capacity = 10, .refill_ms = 6 * MINUTE_MS};
static const struct bucket_limit messages_of_user = {.capacity = 10, .refill_ms = HOUR_MS};
/* Auth0's: five pushes, one more every 12 seconds. */
static const struct bucket_limit pushes_of_user = {.capacity = 5, .refill_ms = 12 * 1000};
/* Ours, against push fatigue: after so many without an approval the person shall use another factor. */
enum { PUSHES_UNANSWERED = 5, PUSHES_UNANSWERED_MS = 5 * MINUTE_MS };
/* Ours: what strangers with many accounts can make one phone ring, or one address spend. */
static const struct bucket_limit messages_to_number = {.capacity = 30, .refill_ms = 20 * MINUTE_MS};
static const struct bucket_limit messages_of_address = {.capacity = 100, .refill_ms = MINUTE_MS};

static const char *tries_bucket(struct factor_call *call)
{
    return arena_printf(call->arena, "mfa-failure:%s", call->user->user_id);
}

/*
 * Locks are kept as challenges that nobody can answer, under an authenticator that does not exist: what ends is known by
 * when it began, and rows that have had their time are cleared like all others.
 */
static const char *lock_name(struct factor_call *call)
{
    return arena_printf(call->arena, "lock:%s", call->user->user_id);
}

static enum db_result remember_lock(struct factor_call *call, struct db_tx *tx)
{
    struct challenge lock = {
        .id = random_id(call->arena, "lck_", 16),
        .authenticator_id = lock_name(call),
        .user_id = call->user->user_id,
        .binding = "lock",
        .created_at = call->now,
        .expires_at = call->now + LOGIN_TRANSACTION_MS,
    };
    return challenge_insert(tx, &lock);
}

/* Whether the user was locked since this login began: then it is over, even when the lock is (known-faults C3). */
static enum db_result was_locked(struct factor_call *call, struct db_tx *tx, bool *locked)
{
    struct db_value *row;
    enum db_result result =
        db_row(tx, call->arena, &row,
               "SELECT id FROM challenges WHERE authenticator_id = ? AND created_at >= ? LIMIT 1", "ti",
               lock_name(call), call->began_at);
    *locked = result == DB_OK;
    return result == DB_NOT_FOUND ? DB_OK : result;
}

enum factor_result limit_tries(struct factor_call *call, struct db_tx *tx, int64_t *retry_ms)
{
    bool allowed, locked = false;
    if (call->began_at != 0) {
        enum db_result looked = was_locked(call, tx, &locked);
        if (looked != DB_OK)
            return factor_result_of(looked, FACTOR_FAILED);
        if (locked) {
            *retry_ms = 0;
            return FACTOR_TOO_MANY;
        }
    }
    enum db_result result = bucket_peek(tx, tries_bucket(call), tries, call->now, &allowed, retry_ms);
    if (result != DB_OK)
        return factor_result_of(result, FACTOR_FAILED);
    if (allowed)
        *retry_ms = 0;
    return allowed ? FACTOR_OK : FACTOR_TOO_MANY;
}

enum factor_result limit_count_failure(struct factor_call *call, struct db_tx *tx, enum factor_result failure,
                                       int64_t *retry_ms)
{
    bool allowed;
    enum db_result result = bucket_take(tx, tries_bucket(call), tries, call->now, &allowed, retry_ms);
    if (result != DB_OK)
        return factor_result_of(result, FACTOR_FAILED);
    enum factor_result left = limit_tries(call, tx, retry_ms);
    if (left == FACTOR_TOO_MANY && remember_lock(call, tx) != DB_OK)
        return FACTOR_FAILED;
    return left == FACTOR_OK ? failure : left;
}

/* Who sits behind an address: an IPv6 network of /48, else the address. Loopback tells nothing about a person: NULL. */
static const char *network_of(struct arena *arena, const char *ip)
{
    struct in6_addr six;
    struct in_addr four;
    if (inet_pton(AF_INET, ip, &four) == 1)
        return (ntohl(four.s_addr) >> 24) == 127 ? NULL : ip;
    if (inet_pton(AF_INET6, ip, &six) != 1 || IN6_IS_ADDR_LOOPBACK(&six))
        return NULL;
    return arena_printf(arena, "%02x%02x:%02x%02x:%02x%02x::/48", six.s6_addr[0], six.s6_addr[1],
                        six.s6_addr[2], six.s6_addr[3], six.s6_addr[4], six.s6_addr[5]);
}

enum factor_result limit_messages(struct factor_call *call, struct db_tx *tx,
                                  const struct authenticator *authenticator, int64_t *retry_ms)
{
    const char *number = json_text(authenticator->doc, "phone_number");
    const char *ip = call->x != NULL ? call->x->request.client_ip : NULL;
    const char *network = ip != NULL ? network_of(call->arena, ip) : NULL;
    const struct {
        const char *kind;
        const char *who;
        struct bucket_limit limit;
    } limits[] = {
        {"mfa-send", call->user->user_id, messages_of_user},
        {"mfa-send-to", number, messages_to_number},
        {"mfa-send-from", network, messages_of_address},
    };
    *retry_ms = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(limits) && call->tenant->config->rate_limits; i++) {
        bool allowed = true;
        if (limits[i].who == NULL)
            continue;
        const char *name = arena_printf(call->arena, "%s:%s", limits[i].kind, limits[i].who);
        enum db_result result = bucket_take(tx, name, limits[i].limit, call->now, &allowed, retry_ms);
        if (result != DB_OK)
            return factor_result_of(result, FACTOR_FAILED);
        if (!allowed)
            return FACTOR_TOO_MANY_MESSAGES;
    }
    *retry_ms = 0;
    return FACTOR_OK;
}

enum factor_result limit_pushes(struct factor_call *call, struct db_tx *tx,
                                const struct authenticator *authenticator, int64_t *retry_ms)
{
    (void)authenticator;
    bool allowed;
    int64_t unanswered;
    *retry_ms = 0;
    if (!call->tenant->config->rate_limits)
        return FACTOR_OK;
    enum db_result result = push_challenges_unanswered(tx, call->arena, call->user->user_id,
                                                       call->now - PUSHES_UNANSWERED_MS, &unanswered);
    if (result != DB_OK)
        return factor_result_of(result, FACTOR_FAILED);
    if (unanswered >= PUSHES_UNANSWERED) {
        *retry_ms = PUSHES_UNANSWERED_MS;
        return FACTOR_TOO_MANY_MESSAGES;
    }
    const char *name = arena_printf(call->arena, "mfa-push:%s", call->user->user_id);
    result = bucket_take(tx, name, pushes_of_user, call->now, &allowed, retry_ms);
    if (result != DB_OK)
        return factor_result_of(result, FACTOR_FAILED);
    return allowed ? FACTOR_OK : FACTOR_TOO_MANY_MESSAGES;
}
