#include "notify/queue_rows.h"

#include "base/clock.h"
#include "base/random.h"

static const char *purpose_of(struct arena *arena, const char *id)
{
    return arena_printf(arena, "messages:%s", id);
}

enum db_result queue_add(struct notifier *notifier, struct db_tx *tx, struct arena *arena,
                         const char *channel, const char *json, int64_t expires_at)
{
    const char *id = random_id(arena, "msg_", 16);
    const char *sealed = keyring_seal(notifier->keyring, arena, purpose_of(arena, id), bytes_of_text(json));
    int64_t now = clock_now_ms();
    return db_exec(tx, NULL,
                   "INSERT INTO messages (id, channel, sealed, attempts, next_at, created_at, expires_at) "
                   "VALUES (?, ?, ?, 0, ?, ?, ?)",
                   "tttiii", id, channel, sealed, now, now, expires_at);
}

size_t queue_due(struct notifier *notifier, struct arena *arena, enum queue_kind kind, size_t most,
                 struct queued *due)
{
    struct db_tx *tx;
    if (db_begin_read(notifier->db, &tx) != DB_OK)
        return 0;
    struct db_rows rows;
    enum db_result result =
        db_rows(tx, arena, &rows,
                "SELECT id, channel, sealed, attempts, next_at, expires_at FROM messages "
                "WHERE next_at <= ? AND (channel = 'push') = (? = 1) ORDER BY next_at LIMIT ?",
                "iii", clock_now_ms(), (int64_t)(kind == QUEUE_PUSH), (int64_t)most);
    db_end(&tx);
    if (result != DB_OK)
        return 0;
    for (size_t i = 0; i < rows.count; i++)
        due[i] = (struct queued){
            .id = db_at(&rows, i, 0)->text,
            .channel = db_at(&rows, i, 1)->text,
            .sealed = db_at(&rows, i, 2)->text,
            .attempts = db_at(&rows, i, 3)->number,
            .next_at = db_at(&rows, i, 4)->number,
            .expires_at = db_at(&rows, i, 5)->number,
        };
    return rows.count;
}

bool queue_move(struct notifier *notifier, const struct queued *queued, int64_t from, int64_t to)
{
    struct db_tx *tx;
    if (db_begin_write(notifier->db, &tx) != DB_OK)
        return false;
    int64_t changed = 0;
    if (db_exec(tx, &changed, "UPDATE messages SET next_at = ?, attempts = ? WHERE id = ? AND next_at = ?",
                "iiti", to, queued->attempts + 1, queued->id, from) != DB_OK) {
        db_rollback(&tx);
        return false;
    }
    return db_commit(&tx) == DB_OK && changed == 1;
}

yyjson_val *queue_open(struct notifier *notifier, struct arena *arena, const struct queued *queued)
{
    struct bytes plain;
    if (!keyring_open(notifier->keyring, arena, purpose_of(arena, queued->id), queued->sealed, &plain))
        return NULL;
    return json_parse_own(arena, (const char *)plain.data);
}

void queue_drop(struct notifier *notifier, const struct queued *queued)
{
    struct db_tx *tx;
    if (db_begin_write(notifier->db, &tx) != DB_OK)
        return;
    if (db_exec(tx, NULL, "DELETE FROM messages WHERE id = ?", "t", queued->id) != DB_OK ||
        db_commit(&tx) != DB_OK)
        db_rollback(&tx);
}
