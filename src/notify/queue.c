/*
 * The queue of messages that may wait: rows of `messages`, sealed, taken by the sender threads of all
 * servers. A server takes a message by moving its turn into the future (a lease): of two that try, one moves
 * it. A server that dies in between leaves the message to the next turn, so a message leaves at least once.
 */
#include "notify/notifier.h"
#include "notify/outbox.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum {
    BATCH = 20,
    LOOK_EVERY_S = 15, /* other servers queue too, and retries fall due */
    LEASE_MS = 5 * 60 * 1000,
    FIRST_RETRY_MS = 30 * 1000,
    LONGEST_RETRY_MS = 60 * 60 * 1000,
    KEPT_MS = 24 * 60 * 60 * 1000
};

struct queued {
    const char *id;
    const char *channel;
    const char *sealed;
    int64_t attempts;
    int64_t next_at;
    int64_t expires_at;
};

static const char *purpose_of(struct arena *arena, const char *id)
{
    return arena_printf(arena, "messages:%s", id);
}

enum db_result notify_queue(struct notifier *notifier, struct db_tx *tx, struct arena *arena,
                            const struct message *message)
{
    if (notifier->config.dev)
        return outbox_add(tx, arena, message);
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "to", message->to);
    json_set_text(doc, root, "text", message->text);
    json_set_text(doc, root, "subject", message->subject);
    json_set_text(doc, root, "html", message->html);
    json_set_text(doc, root, "action", message->action);
    json_set_text(doc, root, "tenant", message->tenant);
    json_set_text(doc, root, "user_id", message->user_id);
    json_set_text(doc, root, "code", message->code);
    json_set_text(doc, root, "locale", message->locale);
    const char *id = random_id(arena, "msg_", 16);
    struct bytes plain = bytes_of_text(json_write_doc(arena, doc));
    const char *sealed = keyring_seal(notifier->keyring, arena, purpose_of(arena, id), plain);
    int64_t now = clock_now_ms();
    return db_exec(tx, NULL,
                   "INSERT INTO messages (id, channel, sealed, attempts, next_at, created_at, expires_at) "
                   "VALUES (?, ?, ?, 0, ?, ?, ?)",
                   "tttiii", id, message->channel, sealed, now, now, now + KEPT_MS);
}

/* The messages whose turn it is. */
static size_t read_due(struct notifier *notifier, struct arena *arena, struct queued due[BATCH])
{
    struct db_tx *tx;
    if (db_begin_read(notifier->db, &tx) != DB_OK)
        return 0;
    struct db_rows rows;
    enum db_result result = db_rows(tx, arena, &rows,
                                    "SELECT id, channel, sealed, attempts, next_at, expires_at FROM messages "
                                    "WHERE next_at <= ? ORDER BY next_at LIMIT ?",
                                    "ii", clock_now_ms(), (int64_t)BATCH);
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

/* Moves the turn of a message, if nobody moved it before; true where this server did. */
static bool move_turn(struct notifier *notifier, const struct queued *queued, int64_t from, int64_t to)
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

static void drop(struct notifier *notifier, const struct queued *queued)
{
    struct db_tx *tx;
    if (db_begin_write(notifier->db, &tx) != DB_OK)
        return;
    if (db_exec(tx, NULL, "DELETE FROM messages WHERE id = ?", "t", queued->id) != DB_OK ||
        db_commit(&tx) != DB_OK)
        db_rollback(&tx);
}

static void give_up(struct notifier *notifier, const struct queued *queued, const char *user_id,
                    const char *reason)
{
    LOG_ERROR("notify.given_up", LOG_TEXT("message", queued->id), LOG_TEXT("channel", queued->channel),
              LOG_INT("attempts", queued->attempts + 1), LOG_TEXT("reason", reason));
    if (notifier->config.logs != NULL)
        log_entry_add(notifier->config.logs,
                      &(struct log_entry){.type = "fn", .description = reason, .user_id = user_id});
    drop(notifier, queued);
}

static int64_t retry_after(int64_t attempts)
{
    int64_t wait = FIRST_RETRY_MS;
    for (int64_t i = 0; i < attempts && wait < LONGEST_RETRY_MS; i++)
        wait *= 2;
    return wait < LONGEST_RETRY_MS ? wait : LONGEST_RETRY_MS;
}

/* False where another server had taken it, or the store could not be written. */
static bool send_queued(struct notifier *notifier, struct arena *arena, const struct queued *queued)
{
    int64_t lease = clock_now_ms() + LEASE_MS;
    if (!move_turn(notifier, queued, queued->next_at, lease))
        return false;
    struct bytes plain;
    yyjson_val *root = NULL;
    if (keyring_open(notifier->keyring, arena, purpose_of(arena, queued->id), queued->sealed, &plain))
        root = json_parse_own(arena, arena_strndup(arena, (const char *)plain.data, plain.size));
    if (root == NULL) {
        give_up(notifier, queued, NULL, "the stored message cannot be opened");
        return true;
    }
    struct message message = {
        .channel = queued->channel,
        .to = json_text(root, "to"),
        .text = json_text(root, "text"),
        .subject = json_text(root, "subject"),
        .html = json_text(root, "html"),
        .action = json_text(root, "action"),
        .tenant = json_text(root, "tenant"),
        .user_id = json_text(root, "user_id"),
        .code = json_text(root, "code"),
        .locale = json_text(root, "locale"),
    };
    const char *reason;
    enum notify_result result = notify_send(notifier, arena, &message, &reason);
    int64_t next = clock_now_ms() + retry_after(queued->attempts);
    if (result == NOTIFY_SENT)
        drop(notifier, queued);
    else if (result == NOTIFY_REFUSED || next >= queued->expires_at)
        give_up(notifier, queued, message.user_id, reason);
    else if (!move_turn(notifier, queued, lease, next))
        LOG_WARN("notify.lease_lost", LOG_TEXT("message", queued->id));
    return true;
}

/* Waits for a wake-up or the next look; true where the thread shall end. */
static bool wait_for_turn(struct notifier *notifier)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LOOK_EVERY_S;
    pthread_mutex_lock(&notifier->lock);
    int waited = 0;
    while (!notifier->woken && !notifier->stopping && waited == 0)
        waited = pthread_cond_timedwait(&notifier->wake, &notifier->lock, &until);
    notifier->woken = false;
    bool stopping = notifier->stopping;
    pthread_mutex_unlock(&notifier->lock);
    return stopping;
}

static bool is_stopping(struct notifier *notifier)
{
    pthread_mutex_lock(&notifier->lock);
    bool stopping = notifier->stopping;
    pthread_mutex_unlock(&notifier->lock);
    return stopping;
}

void *queue_sender(void *argument)
{
    struct notifier *notifier = argument;
    bool more = true; /* what an earlier run left is looked for at once */
    while (!is_stopping(notifier) && (more || !wait_for_turn(notifier))) {
        struct arena *arena = arena_create();
        struct queued due[BATCH];
        size_t found = read_due(notifier, arena, due), taken = 0;
        for (size_t i = 0; i < found && !is_stopping(notifier); i++)
            taken += send_queued(notifier, arena, &due[i]);
        more = found == BATCH && taken > 0;
        arena_destroy(&arena);
    }
    return NULL;
}
