#include "store/push_challenges.h"

#include <string.h>

#define PUSH_COLUMNS                                                                                         \
    "id, send_id, authenticator_id, user_id, binding, status, doc, created_at, expires_at, answered_at"

static void read_challenge(struct arena *arena, const struct db_value *row, struct push_challenge *out)
{
    *out = (struct push_challenge){
        .id = row[0].text,
        .send_id = row[1].text,
        .authenticator_id = row[2].text,
        .user_id = row[3].text,
        .binding = row[4].text,
        .status = row[5].text,
        .doc = json_parse_own(arena, row[6].text),
        .created_at = row[7].number,
        .expires_at = row[8].number,
        .answered_at = row[9].number,
    };
}

enum db_result push_challenge_insert(struct db_tx *tx, struct arena *arena,
                                     const struct push_challenge *challenge)
{
    return db_exec(
        tx, NULL,
        "INSERT INTO push_challenges (id, send_id, authenticator_id, user_id, binding, status, doc,"
        " created_at, expires_at) VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, ?)",
        "ttttttii", challenge->id, challenge->send_id, challenge->authenticator_id, challenge->user_id,
        challenge->binding, json_write(arena, challenge->doc), challenge->created_at, challenge->expires_at);
}

enum db_result push_challenge_by_id(struct db_tx *tx, struct arena *arena, const char *id,
                                    struct push_challenge *out)
{
    struct db_value *row = NULL;
    *out = (struct push_challenge){0};
    enum db_result result =
        db_row(tx, arena, &row, "SELECT " PUSH_COLUMNS " FROM push_challenges WHERE id = ?", "t", id);
    if (result == DB_OK)
        read_challenge(arena, row, out);
    return result;
}

enum db_result push_challenges_open(struct db_tx *tx, struct arena *arena, const char *authenticator_id,
                                    int64_t now, struct push_challenge **list, size_t *count)
{
    struct db_rows rows;
    *list = NULL;
    *count = 0;
    enum db_result result = db_rows(tx, arena, &rows,
                                    "SELECT " PUSH_COLUMNS " FROM push_challenges WHERE authenticator_id = ?"
                                    " AND status = 'pending' AND expires_at > ? ORDER BY created_at, id",
                                    "ti", authenticator_id, now);
    if (result != DB_OK)
        return result;
    *list = arena_calloc(arena, rows.count + 1, sizeof **list);
    for (; *count < rows.count; (*count)++)
        read_challenge(arena, db_at(&rows, *count, 0), &(*list)[*count]);
    return DB_OK;
}

enum db_result push_challenge_latest(struct db_tx *tx, struct arena *arena, const char *binding,
                                     struct push_challenge *out)
{
    struct db_value *row = NULL;
    *out = (struct push_challenge){0};
    enum db_result result =
        db_row(tx, arena, &row,
               "SELECT " PUSH_COLUMNS " FROM push_challenges WHERE binding = ? ORDER BY created_at DESC,"
               " CASE status WHEN 'closed' THEN 1 ELSE 0 END, id LIMIT 1",
               "t", binding);
    if (result == DB_OK)
        read_challenge(arena, row, out);
    return result;
}

enum db_result push_challenge_answer(struct db_tx *tx, struct arena *arena,
                                     const struct push_challenge *challenge, bool accepted,
                                     const char *reason, int64_t now)
{
    int64_t changed = 0;
    yyjson_mut_doc *doc = json_thaw(arena, challenge->doc);
    json_set_text(doc, yyjson_mut_doc_get_root(doc), "reason", reason);
    enum db_result result = db_exec(
        tx, &changed,
        "UPDATE push_challenges SET status = ?, doc = ?, answered_at = ? WHERE id = ?"
        " AND status = 'pending' AND expires_at > ?",
        "ttiti", accepted ? "accepted" : "rejected", json_write_doc(arena, doc), now, challenge->id, now);
    if (result == DB_OK && changed == 0)
        return DB_NOT_FOUND;
    return result == DB_OK ? push_challenges_close(tx, challenge->binding, now) : result;
}

enum db_result push_challenge_spend(struct db_tx *tx, struct arena *arena, const char *binding,
                                    int64_t answered_since, const char **authenticator_id)
{
    struct db_value *row = NULL;
    *authenticator_id = NULL;
    enum db_result result = db_row(tx, arena, &row,
                                   "UPDATE push_challenges SET status = 'spent' WHERE binding = ?"
                                   " AND status = 'accepted' AND answered_at >= ? RETURNING authenticator_id",
                                   "ti", binding, answered_since);
    if (result == DB_OK)
        *authenticator_id = row[0].text;
    return result;
}

enum db_result push_challenges_close(struct db_tx *tx, const char *binding, int64_t now)
{
    return db_exec(tx, NULL,
                   "UPDATE push_challenges SET status = 'closed', answered_at = ? WHERE binding = ?"
                   " AND status = 'pending'",
                   "it", now, binding);
}

enum db_result push_challenges_unanswered(struct db_tx *tx, struct arena *arena, const char *user_id,
                                          int64_t since, int64_t *count)
{
    struct db_value *row = NULL;
    *count = 0;
    enum db_result result = db_row(tx, arena, &row,
                                   "SELECT COUNT(DISTINCT send_id) FROM push_challenges WHERE user_id = ?"
                                   " AND created_at > ? AND status IN ('pending', 'rejected')",
                                   "ti", user_id, since);
    if (result == DB_OK)
        *count = row[0].number;
    return result;
}
