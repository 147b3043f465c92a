/* The outbox of a server that runs with --dev: what would have left, kept in the store for people and tests
 * to read. */
#ifndef COUNTERSIGN_NOTIFY_OUTBOX_H
#define COUNTERSIGN_NOTIFY_OUTBOX_H

#include "notify/channel.h"
#include "json/json.h"

/*
 * Puts a message into the outbox, within the write. The stored document is what GET /dev/outbox shows of it:
 * at, channel, to, and text (SMS) or subject, html and text (e-mail).
 */
enum db_result outbox_add(struct db_tx *tx, struct arena *arena, const struct message *message) NODISCARD;

/* The newest 200 messages, newest first, as an array; `channel` and `to` narrow it where they are not NULL.
 */
enum db_result outbox_list(struct db_tx *tx, struct arena *arena, const char *channel, const char *to,
                           yyjson_mut_doc **list) NODISCARD;

#endif
