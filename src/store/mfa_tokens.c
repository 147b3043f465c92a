#include "store/mfa_tokens.h"

enum db_result mfa_token_by_hash(struct db_tx *tx, struct arena *arena, const char *hash,
                                 struct mfa_token *out)
{
    struct db_value *row = NULL;
    *out = (struct mfa_token){0};
    enum db_result result = db_row(tx, arena, &row,
                                   "SELECT token_hash, user_id, client_id, doc, version, created_at,"
                                   " expires_at, coalesce(ended_at, 0) FROM mfa_tokens WHERE token_hash = ?",
                                   "t", hash);
    if (result != DB_OK)
        return result;
    yyjson_val *doc = json_parse_own(arena, row[3].text);
    if (doc == NULL)
        return DB_FAILED;
    *out = (struct mfa_token){
        .hash = row[0].text,
        .user_id = row[1].text,
        .client_id = row[2].text,
        .doc = json_thaw(arena, doc),
        .version = row[4].number,
        .created_at = row[5].number,
        .expires_at = row[6].number,
        .ended_at = row[7].number,
    };
    out->root = yyjson_mut_doc_get_root(out->doc);
    return DB_OK;
}

enum db_result mfa_token_save(struct db_tx *tx, struct arena *arena, struct mfa_token *token)
{
    const char *doc = json_write_doc(arena, token->doc);
    int64_t changed = 0;
    enum db_result result;
    if (token->version == 0)
        result = db_exec(tx, &changed,
                         "INSERT INTO mfa_tokens (token_hash, user_id, client_id, doc, version, created_at,"
                         " expires_at) VALUES (?, ?, ?, ?, 1, ?, ?) ON CONFLICT (token_hash) DO NOTHING",
                         "ttttii", token->hash, token->user_id, token->client_id, doc, token->created_at,
                         token->expires_at);
    else
        result = db_exec(tx, &changed,
                         "UPDATE mfa_tokens SET doc = ?, version = version + 1 WHERE token_hash = ? AND"
                         " version = ? AND ended_at IS NULL",
                         "tti", doc, token->hash, token->version);
    if (result != DB_OK)
        return result;
    if (changed == 0)
        return DB_CONFLICT;
    token->version++;
    return DB_OK;
}

enum db_result mfa_token_end(struct db_tx *tx, const char *hash, int64_t now)
{
    int64_t changed = 0;
    enum db_result result =
        db_exec(tx, &changed, "UPDATE mfa_tokens SET ended_at = ? WHERE token_hash = ? AND ended_at IS NULL",
                "it", now, hash);
    return result == DB_OK && changed == 0 ? DB_CONFLICT : result;
}

enum db_result oob_code_insert(struct db_tx *tx, const char *code_hash, const struct oob_code *code)
{
    return db_exec(tx, NULL,
                   "INSERT INTO oob_codes (code_hash, token_hash, user_id, authenticator_id, challenge_id,"
                   " created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                   "tttttii", code_hash, code->token_hash, code->user_id, code->authenticator_id,
                   code->challenge_id, code->created_at, code->expires_at);
}

enum db_result oob_code_spend(struct db_tx *tx, const char *code_hash)
{
    int64_t changed = 0;
    enum db_result result =
        db_exec(tx, &changed, "DELETE FROM oob_codes WHERE code_hash = ?", "t", code_hash);
    return result == DB_OK && changed == 0 ? DB_CONFLICT : result;
}

enum db_result oob_code_by_hash(struct db_tx *tx, struct arena *arena, const char *code_hash,
                                struct oob_code *out)
{
    struct db_value *row = NULL;
    *out = (struct oob_code){0};
    enum db_result result = db_row(tx, arena, &row,
                                   "SELECT token_hash, user_id, authenticator_id, challenge_id, created_at,"
                                   " expires_at FROM oob_codes WHERE code_hash = ?",
                                   "t", code_hash);
    if (result != DB_OK)
        return result;
    *out = (struct oob_code){
        .token_hash = row[0].text,
        .user_id = row[1].text,
        .authenticator_id = row[2].text,
        .challenge_id = row[3].text,
        .created_at = row[4].number,
        .expires_at = row[5].number,
    };
    return DB_OK;
}
