/* What applications may ask of which API. */
#include "base/buffer.h"
#include "management/resources.h"
#include "store/clients.h"

#include <string.h>

static const char *grant_id(struct arena *arena)
{
    return id_of_prefix(arena, "cgr_");
}

static bool has_scope(yyjson_val *scopes, const char *value)
{
    size_t index, count;
    yyjson_val *scope;
    yyjson_arr_foreach(scopes, index, count, scope)
    {
        const char *name = json_text(scope, "value");
        if (name != NULL && strcmp(name, value) == 0) {
            return true;
        }
    }
    return false;
}

/* Every scope of the grant is one of the API's; *missing tells where the API is unknown. */
static bool check_scopes(struct call *call, struct db_tx *tx, struct record *record)
{
    yyjson_val *api = NULL;
    enum db_result result =
        resource_server_by_identifier(tx, call->arena, json_mut_text(record->root, "audience"), &api);
    if (result == DB_NOT_FOUND) {
        return management_error(call->x, 404, "The resource server does not exist",
                                "inexistent_resource_server");
    }
    if (result != DB_OK) {
        return management_store_failed(call->x);
    }
    size_t index, count;
    yyjson_mut_val *scope;
    yyjson_mut_arr_foreach(json_mut_member(record->root, "scope"), index, count, scope)
    {
        if (!has_scope(json_member(api, "scopes"), yyjson_mut_get_str(scope))) {
            return management_error(call->x, 400,
                                    arena_printf(call->arena,
                                                 "The scope %s is not defined by the resource server",
                                                 yyjson_mut_get_str(scope)),
                                    "validation_error");
        }
    }
    return true;
}

static bool before_create_grant(struct call *call, struct db_tx *tx, struct record *record)
{
    const char *client_id = json_mut_text(record->root, "client_id");
    struct client client;
    if (client_id == NULL) {
        return management_validation_error(call->x, "Payload", "'Missing required property: client_id'.");
    }
    enum db_result result = client_by_id(tx, call->arena, call->tenant->keyring, client_id, &client);
    if (result == DB_NOT_FOUND || (result == DB_OK && client.is_system)) {
        return management_error(call->x, 404, "The client does not exist", "inexistent_client");
    }
    return result == DB_OK ? check_scopes(call, tx, record) : management_store_failed(call->x);
}

static const struct resource_column grant_columns[] = {{"client_id", "client_id", 't'},
                                                       {"audience", "audience", 't'}};
static const struct resource_filter grant_filters[] = {
    {"client_id", "client_id", NULL, NULL},
    {"audience", "audience", NULL, NULL},
    {"subject_type", NULL, "subject_type", "client"},
    {"allow_any_organization", NULL, "allow_any_organization", "false"},
    {"default_for", NULL, "default_for", NULL},
};

static const struct resource client_grants = {
    .name = "client_grants",
    .table = "client_grants",
    .id_member = "id",
    .new_id = grant_id,
    .columns = grant_columns,
    .column_count = ARRAY_LENGTH(grant_columns),
    .filters = grant_filters,
    .filter_count = ARRAY_LENGTH(grant_filters),
    .visible = "client_id NOT IN (SELECT id FROM clients WHERE is_system = 1)",
    .defaults = "{\"scope\":[],\"subject_type\":\"client\"}",
    .missing = "The grant does not exist.",
    .missing_code = "inexistent_client_grant",
    .conflict = "A resource server with the same identifier already exists.",
    .conflict_code = "client_grant_conflict",
    .before_create = before_create_grant,
    .before_update = check_scopes,
};

static const struct operation list[] = {
    {"GET", "/client-grants", resource_list, &client_grants},
    {"POST", "/client-grants", resource_create, &client_grants},
    {"GET", "/client-grants/{id}", resource_read, &client_grants},
    {"PATCH", "/client-grants/{id}", resource_update, &client_grants},
    {"DELETE", "/client-grants/{id}", resource_remove, &client_grants},
};
const struct operations client_grants_operations = {list, ARRAY_LENGTH(list)};
