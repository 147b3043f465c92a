#include "login/reset_request.h"

#include "base/clock.h"
#include "base/encode.h"
#include "crypto/digest.h"
#include "login/database.h"
#include "session/links.h"
#include "store/buckets.h"
#include "store/users.h"

#include <string.h>

static const struct bucket_limit mail_limit = {.capacity = 5, .refill_ms = 10 * 60 * 1000};

static void log_request(struct http_exchange *x, const struct reset_wish *wish, const struct user *user)
{
    tenant_log(tenant_of(x), x,
               (struct log_entry){.type = user != NULL ? "scpr" : "fcpr",
                                  .description = user != NULL ? NULL : "The user does not exist.",
                                  .connection = wish->connection,
                                  .client_id = wish->client_id,
                                  .strategy = "auth0",
                                  .user_id = user != NULL ? user->user_id : NULL,
                                  .user_name = user != NULL ? json_text(user->doc, "email") : NULL});
}

/* Both cases write to the store, so that they take as long. */
static enum db_result take_allowance(struct http_exchange *x, struct db_tx *tx, const struct reset_wish *wish,
                                     const struct user *user, bool *allowed)
{
    *allowed = true;
    if (!tenant_of(x)->config->rate_limits)
        return DB_OK;
    const char *key = user != NULL ? user->user_id : token_hash(x->arena, wish->identifier);
    int64_t retry_ms = 0;
    return bucket_take(tx, arena_printf(x->arena, "reset-mail:%s", key), mail_limit, clock_now_ms(), allowed,
                       &retry_ms);
}

/* The account that gets the link: none where the connection is unknown, or its people may not do this by themselves. */
static enum db_result find_account(struct http_exchange *x, struct db_tx *tx, const struct reset_wish *wish,
                                   struct user *user, const char **email)
{
    yyjson_val *connection = NULL;
    *email = NULL;
    enum db_result result = connection_by_name(tx, x->arena, wish->connection, &connection);
    if (result == DB_OK)
        result = user_by_login(tx, x->arena, json_text(connection, "name"), wish->identifier, user);
    if (result == DB_OK && database_allows_reset(connection))
        *email = json_text(user->doc, "email");
    return result == DB_NOT_FOUND ? DB_OK : result;
}

/* Where there is nobody to send to, the same is done and undone: the time that the answer takes tells nothing either. */
static enum db_result send_or_rehearse(struct http_exchange *x, struct db_tx *tx,
                                       const struct reset_wish *wish, const struct user *user,
                                       const char *email)
{
    struct link_wish link = {
        .kind = LINK_PASSWORD_RESET,
        .user_id = email != NULL ? user->user_id : "",
        .email = email != NULL ? email : wish->identifier,
        .client_id = wish->client_id,
        .language = wish->language,
    };
    return email != NULL ? link_send(tenant_of(x), tx, x->arena, &link)
                         : link_rehearse(tenant_of(x), tx, x->arena, &link);
}

enum db_result reset_send(struct http_exchange *x, const struct reset_wish *wish)
{
    struct tenant *tenant = tenant_of(x);
    struct user user;
    bool allowed = false;
    struct db_tx *tx = NULL;
    enum db_result result = db_begin_write(tenant->db, &tx);
    if (result != DB_OK)
        return result;
    const char *email = NULL;
    result = find_account(x, tx, wish, &user, &email);
    if (result == DB_OK)
        result = take_allowance(x, tx, wish, email != NULL ? &user : NULL, &allowed);
    if (result == DB_OK && allowed)
        result = send_or_rehearse(x, tx, wish, &user, email);
    if (result == DB_OK)
        result = db_commit(&tx);
    db_rollback(&tx);
    if (result != DB_OK)
        return result;
    notify_wake(tenant->notifier);
    log_request(x, wish, email != NULL ? &user : NULL);
    return DB_OK;
}

/* Opens the page for the connection in its address, which must be one of the client's. */
static bool open_request(struct http_exchange *x, struct login_call *call, yyjson_val **connection)
{
    if (!login_open(x, call) || !login_at_entry(call))
        return false;
    const char *kept = json_mut_text(call->transaction->root, "connection");
    json_set_text(call->transaction->doc, call->transaction->root, "connection",
                  http_parameter(x, "connection"));
    bool found = database_read(call, connection);
    json_set_text(call->transaction->doc, call->transaction->root, "connection", kept);
    if (found)
        json_set_text(call->variables, call->root, "backUrl", login_url(call, "/u/login/identifier"));
    return found;
}

static void show_request(struct login_call *call, yyjson_val *connection, int status, const char *typed,
                         const char *error)
{
    json_set_text(call->variables, call->root, "email", typed);
    json_set_bool(call->variables, call->root, "usernames", database_takes_usernames(connection));
    login_show(call, status, "reset-password-request", error);
}

void reset_get_start(struct http_exchange *x)
{
    struct login_call call;
    const char *connection = http_parameter(x, "connection");
    if (login_open(x, &call))
        login_go(&call, arena_printf(x->arena, "/u/reset-password/request/%s",
                                     percent_encode(x->arena, connection)));
}

void reset_get_request(struct http_exchange *x)
{
    struct login_call call;
    yyjson_val *connection = NULL;
    if (open_request(x, &call, &connection))
        show_request(&call, connection, 200, json_mut_text(call.transaction->root, "identifier"), NULL);
}

void reset_post_request(struct http_exchange *x)
{
    struct login_call call;
    yyjson_val *connection = NULL;
    if (!open_request(x, &call, &connection))
        return;
    if (strcmp(login_action(&call), "back-to-login") == 0) {
        login_go(&call, "/u/login/identifier");
        return;
    }
    const char *typed = login_trimmed(&call, "email");
    if (*typed == '\0')
        typed = login_trimmed(&call, "username");
    bool usernames = database_takes_usernames(connection);
    if (*typed == '\0' || (!usernames && email_canonical(call.arena, typed) == NULL)) {
        const char *missing = usernames ? "no-username" : "no-email";
        show_request(&call, connection, 400, typed, *typed == '\0' ? missing : "invalid-email-format");
        return;
    }
    struct reset_wish wish = {
        .connection = json_text(connection, "name"),
        .identifier = typed,
        .client_id = call.client.client_id,
        .language = call.language,
    };
    if (reset_send(x, &wish) != DB_OK) {
        login_reply_store_failure(&call);
        return;
    }
    json_set_text(call.variables, call.root, "email", typed);
    json_set_bool(call.variables, call.root, "resent",
                  strcmp(login_action(&call), "resend-email-action") == 0);
    login_show(&call, 200, "reset-password-email", NULL);
}
