/* What db.c and the PostgreSQL listener need of signals. For src/store alone. */
#ifndef COUNTERSIGN_STORE_SIGNALS_H
#define COUNTERSIGN_STORE_SIGNALS_H

#include "store/signal.h"

struct signals;
struct raised; /* the topics of one write */

/* `uri` is PostgreSQL's, NULL for a store that only this process has. */
struct signals *signals_create(const char *uri) NODISCARD;
void signals_free(struct signals **signals);

/* Tells all who listen; NULL: that signals may have been missed. */
void signals_tell(struct signals *signals, const char *topic);

/* At a write's end: tells what was raised, or forgets it. Frees *raised. */
void signals_settle(struct signals *signals, struct raised **raised, bool committed);

/* A connection that listens for what other servers raise, on a thread of its own. */
struct postgres_listener;
/* `own_name` begins the payloads of this process, which it hears without the detour. NULL where there is no thread. */
struct postgres_listener *postgres_listener_start(struct signals *signals, const char *uri,
                                                  const char *own_name) NODISCARD;
void postgres_listener_stop(struct postgres_listener **listener);

/* The channel that all servers use, and a payload's form: NAME, a space, TOPIC. */
#define SIGNAL_CHANNEL "countersign"

#endif
