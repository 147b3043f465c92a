#include "login/account.h"

#include "base/clock.h"
#include "login/database.h"
#include "session/links.h"
#include "session/profile.h"
#include "session/protection.h"
#include "store/settings.h"
#include "store/users.h"

#include <string.h>

bool account_tells_existing(struct db_tx *tx, struct arena *arena)
{
    yyjson_val *settings = NULL;
    enum db_result result = settings_get(tx, arena, "tenant", &settings);
    return result != DB_OK ||
           json_bool(json_member(settings, "flags"), "enable_public_signup_user_exists_error", true);
}

/* The checks that need no store. */
static enum account_result check(const struct account_wish *wish, struct account_outcome *outcome)
{
    yyjson_mut_val *root = yyjson_mut_doc_get_root(wish->profile);
    const char *email = json_mut_text(root, "email");
    if (email == NULL || email_canonical(wish->arena, email) == NULL)
        return ACCOUNT_BAD_EMAIL;
    const char *username = json_mut_text(root, "username");
    bool required = json_bool(json_member(wish->connection, "options"), "requires_username", false);
    if (username == NULL ? required
                         : !database_takes_usernames(wish->connection) ||
                               !database_username_fits(wish->connection, username) ||
                               username_canonical(wish->arena, username) == NULL)
        return ACCOUNT_BAD_USERNAME;
    struct password_policy policy = password_policy_of(wish->connection);
    yyjson_val *profile = json_parse_own(wish->arena, json_write_doc(wish->arena, wish->profile));
    outcome->fault = password_policy_check(&policy, wish->arena, wish->password, profile);
    return outcome->fault == PASSWORD_FITS ? ACCOUNT_MADE : ACCOUNT_BAD_PASSWORD;
}

static enum account_result take_allowance(const struct account_wish *wish)
{
    struct db_tx *tx = NULL;
    enum protection_verdict verdict = PROTECTION_FREE;
    enum db_result result = db_begin_write(tenant_of(wish->x)->db, &tx);
    if (result == DB_OK)
        result = protection_signup(wish->x, tx, wish->arena, &verdict);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result != DB_OK)
        return ACCOUNT_FAILED;
    return verdict == PROTECTION_FREE ? ACCOUNT_MADE : ACCOUNT_THROTTLED;
}

static enum db_result queue_mail(const struct account_wish *wish, struct db_tx *tx, const char *user_id)
{
    yyjson_mut_val *root = yyjson_mut_doc_get_root(wish->profile);
    if (json_mut_bool(root, "email_verified", false))
        return DB_OK;
    return link_send(tenant_of(wish->x), tx, wish->arena,
                     &(struct link_wish){.kind = LINK_EMAIL_VERIFICATION,
                                         .user_id = user_id,
                                         .email = json_mut_text(root, "email"),
                                         .client_id = wish->client_id,
                                         .language = wish->language});
}

static enum account_result store(const struct account_wish *wish, const char *user_id, const char *hash)
{
    const char *connection = json_text(wish->connection, "name");
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(tenant_of(wish->x)->db, &tx);
    bool inserted = false;
    if (result == DB_OK) {
        result = user_insert(tx, wish->arena, user_id, connection, wish->profile);
        inserted = result == DB_OK;
    }
    if (result == DB_OK)
        result = user_password_put(tx, user_id, hash);
    if (result == DB_OK)
        result = queue_mail(wish, tx, user_id);
    if (result == DB_OK && wish->also != NULL)
        result = wish->also(wish->context, tx, user_id);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result == DB_CONFLICT)
        return inserted ? ACCOUNT_CONFLICT : ACCOUNT_EXISTS;
    return result == DB_OK ? ACCOUNT_MADE : ACCOUNT_FAILED;
}

enum account_result account_make(const struct account_wish *wish, struct account_outcome *outcome)
{
    struct tenant *tenant = tenant_of(wish->x);
    *outcome = (struct account_outcome){.fault = PASSWORD_FITS};
    enum account_result result = check(wish, outcome);
    if (result == ACCOUNT_MADE)
        result = take_allowance(wish);
    char *hash = NULL;
    if (result == ACCOUNT_MADE && !password_hash(tenant->passwords, wish->arena, wish->password, &hash))
        result = ACCOUNT_BUSY;
    if (result != ACCOUNT_MADE)
        return result;
    const char *connection = json_text(wish->connection, "name");
    outcome->user_id = profile_complete(wish->arena, wish->profile, connection, NULL, clock_now_ms());
    result = store(wish, outcome->user_id, hash);
    if (result == ACCOUNT_MADE)
        notify_wake(tenant->notifier);
    return result;
}
