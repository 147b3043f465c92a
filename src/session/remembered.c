#include "session/remembered.h"

#include "base/clock.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "store/settings.h"

#include <string.h>

/* The cookie holds the newest tokens, of several users at most; each is 43 letters, joined by dots. */
enum { TOKEN_LENGTH = 43, TOKENS_MAXIMUM = 5 };

static const char cookie_name[] = "auth0-mf";

struct lifetimes {
    int64_t idle_ms;
    int64_t overall_ms;
    bool persistent;
};

static enum db_result read_lifetimes(struct db_tx *tx, struct arena *arena, struct lifetimes *lifetimes)
{
    yyjson_val *guardian = NULL;
    yyjson_val *tenant = NULL;
    enum db_result result = settings_get(tx, arena, "guardian.settings", &guardian);
    if (result == DB_OK || result == DB_NOT_FOUND)
        result = settings_get(tx, arena, "tenant", &tenant);
    if (result != DB_OK && result != DB_NOT_FOUND)
        return result;
    const char *mode = json_text(json_member(tenant, "session_cookie"), "mode");
    *lifetimes = (struct lifetimes){
        .idle_ms = json_int(guardian, "mfa_session_inactivity_timeout", 604800) * 1000,
        .overall_ms = json_int(guardian, "mfa_session_overall_timeout", 2592000) * 1000,
        .persistent = mode != NULL && strcmp(mode, "persistent") == 0,
    };
    return DB_OK;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The tokens that the request's cookie holds; returns how many. */
static size_t tokens_of_request(const struct http_exchange *x, const char *tokens[TOKENS_MAXIMUM])
{
    const char *cookie = http_cookie(x, cookie_name);
    size_t count = 0;
    while (cookie != NULL && count < TOKENS_MAXIMUM) {
        size_t length = strspn(cookie, RANDOM_ALPHANUMERIC);
        if (length != TOKEN_LENGTH || (cookie[length] != '.' && cookie[length] != '\0'))
            break;
        tokens[count++] = arena_strndup(x->arena, cookie, length);
        cookie = cookie[length] == '.' ? cookie + length + 1 : NULL;
    }
    return count;
}

static void give_cookie(struct http_exchange *x, const char *const *tokens, size_t count,
                        const struct lifetimes *lifetimes)
{
    const char *value = "";
    for (size_t i = 0; i < count; i++)
        value = i == 0 ? tokens[i] : arena_printf(x->arena, "%s.%s", value, tokens[i]);
    bool secure = tenant_of(x)->config->secure;
    http_set_cookie(
        x, cookie_name, value,
        &(struct http_cookie_options){.max_age = lifetimes->persistent ? lifetimes->idle_ms / 1000 : 0,
                                      .same_site = secure ? "None" : "Lax",
                                      .secure = secure,
                                      .http_only = true});
}

enum db_result remembered_browser_add(struct http_exchange *x, struct db_tx *tx, const char *user_id)
{
    struct lifetimes lifetimes;
    enum db_result result = read_lifetimes(tx, x->arena, &lifetimes);
    if (result != DB_OK)
        return result;
    const char *earlier_ones[TOKENS_MAXIMUM];
    size_t count = tokens_of_request(x, earlier_ones);
    const char *kept[TOKENS_MAXIMUM];
    size_t keep = 0;
    kept[keep++] = random_text(x->arena, RANDOM_ALPHANUMERIC, TOKEN_LENGTH);
    for (size_t i = 0; i < count; i++) {
        int64_t replaced = 0;
        result =
            db_exec(tx, &replaced, "DELETE FROM remembered_browsers WHERE token_hash = ? AND user_id = ?",
                    "tt", token_hash(x->arena, earlier_ones[i]), user_id);
        if (result != DB_OK)
            return result;
        if (replaced == 0 && keep < TOKENS_MAXIMUM)
            kept[keep++] = earlier_ones[i];
    }
    int64_t now = clock_now_ms();
    int64_t end = now + earlier(lifetimes.idle_ms, lifetimes.overall_ms);
    result = db_exec(
        tx, NULL,
        "INSERT INTO remembered_browsers (token_hash, user_id, doc, created_at, last_used_at, expires_at) "
        "VALUES (?, ?, '{}', ?, ?, ?)",
        "ttiii", token_hash(x->arena, kept[0]), user_id, now, now, end);
    if (result == DB_OK)
        give_cookie(x, kept, keep, &lifetimes);
    return result;
}

/* Whether this token remembers the browser for the user; moves its idle end where it does. */
static enum db_result use_token(struct http_exchange *x, struct db_tx *tx, const char *token,
                                const char *user_id, const struct lifetimes *lifetimes)
{
    const char *hash = token_hash(x->arena, token);
    int64_t now = clock_now_ms();
    struct db_value *row = NULL;
    enum db_result result = db_row(tx, x->arena, &row,
                                   "SELECT created_at FROM remembered_browsers "
                                   "WHERE token_hash = ? AND user_id = ? AND expires_at > ?",
                                   "tti", hash, user_id, now);
    if (result != DB_OK)
        return result;
    /* Shortened settings count at once, also for browsers that were remembered before. */
    int64_t overall_end = row[0].number + lifetimes->overall_ms;
    if (overall_end <= now)
        return DB_NOT_FOUND;
    return db_exec(tx, NULL,
                   "UPDATE remembered_browsers SET last_used_at = ?, expires_at = ? WHERE token_hash = ?",
                   "iit", now, earlier(now + lifetimes->idle_ms, overall_end), hash);
}

enum db_result remembered_browser_check(struct http_exchange *x, struct db_tx *tx, const char *user_id,
                                        bool *remembered)
{
    *remembered = false;
    const char *tokens[TOKENS_MAXIMUM];
    size_t count = tokens_of_request(x, tokens);
    if (count == 0)
        return DB_OK;
    struct lifetimes lifetimes;
    enum db_result result = read_lifetimes(tx, x->arena, &lifetimes);
    if (result != DB_OK)
        return result;
    for (size_t i = 0; i < count; i++) {
        result = use_token(x, tx, tokens[i], user_id, &lifetimes);
        if (result == DB_NOT_FOUND)
            continue;
        if (result != DB_OK)
            return result;
        *remembered = true;
        give_cookie(x, tokens, count, &lifetimes);
        return DB_OK;
    }
    return DB_OK;
}

enum db_result remembered_browsers_forget(struct db_tx *tx, const char *user_id)
{
    return db_exec(tx, NULL, "DELETE FROM remembered_browsers WHERE user_id = ?", "t", user_id);
}
