#include "store/backchannel_logins.h"

enum db_result backchannel_login_insert(struct db_tx *tx, struct arena *arena,
                                        const struct backchannel_login *login)
{
    return db_exec(tx, NULL,
                   "INSERT INTO backchannel_logins (id_hash, client_id, user_id, doc, interval_s, created_at,"
                   " expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                   "ttttiii", login->hash, login->client_id, login->user_id, json_write(arena, login->doc),
                   login->interval_s, login->created_at, login->expires_at);
}

enum db_result backchannel_login_lock(struct db_tx *tx, struct arena *arena, const char *hash,
                                      struct backchannel_login *out)
{
    struct db_value *row = NULL;
    *out = (struct backchannel_login){0};
    enum db_result result =
        db_row(tx, arena, &row,
               "SELECT id_hash, client_id, user_id, doc, interval_s, coalesce(polled_at, 0), created_at,"
               " expires_at, coalesce(ended_at, 0) FROM backchannel_logins WHERE id_hash = ? FOR UPDATE",
               "t", hash);
    if (result != DB_OK)
        return result;
    *out = (struct backchannel_login){
        .hash = row[0].text,
        .client_id = row[1].text,
        .user_id = row[2].text,
        .doc = json_parse_own(arena, row[3].text),
        .interval_s = row[4].number,
        .polled_at = row[5].number,
        .created_at = row[6].number,
        .expires_at = row[7].number,
        .ended_at = row[8].number,
    };
    return out->doc != NULL ? DB_OK : DB_FAILED;
}

enum db_result backchannel_login_note_poll(struct db_tx *tx, const char *hash, int64_t interval_s,
                                           int64_t now)
{
    return db_exec(tx, NULL, "UPDATE backchannel_logins SET interval_s = ?, polled_at = ? WHERE id_hash = ?",
                   "iit", interval_s, now, hash);
}

enum db_result backchannel_login_end(struct db_tx *tx, const char *hash, int64_t now)
{
    int64_t changed = 0;
    enum db_result result = db_exec(
        tx, &changed, "UPDATE backchannel_logins SET ended_at = ? WHERE id_hash = ? AND ended_at IS NULL",
        "it", now, hash);
    return result == DB_OK && changed == 0 ? DB_CONFLICT : result;
}
