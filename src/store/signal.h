/*
 * Signals: a word that something changed, sent within a write and heard after its commit; never before, and never for a
 * write that was undone. A topic is the name of what changed ("tx:ID", "device:ID"); whoever hears it reads the store again:
 * a signal carries no content, may come twice, and may come for nothing.
 *
 * In this process a signal is heard as soon as its commit is durable. With PostgreSQL every other server on the same database
 * hears it too, by LISTEN and NOTIFY over a connection of its own, which needs a session: not through a pooler that hands
 * out connections by transaction. Where that connection was lost, everybody is told that anything may have changed once it
 * stands again. With SQLite only the process that wrote hears: several servers on one file are not served.
 */
#ifndef COUNTERSIGN_STORE_SIGNAL_H
#define COUNTERSIGN_STORE_SIGNAL_H

#include "store/db.h"

enum { SIGNAL_TOPIC_SIZE = 128 /* with its NUL */ };

/*
 * To be sent when `tx`, a write, is committed. Of printable ASCII, shorter than SIGNAL_TOPIC_SIZE. A store that fails here
 * fails db_commit.
 */
void signal_raise(struct db_tx *tx, const char *topic);

/*
 * Called once for each signal, on the thread that committed or on the listening one: must not block, nor use the store.
 * `topic` NULL: signals may have been missed.
 */
typedef void (*signal_heard)(void *context, const char *topic);

/* From now on `heard` is called. False, with the cause in the log, where there is no room or no thread for it. */
bool signal_listen(struct db *db, signal_heard heard, void *context) NODISCARD;
/* When it returns, `heard` is not running and will not be called again. Not from within `heard`. */
void signal_unlisten(struct db *db, signal_heard heard, void *context);

#endif
