#include "login/identifier.h"

#include "login/database.h"
#include "store/users.h"

#include <string.h>

static void fill_screen(struct login_call *call, yyjson_val *connection, const char *typed)
{
    json_set_text(call->variables, call->root, "username", typed);
    json_set_bool(call->variables, call->root, "usernames", database_takes_usernames(connection));
    if (database_allows_signup(connection))
        json_set_text(call->variables, call->root, "signupUrl", login_url(call, "/u/signup/identifier"));
}

void login_get_start(struct http_exchange *x)
{
    struct login_call call;
    if (login_open(x, &call) && login_at_entry(&call))
        login_go(&call, "/u/login/identifier");
}

void login_get_identifier(struct http_exchange *x)
{
    struct login_call call;
    yyjson_val *connection = NULL;
    if (!login_open(x, &call) || !login_at_entry(&call) || !database_read(&call, &connection))
        return;
    const char *known = json_mut_text(call.transaction->root, "identifier");
    fill_screen(&call, connection,
                known != NULL ? known : json_mut_text(call.transaction->root, "login_hint"));
    login_show(&call, 200, "login-id", NULL);
}

/* Longer than any address, name or number: it would be stored for nothing. */
enum { IDENTIFIER_LARGEST = 254 };

/* What is wrong with what was typed: the key of a text, or NULL. */
static const char *fault_of(struct login_call *call, yyjson_val *connection, const char *typed)
{
    bool usernames = database_takes_usernames(connection);
    if (*typed == '\0')
        return usernames ? "no-username" : "no-email";
    if ((usernames && strlen(typed) <= IDENTIFIER_LARGEST) || email_canonical(call->arena, typed) != NULL)
        return NULL;
    return "invalid-email-format";
}

void login_post_identifier(struct http_exchange *x)
{
    struct login_call call;
    yyjson_val *connection = NULL;
    if (!login_open(x, &call) || !login_at_entry(&call) || !database_read(&call, &connection))
        return;
    const char *typed = login_trimmed(&call, "username");
    const char *fault = fault_of(&call, connection, typed);
    if (fault != NULL) {
        fill_screen(&call, connection, typed);
        login_show(&call, 400, "login-id", fault);
        return;
    }
    struct login_transaction *transaction = call.transaction;
    json_set_text(transaction->doc, transaction->root, "identifier", typed);
    json_set_text(transaction->doc, transaction->root, "step", "login-password");
    if (login_save(&call))
        login_go(&call, "/u/login/password");
}
