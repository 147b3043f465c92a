#include "login/signup.h"

#include "login/account.h"
#include "login/database.h"
#include "login/password.h"
#include "login/password_rules.h"
#include "store/users.h"

#include <string.h>

/* Opens a signup page; a connection without signup sends to the login. */
static bool open_signup(struct http_exchange *x, struct login_call *call, yyjson_val **connection)
{
    if (!login_open(x, call) || !login_at_entry(call) || !database_read(call, connection))
        return false;
    if (database_allows_signup(*connection))
        return true;
    login_go(call, "/u/login/identifier");
    return false;
}

static void show_identifier(struct login_call *call, yyjson_val *connection, int status, const char *email,
                            const char *username, const char *error)
{
    bool of_username =
        error != NULL && (strcmp(error, "username-taken") == 0 || strcmp(error, "no-username") == 0 ||
                          strcmp(error, "invalid-username-format") == 0);
    json_set_text(call->variables, call->root, "email", email);
    json_set_text(call->variables, call->root, "username", username);
    json_set_bool(call->variables, call->root, "usernames", database_takes_usernames(connection));
    json_set_bool(call->variables, call->root, "usernameError", of_username);
    json_set_bool(call->variables, call->root, "emailError", error != NULL && !of_username);
    yyjson_val *validation =
        json_member(json_member(json_member(connection, "options"), "validation"), "username");
    json_set_int(call->variables, call->root, "min", json_int(validation, "min", 1));
    json_set_int(call->variables, call->root, "max", json_int(validation, "max", 15));
    json_set_text(call->variables, call->root, "loginUrl", login_url(call, "/u/login/identifier"));
    login_show(call, status, "signup-id", error);
}

static void show_password(struct login_call *call, yyjson_val *connection, int status, const char *error)
{
    struct password_policy policy = password_policy_of(connection);
    json_set_text(call->variables, call->root, "username",
                  json_mut_text(call->transaction->root, "signup_email"));
    json_set_text(call->variables, call->root, "editUrl", login_url(call, "/u/signup/identifier"));
    json_set_text(call->variables, call->root, "loginUrl", login_url(call, "/u/login/identifier"));
    password_rules_add(call->arena, call->variables, call->root, call->language, &policy);
    login_show(call, status, "signup-password", error);
}

void signup_get_start(struct http_exchange *x)
{
    struct login_call call;
    if (login_open(x, &call) && login_at_entry(&call))
        login_go(&call, "/u/signup/identifier");
}

void signup_get_identifier(struct http_exchange *x)
{
    struct login_call call;
    yyjson_val *connection = NULL;
    if (!open_signup(x, &call, &connection))
        return;
    yyjson_mut_val *root = call.transaction->root;
    const char *email = json_mut_text(root, "signup_email");
    if (email == NULL)
        email = json_mut_text(root, "identifier");
    if (email == NULL)
        email = json_mut_text(root, "login_hint");
    if (email != NULL && email_canonical(call.arena, email) == NULL)
        email = NULL;
    show_identifier(&call, connection, 200, email, json_mut_text(root, "signup_username"), NULL);
}

static const char *identifier_fault(struct login_call *call, yyjson_val *connection, const char *email,
                                    const char *username)
{
    if (*email == '\0')
        return "no-email";
    if (email_canonical(call->arena, email) == NULL)
        return "invalid-email-format";
    if (!database_takes_usernames(connection))
        return NULL;
    if (*username == '\0')
        return json_bool(json_member(connection, "options"), "requires_username", false)
                   ? "invalid-username-format"
                   : NULL;
    if (!database_username_fits(connection, username) || username_canonical(call->arena, username) == NULL)
        return "invalid-username-format";
    return NULL;
}

/* Takes what was typed into the transaction; on a fault shows it and gives false. */
static bool take_identifier(struct login_call *call, yyjson_val *connection)
{
    struct login_transaction *transaction = call->transaction;
    const char *email = login_trimmed(call, "email");
    const char *username = login_trimmed(call, "username");
    const char *fault = identifier_fault(call, connection, email, username);
    if (fault != NULL) {
        show_identifier(call, connection, 400, email, username, fault);
        return false;
    }
    bool has_username = database_takes_usernames(connection) && *username != '\0';
    json_set_text(transaction->doc, transaction->root, "signup_email", email);
    json_set_text(transaction->doc, transaction->root, "signup_username", has_username ? username : NULL);
    json_set_text(transaction->doc, transaction->root, "step", "signup-password");
    return true;
}

