/* The rows of `messages`, for the threads that send them: sealed, and taken by one of several servers at a time. */
#ifndef COUNTERSIGN_NOTIFY_QUEUE_ROWS_H
#define COUNTERSIGN_NOTIFY_QUEUE_ROWS_H

#include "notify/notifier.h"

struct queued {
    const char *id;
    const char *channel;
    const char *sealed;
    int64_t attempts;
    int64_t next_at;
    int64_t expires_at;
};

/* Which messages a thread sends: pushes are worth minutes and do not wait behind mail. */
enum queue_kind { QUEUE_MAIL, QUEUE_PUSH };

/* Adds a message, within the write. */
enum db_result queue_add(struct notifier *notifier, struct db_tx *tx, struct arena *arena,
                         const char *channel, const char *json, int64_t expires_at) NODISCARD;

/* The messages whose turn it is, `most` at most; how many there are. */
size_t queue_due(struct notifier *notifier, struct arena *arena, enum queue_kind kind, size_t most,
                 struct queued *due) NODISCARD;

/*
 * Moves the turn of a message, if nobody moved it before; true where this server did. A server takes a message by moving its
 * turn into the future (a lease).
 */
bool queue_move(struct notifier *notifier, const struct queued *queued, int64_t from, int64_t to) NODISCARD;

/* What was added; NULL where it cannot be opened. */
yyjson_val *queue_open(struct notifier *notifier, struct arena *arena, const struct queued *queued) NODISCARD;

void queue_drop(struct notifier *notifier, const struct queued *queued);

#endif
