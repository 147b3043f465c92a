/* The tenant's settings: one JSON document a name ("tenant", "guardian.factors", "guardian.policies", …). */
#ifndef COUNTERSIGN_STORE_SETTINGS_H
#define COUNTERSIGN_STORE_SETTINGS_H

#include "crypto/keyring.h"
#include "store/db.h"
#include "json/json.h"

/* The document of that name into *doc; DB_NOT_FOUND (and *doc NULL) where it was never set: defaults are the caller's. */
enum db_result settings_get(struct db_tx *tx, struct arena *arena, const char *name,
                            yyjson_val **doc) NODISCARD;

/*
 * Locks the settings of that name for the rest of the write: of several who read, change and store them, one follows the
 * other. Where they were never set they become {}.
 */
enum db_result settings_lock(struct db_tx *tx, struct arena *arena, const char *name) NODISCARD;

/* Stores `doc` under that name, whole. */
enum db_result settings_put(struct db_tx *tx, const char *name, const char *doc) NODISCARD;

/* The same for settings that hold credentials: sealed whole under the purpose "settings:NAME". */
enum db_result settings_get_sealed(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                                   const char *name, yyjson_val **doc) NODISCARD;
enum db_result settings_put_sealed(struct db_tx *tx, struct arena *arena, const struct keyring *keyring,
                                   const char *name, const char *doc) NODISCARD;

#endif
