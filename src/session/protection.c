#include "session/protection.h"

#include "base/clock.h"
#include "crypto/digest.h"
#include "session/address.h"
#include "session/links.h"
#include "store/buckets.h"
#include "store/settings.h"

#include <string.h>

static const int64_t LOCK_MS = INT64_C(30) * 24 * 3600 * 1000;
enum { PACE_CAPACITY = 20, PACE_REFILL_MS = 6000 };
/* An attacker with many addresses must not fill a mailbox: so many mails about locks, then one an hour. */
static const struct bucket_limit mail_limit = {.capacity = 10, .refill_ms = 3600 * 1000};

/* Auth0's defaults of a new tenant. */
struct policy {
    bool counts_failures;
    bool locks;
    bool notifies;
    bool per_address;
    int64_t failures;
    bool throttles;
    struct bucket_limit login;
    struct bucket_limit signup;
};

/* Whether a list of shields names one; a setting without the list has both of the defaults. */
static bool has_shield(yyjson_val *doc, const char *shield)
{
    yyjson_val *shields = json_member(doc, "shields");
    return shields == NULL || json_array_has_text(shields, shield);
}

static struct bucket_limit stage_limit(yyjson_val *doc, const char *stage, int64_t attempts,
                                       int64_t refill_ms)
{
    yyjson_val *limit = json_member(json_member(doc, "stage"), stage);
    int64_t capacity = json_int(limit, "max_attempts", attempts);
    int64_t rate = json_int(limit, "rate", refill_ms);
    return (struct bucket_limit){.capacity = capacity > 0 ? capacity : attempts,
                                 .refill_ms = rate > 0 ? rate : refill_ms};
}

static enum db_result read_setting(struct db_tx *tx, struct arena *arena, const char *name, yyjson_val **doc)
{
    enum db_result result = settings_get(tx, arena, name, doc);
    return result == DB_NOT_FOUND ? DB_OK : result;
}

static enum db_result read_policy(const struct http_exchange *x, yyjson_val *connection, struct db_tx *tx,
                                  struct arena *arena, struct policy *policy)
{
    yyjson_val *force = NULL;
    yyjson_val *suspicious = NULL;
    enum db_result result = read_setting(tx, arena, "attack-protection.brute-force", &force);
    if (result == DB_OK)
        result = read_setting(tx, arena, "attack-protection.suspicious-ip-throttling", &suspicious);
    if (result != DB_OK)
        return result;
    const char *ip = x->request.client_ip;
    const char *mode = json_text(force, "mode");
    bool wanted = tenant_of(x)->config->rate_limits;
    policy->counts_failures = wanted && json_bool(force, "enabled", true) &&
                              json_bool(json_member(connection, "options"), "brute_force_protection", true) &&
                              !address_listed(json_member(force, "allowlist"), ip);
    policy->locks = has_shield(force, "block");
    policy->notifies = has_shield(force, "user_notification");
    policy->per_address = mode == NULL || strcmp(mode, "count_per_identifier") != 0;
    policy->failures = json_int(force, "max_attempts", 10);
    policy->throttles = wanted && json_bool(suspicious, "enabled", true) && has_shield(suspicious, "block") &&
                        !address_listed(json_member(suspicious, "allowlist"), ip);
    policy->login = stage_limit(suspicious, "pre-login", 100, 864000);
    policy->signup = stage_limit(suspicious, "pre-user-registration", 50, 1200);
    return DB_OK;
}

/* Names that nobody has are kept as hashes: people type their passwords into the wrong field. */
static const char *key_of(struct arena *arena, const struct protection_try *attempt)
{
    if (attempt->user != NULL)
        return protection_key_of_user(attempt->user);
    const char *name = email_canonical(arena, attempt->identifier);
    if (name == NULL)
        name = username_canonical(arena, attempt->identifier);
    name = name != NULL ? name : attempt->identifier;
    return arena_printf(
        arena, "?%s",
        token_hash(arena, arena_printf(arena, "%s|%s", json_text(attempt->connection, "name"), name)));
}

static const char *address_of(struct arena *arena, const struct policy *policy, const struct http_exchange *x)
{
    return policy->per_address ? address_key(arena, x->request.client_ip) : "";
}

static enum db_result read_lock(struct db_tx *tx, struct arena *arena, const char *key, const char *address,
                                bool *locked)
{
    struct db_value *row = NULL;
    enum db_result result = db_row(
        tx, arena, &row, "SELECT expires_at FROM blocks WHERE user_key = ? AND ip = ?", "tt", key, address);
    *locked = result == DB_OK && row[0].number > clock_now_ms();
    return result == DB_NOT_FOUND ? DB_OK : result;
}

static const char *failures_name(struct arena *arena, const char *key, const char *address)
{
    return arena_printf(arena, "login-failure:%s|%s", key, address);
}

