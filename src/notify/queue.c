/*
 * The queue of messages that may wait (pushes may not: push_queue.c): rows of `messages`, sealed, taken by the
 * sender threads of all servers. A server takes a message by moving its turn into the future (a lease): of two that try, one moves
 * it. A server that dies in between leaves the message to the next turn, so a message leaves at least once.
 */
#include "notify/outbox.h"
#include "notify/queue_rows.h"

#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>
#include <string.h>

enum {
    BATCH = 20,
    LOOK_EVERY_MS = 15 * 1000, /* other servers queue too, and retries fall due */
    LEASE_MS = 5 * 60 * 1000,
    FIRST_RETRY_MS = 30 * 1000,
    LONGEST_RETRY_MS = 60 * 60 * 1000,
    KEPT_MS = 24 * 60 * 60 * 1000
};

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
    return queue_add(notifier, tx, arena, message->channel, json_write_doc(arena, doc),
                     clock_now_ms() + KEPT_MS);
}

static void give_up(struct notifier *notifier, const struct queued *queued, const char *user_id,
                    const char *reason)
{
    LOG_ERROR("notify.given_up", LOG_TEXT("message", queued->id), LOG_TEXT("channel", queued->channel),
              LOG_INT("attempts", queued->attempts + 1), LOG_TEXT("reason", reason));
    if (notifier->config.logs != NULL)
        log_entry_add(notifier->config.logs,
                      &(struct log_entry){.type = "fn", .description = reason, .user_id = user_id});
    queue_drop(notifier, queued);
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
    if (!queue_move(notifier, queued, queued->next_at, lease))
        return false;
    yyjson_val *root = queue_open(notifier, arena, queued);
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
        queue_drop(notifier, queued);
    else if (result == NOTIFY_REFUSED || next >= queued->expires_at)
        give_up(notifier, queued, message.user_id, reason);
    else if (!queue_move(notifier, queued, lease, next))
        LOG_WARN("notify.lease_lost", LOG_TEXT("message", queued->id));
    return true;
}

void *queue_sender(void *argument)
{
    struct notifier *notifier = argument;
    bool more = true; /* what an earlier run left is looked for at once */
    while (!notifier_is_stopping(notifier) &&
           (more || notifier_wait(notifier, &notifier->woken, LOOK_EVERY_MS))) {
        struct arena *arena = arena_create();
        struct queued due[BATCH];
        size_t found = queue_due(notifier, arena, QUEUE_MAIL, BATCH, due), taken = 0;
        for (size_t i = 0; i < found && !notifier_is_stopping(notifier); i++)
            taken += send_queued(notifier, arena, &due[i]);
        more = found == BATCH && taken > 0;
        arena_destroy(&arena);
    }
    return NULL;
}
