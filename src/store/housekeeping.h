/*
 * Housekeeping: a thread that deletes rows whose time is over, in small batches, so that no login waits for it. Nothing depends on
 * it for being right: who reads a row looks at its times.
 */
#ifndef COUNTERSIGN_STORE_HOUSEKEEPING_H
#define COUNTERSIGN_STORE_HOUSEKEEPING_H

#include "crypto/keyring.h"
#include "store/db.h"

struct housekeeping;

/* Starts the thread: once a minute it works through all tables, and lets the keyring look at its file. */
struct housekeeping *housekeeping_start(struct db *db, struct keyring *keyring) NODISCARD;
void housekeeping_stop(struct housekeeping **housekeeping);

/* One such round, on the caller's thread, as of `now_ms`; *deleted is how many rows went. */
enum db_result housekeeping_run(struct db *db, int64_t now_ms, int64_t *deleted) NODISCARD;

#endif
