#include "session/transaction.h"

#include "base/clock.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "store/signal.h"

#include <string.h>

enum { ID_LENGTH = 32, BROWSER_LENGTH = 43 };

static const char *browser_cookie_name(const struct http_exchange *x)
{
    return tenant_of(x)->config->secure ? "__Host-countersign-browser" : "countersign-browser";
}

/* The secret of the request's browser; NULL where it has none, or one that was not made here. */
static const char *browser_secret(const struct http_exchange *x)
{
    const char *secret = http_cookie(x, browser_cookie_name(x));
    if (secret == NULL || strspn(secret, RANDOM_ALPHANUMERIC) != BROWSER_LENGTH ||
        strlen(secret) != BROWSER_LENGTH)
        return NULL;
    return secret;
}

static const char *make_browser_secret(struct http_exchange *x)
{
    const char *secret = random_text(x->arena, RANDOM_ALPHANUMERIC, BROWSER_LENGTH);
    bool secure = tenant_of(x)->config->secure;
    /* None, as an application may post to /authorize, and a site that a rule sent the browser to, to /continue. */
    http_set_cookie(x, browser_cookie_name(x), secret,
                    &(struct http_cookie_options){
                        .same_site = secure ? "None" : "Lax", .secure = secure, .http_only = true});
    return secret;
}

struct login_transaction *login_transaction_begin(struct http_exchange *x, int64_t lifetime_ms)
{
    struct login_transaction *transaction = arena_alloc(x->arena, sizeof *transaction);
    transaction->id = random_text(x->arena, RANDOM_ALPHANUMERIC, ID_LENGTH);
    transaction->doc = json_new_object(x->arena);
    transaction->root = yyjson_mut_doc_get_root(transaction->doc);
    transaction->created_at = clock_now_ms();
    transaction->expires_at = transaction->created_at + lifetime_ms;
    const char *secret = browser_secret(x);
    if (secret == NULL)
        secret = make_browser_secret(x);
    json_set_text(transaction->doc, transaction->root, "browser", token_hash(x->arena, secret));
    return transaction;
}

/*
 * Whether the password that this login proved was replaced since: what was begun with the old one must not be finished, by
 * whoever it was that the person wanted to lock out.
 */
static enum db_result is_outdated(struct db_tx *tx, struct arena *arena,
                                  const struct login_transaction *transaction, bool *outdated)
{
    *outdated = false;
    const char *user_id = json_mut_text(transaction->root, "user_id");
    int64_t proved_at = json_mut_int(transaction->root, "authenticated_at", 0);
    if (user_id == NULL || proved_at == 0)
        return DB_OK;
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT changed_at FROM passwords WHERE user_id = ?", "t", user_id);
    *outdated = result == DB_OK && row[0].number > proved_at && row[0].number > transaction->created_at;
    return result == DB_NOT_FOUND ? DB_OK : result;
}

enum transaction_fault login_transaction_load(struct http_exchange *x, struct db_tx *tx, const char *state,
                                              struct login_transaction **out)
{
    *out = NULL;
    const char *secret = browser_secret(x);
    if (state == NULL || *state == '\0' || secret == NULL)
        return TRANSACTION_UNKNOWN;
    struct db_value *row = NULL;
    enum db_result found =
        db_row(tx, x->arena, &row,
               "SELECT doc, version, created_at, expires_at FROM login_transactions WHERE id_hash = ?", "t",
               token_hash(x->arena, state));
    if (found == DB_NOT_FOUND)
        return TRANSACTION_UNKNOWN;
    yyjson_val *doc = found == DB_OK ? json_parse_own(x->arena, row[0].text) : NULL;
    if (doc == NULL)
        return TRANSACTION_FAILED;
    if (row[3].number <= clock_now_ms() ||
        !text_equal_secret(json_text(doc, "browser"), token_hash(x->arena, secret)))
        return TRANSACTION_UNKNOWN;
    struct login_transaction *transaction = arena_alloc(x->arena, sizeof *transaction);
    transaction->id = arena_strdup(x->arena, state);
    transaction->doc = json_thaw(x->arena, doc);
    transaction->root = yyjson_mut_doc_get_root(transaction->doc);
    transaction->version = row[1].number;
    transaction->created_at = row[2].number;
    transaction->expires_at = row[3].number;
    bool outdated = false;
    if (is_outdated(tx, x->arena, transaction, &outdated) != DB_OK)
        return TRANSACTION_FAILED;
    if (outdated)
        return TRANSACTION_UNKNOWN;
    *out = transaction;
    return TRANSACTION_FINE;
}

const char *login_transaction_topic(struct arena *arena, const struct login_transaction *transaction)
{
    return arena_printf(arena, "tx:%s", token_hash(arena, transaction->id));
}

/* Pages wait at the second factor only. */
static void raise_change(struct db_tx *tx, const struct login_transaction *transaction)
{
    if (transaction->version <= 1 || json_mut_member(transaction->root, "mfa") == NULL)
        return;
    struct arena *arena = arena_create();
    signal_raise(tx, login_transaction_topic(arena, transaction));
    arena_destroy(&arena);
}

enum db_result login_transaction_save(struct db_tx *tx, struct arena *arena,
                                      struct login_transaction *transaction)
{
    const char *hash = token_hash(arena, transaction->id);
    const char *doc = json_write_doc(arena, transaction->doc);
    int64_t changed = 0;
    enum db_result result;
    if (transaction->version == 0) {
        result = db_exec(tx, &changed,
                         "INSERT INTO login_transactions (id_hash, doc, version, created_at, expires_at) "
                         "VALUES (?, ?, 1, ?, ?)",
                         "ttii", hash, doc, transaction->created_at, transaction->expires_at);
    } else {
        result = db_exec(tx, &changed,
                         "UPDATE login_transactions SET doc = ?, version = version + 1, expires_at = ? "
                         "WHERE id_hash = ? AND version = ?",
                         "titi", doc, transaction->expires_at, hash, transaction->version);
    }
    if (result != DB_OK)
        return result;
    if (changed == 0)
        return DB_CONFLICT;
    transaction->version++;
    raise_change(tx, transaction);
    return DB_OK;
}

enum db_result login_transaction_finish(struct db_tx *tx, struct login_transaction *transaction)
{
    struct arena *arena = arena_create();
    int64_t changed = 0;
    enum db_result result =
        db_exec(tx, &changed, "DELETE FROM login_transactions WHERE id_hash = ? AND version = ?", "ti",
                token_hash(arena, transaction->id), transaction->version);
    arena_destroy(&arena);
    if (result == DB_OK && changed == 0)
        return DB_CONFLICT;
    if (result == DB_OK)
        raise_change(tx, transaction);
    return result;
}