static struct bucket_limit failures_limit(const struct policy *policy)
{
    int64_t capacity = policy->failures > 0 ? policy->failures : 10;
    return (struct bucket_limit){.capacity = capacity, .refill_ms = LOCK_MS / capacity};
}

enum db_result protection_check(struct db_tx *tx, struct arena *arena, const struct protection_try *attempt,
                                enum protection_verdict *verdict)
{
    *verdict = PROTECTION_FREE;
    struct policy policy;
    enum db_result result = read_policy(attempt->x, attempt->connection, tx, arena, &policy);
    if (result != DB_OK)
        return result;
    if (policy.counts_failures && policy.locks) {
        bool locked = false;
        result =
            read_lock(tx, arena, key_of(arena, attempt), address_of(arena, &policy, attempt->x), &locked);
        if (locked)
            *verdict = PROTECTION_LOCKED;
    }
    if (result == DB_OK && *verdict == PROTECTION_FREE && policy.throttles) {
        bool allowed = true;
        int64_t retry_ms = 0;
        const char *name =
            arena_printf(arena, "login-address:%s", address_key(arena, attempt->x->request.client_ip));
        result = bucket_peek(tx, name, policy.login, clock_now_ms(), &allowed, &retry_ms);
        if (!allowed)
            *verdict = PROTECTION_THROTTLED;
    }
    return result;
}

static void log_lock(const struct protection_try *attempt)
{
    tenant_log(tenant_of(attempt->x), attempt->x,
               (struct log_entry){.type = "limit_wc",
                                  .description = "Blocked after too many failed logins",
                                  .connection = json_text(attempt->connection, "name"),
                                  .connection_id = json_text(attempt->connection, "id"),
                                  .client_id = attempt->client_id,
                                  .strategy = "auth0",
                                  .user_id = attempt->user != NULL ? attempt->user->user_id : NULL});
}

/* Names that nobody has cost as much: the mail is made for them too, and undone. */
static enum db_result send_unlock_link(struct db_tx *tx, struct arena *arena,
                                       const struct protection_try *attempt, const char *key)
{
    struct tenant *tenant = tenant_of(attempt->x);
    const char *email = attempt->user != NULL ? json_text(attempt->user->doc, "email") : NULL;
    struct link_wish wish = {
        .kind = LINK_UNBLOCK,
        .user_id = attempt->user != NULL ? attempt->user->user_id : "",
        .email = email != NULL ? email : attempt->identifier,
        .client_id = attempt->client_id,
        .language = attempt->language,
        .ip = attempt->x->request.client_ip,
        .user_key = key,
    };
    bool allowed = false;
    int64_t retry_ms = 0;
    enum db_result result = bucket_take(tx, arena_printf(arena, "unlock-mail:%s", key), mail_limit,
                                        clock_now_ms(), &allowed, &retry_ms);
    if (result != DB_OK || !allowed)
        return result;
    return email != NULL ? link_send(tenant, tx, arena, &wish) : link_rehearse(tenant, tx, arena, &wish);
}

static enum db_result lock(struct db_tx *tx, struct arena *arena, const struct protection_try *attempt,
                           const struct policy *policy, const char *key, const char *address)
{
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "identifier", attempt->user != NULL ? attempt->identifier : NULL);
    json_set_text(doc, root, "ip", attempt->x->request.client_ip);
    json_set_text(doc, root, "connection", json_text(attempt->connection, "name"));
    int64_t now = clock_now_ms();
    enum db_result result =
        db_exec(tx, NULL, "DELETE FROM blocks WHERE user_key = ? AND ip = ?", "tt", key, address);
    if (result == DB_OK)
        result = db_exec(
            tx, NULL, "INSERT INTO blocks (user_key, ip, doc, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
            "tttii", key, address, json_write_doc(arena, doc), now, now + LOCK_MS);
    if (result == DB_OK && policy->notifies)
        result = send_unlock_link(tx, arena, attempt, key);
    if (result == DB_OK)
        log_lock(attempt);
    return result;
}

/*
 * Counts the failure for the account; locks it with the last one. The bucket comes first: taking from it waits for whoever else
 * is at it, and what they locked is seen by the read behind it. It stays empty while the lock holds.
 */
static enum db_result count_failure(struct db_tx *tx, struct arena *arena,
                                    const struct protection_try *attempt, const struct policy *policy,
                                    enum protection_verdict *verdict)
{
    const char *key = key_of(arena, attempt);
    const char *address = address_of(arena, policy, attempt->x);
    struct bucket_limit limit = failures_limit(policy);
    const char *name = failures_name(arena, key, address);
    bool allowed = true;
    bool locked = false;
    int64_t retry_ms = 0;
    int64_t now = clock_now_ms();
    enum db_result result = bucket_take(tx, name, limit, now, &allowed, &retry_ms);
    if (result == DB_OK && policy->locks)
        result = read_lock(tx, arena, key, address, &locked);
    if (result == DB_OK && allowed)
        result = bucket_peek(tx, name, limit, now, &allowed, &retry_ms);
    if (result != DB_OK || !policy->locks)
        return result;
    if (allowed && !locked)
        return DB_OK;
    *verdict = PROTECTION_LOCKED;
    return locked ? DB_OK : lock(tx, arena, attempt, policy, key, address);
}

