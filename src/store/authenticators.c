#include "store/authenticators.h"

#include "crypto/digest.h"
#include "store/sealed.h"

#include <string.h>

#define AUTHENTICATOR_COLUMNS                                                                                \
    "id, user_id, kind, status, sealed, last_step, doc, version, created_at, confirmed_at, last_auth_at"

/* An UPDATE that finds its row or not: how all that works once is used up. */
static enum db_result found(enum db_result result, int64_t changed)
{
    return result == DB_OK && changed == 0 ? DB_NOT_FOUND : result;
}

static enum db_result read_authenticator(struct arena *arena, const struct keyring *keyring,
                                         const struct db_value *row, struct authenticator *out)
{
    *out = (struct authenticator){
        .id = row[0].text,
        .user_id = row[1].text,
        .kind = row[2].text,
        .confirmed = strcmp(row[3].text, "confirmed") == 0,
        .last_step = row[5].number,
        .doc = json_parse_own(arena, row[6].text),
        .version = row[7].number,
        .created_at = row[8].number,
        .confirmed_at = row[9].number,
        .last_auth_at = row[10].number,
    };
    if (row[4].is_null)
        return DB_OK;
    return sealed_open(keyring, arena, "authenticators", out->id, row[4].text, &out->secret);
}

enum db_result authenticators_of_user(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                                      const char *user_id, struct authenticator **list, size_t *count)
{
    *list = NULL;
    *count = 0;
    struct db_rows rows;
    enum db_result result = db_rows(tx, arena, &rows,
                                    "SELECT " AUTHENTICATOR_COLUMNS
                                    " FROM authenticators WHERE user_id = ? ORDER BY created_at, id",
                                    "t", user_id);
    if (result == DB_OK)
        *list = arena_calloc(arena, rows.count, sizeof **list);
    for (size_t i = 0; result == DB_OK && i < rows.count; i++) {
        result = read_authenticator(arena, keyring, db_at(&rows, i, 0), &(*list)[i]);
        *count = i + 1;
    }
    return result;
}

enum db_result authenticator_by_id(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                                   const char *id, struct authenticator *out)
{
    *out = (struct authenticator){0};
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row, "SELECT " AUTHENTICATOR_COLUMNS " FROM authenticators WHERE id = ?", "t", id);
    return result == DB_OK ? read_authenticator(arena, keyring, row, out) : result;
}

enum db_result authenticator_by_code(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                                     const char *kind, const char *code_hash, struct authenticator *out)
{
    *out = (struct authenticator){0};
    struct db_value *row = NULL;
    enum db_result result =
        db_row(tx, arena, &row,
               "SELECT " AUTHENTICATOR_COLUMNS " FROM authenticators WHERE code_hash = ? AND kind = ?", "tt",
               code_hash, kind);
    return result == DB_OK ? read_authenticator(arena, keyring, row, out) : result;
}

enum db_result authenticator_set_doc(struct db_tx *tx, const char *id, int64_t version, const char *doc)
{
    int64_t changed = 0;
    enum db_result result = db_exec(
        tx, &changed, "UPDATE authenticators SET doc = ?, version = version + 1 WHERE id = ? AND version = ?",
        "tti", doc, id, version);
    return result == DB_OK && changed == 0 ? DB_CONFLICT : result;
}

enum db_result authenticator_set_code(struct db_tx *tx, const char *id, const char *code_hash)
{
    int64_t changed = 0;
    enum db_result result =
        db_exec(tx, &changed, "UPDATE authenticators SET code_hash = ? WHERE id = ?", "tt", code_hash, id);
    return found(result, changed);
}

enum db_result authenticator_insert(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                                    const struct authenticator *authenticator, const char *code_hash)
{
    const char *sealed = NULL;
    if (authenticator->secret.size > 0)
        sealed = sealed_make(keyring, arena, "authenticators", authenticator->id, authenticator->secret);
    const char *doc = authenticator->doc != NULL ? json_write(arena, authenticator->doc) : "{}";
    return db_exec(
        tx, NULL,
        "INSERT INTO authenticators (id, user_id, kind, status, sealed, code_hash, last_step, doc, version,"
        " created_at) VALUES (?, ?, ?, 'pending', ?, ?, ?, ?, 1, ?)",
        "tttttiti", authenticator->id, authenticator->user_id, authenticator->kind, sealed, code_hash,
        authenticator->last_step, doc, authenticator->created_at);
}

