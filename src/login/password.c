#include "login/password.h"

#include "base/clock.h"
#include "base/encode.h"
#include "login/database.h"
#include "session/password_login.h"

#include <string.h>

/* One try of the page. */
struct password_try {
    struct login_call *call;
    yyjson_val *connection;
    const char *identifier;
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

/* The screen that a refusal gets; the words are the same whether the account exists or not. */
static void show_refusal(struct password_try *attempt, enum password_login_result result)
{
    switch (result) {
    case PASSWORD_LOGIN_WRONG:
        show_screen(attempt, 400,
                    database_takes_usernames(attempt->connection) ? "wrong-credentials"
                                                                  : "wrong-email-credentials");
        break;
    case PASSWORD_LOGIN_LOCKED:
        show_screen(attempt, 400, "user-blocked");
        break;
    case PASSWORD_LOGIN_THROTTLED:
        show_screen(attempt, 429, "ip-blocked");
        break;
    case PASSWORD_LOGIN_TOO_OFTEN:
        show_screen(attempt, 429, "same-user-login");
        break;
    case PASSWORD_LOGIN_BUSY:
        show_screen(attempt, 429, "too-many-requests");
        break;
    case PASSWORD_LOGIN_MOVED:
        login_reply_conflict(attempt->call);
        break;
    case PASSWORD_LOGIN_RIGHT:
    case PASSWORD_LOGIN_FAILED:
        login_reply_store_failure(attempt->call);
        break;
    }
}

/* A lock ends the login that met it, so that nobody goes on guessing in it afterwards (known-faults C3). */
static enum db_result end_login(struct password_login *login, struct db_tx *tx)
{
    struct password_try *attempt = login->context;
    enum db_result finished = login_transaction_finish(tx, attempt->call->transaction);
    return finished == DB_CONFLICT ? DB_OK : finished;
}

static enum db_result go_on(struct password_login *login, struct db_tx *tx)
{
    struct login_call *call = ((struct password_try *)login->context)->call;
    login_note_password(call, login->user.user_id, json_text(login->connection, "name"));
    return login_transaction_save(tx, call->arena, call->transaction);
}

static void try_password(struct password_try *attempt, const char *password)
{
    struct login_call *call = attempt->call;
    if (*password == '\0') {
        show_screen(attempt, 400, "no-password");
        return;
    }
    struct password_login login = {
        .x = call->x,
        .connection = attempt->connection,
        .identifier = attempt->identifier,
        .language = call->language,
        .client_id = call->client.client_id,
        .on_success = go_on,
        .on_lock = end_login,
        .context = attempt,
    };
    const char *logged;
    enum password_login_result result = password_login(&login, password, &logged);
    if (logged != NULL)
        login_log(call, login.known ? "fp" : "fu", logged, login.known ? login.user.user_id : NULL,
                  login.known ? attempt->identifier : NULL);
    if (result == PASSWORD_LOGIN_RIGHT)
        login_go(call, "/authorize/resume");
    else
        show_refusal(attempt, result);
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
