/* Sealing anew, under the first key of the keyring, what the store holds under older ones (`countersign rekey`). */
#ifndef COUNTERSIGN_STORE_RESEAL_H
#define COUNTERSIGN_STORE_RESEAL_H

#include "crypto/keyring.h"
#include "store/db.h"

struct reseal_counts {
    int64_t resealed;   /* rows now under the first key */
    int64_t unreadable; /* rows that no key opens; logged by table and id, and left as they are */
};

/*
 * Goes through every table with a `sealed` column, in small transactions, until a pass over all of them finds nothing more
 * to do. May be interrupted and run again, and runs beside servers: a row that changes meanwhile is looked at again.
 */
enum db_result reseal_all(struct db *db, const struct keyring *keyring,
                          struct reseal_counts *counts) NODISCARD;

/* How many rows are sealed by another key than the first. */
enum db_result reseal_remaining(struct db *db, const struct keyring *keyring, int64_t *remaining) NODISCARD;

#endif
