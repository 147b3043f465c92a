#include "login/database.h"

#include <ctype.h>
#include <string.h>

enum { USERNAME_LARGEST = 128 };

bool database_takes_usernames(yyjson_val *connection)
{
    yyjson_val *options = json_member(connection, "options");
    yyjson_val *attribute = json_member(json_member(options, "attributes"), "username");
    return json_bool(options, "requires_username", false) ||
           json_bool(json_member(attribute, "identifier"), "active", false);
}

bool database_allows_signup(yyjson_val *connection)
{
    return !json_bool(json_member(connection, "options"), "disable_signup", false);
}

bool database_allows_reset(yyjson_val *connection)
{
    return !json_bool(json_member(connection, "options"), "disable_self_service_change_password", false);
}

bool database_username_fits(yyjson_val *connection, const char *username)
{
    yyjson_val *validation =
        json_member(json_member(json_member(connection, "options"), "validation"), "username");
    int64_t least = json_int(validation, "min", 1);
    int64_t most = json_int(validation, "max", 15);
    size_t length = strlen(username);
    if ((int64_t)length < least || (int64_t)length > most || length > USERNAME_LARGEST)
        return false;
    for (const char *p = username; *p != '\0'; p++) {
        if (!isalnum((unsigned char)*p) && strchr("_+-.!#$'^`~@", *p) == NULL)
            return false;
    }
    return true;
}

enum db_result database_of_login(struct login_call *call, struct db_tx *tx, yyjson_val **connection)
{
    const char *wanted = json_mut_text(call->transaction->root, "connection");
    yyjson_val **docs = NULL;
    size_t count = 0;
    enum db_result result = connections_of_client(tx, call->arena, call->client.client_id, &docs, &count);
    if (result != DB_OK)
        return result;
    for (size_t i = 0; i < count; i++) {
        const char *name = json_text(docs[i], "name");
        if (wanted == NULL || (name != NULL && strcmp(name, wanted) == 0)) {
            *connection = docs[i];
            return DB_OK;
        }
    }
    return DB_NOT_FOUND;
}

bool database_read(struct login_call *call, yyjson_val **connection)
{
    struct db_tx *tx = NULL;
    enum db_result result =
        call->client.client_id != NULL ? db_begin_read(call->tenant->db, &tx) : DB_NOT_FOUND;
    if (result == DB_OK)
        result = database_of_login(call, tx, connection);
    db_end(&tx);
    if (result == DB_NOT_FOUND)
        tenant_reply_error_page(call->x, 400, &call->frame, "generic", "invalid_request",
                                "no connections enabled for the client");
    else if (result != DB_OK)
        login_reply_store_failure(call);
    return result == DB_OK;
}
