#include "store/mfa_transactions.h"

enum db_result mfa_transaction_by_id(struct db_tx *tx, struct arena *arena, const char *id, int64_t now,
                                     struct mfa_transaction *out)
{
    struct db_value *row = NULL;
    *out = (struct mfa_transaction){0};
    enum db_result result =
        db_row(tx, arena, &row,
               "SELECT id, user_id, doc, version, created_at, expires_at FROM mfa_transactions"
               " WHERE id = ? AND expires_at > ?",
               "ti", id, now);
    if (result != DB_OK)
        return result;
    yyjson_val *doc = json_parse_own(arena, row[2].text);
    if (doc == NULL)
        return DB_FAILED;
    *out = (struct mfa_transaction){
        .id = row[0].text,
        .user_id = row[1].text,
        .doc = json_thaw(arena, doc),
        .version = row[3].number,
        .created_at = row[4].number,
        .expires_at = row[5].number,
    };
    out->root = yyjson_mut_doc_get_root(out->doc);
    return DB_OK;
}

enum db_result mfa_transaction_save(struct db_tx *tx, struct arena *arena,
                                    struct mfa_transaction *transaction)
{
    const char *doc = json_write_doc(arena, transaction->doc);
    int64_t changed = 0;
    enum db_result result;
    if (transaction->version == 0)
        result =
            db_exec(tx, &changed,
                    "INSERT INTO mfa_transactions (id, user_id, doc, version, created_at, expires_at)"
                    " VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id,"
                    " doc = excluded.doc, version = 1, created_at = excluded.created_at,"
                    " expires_at = excluded.expires_at WHERE mfa_transactions.expires_at <= ?",
                    "tttiii", transaction->id, transaction->user_id, doc, transaction->created_at,
                    transaction->expires_at, transaction->created_at);
    else
        result = db_exec(tx, &changed,
                         "UPDATE mfa_transactions SET doc = ?, version = version + 1, expires_at = ?"
                         " WHERE id = ? AND version = ?",
                         "titi", doc, transaction->expires_at, transaction->id, transaction->version);
    if (result != DB_OK)
        return result;
    if (changed == 0)
        return DB_CONFLICT;
    transaction->version++;
    return DB_OK;
}

enum db_result mfa_transaction_finish(struct db_tx *tx, const struct mfa_transaction *transaction)
{
    int64_t changed = 0;
    enum db_result result = db_exec(tx, &changed, "DELETE FROM mfa_transactions WHERE id = ? AND version = ?",
                                    "ti", transaction->id, transaction->version);
    return result == DB_OK && changed == 0 ? DB_NOT_FOUND : result;
}
