#include "notify/outbox.h"

#include "base/clock.h"
#include "base/random.h"
#include "notify/notifier.h"

#include <inttypes.h>

enum { OUTBOX_SHOWN = 200 };

enum db_result outbox_add(struct db_tx *tx, struct arena *arena, const struct message *message)
{
    int64_t now = clock_now_ms();
    yyjson_mut_doc *doc = json_new_object(arena);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    json_set_text(doc, root, "at", clock_iso8601(arena, now));
    json_set_text(doc, root, "channel", message->channel);
    json_set_text(doc, root, "to", message->to);
    json_set_text(doc, root, "subject", message->subject);
    json_set_text(doc, root, "html", message->html);
    json_set_text(doc, root, "text", message->text);
    if (message->payload != NULL)
        json_set(doc, root, "payload", yyjson_val_mut_copy(doc, json_parse_own(arena, message->payload)));
    /* Messages of one millisecond stay in order. */
    const char *id =
        arena_printf(arena, "out_%019" PRId64 "%s", clock_monotonic_ns(), random_text(arena, RANDOM_HEX, 8));
    return db_exec(tx, NULL,
                   "INSERT INTO dev_outbox (id, channel, recipient, doc, at) VALUES (?, ?, ?, ?, ?)", "tttti",
                   id, message->channel, message->to, json_write_doc(arena, doc), now);
}

enum db_result outbox_list(struct db_tx *tx, struct arena *arena, const char *channel, const char *to,
                           yyjson_mut_doc **list)
{
    struct db_rows rows;
    enum db_result result =
        db_rows(tx, arena, &rows,
                "SELECT doc FROM dev_outbox WHERE (channel = ? OR ? = '') AND (recipient = ? OR ? = '') "
                "ORDER BY at DESC, id DESC LIMIT ?",
                "tttti", channel != NULL ? channel : "", channel != NULL ? channel : "", to != NULL ? to : "",
                to != NULL ? to : "", (int64_t)OUTBOX_SHOWN);
    if (result != DB_OK)
        return result;
    *list = json_new_array(arena);
    yyjson_mut_val *array = yyjson_mut_doc_get_root(*list);
    for (size_t i = 0; i < rows.count; i++) {
        yyjson_val *doc = json_parse_own(arena, db_at(&rows, i, 0)->text);
        yyjson_mut_arr_append(array, yyjson_val_mut_copy(*list, doc));
    }
    return DB_OK;
}

static enum notify_result put_into_outbox(struct notifier *notifier, struct arena *arena,
                                          yyjson_val *settings, const struct message *message,
                                          const char **reason)
{
    (void)settings;
    struct db_tx *tx;
    if (db_begin_write(notifier->db, &tx) == DB_OK) {
        if (outbox_add(tx, arena, message) == DB_OK && db_commit(&tx) == DB_OK)
            return NOTIFY_SENT;
        db_rollback(&tx);
    }
    *reason = "the store could not be written";
    return NOTIFY_FAILED;
}

const struct channel outbox_channel = {.name = "outbox", .send = put_into_outbox};