enum db_result authenticator_confirm(struct db_tx *tx, const char *id, int64_t step, int64_t now)
{
    int64_t changed = 0;
    enum db_result result = db_exec(tx, &changed,
                                    "UPDATE authenticators SET status = 'confirmed', last_step = ?, "
                                    "confirmed_at = ?, version = version + 1"
                                    " WHERE id = ? AND status = 'pending'",
                                    "iit", step, now, id);
    return found(result, changed);
}

enum db_result authenticator_use_step(struct db_tx *tx, const char *id, int64_t step, int64_t now)
{
    int64_t changed = 0;
    enum db_result result =
        db_exec(tx, &changed,
                "UPDATE authenticators SET last_step = ?, last_auth_at = ? WHERE id = ? AND last_step < ?"
                " AND status = 'confirmed'",
                "iiti", step, now, id, step);
    return found(result, changed);
}

enum db_result authenticator_touch(struct db_tx *tx, const char *id, int64_t now)
{
    int64_t changed = 0;
    enum db_result result =
        db_exec(tx, &changed, "UPDATE authenticators SET last_auth_at = ? WHERE id = ?", "it", now, id);
    return found(result, changed);
}

enum db_result authenticator_replace_code(struct db_tx *tx, const char *user_id, const char *code_hash,
                                          const char *next_hash, int64_t now)
{
    int64_t changed = 0;
    enum db_result result =
        db_exec(tx, &changed,
                "UPDATE authenticators SET code_hash = ?, last_auth_at = ?, version = version + 1"
                " WHERE user_id = ? AND kind = 'recovery-code' AND status = 'confirmed' AND code_hash = ?",
                "titt", next_hash, now, user_id, code_hash);
    return found(result, changed);
}

enum db_result authenticator_delete(struct db_tx *tx, const char *id)
{
    int64_t changed = 0;
    enum db_result result = db_exec(tx, NULL, "DELETE FROM challenges WHERE authenticator_id = ?", "t", id);
    if (result == DB_OK)
        result = db_exec(tx, NULL, "DELETE FROM push_challenges WHERE authenticator_id = ?", "t", id);
    if (result == DB_OK)
        result = db_exec(tx, &changed, "DELETE FROM authenticators WHERE id = ?", "t", id);
    return found(result, changed);
}

enum db_result authenticators_delete_pending(struct db_tx *tx, const char *user_id, const char *kind)
{
    return db_exec(tx, NULL,
                   "DELETE FROM authenticators WHERE user_id = ? AND kind = ? AND status = 'pending'", "tt",
                   user_id, kind);
}

enum db_result challenge_insert(struct db_tx *tx, const struct challenge *challenge)
{
    return db_exec(tx, NULL,
                   "INSERT INTO challenges (id, authenticator_id, user_id, binding, code_hash, doc, "
                   "created_at, expires_at)"
                   " VALUES (?, ?, ?, ?, ?, '{}', ?, ?)",
                   "tttttii", challenge->id, challenge->authenticator_id, challenge->user_id,
                   challenge->binding, challenge->code_hash, challenge->created_at, challenge->expires_at);
}

enum db_result challenges_void(struct db_tx *tx, const char *authenticator_id, const char *binding,
                               int64_t now)
{
    return db_exec(
        tx, NULL,
        "UPDATE challenges SET used_at = ? WHERE authenticator_id = ? AND binding = ? AND used_at IS NULL",
        "itt", now, authenticator_id, binding);
}

enum db_result challenge_use(struct db_tx *tx, const char *authenticator_id, const char *binding,
                             const char *code_hash, int64_t now)
{
    int64_t changed = 0;
    enum db_result result =
        db_exec(tx, &changed,
                "UPDATE challenges SET used_at = ? WHERE authenticator_id = ? AND binding = ?"
                " AND code_hash = ? AND used_at IS NULL AND expires_at > ?",
                "ittti", now, authenticator_id, binding, code_hash, now);
    return found(result, changed);
}

enum db_result challenge_expired(struct db_tx *tx, struct arena *arena, const char *authenticator_id,
                                 const char *binding, const char *code_hash, int64_t now, bool *expired)
{
    struct db_value *row = NULL;
    enum db_result result = db_row(tx, arena, &row,
                                   "SELECT id FROM challenges WHERE authenticator_id = ? AND binding = ?"
                                   " AND code_hash = ? AND used_at IS NULL AND expires_at <= ?",
                                   "ttti", authenticator_id, binding, code_hash, now);
    *expired = result == DB_OK;
    return result == DB_NOT_FOUND ? DB_OK : result;
}
