#include "store/sealed.h"

#include "base/log.h"

static const char *purpose_of(struct arena *arena, const char *table, const char *id)
{
    return arena_printf(arena, "%s:%s", table, id);
}

char *sealed_make(const struct keyring *keyring, struct arena *arena, const char *table, const char *id,
                  struct bytes secret)
{
    return keyring_seal(keyring, arena, purpose_of(arena, table, id), secret);
}

enum db_result sealed_open(const struct keyring *keyring, struct arena *arena, const char *table,
                           const char *id, const char *sealed, struct bytes *secret)
{
    if (keyring_open(keyring, arena, purpose_of(arena, table, id), sealed, secret))
        return DB_OK;
    LOG_ERROR("store.sealed_not_opened", LOG_TEXT("table", table), LOG_TEXT("id", id));
    return DB_FAILED;
}
