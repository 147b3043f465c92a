#include "login/password.h"

#include "base/clock.h"
#include "base/encode.h"
#include "crypto/password.h"
#include "login/database.h"
#include "session/protection.h"

#include <string.h>

/* Writes that meet others at the same rows are tried again so often. */
enum { WRITE_TRIES = 4 };

/* One try: what was read before its hash is computed. */
struct password_try {
    struct login_call *call;
    yyjson_val *connection;
    const char *identifier;
    struct user user;
    bool known;
    const char *hash; /* NULL: no such user, or one without a password */
    struct protection_try protection;
    enum protection_verdict verdict;
};

void login_note_password(struct login_call *call, const char *user_id, const char *connection)
{
    yyjson_mut_doc *doc = call->transaction->doc;
    yyjson_mut_val *root = call->transaction->root;
    int64_t now = clock_now_ms();
    yyjson_mut_val *methods = yyjson_mut_arr(doc);
    yyjson_mut_val *method = yyjson_mut_arr_add_obj(doc, methods);
    json_set_text(doc, method, "name", "pwd");
    json_set_int(doc, method, "timestamp", now);
    json_set(doc, root, "methods", methods);
    json_set_text(doc, root, "user_id", user_id);
    json_set_text(doc, root, "connection", connection);
    json_set_int(doc, root, "authenticated_at", now);
    json_set_text(doc, root, "step", "resume");
}

static void show_screen(struct password_try *attempt, int status, const char *error)
{
    struct login_call *call = attempt->call;
    json_set_text(call->variables, call->root, "username", attempt->identifier);
    json_set_text(call->variables, call->root, "editUrl", login_url(call, "/u/login/identifier"));
    const char *name = percent_encode(call->arena, json_text(attempt->connection, "name"));
    if (database_allows_reset(attempt->connection))
        json_set_text(call->variables, call->root, "resetUrl",
                      login_url(call, arena_printf(call->arena, "/u/reset-password/request/%s", name)));
    if (database_allows_signup(attempt->connection))
        json_set_text(call->variables, call->root, "signupUrl", login_url(call, "/u/signup/identifier"));
    login_show(call, status, "login-password", error);
}

/* Reads the connection; without a name to go with, the person is sent to give one. */
static bool begin(struct login_call *call, struct password_try *attempt)
{
    *attempt = (struct password_try){.call = call,
                                     .identifier = json_mut_text(call->transaction->root, "identifier")};
    if (!login_at_entry(call) || !database_read(call, &attempt->connection))
        return false;
    if (attempt->identifier == NULL) {
        login_go(call, "/u/login/identifier");
        return false;
    }
    return true;
}

void login_get_password(struct http_exchange *x)
{
    struct login_call call;
    struct password_try attempt;
    if (login_open(x, &call) && begin(&call, &attempt))
        show_screen(&attempt, 200, NULL);
}

static enum db_result read_account(struct password_try *attempt, struct db_tx *tx)
{
    struct login_call *call = attempt->call;
    const char *connection = json_text(attempt->connection, "name");
    enum db_result result = user_by_login(tx, call->arena, connection, attempt->identifier, &attempt->user);
    attempt->known = result == DB_OK;
    if (result == DB_OK)
        result = user_password(tx, call->arena, attempt->user.user_id, &attempt->hash);
    if (result != DB_OK && result != DB_NOT_FOUND)
        return result;
    attempt->protection = (struct protection_try){
        .x = call->x,
        .connection = attempt->connection,
        .identifier = attempt->identifier,
        .user = attempt->known ? &attempt->user : NULL,
        .language = call->language,
        .client_id = call->client.client_id,
    };
    return protection_check(tx, call->arena, &attempt->protection, &attempt->verdict);
}

static bool read_all(struct password_try *attempt)
{
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_read(attempt->call->tenant->db, &tx);
    if (result == DB_OK)
        result = read_account(attempt, tx);
    db_end(&tx);
    if (result != DB_OK)
        login_reply_store_failure(attempt->call);
    return result == DB_OK;
}

static void log_failure(struct password_try *attempt, const char *description)
{
    login_log(attempt->call, attempt->known ? "fp" : "fu", description,
              attempt->known ? attempt->user.user_id : NULL, attempt->known ? attempt->identifier : NULL);
}

/* The screen that a verdict gets; the words are the same whether the account exists or not. */
static void show_verdict(struct password_try *attempt, enum protection_verdict verdict)
{
    switch (verdict) {
    case PROTECTION_FREE:
        show_screen(attempt, 400,
                    database_takes_usernames(attempt->connection) ? "wrong-credentials"
                                                                  : "wrong-email-credentials");
        break;
    case PROTECTION_LOCKED:
        show_screen(attempt, 400, "user-blocked");
        break;
    case PROTECTION_THROTTLED:
        show_screen(attempt, 429, "ip-blocked");
        break;
    case PROTECTION_TOO_OFTEN:
        show_screen(attempt, 429, "same-user-login");
        break;
    }
}

