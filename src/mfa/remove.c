/* Factors that are taken away, and recovery codes that are made anew, by operators or their owners. */
#include "mfa/factors.h"

#include "base/clock.h"
#include "session/remembered.h"

#include <string.h>

/* After a removal: without a factor that counts there is no recovery code and no browser to remember. */
static enum db_result settle(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                             const char *user_id)
{
    bool enrolled;
    enum db_result result = mfa_is_enrolled(tenant, tx, arena, user_id, &enrolled);
    if (result != DB_OK || enrolled)
        return result;
    struct authenticator *list;
    size_t count;
    result = authenticators_of_user(tx, arena, tenant->keyring, user_id, &list, &count);
    for (size_t i = 0; i < count && result == DB_OK; i++)
        if (strcmp(list[i].kind, "recovery-code") == 0)
            result = authenticator_delete(tx, list[i].id);
    if (result == DB_OK)
        result = remembered_browsers_forget(tx, user_id);
    return result == DB_OK ? mfa_sync_user(tx, arena, user_id, false, clock_now_ms()) : result;
}

static enum db_result take_away(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                const struct authenticator *authenticator)
{
    enum db_result result = authenticator_delete(tx, authenticator->id);
    if (result == DB_OK)
        mfa_log(tenant, arena, NULL, "gd_unenroll", "Guardian - Factor removed", authenticator->user_id,
                authenticator, NULL);
    return result;
}

enum db_result mfa_remove(struct tenant *tenant, struct db_tx *tx, struct arena *arena, const char *user_id,
                          const char *authenticator_id)
{
    struct authenticator authenticator;
    enum db_result result = mfa_lock_user(tx, arena, user_id);
    if (result == DB_OK)
        result = authenticator_by_id(tx, arena, tenant->keyring, authenticator_id, &authenticator);
    if (result == DB_OK && strcmp(authenticator.user_id, user_id) != 0)
        return DB_NOT_FOUND;
    if (result == DB_OK)
        result = take_away(tenant, tx, arena, &authenticator);
    return result == DB_OK ? settle(tenant, tx, arena, user_id) : result;
}

enum db_result mfa_remove_all(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                              const char *user_id)
{
    struct authenticator *list;
    size_t count;
    enum db_result result = mfa_lock_user(tx, arena, user_id);
    if (result == DB_OK)
        result = authenticators_of_user(tx, arena, tenant->keyring, user_id, &list, &count);
    if (result != DB_OK)
        return result;
    for (size_t i = 0; i < count && result == DB_OK; i++)
        result = take_away(tenant, tx, arena, &list[i]);
    return result == DB_OK ? settle(tenant, tx, arena, user_id) : result;
}

enum db_result mfa_regenerate_recovery_code(struct tenant *tenant, struct db_tx *tx, struct arena *arena,
                                            const char *user_id, const char **code)
{
    bool enrolled;
    struct authenticator *list;
    size_t count;
    *code = NULL;
    enum db_result result = mfa_lock_user(tx, arena, user_id);
    if (result == DB_OK)
        result = mfa_is_enrolled(tenant, tx, arena, user_id, &enrolled);
    if (result == DB_OK && !enrolled)
        return DB_NOT_FOUND;
    if (result == DB_OK)
        result = authenticators_of_user(tx, arena, tenant->keyring, user_id, &list, &count);
    if (result != DB_OK)
        return result;
    for (size_t i = 0; i < count && result == DB_OK; i++)
        if (strcmp(list[i].kind, "recovery-code") == 0)
            result = authenticator_delete(tx, list[i].id);
    if (result != DB_OK)
        return result;
    struct user user = {.user_id = user_id};
    struct factor_call call = {.tenant = tenant, .arena = arena, .user = &user, .now = clock_now_ms()};
    return recovery_code_create(&call, tx, code) == FACTOR_OK ? DB_OK : DB_FAILED;
}