void signup_post_identifier(struct http_exchange *x)
{
    struct login_call call;
    yyjson_val *connection = NULL;
    if (open_signup(x, &call, &connection) && take_identifier(&call, connection) && login_save(&call))
        login_go(&call, "/u/signup/password");
}

static bool has_email(struct login_call *call)
{
    if (json_mut_text(call->transaction->root, "signup_email") != NULL)
        return true;
    login_go(call, "/u/signup/identifier");
    return false;
}

void signup_get_password(struct http_exchange *x)
{
    struct login_call call;
    yyjson_val *connection = NULL;
    if (open_signup(x, &call, &connection) && has_email(&call))
        show_password(&call, connection, 200, NULL);
}

struct first_login {
    struct login_call *call;
    const char *connection;
};

static enum db_result note_first_login(void *context, struct db_tx *tx, const char *user_id)
{
    struct first_login *first = context;
    login_note_password(first->call, user_id, first->connection);
    return login_transaction_save(tx, first->call->arena, first->call->transaction);
}

/* What the page says of an address that is taken: as much as the tenant wants to be told. */
static const char *existing_key(struct login_call *call)
{
    struct db_tx *tx = NULL;
    bool tells = false;
    if (db_begin_read(call->tenant->db, &tx) == DB_OK)
        tells = account_tells_existing(tx, call->arena);
    db_end(&tx);
    return tells ? "email-in-use" : "invalid-signup";
}

static void show_failure(struct login_call *call, yyjson_val *connection, enum account_result result,
                         const struct account_outcome *outcome)
{
    const char *email = json_mut_text(call->transaction->root, "signup_email");
    const char *username = json_mut_text(call->transaction->root, "signup_username");
    switch (result) {
    case ACCOUNT_BAD_PASSWORD:
        show_password(call, connection, 400, password_fault_key(outcome->fault));
        break;
    case ACCOUNT_EXISTS:
        show_identifier(call, connection, 400, email, username, existing_key(call));
        break;
    case ACCOUNT_BAD_EMAIL:
        show_identifier(call, connection, 400, email, username, "invalid-email-format");
        break;
    case ACCOUNT_BAD_USERNAME:
        show_identifier(call, connection, 400, email, username, "invalid-username-format");
        break;
    case ACCOUNT_THROTTLED:
        show_password(call, connection, 429, "ip-signup-blocked");
        break;
    case ACCOUNT_BUSY:
        show_password(call, connection, 429, "too-many-requests");
        break;
    case ACCOUNT_CONFLICT:
        login_reply_conflict(call);
        break;
    case ACCOUNT_MADE:
    case ACCOUNT_FAILED:
        login_reply_store_failure(call);
        break;
    }
}

static void sign_up(struct login_call *call, yyjson_val *connection, const char *password)
{
    if (*password == '\0') {
        show_password(call, connection, 400, "no-password");
        return;
    }
    struct first_login first = {.call = call, .connection = json_text(connection, "name")};
    struct account_wish wish = {
        .x = call->x,
        .arena = call->arena,
        .connection = connection,
        .profile = json_new_object(call->arena),
        .password = password,
        .client_id = call->client.client_id,
        .language = call->language,
        .also = note_first_login,
        .context = &first,
    };
    yyjson_mut_val *profile = yyjson_mut_doc_get_root(wish.profile);
    const char *email = json_mut_text(call->transaction->root, "signup_email");
    json_set_text(wish.profile, profile, "email", email);
    json_set_text(wish.profile, profile, "username",
                  json_mut_text(call->transaction->root, "signup_username"));
    struct account_outcome outcome;
    enum account_result result = account_make(&wish, &outcome);
    if (result != ACCOUNT_MADE) {
        if (result == ACCOUNT_EXISTS || result == ACCOUNT_THROTTLED)
            login_log(call, "fs", result == ACCOUNT_EXISTS ? "The user already exists." : "Too many signups.",
                      NULL, email);
        show_failure(call, connection, result, &outcome);
        return;
    }
    login_log(call, "ss", NULL, outcome.user_id, email);
    login_go(call, "/authorize/resume");
}

void signup_post_password(struct http_exchange *x)
{
    struct login_call call;
    yyjson_val *connection = NULL;
    if (open_signup(x, &call, &connection) && has_email(&call))
        sign_up(&call, connection, login_field(&call, "password"));
}

void signup_post_both(struct http_exchange *x)
{
    struct login_call call;
    yyjson_val *connection = NULL;
    if (open_signup(x, &call, &connection) && take_identifier(&call, connection))
        sign_up(&call, connection, login_field(&call, "password"));
}
