/* APIs that tokens are issued for. */
#include "base/random.h"
#include "management/resources.h"

#include <string.h>

enum { SECRET_LENGTH = 32 };

static const char *api_id(struct arena *arena)
{
    return random_text(arena, RANDOM_HEX, 24);
}

static bool is_reserved(struct call *call, const char *identifier)
{
    static const char *const paths[] = {"userinfo", "api/v2/", "mfa/", "me/"};
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        if (strcmp(identifier, arena_printf(call->arena, "%s%s", call->tenant->config->issuer, paths[i])) ==
            0) {
            return true;
        }
    }
    return false;
}

/* HS256 needs a secret; where none was given one is made. */
static void complete_secret(struct call *call, struct record *record)
{
    const char *algorithm = json_mut_text(record->root, "signing_alg");
    if (algorithm != NULL && strcmp(algorithm, "HS256") == 0 && record->secret == NULL) {
        record->secret = random_text(call->arena, RANDOM_ALPHANUMERIC, SECRET_LENGTH);
    }
}

static bool before_create_api(struct call *call, struct db_tx *tx, struct record *record)
{
    (void)tx;
    const char *identifier = json_mut_text(record->root, "identifier");
    if (is_reserved(call, identifier)) {
        return management_bad_body(call->x, "The selected identifier is reserved.");
    }
    if (json_mut_member(record->root, "name") == NULL) {
        json_set_text(record->doc, record->root, "name", identifier);
    }
    int64_t lifetime = json_mut_int(record->root, "token_lifetime", 86400);
    if (json_mut_int(record->root, "token_lifetime_for_web", 7200) > lifetime) {
        json_set_int(record->doc, record->root, "token_lifetime_for_web", lifetime);
    }
    complete_secret(call, record);
    return true;
}

/* Of the Management API itself only the lifetimes of its tokens are the operator's. */
static bool before_update_api(struct call *call, struct db_tx *tx, struct record *record)
{
    (void)tx;
    size_t index, count;
    yyjson_val *name, *value;
    yyjson_obj_foreach(call->body, index, count, name, value)
    {
        if (json_mut_bool(record->root, "is_system", false) &&
            strncmp(yyjson_get_str(name), "token_lifetime", 14) != 0) {
            return management_error(call->x, 400, "System resource servers cannot be patched.",
                                    "operation_not_supported");
        }
    }
    complete_secret(call, record);
    return true;
}

static bool before_delete_api(struct call *call, struct db_tx *tx, struct record *record)
{
    (void)tx;
    return !json_mut_bool(record->root, "is_system", false) ||
           management_error(call->x, 400, "System resource servers cannot be deleted.",
                            "operation_not_supported");
}

/* Grants for an API end with it. */
static bool after_delete_api(struct call *call, struct db_tx *tx, struct record *record)
{
    return db_exec(tx, NULL, "DELETE FROM client_grants WHERE audience = ?", "t",
                   json_mut_text(record->root, "identifier")) == DB_OK ||
           management_store_failed(call->x);
}

static bool filter_apis(struct call *call, struct statement *where)
{
    yyjson_val *identifiers = json_member(call->query, "identifiers");
    size_t index, count;
    yyjson_val *identifier;
    if (identifiers == NULL) {
        return true;
    }
    statement_add(where, " AND identifier IN (");
    yyjson_arr_foreach(identifiers, index, count, identifier)
    {
        statement_add(where, index > 0 ? ", ?" : "?");
        statement_bind_text(where, yyjson_get_str(identifier));
    }
    statement_add(where, ")");
    return true;
}

static void present_api(struct call *call, struct record *record)
{
    (void)call;
    json_set_text(record->doc, record->root, "signing_secret", record->secret);
}

static const struct resource_column api_columns[] = {{"identifier", "identifier", 't'}};

static const struct resource resource_servers = {
    .name = "resource_servers",
    .table = "resource_servers",
    .id_member = "id",
    .other_id = "identifier",
    .new_id = api_id,
    .columns = api_columns,
    .column_count = ARRAY_LENGTH(api_columns),
    .defaults =
        "{\"scopes\":[],\"signing_alg\":\"RS256\",\"allow_offline_access\":false,\"token_lifetime\":86400,"
        "\"token_lifetime_for_web\":7200,\"skip_consent_for_verifiable_first_party_clients\":true}",
    .secret = "signing_secret",
    .missing = "The resource server does not exist",
    .missing_code = "inexistent_resource_server",
    .conflict = "A resource server with the same identifier already exists.",
    .conflict_code = "resource_server_conflict",
    .filter = filter_apis,
    .before_create = before_create_api,
    .before_update = before_update_api,
    .before_delete = before_delete_api,
    .after_delete = after_delete_api,
    .present = present_api,
};

static const struct operation list[] = {
    {"GET", "/resource-servers", resource_list, &resource_servers},
    {"POST", "/resource-servers", resource_create, &resource_servers},
    {"GET", "/resource-servers/{id}", resource_read, &resource_servers},
    {"PATCH", "/resource-servers/{id}", resource_update, &resource_servers},
    {"DELETE", "/resource-servers/{id}", resource_remove, &resource_servers},
};
const struct operations resource_servers_operations = {list, ARRAY_LENGTH(list)};
