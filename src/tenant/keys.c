#include "base/clock.h"
#include "base/log.h"
#include "tenant/key_cache.h"
#include "tenant/tenant.h"

const struct signing_key *tenant_signing_key(struct tenant *tenant, struct db_tx *tx)
{
    struct arena *arena = arena_create();
    struct db_value *row;
    const struct signing_key *key = NULL;
    if (db_row(tx, arena, &row, "SELECT kid, sealed, certificate FROM signing_keys WHERE state = 'current'",
               "") == DB_OK)
        key = key_cache_get(tenant->keys, row[0].text, row[1].text, row[2].bytes);
    if (key == NULL)
        LOG_ERROR("tenant.no_signing_key", LOG_TEXT("issuer", tenant->config->issuer));
    arena_destroy(&arena);
    return key;
}

const struct signing_key *tenant_key_by_kid(struct tenant *tenant, struct db_tx *tx, const char *kid)
{
    struct arena *arena = arena_create();
    struct db_value *row;
    const struct signing_key *key = NULL;
    if (db_row(tx, arena, &row,
               "SELECT kid, sealed, certificate FROM signing_keys WHERE kid = ? AND state <> 'revoked'", "t",
               kid) == DB_OK)
        key = key_cache_get(tenant->keys, row[0].text, row[1].text, row[2].bytes);
    arena_destroy(&arena);
    return key;
}

enum db_result tenant_published_keys(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                     const struct signing_key ***keys, size_t *count)
{
    struct db_rows rows;
    *count = 0;
    enum db_result result =
        db_rows(tx, arena, &rows,
                "SELECT kid, sealed, certificate FROM signing_keys WHERE state <> 'revoked' "
                "ORDER BY CASE state WHEN 'current' THEN 0 WHEN 'next' THEN 1 ELSE 2 END, "
                "created_at DESC, kid",
                "");
    if (result != DB_OK)
        return result;
    *keys = arena_calloc(arena, rows.count + 1, sizeof **keys);
    for (size_t i = 0; i < rows.count; i++) {
        const struct signing_key *key = key_cache_get(tenant->keys, db_at(&rows, i, 0)->text,
                                                      db_at(&rows, i, 1)->text, db_at(&rows, i, 2)->bytes);
        if (key != NULL)
            (*keys)[(*count)++] = key;
    }
    return DB_OK;
}

enum db_result tenant_store_key(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                const struct signing_key *key, const char *state)
{
    const char *kid = signing_key_kid(key);
    const char *sealed = keyring_seal(tenant->keyring, arena, key_cache_purpose(arena, kid),
                                      signing_key_private_der(key, arena));
    int64_t now = clock_now_ms();
    return db_exec(tx, NULL,
                   "INSERT INTO signing_keys (kid, state, sealed, certificate, created_at, changed_at) "
                   "VALUES (?, ?, ?, ?, ?, ?)",
                   "tttbii", kid, state, sealed, signing_key_certificate_der(key, arena), now, now);
}