enum db_result protection_failed(struct db_tx *tx, struct arena *arena, const struct protection_try *attempt,
                                 enum protection_verdict *verdict)
{
    *verdict = PROTECTION_FREE;
    struct policy policy;
    enum db_result result = read_policy(attempt->x, attempt->connection, tx, arena, &policy);
    if (result == DB_OK && policy.counts_failures)
        result = count_failure(tx, arena, attempt, &policy, verdict);
    if (result == DB_OK && policy.throttles) {
        bool allowed = true;
        int64_t retry_ms = 0;
        const char *name =
            arena_printf(arena, "login-address:%s", address_key(arena, attempt->x->request.client_ip));
        result = bucket_take(tx, name, policy.login, clock_now_ms(), &allowed, &retry_ms);
        if (result == DB_OK && !allowed && *verdict == PROTECTION_FREE)
            *verdict = PROTECTION_THROTTLED;
    }
    return result;
}

enum db_result protection_succeeded(struct db_tx *tx, struct arena *arena,
                                    const struct protection_try *attempt, enum protection_verdict *verdict)
{
    *verdict = PROTECTION_FREE;
    struct policy policy;
    enum db_result result = read_policy(attempt->x, attempt->connection, tx, arena, &policy);
    if (result != DB_OK)
        return result;
    const char *key = key_of(arena, attempt);
    const char *address = address_of(arena, &policy, attempt->x);
    /* Emptying the count waits for whoever is counting; the lock that they may have set is read behind it. */
    if (policy.counts_failures)
        result = bucket_reset(tx, failures_name(arena, key, address));
    if (result == DB_OK && policy.counts_failures && policy.locks) {
        bool locked = false;
        result = read_lock(tx, arena, key, address, &locked);
        if (locked)
            *verdict = PROTECTION_LOCKED;
    }
    if (result == DB_OK && *verdict == PROTECTION_FREE && policy.throttles) {
        bool allowed = true;
        int64_t retry_ms = 0;
        struct bucket_limit pace = {.capacity = PACE_CAPACITY, .refill_ms = PACE_REFILL_MS};
        const char *name =
            arena_printf(arena, "login-pace:%s|%s", key, address_key(arena, attempt->x->request.client_ip));
        result = bucket_take(tx, name, pace, clock_now_ms(), &allowed, &retry_ms);
        if (result == DB_OK && !allowed)
            *verdict = PROTECTION_TOO_OFTEN;
    }
    return result;
}

enum db_result protection_signup(const struct http_exchange *x, struct db_tx *tx, struct arena *arena,
                                 enum protection_verdict *verdict)
{
    *verdict = PROTECTION_FREE;
    struct policy policy;
    enum db_result result = read_policy(x, NULL, tx, arena, &policy);
    if (result != DB_OK || !policy.throttles)
        return result;
    bool allowed = true;
    int64_t retry_ms = 0;
    const char *name = arena_printf(arena, "signup-address:%s", address_key(arena, x->request.client_ip));
    result = bucket_take(tx, name, policy.signup, clock_now_ms(), &allowed, &retry_ms);
    if (result == DB_OK && !allowed)
        *verdict = PROTECTION_THROTTLED;
    return result;
}

/* Removes one lock, and the failures that led to it. */
static enum db_result unlock_one(struct db_tx *tx, struct arena *arena, const char *user_key,
                                 const char *address)
{
    enum db_result result = bucket_reset(tx, failures_name(arena, user_key, address));
    if (result != DB_OK)
        return result;
    return db_exec(tx, NULL, "DELETE FROM blocks WHERE user_key = ? AND ip = ?", "tt", user_key, address);
}

static enum db_result unlock(struct db_tx *tx, struct arena *arena, const char *user_key, const char *ip)
{
    const char *address = ip != NULL ? address_key(arena, ip) : NULL;
    struct db_rows rows;
    enum db_result result =
        db_rows(tx, arena, &rows, "SELECT ip FROM blocks WHERE user_key = ?", "t", user_key);
    for (size_t i = 0; result == DB_OK && i < rows.count; i++) {
        /* "" is the lock of a tenant that counts for all addresses together. */
        const char *locked = db_at(&rows, i, 0)->text;
        if (address == NULL || *locked == '\0' || strcmp(locked, address) == 0)
            result = unlock_one(tx, arena, user_key, locked);
    }
    return result;
}

enum db_result protection_unlock(struct db_tx *tx, const char *user_key, const char *ip)
{
    struct arena *arena = arena_create();
    enum db_result result = unlock(tx, arena, user_key, ip);
    arena_destroy(&arena);
    return result;
}