static enum db_result store_refusal(struct password_try *attempt)
{
    struct login_call *call = attempt->call;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    if (result == DB_OK)
        result = protection_failed(tx, call->arena, &attempt->protection, &attempt->verdict);
    if (result == DB_OK && attempt->verdict == PROTECTION_LOCKED) {
        /* A lock ends the login that met it, so that nobody goes on guessing in it afterwards (known-faults C3). */
        enum db_result finished = login_transaction_finish(tx, call->transaction);
        result = finished == DB_CONFLICT ? DB_OK : finished;
    }
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    return result;
}

static void refuse(struct password_try *attempt)
{
    struct login_call *call = attempt->call;
    enum db_result result = DB_CONFLICT;
    for (int i = 0; i < WRITE_TRIES && result == DB_CONFLICT; i++)
        result = store_refusal(attempt);
    if (result != DB_OK) {
        login_reply_store_failure(call);
        return;
    }
    if (attempt->verdict == PROTECTION_LOCKED)
        notify_wake(call->tenant->notifier);
    log_failure(attempt, "Wrong email or password.");
    show_verdict(attempt, attempt->verdict);
}

/* Whether the stored hash still is the one that was compared: a password changed meanwhile counts. */
static enum db_result check_unchanged(struct password_try *attempt, struct db_tx *tx, bool *unchanged)
{
    const char *stored = NULL;
    enum db_result result = user_password(tx, attempt->call->arena, attempt->user.user_id, &stored);
    *unchanged = result == DB_OK && strcmp(stored, attempt->hash) == 0;
    return result == DB_NOT_FOUND ? DB_OK : result;
}

static enum db_result store_success(struct password_try *attempt, struct db_tx *tx, const char *new_hash,
                                    bool *unchanged)
{
    struct login_call *call = attempt->call;
    enum db_result result = check_unchanged(attempt, tx, unchanged);
    if (result == DB_OK && *unchanged)
        result = protection_succeeded(tx, call->arena, &attempt->protection, &attempt->verdict);
    if (result != DB_OK || !*unchanged || attempt->verdict != PROTECTION_FREE)
        return result;
    if (new_hash != NULL)
        result = user_password_put(tx, attempt->user.user_id, new_hash);
    login_note_password(call, attempt->user.user_id, json_text(attempt->connection, "name"));
    return result == DB_OK ? login_transaction_save(tx, call->arena, call->transaction) : result;
}

static void accept(struct password_try *attempt, const char *new_hash)
{
    struct login_call *call = attempt->call;
    struct db_tx *tx = NULL;
    bool unchanged = false;
    enum db_result result = db_begin_write(call->tenant->db, &tx);
    if (result == DB_OK)
        result = store_success(attempt, tx, new_hash, &unchanged);
    if (result == DB_OK && unchanged && attempt->verdict == PROTECTION_FREE)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result == DB_CONFLICT)
        login_reply_conflict(call);
    else if (result != DB_OK)
        login_reply_store_failure(call);
    else if (!unchanged)
        show_verdict(attempt, PROTECTION_FREE);
    else if (attempt->verdict != PROTECTION_FREE)
        show_verdict(attempt, attempt->verdict);
    else
        login_go(call, "/authorize/resume");
}

static void try_password(struct password_try *attempt, const char *password)
{
    struct login_call *call = attempt->call;
    if (*password == '\0') {
        show_screen(attempt, 400, "no-password");
        return;
    }
    if (!read_all(attempt))
        return;
    if (attempt->verdict != PROTECTION_FREE) {
        log_failure(attempt, "The account or the address is blocked.");
        show_verdict(attempt, attempt->verdict);
        return;
    }
    char *new_hash = NULL;
    switch (password_verify(call->tenant->passwords, password, attempt->hash)) {
    case PASSWORD_BUSY:
        show_screen(attempt, 429, "too-many-requests");
        break;
    case PASSWORD_WRONG:
        refuse(attempt);
        break;
    case PASSWORD_RIGHT_UPGRADE:
        /* A full gate only puts the upgrade off until the next login. */
        if (!password_hash(call->tenant->passwords, call->arena, password, &new_hash))
            new_hash = NULL;
        accept(attempt, new_hash);
        break;
    case PASSWORD_RIGHT:
        accept(attempt, NULL);
        break;
    }
}

void login_post_password(struct http_exchange *x)
{
    struct login_call call;
    struct password_try attempt;
    if (login_open(x, &call) && begin(&call, &attempt))
        try_password(&attempt, login_field(&call, "password"));
}

void login_post_both(struct http_exchange *x)
{
    struct login_call call;
    struct password_try attempt;
    if (!login_open(x, &call) || !login_at_entry(&call))
        return;
    const char *typed = login_trimmed(&call, "username");
    if (*typed != '\0')
        json_set_text(call.transaction->doc, call.transaction->root, "identifier", typed);
    if (begin(&call, &attempt))
        try_password(&attempt, login_field(&call, "password"));
}
