#include "store/reseal.h"

#include "base/log.h"
#include "store/sealed.h"

enum { BATCH = 100, MOST_PASSES = 100 };

#define SEALED_TABLE(table, key)                                                                             \
    {                                                                                                        \
        table,                                                                                               \
            "SELECT " key ", sealed FROM " table " WHERE sealed IS NOT NULL AND " key " > ? ORDER BY " key   \
            " LIMIT 100",                                                                                    \
            "UPDATE " table " SET sealed = ? WHERE " key " = ? AND sealed = ?"                               \
    }

static const struct table {
    const char *name;
    const char *select;
    const char *update;
} tables[] = {
    SEALED_TABLE("settings", "name"),     SEALED_TABLE("signing_keys", "kid"),
    SEALED_TABLE("clients", "id"),        SEALED_TABLE("resource_servers", "id"),
    SEALED_TABLE("connections", "id"),    SEALED_TABLE("rules_configs", "id"),
    SEALED_TABLE("authenticators", "id"), SEALED_TABLE("messages", "id"),
};

/* Where a walk through one table stands. */
struct walk {
    struct db *db;
    const struct keyring *keyring;
    const struct table *table;
    const char *after;  /* the key of the last row seen */
    struct arena *keys; /* holds `after` */
    bool writes;
    int64_t stale;
    struct reseal_counts *counts; /* of this pass */
};

static enum db_result reseal_row(struct walk *walk, struct db_tx *tx, struct arena *arena, const char *id,
                                 const char *sealed)
{
    struct bytes secret;
    if (sealed_open(walk->keyring, arena, walk->table->name, id, sealed, &secret) != DB_OK) {
        walk->counts->unreadable++;
        return DB_OK;
    }
    int64_t changed = 0;
    const char *anew = sealed_make(walk->keyring, arena, walk->table->name, id, secret);
    enum db_result result = db_exec(tx, &changed, walk->table->update, "ttt", anew, id, sealed);
    walk->counts->resealed += result == DB_OK ? changed : 0;
    return result;
}

static enum db_result look_at_batch(struct walk *walk, struct db_tx *tx, struct arena *arena, size_t *seen)
{
    struct db_rows rows;
    enum db_result result = db_rows(tx, arena, &rows, walk->table->select, "t", walk->after);
    *seen = rows.count;
    for (size_t i = 0; i < rows.count && result == DB_OK; i++) {
        const char *sealed = db_at(&rows, i, 1)->text;
        if (keyring_is_current(walk->keyring, sealed))
            continue;
        walk->stale++;
        if (walk->writes)
            result = reseal_row(walk, tx, arena, db_at(&rows, i, 0)->text, sealed);
    }
    if (rows.count > 0)
        walk->after = arena_strdup(walk->keys, db_at(&rows, rows.count - 1, 0)->text);
    return result;
}

static enum db_result walk_table(struct walk *walk)
{
    size_t seen = BATCH;
    enum db_result result = DB_OK;
    walk->after = "";
    walk->keys = arena_create();
    while (seen == BATCH && result == DB_OK) {
        struct arena *arena = arena_create();
        struct db_tx *tx = NULL;
        result = walk->writes ? db_begin_write(walk->db, &tx) : db_begin_read(walk->db, &tx);
        if (result == DB_OK)
            result = look_at_batch(walk, tx, arena, &seen);
        if (result == DB_OK && walk->writes)
            result = db_commit(&tx);
        db_rollback(&tx);
        arena_destroy(&arena);
    }
    arena_destroy(&walk->keys);
    return result;
}

static enum db_result walk_all(struct walk *walk)
{
    enum db_result result = DB_OK;
    for (size_t i = 0; i < ARRAY_LENGTH(tables) && result == DB_OK; i++) {
        walk->table = &tables[i];
        result = walk_table(walk);
    }
    return result;
}

enum db_result reseal_all(struct db *db, const struct keyring *keyring, struct reseal_counts *counts)
{
    *counts = (struct reseal_counts){0};
    for (int pass = 0; pass < MOST_PASSES; pass++) {
        struct reseal_counts found = {0};
        struct walk walk = {.db = db, .keyring = keyring, .writes = true, .counts = &found};
        enum db_result result = walk_all(&walk);
        if (result != DB_OK)
            return result;
        counts->resealed += found.resealed;
        counts->unreadable = found.unreadable;
        if (walk.stale == found.unreadable)
            return DB_OK;
    }
    return DB_CONFLICT;
}

enum db_result reseal_remaining(struct db *db, const struct keyring *keyring, int64_t *remaining)
{
    struct walk walk = {.db = db, .keyring = keyring};
    enum db_result result = walk_all(&walk);
    *remaining = walk.stale;
    return result;
}
