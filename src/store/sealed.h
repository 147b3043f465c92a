/* Columns named `sealed`: what they hold is sealed for the purpose "TABLE:ID" of its row, and for no other. */
#ifndef COUNTERSIGN_STORE_SEALED_H
#define COUNTERSIGN_STORE_SEALED_H

#include "crypto/keyring.h"
#include "store/db.h"

/* The text of such a column. */
char *sealed_make(const struct keyring *keyring, struct arena *arena, const char *table, const char *id,
                  struct bytes secret) NODISCARD;

/* Opens it; DB_FAILED, logged, where its key is missing from the keyring or the text was tampered with. */
enum db_result sealed_open(const struct keyring *keyring, struct arena *arena, const char *table,
                           const char *id, const char *sealed, struct bytes *secret) NODISCARD;

#endif
