#include "session/password_login.h"

#include "crypto/password.h"

#include <string.h>

/* Writes that meet others at the same rows are tried again so often. */
enum { WRITE_TRIES = 4 };

/* What is read before the hash is computed. */
struct attempt {
    struct password_login *login;
    struct tenant *tenant;
    struct arena *arena;
    const char *hash; /* NULL: no such user, or one without a password */
    const char *new_hash;
    struct protection_try protection;
    enum protection_verdict verdict;
    bool unchanged; /* the hash, when the success was stored */
};

static enum password_login_result result_of(enum protection_verdict verdict)
{
    switch (verdict) {
    case PROTECTION_FREE:
        break;
    case PROTECTION_LOCKED:
        return PASSWORD_LOGIN_LOCKED;
    case PROTECTION_THROTTLED:
        return PASSWORD_LOGIN_THROTTLED;
    case PROTECTION_TOO_OFTEN:
        return PASSWORD_LOGIN_TOO_OFTEN;
    }
    return PASSWORD_LOGIN_WRONG;
}

static enum db_result read_account(struct attempt *attempt, struct db_tx *tx)
{
    struct password_login *login = attempt->login;
    const char *connection = json_text(login->connection, "name");
    enum db_result result = user_by_login(tx, attempt->arena, connection, login->identifier, &login->user);
    login->known = result == DB_OK;
    if (result == DB_OK)
        result = user_password(tx, attempt->arena, login->user.user_id, &attempt->hash);
    if (result != DB_OK && result != DB_NOT_FOUND)
        return result;
    attempt->protection = (struct protection_try){
        .x = login->x,
        .connection = login->connection,
        .identifier = login->identifier,
        .user = login->known ? &login->user : NULL,
        .language = login->language,
        .client_id = login->client_id,
    };
    return protection_check(tx, attempt->arena, &attempt->protection, &attempt->verdict);
}

static enum db_result read_all(struct attempt *attempt)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(attempt->tenant->db, &tx);
    if (result == DB_OK)
        result = read_account(attempt, tx);
    db_end(&tx);
    return result;
}

static enum db_result store_failure(struct attempt *attempt)
{
    struct password_login *login = attempt->login;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(attempt->tenant->db, &tx);
    if (result == DB_OK)
        result = protection_failed(tx, attempt->arena, &attempt->protection, &attempt->verdict);
    if (result == DB_OK && attempt->verdict == PROTECTION_LOCKED && login->on_lock != NULL)
        result = login->on_lock(login, tx);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    return result;
}

static enum password_login_result refuse(struct attempt *attempt, const char **logged)
{
    enum db_result result = DB_CONFLICT;
    for (int i = 0; i < WRITE_TRIES && result == DB_CONFLICT; i++)
        result = store_failure(attempt);
    if (result != DB_OK)
        return PASSWORD_LOGIN_FAILED;
    if (attempt->verdict == PROTECTION_LOCKED)
        notify_wake(attempt->tenant->notifier);
    *logged = "Wrong email or password.";
    return result_of(attempt->verdict);
}

/* Whether the stored hash still is the one that was compared: a password changed meanwhile counts. */
static enum db_result check_unchanged(struct attempt *attempt, struct db_tx *tx)
{
    const char *stored = NULL;
    enum db_result result = user_password(tx, attempt->arena, attempt->login->user.user_id, &stored);
    attempt->unchanged = result == DB_OK && attempt->hash != NULL && strcmp(stored, attempt->hash) == 0;
    return result == DB_NOT_FOUND ? DB_OK : result;
}

static enum db_result store_success(struct attempt *attempt, struct db_tx *tx)
{
    struct password_login *login = attempt->login;
    enum db_result result = check_unchanged(attempt, tx);
    if (result == DB_OK && attempt->unchanged)
        result = protection_succeeded(tx, attempt->arena, &attempt->protection, &attempt->verdict);
    if (result != DB_OK || !attempt->unchanged || attempt->verdict != PROTECTION_FREE)
        return result;
    if (attempt->new_hash != NULL)
        result = user_password_put(tx, login->user.user_id, attempt->new_hash);
    return result == DB_OK && login->on_success != NULL ? login->on_success(login, tx) : result;
}

static enum password_login_result accept(struct attempt *attempt)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(attempt->tenant->db, &tx);
    if (result == DB_OK)
        result = store_success(attempt, tx);
    bool is_let_in = result == DB_OK && attempt->unchanged && attempt->verdict == PROTECTION_FREE;
    if (is_let_in)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result == DB_CONFLICT)
        return PASSWORD_LOGIN_MOVED;
    if (result != DB_OK)
        return PASSWORD_LOGIN_FAILED;
    return is_let_in ? PASSWORD_LOGIN_RIGHT : result_of(attempt->verdict);
}

enum password_login_result password_login(struct password_login *login, const char *password,
                                          const char **logged)
{
    struct tenant *tenant = tenant_of(login->x);
    struct attempt attempt = {.login = login, .tenant = tenant, .arena = login->x->arena};
    char *new_hash = NULL;
    *logged = NULL;
    if (read_all(&attempt) != DB_OK)
        return PASSWORD_LOGIN_FAILED;
    if (attempt.verdict != PROTECTION_FREE) {
        *logged = "The account or the address is blocked.";
        return result_of(attempt.verdict);
    }
    switch (password_verify(tenant->passwords, password, attempt.hash)) {
    case PASSWORD_BUSY:
        return PASSWORD_LOGIN_BUSY;
    case PASSWORD_WRONG:
        return refuse(&attempt, logged);
    case PASSWORD_RIGHT_UPGRADE:
        /* A full gate only puts the upgrade off until the next login. */
        if (password_hash(tenant->passwords, attempt.arena, password, &new_hash))
            attempt.new_hash = new_hash;
        break;
    case PASSWORD_RIGHT:
        break;
    }
    return accept(&attempt);
}
